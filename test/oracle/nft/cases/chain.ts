/** The rulesets of cases with few words: one table, one base chain. */
import type { NftCase } from '../nft_case.js';

type More = Omit<NftCase, 'name' | 'text'> & {
  family?: string;
  hook?: string;
  priority?: string;
  policy?: string;
  /** Sets, maps, objects and other chains of the table. */
  table?: string;
};

/** A filter chain of `rules`, one a line. */
export function filter(name: string, rules: string, more: More = {}): NftCase {
  const {
    family = 'inet',
    hook = 'forward',
    priority = 'filter',
    policy = 'accept',
    table = '',
    ...rest
  } = more;
  const text = `table ${family} t {
${table.trim()}
chain c {
type filter hook ${hook} priority ${priority}; policy ${policy};
${lines(rules)}
}
}`;
  return { name, text, ...rest };
}

/** Chains of NAT, and one before them that drops what is no connection: it would pass with its own addresses. */
export function nat(name: string, chains: Partial<Record<NatHook, string>>, more: More = {}): NftCase {
  const { family = 'inet', table = '', ...rest } = more;
  const parts = Object.entries(chains).map(
    ([hook, rules]) => `chain ${hook} {
type nat hook ${hook} priority ${PRIORITY[hook as NatHook]}; policy accept;
${lines(rules)}
}`,
  );
  return { name, text: `table ${family} t {\n${STRAYS}\n${table.trim()}\n${parts.join('\n')}\n}`, ...rest };
}

const STRAYS = `chain strays {
type filter hook prerouting priority mangle; policy accept;
ct state invalid drop
}`;

type NatHook = 'prerouting' | 'input' | 'output' | 'postrouting';
const PRIORITY: Readonly<Record<NatHook, string>> = {
  prerouting: 'dstnat',
  input: '100',
  output: '-100',
  postrouting: 'srcnat',
};

function lines(rules: string): string {
  return rules
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}
