/** IPv6 packets for the router itself: echo, closed ports, scopes, errors. */
import {
  ACK,
  be16,
  be32,
  built,
  cat,
  echo6,
  FIN,
  icmp6,
  ip6,
  LAN_HOST6,
  pattern,
  raw,
  RST,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST6,
} from '../packet.js';
import { lan, type OracleCase, wan } from '../router.js';

const ROUTER = '2001:db8:1::1';
const FAR_SIDE = '2001:db8:2::1';
const toUs = { dst: ROUTER };
const ALL_NODES = 'ff02::1';
const LINK_LOCAL = { src: 'fe80::2', dst: 'fe80::1' };

function local(name: string, packet: Uint8Array, out: OracleCase['out'] = { lan0: 1 }): OracleCase {
  return { name: `IPv6 local: ${name}`, steps: [lan(packet)], out };
}

export const ipv6Local: readonly OracleCase[] = [
  ...[0, 1, 7, 56, 999, 1452].map((n) =>
    local(`answers an echo request of ${n} bytes`, ip6(toUs, echo6(pattern(n)))),
  ),
  local('answers an echo request with a hop limit of 1', ip6({ ...toUs, hops: 1 }, echo6())),
  local(
    'answers an echo request with a traffic class and a flow label',
    ip6({ ...toUs, tclass: 0xb9, flow: 0x12345 }, echo6()),
  ),
  local('answers an echo request to the address of its other side', ip6({ dst: FAR_SIDE }, echo6())),
  local('answers an echo request from link-local to link-local', ip6(LINK_LOCAL, echo6())),
  local('answers a link-local source at its global address', ip6({ src: 'fe80::2', dst: ROUTER }, echo6())),
  local('answers a global source at its link-local address', ip6({ dst: 'fe80::1' }, echo6())),
  local('answers an echo request to all nodes', ip6({ dst: ALL_NODES }, echo6())),
  local(
    'answers an echo request to all nodes from link-local',
    ip6({ src: 'fe80::2', dst: ALL_NODES }, echo6()),
  ),
  local('answers an echo request to all routers', ip6({ dst: 'ff02::2' }, echo6())),
  local('answers an echo request to its solicited-node group', ip6({ dst: 'ff02::1:ff00:1' }, echo6())),
  local('ignores an echo request to a group it is not in', ip6({ dst: 'ff02::77' }, echo6()), {}),
  local(
    'answers an echo request to the anycast address of its network',
    ip6({ dst: '2001:db8:1::' }, echo6()),
  ),
  {
    name: 'IPv6 local: answers through a gateway',
    steps: [wan(ip6({ src: '2001:db8:3::9', dst: ROUTER }, echo6()))],
    out: { wan0: 1 },
  },
  local('answers nothing to where no route leads', ip6({ src: '2001:db8:99::1', dst: ROUTER }, echo6()), {}),
  {
    name: 'IPv6 local: takes the hop limit of its own packets from conf.hop_limit',
    setup: { sysctl: { 'net.ipv6.conf.lan0.hop_limit': 17 } },
    steps: [lan(ip6(toUs, echo6())), lan(ip6(toUs, udp())), lan(ip6(toUs, tcp()))],
    out: { lan0: 3 },
  },
  local('drops an echo request with a bad checksum', ip6(toUs, echo6(pattern(32), { sum: 'bad' })), {}),
  local(
    'drops an ICMPv6 message of 4 bytes',
    ip6(toUs, raw(58, built(raw(58, u8(128, 0, 0, 0)), LAN_HOST6, ROUTER))),
    {},
  ),
  local('answers an echo request whose code is not 0', ip6(toUs, icmp6(128, 3, be16(1, 2), pattern(8)))),
  local('ignores an echo reply', ip6(toUs, icmp6(129, 0, be16(1, 2), pattern(8))), {}),
  local('ignores unknown informational types', ip6(toUs, icmp6(200, 0, be32(0), pattern(8))), {}),
  local('ignores unknown errors', ip6(toUs, icmp6(100, 0, be32(0), pattern(8))), {}),
  local('ignores a node information query', ip6(toUs, icmp6(139, 0, be32(0), pattern(24))), {}),
  {
    name: 'IPv6 local: answers no echo request when echo_ignore_all is on',
    setup: { sysctl: { 'net.ipv6.icmp.echo_ignore_all': 1 } },
    steps: [lan(ip6(toUs, echo6()))],
    out: {},
  },
  local('says port unreachable for a closed UDP port', ip6(toUs, udp())),
  local('says port unreachable at its link-local address', ip6(LINK_LOCAL, udp())),
  local('quotes as much as makes 1280 bytes', ip6(toUs, udp({}, pattern(1400)))),
  local('quotes a packet that just fits', ip6(toUs, udp({}, pattern(1184)))),
  local('quotes a packet that is one byte too long', ip6(toUs, udp({}, pattern(1185)))),
  local('drops a UDP checksum of zero', ip6(toUs, udp({ sum: 0 })), {}),
  local('drops a bad UDP checksum', ip6(toUs, udp({ sum: 'bad' })), {}),
  local('drops a UDP length beyond the packet', ip6(toUs, udp({ length: 100 })), {}),
  local('drops a UDP length below its header', ip6(toUs, udp({ length: 7 })), {}),
  local(
    'ignores what follows the UDP length',
    ip6(toUs, raw(17, cat(built(udp({}, pattern(10)), LAN_HOST6, ROUTER), pattern(5)))),
  ),
  local('drops a UDP header cut short', ip6(toUs, raw(17, pattern(7))), {}),
  local('says nothing of a closed port to multicast', ip6({ dst: ALL_NODES }, udp()), {}),
  local(
    'says nothing of a closed port to the unspecified source',
    ip6({ src: '::', dst: ROUTER }, udp()),
    {},
  ),
  {
    name: 'IPv6 local: sends no error about a packet that came by a multicast frame',
    steps: [lan(ip6(toUs, udp()), { dst: '33:33:00:00:00:01' })],
    out: {},
  },
  local('resets a SYN to a closed port', ip6(toUs, tcp({ flags: SYN }))),
  local('resets an ACK to a closed port', ip6(toUs, tcp({ flags: ACK, ack: 0x55667788 }))),
  local('resets a FIN with data', ip6(toUs, tcp({ flags: FIN | ACK, ack: 7 }, pattern(9)))),
  local(
    'resets with the traffic class and flow label it was asked with',
    ip6({ ...toUs, tclass: 0x48, flow: 0x54321 }, tcp()),
  ),
  local('resets at its link-local address', ip6(LINK_LOCAL, tcp())),
  local('resets no RST', ip6(toUs, tcp({ flags: RST })), {}),
  local('drops a bad TCP checksum', ip6(toUs, tcp({ sum: 'bad' })), {}),
  local('drops a TCP header of 4 words', ip6(toUs, tcp({ doff: 4 })), {}),
  local('drops a TCP header longer than the segment', ip6(toUs, tcp({ doff: 15 })), {}),
  local('resets nothing sent to multicast', ip6({ dst: ALL_NODES }, tcp()), {}),
  local('says port unreachable from its anycast address', ip6({ dst: '2001:db8:1::' }, udp())),
  local('resets nothing sent to its anycast address', ip6({ dst: '2001:db8:1::' }, tcp()), {}),
  {
    name: 'IPv6 local: drops a packet from its own address to itself',
    steps: [lan(ip6({ src: ROUTER, dst: ROUTER }, echo6()))],
    out: {},
  },
  local(
    'sends no error about an ICMPv6 error that it cannot forward',
    ip6({ hops: 1 }, icmp6(1, 0, be32(0), ip6({}, udp()))),
    {},
  ),
  local('sends an error about a redirect', ip6({ hops: 1 }, icmp6(137, 0, be32(0), pattern(32)))),
  local('sends an error about an echo request that it cannot forward', ip6({ hops: 1 }, echo6())),
  local(
    'sends an error about an unknown informational type',
    ip6({ hops: 1 }, icmp6(200, 0, be32(0), pattern(8))),
  ),
  local('sends no error about an unknown error', ip6({ hops: 1 }, icmp6(100, 0, be32(0), pattern(8))), {}),
  local('sends no error about an ICMPv6 header cut short', ip6({ hops: 1 }, raw(58, u8())), {}),
  {
    name: 'IPv6 local: sends errors the way back to the source',
    steps: [lan(ip6({ src: '2001:db8:3::9', dst: '2001:db8:3::77', hops: 1 }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv6 local: sends errors from the address nearest to the source',
    setup: { ip: ['addr add 2001:db8:1::77/64 dev lan0 nodad', 'addr add fd00::1/64 dev lan0 nodad'] },
    steps: [lan(ip6({ hops: 1 }, udp())), lan(ip6({ src: 'fe80::2', hops: 1, dst: WAN_HOST6 }, udp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6 local: answers from the address that was asked, also a second one',
    setup: { ip: ['addr add 2001:db8:1::77/64 dev lan0 nodad'] },
    steps: ['2001:db8:1::77'].flatMap((dst) => [
      lan(ip6({ dst }, echo6())),
      lan(ip6({ dst }, udp())),
      lan(ip6({ dst }, tcp())),
    ]),
    out: { lan0: 3 },
  },
  {
    name: 'IPv6 local: answers on an address of lo',
    setup: { ip: ['addr add 2001:db8:ff::1/128 dev lo'] },
    steps: [lan(ip6({ dst: '2001:db8:ff::1' }, echo6())), lan(ip6({ dst: '2001:db8:ff::1' }, tcp()))],
    out: { lan0: 2 },
  },
  {
    name: 'IPv6 local: limits the errors to one peer',
    setup: { sysctl: { 'net.ipv6.icmp.ratelimit': 1000 } },
    steps: Array.from({ length: 9 }, (_, i) => lan(ip6({ hops: 1, flow: i + 1 }, udp()))),
    out: { lan0: 6 },
  },
];
