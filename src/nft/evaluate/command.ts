/**
 * Commands to the IR, in the order in which they are sent. A table with a block comes apart: its chains, objects, sets with their
 * elements, flowtables, and then its rules; anonymous sets stand before the rule that needs them.
 */
import type {
  AddCommand,
  Chain,
  Command,
  ElementsCommand,
  MapObject,
  Rule,
  RulesetObject,
  SetObject,
  Table,
  Target,
  TargetCommand,
} from '../ast.js';
import type { SystemNames } from '../datatype/names.js';
import { NftError } from '../error.js';
import { wordIn } from '../source.js';
import type { IrCommand, IrFlush, IrRule, IrThing } from '../ir.js';
import { elementsIr, setIr } from '../linearize/set.js';
import { linearize } from '../linearize/statement.js';
import { commentUserdata } from '../linearize/userdata.js';
import { chainIr, flowtableIr } from './chain.js';
import { type Compilation, fail, type NewChain, RuleContext } from './context.js';
import { evaluate } from './expression.js';
import { dropRedundant, mergeFields } from './merge.js';
import { objectIr } from './object.js';
import { type ChainDef, KnownRuleset, type RuleRef, type SetDef, type TableDef } from './ruleset.js';
import { oldElements, setDef, setElements } from './set.js';
import { evaluateStatement, isTerminal } from './statement.js';

/** nft gives up after so many. */
const MAX_ERRORS = 10;

export interface EvaluateOptions {
  readonly names: SystemNames;
  /** What there is already; a file that refers to it needs it. */
  readonly known?: KnownRuleset;
}

/** All that is wrong with a file. */
export class RulesetErrors extends Error {
  constructor(readonly errors: readonly NftError[]) {
    super(errors.map((error) => error.toString()).join('\n'));
    this.name = 'RulesetErrors';
  }
}

export function evaluateCommands(commands: readonly Command[], options: EvaluateOptions): IrCommand[] {
  return new Evaluator(options).run(commands);
}

type AddOp = AddCommand['kind'];

const TABLE_FLAGS = { dormant: 1, owner: 2, persist: 4 } as const;

class Evaluator {
  private readonly out: IrCommand[] = [];
  private readonly errors: NftError[] = [];
  private setIds = 0;
  private chainIds = 0;
  private ruleIds = 0;
  /** Where in the output a rule of the file stands. */
  private readonly refs = new Map<RuleRef, number>();
  private readonly shared: Compilation;

  constructor(options: EvaluateOptions) {
    this.shared = {
      names: options.names,
      known: options.known ?? new KnownRuleset(),
      evaluate,
      nextSetId: () => ++this.setIds,
      nextChainId: () => ++this.chainIds,
    };
  }

  run(commands: readonly Command[]): IrCommand[] {
    for (const command of commands) this.guard(() => this.command(command));
    if (this.errors.length > 0) throw new RulesetErrors(this.errors);
    return this.out;
  }

  /** One error a command; the others are looked at all the same. */
  private guard(run: () => void): void {
    if (this.errors.length >= MAX_ERRORS) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
      this.errors.push(error);
    }
  }

  private push(op: IrCommand['op'], thing: IrThing | IrFlush, loc: IrCommand['loc']): void {
    this.out.push({ op, thing, loc });
  }

  private command(command: Command): void {
    switch (command.kind) {
      case 'add':
      case 'create':
      case 'insert':
      case 'replace':
        this.add(command.kind, command.object);
        return;
      case 'delete':
      case 'destroy':
      case 'flush':
        this.target(command);
        return;
      case 'delete element':
      case 'destroy element':
        this.deleteElements(command);
        return;
      case 'rename': {
        const { family = 'ip', table = '', name = '' } = command.target;
        const { chains } = this.shared.known.table(family, table);
        const chain = chains.get(name);
        if (chain === undefined && this.shared.known.complete)
          fail(wordIn(command.target.loc, name), 'No such file or directory');
        if (chain !== undefined) {
          chains.delete(name);
          chains.set(command.newname, { ...chain, name: command.newname });
        }
        this.out.push({
          op: 'rename',
          thing: {
            kind: 'chain',
            family,
            table,
            name,
            ...(chain?.handle !== undefined && { handle: chain.handle }),
          },
          newname: command.newname,
          loc: command.loc,
        });
        return;
      }
      case 'list':
      case 'reset':
      case 'get element':
      case 'reset element':
      case 'monitor':
      case 'describe':
        // These ask; they change nothing.
        return;
    }
  }

  private add(op: AddOp, object: RulesetObject): void {
    switch (object.kind) {
      case 'table':
        this.table(op, object);
        return;
      case 'chain':
        this.chain(op, object);
        for (const rule of object.rules ?? []) this.guard(() => this.rule('add', rule));
        return;
      case 'rule':
        this.rule(op, object);
        return;
      case 'set':
      case 'map':
        this.set(op, object);
        return;
      case 'element': {
        const table = this.shared.known.table(object.family, object.table);
        const set = table.sets.get(object.name);
        if (set === undefined) fail(wordIn(object.loc, object.name), 'No such file or directory');
        const { add, remove } = setElements(this.shared, table, set, object.elem);
        if (remove.length > 0)
          this.push('delete', this.elements(set, elementsIr(set, remove, true)), object.loc);
        this.push(op, this.elements(set, elementsIr(set, add, true)), object.loc);
        return;
      }
      case 'flowtable':
        this.shared.known.table(object.family, object.table).flowtables.add(object.name);
        this.push(op, flowtableIr(object), object.loc);
        return;
      default:
        this.shared.known.table(object.family, object.table).objects.set(object.name, object.kind);
        this.push(op, objectIr(object, this.shared.names), object.loc);
    }
  }

  private elements(set: SetDef, elements: ReturnType<typeof elementsIr>): IrThing {
    return { kind: 'elements', family: set.family, table: set.table, set: set.name, setId: set.id, elements };
  }

  private table(op: AddOp, table: Table): void {
    const { family, name, comment, flags, block = [] } = table;
    this.shared.known.table(family, name);
    this.push(
      op,
      {
        kind: 'table',
        family,
        name,
        flags: (flags ?? []).reduce((bits, flag) => bits | TABLE_FLAGS[flag], 0),
        ...(comment !== undefined && { comment }),
      },
      table.loc,
    );
    const of = (...kinds: RulesetObject['kind'][]): RulesetObject[] =>
      block.filter((each) => kinds.includes(each.kind));
    const chains = of('chain') as Chain[];
    for (const chain of chains) this.guard(() => this.chain('add', chain));
    const others = block.filter(
      ({ kind }) => !['chain', 'set', 'map', 'flowtable', 'rule', 'element'].includes(kind),
    );
    for (const object of others) this.guard(() => this.add('add', object));
    for (const object of of('set', 'map')) this.guard(() => this.add('add', object));
    for (const object of of('flowtable')) this.guard(() => this.add('add', object));
    for (const chain of chains)
      for (const rule of chain.rules ?? []) this.guard(() => this.rule('add', rule));
    for (const object of of('rule', 'element')) this.guard(() => this.add('add', object));
  }

  private chainOf(table: TableDef, name: string): ChainDef {
    const found = table.chains.get(name) ?? { name, rules: [] };
    table.chains.set(name, found);
    return found;
  }

  private chain(op: AddOp, chain: Chain): void {
    this.chainIds++;
    const { chains } = this.shared.known.table(chain.family, chain.table);
    chains.set(chain.name, {
      rules: [],
      ...chains.get(chain.name),
      name: chain.name,
      ...(chain.type !== undefined && { type: chain.type }),
      ...(chain.hook !== undefined && { hook: chain.hook }),
    });
    this.push(op, chainIr(chain), chain.hookLoc ?? chain.loc);
  }

  private set(op: AddOp, object: SetObject | MapObject): void {
    const table = this.shared.known.table(object.family, object.table);
    const set = setDef(this.shared, table, object);
    this.push(op, setIr(set), object.loc);
    if (object.elem === undefined || object.elem.length === 0) return;
    const { add, remove } = setElements(this.shared, table, set, object.elem);
    if (remove.length > 0) this.push('delete', this.elements(set, elementsIr(set, remove, true)), object.loc);
    this.push(op, this.elements(set, elementsIr(set, add, set.known)), object.elemLoc ?? object.loc);
  }

  private rule(op: AddOp, rule: Rule, chainId?: number): void {
    const table = this.shared.known.table(rule.family, rule.table);
    const chain = chainId === undefined ? this.chainOf(table, rule.chain) : undefined;
    const ctx = new RuleContext(this.shared, rule.family, table, chain);
    rule.expr.forEach((stmt, at) => {
      evaluateStatement(ctx, stmt);
      const next = rule.expr[at + 1];
      if (isTerminal(stmt) && next !== undefined)
        fail(next.loc, `Statement after terminal statement has no effect`, stmt.loc);
    });
    dropRedundant(ctx.stmts, rule.family);
    mergeFields(ctx.stmts);
    const exprs = linearize(ctx.stmts);
    for (const need of ctx.before) {
      if ('chain' in need) {
        this.anonymousChain(need);
        continue;
      }
      this.push('add', setIr(need.set), rule.loc);
      this.push('add', this.elements(need.set, elementsIr(need.set, need.elements)), rule.loc);
    }
    const userdata = commentUserdata(rule.comment);
    const position = rule.position ?? (op === 'replace' ? undefined : rule.handle);
    const ir: IrRule = {
      kind: 'rule',
      family: rule.family,
      table: rule.table,
      chain: rule.chain,
      exprs,
      ...(op === 'replace' && rule.handle !== undefined && { handle: BigInt(rule.handle) }),
      ...(position !== undefined && { position: BigInt(position) }),
      ...(userdata && { userdata }),
      ...(chainId !== undefined && { chainId }),
    };
    this.push(op, chain === undefined ? ir : this.placed(op, rule, chain, ir), rule.loc);
  }

  /** Beside the rule of that index; and into what is known of the chain. */
  private placed(op: AddOp, rule: Rule, chain: ChainDef, ir: IrRule): IrRule {
    if (op === 'replace') return ir;
    const ref: RuleRef = {};
    this.refs.set(ref, this.out.length);
    if (rule.index === undefined) {
      if (op === 'insert') chain.rules.unshift(ref);
      else chain.rules.push(ref);
      return ir;
    }
    const at = Number(rule.index);
    const beside = chain.rules[at];
    if (beside === undefined)
      fail(wordIn(rule.loc, `index ${rule.index}`), 'Could not process rule: No such file or directory');
    chain.rules.splice(op === 'insert' ? at : at + 1, 0, ref);
    if (beside.handle !== undefined) return { ...ir, position: beside.handle };
    if (beside.id === undefined) {
      beside.id = ++this.ruleIds;
      const where = this.refs.get(beside)!;
      const command = this.out[where]!;
      this.out[where] = { ...command, thing: { ...(command.thing as IrRule), id: beside.id } };
    }
    return { ...ir, positionId: beside.id };
  }

  private anonymousChain({ chain, id }: NewChain): void {
    const { family, table } = chain;
    this.push('add', { kind: 'chain', family, table, name: '', id }, chain.loc);
    for (const rule of chain.rules ?? []) this.guard(() => this.rule('add', { ...rule, chain: '' }, id));
  }

  private target({ kind, target, object, loc }: TargetCommand): void {
    if (kind === 'flush') {
      this.flush(target, loc);
      return;
    }
    if (kind !== 'delete' && kind !== 'destroy') return;
    const thing = this.thingOf(target, object);
    this.push(kind, thing, loc);
    const { known } = this.shared;
    if (thing.kind === 'table') known.delete(thing.family, thing.name);
    else if (thing.kind === 'set') known.table(thing.family, thing.table).sets.delete(thing.name);
    else if (thing.kind === 'chain') known.table(thing.family, thing.table).chains.delete(thing.name);
    else if (thing.kind === 'rule') {
      const chain = known.table(thing.family, thing.table).chains.get(thing.chain);
      if (chain !== undefined) chain.rules = chain.rules.filter((rule) => rule.handle !== thing.handle);
    }
  }

  private thingOf(target: Target, object: TargetCommand['object']): IrThing {
    const { type, family = 'ip', table = '', chain = '', name = '', handle } = target;
    const by = { ...(handle !== undefined && { handle: BigInt(handle) }) };
    switch (type) {
      case 'table':
        return { kind: 'table', family, name: name === '' ? table : name, flags: 0, bare: true, ...by };
      case 'chain':
        return object?.kind === 'chain'
          ? { ...chainIr(object), ...by }
          : { kind: 'chain', family, table, name, ...by };
      case 'rule':
        return { kind: 'rule', family, table, chain, exprs: [], ...by };
      case 'set':
      case 'map':
      case 'meter':
        return {
          kind: 'set',
          family,
          table,
          name,
          id: 0,
          flags: 0,
          keyType: 0,
          keyLen: 0,
          timeoutMs: 0n,
          gcIntervalMs: 0,
          size: 0,
          exprs: [],
          ...by,
        };
      case 'flowtable':
        return object?.kind === 'flowtable'
          ? { ...flowtableIr(object), ...by }
          : { kind: 'flowtable', family, table, name, flags: 0, bare: true, ...by };
      case 'counter':
      case 'quota':
      case 'limit':
      case 'ct helper':
      case 'ct timeout':
      case 'ct expectation':
      case 'synproxy':
      case 'secmark':
        return { kind: 'object', family, table, name, objectType: type, ...by };
      default:
        return fail(target.loc, `${type} cannot be deleted`);
    }
  }

  private flush(target: Target, loc: IrCommand['loc']): void {
    const { type, family, table, name } = target;
    const what =
      type === 'ruleset' || type === 'table' || type === 'chain'
        ? type
        : type === 'set' || type === 'map' || type === 'meter'
          ? 'set'
          : undefined;
    if (what === undefined) fail(target.loc, `${type} cannot be flushed`);
    const { known } = this.shared;
    if (what === 'set' && known.complete && !known.table(family ?? 'ip', table ?? '').sets.has(name ?? ''))
      fail(wordIn(target.loc, name ?? '', name === table ? 1 : 0), 'No such file or directory');
    this.forget(target);
    this.push(
      'flush',
      {
        kind: 'flush',
        what,
        ...(family !== undefined && { family }),
        ...((table ?? (what === 'table' ? name : undefined)) !== undefined && { table: table ?? name! }),
        ...(name !== undefined && { name }),
      },
      loc,
    );
  }

  /** What is flushed is not known any more. */
  private forget({ type, family: given, table = '', name = '' }: Target): void {
    const { known } = this.shared;
    const family = given ?? 'ip';
    if (type === 'ruleset') {
      known.flush(given);
      return;
    }
    if (type === 'table')
      for (const chain of known.table(family, name || table).chains.values()) chain.rules = [];
    const { chains, sets } = known.table(family, type === 'table' ? name || table : table);
    if (type === 'chain') {
      const chain = chains.get(name);
      if (chain !== undefined) chain.rules = [];
    }
    const set = sets.get(name);
    if (type !== 'table' && type !== 'chain' && set !== undefined) set.elements = [];
  }

  private deleteElements({ kind, element, loc }: ElementsCommand): void {
    const table = this.shared.known.table(element.family, element.table);
    const set = table.sets.get(element.name);
    if (set === undefined) fail(wordIn(element.loc, element.name), 'No such file or directory');
    const elements = oldElements(this.shared, table, set, element.elem);
    this.push(
      kind === 'delete element' ? 'delete' : 'destroy',
      this.elements(set, elementsIr(set, elements, true)),
      loc,
    );
  }
}
