/**
 * One ruleset on Linux and on ours: Linux loads its text and decides which answers the traffic has; the messages that
 * Linux then holds and the frames that it was given go to ours. All that can be seen of the two has to be equal: frames
 * by port and in order, counters, elements, objects, connections with their timeouts.
 */
import { errnoName } from '../../../src/core/errno_name.js';
import { joinMessages } from '../../../src/netlink/nlmsg.js';
import { NetError } from '../../../src/net_error.js';
import { encodeBatch } from '../../../src/nft/encode/message.js';
import { compile, readCommands } from '../../../src/nft/nft.js';
import { systemNames } from '../../../src/nft/datatype/names.js';
import type { CoreRouter, CoreSession } from '../core_router.js';
import { explain } from '../frame_dump.js';
import type { LinuxRouter } from '../linux_router.js';
import { Normaliser } from '../normalise.js';
import { BURST, type FrameStep, type Output, type Session } from '../router.js';
import { frameOf, type NftCase, setupOf } from './nft_case.js';
import { asBatch, readRuleset, type Ruleset } from './ruleset.js';
import { type Connection, connections, rulesetLines } from './state.js';
import { Traffic } from './traffic.js';
import { valuesOf } from './values.js';

const BATCH = BURST / 2;
/** For what Linux says by itself after links came up: listener reports, some jiffies later. */
const QUIET_MS = 50;
/** Timeouts are in seconds, cut off, and time passes while Linux works. */
const TIMEOUT_SLACK_S = 2;

/** What could be seen of one. */
export interface Seen {
  /** Of each batch. */
  outputs: Output[];
  rules: string[];
  connections: Connection[];
}

export interface Recorded extends Seen {
  ruleset: Ruleset;
  batches: FrameStep[][];
  elapsedS: number;
}

const OWN: readonly string[] = ['192.0.2.1', '198.51.100.1'];

/** A thing that ours does not take, with its errno. */
export class NotThere extends Error {}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function state(session: Session): Promise<Pick<Seen, 'rules' | 'connections'>> {
  return {
    rules: rulesetLines(await readRuleset(session.netfilter)),
    connections: await connections(session.netfilter),
  };
}

/** What frames a run gets: `given` ones, the same batches as before, or `count` of traffic that `seed` makes. */
export type Source =
  | { given: readonly FrameStep[] }
  | { batches: FrameStep[][] }
  | { count: number; seed: number };

/** The ruleset from its text, or as it was `loaded` before. */
export async function onLinux(
  linux: LinuxRouter,
  one: NftCase,
  source: Source,
  loaded?: Ruleset,
): Promise<Recorded> {
  const session = await linux.open(setupOf(one));
  try {
    await sleep(QUIET_MS);
    if (loaded === undefined) session.nft(one.text);
    else await load(session, asBatch(loaded), named(loaded));
    return await record(session, one, source, 1);
  } finally {
    await session.close();
  }
}

/** The same on a core of ours, that others are compared with. The ruleset from its text, by our own compiler. */
export async function recordOurs(core: CoreRouter, one: NftCase, source: Source): Promise<Recorded> {
  const session = await core.open(setupOf(one));
  try {
    await load(session, await compiled(session, one), () => 'a message');
    await session.generate();
    return await record(session, one, source, 0);
  } finally {
    await session.close();
  }
}

async function record(session: Session, one: NftCase, source: Source, lateMs: number): Promise<Recorded> {
  const ruleset = await readRuleset(session.netfilter);
  session.burst([]);
  const begin = performance.now();
  const batches: FrameStep[][] = [];
  const outputs: Output[] = [];
  const give = (frames: FrameStep[]): Output => {
    const output = session.burst(frames);
    batches.push(frames);
    outputs.push(output);
    return output;
  };
  if ('given' in source) {
    for (let at = 0; at < source.given.length; at += BATCH) give(source.given.slice(at, at + BATCH));
  } else if ('batches' in source) {
    for (const frames of source.batches) give(frames);
  } else {
    const options = {
      focus: one.focus ?? [],
      ...(one.bridge === undefined ? {} : { bridge: one.bridge }),
    };
    const traffic = new Traffic(source.seed, valuesOf(one.text), options);
    for (let sent = 0; sent < source.count; sent += batches.at(-1)!.length)
      traffic.saw(give(traffic.batch(Math.min(BATCH, source.count - sent))));
  }
  // Nothing comes late, as a rule; if it does, it shows.
  if (lateMs > 0) await sleep(lateMs);
  give([]);
  const elapsedS = (performance.now() - begin) / 1000;
  return { ruleset, batches, outputs, ...(await state(session)), elapsedS };
}

/** Frames that a case brings along. */
export function framesOf(one: NftCase): FrameStep[] | undefined {
  return one.frames?.map(frameOf);
}

/** What another one sends and holds, given the same frames once `prepare` has made its ruleset. */
export async function play(
  session: Session,
  recorded: Recorded,
  prepare: () => Promise<void>,
  quietMs = QUIET_MS,
): Promise<Seen> {
  if (quietMs > 0) await sleep(quietMs);
  await prepare();
  session.burst([]);
  const outputs = recorded.batches.map((frames) => session.burst(frames));
  return { outputs, ...(await state(session)) };
}

/** Throws NotThere when ours refuses the ruleset. `own`: from its text by our compiler, not as Linux holds it. */
export async function onOurs(core: CoreRouter, one: NftCase, recorded: Recorded, own = false): Promise<Seen> {
  const session = await core.open(setupOf(one));
  const prepare = async () => {
    if (own) await load(session, await compiled(session, one), () => 'a message');
    else await load(session, asBatch(recorded.ruleset), named(recorded.ruleset));
    await session.generate();
  };
  try {
    return await play(session, recorded, prepare, 0);
  } finally {
    await session.close();
  }
}

/** Throws NotThere when our compiler refuses the text. */
async function compiled(session: CoreSession, { name, text }: NftCase): Promise<Uint8Array> {
  const links = await session.namespace.links();
  const names = systemNames((wanted) => links.find((link) => link.name === wanted)?.ifindex);
  try {
    const { ir } = compile(readCommands({ name, text }), { names });
    return joinMessages(encodeBatch(ir).map(({ bytes }) => bytes));
  } catch (error) {
    throw new NotThere(`compiler: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** What the message with that number is about, in words. */
const named =
  (ruleset: Ruleset) =>
  (seq: number): string => {
    const thing = ruleset[seq - 1];
    return thing === undefined ? `message ${seq}` : rulesetLines([thing])[0]!;
  };

async function load(session: Session, batch: Uint8Array, about: (seq: number) => string): Promise<void> {
  let acks: Awaited<ReturnType<Session['netfilter']['batch']>>;
  try {
    acks = await session.netfilter.batch(batch);
  } catch (error) {
    if (error instanceof NetError) throw new NotThere(error.message, { cause: error });
    throw error;
  }
  const failed = acks.filter(({ error }) => error !== 0);
  if (failed.length === 0) return;
  const lines = failed.map(
    ({ seq, error, message }) =>
      `${errnoName(error)}${message === undefined ? '' : ` (${message})`}: ${about(seq)}`,
  );
  throw new NotThere(lines.join('\n'));
}

/** Where ours first differs, in words; undefined: nowhere. */
export function difference(linux: Recorded, ours: Seen): string | undefined {
  // Of what claims to come from the router itself, which is dropped, no identification is known.
  const given = linux.batches
    .flat()
    .map(({ frame }) => frame)
    .filter((frame) => !OWN.includes(frame.subarray(26, 30).join('.')));
  const theirs = new Normaliser(given);
  const own = new Normaliser(given);
  for (const [i, output] of linux.outputs.entries()) {
    const expected = theirs.output(output);
    const actual = own.output(ours.outputs[i]!);
    const text = explain(expected, actual);
    if (text !== '') return `batch ${i} (from frame ${i * BATCH}):\n${text}`;
  }
  return linesDiffer(linux.rules, ours.rules) ?? connectionsDiffer(linux, ours);
}

function linesDiffer(expected: readonly string[], actual: readonly string[]): string | undefined {
  const theirs = new Set(expected);
  const own = new Set(actual);
  const lines = [
    ...expected.filter((line) => !own.has(line)).map((line) => `  Linux ${line}`),
    ...actual.filter((line) => !theirs.has(line)).map((line) => `  ours  ${line}`),
  ];
  if (lines.length > 0) return lines.slice(0, 20).join('\n');
  return expected.join() === actual.join() ? undefined : 'the order of rules or elements';
}

function connectionsDiffer(linux: Recorded, ours: Seen): string | undefined {
  const text = linesDiffer(
    linux.connections.map(({ line }) => line),
    ours.connections.map(({ line }) => line),
  );
  if (text !== undefined) return text;
  for (const [i, { line, timeout }] of linux.connections.entries()) {
    const own = ours.connections[i]!.timeout;
    const passed = (own ?? 0) - (timeout ?? 0);
    if (
      (own === undefined) !== (timeout === undefined) ||
      passed < -TIMEOUT_SLACK_S ||
      passed > linux.elapsedS + TIMEOUT_SLACK_S
    )
      return `timeout: Linux ${timeout} s, ours ${own} s: ${line}`;
  }
  return undefined;
}

/** Counters of rules that stayed at zero. */
export function silentCounters({ rules }: Seen): string[] {
  return rules.filter((line) => line.startsWith('rule ') && / counter packets 0 /.test(line));
}
