/**
 * Traffic aimed at a ruleset: flows that begin, go on and end on both sides of the router, answers to what came out of
 * it (so that connections are established through whatever the ruleset makes of their addresses), errors about it,
 * fragments, extension headers, options, damage. Seeded; which answers are given depends on what Linux let through.
 *
 *      ┌── batch(n) ──► frames ──► Linux ──► what came out ── saw() ──┐
 *      └──────────────────── answers, errors ◄───────────────────────┘
 */
import { Random } from '../../random.js';
import {
  ACK,
  arp,
  be16,
  be32,
  cat,
  destOptions,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  FIN,
  fragment6,
  hopByHop,
  icmp,
  icmp6,
  type Ip4Fields,
  type Ip6Fields,
  ip4,
  ip6,
  ipBytes,
  mac,
  multicastMac,
  option,
  type Part,
  pattern,
  PSH,
  raw,
  routing,
  RST,
  SYN,
  type TcpFields,
  tcp,
  u8,
  udp,
} from '../packet.js';
import { type FrameStep, HOST_MAC, type Output, type PortName, PORTS, ROUTER_MAC } from '../router.js';
import type { Values } from './values.js';

/** What the traffic of a case is about, beside what is in all of it. */
export type Focus =
  | 'tcp'
  | 'udp'
  | 'icmp'
  | 'icmp6'
  | 'v4'
  | 'v6'
  | 'arp'
  | 'fragments'
  | 'headers'
  | 'errors'
  | 'protocols'
  | 'damage'
  | 'ether'
  | 'local'
  /** No two flows have the same port or identifier on one side: what NAT would have to choose between. */
  | 'nat';

export interface TrafficOptions {
  focus?: readonly Focus[];
  /** The router is a bridge between the ports: frames are addressed to the other side's hosts. */
  bridge?: boolean;
}

interface Flow {
  port: PortName;
  v6: boolean;
  protocol: number;
  src: Uint8Array;
  dst: Uint8Array;
  sport: number;
  dport: number;
  seq: number;
  sent: number;
}

/** A frame that came out, as far as an answer needs it. */
interface Seen {
  port: PortName;
  /** From its IP header on. */
  packet: Uint8Array;
  v6: boolean;
  protocol: number;
  /** Where the header behind IP begins. */
  at: number;
}

const FLOWS = 48;
const SEEN = 64;
const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMP6 = 58;
/** Others that something understands, or nothing: IGMP is left to multicast. */
const PROTOCOLS = [4, 41, 47, 50, 51, 89, 108, 112, 132, 136, 33, 253, 255];
const HOSTS: Readonly<Record<PortName, { v4: string[]; v6: string[] }>> = {
  lan0: {
    v4: ['192.0.2.2', '192.0.2.3', '10.1.0.7'],
    v6: ['2001:db8:1::2', '2001:db8:1::3', '2001:db8:11::7'],
  },
  wan0: {
    v4: ['198.51.100.2', '198.51.100.3', '203.0.113.5', '203.0.113.77'],
    v6: ['2001:db8:2::2', '2001:db8:2::3', '2001:db8:3::5', '2001:db8:3::77'],
  },
};
const ROUTER: Readonly<Record<PortName, { v4: string; v6: string }>> = {
  lan0: { v4: '192.0.2.1', v6: '2001:db8:1::1' },
  wan0: { v4: '198.51.100.1', v6: '2001:db8:2::1' },
};
const PORT_NUMBERS = [7, 22, 53, 80, 443, 1024, 5353, 8080, 33333, 40000, 65535];
const other = (port: PortName): PortName => (port === 'lan0' ? 'wan0' : 'lan0');
const u16 = (b: Uint8Array, at: number): number => ((b[at] ?? 0) << 8) | (b[at + 1] ?? 0);
const u32 = (b: Uint8Array, at: number): number => ((u16(b, at) << 16) | u16(b, at + 2)) >>> 0;

const TCP_OPTIONS: readonly Uint8Array[] = [
  u8(2, 4, 5, 0xb4),
  u8(2, 4, 5, 0xb4, 4, 2, 1, 1),
  u8(2, 4, 5, 0xb4, 1, 3, 3, 7),
  u8(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7),
  u8(1, 1, 8, 10, 0, 0, 1, 1, 0, 0, 0, 1),
  u8(3, 3, 14, 0),
  u8(2, 4, 0, 10),
  u8(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9),
  u8(2, 0, 0, 0),
  u8(30, 12, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
  u8(5, 40, 1, 1),
];
const IP_OPTIONS: readonly Uint8Array[] = [
  u8(1, 1, 1, 0),
  u8(7, 7, 4, 0, 0, 0, 0, 0),
  u8(148, 4, 0, 0),
  u8(131, 7, 4, 198, 51, 100, 2, 0),
  u8(68, 8, 9, 0x10, 0, 0, 0, 0),
  u8(7, 3, 4, 0),
  u8(137, 3, 4, 1),
  u8(158, 4, 1, 2),
  u8(7, 40, 4, 0),
];

export class Traffic {
  private readonly random: Random;
  private readonly flows: Flow[] = [];
  private readonly seen: Seen[] = [];
  private readonly focus: ReadonlySet<Focus>;
  private ports = 0;

  constructor(
    seed: number,
    private readonly values: Values,
    private readonly options: TrafficOptions = {},
  ) {
    this.random = new Random(seed);
    this.focus = new Set(options.focus ?? []);
  }

  /** The next `count` frames, or a few more: pieces of a packet stay together. */
  batch(count: number): FrameStep[] {
    const frames: FrameStep[] = [];
    while (frames.length < count)
      frames.push(...this.next().filter((step) => this.options.bridge === true || settled(step)));
    return frames;
  }

  /** What came out: some of it will be answered. */
  saw(output: Output): void {
    for (const port of PORTS) {
      for (const frame of output[port]) {
        const one = parse(port, frame);
        if (one === undefined) continue;
        if (this.seen.length === SEEN) this.seen.splice(this.random.below(SEEN), 1);
        this.seen.push(one);
      }
    }
  }

  private next(): FrameStep[] {
    const { random, focus } = this;
    if (random.once(focus.has('arp') ? 4 : 30)) return [this.arp()];
    if (random.once(focus.has('ether') ? 4 : 50)) return [this.etherFrame()];
    const n = random.below(100);
    if (n < 40 && this.seen.length > 0) return this.answer();
    if (n < 72 && this.flows.length > 0) return this.goOn(random.pick(this.flows));
    return this.begin();
  }

  private begin(): FrameStep[] {
    const { random } = this;
    const port = random.pick(PORTS);
    const v6 = this.focus.has('v6')
      ? !random.once(8)
      : this.focus.has('v4')
        ? random.once(8)
        : random.once(2);
    const protocol = this.protocol(v6);
    // Linux has more of them than ours: what it answers itself about those is no matter of netfilter's.
    const forAll = protocol === TCP || protocol === UDP || protocol === ICMP || protocol === ICMP6;
    let dst = this.destination(port, v6);
    while (!forAll && isOwn(dst)) dst = this.destination(port, v6);
    const flow: Flow = {
      port,
      v6,
      protocol,
      src: this.source(port, v6),
      dst,
      sport: this.ownPort(),
      dport: this.number(),
      seq: random.u32(),
      sent: 0,
    };
    if (this.flows.length === FLOWS) this.flows.splice(random.below(FLOWS), 1);
    this.flows.push(flow);
    return this.goOn(flow);
  }

  private protocol(v6: boolean): number {
    const { random, focus } = this;
    if (focus.has('nat') && !focus.has('protocols')) return random.pick([TCP, TCP, UDP, v6 ? ICMP6 : ICMP]);
    if (focus.has('protocols') && random.once(2)) return random.pick(PROTOCOLS);
    if (focus.has('tcp') && random.once(2)) return TCP;
    if (focus.has('udp') && random.once(2)) return UDP;
    if ((focus.has('icmp') || focus.has('icmp6')) && random.once(2)) return v6 ? ICMP6 : ICMP;
    const n = random.below(20);
    if (n < 9) return TCP;
    if (n < 15) return UDP;
    if (n < 18) return v6 ? ICMP6 : ICMP;
    return random.pick(PROTOCOLS);
  }

  private address(bytes: readonly Uint8Array[], hosts: readonly string[]): Uint8Array {
    const { random } = this;
    if (bytes.length > 0 && random.once(2)) return random.pick(bytes);
    return ipBytes(random.pick(hosts));
  }

  /** Addresses from the ruleset's text stand for hosts of either side: reverse path checks are off. */
  private source(port: PortName, v6: boolean): Uint8Array {
    return this.address(v6 ? this.values.v6 : this.values.v4, HOSTS[port][v6 ? 'v6' : 'v4']);
  }

  private destination(port: PortName, v6: boolean): Uint8Array {
    const { random } = this;
    const key = v6 ? 'v6' : 'v4';
    if (random.once(this.focus.has('local') ? 2 : 8))
      return ipBytes(ROUTER[random.once(3) ? other(port) : port][key]);
    if (random.once(60)) return ipBytes(v6 ? 'ff02::1' : random.pick(['224.0.0.1', '255.255.255.255']));
    return this.address(this.values[key], HOSTS[other(port)][key]);
  }

  private number(): number {
    const { random, values } = this;
    if (values.numbers.length > 0 && !random.once(3)) return random.pick(values.numbers);
    return random.once(4) ? random.below(65536) : random.pick(PORT_NUMBERS);
  }

  private ownPort(): number {
    if (!this.focus.has('nat')) return this.number();
    // A prime step over 50,000 ports: no two alike for as many flows.
    this.ports = (this.ports + 7919) % 50_000;
    return 10_000 + this.ports;
  }

  private byte(): number {
    return this.random.once(3) ? this.number() & 255 : this.random.below(256);
  }

  private payload(): Uint8Array {
    const { random } = this;
    const n = random.once(6) ? this.number() % 1400 : random.below(40);
    return pattern(n, random.below(256));
  }

  private goOn(flow: Flow): FrameStep[] {
    return this.packet(flow.port, flow.v6, flow.src, flow.dst, this.part(flow));
  }

  private part(flow: Flow): Part {
    const { random } = this;
    const first = flow.sent++ === 0;
    const { sport, dport } = flow;
    switch (flow.protocol) {
      case TCP: {
        const payload = first || random.once(3) ? u8() : this.payload();
        const flags = first
          ? SYN
          : random.once(5)
            ? random.pick([SYN, RST, FIN | ACK, FIN, SYN | ACK, random.below(64), 0, 0xc2])
            : payload.length > 0
              ? PSH | ACK
              : ACK;
        const fields: TcpFields = { sport, dport, flags, seq: flow.seq };
        if (!first) fields.ack = random.once(2) ? 0x1000 : random.u32();
        if (random.once(first ? 2 : 8)) fields.options = random.pick(TCP_OPTIONS);
        if (random.once(40)) fields.window = random.pick([0, 1, 65535]);
        if (random.once(30)) fields.sum = 'bad';
        // Linux looks for authentication in what it resets itself.
        if (random.once(60) && !isOwn(flow.dst)) fields.doff = random.below(16);
        flow.seq = (flow.seq + payload.length + ((flags & (SYN | FIN)) !== 0 ? 1 : 0)) >>> 0;
        if (random.once(25)) flow.seq = random.u32();
        return tcp(fields, payload);
      }
      case UDP: {
        const payload = this.payload();
        if (random.once(30)) return udp({ sport, dport, sum: random.pick(['bad', 0] as const) }, payload);
        return udp(random.once(40) ? { sport, dport, length: random.below(60) } : { sport, dport }, payload);
      }
      case ICMP: {
        const type = random.once(3) ? random.pick([0, 8, 13, 14, 17, 18, 5, 3, 11, this.byte()]) : 8;
        return icmp(
          type,
          random.once(5) ? this.byte() : 0,
          be16(sport, flow.sent),
          this.payload(),
          this.sum(),
        );
      }
      case ICMP6: {
        const type = random.once(4) ? random.pick([129, 128, 1, 2, 3, 4, 144, 200, this.byte()]) : 128;
        // Neighbour discovery and listener reports change the router, or make it ask.
        const harmless = type >= 130 && type <= 143 ? 128 : type;
        return icmp6(
          harmless,
          random.once(5) ? this.byte() : 0,
          be16(sport, flow.sent),
          this.payload(),
          this.sum(),
        );
      }
      default:
        return raw(flow.protocol, cat(be16(sport, dport), be32(flow.seq, 0x100), this.payload()));
    }
  }

  private sum(): 'bad' | undefined {
    return this.random.once(30) ? 'bad' : undefined;
  }

  private packet(
    port: PortName,
    v6: boolean,
    src: Uint8Array,
    dst: Uint8Array,
    part: Part,
    plain = false,
  ): FrameStep[] {
    const { random } = this;
    const odd = !plain && random.once(this.focus.has('fragments') || this.focus.has('headers') ? 2 : 8);
    const packets = v6 ? this.packets6(src, dst, part, odd) : this.packets4(src, dst, part, odd);
    return packets.map((packet) => this.frame(port, packet));
  }

  private packets4(src: Uint8Array, dst: Uint8Array, part: Part, odd: boolean): Uint8Array[] {
    const { random } = this;
    // Few identifications, so that those that the router chooses are told apart from those that it keeps.
    const fields: Ip4Fields = { src, dst, id: 0x1200 + random.below(16) };
    if (random.once(6)) fields.ttl = random.pick([0, 1, 2, 255, this.byte()]);
    if (random.once(6)) fields.tos = this.byte();
    if (random.once(4)) fields.df = true;
    if (!odd) return [ip4(fields, part)];
    switch (random.below(this.focus.has('headers') ? 14 : 10)) {
      case 0:
        return [ip4({ ...fields, sum: 'bad' }, part)];
      case 1:
        return [ip4({ ...fields, total: random.below(80) }, part)];
      case 2:
        return [ip4({ ...fields, version: random.below(16), ihl: random.below(16) }, part)];
      case 3:
        return [ip4({ ...fields, offset: (8 * this.number()) & 0xfff8, mf: random.once(2) }, part)];
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        return this.pieces(part, src, dst, (from, whole, to) =>
          ip4(
            { ...fields, df: false, offset: from, mf: to < whole.length, id: fields.id! + 0x100 },
            raw(part.protocol, whole.subarray(from, to)),
          ),
        );
      default:
        return [ip4({ ...fields, options: random.pick(IP_OPTIONS) }, part)];
    }
  }

  private packets6(src: Uint8Array, dst: Uint8Array, part: Part, odd: boolean): Uint8Array[] {
    const { random } = this;
    const fields: Ip6Fields = { src, dst };
    if (random.once(6)) fields.hops = random.pick([0, 1, 2, 255, this.byte()]);
    if (random.once(6)) fields.tclass = this.byte();
    if (random.once(6)) fields.flow = this.number();
    if (!odd) return [ip6(fields, part)];
    switch (random.below(this.focus.has('headers') ? 16 : 10)) {
      case 0:
        return [ip6({ ...fields, length: random.below(80) }, part)];
      case 1:
        return [ip6({ ...fields, version: random.below(16) }, part)];
      case 2:
        return [ip6(fields, fragment6(8 * random.below(20), random.once(2), random.u32()), part)];
      case 3:
      case 4:
      case 5:
      case 6:
      case 7: {
        const id = random.u32();
        return this.pieces(part, src, dst, (from, whole, to) =>
          ip6(fields, fragment6(from, to < whole.length, id), raw(part.protocol, whole.subarray(from, to))),
        );
      }
      case 8:
        return [ip6(fields, hopByHop(option(random.pick([5, 1, 0x3e, 0x1e]), [0, 0])), part)];
      case 9:
        return [ip6(fields, routing(random.pick([0, 2, 4]), random.below(2), new Uint8Array(20)), part)];
      case 10:
        return [ip6(fields, destOptions(option(0x1e, [1])), routing(4, 0, new Uint8Array(20)), part)];
      default: {
        const headers = [
          hopByHop(option(0x1e, [0, 0])),
          destOptions(option(0x1e, [this.byte()])),
          routing(random.pick([0, 2, 3, 4]), random.below(3), new Uint8Array(20)),
          fragment6(0, false, random.u32()),
          destOptions(),
        ].filter(() => random.once(2));
        return [ip6(fields, ...headers, part)];
      }
    }
  }

  /** Two or three fragments, now and then in another order, one missing, one twice, or overlapping. */
  private pieces(
    part: Part,
    src: Uint8Array,
    dst: Uint8Array,
    piece: (from: number, whole: Uint8Array, to: number) => Uint8Array,
  ): Uint8Array[] {
    const { random } = this;
    const whole = part.build({ src, dst }, 59);
    const blocks = whole.length >> 3;
    const cuts = new Set([0, whole.length]);
    for (let i = 1 + random.below(2); i > 0; i--) cuts.add(8 * (1 + random.below(Math.max(1, blocks - 1))));
    const ends = [...cuts].filter((at) => at <= whole.length).sort((a, b) => a - b);
    const pieces: Uint8Array[] = [];
    for (let i = 1; i < ends.length; i++) {
      const more = random.once(25) ? 8 : 0;
      pieces.push(piece(ends[i - 1]!, whole, Math.min(whole.length, ends[i]! + more)));
    }
    if (random.once(4)) random.shuffle(pieces);
    if (random.once(8)) pieces.splice(random.below(pieces.length), 1);
    if (random.once(15) && pieces.length > 0) pieces.push(random.pick(pieces));
    return pieces;
  }

  private frame(port: PortName, packet: Uint8Array): FrameStep {
    const { random, options } = this;
    const six = packet[0]! >> 4 === 6;
    const to = six ? packet.subarray(24, 40) : packet.subarray(16, 20);
    const group = to.length < 4 ? undefined : multicastMac(to);
    const own = options.bridge !== true || random.once(8) ? ROUTER_MAC[port] : HOST_MAC[other(port)];
    let frame = cat(group ?? mac(own), mac(HOST_MAC[port]), be16(six ? ETH_P_IPV6 : ETH_P_IP), packet);
    if (random.once(this.focus.has('damage') ? 3 : 40)) frame = this.damage(frame);
    return { kind: 'frame', port, frame };
  }

  private damage(frame: Uint8Array): Uint8Array {
    const { random } = this;
    const out = frame.slice();
    switch (random.below(5)) {
      case 0:
        return out.subarray(0, 14 + random.below(Math.max(1, out.length - 14)));
      case 1:
        return cat(out, new Uint8Array(random.below(40)));
      case 2:
        out[14 + random.below(out.length - 14)]! ^= 1 << random.below(8);
        return out;
      case 3:
        out[14 + random.below(Math.min(60, out.length - 14))] = this.byte();
        return out;
      default:
        out.set(mac(random.pick(['ff:ff:ff:ff:ff:ff', '02:00:00:00:09:09', '33:33:00:00:00:01'])));
        return out;
    }
  }

  private arp(): FrameStep {
    const { random } = this;
    const port = random.pick(PORTS);
    const hosts = HOSTS[port].v4;
    const sender = random.once(3) ? random.pick([...this.values.v4, ipBytes(hosts[0]!)]) : ipBytes(hosts[0]!);
    // Nothing that the router would learn: the neighbours that are there are permanent, and nothing is told to it.
    const target = random.once(2) ? ipBytes(ROUTER[port].v4) : this.source(port, false);
    const body = arp({
      op: random.once(4) ? random.pick([1, 2, 3, this.byte()]) : 1,
      sha: HOST_MAC[port],
    });
    body.set(sender, 14);
    body.set(target, 24);
    const to = random.once(2) ? 'ff:ff:ff:ff:ff:ff' : ROUTER_MAC[port];
    return { kind: 'frame', port, frame: cat(mac(to), mac(HOST_MAC[port]), be16(ETH_P_ARP), body) };
  }

  /** Frames that are not IP's, or tagged. */
  private etherFrame(): FrameStep {
    const { random } = this;
    const port = random.pick(PORTS);
    const type = random.pick([0x88b5, 0x0806, 0x8100, 0x88a8, 0x0026, 0x8847, 0x88cc, this.number()]);
    const to = random.pick(['ff:ff:ff:ff:ff:ff', ROUTER_MAC[port], HOST_MAC[other(port)]]);
    const tag = type === 0x8100 || type === 0x88a8;
    const inner = ip4(
      { src: HOSTS[port].v4[0]!, dst: HOSTS[other(port)].v4[0]! },
      udp({ dport: this.number() }),
    );
    const body = tag
      ? cat(be16((random.below(8) << 13) | (this.number() & 0xfff), ETH_P_IP), inner)
      : this.payload();
    return { kind: 'frame', port, frame: cat(mac(to), mac(HOST_MAC[port]), be16(type), body) };
  }

  private answer(): FrameStep[] {
    const { random } = this;
    const at = random.below(this.seen.length);
    const one = this.seen[at]!;
    if (random.once(2)) this.seen.splice(at, 1);
    const { packet, v6, port } = one;
    const src = v6 ? packet.subarray(24, 40) : packet.subarray(16, 20);
    const dst = v6 ? packet.subarray(8, 24) : packet.subarray(12, 16);
    const error = random.once(this.focus.has('errors') ? 3 : 12);
    const part = error ? this.errorAbout(one) : this.replyTo(one);
    if (part === undefined) return this.begin();
    const from = error && random.once(4) ? this.source(port, v6) : src;
    return this.packet(port, v6, from, dst, part, !random.once(12));
  }

  private replyTo({ packet, protocol, at }: Seen): Part | undefined {
    const { random } = this;
    const sport = u16(packet, at + 2);
    const dport = u16(packet, at);
    switch (protocol) {
      case TCP: {
        const flags = packet[at + 13] ?? 0;
        if ((flags & RST) !== 0) return undefined;
        const length = Math.max(0, packet.length - at - ((packet[at + 12] ?? 0x50) >> 4) * 4);
        const counted = (flags & SYN) !== 0 || (flags & FIN) !== 0 ? 1 : 0;
        const ack = (u32(packet, at + 4) + length + counted) >>> 0;
        const seq = (flags & ACK) !== 0 ? u32(packet, at + 8) : 0xfff;
        if ((flags & SYN) !== 0 && (flags & ACK) === 0) {
          if (random.once(8)) return tcp({ sport, dport, seq: 0, ack, flags: RST | ACK });
          const fields: TcpFields = { sport, dport, seq, ack, flags: SYN | ACK };
          return tcp(random.once(2) ? { ...fields, options: random.pick(TCP_OPTIONS) } : fields);
        }
        if ((flags & FIN) !== 0)
          return tcp({ sport, dport, seq, ack, flags: random.once(2) ? FIN | ACK : ACK });
        if (random.once(10)) return tcp({ sport, dport, seq, ack, flags: random.pick([RST, FIN | ACK]) });
        if (random.once(2)) return tcp({ sport, dport, seq, ack, flags: PSH | ACK }, this.payload());
        return tcp({ sport, dport, seq, ack, flags: ACK });
      }
      case UDP:
        return udp({ sport, dport }, this.payload());
      case ICMP:
        if (packet[at] !== 8) return undefined;
        return icmp(0, 0, packet.subarray(at + 4, at + 8), packet.subarray(at + 8));
      case ICMP6:
        if (packet[at] !== 128) return undefined;
        return icmp6(129, 0, packet.subarray(at + 4, at + 8), packet.subarray(at + 8));
      default:
        return raw(protocol, packet.subarray(at));
    }
  }

  /** An ICMP error about the packet, with all of it, the usual part, or too little of it. */
  private errorAbout({ packet, v6, at }: Seen): Part {
    const { random } = this;
    const length = random.pick([packet.length, at + 8, at + 8, 548, at, at + 4, random.below(at + 8)]);
    const inner = packet.slice(0, Math.min(packet.length, length));
    if (random.once(12) && inner.length > 0) inner[random.below(inner.length)]! ^= 1 << random.below(8);
    if (v6) {
      const [type, code, word] = random.pick([
        [1, 0, 0],
        [1, 4, 0],
        [2, 0, 1400],
        [3, 0, 0],
        [4, 1, 40],
      ] as const);
      return icmp6(type, code, be32(word), inner, this.sum());
    }
    const [type, code, word] = random.pick([
      [3, 0, 0],
      [3, 1, 0],
      [3, 3, 0],
      [3, 4, 1400],
      [11, 0, 0],
      [12, 0, 0x14000000],
      [4, 0, 0],
      [5, 1, 0xc0000203],
    ] as const);
    return icmp(type, code, be32(word), inner, this.sum());
  }
}

/** Hosts of a link that the router knows, and itself. */
const KNOWN = 9;
const ON_LINK = [
  [192, 0, 2],
  [198, 51, 100],
];

const OWN4 = ON_LINK.map((net) => [...net, 1]);

function known4(a: Uint8Array): boolean {
  const onLink = ON_LINK.some((net) => net.every((byte, i) => a[i] === byte));
  return !onLink || (a[3]! >= 1 && a[3]! <= KNOWN) || a[3] === 255;
}

/** Of the link's broadcast address, from which nobody may send, and to which an answer would come back to the router. */
function fromAll(a: Uint8Array): boolean {
  return a[3] === 255 && ON_LINK.some((net) => net.every((byte, i) => a[i] === byte));
}

/** 1 or 2 for an address of the LAN's or the WAN's link, 0x11 for one behind the LAN. */
function side6(a: Uint8Array): number {
  return u32(a, 0) === 0x20010db8 && (u32(a, 4) & 0xffff) === 0 ? u16(a, 4) : 0;
}

function known6(a: Uint8Array): boolean {
  const side = side6(a);
  if (side !== 1 && side !== 2) return true;
  return u32(a, 8) === 0 && u32(a, 12) >= 1 && u32(a, 12) <= KNOWN;
}

/** Transports that Linux may have and ours has not: what is said of them to who sends them to the router is no matter of netfilter's. */
const UNEQUAL = [33, 132, 136];

/**
 * False for what Linux answers by its clock: packets from or to a neighbour that it has to ask for, and IPv6 that goes
 * back where it came from, about which redirects are sent at a rate.
 */
function settled({ port, frame }: FrameStep): boolean {
  const type = u16(frame, 12);
  if (
    type === ETH_P_IP &&
    frame.length >= 34 &&
    isOwn(frame.subarray(30, 34)) &&
    UNEQUAL.includes(frame[23]!)
  )
    return false;
  if (type === ETH_P_IP && frame.length >= 34)
    return (
      !fromAll(frame.subarray(26, 30)) && known4(frame.subarray(26, 30)) && known4(frame.subarray(30, 34))
    );
  if (type !== ETH_P_IPV6 || frame.length < 54) return true;
  const to = frame.subarray(38, 54);
  if (isRouter(to) && UNEQUAL.includes(frame[20]!)) return false;
  const side = side6(to) === 1 || side6(to) === 0x11 ? 'lan0' : 'wan0';
  return known6(frame.subarray(22, 38)) && known6(to) && (to[0] === 0xff || side !== port || isRouter(to));
}

/** An address of the router itself, of either family. */
function isOwn(to: Uint8Array): boolean {
  return to.length === 16 ? isRouter(to) : OWN4.some((own) => own.every((byte, i) => to[i] === byte));
}

function isRouter(to: Uint8Array): boolean {
  const side = side6(to);
  return (side === 1 || side === 2) && u32(to, 8) === 0 && u32(to, 12) === 1;
}

function parse(port: PortName, frame: Uint8Array): Seen | undefined {
  const type = u16(frame, 12);
  const packet = frame.subarray(14);
  if (type === ETH_P_IP && packet.length >= 20) {
    if ((u16(packet, 6) & 0x1fff) !== 0) return undefined;
    return { port, packet, v6: false, protocol: packet[9]!, at: (packet[0]! & 15) * 4 };
  }
  if (type !== ETH_P_IPV6 || packet.length < 40) return undefined;
  let protocol = packet[6]!;
  let at = 40;
  while (protocol === 0 || protocol === 43 || protocol === 60) {
    if (at + 8 > packet.length) return undefined;
    protocol = packet[at]!;
    at += 8 * (packet[at + 1]! + 1);
  }
  return protocol === 44 ? undefined : { port, packet, v6: true, protocol, at };
}
