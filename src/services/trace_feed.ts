/**
 * Frames as the core tells them while it works: those that it drops, with the reason, and those that ports receive
 * whose rings the core reads by itself. The core's trace ring is there only while somebody listens; what it has no room
 * for is lost and counted.
 */
import { MsgType, TraceSetRec } from '../../assembly/abi/request.js';
import { TRACE_F_DROPS, TRACE_F_LOG, TRACE_F_RECEIVED, TraceKind } from '../../assembly/abi/trace.js';
import type { Core } from '../core/core.js';
import type { TraceRecord } from '../core/trace_ring.js';

const RING_BYTES = 1 << 20;
/** A frame of 64 KB with its headers. */
const SNAPLEN = 70_000;
const MAC_BYTES = 12;
const TAG_BYTES = 4;

export interface TracedFrame {
  /** Handle of the device, as LinkInfo has it. */
  readonly device: number;
  /** SkbDropReason; 0: received. */
  readonly reason: number;
  readonly frame: Uint8Array;
  /** Bytes that it had. */
  readonly length: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
}

/** `lost`: how many there were before this one that nobody saw. */
export type TraceListener = (frame: TracedFrame, lost: number) => void;
/** What a rule logs (TraceKind.NFLOG); `timeMs` since 1970. */
export type LogListener = (record: TraceRecord, timeMs: number, lost: number) => void;

/** Everything that the ring had, in its order. */
export type RecordListener = (records: readonly TraceRecord[]) => void;

export class TraceFeed {
  private readonly listeners = new Map<TraceListener, number>();
  private readonly logListeners = new Set<LogListener>();
  private readonly whole = new Map<RecordListener, number>();
  private flags = 0;
  private ring = 0;
  private lost = 0;
  private stopFollowing: () => void = () => {};

  constructor(private readonly core: Core) {}

  drops(listener: TraceListener): () => void {
    return this.listen(listener, TRACE_F_DROPS);
  }

  /** Frames that the port `handle` receives. */
  received(handle: number, listener: TraceListener): () => void {
    return this.listen((frame, lost) => {
      if (frame.device === handle) listener(frame, lost);
    }, TRACE_F_RECEIVED);
  }

  /** What the rules of nf_tables log. */
  logs(listener: LogListener): () => void {
    this.logListeners.add(listener);
    this.set();
    return () => {
      if (this.logListeners.delete(listener)) this.set();
    };
  }

  /** The records themselves, of what `flags` (TRACE_F_*) ask for and of what others listen to meanwhile. */
  records(flags: number, listener: RecordListener): () => void {
    this.whole.set(listener, flags);
    this.set();
    return () => {
      if (this.whole.delete(listener)) this.set();
    };
  }

  private listen(listener: TraceListener, flag: number): () => void {
    this.listeners.set(listener, flag);
    this.set();
    return () => {
      if (this.listeners.delete(listener)) this.set();
    };
  }

  private set(): void {
    const log = this.logListeners.size > 0 ? TRACE_F_LOG : 0;
    const wanted = [...this.listeners.values(), ...this.whole.values()];
    const flags = wanted.reduce((all, flag) => all | flag, log);
    if (flags === this.flags) return;
    this.flags = flags;
    this.stopFollowing();
    this.stopFollowing = () => {};
    this.ring = 0;
    const message = {
      type: MsgType.TRACE_SET,
      bytes: TraceSetRec.SIZE,
      fill: (v: DataView, at: number) => {
        v.setUint32(at + TraceSetRec.FLAGS, flags, true);
        v.setUint32(at + TraceSetRec.BYTES, this.core.ringBytes(RING_BYTES), true);
        v.setUint32(at + TraceSetRec.SNAPLEN, SNAPLEN, true);
      },
    };
    void this.core.request(message, 'trace').then(
      (view) => {
        if (flags === 0 || flags !== this.flags) return;
        this.ring = view.getUint32(TraceSetRec.RING, true);
        this.lost = 0;
        this.stopFollowing = this.core.followTrace(this.ring, (records, lost) => this.take(records, lost));
      },
      // No memory for the ring, or the stack is closed: nothing is told.
      () => {},
    );
  }

  private take(records: readonly TraceRecord[], all: number): void {
    let lost = all - this.lost;
    this.lost = all;
    for (const listener of this.whole.keys()) listener(records);
    const epochMs = this.core.epochMs();
    for (const record of records) {
      if (record.kind === TraceKind.NFLOG) {
        for (const listener of this.logListeners) listener(record, epochMs + record.ns / 1e6, lost);
        lost = 0;
        continue;
      }
      const dropped = record.kind === TraceKind.DROP;
      if (!dropped && record.kind !== TraceKind.RECEIVED) continue;
      const frame: TracedFrame = {
        device: record.device,
        reason: dropped ? record.a : 0,
        ...withTag(record),
        timeMs: epochMs + record.ns / 1e6,
      };
      const wanted = dropped ? TRACE_F_DROPS : TRACE_F_RECEIVED;
      for (const [listener, flag] of this.listeners) if (flag === wanted) listener(frame, lost);
      lost = 0;
    }
  }
}

/** The frame as it was on the wire: a tag that was taken out of it is put back. */
function withTag({ data, length, c, d }: TraceRecord): { frame: Uint8Array; length: number } {
  if (c === 0 || data.length < MAC_BYTES) return { frame: data, length };
  const frame = new Uint8Array(data.length + TAG_BYTES);
  frame.set(data.subarray(0, MAC_BYTES));
  frame.set([c >> 8, c & 255, (d >> 8) & 255, d & 255], MAC_BYTES);
  frame.set(data.subarray(MAC_BYTES), MAC_BYTES + TAG_BYTES);
  return { frame, length: length + TAG_BYTES };
}
