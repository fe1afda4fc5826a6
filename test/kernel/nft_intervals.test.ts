/**
 * Intervals put into sets and taken out again, beside Linux: in ascending and descending order, starts before ends and ends
 * before starts, overlapping and touching. Each transaction is refused by both with the same errno, or done by both, and
 * both dump the same elements.
 *
 * Of an end that is there already Linux asks whether the start before it in the transaction was its own; which that was it
 * forgets when a jiffy has passed, not when a transaction ends, so that each waits for the next jiffy.
 *
 * WW_NFT_SEED=n begins elsewhere; WW_NFT_BATCHES is how many transactions there are (default 300).
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NFT_SET_ELEM_INTERVAL_END, NftaSetElemList, NftMsg } from '../../assembly/abi/nf_tables.js';
import type { Namespace } from '../../src/net/namespace.js';
import { joinMessages, type NlAck, type NlMsg } from '../../src/netlink/nlmsg.js';
import { systemNames } from '../../src/nft/datatype/names.js';
import { readDump } from '../../src/nft/encode/dump.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { parse } from '../../src/nft/grammar/parse.js';
import type { IrCommand, IrElement, IrElements } from '../../src/nft/ir.js';
import { compile } from '../../src/nft/nft.js';
import { NO_LOC } from '../../src/nft/source.js';
import { createStack, type Stack } from '../../src/stack.js';
import { Sys } from '../../src/sys/sys.js';
import { Random } from '../random.js';
import { NetfilterSocket } from './netfilter_socket.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
const SEED = Number(process.env.WW_NFT_SEED ?? 1);
const BATCHES = Number(process.env.WW_NFT_BATCHES ?? 300);
const GETSETELEM = (10 << 8) | NftMsg.GETSETELEM;
const NFPROTO_IPV4 = 2;
const SET = 'add table ip t; add set ip t s { type ipv4_addr; flags interval; }\n';

let stack: Stack;
let namespace: Namespace;
let linux: ReturnType<typeof enterOwnNetns>;
let socket: NetfilterSocket;

beforeAll(async () => {
  if (missing !== undefined) return;
  stack = await createStack({ clock: 'virtual' });
  namespace = await stack.namespace('router');
  linux = enterOwnNetns();
  socket = new NetfilterSocket(new Sys());
  const { ir } = compile(parse({ name: 'test', text: SET }), { names: systemNames() });
  expect(await both(ir)).toEqual(['done', 'done']);
});

afterAll(async () => {
  if (missing !== undefined) return;
  linux.leave();
  await stack.close();
});

const errnoOf = (acks: readonly NlAck[]): string =>
  String(acks.find(({ error }) => error !== 0)?.error ?? 'done');

/** At most 250 in a second. */
const JIFFY_MS = 5;
let lastMs = 0;

async function both(ir: readonly IrCommand[]): Promise<[string, string]> {
  while (performance.now() - lastMs < JIFFY_MS) await setImmediate();
  lastMs = performance.now();
  const bytes = joinMessages(encodeBatch(ir).map((message) => message.bytes));
  return [errnoOf(await socket.batch(bytes)), errnoOf(await namespace.nfnl.batch(bytes))];
}

const held = (messages: readonly NlMsg[]): string[] =>
  readDump(messages).flatMap((thing) =>
    thing.kind === 'elements'
      ? thing.elements.map(({ key, flags }) => `${Buffer.from(key).toString('hex')} ${flags}`)
      : [],
  );

const key = (value: number): Uint8Array => Uint8Array.of(10, 0, 0, value);
const element = (value: number, end: boolean): IrElement => ({
  key: key(value),
  flags: end ? NFT_SET_ELEM_INTERVAL_END : 0,
  exprs: [],
});

/** One transaction: some intervals, added or deleted, in some order. */
function transaction(random: Random): { story: string; ir: IrCommand[] } {
  const op = random.pick(['add', 'add', 'create', 'delete'] as const);
  const pairs = Array.from({ length: 1 + random.below(3) }, () => {
    const from = 1 + random.below(40);
    return [from, from + 1 + random.below(6)] as const;
  });
  const order = random.pick([
    'ascending',
    'descending',
    'ends first',
    'crossed',
    'halves',
    'as given',
  ] as const);
  if (order === 'ascending') pairs.sort((a, b) => a[0] - b[0]);
  if (order === 'descending' || order === 'ends first') pairs.sort((a, b) => b[0] - a[0]);
  const elements = pairs.flatMap(([from, end]) => {
    const two = [element(from, false), element(end, true)];
    if (order === 'halves') return [random.pick(two)];
    return order === 'ends first' ? two.toReversed() : two;
  });
  if (order === 'crossed') elements.reverse();
  const thing: IrElements = { kind: 'elements', family: 'ip', table: 't', set: 's', setId: 0, elements };
  const named = elements.map(({ key: at, flags }) => `${flags === 0 ? 'from' : 'to'} ${at[3]}`);
  const story = `${op} ${named.join(', ')}`;
  return { story, ir: [{ op, thing, loc: NO_LOC }] };
}

test.skipIf(missing !== undefined)('intervals in every order', async () => {
  const random = new Random(SEED);
  const told: string[] = [];
  let last: string[] = [];
  for (let i = 0; i < BATCHES; i++) {
    const { story, ir } = transaction(random);
    const [theirs, ours] = await both(ir);
    told.push(`${story}: ${theirs}`);
    const what = `seed ${SEED}\n${told.slice(-12).join('\n')}\nof ${last.join(', ')}`;
    expect(ours, what).toBe(theirs);
    const ask = (attrs: Parameters<NonNullable<Parameters<NetfilterSocket['dump']>[2]>>[0]) => {
      attrs.text(NftaSetElemList.TABLE, 't').text(NftaSetElemList.SET, 's');
    };
    const has = held(await socket.dump(GETSETELEM, NFPROTO_IPV4, ask));
    expect(held(await namespace.nfnl.dump(GETSETELEM, NFPROTO_IPV4, ask)), what).toEqual(has);
    last = has;
  }
});
