/**
 * The Ethernet port of a board as a port of ours: frames go over the line to the board's first port and come from it.
 *
 *   BoardLink 'frame' ─copy─► queue (a ring of equal places) ─copy─► receive descriptors       rxBurst()
 *   transmit descriptors ─copy─► LinkSession.sendFrame ─► the line                             txBurst()
 *
 * The link is up while the session is and the board says that its port's link is. Frames that the line lost are counted
 * in RX_MISSED and TX_ERRORS; a frame that finds the line without credit stays in the transmit ring until writable().
 */
import { NetifF } from '../../../assembly/abi/features.js';
import { LinkMode, LinkOp } from '../../../assembly/abi/link.js';
import { NetError } from '../../net_error.js';
import type { Driver, PortNotify, PortRings } from '../driver.js';
import { FrameQueue } from '../frame_queue.js';
import { randomMac } from '../mac.js';
import { BoardLink } from './board_link.js';
import type { BoardPort } from './link_messages.js';
import type { SerialSpec } from './serial_spec.js';

export interface SerialDriverOptions {
  mac?: string | undefined;
  mtu?: number | undefined;
}

const MTU = 1500;
const ETH_HEADER_MAX = 22;
const QUEUE_FRAMES = 256;
/** The board's port that this port is. */
const PORT = 0;

export class SerialDriver implements Driver {
  readonly kind = 'serial';
  readonly mac: string;
  readonly mtu: number;
  readonly features = NetifF.GRO;
  readonly vnetHdrLen = 0;
  readonly link: BoardLink;

  private readonly queue: FrameQueue;
  private readonly out: Uint8Array;
  private rings: PortRings | undefined;
  private notify!: PortNotify;
  private up = false;
  private blocked = false;
  private closed = false;

  constructor(
    readonly name: string,
    spec: SerialSpec,
    options: SerialDriverOptions = {},
  ) {
    this.mac = options.mac ?? randomMac();
    this.mtu = options.mtu ?? MTU;
    if (this.mtu > MTU)
      throw new NetError('EINVAL', `${name}: a board's frames have at most ${MTU} bytes, not ${this.mtu}`);
    const frameBytes = this.mtu + ETH_HEADER_MAX;
    this.queue = new FrameQueue(QUEUE_FRAMES, frameBytes, () => this.notify.readable());
    this.out = new Uint8Array(frameBytes);
    this.link = new BoardLink(spec, {
      up: ({ mode }) => this.toPortMode(mode),
      down: (why) => this.state(false, why),
      frame: (port, frame, _timeNs, lost) => this.received(port, frame, lost),
      port: (port) => this.portState(port),
      writable: () => this.unblock(),
      lost: (from, to) => {
        this.rings?.addRxMissed(from);
        this.rings?.addTxErrors(to);
      },
    });
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.queue.rings = rings;
    this.notify = notify;
    this.link.start();
  }

  rxBurst(max: number): number {
    return this.queue.rxBurst(max);
  }

  txBurst(): number {
    const rings = this.rings!;
    const waiting = rings.txReady();
    let done = 0;
    let sent = 0;
    for (; done < waiting; done++) {
      const length = rings.peekTx(rings.txDesc(done), this.out);
      if (length < 0) {
        rings.addTxErrors(1);
        continue;
      }
      if (!this.up || !this.link.ready || !this.link.session.sendFrame(PORT, this.out.subarray(0, length))) {
        this.blocked = true;
        break;
      }
      sent++;
    }
    rings.txAdvance(done);
    return sent;
  }

  arm(): void {
    this.queue.arm();
  }

  disarm(): void {
    this.queue.disarm();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.queue.close();
    await this.link.close();
  }

  /** The board may have been another's: a core that runs on it ends. */
  private toPortMode(mode: number): void {
    if (mode === LinkMode.PORT) return;
    const wanted = Buffer.alloc(4);
    wanted.writeUInt32LE(LinkMode.PORT);
    // The session may end over it; the next one begins with the same.
    void this.link.call(LinkOp.MODE, wanted, 'port mode').catch(() => {});
  }

  private received(port: number, frame: Uint8Array, lost: number): void {
    if (lost > 0) this.rings?.addRxMissed(lost);
    if (port === PORT) this.queue.push(frame);
  }

  private portState({ port, up }: BoardPort): void {
    if (port === PORT)
      this.state(up, new NetError('ENETDOWN', `${this.name}: the board's Ethernet has no link`));
  }

  private state(up: boolean, why: NetError): void {
    if (this.closed || (up && this.up)) return;
    this.up = up;
    if (up) this.notify.state(true);
    else this.notify.state(false, why);
    if (up) this.unblock();
  }

  private unblock(): void {
    if (!this.blocked || this.closed || !this.up) return;
    this.blocked = false;
    this.notify.writable();
  }
}
