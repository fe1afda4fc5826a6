/**
 * `bitwise`: mask and xor, shifts, and (Linux 6.13 on) and, or, xor of two registers. Linux: nft_bitwise.c.
 *
 * Shifts treat the registers as one long number whose most significant word comes first.
 */
import { NftaBitwise } from '../../abi/nf_tables';
import { NbBitwise } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dataValue, dumpRegister, dumpValue, regLoad, regStore } from './nft_data';

export const BITWISE_MASK_XOR: u32 = 0;
const LSHIFT: u32 = 1;
const RSHIFT: u32 = 2;
const AND: u32 = 3;
const OR: u32 = 4;
const XOR: u32 = 5;

export function bitwiseInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (
    tbGet(tb, NftaBitwise.LEN) === 0 ||
    tbGet(tb, NftaBitwise.SREG) === 0 ||
    tbGet(tb, NftaBitwise.DREG) === 0
  )
    return -Errno.EINVAL;
  const len = nlaBe32(tbGet(tb, NftaBitwise.LEN));
  if (len > 255) return -Errno.ERANGE;
  const sreg = regLoad(ctx, tbGet(tb, NftaBitwise.SREG), len);
  if (sreg < 0) return sreg;
  const dreg = regStore(ctx, tbGet(tb, NftaBitwise.DREG), len);
  if (dreg < 0) return dreg;
  const opAttr = tbGet(tb, NftaBitwise.OP);
  const op = opAttr === 0 ? BITWISE_MASK_XOR : nlaBe32(opAttr);
  if (op > XOR) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>op, 1);
  store<u16>(rec, <u16>sreg, NbBitwise.SREG);
  store<u16>(rec, <u16>dreg, NbBitwise.DREG);
  store<u8>(rec, <u8>len, NbBitwise.LEN);
  const mask = tbGet(tb, NftaBitwise.MASK);
  const xor = tbGet(tb, NftaBitwise.XOR);
  const data = tbGet(tb, NftaBitwise.DATA);
  const sreg2 = tbGet(tb, NftaBitwise.SREG2);
  if (op === BITWISE_MASK_XOR) {
    if (data !== 0 || sreg2 !== 0 || mask === 0 || xor === 0) return -Errno.EINVAL;
    const m = dataValue(ctx, mask, rec + NbBitwise.MASK, 16);
    if (m < 0) return m;
    const x = dataValue(ctx, xor, rec + NbBitwise.XOR, 16);
    if (x < 0) return x;
    return <u32>m === len && <u32>x === len ? 0 : -Errno.EINVAL;
  }
  if (mask !== 0 || xor !== 0) return -Errno.EINVAL;
  if (op <= RSHIFT) {
    if (data === 0 || sreg2 !== 0) return -Errno.EINVAL;
    const n = dataValue(ctx, data, rec + NbBitwise.MASK, 4);
    if (n < 0) return n;
    return n === 4 && load<u32>(rec, NbBitwise.MASK) < 32 ? 0 : -Errno.EINVAL;
  }
  if ((data !== 0) === (sreg2 !== 0)) return -Errno.EINVAL;
  if (sreg2 !== 0) {
    const second = regLoad(ctx, sreg2, len);
    if (second < 0) return second;
    store<u16>(rec, <u16>second, NbBitwise.SREG2);
    return 0;
  }
  const n = dataValue(ctx, data, rec + NbBitwise.MASK, 16);
  if (n < 0) return n;
  return <u32>n === len ? 0 : -Errno.EINVAL;
}

export function bitwiseDump(rec: usize, out: NlOut): void {
  const op = <u32>load<u8>(rec, 1);
  const len = load<u8>(rec, NbBitwise.LEN);
  dumpRegister(out, NftaBitwise.SREG, load<u16>(rec, NbBitwise.SREG));
  dumpRegister(out, NftaBitwise.DREG, load<u16>(rec, NbBitwise.DREG));
  nlaPutBe32(out, NftaBitwise.LEN, len);
  nlaPutBe32(out, NftaBitwise.OP, op);
  if (op === BITWISE_MASK_XOR) {
    dumpValue(out, NftaBitwise.MASK, rec + NbBitwise.MASK, len);
    dumpValue(out, NftaBitwise.XOR, rec + NbBitwise.XOR, len);
  } else if (op <= RSHIFT) dumpValue(out, NftaBitwise.DATA, rec + NbBitwise.MASK, 4);
  else if (load<u16>(rec, NbBitwise.SREG2) !== 0)
    dumpRegister(out, NftaBitwise.SREG2, load<u16>(rec, NbBitwise.SREG2));
  else dumpValue(out, NftaBitwise.DATA, rec + NbBitwise.MASK, len);
}

export function bitwiseEval(rec: usize, regs: usize): void {
  const src = regs + load<u16>(rec, NbBitwise.SREG);
  const dst = regs + load<u16>(rec, NbBitwise.DREG);
  const op = <u32>load<u8>(rec, 1);
  const words = (<u32>load<u8>(rec, NbBitwise.LEN) + 3) >> 2;
  if (op === BITWISE_MASK_XOR) {
    for (let i: u32 = 0; i < words; i++) {
      const at = i << 2;
      const mask = load<u32>(rec + at, NbBitwise.MASK);
      store<u32>(dst + at, (load<u32>(src + at) & mask) ^ load<u32>(rec + at, NbBitwise.XOR));
    }
    return;
  }
  if (op <= RSHIFT) {
    shift(src, dst, words, load<u32>(rec, NbBitwise.MASK), op === LSHIFT);
    return;
  }
  const other = load<u16>(rec, NbBitwise.SREG2);
  const from = other !== 0 ? regs + other : rec + NbBitwise.MASK;
  for (let i: u32 = 0; i < words; i++) {
    const at = i << 2;
    const a = load<u32>(src + at);
    const b = load<u32>(from + at);
    store<u32>(dst + at, op === AND ? a & b : op === OR ? a | b : a ^ b);
  }
}

function shift(src: usize, dst: usize, words: u32, n: u32, left: bool): void {
  let carry: u32 = 0;
  for (let k: u32 = 0; k < words; k++) {
    const at = (left ? words - 1 - k : k) << 2;
    const word = load<u32>(src + at);
    // A shift by 32 would be one by 0 here.
    const out = n === 0 ? 0 : left ? word >> (32 - n) : word << (32 - n);
    store<u32>(dst + at, (left ? word << n : word >> n) | carry);
    carry = out;
  }
}
