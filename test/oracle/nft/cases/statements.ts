/** What rules do beside their verdict: count, limit, log, reject, rewrite, send elsewhere. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

export const statements: readonly NftCase[] = [
  filter(
    'counter: anonymous, by name, of a rule that ends',
    `counter
    counter name "a" tcp dport 80 counter name "b" drop
    udp dport 53 counter name "b"
    counter packets 7 bytes 700
    ip protocol icmp counter accept
    counter`,
    { table: 'counter a { }\ncounter b {\npackets 3 bytes 300\n}' },
  ),
  filter(
    'limit: a bucket that does not fill again soon',
    `tcp dport 80 limit rate 1/day burst 20 packets counter accept
    tcp dport 80 counter drop
    udp dport 53 limit rate over 1/week burst 9 packets counter drop
    icmp type echo-request limit rate 1/day counter
    ip protocol udp limit rate 1 bytes/day burst 3000 bytes counter
    ip6 nexthdr tcp limit rate over 1 bytes/week burst 2 kbytes counter drop`,
    {},
  ),
  filter(
    'limit: by name, shared by rules',
    `tcp dport 80 limit name "l" counter accept
    tcp dport 443 limit name "l" counter accept
    udp dport 53 limit name "o" counter drop
    meta l4proto tcp counter drop`,
    {
      table:
        'limit l {\nrate 1/day burst 12 packets\n}\nlimit o {\nrate over 1 bytes/day burst 1500 bytes\n}',
    },
  ),
  filter(
    'quota: until so many bytes, and over them',
    `ip saddr 192.0.2.2 quota until 4000 bytes counter accept
    ip saddr 192.0.2.2 counter drop
    ip6 saddr 2001:db8:1::2 quota over 4000 bytes counter drop
    quota name "q" counter
    tcp dport 80 quota over 2 kbytes counter drop`,
    { table: 'quota q {\nuntil 20 kbytes\n}' },
  ),
  filter(
    'log: changes nothing',
    `tcp dport 80 log prefix "web " level info flags all counter
    udp dport 53 log group 3 snaplen 64 queue-threshold 2 counter drop
    log counter`,
    {},
  ),
  filter(
    'reject: with everything there is, in inet',
    `tcp dport 22 counter reject with tcp reset
    tcp dport 80 counter reject
    udp dport 53 counter reject with icmpx type port-unreachable
    udp dport 5353 counter reject with icmpx type admin-prohibited
    udp dport 443 counter reject with icmpx type host-unreachable
    udp dport 8080 counter reject with icmpx type no-route
    icmp type echo-request ip daddr 198.51.100.3 counter reject with icmp type prot-unreachable
    meta nfproto ipv4 tcp dport 443 counter reject with icmp type net-unreachable
    meta nfproto ipv6 tcp dport 443 counter reject with icmpv6 type no-route
    icmpv6 type echo-request ip6 daddr 2001:db8:2::3 counter reject with icmpv6 type addr-unreachable`,
    { focus: ['udp'] },
  ),
  filter(
    'reject: with everything there is of IPv4',
    `tcp dport 7 counter reject with icmp type net-unreachable
    tcp dport 22 counter reject with icmp type host-unreachable
    tcp dport 53 counter reject with icmp type prot-unreachable
    tcp dport 80 counter reject with icmp type port-unreachable
    tcp dport 443 counter reject with icmp type net-prohibited
    tcp dport 1024 counter reject with icmp type host-prohibited
    tcp dport 5353 counter reject with icmp type admin-prohibited
    tcp dport 8080 counter reject with tcp reset
    udp dport 0-65535 counter reject
    ip protocol icmp counter reject`,
    { family: 'ip', focus: ['v4', 'damage'] },
  ),
  filter(
    'reject: with everything there is of IPv6',
    `tcp dport 7 counter reject with icmpv6 type no-route
    tcp dport 22 counter reject with icmpv6 type admin-prohibited
    tcp dport 53 counter reject with icmpv6 type addr-unreachable
    tcp dport 80 counter reject with icmpv6 type port-unreachable
    tcp dport 443 counter reject with icmpv6 type policy-fail
    tcp dport 1024 counter reject with icmpv6 type reject-route
    tcp dport 8080 counter reject with tcp reset
    udp dport 0-65535 counter reject
    meta l4proto ipv6-icmp counter reject`,
    { family: 'ip6', focus: ['v6', 'damage', 'headers'] },
  ),
  filter(
    'reject: what is for the router',
    `tcp dport 0-1023 counter reject with tcp reset
    tcp dport 1024-65535 counter reject
    udp dport 0-65535 counter reject with icmpx type admin-prohibited
    icmp type echo-request ip ttl < 64 counter reject`,
    { hook: 'input', focus: ['local', 'fragments'] },
  ),
  filter(
    'reject: before routing',
    `tcp dport 22 counter reject with tcp reset
    udp dport 53 counter reject
    ip daddr 203.0.113.5 counter reject with icmp type host-unreachable
    ip6 daddr 2001:db8:3::5 counter reject with icmpv6 type no-route`,
    { hook: 'prerouting', focus: ['fragments'] },
  ),
  filter(
    'reject: connections that are tracked, each packet of them',
    `ct state established tcp dport 80 counter reject with tcp reset
    ct state new udp dport 53 counter reject
    ct state established counter accept
    ct state invalid counter drop
    icmp type echo-request counter reject with icmpx type host-unreachable`,
    {},
  ),
  filter(
    'mangle: fields of IPv4',
    `ip daddr 198.51.100.2 ip ttl set 33 counter
    ip saddr 192.0.2.2 ip dscp set af22 counter
    tcp dport 80 ip ecn set ce counter
    oifname "wan0" udp dport 53 ip daddr set 198.51.100.3 counter
    udp sport 5353 ip saddr set 192.0.2.9 counter
    icmp type echo-request ip id set 77 counter
    ip protocol icmp ip frag-off set 0x4000 counter`,
    { family: 'ip', hook: 'forward', focus: ['v4', 'fragments'] },
  ),
  filter(
    'mangle: fields of IPv6',
    `ip6 daddr 2001:db8:2::2 ip6 hoplimit set 33 counter
    ip6 saddr 2001:db8:1::2 ip6 dscp set af22 counter
    tcp dport 80 ip6 ecn set 2 counter
    tcp dport 443 ip6 flowlabel set 77 counter
    oifname "wan0" udp dport 53 ip6 daddr set 2001:db8:2::3 counter
    udp sport 5353 ip6 saddr set 2001:db8:1::9 counter
    icmpv6 type echo-request ip6 saddr set 2001:db8:1::7 counter`,
    { family: 'ip6', hook: 'forward', focus: ['v6', 'headers'] },
  ),
  filter(
    'mangle: TCP, UDP, ICMP with their checksums',
    `tcp dport 80 tcp dport set 8080 counter
    tcp sport 80 tcp sport set 8081 counter
    tcp dport 443 tcp window set 1000 counter
    tcp dport 22 tcp sequence set 5 counter
    tcp dport 5353 tcp flags set ack counter
    udp dport 53 udp dport set 5300 counter
    udp dport 443 udp sport set 9 counter
    udp checksum 0 udp dport set 1 counter
    icmp type echo-request icmp id set 9 counter
    icmp type echo-reply icmp sequence set 3 counter
    icmpv6 type echo-request icmpv6 id set 9 counter
    icmpv6 type echo-reply icmpv6 code set 3 counter
    udp dport 8080 udp checksum set 0 counter`,
    { focus: ['fragments'] },
  ),
  filter(
    'mangle: before routing, so that another way is taken',
    `ip daddr 198.51.100.2 ip daddr set 203.0.113.9 counter
    ip6 daddr 2001:db8:2::2 ip6 daddr set 2001:db8:3::9 counter
    ip daddr 203.0.113.5 ip daddr set 192.0.2.3 counter
    tcp dport 22 ip ttl set 1 counter
    ip daddr 203.0.113.9 counter`,
    { hook: 'prerouting', focus: ['v4'] },
  ),
  filter(
    'mangle: bytes at any place',
    `@nh,64,8 0-5 @nh,64,8 set 64 counter
    tcp dport 80 @th,16,16 set 81 counter
    udp dport 53 @th,64,32 set 0xdeadbeef counter
    meta l4proto tcp @th,112,8 set 7 counter
    ip protocol icmp @nh,8,8 set 0x10 counter`,
    { family: 'ip', focus: ['v4'] },
  ),
  filter(
    'mangle: options of TCP',
    `tcp flags syn tcp option maxseg size set 1300 counter
    tcp option maxseg size 1300 counter
    tcp option maxseg size set 100 counter
    tcp option timestamp tsval set 5 counter
    tcp option sack-perm exists counter`,
    { focus: ['tcp', 'damage'] },
  ),
  filter(
    'mangle: options of TCP taken out',
    `tcp dport 80 reset tcp option timestamp counter
    tcp option sack-perm exists reset tcp option sack-perm counter
    reset tcp option window counter
    tcp option maxseg exists counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'mangle: what the router sends, which is routed again',
    `ip protocol icmp ip dscp set cs5 counter
    ip6 nexthdr ipv6-icmp ip6 hoplimit set 77 counter
    tcp flags & rst != 0 ip ttl set 9 counter
    icmp type destination-unreachable meta mark set 5 counter`,
    { hook: 'output', priority: 'mangle', focus: ['local'] },
  ),
  {
    name: 'mangle: a chain of type route sends another way',
    text: `table ip t {
chain out {
type route hook output priority mangle; policy accept;
icmp type destination-unreachable meta mark set 9 counter
icmp type echo-reply ip dscp set cs3 counter
tcp flags & rst != 0 ip daddr set 203.0.113.9 counter
}
}`,
    focus: ['local', 'v4'],
    setup: {
      ip: ['rule add fwmark 9 table 9', 'route add default via 198.51.100.3 table 9'],
    },
  },
  filter(
    'dup: a copy to a gateway',
    `tcp dport 80 dup to 198.51.100.3 counter
    udp dport 53 dup to 198.51.100.3 device "wan0" counter
    icmp type echo-request dup to ip daddr map { 198.51.100.2 : 198.51.100.3 } counter`,
    { family: 'ip', hook: 'prerouting', focus: ['v4'] },
  ),
  filter(
    'dup: a copy to a gateway of IPv6',
    `tcp dport 80 dup to 2001:db8:2::3 counter
    udp dport 53 dup to 2001:db8:2::3 device "wan0" counter drop`,
    { family: 'ip6', hook: 'prerouting', focus: ['v6'] },
  ),
  filter(
    'tproxy: nobody listens',
    `tcp dport 80 tproxy to :8080 counter
    udp dport 53 tproxy ip to 192.0.2.1:53 counter
    meta l4proto tcp tproxy ip6 to [2001:db8:1::1]:80 counter
    meta mark 0 counter`,
    { hook: 'prerouting', priority: 'mangle', silent: 3 },
  ),
];
