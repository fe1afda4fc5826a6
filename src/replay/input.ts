/**
 * One capture as a port's input: its frames in the order of the file, those that the port had sent itself passed over.
 * The bytes stay where they were read, in linear memory.
 */
import {
  LINKTYPE_ETHERNET,
  type CaptureReader,
  type CaptureRecord,
  CaptureWindow,
} from '../drivers/capture.js';
import { fileSource, openCapture } from '../drivers/capture_file.js';
import type { ByteSource } from '../drivers/capture.js';
import { formatMac } from '../config/ip_address.js';
import { NetError } from '../net_error.js';

/** More than the largest block that a reader keeps whole, so that it never has to look for another place. */
export const INPUT_BYTES = 2 << 20;

/** Frames that tell whom a capture is for. */
const LOOKED_AT = 1000;

export class ReplayInput {
  /** Frames of the file so far, those passed over among them. */
  frames = 0;
  /** Passed over: marked as sent, or from the port's own MAC. */
  outgoing = 0;
  /** Not captured whole. */
  cut = 0;
  /** The next frame, undefined at the end. */
  record: CaptureRecord | undefined;
  private readonly source: ByteSource;
  private readonly reader: CaptureReader;

  constructor(
    /** Index of the port. */
    readonly port: number,
    readonly portName: string,
    readonly path: string,
    private readonly ownMac: Uint8Array,
    place: Uint8Array,
    /** Before bytes of frames that were handed out are overwritten. */
    beforeMove: () => void,
  ) {
    this.source = fileSource(path);
    try {
      this.reader = openCapture(new CaptureWindow(this.source, place, beforeMove));
    } catch (error) {
      this.source.close();
      throw error;
    }
  }

  /** On to the next frame that the port received. */
  advance(): void {
    for (this.read(); this.record !== undefined && !this.isInput(this.record); this.read()) this.outgoing++;
  }

  /** On to the next frame, whoever sent it. */
  read(): void {
    const record = this.reader.next();
    this.record = record;
    if (record === undefined) return;
    this.frames++;
    if (record.linkType !== LINKTYPE_ETHERNET) {
      const what = `link type ${record.linkType}; a port takes Ethernet frames, ${LINKTYPE_ETHERNET}`;
      throw new NetError('EPROTONOSUPPORT', `${this.path}: byte ${record.offset}: ${what}`);
    }
    if (record.length < record.originalLength) this.cut++;
  }

  /** Frames that were handed out, or passed over before one that was. */
  get done(): number {
    return this.record === undefined ? this.frames : this.frames - 1;
  }

  /** The next frame is the first for us behind `frames` of the file; called once, when one was read. */
  begin(frames: number): void {
    for (; this.record !== undefined; this.read()) {
      if (!this.isInput(this.record)) this.outgoing++;
      else if (this.frames > frames) return;
    }
    if (this.frames < frames) {
      const what = `the snapshot stands behind frame ${frames}; this file has ${this.frames}`;
      throw new NetError('EINVAL', `${this.path}: ${what}`);
    }
  }

  /** The unicast destination that most of the first frames have. */
  commonDestination(): string | undefined {
    if (this.path === '-') return undefined;
    const counts = new Map<string, number>();
    const source = fileSource(this.path);
    try {
      const reader = openCapture(source);
      for (let n = 0, record = reader.next(); n < LOOKED_AT && record; n++, record = reader.next()) {
        const { data } = record;
        if (data.length < 6 || (data[0]! & 1) !== 0) continue;
        const mac = formatMac(data.subarray(0, 6));
        counts.set(mac, (counts.get(mac) ?? 0) + 1);
      }
    } catch {
      // Said where the file was played.
    } finally {
      source.close();
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  }

  private isInput(record: CaptureRecord): boolean {
    return record.direction !== 'tx' && !this.fromUs(record);
  }

  private fromUs({ bytes, at, length, direction }: CaptureRecord): boolean {
    if (direction === 'rx' || length < 12) return false;
    const { ownMac } = this;
    // The last octet first: it differs most.
    for (let i = 5; i >= 0; i--) if (bytes[at + 6 + i] !== ownMac[i]) return false;
    return true;
  }

  close(): void {
    this.source.close();
  }
}

/** By time; of the same time, the one that was named first. */
export function earliest(inputs: readonly ReplayInput[]): ReplayInput | undefined {
  let best: ReplayInput | undefined;
  for (const input of inputs) {
    const { record } = input;
    if (record === undefined) continue;
    const than = best?.record;
    if (
      than === undefined ||
      record.seconds < than.seconds ||
      (record.seconds === than.seconds && record.nanoseconds < than.nanoseconds)
    )
      best = input;
  }
  return best;
}
