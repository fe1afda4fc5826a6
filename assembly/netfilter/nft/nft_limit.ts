/**
 * `limit`: a token bucket of packets or bytes. Linux: net/netfilter/nft_limit.c.
 *
 *   tokens are nanoseconds: `tokensMax` = unit x burst / rate; each packet costs unit / rate (or by its bytes)
 */
import { NftaLimit } from '../../abi/nf_tables';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaBe64, nlaPutBe32, nlaPutBe64, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';

/** AUX: bit 0 NFT_LIMIT_F_INV, bit 1 bytes. */
@unmanaged
@final
class Limit {
  head: u32;
  burst: u32;
  rate: u64;
  nsecs: u64;
  tokensMax: u64;
  cost: u64;
  tokens: u64;
  last: u64;
}
export const LIMIT_SIZE: u32 = 56;
const NSEC_PER_SEC: u64 = 1_000_000_000;
const PKT_BURST_DEFAULT: u32 = 5;

export function limitInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const limit = changetype<Limit>(rec);
  const rate = tbGet(tb, NftaLimit.RATE);
  const unit = tbGet(tb, NftaLimit.UNIT);
  if (rate === 0 || unit === 0) return -Errno.EINVAL;
  limit.rate = nlaBe64(rate);
  if (limit.rate === 0) return -Errno.EINVAL;
  const seconds = nlaBe64(unit);
  const nsecs = seconds * NSEC_PER_SEC;
  if (nsecs / NSEC_PER_SEC !== seconds) return -Errno.EOVERFLOW;
  const burst = tbGet(tb, NftaLimit.BURST);
  const type = tbGet(tb, NftaLimit.TYPE);
  const byBytes = type !== 0 && nlaBe32(type) === 1;
  if (type !== 0 && nlaBe32(type) > 1) return -Errno.EOPNOTSUPP;
  limit.burst = burst === 0 ? 0 : nlaBe32(burst);
  if (!byBytes && limit.burst === 0) limit.burst = PKT_BURST_DEFAULT;
  if (limit.rate + limit.burst < limit.rate) return -Errno.EOVERFLOW;
  limit.nsecs = nsecs;
  if (byBytes) limit.tokensMax = scaled(nsecs, limit.rate + limit.burst, limit.rate);
  else limit.tokensMax = scaled(nsecs, limit.burst, limit.rate);
  if (limit.tokensMax === u64.MAX_VALUE) return -Errno.EOVERFLOW;
  limit.cost = byBytes ? 0 : nsecs / limit.rate;
  limit.tokens = limit.tokensMax;
  limit.last = root().now;
  const flags = tbGet(tb, NftaLimit.FLAGS);
  const bits = flags === 0 ? 0 : nlaBe32(flags);
  if ((bits & ~1) !== 0) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>(bits | (byBytes ? 2 : 0)), 1);
  return 0;
}

/** nsecs x n / rate; all ones when the product does not fit. */
function scaled(nsecs: u64, n: u64, rate: u64): u64 {
  if (n === 0) return 0;
  const product = nsecs * n;
  return product / n === nsecs ? product / rate : u64.MAX_VALUE;
}

export function limitDump(rec: usize, out: NlOut): void {
  const limit = changetype<Limit>(rec);
  const aux = <u32>load<u8>(rec, 1);
  nlaPutBe64(out, NftaLimit.RATE, limit.rate);
  nlaPutBe64(out, NftaLimit.UNIT, limit.nsecs / NSEC_PER_SEC);
  nlaPutBe32(out, NftaLimit.BURST, limit.burst);
  nlaPutBe32(out, NftaLimit.TYPE, aux >> 1);
  nlaPutBe32(out, NftaLimit.FLAGS, aux & 1);
}

export function limitClone(rec: usize): void {
  const limit = changetype<Limit>(rec);
  limit.tokens = limit.tokensMax;
  limit.last = root().now;
}

/** False: NFT_BREAK. */
export function limitEval(rec: usize, len: u32): bool {
  const limit = changetype<Limit>(rec);
  const aux = <u32>load<u8>(rec, 1);
  const inverted = (aux & 1) !== 0;
  const cost = (aux & 2) !== 0 ? (limit.nsecs * <u64>len) / limit.rate : limit.cost;
  const now = root().now;
  const tokens = min(limit.tokens + (now - limit.last), limit.tokensMax);
  limit.last = now;
  if (tokens < cost) {
    limit.tokens = tokens;
    return inverted;
  }
  limit.tokens = tokens - cost;
  return !inverted;
}
