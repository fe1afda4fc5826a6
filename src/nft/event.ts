/**
 * Notifications of nf_tables as the commands that would do the same: what `nft monitor` and `--echo` print. A rule is read
 * with the sets that it names, so those are kept; ends of intervals come as elements of their own, and two make one.
 */
import {
  NFT_CHAIN_BINDING,
  NFT_SET_ANONYMOUS,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_INTERVAL,
  NftaGen,
  NftMsg,
} from '../../assembly/abi/nf_tables.js';
import { NLM_F_APPEND } from '../../assembly/abi/nfnl.js';
import { type NlMsg, readNfMsg } from '../netlink/nlmsg.js';
import type { MapObject, RulesetObject, SetObject } from './ast.js';
import { delinearize, type ListNames } from './delinearize/ruleset.js';
import { readDump } from './encode/dump.js';
import type { IrElements, IrRule, IrSet, IrThing } from './ir.js';
import { elementsJson, objectJson } from './json/ruleset_out.js';
import { type Json, jsonText } from './json/text.js';
import type { ListOptions } from './list.js';
import { chainLine, objectLine, setLine, tableLine } from './print/event.js';
import { elementsLine } from './print/set.js';
import { ruleText } from './print/statement.js';

export interface NftEvent {
  readonly kind: 'table' | 'chain' | 'rule' | 'set' | 'element' | 'object' | 'flowtable' | 'generation';
  /** Something came or changed; otherwise something went. */
  readonly made: boolean;
  readonly text: string;
  readonly json?: Json;
}

const FIRST_DELETE: Readonly<Partial<Record<NftMsg, NftMsg>>> = {
  [NftMsg.DELTABLE]: NftMsg.NEWTABLE,
  [NftMsg.DELCHAIN]: NftMsg.NEWCHAIN,
  [NftMsg.DELRULE]: NftMsg.NEWRULE,
  [NftMsg.DELSET]: NftMsg.NEWSET,
  [NftMsg.DELSETELEM]: NftMsg.NEWSETELEM,
  [NftMsg.DELOBJ]: NftMsg.NEWOBJ,
  [NftMsg.DELFLOWTABLE]: NftMsg.NEWFLOWTABLE,
};

/** The beginning of an interval whose end is to come. */
interface Held {
  readonly made: boolean;
  readonly thing: IrElements;
}

const keyOf = ({ family, table }: { family: string; table: string }, name: string): string =>
  `${family} ${table} ${name}`;

export class EventReader {
  private readonly sets = new Map<string, IrSet>();
  /** Elements of sets without a name, which rules are read with. */
  private readonly elements = new Map<string, IrElements[]>();
  /** Chains without a name, and their rules. */
  private readonly bound = new Map<string, IrThing[]>();
  private held: Held | undefined;

  constructor(
    things: readonly IrThing[],
    private readonly names: ListNames,
    private readonly options: ListOptions,
  ) {
    for (const thing of things) this.keep(thing);
  }

  read(messages: readonly NlMsg[]): NftEvent[] {
    return messages.flatMap((message) => this.one(message));
  }

  /** What --echo prints with -j. */
  echoJson(events: readonly NftEvent[]): string {
    return `${jsonText({ nftables: events.flatMap(({ json }) => json ?? []) })}\n`;
  }

  private one(message: NlMsg): NftEvent[] {
    const type = (message.type & 0xff) as NftMsg;
    if (type === NftMsg.NEWGEN) return [...this.release(), ...this.generation(message)];
    const as = FIRST_DELETE[type];
    const made = as === undefined;
    const [thing] = readDump(
      [{ ...message, type: (message.type & ~0xff) | (as ?? type) }],
      [...this.sets.values()],
    );
    if (thing === undefined) return [];
    const released = thing.kind === 'elements' && this.continues(thing, made) ? [] : this.release();
    if (made) this.keep(thing);
    const event = this.event(thing, made, (message.flags & NLM_F_APPEND) !== 0);
    if (!made) this.forget(thing);
    return [...released, ...event];
  }

  private keep(thing: IrThing): void {
    if (thing.kind === 'set') this.sets.set(keyOf(thing, thing.name), thing);
    if (thing.kind === 'elements') {
      const key = keyOf(thing, thing.set);
      if (((this.sets.get(key)?.flags ?? 0) & NFT_SET_ANONYMOUS) === 0) return;
      this.elements.set(key, [...(this.elements.get(key) ?? []), thing]);
    }
    if (thing.kind === 'chain' && ((thing.flags ?? 0) & NFT_CHAIN_BINDING) !== 0)
      this.bound.set(keyOf(thing, thing.name), [thing]);
    if (thing.kind === 'rule') this.bound.get(keyOf(thing, thing.chain))?.push(thing);
  }

  private forget(thing: IrThing): void {
    if (thing.kind === 'set') {
      this.sets.delete(keyOf(thing, thing.name));
      this.elements.delete(keyOf(thing, thing.name));
    }
    if (thing.kind === 'chain') this.bound.delete(keyOf(thing, thing.name));
  }

  private event(thing: IrThing, made: boolean, behind: boolean): NftEvent[] {
    switch (thing.kind) {
      case 'elements':
        return this.element(thing, made);
      case 'rule':
        return this.rule(thing, made, behind);
      case 'set':
        if ((thing.flags & NFT_SET_ANONYMOUS) !== 0) return [];
        break;
      default:
        break;
    }
    const [object] = delinearize([thing], this.names);
    if (object === undefined) return [];
    const verb = made ? 'add' : 'delete';
    return [
      {
        kind: thing.kind,
        made,
        text: this.options.json ? jsonText({ [verb]: objectJson(object) }) : this.line(object, verb, made),
        json: { [verb]: objectJson(object) },
      },
    ];
  }

  private line(object: RulesetObject, verb: string, made: boolean): string {
    if (object.kind === 'table') return `${verb} ${tableLine(object, this.options, made)}`;
    if (!made && 'name' in object)
      return `delete ${object.kind} ${object.family} ${object.table} ${object.name}`;
    if (object.kind === 'chain') return `add ${chainLine(object, this.options)}`;
    if (object.kind === 'set' || object.kind === 'map') return `add ${setLine(object, this.options)}`;
    if (object.kind === 'rule' || object.kind === 'element') return '';
    return `add ${objectLine(object, this.options)}`;
  }

  private rule(rule: IrRule, made: boolean, behind: boolean): NftEvent[] {
    const { family, table, chain, handle, position } = rule;
    if (this.bound.has(keyOf(rule, chain))) return [];
    const used = rule.exprs.flatMap((expr) =>
      'set' in expr && expr.set !== undefined ? [keyOf(rule, expr.set)] : [],
    );
    const around = used.flatMap((key): IrThing[] => {
      const set = this.sets.get(key);
      return set === undefined ? [] : [set, ...(this.elements.get(key) ?? [])];
    });
    const chains = [...this.bound.values()].flat();
    const object = delinearize([...around, ...chains, rule], this.names).find(({ kind }) => kind === 'rule');
    if (object?.kind !== 'rule') return [];
    const verb = made ? (behind ? 'add' : 'insert') : 'delete';
    const where = `${family} ${table} ${chain}`;
    const json: Json = { [verb]: objectJson(object) };
    const place = position === undefined ? '' : `handle ${position} `;
    const text = made
      ? `${verb} rule ${where} ${place}${ruleText(object, { ...this.options, family })}`
      : `delete rule ${where} handle ${handle}`;
    return [{ kind: 'rule', made, text: this.options.json ? jsonText(json) : text, json }];
  }

  private isInterval(thing: IrElements): boolean {
    const set = this.sets.get(keyOf(thing, thing.set));
    return set !== undefined && (set.flags & NFT_SET_INTERVAL) !== 0 && (set.fieldLens?.length ?? 0) < 2;
  }

  private continues(thing: IrElements, made: boolean): boolean {
    const { held } = this;
    const ends = ((thing.elements[0]?.flags ?? 0) & NFT_SET_ELEM_INTERVAL_END) !== 0;
    return ends && held?.made === made && keyOf(held.thing, held.thing.set) === keyOf(thing, thing.set);
  }

  private element(thing: IrElements, made: boolean): NftEvent[] {
    if (((this.sets.get(keyOf(thing, thing.set))?.flags ?? 0) & NFT_SET_ANONYMOUS) !== 0) return [];
    if (!this.isInterval(thing)) return this.elementEvent(thing, made);
    if (this.continues(thing, made)) {
      const { held } = this;
      this.held = undefined;
      return this.elementEvent({ ...thing, elements: [...held!.thing.elements, ...thing.elements] }, made);
    }
    // The end at zero, before the first interval, is the end of nothing.
    if (((thing.elements[0]?.flags ?? 0) & NFT_SET_ELEM_INTERVAL_END) === 0) this.held = { made, thing };
    return [];
  }

  /** An interval that reaches to the largest value has no end. */
  private release(): NftEvent[] {
    const { held } = this;
    this.held = undefined;
    return held === undefined ? [] : this.elementEvent(held.thing, held.made);
  }

  private elementEvent(thing: IrElements, made: boolean): NftEvent[] {
    const set = this.sets.get(keyOf(thing, thing.set));
    if (set === undefined) return [];
    const object = delinearize([set, thing], this.names).find(
      (each): each is SetObject | MapObject => each.kind === 'set' || each.kind === 'map',
    );
    if (object?.elem === undefined) return [];
    const { family, table, name } = object;
    const verb = made ? 'add' : 'delete';
    const json: Json = {
      [verb]: { element: { family, table, name, elem: { set: elementsJson(object) } } },
    };
    const text = this.options.json
      ? jsonText(json)
      : `${verb} element ${family} ${table} ${name} { ${elementsLine(object, this.options)} }`;
    return [{ kind: 'element', made, text, json }];
  }

  private generation(message: NlMsg): NftEvent[] {
    if (this.options.json) return [];
    const { attrs } = readNfMsg(message);
    const pid = attrs.u32(NftaGen.PROC_PID);
    const by = pid === undefined ? '' : ` by process ${pid} (${attrs.text(NftaGen.PROC_NAME) ?? ''})`;
    return [{ kind: 'generation', made: true, text: `# new generation ${attrs.u32(NftaGen.ID)}${by}` }];
  }
}
