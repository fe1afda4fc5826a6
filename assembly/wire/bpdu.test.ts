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

/** Root 8000.020000000001, cost 4, bridge 8000.020000000002, port 8001; message age 1 s, 20 s, 2 s, 15 s. */
const CONFIG = '0000 00 00 81 8000020000000001 00000004 8000020000000002 8001 0100 1400 0200 0f00';

const NAMES = ['bpduType', 'bpduFlags', 'bpduRootPathCost', 'bpduPortId'] as const;
const TIMES = ['bpduMessageAge', 'bpduMaxAge', 'bpduHelloTime', 'bpduForwardDelay'] as const;

describe('wire/bpdu', () => {
  test('reads and writes a golden configuration BPDU', () => {
    const bytes = hex(CONFIG);
    const p = putAtEnd(m, bytes);
    const f = functions(m, 'checkBpdu', ...NAMES, ...TIMES);
    expect(f.checkBpdu(p, bytes.length)).toBe(0);
    expect(NAMES.map((name) => f[name](p))).toEqual([0, 0x81, 4, 0x8001]);
    expect(TIMES.map((name) => f[name](p))).toEqual([256, 20 * 256, 512, 15 * 256]);
    const ids = functions(m, 'bpduRootId', 'bpduBridgeId') as unknown as Record<
      string,
      (p: number) => bigint
    >;
    expect(ids.bpduRootId!(p) & 0xffffffffffffffffn).toBe(0x8000020000000001n);
    expect(ids.bpduBridgeId!(p) & 0xffffffffffffffffn).toBe(0x8000020000000002n);
    const emit = m.exports as unknown as Record<string, (...args: (number | bigint)[]) => void>;
    expectEmitted(m, bytes, (at) => {
      emit.emitBpduConfig!(at, 0x81, 0x8000020000000001n, 4, 0x8000020000000002n, 0x8001);
      emit.emitBpduTimes!(at, 256, 20 * 256, 512, 15 * 256);
    });
  });

  test('reads and writes a golden topology change notification', () => {
    const bytes = hex('0000 00 80');
    const f = functions(m, 'checkBpdu', 'bpduType', 'emitBpduTcn');
    const p = putAtEnd(m, bytes);
    expect([f.checkBpdu(p, 4), f.bpduType(p)]).toEqual([0, 0x80]);
    expectEmitted(m, bytes, (at) => f.emitBpduTcn(at));
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, hex(CONFIG), functions(m, 'checkBpdu').checkBpdu);
    expectTruncationsRefused(m, hex('0000 00 80'), functions(m, 'checkBpdu').checkBpdu);
  });

  test.each([
    ['another protocol', '0100 00 80', -2],
    ['a rapid spanning tree version', '0000 02 02', -2],
    ['an unknown type', '0000 00 02', -7],
    ['a message older than its maximum', CONFIG.replace('0100 1400', '1401 1400'), -7],
  ])('refuses %s', (_name, text, want) => {
    const bytes = hex(text);
    expect(functions(m, 'checkBpdu').checkBpdu(putAtEnd(m, bytes), bytes.length)).toBe(want);
  });
});
