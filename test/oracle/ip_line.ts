/** The lines of ip -batch that the oracle's cases use, done to a namespace of the core. */
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { BondSpec } from '../../src/net/link_bond.js';
import type { BridgeOptions } from '../../src/net/bridge.js';
import type { VlanSpec } from '../../src/net/link_vlan.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { NudState } from '../../src/net/neighbour.js';
import type { NexthopSpec } from '../../src/net/nexthop.js';
import {
  type NextHopSpec,
  ROUTE_METRICS,
  ROUTE_TYPES,
  type RouteSpec,
  type RouteType,
} from '../../src/net/route.js';
import type { RuleAction, RuleSpec } from '../../src/net/rule.js';

/** Words that stand for themselves; every other word of a line is followed by its value. */
const FLAGS = new Set(['nodad', 'nomaster', 'onlink', 'up', 'down', 'router']);
const SCOPE_LINK = 253;

interface Line {
  words: Map<string, string>;
  rest: string[];
}

function parse(words: readonly string[], keys: readonly string[]): Line {
  const line: Line = { words: new Map(), rest: [] };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (FLAGS.has(word)) line.words.set(word, 'yes');
    else if (keys.includes(word)) line.words.set(word, words[++i]!);
    else line.rest.push(word);
  }
  return line;
}

export async function configureByIp(namespace: Namespace, text: string): Promise<void> {
  const six = text.startsWith('-6 ');
  const [object, verb, ...words] = text.replace(/^-6 /, '').split(' ');
  switch (`${object} ${verb}`) {
    case 'link add':
      return linkAdd(namespace, words);
    case 'link del':
      return (await namespace.link(words[0]!)).delete();
    case 'link set':
      return linkSet(namespace, words);
    case 'addr add':
      return addrAdd(namespace, words);
    case 'addr del':
      return addrDel(namespace, words);
    case 'neigh add':
    case 'neigh replace':
      return neighAdd(namespace, words);
    case 'neigh del':
      return neighDel(namespace, words);
    case 'addrlabel add':
      return addrLabelAdd(namespace, words);
    case 'route add':
      return namespace.addRoute(await routeSpec(namespace, words));
    case 'route append':
      return namespace.addRoute(await routeSpec(namespace, words), 'append');
    case 'route replace':
      return namespace.addRoute(await routeSpec(namespace, words), 'replace');
    case 'route del':
      return namespace.deleteRoute(await routeSpec(namespace, words));
    case 'rule add':
      return void (await namespace.addRule(ruleSpec(words, six)));
    case 'rule del':
      return namespace.deleteRule(ruleSpec(words, six));
    case 'nexthop add':
      return void (await namespace.addNexthop(await nexthopSpec(namespace, words)));
    case 'nexthop replace':
      return void (await namespace.addNexthop(await nexthopSpec(namespace, words), 'replace'));
    case 'nexthop del':
      return namespace.deleteNexthop((await nexthopSpec(namespace, words)).id!);
    default:
      throw new Error(`test/oracle/ip_line.ts does not know: ip ${text}`);
  }
}

/** `link add [link LOWER name] NAME [mtu N] type KIND ...` */
async function linkAdd(namespace: Namespace, words: readonly string[]): Promise<void> {
  const at = words.indexOf('type');
  const { words: w, rest } = parse(words.slice(0, at), ['link', 'name', 'mtu']);
  const [kind = '', ...options] = words.slice(at + 1);
  const name = w.get('name') ?? rest[0]!;
  const mtu = w.get('mtu');
  const common = { name, ...(mtu === undefined ? {} : { mtu: Number(mtu) }) };
  switch (kind) {
    case 'dummy':
      await namespace.addLink({ ...common, kind });
      return;
    case 'bond':
      await namespace.addLink({ ...common, ...bond(options) });
      return;
    case 'vrf':
      await namespace.addLink({ ...common, kind, table: Number(options[1]) });
      return;
    case 'bridge':
      await namespace.addBridge({ ...common, ...bridge(options) });
      return;
    case 'vlan':
      await namespace.addLink({ ...common, ...vlan(options), link: await namespace.link(w.get('link')!) });
      return;
    default:
      throw new Error(`test/oracle/ip_line.ts does not know links of type ${kind}`);
  }
}

function bond(words: readonly string[]): BondSpec {
  const numbers = { miimon: 'miimon', arp_interval: 'arpInterval', missed_max: 'missedMax' } as const;
  const { words: w } = parse(words, [
    ...['mode', 'lacp_rate', 'xmit_hash_policy', 'arp_ip_target', 'arp_validate', 'fail_over_mac'],
    ...Object.keys(numbers),
  ]);
  const word = <K extends keyof BondSpec>(option: K, key: string) =>
    w.has(key) ? { [option]: w.get(key) as BondSpec[K] } : {};
  return {
    kind: 'bond',
    ...word('mode', 'mode'),
    ...word('lacpRate', 'lacp_rate'),
    ...word('xmitHashPolicy', 'xmit_hash_policy'),
    ...word('arpValidate', 'arp_validate'),
    ...word('failOverMac', 'fail_over_mac'),
    ...(w.has('arp_ip_target') && { arpIpTargets: w.get('arp_ip_target')!.split(',') }),
    ...Object.fromEntries(
      Object.entries(numbers).flatMap(([key, option]) => (w.has(key) ? [[option, Number(w.get(key))]] : [])),
    ),
  };
}

/** Times in hundredths of a second, as ip(8) takes them. */
function bridge(words: readonly string[]): BridgeOptions {
  const options: BridgeOptions = {};
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1]!;
    switch (words[i]) {
      case 'vlan_filtering':
        options.vlanFiltering = value === '1';
        break;
      case 'mcast_snooping':
        options.mcastSnooping = value === '1';
        break;
      case 'forward_delay':
        options.forwardDelay = Number(value) / 100;
        break;
      case 'vlan_protocol':
        options.vlanProtocol = value === '802.1ad' ? 0x88a8 : 0x8100;
        break;
      case 'vlan_default_pvid':
        options.vlanDefaultPvid = Number(value);
        break;
      default:
        throw new Error(`test/oracle/ip_line.ts does not know ${words[i]} of a bridge`);
    }
  }
  return options;
}

function vlan(words: readonly string[]): Omit<VlanSpec, 'link'> {
  const { words: w } = parse(words, ['id', 'protocol', 'egress-qos-map', 'ingress-qos-map']);
  const map = (key: string) => {
    const [from, to] = (w.get(key) ?? '').split(':').map(Number);
    return to === undefined ? undefined : { [from!]: to };
  };
  const egressQosMap = map('egress-qos-map');
  const ingressQosMap = map('ingress-qos-map');
  return {
    kind: 'vlan',
    id: Number(w.get('id')),
    protocol: w.get('protocol') === '802.1ad' ? '802.1ad' : '802.1Q',
    ...(egressQosMap && { egressQosMap }),
    ...(ingressQosMap && { ingressQosMap }),
  };
}

async function linkSet(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['mtu', 'master']);
  const link = await namespace.link(rest[0]!);
  const master = w.get('master');
  if (master !== undefined) await link.set({ master: await namespace.link(master) });
  if (w.has('nomaster')) await link.set({ master: null });
  const mtu = w.get('mtu');
  if (mtu !== undefined) await link.set({ mtu: Number(mtu) });
  if (w.has('down')) await link.down();
  if (w.has('up')) await link.up();
}

async function addrAdd(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['brd', 'dev', 'scope', 'valid_lft', 'preferred_lft']);
  const link = await namespace.link(w.get('dev')!);
  const seconds = (key: string) => (w.has(key) ? Number(w.get(key)) : undefined);
  const [validLft, preferredLft] = [seconds('valid_lft'), seconds('preferred_lft')];
  await link.addAddress(rest[0]!, {
    nodad: w.has('nodad'),
    ...(validLft === undefined ? {} : { validLft }),
    ...(preferredLft === undefined ? {} : { preferredLft }),
    ...(w.get('scope') === 'link' ? { scope: SCOPE_LINK } : {}),
  });
}

async function addrDel(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['dev']);
  const link = await namespace.link(w.get('dev')!);
  await link.deleteAddress(rest[0]!);
}

async function neighAdd(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['lladdr', 'dev', 'nud']);
  const link = await namespace.link(w.get('dev')!);
  if (rest[0] === 'proxy') {
    await namespace.addNeighbour(link, { address: rest[1]!, proxy: true, router: w.has('router') });
    return;
  }
  const mac = w.get('lladdr');
  await namespace.addNeighbour(link, {
    address: rest[0]!,
    state: (w.get('nud') ?? 'permanent') as NudState,
    ...(mac === undefined ? {} : { mac }),
  });
}

async function neighDel(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['dev']);
  const link = await namespace.link(w.get('dev')!);
  const proxy = rest[0] === 'proxy';
  await namespace.deleteNeighbour(link, rest[proxy ? 1 : 0]!, { proxy });
}

async function addrLabelAdd(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w } = parse(words, ['prefix', 'label']);
  await namespace.addAddressLabel({ prefix: w.get('prefix')!, label: Number(w.get('label')) });
}

/** Words of `ip route` that stand in front of a number that is a metric by that name. */
const METRICS = new Set<string>(Object.keys(ROUTE_METRICS));

/** The words of a route or of one `nexthop` of it, read into `spec`; the ifindex of `dev` is asked of the namespace. */
async function readHop(namespace: Namespace, words: string[], hop: NextHopSpec): Promise<boolean> {
  switch (words[0]) {
    case 'via':
      words.shift();
      hop.via = words.shift()!;
      if (hop.via.startsWith('inet')) hop.via = words.shift()!;
      return true;
    case 'dev':
      words.shift();
      hop.oif = (await namespace.link(words.shift()!)).ifindex;
      return true;
    case 'weight':
      words.shift();
      hop.weight = Number(words.shift());
      return true;
    case 'onlink':
      words.shift();
      hop.onLink = true;
      return true;
    default:
      return false;
  }
}

async function routeSpec(namespace: Namespace, given: readonly string[]): Promise<RouteSpec> {
  const words = [...given];
  const type = words[0]! in ROUTE_TYPES ? (words.shift() as RouteType) : undefined;
  const spec: RouteSpec = { to: words.shift()! };
  if (type !== undefined) spec.type = type;
  const hops: NextHopSpec[] = [];
  let hop: NextHopSpec = spec;
  while (words.length > 0) {
    if (await readHop(namespace, words, hop)) continue;
    const word = words.shift()!;
    if (word === 'nexthop') {
      hop = {};
      hops.push(hop);
    } else if (word === 'mtu') {
      if (words[0] === 'lock') spec.mtuLock = words.shift() === 'lock';
      spec.mtu = Number(words.shift());
    } else if (word === 'metric') spec.metric = Number(words.shift());
    else if (word === 'src') spec.src = words.shift()!;
    else if (word === 'hoplimit') spec.hopLimit = Number(words.shift());
    else if (word === 'table') spec.table = TABLES[words[0]!] ?? Number(words[0]);
    else if (word === 'vrf') spec.table = await tableOfVrf(namespace, words[0]!);
    else if (word === 'tos') spec.tos = Number(words[0]);
    else if (word === 'nhid') spec.nhid = Number(words.shift());
    else if (word === 'scope') spec.scope = SCOPES[words.shift()!]!;
    else if (METRICS.has(word)) {
      spec.metrics = { ...spec.metrics, [word]: Number(words.shift()) };
    } else throw new Error(`test/oracle/ip_line.ts does not know "${word}" of ip route ${given.join(' ')}`);
    if (word === 'table' || word === 'tos' || word === 'vrf') words.shift();
  }
  if (hops.length > 0) spec.nextHops = hops;
  return spec;
}

async function tableOfVrf(namespace: Namespace, name: string): Promise<number> {
  const { data } = await (await namespace.link(name)).info();
  if (data?.kind !== 'vrf') throw new Error(`${name} is no VRF`);
  return data.table;
}

const TABLES: Readonly<Record<string, number>> = { local: 255, main: 254, default: 253 };
const SCOPES: Readonly<Record<string, number>> = { global: 0, link: 253, host: 254 };
/** Words of `ip rule` that name an action. */
const ACTIONS = new Set(['nop', 'blackhole', 'unreachable', 'prohibit']);
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 };

function range(text: string): { first: number; last: number } {
  const [first, last] = text.split('-').map(Number);
  return { first: first!, last: last ?? first! };
}

function ruleSpec(given: readonly string[], six: boolean): RuleSpec {
  const words = [...given];
  const spec: RuleSpec = {};
  while (words.length > 0) {
    const word = words.shift()!;
    if (ACTIONS.has(word)) spec.action = word as RuleAction;
    else if (word === 'not') spec.not = true;
    else if (word === 'l3mdev') spec.l3mdev = true;
    else readSelector(spec, word, words.shift()!);
  }
  return { ...spec, family: six ? AF_INET6 : AF_INET };
}

function readSelector(spec: RuleSpec, word: string, value: string): void {
  switch (word) {
    case 'from':
      spec.from = value;
      return;
    case 'to':
      spec.to = value;
      return;
    case 'iif':
      spec.iif = value;
      return;
    case 'oif':
      spec.oif = value;
      return;
    case 'fwmark': {
      const [mark, mask] = value.split('/').map(Number);
      spec.fwmark = mark!;
      if (mask !== undefined) spec.fwmask = mask;
      return;
    }
    case 'tos':
    case 'dsfield':
      spec.tos = Number(value);
      return;
    case 'ipproto':
      spec.ipproto = PROTOCOLS[value] ?? Number(value);
      return;
    case 'sport':
      spec.sport = range(value);
      return;
    case 'dport':
      spec.dport = range(value);
      return;
    case 'uidrange':
      spec.uidrange = range(value);
      return;
    case 'pref':
      spec.priority = Number(value);
      return;
    case 'table':
    case 'lookup':
      spec.table = TABLES[value] ?? Number(value);
      return;
    case 'goto':
      spec.goto = Number(value);
      return;
    case 'suppress_prefixlength':
      spec.suppressPrefixlength = Number(value);
      return;
    case 'suppress_ifgroup':
      spec.suppressIfgroup = Number(value);
      return;
    default:
      throw new Error(`test/oracle/ip_line.ts does not know "${word}" of ip rule`);
  }
}

async function nexthopSpec(namespace: Namespace, given: readonly string[]): Promise<NexthopSpec> {
  const words = [...given];
  const spec: NexthopSpec = {};
  while (words.length > 0) {
    if (await readHop(namespace, words, spec)) continue;
    const word = words.shift()!;
    if (word === 'id') spec.id = Number(words.shift());
    else if (word === 'blackhole') spec.blackhole = true;
    else if (word === 'group') {
      spec.group = words
        .shift()!
        .split('/')
        .map((member) => {
          const [id, weight] = member.split(',').map(Number);
          return { id: id!, weight: weight ?? 1 };
        });
    } else if (word === 'type') {
      if (words.shift() === 'resilient') spec.resilient = {};
    } else if (word === 'buckets') spec.resilient = { ...spec.resilient, buckets: Number(words.shift()) };
    else if (word === 'idle_timer') spec.resilient = { ...spec.resilient, idleTimer: Number(words.shift()) };
    else if (word === 'unbalanced_timer')
      spec.resilient = { ...spec.resilient, unbalancedTimer: Number(words.shift()) };
    else throw new Error(`test/oracle/ip_line.ts does not know "${word}" of ip nexthop ${given.join(' ')}`);
  }
  return spec;
}
