/** The families that are not IP's: arp, bridge, netdev. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

const netdev = (
  name: string,
  hook: string,
  device: string,
  rules: string,
  more: Partial<NftCase> & { table?: string } = {},
) => {
  const { table = '', ...rest } = more;
  return {
    name,
    text: `table netdev t {
${table}
chain c {
type filter hook ${hook} device "${device}" priority 0; policy accept;
${rules.replace(/^\s+/gm, '')}
}
}`,
    ...rest,
  } satisfies NftCase;
};

export const families: readonly NftCase[] = [
  filter(
    'arp: what comes in',
    `arp operation request counter
    arp operation reply counter
    arp operation { 1, 2 } counter
    arp htype 1 counter
    arp ptype 0x0800 counter
    arp hlen 6 counter
    arp plen 4 counter
    arp saddr ip 192.0.2.2 counter
    arp daddr ip 192.0.2.1 counter
    arp daddr ip != 192.0.2.1 counter
    arp saddr ether 02:00:00:00:01:02 counter
    iifname "wan0" arp operation request counter drop
    meta l4proto 0 counter
    meta protocol arp counter
    meta length 28 counter
    @nh,48,16 1 counter`,
    { family: 'arp', hook: 'input', focus: ['arp'], silent: 2 },
  ),
  filter(
    'arp: what goes out',
    `arp operation reply counter
    oifname "lan0" counter
    oifname "wan0" arp operation reply counter drop
    arp saddr ip 192.0.2.1 arp daddr ip 192.0.2.2 counter
    arp saddr ether set 02:00:00:00:77:77 counter`,
    { family: 'arp', hook: 'output', focus: ['arp'] },
  ),
  filter('arp: a policy that drops', 'arp saddr ip 192.0.2.2 counter accept', {
    family: 'arp',
    hook: 'input',
    policy: 'drop',
    focus: ['arp'],
  }),
  netdev(
    'netdev: ingress of a port',
    'ingress',
    'lan0',
    `meta protocol ip counter
    meta protocol { ip6, arp } counter
    ip saddr 192.0.2.2 counter
    ip ttl < 60 counter drop
    tcp dport 22 counter drop
    udp dport 53-80 counter
    icmp type echo-request counter
    ip6 saddr 2001:db8:1::2 counter
    ip6 nexthdr udp counter
    ether saddr 02:00:00:00:01:02 counter
    ether type 0x88b5 counter
    arp operation request counter
    arp daddr ip 192.0.2.1 counter
    iifname "lan0" counter
    pkttype host counter
    @ll,0,48 0x020000000101 counter
    ip frag-off & 0x1fff != 0 counter
    meta l4proto tcp counter
    meta mark set 5 counter`,
    { focus: ['arp', 'ether', 'fragments'] },
  ),
  netdev(
    'netdev: ingress drops with sets and limits',
    'ingress',
    'wan0',
    `ip saddr @bad counter drop
    ip saddr . tcp dport vmap { 198.51.100.2 . 80 : drop, 198.51.100.3 . 22 : accept }
    tcp flags & (fin | syn) == (fin | syn) counter drop
    ip protocol icmp limit rate over 1/day burst 10 packets counter drop
    add @seen { ip saddr } counter
    ip6 daddr @seen6 counter drop`,
    {
      table: `set bad {
type ipv4_addr
flags interval
elements = { 203.0.113.64/26, 198.51.100.8-198.51.100.9 }
}
set seen {
type ipv4_addr
size 1000
flags dynamic
}
set seen6 {
type ipv6_addr
elements = { 2001:db8:1::3 }
}`,
      focus: ['damage'],
    },
  ),
  netdev(
    'netdev: egress of a port',
    'egress',
    'wan0',
    `meta protocol ip counter
    ip daddr 198.51.100.3 counter drop
    ip6 daddr 2001:db8:2::3 counter drop
    tcp dport 22 counter drop
    oifname "wan0" counter
    ether daddr 02:00:00:00:02:02 counter
    ip ttl 63 counter
    arp operation reply counter
    udp dport 50-60 ip dscp set cs1 counter
    udp dport 80 udp dport set 81 counter`,
    { focus: ['arp', 'local'] },
  ),
  netdev(
    'netdev: fwd and dup to another port',
    'ingress',
    'lan0',
    `udp dport 53 counter fwd to "wan0"
    tcp dport 80 counter dup to "wan0"
    icmp type echo-request counter dup to "lan0"
    ip daddr 203.0.113.5 fwd ip to 198.51.100.3 device "wan0"
    ip6 daddr 2001:db8:3::5 fwd ip6 to 2001:db8:2::3 device "wan0"
    ether type 0x88b5 counter fwd to "wan0"`,
    { focus: ['ether'] },
  ),
  netdev(
    'netdev: dup and fwd on the way out',
    'egress',
    'lan0',
    `udp dport 53 counter dup to "wan0"
    tcp dport 80 counter fwd to "wan0"`,
    {},
  ),
  netdev(
    'netdev: rewrites on the way in',
    'ingress',
    'lan0',
    `udp dport 53 udp dport set 5353 counter
    tcp dport 80 ip daddr set 203.0.113.9 counter
    ip ttl 1 ip ttl set 64 counter
    ip protocol icmp ip dscp set af11 counter
    ether saddr 02:00:00:00:01:02 ether daddr set 02:00:00:00:01:01 counter`,
    { focus: ['v4', 'damage'] },
  ),
  {
    name: 'netdev: ingress and the hooks behind it',
    text: `table netdev a {
chain l {
type filter hook ingress device "lan0" priority 0; policy accept;
counter
tcp dport 80 meta mark set 80
}
chain l2 {
type filter hook ingress device "lan0" priority -10; policy accept;
meta mark 80 counter
udp dport 53 counter drop
}
chain w {
type filter hook ingress device "wan0" priority 0; policy accept;
counter
}
}
table inet b {
chain pre {
type filter hook prerouting priority 0; policy accept;
meta mark 80 counter drop
counter
}
chain in {
type filter hook ingress device "lan0" priority 5; policy accept;
tcp dport 22 counter drop
counter
}
}`,
    silent: 1,
  },
  filter(
    'bridge: what crosses it',
    `ether saddr 02:00:00:00:01:02 counter
    ether daddr 02:00:00:00:02:02 counter
    ether type ip counter
    ether type { arp, ip6 } counter
    ip saddr 192.0.2.2 counter
    ip daddr 198.51.100.3 counter drop
    tcp dport 22 counter drop
    udp dport 53 counter
    icmp type echo-request counter
    ip6 saddr 2001:db8:1::2 counter
    icmpv6 type echo-request counter
    iifname "lan0" oifname "wan0" counter
    iifname "wan0" counter
    arp operation request counter
    meta protocol ip counter
    ip ttl < 60 counter drop
    @ll,0,48 0x020000000202 counter
    pkttype host counter
    pkttype other counter`,
    { family: 'bridge', hook: 'forward', bridge: true, focus: ['ether', 'arp'], silent: 1 },
  ),
  filter(
    'bridge: before it looks for the port',
    `ether daddr 02:00:00:00:01:01 counter
    meta pkttype other counter
    meta pkttype host counter
    meta pkttype broadcast counter
    ip protocol tcp tcp dport 80 counter drop
    ether type 0x88b5 counter drop
    meta mark set 3 counter
    ip daddr 192.0.2.1 counter`,
    { family: 'bridge', hook: 'prerouting', bridge: true, focus: ['ether', 'arp', 'local'] },
  ),
  {
    name: 'bridge: every hook',
    text: `table bridge t {
${['prerouting', 'input', 'forward', 'output', 'postrouting']
  .map(
    (hook, i) => `chain ${hook}x {
type filter hook ${hook} priority ${i * 10}; policy accept;
counter
ether type arp counter
iifname "lan0" counter
oifname "wan0" counter
tcp dport ${20 + i} counter drop
}`,
  )
  .join('\n')}
}`,
    bridge: true,
    focus: ['arp', 'local'],
    silent: 8,
  },
  {
    name: 'bridge: rewrites of MAC addresses and IP',
    text: `table bridge t {
chain pre {
type filter hook prerouting priority dstnat; policy accept;
udp dport 53 ether daddr set 02:00:00:00:02:03 counter
tcp dport 80 ip dscp set cs1 counter
}
chain fwd2 {
type filter hook forward priority 0; policy drop;
ether daddr 02:00:00:00:02:03 counter accept
ip dscp cs1 counter accept
ether type arp counter accept
iifname "lan0" counter accept
ether saddr . ether daddr { 02:00:00:00:02:02 . 02:00:00:00:01:02 } counter accept
}
}`,
    bridge: true,
  },
];
