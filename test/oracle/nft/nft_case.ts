/** A case of the nftables oracle: a ruleset, and what the traffic through it is about. */
import { type FrameStep, type Need, type PortName, type Setup, STANDARD_IP } from '../router.js';
import type { Focus } from './traffic.js';

export interface NftCase {
  /** A sentence about what the ruleset does. */
  readonly name: string;
  /** As nft(8) reads it. */
  readonly text: string;
  readonly focus?: readonly Focus[];
  /** The ports are of a bridge br0 that has the router's addresses, for the bridge family. */
  readonly bridge?: true;
  /** Both ports are in the VRF red. */
  readonly vrf?: true;
  readonly setup?: Setup;
  /** In place of traffic: `PORT HEX`, as a failure prints them. */
  readonly frames?: readonly string[];
  /** What not every kernel has. */
  readonly needs?: Need | 'nft-queue' | 'nft-bridge' | 'flowtable';
  /** How many of its counters may stay at zero; default: none, so that no rule goes untested. */
  readonly silent?: number;
}

/** Hosts on the links beside .2 and .3: no packet of the traffic is for one that the router would have to ask for. */
const NEIGHBOURS: readonly string[] = [4, 5, 6, 7, 8, 9].flatMap((n) => [
  `neigh add 192.0.2.${n} lladdr 02:00:00:00:01:02 dev lan0 nud permanent`,
  `neigh add 198.51.100.${n} lladdr 02:00:00:00:02:02 dev wan0 nud permanent`,
  `neigh add 2001:db8:1::${n} lladdr 02:00:00:00:01:02 dev lan0 nud permanent`,
  `neigh add 2001:db8:2::${n} lladdr 02:00:00:00:02:02 dev wan0 nud permanent`,
]);

/** Routes that bring every other address somewhere: what the rulesets' addresses stand for is beyond .2 of a side. */
const ROUTES: readonly string[] = [
  ...NEIGHBOURS,
  'route add 10.1.0.0/16 via 192.0.2.2',
  'route add 2001:db8:11::/48 via 2001:db8:1::2',
  'route add default via 198.51.100.2',
  'route add default via 2001:db8:2::2',
];

/** Redirects depend on real time: Linux sends them at a rate. */
const SYSCTL: Readonly<Record<string, number>> = {
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.lan0.send_redirects': 0,
  'net.ipv4.conf.wan0.send_redirects': 0,
  'net.netfilter.nf_conntrack_acct': 1,
};

/** The bridge itself is a host: what it routed back would ask for redirects. */
const HOST: Readonly<Record<string, number>> = {
  'net.ipv4.ip_forward': 0,
  'net.ipv6.conf.all.forwarding': 0,
};

const BRIDGE: readonly string[] = [
  'link add br0 address 02:00:00:00:01:01 type bridge mcast_snooping 0 forward_delay 0',
  'link set lan0 master br0',
  'link set wan0 master br0',
  'link set br0 up',
  'addr add 192.0.2.1/24 brd 192.0.2.255 dev br0',
  'addr add 2001:db8:1::1/64 dev br0 nodad',
  'neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev br0 nud permanent',
  'neigh add 192.0.2.3 lladdr 02:00:00:00:01:03 dev br0 nud permanent',
  'neigh add 2001:db8:1::2 lladdr 02:00:00:00:01:02 dev br0 nud permanent',
  'neigh add 2001:db8:1::3 lladdr 02:00:00:00:01:03 dev br0 nud permanent',
  'route add default via 192.0.2.2',
  'route add default via 2001:db8:1::2',
];

export function frameOf(line: string): FrameStep {
  const [port, hex] = line.split(' ') as [PortName, string];
  return { kind: 'frame', port, frame: new Uint8Array(Buffer.from(hex, 'hex')) };
}

export function frameLine({ port, frame }: FrameStep): string {
  return `${port} ${Buffer.from(frame).toString('hex')}`;
}

/** With the routes in the VRF's table. */
const VRF: readonly string[] = [
  'link add red type vrf table 10',
  'link set red up',
  'link set lan0 master red',
  'link set wan0 master red',
  ...[...STANDARD_IP, ...ROUTES].map((line) => (line.startsWith('route') ? `${line} table 10` : line)),
];

export function setupOf({ bridge, vrf, setup }: NftCase): Setup {
  const sysctl = { ...SYSCTL, ...setup?.sysctl };
  if (bridge === true) return { ...setup, base: BRIDGE, sysctl: { ...sysctl, ...HOST } };
  if (vrf === true) return { ...setup, base: VRF, sysctl };
  return { ...setup, ip: [...ROUTES, ...(setup?.ip ?? [])], sysctl };
}
