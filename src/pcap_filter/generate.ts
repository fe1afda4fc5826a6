/**
 * What the tests of an expression look for in an Ethernet frame. `vlan`, `mpls` and `pppoes` move the place of all that
 * is looked for behind them, in the order of the text, as pcap does.
 *
 *   0 link │ 12 type │ 14 payload             vlan: + 4      mpls: payload + 4 a label
 *                      ├─ 20 PPP protocol │ 22 payload       pppoes
 */
import {
  BPF_ABS,
  BPF_AD_PKTTYPE,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MOD,
  BPF_MSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_SUB,
  BPF_TAX,
  BPF_W,
  BPF_X,
  BPF_XOR,
  type BpfInstruction,
  PACKET_OUTGOING,
} from './bpf.js';
import type { Arithmetic, Direction, Expression, Id, Protocol, Qualifiers } from './ast.js';
import { and, type Condition, not, or } from './condition.js';
import { FilterError } from './filter_error.js';
import { ETHER_PROTOCOLS, IP_PROTOCOLS, type ServicePort, servicePort, type Transport } from './names.js';
import { parseIpv6 } from '../config/ip_address.js';

const ETH_P_IP = 0x0800;
const ETH_P_ARP = 0x0806;
const ETH_P_RARP = 0x8035;
const ETH_P_IPV6 = 0x86dd;
const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;
const ETH_P_QINQ1 = 0x9100;
const ETH_P_MPLS = 0x8847;
const ETH_P_PPPOED = 0x8863;
const ETH_P_PPPOES = 0x8864;
const ETHER_TYPE_MIN = 1501;
const ETHERMTU = 1500;
const IPPROTO_FRAGMENT = 44;
const IP_OFFSET_BITS = 0x1fff;
const PPP_PROTOCOLS: ReadonlyMap<number, number> = new Map([
  [ETH_P_IP, 0x21],
  [ETH_P_IPV6, 0x57],
  [0x6003, 0x27],
  [0x809b, 0x29],
  [0x8137, 0x2b],
  [ETH_P_MPLS, 0x281],
]);
/** LLC service access points (pcap gives them to `ether proto` as numbers below 1501). */
const LLCSAP_ISO = 0xfe;
const LLCSAP_IPX = 0xe0;
const LLCSAP_NETBEUI = 0xf0;
const LLCSAP_IP = 0x06;
const ETH_P_IPX = 0x8137;
const ETH_P_ATALK = 0x809b;
const ETH_P_AARP = 0x80f3;

/** Protocols inside IP: number, and whether of IPv4, IPv6 or both. */
const IN_IP: Partial<Record<Protocol, readonly [number, 'ip' | 'ip6' | 'default']>> = {
  tcp: [6, 'default'],
  udp: [17, 'default'],
  sctp: [132, 'default'],
  icmp: [1, 'ip'],
  igmp: [2, 'ip'],
  igrp: [9, 'ip'],
  pim: [103, 'default'],
  vrrp: [112, 'ip'],
  carp: [112, 'ip'],
  ah: [51, 'default'],
  esp: [50, 'default'],
  icmp6: [58, 'ip6'],
};
const LINK_TYPES: Partial<Record<Protocol, number>> = {
  ip: ETH_P_IP,
  ip6: ETH_P_IPV6,
  arp: ETH_P_ARP,
  rarp: ETH_P_RARP,
  atalk: ETH_P_ATALK,
  aarp: ETH_P_AARP,
  decnet: 0x6003,
  sca: 0x6007,
  lat: 0x6004,
  mopdl: 0x6001,
  moprc: 0x6002,
  iso: LLCSAP_ISO,
  stp: 0x42,
  ipx: LLCSAP_IPX,
  netbeui: LLCSAP_NETBEUI,
};
/** Network layer protocol identifiers behind ISO's LLC (ISO/IEC TR 9577). */
const ISO_NLPID: Partial<Record<Protocol, number>> = { clnp: 0x81, esis: 0x82, isis: 0x83 };
const ALU_OF: Readonly<Record<string, number>> = {
  '+': BPF_ADD,
  '-': BPF_SUB,
  '*': BPF_MUL,
  '/': BPF_DIV,
  '%': BPF_MOD,
  '&': BPF_AND,
  '|': BPF_OR,
  '^': BPF_XOR,
  '<<': BPF_LSH,
  '>>': BPF_RSH,
};

/** Addresses that a name stands for; looked up before. */
export type NameAddresses = ReadonlyMap<string, readonly string[]>;

export function generate(expression: Expression, text: string, names: NameAddresses): Condition {
  return new Generator(text, names).of(expression);
}

const ins = (code: number, k = 0): BpfInstruction => ({ code, jt: 0, jf: 0, k });

class Generator {
  private link = 0;
  private typeAt = 12;
  private payload = 14;
  private labels = 0;
  private ppp = false;
  /** Memory words in use by the arithmetic that is being made. */
  private words = 0;

  constructor(
    private readonly text: string,
    private readonly names: NameAddresses,
  ) {}

  of(expression: Expression): Condition {
    switch (expression.kind) {
      case 'and':
      case 'or': {
        const left = this.of(expression.left);
        return { kind: expression.kind, left, right: this.of(expression.right) };
      }
      case 'not':
        return not(this.of(expression.of));
      case 'id':
        return this.id(expression.qualifiers, expression.id, expression.at);
      case 'protocol':
        return this.protocol(expression.protocol, expression.at);
      case 'relation':
        return this.relation(expression.operator, expression.left, expression.right);
      case 'cast':
        return this.cast(expression.protocol, expression.group, expression.at);
      case 'length': {
        const length = [ins(BPF_LD | BPF_LEN)];
        const { than, bytes } = expression;
        if (than === 'greater') return this.jump(length, BPF_JGE, bytes);
        return not(this.jump(length, BPF_JGT, bytes));
      }
      case 'direction': {
        const outgoing = this.jump([ins(BPF_LD | BPF_H | BPF_ABS, BPF_AD_PKTTYPE)], BPF_JEQ, PACKET_OUTGOING);
        return expression.direction === 'tx' ? outgoing : not(outgoing);
      }
      case 'llc':
        return and(this.isLlc(), not(this.compare(this.payload, BPF_H, 0xffff)));
      case 'tag':
        return this.tag(expression.tag, expression.value, expression.at);
    }
  }

  private error(at: number, what: string): FilterError {
    return new FilterError(this.text, at, what);
  }

  private jump(before: readonly BpfInstruction[], operation: number, k: number): Condition {
    return { kind: 'test', before, code: BPF_JMP | operation | BPF_K, k: k >>> 0 };
  }

  /** The bytes at `offset` (masked) are `value`. */
  private compare(offset: number, size: number, value: number, mask = 0xffffffff): Condition {
    const load = [ins(BPF_LD | size | BPF_ABS, offset)];
    if (mask >>> 0 !== 0xffffffff) load.push(ins(BPF_ALU | BPF_AND | BPF_K, mask >>> 0));
    return this.jump(load, BPF_JEQ, value);
  }

  private isLlc(): Condition {
    return not(this.jump([ins(BPF_LD | BPF_H | BPF_ABS, this.typeAt)], BPF_JGT, ETHERMTU));
  }

  /** SNAP with this organisation and type behind an LLC header. */
  private isSnap(organisation: number, type: number): Condition {
    return and(
      this.isLlc(),
      this.compare(this.payload + 4, BPF_W, ((organisation & 0xffff) << 16) | type),
      this.compare(this.payload, BPF_W, 0xaaaa0300 | (organisation >>> 16)),
    );
  }

  /** What the link layer says that it carries. */
  private linkType(type: number, at: number): Condition {
    if (this.labels > 0) return this.mplsPayload(type, at);
    if (this.ppp) return this.compare(this.typeAt, BPF_H, PPP_PROTOCOLS.get(type) ?? type);
    switch (type) {
      case LLCSAP_ISO:
      case LLCSAP_IP:
      case LLCSAP_NETBEUI:
        return and(this.isLlc(), this.compare(this.payload, BPF_H, (type << 8) | type));
      case LLCSAP_IPX:
        return or(
          this.compare(this.typeAt, BPF_H, ETH_P_IPX),
          this.isSnap(0, ETH_P_IPX),
          and(
            this.isLlc(),
            or(this.compare(this.payload, BPF_B, LLCSAP_IPX), this.compare(this.payload, BPF_H, 0xffff)),
          ),
        );
      case ETH_P_ATALK:
        return or(this.compare(this.typeAt, BPF_H, type), this.isSnap(0x080007, type));
      case ETH_P_AARP:
        return or(this.compare(this.typeAt, BPF_H, type), this.isSnap(0, type));
      default:
        if (type < ETHER_TYPE_MIN) return and(this.isLlc(), this.compare(this.payload, BPF_B, type));
        return this.compare(this.typeAt, BPF_H, type);
    }
  }

  /** Behind the last label the first four bits tell the version of IP. */
  private mplsPayload(type: number, at: number): Condition {
    if (type !== ETH_P_IP && type !== ETH_P_IPV6)
      throw this.error(at, 'behind mpls only ip and ip6 can be told');
    const last = this.compare(this.payload - 2, BPF_B, 1, 1);
    return and(last, this.compare(this.payload, BPF_B, type === ETH_P_IP ? 0x40 : 0x60, 0xf0));
  }

  private protocol(protocol: Protocol, at: number): Condition {
    const inIp = IN_IP[protocol];
    if (inIp !== undefined) return this.ipProtocol(inIp[0], inIp[1], at);
    const nlpid = ISO_NLPID[protocol];
    if (nlpid !== undefined) return this.isoProtocol(nlpid, at);
    const type = LINK_TYPES[protocol];
    if (type === undefined)
      throw this.error(at, `'${protocol}' alone tests nothing; every frame has a link layer`);
    return this.linkType(type, at);
  }

  private isoProtocol(nlpid: number, at: number): Condition {
    return and(this.linkType(LLCSAP_ISO, at), this.compare(this.payload + 3, BPF_B, nlpid));
  }

  private ipProtocol(number: number, family: 'ip' | 'ip6' | 'default', at: number): Condition {
    const v4 = () => and(this.linkType(ETH_P_IP, at), this.compare(this.payload + 9, BPF_B, number));
    const v6 = () =>
      and(
        this.linkType(ETH_P_IPV6, at),
        or(
          this.compare(this.payload + 6, BPF_B, number),
          and(
            this.compare(this.payload + 6, BPF_B, IPPROTO_FRAGMENT),
            this.compare(this.payload + 40, BPF_B, number),
          ),
        ),
      );
    if (family === 'ip') return v4();
    return family === 'ip6' ? v6() : or(v4(), v6());
  }

  private id(qualifiers: Qualifiers, id: Id, at: number): Condition {
    switch (qualifiers.type) {
      case 'default':
      case 'host':
      case 'net':
        return this.address(qualifiers, id, at);
      case 'port':
        return this.port(qualifiers, id, at);
      case 'portrange':
        return this.portRange(qualifiers, id, at);
      case 'proto':
        return this.proto(qualifiers, id, at);
      case 'protochain':
        return this.protoChain(qualifiers, id, at);
    }
  }

  private address(qualifiers: Qualifiers, id: Id, at: number): Condition {
    const { protocol, type } = qualifiers;
    if (id.kind === 'mac') {
      if (protocol !== 'ether' || type === 'net')
        throw this.error(at, `${id.text} is a MAC address; 'ether host ${id.text}' would be right`);
      return this.macHost(parseMacText(id.text), qualifiers.direction, at);
    }
    if (protocol === 'ether')
      throw this.error(at, `${id.text} is no MAC address; 'host ${id.text}' would be right`);
    if (id.kind === 'ipv6') {
      const bytes = parseIpv6(id.text);
      if (bytes === null) throw this.error(at, `${id.text} is no IPv6 address`);
      const prefix = id.prefix ?? 128;
      if (prefix > 128) throw this.error(at, 'a prefix of IPv6 has at most 128 bits');
      if (prefix !== 128 && type !== 'net') throw this.error(at, `'net ${id.text}/${prefix}' would be right`);
      return this.host6(bytes, prefix, qualifiers, at);
    }
    if (id.kind === 'name') return this.named(qualifiers, id.text, at);
    const [address, mask] = this.network(id, type === 'net', at);
    return this.host4(address, mask, qualifiers, at);
  }

  /** An IPv4 address, whole or short, with its mask. */
  private network(id: Id & { kind: 'ipv4' | 'number' }, isNet: boolean, at: number): [number, number] {
    if (id.kind === 'number') {
      let { value } = id;
      let mask = 0xffffffff;
      for (; isNet && value !== 0 && value >>> 24 === 0; mask = (mask << 8) >>> 0) value = (value << 8) >>> 0;
      return [value, mask];
    }
    const [address, bits] = this.dotted(id.text, at);
    if (id.prefix === undefined && id.maskText === undefined)
      return [address, bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0];
    if (!isNet) throw this.error(at, `'net ${id.text}' and what follows would be right`);
    if (id.prefix !== undefined && id.prefix > 32)
      throw this.error(at, 'a prefix of IPv4 has at most 32 bits');
    const mask =
      id.prefix === undefined
        ? this.dotted(id.maskText!, at)[0]
        : id.prefix === 0
          ? 0
          : (0xffffffff << (32 - id.prefix)) >>> 0;
    if ((address & ~mask) !== 0) throw this.error(at, `${id.text} has bits set beyond its mask`);
    return [address, mask];
  }

  private dotted(text: string, at: number): [address: number, bits: number] {
    let value = 0;
    const parts = text.split('.');
    for (const part of parts) {
      if (Number(part) > 255) throw this.error(at, `${text} is no IPv4 address: ${part} is larger than 255`);
      value = value * 256 + Number(part);
    }
    const bits = parts.length * 8;
    return [(value * 2 ** (32 - bits)) >>> 0, bits];
  }

  private named(qualifiers: Qualifiers, name: string, at: number): Condition {
    const addresses = this.names.get(name);
    if (qualifiers.type === 'net') throw this.error(at, `'${name}' is no network; write its address`);
    if (addresses === undefined || addresses.length === 0)
      throw this.error(at, `nobody knows the host '${name}'`);
    const tests = addresses.map((address) => {
      const v6 = parseIpv6(address);
      if (v6 !== null) return this.host6(v6, 128, qualifiers, at);
      return this.host4(this.dotted(address, at)[0], 0xffffffff, qualifiers, at);
    });
    return or(tests[0]!, ...tests.slice(1));
  }

  private either(direction: Direction, source: () => Condition, destination: () => Condition): Condition {
    switch (direction) {
      case 'src':
        return source();
      case 'dst':
        return destination();
      case 'and':
        return and(source(), destination());
      default:
        return or(source(), destination());
    }
  }

  private macHost(mac: Uint8Array, direction: Direction, at: number): Condition {
    if (this.ppp) throw this.error(at, 'behind pppoes there are no MAC addresses');
    const test = (offset: number) =>
      and(
        this.compare(offset + 2, BPF_W, ((mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!) >>> 0),
        this.compare(offset, BPF_H, (mac[0]! << 8) | mac[1]!),
      );
    return this.either(
      direction,
      () => test(this.link + 6),
      () => test(this.link),
    );
  }

  private host4(address: number, mask: number, { protocol, direction }: Qualifiers, at: number): Condition {
    const in_ = (type: number, source: number, destination: number) =>
      and(
        this.linkType(type, at),
        this.either(
          direction,
          () => this.compare(this.payload + source, BPF_W, address, mask),
          () => this.compare(this.payload + destination, BPF_W, address, mask),
        ),
      );
    const ip = () => in_(ETH_P_IP, 12, 16);
    const arp = () => in_(ETH_P_ARP, 14, 24);
    const rarp = () => in_(ETH_P_RARP, 14, 24);
    switch (protocol) {
      case 'default':
        return this.labels > 0 ? ip() : or(ip(), arp(), rarp());
      case 'ip':
        return ip();
      case 'arp':
        return arp();
      case 'rarp':
        return rarp();
      default:
        throw this.error(at, `'${protocol}' cannot be of an IPv4 address; 'ip', 'arp' and 'rarp' can`);
    }
  }

  private host6(
    bytes: Uint8Array,
    prefix: number,
    { protocol, direction }: Qualifiers,
    at: number,
  ): Condition {
    if (protocol !== 'default' && protocol !== 'ip6')
      throw this.error(at, `'${protocol}' cannot be of an IPv6 address; 'ip6' can`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    const test = (offset: number) => {
      const words: Condition[] = [];
      // From the last word on, as it differs most.
      for (let i = 3; i >= 0; i--) {
        const bits = Math.max(0, Math.min(32, prefix - i * 32));
        const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
        const value = view.getUint32(i * 4);
        if ((value & ~mask) !== 0) throw this.error(at, 'the network has bits set beyond its prefix length');
        words.push(this.compare(this.payload + offset + i * 4, BPF_W, value, mask));
      }
      return and(words[0]!, ...words.slice(1));
    };
    return and(
      this.linkType(ETH_P_IPV6, at),
      this.either(
        direction,
        () => test(8),
        () => test(24),
      ),
    );
  }

  private transport({ protocol, type }: Qualifiers, at: number): Transport | undefined {
    if (protocol === 'default') return undefined;
    if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return protocol;
    throw this.error(at, `'${protocol}' has no ${type}; 'tcp', 'udp' and 'sctp' have`);
  }

  private port(qualifiers: Qualifiers, id: Id, at: number): Condition {
    const { port, transport } = this.portNumber(id, this.transport(qualifiers, at), at);
    return this.ports(transport, qualifiers.direction, at, (load) => this.jump(load, BPF_JEQ, port));
  }

  /** A name that only one transport has is a port of that one. */
  private portNumber(id: Id, transport: Transport | undefined, at: number): ServicePort {
    const found = id.kind === 'number' ? { port: id.value, transport } : servicePort(id.text, transport);
    if (found === undefined) throw this.error(at, `'${id.text}' is no port that is known`);
    if (found.port > 65535) throw this.error(at, `port ${found.port} is larger than 65535`);
    return found;
  }

  private portRange(qualifiers: Qualifiers, id: Id, at: number): Condition {
    const ends = this.portEnds(id, this.transport(qualifiers, at), at);
    const [first, last] = ends.map(({ port }) => port).sort((a, b) => a - b);
    const transport = ends[0]!.transport === ends[1]!.transport ? ends[0]!.transport : undefined;
    return this.ports(transport, qualifiers.direction, at, (load) =>
      and(this.jump(load, BPF_JGE, first!), not(this.jump(load, BPF_JGT, last!))),
    );
  }

  /** "80-90", "http-https", a single one. Names may have a dash in them. */
  private portEnds(id: Id, transport: Transport | undefined, at: number): ServicePort[] {
    if (id.kind === 'number') return [this.portNumber(id, transport, at), { port: id.value, transport }];
    if (id.kind === 'name') {
      const of = (text: string) =>
        /^\d+$/.test(text) ? { port: Number(text), transport } : servicePort(text, transport);
      for (let dash = id.text.indexOf('-'); dash > 0; dash = id.text.indexOf('-', dash + 1)) {
        const [first, last] = [of(id.text.slice(0, dash)), of(id.text.slice(dash + 1))];
        if (first && last && first.port <= 65535 && last.port <= 65535) return [first, last];
      }
      const single = servicePort(id.text, transport);
      if (single !== undefined) return [single, single];
    }
    throw this.error(at, `'${id.text}' is no range of ports; '1000-2000' would be`);
  }

  /** `test` compares the port that its load gives. IPv6 first, as pcap does. */
  private ports(
    transport: Transport | undefined,
    direction: Direction,
    at: number,
    test: (load: readonly BpfInstruction[]) => Condition,
  ): Condition {
    const numbers = transport === undefined ? [6, 17, 132] : [IN_IP[transport]![0]];
    const isOne = (offset: number) => {
      const tests = numbers.map((number) => this.compare(this.payload + offset, BPF_B, number));
      return or(tests[0]!, ...tests.slice(1));
    };
    const v6 = (offset: number) => test([ins(BPF_LD | BPF_H | BPF_ABS, this.payload + 40 + offset)]);
    const v4 = (offset: number) =>
      test([
        ins(BPF_LDX | BPF_B | BPF_MSH, this.payload),
        ins(BPF_LD | BPF_H | BPF_IND, this.payload + offset),
      ]);
    return or(
      and(
        this.linkType(ETH_P_IPV6, at),
        isOne(6),
        this.either(
          direction,
          () => v6(0),
          () => v6(2),
        ),
      ),
      and(
        this.linkType(ETH_P_IP, at),
        isOne(9),
        this.isFirstFragment(),
        this.either(
          direction,
          () => v4(0),
          () => v4(2),
        ),
      ),
    );
  }

  private isFirstFragment(): Condition {
    return not(this.jump([ins(BPF_LD | BPF_H | BPF_ABS, this.payload + 6)], BPF_JSET, IP_OFFSET_BITS));
  }

  private proto({ protocol, direction }: Qualifiers, id: Id, at: number): Condition {
    if (direction !== 'default') throw this.error(at, "a protocol has no 'src' and no 'dst'");
    switch (protocol) {
      case 'ether':
        return this.linkType(this.protoNumber(id, ETHER_PROTOCOLS, at), at);
      case 'ip':
      case 'ip6':
      case 'default':
        return this.ipProtocol(this.protoNumber(id, IP_PROTOCOLS, at), protocol, at);
      case 'iso':
        return this.isoProtocol(
          this.protoNumber(
            id,
            new Map([
              ['clnp', 0x81],
              ['esis', 0x82],
              ['isis', 0x83],
            ]),
            at,
          ),
          at,
        );
      default:
        throw this.error(at, `'${protocol}' carries no protocols that have a number`);
    }
  }

  private protoNumber(id: Id, names: ReadonlyMap<string, number>, at: number): number {
    const number = id.kind === 'number' ? id.value : names.get(id.text.toLowerCase());
    if (number === undefined) throw this.error(at, `'${id.text}' is no protocol that is known`);
    return number;
  }

  /**
   * IPv6: through extension headers (hop-by-hop 0, routing 43, fragment 44, destination options 60) and AH (51) until
   * the protocol is met; IPv4: through AH. The program goes round, X is the header that is looked at.
   */
  private protoChain({ protocol }: Qualifiers, id: Id, at: number): Condition {
    const number = this.protoNumber(id, IP_PROTOCOLS, at);
    if (protocol === 'default') return or(this.chain(number, 'ip', at), this.chain(number, 'ip6', at));
    if (protocol !== 'ip' && protocol !== 'ip6')
      throw this.error(at, `'${protocol}' has no chain of headers; 'ip' and 'ip6' have`);
    return this.chain(number, protocol, at);
  }

  private chain(number: number, family: 'ip' | 'ip6', at: number): Condition {
    const v6 = family === 'ip6';
    const p = this.payload;
    const jump = (operation: number, k: number, jt: number, jf: number): BpfInstruction => ({
      code: BPF_JMP | operation | BPF_K,
      jt,
      jf,
      k,
    });
    // A: the protocol, X: where its header begins, from the payload on.
    const begin = v6
      ? [ins(BPF_LD | BPF_B | BPF_ABS, p + 6), ins(BPF_LDX | BPF_IMM, 40)]
      : [ins(BPF_LD | BPF_B | BPF_ABS, p + 9), ins(BPF_LDX | BPF_B | BPF_MSH, p)];
    const AH = 51;
    // Extension: next = [x + p], length = ([x + p + 1] + 1) * 8. Authentication header: ([x + p + 1] + 2) * 4.
    const advance = (plus: number, times: number): BpfInstruction[] => [
      ins(BPF_LD | BPF_B | BPF_IND, p),
      ins(BPF_ST, 0),
      ins(BPF_LD | BPF_B | BPF_IND, p + 1),
      ins(BPF_ALU | BPF_ADD | BPF_K, plus),
      ins(BPF_ALU | BPF_MUL | BPF_K, times),
      ins(BPF_ALU | BPF_ADD | BPF_X),
      ins(BPF_MISC | BPF_TAX),
      ins(BPF_LD | BPF_MEM, 0),
    ];
    const extension = advance(1, 8);
    const authentication = advance(2, 4);
    // again: jeq number -> end; [v6] jeq 0, 43, 44, 60 -> extension; jeq AH -> authentication; -> end
    const heads = v6 ? [0, 43, 44, 60] : [];
    const loop: BpfInstruction[] = [];
    const testCount = 1 + heads.length + 1;
    const extensionAt = testCount + 1;
    const authenticationAt = extensionAt + (v6 ? extension.length + 1 : 0);
    const endAt = authenticationAt + authentication.length + 1;
    loop.push(jump(BPF_JEQ, number, endAt - 1, 0));
    for (const [i, head] of heads.entries()) loop.push(jump(BPF_JEQ, head, extensionAt - (i + 2), 0));
    loop.push(jump(BPF_JEQ, AH, authenticationAt - testCount, 0));
    loop.push(ins(BPF_JMP, endAt - testCount - 1));
    if (v6) loop.push(...extension, ins(BPF_JMP, -authenticationAt));
    loop.push(...authentication, ins(BPF_JMP, -endAt));
    return and(
      this.linkType(v6 ? ETH_P_IPV6 : ETH_P_IP, at),
      this.jump([...begin, ...loop], BPF_JEQ, number),
    );
  }

  private cast(
    protocol: 'default' | 'ether' | 'ip' | 'ip6',
    group: 'broadcast' | 'multicast',
    at: number,
  ): Condition {
    if (protocol === 'default' || protocol === 'ether') {
      if (this.ppp) throw this.error(at, 'behind pppoes there are no MAC addresses');
      if (group === 'multicast') return this.jump([ins(BPF_LD | BPF_B | BPF_ABS, this.link)], BPF_JSET, 1);
      return this.macHost(new Uint8Array(6).fill(255), 'dst', at);
    }
    if (group === 'broadcast') {
      throw this.error(
        at,
        `'${protocol} broadcast' needs a netmask, which a frame does not tell; 'dst host' would be right`,
      );
    }
    if (protocol === 'ip') {
      return and(
        this.linkType(ETH_P_IP, at),
        this.jump([ins(BPF_LD | BPF_B | BPF_ABS, this.payload + 16)], BPF_JGE, 224),
      );
    }
    return and(this.linkType(ETH_P_IPV6, at), this.compare(this.payload + 24, BPF_B, 255));
  }

  private tag(tag: 'vlan' | 'mpls' | 'pppoed' | 'pppoes', value: number | undefined, at: number): Condition {
    switch (tag) {
      case 'vlan': {
        if (this.labels > 0) throw this.error(at, 'no VLAN stands behind mpls');
        if (this.ppp) throw this.error(at, 'no VLAN stands behind pppoes');
        if (value !== undefined && value > 4095) throw this.error(at, `VLAN ${value} is larger than 4095`);
        const types = [ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1].map((type) => this.linkType(type, at));
        const isVlan = or(types[0]!, ...types.slice(1));
        const test =
          value === undefined ? isVlan : and(isVlan, this.compare(this.payload, BPF_H, value, 0x0fff));
        this.typeAt += 4;
        this.payload += 4;
        return test;
      }
      case 'mpls': {
        if (value !== undefined && value > 0xfffff)
          throw this.error(at, `label ${value} is larger than 1048575`);
        const isMpls =
          this.labels > 0 ? this.compare(this.payload - 2, BPF_B, 0, 1) : this.linkType(ETH_P_MPLS, at);
        const test =
          value === undefined
            ? isMpls
            : and(isMpls, this.compare(this.payload, BPF_W, value << 12, 0xfffff000));
        this.payload += 4;
        this.labels++;
        return test;
      }
      case 'pppoed':
        return this.linkType(ETH_P_PPPOED, at);
      case 'pppoes': {
        if (value !== undefined && value > 65535)
          throw this.error(at, `session ${value} is larger than 65535`);
        const isPppoe = this.linkType(ETH_P_PPPOES, at);
        const test =
          value === undefined ? isPppoe : and(isPppoe, this.compare(this.payload, BPF_W, value, 0xffff));
        this.link = this.payload + 6;
        this.typeAt = this.link;
        this.payload = this.link + 2;
        this.ppp = true;
        return test;
      }
    }
  }

  private relation(operator: string, left: Arithmetic, right: Arithmetic): Condition {
    const checks: Condition[] = [];
    const first = this.value(left, checks);
    let test: Condition;
    const [operation, negated] = RELATION_OF[operator]!;
    if (right.kind === 'constant') {
      test = this.jump(first, operation, right.value);
    } else {
      const word = this.word();
      const second = this.value(right, checks);
      this.words--;
      const before = [
        ...first,
        ins(BPF_ST, word),
        ...second,
        ins(BPF_MISC | BPF_TAX),
        ins(BPF_LD | BPF_MEM, word),
      ];
      test = { kind: 'test', before, code: BPF_JMP | operation | BPF_X, k: 0 };
    }
    if (negated) test = not(test);
    return checks.length === 0 ? test : and(checks[0]!, ...checks.slice(1), test);
  }

  private word(): number {
    if (this.words === BPF_MEMWORDS) throw this.error(0, 'the arithmetic is nested too deeply');
    return this.words++;
  }

  /** Instructions that leave the value in A; what must hold of the frame for it to mean anything goes to `checks`. */
  private value(of: Arithmetic, checks: Condition[]): BpfInstruction[] {
    switch (of.kind) {
      case 'constant':
        return [ins(BPF_LD | BPF_IMM, of.value)];
      case 'length':
        return [ins(BPF_LD | BPF_LEN)];
      case 'negate':
        return [...this.value(of.of, checks), ins(BPF_ALU | BPF_NEG)];
      case 'bytes':
        return this.bytes(of, checks);
      case 'binary': {
        const first = this.value(of.left, checks);
        const operation = ALU_OF[of.operator]!;
        if (of.right.kind === 'constant') return [...first, ins(BPF_ALU | operation | BPF_K, of.right.value)];
        const word = this.word();
        // As libpcap has it, what the right side needs of the frame is not looked at.
        const second = this.value(of.right, []);
        this.words--;
        return [
          ...first,
          ...[ins(BPF_ST, word), ...second, ins(BPF_MISC | BPF_TAX), ins(BPF_LD | BPF_MEM, word)],
          ins(BPF_ALU | operation | BPF_X),
        ];
      }
    }
  }

  private bytes(of: Arithmetic & { kind: 'bytes' }, checks: Condition[]): BpfInstruction[] {
    const { protocol, size, at } = of;
    const width = size === 4 ? BPF_W : size === 2 ? BPF_H : BPF_B;
    const index = this.value(of.index, checks);
    const byIndex = (base: number) => [
      ...index,
      ins(BPF_MISC | BPF_TAX),
      ins(BPF_LD | width | BPF_IND, base),
    ];
    if (protocol === 'ether') return byIndex(this.link);
    if (protocol === 'icmp6') {
      checks.push(this.linkType(ETH_P_IPV6, at), this.compare(this.payload + 6, BPF_B, 58));
      return byIndex(this.payload + 40);
    }
    if (LINK_TYPES[protocol] !== undefined && LINK_TYPES[protocol] >= ETHER_TYPE_MIN) {
      checks.push(this.protocol(protocol, at));
      return byIndex(this.payload);
    }
    const inIp = IN_IP[protocol];
    if (inIp === undefined || protocol === 'ah' || protocol === 'esp')
      throw this.error(at, `the bytes of '${protocol}' cannot be looked at`);
    // Of IPv4, and not in a later fragment: there is no header.
    checks.push(this.linkType(ETH_P_IP, at), this.protocol(protocol, at), this.isFirstFragment());
    return [
      ...index,
      ins(BPF_LDX | BPF_B | BPF_MSH, this.payload),
      ins(BPF_ALU | BPF_ADD | BPF_X),
      ins(BPF_MISC | BPF_TAX),
      ins(BPF_LD | width | BPF_IND, this.payload),
    ];
  }
}

/** Comparison, and whether its opposite is meant. */
const RELATION_OF: Readonly<Record<string, readonly [number, boolean]>> = {
  '=': [BPF_JEQ, false],
  '!=': [BPF_JEQ, true],
  '>': [BPF_JGT, false],
  '>=': [BPF_JGE, false],
  '<': [BPF_JGE, true],
  '<=': [BPF_JGT, true],
};

/** All spellings: aa:bb:.., aa-bb-.., aa.bb.., aabb.ccdd.eeff, aabbccddeeff. */
function parseMacText(text: string): Uint8Array {
  const parts = text.split(/[:.-]/);
  if (parts.length === 6) return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
  return Uint8Array.from(parts.join('').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
