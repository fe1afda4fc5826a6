/**
 * The sysctl names that a configuration may set, after the enums of assembly/abi/sysctl.ts:
 *
 *   net.ipv4.ip_forward        net.ipv4.conf.DEV.rp_filter        net.ipv4.neigh.DEV.gc_stale_time
 *   net.ipv6.icmp.ratelimit    net.ipv6.conf.DEV.hop_limit        net.core.netdev_budget
 */
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../../assembly/abi/sysctl.js';
import { nearest } from './diagnostic.js';

interface Mistake {
  readonly message: string;
  readonly hint: string;
}

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

/** Kept in milliseconds by the core, in seconds or ticks by these names of Linux. */
const NEIGH_NAMES: Record<string, string> = {
  delay_first_probe_time_ms: 'delay_first_probe_time',
  gc_staletime_ms: 'gc_stale_time',
  locktime_ms: 'locktime',
  anycast_delay_ms: 'anycast_delay',
  proxy_delay_ms: 'proxy_delay',
};

const GLOBAL = memberNames(Sysctl).map((name) => {
  const path = PATHS.find(([pattern]) => pattern.test(name))!;
  return name.replace(path[0], path[1]);
});
const NEIGH = memberNames(NeighVar).map((name) => NEIGH_NAMES[name] ?? name);
const PER_DEVICE: Record<string, readonly string[]> = {
  'net.ipv4.conf': memberNames(Ipv4Conf),
  'net.ipv6.conf': memberNames(Ipv6Conf),
  'net.ipv4.neigh': NEIGH,
  'net.ipv6.neigh': NEIGH,
};

/** null when the name is one that can be set. `links` are the devices there will be. */
export function whyNotSysctl(name: string, links: readonly string[]): Mistake | null {
  if (GLOBAL.includes(name)) return null;
  if (name.includes('/')) {
    return {
      message: `"${name}" is not a sysctl name`,
      hint: `write it with dots: ${name.replaceAll('/', '.')}`,
    };
  }
  // A device name may have dots of its own: it is all between the table and the last word.
  const match = /^(net\.ipv[46]\.(?:conf|neigh))\.(.+)\.([^.]+)$/.exec(name);
  if (match === null)
    return unknownName(name, [...GLOBAL, ...Object.keys(PER_DEVICE).map((path) => `${path}.DEV.`)]);
  const [, table, device, variable] = match as unknown as [string, string, string, string];
  const devices = [...(table.endsWith('neigh') ? [] : ['all']), 'default', 'lo', ...links];
  if (!devices.includes(device)) {
    const near = nearest(device, devices);
    return {
      message: `sysctl "${name}" names no link: "${device}"`,
      hint: near ? `did you mean "${table}.${near}.${variable}"?` : `possible here: ${devices.join(', ')}`,
    };
  }
  const names = PER_DEVICE[table] ?? [];
  if (names.includes(variable)) return null;
  return unknownName(
    name,
    names.map((known) => `${table}.${device}.${known}`),
  );
}

function unknownName(name: string, known: readonly string[]): Mistake {
  const near = nearest(name, known);
  return {
    message: `unknown sysctl "${name}"`,
    hint: near ? `did you mean "${near}"?` : 'write a name of Linux, for example net.ipv4.ip_forward',
  };
}

function memberNames(members: Record<string, string | number>): string[] {
  return Object.keys(members)
    .filter((name) => Number.isNaN(Number(name)) && name !== 'MAX')
    .map((name) => name.toLowerCase());
}
