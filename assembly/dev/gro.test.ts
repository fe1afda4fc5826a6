import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { buildFrame, bytesOf, type FrameSpec, fold, pseudo, timestamps } from '../../test/offload_frames.js';

const MEM = 24 << 20;
const FRAME = MEM + 64;
const OUT = FRAME + 0x20000;
const LIST = OUT + 0x20000;
const SG = 16;
const GRO_UDP_FWD = 256;
const UNNECESSARY = 1;
const PARTIAL = 3;
const PSH_ACK = 0x18;

/** The frame without what lies behind its IP length. */
function stripped(frame: Uint8Array): Uint8Array {
  const v6 = frame[12] === 0x86;
  const len = v6 ? 54 + ((frame[18]! << 8) | frame[19]!) : 14 + ((frame[16]! << 8) | frame[17]!);
  return frame.subarray(0, Math.min(len, frame.length));
}

describe.each([
  ['simd, frame by frame', true, false],
  ['simd, in bursts', true, true],
  ['scalar, frame by frame', false, false],
  ['scalar, in bursts', false, true],
])('GRO (%s)', (_name, simd, bursts) => {
  let m: AsModule;
  let u8: Uint8Array;
  let dv: DataView;
  let dev: number;
  let n = 0;
  const ex = (name: string) => m.exports[name] as (...args: number[]) => number;
  const off = (name: string) => (m.exports[name] as unknown as WebAssembly.Global).value as number;
  const get32 = (skb: number, field: string) => dv.getUint32(skb + off(field), true);
  const get16 = (skb: number, field: string) => dv.getUint16(skb + off(field), true);

  function receive(frame: Uint8Array, vouched = 0, linear = frame.length): void {
    u8.set(frame, FRAME);
    const skb = ex('testSkbFrags')(FRAME, frame.length, Math.min(linear, frame.length), 700);
    ex('testEthTypeTrans')(skb, dev);
    u8[skb + off('SKB_IP_SUMMED')] = vouched;
    if (bursts) dv.setUint32(LIST + 4 * n++, skb, true);
    else n = ex('groReceive')(dev, skb, LIST, n);
  }
  /** What came up so far, and after the flush. */
  function flush(): number[] {
    n = bursts ? ex('groReceiveList')(dev, LIST, n) : ex('groFlush')(dev, LIST, n);
    const list = [...new Uint32Array(m.memory.buffer, LIST, n)];
    n = 0;
    return list;
  }
  function bytes(skb: number): Uint8Array {
    expect(ex('testSkbSane')(skb)).toBe(1);
    const len = ex('testSkbRead')(skb, OUT);
    return u8.slice(OUT, OUT + len);
  }
  /** The frames that a device without offloads would send for a packet that came up; frees it. */
  function resegment(skb: number, features: number): Uint8Array[] {
    ex('skbPush')(skb, 14);
    const list = get16(skb, 'SKB_GSO_SIZE') !== 0 ? ex('gsoSegment')(skb, features) : skb;
    expect(list).not.toBe(0);
    const frames: Uint8Array[] = [];
    for (let at = list; at !== 0; at = get32(at, 'SKB_NEXT')) frames.push(bytes(at));
    ex('testSkbFree')(list);
    return frames;
  }
  /** Sends all frames through GRO in one poll: gsoSegs of what comes up (1 for what was not merged). */
  function merged(frames: Uint8Array[], vouched = 0, linear?: number): number[] {
    for (const f of frames) receive(f, vouched, linear);
    const list = flush();
    const segs = list.map((skb) => get16(skb, 'SKB_GSO_SEGS') || 1);
    const out = list.flatMap((skb, i) => resegment(skb, i % 2 === 0 ? 0 : SG));
    if (vouched === 0) {
      const sort = (fs: Uint8Array[]) => fs.map((f) => Buffer.from(stripped(f)).toString('hex')).sort();
      expect(sort(out)).toEqual(sort(frames));
    }
    return segs;
  }
  /** A stream of `count` segments of `size`. */
  function stream(count: number, size: number, part: Partial<FrameSpec> = {}): FrameSpec[] {
    return Array.from({ length: count }, (_, i) => ({
      payload: bytesOf(size, i + 1),
      seq: (0xfffffe00 + i * size) >>> 0,
      id: (0xfffa + i) & 0xffff,
      ...part,
    }));
  }
  const build = (specs: FrameSpec[]) => specs.map(buildFrame);

  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'skb/testing', 'skb/skbuff', 'dev/gro', 'dev/gso', 'dev/testing'], {
      pages: 512,
      simd,
    });
    u8 = new Uint8Array(m.memory.buffer);
    dv = new DataView(m.memory.buffer);
  });
  beforeEach(() => {
    ex('testInit')(MEM);
    ex('testSkbInit')(800, 1500, 100);
    dev = ex('testDev')(0);
    n = 0;
  });
  afterEach(() => {
    ex('groFree')(dev);
    expect(ex('testSkbLeaks')()).toBe(0);
  });

  it.each([
    ['IPv4', {}],
    ['IPv4 with timestamps', { options: timestamps(1, 2) }],
    ['IPv6', { v6: true }],
    ['IPv6 with timestamps', { v6: true, options: timestamps(1, 2) }],
  ] as [string, Partial<FrameSpec>][])('makes one packet of 45 TCP segments over %s', (_n, part) => {
    const frames = build(stream(45, 1400, part));
    for (const f of frames) receive(f);
    if (!bursts) expect(n).toBe(0);
    const list = flush();
    expect(list.length).toBe(1);
    const skb = list[0]!;
    expect(get16(skb, 'SKB_GSO_SIZE')).toBe(1400);
    expect(get16(skb, 'SKB_GSO_SEGS')).toBe(45);
    expect(u8[skb + off('SKB_GSO_TYPE')]).toBe(part.v6 ? 2 : 1);
    expect(u8[skb + off('SKB_FLAGS')]).toBe(32);
    expect(u8[skb + off('SKB_IP_SUMMED')]).toBe(PARTIAL);
    expect(get16(skb, 'SKB_CSUM_OFFSET')).toBe(16);
    const nhlen = part.v6 ? 40 : 20;
    expect(get32(skb, 'SKB_HEAD') + get16(skb, 'SKB_CSUM_START')).toBe(get32(skb, 'SKB_DATA') + nhlen);
    const hlen = frames[0]!.length - 1400;
    expect(get32(skb, 'SKB_LEN')).toBe(hlen - 14 + 45 * 1400);
    const whole = bytes(skb);
    if (!part.v6) expect(fold(whole.subarray(0, 20))).toBe(0xffff);
    const frame = new Uint8Array([...frames[0]!.subarray(0, 14), ...whole]);
    const field = nhlen + 16;
    expect((whole[field]! << 8) | whole[field + 1]!).toBe(
      pseudo(frame, part.v6 ?? false, 6, whole.length - nhlen),
    );
    expect(resegment(skb, 0)).toEqual(frames);
  });

  it('does not merge what GRO is off for: UDP, ARP, ICMP', () => {
    const frames = build(stream(3, 100, { udp: true }));
    for (const f of frames) receive(f);
    expect(n).toBe(3);
    for (const skb of flush()) ex('testSkbFree')(skb);
  });

  it('ends a packet with a shorter segment, PSH or FIN, and begins the next', () => {
    const s = stream(9, 100);
    s[2] = { ...s[2]!, payload: bytesOf(50, 1) };
    for (let i = 3; i < 9; i++) s[i]!.seq = (s[2]!.seq! + 50 + (i - 3) * 100) >>> 0;
    s[5]!.flags = PSH_ACK;
    s[8]!.flags = 0x11;
    expect(merged(build(s))).toEqual([3, 3, 3]);
  });

  it('does not hold a lone PSH, SYN, RST, URG or an empty segment', () => {
    for (const flags of [PSH_ACK, 0x02, 0x14, 0x30, 0x11]) {
      receive(buildFrame({ payload: bytesOf(10, 1), flags }));
      expect(n).toBe(1);
      for (const skb of flush()) ex('testSkbFree')(skb);
    }
    receive(buildFrame({ payload: new Uint8Array(0) }));
    expect(n).toBe(1);
    for (const skb of flush()) ex('testSkbFree')(skb);
  });

  const second: [string, Partial<FrameSpec>, Partial<FrameSpec>?][] = [
    ['a gap', { seq: 5000 }],
    ['another acknowledgement', { ack: 78 }],
    ['another window', { window: 502 }],
    ['another TTL', { ttl: 63 }],
    ['CE', { tos: 3 }],
    ['another DF', { df: false }],
    ['another id', { id: 77 }],
    ['another MAC address', { mac: 3 }],
    ['another source', { saddr: 9 }],
    ['another source port', { sport: 9 }],
    ['another destination port', { dport: 9 }],
    ['CWR', { flags: 0x90 }],
    ['ECE', { flags: 0x50 }],
    ['a longer payload', { payload: bytesOf(101, 1) }],
    ['a bad checksum', { badCheck: true }],
    ['another flow label', { v6: true, flowLabel: 9 }, { v6: true }],
    ['another hop limit', { v6: true, ttl: 9 }, { v6: true }],
    ['another timestamp', { options: timestamps(1, 3) }, { options: timestamps(1, 2) }],
    ['no options', { options: [] }, { options: timestamps(1, 2) }],
    ['the same id without DF', { df: false, id: 0xfffa }, { df: false }],
  ];
  it.each(second)('does not merge a second segment that has %s', (_n, change, both) => {
    const s = stream(2, 100, both);
    s[1] = { ...s[1]!, ...change };
    expect(merged(build(s))).toEqual([1, 1]);
  });

  it.each(second)('does not merge a fourth segment that has %s', (_n, change, both) => {
    for (const more of [{}, { id: 0xfffd }]) {
      const s = stream(4, 100, { ...both, ...more });
      s[3] = { ...s[3]!, ...change };
      const segs = merged(build(s)).sort((a, b) => b - a);
      // Ids that repeat are merged with DF only.
      expect(segs).toEqual('id' in more && both?.df === false ? [1, 1, 1, 1] : [3, 1]);
    }
  });

  it.each([
    ['an urgent pointer', [53]],
    ['a checksum of 0xffff', [50, 51]],
    ['a damaged IP header', [24]],
    ['a reserved bit', [46]],
    ['another protocol', [23]],
    ['another Ethernet source', [7]],
    ['another Ethernet destination', [2]],
  ])('does not merge a fourth segment that has %s, vouched for or not', (_n, places) => {
    for (const vouched of [0, UNNECESSARY]) {
      const frames = build(stream(4, 100));
      for (const at of places) frames[3]![at] = places.length === 2 ? 0xff : frames[3]![at]! ^ 1;
      expect(merged(frames, vouched).sort((a, b) => b - a)).toEqual([3, 1]);
    }
  });

  it('does not merge a fourth segment whose IP checksum is 0xffff where 0 belongs', () => {
    const s = stream(4, 100);
    const probe = buildFrame({ ...s[3]!, id: 0 });
    const id = (probe[24]! << 8) | probe[25]!;
    const frames = build(s.map((spec, i) => ({ ...spec, id: (id - 3 + i) & 0xffff })));
    expect([...frames[3]!.subarray(24, 26)]).toEqual([0, 0]);
    frames[3]!.fill(0xff, 24, 26);
    expect(merged(frames)).toEqual([3, 1]);
  });

  // One frame at a time never sees a fourth beside three held.
  if (bursts)
    it('does not merge a fourth segment that is GSO, tagged or partially summed', () => {
      const changes: ((skb: number) => void)[] = [
        (skb) => dv.setUint16(skb + off('SKB_GSO_SIZE'), 50, true),
        (skb) => dv.setUint16(skb + off('SKB_FLAGS') + 1, 7, true), // vlanTci lies behind flags
        (skb) => dv.setUint8(skb + off('SKB_IP_SUMMED'), PARTIAL),
      ];
      for (const change of changes) {
        for (const f of build(stream(4, 100))) receive(f);
        change(dv.getUint32(LIST + 12, true));
        const list = flush();
        expect(list.length).toBe(2);
        for (const skb of list) ex('testSkbFree')(skb);
      }
    });

  it('merges ids that count up with and without DF, and such that repeat with DF', () => {
    expect(merged(build(stream(5, 100, { df: false })))).toEqual([5]);
    expect(merged(build(stream(5, 100, { id: 0 })))).toEqual([5]);
    const s = stream(4, 100);
    s[2]!.id = s[1]!.id!;
    s[3]!.id = s[1]!.id!;
    expect(merged(build(s))).toEqual([2, 2]);
  });

  it('goes on behind a frame of another flow, or one that is wrong, in the middle of a burst', () => {
    for (const change of [{ sport: 9 }, { badCheck: true }, { options: timestamps(1, 3) }, { id: 7 }]) {
      for (const part of [{}, { options: timestamps(1, 2) }, { df: false }]) {
        const s = stream(12, 100, part);
        s.splice(6, 0, { ...s[5]!, ...change });
        expect(merged(build(s)).reduce((a, b) => a + b)).toBe(13);
      }
    }
  });

  it('keeps CWR on the first segment only', () => {
    const s = stream(3, 100);
    s[0]!.flags = 0x90;
    const frames = build(s);
    for (const f of frames) receive(f);
    const [skb] = flush();
    expect(u8[skb! + off('SKB_GSO_TYPE')]).toBe(1 | 8);
    expect(resegment(skb!, 0)).toEqual(frames);
  });

  it('does not merge a first segment whose checksum is wrong, however right the second is', () => {
    const s = stream(3, 100);
    s[0]!.badCheck = true;
    expect(merged(build(s))).toEqual([1, 2]);
  });

  it('takes the word of a device, and partial checksums, without summing', () => {
    const s = stream(3, 100, { badCheck: true });
    expect(merged(build(s), UNNECESSARY)).toEqual([3]);
    // Partial, but for another place than TCP's checksum.
    expect(merged(build(s), PARTIAL)).toEqual([1, 1, 1]);
  });

  it('trims the padding of short frames', () => {
    expect(merged(build(stream(4, 3, { pad: 3 })))).toEqual([4]);
  });

  it('merges payload that already lies in fragments', () => {
    expect(merged(build(stream(6, 1400)), 0, 14 + 40)).toEqual([6]);
    expect(merged(build(stream(6, 1400)), 0, 300)).toEqual([6]);
  });

  it('stops at 65535 bytes and at the number of fragments', () => {
    expect(merged(build(stream(50, 1400)))).toEqual([46, 4]);
    expect(merged(build(stream(70, 10)))).toEqual([65, 5]);
  });

  it('keeps the order of a flow when something comes between that cannot be merged', () => {
    for (const odd of [
      { flags: 0x14 },
      { payload: new Uint8Array(0) },
      { ext: [1, 1, 1, 0] },
      { seq: 1 },
    ] as Partial<FrameSpec>[]) {
      const s = stream(3, 100);
      s[2] = { ...s[2]!, ...odd };
      for (const f of build(s)) receive(f);
      const list = flush();
      expect(list.flatMap((skb) => resegment(skb, 0))).toEqual(build(s));
    }
    // A fragment has no ports to tell its flow by.
    const frames = build(stream(3, 100));
    const f = frames[2]!;
    f[20] = 0x20;
    f[24] = f[25] = 0;
    const check = ~fold(f.subarray(14, 34)) & 0xffff;
    f[24] = check >> 8;
    f[25] = check & 0xff;
    for (const frame of frames) receive(frame);
    expect(flush().flatMap((skb) => resegment(skb, 0))).toEqual(frames);
  });

  it('holds many flows, the oldest of a full bucket going up first', () => {
    const flows = Array.from({ length: 100 }, (_, i) => stream(2, 100, { sport: 1000 + i }));
    const frames = [...flows.map((f) => f[0]!), ...flows.map((f) => f[1]!)].map(buildFrame);
    const segs = merged(frames);
    expect(segs.filter((x) => x === 2).length).toBeLessThanOrEqual(64);
    expect(segs.reduce((a, b) => a + b)).toBe(200);
    const few = [...flows.slice(0, 8).map((f) => f[0]!), ...flows.slice(0, 8).map((f) => f[1]!)];
    expect(merged(build(few))).toEqual(new Array(8).fill(2));
  });

  it('merges UDP only for a device with GRO_UDP_FWD', () => {
    dev = ex('testDev')(GRO_UDP_FWD);
    for (const v6 of [false, true]) {
      const udp = { udp: true, v6 };
      expect(merged(build(stream(5, 100, udp)))).toEqual([5]);
      expect(
        merged(
          build([
            ...stream(3, 100, udp),
            ...stream(4, 90, { ...udp }).map((s, i) => ({ ...s, id: (0xfffd + i) & 0xffff })),
          ]),
        ),
      ).toEqual([4, 3]);
      expect(merged(build(stream(3, 100, { ...udp, badCheck: true })))).toEqual([1, 1, 1]);
      expect(merged(build(stream(70, 10, udp)))).toEqual([64, 6]);
      expect(merged(build(stream(4, 10, { ...udp, id: 9 })))).toEqual([4]);
    }
    expect(merged(build(stream(3, 100, { udp: true, zeroCheck: true })))).toEqual([1, 1, 1]);
  });

  it('passes packets on as they are when it has no memory for its table or for fragments', () => {
    ex('testPoolKeep')(3, 0);
    expect(merged(build(stream(3, 100)))).toEqual([1, 1, 1]);
  });

  const anomaly = fc.oneof(
    { weight: 12, arbitrary: fc.constant('none') },
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        'gap',
        'dup',
        'short',
        'psh',
        'fin',
        'syn',
        'rst',
        'urg',
        'cwr',
        'ece',
        'ack',
        'window',
        'ts',
        'ttl',
        'tos',
        'df',
        'sameid',
        'idjump',
        'bad',
        'ipbad',
        'ext',
        'frag',
        'empty',
        'mac',
        'label',
        'long',
        'doff',
        'urgptr',
        'ffff',
        'flush',
        'trunc',
        'res',
      ),
    },
  );

  it('gives the same frames in each flow after GSO, whatever comes', () => {
    let mergedPackets = 0;
    fc.assert(
      fc.property(
        fc.record({
          v6: fc.boolean(),
          ts: fc.boolean(),
          udp: fc.boolean(),
          pad: fc.boolean(),
          linear: fc.constantFrom(9999, 90, 60),
        }),
        fc.array(fc.record({ flow: fc.nat(2), kind: anomaly }), { minLength: 1, maxLength: 60 }),
        (mode, steps) => {
          dev = ex('testDev')(mode.udp ? GRO_UDP_FWD : 0);
          const flows = [0, 1, 2].map((i) => ({
            seq: 0xffffff00 + i * 77,
            id: 0xfff0,
            step: i === 1 ? 0 : 1,
            ts: 5,
            ack: 9,
          }));
          const sent: Uint8Array[][] = [[], [], []];
          const got: Uint8Array[][] = [[], [], []];
          const drain = () => {
            for (const skb of flush()) {
              if (get16(skb, 'SKB_GSO_SEGS') > 1) mergedPackets++;
              for (const f of resegment(skb, skb & 128 ? SG : 0)) got[f[5]! - 10]!.push(stripped(f));
            }
          };
          for (const { flow, kind } of steps) {
            if (kind === 'flush') {
              drain();
              continue;
            }
            const f = flows[flow]!;
            if (kind === 'gap') f.seq += 100;
            if (kind === 'dup') f.seq -= 100;
            if (kind === 'idjump') f.id += 5;
            if (kind === 'sameid') f.id -= f.step;
            if (kind === 'ts') f.ts++;
            if (kind === 'ack') f.ack++;
            const size = { short: 30, empty: 0, long: 150 }[kind as string] ?? 100;
            const flags = { psh: 0x18, fin: 0x11, syn: 0x12, rst: 0x14, urg: 0x30, cwr: 0x90, ece: 0x50 }[
              kind as string
            ];
            const spec: FrameSpec = {
              v6: mode.v6,
              udp: mode.udp,
              payload: bytesOf(size, f.seq ^ flow),
              seq: f.seq >>> 0,
              id: f.id & 0xffff,
              ack: f.ack,
              flags: flags ?? 0x10,
              options: mode.ts ? timestamps(f.ts, 1) : [],
              window: kind === 'window' ? 7 : 501,
              ttl: kind === 'ttl' ? 9 : 64,
              tos: kind === 'tos' ? 3 : 0,
              df: kind !== 'df',
              mac: kind === 'mac' ? 9 : 2,
              flowLabel: kind === 'label' ? 3 : 4,
              sport: 100 + flow,
              saddr: 1 + (flow >> 1),
              badCheck: kind === 'bad',
              pad: mode.pad ? 6 : 0,
            };
            if (kind === 'ext') {
              spec.ext = mode.v6 ? [mode.udp ? 17 : 6, 0, 1, 4, 0, 0, 0, 0] : [1, 1, 1, 0];
              spec.extType = 60;
            }
            f.seq += size;
            f.id += f.step;
            const frame = buildFrame(spec);
            // The flow's mark: a byte of the destination MAC address, which GRO only compares.
            frame[5] = 10 + flow;
            const transport = (mode.v6 ? 54 : 34) + (spec.ext?.length ?? 0);
            if (kind === 'ipbad' && !mode.v6) frame[24]! ^= 1;
            if (kind === 'frag' && !mode.v6) frame[20]! |= 0x20;
            if (kind === 'doff' && !mode.udp) frame[transport + 12] = 0x30;
            if (kind === 'urgptr' && !mode.udp) frame[transport + 19] = 1;
            if (kind === 'res' && !mode.udp) frame[transport + 12]! |= 2;
            if (kind === 'ffff')
              frame.fill(0xff, transport + (mode.udp ? 6 : 16), transport + (mode.udp ? 8 : 18));
            if (kind === 'trunc') frame[mode.v6 ? 19 : 17]! -= 40;
            sent[flow]!.push(Uint8Array.from(stripped(frame)));
            receive(frame, 0, Math.max(mode.linear, transport + (mode.udp ? 8 : 20)));
          }
          drain();
          expect(got.map((fs) => fs.map((x) => Buffer.from(x).toString('hex')))).toEqual(
            sent.map((fs) => fs.map((x) => Buffer.from(x).toString('hex'))),
          );
          expect(ex('testSkbLeaks')()).toBe(0);
        },
      ),
      { numRuns: simd ? 1500 : 200 },
    );
    expect(mergedPackets).toBeGreaterThan(simd ? 200 : 20);
  });
});
