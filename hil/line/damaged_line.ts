/** What a line can do to bytes on their way, one kind at a time. */
import type { Random } from '../../test/random.js';

export const DAMAGES = ['drop', 'flip', 'insert', 'duplicate', 'repeat', 'cut', 'zero'] as const;
export type Damage = (typeof DAMAGES)[number];

/** The chunk as it arrives. */
export function damage(chunk: Buffer, kind: Damage, random: Random): Buffer {
  if (chunk.length === 0) return kind === 'insert' ? randomBytes(random, 1 + random.below(40)) : chunk;
  const at = random.below(chunk.length);
  const n = 1 + random.below(Math.min(40, chunk.length - at));
  switch (kind) {
    case 'drop':
      return Buffer.concat([chunk.subarray(0, at), chunk.subarray(at + n)]);
    case 'flip': {
      const out = Buffer.from(chunk);
      for (let i = 0; i < n; i++) out[random.below(out.length)]! ^= 1 << random.below(8);
      return out;
    }
    case 'insert':
      return Buffer.concat([chunk.subarray(0, at), randomBytes(random, n), chunk.subarray(at)]);
    case 'duplicate':
      return Buffer.concat([chunk.subarray(0, at), chunk.subarray(at, at + n), chunk.subarray(at)]);
    case 'repeat':
      return Buffer.concat([chunk, chunk]);
    case 'cut':
      return Buffer.alloc(0);
    case 'zero': {
      const out = Buffer.from(chunk);
      out[at] = 0;
      return out;
    }
  }
}

function randomBytes(random: Random, n: number): Buffer {
  return Buffer.from(random.fill(new Uint8Array(n)));
}
