/**
 * The configuration of `ww up router.yaml`: netplan version 2 for addresses, routes and MTU, and sections of our own
 * at its top level: `core` (a board that runs the core), `ports` (where each link gets its frames), `neighbours`, `sysctls`
 * and `nftables`.
 *
 *   text ─► YamlReader ─► netplan.ts, netplan_route.ts, ports.ts ─► check_links.ts ─► RouterConfig
 *                              each value by itself                 what concerns several
 *
 * All mistakes are collected, each with its place and what would be right. What netplan has and this router has not yet
 * is refused by name, never passed over.
 *
 * Format: https://netplan.readthedocs.io/en/stable/netplan-yaml/
 */
import { readFile } from 'node:fs/promises';
import { NetError } from '../net_error.js';
import { bridgeFields } from './bridges.js';
import { checkLinks } from './check_links.js';
import { checkCore, readCore } from './core_line.js';
import type { Diagnostic } from './diagnostic.js';
import { formatIp, isMulticast, parseCidr, parseIp, whyNotAddress, whyNotCidr } from './ip_address.js';
import type { LinkDraft, RouteDraft } from './link_draft.js';
import { readMac } from './mac_value.js';
import { checkNeighbours, type NamedNeighbour, readNeighbours } from './neighbours.js';
import { VIRTUAL_SECTIONS, type VirtualDraft, virtualFields } from './netplan_virtual.js';
import { readRoute } from './netplan_route.js';
import { type NamedPort, readPorts } from './ports.js';
import type { RouterConfig, RulesetConfig } from './router_config.js';
import {
  checkRouterAdvertisements,
  type NamedAdvertiser,
  readRouterAdvertisements,
} from './router_advertisements.js';
import { readRuleset } from './ruleset.js';
import { readRoutingPolicy } from './routing_policy.js';
import { whyNotSysctl } from './sysctl_name.js';
import { type Entry, type Fields, type Range, type Value, YamlReader } from './yaml_reader.js';

export type ConfigResult =
  | { readonly kind: 'ok'; readonly config: RouterConfig; readonly warnings: readonly Diagnostic[] }
  | {
      readonly kind: 'wrong';
      readonly errors: readonly Diagnostic[];
      readonly warnings: readonly Diagnostic[];
    };

const MTU_MIN = 68; // RFC 791 §3.2
const MTU_MAX = 65535;

const OTHER_LINKS = ['tunnels', 'wifis', 'modems'];
const LATER_TOP = [...OTHER_LINKS, 'virtual-ethernets', 'nm-devices', 'openvswitch'];
const LATER_LINK = [
  ...['match', 'set-name', 'wakeonlan', 'dhcp-identifier', 'dhcp4-overrides', 'dhcp6-overrides'],
  ...['ipv6-address-token', 'neigh-suppress', 'auth'],
  ...[
    'critical',
    'optional-addresses',
    'activation-mode',
    'ignore-carrier',
    'openvswitch',
    'link',
    'virtual-function-count',
  ],
];

const EXAMPLE =
  'write network:, ports: and, where wanted, neighbours:, sysctls: and nftables: at the left margin';
const ADDRESS_EXAMPLE = 'write ADDRESS/PREFIX, for example 192.168.1.1/24 or "fd00:1::1/64"';

export async function loadRouterConfig(path: string): Promise<ConfigResult> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : code;
    throw new NetError(code, `cannot read ${path}: ${why}; name a netplan YAML file`, { cause });
  }
  return readRouterConfig(text, path);
}

/** `file` is its name in messages. */
export function readRouterConfig(text: string, file: string): ConfigResult {
  const reader = new YamlReader(text, file);
  const root = reader.root();
  const config = root && readRoot(reader, root, file);
  const warnings = inOrder(reader.warnings);
  if (config === null || reader.errors.length > 0)
    return { kind: 'wrong', errors: inOrder(reader.errors), warnings };
  return { kind: 'ok', config, warnings };
}

function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function readRoot(reader: YamlReader, root: Value, file: string): RouterConfig | null {
  const links: LinkDraft[] = [];
  const sysctls: [Entry, number | null][] = [];
  let ports: NamedPort[] = [];
  let neighbours: NamedNeighbour[] = [];
  let advertisers: NamedAdvertiser[] = [];
  let nftables: RulesetConfig | undefined;
  let core: { line: string | undefined; at: Range } | undefined;
  let network: Entry | null = null;
  const isMapping = reader.fields(root, 'the configuration', EXAMPLE, {
    network: (value, entry) => {
      network = entry;
      readNetwork(reader, value, links);
    },
    core: (value) => {
      core = { line: readCore(reader, value), at: value.at };
    },
    ports: (value) => {
      ports = readPorts(reader, value);
    },
    neighbours: (value) => {
      neighbours = readNeighbours(reader, value);
    },
    'router-advertisements': (value) => {
      advertisers = readRouterAdvertisements(reader, value);
    },
    nftables: (value) => {
      nftables = readRuleset(reader, value, file);
    },
    sysctls: (value) => {
      for (const entry of reader.entries(value, 'sysctls', 'write lines such as net.ipv4.ip_forward: 1') ??
        []) {
        sysctls.push([entry, reader.integer(entry.value, entry.key, -(2 ** 31), 2 ** 31 - 1)]);
      }
    },
  });
  if (!isMapping) return null;
  if (network === null) {
    reader.error(
      root.at,
      'there is no "network" section',
      'begin with "network: {version: 2, ethernets: ...}"',
    );
  }
  checkCore(reader, core?.at, ports);
  const names = links.map((link) => link.name);
  for (const [{ key, keyAt }] of sysctls) {
    const wrong = whyNotSysctl(key, names);
    if (wrong) reader.error(keyAt, wrong.message, wrong.hint);
  }
  return {
    links: checkLinks(reader, links, ports),
    sysctls: sysctls.flatMap(([{ key }, value]) => (value === null ? [] : [[key, value] as const])),
    neighbours: checkNeighbours(reader, neighbours, names),
    advertisers: checkRouterAdvertisements(reader, advertisers, links),
    ...(nftables && { nftables }),
    ...(core?.line !== undefined && { core: core.line }),
  };
}

function readNetwork(reader: YamlReader, value: Value, links: LinkDraft[]): void {
  let version = false;
  const fields = {
    version: (inner: Value) => {
      version = true;
      const given = reader.string(inner, 'version', 'write "version: 2"');
      if (given !== null && given !== '2') {
        reader.error(inner.at, `netplan version ${given} is not known`, 'write "version: 2"');
      }
    },
    renderer: (inner: Value) => {
      reader.warning(inner.at, '"renderer" is ignored', 'this router is the renderer; the line can go');
    },
    ethernets: (inner: Value) => {
      for (const entry of reader.entries(inner, 'ethernets', 'write "lan0: {addresses: [...]}"') ?? []) {
        links.push(readLink(reader, entry));
      }
    },
    bridges: (inner: Value) => {
      for (const entry of reader.entries(inner, 'bridges', 'write "br0: {interfaces: [...]}"') ?? []) {
        links.push(readLink(reader, entry, bridgeFields));
      }
    },
    ...virtualSections(reader, links),
  };
  const isMapping = reader.fields(
    value,
    'network',
    'write "version: 2" and "ethernets:" in it',
    fields,
    LATER_TOP,
  );
  if (isMapping && !version) reader.error(value.at, '"version" is missing in network', 'write "version: 2"');
}

/** vlans, bonds, vrfs and the like: links as ethernets are, with fields of their own. */
function virtualSections(reader: YamlReader, links: LinkDraft[]): Fields {
  const sections: Fields = {};
  for (const [section, [kind, hint]] of Object.entries(VIRTUAL_SECTIONS)) {
    sections[section] = (inner) => {
      for (const entry of reader.entries(inner, section, hint) ?? []) {
        const draft: VirtualDraft = { kind, needs: [], bond: {} };
        const link = readLink(reader, entry, () => virtualFields(reader, draft));
        link.virtual = draft;
        links.push(link);
      }
    };
  }
  return sections;
}

/** `own` gives the keys that only this kind of link has. */
function readLink(
  reader: YamlReader,
  { key: name, keyAt, value }: Entry,
  own?: (reader: YamlReader, link: LinkDraft) => Fields,
): LinkDraft {
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') {
    reader.error(
      keyAt,
      `"${name}" cannot be the name of a link`,
      'use 1 to 15 characters without "/", ":" and spaces',
    );
  }
  const what = `link ${name}`;
  const link: LinkDraft = {
    name,
    at: keyAt,
    linkLocal: true,
    conf6: [],
    addresses: [],
    addressesWrong: false,
    routes: [],
    rules: [],
  };
  const off = (protocol: string, instead: string) => (inner: Value, entry: Entry) => {
    if (reader.boolean(inner, entry.key) === true) {
      reader.error(inner.at, `${protocol} is not supported yet`, `write "${entry.key}: false"${instead}`);
    }
  };
  const ignored = (inner: Value, entry: Entry) => {
    reader.warning(
      entry.keyAt,
      `"${entry.key}" is ignored in ${what}`,
      'the router itself resolves no names',
    );
    void inner;
  };
  const routes: Value[] = [];
  const fields = {
    addresses: (inner: Value) => readAddresses(reader, inner, link),
    // Read after the addresses, wherever they stand.
    routes: (inner: Value) => {
      routes.push(...(reader.items(inner, 'routes', 'write "- {to: default, via: ADDRESS}" lines') ?? []));
    },
    'routing-policy': (inner: Value) => {
      link.rules.push(...readRoutingPolicy(reader, inner, what));
    },
    mtu: (inner: Value) => {
      const mtu = reader.integer(inner, 'mtu', MTU_MIN, MTU_MAX);
      if (mtu !== null) link.mtu = { value: mtu, at: inner.at };
    },
    macaddress: (inner: Value) => {
      const mac = readMac(reader, inner, 'macaddress');
      if (mac) link.mac = { value: mac, at: inner.at };
    },
    dhcp4: off('DHCP', ' and give the link addresses'),
    dhcp6: off('DHCPv6', ' and give the link addresses'),
    'accept-ra': (inner: Value, entry: Entry) => {
      const on = reader.boolean(inner, entry.key);
      // A router forwards, and only accept_ra 2 holds for those.
      if (on !== null) link.conf6.push(['accept_ra', on ? 2 : 0]);
    },
    'ipv6-privacy': (inner: Value, entry: Entry) => {
      const on = reader.boolean(inner, entry.key);
      if (on !== null) link.conf6.push(['use_tempaddr', on ? 2 : 0]);
    },
    'ipv6-address-generation': (inner: Value, entry: Entry) => {
      const mode = reader.oneOf(inner, entry.key, ['eui64', 'stable-privacy'] as const);
      if (mode !== null) link.conf6.push(['addr_gen_mode', mode === 'eui64' ? 0 : 3]);
    },
    'ipv6-mtu': (inner: Value, entry: Entry) => {
      const mtu = reader.integer(inner, entry.key, 1280, MTU_MAX);
      if (mtu !== null) link.mtu6 = { value: mtu, at: inner.at };
    },
    'ra-overrides': (inner: Value) => readRaOverrides(reader, inner, what),
    gateway4: (inner: Value, entry: Entry) => readGateway(reader, inner, entry, link, 4),
    gateway6: (inner: Value, entry: Entry) => readGateway(reader, inner, entry, link, 6),
    'link-local': (inner: Value) => {
      link.linkLocal = false;
      for (const item of reader.items(inner, 'link-local', 'write [ipv6] or []') ?? []) {
        if (reader.oneOf(item, 'link-local family', ['ipv6'], ['ipv4']) !== null) link.linkLocal = true;
      }
    },
    optional: (inner: Value, entry: Entry) => void reader.boolean(inner, entry.key),
    nameservers: ignored,
    ...own?.(reader, link),
  };
  reader.fields(value, what, `write "${name}: {addresses: [...]}"`, fields, LATER_LINK);
  for (const item of routes) {
    const route = readRoute(reader, item, what);
    if (route) link.routes.push(route);
  }
  return link;
}

/** Name servers of advertisements are for resolvers, and all routes are in one table. */
function readRaOverrides(reader: YamlReader, value: Value, what: string): void {
  const ignored = (inner: Value, entry: Entry) => {
    reader.warning(
      entry.keyAt,
      `"${entry.key}" is ignored in ${what}`,
      'the router itself resolves no names',
    );
    void inner;
  };
  const fields = { 'use-dns': ignored, 'use-domains': ignored };
  reader.fields(value, `ra-overrides of ${what}`, 'write {use-dns: false}', fields, ['table']);
}

function readAddresses(reader: YamlReader, value: Value, link: LinkDraft): void {
  const mistakes = reader.errors.length;
  for (const item of reader.items(value, 'addresses', 'write a list: [192.168.1.1/24, "fd00:1::1/64"]') ??
    []) {
    if (reader.isMapping(item)) {
      const hint = 'write the address alone, without label and lifetime';
      reader.error(item.at, 'options of an address are not supported yet', hint);
      continue;
    }
    const text = reader.string(item, 'an address', ADDRESS_EXAMPLE);
    if (text === null) continue;
    const cidr = parseCidr(text);
    if (cidr === null) {
      reader.error(
        item.at,
        `"${text}" is not an address with prefix: ${whyNotCidr(text)}`,
        addressHint(text),
      );
    } else if (isMulticast(cidr.address) || cidr.address.every((octet) => octet === 0 || octet === 255)) {
      const hint = 'a link has unicast addresses';
      reader.error(item.at, `${formatIp(cidr.address)} cannot be the address of a link`, hint);
    } else {
      link.addresses.push({ ...cidr, at: item.at });
    }
  }
  link.addressesWrong = reader.errors.length > mistakes;
}

function addressHint(text: string): string {
  const ip = parseIp(text);
  return ip ? `write ${text}/${ip.family === 4 ? 24 : 64}, or the length of that network` : ADDRESS_EXAMPLE;
}

function readGateway(reader: YamlReader, value: Value, entry: Entry, link: LinkDraft, family: 4 | 6): void {
  const example = `write "${entry.key}: ADDRESS", or better "routes: [{to: default, via: ADDRESS}]"`;
  const text = reader.string(value, entry.key, example);
  if (text === null) return;
  const via = parseIp(text);
  if (via === null) {
    reader.error(value.at, `"${text}" is not an address: ${whyNotAddress(text)}`, example);
    return;
  }
  if (via.family !== family) {
    const hint = `write "gateway${via.family}", or "routes: [{to: default, via: ${text}}]"`;
    reader.error(value.at, `${entry.key} needs an IPv${family} address, not ${text}`, hint);
    return;
  }
  const instead = `write "routes: [{to: default, via: ${text}}]"`;
  reader.warning(entry.keyAt, `"${entry.key}" is deprecated in netplan`, instead);
  const to = new Uint8Array(family === 4 ? 4 : 16);
  const route: RouteDraft = {
    config: { family, to, prefix: 0, type: 'unicast', via: via.bytes, onLink: false },
    at: entry.keyAt,
    viaAt: value.at,
  };
  link.routes.push(route);
}
