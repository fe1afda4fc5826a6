import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const [NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;
const INVALID = 10;
const IGNORED = 11;
const [SYN, SYNACK, FIN, ACK, RST, NOTHING] = [0, 1, 2, 3, 4, 5] as const;

describe('the states of a TCP connection seen from between', () => {
  let m: AsModule;
  const next = (dir: number, kind: number, state: number) => m.exports.nfTcpNext!(dir, kind, state);

  beforeAll(async () => {
    m = await loadAs(['netfilter/nf_conntrack_tcp_state'], { pages: 2 });
  });

  it('goes through a whole connection (RFC 9293 §3.5, §3.6)', () => {
    let state: number = NONE;
    const way: [number, number, number][] = [
      [0, SYN, SYN_SENT],
      [1, SYNACK, SYN_RECV],
      [0, ACK, ESTABLISHED],
      [1, ACK, ESTABLISHED],
      [0, FIN, FIN_WAIT],
      [1, ACK, CLOSE_WAIT],
      [1, FIN, LAST_ACK],
      [0, ACK, TIME_WAIT],
    ];
    for (const [dir, kind, to] of way) {
      state = next(dir, kind, state);
      expect(state).toBe(to);
    }
  });

  it('knows SYNs that cross', () => {
    expect(next(1, SYN, SYN_SENT)).toBe(SYN_SENT2);
    expect(next(0, SYNACK, SYN_SENT2)).toBe(SYN_RECV);
    expect(next(1, SYNACK, SYN_SENT2)).toBe(SYN_RECV);
  });

  it('begins with a SYN, or with an ACK in the middle, and with nothing else', () => {
    expect([SYN, SYNACK, FIN, ACK, RST, NOTHING].map((kind) => next(0, kind, NONE))).toEqual([
      SYN_SENT,
      INVALID,
      INVALID,
      ESTABLISHED,
      INVALID,
      INVALID,
    ]);
  });

  it('ends in any state by a RST', () => {
    for (let state = SYN_SENT; state <= SYN_SENT2; state++) {
      expect(next(0, RST, state)).toBe(CLOSE);
      expect(next(1, RST, state)).toBe(CLOSE);
    }
  });

  it('lets a SYN of the opener through where only the ends know (RFC 5961 §4.2)', () => {
    for (const state of [SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK]) {
      expect(next(0, SYN, state)).toBe(IGNORED);
    }
  });

  it('takes segments without any flag for invalid', () => {
    for (let state = NONE; state <= SYN_SENT2; state++) {
      for (const dir of [0, 1]) expect(next(dir, NOTHING, state)).toBe(INVALID);
    }
  });

  it('knows which flags can be meant', () => {
    const valid = Array.from({ length: 64 }, (_, flags) => flags).filter(
      (flags) => m.exports.nfTcpFlagsValid!(flags) !== 0,
    );
    // With PSH or without: SYN, SYN URG, SYN ACK, RST, RST ACK, FIN ACK, FIN ACK URG, ACK, ACK URG.
    const kinds = [2, 34, 18, 4, 20, 17, 49, 16, 48];
    expect(valid).toEqual(kinds.flatMap((flags) => [flags, flags | 8]).toSorted((a, b) => a - b));
  });

  it('names the kind of a segment by its strongest flag', () => {
    expect([2, 18, 17, 16, 4, 22, 0, 8, 1].map((flags) => m.exports.nfTcpKind!(flags))).toEqual([
      SYN,
      SYNACK,
      FIN,
      ACK,
      RST,
      RST,
      NOTHING,
      NOTHING,
      FIN,
    ]);
  });
});
