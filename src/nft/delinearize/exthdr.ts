/** Extension headers and options by the number they were searched by and the place within them: proto/exthdr.ts backwards. */
import type { Expression } from '../ast.js';
import { BOOLEAN, INTEGER } from '../datatype/datatype.js';
import type { ExthdrOp, OptionDesc } from '../proto/exthdr.js';
import { IP_OPTIONS, IPV6_HEADERS, SCTP_CHUNKS, TCP_OPTIONS } from '../proto/exthdr.js';
import type { Field } from '../proto/proto.js';
import { NO_LOC as loc } from '../source.js';
import type { Resolved } from './operand.js';

export interface ExthdrRead {
  readonly op: ExthdrOp;
  readonly type: number;
  /** In bytes. */
  readonly offset: number;
  readonly len: number;
  readonly present?: boolean;
}

const TABLES = { ipv6: IPV6_HEADERS, tcpopt: TCP_OPTIONS, ipv4: IP_OPTIONS, sctp: SCTP_CHUNKS } as const;

interface Found {
  readonly desc: OptionDesc;
  readonly field: Field;
  readonly index?: number;
}

/** `rt0`, `rt2` and `srh` have one number: what is there cannot be told, the last is named as nft does. */
function find({ op, type }: ExthdrRead, offset: number, bits: number): Found | undefined {
  for (const desc of TABLES[op].values()) {
    if (desc.type !== type || desc.name === 'rt0' || desc.name === 'rt2' || desc.name === 'echo') continue;
    for (const field of desc.fields) {
      if (desc.name === 'srh' && field.name === 'sid') {
        const past = offset - field.offset;
        if (bits === field.len && past >= 0 && past % 128 === 0)
          return { desc, field, index: past / 128 + 1 };
      } else if (field.offset === offset && field.len === bits) return { desc, field };
    }
  }
  return undefined;
}

function expression(op: ExthdrOp, name: string, field?: string, index?: number): Expression {
  const common = { name, ...(field !== undefined && { field }), loc };
  switch (op) {
    case 'ipv6':
      return { kind: 'exthdr', ...common, ...(index !== undefined && { offset: index }) };
    case 'tcpopt':
      return { kind: 'tcp option', ...common };
    case 'ipv4':
      return { kind: 'ip option', ...common };
    case 'sctp':
      return { kind: 'sctp chunk', ...common };
  }
}

/** `low` and `bits`: the part of it that a mask leaves. */
export function exthdrOf(read: ExthdrRead, low = 0, bits = read.len * 8): Resolved | undefined {
  const { op, type } = read;
  if (read.present === true) {
    const desc = [...TABLES[op].values()].find((each) => each.type === type && each.name !== 'echo');
    const expr: Expression =
      desc === undefined ? { kind: 'raw tcp option', base: type, loc } : expression(op, desc.name);
    return { expr, type: BOOLEAN, bits: 8, order: 'none' };
  }
  const whole = read.len * 8;
  const offset = read.offset * 8 + whole - low - bits;
  const found = find(read, offset, bits);
  if (found !== undefined)
    return {
      expr: expression(op, found.desc.name, found.field.name, found.index),
      type: found.field.type,
      bits: whole,
      order: 'big',
      low,
    };
  if (low !== 0 || bits !== whole) return undefined;
  return {
    expr: { kind: 'raw tcp option', base: type, offset, len: bits, loc },
    type: INTEGER,
    bits,
    order: 'big',
  };
}
