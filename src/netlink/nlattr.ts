/**
 * Netlink attributes: a length, a type and a value each, padded to four bytes, values nesting further attributes.
 * Both directions; numbers are in network order, as all of netfilter's are, unless the name says otherwise.
 *
 *   0      2      4
 *   ├ len ─┼ type ┼─ value ... ─┤ padding to 4     type: N nested, B network order, 14 bits of number
 */
import { NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK } from '../../assembly/abi/nfnl.js';
import { NetError } from '../net_error.js';

const align = (bytes: number): number => (bytes + 3) & ~3;

export interface NlAttr {
  type: number;
  /** NLA_F_NESTED was set; nested attributes often come without it. */
  nested: boolean;
  value: Uint8Array;
}

/** The attributes in `bytes`, in order; EBADMSG when a length does not fit. */
export function readAttrs(bytes: Uint8Array): NlAttr[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: NlAttr[] = [];
  let at = 0;
  while (bytes.length - at >= NLA_HDRLEN) {
    const len = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    if (len < NLA_HDRLEN || len > bytes.length - at)
      throw new NetError(
        'EBADMSG',
        `netlink attribute ${type & NLA_TYPE_MASK}: length ${len}, ${bytes.length - at} bytes are left`,
      );
    found.push({
      type: type & NLA_TYPE_MASK,
      nested: (type & NLA_F_NESTED) !== 0,
      value: bytes.subarray(at + NLA_HDRLEN, at + len),
    });
    at += align(len);
  }
  if (at < bytes.length)
    throw new NetError('EBADMSG', `${bytes.length - at} bytes behind netlink attributes`);
  return found;
}

/** The attributes in `bytes`, each looked up by its type; of several of one type the last, as in Linux. */
export class NlAttrs {
  private readonly list: readonly NlAttr[];

  constructor(bytes: Uint8Array) {
    this.list = readAttrs(bytes);
  }

  has(type: number): boolean {
    return this.bytes(type) !== undefined;
  }

  bytes(type: number): Uint8Array | undefined {
    return this.list.findLast((attr) => attr.type === type)?.value;
  }

  /** All of one type, in order: the elements of a list. */
  all(type: number): Uint8Array[] {
    return this.list.filter((attr) => attr.type === type).map((attr) => attr.value);
  }

  /** Of every type, in order: a list whose elements are numbered. */
  everything(): Uint8Array[] {
    return this.list.map((attr) => attr.value);
  }

  nested(type: number): NlAttrs | undefined {
    const value = this.bytes(type);
    return value === undefined ? undefined : new NlAttrs(value);
  }

  private sized(type: number, bytes: number): DataView | undefined {
    const value = this.bytes(type);
    if (value === undefined) return undefined;
    if (value.length !== bytes)
      throw new NetError('EBADMSG', `netlink attribute ${type}: ${value.length} bytes, not ${bytes}`);
    return new DataView(value.buffer, value.byteOffset, bytes);
  }

  u8(type: number): number | undefined {
    return this.sized(type, 1)?.getUint8(0);
  }

  u16(type: number): number | undefined {
    return this.sized(type, 2)?.getUint16(0);
  }

  u32(type: number): number | undefined {
    return this.sized(type, 4)?.getUint32(0);
  }

  i32(type: number): number | undefined {
    return this.sized(type, 4)?.getInt32(0);
  }

  u64(type: number): bigint | undefined {
    return this.sized(type, 8)?.getBigUint64(0);
  }

  /** Text up to its first NUL, or to its end. */
  text(type: number): string | undefined {
    const value = this.bytes(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
  }
}

/** Writes attributes one behind the other into memory that grows. */
export class NlAttrWriter {
  private buffer = new Uint8Array(512);
  private view = new DataView(this.buffer.buffer);
  private used = 0;

  /** What has been written; valid until more is. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.used);
  }

  get length(): number {
    return this.used;
  }

  private room(bytes: number): number {
    const at = this.used;
    if (at + bytes > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, at + bytes));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    this.used = at + bytes;
    return at;
  }

  private head(type: number, bytes: number): number {
    if (NLA_HDRLEN + bytes > 0xffff)
      throw new NetError('EMSGSIZE', `netlink attribute ${type & NLA_TYPE_MASK} of ${bytes} bytes`);
    const at = this.room(align(NLA_HDRLEN + bytes));
    this.view.setUint16(at, NLA_HDRLEN + bytes, true);
    this.view.setUint16(at + 2, type, true);
    return at + NLA_HDRLEN;
  }

  put(type: number, value: Uint8Array): this {
    const at = this.head(type, value.length);
    this.buffer.set(value, at);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.head(type, 1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.head(type, 2);
    this.view.setUint16(at, value);
    return this;
  }

  /** Also of a negative number. */
  u32(type: number, value: number): this {
    const at = this.head(type, 4);
    this.view.setUint32(at, value);
    return this;
  }

  u64(type: number, value: bigint): this {
    const at = this.head(type, 8);
    this.view.setBigUint64(at, value);
    return this;
  }

  /** Text with its NUL. */
  text(type: number, value: string): this {
    return this.put(type, new TextEncoder().encode(`${value}\0`));
  }

  /** What `fill` writes, as the value of an attribute. */
  nest(type: number, fill: (writer: this) => void): this {
    const at = this.head(type | NLA_F_NESTED, 0) - NLA_HDRLEN;
    fill(this);
    const len = this.used - at;
    if (len > 0xffff) throw new NetError('EMSGSIZE', `nested netlink attribute ${type} of ${len} bytes`);
    this.view.setUint16(at, len, true);
    return this;
  }
}
