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

/** An echo request from 2001:db8::1 to 2001:db8:1::2, DSCP EF with ECT(0), flow label 0xabcde. */
const PING = hex(`
  6 ba abcde 0008 3a 40
  20010db8 00000000 00000000 00000001
  20010db8 00010000 00000000 00000002
  8000 4d5a 1234 0001`);
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/ipv6', () => {
  test('reads the golden header', () => {
    const p = putAtEnd(m, PING);
    const expected = {
      ipv6Version: 6,
      ipv6Dsfield: 0xba,
      ipv6Ecn: 2,
      ipv6Flowlabel: 0xabcde,
      ipv6PayloadLen: 8,
      ipv6Nexthdr: 58,
      ipv6HopLimit: 64,
      ipv6Saddr: p + 8,
      ipv6Daddr: p + 24,
    };
    const f = functions(m, ...Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(f[name]!(p), name).toBe(value);
  });

  test('writes the golden header', () => {
    const { emitIpv6 } = functions(m, 'emitIpv6');
    const p = putAtEnd(m, PING);
    expectEmitted(m, PING.subarray(0, 40), (at) => emitIpv6(at, 0xba, 0xabcde, 8, 58, 64, p + 8, p + 24));
  });

  test('each setter changes its own field only', () => {
    const changes: [string, number, string][] = [
      ['ipv6SetDsfield', 0x45, '6 45 abcde 0008 3a 40'],
      ['ipv6SetPayloadLen', 0x1234, '6 ba abcde 1234 3a 40'],
      ['ipv6SetNexthdr', 44, '6 ba abcde 0008 2c 40'],
      ['ipv6SetHopLimit', 255, '6 ba abcde 0008 3a ff'],
    ];
    for (const [name, value, after] of changes) {
      const p = putAtEnd(m, PING);
      functions(m, name)[name]?.(p, value);
      expect(toHex(bytesAt(m, p, 8)), name).toBe(toHex(hex(after)));
      expect(bytesAt(m, p + 8, 40)).toEqual(PING.subarray(8));
    }
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, PING, functions(m, 'checkIpv6').checkIpv6);
  });

  test('refuses every other version, and payload lengths behind the end', () => {
    const { checkIpv6 } = functions(m, 'checkIpv6');
    for (let version = 0; version < 16; version++) {
      const code = version === 6 ? 0 : constant(m, 'WIRE_VERSION');
      expect(checkChanged(m, PING, checkIpv6, [0, (version << 4) | 11]) >>> 0, `version ${version}`).toBe(
        code,
      );
    }
    for (const length of [0, 1, 7, 8, 9, 255, 256, 0xffff]) {
      const code = length > 8 ? constant(m, 'WIRE_TRUNCATED') : 0;
      const result = checkChanged(m, PING, checkIpv6, [4, length >> 8], [5, length & 255]);
      expect(result >>> 0, `payload length ${length}`).toBe(code);
    }
  });

  test('wants the header in the linear part but not the whole packet', () => {
    const { checkIpv6Head } = functions(m, 'checkIpv6Head');
    const p = putAtEnd(m, PING.subarray(0, 40));
    expect(checkIpv6Head(p, 40, 48)).toBe(0);
    expect(checkIpv6Head(p, 40, 47) >>> 0).toBe(constant(m, 'WIRE_TRUNCATED'));
    expect(checkIpv6Head(p, 39, 48) >>> 0).toBe(constant(m, 'WIRE_SHORT'));
  });
});
