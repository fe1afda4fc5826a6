import { describe, expect, test } from 'vitest';
import { RealClock, VirtualClock } from './clock.js';

describe.each([
  ['real', () => new RealClock()],
  ['virtual', () => new VirtualClock()],
])('a %s clock', (_name, make) => {
  test('moves on to the time it is set to, and never back', () => {
    const clock = make();
    const later = clock.now() + 3600e9;
    clock.set(later);
    const at = clock.now();
    // A time of day in nanoseconds is rounded to 256 of them.
    expect(at).toBeGreaterThanOrEqual(later - 512);
    expect(at).toBeLessThan(later + 60e9);
    clock.set(5);
    expect(clock.now()).toBeGreaterThanOrEqual(at);
  });

  test('reads the same into an array', () => {
    const clock = make();
    clock.set(1e9);
    const cell = new Float64Array(1);
    const before = clock.now();
    clock.read(cell);
    expect(cell[0]).toBeGreaterThanOrEqual(before);
    expect(cell[0]).toBeLessThanOrEqual(clock.now());
  });
});
