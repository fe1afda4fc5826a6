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

/** A SYN with MSS 1460 and window scale 7. */
const SYN = hex('d431 01bb 9f3a0001 00000000 70 c2 faf0 1b2c 0000  020405b4 01030307');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/tcp', () => {
  test('reads the golden header', () => {
    const expected = {
      tcpSource: 54321,
      tcpSourceBe: 0x31d4,
      tcpDest: 443,
      tcpDestBe: 0xbb01,
      tcpSeq: 0x9f3a0001,
      tcpAckSeq: 0,
      tcpDoff: 28,
      tcpOptLen: 8,
      tcpFlags: 0xc2,
      tcpWindow: 64240,
      tcpCheckBe: 0x2c1b,
      tcpUrgPtr: 0,
    };
    const p = putAtEnd(m, SYN);
    const f = functions(m, ...Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(f[name]!(p) >>> 0, name).toBe(value);
  });

  test('writes the golden header', () => {
    const f = functions(m, 'emitTcp', 'tcpSetCheckBe');
    expectEmitted(m, SYN.subarray(0, 20), (at) => {
      f.emitTcp(at, 54321, 443, 0x9f3a0001, 0, 28, constant(m, 'TCPHDR_SYN_ECN'), 64240);
      f.tcpSetCheckBe(at, 0x2c1b);
    });
  });

  test('keeps header length and reserved bits when the flags are set', () => {
    const { tcpSetFlags, tcpFlags } = functions(m, 'tcpSetFlags', 'tcpFlags');
    const p = putAtEnd(m, hex('0000 0000 00000000 00000000 5e 02 0000 0000 0000'));
    tcpSetFlags(p, 0x110);
    expect(toHex(bytesAt(m, p + 12, 2))).toBe('5f10');
    expect(tcpFlags(p)).toBe(0x110);
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, SYN, functions(m, 'checkTcp').checkTcp);
  });

  test('refuses every data offset below 5 or behind the segment', () => {
    const { checkTcp } = functions(m, 'checkTcp');
    for (let doff = 0; doff < 16; doff++) {
      const code = doff < 5 || doff > 7 ? constant(m, 'WIRE_HDR_LEN') : 0;
      expect(checkChanged(m, SYN, checkTcp, [12, doff << 4]) >>> 0, `data offset ${doff}`).toBe(code);
    }
  });
});
