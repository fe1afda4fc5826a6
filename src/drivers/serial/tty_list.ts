/**
 * Serial lines of this machine behind which a board may be: those of USB, with what their descriptors say. Read from
 * sysfs, where a tty's device lies below its USB device:
 *
 *   /sys/class/tty/ttyUSB0/device ─► .../usb1/1-2/1-2:1.0/ttyUSB0     1-2/idVendor, idProduct, manufacturer, serial
 */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface Tty {
  readonly path: string;
  /** 'vendor:product', as lsusb prints them. */
  readonly usb?: string | undefined;
  readonly maker?: string | undefined;
  readonly serialNumber?: string | undefined;
}

const CLASS = '/sys/class/tty';
const USB_TTY = /^tty(USB|ACM)\d+$/;
const LEVELS = 4;

const text = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').then(
    (content) => content.trim(),
    () => undefined,
  );

export async function listTtys(sysfs = CLASS): Promise<Tty[]> {
  const names = await readdir(sysfs).catch(() => []);
  return Promise.all(
    names
      .filter((name) => USB_TTY.test(name))
      .sort()
      .map((name) => describe(sysfs, name)),
  );
}

async function describe(sysfs: string, name: string): Promise<Tty> {
  const path = `/dev/${name}`;
  let at = await realpath(join(sysfs, name, 'device')).catch(() => undefined);
  for (let level = 0; at !== undefined && level < LEVELS; level++, at = dirname(at)) {
    const vendor = await text(join(at, 'idVendor'));
    if (vendor === undefined) continue;
    return {
      path,
      usb: `${vendor}:${await text(join(at, 'idProduct'))}`,
      maker: await text(join(at, 'manufacturer')),
      serialNumber: await text(join(at, 'serial')),
    };
  }
  return { path };
}
