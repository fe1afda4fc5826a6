/**
 * A bond of ours and a bond of Linux's, by two links:
 *
 *      LAN host (Linux)                    our router
 *   bond0 ┬ eth0 ═══ TAP ═══ lan0 ┬ bond0
 *   .2    └ eth1 ═══ TAP ═══ wan0 ┘    .1      10.0.8.0/24, 2001:db8:8::/64
 */
import { afterEach, expect, it } from 'vitest';
import { Lab } from '../kernel/kernel_lab.js';

const PATIENCE = { timeout: 60_000, interval: 500 };
const LIMIT_MS = 180_000;

let lab: Lab;
afterEach(() => lab?.close());

async function bonds(options: string): Promise<void> {
  lab = await Lab.start();
  const { lan, wan, router } = lab;
  wan.ip('link', 'set', 'eth0', 'netns', lan.netns, 'name', 'eth1');
  lan.ip('link', 'add', 'bond0', 'type', 'bond', ...options.split(' '));
  await router.call('ip', 'router', `link add bond0 type bond ${options}`);
  for (const port of ['eth0', 'eth1']) {
    lan.ip('addr', 'flush', 'dev', port);
    lan.ip('link', 'set', port, 'down');
    lan.ip('link', 'set', port, 'master', 'bond0');
  }
  for (const port of ['lan0', 'wan0']) {
    await router.call('ip', 'router', `link set ${port} down`);
    await router.call('ip', 'router', `link set ${port} master bond0`);
  }
  lan.ip('link', 'set', 'bond0', 'up');
  lan.ip('addr', 'add', '10.0.8.2/24', 'dev', 'bond0');
  lan.ip('addr', 'add', '2001:db8:8::2/64', 'dev', 'bond0', 'nodad');
  for (const line of [
    'link set bond0 up',
    'addr add 10.0.8.1/24 dev bond0',
    'addr add 2001:db8:8::1/64 dev bond0 nodad',
  ]) {
    await router.call('ip', 'router', line);
  }
}

async function answered(): Promise<boolean> {
  for (const to of ['10.0.8.1', '2001:db8:8::1']) {
    const { code } = await lab.lan.run('ping', '-n', '-c', '3', '-i', '0.2', '-W', '2', to);
    if (code !== 0) return false;
  }
  return true;
}

/** Of our bond, which port is the active one. */
const ourActive = async () => {
  const { data } = await lab.router.call('link', 'bond0');
  if (data?.kind !== 'bond') return undefined;
  for (const name of ['lan0', 'wan0']) {
    if ((await lab.router.call('link', name)).ifindex === data.activeSlave) return name;
  }
  return undefined;
};

const linuxBond = async () => (await lab.lan.run('cat', '/proc/net/bonding/bond0')).stdout;

it(
  'agrees with Linux by LACP on one aggregator of two links, and goes on with one',
  async () => {
    await bonds('mode 802.3ad miimon 100 lacp_rate fast');
    await expect.poll(linuxBond, PATIENCE).toMatch(/Active Aggregator Info:[\s\S]*?Number of ports: 2/);
    expect(await linuxBond()).toMatch(/Partner Mac Address: 02:00:00:00:0[12]:01/);
    await expect.poll(answered, PATIENCE).toBe(true);
    lab.lan.ip('link', 'set', 'eth0', 'down');
    await expect.poll(linuxBond, PATIENCE).toMatch(/Active Aggregator Info:[\s\S]*?Number of ports: 1/);
    await expect.poll(answered, PATIENCE).toBe(true);
  },
  LIMIT_MS,
);

it(
  'fails over to the other link when the active one is gone',
  async () => {
    await bonds('mode active-backup miimon 100');
    await expect.poll(answered, PATIENCE).toBe(true);
    await lab.router.call('setLink', 'lan0', { up: false });
    lab.lan.ip('link', 'set', 'eth0', 'down');
    await expect.poll(answered, PATIENCE).toBe(true);
    expect(await linuxBond()).toContain('Currently Active Slave: eth1');
  },
  LIMIT_MS,
);

it(
  'balance-tlb on both sides: goes on with the other link, whose address becomes that of the bond',
  async () => {
    await bonds('mode balance-tlb miimon 100');
    await expect.poll(answered, PATIENCE).toBe(true);
    expect(await linuxBond()).toContain('Currently Active Slave: eth0');
    expect(await ourActive()).toBe('lan0');
    const address = async (name: string) => (await lab.router.call('link', name)).mac;
    const bond = await address('bond0');
    expect([await address('lan0'), (await address('wan0')) === bond]).toEqual([bond, false]);
    await lab.router.call('setLink', 'lan0', { up: false });
    lab.lan.ip('link', 'set', 'eth0', 'down');
    await expect.poll(answered, PATIENCE).toBe(true);
    expect(await linuxBond()).toContain('Currently Active Slave: eth1');
    expect([await ourActive(), await address('wan0')]).toEqual(['wan0', bond]);
  },
  LIMIT_MS,
);

it(
  'fails over by the ARP monitor while carriers stay, and so does Linux',
  async () => {
    // Each asks the other; what is cut carries nothing, though the links stay up.
    await bonds('mode active-backup arp_interval 200 arp_ip_target 10.0.8.1,10.0.8.2 arp_validate none');
    await expect.poll(answered, PATIENCE).toBe(true);
    const first = await ourActive();
    expect(first).toBeDefined();
    const [cut, other] = first === 'lan0' ? ['eth0', 'wan0'] : ['eth1', 'lan0'];
    for (const direction of ['ingress', 'egress']) {
      await lab.lan.run('tc', 'qdisc', 'replace', 'dev', cut, 'clsact');
      const { code, stderr } = await lab.lan.run(
        ...(['tc', 'filter', 'add', 'dev', cut, direction, 'matchall', 'action', 'drop'] as const),
      );
      expect(code, stderr).toBe(0);
    }
    await expect.poll(ourActive, PATIENCE).toBe(other);
    await expect
      .poll(linuxBond, PATIENCE)
      .toContain(`Currently Active Slave: ${cut === 'eth0' ? 'eth1' : 'eth0'}`);
    await expect.poll(answered, PATIENCE).toBe(true);
  },
  LIMIT_MS,
);
