/**
 * VRFs: both ports in one, each in its own, one of them in none; errors, local addresses, routes from one to the other,
 * rules. Red has table 10, blue table 20.
 */
import {
  arp,
  echo,
  echo6,
  ETH_P_ARP,
  fragments4,
  fragments6,
  ip4,
  ip6,
  LAN_HOST6,
  pattern,
  tcp,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import { lan, type OracleCase, type Setup, STANDARD_IP, type Step, wan } from '../router.js';

const FAR = '203.0.113.9';
const FAR6 = '2001:db8:3::9';
const VRFS = [
  'link add red type vrf table 10',
  'link add blue type vrf table 20',
  'link set red up',
  'link set blue up',
];

/** The standard addresses and neighbours, and the two far routes in the table of the port's VRF. */
function addresses(table: string): string[] {
  return STANDARD_IP.map((line) => (line.startsWith('route') ? `${line} ${table}` : line));
}

const BOTH_RED = [...VRFS, 'link set lan0 master red', 'link set wan0 master red', ...addresses('table 10')];
const RED_BLUE = [...VRFS, 'link set lan0 master red', 'link set wan0 master blue', ...addresses('table 20')];
const RED_MAIN = [...VRFS, 'link set lan0 master red', ...addresses('table 254')];
const LOCAL_LAST = [
  'rule add pref 32765 table local',
  'rule del pref 0',
  '-6 rule add pref 32765 table local',
  '-6 rule del pref 0',
];

function one(
  name: string,
  base: readonly string[],
  steps: readonly Step[] | Step,
  out: OracleCase['out'] = {},
  more: Setup = {},
): OracleCase {
  const list = Array.isArray(steps) ? (steps as readonly Step[]) : [steps as Step];
  return { name: `VRF: ${name}`, needs: 'vrf', setup: { ...more, base }, steps: list, out };
}

const to4 = (dst: string, fields: Parameters<typeof ip4>[0] = {}) => lan(ip4({ dst, ...fields }, udp()));
const to6 = (dst: string, fields: Parameters<typeof ip6>[0] = {}) => lan(ip6({ dst, ...fields }, udp()));
const ping = (dst: string, fields: Parameters<typeof ip4>[0] = {}) => lan(ip4({ dst, ...fields }, echo()));
const ping6 = (dst: string, fields: Parameters<typeof ip6>[0] = {}) => lan(ip6({ dst, ...fields }, echo6()));
const who = (tpa: string, fields: Partial<Parameters<typeof arp>[0]> = {}) =>
  lan(arp({ sha: '02:00:00:00:01:02', spa: '192.0.2.2', tpa, ...fields }), {
    type: ETH_P_ARP,
    dst: 'ff:ff:ff:ff:ff:ff',
  });

const within: readonly OracleCase[] = [
  one('forwards between two ports of one', BOTH_RED, [to4(WAN_HOST), to4(FAR)], { wan0: 2 }),
  one('forwards IPv6 between two ports of one', BOTH_RED, [to6(WAN_HOST6), to6(FAR6)], { wan0: 2 }),
  one('forwards back, too', BOTH_RED, [wan(ip4({ src: WAN_HOST, dst: '192.0.2.2' }, udp()))], { lan0: 1 }),
  one('answers a ping to the address of the port', BOTH_RED, ping('192.0.2.1'), { lan0: 1 }),
  one('answers a ping to the address of another port', BOTH_RED, ping('198.51.100.1'), { lan0: 1 }),
  one('answers IPv6 pings to both ports', BOTH_RED, [ping6('2001:db8:1::1'), ping6('2001:db8:2::1')], {
    lan0: 2,
  }),
  one(
    'answers pings to the VRF’s own addresses',
    BOTH_RED,
    [ping('10.9.9.9'), ping6('2001:db8:9::9')],
    { lan0: 2 },
    {
      ip: ['addr add 10.9.9.9/32 dev red', 'addr add 2001:db8:9::9/128 dev red nodad'],
    },
  ),
  one(
    'answers a ping to the link-local address of the port',
    BOTH_RED,
    ping6('fe80::1', { src: 'fe80::2' }),
    {
      lan0: 1,
    },
  ),
  one('answers a ping to all nodes', BOTH_RED, ping6('ff02::1', { src: 'fe80::2' }), { lan0: 1 }),
  one('tells that a TTL ran out', BOTH_RED, to4(FAR, { ttl: 1 }), { lan0: 1 }),
  one('tells that a hop limit ran out', BOTH_RED, to6(FAR6, { hops: 1 }), { lan0: 1 }),
  one(
    'tells that a packet is too big',
    BOTH_RED,
    [lan(ip4({ dst: FAR, df: true }, udp({}, pattern(1300))))],
    { lan0: 1 },
    {
      ip: ['link set wan0 mtu 1280'],
    },
  ),
  one('tells that there is no network of its table', BOTH_RED, [to4('100.64.0.1'), to6('2001:db8:99::1')], {
    lan0: 2,
  }),
  one(
    'stops at an unreachable default route of its table',
    BOTH_RED,
    [to4('100.64.0.1'), to6('2001:db8:99::1')],
    { lan0: 2 },
    {
      ip: [
        'route add unreachable default metric 4278198272 vrf red',
        'route add unreachable ::/0 metric 4278198272 vrf red',
      ],
    },
  ),
  one('has no socket for UDP and TCP', BOTH_RED, [to4('192.0.2.1'), lan(ip4({ dst: '192.0.2.1' }, tcp()))], {
    lan0: 2,
  }),
  one(
    'has no socket for UDP and TCP over IPv6',
    BOTH_RED,
    [to6('2001:db8:1::1'), lan(ip6({ dst: '2001:db8:1::1' }, tcp()))],
    {
      lan0: 2,
    },
  ),
  one(
    'puts fragments together for itself',
    BOTH_RED,
    fragments4({ dst: '192.0.2.1' }, echo(pattern(600)), 256).map((p) => lan(p)),
    {
      lan0: 1,
    },
  ),
  one(
    'puts IPv6 fragments together for itself',
    BOTH_RED,
    fragments6({ dst: '2001:db8:1::1' }, [echo6(pattern(600))], 256).map((p) => lan(p)),
    { lan0: 1 },
  ),
  one(
    'fragments what it forwards',
    BOTH_RED,
    [lan(ip4({ dst: FAR, df: false }, udp({}, pattern(1400))))],
    { wan0: 2 },
    {
      ip: ['link set wan0 mtu 1280'],
    },
  ),
  one(
    'tells a neighbour of a better way',
    BOTH_RED,
    ping('203.0.113.9'),
    { lan0: 2 },
    {
      ip: ['route replace 203.0.113.0/24 via 192.0.2.3 table 10'],
    },
  ),
  one(
    'tells an IPv6 neighbour of a better way',
    BOTH_RED,
    ping6(FAR6),
    { lan0: 2 },
    {
      ip: [
        'neigh add fe80::3 lladdr 02:00:00:00:01:03 dev lan0 nud permanent',
        'route replace 2001:db8:3::/48 via fe80::3 dev lan0 table 10',
      ],
    },
  ),
  one(
    'answers ARP for the port, and with the address of another port',
    BOTH_RED,
    [who('192.0.2.1'), who('198.51.100.1')],
    {
      lan0: 2,
    },
  ),
  one(
    'answers ARP with arp_filter by its own table',
    BOTH_RED,
    [who('192.0.2.1'), who('198.51.100.1')],
    { lan0: 2 },
    {
      sysctl: { 'net.ipv4.conf.lan0.arp_filter': 1 },
    },
  ),
  one(
    'drops a source from the wrong port with rp_filter',
    BOTH_RED,
    [lan(ip4({ src: WAN_HOST, dst: FAR }, udp())), to4(FAR)],
    { wan0: 1 },
    { sysctl: { 'net.ipv4.conf.lan0.rp_filter': 1 } },
  ),
  one(
    'does not forward when its port does not',
    BOTH_RED,
    to4(FAR),
    {},
    {
      sysctl: { 'net.ipv4.conf.lan0.forwarding': 0 },
    },
  ),
  one(
    'forwards though the VRF does not',
    BOTH_RED,
    to4(FAR),
    { wan0: 1 },
    {
      sysctl: { 'net.ipv4.conf.red.forwarding': 0 },
    },
  ),
  one(
    'does not take a packet from one of its own addresses',
    BOTH_RED,
    lan(ip4({ src: '198.51.100.1', dst: FAR }, udp())),
    {},
  ),
];

const apart: readonly OracleCase[] = [
  one('does not forward from one to the other', RED_BLUE, to4(WAN_HOST), { lan0: 1 }),
  one('does not know the routes of the other', RED_BLUE, to4(FAR), { lan0: 1 }),
  one('does not forward IPv6 from one to the other', RED_BLUE, [to6(WAN_HOST6), to6(FAR6)], { lan0: 2 }),
  one(
    'does not answer for an address of the other',
    RED_BLUE,
    [ping('198.51.100.1'), ping6('2001:db8:2::1')],
    { lan0: 2 },
  ),
  one('does not answer ARP for an address of the other', RED_BLUE, [who('198.51.100.1'), who('192.0.2.1')], {
    lan0: 1,
  }),
  one(
    'have the same addresses, each for itself',
    [
      ...VRFS,
      'link set lan0 master red',
      'link set wan0 master blue',
      'addr add 192.0.2.1/24 brd 192.0.2.255 dev lan0',
      'addr add 192.0.2.1/24 brd 192.0.2.255 dev wan0',
      'addr add 2001:db8:1::1/64 dev lan0 nodad',
      'addr add 2001:db8:1::1/64 dev wan0 nodad',
      'neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      'neigh add 192.0.2.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
      'neigh add 2001:db8:1::2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      'neigh add 2001:db8:1::2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
    ],
    [
      ping('192.0.2.1'),
      wan(ip4({ src: '192.0.2.2', dst: '192.0.2.1' }, echo())),
      ping6('2001:db8:1::1'),
      wan(ip6({ src: LAN_HOST6, dst: '2001:db8:1::1' }, echo6())),
    ],
    { lan0: 2, wan0: 2 },
  ),
  one(
    'do not put together what came in pieces to both',
    [
      ...VRFS,
      'link set lan0 master red',
      'link set wan0 master blue',
      'addr add 192.0.2.1/24 brd 192.0.2.255 dev lan0',
      'addr add 192.0.2.1/24 brd 192.0.2.255 dev wan0',
      'neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      'neigh add 192.0.2.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
    ],
    fragments4({ dst: '192.0.2.1' }, echo(pattern(600)), 256).map((p, i) => (i === 0 ? lan(p) : wan(p))),
    {},
  ),
  one(
    'reach the other by a route to one of its ports',
    RED_BLUE,
    [to4(FAR), to6(FAR6)],
    { wan0: 2 },
    {
      ip: [
        'route add 203.0.113.0/24 via 198.51.100.2 dev wan0 onlink table 10',
        'route add 2001:db8:3::/48 via 2001:db8:2::2 dev wan0 onlink table 10',
      ],
    },
  ),
  one(
    'reach the other by a route to the VRF',
    RED_BLUE,
    [to4(FAR), to6(FAR6), to4(WAN_HOST)],
    { wan0: 2, lan0: 1 },
    {
      ip: ['route add 203.0.113.0/24 dev blue table 10', 'route add 2001:db8:3::/48 dev blue table 10'],
    },
  ),
  one(
    'fragment what they send by a route to the other',
    RED_BLUE,
    [lan(ip4({ dst: FAR, df: false }, udp({}, pattern(1400))))],
    { wan0: 2 },
    {
      ip: ['route add 203.0.113.0/24 dev blue table 10', 'link set wan0 mtu 1280'],
    },
  ),
  one(
    'answer for the other’s address by a route to it',
    RED_BLUE,
    ping('198.51.100.1'),
    { lan0: 1 },
    {
      ip: ['route add 198.51.100.0/24 dev blue table 10', 'route add 192.0.2.0/24 dev red table 20'],
    },
  ),
];

const between: readonly OracleCase[] = [
  one('falls through to main when its own table has nothing', RED_MAIN, [to4(FAR), to6(FAR6)], { wan0: 2 }),
  one(
    'does not fall through past an unreachable default route',
    RED_MAIN,
    [to4(FAR), to6(FAR6)],
    { lan0: 2 },
    {
      ip: ['route add unreachable default vrf red', 'route add unreachable ::/0 vrf red'],
    },
  ),
  one(
    'finds the IPv4 addresses of main first, by rule 0, and not those of IPv6',
    RED_MAIN,
    [ping('198.51.100.1'), ping6('2001:db8:2::1')],
    { lan0: 1 },
  ),
  one(
    'does not find the addresses of main when local comes last and its own table says no',
    RED_MAIN,
    [ping('198.51.100.1'), ping6('2001:db8:2::1')],
    { lan0: 2 },
    { ip: [...LOCAL_LAST, 'route add unreachable default vrf red', 'route add unreachable ::/0 vrf red'] },
  ),
  one(
    'forwards from main into a VRF by a route of main',
    RED_MAIN,
    wan(ip4({ src: WAN_HOST, dst: '192.0.2.2' }, udp())),
    { lan0: 1 },
    {
      ip: ['route add 192.0.2.0/24 dev red'],
    },
  ),
  // IPv4 does so, too, from 6.15 on: test/net/vrf has it.
  one(
    'takes a rule for the VRF that an IPv6 packet came by',
    RED_MAIN,
    to6('2001:db8:64::1'),
    { wan0: 1 },
    { ip: ['route add 2001:db8:64::/48 via 2001:db8:2::3 table 100', '-6 rule add iif red lookup 100'] },
  ),
  one(
    'takes a rule for the port that a packet came by, IPv4 only',
    RED_MAIN,
    [to4('100.64.0.1'), to6('2001:db8:64::1')],
    { wan0: 1, lan0: 1 },
    {
      ip: [
        'route add 100.64.0.0/10 via 198.51.100.3 table 100',
        'rule add iif lan0 lookup 100',
        'route add 2001:db8:64::/48 via 2001:db8:2::3 table 100',
        '-6 rule add iif lan0 lookup 100',
      ],
    },
  ),
  one('has no IPv6 table when its rule is gone', BOTH_RED, to6(FAR6), {}, { ip: ['-6 rule del pref 1000'] }),
];

/** IPv6 addresses would be lost on the way. */
const four = (lines: readonly string[]) => lines.filter((line) => !line.includes('::'));

const moving: readonly OracleCase[] = [
  one(
    'lets a port go, with its addresses',
    four(BOTH_RED),
    [ping('192.0.2.1'), to4(FAR)],
    { lan0: 2 },
    {
      ip: [
        'link set lan0 nomaster',
        'neigh replace 192.0.2.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      ],
    },
  ),
  one(
    'takes a port of another',
    four(RED_BLUE),
    to4(WAN_HOST),
    { wan0: 1 },
    {
      ip: [
        'link set wan0 master red',
        'neigh replace 198.51.100.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
      ],
    },
  ),
  one(
    'lets all ports go when it is deleted',
    four(BOTH_RED),
    to4(WAN_HOST),
    { wan0: 1 },
    {
      ip: [
        'link del red',
        'neigh replace 192.0.2.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
        'neigh replace 198.51.100.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
      ],
    },
  ),
];

export const vrfCases: readonly OracleCase[] = [...within, ...apart, ...between, ...moving];
