/** Requests from a host that is wrong or hostile: an error, nothing changed, and the core goes on. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import { HostRing, Status } from '../../assembly/abi/layout.js';
import {
  AddrRec,
  Dump,
  HandleRec,
  HookRec,
  LinkRec,
  LinkStatsRec,
  MibRec,
  Msg,
  MsgType,
  NeighRec,
  NfqueueRec,
  NetRec,
  RawRec,
  RouteRec,
  SeedRec,
  SysctlRec,
  XmitRec,
} from '../../assembly/abi/request.js';
import { Mib } from '../../assembly/abi/snmp.js';
import { AF_INET } from '../../src/net/ip.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { echo, ip4, pattern, raw } from '../oracle/packet.js';
import { freeOf, icmps, listen, twoNetworks } from './lab.js';

/** Bytes that the record of each type has at least. */
const RECORDS: readonly (readonly [type: MsgType, bytes: number])[] = [
  [MsgType.NET_NEW, NetRec.SIZE],
  [MsgType.NET_DEL, NetRec.SIZE],
  [MsgType.LINK_NEW, LinkRec.SIZE],
  [MsgType.LINK_DEL, LinkRec.SIZE],
  [MsgType.LINK_SET, LinkRec.SIZE],
  [MsgType.LINK_DUMP, Dump.RECORDS],
  [MsgType.LINK_STATS, LinkStatsRec.DROPS + SkbDropReason.MAX * 8],
  [MsgType.ADDR_NEW, AddrRec.SIZE],
  [MsgType.ADDR_DEL, AddrRec.SIZE],
  [MsgType.ADDR_DUMP, Dump.RECORDS],
  [MsgType.ROUTE_NEW, RouteRec.SIZE],
  [MsgType.ROUTE_DEL, RouteRec.SIZE],
  [MsgType.ROUTE_DUMP, Dump.RECORDS],
  [MsgType.ROUTE_GET, RouteRec.SIZE],
  [MsgType.NEIGH_NEW, NeighRec.SIZE],
  [MsgType.NEIGH_DEL, NeighRec.SIZE],
  [MsgType.NEIGH_DUMP, Dump.RECORDS],
  [MsgType.SYSCTL_SET, SysctlRec.SIZE],
  [MsgType.SYSCTL_GET, SysctlRec.SIZE],
  [MsgType.MIB_GET, MibRec.VALUES + Mib.MAX * 8],
  [MsgType.HOOK_NEW, HookRec.SIZE],
  [MsgType.HOOK_DEL, HookRec.SIZE],
  [MsgType.RAW_BIND, RawRec.SIZE],
  [MsgType.RAW_UNBIND, RawRec.SIZE],
  [MsgType.HANDLE_RELEASE, HandleRec.SIZE],
  [MsgType.HANDLE_VERDICT, HandleRec.SIZE],
  [MsgType.NFQUEUE_BIND, NfqueueRec.SIZE],
  [MsgType.XMIT, XmitRec.PACKET],
  [MsgType.SEED, SeedRec.SIZE],
  [MsgType.MEMORY_STATS, Status.SIZE - Status.MEMORY_END],
];
const NETS = 6;

interface Raw {
  type: number;
  flags?: number;
  body: Uint8Array;
  /** LEN of the message when it is not what the body makes it. */
  len?: number;
}

/** Puts messages into the area as they are; returns how many the core handled, and the first status. */
function submit(stack: Stack, messages: readonly Raw[]): { handled: number; status: number } {
  const { instance, clock } = stack.core;
  const area = instance.status(Status.REQUEST_AREA);
  let at = 0;
  for (const { type, flags, body, len } of messages) {
    const whole = Msg.BODY + ((body.length + 7) & ~7);
    if (at + whole > instance.status(Status.REQUEST_BYTES)) break;
    instance.u8.fill(0, area + at, area + at + whole);
    instance.view.setUint32(area + at + Msg.LEN, len ?? whole, true);
    instance.view.setUint32(area + at + Msg.TYPE, type, true);
    instance.view.setUint32(area + at + Msg.FLAGS, flags ?? 0, true);
    instance.u8.set(body, area + at + Msg.BODY);
    at += whole;
  }
  const handled = instance.exports.request(clock.now() >>> 0, Math.floor(clock.now() / 2 ** 32), at);
  return { handled, status: instance.view.getInt32(area + Msg.STATUS, true) };
}

/** All of memory but the area. */
function memoryOf(stack: Stack): Buffer {
  const { instance } = stack.core;
  const bytes = Buffer.from(instance.u8.slice(0x10000, instance.status(Status.MEMORY_END)));
  const area = instance.status(Status.REQUEST_AREA) - 0x10000;
  return bytes.fill(0, area, area + instance.status(Status.REQUEST_BYTES));
}

const SIZES = { memoryBytes: 24 << 20, skbs: 512, smallSlots: 512, largeSlots: 4, nets: NETS, devices: 24 };

async function pings(stack: Stack): Promise<void> {
  const { a, r, b } = await twoNetworks({ into: stack, names: ['pa', 'pr', 'pb'] });
  const got = await listen(a, AF_INET);
  await a.send(AF_INET, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, echo()));
  stack.run(1000);
  expect(icmps(got).map(({ type }) => type)).toEqual([0]);
  for (const ns of [a, r, b]) await stack.removeNamespace(ns);
}

describe('a request of the wrong length', () => {
  let stack: Stack;
  let r: Namespace;
  beforeAll(async () => {
    ({ stack, r } = await twoNetworks({ sizes: SIZES }));
  });
  afterAll(() => stack.close());

  test.each(RECORDS.map(([type, bytes]) => [MsgType[type]!, type, bytes] as const))(
    '%s is refused and changes nothing',
    (_name, type, bytes) => {
      // The root's namespace handle first, as most records have it; then the shortest lengths that do not fit.
      for (const length of [0, 8, bytes - 8].filter((n) => n >= 0 && ((n + 7) & ~7) < bytes)) {
        const body = new Uint8Array(length & ~7);
        if (body.length >= 4) new DataView(body.buffer).setUint32(0, r.handle, true);
        const before = memoryOf(stack);
        const { handled, status } = submit(stack, [{ type, body }]);
        expect(handled).toBe(1);
        expect(status).toBeLessThan(0);
        expect(memoryOf(stack).equals(before)).toBe(true);
      }
    },
  );

  test('a type that there is not is an error', () => {
    for (const type of [0, 3, 7, 15, 23, 31, 39, 55, 71, 79, 87, 97, 255, 0x7fffffff, 0xffffffff]) {
      const before = memoryOf(stack);
      const { handled, status } = submit(stack, [{ type, body: new Uint8Array(256) }]);
      expect(handled).toBe(1);
      expect(status, `type ${type}`).toBeLessThan(0);
      expect(memoryOf(stack).equals(before)).toBe(true);
    }
  });

  test('a message length that is odd, too short or beyond the batch ends the batch', () => {
    for (const len of [0, 1, 8, 15, 17, 33, 4096, 0xffff_fff8, 0xffff_ffff]) {
      const before = memoryOf(stack);
      const { handled } = submit(stack, [{ type: MsgType.NET_NEW, body: new Uint8Array(8), len }]);
      expect(handled).toBe(0);
      expect(memoryOf(stack).equals(before)).toBe(true);
    }
  });

  test('more bytes than the area has are not read', () => {
    const { exports } = stack.core.instance;
    const before = memoryOf(stack);
    submit(stack, [{ type: 0, body: new Uint8Array(8) }]);
    expect(exports.request(0, 0, 0xffff_fff8)).toBeLessThan(100_000);
    expect(memoryOf(stack).equals(before)).toBe(true);
  });

  test.each(
    RECORDS.filter(
      ([type]) => type !== MsgType.NET_NEW && type !== MsgType.SEED && type !== MsgType.MEMORY_STATS,
    ),
  )('type %i with the handle of no namespace is refused', (type, bytes) => {
    const body = new Uint8Array(bytes).fill(0xff);
    const before = memoryOf(stack);
    expect(submit(stack, [{ type, body }]).status).toBeLessThan(0);
    expect(memoryOf(stack).equals(before)).toBe(true);
  });
});

describe('random batches', () => {
  const word = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(10, 24, 32, 64, 128, 254, 255, 256, 0x61, 0x0202, 0x0a00_0001, 0xffff_ffff),
    },
    { weight: 1, arbitrary: fc.nat() },
  );
  const message = fc
    .tuple(
      fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(...RECORDS) },
        { weight: 1, arbitrary: fc.tuple(fc.nat(200), fc.nat(300)) },
      ),
      fc.array(word, { minLength: 30, maxLength: 40 }),
      fc.uint8Array({ minLength: 0, maxLength: 200 }),
      fc.nat(3),
      fc.oneof(
        { weight: 12, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.constantFrom(-8, 8, 64, 1) },
      ),
    )
    .map(([[type, bytes], words, noise, flags, more]): Raw => {
      const body = new Uint8Array(
        Math.max(0, bytes + more + (type === MsgType.XMIT ? 120 : 0) + (type % 8 === 2 ? 400 : 0)),
      );
      body.set(new Uint8Array(Uint32Array.from(words).buffer).subarray(0, body.length));
      if (flags === 0 && body.length > 8) body.set(noise.subarray(0, body.length - 8), 8);
      return { type, flags, body };
    });

  test('never trap, and leave a core that forwards and gives all memory back', async () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    const stack = await createStack({ clock: 'virtual', sizes: SIZES });
    await pings(stack);
    const before = freeOf(stack);
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 40 }), async (messages) => {
        // Something to hit: two namespaces, a veth between them, addresses.
        const a = await stack.namespace('a');
        const b = await stack.namespace('b');
        const [link] = await stack.veth([a, 'x'], [b, 'y']);
        await link.addAddress('10.0.0.1/24');
        submit(stack, messages);
        stack.run(1000);
        for (let net = 0; net < NETS; net++) {
          const body = new Uint8Array(NetRec.SIZE);
          body[0] = net;
          submit(stack, [{ type: MsgType.NET_DEL, body }]);
        }
        await stack.removeNamespace(a).catch(() => {});
        await stack.removeNamespace(b).catch(() => {});
        stack.run(10);
        expect(freeOf(stack)).toEqual(before);
        await pings(stack);
        expect(freeOf(stack)).toEqual(before);
      }),
      { numRuns: process.env.LONG === 'true' ? 20_000 : 300, seed },
    );
    await stack.close();
  }, 600_000);
});

describe('the bounds of raw sockets', () => {
  test('a packet that is none, too long or of no family is refused, and nothing is kept', async () => {
    const { stack, a } = await twoNetworks();
    const before = freeOf(stack);
    const good = ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, echo());
    await expect(a.send(AF_INET, new Uint8Array(0))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(a.send(AF_INET, good.subarray(0, 19))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(
      a.send(AF_INET, Uint8Array.from(good, (byte, i) => (i === 0 ? 0x4f : byte)).subarray(0, 40)),
    ).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(
      a.send(
        AF_INET,
        Uint8Array.from(good, (byte, i) => (i === 0 ? 0x65 : byte)),
      ),
    ).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(a.send(AF_INET, new Uint8Array(65536).fill(0x45))).rejects.toMatchObject({
      code: 'EMSGSIZE',
    });
    await expect(a.send(10, good)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(a.send(3 as 2, good)).rejects.toMatchObject({ code: 'EAFNOSUPPORT' });
    await expect(a.send(AF_INET, ip4({ dst: '224.0.0.0' }, echo()), 99)).rejects.toMatchObject({
      code: expect.stringMatching(/^E/) as string,
    });
    stack.run(10);
    expect(freeOf(stack)).toEqual(before);
    await stack.close();
  });

  test('what finds the delivery ring or the handles full is lost and counted, not leaked', async () => {
    const { stack, a, b } = await twoNetworks({ sizes: { deliveries: 4, handles: 16 } });
    const before = freeOf(stack);
    const { instance } = stack.core;
    await listen(b, AF_INET, 17);
    await a.send(AF_INET, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, echo()));
    stack.run(100);
    const packet = ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, raw(17, pattern(40)));
    const body = new Uint8Array(XmitRec.PACKET + packet.length);
    new DataView(body.buffer).setUint32(XmitRec.NET, a.handle, true);
    new DataView(body.buffer).setUint32(XmitRec.FAMILY, AF_INET, true);
    new DataView(body.buffer).setUint32(XmitRec.BYTES, packet.length, true);
    body.set(packet, XmitRec.PACKET);
    submit(
      stack,
      Array.from({ length: 10 }, () => ({ type: MsgType.XMIT, body })),
    );
    stack.run(100);
    const lost = instance.u32[(instance.status(Status.DELIVERY_RING) + HostRing.LOST) >>> 2];
    expect(lost).toBe(6);
    stack.run(5000);
    expect(freeOf(stack)).toMatchObject({ skbs: before.skbs, small: before.small });
    await stack.close();
  });
});
