/**
 * The lab's home router (`ww up`) between hosts of the kernel, by real traffic: NAT of both families, port forwards, errors
 * translated inside out, helpers of FTP and TFTP, and rules that are loaded anew, rightly and wrongly, while it runs.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAB_LAN, LAB_WAN } from '../../src/cli/lab_plan.js';
import { CLI, Ww } from '../product/ww_process.js';
import { tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/home_router skipped: ${missing}`);

const FILE_BYTES = 300_000;
const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];
const PLAN = {
  4: { lan: LAB_LAN.host4, inside: LAB_LAN.router4, router: LAB_WAN.router4, wan: LAB_WAN.host4 },
  6: { lan: LAB_LAN.host6, inside: LAB_LAN.router6, router: LAB_WAN.router6, wan: LAB_WAN.host6 },
} as const;
/** As in a URL. */
const url = (address: string) => (address.includes(':') ? `[${address}]` : address);

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { timeout: 25_000, maxBuffer: 16 << 20, env: { ...process.env, LC_ALL: 'C' } };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

/** A lab of its own, with its hosts' commands. */
class HomeLab {
  private readonly children: ChildProcess[] = [];

  get pid(): string {
    return String(this.ww.pid);
  }

  private constructor(
    private readonly ww: Ww,
    readonly rules: string,
    private readonly namespaces: { readonly lan: string; readonly wan: string },
  ) {}

  static async start(jit: string): Promise<HomeLab> {
    const ww = new Ww(['up', '--jit', jit]);
    try {
      const { rules } = await ww.line(({ msg }) => msg === 'the rules of the router');
      const text = ww.stderr.join('\n');
      const name = (side: string) => new RegExp(`ww-${side}-\\d+-\\d+`).exec(text)![0];
      return new HomeLab(ww, rules as string, { lan: name('lan'), wan: name('wan') });
    } catch (error) {
      ww.kill('SIGKILL');
      throw error;
    }
  }

  run(host: 'lan' | 'wan', command: string, ...args: string[]): Promise<Ran> {
    return run('ip', ['netns', 'exec', this.namespaces[host], command, ...args]);
  }

  /** Something that runs on; it ends with the lab. */
  start(host: 'lan' | 'wan', command: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespaces[host], command, ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.children.push(child);
    return child;
  }

  nft(...args: string[]): Promise<Ran> {
    return run(process.execPath, [CLI, 'nft', '--pid', this.pid, ...args]);
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    this.ww.kill('SIGINT');
    await this.ww.exited;
  }
}

/** The child said it. */
function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    child.stdout!.on('data', (piece: Buffer) => {
      seen += piece.toString();
      if (seen.includes(text)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended before it said ${text}: ${seen}`)));
  });
}

const received = (ping: string) => Number(/(\d+) received/.exec(ping)?.[1]);
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(missing !== undefined).each(['off', 'tree'])(
  'the home router with --jit=%s',
  { timeout: 60_000 },
  (jit) => {
    let lab: HomeLab;
    let folder: string;
    let file: string;
    let content: Buffer;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'ww-home-'));
      file = join(folder, 'file');
      content = randomBytes(FILE_BYTES);
      writeFileSync(file, content);
      lab = await HomeLab.start(jit);
      const server = lab.start('wan', process.execPath, join(import.meta.dirname, 'file_server.mjs'), file);
      await said(server, 'ready');
      await said(lab.start('wan', 'iperf3', '-s', '--forceflush'), 'Server listening');
    }, 60_000);
    afterAll(async () => {
      await lab?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const get = async (host: 'lan' | 'wan', address: string, port: number, ...args: string[]) =>
      (await lab.run(host, 'curl', '-s', '-m', '5', ...args, `http://${url(address)}:${port}/`)).stdout;
    const fetchFile = async (from: string, ...args: string[]): Promise<string> => {
      const into = join(folder, 'got');
      rmSync(into, { force: true });
      const { code, stderr } = await lab.run('lan', 'curl', '-sS', '-m', '20', '-o', into, ...args, from);
      return code === 0 ? sha(readFileSync(into)) : `${code}: ${stderr}`;
    };

    it.each(FAMILIES)('masquerades: the WAN sees the router by IPv%i', async (family) => {
      const { wan, router } = PLAN[family];
      expect(await get('lan', wan, 80)).toBe(`Hello ${router}, this is the WAN host.\n`);
    });

    it.each(FAMILIES)('forwards a port, from the WAN and from the LAN itself, by IPv%i', async (family) => {
      const { wan, router, inside } = PLAN[family];
      expect(await get('wan', router, 8080)).toBe(`Hello ${wan}, this is the LAN host.\n`);
      expect(await get('lan', router, 8080)).toBe(`Hello ${inside}, this is the LAN host.\n`);
    });

    it.each(FAMILIES)('lets nobody in who was not asked for, by IPv%i', async (family) => {
      const { lan, router } = PLAN[family];
      const tries = await Promise.all([
        lab.run('wan', 'curl', '-s', '-m', '1', `http://${url(lan)}:80/`),
        lab.run('wan', 'curl', '-s', '-m', '1', `http://${url(router)}:22/`),
      ]);
      const CURL_TIMED_OUT = 28;
      expect(tries.map(({ code }) => code)).toEqual([CURL_TIMED_OUT, CURL_TIMED_OUT]);
      const ping = await lab.run('wan', 'ping', '-n', '-c', '2', '-i', '0.1', '-W', '1', lan);
      expect(received(ping.stdout)).toBe(0);
    });

    it.each(FAMILIES)('pings of every size go out and come back by IPv%i', async (family) => {
      // Nobody on the way cuts IPv6: the first that is too large for the WAN tells the host.
      await lab.run('lan', 'ping', '-n', '-c', '1', '-W', '1', '-M', 'dont', '-s', '8000', PLAN[family].wan);
      for (const size of [0, 56, 1400, 8000]) {
        const { stdout } = await lab.run(
          ...([
            'lan',
            'ping',
            '-n',
            '-c',
            '3',
            '-i',
            '0.02',
            '-W',
            '2',
            '-M',
            'dont',
            '-s',
            String(size),
          ] as const),
          PLAN[family].wan,
        );
        expect(received(stdout), `${size} bytes: ${stdout}`).toBe(3);
      }
    });

    it.each(FAMILIES)(
      'errors from beyond come back to who sent what they quote, by IPv%i',
      async (family) => {
        const { wan, inside } = PLAN[family];
        // UDP ports of the far host that nobody serves: its "port unreachable" quotes a packet of the router's.
        const { stdout } = await lab.run('lan', 'traceroute', '-n', '-q', '1', '-w', '3', '-m', '5', wan);
        const hops = stdout.trim().split('\n').slice(1);
        expect(hops.map((line) => line.trim().split(/\s+/)[1])).toEqual([inside, wan]);
        const CURL_COULDNT_CONNECT = 7;
        // A port that nobody serves: the far host's RST, well before the time is over.
        const refused = await lab.run('lan', 'curl', '-sS', '-m', '5', `http://${url(wan)}:9/`);
        expect(refused.code).toBe(CURL_COULDNT_CONNECT);
      },
    );

    it.each(FAMILIES)('carries TCP both ways at once by IPv%i', async (family) => {
      for (const way of [[], ['-R']]) {
        const { code, stdout } = await lab.run(
          'lan',
          'iperf3',
          '-J',
          '-t',
          '1',
          ...way,
          '-c',
          PLAN[family].wan,
        );
        const { end } = JSON.parse(stdout) as { end: { sum_received: { bytes: number } } };
        expect(code).toBe(0);
        expect(end.sum_received.bytes).toBeGreaterThan(1_000_000);
      }
    });

    it.each(FAMILIES)('ftp by IPv%i: active and passive data connections', async (family) => {
      const from = `ftp://${url(PLAN[family].wan)}/file`;
      expect(await fetchFile(from)).toBe(sha(content));
      expect(await fetchFile(from, '--ftp-port', '-')).toBe(sha(content));
      if (family === 4) {
        expect(await fetchFile(from, '--disable-epsv')).toBe(sha(content));
        expect(await fetchFile(from, '--ftp-port', '-', '--disable-eprt')).toBe(sha(content));
      }
    });

    it.each(FAMILIES)('tftp by IPv%i: the answer comes from another port', async (family) => {
      expect(await fetchFile(`tftp://${url(PLAN[family].wan)}/file`)).toBe(sha(content));
    });

    it('without its helper an active ftp connection is not expected', async () => {
      try {
        expect(await lab.nft('flush', 'chain', 'inet', 'home', 'helpers')).toMatchObject({ code: 0 });
        const from = `ftp://${PLAN[4].wan}/file`;
        expect(await fetchFile(from, '--ftp-port', '-', '-m', '2')).not.toBe(sha(content));
      } finally {
        expect(await lab.nft('-f', lab.rules)).toMatchObject({ code: 0 });
      }
    });

    it('connections go on while the rules are loaded again and again', async () => {
      const counting = lab.run('lan', 'iperf3', '-J', '-t', '3', '-i', '0.5', '-c', PLAN[4].wan);
      const pings = FAMILIES.map((family: Family) =>
        lab.run('lan', 'ping', '-n', '-q', '-c', '100', '-i', '0.02', '-W', '2', PLAN[family].wan),
      );
      for (let i = 0; i < 5; i++) expect(await lab.nft('-f', lab.rules)).toMatchObject({ code: 0 });
      for (const ping of await Promise.all(pings)) expect(received(ping.stdout), ping.stdout).toBe(100);
      const { code, stdout } = await counting;
      expect(code).toBe(0);
      const { intervals } = JSON.parse(stdout) as { intervals: { sum: { bytes: number } }[] };
      expect(intervals.every(({ sum }) => sum.bytes > 0)).toBe(true);
    });

    it('a wrong ruleset changes nothing, and says where it is wrong', async () => {
      const wrong = join(folder, 'wrong.nft');
      const text = readFileSync(lab.rules, 'utf8');
      const flat = async () => (await lab.nft('-s', 'list', 'ruleset')).stdout;
      const before = await flat();
      const traffic = lab.run('lan', 'ping', '-n', '-q', '-c', '100', '-i', '0.02', '-W', '2', PLAN[4].wan);
      for (const [mistake, why] of [
        ['jump nowhere', 'Could not process rule'],
        ['tcp dport 99999 accept', 'out of range'],
        ['iifname', 'syntax error'],
      ] as const) {
        writeFileSync(wrong, text.replace('iifname "lo" accept', mistake));
        const line = text.split('\n').findIndex((each) => each.includes('iifname "lo" accept')) + 1;
        const { code, stderr } = await lab.nft('-f', wrong);
        expect(code, mistake).toBe(1);
        expect(stderr).toContain(why);
        // The parser tells of the place where it could not go on.
        expect(stderr).toMatch(new RegExp(`wrong\\.nft:(${line}|${line + 1}):`));
        expect(await flat()).toBe(before);
      }
      expect(received((await traffic).stdout)).toBe(100);
    });

    it('a client that is killed disturbs nobody', async () => {
      const client = lab.start('lan', 'iperf3', '-t', '30', '-c', PLAN[4].wan);
      const established = async () =>
        (await lab.run('lan', 'ss', '-Htn', 'state', 'established', 'dport', '=', '5201')).stdout.trim() !==
        '';
      await expect.poll(established, { timeout: 10_000, interval: 50 }).toBe(true);
      client.kill('SIGKILL');
      const { stdout } = await lab.run('lan', 'ping', '-n', '-q', '-c', '20', '-i', '0.02', PLAN[4].wan);
      expect(received(stdout)).toBe(20);
      // Its server takes the next one, once it has heard of the end.
      const again = () => lab.run('lan', 'iperf3', '-t', '1', '-c', PLAN[4].wan).then(({ code }) => code);
      await expect.poll(again, { timeout: 20_000, interval: 100 }).toBe(0);
    });

    it('a loader that is killed leaves the old rules or the new, not a mixture', async () => {
      const large = join(folder, 'large.nft');
      const elements = Array.from({ length: 20_000 }, (_, i) => `10.${i >> 12}.${(i >> 4) & 255}.${i & 15}`);
      const block = `table ip large {\n set s { type ipv4_addr; elements = { ${elements.join(', ')} } }\n}\n`;
      writeFileSync(large, `${readFileSync(lab.rules, 'utf8')}\n${block}`);
      for (const afterMs of [250, 500, 900]) {
        const child = spawn(process.execPath, [CLI, 'nft', '--pid', lab.pid, '-f', large], {
          stdio: 'ignore',
        });
        const ended = new Promise((resolve) => child.once('close', resolve));
        setTimeout(() => child.kill('SIGKILL'), afterMs);
        await ended;
        const listed = (await lab.nft('-s', 'list', 'ruleset')).stdout;
        expect(listed.match(/table inet home/g)).toHaveLength(1);
        const count = listed.match(/10\.\d+\.\d+\.\d+/g)?.length ?? 0;
        expect([0, 20_000].some((whole) => Math.abs(count - whole) <= 1)).toBe(true);
      }
      expect(await lab.nft('-f', lab.rules)).toMatchObject({ code: 0 });
      expect(await get('lan', PLAN[4].wan, 80)).toContain('WAN host');
    });
  },
);
