/**
 * Adapters pulled out and plugged in again at random moments under traffic, also before the port has found them: the link
 * is down within a second, traffic goes on, nothing is left in flight. LONG=true does it 350 times instead of 14.
 * Not QEMU's usb-net: with it the test has hung, and why is not known yet.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, LAN, WAN } from '../kernel/kernel_lab.js';
import { expectPoolsBack, type Pools, settledPools } from '../kernel/traffic.js';
import { Random } from '../random.js';
import { type Adapter, gadgetAdapter, UsbLab } from './usb_lab.js';

const LONG = process.env.LONG === 'true';
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const START_MS = 180_000;
const SECOND_MS = 1000;
const PAUSE_MS = 1000;
/** One of them, on a machine that is busy. */
const ROUND_MS = 15_000;

const ADAPTERS: readonly (readonly [string, number, () => Adapter | Promise<Adapter>])[] = [
  ['the NCM gadget', LONG ? 200 : 8, () => gadgetAdapter('ncm')],
  ['the RNDIS gadget', LONG ? 150 : 6, () => gadgetAdapter('rndis')],
];

let usb: UsbLab;
beforeAll(async () => {
  usb = await UsbLab.start();
}, START_MS);
afterAll(() => usb?.close(), START_MS);

describe.each(ADAPTERS)('%s', (_, rounds, make) => {
  let free: Pools;
  beforeAll(async () => {
    await usb.use(await make());
    free = await settledPools(usb.lab);
  }, START_MS);
  afterAll(() => usb.drop(), START_MS);

  it(
    `is pulled out ${rounds} times under traffic, and always comes back (seed ${SEED})`,
    async () => {
      const { lab, adapter } = usb;
      const random = new Random(SEED);
      const flood = ['-n', '-q', '-i', '0.01', '-s', '1200'];
      await lab.lan.start('PING', 'ping', ...flood, WAN.host[4]);
      await lab.wan.start('PING', 'ping', ...flood, LAN.host[6]);
      for (let round = 0; round < rounds; round++) {
        if (random.once(2)) await usb.up();
        await delay(random.below(PAUSE_MS));
        await adapter.unplug();
        await usb.up(false, SECOND_MS);
        await delay(random.below(PAUSE_MS));
        await adapter.plugNow();
      }
      await usb.up();
      for (const family of FAMILIES) {
        const ping = ['-n', '-c', '3', '-i', '0.4', '-w', '15'];
        const { code, stdout } = await lab.lan.run('ping', ...ping, WAN.host[family]);
        expect(code, stdout).toBe(0);
      }
      lab.lan.stop();
      lab.wan.stop();
      await expectPoolsBack(lab, free);
      // Closing waits for what is in flight, and Linux's driver gets only what nobody holds.
      await usb.leave();
    },
    START_MS + rounds * ROUND_MS,
  );
});
