/** Which device of those that are plugged in a port means, and by which of its functions. */
import { NetError } from '../../net_error.js';
import { cdcFunctions, readString } from './cdc.js';
import { probe, type UsbProbe } from './families.js';
import type { UsbDevice, UsbHost } from './transport.js';
import type { UsbNetFamily, UsbNetMatch } from './usb_net_driver.js';
import type { UsbChoice, UsbSpec } from './usb_spec.js';

export interface UsbCandidate {
  readonly device: UsbDevice;
  readonly match: UsbNetMatch;
}

/** The devices that fit, the best function of each; or a NetError that says why there is none. */
export async function candidates(
  host: UsbHost,
  { choice, configuration, driver }: UsbSpec,
  families?: readonly UsbNetFamily[],
): Promise<readonly UsbCandidate[]> {
  const found: UsbCandidate[] = [];
  let why: NetError | undefined;
  for (const device of host.devices()) {
    if (!(await isChosen(device, choice))) continue;
    const probed = probe(device, families);
    const matches = probed.matches.filter(
      ({ family, configuration: { value } }) =>
        (configuration === undefined || value === configuration) &&
        (driver === undefined ? family.rank >= 0 : family.name === driver),
    );
    if (choice.kind === 'mac' && !(await hasMac(probed, choice.mac))) continue;
    if (matches.length > 0) found.push(...matches.map((match) => ({ device, match })));
    else if (choice.kind !== 'auto') why = noDriver(probed, configuration, driver);
  }
  if (choice.kind === 'auto') {
    const free = found.filter(({ device }) => !device.owners().some(({ inUse }) => inUse === true));
    if (free.length === 0 && found.length > 0)
      throw new NetError(
        'EBUSY',
        "every USB Ethernet adapter has addresses in this system; name the one to take ('ww usb list' shows them)",
      );
    found.splice(0, found.length, ...free);
  }
  if (found.length > 0) return found;
  throw (
    why ??
    new NetError(
      'ENODEV',
      `no ${choice.kind === 'auto' ? 'USB Ethernet adapter' : 'such USB device'} is plugged in`,
    )
  );
}

/** Without opening it, but for a serial number on systems that only tell it so. */
async function isChosen(device: UsbDevice, choice: UsbChoice): Promise<boolean> {
  switch (choice.kind) {
    case 'auto':
    case 'mac':
      return true;
    case 'id':
      return device.vendorId === choice.vendorId && device.productId === choice.productId;
    case 'word':
      return device.path === choice.word || (await device.strings()).serial === choice.word;
  }
}

/** The address as CDC descriptors have it; vendors' chips tell theirs only to their driver, so they are named otherwise. */
async function hasMac({ device, matches }: UsbProbe, mac: string): Promise<boolean> {
  for (const { configuration, interface: number } of matches) {
    const control = configuration.interfaces.find((one) => one.number === number)!;
    const index = cdcFunctions(control).ethernet?.macString;
    if (index === undefined) continue;
    const handle = await device.open();
    try {
      return (await readString(handle, index)).toLowerCase() === mac.replaceAll(':', '');
    } catch {
      return false;
    } finally {
      await handle.close();
    }
  }
  return false;
}

function noDriver({ device, faults, matches }: UsbProbe, configuration?: number, driver?: string): NetError {
  const where = `USB device at ${device.path}`;
  if (faults.length > 0) return new NetError('EPROTO', `${where}: ${faults[0]}`);
  if (matches.length === 0)
    return new NetError('EOPNOTSUPP', `${where}: it is no Ethernet adapter that there is a driver for`);
  const has = matches.map(
    ({ family, configuration: { value } }) => `${family.name} in configuration ${value}`,
  );
  const wanted = driver ?? `configuration ${configuration}`;
  return new NetError('EOPNOTSUPP', `${where}: no ${wanted}; it has ${has.join(', ')}`);
}
