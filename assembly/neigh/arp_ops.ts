/**
 * What ARP asks of IPv4, which lies above it: each question is an op that ipv4/ fills in at init. Addresses are in
 * host order, devices are NetDevices. Without an answerer (unit tests, a core without IPv4) the question has the
 * answer of a host that has no address.
 *
 *   ARP_ADDR_TYPE     (net, dev, addr) => RtType              Linux: inet_addr_type_dev_table
 *   ARP_SELECT_SADDR  (dev, dst, scope) => addr or 0          Linux: inet_select_addr
 *   ARP_CONFIRM_ADDR  (net, dev or 0, dst, local, scope)      Linux: inet_confirm_addr: the local address or 0
 *   ARP_ROUTE_INPUT   (skb, tip, sip, dev) => RtType or < 0   Linux: ip_route_input_noref
 *   ARP_ROUTE_DEV     (dev, dst, src) => NetDevice or 0       Linux: ip_route_output in the VRF of dev, rt->dst.dev
 *   ARP_ONLINK        (dev, a, b) => 1 when both are in one subnet of dev (b may be 0)   Linux: inet_addr_onlink
 *   ARP_PROXY         (skb, dev) => 1 when its route (ARP_ROUTE_INPUT) leaves by another device   Linux: arp_fwd_proxy
 */
import { Op } from '../abi/ops';
import { NetDevice } from '../dev/net_device';
import { opIndex } from '../lib/ops';
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { ipv4IsLbcast, ipv4IsMulticast } from '../wire/ipv4_addr';

// Linux: include/uapi/linux/rtnetlink.h; route/fib has the same as RtType, but lies above.
export const RTN_UNICAST: i32 = 1;
export const RTN_LOCAL: i32 = 2;
export const RTN_BROADCAST: i32 = 3;
export const RTN_MULTICAST: i32 = 5;
export const SCOPE_LINK: u32 = 253;
export const SCOPE_HOST: u32 = 254;

export function arpAddrType(net: Net, dev: NetDevice, addr: u32): i32 {
  const fn = opIndex(Op.ARP_ADDR_TYPE);
  if (fn !== 0) return call_indirect<i32>(fn, changetype<usize>(net), changetype<usize>(dev), addr);
  if (ipv4IsMulticast(addr)) return RTN_MULTICAST;
  return ipv4IsLbcast(addr) ? RTN_BROADCAST : RTN_UNICAST;
}

export function arpSelectSaddr(dev: NetDevice, dst: u32, scope: u32): u32 {
  const fn = opIndex(Op.ARP_SELECT_SADDR);
  return fn === 0 ? 0 : call_indirect<u32>(fn, changetype<usize>(dev), dst, scope);
}

export function arpConfirmAddr(net: Net, dev: usize, dst: u32, local: u32, scope: u32): u32 {
  const fn = opIndex(Op.ARP_CONFIRM_ADDR);
  return fn === 0 ? 0 : call_indirect<u32>(fn, changetype<usize>(net), dev, dst, local, scope);
}

export function arpRouteInput(skb: SkBuff, tip: u32, sip: u32, dev: NetDevice): i32 {
  const fn = opIndex(Op.ARP_ROUTE_INPUT);
  return fn === 0 ? -1 : call_indirect<i32>(fn, changetype<usize>(skb), tip, sip, changetype<usize>(dev));
}

export function arpRouteDev(dev: NetDevice, dst: u32, src: u32): usize {
  const fn = opIndex(Op.ARP_ROUTE_DEV);
  return fn === 0 ? 0 : call_indirect<usize>(fn, changetype<usize>(dev), dst, src);
}

export function arpOnlink(dev: NetDevice, a: u32, b: u32): bool {
  const fn = opIndex(Op.ARP_ONLINK);
  return fn !== 0 && call_indirect<i32>(fn, changetype<usize>(dev), a, b) !== 0;
}

export function arpProxy(skb: SkBuff, dev: NetDevice): bool {
  const fn = opIndex(Op.ARP_PROXY);
  return fn !== 0 && call_indirect<i32>(fn, changetype<usize>(skb), changetype<usize>(dev)) !== 0;
}
