/**
 * Rules of nf_tables as a trace names them (family, table, handle), in the words of the language, and where somebody wrote
 * them if that is known.
 *
 *   dump ─► IR ─► delinearize ─► text          what was loaded ─► IR ─► loc ─► FILE:LINE
 */
import type { Family } from '../nft/ast.js';
import { delinearize, type ListNames } from '../nft/delinearize/ruleset.js';
import { FAMILY_NUMBER } from '../nft/encode/message.js';
import type { IrCommand, IrThing } from '../nft/ir.js';
import { ruleText } from '../nft/print/statement.js';
import { position } from '../nft/source.js';

export interface ToldRule {
  /** Without counts: they are of another moment. */
  readonly text: string;
  readonly chain: string;
  /** `FILE:LINE` */
  readonly place?: string;
  readonly comment?: string;
  /** Its drop is told to the sender. */
  readonly rejects?: boolean;
}

/** Who knows rules by what a trace has of them; `family` is NfProto. */
export interface RuleFinder {
  rule(family: number, table: string, handle: number): ToldRule | undefined;
}

/** By chain, the places of its rules in their order. */
export type RulePlaces = ReadonlyMap<string, readonly string[]>;

const chainKey = (family: Family, table: string, chain: string) => `${family} ${table} ${chain}`;

/** Of rules that were loaded into an empty ruleset, one behind the other. */
export function rulePlaces(loaded: readonly IrCommand[]): RulePlaces {
  const places = new Map<string, string[]>();
  for (const { thing, loc } of loaded) {
    if (thing.kind !== 'rule') continue;
    const key = chainKey(thing.family, thing.table, thing.chain);
    const place = `${loc.source.name}:${position(loc.source, loc.start).line}`;
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  }
  return places;
}

const FAMILIES = Object.entries(FAMILY_NUMBER) as [Family, number][];

/** A table's family as a trace has it. */
export function familyName(number: number): Family | undefined {
  return FAMILIES.find(([, each]) => each === number)?.[0];
}

export class RuleTexts implements RuleFinder {
  private readonly rules = new Map<string, ToldRule>();

  constructor(things: readonly IrThing[], names: ListNames, places?: RulePlaces) {
    const seen = new Map<string, number>();
    for (const object of delinearize(things, names)) {
      if (object.kind !== 'rule' || object.handle === undefined) continue;
      const { family, table, chain, handle } = object;
      const key = chainKey(family, table, chain);
      const index = seen.get(key) ?? 0;
      seen.set(key, index + 1);
      const place = places?.get(key)?.[index];
      const text = ruleText(object, { stateless: true, family });
      this.rules.set(`${FAMILY_NUMBER[family]} ${table} ${handle}`, {
        text,
        chain,
        ...(place !== undefined && { place }),
      });
    }
  }

  rule(family: number, table: string, handle: number): ToldRule | undefined {
    return this.rules.get(`${family} ${table} ${handle}`);
  }
}
