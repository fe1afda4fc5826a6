/**
 * The hash that chooses among next hops: what a packet's flow is, by fib_multipath_hash_policy, and SipHash of it with
 * fib_multipath_hash_seed. The record that is hashed has the layout of Linux's struct flow_keys, from its `basic` on, so
 * that the same seed gives the same choice. Linux: net/core/flow_dissector.c, fib_multipath_hash, rt6_multipath_hash.
 *
 *   0        2     3   4        8             24     28     32     36                68   72
 *   ├ proto ─┼ ip ─┼───┼─ label ┼─ VLAN tags ─┼─ key ┼ ports┼ icmp ┼─ addresses ─────┼────┤ family, flags
 *                                                                 v4: 8 bytes, v6: 32
 */
import { Sysctl } from '../abi/sysctl';
import { jhash2words } from '../lib/jhash';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { siphashKeyed } from '../lib/siphash';
import { AF_INET, AF_INET6, Net, sysctl } from '../net/net';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';

enum FlowKeys {
  IP_PROTO = 2,
  FLOW_LABEL = 4,
  SPORT = 28,
  DPORT = 30,
  ADDRS = 36,
  /** End of what may be hashed; u32 family, u32 FLOW_* behind it. */
  FAMILY = 72,
  FLAGS = 76,
  SIZE = 80,
}
const HASHED4: u32 = 48;
const HASHED6: u32 = 72;

const FLOW_ENCAPSULATED: u32 = 1;
/** Headers in headers that are looked into. */
const DEPTH_MAX: u32 = 15;

const IPPROTO_ICMP: u32 = 1;
const IPPROTO_IPIP: u32 = 4;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_DCCP: u32 = 33;
const IPPROTO_IPV6: u32 = 41;
const IPPROTO_GRE: u32 = 47;
const IPPROTO_ESP: u32 = 50;
const IPPROTO_AH: u32 = 51;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_SCTP: u32 = 132;
const IPPROTO_UDPLITE: u32 = 136;
const NEXTHDR_HOP: u32 = 0;
const NEXTHDR_ROUTING: u32 = 43;
const NEXTHDR_FRAGMENT: u32 = 44;
const NEXTHDR_DEST: u32 = 60;

// Linux: FIB_MULTIPATH_HASH_FIELD_*
const FIELD_SRC_IP: u32 = 1;
const FIELD_DST_IP: u32 = 2;
const FIELD_IP_PROTO: u32 = 4;
const FIELD_FLOWLABEL: u32 = 8;
const FIELD_SRC_PORT: u32 = 16;
const FIELD_DST_PORT: u32 = 32;
const FIELD_OUTER: u32 = 63;
const INNER_SHIFT: u32 = 6;

/** What a packet of our own has instead of headers. Ports in host order. */
@unmanaged
@final
export class FlowHashInput {
  family: u32;
  proto: u32;
  /** 16 bytes each, network order; IPv4 in the first four. */
  saddr: usize;
  daddr: usize;
  sport: u32;
  dport: u32;
  /** Network order, as in the header. */
  flowLabel: u32;
}

/** Where ports lie in the protocol's header, -1: it has none. Linux: proto_ports_offset. */
function portsOffset(proto: u32): i32 {
  switch (proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return 0;
    case IPPROTO_AH:
      return 4;
    default:
      return -1;
  }
}

/** Fills the keys from the headers at `p`, of which `len` bytes can be read; into tunnels unless `stop`. */
function dissect(p: usize, len: u32, keys: usize, stop: bool): void {
  memory.fill(keys, 0, FlowKeys.SIZE);
  let family: u32 = load<u8>(p) >> 4 === 6 ? AF_INET6 : AF_INET;
  for (let depth: u32 = 0; depth < DEPTH_MAX; depth++) {
    let proto: u32;
    let at: u32;
    if (family === AF_INET) {
      if (len < 20) return;
      at = (<u32>load<u8>(p) & 15) << 2;
      if (at < 20 || at > len) return;
      proto = load<u8>(p, 9);
      store<u32>(keys, AF_INET, FlowKeys.FAMILY);
      store<u64>(keys, load<u64>(p, 12), FlowKeys.ADDRS);
      store<u8>(keys, <u8>proto, FlowKeys.IP_PROTO);
      if ((bswap<u16>(load<u16>(p, 6)) & 0x3fff) !== 0) return;
    } else {
      if (len < 40) return;
      at = 40;
      proto = load<u8>(p, 6);
      store<u32>(keys, AF_INET6, FlowKeys.FAMILY);
      memory.copy(keys + FlowKeys.ADDRS, p + 8, 32);
      store<u32>(keys, bswap<u32>(load<u32>(p)) & 0xfffff, FlowKeys.FLOW_LABEL);
      store<u8>(keys, <u8>proto, FlowKeys.IP_PROTO);
      for (let i: u32 = 0; i < DEPTH_MAX; i++) {
        if (proto === NEXTHDR_FRAGMENT) {
          if (len - at < 8) return;
          store<u8>(keys, load<u8>(p + at), FlowKeys.IP_PROTO);
          return;
        }
        if (proto !== NEXTHDR_HOP && proto !== NEXTHDR_ROUTING && proto !== NEXTHDR_DEST) break;
        if (len - at < 8) return;
        proto = load<u8>(p + at);
        const ext = (<u32>load<u8>(p + at, 1) + 1) << 3;
        store<u8>(keys, <u8>proto, FlowKeys.IP_PROTO);
        if (ext > len - at) return;
        at += ext;
      }
    }
    if (proto === IPPROTO_IPIP || proto === IPPROTO_IPV6) {
      store<u32>(keys, FLOW_ENCAPSULATED, FlowKeys.FLAGS);
      if (stop) return;
      family = proto === IPPROTO_IPIP ? AF_INET : AF_INET6;
    } else if (proto === IPPROTO_GRE && len - at >= 4 && (load<u8>(p + at, 1) & 7) === 0) {
      const inner = bswap<u16>(load<u16>(p + at, 2));
      if (inner !== 0x0800 && inner !== 0x86dd) return;
      store<u32>(keys, FLOW_ENCAPSULATED, FlowKeys.FLAGS);
      if (stop) return;
      const bits = <u32>load<u8>(p + at);
      const header: u32 =
        4 + ((bits & 0x80) !== 0 ? 4 : 0) + ((bits & 0x20) !== 0 ? 4 : 0) + ((bits & 0x10) !== 0 ? 4 : 0);
      if (len - at < header) return;
      at += header;
      family = inner === 0x0800 ? AF_INET : AF_INET6;
    } else {
      const ports = portsOffset(proto);
      if (ports >= 0 && len - at >= <u32>ports + 4)
        store<u32>(keys, load<u32>(p + at + ports), FlowKeys.SPORT);
      return;
    }
    p += at;
    len -= at;
  }
}

/** Both directions of a flow are one: the smaller address and port come first. Linux: __flow_hash_consistentify. */
function hashKeys(net: Net, keys: usize): u32 {
  const addrs = keys + FlowKeys.ADDRS;
  const six = load<u32>(keys, FlowKeys.FAMILY) === AF_INET6;
  if (six) {
    if (memory.compare(addrs + 16, addrs, 16) < 0) {
      const a0 = load<u64>(addrs);
      const a1 = load<u64>(addrs, 8);
      memory.copy(addrs, addrs + 16, 16);
      store<u64>(addrs, a0, 16);
      store<u64>(addrs, a1, 24);
    }
  } else if (load<u32>(addrs, 4) < load<u32>(addrs)) {
    store<u64>(addrs, rotl<u64>(load<u64>(addrs), 32));
  }
  if (load<u16>(keys, FlowKeys.DPORT) < load<u16>(keys, FlowKeys.SPORT)) {
    store<u32>(keys, rotl<u32>(load<u32>(keys, FlowKeys.SPORT), 16), FlowKeys.SPORT);
  }
  let seed = <u64>(<u32>sysctl(net, Sysctl.FIB_MULTIPATH_HASH_SEED));
  if (seed === 0) seed = root().hashKey0 & 0xffffffff;
  const key = (seed << 32) | seed;
  const hash = <u32>siphashKeyed(key, key, keys, six ? HASHED6 : HASHED4);
  return hash === 0 ? 1 : hash;
}

/** The header whose addresses count: that of the packet that an ICMP error is about. Linux: ip_multipath_l3_keys. */
function l3Header(skb: SkBuff, family: u32): usize {
  const p = skb.networkHeader;
  const len = skbHeadlen(skb) - (p - skb.data);
  if (family === AF_INET) {
    if (load<u8>(p, 9) !== <u8>IPPROTO_ICMP || (bswap<u16>(load<u16>(p, 6)) & 0x1fff) !== 0) return p;
    const at = (<u32>load<u8>(p) & 15) << 2;
    if (at + 28 > len || at < 20) return p;
    const type = <u32>load<u8>(p + at);
    // DEST_UNREACH, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETERPROB
    const error = type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
    return error ? p + at + 8 : p;
  }
  if (load<u8>(p, 6) !== <u8>IPPROTO_ICMPV6 || len < 88) return p;
  const type = <u32>load<u8>(p, 40);
  return type >= 1 && type <= 4 ? p + 48 : p;
}

function l3Keys(keys: usize, p: usize, family: u32): void {
  memory.fill(keys, 0, FlowKeys.SIZE);
  store<u32>(keys, family, FlowKeys.FAMILY);
  if (family === AF_INET) {
    store<u64>(keys, load<u64>(p, 12), FlowKeys.ADDRS);
    return;
  }
  memory.copy(keys + FlowKeys.ADDRS, p + 8, 32);
  store<u32>(keys, load<u32>(p) & 0xffff0f00, FlowKeys.FLOW_LABEL);
  store<u8>(keys, load<u8>(p, 6), FlowKeys.IP_PROTO);
}

/** Keeps of the keys what the bits of `fields` (as those of the outer header) name. */
function keep(keys: usize, fields: u32): void {
  const six = load<u32>(keys, FlowKeys.FAMILY) === AF_INET6;
  const bytes: usize = six ? 16 : 4;
  if ((fields & FIELD_SRC_IP) === 0) memory.fill(keys + FlowKeys.ADDRS, 0, bytes);
  if ((fields & FIELD_DST_IP) === 0) memory.fill(keys + FlowKeys.ADDRS + bytes, 0, bytes);
  if (!six) memory.fill(keys + FlowKeys.ADDRS + 8, 0, 24);
  if ((fields & FIELD_IP_PROTO) === 0) store<u8>(keys, 0, FlowKeys.IP_PROTO);
  if ((fields & FIELD_FLOWLABEL) === 0 || !six) store<u32>(keys, 0, FlowKeys.FLOW_LABEL);
  if ((fields & FIELD_SRC_PORT) === 0) store<u16>(keys, 0, FlowKeys.SPORT);
  if ((fields & FIELD_DST_PORT) === 0) store<u16>(keys, 0, FlowKeys.DPORT);
}

function policyOf(net: Net, family: u32): u32 {
  return sysctl(
    net,
    family === AF_INET ? Sysctl.FIB_MULTIPATH_HASH_POLICY : Sysctl.IP6_FIB_MULTIPATH_HASH_POLICY,
  );
}

function fieldsOf(net: Net, family: u32): u32 {
  return sysctl(
    net,
    family === AF_INET ? Sysctl.FIB_MULTIPATH_HASH_FIELDS : Sysctl.IP6_FIB_MULTIPATH_HASH_FIELDS,
  );
}

/** 31 bits, the same for all packets of a flow. */
export function flowHashSkb(net: Net, family: u32, skb: SkBuff): u32 {
  const keys = scratch(Scratch.FIB_HASH_KEYS);
  const p = skb.networkHeader;
  const len = skbHeadlen(skb) - (p - skb.data);
  const policy = policyOf(net, family);
  if (policy === 0) {
    l3Keys(keys, l3Header(skb, family), family);
    return hashKeys(net, keys) >> 1;
  }
  if (policy === 1) {
    dissect(p, len, keys, true);
    keep(keys, FIELD_OUTER & ~FIELD_FLOWLABEL);
    return hashKeys(net, keys) >> 1;
  }
  if (policy === 2) {
    dissect(p, len, keys, false);
    keep(keys, FIELD_SRC_IP | FIELD_DST_IP | FIELD_FLOWLABEL | FIELD_IP_PROTO);
    if (load<u32>(keys, FlowKeys.FAMILY) === AF_INET) store<u8>(keys, 0, FlowKeys.IP_PROTO);
    return hashKeys(net, keys) >> 1;
  }
  const fields = fieldsOf(net, family);
  let outer: u32 = 0;
  let inner: u32 = 0;
  if ((fields & FIELD_OUTER) !== 0) {
    dissect(p, len, keys, true);
    const tunnel = (load<u32>(keys, FlowKeys.FLAGS) & FLOW_ENCAPSULATED) !== 0;
    keep(keys, fields & FIELD_OUTER);
    outer = hashKeys(net, keys);
    if (!tunnel) return jhash2words(outer, 0, 0) >> 1;
  }
  if (fields >> INNER_SHIFT !== 0) {
    dissect(p, len, keys, false);
    if ((load<u32>(keys, FlowKeys.FLAGS) & FLOW_ENCAPSULATED) !== 0) {
      keep(keys, fields >> INNER_SHIFT);
      inner = hashKeys(net, keys);
    }
  }
  return jhash2words(outer, inner, 0) >> 1;
}

/** The same of what we send ourselves. */
export function flowHashLocal(net: Net, from: FlowHashInput): u32 {
  const keys = scratch(Scratch.FIB_HASH_KEYS);
  const six = from.family === AF_INET6;
  const policy = policyOf(net, from.family);
  memory.fill(keys, 0, FlowKeys.SIZE);
  store<u32>(keys, from.family, FlowKeys.FAMILY);
  const bytes: usize = six ? 16 : 4;
  memory.copy(keys + FlowKeys.ADDRS, from.saddr, bytes);
  memory.copy(keys + FlowKeys.ADDRS + bytes, from.daddr, bytes);
  store<u8>(keys, <u8>from.proto, FlowKeys.IP_PROTO);
  store<u32>(keys, from.flowLabel, FlowKeys.FLOW_LABEL);
  store<u16>(keys, bswap<u16>(<u16>from.sport), FlowKeys.SPORT);
  store<u16>(keys, bswap<u16>(<u16>from.dport), FlowKeys.DPORT);
  const l3 = FIELD_SRC_IP | FIELD_DST_IP | (six ? FIELD_FLOWLABEL | FIELD_IP_PROTO : 0);
  if (policy === 1) keep(keys, FIELD_OUTER & ~FIELD_FLOWLABEL);
  else if (policy === 3) keep(keys, fieldsOf(net, from.family) & FIELD_OUTER);
  else keep(keys, l3);
  return hashKeys(net, keys) >> 1;
}
