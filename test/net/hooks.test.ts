/** Hook points: who is called when, the five verdicts, and packets that the host queues and gives back. */
import { describe, expect, test } from 'vitest';
import { HandleRec, MsgType } from '../../assembly/abi/request.js';
import type { CoreDelivery } from '../../src/core/core.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { Stack } from '../../src/stack.js';
import { echo, echo6, ip4, ip6, pattern } from '../oracle/packet.js';
import { addCallback, addPrivVerdict } from '../wasm_callback.js';
import { families, freeOf, icmps, listen, type TwoNetworks, twoNetworks } from './lab.js';

const DROP = 0;
const ACCEPT = 1;
const STOLEN = 2;
const QUEUE = 3;
const REPEAT = 4;
const [PRE_ROUTING, LOCAL_IN, FORWARD, LOCAL_OUT, POST_ROUTING, INGRESS, EGRESS] = [0, 1, 2, 3, 4, 5, 6];
const QUEUED = 2;

type Side = (typeof families)[number];
const proto = (side: Side): 0 | 1 => (side.name === 'IPv4' ? 0 : 1);

let lastOp = 600;
/** Puts a function behind a fresh op id. */
function op(stack: Stack, verdict: (priv: number, skb: number, hook: number) => number): number {
  const { exports, u32 } = stack.core.instance;
  const index = addCallback(exports.table, 3, true, (priv, skb, state) =>
    verdict(priv!, skb!, u32[state! >>> 2]!),
  );
  expect(exports.setOp(++lastOp, index)).toBe(0);
  return lastOp;
}

/** Puts a generated module's function into the core's table, whose verdict is the hook's priv; returns its op id. */
function generatedOp(stack: Stack): number {
  const { exports } = stack.core.instance;
  expect(exports.setOp(++lastOp, addPrivVerdict(exports.table))).toBe(0);
  return lastOp;
}

function ping(side: Side, size = 32): Uint8Array {
  if (proto(side) === 0) return ip4({ src: side.a, dst: side.b, id: 0 }, echo(pattern(size)));
  return ip6({ src: side.a, dst: side.b }, echo6(pattern(size)));
}

/** A hook that was called: written down, and its verdict. */
function note<T>(calls: T[], what: T, verdict: number): number {
  calls.push(what);
  return verdict;
}

interface Bench extends TwoNetworks {
  got: Uint8Array[];
  send(size?: number): Promise<void>;
  replies(): number;
}

async function bench(side: Side, options: Parameters<typeof twoNetworks>[0] = {}): Promise<Bench> {
  const lab = await twoNetworks(options);
  const got = await listen(lab.a, side.family);
  const send = async (size?: number) => {
    await lab.a.send(side.family, ping(side, size));
    lab.stack.run(100);
  };
  // Neighbours are known before anything is counted.
  await send();
  got.length = 0;
  return { ...lab, got, send, replies: () => icmps(got).length };
}

const hookOf =
  (ns: Namespace, side: Side) =>
  (
    hook: number,
    opId: number,
    more: { priority?: number; id?: number; priv?: number; ifindex?: number } = {},
  ) =>
    ns.addHook({
      family: proto(side),
      hook,
      op: opId,
      priority: more.priority ?? 0,
      id: more.id ?? 1,
      ...more,
    });

/** Keeps what is queued, until the test decides. */
function queue(stack: Stack): CoreDelivery[] {
  const held: CoreDelivery[] = [];
  stack.core.onDelivery((delivery) => {
    if (delivery.kind !== QUEUED) return false;
    held.push(delivery);
    return true;
  });
  return held;
}

const verdictStatus = (stack: Stack, handle: number, verdict: number): Promise<unknown> =>
  stack.core.request(
    {
      type: MsgType.HANDLE_VERDICT,
      bytes: HandleRec.SIZE,
      fill: (view, at) => {
        view.setUint32(at + HandleRec.HANDLE, handle, true);
        view.setInt32(at + HandleRec.VERDICT, verdict, true);
      },
    },
    'verdict',
  );

describe.each(families)('$name hooks', (side) => {
  test('are called at each point that a packet passes, in its order', async () => {
    const b = await bench(side);
    const calls: string[] = [];
    for (const ns of [b.r, b.b]) {
      for (const hook of [PRE_ROUTING, LOCAL_IN, FORWARD, LOCAL_OUT, POST_ROUTING]) {
        await hookOf(ns, side)(
          hook!,
          op(b.stack, (_priv, _skb, at) => note(calls, `${ns.name}${at}`, ACCEPT)),
        );
      }
    }
    await b.send();
    expect(b.replies()).toBe(1);
    expect(calls).toEqual(['r0', 'r2', 'r4', 'b0', 'b1', 'b3', 'b4', 'r0', 'r2', 'r4']);
    await b.stack.close();
  });

  test('run by priority, then in the order of registration', async () => {
    const b = await bench(side);
    const calls: number[] = [];
    const opId = op(b.stack, (priv) => note(calls, priv, ACCEPT));
    for (const [priority, priv] of [
      [10, 1],
      [-5, 2],
      [0, 3],
      [10, 4],
      [-2147483648, 5],
      [0, 6],
    ] as const) {
      await hookOf(b.r, side)(FORWARD!, opId, { priority, priv, id: priv });
    }
    await b.a.send(side.family, ping(side));
    b.stack.run(100);
    expect(calls).toEqual([5, 2, 3, 6, 1, 4, 5, 2, 3, 6, 1, 4]);
    await b.r.deleteHook({ family: proto(side), hook: FORWARD!, priority: 0, op: opId, id: 3 });
    await expect(
      b.r.deleteHook({ family: proto(side), hook: FORWARD!, priority: 0, op: opId, id: 3 }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
    calls.length = 0;
    await b.send();
    expect(calls.slice(0, 5)).toEqual([5, 2, 6, 1, 4]);
    await b.stack.close();
  });

  test.each([PRE_ROUTING!, FORWARD!, POST_ROUTING!])(
    'drop at point %i as NETFILTER_DROP, by a generated module',
    async (hook) => {
      const b = await bench(side);
      const before = freeOf(b.stack);
      const opId = generatedOp(b.stack);
      await hookOf(b.r, side)(hook, opId, { priv: DROP });
      await b.send();
      expect(b.replies()).toBe(0);
      const drops = { ...(await b.lan.stats()).drops, ...(await b.wan.stats()).drops };
      expect(drops.NETFILTER_DROP).toBe(1);
      expect(freeOf(b.stack)).toMatchObject({ skbs: before.skbs, small: before.small });
      await b.r.deleteHook({ family: proto(side), hook, priority: 0, op: opId, id: 1 });
      await b.send();
      expect(b.replies()).toBe(1);
      await b.stack.close();
    },
  );

  test.each([LOCAL_IN!, LOCAL_OUT!])('drop at point %i of a host', async (hook) => {
    const b = await bench(side);
    await hookOf(b.b, side)(hook, generatedOp(b.stack), { priv: DROP });
    await b.send();
    expect(b.replies()).toBe(0);
    await b.stack.close();
  });

  test('may steal a packet: it goes no further and is not freed', async () => {
    const b = await bench(side);
    const before = freeOf(b.stack);
    await hookOf(b.r, side)(FORWARD!, generatedOp(b.stack), { priv: STOLEN });
    await b.send();
    expect(b.replies()).toBe(0);
    expect(freeOf(b.stack).skbs).toBe(before.skbs - 1);
    await b.stack.close();
  });

  test('may ask for themselves again, 16 times at most', async () => {
    const b = await bench(side);
    let calls = 0;
    await hookOf(b.r, side)(
      FORWARD!,
      op(b.stack, () => (++calls % 4 === 0 ? ACCEPT : REPEAT)),
    );
    await b.send();
    expect(b.replies()).toBe(1);
    expect(calls).toBe(8);
    await hookOf(b.r, side)(PRE_ROUTING!, generatedOp(b.stack), { priv: REPEAT });
    await b.send();
    expect(b.replies()).toBe(1);
    expect((await b.lan.stats()).drops.NETFILTER_DROP).toBe(1);
    await b.stack.close();
  });

  test('whose function is not there let packets pass', async () => {
    const b = await bench(side);
    for (const hook of [PRE_ROUTING!, FORWARD!, POST_ROUTING!]) await hookOf(b.r, side)(hook, 1000);
    await b.send();
    expect(b.replies()).toBe(1);
    await b.stack.close();
  });

  test.each([PRE_ROUTING!, FORWARD!, POST_ROUTING!])(
    'queue at point %i: ACCEPT goes on behind the hook, with those after it',
    async (hook) => {
      const b = await bench(side);
      const held = queue(b.stack);
      const calls: string[] = [];
      await hookOf(b.r, side)(
        hook,
        op(b.stack, () => note(calls, 'queue', QUEUE | (7 << 16))),
        { priority: 0 },
      );
      await hookOf(b.r, side)(
        hook,
        op(b.stack, () => note(calls, 'after', ACCEPT)),
        { priority: 1, id: 2 },
      );
      await b.send();
      expect(held).toHaveLength(1);
      expect(held[0]).toMatchObject({
        socket: 7,
        net: b.r.handle,
        protocol: proto(side) === 0 ? 0x0800 : 0x86dd,
      });
      expect(held[0]!.packet.subarray(-32)).toEqual(pattern(32));
      expect(calls).toEqual(['queue']);
      b.stack.core.verdict(held[0]!.handle, ACCEPT);
      b.stack.run(100);
      expect(calls).toEqual(['queue', 'after', 'queue']);
      b.stack.core.verdict(held[1]!.handle, ACCEPT);
      b.stack.run(100);
      expect(b.replies()).toBe(1);
      await b.stack.close();
    },
  );

  test('queue: DROP frees, REPEAT calls the hook again, a used handle is refused', async () => {
    const b = await bench(side);
    const before = freeOf(b.stack);
    const held = queue(b.stack);
    let calls = 0;
    await hookOf(b.r, side)(
      FORWARD!,
      op(b.stack, () => (++calls === 2 ? ACCEPT : QUEUE)),
    );
    await b.send();
    expect(freeOf(b.stack).skbs).toBe(before.skbs - 1);
    b.stack.core.verdict(held[0]!.handle, REPEAT);
    b.stack.run(100);
    expect(calls).toBe(3);
    expect(held).toHaveLength(2);
    b.stack.core.verdict(held[1]!.handle, DROP);
    b.stack.run(100);
    expect(b.replies()).toBe(0);
    expect((await b.wan.stats()).drops.NETFILTER_DROP).toBe(1);
    for (const { handle } of held) {
      await expect(verdictStatus(b.stack, handle, ACCEPT)).rejects.toMatchObject({ code: 'ENOENT' });
    }
    await expect(verdictStatus(b.stack, 0xffff_ffff, ACCEPT)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(freeOf(b.stack)).toMatchObject({ skbs: before.skbs, small: before.small });
    await b.stack.close();
  });

  test('queue: what finds no handle is dropped as HOST_HANDLES_FULL', async () => {
    const b = await bench(side, { sizes: { handles: 2 } });
    const held = queue(b.stack);
    await hookOf(b.r, side)(FORWARD!, generatedOp(b.stack), { priv: QUEUE });
    for (let i = 0; i < 5; i++) await b.send();
    expect(held).toHaveLength(2);
    expect((await b.lan.stats()).drops.HOST_HANDLES_FULL).toBe(3);
    b.stack.core.verdict(held[0]!.handle, DROP);
    await b.send();
    expect(held).toHaveLength(3);
    expect(held[2]!.handle).not.toBe(held[0]!.handle);
    await b.stack.close();
  });

  test('queue: a route or a device that goes in the meantime does no harm', async () => {
    const b = await bench(side);
    const held = queue(b.stack);
    await hookOf(b.r, side)(FORWARD!, generatedOp(b.stack), { priv: QUEUE });
    const last = generatedOp(b.stack);
    await hookOf(b.r, side)(POST_ROUTING!, last, { priv: QUEUE });
    for (let i = 0; i < 4; i++) await b.send();
    b.stack.core.verdict(held[0]!.handle, ACCEPT);
    b.stack.run(100);
    // The one that went on, at the second hook; neighbour discovery of the router's own may be queued there, too.
    expect(held.length).toBeGreaterThanOrEqual(5);
    const before = freeOf(b.stack);
    await b.r.deleteHook({ family: proto(side), hook: POST_ROUTING!, priority: 0, op: last, id: 1 });
    await b.wan.delete();
    for (const { handle } of held.slice(1)) b.stack.core.verdict(handle, ACCEPT);
    b.stack.run(5000);
    expect(freeOf(b.stack).skbs).toBe(before.skbs + held.length - 1);
    // As before: what comes is queued, or has no route now.
    await b.send();
    expect(b.replies()).toBeLessThanOrEqual(1);
    await b.stack.removeNamespace(b.a);
    await b.stack.removeNamespace(b.r);
    await b.stack.close();
  });

  test('at ingress and egress see every frame of a device, and drop or queue it', async () => {
    const b = await bench(side);
    const held = queue(b.stack);
    const calls: number[] = [];
    const opId = op(b.stack, (priv, _skb, at) => note(calls, at, priv));
    await hookOf(b.r, side)(INGRESS!, opId, { ifindex: b.lan.ifindex, priv: ACCEPT });
    await hookOf(b.r, side)(EGRESS!, opId, { ifindex: b.wan.ifindex, priv: ACCEPT });
    await b.send();
    expect(calls).toEqual([INGRESS, EGRESS]);
    expect(b.replies()).toBe(1);
    await hookOf(b.r, side)(EGRESS!, opId, { ifindex: b.wan.ifindex, priv: QUEUE, id: 2 });
    await b.send();
    expect(held).toHaveLength(1);
    b.stack.core.verdict(held[0]!.handle, ACCEPT);
    b.stack.run(100);
    expect(b.replies()).toBe(2);
    await hookOf(b.r, side)(INGRESS!, opId, { ifindex: b.lan.ifindex, priv: DROP, id: 3 });
    await b.send();
    expect(b.replies()).toBe(2);
    await expect(hookOf(b.r, side)(INGRESS!, opId, { ifindex: 99 })).rejects.toMatchObject({
      code: 'ENODEV',
    });
    await b.stack.close();
  });
});

test('op ids that are not for hooks of the host are refused', async () => {
  const { stack, r } = await twoNetworks();
  expect(stack.core.instance.exports.setOp(1, 1)).toBe(-22);
  expect(stack.core.instance.exports.setOp(4096, 1)).toBe(-22);
  await expect(r.addHook({ family: 0, hook: 0, priority: 0, op: 1024, id: 1 })).rejects.toMatchObject({
    code: 'EINVAL',
  });
  await expect(r.addHook({ family: 0, hook: 0, priority: 0, op: 1, id: 1 })).rejects.toMatchObject({
    code: 'EINVAL',
  });
  await expect(r.addHook({ family: 0, hook: 9, priority: 0, op: 600, id: 1 })).rejects.toMatchObject({
    code: 'EINVAL',
  });
  for (let i = 0; i < 128; i++) await r.addHook({ family: 0, hook: 0, priority: 0, op: 600, id: i });
  await expect(r.addHook({ family: 0, hook: 0, priority: 0, op: 600, id: 200 })).rejects.toMatchObject({
    code: 'ENOMEM',
  });
  await stack.close();
});
