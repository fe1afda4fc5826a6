/**
 * Packet ports at the edges: interfaces that go and come back, tags, addresses that are not the interface's, what is
 * left when it ends, and `ww up` with them. router.test and router_transfer have their traffic.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PacketDriver } from '../../src/drivers/packet.js';
import { StandInPort } from '../../src/drivers/stand_in_port.js';
import { FrameSender } from '../../src/sys/if_packet.js';
import { Sys } from '../../src/sys/sys.js';
import { FAMILIES, Lab, LAN, WAN } from './kernel_lab.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/packet_port skipped: ${missing}`);
const CLI = join(import.meta.dirname, '../../dist/cli.js');
const OTHER_MAC = '02:00:00:00:00:77';

const soon = (poll: () => unknown) => expect.poll(poll, { timeout: 15_000, interval: 100 });

async function reaches(lab: Lab): Promise<string> {
  const { stdout } = await lab.lan.run('ping', '-n', '-c', '2', '-i', '0.2', '-w', '2', WAN.host[4]);
  return /(\d+)% packet loss/.exec(stdout)?.[1] ?? '';
}

describe.skipIf(missing !== undefined)('a packet port', { timeout: 60_000 }, () => {
  describe('of a router', () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.start({ ports: 'packet' });
    });
    afterAll(() => lab?.close());

    const carrier = async () => (await lab.router.call('link', 'wan0')).carrier;

    it('goes down and up with its interface', async () => {
      await soon(() => reaches(lab)).toBe('0');
      lab.routerIp('link', 'set', 'wan0', 'down');
      await soon(carrier).toBe(false);
      lab.routerIp('link', 'set', 'wan0', 'up');
      await soon(carrier).toBe(true);
      lab.wan.configure();
      await soon(() => reaches(lab)).toBe('0');
    });

    it('goes down and up with the other end of its pair, which is its cable', async () => {
      lab.wan.ip('link', 'set', lab.wan.device, 'down');
      await soon(carrier).toBe(false);
      lab.wan.configure();
      await soon(carrier).toBe(true);
      await soon(() => reaches(lab)).toBe('0');
    });

    it('is down while its interface is deleted, and takes the next of that name', async () => {
      lab.routerIp('link', 'delete', 'wan0');
      await soon(carrier).toBe(false);
      lab.remakeVeth(lab.wan);
      lab.wan.configure();
      await soon(carrier).toBe(true);
      await soon(() => reaches(lab)).toBe('0');
    });

    it('follows its interface when that is renamed', async () => {
      for (const [from, to] of [
        ['wan0', 'else0'],
        ['else0', 'wan0'],
      ] as const) {
        lab.routerIp('link', 'set', from, 'down');
        await soon(carrier).toBe(false);
        lab.routerIp('link', 'set', from, 'name', to);
        lab.routerIp('link', 'set', to, 'up');
        await soon(carrier).toBe(true);
        lab.wan.configure();
        await soon(() => reaches(lab)).toBe('0');
      }
    });

    it('asks for promiscuous mode only while its address is not the interface’s', async () => {
      const promiscuity = () =>
        (JSON.parse(lab.routerIp('-j', '-d', 'link', 'show', 'wan0')) as { promiscuity: number }[])[0]!
          .promiscuity;
      expect(promiscuity()).toBe(0);
      await lab.router.call('setLink', 'wan0', { mac: OTHER_MAC });
      await soon(promiscuity).toBe(1);
      await soon(() => reaches(lab)).toBe('0');
      await lab.router.call('setLink', 'wan0', { mac: WAN.routerMac });
      await soon(promiscuity).toBe(0);
    });
  });

  it('of one router is nobody else’s: two side by side do not meet', async () => {
    const labs = await Promise.all([Lab.start({ ports: 'packet' }), Lab.start({ ports: 'packet' })]);
    try {
      for (const lab of labs) await soon(() => reaches(lab)).toBe('0');
      for (const family of FAMILIES) {
        const floods = labs.map((lab) =>
          lab.lan.run('ping', '-n', '-q', '-f', '-c', '300', WAN.host[family]),
        );
        for (const { stdout } of await Promise.all(floods))
          expect(stdout).toContain('300 received, 0% packet loss');
      }
    } finally {
      await Promise.all(labs.map((lab) => lab.close()));
    }
  });
});

describe.skipIf(missing !== undefined)('the packet driver', { timeout: 30_000 }, () => {
  let netns: OwnNetns;
  const NEAR = `wwp${process.pid}a`;
  const FAR = `wwp${process.pid}b`;
  const open: { close(): unknown }[] = [];
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

  beforeAll(() => {
    netns = enterOwnNetns();
    ip('link', 'set', 'lo', 'up');
    writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
    ip('link', 'add', NEAR, 'type', 'veth', 'peer', 'name', FAR);
    for (const name of [NEAR, FAR]) ip('link', 'set', name, 'mtu', '9000', 'up');
  });
  afterAll(() => netns?.leave());
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  function attached(driver: PacketDriver, port: StandInPort): PacketDriver {
    open.push(driver);
    driver.attach(port.rings, { readable: () => {}, writable: () => {}, state: () => {} });
    return driver;
  }

  function send(frame: Uint8Array): void {
    const sender = new FrameSender(new Sys(), FAR, frame, 1);
    expect(sender.send()).toBe(1);
    sender.close();
  }

  /** Frames by descriptors, without their vnet header. */
  function received(driver: PacketDriver, port: StandInPort, max = 64): Uint8Array[] {
    const frames: Uint8Array[] = [];
    port.rx(driver.rxBurst(max), (frame) => frames.push(frame.subarray(10)));
    return frames;
  }

  const frame = (bytes: number, tag?: readonly number[]) => {
    const head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...(tag ?? []), 0x88, 0xb5];
    return Uint8Array.from({ length: bytes }, (_, i) => head[i] ?? (i * 7) & 255);
  };

  it.each([
    ['no tag', undefined],
    ['an 802.1Q tag', [0x81, 0x00, 0xa0, 0x05]],
    ['an 802.1ad tag', [0x88, 0xa8, 0x00, 0x07]],
    ['two tags', [0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x20, 0x09]],
  ])('by descriptors hands frames on with %s as they were on the wire', (_, tag) => {
    const port = new StandInPort({ vnetHdrLen: 10 });
    const driver = attached(new PacketDriver(NEAR), port);
    const frames = [60, 1500, 1915, 1916, 1917, 1919, 1920, 1921, 1925, 9000].map((n) => frame(n, tag));
    for (const each of frames) send(each);
    expect(received(driver, port)).toEqual(frames);
  });

  it('by descriptors and without offloads, too', () => {
    const port = new StandInPort({ vnetHdrLen: 0, large: true });
    const driver = attached(new PacketDriver(NEAR, { offloads: false }), port);
    expect(driver.vnetHdrLen).toBe(0);
    send(frame(1000));
    const frames: Uint8Array[] = [];
    port.rx(driver.rxBurst(64), (each) => frames.push(each));
    expect(frames).toEqual([frame(1000)]);
  });

  it('sends frames of many pieces in order, passes over what the interface does not take, and counts it', () => {
    const port = new StandInPort({ vnetHdrLen: 10 });
    const driver = attached(new PacketDriver(NEAR), port);
    const ear = new StandInPort({ vnetHdrLen: 10 });
    const far = attached(new PacketDriver(FAR), ear);
    const withHeader = (bytes: Uint8Array) => Uint8Array.from([...new Uint8Array(10), ...bytes]);
    for (let i = 0; i < 40; i++) port.tx(withHeader(frame(100 + i * 200)), 60, 150);
    port.tx(withHeader(frame(20_000)));
    port.tx(withHeader(frame(77)));
    expect(driver.txBurst()).toBe(41);
    expect(port.rings.txErrors).toBe(1);
    expect(received(far, ear).map((each) => each.length)).toEqual([
      ...Array.from({ length: 40 }, (_, i) => 100 + i * 200),
      77,
    ]);
  });

  it('enters another namespace by name or path, and this thread comes back', () => {
    const name = `wwp-${process.pid}`;
    const here = () => readlinkSync('/proc/thread-self/ns/net');
    ip('netns', 'add', name);
    try {
      ip('-n', name, 'link', 'add', 'in0', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'out0');
      const before = here();
      for (const where of [name, `/run/netns/${name}`]) {
        const driver = new PacketDriver('in0', { netns: where });
        expect(driver).toMatchObject({ name: `packet:in0@${where}`, mtu: 1400 });
        void driver.close();
      }
      expect(here()).toBe(before);
      expect(() => new PacketDriver('in0')).toThrow(expect.objectContaining({ code: 'ENODEV' }));
      expect(() => new PacketDriver('eth9', { netns: name })).toThrow(
        `there is no interface eth9 in ${name}; ip -n ${name} link shows them`,
      );
    } finally {
      ip('netns', 'delete', name);
    }
  });

  it('says what is wrong with an interface that cannot be had', () => {
    const fails = (name: string, netns?: string) => {
      try {
        void new PacketDriver(name, { netns }).close();
      } catch (error) {
        return `${(error as { code: string }).code}: ${(error as Error).message}`;
      }
      return '';
    };
    expect(fails('nope0')).toBe(
      'ENODEV: packet:nope0: SIOCGIFINDEX: ENODEV: there is no interface nope0; ip link shows them',
    );
    expect(fails('lo')).toMatch(/^EAFNOSUPPORT: packet:lo: the interface is not Ethernet \(ARPHRD 772\)/);
    expect(fails('a', 'no-such')).toMatch(/^ENOENT: .*there is no such network namespace; ip netns list/);
    expect(() => new PacketDriver(NEAR, { mtu: 9001 })).toThrow(
      `packet:${NEAR}: MTU 9001: the interface takes 9000; ip link set ${NEAR} mtu 9001`,
    );
    expect(fails('a', '/etc/passwd')).toMatch(/^EINVAL: .*\/etc\/passwd is no network namespace/);
  });
});

describe.skipIf(missing !== undefined)('ww up with packet ports', { timeout: 60_000 }, () => {
  const id = `wwp-${process.pid}-up`;
  let folder: string;
  let child: ChildProcess | undefined;
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ww-packet-'));
    for (const side of ['r', 'l', 'w']) {
      ip('netns', 'add', `${id}-${side}`);
      ip('-n', `${id}-${side}`, 'link', 'set', 'lo', 'up');
    }
    ip('netns', 'exec', `${id}-r`, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    for (const [side, plan] of [
      ['l', LAN],
      ['w', WAN],
    ] as const) {
      const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', `${id}-${side}`];
      ip('link', 'add', plan.link, 'netns', `${id}-r`, ...pair);
      ip('-n', `${id}-r`, 'link', 'set', plan.link, 'up');
      ip('-n', `${id}-${side}`, 'addr', 'add', `${plan.host[4]}/24`, 'dev', 'eth0');
      ip('-n', `${id}-${side}`, 'link', 'set', 'eth0', 'up');
      ip('-n', `${id}-${side}`, 'route', 'add', 'default', 'via', plan.router[4]);
    }
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    for (const side of ['r', 'l', 'w']) spawnSync('ip', ['netns', 'delete', `${id}-${side}`]);
    await rm(folder, { recursive: true, force: true });
  });

  function start(spec = (name: string) => `packet:${name}@${id}-r`): ChildProcess {
    const file = join(folder, 'router.yaml');
    const links = [LAN, WAN].map((plan) => `    ${plan.link}: {addresses: [${plan.router[4]}/24]}\n`);
    const ports = [LAN, WAN].map((plan) => `  ${plan.link}: ${spec(plan.link)}\n`);
    writeFileSync(file, `network:\n  version: 2\n  ethernets:\n${links.join('')}ports:\n${ports.join('')}`);
    return spawn(process.execPath, [CLI, 'up', file, '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const ping = () =>
    spawnSync('ip', [
      ...['netns', 'exec', `${id}-l`],
      ...['ping', '-n', '-q', '-c', '2', '-i', '0.2', '-w', '2', WAN.host[4]],
    ]).status;

  it('routes between containers, and killed it leaves nothing behind', async () => {
    const inside = () =>
      execFileSync('ip', ['netns', 'exec', `${id}-r`, 'cat', '/proc/net/packet'], { encoding: 'utf8' })
        .trim()
        .split('\n').length - 1;
    const before = inside();
    child = start();
    await soon(ping).toBe(0);
    expect(inside()).toBe(before + 2);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await soon(inside).toBe(before);
    child = start();
    await soon(ping).toBe(0);
    const end = once(child, 'exit');
    child.kill('SIGINT');
    expect((await end)[0]).toBe(0);
    expect(inside()).toBe(before);
  });

  it('names the interface that is not there', async () => {
    child = start((name) => `packet:${name}x@${id}-r`);
    let text = '';
    child.stderr!.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(1);
    expect(text).toContain(`there is no interface lan0x in ${id}-r; ip -n ${id}-r link shows them`);
  });
});
