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
import { ScriptDriver } from '../script_driver.js';
import { anyStep, frameOf, LAN_MAC, NAT, sound, WAN_MAC } from './tracked_steps.js';

const FIREWALL = `
table inet fw {
  counter established { }
  chain pre { type filter hook prerouting priority filter; ct state invalid drop; }
  chain fwd { type filter hook forward priority filter; ct state established,related counter name established accept; }
}
${NAT}`;
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
