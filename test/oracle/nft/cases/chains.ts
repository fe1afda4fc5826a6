/** Verdicts, jumps, priorities of several base chains, policies, tables. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

export const chains: readonly NftCase[] = [
  filter('chains: a policy alone drops', `ip protocol tcp counter accept`, { policy: 'drop' }),
  filter(
    'chains: jump, goto, return, continue, accept, drop',
    `counter jump a
    counter
    tcp dport 80 goto b
    udp dport 53 jump b
    counter
    ip ttl > 63 counter return
    continue
    counter drop`,
    {
      table: `chain a {
ip protocol tcp counter return
ip protocol udp counter jump b
counter
}
chain b {
tcp dport 80 counter accept
udp dport 53 counter goto d
counter
}
chain d {
ip ttl < 60 counter drop
counter return
}`,
      silent: 1,
    },
  ),
  filter('chains: sixteen deep', 'counter jump c1\ncounter', {
    table: Array.from(
      { length: 15 },
      (_, i) =>
        `chain c${15 - i} {\ntcp dport ${20 + (15 - i)} counter accept\ncounter${i === 0 ? '' : ` jump c${16 - i}`}\ntcp sport 40000 counter\n}`,
    ).join('\n'),
    focus: ['tcp'],
  }),
  filter(
    'chains: without names',
    `tcp dport 22 jump { ip saddr 192.0.2.2 counter accept; counter drop; }
    udp dport 53 goto { counter; ip ttl < 60 counter drop; }
    counter`,
    {},
  ),
  {
    name: 'chains: every hook counts, in the order of priorities',
    text: `table inet t {
${['prerouting', 'input', 'forward', 'output', 'postrouting']
  .flatMap((hook) =>
    [-300, -150, 0, 10, 300].map(
      (priority, i) => `chain ${hook}${i} {
type filter hook ${hook} priority ${priority}; policy accept;
counter
meta mark set mark xor ${1 << i}
meta mark ${(1 << (i + 1)) - 1} counter
tcp dport ${20 + i} counter drop
}`,
    ),
  )
  .join('\n')}
}`,
    focus: ['local'],
    silent: 30,
  },
  {
    name: 'chains: families ip, ip6 and inet at one hook',
    text: `table ip a {
chain f {
type filter hook forward priority 5; policy accept;
counter
tcp dport 80 counter drop
}
}
table ip6 a {
chain f {
type filter hook forward priority 5; policy accept;
counter
tcp dport 443 counter drop
}
}
table inet a {
chain early {
type filter hook forward priority 4; policy accept;
counter
tcp dport 22 counter accept
}
chain late {
type filter hook forward priority 6; policy accept;
counter
tcp dport { 80, 443 } counter
}
}`,
    silent: 0,
  },
  {
    name: 'chains: an accept ends its chain only',
    text: `table inet t {
chain one {
type filter hook forward priority -10; policy accept;
tcp dport 22 counter accept
counter
}
chain two {
type filter hook forward priority 0; policy drop;
tcp dport { 22, 80 } counter accept
meta l4proto != tcp counter accept
}
chain three {
type filter hook forward priority 10; policy accept;
tcp dport 80 counter drop
counter
}
}`,
  },
  {
    name: 'chains: a table that sleeps',
    text: `table inet t {
flags dormant
chain f {
type filter hook forward priority 0; policy drop;
counter
}
}
table inet u {
chain f {
type filter hook forward priority 0; policy accept;
counter
}
}`,
    silent: 1,
  },
  filter('chains: an empty one', '', { hook: 'prerouting' }),
  filter(
    'chains: nothing but verdicts of a map',
    `meta l4proto . th dport vmap { tcp . 22 : accept, tcp . 80 : drop, udp . 53 : jump a, icmp . 0 : drop }
    meta nfproto vmap { ipv4 : jump a, ipv6 : goto b }
    counter drop`,
    {
      table: 'chain a {\ncounter\nip ttl < 60 drop\n}\nchain b {\ncounter\nip6 hoplimit < 60 drop\n}',
      silent: 0,
    },
  ),
  {
    name: 'chains: input, output and forward of a host',
    text: `table inet filter {
set dark {
type ipv4_addr
flags interval
elements = { 203.0.113.64/26 }
}
chain input {
type filter hook input priority 0; policy drop;
ct state vmap { established : accept, related : accept, invalid : drop }
iif "lo" accept
icmp type { echo-request, destination-unreachable } limit rate 1/day burst 500 packets counter accept
meta l4proto ipv6-icmp counter accept
tcp dport { 22, 80 } counter accept
counter reject
}
chain forward {
type filter hook forward priority 0; policy drop;
ct state vmap { established : accept, related : accept, invalid : drop }
ip daddr @dark counter drop
iifname "lan0" oifname "wan0" counter accept
iifname "wan0" tcp dport 443 counter accept
counter
}
chain output {
type filter hook output priority 0; policy accept;
ct state invalid counter drop
counter
}
}`,
    focus: ['local'],
    silent: 1,
  },
];
