import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StandInPort } from '../drivers/stand_in_port.js';
import { openRouterPort } from './router_port.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-port-'));
  // A pcap file of one frame of 60 zeros.
  const file = Buffer.alloc(24 + 16 + 60);
  file.writeUInt32LE(0xa1b2c3d4);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65535, 16);
  file.writeUInt32LE(1, 20);
  file.writeUInt32LE(60, 32);
  file.writeUInt32LE(60, 36);
  writeFileSync(join(folder, 'in.pcap'), file);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a router's port", () => {
  it('keeps its frames until it is released, then says that they are there', async () => {
    const { driver } = await openRouterPort({ spec: `pcap:${folder}/in.pcap`, captures: [] });
    let readable = 0;
    const port = new StandInPort();
    driver.attach(port.rings, { readable: () => readable++, writable: () => {}, state: () => {} });
    driver.arm();
    await new Promise(setImmediate);
    expect([driver.rxBurst(64), readable]).toEqual([0, 0]);
    driver.release();
    expect(readable).toBe(1);
    expect(driver.rxBurst(64)).toBe(1);
    await driver.close();
  });

  it('is drained when its file was played and no frame is delayed in it', async () => {
    const faults = { delayMs: 5, seed: 1 };
    const opened = await openRouterPort({ spec: `pcap:${folder}/in.pcap`, captures: [], faults });
    const port = new StandInPort();
    let wake: () => void = () => {};
    const later = new Promise<void>((resolve) => {
      wake = resolve;
    });
    opened.driver.attach(port.rings, { readable: () => wake(), writable: () => {}, state: () => {} });
    expect(opened.drained()).toBe(false);
    opened.driver.release();
    // Twice: the frame, then the end of the file.
    expect([opened.driver.rxBurst(64), opened.driver.rxBurst(64)]).toEqual([0, 0]);
    expect(opened.drained()).toBe(false);
    opened.driver.arm();
    await later;
    let frames = 0;
    while (frames === 0) {
      frames = opened.driver.rxBurst(64);
      await new Promise(setImmediate);
    }
    expect([frames, opened.drained()]).toEqual([1, true]);
    await opened.driver.close();
  });

  it('leaves nothing open when a capture cannot be written', async () => {
    const captures = [`${folder}/in.pcap/out.pcapng`];
    await expect(openRouterPort({ spec: `pcap:${folder}/in.pcap`, captures })).rejects.toMatchObject({
      name: 'NetError',
      message: expect.stringContaining(`cannot make the folder ${folder}/in.pcap`),
    });
  });
});
