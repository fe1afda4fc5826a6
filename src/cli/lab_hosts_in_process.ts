/**
 * Hosts in this process meet by the first segment of a connection: a SYN goes out by a raw socket, the far host's socket
 * sees from where it came, and its core answers for it (RST: nobody listens there). A sequence number, which NAT leaves
 * alone, says which is whose.
 */
import { randomInt } from 'node:crypto';
import { formatIp } from '../config/ip_address.js';
import { AF_INET, AF_INET6, type AddressFamily, address } from '../net/ip.js';
import type { Namespace } from '../net/namespace.js';
import type { LabHostName, LabHosts, Met } from './lab_hosts.js';

const IPPROTO_TCP = 6;
const TCP_BYTES = 20;
const FLAGS_AT = 13;
const [SYN, RST, ACK] = [0x02, 0x04, 0x10];
const TTL = 64;
const WINDOW = 0xffff;
const PORTS = { first: 40_000, end: 60_000 };

interface Knock {
  seen: { by: LabHostName; source: string } | undefined;
  readonly end: (met: Met | null) => void;
}

export async function openInProcessHosts(hosts: Readonly<Record<LabHostName, Namespace>>): Promise<LabHosts> {
  /** By sequence number of the SYN. */
  const knocks = new Map<number, Knock>();
  const stops: (() => Promise<void>)[] = [];
  for (const name of ['lan', 'wan'] as const) {
    for (const family of [AF_INET, AF_INET6] as const) {
      const receive = (packet: Uint8Array, { transport }: { transport: number }) => {
        if (packet.length < transport + TCP_BYTES) return;
        const view = new DataView(packet.buffer, packet.byteOffset + transport);
        const flags = view.getUint8(FLAGS_AT);
        if (flags === SYN) {
          const knock = knocks.get(view.getUint32(4));
          if (knock) knock.seen = { by: name, source: formatIp(sourceOf(family, packet)) };
        } else if (flags === (RST | ACK)) {
          const { seen, end } = knocks.get((view.getUint32(8) - 1) >>> 0) ?? {};
          if (seen) end?.({ by: seen.by, seen: seen.source });
        }
      };
      stops.push(await hosts[name].rawSocket(family, IPPROTO_TCP, receive));
    }
  }
  return {
    async connect(from, to, port, signal) {
      const seq = randomInt(1, 2 ** 32 - 1);
      const met = new Promise<Met | null>((resolve) => {
        knocks.set(seq, { seen: undefined, end: resolve });
        signal.addEventListener('abort', () => resolve(null), { once: true });
      });
      try {
        const { family, bytes } = address(to);
        const { src } = await hosts[from].routeGet(to);
        await hosts[from].send(family, emitSyn(family, address(src!).bytes, bytes, port, seq));
        return await met;
      } finally {
        knocks.delete(seq);
      }
    },
    async close() {
      for (const { end } of knocks.values()) end(null);
      for (const stop of stops.splice(0)) await stop();
    },
  };
}

const sourceOf = (family: AddressFamily, packet: Uint8Array) =>
  family === AF_INET ? packet.slice(12, 16) : packet.slice(8, 24);

/** RFC 9293 §3.1. IPv4's header checksum and identification are the core's. */
function emitSyn(
  family: AddressFamily,
  source: Uint8Array,
  to: Uint8Array,
  port: number,
  seq: number,
): Uint8Array {
  const header = family === AF_INET ? 20 : 40;
  const packet = new Uint8Array(header + TCP_BYTES);
  const view = new DataView(packet.buffer);
  if (family === AF_INET) {
    view.setUint8(0, 0x45);
    view.setUint16(2, packet.length);
    view.setUint8(8, TTL);
    view.setUint8(9, IPPROTO_TCP);
  } else {
    view.setUint8(0, 0x60);
    view.setUint16(4, TCP_BYTES);
    view.setUint8(6, IPPROTO_TCP);
    view.setUint8(7, TTL);
  }
  packet.set(source, family === AF_INET ? 12 : 8);
  packet.set(to, family === AF_INET ? 16 : 24);
  view.setUint16(header, randomInt(PORTS.first, PORTS.end));
  view.setUint16(header + 2, port);
  view.setUint32(header + 4, seq);
  view.setUint8(header + 12, (TCP_BYTES / 4) << 4);
  view.setUint8(header + FLAGS_AT, SYN);
  view.setUint16(header + 14, WINDOW);
  // The pseudo-header: addresses, protocol, length (RFC 9293 §3.1, RFC 8200 §8.1).
  let sum = IPPROTO_TCP + TCP_BYTES;
  for (let at = family === AF_INET ? 12 : 8; at < packet.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(header + 16, ~sum & 0xffff);
  return packet;
}
