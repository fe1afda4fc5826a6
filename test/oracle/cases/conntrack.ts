/** What becomes a connection, and what becomes of it: all protocols but TCP's windows (test/kernel/conntrack). */
import {
  ACK,
  be16,
  be32,
  cat,
  echo,
  echo6,
  FIN,
  fragments4,
  fragments6,
  icmp,
  icmp6,
  ip4,
  ip6,
  LAN_HOST,
  LAN_HOST6,
  pattern,
  raw,
  RST,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import { lan, type Setup, type Step, wait, wan } from '../router.js';

export interface ConntrackCase {
  name: string;
  setup?: Setup;
  steps: readonly Step[];
}

const BACK4 = { src: WAN_HOST, dst: LAN_HOST };
const BACK6 = { src: WAN_HOST6, dst: LAN_HOST6 };
const reply = udp({ sport: 7, dport: 40000 });
const echoReply = icmp(0, 0, be16(0x1234, 1), pattern(8));

/** The first bytes of a packet, as an ICMP error carries them. */
const cause = (packet: Uint8Array): Uint8Array => packet.subarray(0, 28);

/** An SCTP packet of these chunks, with its CRC32c. */
function sctp(
  sport: number,
  dport: number,
  tag: number,
  ...chunks: readonly Uint8Array[]
): ReturnType<typeof raw> {
  const bytes = cat(be16(sport, dport), be32(tag, 0), ...chunks);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  new DataView(bytes.buffer).setUint32(8, ~crc >>> 0, true);
  return raw(132, bytes);
}
const chunk = (type: number, body: Uint8Array, flags = 0): Uint8Array =>
  cat(u8(type, flags), be16(4 + body.length), body);
const init = (type: number, tag: number): Uint8Array =>
  chunk(type, cat(be32(tag), be32(65535), be16(1, 1), be32(1)));

export const conntrackCases: readonly ConntrackCase[] = [
  { name: 'UDP: one packet, unanswered', steps: [lan(ip4({}, udp()))] },
  { name: 'UDP: an answer', steps: [lan(ip4({}, udp())), wan(ip4(BACK4, reply))] },
  {
    name: 'UDP: question and answer within two seconds are no stream',
    steps: [lan(ip4({}, udp())), wan(ip4(BACK4, reply)), lan(ip4({}, udp())), wan(ip4(BACK4, reply))],
  },
  {
    name: 'UDP: still talking after two seconds is a stream',
    steps: [
      lan(ip4({}, udp())),
      wan(ip4(BACK4, reply)),
      wait(2300),
      lan(ip4({}, udp())),
      wan(ip4(BACK4, reply)),
    ],
  },
  { name: 'UDP: a bad checksum is no connection', steps: [lan(ip4({}, udp({ sum: 'bad' })))] },
  { name: 'UDP: no checksum is one', steps: [lan(ip4({}, udp({ sum: 0 })))] },
  { name: 'UDP: a length beyond the packet', steps: [lan(ip4({}, udp({ length: 100 })))] },
  { name: 'UDP: a length below the header', steps: [lan(ip4({}, udp({ length: 7 })))] },
  { name: 'UDP: cut in its header', steps: [lan(ip4({}, raw(17, u8(1, 2, 3, 4, 5))))] },
  { name: 'UDP: less than its ports', steps: [lan(ip4({}, raw(17, u8(1, 2, 3))))] },
  { name: 'UDP over IPv6', steps: [lan(ip6({}, udp())), wan(ip6(BACK6, reply))] },
  { name: 'UDP over IPv6 without a checksum', steps: [lan(ip6({}, udp({ sum: 0 })))] },
  { name: 'UDP in fragments', steps: fragments4({ id: 5 }, udp({}, pattern(400)), 200).map((p) => lan(p)) },
  {
    name: 'UDP over IPv6 in fragments',
    steps: fragments6({}, [udp({}, pattern(400))], 200).map((p) => lan(p)),
  },
  { name: 'UDP to the router itself', steps: [lan(ip4({ dst: '192.0.2.1' }, udp({ dport: 9999 })))] },
  { name: 'ICMP: an echo and its reply', steps: [lan(ip4({}, echo())), wan(ip4(BACK4, echoReply))] },
  { name: 'ICMP: a reply that nobody asked for', steps: [wan(ip4(BACK4, echoReply))] },
  {
    name: 'ICMP: a timestamp, an information and an address mask request',
    steps: [
      lan(ip4({}, icmp(13, 0, be16(7, 1), pattern(12)))),
      lan(ip4({}, icmp(15, 0, be16(8, 1), u8()))),
      lan(ip4({}, icmp(17, 0, be16(9, 1), pattern(4)))),
    ],
  },
  { name: 'ICMP: an unknown type', steps: [lan(ip4({}, icmp(40, 0, be16(7, 1), pattern(12))))] },
  { name: 'ICMP: a bad checksum', steps: [lan(ip4({}, icmp(8, 0, be16(7, 1), pattern(12), 'bad')))] },
  { name: 'ICMP: cut in its header', steps: [lan(ip4({}, raw(1, u8(8, 0, 1, 2))))] },
  { name: 'ICMP: an echo with a code', steps: [lan(ip4({}, icmp(8, 3, be16(7, 1), pattern(12))))] },
  { name: 'ICMP: to the router itself', steps: [lan(ip4({ dst: '192.0.2.1' }, echo()))] },
  {
    name: 'ICMP: an error makes no connection',
    steps: [
      lan(ip4({}, udp())),
      wan(ip4(BACK4, icmp(3, 3, be32(0), cause(ip4({ ttl: 63 }, udp()))))),
      wan(ip4(BACK4, icmp(3, 3, be32(0), cause(ip4({ ttl: 63 }, udp({ dport: 999 })))))),
    ],
  },
  { name: 'ICMP: the router answers a TTL of 1', steps: [lan(ip4({ ttl: 1 }, udp()))] },
  {
    name: 'ICMPv6: an echo and its reply',
    steps: [lan(ip6({}, echo6())), wan(ip6(BACK6, icmp6(129, 0, be16(0x1234, 1), pattern(8))))],
  },
  { name: 'ICMPv6: a node information query', steps: [lan(ip6({}, icmp6(139, 0, be16(7, 1), pattern(12))))] },
  { name: 'ICMPv6: an unknown type', steps: [lan(ip6({}, icmp6(200, 0, be16(7, 1), pattern(12))))] },
  { name: 'ICMPv6: a bad checksum', steps: [lan(ip6({}, icmp6(128, 0, be16(7, 1), pattern(12), 'bad')))] },
  {
    name: 'any other protocol',
    steps: [lan(ip4({}, raw(99, pattern(20)))), wan(ip4(BACK4, raw(99, pattern(20))))],
  },
  {
    name: 'GRE',
    steps: [lan(ip4({}, raw(47, cat(be16(0, 0x0800), pattern(20))))), lan(ip4({}, raw(47, pattern(2))))],
  },
  {
    name: 'UDP-Lite: whole coverage, half, and none that can be',
    steps: [
      lan(ip4({}, raw(136, cat(be16(1000, 2000, 8, 0xffff), pattern(20))))),
      lan(ip4({}, raw(136, cat(be16(1001, 2000, 4, 0xffff), pattern(20))))),
      lan(ip4({}, raw(136, cat(be16(1002, 2000, 99, 0xffff), pattern(20))))),
      lan(ip4({}, raw(136, cat(be16(1003, 2000, 8, 0), pattern(20))))),
    ],
  },
  {
    name: 'TCP: a handshake, data, an end',
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }))),
      lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }))),
      lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }, pattern(50)))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 501, ack: 151, flags: ACK }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 501, ack: 151, flags: FIN | ACK }))),
      lan(ip4({}, tcp({ seq: 151, ack: 502, flags: ACK }))),
      lan(ip4({}, tcp({ seq: 151, ack: 502, flags: FIN | ACK }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 502, ack: 152, flags: ACK }))),
      lan(ip4({}, tcp({ seq: 9000, flags: SYN }))),
    ],
  },
  {
    name: 'TCP: refused',
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 0, ack: 101, flags: RST | ACK }))),
    ],
  },
  {
    name: 'TCP: picked up in the middle',
    steps: [
      lan(ip4({}, tcp({ seq: 100, ack: 7, flags: ACK }, pattern(10)))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 7, ack: 110, flags: ACK }))),
    ],
  },
  {
    name: 'TCP: not picked up when that is off',
    setup: { sysctl: { 'net.netfilter.nf_conntrack_tcp_loose': 0 } },
    steps: [lan(ip4({}, tcp({ seq: 100, ack: 7, flags: ACK }, pattern(10))))],
  },
  {
    name: 'TCP: both open at once',
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 500, flags: SYN }))),
      lan(ip4({}, tcp({ seq: 100, ack: 501, flags: SYN | ACK }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }))),
      lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }))),
    ],
  },
  {
    name: 'TCP: data sent again four times',
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }))),
      lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }))),
      ...Array.from({ length: 5 }, () => lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }, pattern(50))))),
      wan(ip4(BACK4, tcp({ sport: 81, dport: 40000, seq: 501, ack: 151, flags: ACK, window: 0 }))),
    ],
  },
  {
    name: 'SCTP: an association begins and ends',
    steps: [
      lan(ip4({}, sctp(1000, 2000, 0, init(1, 0x11111111)))),
      wan(ip4(BACK4, sctp(2000, 1000, 0x11111111, init(2, 0x22222222)))),
      lan(ip4({}, sctp(1000, 2000, 0x22222222, chunk(10, pattern(16))))),
      wan(ip4(BACK4, sctp(2000, 1000, 0x11111111, chunk(11, u8())))),
      lan(ip4({}, sctp(1000, 2000, 0x22222222, chunk(0, pattern(16))))),
      wan(ip4(BACK4, sctp(2000, 1000, 0x11111111, chunk(3, pattern(12))))),
      lan(ip4({}, sctp(1000, 2000, 0x22222222, chunk(7, be32(1))))),
      wan(ip4(BACK4, sctp(2000, 1000, 0x11111111, chunk(8, u8())))),
      lan(ip4({}, sctp(1000, 2000, 0x22222222, chunk(14, u8())))),
    ],
  },
  {
    name: 'SCTP: a heartbeat of an association that is not known, an INIT with a tag, an ABORT',
    steps: [
      lan(ip4({}, sctp(1000, 2000, 0x33333333, chunk(4, pattern(8))))),
      wan(ip4(BACK4, sctp(2000, 1000, 0x44444444, chunk(5, pattern(8))))),
      lan(ip4({}, sctp(1001, 2000, 5, init(1, 0x11111111)))),
      lan(ip4({}, sctp(1002, 2000, 5, chunk(6, u8())))),
    ],
  },
];
