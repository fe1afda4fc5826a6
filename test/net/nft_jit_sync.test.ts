/** Which chains get generated code, when, and what becomes of what cannot have any: NftJit over a ruleset's life. */
import { afterEach, describe, expect, test } from 'vitest';
import { Op } from '../../assembly/abi/ops.js';
import type { JitMode } from '../../src/core/jit/emit_chain.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import type { Namespace } from '../../src/net/namespace.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { createStack, type Stack } from '../../src/stack.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function load(ns: Namespace, text: string): Promise<void> {
  const commands = readCommands({ name: 'test', text });
  const batch = joinMessages(encodeBatch(compile(commands).ir).map(({ bytes }) => bytes));
  expect((await ns.nfnl.batch(batch)).filter(({ error }) => error !== 0)).toEqual([]);
}

/** `deaf`: code comes only when the test asks for it. */
async function router(mode: JitMode = 'tree', deaf = true) {
  const stack: Stack = await createStack({ clock: 'virtual' });
  closing.push(() => stack.close());
  const ns = await stack.namespace('r');
  const errors: string[] = [];
  const core = deaf
    ? (Object.create(stack.core, { onEvent: { value: () => () => undefined } }) as typeof stack.core)
    : stack.core;
  const jit = new NftJit(core, mode, (error) => errors.push(String(error)));
  closing.push(() => jit.close());
  const names = async () => (await jit.sync(ns.handle)).compiled.map(({ name }) => name).sort();
  return { stack, ns, jit, errors, names };
}

const TABLE = `table ip t {
  chain a { type filter hook forward priority 0; tcp dport 1 drop; tcp dport 2 drop; }
  chain b { ip saddr 10.0.0.1 counter; }
  chain c { ip saddr 10.0.0.2 counter; }
}
`;

describe('generated code', () => {
  test('of one changed rule is made anew for its chain only', async () => {
    const { stack, ns, jit, names } = await router();
    await load(ns, TABLE);
    expect(await names()).toEqual(['a', 'b', 'c']);
    expect(await names()).toEqual([]);
    const { table } = stack.core.instance.exports;
    const before = Array.from({ length: table.length }, (_, i) => table.get(i) as unknown);
    await load(ns, 'add rule ip t b ip daddr 10.0.0.3 drop\n');
    expect(jit.describe(ns.handle).map(({ name, mode }) => [name, mode])).toEqual([
      ['a', 'tree'],
      ['b', 'interpreter'],
      ['c', 'tree'],
    ]);
    expect(await names()).toEqual(['b']);
    expect(table.length).toBe(before.length);
    const changed = before.filter((code, i) => table.get(i) !== code);
    expect(changed).toHaveLength(1);
  });

  test('is described by chain, with what it is made of', async () => {
    const { ns, jit } = await router();
    const ports = Array.from({ length: 600 }, (_, i) => `tcp dport ${i + 1} drop;`).join(' ');
    await load(ns, `table ip t { chain a { ${ports} ip saddr 10.0.0.1 limit rate 1/second accept; }; }\n`);
    expect(jit.describe(ns.handle)).toMatchObject([
      { table: 't', name: 'a', mode: 'interpreter', rules: 601, reason: 'its code is not ready yet' },
    ]);
    await jit.sync(ns.handle);
    const [chain] = jit.describe(ns.handle);
    expect(chain).toMatchObject({ mode: 'tree', rules: 601, dispatched: 600, evaluated: 1 });
    expect(chain!.reason).toBeUndefined();
    expect(chain!.bytes).toBeGreaterThan(600 * 5);
  });

  test('comes after each commit by itself', async () => {
    const { ns, jit } = await router('linear', false);
    await load(ns, TABLE);
    await expect.poll(() => jit.describe(ns.handle).every(({ mode }) => mode === 'linear')).toBe(true);
  });

  test('goes with its chain, and its place in the table is used again', async () => {
    const { stack, ns, names } = await router();
    await load(ns, TABLE);
    await names();
    const { table } = stack.core.instance.exports;
    const length = table.length;
    for (let i = 0; i < 5; i++) {
      await load(ns, `delete table ip t\n`);
      expect(await names()).toEqual([]);
      expect([1, 2, 3].map((n) => table.get(length - n) as unknown)).toEqual([null, null, null]);
      await load(ns, TABLE);
      expect(await names()).toEqual(['a', 'b', 'c']);
    }
    expect(table.length).toBe(length);
  });

  test('is gone when the generator closes: all is interpreted', async () => {
    const { stack, ns, jit, names } = await router();
    await load(ns, TABLE);
    await names();
    jit.close();
    const second = new NftJit(stack.core, 'linear', () => undefined);
    closing.push(() => second.close());
    expect(second.describe(ns.handle).map(({ mode }) => mode)).toEqual(Array(3).fill('interpreter'));
    expect((await second.sync(ns.handle)).compiled).toHaveLength(3);
  });
});

describe('a chain stays interpreted, and the others do not,', () => {
  test('when it has more rules than can be compiled', async () => {
    const { ns, jit, errors, names } = await router();
    const many = Array.from({ length: 20_001 }, (_, i) => `ip saddr 10.1.${i >> 8}.${i & 255} drop`);
    await load(ns, `${TABLE}table ip u { chain big {\n${many.join('\n')}\n} }\n`);
    expect(await names()).toEqual(['a', 'b', 'c']);
    const why = 'it has 20001 rules, 20000 are the most that are compiled';
    expect(errors).toEqual([`Error: chain u big stays interpreted: ${why}`]);
    expect(jit.describe(ns.handle).find(({ name }) => name === 'big')).toMatchObject({
      mode: 'interpreter',
      rules: 20_001,
      reason: why,
    });
    // It is not tried again until it changes.
    await load(ns, 'flush chain ip t a\n');
    expect(await names()).toEqual(['a']);
    expect(errors).toHaveLength(1);
    await load(ns, 'flush chain ip u big\n');
    expect(await names()).toEqual(['big']);
  });

  test('when there are no ids left', async () => {
    const { ns, jit, errors } = await router();
    const ids = Op.MAX - Op.NFT_JIT_BASE;
    const chains = Array.from({ length: ids + 5 }, (_, i) => `chain c${i} { drop; }`).join('\n');
    await load(ns, `table ip t {\n${chains}\n}\n`);
    expect((await jit.sync(ns.handle)).compiled).toHaveLength(ids);
    const left = jit.describe(ns.handle).filter(({ mode }) => mode === 'interpreter');
    expect(left).toHaveLength(5);
    expect(left.every(({ reason }) => reason === 'there are no ids left for generated code')).toBe(true);
    expect(errors).toEqual([]);
  });

  test('when V8 refuses its module', async () => {
    const { ns, jit, errors, names } = await router();
    await load(ns, TABLE);
    const real = WebAssembly.instantiate;
    let calls = 0;
    closing.push(() => {
      WebAssembly.instantiate = real;
    });
    const refuse = (async (...args: Parameters<typeof real>) => {
      // All together, and then the second by itself.
      if (++calls === 1 || calls === 3) throw new WebAssembly.CompileError('too large');
      return await real(...args);
    }) as unknown as typeof real;
    WebAssembly.instantiate = refuse;
    expect(await names()).toEqual(['a', 'c']);
    expect(errors).toEqual(['Error: chain t b stays interpreted: too large']);
    expect(jit.describe(ns.handle).map(({ reason }) => reason)).toEqual([undefined, 'too large', undefined]);
  });
});
