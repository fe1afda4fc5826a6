import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { A1, H1, Lab, SEC, counting, fragment, icmp6, icmpPacket, packet } from '../../test/ipv6_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';

describe('IPv6 reassembly', () => {
  let lab: Lab;
  const to = { src: H1, dst: A1 };
  const echo = icmp6(H1, A1, 128, 0, 1, counting(3000));
  const pieces: [number, number][] = [
    [0, 1000],
    [1000, 1000],
    [2000, 1008],
  ];
  const piece = (i: number, id = 7, ecn = 0) => {
    const [at, length] = pieces[i]!;
    return fragment({ ...to, tclass: ecn }, 58, id, at, i < 2, echo.subarray(at, at + length));
  };
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('puts fragments together in any order, from any pieces of memory', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ];
    for (const [n, order] of orders.entries()) {
      const out = order.flatMap((i) => lab.rcv(piece(i, n), { frag: n % 2 ? 300 : 0 }));
      expect(
        Buffer.concat(out.map((s) => s.bytes.subarray(48))).equals(icmp6(A1, H1, 129, 0, 1, counting(3000))),
      ).toBe(true);
    }
    expect(lab.mib(Mib.Ip6ReasmOKs)).toBe(4);
    expect(lab.mib(Mib.Ip6ReasmReqds)).toBe(12);
  });

  it('answers an atomic fragment as it is', () => {
    const small = icmp6(H1, A1, 128, 0, 1, counting(8));
    const [out] = lab.rcv(fragment(to, 58, 1, 0, false, small));
    expect(out!.bytes.equals(icmpPacket(A1, H1, 129, 0, 1, counting(8)))).toBe(true);
  });

  it('ignores a duplicate and drops everything on an overlap', () => {
    lab.rcv(piece(0));
    lab.rcv(piece(0));
    expect(lab.drops(SkbDropReason.DUP_FRAG)).toBe(1);
    lab.rcv(fragment(to, 58, 7, 992, true, counting(16)));
    expect(lab.drops(SkbDropReason.FRAG_OVERLAP)).toBe(2);
    expect([...lab.rcv(piece(1)), ...lab.rcv(piece(2))]).toEqual([]);
    expect(lab.mib(Mib.Ip6ReasmOKs)).toBe(0);
    lab.steps(62n);
  });

  it('reports fragments that are no multiple of 8, too far out, or without their upper header', () => {
    const problem = (data: Buffer) => {
      const [out] = lab.rcv(data);
      return out === undefined ? undefined : [out.bytes[40], out.bytes[41], out.bytes.readUInt32BE(44)];
    };
    expect(problem(fragment(to, 17, 1, 0, true, counting(1001)))).toEqual([4, 0, 4]);
    expect(problem(fragment(to, 17, 2, 65528, false, counting(100)))).toEqual([4, 0, 42]);
    expect(problem(fragment(to, 17, 3, 0, true, counting(0)))).toEqual([4, 3, 0]);
    expect(problem(fragment(to, 60, 4, 0, true, Buffer.from('1105010400000000', 'hex')))).toEqual([4, 3, 0]);
    expect(lab.mib(Mib.Ip6InHdrErrors)).toBe(4);
    lab.steps(62n);
  });

  it('gives up after 60 seconds and tells the sender when it had the first fragment', () => {
    lab.rcv(piece(0, 1));
    lab.rcv(piece(1, 2));
    lab.run(59n * SEC);
    lab.neighbour(0, H1, '525400000101');
    const out = lab.run(2n * SEC).filter((s) => s.bytes[6] === 58);
    const quoted = piece(0, 1);
    expect(out.length).toBe(1);
    expect(
      out[0]!.bytes.equals(
        packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 3, 1, 0, quoted.subarray(0, 1232)) }),
      ),
    ).toBe(true);
    expect(lab.mib(Mib.Ip6ReasmTimeout)).toBe(2);
    expect(lab.drops(SkbDropReason.FRAG_REASM_TIMEOUT)).toBe(2);
  });

  it('keeps the mark of congestion and refuses mixtures that cannot be', () => {
    lab.rcv(piece(0, 1, 2));
    lab.rcv(piece(1, 1, 3));
    const out = lab.rcv(piece(2, 1, 2));
    expect((out[0]!.bytes.readUInt16BE(0) >> 4) & 3).toBe(3);
    lab.rcv(piece(0, 2, 0));
    lab.rcv(piece(1, 2, 2));
    expect(lab.rcv(piece(2, 2, 0))).toEqual([]);
    expect(lab.drops(SkbDropReason.FRAG_INVALID)).toBe(3);
  });

  it('holds no more than ip6frag_high_thresh and lets go of fragments of a device that ends', () => {
    for (let id = 0; id < 3000; id++) lab.rcv(piece(0, id));
    expect(lab.drops(SkbDropReason.FRAG_LIMIT)).toBeGreaterThan(0);
    lab.call('testDevEnd', lab.devs.shift()!);
    expect(lab.call('testSkbLeaks')).toBe(0);
  });
});
