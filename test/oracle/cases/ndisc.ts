/** Neighbour discovery (RFC 4861) and the resolution of IPv6 neighbours. */
import {
  be32,
  cat,
  echo6,
  icmp6,
  ip6,
  ipBytes,
  mac,
  ndOption,
  pattern,
  solicitedNode,
  u8,
  udp,
  WAN_HOST6,
} from '../packet.js';
import { type EtherFields, lan, type OracleCase, type Setup, type Step, wait, wan } from '../router.js';

const ROUTER = '2001:db8:1::1';
const OTHER = '2001:db8:1::50';
const OTHER_MAC = '02:00:00:00:01:50';
const SOURCE_LL = 1;
const TARGET_LL = 2;
const ours: EtherFields = { src: OTHER_MAC };
const OVERRIDE = 0x20000000;
const SOLICITED = 0x40000000;
const ISROUTER = 0x80000000;

const slla = ndOption(SOURCE_LL, mac(OTHER_MAC));
const tlla = (address = OTHER_MAC): Uint8Array => ndOption(TARGET_LL, mac(address));

interface Solicit {
  src?: string;
  dst?: string;
  target?: string;
  hops?: number;
  code?: number;
  options?: Uint8Array;
  sum?: 'bad';
}

/** A neighbour solicitation of .50 for the router. */
function ns(fields: Solicit = {}): Uint8Array {
  const target = fields.target ?? ROUTER;
  const body = cat(ipBytes(target), fields.options ?? slla);
  const part = icmp6(135, fields.code ?? 0, be32(0), body, fields.sum);
  return ip6(
    { src: fields.src ?? OTHER, dst: fields.dst ?? solicitedNode(target), hops: fields.hops ?? 255 },
    part,
  );
}

/** What .50 advertises to the router. */
function na(flags: number, options: Uint8Array = tlla(), fields: Solicit = {}): Uint8Array {
  const body = cat(ipBytes(fields.target ?? OTHER), options);
  const part = icmp6(136, fields.code ?? 0, be32(flags), body, fields.sum);
  return ip6({ src: fields.src ?? OTHER, dst: fields.dst ?? ROUTER, hops: fields.hops ?? 255 }, part);
}

const solicit = (fields: Solicit = {}): Step => lan(ns(fields), ours);
const answer = lan(na((SOLICITED | OVERRIDE) >>> 0), ours);
const toOther = (id: number, n = 20): Step =>
  wan(ip6({ src: WAN_HOST6, dst: OTHER, flow: id }, udp({}, pattern(n, id))));

function one(name: string, step: Step, out: OracleCase['out'] = {}, setup: Setup = {}): OracleCase {
  return { name: `ND: ${name}`, setup, steps: [step], out };
}

export const ndiscCases: readonly OracleCase[] = [
  one('answers a solicitation for its address', solicit(), { lan0: 1 }),
  one('answers a solicitation for its link-local address', solicit({ src: 'fe80::50', target: 'fe80::1' }), {
    lan0: 1,
  }),
  one('answers a unicast solicitation', solicit({ dst: ROUTER }), { lan0: 1 }),
  {
    name: 'ND: answers a solicitation for the anycast address of its network, without override',
    steps: [solicit({ target: '2001:db8:1::', dst: 'ff02::1:ff00:0' }), wait(1100)],
    out: { lan0: 1 },
  },
  one(
    'answers a unicast solicitation for its anycast address at once',
    solicit({ target: '2001:db8:1::', dst: '2001:db8:1::' }),
    { lan0: 1 },
  ),
  {
    name: 'ND: answers a probe for its anycast address',
    steps: [solicit({ src: '::', target: '2001:db8:1::', dst: 'ff02::1:ff00:0', options: u8() }), wait(1100)],
    out: { lan0: 1 },
  },
  one(
    'answers a unicast solicitation without an address of a neighbour it knows',
    lan(ns({ src: '2001:db8:1::2', dst: ROUTER, options: u8() })),
    { lan0: 1 },
  ),
  one('asks first to answer a solicitation without an address', solicit({ dst: ROUTER, options: u8() }), {
    lan0: 1,
  }),
  one(
    'answers the probe of duplicate address detection to all nodes',
    solicit({ src: '::', options: u8() }),
    { lan0: 1 },
  ),
  one('answers no solicitation for another host', solicit({ target: '2001:db8:1::99' })),
  one('answers no solicitation for the address of its other side', solicit({ target: '2001:db8:2::1' })),
  one('drops a solicitation with a hop limit below 255', solicit({ hops: 254 })),
  one('drops a solicitation whose code is not 0', solicit({ code: 1 })),
  one('drops a solicitation with a bad checksum', solicit({ sum: 'bad' })),
  one('drops a solicitation for a multicast address', solicit({ target: 'ff02::1', dst: 'ff02::1' })),
  one(
    'drops a solicitation with an option of length 0',
    solicit({ options: cat(slla, u8(99, 0, 0, 0, 0, 0, 0, 0)) }),
  ),
  one(
    'drops a solicitation with an option longer than the message',
    solicit({ options: ndOption(SOURCE_LL, mac(OTHER_MAC), 3) }),
  ),
  one(
    'drops a solicitation whose link-layer address is too long',
    solicit({ options: ndOption(SOURCE_LL, pattern(14)) }),
  ),
  one(
    'answers a solicitation with an unknown option',
    solicit({ options: cat(ndOption(99, pattern(14)), slla) }),
    { lan0: 1 },
  ),
  one(
    'drops a solicitation cut short',
    lan(ip6({ src: OTHER, dst: ROUTER, hops: 255 }, icmp6(135, 0, be32(0), pattern(15))), ours),
  ),
  one('drops a probe that has a link-layer address', solicit({ src: '::' })),
  one(
    'drops a probe that is not to the solicited-node group',
    solicit({ src: '::', dst: ROUTER, options: u8() }),
  ),
  one('ignores an advertisement that nobody asked for', lan(na(SOLICITED), ours)),
  one(
    'ignores a router solicitation',
    lan(ip6({ src: 'fe80::50', dst: 'ff02::2', hops: 255 }, icmp6(133, 0, be32(0), slla)), ours),
  ),
  one(
    'ignores a router advertisement',
    lan(
      ip6(
        { src: 'fe80::50', dst: 'ff02::1', hops: 255 },
        icmp6(134, 0, be32(0x40000708), cat(be32(0, 0), slla)),
      ),
      ours,
    ),
  ),
  one(
    'ignores a redirect',
    lan(
      ip6(
        { src: 'fe80::2', dst: ROUTER, hops: 255 },
        icmp6(137, 0, be32(0), cat(ipBytes('fe80::50'), ipBytes(WAN_HOST6))),
      ),
    ),
  ),
  one(
    'answers no solicitation for a proxied address unless told to',
    solicit({ target: WAN_HOST6, dst: solicitedNode(WAN_HOST6) }),
  ),
  {
    name: 'ND: asks for a neighbour and sends what waited, in order',
    steps: [toOther(1), toOther(2, 700), toOther(3), answer, toOther(4)],
    out: { lan0: 5 },
  },
  {
    name: 'ND: asks for a gateway, not for the destination',
    setup: { ip: ['route add 2001:db8:3:40::/60 via fe80::50 dev lan0'] },
    steps: [
      wan(ip6({ src: WAN_HOST6, dst: '2001:db8:3:40::7' }, udp())),
      lan(
        na((SOLICITED | OVERRIDE) >>> 0, tlla(), { src: 'fe80::50', target: 'fe80::50', dst: 'fe80::1' }),
        ours,
      ),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'ND: asks before it answers an echo of a neighbour that it does not know',
    steps: [lan(ip6({ src: OTHER, dst: ROUTER }, echo6()), ours), answer],
    out: { lan0: 2 },
  },
  {
    name: 'ND: asks for a link-local neighbour from the link-local address',
    steps: [lan(ip6({ src: 'fe80::50', dst: 'fe80::1' }, echo6()), ours)],
    out: { lan0: 1 },
  },
  {
    name: 'ND: learns the address of a host that asks for it',
    steps: [solicit(), toOther(1)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: learns the address of a host from its router solicitation',
    steps: [
      lan(ip6({ src: OTHER, dst: 'ff02::2', hops: 255 }, icmp6(133, 0, be32(0), slla)), ours),
      toOther(1),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'ND: learns nothing of a probe',
    steps: [solicit({ src: '::', options: u8() }), toOther(1)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: updates a known neighbour by an advertisement with override',
    steps: [solicit(), lan(na(OVERRIDE, tlla('02:00:00:00:01:51'), { dst: 'ff02::1' }), ours), toOther(1)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: keeps a known neighbour when an advertisement does not override',
    steps: [solicit(), lan(na(0, tlla('02:00:00:00:01:51'), { dst: 'ff02::1' }), ours), toOther(1)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: drops advertisements that are not valid',
    steps: [
      toOther(1),
      lan(na((SOLICITED | OVERRIDE) >>> 0, tlla(), { hops: 64 }), ours),
      lan(na((SOLICITED | OVERRIDE) >>> 0, tlla(), { code: 1 }), ours),
      lan(na((SOLICITED | OVERRIDE) >>> 0, tlla(), { target: 'ff02::1' }), ours),
      lan(na((SOLICITED | OVERRIDE) >>> 0, tlla(), { dst: 'ff02::1' }), ours),
      lan(na((SOLICITED | OVERRIDE) >>> 0, ndOption(TARGET_LL, mac(OTHER_MAC), 0)), ours),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'ND: takes an advertisement to all nodes that is not solicited for an answer, too',
    steps: [toOther(1), lan(na(OVERRIDE, tlla(), { dst: 'ff02::1' }), ours)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: takes no answer without a link-layer address',
    steps: [toOther(1), lan(na((SOLICITED | OVERRIDE) >>> 0, u8()), ours), answer],
    out: { lan0: 2 },
  },
  {
    name: 'ND: takes an advertisement of a router',
    steps: [toOther(1), lan(na((ISROUTER | SOLICITED | OVERRIDE) >>> 0), ours)],
    out: { lan0: 2 },
  },
  {
    name: 'ND: changes no permanent neighbour',
    steps: [
      lan(na(OVERRIDE, tlla(), { src: '2001:db8:1::3', target: '2001:db8:1::3', dst: 'ff02::1' }), ours),
      wan(ip6({ src: WAN_HOST6, dst: '2001:db8:1::3' }, udp())),
    ],
    out: { lan0: 1 },
  },
  {
    name: 'ND: asks three times a second apart, then says address unreachable of all that waited',
    steps: [toOther(1), toOther(2), wait(3400)],
    out: { lan0: 3, wan0: 2 },
  },
  {
    name: 'ND: asks a stale neighbour once more by unicast after it was used, then its group',
    setup: {
      sysctl: { 'net.ipv6.neigh.lan0.delay_first_probe_time': 1, 'net.ipv6.neigh.lan0.retrans_time_ms': 200 },
    },
    steps: [solicit(), toOther(1), wait(2200), toOther(2), wait(900)],
    out: { lan0: 8, wan0: 1 },
  },
  {
    name: 'ND: asks no more when the stale neighbour answers',
    setup: {
      sysctl: {
        'net.ipv6.neigh.lan0.delay_first_probe_time': 1,
        'net.ipv6.neigh.lan0.retrans_time_ms': 4000,
      },
    },
    steps: [solicit(), toOther(1), wait(1700), answer, wait(2000), toOther(2)],
    out: { lan0: 4 },
  },
];
