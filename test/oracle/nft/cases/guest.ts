/** What not every kernel has: flow tables, queues, tracking and rejecting on a bridge. Compared in the guest. */
import type { NftCase } from '../nft_case.js';
import { filter } from './chain.js';

const FLOWTABLE = `flowtable f {
hook ingress priority 0
devices = { lan0, wan0 }
}`;

const flows = (name: string, rules: string, more: Parameters<typeof filter>[2] = {}): NftCase => ({
  ...filter(name, rules, { focus: ['tcp', 'udp'], ...more, table: `${more.table ?? ''}\n${FLOWTABLE}` }),
  needs: 'flowtable',
});

const bridge = (name: string, rules: string, more: Parameters<typeof filter>[2] = {}): NftCase => ({
  ...filter(name, rules, { family: 'bridge', bridge: true, ...more }),
  needs: 'nft-bridge',
});

export const guest: readonly NftCase[] = [
  flows(
    'flowtable: established connections pass the chains by',
    `ct state established meta l4proto { tcp, udp } flow add @f counter
    ct state established counter
    ct state new counter
    counter`,
  ),
  flows(
    'flowtable: everything that can be, of UDP at once',
    `flow add @f counter
    counter`,
    { silent: 1 },
  ),
  {
    name: 'flowtable: with NAT of both ends',
    needs: 'flowtable',
    focus: ['nat', 'tcp', 'udp'],
    text: `table ip t {
${FLOWTABLE}
chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}
chain pass {
type filter hook forward priority filter; policy accept;
meta l4proto { tcp, udp } flow add @f counter
counter
}
chain incoming {
type nat hook prerouting priority dstnat; policy accept;
iifname "wan0" tcp dport 80 dnat to 192.0.2.3
}
chain outgoing {
type nat hook postrouting priority srcnat; policy accept;
oifname "wan0" snat to 198.51.100.9
}
}`,
  },
  {
    name: 'flowtable: counted on its connections',
    needs: 'flowtable',
    focus: ['v6', 'udp'],
    text: `table ip6 t {
flowtable f {
hook ingress priority 0
devices = { lan0, wan0 }
counter
}
chain pass {
type filter hook forward priority filter; policy accept;
meta l4proto { tcp, udp } flow add @f counter
counter
}
}`,
  },
  {
    ...filter(
      'queue: nobody listens',
      `tcp dport 80 counter queue num 3
      udp dport 53 counter queue num 1-4 bypass
      counter`,
    ),
    needs: 'nft-queue',
  },
  bridge(
    'bridge: connections are tracked',
    `ct state new counter
    ct state established counter
    ct state invalid counter drop
    ct state untracked counter
    ct direction reply counter
    ether type arp counter`,
    { silent: 1 },
  ),
  bridge(
    'bridge: rejects what comes in',
    `tcp dport 80 counter reject with tcp reset
    udp dport 53 counter reject
    icmp type echo-request counter reject with icmp host-prohibited
    icmpv6 type echo-request counter reject with icmpv6 admin-prohibited
    ip protocol udp counter reject with icmpx host-unreachable`,
    { hook: 'prerouting', silent: 2 },
  ),
];
