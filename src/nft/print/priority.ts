/** Priorities of base chains by name, as nft knows them for a family and a hook; printed by name up to 10 away from it. */
import type { Family, Priority } from '../ast.js';

type Row = readonly [name: string, value: number, families: readonly Family[], hook?: string];

const IP: readonly Family[] = ['ip', 'ip6', 'inet'];
const ROWS: readonly Row[] = [
  ['raw', -300, IP],
  ['mangle', -150, IP],
  ['dstnat', -100, IP, 'prerouting'],
  ['filter', 0, [...IP, 'arp', 'netdev']],
  ['security', 50, IP],
  ['srcnat', 100, IP, 'postrouting'],
  ['dstnat', -300, ['bridge'], 'prerouting'],
  ['filter', -200, ['bridge']],
  ['out', 100, ['bridge'], 'output'],
  ['srcnat', 300, ['bridge'], 'postrouting'],
];
const NEAR = 10;

/** The number; undefined for a name that this family and hook do not have. */
export function priorityValue({ name, offset }: Priority, family: Family, hook: string): number | undefined {
  if (name === undefined) return offset;
  const row = ROWS.find(
    ([n, , families, at]) => n === name && families.includes(family) && (at ?? hook) === hook,
  );
  return row && row[1] + offset;
}

export function priorityText(prio: Priority, family: Family, hook: string, numeric: boolean): string {
  const value = priorityValue(prio, family, hook);
  if (value === undefined) return `${prio.name} ${prio.offset < 0 ? '-' : '+'} ${Math.abs(prio.offset)}`;
  if (numeric) return String(value);
  for (const [name, base, families, at] of ROWS) {
    const offset = value - base;
    if (!families.includes(family) || (at ?? hook) !== hook || Math.abs(offset) > NEAR) continue;
    return offset === 0 ? name : `${name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
  }
  return String(value);
}
