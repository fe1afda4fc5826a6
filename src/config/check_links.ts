/** What concerns more than one place of the file: links and their ports, addresses, gateways, equal routes. */
import { checkBridges } from './bridges.js';
import { nearest } from './diagnostic.js';
import { formatCidr, formatIp, inPrefix, isLinkLocal6, sameAddress } from './ip_address.js';
import type { LinkDraft, RouteDraft } from './link_draft.js';
import { orderLinks, virtualConfig } from './netplan_virtual.js';
import type { NamedPort } from './ports.js';
import type { LinkConfig } from './router_config.js';
import type { Range, YamlReader } from './yaml_reader.js';

const IPV6_MTU_MIN = 1280; // RFC 8200 §5
const LOOPBACK = 'lo';

export function checkLinks(
  reader: YamlReader,
  links: readonly LinkDraft[],
  ports: readonly NamedPort[],
): LinkConfig[] {
  const ordered = orderLinks(reader, links);
  checkPorts(reader, links, ports);
  checkBridges(reader, links);
  checkAddresses(reader, links);
  checkRoutes(reader, links);
  for (const link of links) checkMtu(reader, link);
  return ordered.map((link) => {
    const virtual = virtualConfig(reader, link);
    const named = ports.find((port) => port.link === link.name);
    const mac = link.mac?.value ?? named?.mac?.value;
    return {
      name: link.name,
      port: named?.port ?? null,
      linkLocal: link.linkLocal,
      conf6: link.conf6,
      ...(link.mtu6 && { mtu6: link.mtu6.value }),
      addresses: link.addresses.map(({ family, address, prefix }) => ({ family, address, prefix })),
      routes: link.routes.map((route) => route.config),
      ...(virtual && { virtual }),
      ...(mac && { mac }),
      ...(link.bridge && {
        bridge: { ...link.bridge.config, interfaces: link.bridge.interfaces.map(({ value }) => value) },
      }),
      ...(link.mtu && { mtu: link.mtu.value }),
    };
  });
}

function checkPorts(reader: YamlReader, links: readonly LinkDraft[], ports: readonly NamedPort[]): void {
  const names = links.map((link) => link.name).filter((name) => name !== LOOPBACK);
  for (const { link, at, mac } of ports) {
    const owner = links.find((candidate) => candidate.name === link);
    if (link === LOOPBACK) {
      reader.error(at, 'the loopback lo takes no port', 'remove this line');
    } else if (owner?.bridge) {
      reader.error(
        at,
        `the bridge ${link} takes no port of its own`,
        'give the port to a link among its interfaces',
      );
    } else if (!owner) {
      const near = nearest(link, names);
      const hint = near ? `did you mean "${near}"?` : `add "${link}:" under ethernets, or remove this port`;
      reader.error(at, `port of "${link}", but there is no such link`, hint);
    } else if (owner.virtual) {
      reader.error(at, `${link} is a ${owner.virtual.kind} and takes no port`, 'remove this line');
    } else if (mac && owner.mac) {
      const message = `${link} has a MAC address already (line ${reader.lineOf(owner.mac.at)})`;
      reader.error(mac.at, message, 'keep "mac" here or "macaddress" there');
    }
  }
  for (const { name, at, bridge, virtual } of links) {
    if (name !== LOOPBACK && !bridge && !virtual && !ports.some((port) => port.link === name)) {
      reader.error(
        at,
        `link ${name} has no port`,
        `add "${name}: tap:ww-${name}" under ports (at the left margin)`,
      );
    }
  }
  reportEqual(
    reader,
    ports,
    (port) => port.port?.spec ?? null,
    (port, first) => ({
      at: port.specAt,
      message: `port "${port.port?.spec}" is taken by ${first.link} (line ${reader.lineOf(first.specAt)})`,
      hint: 'give each link a port of its own',
    }),
  );
}

function checkAddresses(reader: YamlReader, links: readonly LinkDraft[]): void {
  const all = links.flatMap((link) => link.addresses.map((address) => ({ ...address, link: link.name })));
  // The same link-local address on two links is no conflict.
  const key = (one: (typeof all)[number]) =>
    isLinkLocal6(one.address) ? `${formatIp(one.address)}%${one.link}` : formatIp(one.address);
  reportEqual(reader, all, key, (one, first) => ({
    at: one.at,
    message: `${formatIp(one.address)} is given twice, first to ${first.link} on line ${reader.lineOf(first.at)}`,
    hint: 'each address belongs to one link, once',
  }));
}

function checkRoutes(reader: YamlReader, links: readonly LinkDraft[]): void {
  for (const link of links) {
    for (const route of link.routes) checkGateway(reader, link, route);
  }
  const all = links.flatMap((link) => link.routes.map((route) => ({ ...route, link: link.name })));
  const key = ({ config }: RouteDraft) => `${formatCidr(config.to, config.prefix)} ${config.metric ?? 0}`;
  reportEqual(reader, all, key, (one, first) => ({
    at: one.at,
    message: `a second route to ${formatCidr(one.config.to, one.config.prefix)} with the same metric`,
    hint: `give it another "metric" than the one of ${first.link} on line ${reader.lineOf(first.at)}`,
  }));
}

function checkGateway(reader: YamlReader, link: LinkDraft, { config, viaAt }: RouteDraft): void {
  const { via } = config;
  if (!via) return;
  const text = formatIp(via);
  if (link.addresses.some((own) => sameAddress(own.address, via))) {
    const hint = 'write the address of the next router instead';
    reader.error(viaAt, `gateway ${text} is ${link.name}'s own address`, hint);
    return;
  }
  if (config.onLink || link.addressesWrong || isLinkLocal6(via)) return;
  if (link.addresses.some((own) => inPrefix(via, own.address, own.prefix))) return;
  const reach = link.addresses.filter((own) => own.family === config.family);
  const has = reach.map((own) => formatCidr(own.address, own.prefix)).join(', ');
  const message = `no address of ${link.name} reaches the gateway ${text}`;
  const what = has === '' ? `${link.name} has no IPv${config.family} address` : `${link.name} has ${has}`;
  reader.error(viaAt, message, `${what}; add an address of that network, or "on-link: true"`);
}

function checkMtu(reader: YamlReader, link: LinkDraft): void {
  if (link.mtu6 && link.mtu6.value > (link.mtu?.value ?? link.mtu6.value)) {
    const hint = `write at most ${link.mtu!.value}, or a larger mtu`;
    reader.error(
      link.mtu6.at,
      `ipv6-mtu ${link.mtu6.value} is above mtu ${link.mtu!.value} of ${link.name}`,
      hint,
    );
  }
  if (!link.mtu || link.mtu.value >= IPV6_MTU_MIN) return;
  if (!link.addresses.some((own) => own.family === 6)) return;
  const hint = `write at least ${IPV6_MTU_MIN}, or remove the IPv6 address`;
  reader.error(link.mtu.at, `mtu ${link.mtu.value} is too small for IPv6 on ${link.name}`, hint);
}

/** Reports each item whose key an earlier one has. */
function reportEqual<T>(
  reader: YamlReader,
  items: readonly T[],
  keyOf: (item: T) => string | null,
  report: (item: T, first: T) => { at: Range; message: string; hint: string },
): void {
  const seen = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === null) continue;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, item);
      continue;
    }
    const { at, message, hint } = report(item, first);
    reader.error(at, message, hint);
  }
}
