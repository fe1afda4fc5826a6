/**
 * Routes with several next hops and next-hop objects. fib_multipath_hash_seed makes Linux's choice a known one, and
 * ours has to be the same, flow by flow.
 */
import { be32, cat, echo, icmp, icmp6, ip4, ip6, raw, tcp, u8, udp } from '../packet.js';
import { lan, type OracleCase, type Step } from '../router.js';

const FLOWS = 24;
const SEED = 0x5eed1234;
const VIA2 = 'nexthop via 198.51.100.2';
const VIA3 = 'nexthop via 198.51.100.3';
const VIA2_6 = 'nexthop via 2001:db8:2::2';
const VIA3_6 = 'nexthop via 2001:db8:2::3';
const NET = 'route replace 203.0.113.0/24';
const NET6 = 'route replace 2001:db8:3::/48';
const TWO = `${NET} ${VIA2} ${VIA3}`;
const TWO6 = `${NET6} ${VIA2_6} ${VIA3_6}`;
const OBJECTS = ['nexthop add id 1 via 198.51.100.2 dev wan0', 'nexthop add id 2 via 198.51.100.3 dev wan0'];
const OBJECTS6 = [
  'nexthop add id 1 via 2001:db8:2::2 dev wan0',
  'nexthop add id 2 via 2001:db8:2::3 dev wan0',
];

/** No redirects to a sender whose packets go back to its side: they are sent by the clock. */
const SILENT = { 'net.ipv4.conf.all.send_redirects': 0, 'net.ipv4.conf.lan0.send_redirects': 0 };

const far = (i: number): string => `203.0.113.${i + 1}`;
const far6 = (i: number): string => `2001:db8:3::${(i + 1).toString(16)}`;

function flows(one: (i: number) => Step): Step[] {
  return Array.from({ length: FLOWS }, (_, i) => one(i));
}

const BY_DST = flows((i) => lan(ip4({ dst: far(i) }, udp())));
const BY_DST6 = flows((i) => lan(ip6({ dst: far6(i) }, udp())));
const BY_PORT = flows((i) => lan(ip4({ dst: far(7) }, udp({ sport: 1000 + i, dport: 80 }))));
const BY_PORT6 = flows((i) => lan(ip6({ dst: far6(7) }, tcp({ sport: 1000 + i, dport: 443 }))));
const BY_LABEL = flows((i) => lan(ip6({ dst: far6(7), flow: i * 0x1111 }, udp())));

function spread(
  name: string,
  ip: readonly string[],
  steps: readonly Step[],
  sysctl: Readonly<Record<string, number>> = {},
  out: OracleCase['out'] = { wan0: FLOWS },
): OracleCase {
  const setup = { ip, sysctl: { 'net.ipv4.fib_multipath_hash_seed': SEED, ...sysctl } };
  return { name: `Multipath: ${name}`, setup, steps, out };
}

const policy = (value: number, fields?: number): Record<string, number> => ({
  'net.ipv4.fib_multipath_hash_policy': value,
  ...(fields === undefined ? {} : { 'net.ipv4.fib_multipath_hash_fields': fields }),
});
const policy6 = (value: number, fields?: number): Record<string, number> => ({
  'net.ipv6.fib_multipath_hash_policy': value,
  ...(fields === undefined ? {} : { 'net.ipv6.fib_multipath_hash_fields': fields }),
});

/** A packet in a packet. */
const inner4 = (i: number): Uint8Array => ip4({ src: '10.1.0.1', dst: `10.2.0.${i + 1}` }, udp());
const inner6 = (i: number): Uint8Array => ip6({ src: '2001:db8:a::1', dst: `2001:db8:b::${i + 1}` }, udp());
const gre = (type: number, packet: Uint8Array): Uint8Array => cat(u8(0, 0, type >> 8, type & 255), packet);

export const multipath: readonly OracleCase[] = [
  spread('spreads flows by destination', [TWO], BY_DST),
  spread('spreads flows by another seed', [TWO], BY_DST, { 'net.ipv4.fib_multipath_hash_seed': 7 }),
  spread(
    'keeps a flow on its way',
    [TWO],
    flows(() => lan(ip4({ dst: far(3) }, udp()))),
  ),
  spread('does not look at ports unless told to', [TWO], BY_PORT),
  spread('spreads flows by port with policy 1', [TWO], BY_PORT, policy(1)),
  spread(
    'spreads TCP by port with policy 1',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7) }, tcp({ sport: 5000 + i })))),
    policy(1),
  ),
  spread(
    'takes echoes by address and protocol with policy 1',
    [TWO],
    flows((i) => lan(ip4({ dst: far(i) }, echo()))),
    policy(1),
  ),
  spread(
    'does not look for ports in fragments with policy 1',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7), mf: true, id: 100 + i, total: 28 }, udp({ sport: 1000 + i })))),
    policy(1),
  ),
  spread(
    'spreads tunnelled flows by the inner packet with policy 2',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7) }, raw(4, inner4(i))))),
    policy(2),
  ),
  spread(
    'spreads tunnelled IPv6 by the inner packet with policy 2',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7) }, raw(41, inner6(i))))),
    policy(2),
  ),
  spread(
    'spreads GRE by the inner packet with policy 2',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7) }, raw(47, gre(0x0800, inner4(i)))))),
    policy(2),
  ),
  spread('takes the outer packet of what is no tunnel with policy 2', [TWO], BY_DST, policy(2)),
  spread('hashes the fields that are named with policy 3', [TWO], BY_PORT, policy(3, 16)),
  spread('hashes source and destination by default with policy 3', [TWO], BY_DST, policy(3)),
  spread(
    'hashes inner fields with policy 3',
    [TWO],
    flows((i) => lan(ip4({ dst: far(7) }, raw(4, inner4(i))))),
    policy(3, 3 | (3 << 6)),
  ),
  spread('shares out by weight', [`${NET} ${VIA2} weight 3 ${VIA3} weight 1`], BY_DST),
  spread('shares out by a great weight', [`${NET} ${VIA2} weight 1 ${VIA3} weight 200`], BY_DST),
  spread(
    'takes both directions of a flow for one',
    [TWO, 'route add 100.64.0.0/10 nexthop via 198.51.100.2 nexthop via 198.51.100.3'],
    flows((i) =>
      i % 2 === 0
        ? lan(ip4({ src: '100.64.0.9', dst: far(i) }, udp()))
        : lan(ip4({ src: far(i - 1), dst: '100.64.0.9' }, udp())),
    ),
  ),
  spread(
    'sends an error the way of the packet that it is about',
    [TWO],
    flows((i) =>
      lan(
        ip4({ dst: far(i) }, icmp(3, 1, be32(0), ip4({ src: far((i * 7) % 24), dst: '192.0.2.2' }, udp()))),
      ),
    ),
  ),
  spread(
    'goes by both ways again when a link has come up again',
    [
      `${NET} nexthop via 198.51.100.2 nexthop via 192.0.2.3`,
      'link set wan0 down',
      'link set wan0 up',
      'neigh add 198.51.100.2 lladdr 02:00:00:00:02:02 dev wan0 nud permanent',
    ],
    BY_DST,
    SILENT,
    { wan0: 12, lan0: 12 },
  ),
  spread(
    'goes by one way of two when the other link is down',
    [`${NET} nexthop via 198.51.100.2 nexthop via 192.0.2.3`, 'link set wan0 down'],
    BY_DST,
    SILENT,
    { lan0: 24 },
  ),
  spread(
    'forgets the route when the links of all its next hops are down',
    [TWO, 'link set wan0 down'],
    BY_DST.slice(0, 4),
    {},
    { lan0: 4 },
  ),
  spread(
    'spreads over three next hops, one on the other side',
    [`${NET} ${VIA2} ${VIA3} nexthop via 192.0.2.3`],
    BY_DST,
    SILENT,
    { wan0: 18, lan0: 6 },
  ),
  spread(
    'spreads over next hops of both families',
    [`${NET} nexthop via inet6 2001:db8:2::2 dev wan0 ${VIA3}`],
    BY_DST,
  ),
  spread(
    'spreads a route of another table',
    [`route add default table 100 ${VIA2} ${VIA3}`, 'rule add from 192.0.2.0/24 lookup 100'],
    BY_DST,
  ),

  spread('goes by a next-hop object', [...OBJECTS, `${NET} nhid 2`], BY_DST),
  spread(
    'spreads over a group of objects',
    [...OBJECTS, 'nexthop add id 10 group 1/2', `${NET} nhid 10`],
    BY_DST,
  ),
  spread(
    'spreads over a group by weight',
    [...OBJECTS, 'nexthop add id 10 group 1,5/2,1', `${NET} nhid 10`],
    BY_DST,
  ),
  spread(
    'has routes follow an object that is replaced',
    [...OBJECTS, `${NET} nhid 1`, 'nexthop replace id 1 via 198.51.100.3 dev wan0'],
    BY_DST,
  ),
  spread(
    'has routes follow a group that is replaced',
    [...OBJECTS, 'nexthop add id 10 group 1/2', `${NET} nhid 10`, 'nexthop replace id 10 group 2'],
    BY_DST,
  ),
  spread(
    'takes an object that is deleted out of its group',
    [...OBJECTS, 'nexthop add id 10 group 1/2', `${NET} nhid 10`, 'nexthop del id 1'],
    BY_DST,
  ),
  spread(
    'forgets routes whose object is deleted',
    [...OBJECTS, `route add 100.64.0.0/10 nhid 1`, 'nexthop del id 1'],
    [lan(ip4({ dst: '100.64.0.1' }, udp()))],
    {},
    { lan0: 1 },
  ),
  spread(
    'says nothing at a blackhole object',
    ['nexthop add id 5 blackhole', `${NET} nhid 5`],
    BY_DST.slice(0, 2),
    {},
    {},
  ),
  spread(
    'spreads over a resilient group',
    [...OBJECTS, 'nexthop add id 10 group 1/2 type resilient buckets 16', `${NET} nhid 10`],
    BY_DST,
  ),
  spread(
    'spreads over a resilient group by weight',
    [...OBJECTS, 'nexthop add id 10 group 1,3/2,1 type resilient buckets 32', `${NET} nhid 10`],
    BY_DST,
  ),
  spread(
    'takes a member out of a resilient group',
    [
      ...OBJECTS,
      'nexthop add id 10 group 1/2 type resilient buckets 16',
      `${NET} nhid 10`,
      'nexthop del id 2',
    ],
    BY_DST,
  ),

  spread('spreads IPv6 flows by destination', [TWO6], BY_DST6),
  spread('spreads IPv6 flows by flow label', [TWO6], BY_LABEL),
  spread('spreads IPv6 flows by port with policy 1', [TWO6], BY_PORT6, policy6(1)),
  spread('does not look at the flow label with policy 1', [TWO6], BY_LABEL, policy6(1)),
  spread(
    'spreads IPv6 tunnels by the inner packet with policy 2',
    [TWO6],
    flows((i) => lan(ip6({ dst: far6(7) }, raw(41, inner6(i))))),
    policy6(2),
  ),
  spread(
    'spreads IPv4 in IPv6 by the inner packet with policy 2',
    [TWO6],
    flows((i) => lan(ip6({ dst: far6(7) }, raw(4, inner4(i))))),
    policy6(2),
  ),
  spread('takes the outer IPv6 packet of what is no tunnel with policy 2', [TWO6], BY_LABEL, policy6(2)),
  spread('hashes the flow label with policy 3', [TWO6], BY_LABEL, policy6(3, 8)),
  spread('hashes IPv6 ports with policy 3', [TWO6], BY_PORT6, policy6(3, 48)),
  spread('shares IPv6 out by weight', [`${NET6} ${VIA2_6} weight 3 ${VIA3_6} weight 1`], BY_DST6),
  spread('joins IPv6 routes that are appended', ['route append 2001:db8:3::/48 via 2001:db8:2::3'], BY_DST6),
  spread(
    'takes one of several IPv6 next hops away',
    [TWO6, 'route del 2001:db8:3::/48 via 2001:db8:2::2'],
    BY_DST6,
  ),
  spread(
    'sends an ICMPv6 error the way of the packet that it is about',
    [TWO6],
    flows((i) =>
      lan(
        ip6(
          { dst: far6(i) },
          icmp6(1, 4, be32(0), ip6({ src: far6((i * 7) % 24), dst: '2001:db8:1::2' }, udp())),
        ),
      ),
    ),
  ),
  spread(
    'spreads IPv6 over a group of objects',
    [...OBJECTS6, 'nexthop add id 10 group 1/2', `${NET6} nhid 10`],
    BY_DST6,
  ),
  spread(
    'spreads IPv6 over a resilient group',
    [...OBJECTS6, 'nexthop add id 10 group 1/2 type resilient buckets 16', `${NET6} nhid 10`],
    BY_DST6,
  ),
];
