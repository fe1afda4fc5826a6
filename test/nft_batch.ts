/** Batches of nf_tables made by hand, for tests: tables, chains, rules of expressions, sets and elements. */
import {
  NFTA_LIST_ELEM,
  NftaChain,
  NftaData,
  NftaExpr,
  NftaHook,
  NftaObj,
  NftaRule,
  NftaSet,
  NftaSetDesc,
  NftaSetElem,
  NftaSetElemList,
  NftaTable,
  NftaVerdict,
  NftMsg,
} from '../assembly/abi/nf_tables.js';
import { NfProto, NLM_F_APPEND, NLM_F_CREATE } from '../assembly/abi/nfnl.js';
import type { NlAttrWriter } from '../src/netlink/nlattr.js';
import { batchBegin, batchEnd, joinMessages, nfMessage } from '../src/netlink/nlmsg.js';

type Fill = (attrs: NlAttrWriter) => void;
/** Fills NFTA_EXPR_*. */
export type Expr = Fill;

const SUBSYS_NFT = 10 << 8;
const REG_1 = 1;

export const NF = { DROP: 0, ACCEPT: 1 } as const;

/** An expression by its name with its attributes. */
export function expr(name: string, fill?: Fill): Expr {
  return (attrs) => {
    attrs.text(NftaExpr.NAME, name);
    if (fill !== undefined) attrs.nest(NftaExpr.DATA, fill);
  };
}

export const value =
  (bytes: readonly number[]): Fill =>
  (a) =>
    a.put(NftaData.VALUE, Uint8Array.from(bytes));

export const verdictData =
  (code: number, chain?: string): Fill =>
  (a) =>
    a.nest(NftaData.VERDICT, (v) => {
      v.u32(NftaVerdict.CODE, code);
      if (chain !== undefined) v.text(NftaVerdict.CHAIN, chain);
    });

export const verdict = (code: number, chain?: string): Expr =>
  expr('immediate', (a) => a.u32(1, 0).nest(2, verdictData(code, chain)));
export const immediate = (bytes: readonly number[], dreg = REG_1): Expr =>
  expr('immediate', (a) => a.u32(1, dreg).nest(2, value(bytes)));
/** Base 0 link layer, 1 network, 2 transport. */
export const payload = (base: number, offset: number, len: number, dreg = REG_1): Expr =>
  expr('payload', (a) => a.u32(1, dreg).u32(2, base).u32(3, offset).u32(4, len));
export const meta = (key: number, dreg = REG_1): Expr => expr('meta', (a) => a.u32(1, dreg).u32(2, key));
export const metaSet = (key: number, sreg = REG_1): Expr => expr('meta', (a) => a.u32(2, key).u32(3, sreg));
/** op: 0 eq, 1 neq, 2 lt, 3 lte, 4 gt, 5 gte */
export const cmp = (bytes: readonly number[], op = 0, sreg = REG_1): Expr =>
  expr('cmp', (a) => a.u32(1, sreg).u32(2, op).nest(3, value(bytes)));
export const counter = (): Expr => expr('counter', (a) => a.u64(1, 0n).u64(2, 0n));
export const lookup = (set: string, dreg?: number): Expr =>
  expr('lookup', (a) => {
    a.text(1, set).u32(2, REG_1);
    if (dreg !== undefined) a.u32(3, dreg);
  });

export class NftBatch {
  private readonly messages: Uint8Array[] = [];
  private seq = 1;

  constructor(
    readonly family: NfProto = NfProto.IPV4,
    readonly table = 't',
  ) {}

  message(type: NftMsg, fill: Fill, flags = NLM_F_CREATE): this {
    this.messages.push(
      nfMessage({ type: SUBSYS_NFT | type, family: this.family, flags, seq: this.seq++ }, fill),
    );
    return this;
  }

  addTable(flags = 0): this {
    return this.message(NftMsg.NEWTABLE, (a) =>
      a.text(NftaTable.NAME, this.table).u32(NftaTable.FLAGS, flags),
    );
  }

  /** A base chain when it has a hook. */
  addChain(
    name: string,
    hook?: { num: number; priority?: number; type?: string; policy?: number; device?: string },
  ): this {
    return this.message(NftMsg.NEWCHAIN, (a) => {
      a.text(NftaChain.TABLE, this.table).text(NftaChain.NAME, name);
      if (hook === undefined) return;
      a.nest(NftaChain.HOOK, (h) => {
        h.u32(NftaHook.HOOKNUM, hook.num).u32(NftaHook.PRIORITY, hook.priority ?? 0);
        if (hook.device !== undefined) h.text(NftaHook.DEV, hook.device);
      });
      a.u32(NftaChain.POLICY, hook.policy ?? NF.ACCEPT).text(NftaChain.TYPE, hook.type ?? 'filter');
    });
  }

  addRule(chain: string, ...exprs: Expr[]): this {
    return this.message(
      NftMsg.NEWRULE,
      (a) => {
        a.text(NftaRule.TABLE, this.table).text(NftaRule.CHAIN, chain);
        a.nest(NftaRule.EXPRESSIONS, (list) => {
          for (const one of exprs) list.nest(NFTA_LIST_ELEM, one);
        });
      },
      NLM_F_CREATE | NLM_F_APPEND,
    );
  }

  addSet(
    name: string,
    keyLen: number,
    more?: { flags?: number; data?: [number, number]; size?: number; fill?: Fill },
  ): this {
    return this.message(NftMsg.NEWSET, (a) => {
      a.text(NftaSet.TABLE, this.table)
        .text(NftaSet.NAME, name)
        .u32(NftaSet.FLAGS, more?.flags ?? 0);
      a.u32(NftaSet.KEY_LEN, keyLen).u32(NftaSet.ID, this.seq);
      if (more?.data !== undefined)
        a.u32(NftaSet.DATA_TYPE, more.data[0]).u32(NftaSet.DATA_LEN, more.data[1]);
      if (more?.size !== undefined) a.nest(NftaSet.DESC, (d) => d.u32(NftaSetDesc.SIZE, more.size!));
      more?.fill?.(a);
    });
  }

  elements(
    set: string,
    elems: readonly { key: readonly number[]; end?: boolean; fill?: Fill }[],
    type = NftMsg.NEWSETELEM,
  ): this {
    return this.message(type, (a) => {
      a.text(NftaSetElemList.TABLE, this.table).text(NftaSetElemList.SET, set);
      a.nest(NftaSetElemList.ELEMENTS, (list) => {
        for (const { key, end, fill } of elems) {
          list.nest(NFTA_LIST_ELEM, (e) => {
            e.nest(NftaSetElem.KEY, value(key));
            if (end === true) e.u32(NftaSetElem.FLAGS, 1);
            fill?.(e);
          });
        }
      });
    });
  }

  addObject(name: string, type: number, fill: Fill): this {
    return this.message(NftMsg.NEWOBJ, (a) => {
      a.text(NftaObj.TABLE, this.table)
        .text(NftaObj.NAME, name)
        .u32(NftaObj.TYPE, type)
        .nest(NftaObj.DATA, fill);
    });
  }

  bytes(): Uint8Array {
    return joinMessages([batchBegin(0), ...this.messages, batchEnd(this.seq)]);
  }
}
