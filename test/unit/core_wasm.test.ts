/** What the built core may have in it: design principles 3 and 4, and bench/budgets.json. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { globalsOf, importsOf, memoryOf, opcodePrefixes } from '../wasm_sections.js';

const budgets = JSON.parse(readFileSync('bench/budgets.json', 'utf8')) as Record<string, number>;
const BUILDS = { simd: 'build/core.wasm', scalar: 'build/core.scalar.wasm' } as const;

describe.each(Object.entries(BUILDS))('the %s build', (kind, path) => {
  const bytes = readFileSync(path);

  test('is a valid module', () => {
    expect(WebAssembly.validate(bytes)).toBe(true);
  });

  test('has one mutable global, the base pointer: all other state is memory', () => {
    expect(globalsOf(bytes).filter((global) => global.mutable)).toHaveLength(1);
  });

  test('imports memory, and abort at most', () => {
    const names = importsOf(bytes).map(({ module, name }) => `${module}.${name}`);
    expect(names).toContain('env.memory');
    expect(['env.memory', 'env.abort']).toEqual(expect.arrayContaining(names));
  });

  test('exports what the boundary names', () => {
    const exported = WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => name);
    expect(exported.sort()).toEqual(
      [
        'attach',
        'forget',
        'init',
        'memory',
        'nftEvaluate',
        'nftInterpret',
        'nftRun',
        'nftTransport',
        'poll',
        'request',
        'rssQueue',
        'rx',
        'setOp',
        'status',
        'table',
      ].sort(),
    );
  });

  test(`is within its budget of wasm_kb (${budgets.wasm_kb})`, () => {
    expect(bytes.length / 1024).toBeLessThanOrEqual(budgets.wasm_kb!);
  });

  test(
    kind === 'simd' ? 'has SIMD and shared memory' : 'has neither SIMD, nor atomics, nor shared memory',
    () => {
      const prefixes = opcodePrefixes(bytes);
      expect(prefixes.simd > 0).toBe(kind === 'simd');
      if (kind === 'scalar') expect(prefixes.atomics).toBe(0);
      expect(memoryOf(bytes)?.shared).toBe(kind === 'simd');
    },
  );
});
