/**
 * Why a packet was dropped, in a few words: of a trace with TRACE_F_DROPS and TRACE_F_NFT, the drop and the last step of
 * the same packet through the rules.
 */
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import { NftTraceType } from '../../assembly/abi/nf_tables.js';
import { TRACE_NO_DEVICE, TraceKind } from '../../assembly/abi/trace.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { FramePrinter } from '../tools/dump/printer.js';
import { HOOK_NAMES } from './explain.js';
import { type NftStep, readNftStep } from './explain_nft.js';
import type { RuleTexts } from './rule_texts.js';

export interface ExplainedDrop {
  /** As tcpdump prints it. */
  readonly packet: string;
  /** Where it came in. */
  readonly device: string;
  /** SKB_DROP_REASON_*, without that. */
  readonly reason: string;
  /** What rules said of it, when they did. */
  readonly hook?: string;
  /** `inet home forward` */
  readonly chain?: string;
  /** The rule's text; without one the chain's policy dropped it. */
  readonly rule?: string;
  /** `FILE:LINE` of the rule. */
  readonly place?: string;
}

/** The first drop that is wanted, by the packet's line; null: there is none among these. */
export function explainDrop(
  records: readonly TraceRecord[],
  deviceName: (handle: number) => string,
  rules: RuleTexts,
  wanted: (packet: string) => boolean = () => true,
): ExplainedDrop | null {
  const steps = new Map<number, NftStep>();
  for (const record of records) {
    if (record.kind === TraceKind.NFT) steps.set(record.skb, readNftStep(record, rules));
    if (record.kind !== TraceKind.DROP) continue;
    const step = steps.get(record.skb);
    // The same memory is another packet's from now on.
    steps.delete(record.skb);
    const printer = new FramePrinter({ time: 1, absoluteSeq: true });
    const packet = printer
      .print({ data: record.data, originalLength: record.length, seconds: 0, nanoseconds: 0 })
      .trim();
    if (!wanted(packet)) continue;
    const device = record.device === TRACE_NO_DEVICE ? 'no device' : deviceName(record.device);
    const reason = SkbDropReason[record.a] ?? String(record.a);
    return { packet, device, reason, ...(step?.verdict === 'drop' && told(step)) };
  }
  return null;
}

function told({ type, hook, chain, handle, rule }: NftStep): Partial<ExplainedDrop> {
  const where = { hook: HOOK_NAMES[hook] ?? String(hook), chain };
  if (type !== NftTraceType.RULE) return where;
  const { text = `handle ${handle}`, place } = rule ?? {};
  return { ...where, rule: text, ...(place !== undefined && { place }) };
}
