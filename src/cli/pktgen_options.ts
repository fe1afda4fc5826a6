/**
 * What `ww pktgen` and its YAML say in words, as numbers. Sizes are those of frames on the wire, FCS included, as RFC 2544
 * and every tester count them; the core counts without it.
 */
import { formatIp, parseIp, parseMac } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import type { StreamProto, StreamRate, StreamSizes, StreamVlan } from '../net/pktgen.js';

const FCS = 4;
/** The simple Internet mix: 7 : 4 : 1. */
const IMIX: readonly (readonly [number, number])[] = [
  [64, 7],
  [594, 4],
  [1518, 1],
];
const ETH_HLEN = 14;
const TAG = 4;
const SHORT_SIGNATURE = 18;
const L4 = { udp: 8, tcp: 20, icmp: 8, ether: 0 } as const;
export const FRAME_WIRE_MAX = 9022;
const SCALE: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const TCP_SYN = 2;

function wrong(what: string, text: string, right: string): NetError {
  return new NetError('EINVAL', `${what} '${text}': ${right} would be right`);
}

/** max, 1000, 20kpps, 1.5mpps, 300mbps, 1gbpsl1 */
export function parseRate(text: string): StreamRate {
  if (text === 'max') return { kind: 'max', value: 0 };
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(pps|bpsl1|bps)?$/i.exec(text);
  const value = match === null ? 0 : Math.round(Number(match[1]) * SCALE[match[2]!.toLowerCase()]!);
  if (match === null || value < 1 || value > 1e13) {
    throw wrong(
      'rate',
      text,
      "'max', frames like '1000', '20kpps', '1.5mpps' or bits like '300mbps', '1gbps'",
    );
  }
  const unit = (match[3] ?? 'pps').toLowerCase() as 'pps' | 'bps' | 'bpsl1';
  return { kind: unit, value };
}

export function rateText({ kind, value }: StreamRate): string {
  if (kind === 'max') return 'max';
  for (const unit of ['g', 'm', 'k'] as const) {
    const scale = SCALE[unit]!;
    if (value >= scale) return `${Number((value / scale).toPrecision(6))}${unit}${kind}`;
  }
  return `${value}${kind}`;
}

/** Bytes on the wire that the shortest frame of such a stream has. */
export function leastWireBytes(proto: StreamProto, v6: boolean, tags: number): number {
  const ip = proto === 'ether' ? 0 : v6 ? 40 : 20;
  return ETH_HLEN + tags * TAG + ip + L4[proto] + SHORT_SIGNATURE + FCS;
}

/**
 * 64, imix, 64-1518, 64:7,594:4,1518:1. A single size that is too short is refused; in a mix or a range what is too
 * short for headers and signature becomes as long as they need.
 */
export function parseSizes(text: string, least: number, what: string): StreamSizes {
  const right = `'64', 'imix', '64-1518' or '64:7,594:4,1518:1', each from ${least} to ${FRAME_WIRE_MAX}`;
  const wire = (bytes: string): number => {
    const n = Number(bytes);
    if (!/^\d{2,4}$/.test(bytes) || n < 64 || n > FRAME_WIRE_MAX) throw wrong('size', text, right);
    return n;
  };
  const core = (bytes: number) => Math.max(bytes, least) - FCS;
  if (text === 'imix') return { kind: 'table', entries: IMIX.map(([bytes, n]) => [core(bytes), n] as const) };
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range !== null) {
    const [from, to] = [wire(range[1]!), wire(range[2]!)];
    if (from > to) throw wrong('size', text, `the smaller one first, '${to}-${from}',`);
    return { kind: 'range', from: core(from), to: core(to) };
  }
  const entries = text.split(',').map((part) => {
    const match = /^(\d+)(?::(\d{1,4}))?$/.exec(part.trim());
    if (match === null || match[2] === '0') throw wrong('size', text, right);
    return [wire(match[1]!), Number(match[2] ?? 1)] as const;
  });
  if (entries.length === 1 && entries[0]![0] < least) {
    throw new NetError(
      'EMSGSIZE',
      `size '${text}': ${what} needs ${least} bytes for headers, signature and FCS`,
    );
  }
  return { kind: 'table', entries: entries.map(([bytes, n]) => [core(bytes), n] as const) };
}

export interface Range<T> {
  readonly first: T;
  readonly count: number;
}

/** 10.0.0.1, 10.0.0.1-10.0.0.254, 10.0.0.1+100 */
export function parseAddressRange(text: string): Range<string> {
  const right = "'10.0.0.1', '10.0.0.1-10.0.0.254', '10.0.0.1+100' or the like of IPv6";
  const match = /^([^-+]+)(?:([-+])(.+))?$/.exec(text);
  const first = match === null ? null : parseIp(match[1]!);
  if (match === null || first === null) throw wrong('address', text, right);
  if (match[2] === undefined) return { first: formatIp(first.bytes), count: 1 };
  if (match[2] === '+')
    return { first: formatIp(first.bytes), count: positive(match[3]!, 'address', text, right) };
  const last = parseIp(match[3]!);
  const head = first.bytes.length - 4;
  const same = last !== null && last.bytes.length === first.bytes.length;
  if (!same || Buffer.compare(first.bytes.subarray(0, head), last.bytes.subarray(0, head)) !== 0)
    throw wrong('address', text, `${right} (a range differs in the last 32 bits)`);
  const low = (bytes: Uint8Array) => Buffer.from(bytes).readUInt32BE(head);
  const count = low(last.bytes) - low(first.bytes) + 1;
  if (count < 1) throw wrong('address', text, right);
  return { first: formatIp(first.bytes), count };
}

/** 9, 1024-2047 */
export function parsePortRange(text: string): Range<number> {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || last > 65535 || first > last) throw wrong('port', text, "'9' or '1024-2047'");
  return { first, count: last - first + 1 };
}

/** 02:00:00:00:00:01, 02:00:00:00:00:01+100 */
export function parseMacRange(text: string): Range<string> {
  const right = "'02:00:00:00:00:01' or '02:00:00:00:00:01+100'";
  const [mac = '', count] = text.split('+');
  if (parseMac(mac) === null) throw wrong('MAC', text, right);
  return { first: mac, count: count === undefined ? 1 : positive(count, 'MAC', text, right) };
}

function positive(digits: string, what: string, text: string, right: string): number {
  const n = Number(digits);
  if (!/^\d{1,9}$/.test(digits) || n < 1) throw wrong(what, text, right);
  return n;
}

/** 10, 10:3 (priority) */
export function parseVlan(text: string): StreamVlan {
  const match = /^(\d{1,4})(?::([0-7]))?$/.exec(text);
  const id = Number(match?.[1]);
  if (match === null || id > 4094) throw wrong('vlan', text, "'10', or '10:3' with a priority of 0 to 7,");
  return { id, priority: Number(match[2] ?? 0) };
}

const PROTOS: Record<string, { proto: StreamProto; tcpFlags?: number }> = {
  udp: { proto: 'udp' },
  tcp: { proto: 'tcp' },
  'tcp-syn': { proto: 'tcp', tcpFlags: TCP_SYN },
  icmp: { proto: 'icmp' },
  ether: { proto: 'ether' },
};
export const PROTO_NAMES: readonly string[] = Object.keys(PROTOS);

export function parseProto(text: string): { proto: StreamProto; tcpFlags?: number } {
  const proto = PROTOS[text];
  if (proto === undefined) throw wrong('proto', text, PROTO_NAMES.join(', '));
  return proto;
}

/** counting, random, 0xff */
export function parsePattern(text: string): 'counting' | 'random' | number {
  if (text === 'counting' || text === 'random') return text;
  const n = Number(text);
  if (!/^(0x[0-9a-f]{1,2}|\d{1,3})$/i.test(text) || n > 255)
    throw wrong('pattern', text, "'counting', 'random' or a byte like '0xff'");
  return n;
}

/** 0.1% or 0.1: percent */
export function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text);
  if (match === null || Number(match[1]) > 100) throw wrong('loss limit', text, "percent like '0', '0.001%'");
  return Number(match[1]);
}

/** A whole number in its bounds. */
export function parseNumber(text: string, name: string, min: number, max: number): number {
  const n = Number(text);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || n < min || n > max) throw wrong(name, text, `${min} to ${max}`);
  return n;
}
