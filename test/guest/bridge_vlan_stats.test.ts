/** What VLANs of a bridge have counted, beside Linux's bridge: the same frames, then `bridge -s vlan` of both. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeOptions } from '../../src/net/bridge.js';
import { bridgeTool, LinuxBridge, PORTS } from '../kernel/linux_bridge.js';
import { enterOwnNetns, type OwnNetns } from '../kernel/netns.js';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from '../net/bridge_lab.js';

interface LinuxVlans {
  ifname: string;
  vlans: {
    vid: number;
    rx_bytes: number;
    rx_packets: number;
    tx_bytes: number;
    tx_packets: number;
  }[];
}

const ON = ['vlan_filtering', '1', 'mcast_snooping', '0', 'vlan_stats_enabled', '1'];
const CASES: [name: string, linux: string[], ours: BridgeOptions][] = [
  ['for the whole bridge', [], {}],
  ['by port', ['vlan_stats_per_port', '1'], { vlanStatsPerPort: true }],
];

function tagged(vid: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(...bytes.subarray(0, 12), 0x81, 0, vid >> 8, vid & 255, ...bytes.subarray(12));
}

describe("our bridge and Linux's count alike", () => {
  let netns: OwnNetns;
  let linux: LinuxBridge | undefined;
  let lab: BridgeLab | undefined;
  beforeAll(() => {
    netns = enterOwnNetns();
    const off = ['net.ipv6.conf.default.disable_ipv6=1', 'net.ipv6.conf.all.disable_ipv6=1'];
    execFileSync('sysctl', ['-qw', ...off]);
  });
  afterEach(async () => {
    linux?.close();
    await lab?.stack.close();
  });
  afterAll(() => netns.leave());

  it.each(CASES)('VLANs %s', async (_name, words, options) => {
    linux = new LinuxBridge([...ON, ...words]);
    lab = await bridgeLab(PORTS, {
      vlanFiltering: true,
      mcastSnooping: false,
      vlanStatsEnabled: true,
      ...options,
    });
    const { bridge, links } = lab;
    const vlans: [port: number, vid: number, ...words: string[]][] = [
      [0, 5],
      [1, 5],
      [2, 5, 'pvid', 'untagged'],
      [1, 6],
      [3, 6],
    ];
    for (const [port, vid, ...how] of vlans) {
      bridgeTool('vlan', 'add', 'vid', `${vid}`, 'dev', `tap${port}`, ...how);
      await bridge.port(links[port]!).addVlan({
        first: vid,
        pvid: how.includes('pvid'),
        untagged: how.includes('untagged'),
      });
    }
    const before = await counted();
    const frames: [port: number, bytes: Uint8Array][] = [
      [0, frame(BROADCAST, mac(1))],
      [0, tagged(5, frame(BROADCAST, mac(1)))],
      [2, frame(mac(1), mac(2))],
      [3, tagged(6, frame(BROADCAST, mac(3)))],
      [3, tagged(5, frame(BROADCAST, mac(3)))],
      [1, tagged(6, frame(mac(3), mac(4)))],
      [0, frame(mac(5), mac(1))],
    ];
    for (const [port, bytes] of frames) {
      linux.send(port, bytes);
      lab.send(port, bytes);
    }
    const after = await counted();
    expect(grown(after.ours, before.ours)).toEqual(grown(after.theirs, before.theirs));
    expect(grown(after.ours, before.ours)['tap0 5']).not.toEqual([0, 0, 0, 0]);
  });

  type Counts = Record<string, number[]>;

  async function counted(): Promise<{ ours: Counts; theirs: Counts }> {
    const shown = JSON.parse(bridgeTool('-s', '-j', 'vlan', 'show')) as LinuxVlans[];
    const theirs = Object.fromEntries(
      shown.flatMap(({ ifname, vlans }) =>
        vlans.map((one) => [
          `${ifname} ${one.vid}`,
          [one.rx_bytes, one.rx_packets, one.tx_bytes, one.tx_packets],
        ]),
      ),
    );
    const ours: Counts = {};
    const { bridge, links } = lab!;
    const sides = [
      { name: 'br0', side: bridge },
      ...links.map((link, i) => ({ name: `tap${i}`, side: bridge.port(link) })),
    ];
    for (const { name, side } of sides) {
      for (const one of await side.vlanStats())
        ours[`${name} ${one.vlan}`] = [one.rxBytes, one.rxPackets, one.txBytes, one.txPackets].map(Number);
    }
    return { ours, theirs };
  }

  /** What the kernel says by itself is before, as far as it has said it then. */
  function grown(after: Counts, before: Counts): Counts {
    return Object.fromEntries(
      Object.entries(after).map(([key, values]) => [
        key,
        values.map((value, i) => value - (before[key]?.[i] ?? 0)),
      ]),
    );
  }
});
