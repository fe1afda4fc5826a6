/**
 * `npm run guest -- [command...]`: a shell in the guest, or one command with its exit code. `--prepare` gets what the guest
 * is made of, `--console` shows the guest's console as it boots.
 */
import { argv, exit, stderr, stdin, stdout } from 'node:process';
import { Guest } from './guest.js';
import { findPrepared } from './places.js';
import { prepare } from './prepare.js';

const USAGE = `usage: npm run guest -- [--console] [--prepare] [--usb] [command [argument...]]

  without a command   a shell
  --prepare           get Debian's kernel; npm run setup does this too
  --check             whether that has been done: exit code 0
  --console           show the guest's console
  --usb               with udev, gadgets and QEMU's USB controller
`;

const FLAGS = ['--prepare', '--check', '--console', '--usb', '--help'] as const;
type Flag = (typeof FLAGS)[number];

interface Options {
  readonly flags: readonly Flag[];
  readonly command: readonly string[];
}

function options(words: readonly string[]): Options {
  const first = words.findIndex((word) => !word.startsWith('--') || word === '--');
  const flags = first < 0 ? words : words.slice(0, first);
  const command = first < 0 ? [] : words.slice(words[first] === '--' ? first + 1 : first);
  const unknown = flags.find((flag) => !(FLAGS as readonly string[]).includes(flag));
  if (unknown !== undefined) {
    stderr.write(`${unknown}?\n${USAGE}`);
    exit(2);
  }
  return { flags: flags as Flag[], command };
}

/** On a terminal, script(1) gives the guest's shell one of its own, of the same size. */
function shell(): string[] {
  const size = stdout.isTTY ? `stty rows ${stdout.rows} columns ${stdout.columns};` : '';
  return stdin.isTTY ? ['script', '-qc', `${size} exec bash -i`, '/dev/null'] : ['bash'];
}

async function inGuest({ flags, command }: Options): Promise<number> {
  const guest = await Guest.boot({
    usb: flags.includes('--usb'),
    ...(flags.includes('--console') && { onConsole: (text) => stderr.write(text) }),
  });
  const raw = command.length === 0 && stdin.isTTY;
  try {
    stderr.write(`${guest.kernel.split(' (')[0]}, up in ${(guest.bootMs / 1000).toFixed(1)} s\n`);
    const program = guest.start(command.length > 0 ? command : shell(), { limitMs: 0 });
    program.stdout.pipe(stdout, { end: false });
    program.stderr.pipe(stderr, { end: false });
    stdin.pipe(program.stdin);
    if (raw) stdin.setRawMode(true);
    else process.on('SIGINT', () => program.kill('SIGINT'));
    const { code, signal, error } = await program.exited;
    if (error !== undefined) stderr.write(`${error}\n`);
    else if (signal !== null) stderr.write(`ended by ${signal}\n`);
    return code ?? 1;
  } finally {
    if (raw) stdin.setRawMode(false);
    stdin.destroy();
    await guest.close();
  }
}

async function main({ flags, command }: Options): Promise<number> {
  if (flags.includes('--help')) {
    stdout.write(USAGE);
    return 0;
  }
  if (flags.includes('--check')) return findPrepared() === undefined ? 1 : 0;
  if (flags.includes('--prepare')) {
    await prepare((text) => stdout.write(`${text}\n`));
    if (command.length === 0) return 0;
  }
  return await inGuest({ flags, command });
}

try {
  process.exitCode = await main(options(argv.slice(2)));
} catch (error) {
  stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
