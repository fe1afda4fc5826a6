import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  putAtEnd,
} from '../../test/wire_input.js';

let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/icmpv6', () => {
  // name, header, type, code, getter of the second word, its value
  test.each([
    ['echo id', '8000 4d5a 1234 0001', 128, 0, 'icmpv6EchoId', 0x1234],
    ['echo sequence', '8100 4d5a 1234 0102', 129, 0, 'icmpv6EchoSequence', 0x0102],
    ['packet too big', '0200 1122 00000500', 2, 0, 'icmpv6Mtu', 1280],
    ['parameter problem', '0402 1122 0000002a', 4, 2, 'icmpv6Pointer', 42],
    ['port unreachable', '0104 1122 00000000', 1, 4, 'icmpv6Info', 0],
  ])('reads and writes golden %s', (_name, text, type, code, getter, value) => {
    const f = functions(m, 'icmpv6Type', 'icmpv6Code', 'icmpv6ChecksumBe', 'icmpv6Info', 'emitIcmpv6');
    const { icmpv6SetChecksumBe } = functions(m, 'icmpv6SetChecksumBe');
    const bytes = hex(text);
    const p = putAtEnd(m, bytes);
    expect([f.icmpv6Type(p), f.icmpv6Code(p), functions(m, getter)[getter]!(p) >>> 0]).toEqual([
      type,
      code,
      value,
    ]);
    expectEmitted(m, bytes, (at) => {
      f.emitIcmpv6(at, type, code, f.icmpv6Info(p));
      icmpv6SetChecksumBe(at, f.icmpv6ChecksumBe(p));
    });
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, hex('8000 4d5a 1234 0001'), functions(m, 'checkIcmpv6').checkIcmpv6);
  });

  test('takes types below 128 for errors', () => {
    const { icmpv6IsError } = functions(m, 'icmpv6IsError');
    for (let type = 0; type < 256; type++) expect(icmpv6IsError(type)).toBe(type < 128 ? 1 : 0);
  });
});
