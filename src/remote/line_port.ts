/**
 * A port of this machine for a core on a board: a driver of ours works rings in memory of our own as if a core had them,
 * and their frames go over the line.
 *
 *   driver rxBurst ─► our receive ring ─► FRAME ─► the board's core        writable(): credit came, what waits goes on
 *   FRAME of the board ─► our transmit ring ─► driver txBurst
 *
 * A frame that finds our transmit ring full is dropped and counted, as in any NIC. While the line has no credit nothing is
 * read from the driver: the kernel's queue holds it, and drops.
 */
import { Port, RxDesc, SKB_HEADROOM, SLOT_BYTES, TxDesc } from '../../assembly/abi/layout.js';
import type { PortState } from '../core/core.js';
import { type Driver, PortRings, RX_SMALL_BYTES } from '../drivers/driver.js';

const ENTRIES = 64;
const PORT_AT = 64;
const RX_RING_AT = 1024;
const TX_RING_AT = RX_RING_AT + ENTRIES * RxDesc.SIZE;
const RX_SLOTS_AT = 65536;
const TX_SLOTS_AT = RX_SLOTS_AT + ENTRIES * SLOT_BYTES;
const PAGES = (TX_SLOTS_AT + ENTRIES * SLOT_BYTES) / 65536;
const BURST = 32;

export class LinePort {
  private readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  private readonly view = new DataView(this.memory.buffer);
  private readonly rings: PortRings;
  private readonly frame = new Uint8Array(RX_SMALL_BYTES);
  /** Read from the driver, not yet on the line. */
  private waiting = 0;
  private pumping = false;
  private closed = false;

  constructor(
    private readonly driver: Driver,
    /** Puts a frame on the line; false while there is no credit. */
    private readonly send: (frame: Uint8Array) => boolean,
    state: (state: PortState) => void,
  ) {
    const { view } = this;
    view.setUint32(PORT_AT + Port.RX_RING, RX_RING_AT, true);
    view.setUint32(PORT_AT + Port.RX_MASK, ENTRIES - 1, true);
    view.setUint32(PORT_AT + Port.TX_RING, TX_RING_AT, true);
    view.setUint32(PORT_AT + Port.TX_MASK, ENTRIES - 1, true);
    view.setUint32(PORT_AT + Port.RX_QUEUES, 1, true);
    for (let i = 0; i < ENTRIES; i++)
      view.setUint32(RX_RING_AT + i * RxDesc.SIZE, RX_SLOTS_AT + i * SLOT_BYTES + SKB_HEADROOM, true);
    this.rings = new PortRings(this.memory, PORT_AT);
    driver.attach(this.rings, {
      readable: () => this.pump(),
      writable: () => void driver.txBurst(),
      state: (up, why) => {
        state({ up, why });
        if (up) this.pump();
      },
    });
    this.pump();
  }

  /** Credit came, or a new session. */
  pump(): void {
    if (this.pumping || this.closed) return;
    this.pumping = true;
    try {
      while (this.sendWaiting()) {
        this.waiting = this.driver.rxBurst(BURST);
        if (this.waiting === 0) {
          this.driver.arm();
          return;
        }
      }
    } finally {
      this.pumping = false;
    }
  }

  /** A frame of the board's core. */
  receive(frame: Uint8Array): void {
    if (this.closed) return;
    const head = this.word(Port.TX_HEAD);
    if (this.rings.txReady() >= ENTRIES || frame.length > SLOT_BYTES) {
      this.rings.addTxErrors(1);
      return;
    }
    const slot = head & (ENTRIES - 1);
    const at = TX_SLOTS_AT + slot * SLOT_BYTES;
    this.rings.u8.set(frame, at);
    this.view.setUint32(TX_RING_AT + slot * TxDesc.SIZE + TxDesc.BUF, at, true);
    this.view.setUint32(TX_RING_AT + slot * TxDesc.SIZE + TxDesc.LEN, frame.length, true);
    this.setWord(Port.TX_HEAD, head + 1);
    this.driver.txBurst();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.driver.close();
  }

  /** True when all that was read is on the line. */
  private sendWaiting(): boolean {
    for (; this.waiting > 0; this.waiting--) {
      const length = this.rings.peekRx(this.rings.rxDesc(0), this.frame);
      if (!this.send(this.frame.subarray(0, length))) return false;
      const next = this.word(Port.RX_HEAD) + 1;
      this.setWord(Port.RX_HEAD, next);
      this.setWord(Port.RX_TAIL, next);
    }
    return true;
  }

  private word(field: Port): number {
    return this.view.getUint32(PORT_AT + field, true);
  }

  private setWord(field: Port, value: number): void {
    this.view.setUint32(PORT_AT + field, value >>> 0, true);
  }
}
