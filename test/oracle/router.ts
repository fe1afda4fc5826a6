/**
 * The router that every case starts from, in Linux's own words (ip -batch, sysctl), and what a target has to do.
 *
 *   192.0.2.2-9            .1 ┌────────┐ .1             198.51.100.2-9
 *   2001:db8:1::2-9        lan0│ router │wan0           2001:db8:2::2-9 ── 203.0.113.0/24, 2001:db8:3::/48
 *   fe80::2                ::1 └────────┘ ::1           fe80::2
 *
 * The hosts .2 and .3 of either side have permanent neighbour entries, so that no case but those about ARP and ND sees
 * them. Rate limits are off but in the cases about them.
 */
import type { NlAttrWriter } from '../../src/netlink/nlattr.js';
import type { NlAck, NlMsg } from '../../src/netlink/nlmsg.js';
import type { HelperRule, NatRule } from './nat_rule.js';
import { cat, ETH_P_IP, ETH_P_IPV6, mac, multicastMac, be16 } from './packet.js';

export const PORTS = ['lan0', 'wan0'] as const;
export type PortName = (typeof PORTS)[number];

export const ROUTER_MAC: Readonly<Record<PortName, string>> = {
  lan0: '02:00:00:00:01:01',
  wan0: '02:00:00:00:02:01',
};
export const HOST_MAC: Readonly<Record<PortName, string>> = {
  lan0: '02:00:00:00:01:02',
  wan0: '02:00:00:00:02:02',
};

export const STANDARD_IP: readonly string[] = [
  'addr add 192.0.2.1/24 brd 192.0.2.255 dev lan0',
  'addr add 198.51.100.1/24 brd 198.51.100.255 dev wan0',
  'addr add fe80::1/64 dev lan0 nodad',
  'addr add fe80::1/64 dev wan0 nodad',
  'addr add 2001:db8:1::1/64 dev lan0 nodad',
  'addr add 2001:db8:2::1/64 dev wan0 nodad',
  'neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
  'neigh add 192.0.2.3 lladdr 02:00:00:00:01:03 dev lan0 nud permanent',
  'neigh add 198.51.100.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
  'neigh add 198.51.100.3 lladdr 02:00:00:00:02:03 dev wan0 nud permanent',
  'neigh add 2001:db8:1::2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
  'neigh add 2001:db8:1::3 lladdr 02:00:00:00:01:03 dev lan0 nud permanent',
  'neigh add 2001:db8:2::2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
  'neigh add 2001:db8:2::3 lladdr 02:00:00:00:02:03 dev wan0 nud permanent',
  'neigh add fe80::2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
  'neigh add fe80::2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
  'route add 203.0.113.0/24 via 198.51.100.2',
  'route add 2001:db8:3::/48 via 2001:db8:2::2',
];

/** Set before the links are there: no automatic addresses, no duplicate address detection, no solicitations. */
export const EARLY_SYSCTL: Readonly<Record<string, number>> = {
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.default.dad_transmits': 0,
  'net.ipv6.conf.default.addr_gen_mode': 1,
  'net.ipv6.conf.default.accept_ra': 0,
};

export const STANDARD_SYSCTL: Readonly<Record<string, number>> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.lan0.rp_filter': 0,
  'net.ipv4.conf.wan0.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 1,
  'net.ipv4.conf.lan0.send_redirects': 1,
  'net.ipv4.conf.wan0.send_redirects': 1,
  'net.ipv4.conf.all.accept_source_route': 0,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_msgs_per_sec': 1000000,
  'net.ipv4.icmp_msgs_burst': 1000000,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv6.icmp.ratelimit': 0,
};

/** What a case changes of the standard router: lines of ip -batch, done after the standard ones, and sysctls. */
export interface Setup {
  /** In place of the standard lines, for a router of another shape. Something has to answer ARP for 192.0.2.1 on lan0. */
  base?: readonly string[];
  ip?: readonly string[];
  /** Lines of bridge -batch, done after those. */
  bridge?: readonly string[];
  /** The tag with which ARP for 192.0.2.1 is answered on lan0; without: none. */
  marker?: { readonly id: number; readonly tpid?: number };
  sysctl?: Readonly<Record<string, number>>;
  /**
   * Connections are tracked, by this ruleset where there is nft, and the lines of /proc/net/nf_conntrack noted behind
   * every step (Output.conntrack).
   */
  conntrack?: string;
  /** NAT of these rules; Linux has them as a ruleset. */
  nat?: readonly NatRule[];
  /** Helpers, with `nat` (which may be empty). */
  helpers?: readonly HelperRule[];
}

export type Step =
  | { kind: 'frame'; port: PortName; frame: Uint8Array }
  /** Time that passes: real for Linux, virtual for the core. */
  | { kind: 'wait'; ms: number };

/** What of Linux not every kernel has: such a case runs in the guest (hil/guest), the others in the kernel tier. */
export type Need = 'vlan' | 'dummy' | 'bond' | 'vrf' | 'bridge-vlan';

export interface OracleCase {
  /** A sentence about what the router does. */
  name: string;
  needs?: Need;
  setup?: Setup;
  steps: readonly Step[];
  /** Packets of one flow right behind each other, which GRO may merge. */
  train?: true;
  /** How many frames Linux sends out of each port: keeps a case from agreeing about nothing. */
  out: Partial<Record<PortName, number>>;
}

export type Output = Record<PortName, Uint8Array[]> & { conntrack?: string[][] };

export type FrameStep = Extract<Step, { kind: 'frame' }>;

/** A router that is there. */
export interface Session {
  /** Gives it `steps`, each when all of the one before is done; what it sent out of each port, in order. */
  drive(steps: readonly Step[]): Promise<Output>;
  /** Gives it frames right behind each other, at most BURST of them. */
  burst(frames: readonly FrameStep[]): Output;
  /** Its netfilter messages. */
  readonly netfilter: Netfilter;
  close(): Promise<void>;
}

/** Frames of a burst: what they cause has to fit the queues of Linux's TAPs. */
export const BURST = 256;

/** A socket of NETLINK_NETFILTER, or what stands for one. */
export interface Netfilter {
  batch(messages: Uint8Array): Promise<NlAck[]>;
  dump(type: number, family: number, fill?: (attrs: NlAttrWriter) => void): Promise<NlMsg[]>;
}

/** A router under test. */
export interface Target<S extends Session = Session> {
  readonly name: string;
  /** A fresh standard router with `setup`. */
  open(setup: Setup): Promise<S>;
  /** One that is there for `steps` only. */
  run(setup: Setup, steps: readonly Step[]): Promise<Output>;
  close(): Promise<void>;
}

/** The lines of ip -batch that make the router of a case. */
export function ipLines(setup: Setup): string[] {
  return [...(setup.base ?? STANDARD_IP), ...(setup.ip ?? [])];
}

export interface EtherFields {
  src?: string;
  dst?: string;
  type?: number;
  /** Bytes behind the packet, as Ethernet's padding. */
  tail?: Uint8Array;
}

function frame(port: PortName, packet: Uint8Array, fields: EtherFields): Uint8Array {
  const six = packet[0]! >> 4 === 6;
  const destination = six ? packet.subarray(24, 40) : packet.subarray(16, 20);
  const dst = fields.dst === undefined ? multicastMac(destination) : mac(fields.dst);
  const type = fields.type ?? (six ? ETH_P_IPV6 : ETH_P_IP);
  const header = cat(dst ?? mac(ROUTER_MAC[port]), mac(fields.src ?? HOST_MAC[port]), be16(type));
  return cat(header, packet, fields.tail ?? new Uint8Array(0));
}

/** A host on the LAN sends this. */
export function lan(packet: Uint8Array, ether: EtherFields = {}): Step {
  return { kind: 'frame', port: 'lan0', frame: frame('lan0', packet, ether) };
}

/** The same frame with a VLAN tag in front of those that it has. */
export function tagged(step: Step, id: number, { pcp = 0, dei = false, tpid = 0x8100 } = {}): Step {
  if (step.kind !== 'frame') throw new Error('only frames have tags');
  const tci = (pcp << 13) | (dei ? 0x1000 : 0) | id;
  const { frame } = step;
  return { ...step, frame: cat(frame.subarray(0, 12), be16(tpid, tci), frame.subarray(12)) };
}

export function wan(packet: Uint8Array, ether: EtherFields = {}): Step {
  return { kind: 'frame', port: 'wan0', frame: frame('wan0', packet, ether) };
}

export function wait(ms: number): Step {
  return { kind: 'wait', ms };
}
