import { describe, expect, it } from 'vitest';
import { ForeignWindow } from './window.js';

const KB64 = 65536;

describe('the foreign window', () => {
  it('gives the first place that fits, in whole pages of any machine', () => {
    const window = new ForeignWindow(KB64 + 1, 10 * KB64);
    expect(window.alloc(1, 'a')).toBe(2 * KB64);
    expect(window.alloc(KB64 + 1, 'b')).toBe(3 * KB64);
    expect(window.alloc(KB64, 'c')).toBe(5 * KB64);
    window.free(3 * KB64);
    expect(window.alloc(3 * KB64, 'd')).toBe(6 * KB64);
    expect(window.alloc(KB64, 'e')).toBe(3 * KB64);
    expect(window.alloc(KB64, 'f')).toBe(4 * KB64);
    expect(window.alloc(KB64, 'g')).toBe(9 * KB64);
  });

  it('refuses by name what does not fit, and keeps nothing of it', () => {
    const window = new ForeignWindow(0, 2 * KB64);
    expect(() => window.alloc(2 * KB64 + 1, 'port x: a ring')).toThrow(
      expect.objectContaining({
        code: 'ENOMEM',
        message: expect.stringMatching(
          /^port x: a ring of 1 MB does not fit the window of 1 MB; .*windowBytes/,
        ),
      }),
    );
    const at = window.alloc(2 * KB64, 'all');
    expect(() => window.alloc(1, 'more')).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    window.free(at);
    window.free(at);
    expect(window.alloc(2 * KB64, 'again')).toBe(at);
  });
});
