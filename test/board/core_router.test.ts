/**
 * `ww up` with `core: serial:...`: the board routes between two hosts of the kernel, this machine's process only configures
 * it, is killed, and comes back (root).
 *
 *   near 192.0.2.2 ── TAP ── board:0 ┐            ┌ board:1 ── TAP ── far 198.51.100.2
 *        2001:db8:1::2               └─ the board ┘                     2001:db8:2::2
 *                                          │ TCP ── ww up router.yaml
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FAR, NEAR } from '../../hil/lab/board_network.js';
import { KernelHost, ownInterface } from '../../hil/lab/kernel_host.js';
import { LineProxy } from '../../hil/line/line_proxy.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { tapMissing } from '../kernel/netns.js';
import { Random } from '../random.js';
import { buildImages } from './images.js';

const missing = tapMissing();
const PATIENCE = { timeout: 30_000, interval: 100 };
const RULES = `
  table ip nat {
    chain postrouting { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
  }
  table inet firewall {
    chain forward {
      type filter hook forward priority filter; policy drop;
      ct state established,related counter accept
      iifname "lan0" counter accept
    }
  }`;

const yaml = (line: string): string => `
network:
  version: 2
  ethernets:
    lan0: {addresses: [192.0.2.1/24, "2001:db8:1::1/64"]}
    wan0: {addresses: [198.51.100.1/24, "2001:db8:2::1/64"]}
core: ${line}
ports: {lan0: "board:0", wan0: "board:1"}
nftables: |${RULES}
`;

/** A `ww up` of its own: its log, as JSON lines. */
class Up {
  readonly lines: Record<string, unknown>[] = [];
  private readonly child: ChildProcess;
  readonly ended: Promise<number | string>;
  private text = '';

  constructor(file: string, folder: string) {
    this.child = spawn(process.execPath, ['dist/cli.js', 'up', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
      const lines = this.text.split('\n');
      this.text = lines.pop()!;
      for (const line of lines)
        this.lines.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { line });
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(code ?? signal!));
    });
  }

  said(msg: string): Record<string, unknown> | undefined {
    return this.lines.find((line) => line.msg === msg);
  }

  async started(): Promise<void> {
    await vi
      .waitUntil(() => this.said('router started'), PATIENCE)
      .catch(() => {
        throw new Error(`it did not start: ${JSON.stringify(this.lines)}`);
      });
  }

  async kill(signal: NodeJS.Signals): Promise<number | string> {
    this.child.kill(signal);
    return await this.ended;
  }
}

describe.skipIf(missing !== undefined)('a router whose core is on a board', () => {
  let folder: string;
  let near: KernelHost;
  let far: KernelHost;
  let board: VirtualBoard;
  let proxy: LineProxy;
  let up: Up;
  const file = (): string => join(folder, 'router.yaml');
  const ww = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    const { stdout } = await promisify(execFile)(process.execPath, ['dist/cli.js', ...args], { env });
    return stdout;
  };
  const ping = async (from: KernelHost, to: string): Promise<number> =>
    Number((await from.run(20_000, 'ping', '-n', '-c', '1', '-W', '5', to)).code);
  const counted = async (): Promise<number> => {
    const text = await ww('nft', 'list', 'chain', 'inet', 'firewall', 'forward');
    return [...text.matchAll(/packets (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
  };

  beforeAll(async () => {
    buildImages();
    folder = mkdtempSync(join(tmpdir(), 'ww-core-'));
    near = new KernelHost(NEAR);
    far = new KernelHost(FAR);
    const taps = [ownInterface('n'), ownInterface('f')] as const;
    board = await VirtualBoard.start({
      board: 'virt64',
      nets: taps.map((ifName) => ({ kind: 'tap', ifName })),
    });
    proxy = await LineProxy.open(new Random(1));
    proxy.connect(board.serial);
    // QEMU makes them.
    await vi.waitUntil(() => taps.every((tap) => existsSync(`/sys/class/net/${tap}`)), PATIENCE);
    near.adopt(taps[0]);
    far.adopt(taps[1]);
    writeFileSync(file(), yaml(proxy.spec));
    up = new Up(file(), folder);
    await up.started();
  }, 600_000);
  afterAll(async () => {
    await up?.kill('SIGKILL');
    await proxy?.close();
    await board?.close();
    await near?.close();
    await far?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is configured as a new one', () => {
    expect(up.said('core on the board')).toMatchObject({ board: 'virt64', takenOver: false });
  });

  it.each([FAR.addresses[0], FAR.addresses[1]])('forwards from the kernel to the kernel: %s', async (to) => {
    await expect.poll(() => ping(near, to), PATIENCE).toBe(0);
  });

  it('keeps out what its rules do not let in', async () => {
    expect(await ping(far, NEAR.addresses[1])).not.toBe(0);
  });

  it('answers ww nft and ww conntrack as a local one does', async () => {
    expect(await counted()).toBeGreaterThan(0);
    expect(await ww('conntrack', '-L')).toMatch(
      /icmp.*src=192\.0\.2\.2 dst=198\.51\.100\.2.*dst=198\.51\.100\.1/,
    );
    await ww('nft', 'add', 'rule', 'inet', 'firewall', 'forward', 'counter', 'comment', '"later"');
    expect(await ww('nft', 'list', 'ruleset')).toContain('comment "later"');
  });

  it('forwards on when its host is killed, and is taken over with all that it has', async () => {
    const before = await counted();
    expect(await up.kill('SIGKILL')).toBe('SIGKILL');
    for (let i = 0; i < 3; i++) expect(await ping(near, FAR.addresses[0])).toBe(0);
    up = new Up(file(), folder);
    await up.started();
    expect(up.said('core on the board')).toMatchObject({ takenOver: true });
    expect(await counted()).toBeGreaterThanOrEqual(before + 6);
    expect(await ww('nft', 'list', 'ruleset')).toContain('comment "later"');
    expect(await ping(near, FAR.addresses[1])).toBe(0);
  });

  it('goes on after the line was unplugged', async () => {
    proxy.disconnect();
    expect(await ping(near, FAR.addresses[0])).toBe(0);
    await expect.poll(() => up.said('board is back') !== undefined, PATIENCE).toBe(true);
    expect(await counted()).toBeGreaterThan(0);
  });

  it('ends with the reason when the board starts again, and the next one configures it', async () => {
    await board.control('system_reset');
    expect(await up.ended).toBe(1);
    expect(JSON.stringify(up.lines)).toContain('started again, its core is gone');
    up = new Up(file(), folder);
    await up.started();
    expect(up.said('core on the board')).toMatchObject({ takenOver: false });
    await expect.poll(() => ping(near, FAR.addresses[0]), PATIENCE).toBe(0);
  });
});
