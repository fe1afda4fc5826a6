/**
 * A word of the ruleset as a value of a type: `ssh` as inet_service is 22. Values are unsigned numbers; a string is its bytes,
 * the first in the lowest place, which is how it lies in a register of a little-endian machine. Names that only the
 * machine knows come from SystemNames. A word that is no value of the type gives the message that nft gives.
 */
import { parseIpv4, parseIpv6 } from '../../config/ip_address.js';
import type { Datatype } from './datatype.js';
import type { NameKind, SystemNames } from './names.js';

/** A value, or why there is none. */
export type Parsed = bigint | { readonly error: string };

const fail = (error: string): Parsed => ({ error });

/** `22`, `0x16`, `026` as C reads them; nothing else. */
export function parseInteger(text: string): bigint | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

export function bytesToBigint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

export function stringValue(text: string): bigint {
  return bytesToBigint(new TextEncoder().encode(text).reverse());
}

/** Protocols that are words of the language, whatever /etc/protocols calls them. */
const PROTOCOL_WORDS: Readonly<Record<string, bigint>> = {
  icmp: 1n,
  igmp: 2n,
  tcp: 6n,
  udp: 17n,
  dccp: 33n,
  gre: 47n,
  esp: 50n,
  ah: 51n,
  icmpv6: 58n,
  comp: 108n,
  sctp: 132n,
  udplite: 136n,
};

const DAY_SECONDS = 86400;

/** `1d2h3m4s5ms`, or a number of seconds. */
function parseTime(text: string): Parsed {
  if (/^\d+$/.test(text)) return BigInt(text) * 1000n;
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null || text === '') return fail('wrong time format');
  const [, d = '0', h = '0', m = '0', s = '0', ms = '0'] = match;
  const seconds = BigInt(d) * 86400n + BigInt(h) * 3600n + BigInt(m) * 60n + BigInt(s);
  return seconds * 1000n + BigInt(ms);
}

/** `2019-06-06 17:00:00` in local time, as nanoseconds; a number is seconds. */
function parseDate(text: string): Parsed {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?$/.exec(text);
  if (match !== null) {
    const [, y, mon, d, h = '0', min = '0', s = '0'] = match;
    const local = new Date(Number(y), Number(mon) - 1, Number(d), Number(h), Number(min), Number(s));
    return BigInt(Math.floor(local.getTime() / 1000)) * 1_000_000_000n;
  }
  const seconds = parseInteger(text);
  return seconds === undefined ? fail('Cannot parse date') : seconds * 1_000_000_000n;
}

/** `17:00:30` in local time, as seconds of a day of UTC; a number is taken as it is. */
function parseHour(text: string): Parsed {
  const match = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(text);
  if (match === null) {
    const seconds = parseInteger(text);
    return seconds === undefined || seconds >= BigInt(DAY_SECONDS) ? fail('wrong time format') : seconds;
  }
  const [h = 0, m = 0, s = 0] = [match[1], match[2], match[3] ?? '0'].map(Number);
  if (h > 23 || m > 59 || s > 60) return fail('wrong time format');
  const local = h * 3600 + m * 60 + s + new Date().getTimezoneOffset() * 60;
  return BigInt(((local % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS);
}

function parseLladdr(text: string): Parsed {
  let value = 0n;
  for (const part of text.split(':')) {
    if (!/^[0-9a-f]{1,2}$/i.test(part)) return fail('Invalid LL address');
    value = (value << 8n) | BigInt(`0x${part}`);
  }
  return value;
}

/** `root`, `none`, `1:2` in hexadecimal, or a number. */
function parseClassid(text: string): Parsed {
  if (text === 'root') return 0xffffffffn;
  if (text === 'none') return 0n;
  const match = /^([0-9a-f]*):([0-9a-f]*)$/i.exec(text);
  if (match === null) return parseInteger(text) ?? 0n;
  return (BigInt(`0x0${match[1]}`) << 16n) | BigInt(`0x0${match[2]}`);
}

function named(
  names: SystemNames,
  kind: NameKind,
  text: string,
  max: bigint,
  unknown: string,
  range: string,
): Parsed {
  const found = names.lookup(kind, text);
  if (found !== undefined) return BigInt(found);
  const number = parseInteger(text);
  if (number === undefined) return fail(unknown);
  return number > max ? fail(range) : number;
}

function parseProtocol(text: string, names: SystemNames): Parsed {
  const word = PROTOCOL_WORDS[text];
  if (word !== undefined) return word;
  return named(names, 'protocol', text, 255n, 'Could not resolve protocol name', 'Protocol out of range');
}

function parseService(text: string, names: SystemNames): Parsed {
  const number = parseInteger(text);
  if (number !== undefined) return number > 65535n ? fail('Service out of range') : number;
  const found = names.lookup('service', text);
  if (found !== undefined) return BigInt(found);
  return fail('Could not resolve service: Servname not supported for ai_socktype');
}

function parseAddress(text: string, parse: (text: string) => Uint8Array | null): Parsed {
  const bytes = parse(text);
  if (bytes !== null) return bytesToBigint(bytes);
  if (text === 'localhost')
    return bytesToBigint(parse === parseIpv4 ? new Uint8Array([127, 0, 0, 1]) : parse('::1')!);
  const other = (parse === parseIpv4 ? parseIpv6 : parseIpv4)(text) !== null;
  const why = other ? 'Address family for hostname not supported' : 'names are not looked up';
  return fail(`Could not resolve hostname: ${why}`);
}

function parseSymbol(dtype: Datatype, text: string): Parsed {
  const value = dtype.symbols?.[text];
  if (value !== undefined) return BigInt(value);
  return parseInteger(text) ?? fail(`Could not parse ${dtype.desc}`);
}

function parseLabel(text: string, names: SystemNames): Parsed {
  const bit = names.lookup('label', text) ?? parseInteger(text);
  if (bit === undefined) return fail(`/etc/connlabel.conf: could not parse conntrack label "${text}"`);
  if (BigInt(bit) > 127n) return fail(`conntrack label ${text} is above 127`);
  return 1n << BigInt(bit);
}

/** The value of `text` as `dtype`. */
export function parseValue(dtype: Datatype, text: string, names: SystemNames): Parsed {
  switch (dtype.reading) {
    case 'address4':
      return parseAddress(text, parseIpv4);
    case 'address6':
      return parseAddress(text, parseIpv6);
    case 'lladdr':
      return parseLladdr(text);
    case 'protocol':
      return parseProtocol(text, names);
    case 'service':
      return parseService(text, names);
    case 'time':
      return parseTime(text);
    case 'date':
      return parseDate(text);
    case 'hour':
      return parseHour(text);
    case 'ifindex': {
      const found = names.ifindex(text);
      return found !== undefined ? BigInt(found) : (parseInteger(text) ?? fail('Interface does not exist'));
    }
    case 'uid':
      return named(names, 'user', text, 0xffffffffn, 'User does not exist', 'Value too large');
    case 'gid':
      return named(names, 'group', text, 0xffffffffn, 'Group does not exist', 'Value too large');
    case 'classid':
      return parseClassid(text);
    case 'label':
      return parseLabel(text, names);
    case 'string':
      return stringValue(text);
    case 'mark':
    case 'realm':
    case 'devgroup': {
      const found = names.lookup(dtype.reading, text);
      return found !== undefined
        ? BigInt(found)
        : (parseInteger(text) ?? fail(`Could not parse ${dtype.desc}`));
    }
    case 'cgroup':
      return names.cgroup(text) ?? fail('cgroupv2 path fails: No such file or directory');
    case 'verdict':
      return fail('Could not parse netfilter verdict');
    case 'day':
    case 'icmp_code':
    case 'symbolic':
      return parseSymbol(dtype, text);
  }
}
