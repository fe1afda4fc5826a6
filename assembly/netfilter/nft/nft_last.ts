/** `last`: when a packet last came this way. Linux: net/netfilter/nft_last.c. */
import { NftaLast } from '../../abi/nf_tables';
import { root } from '../../lib/root';
import { NlOut, nlaBe32, nlaBe64, nlaPutBe32, nlaPutBe64, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';

const NS_PER_MS: u64 = 1_000_000;

@unmanaged
@final
class Last {
  head: u32;
  set: u32;
  /** ns */
  at: u64;
}
export const LAST_SIZE: u32 = 16;

export function lastInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const last = changetype<Last>(rec);
  const set = tbGet(tb, NftaLast.SET);
  const msecs = tbGet(tb, NftaLast.MSECS);
  if (set === 0 || msecs === 0) return 0;
  last.set = nlaBe32(set) !== 0 ? 1 : 0;
  const ns = nlaBe64(msecs) * NS_PER_MS;
  last.at = ns < root().now ? root().now - ns : 0;
  return 0;
}

export function lastDump(rec: usize, out: NlOut): void {
  const last = changetype<Last>(rec);
  nlaPutBe32(out, NftaLast.SET, last.set);
  nlaPutBe64(out, NftaLast.MSECS, last.set === 0 ? 0 : (root().now - last.at) / NS_PER_MS);
}

export function lastClone(rec: usize): void {
  changetype<Last>(rec).set = 0;
}

export function lastEval(rec: usize): void {
  changetype<Last>(rec).at = root().now;
  changetype<Last>(rec).set = 1;
}
