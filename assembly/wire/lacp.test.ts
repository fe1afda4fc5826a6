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

const LACPDU = `01 01 01 14 ffff 020000000001 000f 00ff 0002 3d 000000
  02 14 8000 0a0b0c0d0e0f 0021 0010 0007 c7 000000 03 10 0000 ${'00'.repeat(12)} 00 00 ${'00'.repeat(50)}`;
const MARKER = `02 01 01 10 0007 020000000009 01020304 0000 00 00 ${'00'.repeat(90)}`;

let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/lacp', () => {
  test('reads and writes a golden LACPDU', () => {
    const f = functions(
      m,
      'checkSlowPdu',
      'slowSubtype',
      'lacpActor',
      'lacpPartner',
      'lacpSysPrio',
      'lacpSystem',
      'lacpKey',
      'lacpPortPrio',
      'lacpPort',
      'lacpState',
      'emitLacpdu',
      'emitLacpInfo',
    );
    const p = putAtEnd(m, hex(LACPDU));
    expect([f.checkSlowPdu(p, 110), f.slowSubtype(p)]).toEqual([0, 1]);
    const info = (at: number) => [
      f.lacpSysPrio(at),
      f.lacpKey(at),
      f.lacpPortPrio(at),
      f.lacpPort(at),
      f.lacpState(at),
    ];
    expect(info(f.lacpActor(p))).toEqual([0xffff, 15, 255, 2, 0x3d]);
    expect(info(f.lacpPartner(p))).toEqual([0x8000, 0x21, 16, 7, 0xc7]);
    expect(f.lacpSystem(f.lacpPartner(p))).toBe(0x0f0e0d0c0b0an);
    expectEmitted(m, hex(LACPDU), (at) => {
      f.emitLacpdu(at);
      for (const part of [f.lacpActor, f.lacpPartner]) {
        const [sysPrio, key, portPrio, port, state] = info(part(p));
        f.emitLacpInfo(part(at), sysPrio!, f.lacpSystem(part(p)), key!, portPrio!, port!, state!);
      }
    });
  });

  test('makes a response of a marker', () => {
    const f = functions(m, 'checkSlowPdu', 'slowSubtype', 'markerTlvType', 'markerSetResponse');
    const p = putAtEnd(m, hex(MARKER));
    expect([f.checkSlowPdu(p, 110), f.slowSubtype(p), f.markerTlvType(p)]).toEqual([0, 2, 1]);
    f.markerSetResponse(p);
    expect(f.markerTlvType(p)).toBe(2);
  });

  test('refuses every truncation and unknown subtypes', () => {
    const { checkSlowPdu } = functions(m, 'checkSlowPdu');
    expectTruncationsRefused(m, hex(LACPDU), checkSlowPdu);
    expect(checkSlowPdu(putAtEnd(m, hex(LACPDU.replace('01', '0a'))), 110)).toBeLessThan(0);
  });
});
