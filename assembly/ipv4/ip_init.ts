/**
 * What IPv4 registers below: its receiver and protocols, the answers that ARP asks for, its part of a namespace's
 * life. Called by the composition root at init and after every restore.
 */
import { Op } from '../abi/ops';
import { NetDevice } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { Neighbour } from '../neigh/neighbour';
import { Errno } from '../net/errno';
import { AF_INET, Net } from '../net/net';
import { exceptionNetExit } from '../route/exception';
import { Fib, FibNh, fibLookup4 } from '../route/fib';
import { fibFlushAll } from '../route/fib_dev';
import { fibRulesExit, fibRulesInit } from '../route/fib_rules';
import { fibNetCreate, fibNetDestroy } from '../route/fib_table';
import { nexthopOpsInit, nhNetExit } from '../route/nexthop';
import { inetPeerNetExit } from '../route/inet_peer';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { SkbDropReason } from '../abi/drop_reason';
import {
  ADDRS4_BYTES,
  Ifaddr,
  InDevice,
  inetAddrOnlink,
  inetMask,
  inetSelectAddr,
  inetdevEvent,
} from './devinet';
import { icmpRcv, icmpSend } from './icmp';
import { igmpOpsInit, igmpRcv } from './igmp';
import { ipForwardResume } from './ip_forward';
import { ipFragNetExit, ipFragNetInit, ipFragOpsInit } from './ip_fragment';
import { ipListRcv, ipLocalDeliverFinish, ipRcvResume } from './ip_input';
import { ipFinishOutput, ipLocalOutFinish } from './ip_output';
import { ipVrfOpsInit } from './ip_vrf';
import { ipmrInit, ipmrOpsInit } from './ipmr';
import { RouteInput, inetAddrType, inetAddrTypeDev, ipRouteAgain, ipRouteDev, ipRouteInput } from './route';
import { ipv4SysctlDefaults } from './sysctl_defaults';
import { tcpV4Rcv } from './tcp';
import { udpRcv } from './udp';

const ICMP_DEST_UNREACH: u32 = 3;
const ICMP_HOST_UNREACH: u32 = 1;
const RTN_UNICAST: i32 = 1;
const RTN_LOCAL: i32 = 2;
const RTN_BROADCAST: i32 = 3;

export function ipOpsInit(): void {
  opSet(Op.RCV_IPV4, ipListRcv.index);
  opSet(Op.PROTO_ICMP, protoIcmp.index);
  opSet(Op.PROTO_UDP, protoUdp.index);
  opSet(Op.PROTO_TCP, protoTcp.index);
  opSet(Op.PROTO_IGMP, protoIgmp.index);
  opSet(Op.NETDEV_EVENT_IPV4, inetdevEvent.index);
  opSet(Op.NET_INIT_IPV4, ipNetInit.index);
  opSet(Op.NET_EXIT_IPV4, ipNetExit.index);
  opSet(Op.NEIGH_ARP_ERROR, arpError.index);
  opSet(Op.ARP_ADDR_TYPE, arpAddrType.index);
  opSet(Op.ARP_SELECT_SADDR, arpSelectSaddr.index);
  opSet(Op.ARP_CONFIRM_ADDR, arpConfirmAddr.index);
  opSet(Op.ARP_ROUTE_INPUT, arpRouteInput.index);
  opSet(Op.ARP_ROUTE_DEV, arpRouteDev.index);
  opSet(Op.ARP_ONLINK, arpOnlink.index);
  opSet(Op.ARP_PROXY, arpProxyRoute.index);
  ipmrOpsInit();
  igmpOpsInit();
  ipVrfOpsInit();
  opSet(Op.OKFN_IPV4, resumePreRouting.index);
  opSet(Op.OKFN_IPV4 + 1, resumeLocalIn.index);
  opSet(Op.OKFN_IPV4 + 2, resumeForward.index);
  opSet(Op.OKFN_IPV4 + 3, resumeLocalOut.index);
  opSet(Op.OKFN_IPV4 + 4, resumePostRouting.index);
  ipFragOpsInit();
  nexthopOpsInit();
}

function ipNetInit(p: usize): i32 {
  const net = changetype<Net>(p);
  ipv4SysctlDefaults(net);
  net.fib4 = fibNetCreate(net, AF_INET);
  net.addrs4 = kzalloc(ADDRS4_BYTES);
  if (net.fib4 === 0 || net.addrs4 === 0 || !fibRulesInit(net, AF_INET)) return -Errno.ENOMEM;
  return ipFragNetInit(net);
}

function ipNetExit(p: usize): i32 {
  const net = changetype<Net>(p);
  ipmrInit(net, false);
  ipFragNetExit(net);
  exceptionNetExit(net);
  inetPeerNetExit(net);
  if (net.fib4 !== 0) {
    fibFlushAll(net, AF_INET);
    fibRulesExit(net, AF_INET);
    nhNetExit(net);
  }
  fibNetDestroy(net.fib4);
  kfree(net.addrs4);
  net.fib4 = 0;
  net.addrs4 = 0;
  return 0;
}

function protoIcmp(skb: usize): void {
  icmpRcv(changetype<SkBuff>(skb));
}
function protoUdp(skb: usize): void {
  udpRcv(changetype<SkBuff>(skb));
}
function protoTcp(skb: usize): void {
  tcpV4Rcv(changetype<SkBuff>(skb));
}
function protoIgmp(skb: usize): void {
  igmpRcv(changetype<SkBuff>(skb));
}

/** Linux: arp_error_report. */
function arpError(neigh: usize, p: usize): void {
  assert(changetype<Neighbour>(neigh).family === <u8>AF_INET, 'an IPv4 neighbour');
  icmpSend(changetype<SkBuff>(p), ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
}

function arpAddrType(net: usize, dev: usize, addr: u32): i32 {
  return dev === 0
    ? inetAddrType(changetype<Net>(net), addr)
    : inetAddrTypeDev(changetype<Net>(net), changetype<NetDevice>(dev), addr);
}

function arpSelectSaddr(dev: usize, dst: u32, scope: u32): u32 {
  return inetSelectAddr(changetype<NetDevice>(dev).net, dev, dst, <u8>scope);
}

/** Linux: inet_confirm_addr: `local` (0: any) of scope or wider on `dev` (0: any), in the subnet of dst when that is given. */
function arpConfirmAddr(net: usize, dev: usize, dst: u32, local: u32, scope: u32): u32 {
  for (let at = changetype<Net>(net).devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    if (dev !== 0 && at !== dev) continue;
    const inDev = changetype<NetDevice>(at).ipPtr;
    if (inDev === 0) continue;
    for (let p = changetype<InDevice>(inDev).addrs; p !== 0; p = changetype<Ifaddr>(p).next) {
      const ifa = changetype<Ifaddr>(p);
      if ((local !== 0 && ifa.addr !== local) || <u32>ifa.scope > scope) continue;
      if (dst === 0 || ((ifa.addr ^ dst) & inetMask(ifa.plen)) === 0) return ifa.addr;
    }
  }
  return 0;
}

function arpRouteInput(skb: usize, tip: u32, sip: u32, dev: usize): i32 {
  const device = changetype<NetDevice>(dev);
  const info = fibLookup4(changetype<Fib>(device.net.fib4), tip);
  const way = ipRouteInput(changetype<SkBuff>(skb), device.net, device, tip, sip, changetype<usize>(info));
  if (way < 0) return way;
  if (way !== RouteInput.LOCAL) return RTN_UNICAST;
  const type = <i32>inetAddrTypeDev(device.net, device, tip);
  return type === RTN_BROADCAST ? RTN_BROADCAST : RTN_LOCAL;
}

function arpProxyRoute(skb: usize, dev: usize): i32 {
  const nh = changetype<SkBuff>(skb).dst;
  return nh !== 0 && changetype<FibNh>(nh).dev !== dev ? 1 : 0;
}

function arpRouteDev(devPtr: usize, dst: u32, src: u32): usize {
  const dev = changetype<NetDevice>(devPtr);
  return ipRouteDev(dev.net, dev, dst, src);
}

function arpOnlink(dev: usize, a: u32, b: u32): i32 {
  const device = changetype<NetDevice>(dev);
  return inetAddrOnlink(device, a) && (b === 0 || inetAddrOnlink(device, b)) ? 1 : 0;
}

function resumePreRouting(skb: usize): void {
  ipRcvResume(changetype<SkBuff>(skb));
}
function resumeLocalIn(skb: usize): void {
  ipLocalDeliverFinish(changetype<SkBuff>(skb));
}

/** Next hops live no longer than a burst: what waited in a queue has its route looked up again. */
function reroute(p: usize): bool {
  const skb = changetype<SkBuff>(p);
  const net = changetype<NetDevice>(skb.dev).net;
  const nh = ipRouteAgain(net, skb);
  if (nh === null) {
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return false;
  }
  skb.dst = changetype<usize>(nh);
  return true;
}

function resumeForward(skb: usize): void {
  if (reroute(skb)) ipForwardResume(changetype<SkBuff>(skb));
}

function resumeLocalOut(p: usize): void {
  if (!reroute(p)) return;
  const skb = changetype<SkBuff>(p);
  ipLocalOutFinish(changetype<NetDevice>(skb.dev).net, skb, changetype<FibNh>(skb.dst));
}

function resumePostRouting(p: usize): void {
  if (!reroute(p)) return;
  const skb = changetype<SkBuff>(p);
  ipFinishOutput(changetype<NetDevice>(skb.dev).net, skb, changetype<FibNh>(skb.dst));
}
