/**
 * Fuzzes nf_tables' messages: a batch that has everything in it, cut short at every length and spoiled at random. Nothing
 * traps; what is refused leaves nothing; what is taken runs packets; when the namespace has ended every page is back.
 *
 * FUZZ_COUNT: spoiled batches (default 1,500). FUZZ_SEED: the first; a failure names its own.
 */
import { describe, expect, test } from 'vitest';
import {
  NFT_DATA_VERDICT,
  NFT_JUMP,
  NftaDynset,
  NftaSet,
  NftaSetElem,
  NftMeta,
  NftMsg,
  NftObject,
} from '../../assembly/abi/nf_tables.js';
import { NfProto, NLM_F_DUMP } from '../../assembly/abi/nfnl.js';
import { nfMessage } from '../../src/netlink/nlmsg.js';
import { createStack, type Stack } from '../../src/stack.js';
import { freeOf } from '../net/lab.js';
import {
  cmp,
  counter,
  expr,
  immediate,
  lookup,
  meta,
  metaSet,
  NF,
  NftBatch,
  payload,
  value,
  verdict,
  verdictData,
} from '../nft_batch.js';
import { echo, ip4, ip6, echo6, pattern } from '../oracle/packet.js';
import { Random } from '../random.js';

const LONG = process.env.LONG === 'true';
const COUNT = Number(process.env.FUZZ_COUNT ?? (LONG ? 100_000 : 1500));
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 30);
const SUBSYS_NFT = 10 << 8;
const REGISTERS = 2;

/** Tables, chains at every hook, all kinds of sets, objects, and rules of nearly every expression. */
function everything(): Uint8Array {
  const b = new NftBatch(NfProto.INET).addTable().addChain('r').addChain('r2');
  for (const num of [0, 1, 3, 4]) b.addChain(`c${num}`, { num, priority: num });
  b.addChain('nat', { num: 4, priority: 100, type: 'nat' }).addChain('in', { num: 5, device: 'lo' });
  b.addSet('h', 4, { size: 5 }).elements('h', [{ key: [1, 2, 3, 4] }, { key: [127, 0, 0, 1] }]);
  b.addSet('i', 4, { flags: 4 }).elements('i', [{ key: [127, 0, 0, 0] }, { key: [128, 0, 0, 0], end: true }]);
  b.addSet('p', 8, {
    flags: 0x84,
    fill: (a) =>
      a.nest(NftaSet.DESC, (d) =>
        d.nest(2, (l) => l.nest(1, (f) => f.u32(1, 4)).nest(1, (f) => f.u32(1, 2))),
      ),
  });
  b.elements('p', [
    {
      key: [127, 0, 0, 0, 0, 1, 0, 0],
      fill: (e) => e.nest(NftaSetElem.KEY_END, value([127, 255, 0, 0, 0, 9, 0, 0])),
    },
  ]);
  b.addSet('v', 1, { flags: 8, data: [NFT_DATA_VERDICT, 16] });
  b.elements('v', [{ key: [1], fill: (e) => e.nest(NftaSetElem.DATA, verdictData(NFT_JUMP, 'r')) }]);
  b.addSet('d', 4, { flags: 0x30, size: 3, fill: (a) => a.u64(NftaSet.TIMEOUT, 1000n) });
  b.addObject('o', NftObject.COUNTER, (a) => a.u64(1, 0n)).addObject('q', NftObject.QUOTA, (a) =>
    a.u64(1, 100n),
  );
  const src = payload(1, 12, 4);
  b.addRule(
    'r',
    counter(),
    expr('objref', (a) => a.u32(1, 1).text(2, 'o')),
    verdict(NFT_JUMP, 'r2'),
  );
  b.addRule(
    'r2',
    expr('limit', (a) => a.u64(1, 5n).u64(2, 1n)),
    expr('quota', (a) => a.u64(1, 50n)),
    expr('last'),
  );
  for (const c of ['c0', 'c1', 'c3', 'c4']) {
    b.addRule(c, src, lookup('h'), counter()).addRule(c, src, lookup('i'), counter());
    b.addRule(c, payload(1, 9, 1), lookup('v', 0));
    b.addRule(c, src, payload(1, 4, 2, 9), lookup('p'), counter());
    b.addRule(
      c,
      src,
      expr('dynset', (a) =>
        a
          .text(NftaDynset.SET_NAME, 'd')
          .u32(NftaDynset.OP, 0)
          .u32(NftaDynset.SREG_KEY, 1)
          .nest(NftaDynset.EXPR, counter()),
      ),
    );
    b.addRule(c, meta(NftMeta.IIFNAME), cmp([108, 111], 1), immediate([1, 0, 0, 0]), metaSet(NftMeta.MARK));
    b.addRule(
      c,
      src,
      expr('range', (a) =>
        a
          .u32(1, 1)
          .u32(2, 0)
          .nest(3, value([1, 0, 0, 0]))
          .nest(4, value([200, 0, 0, 0])),
      ),
    );
    b.addRule(
      c,
      src,
      expr('bitwise', (a) =>
        a
          .u32(1, 1)
          .u32(2, 1)
          .u32(3, 4)
          .nest(4, value([255, 0, 0, 0]))
          .nest(5, value([0, 0, 0, 0])),
      ),
      cmp([127, 0, 0, 0]),
    );
    b.addRule(
      c,
      src,
      expr('byteorder', (a) => a.u32(1, 1).u32(2, REGISTERS).u32(3, 0).u32(4, 4).u32(5, 4)),
    );
    b.addRule(
      c,
      expr('exthdr', (a) => a.u32(1, 1).u8(2, 2).u32(3, 2).u32(4, 2).u32(6, 1)),
    );
    b.addRule(
      c,
      expr('ct', (a) => a.u32(1, 1).u32(2, 0)),
      cmp([8, 0, 0, 0]),
      counter(),
    );
    b.addRule(
      c,
      expr('numgen', (a) => a.u32(1, 1).u32(2, 3).u32(3, 0)),
      expr('log', (a) => a.text(2, 'x')),
    );
    b.addRule(
      c,
      src,
      expr('hash', (a) => a.u32(1, 1).u32(2, REGISTERS).u32(3, 4).u32(4, 7)),
    );
    b.addRule(
      c,
      src,
      expr('payload', (a) => a.u32(5, 1).u32(2, 1).u32(3, 12).u32(4, 4).u32(6, 1).u32(7, 10).u32(8, 1)),
    );
  }
  b.addRule(
    'c0',
    expr('fib', (a) => a.u32(1, 1).u32(2, 3).u32(3, 2)),
    cmp([2, 0, 0, 0]),
  );
  b.addRule(
    'c1',
    payload(2, 0, 1),
    cmp([99]),
    expr('reject', (a) => a.u32(1, 2).u8(2, 1)),
  );
  b.addRule(
    'nat',
    expr('masq', () => {}),
  );
  b.addRule('in', counter(), verdict(NF.ACCEPT));
  return b.bytes();
}

/** Bytes changed, attributes lengthened and shortened, pieces taken out and put in twice. */
function spoil(bytes: Uint8Array, random: Random): Uint8Array {
  const spoiled = bytes.slice();
  for (let n = 1 + random.below(4); n > 0; n--) {
    // Nothing of the first message, which begins the batch: then nothing would happen.
    const at = 20 + random.below(spoiled.length - 20);
    const how = random.below(5);
    if (how === 0) spoiled[at] = random.below(256);
    else if (how === 1) spoiled[at] = spoiled[at]! ^ (1 << random.below(8));
    else if (how === 2) spoiled[at] = random.pick([0, 1, 4, 8, 127, 128, 255]);
    else if (how === 3)
      spoiled.set([random.pick([0, 3, 4, 5, 8, 12, 255]), random.pick([0, 0, 0, 255])], at & ~3);
    else
      spoiled.copyWithin(
        at & ~3,
        random.below(spoiled.length) & ~3,
        Math.min(spoiled.length, (random.below(spoiled.length) & ~3) + 16),
      );
  }
  return spoiled;
}

async function attempt(stack: Stack, bytes: Uint8Array): Promise<void> {
  const ns = await stack.namespace('x');
  // As it comes, not message by message: lengths are what is spoiled.
  for (const piece of [bytes, everything().subarray(-20)]) await ns.nfnl.raw(piece);
  await ns.send(2, ip4({ src: '127.0.0.1', dst: '127.0.0.1', id: 5 }, echo(pattern(32))));
  await ns.send(10, ip6({ src: '::1', dst: '::1' }, echo6(pattern(32))));
  stack.run(5);
  for (const type of [NftMsg.GETTABLE, NftMsg.GETCHAIN, NftMsg.GETRULE, NftMsg.GETSET, NftMsg.GETOBJ]) {
    await ns.nfnl.raw(nfMessage({ type: SUBSYS_NFT | type, family: 0, flags: NLM_F_DUMP, seq: 1 }));
  }
  await stack.removeNamespace(ns);
}

describe('netfilter messages', () => {
  test('the batch that is spoiled is taken as it is, and runs', async () => {
    const stack = await createStack({ clock: 'virtual' });
    const ns = await stack.namespace('x');
    expect((await ns.nfnl.batch(everything())).filter((ack) => ack.error !== 0)).toEqual([]);
    expect(await ns.nfnl.dump(SUBSYS_NFT | NftMsg.GETRULE, 0)).toHaveLength(62);
    await stack.close();
  });

  test('of every length, cut short', async () => {
    const stack = await createStack({ clock: 'virtual' });
    const whole = everything();
    await attempt(stack, whole);
    const before = freeOf(stack);
    for (let len = 0; len < whole.length; len += len < 400 ? 1 : 37) {
      await attempt(stack, whole.subarray(0, len));
      expect(freeOf(stack), `cut to ${len} bytes`).toEqual(before);
    }
    await stack.close();
  });

  test(`spoiled: ${COUNT} from seed ${SEED} on`, { timeout: 600_000 }, async () => {
    const stack = await createStack({ clock: 'virtual' });
    const whole = everything();
    await attempt(stack, whole);
    const before = freeOf(stack);
    for (let i = 0; i < COUNT; i++) {
      const bytes = spoil(whole, new Random(SEED + i));
      try {
        await attempt(stack, bytes);
      } catch (error) {
        throw new Error(`seed ${SEED + i}`, { cause: error });
      }
      expect(freeOf(stack), `seed ${SEED + i}`).toEqual(before);
    }
    await stack.close();
  });
});
