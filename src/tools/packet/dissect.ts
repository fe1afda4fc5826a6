/**
 * Bytes to words: which headers a frame has and where they begin, by the same tables that rules are compiled with; the value of
 * a field, and how it is spelt.
 */
import { formatIpv4, formatIpv6, formatMac } from '../../config/ip_address.js';
import { type Datatype, isBitmask } from '../../nft/datatype/datatype.js';
import { ETHER, IP, IP6, protoByName } from '../../nft/proto/network.js';
import { type Field, nextProto, type Proto } from '../../nft/proto/proto.js';
import { get16, getBits } from './bits.js';
import { GRE, type Place } from './words.js';

export interface Layer {
  readonly proto: Proto;
  /** Bytes from the frame's first. */
  readonly at: number;
}

export interface Dissected {
  readonly frame: Uint8Array;
  readonly layers: readonly Layer[];
  /** IPv6 extension headers by their number. */
  readonly extensions: ReadonlyMap<number, number>;
  /** Where the last header ends. */
  readonly payloadAt: number;
}

const EXTENSION_HEADERS = new Set([0, 43, 44, 60, 135]);
const FRAGMENT = 44;
const GRE_PROTOCOL = 47;
const IP_OFFSET = 0x1fff;

/** `network`: the bytes begin with a network header of that name, not with Ethernet's. */
export function dissect(frame: Uint8Array, network?: 'ip' | 'ip6'): Dissected {
  const layers: Layer[] = [];
  const extensions = new Map<number, number>();
  let at = 0;
  let proto: Proto | undefined = network === undefined ? ETHER : protoByName(network);
  while (proto !== undefined && at < frame.length) {
    layers.push({ proto, at });
    if (proto === IP) {
      const head = (frame[at]! & 15) * 4;
      const protocol = frame[at + 9];
      if ((get16(frame, at + 6) & IP_OFFSET) !== 0 || protocol === undefined) {
        at += head;
        break;
      }
      at += head;
      proto = protocol === GRE_PROTOCOL ? GRE : nextProto(IP, protocol);
    } else if (proto === IP6) {
      let next = frame[at + 6] ?? 59;
      at += 40;
      let later = false;
      while (EXTENSION_HEADERS.has(next) && at + 8 <= frame.length) {
        extensions.set(next, at);
        later = next === FRAGMENT && (get16(frame, at + 2) & 0xfff8) !== 0;
        const bytes = next === FRAGMENT ? 8 : (frame[at + 1]! + 1) * 8;
        next = frame[at]!;
        at += bytes;
        if (later) break;
      }
      proto = later ? undefined : next === GRE_PROTOCOL ? GRE : nextProto(IP6, next);
    } else {
      const bytes = headBytes(proto, frame, at);
      const key: Field | undefined = proto.fields.find(({ name }) => name === proto!.key);
      const value: bigint | undefined = key && getBits(frame, at * 8 + key.offset, key.len);
      at += bytes;
      proto = value === undefined ? undefined : nextProto(proto, Number(value));
    }
  }
  return { frame, layers, extensions, payloadAt: Math.min(at, frame.length) };
}

function headBytes(proto: Proto, frame: Uint8Array, at: number): number {
  switch (proto.name) {
    case 'tcp':
      return Math.max(20, ((frame[at + 12] ?? 0x50) >> 4) << 2);
    case 'ah':
      return ((frame[at + 1] ?? 0) + 2) * 4;
    case 'comp':
    case 'vlan':
    case 'gre':
      return 4;
    case 'arp':
      return 28;
    case 'ether':
      return 14;
    case 'sctp':
      return 12;
    default:
      return 8;
  }
}

/** What stands at a place; undefined: the packet has no such thing. */
export function valueAt({ frame, layers, extensions }: Dissected, place: Place): bigint | undefined {
  switch (place.kind) {
    case 'header': {
      const { proto, field } = place;
      const layer = layers.find(
        (each) => each.proto === proto || (proto.name === 'th' && isTransport(each.proto)),
      );
      return layer && getBits(frame, layer.at * 8 + field.offset, field.len);
    }
    case 'extension': {
      const at = extensions.get(place.type);
      if (at === undefined) return undefined;
      return place.field === undefined ? 1n : getBits(frame, at * 8 + place.field.offset, place.field.len);
    }
    case 'option':
      return optionValue(frame, layers, place);
  }
}

const isTransport = ({ name, base }: Proto): boolean => base === 'th' && name !== 'ah' && name !== 'comp';

function optionValue(
  frame: Uint8Array,
  layers: readonly Layer[],
  { type, field }: Place & { kind: 'option' },
): bigint | undefined {
  const tcp = layers.find(({ proto }) => proto.name === 'tcp');
  if (tcp === undefined) return undefined;
  const end = Math.min(frame.length, tcp.at + headBytes(tcp.proto, frame, tcp.at));
  for (let at = tcp.at + 20; at < end; ) {
    const kind = frame[at]!;
    if (kind === type) return field === undefined ? 1n : getBits(frame, at * 8 + field.offset, field.len);
    if (kind === 0) break;
    at += kind === 1 ? 1 : Math.max(2, frame[at + 1] ?? 2);
  }
  return undefined;
}

function bytesOf(value: bigint, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => Number((value >> BigInt((count - 1 - i) * 8)) & 255n));
}

const FLAGS_OF_NOTHING = 0n;

/** As nft spells a value of the type. */
export function valueText(value: bigint, type: Datatype): string {
  switch (type.reading) {
    case 'address4':
      return formatIpv4(bytesOf(value, 4));
    case 'address6':
      return formatIpv6(bytesOf(value, 16));
    case 'lladdr':
      return formatMac(bytesOf(value, 6));
    case 'protocol':
      return PROTOCOL_NAMES.get(value) ?? String(value);
    default:
  }
  const symbols = Object.entries(type.symbols ?? {});
  const exact = symbols.find(([, number]) => BigInt(number) === value);
  if (exact !== undefined) return exact[0];
  if (isBitmask(type) && symbols.length > 0 && value !== FLAGS_OF_NOTHING) {
    const names = symbols.filter(([, bit]) => (value & BigInt(bit)) !== 0n).map(([name]) => name);
    if (names.length > 0) return names.join(',');
  }
  return String(value);
}

const PROTOCOL_NAMES = new Map<bigint, string>([
  [1n, 'icmp'],
  [2n, 'igmp'],
  [6n, 'tcp'],
  [17n, 'udp'],
  [33n, 'dccp'],
  [47n, 'gre'],
  [50n, 'esp'],
  [51n, 'ah'],
  [58n, 'icmpv6'],
  [108n, 'comp'],
  [132n, 'sctp'],
  [136n, 'udplite'],
]);

/** Fields by which a person knows a packet, in nft's words. */
const TELLING: Readonly<Record<string, readonly string[]>> = {
  vlan: ['id'],
  arp: ['operation', 'saddr ip', 'daddr ip'],
  ip: ['saddr', 'daddr'],
  ip6: ['saddr', 'daddr'],
  tcp: ['sport', 'dport', 'flags'],
  udp: ['sport', 'dport'],
  udplite: ['sport', 'dport'],
  dccp: ['sport', 'dport'],
  sctp: ['sport', 'dport'],
  icmp: ['type', 'code'],
  icmpv6: ['type', 'code'],
  igmp: ['type'],
  ah: ['spi'],
  esp: ['spi'],
  comp: ['cpi'],
  gre: ['protocol'],
  ether: [],
};
const REACHED_BY_CODE: ReadonlySet<bigint> = new Set([3n, 5n, 11n, 12n, 1n]);

/** The packet in short. */
export function packetText(packet: Dissected): string {
  const words: string[] = [];
  const { layers, frame } = packet;
  for (const { proto, at } of layers) {
    for (const name of TELLING[proto.name] ?? []) {
      const field = proto.fields.find((each) => each.name === name)!;
      const value = getBits(frame, at * 8 + field.offset, field.len);
      if (value === undefined) continue;
      // The code says something of errors only.
      if (name === 'code' && value === 0n && !REACHED_BY_CODE.has(BigInt(frame[at]!))) continue;
      words.push(`${proto.name} ${name} ${valueText(value, field.type)}`);
    }
  }
  const ip = layers.find(({ proto }) => proto === IP || proto === IP6);
  const last = layers.at(-1)?.proto;
  if (ip !== undefined && (last === IP || last === IP6)) {
    const number = ip.proto === IP ? frame[ip.at + 9] : frame[ip.at + 6];
    words.push(`${ip.proto.name} ${ip.proto === IP ? 'protocol' : 'nexthdr'} ${number}`);
  }
  if (words.length === 0 && frame.length >= 14)
    words.push(`ether type 0x${get16(frame, 12).toString(16).padStart(4, '0')}`);
  return words.join(' ');
}
