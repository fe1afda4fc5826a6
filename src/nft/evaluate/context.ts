/**
 * The state of evaluating one rule: what is known of the packet's headers, the statements so far, and the type that a constant is
 * read as. `expect` changes from expression to expression: the left side of a match says how the right is read.
 */
import type { Chain, Expression, Family, Loc } from '../ast.js';
import type { ByteOrder, Datatype } from '../datatype/datatype.js';
import { INTEGER, INVALID } from '../datatype/datatype.js';
import type { SystemNames } from '../datatype/names.js';
import { NftError } from '../error.js';
import { ETHER, FAMILY_PROTO } from '../proto/network.js';
import type { HeaderBase, Proto } from '../proto/proto.js';
import type { ElementNode, Node } from './node.js';
import type { KnownRuleset, MapDef, SetDef, TableDef } from './ruleset.js';
import type { TypedStatement } from './typed_statement.js';

export interface Expected {
  readonly dtype: Datatype;
  readonly bits: number;
  readonly order: ByteOrder;
  /** The largest value that fits, where it is not all ones. */
  readonly max?: bigint;
}

export const NOTHING_EXPECTED: Expected = { dtype: INVALID, bits: 0, order: 'none' };

interface Layer {
  proto: Proto;
}

export class ProtoContext {
  readonly layers = new Map<HeaderBase, Layer>();
  /** Link headers one behind the other: ether, vlan, vlan. */
  readonly stackedLl: Proto[] = [];
  /** The ICMP type that was matched, for fields that only one type has. */
  icmpType: number | undefined;

  constructor(readonly family: Family) {
    const proto = FAMILY_PROTO[family];
    this.layers.set(proto.base, { proto });
    if (proto === ETHER) this.stackedLl.push(ETHER);
  }

  get(base: HeaderBase): Layer | undefined {
    return this.layers.get(base);
  }

  /** What was matched says that `proto` comes there. */
  update(base: HeaderBase, proto: Proto): void {
    if (base === 'll' && proto.len !== undefined && !(proto === ETHER && this.stackedLl.includes(ETHER)))
      this.stackedLl.push(proto);
    this.layers.set(base, { proto });
  }
}

/** What all rules of a compilation share. */
export interface Compilation {
  readonly names: SystemNames;
  readonly known: KnownRuleset;
  /** An expression in the context of a rule (expression.ts; maps hold expressions, and expressions hold maps). */
  evaluate(ctx: RuleContext, expr: Expression): Node;
  nextSetId(): number;
  nextChainId(): number;
}

/** A chain without a name, that a verdict of the rule jumps to. */
export interface NewChain {
  readonly chain: Chain;
  readonly id: number;
}

export interface NewSet {
  readonly set: SetDef;
  readonly elements: readonly ElementNode[];
}

export class RuleContext {
  readonly proto: ProtoContext;
  readonly stmts: TypedStatement[] = [];
  /** What the rule needs before it: anonymous sets and chains, meters; in order. */
  readonly before: (NewSet | NewChain)[] = [];
  expect: Expected = NOTHING_EXPECTED;
  /** Within elements of a set: keys may be intervals. */
  inSet = false;

  constructor(
    readonly shared: Compilation,
    readonly family: Family,
    readonly table: TableDef,
    readonly chain?: { readonly type?: string; readonly hook?: string },
  ) {
    this.proto = new ProtoContext(family);
  }

  /** Reads constants as this, while `run` lasts. */
  expecting<T>(expected: Expected, run: () => T): T {
    const before = this.expect;
    this.expect = expected;
    try {
      return run();
    } finally {
      this.expect = before;
    }
  }

  evaluate(expr: Expression): Node {
    return this.shared.evaluate(this, expr);
  }

  addSet(
    made: Pick<SetDef, 'name' | 'anonymous' | 'flags' | 'keyType' | 'keyBits' | 'keyOrder' | 'loc'> & {
      parts?: NonNullable<SetDef['parts']>;
      data?: MapDef;
      keyTypeof?: readonly number[];
      dataTypeof?: readonly number[];
      plainOrder?: ByteOrder;
      size?: number;
      timeoutMs?: bigint;
    },
    elements: readonly ElementNode[],
  ): SetDef {
    const set: SetDef = {
      size: 0,
      timeoutMs: 0n,
      family: this.family,
      table: this.table.name,
      id: this.shared.nextSetId(),
      gcIntervalMs: 0n,
      autoMerge: (made.flags & 4) !== 0 && made.data === undefined,
      plainOrder: made.keyOrder,
      exprs: [],
      elements: [],
      ...made,
    };
    this.before.push({ set, elements });
    return set;
  }
}

export const expectInteger = (bits: number, order: ByteOrder = 'host', max?: bigint): Expected => ({
  dtype: INTEGER,
  bits,
  order,
  ...(max !== undefined && { max }),
});

export function fail(loc: Loc, message: string, because?: Loc): never {
  throw new NftError(message, loc, because);
}
