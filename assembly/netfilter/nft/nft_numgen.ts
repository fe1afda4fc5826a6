/** `numgen` and `hash`: numbers to spread packets by. Linux: nft_numgen.c, nft_hash.c. */
import { NftaHash, NftaNg } from '../../abi/nf_tables';
import { jhash2, jhash3words } from '../../lib/jhash';
import { randomU32 } from '../../lib/random';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad, regStore } from './nft_data';
import { Pkt, pktAt, pktIpVersion, pktL4 } from './nft_pkt';

/** AUX: numgen 0 incremental, 1 random; hash 0 jenkins, 1 symmetric, bit 7: the seed was chosen here. */
@unmanaged
@final
class Spread {
  head: u32;
  dreg: u16;
  sreg: u16;
  modulus: u32;
  offset: u32;
  /** numgen: the number given last; hash: seed. */
  state: u32;
  len: u32;
}
export const SPREAD_SIZE: u32 = 24;
const AUTOGEN: u32 = 0x80;

/** Evenly onto 0..n-1. Linux: reciprocal_scale. */
function scale(value: u32, n: u32): u32 {
  return <u32>((<u64>value * <u64>n) >> 32);
}

function rangeInit(s: Spread, modulus: usize, offset: usize): i32 {
  s.modulus = nlaBe32(modulus);
  if (s.modulus === 0) return -Errno.ERANGE;
  s.offset = offset === 0 ? 0 : nlaBe32(offset);
  return s.offset + s.modulus - 1 < s.offset ? -Errno.EOVERFLOW : 0;
}

export function numgenInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const s = changetype<Spread>(rec);
  if (tbGet(tb, NftaNg.DREG) === 0 || tbGet(tb, NftaNg.MODULUS) === 0 || tbGet(tb, NftaNg.TYPE) === 0)
    return -Errno.EINVAL;
  const type = nlaBe32(tbGet(tb, NftaNg.TYPE));
  if (type > 1) return -Errno.EINVAL;
  const err = rangeInit(s, tbGet(tb, NftaNg.MODULUS), tbGet(tb, NftaNg.OFFSET));
  if (err !== 0) return err;
  s.state = s.modulus - 1;
  store<u8>(rec, <u8>type, 1);
  const reg = regStore(ctx, tbGet(tb, NftaNg.DREG), 4);
  if (reg < 0) return reg;
  s.dreg = <u16>reg;
  return 0;
}

export function numgenDump(rec: usize, out: NlOut): void {
  const s = changetype<Spread>(rec);
  dumpRegister(out, NftaNg.DREG, s.dreg);
  nlaPutBe32(out, NftaNg.MODULUS, s.modulus);
  nlaPutBe32(out, NftaNg.TYPE, load<u8>(rec, 1));
  nlaPutBe32(out, NftaNg.OFFSET, s.offset);
}

export function numgenEval(rec: usize, pkt: Pkt): void {
  const s = changetype<Spread>(rec);
  let value: u32 = 0;
  if (load<u8>(rec, 1) === 0) {
    value = s.state + 1 < s.modulus ? s.state + 1 : 0;
    s.state = value;
  } else value = scale(randomU32(), s.modulus);
  store<u32>(changetype<usize>(pkt) + s.dreg, value + s.offset);
}

export function hashExprInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const s = changetype<Spread>(rec);
  const typeAttr = tbGet(tb, NftaHash.TYPE);
  const type = typeAttr === 0 ? 0 : nlaBe32(typeAttr);
  if (type > 1) return -Errno.EOPNOTSUPP;
  if (tbGet(tb, NftaHash.DREG) === 0 || tbGet(tb, NftaHash.MODULUS) === 0) return -Errno.EINVAL;
  if (type === 0) {
    if (tbGet(tb, NftaHash.SREG) === 0 || tbGet(tb, NftaHash.LEN) === 0) return -Errno.EINVAL;
    s.len = nlaBe32(tbGet(tb, NftaHash.LEN));
    if (s.len > 255) return -Errno.ERANGE;
    if (s.len === 0) return -Errno.ERANGE;
    const sreg = regLoad(ctx, tbGet(tb, NftaHash.SREG), s.len);
    if (sreg < 0) return sreg;
    s.sreg = <u16>sreg;
  }
  const modulus = nlaBe32(tbGet(tb, NftaHash.MODULUS));
  if (modulus < 1 || (type === 0 && modulus <= 1)) return -Errno.ERANGE;
  const err = rangeInit(s, tbGet(tb, NftaHash.MODULUS), tbGet(tb, NftaHash.OFFSET));
  if (err !== 0) return err;
  const seed = tbGet(tb, NftaHash.SEED);
  let aux = type;
  if (seed !== 0) s.state = nlaBe32(seed);
  else {
    s.state = randomU32();
    aux |= AUTOGEN;
  }
  store<u8>(rec, <u8>aux, 1);
  const reg = regStore(ctx, tbGet(tb, NftaHash.DREG), 4);
  if (reg < 0) return reg;
  s.dreg = <u16>reg;
  return 0;
}

export function hashExprDump(rec: usize, out: NlOut): void {
  const s = changetype<Spread>(rec);
  const aux = <u32>load<u8>(rec, 1);
  const jenkins = (aux & 1) === 0;
  if (jenkins) dumpRegister(out, NftaHash.SREG, s.sreg);
  dumpRegister(out, NftaHash.DREG, s.dreg);
  if (jenkins) nlaPutBe32(out, NftaHash.LEN, s.len);
  nlaPutBe32(out, NftaHash.MODULUS, s.modulus);
  if (jenkins && (aux & AUTOGEN) === 0) nlaPutBe32(out, NftaHash.SEED, s.state);
  if (s.offset !== 0) nlaPutBe32(out, NftaHash.OFFSET, s.offset);
  nlaPutBe32(out, NftaHash.TYPE, aux & 1);
}

export function hashExprEval(rec: usize, pkt: Pkt): void {
  const s = changetype<Spread>(rec);
  const regs = changetype<usize>(pkt);
  let h: u32 = 0;
  if ((<u32>load<u8>(rec, 1) & 1) === 0) {
    const words = (s.len + 3) >> 2;
    // The length counts in bytes; registers are filled with zeros behind it.
    h = jhash2(regs + s.sreg, words, s.state + s.len - (words << 2));
  } else h = hashExprPacket(pkt);
  store<u32>(regs + s.dreg, scale(h, s.modulus) + s.offset);
}

/** The same both ways of a connection. Differs: other numbers than Linux, whose key is secret, too. */
export function hashExprPacket(pkt: Pkt): u32 {
  const version = pktIpVersion(pkt);
  const buf = changetype<usize>(pkt) + 152;
  let a: u32 = 0;
  let b: u32 = 0;
  if (version === 4 && pkt.nhLen >= 20) {
    a = load<u32>(pkt.nh, 12);
    b = load<u32>(pkt.nh, 16);
  } else if (version === 6 && pkt.nhLen >= 40) {
    a = jhash2(pkt.nh + 8, 4, 0);
    b = jhash2(pkt.nh + 24, 4, 0);
  }
  let sport: u32 = 0;
  let dport: u32 = 0;
  if (pktL4(pkt) && pkt.fragoff === 0) {
    const p = pktAt(pkt, pkt.thoff, 4, buf);
    const ports =
      pkt.tprot === 6 || pkt.tprot === 17 || pkt.tprot === 132 || pkt.tprot === 136 || pkt.tprot === 33;
    if (p !== 0 && ports) {
      sport = load<u16>(p);
      dport = load<u16>(p, 2);
    }
  }
  return jhash3words(a ^ b, sport ^ dport, (a + b) ^ pkt.tprot, <u32>root().hashKey0);
}
