import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  constant,
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  OUT,
  putAtEnd,
  u32At,
} from '../../test/wire_input.js';

const HOP_ROUTER_ALERT = '__ 00 05 02 0000 01 00';
const DEST_16 = '__ 01 01 0c 000000000000000000000000';
const ROUTING = '__ 02 04 01 00000000 20010db8000000000000000000000001';
const AUTH = '__ 04 0000 00000001 00000002 000102030405060708090a0b';
const FRAG_FIRST = '__ 00 0001 12345678';
const FRAG_LATER = '__ 00 05a8 12345678';
const UDP = 'd431 0035 0008 0000';
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

/** Joins headers, each given its next header in place of `__`. */
function chain(...parts: (string | number)[]): Uint8Array {
  let text = '';
  for (let i = 0; i < parts.length; i += 2) {
    const next = (parts[i + 1] as number | undefined) ?? 0;
    text += (parts[i] as string).replace('__', next.toString(16).padStart(2, '0'));
  }
  return hex(text);
}

function skip(bytes: Uint8Array, nexthdr: number): [number, number, number] {
  const { ipv6SkipExthdr } = functions(m, 'ipv6SkipExthdr');
  const offset = ipv6SkipExthdr(putAtEnd(m, bytes), bytes.length, nexthdr, OUT, OUT + 4);
  return [offset, u32At(m, OUT), u32At(m, OUT + 4)];
}

describe('wire/ipv6_ext', () => {
  // name, packet behind the IPv6 header, its next header, [offset, upper protocol, fragment field]
  test.each([
    ['no extension header', chain(UDP), 17, [0, 17, 0]],
    ['Hop-by-Hop', chain(HOP_ROUTER_ALERT, 17, UDP), 0, [8, 17, 0]],
    ['destination options', chain(DEST_16, 17, UDP), 60, [16, 17, 0]],
    ['routing', chain(ROUTING, 17, UDP), 43, [24, 17, 0]],
    ['AH', chain(AUTH, 17, UDP), 51, [24, 17, 0]],
    ['a first fragment', chain(FRAG_FIRST, 17, UDP), 44, [8, 17, 1]],
    ['a later fragment', chain(FRAG_LATER, 17, UDP), 44, [0, 44, 0x05a8]],
    [
      'all of them',
      chain(HOP_ROUTER_ALERT, 60, DEST_16, 43, ROUTING, 44, FRAG_FIRST, 51, AUTH, 17, UDP),
      0,
      [80, 17, 1],
    ],
    ['Hop-by-Hop and a later fragment', chain(HOP_ROUTER_ALERT, 44, FRAG_LATER, 17, UDP), 0, [8, 44, 0x05a8]],
    ['ESP, where it ends', chain(DEST_16, 50, UDP), 60, [16, 50, 0]],
  ] as [string, Uint8Array, number, number[]][])(
    'finds the upper layer behind %s',
    (_name, bytes, nexthdr, expected) => {
      expect(skip(bytes, nexthdr)).toEqual(expected);
    },
  );

  test('finds none where there is none', () => {
    expect(skip(new Uint8Array(0), 59)[0]).toBe(-1);
    expect(skip(chain(DEST_16, 59), 60)[0]).toBe(-1);
  });

  test('reads nothing behind any truncation of a chain', () => {
    const whole = chain(HOP_ROUTER_ALERT, 60, DEST_16, 43, ROUTING, 44, FRAG_FIRST, 51, AUTH, 17, UDP);
    for (let length = 0; length <= whole.length; length++) {
      expect(skip(whole.subarray(0, length), 0)[0], `of ${length} bytes`).toBe(length < 80 ? -1 : 80);
    }
  });

  test.each([
    ['Hop-by-Hop', 0, 8],
    ['routing', 43, 8],
    ['destination', 60, 8],
    ['AH', 51, 4],
  ])('finds every wrong length of a %s header', (_name, nexthdr, unit) => {
    const { checkIpv6Ext } = functions(m, 'checkIpv6Ext');
    for (let hdrlen = 0; hdrlen < 256; hdrlen++) {
      const bytes = new Uint8Array(40);
      bytes.set([17, hdrlen]);
      const length = unit === 8 ? (hdrlen + 1) * 8 : (hdrlen + 2) * 4;
      expect(skip(bytes, nexthdr)[0], `hdrlen ${hdrlen}`).toBe(length > 40 ? -1 : length);
      const right = length <= 40 && (nexthdr !== 51 || length >= 12);
      expect(checkIpv6Ext(putAtEnd(m, bytes), 40, nexthdr) === 0, `hdrlen ${hdrlen}`).toBe(right);
    }
    expectTruncationsRefused(m, hex('1100000000000000'), (p, len) =>
      checkIpv6Ext(p, len, nexthdr === 51 ? 60 : nexthdr),
    );
  });

  test('finds a header by its type, a Hop-by-Hop only as the first', () => {
    const { ipv6FindExthdr } = functions(m, 'ipv6FindExthdr');
    const whole = chain(HOP_ROUTER_ALERT, 60, DEST_16, 43, ROUTING, 44, FRAG_FIRST, 17, UDP);
    const p = putAtEnd(m, whole);
    const offsets = [0, 60, 43, 44, 51, 17].map((target) => ipv6FindExthdr(p, whole.length, 0, target));
    expect(offsets).toEqual([0, 8, 24, 48, -1, -1]);
    const misplaced = chain(DEST_16, 0, HOP_ROUTER_ALERT, 17, UDP);
    expect(ipv6FindExthdr(putAtEnd(m, misplaced), misplaced.length, 60, 0)).toBe(-1);
    const later = chain(FRAG_LATER, 60, DEST_16, 17);
    expect(ipv6FindExthdr(putAtEnd(m, later), later.length, 44, 44)).toBe(0);
    expect(ipv6FindExthdr(putAtEnd(m, later), later.length, 44, 60)).toBe(-1);
    for (let length = 0; length < 48; length++) {
      expect(ipv6FindExthdr(putAtEnd(m, whole.subarray(0, length)), length, 0, 44)).toBe(-1);
    }
  });

  test('reads and writes a golden fragment header, and reads a routing header', () => {
    const names = ['ipv6FragOff', 'ipv6FragOffBytes', 'ipv6FragMf', 'ipv6FragId', 'ipv6ExtNexthdr'] as const;
    const f = functions(m, ...names, 'emitIpv6Frag', 'ipv6RtType', 'ipv6RtSegmentsLeft');
    const bytes = hex('11 00 05a9 12345678');
    const p = putAtEnd(m, bytes);
    expect(names.map((name) => f[name](p))).toEqual([0x05a9, 1448, 1, 0x12345678, 17]);
    expectEmitted(m, bytes, (at) => f.emitIpv6Frag(at, 17, 0x05a9, 0x12345678));
    const routing = putAtEnd(m, chain(ROUTING, 17));
    expect([f.ipv6RtType(routing), f.ipv6RtSegmentsLeft(routing)]).toEqual([4, 1]);
  });

  test.each([
    ['nothing', '', 'WIRE_OK'],
    ['router alert and PadN', '05 02 0000 01 00', 'WIRE_OK'],
    ['seven bytes of padding', '01 05 0000000000', 'WIRE_OK'],
    ['Pad1 before and behind an option', '00 00 05 02 0000 00', 'WIRE_OK'],
    ['eight bytes of padding', '01 06 000000000000', 'WIRE_FIELD'],
    ['eight Pad1', '0000000000000000', 'WIRE_FIELD'],
    ['PadN behind Pad1, eight together', '00 01 05 0000000000', 'WIRE_FIELD'],
    ['PadN that is not zero', '01 02 0001', 'WIRE_FIELD'],
    ['a lone type', '05 02 0000 c2', 'WIRE_OPTION'],
    ['a length behind the end', '05 03 0000', 'WIRE_OPTION'],
    ['PadN behind the end', '01 01', 'WIRE_OPTION'],
  ])('answers options of %s with %s', (_name, text, code) => {
    const { ipv6OptionsCheck } = functions(m, 'ipv6OptionsCheck');
    const bytes = hex(text);
    expect(ipv6OptionsCheck(putAtEnd(m, bytes), bytes.length) >>> 0).toBe(constant(m, code));
  });

  test('walks options and refuses the one that is cut', () => {
    const { ipv6OptNext } = functions(m, 'ipv6OptNext');
    const bytes = hex('00 05 02 0000 c2 04 00010000');
    const walk = (length: number): number[] => {
      const p = putAtEnd(m, bytes.subarray(0, length));
      const positions: number[] = [];
      for (let pos = 0; pos >= 0 && pos < length; ) {
        pos = ipv6OptNext(p, length, pos);
        positions.push(pos);
      }
      return positions;
    };
    expect(walk(11)).toEqual([1, 5, 11]);
    for (let length = 1; length < 11; length++) {
      if (length !== 1 && length !== 5) expect(walk(length).at(-1), `of ${length} bytes`).toBe(-1);
    }
    expect(walk(0)).toEqual([]);
  });

  test('reads what to do with an unknown option from its type', () => {
    const { ipv6OptAction, ipv6OptMayChange } = functions(m, 'ipv6OptAction', 'ipv6OptMayChange');
    expect([0x05, 0x45, 0x85, 0xc5].map((type) => ipv6OptAction(type))).toEqual([0, 1, 2, 3]);
    expect([0x05, 0x25, 0xc2, 0xe2].map((type) => ipv6OptMayChange(type))).toEqual([0, 1, 0, 1]);
  });
});
