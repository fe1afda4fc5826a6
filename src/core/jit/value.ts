/**
 * What a register holds, as the generator knows it: bytes of a field of the packet, masked and turned, and no load yet.
 * Rules that load the same field share one local, however often they mask it.
 */
import { NftCt, NftMeta } from '../../../assembly/abi/nf_tables.js';

/** Bases of a payload as the kernel numbers them; the link layer is the interpreter's. */
export const BASE_NETWORK = 1;
export const BASE_TRANSPORT = 2;

export type Source =
  | { readonly kind: 'payload'; readonly base: number; readonly offset: number; readonly len: number }
  | { readonly kind: 'meta'; readonly key: NftMeta; readonly len: number }
  /** All but the state is there only when there is a connection. */
  | { readonly kind: 'ct'; readonly key: NftCt; readonly len: number };

/** `len` bytes of the source; byte i is (source[i] & mask[i]) ^ xor[i]. */
export interface Value {
  readonly source: Source;
  readonly mask: Uint8Array;
  readonly xor: Uint8Array;
}

/** At most eight bytes of a source: what one load brings. */
export interface Field {
  readonly key: string;
  readonly source: Source;
  /** Within the source. */
  readonly from: number;
  readonly len: number;
}

export function unmasked(source: Source): Value {
  return { source, mask: new Uint8Array(source.len).fill(0xff), xor: new Uint8Array(source.len) };
}

/** ((v & m1) ^ x1) & m2 ^ x2 is v & (m1 & m2) ^ ((x1 & m2) ^ x2). */
export function masked(value: Value, mask: Uint8Array, xor: Uint8Array): Value {
  return {
    source: value.source,
    mask: value.mask.map((m, i) => m & mask[i]!),
    xor: value.xor.map((x, i) => (x & mask[i]!) ^ xor[i]!),
  };
}

const sourceKey = (source: Source) =>
  source.kind === 'payload' ? `p${source.base}.${source.offset}` : `${source.kind}${source.key}`;

/** The loads that `len` bytes of the source take. */
export function fieldsOf(source: Source, len: number): Field[] {
  const fields: Field[] = [];
  for (let from = 0; from < len; from += 8) {
    const bytes = Math.min(8, len - from);
    const offset = source.kind === 'payload' ? source.offset + from : from;
    const key =
      source.kind === 'payload'
        ? `p${source.base}.${offset}+${bytes}`
        : `${sourceKey(source)}.${from}+${bytes}`;
    fields.push({ key, source, from, len: bytes });
  }
  return fields;
}

/** Tells apart what two tests look at. */
export function valueKey(value: Value, len: number): string {
  return `${sourceKey(value.source)}+${len}&${hex(value.mask, len)}`;
}

function hex(bytes: Uint8Array, len: number): string {
  let text = '';
  for (let i = 0; i < len; i++) text += bytes[i]!.toString(16).padStart(2, '0');
  return text;
}

/** Keys of meta that generated code reads by itself, and their bytes. */
export const META_LEN: ReadonlyMap<NftMeta, number> = new Map([
  [NftMeta.LEN, 4],
  [NftMeta.PROTOCOL, 2],
  [NftMeta.PRIORITY, 4],
  [NftMeta.MARK, 4],
  [NftMeta.IIF, 4],
  [NftMeta.OIF, 4],
  [NftMeta.IIFNAME, 16],
  [NftMeta.OIFNAME, 16],
  [NftMeta.NFPROTO, 1],
  [NftMeta.L4PROTO, 1],
]);

/** The same of ct. */
export const CT_LEN: ReadonlyMap<NftCt, number> = new Map([
  [NftCt.STATE, 4],
  [NftCt.DIRECTION, 1],
  [NftCt.STATUS, 4],
  [NftCt.MARK, 4],
]);
