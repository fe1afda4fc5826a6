/** `ww up router.yaml` as a user runs it: mistakes, ports of every kind, ports that go and come. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { arpRequest, echoFrame, hex, readFrames, writePcap } from './frames.js';
import { Ww } from './ww_process.js';

const LAN_HOST = { mac: '02:00:00:00:00:aa', ip: '10.0.1.2' };
const WAN_HOST = { mac: '02:00:00:00:00:bb', ip: '10.0.2.2' };
const LAN0 = '02:00:00:00:01:01';
const WAN0 = '02:00:00:00:01:02';
const IPV4 = 0x0800;

let folder = '';
const running: Ww[] = [];

function up(file: string, text: string, ...args: string[]): Ww {
  writeFileSync(join(folder, file), text);
  const ww = new Ww(['up', file, ...args], { cwd: folder });
  running.push(ww);
  return ww;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-product-'));
});

afterEach(() => {
  for (const ww of running.splice(0)) ww.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const twoLinks = (lan: string, wan: string, more = '') => `
network:
  version: 2
  ethernets:
    lan0: {addresses: [10.0.1.1/24], macaddress: "${LAN0}"}
    wan0: {addresses: [10.0.2.1/24], macaddress: "${WAN0}"}
ports:
  lan0: ${lan}
  wan0: ${wan}
${more}`;

describe('a file with a mistake', () => {
  it('is told by file, line and column, and nothing is started', async () => {
    const text = twoLinks('pcap:lan.pcap>out.pcapng', 'tap:ww0').replace('10.0.2.1/24', '10.0.2.300/24');
    const ww = up('router.yaml', text);
    expect(await ww.exited).toEqual({ code: 2, signal: null });
    expect(ww.stderr[0]).toBe(
      'router.yaml:6:24: "10.0.2.300/24" is not an address with prefix: 300 is more than 255',
    );
    expect(ww.stdout).toBe('');
    expect(readdirSync(folder)).toEqual(['router.yaml']);
  });

  it('is wrong use also when there is no such file', async () => {
    const ww = new Ww(['up', 'nowhere.yaml'], { cwd: folder });
    expect(await ww.exited).toEqual({ code: 2, signal: null });
    expect(ww.stderr.join()).toContain('cannot read nowhere.yaml: there is no such file');
  });
});

describe('a port that cannot be had at the start', () => {
  it('ends all with exit code 1 and a message, and closes what was open', async () => {
    const tap = `ww-p-${process.pid.toString(36)}`;
    const ww = up('router.yaml', twoLinks(`tap:${tap}`, 'pcap:nothing.pcap'));
    expect(await ww.exited).toEqual({ code: 1, signal: null });
    expect(ww.stderr.at(-1)).toContain('nothing.pcap: cannot open');
    expect(existsSync(`/sys/class/net/${tap}`)).toBe(false);
  });

  it('says who has the UDP port', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    writePcap(join(folder, 'lan.pcap'), []);
    const ww = up('router.yaml', twoLinks('pcap:lan.pcap', `udp:127.0.0.1:${port}-127.0.0.1:9`));
    expect(await ww.exited).toEqual({ code: 1, signal: null });
    expect(ww.stderr.at(-1)).toContain('another program has this port');
    other.close();
  });
});

describe('a router between capture files', () => {
  it('forwards what they hold, answers what cannot go on, and ends with the last frame', async () => {
    const way = { dst: LAN0, src: LAN_HOST.mac, from: LAN_HOST.ip, to: WAN_HOST.ip };
    writePcap(join(folder, 'lan.pcap'), [
      arpRequest(LAN_HOST.mac, LAN_HOST.ip, '10.0.1.1'),
      echoFrame({ ...way, ttl: 64 }),
      echoFrame({ ...way, ttl: 1 }),
      echoFrame({ ...way, ttl: 64, to: '10.9.9.9' }),
    ]);
    writePcap(join(folder, 'wan.pcap'), [arpRequest(WAN_HOST.mac, WAN_HOST.ip, '10.0.2.1')]);
    const ports = ['pcap:lan.pcap>lan-out.pcapng', 'pcap:wan.pcap>wan-out.pcapng'] as const;
    const ww = up('router.yaml', twoLinks(...ports), '--json', '--pcap', 'seen');
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    const forwarded = hex(echoFrame({ ...way, ttl: 63, dst: WAN_HOST.mac, src: WAN0 }));
    expect(readFrames(join(folder, 'wan-out.pcapng'), IPV4)).toEqual([forwarded]);
    // ICMP type and code behind 14 bytes of Ethernet and 20 of IPv4: time exceeded, network unreachable.
    const answers = readFrames(join(folder, 'lan-out.pcapng'), IPV4);
    expect(answers.map((frame) => frame.slice(68, 72))).toEqual(['0b00', '0300']);
    expect(answers.every((frame) => frame.startsWith(LAN_HOST.mac.replaceAll(':', '')))).toBe(true);
    const { drops, ports: figures } = JSON.parse(ww.stdout) as {
      drops: Record<string, number>;
      ports: Record<string, { rxFrames: number }>;
    };
    expect(drops).toEqual({ IP_TTL: 1, IP_INNOROUTES: 1 });
    expect(figures.lan0!.rxFrames).toBe(4);
    // --pcap sees both directions.
    expect(readFrames(join(folder, 'seen/wan0.pcapng'), IPV4)).toEqual([forwarded]);
    expect(readFrames(join(folder, 'seen/lan0.pcapng'), IPV4)).toHaveLength(5);
  });

  it('does not forward when the file says so', async () => {
    const way = { dst: LAN0, src: LAN_HOST.mac, from: LAN_HOST.ip, to: WAN_HOST.ip, ttl: 64 };
    writePcap(join(folder, 'lan.pcap'), [echoFrame(way)]);
    writePcap(join(folder, 'wan.pcap'), []);
    const sysctls = 'sysctls: {net.ipv4.ip_forward: 0}';
    const ww = up('router.yaml', twoLinks('pcap:lan.pcap', 'pcap:wan.pcap>wan-out.pcapng', sysctls));
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    expect(readFrames(join(folder, 'wan-out.pcapng'), IPV4)).toEqual([]);
  });
});

describe('two routers joined by a UDP wire', () => {
  it('forward from one end to the other, and a trace tells it', async () => {
    const [a, b] = await freeUdpPorts(2);
    const target = '10.0.3.2';
    const router = (own: number, links: string, ports: string) => `
network:
  version: 2
  ethernets:
    wire0: {addresses: [10.0.2.${own}/24], macaddress: "02:00:00:00:02:0${own}"${links}}
${ports}`;
    writePcap(join(folder, 'far.pcap'), [arpRequest(WAN_HOST.mac, target, '10.0.3.1')]);
    const far = up(
      'far.yaml',
      router(
        2,
        '',
        `    far0: {addresses: [10.0.3.1/24]}
ports:
  wire0: udp:127.0.0.1:${b}-127.0.0.1:${a}
  far0: {port: "pcap:far.pcap>far-out.pcapng", trace: true}`,
      ),
    );
    await far.line(({ msg, port }) => msg === 'port up' && port === 'wire0');
    await far.line(({ msg }) => msg.includes('ARP 10.0.3.1 is-at'));
    const way = { dst: LAN0, src: LAN_HOST.mac, from: LAN_HOST.ip, to: target, ttl: 64 };
    writePcap(join(folder, 'near.pcap'), [echoFrame(way)]);
    const near = up(
      'near.yaml',
      router(
        1,
        `, routes: [{to: 10.0.3.0/24, via: 10.0.2.2}]`,
        `    lan0: {addresses: [10.0.1.1/24], macaddress: "${LAN0}"}
ports:
  wire0: udp:127.0.0.1:${a}-127.0.0.1:${b}
  lan0: pcap:near.pcap`,
      ),
    );
    const seen = await far.line(({ msg }) => msg.includes('ICMP 8/0'));
    expect(seen.msg).toContain(`tx pcap:far.pcap>far-out.pcapng 98`);
    for (const ww of [near, far]) ww.kill('SIGTERM');
    expect(await Promise.all([near.exited, far.exited])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    const [frame, ...more] = readFrames(join(folder, 'far-out.pcapng'), IPV4);
    expect(more).toEqual([]);
    expect(frame!.slice(44, 46)).toBe('3e'); // two hops less than 64
  });
});

describe('a TAP that vanishes', () => {
  const suffix = process.pid.toString(36);
  const [lan, wan, host] = [`ww-pl-${suffix}`, `ww-pw-${suffix}`, `wwt-${process.pid}`];
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

  afterEach(() => {
    spawnSync('ip', ['netns', 'delete', host]);
    spawnSync('ip', ['link', 'delete', lan]);
  });

  it('takes its link down, the router runs on, and the port comes back by itself', async () => {
    const ww = up('router.yaml', twoLinks(`tap:${lan}`, `tap:${wan}`));
    await ww.line(({ msg }) => msg === 'router started');
    ip('netns', 'add', host);
    ip('link', 'set', wan, 'netns', host);
    ip('-n', host, 'addr', 'add', '10.0.2.2/24', 'dev', wan);
    ip('-n', host, 'link', 'set', wan, 'up');
    ip('link', 'set', lan, 'up');
    const portUp = (name: string) => ww.line(({ msg, port }) => msg === 'port up' && port === name);
    await Promise.all([portUp('lan0'), portUp('wan0')]);
    const ping = () => ip('netns', 'exec', host, 'ping', '-c', '1', '-W', '5', '10.0.2.1');
    expect(ping()).toContain('1 received');

    const before = ww.log.length;
    ip('link', 'delete', lan);
    const down = await ww.line(({ msg, port }) => msg === 'port down' && port === 'lan0', before);
    expect(down).toMatchObject({ level: 'warn' });
    expect(down.why).toContain(`ip tuntap add ${lan} mode tap`);
    expect(ping()).toContain('1 received');

    const gone = ww.log.length;
    ip('tuntap', 'add', lan, 'mode', 'tap', 'vnet_hdr');
    ip('link', 'set', lan, 'up');
    await ww.line(({ msg, port }) => msg === 'port up' && port === 'lan0', gone);
    ww.kill('SIGINT');
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(`/sys/class/net/${wan}`)).toBe(false);
  });
});

/** Ports that were free a moment ago: each end of a wire has to know the other's. */
async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => once(socket.close(), 'close')));
  return ports;
}
