/** The lines of ip -batch that the oracle's cases use, done to a namespace of the core. */
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { BondSpec } from '../../src/net/link_bond.js';
import type { BridgeOptions } from '../../src/net/bridge.js';
import type { VlanSpec } from '../../src/net/link_vlan.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { NudState } from '../../src/net/neighbour.js';
import { ROUTE_TYPES, type RouteSpec, type RouteType } from '../../src/net/route.js';

/** Words that stand for themselves; every other word of a line is followed by its value. */
const FLAGS = new Set(['nodad', 'onlink', 'up', 'down', 'router']);
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
  const [object, verb, ...words] = text.split(' ');
  switch (`${object} ${verb}`) {
    case 'link add':
      return linkAdd(namespace, words);
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
      return routeAdd(namespace, words);
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
  const { words: w } = parse(words, ['mode', 'miimon', 'lacp_rate', 'xmit_hash_policy']);
  const word = <K extends keyof BondSpec>(option: K, key: string) =>
    w.has(key) ? { [option]: w.get(key) as BondSpec[K] } : {};
  return {
    kind: 'bond',
    ...word('mode', 'mode'),
    ...word('lacpRate', 'lacp_rate'),
    ...word('xmitHashPolicy', 'xmit_hash_policy'),
    ...(w.has('miimon') && { miimon: Number(w.get('miimon')) }),
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

async function routeAdd(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { words: w, rest } = parse(words, ['via', 'dev', 'metric', 'mtu', 'src', 'hoplimit']);
  const type = rest[0]! in ROUTE_TYPES ? (rest.shift() as RouteType) : undefined;
  const to = rest[0]!;
  const spec: RouteSpec = { to, family: text6(to, w.get('via')) ? AF_INET6 : AF_INET };
  if (type !== undefined) spec.type = type;
  const via = w.get('via');
  if (via !== undefined) spec.via = via;
  const dev = w.get('dev');
  if (dev !== undefined) spec.oif = (await namespace.link(dev)).ifindex;
  const metric = w.get('metric');
  if (metric !== undefined) spec.metric = Number(metric);
  const mtu = w.get('mtu');
  if (mtu !== undefined) spec.mtu = Number(mtu);
  const src = w.get('src');
  if (src !== undefined) spec.src = src;
  if (w.has('onlink')) spec.onLink = true;
  await namespace.addRoute(spec);
}

function text6(to: string, via: string | undefined): boolean {
  return to.includes(':') || (via?.includes(':') ?? false);
}
