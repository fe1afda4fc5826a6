/** Statements as evaluate leaves them: typed expressions in place of the syntax tree's, or already the instruction itself. */
import type { Loc } from '../ast.js';
import type { CmpOp } from '../expr/cmp.js';
import type { VerdictData } from '../expr/data.js';
import type { IrExpr } from '../expr/registry.js';
import type { CtNode, ExthdrNode, MetaNode, Node, PayloadNode } from './node.js';
import type { SetDef } from './ruleset.js';

/** `flags`: left & right is not zero; `noflags`: it is. */
export type RelationOp = CmpOp | 'flags' | 'noflags';

export interface MatchTyped {
  readonly kind: 'match';
  readonly op: RelationOp;
  readonly left: Node;
  readonly right: Node;
  /** It says what the next protocol is: what depends on it must not come before. */
  readonly protocol: boolean;
  readonly loc: Loc;
}

export type TypedStatement =
  | MatchTyped
  | { readonly kind: 'verdict'; readonly verdict: VerdictData; readonly loc: Loc }
  | { readonly kind: 'vmap'; readonly key: Node; readonly set: SetDef; readonly loc: Loc }
  | { readonly kind: 'instruction'; readonly expr: IrExpr; readonly loc: Loc }
  | { readonly kind: 'objref'; readonly key: Node; readonly set: SetDef; readonly loc: Loc }
  | {
      readonly kind: 'mangle';
      readonly key: PayloadNode | ExthdrNode | MetaNode | CtNode;
      readonly value: Node;
      readonly loc: Loc;
    }
  | {
      readonly kind: 'dynset';
      readonly op: 'add' | 'update' | 'delete';
      readonly set: SetDef;
      readonly key: Node;
      readonly data?: Node;
      readonly timeoutMs: bigint;
      readonly stmts: readonly TypedStatement[];
      readonly loc: Loc;
    }
  | {
      readonly kind: 'nat';
      readonly type: 'snat' | 'dnat' | 'masq' | 'redir' | 'tproxy';
      readonly family: number;
      readonly addr?: Node;
      readonly port?: Node;
      readonly flags: number;
      /** The address is that of a map which holds more: ports behind it, ranges. */
      readonly mapShape?: { readonly interval: boolean; readonly concat: boolean; readonly addrBits: number };
      readonly loc: Loc;
    }
  | { readonly kind: 'dup'; readonly addr?: Node; readonly dev?: Node; readonly loc: Loc }
  | {
      readonly kind: 'fwd';
      readonly dev: Node;
      readonly addr?: Node;
      readonly family?: number;
      readonly loc: Loc;
    }
  | {
      readonly kind: 'queue';
      readonly num: Node;
      readonly bypass: boolean;
      readonly fanout: boolean;
      readonly loc: Loc;
    };
