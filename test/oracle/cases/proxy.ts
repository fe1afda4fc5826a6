/** Answers for others: proxy ARP (RFC 1027), proxy_arp_pvlan (RFC 3069), proxy NDP (RFC 4861 §7.2.8). */
import {
  arp,
  be32,
  cat,
  echo6,
  ETH_P_ARP,
  icmp6,
  ip4,
  ip6,
  ipBytes,
  mac,
  ndOption,
  pattern,
  solicitedNode,
  u8,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import {
  type EtherFields,
  lan,
  type OracleCase,
  ROUTER_MAC,
  type Setup,
  type Step,
  wait,
  wan,
} from '../router.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const OTHER = '192.0.2.50';
const OTHER6 = '2001:db8:1::50';
const OTHER_MAC = '02:00:00:00:01:50';
/** Behind the other side, and nobody. */
const FAR = '198.51.100.77';
const FAR6 = '2001:db8:2::77';

function ask(fields: Parameters<typeof arp>[0], ether: EtherFields = {}): Step {
  const packet = arp({ sha: OTHER_MAC, spa: OTHER, tpa: FAR, ...fields });
  return lan(packet, { type: ETH_P_ARP, dst: BROADCAST, src: OTHER_MAC, ...ether });
}

const AT_ONCE = { 'net.ipv4.neigh.lan0.proxy_delay': 0 };
const PROXY = { ...AT_ONCE, 'net.ipv4.conf.lan0.proxy_arp': 1 };
const PVLAN = { ...AT_ONCE, 'net.ipv4.conf.lan0.proxy_arp_pvlan': 1 };

function arpCase(name: string, setup: Setup, steps: readonly Step[], frames: number): OracleCase {
  return { name: `Proxy ARP: ${name}`, setup, steps, out: frames === 0 ? {} : { lan0: frames } };
}

const AT_ONCE6 = { 'net.ipv6.neigh.lan0.proxy_delay': 0 };
const ON6 = { ...AT_ONCE6, 'net.ipv6.conf.lan0.proxy_ndp': 1 };
const ENTRY6 = [`neigh add proxy ${FAR6} dev lan0`];

interface Solicit {
  src?: string;
  dst?: string;
  target?: string;
  options?: Uint8Array;
}

function solicit(fields: Solicit = {}): Step {
  const target = fields.target ?? FAR6;
  const body = cat(ipBytes(target), fields.options ?? ndOption(1, mac(OTHER_MAC)));
  const packet = ip6(
    { src: fields.src ?? OTHER6, dst: fields.dst ?? solicitedNode(target), hops: 255 },
    icmp6(135, 0, be32(0), body),
  );
  return lan(packet, { src: OTHER_MAC });
}

function ndCase(name: string, setup: Setup, steps: readonly Step[], frames: number): OracleCase {
  return { name: `Proxy ND: ${name}`, setup, steps, out: frames === 0 ? {} : { lan0: frames } };
}

export const proxyCases: readonly OracleCase[] = [
  arpCase('answers for a host behind its other side', { sysctl: PROXY }, [ask({})], 1),
  arpCase(
    'answers when all.proxy_arp is on',
    { sysctl: { ...AT_ONCE, 'net.ipv4.conf.all.proxy_arp': 1 } },
    [ask({})],
    1,
  ),
  arpCase('answers for nobody when it is off', { sysctl: AT_ONCE }, [ask({})], 0),
  arpCase('answers for a network behind a gateway', { sysctl: PROXY }, [ask({ tpa: '203.0.113.9' })], 1),
  arpCase(
    'answers for no host of the link it was asked on',
    { sysctl: PROXY },
    [ask({ tpa: '192.0.2.99' })],
    0,
  ),
  arpCase('answers for no address without a route', { sysctl: PROXY }, [ask({ tpa: '10.9.9.9' })], 0),
  arpCase(
    'answers for no address that it would drop',
    { sysctl: PROXY, ip: ['route add blackhole 10.7.0.0/16', 'route add unreachable 10.8.0.0/16'] },
    [ask({ tpa: '10.7.0.1' }), ask({ tpa: '10.8.0.1' })],
    0,
  ),
  arpCase(
    'answers for nobody while it does not forward',
    { sysctl: { ...PROXY, 'net.ipv4.ip_forward': 0 } },
    [ask({})],
    0,
  ),
  arpCase('answers for nobody to a probe', { sysctl: PROXY }, [ask({ spa: '0.0.0.0' })], 0),
  arpCase('answers for nobody to a reply', { sysctl: PROXY }, [ask({ op: 2, tha: ROUTER_MAC.lan0 })], 0),
  arpCase('still answers for itself', { sysctl: PROXY }, [ask({ tpa: '192.0.2.1' })], 1),
  arpCase(
    'answers a unicast request at once, whatever proxy_delay says',
    { sysctl: { 'net.ipv4.conf.lan0.proxy_arp': 1 } },
    [ask({}, { dst: ROUTER_MAC.lan0 })],
    1,
  ),
  arpCase(
    'answers a broadcast request within proxy_delay',
    { sysctl: { 'net.ipv4.conf.lan0.proxy_arp': 1 } },
    [ask({}), wait(1100)],
    1,
  ),
  arpCase(
    'knows who asked',
    { sysctl: PROXY },
    [ask({}), wan(ip4({ src: WAN_HOST, dst: OTHER }, udp({}, pattern(20))))],
    2,
  ),
  arpCase(
    'answers for hosts of the same link with proxy_arp_pvlan',
    { sysctl: PVLAN },
    [ask({ tpa: '192.0.2.99' })],
    1,
  ),
  arpCase('answers for no other link with proxy_arp_pvlan alone', { sysctl: PVLAN }, [ask({})], 0),
  arpCase(
    'answers for both with both',
    { sysctl: { ...PVLAN, ...PROXY } },
    [ask({ tpa: '192.0.2.99' }), ask({})],
    2,
  ),
  arpCase(
    'answers for an entry of its own',
    { sysctl: AT_ONCE, ip: [`neigh add proxy ${FAR} dev lan0`] },
    [ask({}), ask({ tpa: '198.51.100.78' })],
    1,
  ),
  arpCase(
    'answers for no entry of another link',
    { sysctl: AT_ONCE, ip: [`neigh add proxy ${FAR} dev wan0`] },
    [ask({})],
    0,
  ),
  arpCase(
    'answers for no entry of a host on the link it was asked on',
    { sysctl: AT_ONCE, ip: ['neigh add proxy 192.0.2.99 dev lan0'] },
    [ask({ tpa: '192.0.2.99' })],
    0,
  ),
  arpCase(
    'answers no more for an entry that was deleted',
    { sysctl: AT_ONCE, ip: [`neigh add proxy ${FAR} dev lan0`, `neigh del proxy ${FAR} dev lan0`] },
    [ask({})],
    0,
  ),
  ndCase('answers for an entry', { sysctl: ON6, ip: ENTRY6 }, [solicit()], 1),
  ndCase(
    'answers when all.proxy_ndp is on',
    { sysctl: { ...AT_ONCE6, 'net.ipv6.conf.all.proxy_ndp': 1 }, ip: ENTRY6 },
    [solicit()],
    1,
  ),
  ndCase('answers for nobody when it is off', { sysctl: AT_ONCE6, ip: ENTRY6 }, [solicit()], 0),
  ndCase('answers for nobody without an entry', { sysctl: ON6 }, [solicit()], 0),
  ndCase(
    'answers for no entry of another link',
    { sysctl: ON6, ip: [`neigh add proxy ${FAR6} dev wan0`] },
    [solicit()],
    0,
  ),
  ndCase(
    'answers no more for an entry that was deleted',
    { sysctl: ON6, ip: [...ENTRY6, `neigh del proxy ${FAR6} dev lan0`] },
    [solicit()],
    0,
  ),
  ndCase(
    'answers a probe of duplicate address detection to all nodes',
    { sysctl: ON6, ip: ENTRY6 },
    [solicit({ src: '::', options: u8() })],
    1,
  ),
  ndCase(
    'says that a router has it when the entry says so',
    { sysctl: ON6, ip: [`neigh add proxy ${FAR6} dev lan0 router`] },
    [solicit()],
    1,
  ),
  ndCase(
    'answers for nobody where it does not forward',
    { sysctl: { ...ON6, 'net.ipv6.conf.lan0.forwarding': 0 }, ip: ENTRY6 },
    [solicit()],
    0,
  ),
  ndCase(
    'answers within proxy_delay',
    { sysctl: { 'net.ipv6.conf.lan0.proxy_ndp': 1 }, ip: ENTRY6 },
    [solicit(), wait(1100)],
    1,
  ),
  ndCase(
    'answers a unicast solicitation that it would forward',
    { sysctl: { ...ON6, 'net.ipv6.conf.all.proxy_ndp': 1 }, ip: ENTRY6 },
    [solicit({ dst: FAR6 })],
    1,
  ),
  {
    name: 'Proxy ND: forwards what else is sent to an entry',
    setup: {
      sysctl: { ...ON6, 'net.ipv6.conf.all.proxy_ndp': 1 },
      ip: [`neigh add proxy ${WAN_HOST6} dev lan0`],
    },
    steps: [lan(ip6({}, udp({}, pattern(20)))), lan(ip6({}, echo6()))],
    out: { wan0: 2 },
  },
  {
    name: 'Proxy ND: knows who asked',
    setup: { sysctl: ON6, ip: ENTRY6 },
    steps: [solicit(), wan(ip6({ src: WAN_HOST6, dst: OTHER6 }, udp({}, pattern(20))))],
    out: { lan0: 2 },
  },
];
