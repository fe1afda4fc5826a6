/**
 * The trace ring of a core on a board, looked at over the line: what is new of it is copied to the same place of a copy
 * here, read there as a local core's ring is, and then freed on the board.
 */
import { TraceRing } from '../../assembly/abi/trace.js';
import { lostRecords, takeRecords, type TraceRecord } from '../core/trace_ring.js';
import type { BoardCore } from './board_core.js';

export class RingMirror {
  u8 = new Uint8Array(TraceRing.ENTRIES);
  view = new DataView(this.u8.buffer);

  private before = -1;

  constructor(
    private readonly board: BoardCore,
    private readonly ring: number,
  ) {}

  /** Records that found the ring full since the first take(). */
  get lost(): number {
    return lostRecords(this, 0) - this.before;
  }

  async take(): Promise<TraceRecord[]> {
    const head = await this.board.read(this.ring, TraceRing.ENTRIES);
    const mask = head.readUInt32LE(TraceRing.MASK);
    if (this.u8.length !== TraceRing.ENTRIES + mask + 1) {
      this.u8 = new Uint8Array(TraceRing.ENTRIES + mask + 1);
      this.view = new DataView(this.u8.buffer);
    }
    this.u8.set(head);
    if (this.before < 0) this.before = lostRecords(this, 0);
    const tail = head.readUInt32LE(TraceRing.TAIL);
    const bytes = (head.readUInt32LE(TraceRing.HEAD) - tail) >>> 0;
    if (bytes === 0) return [];
    const first = tail & mask;
    const before = Math.min(bytes, mask + 1 - first);
    await this.copy(TraceRing.ENTRIES + first, before);
    await this.copy(TraceRing.ENTRIES, bytes - before);
    const records = takeRecords(this, 0);
    await this.board.writeWord(this.ring + TraceRing.TAIL, this.view.getUint32(TraceRing.TAIL, true));
    return records;
  }

  private async copy(at: number, bytes: number): Promise<void> {
    if (bytes > 0) this.u8.set(await this.board.read(this.ring + at, bytes), at);
  }
}
