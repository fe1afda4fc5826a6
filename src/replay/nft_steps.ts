/** Records of what happens within a rule (abi/trace NFT_STEP) in words: what does not match, what was looked up. */
import { TraceNftStep } from '../../assembly/abi/trace.js';
import { formatIpv4, formatIpv6 } from '../config/ip_address.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { familyName, type RuleFinder } from './rule_texts.js';

/** Of three strings, the third any bytes. */
function parts(data: Uint8Array): [table: string, set: string, key: Uint8Array] {
  const text = new TextDecoder();
  const first = data.indexOf(0);
  const second = data.indexOf(0, first + 1);
  return [
    text.decode(data.subarray(0, first)),
    text.decode(data.subarray(first + 1, second)),
    data.subarray(second + 1),
  ];
}

/** What a key is, only the set's type says: its likely form. */
function keyText(key: Uint8Array): string {
  if (key.length === 4) return formatIpv4(key);
  if (key.length === 16 && key.some((byte, at) => at > 8 && byte !== 0)) return formatIpv6(key);
  if (key.length === 16) return `"${new TextDecoder().decode(key.subarray(0, key.indexOf(0)))}"`;
  if (key.length === 2) return String((key[0]! << 8) | key[1]!);
  if (key.length === 1) return String(key[0]);
  if (key.length % 4 !== 0) return `0x${Buffer.from(key).toString('hex')}`;
  // A concatenation: each part fills whole registers; a number of two bytes or one stands in front of zeros.
  return Array.from({ length: key.length / 4 }, (_, i) => partText(key.subarray(i * 4, i * 4 + 4))).join(
    ' . ',
  );
}

function partText(part: Uint8Array): string {
  if (part[2] !== 0 || part[3] !== 0) return formatIpv4(part);
  return part[1] === 0 ? String(part[0]) : String((part[0]! << 8) | part[1]!);
}

export function nftStepWords({ detail, a, b, data }: TraceRecord, rules?: RuleFinder): string {
  const [table, set, key] = parts(data);
  const family = detail >> 8;
  const rule = rules?.rule(family, table, b);
  const chain =
    rule === undefined
      ? `${familyName(family) ?? family} ${table}`
      : `${familyName(family)} ${table} ${rule.chain}`;
  const text = rule === undefined ? `rule with handle ${b}` : rule.text;
  const place = rule?.place === undefined ? '' : ` (${rule.place})`;
  if ((detail & 0xff) === TraceNftStep.MISS) return `${chain}: no match: ${text}${place}`;
  const name = set.startsWith('__') ? 'the set of the rule' : `@${set}`;
  return `${chain}: ${keyText(key)} is ${a === 1 ? '' : 'not '}in ${name}${place}`;
}
