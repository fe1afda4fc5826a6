/**
 * The types of nft's values as one table: number (NFTA_SET_KEY_TYPE), size, byte order, what they derive from and the names
 * of their values. A concatenation is a type made of others, whose number packs theirs, six bits each.
 *
 *   verdict │ integer ┬ bitmask ── tcp_flag ct_state ct_status ct_label ct_event
 *   string ── ifname  ├ lladdr ─── ether_addr
 *                     └ ipv4_addr inet_service mark dscp ...
 *
 * How a word of a type becomes a value: parse.ts. Linux keeps no such table: the numbers matter only to nft's own listings.
 */
import * as symbols from './symbols.js';
import type { SymbolTable } from './symbols.js';

export type ByteOrder = 'host' | 'big' | 'none';

/** How a word of this type is read: the default is its symbols, then a number. */
type Reading =
  | 'address4'
  | 'address6'
  | 'lladdr'
  | 'protocol'
  | 'service'
  | 'time'
  | 'date'
  | 'hour'
  | 'day'
  | 'ifindex'
  | 'uid'
  | 'gid'
  | 'classid'
  | 'icmp_code'
  | 'cgroup'
  | 'label'
  | 'string'
  | 'verdict'
  | 'mark'
  | 'realm'
  | 'devgroup'
  | 'symbolic';

export interface Datatype {
  readonly id: number;
  readonly name: string;
  /** As error messages and `describe` name it. */
  readonly desc: string;
  /** 0: what is compared decides. */
  readonly bits: number;
  readonly byteorder: ByteOrder;
  readonly base?: Datatype;
  readonly reading: Reading;
  readonly symbols?: SymbolTable;
  /** `describe` prints the symbols in decimal. */
  readonly decimal?: boolean;
  /** An address or the like: `10.0.0.0/8` is one value of it, and so are string prefixes. */
  readonly prefix?: boolean;
  /** Of a concatenation. */
  readonly parts?: readonly Datatype[];
}

type Rest = Partial<Pick<Datatype, 'symbols' | 'decimal' | 'prefix'>> & { reading?: Reading };

const byName = new Map<string, Datatype>();
const byId = new Map<number, Datatype>();

function type(
  id: number,
  name: string,
  desc: string,
  bits: number,
  byteorder: ByteOrder,
  base: Datatype | undefined,
  rest: Rest = {},
): Datatype {
  const made: Datatype = {
    id,
    name,
    desc,
    bits,
    byteorder,
    reading: 'symbolic',
    ...(base && { base }),
    ...rest,
  };
  byName.set(name, made);
  byId.set(id, made);
  return made;
}

export const INVALID = type(0, 'invalid', 'invalid', 0, 'none', undefined);
export const VERDICT = type(1, 'verdict', 'netfilter verdict', 0, 'none', undefined, { reading: 'verdict' });
export const INTEGER = type(4, 'integer', 'integer', 0, 'none', undefined);
export const STRING = type(5, 'string', 'string', 0, 'host', undefined, { reading: 'string' });
const BITMASK = type(3, 'bitmask', 'bitmask', 0, 'none', INTEGER);
const LLADDR = type(6, 'll_addr', 'link layer address', 0, 'big', INTEGER, { reading: 'lladdr' });
export const IPADDR = type(7, 'ipv4_addr', 'IPv4 address', 32, 'big', INTEGER, {
  reading: 'address4',
  prefix: true,
});
export const IP6ADDR = type(8, 'ipv6_addr', 'IPv6 address', 128, 'big', INTEGER, {
  reading: 'address6',
  prefix: true,
});
export const ETHERADDR = type(9, 'ether_addr', 'Ethernet address', 48, 'big', LLADDR, { reading: 'lladdr' });
export const INET_PROTO = type(12, 'inet_proto', 'Internet protocol', 8, 'none', INTEGER, {
  reading: 'protocol',
});
export const INET_SERVICE = type(13, 'inet_service', 'internet network service', 16, 'big', INTEGER, {
  reading: 'service',
});
export const TIME = type(18, 'time', 'relative time', 64, 'host', INTEGER, { reading: 'time' });
export const MARK = type(19, 'mark', 'packet mark', 32, 'host', INTEGER, { reading: 'mark', prefix: true });
export const IFINDEX = type(20, 'iface_index', 'network interface index', 32, 'host', INTEGER, {
  reading: 'ifindex',
});
export const REALM = type(22, 'realm', 'routing realm', 32, 'host', INTEGER, {
  reading: 'realm',
  prefix: true,
});
export const CLASSID = type(23, 'classid', 'TC classid', 32, 'host', INTEGER, { reading: 'classid' });
export const UID = type(24, 'uid', 'user ID', 32, 'host', INTEGER, { reading: 'uid' });
export const GID = type(25, 'gid', 'group ID', 32, 'host', INTEGER, { reading: 'gid' });
export const DEVGROUP = type(35, 'devgroup', 'devgroup name', 32, 'host', INTEGER, {
  reading: 'devgroup',
  prefix: true,
});
export const IFNAME = type(41, 'ifname', 'network interface name', 128, 'host', STRING, {
  reading: 'string',
});
export const DATE = type(43, 'time', 'Relative time of packet reception', 64, 'host', INTEGER, {
  reading: 'date',
});
export const HOUR = type(44, 'hour', 'Hour of day of packet reception', 32, 'host', INTEGER, {
  reading: 'hour',
});
export const CGROUPV2 = type(46, 'cgroupsv2', 'cgroupsv2 path', 64, 'host', INTEGER, { reading: 'cgroup' });

/** A type of whole numbers whose values have names. */
function symbolic(
  id: number,
  name: string,
  desc: string,
  bits: number,
  byteorder: ByteOrder,
  table: SymbolTable,
  rest: Rest & { base?: Datatype } = {},
): Datatype {
  const { base = INTEGER, ...others } = rest;
  return type(id, name, desc, bits, byteorder, base, { symbols: table, ...others });
}

const decimal = true;
export const NFPROTO = symbolic(2, 'nf_proto', 'netfilter protocol', 8, 'none', symbols.NF_PROTO, {
  decimal,
});
export const ETHERTYPE = symbolic(10, 'ether_type', 'Ethernet protocol', 16, 'big', symbols.ETHER_TYPE);
export const ARPOP = symbolic(11, 'arp_op', 'ARP operation', 16, 'big', symbols.ARP_OP);
export const ICMP_TYPE = symbolic(14, 'icmp_type', 'ICMP type', 8, 'big', symbols.ICMP_TYPE, { decimal });
export const TCP_FLAG = symbolic(15, 'tcp_flag', 'TCP flag', 8, 'none', symbols.TCP_FLAG, { base: BITMASK });
export const DCCP_PKTTYPE = symbolic(16, 'dccp_pkttype', 'DCCP packet type', 4, 'big', symbols.DCCP_PKTTYPE);
export const MH_TYPE = symbolic(17, 'mh_type', 'Mobility Header Type', 8, 'big', symbols.MH_TYPE, {
  decimal,
});
export const IFACE_TYPE = symbolic(
  21,
  'iface_type',
  'network interface type',
  16,
  'host',
  symbols.IFACE_TYPE,
);
export const CT_STATE = symbolic(26, 'ct_state', 'conntrack state', 32, 'host', symbols.CT_STATE, {
  base: BITMASK,
});
export const CT_DIR = symbolic(27, 'ct_dir', 'conntrack direction', 8, 'none', symbols.CT_DIR, { decimal });
export const CT_STATUS = symbolic(28, 'ct_status', 'conntrack status', 32, 'host', symbols.CT_STATUS, {
  base: BITMASK,
});
export const ICMPV6_TYPE = symbolic(29, 'icmpv6_type', 'ICMPv6 type', 8, 'big', symbols.ICMPV6_TYPE, {
  decimal,
});
export const CT_LABEL = symbolic(
  30,
  'ct_label',
  'conntrack label',
  128,
  'host',
  {},
  { base: BITMASK, reading: 'label' },
);
export const PKT_TYPE = symbolic(31, 'pkt_type', 'packet type', 8, 'host', symbols.PKT_TYPE, { decimal });
export const ICMP_CODE = symbolic(32, 'icmp_code', 'icmp code', 8, 'big', symbols.ICMP_CODE, {
  decimal,
  reading: 'icmp_code',
});
export const ICMPV6_CODE = symbolic(33, 'icmpv6_code', 'icmpv6 code', 8, 'big', symbols.ICMPV6_CODE, {
  decimal,
  reading: 'icmp_code',
});
export const ICMPX_CODE = symbolic(34, 'icmpx_code', 'icmpx code', 8, 'big', symbols.ICMPX_CODE, {
  decimal,
  reading: 'icmp_code',
});
export const DSCP = symbolic(36, 'dscp', 'Differentiated Services Code Point', 6, 'big', symbols.DSCP);
export const ECN = symbolic(37, 'ecn', 'Explicit Congestion Notification', 2, 'big', symbols.ECN);
export const FIB_ADDRTYPE = symbolic(
  38,
  'fib_addrtype',
  'fib address type',
  32,
  'host',
  symbols.FIB_ADDRTYPE,
  {
    decimal,
  },
);
export const BOOLEAN = symbolic(39, 'boolean', 'boolean type', 1, 'none', symbols.BOOLEAN, { decimal });
export const CT_EVENT = symbolic(40, 'ct_event', 'conntrack event bits', 32, 'host', symbols.CT_EVENT, {
  base: BITMASK,
});
export const IGMP_TYPE = symbolic(42, 'igmp_type', 'IGMP type', 8, 'big', symbols.IGMP_TYPE, { decimal });
export const DAY = symbolic(45, 'day', 'Day of week of packet reception', 8, 'none', symbols.DAY, {
  decimal,
  reading: 'day',
});
// Two types have one name; `type time` means the relative one.
byName.set('time', TIME);
export { BITMASK };

/** NFTA_SET_DATA_TYPE of a map to verdicts. */
export const NFT_DATA_VERDICT = 0xffffff00;

export const TYPE_BITS = 6;

export function typeByName(name: string): Datatype | undefined {
  return byName.get(name);
}

export function typeById(id: number): Datatype | undefined {
  if (id < 1 << TYPE_BITS) return byId.get(id);
  const parts: Datatype[] = [];
  for (let rest = id; rest > 0; rest = Math.floor(rest / 64)) {
    const part = byId.get(rest % 64);
    if (part === undefined) return undefined;
    parts.unshift(part);
  }
  return concatType(parts);
}

/** All types that have a name, in the order of their numbers. */
export function allTypes(): readonly Datatype[] {
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

/** Each part of a concatenation fills whole registers of 32 bits. */
export const paddedBits = (bits: number): number => Math.ceil(bits / 32) * 32;

export function concatType(parts: readonly Datatype[]): Datatype {
  let id = 0;
  for (const part of parts) id = (id * 64 + part.id) % 2 ** 32;
  return {
    id,
    name: parts.map((part) => part.name).join(' . '),
    desc: parts.map((part) => part.desc).join(' . '),
    bits: parts.reduce((sum, part) => sum + paddedBits(part.bits), 0),
    byteorder: 'none',
    reading: 'symbolic',
    parts,
  };
}

/** Is it `of` itself or derived from it? */
export function derives(from: Datatype, of: Datatype): boolean {
  for (let at: Datatype | undefined = from; at; at = at.base) if (at === of) return true;
  return false;
}

export const isBitmask = (dtype: Datatype): boolean => derives(dtype, BITMASK);
export const isString = (dtype: Datatype): boolean => derives(dtype, STRING);
export const isInteger = (dtype: Datatype): boolean => derives(dtype, INTEGER);

/** What `describe` says of a type behind its name: `(IPv4 address) (basetype integer)`. */
export function typeText(dtype: Datatype): string {
  const bases: string[] = [];
  for (let base = dtype.base; base; base = base.base) bases.push(base === LLADDR ? base.desc : base.name);
  const basetype = bases.length > 0 ? ` (basetype ${bases.join(', ')})` : '';
  return `datatype ${dtype.name} (${dtype.desc})${basetype}`;
}
