/** Linux's names of the error numbers that the core answers with (assembly/net/errno.ts). */
const NAMES: Record<number, string> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  6: 'ENXIO',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  31: 'EMLINK',
  34: 'ERANGE',
  36: 'ENAMETOOLONG',
  40: 'ELOOP',
  90: 'EMSGSIZE',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  105: 'ENOBUFS',
  108: 'ESHUTDOWN',
  113: 'EHOSTUNREACH',
};

/** The name of a negative errno. */
export function errnoName(err: number): string {
  return NAMES[-err] ?? `E${-err}`;
}
