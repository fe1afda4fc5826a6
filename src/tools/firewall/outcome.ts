/**
 * What became of one packet, of the records of its way: the verdict, which rule or policy gave it, the packet as it left or arrived,
 * and what was sent because of it.
 */
import { SkbDropReason } from '../../../assembly/abi/drop_reason.js';
import { TraceGro, TraceKind } from '../../../assembly/abi/trace.js';
import type { TraceRecord } from '../../core/trace_ring.js';
import { NftTraceType } from '../../../assembly/abi/nf_tables.js';
import { nftHook, type NftHook, type NftStep, readNftStep } from '../../replay/explain_nft.js';
import type { RuleFinder } from '../../replay/rule_texts.js';

/** `none`: no rule decided, the packet ended for another reason. */
export type Verdict = 'accept' | 'drop' | 'reject' | 'queue' | 'stolen' | 'none';

export interface Outcome {
  readonly verdict: Verdict;
  /** What a base chain decided, in the order of its way; `rule` undefined: its policy. */
  readonly decisions: readonly NftStep[];
  /** The one that the verdict is of. */
  readonly decision?: NftStep;
  /** Every rule that matched. */
  readonly rules: readonly NftStep[];
  /** The device that it left by. */
  readonly oif?: number;
  /** Whether this machine got it, whether it was routed on. */
  readonly delivered: boolean;
  readonly forwarded: boolean;
  /** The frame as it left, arrived, or was dropped. */
  readonly frame?: Uint8Array;
  /** Of a drop: SkbDropReason. */
  readonly reason?: string;
  /** What left because of it: answers, errors. */
  readonly answers: readonly { readonly device: number; readonly frame: Uint8Array }[];
  /** Neighbours that were asked for: the packet waits for one. */
  readonly waiting: boolean;
}

const NF_QUEUE = 3;
const NF_STOLEN = 2;
const NF_DROP = 0;
const NF_VERDICT_MASK = 0xff;
/** Terminal for a base chain. */
const DECIDES = new Set(['accept', 'drop', 'queue', 'stolen']);
/** Where accept is said, the first that there is. */
const MAIN: readonly NftHook[] = [
  'forward',
  'input',
  'output',
  'ingress',
  'egress',
  'prerouting',
  'postrouting',
];

/** `skb`: of a packet of the router's own; otherwise the frame that was received first. */
export function outcomeOf(records: readonly TraceRecord[], rules: RuleFinder, hook?: NftHook): Outcome {
  const received = records.find(({ kind }) => kind === TraceKind.RECEIVED);
  const own = received ?? records.find(({ skb }) => skb !== 0);
  const alive = new Set(own === undefined ? [] : [own.skb]);
  const ids = new Set(own === undefined || own.id === 0 ? [] : [own.id]);
  const steps: NftStep[] = [];
  const answers: { device: number; frame: Uint8Array }[] = [];
  let oif: number | undefined;
  let delivered = false;
  let forwarded = false;
  let waiting = false;
  let frame: Uint8Array | undefined;
  let reason: string | undefined;
  let hookVerdict = -1;
  let ended = false;
  for (const record of records) {
    const mine =
      (record.id !== 0 && ids.has(record.id)) || (record.skb !== 0 && alive.has(record.skb) && !ended);
    if (!mine) {
      if (record.kind === TraceKind.XMIT && record.data.length >= 14 && !isNeighbourTalk(record.data))
        answers.push({ device: record.device, frame: record.data });
      continue;
    }
    switch (record.kind) {
      case TraceKind.CLONE:
        alive.add(record.a);
        break;
      case TraceKind.GRO:
        if (record.detail === TraceGro.MERGED) alive.add(record.a);
        break;
      case TraceKind.NFT:
        steps.push(readNftStep(record, rules));
        break;
      case TraceKind.HOOK:
        hookVerdict = record.b & NF_VERDICT_MASK;
        break;
      case TraceKind.FORWARD:
        forwarded = true;
        break;
      case TraceKind.DELIVER:
        delivered = true;
        if (record.data.length > 0) frame = record.data;
        break;
      case TraceKind.NEIGH:
        waiting = record.a === 1;
        break;
      case TraceKind.XMIT:
        oif = record.device;
        frame = record.data;
        break;
      case TraceKind.DROP:
        reason = SkbDropReason[record.a] ?? String(record.a);
        if (record.data.length > 0 && oif === undefined) frame = record.data;
        ended = received === undefined;
        break;
      case TraceKind.SENT:
      case TraceKind.CONSUMED:
        ended = received === undefined;
        break;
      default:
    }
  }
  const decisions = steps.filter(
    ({ type, verdict }) =>
      type === NftTraceType.POLICY || (type === NftTraceType.RULE && DECIDES.has(verdict)),
  );
  const verdict = verdictOf({ hookVerdict, oif, delivered, reason, decisions });
  const last = decisions.at(-1);
  const decision = verdict === 'accept' ? accepting(decisions, hook) : last;
  return {
    verdict,
    decisions,
    ...(decision && verdict !== 'none' && { decision }),
    rules: steps.filter(({ type }) => type === NftTraceType.RULE),
    ...{ delivered, forwarded, answers, waiting },
    ...(oif !== undefined && { oif }),
    ...(frame && { frame }),
    ...(reason !== undefined && { reason }),
  };
}

interface Facts {
  readonly hookVerdict: number;
  readonly oif: number | undefined;
  readonly delivered: boolean;
  readonly reason: string | undefined;
  readonly decisions: readonly NftStep[];
}

function verdictOf({ hookVerdict, oif, delivered, reason, decisions }: Facts): Verdict {
  const last = decisions.at(-1);
  if (hookVerdict === NF_QUEUE) return 'queue';
  if (hookVerdict === NF_DROP && reason === SkbDropReason[SkbDropReason.NETFILTER_DROP])
    return last?.verdict === 'drop' && last.rule?.rejects === true ? 'reject' : 'drop';
  if (oif !== undefined || delivered) return 'accept';
  return hookVerdict === NF_STOLEN ? 'stolen' : 'none';
}

/** Of several that accept: at the hook that is asked for, or that of the packet's way; a rule before a policy. */
function accepting(decisions: readonly NftStep[], hook: NftHook | undefined): NftStep | undefined {
  const point = hook ?? MAIN.find((each) => decisions.some((step) => nftHook(step) === each));
  const there = decisions.filter((step) => nftHook(step) === point);
  return there.findLast(({ rule }) => rule !== undefined) ?? there.at(-1);
}

const ETH_P_ARP = 0x0806;
const ETH_P_IPV6 = 0x86dd;

/** ARP, neighbour discovery and MLD are no answers. */
function isNeighbourTalk(frame: Uint8Array): boolean {
  const type = (frame[12]! << 8) | frame[13]!;
  if (type === ETH_P_ARP) return frame[21] === 1;
  if (type !== ETH_P_IPV6 || frame.length < 55) return false;
  const icmp = frame[20] === 58 ? frame[54]! : frame[20] === 0 && frame[54] === 58 ? frame[62]! : 0;
  return (icmp >= 133 && icmp <= 135) || (icmp >= 130 && icmp <= 132) || icmp === 143;
}

/** The rule that decided, or the policy, in words. */
export function decisionText({ decision, verdict, reason }: Outcome): string {
  if (verdict === 'none') return reason === undefined ? 'no rule decided' : `no rule: ${reason}`;
  if (decision === undefined) return 'no rule';
  const { rule, chain, type } = decision;
  if (rule !== undefined) return rule.place === undefined ? rule.text : `${rule.place} ${rule.text}`;
  return type === NftTraceType.POLICY ? `policy ${decision.verdict} of ${chain}` : `a rule of ${chain}`;
}
