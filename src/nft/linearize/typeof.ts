/**
 * What a set's key was made of, as nft keeps it in the set's user data so that a listing says `typeof ip saddr` again: the kind of
 * expression and what tells it from others of its kind. Numbers are nft's own.
 */
import type { Node } from '../evaluate/node.js';
import { BASE_NUMBER, type Field, type Proto } from '../proto/proto.js';

/** nft's numbers of kinds of expression. */
export const ETYPE = {
  verdict: 1,
  payload: 7,
  exthdr: 8,
  meta: 9,
  socket: 10,
  osf: 11,
  ct: 12,
  concat: 13,
  numgen: 23,
  hash: 24,
  rt: 25,
  fib: 26,
  xfrm: 27,
} as const;

export const PROTO_IDS: readonly string[] = [
  '',
  'ah',
  'esp',
  'comp',
  'icmp',
  'igmp',
  'udp',
  'udplite',
  'tcp',
  'dccp',
  'sctp',
  'th',
  'ip',
  'ip6',
  'icmpv6',
  'arp',
  'vlan',
  'ether',
];
export const EXTHDR_IDS: readonly string[] = ['', 'hbh', 'rt', 'rt0', 'rt2', 'srh', 'frag', 'dst', 'mh'];
const OP_NUMBER = { ipv6: 0, tcpopt: 1, ipv4: 2, sctp: 3 } as const;
const FIB_RESULT = { oif: 1, oifname: 2, type: 3 } as const;
const FIB_FLAG = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const;

const u32 = (type: number, value: number): number[] => [
  type,
  4,
  value & 255,
  (value >>> 8) & 255,
  (value >>> 16) & 255,
  value >>> 24,
];
const nest = (type: number, value: readonly number[]): number[] => [type, value.length, ...value];

const fieldIndex = (proto: Proto, field: Field): number => proto.fields.indexOf(field) + 1;

/** The bytes themselves of a field that is no whole bytes. */
function whole(node: Node): Node {
  if (node.kind !== 'binop') return node;
  const below = node.op === '>>' && node.left.kind === 'binop' ? node.left.left : node.left;
  return below.kind === 'payload' || below.kind === 'exthdr' ? below : node;
}

/** [kind, what tells it from others]; undefined where nft keeps nothing. */
function describeNode(from: Node, within: boolean): [number, number[]] | undefined {
  const plain = from.kind === 'unary' ? from.arg : from;
  // A field at the low end of its bytes is itself even in a rule.
  const node = within || (plain.kind === 'binop' && plain.op === '&') ? whole(plain) : plain;
  switch (node.kind) {
    case 'payload': {
      const { proto, field } = node;
      if (proto === undefined || field === undefined)
        return [
          ETYPE.payload,
          [
            ...u32(0, 0),
            ...u32(1, 0),
            ...u32(2, BASE_NUMBER[node.base] + 1),
            ...u32(3, node.offset),
            ...u32(4, node.bits),
          ],
        ];
      const place = [...u32(0, PROTO_IDS.indexOf(proto.name)), ...u32(1, fieldIndex(proto, field))];
      return [ETYPE.payload, node.dtype.name === 'integer' ? [...place, ...u32(4, field.len)] : place];
    }
    case 'exthdr': {
      const op = node.op === 'ipv6' ? [] : u32(2, OP_NUMBER[node.op]);
      const id = node.op === 'ipv6' ? EXTHDR_IDS.indexOf(node.name) : node.type;
      return [ETYPE.exthdr, [...u32(1, node.index), ...op, ...u32(0, id)]];
    }
    case 'meta':
      return [ETYPE.meta, u32(0, node.key)];
    case 'ct':
      return [
        ETYPE.ct,
        [...u32(0, node.key), ...u32(1, node.dir === undefined ? -1 : node.dir === 'reply' ? 1 : 0)],
      ];
    case 'osf':
      return [ETYPE.osf, []];
    case 'rt':
      return [ETYPE.rt, u32(0, node.key ?? 0)];
    case 'socket':
      return [
        ETYPE.socket,
        [...u32(0, node.key ?? 0), ...(node.level === undefined ? [] : u32(1, node.level))],
      ];
    case 'numgen':
      return [
        ETYPE.numgen,
        [
          ...u32(0, node.mode === 'random' ? 1 : 0),
          ...u32(1, node.modulus ?? 0),
          ...u32(2, node.offset ?? 0),
        ],
      ];
    case 'fib': {
      const flags = (node.fibFlags ?? []).reduce((bits, flag) => bits | FIB_FLAG[flag], 0);
      return [ETYPE.fib, [...u32(0, FIB_RESULT[node.fibResult ?? 'oif']), ...u32(1, flags)]];
    }
    case 'xfrm':
      return [
        ETYPE.xfrm,
        [...u32(0, node.key ?? 0), ...u32(1, node.spnum ?? 0), ...u32(2, node.dir === 'out' ? 1 : 0)],
      ];
    case 'verdict':
      return [ETYPE.verdict, []];
    case 'concat': {
      const items: number[] = [];
      for (const [at, item] of node.items.entries()) {
        // One that cannot be told leaves nothing of those behind it.
        const described = describeNode(item, within);
        if (described === undefined) break;
        items.push(...nest(at, [...u32(0, described[0]), ...nest(1, described[1])]));
      }
      return [ETYPE.concat, items];
    }
    default:
      return undefined;
  }
}

/** `within`: of a field that is no whole bytes, the field (`typeof vlan id`); a rule's own key is then nothing that nft keeps. */
export function typeofData(node: Node, within = true): number[] | undefined {
  const described = describeNode(node, within);
  return described && [...u32(0, described[0]), ...nest(1, described[1])];
}

/** Of a set whose type was named: only that it is a concatenation. */
export const CONCAT_TYPEOF: readonly number[] = [...u32(0, ETYPE.concat), ...nest(1, [])];
export const VERDICT_TYPEOF: readonly number[] = [...u32(0, ETYPE.verdict), ...nest(1, [])];
