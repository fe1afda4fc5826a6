import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listTtys } from './tty_list.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ww-tty-'));
});
afterEach(() => rm(root, { recursive: true }));

it('lists the ttys of USB with what their device says, and no others', async () => {
  const device = join(root, 'devices/usb1/1-2');
  const sysfs = join(root, 'class');
  await mkdir(join(device, '1-2:1.0/ttyUSB3'), { recursive: true });
  for (const [name, value] of [
    ['idVendor', '10c4'],
    ['idProduct', 'ea60'],
    ['manufacturer', 'Silicon Labs'],
  ] as const) {
    await writeFile(join(device, name), `${value}\n`);
  }
  for (const name of ['ttyUSB3', 'ttyS0', 'tty1']) await mkdir(join(sysfs, name), { recursive: true });
  await symlink(join(device, '1-2:1.0/ttyUSB3'), join(sysfs, 'ttyUSB3/device'));
  expect(await listTtys(sysfs)).toEqual([{ path: '/dev/ttyUSB3', usb: '10c4:ea60', maker: 'Silicon Labs' }]);
});

it('finds none where there is no sysfs', async () => {
  expect(await listTtys(join(root, 'nothing'))).toEqual([]);
});
