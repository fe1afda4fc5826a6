/**
 * Paths of connections (netfilter/nf_forward_path) against the whole way: the same packets through two routers, one of
 * which has generated code, and so paths, while the other interprets its rules, and has none. Whatever the rules ask, and
 * whatever changes between the packets, both send the same frames, count the same and know the same connections.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ROOT_BASE, ROOT_STATE_BYTES } from '../../assembly/abi/layout.js';
import { Op } from '../../assembly/abi/ops.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { conntrackText } from '../../src/netlink/ctnetlink.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { createStack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';
import { ACK, FIN, PSH, SYN } from '../oracle/packet.js';
import { addCallback } from '../wasm_callback.js';
import { counters } from './nft_counters.js';
import { anyStep, frameOf, LAN_MAC, NAT, type Step, WAN_MAC } from './tracked_steps.js';

const FIREWALL = `
table inet fw {
  set odd { type ipv4_addr; flags interval; elements = { 198.18.0.0/15, 240.0.0.0/4 } }
  set seen { type ipv4_addr; size 64; flags dynamic,timeout; timeout 20s; }
  chain pre {
    type filter hook prerouting priority mangle; policy accept;
    ip saddr @odd drop
    tcp flags & (fin|syn) == (fin|syn) drop
    ct state invalid drop
  }
  chain fwd {
    type filter hook forward priority filter; policy drop;
    RULES
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "lan0" accept
    meta l4proto { tcp, udp } accept
  }
  chain post {
    type filter hook postrouting priority mangle; policy accept;
    oifname "wan0" tcp flags & (syn|rst) == syn counter
  }
}
${NAT}`;

/** What packets of a connection need not share, or what is done to some of them. */
const RULES = [
  'ip ttl < 5 drop',
  'ip dscp cs1 drop',
  'udp length 41 drop',
  'meta length 200-400 drop',
  'tcp flags psh drop',
  'tcp flags & (ack|psh) == ack counter accept',
  '@th,104,8 & 0x3 == 0x3 drop',
  'ip id 3 udp dport 9 counter accept',
  'ip saddr @seen counter drop',
  'udp length 26 add @seen { ip saddr }',
  'ct mark 1 drop',
  'udp length 9 ct mark set 1',
  'meta mark 7 drop',
  'limit rate 3/second burst 2 packets accept',
  'counter',
  'ip daddr 203.0.113.200 counter accept',
  'ct direction reply udp sport 9 accept',
  'ct status assured counter drop',
  'ct state established counter accept',
  'ip daddr 203.0.113.5 ct state established accept',
  'iifname { "lan0", "wan0" } meta l4proto udp ct state vmap { established : accept }',
] as const;
/** Of those, what all packets of a connection share: they are on paths. */
const SHARED: ReadonlySet<string> = new Set(RULES.slice(-2));
const PAIR_OF_MARKS = ['ct mark 1 drop', 'udp length 9 ct mark set 1'];
/** Packets of one connection add what those of another are looked up by. */
const PAIR_OF_SETS = ['ip saddr @seen drop', 'meta l4proto tcp add @seen { ip saddr }'];

async function router(paths: boolean, rules: readonly string[]) {
  const stack = await createStack({ clock: 'virtual', seed: 5 });
  const ns = await stack.namespace('r');
  const [lan, wan] = [new ScriptDriver(), new ScriptDriver()];
  const lan0 = await stack.port(ns, lan, { name: 'lan0', mac: LAN_MAC });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: WAN_MAC });
  await ns.setSysctl('net.ipv6.conf.all.disable_ipv6', 1);
  await lan0.addAddress('192.0.2.1/24');
  await wan0.addAddress('198.51.100.1/24');
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  await ns.setSysctl('net.netfilter.nf_conntrack_acct', 1);
  for (const address of ['192.0.2.2', '192.0.2.3'])
    await ns.addNeighbour(lan0, { address, mac: '02:00:00:00:00:12' });
  for (const address of ['198.51.100.2', '198.51.100.3'])
    await ns.addNeighbour(wan0, { address, mac: `02:00:00:00:00:2${address.at(-1)}` });
  await ns.addRoute({ to: '203.0.113.0/24', via: '198.51.100.2' });
  const load = async (text: string) => {
    const { ir } = compile(readCommands({ name: 'paths', text }));
    const acks = await ns.nfnl.batch(joinMessages(encodeBatch(ir).map(({ bytes }) => bytes)));
    expect(acks.filter(({ error }) => error !== 0)).toEqual([]);
  };
  const firewall = FIREWALL.replace('RULES', rules.join('\n    '));
  await load(firewall);
  const { exports, view } = stack.core.instance;
  const counted = { sent: 0 };
  let jit: NftJit | undefined;
  if (paths) {
    jit = new NftJit(stack.core, 'tree', (error) => expect.unreachable(String(error)));
    await jit.sync(ns.handle);
    const place = ROOT_BASE + ROOT_STATE_BYTES + 4 * Op.NF_FORWARD_PATH;
    const forward = exports.table.get(view.getUint32(place, true)) as (
      net: number,
      skb: number,
      dev: number,
    ) => number;
    const count = addCallback(exports.table, 3, true, (net, skb, dev) => {
      const bytes = forward(net!, skb!, dev!);
      counted.sent += Number(bytes > 0);
      return bytes;
    });
    view.setUint32(place, count, true);
  }
  stack.run(3000);
  const rewrite = (from: string, to: string) => load(`flush ruleset\n${firewall.replace(from, to)}`);
  const restore = () => rewrite('', '');
  const route = (via: string) => ns.addRoute({ to: '203.0.113.0/24', via }, 'replace');
  const gateway = (mac: string) => ns.addNeighbour(wan0, { address: '198.51.100.2', mac });
  /** What changes the fate of the next packets, and what changes it back. */
  const changes: [() => Promise<unknown>, () => Promise<unknown>][] = [
    [() => route('198.51.100.3'), () => route('198.51.100.2')],
    [() => gateway('02:00:00:00:00:29'), () => gateway('02:00:00:00:00:22')],
    [() => wan0.set({ mtu: 1300 }), () => wan0.set({ mtu: 1500 })],
    [
      () => ns.setSysctl('net.ipv4.conf.lan0.rp_filter', 1),
      () => ns.setSysctl('net.ipv4.conf.lan0.rp_filter', 0),
    ],
    [() => rewrite('198.18.0.0/15', '192.0.2.2'), restore],
    [() => rewrite('ct state invalid drop', 'udp dport 9 counter drop'), restore],
    [() => rewrite('ct state vmap', 'ip daddr 203.0.113.5 drop\n    ct state vmap'), restore],
    [() => ns.conntrack.flush(), async () => undefined],
  ];
  let back: (() => Promise<unknown>) | undefined;
  const change = async (which: number) => {
    const [make, undo] = changes[which % changes.length]!;
    await (back ?? make)();
    back = back === undefined ? undo : undefined;
    await jit?.sync(ns.handle);
  };
  return { stack, ns, lan, wan, change, counted, jit };
}

type Router = Awaited<ReturnType<typeof router>>;
type Packet = Partial<Record<keyof Step, unknown>>;

const PLAIN: Omit<Step, 'proto'> = {
  sport: 1000,
  dst: '203.0.113.5',
  reply: false,
  dnat: false,
  flags: 0,
  seq: 1000,
  ack: 1000,
  size: 18,
  sum: undefined,
  options: false,
  ttl: undefined,
  wait: 700,
};

/** The packets come in one burst to each; what each sends is the same. */
function same(both: readonly Router[], packets: readonly Packet[], wait: number): void {
  const sent = both.map((r) => {
    for (const packet of packets) {
      const { frame, lan } = frameOf({ ...PLAIN, ...packet } as Step);
      (lan ? r.lan : r.wan).input.push(frame);
    }
    r.lan.sent.length = 0;
    r.wan.sent.length = 0;
    r.stack.run(1);
    r.stack.run(wait);
    return { lan: [...r.lan.sent], wan: [...r.wan.sent] };
  });
  expect(sent[0]).toEqual(sent[1]);
}

/** Frames were the same all the time; so is what was counted, and what is known. */
async function end(both: readonly Router[]): Promise<void> {
  const [a, b] = await Promise.all(
    both.map(async ({ ns }) => ({
      connections: (await ns.conntrack.list()).map((entry) => conntrackText(entry)).toSorted(),
      stats: await ns.conntrack.stats(),
      snmp: await ns.snmp(),
      counters: await counters(ns),
    })),
  );
  expect(a).toEqual(b);
  for (const r of both) {
    r.jit?.close();
    await r.stack.close();
  }
}

describe('beside packets on the path, those that differ fare as they should', () => {
  const differing: Packet[] = [
    ...[33, 1, 0, 300, 1400].map((size) => ({ proto: 'udp', size })),
    ...[4, 2, 1].map((ttl) => ({ proto: 'udp', ttl })),
    { proto: 'udp', options: true },
    { proto: 'udp', sum: 'bad' },
    { proto: 'udp', sum: 0 },
  ];
  const ofTcp: Packet[] = [ACK | PSH, ACK, FIN | ACK, ACK].map((flags) => ({
    proto: 'tcp',
    flags,
    size: 33,
  }));
  const rulesets: string[][] = [[], ...RULES.map((rule) => [rule]), [...PAIR_OF_MARKS], [...PAIR_OF_SETS]];

  test.each(rulesets.map((rules) => [rules.join('; ') || 'no rule', rules] as const))(
    '%s',
    async (_, rules) => {
      const both = [await router(true, rules), await router(false, rules)];
      const ordinary = [{ proto: 'udp' }, { proto: 'udp', reply: true }];
      for (let i = 0; i < 5; i++) same(both, ordinary, 700);
      for (const packet of differing) {
        for (const reply of [false, true]) {
          same(both, [ordinary[0]!, ordinary[1]!, { ...packet, reply }, ordinary[0]!, ordinary[1]!], 1);
          same(both, ordinary, 1);
        }
      }
      for (const [flags, reply] of [
        [SYN, false],
        [SYN | ACK, true],
        [ACK, false],
      ] as const)
        same(
          both,
          [{ proto: 'tcp', flags, reply, ack: flags === SYN ? 0 : 1001, seq: flags === ACK ? 1001 : 1000 }],
          1,
        );
      const data = { proto: 'tcp', flags: ACK, seq: 1001, ack: 1001 };
      for (const packet of ofTcp)
        same(both, [data, { ...data, ...packet }, { ...data, reply: true }, data], 1);
      same(both, ordinary, 1);
      if (rules.length === 0 || SHARED.has(rules[0]!)) expect(both[0]!.counted.sent).toBeGreaterThan(30);
      await end(both);
    },
  );
});

/** Mostly packets of a stream, so that there are paths; what else there is comes between them. */
const anyEvent = fc.oneof(
  { weight: 20, arbitrary: anyStep.map((step) => ({ ...step, proto: step.proto.slice(0, 3), held: false })) },
  {
    weight: 60,
    arbitrary: fc
      .record({
        reply: fc.boolean(),
        size: fc.constantFrom(18, 18, 1, 33, 300, 1400),
        /** It comes in one burst with the next. */
        held: fc.boolean(),
      })
      .map((some) => ({
        ...some,
        proto: 'udp' as const,
        sport: 1000,
        dst: '203.0.113.5',
        dnat: false,
        flags: 0,
        seq: 0,
        ack: 0,
        sum: undefined,
        options: false,
        ttl: undefined,
        wait: 700,
      })),
  },
  { weight: 3, arbitrary: fc.nat(1000) },
);

test('packets on paths fare as those on the whole way, whatever rules ask and whatever changes', {
  timeout: 240_000,
}, async () => {
  let onPaths = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.subarray([...RULES], { maxLength: 3 }),
      fc.array(anyEvent, { minLength: 40, maxLength: 160, size: 'max' }),
      async (rules, events) => {
        const both = [await router(true, rules), await router(false, rules)];
        let held: Packet[] = [];
        for (const event of events) {
          if (typeof event === 'number') {
            for (const r of both) await r.change(event);
            continue;
          }
          held.push(event);
          if (event.held) continue;
          same(both, held, event.wait);
          held = [];
        }
        onPaths += both[0]!.counted.sent;
        await end(both);
      },
    ),
    { numRuns: 25 },
  );
  // Otherwise nothing was compared.
  expect(onPaths).toBeGreaterThan(100);
});
