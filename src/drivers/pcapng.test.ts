import { describe, expect, it } from 'vitest';
import { MemorySink, memorySource } from './capture_memory.js';
import { PcapngReader, PcapngWriter } from './pcapng.js';

const frame = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 17 + n) & 0xff);

function file(littleEndian = true): Uint8Array {
  const sink = new MemorySink();
  const writer = new PcapngWriter(sink, { littleEndian });
  const a = writer.addInterface('tap:ww0');
  const b = writer.addInterface('ü', 113);
  writer.write(a, 1_700_000_000, 123_456_789, frame(60), { direction: 'rx' });
  writer.write(b, 1_700_000_001, 999_999_999, frame(61), { direction: 'tx', originalLength: 9000 });
  writer.write(a, 4_294_967_295, 1, frame(0), { comment: 'NO_SOCKET' });
  writer.write(a, 0, 0, frame(1514));
  writer.close();
  return sink.bytes();
}

/** A block in the given byte order; numbers are u32, arrays bytes. */
function block(type: number, parts: (number | number[])[], littleEndian = true, trailer?: number): number[] {
  const u32 = (value: number): number[] => {
    const bytes = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
    return littleEndian ? bytes : bytes.reverse();
  };
  const body = parts.flatMap((part) => (typeof part === 'number' ? u32(part) : part));
  while (body.length % 4 !== 0) body.push(0);
  const length = body.length + 12;
  return [...u32(type), ...u32(length), ...body, ...u32(trailer ?? length)];
}
const SHB = block(0x0a0d0d0a, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff]);
const IDB = block(1, [1, 0]);
const read = (...blocks: number[][]): PcapngReader =>
  new PcapngReader(memorySource(Uint8Array.from(blocks.flat()), 'x.pcapng', 7));
const all = (reader: PcapngReader): number => {
  let frames = 0;
  while (reader.next()) frames++;
  return frames;
};

describe('a pcapng file', () => {
  it.each([true, false])('comes back as it was written (little-endian: %s)', (littleEndian) => {
    const reader = new PcapngReader(memorySource(file(littleEndian), 'a.pcapng', 100));
    const seen = [];
    for (let r = reader.next(); r; r = reader.next()) {
      const { interfaceId, linkType, seconds, nanoseconds, originalLength, direction } = r;
      expect(Buffer.from(r.data).equals(frame(r.data.length))).toBe(true);
      seen.push([
        interfaceId,
        linkType,
        seconds,
        nanoseconds,
        originalLength,
        direction,
        r.data.length,
        ...r.comments,
      ]);
    }
    expect(seen).toEqual([
      [0, 1, 1_700_000_000, 123_456_789, 60, 'rx', 60],
      [1, 113, 1_700_000_001, 999_999_999, 9000, 'tx', 61],
      [0, 1, 4_294_967_295, 1, 0, undefined, 0, 'NO_SOCKET'],
      [0, 1, 0, 0, 1514, undefined, 1514],
    ]);
    expect(reader.interfaces.map((i) => [i.name, i.linkType, i.unitsPerSecond])).toEqual([
      ['tap:ww0', 1, 1e9],
      ['ü', 113, 1e9],
    ]);
  });

  it('cut anywhere is an error that names file and byte, or ends between two blocks', () => {
    const bytes = file();
    const view = new DataView(bytes.buffer);
    const ends = new Set<number>();
    for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) ends.add(at);
    ends.delete(0);
    for (let cut = 0; cut < bytes.length; cut++) {
      const run = (): number => all(new PcapngReader(memorySource(bytes.subarray(0, cut), 'cut.pcapng')));
      if (ends.has(cut)) expect(run()).toBeLessThan(4);
      else expect(run).toThrow(/^cut\.pcapng: byte \d+: the file ends in /);
    }
  });

  it('with any block length changed is an error or fewer frames, never something else', () => {
    const bytes = file();
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; ) {
      const length = view.getUint32(at + 4, true);
      for (const bad of [0, 4, 8, 12, 16, 20, length - 4, length + 1, length + 4, 0x7ffffffc, 0xfffffffc]) {
        view.setUint32(at + 4, bad, true);
        expect(() => all(new PcapngReader(memorySource(bytes, 'bad.pcapng')))).toThrow(
          /^bad\.pcapng: byte \d+: /,
        );
      }
      view.setUint32(at + 4, length, true);
      at += length;
    }
  });

  it('passes over unknown blocks, reads simple and obsolete packet blocks, and starts anew with a section', () => {
    const reader = read(
      SHB,
      block(0x0bad, [frame(300).length, [...frame(300)]]),
      IDB,
      block(3, [5, [1, 2, 3, 4, 5]]),
      block(2, [0, 0, 1_500_000, 2, 2, [6, 7]]),
      block(0x0a0d0d0a, [0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff], false),
      block(1, [0x00710000, 3], false),
      block(3, [5, [1, 2, 3]], false),
    );
    expect(reader.next()).toMatchObject({ data: Uint8Array.of(1, 2, 3, 4, 5), seconds: 0, linkType: 1 });
    expect(reader.next()).toMatchObject({ data: Uint8Array.of(6, 7), seconds: 1, nanoseconds: 500_000_000 });
    expect(reader.next()).toMatchObject({ data: Uint8Array.of(1, 2, 3), originalLength: 5, linkType: 113 });
    expect(reader.next()).toBeUndefined();
  });

  it('counts time in the units that if_tsresol names, and adds if_tsoffset', () => {
    const idb = (resolution: number, ...more: number[]): number[] =>
      block(1, [1, 0, [9, 0, 1, 0, resolution, 0, 0, 0, ...more]]);
    const time = (high: number, low: number, ...options: number[]): unknown => {
      const record = read(SHB, idb(options[0]!, ...options.slice(1)), block(6, [0, high, low, 0, 0])).next()!;
      return [record.seconds, record.nanoseconds];
    };
    expect(time(0, 1500, 3)).toEqual([1, 500_000_000]);
    expect(time(0x17979cfe, 0x362a0000, 9)).toEqual([1_700_000_000, 0]);
    expect(time(5, 0x80000000, 0x80 | 32)).toEqual([5, 500_000_000]);
    expect(time(0, 3, 0)).toEqual([3, 0]);
    expect(time(0x00038d7e, 0xa4c68000 + 0, 15)).toEqual([1, 0]);
    expect(time(0, 7, 0, 14, 0, 8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toEqual([6, 0]);
    expect(() => time(0, 7, 40)).toThrow(/if_tsresol 40/);
  });

  it('with lengths that contradict each other is refused with the byte', () => {
    const bad = (...blocks: number[][]): (() => unknown) => {
      return () => all(read(SHB, ...blocks));
    };
    expect(bad(block(3, [0]))).toThrow(/byte 28: a simple packet block before any interface/);
    expect(bad(IDB, block(6, [1, 0, 0, 0, 0]))).toThrow(
      /byte 56: a frame of interface 1; the section describes 1/,
    );
    expect(bad(IDB, block(6, [0, 0, 0, 5, 5, [1, 2, 3, 4]]))).toThrow(
      /a frame of 5 bytes in a block with room for 4/,
    );
    expect(bad(IDB, block(6, [0, 0, 0, 4, 3, [1, 2, 3, 4]]))).toThrow(/4 bytes captured of a frame of 3/);
    expect(bad(IDB, block(6, [0, 0, 0, 0, 0, [1, 0, 9, 0]]))).toThrow(/option 1 of 9 bytes; 0 are left/);
    expect(bad(block(1, [1, 0], true, 24))).toThrow(/byte 44: a block of 20 bytes ends with the length 24/);
    expect(bad(block(0x0bad, [1], true, 8))).toThrow(/ends with the length 8/);
    expect(() => all(read(block(0x0a0d0d0a, [0x1a2b3c4e, 1, 0, 0])))).toThrow(
      /byte 8: .* no byte-order magic/,
    );
    expect(() => all(read(block(0x0a0d0d0a, [0x1a2b3c4d, 2, 0, 0])))).toThrow(/byte 12: pcapng version 2/);
    expect(() => read([1, 2, 3])).toThrow(/the file ends in the section header/);
  });
});
