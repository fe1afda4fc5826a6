/** What is known of a packet beside its bytes: meta, rt, socket, fib, numbers, hashes. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

export const meta: readonly NftCase[] = [
  filter(
    'meta: interfaces by name and by number',
    `iifname "lan0" counter
    iifname != "lan0" counter
    iifname { "lan0", "wan0" } counter
    iifname "la*" counter
    oifname "wan0" counter
    oifname "w*" counter
    oifname "lan*" counter
    iif "lan0" oif "wan0" counter
    iif "wan0" udp dport 53-80 counter drop
    iifgroup 0 counter
    oifgroup default counter
    iifname . oifname { "lan0" . "wan0" } counter
    iiftype ether counter
    oiftype ether counter`,
    {},
  ),
  filter(
    'meta: interfaces where there is none: input and output',
    `meta oif 0 counter
    meta oifname "lan0" counter
    meta iifname "lan0" counter
    meta iif 0 counter
    meta iiftype ether counter
    meta length > 20 counter`,
    { hook: 'input', focus: ['local'], silent: 6 },
  ),
  filter(
    'meta: interfaces of what the router sends',
    `meta iif 0 counter
    meta iifname "lan0" counter
    meta iifname != "lan0" counter
    meta oifname "lan0" counter
    meta oif "wan0" counter`,
    { hook: 'output', focus: ['local'], silent: 3 },
  ),
  filter(
    'meta: protocols, lengths, types',
    `meta protocol ip counter
    meta protocol ip6 counter
    meta protocol { ip, arp } counter
    meta nfproto ipv4 counter
    meta nfproto ipv6 counter
    meta l4proto tcp counter
    meta l4proto { udp, icmp, ipv6-icmp } counter
    meta l4proto != 17 counter
    meta length 60 counter
    meta length 40-80 counter
    meta length > 1000 counter drop
    meta pkttype unicast counter
    meta pkttype host counter
    meta pkttype != multicast counter
    meta mark 0 counter
    meta priority 0 counter
    meta rtclassid 0 counter
    meta secpath missing counter
    meta skuid 0 counter
    meta skgid 0 counter`,
    { hook: 'forward', silent: 6 },
  ),
  filter(
    'meta: packets for all, for many, for one',
    `meta pkttype broadcast counter
    meta pkttype multicast counter
    meta pkttype host counter
    meta pkttype other counter
    ip daddr 224.0.0.1 counter
    ip daddr 255.255.255.255 counter
    ip6 daddr ff02::1 counter
    fib daddr type local counter
    fib daddr type { broadcast, multicast } counter`,
    { hook: 'prerouting', focus: ['damage'], silent: 2 },
  ),
  filter(
    'meta: a mark set before routing is seen behind it',
    `tcp dport 80 meta mark set 7
    udp dport 53 meta mark set 0x10007
    icmp type echo-request mark set mark | 0x100
    mark & 0xff == 7 counter
    mark 0x10007 counter
    mark != 0 counter
    meta mark set mark xor 0x1
    mark 1 counter
    mark 6 counter`,
    { hook: 'prerouting', priority: 'mangle' },
  ),
  {
    name: 'meta: a mark in one chain decides in the next',
    text: `table inet t {
chain pre {
type filter hook prerouting priority mangle; policy accept;
meta mark set tcp dport map { 22 : 1, 80 : 2, 443 : 3 }
ip saddr 192.0.2.3 meta mark set 9
}
chain pass {
type filter hook forward priority filter; policy accept;
meta mark 1 counter drop
meta mark 2-3 counter
meta mark { 9, 10 } counter
meta mark vmap { 2 : accept, 3 : drop }
counter
}
chain post {
type filter hook postrouting priority srcnat; policy accept;
meta mark 2 counter
meta mark & 8 == 8 counter
}
}`,
  },
  filter(
    'meta: priority is set, by number and by map',
    `tcp dport 22 meta priority set 0x10002
    meta priority 0x10002 counter
    meta priority set ip dscp map { 0 : 1:1, 10 : 1:2, 12 : ffff:ffff }
    meta priority 1:2 counter
    meta priority none counter`,
    { hook: 'postrouting' },
  ),
  filter(
    'meta: the type of a packet is set',
    `udp dport 53 meta pkttype set broadcast
    meta pkttype broadcast counter
    tcp dport 80 meta pkttype set other counter
    tcp dport 443 meta pkttype set host counter`,
    { hook: 'prerouting', priority: 'raw' },
  ),
  filter(
    'rt: the next hop and the MTU of the route',
    `rt ip nexthop 198.51.100.2 counter
    rt ip nexthop 192.0.2.2 counter
    rt ip6 nexthop 2001:db8:2::2 counter
    rt mtu 1460 counter
    rt mtu > 1000 counter
    rt classid 0 counter
    rt ipsec missing counter`,
    { hook: 'forward', silent: 1 },
  ),
  filter(
    'rt: clamps the MSS to the path',
    `tcp flags syn tcp option maxseg size set rt mtu counter
    tcp option maxseg size 1460 counter
    tcp option maxseg size < 1000 counter`,
    { focus: ['tcp'], setup: { ip: ['link set wan0 mtu 1300'] }, silent: 1 },
  ),
  filter(
    'fib: reverse path',
    `fib saddr . iif oif missing counter drop
    fib saddr oif "lan0" counter
    fib saddr oifname "wan0" counter
    fib saddr . iif oif != 0 counter
    fib saddr oifname != "lan0" counter
    fib saddr type unicast counter
    ip saddr { 203.0.113.9, 10.1.0.9 } counter
    ip6 saddr { 2001:db8:3::9, 2001:db8:11::9 } counter`,
    { hook: 'prerouting' },
  ),
  filter(
    'fib: types of addresses',
    `fib daddr type local counter
    fib daddr type unicast counter
    fib daddr . iif type local counter
    fib daddr . iif type != local counter
    fib daddr type { broadcast, multicast, anycast } counter
    fib daddr type blackhole counter
    fib daddr type vmap { local : jump own, unicast : continue, blackhole : drop }
    fib saddr type local counter`,
    {
      hook: 'prerouting',
      focus: ['local'],
      table: 'chain own {\nip daddr { 203.0.113.77, 198.51.100.1 } counter\nudp dport 53 counter drop\n}',
      setup: {
        ip: [
          'route add blackhole 203.0.113.77',
          'route add blackhole 203.0.113.5',
          'route add blackhole 2001:db8:3::77',
          'route add blackhole 2001:db8:3::5',
        ],
      },
      silent: 5,
    },
  ),
  filter(
    'fib: looked up with the mark',
    `tcp dport 80 meta mark set 1
    fib saddr . mark oif "lan0" counter
    fib daddr . mark type unicast counter
    fib daddr . mark . iif type local counter
    fib saddr . mark . iif oif missing counter`,
    {
      hook: 'prerouting',
      setup: { ip: ['rule add fwmark 1 table 7', 'route add blackhole 10.1.0.0/16 table 7'] },
    },
  ),
  filter(
    'fib: where packets go, after routing',
    `fib daddr oifname "wan0" counter
    fib daddr oif "lan0" counter
    fib daddr . oif type unicast counter`,
    { hook: 'forward', silent: 2 },
  ),
  filter(
    'socket: there is none for what passes',
    `socket transparent 0 counter
    socket mark 0 counter
    socket wildcard 0 counter`,
    { hook: 'prerouting', focus: ['local'], silent: 3 },
  ),
  filter(
    'numgen: packets one after the other',
    `numgen inc mod 2 0 counter
    numgen inc mod 3 vmap { 0 : accept, 1 : drop, 2 : continue }
    numgen inc mod 5 offset 10 12 counter
    meta mark set numgen inc mod 4 offset 100
    mark 100 counter
    mark 103 counter`,
    {},
  ),
  filter(
    'numgen: a map chooses by turns',
    `ip protocol tcp meta mark set numgen inc mod 3 map { 0 : 10, 1 : 11, 2 : 12 }
    mark 10 counter
    mark 11 counter
    mark 12 counter drop`,
    {},
  ),
  filter(
    'jhash: packets by their addresses',
    `jhash ip saddr mod 4 seed 0xdeadbeef 0 counter
    jhash ip saddr mod 4 seed 0xdeadbeef 1 counter
    jhash ip saddr . ip daddr mod 8 seed 0x1 vmap { 0 : drop, 3 : accept, 5 : continue }
    jhash ip saddr . tcp sport mod 16 seed 0x12345678 offset 100 103-110 counter
    jhash ip6 saddr mod 2 seed 0x7 1 counter
    jhash ip6 saddr . ip6 daddr . th dport mod 3 seed 0x9 2 counter
    meta mark set jhash ip daddr mod 256 seed 0x5
    mark > 127 counter
    jhash ether saddr mod 2 seed 0x3 0 counter`,
    { silent: 2 },
  ),
];
