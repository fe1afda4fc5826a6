/**
 * What rules must survive: every ruleset of the nftables oracle with headers cut at every length and with damaged
 * traffic; sets that packets fill as fast as they come. No trap, no skb and no page lost, sets within their size.
 * NFT_HOSTILE_COUNT: frames of traffic for each ruleset (default 300; 5,000 with LONG=true).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemNames } from '../../src/nft/datatype/names.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { CoreRouter, type CoreSession } from '../oracle/core_router.js';
import { allCases } from '../oracle/nft/cases.js';
import { type NftCase, setupOf } from '../oracle/nft/nft_case.js';
import { readRuleset } from '../oracle/nft/ruleset.js';
import { rulesetLines } from '../oracle/nft/state.js';
import { Traffic } from '../oracle/nft/traffic.js';
import { valuesOf } from '../oracle/nft/values.js';
import {
  arp,
  be16,
  be32,
  cat,
  destOptions,
  fragment6,
  hopByHop,
  icmp,
  icmp6,
  ip4,
  ip6,
  option,
  pattern,
  raw,
  routing,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST,
} from '../oracle/packet.js';
import { type FrameStep, lan, wan } from '../oracle/router.js';
import { Random } from '../random.js';
import { type Free, freeOf } from './lab.js';

const LONG = process.env.LONG === 'true';
const COUNT = Number(process.env.NFT_HOSTILE_COUNT ?? (LONG ? 5000 : 300));
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** As CoreRouter makes them. */
const LINKS: Readonly<Record<string, number>> = { lo: 1, lan0: 2, wan0: 3, br0: 4 };

let core: CoreRouter;
let free: Free;

/** By our own compiler; what of the ruleset is not taken says why. */
async function load(session: CoreSession, text: string): Promise<string | undefined> {
  const { ir } = compile(readCommands({ name: 'hostile', text }), {
    names: systemNames((name) => LINKS[name]),
  });
  const bytes = joinMessages(encodeBatch(ir).map((message) => message.bytes));
  const failed = (await session.netfilter.batch(bytes)).find(({ error }) => error !== 0);
  return failed === undefined ? undefined : `message ${failed.seq}: errno ${failed.error}`;
}

beforeAll(async () => {
  core = await CoreRouter.create();
  // What is made once and kept.
  const session = await core.open(setupOf({ name: '', text: '' }));
  await load(session, 'table inet t { chain c { type nat hook postrouting priority 0; masquerade; }; }');
  await session.close();
  free = freeOf(core.stack);
});
const notTaken: string[] = [];
afterAll(async () => {
  console.log(`${notTaken.length} rulesets are not taken${notTaken.map((line) => `\n  ${line}`).join('')}`);
  await core.close();
});

const options = cat(u8(2, 4, 5, 0xb4, 4, 2, 8, 10), be32(1, 2), u8(1, 3, 3, 7));
const PACKETS: readonly Uint8Array[] = [
  ip4({}, tcp({ flags: SYN, options }, pattern(12))),
  ip4({ options: u8(7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0) }, udp({ dport: 53 }, pattern(20))),
  ip4({}, icmp(3, 3, be32(0), ip4({ src: WAN_HOST }, udp()).subarray(0, 40))),
  ip4({}, raw(132, cat(be16(22, 80), be32(0, 0), u8(1, 0), be16(20), be32(7, 1)))),
  ip6({}, tcp({ flags: SYN, options })),
  ip6({}, hopByHop(option(5, [0, 0])), routing(4, 0, new Uint8Array(20)), destOptions(), udp({}, pattern(9))),
  ip6({}, fragment6(0, true), destOptions(option(0x1e, [1])), tcp({ options })),
  ip6({}, icmp6(1, 4, be32(0), ip6({}, udp()).subarray(0, 60))),
];
const ARP = arp({ sha: '02:00:00:00:01:02' });

/** Frames that end at every place, and those whose header tells of that length as well. */
function cuts(): FrameStep[] {
  const steps: FrameStep[] = [];
  for (const packet of PACKETS) {
    const whole = lan(packet) as FrameStep;
    for (let n = 0; n <= packet.length; n++) {
      steps.push({ ...whole, frame: whole.frame.slice(0, 14 + n) });
      const six = packet[0]! >> 4 === 6;
      if (n < (six ? 40 : 20)) continue;
      const told = packet.slice(0, n);
      if (six) told.set(be16(n - 40), 4);
      else {
        told.set(be16(n), 2);
        told.set(be16(0), 10);
        told.set(be16(headerSum(told)), 10);
      }
      steps.push({ ...whole, frame: cat(whole.frame.subarray(0, 14), told) });
    }
  }
  const head = cat(u8(255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 1, 2), be16(0x0806));
  for (let n = 0; n <= ARP.length; n++)
    steps.push({ kind: 'frame', port: 'lan0', frame: cat(head, ARP.subarray(0, n)) });
  return steps;
}

function headerSum(packet: Uint8Array): number {
  const bytes = packet.subarray(0, Math.min(packet.length, (packet[0]! & 15) * 4));
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const CUTS = cuts();

async function survive(one: NftCase): Promise<string | undefined> {
  const session = await core.open(setupOf(one));
  try {
    const why = await load(session, one.text);
    if (why !== undefined) return why;
    for (let at = 0; at < CUTS.length; at += 64) session.burst(CUTS.slice(at, at + 64));
    const traffic = new Traffic(SEED, valuesOf(one.text), { focus: [...(one.focus ?? []), 'damage'] });
    for (let sent = 0; sent < COUNT; sent += 64) traffic.saw(session.burst(traffic.batch(64)));
    return undefined;
  } finally {
    await session.close();
  }
}

test.for(
  allCases()
    .filter(({ needs }) => needs === undefined)
    .map((one) => [one.name, one] as const),
)('cut and damaged packets: %s', async ([, one]) => {
  let why: string | undefined;
  try {
    why = await survive(one);
  } catch (error) {
    if (!(error instanceof Error) || !/Ruleset|Nft/.test(error.name + error.constructor.name)) throw error;
    why = error.message;
  }
  expect(freeOf(core.stack)).toEqual(free);
  if (why !== undefined) notTaken.push(`${one.name}: ${why.split('\n')[0]}`);
});

test('sets that every packet changes stay within their size, and an open connection goes on', async () => {
  const session = await core.open(setupOf({ name: '', text: '' }));
  try {
    const refused = await load(
      session,
      `table inet t {
        set seen { type ipv4_addr . inet_service; size 500; flags dynamic,timeout; timeout 1h; }
        set counted { type ipv4_addr; size 100; flags dynamic; counter; }
        map last { type ipv4_addr : inet_service; size 50; flags dynamic; }
        chain c {
          type filter hook forward priority 0; policy accept;
          ct state established counter accept
          update @seen { ip saddr . udp sport }
          add @counted { ip saddr }
          add @last { ip saddr : udp dport }
        }
      }`,
    );
    if (refused !== undefined) throw new Error(refused);
    const open = [
      lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
      wan(
        ip4(
          { src: WAN_HOST, dst: '192.0.2.2' },
          tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | 16 }),
        ),
      ),
    ] as FrameStep[];
    session.burst(open);
    const random = new Random(SEED);
    for (let i = 0; i < (LONG ? 2000 : 100); i++) {
      const flood = Array.from({ length: 64 }, () => {
        const src = `10.1.${random.below(256)}.${random.below(256)}`;
        return lan(
          ip4({ src }, udp({ sport: random.below(65536), dport: random.below(65536) })),
        ) as FrameStep;
      });
      session.burst(flood);
    }
    const data = wan(
      ip4(
        { src: WAN_HOST, dst: '192.0.2.2' },
        tcp({ sport: 81, dport: 40000, seq: 501, ack: 101, flags: 16 }, pattern(9)),
      ),
    ) as FrameStep;
    expect(session.burst([data]).lan0).toHaveLength(1);
    const lines = rulesetLines(await readRuleset(session.netfilter));
    const count = (name: string): number =>
      lines.filter((line) => line.startsWith(`element inet t ${name}:`)).length;
    expect([count('seen'), count('counted'), count('last')]).toEqual([500, 100, 50]);
  } finally {
    await session.close();
  }
  expect(freeOf(core.stack)).toEqual(free);
});
