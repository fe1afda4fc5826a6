/** `range`: a register between two values, or outside of them. Linux: net/netfilter/nft_range.c. */
import { NftaRange } from '../../abi/nf_tables';
import { NbRange } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dataValue, dumpRegister, dumpValue, regLoad } from './nft_data';

export function rangeInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const sreg = tbGet(tb, NftaRange.SREG);
  const op = tbGet(tb, NftaRange.OP);
  const from = tbGet(tb, NftaRange.FROM_DATA);
  const to = tbGet(tb, NftaRange.TO_DATA);
  if (sreg === 0 || op === 0 || from === 0 || to === 0) return -Errno.EINVAL;
  const len = dataValue(ctx, from, rec + NbRange.FROM, 16);
  if (len < 0) return len;
  const len2 = dataValue(ctx, to, rec + NbRange.TO, 16);
  if (len2 < 0) return len2;
  if (len !== len2) return -Errno.EINVAL;
  const reg = regLoad(ctx, sreg, <u32>len);
  if (reg < 0) return reg;
  const value = nlaBe32(op);
  if (value > 255) return -Errno.ERANGE;
  if (value > 1) return -Errno.EINVAL;
  store<u8>(rec, <u8>value, 1);
  store<u16>(rec, <u16>reg, NbRange.SREG);
  store<u8>(rec, <u8>len, NbRange.LEN);
  return 0;
}

export function rangeDump(rec: usize, out: NlOut): void {
  const len = load<u8>(rec, NbRange.LEN);
  dumpRegister(out, NftaRange.SREG, load<u16>(rec, NbRange.SREG));
  nlaPutBe32(out, NftaRange.OP, load<u8>(rec, 1));
  dumpValue(out, NftaRange.FROM_DATA, rec + NbRange.FROM, len);
  dumpValue(out, NftaRange.TO_DATA, rec + NbRange.TO, len);
}

/** False: NFT_BREAK. */
export function rangeEval(rec: usize, regs: usize): bool {
  const len = <u32>load<u8>(rec, NbRange.LEN);
  const p = regs + load<u16>(rec, NbRange.SREG);
  const inside =
    memory.compare(p, rec + NbRange.FROM, len) >= 0 && memory.compare(p, rec + NbRange.TO, len) <= 0;
  return inside === (load<u8>(rec, 1) === 0);
}
