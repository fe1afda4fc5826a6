/**
 * Our drivers of USB Ethernet adapters against device sides that nobody here wrote: Linux's gadgets, QEMU's usb-net. What
 * a user does with a port is done with each. LONG=true moves 10 MB instead of 1, pings both ways, pulls 500 times.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driversOf } from '../../hil/usb/sysfs.js';
import { FAMILIES, type Family, type Host, LAN, WAN } from '../kernel/kernel_lab.js';
import { expectPoolsBack, iperf, type Pools, settledPools, transfer } from '../kernel/traffic.js';
import { type Adapter, gadgetAdapter, UsbLab, usbNetAdapter } from './usb_lab.js';

const LONG = process.env.LONG === 'true';
const MEGABYTE = 1_000_000;
const BYTES = (LONG ? 10 : 1) * MEGABYTE;
const SIZES = LONG ? [0, 1, 56, 1472, 1473, 8000, 65_000] : [0, 1472, 1473, 65_000];
/** Emulated, on a machine that is busy. */
const START_MS = 180_000;
const SECOND_MS = 1000;
const PINGS = 3;

const ADAPTERS: Readonly<Record<string, () => Adapter | Promise<Adapter>>> = {
  'the NCM gadget': () => gadgetAdapter('ncm'),
  'the ECM gadget': () => gadgetAdapter('ecm'),
  'the EEM gadget': () => gadgetAdapter('eem'),
  'the RNDIS gadget': () => gadgetAdapter('rndis'),
  'usb-net as ECM': () => usbNetAdapter(1),
  'usb-net as RNDIS': () => usbNetAdapter(2),
};

/** By size: '3 of 3' replies; ping goes on asking while some are missing, and counts what it asked. */
async function pings(host: Host, to: string): Promise<string[]> {
  const lost: string[] = [];
  for (const bytes of SIZES) {
    const options = ['-n', '-q', '-c', String(PINGS), '-i', '0.4', '-w', '17', '-s', String(bytes)];
    const { stdout } = await host.run('ping', ...options, to);
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
    // A reply that takes longer than the interval has one more request sent meanwhile.
    if (Number(received) < PINGS || Number(sent) > 2 * PINGS)
      lost.push(`${bytes} bytes: ${received} of ${sent}`);
  }
  return lost;
}

let usb: UsbLab;
beforeAll(async () => {
  usb = await UsbLab.start();
  await usb.lab.wan.start('Server listening', 'iperf3', '-s', '--forceflush');
}, START_MS);
afterAll(() => usb?.close(), START_MS);

describe.each(Object.entries(ADAPTERS))('%s', (_, make) => {
  let free: Pools;
  beforeAll(async () => {
    await usb.use(await make());
    free = await settledPools(usb.lab);
  }, START_MS);
  afterAll(() => usb.drop(), START_MS);

  it.each(FAMILIES)('brings back pings of every size by IPv%i', async (family: Family) => {
    const { lan, wan } = usb.lab;
    expect(await pings(lan, WAN.host[family])).toEqual([]);
    if (LONG) expect(await pings(wan, LAN.host[family])).toEqual([]);
  });

  it.each(FAMILIES)(`moves ${BYTES / MEGABYTE} MB each way unchanged by IPv%i`, async (family: Family) => {
    await transfer(usb.lab.lan, usb.lab.wan, family, BYTES);
  });

  it('carries iperf3 by TCP and UDP both ways', async () => {
    const { lan } = usb.lab;
    for (const direction of [[], ['-R']]) {
      const tcp = await iperf(lan, WAN.host[4], '-t', '1', ...direction);
      expect(tcp.sum_received.bytes).toBeGreaterThan(MEGABYTE / 50);
      const udp = await iperf(lan, WAN.host[6], '-t', '1', '-u', '-b', '1M', '-l', '1200', ...direction);
      expect(udp.sum!.packets).toBeGreaterThan(50);
      expect(udp.sum!.lost_packets / udp.sum!.packets).toBeLessThan(0.05);
    }
  });

  it('has given every buffer back, and told no error', async () => {
    await expectPoolsBack(usb.lab, free);
    const { rxErrors, qdiscLen } = await usb.lab.router.call('stats', 'wan0');
    expect({ rxErrors, qdiscLen }).toEqual({ rxErrors: 0, qdiscLen: 0 });
  });

  it('goes down within a second of being pulled out, and comes back with all it had', async () => {
    const { lab, adapter } = usb;
    const before = await lab.router.call('stats', 'wan0');
    const addresses = await lab.router.call('addresses', 'wan0');
    await adapter.unplug();
    await usb.up(false, SECOND_MS);
    await adapter.plugNow();
    await usb.up();
    expect(await lab.router.call('addresses', 'wan0')).toEqual(addresses);
    for (const family of FAMILIES) {
      const { code, stdout } = await lab.lan.run(
        'ping',
        '-n',
        '-c',
        '2',
        '-i',
        '0.4',
        '-w',
        '15',
        WAN.host[family],
      );
      expect(code, stdout).toBe(0);
    }
    const after = await lab.router.call('stats', 'wan0');
    expect(after.rxPackets).toBeGreaterThan(before.rxPackets);
    await expectPoolsBack(lab, free);
  });

  it('goes back to Linux when the port ends', async () => {
    await usb.leave();
    expect(driversOf(usb.adapter.device!).map(({ driver }) => driver)).not.toContain('usbfs');
  });
});
