/**
 * A network namespace of its own for the thread that runs the test: sockets, TAPs and child processes that it makes
 * are in there. Nameless, so it is gone with its last user, however the test ends.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const CLONE_NEWNET = 0x40000000;

/** Why the kernel's TAP tests cannot run here, or undefined when they can. */
export function tapMissing(): string | undefined {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  return undefined;
}

export interface OwnNetns {
  /** Back to where the thread was. */
  leave(): void;
}

export function enterOwnNetns(): OwnNetns {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const unshare: (flags: number) => number = libc.func('int unshare(int)');
  const setns: (fd: number, type: number) => number = libc.func('int setns(int, int)');
  const before = openSync('/proc/thread-self/ns/net', 'r');
  if (unshare(CLONE_NEWNET) !== 0) {
    closeSync(before);
    throw new Error(`unshare(CLONE_NEWNET): errno ${koffi.errno()}`);
  }
  return {
    leave() {
      setns(before, CLONE_NEWNET);
      closeSync(before);
    },
  };
}
