import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { parseIp } from '../../src/config/ip_address.js';

/** The verification suite of Microsoft's "Verifying the RSS hash calculation". */
const KEY = '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa';
type Row = [src: string, sport: number, dst: string, dport: number, addresses: number, ports: number];
const VECTORS: readonly Row[] = [
  ['66.9.149.187', 2794, '161.142.100.80', 1766, 0x323e8fc2, 0x51ccc178],
  ['199.92.111.2', 14230, '65.69.140.83', 4739, 0xd718262a, 0xc626b0ea],
  ['24.19.198.95', 12898, '12.22.207.184', 38024, 0xd2d0a5de, 0x5c2b394a],
  ['38.27.205.30', 48228, '209.142.163.6', 2217, 0x82989176, 0xafc7327f],
  ['153.39.163.191', 44251, '202.188.127.2', 1303, 0x5d1809c5, 0x10e828a2],
  ['3ffe:2501:200:1fff::7', 2794, '3ffe:2501:200:3::1', 1766, 0x2cc18cd5, 0x40207d3d],
  ['3ffe:501:8::260:97ff:fe40:efab', 14230, 'ff02::1', 4739, 0x0f0c461c, 0xdde51bbf],
  ['3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 'fe80::200:f8ff:fe21:67cf', 38024, 0x4b61e985, 0x02d1feef],
];

const KEY_AT = 0x20000;
const INPUT_AT = 0x20100;

describe('the Toeplitz hash', () => {
  let m: AsModule;
  let u8: Uint8Array;
  const toeplitz = (at: number, len: number, before = 0, hash = 0) =>
    m.exports.toeplitz!(KEY_AT, at, len, before, hash) >>> 0;

  beforeAll(async () => {
    m = await loadAs(['lib/toeplitz']);
    u8 = new Uint8Array(m.memory.buffer);
    u8.set(Buffer.from(KEY, 'hex'), KEY_AT);
  });

  it.each(VECTORS)(
    'of %s:%i to %s:%i is the one of the verification suite',
    (src, sport, dst, dport, a, p) => {
      const addresses = [...parseIp(src)!.bytes, ...parseIp(dst)!.bytes];
      const ports = [sport >> 8, sport & 255, dport >> 8, dport & 255];
      u8.set([...addresses, ...ports], INPUT_AT);
      expect(toeplitz(INPUT_AT, addresses.length)).toBe(a);
      expect(toeplitz(INPUT_AT, addresses.length + 4)).toBe(p);
      expect(toeplitz(INPUT_AT + addresses.length, 4, addresses.length, a)).toBe(p);
    },
  );

  it('of nothing is nothing', () => {
    expect(toeplitz(INPUT_AT, 0)).toBe(0);
  });
});
