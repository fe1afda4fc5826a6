/**
 * What all streams and sinks of a core share: the tables of the CRC, the list of streams, and the run list of those that
 * have something to send now. It is made with the first stream or sink and freed with the last, so that a core without
 * a generator has nothing of it.
 *
 *   timer (a frame is due) ─► run list ─► pktgenRun, at the end of each poll ─┬─► nothing due: timer again
 *                                ▲                                            ├─► device full, or more due: stays
 *                                └────────────────────────────────────────────┘   COUNT or DURATION used up: stopped
 */
import { CRC32_TABLE_BYTES, crc32Init } from '../lib/crc32';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';

@unmanaged
@final
export class Pktgen {
  /** lib/crc32 */
  crcTables: usize;
  /** Streams and sinks that exist. */
  users: u32;
  /** TxStream: all (`next`), and those that have something to send now (`runNext`), in turn. */
  streams: usize;
  runHead: usize;
  runTail: usize;
  /** Drawn at the start of a stream. */
  runNext: u32;
  /** Some stream in the run list is not waiting for its device. */
  more: u32;
}

/** The shared record, made when there is none; null when memory ran out. The caller counts itself in `users`. */
export function pktgenGet(): Pktgen | null {
  const r = root();
  if (r.pktgen !== 0) return changetype<Pktgen>(r.pktgen);
  const p = kzalloc(offsetof<Pktgen>());
  const tables = kmalloc(CRC32_TABLE_BYTES);
  if (p === 0 || tables === 0) {
    kfree(p);
    kfree(tables);
    return null;
  }
  crc32Init(tables);
  changetype<Pktgen>(p).crcTables = tables;
  r.pktgen = p;
  return changetype<Pktgen>(p);
}

/** Frees it when nobody uses it. */
export function pktgenPut(): void {
  const r = root();
  if (r.pktgen === 0) return;
  const pktgen = changetype<Pktgen>(r.pktgen);
  if (pktgen.users !== 0) return;
  kfree(pktgen.crcTables);
  kfree(r.pktgen);
  r.pktgen = 0;
}
