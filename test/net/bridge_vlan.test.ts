import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from './bridge_lab.js';

/** The frame with a tag behind its addresses. */
function tagged(plain: Uint8Array, vid: number, proto = 0x8100): Uint8Array {
  const made = new Uint8Array(plain.length + 4);
  made.set(plain.subarray(0, 12));
  made.set([proto >> 8, proto & 255, vid >> 8, vid & 255], 12);
  made.set(plain.subarray(12), 16);
  return made;
}

/** What a port sent: the VLAN of each frame, 0 for one without a tag. */
function vlansOf(sent: readonly Uint8Array[], proto = 0x8100): number[] {
  return sent.map((bytes) =>
    bytes[12] === proto >> 8 && bytes[13] === (proto & 255) ? ((bytes[14]! & 15) << 8) | bytes[15]! : 0,
  );
}

describe('VLAN filtering', () => {
  let lab: BridgeLab;
  /** Ports 0 and 1: VLAN 10 untagged; 2: trunk of 10 and 20; 3: VLAN 20 untagged. */
  beforeEach(async () => {
    lab = await bridgeLab(4, { vlanFiltering: true });
    const { bridge, links } = lab;
    for (const link of links) await bridge.port(link).deleteVlan(1);
    for (const [port, vid] of [
      [0, 10],
      [1, 10],
      [3, 20],
    ] as const)
      await bridge.port(links[port]!).addVlan({ first: vid, pvid: true, untagged: true });
    await bridge.port(links[2]!).addVlan({ first: 10 });
    await bridge.port(links[2]!).addVlan({ first: 20 });
  });
  afterEach(() => lab.stack.close());

  const came = () => lab.drivers.map(({ sent }) => vlansOf(sent));

  test('an untagged frame is of the PVID, and leaves tagged by a trunk', () => {
    lab.send(0, frame(BROADCAST, mac(1)));
    expect(came()).toEqual([[], [0], [10], []]);
    lab.send(3, frame(BROADCAST, mac(2), 9));
    expect(came()).toEqual([[], [], [20], []]);
    expect(lab.drivers[2]!.sent[0]).toEqual(tagged(frame(BROADCAST, mac(2), 9), 20));
  });

  test('a tagged frame from a trunk leaves untagged where its VLAN is', () => {
    lab.send(2, tagged(frame(BROADCAST, mac(3), 5), 10));
    expect(came()).toEqual([[0], [0], [], []]);
    expect(lab.drivers[0]!.sent[0]).toEqual(frame(BROADCAST, mac(3), 5));
    lab.send(2, tagged(frame(BROADCAST, mac(3)), 20));
    expect(came()).toEqual([[], [], [], [0]]);
  });

  test('drops what a port is no member of, and untagged frames where there is no PVID', async () => {
    expect(lab.send(2, tagged(frame(BROADCAST, mac(3)), 30))).toEqual([0, 0, 0, 0]);
    expect(lab.send(0, tagged(frame(BROADCAST, mac(3)), 20))).toEqual([0, 0, 0, 0]);
    expect(lab.send(2, frame(BROADCAST, mac(3)))).toEqual([0, 0, 0, 0]);
    expect((await lab.links[2]!.stats()).drops).toMatchObject({ VLAN_FILTER: 2 });
    // A priority tag is no VLAN: the frame is of the PVID, and its priority stays.
    lab.send(0, tagged(frame(BROADCAST, mac(3)), 0xa000));
    expect(came()).toEqual([[], [0], [10], []]);
    expect(lab.drivers[2]!.sent[0]![14]).toBe(0xa0);
  });

  test('the same address in two VLANs is two entries', async () => {
    lab.send(0, frame(BROADCAST, mac(7)));
    lab.send(3, frame(BROADCAST, mac(7)));
    lab.send(2, tagged(frame(mac(7), mac(3)), 10));
    expect(came()).toEqual([[0], [], [], []]);
    lab.send(2, tagged(frame(mac(7), mac(3)), 20));
    expect(came()).toEqual([[], [], [], [0]]);
    const learned = (await lab.bridge.fdb()).filter((entry) => entry.mac === mac(7));
    expect(learned.map((entry) => entry.vlan).toSorted()).toEqual([10, 20]);
  });

  test('lists VLANs as ranges; a port has one PVID', async () => {
    const port = lab.bridge.port(lab.links[2]!);
    await port.addVlan({ first: 100, last: 199 });
    await port.addVlan({ first: 10, pvid: true });
    await port.addVlan({ first: 20, pvid: true });
    const plain = { pvid: false, untagged: false, state: 'forwarding' };
    expect(await port.vlans()).toEqual([
      { ...plain, first: 10, last: 10 },
      { ...plain, first: 20, last: 20, pvid: true },
      { ...plain, first: 100, last: 199 },
    ]);
    expect((await port.info()).pvid).toBe(20);
    await expect(port.addVlan({ first: 5, last: 6, pvid: true })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(port.addVlan({ first: 4095 })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(port.deleteVlan(300)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a VLAN of a port that is blocked lets nothing in or out, one that learns only learns', async () => {
    const { bridge, links } = lab;
    await bridge.port(links[2]!).setVlanState('blocking', 10);
    lab.send(0, frame(BROADCAST, mac(1)));
    expect(came()).toEqual([[], [0], [], []]);
    lab.send(3, frame(BROADCAST, mac(2)));
    expect(came()).toEqual([[], [], [20], []]);
    await bridge.port(links[0]!).setVlanState('learning', 10);
    expect(lab.send(0, frame(BROADCAST, mac(4)))).toEqual([0, 0, 0, 0]);
    expect((await bridge.fdb()).some((one) => one.mac === mac(4) && one.vlan === 10)).toBe(true);
  });

  test('counts by VLAN: for the bridge, and by port where no port had VLANs yet', async () => {
    const { bridge, links } = lab;
    await bridge.set({ vlanStatsEnabled: true });
    await expect(bridge.set({ vlanStatsPerPort: true })).rejects.toMatchObject({ code: 'EBUSY' });
    lab.send(0, frame(BROADCAST, mac(1)));
    const [ten] = await bridge.port(links[1]!).vlanStats();
    // 60 bytes without their Ethernet header, in by one port and out of two.
    const counts = { rxBytes: 46n, rxPackets: 1n, txBytes: 92n, txPackets: 2n };
    expect(ten).toEqual({ vlan: 10, pvid: true, untagged: true, ...counts });
  });

  test('a tag of another protocol is payload', async () => {
    lab.send(0, tagged(frame(BROADCAST, mac(1)), 20, 0x88a8));
    expect(came()).toEqual([[], [0], [10], []]);
    expect(lab.drivers[1]!.sent[0]).toEqual(tagged(frame(BROADCAST, mac(1)), 20, 0x88a8));
    await lab.bridge.set({ vlanProtocol: 0x88a8 });
    lab.send(0, tagged(frame(BROADCAST, mac(1)), 20));
    expect(vlansOf(lab.drivers[2]!.sent, 0x88a8)).toEqual([10]);
  });

  test('the bridge itself hears only the VLANs that it is in', async () => {
    const { bridge } = lab;
    await bridge.link.addAddress('10.0.0.1/24');
    let replies = 0;
    const arp = (from: number) => {
      const request = frame(BROADCAST, mac(1), 0, 0x806);
      request.set(
        [0, 1, 8, 0, 6, 4, 0, 1, ...request.subarray(6, 12), 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1],
        14,
      );
      lab.send(from, request);
      replies = lab.drivers[from]!.sent.filter((sent) => sent[21] === 2).length;
      return replies;
    };
    expect(arp(0)).toBe(0);
    await bridge.addVlan({ first: 10, pvid: true, untagged: true });
    expect(arp(0)).toBe(1);
    expect(arp(3)).toBe(0);
  });

  test('a new default VLAN replaces the old one where nobody chose another', async () => {
    const fresh = await bridgeLab(2, { vlanDefaultPvid: 7 });
    await fresh.bridge.port(fresh.links[1]!).addVlan({ first: 9, pvid: true });
    await fresh.bridge.set({ vlanDefaultPvid: 8 });
    expect((await fresh.bridge.port(fresh.links[0]!).info()).pvid).toBe(8);
    expect((await fresh.bridge.port(fresh.links[1]!).info()).pvid).toBe(9);
    await fresh.stack.close();
  });
});
