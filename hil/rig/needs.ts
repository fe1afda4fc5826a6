/** What a suite needs of this machine and of a board, and how to say that it is not there. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { imageMissing } from './images.js';
import type { RigBoard } from './rig_config.js';

export type Need = 'virtual' | 'root' | 'tun' | 'ethernet' | `command ${string}`;

const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function hasCommand(name: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), ...SBIN].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function lacks(need: Need, board: RigBoard): string | undefined {
  switch (need) {
    case 'virtual':
      return board.line.kind === 'virtual' ? undefined : 'so far only with virtual boards';
    case 'root':
      return process.getuid?.() === 0 ? undefined : 'needs root';
    case 'tun':
      return existsSync('/dev/net/tun') ? undefined : 'needs /dev/net/tun';
    case 'ethernet':
      return board.line.kind === 'virtual' || board.ethernet !== undefined
        ? undefined
        : "needs 'ethernet': the interface of this machine that the board's Ethernet is wired to";
    default: {
      const name = need.slice('command '.length);
      return hasCommand(name) ? undefined : `needs the command ${name} (npm run setup installs it)`;
    }
  }
}

export function missingHere(needs: readonly Need[], board: RigBoard): string | undefined {
  for (const need of needs) {
    const why = lacks(need, board);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Why there is no such board; undefined when it is there. */
export function boardMissing({ line, ethernet }: RigBoard): string | undefined {
  if (ethernet !== undefined && line.kind === 'real' && !existsSync(`/sys/class/net/${ethernet}`))
    return `there is no interface ${ethernet}`;
  if (line.kind === 'real') {
    const path = /^serial:(\/[^@]*)/.exec(line.spec)?.[1];
    return path === undefined || existsSync(path) ? undefined : `there is no ${path}`;
  }
  const commands = [line.board === 'virt32' ? 'qemu-system-riscv32' : 'qemu-system-riscv64', 'setpriv'];
  if (line.tty) commands.push('socat');
  for (const name of commands)
    if (!hasCommand(name)) return `the command ${name} is not there (npm run setup)`;
  return imageMissing(line.board);
}
