/**
 * The transaction: a log of what was made, changed and deleted, in order. Its end makes it all so, in one step to
 * packets; its abort walks back and leaves everything as it was. Linux: nf_tables_commit and nf_tables_abort in
 * net/netfilter/nf_tables_api.c.
 *
 *   message ─► change with INACTIVE_* flags ─► Trans ─► ... ─► BATCH_END ─► check loops, make blobs and lookup arrays
 *                                                                             │ all there          │ any error
 *                                                                             ▼                    ▼
 *                                                                    commit, oldest first   abort, newest first
 *
 * What may fail (memory, loops) comes before the first step of the commit.
 */
import { NFT_SET_ANONYMOUS } from '../../abi/nf_tables';
import { kfree, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { Net } from '../../net/net';
import { eventNft } from './nft_event';
import { nftCtx } from './nft_ctx';
import {
  chainCommitUpdate,
  chainDestroy,
  chainUpdateAbort,
  chainUpdateCommit,
  chainsHook,
  chainUnhook,
} from './nft_chain';
import { chainCompile, chainSwap } from './nft_compile';
import { elemAbortDel, elemAbortNew, elemCommitDel, elemCommitNew } from './nft_setelem';
import { flowtableDestroy, flowtableUpdateAbort, flowtableUpdateCommit } from './nft_flowtable';
import {
  Chain,
  Flowtable,
  INACTIVE_NEXT,
  INACTIVE_NOW,
  Named,
  NftNet,
  Obj,
  Rule,
  Table,
  activeNext,
  namedRemove,
  tableFree,
  tableOf,
  tableUnlink,
} from './nf_tables';
import { nftNotify, nftNotifyGen } from './nft_notify';
import { objDestroy, objUpdateAbort, objUpdateCommit } from './nft_object';
import { ruleActivate, ruleDeactivate, ruleDestroy, ruleUnlink } from './nft_rule';
import { NftSet, setDestroy, setMapActivate, setMapDeactivate, setPrepare, setPublish } from './nft_set';
import { tableUpdateAbort, tableUpdateCommit } from './nft_table';
import { ctxValidate } from './nft_validate';

export enum TransKind {
  TABLE_NEW,
  TABLE_UPD,
  TABLE_DEL,
  CHAIN_NEW,
  CHAIN_UPD,
  CHAIN_DEL,
  RULE_NEW,
  RULE_DEL,
  SET_NEW,
  SET_UPD,
  SET_DEL,
  ELEM_NEW,
  ELEM_DEL,
  OBJ_NEW,
  OBJ_UPD,
  OBJ_DEL,
  FLOW_NEW,
  FLOW_UPD,
  FLOW_DEL,
}

@unmanaged
@final
export class Trans {
  next: usize;
  prev: usize;
  kind: u32;
  /** What it is about. */
  ptr: usize;
  /** Of the message. */
  seq: u32;
  /** By kind: what an update changes; ELEM_*: number of elements in `elems`. */
  a: u32;
  b: usize;
  c: u32;
}
const TRANS_BYTES: usize = 32;
/** Elements of one set in one record, behind it. */
const ELEMS_MAX: u32 = 120;

function transAlloc(nn: NftNet, kind: TransKind, ptr: usize, seq: u32, bytes: usize): Trans | null {
  const p = kzalloc(bytes);
  if (p === 0) return null;
  const t = changetype<Trans>(p);
  t.kind = kind;
  t.ptr = ptr;
  t.seq = seq;
  t.prev = nn.transTail;
  if (nn.transTail !== 0) changetype<Trans>(nn.transTail).next = p;
  else nn.transHead = p;
  nn.transTail = p;
  return t;
}

/** Writes down a change; null: no memory, and the caller undoes what it did. */
export function transAdd(nn: NftNet, kind: TransKind, ptr: usize, seq: u32): Trans | null {
  return transAlloc(nn, kind, ptr, seq, TRANS_BYTES);
}

/** Writes down an element of `set`, beside those before it. */
export function transAddElem(nn: NftNet, kind: TransKind, set: usize, elem: usize, seq: u32): bool {
  let t = changetype<Trans | null>(nn.transTail);
  if (t === null || t.kind !== <u32>kind || t.ptr !== set || t.a === ELEMS_MAX) {
    t = transAlloc(nn, kind, set, seq, TRANS_BYTES + (ELEMS_MAX << 2));
    if (t === null) return false;
  }
  store<u32>(changetype<usize>(t) + TRANS_BYTES + (t.a << 2), elem);
  t.a++;
  return true;
}

export function elemAt(t: Trans, i: u32): usize {
  return load<u32>(changetype<usize>(t) + TRANS_BYTES + (i << 2));
}

/** The record of the newest such change of `ptr`, or null. */
export function transFind(nn: NftNet, kind: TransKind, ptr: usize): Trans | null {
  for (let p = nn.transTail; p !== 0; p = changetype<Trans>(p).prev) {
    const t = changetype<Trans>(p);
    if (t.kind === <u32>kind && t.ptr === ptr) return t;
  }
  return null;
}

/** Chains and sets that the log touches are made ready; 0, -ENOMEM, or what the check for loops says. */
function prepare(nn: NftNet): i32 {
  const err = ctxValidate(nn);
  if (err !== 0) return err;
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    let chain: usize = 0;
    if (t.kind === TransKind.RULE_NEW || t.kind === TransKind.RULE_DEL) chain = changetype<Rule>(t.ptr).chain;
    if (t.kind === TransKind.CHAIN_NEW) chain = t.ptr;
    if (chain !== 0 && !chainCompile(changetype<Chain>(chain))) return -Errno.ENOMEM;
    if (t.kind === TransKind.SET_NEW) {
      const set = changetype<NftSet>(t.ptr);
      if (set.unbound()) return -Errno.EINVAL;
    }
    if (
      (t.kind === TransKind.ELEM_NEW || t.kind === TransKind.ELEM_DEL) &&
      !setPrepare(changetype<NftSet>(t.ptr))
    )
      return -Errno.ENOMEM;
  }
  return chainsHook(nn);
}

/** Ends the transaction. 0, or why it was aborted. */
export function transCommit(net: Net, nn: NftNet): i32 {
  if (nn.transHead === 0) return 0;
  const err = prepare(nn);
  if (err !== 0) return err;
  let p = nn.transHead;
  nn.genid++;
  if (nn.genid === 0) nn.genid = 1;
  while (p !== 0) {
    const t = changetype<Trans>(p);
    // Elements that are deleted are gone behind their step.
    const first = t.kind === TransKind.ELEM_DEL;
    if (first) nftNotify(nn, t);
    commitOne(nn, t);
    if (!first) nftNotify(nn, t);
    p = t.next;
  }
  nftNotifyGen(nn);
  freeDeleted(nn);
  freeLog(nn);
  eventNft(net, nn.genid);
  return 0;
}

/** Makes one change so. What is deleted leaves the packets' sight here, and is freed behind the last step. */
function commitOne(nn: NftNet, t: Trans): void {
  const ptr = t.ptr;
  switch (t.kind) {
    case TransKind.TABLE_NEW:
    case TransKind.OBJ_NEW:
    case TransKind.FLOW_NEW:
      changetype<Named>(ptr).state &= ~INACTIVE_NOW;
      changetype<Named>(ptr).id = 0;
      break;
    case TransKind.SET_NEW:
      changetype<Named>(ptr).state &= ~INACTIVE_NOW;
      changetype<Named>(ptr).id = 0;
      // An anonymous set goes with its rule: it does not keep its table.
      if ((changetype<NftSet>(ptr).flags & NFT_SET_ANONYMOUS) !== 0) tableOf(changetype<Named>(ptr)).use--;
      break;
    case TransKind.CHAIN_NEW:
      changetype<Named>(ptr).state &= ~INACTIVE_NOW;
      changetype<Named>(ptr).id = 0;
      chainSwap(nn, changetype<Chain>(ptr));
      chainCommitUpdate(changetype<Chain>(ptr));
      break;
    case TransKind.TABLE_UPD:
      tableUpdateCommit(changetype<Table>(ptr), t);
      break;
    case TransKind.CHAIN_UPD:
      chainUpdateCommit(changetype<Chain>(ptr), t);
      break;
    case TransKind.CHAIN_DEL:
      chainUnhook(changetype<Chain>(ptr));
      break;
    case TransKind.RULE_NEW:
      changetype<Rule>(ptr).state &= ~INACTIVE_NOW;
      changetype<Rule>(ptr).id = 0;
      chainSwap(nn, changetype<Chain>(changetype<Rule>(ptr).chain));
      break;
    case TransKind.RULE_DEL:
      chainSwap(nn, changetype<Chain>(changetype<Rule>(ptr).chain));
      break;
    case TransKind.SET_UPD:
      changetype<NftSet>(ptr).updateCommit(t.a, t.b, t.c);
      break;
    case TransKind.ELEM_NEW:
      for (let i: u32 = 0; i < t.a; i++) elemCommitNew(changetype<NftSet>(ptr), elemAt(t, i));
      setPublish(changetype<NftSet>(ptr));
      break;
    case TransKind.ELEM_DEL:
      for (let i: u32 = 0; i < t.a; i++) elemCommitDel(changetype<NftSet>(ptr), elemAt(t, i));
      setPublish(changetype<NftSet>(ptr));
      break;
    case TransKind.OBJ_UPD:
      objUpdateCommit(changetype<Obj>(ptr), t.b);
      break;
    case TransKind.FLOW_UPD:
      flowtableUpdateCommit(changetype<Flowtable>(ptr));
      break;
  }
}

/** Frees what was deleted: rules before sets and chains, which they name; tables last. */
function freeDeleted(nn: NftNet): void {
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    if (t.kind === TransKind.RULE_DEL) {
      ruleUnlink(changetype<Rule>(t.ptr));
      ruleDestroy(changetype<Rule>(t.ptr), true);
    }
  }
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    if (t.kind === TransKind.SET_DEL) {
      namedRemove(changetype<Named>(t.ptr));
      setDestroy(changetype<NftSet>(t.ptr));
    }
  }
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    if (t.kind !== TransKind.CHAIN_DEL && t.kind !== TransKind.OBJ_DEL && t.kind !== TransKind.FLOW_DEL)
      continue;
    namedRemove(changetype<Named>(t.ptr));
    if (t.kind === TransKind.CHAIN_DEL) chainDestroy(changetype<Chain>(t.ptr));
    else if (t.kind === TransKind.OBJ_DEL) objDestroy(changetype<Obj>(t.ptr));
    else flowtableDestroy(changetype<Flowtable>(t.ptr));
  }
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    if (t.kind !== TransKind.TABLE_DEL) continue;
    tableUnlink(nn, changetype<Table>(t.ptr));
    tableFree(changetype<Table>(t.ptr));
  }
}

function freeLog(nn: NftNet): void {
  let p = nn.transHead;
  while (p !== 0) {
    const next = changetype<Trans>(p).next;
    kfree(p);
    p = next;
  }
  nn.transHead = 0;
  nn.transTail = 0;
}

/** Undoes the transaction, newest change first. */
export function transAbort(nn: NftNet): void {
  for (let p = nn.transTail; p !== 0; p = changetype<Trans>(p).prev) abortOne(nn, changetype<Trans>(p));
  freeLog(nn);
}

function abortOne(nn: NftNet, t: Trans): void {
  const ptr = t.ptr;
  switch (t.kind) {
    case TransKind.TABLE_NEW:
      tableUnlink(nn, changetype<Table>(ptr));
      tableFree(changetype<Table>(ptr));
      break;
    case TransKind.TABLE_UPD:
      tableUpdateAbort(changetype<Table>(ptr), t);
      break;
    case TransKind.TABLE_DEL:
      changetype<Named>(ptr).state &= ~INACTIVE_NEXT;
      break;
    case TransKind.CHAIN_NEW:
      // One that was bound to a rule went from sight with that rule.
      if (activeNext(changetype<Named>(ptr).state)) tableOf(changetype<Named>(ptr)).use--;
      namedRemove(changetype<Named>(ptr));
      chainUnhook(changetype<Chain>(ptr));
      chainDestroy(changetype<Chain>(ptr));
      break;
    case TransKind.CHAIN_UPD:
      chainUpdateAbort(changetype<Chain>(ptr), t);
      break;
    case TransKind.CHAIN_DEL:
    case TransKind.OBJ_DEL:
    case TransKind.FLOW_DEL:
      changetype<Named>(ptr).state &= ~INACTIVE_NEXT;
      tableOf(changetype<Named>(ptr)).use++;
      break;
    case TransKind.SET_DEL:
      changetype<Named>(ptr).state &= ~INACTIVE_NEXT;
      tableOf(changetype<Named>(ptr)).use++;
      setMapActivate(changetype<NftSet>(ptr));
      break;
    case TransKind.RULE_NEW:
      abortRule(changetype<Rule>(ptr));
      break;
    case TransKind.RULE_DEL: {
      const rule = changetype<Rule>(ptr);
      rule.state &= ~INACTIVE_NEXT;
      ruleActivate(rule);
      const chain = changetype<Chain>(rule.chain);
      chain.use++;
      chain.rules++;
      dropBlob(chain);
      break;
    }
    case TransKind.SET_NEW: {
      const set = changetype<NftSet>(ptr);
      tableOf(changetype<Named>(ptr)).use--;
      if (activeNext(set.state)) setMapDeactivate(set);
      namedRemove(changetype<Named>(ptr));
      setDestroy(set);
      break;
    }
    case TransKind.SET_UPD:
      break;
    case TransKind.ELEM_NEW:
      for (let i = t.a; i > 0; i--) elemAbortNew(changetype<NftSet>(ptr), elemAt(t, i - 1));
      changetype<NftSet>(ptr).dropNext();
      break;
    case TransKind.ELEM_DEL:
      for (let i = t.a; i > 0; i--) elemAbortDel(changetype<NftSet>(ptr), elemAt(t, i - 1));
      changetype<NftSet>(ptr).dropNext();
      break;
    case TransKind.OBJ_NEW:
      tableOf(changetype<Named>(ptr)).use--;
      namedRemove(changetype<Named>(ptr));
      objDestroy(changetype<Obj>(ptr));
      break;
    case TransKind.OBJ_UPD:
      objUpdateAbort(changetype<Obj>(ptr), t.b);
      break;
    case TransKind.FLOW_NEW:
      tableOf(changetype<Named>(ptr)).use--;
      namedRemove(changetype<Named>(ptr));
      flowtableDestroy(changetype<Flowtable>(ptr));
      break;
    case TransKind.FLOW_UPD:
      flowtableUpdateAbort(changetype<Flowtable>(ptr));
      break;
  }
}

function abortRule(rule: Rule): void {
  const chain = changetype<Chain>(rule.chain);
  if ((rule.state & INACTIVE_NEXT) === 0) {
    ruleDeactivate(rule);
    chain.use--;
    chain.rules--;
  }
  ruleUnlink(rule);
  ruleDestroy(rule, false);
  dropBlob(chain);
}

function dropBlob(chain: Chain): void {
  kfree(chain.blobNext);
  chain.blobNext = 0;
}

/** Everything of the namespace goes: it ends. */
export function nftNetExit(net: Net): void {
  const nn = changetype<NftNet | null>(net.nft);
  if (nn === null) return;
  nftCtx().net = net;
  transAbort(nn);
  for (let t = nn.tableHead; t !== 0; t = changetype<Table>(t).next) freeAllOf(changetype<Table>(t));
  while (nn.tableHead !== 0) {
    const table = changetype<Table>(nn.tableHead);
    tableUnlink(nn, table);
    tableFree(table);
  }
  kfree(nn.eventRing);
  kfree(nn.queues);
  kfree(net.nft);
  net.nft = 0;
}

/** Rules first: they name sets, chains and objects. */
function freeAllOf(table: Table): void {
  for (let p = table.heads; p !== 0; p = changetype<Chain>(p).next) {
    const chain = changetype<Chain>(p);
    chainUnhook(chain);
    while (chain.ruleHead !== 0) {
      const rule = changetype<Rule>(chain.ruleHead);
      ruleDeactivate(rule);
      ruleUnlink(rule);
      ruleDestroy(rule, true);
    }
  }
  while (table.head1 !== 0) {
    const set = changetype<NftSet>(table.head1);
    namedRemove(changetype<Named>(table.head1));
    setDestroy(set);
  }
  while (table.heads !== 0) {
    const chain = changetype<Chain>(table.heads);
    namedRemove(changetype<Named>(table.heads));
    chainDestroy(chain);
  }
  while (table.head2 !== 0) {
    const obj = changetype<Obj>(table.head2);
    namedRemove(changetype<Named>(table.head2));
    objDestroy(obj);
  }
  while (table.head3 !== 0) {
    const flowtable = changetype<Flowtable>(table.head3);
    namedRemove(changetype<Named>(table.head3));
    flowtableDestroy(flowtable);
  }
}

/** Of which message is the change that touches `ptr`: 0 when none does. */
export function transSeqOf(nn: NftNet, kind: TransKind, ptr: usize): u32 {
  const t = transFind(nn, kind, ptr);
  return t === null ? 0 : t.seq;
}
