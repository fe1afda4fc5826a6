/**
 * Policy rules: which table a packet's route is looked up in. Linux: net/core/fib_rules.c, `ip rule`.
 *
 *   0: lookup local ─► 1000: l3mdev ─► ... ─► 32766: lookup main ─► 32767: lookup default (IPv4)
 *
 * A namespace begins with the rules for local, main and default, and as long as there are no others no packet is asked
 * of them (route/fib_table). At most FIB_RULES_MAX rules per family; one more is refused with ENOBUFS.
 */
import { l3mdevTable } from '../dev/l3mdev';
import { NetDevice, devGetByName } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { AF_INET, Net } from '../net/net';
import { Errno } from '../net/errno';
import { Fib, FibNet, FibNh, RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN } from './fib';
import {
  FLOW_F_HAS_SADDR,
  FibFlow,
  TOS_MASK,
  fibFlowPlen,
  fibLookupPlain,
  fibTableLookup,
  flowDaddrPtr,
  flowSaddrPtr,
} from './fib_lookup';
import { fibGetTable, fibNet, fibUnmerge } from './fib_table';

export const FIB_RULES_MAX: u32 = 4096;

// Linux: include/uapi/linux/fib_rules.h
export enum FrAct {
  UNSPEC = 0,
  TO_TBL = 1,
  GOTO = 2,
  NOP = 3,
  BLACKHOLE = 6,
  UNREACHABLE = 7,
  PROHIBIT = 8,
}
export const FIB_RULE_INVERT: u32 = 0x2;
export const FIB_RULE_UNRESOLVED: u32 = 0x4;
export const FIB_RULE_IIF_DETACHED: u32 = 0x8;
export const FIB_RULE_OIF_DETACHED: u32 = 0x10;

/** From `action` to `end` it is what RULE_NEW says: two rules equal there are the same (but for what follows from it). */
@unmanaged
@final
export class FibRule {
  next: usize;
  /** FibRule that GOTO leads to, 0: there is none of that priority. */
  target: usize;
  /** ifindex of iifName and oifName, 0: no such device now. */
  iif: i32;
  oif: i32;
  /** FIB_RULE_* */
  flags: u32;
  pref: u32;
  // content
  table: u32;
  gotoPref: u32;
  mark: u32;
  markMask: u32;
  uidStart: u32;
  uidEnd: u32;
  /** -1: no suppressing. */
  suppressPrefixlen: i32;
  suppressIfgroup: i32;
  sportStart: u16;
  sportEnd: u16;
  dportStart: u16;
  dportEnd: u16;
  /** FrAct */
  action: u8;
  srcLen: u8;
  dstLen: u8;
  tos: u8;
  ipproto: u8;
  l3mdev: u8;
  protocol: u8;
  hasUid: u8;
  src0: u64;
  src1: u64;
  dst0: u64;
  dst1: u64;
  iifName0: u64;
  iifName1: u64;
  oifName0: u64;
  oifName1: u64;
}
export const FIB_RULE_BYTES: u32 = offsetof<FibRule>();
const CONTENT: usize = offsetof<FibRule>('table');

/** The rules that a namespace begins with. False when memory ran out. */
export function fibRulesInit(net: Net, family: u32): bool {
  const fn = fibNet(net, family);
  return (
    addDefault(fn, 0, RT_TABLE_LOCAL) &&
    addDefault(fn, 32766, RT_TABLE_MAIN) &&
    (family !== AF_INET || addDefault(fn, 32767, RT_TABLE_DEFAULT))
  );
}

export function fibRulesExit(net: Net, family: u32): void {
  const fn = fibNet(net, family);
  let at = fn.rules;
  while (at !== 0) {
    const next = changetype<FibRule>(at).next;
    kfree(at);
    at = next;
  }
  fn.rules = 0;
}

function addDefault(fn: FibNet, pref: u32, table: u32): bool {
  const p = kzalloc(FIB_RULE_BYTES);
  if (p === 0) return false;
  const rule = fibRuleBlank(p);
  rule.pref = pref;
  rule.table = table;
  rule.protocol = 2;
  insert(fn, rule);
  return true;
}

/** What a rule is that nothing has been said of: all packets, table as given. */
export function fibRuleBlank(p: usize): FibRule {
  memory.fill(p, 0, FIB_RULE_BYTES);
  const rule = changetype<FibRule>(p);
  rule.action = <u8>FrAct.TO_TBL;
  rule.suppressPrefixlen = -1;
  rule.suppressIfgroup = -1;
  return rule;
}

/** Behind all rules of the same priority. */
function insert(fn: FibNet, rule: FibRule): void {
  let slot = changetype<usize>(fn) + offsetof<FibNet>('rules');
  while (load<u32>(slot) !== 0 && changetype<FibRule>(load<u32>(slot)).pref <= rule.pref) {
    slot = load<u32>(slot) + offsetof<FibRule>('next');
  }
  rule.next = load<u32>(slot);
  store<u32>(slot, changetype<usize>(rule));
  fn.ruleCount++;
}

/** The priority of a rule that names none: in front of the second one. Linux: fib_default_rule_pref. */
export function fibRuleDefaultPref(fn: FibNet): u32 {
  if (fn.rules === 0) return 0;
  const second = changetype<FibRule>(fn.rules).next;
  if (second === 0) return 0;
  const pref = changetype<FibRule>(second).pref;
  return pref === 0 ? 0 : pref - 1;
}

function sameContent(a: FibRule, b: FibRule): bool {
  if (((a.flags ^ b.flags) & FIB_RULE_INVERT) !== 0) return false;
  const length = FIB_RULE_BYTES - CONTENT;
  return memory.compare(changetype<usize>(a) + CONTENT, changetype<usize>(b) + CONTENT, length) === 0;
}

/** Adds a copy of `draft` (its pref set). 0, -EEXIST for the same rule once more, -ENOBUFS, -ENOMEM. */
export function fibRuleAdd(net: Net, family: u32, draft: FibRule, exclusive: bool): i32 {
  const fn = fibNet(net, family);
  if (exclusive) {
    for (let at = fn.rules; at !== 0; at = changetype<FibRule>(at).next) {
      const have = changetype<FibRule>(at);
      if (have.pref === draft.pref && sameContent(have, draft)) return -Errno.EEXIST;
    }
  }
  if (fn.ruleCount >= FIB_RULES_MAX) return -Errno.ENOBUFS;
  const p = kzalloc(FIB_RULE_BYTES);
  if (p === 0) return -Errno.ENOMEM;
  if (!fibUnmerge(fn)) {
    kfree(p);
    return -Errno.ENOMEM;
  }
  memory.copy(p, changetype<usize>(draft), FIB_RULE_BYTES);
  const rule = changetype<FibRule>(p);
  insert(fn, rule);
  resolve(net, fn);
  return 0;
}

/** Takes the rule out and frees it. */
export function fibRuleRemove(net: Net, family: u32, rule: FibRule): void {
  const fn = fibNet(net, family);
  // The three that every namespace begins with are no fewer: from now on the rules are one's own. Without memory to
  // part the tables everything stays as it is looked up today.
  fibUnmerge(fn);
  let slot = changetype<usize>(fn) + offsetof<FibNet>('rules');
  const p = changetype<usize>(rule);
  while (load<u32>(slot) !== p) slot = load<u32>(slot) + offsetof<FibRule>('next');
  store<u32>(slot, rule.next);
  fn.ruleCount--;
  kfree(p);
  resolve(net, fn);
}

/** Devices by name and targets by priority, anew for every rule: after a change of either. */
function resolve(net: Net, fn: FibNet): void {
  fn.genId++;
  root().pathGen++;
  for (let at = fn.rules; at !== 0; at = changetype<FibRule>(at).next) {
    const rule = changetype<FibRule>(at);
    rule.iif = indexOf(net, at + offsetof<FibRule>('iifName0'));
    rule.oif = indexOf(net, at + offsetof<FibRule>('oifName0'));
    setFlag(rule, FIB_RULE_IIF_DETACHED, rule.iifName0 !== 0 && rule.iif === 0);
    setFlag(rule, FIB_RULE_OIF_DETACHED, rule.oifName0 !== 0 && rule.oif === 0);
    if (rule.action !== <u8>FrAct.GOTO) continue;
    rule.target = 0;
    for (let to = rule.next; to !== 0; to = changetype<FibRule>(to).next) {
      if (changetype<FibRule>(to).pref !== rule.gotoPref) continue;
      rule.target = to;
      break;
    }
    setFlag(rule, FIB_RULE_UNRESOLVED, rule.target === 0);
  }
}

function setFlag(rule: FibRule, flag: u32, on: bool): void {
  if (on) rule.flags |= flag;
  else rule.flags &= ~flag;
}

function indexOf(net: Net, name: usize): i32 {
  if (load<u64>(name) === 0) return 0;
  const dev = devGetByName(net, name);
  return dev === null ? 0 : dev.ifindex;
}

/** A device came, went or was renamed. Linux: fib_rules_event. */
export function fibRulesDevEvent(net: Net, family: u32, dev: NetDevice, gone: bool): void {
  const fn = fibNet(net, family);
  if (fn.custom === 0) return;
  resolve(net, fn);
  if (!gone) return;
  for (let at = fn.rules; at !== 0; at = changetype<FibRule>(at).next) {
    const rule = changetype<FibRule>(at);
    if (rule.iif === dev.ifindex) {
      rule.iif = 0;
      rule.flags |= FIB_RULE_IIF_DETACHED;
    }
    if (rule.oif === dev.ifindex) {
      rule.oif = 0;
      rule.flags |= FIB_RULE_OIF_DETACHED;
    }
  }
}

/** The first `plen` bits of both addresses (16 bytes) are the same. */
function prefixMatches(a: usize, b: usize, plen: u32): bool {
  const bytes = plen >> 3;
  if (bytes !== 0 && memory.compare(a, b, bytes) !== 0) return false;
  const rest = plen & 7;
  return rest === 0 || ((load<u8>(a + bytes) ^ load<u8>(b + bytes)) & <u8>(0xff00 >> rest)) === 0;
}

/** Linux: fib_rule_match, fib4_rule_match, fib6_rule_match, without inversion. */
function selects(rule: FibRule, fl: FibFlow): bool {
  if (rule.iifName0 !== 0 && (rule.iif === 0 || (rule.iif !== fl.iif && rule.iif !== fl.l3mdev)))
    return false;
  if (rule.oifName0 !== 0 && (rule.oif === 0 || (rule.oif !== fl.oif && rule.oif !== fl.l3mdev)))
    return false;
  if (((rule.mark ^ fl.mark) & rule.markMask) !== 0) return false;
  if (rule.l3mdev !== 0 && fl.l3mdev === 0) return false;
  if (rule.hasUid !== 0 && (fl.uid < rule.uidStart || fl.uid > rule.uidEnd)) return false;
  const p = changetype<usize>(rule);
  if (rule.dstLen !== 0 && !prefixMatches(p + offsetof<FibRule>('dst0'), flowDaddrPtr(fl), rule.dstLen))
    return false;
  if (rule.srcLen !== 0) {
    if (fl.family !== AF_INET && (fl.flags & FLOW_F_HAS_SADDR) === 0) return false;
    if (!prefixMatches(p + offsetof<FibRule>('src0'), flowSaddrPtr(fl), rule.srcLen)) return false;
  }
  if (rule.tos !== 0) {
    const tos = fl.family === AF_INET ? fl.tos & TOS_MASK : fl.tos & 0xfc;
    if (tos !== rule.tos) return false;
  }
  if (rule.ipproto !== 0 && rule.ipproto !== fl.proto) return false;
  if (rule.sportEnd !== 0 && (fl.sport < rule.sportStart || fl.sport > rule.sportEnd)) return false;
  return rule.dportEnd === 0 || (fl.dport >= rule.dportStart && fl.dport <= rule.dportEnd);
}

/** The first rule from `at` on that is for this flow and says something, or null; goto is followed. */
export function fibRuleMatch(at: usize, fl: FibFlow): FibRule | null {
  while (at !== 0) {
    const rule = changetype<FibRule>(at);
    at = rule.next;
    if (selects(rule, fl) === ((rule.flags & FIB_RULE_INVERT) !== 0)) continue;
    if (rule.action === <u8>FrAct.NOP) continue;
    if (rule.action !== <u8>FrAct.GOTO) return rule;
    if (rule.target !== 0) at = rule.target;
  }
  return null;
}

/** What a rule answers that names no table. */
export function fibRuleError(rule: FibRule): i32 {
  if (rule.action === <u8>FrAct.UNREACHABLE) return -Errno.ENETUNREACH;
  if (rule.action === <u8>FrAct.PROHIBIT) return -Errno.EACCES;
  return -Errno.EINVAL;
}

/** The table that a rule leads this flow to; null: there is none of that number. */
export function fibRuleTable(net: Net, rule: FibRule, fl: FibFlow): Fib | null {
  let id = rule.table;
  if (rule.l3mdev !== 0) {
    id = l3mdevTable(net, fl.l3mdev);
    if (id === 0) return null;
  }
  return fibGetTable(fibNet(net, fl.family), id);
}

/** Linux: fib4_rule_suppress: the route found is not good enough for this rule. */
export function fibRuleSuppress(rule: FibRule, fl: FibFlow): bool {
  if (rule.suppressPrefixlen >= 0 && fibFlowPlen(fl) <= rule.suppressPrefixlen) return true;
  if (rule.suppressIfgroup < 0 || fl.nh === 0) return false;
  const dev = changetype<FibNh>(fl.nh).dev;
  return dev !== 0 && changetype<NetDevice>(dev).group === <u32>rule.suppressIfgroup;
}

/** Where the flow goes. 0 with fl.info and fl.nh, or a negative errno; -ENETUNREACH when nobody knows. */
export function fibFlowLookup(net: Net, fl: FibFlow): i32 {
  const fn: FibNet = fibNet(net, fl.family);
  if (fn.custom === 0) return fibLookupPlain(net, fl);
  let rule = fibRuleMatch(fn.rules, fl);
  while (rule !== null) {
    let err = -Errno.EAGAIN;
    if (rule.action !== <u8>FrAct.TO_TBL) {
      fl.info = 0;
      fl.nh = 0;
      err = fibRuleError(rule);
    } else {
      const table = fibRuleTable(net, rule, fl);
      if (table !== null) err = fibTableLookup(table, fl);
      if (err === 0 && fibRuleSuppress(rule, fl)) err = -Errno.EAGAIN;
    }
    if (err !== -Errno.EAGAIN) return err;
    rule = fibRuleMatch(rule.next, fl);
  }
  fl.info = 0;
  return -Errno.ENETUNREACH;
}
