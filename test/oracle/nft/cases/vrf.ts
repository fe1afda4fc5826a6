/**
 * Both ports in a VRF: which devices the hooks name, in each of the two passes that a packet makes there (as its port's,
 * as the VRF's), and what connection tracking and NAT make of them. Compared in the guest.
 */
import type { NftCase } from '../nft_case.js';

const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;

/** Which devices, in order of the passes: a set by hook that packets fill. */
function devices(family: string, key: string, type: string): string {
  const chain = (hook: string) => `set s_${hook} {
typeof ${type}
size 4096
flags dynamic
counter
}
chain ${hook} {
type filter hook ${hook} priority filter; policy accept;
update @s_${hook} { ${key} }
}`;
  return `table ${family} t {\n${HOOKS.map(chain).join('\n')}\n}`;
}

const one = (name: string, text: string, more: Partial<NftCase> = {}): NftCase => ({
  name: `VRF: ${name}`,
  needs: 'vrf',
  vrf: true,
  text,
  ...more,
});

export const vrf: readonly NftCase[] = [
  one(
    'devices at the hooks of IPv4',
    devices('ip', 'iifname . oifname . meta l4proto', 'iifname . oifname . meta l4proto'),
  ),
  one(
    'devices at the hooks of IPv6',
    devices('ip6', 'iifname . oifname . meta l4proto', 'iifname . oifname . meta l4proto'),
    { focus: ['v6'] },
  ),
  one(
    'masquerading by the name of the port, and of the VRF',
    `table ip t {
chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}
chain outgoing {
type nat hook postrouting priority srcnat; policy accept;
oifname "wan0" counter masquerade
oifname "red" counter
}
}`,
    { focus: ['nat', 'tcp', 'udp'], silent: 2 },
  ),
  one(
    'destination NAT by the name of the VRF',
    `table ip t {
chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}
chain incoming {
type nat hook prerouting priority dstnat; policy accept;
iifname "wan0" tcp dport 80 counter dnat to 192.0.2.3
iifname "red" udp dport 53 counter dnat to 192.0.2.4
}
}`,
    { focus: ['nat', 'tcp', 'udp'], silent: 2 },
  ),
];
