import { expect, test } from 'vitest';
import { formatCidr } from './ip_address.js';
import { readRouterConfig } from './netplan.js';

/** `inside` of lan0; it has 10.0.0.2/24 and fd00::2/64, wan1 has 10.1.0.2/24. */
const read = (inside: string, more = '') =>
  readRouterConfig(
    `network:
  version: 2
  ethernets:
    lan0:
      addresses: [10.0.0.2/24, "fd00::2/64"]
${inside.replace(/^/gm, '      ')}
    wan1: {addresses: [10.1.0.2/24]}
${more}
ports: {lan0: "tap:a", wan1: "tap:b"}
`,
    'router.yaml',
  );

const config = (inside: string, more?: string) => {
  const result = read(inside, more);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result.errors, null, 1));
  return (name: string) => result.config.links.find((link) => link.name === name)!;
};

/** The mistakes as line:column message (remedy). */
const mistakes = (inside: string, more?: string): string[] => {
  const result = read(inside, more);
  if (result.kind === 'ok') return [];
  return result.errors.map(({ line, column, message, hint }) => `${line}:${column} ${message} (${hint})`);
};

test('reads rules by source, destination, mark and type of service', () => {
  const rules = config(`routing-policy:
  - {from: 192.168.5.0/24, table: 101, priority: 100}
  - {to: "fd00:9::/48", mark: 7, type-of-service: 16, table: 102}
  - {from: 10.0.0.9, to: 10.9.0.0/16}`)('lan0').rules;
  const text = rules.map(({ from, to, ...rest }) => ({
    ...rest,
    ...(from && { from: formatCidr(from.address, from.prefix) }),
    ...(to && { to: formatCidr(to.address, to.prefix) }),
  }));
  expect(text).toEqual([
    { family: 4, from: '192.168.5.0/24', table: 101, priority: 100 },
    { family: 6, to: 'fd00:9::/48', mark: 7, tos: 16, table: 102 },
    { family: 4, from: '10.0.0.9/32', to: '10.9.0.0/16' },
  ]);
});

test('reads table, source, windows and several next hops of a route', () => {
  const { routes } = config(`routes:
  - {to: 10.9.0.0/16, via: 10.0.0.1, table: 101, from: 10.0.0.2, congestion-window: 20,
     advertised-receive-window: 30, advertised-mss: 1400, mtu: 1400, metric: 5}
  - {to: default, nexthops: [{via: 10.0.0.1, weight: 2}, {via: 10.1.0.1, link: wan1}]}
  - {to: 10.8.0.0/16, type: throw, table: 101}
  - {to: 10.7.0.1, type: local}`)('lan0');
  expect(routes).toMatchObject([
    { table: 101, metrics: { initcwnd: 20, initrwnd: 30, advmss: 1400 }, mtu: 1400, metric: 5 },
    {
      family: 4,
      prefix: 0,
      nextHops: [
        { link: 'lan0', weight: 2, onLink: false },
        { link: 'wan1', weight: 1, onLink: false },
      ],
    },
    { type: 'throw', table: 101 },
    { type: 'local', prefix: 32 },
  ]);
  expect([...routes[0]!.from!]).toEqual([10, 0, 0, 2]);
});

const VRF = '  vrfs: {red: {table: 10, interfaces: [lan0], routes: [{to: default, via: 10.0.0.1}]}}';

test('puts the routes of a VRF, of its ports and its rules into its table', () => {
  const of = config(
    'routes: [{to: 10.9.0.0/16, via: 10.0.0.1}, {to: 10.9.0.0/16, via: 10.0.0.1, table: 7}]',
    '  vrfs: {red: {table: 10, interfaces: [lan0], routes: [{to: default, via: 10.0.0.1}, {to: 10.8.0.0/16, type: blackhole}], routing-policy: [{from: 10.0.0.0/24}]}}',
  );
  expect(of('lan0').routes.map(({ table }) => table)).toEqual([10, 7]);
  expect(of('red')).toMatchObject({
    virtual: { kind: 'vrf', table: 10, interfaces: ['lan0'] },
    routes: [
      { table: 10, link: 'lan0', prefix: 0 },
      { table: 10, type: 'blackhole' },
    ],
    rules: [{ table: 10, family: 4 }],
  });
});

test('lets two VRFs have the same addresses and routes', () => {
  const more = `${VRF}
  dummy-devices: {d0: {addresses: [10.0.0.2/24], routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]}}`.replace(
    'red: ',
    'blue: {table: 20, interfaces: [d0]}, red: ',
  );
  expect(mistakes('routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]', more)).toEqual([]);
  expect(
    mistakes(
      'routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]',
      more.replace('interfaces: [d0]', 'interfaces: []'),
    ),
  ).toEqual([]);
  const same = more
    .replace('interfaces: [lan0]', 'interfaces: []')
    .replace('interfaces: [d0]', 'interfaces: []');
  expect(mistakes('routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]', same)).toHaveLength(3);
});

test.each([
  [
    'routing-policy: [{table: 5}]',
    '6:24 "from" or "to" is missing in a rule of link lan0 (write {from: 192.168.5.0/24, table: 101})',
  ],
  [
    'routing-policy: [{from: 10.0.0.1/24, table: 5}]',
    '6:31 "10.0.0.1/24" has bits set beyond its prefix length (did you mean 10.0.0.0/24?)',
  ],
  [
    'routing-policy: [{from: 10.0.0.0/33, table: 5}]',
    expect.stringMatching(/^6:31 "10.0.0.0\/33" is not a network: /),
  ],
  [
    'routing-policy: [{from: 10.0.0.0/24, to: "fd00::/64", table: 5}]',
    '6:48 "from" and "to" are not of one family in a rule of link lan0 (write both of one family, or two rules)',
  ],
  [
    'routing-policy: [{from: 10.0.0.0/24, table: 0}]',
    '6:51 table 0 is out of range (write a whole number from 1 to 4294967295)',
  ],
  [
    'routing-policy: [{from: 10.0.0.0/24, type-of-service: 3}]',
    '6:61 type-of-service 3 is none that a rule can ask for (write one of 4, 8, 12, 16, 20, 24, 28)',
  ],
  [
    'routing-policy: [{from: 10.0.0.0/24, tabel: 5}]',
    '6:44 unknown key "tabel" in a rule of link lan0 (did you mean "table"?)',
  ],
  ['routing-policy: {from: 10.0.0.0/24}', expect.stringMatching(/^6:23 routing-policy has to be a list/)],
  [
    'routes: [{to: default, nexthops: []}]',
    expect.stringMatching(/^6:40 "nexthops" is empty in a route of link lan0 \(write \[/),
  ],
  [
    'routes: [{to: default, via: 10.0.0.1, nexthops: [{via: 10.0.0.1}]}]',
    '6:35 a route has "via" or "nexthops" (remove one of them)',
  ],
  [
    'routes: [{to: default, nexthops: [{weight: 3}]}]',
    expect.stringMatching(/^6:41 "via" is missing in a next hop of a route of link lan0/),
  ],
  [
    'routes: [{to: default, nexthops: [{via: 10.0.0.1, weight: 257}]}]',
    '6:65 weight 257 is out of range (write a whole number from 1 to 256)',
  ],
  [
    'routes: [{to: default, nexthops: [{via: 10.0.0.1}, {via: "fd00::1"}]}]',
    '6:64 the next hops of a route are of one family (write IPv4 addresses only, or a second route)',
  ],
  [
    'routes: [{to: default, nexthops: [{via: 10.0.0.1}, {via: 10.1.0.1}]}]',
    expect.stringMatching(/^6:64 no address of lan0 reaches the gateway 10.1.0.1/),
  ],
  [
    'routes: [{to: default, nexthops: [{via: 10.1.0.1, link: wan2}]}]',
    '6:63 a next hop by "wan2", but there is no such link (did you mean "wan1"?)',
  ],
  [
    'routes: [{to: default, on-link: true, nexthops: [{via: 10.0.0.1}]}]',
    expect.stringMatching(/^6:55 "on-link" belongs to each/),
  ],
  [
    'routes: [{to: 10.8.0.0/16, type: throw, nexthops: [{via: 10.0.0.1}]}]',
    '6:57 a throw route has no gateways (remove "nexthops")',
  ],
  [
    'routes: [{to: 10.8.0.0/16, type: nat, via: 10.0.0.1}]',
    expect.stringMatching(/^6:40 type "nat" is not supported yet/),
  ],
  [
    'routes: [{to: default, via: 10.0.0.1, from: "fd00::2"}]',
    '6:51 the source is IPv6, the destination IPv4 (write an IPv4 address after "from:")',
  ],
])('refuses %s', (inside, expected) => {
  expect(mistakes(inside)).toEqual([expected]);
});

test.each([
  [
    'vrfs: {red: {interfaces: [lan0]}}',
    '8:10 "table" is missing in VRF red (write {table: 10, interfaces: [lan0]})',
  ],
  ['vrfs: {red: {table: 0}}', '8:23 table 0 is out of range (write a whole number from 1 to 4294967295)'],
  [
    'vrfs: {red: {table: 10, interfaces: [lan1]}}',
    '8:40 red needs "lan1", but there is no such link (did you mean "lan0"?)',
  ],
  [
    'vrfs: {red: {table: 10, interfaces: [lan0]}, blue: {table: 20, interfaces: [lan0]}}',
    '8:79 lan0 is in red already (a link has one master)',
  ],
  [
    'vrfs: {red: {table: 10, routes: [{to: default, via: 10.0.0.1}]}}',
    expect.stringMatching(
      /^8:55 no interface of red reaches the gateway 10.0.0.1 \(its interfaces are none; /,
    ),
  ],
  [
    'vrfs: {red: {table: 10, interfaces: [lan0], routes: [{to: default, via: 10.0.0.1, table: 11}]}}',
    '8:92 a route of red in table 11, but its table is 10 (leave "table" out: what stands in a VRF is in its table)',
  ],
  [
    'vrfs: {red: {table: 10, interfaces: [lan0], routing-policy: [{from: 10.0.0.0/8, table: 11}]}}',
    expect.stringMatching(/^8:90 a rule of red in table 11, but its table is 10/),
  ],
  [
    'bridges: {br0: {interfaces: [wan1], addresses: []}}\n  vrfs: {red: {table: 10, interfaces: [wan1]}}',
    '9:40 wan1 is in br0 already (a link has one master)',
  ],
])('refuses %s', (section, expected) => {
  expect(mistakes('mtu: 1500', `  ${section}`)).toContainEqual(expected);
});
