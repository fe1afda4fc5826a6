/**
 * A ruleset as nf_tables' own messages: read from one netfilter (dumps), loaded into another (the same attributes as
 * NFT_MSG_NEW*), so that the core runs what Linux runs before anything of ours understands the language.
 */
import {
  NFNL_SUBSYS_NFTABLES,
  NfProto,
  NLA_F_NESTED,
  NLM_F_APPEND,
  NLM_F_CREATE,
} from '../../../assembly/abi/nfnl.js';
import {
  NftaChain,
  NftaDynset,
  NftaExpr,
  NftaExthdr,
  NftaFlowtable,
  NftaObj,
  NftaRule,
  NftaSet,
  NftaSetElemList,
  NftaTable,
  NftMsg,
} from '../../../assembly/abi/nf_tables.js';
import { NlAttrs, NlAttrWriter, readAttrs } from '../../../src/netlink/nlattr.js';
import {
  batchBegin,
  batchEnd,
  joinMessages,
  type NfMsg,
  nfMessage,
  readNfMsg,
} from '../../../src/netlink/nlmsg.js';
import type { Netfilter } from '../router.js';

export const nftType = (message: NftMsg): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

const NFT_SET_INTERVAL = 4;
const NFT_SET_CONCAT = 0x80;
/** A chain made for `jump { ... }`: the message that makes it again names it, so that it is a plain one. */
export const NFT_CHAIN_BINDING = 4;

interface Kind {
  get: NftMsg;
  make: NftMsg;
  /** What is the thing's own; the rest (handles, use counts) is given by the kernel. */
  keep: readonly number[];
}

/** In the order in which things may refer to each other. */
const KINDS: readonly Kind[] = [
  {
    get: NftMsg.GETTABLE,
    make: NftMsg.NEWTABLE,
    keep: [NftaTable.NAME, NftaTable.FLAGS, NftaTable.USERDATA],
  },
  {
    get: NftMsg.GETCHAIN,
    make: NftMsg.NEWCHAIN,
    keep: [
      NftaChain.TABLE,
      NftaChain.NAME,
      NftaChain.HOOK,
      NftaChain.POLICY,
      NftaChain.TYPE,
      NftaChain.COUNTERS,
      NftaChain.FLAGS,
      NftaChain.USERDATA,
    ],
  },
  {
    get: NftMsg.GETOBJ,
    make: NftMsg.NEWOBJ,
    keep: [NftaObj.TABLE, NftaObj.NAME, NftaObj.TYPE, NftaObj.DATA, NftaObj.USERDATA],
  },
  {
    get: NftMsg.GETSET,
    make: NftMsg.NEWSET,
    keep: [
      NftaSet.TABLE,
      NftaSet.NAME,
      NftaSet.FLAGS,
      NftaSet.KEY_TYPE,
      NftaSet.KEY_LEN,
      NftaSet.DATA_TYPE,
      NftaSet.DATA_LEN,
      NftaSet.POLICY,
      NftaSet.DESC,
      NftaSet.TIMEOUT,
      NftaSet.GC_INTERVAL,
      NftaSet.USERDATA,
      NftaSet.OBJ_TYPE,
      NftaSet.EXPR,
      NftaSet.EXPRESSIONS,
    ],
  },
  {
    get: NftMsg.GETSETELEM,
    make: NftMsg.NEWSETELEM,
    keep: [NftaSetElemList.TABLE, NftaSetElemList.SET, NftaSetElemList.ELEMENTS],
  },
  {
    get: NftMsg.GETFLOWTABLE,
    make: NftMsg.NEWFLOWTABLE,
    keep: [NftaFlowtable.TABLE, NftaFlowtable.NAME, NftaFlowtable.HOOK, NftaFlowtable.FLAGS],
  },
  {
    get: NftMsg.GETRULE,
    make: NftMsg.NEWRULE,
    keep: [NftaRule.TABLE, NftaRule.CHAIN, NftaRule.EXPRESSIONS, NftaRule.USERDATA],
  },
];

/** One thing: a table, a chain, the elements of a set that fit a message, a rule. */
export interface Thing {
  make: NftMsg;
  family: number;
  /** Attributes that are its own, in the order in which they came. */
  attrs: readonly { type: number; value: Uint8Array }[];
}

export type Ruleset = readonly Thing[];

function thing(kind: Kind, msg: NfMsg, payload: Uint8Array): Thing {
  const attrs = readAttrs(payload)
    .filter(({ type }) => kind.keep.includes(type))
    .map(({ type, value }) => ({ type, value }));
  return { make: kind.make, family: msg.family, attrs };
}

const NFGENMSG = 4;

/** All that is loaded, in an order in which it can be loaded. */
export async function readRuleset(from: Netfilter): Promise<Ruleset> {
  const all: Thing[] = [];
  const sets: Thing[] = [];
  for (const kind of KINDS) {
    const type = nftType(kind.get);
    if (kind.get === NftMsg.GETSETELEM) {
      for (const set of sets) all.push(...(await elementsOf(from, kind, set)));
      continue;
    }
    for (const message of await from.dump(type, NfProto.UNSPEC)) {
      const one = thing(kind, readNfMsg(message), message.payload.subarray(NFGENMSG));
      all.push(one);
      if (kind.get === NftMsg.GETSET) sets.push(one);
    }
  }
  return all;
}

/** Of a set of intervals Linux tells the last first; they are given as nft(8) does, from the first on. */
async function elementsOf(from: Netfilter, kind: Kind, set: Thing): Promise<Thing[]> {
  const messages = await from.dump(nftType(kind.get), set.family, (attrs) => {
    attrs.put(NftaSetElemList.TABLE, attrOf(set, NftaSet.TABLE)!);
    attrs.put(NftaSetElemList.SET, attrOf(set, NftaSet.NAME)!);
  });
  const things = messages
    .map((message) => thing(kind, readNfMsg(message), message.payload.subarray(NFGENMSG)))
    .filter((one) => attrOf(one, NftaSetElemList.ELEMENTS) !== undefined);
  const flags = attrOf(set, NftaSet.FLAGS);
  if (flags === undefined || (u32(flags) & (NFT_SET_INTERVAL | NFT_SET_CONCAT)) !== NFT_SET_INTERVAL)
    return things;
  return things.reverse().map((one) => ({ ...one, attrs: one.attrs.map(reversed) }));
}

function reversed(attr: { type: number; value: Uint8Array }): { type: number; value: Uint8Array } {
  if (attr.type !== NftaSetElemList.ELEMENTS) return attr;
  const list = new NlAttrWriter();
  for (const { type, value } of readAttrs(attr.value).reverse()) list.put(type | NLA_F_NESTED, value);
  return { type: attr.type, value: list.bytes.slice() };
}

export function attrOf(one: Thing, type: number): Uint8Array | undefined {
  return one.attrs.find((attr) => attr.type === type)?.value;
}

export function textOf(one: Thing, type: number): string {
  return new TextDecoder().decode(attrOf(one, type) ?? new Uint8Array(0)).replace(/\0+$/, '');
}

export function u32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

/** Attributes that Linux tells of an expression and does not take. */
function refused(name: string | undefined, data: NlAttrs, attr: number): boolean {
  if (name === 'exthdr' && !data.has(NftaExthdr.DREG)) {
    // Of one that takes an option out, not even its place.
    const place = attr === NftaExthdr.OFFSET || attr === NftaExthdr.LEN;
    return attr === NftaExthdr.FLAGS || (place && !data.has(NftaExthdr.SREG));
  }
  // Of a set without timeouts.
  return name === 'dynset' && attr === NftaDynset.TIMEOUT && data.u64(NftaDynset.TIMEOUT) === 0n;
}

/** Expressions of a rule as they are given. */
function loadable(list: Uint8Array): Uint8Array {
  const rule = new NlAttrWriter();
  for (const { type, value } of readAttrs(list)) {
    const attrs = new NlAttrs(value);
    const name = attrs.text(NftaExpr.NAME);
    const bytes = attrs.bytes(NftaExpr.DATA) ?? new Uint8Array(0);
    const data = new NlAttrs(bytes);
    const left = readAttrs(bytes).filter((field) => !refused(name, data, field.type));
    rule.nest(type, (expr) => {
      expr.text(NftaExpr.NAME, name ?? '').nest(NftaExpr.DATA, (fields) => {
        for (const field of left) fields.put(field.type, field.value);
      });
    });
  }
  return rule.bytes.slice();
}

/** The transaction that makes `ruleset` where there is none; message n of it has sequence number n + 1. */
export function asBatch(ruleset: Ruleset): Uint8Array {
  const messages = [batchBegin(0)];
  for (const { make, family, attrs } of ruleset) {
    const seq = messages.length;
    const rule = make === NftMsg.NEWRULE;
    const flags = NLM_F_CREATE | (rule ? NLM_F_APPEND : 0);
    messages.push(
      nfMessage({ type: nftType(make), family, flags, seq }, (writer) => {
        for (const { type, value } of attrs) {
          if (make === NftMsg.NEWCHAIN && type === NftaChain.FLAGS)
            writer.u32(type, u32(value) & ~NFT_CHAIN_BINDING);
          else if (make === NftMsg.NEWRULE && type === NftaRule.EXPRESSIONS)
            writer.put(type, loadable(value));
          else writer.put(type, value);
        }
        if (make === NftMsg.NEWSET) writer.u32(NftaSet.ID, seq);
      }),
    );
  }
  messages.push(batchEnd(messages.length));
  return joinMessages(messages);
}
