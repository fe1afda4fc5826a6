import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { buildFrame, bytesOf, type FrameSpec, fold, layout, pseudo } from '../../test/offload_frames.js';

const MEM = 8 << 20;
const HDR = MEM;
const FRAME = MEM + 64;
const NEEDS_CSUM = 1;
const TCPV4 = 1;
const TCPV6 = 4;
const UDP_L4 = 5;
const PARTIAL = 3;

describe('virtio_net_hdr and partial checksums', () => {
  let m: AsModule;
  let u8: Uint8Array;
  let dv: DataView;
  const ex = (name: string) => m.exports[name] as (...args: number[]) => number;
  const off = (name: string) => (m.exports[name] as unknown as WebAssembly.Global).value as number;
  const get16 = (skb: number, field: string) => dv.getUint16(skb + off(field), true);
  const get8 = (skb: number, field: string) => u8[skb + off(field)]!;

  /** An skb as takeFrame makes it: data at the network header. */
  function receive(frame: Uint8Array, linear = frame.length): number {
    u8.set(frame, FRAME);
    const skb = ex('testSkbFrags')(FRAME, frame.length, linear, 1500);
    dv.setUint32(skb + off('SKB_MAC_HEADER'), dv.getUint32(skb + off('SKB_DATA'), true), true);
    ex('skbPull')(skb, 14);
    dv.setUint32(skb + off('SKB_NETWORK_HEADER'), dv.getUint32(skb + off('SKB_DATA'), true), true);
    dv.setUint16(skb + off('SKB_PROTOCOL'), (frame[12]! << 8) | frame[13]!, true);
    return skb;
  }
  function header(flags: number, type = 0, size = 0, start = 0, offset = 0): void {
    u8[HDR] = flags;
    u8[HDR + 1] = type;
    [0, size, start, offset].forEach((x, i) => {
      dv.setUint16(HDR + 2 + i * 2, x, true);
    });
  }
  function read(skb: number): Uint8Array {
    const n = ex('testSkbRead')(skb, FRAME + 0x20000);
    return u8.slice(FRAME + 0x20000, FRAME + 0x20000 + n);
  }
  /** A frame as a sender with checksum offload makes it: the field holds the pseudo header's sum. */
  function partial(spec: FrameSpec): { frame: Uint8Array; start: number; offset: number } {
    const frame = buildFrame(spec);
    const { transport } = layout(spec);
    const offset = spec.udp ? 6 : 16;
    const sum = pseudo(frame, spec.v6 ?? false, spec.udp ? 17 : 6, frame.length - transport);
    frame[transport + offset] = sum >> 8;
    frame[transport + offset + 1] = sum & 0xff;
    return { frame, start: transport, offset };
  }

  beforeAll(async () => {
    m = await loadAs(
      ['lib/testing', 'skb/testing', 'skb/skbuff', 'dev/virtio_net', 'dev/checksum_help', 'lib/checksum'],
      { pages: 192 },
    );
    u8 = new Uint8Array(m.memory.buffer);
    dv = new DataView(m.memory.buffer);
  });
  beforeEach(() => {
    ex('testInit')(MEM);
    ex('testSkbInit')(64, 200, 4);
  });
  afterEach(() => {
    expect(ex('testSkbLeaks')()).toBe(0);
  });

  it.each([
    ['TCP over IPv4', {}],
    ['TCP over IPv6', { v6: true }],
    ['UDP over IPv4', { udp: true }],
    ['UDP over IPv6', { v6: true, udp: true }],
  ])('fills the checksum of %s that the sender left, whatever lies in fragments', (_name, spec) => {
    for (const linear of [9999, 60, 15, 61, 333]) {
      const full = { ...spec, payload: bytesOf(1201, linear) };
      const { frame, start, offset } = partial(full);
      const skb = receive(frame, Math.min(linear, frame.length));
      header(NEEDS_CSUM, 0, 0, start, offset);
      expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
      expect(get8(skb, 'SKB_IP_SUMMED')).toBe(PARTIAL);
      expect(ex('skbChecksumHelp')(skb)).toBe(1);
      expect(get8(skb, 'SKB_IP_SUMMED')).toBe(0);
      expect(read(skb)).toEqual(buildFrame(full).subarray(14));
      ex('testSkbFree')(skb);
    }
  });

  it('leaves the bytes of a clone alone when it fills a checksum', () => {
    const full = { payload: bytesOf(700, 5) };
    const { frame, start, offset } = partial(full);
    const skb = receive(frame);
    header(NEEDS_CSUM, 0, 0, start, offset);
    ex('virtioNetHdrToSkb')(skb, HDR);
    const clone = ex('testSkbClone')(skb);
    expect(ex('skbChecksumHelp')(skb)).toBe(1);
    expect(read(clone)).toEqual(frame.subarray(14));
    expect(read(skb)).toEqual(buildFrame(full).subarray(14));
    ex('testSkbFree')(skb);
    ex('testSkbFree')(clone);
  });

  it('sends 0xffff for a UDP sum of zero', () => {
    // The payload is chosen so that everything sums to zero.
    const spec: FrameSpec = { udp: true, payload: new Uint8Array(2) };
    const plain = buildFrame(spec);
    const sum = fold(plain.subarray(40, 42));
    spec.payload[0] = sum >> 8;
    spec.payload[1] = sum & 0xff;
    const { frame, start, offset } = partial(spec);
    const skb = receive(frame);
    header(NEEDS_CSUM, 0, 0, start, offset);
    ex('virtioNetHdrToSkb')(skb, HDR);
    ex('skbChecksumHelp')(skb);
    expect([...read(skb).subarray(26, 28)]).toEqual([0xff, 0xff]);
    ex('testSkbFree')(skb);
  });

  it('refuses to fill a checksum whose field was trimmed away', () => {
    const { frame, start, offset } = partial({ payload: bytesOf(10, 1) });
    const skb = receive(frame);
    header(NEEDS_CSUM, 0, 0, start, offset);
    ex('virtioNetHdrToSkb')(skb, HDR);
    ex('skbTrim')(skb, 37);
    expect(ex('skbChecksumHelp')(skb)).toBe(0);
    ex('skbPush')(skb, 14);
    ex('virtioNetHdrFromSkb')(skb, HDR, 12);
    expect([...u8.subarray(HDR, HDR + 12)]).toEqual(new Array(12).fill(0));
    ex('testSkbFree')(skb);
  });

  it.each([
    ['TCPv4', { options: [1, 1, 1, 0] }, TCPV4],
    ['TCPv4 with ECN', {}, TCPV4 | 0x80],
    ['TCPv4 behind IP options', { ext: [1, 1, 1, 0] }, TCPV4],
    ['TCPv6', { v6: true }, TCPV6],
    ['TCPv6 behind a destination header', { v6: true, extType: 60, ext: [6, 0, 1, 4, 0, 0, 0, 0] }, TCPV6],
    ['UDP_L4 over IPv4', { udp: true }, UDP_L4],
    ['UDP_L4 over IPv6', { udp: true, v6: true }, UDP_L4],
  ] as [string, Partial<FrameSpec>, number][])(
    'takes a GSO frame of %s and gives the same header back',
    (_n, part, type) => {
      for (const linear of [9999, 1920, 50]) {
        const spec = { ...part, payload: bytesOf(5000, 3) };
        const { frame, start, offset } = partial(spec);
        const skb = receive(frame, Math.min(linear, frame.length));
        header(NEEDS_CSUM, type, 1400, start, offset);
        expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
        expect(get16(skb, 'SKB_GSO_SIZE')).toBe(1400);
        expect(get16(skb, 'SKB_GSO_SEGS')).toBe(4);
        expect(get8(skb, 'SKB_GSO_TYPE') & 16).toBe(16);
        ex('skbPush')(skb, 14);
        u8.fill(0xee, HDR, HDR + 12);
        ex('virtioNetHdrFromSkb')(skb, HDR, 12);
        const { hlen } = layout(spec);
        const out = [0, 1, 2, 3, 4].map((i) => dv.getUint16(HDR + 2 + i * 2, true));
        expect([u8[HDR], u8[HDR + 1], ...out]).toEqual([NEEDS_CSUM, type, hlen, 1400, start, offset, 0]);
        expect(read(skb)).toEqual(frame);
        ex('testSkbFree')(skb);
      }
    },
  );

  /** The frame with 4 bytes of tag each between addresses and ethertype. */
  const tagged = (frame: Uint8Array, tags: number[]) =>
    new Uint8Array([...frame.subarray(0, 12), ...tags, ...frame.subarray(12)]);
  const Q = [0x81, 0, 0xa0, 5];
  const AD = [0x88, 0xa8, 0, 100];

  it.each([
    ['TCPv4 in a VLAN', {}, TCPV4, Q],
    ['TCPv6 in a VLAN', { v6: true }, TCPV6, Q],
    ['UDP_L4 in a VLAN', { udp: true }, UDP_L4, Q],
    ['TCPv4 in QinQ', {}, TCPV4, [...AD, ...Q]],
    ['UDP_L4 over IPv6 in QinQ', { udp: true, v6: true }, UDP_L4, [...AD, ...Q]],
    ['TCPv4 in eight tags', {}, TCPV4, new Array(8).fill(Q).flat()],
  ] as [string, Partial<FrameSpec>, number, number[]][])(
    'takes a GSO frame of %s, tags in the frame, and gives the same header back',
    (_n, part, type, tags) => {
      for (const linear of [9999, 1920, 50, 15]) {
        const spec = { ...part, payload: bytesOf(5000, 3) };
        const { frame, start, offset } = partial(spec);
        const whole = tagged(frame, tags);
        const skb = receive(whole, Math.min(linear, whole.length));
        header(NEEDS_CSUM, type, 1400, start + tags.length, offset);
        expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
        expect([get16(skb, 'SKB_GSO_SIZE'), get16(skb, 'SKB_GSO_SEGS')]).toEqual([1400, 4]);
        ex('skbPush')(skb, 14);
        ex('virtioNetHdrFromSkb')(skb, HDR, 10);
        const hlen = layout(spec).hlen + tags.length;
        const out = [0, 1, 2, 3].map((i) => dv.getUint16(HDR + 2 + i * 2, true));
        expect([u8[HDR], u8[HDR + 1], ...out]).toEqual([
          NEEDS_CSUM,
          type,
          hlen,
          1400,
          start + tags.length,
          offset,
        ]);
        expect(read(skb)).toEqual(whole);
        ex('testSkbFree')(skb);
      }
    },
  );

  it('makes the checksum of a tagged GSO frame partial that comes without NEEDS_CSUM', () => {
    const spec = { payload: bytesOf(3000, 3) };
    const skb = receive(tagged(buildFrame(spec), Q));
    header(0, TCPV4, 1000);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
    expect(get8(skb, 'SKB_IP_SUMMED')).toBe(PARTIAL);
    expect(read(skb)).toEqual(tagged(partial(spec).frame, Q).subarray(14));
    ex('testSkbFree')(skb);
  });

  it.each([
    ['more than eight tags', new Array(9).fill(Q).flat(), TCPV4, 0],
    ['an IPv6 GSO type for IPv4 behind a tag', Q, TCPV6, 0],
    ['a start that does not count the tag', Q, TCPV4, -4],
  ] as [string, number[], number, number][])('refuses a GSO frame with %s', (_n, tags, type, shift) => {
    const { frame, start, offset } = partial({ payload: bytesOf(3000, 3) });
    const skb = receive(tagged(frame, tags));
    header(NEEDS_CSUM, type, 1000, start + tags.length + shift, offset);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(0);
    ex('testSkbFree')(skb);
  });

  it('refuses a GSO frame that ends within its tags', () => {
    for (const bytes of [14, 15, 17, 18, 21]) {
      const { frame } = partial({ payload: bytesOf(3000, 3) });
      const skb = receive(tagged(frame, [...AD, ...Q]).subarray(0, bytes));
      header(0, TCPV4, 1000);
      expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(0);
      ex('testSkbFree')(skb);
    }
  });

  it('makes the checksum partial when a GSO frame comes without NEEDS_CSUM', () => {
    const spec = { payload: bytesOf(3000, 3) };
    const skb = receive(buildFrame(spec));
    header(0, TCPV4, 1000);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
    expect(get8(skb, 'SKB_IP_SUMMED')).toBe(PARTIAL);
    expect(read(skb)).toEqual(partial(spec).frame.subarray(14));
    ex('testSkbFree')(skb);
  });

  it('takes a frame that fits one segment as an ordinary one', () => {
    const { frame, start, offset } = partial({ payload: bytesOf(1000, 3) });
    const skb = receive(frame);
    header(NEEDS_CSUM, TCPV4, 1000, start, offset);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
    expect(get16(skb, 'SKB_GSO_SIZE')).toBe(0);
    ex('testSkbFree')(skb);
  });

  it('takes DATA_VALID as a checksum that needs no check', () => {
    const skb = receive(buildFrame({ payload: bytesOf(9, 3) }));
    header(2);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(1);
    expect(get8(skb, 'SKB_IP_SUMMED')).toBe(1);
    ex('testSkbFree')(skb);
  });

  const tcp4: FrameSpec = { payload: bytesOf(3000, 3) };
  it.each([
    ['UFO', tcp4, [1, 3, 1000, 34, 16]],
    ['an unknown GSO type', tcp4, [1, 7, 1000, 34, 16]],
    ['a GSO size of 0', tcp4, [1, 1, 0, 34, 16]],
    ['TCPv6 for an IPv4 packet', tcp4, [1, 4, 1000, 34, 16]],
    ['UDP_L4 for a TCP packet', tcp4, [1, 5, 1000, 34, 6]],
    ['TCPv4 for UDP', { udp: true, payload: tcp4.payload }, [1, 1, 1000, 34, 16]],
    ['a start that is not the TCP header', tcp4, [1, 1, 1000, 36, 16]],
    ['an offset that is not the checksum', tcp4, [1, 1, 1000, 34, 6]],
    ['a start inside the IP header', tcp4, [1, 0, 0, 30, 16]],
    ['a start behind the frame', tcp4, [1, 0, 0, 3054, 0]],
    ['a field of which one byte is behind the frame', tcp4, [1, 0, 0, 3050, 3]],
    ['an offset of 65535', tcp4, [1, 0, 0, 34, 65535]],
  ] as [string, FrameSpec, number[]][])('refuses %s', (_name, spec, h) => {
    const skb = receive(buildFrame(spec), 1920);
    header(h[0]!, h[1], h[2], h[3], h[4]);
    expect(ex('virtioNetHdrToSkb')(skb, HDR)).toBe(0);
    ex('testSkbFree')(skb);
  });

  it('ends any header on any frame without a trap, a leak or a field outside the frame', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 10, maxLength: 10 }),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: 2500 }),
        fc.integer({ min: 14, max: 2600 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 79 }), fc.integer({ min: 0, max: 255 })), {
          maxLength: 4,
        }),
        fc.integer({ min: 0, max: 3 }),
        (hdr, v6, udp, size, linear, flips, tags) => {
          const plain = buildFrame({ v6, udp, payload: bytesOf(size, 9) });
          const frame = tagged(plain, new Array(tags).fill(Q).flat());
          for (const [at, x] of flips) if (at >= 14 && at < frame.length) frame[at] = x;
          const skb = receive(frame, Math.min(linear, frame.length));
          u8.set(hdr, HDR);
          u8[HDR] = hdr[0]! & 3;
          u8[HDR + 1] = hdr[1]! % 7;
          dv.setUint16(
            HDR + 6,
            hdr[6]! < 128 ? (v6 ? 54 : 34) + tags * 4 : dv.getUint16(HDR + 6, true),
            true,
          );
          dv.setUint16(HDR + 8, hdr[8]! < 128 ? (udp ? 6 : 16) : dv.getUint16(HDR + 8, true), true);
          if (ex('virtioNetHdrToSkb')(skb, HDR) === 1) {
            expect(ex('testSkbSane')(skb)).toBe(1);
            if (get8(skb, 'SKB_IP_SUMMED') === PARTIAL) {
              const start = get16(skb, 'SKB_CSUM_START') + dv.getUint32(skb + off('SKB_HEAD'), true);
              const data = dv.getUint32(skb + off('SKB_DATA'), true);
              const len = dv.getUint32(skb + off('SKB_LEN'), true);
              expect(start - data + get16(skb, 'SKB_CSUM_OFFSET') + 2).toBeLessThanOrEqual(len);
            }
            if (get16(skb, 'SKB_GSO_SIZE') === 0) ex('skbChecksumHelp')(skb);
            else expect(ex('skbChecksumHelp')(skb)).toBe(0);
          }
          ex('testSkbFree')(skb);
          expect(ex('testSkbLeaks')()).toBe(0);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('verifies a checksum in software, or takes the word of who vouches for it', () => {
    for (const spec of [{}, { v6: true }, { udp: true }] as Partial<FrameSpec>[]) {
      for (const bad of [false, true]) {
        for (const linear of [60, 9999]) {
          const frame = buildFrame({ ...spec, payload: bytesOf(333, 2), badCheck: bad });
          const skb = receive(frame, Math.min(linear, frame.length));
          const offset = layout({ ...spec, payload: frame }).transport - 14;
          const len = frame.length - 14 - offset;
          const sum = ex('pseudoSum')(dv.getUint32(skb + off('SKB_DATA'), true), len, spec.udp ? 17 : 6);
          expect(ex('skbCsumValid')(skb, offset, len, sum)).toBe(bad ? 0 : 1);
          expect(ex('skbCsumValid')(skb, offset, len + 1, sum)).toBe(bad ? 0 : 1);
          expect(get8(skb, 'SKB_IP_SUMMED')).toBe(bad ? 0 : 1);
          // CHECKSUM_COMPLETE: the device summed all from data on.
          u8[skb + off('SKB_IP_SUMMED')] = 2;
          dv.setUint32(skb + off('SKB_CSUM'), ex('skbChecksum')(skb, 0, frame.length - 14, 0), true);
          expect(ex('skbCsumValid')(skb, offset, len, sum)).toBe(bad ? 0 : 1);
          ex('testSkbFree')(skb);
        }
      }
    }
  });
});
