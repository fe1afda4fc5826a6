/**
 * IPv4 options on their way through: what a receiver makes of them, what a router writes into them, and what goes back
 * in an answer. Their format is in wire/ipv4_options; IPCB holds the offsets. Linux: net/ipv4/ip_options.c.
 *
 *   received ─► ipOptionsCompile ─► ipOptionsRcvSrr ─┬► forward: ipOptionsForward
 *                                                    └► answer:  ipOptionsEcho ─► ipOptionsBuild
 */
import { Ipv4Conf } from '../abi/sysctl';
import { l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice, conf4And } from '../dev/net_device';
import { ipFastCsum } from '../lib/checksum';
import { poptrieLookup4 } from '../lib/poptrie';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net } from '../net/net';
import {
  Fib,
  FibNh,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RtType,
  infoPrefSrcPtr,
  nhGwPtr,
  nhInfo,
} from '../route/fib';
import { PACKET_HOST, SkBuff, skbHeadroom } from '../skb/sk_buff';
import { skbCowHead } from '../skb/skbuff';
import { ICMP_PARAMETERPROB } from '../wire/icmp';
import { IPV4_HDR_LEN, ipv4Daddr, ipv4Ihl, ipv4OptLen, ipv4Saddr, ipv4SaddrBe } from '../wire/ipv4';
import {
  IPOPT_END,
  IPOPT_MINOFF,
  IPOPT_TS_PRESPEC,
  IpOptions,
  ipv4OptionsCheck,
  ipv4OptionsFragment,
  ipv4OptionsStamp,
} from '../wire/ipv4_options';
import { inetSelectAddr } from './devinet';
import { icmpSend } from './icmp';
import {
  IPOPT_F_CHANGED,
  IPOPT_F_RR_NEEDADDR,
  IPOPT_F_SRR_IS_HIT,
  IPOPT_F_STRICTROUTE,
  IPOPT_F_TS_NEEDADDR,
  IPOPT_F_TS_NEEDTIME,
  IpCb,
  ipCb,
  ipCbClear,
} from './ip_cb';
import { FlowI4, RouteInput, inetAddrType, inetAddrTypeDev, ipRouteInput, ipRouteOutput } from './route';

const MS_PER_DAY: u64 = 86_400_000;
const NS_PER_MS: u64 = 1_000_000;
/** Offset of daddr in the header, which a strict source route to somewhere else is about. */
const DADDR_OFFSET: u32 = 16;

/** Options of an answer, made by ipOptionsEcho. Offsets count from the header's first byte, 0: not there. */
@unmanaged
@final
export class ReplyOptions {
  optlen: u32;
  srr: u32;
  rr: u32;
  ts: u32;
  /** IPOPT_F_* */
  flags: u32;
  /** First hop of the source route, network order. */
  faddrBe: u32;
  // 40 bytes of options follow
}
export const REPLY_OPTIONS_BYTES: usize = offsetof<ReplyOptions>() + 40;

export function replyOptionsData(options: ReplyOptions): usize {
  return changetype<usize>(options) + offsetof<ReplyOptions>();
}

/** Milliseconds since midnight UT (RFC 791 3.1, RFC 792): time of timestamps in options and ICMP. */
export function inetCurrentTimestamp(): u32 {
  return <u32>((root().now / NS_PER_MS) % MS_PER_DAY);
}

/**
 * Linux: fib_compute_spec_dst: the address of ours that a received packet was meant for, which a group or broadcast
 * does not name. Host order; 0: none.
 */
export function fibComputeSpecDst(net: Net, skb: SkBuff): u32 {
  const iph = skb.networkHeader;
  const daddr = ipv4Daddr(iph);
  // By its route: the address may be ours in another table than that of its VRF.
  if (skb.dst !== 0 && nhInfo(changetype<FibNh>(skb.dst)).type === RtType.LOCAL) return daddr;
  if (inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), daddr) === RtType.LOCAL) return daddr;
  const saddr = ipv4Saddr(iph);
  const dev = skb.dev;
  if (saddr === 0) return inetSelectAddr(net, dev, saddr, RT_SCOPE_LINK);
  const fl = changetype<FlowI4>(scratch(Scratch.IP_OPTIONS_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = saddr;
  fl.oif = l3mdevMasterIfindex(changetype<NetDevice>(skb.dev));
  if (ipRouteOutput(net, fl) === 0) return fl.saddr;
  return inetSelectAddr(net, dev, saddr, RT_SCOPE_UNIVERSE);
}

/**
 * Checks the options of a received packet, does what they ask of who receives it, and fills IPCB. False: they are
 * wrong, and the sender was told; the caller drops the packet. Linux: ip_rcv_options, ip_options_compile.
 */
export function ipOptionsCompile(net: Net, skb: SkBuff): bool {
  if (!skbCowHead(skb, skbHeadroom(skb))) return false;
  const iph = skb.networkHeader;
  const found = changetype<IpOptions>(scratch(Scratch.IP_OPTIONS_FOUND));
  ipCbClear(skb);
  const bad = ipv4OptionsCheck(iph + IPV4_HDR_LEN, ipv4OptLen(iph), changetype<usize>(found));
  const cb = ipCb(skb);
  cb.optlen = <u8>found.optlen;
  cb.srr = <u8>found.srr;
  cb.rr = <u8>found.rr;
  cb.ts = <u8>found.ts;
  cb.routerAlert = <u8>found.routerAlert;
  cb.cipso = <u8>found.cipso;
  let addrBe: u32 = 0;
  if (found.rrNeedaddr !== 0 || found.tsNeedaddr !== 0) addrBe = bswap<u32>(fibComputeSpecDst(net, skb));
  const ours =
    found.tsPrespec !== 0 && inetAddrType(net, bswap<u32>(found.tsPrespecAddrBe)) !== RtType.UNICAST;
  const changed = ipv4OptionsStamp(iph, found, addrBe, inetCurrentTimestamp(), ours);
  let flags: u8 = changed ? IPOPT_F_CHANGED : 0;
  if (found.isStrict !== 0) flags |= IPOPT_F_STRICTROUTE;
  if (found.rrNeedaddr !== 0) flags |= IPOPT_F_RR_NEEDADDR;
  if (found.tsNeedtime !== 0) flags |= IPOPT_F_TS_NEEDTIME;
  if (found.tsNeedaddr !== 0) flags |= IPOPT_F_TS_NEEDADDR;
  cb.optFlags = flags;
  if (bad === 0) return true;
  // RFC 1122 §3.2.2.5: parameter problem points at the octet that was wrong. What stands before it was done already.
  icmpSend(skb, ICMP_PARAMETERPROB, 0, <u32>bad);
  return false;
}

/**
 * A source route: refused unless accept_source_route allows it; a packet for us goes on to the next address of it, by
 * a new skb.dst. False: the caller drops the packet. Linux: ip_options_rcv_srr.
 */
export function ipOptionsRcvSrr(skb: SkBuff, dev: NetDevice): bool {
  const cb = ipCb(skb);
  if (cb.srr === 0) return true;
  if (!conf4And(dev, Ipv4Conf.ACCEPT_SOURCE_ROUTE)) return false;
  if (skb.pktType !== PACKET_HOST) return false;
  const net = dev.net;
  const iph = skb.networkHeader;
  const type = inetAddrTypeDev(net, dev, ipv4Daddr(iph));
  if (type === RtType.UNICAST) {
    if ((cb.optFlags & IPOPT_F_STRICTROUTE) === 0) return true;
    // RFC 1122 §3.2.1.8(c): a strict source route leads through the addresses it names and no other.
    icmpSend(skb, ICMP_PARAMETERPROB, 0, DADDR_OFFSET);
    return false;
  }
  if (type !== RtType.LOCAL) return false;

  const opt = iph + cb.srr;
  const space = <u32>load<u8>(opt, 1);
  let pointer = <u32>load<u8>(opt, 2);
  let nexthop: u32 = 0;
  while (pointer <= space) {
    if (pointer + 3 > space) {
      icmpSend(skb, ICMP_PARAMETERPROB, 0, <u32>cb.srr + 2);
      return false;
    }
    nexthop = load<u32>(opt + pointer - 1);
    const next = bswap<u32>(nexthop);
    const before = skb.dst;
    skb.dst = 0;
    const value = poptrieLookup4(changetype<Fib>(net.fib4).trie, next);
    const way = ipRouteInput(skb, net, dev, next, ipv4Saddr(iph), value);
    if (way < 0 || (way === RouteInput.LOCAL && inetAddrTypeDev(net, dev, next) !== RtType.LOCAL)) {
      skb.dst = before;
      return false;
    }
    if (way !== RouteInput.LOCAL) break;
    // "Superfast 8) loopback forward": the next address is ours, too.
    store<u32>(iph, nexthop, 16);
    cb.optFlags |= IPOPT_F_CHANGED;
    pointer += 4;
  }
  if (pointer <= space) {
    cb.optFlags |= IPOPT_F_SRR_IS_HIT | IPOPT_F_CHANGED;
    cb.nexthop = nexthop;
  }
  return true;
}

/** True when the packet, for us by its destination, has to go on to the next address of its source route. */
export function ipOptionsSrrIsHit(skb: SkBuff): bool {
  return (ipCb(skb).optFlags & IPOPT_F_SRR_IS_HIT) !== 0;
}

export function ipOptionsIsStrictRoute(skb: SkBuff): bool {
  return (ipCb(skb).optFlags & IPOPT_F_STRICTROUTE) !== 0;
}

/** Size of the largest fragment that the packet came in; 0: it came in one piece. */
export function ipFragMaxSize(skb: SkBuff): u32 {
  return ipCb(skb).fragMaxSize;
}

/** Linux: ip_rt_get_source of an input route: the address of ours by which the packet leaves (network order). */
function outputAddrBe(net: Net, skb: SkBuff): u32 {
  const nh = changetype<FibNh>(skb.dst);
  const prefer = load<u32>(infoPrefSrcPtr(nhInfo(nh)));
  if (prefer !== 0) return prefer;
  const daddr = nh.gwFamily === AF_INET ? bswap<u32>(load<u32>(nhGwPtr(nh))) : ipv4Daddr(skb.networkHeader);
  return bswap<u32>(inetSelectAddr(net, nh.dev, daddr, RT_SCOPE_UNIVERSE));
}

/**
 * What a router writes as the packet goes on: the address by which it leaves into record route and source route.
 * As Linux does, a timestamp's address is replaced only on a source route that names us.
 */
export function ipOptionsForward(skb: SkBuff): void {
  const cb = ipCb(skb);
  if (cb.optlen === 0) return;
  const iph = skb.networkHeader;
  const net = changetype<NetDevice>(skb.dev).net;
  let flags = cb.optFlags;
  if ((flags & IPOPT_F_RR_NEEDADDR) !== 0) {
    const opt = iph + cb.rr;
    store<u32>(opt + load<u8>(opt, 2) - 5, outputAddrBe(net, skb));
    flags |= IPOPT_F_CHANGED;
  }
  if ((flags & IPOPT_F_SRR_IS_HIT) !== 0) {
    const opt = iph + cb.srr;
    const space = <u32>load<u8>(opt, 1);
    let pointer = <u32>load<u8>(opt, 2);
    while (pointer + 3 <= space && load<u32>(opt + pointer - 1) !== cb.nexthop) pointer += 4;
    if (pointer + 3 <= space) {
      flags |= IPOPT_F_CHANGED;
      store<u32>(iph, cb.nexthop, 16);
      store<u32>(opt + pointer - 1, outputAddrBe(net, skb));
      store<u8>(opt, <u8>(pointer + 4), 2);
    }
    if ((flags & IPOPT_F_TS_NEEDADDR) !== 0) {
      const ts = iph + cb.ts;
      store<u32>(ts + load<u8>(ts, 2) - 9, outputAddrBe(net, skb));
      flags |= IPOPT_F_CHANGED;
    }
  }
  if ((flags & IPOPT_F_CHANGED) !== 0) {
    flags &= ~IPOPT_F_CHANGED;
    store<u16>(iph, 0, 10);
    store<u16>(iph, ipFastCsum(iph, ipv4Ihl(iph) >> 2), 10);
  }
  cb.optFlags = flags;
}

/** Once the first fragment has been made: the options that only it carries become NOOPs in the others. */
export function ipOptionsFragment(iph: usize): void {
  ipv4OptionsFragment(iph + IPV4_HDR_LEN, ipv4OptLen(iph));
}

/**
 * The options that an answer to the packet carries: record route and timestamp go on, a source route is turned round
 * (RFC 1122 §3.2.2.6, §3.2.1.8). False: they cannot be echoed, and no answer is sent. Linux: __ip_options_echo.
 */
export function ipOptionsEcho(net: Net, out: ReplyOptions, skb: SkBuff): bool {
  memory.fill(changetype<usize>(out), 0, REPLY_OPTIONS_BYTES);
  const cb = ipCb(skb);
  if (cb.optlen === 0) return true;
  const iph = skb.networkHeader;
  const data = replyOptionsData(out);
  if (cb.rr !== 0) {
    const from = iph + cb.rr;
    const len = <u32>load<u8>(from, 1);
    const pointer = <u32>load<u8>(from, 2);
    out.rr = out.optlen + IPV4_HDR_LEN;
    memory.copy(data, from, len);
    if ((cb.optFlags & IPOPT_F_RR_NEEDADDR) !== 0 && pointer <= len) {
      if (pointer + 3 > len) return false;
      store<u8>(data, <u8>(pointer + 4), 2);
      out.flags |= IPOPT_F_RR_NEEDADDR;
    }
    out.optlen += len;
  }
  if (cb.ts !== 0 && !echoTimestamp(net, out, cb, iph + cb.ts)) return false;
  if (cb.srr !== 0) echoSourceRoute(out, cb, iph);
  if (cb.cipso !== 0) {
    const len = <u32>load<u8>(iph + cb.cipso, 1);
    memory.copy(data + out.optlen, iph + cb.cipso, len);
    out.optlen += len;
  }
  while ((out.optlen & 3) !== 0) {
    store<u8>(data + out.optlen, <u8>IPOPT_END);
    out.optlen++;
  }
  return true;
}

function echoTimestamp(net: Net, out: ReplyOptions, cb: IpCb, from: usize): bool {
  const to = replyOptionsData(out) + out.optlen;
  const len = <u32>load<u8>(from, 1);
  let pointer = <u32>load<u8>(from, 2);
  out.ts = out.optlen + IPV4_HDR_LEN;
  memory.copy(to, from, len);
  if (pointer <= len) {
    if ((cb.optFlags & IPOPT_F_TS_NEEDADDR) !== 0) {
      if (pointer + 3 > len) return false;
      out.flags |= IPOPT_F_TS_NEEDADDR;
      pointer += 4;
    }
    if ((cb.optFlags & IPOPT_F_TS_NEEDTIME) !== 0) {
      if (pointer + 3 > len) return false;
      if ((load<u8>(to, 3) & 15) !== IPOPT_TS_PRESPEC) {
        out.flags |= IPOPT_F_TS_NEEDTIME;
        pointer += 4;
      } else if (pointer + 7 <= len) {
        const next = bswap<u32>(load<u32>(to + pointer - 1));
        if (inetAddrType(net, next) !== RtType.UNICAST) {
          out.flags |= IPOPT_F_TS_NEEDTIME;
          pointer += 8;
        }
      }
    }
    store<u8>(to, <u8>pointer, 2);
  }
  out.optlen += len;
  return true;
}

/** The addresses already passed, backwards; the last of them becomes the first hop. */
function echoSourceRoute(out: ReplyOptions, cb: IpCb, iph: usize): void {
  const start = iph + cb.srr;
  const to = replyOptionsData(out) + out.optlen;
  const len = <i32>load<u8>(start, 1);
  let from = <i32>load<u8>(start, 2);
  if (from > len) from = len + 1;
  from -= 4;
  let bytes: i32 = 0;
  if (from <= 3) return;
  const faddr = load<u32>(start + from - 1);
  from -= 4;
  bytes = 4;
  while (from > 3) {
    store<u32>(to + bytes - 1, load<u32>(start + from - 1));
    from -= 4;
    bytes += 4;
  }
  // "RFC1812 requires to fix illegal source routes": the sender's own address in front.
  if (ipv4SaddrBe(iph) === load<u32>(start + from + 3)) bytes -= 4;
  if (bytes <= 3) return;
  out.faddrBe = faddr;
  store<u8>(to, load<u8>(start));
  store<u8>(to, <u8>(bytes + 3), 1);
  store<u8>(to, <u8>IPOPT_MINOFF, 2);
  out.srr = out.optlen + IPV4_HDR_LEN;
  out.optlen += bytes + 3;
  out.flags |= cb.optFlags & IPOPT_F_STRICTROUTE;
}

/**
 * Fills in what the options of our own packet ask for, once its header with them is written: `finalBe` is where a
 * source route ends. Linux: ip_options_build.
 */
export function ipOptionsBuild(iph: usize, options: ReplyOptions, finalBe: u32): void {
  if (options.srr !== 0) {
    const opt = iph + options.srr;
    store<u32>(opt + load<u8>(opt, 1) - 4, finalBe);
  }
  if ((options.flags & IPOPT_F_RR_NEEDADDR) !== 0) {
    const opt = iph + options.rr;
    store<u32>(opt + load<u8>(opt, 2) - 5, ipv4SaddrBe(iph));
  }
  if ((options.flags & IPOPT_F_TS_NEEDADDR) !== 0) {
    const opt = iph + options.ts;
    store<u32>(opt + load<u8>(opt, 2) - 9, ipv4SaddrBe(iph));
  }
  if ((options.flags & IPOPT_F_TS_NEEDTIME) !== 0) {
    const opt = iph + options.ts;
    store<u32>(opt + load<u8>(opt, 2) - 5, bswap<u32>(inetCurrentTimestamp()));
  }
}
