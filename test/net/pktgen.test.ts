/**
 * The generator and the sink with the virtual clock: every byte of a frame, exact counts of what is due, and of what a bad
 * wire does to it.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { FaultInjector } from '../../src/drivers/fault_injector.js';
import type { Faults } from '../../src/drivers/fault_lane.js';
import type { Link } from '../../src/net/link.js';
import { Pktgen, type RxFigures, type StreamSpec } from '../../src/net/pktgen.js';
import { createStack, type Stack } from '../../src/stack.js';
import { be16, cat, echo, echo6, ip4, ip6, mac, tcp, udp } from '../oracle/packet.js';
import { freeOf, twoNetworks, type TwoNetworks } from './lab.js';
import { DST_MAC, payloadOf, type Sender, sender, SRC_MAC } from './pktgen_frames.js';
import { WireEnd } from './wire_end.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sizesOf = (frames: readonly Uint8Array[]) => frames.map(({ length }) => length);
const table = (...entries: [number, number][]): StreamSpec['sizes'] => ({ kind: 'table', entries });
const le32 = (n: number) => new Uint8Array(Uint32Array.of(n % 2 ** 32).buffer);
const MACS = cat(mac(DST_MAC), mac(SRC_MAC));

const stacks: Stack[] = [];
const keep = <T extends { stack: Stack }>(lab: T): T => {
  stacks.push(lab.stack);
  return lab;
};
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
});

describe.each([
  ['simd', false],
  ['scalar', true],
])('a frame (%s)', (_name, scalar) => {
  const open = async (): Promise<Sender> => keep(await sender({ scalar }));

  test('of 64 bytes with FCS carries the short signature, of more the long one: golden bytes', async () => {
    const { send } = await open();
    const short = await send({}, 2);
    const [, frame] = short.frames;
    // Ethernet; IPv4 of 46 bytes with id 1; UDP from 1024 to 9; the sums in between are the next test's.
    expect(hex(frame!.subarray(0, 24))).toBe('0200000000020200000000990800' + '4500002e000100004011');
    expect(hex(frame!.subarray(26, 40))).toBe('c6120002c6130002' + '04000009001a');
    const run = hex(Uint8Array.of(short.run & 255, short.run >> 8));
    // "WS", stream 7, the run, sequence number 1, the time.
    expect(hex(frame!.subarray(42, 56))).toBe(`57530700${run}01000000${hex(le32(short.atNs))}`);
    const long = await send({ sizes: table([80, 1]), id: 0x1234 }, 1);
    expect(hex(long.frames[0]!.subarray(42, 46))).toBe('57473412');
    // Bytes of signature and fill, and the fill that counts on behind the CRC.
    expect(hex(long.frames[0]!.subarray(66, 70))).toBe('26000000');
    expect(hex(long.frames[0]!.subarray(74))).toBe('202122232425');
  });

  test.each([60, 74, 75, 100, 128, 1514, 1916, 9018])(
    'of %d bytes is the UDP datagram that another hand builds',
    async (bytes) => {
      const { send } = await open();
      const { frames, run, atNs } = await send(
        { sizes: table([bytes, 1]), tos: 0xb8, ttl: 7, dontFragment: true },
        3,
      );
      for (const [i, frame] of frames.entries()) {
        const sig = { stream: 7, run, seq: BigInt(i), tx: BigInt(atNs) };
        const packet = ip4(
          { src: '198.18.0.2', dst: '198.19.0.2', id: i, tos: 0xb8, ttl: 7, df: true },
          udp({ sport: 1024, dport: 9 }, payloadOf(sig, bytes - 42)),
        );
        expect(hex(frame)).toBe(hex(cat(MACS, be16(0x0800), packet)));
      }
      expect(frames).toHaveLength(3);
    },
  );

  test('is TCP, ICMP, IPv6 or raw, with one or two tags, as said', async () => {
    const { send } = await open();
    const bytes = 150;
    const sizes = table([bytes, 1]);
    const check = async (
      more: Partial<StreamSpec>,
      head: Uint8Array,
      build: (payload: Uint8Array, i: number) => Uint8Array,
      headers: number,
    ) => {
      const { frames, run, atNs } = await send({ sizes, ...more }, 3);
      expect(frames).toHaveLength(3);
      for (const [i, frame] of frames.entries()) {
        const payload = payloadOf(
          { stream: 7, run, seq: BigInt(i), tx: BigInt(atNs) },
          bytes - head.length - headers,
        );
        expect(hex(frame)).toBe(hex(cat(head, build(payload, i))));
      }
    };
    const v4 = { src: '198.18.0.2', dst: '198.19.0.2' };
    const v6 = { src: '2001:2::2', dst: '2001:2:0:1::2' };
    const ether4 = cat(MACS, be16(0x0800));
    const ether6 = cat(MACS, be16(0x86dd));
    const data = { sport: 1024, dport: 9, flags: 0x18, window: 0xffff };
    await check({ proto: 'tcp' }, ether4, (p, i) => ip4({ ...v4, id: i }, tcp({ ...data, seq: i }, p)), 40);
    await check(
      { proto: 'tcp', tcpFlags: 2, ...v6 },
      ether6,
      (p, i) => ip6(v6, tcp({ ...data, flags: 2, seq: i }, p)),
      60,
    );
    await check(
      { proto: 'icmp', sport: 77 },
      ether4,
      (p, i) => ip4({ ...v4, id: i }, echo(p, { id: 77, seq: i })),
      28,
    );
    await check(
      { proto: 'icmp', sport: 77, ...v6 },
      ether6,
      (p, i) => ip6(v6, echo6(p, { id: 77, seq: i })),
      48,
    );
    await check(
      { ...v6, tos: 0x2c },
      ether6,
      (p) => ip6({ ...v6, tclass: 0x2c }, udp({ sport: 1024, dport: 9 }, p)),
      48,
    );
    await check({ proto: 'ether', ethertype: 0x9000 }, cat(MACS, be16(0x9000)), (p) => p, 0);
    const one = cat(MACS, be16(0x8100, (3 << 13) | 10, 0x0800));
    await check(
      { vlans: [{ id: 10, priority: 3 }] },
      one,
      (p, i) => ip4({ ...v4, id: i }, udp({ sport: 1024, dport: 9 }, p)),
      28,
    );
    const two = cat(MACS, be16(0x88a8, 100, 0x8100, (7 << 13) | 20, 0x0800));
    await check(
      { vlans: [{ id: 100 }, { id: 20, priority: 7 }] },
      two,
      (p, i) => ip4({ ...v4, id: i }, udp({ sport: 1024, dport: 9 }, p)),
      28,
    );
  });

  test('of a flow has its own ports and addresses, and right checksums', async () => {
    const { send } = await open();
    const { frames, run, atNs } = await send(
      { src: '198.18.0.254', srcCount: 3, sportCount: 2, dstCount: 2, srcMacCount: 300 },
      13,
    );
    for (const [i, frame] of frames.entries()) {
      const flow = i % 12;
      const src = `198.18.${flow >> 1 === 0 || flow % 6 < 2 ? 0 : (flow % 6) >> 1 > 1 ? 1 : 0}.${(254 + ((flow % 6) >> 1)) & 255}`;
      const dst = `198.19.0.${2 + Math.floor(flow / 6)}`;
      const payload = payloadOf({ stream: 7, run, seq: BigInt(i), tx: BigInt(atNs) }, 18);
      expect(hex(frame.subarray(14))).toBe(
        hex(ip4({ src, dst, id: i }, udp({ sport: 1024 + (flow % 2), dport: 9 }, payload))),
      );
    }
    expect(new Set(frames.map((frame) => hex(frame.subarray(6, 12)))).size).toBe(13);
  });

  test('flows and sizes at random are the same with the same seed, and stay within their bounds', async () => {
    const { send } = await open();
    const random = {
      sportCount: 1000,
      flows: 300,
      flowsAtRandom: true,
      sizesAtRandom: true,
      sizes: { kind: 'range', from: 60, to: 90 },
    } as const;
    const ports = (frames: Uint8Array[]) => frames.map((f) => Buffer.from(f).readUInt16BE(34));
    const one = (await send({ ...random, seed: 3 }, 500)).frames;
    const again = (await send({ ...random, seed: 3 }, 500)).frames;
    const other = (await send({ ...random, seed: 4 }, 500)).frames;
    expect(ports(again)).toEqual(ports(one));
    expect(sizesOf(again)).toEqual(sizesOf(one));
    expect(ports(other)).not.toEqual(ports(one));
    expect(Math.max(...ports(one))).toBeLessThan(1024 + 300);
    expect(new Set(sizesOf(one)).size).toBe(31);
  });
});

describe('sizes', () => {
  test('of IMIX come 7 : 4 : 1, spread over each turn of twelve', async () => {
    const { send } = keep(await sender());
    const { frames } = await send({ sizes: table([60, 7], [590, 4], [1514, 1]) }, 120);
    const turn = sizesOf(frames.slice(0, 12));
    expect(turn.filter((n) => n === 60)).toHaveLength(7);
    expect(turn.filter((n) => n === 590)).toHaveLength(4);
    expect(turn.filter((n) => n === 1514)).toHaveLength(1);
    expect(sizesOf(frames)).toEqual(Array.from({ length: 10 }, () => turn).flat());
    for (let i = 0; i + 4 <= 12; i++) expect(turn.slice(i, i + 4)).toContain(590);
  });

  test('of a range come in turn', async () => {
    const { send } = keep(await sender());
    const { frames } = await send({ sizes: { kind: 'range', from: 70, to: 80 } }, 13);
    expect(sizesOf(frames)).toEqual([70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 70, 71]);
  });

  test('that leave no room for a signature are refused', async () => {
    const { send } = keep(await sender());
    await expect(send({ sizes: table([59, 1]) }, 1)).rejects.toMatchObject({ code: 'EMSGSIZE' });
    await expect(send({ proto: 'tcp', sizes: table([71, 1]) }, 1)).rejects.toMatchObject({
      code: 'EMSGSIZE',
    });
    await expect(send({ sizes: table([60, 0]) }, 1)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(send({ sizes: table([9019, 1]) }, 1)).rejects.toMatchObject({ code: 'EMSGSIZE' });
    await expect(send({ rate: { kind: 'pps', value: 0 } }, 1)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

interface Lab extends TwoNetworks {
  pktgen: Pktgen;
  spec(more: Partial<StreamSpec>): StreamSpec;
}

/** a ── lan0 r wan0 ── b: streams leave a's eth0 straight for the router, the sink stands at b's eth0. */
async function lab(): Promise<Lab> {
  const net = keep(await twoNetworks());
  const pktgen = new Pktgen(net.stack.core);
  const srcMac = (await net.a0.info()).mac;
  const dstMac = (await net.lan.info()).mac;
  // Known from the start, so that nothing waits for an answer.
  for (const address of ['10.0.2.2', 'fd02::2'])
    await net.r.addNeighbour(net.wan, { address, mac: (await net.b0.info()).mac });
  const spec = (more: Partial<StreamSpec>): StreamSpec => ({
    id: 1,
    proto: 'udp',
    src: '10.0.1.2',
    dst: '10.0.2.2',
    srcMac,
    dstMac,
    sizes: table([60, 1]),
    rate: { kind: 'pps', value: 1000 },
    ...more,
  });
  return { ...net, pktgen, spec };
}

const WHOLE = { lost: 0, reordered: 0, duplicated: 0, late: 0, corrupted: 0 };

describe('from generator to sink through a router', () => {
  test('exactly the frames that are due are sent, all of them arrive, and all memory comes back', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    const before = freeOf(stack);
    await pktgen.addSink(b0);
    await pktgen.addStream(a0, spec({ durationNs: 2e9 }));
    await pktgen.start();
    stack.run(999);
    expect(await pktgen.figures(1)).toMatchObject({ packets: 1000, running: true });
    stack.run(5000);
    expect(await pktgen.figures(1)).toMatchObject({
      packets: 2000,
      bytes: 120_000,
      running: false,
      missed: 0,
    });
    const [rx] = await pktgen.sinkStreams(b0);
    expect(rx).toMatchObject({ id: 1, packets: 2000, bytes: 120_000, unique: 2000, runs: 1, ...WHOLE });
    await pktgen.deleteStream();
    await pktgen.deleteSink(b0);
    expect(freeOf(stack)).toEqual(before);
  });

  test.each([
    [{ kind: 'pps', value: 333 }, 333],
    // 64 bytes are 512 bits, and 672 with preamble and gap: the first frame leaves at once.
    [{ kind: 'bps', value: 512_000 }, 1000],
    [{ kind: 'bps', value: 512_001 }, 1001],
    [{ kind: 'bpsl1', value: 672_000 }, 1000],
  ] as const)('a second of %o are %d frames', async (rate, frames) => {
    const { stack, pktgen, spec, a0 } = await lab();
    await pktgen.addStream(a0, spec({ rate, durationNs: 1e9 }));
    await pktgen.start();
    stack.run(2000);
    expect(await pktgen.figures(1)).toMatchObject({ packets: frames, running: false, missed: 0 });
  });

  test('every protocol and both families arrive whole, each stream by itself', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    const v6 = { src: 'fd01::2', dst: 'fd02::2' };
    const kinds: Partial<StreamSpec>[] = [
      {},
      v6,
      { proto: 'tcp' },
      { proto: 'tcp', ...v6, tcpFlags: 2 },
      { proto: 'icmp' },
      { proto: 'icmp', ...v6 },
    ];
    await pktgen.addSink(b0, { streams: kinds.length });
    for (const [i, kind] of kinds.entries())
      await pktgen.addStream(
        a0,
        spec({ ...kind, id: i + 1, sizes: table([100, 3], [1400, 1]), sportCount: 5, count: 200 }),
      );
    await pktgen.start();
    stack.run(1000);
    const rx = await pktgen.sinkStreams(b0);
    expect(rx).toHaveLength(kinds.length);
    for (const stream of rx) expect(stream).toMatchObject({ unique: 200, ...WHOLE });
    expect(await pktgen.sink(b0)).toMatchObject({ packets: 1200, corrupted: 0, unknown: 0 });
  });

  test('by the IP output of a namespace frames are routed as an application writes them', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    await pktgen.addSink(b0);
    await pktgen.addStream(a0, spec({ mode: 'ip_output', count: 100, delayNs: 1e9 }));
    await pktgen.addStream(
      a0,
      spec({
        id: 2,
        mode: 'ip_output',
        src: 'fd01::2',
        dst: 'fd02::2',
        sizes: table([100, 1]),
        count: 100,
        delayNs: 1e9,
      }),
    );
    await pktgen.addStream(a0, spec({ id: 3, mode: 'queue_xmit', count: 100, delayNs: 1e9 }));
    await pktgen.start();
    stack.run(3000);
    const rx = await pktgen.sinkStreams(b0);
    expect(rx.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
    for (const stream of rx) expect(stream).toMatchObject({ unique: 100, ...WHOLE });
    expect(await pktgen.figures(1)).toMatchObject({ errors: 0 });
  });

  test('frames made as if received go through the router as frames of a wire do', async () => {
    const { stack, pktgen, spec, lan, b0 } = await lab();
    await pktgen.addSink(b0);
    await pktgen.addStream(
      lan,
      spec({ mode: 'netif_receive', rate: { kind: 'max', value: 0 }, count: 5000 }),
    );
    await pktgen.start();
    stack.run(1);
    expect((await pktgen.sinkStreams(b0))[0]).toMatchObject({ unique: 5000, ...WHOLE });
  });

  test('a sink that passes on counts what the stack then sees, too', async () => {
    const { stack, pktgen, spec, a0, b, b0 } = await lab();
    let seen = 0;
    await b.rawSocket(2, 17, () => seen++);
    await pktgen.addSink(b0, { pass: true });
    await pktgen.addStream(a0, spec({ count: 50 }));
    await pktgen.start();
    stack.run(100);
    expect(seen).toBe(50);
    await pktgen.deleteSink(b0);
    await pktgen.addSink(b0);
    await pktgen.start();
    stack.run(100);
    expect(seen).toBe(50);
    expect(await pktgen.sink(b0)).toMatchObject({ packets: 50 });
  });

  test('a stream ends with its device, and a sink too', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    await pktgen.addSink(b0);
    await pktgen.addStream(a0, spec({}));
    await pktgen.start();
    stack.run(10);
    await a0.delete();
    stack.run(10);
    await expect(pktgen.figures(1)).rejects.toMatchObject({ code: 'ENOENT' });
    await stack.removeNamespace(await stack.namespace('b'));
    stack.run(10);
    await expect(pktgen.sink(b0)).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('goes on from a snapshot where it was, and counts the same', async () => {
    const { stack, pktgen, spec, a0, b0, b } = await lab();
    await pktgen.addSink(b0);
    await pktgen.addStream(
      a0,
      spec({ count: 1000, sizes: table([60, 7], [590, 4], [1400, 1]), flows: 20, sportCount: 20 }),
    );
    await pktgen.start();
    stack.run(300);
    const restored = await createStack({ clock: 'virtual', snapshot: stack.snapshot(), scalar: true });
    stacks.push(restored);
    const other = new Pktgen(restored.core);
    stack.run(2000);
    restored.run(2000);
    const link = await restored.adopt('b', b.handle).link('eth0');
    expect(await other.figures(1)).toEqual(await pktgen.figures(1));
    expect(await other.sinkStreams(link)).toEqual(await pktgen.sinkStreams(b0));
    expect((await pktgen.sinkStreams(b0))[0]).toMatchObject({ unique: 1000, ...WHOLE });
  });

  test('knows more than the sink has room for as unknown', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    await pktgen.addSink(b0, { streams: 2 });
    for (const id of [10, 20, 30]) await pktgen.addStream(a0, spec({ id, count: 10 }));
    await pktgen.start();
    stack.run(100);
    expect(await pktgen.sink(b0)).toMatchObject({ packets: 20, unknown: 10, seen: 2 });
  });

  test('a stream that is started again is another run; what it counted stays', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    await pktgen.addSink(b0);
    await pktgen.addStream(a0, spec({ count: 100 }));
    for (let i = 0; i < 3; i++) {
      await pktgen.start();
      stack.run(200);
    }
    expect((await pktgen.sinkStreams(b0))[0]).toMatchObject({ unique: 300, runs: 3, ...WHOLE });
    await expect(pktgen.addStream(a0, spec({}))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(pktgen.addSink(b0)).rejects.toMatchObject({ code: 'EBUSY' });
  });
});

describe('over a bad wire', () => {
  const COUNT = 3000;

  /** Two cores with a wire of these faults between them; one frame a millisecond. */
  async function bad(faults: Faults, seed: number, more: Partial<StreamSpec> = {}) {
    const sizes = { memoryBytes: 48 << 20, skbs: 2048, smallSlots: 2048, largeSlots: 8 };
    const [one, two] = [
      await createStack({ clock: 'virtual', seed, sizes }),
      await createStack({ clock: 'virtual', seed, sizes }),
    ];
    stacks.push(one, two);
    const [left, right] = WireEnd.pair();
    const clock = { now: () => one.clock.now() / 1e6, after: () => () => {} };
    const injector = new FaultInjector(left, { seed, tx: faults, clock });
    const links: Link[] = [];
    for (const [stack, driver, address] of [
      [one, injector, SRC_MAC],
      [two, right, DST_MAC],
    ] as const) {
      const ns = await stack.namespace('n');
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      links.push(await stack.port(ns, driver, { name: 'p', mac: address }));
    }
    const [tx, rx] = [new Pktgen(one.core), new Pktgen(two.core)];
    await rx.addSink(links[1]!);
    await tx.addStream(links[0]!, {
      id: 3,
      proto: 'udp',
      src: '198.18.0.2',
      dst: '198.19.0.2',
      srcMac: SRC_MAC,
      dstMac: DST_MAC,
      sizes: table([60, 1], [300, 1]),
      rate: { kind: 'pps', value: 1000 },
      count: COUNT,
      ...more,
    });
    const pass = (ms: number) => {
      for (let t = 0; t < ms; t++) for (const stack of [one, two]) stack.run(1);
    };
    pass(10);
    await tx.start();
    pass(COUNT + 100);
    expect(await tx.figures(3)).toMatchObject({ packets: COUNT, running: false });
    const [found] = await rx.sinkStreams(links[1]!);
    return {
      wire: injector.counters.tx,
      found: found as RxFigures,
      sink: await rx.sink(links[1]!),
      histogram: await rx.histogram(links[1]!, 0),
    };
  }

  test('what is lost is counted exactly', async () => {
    const { wire, found } = await bad({ loss: 0.1 }, 21);
    expect(wire.lost).toBeGreaterThan(200);
    // The last ones are known to be lost only by who knows how many there were.
    expect(COUNT - found.unique).toBe(wire.lost);
    expect(found).toMatchObject({ reordered: 0, duplicated: 0, corrupted: 0 });
    expect(wire.lost - found.lost).toBeLessThan(5);
  });

  test('what comes twice is counted exactly', async () => {
    const { wire, found } = await bad({ duplication: 0.1 }, 22);
    expect(found).toMatchObject({
      unique: COUNT,
      duplicated: wire.duplicated,
      packets: COUNT + wire.duplicated,
      lost: 0,
      reordered: 0,
    });
    expect(wire.duplicated).toBeGreaterThan(200);
  });

  test('what is overtaken is counted exactly, by how far too', async () => {
    const { wire, found } = await bad({ reordering: 0.1 }, 23);
    // One that is held back to the end of the run is overtaken by nothing.
    expect(wire.reordered - found.reordered).toBeLessThanOrEqual(1);
    expect(found).toMatchObject({ unique: COUNT, lost: 0, duplicated: 0 });
    expect(found.reorderExtent).toBe(3);
  });

  test('what is damaged is never taken for whole', async () => {
    const { wire, found, sink } = await bad({ corruption: 0.2 }, 24);
    expect(wire.corrupted).toBeGreaterThan(500);
    // A bit of the MAC addresses or of the ethertype is in no sum: the datagram is whole, or nobody's.
    const unseen = wire.corrupted - sink.corrupted;
    expect(COUNT - found.unique).toBe(found.lost);
    expect(found.lost).toBeGreaterThanOrEqual(sink.corrupted);
    expect(found.lost).toBeLessThanOrEqual(wire.corrupted);
    expect(unseen).toBeGreaterThan(0);
    expect(unseen / wire.corrupted).toBeLessThan(0.35);
    expect(found).toMatchObject({ reordered: 0, duplicated: 0 });
  });

  test('the latency is what the wire takes', async () => {
    const { found, histogram } = await bad({ delayMs: 7 }, 25);
    const { latency } = found;
    expect(latency).toMatchObject({ count: COUNT, invalid: 0 });
    expect(histogram.reduce((sum, [, n]) => sum + n, 0)).toBe(COUNT);
    for (const ns of [latency.min, latency.mean, latency.max]) {
      // The two clocks are moved in turn, a millisecond at a time.
      expect(ns).toBeGreaterThanOrEqual(6e6);
      expect(ns).toBeLessThanOrEqual(9e6);
    }
    for (const p of [latency.p50, latency.p90, latency.p99, latency.p999]) {
      expect(p).toBeGreaterThan(5.9e6);
      expect(p).toBeLessThanOrEqual(latency.max);
    }
    expect(latency.jitter).toBeLessThan(1.1e6);
  });

  test('all of it at once, twice with one seed, is the same twice', async () => {
    const faults = { loss: 0.05, duplication: 0.05, reordering: 0.05, corruption: 0.05, delayMs: 3 };
    const [one, again] = [await bad(faults, 26), await bad(faults, 26)];
    expect(again).toEqual(one);
  });
});
