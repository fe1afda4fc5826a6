/**
 * Receiving without a copy: where a transfer is one frame, it goes straight into the buffer of a receive descriptor.
 *
 *   descriptors   RX_HEAD ├ free: a transfer reads into each buffer ┤ not free
 *                 frame 0 of this burst belongs into the first of them, frame 1 into the second ...
 *
 * Transfers end in the order in which they were submitted, which is that of their descriptors until one brings no frame and
 * is submitted again, behind the others. Then two descriptors exchange their buffers (rxSwap), and the transfers their places.
 * The memory stays the transfer's until it is done: close() waits for that before the core forgets the port.
 */
import { RX_SMALL_BYTES } from '../driver.js';
import { FrameList } from './usb_net_driver.js';
import { type RxSlot, UsbRx } from './usbnet_rx.js';

export class UsbRxDirect extends UsbRx {
  private readonly list = new FrameList(1);
  /** By transfer: the position of its descriptor since the beginning, -1 when it has none. */
  private readonly places: Float64Array;
  /** By position, as far as it is taken: index of the transfer. */
  private readonly taken = new Map<number, number>();
  /** Position of RX_HEAD, and of the first descriptor that no transfer was given yet. */
  private head = 0;
  private next = 0;

  constructor(...args: ConstructorParameters<typeof UsbRx>) {
    super(...args);
    this.places = new Float64Array(this.driver.rx.transfers).fill(-1);
  }

  /** Transfers of this size fit a descriptor's buffer. */
  static fits(bytes: number): boolean {
    return bytes <= RX_SMALL_BYTES;
  }

  override rxBurst(max: number): number {
    const { rings, list, places } = this;
    let frames = 0;
    const limit = Math.min(max, rings.rxSpace());
    for (; frames < limit && this.done.length > 0; ) {
      const slot = this.done.shift()!;
      const desc = rings.rxDesc(places[slot.index]! - this.head);
      const at = rings.rxBuf(desc);
      list.clear();
      this.driver.unpack(rings.u8.subarray(at, at + slot.length), slot.length, list);
      this.told(list);
      if (list.count === 1) {
        this.moveTo(slot.index, this.head + frames);
        rings.rxDone(rings.rxDesc(frames), list.lengths[0]!, 0);
        this.counters.rxBytes += list.lengths[0]!;
        frames++;
      }
      if (list.count === 1) {
        this.taken.delete(places[slot.index]!);
        places[slot.index] = -1;
      }
      this.submit(slot);
    }
    this.submitIdle();
    // The caller moves RX_HEAD by so many when this returns.
    this.head += frames;
    this.counters.rxFrames += frames;
    return frames;
  }

  protected override target({ index }: RxSlot): Uint8Array | undefined {
    const { rings, places } = this;
    if (places[index] === -1) {
      if (this.next - this.head >= rings.rxSpace() || rings.rxBuf(rings.rxDesc(this.next - this.head)) === 0)
        return undefined;
      this.taken.set(this.next, index);
      places[index] = this.next++;
    }
    const at = rings.rxBuf(rings.rxDesc(places[index]! - this.head));
    return rings.u8.subarray(at, at + this.driver.rx.bytes);
  }

  /** The frame of this transfer belongs into the descriptor at `place`: exchanges buffers with the transfer that has it. */
  private moveTo(index: number, place: number): void {
    const { rings, places, taken, head } = this;
    const from = places[index]!;
    if (from === place) return;
    const other = taken.get(place)!;
    rings.rxSwap(rings.rxDesc(place - head), rings.rxDesc(from - head));
    places[other] = from;
    taken.set(from, other);
    places[index] = place;
    taken.set(place, index);
  }
}
