/** IPv6 fragments (RFC 8200 §4.5, RFC 5722, RFC 6946): through the router, for it, and of its own. */
import {
  be32,
  built,
  destOptions,
  echo6,
  fragment6,
  fragments6,
  icmp6,
  ip6,
  LAN_HOST6,
  option,
  pattern,
  piece6,
  raw,
  tcp,
  u8,
  udp,
  WAN_HOST6,
} from '../packet.js';
import { lan, type OracleCase, wait, wan } from '../router.js';

const ROUTER = '2001:db8:1::1';
const toUs = { dst: ROUTER };
const echoBytes = (n: number): Uint8Array => built(echo6(pattern(n)), LAN_HOST6, ROUTER);

function frames(list: readonly Uint8Array[]): OracleCase['steps'] {
  return list.map((packet) => lan(packet));
}

function pieces(n: number, ...ranges: readonly (readonly [number, number])[]): Uint8Array[] {
  return ranges.map(([from, to]) => piece6(toUs, 58, echoBytes(n), from, to));
}

export const ipv6Fragment: readonly OracleCase[] = [
  {
    name: 'IPv6 fragments: forwards fragments as they come, in any order',
    steps: frames(fragments6({}, [udp({}, pattern(2000))], 800, 1600).reverse()),
    out: { wan0: 3 },
  },
  {
    name: 'IPv6 fragments: says packet too big of a fragment',
    setup: { ip: ['link set wan0 mtu 1280'] },
    steps: frames(fragments6({}, [udp({}, pattern(2000))], 1400)),
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'IPv6 fragments: says time exceeded of a first fragment and of a later one',
    steps: frames(fragments6({ hops: 1 }, [udp({}, pattern(200))], 80)),
    out: { lan0: 2 },
  },
  {
    name: 'IPv6 fragments: answers a fragmented echo request',
    steps: frames(fragments6(toUs, [echo6(pattern(1000))], 480, 800)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: answers a fragmented echo request in reverse order',
    steps: frames(fragments6(toUs, [echo6(pattern(1000))], 480, 800).reverse()),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: answers 4000 bytes of echo with fragments',
    steps: frames(fragments6(toUs, [echo6(pattern(4000))], 1448, 2896)),
    out: { lan0: 3 },
  },
  {
    name: 'IPv6 fragments: fragments its own echo reply for a smaller link',
    setup: { ip: ['link set lan0 mtu 1280'] },
    steps: [lan(ip6(toUs, echo6(pattern(1400))))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6 fragments: answers an atomic fragment',
    steps: [lan(ip6(toUs, fragment6(0, false), echo6()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: takes an atomic fragment for itself beside a datagram of the same identification',
    steps: [
      ...frames(pieces(600, [0, 304])),
      lan(ip6(toUs, fragment6(0, false), echo6())),
      ...frames(pieces(600, [304, 608])),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6 fragments: answers the largest echo request there is',
    steps: frames(
      fragments6(toUs, [echo6(pattern(65527))], ...Array.from({ length: 45 }, (_, i) => (i + 1) * 1448)),
    ),
    out: { lan0: 46 },
  },
  {
    name: 'IPv6 fragments: ignores an exact duplicate',
    steps: frames(pieces(600, [0, 304], [0, 304], [304, 608])),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: gives up a datagram whose fragments overlap',
    steps: frames(pieces(600, [0, 304], [296, 608], [304, 608])),
    out: {},
  },
  {
    name: 'IPv6 fragments: gives up a datagram whose earlier fragment reaches into a later one',
    steps: frames(pieces(600, [304, 608], [0, 312], [0, 304])),
    out: {},
  },
  {
    name: 'IPv6 fragments: ignores a duplicate that lies within what is there',
    steps: frames(pieces(600, [0, 304], [80, 160], [304, 608])),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: says parameter problem of a middle fragment that is no multiple of 8',
    steps: frames(pieces(600, [0, 303])),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: says parameter problem of a fragment that ends beyond 65535',
    steps: [lan(ip6(toUs, fragment6(65528, false), raw(58, pattern(100))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: says parameter problem of a first fragment without the upper header',
    steps: [lan(ip6(toUs, fragment6(0, true), raw(6, pattern(8))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: drops an empty fragment',
    steps: [
      lan(ip6(toUs, fragment6(0, true), raw(58, u8()))),
      lan(ip6(toUs, fragment6(8, false), raw(58, u8()))),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: gives up when two last fragments disagree',
    steps: frames([
      ...pieces(600, [304, 608]),
      ip6(toUs, fragment6(608, false), raw(58, pattern(8))),
      ...pieces(600, [0, 304]),
    ]),
    out: {},
  },
  {
    name: 'IPv6 fragments: keeps datagrams of different identification and source apart',
    steps: frames([
      piece6(toUs, 58, echoBytes(600), 0, 304),
      piece6(toUs, 58, echoBytes(600), 304, 608, 0x4321),
      piece6({ ...toUs, src: '2001:db8:1::3' }, 58, echoBytes(600), 304, 608),
      piece6(toUs, 58, echoBytes(600), 304, 608),
    ]),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: reassembles headers behind the fragment header',
    steps: frames(fragments6(toUs, [destOptions(option(1, [0, 0, 0, 0])), echo6(pattern(500))], 240)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: reassembles a datagram for a closed port',
    steps: frames(fragments6(toUs, [udp({}, pattern(1400))], 480)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: resets a reassembled SYN',
    steps: frames(fragments6(toUs, [tcp({}, pattern(400))], 240)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: keeps the traffic class of the pieces',
    steps: frames(fragments6({ ...toUs, tclass: 0xb8 }, [echo6(pattern(600))], 240)),
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: says reassembly time exceeded when the rest does not come',
    setup: { sysctl: { 'net.ipv6.ip6frag_time': 1 } },
    steps: [...frames(pieces(600, [0, 304])), wait(1300)],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6 fragments: says nothing of a reassembly whose first fragment is missing',
    setup: { sysctl: { 'net.ipv6.ip6frag_time': 1 } },
    steps: [...frames(pieces(600, [304, 608])), wait(1300)],
    out: {},
  },
  {
    name: 'IPv6 fragments: lowers the MTU of a way it was told about and fragments its own packets',
    steps: [
      lan(ip6(toUs, echo6(pattern(1400)))),
      lan(
        ip6(
          { src: '2001:db8:1::3', dst: ROUTER },
          icmp6(
            2,
            0,
            be32(1300),
            ip6({ src: ROUTER, dst: LAN_HOST6 }, raw(58, u8(129, 0, 0, 0, 0, 0x77, 0, 1))),
          ),
        ),
      ),
      lan(ip6(toUs, echo6(pattern(1400)))),
    ],
    out: { lan0: 3 },
  },
  {
    name: 'IPv6 fragments: hands on the MTU that it was told of',
    steps: [
      lan(
        ip6(
          { src: '2001:db8:1::3', dst: ROUTER },
          icmp6(
            2,
            0,
            be32(1300),
            ip6({ src: ROUTER, dst: LAN_HOST6 }, raw(58, u8(129, 0, 0, 0, 0, 0x77, 0, 1))),
          ),
        ),
      ),
      wan(ip6({ src: WAN_HOST6, dst: LAN_HOST6 }, udp({}, pattern(1400)))),
    ],
    out: { wan0: 1 },
  },
  {
    name: 'IPv6 fragments: ignores a packet too big below 1280',
    steps: [
      lan(
        ip6(
          { src: '2001:db8:1::3', dst: ROUTER },
          icmp6(
            2,
            0,
            be32(600),
            ip6({ src: ROUTER, dst: LAN_HOST6 }, raw(58, u8(129, 0, 0, 0, 0, 0x77, 0, 1))),
          ),
        ),
      ),
      lan(ip6(toUs, echo6(pattern(1400)))),
    ],
    out: { lan0: 1 },
  },
];
