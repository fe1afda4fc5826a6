/** IPv4 from one port to the other: what is forwarded, what is dropped, and what is said about it. */
import { ACK, be16, echo, ip4, LAN_HOST, pattern, raw, tcp, u8, udp, WAN_HOST } from '../packet.js';
import { lan, type OracleCase, wan } from '../router.js';

const FAR = '203.0.113.9';

export const ipv4Forward: readonly OracleCase[] = [
  {
    name: 'IPv4: forwards a datagram and takes one off its TTL',
    steps: [lan(ip4({ id: 0xbeef, tos: 0xb8 }, udp({}, pattern(100))))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: forwards the other way',
    steps: [wan(ip4({ src: WAN_HOST, dst: LAN_HOST }, tcp({ flags: ACK }, pattern(33))))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: forwards by a gateway',
    steps: [lan(ip4({ dst: FAR }, echo()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: leaves Ethernet padding behind',
    steps: [lan(ip4({}, udp({}, u8(1))), { tail: pattern(17) })],
    out: { wan0: 1 },
  },
  { name: 'IPv4: forwards a TTL of 2 as 1', steps: [lan(ip4({ ttl: 2 }, udp()))], out: { wan0: 1 } },
  {
    name: 'IPv4: answers a TTL of 1 with time exceeded',
    steps: [lan(ip4({ ttl: 1 }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: answers a TTL of 0 with time exceeded',
    steps: [lan(ip4({ ttl: 0 }, udp()))],
    out: { lan0: 1 },
  },
  { name: 'IPv4: wraps the checksum when the TTL changes', steps: manySums(), out: { wan0: 16 } },
  { name: 'IPv4: drops a bad header checksum', steps: [lan(ip4({ sum: 'bad' }, udp()))], out: {} },
  {
    name: 'IPv4: drops a checksum of zero that should not be',
    steps: [lan(ip4({ sum: 0 }, udp()))],
    out: {},
  },
  { name: 'IPv4: drops version 5', steps: [lan(ip4({ version: 5 }, udp()), { type: 0x0800 })], out: {} },
  { name: 'IPv4: drops a header of 4 words', steps: [lan(ip4({ ihl: 4 }, udp()))], out: {} },
  {
    name: 'IPv4: drops a header longer than the frame',
    steps: [lan(ip4({ ihl: 15 }, udp({}, u8())))],
    out: {},
  },
  { name: 'IPv4: drops a total length beyond the frame', steps: [lan(ip4({ total: 200 }, udp()))], out: {} },
  { name: 'IPv4: drops a total length below the header', steps: [lan(ip4({ total: 19 }, udp()))], out: {} },
  {
    name: 'IPv4: forwards a packet of a header only',
    steps: [lan(ip4({ protocol: 17 }, raw(17, u8())))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: drops a frame cut within the header',
    steps: [lan(ip4({}, udp()).subarray(0, 19))],
    out: {},
  },
  {
    name: 'IPv4: forwards the reserved flag as it is',
    steps: [lan(ip4({ evil: true }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: forwards a datagram with a bad UDP checksum',
    steps: [lan(ip4({}, udp({ sum: 'bad' })))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: forwards an unknown protocol',
    steps: [lan(ip4({ protocol: 253 }, raw(253, pattern(64))))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: drops what is for another host of the segment',
    steps: [lan(ip4({}, udp()), { dst: '02:00:00:00:01:99' })],
    out: {},
  },
  {
    name: 'IPv4: forwards no unicast packet of a broadcast frame',
    steps: [lan(ip4({}, udp()), { dst: 'ff:ff:ff:ff:ff:ff' })],
    out: {},
  },
  {
    name: 'IPv4: forwards nothing while ip_forward is off',
    setup: { sysctl: { 'net.ipv4.ip_forward': 0 } },
    steps: [lan(ip4({}, udp()))],
    out: {},
  },
  {
    name: 'IPv4: forwards nothing that comes by a port whose forwarding is off',
    setup: { sysctl: { 'net.ipv4.conf.lan0.forwarding': 0 } },
    steps: [lan(ip4({}, udp())), wan(ip4({ src: WAN_HOST, dst: LAN_HOST }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: says network unreachable where no route leads',
    steps: [lan(ip4({ dst: '10.9.9.9' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: says host unreachable for an unreachable route',
    setup: { ip: ['route add unreachable 203.0.113.128/25'] },
    steps: [lan(ip4({ dst: '203.0.113.200' }, udp())), lan(ip4({ dst: '203.0.113.100' }, udp()))],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'IPv4: says administratively prohibited for a prohibit route',
    setup: { ip: ['route add prohibit 203.0.113.128/25'] },
    steps: [lan(ip4({ dst: '203.0.113.200' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: says nothing for a blackhole route',
    setup: { ip: ['route add blackhole 203.0.113.128/25'] },
    steps: [lan(ip4({ dst: '203.0.113.200' }, udp()))],
    out: {},
  },
  {
    name: 'IPv4: takes the longest prefix',
    setup: { ip: ['route add 203.0.113.64/26 via 192.0.2.3', 'route add 203.0.113.70/32 via 198.51.100.3'] },
    steps: [
      wan(ip4({ src: WAN_HOST, dst: '203.0.113.65' }, udp())),
      wan(ip4({ src: WAN_HOST, dst: '203.0.113.127' }, udp())),
      lan(ip4({ dst: '203.0.113.70' }, udp())),
      lan(ip4({ dst: '203.0.113.63' }, udp())),
    ],
    out: { lan0: 2, wan0: 2 },
  },
  {
    name: 'IPv4: takes the lower metric',
    setup: {
      ip: [
        'route add 203.0.113.64/26 via 198.51.100.3 metric 50',
        'route add 203.0.113.64/26 via 192.0.2.3 metric 60',
      ],
    },
    steps: [lan(ip4({ dst: '203.0.113.65' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: takes the default route for everything else',
    setup: { ip: ['route add default via 198.51.100.3'] },
    steps: [lan(ip4({ dst: '8.8.8.8' }, udp())), lan(ip4({ dst: FAR }, udp()))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4: forwards to a route that has a device and no gateway',
    setup: {
      ip: [
        'route add 203.0.113.64/26 dev wan0',
        'neigh add 203.0.113.65 lladdr 02:00:00:00:02:65 dev wan0 nud permanent',
      ],
    },
    steps: [lan(ip4({ dst: '203.0.113.65' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: drops martian sources',
    steps: [
      lan(ip4({ src: '127.0.0.1' }, udp())),
      lan(ip4({ src: '224.0.0.1' }, udp())),
      lan(ip4({ src: '255.255.255.255' }, udp())),
      lan(ip4({ src: '0.0.0.0' }, udp())),
      lan(ip4({ src: '198.51.100.1' }, udp())),
      lan(ip4({ src: '192.0.2.1' }, udp())),
    ],
    out: {},
  },
  {
    name: 'IPv4: forwards sources in 0.0.0.0/8 and broadcast ones, which are no martians to it',
    steps: [lan(ip4({ src: '0.1.2.3' }, udp())), lan(ip4({ src: '192.0.2.255' }, udp()))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4: forwards a class E source',
    steps: [lan(ip4({ src: '240.1.2.3' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: drops martian destinations',
    steps: [lan(ip4({ dst: '127.0.0.5' }, udp())), lan(ip4({ dst: '0.0.0.0' }, udp()))],
    out: {},
  },
  {
    name: 'IPv4: finds no route to 0.0.0.0/8',
    steps: [lan(ip4({ dst: '0.1.2.3' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: finds no route to class E',
    steps: [lan(ip4({ dst: '240.1.2.3' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: forwards class E where a route leads',
    setup: { ip: ['route add 240.0.0.0/4 via 198.51.100.2'] },
    steps: [lan(ip4({ dst: '240.1.2.3' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: keeps limited broadcast on its link',
    steps: [lan(ip4({ dst: '255.255.255.255' }, udp()))],
    out: {},
  },
  {
    name: 'IPv4: forwards no directed broadcast',
    steps: [lan(ip4({ dst: '198.51.100.255' }, udp()))],
    out: {},
  },
  {
    name: 'IPv4: takes the address 0 of a network for a host',
    steps: [lan(ip4({ dst: '198.51.100.0' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: forwards no multicast without a multicast route',
    steps: [lan(ip4({ dst: '239.1.2.3' }, udp())), lan(ip4({ dst: '224.0.0.5' }, udp()))],
    out: {},
  },
  {
    name: 'IPv4: lets strict rp_filter drop what would not go back by the same port',
    setup: { sysctl: { 'net.ipv4.conf.lan0.rp_filter': 1 } },
    steps: [
      lan(ip4({ src: FAR }, udp())),
      lan(ip4({ src: '10.9.9.9' }, udp())),
      lan(ip4({ src: '192.0.2.77' }, udp())),
    ],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4: lets loose rp_filter drop only what has no way back',
    setup: { sysctl: { 'net.ipv4.conf.all.rp_filter': 2 } },
    steps: [
      lan(ip4({ src: FAR }, udp())),
      lan(ip4({ src: '10.9.9.9' }, udp())),
      lan(ip4({ src: '192.0.2.77' }, udp())),
    ],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4: forwards any source without rp_filter',
    steps: [lan(ip4({ src: FAR }, udp())), lan(ip4({ src: '10.9.9.9' }, udp()))],
    out: { wan0: 2 },
  },
  {
    name: 'IPv4: forwards out of the port of entry and sends a redirect to a gateway on the link',
    setup: { ip: ['route add 203.0.113.64/26 via 192.0.2.3'] },
    steps: [lan(ip4({ dst: '203.0.113.65' }, udp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv4: redirects to the host itself when it is on the link',
    steps: [lan(ip4({ dst: '192.0.2.3' }, udp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv4: sends no redirect to a sender that is not on the link',
    setup: { ip: ['route add 203.0.113.64/26 via 192.0.2.3'] },
    steps: [lan(ip4({ src: '10.1.1.1', dst: '203.0.113.65' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: sends no redirect when send_redirects is off',
    setup: {
      ip: ['route add 203.0.113.64/26 via 192.0.2.3'],
      sysctl: { 'net.ipv4.conf.lan0.send_redirects': 0, 'net.ipv4.conf.all.send_redirects': 0 },
    },
    steps: [lan(ip4({ dst: '203.0.113.65' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4: drops an Ethernet type it does not know',
    steps: [lan(ip4({}, udp()), { type: 0x88b5 }), lan(pattern(60), { type: 60 })],
    out: {},
  },
  {
    name: 'IPv4: drops a version 4 packet under the type of IPv6',
    steps: [lan(ip4({}, udp()), { type: 0x86dd })],
    out: {},
  },
];

/** Header checksums around the carry, where an incremental update can go wrong (RFC 1624). */
function manySums(): OracleCase['steps'] {
  const zero = ip4({ id: 0, ttl: 64 }, udp());
  const sum = (zero[10]! << 8) | zero[11]!;
  return Array.from({ length: 16 }, (_, i) => {
    // The identification takes the header checksum through 0xfeff, 0xffff and 0x0000.
    const target = [0x0000, 0xffff, 0xfeff, 0xfefe, 0xff00, 0x00ff, 0x0100, 0x0001][i & 7]!;
    let id = (sum - target + (i >> 3)) & 0xffff;
    if (id > sum) id = (id + 1) & 0xffff;
    return lan(ip4({ id }, udp({}, be16(i))));
  });
}
