/**
 * `ww conntrack` beside conntrack(8) of conntrack-tools: the same connections made in both, the same commands, the same
 * lines. What differs by nature is left out: ids, seconds that have passed, the order of a hash table.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeConntrackCommand } from '../../src/cli/conntrack.js';
import { type ConntrackOptions, runConntrack } from '../../src/cli/conntrack_run.js';
import type { Namespace } from '../../src/net/namespace.js';
import { controlFolder } from '../../src/services/control_protocol.js';
import { ControlServer } from '../../src/services/control_server.js';
import { NetfilterControl } from '../../src/services/netfilter_control.js';
import { TraceFeed } from '../../src/services/trace_feed.js';
import { createStack, type Stack } from '../../src/stack.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing =
  tapMissing() ?? (spawnSync('conntrack', ['-V']).error ? 'needs Debian package conntrack' : undefined);
if (missing !== undefined) console.log(`test/kernel/conntrack_command skipped: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), 'ww-conntrack-'));
let stack: Stack;
let namespace: Namespace;
let server: ControlServer;
let linux: ReturnType<typeof enterOwnNetns>;

async function ours(argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  let code = -1;
  const command = makeConntrackCommand((exitCode) => {
    code = exitCode;
  });
  command.exitOverride().parseOptions([...argv]);
  code = await runConntrack(command.opts<ConntrackOptions>(), {
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

function alike(text: string): string {
  return (
    text
      .replaceAll('conntrack v1.4.7 (conntrack-tools): ', 'conntrack: ')
      .replace(/\n?Try `conntrack -h'.*/g, '')
      .replace(/ id=\d+$/gm, ' id=N')
      // Who asks for it holds it as well.
      .replace(/ use=\d+/g, ' use=N')
      .replace(/\b(6000|59\d\d)\b/g, 'T')
      .split('\n')
      .toSorted()
      .join('\n')
      .trim()
  );
}

beforeAll(async () => {
  if (missing !== undefined) return;
  vi.stubEnv('XDG_RUNTIME_DIR', folder);
  stack = await createStack({ clock: 'virtual' });
  namespace = await stack.namespace('router');
  await namespace.conntrack.enable();
  const rules = new NetfilterControl(stack.core, namespace);
  server = await ControlServer.open(controlFolder()!, new Map(), new TraceFeed(stack.core), rules);
  linux = enterOwnNetns();
});

afterAll(async () => {
  if (missing !== undefined) return;
  linux.leave();
  await server.close();
  await stack.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const COMMANDS = `
-L
-C
-S
-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 10 --dport 20 --timeout 6000 -u SEEN_REPLY
-I -p udp -s 1.1.1.2 -d 2.2.2.2 --sport 10 --dport 20 --timeout 6000 -m 7
-I -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 10 --dport 22 --timeout 6000 --state ESTABLISHED -u ASSURED,SEEN_REPLY
-I -p tcp -s 1.1.1.3 -d 2.2.2.2 --sport 11 --dport 22 --timeout 6000 --state SYN_SENT
-I -p icmp -s 3.3.3.3 -d 4.4.4.4 --icmp-type 8 --icmp-code 0 --icmp-id 77 --timeout 6000
-I -p udp -s fd00::1 -d fd00::2 --sport 1 --dport 53 --timeout 6000
-I -p icmpv6 -s fd00::1 -d fd00::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5 --timeout 6000
-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 10 --dport 20 --timeout 6000
-I -p udp -s 10.0.0.1 -d 2.2.2.2 --sport 10 --dport 20 -r 2.2.2.2 -q 9.9.9.9 --reply-port-src 20 --reply-port-dst 999 --timeout 6000
-I -p udp -s 1.1.9.1 -d 2.2.2.2 --sport 10 --dport 20 --timeout 6000 -w 3
-L
-L -f ipv4
-L -f ipv6
-L -o extended
-L -o id
-L -o extended,id
-L -p tcp
-L -p udp
-L -p icmp
-L -p 17
-L -p tcp --dport 22
-L -p tcp --orig-port-src 11
-L -p tcp --dport 23
-L -s 1.1.1.1
-L --src 1.1.1.0/24
-L -d 2.2.2.2 -p tcp
-L --orig-dst 2.2.2.2
-L -r 2.2.2.2
-L -q 9.9.9.9
-L -m 7
-L -m 7/0xf
-L -u ASSURED
-L -u SEEN_REPLY
-L -u UNREPLIED
-L -w 3
-L -n
-L -s fd00::1
-C
-G -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 10 --dport 22
-G -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 10 --dport 23
-L expect
-C expect
-F expect
-D -p udp -s 1.1.1.2
-D -p icmp
-D -p icmp
-D -s 99.9.9.9
-L -p foo
-L -f ipx
-D -d 2.2.2.2 -p tcp
-L
-F
-L
-C
`
  .trim()
  .split('\n');

describe.skipIf(missing !== undefined)('the same as conntrack(8)', () => {
  // Each finds what those before it left.
  test.each(COMMANDS)('%s', { retry: 0 }, async (line) => {
    const argv = line.split(' ');
    const { status, stdout, stderr } = spawnSync('conntrack', argv, { encoding: 'utf8' });
    const { code, out, err } = await ours(argv);
    const oneCpu = (text: string) => (line === '-S' ? text.replace(/^cpu=[1-9].*\n/gm, '') : text);
    expect(alike(out)).toBe(alike(oneCpu(stdout)));
    expect(alike(err)).toBe(alike(stderr));
    expect(code).toBe(status);
  });

  test('-U changes mark and timeout; -E tells of it', async () => {
    await ours('-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 --timeout 60'.split(' '));
    const { out, err } = await ours('-U -p udp --dport 2 -m 9 -t 100'.split(' '));
    expect(err).toBe('conntrack: 1 flow entries have been updated.\n');
    expect(out).toBe(
      'udp      17 100 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 mark=9 use=1\n',
    );
    const json = JSON.parse((await ours(['-L', '-o', 'json'])).out) as { conntrack: unknown[] };
    expect(json.conntrack).toMatchObject([
      { protocol: 'udp', mark: 9, orig: { sport: 1 }, status: ['CONFIRMED'] },
    ]);
  });
});
