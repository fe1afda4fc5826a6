/**
 * `ww nft` against a running router beside nft 1.0.6 against the kernel: the same commands, one after the other, say the
 * same. What differs by nature is left out: times left, numbers of generations, and nft's guesses at what was meant.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeNftCommand } from '../../src/cli/nft.js';
import { type NftOptions, runNft } from '../../src/cli/nft_run.js';
import { RunningRouter } from '../../src/cli/nft_router.js';
import { EventReader } from '../../src/nft/event.js';
import { controlFolder } from '../../src/services/control_protocol.js';
import { ControlServer } from '../../src/services/control_server.js';
import { NetfilterControl } from '../../src/services/netfilter_control.js';
import { TraceFeed } from '../../src/services/trace_feed.js';
import { createStack, type Stack } from '../../src/stack.js';
import { enterOwnNetns } from './netns.js';

const NFT = join(import.meta.dirname, '../nft');
const RULES = join(NFT, 'commands_live.nft');
const commands = readFileSync(join(NFT, 'commands_live.txt'), 'utf8').trim().split('\n');
const folder = mkdtempSync(join(tmpdir(), 'ww-nft-commands-'));
let stack: Stack;
let server: ControlServer;
let linux: ReturnType<typeof enterOwnNetns>;
let monitor: ChildProcess;
const told = { linux: '', ours: '' };

beforeAll(async () => {
  vi.stubEnv('XDG_RUNTIME_DIR', folder);
  stack = await createStack();
  const rules = new NetfilterControl(stack.core, await stack.namespace('router'));
  server = await ControlServer.open(controlFolder()!, new Map(), new TraceFeed(stack.core), rules);
  linux = enterOwnNetns();
  monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  monitor.stdout!.setEncoding('utf8').on('data', (text: string) => (told.linux += text));
  const router = await RunningRouter.open(undefined);
  const reader = new EventReader([], router.names, {});
  await router.follow('nftables', (messages) => {
    for (const { text } of reader.read(messages)) told.ours += `${text}\n`;
  });
  // nft says nothing when it listens: something to hear of.
  await vi.waitFor(async () => {
    execFileSync('nft', ['add table ip heard; delete table ip heard']);
    expect(await ours(['add table ip heard; delete table ip heard'])).toBe('');
    expect(told.linux).toContain('delete table ip heard');
  });
  execFileSync('nft', ['-f', RULES]);
  expect(await ours(['-f', RULES])).toBe('');
});

afterAll(async () => {
  monitor.kill();
  linux.leave();
  await server.close();
  await stack.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function ours(argv: readonly string[]): Promise<string> {
  let said = '';
  const say = (text: string) => {
    said += text;
  };
  const command = makeNftCommand(() => undefined);
  command.exitOverride().parseOptions([...argv]);
  await runNft(command.args.length > 0 ? command.args : operands(argv), command.opts<NftOptions>(), {
    out: say,
    err: say,
  });
  return said;
}

const operands = (argv: readonly string[]): string[] =>
  argv.filter((each, at) => !each.startsWith('-') && argv[at - 1] !== '-f');

function alike(text: string): string {
  return (
    text
      .replace(/^<cmdline>:\d+:\d+(-\d+)?: /gm, '')
      .replace(/^# new generation.*\n/gm, '')
      .replace(
        /^Error: .*No such file or directory(; did you mean .*)?$/gm,
        'Error: No such file or directory',
      )
      // nft counts the end of the line to a command.
      .replace(/^\^+$/gm, '^^^')
      .replace(/ expires [0-9a-z]+/g, ' expires T')
      .replace(/"expires": \d+/g, '"expires": T')
  );
}

// Each changes what the next one finds: none is tried twice.
test.each(commands)('%s', { retry: 0 }, async (command) => {
  const options = /^(?:-\w )*/
    .exec(command)![0]
    .trim()
    .split(' ')
    .filter((option) => option !== '');
  const words = command.slice(options.join(' ').length).trim();
  const { stdout, stderr } = spawnSync('nft', [...options, words], { encoding: 'utf8' });
  expect(alike(await ours([...options, words]))).toBe(alike(stdout + stderr));
});

/**
 * Newer kernels say less of a set that goes, so that nft cannot tell a map, and name those without a name; an element that is
 * added again loses its time there.
 */
const events = (text: string): string[] =>
  alike(text)
    .split('\n')
    .filter(
      (line) =>
        line !== '' && !line.startsWith('#') && !/ (__set|__map|heard|mtr)| s \{ 1\.2\.3\.4/.test(line),
    )
    .map((line) => line.replace(/^delete map/, 'delete set').trim())
    .toSorted();

test('all of it was told to who monitors, as by Linux', async () => {
  await vi.waitFor(() => {
    expect(told.linux).toContain('delete table ip6 t3');
    expect(told.ours).toContain('delete table ip6 t3');
  });
  expect(events(told.ours)).toEqual(events(told.linux));
});
