import { describe, expect, it } from 'vitest';
import { judgeEcho, judgeHopLimit, judgeTooBig } from './lab_proof.js';

const HEAD = 'PING 198.51.100.2 (198.51.100.2) 1472(1500) bytes of data.\n';
const LOST =
  '\n--- 198.51.100.2 ping statistics ---\n1 packets transmitted, 0 received, 100% packet loss, time 0ms\n';

describe("ping's output", () => {
  it('is an echo when all came back', () => {
    const output = `${HEAD}64 bytes from 198.51.100.2: icmp_seq=1 ttl=63 time=0.05 ms

--- 198.51.100.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 400ms
rtt min/avg/max/mdev = 0.031/0.039/0.047/0.008 ms
`;
    expect(judgeEcho(output)).toEqual({ ok: true, detail: '3 of 3 answered, 0.039 ms' });
  });

  it('is no echo when some are missing, and says what came instead', () => {
    const output = `${HEAD}From 192.168.77.1 icmp_seq=1 Destination Host Unreachable
${LOST.replace('0 received,', '0 received, +1 errors,')}`;
    expect(judgeEcho(output)).toEqual({
      ok: false,
      detail: '0 of 1 answered; From 192.168.77.1 icmp_seq=1 Destination Host Unreachable',
    });
    expect(judgeEcho('ping: connect: Network is unreachable\n')).toEqual({
      ok: false,
      detail: 'ping: connect: Network is unreachable',
    });
  });

  it.each([
    ['192.168.77.1', 'From 192.168.77.1 icmp_seq=1 Time to live exceeded\n'],
    ['fd77:1::1', 'From fd77:1::1 icmp_seq=1 Time exceeded: Hop limit\n'],
  ])('is an expired hop limit at %s', (router, line) => {
    const judge = judgeHopLimit(router);
    expect(judge(HEAD + line + LOST)).toEqual({
      ok: true,
      detail: `time exceeded, from the router ${router}`,
    });
    expect(judge(HEAD + LOST).ok).toBe(false);
    expect(judgeHopLimit('10.0.0.1')(HEAD + line + LOST).ok).toBe(false);
  });

  it.each([
    ['192.168.77.1', 'From 192.168.77.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)\n'],
    ['fd77:1::1', 'From fd77:1::1 icmp_seq=1 Packet too big: mtu=1400\n'],
  ])('is too big a packet at %s', (router, line) => {
    expect(judgeTooBig(router, 1400)(HEAD + line + LOST)).toEqual({
      ok: true,
      detail: `too big, MTU 1400, from the router ${router}`,
    });
    expect(judgeTooBig(router, 1300)(HEAD + line + LOST).ok).toBe(false);
    expect(judgeTooBig(router, 1400)(HEAD + LOST).detail).toBe(
      '1 packets transmitted, 0 received, 100% packet loss, time 0ms',
    );
  });

  it('is too big a packet, too, when the host knew already', () => {
    const judged = judgeTooBig(
      '192.168.77.1',
      1400,
    )(`${HEAD}ping: local error: message too long, mtu=1400\n${LOST}`);
    expect(judged).toEqual({ ok: true, detail: 'too big, MTU 1400, learned before' });
  });
});
