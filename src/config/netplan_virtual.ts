/**
 * Links without a port: netplan's `vlans`, `bonds`, `vrfs` and `dummy-devices`, and `macvlans`, which netplan has not and which
 * look like vlans: {link: LINK, mode: bridge}. Which links they need, and in which order all are to be made.
 *
 * Differs: a VLAN may have `protocol: 802.1ad`, which netplan does not know.
 */
import { nearest } from './diagnostic.js';
import type { LinkDraft } from './link_draft.js';
import { parseIp } from './ip_address.js';
import type { BondConfig, VirtualConfig } from './router_config.js';
import type { Entry, Fields, Range, Value, YamlReader } from './yaml_reader.js';

/** What is read of a virtual link before it is known to be whole. */
export interface VirtualDraft {
  readonly kind: VirtualConfig['kind'];
  id?: number;
  /** Of a VRF. */
  table?: number;
  protocol?: '802.1Q' | '802.1ad';
  mode?: (typeof MACVLAN_MODES)[number];
  /** The links below it, with where they are named. */
  readonly needs: { readonly link: string; readonly at: Range }[];
  readonly bond: { -readonly [Key in keyof BondConfig]?: BondConfig[Key] };
  primaryAt?: Range;
}

/** The sections of `network` that hold virtual links, and the example of one. */
export const VIRTUAL_SECTIONS = {
  vlans: ['vlan', 'write "vlan10: {id: 10, link: lan0}"'],
  bonds: ['bond', 'write "bond0: {interfaces: [a, b], parameters: {mode: active-backup}}"'],
  'dummy-devices': ['dummy', 'write "dummy0: {addresses: [...]}"'],
  vrfs: ['vrf', 'write "red: {table: 10, interfaces: [lan0]}"'],
  macvlans: ['macvlan', 'write "m0: {link: lan0, mode: bridge}"'],
} as const;

const VID_MAX = 4094;
const TABLE_MAX = 2 ** 32 - 1;
const MACVLAN_MODES = ['private', 'vepa', 'bridge', 'passthru', 'source'] as const;
const BOND_MODES = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
] as const;
const BOND_MODES_LATER = ['balance-alb'];
const POLICIES = ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4'] as const;
const BOND_LATER = ['learn-packet-interval', 'gratuitious-arp'];
const ARP_VALIDATES = ['none', 'active', 'backup', 'all'] as const;
const RESEND_IGMP_MAX = 255;
const MS_MAX = 2 ** 31 - 1;

/** The fields of a virtual link that other links do not have. */
export function virtualFields(reader: YamlReader, draft: VirtualDraft): Fields {
  const link = (value: Value) => {
    const name = reader.string(value, 'link', 'write the name of the link below');
    if (name !== null) draft.needs.push({ link: name, at: value.at });
  };
  const interfaces = (value: Value) => {
    for (const item of reader.items(value, 'interfaces', 'write a list: [lan0, lan1]') ?? []) {
      const name = reader.string(item, 'an interface', 'write the name of a link');
      if (name !== null) draft.needs.push({ link: name, at: item.at });
    }
  };
  switch (draft.kind) {
    case 'vlan':
      return {
        link,
        id: (value) => {
          const id = reader.integer(value, 'id', 0, VID_MAX);
          if (id !== null) draft.id = id;
        },
        protocol: (value) => {
          const protocol = reader.oneOf(value, 'protocol', ['802.1Q', '802.1ad'] as const);
          if (protocol !== null) draft.protocol = protocol;
        },
      };
    case 'macvlan':
      return {
        link,
        mode: (value) => {
          const mode = reader.oneOf(value, 'macvlan mode', MACVLAN_MODES);
          if (mode !== null) draft.mode = mode;
        },
      };
    case 'vrf':
      return {
        interfaces,
        table: (value) => {
          const table = reader.integer(value, 'table', 1, TABLE_MAX);
          if (table !== null) draft.table = table;
        },
      };
    case 'bond':
      return {
        interfaces,
        parameters: (value) => {
          const hint = 'write {mode: active-backup, mii-monitor-interval: 100}';
          reader.fields(value, 'parameters', hint, bondFields(reader, draft), BOND_LATER);
        },
      };
    default:
      return {};
  }
}

function bondFields(reader: YamlReader, draft: VirtualDraft): Fields {
  const { bond } = draft;
  const number =
    (
      key:
        | 'miimon'
        | 'updelay'
        | 'downdelay'
        | 'minLinks'
        | 'packetsPerSlave'
        | 'numPeerNotif'
        | 'arpInterval'
        | 'resendIgmp',
      most: number,
    ) =>
    (value: Value, entry: Entry) => {
      const read = reader.integer(value, entry.key, 0, most);
      if (read !== null) bond[key] = read;
    };
  return {
    mode: (value) => {
      const mode = reader.oneOf(value, 'bond mode', BOND_MODES, BOND_MODES_LATER);
      if (mode !== null) bond.mode = mode;
    },
    'lacp-rate': (value) => {
      const rate = reader.oneOf(value, 'lacp-rate', ['slow', 'fast'] as const);
      if (rate !== null) bond.lacpRate = rate;
    },
    'ad-select': (value) => {
      const select = reader.oneOf(value, 'ad-select', ['stable', 'bandwidth', 'count'] as const);
      if (select !== null) bond.adSelect = select;
    },
    'transmit-hash-policy': (value) => {
      const policy = reader.oneOf(value, 'transmit-hash-policy', POLICIES);
      if (policy !== null) bond.xmitHashPolicy = policy;
    },
    'primary-reselect-policy': (value) => {
      const policy = reader.oneOf(value, 'primary-reselect-policy', ['always', 'better', 'failure'] as const);
      if (policy !== null) bond.primaryReselect = policy;
    },
    'fail-over-mac-policy': (value) => {
      const policy = reader.oneOf(value, 'fail-over-mac-policy', ['none', 'active', 'follow'] as const);
      if (policy !== null) bond.failOverMac = policy;
    },
    'all-slaves-active': (value) => {
      const all = reader.boolean(value, 'all-slaves-active');
      if (all !== null) bond.allSlavesActive = all;
    },
    primary: (value) => {
      const name = reader.string(value, 'primary', 'write the name of one of the interfaces');
      if (name === null) return;
      bond.primary = name;
      draft.primaryAt = value.at;
    },
    'mii-monitor-interval': number('miimon', MS_MAX),
    'arp-interval': number('arpInterval', MS_MAX),
    'resend-igmp': number('resendIgmp', RESEND_IGMP_MAX),
    'arp-ip-targets': (value) => {
      const hint = 'write IPv4 addresses, [192.0.2.1, 192.0.2.2]';
      const targets: string[] = [];
      for (const item of reader.items(value, 'arp-ip-targets', hint) ?? []) {
        const text = reader.string(item, 'ARP target', hint);
        if (text === null) continue;
        if (parseIp(text)?.family === 4) targets.push(text);
        else reader.error(item.at, `"${text}" is no IPv4 address`, hint);
      }
      bond.arpIpTargets = targets;
    },
    'arp-validate': (value) => {
      const validate = reader.oneOf(value, 'arp-validate', ARP_VALIDATES);
      if (validate !== null) bond.arpValidate = validate;
    },
    'arp-all-targets': (value) => {
      const all = reader.oneOf(value, 'arp-all-targets', ['any', 'all'] as const);
      if (all !== null) bond.arpAllTargets = all;
    },
    'up-delay': number('updelay', MS_MAX),
    'down-delay': number('downdelay', MS_MAX),
    'min-links': number('minLinks', 1024),
    'packets-per-member': number('packetsPerSlave', 65535),
    'packets-per-slave': number('packetsPerSlave', 65535),
    'gratuitous-arp': number('numPeerNotif', 255),
  };
}

/** The whole of a draft, or null: what it lacks is reported. */
export function virtualConfig(reader: YamlReader, link: LinkDraft): VirtualConfig | null {
  const draft = link.virtual;
  if (!draft) return null;
  const [lower] = draft.needs;
  switch (draft.kind) {
    case 'dummy':
      return { kind: 'dummy' };
    case 'vlan':
      if (!lower || draft.id === undefined) {
        const what = draft.id === undefined ? 'id' : 'link';
        reader.error(link.at, `"${what}" is missing in VLAN ${link.name}`, 'write {id: 10, link: lan0}');
        return null;
      }
      return {
        kind: 'vlan',
        link: lower.link,
        id: draft.id,
        ...(draft.protocol && { protocol: draft.protocol }),
      };
    case 'macvlan':
      if (!lower) {
        reader.error(
          link.at,
          `"link" is missing in macvlan ${link.name}`,
          'write {link: lan0, mode: bridge}',
        );
        return null;
      }
      return { kind: 'macvlan', link: lower.link, ...(draft.mode && { mode: draft.mode }) };
    case 'vrf':
      if (draft.table === undefined) {
        const hint = 'write {table: 10, interfaces: [lan0]}';
        reader.error(link.at, `"table" is missing in VRF ${link.name}`, hint);
        return null;
      }
      return { kind: 'vrf', table: draft.table, interfaces: draft.needs.map((need) => need.link) };
    case 'bond': {
      const interfaces = draft.needs.map((need) => need.link);
      const { primary } = draft.bond;
      if (primary !== undefined && !interfaces.includes(primary)) {
        const hint = `name one of its interfaces: ${interfaces.join(', ') || 'it has none'}`;
        reader.error(draft.primaryAt ?? link.at, `"${primary}" is no interface of ${link.name}`, hint);
      }
      return { kind: 'bond', interfaces, ...draft.bond };
    }
  }
}

/** The links that a virtual link or a bridge needs. */
function below(link: LinkDraft): string[] {
  if (link.virtual) return link.virtual.needs.map((need) => need.link);
  return link.bridge?.interfaces.map(({ value }) => value) ?? [];
}

/** Reports links that are needed and are not there, have two masters, or need each other. Returns them, lower first. */
export function orderLinks(reader: YamlReader, links: readonly LinkDraft[]): LinkDraft[] {
  const names = links.map(({ name }) => name);
  const masters = new Map<string, string>();
  for (const { name, bridge } of links)
    for (const port of bridge?.interfaces ?? []) masters.set(port.value, name);
  for (const { name, virtual } of links) {
    for (const { link, at } of virtual?.needs ?? []) {
      if (!names.includes(link)) {
        const near = nearest(link, names);
        reader.error(
          at,
          `${name} needs "${link}", but there is no such link`,
          near ? `did you mean "${near}"?` : `add "${link}:" under ethernets`,
        );
      } else if (virtual!.kind === 'bond' || virtual!.kind === 'vrf') {
        const other = masters.get(link);
        if (other !== undefined) reader.error(at, `${link} is in ${other} already`, 'a link has one master');
        masters.set(link, name);
      }
    }
  }
  const ordered: LinkDraft[] = [];
  let rest = [...links];
  while (rest.length > 0) {
    const waits = (link: LinkDraft) => below(link).some((need) => rest.some(({ name }) => name === need));
    const ready = rest.filter((link) => !waits(link));
    if (ready.length === 0) {
      const loop = rest.map(({ name }) => name).join(', ');
      reader.error(
        rest[0]!.at,
        `links need each other in a circle: ${loop}`,
        'let one of them stand on a port',
      );
      return [...ordered, ...rest];
    }
    ordered.push(...ready);
    rest = rest.filter((link) => !ready.includes(link));
  }
  return ordered;
}
