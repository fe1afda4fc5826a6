/** `ww replay` and `ww dump` as a user without privileges runs them: files right and wrong, pipes, Ctrl-C. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PcapWriter } from '../../src/drivers/pcap.js';
import { fileSink } from '../../src/drivers/capture_file.js';
import { arpRequest, echoFrame } from './frames.js';
import { CLI, Ww } from './ww_process.js';

const LAN = '02:aa:00:00:00:01';
const HOST = '02:aa:00:00:00:02';
const ROUTER = `
network:
  version: 2
  ethernets:
    lan0: {addresses: [10.0.1.1/24], macaddress: "${LAN}"}
    wan0: {addresses: [10.0.2.1/24], routes: [{to: default, via: 10.0.2.2}]}
ports: {lan0: tap:ww-lan, wan0: tap:ww-wan}
neighbours: {wan0: {10.0.2.2: "52:54:00:00:00:02"}}
`;

const WIRE = `
network: {version: 2, ethernets: {lan0: {addresses: [10.0.1.1/24]}}}
ports: {lan0: "PORT"}
`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-replay-'));
  writeFileSync(join(folder, 'router.yaml'), ROUTER);
  capture('a.pcap', 3);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const echo = (ttl = 64) => echoFrame({ dst: LAN, src: HOST, from: '10.0.1.2', to: '10.9.9.9', ttl });

/** A question, then echo requests; the last has no hop left. */
function capture(name: string, count: number): string {
  const path = join(folder, name);
  const writer = new PcapWriter(fileSink(path));
  for (let i = 0; i < count; i++) {
    const frame = i === 0 ? arpRequest(HOST, '10.0.1.2', '10.0.1.1') : echo(i === count - 1 ? 1 : 64);
    writer.write(1_700_000_000 + Math.floor(i / 1e6), (i % 1e6) * 1000, frame);
  }
  writer.close();
  return path;
}

function ww(args: readonly string[], input?: Buffer) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: folder,
    encoding: 'utf8',
    ...(input && { input }),
  });
  return { status, stdout, stderr };
}

describe('ww replay', () => {
  it('writes what the router sends and drops, and says what it was', () => {
    const { status, stdout, stderr } = ww(['replay', 'router.yaml', '--in', 'lan0=a.pcap', '--out', 'out']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/3 of 3 frames played/);
    expect(stdout).toMatch(/dropped 1 IP_TTL/);
    for (const name of ['lan0.pcapng', 'wan0.pcapng', 'drops.pcapng', 'summary.json'])
      expect(existsSync(join(folder, 'out', name)), name).toBe(true);
    const drops = ww(['dump', 'out/drops.pcapng', '-t']);
    expect(drops.stdout).toBe(
      'IP 10.0.1.2 > 10.9.9.9: ICMP echo request, id 7, seq 1, length 64  # dropped: IP_TTL, frame 3\n',
    );
  });

  it('explains a frame', () => {
    const { status, stdout } = ww(['replay', 'router.yaml', '--in', 'lan0=a.pcap', '--explain', '2']);
    expect(status).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replace(/^\+0\.000000 {2}/, ''));
    expect(lines[0]).toBe(
      'received on lan0, for its MAC address: IP 10.0.1.2 > 10.9.9.9: ICMP echo request, id 7, seq 1, length 64',
    );
    expect(lines).toContain('route: via 10.0.2.2 out of wan0');
    expect(lines).toContain('forwarded to wan0, TTL 64 -> 63, MTU 1500');
    expect(lines).toContain('neighbour 10.0.2.2 on wan0 is PERMANENT at 52:54:00:00:00:02');
    expect(lines.at(-2)).toBe('sent by wan0');
    const dropped = ww(['replay', 'router.yaml', '--in', 'lan0=a.pcap', '--explain', '3']).stdout;
    expect(dropped).toContain('its sender is to be told: ICMP type 11 code 0');
    expect(dropped).toContain(
      'triggered: to lan0: IP 10.0.1.1 > 10.0.1.2: ICMP time exceeded in-transit, length',
    );
    expect(dropped).toContain('dropped on lan0: IP_TTL');
  });

  it('reads a pipe', () => {
    const { status, stdout } = ww(
      ['replay', 'router.yaml', '--in', 'lan0=-', '--json'],
      readFileSync(join(folder, 'a.pcap')),
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ frames: { read: 3, received: 3 }, drops: { IP_TTL: 1 } });
  });

  it.each([
    ['a file that is not there', ['--in', 'lan0=b.pcap'], 1, 'b.pcap: cannot open'],
    ['a file that is no capture', ['--in', 'lan0=router.yaml'], 1, 'neither pcap nor pcapng'],
    ['a port that the router has not', ['--in', 'eth7=a.pcap'], 1, 'it has lan0, wan0'],
    ['an input without a port', ['--in', 'a.pcap'], 2, 'Write PORT=FILE'],
    ['no input', [], 2, '--in'],
    ['a moment that is none', ['--in', 'lan0=a.pcap', '--until', 'noon'], 2, 'no such moment'],
    [
      'a snapshot that is none',
      ['--in', 'lan0=a.pcap', '--from-snapshot', 'router.yaml'],
      1,
      'the snapshot is refused',
    ],
    ['a frame that is not there', ['--in', 'lan0=a.pcap', '--explain', '9'], 1, 'the captures have 3'],
  ])('refuses %s', (_, args, code, words) => {
    const { status, stderr } = ww(['replay', 'router.yaml', ...args]);
    expect(stderr).toContain(words);
    expect(status).toBe(code);
  });

  it('plays a capture that was cut off up to there, and says where', () => {
    const bytes = readFileSync(join(folder, 'a.pcap'));
    writeFileSync(join(folder, 'cut.pcap'), bytes.subarray(0, bytes.length - 10));
    const { status, stderr } = ww(['replay', 'router.yaml', '--in', 'lan0=cut.pcap', '--out', 'out']);
    expect(status).toBe(1);
    expect(stderr).toContain('cut.pcap: byte');
    expect(stderr).toContain('the file ends in a frame of');
  });

  it('ends in order on Ctrl-C, with what it had played', async () => {
    capture('long.pcap', 1_500_000);
    const run = new Ww(['replay', 'router.yaml', '--in', 'lan0=long.pcap', '--out', 'out', '--json'], {
      cwd: folder,
    });
    // The folder is made just before the first frame is played.
    while (!existsSync(join(folder, 'out', 'drops.pcapng')))
      await new Promise((resolve) => setImmediate(resolve));
    run.kill('SIGINT');
    expect(await run.exited).toEqual({ code: 1, signal: null });
    expect(run.stderr.join('\n')).toContain('interrupted');
    const { frames } = JSON.parse(run.stdout) as { frames: { read: number } };
    expect(frames.read).toBeLessThan(1_500_000);
    expect(JSON.parse(readFileSync(join(folder, 'out', 'summary.json'), 'utf8'))).toMatchObject({ frames });
  }, 120_000);
});

describe('ww dump', () => {
  it('chooses by a filter, counts, and writes pcapng', () => {
    expect(ww(['dump', 'a.pcap', '-t', 'arp']).stdout).toBe(
      'ARP, Request who-has 10.0.1.1 tell 10.0.1.2, length 28\n',
    );
    expect(ww(['dump', 'a.pcap', '-c', '1', '-t', '-e', 'icmp']).stdout).toBe(
      `${HOST} > ${LAN}, ethertype IPv4 (0x0800), length 98: 10.0.1.2 > 10.9.9.9: ICMP echo request, id 7, seq 1, length 64\n`,
    );
    expect(ww(['dump', 'a.pcap', '-w', 'b.pcapng', 'ip[8]', '=', '1']).status).toBe(0);
    expect(ww(['dump', 'b.pcapng', '-t', '-v']).stdout).toMatch(/^IP \(tos 0x0, ttl 1, /);
  });

  it('reads a pipe', () => {
    expect(ww(['dump', '-', '-tt', 'arp'], readFileSync(join(folder, 'a.pcap'))).stdout).toMatch(
      /^1700000000\.000000 ARP/,
    );
  });

  it('shows the place of a mistake in a filter', () => {
    const { status, stderr } = ww(['dump', 'a.pcap', 'tcp', 'and', 'prot', '80']);
    expect(status).toBe(2);
    expect(stderr).toContain("what 'prot' is, is not said");
    expect(stderr).toContain('  tcp and prot 80\n          ^');
  });

  it('shows the frames of a running router, by its control socket', async () => {
    const runtime = join(folder, 'run');
    process.env.XDG_RUNTIME_DIR = runtime;
    const [a, b] = await freeUdpPorts(2);
    writeFileSync(join(folder, 'wire.yaml'), WIRE.replace('PORT', `udp:127.0.0.1:${a}-127.0.0.1:${b}`));
    const router = new Ww(['up', 'wire.yaml'], { cwd: folder });
    try {
      await router.line(({ msg }) => msg === 'router started');
      const path = join(runtime, 'wirewright', `${router.pid}.sock`);
      while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const dump = new Ww(['dump', 'lan0', '-t', '-c', '2', 'arp'], { cwd: folder });
      const socket = createSocket('udp4').bind(b!, '127.0.0.1');
      const question = arpRequest(HOST, '10.0.1.2', '10.0.1.1');
      const asking = setInterval(() => socket.send(question, a!, '127.0.0.1'), 100);
      expect(await dump.exited).toEqual({ code: 0, signal: null });
      clearInterval(asking);
      socket.close();
      expect(dump.stdout).toMatch(
        /^ARP, Request who-has 10.0.1.1 tell 10.0.1.2, length 28\nARP, Reply 10.0.1.1 is-at /,
      );
      expect(ww(['dump', 'nowhere0']).stderr).toContain('nor a port of a running router');
    } finally {
      router.kill('SIGTERM');
      await router.exited;
      delete process.env.XDG_RUNTIME_DIR;
    }
    expect(existsSync(join(runtime, 'wirewright', `${router.pid}.sock`))).toBe(false);
  });
});

async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => once(socket.close(), 'close')));
  return ports;
}
