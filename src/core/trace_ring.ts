/** The trace ring of the core (abi/trace) as the host reads it. Records are copied out: the ring goes on. */
import { TraceKind, TraceRec, TraceRing } from '../../assembly/abi/trace.js';

/** Memory that the ring lies in: a core's, or a copy of the part of it. */
export interface RingMemory {
  readonly view: DataView;
  readonly u8: Uint8Array;
}

export interface TraceRecord {
  readonly kind: number;
  readonly detail: number;
  readonly id: number;
  readonly skb: number;
  readonly ns: number;
  readonly device: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly length: number;
  readonly mark: number;
  readonly data: Uint8Array;
}

/** Takes all records out of the ring. */
export function takeRecords(core: RingMemory, ring: number): TraceRecord[] {
  const { view, u8 } = core;
  const mask = view.getUint32(ring + TraceRing.MASK, true);
  const head = view.getUint32(ring + TraceRing.HEAD, true);
  let tail = view.getUint32(ring + TraceRing.TAIL, true);
  const records: TraceRecord[] = [];
  while (tail !== head) {
    const at = ring + TraceRing.ENTRIES + (tail & mask);
    const word = (offset: number) => view.getUint32(at + offset, true);
    const kind = view.getUint16(at + TraceRec.KIND, true);
    if (kind !== TraceKind.PAD) {
      const data = at + TraceRec.DATA;
      records.push({
        kind,
        detail: view.getUint16(at + TraceRec.DETAIL, true),
        id: word(TraceRec.ID),
        skb: word(TraceRec.SKB),
        ns: word(TraceRec.NOW + 4) * 2 ** 32 + word(TraceRec.NOW),
        device: word(TraceRec.DEVICE),
        a: word(TraceRec.A),
        b: word(TraceRec.B),
        c: word(TraceRec.C),
        d: word(TraceRec.D),
        length: word(TraceRec.LEN),
        mark: word(TraceRec.MARK),
        data: u8.slice(data, data + word(TraceRec.CAPTURED)),
      });
    }
    tail = (tail + word(TraceRec.SIZE)) >>> 0;
  }
  view.setUint32(ring + TraceRing.TAIL, tail, true);
  return records;
}

/** Records that found the ring full since it was made. */
export function lostRecords(core: RingMemory, ring: number): number {
  return core.view.getUint32(ring + TraceRing.LOST, true);
}
