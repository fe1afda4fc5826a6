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

describe('wire/icmp', () => {
  // name, header, type, code, getter of the second word, its value
  test.each([
    ['echo id', '0800 4d5a 1234 0001', 8, 0, 'icmpEchoId', 0x1234],
    ['echo sequence', '0000 4d5a 1234 0102', 0, 0, 'icmpEchoSequence', 0x0102],
    ['fragmentation needed', '0304 1122 0000 0500', 3, 4, 'icmpFragMtu', 1280],
    ['host redirect', '0501 1122 c0a801fe', 5, 1, 'icmpGateway', 0xc0a801fe],
    ['parameter problem', '0c00 1122 16000000', 12, 0, 'icmpParamPointer', 22],
  ])('reads and writes golden %s', (_name, text, type, code, getter, value) => {
    const f = functions(m, 'icmpType', 'icmpCode', 'icmpChecksumBe', 'icmpInfo', 'emitIcmp');
    const { icmpSetChecksumBe } = functions(m, 'icmpSetChecksumBe');
    const bytes = hex(text);
    const p = putAtEnd(m, bytes);
    expect([f.icmpType(p), f.icmpCode(p), functions(m, getter)[getter]!(p) >>> 0]).toEqual([
      type,
      code,
      value,
    ]);
    expectEmitted(m, bytes, (at) => {
      f.emitIcmp(at, type, code, f.icmpInfo(p));
      icmpSetChecksumBe(at, f.icmpChecksumBe(p));
    });
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, hex('0800 4d5a 1234 0001'), functions(m, 'checkIcmp').checkIcmp);
  });

  test('knows the errors among all types', () => {
    const { icmpIsError } = functions(m, 'icmpIsError');
    const errors = Array.from({ length: 256 }, (_, type) => type).filter((type) => icmpIsError(type) !== 0);
    expect(errors).toEqual([3, 4, 5, 11, 12]);
  });
});
