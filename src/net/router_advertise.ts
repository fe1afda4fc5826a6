/**
 * Advertising a router on a link: what radvd.conf(5) says, as the core takes it. The core has the timing (RFC 4861 6.2);
 * the options are made here, once.
 */
import { MsgType, RadvRec } from '../../assembly/abi/request.js';
import type { Message } from '../core/requests.js';
import { NetError } from '../net_error.js';
import { AF_INET6, prefix, address } from './ip.js';

/** Seconds; null: for ever. */
type Lifetime = number | null;
export const ROUTER_PREFERENCES = ['low', 'medium', 'high'] as const;
export type RouterPreference = (typeof ROUTER_PREFERENCES)[number];

export interface AdvertisedPrefix {
  prefix: string;
  /** Default: 86400 and 14400, as radvd. */
  valid?: Lifetime;
  preferred?: Lifetime;
  /** Default: true. */
  onLink?: boolean;
  autonomous?: boolean;
}

export interface RouterAdvertiseSpec {
  /** Seconds; default 600, and a third of it. */
  maxInterval?: number;
  minInterval?: number;
  /** Seconds that we are a default router; default three times maxInterval, 0: we are none. */
  lifetime?: number;
  managed?: boolean;
  other?: boolean;
  /** Default 64; 0: hosts keep theirs. */
  hopLimit?: number;
  preference?: RouterPreference;
  mtu?: number;
  reachableMs?: number;
  retransMs?: number;
  /** With the link-layer address (default). */
  sourceLinkLayer?: boolean;
  prefixes?: readonly AdvertisedPrefix[];
  routes?: readonly { prefix: string; lifetime?: Lifetime; preference?: RouterPreference }[];
  /** Default lifetime: three times maxInterval. */
  dns?: { servers?: readonly string[]; search?: readonly string[]; lifetime?: Lifetime };
}

const FOREVER = 0xffffffff;
const PREFERENCE_BITS = { low: 3, medium: 0, high: 1 } as const;
const DEFAULT_INTERVAL = 600;

function option(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = 2 + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(Math.ceil(length / 8) * 8);
  bytes[0] = type;
  bytes[1] = bytes.length / 8;
  let at = 2;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value);
  return bytes;
}

function prefix6(text: string): { bytes: Uint8Array; plen: number } {
  const found = prefix(text);
  if (found.family !== AF_INET6) throw new NetError('EINVAL', `${text} is no IPv6 prefix`);
  return found;
}

function prefixOption(one: AdvertisedPrefix): Uint8Array {
  const { bytes, plen } = prefix6(one.prefix);
  const valid = one.valid === null ? FOREVER : (one.valid ?? 86_400);
  const preferred = one.preferred === null ? FOREVER : (one.preferred ?? Math.min(14_400, valid));
  if (preferred > valid)
    throw new NetError('EINVAL', `${one.prefix}: preferred ${preferred} s is longer than valid ${valid} s`);
  const flags = (one.onLink === false ? 0 : 0x80) | (one.autonomous === false ? 0 : 0x40);
  return option(3, Uint8Array.of(plen, flags), u32(valid, preferred, 0), masked(bytes, plen));
}

/** Bits behind the prefix are zero. */
function masked(bytes: Uint8Array, plen: number): Uint8Array {
  return bytes.map((byte, i) =>
    plen >= i * 8 + 8 ? byte : plen <= i * 8 ? 0 : byte & (0xff00 >> (plen - i * 8)),
  );
}

function domain(name: string): Uint8Array {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > 253 || labels.some((label) => !/^[\w-]{1,63}$/.test(label)))
    throw new NetError('EINVAL', `${JSON.stringify(name)} is no domain name`);
  const bytes = labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return Uint8Array.of(...bytes, 0);
}

/** The options behind link-layer address and MTU, in radvd's order. */
export function advertisedOptions(spec: RouterAdvertiseSpec): Uint8Array {
  const interval = spec.maxInterval ?? DEFAULT_INTERVAL;
  const seconds = (lifetime: Lifetime | undefined) =>
    lifetime === null ? FOREVER : (lifetime ?? interval * 3);
  const options = (spec.prefixes ?? []).map(prefixOption);
  for (const route of spec.routes ?? []) {
    const { bytes, plen } = prefix6(route.prefix);
    const pref = PREFERENCE_BITS[route.preference ?? 'medium'] << 3;
    const length = plen === 0 ? 0 : plen <= 64 ? 8 : 16;
    const body = masked(bytes, plen).subarray(0, length);
    options.push(option(24, Uint8Array.of(plen, pref), u32(seconds(route.lifetime)), body));
  }
  const { servers = [], search = [], lifetime } = spec.dns ?? {};
  if (servers.length > 0) {
    const all = servers.map((server) => {
      const { family, bytes } = address(server);
      if (family !== AF_INET6) throw new NetError('EINVAL', `name server ${server} is no IPv6 address`);
      return bytes;
    });
    options.push(option(25, new Uint8Array(2), u32(seconds(lifetime)), ...all));
  }
  if (search.length > 0)
    options.push(option(31, new Uint8Array(2), u32(seconds(lifetime)), ...search.map(domain)));
  const out = new Uint8Array(options.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of options) {
    out.set(one, at);
    at += one.length;
  }
  return out;
}

/** RADV_SET; null ends advertising, with a last one of lifetime 0. */
export function radvMessage(net: number, ifindex: number, spec: RouterAdvertiseSpec | null): Message {
  const options = spec === null ? new Uint8Array(0) : advertisedOptions(spec);
  return {
    type: MsgType.RADV_SET,
    bytes: RadvRec.OPTIONS + options.length,
    fill: (v, at) => {
      v.setUint32(at + RadvRec.NET, net, true);
      v.setInt32(at + RadvRec.IFINDEX, ifindex, true);
      if (spec === null) return;
      const most = spec.maxInterval ?? DEFAULT_INTERVAL;
      const least = spec.minInterval ?? Math.max(3, most / 3);
      v.setUint32(at + RadvRec.ON, 1, true);
      v.setUint32(at + RadvRec.MIN_MS, Math.round(least * 1000), true);
      v.setUint32(at + RadvRec.MAX_MS, Math.round(most * 1000), true);
      v.setUint32(at + RadvRec.LIFETIME, spec.lifetime ?? Math.min(9000, Math.ceil(most * 3)), true);
      v.setUint32(at + RadvRec.REACHABLE_MS, spec.reachableMs ?? 0, true);
      v.setUint32(at + RadvRec.RETRANS_MS, spec.retransMs ?? 0, true);
      v.setUint32(at + RadvRec.MTU, spec.mtu ?? 0, true);
      v.setUint8(at + RadvRec.HOP_LIMIT, spec.hopLimit ?? 64);
      const flags = (spec.managed === true ? 0x80 : 0) | (spec.other === true ? 0x40 : 0);
      v.setUint8(at + RadvRec.FLAGS, flags | (PREFERENCE_BITS[spec.preference ?? 'medium'] << 3));
      v.setUint8(at + RadvRec.WITH_ADDR, spec.sourceLinkLayer === false ? 0 : 1);
      v.setUint32(at + RadvRec.OPTION_BYTES, options.length, true);
      new Uint8Array(v.buffer, v.byteOffset + at + RadvRec.OPTIONS, options.length).set(options);
    },
  };
}
