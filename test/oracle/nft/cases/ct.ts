/** Connections: states, marks, directions, tuples, counters, zones, labels, timeouts, helpers, expectations. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

export const ct: readonly NftCase[] = [
  filter(
    'ct: the firewall that everybody has',
    `ct state established,related counter accept
    ct state invalid counter drop
    iifname "lan0" counter accept
    tcp dport 22 ct state new counter accept
    icmp type echo-request counter accept
    icmpv6 type echo-request counter accept
    counter`,
    { policy: 'drop' },
  ),
  filter(
    'ct: states one by one',
    `ct state new counter
    ct state established counter
    ct state related counter
    ct state invalid counter
    ct state untracked counter
    ct state != established counter
    ct state { new, established } counter
    ct state vmap { invalid : drop, established : accept, related : accept, new : continue }
    counter`,
    { focus: ['errors'], silent: 1 },
  ),
  filter(
    'ct: states of ICMP and its errors',
    `ct state new icmp type echo-request counter
    ct state established icmp type echo-reply counter
    ct state related icmp type destination-unreachable counter
    ct state related icmp type time-exceeded counter
    ct state invalid meta l4proto icmp counter
    ct state related icmpv6 type { destination-unreachable, packet-too-big, time-exceeded } counter
    ct state invalid meta l4proto ipv6-icmp counter drop
    ct state established icmpv6 type echo-reply counter`,
    { focus: ['errors', 'icmp', 'icmp6'] },
  ),
  filter(
    'ct: TCP only from the LAN, with its window watched',
    `ct state invalid counter drop
    iifname "wan0" tcp flags & (syn | ack) == syn counter drop
    meta l4proto tcp ct state new tcp flags != syn counter drop
    ct state established counter
    counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'ct: TCP picked up in the middle is invalid when nf_conntrack_tcp_loose is off',
    `ct state invalid counter drop
    ct state new counter
    ct state established counter accept`,
    { focus: ['tcp'], setup: { sysctl: { 'net.netfilter.nf_conntrack_tcp_loose': 0 } } },
  ),
  filter(
    'ct: a window that is not watched (nf_conntrack_tcp_be_liberal)',
    `ct state invalid counter drop
    ct state established counter accept
    counter`,
    { focus: ['tcp'], setup: { sysctl: { 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 } } },
  ),
  filter(
    'ct: bad checksums are invalid, unless nobody looks (nf_conntrack_checksum)',
    `ct state invalid counter drop
    counter`,
    { focus: ['damage'], setup: { sysctl: { 'net.netfilter.nf_conntrack_checksum': 0 } } },
  ),
  filter(
    'ct: status bits',
    `ct status seen-reply counter
    ct status assured counter
    ct status confirmed counter
    ct status expected counter
    ct status snat counter
    ct status dnat counter
    ct status & 0x8 != 0 counter
    ct status ! seen-reply counter`,
    { silent: 3 },
  ),
  filter(
    'ct: direction and tuple',
    `ct direction original counter
    ct direction reply counter
    ct original ip saddr 192.0.2.2 counter
    ct original ip daddr 198.51.100.2 counter
    ct reply ip saddr 198.51.100.0/24 counter
    ct original ip6 saddr 2001:db8:1::/64 counter
    ct reply ip6 daddr 2001:db8:1::2 counter
    meta l4proto tcp ct original proto-dst 80 counter
    meta l4proto { tcp, udp } ct reply proto-src 443 counter
    meta l4proto udp ct original proto-src 1000-5400 counter
    ct protocol tcp counter
    ct original protocol udp counter
    ct l3proto ipv4 counter
    ct direction reply ct original ip saddr 192.0.2.3 counter drop`,
    {},
  ),
  filter(
    'ct: marks kept in the connection',
    `ct mark 0 tcp dport 80 ct mark set 7
    ct mark 0 tcp dport 443 ct mark set tcp dport map { 443 : 0x1bb, 22 : 0x16 }
    ct state new udp dport 53 ct mark set ct mark or 0x100
    ct mark 7 ct direction reply counter
    ct mark 7 counter
    ct mark & 0x100 != 0 counter
    ct mark 0x1bb counter drop
    meta mark set ct mark
    mark 7 counter
    ct mark set mark xor 0x8
    ct mark 15 counter
    ct mark { 8, 0x108 } counter`,
    {},
  ),
  {
    name: 'ct: the mark of a packet goes to its connection and back',
    text: `table inet t {
chain pre {
type filter hook prerouting priority mangle; policy accept;
ct mark != 0 meta mark set ct mark counter accept
iifname "lan0" tcp dport { 22, 80 } meta mark set 1
iifname "lan0" udp dport 53 meta mark set 2
}
chain post {
type filter hook postrouting priority mangle; policy accept;
ct mark 0 mark != 0 ct mark set mark counter
mark 1 counter
mark 2 counter
ct direction reply mark 1 counter
}
}`,
  },
  filter(
    'ct: bytes and packets of a connection',
    `ct original packets > 2 counter
    ct reply packets > 2 counter
    ct packets > 5 counter
    ct original bytes > 200 counter
    ct reply bytes < 100 counter
    ct bytes 100-1000 counter
    ct avgpkt > 60 counter
    ct original avgpkt 50-90 counter
    ct packets > 8 counter drop`,
    { focus: ['tcp'] },
  ),
  filter(
    'ct: labels',
    `tcp dport 80 ct label set 1
    udp dport 53 ct label set 127
    ct label 1 counter
    ct label 127 counter
    ct label { 1, 127 } counter
    ct label != 1 counter
    ct direction reply ct label 1 counter drop`,
    { silent: 1 },
  ),
  {
    name: 'ct: zones of their own for either side',
    text: `table inet t {
chain raw {
type filter hook prerouting priority raw; policy accept;
iifname "wan0" icmp type 0-255 ct zone set 7
tcp dport { 80, 443 } ct zone set 9
tcp sport { 80, 443 } ct zone set 9
udp dport 53 ct original zone set 3
}
chain pass {
type filter hook forward priority filter; policy accept;
ct zone 7 counter
ct zone 9 counter
ct zone 0 counter
ct original zone 3 counter
ct state established counter
ct state new counter
ct reply zone 7 counter
}
}`,
  },
  {
    name: 'ct: a zone by a map',
    text: `table ip t {
chain raw {
type filter hook prerouting priority raw; policy accept;
ct zone set iifname map { "lan0" : 1, "wan0" : 1 }
}
chain pass {
type filter hook forward priority filter; policy accept;
ct zone 1 ct state established counter accept
ct zone 1 ct state new iifname "lan0" counter accept
counter drop
}
}`,
    focus: ['v4'],
  },
  {
    name: 'ct: not tracked',
    text: `table inet t {
chain raw {
type filter hook prerouting priority raw; policy accept;
udp dport 53 notrack
udp sport 53 counter notrack
tcp dport 80 ip saddr 192.0.2.0/24 notrack
}
chain pass {
type filter hook forward priority filter; policy accept;
ct state untracked counter accept
ct state established counter accept
ct state new counter
ct state invalid counter drop
}
}`,
  },
  filter(
    'ct: timeouts of a policy',
    `meta l4proto udp ct timeout set "quick"
    tcp dport 80 ct timeout set "slow"
    ct expiration > 1000s counter
    ct expiration < 100s counter
    ct state established counter`,
    {
      table: `ct timeout quick {
protocol udp;
l3proto ip
policy = { unreplied : 77, replied : 333 }
}
ct timeout slow {
protocol tcp;
l3proto ip
policy = { established : 7777, syn_sent : 99, close : 55 }
}`,
      family: 'ip',
      focus: ['v4'],
    },
  ),
  filter(
    'ct: expirations of every state of TCP',
    `ct expiration > 400000s counter
    ct expiration 100s-130s counter
    ct expiration 50s-70s counter
    ct expiration < 12s counter
    ct state established counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'ct: a helper is asked for',
    `tcp dport 21 ct helper set "ftp21"
    udp dport 69 ct helper set "tftp69"
    ct helper "ftp" counter
    ct helper "tftp" counter
    ct state related counter
    ct state established counter`,
    {
      family: 'ip',
      hook: 'prerouting',
      priority: 'filter',
      focus: ['v4'],
      table: `ct helper ftp21 {
type "ftp" protocol tcp;
l3proto ip;
}
ct helper tftp69 {
type "tftp" protocol udp;
l3proto ip;
}`,
      silent: 2,
    },
  ),
  filter(
    'ct: an expectation that a rule makes',
    `tcp dport 8888 ct state new ct expectation set "next"
    ct state related counter
    ct state established counter
    ct status expected counter
    ct state new counter`,
    {
      family: 'ip',
      focus: ['v4', 'tcp'],
      table: `ct expectation next {
protocol tcp
dport 8889
timeout 60s
size 12
l3proto ip
}`,
      silent: 3,
    },
  ),
  filter(
    'ct: how many connections a host may have',
    `udp dport 0-1000 ct state new ct count over 8 counter
    udp dport 53 ct count 4 counter
    meta l4proto udp ct state new add @few { ip saddr ct count over 2 } counter
    ct state established counter`,
    { table: 'set few {\ntypeof ip saddr\nsize 128\nflags dynamic\n}', silent: 2 },
  ),
  filter(
    'ct: fragments are put together before they are tracked',
    `ct state new counter
    ct state established counter
    ct state invalid counter
    udp length > 20 counter
    tcp dport 80 counter
    ip frag-off & 0x3fff != 0 counter
    exthdr frag exists counter`,
    { focus: ['fragments'], silent: 2 },
  ),
  filter(
    'ct: what the router itself sends and gets',
    `ct state new counter
    ct state established counter
    ct state related counter
    ct state invalid counter drop
    ct direction original counter`,
    { hook: 'output', focus: ['local'], silent: 2 },
  ),
  filter(
    'ct: input of the router, dropped unless established',
    `ct state established,related counter accept
    ct state invalid counter drop
    icmp type echo-request counter accept
    icmpv6 type { echo-request, nd-neighbor-solicit } counter accept
    tcp dport 22 counter reject with tcp reset
    counter`,
    { hook: 'input', policy: 'drop', focus: ['local'], silent: 1 },
  ),
  filter(
    'ct: SCTP, DCCP, UDP-Lite, GRE and the rest',
    `ct state new counter
    ct state established counter
    ct state invalid counter
    ct state established meta l4proto { 47, 50, 89 } counter
    ct state new meta l4proto 136 counter
    ct state invalid meta l4proto 132 counter
    meta l4proto 33 counter`,
    { focus: ['protocols'], silent: 2 },
  ),
];
