/** RULE_*: policy rules. Linux: net/core/fib_rules.c, fib_nl_newrule and fib_nl_delrule; `ip rule`. */
import { EventType } from '../abi/event';
import { Dump, MsgType, RuleRec } from '../abi/request';
import { eventEmit } from '../dev/event';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import {
  FIB_RULE_INVERT,
  FibRule,
  FrAct,
  fibRuleAdd,
  fibRuleBlank,
  fibRuleDefaultPref,
  fibRuleRemove,
} from '../route/fib_rules';
import { fibNet } from '../route/fib_table';

const ANY: u32 = 0xffffffff;

export function requestRule(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.RULE_DUMP) return ruleDump(body, len);
  if (len < <u32>RuleRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, RuleRec.NET));
  if (net === null) return -Errno.ENOENT;
  const family = <u32>load<u8>(body, RuleRec.FAMILY);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  const rule = fibRuleBlank(scratch(Scratch.RTNL_RULE));
  const err = read(family, body, rule);
  if (err !== 0) return err;
  if (type === <u32>MsgType.RULE_NEW) return ruleNew(net, family, body, rule);
  return ruleDel(net, family, body, rule);
}

/** The rule that the record says, but for its priority. */
function read(family: u32, body: usize, rule: FibRule): i32 {
  const bits: u8 = family === AF_INET ? 32 : 128;
  rule.action = load<u8>(body, RuleRec.ACTION);
  rule.srcLen = load<u8>(body, RuleRec.SRC_LEN);
  rule.dstLen = load<u8>(body, RuleRec.DST_LEN);
  if (rule.srcLen > bits || rule.dstLen > bits) return -Errno.EINVAL;
  rule.tos = load<u8>(body, RuleRec.TOS);
  // "Invalid dsfield (tos)": no ECN bits; IPv4 does not look at the upper three of DSCP.
  if ((rule.tos & (family === AF_INET ? <u8>~0x1c : <u8>3)) !== 0) return -Errno.EINVAL;
  rule.ipproto = load<u8>(body, RuleRec.IPPROTO);
  rule.l3mdev = load<u8>(body, RuleRec.L3MDEV);
  rule.protocol = load<u8>(body, RuleRec.PROTOCOL);
  rule.flags = load<u32>(body, RuleRec.FLAGS) & FIB_RULE_INVERT;
  rule.table = load<u32>(body, RuleRec.TABLE);
  rule.gotoPref = load<u32>(body, RuleRec.GOTO);
  rule.mark = load<u32>(body, RuleRec.FWMARK);
  rule.markMask = load<u32>(body, RuleRec.FWMASK);
  // "compatibility: if the mark value is non-zero all bits are compared unless a mask is explicitly specified."
  if (rule.mark !== 0 && rule.markMask === 0) rule.markMask = 0xffffffff;
  rule.suppressPrefixlen = load<i32>(body, RuleRec.SUPPRESS_PREFIXLEN);
  rule.suppressIfgroup = load<i32>(body, RuleRec.SUPPRESS_IFGROUP);
  rule.hasUid = load<u32>(body, RuleRec.HAS_UID) !== 0 ? 1 : 0;
  rule.uidStart = load<u32>(body, RuleRec.UID_START);
  rule.uidEnd = load<u32>(body, RuleRec.UID_END);
  if (rule.hasUid !== 0 && rule.uidStart > rule.uidEnd) return -Errno.EINVAL;
  const p = changetype<usize>(rule);
  memory.copy(p + offsetof<FibRule>('sportStart'), body + RuleRec.SPORT_START, 8);
  if (rule.sportStart > rule.sportEnd || rule.dportStart > rule.dportEnd) return -Errno.EINVAL;
  memory.copy(p + offsetof<FibRule>('src0'), body + RuleRec.SRC, 32);
  memory.copy(p + offsetof<FibRule>('iifName0'), body + RuleRec.IIF, 32);
  if (rule.action < <u8>FrAct.TO_TBL || rule.action > <u8>FrAct.PROHIBIT) return -Errno.EINVAL;
  return 0;
}

function ruleNew(net: Net, family: u32, body: usize, rule: FibRule): i32 {
  // A mask without prefix says nothing: such addresses are not kept.
  if (rule.srcLen === 0) memory.fill(changetype<usize>(rule) + offsetof<FibRule>('src0'), 0, 16);
  if (rule.dstLen === 0) memory.fill(changetype<usize>(rule) + offsetof<FibRule>('dst0'), 0, 16);
  const pref = load<u32>(body, RuleRec.PRIORITY);
  rule.pref = pref === ANY ? fibRuleDefaultPref(fibNet(net, family)) : pref;
  if (rule.action === <u8>FrAct.GOTO) {
    // "Backward goto not supported"
    if (rule.gotoPref <= rule.pref) return -Errno.EINVAL;
  }
  // The table of an l3mdev rule is that of the VRF: the two exclude each other.
  if (rule.l3mdev !== 0 && (rule.table !== 0 || rule.action !== <u8>FrAct.TO_TBL)) return -Errno.EINVAL;
  if (rule.action === <u8>FrAct.TO_TBL && rule.l3mdev === 0 && rule.table === 0) return -Errno.EINVAL;
  const err = fibRuleAdd(net, family, rule, true);
  if (err !== 0) return err;
  store<u32>(body, rule.pref, RuleRec.PRIORITY);
  emit(net, family, rule, false);
  return 0;
}

function emit(net: Net, family: u32, rule: FibRule, removed: bool): void {
  const addr = scratch(Scratch.RTNL_RULE_EVENT);
  memory.fill(addr, 0, 16);
  store<u32>(addr, rule.table);
  eventEmit(EventType.RULE, family, net, 0, (rule.pref << 1) | <u32>removed, addr);
}

/** The first rule that agrees with all that the record names. Linux: rule_find. */
function ruleDel(net: Net, family: u32, body: usize, want: FibRule): i32 {
  const pref = load<u32>(body, RuleRec.PRIORITY);
  for (let at = fibNet(net, family).rules; at !== 0; at = changetype<FibRule>(at).next) {
    const rule = changetype<FibRule>(at);
    if (pref !== ANY && rule.pref !== pref) continue;
    if (!agrees(rule, want)) continue;
    emit(net, family, rule, true);
    fibRuleRemove(net, family, rule);
    return 0;
  }
  return -Errno.ENOENT;
}

function agrees(rule: FibRule, want: FibRule): bool {
  if (rule.action !== want.action) return false;
  if (want.table !== 0 && rule.table !== want.table) return false;
  if (want.gotoPref !== 0 && rule.gotoPref !== want.gotoPref) return false;
  if (
    want.srcLen !== 0 &&
    (rule.srcLen !== want.srcLen || rule.src0 !== want.src0 || rule.src1 !== want.src1)
  )
    return false;
  if (
    want.dstLen !== 0 &&
    (rule.dstLen !== want.dstLen || rule.dst0 !== want.dst0 || rule.dst1 !== want.dst1)
  )
    return false;
  if (want.tos !== 0 && rule.tos !== want.tos) return false;
  if (want.ipproto !== 0 && rule.ipproto !== want.ipproto) return false;
  if (want.protocol !== 0 && rule.protocol !== want.protocol) return false;
  if (want.l3mdev !== 0 && rule.l3mdev === 0) return false;
  if (want.mark !== 0 && rule.mark !== want.mark) return false;
  if (want.markMask !== 0 && rule.markMask !== want.markMask) return false;
  if (want.suppressPrefixlen !== -1 && rule.suppressPrefixlen !== want.suppressPrefixlen) return false;
  if (want.suppressIfgroup !== -1 && rule.suppressIfgroup !== want.suppressIfgroup) return false;
  if (want.hasUid !== 0 && (rule.uidStart !== want.uidStart || rule.uidEnd !== want.uidEnd)) return false;
  if (want.sportEnd !== 0 && (rule.sportStart !== want.sportStart || rule.sportEnd !== want.sportEnd))
    return false;
  if (want.dportEnd !== 0 && (rule.dportStart !== want.dportStart || rule.dportEnd !== want.dportEnd))
    return false;
  if (want.iifName0 !== 0 && (rule.iifName0 !== want.iifName0 || rule.iifName1 !== want.iifName1))
    return false;
  if (want.oifName0 !== 0 && (rule.oifName0 !== want.oifName0 || rule.oifName1 !== want.oifName1))
    return false;
  return ((rule.flags ^ want.flags) & FIB_RULE_INVERT) === 0;
}

/** CURSOR: [0] family, [1] number of rules told. */
function ruleDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const only = load<u32>(body, Dump.FAMILY);
  const cursor = body + Dump.CURSOR;
  const room = (len - <u32>Dump.RECORDS) / <u32>RuleRec.SIZE;
  if (load<u32>(cursor) === 0) store<u32>(cursor, only === AF_INET6 ? AF_INET6 : AF_INET);
  let n = dumpFamily(net, cursor, body, room);
  if (n === 0 && only === 0 && load<u32>(cursor) === AF_INET) {
    store<u32>(cursor, AF_INET6);
    store<u32>(cursor, 0, 4);
    n = dumpFamily(net, cursor, body, room);
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function dumpFamily(net: Net, cursor: usize, body: usize, room: u32): u32 {
  const family = load<u32>(cursor);
  let at = fibNet(net, family).rules;
  for (let skip = load<u32>(cursor, 4); skip !== 0 && at !== 0; skip--) at = changetype<FibRule>(at).next;
  let n: u32 = 0;
  while (at !== 0 && n < room) {
    fill(net, family, changetype<FibRule>(at), body + Dump.RECORDS + n * <u32>RuleRec.SIZE);
    at = changetype<FibRule>(at).next;
    n++;
  }
  store<u32>(cursor, load<u32>(cursor, 4) + n, 4);
  return n;
}

function fill(net: Net, family: u32, rule: FibRule, rec: usize): void {
  const p = changetype<usize>(rule);
  store<u32>(rec, net.handle, RuleRec.NET);
  store<u8>(rec, <u8>family, RuleRec.FAMILY);
  store<u8>(rec, rule.action, RuleRec.ACTION);
  store<u8>(rec, rule.srcLen, RuleRec.SRC_LEN);
  store<u8>(rec, rule.dstLen, RuleRec.DST_LEN);
  store<u8>(rec, rule.tos, RuleRec.TOS);
  store<u8>(rec, rule.ipproto, RuleRec.IPPROTO);
  store<u8>(rec, rule.l3mdev, RuleRec.L3MDEV);
  store<u8>(rec, rule.protocol, RuleRec.PROTOCOL);
  store<u32>(rec, rule.flags, RuleRec.FLAGS);
  store<u32>(rec, rule.pref, RuleRec.PRIORITY);
  store<u32>(rec, rule.table, RuleRec.TABLE);
  store<u32>(rec, rule.gotoPref, RuleRec.GOTO);
  store<u32>(rec, rule.mark, RuleRec.FWMARK);
  store<u32>(rec, rule.markMask, RuleRec.FWMASK);
  store<i32>(rec, rule.suppressPrefixlen, RuleRec.SUPPRESS_PREFIXLEN);
  store<i32>(rec, rule.suppressIfgroup, RuleRec.SUPPRESS_IFGROUP);
  store<u32>(rec, rule.uidStart, RuleRec.UID_START);
  store<u32>(rec, rule.uidEnd, RuleRec.UID_END);
  store<u32>(rec, rule.hasUid, RuleRec.HAS_UID);
  memory.copy(rec + RuleRec.SPORT_START, p + offsetof<FibRule>('sportStart'), 8);
  memory.copy(rec + RuleRec.SRC, p + offsetof<FibRule>('src0'), 32);
  memory.copy(rec + RuleRec.IIF, p + offsetof<FibRule>('iifName0'), 32);
}
