/** Rulesets of the nft suite, in nft's language: none of their rules matches a frame of the measurement. */

const chain = (rules: readonly string[], sets = '') =>
  `table ip bench {\n${sets}  chain pre {\n    type filter hook prerouting priority filter; policy accept;\n` +
  `${rules.map((rule) => `    ${rule}\n`).join('')}  }\n}\n`;

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
/** Documentation addresses (RFC 5737) and what is behind them: nobody sends to or from there. */
const address = (i: number) => `198.18.${(i >> 8) & 255}.${i & 255}`;

export const EMPTY = chain([]);

export const oneCondition = (n: number) => chain(numbers(n).map((i) => `ip saddr ${address(i)} drop`));

/** The first two conditions hold, as in a list of ports of one host; `saddr` and `l4proto` are the frames'. */
export const threeConditions = (n: number, saddr: string) =>
  chain(numbers(n).map((i) => `ip saddr ${saddr} ip ttl 64 udp dport ${40_000 + i} drop`));

export const equality = (n: number) => chain(numbers(n).map((i) => `udp dport ${40_000 + i} drop`));

/** `lookups` rules that ask one set of `n` addresses, all of which miss. */
export function setLookups(n: number, lookups: number): string {
  const elements = numbers(n).map((i) => `100.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
  const set = `  set s {\n    type ipv4_addr\n    elements = { ${elements.join(', ')} }\n  }\n`;
  return chain(
    numbers(lookups).map(() => 'ip daddr @s drop'),
    set,
  );
}

/** Rules as generators of firewalls write them: address, protocol and port of each. */
export const tenThousand = () =>
  chain(numbers(10_000).map((i) => `ip saddr ${address(i)} tcp dport ${1 + (i % 60_000)} counter accept`));
