import { describe, expect, it } from 'vitest';
import { cpio } from './cpio.js';

describe('an archive for the kernel', () => {
  const archive = cpio([
    { path: 'bin', mode: 0o755 },
    { path: 'bin/one', mode: 0o644, contents: Buffer.from('12345') },
  ]);

  it('starts each entry at four bytes, with its name and size in hexadecimal', () => {
    const text = archive.toString('latin1');
    const starts = [...text.matchAll(/070701/g)].map(({ index }) => index);
    expect(starts).toEqual([0, 116, 116 + 120 + 8]);
    expect(text.slice(6, 22)).toBe('00000001000041ed');
    expect(text.slice(116 + 14, 116 + 22)).toBe('000081a4');
    expect(text.slice(116 + 54, 116 + 62)).toBe('00000005');
    expect(text.slice(116 + 110, 116 + 118)).toBe('bin/one\0');
    expect(text.slice(236, 244)).toBe('12345\0\0\0');
  });

  it('ends with the trailer', () => {
    expect(archive.toString('latin1')).toMatch(/TRAILER!!!\0+$/);
    expect(archive.length % 4).toBe(0);
  });
});
