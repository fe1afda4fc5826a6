import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import { expectEmitted, functions, hex, loadWire } from '../../test/wire_input.js';

let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

const KINDS = [
  'ipv4IsMulticast',
  'ipv4IsLocalMulticast',
  'ipv4IsLoopback',
  'ipv4IsZeronet',
  'ipv4IsLbcast',
  'ipv4IsBadclass',
  'ipv4IsLinklocal',
  'ipv4IsPrivate',
] as const;

describe('wire/ipv4_addr', () => {
  test.each([
    ['0.0.0.0', ['ipv4IsZeronet']],
    ['0.255.255.255', []],
    ['1.0.0.0', []],
    ['10.255.0.1', ['ipv4IsPrivate']],
    ['126.255.255.255', []],
    ['127.0.0.1', ['ipv4IsLoopback']],
    ['128.0.0.0', []],
    ['169.253.255.255', []],
    ['169.254.0.1', ['ipv4IsLinklocal']],
    ['172.15.255.255', []],
    ['172.31.255.255', ['ipv4IsPrivate']],
    ['172.32.0.0', []],
    ['192.168.1.1', ['ipv4IsPrivate']],
    ['223.255.255.255', []],
    ['224.0.0.251', ['ipv4IsMulticast', 'ipv4IsLocalMulticast']],
    ['224.0.1.0', ['ipv4IsMulticast']],
    ['239.255.255.255', ['ipv4IsMulticast']],
    ['240.0.0.0', ['ipv4IsBadclass']],
    ['255.255.255.254', ['ipv4IsBadclass']],
    ['255.255.255.255', ['ipv4IsLbcast', 'ipv4IsBadclass']],
  ])('%s is %j', (address, kinds) => {
    const f = functions(m, ...KINDS);
    expect(KINDS.filter((kind) => f[kind](parse(address)) !== 0)).toEqual(kinds);
  });

  test.each([
    ['224.0.0.1', '01005e000001'],
    ['239.255.255.255', '01005e7fffff'],
    ['225.128.3.4', '01005e000304'],
  ])('maps group %s to MAC %s', (group, mac) => {
    const { ipv4MulticastMac } = functions(m, 'ipv4MulticastMac');
    expectEmitted(m, hex(mac), (at) => ipv4MulticastMac(parse(group), at));
  });

  test('makes a netmask of every prefix length', () => {
    const { ipv4Netmask } = functions(m, 'ipv4Netmask');
    for (let plen = 0; plen <= 32; plen++) expect(ipv4Netmask(plen) >>> 0).toBe(2 ** 32 - 2 ** (32 - plen));
  });
});

function parse(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}
