import { describe, expect, it } from 'vitest';
import { CountedFrames } from './counted_frames.js';

function sent(count: number): { frames: CountedFrames; all: Buffer[] } {
  const frames = new CountedFrames(7, 1);
  const all = Array.from({ length: count }, () => {
    const frame = frames.next();
    frames.sentOne();
    return frame;
  });
  return { frames, all };
}

describe('counted frames', () => {
  it('are Ethernet frames of every size up to 600 bytes that arrive as they were sent', () => {
    const { frames, all } = sent(500);
    for (const frame of all) frames.arrived(frame);
    expect(frames.wrong).toEqual([]);
    expect(frames.received).toBe(500);
    const lengths = all.map(({ length }) => length);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(60);
    expect(new Set(lengths).size).toBeGreaterThan(200);
  });

  it.each([
    ['changed in one bit', (all: Buffer[]) => [all[0]!.map((byte, i) => (i === 40 ? byte ^ 1 : byte))]],
    ['cut short', (all: Buffer[]) => [all[0]!.subarray(0, 59)]],
    ['twice', (all: Buffer[]) => [all[0]!, all[0]!]],
    ['out of order', (all: Buffer[]) => [all[1]!, all[0]!]],
    ['never sent', () => [new CountedFrames(8, 1).next()]],
    ['of the other direction', () => [new CountedFrames(7, 2).next()]],
    ['ahead of its time', (all: Buffer[], next: Buffer) => [...all, next]],
  ])('tell one that is %s', (_what, arrive) => {
    const { frames, all } = sent(2);
    for (const frame of arrive(all, frames.next())) frames.arrived(frame);
    expect(frames.wrong).toHaveLength(1);
  });
});
