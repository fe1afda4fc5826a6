/**
 * What a new namespace starts with: Linux's defaults (Documentation/networking/ip-sysctl.rst; net/ipv4/af_inet.c,
 * devinet.c, icmp.c, ip_fragment.c, route.c; net/core/dev.c). Times are in the units of abi/sysctl.
 */
import { Ipv4Conf, Sysctl } from '../abi/sysctl';
import { Net } from '../net/net';
import { IPDEFTTL } from '../wire/ipv4';

/** Types whose rate per peer is limited: unreachable 3, source quench 4, time exceeded 11, parameter problem 12. */
const ICMP_RATEMASK_DEFAULT: i32 = (1 << 3) | (1 << 4) | (1 << 11) | (1 << 12);
const ICMP_MSGS_BURST_DEFAULT: i32 = 50;
/** HZ / 50 in ms, and that doubled once more than redirect_number allows. */
const REDIRECT_LOAD_MS: i32 = 20;
const REDIRECT_NUMBER: i32 = 9;

function set(net: Net, id: Sysctl, value: i32): void {
  store<i32>(net.sysctls + ((<usize>id) << 2), value);
}

/** Fills the IPv4 and net.core values of `net`, and conf.all and conf.default. */
export function ipv4SysctlDefaults(net: Net): void {
  set(net, Sysctl.IP_FORWARD, 0);
  set(net, Sysctl.IP_DEFAULT_TTL, IPDEFTTL);
  set(net, Sysctl.IP_NO_PMTU_DISC, 0);
  set(net, Sysctl.IP_FORWARD_USE_PMTU, 0);
  set(net, Sysctl.IP_FORWARD_UPDATE_PRIORITY, 1);
  set(net, Sysctl.ICMP_ECHO_IGNORE_ALL, 0);
  set(net, Sysctl.ICMP_ECHO_IGNORE_BROADCASTS, 1);
  set(net, Sysctl.ICMP_IGNORE_BOGUS_ERROR_RESPONSES, 1);
  set(net, Sysctl.ICMP_ERRORS_USE_INBOUND_IFADDR, 0);
  set(net, Sysctl.ICMP_RATELIMIT, 1000);
  set(net, Sysctl.ICMP_RATEMASK, ICMP_RATEMASK_DEFAULT);
  set(net, Sysctl.ICMP_MSGS_PER_SEC, 1000);
  set(net, Sysctl.ICMP_MSGS_BURST, ICMP_MSGS_BURST_DEFAULT);
  // The clock starts at zero here: without this the first 20 ms of a namespace would be silent.
  net.icmpGlobalCredit = ICMP_MSGS_BURST_DEFAULT;
  set(net, Sysctl.IPFRAG_HIGH_THRESH, 4 * 1024 * 1024);
  set(net, Sysctl.IPFRAG_LOW_THRESH, 3 * 1024 * 1024);
  set(net, Sysctl.IPFRAG_TIME, 30);
  set(net, Sysctl.IPFRAG_MAX_DIST, 64);
  set(net, Sysctl.ROUTE_MTU_EXPIRES, 10 * 60);
  set(net, Sysctl.ROUTE_MIN_PMTU, 512 + 20 + 20);
  set(net, Sysctl.ROUTE_REDIRECT_NUMBER, REDIRECT_NUMBER);
  set(net, Sysctl.ROUTE_REDIRECT_LOAD, REDIRECT_LOAD_MS);
  set(net, Sysctl.ROUTE_REDIRECT_SILENCE, REDIRECT_LOAD_MS << (REDIRECT_NUMBER + 1));
  // Linux: FIB_MULTIPATH_HASH_FIELD_*: source, destination, protocol.
  set(net, Sysctl.FIB_MULTIPATH_HASH_FIELDS, 7);
  set(net, Sysctl.RAW_L3MDEV_ACCEPT, 1);
  set(net, Sysctl.NETDEV_MAX_BACKLOG, 1000);
  set(net, Sysctl.NETDEV_BUDGET, 300);
  conf(net.conf4All);
  conf(net.conf4Default);
  // Linux: `default` allows source routes and `all` does not; both must, so they are refused.
  store<i32>(net.conf4Default + (Ipv4Conf.ACCEPT_SOURCE_ROUTE << 2), 1);
}

function conf(values: usize): void {
  store<i32>(values + (Ipv4Conf.ACCEPT_REDIRECTS << 2), 1);
  store<i32>(values + (Ipv4Conf.SECURE_REDIRECTS << 2), 1);
  store<i32>(values + (Ipv4Conf.SHARED_MEDIA << 2), 1);
  store<i32>(values + (Ipv4Conf.SEND_REDIRECTS << 2), 1);
  store<i32>(values + (Ipv4Conf.ARP_EVICT_NOCARRIER << 2), 1);
  store<i32>(values + (Ipv4Conf.IGMPV2_UNSOLICITED_REPORT_INTERVAL << 2), 10_000);
  store<i32>(values + (Ipv4Conf.IGMPV3_UNSOLICITED_REPORT_INTERVAL << 2), 1000);
}
