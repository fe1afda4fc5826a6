/**
 * The sysctls of the core under Linux's names, after the enums of assembly/abi/sysctl.ts; an index in a list is the id
 * in its enum.
 *
 *   net.ipv4.ip_forward        net.ipv4.conf.DEV.rp_filter        net.ipv4.neigh.DEV.gc_stale_time
 *   net.ipv6.icmp.ratelimit    net.ipv6.conf.DEV.hop_limit        net.core.netdev_budget
 */
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../../assembly/abi/sysctl.js';

/** Where Linux's path is not `net.ipv4.` and the name in lower case. */
const PATHS: readonly (readonly [RegExp, string])[] = [
  [/^neigh([46])_/, 'net.ipv$1.neigh.default.'],
  [/^ip6_icmp_/, 'net.ipv6.icmp.'],
  [/^ip6_idgen_/, 'net.ipv6.idgen_'],
  [/^ip6frag_/, 'net.ipv6.ip6frag_'],
  [/^ip6_(fib_multipath_|fwmark_|anycast_|max_)/, 'net.ipv6.$1'],
  [/^ip6_min_advmss$/, 'net.ipv6.route.min_adv_mss'],
  [/^ip6_/, 'net.ipv6.route.'],
  [/^nf_conntrack_/, 'net.netfilter.nf_conntrack_'],
  [/^netdev_/, 'net.core.netdev_'],
  [/^route_/, 'net.ipv4.route.'],
  [/^vrf_/, 'net.vrf.'],
  [/^/, 'net.ipv4.'],
];

/** Kept in milliseconds by the core; in seconds or in USER_HZ ticks (`ms` each) by these names of Linux. */
const NEIGH_NAMES: Record<string, { name: string; ms: number }> = {
  delay_first_probe_time_ms: { name: 'delay_first_probe_time', ms: 1000 },
  gc_staletime_ms: { name: 'gc_stale_time', ms: 1000 },
  locktime_ms: { name: 'locktime', ms: 10 },
  anycast_delay_ms: { name: 'anycast_delay', ms: 10 },
  proxy_delay_ms: { name: 'proxy_delay', ms: 10 },
};

/** Names of an enum's members in lower case, by value; MAX left out. */
function memberNames(members: object): string[] {
  return Object.entries(members)
    .filter(([name, value]) => typeof value === 'number' && name !== 'MAX')
    .map(([name]) => name.toLowerCase());
}

function globalName(member: string): string {
  const path = PATHS.find(([pattern]) => pattern.test(member))!;
  return member.replace(path[0], path[1]);
}

export const GLOBAL_SYSCTLS: readonly string[] = memberNames(Sysctl).map(globalName);

const NEIGH = memberNames(NeighVar).map((name) => NEIGH_NAMES[name]?.name ?? name);
/** The core's unit of a neighbour setting is so many of Linux's. */
export const NEIGH_SCALES: readonly number[] = memberNames(NeighVar).map(
  (name) => NEIGH_NAMES[name]?.ms ?? 1,
);

/** Those that every device has, with `all` and `default`, by the table before the device's name. */
export const DEVICE_SYSCTLS: Readonly<Record<string, readonly string[]>> = {
  'net.ipv4.conf': memberNames(Ipv4Conf),
  'net.ipv6.conf': memberNames(Ipv6Conf),
  'net.ipv4.neigh': NEIGH,
  'net.ipv6.neigh': NEIGH,
};

/** Table, device, setting. A device name may have dots of its own: it is all between the table and the last word. */
export const DEVICE_SYSCTL = /^(net\.ipv[46]\.(?:conf|neigh))\.(.+)\.([^.]+)$/;
