/**
 * Moments of a capture as users write them:
 *
 *   +2.5        seconds after the first frame
 *   #1000       when frame 1000 was handled
 *   1700000000.25, 2023-11-14T22:13:20.25Z     a time
 */
import { NetError } from '../net_error.js';

export type Moment =
  | { readonly kind: 'frame'; readonly frame: number }
  /** After the first frame. */
  | { readonly kind: 'after'; readonly ns: number }
  | { readonly kind: 'at'; readonly seconds: number; readonly nanoseconds: number };

const RIGHT = "'+SECONDS', '#FRAME', seconds since 1970 or a time like 2023-11-14T22:13:20Z would be right";

export function parseMoment(text: string): Moment {
  if (/^#[1-9]\d*$/.test(text)) return { kind: 'frame', frame: Number(text.slice(1)) };
  const decimal = /^(\+?)(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (decimal) {
    const seconds = Number(decimal[2]);
    const nanoseconds = Number((decimal[3] ?? '').padEnd(9, '0'));
    if (decimal[1] === '+') return { kind: 'after', ns: seconds * 1e9 + nanoseconds };
    return { kind: 'at', seconds, nanoseconds };
  }
  const iso = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const ms = iso ? Date.parse(`${iso[1]!.replace(' ', 'T')}${iso[3] ?? 'Z'}`) : NaN;
  if (!iso || Number.isNaN(ms)) throw new NetError('EINVAL', `no such moment '${text}'; ${RIGHT}`);
  return { kind: 'at', seconds: ms / 1000, nanoseconds: Number((iso[2] ?? '').padEnd(9, '0')) };
}
