/** `ww up` without a file, as root on Linux: hosts of the kernel, and nothing left behind however it ends. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { LAB_WAN } from '../../src/cli/lab_plan.js';
import type { ExplainedDrop } from '../../src/replay/explain_drop.js';
import { CLI, leftovers, Ww, whyNotNobody } from './ww_process.js';

interface Summary {
  readonly ok: boolean;
  readonly hosts: string;
  readonly proof: { complete: boolean; results: { name: string; ok: boolean; detail: string }[] };
  readonly seconds: number;
  readonly ports: Record<string, { rxFrames: number; txFrames: number; drops: Record<string, number> }>;
  readonly drops: Record<string, number>;
  readonly versions: Record<string, string>;
  readonly dropped: ExplainedDrop;
  readonly rules: string;
}

const PROOFS = 10;
/** The one packet that it explains: which rule dropped it, where. */
const DROPPED = {
  packet: expect.stringMatching(/^IP 198\.51\.100\.2\.\d+ > 192\.168\.77\.2\.22: Flags \[S\]/) as string,
  device: LAB_WAN.link,
  hook: 'FORWARD',
  chain: 'inet home forward',
  rule: 'iifname "wan0" counter drop comment "nobody in the LAN asked for it"',
  reason: 'NETFILTER_DROP',
};

const running: Ww[] = [];
function up(...args: string[]): Ww {
  const ww = new Ww(['up', ...args]);
  running.push(ww);
  return ww;
}

const proven = (ww: Ww) => ww.line(({ msg }) => msg === 'try next');
const lanOf = (ww: Ww) => /ww-lan-\d+-\d+/.exec(ww.stderr.join('\n'))![0];
const pingWan = (ww: Ww) =>
  execFileSync('ip', ['netns', 'exec', lanOf(ww), 'ping', '-c', '1', '-W', '5', LAB_WAN.host4], {
    encoding: 'utf8',
  });

afterEach(() => {
  for (const ww of running.splice(0)) ww.kill('SIGKILL');
});

describe('the lab with hosts of the kernel', () => {
  it('proves itself, ends after its duration with one summary on stdout, and leaves nothing', async () => {
    const ww = up('--duration', '4', '--json');
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    expect(ww.stdout.trimEnd().split('\n')).toHaveLength(1);
    const summary = JSON.parse(ww.stdout) as Summary;
    expect(summary).toMatchObject({ ok: true, hosts: 'kernel', proof: { complete: true } });
    expect(summary.proof.results).toHaveLength(PROOFS);
    expect(summary.proof.results.filter(({ ok }) => !ok)).toEqual([]);
    // Both families: a hop limit that expired, a packet that was too big.
    expect(summary.drops.IP_TTL).toBeGreaterThanOrEqual(2);
    expect(summary.drops.PKT_TOO_BIG).toBeGreaterThanOrEqual(2);
    expect(Object.keys(summary.ports)).toEqual(['lan0', 'wan0']);
    expect(summary.ports.wan0!.txFrames).toBeGreaterThanOrEqual(6);
    expect(summary.seconds).toBeGreaterThanOrEqual(4);
    expect(summary.versions.node).toBe(process.version);
    expect(summary.dropped).toMatchObject(DROPPED);
    expect(summary.dropped.place).toMatch(/^\/.*\.nft:\d+$/);
    expect(summary.rules).toBe(summary.dropped.place!.replace(/:\d+$/, ''));
    expect(existsSync(summary.rules)).toBe(false);
    expect(leftovers(ww.pid)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends in order by %s', async (signal) => {
    const ww = up();
    await proven(ww);
    expect(leftovers(ww.pid)).not.toEqual([]);
    ww.kill(signal);
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    expect(ww.stdout).toBe('');
    expect(leftovers(ww.pid)).toEqual([]);
  });

  it('leaves nothing when it is stopped in the middle of its proof', async () => {
    const ww = up();
    await ww.line(({ msg }) => msg.startsWith('hosts of the kernel'));
    ww.kill('SIGINT');
    await ww.exited;
    expect(leftovers(ww.pid)).toEqual([]);
  });

  it('says that it was not proven when the duration is too short, and fails', async () => {
    const ww = up('--duration', '0.1');
    expect(await ww.exited).toEqual({ code: 1, signal: null });
    expect(ww.log.at(-1)!.msg).toContain('longer --duration');
    expect(leftovers(ww.pid)).toEqual([]);
  });

  it('does not disturb another that runs beside it', async () => {
    const [one, other] = [up(), up()];
    await Promise.all([proven(one), proven(other)]);
    one.kill('SIGTERM');
    expect(await one.exited, one.stderr.join('\n')).toEqual({ code: 0, signal: null });
    expect(leftovers(one.pid)).toEqual([]);
    expect(pingWan(other)).toContain('1 received');
    other.kill('SIGTERM');
    expect(await other.exited, other.stderr.join('\n')).toEqual({ code: 0, signal: null });
    expect(leftovers(other.pid)).toEqual([]);
  });

  it('removes what a run that was killed had left, and nothing of one that lives', async () => {
    const [killed, alive] = [up(), up()];
    await Promise.all([proven(killed), proven(alive)]);
    killed.kill('SIGKILL');
    await killed.exited;
    const next = up();
    await proven(next);
    expect(leftovers(killed.pid)).toEqual([]);
    expect(pingWan(alive)).toContain('1 received');
    for (const ww of [alive, next]) ww.kill('SIGINT');
    await Promise.all([alive.exited, next.exited]);
    expect([...leftovers(alive.pid), ...leftovers(next.pid)]).toEqual([]);
  });

  it('logs one JSON object a line in a pipe, and draws nothing', async () => {
    const ww = up();
    await proven(ww);
    ww.kill('SIGINT');
    await ww.exited;
    expect(ww.stderr.filter((line) => !line.startsWith('{"level":'))).toEqual([]);
    expect(ww.log.filter(({ ok }) => ok === true)).toHaveLength(PROOFS);
    expect(ww.log.find(({ msg }) => msg === 'a dropped packet, explained')).toMatchObject(DROPPED);
  });

  it('lays its rules out as a file: to be looked at, and loaded again while it runs', async () => {
    const ww = up();
    const { rules } = (await ww.line(({ msg }) => msg === 'the rules of the router')) as unknown as Summary;
    await proven(ww);
    const nft = (...args: string[]) =>
      execFileSync(process.execPath, [CLI, 'nft', '--pid', String(ww.pid), ...args], { encoding: 'utf8' });
    const before = nft('list', 'ruleset');
    expect(before).toContain('table inet home {');
    expect(before).toMatch(
      /counter packets [1-9]\d* bytes \d+ drop comment "nobody in the LAN asked for it"/,
    );
    writeFileSync(rules, readFileSync(rules, 'utf8').replace('nobody in the LAN', 'nobody at all'));
    nft('-f', rules);
    expect(nft('list', 'ruleset')).toContain('"nobody at all asked for it"');
    expect(pingWan(ww)).toContain('1 received');
    ww.kill('SIGINT');
    await ww.exited;
  });
});

const why = whyNotNobody();
describe.skipIf(why !== null)(`the lab without root${why === null ? '' : `: ${why}`}`, () => {
  it('proves the same with hosts in the process', async () => {
    const ww = new Ww(['up', '--duration', '1.5', '--json'], { user: 'nobody' });
    running.push(ww);
    expect(await ww.exited).toEqual({ code: 0, signal: null });
    const summary = JSON.parse(ww.stdout) as Summary;
    expect(summary).toMatchObject({ ok: true, hosts: 'in-process', proof: { complete: true } });
    expect(summary.proof.results.filter(({ ok }) => !ok)).toEqual([]);
    expect(summary.proof.results).toHaveLength(PROOFS);
    expect(summary.dropped).toMatchObject(DROPPED);
    // Its own traffic, so that there is something to see.
    expect(summary.ports.lan0!.rxFrames).toBeGreaterThan(20);
  });
});
