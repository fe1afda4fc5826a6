/**
 * Pages of 2 MB under linear memory: a random load then misses the TLB far less often. Linux: madvise(2),
 * Documentation/admin-guide/mm/transhuge.rst.
 */
import { Sys } from './sys.js';

const MADV_HUGEPAGE = 14;

/** Asks for huge pages, before the memory is touched. Advice: where it cannot be had, nothing is lost but speed. */
export function adviseHugePages(memory: Uint8Array): void {
  if (process.platform !== 'linux') return;
  try {
    const sys = new Sys();
    sys.madvise(sys.addressOf(memory), memory.length, MADV_HUGEPAGE);
  } catch {
    // no koffi on this machine
  }
}
