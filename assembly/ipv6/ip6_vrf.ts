/**
 * IPv6 and VRFs: what a port receives becomes the VRF's, what is sent by the VRF finds its way in the VRF's table.
 * Linux: drivers/net/vrf.c, vrf_ip6_rcv, vrf_process_v6_outbound.
 *
 * Neighbour discovery stays with the port that it came by. Other packets to a group or a link-local address become the
 * VRF's, but are looked up among the routes of their port, which skb.iif still names (l3mdevIngress).
 */
import { Op } from '../abi/ops';
import { isL3Slave, l3mdevLoopback } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { VrfOutput, vrfRxStats } from '../dev/vrf';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { Net } from '../net/net';
import { FibNh, RtType } from '../route/fib';
import { nfctVrfEnd } from '../skb/nfct';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { IPV6_HDR_LEN, NEXTHDR_ICMP, ipv6Daddr, ipv6Dsfield, ipv6Nexthdr, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { NDISC_REDIRECT, NDISC_ROUTER_SOLICITATION } from '../wire/ndisc';
import { ip6LocalOutFinish } from './ip6_output';
import { flowI6Init, ip6RouteOutput } from './route';

/** Linux: rt6_need_strict, without the loopback address. */
export function ip6NeedStrict(addr: usize): bool {
  return ipv6AddrIsMulticast(addr) || ipv6AddrIsLinklocal(addr);
}

/** Linux: ipv6_ndisc_frame. */
function isNdisc(skb: SkBuff): bool {
  const hdr = skb.networkHeader;
  if (ipv6Nexthdr(hdr) !== NEXTHDR_ICMP || skbHeadlen(skb) <= IPV6_HDR_LEN) return false;
  const type = <u32>load<u8>(hdr, IPV6_HDR_LEN);
  return type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT;
}

/** A packet, data at its header, of a device in a VRF. False: a hook took it. Linux: l3mdev_ip6_rcv. */
export function vrfIp6Rcv(net: Net, skb: SkBuff): bool {
  const port = changetype<NetDevice>(skb.dev);
  if (!isL3Slave(port)) return true;
  const vrf = port.l3mdev;
  const ndisc = isNdisc(skb);
  if (!ndisc) {
    skb.dev = vrf;
    if (ip6NeedStrict(ipv6Daddr(skb.networkHeader))) return true;
    vrfRxStats(changetype<NetDevice>(vrf), skb.len);
  }
  return net.hookCount === 0 || nfHook(net, NFPROTO_IPV6, NetfilterHook.PRE_ROUTING, skb, vrf, 0);
}

/** VRF_OUTPUT_IPV6; data at the header. VrfOutput, or why there is no way. */
function vrfOutput(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const net = dev.net;
  if (skbHeadlen(skb) < IPV6_HDR_LEN) return -Errno.EINVAL;
  const hdr = skb.data;
  // A VRF is no link: groups and link-local addresses are reached by a port only.
  if (ip6NeedStrict(ipv6Daddr(hdr))) return -Errno.ENETUNREACH;
  const fl = flowI6Init(
    scratch(Scratch.IPV6_VRF_FL),
    ipv6Daddr(hdr),
    ipv6Saddr(hdr),
    dev.ifindex,
    ipv6Nexthdr(hdr),
  );
  fl.mark = skb.mark;
  fl.tos = ipv6Dsfield(hdr);
  fl.skb = skbPtr;
  const err = ip6RouteOutput(net, fl);
  if (err !== 0) return err;
  const nh = changetype<FibNh>(fl.nh);
  const out = fl.type === RtType.LOCAL ? l3mdevLoopback(net, nh.dev) : nh.dev;
  if (out === devPtr) return VrfOutput.LOCAL;
  skb.dst = fl.nh;
  skb.dev = out;
  nfctVrfEnd(skb);
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV6, NetfilterHook.LOCAL_OUT, skb, 0, out))
    return VrfOutput.SENT;
  ip6LocalOutFinish(net, skb, nh, devPtr);
  return VrfOutput.SENT;
}

export function ip6VrfOpsInit(): void {
  opSet(Op.VRF_OUTPUT_IPV6, vrfOutput.index);
}
