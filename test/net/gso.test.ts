/**
 * Frames that stand for many (virtio's GSO) on their way from port to port: by routes, through VLANs and through a
 * bridge. What a port cannot segment itself leaves as the segments that a sender without offloads would have sent.
 */
import { describe, expect, test } from 'vitest';
import { NetifF } from '../../assembly/abi/features.js';
import { parseMac } from '../../src/config/ip_address.js';
import { createStack } from '../../src/stack.js';
import { buildFrame, bytesOf } from '../offload_frames.js';
import { cat } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { type BridgeLab, bridgeLab, mac } from './bridge_lab.js';
import { hex, tag } from './frames.js';
import { address } from './lab.js';

const [MAC_A, MAC_B] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
const S_TAG = 0x88a8;
const MSS = 1400;
const VNET = 10;
const payload = bytesOf(6000, 5);

class TsoDriver extends ScriptDriver {
  override readonly features =
    NetifF.HW_CSUM | NetifF.SG | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.GRO;
  constructor() {
    super(VNET);
  }
}

const withTags = (f: Uint8Array, ...tags: Uint8Array[]) => cat(f.subarray(0, 12), ...tags, f.subarray(12));

/** A GSO frame of TCP with its vnet header, and its tags in the frame; the checksum is still to be filled in. */
function gsoFrame(...tags: Uint8Array[]): Uint8Array {
  const bytes = withTags(buildFrame({ payload }), ...tags);
  const vnet = new Uint8Array(VNET);
  const at = 34 + tags.length * 4;
  new Uint16Array(vnet.buffer).set([1 | (1 << 8), at + 20, MSS, at, 16]);
  // The pseudo header's sum: 10.0.0.1, 10.0.1.9, TCP, length.
  let sum = 0x0a00 + 1 + 0x0a00 + 0x0109 + 6 + 20 + payload.length;
  sum = (sum & 0xffff) + (sum >>> 16);
  bytes.set([sum >> 8, sum & 0xff], at + 16);
  return cat(vnet, bytes);
}

/** What a sender without offloads would have sent, with these MACs if the packet was routed. */
function segments(ttl: number, tags: Uint8Array[], macs?: Uint8Array): string[] {
  return Array.from({ length: Math.ceil(payload.length / MSS) }, (_, i) => {
    const part = payload.subarray(i * MSS, i * MSS + MSS);
    const f = buildFrame({ payload: part, seq: 1000 + i * MSS, id: i, ttl });
    if (macs !== undefined) f.set(macs, 0);
    return hex(withTags(f, ...tags));
  });
}

const vnetOf = (sent: Uint8Array) => {
  const dv = new DataView(sent.buffer, sent.byteOffset, VNET);
  return {
    flags: dv.getUint8(0),
    type: dv.getUint8(1),
    size: dv.getUint16(4, true),
    start: dv.getUint16(6, true),
    offset: dv.getUint16(8, true),
  };
};

const PEER = parseMac('02:00:00:00:00:aa')!;
const OWN = parseMac(MAC_B)!;

describe('a GSO frame with its VLAN tags in the frame', () => {
  interface Routed {
    sent: Uint8Array[];
    drops: object;
  }
  /** Comes in by these tags and is routed out by those. */
  async function routed(into: number[], outOf: number[], out: ScriptDriver): Promise<Routed> {
    const stack = await createStack({ clock: 'virtual' });
    const ns = await stack.namespace('r');
    await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const driver = new TsoDriver();
    const devices = [];
    for (const [name, own, port, ids] of [
      ['in', MAC_A, driver, into],
      ['out', MAC_B, out, outOf],
    ] as const) {
      let link = await stack.port(ns, port, { name, mac: own });
      for (const [i, id] of ids.entries()) {
        await link.up();
        const protocol = i < ids.length - 1 ? '802.1ad' : '802.1Q';
        link = await ns.addLink({ kind: 'vlan', name: `${name}.${id}`, link, id, protocol });
      }
      await link.up();
      devices.push(link);
    }
    const [from, to] = devices;
    await address(from!, '10.0.0.254/24');
    await address(to!, '10.0.1.254/24');
    await ns.addNeighbour(to!, { address: '10.0.1.9', mac: '02:00:00:00:00:aa' });
    await ns.setSysctl('net.ipv4.ip_forward', 1);
    stack.run(100);
    out.sent.splice(0);
    driver.input.push(gsoFrame(...tagsOf(into)));
    stack.run(10);
    const stats = await (await ns.link('in')).stats();
    const sent = out.sent.splice(0);
    await stack.close();
    return { sent, drops: stats.drops };
  }
  const tagsOf = (ids: number[]) => ids.map((id, i) => tag(id, 0, i < ids.length - 1 ? S_TAG : 0x8100));

  test.each([
    ['one VLAN into another', [10], [20]],
    ['a VLAN into none', [10], []],
    ['QinQ into a VLAN', [100, 7], [20]],
    ['QinQ into QinQ', [100, 7], [200, 8]],
  ])('is routed from %s, and cut for a port without offloads', async (_name, into, outOf) => {
    const { sent, drops } = await routed(into, outOf, new ScriptDriver());
    expect(drops).toEqual({});
    expect(sent.map(hex)).toEqual(segments(63, tagsOf(outOf), cat(PEER, OWN)));
  });

  test('stays whole for a port that segments, which is told where the sum goes behind the tag', async () => {
    const { sent } = await routed([10], [20], new TsoDriver());
    expect(sent.map((one) => [one.length, vnetOf(one)])).toEqual([
      [VNET + 18 + 40 + payload.length, { flags: 1, type: 1, size: MSS, start: 38, offset: 16 }],
    ]);
  });

  test('is cut before it leaves with two tags, as Linux does, and the port fills the sums in', async () => {
    const { sent } = await routed([10], [100, 7], new TsoDriver());
    expect(sent.map((one) => vnetOf(one))).toEqual(
      new Array(5).fill({ flags: 1, type: 0, size: 0, start: 42, offset: 16 }),
    );
  });

  test('with a header that does not count its tag is refused', async () => {
    const stack = await createStack({ clock: 'virtual' });
    const ns = await stack.namespace('r');
    const driver = new TsoDriver();
    const port = await stack.port(ns, driver, { name: 'in' });
    const bytes = gsoFrame(tag(10));
    bytes[6] = 34;
    driver.input.push(bytes);
    stack.run(10);
    expect(await port.stats()).toMatchObject({ rxErrors: 1, drops: { DEV_HDR: 1 } });
    await stack.close();
  });
});

describe('a GSO frame through a bridge', () => {
  const forget = (lab: BridgeLab) => {
    for (const driver of lab.drivers) driver.sent.length = 0;
  };
  const sentBy = ({ drivers }: BridgeLab) => drivers.map(({ sent }) => sent.map(hex));
  /** From station to station: the frame's own MACs are those of the bridge's ports. */
  const stations = cat(parseMac(mac(2))!, parseMac(mac(1))!);
  const across = (...tags: Uint8Array[]) => {
    const made = gsoFrame(...tags);
    made.set(stations, VNET);
    return made;
  };
  const whole = (...tags: Uint8Array[]) => [hex(across(...tags))];

  test('goes on whole to a port that segments, as segments to one that does not, flooded or known', async () => {
    const lab = await bridgeLab(3, {}, (i) => (i < 2 ? new TsoDriver() : new ScriptDriver()));
    lab.send(0, across());
    // What segments is told that the headers end behind TCP's.
    const [, asSent] = sentBy(lab);
    expect(asSent!.map((one) => vnetOf(Buffer.from(one, 'hex')))).toEqual([
      { flags: 1, type: 1, size: MSS, start: 34, offset: 16 },
    ]);
    expect(asSent!.map((one) => one.slice(VNET * 2))).toEqual(whole().map((one) => one.slice(VNET * 2)));
    expect(sentBy(lab)[2]).toEqual(segments(64, [], stations));
    // The answer teaches where the receiver is: next time only that port.
    const answer = buildFrame({ payload: bytesOf(9, 1) });
    answer.set(cat(parseMac(mac(1))!, parseMac(mac(2))!), 0);
    lab.send(2, answer);
    forget(lab);
    lab.send(0, across());
    expect(sentBy(lab)).toEqual([[], [], segments(64, [], stations)]);
    await lab.stack.close();
  });

  test('from a trunk leaves untagged where its VLAN is, tagged by the other trunk, and the same way back', async () => {
    const lab = await bridgeLab(4, { vlanFiltering: true }, (i) =>
      i < 3 ? new TsoDriver() : new ScriptDriver(),
    );
    for (const [i, link] of lab.links.entries()) {
      const port = lab.bridge.port(link);
      await port.deleteVlan(1);
      await port.addVlan(i === 1 ? { first: 10, pvid: true, untagged: true } : { first: 10 });
    }
    const bytes = (frames: string[]) => frames.map((one) => one.slice(VNET * 2));
    lab.send(0, across(tag(10)));
    let [trunk, access, other, plain] = sentBy(lab);
    expect(trunk).toEqual([]);
    expect(bytes(access!)).toEqual(bytes(whole()));
    expect(bytes(other!)).toEqual(bytes(whole(tag(10))));
    expect(vnetOf(Buffer.from(other![0]!, 'hex')).start).toBe(38);
    expect(plain).toEqual(segments(64, [tag(10)], stations));
    lab.send(1, across());
    [trunk, access, other, plain] = sentBy(lab);
    expect(bytes(trunk!)).toEqual(bytes(whole(tag(10))));
    expect(access).toEqual([]);
    expect(plain).toEqual(segments(64, [tag(10)], stations));
    await lab.stack.close();
  });

  test('goes up to the bridge device and is routed on from there', async () => {
    const lab = await bridgeLab(2, { vlanFiltering: true }, () => new TsoDriver());
    const out = new ScriptDriver();
    const wan = await lab.stack.port(lab.ns, out, { name: 'wan', mac: MAC_B });
    await wan.up();
    await lab.bridge.link.set({ mac: MAC_A });
    await address(lab.bridge.link, '10.0.0.254/24');
    await address(wan, '10.0.1.254/24');
    await lab.ns.addNeighbour(wan, { address: '10.0.1.9', mac: '02:00:00:00:00:aa' });
    await lab.ns.setSysctl('net.ipv4.ip_forward', 1);
    lab.stack.run(10);
    out.sent.length = 0;
    lab.send(0, gsoFrame());
    expect(out.sent.map(hex)).toEqual(segments(63, [], cat(PEER, OWN)));
    await lab.stack.close();
  });
});
