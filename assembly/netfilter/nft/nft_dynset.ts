/** `dynset`: packets add, refresh and delete elements of a set. Linux: net/netfilter/nft_dynset.c. */
import {
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_DATA_VERDICT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
  NftaDynset,
} from '../../abi/nf_tables';
import { kfree, kmalloc } from '../../lib/kmalloc';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaBe64, nlaPutBe32, nlaPutBe64, nlaPutString, tbGet } from '../nlattr';
import { textLen, textPtr } from './nf_tables';
import { Ctx, nftCtx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { Elem, ElemMore, elemAlloc, elemData, elemFree, elemKey, elemMore } from './nft_elem';
import { exprsRun } from './nft_eval';
import { exprsClone, exprsDestroy, exprsDump, exprsParseElem } from './nft_expr';
import { setBind } from './nft_lookup';
import { Pkt } from './nft_pkt';
import { NftSet, SetBackend, setGcMake, setLookupNla } from './nft_set';
import { setInsert, setLookup, setRemove } from './nft_set_backend';
import { gcArm } from './nft_setelem';

const OP_UPDATE: u32 = 1;
const OP_DELETE: u32 = 2;
const F_INV: u32 = 1;
const F_EXPR: u32 = 2;
/** Linux's bound on a set that packets add to and that has none. */
const SIZE_DEFAULT: u32 = 0xffff;
const NS_PER_MS: u64 = 1_000_000;

/** AUX: NFT_DYNSET_OP_*. `more` holds expressions as an element does. */
@unmanaged
@final
export class Dynset {
  head: u32;
  set: usize;
  sregKey: u16;
  /** 0: no data. */
  sregData: u16;
  flags: u32;
  timeout: u64;
  more: usize;
  pad: u32;
}
export const DYNSET_SIZE: u32 = 32;

export function dynsetInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const d = changetype<Dynset>(rec);
  const name = tbGet(tb, NftaDynset.SET_NAME);
  const opAttr = tbGet(tb, NftaDynset.OP);
  const key = tbGet(tb, NftaDynset.SREG_KEY);
  if (name === 0 || opAttr === 0 || key === 0) return -Errno.EINVAL;
  const flags = tbGet(tb, NftaDynset.FLAGS);
  if (flags !== 0) {
    d.flags = nlaBe32(flags);
    if ((d.flags & ~(F_INV | F_EXPR)) !== 0) return -Errno.EOPNOTSUPP;
  }
  const p = setLookupNla(ctx.table, name, tbGet(tb, NftaDynset.SET_ID));
  if (p === 0) return -Errno.ENOENT;
  const set = changetype<NftSet>(p);
  if ((set.flags & NFT_SET_OBJECT) !== 0) return -Errno.EOPNOTSUPP;
  if (set.backend !== <u8>SetBackend.HASH) return -Errno.EOPNOTSUPP;
  if ((set.flags & NFT_SET_CONSTANT) !== 0) return -Errno.EBUSY;
  const op = nlaBe32(opAttr);
  if (op > 255) return -Errno.ERANGE;
  if (op > OP_DELETE) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>op, 1);
  const timeout = tbGet(tb, NftaDynset.TIMEOUT);
  if (timeout !== 0) {
    if ((set.flags & NFT_SET_TIMEOUT) === 0) return -Errno.EOPNOTSUPP;
    d.timeout = nlaBe64(timeout);
    if (d.timeout > u64.MAX_VALUE / NS_PER_MS / 2) return -Errno.ERANGE;
  }
  const sreg = regLoad(ctx, key, set.klen);
  if (sreg < 0) return sreg;
  d.sregKey = <u16>sreg;
  const data = tbGet(tb, NftaDynset.SREG_DATA);
  if (data !== 0) {
    if ((set.flags & NFT_SET_MAP) === 0 || set.dtype === NFT_DATA_VERDICT) return -Errno.EOPNOTSUPP;
    const dreg = regLoad(ctx, data, set.dlen);
    if (dreg < 0) return dreg;
    d.sregData = <u16>dreg;
  } else if ((set.flags & NFT_SET_MAP) !== 0) return -Errno.EINVAL;
  const err = exprsInit(ctx, d, set, tbGet(tb, NftaDynset.EXPR), tbGet(tb, NftaDynset.EXPRESSIONS));
  if (err !== 0) return err;
  if ((set.timeout !== 0 || d.timeout !== 0) && !setGcMake(set)) return -Errno.ENOMEM;
  const bound = setBind(set);
  if (bound !== 0) {
    moreFree(d, false);
    return bound;
  }
  // Packets may not fill the memory.
  if (set.size === 0) set.size = SIZE_DEFAULT;
  d.set = p;
  return 0;
}

/** What each new element gets: said here, or by the set. */
function exprsInit(ctx: Ctx, d: Dynset, set: NftSet, one: usize, list: usize): i32 {
  if ((one | list) !== 0 && (set.flags & NFT_SET_EVAL) === 0) return -Errno.EINVAL;
  if ((one | list) === 0) return 0;
  d.more = elemMoreNew();
  if (d.more === 0) return -Errno.ENOMEM;
  const err = exprsParseElem(ctx, one, list, set, changetype<ElemMore>(d.more));
  if (err !== 0) moreFree(d, false);
  return err;
}

function elemMoreNew(): usize {
  const p = kmalloc(offsetof<ElemMore>());
  if (p !== 0) memory.fill(p, 0, offsetof<ElemMore>());
  return p;
}

function moreFree(d: Dynset, commit: bool): void {
  if (d.more === 0) return;
  const more = changetype<ElemMore>(d.more);
  exprsDestroy(more.exprs, more.exprsLen, commit);
  kfree(more.exprs);
  kfree(d.more);
  d.more = 0;
}

export function dynsetSet(rec: usize): NftSet {
  return changetype<NftSet>(changetype<Dynset>(rec).set);
}

export function dynsetDestroy(rec: usize, commit: bool): void {
  moreFree(changetype<Dynset>(rec), commit);
}

export function dynsetDump(rec: usize, out: NlOut): void {
  const d = changetype<Dynset>(rec);
  const name = dynsetSet(rec).name;
  dumpRegister(out, NftaDynset.SREG_KEY, d.sregKey);
  if (d.sregData !== 0) dumpRegister(out, NftaDynset.SREG_DATA, d.sregData);
  nlaPutBe32(out, NftaDynset.OP, load<u8>(rec, 1));
  nlaPutString(out, NftaDynset.SET_NAME, textPtr(name), textLen(name));
  nlaPutBe64(out, NftaDynset.TIMEOUT, d.timeout);
  if (d.more !== 0 && dynsetSet(rec).nexprs === 0) {
    const more = changetype<ElemMore>(d.more);
    exprsDump(more.exprs, more.exprsLen, more.nexprs, out, NftaDynset.EXPR, NftaDynset.EXPRESSIONS, false);
  }
  nlaPutBe32(out, NftaDynset.FLAGS, d.flags & F_INV);
}

export function dynsetEval(rec: usize, pkt: Pkt): i32 {
  const d = changetype<Dynset>(rec);
  const set = dynsetSet(rec);
  const op = <u32>load<u8>(rec, 1);
  const key = changetype<usize>(pkt) + d.sregKey;
  let elem = setLookup(set, key);
  const inverted = (d.flags & F_INV) !== 0;
  if (op === OP_DELETE) {
    // One that a transaction holds stays. Whether there was one makes no difference to the rule.
    if (elem === 0 || changetype<Elem>(elem).state !== 0) return NFT_CONTINUE;
    setRemove(set, elem);
    set.nelems--;
    elemFree(elem);
    return NFT_CONTINUE;
  }
  if (elem === 0) elem = make(d, set, pkt, key);
  else if (op === OP_UPDATE) refresh(d, set, elem);
  if (elem === 0) return inverted ? NFT_CONTINUE : NFT_BREAK;
  const more = changetype<Elem>(elem).more;
  if (more !== 0 && changetype<ElemMore>(more).exprs !== 0) {
    if (exprsRun(changetype<ElemMore>(more), pkt) === NFT_BREAK) return NFT_BREAK;
  }
  return inverted ? NFT_BREAK : NFT_CONTINUE;
}

function refresh(d: Dynset, set: NftSet, elem: usize): void {
  const timeout = d.timeout !== 0 ? d.timeout : set.timeout;
  const more = changetype<Elem>(elem).more;
  // The element keeps the timeout that it was made with; it is this time that ends later.
  if (timeout === 0 || more === 0 || changetype<ElemMore>(more).timeout === 0) return;
  changetype<ElemMore>(more).expires = root().now + timeout * NS_PER_MS;
}

/** A new element by a packet; 0: the set or the memory is full. */
function make(d: Dynset, set: NftSet, pkt: Pkt, key: usize): usize {
  if (set.size !== 0 && set.nelems >= set.size) return 0;
  const elem = elemAlloc(set);
  if (elem === 0) return 0;
  memory.copy(elemKey(elem), key, set.klen);
  if (d.sregData !== 0) memory.copy(elemData(set, elem), changetype<usize>(pkt) + d.sregData, set.dlen);
  const timeout = d.timeout !== 0 ? d.timeout : set.timeout;
  const from: usize = d.more !== 0 ? changetype<ElemMore>(d.more).exprs : set.exprs;
  const bytes: u32 = d.more !== 0 ? changetype<ElemMore>(d.more).exprsLen : set.exprsLen;
  if (timeout !== 0 || bytes !== 0) {
    const more = elemMore(elem);
    if (more === null) {
      elemFree(elem);
      return 0;
    }
    if (timeout !== 0) {
      more.timeout = timeout;
      more.expires = root().now + timeout * NS_PER_MS;
    }
    if (bytes !== 0) {
      more.exprs = kmalloc(bytes);
      if (more.exprs === 0) {
        elemFree(elem);
        return 0;
      }
      memory.copy(more.exprs, from, bytes);
      more.exprsLen = bytes;
      more.nexprs = d.more !== 0 ? changetype<ElemMore>(d.more).nexprs : set.nexprs;
      if (!exprsClone(more.exprs, bytes)) {
        elemFree(elem);
        return 0;
      }
    }
  }
  if (setInsert(nftCtx(), set, elem) !== 0) {
    elemFree(elem);
    return 0;
  }
  set.nelems++;
  if (timeout !== 0) gcArm(set);
  return elem;
}
