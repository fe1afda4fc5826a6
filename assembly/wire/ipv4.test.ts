import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  bytesAt,
  checkChanged,
  constant,
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  OUT,
  put,
  putAtEnd,
  toHex,
} from '../../test/wire_input.js';

/** An echo request of 28 bytes and, behind it, the ICMP header. */
const PING = hex(`
  45 b8 001c  1c46 4000  40 01 1d91  c0a80102 08080808
  0800 f7ff 0000 0000`);
/** Second fragment of a datagram, with four bytes of options. */
const FRAGMENT = hex('46 00 0020 beef 20b9 3f 11 0000 0a000001 0a000002 01010100 0102030405060708');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/ipv4', () => {
  test('reads the golden header', () => {
    const expected = {
      ipv4Version: 4,
      ipv4Ihl: 20,
      ipv4OptLen: 0,
      ipv4Tos: 0xb8,
      ipv4Dscp: 46,
      ipv4Ecn: 0,
      ipv4TotLen: 28,
      ipv4Id: 0x1c46,
      ipv4IdBe: 0x461c,
      ipv4FragOff: 0x4000,
      ipv4FragOffBytes: 0,
      ipv4Df: 1,
      ipv4Mf: 0,
      ipv4IsFragment: 0,
      ipv4Ttl: 64,
      ipv4Protocol: 1,
      ipv4CheckBe: 0x911d,
      ipv4Saddr: 0xc0a80102,
      ipv4SaddrBe: 0x0201a8c0,
      ipv4Daddr: 0x08080808,
      ipv4DaddrBe: 0x08080808,
    };
    expectGetters(PING, expected);
  });

  test('reads a fragment with options', () => {
    expectGetters(FRAGMENT, {
      ipv4Ihl: 24,
      ipv4OptLen: 4,
      ipv4FragOff: 0x20b9,
      ipv4FragOffBytes: 1480,
      ipv4Df: 0,
      ipv4Mf: 1,
      ipv4IsFragment: 1,
    });
  });

  test.each([
    [0x0000, 0],
    [0x4000, 0],
    [0x8000, 0],
    [0x2000, 1],
    [0x0001, 1],
    [0x0100, 1],
    [0x1fff, 1],
  ])('with a fragment field of %i says %i to being a fragment', (fragOff, expected) => {
    const f = functions(m, 'ipv4SetFragOff', 'ipv4IsFragment');
    const p = putAtEnd(m, PING);
    f.ipv4SetFragOff(p, fragOff);
    expect(f.ipv4IsFragment(p)).toBe(expected);
  });

  test('writes the golden header', () => {
    const f = functions(m, 'emitIpv4', 'ipv4SetCheckBe');
    expectEmitted(m, PING.subarray(0, 20), (at) => {
      f.emitIpv4(at, 0xb8, 28, 0x1c46, 0x4000, 64, 1, 0xc0a80102, 0x08080808);
      expect(bytesAt(m, at + 10, 2)).toEqual(hex('0000'));
      f.ipv4SetCheckBe(at, 0x911d);
    });
  });

  test('refuses every truncation', () => {
    const { checkIpv4 } = functions(m, 'checkIpv4');
    expectTruncationsRefused(m, PING, checkIpv4);
    expectTruncationsRefused(m, FRAGMENT, checkIpv4);
  });

  test('takes bytes behind the total length, as padding of a short frame is', () => {
    expect(checkChanged(m, PING, functions(m, 'checkIpv4').checkIpv4, [3, 27])).toBe(0);
  });

  test('tells truncation from a wrong length', () => {
    const { checkIpv4 } = functions(m, 'checkIpv4');
    for (let version = 0; version < 16; version++) {
      const code = version === 4 ? 0 : constant(m, 'WIRE_VERSION');
      expect(checkChanged(m, PING, checkIpv4, [0, (version << 4) | 5]) >>> 0, `version ${version}`).toBe(
        code,
      );
    }
    for (let ihl = 0; ihl < 16; ihl++) {
      const code = ihl < 5 || ihl > 7 ? constant(m, 'WIRE_HDR_LEN') : 0;
      expect(checkChanged(m, PING, checkIpv4, [0, 0x40 | ihl]) >>> 0, `ihl ${ihl}`).toBe(code);
    }
    for (const totLen of [0, 1, 19, 20, 27, 28, 29, 30, 255, 256, 0xffff]) {
      const code =
        totLen > 28 ? constant(m, 'WIRE_TRUNCATED') : totLen < 20 ? constant(m, 'WIRE_TOT_LEN') : 0;
      const result = checkChanged(m, PING, checkIpv4, [2, totLen >> 8], [3, totLen & 255]);
      expect(result >>> 0, `total length ${totLen}`).toBe(code);
    }
  });

  test('wants the whole header in the linear part but not the whole packet', () => {
    const { checkIpv4Head } = functions(m, 'checkIpv4Head');
    const p = putAtEnd(m, FRAGMENT.subarray(0, 24));
    expect(checkIpv4Head(p, 24, 32)).toBe(0);
    expect(checkIpv4Head(p, 23, 32) >>> 0).toBe(constant(m, 'WIRE_HDR_LEN'));
    expect(checkIpv4Head(p, 24, 31) >>> 0).toBe(constant(m, 'WIRE_TRUNCATED'));
  });

  test('decreases the TTL and keeps the checksum right for every TTL and many sums', () => {
    const { ipv4DecreaseTtl } = functions(m, 'ipv4DecreaseTtl');
    for (let ttl = 1; ttl < 256; ttl++) {
      for (const id of [0, 1, 0x1c46, 0xe2fe, 0xe2ff, 0xe300, 0xffff, ttl * 0x101]) {
        const header = PING.slice(0, 20);
        header.set([id >> 8, id & 255], 4);
        header[8] = ttl;
        header.set(checksum(header), 10);
        const p = put(m, OUT, header);
        expect(ipv4DecreaseTtl(p)).toBe(ttl - 1);
        header[8] = ttl - 1;
        header.set(checksum(header), 10);
        expect(toHex(bytesAt(m, p, 20)), `ttl ${ttl}, id ${id}`).toBe(toHex(header));
      }
    }
  });

  test('each setter changes its own field only', () => {
    const changes: [string, number, string][] = [
      ['ipv4SetTos', 0x03, '45 03 001c 1c46 4000 40 01 1d91 c0a80102 08080808'],
      ['ipv4SetTotLen', 0x1234, '45 b8 1234 1c46 4000 40 01 1d91 c0a80102 08080808'],
      ['ipv4SetId', 0x1234, '45 b8 001c 1234 4000 40 01 1d91 c0a80102 08080808'],
      ['ipv4SetFragOff', 0x2001, '45 b8 001c 1c46 2001 40 01 1d91 c0a80102 08080808'],
      ['ipv4SetTtl', 0x7f, '45 b8 001c 1c46 4000 7f 01 1d91 c0a80102 08080808'],
      ['ipv4SetProtocol', 6, '45 b8 001c 1c46 4000 40 06 1d91 c0a80102 08080808'],
      ['ipv4SetSaddr', 0x0a0b0c0d, '45 b8 001c 1c46 4000 40 01 1d91 0a0b0c0d 08080808'],
      ['ipv4SetDaddr', 0x0a0b0c0d, '45 b8 001c 1c46 4000 40 01 1d91 c0a80102 0a0b0c0d'],
      ['ipv4SetIhl', 60, '4f b8 001c 1c46 4000 40 01 1d91 c0a80102 08080808'],
    ];
    for (const [name, value, after] of changes) {
      const f = functions(m, name);
      const p = putAtEnd(m, PING.subarray(0, 20));
      f[name]?.(p, value);
      expect(toHex(bytesAt(m, p, 20)), name).toBe(toHex(hex(after)));
    }
  });
});

function expectGetters(bytes: Uint8Array, expected: Record<string, number>): void {
  const p = putAtEnd(m, bytes);
  const f = functions(m, ...Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) expect(f[name]!(p) >>> 0, name).toBe(value);
}

/** The plain sum of RFC 1071 over a header, its checksum field left out. */
function checksum(header: Uint8Array): [number, number] {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) if (i !== 10) sum += (header[i]! << 8) | header[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return [(~sum >> 8) & 255, ~sum & 255];
}
