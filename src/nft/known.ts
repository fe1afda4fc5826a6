/**
 * What a router has, as compile must know it: a rule of the next transaction refers to its tables, chains, sets, maps and
 * objects, and to its rules by their place. Made of a dump, as nft makes its cache.
 */
import type { SystemNames } from './datatype/names.js';
import { delinearize, type ListNames } from './delinearize/ruleset.js';
import { chainObject } from './delinearize/object.js';
import { NftError } from './error.js';
import type { Compilation } from './evaluate/context.js';
import { evaluate } from './evaluate/expression.js';
import { KnownRuleset } from './evaluate/ruleset.js';
import { setDef, setElements } from './evaluate/set.js';
import type { IrThing } from './ir.js';

/** Sets without a name are not in it. `elements`: those of the dump are all that there are. */
export function knownRuleset(
  things: readonly IrThing[],
  names: SystemNames & ListNames,
  elements = true,
): KnownRuleset {
  const known = new KnownRuleset(true);
  for (const thing of things) add(known, thing);
  const shared: Compilation = { names, known, evaluate, nextSetId: () => 0, nextChainId: () => 0 };
  const sets = things.filter(({ kind }) => kind === 'set' || kind === 'elements');
  for (const object of delinearize(sets, names)) {
    if (object.kind !== 'set' && object.kind !== 'map') continue;
    const table = known.table(object.family, object.table);
    try {
      const set = { ...setDef(shared, table, object), known: elements };
      if (object.elem !== undefined) setElements(shared, table, set, object.elem);
      table.sets.set(object.name, set);
    } catch (error) {
      // Of a program that keeps its sets otherwise than nft does: rules cannot name it.
      if (!(error instanceof NftError)) throw error;
    }
  }
  return known;
}

function add(known: KnownRuleset, thing: IrThing): void {
  switch (thing.kind) {
    case 'table':
      known.table(thing.family, thing.name);
      return;
    case 'chain': {
      const { type, hook } = chainObject(thing);
      known.table(thing.family, thing.table).chains.set(thing.name, {
        name: thing.name,
        rules: [],
        ...(thing.handle !== undefined && { handle: thing.handle }),
        ...(type !== undefined && { type }),
        ...(hook !== undefined && { hook }),
      });
      return;
    }
    case 'rule': {
      const chain = known.table(thing.family, thing.table).chains.get(thing.chain);
      chain?.rules.push({ ...(thing.handle !== undefined && { handle: thing.handle }) });
      return;
    }
    case 'object':
      known.table(thing.family, thing.table).objects.set(thing.name, thing.objectType);
      return;
    case 'flowtable':
      known.table(thing.family, thing.table).flowtables.add(thing.name);
      return;
    case 'set':
    case 'elements':
  }
}
