/**
 * Our macvlans beside Linux's: the same frames into the same lower device must reach the same macvlans, mode by mode; and
 * macvlans of ours and of Linux's as hosts on one wire.
 *
 *   frames ─► tap0 of the kernel ─► m0, m1, m2      frames ─► a port of ours ─► m0, m1, m2      compared: who got how many
 *   ours: m0, m1 on p0 ═══ TAP ═══ tap of the kernel: mva, mvb, each in a namespace
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MacvlanMode } from '../../src/net/link_macvlan.js';
import { createStack } from '../../src/stack.js';
import * as tun from '../../src/sys/if_tun.js';
import { frame } from '../net/bridge_lab.js';
import { ScriptDriver } from '../script_driver.js';
import { ip } from './linux_bridge.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/macvlan skipped: ${missing}`);

const LOWER = '02:00:00:00:00:99';
const MACS = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'];
const PEERS = ['02:00:00:00:00:aa', '02:00:00:00:00:ab'] as const;
/** Every IPv4 device listens to 224.0.0.1. */
const GROUPS = ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'];

interface Case {
  modes: MacvlanMode[];
  /** Of the first, which is in source mode. */
  macaddrs?: string[];
  down?: number;
}
const CASES: Case[] = [
  { modes: ['private', 'vepa', 'bridge'] },
  { modes: ['bridge', 'bridge', 'bridge'] },
  { modes: ['vepa', 'vepa', 'private'] },
  { modes: ['passthru'] },
  { modes: ['source', 'bridge', 'vepa'], macaddrs: [PEERS[0]] },
  { modes: ['source', 'source', 'private'] },
  { modes: ['bridge', 'vepa', 'private'], down: 1 },
];

interface LinkStats {
  ifname: string;
  stats64: { rx: { packets: number } };
}

describe.skipIf(missing !== undefined)('macvlan, ours and Linux’s', () => {
  let netns: OwnNetns;
  beforeAll(() => {
    netns = enterOwnNetns();
    const off = ['net.ipv6.conf.default.disable_ipv6=1', 'net.ipv6.conf.all.disable_ipv6=1'];
    execFileSync('sysctl', ['-qw', ...off]);
  });
  afterAll(() => netns.leave());

  it.each(CASES)('hear the same: $modes', async ({ modes, macaddrs, down }) => {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const ioctl: (fd: number, request: number, arg: Uint8Array) => number = koffi
      .load(null)
      .func('int ioctl(int, ulong, void *)');
    const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    const stack = await createStack({ clock: 'virtual' });
    try {
      const request = tun.packIfreqFlags('mvlow', tun.IFF_TAP | tun.IFF_NO_PI);
      if (ioctl(fd, tun.TUNSETIFF, request) < 0) throw new Error(`TUNSETIFF: errno ${koffi.errno()}`);
      ip('link', 'set', 'mvlow', 'address', LOWER, 'up');
      const ns = await stack.namespace('m');
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      const driver = new ScriptDriver();
      const port = await stack.port(ns, driver, { name: 'mvlow', mac: LOWER });
      const links = [];
      for (const [i, mode] of modes.entries()) {
        const name = `m${i}`;
        const own = mode === 'passthru' ? {} : { mac: MACS[i]! };
        const address = mode === 'passthru' ? [] : ['address', MACS[i]!];
        ip('link', 'add', 'link', 'mvlow', 'name', name, ...address, 'type', 'macvlan', 'mode', mode);
        const link = await ns.addLink({ kind: 'macvlan', name, link: port, mode, ...own });
        links.push(link);
        if (i === 0 && macaddrs !== undefined) {
          ip('link', 'set', name, 'type', 'macvlan', 'macaddr', 'set', ...macaddrs);
          await link.set({ macvlan: { macaddrs } });
        }
        if (down === i) continue;
        ip('link', 'set', name, 'up');
        await link.up();
      }
      stack.run(10);
      const theirs = () => {
        const all = JSON.parse(ip('-s', '-j', 'link', 'show', 'type', 'macvlan')) as LinkStats[];
        return modes.map((_, i) => all.find(({ ifname }) => ifname === `m${i}`)!.stats64.rx.packets);
      };
      const begin = theirs();
      for (const from of [...PEERS, ...MACS.slice(0, modes.length)]) {
        for (const to of [...GROUPS, ...MACS.slice(0, modes.length), LOWER, PEERS[1]]) {
          writeSync(fd, frame(to, from));
          driver.input.push(frame(to, from));
          stack.run(1);
          const ours = await Promise.all(links.map(async (link) => (await link.stats()).rxPackets));
          // Linux hands frames for groups on a moment later.
          await expect
            .poll(() => theirs().map((n, i) => n - begin[i]!), {
              interval: 5,
              timeout: 3000,
              message: `${from} to ${to}`,
            })
            .toEqual(ours);
        }
      }
    } finally {
      closeSync(fd);
      await stack.close();
    }
  });

  it('are hosts on one wire', async () => {
    const spaces = ['a', 'b'].map((side) => `ww-mv-${process.pid}-${side}`);
    const stack = await createStack();
    try {
      const ns = await stack.namespace('m');
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      // Only the link that has the address answers for it.
      await ns.setSysctl('net.ipv4.conf.all.arp_ignore', 1);
      const port = await stack.port(ns, 'tap:mvwire', { name: 'p0' });
      ip('link', 'set', 'mvwire', 'up');
      for (const [i, space] of spaces.entries()) {
        const link = await ns.addLink({
          kind: 'macvlan',
          name: `m${i}`,
          link: port,
          mode: 'bridge',
          mac: MACS[i]!,
        });
        await link.up();
        await link.addAddress(`10.9.${i}.1/24`);
        ip('netns', 'add', space);
        ip('link', 'add', 'link', 'mvwire', 'name', `mv${i}`, 'type', 'macvlan', 'mode', 'bridge');
        ip('link', 'set', `mv${i}`, 'netns', space);
        ip('-n', space, 'addr', 'add', `10.9.${i}.2/24`, 'dev', `mv${i}`);
        ip('-n', space, 'link', 'set', `mv${i}`, 'up');
      }
      for (const [i, space] of spaces.entries()) {
        const args = ['netns', 'exec', space, 'ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', `10.9.${i}.1`];
        const code = await new Promise((resolve) => {
          spawn('ip', args, { stdio: 'ignore' }).once('close', resolve);
        });
        expect(code).toBe(0);
        const neighbours = ip('-n', space, 'neigh', 'show', `10.9.${i}.1`);
        expect(neighbours).toContain(MACS[i]!);
      }
    } finally {
      for (const space of spaces) {
        try {
          ip('netns', 'del', space);
        } catch {
          // It was not made.
        }
      }
      await stack.close();
    }
  }, 30_000);
});
