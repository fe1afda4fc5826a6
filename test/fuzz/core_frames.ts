/**
 * Frames for the fuzz of the whole core: good ones of every protocol that it handles, in both families, and ways to
 * spoil them. Most of the spoiled ones get their checksums mended, so that they reach what lies behind the check.
 */
import { NetifF } from '../../assembly/abi/features.js';
import type { Frame } from '../canary_driver.js';
import {
  ACK,
  arp,
  be16,
  be32,
  cat,
  destOptions,
  echo,
  echo6,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  FIN,
  fragment6,
  fragments4,
  fragments6,
  hopByHop,
  type Ip4Fields,
  type Ip6Fields,
  icmp,
  icmp6,
  ip4,
  ip6,
  ipBytes,
  mac,
  multicastMac,
  ndOption,
  option,
  type Part,
  PSH,
  pattern,
  RST,
  raw,
  routing,
  SYN,
  sum16,
  tcp,
  u8,
  udp,
} from '../oracle/packet.js';
import { Random } from '../random.js';

export const PORTS = [
  { name: 'lan', mac: '02:00:00:00:01:01', features: 0, vnetHdrLen: 0, peer: '02:00:00:00:01:02' },
  {
    name: 'wan',
    mac: '02:00:00:00:02:01',
    features:
      NetifF.HW_CSUM |
      NetifF.TSO |
      NetifF.TSO6 |
      NetifF.GSO_UDP_L4 |
      NetifF.SG |
      NetifF.GRO |
      NetifF.RXCSUM |
      NetifF.GRO_UDP_FWD,
    vnetHdrLen: 12,
    peer: '02:00:00:00:02:02',
  },
  {
    name: 'gro',
    mac: '02:00:00:00:03:01',
    features: NetifF.GRO | NetifF.GRO_UDP_FWD,
    vnetHdrLen: 10,
    peer: '02:00:00:00:03:02',
  },
] as const;

/** Us, neighbours known and unknown, behind a gateway, behind the veth, nowhere, and those that are nobody's. */
export const ADDRESSES4 = [
  '192.0.2.1',
  '192.0.2.2',
  '192.0.2.77',
  '192.0.2.255',
  '198.51.100.1',
  '198.51.100.2',
  '198.51.100.9',
  '100.64.0.1',
  '100.64.0.2',
  '10.9.0.1',
  '10.9.0.2',
  '10.9.0.3',
  '203.0.113.5',
  '203.0.113.200',
  '203.0.113.255',
  '10.1.2.3',
  '10.2.2.3',
  '10.3.2.3',
  '8.8.8.8',
  '127.0.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '239.1.2.3',
  '240.0.0.1',
  '169.254.1.1',
] as const;
export const ADDRESSES6 = [
  '2001:db8:1::1',
  '2001:db8:1::2',
  '2001:db8:1::77',
  '2001:db8:1::',
  '2001:db8:2::1',
  '2001:db8:2::2',
  '2001:db8:2::9',
  '2001:db8:3::1',
  '2001:db8:3::2',
  'fd09::1',
  'fd09::2',
  'fd09::3',
  '2001:db8:f::5',
  '2001:db8:bad::1',
  'fe80::1',
  'fe80::ff:fe00:101',
  'ff02::1',
  'ff02::2',
  'ff02::1:ff00:1',
  'ff05::1:3',
  '::',
  '::1',
  '::ffff:192.0.2.1',
  '64:ff9b::1',
] as const;

/** A neighbour of each port, then what may be reached: most packets come from and go to these. */
const GOOD4 = [
  '192.0.2.2',
  '198.51.100.2',
  '100.64.0.2',
  '10.9.0.2',
  '203.0.113.5',
  '192.0.2.1',
  '198.51.100.9',
] as const;
const GOOD6 = [
  '2001:db8:1::2',
  '2001:db8:2::2',
  '2001:db8:3::2',
  'fd09::2',
  '2001:db8:f::5',
  '2001:db8:1::1',
  '2001:db8:2::9',
] as const;

type Build = (src: string, dst: string, random: Random) => Uint8Array[];

const v4 = (part: (random: Random) => Part, fields: Ip4Fields = {}): Build => {
  return (src, dst, random) => [ip4({ src, dst, ...fields }, part(random))];
};
const v6 = (parts: (random: Random) => Part[], fields: Ip6Fields = {}): Build => {
  return (src, dst, random) => [ip6({ src, dst, ...fields }, ...parts(random))];
};

const PAYLOADS = [0, 1, 7, 18, 32, 100, 536, 1000, 1200, 1400, 1452, 1472] as const;
const body = (random: Random) => pattern(random.pick(PAYLOADS), random.below(256));
const port = (random: Random) => random.pick([0, 7, 53, 67, 546, 4500, 40000, 65535]);
const randomUdp = (random: Random) => udp({ sport: port(random), dport: port(random) }, body(random));
const randomTcp = (random: Random) =>
  tcp(
    {
      sport: port(random),
      dport: port(random),
      seq: random.u32(),
      ack: random.u32(),
      flags: random.pick([SYN, ACK, ACK | PSH, SYN | ACK, FIN | ACK, RST, RST | ACK, 0, 255]),
      options: random.pick([
        u8(),
        u8(2, 4, 5, 180),
        u8(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
        u8(5, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0),
      ]),
    },
    body(random),
  );

/** A packet of ours that an error quotes. */
const quoted4 = (random: Random) => {
  const packet = ip4(
    { src: random.pick(ADDRESSES4), dst: random.pick(ADDRESSES4) },
    random.pick([randomUdp, randomTcp, () => echo()])(random),
  );
  return packet.subarray(0, random.pick([20, 27, 28, 40, 64, packet.length]));
};
const quoted6 = (random: Random) => {
  const packet = ip6(
    { src: random.pick(ADDRESSES6), dst: random.pick(ADDRESSES6) },
    random.pick([randomUdp, randomTcp, () => echo6()])(random),
  );
  return packet.subarray(0, random.pick([40, 47, 48, 60, 88, packet.length]));
};

const OPTIONS4 = [
  u8(7, 7, 4, 0, 0, 0, 0, 0),
  u8(7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  u8(68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  u8(68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  u8(68, 12, 5, 3, 10, 9, 0, 1, 0, 0, 0, 0),
  u8(131, 7, 4, 10, 9, 0, 2, 0),
  u8(137, 7, 4, 198, 51, 100, 2, 0),
  u8(131, 11, 4, 192, 0, 2, 2, 10, 9, 0, 2, 1),
  u8(148, 4, 0, 0),
  u8(130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  u8(1, 1, 1, 0),
  u8(94, 4, 1, 2),
  u8(134, 4, 1, 2),
];
const slla = (random: Random) =>
  ndOption(random.pick([1, 2]), u8(2, 0, 0, 0, random.below(4), random.below(4)));

function neighbourMessage(type: number): Build {
  return (src, dst, random) => {
    const target = ipBytes(random.pick(ADDRESSES6));
    const options = random.once(3) ? u8() : slla(random);
    const flags = type === 136 ? u8(random.pick([0, 0x20, 0x40, 0x60, 0xe0]), 0, 0, 0) : u8(0, 0, 0, 0);
    return [ip6({ src, dst, hops: 255 }, icmp6(type, 0, flags, cat(target, options)))];
  };
}

function routerAdvertisement(src: string, dst: string, random: Random): Uint8Array[] {
  const prefix = cat(
    u8(random.pick([64, 0, 128, 200]), random.pick([0xc0, 0x80, 0])),
    be32(random.u32(), random.u32(), 0),
    ipBytes(random.pick(ADDRESSES6)),
  );
  const options = cat(
    slla(random),
    ndOption(3, prefix),
    ndOption(5, cat(be16(0), be32(random.pick([1280, 1500, 60, 0])))),
    ndOption(24, cat(u8(32, 0), be32(600, 0x20010db8))),
  );
  const head = cat(be16(random.below(65536)), be32(random.below(100000), random.below(5000)));
  return [
    ip6(
      { src, dst, hops: 255 },
      icmp6(134, 0, u8(64, random.below(256), ...head.subarray(0, 2)), cat(head.subarray(2), options)),
    ),
  ];
}

function redirect6(src: string, dst: string, random: Random): Uint8Array[] {
  const options = cat(slla(random), ndOption(4, cat(new Uint8Array(6), pattern(40)), 6));
  return [
    ip6(
      { src, dst, hops: 255 },
      icmp6(
        137,
        0,
        be32(0),
        cat(ipBytes(random.pick(ADDRESSES6)), ipBytes(random.pick(ADDRESSES6)), options),
      ),
    ),
  ];
}

/** Pieces of a datagram: in order or not, doubled, overlapping, one missing. */
function pieces(all: Uint8Array[], random: Random): Uint8Array[] {
  const list = random.once(2) ? random.shuffle([...all]) : [...all];
  if (random.once(3)) list.splice(random.below(list.length), 1);
  if (random.once(3) && list.length > 0) list.push(random.pick(list));
  return list;
}

function cuts(random: Random, length: number): number[] {
  const at = new Set<number>();
  for (let n = 1 + random.below(6); n > 0; n--)
    at.add(8 * (1 + random.below(Math.max(1, (length >> 3) - 1))));
  return [...at].sort((a, b) => a - b).filter((x) => x < length);
}

/** A flow of segments, for GRO: in order, but for what `spoil` will do. */
function train(ip: (part: Part) => Uint8Array, random: Random): Uint8Array[] {
  const size = random.pick([1, 100, 536, 1000, 1400]);
  const fields = { sport: 1000 + random.below(4), dport: 80, flags: ACK };
  const asUdp = random.once(3);
  let seq = random.u32();
  return Array.from({ length: 2 + random.below(12) }, (_, i) => {
    const last = random.once(8) ? random.below(size) + 1 : size;
    const payload = pattern(last, i);
    const part = asUdp ? udp({ sport: fields.sport, dport: 443 }, payload) : tcp({ ...fields, seq }, payload);
    seq = (seq + last) >>> 0;
    return ip(part);
  });
}

const BUILDERS: readonly (readonly [family: 4 | 6, build: Build])[] = [
  [4, v4(() => echo())],
  [4, v4((r) => echo(body(r)))],
  [4, v4(() => icmp(0, 0, be32(7), pattern(20)))],
  [4, v4((r) => icmp(3, r.below(17), be16(0, r.pick([0, 68, 552, 576, 1280, 1400, 65535])), quoted4(r)))],
  [4, v4((r) => icmp(11, r.below(3), be32(0), quoted4(r)))],
  [4, v4((r) => icmp(12, 0, u8(r.below(60), 0, 0, 0), quoted4(r)))],
  [4, v4((r) => icmp(5, r.below(4), ipBytes(r.pick(ADDRESSES4)), quoted4(r)))],
  [4, v4((r) => icmp(13, 0, be32(1), new Uint8Array(12).fill(r.below(256))))],
  [4, v4((r) => icmp(r.below(256), r.below(256), be32(r.u32()), body(r)))],
  [4, v4(randomUdp)],
  [4, v4(randomTcp)],
  [4, v4(randomUdp, { ttl: 1 })],
  [4, v4(randomUdp, { ttl: 0 })],
  [4, v4(randomUdp, { df: true, tos: 0xff })],
  [4, v4((r) => raw(r.below(256), body(r)))],
  [
    4,
    v4((r) =>
      raw(2, cat(u8(r.pick([0x11, 0x16, 0x17, 0x22]), r.below(100)), be16(0), ipBytes(r.pick(ADDRESSES4)))),
    ),
  ],
  [
    4,
    (src, dst, r) => [
      ip4({ src, dst, options: r.pick(OPTIONS4) }, r.pick([randomUdp, randomTcp, () => echo()])(r)),
    ],
  ],
  [
    4,
    (src, dst, r) => {
      const part = r.pick([udp({}, pattern(r.pick([1480, 2000, 3000]))), echo(pattern(2900))]);
      const whole = part.build({ src: ipBytes(src), dst: ipBytes(dst) }, 0);
      return pieces(
        fragments4(
          { src, dst, id: r.below(8), ...(r.once(8) ? { options: r.pick(OPTIONS4) } : {}) },
          part,
          ...cuts(r, whole.length),
        ),
        r,
      );
    },
  ],
  [4, (src, dst, r) => train((part) => ip4({ src, dst, df: true, id: r.below(3) }, part), r)],
  [6, v6(() => [echo6()])],
  [6, v6((r) => [echo6(body(r))])],
  [6, v6((r) => [icmp6(1, r.below(9), be32(0), quoted6(r))])],
  [6, v6((r) => [icmp6(2, 0, be32(r.pick([0, 1000, 1280, 1400, 70000])), quoted6(r))])],
  [6, v6((r) => [icmp6(3, r.below(2), be32(0), quoted6(r))])],
  [6, v6((r) => [icmp6(4, r.below(3), be32(r.below(80)), quoted6(r))])],
  [6, v6((r) => [icmp6(r.below(256), r.below(256), be32(r.u32()), body(r))])],
  [6, v6((r) => [randomUdp(r)])],
  [6, v6((r) => [randomTcp(r)])],
  [6, v6((r) => [randomUdp(r)], { hops: 1 })],
  [
    6,
    v6((r) => [
      hopByHop(
        option(
          r.pick([0x05, 0xc2, 0x3e, 0x7e, 0xbe, 0xfe, 1]),
          r.pick([
            [0, 0],
            [0, 1, 0, 0],
            [0, 0, 0, 0],
          ]),
        ),
      ),
      randomUdp(r),
    ]),
  ],
  [6, v6((r) => [destOptions(option(r.below(256), [1, 2, 3, 4])), randomTcp(r)])],
  [
    6,
    v6((r) => [
      routing(r.pick([0, 2, 3, 4]), r.below(4), cat(be32(0), ipBytes(r.pick(ADDRESSES6)))),
      randomUdp(r),
    ]),
  ],
  [
    6,
    v6((r) => [
      hopByHop(option(1, [0, 0])),
      routing(0, 0, be32(0)),
      destOptions(option(1, [0, 0])),
      fragment6(0, false, r.u32()),
      randomUdp(r),
    ]),
  ],
  [6, v6((r) => [raw(r.below(256), body(r))])],
  [6, v6((r) => [fragment6(r.pick([0, 8, 1232, 65528]), r.once(2), r.below(8)), raw(17, body(r))])],
  [6, neighbourMessage(135)],
  [6, neighbourMessage(136)],
  [6, (src, dst, r) => [ip6({ src, dst, hops: 255 }, icmp6(133, 0, be32(0), slla(r)))]],
  [6, routerAdvertisement],
  [6, redirect6],
  [
    6,
    (src, dst, r) => [
      ip6(
        { src, dst, hops: 1 },
        hopByHop(option(5, [0, 0])),
        icmp6(r.pick([130, 131, 132, 143]), 0, be16(1000, 0), ipBytes(r.pick(ADDRESSES6))),
      ),
    ],
  ],
  [
    6,
    (src, dst, r) => {
      const parts = [r.pick([udp({}, pattern(r.pick([1480, 2000, 3000]))), echo6(pattern(2900))])];
      return pieces(fragments6({ src, dst }, parts, ...cuts(r, 1480)), r);
    },
  ],
  [6, (src, dst, r) => train((part) => ip6({ src, dst }, part), r)],
];

/** An IP packet in its Ethernet frame, to the MAC that its destination asks for, or to `us`. */
function frame(packet: Uint8Array, type: number, us: string, them: string): Uint8Array {
  const dst =
    type === ETH_P_IP ? packet.subarray(16, 20) : type === ETH_P_IPV6 ? packet.subarray(24, 40) : undefined;
  return cat((dst && multicastMac(dst)) ?? mac(us), mac(them), be16(type), packet);
}

/** The good frames of one thing that happens on a wire. */
function scene(random: Random, at: (typeof PORTS)[number]): Uint8Array[] {
  if (random.once(12)) {
    const spa = random.pick(ADDRESSES4);
    const fields = {
      op: random.pick([1, 2, 2, 3]),
      sha: random.pick(PORTS).peer,
      spa,
      tpa: random.once(4) ? spa : random.pick(ADDRESSES4),
    };
    const packet = arp(fields);
    const to = random.once(2) ? u8(255, 255, 255, 255, 255, 255) : mac(at.mac);
    return [cat(to, mac(at.peer), be16(ETH_P_ARP), packet, new Uint8Array(random.pick([0, 18])))];
  }
  const [family, build] = random.pick(BUILDERS);
  const addresses: readonly string[] = family === 4 ? ADDRESSES4 : ADDRESSES6;
  const good = family === 4 ? GOOD4 : GOOD6;
  const src = random.once(4) ? random.pick(addresses) : good[PORTS.indexOf(at)]!;
  const packets = build(src, random.pick(random.once(3) ? addresses : good), random);
  return packets.map((packet) => frame(packet, family === 4 ? ETH_P_IP : ETH_P_IPV6, at.mac, at.peer));
}

/**
 * Building a packet takes longer than the core needs for it, so that rounds share a library of scenes: 64 rounds one,
 * made from their number alone.
 */
const SCENES = 800;
const ROUNDS_PER_LIBRARY = 64;
let library: { key: number; scenes: Uint8Array[][][] } | undefined;

function scenes(seed: number): Uint8Array[][][] {
  const key = Math.floor(seed / ROUNDS_PER_LIBRARY);
  if (library?.key !== key) {
    const random = new Random(key ^ 0x5ce7e5);
    library = { key, scenes: PORTS.map((at) => Array.from({ length: SCENES }, () => scene(random, at))) };
  }
  return library.scenes;
}

/** Right checksums for what the frame says it is. */
function mend(f: Uint8Array): void {
  const view = new DataView(f.buffer, f.byteOffset, f.byteLength);
  if (f.length < 34) return;
  const type = view.getUint16(12);
  let at: number;
  let protocol: number;
  let length: number;
  let pseudo: number;
  if (type === ETH_P_IP) {
    const ihl = (f[14]! & 15) * 4;
    if (ihl < 20 || 14 + ihl > f.length) return;
    view.setUint16(24, 0);
    view.setUint16(24, ~sum16(f.subarray(14, 14 + ihl)) & 0xffff);
    if ((view.getUint16(20) & 0x3fff) !== 0) return;
    at = 14 + ihl;
    protocol = f[23]!;
    length = view.getUint16(16) - ihl;
    pseudo = protocol === 1 ? 0 : sum16(f.subarray(26, 34), protocol + Math.max(0, length));
  } else if (type === ETH_P_IPV6 && f.length >= 54) {
    at = 54;
    protocol = f[20]!;
    length = view.getUint16(18);
    pseudo = sum16(f.subarray(22, 54), protocol + length);
  } else return;
  const offset = { 1: 2, 6: 16, 17: 6, 58: 2 }[protocol];
  if (offset === undefined || length < offset + 2 || at + length > f.length) return;
  view.setUint16(at + offset, 0);
  view.setUint16(at + offset, ~sum16(f.subarray(at, at + length), pseudo) & 0xffff);
}

const EDGES = [0, 1, 2, 4, 5, 7, 8, 15, 16, 20, 39, 40, 63, 64, 127, 128, 255];

/** Changes a copy of the frame; length fields, headers and flags more often than the rest. */
function spoil(good: Uint8Array, random: Random): Uint8Array {
  let f: Uint8Array = good.slice();
  const headers = Math.min(f.length, 100);
  for (let n = 1 + random.below(3); n > 0 && f.length > 0; n--) {
    const at = random.once(4) ? random.below(f.length) : 12 + random.below(Math.max(1, headers - 12));
    switch (random.below(8)) {
      case 0:
        f[at]! ^= 1 << random.below(8);
        break;
      case 1:
        f[at] = random.below(256);
        break;
      case 2:
        f[at] = random.pick(EDGES);
        break;
      case 3: {
        const word = random.pick([
          0,
          1,
          0xffff,
          0x8000,
          f.length,
          f.length - 14,
          f.length - 13,
          f.length - 34,
        ]);
        f[at & ~1] = word >> 8;
        f[at | 1] = word & 255;
        break;
      }
      case 4:
        f = f.slice(
          0,
          random.once(2) ? random.below(f.length + 1) : Math.min(f.length, 14 + random.below(60)),
        );
        break;
      case 5:
        f = cat(f, random.fill(new Uint8Array(1 + random.below(40))));
        break;
      case 6: {
        // A stretch of one place goes over another.
        const from = random.below(f.length);
        f.copyWithin(random.below(f.length), from, from + 1 + random.below(16));
        break;
      }
      default: {
        // Length, flags and offset, header length, next header: where parsing turns.
        const field =
          f[12] === 8
            ? random.pick([14, 16, 17, 20, 21, 22, 23, 34, 46])
            : random.pick([14, 18, 19, 20, 21, 54, 55, 58, 66]);
        if (field < f.length) f[field] = random.pick(EDGES);
      }
    }
  }
  return f;
}

/** A vnet header that fits the frame, or nearly. */
function vnetHdr(f: Uint8Array, bytes: number, random: Random): Uint8Array | undefined {
  if (bytes === 0) return undefined;
  const hdr = new Uint8Array(bytes);
  const view = new DataView(hdr.buffer);
  const v6Frame = f[12] === 0x86;
  const l4 = 14 + (v6Frame ? 40 : ((f[14] ?? 0x45) & 15) * 4);
  const protocol = v6Frame ? f[20] : f[23];
  const isUdp = protocol === 17;
  if (random.once(2) || (!isUdp && protocol !== 6 && !random.once(10))) return hdr;
  if (random.once(4)) {
    hdr[0] = 2; // DATA_VALID
    return hdr;
  }
  hdr[0] = 1; // NEEDS_CSUM
  view.setUint16(6, l4, true);
  view.setUint16(8, isUdp ? 6 : protocol === 6 ? 16 : 2, true);
  if (random.once(2)) {
    hdr[1] = (isUdp ? random.pick([5, 3]) : v6Frame ? 4 : 1) | (random.once(8) ? 0x80 : 0);
    const tcpHlen = isUdp ? 8 : ((f[l4 + 12] ?? 0x50) >> 4) * 4;
    view.setUint16(2, l4 + tcpHlen, true);
    view.setUint16(4, random.pick([1, 8, 100, 536, 1000, 1400, 1448]), true);
  }
  if (random.once(4)) {
    const at = random.below(bytes);
    hdr[at] = random.pick(EDGES);
  }
  return hdr;
}

/** A TCP or UDP packet larger than any link, as a port with offloads hands them in. */
function giant(random: Random, at: (typeof PORTS)[number]): Frame {
  const isV6 = random.once(2);
  const isUdp = random.once(3);
  const payload = pattern(random.pick([1461, 2000, 3000, 9000, 30000, 60000]), random.below(256));
  const part = isUdp
    ? udp({ dport: 443 }, payload)
    : tcp({ flags: ACK | PSH, dport: 80, seq: random.u32() }, payload);
  const packet = isV6
    ? ip6({ src: random.pick(ADDRESSES6), dst: random.pick(ADDRESSES6) }, part)
    : ip4({ src: random.pick(ADDRESSES4), dst: random.pick(ADDRESSES4), df: true }, part);
  const bytes = frame(packet, isV6 ? ETH_P_IPV6 : ETH_P_IP, at.mac, at.peer);
  return { bytes, vnetHdr: vnetHdr(bytes, at.vnetHdrLen, random) };
}

/** Frames of one burst of round `seed` into a port, `count` or a few more. */
export function burst(seed: number, random: Random, portIndex: number, count: number): Frame[] {
  const at = PORTS[portIndex]!;
  const frames: Frame[] = [];
  while (frames.length < count) {
    if (at.vnetHdrLen !== 0 && random.once(40)) {
      frames.push(giant(random, at));
      continue;
    }
    if (random.once(50)) {
      // Noise.
      const bytes = random.fill(new Uint8Array(random.below(random.pick([20, 100, 1600]))));
      if (random.once(2) && bytes.length > 14)
        bytes.set(
          cat(
            mac(at.mac),
            mac(at.peer),
            random.pick([be16(ETH_P_IP), be16(ETH_P_IPV6), be16(ETH_P_ARP), be16(0x8100)]),
          ),
        );
      frames.push({
        bytes,
        vnetHdr:
          at.vnetHdrLen === 0
            ? undefined
            : random.once(2)
              ? undefined
              : random.fill(new Uint8Array(at.vnetHdrLen)),
      });
      continue;
    }
    for (const good of random.pick(scenes(seed)[portIndex]!)) {
      let bytes = good;
      if (!random.once(3)) {
        bytes = spoil(good, random);
        if (!random.once(4)) mend(bytes);
      }
      frames.push({ bytes, vnetHdr: vnetHdr(bytes, at.vnetHdrLen, random) });
    }
  }
  return frames;
}
