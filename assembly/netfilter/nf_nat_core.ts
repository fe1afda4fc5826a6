/**
 * Which addresses and ports a new connection gets: never those that another connection's answers come to.
 * Linux: nf_nat_core.c.
 *
 *   nfNatSetupInfo: what the connection looks like now ─► getUniqueTuple ─► its reply tuple is altered, status says so
 *
 *   1  the source's own address and port, or those that it has in another connection, if they do
 *   2  an address of the range by hash: the same for the same pair of ends
 *   3  a port of the range that is free; tries are bounded
 */
import { jhash2 } from '../lib/jhash';
import { randomU32 } from '../lib/random';
import { Scratch, scratch } from '../lib/scratch';
import { NF_ACCEPT, NF_DROP } from '../net/hooks';
import { AF_INET, Net } from '../net/net';
import {
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  IP_CT_DIR_ORIGINAL,
  IP_CT_DIR_REPLY,
  NF_TUPLE_DST,
  NF_TUPLE_SRC,
  NfConn,
  NfTuple,
  nfConnNet,
  nfCtNet,
  nfNodeConn,
  nfTuple,
  nfZoneId,
} from './nf_conntrack';
import { NF_CT_HELPER_FTP, nfCtHelp } from './nf_conntrack_helper';
import { nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfCtSeqadjExtAdd } from './nf_conntrack_seqadj';
import { nfCtFind, nfCtKill, nfCtTupleTaken } from './nf_conntrack_table';
import { TCP_CONNTRACK_CLOSE, TCP_CONNTRACK_TIME_WAIT } from './nf_conntrack_tcp_state';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  nfInvertTuple,
  nfProtoHasPorts,
  nfTupleCopy,
  nfTupleEqual,
} from './nf_conntrack_tuple';
import {
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_BYTES,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_MAX,
  NF_NAT_RANGE_MIN,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_OFFSET,
  NF_NAT_RANGE_PROTO_RANDOM_ALL,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  NfNatRange,
  nfHookToManip,
} from './nf_nat';
import { nfNatBysourceAdd, nfNatBysourceHead } from './nf_nat_bysource';

/** Linux: NF_NAT_MAX_ATTEMPTS, NF_NAT_HARDER_THRESH. */
const MAX_ATTEMPTS: u32 = 128;
const MIN_ATTEMPTS: u32 = 16;
const HARDER_THRESH: u32 = 32;

/** Whether the end `maniptype` of this connection has been decided on. Linux: nf_nat_initialized. */
export function nfNatInitialized(ct: NfConn, maniptype: u32): bool {
  return (ct.status & (maniptype === NF_NAT_MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE)) !== 0;
}

/**
 * Decides on one end of a new connection. NF_ACCEPT, or NF_DROP when memory ran out. Once the connection is confirmed
 * nothing changes any more. Linux: nf_nat_setup_info.
 */
export function nfNatSetupInfo(ct: NfConn, range: NfNatRange, maniptype: u32): i32 {
  if ((ct.status & IPS_CONFIRMED) !== 0) return NF_ACCEPT;
  if (nfNatInitialized(ct, maniptype)) return NF_DROP;
  const net = nfConnNet(ct);
  const reply = nfTuple(ct, IP_CT_DIR_REPLY);
  const curr = changetype<NfTuple>(scratch(Scratch.NF_NAT_CURR));
  const fresh = changetype<NfTuple>(scratch(Scratch.NF_NAT_NEW));
  const zone = nfZoneId(ct.zone, ct.zoneDir, IP_CT_DIR_ORIGINAL);
  nfInvertTuple(curr, reply, zone);
  getUniqueTuple(net, fresh, curr, range, ct, maniptype);
  if (!nfTupleEqual(fresh, curr)) {
    nfInvertTuple(reply, fresh, nfZoneId(ct.zone, ct.zoneDir, IP_CT_DIR_REPLY));
    ct.status |= maniptype === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
    if (ct.help !== 0 && nfCtHelp(ct).helper === NF_CT_HELPER_FTP && !nfCtSeqadjExtAdd(ct)) return NF_DROP;
  }
  if (maniptype === NF_NAT_MANIP_SRC) {
    ct.status |= IPS_SRC_NAT_DONE;
    nfNatBysourceAdd(nfCtNet(net), ct);
  } else {
    ct.status |= IPS_DST_NAT_DONE;
  }
  return NF_ACCEPT;
}

/** No rule wants this end changed: it stays as it is, unless another connection's answers come to it. */
export function nfNatAllocNullBinding(ct: NfConn, hook: u32): i32 {
  const maniptype = nfHookToManip(hook);
  const range = changetype<NfNatRange>(scratch(Scratch.NF_NAT_RANGE));
  memory.fill(changetype<usize>(range), 0, NF_NAT_RANGE_BYTES);
  const reply = nfTuple(ct, IP_CT_DIR_REPLY);
  range.flags = NF_NAT_RANGE_MAP_IPS;
  range.min0 = maniptype === NF_NAT_MANIP_SRC ? reply.dst0 : reply.src0;
  range.min1 = maniptype === NF_NAT_MANIP_SRC ? reply.dst1 : reply.src1;
  range.max0 = range.min0;
  range.max1 = range.min1;
  return nfNatSetupInfo(ct, range, maniptype);
}

/** Answers to `tuple` would belong to another connection. Linux: nf_nat_used_tuple. */
function usedTuple(net: Net, tuple: NfTuple, ct: NfConn): bool {
  const reply = changetype<NfTuple>(scratch(Scratch.NF_NAT_REPLY));
  nfInvertTuple(reply, tuple, nfZoneId(ct.zone, ct.zoneDir, IP_CT_DIR_REPLY));
  return nfCtTupleTaken(net, reply, ct);
}

/** As few tries are left, a TCP connection that is over gives its port up. Linux: nf_nat_used_tuple_harder. */
function usedTupleHarder(net: Net, tuple: NfTuple, ct: NfConn, left: u32): bool {
  if (!usedTuple(net, tuple, ct)) return false;
  if (left > HARDER_THRESH || <u32>tuple.proto !== IPPROTO_TCP) return true;
  const node = nfCtFind(net, changetype<NfTuple>(scratch(Scratch.NF_NAT_REPLY)));
  if (node === 0) return false;
  const other = nfNodeConn(node);
  const state = <u32>nfTcpOf(other).state;
  if (state !== TCP_CONNTRACK_TIME_WAIT && state !== TCP_CONNTRACK_CLOSE) return true;
  return !nfCtKill(other);
}

function addressInRange(at: usize, l3num: u8, range: NfNatRange): bool {
  const low = changetype<usize>(range) + NF_NAT_RANGE_MIN;
  const high = changetype<usize>(range) + NF_NAT_RANGE_MAX;
  if (<u32>l3num === AF_INET) {
    const addr = bswap<u32>(load<u32>(at));
    return addr >= bswap<u32>(load<u32>(low)) && addr <= bswap<u32>(load<u32>(high));
  }
  return memory.compare(at, low, 16) >= 0 && memory.compare(at, high, 16) <= 0;
}

/** The port or id that a translation of this end changes, network order. */
function portOf(tuple: NfTuple, maniptype: u32): u16 {
  const proto = <u32>tuple.proto;
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) return tuple.sport;
  return maniptype === NF_NAT_MANIP_SRC ? tuple.sport : tuple.dport;
}

function setPort(tuple: NfTuple, maniptype: u32, port: u16): void {
  const proto = <u32>tuple.proto;
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6 || maniptype === NF_NAT_MANIP_SRC)
    tuple.sport = port;
  else tuple.dport = port;
}

function portInRange(tuple: NfTuple, maniptype: u32, range: NfNatRange): bool {
  const proto = <u32>tuple.proto;
  const known = nfProtoHasPorts(proto) || proto === IPPROTO_GRE;
  if (!known && proto !== IPPROTO_ICMP && proto !== IPPROTO_ICMPV6) return true;
  const port = bswap<u16>(portOf(tuple, maniptype));
  return port >= bswap<u16>(range.minProto) && port <= bswap<u16>(range.maxProto);
}

function inRange(tuple: NfTuple, range: NfNatRange): bool {
  if ((range.flags & NF_NAT_RANGE_MAP_IPS) !== 0) {
    if (!addressInRange(changetype<usize>(tuple) + NF_TUPLE_SRC, tuple.l3num, range)) return false;
  }
  return (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) === 0 || portInRange(tuple, NF_NAT_MANIP_SRC, range);
}

/** Another connection of this source, as it is mapped: `out` is its mapping, with our destination. */
function findAppropriateSrc(net: Net, tuple: NfTuple, out: NfTuple, range: NfNatRange): bool {
  let at = nfNatBysourceHead(nfCtNet(net), tuple);
  while (at !== 0) {
    const ct = changetype<NfConn>(at);
    at = ct.bysourceNext;
    const orig = nfTuple(ct, IP_CT_DIR_ORIGINAL);
    if (orig.src0 !== tuple.src0 || orig.src1 !== tuple.src1 || orig.sport !== tuple.sport) continue;
    if (orig.proto !== tuple.proto || orig.l3num !== tuple.l3num || orig.zone !== tuple.zone) continue;
    const reply = nfTuple(ct, IP_CT_DIR_REPLY);
    nfTupleCopy(out, tuple);
    out.src0 = reply.dst0;
    out.src1 = reply.dst1;
    const proto = <u32>tuple.proto;
    out.sport = proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6 ? reply.sport : reply.dport;
    if (inRange(out, range)) return true;
  }
  return false;
}

/** Linux: get_unique_tuple. */
function getUniqueTuple(
  net: Net,
  out: NfTuple,
  orig: NfTuple,
  range: NfNatRange,
  ct: NfConn,
  maniptype: u32,
): void {
  const flags = range.flags;
  const random = (flags & NF_NAT_RANGE_PROTO_RANDOM_ALL) !== 0;
  if (maniptype === NF_NAT_MANIP_SRC && !random) {
    if (inRange(orig, range)) {
      if (!usedTuple(net, orig, ct)) {
        nfTupleCopy(out, orig);
        return;
      }
    } else if (findAppropriateSrc(net, orig, out, range)) {
      if (!usedTuple(net, out, ct)) return;
    }
  }
  nfTupleCopy(out, orig);
  if ((flags & NF_NAT_RANGE_MAP_IPS) !== 0) findBestIps(out, range, ct, maniptype);
  if (!random) {
    if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) === 0) {
      if (!usedTuple(net, out, ct)) return;
    } else if ((flags & NF_NAT_RANGE_PROTO_OFFSET) === 0 && portInRange(out, maniptype, range)) {
      if (range.minProto === range.maxProto || !usedTuple(net, out, ct)) return;
    }
  }
  uniquePort(net, out, range, maniptype, ct);
}

/**
 * An address of the range. Hashed from both ends, so that a pair of hosts sees one address through all its connections
 * (with PERSISTENT: of the source alone). Linux: find_best_ips_proto, and the same hash.
 */
function findBestIps(tuple: NfTuple, range: NfNatRange, ct: NfConn, maniptype: u32): void {
  const src = changetype<usize>(tuple) + NF_TUPLE_SRC;
  const dst = changetype<usize>(tuple) + NF_TUPLE_DST;
  const to = maniptype === NF_NAT_MANIP_SRC ? src : dst;
  const low = changetype<usize>(range) + NF_NAT_RANGE_MIN;
  const high = changetype<usize>(range) + NF_NAT_RANGE_MAX;
  if (range.min0 === range.max0 && range.min1 === range.max1) {
    store<u64>(to, range.min0);
    store<u64>(to, range.min1, 8);
    return;
  }
  const last: u32 = <u32>tuple.l3num === AF_INET ? 0 : 3;
  const persistent = (range.flags & NF_NAT_RANGE_PERSISTENT) !== 0;
  let j = jhash2(src, 4, persistent ? 0 : load<u32>(dst + (last << 2)) ^ <u32>ct.zone);
  let full = false;
  for (let i: u32 = 0; i <= last; i++) {
    let least: u32 = 0;
    let dist: u32 = u32.MAX_VALUE;
    if (!full) {
      least = bswap<u32>(load<u32>(low + (i << 2)));
      dist = bswap<u32>(load<u32>(high + (i << 2))) - least + 1;
    }
    const word = bswap<u32>(least + <u32>((<u64>j * <u64>dist) >> 32));
    store<u32>(to + (i << 2), word);
    if (word !== load<u32>(high + (i << 2))) full = true;
    if (!persistent) j ^= load<u32>(dst + (i << 2));
  }
}

/** Linux: nf_nat_l4proto_unique_tuple. */
function uniquePort(net: Net, tuple: NfTuple, range: NfNatRange, maniptype: u32, ct: NfConn): void {
  const proto = <u32>tuple.proto;
  const specified = (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) !== 0;
  const icmp = proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;
  if (!icmp && !nfProtoHasPorts(proto) && proto !== IPPROTO_GRE) return;
  // A GRE key is only PPTP's call, which comes by expectation.
  if (proto === IPPROTO_GRE && ct.master === 0) return;
  const now = <u32>bswap<u16>(portOf(tuple, maniptype));
  let least: u32 = 0;
  let size: u32 = 65536;
  if (specified) {
    const a = <u32>bswap<u16>(range.minProto);
    const b = <u32>bswap<u16>(range.maxProto);
    least = min(a, b);
    size = max(a, b) - least + 1;
  } else if (proto === IPPROTO_GRE) {
    least = 1;
    size = 65535;
  } else if (!icmp) {
    if (maniptype === NF_NAT_MANIP_DST) return;
    // A privileged port stays one; below 512 some daemons take it for a credential.
    if (now < 512) {
      least = 1;
      size = 511;
    } else if (now < 1024) {
      least = 600;
      size = 424;
    } else {
      least = 1024;
      size = 64512;
    }
  }
  let off: u32 = 0;
  if ((range.flags & NF_NAT_RANGE_PROTO_OFFSET) !== 0)
    off = (now - <u32>bswap<u16>(range.baseProto)) & 0xffff;
  else if ((range.flags & NF_NAT_RANGE_PROTO_RANDOM_ALL) !== 0 || maniptype !== NF_NAT_MANIP_DST)
    off = randomU32() & 0xffff;
  let attempts = min(size, MAX_ATTEMPTS);
  for (;;) {
    for (let i: u32 = 0; i < attempts; i++, off++) {
      setPort(tuple, maniptype, bswap<u16>(<u16>(least + (off % size))));
      if (!usedTupleHarder(net, tuple, ct, attempts - i)) return;
    }
    if (attempts >= size || attempts < MIN_ATTEMPTS) return;
    attempts /= 2;
    off = randomU32() & 0xffff;
  }
}
