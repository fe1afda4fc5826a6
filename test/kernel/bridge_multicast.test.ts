/**
 * IGMP and MLD snooping beside Linux's: the same reports, queries and data into the same ports must come out of the same
 * ports, byte by byte, and leave the same groups and router ports behind.
 *
 *   listeners at ports 1 and 2, a sender at port 0, the querier (10.0.0.30, fe80::30) at port 3
 */
import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BridgeOptions, BridgePortOptions } from '../../src/net/bridge.js';
import { type BridgeLab, bridgeLab } from '../net/bridge_lab.js';
import {
  ALLOW,
  BLOCK,
  data4,
  data6,
  GROUP4,
  GROUP6,
  IS_EX,
  IS_IN,
  leave4,
  leave6,
  pimHello,
  query4,
  query4v3,
  query6,
  report4,
  report4v3,
  report6,
  report6v2,
  TO_EX,
  TO_IN,
} from '../net/multicast_frames.js';
import { bridgeTool, LinuxBridge, PORTS } from './linux_bridge.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/bridge_multicast skipped: ${missing}`);

const QUERIER = 30;
const QUERIER_PORT = 3;
const PROBE4 = '239.99.99.99';
const PROBE6 = 'ff15::99';
type Frame = [port: number, frame: Uint8Array];

interface Case {
  name: string;
  options?: [linux: string[], ours: BridgeOptions];
  ports?: [port: number, linux: string[], ours: BridgePortOptions][];
  /** No querier but the bridge itself. */
  alone?: boolean;
  frames: Frame[];
}

/** Of a station, or a query for one group that the bridge itself sends. */
function counts(frame: Buffer): boolean {
  if (frame.toString('hex', 6, 11) === '0200000010') return true;
  return frame.readUInt16BE(12) === 0x800 && frame[38] === 0x11 && frame.readUInt32BE(42) !== 0;
}

const everywhere4: Frame[] = [
  [0, data4(1)],
  [0, data4(1, PROBE4)],
  [0, data4(1, '224.0.0.251')],
];
const everywhere6: Frame[] = [
  [0, data6(1)],
  [0, data6(1, PROBE6)],
  [0, data6(1, 'ff02::1')],
  [0, data6(1, 'ff02::fb')],
];
const S1 = '10.9.9.1';

const CASES: Case[] = [
  {
    name: 'IGMPv2 reports and leaves',
    frames: [
      ...everywhere4,
      [1, report4(11)],
      ...everywhere4,
      [2, report4(12)],
      ...everywhere4,
      [1, leave4(11)],
      [2, leave4(12)],
      ...everywhere4,
    ],
  },
  { name: 'an IGMPv1 report', frames: [[1, report4(11, GROUP4, 1)], ...everywhere4] },
  { name: 'reports for local groups', frames: [[1, report4(11, '224.0.0.251')], ...everywhere4] },
  {
    name: 'a report with a wrong checksum',
    frames: [[1, report4(11, GROUP4, 2, { bad: true })], ...everywhere4],
  },
  {
    name: 'fast leave',
    ports: [[1, ['fastleave', 'on'], { fastLeave: true }]],
    frames: [[1, report4(11)], [2, report4(12)], ...everywhere4, [1, leave4(11)], ...everywhere4],
  },
  ...(
    [
      ['exclude of nothing', [IS_EX, GROUP4]],
      ['to exclude of nothing', [TO_EX, GROUP4]],
      ['to exclude of a source', [TO_EX, GROUP4, S1]],
      ['include of a source', [IS_IN, GROUP4, S1]],
      ['to include of a source', [TO_IN, GROUP4, S1]],
      ['a new source', [ALLOW, GROUP4, S1]],
      ['a source blocked', [BLOCK, GROUP4, S1]],
      ['a record of no known type', [7, GROUP4, S1]],
    ] as const
  ).map(
    ([name, record]): Case => ({
      name: `IGMPv3 with mcast_igmp_version 2: ${name}`,
      frames: [[1, report4v3(11, [...record])], ...everywhere4],
    }),
  ),
  {
    name: 'IGMPv3 with several records, and a leave to a fast port',
    ports: [[1, ['fastleave', 'on'], { fastLeave: true }]],
    frames: [
      [1, report4v3(11, [IS_EX, GROUP4], [IS_EX, PROBE4], [IS_EX, '224.0.0.251'])],
      ...everywhere4,
      [1, report4v3(11, [TO_IN, GROUP4])],
      ...everywhere4,
    ],
  },
  { name: 'a PIM hello', frames: [[2, pimHello(12)], ...everywhere4, [1, report4(11)], ...everywhere4] },
  {
    name: 'queriers of a worse, a better and no address',
    frames: [
      [1, query4(40)],
      ...everywhere4,
      [1, query4(41, '0.0.0.0', 1, { src: '0.0.0.0' })],
      ...everywhere4,
      [2, query4(20)],
      ...everywhere4,
    ],
  },
  {
    name: 'queries for groups, of sources, in IGMPv1 and v3',
    frames: [
      [1, report4(11)],
      [3, query4(QUERIER, GROUP4, 50)],
      [3, query4v3(QUERIER, GROUP4, [S1], 50)],
      [3, query4v3(QUERIER)],
      [2, query4(22, '0.0.0.0', 0)],
      ...everywhere4,
    ],
  },
  {
    name: 'multicast router ports switched on and off',
    ports: [
      [2, ['mcast_router', '2'], { mcastRouter: 2 }],
      [3, ['mcast_router', '0'], { mcastRouter: 0 }],
    ],
    frames: [...everywhere4, [1, report4(11)], ...everywhere4, ...everywhere6],
  },
  {
    name: 'flooding of groups off',
    ports: [[2, ['mcast_flood', 'off'], { mcastFlood: false }]],
    frames: [...everywhere4, ...everywhere6, [2, report4(12)], ...everywhere4],
  },
  {
    name: 'snooping off',
    options: [['mcast_snooping', '0'], { mcastSnooping: false }],
    alone: true,
    frames: [[1, report4(11)], ...everywhere4, ...everywhere6],
  },
  {
    name: 'nobody asks',
    alone: true,
    frames: [[1, report4(11)], ...everywhere4, [1, report6(11)], ...everywhere6],
  },
  {
    name: 'a leave to a bridge that asks: its own query',
    options: [
      ['mcast_query_response_interval', '1', 'mcast_last_member_interval', '1000'],
      { mcastQueryResponseInterval: 0.01, mcastLastMemberInterval: 10 },
    ],
    alone: true,
    frames: [
      [1, report4(11)],
      [1, leave4(11)],
      [2, leave4(12)],
      [0, data4(1)],
    ],
  },
  {
    name: 'a port that sends to each listener by itself',
    ports: [[1, ['mcast_to_unicast', 'on'], { mcastToUnicast: true }]],
    frames: [
      [1, report4(11)],
      ...everywhere4,
      [1, report4(13)],
      [1, report4(11)],
      ...everywhere4,
      [1, data4(11)],
      [2, report4(12)],
      [1, report6(11)],
      ...everywhere4,
      ...everywhere6,
    ],
  },
  {
    name: 'the same with fast leave, and the switch turned off',
    ports: [[1, ['mcast_to_unicast', 'on', 'fastleave', 'on'], { mcastToUnicast: true, fastLeave: true }]],
    frames: [
      [1, report4(11)],
      [1, report4(13)],
      [1, leave4(11)],
      ...everywhere4,
      [1, leave4(14)],
      ...everywhere4,
    ],
  },
  {
    name: 'MLD reports and leaves',
    frames: [
      ...everywhere6,
      [1, report6(11)],
      ...everywhere6,
      [2, report6(12)],
      [1, leave6(11)],
      ...everywhere6,
    ],
  },
  {
    name: 'MLD fast leave, and what is no group',
    ports: [[1, ['fastleave', 'on'], { fastLeave: true }]],
    frames: [
      [1, report6(11)],
      [1, report6(11, 'ff02::1')],
      [1, report6(11, 'ff02::fb')],
      [1, report6(11, GROUP6, 'bad')],
      ...everywhere6,
      [1, leave6(11)],
      ...everywhere6,
    ],
  },
  ...(
    [
      ['exclude of nothing', [IS_EX, GROUP6]],
      ['include of a source', [IS_IN, GROUP6, 'fd09::1']],
      ['to include of nothing', [TO_IN, GROUP6]],
      ['a source blocked', [BLOCK, GROUP6, 'fd09::1']],
    ] as const
  ).map(
    ([name, record]): Case => ({
      name: `MLDv2 with mcast_mld_version 1: ${name}`,
      frames: [[1, report6v2(11, [...record])], ...everywhere6],
    }),
  ),
  {
    name: 'MLD queriers of a worse and a better address',
    frames: [
      [1, query6(40)],
      ...everywhere6,
      [2, query6(20)],
      ...everywhere6,
      [1, report6(11)],
      [2, query6(20, GROUP6, 5000)],
      ...everywhere6,
    ],
  },
];

const S2 = '10.9.9.2';
const S3 = '10.9.9.3';
const V3: [string[], BridgeOptions] = [
  ['mcast_igmp_version', '3', 'mcast_mld_version', '2', 'mcast_last_member_interval', '1000'],
  { mcastIgmpVersion: 3, mcastMldVersion: 2, mcastLastMemberInterval: 10 },
];
const FAST: [string[], BridgePortOptions] = [['fastleave', 'on'], { fastLeave: true }];
/** From every source that reports name, and from one that none does. */
const sourcesOf = (group: string): Frame[] =>
  [S1, S2, S3, '10.9.9.9'].map((src) => [0, data4(1, group, src)]);
const sources4 = sourcesOf(GROUP4);
const sources6: Frame[] = ['fd09::1', 'fd09::2', 'fd09::9'].map((src) => [0, data6(1, GROUP6, src)]);
type Report = [port: number, host: number, type: number, ...sources: string[]];
const reports4 = (list: Report[], group = GROUP4): Frame[] =>
  list.flatMap(([port, host, type, ...sources]) => [
    [port, report4v3(host, [type, group, ...sources])],
    ...sourcesOf(group),
  ]);
const reports6 = (...list: Report[]): Frame[] =>
  list.flatMap(([port, host, type, ...sources]) => [
    [port, report6v2(host, [type, GROUP6, ...sources])],
    ...sources6,
  ]);
const TYPES = { IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK };
/** What a port has been told before: it includes two sources, or excludes two and forwards a third. */
const BEFORE: [string, Report[]][] = [
  ['nothing', []],
  ['INCLUDE', [[1, 11, ALLOW, S1, S2]]],
  [
    'EXCLUDE',
    [
      [1, 11, TO_EX, S1],
      [1, 11, ALLOW, S2],
    ],
  ],
];
const LISTS = [[], [S1], [S2, S3]];
const SOURCE_CASES: Case[] = [
  // Each in a group of its own.
  ...BEFORE.map(
    ([before, told], at): Case => ({
      name: `IGMPv3: ${before}, then every type of record`,
      options: V3,
      frames: Object.values(TYPES).flatMap((type, i) =>
        LISTS.flatMap((list, j) => reports4([...told, [1, 11, type, ...list]], `239.${at + 2}.${i}.${j}`)),
      ),
    }),
  ),
  {
    name: 'IGMPv3: sources of two ports, one of which excludes',
    options: V3,
    frames: reports4([
      [1, 11, ALLOW, S1],
      [2, 12, TO_EX, S2],
      [2, 12, TO_EX],
      [1, 11, ALLOW, S2],
      [2, 12, TO_IN, S3],
      [1, 11, TO_EX, S3],
      [2, 12, ALLOW, S1],
      [1, 11, TO_EX, S1, S2],
      [2, 12, BLOCK, S3],
    ]),
  },
  {
    name: 'IGMPv3: two ports that exclude',
    options: V3,
    frames: reports4([
      [1, 11, TO_EX, S1],
      [2, 12, TO_EX, S2],
      [1, 11, IS_EX, S2],
      [2, 12, IS_EX, S1, S3],
    ]),
  },
  {
    name: 'IGMPv3: hosts of IGMPv2 beside',
    options: V3,
    frames: [
      ...reports4([[1, 11, ALLOW, S1]]),
      [2, report4(12)],
      ...sources4,
      [1, report4(13)],
      ...sources4,
      ...reports4([[2, 12, ALLOW, S2]]),
      [2, leave4(12)],
      ...sources4,
    ],
  },
  {
    name: 'IGMPv3: several records, and sources that are none',
    options: V3,
    frames: [
      [
        1,
        report4v3(
          11,
          [ALLOW, GROUP4, S1, '0.0.0.0', '224.1.1.1'],
          [TO_EX, PROBE4],
          [IS_EX, '224.0.0.251', S1],
        ),
      ],
      ...sources4,
      ...everywhere4,
    ],
  },
  {
    name: 'IGMPv3: more sources than a membership has',
    options: V3,
    frames: [
      [1, report4v3(11, [ALLOW, GROUP4, ...Array.from({ length: 40 }, (_, i) => `10.8.0.${i + 1}`)])],
      ...sources4,
    ],
  },
  {
    name: 'IGMPv3: queries with and without the suppress flag',
    options: V3,
    frames: [
      ...reports4([[1, 11, TO_EX, S1]]),
      [3, query4v3(QUERIER, GROUP4, [], 50)],
      [3, query4v3(QUERIER, GROUP4, [S1], 50)],
      ...sources4,
    ],
  },
  {
    name: 'IGMPv3: fast leave, host by host',
    options: V3,
    ports: [[1, ...FAST]],
    frames: reports4([
      [1, 11, ALLOW, S1, S2],
      [1, 12, ALLOW, S2],
      [1, 11, BLOCK, S2],
      [1, 11, BLOCK, S1],
      [1, 12, BLOCK, S2],
      [1, 11, ALLOW, S1],
      [1, 11, TO_IN],
      [1, 11, TO_EX],
      [1, 12, TO_EX, S1],
      [1, 11, TO_IN],
      [1, 12, TO_IN],
    ]),
  },
  {
    name: 'IGMPv3: fast leave, sources that the last host names no more',
    options: V3,
    ports: [[1, ...FAST]],
    frames: reports4([
      [1, 11, ALLOW, S1, S2],
      [1, 12, ALLOW, S2, S3],
      [1, 11, TO_IN, S2],
      [1, 12, IS_IN, S3],
      [1, 12, TO_EX, S2],
      [1, 12, ALLOW, S2],
      [1, 11, BLOCK, S2, S1],
      [1, 12, BLOCK, S3],
      [1, 11, TO_IN, S3],
      [1, 12, TO_IN],
    ]),
  },
  {
    name: 'IGMPv3: a port that sends to each listener by itself',
    options: V3,
    ports: [[1, ['mcast_to_unicast', 'on'], { mcastToUnicast: true }]],
    frames: reports4([
      [1, 11, ALLOW, S1],
      [1, 12, ALLOW, S2],
      [1, 13, TO_EX, S1],
      [2, 14, ALLOW, S3],
      [1, 11, TO_IN, S3],
    ]),
  },
  {
    name: 'IGMPv3: such a port, to a listener that excludes first',
    options: V3,
    ports: [[1, ['mcast_to_unicast', 'on'], { mcastToUnicast: true }]],
    frames: reports4([
      [1, 13, TO_EX, S1],
      [1, 11, ALLOW, S1],
      [1, 13, TO_EX, S2],
      [1, 11, BLOCK, S1],
    ]),
  },
  {
    name: 'IGMPv3: a bridge that asks, for a source and for the group',
    options: [
      [...V3[0], 'mcast_query_response_interval', '1'],
      { ...V3[1], mcastQueryResponseInterval: 0.01 },
    ],
    alone: true,
    frames: [
      ...reports4([
        [1, 11, ALLOW, S1, S2],
        [1, 11, BLOCK, S1],
        [2, 12, TO_EX],
        [2, 12, TO_IN, S2],
        [1, 11, TO_IN],
      ]),
      [2, leave4(12)],
      ...sources4,
    ],
  },
  {
    name: 'MLDv2: sources of two ports',
    options: V3,
    frames: reports6(
      [1, 11, ALLOW, 'fd09::1'],
      [2, 12, TO_EX, 'fd09::2'],
      [1, 11, TO_IN, 'fd09::2'],
      [2, 12, TO_EX],
      [2, 12, TO_IN, 'fd09::1'],
      [1, 11, IS_EX, 'fd09::1', 'fd09::2'],
      [1, 11, ALLOW, 'fd09::2'],
      [1, 11, BLOCK, 'fd09::2'],
    ),
  },
  {
    name: 'MLDv2: fast leave, and a host of MLDv1',
    options: V3,
    ports: [[1, ...FAST]],
    frames: [
      ...reports6([1, 11, ALLOW, 'fd09::1'], [1, 12, TO_EX], [1, 11, BLOCK, 'fd09::1'], [1, 12, TO_IN]),
      [1, report6(13)],
      ...sources6,
      [1, leave6(13)],
      ...sources6,
    ],
  },
];

interface LinuxMdb {
  mdb: {
    port: string;
    grp: string;
    state: string;
    src?: string;
    filter_mode?: string;
    source_list?: { address: string; timer: string }[];
    flags: string[];
  }[];
  router: Record<string, { port: string }[]>;
}

describe.skipIf(missing !== undefined)("our bridge and Linux's snoop alike", () => {
  let netns: OwnNetns;
  let linux: LinuxBridge | undefined;
  let lab: BridgeLab | undefined;
  beforeAll(() => {
    netns = enterOwnNetns();
    const off = ['net.ipv6.conf.default.disable_ipv6=1', 'net.ipv6.conf.all.disable_ipv6=1'];
    execFileSync('sysctl', ['-qw', ...off]);
  });
  afterEach(async () => {
    linux?.close();
    await lab?.stack.close();
    linux = undefined;
    lab = undefined;
  });
  afterAll(() => netns.leave());

  /** The same into both, and what came out of each. */
  function both(port: number, bytes: Uint8Array): { ours: string[][]; theirs: string[][] } {
    const theirs = linux!.send(port, bytes);
    lab!.send(port, bytes);
    const text = (one: Uint8Array) => Buffer.from(one);
    const ours = lab!.drivers.map(({ sent }) =>
      sent
        .map(text)
        .filter(counts)
        .map((one) => one.toString('hex')),
    );
    return { ours, theirs };
  }

  /** Until nobody floods any more: answers to the first query (of the bridge itself, without one) are in. */
  async function asked(probe: Uint8Array, query?: Uint8Array): Promise<void> {
    await expect
      .poll(
        () => {
          if (query !== undefined) both(QUERIER_PORT, query);
          return linux!.send(0, probe)[1];
        },
        { interval: 20, timeout: 5000 },
      )
      .toEqual([]);
    lab!.stack.run(200);
  }

  const settled = (bytes: Uint8Array, name: string) =>
    vi.waitFor(() => {
      const { ours, theirs } = both(0, bytes);
      expect(ours, name).toEqual(theirs);
    });

  it.each([...CASES, ...SOURCE_CASES])('$name', async ({ options, ports = [], alone, frames }) => {
    linux = new LinuxBridge(options?.[0] ?? [], counts);
    lab = await bridgeLab(PORTS, options?.[1] ?? {});
    const { bridge, links } = lab;
    if (alone !== true) {
      await asked(data4(1, PROBE4), query4(QUERIER));
      await asked(data6(1, PROBE6), query6(QUERIER));
    } else if (options?.[0].includes('mcast_last_member_interval')) {
      execFileSync('ip', ['link', 'set', 'br0', 'type', 'bridge', 'mcast_querier', '1']);
      await bridge.set({ mcastQuerier: true });
      await asked(data4(1, PROBE4));
    }
    for (const [port, words, ours] of ports) {
      bridgeTool('link', 'set', 'dev', `tap${port}`, ...words);
      await bridge.port(links[port]!).set(ours);
    }
    for (const [at, [port, bytes]] of frames.entries()) {
      const first = both(port, bytes);
      // Linux takes entries away by a timer that is due: until it fires data finds them empty. Data may come again.
      if (port === 0 && !isDeepStrictEqual(first.ours, first.theirs)) await settled(bytes, `frame ${at}`);
      else expect(first.ours, `frame ${at}`).toEqual(first.theirs);
    }
    const [shown] = JSON.parse(bridgeTool('-d', '-j', 'mdb', 'show', 'dev', 'br0')) as [LinuxMdb];
    const portOf = new Map(links.map(({ ifindex }, i) => [ifindex, `tap${i}`]));
    const state = (permanent: boolean) => (permanent ? 'permanent' : 'temp');
    const counting = ({ address, timer }: { address: string; timer: number | string }) =>
      `${address}${Number(timer) > 0 ? '' : ' over'}`;
    const ourMdb = (await bridge.mdb()).map((one) => ({
      key: `${one.group} ${portOf.get(one.ifindex)} ${state(one.permanent)} ${one.source}`,
      filterMode: one.filterMode,
      sources: one.sources.map(counting).toSorted(),
      flags: [...(one.addedByStarExclude ? ['added_by_star_ex'] : []), ...(one.blocked ? ['blocked'] : [])],
    }));
    const theirMdb = shown.mdb.map((one) => ({
      key: `${one.grp} ${one.port} ${one.state} ${one.src}`,
      filterMode: one.filter_mode ?? 'exclude',
      sources: (one.source_list ?? []).map(counting).toSorted(),
      flags: one.flags.filter((flag) => flag !== 'fast_leave'),
    }));
    const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
    expect(ourMdb.toSorted(byKey)).toEqual(theirMdb.toSorted(byKey));
    const routers = await Promise.all(
      links.map(async (link) => (await bridge.port(link).info()).mcastRouter),
    );
    const ourRouters = routers.flatMap((state, i) => (state >= 2 ? [`tap${i}`] : []));
    const theirRouters = (shown.router.br0 ?? []).map(({ port }) => port);
    expect(ourRouters).toEqual([...new Set(theirRouters)].toSorted());
  });
});
