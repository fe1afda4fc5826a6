/**
 * Networks in one process for the net tier: namespaces, links and packets with few words.
 *
 *   a (10.0.1.2, fd01::2) ── lan0 r wan0 ── b (10.0.2.2, fd02::2)
 */
import { Status } from '../../assembly/abi/layout.js';
import type { Link } from '../../src/net/link.js';
import { AF_INET, AF_INET6, type AddressFamily } from '../../src/net/ip.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack, type StackOptions } from '../../src/stack.js';

export interface Free {
  pages: number;
  skbs: number;
  small: number;
  large: number;
}

/** How much of each pool is free. */
export function freeOf(stack: Stack): Free {
  const { instance } = stack.core;
  return {
    pages: instance.status(Status.PAGES_FREE),
    skbs: instance.status(Status.SKBS_FREE),
    small: instance.status(Status.SMALL_FREE),
    large: instance.status(Status.LARGE_FREE),
  };
}

export interface TwoNetworks {
  stack: Stack;
  a: Namespace;
  r: Namespace;
  b: Namespace;
  a0: Link;
  lan: Link;
  wan: Link;
  b0: Link;
}

/** Two hosts and the router between them, all addresses usable at once, forwarding on. */
export async function twoNetworks(
  options: StackOptions & { mtu?: number; names?: [string, string, string]; into?: Stack } = {},
): Promise<TwoNetworks> {
  const stack = options.into ?? (await createStack({ clock: 'virtual', ...options }));
  const [an, rn, bn] = options.names ?? ['a', 'r', 'b'];
  const [a, r, b] = [await stack.namespace(an), await stack.namespace(rn), await stack.namespace(bn)];
  // Nobody advertises here: no solicitations among the packets that tests count.
  for (const ns of [a, r, b]) await ns.setSysctl('net.ipv6.conf.default.accept_ra', 0);
  const [a0, lan] = await stack.veth([a, 'eth0'], [r, 'lan0']);
  const [wan, b0] = await stack.veth([r, 'wan0'], [b, 'eth0'], options.mtu);
  await address(a0, '10.0.1.2/24', 'fd01::2/64');
  await address(lan, '10.0.1.1/24', 'fd01::1/64');
  await address(wan, '10.0.2.1/24', 'fd02::1/64');
  await address(b0, '10.0.2.2/24', 'fd02::2/64');
  await a.addRoute({ to: 'default', via: '10.0.1.1' });
  await a.addRoute({ to: 'default', via: 'fd01::1' });
  await b.addRoute({ to: 'default', via: '10.0.2.1' });
  await b.addRoute({ to: 'default', via: 'fd02::1' });
  await r.setSysctl('net.ipv4.ip_forward', 1);
  await r.setSysctl('net.ipv6.conf.all.forwarding', 1);
  // Until duplicate address detection has passed the link-local addresses.
  stack.run(3000);
  return { stack, a, r, b, a0, lan, wan, b0 };
}

export async function address(link: Link, ...cidrs: readonly string[]): Promise<void> {
  for (const cidr of cidrs) await link.addAddress(cidr, { nodad: true });
}

/** Every ICMP (or other protocol's) packet of a family that a namespace delivers, network header first. */
export async function listen(
  ns: Namespace,
  family: AddressFamily,
  protocol = family === AF_INET ? 1 : 58,
): Promise<Uint8Array[]> {
  const got: Uint8Array[] = [];
  await ns.rawSocket(family, protocol, (packet) => got.push(packet));
  return got;
}

export interface Icmp {
  type: number;
  code: number;
  src: string;
  packet: Uint8Array;
  /** The message from its type on. */
  message: Uint8Array;
}

const text4 = (bytes: Uint8Array) => bytes.join('.');

/** Reads a delivered ICMP or ICMPv6 packet without extension headers. */
export function icmpOf(packet: Uint8Array): Icmp {
  const v6 = packet[0]! >> 4 === 6;
  const message = packet.subarray(v6 ? 40 : (packet[0]! & 15) * 4);
  const src = v6 ? Buffer.from(packet.subarray(8, 24)).toString('hex') : text4(packet.subarray(12, 16));
  return { type: message[0]!, code: message[1]!, src, packet, message };
}

/** The messages that are no neighbour discovery and no MLD. */
export function icmps(packets: readonly Uint8Array[]): Icmp[] {
  return packets
    .filter((packet) => packet[0]! >> 4 === 4 || packet[6] === 58)
    .map(icmpOf)
    .filter(({ packet, type }) => packet[0]! >> 4 === 4 || type < 130);
}

export const families = [
  {
    family: AF_INET,
    name: 'IPv4',
    a: '10.0.1.2',
    b: '10.0.2.2',
    gw: '10.0.1.1',
    nobody: '10.0.2.99',
    far: '10.0.9.9',
  },
  {
    family: AF_INET6,
    name: 'IPv6',
    a: 'fd01::2',
    b: 'fd02::2',
    gw: 'fd01::1',
    nobody: 'fd02::99',
    far: 'fd09::9',
  },
] as const;
