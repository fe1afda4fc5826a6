import { beforeEach, describe, expect, it } from 'vitest';
import { Lab, SEC, counting, icmp, ip, packet, sum16 } from '../../test/ipv4_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';
import { Sysctl } from '../abi/sysctl.js';

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create();
});

const MF = 0x2000;
const DF = 0x4000;
/** An echo request of `size` bytes; its reply shows that it became whole, byte for byte. */
const whole = (size: number) => icmp(8, 0, 0x00010001, counting(size - 8));

interface Piece {
  at: number;
  end: number;
  more?: boolean;
  df?: boolean;
  tos?: number;
  id?: number;
}

const piece = (message: Buffer, p: Piece) =>
  packet({
    proto: 1,
    id: p.id ?? 7,
    tos: p.tos ?? 0,
    frag: ((p.more ?? p.end < message.length) ? MF : 0) | (p.df ? DF : 0) | (p.at >> 3),
    payload: Buffer.concat([message, Buffer.alloc(70000)]).subarray(p.at, p.end),
  });

/** Pushes all; the payload of what came back. */
function send(message: Buffer, pieces: Piece[], options = {}): Buffer {
  lab.call('testLogClear');
  for (const p of pieces) lab.push(piece(message, p), options);
  return Buffer.concat(lab.sent().map((s) => s.bytes.subarray(20)));
}

const reply = (message: Buffer) => icmp(0, 0, 0x00010001, message.subarray(8));

describe('reassembly', () => {
  const m = whole(1000);
  const thirds: Piece[] = [
    { at: 0, end: 336 },
    { at: 336, end: 672 },
    { at: 672, end: 1000 },
  ];
  it.each([
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])('takes fragments in the order %i %i %i, linear or in pieces', (a, b, c) => {
    const order = [thirds[a]!, thirds[b]!, thirds[c]!];
    expect(send(m, order).equals(reply(m))).toBe(true);
    expect(send(m, order, { frag: 50, linear: 30 }).equals(reply(m))).toBe(true);
    expect([Mib.IpReasmReqds, Mib.IpReasmOKs, Mib.IpReasmFails].map((id) => lab.mib(id))).toEqual([6, 2, 0]);
    expect(lab.call('testFragMem')).toBe(0);
    expect(lab.end()).toBe(0);
  });

  it('takes a packet of more pieces than a fragment table has', () => {
    const big = whole(8 * 200);
    const order = Array.from({ length: 200 }, (_, i) => ({ at: i * 8, end: i * 8 + 8 }));
    expect(send(big, order).equals(reply(big))).toBe(true);
    expect(lab.mib(Mib.IpReasmOKs)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it('ignores duplicates and pieces of what is there, and drops them as DUP_FRAG', () => {
    const dup: Piece[] = [
      { at: 0, end: 336 },
      { at: 336, end: 672 },
      { at: 336, end: 672 },
      { at: 0, end: 672, more: true },
      { at: 8, end: 16 },
      { at: 672, end: 1000 },
    ];
    expect(send(m, dup).equals(reply(m))).toBe(true);
    expect(lab.drops(SkbDropReason.DUP_FRAG)).toBe(3);
    expect(lab.end()).toBe(0);
  });

  it('cuts what is more than a multiple of eight in all but the last', () => {
    const odd: Piece[] = [
      { at: 0, end: 339, more: true },
      { at: 336, end: 1000 },
    ];
    expect(send(m, odd).equals(reply(m))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  const hostile: [string, Piece[], SkbDropReason, number][] = [
    [
      'teardrop: inside the first',
      [
        { at: 0, end: 336 },
        { at: 24, end: 28, more: false },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
    [
      'an overlap with the end of the first',
      [
        { at: 0, end: 336 },
        { at: 328, end: 672 },
      ],
      SkbDropReason.FRAG_OVERLAP,
      1,
    ],
    [
      'an overlap with the beginning of the second',
      [
        { at: 336, end: 672 },
        { at: 0, end: 344 },
      ],
      SkbDropReason.FRAG_OVERLAP,
      1,
    ],
    [
      'one around another',
      [
        { at: 336, end: 672 },
        { at: 328, end: 680 },
      ],
      SkbDropReason.FRAG_OVERLAP,
      1,
    ],
    [
      'one over two runs',
      [
        { at: 0, end: 96 },
        { at: 192, end: 288 },
        { at: 96, end: 200 },
      ],
      SkbDropReason.FRAG_OVERLAP,
      1,
    ],
    [
      'a second last fragment that ends elsewhere',
      [
        { at: 672, end: 1000 },
        { at: 336, end: 672, more: false },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
    [
      'something behind the last',
      [
        { at: 672, end: 1000 },
        { at: 1000, end: 1008, more: true },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
    [
      'a last one in front of others',
      [
        { at: 672, end: 1000, more: true },
        { at: 336, end: 672, more: false },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
    [
      'an empty one',
      [
        { at: 0, end: 336 },
        { at: 336, end: 336, more: true },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
    [
      'one of less than eight bytes',
      [
        { at: 0, end: 336 },
        { at: 336, end: 343, more: true },
      ],
      SkbDropReason.FRAG_INVALID,
      0,
    ],
  ];
  it.each(hostile)('ends the queue at %s', (_name, pieces, reason, overlaps) => {
    expect(send(m, pieces).length).toBe(0);
    expect(lab.drops(reason)).toBe(pieces.length);
    expect(lab.mib(Mib.IpReasmFails)).toBe(1);
    expect(lab.mib(Mib.IpExtReasmOverlaps)).toBe(overlaps);
    expect(lab.call('testFragMem')).toBe(0);
    expect(lab.call('testSkbLeaks')).toBe(0);
    // The identifier may be used again at once.
    expect(send(m, thirds).equals(reply(m))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  it('drops what would be longer than 65535 bytes (the ping of death)', () => {
    const big = whole(65528);
    const pieces = Array.from({ length: 45 }, (_, i) => ({ at: i * 1456, end: i * 1456 + 1456, more: true }));
    expect(send(big, [...pieces, { at: 65520, end: 66000, more: false }]).length).toBe(0);
    expect(lab.drops(SkbDropReason.PKT_TOO_BIG)).toBe(46);
    expect(lab.end()).toBe(0);
  });

  it.each([
    [2, 3, 0],
    [2, 2, 0],
    [0, 2, null],
    [0, 3, null],
    [1, 2, 0],
  ])('of fragments with ECN %i and %i', (a, b, tos) => {
    const pieces: Piece[] = [
      { at: 0, end: 504, tos: a },
      { at: 504, end: 1000, tos: b },
    ];
    lab.call('testLogClear');
    for (const p of pieces) lab.push(piece(m, p));
    expect(lab.sent().length).toBe(tos === null ? 0 : 1);
    // The reply keeps the TOS of the whole: CE when any fragment had it.
    if (tos !== null) expect(lab.sent()[0]!.bytes[1]! & 3).toBe(a === 3 || b === 3 ? 3 : a);
    expect(lab.end()).toBe(0);
  });

  it('keeps packets of different identifiers, sources and protocols apart', () => {
    lab.push(piece(m, { at: 0, end: 504, id: 1 }));
    lab.push(piece(m, { at: 504, end: 1000, id: 2 }));
    lab.push(packet({ proto: 1, id: 1, src: '10.0.1.3', frag: 504 >> 3, payload: m.subarray(504) }));
    lab.push(packet({ proto: 17, id: 1, frag: 504 >> 3, payload: m.subarray(504) }));
    expect(lab.mib(Mib.IpReasmOKs)).toBe(0);
    expect(lab.end()).toBe(0);
  });

  it('times out after 30 s and tells the sender when it has the first fragment', () => {
    lab.push(piece(m, { at: 0, end: 336, id: 1 }));
    lab.push(piece(m, { at: 336, end: 672, id: 2 }));
    lab.run(30n * SEC - 2_000_000n);
    expect(lab.mib(Mib.IpReasmTimeout)).toBe(0);
    const sent = lab.run(2n * SEC);
    expect(lab.mib(Mib.IpReasmTimeout)).toBe(2);
    expect(lab.mib(Mib.IpReasmFails)).toBe(2);
    expect(sent.length).toBe(1);
    const b = sent[0]!.bytes;
    expect(b.subarray(20, 22).toString('hex')).toBe('0b01');
    expect(b.subarray(28).equals(piece(m, { at: 0, end: 336, id: 1 }))).toBe(true);
    expect(sum16(b.subarray(20))).toBe(0xffff);
    expect(lab.drops(SkbDropReason.FRAG_REASM_TIMEOUT)).toBe(2);
    expect(lab.call('testSkbLeaks')).toBe(0);
    expect(lab.end()).toBe(0);
  });

  it('starts anew when 64 fragments of the peer came in between', () => {
    lab.push(piece(m, { at: 0, end: 336, id: 1 }));
    for (let i = 0; i < 64; i++) lab.push(piece(m, { at: 0, end: 8, id: 100 + i }));
    lab.push(piece(m, { at: 336, end: 672, id: 1 }));
    expect(lab.drops(SkbDropReason.FRAG_TOO_FAR)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it('stays in its bound with 10,000 incomplete packets, refuses the rest, and times out', () => {
    lab.sysctl(Sysctl.IPFRAG_MAX_DIST, 0);
    for (let i = 0; i < 10_000; i++) {
      const src = `10.0.1.${2 + (i % 250)}`;
      lab.push(packet({ proto: 1, src, id: i >> 3, frag: MF, payload: counting(64) }));
    }
    const held = lab.call('testFragMem');
    expect(held).toBeGreaterThan(3 << 20);
    expect(held).toBeLessThanOrEqual((4 << 20) + 4096);
    expect(lab.drops(SkbDropReason.FRAG_LIMIT)).toBeGreaterThan(8000);
    // Other packets still find room.
    expect(lab.rcv(packet({ proto: 1, payload: icmp(8, 0, 1, counting(56)) })).length).toBe(1);
    lab.run(31n * SEC);
    expect(lab.call('testFragMem')).toBe(0);
    expect(lab.call('testSkbLeaks')).toBe(0);
    expect(send(m, thirds).equals(reply(m))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  it('ends with its namespace', () => {
    for (let i = 0; i < 50; i++) lab.push(piece(m, { at: 0, end: 336, id: i }));
    expect(lab.call('testSkbLeaks')).toBeGreaterThan(0);
    expect(lab.end()).toBe(0);
  });
});

describe('fragmentation of a forwarded packet', () => {
  beforeEach(() => {
    lab.devs.push(lab.call('testIpDev', lab.net, ip('10.0.3.1'), 24, 296));
  });
  const forward = (f: object, size = 700) =>
    lab.rcv(packet({ proto: 17, id: 0xabcd, dst: '10.0.3.2', payload: counting(size), ...f }));

  it('makes fragments of a multiple of eight bytes with MF, identifier and a right checksum', () => {
    const sent = forward({ tos: 0x10 });
    expect(sent.map((s) => s.length)).toEqual([292, 292, 176]);
    expect(sent.map((s) => s.bytes.subarray(0, 10).toString('hex'))).toEqual([
      '45100124abcd20003f11',
      '45100124abcd20223f11',
      '451000b0abcd00443f11',
    ]);
    for (const s of sent) expect(sum16(s.bytes.subarray(0, 20))).toBe(0xffff);
    expect(Buffer.concat(sent.map((s) => s.bytes.subarray(20))).equals(counting(700))).toBe(true);
    expect([Mib.IpFragOKs, Mib.IpFragCreates, Mib.IpFragFails].map((id) => lab.mib(id))).toEqual([1, 3, 0]);
    expect(lab.end()).toBe(0);
  });

  it('cuts a fragment again, MF staying on all of its pieces', () => {
    const middle = forward({ frag: MF | 100 }, 560);
    expect(middle.map((s) => s.bytes.readUInt16BE(6))).toEqual([MF | 100, MF | 134, MF | 168]);
    const last = forward({ frag: 100 }, 560);
    expect(last.map((s) => s.bytes.readUInt16BE(6))).toEqual([MF | 100, MF | 134, 168]);
    expect(lab.end()).toBe(0);
  });

  it('copies options with the copy flag to every fragment and the others to the first', () => {
    // security (copied), record route that is full (not copied), END
    const options = [130, 3, 9, 7, 3, 4, 0, 0];
    const sent = forward({ options }, 500);
    expect(sent.map((s) => s.bytes.subarray(20, 28).toString('hex'))).toEqual([
      '8203090703040000',
      '8203090101010000',
    ]);
    for (const s of sent) expect(sum16(s.bytes.subarray(0, 28))).toBe(0xffff);
    expect(Buffer.concat(sent.map((s) => s.bytes.subarray(28))).equals(counting(500))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  it('works on a packet in pieces, and leaves one alone that just fits', () => {
    const bytes = packet({ proto: 17, dst: '10.0.3.2', payload: counting(1400) });
    const sent = lab.rcv(bytes, { frag: 333, linear: 40 });
    expect(Buffer.concat(sent.map((s) => s.bytes.subarray(20))).equals(counting(1400))).toBe(true);
    expect(forward({}, 276).length).toBe(1);
    expect(forward({}, 277).length).toBe(2);
    expect(lab.end()).toBe(0);
  });
});
