/** `counter`: packets and bytes; in rules, elements and objects. Linux: net/netfilter/nft_counter.c. */
import { NftaCounter } from '../../abi/nf_tables';
import { NbCounter } from '../../abi/nft_bytecode';
import { NlOut, nlaBe64, nlaPutBe64, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';

export function counterInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const packets = tbGet(tb, NftaCounter.PACKETS);
  const bytes = tbGet(tb, NftaCounter.BYTES);
  store<u64>(rec, packets === 0 ? 0 : nlaBe64(packets), NbCounter.PACKETS);
  store<u64>(rec, bytes === 0 ? 0 : nlaBe64(bytes), NbCounter.BYTES);
  return 0;
}

export function counterDump(rec: usize, out: NlOut, reset: bool): void {
  nlaPutBe64(out, NftaCounter.BYTES, load<u64>(rec, NbCounter.BYTES));
  nlaPutBe64(out, NftaCounter.PACKETS, load<u64>(rec, NbCounter.PACKETS));
  if (!reset || out.full !== 0) return;
  store<u64>(rec, 0, NbCounter.PACKETS);
  store<u64>(rec, 0, NbCounter.BYTES);
}

/** A copy in a new element begins at nothing. */
export function counterClone(rec: usize): void {
  store<u64>(rec, 0, NbCounter.PACKETS);
  store<u64>(rec, 0, NbCounter.BYTES);
}

/** In line: once per packet and counter. */
export class Counter {
  @inline
  static eval(rec: usize, len: u32): void {
    store<u64>(rec, load<u64>(rec, NbCounter.PACKETS) + 1, NbCounter.PACKETS);
    store<u64>(rec, load<u64>(rec, NbCounter.BYTES) + len, NbCounter.BYTES);
  }
}
