/**
 * The whole way of a frame in words, of the core's trace: GRO, VLAN tags, GSO on ports with a real burst; bridge and
 * VLAN devices by a replay.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NetifF } from '../../assembly/abi/features.js';
import { MsgType, TraceSetRec } from '../../assembly/abi/request.js';
import { TRACE_F_EVENTS } from '../../assembly/abi/trace.js';
import { replay } from '../../src/cli/replay_run.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import { fileSink } from '../../src/drivers/capture_file.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';
import { takeRecords } from '../../src/core/trace_ring.js';
import { Explainer } from '../../src/replay/explain.js';
import { createStack } from '../../src/stack.js';
import { buildFrame } from '../offload_frames.js';
import { be16, cat, ETH_P_IP, echo, ip4, mac } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { address } from './lab.js';

const PEER = '02:00:00:00:00:55';

interface Input {
  port: string;
  path: string;
}

/** A capture for each port that a frame comes in by: its port, second, bytes. */
function captures(folder: string, frames: readonly [string, number, Uint8Array][]): Input[] {
  return [...new Set(frames.map(([port]) => port))].map((port) => {
    const path = join(folder, `${port}.pcapng`);
    const writer = new PcapngWriter(fileSink(path));
    writer.addInterface(port);
    for (const [name, n, bytes] of frames) if (name === port) writer.write(0, 1_700_000_000 + n, 0, bytes);
    writer.close();
    return { port, path };
  });
}

/** The way of frame `explain` through the router of `yaml`, without the times. */
async function told(yaml: string, inputs: readonly Input[], explain: number): Promise<string[]> {
  const config = readRouterConfig(yaml, 'router.yaml');
  if (config.kind === 'wrong') throw new Error(JSON.stringify(config.errors));
  const { explained } = await replay(config.config, { seed: 1, neighbour: 'none', inputs, explain });
  return explained!.map((line) => line.replace(/^\S+ +/, ''));
}

class GroDriver extends ScriptDriver {
  override readonly features = NetifF.GRO;
}

test('tells of GRO, of a tag taken off and one put on, and of the cut into segments', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('ns');
  const driver = new GroDriver();
  const a = await stack.port(ns, driver, { name: 'in0', mac: '02:00:00:00:00:01' });
  const b = await stack.port(ns, new ScriptDriver(), { name: 'out0', mac: '02:00:00:00:00:99' });
  const from = await ns.addLink({ kind: 'vlan', name: 'in.10', link: a, id: 10 });
  const to = await ns.addLink({ kind: 'vlan', name: 'out.20', link: b, id: 20 });
  await from.up();
  await to.up();
  await address(from, '10.0.0.254/24');
  await address(to, '10.0.1.254/24');
  await ns.addNeighbour(to, { address: '10.0.1.9', mac: PEER });
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  stack.run(100);
  const view = await stack.core.request(
    {
      type: MsgType.TRACE_SET,
      bytes: TraceSetRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + TraceSetRec.FLAGS, TRACE_F_EVENTS, true);
        v.setUint32(at + TraceSetRec.BYTES, 1 << 18, true);
        v.setUint32(at + TraceSetRec.SNAPLEN, 2000, true);
      },
    },
    'trace',
  );
  const ring = view.getUint32(TraceSetRec.RING, true);
  const names = new Map((await ns.links()).map(({ handle, name }) => [handle, name]));
  const tagged = (f: Uint8Array) => cat(f.subarray(0, 12), be16(0x8100), be16(10), f.subarray(12));
  for (let i = 0; i < 3; i++) {
    const payload = new Uint8Array(1000).fill(i);
    driver.input.push(tagged(buildFrame({ payload, seq: 1000 + i * 1000, id: i })));
  }
  stack.run(10);
  const records = takeRecords(stack.core.instance, ring);
  const way = (frame: number) => {
    const explainer = new Explainer(frame, (handle) => names.get(handle) ?? `device ${handle}`);
    explainer.take(records, false);
    return explainer.lines.map((line) => line.replace(/^\S+ +/, ''));
  };
  await stack.close();

  const first = way(1);
  expect(first[0]).toMatch(/^received on in0/);
  expect(first.slice(1, 5)).toEqual([
    '802.1Q tag taken off: VLAN 10',
    'GRO: held, more of its flow may follow',
    'GRO: 3 frames go up as one packet',
    'received by in.10, the device of VLAN 10',
  ]);
  expect(first).toContain('gets the 802.1Q tag of VLAN 20, down to out0');
  expect(first).toContain('cut into 3 segments of 1000 bytes');
  // The second one's way is that of the packet which it is part of.
  const second = way(2);
  expect(second.slice(1, 4)).toEqual([
    '802.1Q tag taken off: VLAN 10',
    'GRO: merged into the packet that frame 1 began',
    'GRO: 3 frames go up as one packet',
  ]);
  expect(second.slice(3)).toEqual(first.slice(3));
});

describe('a router with a bridge and a VLAN device', () => {
  const BRIDGE = '02:aa:00:00:00:01';
  const WAN = '02:aa:00:00:00:02';
  const A = '02:50:00:00:00:0a';
  const B = '02:50:00:00:00:0b';
  const YAML = `
network:
  version: 2
  ethernets:
    lan0: {}
    lan1: {}
    lan2: {}
    wan0: {macaddress: "${WAN}"}
  bridges:
    br0: {interfaces: [lan0, lan1, lan2], addresses: [192.168.50.1/24], macaddress: "${BRIDGE}", parameters: {stp: false}}
  vlans:
    wan.7: {id: 7, link: wan0, addresses: [203.0.113.2/24]}
ports: {lan0: tap:a, lan1: tap:b, lan2: tap:c, wan0: tap:d}
neighbours:
  br0: {192.168.50.2: "${A}"}
  wan.7: {203.0.113.9: "${PEER}"}
`;
  let folder: string;
  const inputs: { port: string; path: string }[] = [];
  const ping = (src: string, dst: string) => ip4({ src, dst }, echo());
  const frame = (to: string, from: string, packet: Uint8Array, ...front: Uint8Array[]) =>
    cat(mac(to), mac(from), ...front, be16(ETH_P_IP), packet);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ww-explain-'));
    const frames: [string, number, Uint8Array][] = [
      ['lan0', 1, frame(B, A, ping('192.168.50.2', '192.168.50.3'))],
      ['lan1', 2, frame(A, B, ping('192.168.50.3', '192.168.50.2'))],
      ['lan1', 3, frame(B, A, ping('192.168.50.2', '192.168.50.3'))],
      ['lan1', 4, frame(BRIDGE, A, ping('192.168.50.2', '203.0.113.9'))],
      ['wan0', 5, frame(WAN, PEER, ping('203.0.113.9', '192.168.50.2'), be16(0x8100), be16(0xa007))],
      ['lan2', 6, frame('ff:ff:ff:ff:ff:ff', B, ping('192.168.50.3', '255.255.255.255'))],
    ];
    inputs.push(...captures(folder, frames));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const way = (explain: number) => told(YAML, inputs, explain);

  test('learns the sender, floods what it does not know, and says by which ports', async () => {
    const told = await way(1);
    expect(told.slice(1, 4)).toEqual([
      'bridge: port lan0 is forwarding',
      `bridge: learns that ${A} is behind lan0`,
      `bridge: ${B} is not known, to every port`,
    ]);
    expect(told.filter((line) => line.startsWith('bridge: out'))).toEqual([
      'bridge: out by lan1',
      'bridge: out by lan2',
    ]);
    expect(told.filter((line) => line.startsWith('sent'))).toEqual(['sent by lan1', 'sent by lan2']);
  });

  test('finds the receiver, and sees a sender move', async () => {
    const told = await way(2);
    expect(told).toContain(`bridge: ${A} is behind lan0`);
    expect(told.at(-1)).toBe('sent by lan0');
    const moved = await way(3);
    expect(moved).toContain(`bridge: ${A} moved from lan0 to lan1`);
    // Its receiver is behind the port that it came by.
    expect(moved.at(-1)).toMatch(/dropped on lan1: NO_TX_TARGET/);
  });

  test('goes up to the bridge device, is routed, and leaves with a tag', async () => {
    const told = await way(4);
    expect(told).toContain(`bridge: ${BRIDGE} is this machine`);
    expect(told).toContain("bridge: up as br0's");
    expect(told).toContain('route: on the link out of wan.7');
    expect(told).toContain('gets the 802.1Q tag of VLAN 7, down to wan0');
    expect(told.at(-1)).toBe('sent by wan0');
  });

  test('comes with a tag, and goes out by the port where the bridge has learned the receiver', async () => {
    const told = await way(5);
    expect(told.slice(1, 3)).toEqual([
      '802.1Q tag taken off: VLAN 7, priority 5',
      'received by wan.7, the device of VLAN 7',
    ]);
    expect(told).toContain(`bridge: ${A} is behind lan1`);
    expect(told.at(-1)).toBe('sent by lan1');
  });

  test('a broadcast goes to every port and up', async () => {
    const told = await way(6);
    expect(told).toContain('bridge: a broadcast, to every port');
    expect(told).toContain("bridge: up as br0's");
    expect(told.filter((line) => line.startsWith('bridge: out'))).toEqual([
      'bridge: out by lan0',
      'bridge: out by lan1',
    ]);
  });
});

describe('a router with rules', () => {
  const [LAN, WAN, HOST] = ['02:aa:00:00:00:01', '02:aa:00:00:00:02', '02:50:00:00:00:0a'];
  const YAML = `
network:
  version: 2
  ethernets:
    lan0: {addresses: [192.168.50.1/24], macaddress: "${LAN}"}
    wan0: {addresses: [203.0.113.2/24], macaddress: "${WAN}"}
ports: {lan0: tap:a, wan0: tap:b}
neighbours: {wan0: {203.0.113.9: "${PEER}"}, lan0: {192.168.50.2: "${HOST}"}}
nftables: |
  table inet fw {
    chain forward {
      type filter hook forward priority filter; policy drop;
      ct state vmap { established : accept, related : accept, invalid : drop }
      iifname lan0 jump out
      iifname wan0 counter log prefix "no: " drop comment "not asked for"
    }
    chain out {
      meta l4proto udp return
      ip daddr 203.0.113.9 accept
    }
  }
`;
  let folder: string;
  const inputs: { port: string; path: string }[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ww-explain-'));
    const frame = (to: string, from: string, src: string, dst: string) =>
      cat(mac(to), mac(from), be16(ETH_P_IP), ip4({ src, dst }, echo()));
    const frames: [string, number, Uint8Array][] = [
      ['lan0', 1, frame(LAN, HOST, '192.168.50.2', '203.0.113.9')],
      ['lan0', 2, frame(LAN, HOST, '192.168.50.2', '203.0.113.77')],
      ['wan0', 3, frame(WAN, PEER, '203.0.113.99', '192.168.50.2')],
    ];
    inputs.push(...captures(folder, frames));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function rulesOf(explain: number): Promise<string[]> {
    const lines = await told(YAML, inputs, explain);
    return lines.filter((line) => /inet fw|logged|dropped|^sent/.test(line));
  }

  test('names the rules of an accepted packet, and the chain that it went through', async () => {
    expect(await rulesOf(1)).toEqual([
      'inet fw forward: iifname "lan0" jump out (verdict jump)',
      'inet fw out: ip daddr 203.0.113.9 accept (verdict accept)',
      'sent by wan0',
    ]);
  });

  test('names the end of a chain and the policy that dropped', async () => {
    expect(await rulesOf(2)).toEqual([
      'inet fw forward: iifname "lan0" jump out (verdict jump)',
      'end of inet fw out: return',
      'policy of inet fw forward: drop',
      'dropped on lan0: NETFILTER_DROP',
    ]);
  });

  test('names the rule that dropped, with its text', async () => {
    expect(await rulesOf(3)).toEqual([
      'logged: no: IN=wan0 OUT=lan0 MAC=02:aa:00:00:00:02:02:00:00:00:00:55:08:00 SRC=203.0.113.99 DST=192.168.50.2 ' +
        'LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=4660 PROTO=ICMP TYPE=8 CODE=0 ID=119 SEQ=1',
      'inet fw forward: iifname "wan0" counter log prefix "no: " drop comment "not asked for" (verdict drop)',
      'dropped on wan0: NETFILTER_DROP',
    ]);
  });
});
