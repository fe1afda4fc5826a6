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
  putAtEnd,
  toHex,
} from '../../test/wire_input.js';

/** From a DNS client's port, four bytes of payload. */
const DATAGRAM = hex('d431 0035 000c 5a1e  deadbeef');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/udp', () => {
  test('reads and writes the golden header', () => {
    const f = functions(
      m,
      'udpSource',
      'udpSourceBe',
      'udpDest',
      'udpDestBe',
      'udpLen',
      'udpCheckBe',
      'emitUdp',
    );
    const { udpSetCheckBe } = functions(m, 'udpSetCheckBe');
    const p = putAtEnd(m, DATAGRAM);
    expect([f.udpSource(p), f.udpDest(p), f.udpLen(p), f.udpCheckBe(p)]).toEqual([54321, 53, 12, 0x1e5a]);
    expect([f.udpSourceBe(p), f.udpDestBe(p)]).toEqual([0x31d4, 0x3500]);
    expectEmitted(m, DATAGRAM.subarray(0, 8), (at) => {
      f.emitUdp(at, 54321, 53, 12);
      expect(toHex(bytesAt(m, at + 6, 2))).toBe('0000');
      udpSetCheckBe(at, 0x1e5a);
    });
  });

  test('refuses every truncation', () => {
    const { checkUdp } = functions(m, 'checkUdp');
    expectTruncationsRefused(m, DATAGRAM, checkUdp);
  });

  test.each([
    [0, 'WIRE_TOT_LEN'],
    [7, 'WIRE_TOT_LEN'],
    [8, 'WIRE_OK'],
    [11, 'WIRE_OK'],
    [12, 'WIRE_OK'],
    [13, 'WIRE_TRUNCATED'],
    [256, 'WIRE_TRUNCATED'],
    [65535, 'WIRE_TRUNCATED'],
  ])('answers a length of %i with %s', (length, code) => {
    const { checkUdp } = functions(m, 'checkUdp');
    expect(checkChanged(m, DATAGRAM, checkUdp, [4, length >> 8], [5, length & 255]) >>> 0).toBe(
      constant(m, code),
    );
  });

  test('over IPv6 takes a length of 0 for the whole payload', () => {
    const { checkUdp6Head } = functions(m, 'checkUdp6Head');
    const p = putAtEnd(m, hex('d431 0035 0000 5a1e'));
    expect(checkUdp6Head(p, 8, 70000)).toBe(0);
    expect(checkUdp6Head(p, 7, 70000) >>> 0).toBe(constant(m, 'WIRE_SHORT'));
    expect(checkUdp6Head(putAtEnd(m, DATAGRAM), 12, 12)).toBe(0);
    expect(checkUdp6Head(putAtEnd(m, DATAGRAM), 12, 11) >>> 0).toBe(constant(m, 'WIRE_TRUNCATED'));
  });
});
