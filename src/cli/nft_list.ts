/**
 * What `ww nft` asks a running router: `list`, `reset` and `get`. The ruleset is dumped and read back as nft does; what is
 * reset is asked for by the messages that reset, and shown as it was before.
 */
import { NftMsg, NftaObj, NftaRule, NftaSetElemList } from '../../assembly/abi/nf_tables.js';
import { NLM_F_DUMP } from '../../assembly/abi/nfnl.js';
import { NetError } from '../net_error.js';
import type { NlAttrWriter } from '../netlink/nlattr.js';
import { type NlMsg, nfMessage } from '../netlink/nlmsg.js';
import type { ElementsCommand, ObjectType, Target } from '../nft/ast.js';
import { delinearize, meters } from '../nft/delinearize/ruleset.js';
import { readDump } from '../nft/encode/dump.js';
import { FAMILY_NUMBER } from '../nft/encode/message.js';
import { elementsHead, writeElementList } from '../nft/encode/set.js';
import { NftError } from '../nft/error.js';
import { OBJECT_NUMBER } from '../nft/evaluate/object_number.js';
import type { IrThing } from '../nft/ir.js';
import { knownRuleset } from '../nft/known.js';
import { compile } from '../nft/nft.js';
import { listText, type ListOptions } from '../nft/list.js';
import { nftType, type RunningRouter } from './nft_router.js';

/** Plurals of objects to their types: `ct helpers` are of type `ct helper`. */
const objectType = (type: Target['type']): ObjectType | undefined => {
  const single = type.replace(/s$/, '');
  if (type in OBJECT_NUMBER) return type as ObjectType;
  return single in OBJECT_NUMBER ? (single as ObjectType) : undefined;
};

/** Whether what is listed has elements in it. */
const withElements = ({ type }: Target, { terse }: ListOptions): boolean =>
  !terse && ['ruleset', 'table', 'set', 'map', 'meter', 'sets', 'maps', 'meters'].includes(type);

export async function listRouter(
  router: RunningRouter,
  target: Target,
  options: ListOptions,
): Promise<string> {
  const things = await router.ruleset(withElements(target, options));
  const metered = target.type === 'meter' || target.type === 'meters';
  const objects = delinearize(metered ? meters(things) : things, router.names);
  return listText(objects, target, { ...options, ...(metered && { meters: true }) });
}

type Ask = {
  readonly message: NftMsg;
  readonly dump: boolean;
  readonly fill: (attrs: NlAttrWriter) => void;
};

/** The question that resets what the command names, and tells what it was. */
function resetQuestion(target: Target): Ask {
  const { type, table, chain, name = '', handle } = target;
  const object = objectType(type);
  if (object !== undefined) {
    const dump = object !== type;
    return {
      message: NftMsg.GETOBJ_RESET,
      dump,
      fill: (attrs) => {
        if (table !== undefined) attrs.text(NftaObj.TABLE, table);
        if (!dump) attrs.text(NftaObj.NAME, name);
        attrs.u32(NftaObj.TYPE, OBJECT_NUMBER[object]);
      },
    };
  }
  if (type === 'rule' || type === 'rules')
    return {
      message: NftMsg.GETRULE_RESET,
      dump: type === 'rules',
      fill: (attrs) => {
        if (table !== undefined) attrs.text(NftaRule.TABLE, table);
        if (chain !== undefined) attrs.text(NftaRule.CHAIN, chain);
        if (handle !== undefined) attrs.u64(NftaRule.HANDLE, BigInt(handle));
      },
    };
  if (type === 'set' || type === 'map' || type === 'meter')
    return {
      message: NftMsg.GETSETELEM_RESET,
      dump: true,
      fill: (attrs) => attrs.text(NftaSetElemList.TABLE, table ?? '').text(NftaSetElemList.SET, name),
    };
  throw new NftError(`${type} cannot be reset`, target.loc);
}

async function asked(router: RunningRouter, target: Target, { message, dump, fill }: Ask): Promise<NlMsg[]> {
  const family = target.family === undefined ? 0 : FAMILY_NUMBER[target.family];
  const flags = dump ? NLM_F_DUMP : 0;
  return router.question(nfMessage({ type: nftType(message), family, flags, seq: 1 }, fill));
}

export async function resetRouter(
  router: RunningRouter,
  target: Target,
  options: ListOptions,
): Promise<string> {
  const things = await router.ruleset(false);
  // What is not there is told in the words of a listing.
  listText(delinearize(things, router.names), target, options);
  const reset = readDump(await asked(router, target, resetQuestion(target)), things);
  const kept = things.filter(({ kind }) => kind !== 'rule' && kind !== 'object');
  const metered = target.type === 'meter';
  const all = [...(metered ? meters(kept) : kept), ...reset];
  return listText(delinearize(all, router.names), target, { ...options, ...(metered && { meters: true }) });
}

/** `get element`, `reset element`: of intervals, the one that holds the key. */
export async function getElements(
  router: RunningRouter,
  { kind, element, loc }: ElementsCommand,
  options: ListOptions,
): Promise<string> {
  const things = await router.ruleset(false);
  const known = knownRuleset(things, router.names, false);
  const { ir } = compile([{ kind: 'delete element', element, loc }], { names: router.names, known });
  const thing = ir[0]?.thing;
  if (thing?.kind !== 'elements') throw new NftError('an element is expected', loc);
  const type = nftType(kind === 'reset element' ? NftMsg.GETSETELEM_RESET : NftMsg.GETSETELEM);
  const question = nfMessage({ type, family: FAMILY_NUMBER[element.family], seq: 1 }, (attrs) => {
    elementsHead(thing, attrs, true);
    writeElementList(thing.elements, attrs);
  });
  const found = await router.question(question).catch((error: unknown) => {
    if (!(error instanceof NetError)) throw error;
    throw new NftError(`Could not process rule: ${error.message}`, loc, undefined, { cause: error });
  });
  const { family, table, name, loc: where } = element;
  const isMap = known.table(family, table).sets.get(name)?.data !== undefined;
  const target: Target = { type: isMap ? 'map' : 'set', family, table, name, loc: where };
  const answer = once(readDump(found, things));
  return listText(delinearize([...things, ...answer], router.names), target, options);
}

/** Two keys may lie in one interval. */
function once(things: readonly IrThing[]): IrThing[] {
  const seen = new Set<string>();
  return things.map((thing) => {
    if (thing.kind !== 'elements') return thing;
    const elements = thing.elements.filter(({ key, flags }) => {
      const of = `${flags} ${Buffer.from(key).toString('hex')}`;
      const fresh = !seen.has(of);
      seen.add(of);
      return fresh;
    });
    return { ...thing, elements };
  });
}
