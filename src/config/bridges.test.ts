import { describe, expect, test } from 'vitest';
import { readRouterConfig } from './netplan.js';

const router = (bridges: string) => `network:
  version: 2
  ethernets:
    lan0: {}
    lan1: {}
    wan0: {addresses: [192.0.2.1/24]}
  bridges:
${bridges.replaceAll(/^/gm, '    ')}
ports:
  lan0: udp:127.0.0.1:4001-127.0.0.1:4002
  lan1: udp:127.0.0.1:4003-127.0.0.1:4004
  wan0: udp:127.0.0.1:4005-127.0.0.1:4006
`;

function bridgeOf(text: string) {
  const result = readRouterConfig(router(text), 'router.yaml');
  if (result.kind === 'wrong') throw new Error(result.errors.map(({ message }) => message).join('\n'));
  return result.config.links.find(({ bridge }) => bridge !== undefined)!;
}

function mistakes(text: string): string[] {
  const result = readRouterConfig(router(text), 'router.yaml');
  return result.kind === 'ok'
    ? []
    : result.errors.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('bridges of router.yaml', () => {
  test('have interfaces, addresses and every parameter of netplan', () => {
    const link = bridgeOf(`br0:
  interfaces: [lan0, lan1]
  addresses: [10.0.0.1/24]
  mtu: 1400
  parameters:
    ageing-time: 100
    priority: 4096
    port-priority: {lan0: 16}
    forward-delay: 4
    hello-time: 1
    max-age: 6
    path-cost: {lan1: 50}
    stp: true`);
    expect(link.bridge).toEqual({
      interfaces: ['lan0', 'lan1'],
      options: { ageingTime: 100, priority: 4096, forwardDelay: 4, helloTime: 1, maxAge: 6, stp: true },
      costs: [['lan1', 50]],
      priorities: [['lan0', 16]],
      vlans: [],
      isolated: [],
    });
    expect([link.mtu, link.addresses.length]).toEqual([1400, 1]);
  });

  test('have a spanning tree unless the file says otherwise, as in netplan', () => {
    expect(bridgeOf('br0: {interfaces: [lan0]}').bridge!.options).toEqual({ stp: true });
    expect(bridgeOf('br0: {parameters: {stp: false}}').bridge!.options).toEqual({ stp: false });
  });

  test('have VLANs of ports and of themselves', () => {
    const { bridge } = bridgeOf(`br0:
  interfaces: [lan0, lan1]
  parameters:
    vlan-filtering: true
    vlan-default-pvid: 0
    port-vlans: {lan0: {pvid: 10}, lan1: {tagged: [10, 20-29], untagged: [5]}, br0: {pvid: 10}}
    isolated: [lan0]`);
    expect(bridge!.options).toMatchObject({ vlanFiltering: true, vlanDefaultPvid: 0 });
    expect(bridge!.vlans).toEqual([
      { port: 'lan0', pvid: 10, tagged: [], untagged: [] },
      {
        port: 'lan1',
        tagged: [
          [10, 10],
          [20, 29],
        ],
        untagged: [[5, 5]],
      },
      { port: 'br0', pvid: 10, tagged: [], untagged: [] },
    ]);
    expect(bridge!.isolated).toEqual(['lan0']);
  });

  test.each([
    ['a port that is no link', 'br0: {interfaces: [lan9]}', ['8:24 there is no link lan9']],
    [
      'a port of two bridges',
      'br0: {interfaces: [lan0]}\nbr1: {interfaces: [lan0]}',
      ['9:24 lan0 is a port of br0 on line 8 already'],
    ],
    ['a bridge as a port', 'br0: {}\nbr1: {interfaces: [br0]}', ['9:24 br0 cannot be a port of br1']],
    [
      'an address on a port',
      'br0: {interfaces: [wan0]}',
      ['6:24 wan0 is a port of br0 and needs no address'],
    ],
    [
      'a forward delay out of its bounds',
      'br0: {parameters: {forward-delay: 1}}',
      ['8:39 forward-delay 1 is out of range'],
    ],
    [
      'a cost of what is no port',
      'br0: {interfaces: [lan0], parameters: {path-cost: {lan1: 5}}}',
      ['8:56 lan1 is no port of br0'],
    ],
    [
      'a VLAN that cannot be',
      'br0: {interfaces: [lan0], parameters: {port-vlans: {lan0: {tagged: [4095]}}}}',
      ['8:73 "4095" is no VLAN'],
    ],
    [
      'an unknown parameter',
      'br0: {parameters: {stpp: true}}',
      ['8:24 unknown key "stpp" in parameters of br0'],
    ],
  ])('tell of %s where it stands', (_name, text, want) => {
    expect(mistakes(text)).toEqual(want);
  });
});
