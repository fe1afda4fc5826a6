/** Linux's errno names from the numbers that system calls leave, and errors made of them. */
import { constants } from 'node:os';
import { NetError } from '../net_error.js';

export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EBUSY = 16;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENETDOWN = 100;
/** "File descriptor in bad state": what a TAP's descriptor answers once its interface was deleted. */
export const EBADFD = 77;

/** What node:os does not list: Linux: include/uapi/asm-generic/errno.h. */
const MORE: Readonly<Record<number, string>> = {
  77: 'EBADFD',
  108: 'ESHUTDOWN',
  112: 'EHOSTDOWN',
  132: 'ERFKILL',
};

/** 'EPERM' for 1; 'E1234' for a number that has no name. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) {
    if (value === errno && name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP') return name;
  }
  return MORE[errno] ?? `E${errno}`;
}

/** `what` says what was tried and where; `right` what to do, by errno name. */
export function errnoError(
  errno: number,
  what: string,
  right: Readonly<Record<string, string>> = {},
): NetError {
  const code = errnoName(errno);
  const advice = right[code];
  return new NetError(code, `${what}: ${code}${advice === undefined ? '' : `: ${advice}`}`);
}
