import { describe, expect, it } from 'vitest';
import { MemorySink, memorySource } from './capture_memory.js';
import { PcapReader, PcapWriter } from './pcap.js';

const FRAMES = [60, 0, 1514, 1, 70_000].map((n) =>
  Uint8Array.from({ length: n }, (_, i) => (i * 31 + n) & 0xff),
);
const VARIANTS = [true, false].flatMap((littleEndian) =>
  [true, false].map((nanoseconds) => ({ littleEndian, nanoseconds })),
);

function file(options = {}, frames = FRAMES): Uint8Array {
  const sink = new MemorySink();
  const writer = new PcapWriter(sink, options);
  frames.forEach((frame, i) => {
    writer.write(1_700_000_000 + i, 123_456_789, frame, frame.length + i);
  });
  writer.close();
  return sink.bytes();
}

describe('a pcap file', () => {
  it.each(VARIANTS)('comes back as it was written with %o', (variant) => {
    const reader = new PcapReader(memorySource(file(variant), 'a.pcap', 1000));
    expect(reader).toMatchObject({ ...variant, linkType: 1 });
    FRAMES.forEach((frame, i) => {
      const record = reader.next()!;
      expect(record.seconds).toBe(1_700_000_000 + i);
      expect(record.nanoseconds).toBe(variant.nanoseconds ? 123_456_789 : 123_456_000);
      expect(record.originalLength).toBe(frame.length + i);
      expect(Buffer.from(record.data).equals(frame)).toBe(true);
    });
    expect(reader.next()).toBeUndefined();
  });

  it('has the bytes that the format says', () => {
    const bytes = file({ nanoseconds: false, snaplen: 2 }, [Uint8Array.of(1, 2, 3)]);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `d4c3b2a10200040000000000000000000200000001000000` + '00f1536540e20100' + '0200000003000000' + '0102',
    );
  });

  it('cut anywhere is an error that names file and byte, or ends between two frames', () => {
    const bytes = file({}, FRAMES.slice(0, 4));
    const ends = new Set([24]);
    let end = 24;
    for (const frame of FRAMES.slice(0, 4)) {
      end += 16 + frame.length;
      ends.add(end);
    }
    for (let cut = 0; cut < bytes.length; cut++) {
      const read = (): number => {
        const reader = new PcapReader(memorySource(bytes.subarray(0, cut), 'cut.pcap'));
        let frames = 0;
        while (reader.next()) frames++;
        return frames;
      };
      if (ends.has(cut)) expect(read()).toBeLessThan(4);
      else expect(read).toThrow(/^cut\.pcap: byte \d+: the file ends in /);
    }
  });

  it('with a wrong magic, version or length is refused', () => {
    const change = (at: number, value: number): (() => unknown) => {
      const bytes = file();
      new DataView(bytes.buffer).setUint32(at, value, true);
      const read = (): void => {
        const reader = new PcapReader(memorySource(bytes, 'bad.pcap'));
        while (reader.next());
      };
      return read;
    };
    expect(change(0, 0x12345678)).toThrow(/byte 0: this is no pcap file/);
    expect(change(4, 3)).toThrow(/byte 4: pcap version 3 is unknown/);
    expect(change(32, 0xffffffff)).toThrow(/byte 32: a frame of 4294967295 bytes/);
    expect(change(36, 59)).toThrow(/byte 32: 60 bytes captured of a frame of 59/);
  });
});
