/**
 * The generator's frames as Linux sees them: routed by the kernel from one TAP to another without loss, and every checksum
 * found right by tcpdump and by the kernel's own sockets.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Link } from '../../src/net/link.js';
import { Pktgen, type StreamSpec } from '../../src/net/pktgen.js';
import { createStack, type Stack } from '../../src/stack.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/pktgen skipped: ${missing}`);
const TAPS = [`wwg0-${process.pid}`.slice(0, 15), `wwg1-${process.pid}`.slice(0, 15)] as const;
const MACS = ['02:00:00:00:0a:01', '02:00:00:00:0b:01'] as const;
const KERNEL_MACS = ['02:00:00:00:0a:02', '02:00:00:00:0b:02'] as const;
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

describe.skipIf(missing !== undefined)('frames of the generator and Linux', () => {
  let netns: OwnNetns;
  let stack: Stack;
  let pktgen: Pktgen;
  const links: Link[] = [];

  beforeAll(async () => {
    netns = enterOwnNetns();
    stack = await createStack();
    pktgen = new Pktgen(stack.core);
    for (const [i, tap] of TAPS.entries()) {
      const ns = await stack.namespace(`p${i}`);
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      const up = new Promise<void>((resolve) => {
        void stack
          .port(ns, `tap:${tap}`, { name: `p${i}`, mac: MACS[i]!, onState: (state) => state.up && resolve() })
          .then((link) => links.push(link));
      });
      while (links.length <= i) await sleep(10);
      ip('link', 'set', tap, 'address', KERNEL_MACS[i]!, 'up');
      await up;
      ip('addr', 'add', `198.${18 + i}.0.1/16`, 'dev', tap);
      ip('-6', 'addr', 'add', `2001:2:0:${i}::1/64`, 'dev', tap, 'nodad');
      ip('neigh', 'replace', `198.${18 + i}.0.2`, 'lladdr', MACS[i]!, 'dev', tap);
      ip('-6', 'neigh', 'replace', `2001:2:0:${i}::2`, 'lladdr', MACS[i]!, 'dev', tap);
    }
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
    await pktgen.addSink(links[1]!, { streams: 16 });
  });
  afterAll(async () => {
    await stack?.close();
    netns?.leave();
  });

  const spec = (more: Partial<StreamSpec>): StreamSpec => ({
    id: 1,
    proto: 'udp',
    src: '198.18.0.2',
    dst: '198.19.0.2',
    srcMac: MACS[0],
    dstMac: KERNEL_MACS[0],
    sizes: {
      kind: 'table',
      entries: [
        [60, 7],
        [590, 4],
        [1514, 1],
      ],
    },
    rate: { kind: 'pps', value: 2000 },
    ...more,
  });
  const ended = async (ids: readonly number[]) => {
    for (const id of ids) while ((await pktgen.figures(id)).running) await sleep(20);
    await sleep(300);
  };

  it('loses nothing through the kernel as the router, in either family', async () => {
    const v6 = { src: '2001:2::2', dst: '2001:2:0:1::2' };
    await pktgen.addStream(links[0]!, spec({ count: 3000, sportCount: 200 }));
    await pktgen.addStream(
      links[0]!,
      spec({ id: 2, ...v6, count: 3000, sizes: { kind: 'range', from: 80, to: 1514 } }),
    );
    await pktgen.start();
    await ended([1, 2]);
    const rx = await pktgen.sinkStreams(links[1]!);
    expect(
      rx.map(({ id, unique, lost, corrupted, duplicated }) => ({ id, unique, lost, corrupted, duplicated })),
    ).toEqual([1, 2].map((id) => ({ id, unique: 3000, lost: 0, corrupted: 0, duplicated: 0 })));
    await pktgen.deleteStream();
  });

  it('are right to tcpdump: every checksum, tag and length', async () => {
    const kinds: Partial<StreamSpec>[] = [
      {},
      { src: '2001:2::2', dst: '2001:2:0:1::2', sizes: { kind: 'table', entries: [[90, 1]] } },
      { proto: 'tcp', sizes: { kind: 'table', entries: [[90, 1]] } },
      { proto: 'icmp' },
      { vlans: [{ id: 10, priority: 3 }], sizes: { kind: 'table', entries: [[101, 1]] } },
    ];
    const each = 20;
    const total = kinds.length * each;
    const tcpdump = spawn('tcpdump', ['-i', TAPS[0], '-nvve', '-c', String(total), '-Q', 'in'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [text, told] = ['', ''];
    tcpdump.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    tcpdump.stderr.setEncoding('utf8').on('data', (part: string) => (told += part));
    while (!told.includes('listening on')) await sleep(20);
    for (const [i, kind] of kinds.entries())
      await pktgen.addStream(links[0]!, spec({ ...kind, id: 10 + i, count: each }));
    await pktgen.start();
    await once(tcpdump, 'close');
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    expect(text).not.toMatch(/bad|incorrect|wrong|truncated/i);
    expect(count(/\[udp sum ok\]/g)).toBe(3 * each);
    expect(count(/cksum 0x[0-9a-f]+ \(correct\)/g)).toBe(each);
    expect(count(/ICMP echo request/g)).toBe(each);
    expect(count(/vlan 10, p 3/g)).toBe(each);
    await pktgen.deleteStream();
  });

  it('are answered by the kernel: echo replies come back with their signature', async () => {
    await pktgen.addSink(links[0]!);
    await pktgen.addStream(
      links[0]!,
      spec({ id: 30, proto: 'icmp', dst: '198.18.0.1', count: 200, rate: { kind: 'pps', value: 200 } }),
    );
    await pktgen.start();
    await ended([30]);
    expect((await pktgen.sinkStreams(links[0]!))[0]).toMatchObject({
      id: 30,
      unique: 200,
      lost: 0,
      corrupted: 0,
    });
    await pktgen.deleteStream();
  });
});
