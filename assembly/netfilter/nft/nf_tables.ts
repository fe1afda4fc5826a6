/**
 * The records of a ruleset: tables, and in them chains with their rules, sets, objects and flowtables. Linux:
 * include/net/netfilter/nf_tables.h.
 *
 *   net.nft ─► NftNet ─► Table ─┬─ hash of names (all kinds)
 *                               ├─ chains ─► Chain ─► Rule ─► Rule ...      Chain.blob: what packets run (nft_bytecode)
 *                               ├─ sets   ─► Set   ─► elements, by backend
 *                               ├─ objects, flowtables
 *              Trans ◄─► Trans   the log of the open transaction (nft_trans)
 *
 * A thing is seen by packets and by dumps unless INACTIVE_NOW, and by the open transaction unless INACTIVE_NEXT. What a
 * transaction makes is INACTIVE_NOW until its end, what it deletes is INACTIVE_NEXT; its end, or its abort, makes both
 * views one again. Packets run only between requests, so the end of a transaction is one step to them.
 */
import {
  HashNode,
  HashTable,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
  hashDestroy,
} from '../../lib/hash_table';
import { jhash1word } from '../../lib/jhash';
import { kfree, kmalloc, kzalloc } from '../../lib/kmalloc';
import { Net } from '../../net/net';
import { nlaData, nlaStrlen } from '../nlattr';

export const INACTIVE_NOW: u8 = 1;
export const INACTIVE_NEXT: u8 = 2;

@unmanaged
@final
export class NftNet {
  tableHead: usize;
  tableTail: usize;
  /** The log of the open transaction. */
  transHead: usize;
  transTail: usize;
  /** Handles of tables are counted per namespace. */
  tableHandle: u64;
  genid: u32;
  /** 1 between BATCH_BEGIN and BATCH_END; a failure since. */
  batch: u32;
  failed: u32;
  /** Sets whose lookup structure the open transaction touched, and anonymous ones not yet bound: linked by the log. */
  hookIdNext: u32;
  /** Port id of who speaks: owner of tables with NFT_TABLE_F_OWNER. */
  portid: u32;
  /** Number of the last check for loops (Chain.visited), and of the last chain that belongs to a rule. */
  validate: u32;
  boundChains: u32;
  /** Notifications for the host (nft_notify); 0: nobody listens. */
  eventRing: usize;
  /** Bits of the queues that somebody listens to (nfnetlink_queue); 0: none ever was. */
  queues: usize;
  /** The start that the end to come belongs to (nft_set_rbtree); only compared. */
  lastStart: usize;
}

export enum NftKind {
  CHAIN = 0,
  SET = 1,
  OBJ = 2,
  FLOWTABLE = 3,
  TABLE = 4,
}

/** What everything with a name begins with. */
@unmanaged
export class Named {
  /** HashNode of the table's names. */
  hnext: usize;
  hash: u32;
  next: usize;
  prev: usize;
  /** Text (u16 length, bytes), owned. */
  name: usize;
  kind: u8;
  /** INACTIVE_* */
  state: u8;
  /** Objects: NFT_OBJECT_*. */
  objType: u16;
  table: usize;
  /** Who refers to it. */
  use: u32;
  handle: u64;
  /** Text of the user's program, or 0. */
  udata: usize;
  /** NFTA_*_ID: what the transaction calls it. */
  id: u32;
}

@unmanaged
@final
export class Table extends Named {
  names: usize;
  family: u32;
  flags: u32;
  /** Dormant as packets see it; `flags` is what the transaction says. */
  flagsNow: u32;
  handleNext: u64;
  /** Heads and tails by NftKind. */
  heads: usize;
  head1: usize;
  head2: usize;
  head3: usize;
  tail0: usize;
  tail1: usize;
  tail2: usize;
  tail3: usize;
  owner: u32;
}

@unmanaged
@final
export class Chain extends Named {
  ruleHead: usize;
  ruleTail: usize;
  /** What packets run, and what they will from the commit on (nft_compile). */
  blob: usize;
  blobNext: usize;
  /** NFT_CHAIN_* */
  flags: u32;
  /** BaseChain, or 0. */
  base: usize;
  /** Rules that the transaction sees. */
  rules: u32;
  /** 1: rules or flags changed in this transaction: the blob is to be made. */
  dirty: u8;
  /** NFT_CHAIN_BINDING: the rule that it belongs to is there. */
  bound: u8;
  /** Loop check: number of the run that visited it, how deep it was, is on the path. */
  level: u8;
  onPath: u8;
  visited: u32;
  /** Id of its generated code, 0: none was asked for; generation that made the blob (nft_jit). */
  jitOp: u32;
  version: u32;
}

export enum ChainType {
  FILTER = 0,
  ROUTE = 1,
  NAT = 2,
}

@unmanaged
@final
export class BaseChain {
  chain: usize;
  /** ChainType */
  type: u8;
  /** NF_DROP or NF_ACCEPT as the transaction and as packets see it. */
  policy: u8;
  policyNow: u8;
  /** 1: counts what the policy decided. */
  counting: u8;
  hooknum: u32;
  priority: i32;
  /** HookDev: devices of netdev chains and of inet ingress. */
  devs: usize;
  /** Registered at the hooks of namespaces and devices. */
  registered: u32;
  /** What hookUnregister names. */
  hookId: u32;
  packets: u64;
  bytes: u64;
  /** Id of the generated code for packets that it can tell the verdict of without a frame (nft_jit), or 0. */
  hookOp: u32;
  pad: u32;
}

/** A device that a chain or flowtable names; it need not exist. */
@unmanaged
@final
export class HookDev {
  next: usize;
  /** INACTIVE_*: added or removed by the open transaction. */
  state: u32;
  /** Ifindex while hooked, 0: no such device. */
  ifindex: i32;
  pad: u32;
  name0: u64;
  name1: u64;
}

@unmanaged
@final
export class Rule {
  next: usize;
  prev: usize;
  chain: usize;
  state: u8;
  nexprs: u8;
  pad: u16;
  handle: u64;
  /** Bytes of expressions (nft_bytecode records), from RULE_BYTES on; text of the user's program, or 0. */
  dlen: u32;
  udata: usize;
  id: u32;
  pad2: u32;
}
export const RULE_BYTES: usize = 40;

@unmanaged
@final
export class Obj extends Named {
  /** Expression-like record of its type (nft_object). */
  data: usize;
}

@unmanaged
@final
export class Flowtable extends Named {
  hooknum: u32;
  priority: i32;
  flags: u32;
  devs: usize;
  /** NfFlowTable (nf_flow_table), and what hookUnregister names. */
  flows: usize;
  hookId: u32;
}

/** Namespace's rulesets, or null. */
export function nftNet(net: Net): NftNet | null {
  return changetype<NftNet | null>(net.nft);
}

/** The same, made when there is none; null: no memory. */
export function nftNetGet(net: Net): NftNet | null {
  if (net.nft === 0) {
    net.nft = kzalloc(offsetof<NftNet>());
    if (net.nft === 0) return null;
    changetype<NftNet>(net.nft).genid = 1;
  }
  return changetype<NftNet>(net.nft);
}

// Texts: u16 length, then the bytes.

export function textNew(ptr: usize, len: u32): usize {
  const p = kmalloc(len + 2);
  if (p === 0) return 0;
  store<u16>(p, <u16>len);
  memory.copy(p + 2, ptr, len);
  return p;
}

export function textLen(text: usize): u32 {
  return load<u16>(text);
}

export function textPtr(text: usize): usize {
  return text + 2;
}

export function textIs(text: usize, ptr: usize, len: u32): bool {
  return <u32>load<u16>(text) === len && memory.compare(text + 2, ptr, len) === 0;
}

/** The text of a string attribute; 0: no memory. */
export function textOf(nla: usize): usize {
  return textNew(nlaData(nla), nlaStrlen(nla));
}

export function textIsNla(text: usize, nla: usize): bool {
  return textIs(text, nlaData(nla), nlaStrlen(nla));
}

/** Visible to the open transaction. */
export function activeNext(state: u8): bool {
  return (state & INACTIVE_NEXT) === 0;
}

/** Visible to packets and dumps. */
export function activeNow(state: u8): bool {
  return (state & INACTIVE_NOW) === 0;
}

// Tables

export function tableNew(nn: NftNet, nla: usize, family: u32): Table | null {
  const p = kzalloc(offsetof<Table>());
  if (p === 0) return null;
  const table = changetype<Table>(p);
  table.kind = <u8>NftKind.TABLE;
  table.state = INACTIVE_NOW;
  table.family = family;
  table.name = textOf(nla);
  table.names = kzalloc(offsetof<HashTable>());
  if (table.name === 0 || table.names === 0 || !hashInit(changetype<HashTable>(table.names), 3, 1 << 20)) {
    tableFree(table);
    return null;
  }
  table.handle = ++nn.tableHandle;
  table.prev = nn.tableTail;
  if (nn.tableTail !== 0) changetype<Table>(nn.tableTail).next = p;
  else nn.tableHead = p;
  nn.tableTail = p;
  return table;
}

/** Out of its list. */
export function tableUnlink(nn: NftNet, table: Table): void {
  if (table.prev !== 0) changetype<Table>(table.prev).next = table.next;
  else nn.tableHead = table.next;
  if (table.next !== 0) changetype<Table>(table.next).prev = table.prev;
  else nn.tableTail = table.prev;
}

export function tableFree(table: Table): void {
  kfree(table.name);
  kfree(table.udata);
  if (table.names !== 0 && changetype<HashTable>(table.names).buckets !== 0) {
    hashDestroy(changetype<HashTable>(table.names));
  }
  kfree(table.names);
  kfree(changetype<usize>(table));
}

/** The table of that name that the transaction sees (`now`: that dumps see). */
export function tableLookup(nn: NftNet, nla: usize, family: u32, now: bool): Table | null {
  for (let p = nn.tableHead; p !== 0; p = changetype<Table>(p).next) {
    const table = changetype<Table>(p);
    if (table.family !== family || !textIsNla(table.name, nla)) continue;
    if (now ? activeNow(table.state) : activeNext(table.state)) return table;
  }
  return null;
}

/** Is the table told of in a dump of `family` (0: all) and the name in the attribute `name` (0: any)? */
export function tableDumped(nn: NftNet, table: Table, family: u32, name: usize): bool {
  if (!activeNow(table.state) || (family !== 0 && family !== table.family)) return false;
  return name === 0 || tableLookup(nn, name, table.family, true) === table;
}

export function tableHead(table: Table, kind: u32): usize {
  return load<u32>(changetype<usize>(table) + offsetof<Table>('heads') + (kind << 2));
}

// Things in a table

function nameHash(ptr: usize, len: u32): u32 {
  let h: u32 = len;
  for (let i: u32 = 0; i < len; i++) h = h * 31 + load<u8>(ptr + i);
  return jhash1word(h, 0);
}

/** Names a thing and puts it at the end of its list; false: no memory, or too many. */
export function namedAdd(table: Table, thing: Named, kind: u32, name: usize): bool {
  thing.kind = <u8>kind;
  thing.state = INACTIVE_NOW;
  thing.table = changetype<usize>(table);
  thing.name = name;
  const hash = nameHash(textPtr(name), textLen(name));
  if (!hashInsert(changetype<HashTable>(table.names), changetype<HashNode>(thing), hash)) return false;
  const p = changetype<usize>(thing);
  const tails = changetype<usize>(table) + offsetof<Table>('tail0') + (kind << 2);
  const heads = changetype<usize>(table) + offsetof<Table>('heads') + (kind << 2);
  const last = load<u32>(tails);
  thing.prev = last;
  thing.next = 0;
  if (last !== 0) changetype<Named>(last).next = p;
  else store<u32>(heads, p);
  store<u32>(tails, p);
  thing.handle = ++table.handleNext;
  return true;
}

export function namedRemove(thing: Named): void {
  const table = changetype<Table>(thing.table);
  hashRemove(changetype<HashTable>(table.names), changetype<HashNode>(thing));
  const kind = <u32>thing.kind;
  if (thing.prev !== 0) changetype<Named>(thing.prev).next = thing.next;
  else store<u32>(changetype<usize>(table) + offsetof<Table>('heads') + (kind << 2), thing.next);
  if (thing.next !== 0) changetype<Named>(thing.next).prev = thing.prev;
  else store<u32>(changetype<usize>(table) + offsetof<Table>('tail0') + (kind << 2), thing.prev);
}

/** It has another name now. */
export function renamed(thing: Named): void {
  const names = changetype<HashTable>(changetype<Table>(thing.table).names);
  hashRemove(names, changetype<HashNode>(thing));
  hashInsert(names, changetype<HashNode>(thing), nameHash(textPtr(thing.name), textLen(thing.name)));
}

/** The thing of that kind and name (and type of object) that the transaction, or a dump, sees; 0: none. */
export function namedLookup(table: Table, kind: u32, nla: usize, objType: u32, now: bool): usize {
  const ptr = nlaData(nla);
  const len = nlaStrlen(nla);
  const hash = nameHash(ptr, len);
  for (let p = hashHead(changetype<HashTable>(table.names), hash); p !== 0; p = changetype<Named>(p).hnext) {
    const thing = changetype<Named>(p);
    if (thing.hash !== hash || <u32>thing.kind !== kind || !textIs(thing.name, ptr, len)) continue;
    if (objType !== 0 && <u32>thing.objType !== objType) continue;
    if (now ? activeNow(thing.state) : activeNext(thing.state)) return p;
  }
  return 0;
}

/** The thing of that handle. */
export function namedByHandle(table: Table, kind: u32, handle: u64, objType: u32, now: bool): usize {
  for (let p = tableHead(table, kind); p !== 0; p = changetype<Named>(p).next) {
    const thing = changetype<Named>(p);
    if (thing.handle !== handle || (objType !== 0 && <u32>thing.objType !== objType)) continue;
    if (now ? activeNow(thing.state) : activeNext(thing.state)) return p;
  }
  return 0;
}

export function tableOf(thing: Named): Table {
  return changetype<Table>(thing.table);
}

/** One more user; false when the count would wrap. */
export function useInc(thing: Named): bool {
  if (thing.use === u32.MAX_VALUE) return false;
  thing.use++;
  return true;
}

export function chainBase(chain: Chain): BaseChain {
  return changetype<BaseChain>(chain.base);
}
