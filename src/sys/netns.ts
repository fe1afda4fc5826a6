/**
 * Network namespaces by name, as ip-netns(8) keeps them, or by path. A socket stays in the namespace that it was made
 * in, and setns(2) moves only the calling thread: so the thread goes there for one synchronous call and comes back.
 */
import { errnoError } from './errno.js';
import type { Sys } from './sys.js';

const CLONE_NEWNET = 0x40000000;
const O_RDONLY = 0;

/** /run/netns/NAME, or the path itself: '/proc/PID/ns/net' is the namespace of a process or a container. */
export function netnsPath(netns: string): string {
  return netns.startsWith('/') ? netns : `/run/netns/${netns}`;
}

/** Runs `call`, which must not be asynchronous, in the namespace. */
export function inNetns<T>(sys: Sys, netns: string, what: string, call: () => T): T {
  const own = sys.open('/proc/thread-self/ns/net', O_RDONLY, `${what}: /proc/thread-self/ns/net`);
  try {
    const path = netnsPath(netns);
    const there = sys.open(path, O_RDONLY, `${what}: ${path}`, {
      ENOENT: 'there is no such network namespace; ip netns list shows their names',
      EACCES: 'run as root',
    });
    const errno = sys.setns(there, CLONE_NEWNET);
    sys.close(there);
    if (errno !== 0) {
      throw errnoError(errno, `${what}: setns`, {
        EPERM: 'CAP_SYS_ADMIN is needed to enter a network namespace: run as root',
        EINVAL: `${path} is no network namespace`,
      });
    }
    try {
      return call();
    } finally {
      // The rest of the process counts on being where it was.
      if (sys.setns(own, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    sys.close(own);
  }
}

/** Why `netns` cannot be one, or undefined. */
export function netnsProblem(netns: string): string | undefined {
  if (netns === '') return 'the name of the network namespace is empty';
  if (!netns.startsWith('/') && netns.includes('/')) return `'${netns}' is neither a name nor a path from /`;
  if (netns.includes('\0')) return 'the name of the network namespace has a NUL in it';
  return undefined;
}
