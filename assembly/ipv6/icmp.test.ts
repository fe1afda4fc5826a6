import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  A1,
  A2,
  H1,
  H2,
  Lab,
  LL0,
  SEC,
  counting,
  icmp6,
  icmpPacket,
  packet,
  tcp,
  transportSumOk,
  udp,
} from '../../test/ipv6_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';

describe('ICMPv6, UDP and TCP of the router itself', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('answers an echo request with the same data, from the address asked', () => {
    const data = counting(56);
    const [out, ...more] = lab.rcv(icmpPacket(H1, A2, 128, 0, 0x12340001, data));
    expect(more).toEqual([]);
    expect(out!.bytes.equals(icmpPacket(A2, H1, 129, 0, 0x12340001, data))).toBe(true);
    expect(lab.mib(Mib.Icmp6InEchos)).toBe(1);
    expect(lab.mib(Mib.Icmp6OutEchoReplies)).toBe(1);
  });

  it('answers an echo request to all nodes from an address of its own', () => {
    const [out] = lab.rcv(icmpPacket(H1, 'ff02::1', 128, 0, 7, counting(8)), { pktType: 2 });
    expect(out!.bytes.equals(icmpPacket(A1, H1, 129, 0, 7, counting(8)))).toBe(true);
  });

  it('answers an echo request that lies in many pieces, fragmented to the link', () => {
    const data = counting(4000);
    const out = lab.rcv(icmpPacket(H1, A1, 128, 0, 9, data), { frag: 700 });
    expect(out.map((s) => s.length)).toEqual([1496, 1496, 40 + 8 + 4008 - 2 * 1448]);
    const whole = Buffer.concat(out.map((s) => s.bytes.subarray(48)));
    expect(whole.equals(icmp6(A1, H1, 129, 0, 9, data))).toBe(true);
    expect(out.map((s) => [s.bytes[6], s.bytes[40], s.bytes.readUInt16BE(42)])).toEqual([
      [44, 58, 1],
      [44, 58, 1449],
      [44, 58, 2896],
    ]);
    expect(new Set(out.map((s) => s.bytes.readUInt32BE(44))).size).toBe(1);
    expect(lab.mib(Mib.Ip6FragCreates)).toBe(3);
  });

  it('refuses a message with a wrong checksum', () => {
    const bad = icmpPacket(H1, A1, 128, 0, 1, counting(8));
    bad[50]! ^= 1;
    expect(lab.rcv(bad)).toEqual([]);
    expect(lab.drops(SkbDropReason.ICMP_CSUM)).toBe(1);
    expect(lab.mib(Mib.Icmp6InCsumErrors)).toBe(1);
  });

  it('answers a datagram to a port nobody listens on with Port Unreachable, quoting it', () => {
    const data = packet({ dst: A1, payload: udp(H1, A1, 1000, 33434, counting(12)) });
    const [out] = lab.rcv(data);
    expect(
      out!.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 1, 4, 0, data) })),
    ).toBe(true);
    expect(lab.mib(Mib.Udp6NoPorts)).toBe(1);
  });

  it('refuses a datagram without checksum, and one with a wrong one', () => {
    const none = packet({ dst: A1, payload: udp(H1, A1, 1, 2, counting(3)) });
    none.writeUInt16BE(0, 46);
    expect(lab.rcv(none)).toEqual([]);
    expect(lab.mib(Mib.Udp6InCsumErrors)).toBe(1);
    expect(
      lab.rcv(packet({ dst: 'ff02::1', payload: udp(H1, 'ff02::1', 1, 2, counting(3)) }), { pktType: 2 }),
    ).toEqual([]);
  });

  it('resets a connection to a port nobody listens on', () => {
    const [syn] = lab.rcv(packet({ dst: A1, next: 6, payload: tcp(H1, A1, 1000, 0, 2) }));
    expect([syn!.bytes.readUInt32BE(44), syn!.bytes.readUInt32BE(48), syn!.bytes[53]]).toEqual([
      0, 1001, 0x14,
    ]);
    expect(transportSumOk(syn!.bytes)).toBe(true);
    const [ack] = lab.rcv(packet({ dst: A1, next: 6, payload: tcp(H1, A1, 1000, 777, 0x10) }));
    expect([ack!.bytes.readUInt32BE(44), ack!.bytes.readUInt32BE(48), ack!.bytes[53]]).toEqual([777, 0, 4]);
    expect(lab.rcv(packet({ dst: A1, next: 6, payload: tcp(H1, A1, 1000, 777, 4) }))).toEqual([]);
    expect(lab.mib(Mib.TcpOutRsts)).toBe(2);
  });

  it('sends no error about an error, about a packet to a group, or to a source that is none', () => {
    const error = icmp6(H1, '2001:db8:9::9', 1, 0, 0, counting(48));
    expect(lab.rcv(packet({ dst: '2001:db8:9::9', next: 58, payload: error }))).toEqual([]);
    expect(lab.rcv(packet({ dst: '2001:db8:9::9', src: '::', payload: counting(8) }))).toEqual([]);
    expect(lab.rcv(packet({ dst: 'ff02::1', next: 200, payload: counting(8) }), { pktType: 2 })).toEqual([]);
    expect(
      lab.rcv(packet({ dst: '2001:db8:9::9', next: 58, payload: icmp6(H1, '2001:db8:9::9', 128, 0, 0) }))
        .length,
    ).toBe(1);
  });

  it('limits errors to one peer, but not Packet Too Big', () => {
    const data = packet({ dst: '2001:db8:9::9', payload: counting(8) });
    let errors = 0;
    for (let i = 0; i < 40; i++) errors += lab.rcv(data).length;
    expect(errors).toBeGreaterThan(0);
    expect(errors).toBeLessThan(20);
    expect(lab.mib(Mib.Icmp6OutRateLimitHost)).toBeGreaterThan(0);
    lab.call('testMtu', lab.devs[1]!, 1300);
    let big = 0;
    for (let i = 0; i < 40; i++) big += lab.rcv(packet({ payload: counting(1300) })).length;
    expect(big).toBe(40);
    expect(lab.run(SEC)).toEqual([]);
  });

  it('names an unknown protocol to its sender with the offset of the byte', () => {
    const data = packet({ dst: A1, next: 200, payload: counting(8) });
    const [out] = lab.rcv(data);
    expect(
      out!.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 4, 1, 6, data) })),
    ).toBe(true);
    expect(lab.mib(Mib.Ip6InUnknownProtos)).toBe(1);
  });

  it('learns a path MTU from Packet Too Big and fragments by it until it expires', () => {
    const quoted = icmpPacket(A2, H1, 128, 0, 9, counting(1200));
    lab.rcv(icmpPacket(H1, A2, 2, 0, 1300, quoted.subarray(0, 1000)));
    expect(lab.call('testException6', lab.net, lab.addr(H1))).toBe(1300);
    const ping = icmpPacket(H1, A1, 128, 0, 9, counting(1400));
    expect(lab.rcv(ping).map((s) => s.length)).toEqual([1296, 40 + 8 + 1408 - 1248]);
    lab.run(700n * SEC);
    lab.neighbour(0, H1, '525400000101');
    expect(lab.rcv(ping).map((s) => s.length)).toEqual([1448]);
    // Not for a packet that is not ours.
    lab.rcv(icmpPacket(H1, A2, 2, 0, 1300, packet({ src: H2, dst: H1, payload: counting(100) })));
    expect(lab.call('testException6', lab.net, lab.addr(H1))).toBe(0);
  });

  it('answers a link-local host on its own link only', () => {
    lab.neighbour(0, 'fe80::9', '525400000109');
    const [out] = lab.rcv(icmpPacket('fe80::9', LL0, 128, 0, 5, counting(4)));
    expect(out!.bytes.equals(icmpPacket(LL0, 'fe80::9', 129, 0, 5, counting(4)))).toBe(true);
    expect(out!.ifindex).toBe(lab.ifindex(0));
  });
});
