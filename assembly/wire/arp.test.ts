import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  checkChanged,
  constant,
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  putAtEnd,
} from '../../test/wire_input.js';

const REQUEST = hex(`
  0001 0800 06 04 0001
  525400123456 c0a80102   # sender
  000000000000 c0a80101   # target`);
const REPLY = hex('0001 0800 06 04 0002 020000000001 0a000001 525400123456 0a0000fe');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/arp', () => {
  test('reads and writes a golden request', () => {
    const f = functions(
      m,
      'arpOp',
      'arpSha',
      'arpSip',
      'arpSipBe',
      'arpTha',
      'arpTip',
      'arpTipBe',
      'emitArp',
    );
    const p = putAtEnd(m, REQUEST);
    expect(f.arpOp(p)).toBe(constant(m, 'ARPOP_REQUEST'));
    expect(f.arpSha(p)).toBe(p + 8);
    expect(f.arpSip(p) >>> 0).toBe(0xc0a80102);
    expect(f.arpSipBe(p) >>> 0).toBe(0x0201a8c0);
    expect(f.arpTha(p)).toBe(p + 18);
    expect(f.arpTip(p) >>> 0).toBe(0xc0a80101);
    expect(f.arpTipBe(p) >>> 0).toBe(0x0101a8c0);
    expectEmitted(m, REQUEST, (at) => f.emitArp(at, 1, p + 8, 0xc0a80102, 0, 0xc0a80101));
  });

  test('writes a golden reply', () => {
    const { emitArp } = functions(m, 'emitArp');
    const p = putAtEnd(m, REPLY);
    expectEmitted(m, REPLY, (at) => emitArp(at, 2, p + 8, 0x0a000001, p + 18, 0x0a0000fe));
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, REQUEST, functions(m, 'checkArp').checkArp);
  });

  test.each([
    ['hardware type 7', [1, 7], 'WIRE_VERSION'],
    ['hardware type 0x0101', [0, 1], 'WIRE_VERSION'],
    ['a protocol other than IPv4', [3, 6], 'WIRE_VERSION'],
    ['hardware addresses of 5 bytes', [4, 5], 'WIRE_HDR_LEN'],
    ['hardware addresses of 255 bytes', [4, 255], 'WIRE_HDR_LEN'],
    ['protocol addresses of 3 bytes', [5, 3], 'WIRE_HDR_LEN'],
    ['protocol addresses of 16 bytes', [5, 16], 'WIRE_HDR_LEN'],
  ] as [string, [number, number], string][])('refuses %s', (_name, change, code) => {
    const { checkArp } = functions(m, 'checkArp');
    expect(checkChanged(m, REQUEST, checkArp, change) >>> 0).toBe(constant(m, code));
  });

  test('takes the hardware type of IEEE 802 networks', () => {
    expect(checkChanged(m, REQUEST, functions(m, 'checkArp').checkArp, [1, 6])).toBe(0);
  });
});
