/**
 * Every class driver against Linux's gadget of that class and QEMU's adapter: frames of all sizes both ways, compared byte for
 * byte, by what `ww usb test DEVICE --peer packet:IFACE` does; what `ww usb info` and `list` say; Linux gets its device back.
 */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { Gadget, type EthernetClass } from '../../hil/usb/gadget.js';
import { Qmp, UsbNet } from '../../hil/usb/qmp.js';
import { driversOf, netInterfacesOf, until } from '../../hil/usb/sysfs.js';
import { runUsb } from '../../src/cli/usb_run.js';

const DEVICE_MAC = '02:00:00:00:02:02';
const HOST_MAC = '02:00:00:00:02:01';
const COUNT = process.env.LONG === 'true' ? 500 : 20;
const GADGETS: readonly (readonly [kind: EthernetClass, driver: string, pick: string])[] = [
  ['ecm', 'cdc_ether', ''],
  ['ncm', 'cdc_ncm', ''],
  ['ncm', 'cdc_ncm32', '@cdc_ncm32'],
  ['eem', 'cdc_eem', ''],
  ['rndis', 'rndis_host', ''],
];

const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });

let undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.reverse()) await step();
  undo = [];
});

async function ww(
  name: 'list' | 'info' | 'test',
  device: string,
  options: { peer?: string; count?: number } = {},
): Promise<{ code: number; told: Record<string, unknown> }> {
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const code = await runUsb(name, { json: true, ...options }, device, { out: write, err: () => {} });
  return { code, told: JSON.parse(out) as Record<string, unknown> };
}

/** udev has told libusb of it: this process has looked before. */
async function seen(path: string): Promise<void> {
  for (let n = 0; n < 100; n++) {
    const { told } = await ww('list', '');
    if ((told as unknown as { path: string }[]).some((line) => line.path === path)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`libusb does not see ${path}`);
}

describe.each(GADGETS)('the %s gadget by %s', (kind, driver, pick) => {
  it('carries frames of all sizes both ways, and is given back', async () => {
    const gadget = new Gadget({ kind, deviceMac: DEVICE_MAC, hostMac: HOST_MAC });
    undo.push(() => gadget.remove());
    const path = await gadget.plug();
    const dev = await until("Linux's driver", () => netInterfacesOf(path)[0]);
    const linux = driversOf(path);
    await seen(path);
    ip(`link set ${gadget.ifname} up`);
    ip(`link set ${dev} down`);
    const { told: info } = await ww('info', `${gadget.id}${pick}`);
    expect(info).toMatchObject({
      path,
      live: { driver, link: true, mtu: 1500, ...(kind === 'eem' ? {} : { mac: HOST_MAC }) },
    });
    const { told } = await ww('test', `${gadget.serial}${pick}`, {
      peer: `packet:${gadget.ifname}`,
      count: COUNT,
    });
    // Nothing is lost, damaged or out of order, of no size.
    const right = { sent: 19 * COUNT, received: 19 * COUNT, damaged: 0, outOfOrder: 0, sizesLost: [] };
    expect(told).toMatchObject({ device: { driver }, results: [right, right], ok: true });
    await until('given back', () => (driversOf(path).length === linux.length ? true : undefined));
    expect(driversOf(path)).toEqual(linux);
  });
});

describe.each([
  [1, 'cdc_ether'],
  [2, 'rndis_host'],
] as const)("QEMU's adapter in configuration %i", (configuration, driver) => {
  it('comes up by its own address', async () => {
    const qmp = await Qmp.open();
    undo.push(() => qmp.close());
    const adapter = new UsbNet(qmp, HOST_MAC);
    const path = await adapter.plug();
    undo.push(() => adapter.unplug());
    await until("Linux's driver", () => netInterfacesOf(path)[0]);
    await seen(path);
    const { told } = await ww('info', `${adapter.id}@${configuration}`);
    expect(told).toMatchObject({ live: { driver, configuration, mac: HOST_MAC, link: true } });
  });
});
