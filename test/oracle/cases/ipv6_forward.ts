/** IPv6 from one port to the other: what is forwarded, what is dropped, and what is said about it. */
import { ACK, echo6, ip6, LAN_HOST6, pattern, raw, tcp, udp, WAN_HOST6 } from '../packet.js';
import { lan, type OracleCase, type Setup, wan } from '../router.js';

const FAR = '2001:db8:3::9';
const NARROW: Setup = { ip: ['link set wan0 mtu 1280'] };

function one(name: string, packet: Uint8Array, out: OracleCase['out'] = {}): OracleCase {
  return { name: `IPv6: ${name}`, steps: [lan(packet)], out };
}

export const ipv6Forward: readonly OracleCase[] = [
  one(
    'forwards a datagram and takes one off its hop limit',
    ip6({ tclass: 0xb8, flow: 0xabcde }, udp({}, pattern(100))),
    { wan0: 1 },
  ),
  {
    name: 'IPv6: forwards the other way',
    steps: [wan(ip6({ src: WAN_HOST6, dst: LAN_HOST6 }, tcp({ flags: ACK }, pattern(33))))],
    out: { lan0: 1 },
  },
  one('forwards by a gateway', ip6({ dst: FAR }, echo6()), { wan0: 1 }),
  {
    name: 'IPv6: forwards by a link-local gateway',
    setup: { ip: ['route add 2001:db8:4::/48 via fe80::2 dev wan0'] },
    steps: [lan(ip6({ dst: '2001:db8:4::1' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv6: leaves what follows the payload length behind',
    steps: [lan(ip6({}, udp({}, pattern(1))), { tail: pattern(17) })],
    out: { wan0: 1 },
  },
  one('forwards a hop limit of 2 as 1', ip6({ hops: 2 }, udp()), { wan0: 1 }),
  one('answers a hop limit of 1 with time exceeded', ip6({ hops: 1 }, udp()), { lan0: 1 }),
  one('answers a hop limit of 0 with time exceeded', ip6({ hops: 0 }, udp()), { lan0: 1 }),
  {
    name: 'IPv6: drops version 4 under the type of IPv6',
    steps: [lan(ip6({ version: 4 }, udp()), { type: 0x86dd, dst: '02:00:00:00:01:01' })],
    out: {},
  },
  one('drops a payload length beyond the frame', ip6({ length: 200 }, udp())),
  one('drops a frame cut within the header', ip6({}, udp()).subarray(0, 39)),
  one('forwards a header alone', ip6({}), { wan0: 1 }),
  one('forwards a header whose payload length is 0 although there is some', ip6({ length: 0 }, udp()), {
    wan0: 1,
  }),
  one('forwards a datagram with a bad UDP checksum', ip6({}, udp({ sum: 'bad' })), { wan0: 1 }),
  one('forwards an unknown protocol', ip6({}, raw(253, pattern(64))), { wan0: 1 }),
  {
    name: 'IPv6: drops what is for another host of the segment',
    steps: [lan(ip6({}, udp()), { dst: '02:00:00:00:01:99' })],
    out: {},
  },
  {
    name: 'IPv6: forwards no unicast packet of a multicast or broadcast frame',
    steps: [
      lan(ip6({}, udp()), { dst: '33:33:00:00:00:01' }),
      lan(ip6({}, udp()), { dst: 'ff:ff:ff:ff:ff:ff' }),
    ],
    out: {},
  },
  {
    name: 'IPv6: forwards nothing while forwarding is off',
    setup: { sysctl: { 'net.ipv6.conf.all.forwarding': 0 } },
    steps: [lan(ip6({}, udp()))],
    out: {},
  },
  one('says no route where none leads', ip6({ dst: '2001:db8:99::1' }, udp()), { lan0: 1 }),
  {
    name: 'IPv6: says no route for an unreachable route',
    setup: { ip: ['route add unreachable 2001:db8:3:8000::/49'] },
    steps: [lan(ip6({ dst: '2001:db8:3:8000::1' }, udp())), lan(ip6({ dst: '2001:db8:3:7fff::1' }, udp()))],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'IPv6: says administratively prohibited for a prohibit route',
    setup: { ip: ['route add prohibit 2001:db8:3:8000::/49'] },
    steps: [lan(ip6({ dst: '2001:db8:3:8000::1' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6: says nothing for a blackhole route',
    setup: { ip: ['route add blackhole 2001:db8:3:8000::/49'] },
    steps: [lan(ip6({ dst: '2001:db8:3:8000::1' }, udp()))],
    out: {},
  },
  {
    name: 'IPv6: takes the longest prefix',
    setup: {
      ip: [
        'route add 2001:db8:3:40::/60 via 2001:db8:1::3',
        'route add 2001:db8:3:41::7/128 via 2001:db8:2::3',
      ],
    },
    steps: [
      wan(ip6({ src: WAN_HOST6, dst: '2001:db8:3:40::1' }, udp())),
      wan(ip6({ src: WAN_HOST6, dst: '2001:db8:3:4f:ffff::1' }, udp())),
      lan(ip6({ dst: '2001:db8:3:41::7' }, udp())),
      lan(ip6({ dst: '2001:db8:3:50::1' }, udp())),
    ],
    out: { lan0: 2, wan0: 2 },
  },
  {
    name: 'IPv6: takes the lower metric',
    setup: {
      ip: [
        'route add 2001:db8:3:40::/60 via 2001:db8:1::3 metric 60',
        'route add 2001:db8:3:40::/60 via 2001:db8:2::3 metric 50',
      ],
    },
    steps: [lan(ip6({ dst: '2001:db8:3:40::1' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv6: takes the default route for everything else',
    setup: { ip: ['route add default via 2001:db8:2::3'] },
    steps: [lan(ip6({ dst: '2600::1' }, udp())), lan(ip6({ dst: FAR }, udp()))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv6: forwards to a route that has a device and no gateway',
    setup: {
      ip: [
        'route add 2001:db8:4::/48 dev wan0',
        'neigh add 2001:db8:4::1 lladdr 02:00:00:00:02:65 dev wan0 nud permanent',
      ],
    },
    steps: [lan(ip6({ dst: '2001:db8:4::1' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv6: drops sources that cannot be',
    steps: [
      lan(ip6({ src: '::1' }, udp())),
      lan(ip6({ src: 'ff02::1' }, udp())),
      lan(ip6({ src: '::' }, udp())),
    ],
    out: {},
  },
  one('drops the loopback address as a destination', ip6({ dst: '::1' }, udp())),
  one('finds no route to the unspecified address', ip6({ dst: '::' }, udp()), { lan0: 1 }),
  one('forwards a source that is its own address', ip6({ src: '2001:db8:2::1' }, udp()), { wan0: 1 }),
  {
    name: 'IPv6: knows no difference of IPv4-mapped sources and destinations',
    steps: [lan(ip6({ src: '::ffff:192.0.2.2' }, udp())), lan(ip6({ dst: '::ffff:198.51.100.2' }, udp()))],
    out: { lan0: 1, wan0: 1 },
  },
  one('says beyond scope of a link-local source', ip6({ src: 'fe80::2' }, udp()), { lan0: 1 }),
  one('redirects to a link-local destination and asks for it', ip6({ dst: 'fe80::99' }, udp()), { lan0: 2 }),
  {
    name: 'IPv6: forwards no multicast',
    steps: [
      lan(ip6({ dst: 'ff05::1234' }, udp())),
      lan(ip6({ dst: 'ff02::1234' }, udp())),
      lan(ip6({ dst: 'ff0e::1' }, udp())),
    ],
    out: {},
  },
  {
    name: 'IPv6: drops multicast of scope 0 and 1',
    steps: [lan(ip6({ dst: 'ff00::1' }, echo6())), lan(ip6({ dst: 'ff01::1' }, echo6()))],
    out: {},
  },
  {
    name: 'IPv6: says packet too big with the MTU of the way out',
    setup: NARROW,
    steps: [lan(ip6({}, udp({}, pattern(1400))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6: forwards exactly the MTU, and no byte more',
    setup: NARROW,
    steps: [lan(ip6({}, udp({}, pattern(1232)))), lan(ip6({}, udp({}, pattern(1233))))],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'IPv6: obeys the MTU of a route',
    setup: { ip: ['route add 2001:db8:3:40::/60 via 2001:db8:2::2 mtu 1400'] },
    steps: [
      lan(ip6({ dst: '2001:db8:3:40::1' }, udp({}, pattern(1400)))),
      lan(ip6({ dst: '2001:db8:3:40::1' }, udp({}, pattern(1300)))),
    ],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'IPv6: forwards out of the port of entry and sends no redirect to a global gateway',
    setup: { ip: ['route add 2001:db8:3:40::/60 via 2001:db8:1::3'] },
    steps: [lan(ip6({ dst: '2001:db8:3:40::1' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv6: redirects to a link-local gateway',
    setup: {
      ip: [
        'neigh add fe80::3 lladdr 02:00:00:00:01:03 dev lan0 nud permanent',
        'route add 2001:db8:3:40::/60 via fe80::3 dev lan0',
      ],
    },
    steps: [lan(ip6({ dst: '2001:db8:3:40::1' }, udp({}, pattern(1400))))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6: redirects to the host itself when it is on the link',
    steps: [lan(ip6({ dst: '2001:db8:1::3' }, udp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6: forwards a packet between hosts of one link without a redirect when the source is not on it',
    steps: [lan(ip6({ src: '2001:db8:77::1', dst: '2001:db8:1::3' }, udp()))],
    out: { lan0: 1 },
  },
];
