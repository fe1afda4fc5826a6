/**
 * A pseudo-terminal in front of a line, so that a virtual board is behind a tty as one behind a USB cable is:
 *
 *   serial:/dev/pts/N ── kernel's tty ── socat ── VirtualBoard.serial
 *
 * This process has the tty open too: with nobody at it the master would read EIO, and socat would end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { NetError } from '../../src/net_error.js';

export class PseudoTerminal {
  private constructor(
    /** '/dev/pts/N' */
    readonly path: string,
    private readonly socat: ChildProcess,
    private readonly held: number,
  ) {}

  static async open(line: Duplex): Promise<PseudoTerminal> {
    const socat = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', 'socat', '-d', '-d', 'PTY,raw,echo=0', '-'],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    const path = await new Promise<string>((resolve, reject) => {
      let text = '';
      socat.once('error', reject);
      socat.once('close', (code) => reject(new NetError('EIO', `socat ended with ${code}: ${text.trim()}`)));
      socat.stderr.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        const [, name] = /PTY is (\S+)/.exec(text) ?? [];
        if (name !== undefined) resolve(name);
      });
    });
    const held = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    socat.stdin.on('error', () => {});
    line.on('error', () => {});
    line.pipe(socat.stdin);
    socat.stdout.pipe(line, { end: false });
    return new PseudoTerminal(path, socat, held);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.socat.once('close', resolve));
    this.socat.kill('SIGKILL');
    await ended;
    closeSync(this.held);
  }
}
