/** Named objects: counter, quota, limit, ct helper, ct timeout, ct expectation, synproxy, secmark. */
import type { CtTimeoutObject, Family, StatefulObject } from '../ast.js';
import { INET_PROTO } from '../datatype/datatype.js';
import type { SystemNames } from '../datatype/names.js';
import { parseValue } from '../datatype/parse.js';
import { SECONDS } from '../expr/limit.js';
import { synproxyIr } from '../expr/synproxy.js';
import type { IrObject, IrObjectData } from '../ir.js';
import { fail } from './context.js';

const L3PROTO: Readonly<Record<Family, number>> = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 };
const DEFAULT_BURST = 5;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

/** CTA_TIMEOUT_TCP_*, CTA_TIMEOUT_UDP_*: the number, from 1, and the name of libnetfilter_cttimeout. */
export const TCP_STATES: readonly string[] = [
  'syn_sent',
  'syn_recv',
  'established',
  'fin_wait',
  'close_wait',
  'last_ack',
  'time_wait',
  'close',
  'syn_sent2',
  'retrans',
  'unack',
];
export const UDP_STATES: readonly string[] = ['unreplied', 'replied'];

export function protocolNumber(names: SystemNames, name: string, loc: StatefulObject['loc']): number {
  const parsed = parseValue(INET_PROTO, name, names);
  if (typeof parsed !== 'bigint') fail(loc, parsed.error);
  return Number(parsed);
}

function policyOf(
  timeout: CtTimeoutObject,
  l4proto: number,
): Extract<IrObjectData, { type: 'ct timeout' }>['policy'] {
  const states = l4proto === IPPROTO_TCP ? TCP_STATES : l4proto === IPPROTO_UDP ? UDP_STATES : [];
  return timeout.policy
    .map(({ state, value, loc }) => {
      const at = states.indexOf(state);
      if (at < 0) fail(loc, `state ${state} is not defined for protocol ${timeout.protocol}`);
      return { state: at + 1, name: state.toUpperCase(), value };
    })
    .sort((a, b) => a.state - b.state);
}

function dataOf(object: StatefulObject, names: SystemNames): IrObjectData {
  switch (object.kind) {
    case 'counter':
      return { type: 'counter', packets: BigInt(object.packets ?? 0), bytes: BigInt(object.bytes ?? 0) };
    case 'quota':
      return { type: 'quota', bytes: BigInt(object.bytes), used: BigInt(object.used ?? 0), inv: object.inv };
    case 'limit': {
      const bytes = object.unit === 'bytes';
      return {
        type: 'limit',
        rate: BigInt(object.rate),
        unit: SECONDS[object.per],
        burst: Number(object.burst ?? (bytes ? 0 : DEFAULT_BURST)),
        bytes,
        inv: object.inv,
      };
    }
    case 'ct helper':
      return {
        type: 'ct helper',
        name: object.type,
        l3proto: object.l3proto === undefined ? 0 : L3PROTO[object.l3proto],
        l4proto: protocolNumber(names, object.protocol, object.loc),
      };
    case 'ct timeout': {
      const l4proto = protocolNumber(names, object.protocol, object.loc);
      return {
        type: 'ct timeout',
        l3proto: object.l3proto === undefined ? 0 : L3PROTO[object.l3proto],
        l4proto,
        policy: policyOf(object, l4proto),
      };
    }
    case 'ct expectation':
      return {
        type: 'ct expectation',
        l3proto: object.l3proto === undefined ? 0 : L3PROTO[object.l3proto],
        l4proto: protocolNumber(names, object.protocol, object.loc),
        dport: object.dport,
        timeoutMs: object.timeoutMs,
        size: object.size,
      };
    case 'synproxy': {
      const { mss, wscale, flags } = synproxyIr(object.mss, object.wscale, object.flags);
      return { type: 'synproxy', mss, wscale, flags };
    }
    case 'secmark':
      return { type: 'secmark', context: object.context };
  }
}

export function objectIr(object: StatefulObject, names: SystemNames): IrObject {
  const { family, table, name, comment } = object;
  return {
    kind: 'object',
    family,
    table,
    name,
    objectType: object.kind,
    data: dataOf(object, names),
    ...(comment !== undefined && { comment }),
  };
}
