/**
 * Linux's sysctl names and where the core keeps them (assembly/abi/sysctl.ts).
 *
 *   net.ipv4.ip_forward        net.ipv4.conf.DEV.rp_filter        net.ipv4.neigh.DEV.gc_stale_time
 *   net.ipv6.icmp.ratelimit    net.ipv6.conf.DEV.hop_limit        net.core.netdev_budget
 *
 * DEV is a device, `all` or `default`.
 */
import { SysctlGroup } from '../../assembly/abi/request.js';
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../../assembly/abi/sysctl.js';

/** Where Linux's path is not `net.ipv4.` and the name in lower case. */
const PATHS: readonly (readonly [RegExp, string])[] = [
  [/^neigh([46])_/, 'net.ipv$1.neigh.default.'],
  [/^ip6_icmp_/, 'net.ipv6.icmp.'],
  [/^ip6frag_/, 'net.ipv6.ip6frag_'],
  [/^ip6_min_advmss$/, 'net.ipv6.route.min_adv_mss'],
  [/^ip6_/, 'net.ipv6.route.'],
  [/^netdev_/, 'net.core.netdev_'],
  [/^route_/, 'net.ipv4.route.'],
  [/^/, 'net.ipv4.'],
];

/** Kept in milliseconds by the core; in seconds or in USER_HZ ticks by these names of Linux. */
const NEIGH_NAMES: Record<string, { name: string; ms: number }> = {
  delay_first_probe_time_ms: { name: 'delay_first_probe_time', ms: 1000 },
  gc_staletime_ms: { name: 'gc_stale_time', ms: 1000 },
  locktime_ms: { name: 'locktime', ms: 10 },
  anycast_delay_ms: { name: 'anycast_delay', ms: 10 },
  proxy_delay_ms: { name: 'proxy_delay', ms: 10 },
};

export interface SysctlPlace {
  group: SysctlGroup;
  id: number;
  /** Device name, `all`, `default`, or undefined for a setting of the namespace. */
  device?: string | undefined;
  /** The core's unit is this many of Linux's. */
  scale: number;
}

/** Names of an enum's members in lower case, by value; MAX left out. */
export function memberNames(members: object): string[] {
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
const NEIGH_SCALE = memberNames(NeighVar).map((name) => NEIGH_NAMES[name]?.ms ?? 1);
export const DEVICE_SYSCTLS: Readonly<Record<string, readonly string[]>> = {
  'net.ipv4.conf': memberNames(Ipv4Conf),
  'net.ipv6.conf': memberNames(Ipv6Conf),
  'net.ipv4.neigh': NEIGH,
  'net.ipv6.neigh': NEIGH,
};
const GROUPS: Record<string, SysctlGroup> = {
  'net.ipv4.conf': SysctlGroup.CONF4,
  'net.ipv6.conf': SysctlGroup.CONF6,
  'net.ipv4.neigh': SysctlGroup.NEIGH4,
  'net.ipv6.neigh': SysctlGroup.NEIGH6,
};

/** A device name may have dots of its own: it is all between the table and the last word. */
export const DEVICE_SYSCTL = /^(net\.ipv[46]\.(?:conf|neigh))\.(.+)\.([^.]+)$/;

/** Where the setting called `name` lives, or null when there is none of that name. */
export function sysctlPlace(name: string): SysctlPlace | null {
  const id = GLOBAL_SYSCTLS.indexOf(name);
  if (id >= 0) return { group: SysctlGroup.NET, id, scale: 1 };
  const match = DEVICE_SYSCTL.exec(name);
  if (match === null) return null;
  const [, table, device, last] = match as unknown as [string, string, string, string];
  const index = DEVICE_SYSCTLS[table]!.indexOf(last);
  if (index < 0) return null;
  const group = GROUPS[table]!;
  const neigh = group === SysctlGroup.NEIGH4 || group === SysctlGroup.NEIGH6;
  return { group, id: index, device, scale: neigh ? NEIGH_SCALE[index]! : 1 };
}
