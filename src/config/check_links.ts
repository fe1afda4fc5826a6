/** What concerns more than one place of the file: links and their ports, addresses, gateways, equal routes. */
import { checkBridges } from './bridges.js';
import { nearest } from './diagnostic.js';
import { routesOf, rulesOf, vrfOf } from './check_routes.js';
import { formatCidr, formatIp, isLinkLocal6 } from './ip_address.js';
import type { LinkDraft } from './link_draft.js';
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
      routes: routesOf(reader, links, link),
      rules: rulesOf(reader, links, link),
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
  // The same link-local address on two links is no conflict, nor is any in two VRFs.
  const key = (one: (typeof all)[number]) => {
    const vrf = links.find(({ name }) => name === one.link)?.virtual?.kind === 'vrf' ? one.link : undefined;
    const where = vrf ?? vrfOf(links, one.link)?.name ?? '';
    return `${formatIp(one.address)}%${isLinkLocal6(one.address) ? one.link : where}`;
  };
  reportEqual(reader, all, key, (one, first) => ({
    at: one.at,
    message: `${formatIp(one.address)} is given twice, first to ${first.link} on line ${reader.lineOf(first.at)}`,
    hint: 'each address belongs to one link, once',
  }));
}

function checkRoutes(reader: YamlReader, links: readonly LinkDraft[]): void {
  const all = links.flatMap((link) => {
    const vrf = link.virtual?.kind === 'vrf' ? link : vrfOf(links, link.name);
    const table = vrf?.virtual?.table ?? 0;
    return link.routes.map((route) => ({ ...route, link: link.name, table: route.config.table ?? table }));
  });
  const key = ({ config, table }: (typeof all)[number]) =>
    `${formatCidr(config.to, config.prefix)} ${config.metric ?? 0} ${table}`;
  reportEqual(reader, all, key, (one, first) => ({
    at: one.at,
    message: `a second route to ${formatCidr(one.config.to, one.config.prefix)} with the same metric`,
    hint: `give it another "metric" than the one of ${first.link} on line ${reader.lineOf(first.at)}`,
  }));
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
