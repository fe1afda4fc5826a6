import { describe, expect, it } from 'vitest';
import { ScriptDriver } from '../../test/script_driver.js';
import { type FaultClock, FaultInjector, type FaultInjectorOptions } from './fault_injector.js';
import { StandInPort } from './stand_in_port.js';

const frame = (seed: number, n = 60): Uint8Array => new Uint8Array(n).fill(seed & 0xff);
const ids = (frames: Uint8Array[]): number[] => frames.map((f) => f[0]!);

/** A clock that moves when told, and runs what is due. */
class TestClock implements FaultClock {
  time = 0;
  private due: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.time + ms, run };
    this.due.push(entry);
    return () => {
      this.due = this.due.filter((e) => e !== entry);
    };
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      this.due.sort((a, b) => a.at - b.at);
      const first = this.due[0];
      if (first === undefined || first.at > end) break;
      this.due.shift();
      this.time = Math.max(this.time, first.at);
      first.run();
    }
    this.time = end;
  }

  get pending(): number {
    return this.due.length;
  }
}

function setUp(options: Partial<FaultInjectorOptions>, vnetHdrLen: 0 | 10 = 0) {
  const inner = new ScriptDriver(vnetHdrLen);
  const clock = new TestClock();
  const injector = new FaultInjector(inner, { seed: 1, clock, ...options });
  const port = new StandInPort({ vnetHdrLen });
  const seen = { readable: 0, received: [] as Uint8Array[] };
  injector.attach(port.rings, {
    readable: () => {
      seen.readable++;
    },
    writable: () => {},
    state: () => {},
  });
  const receive = (): number => {
    const n = injector.rxBurst(64);
    port.rx(n, (f) => seen.received.push(f));
    return n;
  };
  return { inner, clock, injector, port, seen, receive };
}

const BAD = { loss: 0.1, corruption: 0.1, duplication: 0.1, reordering: 0.1 };

describe('a fault injector', () => {
  it('without faults passes every frame both ways, in order', () => {
    const { inner, injector, port, seen, receive } = setUp({});
    for (let i = 0; i < 200; i++) inner.input.push(frame(i));
    while (receive() > 0);
    expect(ids(seen.received)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    for (let i = 0; i < 50; i++) port.tx(frame(i), 20, 20);
    expect(injector.txBurst()).toBe(50);
    expect(inner.sent).toEqual(Array.from({ length: 50 }, (_, i) => frame(i)));
    expect(port.rings.txReady()).toBe(0);
  });

  it('does the same for the same seed, and something else for another', () => {
    const run = (seed: number): unknown => {
      const { inner, clock, injector, port, seen, receive } = setUp({ seed, rx: BAD, tx: BAD });
      for (let i = 0; i < 500; i++) {
        inner.input.push(frame(i));
        receive();
        port.tx(frame(i));
        injector.txBurst();
      }
      clock.advance(1000);
      while (receive() > 0);
      const hex = (frames: Uint8Array[]): string[] => frames.map((f) => Buffer.from(f).toString('hex'));
      return { rx: hex(seen.received), tx: hex(inner.sent), counters: injector.counters };
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });

  it('loses, breaks, doubles and reorders about as many as asked, and accounts for each', () => {
    const { inner, clock, injector, seen, receive } = setUp({ rx: BAD });
    for (let i = 0; i < 10_000; i++) {
      inner.input.push(frame(i));
      receive();
    }
    clock.advance(100);
    while (receive() > 0);
    const { rx } = injector.counters;
    expect(rx.frames).toBe(10_000);
    expect(rx.overflowed).toBe(0);
    for (const count of [rx.lost, rx.corrupted, rx.duplicated, rx.reordered]) {
      expect(count).toBeGreaterThan(600);
      expect(count).toBeLessThan(1200);
    }
    expect(seen.received.length).toBe(10_000 - rx.lost + rx.duplicated);
    const broken = seen.received.filter((f) => f.some((b) => b !== f[0]));
    expect(broken.length).toBeGreaterThan(500);
  });

  it('delays frames, says readable when the first is due, and only while armed', () => {
    const { inner, clock, injector, seen, receive } = setUp({ rx: { delayMs: 20 } });
    inner.input.push(frame(1));
    expect(receive()).toBe(0);
    injector.arm();
    clock.advance(19);
    expect(seen.readable).toBe(0);
    clock.advance(1);
    expect(seen.readable).toBe(1);
    expect(receive()).toBe(1);
    inner.input.push(frame(2));
    receive();
    injector.arm();
    injector.disarm();
    clock.advance(100);
    expect(seen.readable).toBe(1);
    injector.arm();
    clock.advance(0);
    expect(seen.readable).toBe(2);
    injector.arm();
    inner.notify.readable();
    expect(seen.readable).toBe(3);
  });

  it('sends no faster than the rate, and loses what its queue does not hold', () => {
    // 60 bytes at 48 kbit/s: one frame in 10 ms.
    const { inner, clock, injector, port } = setUp({ tx: { rateBps: 48_000, queueFrames: 5 } });
    for (let i = 0; i < 8; i++) port.tx(frame(i));
    expect(injector.txBurst()).toBe(8);
    expect(inner.sent.length).toBe(0);
    clock.advance(10);
    expect(ids(inner.sent)).toEqual([0]);
    clock.advance(25);
    expect(ids(inner.sent)).toEqual([0, 1, 2]);
    clock.advance(100);
    expect(ids(inner.sent)).toEqual([0, 1, 2, 3, 4]);
    expect(injector.counters.tx.overflowed).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it('lets a held frame go when no other follows', () => {
    const { inner, clock, injector, port } = setUp({ tx: { reordering: 1 } });
    port.tx(frame(1));
    injector.txBurst();
    expect(inner.sent.length).toBe(0);
    clock.advance(10);
    expect(ids(inner.sent)).toEqual([1]);
  });

  it('waits for a port that blocks, and goes on when it is writable', () => {
    const { inner, injector, port } = setUp({});
    inner.room = 3;
    for (let i = 0; i < 10; i++) port.tx(frame(i));
    expect(injector.txBurst()).toBe(10);
    expect(inner.sent.length).toBe(3);
    inner.room = 100;
    inner.notify.writable();
    expect(ids(inner.sent)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('fills in a checksum that was left out before it breaks the frame, and loses a broken GSO frame', () => {
    const { inner, injector, port } = setUp({ tx: { corruption: 1 } }, 10);
    const header = [1, 0, 0, 0, 0, 0, 34, 0, 16, 0];
    port.tx(Uint8Array.from([...header, ...new Uint8Array(60)]));
    port.tx(Uint8Array.from([1, 1, ...header.slice(2), ...new Uint8Array(60)]));
    injector.txBurst();
    expect(inner.sent.length).toBe(1);
    expect(inner.sent[0]!.subarray(0, 10)).toEqual(new Uint8Array(10));
    const body = inner.sent[0]!.subarray(10);
    const expected = new Uint8Array(60);
    expected[50] = 0xff;
    expected[51] = 0xff;
    const bits = [...body].reduce(
      (sum, b, i) => sum + (b ^ expected[i]!).toString(2).replaceAll('0', '').length,
      0,
    );
    expect(bits).toBe(1);
    expect(injector.counters.tx).toMatchObject({ frames: 2, corrupted: 2, lost: 0 });
  });

  it('passes on the errors of the driver behind, and is quiet after close()', async () => {
    const { inner, clock, injector, port, seen, receive } = setUp({ rx: { delayMs: 5 }, tx: { delayMs: 5 } });
    inner.rings.addRxErrors(2);
    inner.rings.addTxErrors(3);
    receive();
    expect([port.rings.rxErrors, port.rings.txErrors]).toEqual([2, 3]);
    port.tx(frame(1));
    injector.txBurst();
    inner.input.push(frame(1));
    receive();
    injector.arm();
    await injector.close();
    clock.advance(100);
    expect([seen.readable, inner.sent.length, clock.pending, inner.closed]).toEqual([0, 0, 0, 1]);
  });
});
