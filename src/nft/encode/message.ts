/**
 * Commands of the IR as the kernel's messages: a batch that begins, holds one message a command, and ends. Attributes and their
 * order are libnftnl's, so that the bytes are those that nft sends. Linux: include/uapi/linux/netfilter/nf_tables.h
 */
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NFNL_SUBSYS_NFTABLES,
} from '../../../assembly/abi/nfnl.js';
import { NftMsg } from '../../../assembly/abi/nf_tables.js';
import type { NlAttrWriter } from '../../netlink/nlattr.js';
import { batchBegin, batchEnd, nfMessage } from '../../netlink/nlmsg.js';
import type { Family } from '../ast.js';
import type { IrCommand, IrElement, IrElements, IrFlush, IrThing } from '../ir.js';
import { writeChain, writeFlowtable, writeObject, writeTable } from './object.js';
import { writeRule } from './rule.js';
import { elementsHead, elementsSplit, writeElementList, writeSet } from './set.js';

export const FAMILY_NUMBER: Readonly<Record<Family, number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};
const NFPROTO_UNSPEC = 0;

type Kind = IrThing['kind'];
const NEW: Readonly<Record<Kind, NftMsg>> = {
  table: NftMsg.NEWTABLE,
  chain: NftMsg.NEWCHAIN,
  rule: NftMsg.NEWRULE,
  set: NftMsg.NEWSET,
  elements: NftMsg.NEWSETELEM,
  object: NftMsg.NEWOBJ,
  flowtable: NftMsg.NEWFLOWTABLE,
};
const DELETE: Readonly<Record<Kind, NftMsg>> = {
  table: NftMsg.DELTABLE,
  chain: NftMsg.DELCHAIN,
  rule: NftMsg.DELRULE,
  set: NftMsg.DELSET,
  elements: NftMsg.DELSETELEM,
  object: NftMsg.DELOBJ,
  flowtable: NftMsg.DELFLOWTABLE,
};
const DESTROY: Readonly<Record<Kind, NftMsg>> = {
  table: NftMsg.DESTROYTABLE,
  chain: NftMsg.DESTROYCHAIN,
  rule: NftMsg.DESTROYRULE,
  set: NftMsg.DESTROYSET,
  elements: NftMsg.DESTROYSETELEM,
  object: NftMsg.DESTROYOBJ,
  flowtable: NftMsg.DESTROYFLOWTABLE,
};

interface Piece {
  readonly message: NftMsg;
  readonly family: number;
  readonly flags: number;
  readonly fill: (attrs: NlAttrWriter) => void;
  readonly elements?: readonly IrElement[];
}

function flagsOf({ op, thing }: IrCommand): number {
  switch (op) {
    case 'add':
      return thing.kind === 'rule' ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE;
    case 'create':
      return NLM_F_CREATE | NLM_F_EXCL;
    case 'insert':
      return NLM_F_CREATE;
    case 'replace':
      return NLM_F_REPLACE;
    case 'delete':
    case 'destroy':
    case 'flush':
    case 'rename':
      return 0;
  }
}

function writeThing(thing: Exclude<IrThing, IrElements>, attrs: NlAttrWriter, command: IrCommand): void {
  switch (thing.kind) {
    case 'table':
      writeTable(thing, attrs);
      return;
    case 'chain':
      writeChain(thing, attrs, command.newname);
      return;
    case 'rule':
      writeRule(thing, attrs);
      return;
    case 'set':
      writeSet(thing, attrs);
      return;
    case 'object':
      writeObject(thing, attrs);
      return;
    case 'flowtable':
      writeFlowtable(thing, attrs);
  }
}

function flushPiece({ what, family, table, name }: IrFlush): Piece {
  const common = { family: family === undefined ? NFPROTO_UNSPEC : FAMILY_NUMBER[family], flags: 0 };
  switch (what) {
    case 'ruleset':
      return { ...common, message: NftMsg.DELTABLE, fill: () => undefined };
    case 'table':
      return { ...common, message: NftMsg.DELRULE, fill: (attrs) => attrs.text(1, table ?? '') };
    case 'chain':
      return {
        ...common,
        message: NftMsg.DELRULE,
        fill: (attrs) => attrs.text(1, table ?? '').text(2, name ?? ''),
      };
    case 'set':
      return {
        ...common,
        message: NftMsg.DELSETELEM,
        fill: (attrs) => attrs.text(1, table ?? '').text(2, name ?? ''),
      };
  }
}

function pieces(command: IrCommand): Piece[] {
  const { op, thing } = command;
  if (thing.kind === 'flush') return [flushPiece(thing)];
  const table = op === 'delete' ? DELETE : op === 'destroy' ? DESTROY : NEW;
  const common = { message: table[thing.kind], family: FAMILY_NUMBER[thing.family], flags: flagsOf(command) };
  if (thing.kind === 'elements' && thing.elements.length === 0) return [];
  if (thing.kind !== 'elements') return [{ ...common, fill: (attrs) => writeThing(thing, attrs, command) }];
  return elementsSplit(thing.elements).map((elements: readonly IrElement[]) => ({
    ...common,
    elements,
    fill: (attrs: NlAttrWriter): void => {
      elementsHead(thing, attrs, op === 'delete' || op === 'destroy');
      writeElementList(elements, attrs);
    },
  }));
}

export interface EncodedMessage {
  /** Which command it is of: errors of the kernel name a message's number. */
  readonly command: IrCommand | undefined;
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** Those that it holds, of a message of elements. */
  readonly elements?: readonly IrElement[];
}

/** The messages of a batch, begin and end included. `ack`: the kernel answers each. */
export function encodeBatch(commands: readonly IrCommand[], firstSeq = 0, ack = false): EncodedMessage[] {
  let seq = firstSeq;
  const made: EncodedMessage[] = [{ command: undefined, seq, bytes: batchBegin(seq) }];
  for (const command of commands) {
    for (const { message, family, flags, fill, elements } of pieces(command)) {
      seq++;
      const head = {
        type: (NFNL_SUBSYS_NFTABLES << 8) | message,
        family,
        flags: flags | (ack ? NLM_F_ACK : 0),
        seq,
      };
      made.push({ command, seq, bytes: nfMessage(head, fill), ...(elements && { elements }) });
    }
  }
  seq++;
  made.push({ command: undefined, seq, bytes: batchEnd(seq) });
  return made;
}
