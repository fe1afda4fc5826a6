/**
 * The short ways of tracked and translated packets (nf_conntrack_fast, nf_nat_proto, ipv4/ip_forward_hooked) against
 * the long ones: the same packets through two routers, one of which has a template of zone 0 put on each packet, which
 * takes the long way of tracking, and a routing rule, which takes the long way of forwarding. Both send the same
 * frames, count the same and know the same connections at the end.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { conntrackText } from '../../src/netlink/ctnetlink.js';
import { createStack } from '../../src/stack.js';
import {
  ACK,
  be16,
  cat,
  FIN,
  ip4,
  ip6,
  mac,
  pattern,
  PSH,
  pseudoSum,
  RST,
  sum16,
  SYN,
  tcp,
  udp,
} from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';

const LAN_MAC = '02:00:00:00:00:01';
const WAN_MAC = '02:00:00:00:00:02';
const FIREWALL = `
table inet fw {
  counter established { }
  chain pre { type filter hook prerouting priority filter; ct state invalid drop; }
  chain fwd { type filter hook forward priority filter; ct state established,related counter name established accept; }
}
table ip nat {
  chain post { type nat hook postrouting priority srcnat; ip daddr 203.0.113.0/25 masquerade }
  chain pre { type nat hook prerouting priority dstnat; iifname "wan0" udp dport 53 dnat to 192.0.2.3:5353 }
}
`;
/** In front of defragmentation and tracking. */
const TEMPLATES =
  'table inet long {\n  chain raw { type filter hook prerouting priority raw; ct zone set 0; }\n}\n';

async function router(long: boolean) {
  const stack = await createStack({ clock: 'virtual', seed: 5 });
  const ns = await stack.namespace('r');
  await ns.setSysctl('net.ipv6.conf.default.router_solicitations', 0);
  const [lan, wan] = [new ScriptDriver(), new ScriptDriver()];
  const lan0 = await stack.port(ns, lan, { name: 'lan0', mac: LAN_MAC });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: WAN_MAC });
  await lan0.addAddress('192.0.2.1/24');
  await lan0.addAddress('2001:db8:1::1/64', { nodad: true });
  await wan0.addAddress('198.51.100.1/24');
  await wan0.addAddress('2001:db8:2::1/64', { nodad: true });
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  await ns.setSysctl('net.ipv6.conf.all.forwarding', 1);
  await ns.setSysctl('net.netfilter.nf_conntrack_acct', 1);
  for (const address of ['192.0.2.2', '192.0.2.3', '2001:db8:1::2'])
    await ns.addNeighbour(lan0, { address, mac: '02:00:00:00:00:12' });
  for (const address of ['198.51.100.2', '2001:db8:2::2'])
    await ns.addNeighbour(wan0, { address, mac: '02:00:00:00:00:22' });
  await ns.addRoute({ to: '203.0.113.0/24', via: '198.51.100.2' });
  if (long) await ns.addRule({ family: 2, priority: 100, table: 254 });
  const text = FIREWALL + (long ? TEMPLATES : '');
  const { ir } = compile(readCommands({ name: 'fast', text }));
  const acks = await ns.nfnl.batch(joinMessages(encodeBatch(ir).map(({ bytes }) => bytes)));
  expect(acks.filter(({ error }) => error !== 0)).toEqual([]);
  stack.run(3000);
  return { stack, ns, lan, wan };
}

const sports = [1000, 1001];
const anyStep = fc.record({
  proto: fc.constantFrom('udp', 'udp', 'tcp', 'udp6', 'tcp6'),
  sport: fc.constantFrom(...sports),
  /** To somebody who is translated for, and to who is not. */
  dst: fc.constantFrom('203.0.113.5', '203.0.113.200'),
  reply: fc.boolean(),
  dnat: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  flags: fc.constantFrom(SYN, SYN | ACK, ACK, ACK, ACK, ACK | PSH, FIN | ACK, RST),
  seq: fc.integer({ min: 0, max: 3 }).map((n) => 1000 + n * 100),
  ack: fc.integer({ min: 0, max: 3 }).map((n) => 1000 + n * 100),
  size: fc.constantFrom(0, 1, 18, 33, 300, 1400),
  sum: fc.oneof(
    { weight: 16, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('bad' as const, 0) },
  ),
  options: fc.oneof(
    { weight: 12, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  /** Milliseconds until the next: seldom long enough for a connection to end. */
  wait: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(0, 0, 0, 1, 700, 1100) },
    { weight: 1, arbitrary: fc.constant(31_000) },
  ),
});
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** The frame, and whether it comes from the LAN. */
function frameOf(step: Step): { frame: Uint8Array; lan: boolean } {
  const six = step.proto.endsWith('6');
  const forward = { src: six ? '2001:db8:1::2' : '192.0.2.2', dst: six ? '2001:db8:2::2' : step.dst };
  // The answer comes to the address that masquerading gave.
  const masqueraded = !six && step.dst === '203.0.113.5';
  const back = { src: forward.dst, dst: masqueraded ? '198.51.100.1' : forward.src };
  const inward = step.dnat && !six && step.proto === 'udp';
  const lan = !inward && !step.reply;
  const ports =
    lan || inward ? { sport: step.sport, dport: inward ? 53 : 9 } : { sport: 9, dport: step.sport };
  const ends = inward ? { src: '203.0.113.77', dst: '198.51.100.1' } : lan ? forward : back;
  const { sum } = step;
  const part = step.proto.startsWith('udp')
    ? udp({ ...ports, ...(sum === undefined ? {} : { sum }) }, pattern(step.size))
    : tcp(
        {
          ...ports,
          flags: step.flags,
          seq: step.seq,
          ack: step.ack,
          window: 8000,
          ...(sum === undefined ? {} : { sum }),
        },
        pattern(step.flags === ACK ? step.size : 0),
      );
  const options = step.options ? { options: new Uint8Array([1, 1, 1, 1]) } : {};
  const packet = six ? ip6(ends, part) : ip4({ ...ends, id: 3, ...options }, part);
  const to = mac(lan ? LAN_MAC : WAN_MAC);
  return { frame: cat(to, mac('02:00:00:00:00:12'), be16(six ? 0x86dd : 0x0800), packet), lan };
}

/** Header and transport checksums of a frame with plain IPv4 are right. */
function sound(bytes: Uint8Array): boolean {
  if (bytes[12] !== 8 || bytes[13] !== 0 || bytes[14] !== 0x45 || ![6, 17].includes(bytes[23]!)) return true;
  const length = (bytes[16]! << 8) | bytes[17]!;
  const l4 = bytes.subarray(34, 14 + length);
  const pseudo = { src: bytes.subarray(26, 30), dst: bytes.subarray(30, 34) };
  return (
    sum16(bytes.subarray(14, 34)) === 0xffff && sum16(l4, pseudoSum(pseudo, bytes[23]!, l4.length)) === 0xffff
  );
}

test('short and long ways send the same frames, count the same and know the same connections', {
  timeout: 120_000,
}, async () => {
  let translated = 0;
  let streams = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 150, size: 'max' }), async (steps) => {
      const [short, long] = [await router(false), await router(true)];
      for (const step of steps) {
        const { frame, lan } = frameOf(step);
        const sent = [short, long].map((r) => {
          r.lan.sent.length = 0;
          r.wan.sent.length = 0;
          (lan ? r.lan : r.wan).input.push(frame);
          r.stack.run(1);
          r.stack.run(step.wait);
          return { lan: [...r.lan.sent], wan: [...r.wan.sent] };
        });
        expect(sent[0]).toEqual(sent[1]);
        // Both translate by the same code: what was sound has to be so still.
        if (step.sum === undefined)
          for (const out of [...sent[0]!.lan, ...sent[0]!.wan]) expect(sound(out)).toBe(true);
      }
      const [a, b] = [await short.ns.conntrack.list(), await long.ns.conntrack.list()];
      const lines = (list: typeof a) => list.map((entry) => conntrackText(entry)).toSorted();
      expect(lines(a)).toEqual(lines(b));
      expect(await short.ns.conntrack.stats()).toEqual(await long.ns.conntrack.stats());
      expect(await short.ns.snmp()).toEqual(await long.ns.snmp());
      translated += a.filter(({ orig, reply }) => orig.src !== reply.dst).length;
      streams += lines(a).filter((line) => line.includes('[ASSURED]')).length;
      for (const { stack } of [short, long]) await stack.close();
    }),
    { numRuns: 15 },
  );
  // Otherwise nothing was compared.
  expect(translated).toBeGreaterThan(3);
  expect(streams).toBeGreaterThan(3);
});
