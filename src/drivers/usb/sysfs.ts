/**
 * What Linux tells of USB devices without opening them: /sys/bus/usb/devices/1-2.3 and its interfaces 1-2.3:1.0, and who
 * may open /dev/bus/usb/001/004. On other systems, and for what is not there, each answers that it does not know.
 */
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import type { UsbAccessProblem, UsbOwner, UsbStrings } from './transport.js';

const DEVICES = '/sys/bus/usb/devices';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** undefined: ask the device. */
export function sysfsStrings(path: string): UsbStrings | undefined {
  const folder = join(DEVICES, path);
  if (!existsSync(folder)) return undefined;
  return {
    manufacturer: read(join(folder, 'manufacturer')),
    product: read(join(folder, 'product')),
    serial: read(join(folder, 'serial')),
  };
}

export function speedMbps(path: string): number | undefined {
  const speed = Number(read(join(DEVICES, path, 'speed')));
  return speed > 0 ? speed : undefined;
}

export function owners(path: string): readonly UsbOwner[] {
  const folder = join(DEVICES, path);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.startsWith(`${path}:`));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => {
    let driver: string;
    try {
      driver = basename(readlinkSync(join(folder, name, 'driver')));
    } catch {
      return [];
    }
    const netdev = netdevOf(join(folder, name));
    return [
      {
        interface: Number(name.split('.').at(-1)),
        driver,
        netdev,
        mac: netdev === undefined ? undefined : read(join(folder, name, 'net', netdev, 'address')),
        inUse: netdev !== undefined && isInUse(netdev),
      },
    ];
  });
}

function netdevOf(folder: string): string | undefined {
  try {
    return readdirSync(join(folder, 'net'))[0];
  } catch {
    return undefined;
  }
}

/** It has an address other than the one that every link gives itself. */
function isInUse(netdev: string): boolean {
  return (networkInterfaces()[netdev] ?? []).some(({ address }) => !address.startsWith('fe80:'));
}

/** undefined: it may be opened, or nothing is known. */
export function accessProblem(bus: number, address: number, id: string): UsbAccessProblem | undefined {
  const node = `/dev/bus/usb/${String(bus).padStart(3, '0')}/${String(address).padStart(3, '0')}`;
  if (process.platform !== 'linux') return undefined;
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    // Said below.
  }
  const [vendor, product] = id.split(':');
  const rule = `SUBSYSTEM=="usb", ATTR{idVendor}=="${vendor}", ATTR{idProduct}=="${product}", MODE="0660", TAG+="uaccess"`;
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(node);
  } catch {
    return {
      what: `${node} is not there`,
      remedy: ['mount -t devtmpfs devtmpfs /dev', 'systemctl start systemd-udevd'],
    };
  }
  const group = groupName(Number(stat.gid));
  const mode = (Number(stat.mode) & 0o777).toString(8);
  const what = `${node} belongs to ${stat.uid === 0 ? 'root' : stat.uid}:${group}, mode ${mode}`;
  if (group !== 'root' && (Number(stat.mode) & 0o060) === 0o060)
    return { what, remedy: [`sudo usermod -aG ${group} "$USER"`, '# and log in again'] };
  return {
    what,
    remedy: [
      `echo '${rule}' | sudo tee /etc/udev/rules.d/70-wirewright-${vendor}-${product}.rules`,
      'sudo udevadm control --reload',
      `sudo udevadm trigger --attr-match=idVendor=${vendor} --attr-match=idProduct=${product}`,
    ],
  };
}

function groupName(gid: number): string {
  const line = (read('/etc/group') ?? '').split('\n').find((text) => text.split(':')[2] === String(gid));
  return line?.split(':')[0] ?? String(gid);
}
