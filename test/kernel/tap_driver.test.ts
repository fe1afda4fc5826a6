import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NetifF } from '../../assembly/abi/features.js';
import { StandInPort } from '../../src/drivers/stand_in_port.js';
import { TapDriver, type TapOptions } from '../../src/drivers/tap.js';
import type { NetError } from '../../src/net_error.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const NAME = `ww${process.pid}t`.slice(0, 15);
const OUR_MAC = '02:00:00:00:00:02';
const HDR = 10;
const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/tap_driver skipped: ${missing}`);

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

/** A TAP with the address 10.77.0.1/24 on the kernel's side and 10.77.0.2 on ours. */
class Bench {
  readonly port: StandInPort;
  readonly states: (string | true)[] = [];
  readable = 0;
  readonly frames: Buffer[] = [];
  private waiting: (() => void) | undefined;

  constructor(
    readonly tap: TapDriver,
    large = true,
  ) {
    this.port = new StandInPort({ vnetHdrLen: 10, large });
    tap.attach(this.port.rings, {
      readable: () => {
        this.readable++;
        this.waiting?.();
      },
      writable: () => {},
      state: (up: boolean, why?: NetError) => {
        this.states.push(up ? true : why!.code);
        this.waiting?.();
      },
    });
  }

  /** Waits in the event loop for `done`, receiving what comes. */
  async until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`nothing after 10 s; states ${this.states}`);
      this.tap.arm();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.drain();
    }
  }

  drain(): number {
    const count = this.tap.rxBurst(64);
    this.port.rx(count, (frame) => this.frames.push(Buffer.from(frame)));
    return count;
  }

  /** UDP frames for our address, without the vnet header. */
  udp(): Buffer[] {
    const frames = this.frames.map((f) => f.subarray(HDR));
    return frames.filter((f) => f.readUInt16BE(12) === 0x0800 && f[23] === 17 && f[33] === 2);
  }
}

function configure(mtu = 1500): void {
  ip('link', 'set', NAME, 'mtu', String(mtu), 'address', '02:00:00:00:00:01', 'up');
  ip('addr', 'replace', '10.77.0.1/24', 'dev', NAME);
  ip('neigh', 'replace', '10.77.0.2', 'lladdr', OUR_MAC, 'dev', NAME);
}

/** vnet header, Ethernet, IPv4, UDP from 10.77.0.2; the UDP checksum is left to the kernel. */
function udpFrame(port: number, payload: Buffer, gsoSize = 0): Buffer {
  const frame = Buffer.alloc(HDR + 42 + payload.length);
  frame[0] = 1; // NEEDS_CSUM
  if (gsoSize !== 0) {
    frame[1] = 5; // GSO_UDP_L4
    frame.writeUInt16LE(42, 2);
    frame.writeUInt16LE(gsoSize, 4);
  }
  frame.writeUInt16LE(34, 6);
  frame.writeUInt16LE(6, 8);
  const eth = frame.subarray(HDR);
  Buffer.from('020000000001020000000002', 'hex').copy(eth);
  eth.writeUInt16BE(0x0800, 12);
  const iph = eth.subarray(14);
  Buffer.from('4500000000004000401100000a4d00020a4d0001', 'hex').copy(iph);
  iph.writeUInt16BE(28 + payload.length, 2);
  iph.writeUInt16BE(~sum(iph.subarray(0, 20)) & 0xffff, 10);
  const udp = iph.subarray(20);
  udp.writeUInt16BE(5000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  payload.copy(udp, 8);
  const pseudo = Buffer.alloc(12);
  iph.copy(pseudo, 0, 12, 20);
  pseudo[9] = 17;
  pseudo.writeUInt16BE(8 + payload.length, 10);
  udp.writeUInt16BE(sum(pseudo), 6);
  return frame;
}

function sum(bytes: Buffer): number {
  let s = 0;
  for (let i = 0; i < bytes.length; i += 2) s += bytes.readUInt16BE(i);
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16);
  return s;
}

describe.skipIf(missing !== undefined).each([
  { how: 'a burst by one system call', calls: false },
  { how: 'one system call a frame', calls: true },
])('the tap driver against the Linux kernel, $how', ({ calls }) => {
  let netns: OwnNetns;
  const open: { close(): unknown }[] = [];

  beforeAll(() => {
    netns = enterOwnNetns();
  });
  afterAll(() => netns?.leave());
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  function tap(options: TapOptions = {}): TapDriver {
    const driver = new TapDriver(NAME, { mac: OUR_MAC, calls, ...options });
    open.push(driver);
    return driver;
  }

  async function socket(): Promise<Socket> {
    const s = createSocket('udp4');
    open.push({ close: () => new Promise<void>((done) => s.close(done)) });
    s.bind(0, '10.77.0.1');
    await once(s, 'listening');
    return s;
  }

  it('creates the interface and removes it on close, with the MTU given', async () => {
    const driver = tap({ mtu: 1400 });
    expect(driver).toMatchObject({
      kind: 'tap',
      name: `tap:${NAME}`,
      mac: OUR_MAC,
      mtu: 1400,
      vnetHdrLen: 10,
    });
    expect(driver.features & NetifF.TSO).not.toBe(0);
    expect(ip('link', 'show', NAME)).toContain('mtu 1400');
    await driver.close();
    await driver.close();
    expect(() => ip('link', 'show', NAME)).toThrow();
  });

  it('receives what the kernel sends, in order, and says readable once per arm()', async () => {
    const bench = new Bench(tap());
    configure();
    await bench.until(() => bench.states.at(-1) === true);
    const s = await socket();
    for (let i = 0; i < 100; i++) s.send(Buffer.from(`frame ${i}`), 9, '10.77.0.2');
    await bench.until(() => bench.udp().length === 100);
    expect(bench.udp().map((f) => f.subarray(42).toString())).toEqual(
      Array.from({ length: 100 }, (_, i) => `frame ${i}`),
    );
    // NEEDS_CSUM at the UDP checksum: the kernel left it to us.
    const header = bench.frames.find((f) => f[HDR + 23] === 17 && f[HDR + 33] === 2)!;
    expect([header[0], header.readUInt16LE(6), header.readUInt16LE(8)]).toEqual([1, 34, 6]);
    expect(bench.port.rings.rxErrors).toBe(0);
    const before = bench.readable;
    bench.tap.arm();
    bench.tap.disarm();
    s.send('x', 9, '10.77.0.2');
    await new Promise((done) => setTimeout(done, 20));
    expect(bench.readable).toBe(before);
    bench.tap.arm();
    await bench.until(() => bench.readable === before + 1);
  });

  it('receives a frame of 50 KB into the small and the large slot', async () => {
    const bench = new Bench(tap());
    configure(60000);
    const s = await socket();
    const payload = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7) & 0xff));
    s.send(payload, 9, '10.77.0.2');
    await bench.until(() => bench.udp().length === 1);
    expect(bench.udp()[0]!.subarray(42).equals(payload)).toBe(true);
  });

  it('counts a frame that does not fit as a receive error when there are no large slots', async () => {
    const bench = new Bench(tap(), false);
    configure(60000);
    const s = await socket();
    s.send(Buffer.alloc(5000), 9, '10.77.0.2');
    s.send(Buffer.alloc(100), 9, '10.77.0.2');
    await bench.until(() => bench.udp().length === 1);
    expect(bench.udp()[0]!.length).toBe(142);
    expect(bench.port.rings.rxErrors).toBe(1);
  });

  it('sends frames whole, in fragments, and as one segment of many datagrams', async () => {
    const bench = new Bench(tap());
    configure();
    const s = await socket();
    const got: Buffer[] = [];
    s.on('message', (message) => got.push(message));
    const { port } = s.address();
    const payload = Buffer.from(Array.from({ length: 10_000 }, (_, i) => (i * 13) & 0xff));
    expect(bench.port.tx(udpFrame(port, payload.subarray(0, 100)))).toBe(true);
    expect(bench.port.tx(udpFrame(port, payload.subarray(0, 1400)), 60, 500)).toBe(true);
    expect(bench.port.tx(udpFrame(port, payload, 1000), 60, 4096)).toBe(true);
    expect(bench.tap.txBurst()).toBe(3);
    expect(bench.port.rings.txReady()).toBe(0);
    await bench.until(() => got.length === 12);
    expect(got.map((g) => g.length)).toEqual([100, 1400, ...Array.from({ length: 10 }, () => 1000)]);
    expect(Buffer.concat(got.slice(2)).equals(payload)).toBe(true);
    expect(bench.port.rings.txErrors).toBe(0);
  });

  it('passes over a frame that the kernel refuses and counts it', async () => {
    const bench = new Bench(tap());
    configure();
    const s = await socket();
    const bad = udpFrame(s.address().port, Buffer.from('bad'));
    bad[1] = 0x7f; // no such gso_type
    bench.port.tx(bad);
    bench.port.tx(udpFrame(s.address().port, Buffer.from('good')));
    const message = once(s, 'message');
    expect(bench.tap.txBurst()).toBe(1);
    expect(String((await message)[0])).toBe('good');
    expect(bench.port.rings.txErrors).toBe(1);
    expect(bench.states.at(-1)).toBe(true);
  });

  it('is down while the interface is down, drops what is sent meanwhile, and comes up again', async () => {
    const bench = new Bench(tap());
    expect(bench.states).toEqual(['ENETDOWN']);
    bench.port.tx(udpFrame(9, Buffer.from('lost')));
    bench.port.tx(udpFrame(9, Buffer.from('lost')));
    expect(bench.tap.txBurst()).toBe(0);
    expect(bench.port.rings.txErrors).toBe(2);
    configure();
    bench.port.tx(udpFrame(9, Buffer.from('sent')));
    expect(bench.tap.txBurst()).toBe(1);
    expect(bench.states).toEqual(['ENETDOWN', true]);
    ip('link', 'set', NAME, 'down');
    await bench.until(() => bench.states.length === 3);
    expect(bench.states).toEqual(['ENETDOWN', true, 'ENETDOWN']);
  });

  it('survives the deletion of the interface and takes the one made in its place', async () => {
    const bench = new Bench(tap());
    configure();
    await bench.until(() => bench.states.at(-1) === true);
    ip('link', 'del', NAME);
    await bench.until(() => bench.states.at(-1) === 'ENODEV');
    bench.port.tx(udpFrame(9, Buffer.from('lost')));
    expect(bench.tap.txBurst()).toBe(0);
    expect(bench.tap.rxBurst(64)).toBe(0);
    ip('tuntap', 'add', NAME, 'mode', 'tap', 'vnet_hdr');
    configure();
    await bench.until(() => bench.states.at(-1) === true);
    const s = await socket();
    // The kernel tells its queues of the carrier up to a second later, and drops what is sent until then.
    const again = setInterval(() => s.send('again', 9, '10.77.0.2'), 50);
    open.push({ close: () => clearInterval(again) });
    await bench.until(() => bench.udp().length > 0);
    ip('link', 'del', NAME);
  });

  it('works on after the interface moved into another namespace', async () => {
    const bench = new Bench(tap());
    const other = `${NAME}n`;
    ip('netns', 'add', other);
    open.push({ close: () => ip('netns', 'del', other) });
    ip('link', 'set', NAME, 'netns', other);
    ip('-n', other, 'link', 'set', NAME, 'up');
    await bench.until(() => bench.states.at(-1) === true);
    bench.port.tx(udpFrame(9, Buffer.from('there')));
    expect(bench.tap.txBurst()).toBe(1);
  });

  it('says what to do when the interface is held by another or is no TAP', () => {
    tap();
    expect(() => new TapDriver(NAME)).toThrow(
      expect.objectContaining({ code: 'EBUSY', message: expect.stringContaining('another process holds') }),
    );
    expect(() => new TapDriver('lo')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => new TapDriver('a-name-far-too-long')).toThrow(/longer than 15 bytes/);
  });
});
