/**
 * What tracking and NAT must survive: headers cut at every length, bytes that lie, floods of random tuples. No trap,
 * memory bounded, every skb back in its pool, and connections that were there go on.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CoreRouter } from '../oracle/core_router.js';
import type { NatRule } from '../oracle/nat_rule.js';
import {
  ACK,
  be16,
  be32,
  cat,
  echo,
  icmp,
  icmp6,
  ip4,
  ip6,
  LAN_HOST,
  pattern,
  raw,
  SYN,
  tcp,
  u8,
  udp,
  WAN_HOST,
} from '../oracle/packet.js';
import { lan, type Setup, type Step, wan } from '../oracle/router.js';
import { Random } from '../random.js';
import { type Free, freeOf } from './lab.js';

const ROUTER_WAN = '198.51.100.1';
const MASQUERADE: NatRule[] = ([0, 1] as const).map((family) => ({
  family,
  hook: 'postrouting',
  device: 'wan0',
  to: 'masquerade',
}));
const SETUP: Setup = {
  nat: MASQUERADE,
  helpers: [
    { helper: 'ftp', dport: 21 },
    { helper: 'tftp', dport: 69 },
  ],
};

let core: CoreRouter;
let free: Free;
beforeAll(async () => {
  core = await CoreRouter.create();
  await core.run(SETUP, []);
  free = freeOf(core.stack);
});
afterAll(() => core.close());

/** The packet ends behind `n` bytes of what follows its IP header, and says so. */
function cut(packet: Uint8Array, n: number): Uint8Array {
  const six = packet[0]! >> 4 === 6;
  const head = six ? 40 : 20;
  const out = packet.slice(0, head + n);
  if (six) {
    out.set(be16(n), 4);
    return out;
  }
  out.set(be16(head + n, 0), 2);
  out.set(packet.subarray(4, 6), 4);
  out.set(be16(0), 10);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (out[i]! << 8) | out[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  out.set(be16(~sum & 0xffff), 10);
  return out;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const options = cat(u8(2, 4, 5, 0xb4, 4, 2, 8, 10), be32(1, 2), u8(1, 3, 3, 7));
const sack = cat(u8(1, 1, 5, 18), be32(1, 2, 3, 4));
const cause4 = ip4({ src: ROUTER_WAN }, udp()).subarray(0, 40);

const PACKETS: readonly (readonly [string, Uint8Array])[] = [
  ['UDP', ip4({}, udp({}, pattern(20)))],
  ['TFTP', ip4({}, udp({ dport: 69 }, ascii('\0\u0001file\0octet\0')))],
  ['a SYN with options', ip4({}, tcp({ flags: SYN, options }))],
  ['a segment with SACK', ip4({}, tcp({ flags: ACK, options: sack }, pattern(9)))],
  ['FTP', ip4({}, tcp({ dport: 21, flags: ACK }, ascii('PORT 192,0,2,2,19,137\r\n')))],
  ['an echo', ip4({}, echo())],
  ['an error about UDP', ip4({}, icmp(3, 3, be32(0), cause4))],
  [
    'SCTP',
    ip4({}, raw(132, cat(be16(1, 2), be32(0, 0), u8(1, 0), be16(20), be32(7, 1), be16(1, 1), be32(1)))),
  ],
  ['UDP-Lite', ip4({}, raw(136, cat(be16(1, 2, 8, 0xffff), pattern(20))))],
  ['GRE', ip4({}, raw(47, pattern(20)))],
  ['UDP over IPv6', ip6({}, udp({}, pattern(20)))],
  ['TCP over IPv6', ip6({}, tcp({ flags: SYN, options }))],
  ['an error about UDP over IPv6', ip6({}, icmp6(1, 4, be32(0), ip6({}, udp()).subarray(0, 60)))],
  [
    'a redirect over IPv6',
    ip6({ hops: 255 }, icmp6(137, 0, be32(0), cat(pattern(32), u8(4, 7, 0, 0, 0, 0, 0, 0), pattern(48)))),
  ],
];

test.each(PACKETS)('%s, cut at every length', async (_name, packet) => {
  const head = packet[0]! >> 4 === 6 ? 40 : 20;
  const steps: Step[] = [];
  for (let n = 0; n <= packet.length - head; n++) steps.push(lan(cut(packet, n)));
  await core.run(SETUP, steps);
  expect(freeOf(core.stack)).toEqual(free);
});

test.each([1, 2, 3])('bytes that lie, seed %i', async (seed) => {
  const random = new Random(seed);
  const steps: Step[] = [];
  for (let i = 0; i < 1500; i++) {
    const packet = random.pick(PACKETS)[1].slice();
    const head = packet[0]! >> 4 === 6 ? 40 : 20;
    for (let k = random.below(4); k >= 0; k--)
      packet[head + random.below(packet.length - head)] = random.below(256);
    const step = random.once(3) ? wan(packet) : lan(packet);
    steps.push(step);
  }
  // Checksums would stop nearly all of them.
  await core.run({ ...SETUP, sysctl: { 'net.netfilter.nf_conntrack_checksum': 0 } }, steps);
  expect(freeOf(core.stack)).toEqual(free);
});

test('a flood of random SYNs and datagrams leaves an open connection open, and memory bounded', async () => {
  const random = new Random(9);
  const open: Step[] = [
    lan(ip4({}, tcp({ seq: 100, flags: SYN }))),
    wan(
      ip4(
        { src: WAN_HOST, dst: ROUTER_WAN },
        tcp({ sport: 81, dport: 40000, seq: 500, ack: 101, flags: SYN | ACK }),
      ),
    ),
    lan(ip4({}, tcp({ seq: 101, ack: 501, flags: ACK }))),
  ];
  const flood = Array.from({ length: 3000 }, () => {
    const dst = `203.0.113.${random.below(256)}`;
    const ports = { sport: random.below(65536), dport: 1 + random.below(65535) };
    return lan(ip4({ dst, src: LAN_HOST }, random.once(2) ? tcp({ ...ports, flags: SYN }) : udp(ports)));
  });
  const after = wan(
    ip4(
      { src: WAN_HOST, dst: ROUTER_WAN },
      tcp({ sport: 81, dport: 40000, seq: 501, ack: 101, flags: ACK }, pattern(30)),
    ),
  );
  const setup: Setup = { ...SETUP, sysctl: { 'net.netfilter.nf_conntrack_max': 128 } };
  const { lan0 } = await core.run(setup, [...open, ...flood, after]);
  // The SYN+ACK and the data, translated back to the host.
  expect(lan0.filter((sent) => sent[12] === 8 && sent[23] === 6)).toHaveLength(2);
  expect(freeOf(core.stack)).toEqual(free);
});
