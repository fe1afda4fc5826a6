import { isIPv6 } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import { expectEmitted, functions, hex, loadWire, OUT, put, putAtEnd } from '../../test/wire_input.js';

let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

const KINDS = [
  'ipv6AddrIsAny',
  'ipv6AddrIsLoopback',
  'ipv6AddrIsMulticast',
  'ipv6AddrIsLinklocal',
  'ipv6AddrIsV4mapped',
  'ipv6AddrIsLlAllNodes',
  'ipv6AddrIsLlAllRouters',
  'ipv6AddrIsSolictMult',
  'ipv6AddrNeedsScopeId',
] as const;

describe('wire/ipv6_addr', () => {
  // address, kinds, type bits as Linux has them, scope
  test.each([
    ['::', ['Any'], 0x0000, 0],
    ['::1', ['Loopback'], 0x0011, 2],
    ['::2', [], 0x0081, 14],
    ['::0.1.0.1', [], 0x0081, 14],
    ['::ffff:c0a8:101', ['V4mapped'], 0x1001, 14],
    ['::fffe:c0a8:101', [], 0x0001, 14],
    ['2001:db8::1', [], 0x0001, 14],
    ['fc00::1', [], 0x0001, 14],
    ['fe00::1', [], 0x0001, 14],
    ['fe80::1', ['Linklocal', 'NeedsScopeId'], 0x0021, 2],
    ['febf:ffff::1', ['Linklocal', 'NeedsScopeId'], 0x0021, 2],
    ['fec0::1', [], 0x0041, 5],
    ['ff01::1', ['Multicast', 'NeedsScopeId'], 0x0012, 1],
    ['ff02::1', ['Multicast', 'LlAllNodes', 'NeedsScopeId'], 0x0022, 2],
    ['ff02::2', ['Multicast', 'LlAllRouters', 'NeedsScopeId'], 0x0022, 2],
    ['ff02::1:ff12:3456', ['Multicast', 'SolictMult', 'NeedsScopeId'], 0x0022, 2],
    ['ff02::1:fe12:3456', ['Multicast', 'NeedsScopeId'], 0x0022, 2],
    ['ff05::2', ['Multicast'], 0x0042, 5],
    ['ff08::1', ['Multicast'], 0x0002, 8],
    ['ff3e::1', ['Multicast'], 0x0002, 14],
  ] as [string, string[], number, number][])(
    '%s is %j of type %i and scope %i',
    (address, kinds, type, scope) => {
      const f = functions(m, ...KINDS, 'ipv6AddrType', 'ipv6AddrScope');
      const p = putAtEnd(m, parse(address));
      const found = KINDS.filter((kind) => f[kind](p) !== 0).map((kind) =>
        kind.replace(/^ipv6Addr(Is)?/, ''),
      );
      expect(found).toEqual(kinds);
      expect([f.ipv6AddrType(p), f.ipv6AddrScope(p)]).toEqual([type, scope]);
    },
  );

  test('compares and copies all sixteen bytes', () => {
    const { ipv6AddrEqual, ipv6AddrCopy } = functions(m, 'ipv6AddrEqual', 'ipv6AddrCopy');
    const address = parse('2001:db8:1:2:3:4:5:6');
    const p = putAtEnd(m, address);
    expectEmitted(m, address, (at) => ipv6AddrCopy(at, p));
    expect(ipv6AddrEqual(OUT, p)).toBe(1);
    for (let i = 0; i < 16; i++) {
      const other = address.slice();
      other[i]! ^= 0x80;
      expect(ipv6AddrEqual(put(m, OUT, other), p), `byte ${i}`).toBe(0);
    }
  });

  test('compares and cuts prefixes of every length, and finds the first bit that differs', () => {
    const f = functions(m, 'ipv6PrefixEqual', 'ipv6AddrPrefix', 'ipv6AddrDiff');
    const address = parse('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff');
    const p = putAtEnd(m, address);
    for (let bit = 0; bit < 128; bit++) {
      const other = address.slice();
      other[bit >> 3]! ^= 0x80 >> (bit & 7);
      put(m, OUT, other);
      expect(f.ipv6AddrDiff(p, OUT)).toBe(bit);
      for (let plen = 0; plen <= 128; plen++) {
        expect(f.ipv6PrefixEqual(p, OUT, plen), `bit ${bit}, /${plen}`).toBe(plen <= bit ? 1 : 0);
      }
    }
    expect(f.ipv6AddrDiff(p, p)).toBe(128);
    for (let plen = 0; plen <= 128; plen++) {
      const cut = address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, plen - i * 8))));
      expectEmitted(m, cut, (at) => f.ipv6AddrPrefix(at, p, plen));
    }
  });

  test('derives the solicited-node group, the MAC of a group and the EUI-64 identifier', () => {
    const f = functions(m, 'ipv6AddrSolictMult', 'ipv6MulticastMac', 'ipv6Eui64');
    const address = putAtEnd(m, parse('4037::1:800:200e:8c6c'));
    expectEmitted(m, parse('ff02::1:ff0e:8c6c'), (at) => f.ipv6AddrSolictMult(address, at));
    const group = putAtEnd(m, parse('ff02::1:ff0e:8c6c'));
    expectEmitted(m, hex('3333 ff0e 8c6c'), (at) => f.ipv6MulticastMac(group, at));
    const mac = putAtEnd(m, hex('3456 789a bcde'));
    expectEmitted(m, hex('3656 78ff fe9a bcde'), (at) => f.ipv6Eui64(at, mac));
  });
});

function parse(address: string): Uint8Array {
  if (!isIPv6(address)) throw new Error(`not an IPv6 address: ${address}`);
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain = dotted
    ? address.replace(
        dotted[0],
        [0, 2].map((i) => (Number(dotted[i + 1]) * 256 + Number(dotted[i + 2])).toString(16)).join(':'),
      )
    : address;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const words = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Uint8Array.from(
    words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]),
  );
}
