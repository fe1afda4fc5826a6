/** NAT: what leaves, what comes back, and what was translated, for rules whose choice is not random. */
import {
  ACK,
  be16,
  be32,
  cat,
  echo,
  echo6,
  FIN,
  fragments4,
  icmp,
  icmp6,
  ip4,
  ip6,
  LAN_HOST,
  LAN_HOST6,
  pattern,
  raw,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import type { NatRule } from '../nat_rule.js';
import { lan, wan } from '../router.js';
import type { ConntrackCase } from './conntrack.js';

const ROUTER_WAN = '198.51.100.1';
const ROUTER_WAN6 = '2001:db8:2::1';
const POOL = ['198.51.100.16', '198.51.100.31'] as const;

const masquerade = (family: 0 | 1 = 0): NatRule => ({
  family,
  hook: 'postrouting',
  device: 'wan0',
  to: 'masquerade',
});
const dnat = (addr: string, more: Partial<NatRule> & { port?: readonly [number, number] } = {}): NatRule => {
  const { port, ...rest } = more;
  return {
    family: addr.includes(':') ? 1 : 0,
    hook: 'prerouting',
    to: { addr: [addr, addr], ...(port === undefined ? {} : { port }) },
    ...rest,
  };
};
const snat = (first: string, last = first, more: Partial<NatRule> = {}): NatRule => ({
  family: first.includes(':') ? 1 : 0,
  hook: 'postrouting',
  device: 'wan0',
  to: { addr: [first, last] },
  ...more,
});

const nat = (...rules: readonly NatRule[]): { nat: readonly NatRule[] } => ({ nat: rules });
const cause = (packet: Uint8Array, bytes = 28): Uint8Array => packet.subarray(0, bytes);

export const natCases: readonly ConntrackCase[] = [
  {
    name: 'masquerade: UDP out and back',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, udp())),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, udp({ sport: 7, dport: 40000 }))),
    ],
  },
  {
    name: 'masquerade: UDP without a checksum keeps none',
    setup: nat(masquerade()),
    steps: [lan(ip4({}, udp({ sum: 0 })))],
  },
  {
    name: 'masquerade: many payloads, so that a checksum may become zero',
    setup: nat(masquerade()),
    steps: Array.from({ length: 24 }, (_, i) =>
      lan(ip4({ id: i }, udp({ sport: 41000 + i }, be16(i * 2700)))),
    ),
  },
  {
    name: 'masquerade: a TCP connection',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }),
        ),
      ),
      lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }, pattern(51)))),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          tcp({ sport: 81, dport: 40000, seq: 501, ack: 152, flags: FIN | ACK }),
        ),
      ),
    ],
  },
  {
    name: 'masquerade: an echo and its reply',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, echo())),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, icmp(0, 0, be16(0x77, 1), pattern(8)))),
    ],
  },
  {
    name: 'masquerade: an error about a packet comes to who sent it, with the packet as it was sent',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, udp())),
      wan(
        ip4(
          { src: '203.0.113.1', dst: ROUTER_WAN },
          icmp(11, 0, be32(0), cause(ip4({ src: ROUTER_WAN, ttl: 1 }, udp()), 46)),
        ),
      ),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          icmp(3, 4, be16(0, 1400), cause(ip4({ src: ROUTER_WAN, ttl: 9 }, udp()))),
        ),
      ),
    ],
  },
  {
    name: 'masquerade: an error about an echo',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, echo())),
      wan(
        ip4({ src: WAN_HOST, dst: ROUTER_WAN }, icmp(3, 1, be32(0), cause(ip4({ src: ROUTER_WAN }, echo())))),
      ),
    ],
  },
  {
    name: 'masquerade: an error about a TCP segment of which no more than the ports is there',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          icmp(3, 1, be32(0), cause(ip4({ src: ROUTER_WAN }, tcp({ seq: 100 })))),
        ),
      ),
    ],
  },
  {
    name: 'masquerade: an error whose checksum is wrong is dropped',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, udp())),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          icmp(3, 1, be32(0), cause(ip4({ src: ROUTER_WAN }, udp())), 'bad'),
        ),
      ),
    ],
  },
  {
    name: 'masquerade: a redirect about a translated connection is dropped',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, udp())),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          icmp(5, 1, be32(0xc6336403), cause(ip4({ src: ROUTER_WAN }, udp()))),
        ),
      ),
    ],
  },
  {
    name: 'masquerade: the router answers a TTL of 1 to who sent it',
    setup: nat(masquerade()),
    steps: [lan(ip4({ ttl: 1 }, udp()))],
  },
  {
    name: 'masquerade: fragments leave in fragments',
    setup: nat(masquerade()),
    steps: fragments4({ id: 5 }, udp({}, pattern(400)), 200).map((packet) => lan(packet)),
  },
  {
    name: 'masquerade: what cannot be tracked is not translated',
    setup: nat(masquerade()),
    steps: [lan(ip4({}, udp({ length: 100 }))), lan(ip4({}, tcp({ flags: 3 })))],
  },
  {
    name: 'masquerade: another protocol',
    setup: nat(masquerade()),
    steps: [
      lan(ip4({}, raw(99, pattern(20)))),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, raw(99, pattern(20)))),
    ],
  },
  {
    name: 'masquerade: an SCTP packet, its CRC anew',
    setup: nat(masquerade()),
    steps: [lan(ip4({}, raw(132, sctpInit())))],
  },
  {
    name: 'masquerade: two hosts with one port, the second answer to nobody',
    setup: nat({
      ...snat(ROUTER_WAN),
      proto: 17,
      to: { addr: [ROUTER_WAN, ROUTER_WAN], port: [5000, 5000] },
    }),
    steps: [lan(ip4({}, udp())), lan(ip4({ src: '192.0.2.3' }, udp()))],
  },
  {
    name: 'masquerade over IPv6: UDP, echo, an error',
    setup: nat(masquerade(1)),
    steps: [
      lan(ip6({}, udp())),
      wan(ip6({ src: WAN_HOST6, dst: ROUTER_WAN6 }, udp({ sport: 7, dport: 40000 }))),
      lan(ip6({}, echo6())),
      wan(ip6({ src: WAN_HOST6, dst: ROUTER_WAN6 }, icmp6(129, 0, be16(0x77, 1), pattern(8)))),
      wan(
        ip6(
          { src: '2001:db8:3::1', dst: ROUTER_WAN6 },
          icmp6(1, 4, be32(0), cause(ip6({ src: ROUTER_WAN6, hops: 3 }, udp()), 66)),
        ),
      ),
      wan(
        ip6(
          { src: '2001:db8:3::1', dst: ROUTER_WAN6 },
          icmp6(2, 0, be32(1280), cause(ip6({ src: ROUTER_WAN6, hops: 3 }, echo6()), 56)),
        ),
      ),
    ],
  },
  {
    name: 'snat: a pool of addresses, chosen by both ends',
    setup: nat(snat(...POOL)),
    steps: Array.from({ length: 30 }, (_, i) =>
      lan(ip4({ src: i % 2 === 0 ? LAN_HOST : '192.0.2.3', dst: `203.0.113.${i}` }, udp())),
    ),
  },
  {
    name: 'snat: a persistent pool, chosen by the source',
    setup: nat(snat(...POOL, { flags: ['persistent'] })),
    steps: Array.from({ length: 20 }, (_, i) =>
      lan(ip4({ src: i % 2 === 0 ? LAN_HOST : '192.0.2.3', dst: `203.0.113.${i}` }, udp())),
    ),
  },
  {
    name: 'snat over IPv6: a pool of addresses',
    setup: nat(snat('2001:db8:2::1000', '2001:db8:2::1fff')),
    steps: Array.from({ length: 20 }, (_, i) => lan(ip6({ dst: `2001:db8:3::${i + 1}` }, udp()))),
  },
  {
    name: 'snat: another destination from the same port keeps address and port',
    setup: nat(snat(...POOL)),
    steps: [
      lan(ip4({ dst: '203.0.113.1' }, udp())),
      lan(ip4({ dst: '203.0.113.2' }, udp())),
      lan(ip4({ dst: '203.0.113.3' }, udp({ sport: 40001 }))),
    ],
  },
  {
    name: 'dnat: a port forward and its answers',
    setup: nat(dnat(LAN_HOST, { proto: 6, dport: 8080, device: 'wan0', port: [80, 80] })),
    steps: [
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, tcp({ dport: 8080, seq: 100 }))),
      lan(
        ip4(
          { src: LAN_HOST, dst: WAN_HOST },
          tcp({ sport: 80, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }),
        ),
      ),
      wan(
        ip4(
          { src: WAN_HOST, dst: ROUTER_WAN },
          tcp({ dport: 8080, seq: 101, ack: 501, flags: ACK }, pattern(9)),
        ),
      ),
      lan(
        ip4(
          { src: LAN_HOST, dst: WAN_HOST },
          icmp(3, 3, be32(0), cause(ip4({ src: WAN_HOST, dst: LAN_HOST }, tcp({ dport: 80, seq: 101 })), 40)),
        ),
      ),
    ],
  },
  {
    name: 'dnat: ports of a range are taken from its begin',
    setup: nat(dnat(LAN_HOST, { proto: 17, device: 'wan0', port: [6000, 6010] })),
    steps: [
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, udp({ dport: 53 }))),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, udp({ dport: 54 }))),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, udp({ dport: 6005 }))),
    ],
  },
  {
    name: 'dnat over IPv6: a port forward',
    setup: nat(dnat(LAN_HOST6, { proto: 17, dport: 8080, device: 'wan0', port: [80, 80] })),
    steps: [
      wan(ip6({ src: WAN_HOST6, dst: ROUTER_WAN6 }, udp({ dport: 8080 }))),
      lan(ip6({ src: LAN_HOST6, dst: WAN_HOST6 }, udp({ sport: 80, dport: 40000 }))),
    ],
  },
  {
    name: 'dnat: the router answers a TTL of 1 with the packet as it was sent',
    setup: nat(
      dnat('203.0.113.9', { proto: 17, dport: 8080, port: [80, 80] }),
      dnat('2001:db8:3::9', { proto: 17, dport: 8080, port: [80, 80] }),
    ),
    steps: [
      lan(ip4({ ttl: 1 }, udp({ dport: 8080 }))),
      lan(ip6({ hops: 1 }, udp({ dport: 8080 }))),
      lan(ip4({}, udp({ dport: 8080 }))),
      wan(ip4({ src: '203.0.113.9', dst: LAN_HOST, ttl: 1 }, udp({ sport: 80, dport: 40000 }))),
    ],
  },
  {
    name: 'dnat: to a neighbour of who sent it',
    setup: nat(dnat('192.0.2.3', { proto: 17, dport: 8080, port: [80, 80] })),
    steps: [lan(ip4({ dst: ROUTER_WAN }, udp({ dport: 8080 })))],
  },
  {
    name: 'hairpin: a host reaches another of its network by the address outside',
    setup: nat(dnat('192.0.2.3', { proto: 17, dport: 8080, port: [80, 80] }), {
      family: 0,
      hook: 'postrouting',
      device: 'lan0',
      to: 'masquerade',
    }),
    steps: [
      lan(ip4({ dst: ROUTER_WAN }, udp({ dport: 8080 }))),
      lan(ip4({ src: '192.0.2.3', dst: '192.0.2.1' }, udp({ sport: 80, dport: 40000 }))),
    ],
  },
  {
    name: 'both ends at once',
    setup: nat(masquerade(), dnat('203.0.113.77', { proto: 17, dport: 7, device: 'lan0' })),
    steps: [
      lan(ip4({}, udp())),
      wan(ip4({ src: '203.0.113.77', dst: ROUTER_WAN }, udp({ sport: 7, dport: 40000 }))),
      wan(
        ip4(
          { src: '203.0.113.77', dst: ROUTER_WAN },
          icmp(3, 3, be32(0), cause(ip4({ src: ROUTER_WAN, dst: '203.0.113.77' }, udp()))),
        ),
      ),
    ],
  },
  {
    name: 'a destination of this host: what it answers',
    setup: nat(dnat('192.0.2.1', { device: 'lan0' })),
    steps: [lan(ip4({ dst: '203.0.113.5' }, echo())), lan(ip4({ dst: '203.0.113.6' }, udp({ dport: 999 })))],
  },
];

/** An SCTP INIT with its CRC32c. */
function sctpInit(): Uint8Array {
  const bytes = cat(be16(1000, 2000), be32(0, 0), u8(1, 0), be16(20), be32(7, 65535), be16(1, 1), be32(1));
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  new DataView(bytes.buffer).setUint32(8, ~crc >>> 0, true);
  return bytes;
}
