/**
 * The ruleset that commands make, from nothing: what `ww nft -c -f FILE list ruleset` lists without a router. It keeps what was
 * written; whether it is right evaluate has said before. Handles are a router's to give, so commands that need one fail.
 */
import type { Command, Element, Family, Rule, RulesetObject, Target } from '../ast.js';
import { NftError } from '../error.js';
import { expressionText } from './expression.js';
import { flatten } from './ruleset.js';

type InTable = Exclude<RulesetObject, { kind: 'table' }>;

const nameOf = (object: RulesetObject): string => (object.kind === 'rule' ? object.chain : object.name);

export class Declared {
  private objects: RulesetObject[] = [];

  list(family?: Family): readonly RulesetObject[] {
    return this.objects.filter((object) => family === undefined || object.family === family);
  }

  apply(command: Command): void {
    switch (command.kind) {
      case 'add':
      case 'create':
      case 'insert':
        for (const object of flatten([command.object])) this.add(object, command.kind === 'insert');
        return;
      case 'replace':
        throw this.needsRouter(command.object.loc);
      case 'delete':
      case 'destroy':
        if (!command.object) this.remove(command.target);
        return;
      case 'flush':
        this.flush(command.target);
        return;
      case 'delete element':
      case 'destroy element':
        this.removeElements(command.element);
        return;
      case 'rename': {
        const { target, newname } = command;
        this.objects = this.objects.map((object) => {
          if (object.kind === 'chain' && this.isIn(object, target) && object.name === target.name) {
            return { ...object, name: newname };
          }
          const inside = object.kind === 'rule' && this.isIn(object, target) && object.chain === target.name;
          return inside ? { ...object, chain: newname } : object;
        });
        return;
      }
      default:
        return;
    }
  }

  private needsRouter(loc: Target['loc']): NftError {
    return new NftError('only a running router has handles', loc);
  }

  private isIn(object: InTable, { family, table }: Pick<Target, 'family' | 'table'>): boolean {
    return object.family === family && object.table === table;
  }

  private add(object: RulesetObject, first: boolean): void {
    if (object.kind === 'rule') {
      this.place(object, first);
      return;
    }
    const at = this.objects.findIndex((each) => this.isSame(each, object));
    if (object.kind === 'element') {
      this.addElements(object);
    } else if (at < 0) {
      this.objects.push(object);
    } else {
      // Declared again: what is said now counts.
      this.objects[at] = { ...this.objects[at], ...object } as RulesetObject;
    }
  }

  private isSame(a: RulesetObject, b: RulesetObject): boolean {
    if (a.kind !== b.kind || a.family !== b.family || nameOf(a) !== nameOf(b)) return false;
    return a.kind === 'table' || b.kind === 'table' || a.table === b.table;
  }

  /** Positions count the rules of the chain. */
  private place(rule: Rule, first: boolean): void {
    if (rule.handle !== undefined || rule.position !== undefined) throw this.needsRouter(rule.loc);
    const { index, ...placed } = rule;
    if (index === undefined && !first) {
      this.objects.push(placed);
      return;
    }
    const others = this.objects.flatMap((object, at) => (this.isSame(object, rule) ? [at] : []));
    const beside = index === undefined ? (first ? others[0] : undefined) : others[Number(index)];
    if (index !== undefined && beside === undefined) {
      throw new NftError(`the chain has no rule with index ${index}`, rule.loc);
    }
    if (beside === undefined) this.objects.push(placed);
    else this.objects.splice(first ? beside : beside + 1, 0, placed);
  }

  private changeElements(element: Element, change: (old: Element['elem']) => Element['elem']): void {
    this.objects = this.objects.map((object) => {
      const its = object.kind === 'set' || object.kind === 'map';
      if (!its || !this.isIn(object, element) || object.name !== element.name) return object;
      return { ...object, elem: change(object.elem ?? []) };
    });
  }

  private addElements(element: Element): void {
    this.changeElements(element, (old) => [...old, ...element.elem]);
  }

  private removeElements(element: Element): void {
    const keys = new Set(element.elem.map(({ key }) => expressionText(key, {})));
    this.changeElements(element, (old) => old.filter(({ key }) => !keys.has(expressionText(key, {}))));
  }

  private remove(target: Target): void {
    if (target.handle !== undefined) throw this.needsRouter(target.loc);
    this.objects = this.objects.filter((object) => {
      if (target.type === 'table') {
        return (
          object.family !== target.family ||
          (object.kind === 'table' ? object.name : object.table) !== target.name
        );
      }
      if (object.kind === 'table' || !this.isIn(object, target) || nameOf(object) !== target.name)
        return true;
      return object.kind !== target.type && !(target.type === 'chain' && object.kind === 'rule');
    });
  }

  private flush(target: Target): void {
    const { type, family, name } = target;
    if (type === 'ruleset') {
      this.objects = this.objects.filter((object) => family !== undefined && object.family !== family);
    } else if (type === 'table' || type === 'chain') {
      this.objects = this.objects.filter((object) => {
        if (object.kind !== 'rule' || object.family !== family) return true;
        return type === 'table'
          ? object.table !== name
          : object.table !== target.table || object.chain !== name;
      });
    } else if (name !== undefined && target.table !== undefined && family !== undefined) {
      this.changeElements(
        { kind: 'element', family, table: target.table, name, elem: [], loc: target.loc },
        () => [],
      );
    }
  }
}
