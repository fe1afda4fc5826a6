/**
 * The kernel's side of the lab, without our router: what it makes, and that all of it goes. For the router stands Linux's
 * own, in a namespace between the two hosts, which also shows that the lab's proof tells a right router from a wrong one.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cleanupStale,
  createLabNamespaces,
  type LabNames,
  labNames,
  listNamespaces,
  removeLab,
  startTimeOf,
} from '../../src/cli/lab_kernel.js';
import { LAB_LAN, LAB_WAN, type LabLinkPlan } from '../../src/cli/lab_plan.js';
import { proveLab } from '../../src/cli/lab_proof.js';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
const owned = ({ lan, wan }: LabNames) =>
  listNamespaces().filter((name) => name === lan.namespace || name === wan.namespace);

/** A process that has a lab, as `ww up` has; `then` is what it does when the lab stands. */
const OWNER = `
import { execFileSync } from 'node:child_process';
const { createLabNamespaces, labNames, cleanupStale } = await import(process.argv[1]);
const stale = cleanupStale();
const names = labNames();
for (const { tap } of [names.lan, names.wan]) execFileSync('ip', ['tuntap', 'add', tap, 'mode', 'tap']);
await createLabNamespaces(names);
setInterval(() => {}, 1000);
process.stdout.write(JSON.stringify({ names, stale }) + '\\n');
if (process.argv[2] === 'throw') setTimeout(() => { throw new Error('on purpose'); });
if (process.argv[2] === 'exit') setTimeout(() => process.exit(3));
`;

interface Owner {
  readonly child: ChildProcess;
  readonly names: LabNames;
  readonly stale: readonly string[];
}

describe.skipIf(!isRoot)('the namespaces of the lab', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ww-lab-test-'));
  const module = join(folder, 'lab_kernel.mjs');
  const owners: Owner[] = [];

  beforeAll(() => {
    buildSync({
      entryPoints: ['src/cli/lab_kernel.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: module,
    });
  });

  afterAll(() => {
    for (const { child } of owners) child.kill('SIGKILL');
    cleanupStale();
    rmSync(folder, { recursive: true });
  });

  async function startOwner(then = ''): Promise<Owner> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', OWNER, module, then], {
      stdio: ['ignore', 'pipe', then === 'throw' ? 'ignore' : 'inherit'],
    });
    const gone = once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`the owner ended with ${code}`)),
    );
    gone.catch(() => {});
    const [line] = (await Promise.race([once(createInterface(child.stdout!), 'line'), gone])) as [string];
    const owner = { child, ...(JSON.parse(line) as { names: LabNames; stale: string[] }) };
    owners.push(owner);
    return owner;
  }

  async function end(owner: Owner, signal?: NodeJS.Signals): Promise<void> {
    const closed =
      owner.child.exitCode === null && owner.child.signalCode === null ? once(owner.child, 'exit') : null;
    if (signal) owner.child.kill(signal);
    await closed;
  }

  it('stand side by side, and each owner removes its own only', async () => {
    const [one, two] = await Promise.all([startOwner(), startOwner()]);
    expect(owned(one.names)).toHaveLength(2);
    expect(owned(two.names)).toHaveLength(2);
    expect(cleanupStale()).not.toContain(one.names.lan.namespace);
    await end(one, 'SIGTERM');
    expect(one.child.signalCode).toBe('SIGTERM');
    expect(owned(one.names)).toEqual([]);
    expect(owned(two.names)).toHaveLength(2);
    await end(two, 'SIGINT');
    expect(owned(two.names)).toEqual([]);
  });

  it.each(['throw', 'exit'])('go when the owner ends by %s', async (then) => {
    const owner = await startOwner(then);
    await end(owner);
    expect(owner.child.exitCode).toBe(then === 'exit' ? 3 : 1);
    expect(owned(owner.names)).toEqual([]);
  });

  it('of an owner that was killed are removed by the next start, those of a live one are not', async () => {
    const [killed, alive] = await Promise.all([startOwner(), startOwner()]);
    await end(killed, 'SIGKILL');
    expect(owned(killed.names)).toHaveLength(2);
    const next = await startOwner();
    expect(next.stale).toEqual(
      expect.arrayContaining([killed.names.lan.namespace, killed.names.wan.namespace]),
    );
    expect(owned(killed.names)).toEqual([]);
    expect(owned(alive.names)).toHaveLength(2);
    await Promise.all([end(alive, 'SIGHUP'), end(next, 'SIGTERM')]);
    expect([...owned(alive.names), ...owned(next.names)]).toEqual([]);
    expect(ip('-br', 'link')).not.toContain(killed.names.lan.tap);
  });

  it('of a reused pid are stale: the start time differs', () => {
    const name = `ww-lan-${process.pid}-1`;
    ip('netns', 'add', name);
    expect(startTimeOf(process.pid)).not.toBe('1');
    expect(cleanupStale()).toContain(name);
    expect(listNamespaces()).not.toContain(name);
  });

  it('leave nothing when a TAP is missing, and the error says what failed', async () => {
    const names = labNames();
    const listeners = process.listenerCount('exit');
    await expect(createLabNamespaces(names)).rejects.toThrow(
      `Cannot find device "${names.lan.tap}" (ip link set ${names.lan.tap} netns ${names.lan.namespace})`,
    );
    expect(owned(names)).toEqual([]);
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  describe('with the router of Linux between them', () => {
    const router = `ww-test-${process.pid}`;
    const names = labNames();

    /** A veth pair in place of the TAP: one end for the host, the other in the router's namespace. */
    function plug(tap: string, { link, ...plan }: LabLinkPlan): void {
      ip('link', 'add', tap, 'type', 'veth', 'peer', 'name', link, 'netns', router);
      ip('-n', router, 'link', 'set', link, 'mtu', String(plan.mtu), 'up');
      ip('-n', router, 'addr', 'add', `${plan.router4}/${plan.prefix4}`, 'dev', link);
      ip('-n', router, 'addr', 'add', `${plan.router6}/${plan.prefix6}`, 'dev', link, 'nodad');
    }

    it('prove themselves in all six ways, and fail to when it does not forward', async () => {
      ip('netns', 'add', router);
      try {
        plug(names.lan.tap, LAB_LAN);
        plug(names.wan.tap, LAB_WAN);
        const lab = await createLabNamespaces(names);
        try {
          const forward = (on: number) =>
            execFileSync('ip', [
              ...['netns', 'exec', router, 'sysctl', '-q', '-w'],
              ...[`net.ipv4.ip_forward=${on}`, `net.ipv6.conf.all.forwarding=${on}`],
            ]);
          forward(1);
          const heard: string[] = [];
          const results = await proveLab(names, { onResult: ({ name }) => heard.push(name) });
          expect(results.map(({ name, ok }) => `${name}: ${ok}`)).toMatchInlineSnapshot(`
            [
              "IPv4 ping through the router: true",
              "IPv6 ping through the router: true",
              "IPv4 hop whose TTL expires: true",
              "IPv6 hop whose limit expires: true",
              "IPv4 packet larger than the WAN takes: true",
              "IPv6 packet larger than the WAN takes: true",
            ]
          `);
          expect(heard).toHaveLength(6);
          expect(await proveLab(names, { signal: AbortSignal.timeout(100) })).toEqual([]);
          forward(0);
          expect((await proveLab(names)).some(({ name, ok }) => ok && name.includes('ping'))).toBe(false);
        } finally {
          removeLab(lab);
        }
        expect(owned(names)).toEqual([]);
      } finally {
        ip('netns', 'delete', router);
      }
    });
  });
});
