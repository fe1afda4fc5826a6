/** Sets and maps of every shape, constant and changed by packets. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

const many = Array.from({ length: 300 }, (_, i) => `10.${i % 3}.${i % 7}.${i % 250}`);
const manyPorts = Array.from({ length: 400 }, (_, i) => 1000 + i * 7);

export const sets: readonly NftCase[] = [
  filter(
    'sets: addresses, ports, interfaces, marks',
    `ip saddr @a4 counter
    ip6 saddr @a6 counter
    tcp dport @p counter drop
    iifname @i counter
    meta l4proto @l4 counter
    ip dscp @d counter
    ether saddr @m counter
    ip saddr != @a4 counter`,
    {
      table: `set a4 {
type ipv4_addr
elements = { 192.0.2.2, 10.1.0.7, 203.0.113.5 }
}
set a6 {
type ipv6_addr
elements = { 2001:db8:1::2, 2001:db8:11::7 }
}
set p {
type inet_service
elements = { 22, 80, 8080 }
}
set i {
type ifname
elements = { "lan0" }
}
set l4 {
type inet_proto
elements = { tcp, 17 }
}
set d {
type dscp
elements = { cs0, af11 }
}
set m {
type ether_addr
elements = { 02:00:00:00:01:02 }
}`,
    },
  ),
  filter(
    'sets: intervals of addresses and ports',
    `ip saddr @nets counter
    ip daddr @nets counter drop
    ip6 daddr @nets6 counter
    tcp dport @ports counter
    udp dport @ports counter
    tcp sport != @ports counter`,
    {
      table: `set nets {
type ipv4_addr
flags interval
elements = { 192.0.2.0/30, 10.1.0.0/16, 203.0.113.5-203.0.113.9, 198.51.100.3 }
}
set nets6 {
type ipv6_addr
flags interval
elements = { 2001:db8:2::/64, 2001:db8:3::5-2001:db8:3::9 }
}
set ports {
type inet_service
flags interval
elements = { 20-25, 80, 1000-2000, 65000-65535 }
}`,
    },
  ),
  filter(
    'sets: intervals merged, and one that is everything',
    `tcp dport @p counter drop
    ip saddr @every counter
    udp dport { 0-65535 } counter
    ip daddr { 0.0.0.0/1, 128.0.0.0/1 } counter`,
    {
      table: `set p {
type inet_service
flags interval
auto-merge
elements = { 20-25, 23-30, 31, 32-33, 80, 81 }
}
set every {
type ipv4_addr
flags interval
elements = { 0.0.0.0/0 }
}`,
    },
  ),
  filter(
    'sets: every element has a counter',
    `ip saddr @a
    tcp dport @p
    udp dport @p drop`,
    {
      table: `set a {
type ipv4_addr
counter
elements = { 192.0.2.2, 192.0.2.3, 203.0.113.5, 198.51.100.2 }
}
set p {
type inet_service
flags interval
counter
elements = { 22, 80-90, 443, 5000-9000 }
}`,
    },
  ),
  filter(
    'sets: concatenations',
    `ip saddr . tcp dport @c counter
    ip saddr . ip daddr . meta l4proto @c3 counter
    iifname . ip protocol @c2 counter drop
    ip6 saddr . udp dport @c6 counter
    ip saddr . tcp sport . ip daddr . tcp dport { 192.0.2.2 . 1024 . 198.51.100.2 . 80, 192.0.2.3 . 22 . 203.0.113.5 . 443 } counter
    ether saddr . ip saddr { 02:00:00:00:01:02 . 192.0.2.2 } counter`,
    {
      table: `set c {
type ipv4_addr . inet_service
elements = { 192.0.2.2 . 80, 192.0.2.3 . 22, 10.1.0.7 . 443 }
}
set c3 {
type ipv4_addr . ipv4_addr . inet_proto
elements = { 192.0.2.2 . 198.51.100.2 . tcp, 192.0.2.3 . 203.0.113.5 . 17 }
}
set c2 {
type ifname . inet_proto
elements = { "wan0" . icmp }
}
set c6 {
type ipv6_addr . inet_service
elements = { 2001:db8:1::2 . 53, 2001:db8:2::2 . 5353 }
}`,
      silent: 2,
    },
  ),
  filter(
    'sets: concatenations with ranges',
    `ip saddr . tcp dport @r counter
    ip saddr . ip daddr . udp dport @r3 counter drop
    ip6 saddr . tcp dport @r6 counter
    meta mark . tcp dport { 0-7 . 80-90, 0 . 443 } counter
    ip daddr . tcp dport { 198.51.100.0/24 . 1-1023, 203.0.113.0-203.0.113.100 . 8080 } counter`,
    {
      table: `set r {
type ipv4_addr . inet_service
flags interval
counter
elements = { 192.0.2.0/24 . 80-443, 10.1.0.0/16 . 22, 203.0.113.5 . 1000-2000 }
}
set r3 {
type ipv4_addr . ipv4_addr . inet_service
flags interval
elements = { 192.0.2.0/31 . 198.51.100.0/24 . 53, 192.0.2.2-192.0.2.3 . 203.0.113.0/24 . 1-100, 0.0.0.0/0 . 198.51.100.3 . 7 }
}
set r6 {
type ipv6_addr . inet_service
flags interval
elements = { 2001:db8:1::/64 . 22-80, 2001:db8:2::2-2001:db8:2::3 . 443 }
}`,
    },
  ),
  filter(
    'sets: many ranges in many fields',
    `ip saddr . ip daddr . meta l4proto . th dport @big counter drop
    counter`,
    {
      table: `set big {
type ipv4_addr . ipv4_addr . inet_proto . inet_service
flags interval
elements = {
${Array.from(
  { length: 60 },
  (_, i) =>
    `${i % 2 ? '192.0.2' : '198.51.100'}.${i % 9}-${i % 2 ? '192.0.2' : '198.51.100'}.${(i % 9) + 3} . ${i % 3 ? '0.0.0.0/0' : '203.0.113.0/24'} . ${i % 4 < 2 ? 'tcp' : 'udp'} . ${i * 20}-${i * 20 + 5}`,
).join(',\n')}
}
}`,
      focus: ['v4'],
    },
  ),
  filter(
    'sets: hundreds of elements',
    `ip saddr @many counter
    ip daddr @many counter drop
    tcp dport @ports counter`,
    {
      table: `set many {
type ipv4_addr
elements = { ${[...new Set(many)].join(', ')} }
}
set ports {
type inet_service
elements = { ${manyPorts.join(', ')} }
}`,
      focus: ['v4'],
    },
  ),
  filter(
    'sets: a bitmap of 8 and of 16 bits',
    `ip ttl { 1, 2, 5, 63, 64, 128, 255 } counter
    tcp dport { 0, 1, 2, 21, 22, 23, 80, 442, 443, 65534, 65535 } counter drop
    icmp type { 0, 3, 8, 11 } counter
    ip protocol != { 6, 17 } counter`,
    {},
  ),
  filter(
    'sets: everything else matches too',
    `ip saddr @s
    tcp dport @p
    ip daddr vmap { 198.51.100.2 : accept, 203.0.113.0/24 : drop, * : continue }
    counter`,
    {
      table: `set s {
type ipv4_addr
counter
elements = { 192.0.2.2, * }
}
set p {
type inet_service
flags interval
counter
elements = { 20-30, 80, * }
}`,
    },
  ),
  filter(
    'maps: to a mark, to an address, to a name',
    `meta mark set ip saddr map @marks
    meta mark set tcp dport map { 1-1023 : 100, 1024-49151 : 101, 49152-65535 : 102 }
    mark 5 counter
    mark 100-102 counter
    meta mark set ip saddr . tcp dport map @two
    mark 77 counter drop
    meta mark set iifname map { "lan0" : 1, "wan0" : 2 }
    mark 2 counter`,
    {
      table: `map marks {
type ipv4_addr : mark
elements = { 192.0.2.2 : 5, 192.0.2.3 : 6, 203.0.113.5 : 7 }
}
map two {
type ipv4_addr . inet_service : mark
flags interval
elements = { 192.0.2.0/24 . 80 : 77, 10.1.0.0/16 . 1-100 : 78 }
}`,
    },
  ),
  filter(
    'maps: verdicts',
    `ip saddr vmap @v
    tcp dport vmap { 22 : jump ssh, 80-90 : drop, 443 : goto last, 8080 : accept }
    iifname . tcp dport vmap { "lan0" . 7 : drop, "wan0" . 53 : jump ssh }
    counter`,
    {
      table: `chain ssh {
counter
ip ttl < 60 counter drop
return
}
chain last {
counter
tcp flags syn counter
}
map v {
type ipv4_addr : verdict
flags interval
counter
elements = { 192.0.2.3 : continue, 10.1.0.0/16 : jump ssh, 203.0.113.77 : drop, 198.51.100.3 : return }
}`,
    },
  ),
  filter(
    'maps: objects by name',
    `counter name ip saddr map @by
    counter name tcp dport map { 80 : "web", 443 : "web", 22 : "shell" }
    quota name ip daddr map { 198.51.100.2 : "little" } drop
    limit name udp dport map { 53 : "few" } drop`,
    {
      table: `counter web { }
counter shell { }
counter rest { }
quota little { over 5000 bytes }
limit few { rate over 1/day burst 7 packets }
map by {
type ipv4_addr : counter
elements = { 192.0.2.2 : "web", 192.0.2.3 : "shell", 203.0.113.5 : "rest" }
}`,
    },
  ),
  filter(
    'sets: filled by packets',
    `tcp dport 22 add @seen { ip saddr } counter
    udp dport 53 update @seen { ip saddr timeout 1h }
    ip saddr @seen counter
    ip daddr @seen counter drop
    tcp dport 80-90 add @pairs { ip saddr . tcp dport }
    ip saddr . tcp sport @pairs counter
    ip6 saddr @six counter
    icmpv6 type echo-request add @six { ip6 saddr }`,
    {
      table: `set seen {
type ipv4_addr
size 1000
flags dynamic,timeout
timeout 1d
}
set pairs {
type ipv4_addr . inet_service
size 1000
flags dynamic
}
set six {
type ipv6_addr
size 100
flags dynamic
}`,
      silent: 2,
    },
  ),
  filter(
    'sets: full after a few',
    `ct state new add @few { ip saddr } counter
    ip saddr @few counter
    tcp dport 1-65535 add @ports { tcp dport } counter drop
    counter`,
    {
      table: `set few {
type ipv4_addr
size 3
flags dynamic
}
set ports {
type inet_service
size 7
flags dynamic
}`,
    },
  ),
  filter(
    'sets: elements that packets take out again',
    `tcp flags syn add @open { ip saddr . tcp sport }
    tcp flags & (fin | rst) != 0 delete @open { ip saddr . tcp sport } counter
    ip saddr . tcp sport @open counter
    udp dport 53 delete @hosts { ip saddr } counter
    ip saddr @hosts counter`,
    {
      table: `set open {
type ipv4_addr . inet_service
size 5000
flags dynamic
}
set hosts {
type ipv4_addr
flags dynamic
size 100
elements = { 192.0.2.2, 192.0.2.3, 10.1.0.7, 203.0.113.5 }
}`,
      focus: ['v4', 'tcp'],
    },
  ),
  filter(
    'sets: a counter, a quota and a limit for each element',
    `add @c { ip saddr counter }
    add @q { ip daddr quota over 3000 bytes } drop
    add @l { ip saddr . udp dport limit rate over 1/day burst 3 packets } counter drop
    update @u { ip6 saddr counter }`,
    {
      table: `set c {
type ipv4_addr
size 1000
flags dynamic
}
set q {
type ipv4_addr
size 1000
flags dynamic
}
set l {
type ipv4_addr . inet_service
size 4000
flags dynamic
}
set u {
type ipv6_addr
size 1000
flags dynamic
counter
}`,
    },
  ),
  filter(
    'maps: filled by packets',
    `tcp dport 80 add @m { ip saddr : 7 }
    udp dport 53 update @m { ip saddr : 9 }
    meta mark set ip saddr map @m
    mark 7 counter
    mark 9 counter drop
    tcp flags syn add @ports { ip saddr . tcp sport : tcp dport }
    counter`,
    {
      table: `map m {
type ipv4_addr : mark
size 100
flags dynamic
}
map ports {
type ipv4_addr . inet_service : inet_service
size 4000
flags dynamic
}`,
    },
  ),
  filter(
    'sets: by the type of an expression',
    `ip saddr . ip ttl @s counter
    tcp option maxseg size @mss counter
    ip daddr & 0.0.0.255 @low counter
    meta length @len counter`,
    {
      table: `set s {
typeof ip saddr . ip ttl
elements = { 192.0.2.2 . 63, 192.0.2.3 . 64 }
}
set mss {
typeof tcp option maxseg size
elements = { 1460, 10 }
}
set low {
typeof ip daddr
elements = { 0.0.0.2, 0.0.0.77 }
}
set len {
typeof meta length
flags interval
elements = { 40-60, 100-1500 }
}`,
      silent: 1,
    },
  ),
];
