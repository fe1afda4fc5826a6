/**
 * Redirects (RFC 4861 8): ours to hosts that should use another first hop, and those of routers to us while we do
 * not forward. Linux: net/ipv6/ndisc.c ndisc_send_redirect, net/ipv6/route.c rt6_do_redirect.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Ipv6Conf } from '../abi/sysctl';
import { l3mdevIngress, l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice, conf6 } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import {
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  NUD_STALE,
  NUD_VALID,
  neighCreate,
  neighHa,
  neighUpdate,
} from '../neigh/neighbour';
import { AF_INET6, Net } from '../net/net';
import { exceptionFind, exceptionGwPtr, exceptionRedirect } from '../route/exception';
import { FibNh, RtType, nhGwPtr } from '../route/fib';
import { inetPeerXrlimAllow } from '../route/inet_peer';
import { SkBuff } from '../skb/sk_buff';
import { skbCopyBits } from '../skb/skbuff';
import { IPV6_HDR_LEN, IPV6_MIN_MTU, NEXTHDR_ICMP, ipv6Daddr, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrEqual, ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { ND_REDIRECT_LEN, emitNdRedirect, ndRedirectDest, ndTarget } from '../wire/ndisc';
import {
  ND_OPT_LLADDR_LEN,
  ND_OPT_REDIRECT_HDR_LEN,
  ND_OPT_TARGET_LL_ADDR,
  NdOptions,
  emitNdOptLladdr,
  emitNdOptRedirectHdr,
  ndOptLladdr,
  parseNdOptions,
} from '../wire/ndisc_options';
import { IFA_F_TENTATIVE, ipv6GetLladdr } from './addr_hash';
import { ndiscAlloc, ndiscSendSkb } from './ndisc_send';
import { flowI6Init, ip6RouteOutput } from './route';

const SECOND: u64 = 1_000_000_000;

/**
 * Tells the source of the packet (data at its IPv6 header) that `target` is the better first hop for it. Does not
 * consume.
 */
export function ndiscSendRedirect(skb: SkBuff, target: usize): void {
  const dev = l3mdevIngress(skb);
  const net = dev.net;
  const hdr = skb.networkHeader;
  const from = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
  if (from === 0) return;
  // 8.2: the target is "the link-local address of the router", or the destination itself when that is a neighbour.
  if (!ipv6AddrEqual(ipv6Daddr(hdr), target) && !ipv6AddrIsLinklocal(target)) return;
  // "the Source Address field of the packet identifies a neighbor".
  const saddr = ipv6Saddr(hdr);
  const fl = flowI6Init(scratch(Scratch.NDISC_REDIRECT_FL), saddr, from, dev.ifindex, NEXTHDR_ICMP);
  if (ip6RouteOutput(net, fl) !== 0 || fl.type !== RtType.UNICAST) return;
  const back = changetype<FibNh>(fl.nh);
  if (back.gwFamily !== 0 || back.dev !== changetype<usize>(dev)) return;
  if (!inetPeerXrlimAllow(net, AF_INET6, saddr, l3mdevMasterIfindex(dev), SECOND)) return;

  const neigh = neighCreate(AF_INET6, target, dev);
  if (neigh === null) return;
  const withAddr = (neigh.nudState & NUD_VALID) !== 0;
  const head = ND_REDIRECT_LEN + (withAddr ? ND_OPT_LLADDR_LEN : 0);
  // "The IP header and data of the packet that triggered the redirect", so that all fits 1280 bytes, in units of 8.
  const option = min(IPV6_MIN_MTU - IPV6_HDR_LEN - head, skb.len + ND_OPT_REDIRECT_HDR_LEN) & ~7;
  const redirect = ndiscAlloc(head + option);
  if (redirect === null) return;
  let p = redirect.data + IPV6_HDR_LEN;
  emitNdRedirect(p, target, ipv6Daddr(hdr));
  p += ND_REDIRECT_LEN;
  if (withAddr) p += emitNdOptLladdr(p, ND_OPT_TARGET_LL_ADDR, neighHa(neigh));
  const quote = option - ND_OPT_REDIRECT_HDR_LEN;
  p += emitNdOptRedirectHdr(p, quote);
  skbCopyBits(skb, 0, p, quote);
  ndiscSendSkb(redirect, dev, from, saddr);
}

/** RFC 4861 8.1, 8.3. The message is linear, data at its header. */
export function ndiscRedirectRcv(skb: SkBuff, net: Net, dev: NetDevice): SkbDropReason {
  if (skb.len < ND_REDIRECT_LEN) return SkbDropReason.PKT_TOO_SMALL;
  const router = ipv6Saddr(skb.networkHeader);
  const target = ndTarget(skb.data);
  const dest = ndRedirectDest(skb.data);
  if (!ipv6AddrIsLinklocal(router)) return SkbDropReason.IP_INVALID_SOURCE;
  if (ipv6AddrIsMulticast(dest)) return SkbDropReason.IP_INVALID_DEST;
  const onLink = ipv6AddrEqual(dest, target);
  if (!onLink && !ipv6AddrIsLinklocal(target)) return SkbDropReason.IP_INVALID_DEST;
  const opts = changetype<NdOptions>(scratch(Scratch.NDISC_REDIRECT_OPTS));
  if (parseNdOptions(skb.data + ND_REDIRECT_LEN, skb.len - ND_REDIRECT_LEN, changetype<usize>(opts)) !== 0) {
    return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  }
  // "A router MUST NOT update its routing tables upon receipt of a Redirect."
  if (conf6(dev, Ipv6Conf.FORWARDING) !== 0 || conf6(dev, Ipv6Conf.ACCEPT_REDIRECTS) === 0) {
    return SkbDropReason.NOT_DROPPED_YET;
  }
  if (!isFirstHop(net, dev, dest, router)) return SkbDropReason.IP_INVALID_SOURCE;
  const neigh = neighCreate(AF_INET6, target, dev);
  if (neigh === null) return SkbDropReason.NOT_DROPPED_YET;
  const how =
    NEIGH_UPDATE_F_WEAK_OVERRIDE |
    NEIGH_UPDATE_F_OVERRIDE |
    (onLink ? 0 : NEIGH_UPDATE_F_OVERRIDE_ISROUTER | NEIGH_UPDATE_F_ISROUTER);
  neighUpdate(neigh, opts.targetLlAddr === 0 ? 0 : ndOptLladdr(opts.targetLlAddr), NUD_STALE, how);
  exceptionRedirect(net, AF_INET6, dest, target, changetype<usize>(dev));
  return SkbDropReason.NOT_DROPPED_YET;
}

/** "The IP source address of the Redirect is the same as the current first-hop router for the destination." */
function isFirstHop(net: Net, dev: NetDevice, dest: usize, router: usize): bool {
  const known = exceptionFind(net, AF_INET6, dest, l3mdevMasterIfindex(dev));
  if (known !== null && known.dev === changetype<usize>(dev))
    return ipv6AddrEqual(exceptionGwPtr(known), router);
  const fl = flowI6Init(
    scratch(Scratch.NDISC_REDIRECT_FL2),
    dest,
    router,
    ipv6AddrIsLinklocal(dest) ? dev.ifindex : 0,
    0,
  );
  if (ip6RouteOutput(net, fl) !== 0) return false;
  const nh = changetype<FibNh>(fl.nh);
  return (
    nh.gwFamily === <u8>AF_INET6 && nh.dev === changetype<usize>(dev) && ipv6AddrEqual(nhGwPtr(nh), router)
  );
}
