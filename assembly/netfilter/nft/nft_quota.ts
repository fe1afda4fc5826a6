/** `quota`: a number of bytes that may pass, once. Linux: net/netfilter/nft_quota.c. */
import { NftaQuota } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { NlOut, nlaBe32, nlaBe64, nlaPutBe32, nlaPutBe64, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';

const F_INV: u32 = 1;
const F_DEPLETED: u32 = 2;

/** AUX: NFT_QUOTA_F_* */
@unmanaged
@final
class Quota {
  head: u32;
  pad: u32;
  quota: u64;
  consumed: u64;
}
export const QUOTA_SIZE: u32 = 24;

export function quotaInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const quota = changetype<Quota>(rec);
  const bytes = tbGet(tb, NftaQuota.BYTES);
  if (bytes === 0) return -Errno.EINVAL;
  quota.quota = nlaBe64(bytes);
  if (quota.quota > <u64>i64.MAX_VALUE) return -Errno.EOVERFLOW;
  const consumed = tbGet(tb, NftaQuota.CONSUMED);
  if (consumed !== 0) quota.consumed = nlaBe64(consumed);
  if (quota.consumed > quota.quota) return -Errno.EINVAL;
  const flags = tbGet(tb, NftaQuota.FLAGS);
  if (flags !== 0) {
    const bits = nlaBe32(flags);
    if ((bits & ~F_INV) !== 0) return -Errno.EINVAL;
    store<u8>(rec, <u8>bits, 1);
  }
  return 0;
}

export function quotaDump(rec: usize, out: NlOut, reset: bool): void {
  const quota = changetype<Quota>(rec);
  let flags = <u32>load<u8>(rec, 1) & F_INV;
  let consumed = quota.consumed;
  if (consumed >= quota.quota) {
    consumed = quota.quota;
    flags |= F_DEPLETED;
  }
  nlaPutBe64(out, NftaQuota.BYTES, quota.quota);
  nlaPutBe64(out, NftaQuota.CONSUMED, consumed);
  nlaPutBe32(out, NftaQuota.FLAGS, flags);
  if (reset && out.full === 0) quota.consumed -= consumed;
}

export function quotaClone(rec: usize): void {
  changetype<Quota>(rec).consumed = 0;
}

/** Takes over what an update says; what was consumed stays. */
export function quotaUpdate(rec: usize, from: usize): void {
  changetype<Quota>(rec).quota = changetype<Quota>(from).quota;
  store<u8>(rec, load<u8>(from, 1), 1);
}

/** False: NFT_BREAK. The packet that goes beyond is beyond. */
export function quotaEval(rec: usize, len: u32): bool {
  const quota = changetype<Quota>(rec);
  quota.consumed += len;
  const over = quota.consumed > quota.quota;
  return over === ((<u32>load<u8>(rec, 1) & F_INV) !== 0);
}
