/** Tables, chains, named objects and flowtables as a listing has them. */
import type { Chain, Family, Flowtable, StatefulObject, SynproxyFlag, Table, TableFlag } from '../ast.js';
import { HOOKS } from '../evaluate/chain.js';
import { TCP_STATES, UDP_STATES } from '../evaluate/object.js';
import type { IrChain, IrFlowtable, IrObject, IrTable } from '../ir.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';
import { timeUnit } from './state.js';
import type { ListNames } from './value.js';

const TABLE_FLAGS: readonly TableFlag[] = ['dormant', 'owner', 'persist'];
const NFT_CHAIN_HW_OFFLOAD = 2;
const NF_DROP = 0;
/** Seconds, in the order of the states: what the kernel has where nothing was said is not listed. */
const TCP_TIMEOUTS: readonly number[] = [120, 60, 432000, 120, 60, 30, 120, 10, 120, 300, 300];
const UDP_TIMEOUTS: readonly number[] = [30, 180];
const FAMILIES: Readonly<Record<number, Family>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};
/** NF_SYNPROXY_OPT_*. */
const SYNPROXY_FLAGS: readonly (readonly [number, SynproxyFlag])[] = [
  [8, 'timestamp'],
  [4, 'sack-perm'],
];

const handle = (of: { readonly handle?: bigint }): { handle?: number | bigint } =>
  of.handle === undefined ? {} : { handle: toCount(of.handle) };
const commented = ({ comment }: { readonly comment?: string }): { comment?: string } =>
  comment === undefined ? {} : { comment };

export function tableObject(table: IrTable): Table {
  const flags = TABLE_FLAGS.filter((_, bit) => (table.flags & (1 << bit)) !== 0);
  return {
    kind: 'table',
    family: table.family,
    name: table.name,
    ...(flags.length > 0 && { flags }),
    ...handle(table),
    ...commented(table),
    loc,
  };
}

function hookName(family: Family, number: number): string {
  return Object.entries(HOOKS[family]).find(([, each]) => each === number)?.[0] ?? 'input';
}

export function chainObject(chain: IrChain): Chain {
  const { family, table, name, type, hook, policy, flags = 0 } = chain;
  return {
    kind: 'chain',
    family,
    table,
    name,
    ...handle(chain),
    ...(type !== undefined && { type }),
    ...(hook && {
      hook: hookName(family, hook.number),
      prio: { offset: hook.priority, loc },
      ...(hook.devices.length > 0 && { devices: hook.devices }),
      policy: policy === NF_DROP ? 'drop' : 'accept',
    }),
    ...((flags & NFT_CHAIN_HW_OFFLOAD) !== 0 && { flags: ['offload'] as const }),
    ...commented(chain),
    loc,
  };
}

export function flowtableObject(flowtable: IrFlowtable): Flowtable {
  const { family, table, name, hook, flags } = flowtable;
  return {
    kind: 'flowtable',
    family,
    table,
    name,
    ...handle(flowtable),
    ...(hook && { hook: 'ingress', prio: { offset: hook.priority, loc }, devices: hook.devices }),
    ...((flags & 1) !== 0 && { flags: ['offload'] as const }),
    ...((flags & 2) !== 0 && { counter: true }),
    loc,
  };
}

export function synproxyOptions(
  mss: number,
  wscale: number,
  flags: number,
): {
  mss?: number;
  wscale?: number;
  flags: SynproxyFlag[];
} {
  return {
    // Either is listed with the other.
    ...((flags & 3) !== 0 && { mss, wscale }),
    flags: SYNPROXY_FLAGS.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name])),
  };
}

export function statefulObject(object: IrObject, names: ListNames): StatefulObject | undefined {
  const { family, table, name, data } = object;
  if (data === undefined) return undefined;
  const common = { family, table, name, ...handle(object), ...commented(object), loc };
  const protocol = (number: number): string => names.nameOf('protocol', number) ?? String(number);
  const l3proto = (number: number): { l3proto?: Family } => {
    const found = FAMILIES[number];
    return found === undefined ? {} : { l3proto: found };
  };
  switch (data.type) {
    case 'counter':
      return { kind: 'counter', ...common, packets: toCount(data.packets), bytes: toCount(data.bytes) };
    case 'quota':
      return {
        kind: 'quota',
        ...common,
        bytes: toCount(data.bytes),
        used: toCount(data.used),
        inv: data.inv,
      };
    case 'limit':
      return {
        kind: 'limit',
        ...common,
        rate: toCount(data.rate),
        per: timeUnit(data.unit),
        burst: data.burst,
        unit: data.bytes ? 'bytes' : 'packets',
        inv: data.inv,
      };
    case 'ct helper':
      return {
        kind: 'ct helper',
        ...common,
        type: data.name,
        protocol: protocol(data.l4proto),
        ...l3proto(data.l3proto),
      };
    case 'ct timeout': {
      const states = data.l4proto === 6 ? TCP_STATES : UDP_STATES;
      const usual = data.l4proto === 6 ? TCP_TIMEOUTS : UDP_TIMEOUTS;
      const set = data.policy.filter(({ state, value }) => usual[state - 1] !== value);
      const policy = set.map(({ state, value }) => ({
        state: states[state - 1] ?? String(state),
        value,
        loc,
      }));
      return {
        kind: 'ct timeout',
        ...common,
        protocol: protocol(data.l4proto),
        ...l3proto(data.l3proto),
        policy,
      };
    }
    case 'ct expectation': {
      const { dport, timeoutMs, size } = data;
      const rest = { ...l3proto(data.l3proto), dport, timeoutMs, size };
      return { kind: 'ct expectation', ...common, protocol: protocol(data.l4proto), ...rest };
    }
    case 'synproxy':
      return { kind: 'synproxy', ...common, ...synproxyOptions(data.mss, data.wscale, data.flags) };
    case 'secmark':
      return { kind: 'secmark', ...common, context: data.context };
  }
}
