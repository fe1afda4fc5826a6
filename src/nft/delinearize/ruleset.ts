/**
 * What a dump of nf_tables holds, as the objects of a listing: the way back from instructions to the language.
 *
 *   nfnetlink dump ── encode/ (read) ──► IR ── delinearize/ ──► RulesetObject[] ── print/, json/ ──► `list ruleset`
 */
import { NFT_CHAIN_BINDING, NFT_SET_ANONYMOUS, NFT_SET_EVAL } from '../../../assembly/abi/nf_tables.js';
import type { Chain, Rule, RulesetObject } from '../ast.js';
import type { IrChain, IrThing } from '../ir.js';
import { DelinearizeContext } from './context.js';
import { isAnonymous, SetIndex } from './index_sets.js';
import { chainObject, flowtableObject, statefulObject, tableObject } from './object.js';
import { ruleObject } from './rule.js';
import { setObject } from './set.js';
import type { ListNames } from './value.js';

export type { ListNames } from './value.js';

const isBound = (chain: IrChain): boolean => ((chain.flags ?? 0) & NFT_CHAIN_BINDING) !== 0;

/** Rules within a statement are listed without theirs. */
function withoutHandle({ handle: _, ...rule }: Rule): Rule {
  return rule;
}

const NFT_SET_METER = NFT_SET_ANONYMOUS | NFT_SET_EVAL;

/** The sets of `meter` statements, which a listing of sets leaves out, as sets. */
export function meters(things: readonly IrThing[]): IrThing[] {
  return things.flatMap((thing): IrThing[] => {
    if (thing.kind !== 'set') return [thing];
    const { flags } = thing;
    return (flags & NFT_SET_METER) === NFT_SET_METER ? [{ ...thing, flags: flags & ~NFT_SET_ANONYMOUS }] : [];
  });
}

export function delinearize(things: readonly IrThing[], names: ListNames): RulesetObject[] {
  const sets = new SetIndex(things);
  const rules = things.filter((thing) => thing.kind === 'rule');
  const chains = things.filter((thing) => thing.kind === 'chain');

  const objectOf = (thing: IrThing): RulesetObject | undefined => {
    switch (thing.kind) {
      case 'table':
        return tableObject(thing);
      case 'chain':
        return isBound(thing) ? undefined : chainObject(thing);
      case 'rule': {
        const { family, table, chain: home } = thing;
        const within = (name: string, chainOf = home): IrChain | undefined =>
          chainOf === name
            ? undefined
            : chains.find((chain) => chain.family === family && chain.table === table && chain.name === name);
        const homeChain = within(home, '');
        if (homeChain !== undefined && isBound(homeChain)) return undefined;
        const bound = (name: string): Chain | undefined => {
          const found = within(name);
          if (found === undefined || !isBound(found)) return undefined;
          const inside = rules.filter(
            (rule) => rule.family === family && rule.table === table && rule.chain === name,
          );
          return {
            ...chainObject(found),
            name: '',
            rules: inside.map((rule) => withoutHandle(ruleObject(rule, sets, names, bound))),
          };
        };
        return ruleObject(thing, sets, names, bound);
      }
      case 'set': {
        const known = sets.find(thing.family, thing.table, thing.name);
        if (known === undefined || isAnonymous(thing)) return undefined;
        return setObject(new DelinearizeContext(thing.family, thing.table, sets, names), known);
      }
      case 'flowtable':
        return flowtableObject(thing);
      case 'object':
        return statefulObject(thing, names);
      case 'elements':
        return undefined;
    }
  };
  return things.flatMap((thing) => objectOf(thing) ?? []);
}
