/** Frames for the benchmarks, complete and with right checksums; and a seeded stream of random numbers. */

/** RFC 1071, over big-endian words; not fast. */
export function checksum(bytes: Uint8Array, sum = 0): number {
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface FrameSpec {
  dstMac: string;
  srcMac: string;
  src: string;
  dst: string;
  protocol: 'udp' | 'tcp';
  sport: number;
  dport: number;
  /** Bytes of the whole frame, without FCS. */
  bytes: number;
}

const ETH_HLEN = 14;
const IP_HLEN = 20;
const PROTOCOLS = { udp: { id: 17, hlen: 8, check: 6 }, tcp: { id: 6, hlen: 20, check: 16 } };

/** An Ethernet frame with IPv4 and UDP or TCP (ACK, sequence number 0), payload 0, 1, 2, ... */
export function frame(spec: FrameSpec): Uint8Array {
  const out = new Uint8Array(spec.bytes);
  const view = new DataView(out.buffer);
  const { id, hlen, check } = PROTOCOLS[spec.protocol];
  out.set(macBytes(spec.dstMac), 0);
  out.set(macBytes(spec.srcMac), 6);
  view.setUint16(12, 0x0800);
  const ip = out.subarray(ETH_HLEN, ETH_HLEN + IP_HLEN);
  view.setUint8(ETH_HLEN, 0x45);
  view.setUint16(ETH_HLEN + 2, spec.bytes - ETH_HLEN);
  view.setUint16(ETH_HLEN + 6, 0x4000);
  view.setUint8(ETH_HLEN + 8, 64);
  view.setUint8(ETH_HLEN + 9, id);
  ip.set(ipv4Bytes(spec.src), 12);
  ip.set(ipv4Bytes(spec.dst), 16);
  view.setUint16(ETH_HLEN + 10, checksum(ip));
  const at = ETH_HLEN + IP_HLEN;
  const l4 = out.subarray(at);
  view.setUint16(at, spec.sport);
  view.setUint16(at + 2, spec.dport);
  if (spec.protocol === 'udp') {
    view.setUint16(at + 4, l4.length);
  } else {
    view.setUint32(at + 8, 1);
    view.setUint16(at + 12, 0x5010);
    view.setUint16(at + 14, 0xffff);
  }
  for (let i = hlen; i < l4.length; i++) l4[i] = i & 255;
  view.setUint16(at + check, checksum(l4, pseudoSum(ip, l4.length)));
  return out;
}

/** The sum of the pseudo header (RFC 768, RFC 9293 §3.1). */
export function pseudoSum(ip: Uint8Array, l4Bytes: number): number {
  return (~checksum(ip.subarray(12, 20)) & 0xffff) + ip[9]! + l4Bytes;
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

export function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

export function ipv4Text(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** xorshift32: the same numbers in every run. */
export function random32(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}

/** An address of the Internet as bench/assembly/nic draws them: 1.0.0.0 to 223.255.255.255, not 10/8 nor 127/8. */
export function internetAddress(random: () => number): number {
  for (;;) {
    const address = random();
    const first = address >>> 24;
    if (first !== 0 && first !== 10 && first !== 127 && first <= 223) return address;
  }
}
