import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const BASE = 0x10000;

/** RFC 1071 word by word, in network order, folded but not complemented. */
function naiveSum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

const swap16 = (x: number) => ((x & 0xff) << 8) | (x >> 8);
/** Both zeros of one's complement are the same number. */
const zero = (x: number) => (x === 0xffff ? 0 : x);

function fill(u8: Uint8Array, seed: number): void {
  let x = seed | 1;
  for (let i = 0; i < u8.length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    u8[i] = x >>> 16;
  }
}

describe.each([
  ['simd', true],
  ['scalar', false],
])('checksum (%s)', (_name, simd) => {
  let m: AsModule;
  let u8: Uint8Array;
  /** The core's sum of bytes as the naive one gives it. */
  const fold = (sum: number) => swap16(~m.exports.csumFold!(sum) & 0xffff);

  beforeAll(async () => {
    m = await loadAs(['lib/checksum'], { simd, pages: 64 });
    u8 = new Uint8Array(m.memory.buffer);
    fill(u8.subarray(BASE), 7);
  });

  it('agrees with RFC 1071 at every length to 2100', () => {
    for (let len = 0; len <= 2100; len++) {
      const at = BASE + (len % 67);
      const got = fold(m.exports.csumPartial!(at, len, 0));
      if (zero(got) !== zero(naiveSum(u8.subarray(at, at + len)))) expect.fail(`length ${len}`);
    }
  });

  it('agrees with RFC 1071 at every alignment, for any bytes and any start', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 127 }),
        fc.oneof(fc.integer({ min: 0, max: 2100 }), fc.integer({ min: 65000, max: 70000 })),
        fc.integer(),
        fc.integer(),
        fc.boolean(),
        (offset, len, seed, start, ones) => {
          const at = BASE + 0x1000 + offset;
          const bytes = u8.subarray(at, at + len);
          if (ones) bytes.fill(0xff);
          else fill(bytes, seed);
          const got = fold(m.exports.csumPartial!(at, len, start));
          const startSum = swap16((start >>> 16) & 0xffff) + swap16(start & 0xffff);
          expect(zero(got)).toBe(zero(naiveSum(bytes, startSum)));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('does not overflow over megabytes of ones', () => {
    const len = 3 * 1024 * 1024 + 1;
    u8.subarray(BASE, BASE + len).fill(0xff);
    expect(zero(fold(m.exports.csumPartial!(BASE, len, 0)))).toBe(
      zero(naiveSum(u8.subarray(BASE, BASE + len))),
    );
  });

  it('reads nothing behind the last byte of memory', () => {
    const end = u8.length;
    fill(u8.subarray(end - 300), 3);
    for (let len = 0; len <= 300; len++) {
      const got = fold(m.exports.csumPartial!(end - len, len, 0));
      expect(zero(got)).toBe(zero(naiveSum(u8.subarray(end - len))));
    }
    expect(() => m.exports.csumPartial!(end - 3, 4, 0)).toThrow();
  });

  it('copies and sums in one call', () => {
    fill(u8.subarray(BASE, BASE + 4096), 11);
    for (let len = 0; len <= 1600; len += 13) {
      const dst = BASE + 0x8000 + (len & 7);
      u8.fill(0, dst, dst + len + 8);
      const sum = m.exports.csumPartialCopy!(BASE + 1, dst, len, 5);
      expect(sum).toBe(m.exports.csumPartial!(BASE + 1, len, 5));
      expect(u8.subarray(dst, dst + len)).toEqual(u8.subarray(BASE + 1, BASE + 1 + len));
      expect(u8[dst + len]).toBe(0);
    }
  });

  it('adds, takes out and joins blocks at odd and even offsets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(200), (bytes, at) => {
        const cut = at % (bytes.length + 1);
        u8.set(bytes, BASE);
        const e = m.exports;
        const whole = e.csumPartial!(BASE, bytes.length, 0);
        const head = e.csumPartial!(BASE, cut, 0);
        const tail = e.csumPartial!(BASE + cut, bytes.length - cut, 0);
        expect(zero(fold(e.csumBlockAdd!(head, tail, cut)))).toBe(zero(fold(whole)));
        expect(zero(fold(e.csumBlockSub!(whole, tail, cut)))).toBe(zero(fold(head)));
        expect(zero(fold(e.csumSub!(e.csumAdd!(head, 0xfffffff1), 0xfffffff1)))).toBe(zero(fold(head)));
      }),
    );
  });

  it('mends a checksum as if it were computed anew', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.nat(8),
        fc.integer(),
        (bytes, word, value) => {
          const e = m.exports;
          const view = new DataView(m.memory.buffer);
          u8.set(bytes, BASE);
          u8[BASE] = 0x45; // a header is never all zeros
          const compute = () => {
            view.setUint16(BASE + 10, 0, true);
            view.setUint16(BASE + 10, e.csumFold!(e.csumPartial!(BASE, 20, 0)), true);
          };
          compute();
          const at2 = BASE + [2, 4, 6, 8, 12, 14, 16, 18, 2][word]!;
          e.csumReplace2!(BASE + 10, view.getUint16(at2, true), value & 0xffff);
          view.setUint16(at2, value, true);
          expect(e.ipFastCsum!(BASE, 5)).toBe(0);
          const at4 = word & 1 ? BASE + 12 : BASE + 16;
          e.csumReplace4!(BASE + 10, view.getUint32(at4, true), value);
          view.setUint32(at4, value, true);
          expect(e.ipFastCsum!(BASE, 5)).toBe(0);
          const mended = view.getUint16(BASE + 10, true);
          compute();
          expect(mended).toBe(view.getUint16(BASE + 10, true));
        },
      ),
    );
  });

  it('checks IPv4 headers of 20 to 60 bytes', () => {
    const view = new DataView(m.memory.buffer);
    // The header of RFC 1071's usual example.
    const golden = '45000073000040004011b861c0a80001c0a800c7';
    u8.set(Buffer.from(golden, 'hex'), BASE);
    expect(m.exports.ipFastCsum!(BASE, 5)).toBe(0);
    u8[BASE + 8] = 0x3f;
    expect(m.exports.ipFastCsum!(BASE, 5)).not.toBe(0);
    for (let ihl = 5; ihl <= 15; ihl++) {
      fill(u8.subarray(BASE, BASE + 60), ihl);
      view.setUint16(BASE + 10, 0, true);
      view.setUint16(BASE + 10, m.exports.ipFastCsum!(BASE, ihl), true);
      expect(m.exports.ipFastCsum!(BASE, ihl)).toBe(0);
      expect(naiveSum(u8.subarray(BASE, BASE + 4 * ihl))).toBe(0xffff);
    }
  });

  it('sums the pseudo headers of IPv4 and IPv6', () => {
    const e = m.exports;
    const view = new DataView(m.memory.buffer);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(0xffff),
        fc.constantFrom(6, 17, 58, 255),
        fc.integer(),
        (addresses, len, proto, start) => {
          u8.set(addresses, BASE);
          const startSum = swap16((start >>> 16) & 0xffff) + swap16(start & 0xffff);
          const saddr = view.getUint32(BASE, true);
          const daddr = view.getUint32(BASE + 4, true);
          const v4 = fold(e.csumTcpUdpNofold!(saddr, daddr, len, proto, start));
          expect(zero(v4)).toBe(zero(naiveSum(addresses.subarray(0, 8), startSum + proto + len)));
          const v6 = fold(e.csumIpv6Nofold!(BASE, BASE + 16, len, proto, start));
          expect(zero(v6)).toBe(zero(naiveSum(addresses, startSum + proto + len)));
        },
      ),
    );
  });
});
