import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { addCallback } from '../../test/wasm_callback.js';

const TIMERS = 0x100000;
const OP = 10;
const TICK = 1n << 20n;
const HOUR = 3_600_000_000_000n;
const NEVER = (1n << 64n) - 1n;

describe('timer wheel', () => {
  let m: AsModule;
  /** Exports that take or give u64s. */
  let big: Record<string, (...args: (number | bigint)[]) => bigint>;
  let fired: number[] = [];
  let onFire: ((timer: number) => void) | undefined;

  const at = (i: number) => TIMERS + i * 24;
  const add = (i: number, expires: bigint) => big.timerAdd!(at(i), expires);
  const next = () => BigInt.asUintN(64, big.timerNext!());
  const run = (now: bigint) => {
    fired = [];
    const count = Number(big.timersRun!(now));
    expect(count).toBe(fired.length);
    return fired;
  };

  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/timer_wheel', 'lib/ops'], { pages: 32 });
    big = m.exports as unknown as typeof big;
  });
  beforeEach(() => {
    m.exports.testInit!(TIMERS);
    onFire = undefined;
    const fn = addCallback(m.table, 1, false, (arg) => {
      fired.push(arg!);
      onFire?.(arg!);
      return undefined;
    });
    m.exports.opSet!(OP, fn);
    for (let i = 0; i < 64; i++) m.exports.timerSetup!(at(i), OP, i);
  });

  it('fires nothing before its time, to the nanosecond', () => {
    add(1, 5n * TICK + 100n);
    expect(next()).toBe(5n * TICK + 100n);
    expect(run(5n * TICK + 99n)).toEqual([]);
    expect(m.exports.timerPending!(at(1))).toBe(1);
    expect(run(5n * TICK + 100n)).toEqual([1]);
    expect(m.exports.timerPending!(at(1))).toBe(0);
    expect(next()).toBe(NEVER);
  });

  it('moves a pending timer and forgets a deleted one', () => {
    add(1, 1000n);
    add(1, HOUR);
    add(2, 2000n);
    expect(m.exports.timerDel!(at(2))).toBe(1);
    expect(m.exports.timerDel!(at(2))).toBe(0);
    expect(next()).toBe(HOUR);
    expect(run(HOUR - 1n)).toEqual([]);
    expect(run(HOUR)).toEqual([1]);
  });

  it('survives a jump of days and fires in order', () => {
    const expires = [90n * HOUR, 3n, HOUR, 24n * HOUR, 2n * TICK, 70n * TICK, 5000n * TICK, 400_000n * TICK];
    for (const [i, e] of expires.entries()) add(i, e);
    const order = [...expires.keys()].sort((a, b) => Number(expires[a]! - expires[b]!));
    expect(run(1000n * HOUR)).toEqual(order);
  });

  it('keeps times up to the end of the clock', () => {
    add(1, NEVER - 1n);
    add(2, 1n << 63n);
    expect(next()).toBe(1n << 63n);
    expect(run((1n << 63n) - 1n)).toEqual([]);
    expect(run(1n << 63n)).toEqual([2]);
    expect(next()).toBe(NEVER - 1n);
    expect(run(NEVER - 1n)).toEqual([1]);
  });

  it('lets a handler add, move and delete any timer, itself included', () => {
    for (let i = 0; i < 5; i++) add(i, BigInt(i) * TICK);
    onFire = (i) => {
      if (i === 0) add(0, 10n); // due already: the next run has it
      if (i === 1) m.exports.timerDel!(at(2));
      if (i === 3) add(4, 20n * TICK);
    };
    expect(run(10n * TICK)).toEqual([0, 1, 3]);
    expect(next()).toBe(10n);
    onFire = undefined;
    expect(run(10n * TICK)).toEqual([0]);
    expect(next()).toBe(20n * TICK);
    expect(run(20n * TICK)).toEqual([4]);
  });

  it('lets a handler free the memory of timers', () => {
    for (let i = 0; i < 4; i++) add(i, BigInt(i + 1));
    onFire = (i) => {
      if (i !== 0) return;
      for (const j of [1, 2]) m.exports.timerDel!(at(j));
      new Uint8Array(m.memory.buffer).fill(0xee, at(0), at(3));
    };
    expect(run(TICK)).toEqual([0, 3]);
  });

  it('behaves as a sorted list does', () => {
    const span = fc.oneof(
      fc.bigInt(0n, 3n * TICK),
      fc.bigInt(0n, 200n * TICK),
      fc.bigInt(0n, 100_000n * TICK),
      fc.bigInt(0n, 100n * HOUR),
    );
    const command = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('add'), i: fc.nat(63), by: span, late: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('del'), i: fc.nat(63) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('run'), by: span }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('toNext') }) },
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), span, (commands, start) => {
        m.exports.testInit!(TIMERS);
        m.exports.testSetNow!(Number(start & 0xffffffffn), Number(start >> 32n));
        const fn = addCallback(m.table, 1, false, (arg) => void fired.push(arg!) as undefined);
        m.exports.opSet!(OP, fn);
        for (let i = 0; i < 64; i++) m.exports.timerSetup!(at(i), OP, i);
        let now = start;
        const model = new Map<number, bigint>();
        const advance = (to: bigint) => {
          now = to;
          const got = run(now);
          const due = [...model].filter(([, e]) => e <= now).map(([i]) => i);
          expect(new Set(got)).toEqual(new Set(due));
          expect(got.length).toBe(due.length);
          const ticks = got.map((i) => model.get(i)! / TICK);
          for (let k = 1; k < ticks.length; k++) {
            // What was late when it was added fires with the tick in which it was added.
            if (ticks[k]! < ticks[k - 1]!) expect(late.has(got[k]!) || late.has(got[k - 1]!)).toBe(true);
          }
          for (const i of got) model.delete(i);
        };
        const late = new Set<number>();
        for (const c of commands as { kind: string; i: number; by: bigint; late?: boolean }[]) {
          if (c.kind === 'add') {
            const expires = c.late && c.by < now ? now - c.by : now + c.by;
            if (expires < now) late.add(c.i);
            else late.delete(c.i);
            add(c.i, expires);
            model.set(c.i, expires);
          } else if (c.kind === 'del') {
            expect(m.exports.timerDel!(at(c.i))).toBe(model.delete(c.i) ? 1 : 0);
          } else if (c.kind === 'run') {
            advance(now + c.by);
          } else if (model.size > 0) {
            const to = next();
            if (to > now) {
              expect(run(to - 1n)).toEqual([]);
              advance(to);
            } else advance(now);
          }
          const least = [...model.values()].reduce((a, b) => (b < a ? b : a), NEVER);
          expect(next()).toBe(least);
          expect(m.exports.timerCount!()).toBe(model.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});
