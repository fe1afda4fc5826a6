/**
 * A datagram or raw socket of the kernel with the options that node's sockets do not have: the error queue, DF, source
 * address, UDP_SEGMENT. Never blocks. Linux: socket(7), ip(7), udp(7).
 */
import { createRequire } from 'node:module';
import { parseIp } from '../../src/config/ip_address.js';
import { errnoError } from '../../src/sys/errno.js';

const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
export const AF = { 4: 2, 6: 10 } as const;

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const libc = koffi.load(null);
const socket: (f: number, t: number, p: number) => number = libc.func('int socket(int, int, int)');
const connect: (fd: number, a: Uint8Array, n: number) => number = libc.func('int connect(int, void *, uint)');
const bind: typeof connect = libc.func('int bind(int, void *, uint)');
const setsockopt: (fd: number, l: number, o: number, v: Uint8Array, n: number) => number = libc.func(
  'int setsockopt(int, int, int, void *, uint)',
);
const send: (fd: number, p: Uint8Array, n: number, flags: number) => number = libc.func(
  'long send(int, void *, size_t, int)',
);
const recvmsg: (fd: number, msg: number, flags: number) => number = libc.func(
  'long recvmsg(int, uintptr_t, int)',
);
const close: (fd: number) => number = libc.func('int close(int)');

const check = (result: number, what: string): number => {
  if (result < 0) throw errnoError(koffi.errno(), what);
  return result;
};

function sockaddr(text: string, port: number): Uint8Array {
  const address = parseIp(text)!.bytes;
  const six = address.length === 16;
  const bytes = new Uint8Array(six ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, six ? AF[6] : AF[4], true);
  view.setUint16(2, port);
  bytes.set(address, six ? 8 : 4);
  return bytes;
}

/** The address of a view over a SharedArrayBuffer: it does not move. */
export const addressOf = (view: Uint8Array): number => Number(koffi.address(view));

export class NativeSocket {
  private readonly fd: number;

  /** UDP, or a raw socket of `protocol`. */
  constructor(family: 4 | 6, protocol?: number) {
    const type = protocol === undefined ? SOCK_DGRAM : SOCK_RAW;
    this.fd = check(socket(AF[family], type | SOCK_NONBLOCK_CLOEXEC, protocol ?? 0), 'socket');
  }

  set(level: number, option: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
    check(setsockopt(this.fd, level, option, bytes, 4), `setsockopt ${level} ${option}`);
  }

  bind(address: string): void {
    const source = sockaddr(address, 0);
    check(bind(this.fd, source, source.length), `bind ${address}`);
  }

  connect(address: string, port: number): void {
    const target = sockaddr(address, port);
    check(connect(this.fd, target, target.length), `connect ${address}`);
  }

  send(payload: Uint8Array): void {
    check(send(this.fd, payload, payload.length, 0), 'send');
  }

  /** recvmsg(2) with a msghdr at `address`; false when there is nothing. */
  recvmsg(address: number, flags: number): boolean {
    return recvmsg(this.fd, address, flags) >= 0;
  }

  close(): void {
    close(this.fd);
  }
}
