/** Sets of a ruleset by table and name, with their elements: rules name them, and those without a name are written out. */
import { NFT_SET_ANONYMOUS } from '../../../assembly/abi/nf_tables.js';
import type { Family } from '../ast.js';
import type { IrElement, IrSet, IrThing } from '../ir.js';

export interface KnownSet {
  readonly set: IrSet;
  readonly elements: IrElement[];
}

export const isAnonymous = (set: IrSet): boolean => (set.flags & NFT_SET_ANONYMOUS) !== 0;

export class SetIndex {
  private readonly sets = new Map<string, KnownSet>();

  constructor(things: readonly IrThing[]) {
    for (const thing of things)
      if (thing.kind === 'set')
        this.sets.set(this.key(thing.family, thing.table, thing.name), { set: thing, elements: [] });
    for (const thing of things)
      if (thing.kind === 'elements')
        this.find(thing.family, thing.table, thing.set)?.elements.push(...thing.elements);
  }

  private key(family: Family, table: string, name: string): string {
    return `${family} ${table} ${name}`;
  }

  find(family: Family, table: string, name: string): KnownSet | undefined {
    return this.sets.get(this.key(family, table, name));
  }
}
