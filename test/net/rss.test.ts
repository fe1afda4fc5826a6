/** Ports with several receive queues: rings of their own, a hash and a table that choose among them. */
import { afterEach, expect, test } from 'vitest';
import { SkbField } from '../../assembly/abi/skb_field.js';
import type { Driver } from '../../src/drivers/driver.js';
import { createStack, type Stack } from '../../src/stack.js';
import { buildFrame } from '../offload_frames.js';
import { ScriptDriver } from '../script_driver.js';
import { addCallback } from '../wasm_callback.js';
import { freeOf } from './lab.js';

const QUEUES = 4;
const PREROUTING = 0;
const ACCEPT = 1;
const OP = 700;
const KEY = Buffer.from(
  '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa',
  'hex',
);

/** Puts a frame into the ring that the core says it belongs to. */
class QueueDriver extends ScriptDriver {
  readonly queues = QUEUES;
  handle = -1;
  stack!: Stack;
  readonly taken: number[] = Array.from({ length: QUEUES }, () => 0);
  private readonly waiting: Uint8Array[][] = Array.from({ length: QUEUES }, () => []);

  override rxBurst(max: number, queue = 0): number {
    for (const frame of this.input.splice(0)) this.waiting[this.choose(frame)]!.push(frame);
    const rings = this.rings.queue(queue);
    const burst = Math.min(max, rings.rxSpace(), this.waiting[queue]!.length);
    for (let i = 0; i < burst; i++) rings.putFrame(i, this.waiting[queue]!.shift()!);
    this.taken[queue]! += burst;
    return burst;
  }

  choose(frame: Uint8Array): number {
    const { instance } = this.stack.core;
    const desc = this.rings.rxDesc(0);
    instance.u8.set(frame, this.rings.rxBuf(desc));
    return instance.exports.rssQueue(this.handle, this.rings.rxBuf(desc), frame.length);
  }
}

let stack: Stack;
afterEach(() => stack?.close());

async function lab() {
  stack = await createStack({ clock: 'virtual', seed: 3 });
  const ns = await stack.namespace('r');
  const lan = new QueueDriver();
  const wan = new ScriptDriver();
  lan.stack = stack;
  const lan0 = await stack.port(ns, lan as Driver, { name: 'lan0', mac: '02:00:00:00:00:01' });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: '02:00:00:00:00:02' });
  lan.handle = (await lan0.info()).handle;
  await lan0.addAddress('10.0.0.254/24');
  await wan0.addAddress('10.0.1.254/24');
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  await ns.addNeighbour(wan0, { address: '10.0.1.9', mac: '02:00:00:00:00:22' });
  stack.run(100);
  wan.sent.length = 0;
  return { ns, lan, wan, lan0, wan0 };
}

const flow = (sport: number, udp = false) => buildFrame({ payload: Uint8Array.of(1, 2, 3), sport, udp });

test('a flow stays in one queue, flows spread over all, and every frame goes on', async () => {
  const { lan, wan, lan0 } = await lab();
  expect((await lan0.info()).kind).toBe('port');
  for (let i = 0; i < 400; i++) lan.input.push(flow(1000 + (i % 100)));
  stack.run(1);
  expect(wan.sent).toHaveLength(400);
  expect(lan.taken.reduce((sum, n) => sum + n)).toBe(400);
  for (const n of lan.taken) {
    expect(n % 4).toBe(0);
    expect(n).toBeGreaterThan(20);
  }
});

test('the hash is that of the verification suite’s key, with ports or without, and the packet has it and its queue', async () => {
  const { ns, lan, lan0 } = await lab();
  const seen: [hash: number, queue: number][] = [];
  const { instance } = stack.core;
  const index = addCallback(instance.exports.table, 3, true, (_priv, skb) => {
    const { view } = instance;
    seen.push([
      view.getUint32(skb! + SkbField.HASH, true),
      view.getUint16(skb! + SkbField.QUEUE_MAPPING, true),
    ]);
    return ACCEPT;
  });
  expect(instance.exports.setOp(OP, index)).toBe(0);
  await ns.addHook({ family: 0, hook: PREROUTING, priority: 0, op: OP, id: 1 });
  const table = Uint8Array.from({ length: 128 }, (_, i) => (i * 7) % QUEUES);
  const set = await lan0.rss({ key: KEY, table, ports: ['tcp4'] });
  expect(set).toEqual({ queues: QUEUES, key: new Uint8Array(KEY), table, ports: ['tcp4'] });
  lan.input.push(flow(1), flow(2), flow(1, true), flow(2, true));
  stack.run(1);
  const of = (sport: number, udp: boolean) => toeplitz(inputOf(flow(sport, udp), !udp));
  const wanted = [of(1, false), of(2, false), of(1, true), of(2, true)];
  expect(wanted[2]).toBe(wanted[3]);
  expect([...seen].sort()).toEqual(wanted.map((hash) => [hash, table[hash & 127]! + 1]).sort());
});

test('settings that make no sense are refused, all of them', async () => {
  const { lan0, wan0 } = await lab();
  const before = await lan0.rss();
  expect(before.queues).toBe(QUEUES);
  expect([...before.table]).toEqual(Array.from({ length: 128 }, (_, i) => i % QUEUES));
  expect(before.key.some((byte) => byte !== 0)).toBe(true);
  await expect(
    lan0.rss({ key: KEY, table: Uint8Array.from({ length: 128 }, () => QUEUES) }),
  ).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(lan0.rss({ key: KEY.subarray(1) })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(lan0.rss({ table: new Uint8Array(4) })).rejects.toMatchObject({ code: 'EINVAL' });
  expect(await lan0.rss()).toEqual(before);
  await expect(wan0.rss()).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  const { exports } = stack.core.instance;
  expect(exports.rx((await lan0.info()).handle, QUEUES, 1)).toBe(-19);
  expect(exports.rx((await wan0.info()).handle, 1, 1)).toBe(-19);
});

test('queues go with their port, and a snapshot has them', async () => {
  const { ns, lan, wan, lan0 } = await lab();
  lan.input.push(flow(1), flow(2), flow(3));
  stack.run(1);
  const again = await createStack({ clock: 'virtual', snapshot: stack.snapshot() });
  const restored = (await again.adopt('r', 0).links()).find(({ name }) => name === 'lan0')!;
  expect(restored.port).toBe((await lan0.info()).port);
  await again.close();
  stack.run(1);
  expect(wan.sent).toHaveLength(3);
  await stack.removePort(lan0);
  const free = freeOf(stack);
  for (let i = 0; i < 3; i++) {
    const driver = new QueueDriver();
    driver.stack = stack;
    await stack.removePort(
      await stack.port(ns, driver as Driver, { name: 'lan0', mac: '02:00:00:00:00:01' }),
    );
  }
  expect(freeOf(stack)).toEqual(free);
});

/** What the hash is of: addresses and, unless told otherwise, ports. */
const inputOf = (frame: Uint8Array, ports: boolean) => frame.subarray(26, ports ? 38 : 34);

/** Bit by bit, as the definition reads. */
function toeplitz(input: Uint8Array): number {
  const bits = [...KEY].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1));
  let hash = 0;
  for (let i = 0; i < input.length * 8; i++) {
    if (((input[i >> 3]! >> (7 - (i & 7))) & 1) === 0) continue;
    hash ^= bits.slice(i, i + 32).reduce((word, bit) => (word << 1) | bit, 0);
  }
  return hash >>> 0;
}
