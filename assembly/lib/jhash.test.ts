import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const AT = 0x10000;

describe('jhash', () => {
  let m: AsModule;
  beforeAll(async () => {
    m = await loadAs(['lib/jhash'], { pages: 2 });
  });

  it("gives lookup3's published values", () => {
    const u8 = new Uint8Array(m.memory.buffer);
    u8.fill(0, AT, AT + 32);
    u8.set(Buffer.from('Four score and seven years ago'), AT);
    // lookup3.c publishes hashlittle of these 30 bytes. Padded to 8 words, only the length in initval differs.
    expect(m.exports.jhash2!(AT, 8, -2) >>> 0).toBe(0x17770551);
    expect(m.exports.jhash2!(AT, 8, -1) >>> 0).toBe(0xcd628161);
    expect(m.exports.jhash2!(AT, 0, 0) >>> 0).toBe(0xdeadbeef);
    expect(m.exports.jhash2!(AT, 0, 0xdeadbeef) >>> 0).toBe(0xbd5b7dde);
  });

  it('hashes one to three words as jhash2 does', () => {
    const words = [0x01020304, 0xdeadbeef, 0x80000001];
    new Uint32Array(m.memory.buffer).set(words, AT / 4);
    const { jhash1word, jhash2words, jhash3words, jhash2 } = m.exports;
    expect(jhash1word!(words[0]!, 9)).toBe(jhash2!(AT, 1, 9));
    expect(jhash2words!(words[0]!, words[1]!, 9)).toBe(jhash2!(AT, 2, 9));
    expect(jhash3words!(words[0]!, words[1]!, words[2]!, 9)).toBe(jhash2!(AT, 3, 9));
  });
});
