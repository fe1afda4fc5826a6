/**
 * Two kinds of hardware in one router, as a user writes it down: a USB adapter as WAN, a RISC-V board behind a USB serial
 * line as LAN, and NAT between them.
 *
 *   LAN host ── TAP ── board (QEMU) ── ttyGS0 ═══ ttyACM0 ── ww up ── libusb ═══ NCM gadget ── WAN host
 *   192.0.2.2                        ACM gadget                 masquerade                     198.51.100.2
 *
 * The WAN host has no route to the LAN: what it answers went through NAT.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Gadget } from '../../hil/usb/gadget.js';
import { driversOf, netInterfacesOf, until } from '../../hil/usb/sysfs.js';
import { Ww } from '../product/ww_process.js';

const LAN = 'ww-usb-lan';
const WAN = 'ww-usb-wan';
const IMAGE = join(import.meta.dirname, '../../build/firmware/virt64.elf');
const START_MS = 240_000;
const PATIENCE_MS = 120_000;

const run = promisify(execFile);
const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });

const adapter = new Gadget({ kind: 'ncm', deviceMac: '02:00:00:00:02:02', hostMac: '02:00:00:00:02:01' });
const line = new Gadget({ kind: 'acm', controller: 1, product: '0105' });
const folder = mkdtempSync(join(tmpdir(), 'ww-usb-'));
let board: ChildProcess | undefined;
let ww: Ww | undefined;

const ROUTER = (tty: string) => `
network:
  version: 2
  ethernets:
    lan0: {addresses: [192.0.2.1/24]}
    wan0: {addresses: [198.51.100.1/24]}
ports: {lan0: 'serial:${tty}', wan0: 'usb:${adapter.id}'}
nftables: |
  table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat; policy accept;
      oifname "wan0" masquerade
    }
  }
`;

/** QEMU's TAP is the LAN host's interface. */
function startBoard(): ChildProcess {
  const argv = ['qemu-system-riscv64', '-M', 'virt', '-cpu', 'rv64', '-smp', '1', '-m', '32M'];
  argv.push('-bios', 'none', '-kernel', IMAGE, '-display', 'none', '-nodefaults', '-no-user-config');
  argv.push('-chardev', 'serial,id=line,path=/dev/ttyGS0', '-serial', 'chardev:line');
  argv.push('-netdev', 'tap,id=net0,ifname=eth0,script=no,downscript=no');
  argv.push('-device', 'virtio-net-device,netdev=net0,mac=52:54:00:57:57:00');
  return spawn('ip', ['netns', 'exec', LAN, ...argv], { stdio: ['ignore', 'inherit', 'inherit'] });
}

beforeAll(async () => {
  for (const name of [LAN, WAN]) ip(`netns add ${name}`);
  const [network, serial] = [await adapter.plug(), await line.plug()];
  await until("Linux's drivers", () => netInterfacesOf(network)[0] && driversOf(serial)[0]);
  adapter.moveTo(WAN, 'eth0');
  ip(`-n ${WAN} addr add 198.51.100.2/24 dev eth0`);
  ip(`-n ${WAN} link set eth0 up`);
  board = startBoard();
  const lan = await until("the board's TAP", () =>
    ip(`-n ${LAN} link`).includes('eth0') ? 'eth0' : undefined,
  );
  ip(`-n ${LAN} link set ${lan} up`);
  ip(`-n ${LAN} addr add 192.0.2.2/24 dev ${lan}`);
  ip(`-n ${LAN} route add default via 192.0.2.1`);
}, START_MS);

afterAll(async () => {
  ww?.kill('SIGINT');
  await ww?.exited;
  board?.kill('SIGKILL');
  adapter.remove();
  line.remove();
  for (const name of [LAN, WAN]) ip(`netns delete ${name}`);
  rmSync(folder, { recursive: true, force: true });
}, START_MS);

it(
  'routes from a board at a USB serial line to a USB adapter, with NAT',
  async () => {
    writeFileSync(join(folder, 'router.yaml'), ROUTER('/dev/ttyACM0'));
    ww = new Ww(['up', 'router.yaml'], { cwd: folder, waitMs: PATIENCE_MS });
    const ping = async (count: number, to: string) => {
      const argv = ['netns', 'exec', LAN, 'ping', '-n', '-c', String(count), '-i', '1', '-w', '60', to];
      return (await run('ip', argv).catch((error: { stdout: string }) => error)).stdout;
    };
    // The first answers are those of ports that come up.
    expect(await ping(1, '192.0.2.1'), ww.stderr.join('\n')).toContain(' 1 received');
    expect(await ping(3, '198.51.100.2'), ww.stderr.join('\n')).toContain(' 3 received');
    const { stdout } = await run('ip', ['-n', WAN, 'neigh']);
    expect(stdout).toContain('198.51.100.1');
    expect(stdout).not.toContain('192.0.2.2');
  },
  START_MS,
);
