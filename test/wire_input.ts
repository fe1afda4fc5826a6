/**
 * Inputs for tests of wire formats: bytes written as hex, placed flush against the end of linear memory, so that a
 * read past them traps instead of finding a neighbour's bytes.
 *
 *   0x10000            OUT                                      end of memory
 *   ├─ static data ─────┼─ records and emitted bytes ── ... ─┼─ input ─┤
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type AsModule, loadAs } from './as.js';

/** Where functions under test may write. */
export const OUT = 0x10000;
const WIRE = join(import.meta.dirname, '../assembly/wire');

/** One build with every file of assembly/wire; it also shows that no two export the same name. */
export function loadWire(): Promise<AsModule> {
  const files = readdirSync(WIRE).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  return loadAs(
    files.sort().map((f) => `wire/${f.slice(0, -3)}`),
    { simd: false, pages: 2 },
  );
}

type Fn = (...args: number[]) => number;

/** The named exports of a module; results as unsigned. Throws when one is missing. */
export function functions<K extends string>(m: AsModule, ...names: K[]): Record<K, Fn> {
  const found: Partial<Record<K, Fn>> = {};
  for (const name of names) {
    const fn = m.exports[name];
    if (typeof fn !== 'function') throw new Error(`no exported function ${name}`);
    found[name] = fn;
  }
  return found as Record<K, Fn>;
}

/** Value of an exported constant. */
export function constant(m: AsModule, name: string): number {
  const found = m.exports[name] as unknown as { value?: unknown } | undefined;
  if (typeof found?.value === 'number') return found.value >>> 0;
  throw new Error(`no exported constant ${name}`);
}

/** Bytes of a hex dump; anything but hex digits is skipped, `#` starts a comment. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/#.*$/gm, '').replace(/[^0-9a-f]/gi, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function put(m: AsModule, at: number, bytes: Uint8Array): number {
  new Uint8Array(m.memory.buffer).set(bytes, at);
  return at;
}

/** Places `bytes` so that the last is the last of memory; returns their address. */
export function putAtEnd(m: AsModule, bytes: Uint8Array): number {
  return put(m, m.memory.buffer.byteLength - bytes.length, bytes);
}

export function bytesAt(m: AsModule, at: number, length: number): Uint8Array {
  return new Uint8Array(m.memory.buffer).slice(at, at + length);
}

/** u32 at OUT + `offset`. */
export function u32At(m: AsModule, at: number): number {
  return new DataView(m.memory.buffer).getUint32(at, true);
}

/** Calls `emit` with OUT filled with 0xaa, and expects exactly `bytes` there and 0xaa behind. */
export function expectEmitted(m: AsModule, bytes: Uint8Array, emit: (at: number) => unknown): void {
  const memory = new Uint8Array(m.memory.buffer);
  memory.fill(0xaa, OUT, OUT + bytes.length + 8);
  emit(OUT);
  expect(toHex(bytesAt(m, OUT, bytes.length))).toBe(toHex(bytes));
  expect(toHex(bytesAt(m, OUT + bytes.length, 8))).toBe('aa'.repeat(8));
}

/** `check` refuses every truncation of `bytes` below `minimum` (all of them by default) and takes the whole. */
export function expectTruncationsRefused(
  m: AsModule,
  bytes: Uint8Array,
  check: Fn,
  minimum = bytes.length,
): void {
  for (let length = 0; length <= bytes.length; length++) {
    const p = putAtEnd(m, bytes.subarray(0, length));
    const code = check(p, length);
    if (length < minimum) expect(code, `of ${length} bytes`).toBeLessThan(0);
    else expect(code, `of ${length} bytes`).toBe(0);
  }
}

/** Result of `check` for `bytes` with some of them changed: `[offset, value]`. */
export function checkChanged(
  m: AsModule,
  bytes: Uint8Array,
  check: Fn,
  ...changes: [number, number][]
): number {
  const changed = bytes.slice();
  for (const [offset, value] of changes) changed[offset] = value;
  return check(putAtEnd(m, changed), changed.length);
}
