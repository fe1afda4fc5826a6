/**
 * The IR: what a file of rules comes to, command by command, in the terms of the kernel's messages. It is printed (debug text) and
 * sent (encode); a dump is decoded into the same objects. Names of devices, chains and sets stay names; handles are the kernel's.
 */
import type { Family, ObjectType } from './ast.js';
import type { VerdictData } from './expr/data.js';
import type { IrExpr } from './expr/registry.js';

interface InTable {
  readonly family: Family;
  readonly table: string;
}

export interface IrTable {
  readonly kind: 'table';
  readonly family: Family;
  readonly name: string;
  readonly flags: number;
  /** Only its name goes into the message: it is to be deleted. */
  readonly bare?: boolean;
  readonly handle?: bigint;
  readonly comment?: string;
}

export interface IrHook {
  /** NF_INET_*, NF_NETDEV_*. */
  readonly number: number;
  readonly priority: number;
  readonly devices: readonly string[];
}

export interface IrChain extends InTable {
  readonly kind: 'chain';
  readonly name: string;
  /** Of a chain without a name, within the batch. */
  readonly id?: number;
  readonly type?: string;
  readonly hook?: IrHook;
  /** NF_DROP 0, NF_ACCEPT 1. */
  readonly policy?: number;
  readonly flags?: number;
  readonly handle?: bigint;
  readonly comment?: string;
  /** What debug text calls the hook. */
  readonly hookText?: string;
}

export interface IrRule extends InTable {
  readonly kind: 'rule';
  readonly chain: string;
  readonly exprs: readonly IrExpr[];
  readonly handle?: bigint;
  readonly position?: bigint;
  /** Another rule of the batch names this one by it. */
  readonly id?: number;
  /** Beside which rule of the batch. */
  readonly positionId?: number;
  /** Of a chain without a name. */
  readonly chainId?: number;
  readonly userdata?: Uint8Array;
}

export interface IrSet extends InTable {
  readonly kind: 'set';
  readonly name: string;
  readonly id: number;
  readonly flags: number;
  readonly keyType: number;
  /** In bytes. */
  readonly keyLen: number;
  readonly dataType?: number;
  readonly dataLen?: number;
  readonly objectType?: number;
  readonly timeoutMs: bigint;
  readonly gcIntervalMs: number;
  readonly policy?: number;
  readonly size: number;
  /** Bytes of each part of a concatenation with intervals. */
  readonly fieldLens?: readonly number[];
  readonly userdata?: Uint8Array;
  readonly exprs: readonly IrExpr[];
  readonly handle?: bigint;
}

export interface IrElement {
  readonly key: Uint8Array;
  /** The other end of a concatenation's interval. */
  readonly keyEnd?: Uint8Array;
  readonly data?: Uint8Array | VerdictData;
  readonly object?: string;
  /** NFT_SET_ELEM_*. */
  readonly flags: number;
  readonly timeoutMs?: bigint;
  readonly expiresMs?: bigint;
  readonly userdata?: Uint8Array;
  readonly exprs: readonly IrExpr[];
  /** Of the key, in the text that it was made of. */
  readonly loc?: import('./ast.js').Loc;
}

export interface IrElements extends InTable {
  readonly kind: 'elements';
  readonly set: string;
  readonly setId: number;
  readonly elements: readonly IrElement[];
}

export interface IrFlowtable extends InTable {
  readonly kind: 'flowtable';
  readonly name: string;
  readonly hook?: IrHook;
  readonly flags: number;
  readonly bare?: boolean;
  readonly handle?: bigint;
}

/** The state of a named object, by its type. */
export type IrObjectData =
  | { readonly type: 'counter'; readonly packets: bigint; readonly bytes: bigint }
  | { readonly type: 'quota'; readonly bytes: bigint; readonly used: bigint; readonly inv: boolean }
  | {
      readonly type: 'limit';
      readonly rate: bigint;
      readonly unit: bigint;
      readonly burst: number;
      readonly bytes: boolean;
      readonly inv: boolean;
    }
  | { readonly type: 'ct helper'; readonly name: string; readonly l3proto: number; readonly l4proto: number }
  | {
      readonly type: 'ct timeout';
      readonly l3proto: number;
      readonly l4proto: number;
      /** Seconds by the state's number. */
      readonly policy: readonly { readonly state: number; readonly name: string; readonly value: number }[];
    }
  | {
      readonly type: 'ct expectation';
      readonly l3proto: number;
      readonly l4proto: number;
      readonly dport: number;
      readonly timeoutMs: number;
      readonly size: number;
    }
  | { readonly type: 'synproxy'; readonly mss: number; readonly wscale: number; readonly flags: number }
  | { readonly type: 'secmark'; readonly context: string };

export interface IrObject extends InTable {
  readonly kind: 'object';
  readonly name: string;
  readonly objectType: ObjectType;
  readonly data?: IrObjectData;
  readonly handle?: bigint;
  readonly comment?: string;
}

export type IrThing = IrTable | IrChain | IrRule | IrSet | IrElements | IrFlowtable | IrObject;

/** `flush ruleset`, `flush table`: all rules of a table; `flush chain`: of a chain; `flush set`: its elements. */
export interface IrFlush {
  readonly kind: 'flush';
  readonly what: 'ruleset' | 'table' | 'chain' | 'set';
  readonly family?: Family;
  readonly table?: string;
  readonly name?: string;
}

export interface IrCommand {
  /** add is NLM_F_CREATE, create with NLM_F_EXCL as well; insert puts a rule before others. */
  readonly op: 'add' | 'create' | 'insert' | 'replace' | 'delete' | 'destroy' | 'flush' | 'rename';
  readonly thing: IrThing | IrFlush;
  readonly newname?: string;
  /** For messages about what the kernel says of it. */
  readonly loc: import('./ast.js').Loc;
}
