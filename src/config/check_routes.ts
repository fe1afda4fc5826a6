/**
 * Routes and rules in their place: which table they are in, by which links they leave, and whether their gateways can be
 * reached there.
 *
 * The routes and rules of a VRF are in its table, and so are the routes of its ports. A route of a VRF leaves by the port
 * whose network its gateway is in.
 */
import { formatCidr, formatIp, inPrefix, isLinkLocal6, sameAddress } from './ip_address.js';
import { nearest } from './diagnostic.js';
import type { LinkDraft, RouteDraft } from './link_draft.js';
import type { RouteConfig, RuleConfig } from './router_config.js';
import type { Range, YamlReader } from './yaml_reader.js';

/** The VRF that has this link as a port, or undefined. */
export function vrfOf(links: readonly LinkDraft[], name: string): LinkDraft | undefined {
  return links.find(
    ({ virtual }) => virtual?.kind === 'vrf' && virtual.needs.some(({ link }) => link === name),
  );
}

/** The routes of a link, whole. */
export function routesOf(reader: YamlReader, links: readonly LinkDraft[], link: LinkDraft): RouteConfig[] {
  return link.routes.map((route) => {
    const table = tableOf(reader, links, link, route.config.table, route.tableAt ?? route.at, 'route');
    const by = leavesBy(reader, links, link, route);
    const { hops } = route;
    return {
      ...route.config,
      ...(table !== undefined && { table }),
      ...(by !== undefined && by !== link && { link: by.name }),
      ...(hops && {
        nextHops: hops.map((hop) => {
          const other = hopLink(reader, links, link, hop.link);
          if (other) checkGateway(reader, other, hop.via, hop.onLink, hop.viaAt);
          return { via: hop.via, weight: hop.weight, onLink: hop.onLink, link: other?.name ?? link.name };
        }),
      }),
    };
  });
}

export function rulesOf(reader: YamlReader, links: readonly LinkDraft[], link: LinkDraft): RuleConfig[] {
  return link.rules.map(({ config, tableAt }) => {
    const vrf = link.virtual?.kind === 'vrf' ? link : undefined;
    const table = vrf ? tableOf(reader, links, link, config.table, tableAt, 'rule') : config.table;
    return { ...config, ...(table !== undefined && { table }) };
  });
}

function tableOf(
  reader: YamlReader,
  links: readonly LinkDraft[],
  link: LinkDraft,
  given: number | undefined,
  at: Range,
  what: string,
): number | undefined {
  const vrf = link.virtual?.kind === 'vrf' ? link : vrfOf(links, link.name);
  const own = vrf?.virtual?.table;
  if (vrf === link && given !== undefined && own !== undefined && given !== own) {
    const hint = 'leave "table" out: what stands in a VRF is in its table';
    reader.error(at, `a ${what} of ${link.name} in table ${given}, but its table is ${own}`, hint);
  }
  return given ?? own;
}

/** The link of a route with one next hop or none. */
function leavesBy(
  reader: YamlReader,
  links: readonly LinkDraft[],
  link: LinkDraft,
  { config, viaAt }: RouteDraft,
): LinkDraft | undefined {
  if (link.virtual?.kind !== 'vrf') {
    if (config.via) checkGateway(reader, link, config.via, config.onLink, viaAt);
    return link;
  }
  if (!config.via) return link;
  return portTowards(reader, links, link, config.via, viaAt);
}

/** The port of a VRF in whose network the gateway is. */
function portTowards(
  reader: YamlReader,
  links: readonly LinkDraft[],
  vrf: LinkDraft,
  via: Uint8Array,
  at: Range,
): LinkDraft | undefined {
  const ports = links.filter(({ name }) => vrfOf(links, name) === vrf);
  const reached = ports.find((port) => port.addresses.some((own) => inPrefix(via, own.address, own.prefix)));
  if (reached && !isLinkLocal6(via)) {
    checkGateway(reader, reached, via, false, at);
    return reached;
  }
  if (!isLinkLocal6(via) && ports.some((port) => port.addressesWrong)) return undefined;
  const names = ports.map(({ name }) => name).join(', ') || 'none';
  reader.error(
    at,
    `no interface of ${vrf.name} reaches the gateway ${formatIp(via)}`,
    `its interfaces are ${names}; write the route under one of them, or give that an address of this network`,
  );
  return undefined;
}

/** The link of one next hop of several; undefined, and told, when there is none of that name. */
function hopLink(
  reader: YamlReader,
  links: readonly LinkDraft[],
  link: LinkDraft,
  named: { readonly value: string; readonly at: Range } | undefined,
): LinkDraft | undefined {
  if (named === undefined) return link;
  const found = links.find(({ name }) => name === named.value);
  if (found) return found;
  const near = nearest(
    named.value,
    links.map(({ name }) => name),
  );
  const hint = near ? `did you mean "${near}"?` : `add "${named.value}:" under ethernets`;
  reader.error(named.at, `a next hop by "${named.value}", but there is no such link`, hint);
  return undefined;
}

function checkGateway(
  reader: YamlReader,
  link: LinkDraft,
  via: Uint8Array,
  onLink: boolean,
  at: Range,
): void {
  const text = formatIp(via);
  if (link.addresses.some((own) => sameAddress(own.address, via))) {
    const hint = 'write the address of the next router instead';
    reader.error(at, `gateway ${text} is ${link.name}'s own address`, hint);
    return;
  }
  if (onLink || link.addressesWrong || isLinkLocal6(via)) return;
  if (link.addresses.some((own) => inPrefix(via, own.address, own.prefix))) return;
  const family = via.length === 4 ? 4 : 6;
  const reach = link.addresses.filter((own) => own.family === family);
  const has = reach.map((own) => formatCidr(own.address, own.prefix)).join(', ');
  const message = `no address of ${link.name} reaches the gateway ${text}`;
  const what = has === '' ? `${link.name} has no IPv${family} address` : `${link.name} has ${has}`;
  reader.error(at, message, `${what}; add an address of that network, or "on-link: true"`);
}
