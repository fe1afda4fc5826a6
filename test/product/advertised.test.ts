/** `ww up` whose WAN configures itself from radvd: it says what the host is to know. ww and radvd share a namespace. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTimeOf } from '../../src/cli/lab_kernel.js';
import { CLI } from './ww_process.js';

const NETNS = `wwk-${process.pid}-${startTimeOf('self') ?? 0}-ra`;
const TAP = 'wwra0';
const WAIT_MS = 20_000;

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
const inside = (...command: string[]) =>
  spawn('ip', ['netns', 'exec', NETNS, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });

let folder: string;
const children: ChildProcess[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-ra-'));
  ip('netns', 'add', NETNS);
  ip('netns', 'exec', NETNS, 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  ip('-n', NETNS, 'tuntap', 'add', TAP, 'mode', 'tap', 'vnet_hdr');
  ip('-n', NETNS, 'link', 'set', TAP, 'addrgenmode', 'none', 'up');
  ip('-n', NETNS, 'addr', 'add', 'fe80::1/64', 'dev', TAP, 'nodad');
});
afterAll(async () => {
  for (const child of children) {
    child.kill('SIGTERM');
    await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0)));
  }
  ip('netns', 'delete', NETNS);
  rmSync(folder, { recursive: true, force: true });
});

it('says which name servers and domains a router on its WAN has for it', async () => {
  writeFileSync(
    join(folder, 'router.yaml'),
    `
network:
  version: 2
  ethernets: {wan0: {accept-ra: true}}
ports: {wan0: "tap:${TAP}"}
`,
  );
  writeFileSync(
    join(folder, 'radvd.conf'),
    `interface ${TAP} { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
       prefix 2001:db8:5::/64 { };
       RDNSS 2001:db8::53 { AdvRDNSSLifetime 300; };
       DNSSL lab.example { AdvDNSSLLifetime 300; }; };`,
    { mode: 0o600 },
  );
  const router = inside(process.execPath, CLI, 'up', join(folder, 'router.yaml'));
  children.push(router);
  let log = '';
  const said = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(log)), WAIT_MS);
    router.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (!/advertised: rdnss/.test(log) || !/advertised: dnssl/.test(log)) return;
      clearTimeout(late);
      resolve();
    });
  });
  const radvd = ['-n', '-m', 'stderr', '-C', join(folder, 'radvd.conf'), '-p', join(folder, 'pid')];
  children.push(inside('radvd', ...radvd));
  await said;
  const lines = log.split('\n').filter((line) => line.includes('advertised'));
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ link: 'wan0', router: 'fe80::1', servers: ['2001:db8::53'], lifetime: 300 }),
    expect.objectContaining({ link: 'wan0', router: 'fe80::1', domains: ['lab.example'], lifetime: 300 }),
  ]);
});
