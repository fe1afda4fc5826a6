/** IPv4 packets for the router itself: echo, closed ports, unknown protocols. */
import {
  ACK,
  be16,
  be32,
  cat,
  echo,
  FIN,
  icmp,
  ip4,
  ipBytes,
  LAN_HOST,
  pattern,
  PSH,
  raw,
  RST,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST,
} from '../packet.js';
import { lan, type OracleCase, wan } from '../router.js';

const ROUTER = '192.0.2.1';
const FAR_SIDE = '198.51.100.1';
const toUs = { dst: ROUTER };

function local(name: string, packet: Uint8Array, out: OracleCase['out'] = { lan0: 1 }): OracleCase {
  return { name: `IPv4 local: ${name}`, steps: [lan(packet)], out };
}

/** An ICMP error about a packet that the router would have sent. */
function errorAbout(type: number, code: number, quoted: Uint8Array): Uint8Array {
  return ip4({ ...toUs }, icmp(type, code, be32(0), quoted));
}

export const ipv4Local: readonly OracleCase[] = [
  ...[0, 1, 7, 56, 999, 1472].map((n) =>
    local(`answers an echo request of ${n} bytes`, ip4(toUs, echo(pattern(n)))),
  ),
  local('answers an echo request with the TOS it had', ip4({ ...toUs, tos: 0xb8 }, echo())),
  local('answers an echo request that came with DF', ip4({ ...toUs, df: true }, echo())),
  local('answers an echo request with a TTL of 1', ip4({ ...toUs, ttl: 1 }, echo())),
  local('answers an echo request with a TTL of 0', ip4({ ...toUs, ttl: 0 }, echo())),
  local('answers an echo request to the address of its other side', ip4({ dst: FAR_SIDE }, echo())),
  local('leaves padding out of its echo reply', cat(ip4(toUs, echo(pattern(1))), pattern(17))),
  {
    name: 'IPv4 local: answers through a gateway',
    steps: [wan(ip4({ src: '203.0.113.9', dst: ROUTER }, echo()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 local: answers nothing to where no route leads',
    steps: [wan(ip4({ src: '10.9.9.9', dst: ROUTER }, echo()))],
    out: {},
  },
  {
    name: 'IPv4 local: takes the TTL of its own packets from ip_default_ttl',
    setup: { sysctl: { 'net.ipv4.ip_default_ttl': 17 } },
    steps: [lan(ip4(toUs, echo())), lan(ip4(toUs, udp()))],
    out: { lan0: 2 },
  },
  local('drops an echo request with a bad checksum', ip4(toUs, echo(pattern(32), { sum: 'bad' })), {}),
  local('drops an ICMP message of 4 bytes', ip4(toUs, raw(1, u8(8, 0, 0xf7, 0xff))), {}),
  local(
    'drops an echo request cut within its header',
    ip4({ ...toUs, total: 26 }, raw(1, u8(8, 0, 0xf7, 0xff, 0, 0))),
    {},
  ),
  local('answers an echo request whose code is not 0', ip4(toUs, icmp(8, 5, be16(1, 2), pattern(8)))),
  local('ignores an echo reply', ip4(toUs, icmp(0, 0, be16(1, 2), pattern(8))), {}),
  local('ignores unknown ICMP types', ip4(toUs, icmp(200, 0, be32(0), pattern(8))), {}),
  local('ignores an information request', ip4(toUs, icmp(15, 0, be16(1, 2), u8())), {}),
  local('ignores an address mask request', ip4(toUs, icmp(17, 0, be16(1, 2), be32(0))), {}),
  local('answers a timestamp request', ip4(toUs, icmp(13, 0, be16(1, 2), be32(12345, 0, 0)))),
  local('drops a timestamp request that is too short', ip4(toUs, icmp(13, 0, be16(1, 2), u8(1, 2, 3))), {}),
  local('ignores a router solicitation', ip4(toUs, icmp(10, 0, be32(0), u8())), {}),
  {
    name: 'IPv4 local: answers no echo request when icmp_echo_ignore_all is on',
    setup: { sysctl: { 'net.ipv4.icmp_echo_ignore_all': 1 } },
    steps: [lan(ip4(toUs, echo()))],
    out: {},
  },
  local('answers no echo request to a broadcast address', ip4({ dst: '192.0.2.255' }, echo()), {}),
  {
    name: 'IPv4 local: answers a broadcast echo request when icmp_echo_ignore_broadcasts is off',
    setup: { sysctl: { 'net.ipv4.icmp_echo_ignore_broadcasts': 0 } },
    steps: [
      lan(ip4({ dst: '192.0.2.255' }, echo()), { dst: 'ff:ff:ff:ff:ff:ff' }),
      lan(ip4({ dst: '255.255.255.255' }, echo())),
      lan(ip4({ dst: '224.0.0.1' }, echo())),
    ],
    out: { lan0: 3 },
  },
  local('says protocol unreachable for an unknown protocol', ip4(toUs, raw(253, pattern(40)))),
  local(
    'says nothing of an unknown protocol to a broadcast address',
    ip4({ dst: '192.0.2.255' }, raw(253, pattern(40))),
    {},
  ),
  local('says port unreachable for a closed UDP port', ip4(toUs, udp())),
  local('says port unreachable for the address of its other side', ip4({ dst: FAR_SIDE }, udp())),
  local('quotes as much as makes 576 bytes', ip4(toUs, udp({}, pattern(1400)))),
  local('quotes a packet that just fits', ip4(toUs, udp({}, pattern(520)))),
  local('quotes a packet that is one byte too long', ip4(toUs, udp({}, pattern(521)))),
  local('quotes options too', ip4({ ...toUs, options: u8(1, 1, 1, 0) }, udp())),
  local('accepts a UDP checksum of zero', ip4(toUs, udp({ sum: 0 }))),
  local('drops a bad UDP checksum', ip4(toUs, udp({ sum: 'bad' })), {}),
  local('drops a UDP length beyond the packet', ip4(toUs, udp({ length: 100 })), {}),
  local('drops a UDP length below its header', ip4(toUs, udp({ length: 7 })), {}),
  local(
    'ignores what follows the UDP length',
    ip4(
      toUs,
      raw(
        17,
        cat(udp({}, pattern(10)).build({ src: ipBytes(LAN_HOST), dst: ipBytes(ROUTER) }, 0), pattern(5)),
      ),
    ),
  ),
  local('drops a UDP header cut short', ip4(toUs, raw(17, pattern(7))), {}),
  local('says nothing of a closed port to broadcast', ip4({ dst: '192.0.2.255' }, udp()), {}),
  local('says nothing of a closed port to multicast', ip4({ dst: '224.0.0.1' }, udp()), {}),
  local('says nothing of a unicast packet in a broadcast frame', ip4(toUs, udp()), { lan0: 1 }),
  {
    name: 'IPv4 local: sends no error about a packet that came by broadcast',
    steps: [lan(ip4(toUs, udp()), { dst: 'ff:ff:ff:ff:ff:ff' })],
    out: {},
  },
  local('resets a SYN to a closed port', ip4(toUs, tcp({ flags: SYN }))),
  local('resets an ACK to a closed port', ip4(toUs, tcp({ flags: ACK, ack: 0x55667788 }))),
  local('resets a SYN with data', ip4(toUs, tcp({ flags: SYN }, pattern(100)))),
  local('resets data without ACK', ip4(toUs, tcp({ flags: PSH }, pattern(10)))),
  local('resets a FIN', ip4(toUs, tcp({ flags: FIN | ACK, ack: 7 }))),
  local('resets no RST', ip4(toUs, tcp({ flags: RST })), {}),
  local('resets a segment without flags', ip4(toUs, tcp({ flags: 0 }))),
  local(
    'resets a SYN with options, TOS and DF',
    ip4({ ...toUs, tos: 0x48, df: true }, tcp({ options: u8(2, 4, 5, 180) })),
  ),
  local('drops a bad TCP checksum', ip4(toUs, tcp({ sum: 'bad' })), {}),
  local('drops a TCP header cut short', ip4(toUs, raw(6, pattern(19))), {}),
  local('drops a TCP header of 4 words', ip4(toUs, tcp({ doff: 4 })), {}),
  local('drops a TCP header longer than the segment', ip4(toUs, tcp({ doff: 15 })), {}),
  local('resets nothing sent to broadcast', ip4({ dst: '192.0.2.255' }, tcp()), {}),
  local('takes any address of 127.0.0.0/8 for a martian', ip4({ dst: '127.0.0.1' }, echo()), {}),
  {
    name: 'IPv4 local: drops a packet from its own address',
    steps: [lan(ip4({ src: ROUTER, dst: ROUTER }, echo())), lan(ip4({ src: FAR_SIDE, dst: ROUTER }, echo()))],
    out: {},
  },
  local(
    'sends no error about an ICMP error',
    errorAbout(3, 1, ip4({ src: ROUTER, dst: WAN_HOST }, udp())),
    {},
  ),
  local('ignores an error that quotes less than a header', errorAbout(3, 3, pattern(12)), {}),
  local(
    'ignores an error about a packet that is not its own',
    errorAbout(11, 0, ip4({ src: '10.1.1.1', dst: WAN_HOST }, udp())),
    {},
  ),
  {
    name: 'IPv4 local: sends no error about an ICMP error that it cannot forward',
    steps: [
      lan(ip4({ ttl: 1 }, icmp(3, 1, be32(0), ip4({}, udp())))),
      lan(ip4({ ttl: 1 }, icmp(11, 0, be32(0), ip4({}, udp())))),
    ],
    out: {},
  },
  {
    name: 'IPv4 local: sends an error about an echo request that it cannot forward',
    steps: [lan(ip4({ ttl: 1 }, echo()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 local: sends an error about an echo reply and about an unknown ICMP type',
    steps: [
      lan(ip4({ ttl: 1 }, icmp(0, 0, be32(1), pattern(8)))),
      lan(ip4({ ttl: 1 }, icmp(77, 0, be32(1), pattern(8)))),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 local: sends errors from the address of the way back',
    steps: [lan(ip4({ src: '203.0.113.9', ttl: 1, dst: '203.0.113.77' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 local: sends errors from the first address of the way back',
    setup: { ip: ['addr add 192.0.2.77/24 dev lan0', 'addr add 10.7.7.7/24 dev lan0'] },
    steps: [lan(ip4({ ttl: 1 }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 local: sends errors from the address on the network of the sender',
    setup: {
      ip: [
        'addr add 10.7.7.7/24 dev lan0',
        'neigh add 10.7.7.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      ],
    },
    steps: [lan(ip4({ src: '10.7.7.2', ttl: 1 }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 local: sends errors from the address of the way in when icmp_errors_use_inbound_ifaddr is on',
    setup: { sysctl: { 'net.ipv4.icmp_errors_use_inbound_ifaddr': 1 } },
    steps: [lan(ip4({ src: '203.0.113.9', ttl: 1, dst: '203.0.113.77' }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 local: answers from the address that was asked, also a second one',
    setup: { ip: ['addr add 192.0.2.77/24 dev lan0'] },
    steps: [
      lan(ip4({ dst: '192.0.2.77' }, echo())),
      lan(ip4({ dst: '192.0.2.77' }, udp())),
      lan(ip4({ dst: '192.0.2.77' }, tcp())),
    ],
    out: { lan0: 3 },
  },
  {
    name: 'IPv4 local: answers on an address of lo',
    setup: { ip: ['addr add 10.255.0.1/32 dev lo'] },
    steps: [lan(ip4({ dst: '10.255.0.1' }, echo())), lan(ip4({ dst: '10.255.0.1' }, tcp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv4 local: sends an error with the precedence of internetwork control',
    steps: [lan(ip4({ ttl: 1, tos: 0x1c }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 local: limits the errors to one peer',
    setup: { sysctl: { 'net.ipv4.icmp_ratelimit': 1000 } },
    steps: Array.from({ length: 9 }, (_, i) => lan(ip4({ ttl: 1, id: i + 1 }, udp()))),
    out: { lan0: 6 },
  },
];
