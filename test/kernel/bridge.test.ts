/**
 * Our bridge beside Linux's: the same frames into the same ports must come out of the same ports; and both in one loop,
 * where their spanning trees have to agree.
 *
 *   frames ─► tap0..3 ─► br0 of the kernel      frames ─► ports of our bridge, in process      compared
 *   ours: p0, p1 ── tap0, tap1 ── br0 of the kernel, a loop of two links
 */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeOptions, BridgePort, BridgePortOptions } from '../../src/net/bridge.js';
import { createStack } from '../../src/stack.js';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from '../net/bridge_lab.js';
import { bridgeTool, ip, LinuxBridge, PORTS } from './linux_bridge.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/bridge skipped: ${missing}`);
/** ip(8) prints the bytes of a bridge's id without leading zeros. */
const twoDigits = (id: string): string => id.replaceAll(/(?<=[.:])[0-9a-f](?=:|$)/g, '0$&');

interface Case {
  name: string;
  /** Of the bridge, as Linux's command has them and as ours does. */
  options?: [linux: string[], ours: BridgeOptions];
  /** Of single ports. */
  ports?: [port: number, linux: string[], ours: BridgePortOptions][];
  /** MAC addresses given by `bridge fdb add`. */
  fdb?: [port: number, mac: string, state: 'static' | 'permanent'][];
  frames: [port: number, frame: Uint8Array][];
}

const talk: [number, Uint8Array][] = [
  [0, frame(mac(2), mac(1), 1)],
  [1, frame(mac(1), mac(2), 2)],
  [0, frame(mac(2), mac(1), 3)],
  [2, frame(mac(1), mac(3), 4)],
  [3, frame(BROADCAST, mac(4), 5)],
  [0, frame(mac(4), mac(1), 6)],
  // The first station moves.
  [3, frame(mac(2), mac(1), 7)],
  [2, frame(mac(1), mac(3), 8)],
  [1, frame('01:00:5e:01:02:03', mac(2), 9)],
  [1, frame('33:33:00:00:00:01', mac(2), 10)],
];

const linkLocal: [number, Uint8Array][] = [...Array(16).keys()].map((i) => [
  0,
  frame(`01:80:c2:00:00:${i.toString(16).padStart(2, '0')}`, mac(1), i),
]);

const CASES: Case[] = [
  { name: 'learning and flooding', frames: talk },
  {
    name: 'senders that cannot be, and our own address',
    frames: [
      [0, frame(BROADCAST, '01:00:00:00:00:01')],
      [0, frame(BROADCAST, '00:00:00:00:00:00')],
      [0, frame(BROADCAST, '02:00:00:00:00:01')],
      [1, frame(BROADCAST, '02:00:00:00:00:03')],
      [1, frame('02:00:00:00:00:03', mac(1))],
      [1, frame('02:00:00:00:00:01', mac(1))],
      [1, frame('00:00:00:00:00:00', mac(1))],
    ],
  },
  { name: 'link-local groups', frames: linkLocal },
  {
    name: 'link-local groups with group_fwd_mask',
    options: [['group_fwd_mask', '0xfff8'], { groupFwdMask: 0xfff8 }],
    frames: linkLocal,
  },
  {
    name: 'hairpin',
    ports: [[0, ['hairpin', 'on'], { hairpin: true }]],
    frames: [...talk, [0, frame(mac(1), mac(8))], [0, frame(mac(8), mac(1))]],
  },
  {
    name: 'isolated ports',
    ports: [
      [0, ['isolated', 'on'], { isolated: true }],
      [1, ['isolated', 'on'], { isolated: true }],
    ],
    frames: talk,
  },
  { name: 'learning off', ports: [[0, ['learning', 'off'], { learning: false }]], frames: talk },
  { name: 'flooding off', ports: [[3, ['flood', 'off'], { flood: false }]], frames: talk },
  {
    name: 'multicast flooding off',
    ports: [[3, ['mcast_flood', 'off'], { mcastFlood: false }]],
    frames: talk,
  },
  {
    name: 'broadcast flooding off',
    ports: [[2, ['bcast_flood', 'off'], { bcastFlood: false }]],
    frames: talk,
  },
  {
    name: 'a locked port',
    ports: [[0, ['locked', 'on', 'learning', 'off'], { locked: true, learning: false }]],
    fdb: [[0, mac(5), 'static']],
    frames: [...talk, [0, frame(mac(2), mac(5))]],
  },
  {
    name: 'static and local entries',
    fdb: [
      [2, mac(2), 'static'],
      [1, mac(9), 'permanent'],
    ],
    frames: [...talk, [0, frame(mac(9), mac(1))]],
  },
  { name: 'no ageing, no learning', options: [['ageing_time', '0'], { ageingTime: 0 }], frames: talk },
];

describe.skipIf(missing !== undefined)("our bridge and Linux's", () => {
  let netns: OwnNetns;
  let linux: LinuxBridge | undefined;
  let lab: BridgeLab | undefined;
  beforeAll(() => {
    netns = enterOwnNetns();
    execFileSync('sysctl', [
      '-qw',
      'net.ipv6.conf.default.disable_ipv6=1',
      'net.ipv6.conf.all.disable_ipv6=1',
    ]);
  });
  afterEach(async () => {
    linux?.close();
    await lab?.stack.close();
    linux = undefined;
    lab = undefined;
  });
  afterAll(() => netns.leave());

  it.each(CASES)(
    'do the same with the same frames: $name',
    async ({ options, ports = [], fdb = [], frames }) => {
      linux = new LinuxBridge(options?.[0] ?? []);
      lab = await bridgeLab(PORTS, options?.[1] ?? {});
      const { bridge, links, drivers } = lab;
      for (const [port, words, ours] of ports) {
        bridgeTool('link', 'set', 'dev', `tap${port}`, ...words);
        await bridge.port(links[port]!).set(ours);
      }
      for (const [port, address, state] of fdb) {
        const words = state === 'static' ? ['master', 'static'] : ['master', 'local'];
        bridgeTool('fdb', 'add', address, 'dev', `tap${port}`, ...words);
        await bridge.port(links[port]!).addFdb({ mac: address, state });
      }
      for (const [at, [port, bytes]] of frames.entries()) {
        const theirs = linux.send(port, bytes);
        lab.send(port, bytes);
        const ours = drivers.map(({ sent }) => sent.map((one) => Buffer.from(one).toString('hex')));
        expect(ours, `frame ${at}`).toEqual(theirs);
      }
      const theirFdb = JSON.parse(bridgeTool('-j', 'fdb', 'show', 'br', 'br0')) as {
        mac: string;
        ifname: string;
        state?: string;
        flags: string[];
      }[];
      const theirEntries = theirFdb
        .filter((entry) => !entry.flags.includes('self'))
        .map((entry) => `${entry.mac} ${entry.ifname.replace('tap', 'p')} ${entry.state ?? ''}`);
      const names = new Map<number, string>([[bridge.link.ifindex, 'br0']]);
      for (const link of links) names.set(link.ifindex, link.name);
      // This kernel's bridge has no VLANs; ours has its own addresses in the default one as well.
      const plain = (await bridge.fdb()).filter(({ vlan }) => vlan === 0);
      const ourEntries = plain.map((entry) => {
        const state = entry.state === 'reachable' ? '' : entry.state;
        return `${entry.mac} ${names.get(entry.ifindex)} ${state}`;
      });
      expect(ourEntries.toSorted()).toEqual(theirEntries.toSorted());
    },
  );

  it('agree on the root in a loop of two links, block one port, and hosts reach one another', async () => {
    const stack = await createStack();
    try {
      const ns = await stack.namespace('br');
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      const times = { helloTime: 1, forwardDelay: 2, maxAge: 6 };
      const bridge = await ns.addBridge({ name: 'br0', stp: true, priority: 0x1000, ...times });
      await bridge.link.up();
      ip(
        'link',
        'add',
        'br0',
        'type',
        'bridge',
        'stp_state',
        '1',
        'hello_time',
        '100',
        'forward_delay',
        '200',
        'max_age',
        '600',
      );
      ip('link', 'set', 'br0', 'up');
      const ports: BridgePort[] = [];
      for (const name of ['loop0', 'loop1']) {
        const link = await stack.port(ns, `tap:${name}`, { name });
        ip('link', 'set', name, 'master', 'br0', 'up');
        ports.push(await bridge.addPort(link));
      }
      const theirStates = () =>
        (JSON.parse(bridgeTool('-j', 'link', 'show')) as { ifname: string; state: string }[])
          .filter(({ ifname }) => ifname.startsWith('loop'))
          .map(({ state }) => state)
          .toSorted();
      await expect.poll(theirStates, { timeout: 20_000, interval: 200 }).toEqual(['blocking', 'forwarding']);
      await expect
        .poll(async () => Promise.all(ports.map(async (port) => (await port.info()).state)), {
          timeout: 20_000,
          interval: 200,
        })
        .toEqual(['forwarding', 'forwarding']);
      const theirs = JSON.parse(ip('-j', '-d', 'link', 'show', 'loop0')) as {
        linkinfo: { info_slave_data: { root_id: string; bridge_id: string } };
      }[];
      const info = await bridge.info();
      const data = theirs[0]!.linkinfo.info_slave_data;
      expect([data.root_id, data.bridge_id].map(twoDigits)).toEqual([info.bridgeId, info.bridgeId]);
      expect(info.rootId).toBe(info.bridgeId);
      await bridge.link.addAddress('10.9.0.1/24');
      ip('addr', 'add', '10.9.0.2/24', 'dev', 'br0');
      const { spawn } = await import('node:child_process');
      const code = await new Promise((resolve) => {
        spawn('ping', ['-c', '3', '-i', '0.2', '-W', '5', '10.9.0.1'], { stdio: 'ignore' }).once(
          'close',
          resolve,
        );
      });
      expect(code).toBe(0);
      // Our root goes: theirs takes over within the maximum age.
      await bridge.set({ priority: 0xf000 });
      await expect
        .poll(async () => (await bridge.info()).rootId === (await bridge.info()).bridgeId, {
          timeout: 15_000,
          interval: 200,
        })
        .toBe(false);
    } finally {
      await stack.close();
      ip('link', 'del', 'br0');
    }
  }, 60_000);
});
