/**
 * `network: bridges:` of netplan: interfaces and parameters, times in seconds. What netplan has no words for stands
 * among the parameters under names of our own: vlan-filtering, vlan-default-pvid, port-vlans, mcast-snooping,
 * mcast-querier, isolated.
 *
 *   bridges:
 *     br0:
 *       interfaces: [lan0, lan1]
 *       parameters:
 *         stp: true
 *         path-cost: {lan0: 10}
 *         vlan-filtering: true
 *         port-vlans: {lan0: {pvid: 10}, lan1: {tagged: [10, 20-29]}, br0: {pvid: 10}}
 *
 * Format: https://netplan.readthedocs.io/en/stable/netplan-yaml/#properties-for-device-type-bridges
 */
import { nearest } from './diagnostic.js';
import type { LinkDraft, Placed } from './link_draft.js';
import type { BridgeConfig, BridgeVlansConfig } from './router_config.js';
import type { Entry, Range, Value, YamlReader } from './yaml_reader.js';

export interface BridgeDraft {
  readonly interfaces: Placed<string>[];
  /** A port, or the bridge itself, named among the parameters. */
  readonly named: { readonly name: string; readonly at: Range; readonly orSelf: boolean }[];
  readonly config: Writable<Omit<BridgeConfig, 'interfaces'>>;
}
type Writable<T> = { -readonly [K in keyof T]: T[K] };

const VID_MAX = 4094;
const LOOPBACK = 'lo';
const VLANS_EXAMPLE = 'write {pvid: 10, tagged: [20, 30-39]}';

/** The keys of a bridge besides those that all links have. `link.bridge` is filled. */
export function bridgeFields(reader: YamlReader, link: LinkDraft) {
  // Netplan: "stp ... the default value is true".
  const draft: BridgeDraft = {
    interfaces: [],
    named: [],
    config: { options: { stp: true }, costs: [], priorities: [], vlans: [], isolated: [] },
  };
  link.bridge = draft;
  return {
    interfaces: (value: Value) => {
      for (const item of reader.items(value, 'interfaces', 'write a list: [lan0, lan1]') ?? []) {
        const name = reader.string(item, 'an interface', 'write the name of a link');
        if (name !== null) draft.interfaces.push({ value: name, at: item.at });
      }
    },
    parameters: (value: Value) => readParameters(reader, value, link.name, draft),
  };
}

function readParameters(reader: YamlReader, value: Value, name: string, draft: BridgeDraft): void {
  const { options } = draft.config;
  const time = (key: 'ageingTime' | 'forwardDelay' | 'helloTime' | 'maxAge', min: number, max: number) => {
    return (inner: Value, entry: Entry) => {
      const seconds = reader.integer(inner, entry.key, min, max);
      if (seconds !== null) options[key] = seconds;
    };
  };
  const flag =
    (key: 'stp' | 'vlanFiltering' | 'mcastSnooping' | 'mcastQuerier') => (inner: Value, entry: Entry) => {
      const on = reader.boolean(inner, entry.key);
      if (on !== null) options[key] = on;
    };
  const perPort = (into: [string, number][], max: number) => (inner: Value, entry: Entry) => {
    for (const port of reader.entries(inner, entry.key, `write "${entry.key}: {lan0: 10}"`) ?? []) {
      const number = reader.integer(
        port.value,
        `${entry.key} of ${port.key}`,
        entry.key === 'path-cost' ? 1 : 0,
        max,
      );
      draft.named.push({ name: port.key, at: port.keyAt, orSelf: false });
      if (number !== null) into.push([port.key, number]);
    }
  };
  const ageing = time('ageingTime', 0, 1_000_000);
  reader.fields(value, `parameters of ${name}`, 'write "parameters: {stp: true}"', {
    'ageing-time': ageing,
    'aging-time': ageing,
    // 802.1D table 8-3.
    'forward-delay': time('forwardDelay', 2, 30),
    'hello-time': time('helloTime', 1, 10),
    'max-age': time('maxAge', 6, 40),
    stp: flag('stp'),
    priority: (inner: Value) => {
      const priority = reader.integer(inner, 'priority', 0, 65535);
      if (priority !== null) options.priority = priority;
    },
    'port-priority': perPort(draft.config.priorities, 63),
    'path-cost': perPort(draft.config.costs, 65535),
    'vlan-filtering': flag('vlanFiltering'),
    'vlan-default-pvid': (inner: Value) => {
      const vid = reader.integer(inner, 'vlan-default-pvid', 0, VID_MAX);
      if (vid !== null) options.vlanDefaultPvid = vid;
    },
    'port-vlans': (inner: Value) => {
      for (const entry of reader.entries(inner, 'port-vlans', `write "lan0: ${VLANS_EXAMPLE.slice(6)}"`) ??
        []) {
        draft.named.push({ name: entry.key, at: entry.keyAt, orSelf: true });
        draft.config.vlans.push(readVlans(reader, entry));
      }
    },
    'mcast-snooping': flag('mcastSnooping'),
    'mcast-querier': flag('mcastQuerier'),
    isolated: (inner: Value) => {
      for (const item of reader.items(inner, 'isolated', 'write a list of ports: [lan0, lan1]') ?? []) {
        const port = reader.string(item, 'a port', 'write the name of a link');
        if (port === null) continue;
        draft.named.push({ name: port, at: item.at, orSelf: false });
        draft.config.isolated.push(port);
      }
    },
  });
}

/** The VLANs of a port: the PVID, which leaves untagged, and those that leave tagged or untagged. */
function readVlans(reader: YamlReader, { key, value }: Entry): BridgeVlansConfig {
  const vlans: Writable<BridgeVlansConfig> = { port: key, tagged: [], untagged: [] };
  const list = (into: [number, number][]) => (inner: Value, entry: Entry) => {
    for (const item of reader.items(inner, entry.key, 'write a list: [20, 30-39]') ?? []) {
      const text = reader.string(item, 'a VLAN', 'write a number from 1 to 4094, or a range like 30-39');
      if (text === null) continue;
      const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(text);
      const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
      if (match !== null && first >= 1 && last >= first && last <= VID_MAX) into.push([first, last]);
      else
        reader.error(item.at, `"${text}" is no VLAN`, 'write a number from 1 to 4094, or a range like 30-39');
    }
  };
  reader.fields(value, `VLANs of ${key}`, VLANS_EXAMPLE, {
    pvid: (inner: Value) => {
      const vid = reader.integer(inner, 'pvid', 1, VID_MAX);
      if (vid !== null) vlans.pvid = vid;
    },
    tagged: list(vlans.tagged),
    untagged: list(vlans.untagged),
  });
  return vlans;
}

/** What concerns other links: ports are links without addresses, each of one bridge. */
export function checkBridges(reader: YamlReader, links: readonly LinkDraft[]): void {
  const taken = new Map<string, Placed<string>>();
  const names = links.filter(({ bridge, name }) => !bridge && name !== LOOPBACK).map(({ name }) => name);
  for (const { name: own, bridge } of links) {
    if (!bridge) continue;
    for (const port of bridge.interfaces) {
      const link = links.find(({ name }) => name === port.value);
      const first = taken.get(port.value);
      if (!names.includes(port.value)) {
        const near = nearest(port.value, names);
        const hint = near ? `did you mean "${near}"?` : `add "${port.value}:" under ethernets`;
        const message = link ? `${port.value} cannot be a port of ${own}` : `there is no link ${port.value}`;
        reader.error(port.at, message, link ? 'a bridge takes links of ethernets' : hint);
      } else if (first) {
        const where = `${first.value} on line ${reader.lineOf(first.at)}`;
        reader.error(
          port.at,
          `${port.value} is a port of ${where} already`,
          'a link is a port of one bridge',
        );
      } else {
        taken.set(port.value, { value: own, at: port.at });
        const address = link?.addresses[0];
        if (address) {
          reader.error(
            address.at,
            `${port.value} is a port of ${own} and needs no address`,
            `give it to ${own}`,
          );
        }
        if (link) link.linkLocal = false;
      }
    }
    for (const { name, at, orSelf } of bridge.named) {
      if (bridge.interfaces.some((port) => port.value === name) || (orSelf && name === own)) continue;
      reader.error(at, `${name} is no port of ${own}`, `add it to "interfaces" of ${own}`);
    }
  }
}
