/** `typeof ip saddr . tcp dport` from a set's user data: linearize/typeof.ts backwards. */
import type { Expression, FibFlag } from '../ast.js';
import type { IrExpr } from '../expr/registry.js';
import { IP_OPTIONS, IPV6_HEADERS, SCTP_CHUNKS, TCP_OPTIONS } from '../proto/exthdr.js';
import { protoByName } from '../proto/network.js';
import { NO_LOC as loc } from '../source.js';
import { BASES, type DelinearizeContext } from './context.js';
import { loaded, resolve } from './load.js';
import { ETYPE, EXTHDR_IDS, PROTO_IDS } from '../linearize/typeof.js';
import { userdataItems, userdataU32 } from './set_userdata.js';
import type { Resolved } from './operand.js';
import { INTEGER } from '../datatype/datatype.js';

const FIB_RESULT = ['', 'oif', 'oifname', 'type'] as const;
const FIB_FLAGS: readonly FibFlag[] = ['saddr', 'daddr', 'mark', 'iif', 'oif'];
const OPS = ['ipv6', 'tcpopt', 'ipv4', 'sctp'] as const;
const OPTIONS = { tcpopt: TCP_OPTIONS, ipv4: IP_OPTIONS, sctp: SCTP_CHUNKS } as const;

function payload(items: ReadonlyMap<number, Uint8Array>): Resolved | undefined {
  const u32 = (type: number): number => userdataU32(items.get(type)) ?? 0;
  const name = PROTO_IDS[u32(0)] ?? '';
  if (name === '') {
    const base = BASES[u32(2) - 1];
    if (base === undefined) return undefined;
    const expr: Expression = { kind: 'raw payload', base, offset: u32(3), len: u32(4), loc };
    return { expr, type: INTEGER, bits: u32(4), order: 'big' };
  }
  const field = protoByName(name)?.fields[u32(1) - 1];
  if (field === undefined) return undefined;
  const expr: Expression = { kind: 'payload', protocol: name, field: field.name, loc };
  return { expr, type: field.type, bits: field.len, order: 'big' };
}

function exthdr(items: ReadonlyMap<number, Uint8Array>): Resolved | undefined {
  const id = userdataU32(items.get(0)) ?? 0;
  const index = userdataU32(items.get(1)) ?? 0;
  const op = OPS[userdataU32(items.get(2)) ?? 0] ?? 'ipv6';
  const desc =
    op === 'ipv6'
      ? IPV6_HEADERS.get(EXTHDR_IDS[id] ?? '')
      : [...OPTIONS[op].values()].find(({ type }) => type === id);
  const field = desc?.fields[op === 'ipv6' ? index - 1 : index];
  if (desc === undefined || field === undefined) return undefined;
  const common = { name: desc.name, field: field.name, loc };
  const kind = { ipv6: 'exthdr', tcpopt: 'tcp option', ipv4: 'ip option', sctp: 'sctp chunk' } as const;
  return { expr: { kind: kind[op], ...common }, type: field.type, bits: field.len, order: 'big' };
}

/** The instruction that loads what is described. */
function instruction(kind: number, items: ReadonlyMap<number, Uint8Array>): IrExpr | undefined {
  const u32 = (type: number): number => userdataU32(items.get(type)) ?? 0;
  switch (kind) {
    case ETYPE.meta:
      return { kind: 'meta', key: u32(0), dreg: 1 };
    case ETYPE.ct: {
      const dir = (['original' as const, 'reply' as const] as const)[u32(1)];
      return { kind: 'ct', key: u32(0), ...(dir && { dir }), dreg: 1 };
    }
    case ETYPE.rt:
      return { kind: 'rt', key: u32(0), dreg: 1 };
    case ETYPE.socket:
      return { kind: 'socket', key: u32(0), level: u32(1), dreg: 1 };
    case ETYPE.osf:
      return { kind: 'osf', ttl: 0, version: false, dreg: 1 };
    case ETYPE.numgen:
      return {
        kind: 'numgen',
        mode: u32(0) === 1 ? 'random' : 'inc',
        modulus: u32(1),
        offset: u32(2),
        dreg: 1,
      };
    case ETYPE.fib: {
      const flags = FIB_FLAGS.filter((_, bit) => (u32(1) & (1 << bit)) !== 0);
      const result = FIB_RESULT[u32(0)];
      if (result === undefined || result === '') return undefined;
      return { kind: 'fib', flags, result, present: false, dreg: 1 };
    }
    case ETYPE.xfrm:
      return { kind: 'xfrm', key: u32(0), spnum: u32(1), dir: u32(2) === 1 ? 'out' : 'in', dreg: 1 };
    default:
      return undefined;
  }
}

/** The expression and how its values are kept; of a concatenation, of each part. */
export function typeofParts(ctx: DelinearizeContext, data: Uint8Array | undefined): Resolved[] | undefined {
  const items = userdataItems(data);
  const kind = userdataU32(items.get(0));
  const inner = userdataItems(items.get(1));
  switch (kind) {
    case undefined:
      return undefined;
    case ETYPE.concat: {
      const parts = [...inner.values()].map((each) => typeofParts(ctx, each)?.[0]);
      return parts.length > 0 && parts.every((part) => part !== undefined) ? parts : undefined;
    }
    case ETYPE.payload: {
      const found = payload(inner);
      return found && [found];
    }
    case ETYPE.exthdr: {
      const found = exthdr(inner);
      return found && [found];
    }
    default: {
      const expr = instruction(kind, inner);
      const operand = expr && loaded(ctx, expr);
      return operand && [resolve(ctx, operand)];
    }
  }
}
