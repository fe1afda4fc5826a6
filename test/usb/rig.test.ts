/**
 * The rig itself, with Linux's own drivers on the host's side: gadgets of each class, QEMU's adapter in both
 * configurations, serial lines, libusb. What fails here is no fault of a driver of ours.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, expect, it } from 'vitest';
import { ETHERNET_CLASSES, Gadget } from '../../hil/usb/gadget.js';
import { Qmp, UsbNet } from '../../hil/usb/qmp.js';
import {
  driversOf,
  netInterfacesOf,
  probeDrivers,
  selectConfiguration,
  unbindDrivers,
  until,
} from '../../hil/usb/sysfs.js';

const PEER = 'ww-usb-peer';
const DEVICE_MAC = '02:00:00:00:02:02';
const HOST_MAC = '02:00:00:00:02:01';
/** Linux's driver of each class. */
const DRIVER = { ncm: 'cdc_ncm', ecm: 'cdc_ether', eem: 'cdc_eem', rndis: 'rndis_host' } as const;

const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });

let undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.reverse()) await step();
  undo = [];
});

function netns(): void {
  ip(`netns add ${PEER}`);
  undo.push(() => ip(`netns delete ${PEER}`));
}

/** The interface that Linux's driver makes of the device. */
const linuxInterface = (device: string) =>
  until(`Linux's interface of ${device}`, () => netInterfacesOf(device)[0]);

/** Pings from here through `dev` to eth0 in the peer's namespace. */
function pingPeer(dev: string): string {
  ip(`addr add 192.0.2.1/24 dev ${dev}`);
  ip(`link set ${dev} up`);
  ip(`-n ${PEER} addr add 192.0.2.2/24 dev eth0`);
  ip(`-n ${PEER} link set eth0 up`);
  const ping = ['-n', '-c', '3', '-i', '0.1', '-w', '15', '-s', '1400', '192.0.2.2'];
  return spawnSync('ping', ping, { encoding: 'utf8' }).stdout;
}

it.each(ETHERNET_CLASSES)(
  'a gadget of class %s is an interface of Linux, and comes and goes',
  async (kind) => {
    netns();
    const gadget = new Gadget({ kind, deviceMac: DEVICE_MAC, hostMac: HOST_MAC });
    undo.push(() => gadget.remove());
    const device = await gadget.plug();
    const dev = await linuxInterface(device);
    expect(driversOf(device).map(({ driver }) => driver)).toContain(DRIVER[kind]);
    gadget.moveTo(PEER, 'eth0');
    expect(pingPeer(dev)).toContain(' 3 received');

    unbindDrivers(device);
    expect(driversOf(device)).toEqual([]);
    probeDrivers(device);
    await linuxInterface(device);
    gadget.unplug();
    await until('gone from the bus', () => (gadget.device === undefined ? true : undefined));
    // The other side's interface stays, without a carrier.
    const link = () => ip(`-n ${PEER} link show eth0`);
    await until('no carrier', () => (link().includes('LOWER_UP') ? undefined : true));
    await linuxInterface(await gadget.plug());
  },
);

it.each([
  [1, 'cdc_ether'],
  [2, 'rndis_host'],
])("QEMU's adapter in configuration %i, %s, reaches the card at the other end", async (value, driver) => {
  netns();
  const qmp = await Qmp.open();
  undo.push(() => qmp.close());
  const adapter = new UsbNet(qmp, HOST_MAC);
  const device = await adapter.plug();
  undo.push(async () => {
    await adapter.unplug();
    await until('gone from the bus', () => (adapter.device === undefined ? true : undefined));
  });
  const peer = UsbNet.movePeer(PEER, 'eth0');
  undo.push(() => peer.comeBack());
  if (value !== 1) {
    await linuxInterface(device);
    selectConfiguration(device, value);
  }
  await until(driver, () => driversOf(device).find((one) => one.driver === driver));
  const dev = await linuxInterface(device);
  expect(readFileSync(`/sys/class/net/${dev}/address`, 'utf8').trim()).toBe(HOST_MAC);
  expect(pingPeer(dev)).toContain(' 3 received');
});

it('a serial gadget is a line between two terminals', async () => {
  const gadget = new Gadget({ kind: 'acm' });
  undo.push(() => gadget.remove());
  const device = await gadget.plug();
  await until('cdc_acm', () => driversOf(device).find(({ driver }) => driver === 'cdc_acm'));
  for (const name of ['/dev/ttyACM0', '/dev/ttyGS0']) {
    await until(name, () =>
      spawnSync('stty', ['-F', name, 'raw', '-echo']).status === 0 ? true : undefined,
    );
  }
  const from = openSync('/dev/ttyGS0', 'r+');
  undo.push(() => closeSync(from));
  const read = nextLine('/dev/ttyACM0');
  writeSync(from, 'through a wire of USB\n');
  expect(await read).toBe('through a wire of USB');
});

/** The next line that comes. */
function nextLine(tty: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('timeout', ['15', 'head', '-n', '1', tty], (error, stdout) => {
      if (error === null) resolve(stdout.trim());
      else reject(error);
    });
  });
}

it('libusb sees a gadget as it is plugged in and pulled out', async () => {
  const { getDeviceList, usb } = createRequire(import.meta.url)('usb') as typeof import('usb');
  const seen: string[] = [];
  const name = ({
    deviceDescriptor: { idVendor, idProduct },
  }: {
    deviceDescriptor: { idVendor: number; idProduct: number };
  }) => [idVendor, idProduct].map((id) => id.toString(16).padStart(4, '0')).join(':');
  const gadget = new Gadget({ kind: 'ncm' });
  undo.push(() => gadget.remove());
  usb.on('attach', (device) => seen.push(`+${name(device)}`));
  usb.on('detach', (device) => seen.push(`-${name(device)}`));
  undo.push(() => usb.removeAllListeners());
  await gadget.plug();
  await until('attach', () => (seen.includes(`+${gadget.id}`) ? true : undefined));
  expect(getDeviceList().map(name)).toContain(gadget.id);
  gadget.unplug();
  await until('detach', () => (seen.includes(`-${gadget.id}`) ? true : undefined));
  expect(seen).toEqual([`+${gadget.id}`, `-${gadget.id}`]);
});
