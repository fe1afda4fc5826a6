/**
 * A set as the generator sees it. What of it is fixed for as long as a rule refers to it: its record's place, its key
 * and data, its backend. The elements of an anonymous constant set are fixed, too: nobody can change them (the core
 * refuses it), so they become code.
 */
import {
  NFT_DATA_VERDICT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_EVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
} from '../../../assembly/abi/nf_tables.js';
import { NftElemRec, NftIntervals, NftSetRec, SetBackend } from '../../../assembly/abi/nft_set.js';
import { TAG_SLOTS, TagTableRec } from '../../../assembly/abi/tag_table.js';

export interface SetInfo {
  readonly at: number;
  readonly backend: SetBackend;
  /** Bytes of a key, and with those that fill its last word. */
  readonly klen: number;
  readonly map: 'none' | 'verdict' | 'data' | 'object';
  readonly dlen: number;
  /** Offset of an element's data. */
  readonly dataAt: number;
  /** Packets add elements, or elements end. */
  readonly changing: boolean;
  /** Address of the table of HASH. */
  readonly table: number;
  /** All there is, and ever will be. */
  readonly elements?: readonly Element[];
}

/** What is found for keys `from` to `to`, numbers of klen bytes of which the first decides first. */
export interface Element {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Address of its data: the set keeps it as long as it is there. */
  readonly data: number;
}

/** More than these are looked up, not compared one by one. */
const ELEMENTS_MAX = 16;

export function readSet(view: DataView, at: number): SetInfo {
  const flags = view.getUint32(at + NftSetRec.FLAGS, true);
  const backend = view.getUint8(at + NftSetRec.BACKEND) as SetBackend;
  const dtype = view.getUint32(at + NftSetRec.DTYPE, true);
  const isMap = (flags & NFT_SET_MAP) !== 0;
  const map = isMap ? (dtype === NFT_DATA_VERDICT ? 'verdict' : 'data') : 'none';
  const info: SetInfo = {
    at,
    backend,
    klen: view.getUint32(at + NftSetRec.KLEN, true),
    map: (flags & NFT_SET_OBJECT) !== 0 ? 'object' : map,
    dlen: view.getUint32(at + NftSetRec.DLEN, true),
    changing: (flags & (NFT_SET_TIMEOUT | NFT_SET_EVAL)) !== 0,
    dataAt: view.getUint16(at + NftSetRec.DATA_AT, true),
    table: view.getUint32(at + NftSetRec.STORE, true),
  };
  const fixed = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT;
  if ((flags & fixed) !== fixed || view.getUint32(at + NftSetRec.CATCHALL, true) !== 0) return info;
  const elements = backend === SetBackend.HASH ? values(view, info) : intervals(view, info);
  return elements === undefined ? info : { ...info, elements };
}

/** The element's key and data; undefined: it has a time, or counts. */
function plain(view: DataView, info: SetInfo, elem: number): Element | undefined {
  if (view.getUint8(elem + NftElemRec.STATE) !== 0 || view.getUint32(elem + NftElemRec.MORE, true) !== 0)
    return undefined;
  const at = elem + NftElemRec.KEY;
  const from = Uint8Array.from({ length: info.klen }, (_, i) => view.getUint8(at + i));
  return { from, to: from, data: elem + info.dataAt };
}

function values(view: DataView, info: SetInfo): Element[] | undefined {
  const u32 = (at: number) => view.getUint32(at, true);
  const elements: Element[] = [];
  const tags = u32(info.table + TagTableRec.TAGS);
  const slots = u32(info.table + TagTableRec.SLOTS);
  const mask = u32(info.table + TagTableRec.MASK);
  if (mask > ELEMENTS_MAX) return undefined;
  for (let bucket = 0; bucket <= mask; bucket++) {
    for (let i = 0; i <= TAG_SLOTS; i++) {
      if (view.getUint8(tags + 8 * bucket + i) === 0) continue;
      const element = plain(view, info, u32(slots + 32 * bucket + 4 * i));
      if (element === undefined || i === TAG_SLOTS || elements.length === ELEMENTS_MAX) return undefined;
      elements.push(element);
    }
  }
  return elements;
}

/** Each start up to what is next; the last one, when it has no end, to the largest key. */
function intervals(view: DataView, info: SetInfo): Element[] | undefined {
  if (info.backend !== SetBackend.RBTREE) return undefined;
  const u32 = (at: number) => view.getUint32(at, true);
  const look = u32(info.at + NftSetRec.LOOK);
  if (look === 0) return [];
  const n = u32(look + NftIntervals.COUNT);
  if (n > 2 * ELEMENTS_MAX) return undefined;
  const places = look + NftIntervals.KEYS + u32(look + NftIntervals.ROOM) * ((info.klen + 3) & ~3);
  const elements: Element[] = [];
  for (let i = 0; i < n; i++) {
    const elem = u32(places + 4 * i);
    const element = plain(view, info, elem);
    if (element === undefined) return undefined;
    if ((view.getUint8(elem + NftElemRec.FLAGS) & NFT_SET_ELEM_INTERVAL_END) !== 0) continue;
    const next = i + 1 < n ? plain(view, info, u32(places + 4 * (i + 1))) : undefined;
    if (i + 1 < n && next === undefined) return undefined;
    const to = next === undefined ? new Uint8Array(info.klen).fill(0xff) : before(next.from);
    // Equal keys: the later of the two decides.
    if (to !== undefined && compare(element.from, to) <= 0) elements.push({ ...element, to });
  }
  return elements.length > ELEMENTS_MAX ? undefined : elements;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const i = a.findIndex((x, at) => x !== b[at]);
  return i < 0 ? 0 : a[i]! - b[i]!;
}

/** The number before; undefined for 0. */
function before(bytes: Uint8Array): Uint8Array | undefined {
  const result = Uint8Array.from(bytes);
  for (let i = result.length - 1; i >= 0; i--) {
    if (result[i]!-- !== 0) return result;
  }
  return undefined;
}
