/**
 * Typed expressions: the syntax tree with every symbol a value, every type, size and byte order known. What evaluate makes and
 * linearize turns into instructions. Nodes are made anew for each rule and may be changed while it is evaluated.
 */
import type { ByteOrder, Datatype } from '../datatype/datatype.js';
import type { FibFlag, Loc } from '../ast.js';
import type { VerdictData } from '../expr/data.js';
import type { ExthdrOp } from '../proto/exthdr.js';
import type { Field, HeaderBase, Proto } from '../proto/proto.js';
import type { SetDef } from './ruleset.js';
import type { TypedStatement } from './typed_statement.js';

interface Common {
  dtype: Datatype;
  /** Size in bits; 0 of what has none. */
  bits: number;
  order: ByteOrder;
  readonly loc: Loc;
}

export interface ValueNode extends Common {
  readonly kind: 'value';
  value: bigint;
  /** Of a string: it ended in `*`, `bits` are those before. */
  readonly wildcard?: boolean;
}

export interface PrefixNode extends Common {
  readonly kind: 'prefix';
  readonly base: ValueNode;
  readonly len: number;
}

export interface RangeNode extends Common {
  readonly kind: 'range';
  from: ValueNode;
  to: ValueNode;
}

export interface ConcatNode extends Common {
  readonly kind: 'concat';
  items: Node[];
}

export interface SetRefNode extends Common {
  readonly kind: 'set reference';
  readonly set: SetDef;
}

export interface BinopNode extends Common {
  readonly kind: 'binop';
  readonly op: '&' | '|' | '^' | '<<' | '>>';
  left: Node;
  right: ValueNode;
}

export interface UnaryNode extends Common {
  readonly kind: 'unary';
  readonly op: 'hton' | 'ntoh';
  readonly arg: Node;
}

export interface MapNode extends Common {
  readonly kind: 'map';
  readonly key: Node;
  readonly set: SetDef;
}

export interface VerdictNode extends Common {
  readonly kind: 'verdict';
  readonly verdict: VerdictData;
}

/** The name of an object, as what a map holds. */
export interface ObjectNode extends Common {
  readonly kind: 'object';
  readonly name: string;
}

export interface WildcardNode extends Common {
  readonly kind: 'wildcard';
}

export interface PayloadNode extends Common {
  readonly kind: 'payload';
  /** Undefined: raw. */
  readonly proto?: Proto;
  readonly field?: Field;
  readonly base: HeaderBase;
  /** In bits. */
  offset: number;
}

export interface ExthdrNode extends Common {
  readonly kind: 'exthdr';
  /** Of the header or option. */
  readonly name: string;
  /** nft's number of the field: from 1, of options from 0. */
  readonly index: number;
  readonly op: ExthdrOp;
  readonly type: number;
  readonly offset: number;
  readonly present: boolean;
  readonly raw: boolean;
}

export interface MetaNode extends Common {
  readonly kind: 'meta';
  readonly name: string;
  readonly key: number;
}

export interface CtNode extends Common {
  readonly kind: 'ct';
  readonly name: string;
  readonly key: number;
  readonly dir?: 'original' | 'reply';
}

export interface SimpleNode extends Common {
  readonly kind: 'rt' | 'socket' | 'xfrm' | 'osf' | 'fib' | 'numgen' | 'symhash' | 'jhash';
  readonly key?: number;
  readonly level?: number;
  readonly dir?: 'in' | 'out';
  readonly spnum?: number;
  readonly ttl?: number;
  readonly version?: boolean;
  readonly fibFlags?: readonly FibFlag[];
  readonly fibResult?: 'oif' | 'oifname' | 'type';
  present?: boolean;
  readonly mode?: 'inc' | 'random';
  readonly modulus?: number;
  readonly offset?: number;
  readonly seed?: number;
  readonly arg?: Node;
}

export type Node =
  | ValueNode
  | PrefixNode
  | RangeNode
  | ConcatNode
  | SetRefNode
  | BinopNode
  | UnaryNode
  | MapNode
  | VerdictNode
  | ObjectNode
  | WildcardNode
  | PayloadNode
  | ExthdrNode
  | MetaNode
  | CtNode
  | SimpleNode;

/** An element of a set, evaluated. */
export interface ElementNode {
  readonly key: Node;
  readonly data?: Node;
  readonly timeoutMs?: bigint;
  readonly expiresMs?: bigint;
  readonly comment?: string;
  readonly stmts: readonly TypedStatement[];
  readonly loc: Loc;
}

export function valueNode(
  value: bigint,
  dtype: Datatype,
  bits: number,
  order: ByteOrder,
  loc: Loc,
  wildcard = false,
): ValueNode {
  return { kind: 'value', value, dtype, bits, order, loc, ...(wildcard && { wildcard }) };
}

/** Known while compiling. */
export function isConstant(node: Node): boolean {
  switch (node.kind) {
    case 'value':
    case 'prefix':
    case 'range':
    case 'set reference':
    case 'verdict':
    case 'object':
    case 'wildcard':
      return true;
    case 'concat':
      return node.items.every(isConstant);
    case 'binop':
    case 'unary':
    case 'map':
    case 'payload':
    case 'exthdr':
    case 'meta':
    case 'ct':
    case 'rt':
    case 'socket':
    case 'xfrm':
    case 'osf':
    case 'fib':
    case 'numgen':
    case 'symhash':
    case 'jhash':
      return false;
  }
}

/** The bytes of a value, as they lie in a register. */
export function valueBytes(value: bigint, bits: number, order: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  if (bytes.length <= 6) {
    let rest = Number(value);
    for (let at = 0; at < bytes.length; at++) {
      bytes[order === 'big' ? bytes.length - 1 - at : at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return bytes;
  }
  let rest = value;
  for (let at = 0; at < bytes.length; at++) {
    bytes[order === 'big' ? bytes.length - 1 - at : at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** The mask of a prefix: its upper bits. */
export const prefixMask = (len: number, bits: number): bigint => ones(bits) ^ ones(bits - len);
