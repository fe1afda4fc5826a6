/** IPv4 packets larger than the way out, fragments that pass through, and fragments for the router itself. */
import {
  ACK,
  be32,
  cat,
  echo,
  fragments4,
  icmp,
  ip4,
  LAN_HOST,
  pattern,
  piece4,
  raw,
  tcp,
  u8,
  udp,
  built,
  WAN_HOST,
} from '../packet.js';
import { lan, type OracleCase, type Setup, wan, wait } from '../router.js';

const ROUTER = '192.0.2.1';
const NARROW: Setup = { ip: ['link set wan0 mtu 576'] };
const RR3 = u8(7, 15, 4, ...new Array<number>(12).fill(0), 0);
/** A route record (not copied into fragments), a router alert (copied). */
const MIXED = cat(u8(7, 7, 4, 0, 0, 0, 0), u8(1), u8(148, 4, 0, 0));

function frames(list: readonly Uint8Array[]): OracleCase['steps'] {
  return list.map((packet) => lan(packet));
}

const toUs = { dst: ROUTER };
const echoBytes = (n: number): Uint8Array => built(echo(pattern(n)), LAN_HOST, ROUTER);

/** Pieces of an echo request to the router, given as [from, to] of the ICMP message. */
function pieces(n: number, ...ranges: readonly (readonly [number, number])[]): Uint8Array[] {
  return ranges.map(([from, to]) => piece4(toUs, 1, echoBytes(n), from, to));
}

export const ipv4Fragment: readonly OracleCase[] = [
  {
    name: 'IPv4 fragments: says fragmentation needed for DF, with the MTU of the way out',
    setup: NARROW,
    steps: [lan(ip4({ df: true }, udp({}, pattern(600))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: forwards DF of exactly the MTU',
    setup: NARROW,
    steps: [lan(ip4({ df: true }, udp({}, pattern(548))))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 fragments: says fragmentation needed one byte above the MTU',
    setup: NARROW,
    steps: [lan(ip4({ df: true }, udp({}, pattern(549))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: cuts a datagram for a smaller MTU',
    setup: NARROW,
    steps: [lan(ip4({ tos: 0x10 }, udp({}, pattern(1472))))],
    out: { wan0: 3 },
  },
  {
    name: 'IPv4 fragments: cuts one byte too many into two',
    setup: NARROW,
    steps: [lan(ip4({}, udp({}, pattern(549))))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4 fragments: cuts at multiples of 8 for an odd MTU',
    setup: { ip: ['link set wan0 mtu 577'] },
    steps: [lan(ip4({}, tcp({ flags: ACK }, pattern(1001))))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4 fragments: cuts for the smallest MTU there is',
    setup: { ip: ['link set wan0 mtu 68'] },
    steps: [lan(ip4({}, udp({}, pattern(100))))],
    out: { wan0: 3 },
  },
  {
    name: 'IPv4 fragments: copies into later fragments only the options that say so',
    setup: NARROW,
    steps: [lan(ip4({ options: MIXED }, udp({}, pattern(1200))))],
    out: { wan0: 3 },
  },
  {
    name: 'IPv4 fragments: keeps the room of a route record in later fragments',
    setup: NARROW,
    steps: [lan(ip4({ options: RR3 }, udp({}, pattern(700))))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4 fragments: cuts a first fragment again',
    setup: NARROW,
    steps: [lan(ip4({ mf: true }, raw(17, pattern(1200))))],
    out: { wan0: 3 },
  },
  {
    name: 'IPv4 fragments: cuts a middle fragment again',
    setup: NARROW,
    steps: [lan(ip4({ mf: true, offset: 1480 }, raw(17, pattern(640))))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4 fragments: cuts a last fragment again',
    setup: NARROW,
    steps: [lan(ip4({ offset: 2960 }, raw(17, pattern(601))))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4 fragments: forwards fragments as they come, in any order',
    steps: frames(fragments4({}, udp({}, pattern(1400)), 480, 960).reverse()),
    out: { wan0: 3 },
  },
  {
    name: 'IPv4 fragments: forwards a fragment with DF',
    steps: [lan(ip4({ mf: true, df: true }, raw(17, pattern(64))))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 fragments: answers the TTL of a first fragment only',
    steps: [
      lan(ip4({ ttl: 1, mf: true }, raw(17, pattern(64)))),
      lan(ip4({ ttl: 1, offset: 64 }, raw(17, pattern(64)))),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: obeys the MTU of a route',
    setup: { ip: ['route add 203.0.113.64/26 via 198.51.100.2 mtu 700'] },
    steps: [
      lan(ip4({ dst: '203.0.113.65', df: true }, udp({}, pattern(800)))),
      lan(ip4({ dst: '203.0.113.65' }, udp({}, pattern(800)))),
      lan(ip4({ dst: '203.0.113.5', df: true }, udp({}, pattern(800)))),
    ],
    out: { lan0: 1, wan0: 3 },
  },
  {
    name: 'IPv4 fragments: takes a frame larger than its own MTU when the driver gives it',
    setup: { ip: ['link set lan0 mtu 576'] },
    steps: [lan(ip4({}, udp({}, pattern(1000))))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 fragments: fragments its own echo reply',
    setup: { ip: ['link set lan0 mtu 576'] },
    steps: [lan(ip4(toUs, echo(pattern(1000))))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv4 fragments: answers a fragmented echo request',
    steps: frames(fragments4(toUs, echo(pattern(1000)), 480, 800)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: answers a fragmented echo request in reverse order',
    steps: frames(fragments4(toUs, echo(pattern(1000)), 480, 800).reverse()),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: answers 4000 bytes of echo with fragments',
    steps: frames(fragments4(toUs, echo(pattern(4000)), 1480, 2960)),
    out: { lan0: 3 },
  },
  {
    name: 'IPv4 fragments: answers the largest echo request there is',
    steps: frames(
      fragments4(toUs, echo(pattern(65507)), ...Array.from({ length: 44 }, (_, i) => (i + 1) * 1480)),
    ),
    out: { lan0: 45 },
  },
  {
    name: 'IPv4 fragments: drops a datagram of more than 65535 bytes',
    steps: frames(
      fragments4(
        { ...toUs, options: RR3 },
        echo(pattern(65507)),
        ...Array.from({ length: 45 }, (_, i) => (i + 1) * 1440),
      ),
    ),
    out: {},
  },
  {
    name: 'IPv4 fragments: answers a fragmented echo request with a route record',
    steps: frames(fragments4({ ...toUs, options: RR3 }, echo(pattern(600)), 304)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: takes the header of the first fragment',
    steps: frames([
      piece4({ ...toUs, ttl: 9, tos: 4 }, 1, echoBytes(600), 304, 608),
      piece4({ ...toUs, ttl: 7, tos: 8 }, 1, echoBytes(600), 0, 304),
    ]),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: ignores an exact duplicate',
    steps: frames(pieces(600, [0, 304], [0, 304], [304, 608])),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: ignores a duplicate that lies within what is there',
    steps: frames(pieces(600, [0, 304], [80, 160], [304, 608])),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: gives up a datagram whose fragments overlap',
    steps: frames(pieces(600, [0, 304], [296, 608], [304, 608])),
    out: {},
  },
  {
    name: 'IPv4 fragments: gives up a datagram whose earlier fragment reaches into a later one',
    steps: frames(pieces(600, [304, 608], [0, 312], [0, 304])),
    out: {},
  },
  {
    name: 'IPv4 fragments: drops a middle fragment that is no multiple of 8',
    steps: frames(pieces(600, [0, 303], [304, 608])),
    out: {},
  },
  {
    name: 'IPv4 fragments: drops a fragment that ends beyond 65535',
    steps: [lan(ip4({ ...toUs, offset: 65528 }, raw(1, pattern(100))))],
    out: {},
  },
  {
    name: 'IPv4 fragments: gives up when two last fragments disagree',
    steps: frames([
      ...pieces(600, [304, 608]),
      ip4({ ...toUs, offset: 608 }, raw(1, pattern(8))),
      ...pieces(600, [0, 304]),
    ]),
    out: {},
  },
  {
    name: 'IPv4 fragments: gives up when a last fragment ends before what is there',
    steps: frames([
      ...pieces(600, [304, 600]),
      ip4({ ...toUs, offset: 8 }, raw(1, pattern(8))),
      ...pieces(600, [0, 304], [600, 608]),
    ]),
    out: {},
  },
  {
    name: 'IPv4 fragments: keeps datagrams of different identification, protocol and source apart',
    steps: frames([
      piece4(toUs, 1, echoBytes(600), 0, 304),
      piece4({ ...toUs, id: 0x4321 }, 1, echoBytes(600), 304, 608),
      piece4(toUs, 17, echoBytes(600), 304, 608),
      piece4({ ...toUs, src: '192.0.2.3' }, 1, echoBytes(600), 304, 608),
      piece4(toUs, 1, echoBytes(600), 304, 608),
    ]),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: reassembles a datagram for a closed port',
    steps: frames(fragments4(toUs, udp({}, pattern(1000)), 480)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: takes the strictest ECN of the pieces',
    steps: frames([
      piece4({ ...toUs, tos: 2 }, 1, echoBytes(600), 0, 304),
      piece4({ ...toUs, tos: 3 }, 1, echoBytes(600), 304, 608),
    ]),
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: drops a mixture of ECN that RFC 3168 forbids',
    steps: frames([
      piece4({ ...toUs, tos: 0 }, 1, echoBytes(600), 0, 304),
      piece4({ ...toUs, tos: 3 }, 1, echoBytes(600), 304, 608),
    ]),
    out: {},
  },
  {
    name: 'IPv4 fragments: says reassembly time exceeded when the rest does not come',
    setup: { sysctl: { 'net.ipv4.ipfrag_time': 1 } },
    steps: [...frames(pieces(600, [0, 304])), wait(1300)],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 fragments: says nothing of a reassembly whose first fragment is missing',
    setup: { sysctl: { 'net.ipv4.ipfrag_time': 1 } },
    steps: [...frames(pieces(600, [304, 608])), wait(1300)],
    out: {},
  },
  {
    name: 'IPv4 fragments: forwards as large as before where it was told of a smaller MTU',
    steps: [
      wan(
        ip4(
          { src: '198.51.100.3', dst: '198.51.100.1' },
          icmp(
            3,
            4,
            be32(600),
            ip4(
              { src: '198.51.100.1', dst: WAN_HOST, df: true, total: 1428 },
              raw(1, u8(0, 0, 0, 0, 0, 0x77, 0, 1)),
            ),
          ),
        ),
      ),
      lan(ip4({ df: true }, udp({}, pattern(1400)))),
    ],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 fragments: lowers the MTU of a way it was told about and fragments its own packets',
    steps: [
      wan(ip4({ src: WAN_HOST, dst: '198.51.100.1' }, echo(pattern(1400)))),
      wan(
        ip4(
          { src: '198.51.100.3', dst: '198.51.100.1' },
          icmp(
            3,
            4,
            be32(600),
            ip4(
              { src: '198.51.100.1', dst: WAN_HOST, df: true, total: 1428 },
              raw(1, u8(0, 0, 0, 0, 0, 0x77, 0, 1)),
            ),
          ),
        ),
      ),
      wan(ip4({ src: WAN_HOST, dst: '198.51.100.1' }, echo(pattern(1400)))),
    ],
    out: { wan0: 4 },
  },
];
