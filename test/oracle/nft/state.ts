/**
 * What a netfilter holds, as lines that are equal when the state is: rules with their counters, objects, elements of
 * sets, connections. Left out: handles, what depends on the time (expirations; timeouts of connections stand aside).
 */
import { CtMsg, Cta, CtaTuple } from '../../../assembly/abi/nf_conntrack_netlink.js';
import { NFNL_SUBSYS_CTNETLINK, NfProto } from '../../../assembly/abi/nfnl.js';
import {
  NftaChain,
  NftaCounter,
  NftaExpr,
  NftaLast,
  NftaObj,
  NftaRule,
  NftaSet,
  NftaSetElem,
  NftaSetElemList,
  NftMsg,
  NftObject,
} from '../../../assembly/abi/nf_tables.js';
import { formatIp } from '../../../src/config/ip_address.js';
import { NlAttrs, readAttrs } from '../../../src/netlink/nlattr.js';
import type { Netfilter } from '../router.js';
import { NFT_CHAIN_BINDING, type Ruleset, type Thing, textOf, u32, attrOf } from './ruleset.js';

const FAMILIES: Readonly<Record<number, string>> = {
  [NfProto.INET]: 'inet',
  [NfProto.IPV4]: 'ip',
  [NfProto.ARP]: 'arp',
  [NfProto.NETDEV]: 'netdev',
  [NfProto.BRIDGE]: 'bridge',
  [NfProto.IPV6]: 'ip6',
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function counterText(data: Uint8Array): string {
  const attrs = new NlAttrs(data);
  return `packets ${attrs.u64(NftaCounter.PACKETS)} bytes ${attrs.u64(NftaCounter.BYTES)}`;
}

function expressionText(value: Uint8Array): string {
  const attrs = new NlAttrs(value);
  const name = attrs.text(NftaExpr.NAME);
  const data = attrs.bytes(NftaExpr.DATA) ?? new Uint8Array(0);
  if (name === 'counter') return `counter ${counterText(data)}`;
  if (name === 'last') return `last ${new NlAttrs(data).u32(NftaLast.SET)}`;
  return `${name} ${hex(data)}`;
}

const expressions = (list: Uint8Array): string =>
  readAttrs(list)
    .map(({ value }) => expressionText(value))
    .join(' | ');

function elementText(value: Uint8Array): string {
  return readAttrs(value)
    .filter(({ type }) => type !== NftaSetElem.EXPIRATION)
    .sort((a, b) => a.type - b.type)
    .map((attr) => {
      const name = NftaSetElem[attr.type]!.toLowerCase();
      if (attr.type === NftaSetElem.EXPR) return expressionText(attr.value);
      if (attr.type === NftaSetElem.EXPRESSIONS) return expressions(attr.value);
      return `${name} ${hex(attr.value)}`;
    })
    .join(' ');
}

function plain(one: Thing, skip: readonly number[]): string {
  return one.attrs
    .filter(({ type }) => !skip.includes(type))
    .map(({ type, value }) => `${type}=${hex(value)}`)
    .join(' ');
}

function chainFlags(one: Thing): string {
  const flags = attrOf(one, NftaChain.FLAGS);
  const left = flags === undefined ? 0 : u32(flags) & ~NFT_CHAIN_BINDING;
  return left === 0 ? '' : `flags ${left}`;
}

/** Rules in their order, elements of a set sorted: their order is a matter of its implementation. */
export function rulesetLines(ruleset: Ruleset): string[] {
  const lines: string[] = [];
  const elements = new Map<string, string[]>();
  const count = new Map<string, number>();
  for (const one of ruleset) {
    const family = FAMILIES[one.family] ?? String(one.family);
    switch (one.make) {
      case NftMsg.NEWRULE: {
        const chain = `${family} ${textOf(one, NftaRule.TABLE)} ${textOf(one, NftaRule.CHAIN)}`;
        const n = (count.get(chain) ?? 0) + 1;
        count.set(chain, n);
        lines.push(
          `rule ${chain} #${n}: ${expressions(attrOf(one, NftaRule.EXPRESSIONS) ?? new Uint8Array(0))}`,
        );
        break;
      }
      case NftMsg.NEWSETELEM: {
        const set = `element ${family} ${textOf(one, NftaSetElemList.TABLE)} ${textOf(one, NftaSetElemList.SET)}`;
        const list = elements.get(set) ?? [];
        elements.set(set, list);
        for (const { value } of readAttrs(attrOf(one, NftaSetElemList.ELEMENTS)!))
          list.push(`${set}: ${elementText(value)}`);
        break;
      }
      case NftMsg.NEWOBJ: {
        const data = attrOf(one, NftaObj.DATA)!;
        const type = attrOf(one, NftaObj.TYPE)!.at(-1)!;
        const text = type === NftObject.COUNTER ? counterText(data) : hex(data);
        lines.push(
          `object ${family} ${textOf(one, NftaObj.TABLE)} ${textOf(one, NftaObj.NAME)} ${type}: ${text}`,
        );
        break;
      }
      case NftMsg.NEWCHAIN:
        lines.push(
          `chain ${family} ${textOf(one, NftaChain.TABLE)} ${textOf(one, NftaChain.NAME)}: ${plain(one, [NftaChain.TABLE, NftaChain.NAME, NftaChain.FLAGS])} ${chainFlags(one)}`,
        );
        break;
      case NftMsg.NEWSET:
        lines.push(
          `set ${family} ${textOf(one, NftaSet.TABLE)} ${textOf(one, NftaSet.NAME)}: ${plain(one, [NftaSet.TABLE, NftaSet.NAME])}`,
        );
        break;
      default:
        lines.push(`${NftMsg[one.make]} ${family} ${plain(one, [])}`);
    }
  }
  for (const list of elements.values()) lines.push(...list.sort());
  return lines;
}

const LEFT_OUT: readonly number[] = [Cta.USE, Cta.ID, Cta.TIMEOUT, Cta.TIMESTAMP];
const TUPLES: readonly number[] = [Cta.TUPLE_ORIG, Cta.TUPLE_REPLY, Cta.TUPLE_MASTER];
const NESTED: readonly number[] = [
  Cta.PROTOINFO,
  Cta.HELP,
  Cta.COUNTERS_ORIG,
  Cta.COUNTERS_REPLY,
  Cta.SEQ_ADJ_ORIG,
  Cta.SEQ_ADJ_REPLY,
];

function tupleText(value: Uint8Array): string {
  const tuple = new NlAttrs(value);
  const ip = readAttrs(tuple.bytes(CtaTuple.IP) ?? new Uint8Array(0)).map((attr) => formatIp(attr.value));
  const proto = readAttrs(tuple.bytes(CtaTuple.PROTO) ?? new Uint8Array(0)).map(
    (attr) => `${attr.type}:${Number.parseInt(hex(attr.value), 16)}`,
  );
  return `${ip.join('>')} ${proto.join(' ')}`;
}

/** Nested to any depth where the flag says so. */
function nestedText(value: Uint8Array): string {
  return readAttrs(value)
    .map((attr) => `${attr.type}:${attr.nested ? `(${nestedText(attr.value)})` : hex(attr.value)}`)
    .join(' ');
}

export interface Connection {
  line: string;
  /** Seconds until it is forgotten; undefined: none was told. */
  timeout: number | undefined;
}

/** All connections that are tracked, sorted. */
export async function connections(of: Netfilter): Promise<Connection[]> {
  const messages = await of.dump((NFNL_SUBSYS_CTNETLINK << 8) | CtMsg.GET, NfProto.UNSPEC);
  return messages
    .map(({ payload }) => {
      const attrs = readAttrs(payload.subarray(4));
      const parts = attrs
        .filter(({ type }) => !LEFT_OUT.includes(type))
        .sort((a, b) => a.type - b.type)
        .map(({ type, value }) => {
          const name = Cta[type]?.toLowerCase() ?? String(type);
          if (TUPLES.includes(type)) return `${name} ${tupleText(value)}`;
          return `${name} ${NESTED.includes(type) ? nestedText(value) : hex(value)}`;
        });
      return {
        line: `connection: ${parts.join(', ')}`,
        timeout: new NlAttrs(payload.subarray(4)).u32(Cta.TIMEOUT),
      };
    })
    .sort((a, b) => (a.line < b.line ? -1 : 1));
}
