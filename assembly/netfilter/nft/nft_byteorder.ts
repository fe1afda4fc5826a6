/** `byteorder`: numbers of a register from network to host order, or back. Linux: net/netfilter/nft_byteorder.c. */
import { NftaByteorder } from '../../abi/nf_tables';
import { NbByteorder } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad, regStore } from './nft_data';

export function byteorderInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  for (let type: u32 = NftaByteorder.SREG; type <= <u32>NftaByteorder.SIZE; type++) {
    if (tbGet(tb, type) === 0) return -Errno.EINVAL;
  }
  const op = nlaBe32(tbGet(tb, NftaByteorder.OP));
  if (op > 1) return -Errno.EINVAL;
  const unit = nlaBe32(tbGet(tb, NftaByteorder.SIZE));
  const len = nlaBe32(tbGet(tb, NftaByteorder.LEN));
  if (unit > 255 || len > 255) return -Errno.ERANGE;
  if (unit !== 2 && unit !== 4 && unit !== 8) return -Errno.EINVAL;
  const sreg = regLoad(ctx, tbGet(tb, NftaByteorder.SREG), len);
  if (sreg < 0) return sreg;
  const dreg = regStore(ctx, tbGet(tb, NftaByteorder.DREG), len);
  if (dreg < 0) return dreg;
  store<u8>(rec, <u8>op, 1);
  store<u16>(rec, <u16>sreg, NbByteorder.SREG);
  store<u16>(rec, <u16>dreg, NbByteorder.DREG);
  store<u8>(rec, <u8>len, NbByteorder.LEN);
  store<u8>(rec, <u8>unit, NbByteorder.UNIT);
  return 0;
}

export function byteorderDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaByteorder.SREG, load<u16>(rec, NbByteorder.SREG));
  dumpRegister(out, NftaByteorder.DREG, load<u16>(rec, NbByteorder.DREG));
  nlaPutBe32(out, NftaByteorder.OP, load<u8>(rec, 1));
  nlaPutBe32(out, NftaByteorder.LEN, load<u8>(rec, NbByteorder.LEN));
  nlaPutBe32(out, NftaByteorder.SIZE, load<u8>(rec, NbByteorder.UNIT));
}

export function byteorderEval(rec: usize, regs: usize): void {
  const src = regs + load<u16>(rec, NbByteorder.SREG);
  const dst = regs + load<u16>(rec, NbByteorder.DREG);
  const len = <u32>load<u8>(rec, NbByteorder.LEN);
  const unit = <u32>load<u8>(rec, NbByteorder.UNIT);
  for (let at: u32 = 0; at + unit <= len; at += unit) {
    if (unit === 2) store<u16>(dst + at, bswap<u16>(load<u16>(src + at)));
    else if (unit === 4) store<u32>(dst + at, bswap<u32>(load<u32>(src + at)));
    else store<u64>(dst + at, bswap<u64>(load<u64>(src + at)));
  }
}
