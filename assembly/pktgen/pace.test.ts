import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAs } from '../../test/as.js';

type Big = (...args: unknown[]) => bigint;
const PACE = 0x20000;
const SECOND = 1_000_000_000n;

describe('pace', () => {
  let start: (rate: bigint, burst: bigint, now: bigint) => void;
  let due: (now: bigint) => bigint;
  let missed: (due: bigint) => bigint;
  let spend: (cost: bigint) => void;
  let next: () => bigint;

  beforeAll(async () => {
    const { exports } = await loadAs(['pktgen/pace']);
    const fn = (name: string) => exports[name] as unknown as Big;
    start = (rate, burst, now) => void fn('paceStart')(PACE, rate, burst, now);
    due = (now) => fn('paceDue')(PACE, now);
    missed = (units) => fn('paceMissed')(PACE, units);
    spend = (cost) => void fn('paceSpend')(PACE, cost);
    next = () => fn('paceNext')(PACE);
  });

  it('has frame k of a rate due at ceil(k * 1e9 / rate) from the start, over seconds, for any rate', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 200_000_000n }),
        fc.bigInt({ min: 0n, max: 1n << 45n }),
        fc.integer({ min: 0, max: 300 }),
        (rate, begin, seconds) => {
          start(rate, 1n, begin);
          // From somewhere in the middle on: what came before is spent at once.
          const k0 = rate * BigInt(seconds);
          due(begin + BigInt(seconds) * SECOND);
          spend(k0);
          for (let k = k0; k < k0 + 50n; k++) {
            const at = begin + (k * SECOND + rate - 1n) / rate;
            expect(next()).toBe(at);
            if (at > begin + BigInt(seconds) * SECOND) expect(due(at - 1n)).toBeLessThan(0n);
            expect(due(at)).toBeGreaterThanOrEqual(0n);
            spend(1n);
          }
        },
      ),
    );
  });

  it('counts the bits of ten terabits a second without an overflow', () => {
    const rate = 10_000_000_000_000n;
    start(rate, 1n << 40n, 5n);
    for (let s = 1n; s <= 100n; s++) {
      expect(due(5n + s * SECOND)).toBe(rate);
      spend(rate);
    }
    expect(due(5n + 100n * SECOND + 1n)).toBe(10_000n);
  });

  it('gives up what lies behind by more than the burst, and nothing else', () => {
    start(1000n, 32n, 0n);
    const behind = due(SECOND * 3n);
    expect(behind).toBe(3000n);
    expect(missed(behind)).toBe(2968n);
    expect(due(SECOND * 3n)).toBe(32n);
    expect(missed(32n)).toBe(0n);
    spend(33n);
    expect(due(SECOND * 3n)).toBe(-1n);
    expect(next()).toBe(SECOND * 3n + 1_000_000n);
  });
});
