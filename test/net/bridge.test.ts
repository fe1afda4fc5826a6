import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createStack } from '../../src/stack.js';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from './bridge_lab.js';
import { freeOf } from './lab.js';

describe('a bridge of four ports', () => {
  let lab: BridgeLab;
  beforeEach(async () => {
    lab = await bridgeLab(4);
  });
  afterEach(() => lab.stack.close());

  test('floods what it does not know, then sends it where its address was seen', async () => {
    const { send, drivers, bridge } = lab;
    expect(send(0, frame(mac(2), mac(1)))).toEqual([0, 1, 1, 1]);
    expect(send(1, frame(mac(1), mac(2), 7))).toEqual([1, 0, 0, 0]);
    expect(drivers[0]!.sent[0]).toEqual(frame(mac(1), mac(2), 7));
    expect(send(0, frame(mac(2), mac(1)))).toEqual([0, 1, 0, 0]);
    const learned = (await bridge.fdb()).filter((entry) => entry.learned);
    expect(learned.map((entry) => [entry.mac, entry.state]).toSorted()).toEqual([
      [mac(1), 'reachable'],
      [mac(2), 'reachable'],
    ]);
  });

  test('sends nothing back to the port that it came from, unless that is a hairpin', async () => {
    const { send, bridge, links } = lab;
    send(0, frame(BROADCAST, mac(1)), frame(BROADCAST, mac(2)));
    expect(send(0, frame(mac(2), mac(1)))).toEqual([0, 0, 0, 0]);
    await bridge.port(links[0]!).set({ hairpin: true });
    expect(send(0, frame(mac(2), mac(1)))).toEqual([1, 0, 0, 0]);
    expect(send(0, frame(BROADCAST, mac(1)))).toEqual([1, 1, 1, 1]);
  });

  test('moves an address to the port where it was seen last', () => {
    const { send } = lab;
    send(0, frame(BROADCAST, mac(1)));
    send(2, frame(BROADCAST, mac(1)));
    expect(send(3, frame(mac(1), mac(9)))).toEqual([0, 0, 1, 0]);
  });

  test('forgets an address when its time is over', async () => {
    const { send, stack, bridge } = lab;
    await bridge.set({ ageingTime: 10 });
    send(0, frame(BROADCAST, mac(1)));
    stack.run(9_000);
    expect(send(3, frame(mac(1), mac(9)))).toEqual([1, 0, 0, 0]);
    stack.run(1_200);
    expect(send(3, frame(mac(1), mac(9)))).toEqual([1, 1, 1, 0]);
    expect((await bridge.info()).fdbLearned).toBe(1);
  });

  test('keeps no more addresses than fdb_max_learned, and floods to the others', async () => {
    const { send, bridge } = lab;
    await bridge.set({ fdbMaxLearned: 2 });
    for (let i = 1; i <= 5; i++) send(0, frame(BROADCAST, mac(i)));
    expect((await bridge.info()).fdbLearned).toBe(2);
    expect(send(1, frame(mac(1), mac(9)))).toEqual([1, 0, 0, 0]);
    expect(send(1, frame(mac(5), mac(9)))).toEqual([1, 0, 1, 1]);
  });

  test('forgets what was behind a port that went down', async () => {
    const { send, links } = lab;
    send(0, frame(BROADCAST, mac(1)));
    await links[0]!.set({ carrier: false });
    expect(send(1, frame(mac(1), mac(9)))).toEqual([0, 0, 1, 1]);
  });

  test('keeps isolated ports apart, and floods as the ports say', async () => {
    const { send, bridge, links } = lab;
    await bridge.port(links[0]!).set({ isolated: true });
    await bridge.port(links[1]!).set({ isolated: true });
    expect(send(0, frame(BROADCAST, mac(1)))).toEqual([0, 0, 1, 1]);
    expect(send(2, frame(BROADCAST, mac(3)))).toEqual([1, 1, 0, 1]);
    await bridge.port(links[3]!).set({ flood: false, mcastFlood: false });
    expect(send(2, frame(mac(77), mac(3)))).toEqual([1, 1, 0, 0]);
    expect(send(2, frame('01:00:5e:7f:00:01', mac(3)))).toEqual([1, 1, 0, 0]);
    expect(send(2, frame(BROADCAST, mac(3)))).toEqual([1, 1, 0, 1]);
    await bridge.port(links[3]!).set({ bcastFlood: false });
    expect(send(2, frame(BROADCAST, mac(3)))).toEqual([1, 1, 0, 0]);
  });

  test('learns nothing where learning is off, and lets nobody unknown in where the port is locked', async () => {
    const { send, bridge, links } = lab;
    await bridge.port(links[0]!).set({ learning: false });
    send(0, frame(BROADCAST, mac(1)));
    expect(send(1, frame(mac(1), mac(9)))).toEqual([1, 0, 1, 1]);
    await bridge.port(links[0]!).set({ locked: true });
    expect(send(0, frame(BROADCAST, mac(1)))).toEqual([0, 0, 0, 0]);
    await bridge.port(links[0]!).addFdb({ mac: mac(1), state: 'static' });
    expect(send(0, frame(BROADCAST, mac(1)))).toEqual([0, 1, 1, 1]);
    expect((await links[0]!.stats()).drops).toMatchObject({ BRIDGE_LOCKED: 1 });
  });

  test('takes entries by request: added once, replaced, deleted, flushed', async () => {
    const { send, bridge, links } = lab;
    const [p0, p1] = [bridge.port(links[0]!), bridge.port(links[1]!)];
    await p0.addFdb({ mac: mac(5), state: 'static' });
    await expect(p1.addFdb({ mac: mac(5) })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(send(3, frame(mac(5), mac(9)))).toEqual([1, 0, 0, 0]);
    await p1.addFdb({ mac: mac(5), state: 'static', sticky: true, replace: true });
    send(0, frame(BROADCAST, mac(5)));
    expect(send(3, frame(mac(5), mac(9)))).toEqual([0, 1, 0, 0]);
    await bridge.flushFdb();
    expect((await p1.fdb()).map((entry) => [entry.mac, entry.state])).toContainEqual([mac(5), 'static']);
    await p1.deleteFdb({ mac: mac(5) });
    await expect(p1.deleteFdb({ mac: mac(5) })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(send(3, frame(mac(5), mac(9)))).toEqual([1, 1, 1, 0]);
  });

  test('drops frames of an impossible sender and PAUSE frames, and forwards no link-local ones', async () => {
    const { send, links, bridge } = lab;
    expect(send(0, frame(BROADCAST, '03:00:00:00:00:01'))).toEqual([0, 0, 0, 0]);
    expect(send(0, frame('01:80:c2:00:00:01', mac(1)))).toEqual([0, 0, 0, 0]);
    expect(send(0, frame('01:80:c2:00:00:0e', mac(1)))).toEqual([0, 0, 0, 0]);
    expect((await links[0]!.stats()).drops).toMatchObject({ MAC_INVALID_SOURCE: 1, MAC_IEEE_MAC_CONTROL: 1 });
    await bridge.set({ groupFwdMask: 1 << 0x0e });
    expect(send(0, frame('01:80:c2:00:00:0e', mac(1)))).toEqual([0, 1, 1, 1]);
    // Without a spanning tree of its own a bridge is no end for BPDUs.
    expect(send(0, frame('01:80:c2:00:00:00', mac(1)))).toEqual([0, 1, 1, 1]);
  });

  test('has the lowest address and MTU of its ports, and carrier while one has', async () => {
    const { bridge, links } = lab;
    expect(await bridge.link.info()).toMatchObject({ mac: '02:00:00:00:00:01', mtu: 1500, carrier: true });
    await links[2]!.set({ mtu: 1400 });
    await links[0]!.set({ master: null });
    expect(await bridge.link.info()).toMatchObject({ mac: '02:00:00:00:00:02', mtu: 1400 });
    for (const link of links) await link.set({ carrier: false });
    expect((await bridge.link.info()).carrier).toBe(false);
    await bridge.link.set({ mac: '02:00:00:00:00:99' });
    await links[1]!.set({ master: null });
    expect((await bridge.link.info()).mac).toBe('02:00:00:00:00:99');
  });

  test('tells of addresses that it learns and forgets', async () => {
    const { stack, send, links } = lab;
    const told: string[] = [];
    stack.on('fdb', (event) =>
      told.push(`${Buffer.from(event.address.subarray(0, 6)).toString('hex')} ${event.b}`),
    );
    send(0, frame(BROADCAST, mac(1)));
    await links[0]!.set({ carrier: false });
    expect(told).toEqual(['020000001001 0', '020000001001 1']);
  });

  test('leaves nothing behind when it is deleted', async () => {
    const { stack, ns, send } = lab;
    const before = freeOf(stack);
    const bridge = await ns.addBridge({ name: 'br1', stp: true });
    const [a] = await stack.veth([ns, 'v0'], [ns, 'v1']);
    await bridge.addPort(a);
    await bridge.link.up();
    await bridge.port(a).addVlan({ first: 1, last: 4094 });
    await bridge.port(a).addMdb({ group: '239.1.1.1', permanent: true });
    send(0, frame(BROADCAST, mac(1)));
    await bridge.link.delete();
    await a.delete();
    stack.run(1000);
    await lab.bridge.flushFdb();
    expect(freeOf(stack)).toEqual(before);
  });
});

test('a bridge is a gateway: hosts behind its ports reach it and one another', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const [r, a, b] = [await stack.namespace('r'), await stack.namespace('a'), await stack.namespace('b')];
  const bridge = await r.addBridge({ name: 'br0' });
  const [pa, a0] = await stack.veth([r, 'pa'], [a, 'eth0']);
  const [pb, b0] = await stack.veth([r, 'pb'], [b, 'eth0']);
  await bridge.addPort(pa);
  await bridge.addPort(pb);
  await bridge.link.up();
  await bridge.link.addAddress('10.0.0.1/24');
  await a0.addAddress('10.0.0.2/24');
  await b0.addAddress('10.0.0.3/24');
  const replies: number[] = [];
  await a.rawSocket(2, 1, (packet) => replies.push(packet[15]!, packet[20]!));
  for (const to of [1, 3]) {
    const echo = Uint8Array.of(8, 0, 0xf7, 0xfe, 0, 1, 0, 0);
    const ip = new Uint8Array(28);
    ip.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, to]);
    ip.set(echo, 20);
    await a.send(2, ip);
    stack.run(100);
  }
  expect(replies).toEqual([1, 0, 3, 0]);
  await stack.close();
});
