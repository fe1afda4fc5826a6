/**
 * A port whose input is a capture file: its frames arrive in order and as fast as the router takes them, their times
 * are not replayed. What the router sends goes to another file, as pcapng, or nowhere. The link stays up at the end.
 */
import { NetError } from '../net_error.js';
import { type ByteSource, type CaptureReader, LINKTYPE_ETHERNET } from './capture.js';
import { fileSink, fileSource, openCapture } from './capture_file.js';
import { type Driver, FRAME_BYTES_MAX, type PortNotify, type PortRings } from './driver.js';
import { randomMac } from './mac.js';
import { PcapngWriter } from './pcapng.js';

export interface PcapOptions {
  mac?: string | undefined;
  mtu?: number | undefined;
  /** Where transmitted frames go. Default: nowhere. */
  out?: string | undefined;
  /** Milliseconds since 1970, for the times in `out`. Default: Date.now. */
  clock?: (() => number) | undefined;
}

export class PcapDriver implements Driver {
  readonly kind = 'pcap';
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly features = 0;
  readonly vnetHdrLen = 0;

  private readonly source: ByteSource;
  private reader: CaptureReader | undefined;
  private readonly writer: PcapngWriter | undefined;
  private readonly clock: () => number;
  private readonly scratch = new Uint8Array(FRAME_BYTES_MAX);
  private rings!: PortRings;
  private notify!: PortNotify;
  private armed = false;
  private closed = false;

  constructor(file: string, options: PcapOptions = {}) {
    const { out } = options;
    this.name = `pcap:${file}${out === undefined ? '' : `>${out}`}`;
    this.mac = options.mac ?? randomMac();
    this.mtu = options.mtu ?? 1500;
    this.clock = options.clock ?? Date.now;
    this.source = fileSource(file);
    try {
      this.reader = openCapture(this.source);
      if (out !== undefined) {
        this.writer = new PcapngWriter(fileSink(out));
        this.writer.addInterface(this.name);
      }
    } catch (error) {
      this.source.close();
      throw error;
    }
  }

  /** True when every frame of the file was handed out. */
  get ended(): boolean {
    return this.reader === undefined;
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.notify = notify;
    notify.state(true);
  }

  rxBurst(max: number): number {
    const burst = Math.min(max, this.rings.rxSpace());
    let frames = 0;
    for (let tries = 0; tries < burst; tries++) {
      const frame = this.nextFrame();
      if (frame === undefined) break;
      if (this.rings.putFrame(frames, frame)) frames++;
      else this.rings.addRxErrors(1);
    }
    return frames;
  }

  txBurst(): number {
    const { rings, writer } = this;
    const waiting = rings.txReady();
    let sent = 0;
    for (let i = 0; i < waiting; i++) {
      const length = rings.peekTx(rings.txDesc(i), this.scratch);
      if (length < 0) {
        rings.addTxErrors(1);
        continue;
      }
      sent++;
      if (writer === undefined) continue;
      const now = this.clock();
      const seconds = Math.floor(now / 1000);
      const nanoseconds = Math.floor((now - seconds * 1000) * 1e6);
      writer.write(0, seconds, nanoseconds, this.scratch.subarray(0, length), { direction: 'tx' });
    }
    rings.txAdvance(waiting);
    return sent;
  }

  arm(): void {
    this.writer?.flush();
    if (this.armed || this.ended) return;
    this.armed = true;
    setImmediate(() => {
      if (!this.armed || this.closed) return;
      this.armed = false;
      this.notify.readable();
    });
  }

  disarm(): void {
    this.armed = false;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.reader = undefined;
    this.source.close();
    this.writer?.close();
  }

  private nextFrame(): Uint8Array | undefined {
    try {
      const record = this.reader?.next();
      if (record === undefined) {
        this.reader = undefined;
        return undefined;
      }
      if (record.linkType === LINKTYPE_ETHERNET) return record.data;
      const what = `link type ${record.linkType}; a port takes Ethernet frames, ${LINKTYPE_ETHERNET}`;
      throw new NetError('EPROTONOSUPPORT', `${this.source.name}: byte ${record.offset}: ${what}`);
    } catch (error) {
      this.reader = undefined;
      if (!(error instanceof NetError)) throw error;
      this.notify.state(false, error);
      return undefined;
    }
  }
}
