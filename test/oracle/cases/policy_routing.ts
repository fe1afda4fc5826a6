/** Rules and tables, types of routes per table, tos, metrics: `ip rule`, `ip route ... table`. */
import { echo, echo6, ip4, ip6, tcp, udp, WAN_HOST, WAN_HOST6 } from '../packet.js';
import { lan, type OracleCase, wan } from '../router.js';

const FAR = '203.0.113.9';
const FAR6 = '2001:db8:3::9';
/** The other host on the WAN. */
const VIA3 = 'via 198.51.100.3';
const VIA3_6 = 'via 2001:db8:2::3';
const SECOND = '192.0.2.3';
const SECOND6 = '2001:db8:1::3';
const ELSEWHERE = '100.64.0.9';

/** One packet from each host of the LAN to the network behind the WAN. */
const BOTH = [lan(ip4({ dst: FAR }, udp())), lan(ip4({ src: SECOND, dst: FAR }, udp()))];
const BOTH6 = [lan(ip6({ dst: FAR6 }, udp())), lan(ip6({ src: SECOND6, dst: FAR6 }, udp()))];

function four(
  name: string,
  ip: readonly string[],
  out: OracleCase['out'],
  steps: OracleCase['steps'] = BOTH,
): OracleCase {
  return { name: `Rules: ${name}`, setup: { ip }, steps, out };
}

const table100 = `route add default ${VIA3} table 100`;
const table100six = `route add ::/0 ${VIA3_6} table 100`;

export const policyRouting: readonly OracleCase[] = [
  four('takes another table by source', [table100, 'rule add from 192.0.2.3 lookup 100'], { wan0: 2 }),
  four('takes another table by a prefix of sources', [table100, 'rule add from 192.0.2.2/31 lookup 100'], {
    wan0: 2,
  }),
  four(
    'takes another table by destination',
    [table100, 'rule add to 203.0.113.8/29 lookup 100'],
    { wan0: 2 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: '203.0.113.16' }, udp()))],
  ),
  four(
    'takes another table by source and destination',
    [table100, 'rule add from 192.0.2.3 to 203.0.113.9 lookup 100'],
    {
      wan0: 2,
    },
  ),
  four('takes another table by the link that it came by', [table100, 'rule add iif lan0 lookup 100'], {
    wan0: 2,
  }),
  four(
    'does not take a table of packets that came by another link',
    [table100, 'rule add iif wan0 lookup 100'],
    {
      wan0: 2,
    },
  ),
  four('does not take a table for a link that there is not', [table100, 'rule add iif nosuch lookup 100'], {
    wan0: 2,
  }),
  four('turns a rule round with not', [table100, 'rule add not from 192.0.2.3 lookup 100'], { wan0: 2 }),
  four('takes another table by tos', [table100, 'rule add tos 0x10 lookup 100'], { wan0: 4 }, [
    lan(ip4({ dst: FAR, tos: 0x10 }, udp())),
    lan(ip4({ dst: FAR, tos: 0x08 }, udp())),
    lan(ip4({ dst: FAR, tos: 0xb0 }, udp())),
    lan(ip4({ dst: FAR, tos: 0x12 }, udp())),
  ]),
  four('takes another table by protocol', [table100, 'rule add ipproto udp lookup 100'], { wan0: 3 }, [
    lan(ip4({ dst: FAR }, udp())),
    lan(ip4({ dst: FAR }, tcp())),
    lan(ip4({ dst: FAR }, echo())),
  ]),
  four(
    'takes another table by destination port',
    [table100, 'rule add ipproto tcp dport 80-90 lookup 100'],
    { wan0: 4 },
    [
      lan(ip4({ dst: FAR }, tcp({ dport: 80 }))),
      lan(ip4({ dst: FAR }, tcp({ dport: 90 }))),
      lan(ip4({ dst: FAR }, tcp({ dport: 91 }))),
      lan(ip4({ dst: FAR }, udp({ dport: 80 }))),
    ],
  ),
  four('takes another table by source port', [table100, 'rule add sport 1000-1010 lookup 100'], { wan0: 3 }, [
    lan(ip4({ dst: FAR }, udp({ sport: 1000 }))),
    lan(ip4({ dst: FAR }, udp({ sport: 1011 }))),
    lan(ip4({ dst: FAR }, echo())),
  ]),
  four(
    'does not look for ports in a fragment',
    [table100, 'rule add ipproto udp dport 53 lookup 100'],
    { wan0: 2 },
    [
      lan(ip4({ dst: FAR, mf: true, total: 28 }, udp({ dport: 53 }))),
      lan(ip4({ dst: FAR }, udp({ dport: 53 }))),
    ],
  ),
  four(
    'takes the packets without mark for those of mark 0',
    [table100, 'rule add not fwmark 0x1/0x1 lookup 100'],
    {
      wan0: 2,
    },
  ),
  four(
    'does not take a table for a mark that a packet has not',
    [table100, 'rule add fwmark 0x1 lookup 100'],
    {
      wan0: 2,
    },
  ),
  four(
    'goes on with the next rule when a table has no route',
    [`route add 203.0.113.128/25 ${VIA3} table 100`, 'rule add from 192.0.2.0/24 lookup 100'],
    { wan0: 2 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: '203.0.113.200' }, udp()))],
  ),
  four('goes on with the next rule when there is no such table', ['rule add from all lookup 4711'], {
    wan0: 2,
  }),
  four(
    'goes on with the next rule at a throw route',
    [table100, 'route add throw 203.0.113.0/24 table 100', 'rule add from all lookup 100'],
    { wan0: 2 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),
  four(
    'says that there is no route at a throw route of the last table',
    ['route add throw 100.64.0.0/10'],
    { lan0: 1 },
    [lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),
  four(
    'prohibits by a route of another table',
    ['route add prohibit 203.0.113.0/24 table 100', 'rule add from 192.0.2.3 lookup 100'],
    { lan0: 1, wan0: 1 },
  ),
  four(
    'answers unreachable by a route of another table',
    ['route add unreachable 203.0.113.0/24 table 100', 'rule add from 192.0.2.3 lookup 100'],
    { lan0: 1, wan0: 1 },
  ),
  four(
    'says nothing at a blackhole of another table',
    ['route add blackhole 203.0.113.0/24 table 100', 'rule add from 192.0.2.3 lookup 100'],
    { wan0: 1 },
  ),
  four('prohibits by a rule', ['rule add from 192.0.2.3 prohibit'], { lan0: 1, wan0: 1 }),
  four('answers unreachable by a rule', ['rule add from 192.0.2.3 unreachable'], { lan0: 1, wan0: 1 }),
  four('says nothing at a blackhole rule', ['rule add from 192.0.2.3 blackhole'], { wan0: 1 }),
  four('does not stop local delivery by a rule behind the local table', ['rule add from all prohibit'], {}, [
    lan(ip4({ dst: '192.0.2.1' }, echo())),
    lan(ip4({ dst: FAR }, udp())),
  ]),
  four(
    'jumps over rules with goto',
    [
      table100,
      'rule add pref 100 from 192.0.2.3 goto 300',
      'rule add pref 200 from all prohibit',
      'rule add pref 300 from all lookup 100',
    ],
    { wan0: 1 },
  ),
  four(
    'goes on when a goto leads nowhere',
    [table100, 'rule add pref 100 from all goto 300', 'rule add pref 200 from all lookup 100'],
    {
      wan0: 2,
    },
  ),
  four(
    'finds the target of a goto that was added later',
    [
      'rule add pref 100 from 192.0.2.3 goto 300',
      'rule add pref 200 from all prohibit',
      'rule add pref 300 from all lookup main',
    ],
    { wan0: 1 },
  ),
  four('passes a nop', ['rule add pref 100 from all nop', 'rule add pref 200 from 192.0.2.3 prohibit'], {
    lan0: 1,
    wan0: 1,
  }),
  four(
    'takes the first of two rules that are for a packet',
    [
      table100,
      'rule add pref 200 from 192.0.2.0/24 prohibit',
      'rule add pref 100 from 192.0.2.0/24 lookup 100',
    ],
    { wan0: 2 },
  ),
  four(
    'puts a rule without priority in front of those before it',
    [table100, 'rule add from 192.0.2.0/24 prohibit', 'rule add from 192.0.2.0/24 lookup 100'],
    { wan0: 2 },
  ),
  four(
    'suppresses the default route of main',
    [
      table100,
      `route add default ${VIA3}`,
      'rule add pref 100 lookup main suppress_prefixlength 0',
      'rule add pref 200 from all prohibit',
    ],
    { wan0: 1, lan0: 1 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),
  four(
    'suppresses what is not longer than the prefix length',
    [
      table100,
      'rule add pref 100 lookup main suppress_prefixlength 24',
      'rule add pref 200 from all lookup 100',
    ],
    { wan0: 2 },
  ),
  four(
    'forgets a rule that was deleted',
    [table100, 'rule add from 192.0.2.3 lookup 100', 'rule del from 192.0.2.3 lookup 100'],
    { wan0: 2 },
  ),
  four('routes nothing without the rule for main', ['rule del pref 32766'], {}),
  four(
    'takes the table default when main has nothing',
    [`route add default ${VIA3} table default`],
    { wan0: 2 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),
  four(
    'takes the table default with rules as well',
    [`route add default ${VIA3} table default`, 'rule add from 192.0.2.77 prohibit'],
    { wan0: 2 },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),
  four(
    'keeps the networks of links apart from another table',
    [
      'route add 203.0.113.0/24 dev lan0 table 100',
      'neigh add 203.0.113.9 lladdr 02:00:00:00:01:03 dev lan0 nud permanent',
      'rule add from 198.51.100.2 lookup 100',
    ],
    { lan0: 1 },
    [wan(ip4({ src: WAN_HOST, dst: FAR }, udp()))],
  ),
  four(
    'has the answers to its own packets go by the rules',
    [table100, 'rule add iif lo prohibit'],
    { lan0: 0 },
    [lan(ip4({ src: '100.64.0.1', dst: '192.0.2.1' }, echo()))],
  ),
  four(
    'sends errors by the rules',
    ['route add 100.64.0.0/10 via 192.0.2.3 table 100', 'rule add iif lo to 100.64.0.0/10 lookup 100'],
    { lan0: 1 },
    [lan(ip4({ src: '100.64.0.1', dst: '100.65.0.1' }, udp()))],
  ),
  four(
    'believes a source by the rules of the way back',
    [`route add 100.64.0.0/10 via 192.0.2.3 table 100`, 'rule add to 100.64.0.0/10 lookup 100'],
    { wan0: 1 },
    [lan(ip4({ src: '100.64.0.1', dst: FAR }, udp()))],
  ),

  four('takes a route by tos', [`route add 203.0.113.0/24 tos 0x10 ${VIA3}`], { wan0: 3 }, [
    lan(ip4({ dst: FAR, tos: 0x10 }, udp())),
    lan(ip4({ dst: FAR }, udp())),
    lan(ip4({ dst: FAR, tos: 0x18 }, udp())),
  ]),
  four(
    'looks for a shorter prefix when the tos of the longest is another',
    [`route add 203.0.113.8/29 tos 0x10 ${VIA3}`],
    {
      wan0: 2,
    },
    [lan(ip4({ dst: FAR }, udp())), lan(ip4({ dst: FAR, tos: 0x10 }, udp()))],
  ),
  four('takes the lower metric', [`route add 203.0.113.0/24 ${VIA3} metric 5`], { wan0: 2 }),
  four(
    'takes the higher metric when the better route is gone',
    [`route add 203.0.113.0/24 ${VIA3} metric 5`, 'route del 203.0.113.0/24 via 198.51.100.2'],
    { wan0: 2 },
  ),
  four(
    'takes a gateway that is on no network of the link',
    [
      'neigh add 10.77.0.1 lladdr 02:00:00:00:02:03 dev wan0 nud permanent',
      'route replace 203.0.113.0/24 via 10.77.0.1 dev wan0 onlink',
    ],
    { wan0: 2 },
  ),
  four('goes by an IPv6 router', [`route replace 203.0.113.0/24 via inet6 2001:db8:2::3 dev wan0`], {
    wan0: 2,
  }),
  four('goes by an IPv6 router on the link', ['route replace 203.0.113.0/24 via inet6 fe80::2 dev wan0'], {
    wan0: 2,
  }),
  four(
    'keeps to the MTU of a route',
    [`route replace 203.0.113.0/24 ${VIA3} mtu 1000`],
    { lan0: 1, wan0: 1 },
    [
      lan(ip4({ dst: FAR, df: true }, udp({}, new Uint8Array(1200)))),
      lan(ip4({ dst: FAR, df: true }, udp({}, new Uint8Array(900)))),
    ],
  ),
  four(
    'keeps to a locked MTU of a route',
    [`route replace 203.0.113.0/24 ${VIA3} mtu lock 1000`],
    { lan0: 1, wan0: 2 },
    [
      lan(ip4({ dst: FAR, df: true }, udp({}, new Uint8Array(1200)))),
      lan(ip4({ dst: FAR }, udp({}, new Uint8Array(1200)))),
    ],
  ),
  four(
    'answers with the hop limit of the route',
    ['route add 100.64.0.0/10 via 192.0.2.3 hoplimit 7'],
    { lan0: 1 },
    [lan(ip4({ src: '100.64.0.1', dst: '192.0.2.1' }, echo()))],
  ),
  four(
    'tells errors from the source that the route prefers',
    ['addr add 192.0.2.99/32 dev lan0', 'route add 100.64.0.0/10 via 192.0.2.3 src 192.0.2.99'],
    { lan0: 1 },
    [lan(ip4({ src: '100.64.0.1', dst: FAR, ttl: 1 }, udp()))],
  ),
  four(
    'forgets routes that prefer a source that is deleted',
    [
      'addr add 198.51.100.99/32 dev wan0',
      `route add 100.64.0.0/10 ${VIA3} src 198.51.100.99`,
      'addr del 198.51.100.99/32 dev wan0',
    ],
    { lan0: 1 },
    [lan(ip4({ dst: ELSEWHERE }, udp()))],
  ),

  four(
    'takes another IPv6 table by source',
    [table100six, `-6 rule add from ${SECOND6} lookup 100`],
    { wan0: 2 },
    BOTH6,
  ),
  four(
    'takes another IPv6 table by destination',
    [table100six, '-6 rule add to 2001:db8:3::/64 lookup 100'],
    { wan0: 2 },
    [lan(ip6({ dst: FAR6 }, udp())), lan(ip6({ dst: '2001:db8:3:1::9' }, udp()))],
  ),
  four(
    'takes another IPv6 table by protocol and port',
    [table100six, '-6 rule add from all ipproto tcp dport 443 lookup 100'],
    {
      wan0: 3,
    },
    [
      lan(ip6({ dst: FAR6 }, tcp({ dport: 443 }))),
      lan(ip6({ dst: FAR6 }, tcp({ dport: 80 }))),
      lan(ip6({ dst: FAR6 }, udp({ dport: 443 }))),
    ],
  ),
  four('prohibits IPv6 by a rule', [`-6 rule add from ${SECOND6} prohibit`], { lan0: 1, wan0: 1 }, BOTH6),
  four(
    'answers IPv6 unreachable by a rule',
    [`-6 rule add from ${SECOND6} unreachable`],
    { lan0: 1, wan0: 1 },
    BOTH6,
  ),
  four(
    'says nothing at an IPv6 blackhole rule',
    [`-6 rule add from ${SECOND6} blackhole`],
    { wan0: 1 },
    BOTH6,
  ),
  four(
    'goes on with the next rule at an IPv6 throw route',
    [table100six, '-6 route add throw 2001:db8:3::/48 table 100', '-6 rule add from all lookup 100'],
    { wan0: 2 },
    [lan(ip6({ dst: FAR6 }, udp())), lan(ip6({ dst: '2001:db8:99::1' }, udp()))],
  ),
  four(
    'prohibits by an IPv6 route of another table',
    ['route add prohibit 2001:db8:3::/48 table 100', `-6 rule add from ${SECOND6} lookup 100`],
    { lan0: 1, wan0: 1 },
    BOTH6,
  ),
  four(
    'jumps over IPv6 rules with goto',
    [
      table100six,
      `-6 rule add pref 100 from ${SECOND6} goto 300`,
      '-6 rule add pref 200 from 2001:db8:1::/64 prohibit',
      '-6 rule add pref 300 from all lookup 100',
    ],
    { wan0: 1 },
    BOTH6,
  ),
  four(
    'suppresses the IPv6 default route of main',
    [
      `route add ::/0 ${VIA3_6}`,
      '-6 rule add pref 100 from all lookup main suppress_prefixlength 0',
      '-6 rule add pref 200 from all prohibit',
    ],
    { lan0: 1, wan0: 1 },
    [lan(ip6({ dst: FAR6 }, udp())), lan(ip6({ dst: '2001:db8:99::1' }, udp()))],
  ),
  four('delivers IPv6 to itself whatever the rules say', ['-6 rule add from all prohibit'], {}, [
    lan(ip6({ dst: '2001:db8:1::1' }, echo6())),
    lan(ip6({ dst: '2001:db8:2::1' }, echo6())),
  ]),
  four('takes the lower IPv6 metric', [`route add 2001:db8:3::/48 ${VIA3_6} metric 5`], { wan0: 2 }, BOTH6),
  four(
    'keeps to the MTU of an IPv6 route with errors',
    [`route replace 2001:db8:3::/48 ${VIA3_6} mtu 1300`],
    { lan0: 1 },
    [lan(ip6({ dst: FAR6 }, udp({}, new Uint8Array(1280))))],
  ),
  four(
    'routes between hosts of one side by a rule',
    ['route add 198.51.100.2/32 via 192.0.2.3 table 100', 'rule add iif lan0 lookup 100'],
    { lan0: 2 },
    [lan(ip4({ dst: WAN_HOST }, udp()))],
  ),
  four(
    'routes IPv6 between hosts of one side by a rule',
    [
      `route add ${WAN_HOST6}/128 via ${SECOND6} table 100`,
      '-6 rule add to 2001:db8:2::/64 iif lan0 lookup 100',
    ],
    { lan0: 1 },
    [lan(ip6({ dst: WAN_HOST6 }, udp()))],
  ),
];
