/**
 * Linux: include/uapi/linux/if_tun.h, if.h and sockios.h: the numbers and records that a TAP needs.
 *
 *   struct ifreq (40 bytes)   0 ifr_name, 16 bytes with a NUL │ 16 flags u16, or ifindex, mtu, qlen i32
 */
export const TUNSETIFF = 0x400454ca;
export const TUNSETOFFLOAD = 0x400454d0;
export const TUNSETVNETHDRSZ = 0x400454d8;
export const SIOCGIFNAME = 0x8910;
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFMTU = 0x8921;
export const SIOCSIFMTU = 0x8922;
export const SIOCGIFHWADDR = 0x8927;
export const SIOCGIFINDEX = 0x8933;
export const SIOCSIFTXQLEN = 0x8943;

export const IFF_UP = 1;
export const IFF_RUNNING = 0x40;
export const IFF_TAP = 2;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;

export const TUN_F_CSUM = 1;
export const TUN_F_TSO4 = 2;
export const TUN_F_TSO6 = 4;
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

export const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;

export function packIfreqFlags(name: string, flags: number): Uint8Array {
  const { bytes, view } = ifreq(name);
  view.setUint16(IFNAMSIZ, flags, true);
  return bytes;
}

export function packIfreqInt(name: string, value: number): Uint8Array {
  const { bytes, view } = ifreq(name);
  view.setInt32(IFNAMSIZ, value, true);
  return bytes;
}

export function packInt(value: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(4));
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

export function ifreqInt(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(IFNAMSIZ, true);
}

export function ifreqFlags(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(IFNAMSIZ, true);
}

/** Why `name` cannot be an interface's name (Linux: dev_valid_name), or undefined when it can. */
export function ifNameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (new TextEncoder().encode(name).length >= IFNAMSIZ) return `'${name}' is longer than 15 bytes`;
  if (name === '.' || name === '..') return `'${name}' is no name`;
  if (/[/:%\s\0]/.test(name)) return `'${name}' has a '/', ':', '%' or a space in it`;
  return undefined;
}

/** SIOCGIFNAME: the name that the kernel filled in. */
export function ifreqName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, Math.min(end < 0 ? IFNAMSIZ : end, IFNAMSIZ)));
}

/** SIOCGIFHWADDR: ARPHRD_* and the first six bytes of the address. */
export function ifreqHwaddr(bytes: Uint8Array): { type: number; address: Uint8Array } {
  return { type: ifreqFlags(bytes), address: bytes.slice(IFNAMSIZ + 2, IFNAMSIZ + 8) };
}

function ifreq(name: string): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(new ArrayBuffer(IFREQ_BYTES));
  new TextEncoder().encodeInto(name, bytes.subarray(0, IFNAMSIZ - 1));
  return { bytes, view: new DataView(bytes.buffer) };
}
