import { expect, test } from 'vitest';
import { EventType } from '../../assembly/abi/event.js';
import { parseRouterOption, RouterOptionReader } from './router_option.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const RDNSS = hex('19 03 0000 00000258 20010db8000000000000000000000053');
const DNSSL = hex('1f 03 0000 ffffffff 03 6c6162 07 6578616d706c65 00 00000000'.slice(0));

test('reads the options of a router by their bytes', () => {
  expect(parseRouterOption(RDNSS)).toEqual({ kind: 'rdnss', lifetime: 600, servers: ['2001:db8::53'] });
  expect(parseRouterOption(DNSSL.subarray(0, 24))).toEqual({
    kind: 'dnssl',
    lifetime: null,
    domains: ['lab.example'],
  });
  expect(parseRouterOption(hex('26 02 0258 0064ff9b 0000000000000000'))).toEqual({
    kind: 'pref64',
    lifetime: 600,
    prefix: '64:ff9b::/96',
  });
  expect(parseRouterOption(hex('25 02 68747470 3a2f2f61 2f000000 0000'))).toEqual({
    kind: 'captive-portal',
    uri: 'http://a/',
  });
});

test('reads no option whose length or content is wrong, at every truncation', () => {
  for (const good of [RDNSS, DNSSL.subarray(0, 24)]) {
    for (let n = 0; n < good.length; n++) expect(parseRouterOption(good.subarray(0, n))).toBeNull();
  }
  for (const bad of [
    '19 02 0000 00000258 0000000000000000',
    '26 02 025f 0064ff9b 0000000000000000',
    '1f 02 0000 00000001 3f 61 62 63 00 00 00 00',
    '1f 02 0000 00000001 02 61 0a 00 00 00 00 00',
    '1f 02 0000 00000001 00 00 00 00 00 00 00 00',
    '1f 02 0000 00000001 07 61 61 61 61 61 61 61',
    '25 01 0a6162636465',
    '63 01 000000000000',
  ])
    expect(parseRouterOption(hex(bad)), bad).toBeNull();
});

test('puts records of the event ring together, and nothing behind lost ones', () => {
  const event = (b: number, address: Uint8Array) => ({
    type: EventType.ND_USEROPT,
    family: 24,
    net: 1,
    ifindex: 2,
    b,
    address,
  });
  const router = hex('fe800000000000000000000000000001');
  const second = new Uint8Array(16);
  second.set(RDNSS.subarray(16));
  const reader = new RouterOptionReader();
  expect(reader.push(event(0, router))).toBeNull();
  expect(reader.push(event(1, RDNSS.slice(0, 16)))).toBeNull();
  expect(reader.push(event(2, second))).toMatchObject({ router: 'fe80::1', option: { kind: 'rdnss' } });
  reader.push(event(0, router));
  expect(reader.push(event(2, second))).toBeNull();
  expect(new RouterOptionReader().push(event(2, second))).toBeNull();
});
