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

const TARGET = 'fe800000000000000000000000000001';
const DEST = '20010db8000000000000000000000002';
const SLLA = '0101 020000000001';
const MESSAGES: Record<string, [check: string, fixed: number, text: string]> = {
  RS: ['checkNdRs', 8, '8500 0000 00000000'],
  RA: ['checkNdRa', 16, '8600 0000 40 c8 0708 00007530 000003e8'],
  NS: ['checkNdNs', 24, `8700 0000 00000000 ${TARGET}`],
  NA: ['checkNdNa', 24, `8800 0000 e0000000 ${TARGET}`],
  Redirect: ['checkNdRedirect', 40, `8900 0000 00000000 ${TARGET} ${DEST}`],
};
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/ndisc', () => {
  test('reads the golden router advertisement', () => {
    const expected = {
      ndRaHopLimit: 64,
      ndRaFlags: 0xc8,
      ndRaLifetime: 1800,
      ndRaReachable: 30000,
      ndRaRetrans: 1000,
    };
    const p = putAtEnd(m, hex(MESSAGES.RA![2]));
    const f = functions(m, ...Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(f[name]!(p), name).toBe(value);
  });

  test('reads target, destination and flags', () => {
    const f = functions(m, 'ndTarget', 'ndRedirectDest', 'ndNaFlags');
    const p = putAtEnd(m, hex(MESSAGES.NA![2]));
    expect([f.ndTarget(p), f.ndRedirectDest(p)]).toEqual([p + 8, p + 24]);
    expect(f.ndNaFlags(p) >>> 0).toBe(0xe0000000);
  });

  test('writes each golden message', () => {
    const f = functions(m, 'emitNdRs', 'emitNdRa', 'emitNdNs', 'emitNdNa', 'emitNdRedirect');
    const p = putAtEnd(m, hex(TARGET + DEST));
    const emitters: Record<string, (at: number) => number> = {
      RS: (at) => f.emitNdRs(at),
      RA: (at) => f.emitNdRa(at, 64, 0xc8, 1800, 30000, 1000),
      NS: (at) => f.emitNdNs(at, p),
      NA: (at) => f.emitNdNa(at, 0xe0000000, p),
      Redirect: (at) => f.emitNdRedirect(at, p, p + 16),
    };
    for (const [name, emit] of Object.entries(emitters)) expectEmitted(m, hex(MESSAGES[name]![2]), emit);
  });

  test.each(Object.entries(MESSAGES))(
    'refuses every truncation of a %s',
    (_name, [checkName, fixed, text]) => {
      const check = functions(m, checkName)[checkName]!;
      expectTruncationsRefused(m, hex(text), check);
      for (const options of [SLLA, `${SLLA} 0501 0000 000005dc`]) {
        const bytes = hex(text + options);
        for (let length = 0; length <= bytes.length; length++) {
          const right = length >= fixed && (length - fixed) % 8 === 0;
          const code = check(putAtEnd(m, bytes.subarray(0, length)), length);
          expect(code === 0, `of ${length} bytes`).toBe(right);
        }
      }
    },
  );

  test.each(Object.entries(MESSAGES))(
    'refuses a %s with a code, or an option of a wrong length',
    (_name, [checkName, fixed, text]) => {
      const check = functions(m, checkName)[checkName]!;
      expect(checkChanged(m, hex(text), check, [1, 1]) >>> 0).toBe(constant(m, 'WIRE_FIELD'));
      for (let length = 0; length < 256; length++) {
        const code = checkChanged(m, hex(text + SLLA), check, [fixed + 1, length]);
        expect(code >>> 0, `length ${length}`).toBe(constant(m, length === 1 ? 'WIRE_OK' : 'WIRE_OPTION'));
      }
    },
  );

  test('refuses groups as targets', () => {
    for (const name of ['NS', 'NA']) {
      const [checkName, , text] = MESSAGES[name]!;
      const code = checkChanged(m, hex(text), functions(m, checkName)[checkName]!, [8, 0xff]);
      expect(code >>> 0, name).toBe(constant(m, 'WIRE_FIELD'));
    }
  });

  test.each([
    ['a link-local target', TARGET, DEST, 'WIRE_OK'],
    ['the destination itself on the link', DEST, DEST, 'WIRE_OK'],
    ['a global target that is not the destination', '20010db8000000000000000000000003', DEST, 'WIRE_FIELD'],
    ['a group as destination', TARGET, 'ff020000000000000000000000000001', 'WIRE_FIELD'],
  ])('answers a redirect to %s', (_name, target, dest, code) => {
    const bytes = hex(`8900 0000 00000000 ${target} ${dest}`);
    const { checkNdRedirect } = functions(m, 'checkNdRedirect');
    expect(checkNdRedirect(putAtEnd(m, bytes), bytes.length) >>> 0).toBe(constant(m, code));
  });
});
