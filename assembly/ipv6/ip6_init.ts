/**
 * What IPv6 registers below: its receiver and protocols, timers, its part of a namespace's life. Called by the
 * composition root at init and after every restore.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Ipv6Conf, Sysctl } from '../abi/sysctl';
import { NetDevice } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { pneighNetExit } from '../neigh/pneigh';
import { Errno } from '../net/errno';
import { AF_INET6, Net } from '../net/net';
import { exceptionNetExit } from '../route/exception';
import { FibNh, RtType } from '../route/fib';
import { fibFlushAll } from '../route/fib_dev';
import { fibGcOpsInit } from '../route/fib_gc';
import { fibRulesExit, fibRulesInit } from '../route/fib_rules';
import { fibNetCreate, fibNetDestroy } from '../route/fib_table';
import { inetPeerNetExit } from '../route/inet_peer';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { addrs6Create, addrs6Destroy } from './addr_hash';
import { addrLabelNetExit, addrLabelNetInit } from './addr_label';
import { addrconfOpsInit } from './addrconf';
import { dadOpsInit } from './dad';
import { icmpv6Rcv, icmpv6Send } from './icmp';
import { ip6mrInit, ip6mrOpsInit } from './ip6mr';
import { ip6ForwardResume } from './ip6_forward';
import { ip6InputFinish, ip6ListRcv, ip6RcvResume } from './ip6_input';
import { ip6FinishOutput, ip6LocalOutFinish } from './ip6_output';
import { ip6VrfOpsInit } from './ip6_vrf';
import { mcastOpsInit } from './mcast';
import { ndiscOpsInit } from './ndisc';
import { rsOpsInit } from './ndisc_rs';
import { radvOpsInit } from './radv';
import { raRoutesOpsInit } from './ra_routes';
import { ipv6FragNetExit, ipv6FragNetInit, ipv6FragOpsInit } from './reassembly';
import { flowI6Init, ip6RouteInput, ip6RouteOutput } from './route';
import { tcpV6Rcv } from './tcp';
import { udp6Rcv } from './udp';
import { ipv6Daddr, ipv6Saddr } from '../wire/ipv6';

/** Fills the ops of the family. */
export function ip6OpsInit(): void {
  opSet(Op.RCV_IPV6, ip6ListRcv.index);
  opSet(Op.PROTO_ICMPV6, protoIcmpv6.index);
  opSet(Op.PROTO_UDP6, protoUdp6.index);
  opSet(Op.PROTO_TCP6, protoTcp6.index);
  opSet(Op.ICMPV6_SEND, opIcmpv6Send.index);
  opSet(Op.NET_INIT_IPV6, netInit.index);
  opSet(Op.NET_EXIT_IPV6, netExit.index);
  opSet(Op.OKFN_IPV6, resumePreRouting.index);
  opSet(Op.OKFN_IPV6 + 1, resumeLocalIn.index);
  opSet(Op.OKFN_IPV6 + 2, resumeForward.index);
  opSet(Op.OKFN_IPV6 + 3, resumeLocalOut.index);
  opSet(Op.OKFN_IPV6 + 4, resumePostRouting.index);
  addrconfOpsInit();
  dadOpsInit();
  mcastOpsInit();
  ndiscOpsInit();
  raRoutesOpsInit();
  radvOpsInit();
  ip6mrOpsInit();
  ip6VrfOpsInit();
  fibGcOpsInit();
  rsOpsInit();
  ipv6FragOpsInit();
}

/** The part of a new namespace, before its first device. 0 or -ENOMEM; what was made is freed by ip6NetExit. */
export function ip6NetInit(net: Net): i32 {
  sysctlDefaults(net);
  net.fib6 = fibNetCreate(net, AF_INET6);
  net.addrs6 = addrs6Create();
  if (net.fib6 === 0 || net.addrs6 === 0 || !fibRulesInit(net, AF_INET6)) return -Errno.ENOMEM;
  if (addrLabelNetInit(net) !== 0) return -Errno.ENOMEM;
  return ipv6FragNetInit(net);
}

/** The devices are gone already. */
export function ip6NetExit(net: Net): void {
  ip6mrInit(net, false);
  pneighNetExit(net);
  ipv6FragNetExit(net);
  exceptionNetExit(net);
  inetPeerNetExit(net);
  if (net.fib6 !== 0) {
    fibFlushAll(net, AF_INET6);
    fibRulesExit(net, AF_INET6);
  }
  fibNetDestroy(net.fib6);
  addrs6Destroy(net.addrs6);
  addrLabelNetExit(net);
  net.fib6 = 0;
  net.addrs6 = 0;
}

/** Linux: Documentation/networking/ip-sysctl.rst; ipv6_devconf, ipv6_devconf_dflt. */
function sysctlDefaults(net: Net): void {
  const s = net.sysctls;
  store<i32>(s + (Sysctl.IP6_ICMP_RATELIMIT << 2), 1000);
  store<i32>(s + (Sysctl.IP6_ICMP_ECHO_IGNORE_ALL << 2), 0);
  store<i32>(s + (Sysctl.IP6_MAX_HBH_OPTS_NUMBER << 2), 8);
  store<i32>(s + (Sysctl.IP6_MAX_DST_OPTS_NUMBER << 2), 8);
  store<i32>(s + (Sysctl.IP6_MAX_HBH_LENGTH << 2), i32.MAX_VALUE);
  store<i32>(s + (Sysctl.IP6_MAX_DST_OPTS_LENGTH << 2), i32.MAX_VALUE);
  store<i32>(s + (Sysctl.IP6FRAG_HIGH_THRESH << 2), 4 * 1024 * 1024);
  store<i32>(s + (Sysctl.IP6FRAG_LOW_THRESH << 2), 3 * 1024 * 1024);
  store<i32>(s + (Sysctl.IP6FRAG_TIME << 2), 60);
  store<i32>(s + (Sysctl.IP6_MTU_EXPIRES << 2), 600);
  store<i32>(s + (Sysctl.IP6_GC_INTERVAL << 2), 30);
  store<i32>(s + (Sysctl.IP6_MIN_ADVMSS << 2), 1220);
  store<i32>(s + (Sysctl.IP6_IDGEN_RETRIES << 2), 3);
  store<i32>(s + (Sysctl.IP6_FIB_MULTIPATH_HASH_FIELDS << 2), 7);
  confDefaults(net.conf6All);
  // Linux: ipv6_devconf: DAD is on while `all` or the device says so; the device decides by default.
  store<i32>(net.conf6All + (Ipv6Conf.ACCEPT_DAD << 2), 0);
  confDefaults(net.conf6Default);
}

function confDefaults(conf: usize): void {
  store<i32>(conf + (Ipv6Conf.FORWARDING << 2), 0);
  store<i32>(conf + (Ipv6Conf.DISABLE_IPV6 << 2), 0);
  store<i32>(conf + (Ipv6Conf.HOP_LIMIT << 2), 64);
  store<i32>(conf + (Ipv6Conf.MTU << 2), 1280);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_REDIRECTS << 2), 1);
  store<i32>(conf + (Ipv6Conf.AUTOCONF << 2), 1);
  store<i32>(conf + (Ipv6Conf.DAD_TRANSMITS << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_DAD << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_SOURCE_ROUTE << 2), 0);
  store<i32>(conf + (Ipv6Conf.PROXY_NDP << 2), 0);
  store<i32>(conf + (Ipv6Conf.ADDR_GEN_MODE << 2), 0);
  store<i32>(conf + (Ipv6Conf.KEEP_ADDR_ON_DOWN << 2), 0);
  store<i32>(conf + (Ipv6Conf.NDISC_NOTIFY << 2), 0);
  store<i32>(conf + (Ipv6Conf.NDISC_EVICT_NOCARRIER << 2), 1);
  store<i32>(conf + (Ipv6Conf.SUPPRESS_FRAG_NDISC << 2), 1);
  store<i32>(conf + (Ipv6Conf.DROP_UNSOLICITED_NA << 2), 0);
  store<i32>(conf + (Ipv6Conf.DROP_UNICAST_IN_L2_MULTICAST << 2), 0);
  store<i32>(conf + (Ipv6Conf.ROUTER_SOLICITATIONS << 2), -1);
  store<i32>(conf + (Ipv6Conf.ROUTER_SOLICITATION_INTERVAL << 2), 4);
  store<i32>(conf + (Ipv6Conf.ROUTER_SOLICITATION_MAX_INTERVAL << 2), 3600);
  store<i32>(conf + (Ipv6Conf.ROUTER_SOLICITATION_DELAY << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_DEFRTR << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_FROM_LOCAL << 2), 0);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_MIN_HOP_LIMIT << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_MIN_LFT << 2), 0);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_PINFO << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_RTR_PREF << 2), 1);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_RT_INFO_MIN_PLEN << 2), 0);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_RT_INFO_MAX_PLEN << 2), 0);
  store<i32>(conf + (Ipv6Conf.ACCEPT_RA_MTU << 2), 1);
  store<i32>(conf + (Ipv6Conf.RA_DEFRTR_METRIC << 2), 1024);
  store<i32>(conf + (Ipv6Conf.RA_HONOR_PIO_LIFE << 2), 0);
  store<i32>(conf + (Ipv6Conf.USE_TEMPADDR << 2), 0);
  store<i32>(conf + (Ipv6Conf.TEMP_VALID_LFT << 2), 604800);
  store<i32>(conf + (Ipv6Conf.TEMP_PREFERED_LFT << 2), 86400);
  store<i32>(conf + (Ipv6Conf.REGEN_MAX_RETRY << 2), 3);
  store<i32>(conf + (Ipv6Conf.REGEN_MIN_ADVANCE << 2), 2);
  store<i32>(conf + (Ipv6Conf.MAX_DESYNC_FACTOR << 2), 600);
  store<i32>(conf + (Ipv6Conf.MAX_ADDRESSES << 2), 16);
  store<i32>(conf + (Ipv6Conf.USE_OIF_ADDRS_ONLY << 2), 0);
  store<i32>(conf + (Ipv6Conf.IGNORE_ROUTES_WITH_LINKDOWN << 2), 0);
}

function netInit(net: usize): i32 {
  return ip6NetInit(changetype<Net>(net));
}
function netExit(net: usize): i32 {
  ip6NetExit(changetype<Net>(net));
  return 0;
}
function protoIcmpv6(skb: usize): void {
  icmpv6Rcv(changetype<SkBuff>(skb));
}
function protoUdp6(skb: usize): void {
  udp6Rcv(changetype<SkBuff>(skb));
}
function protoTcp6(skb: usize): void {
  tcpV6Rcv(changetype<SkBuff>(skb));
}
function opIcmpv6Send(skb: usize, type: u32, code: u32, info: u32): void {
  icmpv6Send(changetype<SkBuff>(skb), type, code, info);
}

function resumePreRouting(skb: usize): void {
  ip6RcvResume(changetype<SkBuff>(skb));
}
function resumeLocalIn(p: usize): void {
  const skb = changetype<SkBuff>(p);
  ip6InputFinish(skb, changetype<NetDevice>(skb.dev).net);
}
function resumeForward(skb: usize): void {
  ip6ForwardResume(changetype<SkBuff>(skb));
}

/** Next hops live no longer than a burst: what waited in a queue has its route looked up again. */
function reroute(skb: SkBuff, net: Net): bool {
  if (skb.iif !== 0 && ip6RouteInput(skb, net) === RtType.UNICAST) return true;
  const hdr = skb.networkHeader;
  const fl = flowI6Init(
    scratch(Scratch.IP6_INIT_FL),
    ipv6Daddr(hdr),
    ipv6Saddr(hdr),
    changetype<NetDevice>(skb.dev).ifindex,
    0,
  );
  if (ip6RouteOutput(net, fl) !== 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return false;
  }
  skb.dst = fl.nh;
  return true;
}

function resumeLocalOut(p: usize): void {
  const skb = changetype<SkBuff>(p);
  const net = changetype<NetDevice>(skb.dev).net;
  if (reroute(skb, net)) ip6LocalOutFinish(net, skb, changetype<FibNh>(skb.dst), 0);
}
function resumePostRouting(p: usize): void {
  const skb = changetype<SkBuff>(p);
  const net = changetype<NetDevice>(skb.dev).net;
  if (reroute(skb, net)) ip6FinishOutput(skb, net, changetype<FibNh>(skb.dst));
}
