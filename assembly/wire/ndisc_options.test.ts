import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  constant,
  expectEmitted,
  functions,
  hex,
  loadWire,
  OUT,
  putAtEnd,
  u32At,
} from '../../test/wire_input.js';

const PREFIX = '20010db8000100000000000000000000';
const OPTIONS = {
  sourceLlAddr: '0101 020000000001',
  targetLlAddr: '0201 525400123456',
  prefixInfo: `0304 40 c0 00278d00 00093a80 00000000 ${PREFIX}`,
  redirectHdr: '0402 000000000000 6000000000000000',
  mtu: '0501 0000 000005dc',
  nonce: '0e01 010203040506',
  routeInfo: '1802 30 08 00000e10 20010db800020000',
  rdnss: `1905 0000 00000258 ${PREFIX} ${PREFIX}`,
  dnssl: '1f02 0000 00000258 036c616e00000000',
};
const FIELDS = Object.keys(OPTIONS);
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

/** [code, offset of each option found]. */
function parse(bytes: Uint8Array): [number, Record<string, number>] {
  const p = putAtEnd(m, bytes);
  const code = functions(m, 'parseNdOptions').parseNdOptions(p, bytes.length, OUT);
  const found: Record<string, number> = {};
  FIELDS.forEach((name, i) => {
    const at = u32At(m, OUT + 4 * i);
    if (at !== 0) found[name] = at - p;
  });
  return [code, found];
}

describe('wire/ndisc_options', () => {
  test('finds every option of a message, and the first where there are two', () => {
    const all = Object.values(OPTIONS).join('');
    let offset = 0;
    const expected: Record<string, number> = {};
    for (const [name, text] of Object.entries(OPTIONS)) {
      expected[name] = offset;
      offset += hex(text).length;
    }
    expect(parse(hex(all))).toEqual([0, expected]);
    expect(parse(hex(all + all))).toEqual([0, expected]);
    expect(parse(new Uint8Array(0))).toEqual([0, {}]);
  });

  test('refuses every truncation within an option', () => {
    const all = hex(Object.values(OPTIONS).join(''));
    const ends = [0];
    for (const text of Object.values(OPTIONS)) ends.push(ends.at(-1)! + hex(text).length);
    for (let length = 0; length <= all.length; length++) {
      expect(parse(all.subarray(0, length))[0] === 0, `of ${length} bytes`).toBe(ends.includes(length));
    }
  });

  test.each([
    ['a link-layer address of 14 bytes', `0102 020000000001 ${'00'.repeat(8)}`],
    ['a prefix of one unit', '0301 40c0 00000000'],
    ['a prefix longer than 128', OPTIONS.prefixInfo.replace('40 c0', '81 c0')],
    ['an MTU of two units', '0502 0000 000005dc 0000000000000000'],
    ['a route of four units', `1804 30 08 00000e10 ${PREFIX} 0000000000000000`],
    ['a /65 route in two units', OPTIONS.routeInfo.replace('30', '41')],
    ['a /1 route in one unit', '1801 01 08 00000e10'],
    ['a /129 route', `1803 81 08 00000e10 ${PREFIX}`],
    ['RDNSS without a server', '1901 0000 00000258'],
    ['RDNSS with half a server', '1902 0000 00000258 20010db800010000'],
    ['RDNSS with one and a half', `1904 0000 00000258 ${PREFIX} 20010db800010000`],
    ['DNSSL without a name', '1f01 0000 00000258'],
    ['an unknown type', 'fd01 000000000000'],
  ])('passes over %s', (_name, text) => {
    expect(parse(hex(text + OPTIONS.mtu))).toEqual([0, { mtu: hex(text).length }]);
  });

  test('keeps a default route of one unit', () => {
    expect(parse(hex('1801 00 18 00000e10'))).toEqual([0, { routeInfo: 0 }]);
  });

  test('makes a message void by a length of 0 or behind the end', () => {
    for (let type = 0; type < 256; type++) {
      expect(parse(Uint8Array.from([5, 1, 0, 0, 0, 0, 5, 220, type, 0, 0, 0, 0, 0, 0, 0]))[0]).toBe(-6);
      expect(parse(Uint8Array.from([type, 2, 0, 0, 0, 0, 0, 0]))[0]).toBe(-6);
    }
  });

  test('reads the fields of each option', () => {
    const read = (text: string, getters: Record<string, number>): void => {
      const p = putAtEnd(m, hex(text));
      const f = functions(m, ...Object.keys(getters));
      for (const [name, value] of Object.entries(getters)) expect(f[name]!(p) >>> 0, name).toBe(value);
    };
    read(OPTIONS.mtu, { ndOptType: 5, ndOptLen: 8, ndOptMtu: 1500 });
    read(OPTIONS.prefixInfo, {
      ndPrefixLen: 64,
      ndPrefixFlags: 0xc0,
      ndPrefixValid: 2592000,
      ndPrefixPreferred: 604800,
    });
    read(OPTIONS.routeInfo, { ndRouteLen: 48, ndRoutePref: 1, ndRouteLifetime: 3600 });
    read(OPTIONS.rdnss, { ndOptLen: 40, ndRdnssLifetime: 600, ndRdnssCount: 2 });
    const f = functions(m, 'ndOptLladdr', 'ndPrefix', 'ndRoutePrefix', 'ndRdnssAddr');
    const p = putAtEnd(m, hex(OPTIONS.rdnss));
    expect([f.ndOptLladdr(p), f.ndPrefix(p), f.ndRoutePrefix(p), f.ndRdnssAddr(p, 1)]).toEqual([
      p + 2,
      p + 16,
      p + 8,
      p + 24,
    ]);
  });

  test('writes the golden options', () => {
    const f = functions(m, 'emitNdOptLladdr', 'emitNdOptMtu', 'emitNdOptPrefixInfo', 'emitNdOptRedirectHdr');
    const mac = putAtEnd(m, hex('020000000001'));
    const length = (bytes: string): number => hex(bytes).length;
    expectEmitted(m, hex(OPTIONS.sourceLlAddr), (at) => {
      expect(f.emitNdOptLladdr(at, constant(m, 'ND_OPT_SOURCE_LL_ADDR'), mac)).toBe(8);
    });
    expectEmitted(m, hex(OPTIONS.mtu), (at) => expect(f.emitNdOptMtu(at, 1500)).toBe(8));
    const prefix = putAtEnd(m, hex(PREFIX));
    expectEmitted(m, hex(OPTIONS.prefixInfo), (at) => {
      expect(f.emitNdOptPrefixInfo(at, 64, 0xc0, 2592000, 604800, prefix)).toBe(length(OPTIONS.prefixInfo));
    });
    expectEmitted(m, hex('0402 000000000000'), (at) => expect(f.emitNdOptRedirectHdr(at, 8)).toBe(8));
    expectEmitted(m, hex('0497 000000000000'), (at) => expect(f.emitNdOptRedirectHdr(at, 1200)).toBe(8));
  });
});
