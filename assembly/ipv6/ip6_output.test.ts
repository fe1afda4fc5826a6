import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  A1,
  A2,
  H1,
  H2,
  Lab,
  LL0,
  NODAD,
  counting,
  icmpPacket,
  packet,
  transportSumOk,
  udp,
} from '../../test/ipv6_lab.js';
import { Mib } from '../abi/snmp.js';

describe('IPv6 output of our own packets', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('chooses a source by scope, link and prefix', () => {
    const source = (dst: string, oif = 0) => {
      const [err, sent] = lab.xmit(packet({ src: '::', dst, payload: counting(4) }), oif);
      return err !== 0 ? err : sent[0]!.bytes.subarray(8, 24).toString('hex');
    };
    const hex = (a: string) => packet({ src: a }).subarray(8, 24).toString('hex');
    lab.neighbour(0, 'fe80::9', '525400000109');
    expect(source(H1)).toBe(hex(A1));
    expect(source(H2)).toBe(hex(A2));
    expect(source('fe80::9', lab.ifindex(0))).toBe(hex(LL0));
    expect(source('ff02::1:2', lab.ifindex(0))).toBe(hex(LL0));
    lab.add(1, 'fd00::5', 64, NODAD);
    lab.add(0, '2001:db8:2:8::1', 64, NODAD);
    expect(source(H2)).toBe(hex(A2));
    expect(source('2001:db8:77::1')).toBe(-101);
  });

  it('fragments what does not fit behind the headers that every node reads', () => {
    const body = Buffer.concat([Buffer.from('1100010400000000', 'hex'), udp(A1, H1, 1, 2, counting(2000))]);
    const [err, sent] = lab.xmit(packet({ src: A1, dst: H1, next: 0, payload: body }));
    expect(err).toBe(0);
    expect(sent.map((s) => s.length)).toEqual([1496, 40 + 8 + 8 + 2008 - 1440]);
    for (const s of sent) {
      expect(s.bytes.subarray(40, 48).toString('hex')).toBe('2c00010400000000');
      expect(s.bytes[6]).toBe(0);
      expect(s.bytes.readUInt16BE(4)).toBe(s.length - 40);
    }
    const whole = Buffer.concat(sent.map((s) => s.bytes.subarray(56)));
    expect(whole.equals(body.subarray(8))).toBe(true);
  });

  it('hears its own packets to a group that it has joined', () => {
    const [err, sent] = lab.xmit(icmpPacket(A1, 'ff02::1', 128, 0, 3, counting(4)), lab.ifindex(0));
    expect(err).toBe(0);
    expect(sent.length).toBe(1);
    expect(sent[0]!.frame.subarray(0, 6).toString('hex')).toBe('333300000001');
    expect(transportSumOk(sent[0]!.bytes)).toBe(true);
    expect(lab.mib(Mib.Icmp6OutEchoReplies)).toBe(1);
  });

  it('reaches its own addresses by lo, link-local ones too', () => {
    expect(lab.xmit(icmpPacket(A1, A2, 128, 0, 3))).toEqual([0, []]);
    expect(lab.xmit(icmpPacket(LL0, LL0, 128, 0, 3), lab.ifindex(0))).toEqual([0, []]);
    expect(lab.xmit(icmpPacket('::1', '::1', 128, 0, 3))).toEqual([0, []]);
    expect(lab.mib(Mib.Icmp6OutEchoReplies)).toBe(3);
    expect(lab.mib(Mib.Icmp6InEchoReplies)).toBe(3);
  });

  it('refuses packets that are none', () => {
    expect(lab.xmit(packet({}).subarray(0, 39))[0]).toBe(-22);
    expect(lab.xmit(packet({ src: 'ff02::1' }))[0]).toBe(-22);
    expect(lab.xmit(packet({ src: A1, dst: '::' }))[0]).toBe(-22);
  });
});
