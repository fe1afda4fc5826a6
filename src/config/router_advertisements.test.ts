import { expect, test } from 'vitest';
import { readRouterConfig } from './netplan.js';

const file = (section: string, link = '') => `network:
  version: 2
  ethernets:
    lan0: {addresses: ["2001:db8:1::1/64", 192.0.2.1/24]${link}}
ports: {lan0: "udp:127.0.0.1:1-127.0.0.1:2"}
${section}`;

function read(section: string, link = '') {
  const result = readRouterConfig(file(section, link), 'router.yaml');
  if (result.kind === 'ok') return result.config;
  return result.errors.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('a link advertises its own IPv6 networks unless prefixes are given', () => {
  expect(read('router-advertisements: {lan0: {}}')).toMatchObject({
    advertisers: [{ link: 'lan0', spec: { prefixes: [{ prefix: '2001:db8:1::/64' }] } }],
  });
  const all = `router-advertisements:
  lan0:
    interval: 30
    lifetime: 90
    preference: high
    other: true
    prefixes: ["2001:db8:2::5/64", {prefix: "2001:db8:3::/64", valid: 7200, preferred: 60, autonomous: no}]
    routes: [{prefix: "2001:db8:9::/48", lifetime: 600, preference: low}]
    dns: {servers: ["2001:db8::53"], search: [lab.example]}`;
  expect(read(all)).toMatchObject({
    advertisers: [
      {
        spec: {
          maxInterval: 30,
          lifetime: 90,
          preference: 'high',
          other: true,
          prefixes: [
            { prefix: '2001:db8:2::/64' },
            { prefix: '2001:db8:3::/64', valid: 7200, preferred: 60, autonomous: false },
          ],
          routes: [{ prefix: '2001:db8:9::/48', lifetime: 600, preference: 'low' }],
          dns: { servers: ['2001:db8::53'], search: ['lab.example'] },
        },
      },
    ],
  });
});

test.each([
  ['{lan1: {}}', '6:25 "lan1" cannot advertise: there is no such link'],
  ['{lan0: {interval: 3}}', '6:42 interval 3 is out of range'],
  ['{lan0: {lifetime: 60}}', '6:25 lifetime 60 of lan0 ends before the next advertisement'],
  ['{lan0: {prefixes: [10.0.0.0/8]}}', '6:43 10.0.0.0/8 is an IPv4 prefix; hosts learn IPv6 ones only'],
  ['{lan0: {preference: best}}', '6:44 unknown preference "best"'],
  [
    '{lan0: {dns: {servers: [192.0.2.53]}}}',
    '6:48 "192.0.2.53" cannot be advertised as name server: it is IPv4',
  ],
  ['{lan0: {dns: {search: [a..b]}}}', '6:47 "a..b" is not a domain name'],
  ['{lan0: {colour: red}}', '6:32 unknown key "colour" in router-advertisements of lan0'],
])('refuses %s with its place', (section, message) => {
  expect(read(`router-advertisements: ${section}`)).toEqual([message]);
});

test('netplan keys of a link become its sysctls', () => {
  const keys =
    ', accept-ra: true, ipv6-privacy: true, ipv6-address-generation: eui64, ipv6-mtu: 1400, mtu: 1500';
  expect(read('', keys)).toMatchObject({
    links: [
      {
        conf6: [
          ['accept_ra', 2],
          ['use_tempaddr', 2],
          ['addr_gen_mode', 0],
        ],
        mtu6: 1400,
      },
    ],
  });
  expect(read('', ', ipv6-mtu: 1400, mtu: 1300')).toEqual(['4:69 ipv6-mtu 1400 is above mtu 1300 of lan0']);
  expect(read('', ', ra-overrides: {use-dns: false}')).toMatchObject({ links: [{ name: 'lan0' }] });
});
