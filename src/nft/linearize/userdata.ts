/**
 * User data: what the kernel keeps for nft and does not read. Type, length, value; one byte each but the value. Rules and
 * elements: 0 comment; elements: 1 flags (the interval reaches to the end); sets: byte orders, typeof, auto-merge, comment.
 */
import type { SetDef } from '../evaluate/ruleset.js';

const COMMENT = 0;
const ELEM_FLAGS = 1;
const ELEM_F_INTERVAL_OPEN = 1;
const SET_KEYBYTEORDER = 0;
const SET_DATABYTEORDER = 1;
const SET_MERGE_ELEMENTS = 2;
const SET_KEY_TYPEOF = 3;
const SET_DATA_TYPEOF = 4;
const SET_DATA_INTERVAL = 6;
const SET_COMMENT = 7;
const ORDER_NUMBER = { none: 0, host: 1, big: 2 } as const;

type Item = readonly [type: number, value: Uint8Array];

function build(items: readonly Item[]): Uint8Array | undefined {
  if (items.length === 0) return undefined;
  return Uint8Array.from(items.flatMap(([type, value]) => [type, value.length, ...value]));
}

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const u32 = (value: number): Uint8Array => Uint8Array.from([value & 255, (value >> 8) & 255, 0, 0]);

export function commentUserdata(comment: string | undefined, type = COMMENT): Uint8Array | undefined {
  return comment === undefined ? undefined : build([[type, text(comment)]]);
}

/** The text of a comment in user data. */
export function commentOf(data: Uint8Array | undefined, wanted = COMMENT): string | undefined {
  for (let at = 0; data !== undefined && at + 2 <= data.length; at += 2 + data[at + 1]!)
    if (data[at] === wanted) return new TextDecoder().decode(data.subarray(at + 2, at + 1 + data[at + 1]!));
  return undefined;
}

export function elementUserdata(comment: string | undefined, open: boolean): Uint8Array | undefined {
  const items: Item[] = [];
  if (comment !== undefined) items.push([COMMENT, text(comment)]);
  if (open) items.push([ELEM_FLAGS, u32(ELEM_F_INTERVAL_OPEN)]);
  return build(items);
}

export function setUserdata(set: SetDef): Uint8Array | undefined {
  const { data } = set;
  const items: Item[] = [[SET_KEYBYTEORDER, u32(ORDER_NUMBER[set.plainOrder])]];
  if (data !== undefined && data.kind !== 'object')
    items.push([SET_DATABYTEORDER, u32(ORDER_NUMBER[data.order])]);
  if (set.autoMerge) items.push([SET_MERGE_ELEMENTS, u32(1)]);
  if (set.keyTypeof !== undefined) items.push([SET_KEY_TYPEOF, Uint8Array.from(set.keyTypeof)]);
  if (set.dataTypeof !== undefined) items.push([SET_DATA_TYPEOF, Uint8Array.from(set.dataTypeof)]);
  if (data !== undefined) items.push([SET_DATA_INTERVAL, u32(data.interval ? 1 : 0)]);
  if (set.comment !== undefined) items.push([SET_COMMENT, text(set.comment)]);
  return build(items);
}

/** As debug text has it: printable characters as such, the others in hexadecimal. */
export function userdataText(data: Uint8Array): string {
  return Array.from(data, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
