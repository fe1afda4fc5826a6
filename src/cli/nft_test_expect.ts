/** What a test of a firewall expects, held against what happened: a line for each difference. */
import { NftTraceType } from '../../assembly/abi/nf_tables.js';
import { dumpRuleset } from '../services/ruleset_dump.js';
import { readMessages } from '../netlink/nlmsg.js';
import { conntrackText } from '../netlink/ctnetlink.js';
import { delinearize } from '../nft/delinearize/ruleset.js';
import { systemNames } from '../nft/datatype/names.js';
import { readDump } from '../nft/encode/dump.js';
import { FAMILY_NUMBER } from '../nft/encode/message.js';
import type { IrThing } from '../nft/ir.js';
import { elementText } from '../nft/print/expression.js';
import { typeOfSpec } from '../nft/print/type_of.js';
import { dissect, packetText, valueText, type Dissected } from '../tools/packet/dissect.js';
import { mismatches } from '../tools/packet/match.js';
import { getBits } from '../tools/packet/bits.js';
import type { PacketWords } from '../tools/packet/words.js';
import { decisionText, type Outcome } from '../tools/firewall/outcome.js';
import { ruleIs } from '../tools/firewall/rule_names.js';
import type { CounterLine, Expectation, SetLine, TestCase } from '../tools/firewall/test_file.js';
import type { NftBench } from './nft_bench.js';

export interface Failure {
  readonly what: string;
  readonly expected: string;
  readonly was: string;
}

export interface Surroundings {
  readonly bench: NftBench;
  /** Lines that rules logged while the packet was worked. */
  readonly logs: readonly string[];
}

export async function checkExpectation(
  test: TestCase,
  outcome: Outcome,
  around: Surroundings,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const fail = (what: string, expected: string, was: string) => failures.push({ what, expected, was });
  const { expect } = test;
  checkVerdict(test, outcome, around, fail);
  checkRule(expect, outcome, fail);
  const { oif } = expect;
  const wanted = oif ?? (outcome.verdict === 'accept' && test.hook !== 'input' ? test.oif : undefined);
  if (wanted !== undefined) {
    const was = outcome.oif === undefined ? 'nowhere' : around.bench.deviceName(outcome.oif);
    if (was !== wanted) fail('oif', wanted, was);
  }
  if (expect.packet !== undefined) checkPacket('packet', expect.packet, outcome.frame, fail);
  if (expect.answer !== undefined) checkPacket('answer', expect.answer, outcome.answers[0]?.frame, fail);
  if (expect.log !== undefined) checkLog(expect.log, around.logs, fail);
  if (expect.conntrack !== undefined) await checkConntrack(expect.conntrack, around.bench, fail);
  if (expect.counters.length > 0 || expect.sets.length > 0) {
    const things = readDump(readMessages(await dumpRuleset(around.bench.namespace.nfnl)));
    for (const line of expect.counters) checkCounter(line, things, around.bench, fail);
    for (const line of expect.sets) checkSet(line, things, around.bench, fail);
  }
  return failures;
}

type Fail = (what: string, expected: string, was: string) => void;

function checkVerdict(
  { expect, hook }: TestCase,
  outcome: Outcome,
  { bench }: Surroundings,
  fail: Fail,
): void {
  const { verdict } = outcome;
  const wanted = expect.verdict ?? (expect.with === undefined ? undefined : 'reject');
  if (wanted !== undefined && wanted !== verdict) fail('verdict', wanted, verdictText(outcome, bench));
  else if (expect.with !== undefined) {
    const was = rejectedWith(outcome);
    if (normal(expect.with) !== was) fail('with', expect.with, was);
  }
  if (hook === 'input' && outcome.forwarded)
    fail('hook', 'input: the packet is for this machine', 'it is routed on');
  if (hook === 'forward' && outcome.delivered)
    fail('hook', 'forward', 'input: the destination is an own address');
}

/** `icmpx` is what a rule says; the packet is of one family. */
const normal = (text: string): string =>
  text
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^icmp type /, 'icmp ');

/** The verdict with what gave it. */
export function verdictText(outcome: Outcome, bench: NftBench): string {
  const { verdict, oif, delivered } = outcome;
  const where = delivered ? ' (arrived)' : oif === undefined ? '' : ` (out of ${bench.deviceName(oif)})`;
  const how =
    verdict === 'reject'
      ? ` with ${rejectedWith(outcome)}`
      : verdict === 'none'
        ? ' of the rules: the packet ended'
        : where;
  return `${verdict}${how}, ${decisionText(outcome)}`;
}

/** `tcp reset`, `icmp port-unreachable`: of what was sent back. */
export function rejectedWith({ answers }: Outcome): string {
  const frame = answers[0]?.frame;
  if (frame === undefined) return 'nothing sent';
  const { layers } = dissect(frame);
  const last = layers.at(-1);
  if (last === undefined) return 'nothing sent';
  if (last.proto.name === 'tcp') return 'tcp reset';
  const code = last.proto.fields.find(({ name }) => name === 'code');
  const value = code && getBits(frame, last.at * 8 + code.offset, code.len);
  if (code === undefined || value === undefined) return packetText(dissect(frame));
  return `${last.proto.name} ${valueText(value, code.type)}`;
}

function checkRule({ rule }: Expectation, outcome: Outcome, fail: Fail): void {
  if (rule === undefined) return;
  const { decision, decisions, verdict } = outcome;
  const steps = verdict === 'accept' ? decisions : decision === undefined ? [] : [decision];
  const policy = /^policy(?:\s+(.*))?$/.exec(rule);
  const found = steps.some((step) => {
    if (policy !== null) {
      return step.type === NftTraceType.POLICY && (policy[1] === undefined || step.chain.endsWith(policy[1]));
    }
    return step.rule !== undefined && ruleIs(step.rule, rule);
  });
  if (!found) fail('rule', rule, decisionText(outcome));
}

function checkPacket(what: string, words: PacketWords, frame: Uint8Array | undefined, fail: Fail): void {
  if (frame === undefined) {
    fail(what, words.text, 'there is none');
    return;
  }
  const packet: Dissected = dissect(frame);
  for (const { expected, was } of mismatches(words, packet)) fail(what, expected, was);
}

function checkLog(text: string, logs: readonly string[], fail: Fail): void {
  const was = logs.length === 0 ? 'nothing was logged' : logs.join('\n');
  if (text === 'none' ? logs.length > 0 : !logs.some((line) => line.includes(text))) fail('log', text, was);
}

async function checkConntrack(wanted: string, bench: NftBench, fail: Fail): Promise<void> {
  const lines = (await bench.namespace.conntrack.list()).map((entry) =>
    conntrackText(entry).replace(/\s+/g, ' '),
  );
  const was = lines.length === 0 ? 'no connection' : lines.join('\n');
  if (wanted === 'none') {
    if (lines.length > 0) fail('conntrack', 'none', was);
    return;
  }
  const words = wanted.trim().split(/\s+/);
  if (!lines.some((line) => inOrder(words, line.split(' ')))) fail('conntrack', wanted, was);
}

function inOrder(wanted: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  for (const word of words) if (word === wanted[at]) at++;
  return at === wanted.length;
}

interface Count {
  readonly packets: bigint;
  readonly bytes: bigint;
}

function checkCounter(line: CounterLine, things: readonly IrThing[], bench: NftBench, fail: Fail): void {
  const found = counterOf(line.of, things, bench);
  const what = `counter ${line.of}`;
  if (found === undefined) {
    fail(what, String(line.packets ?? line.bytes), 'there is no such counter');
    return;
  }
  const { packets, bytes } = found;
  if (line.packets !== undefined && packets !== BigInt(line.packets))
    fail(what, `${line.packets} packets`, `${packets} packets`);
  if (line.bytes !== undefined && bytes !== BigInt(line.bytes))
    fail(what, `${line.bytes} bytes`, `${bytes} bytes`);
}

function counterOf(of: string, things: readonly IrThing[], bench: NftBench): Count | undefined {
  for (const thing of things) {
    if (thing.kind === 'object' && thing.data?.type === 'counter') {
      const names = [
        thing.name,
        `${thing.table} ${thing.name}`,
        `${thing.family} ${thing.table} ${thing.name}`,
      ];
      if (names.includes(of)) return thing.data;
    }
    if (thing.kind !== 'rule' || thing.handle === undefined) continue;
    const rule = bench.rules.rule(FAMILY_NUMBER[thing.family], thing.table, Number(thing.handle));
    if (rule === undefined || !ruleIs(rule, of)) continue;
    const counter = thing.exprs.find(({ kind }) => kind === 'counter');
    if (counter?.kind === 'counter') return { packets: counter.packets, bytes: counter.bytes };
  }
  return undefined;
}

function checkSet(
  { name, elements }: SetLine,
  things: readonly IrThing[],
  bench: NftBench,
  fail: Fail,
): void {
  const names = {
    ...systemNames((device) => bench.linkOf(device)?.ifindex),
    ifname: (index: number) => bench.links.find(({ ifindex }) => ifindex === index)?.name,
  };
  const set = delinearize(things, names).find(
    (object) =>
      (object.kind === 'set' || object.kind === 'map') &&
      [
        object.name,
        `${object.table} ${object.name}`,
        `${object.family} ${object.table} ${object.name}`,
      ].includes(name),
  );
  const wanted = elements.map((element) => element.replace(/\s+/g, ' ').trim()).toSorted();
  if (set === undefined || (set.kind !== 'set' && set.kind !== 'map')) {
    fail(`set ${name}`, wanted.join(', ') || 'empty', 'there is no such set');
    return;
  }
  const type = set.type === undefined ? undefined : typeOfSpec(set.type);
  const plain = (set.elem ?? []).map(({ kind, key, data, loc }) =>
    elementText({ kind, key, loc, ...(data && { data }) }, { type }, {}, {}),
  );
  const was = plain.map((element) => element.replaceAll('"', '')).toSorted();
  if (was.join() !== wanted.map((element) => element.replaceAll('"', '')).join())
    fail(`set ${name}`, wanted.join(', ') || 'empty', was.join(', ') || 'empty');
}
