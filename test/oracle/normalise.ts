/**
 * Makes the frames of two routers comparable. Only what cannot be equal is touched, after it was checked:
 *
 *   identification of packets that the router itself made   its number becomes the order in which it first appeared
 *     (IPv4 without DF, IPv6 fragment header)               (pieces of one packet stay together); the IPv4 header
 *                                                           checksum is checked and then left out
 *   ICMP timestamp reply: receive and transmit times        zero; the ICMP checksum is checked and left out
 *   MLD reports (ICMPv6 131, 143), IGMP                     left out: both send them at random times after a link
 *                                                           came up or a group was joined
 *   everything else                                         nothing
 *
 * Beside that, net.ipv6.auto_flowlabels is off in Linux: the labels that it would make are random, ours are 0.
 */
import { be16, sum16 } from './packet.js';
import { type Output, PORTS } from './router.js';

const ETH_ALEN_2 = 12;
const VLAN_HLEN = 4;
const TPIDS: readonly number[] = [0x8100, 0x88a8];

function u16(b: Uint8Array, at: number): number {
  return ((b[at] ?? 0) << 8) | (b[at + 1] ?? 0);
}

/** Where the packet starts and what it is, behind all VLAN tags. */
function network(frame: Uint8Array): { type: number; at: number } {
  let at = ETH_ALEN_2;
  while (TPIDS.includes(u16(frame, at))) at += VLAN_HLEN;
  return { type: u16(frame, at), at: at + 2 };
}

/** Numbers things in the order of their first appearance. */
class Renumber {
  private readonly seen = new Map<string, number>();

  number(key: string): number {
    let n = this.seen.get(key);
    if (n === undefined) {
      n = this.seen.size + 1;
      this.seen.set(key, n);
    }
    return n;
  }
}

export class Normaliser {
  private readonly ids = new Renumber();

  /** `given` are the frames that the case sent: an identification that stands there was not made by the router. */
  private readonly given = new Set<string>();

  constructor(given: readonly Uint8Array[]) {
    for (const frame of given) {
      const id = identification(frame);
      if (id !== undefined) this.given.add(id.key);
    }
  }

  output(output: Output): Output {
    const result: Output = { lan0: [], wan0: [] };
    for (const port of PORTS) {
      for (const frame of output[port]) {
        if (!isMembershipReport(frame)) result[port].push(this.frame(frame));
      }
    }
    return result;
  }

  private frame(frame: Uint8Array): Uint8Array {
    const out = frame.slice();
    const id = identification(frame);
    if (id !== undefined && !this.given.has(id.key)) {
      const n = this.ids.number(id.key);
      out.set(id.bytes === 2 ? be16(n) : be16(0, n), id.at);
      const { at } = network(frame);
      if (id.bytes === 2 && headerSumRight(frame.subarray(at))) out.set(be16(0), at + 10);
    }
    clearTimestamps(out);
    return out;
  }
}

/** The identification of a fragmentable packet, and the key of its packet: addresses, protocol, number. */
function identification(frame: Uint8Array): { at: number; bytes: 2 | 4; key: string } | undefined {
  const { type, at: start } = network(frame);
  const b = frame.subarray(start);
  if (type === 0x0800 && b.length >= 20) {
    if ((b[6]! & 0x40) !== 0) return undefined;
    return { at: start + 4, bytes: 2, key: `4 ${b.subarray(12, 20).join('.')} ${b[9]} ${u16(b, 4)}` };
  }
  if (type !== 0x86dd || b.length < 48) return undefined;
  let next = b[6]!;
  let at = 40;
  while ((next === 0 || next === 43 || next === 60) && at + 8 <= b.length) {
    next = b[at]!;
    at += 8 * (b[at + 1]! + 1);
  }
  if (next !== 44 || at + 8 > b.length) return undefined;
  const key = `6 ${b.subarray(8, 40).join('.')} ${b.subarray(at + 4, at + 8).join('.')}`;
  return { at: start + at + 4, bytes: 4, key };
}

function headerSumRight(packet: Uint8Array): boolean {
  return sum16(packet.subarray(0, (packet[0]! & 15) * 4)) === 0xffff;
}

function clearTimestamps(frame: Uint8Array): void {
  const { type, at: start } = network(frame);
  if (type !== 0x0800 || frame[start + 9] !== 1) return;
  const at = start + (frame[start]! & 15) * 4;
  if (frame[at] !== 14 || frame.length < at + 20) return;
  const end = start + u16(frame, start + 2);
  if (sum16(frame.subarray(at, end)) !== 0xffff) return;
  frame.set(be16(0), at + 2);
  frame.fill(0, at + 12, at + 20);
}

function isMembershipReport(frame: Uint8Array): boolean {
  const { type: etherType, at } = network(frame);
  const b = frame.subarray(at);
  if (etherType === 0x0800) return b[9] === 2;
  if (etherType !== 0x86dd || b[6] !== 0) return false;
  const type = b[40 + 8 * (b[41]! + 1)];
  return b[40] === 58 && (type === 131 || type === 143 || type === 132);
}
