/** Makes the links of a configuration that have no port: VLANs, bonds, dummies, macvlans, VRFs. */
import { formatMac } from '../config/ip_address.js';
import type { LinkConfig, VirtualConfig } from '../config/router_config.js';
import type { Link } from '../net/link.js';
import type { LinkSpec } from '../net/link_kind.js';
import type { Namespace } from '../net/namespace.js';

/** The link, up; `below` are those that it needs, which are there already. */
export async function makeVirtual(
  namespace: Namespace,
  config: LinkConfig,
  virtual: VirtualConfig,
  below: (name: string) => Link,
): Promise<Link> {
  const { name, mac, mtu } = config;
  const common = {
    name,
    ...(mac && { mac: formatMac(mac) }),
    ...(mtu !== undefined && { mtu }),
  };
  const link = await namespace.addLink(linkSpec(common, virtual, below));
  if (!config.linkLocal) await namespace.setSysctl(`net.ipv6.conf.${name}.addr_gen_mode`, 1);
  if (virtual.kind === 'bond') {
    for (const one of virtual.interfaces) {
      const port = below(one);
      await port.down();
      await port.set({ master: link });
    }
    if (virtual.primary !== undefined) await link.set({ bond: { primary: below(virtual.primary) } });
  }
  await link.up();
  if (virtual.kind === 'vrf') for (const one of virtual.interfaces) await below(one).set({ master: link });
  return link;
}

function linkSpec(
  common: { name: string; mac?: string; mtu?: number },
  virtual: VirtualConfig,
  below: (name: string) => Link,
): LinkSpec {
  switch (virtual.kind) {
    case 'dummy':
      return { kind: 'dummy', ...common };
    case 'vlan': {
      const { id, protocol } = virtual;
      return { kind: 'vlan', ...common, link: below(virtual.link), id, ...(protocol && { protocol }) };
    }
    case 'macvlan':
      return {
        kind: 'macvlan',
        ...common,
        link: below(virtual.link),
        ...(virtual.mode && { mode: virtual.mode }),
      };
    case 'vrf':
      return { kind: 'vrf', ...common, table: virtual.table };
    case 'bond': {
      const { interfaces: _interfaces, primary: _primary, ...options } = virtual;
      return { ...options, ...common };
    }
  }
}
