/**
 * Words to bytes: the frame that has the fields that the words say, and in everything else what a usual packet has. Lengths,
 * next protocols and checksums are filled in, unless the words give them. Order of the headers:
 *
 *   ether ► vlan ► arp
 *                ► ip │ ip6 ► hbh rt frag dst ► ah ► comp ► tcp udp udplite dccp sctp icmp icmpv6 igmp esp gre ► payload
 */
import { parseIpv4, parseIpv6, parseMac } from '../../config/ip_address.js';
import { type SystemNames, systemNames } from '../../nft/datatype/names.js';
import { protoByName } from '../../nft/proto/network.js';
import { type Field, findField, type Proto } from '../../nft/proto/proto.js';
import { crc32c, inetChecksum, put16, putBits } from './bits.js';
import { constant, GRE, type PacketWords, type Word, WordsError } from './words.js';

export interface Ends {
  /** Of the frame, `ether saddr` and `ether daddr`; what the link has there. */
  readonly smac: string;
  readonly dmac: string;
}

/** Addresses kept for documentation, RFC 5737 and RFC 3849: what a packet has whose words name none. */
export const USUAL = {
  ip: { saddr: '198.51.100.2', daddr: '203.0.113.2' },
  ip6: { saddr: '2001:db8:1::2', daddr: '2001:db8:2::2' },
  sport: 40000,
  dport: 80,
} as const;

const ETHERTYPE: Readonly<Record<string, number>> = { ip: 0x0800, arp: 0x0806, vlan: 0x8100, ip6: 0x86dd };
const PROTOCOL: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  comp: 108,
  sctp: 132,
  udplite: 136,
};
const NAME_OF = new Map(Object.entries(PROTOCOL).map(([name, value]) => [value, name]));
const NO_NEXT = 59;
const EXTENSIONS = ['hbh', 'rt', 'frag', 'dst'] as const;
const EXTENSION_TYPE: Readonly<Record<string, number>> = { hbh: 0, rt: 43, frag: 44, dst: 60 };
const ICMP_ECHO = 8;
const ICMPV6_ECHO = 128;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const TCP_SYN = 2;
const TCP_ACK = 16;
const GRE_BYTES = 4;
const AH_BYTES = 24;

const protoOf = (name: string): Proto => (name === 'gre' ? GRE : protoByName(name)!);

/** Throws WordsError. */
export function compose(words: PacketWords, ends: Ends, names: SystemNames = systemNames()): Uint8Array {
  return new Composer(words, ends, names).frame();
}

class Composer {
  private readonly used = new Set<string>();

  constructor(
    private readonly words: PacketWords,
    private readonly ends: Ends,
    private readonly names: SystemNames,
  ) {
    for (const { place } of words.words) {
      if (place.kind === 'header') this.used.add(place.proto.name);
      else this.used.add(place.kind === 'option' ? 'tcp' : 'ip6');
      if (place.kind === 'extension') this.used.add(place.name);
    }
  }

  frame(): Uint8Array {
    const network = this.network();
    const inner = network === 'arp' ? this.arp() : network === undefined ? this.payload() : this.ip(network);
    let frame = inner;
    let type = network === undefined ? undefined : ETHERTYPE[network];
    if (this.used.has('vlan')) {
      const vlan = new Uint8Array(4);
      this.field(vlan, 'vlan', 'id', 1n);
      if (type !== undefined) this.field(vlan, 'vlan', 'type', BigInt(type));
      this.apply(vlan, 'vlan');
      frame = cat(vlan, frame);
      type = ETHERTYPE.vlan;
    }
    const ether = new Uint8Array(14);
    ether.set(parseMac(this.ends.dmac)!, 0);
    ether.set(parseMac(this.ends.smac)!, 6);
    if (type !== undefined) put16(ether, 12, type);
    this.apply(ether, 'ether');
    return cat(ether, frame);
  }

  /** ip, ip6, arp; undefined: what `ether type` says, with the payload behind it. */
  private network(): 'ip' | 'ip6' | 'arp' | undefined {
    const { family, l4proto } = this.words;
    const named = (['arp', 'ip', 'ip6'] as const).filter((name) => this.used.has(name));
    if (named.length > 1) {
      const second = this.words.words.find(
        ({ place }) => place.kind === 'header' && place.proto.name === named[1],
      );
      this.fail(`a packet is ${named.join(' or ')}, not both`, second);
    }
    if (named[0] !== undefined) return named[0];
    if (family !== undefined) return family;
    if (this.used.has('icmpv6') || l4proto === PROTOCOL.icmpv6) return 'ip6';
    const type = this.value(this.used.has('vlan') ? 'vlan' : 'ether', 'type');
    if (type === undefined) return 'ip';
    return (['ip', 'ip6', 'arp'] as const).find((name) => BigInt(ETHERTYPE[name]!) === type);
  }

  private arp(): Uint8Array {
    const arp = new Uint8Array(28);
    const set = (name: string, value: number) => this.field(arp, 'arp', name, BigInt(value));
    set('htype', 1);
    set('ptype', ETHERTYPE.ip!);
    set('hlen', 6);
    set('plen', 4);
    set('operation', 1);
    arp.set(parseMac(this.ends.smac)!, 8);
    arp.set(parseIpv4(USUAL.ip.saddr)!, 14);
    arp.set(parseIpv4(USUAL.ip.daddr)!, 24);
    this.apply(arp, 'arp');
    return cat(arp, this.words.payload ?? new Uint8Array(0));
  }

  private ip(version: 'ip' | 'ip6'): Uint8Array {
    return version === 'ip' ? this.ip4() : this.ip6();
  }

  private ip4(): Uint8Array {
    const ip = new Uint8Array(20);
    ip[0] = 0x45;
    ip[8] = 64;
    ip.set(parseIpv4(USUAL.ip.saddr)!, 12);
    ip.set(parseIpv4(USUAL.ip.daddr)!, 16);
    this.apply(ip, 'ip');
    const [protocol, chain] = this.upper(ip.subarray(12, 20), 20, this.value('ip', 'protocol'));
    if (this.value('ip', 'protocol') === undefined) ip[9] = protocol;
    if (this.value('ip', 'length') === undefined) put16(ip, 2, 20 + chain.length);
    if (this.value('ip', 'checksum') === undefined) put16(ip, 10, inetChecksum(ip));
    return cat(ip, chain);
  }

  private ip6(): Uint8Array {
    const ip = new Uint8Array(40);
    ip[0] = 0x60;
    ip[7] = 64;
    ip.set(parseIpv6(USUAL.ip6.saddr)!, 8);
    ip.set(parseIpv6(USUAL.ip6.daddr)!, 24);
    this.apply(ip, 'ip6');
    const extensions = EXTENSIONS.filter((name) => this.used.has(name));
    const given = extensions.length > 0 ? undefined : this.value('ip6', 'nexthdr');
    const front = 40 + extensions.length * 8;
    const [protocol, chain] = this.upper(ip.subarray(8, 40), front, given);
    let next = protocol;
    let inner = chain;
    for (const name of extensions.toReversed()) {
      inner = cat(this.extension(name, next), inner);
      next = EXTENSION_TYPE[name]!;
    }
    if (this.value('ip6', 'nexthdr') === undefined) ip[6] = next;
    if (this.value('ip6', 'length') === undefined) put16(ip, 4, inner.length);
    return cat(ip, inner);
  }

  /** Eight bytes: as long as the shortest is. */
  private extension(name: string, next: number): Uint8Array {
    const bytes = new Uint8Array(8);
    bytes[0] = next;
    // PadN over what is left (RFC 8200 §4.2).
    if (name === 'hbh' || name === 'dst') bytes.set([1, 4], 2);
    for (const word of this.words.words) {
      const { place } = word;
      if (place.kind !== 'extension' || place.name !== name || place.field === undefined) continue;
      putBits(bytes, place.field.offset, place.field.len, this.plain(word, place.field));
    }
    return bytes;
  }

  /** What is behind the network header, and its protocol. `addresses`: for the checksum. */
  private upper(addresses: Uint8Array, front: number, given: bigint | undefined): [number, Uint8Array] {
    const { words } = this;
    const last = this.transport(addresses.length === 32, given);
    const payload = this.payload(front + this.headBytes(last));
    let bytes: Uint8Array;
    let protocol: number;
    if (last === undefined) {
      protocol =
        given === undefined ? (words.l4proto ?? (addresses.length === 32 ? NO_NEXT : 255)) : Number(given);
      bytes = payload;
    } else {
      protocol = PROTOCOL[last]!;
      bytes = this.header(last, payload, addresses);
    }
    for (const name of ['comp', 'ah']) {
      if (!this.used.has(name) || name === last) continue;
      const head = new Uint8Array(name === 'ah' ? AH_BYTES : 4);
      this.field(head, name, 'nexthdr', BigInt(protocol));
      if (name === 'ah') head[1] = AH_BYTES / 4 - 2;
      this.apply(head, name);
      bytes = cat(head, bytes);
      protocol = PROTOCOL[name]!;
    }
    return [protocol, bytes];
  }

  /** The last header; undefined: only payload. */
  private transport(six: boolean, given: bigint | undefined): string | undefined {
    const named = Object.keys(PROTOCOL).filter(
      (name) => this.used.has(name) && name !== 'ah' && name !== 'comp',
    );
    if (named.length > 1) {
      const second = this.words.words.find(
        ({ place }) => place.kind === 'header' && place.proto.name === named[1],
      );
      this.fail(`a packet is ${named.join(' or ')}, not both`, second);
    }
    if (named[0] !== undefined) return named[0];
    const said = given ?? (this.words.l4proto === undefined ? undefined : BigInt(this.words.l4proto));
    if (said !== undefined) {
      const name = NAME_OF.get(Number(said));
      return name === 'ah' || name === 'comp' ? undefined : name;
    }
    if (this.used.has('ah') || this.used.has('comp')) return undefined;
    if (this.used.has('th')) return 'tcp';
    return six ? 'icmpv6' : 'icmp';
  }

  private headBytes(name: string | undefined): number {
    const outer = (this.used.has('ah') ? AH_BYTES : 0) + (this.used.has('comp') ? 4 : 0);
    switch (name) {
      case undefined:
        return outer;
      case 'tcp':
        return outer + 20 + this.tcpOptions().length;
      case 'dccp':
        return outer + 20;
      case 'sctp':
        return outer + 12;
      case 'gre':
        return outer + GRE_BYTES;
      default:
        return outer + 8;
    }
  }

  private header(name: string, payload: Uint8Array, addresses: Uint8Array): Uint8Array {
    switch (name) {
      case 'tcp': {
        const options = this.tcpOptions();
        const tcp = new Uint8Array(20 + options.length);
        this.ports(tcp);
        tcp[7] = 1;
        tcp[12] = ((20 + options.length) / 4) << 4;
        tcp[13] = this.words.ct.state?.includes('established') ? TCP_ACK : TCP_SYN;
        put16(tcp, 14, 64240);
        tcp.set(options, 20);
        this.apply(tcp, 'tcp');
        return this.summed(cat(tcp, payload), 'tcp', 16, addresses);
      }
      case 'udp':
      case 'udplite': {
        const udp = new Uint8Array(8);
        this.ports(udp);
        // Zero covers all of a UDP-Lite datagram (RFC 3828 §3.1).
        put16(udp, 4, name === 'udp' ? 8 + payload.length : 0);
        this.apply(udp, name);
        return this.summed(cat(udp, payload), name, 6, addresses);
      }
      case 'dccp': {
        // A request with its service code (RFC 4340 §5.1, §5.2).
        const dccp = new Uint8Array(20);
        this.ports(dccp);
        dccp[4] = 5;
        dccp[8] = 1;
        this.apply(dccp, 'dccp');
        return this.summed(cat(dccp, payload), 'dccp', 6, addresses);
      }
      case 'sctp': {
        const sctp = new Uint8Array(12);
        this.ports(sctp);
        this.apply(sctp, 'sctp');
        const chunks = this.words.payload === undefined ? INIT_CHUNK : payload;
        const all = cat(sctp, chunks);
        if (this.value('sctp', 'checksum') === undefined)
          new DataView(all.buffer).setUint32(8, crc32c(all), true);
        return all;
      }
      case 'icmp':
      case 'icmpv6':
        return this.icmp(name, payload, addresses);
      case 'igmp': {
        const igmp = new Uint8Array(8);
        igmp[0] = 0x16;
        this.apply(igmp, 'igmp');
        return this.summed(cat(igmp, payload), 'igmp', 2);
      }
      case 'gre': {
        const gre = new Uint8Array(GRE_BYTES);
        put16(gre, 2, ETHERTYPE.ip!);
        this.apply(gre, 'gre');
        return cat(gre, payload);
      }
      default: {
        const head = new Uint8Array(8);
        this.apply(head, name);
        return cat(head, payload);
      }
    }
  }

  private icmp(name: 'icmp' | 'icmpv6', payload: Uint8Array, addresses: Uint8Array): Uint8Array {
    const echo = name === 'icmp' ? ICMP_ECHO : ICMPV6_ECHO;
    const type = Number(this.value(name, 'type') ?? BigInt(echo));
    const discovers = name === 'icmpv6' && (type === ND_SOLICIT || type === ND_ADVERT);
    const head = new Uint8Array(discovers ? 24 : 8);
    head[0] = type;
    const echoes = name === 'icmp' ? type === ICMP_ECHO || type === 0 : type === ICMPV6_ECHO || type === 129;
    if (echoes) head.set([0, 1, 0, 1], 4);
    if (discovers) head.set(addresses.subarray(16, 32), 8);
    this.apply(head, name);
    return this.summed(cat(head, payload), name, 2, name === 'icmp' ? undefined : addresses);
  }

  private ports(header: Uint8Array): void {
    put16(header, 0, USUAL.sport);
    put16(header, 2, USUAL.dport);
    this.apply(header, 'th');
  }

  private tcpOptions(): Uint8Array {
    const made = new Map<string, Uint8Array>();
    for (const word of this.words.words) {
      const { place } = word;
      if (place.kind !== 'option') continue;
      const { name, type, field } = place;
      if (field === undefined && word.value.kind === 'boolean' && !word.value.value) continue;
      const size = OPTION_BYTES[name] ?? this.fail(`a packet cannot be given the TCP option ${name}`, word);
      const bytes = made.get(name) ?? new Uint8Array(size);
      made.set(name, bytes);
      bytes[0] = type;
      if (size > 1) bytes[1] = size;
      if (field !== undefined) putBits(bytes, field.offset, field.len, this.plain(word, field));
    }
    const all = cat(...made.values());
    const padded = new Uint8Array(Math.ceil(all.length / 4) * 4).fill(1);
    padded.set(all);
    return padded;
  }

  /** With the checksum at `at`, over the pseudo header, too, where there are `addresses`. */
  private summed(bytes: Uint8Array, name: string, at: number, addresses?: Uint8Array): Uint8Array {
    if (this.value(name, 'checksum') !== undefined) return bytes;
    put16(bytes, at, 0);
    const pseudo = addresses === undefined ? [] : [pseudoHeader(addresses, bytes.length, PROTOCOL[name]!)];
    const sum = inetChecksum(...pseudo, bytes);
    put16(bytes, at, sum === 0 && name.startsWith('udp') ? 0xffff : sum);
    return bytes;
  }

  /** Of `meta length`, when `front` bytes are in front of it. */
  private payload(front = 0): Uint8Array {
    const { payload = new Uint8Array(0), length } = this.words;
    if (length === undefined || length <= front + payload.length) return payload;
    return cat(payload, new Uint8Array(length - front - payload.length));
  }

  private field(bytes: Uint8Array, header: string, name: string, value: bigint): void {
    const { offset, len } = findField(protoOf(header), name)!;
    putBits(bytes, offset, len, value);
  }

  /** Writes what the words say of a header. */
  private apply(bytes: Uint8Array, header: string): void {
    for (const word of this.words.words) {
      const { place } = word;
      if (place.kind !== 'header' || place.proto.name !== header) continue;
      putBits(bytes, place.field.offset, place.field.len, this.plain(word, place.field));
    }
  }

  /** What the words say of a field. */
  private value(header: string, name: string): bigint | undefined {
    const word = this.words.words.findLast(
      ({ place }) => place.kind === 'header' && place.proto.name === header && place.field.name === name,
    );
    return word?.place.field && this.plain(word, word.place.field);
  }

  private plain(word: Word, { type, len }: Field): bigint {
    if ((word.op !== 'in' && word.op !== '==') || word.mask !== undefined)
      this.fail(`a packet has one value here, not ${word.op} one`, word);
    const value = constant(word.value, type, this.names);
    if (typeof value !== 'bigint') return this.fail(value, word);
    if (value >= 1n << BigInt(len)) this.fail(`${value} does not fit ${len} bits`, word);
    return value;
  }

  private fail(message: string, word: Word | undefined): never {
    throw new WordsError(message, word?.start ?? 0, word?.end ?? this.words.text.length);
  }
}

const OPTION_BYTES: Readonly<Record<string, number>> = {
  eol: 1,
  nop: 1,
  maxseg: 4,
  window: 3,
  'sack-perm': 2,
  timestamp: 10,
  echo: 10,
  sack: 10,
  sack0: 10,
  md5sig: 18,
  mptcp: 12,
  fastopen: 2,
};

/** RFC 9260 §3.3.2. */
const INIT_CHUNK = Uint8Array.of(1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1);

export function pseudoHeader(addresses: Uint8Array, length: number, protocol: number): Uint8Array {
  if (addresses.length === 8) return cat(addresses, Uint8Array.of(0, protocol, length >> 8, length & 255));
  return cat(addresses, Uint8Array.of(0, 0, length >> 8, length & 255, 0, 0, 0, protocol));
}

export function cat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
