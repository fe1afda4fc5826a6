/** 802.1Q and 802.1ad devices: byte by byte at a port, stacked, between namespaces, as the lower device changes. */
import { describe, expect, test } from 'vitest';
import { NetifF } from '../../assembly/abi/features.js';
import { AF_INET } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { buildFrame, bytesOf } from '../offload_frames.js';
import { cat, echo, echo6, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ip4, ip6, pattern } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame, hex, tag } from './frames.js';
import { address, freeOf, icmps, listen } from './lab.js';

const PEER = '02:00:00:00:00:aa';
const OWN = '02:00:00:00:00:99';
const S_TAG = 0x88a8;

interface AtPort {
  stack: Stack;
  ns: Namespace;
  port: Link;
  driver: ScriptDriver;
}

/** A namespace with a port p0 (up), no IPv6, and what a test stacks on it. */
async function atPort(): Promise<AtPort> {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  await ns.setSysctl('net.ipv6.conf.all.disable_ipv6', 1);
  await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const driver = new ScriptDriver();
  const port = await stack.port(ns, driver, { name: 'p0' });
  return { stack, ns, port, driver };
}

/** An address on the link and the peer behind it, which needs no ARP. */
async function host(ns: Namespace, link: Link): Promise<void> {
  await link.up();
  await address(link, '10.0.10.1/24');
  await ns.addNeighbour(link, { address: '10.0.10.2', mac: PEER });
}

const request = (id = 7) => ip4({ src: '10.0.10.2', dst: '10.0.10.1', id }, echo(pattern(16)));

/** What the port sends within 10 ms of these frames, from the Ethernet header to the ethertype of the packet. */
function answers({ stack, driver }: AtPort, ...frames: Uint8Array[]): string[] {
  stack.run(0);
  driver.sent.splice(0);
  driver.input.push(...frames);
  stack.run(10);
  return driver.sent.map((sent) => {
    const at = [...sent.keys()].find((i) => i >= 12 && i % 2 === 0 && sent[i] === 8 && sent[i + 1] === 0)!;
    return hex(sent.subarray(0, at + 2));
  });
}

const header = (...tags: Uint8Array[]) => hex(frame(PEER, OWN, ETH_P_IP, new Uint8Array(0), ...tags));
const asked = (...tags: Uint8Array[]) => frame(OWN, PEER, ETH_P_IP, request(), ...tags);

describe('a VLAN device on a port', () => {
  test('gets the frames with its tag, and puts it on what it sends', async () => {
    const at = await atPort();
    const vlan = await at.ns.addLink({ kind: 'vlan', name: 'p0.10', link: at.port, id: 10 });
    await host(at.ns, vlan);
    expect(answers(at, asked(tag(10, 5)))).toEqual([header(tag(10))]);
    expect(await vlan.stats()).toMatchObject({ rxPackets: 1, rxBytes: 44, txPackets: 1, txBytes: 58 });
    expect(await at.port.stats()).toMatchObject({ rxPackets: 1, rxBytes: 62, txBytes: 62 });
    expect(await vlan.info()).toMatchObject({
      kind: 'vlan',
      link: at.port.ifindex,
      mac: OWN,
      data: { id: 10, protocol: '802.1Q', reorderHdr: true, looseBinding: false },
    });
    await at.stack.close();
  });

  test('does not get another VLAN, nor the same id in the other protocol, nor a frame cut off in its tag', async () => {
    const at = await atPort();
    await host(at.ns, await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10 }));
    const short = frame(OWN, PEER, 0x8100, new Uint8Array(3));
    expect(answers(at, asked(tag(11)), asked(tag(10, 0, S_TAG)), short)).toEqual([]);
    const { drops } = await at.port.stats();
    expect(drops).toEqual({ OTHERHOST: 2, HDR_TRUNC: 1 });
    await at.stack.close();
  });

  test('maps PCP to priority and priority to PCP', async () => {
    const at = await atPort();
    const maps = { ingressQosMap: { 3: 5 }, egressQosMap: { 5: 6, 6: 4 } };
    const vlan = await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10, ...maps });
    await host(at.ns, vlan);
    await at.ns.setSysctl('net.ipv4.ip_forward', 1);
    await at.ns.setSysctl('net.ipv4.conf.all.send_redirects', 0);
    await at.ns.setSysctl('net.ipv4.conf.v10.send_redirects', 0);
    await at.ns.setSysctl('net.ipv6.conf.v10.disable_ipv6', 0);
    await at.ns.setSysctl('net.ipv6.conf.all.forwarding', 1);
    await address(vlan, 'fd10::1/64');
    await at.ns.addNeighbour(vlan, { address: 'fd10::2', mac: PEER });
    at.stack.run(3000);
    // Back out of the VLAN that it came by; 0x10 is TC_PRIO_INTERACTIVE, 6.
    const through = (tos: number) => ip4({ src: '10.0.9.9', dst: '10.0.10.2', tos }, echo(pattern(16)));
    const four = (tos: number, pcp = 0) =>
      answers(at, frame(OWN, PEER, ETH_P_IP, through(tos), tag(10, pcp)));
    expect(four(0)).toEqual([header(tag(10))]);
    expect(four(0x10)).toEqual([header(tag(10, 4))]);
    // IPv4 forwarding makes the priority of TOS anew, IPv6 keeps what the VLAN device gave.
    expect(four(0, 3)).toEqual([header(tag(10))]);
    const six = ip6({ src: 'fd99::1', dst: 'fd10::2' }, echo6(pattern(16)));
    const tags = (pcp: number) => {
      at.driver.sent.splice(0);
      at.driver.input.push(frame(OWN, PEER, ETH_P_IPV6, six, tag(10, pcp)));
      at.stack.run(10);
      return at.driver.sent.map((sent) => sent[14]! >> 5);
    };
    expect(tags(3)).toEqual([6]);
    expect(tags(4)).toEqual([0]);
    expect((await vlan.info()).data).toMatchObject(maps);
    await vlan.set({ vlan: { egressQosMap: { 6: 0 } } });
    expect((await vlan.info()).data).toMatchObject({ egressQosMap: { 5: 6 } });
    expect(four(0x10)).toEqual([header(tag(10))]);
    await at.stack.close();
  });

  test('of id 0 gets priority-tagged frames; without one they are the port’s', async () => {
    const at = await atPort();
    await host(at.ns, at.port);
    expect(answers(at, asked(tag(0, 6)), asked(tag(0), tag(0)))).toEqual([header(), header()]);
    const zero = await at.ns.addLink({ kind: 'vlan', name: 'v0', link: at.port, id: 0 });
    await zero.up();
    answers(at, asked(tag(0, 6)));
    expect((await zero.stats()).rxPackets).toBe(1);
    await at.stack.close();
  });

  test('stacked on another is QinQ, 802.1ad outside', async () => {
    const at = await atPort();
    const outer = await at.ns.addLink({
      kind: 'vlan',
      name: 's100',
      link: at.port,
      id: 100,
      protocol: '802.1ad',
    });
    await outer.up();
    const inner = await at.ns.addLink({ kind: 'vlan', name: 's100.7', link: outer, id: 7 });
    await host(at.ns, inner);
    expect(answers(at, asked(tag(100, 0, S_TAG), tag(7)))).toEqual([header(tag(100, 0, S_TAG), tag(7))]);
    expect(answers(at, asked(tag(100, 0, S_TAG), tag(8)), asked(tag(100), tag(7)))).toEqual([]);
    expect((await at.ns.links()).find(({ name }) => name === 's100.7')).toMatchObject({
      link: outer.ifindex,
      mtu: 1500,
    });
    await at.stack.close();
  });

  test('with a MAC of its own routes what is sent to that one', async () => {
    const at = await atPort();
    const other = '02:00:00:00:00:77';
    await host(at.ns, await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10, mac: other }));
    expect(answers(at, frame(other, PEER, ETH_P_IP, request(), tag(10)))).toEqual([
      hex(frame(PEER, other, ETH_P_IP, new Uint8Array(0), tag(10))),
    ]);
    await at.stack.close();
  });

  test('sends and resolves ARP in its VLAN', async () => {
    const at = await atPort();
    const vlan = await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10 });
    await vlan.up();
    await address(vlan, '10.0.10.1/24');
    at.driver.sent.splice(0);
    await at.ns.send(AF_INET, ip4({ src: '10.0.10.1', dst: '10.0.10.9' }, echo()));
    at.stack.run(10);
    expect(at.driver.sent.map((sent) => hex(sent.subarray(0, 18)))).toEqual([
      hex(frame('ff:ff:ff:ff:ff:ff', OWN, ETH_P_ARP, new Uint8Array(0), tag(10))),
    ]);
    await at.stack.close();
  });
});

describe('a VLAN device follows its lower device', () => {
  test('up and down, unless it is loosely bound', async () => {
    const at = await atPort();
    const strict = await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10 });
    const loose = await at.ns.addLink({
      kind: 'vlan',
      name: 'v11',
      link: at.port,
      id: 11,
      looseBinding: true,
    });
    await at.port.down();
    await expect(strict.up()).rejects.toMatchObject({ code: 'ENETDOWN' });
    await loose.up();
    await address(loose, '10.0.11.1/24');
    await at.port.up();
    expect(await strict.info()).toMatchObject({ up: true, carrier: true });
    await at.port.down();
    expect(await strict.info()).toMatchObject({ up: false });
    expect(await loose.info()).toMatchObject({ up: true });
    await at.stack.close();
  });

  test('carrier, MTU and MAC', async () => {
    const at = await atPort();
    const vlan = await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10 });
    const fixed = await at.ns.addLink({
      kind: 'vlan',
      name: 'v11',
      link: at.port,
      id: 11,
      mac: '02:00:00:00:00:77',
      mtu: 1400,
    });
    await vlan.up();
    await address(vlan, '10.0.10.1/24');
    const routes = async () =>
      (await at.ns.routes(AF_INET)).filter(({ oif, type }) => oif === vlan.ifindex && type === 'unicast')
        .length;
    expect(await routes()).toBeGreaterThan(0);
    at.driver.notify.state(false);
    await Promise.resolve();
    expect((await vlan.info()).carrier).toBe(false);
    at.driver.notify.state(true);
    await Promise.resolve();
    expect((await vlan.info()).carrier).toBe(true);
    await at.port.set({ mtu: 1450, mac: '02:00:00:00:00:55' });
    expect(await vlan.info()).toMatchObject({ mtu: 1450, mac: '02:00:00:00:00:55' });
    expect(await fixed.info()).toMatchObject({ mtu: 1400, mac: '02:00:00:00:00:77' });
    await expect(vlan.set({ mtu: 1451 })).rejects.toMatchObject({ code: 'ERANGE' });
    await at.port.down();
    expect(await routes()).toBe(0);
    await at.stack.close();
  });

  test('into its end, and leaves nothing behind', async () => {
    const at = await atPort();
    await at.ns.addLink({ kind: 'vlan', name: 'x', link: at.port, id: 9 }).then((link) => link.delete());
    const before = freeOf(at.stack);
    const outer = await at.ns.addLink({ kind: 'vlan', name: 'v10', link: at.port, id: 10 });
    await outer.up();
    await host(at.ns, await at.ns.addLink({ kind: 'vlan', name: 'v10.1', link: outer, id: 1 }));
    await at.ns.addLink({ kind: 'vlan', name: 'v4094', link: at.port, id: 4094 });
    at.stack.run(100);
    await outer.delete();
    expect((await at.ns.links()).map(({ name }) => name)).toEqual(['lo', 'p0', 'v4094']);
    await at.stack.removePort(at.port);
    expect((await at.ns.links()).map(({ name }) => name)).toEqual(['lo']);
    const after = freeOf(at.stack);
    expect(after.pages).toBeGreaterThanOrEqual(before.pages);
    await at.stack.removeNamespace(at.ns);
    await at.stack.close();
  });
});

test('refuses what cannot be', async () => {
  const { stack, ns, port } = await atPort();
  const lo = await ns.link('lo');
  const add = (more: object) => ns.addLink({ kind: 'vlan', name: 'v', link: port, id: 5, ...more });
  await expect(add({ id: 4095 })).rejects.toMatchObject({ code: 'ERANGE' });
  await expect(add({ link: lo })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  await expect(add({ link: { ifindex: 99 } })).rejects.toMatchObject({ code: 'ENODEV' });
  await expect(add({ mvrp: true })).rejects.toThrow(/mvrp/);
  await expect(add({ mtu: 9000 })).rejects.toMatchObject({ code: 'EINVAL' });
  await add({});
  await expect(add({ name: 'w' })).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(add({ id: 6 })).rejects.toMatchObject({ code: 'EEXIST' });
  await stack.close();
});

describe('offloads through VLAN devices', () => {
  const MAC_IN = '02:00:00:00:00:01';
  class GroDriver extends ScriptDriver {
    override readonly features = NetifF.GRO;
  }
  class TsoDriver extends ScriptDriver {
    override readonly features = NetifF.HW_CSUM | NetifF.SG | NetifF.TSO;
  }

  /** Segments of a TCP flow with VLAN tag 10, routed from in.10 to out.20; what `out` sends. */
  async function routed(
    out: ScriptDriver,
  ): Promise<{ sent: Uint8Array[]; wanted: Uint8Array[]; packets: number }> {
    const stack = await createStack({ clock: 'virtual' });
    const ns = await stack.namespace('r');
    await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const driver = new GroDriver();
    const a = await stack.port(ns, driver, { name: 'in', mac: MAC_IN });
    const b = await stack.port(ns, out, { name: 'out', mac: OWN });
    const from = await ns.addLink({ kind: 'vlan', name: 'in.10', link: a, id: 10 });
    const to = await ns.addLink({ kind: 'vlan', name: 'out.20', link: b, id: 20 });
    await from.up();
    await to.up();
    await address(from, '10.0.0.254/24');
    await address(to, '10.0.1.254/24');
    await ns.addNeighbour(to, { address: '10.0.1.9', mac: PEER });
    await ns.setSysctl('net.ipv4.ip_forward', 1);
    stack.run(100);
    out.sent.splice(0);
    const data = bytesOf(8000, 3);
    const segments = Array.from({ length: 8 }, (_, i) =>
      buildFrame({ payload: data.subarray(i * 1000, i * 1000 + 1000), seq: 1000 + i * 1000, id: i }),
    );
    const tagged = (f: Uint8Array, vid: number) => cat(f.subarray(0, 12), tag(vid), f.subarray(12));
    driver.input.push(...segments.map((f) => tagged(f, 10)));
    stack.run(10);
    const packets = (await to.stats()).txPackets;
    const wanted = Array.from({ length: 8 }, (_, i) => {
      const f = buildFrame({
        payload: data.subarray(i * 1000, i * 1000 + 1000),
        seq: 1000 + i * 1000,
        id: i,
        ttl: 63,
      });
      return tagged(cat(frame(PEER, OWN, 0, new Uint8Array(0)).subarray(0, 12), f.subarray(12)), 20);
    });
    const sent = out.sent.splice(0);
    await stack.close();
    return { sent, wanted, packets };
  }

  test('GRO merges tagged segments into one packet, GSO gives the same segments with the other tag', async () => {
    const { sent, wanted, packets } = await routed(new ScriptDriver());
    expect(packets).toBe(1);
    expect(sent.map(hex)).toEqual(wanted.map(hex));
  });

  test('a port that segments gets one frame, tag inside, and is told where its sum goes', async () => {
    const { sent } = await routed(new TsoDriver(12));
    expect(sent).toHaveLength(1);
    const [one] = sent;
    expect(one!.length).toBe(12 + 18 + 40 + 8000);
    const vnet = new DataView(one!.buffer, one!.byteOffset, 12);
    expect([vnet.getUint8(0), vnet.getUint8(1), vnet.getUint16(4, true)]).toEqual([1, 1, 1000]);
    expect([vnet.getUint16(6, true), vnet.getUint16(8, true)]).toEqual([18 + 20, 16]);
    expect(hex(one!.subarray(12, 30))).toBe(header(tag(20)));
  });
});

test('two namespaces speak in two VLANs and in QinQ over one veth trunk', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const [a, b] = [await stack.namespace('a'), await stack.namespace('b')];
  const [a0, b0] = await stack.veth([a, 'trunk'], [b, 'trunk']);
  for (const [ns, trunk, n] of [
    [a, a0, 1],
    [b, b0, 2],
  ] as const) {
    const ten = await ns.addLink({ kind: 'vlan', name: 'v10', link: trunk, id: 10 });
    const ad = await ns.addLink({ kind: 'vlan', name: 's20', link: trunk, id: 20, protocol: '802.1ad' });
    await ten.up();
    await ad.up();
    const inner = await ns.addLink({ kind: 'vlan', name: 's20.30', link: ad, id: 30 });
    await inner.up();
    await address(ten, `10.0.10.${n}/24`);
    await address(inner, `10.0.30.${n}/24`);
  }
  const snapshotAt = stack.snapshot();
  for (const of of [stack, await createStack({ clock: 'virtual', snapshot: snapshotAt })]) {
    const ns = of === stack ? a : of.adopt('a', a.handle);
    const got = await listen(ns, AF_INET);
    // 1,500 bytes fill the MTU of the VLAN exactly; 1,501 do not.
    for (const net of ['10.0.10', '10.0.30'])
      await ns.send(AF_INET, ip4({ src: `${net}.1`, dst: `${net}.2`, df: true }, echo(pattern(1472))));
    of.run(100);
    expect(icmps(got).map(({ type, src }) => [type, src])).toEqual([
      [0, '10.0.10.2'],
      [0, '10.0.30.2'],
    ]);
    await of.close();
  }
});
