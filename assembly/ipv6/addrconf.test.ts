import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  A1,
  H1,
  Lab,
  LL0,
  MAC0,
  MACH1,
  NODAD,
  SEC,
  type Sent,
  icmp6,
  icmpPacket,
  ip6,
  packet,
} from '../../test/ipv6_lab.js';
import { Mib } from '../abi/snmp.js';
import { Ipv6Conf } from '../abi/sysctl.js';

const TENTATIVE = 0x40;
const DADFAILED = 0x08;
const DEPRECATED = 0x20;
const GONE = 0xffffffff;
const SNM = 'ff02::1:ff00:1';
const ns = (s: Sent[]) => s.filter((p) => p.bytes[6] === 58 && p.bytes[40] === 135);
const na = (s: Sent[]) => s.filter((p) => p.bytes[6] === 58 && p.bytes[40] === 136);
const reports = (s: Sent[]) => s.filter((p) => p.bytes[6] === 0 && p.bytes[48] === 143);

describe('IPv6 addresses and neighbour discovery', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create({ bare: true });
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('makes a link-local address when the device comes up, asks for it, then uses it', () => {
    lab.device(1);
    expect(lab.flags(0, LL0) & TENTATIVE).toBe(TENTATIVE);
    const sent = lab.settle();
    const [ask, ...more] = ns(sent);
    expect(more).toEqual([]);
    const nonce = ask!.bytes.subarray(66, 72);
    const body = Buffer.concat([ip6(LL0), Buffer.from('0e01', 'hex'), nonce]);
    expect(
      ask!.bytes.equals(
        packet({ src: '::', dst: SNM, next: 58, hop: 255, payload: icmp6('::', SNM, 135, 0, 0, body) }),
      ),
    ).toBe(true);
    expect(ask!.frame.subarray(0, 12).toString('hex')).toBe(`3333ff000001${MAC0}`);
    expect(lab.flags(0, LL0)).toBe(0x80);
    // MLDv2: reports for the solicited-node group, from :: first, from the address once it is ours.
    const mld = reports(sent);
    expect(mld.length).toBeGreaterThanOrEqual(2);
    const last = mld[mld.length - 1]!.bytes;
    expect(last.subarray(8, 24).equals(ip6(LL0))).toBe(true);
    expect(last.subarray(24, 40).equals(ip6('ff02::16'))).toBe(true);
    expect([last[7], last.subarray(40, 48).toString('hex'), last.readUInt16BE(54)]).toEqual([
      1,
      '3a00050200000100',
      1,
    ]);
    expect(last.subarray(56, 76).toString('hex')).toBe(`04000000${ip6(SNM).toString('hex')}`);
  });

  it('gives an address up when somebody else advertises or wants it', () => {
    lab.conf(undefined, Ipv6Conf.ADDR_GEN_MODE, 1);
    lab.device(1);
    lab.settle();
    for (const [n, message] of [
      (target: string) =>
        icmpPacket(
          target,
          'ff02::1',
          136,
          0,
          0x20000000,
          Buffer.concat([ip6(target), Buffer.from(`0201${MACH1}`, 'hex')]),
          255,
        ),
      (target: string) => icmpPacket('::', `ff02::1:ff00:${target.slice(-1)}`, 135, 0, 0, ip6(target), 255),
    ].entries()) {
      const target = `2001:db8:1::${n + 5}`;
      lab.add(0, target, 64);
      lab.rcv(message(target), { pktType: 2 });
      lab.settle();
      expect(lab.flags(0, target)).toBe(0x80 | TENTATIVE | DADFAILED);
      expect(lab.rcv(icmpPacket(H1, target, 128, 0, 1))).toEqual([]);
      expect(lab.call('testAddrDel', lab.devs[0]!, lab.addr(target), 64)).toBe(0);
    }
  });

  it('does not take its own solicitation, come back, for another', () => {
    lab.device(1);
    const sent: Sent[] = [];
    while (ns(sent).length === 0) sent.push(...lab.run(SEC / 20n));
    lab.rcv(ns(sent)[0]!.bytes, { pktType: 2 });
    lab.settle();
    expect(lab.flags(0, LL0)).toBe(0x80);
  });

  it('answers solicitations for its addresses, learns who asked, and defends against duplicates', () => {
    lab.device(1, A1);
    lab.settle();
    const body = Buffer.concat([ip6(A1), Buffer.from(`0101${MACH1}`, 'hex')]);
    const [answer] = lab.rcv(icmpPacket(H1, SNM, 135, 0, 0, body, 255), { pktType: 2 });
    const naBody = Buffer.concat([ip6(A1), Buffer.from(`0201${MAC0}`, 'hex')]);
    expect(answer!.frame.toString('hex')).toBe(
      `${MACH1}${MAC0}86dd${icmpPacket(A1, H1, 136, 0, 0x60000000, naBody, 255).toString('hex')}`,
    );
    expect(lab.call('testNeighState', lab.devs[0]!, lab.addr(H1))).toBe(8);
    const [defence] = lab.rcv(icmpPacket('::', SNM, 135, 0, 0, ip6(A1), 255), { pktType: 2 });
    expect(defence!.bytes.equals(icmpPacket(A1, 'ff02::1', 136, 0, 0x20000000, naBody, 255))).toBe(true);
    lab.conf(undefined, Ipv6Conf.FORWARDING, 1);
    const [router] = lab.rcv(icmpPacket(H1, A1, 135, 0, 0, ip6(A1), 255));
    expect(router!.bytes.readUInt32BE(44)).toBe(0xc0000000);
  });

  it('believes no neighbour discovery message that breaks the rules', () => {
    lab.device(1, A1);
    lab.settle();
    const lladdr = Buffer.from(`0101${MACH1}`, 'hex');
    const bad = [
      icmpPacket(H1, SNM, 135, 0, 0, ip6(A1), 254),
      icmpPacket(H1, SNM, 135, 1, 0, ip6(A1), 255),
      icmpPacket(H1, SNM, 135, 0, 0, ip6(A1).subarray(0, 15), 255),
      icmpPacket(H1, SNM, 135, 0, 0, ip6('ff02::5'), 255),
      icmpPacket(H1, SNM, 135, 0, 0, Buffer.concat([ip6(A1), Buffer.from('0100', 'hex')]), 255),
      icmpPacket(H1, SNM, 135, 0, 0, Buffer.concat([ip6(A1), Buffer.from('0102525400000101', 'hex')]), 255),
      icmpPacket('::', SNM, 135, 0, 0, Buffer.concat([ip6(A1), lladdr]), 255),
      icmpPacket('::', 'ff02::1', 135, 0, 0, ip6(A1), 255),
      icmpPacket(H1, SNM, 135, 0, 0, ip6('2001:db8:1::77'), 255),
    ];
    for (const [i, data] of bad.entries()) expect(lab.rcv(data, { pktType: 2 }), String(i)).toEqual([]);
    expect(lab.call('testNeighState', lab.devs[0]!, lab.addr(H1))).toBe(0xff);
    expect(lab.mib(Mib.Icmp6InNeighborSolicits)).toBe(bad.length);
  });

  it('ages addresses: deprecated first, then gone', () => {
    lab.device(1);
    expect(lab.add(0, '2001:db8:1::9', 64, NODAD, 20, 10)).toBe(0);
    lab.settle();
    expect(lab.flags(0, '2001:db8:1::9') & DEPRECATED).toBe(0);
    lab.run(5n * SEC);
    expect(lab.flags(0, '2001:db8:1::9') & DEPRECATED).toBe(DEPRECATED);
    lab.run(10n * SEC);
    expect(lab.flags(0, '2001:db8:1::9')).toBe(GONE);
  });

  it('loses its addresses when the device goes down and stops at an MTU below 1280', () => {
    lab.device(1, A1);
    lab.settle();
    lab.call('testDown', lab.devs[0]!);
    expect(lab.flags(0, A1)).toBe(GONE);
    expect(lab.flags(0, LL0)).toBe(GONE);
    lab.call('testUp', lab.devs[0]!);
    expect(lab.flags(0, LL0) & TENTATIVE).toBe(TENTATIVE);
    lab.call('testMtu', lab.devs[0]!, 1279);
    expect(lab.flags(0, LL0)).toBe(GONE);
    expect(lab.add(0, A1, 64)).toBe(-19);
    lab.call('testMtu', lab.devs[0]!, 1500);
    lab.settle();
    expect(lab.flags(0, LL0)).toBe(0x80);
  });

  it('refuses addresses that cannot be', () => {
    lab.device(1);
    expect(lab.add(0, A1, 64)).toBe(0);
    expect(lab.add(0, A1, 64)).toBe(-17);
    expect(lab.add(0, '::', 64)).toBe(-22);
    expect(lab.add(0, 'ff02::1', 64)).toBe(-22);
    expect(lab.add(0, '2001:db8::1', 129)).toBe(-22);
    expect(lab.add(0, '2001:db8::1', 64, 0, 0, 0)).toBe(-22);
    expect(lab.add(0, '::1', 128)).toBe(-99);
  });

  it('advertises an address unasked when ndisc_notify says so', () => {
    lab.conf(undefined, Ipv6Conf.NDISC_NOTIFY, 1);
    lab.device(1);
    expect(na(lab.settle()).map((s) => s.bytes.subarray(48, 64).equals(ip6(LL0)))).toEqual([true]);
  });

  it('answers multicast listener queries with its groups', () => {
    lab.device(1, A1);
    lab.settle();
    lab.steps(5n);
    const query = Buffer.concat([Buffer.alloc(16), Buffer.from('02140000', 'hex')]);
    const message = icmp6('fe80::9', 'ff02::1', 130, 0, 1000 << 16, query);
    const data = packet({
      src: 'fe80::9',
      dst: 'ff02::1',
      hop: 1,
      next: 0,
      payload: Buffer.concat([Buffer.from('3a00050200000100', 'hex'), message]),
    });
    expect(lab.rcv(data, { pktType: 2 })).toEqual([]);
    const [report, ...more] = reports(lab.steps(2n));
    expect(more).toEqual([]);
    expect(report!.bytes.subarray(56, 76).toString('hex')).toBe(`02000000${ip6(SNM).toString('hex')}`);
  });

  it('heeds a redirect of its router while it does not forward, and none while it does', () => {
    lab.device(1, A1);
    lab.settle();
    lab.neighbour(0, 'fe80::1', '525400000a01');
    lab.route('::', 0, 'fe80::1', 0);
    const far = '2001:db8:9::9';
    const redirect = (from: string) =>
      icmpPacket(
        from,
        A1,
        137,
        0,
        0,
        Buffer.concat([ip6('fe80::2'), ip6(far), Buffer.from('0201525400000a02', 'hex')]),
        255,
      );
    const mac = () =>
      lab
        .rcv(icmpPacket(far, A1, 128, 0, 1))[0]!
        .frame.subarray(0, 6)
        .toString('hex');
    expect(mac()).toBe('525400000a01');
    lab.rcv(redirect('fe80::66'));
    expect(mac()).toBe('525400000a01');
    lab.conf(undefined, Ipv6Conf.FORWARDING, 1);
    lab.rcv(redirect('fe80::1'));
    expect(mac()).toBe('525400000a01');
    lab.conf(undefined, Ipv6Conf.FORWARDING, 0);
    lab.rcv(redirect('fe80::1'));
    expect(mac()).toBe('525400000a02');
  });

  it('answers at the anycast address of its networks while it forwards, from an address of its own', () => {
    lab.device(1, A1);
    lab.settle();
    lab.neighbour(0, H1, MACH1);
    const anycast = '2001:db8:1::';
    const ping = () => lab.rcv(icmpPacket(H1, anycast, 128, 0, 1)).filter((p) => p.bytes[40] === 129);
    expect(ping()).toEqual([]);
    lab.conf(undefined, Ipv6Conf.FORWARDING, 1);
    const [reply] = ping();
    expect(reply!.bytes.subarray(8, 24).equals(ip6(A1))).toBe(true);
    const body = Buffer.concat([ip6(anycast), Buffer.from(`0101${MACH1}`, 'hex')]);
    // RFC 4861 §7.2.7: a node that answers for an anycast address waits a random time, of up to a second.
    expect(na(lab.rcv(icmpPacket(H1, 'ff02::1:ff00:0', 135, 0, 0, body, 255), { pktType: 2 }))).toEqual([]);
    const [answer] = na(lab.run(1_000_000_000n));
    expect(answer!.bytes.readUInt32BE(44)).toBe(0xc0000000);
    expect(answer!.bytes.subarray(8, 24).equals(ip6(A1))).toBe(true);
    // The route stays as long as one address has the prefix.
    lab.add(0, '2001:db8:1::77', 64, NODAD);
    expect(lab.call('testAddrDel', lab.devs[0]!, lab.addr(A1), 64)).toBe(0);
    expect(ping().length).toBe(1);
    lab.conf(undefined, Ipv6Conf.FORWARDING, 0);
    expect(ping()).toEqual([]);
  });

  it('talks to itself by lo', () => {
    lab.device(1, A1);
    lab.settle();
    expect(lab.rcv(icmpPacket(A1, A1, 128, 0, 1))).toEqual([]);
    expect(lab.mib(Mib.Icmp6OutEchoReplies)).toBe(1);
  });
});
