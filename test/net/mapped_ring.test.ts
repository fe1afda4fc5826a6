/**
 * A receive ring that the core reads itself (assembly/dev/tpacket), between the window that it lies in and the way of
 * its packets: what comes out, when a slot goes back, what a descriptor that makes no sense does.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { NetifF } from '../../assembly/abi/features.js';
import {
  TP_STATUS_CSUMNOTREADY,
  TP_STATUS_KERNEL,
  TP_STATUS_LOSING,
  TP_STATUS_USER,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from '../../assembly/abi/packet.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { buildFrame } from '../offload_frames.js';
import { RingDriver, SLOT_BYTES, SLOTS } from '../ring_driver.js';
import { ScriptDriver } from '../script_driver.js';
import { freeOf } from './lab.js';

const ROUTER_MAC = '02:00:00:00:00:01';
const NEXT_MAC = '02:00:00:00:00:22';
const SG = NetifF.SG;

interface Lab {
  stack: Stack;
  ns: Namespace;
  lan: RingDriver;
  wan: ScriptDriver;
  lan0: Link;
  wan0: Link;
}

const stacks: Stack[] = [];
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
});

/** Frames to 10.0.1.9 that come in by the ring go out by a script's port. */
async function lab(wan: ScriptDriver = new GatherDriver(10), lan = new RingDriver()): Promise<Lab> {
  const stack = await createStack({ clock: 'virtual', seed: 3 });
  stacks.push(stack);
  const ns = await stack.namespace('r');
  const lan0 = await stack.port(ns, lan, { name: 'lan0', mac: ROUTER_MAC, mtu: 60000 });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: '02:00:00:00:00:02', mtu: 60000 });
  await lan0.addAddress('10.0.0.254/24');
  await wan0.addAddress('10.0.1.254/24');
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  await ns.addNeighbour(wan0, { address: '10.0.1.9', mac: NEXT_MAC });
  stack.run(100);
  wan.sent.length = 0;
  return { stack, ns, lan, wan, lan0, wan0 };
}

/** Takes fragments as they are, as packet and TAP ports do. */
class GatherDriver extends ScriptDriver {
  override readonly features: number = SG;
}

const payload = (n: number, seed = 1) => Uint8Array.from({ length: n }, (_, i) => (i * 31 + seed * 7) & 255);
const frameOf = (bytes: number, seed = 1) =>
  buildFrame({ udp: true, payload: payload(bytes, seed), sport: seed });

/** What the UDP payload of a sent frame (behind its vnet header) is. */
const sentPayload = (frame: Uint8Array) => frame.subarray(10 + 42);

describe('a mapped ring', () => {
  test.each([18, 1000, 1878, 1879, 9000, 40000])(
    'hands on a frame with %i bytes unchanged',
    async (bytes) => {
      const { stack, lan, wan } = await lab();
      const slot = lan.fill(frameOf(bytes));
      stack.run(1);
      expect(wan.sent).toHaveLength(1);
      expect(sentPayload(wan.sent[0]!)).toEqual(payload(bytes));
      stack.run(1);
      expect(lan.status(slot)).toBe(TP_STATUS_KERNEL);
    },
  );

  test('goes round, as often as there are frames', async () => {
    const { stack, lan, wan } = await lab();
    const free = freeOf(stack);
    for (let i = 0; i < 5 * SLOTS + 1; i++) {
      lan.fill(frameOf(i % 2 === 0 ? 100 : 9000, i));
      if (i % 4 === 3) stack.run(1);
    }
    stack.run(1);
    expect(wan.sent.map((frame) => sentPayload(frame)[0])).toEqual(
      Array.from({ length: 5 * SLOTS + 1 }, (_, i) => payload(1, i)[0]),
    );
    stack.run(1);
    expect(freeOf(stack)).toEqual(free);
  });

  test('gives a slot back at once when its frame was copied, and when it was sent when it was not', async () => {
    const { stack, lan, wan } = await lab();
    wan.room = 0;
    const small = lan.fill(frameOf(100));
    const long = lan.fill(frameOf(9000));
    stack.run(1);
    expect([lan.status(small), lan.status(long)]).toEqual([TP_STATUS_KERNEL, TP_STATUS_USER]);
    wan.room = 10;
    stack.run(1);
    stack.run(1);
    expect(lan.status(long)).toBe(TP_STATUS_KERNEL);
    expect(sentPayload(wan.sent[1]!)).toEqual(payload(9000));
  });

  test('waits for the slots that packets still lie in', async () => {
    const { stack, lan, wan } = await lab();
    wan.room = 0;
    for (let i = 0; i < SLOTS; i++) lan.fill(frameOf(3000, i));
    stack.run(1);
    for (let i = 0; i < SLOTS; i++) expect(lan.status(i)).toBe(TP_STATUS_USER);
    stack.run(1);
    wan.room = 100;
    stack.run(1);
    stack.run(1);
    expect(wan.sent).toHaveLength(SLOTS);
    for (let i = 0; i < SLOTS; i++) expect(lan.status(i)).toBe(TP_STATUS_KERNEL);
  });

  test('is not held up by a packet that waits for its neighbour', async () => {
    const { stack, ns, lan, wan, wan0 } = await lab();
    await ns.deleteNeighbour(wan0, '10.0.1.9');
    const slot = lan.fill(frameOf(9000));
    stack.run(1);
    expect(lan.status(slot)).toBe(TP_STATUS_KERNEL);
    lan.rings.u8.fill(0xee, lan.slot(slot), lan.slot(slot) + SLOT_BYTES);
    await ns.addNeighbour(wan0, { address: '10.0.1.9', mac: NEXT_MAC });
    stack.run(1);
    expect(sentPayload(wan.sent.at(-1)!)).toEqual(payload(9000));
  });

  test('is not held up by a packet in a queue, or by a fragment of one', async () => {
    const { stack, lan, wan } = await lab(new ScriptDriver(10));
    wan.room = 0;
    // More than the transmit ring takes: the rest waits in the qdisc.
    let slot = 0;
    for (let i = 0; i < 258; i++) {
      slot = lan.fill(frameOf(i < 256 ? 100 : 3000, i));
      stack.run(1);
    }
    expect(lan.status(slot)).toBe(TP_STATUS_KERNEL);
    const fragment = frameOf(9000);
    fragment[20] = 0x20; // MF
    fragment.set([10, 0, 0, 254], 30);
    fragment.set([0, 0], 24);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += (fragment[i]! << 8) | fragment[i + 1]!;
    sum = (sum & 0xffff) + (sum >>> 16);
    fragment.set([(~sum >> 8) & 255, ~sum & 255], 24);
    slot = lan.fill(fragment);
    stack.run(1);
    expect(lan.status(slot)).toBe(TP_STATUS_KERNEL);
  });

  test('may go while packets still lie in it', async () => {
    const { stack, lan, wan, lan0 } = await lab();
    wan.room = 0;
    lan.fill(frameOf(9000));
    stack.run(1);
    await stack.removePort(lan0);
    expect(lan.at).toBe(-1);
    wan.room = 10;
    stack.run(1);
    expect(sentPayload(wan.sent[0]!)).toEqual(payload(9000));
  });

  test('is no part of a snapshot, but packets from it are; the port comes up afresh', async () => {
    const { stack, lan, wan } = await lab();
    wan.room = 0;
    lan.fill(frameOf(9000));
    stack.run(1);
    const snapshot = stack.snapshot();
    const again = await createStack({ clock: 'virtual', snapshot });
    stacks.push(again);
    const [ring, out] = [new RingDriver(), new GatherDriver(10)];
    const ns = again.adopt('r', 0);
    await again.adoptPort(ns, 'lan0', ring);
    await again.adoptPort(ns, 'wan0', out);
    again.run(1);
    expect(out.sent.map((frame) => sentPayload(frame))).toEqual([payload(9000)]);
    ring.fill(frameOf(5000, 2));
    again.run(1);
    expect(sentPayload(out.sent[1]!)).toEqual(payload(5000, 2));
  });

  test('is freed with its port and made again, 100 times, without losing any memory', async () => {
    const { stack, ns, lan0 } = await lab();
    await stack.removePort(lan0);
    const free = freeOf(stack);
    let at = -1;
    for (let i = 0; i < 100; i++) {
      const driver = new RingDriver();
      const link = await stack.port(ns, driver, { name: 'lan0', mac: ROUTER_MAC });
      if (i === 0) at = driver.at;
      expect(driver.at).toBe(at);
      driver.fill(frameOf(9000));
      stack.run(1);
      await stack.removePort(link);
    }
    stack.run(1);
    expect(freeOf(stack)).toEqual(free);
  });

  test('that does not fit the window is refused by name, and nothing is kept', async () => {
    const stack = await createStack({ clock: 'virtual', sizes: { windowBytes: 65536 } });
    stacks.push(stack);
    const ns = await stack.namespace('r');
    const driver = new RingDriver();
    await expect(stack.port(ns, driver, { name: 'lan0', mac: ROUTER_MAC })).rejects.toMatchObject({
      code: 'ENOMEM',
      message: expect.stringMatching(
        /^script: a ring of 1 MB does not fit the window of 1 MB; .*windowBytes/,
      ),
    });
    expect(driver.closed).toBe(1);
    expect((await ns.links()).map(({ name }) => name)).toEqual(['lo']);
  });
});

describe('a descriptor that makes no sense is dropped and counted:', () => {
  const frame = frameOf(100);
  test.each([
    ['longer than the slot', { len: SLOT_BYTES, snaplen: SLOT_BYTES }],
    ['longer than the slot behind its offset', { len: SLOT_BYTES - 95, snaplen: SLOT_BYTES - 95 }],
    ['as long as a number gets', { len: 0xffffffff, snaplen: 0xffffffff }],
    ['cut off', { len: 3000 }],
    ['with more than there was', { len: 60 }],
    ['shorter than an Ethernet header', { len: 13, snaplen: 13 }],
    ['empty', { len: 0, snaplen: 0 }],
    ['with an offset inside the descriptor', { mac: 41 }],
    ['with an offset of 0', { mac: 0 }],
    ['with an offset behind the slot', { mac: 65535, len: 1000, snaplen: 1000 }],
  ])('%s', async (_, own) => {
    const { stack, lan, wan, lan0 } = await lab();
    const before = freeOf(stack);
    const slot = lan.fill(frame, own);
    const good = lan.fill(frameOf(200, 2));
    stack.run(1);
    stack.run(1);
    expect(wan.sent.map((sent) => sentPayload(sent))).toEqual([payload(200, 2)]);
    expect((await lan0.stats()).drops).toEqual({ DEV_HDR: 1 });
    expect((await lan0.stats()).rxErrors).toBe(1);
    expect([lan.status(slot), lan.status(good)]).toEqual([TP_STATUS_KERNEL, TP_STATUS_KERNEL]);
    expect(freeOf(stack)).toEqual(before);
  });

  test('with a vnet header that does not fit the frame', async () => {
    const { stack, lan, wan, lan0 } = await lab();
    lan.fill(frame, { vnet: Uint8Array.of(1, 0, 0, 0, 0, 0, 0xff, 0x7f, 6, 0) });
    lan.fill(frame, { vnet: Uint8Array.of(0, 77, 0, 0, 100, 0, 34, 0, 6, 0) });
    stack.run(1);
    expect(wan.sent).toEqual([]);
    expect(await lan0.stats()).toMatchObject({ rxErrors: 2, drops: { DEV_HDR: 2 } });
  });

  test('while a net offset of any value, LOSING and unknown flags are nobody’s business', async () => {
    const { stack, lan, wan } = await lab();
    lan.fill(frame, { net: 65535 });
    lan.fill(frame, { net: 0, status: TP_STATUS_USER | TP_STATUS_LOSING | 0x4000_0000 });
    stack.run(1);
    expect(wan.sent).toHaveLength(2);
  });

  test('and one that is not the core’s yet is not read, whatever else its status says', async () => {
    const { stack, lan, wan } = await lab();
    const slot = lan.fill(frame, { status: TP_STATUS_LOSING | TP_STATUS_VLAN_VALID });
    lan.fill(frameOf(50));
    stack.run(1);
    expect(wan.sent).toEqual([]);
    lan.rings.u32[lan.slot(slot) >>> 2] = TP_STATUS_USER;
    stack.run(1);
    expect(wan.sent).toHaveLength(2);
  });
});

describe('what the kernel took out of the frame', () => {
  test.each([
    ['802.1Q', 0x8100, TP_STATUS_VLAN_TPID_VALID],
    ['802.1ad', 0x88a8, TP_STATUS_VLAN_TPID_VALID],
    ['802.1Q, from a kernel that does not say so', 0x8100, 0],
  ])('comes back as its tag: %s', async (_, tpid, valid) => {
    const { stack, ns, lan, wan, lan0 } = await lab();
    const protocol = tpid === 0x8100 ? '802.1Q' : '802.1ad';
    const vlan = await ns.addLink({ kind: 'vlan', name: 'v5', link: lan0, id: 5, protocol });
    await vlan.up();
    await vlan.addAddress('10.0.5.254/24');
    const tagged = {
      status: TP_STATUS_USER | TP_STATUS_VLAN_VALID | valid,
      tci: 0xa005,
      tpid: valid && tpid,
    };
    lan.fill(frameOf(9000), tagged);
    lan.fill(frameOf(100), { ...tagged, tci: 0xa006 });
    stack.run(1);
    expect(wan.sent.map((frame) => sentPayload(frame))).toEqual([payload(9000)]);
    expect((await vlan.stats()).rxPackets).toBe(1);
  });

  test('is filled in when it is a checksum, with a vnet header or without', async () => {
    const whole = buildFrame({ udp: true, payload: payload(3000) });
    const partial = whole.slice();
    const pseudo = [10, 0, 0, 1, 10, 0, 1, 9].reduce(
      (sum, b, i) => sum + (i % 2 === 0 ? b << 8 : b),
      17 + 3008,
    );
    partial.set([pseudo >> 8, pseudo & 255], 40);
    const check = (frame: Uint8Array) => frame.slice(40, 42);
    const with10 = await lab(new GatherDriver(10));
    with10.lan.fill(partial, { vnet: Uint8Array.of(1, 0, 0, 0, 0, 0, 34, 0, 6, 0) });
    with10.stack.run(1);
    expect(check(with10.wan.sent[0]!.subarray(10))).toEqual(check(whole));
    const without = await lab(new GatherDriver(10), new RingDriver(0));
    without.lan.fill(partial, { status: TP_STATUS_USER | TP_STATUS_CSUMNOTREADY });
    without.stack.run(1);
    expect(check(without.wan.sent[0]!.subarray(10))).toEqual(check(whole));
  });

  test('is a whole train of segments, which goes on as one', async () => {
    class Nic extends ScriptDriver {
      override readonly features: number = SG | NetifF.HW_CSUM | NetifF.TSO;
    }
    const { stack, lan, wan } = await lab(new Nic(10));
    const train = buildFrame({ payload: payload(50000) });
    const vnet = Uint8Array.of(1, 1, 54, 0, 0xa8, 0x05, 34, 0, 16, 0);
    lan.fill(train, { vnet });
    stack.run(1);
    expect(wan.sent).toHaveLength(1);
    expect(wan.sent[0]!.subarray(0, 10)).toEqual(vnet);
    expect(wan.sent[0]!.subarray(10 + 54)).toEqual(payload(50000));
  });
});
