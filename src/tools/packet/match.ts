/** Words as what a packet has to be: every comparison that a rule can make with constants. */
import type { Expression } from '../../nft/ast.js';
import { type SystemNames, systemNames } from '../../nft/datatype/names.js';
import { BITMASK, type Datatype, INTEGER } from '../../nft/datatype/datatype.js';
import { type Dissected, valueAt, valueText } from './dissect.js';
import { constant, type PacketWords, type Place, type Word, WordsError } from './words.js';

export interface Mismatch {
  /** As the words have it. */
  readonly expected: string;
  /** The field and its value, or that it is not there. */
  readonly was: string;
}

const bitsOf = (place: Place): number => place.field?.len ?? 1;
const typeOf = (place: Place): Datatype => place.field?.type ?? INTEGER;

/** What of the words the packet is not. Throws WordsError when the words cannot be compared with. */
export function mismatches(
  words: PacketWords,
  packet: Dissected,
  names: SystemNames = systemNames(),
): Mismatch[] {
  const found: Mismatch[] = [];
  for (const word of words.words) {
    const value = valueAt(packet, word.place);
    const name = placeText(word.place);
    if (value === undefined) {
      const missing = word.value.kind === 'boolean' && !word.value.value;
      if (!missing) found.push({ expected: word.text, was: `no ${name}` });
      continue;
    }
    if (!holds(word, value, names))
      found.push({ expected: word.text, was: `${name} ${valueText(value, typeOf(word.place))}` });
  }
  const { payload } = words;
  if (payload !== undefined) {
    const was = packet.frame.subarray(packet.payloadAt);
    if (!startsWith(was, payload)) found.push({ expected: 'payload as given', was: `payload 0x${hex(was)}` });
  }
  return found;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 64)).toString('hex');

/** A short frame has padding behind it. */
function startsWith(bytes: Uint8Array, wanted: Uint8Array): boolean {
  return wanted.length <= bytes.length && wanted.every((byte, at) => bytes[at] === byte);
}

export function placeText(place: Place): string {
  if (place.kind === 'header') return `${place.proto.name} ${place.field.name}`;
  const field = place.field === undefined ? '' : ` ${place.field.name}`;
  return `${place.kind === 'option' ? 'tcp option ' : ''}${place.name}${field}`;
}

function holds(word: Word, value: bigint, names: SystemNames): boolean {
  const type = typeOf(word.place);
  const number = (expr: Expression): bigint => {
    const one = constant(expr, type, names);
    if (typeof one !== 'bigint') throw new WordsError(one, word.start, word.end);
    return one;
  };
  const { op, value: right, mask } = word;
  if (right.kind === 'boolean' && word.place.field === undefined) return right.value;
  if (mask !== undefined) {
    const same = (value & number(mask)) === number(right);
    return op === '!=' ? !same : same;
  }
  switch (op) {
    case '<':
      return value < number(right);
    case '>':
      return value > number(right);
    case '<=':
      return value <= number(right);
    case '>=':
      return value >= number(right);
    case '!':
      return (value & number(right)) === 0n;
    case 'in':
    case '==':
      return among(right, value, word, number);
    case '!=':
      return !among(right, value, word, number);
  }
}

function among(right: Expression, value: bigint, word: Word, number: (expr: Expression) => bigint): boolean {
  switch (right.kind) {
    case 'range':
      return value >= number(right.from) && value <= number(right.to);
    case 'prefix': {
      const bits = bitsOf(word.place);
      const below = BigInt(bits - right.len);
      return value >> below === number(right.addr) >> below;
    }
    case 'set':
      return right.elem.some(({ key }) => among(key, value, word, number));
    default: {
      const wanted = number(right);
      // Of flags without an operator one is enough, as in a rule.
      if (word.op === 'in' && typeOf(word.place).base === BITMASK && wanted !== 0n)
        return (value & wanted) !== 0n;
      return value === wanted;
    }
  }
}
