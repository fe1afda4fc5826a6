/** ARP (RFC 826, RFC 5227) and the resolution of IPv4 neighbours. */
import { arp, cat, echo, ETH_P_ARP, ip4, pattern, udp, WAN_HOST } from '../packet.js';
import { type EtherFields, lan, type OracleCase, type Step, wait, wan } from '../router.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const OTHER = '192.0.2.50';
const OTHER_MAC = '02:00:00:00:01:50';
const ETHER: EtherFields = { type: ETH_P_ARP, dst: BROADCAST };

/** An ARP message sent on the LAN by the host .50, which has no permanent entry. */
function ask(fields: Parameters<typeof arp>[0], ether: EtherFields = {}): Step {
  return lan(arp({ sha: OTHER_MAC, spa: OTHER, ...fields }), { ...ETHER, src: OTHER_MAC, ...ether });
}

/** What .50 answers to the router's question. */
const answer = ask({ op: 2, tha: '02:00:00:00:01:01', tpa: '192.0.2.1' }, { dst: '02:00:00:00:01:01' });
const toOther = (id: number, n = 20): Step =>
  wan(ip4({ src: WAN_HOST, dst: OTHER, id }, udp({}, pattern(n, id))));

function one(name: string, step: Step, out: OracleCase['out'] = {}): OracleCase {
  return { name: `ARP: ${name}`, steps: [step], out };
}

export const arpCases: readonly OracleCase[] = [
  one('answers a request for its address', ask({}), { lan0: 1 }),
  one(
    'answers a padded request',
    lan(cat(arp({ sha: OTHER_MAC, spa: OTHER }), new Uint8Array(18)), { ...ETHER, src: OTHER_MAC }),
    { lan0: 1 },
  ),
  one('answers a unicast request', ask({}, { dst: '02:00:00:00:01:01' }), { lan0: 1 }),
  one('answers a request for the address of its other side', ask({ tpa: '198.51.100.1' }), { lan0: 1 }),
  one('answers a probe from 0.0.0.0', ask({ spa: '0.0.0.0' }), { lan0: 1 }),
  one('answers a request from an address of another network', ask({ spa: '10.1.1.1' }), { lan0: 1 }),
  one('answers no request for another host', ask({ tpa: '192.0.2.99' })),
  one('answers no request for a broadcast address', ask({ tpa: '192.0.2.255' })),
  one('answers no request for a multicast address', ask({ tpa: '224.0.0.1' })),
  one('answers no request for a loopback address', ask({ tpa: '127.0.0.1' })),
  one('answers no request from its own address', ask({ spa: '192.0.2.1' })),
  one('answers no gratuitous request', ask({ tpa: OTHER })),
  one('takes the hardware type of IEEE 802 for Ethernet', ask({ hardware: 6 }), { lan0: 1 }),
  one('answers no request of another hardware type', ask({ hardware: 24 })),
  one('answers no request for another protocol', ask({ protocol: 0x86dd })),
  one('answers no request with other lengths', ask({ hlen: 8 })),
  one('answers no request cut short', lan(arp({}).subarray(0, 27), ETHER)),
  one('answers no unknown operation', ask({ op: 9 })),
  one('answers no request for another host by unicast', ask({}, { dst: '02:00:00:00:01:99' })),
  one('ignores an answer that nobody asked for', ask({ op: 2, tha: '02:00:00:00:01:01' })),
  {
    name: 'ARP: answers no request for its other side when arp_ignore is 1',
    setup: { sysctl: { 'net.ipv4.conf.all.arp_ignore': 1 } },
    steps: [ask({ tpa: '198.51.100.1' }), ask({})],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: answers no request from another network when arp_ignore is 2',
    setup: { sysctl: { 'net.ipv4.conf.lan0.arp_ignore': 2 } },
    steps: [ask({ spa: '10.1.1.1' }), ask({})],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: answers for another network when proxy_arp is on',
    setup: { sysctl: { 'net.ipv4.conf.lan0.proxy_arp': 1, 'net.ipv4.neigh.lan0.proxy_delay': 0 } },
    steps: [ask({ tpa: WAN_HOST }), ask({ tpa: '192.0.2.99' })],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: asks for a neighbour and sends what waited, in order',
    steps: [toOther(1), toOther(2, 700), toOther(3), answer, toOther(4)],
    out: { lan0: 5 },
  },
  {
    name: 'ARP: asks for a gateway, not for the destination',
    setup: { ip: ['route add 203.0.113.64/26 via 192.0.2.50'] },
    steps: [wan(ip4({ src: WAN_HOST, dst: '203.0.113.70' }, udp())), answer],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: asks from the address on the network of the neighbour',
    setup: { ip: ['addr add 10.7.7.7/24 dev lan0'] },
    steps: [wan(ip4({ src: WAN_HOST, dst: '10.7.7.9' }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: asks before it answers an echo of a neighbour that it does not know',
    steps: [lan(ip4({ src: OTHER, dst: '192.0.2.1' }, echo()), { src: OTHER_MAC }), answer],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: learns the address of a host that asks for it',
    steps: [ask({}), toOther(1)],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: learns nothing of a request for another host',
    steps: [ask({ tpa: '192.0.2.99' }), toOther(1)],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: updates a known neighbour by a gratuitous request',
    setup: { sysctl: { 'net.ipv4.neigh.lan0.locktime': 0 } },
    steps: [
      ask({}),
      lan(arp({ sha: '02:00:00:00:01:51', spa: OTHER, tpa: OTHER }), { ...ETHER, src: '02:00:00:00:01:51' }),
      toOther(1),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: believes no second address within locktime',
    steps: [
      ask({}),
      lan(arp({ sha: '02:00:00:00:01:51', spa: OTHER, tpa: OTHER }), { ...ETHER, src: '02:00:00:00:01:51' }),
      toOther(1),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: makes an entry of a gratuitous request when arp_accept is on',
    setup: { sysctl: { 'net.ipv4.conf.lan0.arp_accept': 1 } },
    steps: [ask({ tpa: OTHER }), toOther(1)],
    out: { lan0: 1 },
  },
  {
    name: 'ARP: changes no permanent neighbour',
    steps: [
      lan(arp({ sha: OTHER_MAC, spa: '192.0.2.3', tpa: '192.0.2.1' }), { ...ETHER, src: OTHER_MAC }),
      wan(ip4({ src: WAN_HOST, dst: '192.0.2.3' }, udp())),
    ],
    out: { lan0: 2 },
  },
  {
    name: 'ARP: keeps a bounded queue per neighbour and drops its oldest',
    setup: { sysctl: { 'net.ipv4.neigh.lan0.unres_qlen_bytes': 4096 } },
    steps: [...Array.from({ length: 9 }, (_, i) => toOther(i + 1)), answer],
    out: { lan0: 6 },
  },
  {
    name: 'ARP: asks three times a second apart, then says host unreachable of all that waited',
    steps: [toOther(1), toOther(2), wait(3400)],
    out: { lan0: 3, wan0: 2 },
  },
  {
    name: 'ARP: asks anew for a neighbour that failed',
    setup: { sysctl: { 'net.ipv4.neigh.lan0.retrans_time_ms': 200 } },
    steps: [toOther(1), wait(900), toOther(2)],
    out: { lan0: 4, wan0: 1 },
  },
  {
    name: 'ARP: asks a stale neighbour once more by unicast after it was used, then by broadcast',
    setup: {
      sysctl: { 'net.ipv4.neigh.lan0.delay_first_probe_time': 1, 'net.ipv4.neigh.lan0.retrans_time_ms': 200 },
    },
    steps: [ask({}), toOther(1), wait(2200), toOther(2), wait(900)],
    out: { lan0: 8, wan0: 1 },
  },
  {
    name: 'ARP: asks no more when the stale neighbour answers',
    setup: {
      sysctl: {
        'net.ipv4.neigh.lan0.delay_first_probe_time': 1,
        'net.ipv4.neigh.lan0.retrans_time_ms': 4000,
      },
    },
    steps: [ask({}), toOther(1), wait(1700), answer, wait(2000), toOther(2)],
    out: { lan0: 4 },
  },
  {
    name: 'ARP: answers no request from where its way leads elsewhere when arp_filter is on',
    setup: { sysctl: { 'net.ipv4.conf.lan0.arp_filter': 1 } },
    steps: [ask({ spa: '203.0.113.5' }), ask({})],
    out: { lan0: 1 },
  },
];
