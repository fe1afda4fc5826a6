/**
 * What nf_tables refuses of a transaction, in nft's words: an answer names the number of a message and the place in it, and
 * with them the place in the text that the message was made of.
 */
import { errnoName } from '../core/errno_name.js';
import { NetError } from '../net_error.js';
import type { EncodedMessage } from '../nft/encode/message.js';
import { NftError } from '../nft/error.js';
import { placeOfError } from './nft_error_place.js';
import { RulesetErrors } from '../nft/evaluate/command.js';

/** strerror(3) of what nf_tables answers. */
const STRERROR: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  EINVAL: 'Invalid argument',
  EMLINK: 'Too many links',
  ERANGE: 'Numerical result out of range',
  ELOOP: 'Too many levels of symbolic links',
  ENFILE: 'Too many open files in system',
  EOPNOTSUPP: 'Operation not supported',
  EMFILE: 'Too many open files',
  ENOSPC: 'No space left on device',
  EOVERFLOW: 'Value too large for defined data type',
  ERESTART: 'Interrupted system call should be restarted',
  ENOTEMPTY: 'Directory not empty',
};

const NO_SECMARK = 'there is no security module whose labels packets could carry';

export const strerror = (code: string): string => STRERROR[code] ?? code;

export interface RefusedMessage {
  readonly seq: number;
  /** Linux's errno; 0: nothing was wrong. */
  readonly error: number;
  readonly message?: string;
  /** Of the attribute that is wrong, in the message. */
  readonly offset?: number;
}

/** Throws RulesetErrors, or a NetError where no command is to blame; returns when nothing was refused. */
export function throwRefused(messages: readonly EncodedMessage[], answers: readonly RefusedMessage[]): void {
  const errors: NftError[] = [];
  for (const { seq, error, message, offset } of answers) {
    if (error === 0) continue;
    const name = errnoName(error);
    const why = message ?? strerror(name);
    const made = messages.find((each) => each.seq === seq);
    if (made?.command === undefined) throw new NetError(name, `the router refuses the transaction: ${why}`);
    const { thing } = made.command;
    const reason = thing.kind === 'object' && thing.objectType === 'secmark' ? `: ${NO_SECMARK}` : '';
    errors.push(new NftError(`Could not process rule: ${why}${reason}`, placeOfError(made, offset)));
  }
  if (errors.length > 0) throw new RulesetErrors(errors);
}
