/**
 * IPv4 packets that are sent by a VRF as the device: a route by `dev VRF` led them there, or their destination is an
 * address of the VRF. Linux: drivers/net/vrf.c, vrf_process_v4_outbound.
 */
import { Op } from '../abi/ops';
import { l3mdevLoopback } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { VrfOutput } from '../dev/vrf';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { FibNh, RtType } from '../route/fib';
import { nfctVrfEnd } from '../skb/nfct';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { IPV4_HDR_LEN, ipv4Daddr, ipv4Protocol, ipv4Saddr, ipv4Tos } from '../wire/ipv4';
import { ipLocalOutFinish } from './ip_output';
import { FlowI4, ipRouteOutput } from './route';

/** VRF_OUTPUT_IPV4; data at the header. VrfOutput, or why there is no way. */
function vrfOutput(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const net = dev.net;
  if (skbHeadlen(skb) < IPV4_HDR_LEN) return -Errno.EINVAL;
  const iph = skb.data;
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_VRF_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = ipv4Daddr(iph);
  fl.saddr = ipv4Saddr(iph);
  fl.tos = ipv4Tos(iph);
  fl.proto = ipv4Protocol(iph);
  fl.mark = skb.mark;
  fl.oif = dev.ifindex;
  fl.skb = skbPtr;
  const err = ipRouteOutput(net, fl);
  if (err !== 0) return err;
  const nh = changetype<FibNh>(fl.nh);
  const out = fl.type === RtType.LOCAL ? l3mdevLoopback(net, nh.dev) : nh.dev;
  if (out === devPtr) return VrfOutput.LOCAL;
  skb.dst = fl.nh;
  nfctVrfEnd(skb);
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV4, NetfilterHook.LOCAL_OUT, skb, 0, out))
    return VrfOutput.SENT;
  ipLocalOutFinish(net, skb, nh);
  return VrfOutput.SENT;
}

export function ipVrfOpsInit(): void {
  opSet(Op.VRF_OUTPUT_IPV4, vrfOutput.index);
}
