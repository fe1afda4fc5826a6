/** `objref`: an object by its name, or by a map from a register. Linux: net/netfilter/nft_objref.c. */
import { NFT_SET_OBJECT, NftaObjref } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutString, tbGet } from '../nlattr';
import { Named, NftKind, Obj, namedLookup, textLen, textPtr, useInc } from './nf_tables';
import { Ctx, badAttr } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { setBind } from './nft_lookup';
import { NftSet, setLookupNla } from './nft_set';

/** OBJREF: u32 Obj at 4. OBJREF_MAP: u32 Set at 4, u16 SREG at 8. */
export const OBJREF_SIZE: u32 = 8;
export const OBJREF_MAP_SIZE: u32 = 12;

export function objrefInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const name = tbGet(tb, NftaObjref.IMM_NAME);
  const type = tbGet(tb, NftaObjref.IMM_TYPE);
  if (name === 0 || type === 0) return -Errno.EINVAL;
  const p = namedLookup(ctx.table, NftKind.OBJ, name, nlaBe32(type), false);
  if (p === 0) return badAttr(ctx, name, -Errno.ENOENT);
  if (!useInc(changetype<Named>(p))) return -Errno.EMFILE;
  store<u32>(rec, p, 4);
  return 0;
}

export function objrefObj(rec: usize): Obj {
  return changetype<Obj>(load<u32>(rec, 4));
}

export function objrefDump(rec: usize, out: NlOut): void {
  const obj = objrefObj(rec);
  nlaPutString(out, NftaObjref.IMM_NAME, textPtr(obj.name), textLen(obj.name));
  nlaPutBe32(out, NftaObjref.IMM_TYPE, obj.objType);
}

export function objrefMapInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const sreg = tbGet(tb, NftaObjref.SET_SREG);
  const p = setLookupNla(ctx.table, tbGet(tb, NftaObjref.SET_NAME), tbGet(tb, NftaObjref.SET_ID));
  if (p === 0) return -Errno.ENOENT;
  const set = changetype<NftSet>(p);
  if ((set.flags & NFT_SET_OBJECT) === 0) return -Errno.EINVAL;
  const reg = regLoad(ctx, sreg, set.klen);
  if (reg < 0) return reg;
  const err = setBind(set);
  if (err !== 0) return err;
  store<u32>(rec, p, 4);
  store<u16>(rec, <u16>reg, 8);
  return 0;
}

export function objrefSet(rec: usize): NftSet {
  return changetype<NftSet>(load<u32>(rec, 4));
}

export function objrefMapDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaObjref.SET_SREG, load<u16>(rec, 8));
  const name = objrefSet(rec).name;
  nlaPutString(out, NftaObjref.SET_NAME, textPtr(name), textLen(name));
}
