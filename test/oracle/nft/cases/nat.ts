/**
 * Address translation. Where two connections would get the same tuple Linux chooses by chance: the traffic of these
 * cases has ports of its own for each flow ('nat').
 */
import type { NftCase } from '../nft_case.js';
import { nat } from './chain.js';

export const natCases: readonly NftCase[] = [
  nat('nat: masquerade', { postrouting: 'oifname "wan0" counter masquerade' }, { focus: ['nat', 'errors'] }),
  nat(
    'nat: masquerade, with a stateful firewall',
    { postrouting: 'oifname "wan0" counter masquerade' },
    {
      focus: ['nat'],
      table: `chain pass {
type filter hook forward priority filter; policy drop;
ct state established,related counter accept
iifname "lan0" oifname "wan0" counter accept
ct status dnat counter accept
}`,
      silent: 1,
    },
  ),
  nat(
    'nat: source, to one address',
    {
      postrouting: `ip saddr 192.0.2.0/24 oifname "wan0" counter snat to 198.51.100.1
    ip6 saddr 2001:db8:1::/64 oifname "wan0" counter snat to 2001:db8:2::1
    ip saddr 10.1.0.0/16 counter snat ip to 198.51.100.9`,
    },
    { focus: ['nat', 'errors'] },
  ),
  nat(
    'nat: source, to a port',
    {
      postrouting: `ip saddr 192.0.2.2 tcp dport 80 counter snat to 198.51.100.1:5555
    ip saddr 192.0.2.3 udp dport 53 counter snat to 198.51.100.1:6666`,
    },
    { family: 'ip', focus: ['v4', 'nat'] },
  ),
  nat(
    'nat: source, to many addresses',
    {
      postrouting: `ip saddr 192.0.2.0/24 counter snat to 198.51.100.4-198.51.100.9
    ip6 saddr 2001:db8:1::/64 counter snat to 2001:db8:2::4-2001:db8:2::9`,
    },
    { focus: ['nat'] },
  ),
  nat(
    'nat: source, to many addresses, always the same one (persistent)',
    { postrouting: 'ip saddr 192.0.2.0/24 counter snat to 198.51.100.4-198.51.100.9 persistent' },
    { family: 'ip', focus: ['nat', 'v4'] },
  ),
  nat(
    'nat: destination, a port forward',
    {
      prerouting: `ip daddr 198.51.100.1 tcp dport 80 counter dnat to 192.0.2.2:8080
    ip daddr 198.51.100.1 tcp dport 443 counter dnat to 192.0.2.3
    ip daddr 198.51.100.1 udp dport 53 counter dnat to 192.0.2.2
    iifname "wan0" ip daddr 198.51.100.1 tcp dport 1000-1010 counter dnat to 192.0.2.3:22`,
    },
    { family: 'ip', focus: ['local', 'v4', 'errors', 'nat'] },
  ),
  nat(
    'nat: destination, both families in inet',
    {
      prerouting: `iifname "wan0" meta nfproto ipv4 tcp dport { 80, 443 } counter dnat ip to 192.0.2.2
    iifname "wan0" meta nfproto ipv6 tcp dport { 80, 443 } counter dnat ip6 to 2001:db8:1::2
    iifname "wan0" ip6 daddr 2001:db8:2::1 udp dport 53 counter dnat ip6 to [2001:db8:1::3]:5353
    iifname "lan0" ip daddr 203.0.113.77 counter dnat ip to 198.51.100.3`,
    },
    { focus: ['local', 'errors', 'nat'] },
  ),
  nat(
    'nat: destination by a map',
    {
      prerouting: `iifname "wan0" counter dnat ip to tcp dport map { 80 : 192.0.2.2, 443 : 192.0.2.3, 22 : 10.1.0.7 }
    iifname "wan0" counter dnat ip to udp dport map { 53 : 192.0.2.2 . 5353, 80 : 192.0.2.3 . 81 }
    iifname "wan0" meta nfproto ipv6 dnat ip6 to tcp dport map @six`,
    },
    {
      focus: ['local', 'nat'],
      table: `map six {
type inet_service : ipv6_addr
elements = { 80 : 2001:db8:1::2, 443 : 2001:db8:1::3 }
}`,
    },
  ),
  nat(
    'nat: destination, to a range of addresses and of ports',
    {
      prerouting: `iifname "wan0" tcp dport 80 counter dnat to 192.0.2.2-192.0.2.9
    iifname "wan0" udp dport 53 counter dnat to 192.0.2.3:5300-5310
    iifname "wan0" tcp dport 443 counter dnat to 192.0.2.2-192.0.2.4:100-102`,
    },
    { family: 'ip', focus: ['local', 'v4', 'nat'] },
  ),
  nat(
    'nat: prefixes',
    {
      prerouting:
        'ip daddr 203.0.113.0/24 counter dnat ip prefix to ip daddr map { 203.0.113.0/28 : 10.1.7.0/28, 203.0.113.64/28 : 10.1.9.0/28 }',
      postrouting: `ip saddr 10.1.0.0/16 counter snat ip prefix to ip saddr map { 10.1.0.0/24 : 203.0.113.0/24 }
    ip6 saddr 2001:db8:11::/48 counter snat ip6 prefix to ip6 saddr map { 2001:db8:11::/64 : 2001:db8:33::/64 }`,
    },
    { focus: ['nat'] },
  ),
  nat(
    'nat: masquerade of both families, and forwards of both',
    {
      prerouting: `iifname "wan0" meta nfproto ipv4 tcp dport 80 counter dnat ip to 192.0.2.2
    iifname "wan0" ip6 daddr 2001:db8:2::1 tcp dport 443 counter dnat ip6 to 2001:db8:1::2`,
      postrouting: 'oifname "wan0" counter masquerade',
    },
    { focus: ['local', 'errors', 'nat'] },
  ),
  nat(
    'nat: masquerade to a port',
    { postrouting: 'oifname "wan0" ip saddr 192.0.2.2 tcp dport 80 counter masquerade to :7777' },
    { family: 'ip', focus: ['v4', 'nat'] },
  ),
  nat(
    'nat: hairpin',
    {
      prerouting: 'ip daddr 198.51.100.1 tcp dport 80 counter dnat to 192.0.2.3:8080',
      postrouting: `ip saddr 192.0.2.0/24 ip daddr 192.0.2.3 counter masquerade
    oifname "wan0" counter masquerade`,
    },
    { family: 'ip', focus: ['v4', 'local', 'nat'] },
  ),
  nat(
    'nat: redirect to the router itself',
    {
      prerouting: `tcp dport 80 counter redirect to :8080
    udp dport 53 counter redirect
    tcp dport 443 counter redirect to :1000-1010
    icmp type echo-request ip daddr 203.0.113.5 counter redirect
    icmpv6 type echo-request ip6 daddr 2001:db8:3::5 counter redirect`,
    },
    { focus: ['nat', 'errors'] },
  ),
  nat(
    'nat: of what the router answers and is told',
    {
      input: 'counter snat ip to 192.0.2.7',
      output: 'counter',
      postrouting: 'counter',
    },
    { focus: ['local', 'nat', 'v4'], silent: 1 },
  ),
  nat(
    'nat: ICMP errors are translated inside out',
    {
      prerouting: 'iifname "wan0" ip daddr 198.51.100.9 counter dnat ip to 192.0.2.2',
      postrouting: `ip saddr 192.0.2.2 counter snat ip to 198.51.100.9
    ip6 saddr 2001:db8:1::2 counter snat ip6 to 2001:db8:2::9`,
    },
    { focus: ['errors', 'nat', 'damage'] },
  ),
  nat(
    'nat: fragments, put together and cut again',
    {
      prerouting: 'iifname "wan0" ip daddr 198.51.100.1 udp dport 53 counter dnat ip to 192.0.2.2:5353',
      postrouting: 'oifname "wan0" counter masquerade',
    },
    { focus: ['fragments', 'nat', 'local'] },
  ),
  nat(
    'nat: protocols without ports',
    {
      postrouting:
        'ip saddr 192.0.2.2 counter snat ip to 198.51.100.1\nip6 saddr 2001:db8:1::2 counter snat ip6 to 2001:db8:2::1',
    },
    { focus: ['protocols', 'nat'] },
  ),
  nat(
    'nat: the first rule that translates decides, accept keeps the address',
    {
      postrouting: `ip daddr 198.51.100.3 counter accept
    ip daddr 203.0.113.5 counter snat ip to 198.51.100.8
    counter masquerade`,
    },
    { focus: ['nat', 'v4'] },
  ),
  {
    name: 'nat: two chains at one hook: the first that translates wins',
    text: `table ip t {
chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}
chain a {
type nat hook postrouting priority 90; policy accept;
tcp dport 80 counter snat to 198.51.100.7
counter
}
chain b {
type nat hook postrouting priority 100; policy accept;
counter snat to 198.51.100.8
}
chain pass {
type filter hook forward priority 0; policy accept;
ct status snat counter
ct direction reply counter
}
}`,
    focus: ['nat', 'v4'],
  },
  {
    name: 'nat: with marks, zones and states around it',
    text: `table ip t {
chain raw {
type filter hook prerouting priority raw; policy accept;
udp dport 53 notrack counter
}
chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}
chain pre {
type nat hook prerouting priority dstnat; policy accept;
meta mark set 1 counter
tcp dport 80 counter dnat to 192.0.2.3:81
}
chain pass {
type filter hook forward priority 0; policy accept;
ct status dnat counter
tcp dport 81 ct state new counter
meta l4proto tcp ct original proto-dst 80 counter
mark 1 counter
}
chain post {
type nat hook postrouting priority srcnat; policy accept;
mark 1 oifname "wan0" counter masquerade
}
}`,
    focus: ['nat', 'v4', 'local'],
    silent: 1,
  },
];
