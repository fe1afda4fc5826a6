import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import { expectEmitted, functions, hex, loadWire, OUT, put, putAtEnd, u32At } from '../../test/wire_input.js';

const FIELDS = [
  'saw',
  'mss',
  'wscale',
  'sackOk',
  'tsval',
  'tsecr',
  'sackPtr',
  'sackCount',
  'cookiePtr',
  'cookieLen',
];
const RECORD = OUT + 0x1000;
/** Linux's SYN. */
const SYN = hex('020405b4 0402080a 11223344 00000000 01030307');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

/** Fields that are not 0, pointers as offsets into the options. */
function parse(bytes: Uint8Array, syn: number): Record<string, number> & { code: number } {
  const p = putAtEnd(m, bytes);
  const code = functions(m, 'parseTcpOptions').parseTcpOptions(p, bytes.length, syn, RECORD);
  const fields: Record<string, number> & { code: number } = { code };
  FIELDS.forEach((name, i) => {
    const value = u32At(m, RECORD + 4 * i);
    if (value !== 0) fields[name] = name.endsWith('Ptr') ? value - p : value;
  });
  return fields;
}

describe('wire/tcp_options', () => {
  test.each([
    ['none', '', 1, {}],
    [
      'a SYN as Linux sends it',
      '020405b4 0402080a 11223344 00000000 01030307',
      1,
      { saw: 15, mss: 1460, wscale: 7, sackOk: 1, tsval: 0x11223344 },
    ],
    [
      'the same without SYN',
      '020405b4 0402080a 11223344 00000000 01030307',
      0,
      { saw: 8, tsval: 0x11223344 },
    ],
    ['timestamps', '0101080a 00000001 fffffffe', 0, { saw: 8, tsval: 1, tsecr: 0xfffffffe }],
    [
      'two SACK blocks',
      '01010512 00000001 00000002 00000005 00000009',
      0,
      { saw: 16, sackPtr: 4, sackCount: 2 },
    ],
    ['a shift above 14', '0303ff 00', 1, { saw: 2, wscale: 14 }],
    ['an MSS of 0', '02040000', 1, {}],
    ['a fast open cookie', '220a 0102030405060708', 1, { saw: 32, cookiePtr: 2, cookieLen: 8 }],
    ['a request for a cookie', '2202 0101', 1, { saw: 32, cookiePtr: 2 }],
    ['an MD5 signature', `1312 ${'00'.repeat(16)} 0000`, 0, { saw: 64 }],
    ['AO', '1d04 0102', 0, { saw: 128 }],
    ['what stands behind END', '00 020405b4', 1, {}],
    ['an unknown option before MSS', 'fd04 0000 020405b4', 1, { saw: 1, mss: 1460 }],
    ['known options of wrong lengths', '0206 00000000 030401 00 0403 00 0803 00 0506 00000000', 1, {}],
  ])('reads %s', (_name, text, syn, expected) => {
    expect(parse(hex(text), syn)).toEqual({ code: 0, ...expected });
  });

  test.each([
    ['a lone kind', '020405b4 08', { saw: 1, mss: 1460 }],
    ['a length of 0', '020405b4 0800', { saw: 1, mss: 1460 }],
    ['a length of 1', '020405b4 0801', { saw: 1, mss: 1460 }],
    ['a length behind the end', '020405b4 080a 0000', { saw: 1, mss: 1460 }],
  ])('keeps what it read before %s', (_name, text, expected) => {
    expect(parse(hex(text), 1)).toEqual({ code: -6, ...expected });
  });

  test('reads nothing behind any truncation, nor with any wrong length', () => {
    const whole = hex(
      '020405b4 0402080a 11223344 00000000 01030307 01010512 00000001 00000002 00000005 00000009',
    );
    const ends = [0, 4, 6, 16, 17, 20, 21, 22, 40];
    for (let length = 0; length <= whole.length; length++) {
      expect(parse(whole.subarray(0, length), 1).code === 0, `of ${length} bytes`).toBe(
        ends.includes(length),
      );
    }
    for (const kind of [2, 3, 4, 5, 8, 19, 29, 34, 254]) {
      for (let length = 0; length < 256; length++) {
        const bytes = new Uint8Array(40);
        bytes.set([kind, length]);
        expect(parse(bytes, 1).code === 0, `kind ${kind}, length ${length}`).toBe(
          length >= 2 && length <= 40,
        );
      }
    }
  });

  test.each([
    ['a SYN', SYN, 1],
    ['a SYN without timestamps', hex('020405b4 01010402 01030307'), 1],
    ['a SYN that asks for a cookie', hex('020405b4 0402080a 11223344 00000000 01030307 2202 0101'), 1],
    ['a SYN with a cookie', hex('020405b4 220a 0102030405060708 0101'), 1],
    ['timestamps', hex('0101080a 00000001 fffffffe'), 0],
    ['timestamps and SACK', hex('0101080a 00000001 fffffffe 0101050a 00000001 00000002'), 0],
    ['nothing', hex(''), 0],
  ])('writes the options of %s as it read them', (_name, bytes, syn) => {
    const f = functions(m, 'emitTcpOptions', 'tcpOptionsLen');
    parse(bytes, syn);
    expect(f.tcpOptionsLen(RECORD)).toBe(bytes.length);
    expectEmitted(m, bytes, (at) => expect(f.emitTcpOptions(at, RECORD)).toBe(bytes.length));
  });

  test('gives the edges of SACK blocks in host order', () => {
    const f = functions(m, 'tcpSackLeft', 'tcpSackRight');
    parse(hex('01010512 00000001 00000002 80000005 f0000009'), 0);
    expect([f.tcpSackLeft(RECORD, 0), f.tcpSackRight(RECORD, 0)]).toEqual([1, 2]);
    expect([f.tcpSackLeft(RECORD, 1) >>> 0, f.tcpSackRight(RECORD, 1) >>> 0]).toEqual([
      0x80000005, 0xf0000009,
    ]);
  });

  test('walks to the end behind END', () => {
    const { tcpOptNext } = functions(m, 'tcpOptNext');
    const p = put(m, OUT, hex('01 0402 00 ff'));
    expect([0, 1, 3, 5].map((pos) => tcpOptNext(p, 5, pos))).toEqual([1, 3, 5, -1]);
  });
});
