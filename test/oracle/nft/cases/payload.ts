/** Fields of every header, and bytes at any place. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

export const payload: readonly NftCase[] = [
  filter(
    'payload: addresses of IPv4',
    `ip saddr 192.0.2.2 counter
    ip saddr 192.0.2.0/24 counter
    ip saddr 192.0.2.2-192.0.2.9 counter
    ip saddr != 192.0.2.0/25 counter
    ip daddr 198.51.100.3 counter drop
    ip daddr & 0.0.0.255 == 0.0.0.2 counter
    ip daddr & 255.255.0.1 != 203.0.0.1 counter
    ip saddr > 192.0.2.2 counter
    ip daddr <= 198.51.100.2 counter`,
    { focus: ['v4'] },
  ),
  filter(
    'payload: the other fields of IPv4',
    `ip version 4 counter
    ip hdrlength 5 counter
    ip hdrlength > 5 counter
    ip dscp 10 counter
    ip dscp != cs0 counter
    ip dscp { af11, cs3, 46 } counter
    ip ecn ce counter
    ip ecn 1 counter
    ip length 40-60 counter
    ip length > 99 counter
    ip id 0x1203 counter
    ip frag-off & 0x4000 != 0 counter
    ip frag-off & 0x1fff != 0 counter
    ip frag-off & 0x2000 == 0x2000 counter
    ip ttl 63-64 counter
    ip ttl < 3 counter drop
    ip ttl 250-255 counter
    ip protocol tcp counter
    ip protocol { udp, icmp } counter
    ip protocol != 6 counter
    ip checksum != 0 counter`,
    { focus: ['v4', 'fragments'] },
  ),
  filter(
    'payload: fields of IPv4 before routing, in its own family',
    `ip saddr 192.0.2.0/24 ip daddr 198.51.100.0/24 counter
    ip ttl 1 counter drop
    ip dscp 12 ip ttl > 1 counter drop
    ip length 60-80 ip protocol udp counter drop`,
    { family: 'ip', hook: 'prerouting', focus: ['v4'] },
  ),
  filter(
    'payload: addresses of IPv6',
    `ip6 saddr 2001:db8:1::2 counter
    ip6 saddr 2001:db8:1::/64 counter
    ip6 saddr 2001:db8:1::2-2001:db8:1::9 counter
    ip6 saddr != 2001:db8:1::/64 counter
    ip6 daddr 2001:db8:2::3 counter drop
    ip6 daddr & ::ff == ::2 counter
    ip6 daddr >= 2001:db8:2::3 counter`,
    { focus: ['v6'] },
  ),
  filter(
    'payload: the other fields of IPv6',
    `ip6 version 6 counter
    ip6 dscp 10 counter
    ip6 dscp != cs0 counter
    ip6 dscp { af11, cs3, 46 } counter
    ip6 ecn ce counter
    ip6 flowlabel 77 counter
    ip6 flowlabel != 0 counter
    ip6 length 20-40 counter
    ip6 length > 99 counter
    ip6 nexthdr tcp counter
    ip6 nexthdr { udp, ipv6-icmp } counter
    ip6 nexthdr != 6 counter
    ip6 hoplimit 250-255 counter
    ip6 hoplimit 64 counter
    ip6 hoplimit < 3 counter drop`,
    { family: 'ip6', hook: 'prerouting', focus: ['v6', 'headers'], silent: 0 },
  ),
  filter(
    'payload: TCP',
    `tcp sport 1024 counter
    tcp sport 1000-2000 counter
    tcp dport 80 counter
    tcp dport != 80 counter
    tcp dport { 22, 443, 8000-8080 } counter
    tcp dport 33333 counter drop
    tcp sequence 0 counter
    tcp sequence > 0x7fffffff counter
    tcp ackseq 0 counter
    tcp ackseq != 0 counter
    tcp doff 5 counter
    tcp doff > 5 counter
    tcp reserved 0 counter
    tcp window 29200 counter
    tcp window < 10 counter
    tcp checksum != 0 counter
    tcp urgptr 0 counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'payload: flags of TCP',
    `tcp flags syn counter
    tcp flags == syn counter
    tcp flags != syn counter
    tcp flags & (syn | ack) == syn counter
    tcp flags & (fin | syn | rst | psh | ack | urg) == 0 counter drop
    tcp flags syn,ack counter
    tcp flags { syn, syn | ack, ack, rst | ack } counter
    tcp flags & (fin | syn) == (fin | syn) counter drop
    tcp flags rst / fin,syn,rst,ack counter
    tcp flags ! syn,rst counter
    tcp flags & 0xc0 != 0 counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'payload: UDP, UDP-Lite, and ports of anything',
    `udp sport 53 counter
    udp dport 53 counter drop
    udp dport 5000-5010 counter
    udp dport != 5001 counter
    udp length 8 counter
    udp length > 40 counter
    udp checksum 0 counter
    udp checksum != 0 counter
    udplite sport != 53 counter
    udplite dport 5000-40000 counter
    th sport 1024 counter
    th dport 22 counter
    th dport { 22, 53, 443 } counter
    meta l4proto { tcp, udp } th dport 8080 counter`,
    { focus: ['udp', 'protocols'] },
  ),
  filter(
    'payload: protocols with ports and without',
    `sctp sport 1024 counter
    sctp dport 53-90 counter
    dccp sport 22-80 counter
    dccp dport 443 counter
    dccp type request counter
    ah spi 0-0xffffffff counter
    ah sequence 256 counter
    ah hdrlength 22 counter
    ah nexthdr 0-255 counter
    esp spi > 100 counter
    esp sequence != 0 counter
    comp nexthdr 0 counter
    comp cpi > 0 counter
    comp flags != 0x1 counter
    ip protocol 47 counter
    meta l4proto 112 counter`,
    { focus: ['protocols'], silent: 3 },
  ),
  filter(
    'payload: ICMP',
    `icmp type echo-request counter
    icmp type echo-reply counter
    icmp type { destination-unreachable, time-exceeded } counter
    icmp type 13 counter drop
    icmp type != 8 counter
    icmp code 0 counter
    icmp code 3 counter
    icmp code != 1 counter
    icmp id 77 counter
    icmp id 7-80 counter
    icmp sequence 1-9 counter
    icmp mtu 1400 counter
    icmp gateway != 0 counter
    icmp checksum != 0 counter`,
    { focus: ['icmp', 'v4', 'errors'] },
  ),
  filter(
    'payload: ICMPv6',
    `icmpv6 type echo-request counter
    icmpv6 type echo-reply counter
    icmpv6 type { destination-unreachable, time-exceeded } counter
    icmpv6 type packet-too-big counter
    icmpv6 type 144 counter drop
    icmpv6 type != 128 counter
    icmpv6 code 0 counter
    icmpv6 code 4 counter
    icmpv6 id 77 counter
    icmpv6 sequence 1-9 counter
    icmpv6 mtu 1400 counter
    icmpv6 checksum != 0 counter`,
    { focus: ['icmp6', 'v6', 'errors'] },
  ),
  filter(
    'payload: extension headers of IPv6',
    `exthdr hbh exists counter
    exthdr hbh missing counter
    exthdr rt exists counter
    exthdr frag exists counter
    exthdr dst exists counter
    exthdr mh missing counter
    hbh nexthdr 6 counter
    hbh hdrlength 0 counter
    dst nexthdr 17 counter
    dst hdrlength 0 counter
    rt nexthdr 6 counter
    rt type 4 counter
    rt type { 0, 2 } counter drop
    rt seg-left 0 counter
    rt seg-left > 0 counter
    rt hdrlength 2 counter
    frag nexthdr 6 counter
    frag frag-off 0 counter
    frag frag-off != 0 counter
    frag more-fragments 1 counter
    frag id > 0x7fffffff counter`,
    { family: 'ip6', hook: 'prerouting', focus: ['v6', 'headers'], silent: 1 },
  ),
  filter(
    'payload: extension headers after routing, in inet',
    `exthdr hbh exists counter
    exthdr dst exists counter drop
    rt type 4 counter
    frag more-fragments 1 counter
    meta l4proto tcp counter
    meta l4proto ipv6-icmp counter
    tcp dport 22-443 counter`,
    { hook: 'postrouting', focus: ['v6', 'headers'] },
  ),
  filter(
    'payload: options of IPv4',
    `ip option rr exists counter
    ip option rr missing counter
    ip option ra exists counter
    ip option ra value 0 counter
    ip option lsrr exists counter drop
    ip option ssrr missing counter
    ip option rr length 7 counter
    ip option rr ptr 4-8 counter`,
    { family: 'ip', hook: 'prerouting', focus: ['v4', 'headers'] },
  ),
  filter(
    'payload: options of TCP',
    `tcp option maxseg exists counter
    tcp option maxseg missing counter
    tcp option maxseg size 1460 counter
    tcp option maxseg size < 100 counter drop
    tcp option window exists counter
    tcp option window count 7 counter
    tcp option window count > 7 counter
    tcp option sack-perm exists counter
    tcp option sack exists counter
    tcp option sack0 left 1 counter
    tcp option timestamp exists counter
    tcp option timestamp tsval 256 counter
    tcp option timestamp tsval > 256 counter
    tcp option timestamp tsecr != 0 counter
    tcp option maxseg length 4 counter
    tcp option 30 exists counter
    tcp option @30,16,8 1 counter`,
    { focus: ['tcp'] },
  ),
  filter(
    'payload: bytes at any place',
    `@nh,0,4 4 counter
    @nh,0,4 6 counter
    @nh,64,8 64 counter
    @nh,96,32 0xc0000202 counter
    @nh,4,4 5 counter
    @th,0,16 80 counter
    @th,16,16 { 22, 443 } counter
    @th,16,16 33333 counter drop
    @th,0,8 > 8 counter
    @th,0,64 != 0 counter
    @th,96,3 != 0 counter
    @th,100,12 2 counter
    @th,64,24 & 0xff != 0 counter`,
    { silent: 3 },
  ),
  filter(
    'payload: bytes far behind, where short packets have none',
    `@th,256,32 != 0 counter
    @th,800,8 > 0 counter
    @nh,1200,16 != 0 counter
    @th,0,128 != 0 counter
    @nh,480,8 0-255 counter drop`,
    { focus: ['damage'] },
  ),
  filter(
    'payload: Ethernet from inside IP',
    `ether saddr 02:00:00:00:01:02 counter
    ether daddr 02:00:00:00:01:01 counter
    ether type ip counter
    ether type { ip6, arp } counter
    ether saddr != 02:00:00:00:02:02 counter
    @ll,0,8 2 counter
    @ll,48,48 0x020000000102 counter
    ether saddr 02:00:00:00:02:02 ip protocol udp counter drop`,
    { hook: 'prerouting' },
  ),
  filter(
    'payload: Ethernet where it is that of nobody yet',
    `ether saddr 02:00:00:00:01:02 counter
    ether daddr != 02:00:00:00:01:01 counter
    ether type ip6 counter`,
    { hook: 'output', focus: ['local'], silent: 3 },
  ),
  filter(
    'payload: headers that are cut off',
    `ip protocol tcp tcp dport 0-65535 counter
    tcp flags syn counter
    tcp option maxseg exists counter
    udp length 0-65535 counter
    icmp type 0-255 counter
    icmpv6 type 0-255 counter
    meta length > 0 counter
    ip6 nexthdr 0-255 counter drop`,
    { hook: 'prerouting', focus: ['damage', 'fragments'] },
  ),
  filter(
    'payload: fragments, of which all but the first have no header behind IP',
    `ip frag-off & 0x1fff != 0 counter
    tcp dport 0-65535 counter
    udp dport 0-65535 counter
    icmp type 0-255 counter
    th dport 22 counter drop
    @th,0,16 0-65535 counter
    meta l4proto udp counter`,
    { family: 'ip', hook: 'prerouting', priority: 'raw', focus: ['fragments', 'v4'] },
  ),
  filter(
    'payload: IGMP and others beside the usual',
    `igmp type 0x11-0x22 counter
    ip protocol igmp counter
    ip protocol 103 counter
    meta l4proto { 89, 112, 253 } counter
    ip protocol 255 counter drop`,
    { family: 'ip', hook: 'prerouting', focus: ['v4', 'protocols'], silent: 3 },
  ),
];
