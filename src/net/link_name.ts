/** Names and MACs of links in the records of requests. */
import { formatMac, parseMac } from '../config/ip_address.js';
import { NetError } from '../net_error.js';

/** Writes a device name into its 16 bytes. */
export function putName(view: DataView, at: number, name: string): void {
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') {
    throw new NetError(
      'EINVAL',
      `${JSON.stringify(name)} is no device name: 1 to 15 characters, no space, "/" or ":"`,
    );
  }
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > 15)
    throw new NetError('EINVAL', `the device name ${JSON.stringify(name)} has more than 15 bytes`);
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
}

export function putMac(view: DataView, at: number, mac: string): void {
  const bytes = parseMac(mac);
  if (bytes === null)
    throw new NetError('EINVAL', `${JSON.stringify(mac)} is no MAC (like 02:00:00:00:00:01)`);
  new Uint8Array(view.buffer, view.byteOffset + at, 6).set(bytes);
}

export function getMac(view: DataView, at: number): string {
  return formatMac(new Uint8Array(view.buffer, view.byteOffset + at, 6).slice());
}
