/**
 * Masquerading: the source becomes the address of the device that the packet leaves by, and such connections end when
 * that address, or that device, goes. And redirecting: the destination becomes this host.
 * Linux: nf_nat_masquerade.c, nf_nat_redirect.c.
 */
import { NetDevice } from '../dev/net_device';
import { NfHookState } from '../dev/nf_hook';
import { Ifaddr, InDevice, inetSelectAddr } from '../ipv4/devinet';
import { Inet6Ifaddr, inet6Dev } from '../ipv6/addr_hash';
import { ipv6DevGetSaddr } from '../ipv6/addr_select';
import { Scratch, scratch } from '../lib/scratch';
import { NF_ACCEPT, NF_DROP, NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { AF_INET, Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { FibNh, nhGwPtr } from '../route/fib';
import { SkBuff } from '../skb/sk_buff';
import { ipv6AddrScope } from '../wire/ipv6_addr';
import { NF_CT_EXTRA_MASQ, NfConn, nfCtGet, nfCtNet, nfTuple } from './nf_conntrack';
import { nfCtIterateCleanup } from './nf_conntrack_table';
import {
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_BYTES,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_MIN,
  NfNatRange,
} from './nf_nat';
import { nfNatSetupInfo } from './nf_nat_core';

const IFA_F_TENTATIVE: u32 = 0x40;
const IFA_F_OPTIMISTIC: u32 = 0x04;

/** The range of one address, with flags and ports of `from`; the address is still to be written (NF_NAT_RANGE_MIN). */
function rangeFrom(from: NfNatRange): NfNatRange {
  const range = changetype<NfNatRange>(scratch(Scratch.NF_NAT_RANGE) + 64);
  memory.copy(changetype<usize>(range), changetype<usize>(from), NF_NAT_RANGE_BYTES);
  range.flags = from.flags | NF_NAT_RANGE_MAP_IPS;
  range.min0 = 0;
  range.min1 = 0;
  return range;
}

function setup(ct: NfConn, range: NfNatRange, maniptype: u32): i32 {
  range.max0 = range.min0;
  range.max1 = range.min1;
  return nfNatSetupInfo(ct, range, maniptype);
}

/** At POST_ROUTING; flags and ports of `range` count. Linux: nf_nat_masquerade_ipv4, nf_nat_masquerade_ipv6. */
export function nfNatMasquerade(skb: SkBuff, state: NfHookState, from: NfNatRange): i32 {
  const ct = nfCtGet(skb);
  if (ct === null) return NF_ACCEPT;
  const net = changetype<Net>(state.net);
  const range = rangeFrom(from);
  if (state.family === NFPROTO_IPV4) {
    if (nfTuple(ct, 0).src0 === 0) return NF_ACCEPT;
    const nh = changetype<FibNh>(skb.dst);
    let hop = bswap<u32>(load<u32>(skb.networkHeader, 16));
    if (skb.dst !== 0 && <u32>nh.gwFamily === AF_INET) hop = bswap<u32>(load<u32>(nhGwPtr(nh)));
    const addr = inetSelectAddr(net, state.out, hop, 0);
    if (addr === 0) return NF_DROP;
    range.min0 = bswap<u32>(addr);
  } else if (
    !ipv6DevGetSaddr(net, state.out, skb.networkHeader + 24, changetype<usize>(range) + NF_NAT_RANGE_MIN)
  ) {
    return NF_DROP;
  }
  ct.masqIndex = changetype<NetDevice>(state.out).ifindex;
  ct.extras |= NF_CT_EXTRA_MASQ;
  return setup(ct, range, NF_NAT_MANIP_SRC);
}

/** At PRE_ROUTING or LOCAL_OUT. Linux: nf_nat_redirect_ipv4, nf_nat_redirect_ipv6. */
export function nfNatRedirect(skb: SkBuff, state: NfHookState, from: NfNatRange): i32 {
  const ct = nfCtGet(skb);
  if (ct === null) return NF_ACCEPT;
  const range = rangeFrom(from);
  const local = state.hook === <u32>NetfilterHook.LOCAL_OUT;
  if (state.family === NFPROTO_IPV4) {
    const addr: u32 = local ? 0x7f000001 : primaryAddr(changetype<NetDevice>(skb.dev));
    if (addr === 0) return NF_DROP;
    range.min0 = bswap<u32>(addr);
  } else if (local) {
    range.min1 = bswap<u64>(1);
  } else if (!usableAddr6(skb, changetype<usize>(range) + NF_NAT_RANGE_MIN)) {
    return NF_DROP;
  }
  return setup(ct, range, NF_NAT_MANIP_DST);
}

function primaryAddr(dev: NetDevice): u32 {
  if (dev.ipPtr === 0) return 0;
  for (let at = changetype<InDevice>(dev.ipPtr).addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    if (changetype<Ifaddr>(at).secondary === 0) return changetype<Ifaddr>(at).addr;
  }
  return 0;
}

/** An address of the device with the scope of the destination that the packet had. */
function usableAddr6(skb: SkBuff, to: usize): bool {
  const dev = changetype<NetDevice>(skb.dev);
  if (dev.ip6Ptr === 0) return false;
  const scope = ipv6AddrScope(skb.networkHeader + 24);
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if ((ifa.flags & IFA_F_TENTATIVE) !== 0 && (ifa.flags & IFA_F_OPTIMISTIC) === 0) continue;
    const addr = at + offsetof<Inet6Ifaddr>('addr0');
    if (ipv6AddrScope(addr) !== scope) continue;
    store<u64>(to, load<u64>(addr));
    store<u64>(to, load<u64>(addr, 8), 8);
    return true;
  }
  return false;
}

/** What goes: the device, and its address (16 bytes; 0: all of them). */
@unmanaged
@final
class Gone {
  ifindex: i32;
  l3num: u32;
  addr0: u64;
  addr1: u64;
  any: u32;
}

function isGone(p: usize, arg: usize): i32 {
  const ct = changetype<NfConn>(p);
  const gone = changetype<Gone>(arg);
  if (ct.masqIndex !== gone.ifindex) return 0;
  if (gone.any !== 0) return 1;
  const reply = nfTuple(ct, 1);
  const same = reply.dst0 === gone.addr0 && reply.dst1 === gone.addr1 && <u32>reply.l3num === gone.l3num;
  return same ? 1 : 0;
}

function forget(net: Net, ifindex: i32, l3num: u32, addr: usize): void {
  if (net.ct === 0 || nfCtNet(net).bysource === 0) return;
  const gone = changetype<Gone>(scratch(Scratch.NF_NAT_RANGE));
  gone.ifindex = ifindex;
  gone.l3num = l3num;
  gone.any = addr === 0 ? 1 : 0;
  gone.addr0 = addr === 0 ? 0 : l3num === AF_INET ? <u64>load<u32>(addr) : load<u64>(addr);
  gone.addr1 = addr === 0 || l3num === AF_INET ? 0 : load<u64>(addr, 8);
  nfCtIterateCleanup(net, isGone.index, changetype<usize>(gone));
}

/** Op NETDEV_EVENT_NF_NAT. */
export function nfNatNetdevEvent(event: u32, devPtr: usize): void {
  if (event !== <u32>NetdevEvent.DOWN) return;
  const dev = changetype<NetDevice>(devPtr);
  forget(dev.net, dev.ifindex, 0, 0);
}

/** Op ADDR_EVENT_NF_NAT: an address (`addr` in network order) was taken off its device. */
export function nfNatAddrGone(devPtr: usize, family: u32, addr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  forget(dev.net, dev.ifindex, family, addr);
}
