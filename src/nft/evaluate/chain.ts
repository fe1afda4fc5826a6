/** Chains and flowtables: hooks by name and family, priorities by name, and which types of chain go where. */
import type { Chain, Family, Flowtable, Loc, Priority } from '../ast.js';
import type { IrChain, IrFlowtable, IrHook } from '../ir.js';
import { fail } from './context.js';

/** NF_INET_* of the IP families and the bridge; NF_ARP_* and NF_NETDEV_* are their own. */
type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';

export const HOOKS: Readonly<Record<Family, Readonly<Partial<Record<Hook, number>>>>> = {
  ip: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  ip6: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  inet: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 5 },
  bridge: { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 },
  arp: { input: 0, output: 1 },
  netdev: { ingress: 0, egress: 1 },
};

/** Standard priorities: name, value, and the hook it is for where that is only one. */
const PRIORITIES: readonly (readonly [string, number, Hook?])[] = [
  ['raw', -300],
  ['mangle', -150],
  ['dstnat', -100],
  ['filter', 0],
  ['security', 50],
  ['srcnat', 100],
];
const BRIDGE_PRIORITIES: readonly (readonly [string, number])[] = [
  ['dstnat', -300],
  ['filter', -200],
  ['out', 100],
  ['srcnat', 300],
];

export function hookNumber(family: Family, hook: string, loc: Loc): number {
  const number = HOOKS[family][hook as Hook];
  if (number === undefined) fail(loc, `unknown chain hook`);
  return number;
}

export function priorityNumber(family: Family, hook: string, { name, offset, loc }: Priority): number {
  if (name === undefined) return offset;
  const invalid = (): never => fail(loc, `invalid priority expression ${name} in this context.`);
  const table = family === 'bridge' ? BRIDGE_PRIORITIES : PRIORITIES;
  const found = table.find(([each]) => each === name);
  if (found === undefined) return invalid();
  const [, value] = found;
  if (family === 'arp' || family === 'netdev') {
    if (name !== 'filter') invalid();
  } else if (name === 'dstnat') {
    if (hook !== 'prerouting' && !(family === 'bridge' && hook === 'prerouting')) invalid();
  } else if (name === 'srcnat') {
    if (hook !== 'postrouting') invalid();
  } else if (name === 'out' && hook !== 'output') invalid();
  return value + offset;
}

/** What libnftnl of 1.0.6 calls a hook: it knows the numbers of the IP families and netdev's ingress. */
function hookText(family: Family, number: number): string {
  const names = Object.entries(HOOKS[family]).filter(
    ([hook]) => hook !== 'egress' && !(family === 'inet' && hook === 'ingress'),
  );
  return names.find(([, each]) => each === number)?.[0] ?? 'unknown';
}

const NF_ACCEPT = 1;
const NFT_CHAIN_HW_OFFLOAD = 2;

export function chainIr(chain: Chain): IrChain {
  const { family, table, name, comment } = chain;
  const common = { kind: 'chain' as const, family, table, name, ...(comment !== undefined && { comment }) };
  if (chain.type === undefined || chain.hook === undefined || chain.prio === undefined) {
    if (chain.policy === undefined) return common;
    return { ...common, policy: chain.policy === 'accept' ? NF_ACCEPT : 0 };
  }
  const loc = chain.hookLoc ?? chain.loc;
  const number = hookNumber(family, chain.hook, loc);
  checkType(chain, loc);
  const hook: IrHook = {
    number,
    priority: priorityNumber(family, chain.hook, chain.prio),
    devices: chain.devices ?? [],
  };
  return {
    ...common,
    type: chain.type,
    hook,
    hookText: hookText(family, number),
    ...(chain.policy !== undefined && { policy: chain.policy === 'accept' ? NF_ACCEPT : 0 }),
    ...(chain.flags?.includes('offload') && { flags: NFT_CHAIN_HW_OFFLOAD }),
  };
}

function checkType({ family, type, hook, devices }: Chain, loc: Loc): void {
  if (type !== 'filter' && type !== 'nat' && type !== 'route') fail(loc, 'unknown chain type');
  const needsDevice = family === 'netdev' || (family === 'inet' && hook === 'ingress');
  if (needsDevice && (devices ?? []).length === 0) fail(loc, "Missing `device' in this chain definition");
  if (!needsDevice && devices !== undefined) fail(loc, 'This chain type cannot be bound to device');
}

const FLOWTABLE_COUNTER = 2;
const FLOWTABLE_OFFLOAD = 1;

export function flowtableIr(flowtable: Flowtable): IrFlowtable {
  const { family, table, name, hook, prio, devices, flags, counter } = flowtable;
  const bits = (flags?.includes('offload') ? FLOWTABLE_OFFLOAD : 0) | (counter ? FLOWTABLE_COUNTER : 0);
  return {
    kind: 'flowtable',
    family,
    table,
    name,
    flags: bits,
    ...(hook !== undefined && {
      hook: { number: 0, priority: prio === undefined ? 0 : flowtablePriority(prio), devices: devices ?? [] },
    }),
  };
}

function flowtablePriority({ name, offset, loc }: Priority): number {
  if (name !== undefined && name !== 'filter')
    fail(loc, `invalid priority expression ${name} in this context.`);
  return offset;
}
