/** What changes when addresses, links, routes and sysctls do. */
import {
  be32,
  cat,
  echo,
  echo6,
  icmp,
  ip4,
  ip6,
  LAN_HOST,
  LAN_HOST6,
  pattern,
  raw,
  tcp,
  u8,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import { lan, type OracleCase, wan } from '../router.js';

const ROUTER = '192.0.2.1';
const FAR_SIDE = '198.51.100.1';
const BROADCAST = { dst: 'ff:ff:ff:ff:ff:ff' };

/** What a router behind the WAN says of a packet that ours would have sent to .2. */
function fragNeeded(mtu: number): Uint8Array {
  const quoted = ip4(
    { src: FAR_SIDE, dst: WAN_HOST, df: true, total: 1428 },
    raw(1, u8(0, 0, 0, 0, 0, 0x77, 0, 1)),
  );
  return ip4({ src: '198.51.100.3', dst: FAR_SIDE }, icmp(3, 4, be32(mtu), quoted));
}

export const configuration: readonly OracleCase[] = [
  {
    name: 'Configuration: forgets the routes and addresses of a link that is down',
    setup: { ip: ['link set wan0 down'] },
    steps: [
      lan(ip4({}, udp())),
      lan(ip4({ dst: '203.0.113.9' }, udp())),
      lan(ip4({ dst: FAR_SIDE }, echo())),
      lan(ip6({}, udp())),
      lan(ip6({ dst: '2001:db8:2::1' }, echo6())),
    ],
    out: { lan0: 5 },
  },
  {
    name: 'Configuration: has IPv4 addresses and their networks again when the link comes up, but no other routes',
    setup: {
      ip: [
        'link set wan0 down',
        'link set wan0 up',
        'neigh add 198.51.100.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
      ],
    },
    steps: [
      lan(ip4({}, udp())),
      lan(ip4({ dst: '203.0.113.9' }, udp())),
      lan(ip4({ dst: FAR_SIDE }, echo())),
      lan(ip6({}, udp())),
      lan(ip6({ dst: '2001:db8:2::1' }, echo6())),
    ],
    out: { lan0: 4, wan0: 1 },
  },
  {
    name: 'Configuration: forgets the network of an address that was deleted',
    setup: { ip: ['addr del 198.51.100.1/24 dev wan0'] },
    steps: [
      lan(ip4({}, udp())),
      lan(ip4({ dst: FAR_SIDE }, echo())),
      lan(ip4({ dst: '198.51.100.255' }, udp())),
    ],
    out: { lan0: 3 },
  },
  {
    name: 'Configuration: forgets the IPv6 network of an address that was deleted',
    setup: { ip: ['addr del 2001:db8:1::1/64 dev lan0'] },
    steps: [
      lan(ip6({ src: 'fe80::2', dst: '2001:db8:1::1' }, echo6())),
      wan(ip6({ src: WAN_HOST6, dst: LAN_HOST6 }, udp())),
    ],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'Configuration: deletes second addresses of a network with the first',
    setup: {
      ip: [
        'addr add 192.0.2.77/24 dev lan0',
        'addr del 192.0.2.1/24 dev lan0',
        'addr add 192.0.2.1/32 dev lan0',
        'route add 192.0.2.2/32 dev lan0',
      ],
    },
    steps: [lan(ip4({ dst: '192.0.2.77' }, echo()))],
    out: { lan0: 1 },
  },
  {
    name: 'Configuration: answers both addresses of a /31',
    setup: {
      ip: [
        'addr add 10.8.8.0/31 dev lan0',
        'neigh add 10.8.8.1 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      ],
    },
    steps: [
      lan(ip4({ src: '10.8.8.1', dst: '10.8.8.0' }, echo())),
      lan(ip4({ src: '10.8.8.1', dst: '10.8.8.0' }, udp())),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'Configuration: takes the last address of a /30 for broadcast',
    setup: { ip: ['addr add 10.8.8.1/30 brd + dev lan0'] },
    steps: [
      lan(ip4({ src: '10.8.8.2', dst: '10.8.8.3' }, udp())),
      wan(ip4({ src: WAN_HOST, dst: '10.8.8.3' }, udp())),
    ],
    out: {},
  },
  {
    name: 'Configuration: sends errors from the source that the route names',
    setup: { ip: ['route add 203.0.113.64/26 via 198.51.100.2 src 192.0.2.1'] },
    steps: [
      wan(ip4({ src: '203.0.113.65', dst: LAN_HOST, ttl: 1 }, udp())),
      wan(ip4({ src: '203.0.113.5', dst: LAN_HOST, ttl: 1 }, udp())),
    ],
    out: { wan0: 2 },
  },
  {
    name: 'Configuration: sends IPv6 errors from the source that the route names',
    setup: { ip: ['route add 2001:db8:3:40::/60 via 2001:db8:2::2 src 2001:db8:1::1'] },
    steps: [wan(ip6({ src: '2001:db8:3:40::1', dst: LAN_HOST6, hops: 1 }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'Configuration: obeys net.ipv6.conf.mtu',
    setup: { sysctl: { 'net.ipv6.conf.wan0.mtu': 1300 } },
    steps: [lan(ip6({}, udp({}, pattern(1300)))), lan(ip6({}, udp({}, pattern(1252))))],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'Configuration: speaks no IPv6 where disable_ipv6 is on',
    setup: { sysctl: { 'net.ipv6.conf.wan0.disable_ipv6': 1 } },
    steps: [lan(ip6({}, udp())), wan(ip6({ src: WAN_HOST6, dst: LAN_HOST6 }, udp())), lan(ip4({}, udp()))],
    out: { lan0: 1, wan0: 1 },
  },
  {
    name: 'Configuration: drops unicast in link-layer broadcast when told to',
    setup: {
      sysctl: {
        'net.ipv4.conf.lan0.drop_unicast_in_l2_multicast': 1,
        'net.ipv6.conf.lan0.drop_unicast_in_l2_multicast': 1,
      },
    },
    steps: [
      lan(ip4({ dst: ROUTER }, echo()), BROADCAST),
      lan(ip6({ dst: '2001:db8:1::1' }, echo6()), BROADCAST),
      lan(ip4({ dst: ROUTER }, echo())),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'Configuration: answers a unicast echo request in a link-layer broadcast',
    steps: [
      lan(ip4({ dst: ROUTER }, echo()), BROADCAST),
      lan(ip6({ dst: '2001:db8:1::1' }, echo6()), BROADCAST),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'Configuration: takes its own address as a source when accept_local is on',
    setup: { sysctl: { 'net.ipv4.conf.lan0.accept_local': 1 } },
    steps: [lan(ip4({ src: FAR_SIDE }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'Configuration: answers 127.0.0.1 when route_localnet is on',
    setup: { sysctl: { 'net.ipv4.conf.lan0.route_localnet': 1 } },
    steps: [lan(ip4({ dst: '127.0.0.1' }, echo()))],
    out: { lan0: 1 },
  },
  {
    name: 'Configuration: lowers an MTU to route/min_pmtu at most, and then sets no DF',
    steps: [
      wan(fragNeeded(100)),
      wan(ip4({ src: WAN_HOST, dst: FAR_SIDE }, echo(pattern(1000)))),
      wan(ip4({ src: WAN_HOST, dst: FAR_SIDE }, tcp())),
    ],
    out: { wan0: 3 },
  },
  {
    name: 'Configuration: takes a next-hop MTU of 0 for the smallest',
    steps: [wan(fragNeeded(0)), wan(ip4({ src: WAN_HOST, dst: FAR_SIDE }, echo(pattern(1000))))],
    out: { wan0: 2 },
  },
  {
    name: 'Configuration: judges what it forwards by a learned MTU when ip_forward_use_pmtu is on',
    setup: { sysctl: { 'net.ipv4.ip_forward_use_pmtu': 1 } },
    steps: [wan(fragNeeded(800)), lan(ip4({ df: true }, udp({}, pattern(1000))))],
    out: { lan0: 1 },
  },
  {
    name: 'Configuration: drops what comes from 0.0.0.0, broadcast or not',
    steps: [
      lan(ip4({ src: '0.0.0.0', dst: '255.255.255.255' }, udp({ sport: 68, dport: 67 }, pattern(300)))),
      lan(ip4({ src: '0.0.0.0', dst: ROUTER }, echo())),
      lan(ip4({ src: '0.0.0.0', dst: ROUTER }, udp())),
      lan(ip4({ src: '0.0.0.0', dst: '192.0.2.255' }, udp())),
    ],
    out: {},
  },
  {
    name: 'Configuration: limits how often it says that there is no route',
    steps: Array.from({ length: 8 }, (_, i) => lan(ip4({ dst: '10.9.9.9', id: i + 1 }, udp()))),
    out: { lan0: 5 },
  },
  {
    name: 'Configuration: sends one redirect for two packets at once',
    steps: [lan(ip4({ dst: '192.0.2.3' }, udp())), lan(ip4({ dst: '192.0.2.3' }, udp()))],
    out: { lan0: 3 },
  },
  {
    name: 'Configuration: sends IPv6 redirects for two packets at once',
    steps: [lan(ip6({ dst: '2001:db8:1::3' }, udp())), lan(ip6({ dst: '2001:db8:1::3' }, udp()))],
    out: { lan0: 4 },
  },
  {
    name: 'Configuration: knows a link-local address on its own link only',
    setup: { ip: ['addr add fe80::9/64 dev wan0 nodad'] },
    steps: [
      wan(ip6({ src: 'fe80::2', dst: 'fe80::9' }, echo6())),
      lan(ip6({ src: 'fe80::2', dst: 'fe80::9' }, echo6())),
    ],
    out: { lan0: 2, wan0: 1 },
  },
  {
    name: 'Configuration: has no anycast address in a /127',
    setup: {
      ip: [
        'addr add 2001:db8:9::1/127 dev lan0 nodad',
        'neigh add 2001:db8:9:: lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      ],
    },
    steps: [
      wan(ip6({ src: WAN_HOST6, dst: '2001:db8:9::' }, udp())),
      lan(ip6({ dst: '2001:db8:9::1' }, echo6())),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'Configuration: resets a SYN with FIN and urgent data as any other',
    steps: [lan(ip4({ dst: ROUTER }, tcp({ flags: 0x23 }, cat(pattern(7)))))],
    out: { lan0: 1 },
  },
];
