/**
 * The ARP monitor of a bond: two ports at one switch, a host behind it that answers by the ports that are not cut. And
 * what a failover tells the switch of groups.
 */
import { describe, expect, test } from 'vitest';
import type { Link } from '../../src/net/link.js';
import type { BondOptions } from '../../src/net/link_bond.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { arp, ETH_P_ARP } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame } from './frames.js';
import { address } from './lab.js';

const HOST = '10.0.0.9';
const HOST_MAC = '02:00:00:00:00:99';
const OWN = '10.0.0.1';
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

/** A port at the switch; cut: its carrier is on, and nothing comes through. */
class SwitchPort extends ScriptDriver {
  cut = false;
  answers = true;
  other!: SwitchPort;

  override txBurst(): number {
    const before = this.sent.length;
    const done = super.txBurst();
    for (const sent of this.sent.slice(before)) {
      if (this.cut || sent[12] !== 8 || sent[13] !== 6 || sent[21] !== 1) continue;
      if (!this.other.cut) this.other.input.push(sent);
      const to = [...sent.subarray(6, 12)].map((b) => b.toString(16).padStart(2, '0')).join(':');
      const sip = sent.subarray(28, 32).join('.');
      if (!this.answers || sent.subarray(38, 42).join('.') !== HOST) continue;
      const reply = arp({ op: 2, sha: HOST_MAC, spa: HOST, tha: to, tpa: sip });
      this.input.push(frame(to, HOST_MAC, ETH_P_ARP, reply));
    }
    return done;
  }
}

interface Lab {
  stack: Stack;
  ns: Namespace;
  bond: Link;
  ports: Link[];
  drivers: [SwitchPort, SwitchPort];
  /** Which port is active (-1: none), and whether the bond has carrier. */
  state(): Promise<[number, boolean]>;
  links(): Promise<string[]>;
}

async function lab(options: BondOptions): Promise<Lab> {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const drivers: [SwitchPort, SwitchPort] = [new SwitchPort(), new SwitchPort()];
  drivers[0].other = drivers[1];
  drivers[1].other = drivers[0];
  const bond = await ns.addLink({ kind: 'bond', name: 'bond0', ...options });
  const ports: Link[] = [];
  for (const i of [0, 1] as const) {
    const port = await stack.port(ns, drivers[i], { name: `p${i}`, mac: MACS[i] });
    await port.down();
    await port.set({ master: bond });
    ports.push(port);
  }
  await address(bond, `${OWN}/24`);
  await bond.up();
  stack.run(1000);
  for (const driver of drivers) driver.sent.length = 0;
  const state = async (): Promise<[number, boolean]> => {
    const info = await bond.info();
    const index = info.data?.kind === 'bond' ? info.data.activeSlave : 0;
    return [ports.findIndex(({ ifindex }) => ifindex === index), info.carrier];
  };
  const links = () => Promise.all(ports.map(async (port) => (await port.bondSlave()).miiStatus));
  return { stack, ns, bond, ports, drivers, state, links };
}

const MONITOR: BondOptions = { mode: 'active-backup', arpInterval: 100, arpIpTargets: [HOST] };

describe('the ARP monitor, active-backup', () => {
  test('asks by the active port every interval, and fails over when nothing is heard', async () => {
    const { stack, drivers, state, links } = await lab(MONITOR);
    stack.run(1000);
    expect(await state()).toEqual([0, true]);
    expect(await links()).toEqual(['up', 'up']);
    const asked = drivers[0].sent.filter(
      (sent) => sent[13] === 6 && sent.subarray(38, 42).join('.') === HOST,
    );
    expect(asked.length).toBeGreaterThanOrEqual(9);
    expect(asked[0]!.subarray(28, 32).join('.')).toBe(OWN);
    drivers[0].cut = true;
    stack.run(200);
    expect(await state()).toEqual([0, true]);
    stack.run(200);
    expect(await state()).toEqual([1, true]);
    expect((await links())[1]).toBe('up');
    // Back again: its link is up, but what is active stays.
    drivers[0].cut = false;
    stack.run(500);
    expect(await state()).toEqual([1, true]);
    expect(await links()).toEqual(['up', 'up']);
    await stack.close();
  });

  test('without any answer has no carrier, and tries one port after the other until one comes', async () => {
    const { stack, drivers, state } = await lab(MONITOR);
    for (const driver of drivers) driver.cut = true;
    stack.run(1000);
    expect(await state()).toEqual([-1, false]);
    for (const driver of drivers) driver.sent.length = 0;
    stack.run(1000);
    expect(drivers.map(({ sent }) => sent.length)).toEqual([5, 5]);
    drivers[1].cut = false;
    stack.run(400);
    expect(await state()).toEqual([1, true]);
    await stack.close();
  });

  test.each([
    ['none', true],
    ['filter', false],
    ['all', false],
    ['active', false],
  ] as const)(
    'with arp_validate %s: noise instead of answers keeps the link: %s',
    async (arpValidate, keeps) => {
      const { stack, drivers, ports, state } = await lab({ ...MONITOR, arpValidate });
      stack.run(500);
      const [first] = await state();
      drivers[first]!.answers = false;
      drivers[1 - first]!.answers = false;
      drivers[1 - first]!.cut = true;
      const noise = frame('ff:ff:ff:ff:ff:ff', HOST_MAC, 0x88b5, new Uint8Array(46));
      for (let i = 0; i < 10; i++) {
        drivers[first]!.input.push(noise);
        stack.run(100);
      }
      expect((await ports[first]!.bondSlave()).linkFailureCount === 0).toBe(keeps);
      await stack.close();
    },
  );

  test('with arp_validate does not take an answer of somebody else for one', async () => {
    const { stack, drivers, state } = await lab({ ...MONITOR, arpValidate: 'all' });
    for (const driver of drivers) driver.answers = false;
    drivers[1].cut = true;
    for (let i = 0; i < 10; i++) {
      const reply = arp({ op: 2, sha: HOST_MAC, spa: '10.0.0.8', tha: MACS[0], tpa: OWN });
      drivers[0].input.push(frame(MACS[0], HOST_MAC, ETH_P_ARP, reply));
      stack.run(100);
    }
    expect(await state()).toEqual([-1, false]);
    await stack.close();
  });

  test('of two targets one is enough, with arp_all_targets all both have to answer', async () => {
    for (const [arpAllTargets, active] of [
      ['any', 0],
      ['all', -1],
    ] as const) {
      const targets = { arpIpTargets: [HOST, '10.0.0.8'], arpAllTargets, arpValidate: 'all' } as const;
      const { stack, state } = await lab({ ...MONITOR, ...targets });
      stack.run(2000);
      expect((await state())[0]).toBe(active);
      await stack.close();
    }
  });
});

test('the ARP monitor, balance-rr: a silent port is left out and comes back', async () => {
  const { stack, drivers, links } = await lab({ ...MONITOR, mode: 'balance-rr' });
  expect(await links()).toEqual(['up', 'up']);
  drivers[1].cut = true;
  stack.run(500);
  expect(await links()).toEqual(['up', 'down']);
  drivers[1].cut = false;
  stack.run(300);
  expect(await links()).toEqual(['up', 'up']);
  await stack.close();
});

test('the ARP monitor and miimon shut each other out; its parameters are read back', async () => {
  const { stack, ns, bond } = await lab(MONITOR);
  const arpValidate = 'filter_backup';
  await bond.set({ bond: { arpValidate, missedMax: 5, arpIpTargets: ['10.0.0.7', HOST] } });
  expect((await bond.info()).data).toMatchObject({
    arpInterval: 100,
    arpValidate,
    arpAllTargets: 'any',
    missedMax: 5,
    resendIgmp: 1,
    arpIpTargets: ['10.0.0.7', HOST],
    miimon: 0,
  });
  await expect(bond.set({ bond: { miimon: 100, arpInterval: 100 } })).rejects.toMatchObject({
    code: 'EINVAL',
  });
  await expect(bond.set({ bond: { missedMax: 0 } })).rejects.toMatchObject({ code: 'EINVAL' });
  await bond.set({ bond: { miimon: 50 } });
  expect((await bond.info()).data).toMatchObject({ arpInterval: 0, arpValidate: 'none', miimon: 50 });
  await expect(
    ns.addLink({ kind: 'bond', name: 'bond1', mode: '802.3ad', arpInterval: 100 }),
  ).rejects.toMatchObject({ code: 'EACCES' });
  await expect(ns.addLink({ kind: 'bond', name: 'b2', arpIpTargets: ['fe80::1'] })).rejects.toThrow(/IPv4/);
  await stack.close();
});

test.each([0, 1, 3])('a failover reports the groups %i times by the new port', async (resendIgmp) => {
  const { stack, ns, bond, drivers } = await lab({ mode: 'active-backup', miimon: 100, resendIgmp });
  await ns.joinGroup(bond, '239.1.2.3');
  stack.run(30_000);
  for (const driver of drivers) driver.sent.length = 0;
  drivers[0].notify.state(false);
  await Promise.resolve();
  stack.run(2000);
  const reports = drivers[1].sent.filter((sent) => sent[12] === 8 && sent[13] === 0 && sent[23] === 2);
  expect(reports).toHaveLength(resendIgmp);
  await stack.close();
});
