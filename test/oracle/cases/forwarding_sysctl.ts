/** Sysctls of what is forwarded and answered: directed broadcasts, echoes to groups and to anybody, options of headers. */
import { echo6, hopByHop, ip4, ip6, option, udp } from '../packet.js';
import { lan, type OracleCase, type Step } from '../router.js';

const bothLinks = (name: string) => ({ [`net.ipv4.conf.all.${name}`]: 1, [`net.ipv4.conf.lan0.${name}`]: 1 });

function one(
  name: string,
  step: Step,
  out: OracleCase['out'],
  sysctl: Readonly<Record<string, number>> = {},
): OracleCase {
  return { name: `Sysctl: ${name}`, setup: { sysctl }, steps: [step], out };
}

const directed = lan(ip4({ dst: '198.51.100.255' }, udp()));
const toAll = lan(ip6({ dst: 'ff02::1' }, echo6()));
const toAnybody = lan(ip6({ dst: '2001:db8:1::' }, echo6()));
const twoOptions = lan(ip6({}, hopByHop(option(0x1e, [1, 2]), option(0x1e, [1, 2])), udp()));
const unknown = lan(ip6({}, hopByHop(option(0x1e, [1, 2])), udp()));
const alert = lan(ip6({}, hopByHop(option(5, [0, 0])), udp()));

export const forwardingSysctl: readonly OracleCase[] = [
  one('takes a directed broadcast of another link for itself', directed, {}),
  one('forwards a directed broadcast with bc_forwarding', directed, { wan0: 1 }, bothLinks('bc_forwarding')),
  one(
    'does not forward a directed broadcast with bc_forwarding of the link alone',
    directed,
    {},
    {
      'net.ipv4.conf.lan0.bc_forwarding': 1,
    },
  ),
  one('answers an echo to all nodes', toAll, { lan0: 1 }),
  one('does not with echo_ignore_multicast', toAll, {}, { 'net.ipv6.icmp.echo_ignore_multicast': 1 }),
  one('answers an echo to anybody from an address of its own', toAnybody, { lan0: 1 }),
  one('does not with echo_ignore_anycast', toAnybody, {}, { 'net.ipv6.icmp.echo_ignore_anycast': 1 }),
  one(
    'answers from the anycast address with anycast_src_echo_reply',
    toAnybody,
    { lan0: 1 },
    {
      'net.ipv6.anycast_src_echo_reply': 1,
    },
  ),
  one('forwards two options where one is not the limit', twoOptions, { wan0: 1 }),
  one('drops more options than max_hbh_opts_number', twoOptions, {}, { 'net.ipv6.max_hbh_opts_number': 1 }),
  one(
    'drops an unknown option when max_hbh_opts_number is negative',
    unknown,
    {},
    {
      'net.ipv6.max_hbh_opts_number': -8,
    },
  ),
  one(
    'forwards a known option when max_hbh_opts_number is negative',
    alert,
    { wan0: 1 },
    {
      'net.ipv6.max_hbh_opts_number': -8,
    },
  ),
  one('drops a header longer than max_hbh_length', twoOptions, {}, { 'net.ipv6.max_hbh_length': 8 }),
];
