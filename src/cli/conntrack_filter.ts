/** Which connections the options of conntrack(8) choose, and the numbers behind its words. */
import { parseIp } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import type { ConntrackEntry, ConntrackTuple } from '../netlink/ctnetlink.js';
import type { ConntrackOptions } from './conntrack_run.js';

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** An option that says nothing that there is. */
export class WrongUse extends NetError {
  constructor(message: string) {
    super('EINVAL', message);
  }
}

/** IPS_*. */
const STATUS: Readonly<Record<string, number>> = {
  EXPECTED: 1,
  SEEN_REPLY: 2,
  ASSURED: 4,
  CONFIRMED: 8,
  SRC_NAT: 16,
  DST_NAT: 32,
  SEQ_ADJUST: 64,
  FIXED_TIMEOUT: 1 << 10,
  OFFLOAD: 1 << 14,
  UNSET: 0,
};
const IPS_SEEN_REPLY = 2;

export function protocolNumber(word: string): number {
  const found = PROTOCOLS[word.toLowerCase()] ?? (/^\d+$/.test(word) ? Number(word) : undefined);
  if (found === undefined || found > 255) throw new WrongUse(`\`${word}' unsupported protocol`);
  return found;
}

export function number(word: string, what: string, most = 0xffff_ffff): number {
  const value = Number(word);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(word) || value > most)
    throw new WrongUse(`${what}: \`${word}' is no number up to ${most}`);
  return value;
}

/** `UNREPLIED` asks that a bit be clear. */
export function statusBits(word: string): { readonly set: number; readonly clear: number } {
  let set = 0;
  let clear = 0;
  for (const name of word.split(',')) {
    if (name === 'UNREPLIED') clear |= IPS_SEEN_REPLY;
    else if (STATUS[name] === undefined) throw new WrongUse(`\`${name}' unsupported status`);
    else set |= STATUS[name];
  }
  return { set, clear };
}

export function markAndMask(word: string): { readonly value: number; readonly mask: number } {
  const [value = '', mask] = word.split('/');
  return { value: number(value, 'mark'), mask: mask === undefined ? 0xffff_ffff : number(mask, 'mark') };
}

type Test = (entry: ConntrackEntry) => boolean;

/** An address, or with a length or a mask behind it all of a network. */
function addressTest(word: string, of: (entry: ConntrackEntry) => string): Test {
  const [text = '', rest] = word.split('/');
  const wanted = parseIp(text)?.bytes;
  if (wanted === undefined) throw new WrongUse(`Invalid IP address \`${word}'`);
  const mask = rest === undefined ? wanted.map(() => 255) : maskBytes(rest, wanted.length, word);
  return (entry) => {
    const bytes = parseIp(of(entry))?.bytes;
    if (bytes?.length !== wanted.length) return false;
    return bytes.every((byte, at) => ((byte ^ wanted[at]!) & mask[at]!) === 0);
  };
}

function maskBytes(rest: string, length: number, word: string): Uint8Array {
  const address = parseIp(rest)?.bytes;
  if (address?.length === length) return address;
  const bits = number(rest, word, length * 8);
  return Uint8Array.from({ length }, (_, at) => 0xff & ~(0xff >> Math.max(0, Math.min(8, bits - at * 8))));
}

type Port = (tuple: ConntrackTuple) => number | undefined;

function tests(options: ConntrackOptions, withValues: boolean): Test[] {
  const found: Test[] = [];
  const address = (word: string | undefined, of: (entry: ConntrackEntry) => string): void => {
    if (word !== undefined) found.push(addressTest(word, of));
  };
  address(options.src, ({ orig }) => orig.src);
  address(options.dst, ({ orig }) => orig.dst);
  address(options.replySrc, ({ reply }) => reply.src);
  address(options.replyDst, ({ reply }) => reply.dst);
  const small = (
    word: string | undefined,
    what: string,
    side: 'orig' | 'reply',
    of: Port,
    most = 65535,
  ): void => {
    if (word === undefined) return;
    const wanted = number(word, what, most);
    found.push((entry) => of(entry[side]) === wanted);
  };
  small(options.sport, '--sport', 'orig', ({ sport }) => sport);
  small(options.dport, '--dport', 'orig', ({ dport }) => dport);
  small(options.replyPortSrc, '--reply-port-src', 'reply', ({ sport }) => sport);
  small(options.replyPortDst, '--reply-port-dst', 'reply', ({ dport }) => dport);
  small(options.icmpType, '--icmp-type', 'orig', ({ icmp }) => icmp?.type, 255);
  small(options.icmpCode, '--icmp-code', 'orig', ({ icmp }) => icmp?.code, 255);
  small(options.icmpId, '--icmp-id', 'orig', ({ icmp }) => icmp?.id);
  if (options.proto !== undefined) {
    const proto = protocolNumber(options.proto);
    found.push(({ orig }) => orig.proto === proto);
  }
  if (options.zone !== undefined) {
    const zone = number(options.zone, '--zone', 65535);
    found.push((entry) => (entry.zone ?? 0) === zone);
  }
  if (withValues) found.push(...valueTests(options));
  const { srcNat, dstNat, anyNat } = options;
  if (srcNat !== undefined) found.push(natTest(srcNat, isSrcNat, ({ reply }) => reply.dst));
  if (dstNat !== undefined) found.push(natTest(dstNat, isDstNat, ({ reply }) => reply.src));
  if (anyNat !== undefined) {
    const source = natTest(anyNat, isSrcNat, ({ reply }) => reply.dst);
    const destination = natTest(anyNat, isDstNat, ({ reply }) => reply.src);
    found.push((entry) => source(entry) || destination(entry));
  }
  return found;
}

/** What -I and -U set, other commands choose by. */
function valueTests({ state, mark, status }: ConntrackOptions): Test[] {
  const found: Test[] = [];
  if (state !== undefined) found.push((entry) => entry.state === state);
  if (mark !== undefined) {
    const { value, mask } = markAndMask(mark);
    found.push((entry) => (entry.mark & mask) >>> 0 === (value & mask) >>> 0);
  }
  if (status !== undefined) {
    const { set, clear } = statusBits(status);
    found.push((entry) => (entry.status & set) === set && (entry.status & clear) === 0);
  }
  return found;
}

const isSrcNat = ({ status }: ConntrackEntry): boolean => (status & STATUS.SRC_NAT!) !== 0;
const isDstNat = ({ status }: ConntrackEntry): boolean => (status & STATUS.DST_NAT!) !== 0;

/** `-n` alone is all whose source is translated; with an address those to it. */
function natTest(word: string | true, is: Test, to: (entry: ConntrackEntry) => string): Test {
  if (word === true) return is;
  const match = addressTest(word, to);
  return (entry) => is(entry) && match(entry);
}

/** `withValues`: mark, status and state choose; of -U and -I they are what is set. */
export function chooser(options: ConntrackOptions, withValues = true): Test {
  const all = tests(options, withValues);
  return (entry) => all.every((test) => test(entry));
}
