/** `cmp`: a register against a value, byte by byte, as numbers in network order compare. Linux: nft_cmp.c. */
import { NftCmpOp, NftaCmp } from '../../abi/nf_tables';
import { NbCmp } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dataValue, dumpRegister, dumpValue, regLoad } from './nft_data';

export function cmpInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const sreg = tbGet(tb, NftaCmp.SREG);
  const op = tbGet(tb, NftaCmp.OP);
  const data = tbGet(tb, NftaCmp.DATA);
  if (sreg === 0 || op === 0 || data === 0) return -Errno.EINVAL;
  const value = nlaBe32(op);
  if (value > <u32>NftCmpOp.GTE) return -Errno.EINVAL;
  const len = dataValue(ctx, data, rec + NbCmp.DATA, 16);
  if (len < 0) return len;
  const reg = regLoad(ctx, sreg, <u32>len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>value, 1);
  store<u16>(rec, <u16>reg, NbCmp.SREG);
  store<u8>(rec, <u8>len, NbCmp.LEN);
  return 0;
}

export function cmpDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaCmp.SREG, load<u16>(rec, NbCmp.SREG));
  nlaPutBe32(out, NftaCmp.OP, load<u8>(rec, 1));
  dumpValue(out, NftaCmp.DATA, rec + NbCmp.DATA, load<u8>(rec, NbCmp.LEN));
}

/** True when the bytes at `a` stand to those at `b` as `op` says. */
export function cmpBytes(op: u32, a: usize, b: usize, len: u32): bool {
  const d = memory.compare(a, b, len);
  switch (op) {
    case NftCmpOp.EQ:
      return d === 0;
    case NftCmpOp.NEQ:
      return d !== 0;
    case NftCmpOp.LT:
      return d < 0;
    case NftCmpOp.LTE:
      return d <= 0;
    case NftCmpOp.GT:
      return d > 0;
  }
  return d >= 0;
}
