import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { NetError } from '../net_error.js';
import { StandInPort } from './stand_in_port.js';
import { UdpWireDriver, type UdpWireOptions } from './udp_wire.js';

const frame = (n: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => (i * 7 + seed) & 0xff);
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

class End {
  readonly driver: UdpWireDriver;
  readonly port = new StandInPort({ entries: 256 });
  readonly frames: Uint8Array[] = [];
  readonly up: Promise<NetError | undefined>;
  writable = 0;
  readables = 0;
  private readable: (() => void) | undefined;

  constructor(address: string, local: number, remote: number, options: UdpWireOptions = {}) {
    this.driver = new UdpWireDriver({ address, port: local }, { address, port: remote }, options);
    open.push(this.driver);
    this.up = new Promise((resolve) => {
      this.driver.attach(this.port.rings, {
        readable: () => {
          this.readables++;
          this.readable?.();
        },
        writable: () => {
          this.writable++;
        },
        state: (_up, why) => resolve(why),
      });
    });
  }

  async receive(count: number): Promise<void> {
    while (this.frames.length < count) {
      await new Promise<void>((resolve) => {
        this.readable = resolve;
        this.driver.arm();
      });
      this.drain();
    }
  }

  drain(): number {
    const got = this.driver.rxBurst(64);
    this.port.rx(got, (f) => this.frames.push(f));
    return got;
  }
}

/** Two ends that know each other's ports: the ports are the kernel's choice, so tests do not collide. */
async function wire(address = '127.0.0.1', options: UdpWireOptions = {}): Promise<[End, End]> {
  const finder = createSocket(address === '::1' ? 'udp6' : 'udp4');
  finder.bind(0, address);
  await once(finder, 'listening');
  const { port } = finder.address();
  const a = new End(address, 0, port, options);
  expect(await a.up).toBeUndefined();
  await new Promise<void>((done) => finder.close(done));
  const b = new End(address, port, a.driver.boundPort!, options);
  expect(await b.up).toBeUndefined();
  return [a, b];
}

describe('the UDP wire', () => {
  it.each(['127.0.0.1', '::1'])('carries frames both ways over %s, in order', async (address) => {
    const [a, b] = await wire(address);
    const sizes = [14, 60, 1514, 1522];
    for (const n of sizes) a.port.tx(frame(n), Math.min(n, 40), 700);
    expect(a.driver.txBurst()).toBe(4);
    await b.receive(4);
    expect(b.frames).toEqual(sizes.map((n) => frame(n)));
    b.port.tx(frame(99));
    b.driver.txBurst();
    await a.receive(1);
    expect(a.frames).toEqual([frame(99)]);
    expect([a.port.rings.txErrors, a.port.rings.rxErrors, b.port.rings.rxErrors]).toEqual([0, 0, 0]);
  });

  it('keeps frames in the transmit ring while every place is in flight, and says writable', async () => {
    const [a, b] = await wire();
    for (let i = 0; i < 256; i++) a.port.tx(frame(60, i));
    expect(a.driver.txBurst()).toBe(256);
    a.port.tx(frame(60, 256));
    expect(a.driver.txBurst()).toBe(0);
    expect(a.port.rings.txReady()).toBe(1);
    await b.receive(200);
    expect(a.writable).toBe(1);
    expect(a.driver.txBurst()).toBe(1);
    await b.receive(257);
    expect(b.frames.map((f) => f[0])).toEqual(Array.from({ length: 257 }, (_, i) => i & 0xff));
  });

  it('counts what its queue does not hold, and frames longer than the MTU', async () => {
    const [a, b] = await wire('127.0.0.1', { queueFrames: 8 });
    a.port.tx(frame(1523));
    expect(a.driver.txBurst()).toBe(0);
    expect(a.port.rings.txErrors).toBe(1);
    for (let i = 0; i < 20; i++) a.port.tx(frame(60, i));
    a.driver.txBurst();
    while (b.port.rings.rxErrors < 12) await new Promise((done) => setImmediate(done));
    await b.receive(8);
    expect(b.frames.map((f) => f[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(b.drain()).toBe(0);
  });

  it('takes nothing from others than its peer', async () => {
    const [a, b] = await wire();
    const stranger = createSocket('udp4');
    open.push({ close: () => new Promise<void>((done) => stranger.close(done)) });
    await new Promise((done) => stranger.send(frame(60, 77), b.driver.boundPort!, '127.0.0.1', done));
    a.port.tx(frame(60, 1));
    a.driver.txBurst();
    await b.receive(1);
    expect(b.frames.map((f) => f[0])).toEqual([1]);
  });

  it('lives on when the peer is not there, and counts what is lost', async () => {
    const [a, b] = await wire();
    await b.driver.close();
    for (let i = 0; i < 3; i++) {
      a.port.tx(frame(60));
      a.driver.txBurst();
      await new Promise((done) => setTimeout(done, 5));
    }
    expect(a.port.rings.txErrors + a.port.rings.rxErrors).toBeGreaterThan(0);
    expect(a.driver.boundPort).toBeDefined();
  });

  it('is not readable while disarmed, and is at once when armed with frames waiting', async () => {
    const [a, b] = await wire();
    b.driver.arm();
    b.driver.disarm();
    a.port.tx(frame(60));
    a.driver.txBurst();
    await new Promise((done) => setTimeout(done, 20));
    expect(b.readables).toBe(0);
    b.driver.arm();
    b.driver.arm();
    await new Promise((done) => setTimeout(done, 5));
    expect(b.readables).toBe(1);
    expect(b.drain()).toBe(1);
  });

  it('tells why the port cannot be had, once, and comes up when it can', async () => {
    const [a] = await wire();
    const states: (string | true)[] = [];
    let told = (): void => {};
    const late = new UdpWireDriver(
      { address: '127.0.0.1', port: a.driver.boundPort! },
      { address: '127.0.0.1', port: 9 },
    );
    open.push(late);
    const down = new Promise<void>((done) => {
      told = done;
    });
    late.attach(new StandInPort().rings, {
      readable() {},
      writable() {},
      state(up, why) {
        states.push(up ? true : why!.code);
        if (!up) expect(why!.message).toMatch(/port 0 takes a free one/);
        told();
      },
    });
    await down;
    await new Promise((done) => setTimeout(done, 600));
    expect(states).toEqual(['EADDRINUSE']);
    const up = new Promise<void>((done) => {
      told = done;
    });
    await a.driver.close();
    await up;
    expect(states).toEqual(['EADDRINUSE', true]);
    await late.close();
    await late.close();
  });
});
