/** `flow add`: refers to a flowtable, and lets the packet pass on (nft_flowtable). Linux: nft_flow_offload.c. */
import { NftaFlow } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { NlOut, nlaPutString, tbGet } from '../nlattr';
import { Named, NftKind, namedLookup, textLen, textPtr, useInc } from './nf_tables';
import { Ctx } from './nft_ctx';

/** u32 Flowtable at 4. */
export const FLOW_SIZE: u32 = 8;

export function flowInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const name = tbGet(tb, NftaFlow.TABLE_NAME);
  if (name === 0) return -Errno.EINVAL;
  const p = namedLookup(ctx.table, NftKind.FLOWTABLE, name, 0, false);
  if (p === 0) return -Errno.ENOENT;
  if (!useInc(changetype<Named>(p))) return -Errno.EMFILE;
  store<u32>(rec, p, 4);
  return 0;
}

export function flowTable(rec: usize): usize {
  return load<u32>(rec, 4);
}

export function flowDump(rec: usize, out: NlOut): void {
  const name = changetype<Named>(flowTable(rec)).name;
  nlaPutString(out, NftaFlow.TABLE_NAME, textPtr(name), textLen(name));
}
