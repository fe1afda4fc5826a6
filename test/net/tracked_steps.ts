/** Random packets of a few connections between a LAN and a WAN, some of them translated, some damaged. */
import fc from 'fast-check';
import {
  ACK,
  be16,
  cat,
  FIN,
  ip4,
  ip6,
  mac,
  pattern,
  PSH,
  pseudoSum,
  RST,
  sum16,
  SYN,
  tcp,
  udp,
} from '../oracle/packet.js';

export const LAN_MAC = '02:00:00:00:00:01';
export const WAN_MAC = '02:00:00:00:00:02';
export const NAT = `
table ip nat {
  chain post { type nat hook postrouting priority srcnat; ip daddr 203.0.113.0/25 masquerade }
  chain pre { type nat hook prerouting priority dstnat; iifname "wan0" udp dport 53 dnat to 192.0.2.3:5353 }
}
`;

const sports = [1000, 1001];
export const anyStep = fc.record({
  proto: fc.constantFrom('udp', 'udp', 'tcp', 'udp6', 'tcp6'),
  sport: fc.constantFrom(...sports),
  /** To somebody who is translated for, and to who is not. */
  dst: fc.constantFrom('203.0.113.5', '203.0.113.200'),
  reply: fc.boolean(),
  dnat: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  flags: fc.constantFrom(SYN, SYN | ACK, ACK, ACK, ACK, ACK | PSH, FIN | ACK, RST),
  seq: fc.integer({ min: 0, max: 3 }).map((n) => 1000 + n * 100),
  ack: fc.integer({ min: 0, max: 3 }).map((n) => 1000 + n * 100),
  size: fc.constantFrom(0, 1, 18, 33, 300, 1400),
  sum: fc.oneof(
    { weight: 16, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('bad' as const, 0) },
  ),
  options: fc.oneof(
    { weight: 12, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  ttl: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(1, 2, 4) },
  ),
  /** Milliseconds until the next: seldom long enough for a connection to end. */
  wait: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(0, 0, 0, 1, 700, 1100) },
    { weight: 1, arbitrary: fc.constant(31_000) },
  ),
});
export type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** The frame, and whether it comes from the LAN. */
export function frameOf(step: Step): { frame: Uint8Array; lan: boolean } {
  const six = step.proto.endsWith('6');
  const forward = { src: six ? '2001:db8:1::2' : '192.0.2.2', dst: six ? '2001:db8:2::2' : step.dst };
  // The answer comes to the address that masquerading gave.
  const masqueraded = !six && step.dst === '203.0.113.5';
  const back = { src: forward.dst, dst: masqueraded ? '198.51.100.1' : forward.src };
  const inward = step.dnat && !six && step.proto === 'udp';
  const lan = !inward && !step.reply;
  const ports =
    lan || inward ? { sport: step.sport, dport: inward ? 53 : 9 } : { sport: 9, dport: step.sport };
  const ends = inward ? { src: '203.0.113.77', dst: '198.51.100.1' } : lan ? forward : back;
  const { sum } = step;
  const part = step.proto.startsWith('udp')
    ? udp({ ...ports, ...(sum === undefined ? {} : { sum }) }, pattern(step.size))
    : tcp(
        {
          ...ports,
          flags: step.flags,
          seq: step.seq,
          ack: step.ack,
          window: 8000,
          ...(sum === undefined ? {} : { sum }),
        },
        pattern(step.flags === ACK ? step.size : 0),
      );
  const options = step.options ? { options: new Uint8Array([1, 1, 1, 1]) } : {};
  const packet = six
    ? ip6(ends, part)
    : ip4({ ...ends, id: 3, ...(step.ttl === undefined ? {} : { ttl: step.ttl }), ...options }, part);
  const to = mac(lan ? LAN_MAC : WAN_MAC);
  return { frame: cat(to, mac('02:00:00:00:00:12'), be16(six ? 0x86dd : 0x0800), packet), lan };
}

/** Header and transport checksums of a frame with plain IPv4 are right. */
export function sound(bytes: Uint8Array): boolean {
  if (bytes[12] !== 8 || bytes[13] !== 0 || bytes[14] !== 0x45 || ![6, 17].includes(bytes[23]!)) return true;
  const length = (bytes[16]! << 8) | bytes[17]!;
  const l4 = bytes.subarray(34, 14 + length);
  const pseudo = { src: bytes.subarray(26, 30), dst: bytes.subarray(30, 34) };
  return (
    sum16(bytes.subarray(14, 34)) === 0xffff && sum16(l4, pseudoSum(pseudo, bytes[23]!, l4.length)) === 0xffff
  );
}
