/**
 * What the kernel tells an application about an ICMP error: the socket's error queue (IP_RECVERR, ip(7)), which node's
 * sockets do not show. One packet goes out of a connected UDP or raw socket; the error that comes back is read from
 * the queue: its errno, the ICMP type and code, the MTU it carries and who sent it.
 *
 *   cmsghdr 16 B │ errno u32, origin u8, type u8, code u8, pad u8, info u32, data u32 │ sockaddr of the offender
 */
import { createRequire } from 'node:module';
import { formatIp, parseIp } from '../../src/config/ip_address.js';
import { errnoError, errnoName } from '../../src/sys/errno.js';

export interface IcmpProbe {
  from?: string;
  to: string;
  /** UDP to this port, or a raw socket of this IP protocol. */
  port?: number;
  protocol?: number;
  bytes?: number;
  /** DF on, and the kernel's own path MTU ignored. */
  dontFragment?: boolean;
  ttl?: number;
  patienceMs: number;
}

export interface IcmpError {
  errno: string;
  type: number;
  code: number;
  info: number;
  from: string;
}

const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
const MSG_ERRQUEUE = 0x2000;
const MSGHDR_BYTES = 56;
const CMSG_BYTES = 128;
const POLL_MS = 2;
const PMTUDISC_PROBE = 3;
/** [level, RECVERR, MTU_DISCOVER, TTL] by family. */
const OPTIONS = { 4: [0, 11, 10, 2], 6: [41, 25, 23, 16] } as const;
const AF = { 4: 2, 6: 10 } as const;

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

function sockaddr(address: Uint8Array, port: number): Uint8Array {
  const six = address.length === 16;
  const bytes = new Uint8Array(six ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, six ? AF[6] : AF[4], true);
  view.setUint16(2, port);
  bytes.set(address, six ? 8 : 4);
  return bytes;
}

/** Sends one packet; resolves with the error that came, or null when none did in time. */
export async function probeIcmpError(probe: IcmpProbe): Promise<IcmpError | null> {
  const address = parseIp(probe.to)!.bytes;
  const version = address.length === 4 ? 4 : 6;
  const [level, recverr, mtuDiscover, ttl] = OPTIONS[version];
  const type = probe.protocol === undefined ? SOCK_DGRAM : SOCK_RAW;
  const fd = check(socket(AF[version], type | SOCK_NONBLOCK_CLOEXEC, probe.protocol ?? 0), 'socket');
  try {
    const set = (option: number, value: number) =>
      check(setsockopt(fd, level, option, Uint8Array.of(value, 0, 0, 0), 4), `setsockopt ${option}`);
    set(recverr, 1);
    if (probe.dontFragment === true) set(mtuDiscover, PMTUDISC_PROBE);
    if (probe.ttl !== undefined) set(ttl, probe.ttl);
    if (probe.from !== undefined) {
      const source = sockaddr(parseIp(probe.from)!.bytes, 0);
      check(bind(fd, source, source.length), `bind ${probe.from}`);
    }
    const target = sockaddr(address, probe.port ?? 0);
    check(connect(fd, target, target.length), `connect ${probe.to}`);
    const payload = new Uint8Array(probe.bytes ?? 32);
    check(send(fd, payload, payload.length, 0), `send to ${probe.to}`);
    const deadline = performance.now() + probe.patienceMs;
    for (;;) {
      const error = readErrorQueue(fd);
      if (error !== null || performance.now() > deadline) return error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    close(fd);
  }
}

function readErrorQueue(fd: number): IcmpError | null {
  const memory = new Uint8Array(new SharedArrayBuffer(MSGHDR_BYTES + CMSG_BYTES));
  const base = Number(koffi.address(memory));
  const view = new DataView(memory.buffer);
  view.setBigUint64(32, BigInt(base + MSGHDR_BYTES), true);
  view.setBigUint64(40, BigInt(CMSG_BYTES), true);
  if (recvmsg(fd, base, MSG_ERRQUEUE) < 0) return null;
  const at = MSGHDR_BYTES + 16;
  const offender = at + 16;
  const six = view.getUint16(offender, true) === AF[6];
  return {
    errno: errnoName(view.getUint32(at, true)),
    type: view.getUint8(at + 5),
    code: view.getUint8(at + 6),
    info: view.getUint32(at + 8, true),
    from: formatIp(memory.slice(six ? offender + 8 : offender + 4, offender + (six ? 24 : 8))),
  };
}
