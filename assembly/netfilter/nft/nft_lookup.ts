/** `lookup`: a register in a set, or a map's value or verdict by it. Linux: net/netfilter/nft_lookup.c. */
import {
  NFT_SET_ANONYMOUS,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_DATA_VERDICT,
  NftaLookup,
} from '../../abi/nf_tables';
import { NbLookup } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutString, tbGet } from '../nlattr';
import { INACTIVE_NEXT, Named, namedRemove, textLen, textPtr } from './nf_tables';
import { Ctx } from './nft_ctx';
import { dumpRegister, regIsVerdict, regLoad, regStore } from './nft_data';
import { NftSet, setDestroy, setLookupNla, setMapActivate, setMapDeactivate } from './nft_set';

const F_INV: u32 = 1;
const AUX_DREG: u32 = 2;

export function lookupInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (tbGet(tb, NftaLookup.SET) === 0 || tbGet(tb, NftaLookup.SREG) === 0) return -Errno.EINVAL;
  const p = setLookupNla(ctx.table, tbGet(tb, NftaLookup.SET), tbGet(tb, NftaLookup.SET_ID));
  if (p === 0) return -Errno.ENOENT;
  const set = changetype<NftSet>(p);
  const sreg = regLoad(ctx, tbGet(tb, NftaLookup.SREG), set.klen);
  if (sreg < 0) return sreg;
  let aux: u32 = 0;
  const flags = tbGet(tb, NftaLookup.FLAGS);
  if (flags !== 0) {
    aux = nlaBe32(flags);
    if ((aux & ~F_INV) !== 0) return -Errno.EINVAL;
  }
  const dreg = tbGet(tb, NftaLookup.DREG);
  if (dreg !== 0) {
    if (aux !== 0) return -Errno.EINVAL;
    if ((set.flags & NFT_SET_MAP) === 0) return -Errno.EINVAL;
    aux |= AUX_DREG;
    if (set.dtype === NFT_DATA_VERDICT) {
      if (!regIsVerdict(dreg)) return -Errno.EINVAL;
      store<u16>(rec, 0, NbLookup.DREG);
    } else {
      const reg = regStore(ctx, dreg, set.dlen);
      if (reg < 0) return reg;
      store<u16>(rec, <u16>reg, NbLookup.DREG);
    }
  } else if ((set.flags & (NFT_SET_MAP | NFT_SET_OBJECT)) === NFT_SET_MAP) return -Errno.EINVAL;
  const err = setBind(set);
  if (err !== 0) return err;
  store<u8>(rec, <u8>aux, 1);
  store<u16>(rec, <u16>sreg, NbLookup.SREG);
  store<u32>(rec, p, NbLookup.SET);
  return 0;
}

/** One more expression uses the set; an anonymous one has only one. */
export function setBind(set: NftSet): i32 {
  if (set.use === u32.MAX_VALUE) return -Errno.EOVERFLOW;
  if (set.bindings !== 0 && (set.flags & NFT_SET_ANONYMOUS) !== 0) return -Errno.EBUSY;
  set.bindings++;
  set.use++;
  return 0;
}

/** The rule goes from the transaction's sight; its anonymous set with it. */
export function setRefDeactivate(set: NftSet): void {
  set.use--;
  if ((set.flags & NFT_SET_ANONYMOUS) === 0 || (set.state & INACTIVE_NEXT) !== 0) return;
  setMapDeactivate(set);
  set.state |= INACTIVE_NEXT;
}

export function setRefActivate(set: NftSet): void {
  set.use++;
  if ((set.flags & NFT_SET_ANONYMOUS) === 0 || (set.state & INACTIVE_NEXT) === 0) return;
  set.state &= ~INACTIVE_NEXT;
  setMapActivate(set);
}

/** `commit`: an anonymous set is freed with its rule; an abort frees it by its own record. */
export function setRefDestroy(set: NftSet, commit: bool): void {
  set.bindings--;
  if (!commit || (set.flags & NFT_SET_ANONYMOUS) === 0 || set.bindings !== 0) return;
  namedRemove(changetype<Named>(changetype<usize>(set)));
  setDestroy(set);
}

export function lookupSet(rec: usize): NftSet {
  return changetype<NftSet>(load<u32>(rec, NbLookup.SET));
}

export function lookupDump(rec: usize, out: NlOut): void {
  const aux = <u32>load<u8>(rec, 1);
  const name = lookupSet(rec).name;
  nlaPutString(out, NftaLookup.SET, textPtr(name), textLen(name));
  dumpRegister(out, NftaLookup.SREG, load<u16>(rec, NbLookup.SREG));
  if ((aux & AUX_DREG) !== 0) dumpRegister(out, NftaLookup.DREG, load<u16>(rec, NbLookup.DREG));
  nlaPutBe32(out, NftaLookup.FLAGS, aux & F_INV);
}
