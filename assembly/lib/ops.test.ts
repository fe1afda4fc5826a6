import { describe, expect, it } from 'vitest';
import { loadAs } from '../../test/as.js';
import { addCallback } from '../../test/wasm_callback.js';

describe('ops', () => {
  it('finds and calls what is registered under an id, and answers 0 for the rest', async () => {
    const m = await loadAs(['lib/testing', 'lib/ops'], { pages: 16 });
    const { testInit, opSet, opIndex, opCall1, opsInit } = m.exports;
    testInit!(0x100000);
    const seen: number[] = [];
    const fn = addCallback(m.table, 1, false, (arg) => void seen.push(arg!) as undefined);
    opSet!(4095, fn);
    expect(opIndex!(4095)).toBe(fn);
    opCall1!(4095, 77);
    expect(seen).toEqual([77]);
    expect(opIndex!(5)).toBe(0);
    expect(opIndex!(4096)).toBe(0);
    expect(opIndex!(-1)).toBe(0);
    expect(() => opSet!(4096, fn)).toThrow();
    expect(() => opCall1!(5, 0)).toThrow();
    opsInit!();
    expect(opIndex!(4095)).toBe(0);
  });
});
