import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetError } from '../net_error.js';
import { fileSource, openCapture } from './capture_file.js';
import { MemorySink } from './capture_memory.js';
import { openPort } from './open.js';
import { PcapWriter } from './pcap.js';
import { PcapDriver } from './pcap_driver.js';
import { StandInPort } from './stand_in_port.js';

const frame = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) & 0xff);

describe('the pcap port', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'ww-pcap-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function input(name: string, frames: Uint8Array[], linkType = 1): string {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink, { linkType });
    for (const f of frames) writer.write(0, 0, f);
    writer.close();
    writeFileSync(join(dir, name), sink.bytes());
    return join(dir, name);
  }

  function attach(driver: PcapDriver): { port: StandInPort; states: (true | string)[]; readable: number[] } {
    const seen = { port: new StandInPort(), states: [] as (true | string)[], readable: [] as number[] };
    driver.attach(seen.port.rings, {
      readable: () => seen.readable.push(1),
      writable: () => {},
      state: (up, why?: NetError) => seen.states.push(up ? true : why!.message),
    });
    return seen;
  }

  it('gives the frames of the file in order, in bursts, and stays up at the end', async () => {
    const frames = Array.from({ length: 150 }, (_, i) => frame(60 + i));
    const driver = new PcapDriver(input('in.pcap', frames));
    const { port, states, readable } = attach(driver);
    const got: Uint8Array[] = [];
    const bursts = [];
    for (let n = driver.rxBurst(100); n > 0; n = driver.rxBurst(100)) {
      bursts.push(n);
      port.rx(n, (f) => got.push(f));
    }
    expect(bursts).toEqual([64, 64, 22]);
    expect(got).toEqual(frames);
    expect(states).toEqual([true]);
    expect(driver.ended).toBe(true);
    driver.arm();
    await new Promise((done) => setImmediate(done));
    expect(readable).toEqual([]);
    await driver.close();
    await driver.close();
  });

  it('says readable once per arm() while frames are left', async () => {
    const driver = new PcapDriver(input('arm.pcap', [frame(60)]));
    const { readable } = attach(driver);
    driver.arm();
    driver.arm();
    await new Promise((done) => setImmediate(done));
    expect(readable.length).toBe(1);
    driver.arm();
    driver.disarm();
    await new Promise((done) => setImmediate(done));
    expect(readable.length).toBe(1);
    await driver.close();
  });

  it('writes what is sent to another file, as pcapng', async () => {
    const out = join(dir, 'out.pcapng');
    const driver = openPort(`pcap:${input('a.pcap', [])}>${out}`);
    const port = new StandInPort();
    driver.attach(port.rings, { readable() {}, writable() {}, state() {} });
    for (const n of [60, 1514]) port.tx(frame(n), 42, 500);
    expect(driver.txBurst()).toBe(2);
    await driver.close();
    const reader = openCapture(fileSource(out));
    for (const n of [60, 1514]) {
      expect(reader.next()).toMatchObject({ data: frame(n), direction: 'tx', linkType: 1 });
    }
    expect(reader.next()).toBeUndefined();
  });

  it('counts frames that are too long for the slots, and goes on', async () => {
    const driver = new PcapDriver(input('long.pcap', [frame(60), frame(3000), frame(61)]));
    const { port } = attach(driver);
    expect(driver.rxBurst(64)).toBe(2);
    expect(port.rings.rxErrors).toBe(1);
    await driver.close();
  });

  it('goes down where the file is broken, after the frames before', async () => {
    const path = input('cut.pcap', [frame(60), frame(61)]);
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const driver = new PcapDriver(path);
    const { states } = attach(driver);
    expect(driver.rxBurst(64)).toBe(1);
    expect(states).toEqual([
      true,
      `${path}: byte 100: the file ends in a frame of 61 bytes: 77 bytes are needed, 76 are left`,
    ]);
    await driver.close();
  });

  it('refuses a file that is no capture, and one that is not Ethernet', async () => {
    const text = join(dir, 'text');
    writeFileSync(text, 'no capture');
    expect(() => new PcapDriver(text)).toThrow(/neither pcap nor pcapng/);
    const driver = new PcapDriver(input('raw.pcap', [frame(60)], 101));
    const { states } = attach(driver);
    expect(driver.rxBurst(64)).toBe(0);
    expect(states[1]).toMatch(/byte 24: link type 101; a port takes Ethernet/);
    await driver.close();
  });
});
