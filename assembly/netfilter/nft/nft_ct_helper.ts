/**
 * `ct helper` objects: which helper reads a connection that a rule gives it to. Linux: nft_ct_helper_obj_* in
 * net/netfilter/nft_ct.c.
 */
import { NftaCtHelper } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { nfCtGet } from '../nf_conntrack';
import { nfCtHelperAssign, nfCtHelperByName, nfCtHelperName, nfCtHelperProto } from '../nf_conntrack_helper';
import {
  NlOut,
  nlaBe16,
  nlaData,
  nlaParseNested,
  nlaPutBe16,
  nlaPutString,
  nlaPutU8,
  nlaStrlen,
  nlaU8,
  tbGet,
} from '../nlattr';
import { Ctx, tbPop, tbPush } from './nft_ctx';
import { Pkt } from './nft_pkt';

const POLICY = memory.data<u8>([0, 0, 5, 15, 2, 0, 1, 0]);

/** AUX: NF_CT_HELPER_*; u16 family at 4 (as it was given), u8 protocol at 6; u32 family of the table at 8 (nft_track). */
export const CT_HELPER_SIZE: u32 = 12;

/** Reads NFTA_CT_HELPER_* into `rec`, whose head is written. 0 or a negative errno. */
export function ctHelperInit(ctx: Ctx, rec: usize, data: usize): i32 {
  const tb = tbPush(ctx, NftaCtHelper.MAX);
  let err = nlaParseNested(tb, NftaCtHelper.MAX, data, POLICY);
  const name = tbGet(tb, NftaCtHelper.NAME);
  const l3 = tbGet(tb, NftaCtHelper.L3PROTO);
  const l4 = tbGet(tb, NftaCtHelper.L4PROTO);
  tbPop(ctx, tb);
  if (err === 0 && (name === 0 || l4 === 0 || nlaU8(l4) === 0)) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const family = l3 === 0 ? ctx.family : nlaBe16(l3);
  const ip = family === <u32>NfProto.IPV4 || family === <u32>NfProto.IPV6 || family === <u32>NfProto.INET;
  const helper = nfCtHelperByName(nlaData(name), nlaStrlen(name));
  if (!ip || helper === 0 || nfCtHelperProto(helper) !== nlaU8(l4)) return -Errno.ENOENT;
  store<u8>(rec, <u8>helper, 1);
  store<u16>(rec, <u16>family, 4);
  store<u8>(rec, <u8>nlaU8(l4), 6);
  return 0;
}

export function ctHelperDump(rec: usize, out: NlOut): void {
  const name = memory.data(16, 8);
  const len = nfCtHelperName(load<u8>(rec, 1), name);
  nlaPutString(out, NftaCtHelper.NAME, name, len);
  nlaPutU8(out, NftaCtHelper.L4PROTO, load<u8>(rec, 6));
  nlaPutBe16(out, NftaCtHelper.L3PROTO, load<u16>(rec, 4));
}

export function ctHelperEval(rec: usize, pkt: Pkt): void {
  const ct = nfCtGet(pkt.skb);
  if (ct !== null) nfCtHelperAssign(ct, load<u8>(rec, 1));
}
