import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  bytesAt,
  functions,
  hex,
  loadWire,
  OUT,
  put,
  putAtEnd,
  toHex,
  u32At,
} from '../../test/wire_input.js';

const FIELDS = [
  'optlen',
  'srr',
  'isStrict',
  'rr',
  'ts',
  'routerAlert',
  'cipso',
  'rrNeedaddr',
  'tsNeedtime',
  'tsNeedaddr',
  'tsPrespec',
  'tsPrespecAddrBe',
  'tsOverflow',
  'end',
];
const HEADER = '4f 00 003c 0000 0000 40 01 0000 0a000001 0a000002';
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

function check(options: Uint8Array): number {
  return functions(m, 'ipv4OptionsCheck').ipv4OptionsCheck(putAtEnd(m, options), options.length, OUT);
}

/** The fields of the record that are not 0, but optlen and end. */
function found(): Record<string, number> {
  const entries = FIELDS.map((name, i) => [name, u32At(m, OUT + 4 * i)] as const);
  return Object.fromEntries(
    entries.filter(([name, value]) => value !== 0 && name !== 'optlen' && name !== 'end'),
  );
}

describe('wire/ipv4_options', () => {
  test.each([
    ['none', '', {}],
    ['NOPs', '01010101', {}],
    ['END and padding', '01000000', {}],
    ['record route with room', '07 07 04 00000000 00', { rr: 20, rrNeedaddr: 1 }],
    ['record route that is full', '07 07 08 0a000001 00', { rr: 20 }],
    ['loose source route', '01 83 0b 04 0a000001 0a000002', { srr: 21 }],
    ['strict source route', '89 07 08 0a000001 00', { srr: 20, isStrict: 1 }],
    ['timestamps only', '44 08 05 00 00000000', { ts: 20, tsNeedtime: 1 }],
    ['timestamps with addresses', '44 0c 05 01 00000000 00000000', { ts: 20, tsNeedtime: 1, tsNeedaddr: 1 }],
    ['prespecified', '44 0c 05 03 0a000001 00000000', { ts: 20, tsPrespec: 1, tsPrespecAddrBe: 0x0100000a }],
    ['full timestamps', '44 08 09 e0 00000000', { ts: 20, tsOverflow: 1 }],
    ['full prespecified', '44 0c 0d f3 0a000001 00000000', { ts: 20 }],
    ['timestamps with an unknown flag', '44 08 05 02 00000000', { ts: 20 }],
    ['router alert', '94 04 0000', { routerAlert: 20 }],
    ['router alert of a reserved value', '94 04 0001', {}],
    ['CIPSO', '86 08 00000001 0102', { cipso: 20 }],
    ['an unknown option', '9e 04 1234', {}],
    ['alert, then record route without room', '94 04 0000 07 03 04 00', { routerAlert: 20, rr: 24 }],
  ])('takes %s', (_name, text, expected) => {
    expect(check(hex(text))).toBe(0);
    expect(found()).toEqual(expected);
    expect(u32At(m, OUT)).toBe(hex(text).length);
  });

  test.each([
    ['a lone type at the end', '010101 07', 23],
    ['a length of 0', '07 00 0400', 20],
    ['a length of 1', '9e 01 0000', 20],
    ['a length behind the end', '9e 05 0000', 20],
    ['record route without a pointer', '07 02 01 01', 21],
    ['a record route pointer below 4', '07 07 03 00000000 00', 22],
    ['record route with room for half an address', '07 08 06 00000000 00', 22],
    ['two record routes', '07 07 04 00000000 07 07 04 00000000 0000', 27],
    ['source route without a pointer', '83 02 01 01', 21],
    ['a source route pointer below 4', '83 07 03 00000000 00', 22],
    ['two source routes', '83 07 04 0a000001 89 07 04 0a000001 0000', 27],
    ['timestamps without flags', '44 03 05 01', 21],
    ['a timestamp pointer below 5', '44 08 04 00 00000000', 22],
    ['timestamps with room for half a time', '44 08 06 00 00000000', 22],
    ['addresses with room for a time only', '44 08 05 01 00000000', 22],
    ['a prespecified address without a time', '44 08 05 03 00000000', 22],
    ['addresses with room for half a time', '44 0a 05 01 000000000000', 22],
    ['an overflow count that is full', '44 08 09 f0 00000000', 23],
    ['two timestamps', '44 08 05 00 00000000 44 08 05 00 00000000', 28],
    ['a short router alert', '94 03 00 00', 21],
    ['two CIPSOs', '86 06 00000001 86 06 00000001', 26],
  ])('names the bad byte of %s', (_name, text, offset) => {
    expect(check(hex(text))).toBe(offset);
  });

  test('reads no byte behind any truncation, and finds each cut option', () => {
    const whole = hex(
      '01 83 0b 04 0a000001 0a000002  44 0c 05 01 00000000 00000000  07 07 04 00000000 94 04 0000',
    );
    const ends = [0, 1, 12, 24, 31, 35];
    for (let length = 0; length <= whole.length; length++) {
      const start = ends.filter((end) => end <= length).at(-1)!;
      expect(check(whole.subarray(0, length)), `of ${length} bytes`).toBe(start === length ? 0 : 20 + start);
    }
  });

  test('finds every wrong length of every option', () => {
    for (const type of [7, 68, 130, 131, 134, 136, 137, 148, 200]) {
      for (let length = 0; length < 256; length++) {
        const options = new Uint8Array(12);
        options.set([type, length, 5]);
        const result = check(options);
        if (length < 2 || length > 12) expect(result, `type ${type}, length ${length}`).toBe(20);
      }
    }
  });

  test.each([
    ['record route', '07 07 04 00000000 00', 0, '07 07 08 c0a80101 00'],
    ['a time', '44 08 05 00 00000000', 0, '44 08 09 00 01020304'],
    ['address and time', '44 0c 05 01 00000000 00000000', 0, '44 0c 0d 01 c0a80101 01020304'],
    ['our prespecified', '44 0c 05 03 0a000001 00000000', 1, '44 0c 0d 03 0a000001 01020304'],
    ['an overflow', '44 08 09 20 00000000', 0, '44 08 09 30 00000000'],
    ['bytes behind END', '01 00 01 ff', 0, '01 00 00 00'],
  ])('stamps %s', (_name, before, ours, after) => {
    const { ipv4OptionsStamp } = functions(m, 'ipv4OptionsStamp');
    const packet = hex(`${HEADER}${before}`);
    expect(check(packet.subarray(20))).toBe(0);
    const iph = putAtEnd(m, packet);
    expect(ipv4OptionsStamp(iph, OUT, 0x0101a8c0, 0x01020304, ours)).toBe(1);
    expect(toHex(bytesAt(m, iph, packet.length))).toBe(toHex(hex(`${HEADER}${after}`)));
  });

  test.each([
    ['a foreign prespecified address', '44 0c 05 03 0a000001 00000000'],
    ['a full record route', '07 07 08 0a000001 00'],
    ['a source route and an alert', '83 07 04 0a000001 01 94 04 0000'],
    ['END with zeros behind', '01 00 00 00'],
  ])('leaves %s alone', (_name, text) => {
    const { ipv4OptionsStamp } = functions(m, 'ipv4OptionsStamp');
    const packet = hex(`${HEADER}${text}`);
    expect(check(packet.subarray(20))).toBe(0);
    const iph = putAtEnd(m, packet);
    expect(ipv4OptionsStamp(iph, OUT, 0x0101a8c0, 0x01020304, 0)).toBe(0);
    expect(bytesAt(m, iph, packet.length)).toEqual(packet);
  });

  test('replaces the recorded address on forwarding', () => {
    const f = functions(m, 'ipv4OptionsStamp', 'ipv4OptionsForward');
    const packet = hex(`${HEADER} 07 07 04 00000000 01 44 0c 05 01 00000000 00000000`);
    expect(check(packet.subarray(20))).toBe(0);
    const iph = putAtEnd(m, packet);
    f.ipv4OptionsStamp(iph, OUT, 0x0101a8c0, 5, 0);
    f.ipv4OptionsForward(iph, OUT, 0xfe01a8c0);
    expect(toHex(bytesAt(m, iph + 20, 20))).toBe(
      toHex(hex('07 07 08 c0a801fe 01 44 0c 0d 01 c0a801fe 00000005')),
    );
  });

  test('keeps only copied options in later fragments', () => {
    const { ipv4OptionsFragment } = functions(m, 'ipv4OptionsFragment');
    const p = putAtEnd(m, hex('07 07 04 00000000 94 04 0000 01 44 08 05 00 00000000'));
    ipv4OptionsFragment(p, 20);
    expect(toHex(bytesAt(m, p, 20))).toBe(toHex(hex('01010101010101 94 04 0000 01 0101010101010101')));
    const q = put(m, OUT, hex('07 09 04 00000000 00'));
    ipv4OptionsFragment(q, 8);
    expect(bytesAt(m, q, 8)).toEqual(hex('07 09 04 00000000 00'));
  });
});
