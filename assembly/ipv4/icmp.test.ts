import { beforeEach, describe, expect, it } from 'vitest';
import {
  Lab,
  SEC,
  counting,
  icmp,
  ip,
  packet,
  sum16,
  tcp,
  transportSumOk,
  udp,
} from '../../test/ipv4_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';
import { Ipv4Conf, Sysctl } from '../abi/sysctl.js';

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create();
});

/** A UDP packet that nobody listens for. */
const toUdp = (payload = 4, f = {}) =>
  packet({ payload: udp('10.0.1.2', '10.0.1.1', 1000, 53, counting(payload)), ...f });

describe('echo', () => {
  it('is answered with the data, the TOS and our addresses swapped', () => {
    const request = packet({ proto: 1, tos: 0x48, payload: icmp(8, 0, 0x00010002, counting(56)) });
    const [reply] = lab.rcv(request);
    const b = reply!.bytes;
    expect(b.length).toBe(84);
    b.writeUInt16BE(0, 4);
    b.writeUInt16BE(0, 10);
    expect(b.subarray(0, 20).toString('hex')).toBe('4548005400000000400100000a0001010a000102');
    expect(b.subarray(20)).toEqual(icmp(0, 0, 0x00010002, counting(56)));
    expect(lab.mib(Mib.IcmpInEchos)).toBe(1);
    expect(lab.mib(Mib.IcmpOutEchoReps)).toBe(1);
    expect(lab.mib(Mib.IcmpOutMsgs)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it.each([0, 1, 7, 1000, 1472])('of %i bytes has right checksums, linear or in pieces', (size) => {
    for (const frag of [0, 100]) {
      const [reply] = lab.rcv(packet({ proto: 1, payload: icmp(8, 0, 5, counting(size)) }), { frag });
      expect(sum16(reply!.bytes.subarray(0, 20))).toBe(0xffff);
      expect(reply!.bytes.subarray(20)).toEqual(icmp(0, 0, 5, counting(size)));
    }
    expect(lab.end()).toBe(0);
  });

  it('with a bad checksum is dropped as ICMP_CSUM', () => {
    const bad = packet({ proto: 1, payload: icmp(8, 0, 1, counting(8)) });
    bad[30]! ^= 1;
    expect(lab.rcv(bad)).toEqual([]);
    expect(lab.drops(SkbDropReason.ICMP_CSUM)).toBe(1);
    expect([Mib.IcmpInMsgs, Mib.IcmpInErrors, Mib.IcmpInCsumErrors].map((id) => lab.mib(id))).toEqual([
      1, 1, 1,
    ]);
  });

  it('is left unanswered when icmp_echo_ignore_all says so, and to a broadcast by default', () => {
    lab.sysctl(Sysctl.ICMP_ECHO_IGNORE_ALL, 1);
    expect(lab.rcv(packet({ proto: 1, payload: icmp(8, 0, 1) }))).toEqual([]);
    lab.sysctl(Sysctl.ICMP_ECHO_IGNORE_ALL, 0);
    const toAll = packet({ proto: 1, dst: '10.0.1.255', payload: icmp(8, 0, 1) });
    expect(lab.rcv(toAll, { pktType: 1 })).toEqual([]);
    expect(lab.drops(SkbDropReason.INVALID_PROTO)).toBe(1);
    lab.sysctl(Sysctl.ICMP_ECHO_IGNORE_BROADCASTS, 0);
    const [reply] = lab.rcv(toAll, { pktType: 1 });
    expect(reply!.bytes.readUInt32BE(12)).toBe(ip('10.0.1.1'));
    expect(lab.end()).toBe(0);
  });

  it('of 65507 bytes in fragments comes back in fragments', () => {
    const whole = icmp(8, 0, 9, counting(65507));
    lab.call('testLogClear');
    for (let at = 0; at < whole.length; at += 1480) {
      const more = at + 1480 < whole.length ? 0x2000 : 0;
      lab.push(packet({ proto: 1, frag: more | (at >> 3), payload: whole.subarray(at, at + 1480) }));
    }
    const sent = lab.sent();
    expect(sent.length).toBe(45);
    const expected = icmp(0, 0, 9, counting(65507));
    const back = Buffer.concat(sent.map((s) => s.bytes.subarray(20)));
    expect(back.equals(expected)).toBe(true);
    for (const [i, s] of sent.entries()) {
      expect(s.bytes.readUInt16BE(6)).toBe((i < 44 ? 0x2000 : 0) | ((i * 1480) >> 3));
      expect(s.bytes.readUInt16BE(4)).toBe(sent[0]!.bytes.readUInt16BE(4));
      expect(sum16(s.bytes.subarray(0, 20))).toBe(0xffff);
    }
    expect(lab.mib(Mib.IpReasmOKs)).toBe(1);
    expect(lab.mib(Mib.IpFragCreates)).toBe(45);
    expect(lab.mib(Mib.IpFragOKs)).toBe(1);
    expect(lab.end()).toBe(0);
  });
});

describe('timestamp', () => {
  it('is answered with the time of day in milliseconds', () => {
    const data = Buffer.alloc(12);
    data.writeUInt32BE(77, 0);
    const [reply] = lab.rcv(packet({ proto: 1, payload: icmp(13, 0, 0x00050006, data) }));
    const m = reply!.bytes.subarray(20);
    expect(sum16(m)).toBe(0xffff);
    expect([m[0], m.readUInt32BE(4), m.readUInt32BE(8), m.readUInt32BE(12), m.readUInt32BE(16)]).toEqual([
      14, 0x00050006, 77, 100_000, 100_000,
    ]);
  });

  it('without any data is an error', () => {
    expect(lab.rcv(packet({ proto: 1, payload: icmp(13, 0, 1) }))).toEqual([]);
    expect(lab.mib(Mib.IcmpInErrors)).toBe(1);
    expect(lab.end()).toBe(0);
  });
});

describe('errors', () => {
  it('quote as much as fits 576 bytes, with precedence 6 and the TOS of the cause', () => {
    const cause = toUdp(1000, { tos: 0x0a });
    const [error] = lab.rcv(cause);
    const b = error!.bytes;
    expect(b.length).toBe(576);
    expect(b[1]).toBe(0xca);
    expect(b[8]).toBe(64);
    expect(b.readUInt32BE(12)).toBe(ip('10.0.1.1'));
    expect([b[20], b[21], b.readUInt32BE(24)]).toEqual([3, 3, 0]);
    expect(sum16(b.subarray(20))).toBe(0xffff);
    expect(b.subarray(28).equals(cause.subarray(0, 548))).toBe(true);
    expect(lab.mib(Mib.UdpNoPorts)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it('quote a packet in pieces from its first byte on', () => {
    const cause = toUdp(1000);
    const [error] = lab.rcv(cause, { frag: 100, linear: 20 });
    expect(error!.bytes.subarray(28).equals(cause.subarray(0, 548))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  it('about a packet on its way come from the address that routing chooses, or the inbound one', () => {
    const cause = packet({ ttl: 1, src: '10.0.1.2', dst: '10.0.2.2', payload: counting(40) });
    const [error] = lab.rcv(cause);
    expect([error!.bytes[20], error!.bytes[21]]).toEqual([11, 0]);
    expect(error!.bytes.readUInt32BE(12)).toBe(ip('10.0.1.1'));
    expect(error!.bytes.subarray(28).equals(cause)).toBe(true);
    lab.call('testIpRoute', lab.net, ip('172.16.0.0'), 16, ip('10.0.2.9'), lab.devs[1]!, 1);
    lab.sysctl(Sysctl.ICMP_ERRORS_USE_INBOUND_IFADDR, 1);
    const [inbound] = lab.rcv(packet({ ttl: 1, src: '172.16.0.5', dst: '10.0.2.2', payload: counting(40) }));
    expect(inbound!.bytes.readUInt32BE(12)).toBe(ip('10.0.1.1'));
    expect(inbound!.ifindex).toBe(3);
    lab.sysctl(Sysctl.ICMP_ERRORS_USE_INBOUND_IFADDR, 0);
    const [outbound] = lab.rcv(packet({ ttl: 1, src: '172.16.0.5', dst: '10.0.2.2', payload: counting(40) }));
    expect(outbound!.bytes.readUInt32BE(12)).toBe(ip('10.0.2.1'));
  });

  const refused: [string, Buffer, number][] = [
    ['an ICMP error', packet({ ttl: 1, proto: 1, dst: '10.0.2.2', payload: icmp(3, 1, 0, counting(28)) }), 0],
    ['an unknown ICMP type', packet({ ttl: 1, proto: 1, dst: '10.0.2.2', payload: icmp(40, 0, 0) }), 0],
    ['ICMP without a type', packet({ ttl: 1, proto: 1, dst: '10.0.2.2' }), 0],
    ['a later fragment', packet({ ttl: 1, frag: 5, dst: '10.0.2.2', payload: counting(40) }), 0],
    ['a link-layer multicast', toUdp(4), 2],
    [
      'a broadcast',
      packet({ dst: '10.0.1.255', payload: udp('10.0.1.2', '10.0.1.255', 1, 2, counting(3)) }),
      1,
    ],
    ['a packet from class E', packet({ ttl: 1, src: '240.1.1.1', dst: '10.0.2.2', payload: counting(8) }), 0],
  ];
  it.each(refused)('are not sent about %s', (_name, bytes, pktType) => {
    expect(lab.rcv(bytes, { pktType })).toEqual([]);
    expect(lab.mib(Mib.IcmpOutMsgs)).toBe(0);
    expect(lab.end()).toBe(0);
  });

  it('are sent about an echo request', () => {
    expect(lab.rcv(packet({ ttl: 1, proto: 1, dst: '10.0.2.2', payload: icmp(8, 0, 0) })).length).toBe(1);
  });

  it('carry the MTU of the next link, and no limit holds for them', () => {
    lab.devs.push(lab.call('testIpDev', lab.net, ip('10.0.3.1'), 24, 1280));
    for (let i = 0; i < 100; i++) {
      const sent = lab.rcv(packet({ frag: 0x4000, dst: '10.0.3.2', payload: counting(1400) }));
      expect(sent.length).toBe(1);
      expect(sent[0]!.bytes.subarray(20, 22).toString('hex')).toBe('0304');
      expect(sent[0]!.bytes.readUInt32BE(24)).toBe(1280);
    }
    expect(lab.mib(Mib.IpFragFails)).toBe(100);
  });

  it('go to one peer six at once, then one a second', () => {
    let sent = 0;
    for (let i = 0; i < 20; i++) sent += lab.rcv(toUdp()).length;
    expect(sent).toBe(6);
    expect(lab.mib(Mib.IcmpOutRateLimitHost)).toBe(14);
    lab.run(SEC - 1n);
    expect(lab.rcv(toUdp()).length).toBe(0);
    lab.run(1n);
    expect(lab.rcv(toUdp()).length).toBe(1);
    expect(lab.rcv(toUdp()).length).toBe(0);
  });

  it('go to all peers together as icmp_msgs_burst and icmp_msgs_per_sec allow', () => {
    let sent = 0;
    for (let i = 0; i < 1000; i++) {
      const src = `10.0.1.${2 + (i % 200)}`;
      sent += lab.rcv(packet({ src, payload: udp(src, '10.0.1.1', 1, 2, counting(2)) })).length;
    }
    // Each message costs 0, 1 or 2 of a credit of 50.
    expect(sent).toBeGreaterThan(25);
    expect(sent).toBeLessThan(100);
    expect(lab.mib(Mib.IcmpOutRateLimitGlobal)).toBe(1000 - sent);
    expect(lab.end()).toBe(0);
  });
});

describe('what routers tell', () => {
  const quoted = packet({ proto: 1, src: '10.0.1.1', dst: '10.0.2.2', payload: icmp(8, 0, 7) });
  const tooBig = (mtu: number) => packet({ proto: 1, src: '10.0.1.2', payload: icmp(3, 4, mtu, quoted) });
  const ping = packet({ proto: 1, src: '10.0.2.2', dst: '10.0.2.1', payload: icmp(8, 0, 7, counting(1400)) });
  const sizes = () => lab.rcv(ping, { dev: 1 }).map((s) => s.length);

  it('of a smaller MTU cuts our packets for ten minutes', () => {
    expect(sizes()).toEqual([1428]);
    lab.rcv(tooBig(1000));
    expect(sizes()).toEqual([996, 452]);
    lab.rcv(tooBig(1400));
    expect(sizes()).toEqual([996, 452]);
    lab.run(600n * SEC + 1n);
    expect(sizes()).toEqual([1428]);
    expect(lab.end()).toBe(0);
  });

  it('of an MTU below 552 is taken as 552, and of none as the next plateau', () => {
    lab.rcv(tooBig(68));
    expect(Math.max(...sizes())).toBeLessThanOrEqual(552);
    lab.run(601n * SEC);
    const big = packet({
      proto: 1,
      src: '10.0.1.1',
      dst: '10.0.2.2',
      payload: icmp(8, 0, 7, counting(1400)),
    });
    lab.rcv(packet({ proto: 1, payload: icmp(3, 4, 0, big.subarray(0, 60)) }));
    expect(sizes()).toEqual([1004, 444]);
  });

  it('is not believed about packets that we did not send, nor of UDP without a socket', () => {
    const forged = packet({ proto: 1, src: '10.9.9.9', dst: '10.0.2.2', payload: icmp(8, 0, 7) });
    lab.rcv(packet({ proto: 1, payload: icmp(3, 4, 1000, forged) }));
    const ofUdp = packet({ src: '10.0.1.1', dst: '10.0.2.2', payload: counting(8) });
    lab.rcv(packet({ proto: 1, payload: icmp(3, 4, 1000, ofUdp) }));
    expect(sizes()).toEqual([1428]);
    expect(lab.mib(Mib.IcmpInErrors)).toBe(1);
    expect(lab.mib(Mib.IcmpInDestUnreachs)).toBe(2);
  });

  it('with a quotation cut short is counted as an error', () => {
    for (const n of [0, 10, 19, 20, 27])
      lab.rcv(packet({ proto: 1, payload: icmp(3, 4, 1000, quoted.subarray(0, n)) }));
    expect(lab.mib(Mib.IcmpInErrors)).toBe(5);
    expect(lab.end()).toBe(0);
  });

  it('of a better gateway is believed of the present one only, when it is a neighbour', () => {
    lab.conf(Ipv4Conf.ACCEPT_REDIRECTS, 1, 1);
    lab.call('testIpRoute', lab.net, ip('172.16.0.0'), 16, ip('10.0.1.2'), lab.devs[0]!, 1);
    const ours = packet({ proto: 1, src: '10.0.1.1', dst: '172.16.0.5', payload: icmp(8, 0, 7) });
    const find = () => lab.call('testExceptionGw', lab.net, ip('172.16.0.5')) >>> 0;
    const from = (src: string, gw: string) =>
      lab.rcv(packet({ proto: 1, src, payload: icmp(5, 1, ip(gw), ours) }));
    from('10.0.1.3', '10.0.1.4');
    expect(find()).toBe(0);
    from('10.0.1.2', '224.0.0.1');
    expect(find()).toBe(0);
    lab.conf(Ipv4Conf.ACCEPT_REDIRECTS, 0, 1);
    from('10.0.1.2', '10.0.1.4');
    expect(find()).toBe(0);
    lab.conf(Ipv4Conf.ACCEPT_REDIRECTS, 1, 1);
    from('10.0.1.2', '10.0.1.4');
    expect(find()).toBe(ip('10.0.1.4'));
    lab.run(301n * SEC);
    expect(find()).toBe(0);
    expect(lab.mib(Mib.IcmpInRedirects)).toBe(4);
    expect(lab.end()).toBe(0);
  });
});

describe('UDP', () => {
  it('with a bad checksum or length is dropped and not answered', () => {
    const bad = toUdp();
    bad[30]! ^= 1;
    expect(lab.rcv(bad)).toEqual([]);
    expect(lab.drops(SkbDropReason.UDP_CSUM)).toBe(1);
    for (const ulen of [0, 7, 13]) {
      const p = toUdp(4);
      p.writeUInt16BE(ulen, 24);
      expect(lab.rcv(p)).toEqual([]);
    }
    expect(lab.rcv(packet({ payload: counting(7) }))).toEqual([]);
    expect(lab.drops(SkbDropReason.PKT_TOO_SMALL)).toBe(4);
    expect([Mib.UdpInErrors, Mib.UdpInCsumErrors, Mib.UdpNoPorts].map((id) => lab.mib(id))).toEqual([
      5, 1, 0,
    ]);
    expect(lab.end()).toBe(0);
  });

  it('without a checksum is taken', () => {
    const p = toUdp();
    p.writeUInt16BE(0, 26);
    expect(lab.rcv(p).length).toBe(1);
  });
});

describe('TCP', () => {
  const FIN = 1;
  const SYN = 2;
  const RST = 4;
  const ACK = 16;
  const send = (seq: number, ack: number, flags: number, data = 0, f = {}) =>
    lab.rcv(
      packet({ proto: 6, payload: tcp('10.0.1.2', '10.0.1.1', seq, ack, flags, counting(data)), ...f }),
    );

  it('to a closed port is reset: ACK of SEQ + LEN, DF, identifier 0, TOS without ECN', () => {
    const [reset] = send(1000, 0, SYN, 0, { tos: 0x1b });
    const b = reset!.bytes;
    expect(b.subarray(0, 10).toString('hex')).toBe('45180028000040004006');
    expect(sum16(b.subarray(0, 20))).toBe(0xffff);
    expect(transportSumOk(b)).toBe(true);
    expect(b.subarray(20, 36).toString('hex')).toBe('00500fa000000000000003e950140000');
    expect(lab.mib(Mib.TcpOutRsts)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it.each([
    ['a SYN with data', 1000, 5, SYN, 10, 0, 1011, RST | ACK],
    ['a FIN with data', 0xfffffffe, 5, FIN, 10, 0, 9, RST | ACK],
    ['an ACK', 1000, 77, ACK, 3, 77, 0, RST],
    ['a SYN and ACK', 1000, 78, SYN | ACK, 0, 78, 0, RST],
    ['nothing', 1000, 78, 0, 0, 0, 1000, RST | ACK],
  ])('answers %s as RFC 9293 says', (_n, seq, ack, flags, data, wantSeq, wantAck, wantFlags) => {
    const [reset] = send(seq, ack, flags, data);
    const b = reset!.bytes;
    expect([b.readUInt32BE(24), b.readUInt32BE(28), b[33]]).toEqual([wantSeq, wantAck, wantFlags]);
    expect(transportSumOk(b)).toBe(true);
  });

  it('with RST, a bad checksum, a short header or to a group gets no answer', () => {
    expect(send(1, 1, RST)).toEqual([]);
    const bad = packet({ proto: 6, payload: tcp('10.0.1.2', '10.0.1.1', 1, 1, SYN) });
    bad[24]! ^= 1;
    expect(lab.rcv(bad)).toEqual([]);
    expect(lab.drops(SkbDropReason.TCP_CSUM)).toBe(1);
    const doff = packet({ proto: 6, payload: tcp('10.0.1.2', '10.0.1.1', 1, 1, SYN) });
    doff[32] = 0x40;
    expect(lab.rcv(doff)).toEqual([]);
    doff[32] = 0x60;
    expect(lab.rcv(doff)).toEqual([]);
    const toAll = packet({ proto: 6, dst: '10.0.1.255', payload: tcp('10.0.1.2', '10.0.1.255', 1, 1, SYN) });
    expect(lab.rcv(toAll, { pktType: 1 })).toEqual([]);
    expect(lab.mib(Mib.TcpInCsumErrors)).toBe(1);
    expect(lab.mib(Mib.TcpInErrs)).toBe(2);
    expect(lab.mib(Mib.TcpOutRsts)).toBe(0);
    expect(lab.end()).toBe(0);
  });
});
