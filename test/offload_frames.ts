/**
 * Frames for the offload tests: Ethernet, IPv4 or IPv6, TCP or UDP, with right checksums, and checksums made the
 * slow way to compare with.
 */

export interface FrameSpec {
  v6?: boolean;
  udp?: boolean;
  payload: Uint8Array;
  seq?: number;
  ack?: number;
  flags?: number;
  window?: number;
  options?: number[];
  id?: number;
  df?: boolean;
  tos?: number;
  ttl?: number;
  flowLabel?: number;
  sport?: number;
  dport?: number;
  saddr?: number;
  mac?: number;
  /** IPv4 options or IPv6 extension headers, with the number of the first. */
  ext?: number[];
  extType?: number;
  zeroCheck?: boolean;
  badCheck?: boolean;
  /** Bytes behind the packet, as a short Ethernet frame has. */
  pad?: number;
}

export function fold(bytes: Uint8Array, sum = 0): number {
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

const put16 = (b: Uint8Array, at: number, x: number) => {
  b[at] = (x >> 8) & 0xff;
  b[at + 1] = x & 0xff;
};
const put32 = (b: Uint8Array, at: number, x: number) => {
  put16(b, at, x >>> 16);
  put16(b, at + 2, x & 0xffff);
};

/** Where headers of a frame made by buildFrame begin. */
export function layout(s: FrameSpec): { transport: number; hlen: number } {
  const transport = 14 + (s.v6 ? 40 : 20) + (s.ext?.length ?? 0);
  return { transport, hlen: transport + (s.udp ? 8 : 20 + (s.options?.length ?? 0)) };
}

/** Sum of the pseudo header of `len` transport bytes. */
export function pseudo(frame: Uint8Array, v6: boolean, proto: number, len: number): number {
  const addrs = v6 ? frame.subarray(14 + 8, 14 + 40) : frame.subarray(14 + 12, 14 + 20);
  return fold(addrs, proto + len);
}

export function buildFrame(s: FrameSpec): Uint8Array {
  const { transport, hlen } = layout(s);
  const f = new Uint8Array(hlen + s.payload.length + (s.pad ?? 0));
  const end = hlen + s.payload.length;
  const proto = s.udp ? 17 : 6;
  f.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, s.mac ?? 2]);
  put16(f, 12, s.v6 ? 0x86dd : 0x0800);
  if (s.v6) {
    put32(f, 14, ((6 << 28) | ((s.tos ?? 0) << 20) | (s.flowLabel ?? 0x12345)) >>> 0);
    put16(f, 18, end - 54);
    f[20] = s.ext ? s.extType! : proto;
    f[21] = s.ttl ?? 64;
    f.set([0xfd, 0, 0, 1], 22);
    f[37] = s.saddr ?? 1;
    f.set([0xfd, 0, 0, 2], 38);
    f[53] = 9;
  } else {
    f[14] = 0x40 | (5 + (s.ext?.length ?? 0) / 4);
    f[15] = s.tos ?? 0;
    put16(f, 16, end - 14);
    put16(f, 18, s.id ?? 0);
    put16(f, 20, s.df === false ? 0 : 0x4000);
    f[22] = s.ttl ?? 64;
    f[23] = proto;
    f.set([10, 0, 0, s.saddr ?? 1, 10, 0, 1, 9], 26);
  }
  if (s.ext) f.set(s.ext, transport - s.ext.length);
  if (!s.v6) put16(f, 24, ~fold(f.subarray(14, transport)) & 0xffff);
  put16(f, transport, s.sport ?? 40000);
  put16(f, transport + 2, s.dport ?? 443);
  let checkAt = transport + 6;
  if (s.udp) {
    put16(f, transport + 4, end - transport);
  } else {
    put32(f, transport + 4, s.seq ?? 1000);
    put32(f, transport + 8, s.ack ?? 77);
    f[transport + 12] = ((hlen - transport) / 4) << 4;
    f[transport + 13] = s.flags ?? 0x10;
    put16(f, transport + 14, s.window ?? 501);
    if (s.options) f.set(s.options, transport + 20);
    checkAt = transport + 16;
  }
  f.set(s.payload, hlen);
  if (!s.zeroCheck) {
    let check = ~fold(f.subarray(transport, end), pseudo(f, s.v6 ?? false, proto, end - transport)) & 0xffff;
    if (s.udp && check === 0) check = 0xffff;
    put16(f, checkAt, s.badCheck ? check ^ 0x0100 : check);
  }
  for (let i = end; i < f.length; i++) f[i] = 0xaa;
  return f;
}

/** TCP timestamp option between two NOPs. */
export function timestamps(value: number, echo: number): number[] {
  const b = new Uint8Array(12);
  b.set([1, 1, 8, 10]);
  put32(b, 4, value);
  put32(b, 8, echo);
  return [...b];
}

export function bytesOf(len: number, seed: number): Uint8Array {
  const b = new Uint8Array(len);
  let x = seed | 1;
  for (let i = 0; i < len; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    b[i] = x >>> 16;
  }
  return b;
}
