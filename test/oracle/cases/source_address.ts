/** Which of its addresses the router tells errors from: RFC 6724 §5, and IPv4's primaries and preferred sources. */
import { ip4, ip6, pattern, udp } from '../packet.js';
import { lan, type OracleCase, type Setup } from '../router.js';

const HOST_ULA = 'fd00:1::2';
const HOST_FAR = '2001:db8:1:1::2';
const neigh = (address: string) => `neigh add ${address} lladdr 02:00:00:00:01:02 dev lan0 nud permanent`;
/** Hop limit over: the error goes back by the LAN, from the address chosen for that destination. */
const expired6 = (src: string) => lan(ip6({ src, hops: 1 }, udp({}, pattern(20))));
const expired4 = (src: string) => lan(ip4({ src, ttl: 1 }, udp({}, pattern(20))));

function one(name: string, setup: Setup, src: string): OracleCase {
  const step = src.includes(':') ? expired6(src) : expired4(src);
  return { name: `Source address: ${name}`, setup, steps: [step], out: { lan0: 1 } };
}

const ULA = ['addr add fd00:1::1/64 dev lan0 nodad', neigh(HOST_ULA)];
const TWO = [
  'addr add 2001:db8:1::99/64 dev lan0 nodad',
  'addr add 2001:db8:1:1::1/64 dev lan0 nodad',
  neigh(HOST_FAR),
];

export const sourceAddress: readonly OracleCase[] = [
  one('of the label of the destination', { ip: ULA }, HOST_ULA),
  one('not of another label', { ip: ULA }, '2001:db8:1::2'),
  one('of the longest matching prefix', { ip: TWO }, HOST_FAR),
  one('of the newest of equal ones', { ip: TWO }, '2001:db8:1::2'),
  one(
    'not a deprecated one',
    { ip: [...TWO, 'addr add 2001:db8:1::98/64 dev lan0 nodad valid_lft 9000 preferred_lft 0'] },
    '2001:db8:1::2',
  ),
  one(
    'a deprecated one when it is the only one of its scope on the link',
    {
      ip: [
        'addr del 2001:db8:1::1/64 dev lan0',
        'addr del 2001:db8:2::1/64 dev wan0',
        'addr add 2001:db8:1::98/64 dev lan0 nodad valid_lft 9000 preferred_lft 0',
        neigh('2001:db8:1::2').replace('add', 'replace'),
      ],
    },
    '2001:db8:1::2',
  ),
  one('of link scope for a link-local destination', { ip: ULA }, 'fe80::2'),
  one(
    'by a label that was added',
    {
      ip: [
        ...TWO,
        'addrlabel add prefix 2001:db8:1:1::/64 label 99',
        'addr add fd00:9::1/64 dev wan0 nodad',
        'addrlabel add prefix fd00:9::/64 label 99',
        'addr del 2001:db8:1:1::1/64 dev lan0',
        'route add 2001:db8:1:1::/64 dev lan0',
        neigh(HOST_FAR).replace('add', 'replace'),
      ],
    },
    HOST_FAR,
  ),
  one(
    'of the outgoing link only with use_oif_addrs_only',
    {
      ip: ['addr add fd00:9::1/64 dev wan0 nodad', 'route add fd00:9:1::/64 dev lan0', neigh('fd00:9:1::2')],
      sysctl: { 'net.ipv6.conf.lan0.use_oif_addrs_only': 1 },
    },
    'fd00:9:1::2',
  ),
  one(
    'of another link when the outgoing one has none of the scope',
    {
      ip: [
        'addr del 2001:db8:1::1/64 dev lan0',
        'route add 2001:db8:1::/64 dev lan0',
        neigh('2001:db8:1::2').replace('add', 'replace'),
      ],
    },
    '2001:db8:1::2',
  ),
  one('an IPv4 primary, not a secondary', { ip: ['addr add 192.0.2.77/24 dev lan0'] }, '192.0.2.2'),
  one(
    'the IPv4 address of the subnet of the destination',
    {
      ip: [
        'addr add 10.5.0.1/24 dev lan0',
        'neigh add 10.5.0.2 lladdr 02:00:00:00:01:02 dev lan0 nud permanent',
      ],
    },
    '10.5.0.2',
  ),
  one(
    'the preferred IPv4 source of the route',
    {
      ip: ['addr add 10.6.0.1/32 dev wan0', 'route add 10.7.0.0/24 via 192.0.2.2 src 10.6.0.1'],
    },
    '10.7.0.9',
  ),
  one(
    'an IPv4 address of wider scope than link',
    {
      ip: ['addr add 10.8.0.1/24 dev lan0 scope link', 'route add 10.9.0.0/24 via 192.0.2.2'],
    },
    '10.9.0.9',
  ),
];
