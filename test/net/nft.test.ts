/** The rule machine between namespaces: verdicts at every hook, jumps, sets, transactions, and what is refused. */
import { describe, expect, test } from 'vitest';
import {
  NFT_DATA_VERDICT,
  NFT_JUMP,
  NFT_RETURN,
  NftMeta,
  NftMsg,
  NftaRule,
  NftaSet,
  NftaSetElem,
  NftaSetElemList,
} from '../../assembly/abi/nf_tables.js';
import { NfProto } from '../../assembly/abi/nfnl.js';
import type { Namespace } from '../../src/net/namespace.js';
import { readNfMsg } from '../../src/netlink/nlmsg.js';
import {
  NF,
  NftBatch,
  cmp,
  counter,
  expr,
  immediate,
  lookup,
  meta,
  metaSet,
  payload,
  type Expr,
  value,
  verdict,
  verdictData,
} from '../nft_batch.js';
import { echo, echo6, ip4, ip6, pattern } from '../oracle/packet.js';
import { families, freeOf, icmps, listen, twoNetworks } from './lab.js';
import { counts } from './nft_counters.js';

const SUBSYS_NFT = 10 << 8;
const [PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING] = [0, 1, 2, 3, 4];
const ICMP = [1];

async function load(ns: Namespace, batch: NftBatch): Promise<void> {
  expect((await ns.nfnl.batch(batch.bytes())).filter((ack) => ack.error !== 0)).toEqual([]);
}

async function bench() {
  const lab = await twoNetworks();
  const got = await listen(lab.a, 2);
  const got6 = await listen(lab.a, 10);
  const ping = async (n = 1) => {
    for (let i = 0; i < n; i++) {
      await lab.a.send(2, ip4({ src: families[0].a, dst: families[0].b, id: 0 }, echo(pattern(32))));
      await lab.a.send(10, ip6({ src: families[1].a, dst: families[1].b }, echo6(pattern(32))));
      lab.stack.run(100);
    }
    const replies = { v4: icmps(got).length, v6: icmps(got6).length };
    got.length = 0;
    got6.length = 0;
    return replies;
  };
  await ping();
  return { ...lab, ping };
}

describe('rules', () => {
  test.each([PREROUTING!, FORWARD!, POSTROUTING!])(
    'at hook %i of both families drop, and count',
    async (num) => {
      const b = await bench();
      await load(
        b.r,
        new NftBatch(NfProto.INET)
          .addTable()
          .addChain('c', { num })
          .addRule('c', meta(NftMeta.NFPROTO), cmp([10]), counter(), verdict(NF.DROP))
          .addRule('c', counter()),
      );
      expect(await b.ping(3)).toEqual({ v4: 3, v6: 0 });
      // Requests and replies of IPv4 pass the second; neighbour discovery may pass the first, too.
      const [dropped, passed] = await counts(b.r);
      expect(dropped).toBeGreaterThanOrEqual(3);
      expect(passed).toBe(6);
      await b.stack.close();
    },
  );

  test.each([INPUT!, OUTPUT!])('at hook %i of a host', async (num) => {
    const b = await bench();
    await load(
      b.b,
      new NftBatch()
        .addTable()
        .addChain('c', { num, policy: NF.DROP })
        .addRule('c', meta(NftMeta.L4PROTO), cmp([17]), verdict(NF.ACCEPT)),
    );
    expect(await b.ping(2)).toEqual({ v4: 0, v6: 2 });
    await b.stack.close();
  });

  test('jump, return and go on behind the jump; a policy ends them', async () => {
    const b = await bench();
    const batch = new NftBatch()
      .addTable()
      .addChain('c', { num: FORWARD!, policy: NF.DROP })
      .addChain('d')
      .addChain('e');
    batch.addRule('c', counter(), verdict(NFT_JUMP, 'd'));
    batch.addRule('c', counter(), meta(NftMeta.MARK), cmp([7, 0, 0, 0]), verdict(NF.ACCEPT));
    batch.addRule('d', immediate([7, 0, 0, 0]), metaSet(NftMeta.MARK), verdict(NFT_JUMP, 'e'));
    batch.addRule('d', counter(), verdict(NFT_RETURN)).addRule('d', counter(), verdict(NF.DROP));
    batch.addRule('e', payload(1, 9, 1), cmp(ICMP), counter());
    await load(b.r, batch);
    expect(await b.ping(2)).toEqual({ v4: 2, v6: 2 });
    expect(await counts(b.r)).toEqual([4, 4, 4, 0, 4]);
    await b.stack.close();
  });

  test('look single values, intervals and verdicts up', async () => {
    const b = await bench();
    const batch = new NftBatch().addTable().addChain('c', { num: FORWARD!, policy: NF.DROP }).addChain('ok');
    batch.addSet('src', 4).elements('src', [{ key: [10, 0, 1, 2] }, { key: [10, 0, 2, 2] }]);
    batch.addSet('dst', 4, { flags: 4 });
    batch.elements('dst', [
      { key: [0, 0, 0, 0], end: true },
      { key: [10, 0, 0, 0] },
      { key: [11, 0, 0, 0], end: true },
    ]);
    batch.addSet('proto', 1, { flags: 8, data: [NFT_DATA_VERDICT, 16] });
    batch.elements('proto', [
      { key: [1], fill: (e) => e.nest(NftaSetElem.DATA, verdictData(NFT_JUMP, 'ok')) },
      { key: [17], fill: (e) => e.nest(NftaSetElem.DATA, verdictData(NF.DROP)) },
    ]);
    batch.addRule(
      'c',
      payload(1, 12, 4),
      lookup('src'),
      counter(),
      payload(1, 16, 4),
      lookup('dst'),
      counter(),
      payload(1, 9, 1),
      lookup('proto', 0),
    );
    batch.addRule('ok', counter(), verdict(NF.ACCEPT));
    await load(b.r, batch);
    expect(await b.ping(2)).toEqual({ v4: 2, v6: 2 });
    expect(await counts(b.r)).toEqual([4, 4, 4]);
    await load(b.r, new NftBatch().elements('src', [{ key: [10, 0, 1, 2] }], NftMsg.DELSETELEM));
    expect(await b.ping(1)).toEqual({ v4: 0, v6: 1 });
    await b.stack.close();
  });
});

describe('transactions', () => {
  test('are seen by packets when they have ended, however many pieces they come in', async () => {
    const b = await bench();
    const whole = new NftBatch()
      .addTable()
      .addChain('c', { num: FORWARD! })
      .addRule('c', verdict(NF.DROP))
      .bytes();
    // Up to the end of the batch, then that.
    await b.r.nfnl.batch(whole.subarray(0, whole.length - 20));
    expect(await b.ping()).toEqual({ v4: 1, v6: 1 });
    expect(await b.r.nfnl.dump(SUBSYS_NFT | NftMsg.GETTABLE, 0)).toEqual([]);
    await b.r.nfnl.batch(whole.subarray(whole.length - 20));
    expect(await b.ping()).toEqual({ v4: 0, v6: 1 });
    await b.stack.close();
  });

  test('that fail leave the old ruleset and nothing else', async () => {
    const b = await bench();
    await load(
      b.r,
      new NftBatch()
        .addTable()
        .addChain('c', { num: FORWARD! })
        .addSet('s', 4)
        .addRule('c', payload(1, 12, 4), lookup('s'), verdict(NF.DROP)),
    );
    const before = freeOf(b.stack);
    const dump = async () =>
      (await b.r.nfnl.dump(SUBSYS_NFT | NftMsg.GETRULE, 0)).map((m) =>
        Buffer.from(m.bytes.subarray(20)).toString('hex'),
      );
    const rules = await dump();
    const bad = new NftBatch().addChain('d').addRule('d', counter()).addRule('c', verdict(NFT_JUMP, 'd'));
    bad.elements('s', [{ key: [10, 0, 1, 2] }]).addSet('m', 4, { flags: 8, data: [NFT_DATA_VERDICT, 16] });
    bad.elements('m', [
      { key: [1, 2, 3, 4], fill: (e) => e.nest(NftaSetElem.DATA, verdictData(NFT_JUMP, 'd')) },
    ]);
    bad.message(NftMsg.DELRULE, (a) => a.text(NftaRule.TABLE, 't').text(NftaRule.CHAIN, 'c'), 0);
    bad.addRule('nowhere', counter());
    const acks = await b.r.nfnl.batch(bad.bytes());
    expect(acks).toMatchObject([{ error: -2, seq: 8, offset: 28 }]);
    expect(await dump()).toEqual(rules);
    expect(freeOf(b.stack)).toEqual(before);
    expect(await b.ping()).toEqual({ v4: 1, v6: 1 });
    await b.stack.close();
  });

  test('end with the namespace, and give all memory back', async () => {
    const b = await bench();
    const before = freeOf(b.stack);
    const ns = await b.stack.namespace('x');
    const batch = new NftBatch(NfProto.INET)
      .addTable()
      .addChain('c', { num: FORWARD! })
      .addChain('i', { num: 5, device: 'lo' });
    batch
      .addSet('s', 4, { flags: 4 })
      .elements('s', [{ key: [1, 0, 0, 0] }, { key: [2, 0, 0, 0], end: true }]);
    batch.addRule('c', payload(1, 12, 4), lookup('s'), counter(), verdict(NF.DROP));
    await load(ns, batch);
    await b.stack.removeNamespace(ns);
    expect(freeOf(b.stack)).toEqual(before);
    await b.stack.close();
  });
});

const ct = (key: number, dreg = 1): Expr => expr('ct', (a) => a.u32(1, dreg).u32(2, key));
const bitwise = (mask: readonly number[]): Expr =>
  expr('bitwise', (a) =>
    a
      .u32(1, 1)
      .u32(2, 1)
      .u32(3, 4)
      .nest(4, value(mask))
      .nest(5, value([0, 0, 0, 0])),
  );

describe('connections and translations', () => {
  test('a stateful firewall lets answers in and nothing else', async () => {
    const b = await bench();
    const batch = new NftBatch(NfProto.INET).addTable().addChain('c', { num: FORWARD!, policy: NF.DROP });
    // established, related
    batch.addRule('c', ct(0), bitwise([6, 0, 0, 0]), cmp([0, 0, 0, 0], 1), counter(), verdict(NF.ACCEPT));
    batch.addRule('c', meta(NftMeta.IIFNAME), cmp(name('lan0')), counter(), verdict(NF.ACCEPT));
    await load(b.r, batch);
    expect(await b.ping(3)).toEqual({ v4: 3, v6: 3 });
    const [answers, outward] = await counts(b.r);
    // The first request of each family is new; all pings of a family are one connection.
    expect({ answers, outward }).toEqual({ answers: 10, outward: 2 });
    await b.stack.close();
  });

  test('masquerading: the far side sees the router alone, and answers come back', async () => {
    const b = await bench();
    const seen = await listen(b.b, 2);
    const batch = new NftBatch()
      .addTable()
      .addChain('post', { num: POSTROUTING!, priority: 100, type: 'nat' });
    batch.addRule(
      'post',
      meta(NftMeta.OIFNAME),
      cmp(name('wan0')),
      counter(),
      expr('masq', () => {}),
    );
    await load(b.r, batch);
    expect((await b.ping(2)).v4).toBe(2);
    const requests = seen.filter((packet) => packet[20] === 8);
    expect(requests.map((packet) => [...packet.subarray(12, 16)])).toEqual([
      [10, 0, 2, 1],
      [10, 0, 2, 1],
    ]);
    await b.stack.close();
  });

  test('dnat: to whom a packet was not sent', async () => {
    const b = await bench();
    const batch = new NftBatch()
      .addTable()
      .addChain('pre', { num: PREROUTING!, priority: -100, type: 'nat' });
    batch.addRule(
      'pre',
      payload(1, 16, 4),
      cmp([10, 0, 9, 9]),
      immediate([10, 0, 2, 2]),
      expr('nat', (a) => a.u32(1, 1).u32(2, 2).u32(3, 1)),
    );
    await load(b.r, batch);
    const got = await listen(b.a, 2);
    await b.a.send(2, ip4({ src: families[0].a, dst: '10.0.9.9', id: 0 }, echo(pattern(32))));
    b.stack.run(100);
    expect(icmps(got).map(({ type, src }) => ({ type, src }))).toEqual([{ type: 0, src: '10.0.9.9' }]);
    await b.stack.close();
  });

  test('rulesets that look at connections hold tracking until they are gone', async () => {
    const b = await bench();
    const before = freeOf(b.stack);
    await load(
      b.r,
      new NftBatch(NfProto.INET)
        .addTable()
        .addChain('c', { num: FORWARD! })
        .addRule('c', ct(0), cmp([1, 0, 0, 0]), verdict(NF.DROP)),
    );
    await load(
      b.r,
      new NftBatch(NfProto.INET).message(NftMsg.DELTABLE, (a) => a.text(1, 't'), 0),
    );
    expect(await b.ping()).toEqual({ v4: 1, v6: 1 });
    expect(await b.r.nfnl.dump(SUBSYS_NFT | NftMsg.GETTABLE, 0)).toEqual([]);
    expect(freeOf(b.stack).skbs).toBe(before.skbs);
    await b.stack.close();
  });
});

test('arp chains see what comes and goes: a request that is dropped is not answered', async () => {
  const lab = await twoNetworks();
  const batch = new NftBatch(NfProto.ARP).addTable().addChain('in', { num: 0 }).addChain('out', { num: 1 });
  // arp operation request
  batch.addRule('in', payload(1, 6, 2), cmp([0, 1]), counter(), verdict(NF.DROP)).addRule('out', counter());
  await load(lab.r, batch);
  const got = await listen(lab.a, 2);
  await lab.a.send(2, ip4({ src: families[0].a, dst: families[0].b, id: 0 }, echo(pattern(32))));
  lab.stack.run(5000);
  expect(icmps(got).map(({ type }) => type)).not.toContain(0);
  const [dropped] = await counts(lab.r);
  expect(dropped).toBeGreaterThan(1);
  await load(
    lab.r,
    new NftBatch(NfProto.ARP).message(NftMsg.DELTABLE, (a) => a.text(1, 't'), 0),
  );
  await lab.a.send(2, ip4({ src: families[0].a, dst: families[0].b, id: 0 }, echo(pattern(32))));
  lab.stack.run(5000);
  expect(icmps(got).map(({ type }) => type)).toContain(0);
  await lab.stack.close();
});

test('ten thousand rules and a hundred thousand elements load, and run', async () => {
  const b = await bench();
  const batch = new NftBatch().addTable().addChain('c', { num: FORWARD! }).addSet('s', 4);
  const address = (i: number) => [1, i >>> 16, (i >>> 8) & 255, i & 255];
  for (let i = 0; i < 10_000; i++) batch.addRule('c', payload(1, 12, 4), cmp(address(i)), verdict(NF.DROP));
  for (let i = 0; i < 100_000; i += 1000)
    batch.elements(
      's',
      Array.from({ length: 1000 }, (_, n) => ({ key: address(i + n) })),
    );
  batch.elements('s', [{ key: [10, 0, 1, 2] }]).addRule('c', payload(1, 12, 4), lookup('s'), counter());
  await load(b.r, batch);
  expect((await b.ping(2)).v4).toBe(2);
  expect(await counts(b.r)).toEqual([2]);
  await b.stack.close();
});

describe('statements', () => {
  test.each([
    ['icmp', 0, 3, { type: 3, code: 3 }],
    ['icmpx, prohibited', 2, 3, { type: 3, code: 13 }],
  ] as const)('reject with %s', async (_, type, code, want) => {
    const b = await bench();
    const batch = new NftBatch(NfProto.INET).addTable().addChain('c', { num: FORWARD! });
    batch.addRule(
      'c',
      meta(NftMeta.NFPROTO),
      cmp([2]),
      expr('reject', (a) => a.u32(1, type).u8(2, code)),
    );
    await load(b.r, batch);
    const got = await listen(b.a, 2);
    await b.a.send(2, ip4({ src: families[0].a, dst: families[0].b, id: 0 }, echo(pattern(32))));
    b.stack.run(100);
    expect(icmps(got).map(({ type: t, code: c }) => ({ type: t, code: c }))).toEqual([want]);
    await b.stack.close();
  });

  test('dynset: elements by packets, up to the size of the set, until their time', async () => {
    const b = await bench();
    const batch = new NftBatch().addTable().addChain('c', { num: FORWARD! });
    batch.addSet('s', 4, { flags: 0x30, size: 1, fill: (a) => a.u64(NftaSet.TIMEOUT, 3000n) });
    // add @s { ip saddr } counter
    batch.addRule(
      'c',
      payload(1, 12, 4),
      expr('dynset', (a) => a.text(1, 's').u32(3, 0).u32(4, 1)),
      counter(),
    );
    await load(b.r, batch);
    expect((await b.ping(2)).v4).toBe(2);
    // The second address finds the set full.
    expect(await counts(b.r)).toEqual([2]);
    const elements = async () =>
      (await b.r.nfnl.dump(SUBSYS_NFT | NftMsg.GETSETELEM, 2, (a) => a.text(1, 't').text(2, 's'))).flatMap(
        (m) => readNfMsg(m).attrs.nested(NftaSetElemList.ELEMENTS)?.all(1) ?? [],
      );
    expect(await elements()).toHaveLength(1);
    b.stack.run(10_000);
    expect(await elements()).toHaveLength(0);
    await b.stack.close();
  });

  test('payload set mends the checksums', async () => {
    const b = await bench();
    const seen = await listen(b.b, 2);
    const batch = new NftBatch().addTable().addChain('c', { num: FORWARD! });
    // ip ttl set 7: a 16-bit word with the protocol, and the header's sum
    batch.addRule(
      'c',
      meta(NftMeta.IIFNAME),
      cmp(name('lan0')),
      payload(1, 8, 2),
      expr('bitwise', (a) =>
        a
          .u32(1, 1)
          .u32(2, 1)
          .u32(3, 2)
          .nest(4, value([0, 255]))
          .nest(5, value([7, 0])),
      ),
      expr('payload', (a) => a.u32(5, 1).u32(2, 1).u32(3, 8).u32(4, 2).u32(6, 1).u32(7, 10).u32(8, 0)),
    );
    await load(b.r, batch);
    expect((await b.ping()).v4).toBe(1);
    expect(seen.filter((packet) => packet[20] === 8).map((packet) => packet[8])).toEqual([7]);
    await b.stack.close();
  });
});

/** A device's name as registers have it. */
function name(text: string): number[] {
  return [...new TextEncoder().encode(text.padEnd(16, '\0'))];
}
