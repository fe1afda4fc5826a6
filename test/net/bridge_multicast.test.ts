import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BridgeLab, bridgeLab, frame, mac } from './bridge_lab.js';

const sum16 = (bytes: Uint8Array) => {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
};
const four = (text: string) => text.split('.').map(Number);

/** An IPv4 packet to a group in its frame. */
function ipv4(from: number, src: string, dst: string, protocol: number, payload: Uint8Array): Uint8Array {
  const d = four(dst);
  const to = [1, 0, 0x5e, d[1]! & 127, d[2]!, d[3]!].map((b) => b.toString(16).padStart(2, '0')).join(':');
  const made = frame(to, mac(from), 0, 0x800);
  const ip = new Uint8Array(20);
  ip.set([0x45, 0, 0, 20 + payload.length, 0, 0, 0, 0, 1, protocol, 0, 0, ...four(src), ...d]);
  const check = sum16(ip);
  ip.set([check >> 8, check & 255], 10);
  made.set(ip, 14);
  made.set(payload, 34);
  return made;
}

function igmp(
  from: number,
  type: number,
  group: string,
  dst = group,
  src = '10.0.0.9',
  code = 0,
): Uint8Array {
  const body = new Uint8Array(8);
  body.set([type, code, 0, 0, ...four(group)]);
  const check = sum16(body);
  body.set([check >> 8, check & 255], 2);
  return ipv4(from, src, dst, 2, body);
}

const GROUP = '239.1.2.3';
const data = (group = GROUP) => ipv4(9, '10.0.0.9', group, 17, new Uint8Array(8));
const join = (from: number, group = GROUP) => igmp(from, 0x16, group);
const leave = (from: number) => igmp(from, 0x17, GROUP, '224.0.0.2');
const query = (from: number, src: string) => igmp(from, 0x11, '0.0.0.0', '224.0.0.1', src, 100);

describe('IGMP snooping', () => {
  let lab: BridgeLab;
  beforeEach(async () => {
    lab = await bridgeLab(4, { mcastQuerier: true });
    // Until what listeners answer to the first query is complete.
    lab.stack.run(11_000);
  });
  afterEach(() => lab.stack.close());

  test('sends a group where it was joined, others nowhere, local ones everywhere', async () => {
    const { send, bridge, links } = lab;
    expect(send(0, data())).toEqual([0, 0, 0, 0]);
    expect(send(1, join(1))).toEqual([0, 0, 0, 0]);
    expect(send(0, data())).toEqual([0, 1, 0, 0]);
    expect(send(0, data('239.9.9.9'))).toEqual([0, 0, 0, 0]);
    expect(send(0, data('224.0.0.251'))).toEqual([0, 1, 1, 1]);
    expect((await bridge.mdb()).map(({ group, ifindex, timer }) => [group, ifindex, timer > 255])).toEqual([
      [GROUP, links[1]!.ifindex, true],
    ]);
  });

  test('floods while nobody asks listeners', async () => {
    await lab.bridge.set({ mcastQuerier: false });
    lab.send(1, join(1));
    expect(lab.send(0, data())).toEqual([0, 1, 1, 1]);
    await lab.bridge.set({ mcastSnooping: false });
    expect(await lab.bridge.mdb()).toEqual([]);
  });

  test('a listener is forgotten when it answers no more, and soon when it leaves', async () => {
    const { send, stack, bridge, drivers } = lab;
    send(1, join(1));
    stack.run(261_000);
    expect(await bridge.mdb()).toEqual([]);
    send(1, join(1));
    send(1, leave(1));
    // Who else listens there? Nobody answers for two seconds.
    expect(drivers[1]!.sent.filter((sent) => sent[38] === 0x11).length).toBe(1);
    expect(send(0, data())).toEqual([0, 1, 0, 0]);
    stack.run(2_100);
    expect(send(0, data())).toEqual([0, 0, 0, 0]);
  });

  test('fast leave forgets at once', async () => {
    await lab.bridge.port(lab.links[1]!).set({ fastLeave: true });
    lab.send(1, join(1));
    lab.send(1, leave(1));
    expect(await lab.bridge.mdb()).toEqual([]);
  });

  test('another querier is a multicast router: all groups and reports go there, and its own queries end', () => {
    const { send, stack, drivers } = lab;
    expect(send(3, query(3, '10.0.0.1'))).toEqual([1, 1, 1, 0]);
    stack.run(11_000);
    expect(send(0, data())).toEqual([0, 0, 0, 1]);
    expect(send(1, join(1))).toEqual([0, 0, 0, 1]);
    expect(send(0, data())).toEqual([0, 1, 0, 1]);
    for (const driver of drivers) driver.sent.length = 0;
    stack.run(130_000);
    expect(drivers.map(({ sent }) => sent.length)).toEqual([0, 0, 0, 0]);
  });

  test('asks at startup, then every query interval, in IGMPv2 from no address', () => {
    const { stack, drivers } = lab;
    const queries = () => drivers[0]!.sent.filter((sent) => sent[38] === 0x11);
    stack.run(300_000);
    expect(queries().length).toBeGreaterThanOrEqual(2);
    const [first] = queries();
    expect(Buffer.from(first!.subarray(0, 6)).toString('hex')).toBe('01005e000001');
    expect([...first!.subarray(26, 34)]).toEqual([0, 0, 0, 0, 224, 0, 0, 1]);
    // TTL 1 and Router Alert; the checksums are right.
    expect([first![22], first![34], first![35]]).toEqual([1, 0x94, 4]);
    expect([sum16(first!.subarray(14, 38)), sum16(first!.subarray(38, 46))]).toEqual([0, 0]);
    expect(first![39]).toBe(100);
  });

  test('takes static entries, which stay, and a port that always leads to a router', async () => {
    const { send, stack, bridge, links } = lab;
    await bridge.port(links[2]!).addMdb({ group: GROUP, permanent: true });
    await expect(bridge.port(links[2]!).addMdb({ group: GROUP })).rejects.toMatchObject({ code: 'EEXIST' });
    stack.run(400_000);
    expect(send(0, data())).toEqual([0, 0, 1, 0]);
    await bridge.port(links[3]!).set({ mcastRouter: 2 });
    expect(send(0, data())).toEqual([0, 0, 1, 1]);
    await bridge.port(links[2]!).deleteMdb({ group: GROUP });
    expect(send(0, data())).toEqual([0, 0, 0, 1]);
    await expect(bridge.port(links[2]!).addMdb({ group: '224.0.0.5' })).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  test('more groups than mcast_hash_max switch snooping off: groups are flooded', async () => {
    const { send, bridge } = lab;
    await bridge.set({ mcastHashMax: 2 });
    for (let i = 1; i <= 3; i++) send(1, join(1, `239.0.0.${i}`));
    expect((await bridge.info()).mcastSnooping).toBe(false);
    expect(send(0, data('239.0.0.1'))).toEqual([0, 1, 1, 1]);
  });

  test('drops a report with a wrong checksum', () => {
    const bad = join(1);
    bad[41] = 99;
    expect(lab.send(1, bad)).toEqual([0, 0, 0, 0]);
    expect(lab.send(0, data())).toEqual([0, 0, 0, 0]);
  });
});
