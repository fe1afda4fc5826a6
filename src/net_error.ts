/**
 * An operational error: something outside of this program is not as it has to be. Its code is Linux's errno name, its
 * message says what was tried, where, and what would be right; the cause is kept. Bugs are plain Errors.
 */
export class NetError extends Error {
  override readonly name = 'NetError';

  constructor(
    /** Linux errno name: 'EPERM', 'ENODEV', 'EINVAL', ... */
    readonly code: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
