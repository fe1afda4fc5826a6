/**
 * Which port of a bond a packet leaves by: xmit_hash_policy. The same hash as Linux's, so that both ends of a test, or a
 * replaced router, spread flows alike. Linux: bond_xmit_hash (drivers/net/bonding/bond_main.c), bonding.rst.
 */
import {
  BOND_XMIT_POLICY_ENCAP23,
  BOND_XMIT_POLICY_ENCAP34,
  BOND_XMIT_POLICY_LAYER2,
  BOND_XMIT_POLICY_LAYER23,
  BOND_XMIT_POLICY_LAYER34,
  BOND_XMIT_POLICY_VLAN_SRCMAC,
} from '../abi/link_data';
import { Scratch, scratch } from '../lib/scratch';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q, ETH_P_IP, ETH_P_IPV6, ethProto } from '../wire/ethernet';
import { IPV4_HDR_LEN, ipv4Ihl, ipv4IsFragment, ipv4Protocol } from '../wire/ipv4';
import { IPV6_HDR_LEN, ipv6Nexthdr } from '../wire/ipv6';
import { VLAN_HLEN, vlanEncapsulatedProto } from '../wire/vlan';

const IPPROTO_ICMP: u32 = 1;
const IPPROTO_IPIP: u32 = 4;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_DCCP: u32 = 33;
const IPPROTO_IPV6: u32 = 41;
const IPPROTO_ESP: u32 = 50;
const IPPROTO_AH: u32 = 51;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_SCTP: u32 = 132;
const IPPROTO_UDPLITE: u32 = 136;
const NO_PROTO: u32 = 256;
const ICMP_HDR: u32 = 8;

/** What a packet is told from others by, at scratch(BOND_FLOW). */
@unmanaged
@final
class Flow {
  src: u32;
  dst: u32;
  ports: u32;
  /** Type, code and identifier of an ICMP message that has one. */
  icmp: u32;
  /** Offset behind the IP header and what follows there. */
  next: u32;
  proto: u32;
}

/** Hash of a packet whose data is at its Ethernet header. */
export function bondXmitHash(skb: SkBuff, policy: u32): u32 {
  if (policy === BOND_XMIT_POLICY_VLAN_SRCMAC) return vlanSrcmacHash(skb);
  if (policy === BOND_XMIT_POLICY_LAYER2) return ethHash(skb.data);
  const flow = changetype<Flow>(scratch(Scratch.BOND_FLOW));
  const l34 = policy === BOND_XMIT_POLICY_LAYER34 || policy === BOND_XMIT_POLICY_ENCAP34;
  const encap = policy === BOND_XMIT_POLICY_ENCAP23 || policy === BOND_XMIT_POLICY_ENCAP34;
  if (!dissect(skb, flow, l34, encap)) return ethHash(skb.data);
  let hash: u32;
  if (policy === BOND_XMIT_POLICY_LAYER23 || policy === BOND_XMIT_POLICY_ENCAP23) hash = ethHash(skb.data);
  else hash = flow.icmp >>> 16 !== 0 ? flow.icmp : flow.ports;
  hash ^= flow.dst ^ flow.src;
  hash ^= hash >>> 16;
  hash ^= hash >>> 8;
  // Ports are often even: their lowest bit says little.
  return l34 ? hash >>> 1 : hash;
}

/** Linux: bond_eth_hash. */
function ethHash(eth: usize): u32 {
  return <u32>load<u8>(eth, 5) ^ <u32>load<u8>(eth, 11) ^ ethProto(eth);
}

/** Linux: bond_vlan_srcmac_hash. */
function vlanSrcmacHash(skb: SkBuff): u32 {
  const high = bswap<u32>(load<u32>(skb.data, 6)) >>> 8;
  const low = bswap<u32>(load<u32>(skb.data, 8)) & 0xffffff;
  return high ^ low ^ (skb.vlanProto !== 0 ? <u32>skb.vlanTci : 0);
}

function dissect(skb: SkBuff, flow: Flow, l34: bool, encap: bool): bool {
  flow.ports = 0;
  flow.icmp = 0;
  let at = ETH_HLEN;
  if (!pskbMayPull(skb, at)) return false;
  let l2 = ethProto(skb.data);
  if ((l2 === ETH_P_8021Q || l2 === ETH_P_8021AD) && pskbMayPull(skb, at + VLAN_HLEN)) {
    l2 = vlanEncapsulatedProto(skb.data + at);
    at += VLAN_HLEN;
  }
  if (!ipHeader(skb, flow, l2, at, l34)) return false;
  for (let depth = 0; encap && depth < 4; depth++) {
    if (flow.proto === IPPROTO_IPIP) l2 = ETH_P_IP;
    else if (flow.proto === IPPROTO_IPV6) l2 = ETH_P_IPV6;
    else break;
    if (!ipHeader(skb, flow, l2, flow.next, l34)) break;
  }
  if (flow.proto !== IPPROTO_ICMP && flow.proto !== IPPROTO_ICMPV6) return true;
  if (!pskbMayPull(skb, flow.next + ICMP_HDR)) return true;
  const icmph = skb.data + flow.next;
  const type: u32 = load<u8>(icmph);
  const v6 = flow.proto === IPPROTO_ICMPV6;
  const error = v6 ? type < 128 : type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  if (!error) {
    if (hasId(type, v6)) {
      const id: u32 = load<u16>(icmph, 4);
      flow.icmp = type | ((<u32>load<u8>(icmph, 1)) << 8) | ((id === 0 ? <u32>1 : id) << 16);
    } else {
      flow.icmp = type | ((<u32>load<u8>(icmph, 1)) << 8);
    }
    return true;
  }
  // An error goes the way of the packet that it is about.
  return ipHeader(skb, flow, l2, flow.next + ICMP_HDR, l34);
}

/** Linux: icmp_has_id, and 1 for an identifier of 0. */
function hasId(type: u32, v6: bool): bool {
  if (v6) return type === 128 || type === 129;
  return type === 0 || type === 8 || (type >= 13 && type <= 16);
}

/** Linux: bond_flow_ip. Addresses and, with `l34`, ports of the packet at `at`. */
function ipHeader(skb: SkBuff, flow: Flow, l2: u32, at: u32, l34: bool): bool {
  if (l2 === ETH_P_IP) {
    if (!pskbMayPull(skb, at + IPV4_HDR_LEN)) return false;
    const iph = skb.data + at;
    flow.src = load<u32>(iph, 12);
    flow.dst = load<u32>(iph, 16);
    flow.next = at + ipv4Ihl(iph);
    flow.proto = ipv4IsFragment(iph) ? NO_PROTO : ipv4Protocol(iph);
  } else if (l2 === ETH_P_IPV6) {
    if (!pskbMayPull(skb, at + IPV6_HDR_LEN)) return false;
    const ip6h = skb.data + at;
    flow.src = fold6(ip6h + 8);
    flow.dst = fold6(ip6h + 24);
    flow.next = at + IPV6_HDR_LEN;
    flow.proto = ipv6Nexthdr(ip6h);
  } else {
    return false;
  }
  if (l34) flow.ports = portsOf(skb, flow);
  return true;
}

/** Linux: ipv6_addr_hash. */
function fold6(addr: usize): u32 {
  return load<u32>(addr) ^ load<u32>(addr, 4) ^ load<u32>(addr, 8) ^ load<u32>(addr, 12);
}

/** Linux: skb_flow_get_ports. */
function portsOf(skb: SkBuff, flow: Flow): u32 {
  let offset: u32 = 0;
  switch (flow.proto) {
    case IPPROTO_AH:
      offset = 4;
      break;
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      break;
    default:
      return 0;
  }
  if (!pskbMayPull(skb, flow.next + offset + 4)) return 0;
  return load<u32>(skb.data + flow.next + offset);
}
