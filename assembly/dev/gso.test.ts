import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import {
  buildFrame,
  bytesOf,
  type FrameSpec,
  layout,
  pseudo,
  timestamps,
} from '../../test/offload_frames.js';

const MEM = 24 << 20;
const HDR = MEM;
const FRAME = MEM + 64;
const OUT = FRAME + 0x20000;
const SG = 16;
const HW_CSUM = 1;
const SKB_GSO_SEG = 32;
const NOMEM = 37;

const FIN_PSH_CWR_ACK = 0x01 | 0x08 | 0x80 | 0x10;

/** The frames that a sender without offloads would have sent instead of one of `spec`. */
function expected(spec: FrameSpec, mss: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const total = spec.payload.length;
  const flags = spec.flags ?? 0x10;
  for (let at = 0, i = 0; at < total; at += mss, i++) {
    let f = flags;
    if (i > 0) f &= ~0x80;
    if (at + mss < total) f &= ~0x09;
    frames.push(
      buildFrame({
        ...spec,
        payload: spec.payload.subarray(at, at + mss),
        seq: ((spec.seq ?? 1000) + at) >>> 0,
        id: ((spec.id ?? 0) + i) & 0xffff,
        flags: f,
      }),
    );
  }
  return frames;
}

describe.each([
  ['simd', true],
  ['scalar', false],
])('gsoSegment (%s)', (_name, simd) => {
  let m: AsModule;
  let u8: Uint8Array;
  let dv: DataView;
  const ex = (name: string) => m.exports[name] as (...args: number[]) => number;
  const off = (name: string) => (m.exports[name] as unknown as WebAssembly.Global).value as number;
  const get32 = (skb: number, field: string) => dv.getUint32(skb + off(field), true);
  const get16 = (skb: number, field: string) => dv.getUint16(skb + off(field), true);

  /** A GSO skb as it comes to devQueueXmit: data at the Ethernet header. */
  function gsoSkb(spec: FrameSpec, mss: number, linear: number, fragLen = 1500): number {
    const frame = buildFrame(spec);
    u8.set(frame, FRAME);
    const skb = ex('testSkbFrags')(FRAME, frame.length, Math.min(linear, frame.length), fragLen);
    dv.setUint32(skb + off('SKB_MAC_HEADER'), get32(skb, 'SKB_DATA'), true);
    ex('skbPull')(skb, 14);
    dv.setUint32(skb + off('SKB_NETWORK_HEADER'), get32(skb, 'SKB_DATA'), true);
    dv.setUint16(skb + off('SKB_PROTOCOL'), spec.v6 ? 0x86dd : 0x0800, true);
    dv.setUint32(skb + off('SKB_DEV'), 0, true);
    dv.setUint32(skb + off('SKB_MARK'), 4711, true);
    u8[HDR] = 0;
    u8[HDR + 1] = spec.udp ? 5 : spec.v6 ? 4 : 1;
    dv.setUint16(HDR + 4, mss, true);
    if (ex('virtioNetHdrToSkb')(skb, HDR) !== 1) throw new Error('not GSO');
    ex('skbPush')(skb, 14);
    return skb;
  }
  function readList(skb: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let at = skb; at !== 0; at = get32(at, 'SKB_NEXT')) {
      expect(ex('testSkbSane')(at)).toBe(1);
      const n = ex('testSkbRead')(at, OUT);
      frames.push(u8.slice(OUT, OUT + n));
    }
    return frames;
  }

  beforeAll(async () => {
    m = await loadAs(
      ['lib/testing', 'skb/testing', 'skb/skbuff', 'dev/virtio_net', 'dev/gso', 'dev/checksum_help'],
      {
        pages: 512,
        simd,
      },
    );
    u8 = new Uint8Array(m.memory.buffer);
    dv = new DataView(m.memory.buffer);
  });
  beforeEach(() => {
    ex('testInit')(MEM);
    ex('testSkbInit')(400, 600, 150);
  });
  afterEach(() => {
    expect(ex('testSkbLeaks')()).toBe(0);
  });

  const cases: [string, Partial<FrameSpec>][] = [
    ['TCP over IPv4', { id: 0xfffe, flags: FIN_PSH_CWR_ACK }],
    ['TCP over IPv4 with timestamps', { options: timestamps(5, 6), df: false, flags: 0x18 }],
    ['TCP over IPv4 with IP options', { ext: [1, 1, 1, 0], flags: 0x19 }],
    ['TCP over IPv6', { v6: true, flags: FIN_PSH_CWR_ACK, seq: 0xffffff00 }],
    ['TCP over IPv6 with extension headers', { v6: true, extType: 60, ext: [6, 0, 1, 4, 0, 0, 0, 0] }],
    ['UDP over IPv4', { udp: true, id: 7 }],
    ['UDP over IPv6', { udp: true, v6: true }],
  ];

  it.each(cases)('cuts %s into the frames that a sender without offloads sends', (_n, part) => {
    for (const [size, mss, linear, fragLen] of [
      [2897, 1448, 9999, 1],
      [2896, 1448, 1920, 65000],
      [20001, 1401, 66, 777],
      [65160, 1448, 1920, 65536],
      [9000, 4000, 1920, 9000],
    ] as const) {
      for (const features of [0, SG]) {
        const spec = { ...part, payload: bytesOf(size, size) };
        const list = ex('gsoSegment')(gsoSkb(spec, mss, linear, fragLen), features);
        expect(readList(list)).toEqual(expected(spec, mss));
        ex('testSkbFree')(list);
        expect(ex('testSkbLeaks')()).toBe(0);
      }
    }
  });

  it.each(cases)('leaves the checksums of %s to a device that has HW_CSUM', (_n, part) => {
    for (const features of [HW_CSUM, HW_CSUM | SG]) {
      const spec = { ...part, payload: bytesOf(4001, 8) };
      const list = ex('gsoSegment')(gsoSkb(spec, 1000, 1920), features);
      const { transport } = layout(spec);
      const field = transport + (spec.udp ? 6 : 16);
      const frames = readList(list);
      for (const f of frames) {
        const sum = pseudo(f, spec.v6 ?? false, spec.udp ? 17 : 6, f.length - transport);
        expect((f[field]! << 8) | f[field + 1]!).toBe(sum);
      }
      for (let at = list; at !== 0; at = get32(at, 'SKB_NEXT')) {
        expect(u8[at + off('SKB_IP_SUMMED')]).toBe(3);
        expect(ex('skbChecksumHelp')(at)).toBe(1);
      }
      expect(readList(list)).toEqual(expected(spec, 1000));
      ex('testSkbFree')(list);
    }
  });

  it.each([
    ['one VLAN tag', [0x81, 0, 0x60, 5]],
    ['QinQ', [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7]],
  ])('cuts a packet behind %s, which every segment has', (_n, tags) => {
    const tagged = (f: Uint8Array) => new Uint8Array([...f.subarray(0, 12), ...tags, ...f.subarray(12)]);
    for (const part of [{}, { v6: true }, { udp: true }]) {
      const spec = { ...part, payload: bytesOf(5000, 8) };
      const skb = gsoSkb(spec, 1000, 1920);
      // As vlanInsertTag leaves it: the Ethernet header moved down.
      ex('skbPush')(skb, tags.length);
      const data = get32(skb, 'SKB_DATA');
      u8.copyWithin(data, data + tags.length, data + tags.length + 12);
      u8.set(tags, data + 12);
      const list = ex('gsoSegment')(skb, SG);
      expect(readList(list)).toEqual(expected(spec, 1000).map(tagged));
      expect(get32(list, 'SKB_NETWORK_HEADER')).toBe(get32(list, 'SKB_DATA') + 14 + tags.length);
      ex('testSkbFree')(list);
    }
  });

  it('sets the headers and takes over what belongs to the packet', () => {
    const spec = { payload: bytesOf(3000, 8) };
    const list = ex('gsoSegment')(gsoSkb(spec, 1000, 1920), 0);
    for (let at = list; at !== 0; at = get32(at, 'SKB_NEXT')) {
      const data = get32(at, 'SKB_DATA');
      expect(get32(at, 'SKB_MAC_HEADER')).toBe(data);
      expect(get32(at, 'SKB_NETWORK_HEADER')).toBe(data + 14);
      expect(get32(at, 'SKB_TRANSPORT_HEADER')).toBe(data + 34);
      expect(get32(at, 'SKB_MARK')).toBe(4711);
      expect(get16(at, 'SKB_PROTOCOL')).toBe(0x0800);
      expect(get16(at, 'SKB_GSO_SIZE')).toBe(0);
    }
    ex('testSkbFree')(list);
  });

  it('keeps a UDP checksum of zero, which says that there is none', () => {
    const spec = { udp: true, zeroCheck: true, payload: bytesOf(3000, 8) };
    const skb = gsoSkb(spec, 1000, 1920);
    // What came by GRO or a hook, not from a device: no partial checksum.
    u8[skb + off('SKB_IP_SUMMED')] = 0;
    const data = get32(skb, 'SKB_DATA');
    u8.fill(0, data + 40, data + 42);
    const list = ex('gsoSegment')(skb, 0);
    expect(readList(list)).toEqual(expected(spec, 1000));
    ex('testSkbFree')(list);
  });

  it('drops a packet as SKB_GSO_SEG when its headers are not those of its type', () => {
    for (const [at, value] of [
      [14, 0x65],
      [14, 0x44],
      [23, 17],
      [20, 0x20],
      [21, 0x01],
      [46, 0x40],
    ] as const) {
      const skb = gsoSkb({ payload: bytesOf(3000, 8) }, 1000, 1920);
      u8[get32(skb, 'SKB_DATA') + at] = value;
      const before = ex('testDropCount')(SKB_GSO_SEG);
      expect(ex('gsoSegment')(skb, 0)).toBe(0);
      expect(ex('testDropCount')(SKB_GSO_SEG)).toBe(before + 1);
      expect(ex('testSkbLeaks')()).toBe(0);
    }
  });

  it('drops a packet as NOMEM and leaks nothing when any pool runs out in the middle', () => {
    for (const which of [0, 1, 3]) {
      for (let left = 0; left < 6; left++) {
        ex('testInit')(MEM);
        ex('testSkbInit')(200, 300, 6);
        const skb = gsoSkb({ payload: bytesOf(9000, 8) }, 1000, 1920);
        ex('testPoolKeep')(which, left);
        const list = ex('gsoSegment')(skb, SG);
        expect(list).toBe(0);
        expect(ex('testDropCount')(NOMEM)).toBe(1);
        expect(ex('testSkbLeaks')()).toBe(0);
      }
    }
  });

  it('cuts any packet at any size, in any fragments', () => {
    fc.assert(
      fc.property(
        fc.record({
          v6: fc.boolean(),
          udp: fc.boolean(),
          seq: fc.nat(0xffffffff),
          id: fc.nat(0xffff),
          flags: fc.nat(255).map((f) => f & 0xf9),
          options: fc.constantFrom([], timestamps(1, 2), [1, 1, 1, 1]),
          tos: fc.nat(255),
        }),
        fc.integer({ min: 0, max: 20000 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.integer({ min: 60, max: 1920 }),
        fc.integer({ min: 400, max: 4000 }),
        fc.boolean(),
        (part, size, mss, linear, fragLen, share) => {
          const spec = { ...part, payload: bytesOf(mss + 1 + size, size) };
          const list = ex('gsoSegment')(gsoSkb(spec, mss, linear, fragLen), share ? SG : 0);
          expect(readList(list)).toEqual(expected(spec, mss));
          ex('testSkbFree')(list);
          expect(ex('testSkbLeaks')()).toBe(0);
        },
      ),
      { numRuns: simd ? 300 : 60 },
    );
  });
});
