/**
 * Which rule of the text a handle is: the file and line where it stands, and its words. Trace records name a rule by family, table,
 * chain and handle; handles are given when a ruleset is loaded. So every rule carries the number of its command into the core, in
 * its user data, where nf_tables keeps what it does not read, and a dump brings handle and number together.
 */
import { NFNL_SUBSYS_NFTABLES } from '../../../assembly/abi/nfnl.js';
import { NftMsg } from '../../../assembly/abi/nf_tables.js';
import type { Nfnl } from '../../net/nfnl.js';
import type { Family } from '../../nft/ast.js';
import { readDump } from '../../nft/encode/dump.js';
import { FAMILY_NUMBER } from '../../nft/encode/message.js';
import type { RuleFinder, ToldRule } from '../../replay/rule_texts.js';
import type { IrCommand, IrRule } from '../../nft/ir.js';
import { commentOf } from '../../nft/linearize/userdata.js';
import { type Loc, position } from '../../nft/source.js';

/** A type of user data that nft does not use. */
const USERDATA_COMMAND = 0x77;

export interface RuleName extends ToldRule {
  readonly family: Family;
  readonly table: string;
  readonly handle: number;
}

/** The commands, each rule with its number in its user data. */
export function numbered(ir: readonly IrCommand[]): IrCommand[] {
  return ir.map((command, index) => {
    const { thing, op } = command;
    if (thing.kind !== 'rule' || op === 'delete' || op === 'destroy') return command;
    const number = Uint8Array.of(
      USERDATA_COMMAND,
      4,
      index & 255,
      (index >> 8) & 255,
      (index >> 16) & 255,
      0,
    );
    const userdata = Uint8Array.from([...(thing.userdata ?? []), ...number]);
    return { ...command, thing: { ...thing, userdata } };
  });
}

function numberOf(data: Uint8Array | undefined): number | undefined {
  for (let at = 0; data !== undefined && at + 2 <= data.length; at += 2 + data[at + 1]!)
    if (data[at] === USERDATA_COMMAND) return data[at + 2]! | (data[at + 3]! << 8) | (data[at + 4]! << 16);
  return undefined;
}

const key = (family: number, table: string, handle: number): string => `${family} ${table} ${handle}`;

/** The words on one line, without `add rule ...` in front. */
function oneLine({ source, start, end }: Loc): string {
  return source.text
    .slice(start, end)
    .replace(/\\\n/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(
      /^(?:add|insert|create|replace) rule (?:(?:ip6?|inet|arp|bridge|netdev) )?\S+ \S+ (?:(?:handle|index|position) \d+ )?/,
      '',
    )
    .replace(/[;\s]+$/, '')
    .trim();
}

export class RuleNames implements RuleFinder {
  private readonly rules = new Map<string, RuleName>();

  /** Of a ruleset that was loaded as numbered() gave it; `ir`: the same. */
  static async of(nfnl: Nfnl, ir: readonly IrCommand[]): Promise<RuleNames> {
    const names = new RuleNames();
    const messages = await nfnl.dump((NFNL_SUBSYS_NFTABLES << 8) | NftMsg.GETRULE, 0);
    for (const rule of readDump(messages)) {
      if (rule.kind !== 'rule' || rule.handle === undefined) continue;
      const number = numberOf(rule.userdata);
      names.add(rule, number === undefined ? undefined : ir[number]?.loc);
    }
    return names;
  }

  private add(rule: IrRule, loc: Loc | undefined): void {
    const { family, table, chain, userdata, exprs } = rule;
    const handle = Number(rule.handle);
    const comment = commentOf(userdata);
    this.rules.set(key(FAMILY_NUMBER[family], table, handle), {
      ...{ family, table, chain, handle },
      ...(loc && { place: `${loc.source.name}:${position(loc.source, loc.start).line}` }),
      text: loc === undefined ? `handle ${handle}` : oneLine(loc),
      ...(comment !== undefined && { comment }),
      rejects: exprs.some(({ kind }) => kind === 'reject'),
    });
  }

  rule(family: number, table: string, handle: number): RuleName | undefined {
    return this.rules.get(key(family, table, handle));
  }

  all(): readonly RuleName[] {
    return [...this.rules.values()];
  }
}

/** Is it the rule that somebody means by FILE:LINE, by its comment, or by some of its words? */
export function ruleIs(rule: ToldRule, wanted: string): boolean {
  if (rule.comment === wanted) return true;
  const at = /^([^\s:]*):(\d+)$/.exec(wanted);
  if (at !== null)
    return rule.place !== undefined && (rule.place === wanted || rule.place.endsWith(placeEnd(at)));
  return rule.text.includes(wanted.replace(/\s+/g, ' ').trim());
}

const placeEnd = ([, file = '', line]: readonly string[]): string =>
  file === '' ? `:${line}` : `/${file}:${line}`;
