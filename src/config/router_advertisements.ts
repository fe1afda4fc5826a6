/**
 * The section `router-advertisements`: links that advertise this router to the hosts on them, as radvd.conf(5) says it.
 *
 *   router-advertisements:
 *     lan0: {}                          # default router; the link's own IPv6 networks, hosts make addresses of them
 *     lan1:
 *       interval: 30                    # seconds, at most; min-interval is a third of it
 *       lifetime: 90                    # as default router; 0: none
 *       preference: high                # low, medium, high
 *       managed: true                   # addresses, and with other: only the rest, by DHCPv6
 *       mtu: 1400
 *       hop-limit: 64
 *       prefixes: ["2001:db8:1::/64", {prefix: "2001:db8:2::/64", valid: 7200, preferred: 1800, autonomous: false}]
 *       routes: [{prefix: "2001:db8:9::/48", lifetime: 600, preference: low}]
 *       dns: {servers: ["2001:db8::53"], search: [lab.example], lifetime: 600}
 */
import { formatCidr, networkOf, parseCidr, parseIp, whyNotAddress, whyNotCidr } from './ip_address.js';
import type { AddressConfig, AdvertiseConfig } from './router_config.js';
import type { Entry, Fields, Value, YamlReader } from './yaml_reader.js';

const EXAMPLE = 'write lines such as lan0: {prefixes: ["2001:db8:1::/64"]}';
const PREFIX_EXAMPLE = 'write an IPv6 prefix such as "2001:db8:1::/64"';
const SECONDS_MAX = 0xfffffffe;
const PREFERENCES = ['low', 'medium', 'high'] as const;

type Settings = { -readonly [K in keyof AdvertiseConfig['spec']]: AdvertiseConfig['spec'][K] };

export interface NamedAdvertiser extends AdvertiseConfig {
  readonly entry: Entry;
}

export function readRouterAdvertisements(reader: YamlReader, value: Value): NamedAdvertiser[] {
  const found: NamedAdvertiser[] = [];
  for (const entry of reader.entries(value, 'router-advertisements', EXAMPLE) ?? []) {
    found.push({ link: entry.key, spec: readOne(reader, entry), entry });
  }
  return found;
}

function readOne(reader: YamlReader, entry: Entry): Settings {
  const spec: Settings = {};
  const number =
    (key: 'maxInterval' | 'minInterval' | 'lifetime' | 'mtu' | 'hopLimit', min: number, max: number) =>
    (value: Value, { key: name }: Entry): void => {
      const given = reader.integer(value, name, min, max);
      if (given !== null) spec[key] = given;
    };
  const flag =
    (key: 'managed' | 'other') =>
    (value: Value, { key: name }: Entry): void => {
      const given = reader.boolean(value, name);
      if (given !== null) spec[key] = given;
    };
  const fields: Fields = {
    interval: number('maxInterval', 4, 1800),
    'min-interval': number('minInterval', 3, 1350),
    lifetime: number('lifetime', 0, 9000),
    mtu: number('mtu', 1280, 65_535),
    'hop-limit': number('hopLimit', 0, 255),
    managed: flag('managed'),
    other: flag('other'),
    preference: (value) => {
      const given = reader.oneOf(value, 'preference', PREFERENCES);
      if (given !== null) spec.preference = given;
    },
    prefixes: (value) => {
      spec.prefixes = (reader.items(value, 'prefixes', PREFIX_EXAMPLE) ?? []).flatMap((item) =>
        readPrefix(reader, item),
      );
    },
    routes: (value) => {
      spec.routes = (
        reader.items(value, 'routes', 'write "- {prefix: ..., lifetime: 600}" lines') ?? []
      ).flatMap((item) => readRoute(reader, item));
    },
    dns: (value) => {
      spec.dns = readDns(reader, value);
    },
  };
  const what = `router-advertisements of ${entry.key}`;
  reader.fields(entry.value, what, EXAMPLE, fields);
  checkIntervals(reader, entry, spec);
  return spec;
}

/** RFC 4861 6.2.1. */
function checkIntervals(reader: YamlReader, { keyAt, key }: Entry, spec: Settings): void {
  const most = spec.maxInterval ?? 600;
  if (spec.minInterval !== undefined && spec.minInterval > most * 0.75) {
    const hint = `write at most ${Math.floor(most * 0.75)}, or leave it out`;
    reader.error(keyAt, `min-interval ${spec.minInterval} of ${key} is above 0.75 of interval ${most}`, hint);
  }
  if (spec.lifetime !== undefined && spec.lifetime !== 0 && spec.lifetime < most) {
    const hint = `write 0, or from ${most} to 9000`;
    reader.error(keyAt, `lifetime ${spec.lifetime} of ${key} ends before the next advertisement`, hint);
  }
}

function readCidr6(reader: YamlReader, value: Value): string | null {
  const text = reader.string(value, 'a prefix', PREFIX_EXAMPLE);
  if (text === null) return null;
  const cidr = parseCidr(text);
  if (cidr === null) {
    reader.error(value.at, `"${text}" is not a prefix: ${whyNotCidr(text)}`, PREFIX_EXAMPLE);
    return null;
  }
  if (cidr.family === 6) return formatCidr(networkOf(cidr.address, cidr.prefix), cidr.prefix);
  reader.error(value.at, `${text} is an IPv4 prefix; hosts learn IPv6 ones only`, PREFIX_EXAMPLE);
  return null;
}

function readPrefix(reader: YamlReader, item: Value): NonNullable<Settings['prefixes']>[number][] {
  if (!reader.isMapping(item)) {
    const text = readCidr6(reader, item);
    return text === null ? [] : [{ prefix: text }];
  }
  const one: { prefix?: string; valid?: number; preferred?: number; onLink?: boolean; autonomous?: boolean } =
    {};
  const flag =
    (key: 'onLink' | 'autonomous') =>
    (value: Value, { key: name }: Entry): void => {
      const given = reader.boolean(value, name);
      if (given !== null) one[key] = given;
    };
  const seconds =
    (key: 'valid' | 'preferred') =>
    (value: Value, { key: name }: Entry): void => {
      const given = reader.integer(value, name, 0, SECONDS_MAX);
      if (given !== null) one[key] = given;
    };
  reader.fields(item, 'an advertised prefix', PREFIX_EXAMPLE, {
    prefix: (value) => {
      const text = readCidr6(reader, value);
      if (text !== null) one.prefix = text;
    },
    valid: seconds('valid'),
    preferred: seconds('preferred'),
    'on-link': flag('onLink'),
    autonomous: flag('autonomous'),
  });
  if (one.valid !== undefined && one.preferred !== undefined && one.preferred > one.valid) {
    reader.error(
      item.at,
      `preferred ${one.preferred} is longer than valid ${one.valid}`,
      `write at most ${one.valid}`,
    );
  }
  if (one.prefix !== undefined) return [{ ...one, prefix: one.prefix }];
  if (!reader.errors.some(({ message }) => message.includes('prefix')))
    reader.error(item.at, 'an advertised prefix needs "prefix"', PREFIX_EXAMPLE);
  return [];
}

function readRoute(reader: YamlReader, item: Value): NonNullable<Settings['routes']>[number][] {
  const one: { prefix?: string; lifetime?: number; preference?: (typeof PREFERENCES)[number] } = {};
  const isMapping = reader.fields(item, 'an advertised route', 'write {prefix: "2001:db8:9::/48"}', {
    prefix: (value) => {
      const text = readCidr6(reader, value);
      if (text !== null) one.prefix = text;
    },
    lifetime: (value) => {
      const given = reader.integer(value, 'lifetime', 0, SECONDS_MAX);
      if (given !== null) one.lifetime = given;
    },
    preference: (value) => {
      const given = reader.oneOf(value, 'preference', PREFERENCES);
      if (given !== null) one.preference = given;
    },
  });
  if (one.prefix !== undefined) return [{ ...one, prefix: one.prefix }];
  if (isMapping && reader.errors.length === 0)
    reader.error(item.at, 'an advertised route needs "prefix"', 'write {prefix: "2001:db8:9::/48"}');
  return [];
}

function readDns(reader: YamlReader, value: Value): NonNullable<Settings['dns']> {
  const dns: { servers?: string[]; search?: string[]; lifetime?: number } = {};
  reader.fields(value, 'dns', 'write {servers: ["2001:db8::53"], search: [lab.example]}', {
    servers: (inner) => {
      dns.servers = (reader.items(inner, 'servers', 'write ["2001:db8::53"]') ?? []).flatMap((item) => {
        const text = reader.string(item, 'a name server', 'write "2001:db8::53"');
        if (text === null) return [];
        if (parseIp(text)?.family === 6) return [text];
        const why = parseIp(text) === null ? whyNotAddress(text) : 'it is IPv4';
        reader.error(
          item.at,
          `"${text}" cannot be advertised as name server: ${why}`,
          'write "2001:db8::53"',
        );
        return [];
      });
    },
    search: (inner) => {
      dns.search = (reader.items(inner, 'search', 'write [lab.example]') ?? []).flatMap((item) => {
        const text = reader.string(item, 'a domain', 'write lab.example');
        if (text === null) return [];
        if (text.length <= 253 && text.split('.').every((label) => /^[\w-]{1,63}$/.test(label)))
          return [text];
        reader.error(item.at, `"${text}" is not a domain name`, 'write lab.example');
        return [];
      });
    },
    lifetime: (inner) => {
      const given = reader.integer(inner, 'lifetime', 0, SECONDS_MAX);
      if (given !== null) dns.lifetime = given;
    },
  });
  return dns;
}

/** Links that are there; without prefixes the link's own IPv6 networks are advertised. */
export function checkRouterAdvertisements(
  reader: YamlReader,
  advertisers: readonly NamedAdvertiser[],
  links: readonly { readonly name: string; readonly addresses: readonly AddressConfig[] }[],
): AdvertiseConfig[] {
  return advertisers.map(({ link, spec, entry }) => {
    const named = links.find(({ name }) => name === link);
    if (named === undefined || link === 'lo') {
      const hint = named === undefined ? `add "${link}:" under ethernets, or remove it here` : 'remove it';
      reader.error(entry.keyAt, `"${link}" cannot advertise: there is no such link`, hint);
      return { link, spec };
    }
    if (spec.prefixes !== undefined) return { link, spec };
    const own = named.addresses.filter(({ family, prefix }) => family === 6 && prefix < 128);
    const prefixes = own.map(({ address, prefix }) => ({
      prefix: formatCidr(networkOf(address, prefix), prefix),
    }));
    return { link, spec: { ...spec, prefixes: prefixes.filter(({ prefix }) => !prefix.startsWith('fe80')) } };
  });
}
