/**
 * `ww dump PORT` of a running router: the frames that it drops with their reason, and the frames of a packet port, whose
 * receive ring the core reads by itself.
 *
 *   kernel, netns h ── eth0 ══ veth ══ wwl ── packet:wwl  router (ww up)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../src/cli/lab_kernel.js';
import { CLI, Ww } from './ww_process.js';

const ID = process.pid % 100_000;
const HOST = `wwk-${process.pid}-${startTimeOf('self') ?? 0}-dump`;
const IFACE = `wwl${ID}`;
const ROUTER_MAC = '02:00:00:00:77:01';

const YAML = `
network:
  version: 2
  ethernets:
    lan0: {addresses: [10.77.0.1/24, "fd77::1/64"], macaddress: "${ROUTER_MAC}"}
ports: {lan0: "packet:${IFACE}"}
`;

const read = (file: string) =>
  spawnSync(process.execPath, [CLI, 'dump', file, '-t'], { encoding: 'utf8' }).stdout;
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

describe('a packet port', () => {
  let folder: string;
  let router: Ww;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ww-dump-'));
    process.env.XDG_RUNTIME_DIR = join(folder, 'run');
    ip('netns', 'add', HOST);
    ip('link', 'add', IFACE, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', HOST);
    execFileSync('sysctl', ['-qw', `net.ipv6.conf.${IFACE}.disable_ipv6=1`]);
    ip('link', 'set', IFACE, 'arp', 'off', 'up');
    for (const line of [
      'addr add 10.77.0.2/24 dev eth0',
      'link set eth0 up',
      'route add default via 10.77.0.1',
    ])
      ip('-n', HOST, ...line.split(' '));
    writeFileSync(join(folder, 'router.yaml'), YAML);
    router = new Ww(['up', 'router.yaml'], { cwd: folder });
    await router.line(({ msg }) => msg === 'router started');
    const socket = join(folder, 'run/wirewright', `${router.pid}.sock`);
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  afterAll(async () => {
    router?.kill('SIGTERM');
    await router?.exited;
    delete process.env.XDG_RUNTIME_DIR;
    ip('netns', 'delete', HOST);
    rmSync(folder, { recursive: true, force: true });
  });

  const ping = (...args: string[]) =>
    new Promise<void>((resolve) => {
      try {
        execFileSync('ip', ['netns', 'exec', HOST, 'ping', '-n', ...args], { stdio: 'ignore' });
      } catch {
        // No answer comes to what the router drops.
      }
      resolve();
    });

  /** What a dump of lan0 says while `traffic` runs, again and again until it has what it waits for. */
  async function dumped(args: string[], traffic: () => Promise<void>): Promise<Ww> {
    const dump = new Ww(['dump', 'lan0', ...args], { cwd: folder });
    let done = false;
    void dump.exited.then(() => (done = true));
    for (let i = 0; i < 30 && !done; i++) {
      await traffic();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    dump.kill('SIGTERM');
    await dump.exited;
    return dump;
  }

  it('shows what it receives and what it sends', async () => {
    const { stdout } = await dumped(['-t', '-c', '2', 'icmp'], () => ping('-c1', '-W1', '10.77.0.1'));
    expect(stdout).toMatch(
      /^IP 10.77.0.2 > 10.77.0.1: ICMP echo request, .*\nIP 10.77.0.1 > 10.77.0.2: ICMP echo reply, /,
    );
  });

  it('writes a large frame whole, with its length', async () => {
    const file = join(folder, 'large.pcapng');
    await dumped(['-w', file, '-c', '1', 'icmp', 'and', 'greater', '1000'], () =>
      ping('-c1', '-W1', '-s', '1400', '10.77.0.1'),
    );
    expect(read(file)).toMatch(/ICMP echo request, id \d+, seq 1, length 1408\n/);
  });

  it('tells of what it drops, with the reason', async () => {
    const { stdout } = await dumped(['-t', '--drops-only', '-c', '1', 'icmp'], () =>
      ping('-c1', '-W1', '10.99.0.1'),
    );
    expect(stdout).toMatch(/^IP 10.77.0.2 > 10.99.0.1: ICMP echo request, .* {2}# dropped: IP_INNOROUTES\n$/);
    const file = join(folder, 'drops.pcapng');
    await dumped(['-w', file, '--drops-only', '-c', '1', 'icmp'], () => ping('-c1', '-W1', '10.99.0.1'));
    expect(read(file)).toMatch(/# dropped: IP_INNOROUTES\n/);
  });

  it('leaves drops out when asked', async () => {
    const { stdout } = await dumped(['-t', '--no-drops', '-c', '2', 'icmp'], () =>
      ping('-c1', '-W1', '10.99.0.1'),
    );
    expect(stdout).toMatch(/echo request/);
    expect(stdout).not.toMatch(/dropped/);
  });
});
