/**
 * A random ruleset of nf_tables, as the netlink messages that configure Linux: a table inet with chains at random hooks
 * and a set of ports, at times a table of NAT; then rules of some matches and an action, each a transaction of its own.
 */
import {
  NftaBitwise,
  NftaChain,
  NftaCmp,
  NftaCt,
  NftaData,
  NftaExpr,
  NftaExthdr,
  NftaFib,
  NftaHook,
  NftaImmediate,
  NftaLimit,
  NftaLog,
  NftaLookup,
  NftaMasq,
  NftaMeta,
  NftaNat,
  NftaNg,
  NftaPayload,
  NftaQueue,
  NftaRange,
  NftaReject,
  NftaRule,
  NftaSet,
  NftaSetElem,
  NftaSetElemList,
  NftaTable,
  NftaVerdict,
  NftCt,
  NFT_JUMP,
  NFT_RETURN,
  NftMeta,
  NftMsg,
  NFTA_LIST_ELEM,
} from '../abi/nf_tables';
import { NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NLM_F_APPEND, NLM_F_CREATE, NfProto } from '../abi/nfnl';
import { BOARD_TEST_STATE } from '../abi/board_test';
import { BEYOND, beyond, HOSTS, onLink } from './address';
import { below, lab, once } from './lab';
import {
  nest,
  nestEnd,
  nftMessage,
  nlaBytes,
  nlaName,
  nlaU16,
  nlaU32,
  nlaU64,
  nlaU8,
  nlBegin,
  nlEnd,
  nlMessage,
  nlSend,
} from './nlmsg';

// Names of expressions and chain types, their first letter in the lowest byte.
const META: u64 = 0x6174656d;
const CMP: u64 = 0x706d63;
const PAYLOAD: u64 = 0x64616f6c796170;
const CT: u64 = 0x7463;
const COUNTER: u64 = 0x7265746e756f63;
const LIMIT: u64 = 0x74696d696c;
const LOOKUP: u64 = 0x70756b6f6f6c;
const BITWISE: u64 = 0x65736977746962;
const MASQ: u64 = 0x7173616d;
const NAT: u64 = 0x74616e;
const REJECT: u64 = 0x7463656a6572;
const NOTRACK: u64 = 0x6b636172746f6e;
const QUEUE: u64 = 0x6575657571;
const LOG: u64 = 0x676f6c;
const EXTHDR: u64 = 0x726468747865;
const FIB: u64 = 0x626966;
const RANGE: u64 = 0x65676e6172;
const NUMGEN: u64 = 0x6e65676d756e;
const FILTER: u64 = 0x7265746c6966;
const IMMEDIATE: u64 = 0x74616964656d6d69; // and an e
// Of tables, chains and the set.
const TABLE: u32 = 0x74;
const NAT_TABLE: u32 = 0x6e;
const SUB: u32 = 0x627573;
const SET: u32 = 0x70;
const NAMES: usize = memory.data<u32>([0x657270, 0x6e69, 0x647766, 0x74756f, 0x74736f70]);
const NAT_PRE: u32 = 0x65727071;
const NAT_POST: u32 = 0x74736f71;

const INET: u8 = 1;
const PREROUTING: u32 = 0;
const FORWARD: u32 = 2;
const POSTROUTING: u32 = 4;
const ACCEPT: i32 = 1;
const DROP: i32 = 0;
const REG: u32 = 1;
const REG2: u32 = 2;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

export function rules(): void {
  const hooks = skeleton();
  const n = below(10) + 1;
  for (let i: u32 = 0; i < n; i++) {
    let hook = below(5);
    while ((hooks & (1 << hook)) === 0) hook = (hook + 1) % 5;
    rule(TABLE, once(5) ? SUB : load<u32>(NAMES + (hook << 2)), hook, INET);
  }
  if (!once(3)) return;
  natSkeleton();
  for (let i: u32 = 0; i < 2; i++) natRule();
}

/** Table, chains, set; returns a bit for each hook that has a chain. */
function skeleton(): u32 {
  const hooks = (1 << below(5)) | (once(2) ? 1 << FORWARD : 0) | (once(3) ? 1 << PREROUTING : 0);
  nlBegin();
  nlEnd(nlMessage(NFNL_MSG_BATCH_BEGIN, 0, 0, 10));
  table(TABLE, INET);
  chain(TABLE, SUB, INET, -1, FILTER, 0, 1);
  for (let hook: u32 = 0; hook < 5; hook++) {
    if ((hooks & (1 << hook)) === 0) continue;
    const priority: i32 = hook === PREROUTING && once(2) ? -300 : 0;
    chain(TABLE, load<u32>(NAMES + (hook << 2)), INET, <i32>hook, FILTER, priority, once(5) ? DROP : ACCEPT);
  }
  const set = nftMessage(NftMsg.NEWSET, NLM_F_CREATE, INET);
  nlaName(NftaSet.TABLE, TABLE);
  nlaName(NftaSet.NAME, SET);
  nlaU32(NftaSet.KEY_TYPE, 13);
  nlaU32(NftaSet.KEY_LEN, 2);
  nlaU32(NftaSet.ID, 1);
  nlEnd(set);
  const elements = nftMessage(NftMsg.NEWSETELEM, NLM_F_CREATE, INET);
  nlaName(NftaSetElemList.TABLE, TABLE);
  nlaName(NftaSetElemList.SET, SET);
  const list = nest(NftaSetElemList.ELEMENTS);
  for (let i: u32 = 0; i < 6; i++) {
    const elem = nest(NFTA_LIST_ELEM);
    const key = nest(NftaSetElem.KEY);
    nlaU16(NftaData.VALUE, portNumber(i));
    nestEnd(key);
    nestEnd(elem);
  }
  nestEnd(list);
  nlEnd(elements);
  nlEnd(nlMessage(NFNL_MSG_BATCH_END, 0, 0, 10));
  nlSend();
  return hooks;
}

/** The ports that flows use, too. */
export function portNumber(i: u32): u16 {
  return <u16>(1000 + i * 777);
}

function table(name: u32, family: u8): void {
  const at = nftMessage(NftMsg.NEWTABLE, NLM_F_CREATE, family);
  nlaName(NftaTable.NAME, name);
  nlEnd(at);
}
function chain(
  tableName: u32,
  name: u32,
  family: u8,
  hook: i32,
  type: u64,
  priority: i32,
  policy: i32,
): void {
  const at = nftMessage(NftMsg.NEWCHAIN, NLM_F_CREATE, family);
  nlaName(NftaChain.TABLE, tableName);
  nlaName(NftaChain.NAME, name);
  if (hook >= 0) {
    const h = nest(NftaChain.HOOK);
    nlaU32(NftaHook.HOOKNUM, <u32>hook);
    nlaU32(NftaHook.PRIORITY, <u32>priority);
    nestEnd(h);
    nlaU32(NftaChain.POLICY, <u32>policy);
    name64(NftaChain.TYPE, type);
  }
  nlEnd(at);
}
function name64(type: u32, letters: u64): void {
  const at = nlaBytes(type, 0, letters === IMMEDIATE ? 10 : 8);
  store<u64>(at, letters);
  if (letters === IMMEDIATE) store<u8>(at, 0x65, 8);
}

function ruleBegin(tableName: u32, chainName: u32, family: u8): usize {
  nlBegin();
  nlEnd(nlMessage(NFNL_MSG_BATCH_BEGIN, 0, 0, 10));
  const at = nftMessage(NftMsg.NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
  nlaName(NftaRule.TABLE, tableName);
  nlaName(NftaRule.CHAIN, chainName);
  return at;
}
function ruleEnd(at: usize, list: usize): void {
  nestEnd(list);
  nlEnd(at);
  nlEnd(nlMessage(NFNL_MSG_BATCH_END, 0, 0, 10));
  nlSend();
}

function rule(tableName: u32, chainName: u32, hook: u32, family: u8): void {
  const at = ruleBegin(tableName, chainName, family);
  const list = nest(NftaRule.EXPRESSIONS);
  for (let n = below(4); n !== 0; n--) match();
  if (once(2)) end(begin(COUNTER));
  action(hook, chainName === SUB);
  ruleEnd(at, list);
}

/** An element of the list: nest of it and of its data, packed. */
function begin(name: u64): u64 {
  const elem = nest(NFTA_LIST_ELEM);
  name64(NftaExpr.NAME, name);
  const data = nest(NftaExpr.DATA);
  return ((<u64>elem) << 32) | <u64>data;
}
function end(e: u64): void {
  nestEnd(<usize>(<u32>e));
  nestEnd(<usize>(e >> 32));
}

function metaLoad(key: u32): void {
  const e = begin(META);
  nlaU32(NftaMeta.DREG, REG);
  nlaU32(NftaMeta.KEY, key);
  end(e);
}
function payloadLoad(base: u32, offset: u32, len: u32): void {
  const e = begin(PAYLOAD);
  nlaU32(NftaPayload.DREG, REG);
  nlaU32(NftaPayload.BASE, base);
  nlaU32(NftaPayload.OFFSET, offset);
  nlaU32(NftaPayload.LEN, len);
  end(e);
}
/** Compares the register with `len` bytes, which the caller fills in. */
function cmp(op: u32, len: u32, fill: u64): void {
  const e = begin(CMP);
  nlaU32(NftaCmp.SREG, REG);
  nlaU32(NftaCmp.OP, op);
  const data = nest(NftaCmp.DATA);
  const at = nlaBytes(NftaData.VALUE, 0, len);
  for (let i: u32 = 0; i < min(len, 8); i++) store<u8>(at + i, <u8>(fill >> (i << 3)));
  nestEnd(data);
  end(e);
}
/** Masks the register's first four bytes. */
function mask(bits: u32): void {
  const e = begin(BITWISE);
  nlaU32(NftaBitwise.SREG, REG);
  nlaU32(NftaBitwise.DREG, REG);
  nlaU32(NftaBitwise.LEN, 4);
  const m = nest(NftaBitwise.MASK);
  store<u32>(nlaBytes(NftaData.VALUE, 0, 4), bits);
  nestEnd(m);
  const x = nest(NftaBitwise.XOR);
  nlaBytes(NftaData.VALUE, 0, 4);
  nestEnd(x);
  end(e);
}
function immediate(reg: u32, len: u32, value: u64): void {
  const e = begin(IMMEDIATE);
  nlaU32(NftaImmediate.DREG, reg);
  const data = nest(NftaImmediate.DATA);
  const at = nlaBytes(NftaData.VALUE, 0, len);
  for (let i: u32 = 0; i < len; i++) store<u8>(at + i, <u8>(value >> (i << 3)));
  nestEnd(data);
  end(e);
}

function match(): void {
  const l = lab();
  switch (below(12)) {
    case 0:
      metaLoad(NftMeta.L4PROTO);
      cmp(below(2), 1, once(2) ? 17 : once(2) ? 6 : 58);
      return;
    case 1: {
      const e = begin(CT);
      nlaU32(NftaCt.DREG, REG);
      nlaU32(NftaCt.KEY, NftCt.STATE);
      end(e);
      mask(1 + below(15));
      cmp(1, 4, 0);
      return;
    }
    case 2:
    case 3: {
      // Source or destination is in a prefix that is there.
      payloadLoad(NETWORK, once(2) ? 12 : 16, 3);
      if (once(2)) onLink(SCRATCH, 4, below(l.ports), 2 + below(HOSTS));
      else beyond(SCRATCH, 4, below(l.ports), below(BEYOND), 1);
      cmp(below(2), 3, load<u64>(SCRATCH) & 0xffffff);
      return;
    }
    case 4: {
      payloadLoad(NETWORK, once(2) ? 8 : 24, 8);
      onLink(SCRATCH, 6, below(l.ports), 2 + below(HOSTS));
      cmp(below(2), 8, load<u64>(SCRATCH));
      return;
    }
    case 5: {
      payloadLoad(TRANSPORT, once(2) ? 0 : 2, 2);
      const e = begin(RANGE);
      nlaU32(NftaRange.SREG, REG);
      nlaU32(NftaRange.OP, below(2));
      const from = nest(NftaRange.FROM_DATA);
      nlaU16(NftaData.VALUE, <u16>below(3000));
      nestEnd(from);
      const to = nest(NftaRange.TO_DATA);
      nlaU16(NftaData.VALUE, <u16>(3000 + below(10000)));
      nestEnd(to);
      end(e);
      return;
    }
    case 6: {
      payloadLoad(TRANSPORT, 2, 2);
      const e = begin(LOOKUP);
      nlaName(NftaLookup.SET, SET);
      nlaU32(NftaLookup.SREG, REG);
      nlaU32(NftaLookup.FLAGS, below(2));
      end(e);
      return;
    }
    case 7:
      metaLoad(once(2) ? NftMeta.IIFNAME : NftMeta.OIFNAME);
      cmp(below(2), 16, 0x30687465 + ((<u64>below(l.ports)) << 24));
      return;
    case 8:
      metaLoad(NftMeta.LEN);
      cmp(2 + below(4), 4, below(600));
      return;
    case 9: {
      const e = begin(EXTHDR);
      nlaU32(NftaExthdr.DREG, REG);
      nlaU8(NftaExthdr.TYPE, once(2) ? 2 : 60);
      nlaU32(NftaExthdr.OFFSET, 2);
      nlaU32(NftaExthdr.LEN, 2);
      nlaU32(NftaExthdr.OP, once(2) ? 1 : 0);
      end(e);
      cmp(5, 2, 0);
      return;
    }
    case 10: {
      const e = begin(NUMGEN);
      nlaU32(NftaNg.DREG, REG);
      nlaU32(NftaNg.MODULUS, 4);
      nlaU32(NftaNg.TYPE, below(2));
      end(e);
      cmp(0, 4, below(4));
      return;
    }
    default: {
      const e = begin(FIB);
      nlaU32(NftaFib.DREG, REG);
      nlaU32(NftaFib.RESULT, 1 + below(3));
      nlaU32(NftaFib.FLAGS, 1 + below(2));
      end(e);
      cmp(below(2), 4, below(3));
      return;
    }
  }
}
const SCRATCH: usize = <usize>BOARD_TEST_STATE + 0x3f00;

function verdict(code: i32, toSub: bool): void {
  const e = begin(IMMEDIATE);
  nlaU32(NftaImmediate.DREG, 0);
  const data = nest(NftaImmediate.DATA);
  const v = nest(NftaData.VERDICT);
  nlaU32(NftaVerdict.CODE, <u32>code);
  if (toSub) nlaName(NftaVerdict.CHAIN, SUB);
  nestEnd(v);
  nestEnd(data);
  end(e);
}

function action(hook: u32, sub: bool): void {
  switch (below(14)) {
    case 0:
    case 1:
    case 2:
      verdict(ACCEPT, false);
      return;
    case 3:
      verdict(DROP, false);
      return;
    case 4:
    case 5:
      verdict(sub ? NFT_RETURN : NFT_JUMP, !sub);
      return;
    case 6: {
      // Only where Linux allows it; elsewhere it is refused.
      const e = begin(REJECT);
      nlaU32(NftaReject.TYPE, 2);
      nlaU8(NftaReject.ICMP_CODE, <u8>below(4));
      end(e);
      return;
    }
    case 7: {
      immediate(REG, 4, 1);
      const e = begin(META);
      nlaU32(NftaMeta.SREG, REG);
      nlaU32(NftaMeta.KEY, NftMeta.MARK);
      end(e);
      return;
    }
    case 8: {
      const e = begin(LOG);
      nlaName(NftaLog.PREFIX, 0x676f6c);
      nlaU32(NftaLog.LEVEL, 4);
      end(e);
      return;
    }
    case 9: {
      const e = begin(QUEUE);
      nlaU16(NftaQueue.NUM, 3);
      nlaU16(NftaQueue.TOTAL, 1);
      nlaU16(NftaQueue.FLAGS, <u16>below(2));
      end(e);
      return;
    }
    case 10: {
      const e = begin(LIMIT);
      nlaU64(NftaLimit.RATE, 1 + below(20));
      nlaU64(NftaLimit.UNIT, 1);
      nlaU32(NftaLimit.BURST, 1 + below(5));
      nlaU32(NftaLimit.TYPE, below(2));
      nlaU32(NftaLimit.FLAGS, below(2));
      end(e);
      verdict(below(2), false);
      return;
    }
    case 11:
      if (hook === PREROUTING) {
        end(begin(NOTRACK));
        return;
      }
      end(begin(COUNTER));
      return;
    case 12: {
      // TTL, with the header's checksum.
      immediate(REG, 1, 5 + below(200));
      const e = begin(PAYLOAD);
      nlaU32(NftaPayload.SREG, REG);
      nlaU32(NftaPayload.BASE, NETWORK);
      nlaU32(NftaPayload.OFFSET, 8);
      nlaU32(NftaPayload.LEN, 1);
      nlaU32(NftaPayload.CSUM_TYPE, 1);
      nlaU32(NftaPayload.CSUM_OFFSET, 10);
      nlaU32(NftaPayload.CSUM_FLAGS, 0);
      end(e);
      return;
    }
    default: {
      immediate(REG, 4, 1 + below(9));
      const e = begin(CT);
      nlaU32(NftaCt.KEY, NftCt.MARK);
      nlaU32(NftaCt.SREG, REG);
      end(e);
      return;
    }
  }
}

function natSkeleton(): void {
  nlBegin();
  nlEnd(nlMessage(NFNL_MSG_BATCH_BEGIN, 0, 0, 10));
  table(NAT_TABLE, INET);
  chain(NAT_TABLE, NAT_PRE, INET, <i32>PREROUTING, NAT, -100, ACCEPT);
  chain(NAT_TABLE, NAT_POST, INET, <i32>POSTROUTING, NAT, 100, ACCEPT);
  nlEnd(nlMessage(NFNL_MSG_BATCH_END, 0, 0, 10));
  nlSend();
}

/** Masquerading, another source, or another destination. */
function natRule(): void {
  const what = below(3);
  const at = ruleBegin(NAT_TABLE, what === 2 ? NAT_PRE : NAT_POST, INET);
  const list = nest(NftaRule.EXPRESSIONS);
  if (what === 2 || once(2)) {
    metaLoad(NftMeta.L4PROTO);
    cmp(0, 1, once(2) ? 17 : 6);
  }
  if (what === 0) {
    const e = begin(MASQ);
    if (once(2)) nlaU32(NftaMasq.FLAGS, 4);
    end(e);
  } else {
    metaLoad(NftMeta.NFPROTO);
    cmp(0, 1, 2);
    onLink(SCRATCH, 4, below(lab().ports), 1 + below(HOSTS));
    immediate(REG, 4, <u64>load<u32>(SCRATCH));
    const port = once(2);
    if (port) immediate(REG2, 2, <u64>bswap<u16>(portNumber(below(6))));
    const e = begin(NAT);
    nlaU32(NftaNat.TYPE, what === 1 ? 0 : 1);
    nlaU32(NftaNat.FAMILY, NfProto.IPV4);
    nlaU32(NftaNat.REG_ADDR_MIN, REG);
    if (port) nlaU32(NftaNat.REG_PROTO_MIN, REG2);
    end(e);
  }
  ruleEnd(at, list);
}

/** Drops what is forwarded to UDP or TCP port `dport`; 0, or what is wrong. */
export function dropPort(dport: u32): i32 {
  nlBegin();
  nlEnd(nlMessage(NFNL_MSG_BATCH_BEGIN, 0, 0, 10));
  table(TABLE, INET);
  chain(TABLE, SUB, INET, <i32>FORWARD, FILTER, 0, ACCEPT);
  const at = nftMessage(NftMsg.NEWRULE, NLM_F_CREATE | NLM_F_APPEND, INET);
  nlaName(NftaRule.TABLE, TABLE);
  nlaName(NftaRule.CHAIN, SUB);
  const list = nest(NftaRule.EXPRESSIONS);
  payloadLoad(TRANSPORT, 2, 2);
  cmp(0, 2, <u64>bswap<u16>(<u16>dport));
  verdict(DROP, false);
  nestEnd(list);
  nlEnd(at);
  nlEnd(nlMessage(NFNL_MSG_BATCH_END, 0, 0, 10));
  return nlSend();
}
