import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { A1, H1, H2, Lab, counting, icmp6, packet } from '../../test/ipv6_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';

const hex = (s: string) => Buffer.from(s.replaceAll(' ', ''), 'hex');

describe('IPv6 extension headers', () => {
  let lab: Lab;
  const echo = icmp6(H1, A1, 128, 0, 1, counting(4));
  const reply = packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 129, 0, 1, counting(4)) });
  const to = (next: number, headers: string, body = echo, dst = A1) =>
    packet({ dst, next, payload: Buffer.concat([hex(headers), body]) });
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('walks through Hop-by-Hop, Destination and finished Routing headers to the protocol', () => {
    const chains: [number, string][] = [
      [0, '3a 00 01 04 00000000'],
      [60, '3a 00 01 04 00000000'],
      [0, '3c 00 05 02 0000 01 00 3a 00 01 04 00000000'],
      [43, '3a 00 00 00 00000000'],
      [43, '3c 00 63 00 00000000 3a 00 3e 02 0000 0000'],
    ];
    for (const [next, headers] of chains) {
      const out = lab.rcv(to(next, headers), { frag: 3, linear: 41 });
      expect(out[0]?.bytes.equals(reply), headers).toBe(true);
    }
  });

  it('does with an unknown option what its highest bits say', () => {
    const option = (type: string) => to(60, `3a 00 ${type} 04 00000000`);
    expect(lab.rcv(option('3e')).length).toBe(1);
    expect(lab.rcv(option('7e'))).toEqual([]);
    for (const type of ['be', 'fe']) {
      const data = option(type);
      const [out] = lab.rcv(data);
      expect(
        out!.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 4, 2, 42, data) })),
      ).toBe(true);
    }
    // To a group: 10 answers, 11 does not (RFC 8200 4.2).
    const grouped = (type: string) =>
      lab.rcv(packet({ dst: 'ff02::1', next: 60, payload: hex(`3b 00 ${type} 04 00000000`) }), {
        pktType: 2,
      });
    expect(grouped('be').length).toBe(1);
    expect(grouped('fe')).toEqual([]);
  });

  it('refuses options that do not fit, too much padding and too many of them', () => {
    const bad = [
      '3a 00 01 05 00000000',
      '3a 00 01 04 00000100',
      `3a 01 01 06 000000000000 01 04 00000000`,
      '3a 00 3e 07 00000000',
      '3a 02 3e00 3e00 3e00 3e00 3e00 3e00 3e00 3e00 3e00 0000 0000',
      '3a 09 01 04 00000000',
      'c9 00 c9 04 00000000'.replace('c9 00', '3a 00'),
    ];
    for (const headers of bad) expect(lab.rcv(to(60, headers)), headers).toEqual([]);
    expect(lab.drops(SkbDropReason.IPV6_BAD_EXTHDR)).toBe(bad.length);
    expect(lab.mib(Mib.Ip6InHdrErrors)).toBe(bad.length);
  });

  it('refuses routing headers that still lead on, pointing at their type', () => {
    const data = to(43, `3a 02 00 01 00000000 ${'20'.repeat(16)}`);
    const [out] = lab.rcv(data);
    expect(
      out!.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 4, 0, 42, data) })),
    ).toBe(true);
    expect(lab.rcv(to(43, `3a 02 04 01 00000000 ${'20'.repeat(16)}`))).toEqual([]);
  });

  it('takes what has no next header and says nothing', () => {
    expect(lab.rcv(to(59, '', counting(20)))).toEqual([]);
    expect(lab.mib(Mib.Ip6InDelivers)).toBe(1);
  });

  it('reads Hop-by-Hop options of packets that it forwards, and forwards them unchanged', () => {
    const data = to(0, '11 00 05 02 0000 01 00', counting(16), H2);
    const [out] = lab.rcv(data);
    const want = Buffer.from(data);
    want[7] = 63;
    expect(out!.bytes.equals(want)).toBe(true);
    const unknown = to(0, '11 00 be 04 00000000', counting(16), H2);
    const [error] = lab.rcv(unknown);
    expect([error!.bytes[40], error!.bytes[41], error!.bytes.readUInt32BE(44)]).toEqual([4, 2, 42]);
    // Elsewhere a Hop-by-Hop header is an unrecognized next header.
    const second = to(60, '00 00 01 04 00000000 3a 00 01 04 00000000');
    const [late] = lab.rcv(second);
    expect([late!.bytes[40], late!.bytes[41], late!.bytes.readUInt32BE(44)]).toEqual([4, 1, 40]);
  });

  it('checks the length of a jumbogram', () => {
    const jumbo = (len: string) =>
      packet({
        dst: H2,
        next: 0,
        plen: 0,
        payload: Buffer.concat([hex(`11 00 c2 04 ${len}`), counting(16)]),
      });
    expect(lab.rcv(jumbo('0001ffff'))).toEqual([]);
    const [small] = lab.rcv(jumbo('00000018'));
    expect([small!.bytes[40], small!.bytes[41], small!.bytes.readUInt32BE(44)]).toEqual([4, 0, 44]);
  });
});
