/** A part of a captured frame: what lies beyond its end is not there, and a printer says so instead of reading on. */
export class Truncated extends Error {}

export class Bytes {
  constructor(
    readonly array: Uint8Array,
    readonly at: number,
    /** Bytes that were captured. */
    readonly length: number,
  ) {}

  private check(offset: number, count: number): number {
    if (offset < 0 || count > this.length - offset) throw new Truncated();
    return this.at + offset;
  }

  u8(offset: number): number {
    return this.array[this.check(offset, 1)]!;
  }

  u16(offset: number): number {
    const p = this.check(offset, 2);
    return (this.array[p]! << 8) | this.array[p + 1]!;
  }

  u32(offset: number): number {
    const p = this.check(offset, 4);
    const { array } = this;
    return ((array[p]! << 24) | (array[p + 1]! << 16) | (array[p + 2]! << 8) | array[p + 3]!) >>> 0;
  }

  slice(offset: number, count: number): Uint8Array {
    const p = this.check(offset, count);
    return this.array.subarray(p, p + count);
  }

  /** What lies behind `offset`, at most `count` bytes of it. */
  from(offset: number, count = Infinity): Bytes {
    const begin = Math.min(offset, this.length);
    return new Bytes(this.array, this.at + begin, Math.max(0, Math.min(this.length - begin, count)));
  }
}

/** RFC 1071 over the first `count` bytes, from `sum` on; 0 when the checksum among them is right. */
export function checksum(bytes: Bytes, count: number, sum = 0): number {
  for (let i = 0; i + 1 < count; i += 2) sum += bytes.u16(i);
  if (count & 1) sum += bytes.u8(count - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return ~sum & 0xffff;
}

export function hex(value: number, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/** Rows of 16 bytes, each behind `margin`. */
export function hexDump(data: Uint8Array, ascii: boolean, margin = '\n\t'): string {
  let text = '';
  for (let at = 0; at < data.length; at += 16) {
    const row = data.subarray(at, at + 16);
    let digits = '';
    for (let i = 0; i < row.length; i++) digits += (i & 1 ? '' : ' ') + row[i]!.toString(16).padStart(2, '0');
    text += `${margin}0x${at.toString(16).padStart(4, '0')}: ${digits}`;
    if (!ascii) continue;
    const characters = Array.from(row, (byte) =>
      byte > 32 && byte < 127 ? String.fromCharCode(byte) : '.',
    ).join('');
    text += `${' '.repeat(40 - digits.length)}  ${characters}`;
  }
  return text;
}
