/**
 * A step of a packet through rules of nf_tables in words, of a record TraceKind.NFT: the rule that matched with its text
 * and verdict, the end of a chain, a policy.
 */
import {
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  NftTraceType,
} from '../../assembly/abi/nf_tables.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { familyName, type RuleFinder, type ToldRule } from './rule_texts.js';

export interface NftStep {
  readonly type: NftTraceType;
  /** `inet firewall forward` */
  readonly chain: string;
  readonly verdict: string;
  readonly hook: number;
  /** 0: of no rule. */
  readonly handle: number;
  readonly rule?: ToldRule;
}

const NF_VERDICT_MASK = 0xff;
const VERDICTS = ['drop', 'accept', 'stolen', 'queue', 'repeat'];
const CODES: Readonly<Record<number, string>> = {
  [NFT_CONTINUE]: 'continue',
  [NFT_BREAK]: 'break',
  [NFT_JUMP]: 'jump',
  [NFT_GOTO]: 'goto',
  [NFT_RETURN]: 'return',
};

/** As rules name hooks. */
export const NFT_HOOKS = [
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
  'ingress',
  'egress',
] as const;
export type NftHook = (typeof NFT_HOOKS)[number];

/** The numbers of hooks are those of the family. */
export function nftHook({ chain, hook }: NftStep): NftHook {
  if (chain.startsWith('netdev ')) return hook === 0 || hook === 5 ? 'ingress' : 'egress';
  if (chain.startsWith('arp ')) return hook === 1 ? 'output' : 'input';
  return NFT_HOOKS[hook] ?? 'prerouting';
}

export function readNftStep({ detail, a, b, c, data }: TraceRecord, rules?: RuleFinder): NftStep {
  const [table = '', chain = ''] = new TextDecoder().decode(data).split('\0');
  const family = detail >> 8;
  const rule = b === 0 ? undefined : rules?.rule(family, table, b);
  return {
    type: detail & 0xff,
    chain: `${familyName(family) ?? `family ${family}`} ${table} ${chain}`,
    verdict: CODES[a | 0] ?? VERDICTS[a & NF_VERDICT_MASK] ?? String(a),
    hook: c,
    handle: b,
    ...(rule && { rule }),
  };
}

export function nftStepText({ type, chain, verdict, handle, rule }: NftStep): string {
  if (type === NftTraceType.POLICY) return `policy of ${chain}: ${verdict}`;
  if (type === NftTraceType.RETURN) return `end of ${chain}: ${verdict}`;
  const text = rule?.text ?? `rule with handle ${handle}`;
  return `${chain}: ${text} (verdict ${verdict}${rule?.place === undefined ? '' : `, ${rule.place}`})`;
}
