/**
 * Protocol headers as data: fields with their place, size and type; which field names the next protocol, and by what numbers.
 * The tables themselves are in link.ts, network.ts, transport.ts. Offsets and sizes are in bits.
 *
 *   ll ── ether ─► vlan ─► ...        nh ── arp ip ip6         th ── tcp udp icmp ...        ih ── what they carry
 *
 * Three more descriptions stand for what has no header: `inet` (meta nfproto), `netdev` (meta protocol) and
 * `inet_service` (meta l4proto): from them the first real header follows.
 */
import type { Datatype } from '../datatype/datatype.js';

/** In the order of NFT_PAYLOAD_LL_HEADER and so on. */
export type HeaderBase = 'll' | 'nh' | 'th' | 'ih';

export const BASE_NUMBER: Readonly<Record<HeaderBase, number>> = { ll: 0, nh: 1, th: 2, ih: 3 };

export interface Field {
  readonly name: string;
  readonly type: Datatype;
  readonly offset: number;
  readonly len: number;
  /** Stored in host order (none of the real headers does). */
  readonly host?: boolean;
  /** This field exists only in messages of these types (icmp id): which, first the one that a dependency names. */
  readonly onlyTypes?: readonly number[];
}

export interface Proto {
  readonly name: string;
  /** Undefined: the description stands for no header. */
  readonly base: HeaderBase;
  readonly fields: readonly Field[];
  /** The field that names the next protocol. */
  readonly key?: string;
  /** Instead of a field: a meta key that does (inet, netdev, and ip and ip6 for what follows them). */
  readonly metaKey?: 'nfproto' | 'protocol' | 'l4proto';
  /** [number in `key`, the protocol it means], first match wins. */
  readonly next: readonly (readonly [number, Proto])[];
  /** Of the header, in bits; stacked headers are counted by it. */
  readonly len?: number;
  /** Bit offset of its checksum, which a changed field makes stale. */
  readonly checksum?: string;
}

/** Proto while its `next` is being filled in: the tables refer to each other. */
export type OpenProto = Omit<Proto, 'next'> & { next: (readonly [number, Proto])[] };

export function field(
  name: string,
  type: Datatype,
  offset: number,
  len: number = type.bits,
  onlyTypes?: readonly number[],
): Field {
  return { name, type, offset, len, ...(onlyTypes && { onlyTypes }) };
}

export function findField(proto: Proto, name: string): Field | undefined {
  return proto.fields.find((each) => each.name === name);
}

export function nextProto(proto: Proto, value: number): Proto | undefined {
  return proto.next.find(([number]) => number === value)?.[1];
}

/** The number by which `proto` names `next`; -1 when it cannot. */
export function numberOf(proto: Proto, next: Proto): number {
  return proto.next.find(([, each]) => each === next)?.[0] ?? -1;
}
