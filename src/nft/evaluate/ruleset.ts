/**
 * What evaluate knows of tables, sets, maps, chains and objects while it goes through a file: those of the file so far, and those
 * that a running router has (asked for by whoever compiles). And the sets of the IR.
 */
import type { Family, Loc, ObjectType } from '../ast.js';
import type { ByteOrder, Datatype } from '../datatype/datatype.js';
import type { IrExpr } from '../expr/registry.js';
import type { ElementNode } from './node.js';

export interface SetDef {
  readonly family: Family;
  readonly table: string;
  /** `__set%d` and the like: the kernel gives the number. */
  readonly name: string;
  readonly anonymous: boolean;
  /** NFTA_SET_ID: one within a batch. */
  readonly id: number;
  /** NFT_SET_*. */
  flags: number;
  readonly keyType: Datatype;
  readonly keyBits: number;
  /** Byte orders of a concatenation's parts are those of `parts`. */
  readonly keyOrder: ByteOrder;
  /** Sizes of the parts of a concatenation. */
  readonly parts?: readonly { readonly dtype: Datatype; readonly bits: number; readonly order: ByteOrder }[];
  /** Of a map: a type of data, verdicts, or objects. */
  readonly data?: MapDef;
  size: number;
  readonly timeoutMs: bigint;
  readonly gcIntervalMs: bigint;
  readonly policy?: 'performance' | 'memory';
  readonly autoMerge: boolean;
  readonly comment?: string;
  /** Kept in the set's user data for listings: what the key is made of, and the data. */
  readonly keyTypeof?: readonly number[];
  readonly dataTypeof?: readonly number[];
  /** The byte order before intervals asked for another. */
  readonly plainOrder: ByteOrder;
  readonly exprs: readonly IrExpr[];
  /** Of a named interval set: what the file has put into it, and the router has in it. */
  elements: readonly ElementNode[];
  /** The router has it, and `elements` are all. */
  readonly known?: boolean;
  readonly loc: Loc;
}

export interface MapDef {
  readonly kind: 'data' | 'verdict' | 'object';
  readonly dtype: Datatype;
  readonly bits: number;
  readonly order: ByteOrder;
  readonly parts?: readonly { readonly dtype: Datatype; readonly bits: number; readonly order: ByteOrder }[];
  /** Values may be ranges. */
  readonly interval: boolean;
  readonly objectType?: ObjectType;
  readonly typeofData?: readonly number[];
}

export interface TableDef {
  readonly family: Family;
  readonly name: string;
  readonly sets: Map<string, SetDef>;
  readonly chains: Map<string, ChainDef>;
  readonly objects: Map<string, ObjectType>;
  readonly flowtables: Set<string>;
}

/** A rule of a chain: what a running router has is known by its handle, what the file adds by its instructions. */
export interface RuleRef {
  readonly handle?: bigint;
  /** NFTA_RULE_ID, once another rule names it by its index. */
  id?: number;
}

export interface ChainDef {
  readonly name: string;
  /** In their order. */
  rules: RuleRef[];
  /** Of one that the router has. */
  readonly handle?: bigint;
  readonly type?: string;
  readonly hook?: string;
}

/** By family and name. */
export class KnownRuleset {
  readonly tables = new Map<string, TableDef>();

  /** `complete`: what a router has is in it; a name that is not there is nowhere. */
  constructor(readonly complete = false) {}

  table(family: Family, name: string): TableDef {
    const key = `${family} ${name}`;
    let found = this.tables.get(key);
    if (found === undefined) {
      found = {
        family,
        name,
        sets: new Map(),
        chains: new Map(),
        objects: new Map(),
        flowtables: new Set(),
      };
      this.tables.set(key, found);
    }
    return found;
  }

  /** `flush ruleset`, of one family or all. */
  flush(family?: Family): void {
    for (const [key, table] of this.tables)
      if (family === undefined || table.family === family) this.tables.delete(key);
  }

  delete(family: Family, name: string): void {
    this.tables.delete(`${family} ${name}`);
  }
}
