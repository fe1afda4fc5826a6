/**
 * Who answers when the router asks for a neighbour and nobody is there: the MAC addresses that the captures show. Every
 * capture is read once, from beginning to end, when the first question comes, so that the answer does not depend on when
 * it is asked. What counts, the first found: the sender of an ARP packet, then the source of an IP packet that is on the
 * port's own network (the source MAC of any other is that of a router).
 */
import type { LinkConfig } from '../config/router_config.js';
import { formatIp, inPrefix, isLinkLocal6 } from '../config/ip_address.js';
import { type CaptureRecord, LINKTYPE_ETHERNET } from '../drivers/capture.js';
import { fileSource, openCapture } from '../drivers/capture_file.js';

export const NEIGHBOUR_MODES = ['auto', 'all', 'none'] as const;
/** auto: those of the captures; all: also others, with an address made of theirs; none: nobody. */
export type NeighbourMode = (typeof NEIGHBOUR_MODES)[number];

const ETH_P_IP = 0x0800;
const ETH_P_ARP = 0x0806;
const ETH_P_IPV6 = 0x86dd;
const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;
const SEEN_SLOTS = 1024;

/** Of one port. */
export class SeenNeighbours {
  private readonly byArp = new Map<string, Uint8Array>();
  private readonly byIp = new Map<string, Uint8Array>();
  /** Sources that were looked at lately, so that a long flow is looked at once: { hash, MAC's lower half }. */
  private readonly lately = new Float64Array(SEEN_SLOTS);

  constructor(private readonly link: Pick<LinkConfig, 'addresses' | 'routes'>) {}

  find(address: Uint8Array): Uint8Array | undefined {
    const key = formatIp(address);
    return this.byArp.get(key) ?? this.byIp.get(key);
  }

  /** Learns from one frame. */
  learn(bytes: Uint8Array, from: number, length: number): void {
    const end = from + length;
    let at = from + 12;
    for (let tags = 0; tags < 2 && end - at >= 18; tags++) {
      const type = (bytes[at]! << 8) | bytes[at + 1]!;
      if (type !== ETH_P_8021Q && type !== ETH_P_8021AD) break;
      at += 4;
    }
    if (end - at < 30 || (bytes[from + 6]! & 1) !== 0) return;
    const type = (bytes[at]! << 8) | bytes[at + 1]!;
    if (type === ETH_P_ARP) this.learnArp(bytes, at + 2);
    else if (type === ETH_P_IP) this.learnIp(bytes, from, at + 14, 4);
    else if (type === ETH_P_IPV6 && end - at >= 42) this.learnIp(bytes, from, at + 10, 16);
  }

  private learnArp(bytes: Uint8Array, at: number): void {
    if (bytes[at + 4] !== 6 || bytes[at + 5] !== 4) return;
    const sip = bytes.slice(at + 14, at + 18);
    if (sip.every((octet) => octet === 0)) return;
    const key = formatIp(sip);
    if (!this.byArp.has(key)) this.byArp.set(key, bytes.slice(at + 8, at + 14));
  }

  private learnIp(bytes: Uint8Array, from: number, at: number, size: 4 | 16): void {
    let hash = 0;
    for (let i = 0; i < size; i++) hash = (Math.imul(hash, 31) + bytes[at + i]!) | 0;
    const mac = (bytes[from + 9]! << 16) | (bytes[from + 10]! << 8) | bytes[from + 11]!;
    const sign = hash * 0x1000000 + mac;
    const slot = (hash ^ (hash >>> 15)) & (SEEN_SLOTS - 1);
    if (this.lately[slot] === sign) return;
    this.lately[slot] = sign;
    const address = bytes.slice(at, at + size);
    if (!this.isOnLink(address)) return;
    const key = formatIp(address);
    if (!this.byIp.has(key)) this.byIp.set(key, bytes.slice(from + 6, from + 12));
  }

  private isOnLink(address: Uint8Array): boolean {
    if (address.length === 16 && isLinkLocal6(address)) return true;
    const { addresses, routes } = this.link;
    if (
      addresses.some(
        (own) => own.address.length === address.length && inPrefix(address, own.address, own.prefix),
      )
    )
      return true;
    return routes.some(({ via }) => via !== undefined && formatIp(via) === formatIp(address));
  }
}

export interface NeighbourSource {
  readonly port: number;
  readonly path: string;
}

/** Answers the questions that leave by the ports. */
export class NeighbourAnswers {
  private readonly seen: readonly SeenNeighbours[];
  private learned = false;

  constructor(
    private readonly mode: NeighbourMode,
    links: readonly LinkConfig[],
    private readonly sources: readonly NeighbourSource[],
  ) {
    this.seen = links.map((link) => new SeenNeighbours(link));
  }

  /** `frame` is an ARP request or a neighbour solicitation. */
  readonly answer = (port: number, frame: Uint8Array): Uint8Array | undefined => {
    const isArp = frame[12] === 0x08 && frame[13] === 0x06;
    const target = isArp ? frame.slice(38, 42) : frame.slice(62, 78);
    const asker = isArp ? frame.slice(28, 32) : frame.slice(22, 38);
    // A probe or duplicate address detection asks for nobody; an announcement names its sender.
    if (asker.every((octet) => octet === 0) || asker.every((octet, i) => octet === target[i]))
      return undefined;
    this.learnAll();
    const mac = this.seen[port]!.find(target) ?? (this.mode === 'all' ? invented(target) : undefined);
    if (mac === undefined) return undefined;
    return isArp ? arpReply(frame, mac) : neighbourAdvertisement(frame, mac);
  };

  private learnAll(): void {
    if (this.learned) return;
    this.learned = true;
    for (const { port, path } of this.sources) {
      // A pipe cannot be read twice.
      if (path === '-') continue;
      const source = fileSource(path);
      try {
        const reader = openCapture(source);
        for (let record = reader.next(); record; record = reader.next()) this.learn(port, record);
      } catch {
        // What is wrong with the file is said where it is played.
      } finally {
        source.close();
      }
    }
  }

  private learn(port: number, { linkType, direction, bytes, at, length }: CaptureRecord): void {
    if (linkType === LINKTYPE_ETHERNET && direction !== 'tx') this.seen[port]!.learn(bytes, at, length);
  }
}

/** Locally administered, of the address's last four octets. */
function invented(address: Uint8Array): Uint8Array {
  return Uint8Array.of(0x02, address.length, ...address.slice(-4));
}

function arpReply(request: Uint8Array, mac: Uint8Array): Uint8Array {
  const reply = request.slice(0, 42);
  reply.copyWithin(0, 6, 12);
  reply.set(mac, 6);
  reply[21] = 2;
  reply.copyWithin(32, 22, 32);
  reply.set(mac, 22);
  reply.set(request.subarray(38, 42), 28);
  return reply;
}

/** RFC 4861 §4.4, solicited and overriding, with the target's link-layer address. */
function neighbourAdvertisement(solicit: Uint8Array, mac: Uint8Array): Uint8Array {
  const frame = new Uint8Array(86);
  frame.set(solicit.subarray(6, 12), 0);
  frame.set(mac, 6);
  frame.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255], 12);
  frame.set(solicit.subarray(62, 78), 22);
  frame.set(solicit.subarray(22, 38), 38);
  frame.set([136, 0, 0, 0, 0x60], 54);
  frame.set(solicit.subarray(62, 78), 62);
  frame.set([2, 1, ...mac], 78);
  let sum = 32 + 58;
  for (let at = 22; at < 86; at += 2) sum += (frame[at]! << 8) | frame[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  frame[56] = (~sum >>> 8) & 255;
  frame[57] = ~sum & 255;
  return frame;
}
