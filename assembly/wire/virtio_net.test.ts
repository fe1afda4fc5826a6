import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import { constant, expectEmitted, functions, hex, loadWire, putAtEnd } from '../../test/wire_input.js';

/** A TCPv4 GSO frame: headers 66, segments of 1448, checksum from 34, at 34 + 16. */
const GSO = hex('01 01 4200 a805 2200 1000 0300');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/virtio_net', () => {
  test('reads and writes the golden header', () => {
    const expected = {
      virtioNetFlags: 1,
      virtioNetGsoType: 1,
      virtioNetHdrLen: 66,
      virtioNetGsoSize: 1448,
      virtioNetCsumStart: 34,
      virtioNetCsumOffset: 16,
      virtioNetNumBuffers: 3,
    };
    const p = putAtEnd(m, GSO);
    const f = functions(m, ...Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(f[name]!(p), name).toBe(value);
    const { emitVirtioNetHdr, virtioNetSetNumBuffers } = functions(
      m,
      'emitVirtioNetHdr',
      'virtioNetSetNumBuffers',
    );
    expectEmitted(m, GSO.subarray(0, 10), (at) => emitVirtioNetHdr(at, 1, 1, 66, 1448, 34, 16));
    expectEmitted(m, GSO, (at) => {
      emitVirtioNetHdr(at, 1, 1, 66, 1448, 34, 16);
      virtioNetSetNumBuffers(at, 3);
    });
  });

  test('refuses every truncation', () => {
    const { checkVirtioNetHdr } = functions(m, 'checkVirtioNetHdr');
    for (let length = 0; length <= 10; length++) {
      const code = checkVirtioNetHdr(putAtEnd(m, GSO.subarray(0, length)), length, 5000);
      expect(code >>> 0, `of ${length} bytes`).toBe(constant(m, length < 10 ? 'WIRE_SHORT' : 'WIRE_OK'));
    }
  });

  test.each([
    ['no offload', '00 00 0000 0000 0000 0000', 0, 'WIRE_OK'],
    ['no offload and numbers that do not matter', '00 00 ffff ffff ffff ffff', 60, 'WIRE_OK'],
    ['checked by the sender', '02 00 0000 0000 0000 0000', 60, 'WIRE_OK'],
    ['a checksum in the last two bytes', '01 00 0000 0000 2200 0600', 42, 'WIRE_OK'],
    ['a checksum that ends behind the frame', '01 00 0000 0000 2200 0600', 41, 'WIRE_FIELD'],
    ['a start behind the frame', '01 00 0000 0000 2b00 0000', 42, 'WIRE_FIELD'],
    ['a start and an offset whose sum wraps 16 bits', '01 00 0000 0000 ffff ffff', 60, 'WIRE_FIELD'],
    ['an empty frame', '01 00 0000 0000 0000 0000', 0, 'WIRE_FIELD'],
    ['TCPv6 with ECN', '01 84 4a00 a805 3600 1000', 5000, 'WIRE_OK'],
    ['UDP segments', '01 05 2a00 c005 2200 0600', 5000, 'WIRE_OK'],
    ['a TCP type with the checksum of UDP', '01 01 4200 a805 2200 0600', 5000, 'WIRE_FIELD'],
    ['a UDP type with the checksum of TCP', '01 05 2a00 c005 2200 1000', 5000, 'WIRE_FIELD'],
    ['segments of 0 bytes', '01 01 4200 0000 2200 1000', 5000, 'WIRE_FIELD'],
    ['an unknown type', '01 02 4200 a805 2200 1000', 5000, 'WIRE_FIELD'],
    ['ECN and nothing else', '01 80 4200 a805 2200 1000', 5000, 'WIRE_FIELD'],
  ])('answers %s', (_name, text, frameLen, code) => {
    const { checkVirtioNetHdr } = functions(m, 'checkVirtioNetHdr');
    expect(checkVirtioNetHdr(putAtEnd(m, hex(text)), 10, frameLen) >>> 0).toBe(constant(m, code));
  });
});
