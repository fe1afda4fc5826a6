/** A mistake in a filter expression: what is wrong, where, and what would be right. */
import { NetError } from '../net_error.js';

export class FilterError extends NetError {
  constructor(text: string, at: number, what: string) {
    super('EINVAL', `${what}\n  ${text}\n  ${' '.repeat(Math.min(at, text.length))}^`);
  }
}
