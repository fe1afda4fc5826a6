/**
 * 802.1Q and 802.1ad links on the LAN's port: VLAN 5 has 10.0.5.0/24 and 2001:db8:5::/64 with the hosts .2, VLAN 6 has
 * 10.0.6.0/24, and VLAN 7 lies within the service VLAN 100.
 */
import {
  arp,
  echo,
  echo6,
  ETH_P_ARP,
  icmp6,
  ip4,
  ip6,
  ipBytes,
  mac,
  pattern,
  be32,
  cat,
  u8,
  udp,
  WAN_HOST,
} from '../packet.js';
import { type EtherFields, lan, type OracleCase, type Setup, type Step, tagged, wan } from '../router.js';

const HOST5 = '10.0.5.2';
const HOST6 = '10.0.6.2';
const HOST7 = '10.0.7.2';
const HOST5_V6 = '2001:db8:5::2';
const WAN_HOST6 = '2001:db8:2::2';
const MAC5 = '02:00:00:00:05:02';
const FROM5: EtherFields = { src: MAC5 };
const S_TAG = { tpid: 0x88a8 };

const LINKS: readonly string[] = [
  'link add link lan0 name lan0.5 type vlan id 5 egress-qos-map 6:3',
  'link set lan0.5 up',
  'addr add 10.0.5.1/24 brd 10.0.5.255 dev lan0.5',
  'addr add 2001:db8:5::1/64 dev lan0.5 nodad',
  'neigh add 10.0.5.2 lladdr 02:00:00:00:05:02 dev lan0.5 nud permanent',
  'neigh add 10.0.5.3 lladdr 02:00:00:00:05:03 dev lan0.5 nud permanent',
  'neigh add 2001:db8:5::2 lladdr 02:00:00:00:05:02 dev lan0.5 nud permanent',
  'link add link lan0 name lan0.6 type vlan id 6',
  'link set lan0.6 up',
  'addr add 10.0.6.1/24 brd 10.0.6.255 dev lan0.6',
  'neigh add 10.0.6.2 lladdr 02:00:00:00:06:02 dev lan0.6 nud permanent',
  'link add link lan0 name lan0.100 type vlan protocol 802.1ad id 100',
  'link set lan0.100 up',
  'link add link lan0.100 name lan0.100.7 type vlan id 7',
  'link set lan0.100.7 up',
  'addr add 10.0.7.1/24 brd 10.0.7.255 dev lan0.100.7',
  'neigh add 10.0.7.2 lladdr 02:00:00:00:07:02 dev lan0.100.7 nud permanent',
];

const from5 = (dst: string, fields: Parameters<typeof ip4>[0] = {}, n = 30): Step =>
  lan(ip4({ src: HOST5, dst, ...fields }, udp({}, pattern(n))), FROM5);
const toHost = (dst: string, fields: Parameters<typeof ip4>[0] = {}, n = 30): Step =>
  wan(ip4({ src: WAN_HOST, dst, ...fields }, udp({}, pattern(n))));

function one(name: string, step: Step, out: OracleCase['out'] = {}, more: Setup = {}): OracleCase {
  const setup = { ...more, ip: [...LINKS, ...(more.ip ?? [])] };
  return { name: `VLAN: ${name}`, needs: 'vlan', setup, steps: [step], out };
}

const solicitation = cat(be32(0), ipBytes('2001:db8:5::1'), u8(1, 1), mac(MAC5));

export const vlanCases: readonly OracleCase[] = [
  one('forwards from a VLAN, without the tag', tagged(from5(WAN_HOST), 5), { wan0: 1 }),
  one('forwards to a VLAN, with the tag', toHost(HOST5), { lan0: 1 }),
  one('forwards from one VLAN to another on the same port', tagged(from5(HOST6), 5), { lan0: 1 }),
  one('forwards from the port itself to a VLAN', lan(ip4({ dst: HOST6 }, udp())), { lan0: 1 }),
  one(
    'answers an echo request in its VLAN',
    tagged(lan(ip4({ src: HOST5, dst: '10.0.5.1' }, echo()), FROM5), 5),
    {
      lan0: 1,
    },
  ),
  one(
    'answers in a VLAN for an address of another',
    tagged(lan(ip4({ src: HOST5, dst: '10.0.6.1' }, echo()), FROM5), 5),
    {
      lan0: 1,
    },
  ),
  one(
    'answers ARP in its VLAN',
    tagged(
      lan(arp({ sha: MAC5, spa: HOST5, tpa: '10.0.5.1' }), {
        type: ETH_P_ARP,
        dst: 'ff:ff:ff:ff:ff:ff',
        src: MAC5,
      }),
      5,
    ),
    {
      lan0: 1,
    },
  ),
  one('forwards IPv6 from a VLAN', tagged(lan(ip6({ src: HOST5_V6, dst: WAN_HOST6 }, udp()), FROM5), 5), {
    wan0: 1,
  }),
  one('forwards IPv6 to a VLAN', wan(ip6({ src: WAN_HOST6, dst: HOST5_V6 }, udp())), { lan0: 1 }),
  one(
    'answers an IPv6 echo request in its VLAN',
    tagged(lan(ip6({ src: HOST5_V6, dst: '2001:db8:5::1' }, echo6()), FROM5), 5),
    {
      lan0: 1,
    },
  ),
  one(
    'answers a neighbour solicitation in its VLAN',
    tagged(
      lan(ip6({ src: HOST5_V6, dst: 'ff02::1:ff00:1', hops: 255 }, icmp6(135, 0, u8(), solicitation)), FROM5),
      5,
    ),
    { lan0: 1 },
  ),
  one('drops a VLAN that it has no link for', tagged(from5(WAN_HOST), 8)),
  one('drops a VLAN whose link is down', tagged(from5(WAN_HOST), 5), {}, { ip: ['link set lan0.5 down'] }),
  one('drops an 802.1ad tag of an 802.1Q link', tagged(from5(WAN_HOST), 5, S_TAG)),
  one('drops an 802.1Q tag of an 802.1ad link', tagged(from5(WAN_HOST), 100)),
  one(
    'drops a packet for another host in a VLAN',
    tagged(lan(ip4({ src: HOST5 }, udp()), { ...FROM5, dst: '02:00:00:00:05:99' }), 5),
  ),
  one('takes a tag of VLAN 0 for a priority alone', tagged(lan(ip4({}, udp())), 0, { pcp: 5 }), { wan0: 1 }),
  one('takes VLAN 0 in front of a VLAN away', tagged(tagged(from5(WAN_HOST), 5), 0), { wan0: 1 }),
  one('does not keep the priority of what it received', tagged(from5(HOST6), 5, { pcp: 7, dei: true }), {
    lan0: 1,
  }),
  one('sends the priority that the packet maps to', toHost(HOST5, { tos: 0x10 }), { lan0: 1 }),
  one('sends no priority where none maps', toHost(HOST5, { tos: 0x08 }), { lan0: 1 }),
  one('says in the VLAN that the TTL has expired', tagged(from5(WAN_HOST, { ttl: 1 }), 5), { lan0: 1 }),
  one('says in the VLAN that there is no route', tagged(from5('203.0.114.9'), 5), { lan0: 1 }),
  one('says in the VLAN that there is a better way', tagged(from5('10.0.5.3'), 5), { lan0: 2 }),
  one('forwards a packet as large as the port takes, with a tag more', toHost(HOST5, { df: true }, 1472), {
    lan0: 1,
  }),
  one(
    'says that a packet is too large for the VLAN',
    toHost(HOST5, { df: true }, 1400),
    { wan0: 1 },
    {
      ip: ['link set lan0.5 mtu 1400'],
    },
  ),
  one(
    'fragments for the MTU of the VLAN',
    toHost(HOST5, {}, 1400),
    { lan0: 2 },
    { ip: ['link set lan0.5 mtu 1400'] },
  ),
  one('drops a tag that is cut short', {
    kind: 'frame',
    port: 'lan0',
    frame: cut(tagged(from5(WAN_HOST), 5), 15),
  }),
  one('drops a frame that ends with its tag', {
    kind: 'frame',
    port: 'lan0',
    frame: cut(tagged(from5(WAN_HOST), 5), 18),
  }),
  one(
    'forwards from a VLAN within a service VLAN',
    tagged(tagged(lan(ip4({ src: HOST7 }, udp())), 7), 100, S_TAG),
    {
      wan0: 1,
    },
  ),
  one('forwards to a VLAN within a service VLAN, with both tags', toHost(HOST7), { lan0: 1 }),
  one(
    'answers within a service VLAN',
    tagged(tagged(lan(ip4({ src: HOST7, dst: '10.0.7.1' }, echo())), 7), 100, S_TAG),
    {
      lan0: 1,
    },
  ),
  one(
    'drops an inner VLAN that it has no link for',
    tagged(tagged(lan(ip4({ src: HOST7 }, udp())), 8), 100, S_TAG),
  ),
  one('drops two tags where one is wanted', tagged(tagged(from5(WAN_HOST), 6), 5)),
];

function cut(step: Step, bytes: number): Uint8Array {
  return step.kind === 'frame' ? step.frame.subarray(0, bytes) : u8();
}
