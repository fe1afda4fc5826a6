/** USB devices as the kernel lists them: which is where, who drives it, what network interface it has. Linux, root. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const DEVICES = '/sys/bus/usb/devices';
const LOOK_MS = 20;
/** On an emulated processor that others use as well. */
const PATIENCE_MS = 20_000;

export interface DriverOf {
  /** '1-1:1.0'. */
  readonly interface: string;
  readonly driver: string;
}

/** Asks until there is an answer; says what was waited for when none comes. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  ms = PATIENCE_MS,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not in ${ms} ms`);
    await delay(LOOK_MS);
  }
}

function attribute(device: string, name: string): string | undefined {
  try {
    return readFileSync(join(DEVICES, device, name), 'utf8').trim();
  } catch {
    return undefined; // it has gone, or never had one
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The device ('1-1') with this serial number, vendor and product ('1d6b:0104'), or both. */
export function findDevice(wanted: { id?: string; serial?: string }): string | undefined {
  return list(DEVICES).find((device) => {
    const id = `${attribute(device, 'idVendor')}:${attribute(device, 'idProduct')}`;
    if (wanted.id !== undefined && id !== wanted.id) return false;
    return wanted.serial === undefined || attribute(device, 'serial') === wanted.serial;
  });
}

function interfacesOf(device: string): string[] {
  return list(join(DEVICES, device)).filter((name) => name.startsWith(`${device}:`));
}

/** Linux's drivers that have interfaces of the device. */
export function driversOf(device: string): DriverOf[] {
  return interfacesOf(device).flatMap((name) => {
    const link = join(DEVICES, name, 'driver');
    return existsSync(link) ? [{ interface: name, driver: basename(readlinkSync(link)) }] : [];
  });
}

/** Network interfaces that Linux's drivers made of the device, as far as they are in this network namespace. */
export function netInterfacesOf(device: string): string[] {
  return interfacesOf(device).flatMap((name) => list(join(DEVICES, name, 'net')));
}

/** Takes the device from Linux's drivers. */
export function unbindDrivers(device: string): void {
  for (const { interface: name, driver } of driversOf(device)) {
    try {
      writeFileSync(`/sys/bus/usb/drivers/${driver}/unbind`, name);
    } catch {
      // The driver gave it up with another interface of the device.
    }
  }
}

/** Gives the device to Linux's drivers. */
export function probeDrivers(device: string): void {
  for (const name of interfacesOf(device)) writeFileSync('/sys/bus/usb/drivers_probe', name);
}

export function selectConfiguration(device: string, value: number): void {
  writeFileSync(join(DEVICES, device, 'bConfigurationValue'), `${value}`);
}
