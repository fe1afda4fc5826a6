/** Rulesets that put several features together: nested maps, objects by maps, deep chains, ranges in concatenations. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

/** Chains c15 to c0, of which each goes on to the next: as deep as a chain may jump. */
const DEEP = Array.from({ length: 15 }, (_, i) => {
  const n = 14 - i;
  const next = n === 14 ? 'counter return' : `tcp dport ${n} counter goto d${n + 1}\njump d${n + 1}`;
  return `chain d${n} {\n${next}\ncounter\n}`;
})
  .reverse()
  .join('\n');

export const deeper: readonly NftCase[] = [
  filter(
    'chains: as deep as they may jump',
    `meta l4proto { tcp, udp } jump d0
    counter
    udp dport 53 goto d0
    counter`,
    { table: DEEP, focus: ['tcp'], silent: 14 },
  ),
  filter(
    'maps: of verdicts inside of verdicts',
    `iifname vmap { "lan0" : jump fromlan, "wan0" : jump fromwan }
    counter`,
    {
      table: `chain web {
counter
ip saddr . tcp dport vmap { 192.0.2.2 . 80 : drop, 192.0.2.3 . 443 : accept, 10.1.0.7 . 8080 : return }
ip6 saddr . tcp dport vmap { 2001:db8:1::2 . 80 : drop, 2001:db8:11::7 . 443 : accept }
counter
}
chain names {
udp dport vmap { 53 : drop, 5353 : accept, 60-70 : continue }
counter
}
chain fromlan {
meta l4proto vmap { tcp : jump web, udp : goto names, icmp : accept, ipv6-icmp : continue }
counter
}
chain fromwan {
tcp dport vmap { 22 : drop, 0-21 : accept, 80-1024 : goto web }
ip daddr vmap { 192.0.2.0/24 : continue, 10.1.0.0/16 : drop }
counter
}`,
    },
  ),
  filter(
    'maps: with a value for what is not there',
    `meta mark set tcp dport map @ports
    mark 9 counter
    mark 1 counter
    ip saddr vmap @hosts
    counter`,
    {
      table: `map ports {
type inet_service : mark
elements = { 22 : 1, 80 : 2, 443 : 3, * : 9 }
}
map hosts {
type ipv4_addr : verdict
elements = { 192.0.2.2 : drop, 203.0.113.5 : accept, * : continue }
}`,
    },
  ),
  filter(
    'sets: with a catch-all',
    `ip daddr @some counter
    tcp dport @ranges counter drop
    counter`,
    {
      table: `set some {
type ipv4_addr
counter
elements = { 192.0.2.2, 198.51.100.2, * }
}
set ranges {
type inet_service
flags interval
counter
elements = { 20-30, 80, 1000-2000, 65000-65535 }
}`,
    },
  ),
  filter(
    'sets: ranges of both families in concatenations',
    `ip saddr . ip daddr . meta l4proto . th dport @four counter
    ip6 saddr . ip6 daddr . th dport @six counter
    iifname . ip saddr . tcp dport @named counter drop
    ip saddr . ip ttl @odd counter
    counter`,
    {
      table: `set four {
type ipv4_addr . ipv4_addr . inet_proto . inet_service
flags interval
counter
elements = { 192.0.2.0/28 . 198.51.100.0/24 . tcp . 1-1024, 192.0.2.2-192.0.2.9 . 203.0.113.0/24 . udp . 53, 10.1.0.0/16 . 198.51.100.2 . tcp . 5000-50000, 198.51.100.0/30 . 192.0.2.0/24 . 0-255 . 0-65535 }
}
set six {
type ipv6_addr . ipv6_addr . inet_service
flags interval
counter
elements = { 2001:db8:1::/64 . 2001:db8:2::2-2001:db8:2::9 . 22-80, 2001:db8:11::/48 . 2001:db8:3::/48 . 443, 2001:db8:2::/64 . 2001:db8:1::3 . 0-65535 }
}
set named {
type ifname . ipv4_addr . inet_service
flags interval
elements = { "lan0" . 10.1.0.0/16 . 22, "wan0" . 203.0.113.0/24 . 20-25 }
}
set odd {
typeof ip saddr . ip ttl
flags interval
elements = { 192.0.2.0/24 . 60-64, 198.51.100.2 . 1-255 }
}`,
      silent: 1,
    },
  ),
  filter(
    'objects: counters, quotas and limits by maps',
    `counter name ip saddr map @who
    counter name tcp dport map { 22 : "ssh", 80 : "web", 443 : "web" }
    quota name ip daddr map @much drop
    limit name udp dport map { 53 : "few", 5353 : "many" } counter
    counter`,
    {
      table: `counter ssh {
}
counter web {
}
counter two {
}
quota small {
over 2000 bytes
}
quota large {
over 9000 bytes
}
limit few {
rate over 1/day burst 5 packets
}
limit many {
rate 1/week burst 40 packets
}
map who {
type ipv4_addr : counter
elements = { 192.0.2.2 : "two", 192.0.2.3 : "web", 203.0.113.5 : "ssh" }
}
map much {
type ipv4_addr : quota
elements = { 198.51.100.2 : "small", 192.0.2.2 : "large" }
}`,
    },
  ),
  filter(
    'limits: by bytes, inverted, one behind the other',
    `limit rate 10 bytes/day burst 3000 bytes counter
    limit rate over 1/day burst 20 packets counter
    tcp dport 80 limit rate 1/hour burst 7 packets counter accept
    tcp dport 80 counter drop
    icmp type echo-request limit rate over 1 bytes/week burst 500 bytes counter drop
    udp dport 53 limit rate 1/week burst 9 packets limit rate 1/day burst 5 packets counter`,
    { focus: ['icmp'] },
  ),
  filter(
    'quotas: until, over, and used already',
    `quota until 3000 bytes counter
    quota over 3000 bytes counter
    tcp dport 80 quota until 500 bytes used 100 bytes counter accept
    udp dport 53 quota over 200 bytes used 199 bytes counter drop
    counter`,
    {},
  ),
  filter(
    'payload: what is written is computed',
    `tcp dport 80 meta mark set 80
    meta mark set meta mark | 0x100 counter
    mark & 0xff == 80 counter
    meta mark set meta mark << 4
    mark 0x1500 counter
    meta mark set meta mark & 0xff0 xor 0x10 counter
    mark 0x510 counter
    ip dscp set cs3 counter
    ip6 dscp set af21 counter
    ip ecn set ce counter
    ip6 flowlabel set 77 counter`,
    {},
  ),
  filter(
    'payload: ports by maps, and the sums with them',
    `tcp dport set tcp dport map { 80 : 8080, 22 : 2222, 443 : 8443 } counter
    udp dport set udp dport map { 53 : 5353, 1024-2000 : 7 } counter
    udp sport 7 udp sport set 9 counter
    ip saddr set ip saddr map { 192.0.2.9 : 192.0.2.3, 203.0.113.9 : 203.0.113.5 } counter
    ip6 hoplimit set 17 counter
    tcp window set 4096 counter
    icmp type echo-request icmp id set 5 counter
    icmpv6 type echo-request icmpv6 id set 6 counter`,
    { focus: ['damage', 'fragments'] },
  ),
  filter(
    'exthdr: every header, fields of them, and of routing types',
    `exthdr hbh exists counter
    exthdr dst exists counter
    exthdr rt exists counter
    exthdr frag exists counter
    exthdr mh exists counter
    hbh nexthdr tcp counter
    dst nexthdr { 6, 17, 43 } counter
    rt type 0 counter
    rt seg-left 0 counter drop
    rt0 addr[1] 2001:db8::1 counter
    frag more-fragments 1 counter
    frag frag-off 8-80 counter
    frag id > 0x7fffffff counter
    hbh hdrlength 0 counter`,
    { family: 'ip6', focus: ['v6', 'headers'], silent: 2 },
  ),
  filter(
    'exthdr: options of IPv4',
    `ip option rr exists counter
    ip option ra exists counter
    ip option lsrr exists counter drop
    ip option ssrr exists counter
    ip option rr ptr 4 counter
    ip option rr length 7 counter
    ip option ra value 0 counter
    ip option lsrr missing counter`,
    { family: 'ip', hook: 'prerouting', focus: ['v4', 'headers'], silent: 1 },
  ),
  filter(
    'exthdr: options of TCP in sets and maps',
    `tcp option maxseg size { 10, 1460, 536-1300 } counter
    tcp option maxseg size vmap { 1460 : continue, 10 : drop }
    tcp option window count { 0, 7, 14 } counter
    tcp option timestamp tsval > 0 counter
    tcp option sack-perm missing counter
    tcp option sack exists counter
    tcp option 30 exists counter
    tcp option maxseg length 4 counter
    tcp option nop exists counter
    tcp option @5,0,8 5 counter`,
    { focus: ['tcp'], silent: 2 },
  ),
  filter(
    'numgen and jhash: as keys of maps',
    `meta mark set numgen inc mod 3 map { 0 : 10, 1 : 11, 2 : 12 }
    mark 10 counter
    mark 11 counter drop
    numgen inc mod 5 offset 100 < 102 counter
    meta mark set jhash ip saddr . ip daddr mod 4 seed 0xfeed map { 0 : 1, 1 : 2, 2 : 3, 3 : 4 }
    mark 1 counter
    mark 2-4 counter
    jhash tcp dport mod 7 seed 3 offset 50 vmap { 50 : drop, 51-56 : continue }
    numgen inc mod 2 vmap { 0 : accept, 1 : continue }
    counter`,
    {},
  ),
  filter(
    'fib: as the key of maps, and of what comes back',
    `fib daddr type vmap { local : jump own, unicast : continue, multicast : drop, broadcast : drop }
    fib saddr . iif oif missing counter drop
    fib saddr oifname { "lan0", "wan0" } counter
    fib daddr oif "wan0" counter
    fib daddr . iif type vmap { local : accept, unicast : continue }
    counter`,
    {
      hook: 'prerouting',
      table: `chain own {
counter
tcp dport 22 counter drop
}`,
      focus: ['local'],
    },
  ),
  filter(
    'log: with everything it may say',
    `tcp dport 22 log prefix "ssh: " level warn counter
    udp dport 53 log prefix "dns" flags all counter drop
    icmp type echo-request log level debug flags ip options counter
    tcp flags syn log flags tcp sequence,options counter
    log group 7 prefix "seven" snaplen 80 queue-threshold 3 counter`,
    {},
  ),
  filter(
    'socket: none of the router is there',
    `socket transparent 1 counter
    socket transparent 0 counter
    socket wildcard 0 counter
    socket mark 0 counter
    counter`,
    { hook: 'prerouting', silent: 4, focus: ['local'] },
  ),
  filter(
    'inet ingress: sets, marks, what is rejected at once',
    `tcp dport 22 counter reject with tcp reset
    udp dport 53 counter reject with icmpx type admin-prohibited
    ip saddr @bad counter drop
    meta mark set 7 counter
    ip6 daddr 2001:db8:3::5 counter reject with icmpv6 type no-route`,
    {
      hook: 'ingress device "lan0"',
      table: `set bad {
type ipv4_addr
flags interval
elements = { 10.1.0.0/16, 203.0.113.0/26 }
}
chain seen {
type filter hook forward priority filter; policy accept;
mark 7 counter
counter
}`,
    },
  ),
  {
    name: 'netdev: frames are rejected',
    text: `table netdev t {
chain c {
type filter hook ingress device "lan0" priority 0; policy accept;
tcp dport 22 counter reject with tcp reset
tcp dport 80 counter reject with icmpx type host-unreachable
udp dport 53 counter reject with icmpx type port-unreachable
ip daddr 203.0.113.5 counter reject with icmp type admin-prohibited
ip6 daddr 2001:db8:3::5 counter reject with icmpv6 type admin-prohibited
ether type arp counter
}
}`,
    focus: ['errors', 'damage'],
  },
  {
    name: 'chains: of one table and another at one hook, which accept and drop one after the other',
    text: `table inet a {
chain first {
type filter hook forward priority -10; policy accept;
tcp dport 22 counter accept
udp dport 53 counter drop
ip daddr 203.0.113.5 counter return
counter
}
chain second {
type filter hook forward priority 10; policy drop;
tcp dport 22 counter
tcp dport 1-1024 counter accept
udp dport 0-1024 counter accept
meta l4proto { icmp, ipv6-icmp } counter accept
}
}
table ip b {
chain third {
type filter hook forward priority 20; policy accept;
tcp dport 80 counter drop
counter
}
}
table ip6 c {
chain third {
type filter hook forward priority -20; policy accept;
tcp dport 80 counter drop
counter
}
}`,
  },
  filter(
    'sets: updated by packets, for ever shorter',
    `tcp dport 22 update @ssh { ip saddr timeout 10h } counter
    tcp dport 80 add @web { ip saddr . tcp sport timeout 5h } counter
    ip saddr @ssh counter
    ip saddr . tcp sport @web counter
    udp dport 53 update @every { ip saddr limit rate over 1/week burst 4 packets } counter drop
    icmp type echo-request add @every6 { ip daddr counter quota over 200 bytes } counter
    ip6 nexthdr tcp update @six { ip6 saddr . ip6 daddr timeout 3h counter } counter`,
    {
      table: `set ssh {
type ipv4_addr
size 500
flags dynamic,timeout
}
set web {
type ipv4_addr . inet_service
size 500
timeout 2h
flags dynamic,timeout
}
set every {
type ipv4_addr
size 500
flags dynamic
}
set every6 {
type ipv4_addr
size 500
flags dynamic
}
set six {
type ipv6_addr . ipv6_addr
size 500
flags dynamic,timeout
}`,
      silent: 1,
    },
  ),
  filter(
    'bridge: tags of VLANs',
    `vlan id 5 counter
    vlan id 1-100 counter drop
    vlan pcp 1-7 counter
    vlan type ip counter
    ether type 8021q counter
    ether type vlan vlan id 53 counter
    meta protocol { ip, ip6, vlan } counter`,
    { family: 'bridge', bridge: true, focus: ['ether'], silent: 5 },
  ),
  filter(
    'bridge: sets and maps of MAC addresses',
    `ether saddr . ip saddr @pairs counter
    ether daddr vmap { 02:00:00:00:01:02 : continue, 02:00:00:00:02:03 : drop }
    ether saddr { 02:00:00:00:01:02, 02:00:00:00:02:02 } counter
    update @seen { ether saddr . ether type counter }
    counter`,
    {
      family: 'bridge',
      bridge: true,
      table: `set pairs {
type ether_addr . ipv4_addr
elements = { 02:00:00:00:01:02 . 192.0.2.2, 02:00:00:00:02:02 . 198.51.100.2 }
}
set seen {
type ether_addr . ether_type
size 100
flags dynamic
}`,
      focus: ['arp'],
      silent: 1,
    },
  ),
  filter(
    'arp: maps of what is asked',
    `arp operation vmap { request : jump asked, reply : drop }
    counter`,
    {
      family: 'arp',
      hook: 'input',
      focus: ['arp'],
      table: `chain asked {
arp daddr ip { 192.0.2.1, 198.51.100.1 } counter accept
arp saddr ip . arp saddr ether { 192.0.2.2 . 02:00:00:00:01:02 } counter drop
counter
}`,
      silent: 1,
    },
  ),
];
