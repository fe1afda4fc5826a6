import { expect, test } from 'vitest';
import { readRouterConfig } from './netplan.js';

const read = (network: string, ports = 'ports: {lan0: "tap:a", lan1: "tap:b"}') =>
  readRouterConfig(
    `network:\n  version: 2\n  ethernets: {lan0: {}, lan1: {}}\n${network}\n${ports}\n`,
    'router.yaml',
  );

/** The mistakes as line:column message. */
const mistakes = (network: string, ports?: string): string[] => {
  const result = read(network, ports);
  if (result.kind === 'ok') return [];
  return result.errors.map(({ line, column, message, hint }) => `${line}:${column} ${message} (${hint})`);
};

test('reads VLANs, bonds, dummies and macvlans, those below first', () => {
  const result = read(`  vlans:
    bond0.7: {id: 7, link: bond0, addresses: [10.7.0.1/24]}
    s100: {id: 100, link: lan1, protocol: 802.1ad}
  macvlans:
    m0: {link: s100, mode: bridge, macaddress: "02:00:00:00:00:05"}
  bonds:
    bond0:
      interfaces: [lan0, d0]
      parameters: {mode: active-backup, mii-monitor-interval: 100, primary: lan0, gratuitous-arp: 2}
  dummy-devices:
    d0: {mtu: 1400}`);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result.errors));
  expect(result.config.links.map(({ name }) => name)).toEqual([
    'lan0',
    'lan1',
    'd0',
    's100',
    'bond0',
    'bond0.7',
    'm0',
  ]);
  const by = (name: string) => result.config.links.find((link) => link.name === name);
  expect(by('bond0')?.virtual).toEqual({
    kind: 'bond',
    interfaces: ['lan0', 'd0'],
    mode: 'active-backup',
    miimon: 100,
    primary: 'lan0',
    numPeerNotif: 2,
  });
  expect(by('bond0.7')?.virtual).toEqual({ kind: 'vlan', link: 'bond0', id: 7 });
  expect(by('s100')?.virtual).toEqual({ kind: 'vlan', link: 'lan1', id: 100, protocol: '802.1ad' });
  expect(by('m0')?.virtual).toEqual({ kind: 'macvlan', link: 's100', mode: 'bridge' });
  expect(by('d0')).toMatchObject({ virtual: { kind: 'dummy' }, port: null, mtu: 1400 });
});

test('reads the ARP monitor of a bond', () => {
  const result = read(`  bonds:
    bond0:
      interfaces: [lan0, lan1]
      parameters:
        {mode: active-backup, arp-interval: 200, arp-ip-targets: [192.0.2.1, 192.0.2.9], arp-validate: all,
         arp-all-targets: any, resend-igmp: 3}`);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result.errors));
  expect(result.config.links.find(({ name }) => name === 'bond0')?.virtual).toEqual({
    kind: 'bond',
    interfaces: ['lan0', 'lan1'],
    mode: 'active-backup',
    arpInterval: 200,
    arpIpTargets: ['192.0.2.1', '192.0.2.9'],
    arpValidate: 'all',
    arpAllTargets: 'any',
    resendIgmp: 3,
  });
});

test.each([
  ['vlans: {v: {link: lan0}}', ['4:11 "id" is missing in VLAN v (write {id: 10, link: lan0})']],
  ['vlans: {v: {id: 5}}', ['4:11 "link" is missing in VLAN v (write {id: 10, link: lan0})']],
  ['vlans: {v: {id: 5, link: lan9}}', [expect.stringMatching(/^4:28 v needs "lan9".*did you mean "lan0"/)]],
  ['vlans: {v: {id: 4095, link: lan0}}', expect.arrayContaining([expect.stringMatching(/^4:19 .*4094/)])],
  [
    'macvlans: {m: {link: lan0, mode: bridged}}',
    [expect.stringMatching(/^4:36 unknown macvlan mode "bridged"/)],
  ],
  [
    'bonds: {b: {interfaces: [lan0], parameters: {mode: balance-alb}}}',
    [expect.stringMatching(/^4:54 .*not supported yet/)],
  ],
  [
    'bonds: {b: {interfaces: [lan0], parameters: {primary: lan1}}}',
    [expect.stringMatching(/^4:57 "lan1" is no interface of b/)],
  ],
  [
    'bonds: {b: {interfaces: [lan0]}, c: {interfaces: [lan0]}}',
    [expect.stringMatching(/^4:53 lan0 is in b already/)],
  ],
  [
    'bonds: {b: {parameters: {learn-packet-interval: 5}}}',
    [expect.stringMatching(/^4:28 "learn-packet-interval" is not supported yet/)],
  ],
  [
    'bonds: {b: {interfaces: [lan0], parameters: {arp-ip-targets: [fe80::1]}}}',
    [expect.stringMatching(/^4:65 "fe80::1" is no IPv4 address/)],
  ],
  [
    'vlans: {v: {id: 5, link: w}, w: {id: 6, link: v}}',
    [expect.stringMatching(/need each other in a circle: v, w/)],
  ],
] as const)('%s is a mistake with its place and a remedy', (network, wanted) => {
  expect(mistakes(`  ${network}`)).toEqual(wanted);
});

test('a virtual link takes no port', () => {
  const [mistake] = mistakes(
    '  dummy-devices: {d0: {}}',
    'ports: {lan0: "tap:a", lan1: "tap:b", d0: "tap:c"}',
  );
  expect(mistake).toMatch(/d0 is a dummy and takes no port \(remove this line\)/);
});
