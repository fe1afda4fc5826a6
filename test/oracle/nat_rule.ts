/**
 * NAT rules of the oracle's cases: as text for nft, and as a hook in front of the core's NAT that decides in their
 * words. The rule language has tests of its own; here it is NAT itself that is compared.
 */
import { ROOT_BASE, ROOT_STATE_BYTES, Status } from '../../assembly/abi/layout.js';
import { Op } from '../../assembly/abi/ops.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { Stack } from '../../src/stack.js';
import { addCallback } from '../wasm_callback.js';
import { ipBytes } from './packet.js';

export interface NatRule {
  /** 0 IPv4, 1 IPv6 */
  family: 0 | 1;
  hook: 'prerouting' | 'input' | 'output' | 'postrouting';
  /** What it takes: by protocol and destination port, or all. */
  proto?: number;
  dport?: number;
  /** The device that a packet leaves or comes by. */
  device?: string;
  to: { addr?: readonly [string, string]; port?: readonly [number, number] } | 'masquerade' | 'redirect';
  flags?: readonly ('random' | 'fully-random' | 'persistent')[];
}

/** Connections to this port have this helper. */
export interface HelperRule {
  helper: 'ftp' | 'tftp';
  dport: number;
}

const HOOKS = { prerouting: 0, input: 1, output: 3, postrouting: 4 } as const;
const PRIORITIES = { prerouting: -100, input: 100, output: -100, postrouting: 100 } as const;
const PROTOCOL_NAMES: Record<number, string> = { 6: 'tcp', 17: 'udp' };
const MAP_IPS = 1;
const PROTO_SPECIFIED = 2;
const FLAG_BITS = { random: 4, persistent: 8, 'fully-random': 16 } as const;

function range(ends: readonly [string | number, string | number]): string {
  return ends[0] === ends[1] ? String(ends[0]) : `${ends[0]}-${ends[1]}`;
}

function isSource(rule: NatRule): boolean {
  return rule.hook === 'postrouting' || rule.hook === 'input';
}

function statement(rule: NatRule): string {
  const { to } = rule;
  const flags = rule.flags === undefined ? '' : ` ${rule.flags.join(',')}`;
  if (to === 'masquerade' || to === 'redirect') return to + flags;
  const brackets = rule.family === 1 && to.port !== undefined;
  const addr = to.addr === undefined ? '' : brackets ? `[${range(to.addr)}]` : range(to.addr);
  const port = to.port === undefined ? '' : `:${range(to.port)}`;
  return `${isSource(rule) ? 'snat' : 'dnat'} to ${addr}${port}${flags}`;
}

const HELPER_IDS = { ftp: 1, tftp: 2 } as const;
const HELPER_PROTOCOLS = { ftp: 6, tftp: 17 } as const;

function helpersOf(helpers: readonly HelperRule[]): string {
  if (helpers.length === 0) return '';
  const objects = helpers.map(
    ({ helper }) =>
      `  ct helper ${helper}h { type "${helper}" protocol ${PROTOCOL_NAMES[HELPER_PROTOCOLS[helper]]}; }`,
  );
  const lines = helpers.map(
    ({ helper, dport }) =>
      `    ${PROTOCOL_NAMES[HELPER_PROTOCOLS[helper]]} dport ${dport} ct helper set "${helper}h"`,
  );
  return `table inet h {\n${objects.join('\n')}\n  chain c { type filter hook prerouting priority -150;\n${lines.join('\n')}\n  }\n}\n`;
}

/** The ruleset of both families, for nft -f. */
export function nftOf(rules: readonly NatRule[], helpers: readonly HelperRule[] = []): string {
  const tables = ([0, 1] as const).map((family) => {
    const chains = Object.keys(HOOKS).map((hook) => {
      const own = rules.filter((rule) => rule.family === family && rule.hook === hook);
      const lines = own.map((rule) => {
        const protocol = PROTOCOL_NAMES[rule.proto ?? 0];
        const match =
          protocol === undefined
            ? ''
            : rule.dport === undefined
              ? `meta l4proto ${protocol} `
              : `${protocol} dport ${rule.dport} `;
        const by = rule.device === undefined ? '' : `${isSource(rule) ? 'oif' : 'iif'}name ${rule.device} `;
        return `    ${by}${match}${statement(rule)}`;
      });
      const priority = PRIORITIES[hook as NatRule['hook']];
      return `  chain ${hook} { type nat hook ${hook} priority ${priority};\n${lines.join('\n')}\n  }`;
    });
    return `table ${family === 0 ? 'ip' : 'ip6'} n {\n${chains.join('\n')}\n}`;
  });
  return helpersOf(helpers) + tables.join('\n');
}

const NFCT_OFFSET = 100;
const DATA_OFFSET = 16;
const ACCEPT = 1;
let lastOp = 700;

/** The rules before the core's NAT hooks: each new connection is decided on by the first that takes it. */
export async function installNat(
  stack: Stack,
  namespace: Namespace,
  rules: readonly NatRule[],
  helpers: readonly HelperRule[] = [],
): Promise<void> {
  const { instance } = stack.core;
  const { exports, view, u8 } = instance;
  const opIndex = (id: number): number => view.getUint32(ROOT_BASE + ROOT_STATE_BYTES + id * 4, true);
  const setup = exports.table.get(opIndex(Op.NF_NAT_SETUP_INFO)) as (...args: number[]) => number;
  const masquerade = exports.table.get(opIndex(Op.NF_NAT_MASQUERADE)) as (...args: number[]) => number;
  const place = instance.status(Status.REQUEST_AREA) + instance.status(Status.REQUEST_BYTES as never) - 64;
  await namespace.conntrack.enableNat();
  const indices = new Map((await namespace.links()).map((link) => [link.name, link.ifindex]));

  const assign = exports.table.get(opIndex(Op.NF_CT_HELPER_ASSIGN)) as (...args: number[]) => number;
  for (const family of [0, 1] as const) {
    if (helpers.length === 0) break;
    const op = ++lastOp;
    const index = addCallback(exports.table, 3, true, (_priv, skb) => {
      const nfct = view.getUint32(skb! + NFCT_OFFSET, true);
      const data = view.getUint32(skb! + DATA_OFFSET, true);
      const proto = u8[data + (family === 0 ? 9 : 6)]!;
      const l4 = data + (family === 0 ? (u8[data]! & 15) * 4 : 40);
      const dport = (u8[l4 + 2]! << 8) | u8[l4 + 3]!;
      const rule = helpers.find((one) => HELPER_PROTOCOLS[one.helper] === proto && one.dport === dport);
      if (rule !== undefined && (nfct & ~7) !== 0) assign(nfct & ~7, HELPER_IDS[rule.helper]);
      return ACCEPT;
    });
    if (exports.setOp(op, index) !== 0) throw new Error('no op is free');
    await namespace.addHook({ family, hook: HOOKS.prerouting, priority: -150, op, id: op });
  }

  for (const family of [0, 1] as const) {
    for (const hook of Object.keys(HOOKS) as NatRule['hook'][]) {
      const own = rules.filter((rule) => rule.family === family && rule.hook === hook);
      if (own.length === 0) continue;
      const decide = (skb: number, state: number): number => {
        const nfct = view.getUint32(skb + NFCT_OFFSET, true);
        const ct = nfct & ~7;
        const info = nfct & 7;
        const done = isSource(own[0]!) ? 1 << 7 : 1 << 8;
        if (ct === 0 || (info !== 2 && info !== 1) || (view.getUint32(ct + 48, true) & done) !== 0)
          return ACCEPT;
        const data = view.getUint32(skb + DATA_OFFSET, true);
        const device = view.getUint32(state + (isSource(own[0]!) ? 16 : 12), true);
        const ifindex = device === 0 ? 0 : view.getInt32(device + 12, true);
        const proto = u8[data + (family === 0 ? 9 : 6)]!;
        const l4 = data + (family === 0 ? (u8[data]! & 15) * 4 : 40);
        const dport = (u8[l4 + 2]! << 8) | u8[l4 + 3]!;
        const rule = own.find(
          (one) =>
            (one.proto ?? proto) === proto &&
            (one.dport ?? dport) === dport &&
            (one.device === undefined || indices.get(one.device) === ifindex),
        );
        if (rule === undefined) return ACCEPT;
        u8.fill(0, place, place + 48);
        let flags = (rule.flags ?? []).reduce((bits, name) => bits | FLAG_BITS[name], 0);
        if (rule.to !== 'masquerade' && rule.to !== 'redirect') {
          if (rule.to.addr !== undefined) {
            flags |= MAP_IPS;
            u8.set(ipBytes(rule.to.addr[0]), place + 16);
            u8.set(ipBytes(rule.to.addr[1]), place + 32);
          }
          if (rule.to.port !== undefined) {
            flags |= PROTO_SPECIFIED;
            view.setUint16(place + 4, rule.to.port[0]);
            view.setUint16(place + 6, rule.to.port[1]);
          }
        }
        view.setUint32(place, flags, true);
        if (rule.to === 'masquerade') return masquerade(skb, state, place);
        return setup(ct, place, isSource(rule) ? 0 : 1);
      };
      const op = ++lastOp;
      const index = addCallback(exports.table, 3, true, (_priv, skb, state) => decide(skb!, state!));
      if (exports.setOp(op, index) !== 0) throw new Error('no op is free');
      const priority = PRIORITIES[hook] - 1;
      await namespace.addHook({ family, hook: HOOKS[hook], priority, op, id: op });
    }
  }
}
