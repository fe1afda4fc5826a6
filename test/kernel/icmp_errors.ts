/**
 * What the kernel tells an application about an ICMP error: the socket's error queue (IP_RECVERR, ip(7)), which node's
 * sockets do not show. One packet goes out of a connected UDP or raw socket; the error that comes back is read from
 * the queue: its errno, the ICMP type and code, the MTU it carries and who sent it.
 *
 *   cmsghdr 16 B │ errno u32, origin u8, type u8, code u8, pad u8, info u32, data u32 │ sockaddr of the offender
 */
import { formatIp } from '../../src/config/ip_address.js';
import { errnoName } from '../../src/sys/errno.js';
import { AF, addressOf, NativeSocket } from './native_socket.js';

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

const MSG_ERRQUEUE = 0x2000;
const MSGHDR_BYTES = 56;
const CMSG_BYTES = 128;
const POLL_MS = 2;
const PMTUDISC_PROBE = 3;
/** [level, RECVERR, MTU_DISCOVER, TTL] by family. */
const OPTIONS = { 4: [0, 11, 10, 2], 6: [41, 25, 23, 16] } as const;

/** Sends one packet; resolves with the error that came, or null when none did in time. */
export async function probeIcmpError(probe: IcmpProbe): Promise<IcmpError | null> {
  const family = probe.to.includes(':') ? 6 : 4;
  const [level, recverr, mtuDiscover, ttl] = OPTIONS[family];
  const socket = new NativeSocket(family, probe.protocol);
  try {
    socket.set(level, recverr, 1);
    if (probe.dontFragment === true) socket.set(level, mtuDiscover, PMTUDISC_PROBE);
    if (probe.ttl !== undefined) socket.set(level, ttl, probe.ttl);
    if (probe.from !== undefined) socket.bind(probe.from);
    socket.connect(probe.to, probe.port ?? 0);
    socket.send(new Uint8Array(probe.bytes ?? 32));
    const deadline = performance.now() + probe.patienceMs;
    for (;;) {
      const error = readErrorQueue(socket);
      if (error !== null || performance.now() > deadline) return error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    socket.close();
  }
}

function readErrorQueue(socket: NativeSocket): IcmpError | null {
  const memory = new Uint8Array(new SharedArrayBuffer(MSGHDR_BYTES + CMSG_BYTES));
  const base = addressOf(memory);
  const view = new DataView(memory.buffer);
  view.setBigUint64(32, BigInt(base + MSGHDR_BYTES), true);
  view.setBigUint64(40, BigInt(CMSG_BYTES), true);
  if (!socket.recvmsg(base, MSG_ERRQUEUE)) return null;
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
