import { describe, expect, test } from 'vitest';
import { readRouterConfig } from './netplan.js';

const HEAD = `network:
  version: 2
  ethernets:
    lan0: {}
ports: {lan0: tap:a}
`;
const read = (tail: string, file = 'lab/router.yaml') => readRouterConfig(`${HEAD}${tail}`, file);
function rules(tail: string, file?: string) {
  const result = read(tail, file);
  if (result.kind === 'wrong') throw new Error(JSON.stringify(result.errors));
  return result.config.nftables;
}
function mistakes(tail: string): string[] {
  const result = read(tail);
  if (result.kind === 'ok') throw new Error('nothing was wrong');
  return result.errors.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

describe('the key nftables', () => {
  test('may be left out', () => expect(rules('')).toBeUndefined());

  test.each([
    ['lab/router.yaml', 'fw.nft', 'lab/fw.nft'],
    ['router.yaml', 'rules/fw.nft', 'rules/fw.nft'],
    ['lab/router.yaml', '/etc/nftables.conf', '/etc/nftables.conf'],
  ])('in %s names the file %s, which is %s', (file, given, found) => {
    expect(rules(`nftables: ${given}\n`, file)).toMatchObject({
      file: found,
      place: { line: 6, column: 11 },
    });
    expect(rules(`nftables: ${given}\n`, file)!.text).toBeUndefined();
  });

  test('holds rules where they stand in the file, so that their mistakes are told there', () => {
    const tail =
      'nftables: |\n  table ip t {\n    chain c {\n    }\n  }\nsysctls: {net.ipv4.ip_forward: 1}\n';
    const { file, text } = rules(tail)!;
    expect(file).toBe('lab/router.yaml');
    const lines = `${HEAD}${tail}`.split('\n');
    const found = text!.split('\n');
    expect(found.slice(0, 6)).toEqual(['', '', '', '', '', '']);
    expect(found.slice(6, 10)).toEqual(lines.slice(6, 10));
    expect(found.slice(10).join('')).toBe('');
  });

  test('may hold no rules at all', () => expect(rules('nftables: |\n')!.text!.trim()).toBe(''));

  test.each([
    ['nftables: "table ip t { }"', 'nftables has to be the name of a file, not rules on one line, or folded'],
    [
      'nftables: >\n  table ip t { }\n',
      'nftables has to be the name of a file, not rules on one line, or folded',
    ],
    ['nftables: ""', 'nftables has to be the name of a file, not nothing'],
    ['nftables: [a.nft]', 'nftables has to be text, not a list'],
  ])('%j: %s', (tail, message) => {
    expect(mistakes(tail)).toEqual([`6:11: ${message}`]);
  });
});
