/**
 * Hostile traffic on two ports of a router, one routed and one of a bridge, while pings through it lose nothing:
 *
 *                        ┌── evil   random frames, fragments, ARP and ND floods, spoofed sources, faked errors
 *   a ── lan0 ── router ─┤
 *   b ── wan0 ──   │     └── br0 ── evil2   random MACs (FDB), random frames
 *                  └──────── br0 ── c
 *
 * Every table stays within its bound, the memory too, and what is shed is what assembly/README.md says; after some quiet
 * minutes all packets are back, after the end all pages.
 *
 * HOSTILE_COUNT: frames (default 200,000; 10,000,000 with LONG=true, which goes on where it was stopped).
 * FUZZ_SEED=n begins with round n, and repeats it exactly.
 */
import { expect, test } from 'vitest';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { Pktgen } from '../../src/net/pktgen.js';
import { createStack, type Stack } from '../../src/stack.js';
import { type Frame, CanaryDriver } from '../canary_driver.js';
import {
  arp,
  be16,
  be32,
  cat,
  echo,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  fragment6,
  icmp,
  icmp6,
  ip4,
  ip6,
  mac,
  ndOption,
  pattern,
  raw,
  tcp,
  u8,
  udp,
} from '../oracle/packet.js';
import { runRounds } from '../long_progress.js';
import { Random } from '../random.js';
import { address, freeOf } from './lab.js';

const LONG = process.env.LONG === 'true';
const COUNT = Number(process.env.HOSTILE_COUNT ?? (LONG ? 10_000_000 : 200_000));
/** Frames of a round: a router of its own, with a seed of its own. */
const ROUND = 50_000;
const BURST = 100;
/** Small pools and few pages, so that tables meet their bounds and memory is what is fought for. */
const SIZES = { memoryBytes: 32 << 20, skbs: 4096, smallSlots: 4096, largeSlots: 32, requestBytes: 64 << 10 };
const FDB_MAX = 2000;
const GC_THRESH3 = 1024;
const PINGS_PER_S = 200;
const WARM_UP_MS = 3000;
const ROUTER_MAC = '02:00:00:00:ee:01';

interface Lab {
  stack: Stack;
  pktgen: Pktgen;
  router: Namespace;
  a0: Link;
  evil: CanaryDriver;
  evil2: CanaryDriver;
  pristine: ReturnType<typeof freeOf>;
}

async function hostileLab(seed: number): Promise<Lab> {
  const stack = await createStack({ clock: 'virtual', seed, sizes: SIZES });
  // The first namespace makes what is made once and kept.
  await stack.removeNamespace(await stack.namespace('first'));
  const pristine = freeOf(stack);
  const [a, router, b, c] = [
    await stack.namespace('a'),
    await stack.namespace('router'),
    await stack.namespace('b'),
    await stack.namespace('c'),
  ];
  const [a0, lan] = await stack.veth([a, 'eth0'], [router, 'lan0']);
  const [wan, b0] = await stack.veth([router, 'wan0'], [b, 'eth0']);
  const [brc, c0] = await stack.veth([router, 'brc'], [c, 'eth0']);
  const evil = new CanaryDriver('evil', ROUTER_MAC, 0, 0, 0xa5);
  const evil2 = new CanaryDriver('evil2', '02:00:00:00:ee:02', 0, 0, 0xa5);
  const evilLink = await stack.port(router, evil, { name: 'evil', ringEntries: 128 });
  const evil2Link = await stack.port(router, evil2, { name: 'evil2', ringEntries: 128 });
  const bridge = await router.addBridge({ name: 'br0', fdbMaxLearned: FDB_MAX });
  for (const link of [brc, evil2Link]) await bridge.addPort(link);
  await bridge.link.up();
  await address(a0, '10.0.1.2/24', 'fd01::2/64');
  await address(lan, '10.0.1.1/24', 'fd01::1/64');
  await address(wan, '10.0.2.1/24', 'fd02::1/64');
  await address(b0, '10.0.2.2/24', 'fd02::2/64');
  await address(evilLink, '10.66.0.1/16', 'fd66::1/64');
  await address(bridge.link, '10.0.3.1/24', 'fd03::1/64');
  await address(c0, '10.0.3.2/24', 'fd03::2/64');
  for (const [ns, n] of [
    [a, 1],
    [b, 2],
    [c, 3],
  ] as const) {
    await ns.addRoute({ to: 'default', via: `10.0.${n}.1` });
    await ns.addRoute({ to: 'default', via: `fd0${n}::1` });
  }
  await router.setSysctl('net.ipv4.ip_forward', 1);
  await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
  stack.run(3000);
  const pktgen = new Pktgen(stack.core);
  return { stack, pktgen, router, a0, evil, evil2, pristine };
}

/** Pings of the generator from a: to b by both families, and to c behind the bridge; their answers come back to a. */
async function startPings({ stack, pktgen, a0 }: Lab, durationNs: number): Promise<void> {
  const srcMac = (await a0.info()).mac;
  const rate = { kind: 'pps', value: PINGS_PER_S } as const;
  const to = [
    ['10.0.1.2', '10.0.2.2'],
    ['fd01::2', 'fd02::2'],
    ['10.0.1.2', '10.0.3.2'],
    ['fd01::2', 'fd03::2'],
  ] as const;
  await pktgen.addSink(a0, { streams: to.length });
  for (const [i, [src, dst]] of to.entries()) {
    const sizes = { kind: 'table', entries: [[120, 1]] } as const;
    // By the stack's own output: neighbours have to be found, and kept, under fire.
    await pktgen.addStream(a0, {
      id: i + 1,
      mode: 'ip_output',
      proto: 'icmp',
      src,
      dst,
      srcMac,
      dstMac: srcMac,
      sport: i + 1,
      sizes,
      rate,
      durationNs,
    });
  }
  // The neighbours of the way answer while it is quiet.
  await pktgen.start();
  stack.run(WARM_UP_MS);
  await pktgen.stop();
  stack.run(200);
  await pktgen.resetSink(a0);
  await pktgen.start();
}

const anyMac = (random: Random) => {
  const bytes = random.fill(new Uint8Array(6));
  bytes[0] = (bytes[0]! & 0xfe) | 2;
  return bytes;
};
const macText = (random: Random) =>
  [...anyMac(random)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
const any4 = (random: Random) =>
  `${1 + random.below(223)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
const near4 = (random: Random) => `10.66.${random.below(256)}.${1 + random.below(254)}`;
const word = (random: Random) => random.below(65536).toString(16);
const near6 = (random: Random) => `fd66::${word(random)}:${word(random)}`;
const ROUTER = mac(ROUTER_MAC);
const BROADCAST = mac('ff:ff:ff:ff:ff:ff');

const ether = (to: Uint8Array, from: Uint8Array, proto: number, packet: Uint8Array) =>
  cat(to, from, be16(proto), packet);

/** What an attacker at the routed port sends; each makes a frame. */
const ATTACKS: readonly ((random: Random) => Uint8Array)[] = [
  // Noise, with and without a header that is believable.
  (random) => random.fill(new Uint8Array(random.below(1514))),
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      random.pick([ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, 0x8100, 0x88a8, 0x88cc]),
      random.fill(new Uint8Array(random.below(200))),
    ),
  // First fragments of datagrams that never end; tiny ones; pieces that overlap.
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4(
        {
          src: any4(random),
          dst: random.pick(['10.66.0.1', '10.0.2.2']),
          id: random.below(65536),
          mf: true,
          offset: random.pick([0, 8, 1480, 65_000]),
        },
        raw(17, pattern(random.pick([8, 24, 1400]))),
      ),
    ),
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IPV6,
      ip6(
        { src: near6(random), dst: 'fd66::1' },
        fragment6(random.pick([0, 8, 1232]), true, random.u32()),
        raw(17, pattern(random.pick([8, 1232]))),
      ),
    ),
  // ARP: questions and answers of everybody, for everybody.
  (random) =>
    ether(
      random.pick([BROADCAST, ROUTER]),
      anyMac(random),
      ETH_P_ARP,
      arp({
        op: 1 + random.below(2),
        sha: macText(random),
        spa: near4(random),
        tpa: random.pick(['10.66.0.1', near4(random)]),
      }),
    ),
  // Neighbour solicitations and advertisements.
  (random) => {
    const options = ndOption(1, anyMac(random));
    return ether(
      ROUTER,
      anyMac(random),
      ETH_P_IPV6,
      ip6(
        { src: near6(random), dst: 'fd66::1', hops: 255 },
        icmp6(135, 0, be32(0), cat(ip6Bytes('fd66::1'), options)),
      ),
    );
  },
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IPV6,
      ip6(
        { src: near6(random), dst: 'fd66::1', hops: 255 },
        icmp6(136, 0, be32(0x60000000), cat(ip6Bytes(near6(random)), ndOption(2, anyMac(random)))),
      ),
    ),
  // Spoofed sources to hosts that have to be looked for, in every network; also as the router, and as those who ping.
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4(
        {
          src: random.pick([
            any4(random),
            '10.0.1.2',
            '10.0.2.2',
            '10.0.1.1',
            '127.0.0.1',
            '255.255.255.255',
          ]),
          dst: random.pick([
            `10.0.2.${random.below(256)}`,
            near4(random),
            `10.0.3.${random.below(256)}`,
            any4(random),
          ]),
          ttl: random.pick([0, 1, 64]),
        },
        udp({ sport: random.below(65536), dport: random.below(65536) }, pattern(random.below(1400))),
      ),
    ),
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IPV6,
      ip6(
        {
          src: random.pick([near6(random), 'fd01::2', 'ff02::1', '::1']),
          dst: random.pick([`fd02::${word(random)}`, near6(random), `fd03::${word(random)}`]),
          hops: random.pick([1, 64]),
        },
        udp({}, pattern(random.below(1200))),
      ),
    ),
  // SYN floods to the router, echo requests of everybody.
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4({ src: any4(random), dst: '10.66.0.1' }, tcp({ dport: random.below(65536) })),
    ),
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4(
        { src: any4(random), dst: random.pick(['10.66.0.1', '10.66.255.255']) },
        echo(pattern(random.below(1400))),
      ),
    ),
  // Faked errors: fragmentation needed and redirects for packets that were never sent.
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4(
        { src: any4(random), dst: '10.66.0.1' },
        icmp(
          3,
          4,
          be16(0, random.pick([68, 576, 1400])),
          ip4({ src: '10.66.0.1', dst: any4(random) }, udp()),
        ),
      ),
    ),
  (random) =>
    ether(
      ROUTER,
      anyMac(random),
      ETH_P_IP,
      ip4(
        { src: near4(random), dst: '10.66.0.1' },
        icmp(
          5,
          1,
          cat(u8(10, 66, random.below(256), 9)),
          ip4({ src: '10.66.0.1', dst: any4(random) }, udp()),
        ),
      ),
    ),
];

function ip6Bytes(text: string): Uint8Array {
  // The destination of a header that is built anyhow.
  return ip6({ src: '::1', dst: text }, raw(59, u8())).subarray(24, 40);
}

/** What comes in at the port of the bridge. */
function bridgeAttack(random: Random): Uint8Array {
  if (random.once(4)) return random.fill(new Uint8Array(random.below(1514)));
  const to = random.pick([BROADCAST, anyMac(random)]);
  return ether(
    to,
    anyMac(random),
    random.pick([0x9000, ETH_P_IP, ETH_P_ARP]),
    random.fill(new Uint8Array(46)),
  );
}

/** One router under fire for `count` frames. */
async function round(seed: number, count: number): Promise<number> {
  const random = new Random(seed);
  const lab = await hostileLab(seed);
  const { stack, pktgen, router, a0, evil, evil2, pristine } = lab;
  const bursts = Math.ceil(count / BURST);
  // Most of the time as fast as it comes; sometimes a pause, so that timers have their turn.
  const pauses = Array.from({ length: bursts }, () => random.pick([1, 1, 1, 1, 2, 5, 20, 100, 300]));
  const quietAtStart = freeOf(stack);
  await startPings(lab, pauses.reduce((sum, ms) => sum + ms, 0) * 1e6);
  // The generator adds a flood of its own, well formed and of random sources.
  const evilLink = await router.link('evil');
  await pktgen.addStream(evilLink, {
    id: 99,
    mode: 'netif_receive',
    proto: 'udp',
    src: '11.0.0.0',
    srcCount: 2 ** 31,
    dst: '10.0.2.3',
    dstCount: 250,
    flowsAtRandom: true,
    srcMac: '02:00:00:00:99:99',
    dstMac: ROUTER_MAC,
    sizes: { kind: 'range', from: 60, to: 1514 },
    sizesAtRandom: true,
    rate: { kind: 'pps', value: 5000 },
    seed,
  });
  await pktgen.start(99);
  let most = { neighbours: 0, fdb: 0 };
  for (const [i, ms] of pauses.entries()) {
    const frames: Frame[] = [];
    for (let n = 0; n < BURST; n++) frames.push({ bytes: random.pick(ATTACKS)(random) });
    const [to, other] = random.once(3) ? [evil2, evil] : [evil, evil2];
    if (to === evil2) for (const frame of frames) frame.bytes = bridgeAttack(random);
    to.input.push(...frames);
    stack.run(ms);
    to.take();
    other.take();
    if (i % 20 !== 0) continue;
    const neighbours = (await router.neighbours()).length;
    const fdb = (await (await router.bridge('br0')).info()).fdbLearned;
    most = { neighbours: Math.max(most.neighbours, neighbours), fdb: Math.max(most.fdb, fdb) };
  }
  await pktgen.stop(99);
  stack.run(2000);

  // Nothing of the pings is lost, reordered or damaged, nor was any of them refused.
  const streams = await pktgen.sinkStreams(a0);
  expect(streams).toHaveLength(4);
  for (const { id, unique, duplicated, corrupted } of streams) {
    const { packets, errors } = await pktgen.figures(id);
    expect({ id, lost: packets - unique, duplicated, corrupted, errors }).toEqual({
      id,
      lost: 0,
      duplicated: 0,
      corrupted: 0,
      errors: 0,
    });
    expect(packets).toBeGreaterThan(PINGS_PER_S);
  }
  // The tables filled up to their bounds, and not further. Entries of both families; those of the router's own
  // addresses and groups do not count for the bound.
  expect(most.neighbours).toBeGreaterThan(GC_THRESH3 / 2);
  expect(most.neighbours).toBeLessThan(2 * GC_THRESH3 + 200);
  expect(most.fdb).toBeGreaterThan(FDB_MAX / 2);
  expect(most.fdb).toBeLessThan(FDB_MAX + 100);
  const drops = { ...(await evilLink.stats()).drops };
  expect(Object.keys(drops).length).toBeGreaterThan(5);
  // Memory: tables may stay, packets may not.
  expect(freeOf(stack).pages).toBeGreaterThan(pristine.pages / 4);
  await pktgen.deleteStream();
  await pktgen.deleteSink(a0);
  stack.run(180_000);
  const { skbs, small, large } = freeOf(stack);
  expect({ skbs, small, large }).toEqual({
    skbs: quietAtStart.skbs,
    small: quietAtStart.small,
    large: quietAtStart.large,
  });
  for (const name of ['a', 'b', 'c', 'router']) await stack.removeNamespace(await stack.namespace(name));
  expect(freeOf(stack)).toEqual(pristine);
  await stack.close();
  return count;
}

test(
  `a router under ${COUNT} hostile frames loses no ping and keeps its bounds`,
  {
    timeout: LONG ? 6 * 3600_000 : 300_000,
  },
  () =>
    runRounds({ name: 'net/hostile', count: COUNT, seed: 1, variable: 'HOSTILE_COUNT', size: ROUND, round }),
);
