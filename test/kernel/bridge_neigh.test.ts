/**
 * neigh_suppress, proxy_arp and proxy_arp_wifi beside Linux's bridge: the same ARP and ND into the same ports, what the
 * bridge answers and what it floods compared byte by byte.
 *
 *   station 1 at port 0 asks; station 11 is behind port 1, and the bridge knows it as its neighbour; 12 is not known
 */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseMac } from '../../src/config/ip_address.js';
import type { BridgePortOptions } from '../../src/net/bridge.js';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from '../net/bridge_lab.js';
import {
  arp,
  be16,
  cat,
  ETH_P_ARP,
  ETH_P_IPV6,
  icmp6,
  ip6,
  ipBytes,
  multicastMac,
  ndOption,
  solicitedNode,
  u8,
} from '../oracle/packet.js';
import { ip, LinuxBridge, PORTS } from './linux_bridge.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/bridge_neigh skipped: ${missing}`);

const four = (n: number) => `10.0.0.${n}`;
const six = (n: number) => `fd00::${n}`;
const ethernet = (to: Uint8Array, from: number, type: number, payload: Uint8Array) =>
  cat(to, parseMac(mac(from))!, be16(type), payload);
const bytes = (text: string) => parseMac(text)!;

/** ARP of station `from`; it asks for `target`. */
function ask(
  from: number,
  target: string,
  more: { op?: number; spa?: string; to?: string } = {},
): Uint8Array {
  const fields = { op: more.op ?? 1, sha: mac(from), spa: more.spa ?? four(from), tpa: target };
  return ethernet(bytes(more.to ?? BROADCAST), from, ETH_P_ARP, arp(fields));
}

/** A solicitation of station `from`. */
function solicit(from: number, target: string, more: { src?: string; dst?: string; option?: boolean } = {}) {
  const dst = more.dst ?? solicitedNode(target);
  const option = more.option === false ? u8() : ndOption(1, bytes(mac(from)));
  const body = icmp6(135, 0, u8(0, 0, 0, 0), cat(ipBytes(target), option));
  const packet = ip6({ src: more.src ?? six(from), dst, hops: 255 }, body);
  const to = multicastMac(ipBytes(dst)) ?? bytes(mac(11));
  return ethernet(to, from, ETH_P_IPV6, packet);
}

function advertise(from: number, solicited: boolean): Uint8Array {
  const flags = u8(solicited ? 0x60 : 0x20, 0, 0, 0);
  const body = icmp6(136, 0, flags, cat(ipBytes(six(from)), ndOption(2, bytes(mac(from)))));
  const packet = ip6({ src: six(from), dst: 'ff02::1', hops: 255 }, body);
  return ethernet(multicastMac(ipBytes('ff02::1'))!, from, ETH_P_IPV6, packet);
}

type Frame = [port: number, frame: Uint8Array];
const arps: Frame[] = [
  [0, ask(1, four(11))],
  [0, ask(1, four(12))],
  [0, ask(1, four(100))],
  [0, ask(1, four(11), { to: mac(11) })],
  [0, ask(1, four(1))],
  [0, ask(1, four(11), { spa: '0.0.0.0' })],
  [0, ask(1, four(11), { op: 2 })],
  [1, ask(11, four(1))],
  [2, ask(3, four(11))],
  [2, ask(3, '224.0.0.1')],
];
const nds: Frame[] = [
  [0, solicit(1, six(11))],
  [0, solicit(1, six(11), { option: false })],
  [0, solicit(1, six(12))],
  [0, solicit(1, six(11), { src: '::' })],
  [0, solicit(1, six(11), { dst: six(11) })],
  [1, solicit(11, six(1))],
  [0, advertise(1, true)],
  [0, advertise(1, false)],
];

const CASES: { name: string; ports: [port: number, words: string[], ours: BridgePortOptions][] }[] = [
  { name: 'nothing set', ports: [] },
  {
    name: 'neigh_suppress where the neighbour is',
    ports: [[1, ['neigh_suppress', 'on'], { neighSuppress: true }]],
  },
  { name: 'neigh_suppress elsewhere', ports: [[3, ['neigh_suppress', 'on'], { neighSuppress: true }]] },
  { name: 'proxy_arp where the question comes from', ports: [[0, ['proxy_arp', 'on'], { proxyArp: true }]] },
  { name: 'proxy_arp where the neighbour is', ports: [[1, ['proxy_arp', 'on'], { proxyArp: true }]] },
  {
    name: 'proxy_arp_wifi where the neighbour is',
    ports: [[1, ['proxy_arp_wifi', 'on'], { proxyArpWifi: true }]],
  },
  {
    name: 'neigh_suppress and proxy_arp',
    ports: [
      [0, ['proxy_arp', 'on'], { proxyArp: true }],
      [2, ['neigh_suppress', 'on'], { neighSuppress: true }],
    ],
  },
  {
    name: 'neigh_suppress at two ports',
    ports: [
      [1, ['neigh_suppress', 'on'], { neighSuppress: true }],
      [3, ['neigh_suppress', 'on'], { neighSuppress: true }],
    ],
  },
];

describe.skipIf(missing !== undefined)("our bridge and Linux's keep ARP and ND off ports alike", () => {
  let netns: OwnNetns;
  let linux: LinuxBridge | undefined;
  let lab: BridgeLab | undefined;
  beforeAll(() => {
    netns = enterOwnNetns();
    execFileSync('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.autoconf=0']);
  });
  afterEach(async () => {
    linux?.close();
    await lab?.stack.close();
    linux = undefined;
    lab = undefined;
  });
  afterAll(() => netns.leave());

  it.each(CASES)('$name', async ({ ports }) => {
    // What stations say, and what the bridge says in their name.
    const counts = (one: Buffer) => one.toString('hex', 6, 11) === '0200000010';
    linux = new LinuxBridge(['mcast_snooping', '0'], counts);
    lab = await bridgeLab(PORTS, { mcastSnooping: false });
    const { bridge, links, ns } = lab;
    ip('addr', 'add', `${four(100)}/24`, 'dev', 'br0');
    await bridge.link.addAddress(`${four(100)}/24`);
    await ns.setSysctl('net.ipv6.conf.br0.disable_ipv6', 0);
    for (const address of [four(11), six(11)]) {
      ip('neigh', 'replace', address, 'lladdr', mac(11), 'dev', 'br0', 'nud', 'permanent');
      await ns.addNeighbour(bridge.link, { address, mac: mac(11) });
    }
    for (const [port, words, ours] of ports) {
      ip('link', 'set', 'dev', `tap${port}`, 'type', 'bridge_slave', ...words);
      await bridge.port(links[port]!).set(ours);
    }
    for (const [port, n] of [
      [0, 1],
      [1, 11],
      [2, 3],
    ] as const) {
      linux.send(port, frame(mac(99), mac(n)));
      lab.send(port, frame(mac(99), mac(n)));
    }
    for (const [at, [port, one]] of [...arps, ...nds].entries()) {
      const theirs = linux.send(port, one);
      lab.send(port, one);
      const ours = lab.drivers.map(({ sent }) =>
        sent
          .map((bytes) => Buffer.from(bytes))
          .filter(counts)
          .map((bytes) => bytes.toString('hex')),
      );
      expect(ours, `frame ${at}`).toEqual(theirs);
    }
  });
});
