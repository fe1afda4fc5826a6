import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX, RX_SMALL_BYTES } from './driver.js';
import { StandInPort } from './stand_in_port.js';

const frame = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) & 0xff);
const received = (port: StandInPort, count = 1): Uint8Array[] => {
  const frames: Uint8Array[] = [];
  port.rx(count, (f) => frames.push(f));
  return frames;
};

describe("a port's rings", () => {
  it.each([0, 1, 60, RX_SMALL_BYTES, RX_SMALL_BYTES + 1, 40_000, FRAME_BYTES_MAX])(
    'hand a frame of %i bytes through both slots',
    (n) => {
      const port = new StandInPort({ vnetHdrLen: 10 });
      expect(port.rings.putFrame(0, frame(n), frame(10))).toBe(true);
      expect(received(port)).toEqual([Uint8Array.from([...frame(10), ...frame(n)])]);
    },
  );

  it('refuse a frame that is longer than the slots', () => {
    expect(new StandInPort({ vnetHdrLen: 10 }).rings.putFrame(0, frame(FRAME_BYTES_MAX + 1))).toBe(false);
    const small = new StandInPort();
    expect(small.rings.rxLarge).toBe(false);
    expect(small.rings.putFrame(0, frame(RX_SMALL_BYTES + 1))).toBe(false);
    expect(small.rings.putFrame(0, frame(RX_SMALL_BYTES))).toBe(true);
  });

  it('clear an old vnet header', () => {
    const port = new StandInPort({ entries: 1, vnetHdrLen: 12 });
    port.rings.putFrame(0, frame(60), frame(12));
    received(port);
    port.rings.putFrame(0, frame(60));
    expect(received(port)[0]!.subarray(0, 12)).toEqual(new Uint8Array(12));
  });

  it('count space and go round, also when the indices pass 2^32', () => {
    const port = new StandInPort({ entries: 4 });
    const { rings } = port;
    for (const index of [2, 3, 6, 7]) rings.u32[(rings.port >>> 2) + index] = 0xfffffffe; // heads and tails
    for (let i = 0; i < 10; i++) {
      expect(rings.rxSpace()).toBe(4);
      expect(rings.putFrame(0, frame(i))).toBe(true);
      expect(rings.putFrame(1, frame(i + 100))).toBe(true);
      expect(received(port, 2)).toEqual([frame(i), frame(i + 100)]);
      for (let k = 0; k < 4; k++) expect(port.tx(frame(i + k))).toBe(true);
      expect(port.tx(frame(1))).toBe(false);
      expect(rings.txReady()).toBe(4);
      for (let k = 0; k < 4; k++) {
        expect(port.peekTx()).toEqual(frame(i + k));
        rings.txAdvance(1);
      }
      expect(port.peekTx()).toBeUndefined();
    }
  });

  it('join the fragments of a transmit descriptor, unless they do not fit', () => {
    const port = new StandInPort({ vnetHdrLen: 10 });
    port.tx(frame(50_000), 64, 1000);
    const desc = port.rings.txDesc(0);
    expect(port.rings.txBytes(desc)).toBe(50_000);
    expect(port.rings.peekTx(desc, new Uint8Array(49_999))).toBe(-1);
    expect(port.peekTx()).toEqual(frame(50_000));
  });
});
