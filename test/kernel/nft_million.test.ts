/**
 * A set of very many elements, in Linux and in ours: both load the same ruleset whole and find what is in it. Says how
 * long each took and how much memory the elements hold: of Linux what its slabs and vmalloc have grown by, which is not
 * exact, of ours its pages. LONG=true: a million.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { systemNames } from '../../src/nft/datatype/names.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { parse } from '../../src/nft/grammar/parse.js';
import { compile } from '../../src/nft/nft.js';
import { createStack } from '../../src/stack.js';
import { freeOf } from '../net/lab.js';
import { Random } from '../random.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
const COUNT = process.env.LONG === 'true' ? 1_000_000 : 100_000;
const PAGE_BYTES = 4096;

/** Different addresses: an odd factor permutes all numbers of 32 bits. */
function addresses(): string[] {
  const begin = new Random(1).below(2 ** 30);
  return Array.from({ length: COUNT }, (_, n) => {
    const word = Math.imul(begin + n, 0x9e3779b1) >>> 0;
    return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
  });
}

const names = systemNames();
const bytesOf = (text: string): Uint8Array => {
  const { ir } = compile(parse({ name: 'test', text }), { names });
  return joinMessages(encodeBatch(ir).map((message) => message.bytes));
};

function nft(input: string): number | null {
  return spawnSync('nft', ['-f', '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] }).status;
}

function kernelBytes(): number {
  const lines = readFileSync('/proc/meminfo', 'utf8').matchAll(/^(?:Slab|VmallocUsed):\s+(\d+)/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}

const told = (who: string, ms: number, bytes: number): string =>
  `${who}: ${COUNT} elements in ${(ms / 1000).toFixed(1)} s, ${(bytes / COUNT).toFixed(0)} bytes each`;

test.skipIf(missing !== undefined)(
  'a set of very many elements is loaded, and holds them',
  { timeout: 300_000 },
  async () => {
    const elements = addresses();
    const text = `table ip t {\n set s {\n type ipv4_addr\n elements = { ${elements.join(',\n')} }\n }\n}\n`;
    const within = elements.filter((_, n) => n % 9973 === 0).map((one) => `create element ip t s { ${one} }`);

    const stack = await createStack({ clock: 'virtual' });
    const { nfnl } = await stack.namespace('router');
    const before = freeOf(stack).pages;
    const begin = performance.now();
    expect((await nfnl.batch(bytesOf(text))).filter(({ error }) => error !== 0)).toEqual([]);
    console.log(told('ours', performance.now() - begin, (before - freeOf(stack).pages) * PAGE_BYTES));
    const SET = 'add table ip t; add set ip t s { type ipv4_addr; }\n';
    for (const one of within) {
      const acks = await nfnl.batch(bytesOf(`${SET}${one}`));
      expect(
        acks.some(({ error }) => error === -17),
        one,
      ).toBe(true);
    }
    expect((await nfnl.batch(bytesOf('delete table ip t'))).filter(({ error }) => error !== 0)).toEqual([]);
    expect(before - freeOf(stack).pages).toBeLessThan(64);
    await stack.close();

    const linux = enterOwnNetns();
    try {
      const held = kernelBytes();
      const since = performance.now();
      expect(nft(text)).toBe(0);
      console.log(told('Linux', performance.now() - since, kernelBytes() - held));
      for (const one of within.slice(0, 4)) expect(nft(one), one).toBe(1);
    } finally {
      linux.leave();
    }
  },
);
