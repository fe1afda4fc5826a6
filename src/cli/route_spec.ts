/** Routes and rules of the configuration as a namespace takes them. */
import { formatCidr, formatIp } from '../config/ip_address.js';
import type { RouteConfig, RuleConfig } from '../config/router_config.js';
import { AF_INET, AF_INET6 } from '../net/ip.js';
import type { RouteSpec } from '../net/route.js';
import type { RuleSpec } from '../net/rule.js';

const SCOPES = { global: 0, link: 253, host: 254 } as const;
const RT_TABLE_MAIN = 254;
/** These leave the packet nowhere, so that they name no link. */
const NOWHERE = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

/** `ifindexOf` gives that of a link by name, without one of the link that the route stands under. */
export function routeSpec(route: RouteConfig, ifindexOf: (name?: string) => number): RouteSpec {
  const { family, to, prefix, type, via, onLink, metric, mtu, scope, table, from, metrics } = route;
  const { nextHops } = route;
  return {
    to: formatCidr(to, prefix),
    family: family === 4 ? AF_INET : AF_INET6,
    type,
    onLink,
    ...(!NOWHERE.has(type) && !nextHops && { oif: ifindexOf(route.link) }),
    ...(via && { via: formatIp(via) }),
    ...(nextHops && {
      nextHops: nextHops.map((hop) => ({
        via: formatIp(hop.via),
        oif: ifindexOf(hop.link),
        weight: hop.weight,
        onLink: hop.onLink,
      })),
    }),
    ...(metric !== undefined && { metric }),
    ...(mtu !== undefined && { mtu }),
    ...(scope !== undefined && { scope: SCOPES[scope] }),
    ...(table !== undefined && { table }),
    ...(from && { src: formatIp(from) }),
    ...(metrics && { metrics }),
  };
}

export function ruleSpec({ family, from, to, table, priority, mark, tos }: RuleConfig): RuleSpec {
  return {
    family: family === 4 ? AF_INET : AF_INET6,
    table: table ?? RT_TABLE_MAIN,
    ...(from && { from: formatCidr(from.address, from.prefix) }),
    ...(to && { to: formatCidr(to.address, to.prefix) }),
    ...(priority !== undefined && { priority }),
    ...(mark !== undefined && { fwmark: mark }),
    ...(tos !== undefined && { tos }),
  };
}
