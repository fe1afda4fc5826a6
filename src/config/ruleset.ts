/**
 * The key `nftables`: the router's rules in the language of nft(8), a file (found from the folder of the configuration)
 * or written right here:
 *
 *   nftables: firewall.nft          nftables: |
 *                                     table inet firewall { ... }
 *
 * What they say is nobody's business in this folder: src/cli/router_rules.ts reads them.
 */
import { dirname, isAbsolute, join } from 'node:path';
import type { RulesetConfig } from './router_config.js';
import type { Value, YamlReader } from './yaml_reader.js';

const EXAMPLE = 'write the name of a file, or "nftables: |" and the rules below it, indented';

/** `file`: the configuration's. */
export function readRuleset(reader: YamlReader, value: Value, file: string): RulesetConfig | undefined {
  const place = reader.place(value.at);
  const text = reader.block(value);
  if (text !== null) return { file, text, place };
  const given = reader.string(value, 'nftables', EXAMPLE);
  if (given === null) return undefined;
  if (given.trim() === '' || /[\n{;]/.test(given)) {
    const what = given.trim() === '' ? 'nothing' : 'rules on one line, or folded';
    reader.error(value.at, `nftables has to be the name of a file, not ${what}`, EXAMPLE);
    return undefined;
  }
  return { file: isAbsolute(given) ? given : join(dirname(file), given), place };
}
