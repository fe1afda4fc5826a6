/**
 * What packets are made of when they are aimed at a ruleset: the addresses and numbers that stand in its text, and
 * those next to them.
 */
import { parseCidr, parseIp } from '../../../src/config/ip_address.js';

export interface Values {
  v4: Uint8Array[];
  v6: Uint8Array[];
  /** 0 to 65535: ports, lengths, identifiers. */
  numbers: number[];
}

/** Names that stand for ports in the rulesets. */
const SERVICES: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  tftp: 69,
  http: 80,
  ntp: 123,
  snmp: 161,
  https: 443,
  syslog: 514,
};
const ADDRESS = /\b\d+\.\d+\.\d+\.\d+(?:\/\d+)?|(?<![\w:])[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*(?:\/\d+)?/gi;
const NUMBER = /(?<![\w.:])(?:0x[0-9a-f]+|\d+)(?![\w.:]*[.:])/gi;
const MAX = 0xffff;

/** `bytes` as one number, plus `by`. */
function moved(bytes: Uint8Array, by: 1 | -1): Uint8Array {
  const out = bytes.slice();
  const wraps = by === 1 ? 255 : 0;
  for (let i = out.length - 1; i >= 0; i--) {
    const before = out[i]!;
    out[i] = before + by;
    if (before !== wraps) break;
  }
  return out;
}

function lastOf(network: Uint8Array, prefix: number): Uint8Array {
  return network.map((byte, i) => {
    const own = Math.min(8, Math.max(0, prefix - i * 8));
    return byte | (0xff >> own);
  });
}

function unicast(address: Uint8Array): boolean {
  if (address.length === 16) return address[0] !== 0xff && address[0] !== 0xfe && address[0] !== 0;
  return address[0]! > 0 && address[0] !== 127 && address[0]! < 224;
}

export function valuesOf(text: string): Values {
  const addresses = new Map<string, Uint8Array>();
  const rest = text.replaceAll(ADDRESS, (word) => {
    const cidr = word.includes('/') ? parseCidr(word) : null;
    const first = cidr?.address ?? parseIp(word)?.bytes;
    if (first === undefined) return word;
    const last = cidr === null ? first : lastOf(first, cidr.prefix);
    for (const one of [first, moved(first, -1), moved(first, 1), last, moved(last, 1)])
      if (unicast(one)) addresses.set(one.join(), one);
    return ' ';
  });
  const numbers = new Set<number>();
  const around = (n: number) => {
    for (const one of [n - 1, n, n + 1]) if (one >= 0 && one <= MAX) numbers.add(one);
  };
  for (const [word] of rest.matchAll(NUMBER)) around(Number(word));
  for (const word of rest.match(/[a-z]+/g) ?? [])
    if (SERVICES[word] !== undefined) numbers.add(SERVICES[word]);
  const all = [...addresses.values()];
  return {
    v4: all.filter(({ length }) => length === 4),
    v6: all.filter(({ length }) => length === 16),
    numbers: [...numbers],
  };
}
