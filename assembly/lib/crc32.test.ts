import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const TABLES = 0x10000;
const AT = 0x20000;

describe('crc32', () => {
  let m: AsModule;
  let u8: Uint8Array;
  beforeAll(async () => {
    m = await loadAs(['lib/crc32'], { pages: 4 });
    u8 = new Uint8Array(m.memory.buffer);
    m.exports.crc32Init!(TABLES);
  });

  it('gives the check value of the CRC catalogue', () => {
    u8.set(Buffer.from('123456789'), AT);
    expect(m.exports.crc32!(TABLES, AT, 9, 0) >>> 0).toBe(0xcbf43926);
  });

  it("agrees with zlib's, whole and in pieces", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(7), (bytes, cut, offset) => {
        const at = AT + offset;
        u8.set(bytes, at);
        expect(m.exports.crc32!(TABLES, at, bytes.length, 0) >>> 0).toBe(zlibCrc32(bytes));
        const head = Math.min(cut, bytes.length);
        const crc = m.exports.crc32!(TABLES, at, head, 0);
        expect(m.exports.crc32!(TABLES, at + head, bytes.length - head, crc) >>> 0).toBe(zlibCrc32(bytes));
      }),
    );
  });

  it('reads nothing behind the last byte of memory', () => {
    for (let len = 0; len < 40; len++) {
      const at = u8.length - len;
      expect(m.exports.crc32!(TABLES, at, len, 0) >>> 0).toBe(zlibCrc32(u8.subarray(at)));
    }
  });
});
