/**
 * A block of the oracle: from one seed a router and its traffic, and everything that came of it in the log: every
 * frame sent, events, deliveries, counters, drops by reason, neighbours, connections, rules with their counters.
 */
import {
  BOARD_TEST_BLOCK_FRAMES,
  BOARD_TEST_RESULT,
  BoardTestKind,
  BoardTestResult,
} from '../abi/board_test';
import { SkbDropReason } from '../abi/drop_reason';
import { Status } from '../abi/layout';
import { CtStatsRec } from '../abi/nf_conntrack';
import { CtMsg } from '../abi/nf_conntrack_netlink';
import { NftMsg } from '../abi/nf_tables';
import { NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_NFTABLES, NfnlRec, NLM_F_DUMP } from '../abi/nfnl';
import { Dump, LinkStatsRec, MibRec, Msg, MsgType, NeighRec } from '../abi/request';
import { Mib } from '../abi/snmp';
import { configureRandom, coreEmpty } from './configure';
import { status } from './core';
import { below, lab, labClear, once, portAt } from './lab';
import { logRecord } from './log';
import { msg, send } from './message';
import { nlBegin, nlEnd, nlMessage, nlSend } from './nlmsg';
import { pass, turn } from './ports';
import { flowsRandom, frames } from './traffic';

const US: u64 = 1000;
const MS: u64 = 1000000;
const SECOND: u64 = 1000000000;
const CALLS_MAX: u32 = 200;

/** Runs block `seedLo`, `seedHi`; bytes of the log from `from` on go to its window. 0, or init()'s error. */
export function block(seedLo: u32, seedHi: u32, from: u32): i32 {
  labClear();
  const l = lab();
  l.rng = (((<u64>seedHi) << 32) | <u64>seedLo) * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019;
  if (l.rng === 0) l.rng = 1;
  l.from = from;
  const small = once(4);
  const err = coreEmpty(seedLo, small);
  if (err !== 0) return err;
  configureRandom(small);
  flowsRandom();
  for (let n: u32 = 0; n < CALLS_MAX && l.framesIn < BOARD_TEST_BLOCK_FRAMES; n++) {
    for (let k = below(8); ; k--) {
      frames();
      if (k === 0) break;
    }
    turn(<u64>below(2000) * US);
    if (once(10)) pass(<u64>below(1500) * MS);
  }
  pass(SECOND * (1 + <u64>below(40)));
  summary();
  return 0;
}

function summary(): void {
  const l = lab();
  const at = BOARD_TEST_RESULT;
  memory.fill(at, 0, BoardTestResult.SIZE);
  mib();
  let drops: u32 = 0;
  const counts = load<u32>(status(), Status.DROP_COUNTS);
  for (let i: u32 = 0; i < <u32>SkbDropReason.MAX; i++) drops += load<u32>(counts + (i << 3));
  logRecord(BoardTestKind.DROPS, 0, 0, counts, (<u32>SkbDropReason.MAX) << 3);
  for (let i: u32 = 0; i < l.ports; i++) linkStats(i);
  neighbours();
  if (netfilterDump((NFNL_SUBSYS_CTNETLINK << 8) | CtMsg.GET, 0) < 0) l.refused++;
  netfilterDump((NFNL_SUBSYS_NFTABLES << 8) | NftMsg.GETRULE, 1);
  // The memory that is left, as well: a leak of one would be a difference of none.
  logRecord(BoardTestKind.STATS, 1000, 0, status() + Status.PAGES_FREE, 32);
  store<u32>(at, drops, BoardTestResult.DROPS);
  store<u64>(at, l.hash, BoardTestResult.HASH);
  store<u32>(at, l.logBytes, BoardTestResult.LOG_BYTES);
  store<u32>(at, l.from, BoardTestResult.FROM);
  store<u32>(at, l.framesIn, BoardTestResult.FRAMES_IN);
  store<u32>(at, l.framesOut, BoardTestResult.FRAMES_OUT);
  store<u32>(at, l.lost, BoardTestResult.LOST);
  store<u32>(at, l.deliveries, BoardTestResult.DELIVERIES);
  store<u32>(at, l.refused, BoardTestResult.REFUSED);
}

function mib(): void {
  const bytes = (<u32>Mib.MAX) << 3;
  const body = msg(MsgType.MIB_GET, MibRec.VALUES + bytes);
  store<u32>(body, lab().net, MibRec.NET);
  send();
  logRecord(BoardTestKind.MIB, 0, 0, body + MibRec.VALUES, bytes);
  const forwarded =
    load<u32>(body + MibRec.VALUES, (<u32>Mib.IpForwDatagrams) << 3) +
    load<u32>(body + MibRec.VALUES, (<u32>Mib.Ip6OutForwDatagrams) << 3);
  store<u32>(BOARD_TEST_RESULT, forwarded, BoardTestResult.FORWARDED);
  const stats = msg(MsgType.CT_STATS, CtStatsRec.SIZE);
  store<u32>(stats, lab().net, CtStatsRec.NET);
  send();
  logRecord(BoardTestKind.STATS, 1001, 0, stats, CtStatsRec.SIZE);
}

function linkStats(i: u32): void {
  const bytes = <u32>LinkStatsRec.DROPS + ((<u32>SkbDropReason.MAX) << 3);
  const body = msg(MsgType.LINK_STATS, bytes);
  store<u32>(body, lab().net, LinkStatsRec.NET);
  store<i32>(body, portAt(i).ifindex, LinkStatsRec.IFINDEX);
  send();
  logRecord(BoardTestKind.STATS, i, 0, body, bytes);
}

function neighbours(): void {
  const body = msg(MsgType.NEIGH_DUMP, <u32>Dump.RECORDS + 64 * <u32>NeighRec.SIZE);
  store<u32>(body, lab().net, Dump.NET);
  for (let n: u32 = 0; n < 8; n++) {
    send();
    const count = load<u32>(body, Dump.COUNT);
    logRecord(BoardTestKind.DUMP, MsgType.NEIGH_DUMP, count, body + Dump.RECORDS, count * <u32>NeighRec.SIZE);
    if (count === 0) break;
  }
}

/** Every answer to a dump; the connections among them are counted. */
function netfilterDump(type: u32, family: u8): i32 {
  const l = lab();
  nlBegin();
  const body = l.requestArea + Msg.BODY;
  nlEnd(nlMessage(type, NLM_F_DUMP, family, 0));
  const question = <u32>(l.nl - body) - NfnlRec.DATA;
  let connections: u32 = 0;
  let cursor0: u64 = 0;
  let cursor1: u64 = 0;
  for (let n: u32 = 0; n < 16; n++) {
    if (n !== 0) {
      nlBegin();
      nlEnd(nlMessage(type, NLM_F_DUMP, family, 0));
      store<u64>(body, cursor0, NfnlRec.CURSOR);
      store<u64>(body, cursor1, NfnlRec.CURSOR + 8);
    }
    const err = nlSend();
    if (err !== 0) return err;
    const bytes = load<u32>(body, NfnlRec.OUT_BYTES);
    logRecord(BoardTestKind.DUMP, type, question, body + NfnlRec.DATA, bytes);
    if (bytes === 0) break;
    cursor0 = load<u64>(body, NfnlRec.CURSOR);
    cursor1 = load<u64>(body, NfnlRec.CURSOR + 8);
    for (let at: u32 = 0; at + 16 <= bytes; ) {
      const len = load<u32>(body + NfnlRec.DATA + at);
      if (len < 16) break;
      connections++;
      at += (len + 3) & ~3;
    }
  }
  if (type >> 8 === NFNL_SUBSYS_CTNETLINK)
    store<u32>(BOARD_TEST_RESULT, connections, BoardTestResult.CONNECTIONS);
  return 0;
}
