/** Flow tables: established connections past every hook, until they end; and queues: what the host says of packets. */
import { expect, test } from 'vitest';
import type { Namespace } from '../../src/net/namespace.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import { ACK, FIN, ip4, pattern, SYN, tcp, udp } from '../oracle/packet.js';
import { readRuleset } from '../oracle/nft/ruleset.js';
import { rulesetLines } from '../oracle/nft/state.js';
import { freeOf, listen, twoNetworks } from './lab.js';

const UDP = 17;
const TCP = 6;

async function load(ns: Namespace, text: string): Promise<void> {
  const { ir } = compile(readCommands({ name: 'rules', text }));
  const acks = await ns.nfnl.batch(joinMessages(encodeBatch(ir).map(({ bytes }) => bytes)));
  expect(acks.filter(({ error }) => error !== 0)).toEqual([]);
}

/** Packets that each counter saw. */
async function counts(ns: Namespace): Promise<number[]> {
  return rulesetLines(await readRuleset(ns.nfnl)).flatMap((line) => {
    const found = /counter packets (\d+)/.exec(line);
    return found === null ? [] : [Number(found[1])];
  });
}

const OFFLOAD = `table inet t {
flowtable f {
hook ingress priority 0
devices = { lan0, wan0 }
}
chain pass {
type filter hook forward priority filter; policy accept;
ct state established flow add @f
counter
}
}
table ip n {
chain out {
type nat hook postrouting priority srcnat; policy accept;
oifname "wan0" masquerade
}
}`;

/** Nobody listens at the ends: they would say so. */
const SILENT = `table ip s {
chain out {
type filter hook output priority 0; policy accept;
tcp flags rst / rst drop
icmp type destination-unreachable drop
}
}`;

async function bench(text = OFFLOAD) {
  const lab = await twoNetworks();
  await load(lab.a, SILENT);
  await load(lab.b, SILENT);
  const [toB, toA] = [await listen(lab.b, 2, UDP), await listen(lab.a, 2, UDP)];
  const [tcpB, tcpA] = [await listen(lab.b, 2, TCP), await listen(lab.a, 2, TCP)];
  const ask = async (part: Parameters<typeof ip4>[1]) => {
    await lab.a.send(2, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 7 }, part));
    lab.stack.run(100);
  };
  const answer = async (part: Parameters<typeof ip4>[1]) => {
    await lab.b.send(2, ip4({ src: '10.0.2.2', dst: '10.0.2.1', id: 8 }, part));
    lab.stack.run(100);
  };
  await ask(udp({ sport: 5, dport: 6 }, pattern(4)));
  await load(lab.r, text);
  for (const list of [toA, toB, tcpA, tcpB]) list.length = 0;
  return { ...lab, toA, toB, tcpA, tcpB, ask, answer };
}

const there = () => udp({ sport: 1000, dport: 9 }, pattern(20));
const back = () => udp({ sport: 9, dport: 1000 }, pattern(20));

test('an established connection passes the chains by, translated, one hop further', async () => {
  const b = await bench();
  await b.ask(there());
  await b.answer(back());
  expect(await counts(b.r)).toEqual([2]);
  for (let i = 0; i < 3; i++) {
    await b.ask(there());
    await b.answer(back());
  }
  expect(await counts(b.r)).toEqual([2]);
  expect([b.toB.length, b.toA.length]).toEqual([4, 4]);
  // Masqueraded, and its TTL lowered, as by the long way.
  for (const packet of b.toB)
    expect([...packet.subarray(12, 16), packet[8]]).toEqual([10, 0, 2, 1, b.toB[0]![8]]);
  for (const packet of b.toA)
    expect([...packet.subarray(16, 20), packet[8]]).toEqual([10, 0, 1, 2, b.toA[0]![8]]);
  await b.stack.close();
});

test('a flow that is idle for half a minute is tracked again, and ends as it would have', async () => {
  const b = await bench();
  await b.ask(there());
  await b.answer(back());
  await b.ask(there());
  expect((await b.r.conntrack.list())[0]!.status & 0x4000).toBe(0x4000);
  b.stack.run(32_000);
  expect((await b.r.conntrack.list())[0]!.status & 0x4000).toBe(0);
  await b.ask(there());
  expect((await counts(b.r))[0]).toBeGreaterThan(2);
  await b.stack.close();
});

test('a change of routes ends the short way, a FIN that of its connection', async () => {
  const b = await bench();
  const ends = { sport: 1001, dport: 80, window: 8000 };
  const turned = { sport: 80, dport: 1001, window: 8000 };
  await b.ask(tcp({ ...ends, flags: SYN, seq: 1 }));
  await b.answer(tcp({ ...turned, flags: SYN | ACK, seq: 100, ack: 2 }));
  await b.ask(tcp({ ...ends, flags: ACK, seq: 2, ack: 101 }));
  await b.ask(tcp({ ...ends, flags: ACK, seq: 2, ack: 101 }, pattern(10)));
  const before = (await counts(b.r))[0]!;
  await b.answer(tcp({ ...turned, flags: ACK, seq: 101, ack: 12 }));
  expect((await counts(b.r))[0]).toBe(before);
  await b.r.addRoute({ to: '192.0.2.0/24', via: '10.0.2.2' });
  await b.answer(tcp({ ...turned, flags: ACK, seq: 101, ack: 12 }, pattern(5)));
  expect((await counts(b.r))[0]).toBe(before + 1);
  await b.ask(tcp({ ...ends, flags: ACK, seq: 12, ack: 106 }));
  const again = (await counts(b.r))[0]!;
  await b.ask(tcp({ ...ends, flags: FIN | ACK, seq: 12, ack: 106 }));
  expect((await counts(b.r))[0]).toBe(again + 1);
  expect([b.tcpB.length, b.tcpA.length]).toEqual([5, 3]);
  await b.stack.close();
});

test('what a flow table held is given back with it, and with its namespace', async () => {
  const b = await bench();
  const free = freeOf(b.stack);
  await b.ask(there());
  await b.answer(back());
  await b.ask(there());
  await load(b.r, 'delete table inet t');
  expect((await b.r.conntrack.list())[0]!.status & 0x4000).toBe(0);
  await load(b.r, OFFLOAD.slice(0, OFFLOAD.indexOf('table ip n')));
  await b.ask(there());
  b.stack.run(40_000);
  b.stack.run(130_000);
  expect(await b.r.conntrack.list()).toEqual([]);
  expect(freeOf(b.stack).skbs).toBe(free.skbs);
  await b.ask(there());
  await b.answer(back());
  await b.stack.removeNamespace(b.r);
  await b.stack.close();
});

const QUEUE = `table ip t {
chain pass {
type filter hook forward priority filter; policy accept;
udp dport 9 queue num 3
udp dport 10 queue num 4 bypass
counter
}
}`;

test('what is queued waits for the host, is dropped without one, or goes on', async () => {
  const b = await bench(QUEUE);
  await b.ask(there());
  expect(b.toB.length).toBe(0);
  await b.ask(udp({ sport: 1000, dport: 10 }, pattern(20)));
  expect(b.toB.length).toBe(1);

  const held: { packet: Uint8Array; verdict: (accept: boolean) => Promise<void> }[] = [];
  const stop = await b.r.nfqueue(3, (packet, verdict) => held.push({ packet, verdict }));
  await expect(b.r.nfqueue(3, () => undefined)).rejects.toMatchObject({ code: 'EBUSY' });
  await b.ask(there());
  await b.ask(there());
  expect([held.length, b.toB.length]).toEqual([2, 1]);
  expect([...held[0]!.packet.subarray(12, 16)]).toEqual([10, 0, 1, 2]);
  await held[0]!.verdict(true);
  await held[1]!.verdict(false);
  b.stack.run(100);
  expect(b.toB.length).toBe(2);
  await stop();
  await b.ask(there());
  expect([held.length, b.toB.length]).toEqual([2, 2]);
  await b.stack.close();
});
