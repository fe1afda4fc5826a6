import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  constant,
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  OUT,
  put,
  putAtEnd,
} from '../../test/wire_input.js';

const HEADER = hex('5254 0012 3456  0200 5e10 0001  86dd');
let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

describe('wire/ethernet', () => {
  test('reads and writes the golden header', () => {
    const f = functions(m, 'ethDest', 'ethSource', 'ethProto', 'ethProtoBe', 'emitEthernet');
    const p = putAtEnd(m, HEADER);
    expect(f.ethDest(p)).toBe(p);
    expect(f.ethSource(p)).toBe(p + 6);
    expect(f.ethProto(p)).toBe(constant(m, 'ETH_P_IPV6'));
    expect(f.ethProtoBe(p)).toBe(0xdd86);
    expectEmitted(m, HEADER, (at) => f.emitEthernet(at, p, p + 6, 0x86dd));
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, HEADER, functions(m, 'checkEthernet').checkEthernet);
  });

  // name, address, [multicast, broadcast, zero, local, valid, link-local (802.1D)]
  test.each([
    ['universal unicast', '0050 5612 3456', [0, 0, 0, 0, 1, 0]],
    ['local unicast', '0200 0000 0001', [0, 0, 0, 1, 1, 0]],
    ['zero', '0000 0000 0000', [0, 0, 1, 0, 0, 0]],
    ['zero but for the last byte', '0000 0000 0001', [0, 0, 0, 0, 1, 0]],
    ['broadcast', 'ffff ffff ffff', [1, 1, 0, 1, 0, 0]],
    ['nearly broadcast', 'ffff ffff fffe', [1, 0, 0, 1, 0, 0]],
    ['IPv4 multicast', '0100 5e00 0001', [1, 0, 0, 0, 0, 0]],
    ['spanning tree', '0180 c200 0000', [1, 0, 0, 0, 0, 1]],
    ['LLDP', '0180 c200 000e', [1, 0, 0, 0, 0, 1]],
    ['behind the reserved block', '0180 c200 0010', [1, 0, 0, 0, 0, 0]],
  ])('tells what kind of address %s is', (_name, address, kinds) => {
    const names = [
      'isMulticastEtherAddr',
      'isBroadcastEtherAddr',
      'isZeroEtherAddr',
      'isLocalEtherAddr',
      'isValidEtherAddr',
      'isLinkLocalEtherAddr',
    ] as const;
    const f = functions(m, ...names);
    const p = putAtEnd(m, hex(address));
    expect(names.map((name) => f[name](p))).toEqual(kinds);
  });

  test('compares and copies addresses, all six bytes of them', () => {
    const { etherAddrEqual, etherAddrCopy } = functions(m, 'etherAddrEqual', 'etherAddrCopy');
    const address = hex('0200 0000 0001');
    const p = putAtEnd(m, address);
    for (let i = 0; i < 6; i++) {
      const other = address.slice();
      other[i] = 0x77;
      expect(etherAddrEqual(p, put(m, OUT, other)), `byte ${i}`).toBe(0);
    }
    expectEmitted(m, address, (at) => etherAddrCopy(at, p));
    expect(etherAddrEqual(p, OUT)).toBe(1);
  });
});
