/**
 * The next-hop objects of a namespace: made, replaced, ended, and what that means for the routes that name them.
 * Linux: net/ipv4/nexthop.c. A resilient group (Documentation/networking/nexthop-group-resilient.rst) has buckets:
 *
 *   hash % buckets ─► NhBucket ─► member          a change of members moves only as many buckets as it must, and of
 *                                                 those that live only idle ones, until unbalanced_timer is over
 *
 * At most NH_OBJECTS_MAX objects a namespace; one more is refused with ENOBUFS.
 */
import { Op } from '../abi/ops';
import { EventType } from '../abi/event';
import { eventEmit } from '../dev/event';
import { NetDevice } from '../dev/net_device';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net } from '../net/net';
import {
  FIB_NH_BYTES,
  FibInfo,
  RTNH_F_LINKDOWN,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RtType,
  fibDraft,
  fibInfoRehash,
  fibNh,
  fibNhsOwned,
  nhForgetNeigh,
} from './fib';
import { fibFlushDead } from './fib_dev';
import { fibRebalance } from './fib_select';
import { fibNet } from './fib_table';
import { NH_BUCKET_BYTES, NH_ENTRY_BYTES, NhBucket, NhEntry, NhObject, NhRes } from './nh_object';

export const NH_OBJECTS_MAX: u32 = 65536;
export const NH_BUCKETS_MAX: u32 = 65535;
const NH_SCRIPT_NONE: u32 = 0xffffffff;

export function nexthopOpsInit(): void {
  opSet(Op.TIMER_NH_RES, upkeepHandler.index);
}

export function nhFind(net: Net, id: u32): NhObject | null {
  let at = net.nexthops;
  while (at !== 0 && changetype<NhObject>(at).id < id) at = changetype<NhObject>(at).next;
  return at !== 0 && changetype<NhObject>(at).id === id ? changetype<NhObject>(at) : null;
}

export function nhEntry(group: NhObject, i: u32): NhEntry {
  return changetype<NhEntry>(group.entries + i * NH_ENTRY_BYTES);
}

/** The lowest id that is free. */
export function nhFreeId(net: Net): u32 {
  let id: u32 = 1;
  for (
    let at = net.nexthops;
    at !== 0 && changetype<NhObject>(at).id <= id;
    at = changetype<NhObject>(at).next
  ) {
    id = changetype<NhObject>(at).id + 1;
  }
  return id;
}

/** A draft with the object's next hops, for a route that names it; null when memory ran out. */
export function nhDraft(object: NhObject): FibInfo | null {
  const n = object.blackhole !== 0 ? 0 : object.count === 0 ? 1 : object.count;
  const draft = fibDraft(n);
  if (draft !== null) fillHops(object, draft);
  return draft;
}

function fillHops(object: NhObject, info: FibInfo): void {
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const member = object.count === 0 ? object : changetype<NhObject>(nhEntry(object, i).object);
    const nh = fibNh(info, i);
    memory.fill(changetype<usize>(nh), 0, FIB_NH_BYTES);
    nh.weight = object.count === 0 ? 1 : nhEntry(object, i).weight;
    nh.dev = member.dev;
    nh.gwFamily = <u8>member.gwFamily;
    nh.gw0 = member.gw0;
    nh.gw1 = member.gw1;
    nh.flags = member.nhFlags;
    nh.scope = member.gwFamily === 0 ? RT_SCOPE_HOST : RT_SCOPE_LINK;
    if (nh.dev !== 0 && changetype<NetDevice>(nh.dev).carrier === 0) nh.flags |= RTNH_F_LINKDOWN;
  }
}

/** The route, interned just now, belongs to its object from now on. */
export function nhAttach(net: Net, info: FibInfo): void {
  if (info.object !== 0) return;
  const object = nhFind(net, info.nhId);
  if (object === null) return;
  info.object = changetype<usize>(object);
  info.objectNext = object.routes;
  object.routes = changetype<usize>(info);
}

/** The routes of the object, and of the groups that have it, take over what it has become. */
function refreshRoutes(net: Net, object: NhObject): void {
  let at = object.routes;
  while (at !== 0) {
    const info = changetype<FibInfo>(at);
    at = info.objectNext;
    const n = object.blackhole !== 0 ? 0 : object.count === 0 ? 1 : object.count;
    const nhs = kmalloc(max<u32>(n, 1) * FIB_NH_BYTES);
    // Without memory the routes keep what they had; the next change brings them up to date.
    if (nhs === 0) continue;
    for (let i: u32 = 0; i < info.nhCount; i++) nhForgetNeigh(fibNh(info, i));
    kfree(info.nhs);
    info.nhs = nhs;
    info.nhCount = n;
    info.type = <u8>(object.blackhole !== 0 ? RtType.BLACKHOLE : RtType.UNICAST);
    info.burst = 0;
    fillHops(object, info);
    fibNhsOwned(info);
    fibInfoRehash(fibNet(net, info.family), info);
    fibRebalance(info);
  }
  if (object.groups === 0) return;
  for (let g = net.nexthops; g !== 0; g = changetype<NhObject>(g).next) {
    const group = changetype<NhObject>(g);
    for (let i: u32 = 0; i < group.count; i++) {
      if (nhEntry(group, i).object !== changetype<usize>(object)) continue;
      refreshRoutes(net, group);
      break;
    }
  }
}

function emit(object: NhObject, removed: bool): void {
  const net = changetype<Net>(object.net);
  const dev = object.dev === 0 ? 0 : changetype<NetDevice>(object.dev).ifindex;
  const id = changetype<usize>(object) + offsetof<NhObject>('id');
  eventEmit(EventType.NEXTHOP, object.family, net, dev, <u32>removed, id);
}

/**
 * Adds the object `draft` (its id set; entries and res its own when it is a group) or, with `replace`, has the one of
 * its id become it. Takes what hangs on the draft over. 0, -EEXIST, -ENOENT, -EINVAL, -ENOBUFS, -ENOMEM.
 */
export function nhInstall(net: Net, draft: NhObject, replace: bool, create: bool): i32 {
  const old = nhFind(net, draft.id);
  if (old !== null) {
    if (!replace) return -Errno.EEXIST;
    return become(net, old, draft);
  }
  if (!create) return -Errno.ENOENT;
  if (net.nexthopCount >= NH_OBJECTS_MAX) return -Errno.ENOBUFS;
  const p = kzalloc(offsetof<NhObject>());
  if (p === 0) return -Errno.ENOMEM;
  memory.copy(p, changetype<usize>(draft), offsetof<NhObject>());
  const object = changetype<NhObject>(p);
  object.net = changetype<usize>(net);
  object.routes = 0;
  let slot = changetype<usize>(net) + offsetof<Net>('nexthops');
  while (load<u32>(slot) !== 0 && changetype<NhObject>(load<u32>(slot)).id < object.id)
    slot = load<u32>(slot) + offsetof<NhObject>('next');
  object.next = load<u32>(slot);
  store<u32>(slot, p);
  net.nexthopCount++;
  countMembers(object, 1);
  if (object.res !== 0) resStart(object);
  emit(object, false);
  return 0;
}

function countMembers(group: NhObject, by: i32): void {
  for (let i: u32 = 0; i < group.count; i++) changetype<NhObject>(nhEntry(group, i).object).groups += by;
}

/** Linux: replace_nexthop: a group stays a group of its type, a single one single. */
function become(net: Net, object: NhObject, draft: NhObject): i32 {
  if ((object.count === 0) !== (draft.count === 0)) return -Errno.EINVAL;
  if (object.count !== 0 && object.groupType !== draft.groupType) return -Errno.EINVAL;
  if (object.res !== 0) {
    const res = changetype<NhRes>(object.res);
    const want = changetype<NhRes>(draft.res);
    if (want.buckets !== 0 && want.buckets !== res.buckets) return -Errno.EINVAL;
  }
  countMembers(object, -1);
  const before = object.entries;
  const count = object.count;
  object.blackhole = draft.blackhole;
  object.nhFlags = draft.nhFlags;
  object.family = draft.family;
  object.protocol = draft.protocol;
  object.dev = draft.dev;
  object.gwFamily = draft.gwFamily;
  object.gw0 = draft.gw0;
  object.gw1 = draft.gw1;
  object.entries = draft.entries;
  object.count = draft.count;
  countMembers(object, 1);
  if (object.res !== 0) {
    const res = changetype<NhRes>(object.res);
    const want = changetype<NhRes>(draft.res);
    res.idleTimer = want.idleTimer;
    res.unbalancedTimer = want.unbalancedTimer;
    kfree(want.table);
    kfree(draft.res);
    resMembersChanged(object, before, count);
  }
  kfree(before);
  refreshRoutes(net, object);
  emit(object, false);
  return 0;
}

/** Takes the object out of its groups and ends it with its routes. A group without members ends, too. */
export function nhRemove(net: Net, object: NhObject): void {
  if (object.groups !== 0) leaveGroups(net, object);
  emit(object, true);
  let dead: u32 = 0;
  for (let at = object.routes; at !== 0; at = changetype<FibInfo>(at).objectNext) {
    const info = changetype<FibInfo>(at);
    info.dead = 1;
    dead |= info.family === AF_INET ? 1 : 2;
  }
  if ((dead & 1) !== 0) fibFlushDead(net, AF_INET);
  if ((dead & 2) !== 0) fibFlushDead(net, AF_INET6);
  countMembers(object, -1);
  let slot = changetype<usize>(net) + offsetof<Net>('nexthops');
  while (load<u32>(slot) !== changetype<usize>(object)) slot = load<u32>(slot) + offsetof<NhObject>('next');
  store<u32>(slot, object.next);
  net.nexthopCount--;
  nhFreeParts(object);
  kfree(changetype<usize>(object));
}

/** Frees what hangs on an object or a draft. */
export function nhFreeParts(object: NhObject): void {
  kfree(object.entries);
  if (object.res === 0) return;
  const res = changetype<NhRes>(object.res);
  timerDel(resTimer(res));
  kfree(res.table);
  kfree(object.res);
}

function leaveGroups(net: Net, object: NhObject): void {
  let at = net.nexthops;
  while (at !== 0) {
    const group = changetype<NhObject>(at);
    at = group.next;
    let i: u32 = 0;
    while (i < group.count && nhEntry(group, i).object !== changetype<usize>(object)) i++;
    if (i === group.count) continue;
    if (group.count === 1) {
      nhRemove(net, group);
      // What ends with its last member may have been anywhere in the list.
      at = net.nexthops;
      continue;
    }
    const before = kmalloc(group.count * NH_ENTRY_BYTES);
    if (before === 0) continue;
    const count = group.count;
    memory.copy(before, group.entries, count * NH_ENTRY_BYTES);
    memory.copy(
      group.entries + i * NH_ENTRY_BYTES,
      group.entries + (i + 1) * NH_ENTRY_BYTES,
      (count - i - 1) * NH_ENTRY_BYTES,
    );
    group.count--;
    object.groups--;
    if (group.res !== 0) resMembersChanged(group, before, count);
    kfree(before);
    refreshRoutes(net, group);
    emit(group, false);
  }
}

/** Every object of the namespace ends, with the namespace. Its routes are gone. */
export function nhNetExit(net: Net): void {
  while (net.nexthops !== 0) {
    const object = changetype<NhObject>(net.nexthops);
    net.nexthops = object.next;
    nhFreeParts(object);
    kfree(changetype<usize>(object));
  }
  net.nexthopCount = 0;
}

/** A device went down or is gone: the objects that leave by it end. Linux: nexthop_flush_dev. */
export function nhFlushDev(net: Net, dev: usize): void {
  let at = net.nexthops;
  while (at !== 0) {
    const object = changetype<NhObject>(at);
    at = object.next;
    if (object.dev !== dev) continue;
    nhRemove(net, object);
    at = net.nexthops;
  }
}

function resTimer(res: NhRes): Timer {
  return changetype<Timer>(changetype<usize>(res) + offsetof<NhRes>('timer0'));
}

function bucketAt(res: NhRes, i: u32): NhBucket {
  return changetype<NhBucket>(res.table + i * NH_BUCKET_BYTES);
}

/** The resilient part of a draft, its table blank; 0 when memory ran out. `buckets` may be 0: as it is (replace). */
export function nhResCreate(buckets: u32, idleNs: u64, unbalancedNs: u64): usize {
  const p = kzalloc(offsetof<NhRes>());
  if (p === 0) return 0;
  const res = changetype<NhRes>(p);
  res.idleTimer = idleNs;
  res.unbalancedTimer = unbalancedNs;
  res.buckets = buckets;
  if (buckets === 0) return p;
  res.table = kzalloc(buckets * NH_BUCKET_BYTES);
  if (res.table === 0) {
    kfree(p);
    return 0;
  }
  for (let i: u32 = 0; i < buckets; i++) bucketAt(res, i).entry = NH_SCRIPT_NONE;
  return p;
}

function resStart(group: NhObject): void {
  const res = changetype<NhRes>(group.res);
  timerSetup(resTimer(res), Op.TIMER_NH_RES, changetype<usize>(group));
  shareOut(group);
  upkeep(group);
}

/** How many buckets each member should have: cumulated weights, rounded to the closest. Linux: nh_res_group_rebalance. */
function shareOut(group: NhObject): void {
  const res = changetype<NhRes>(group.res);
  let total: u64 = 0;
  for (let i: u32 = 0; i < group.count; i++) total += nhEntry(group, i).weight;
  let sum: u64 = 0;
  let before: u32 = 0;
  for (let i: u32 = 0; i < group.count; i++) {
    const entry = nhEntry(group, i);
    sum += entry.weight;
    const bound = <u32>((<u64>res.buckets * sum + (total >> 1)) / total);
    entry.wants = bound - before;
    before = bound;
    entry.have = 0;
  }
  for (let b: u32 = 0; b < res.buckets; b++) {
    const bucket = bucketAt(res, b);
    if (bucket.entry < group.count) nhEntry(group, bucket.entry).have++;
  }
}

/** Buckets name members by place: those of members that stay follow them, those of others are nobody's. */
function resMembersChanged(group: NhObject, before: usize, count: u32): void {
  const res = changetype<NhRes>(group.res);
  for (let b: u32 = 0; b < res.buckets; b++) {
    const bucket = bucketAt(res, b);
    if (bucket.entry >= count) continue;
    const object = changetype<NhEntry>(before + bucket.entry * NH_ENTRY_BYTES).object;
    let place = NH_SCRIPT_NONE;
    for (let i: u32 = 0; i < group.count; i++) if (nhEntry(group, i).object === object) place = i;
    bucket.entry = place;
  }
  shareOut(group);
  upkeep(group);
}

/** The last member that has too few buckets (Linux's list of them has the last in front), or count. */
function underweight(group: NhObject): u32 {
  for (let i = group.count; i-- > 0; ) if (nhEntry(group, i).have < nhEntry(group, i).wants) return i;
  return group.count;
}

/**
 * Gives buckets of nobody and, when they are idle or the group was unbalanced too long, of members with too many to
 * those that have too few; comes back when the next may have become idle. Linux: nh_res_table_upkeep.
 */
function upkeep(group: NhObject): void {
  const res = changetype<NhRes>(group.res);
  const now = root().now;
  let next: u64 = u64.MAX_VALUE;
  const force =
    res.unbalancedTimer !== 0 &&
    res.unbalancedSince !== 0 &&
    now >= res.unbalancedSince + res.unbalancedTimer;
  for (let b: u32 = 0; b < res.buckets; b++) {
    const to = underweight(group);
    if (to === group.count) break;
    const bucket = bucketAt(res, b);
    const nobodys = bucket.entry >= group.count;
    if (!nobodys) {
      const owner = nhEntry(group, bucket.entry);
      if (owner.have <= owner.wants) continue;
      const idleAt = bucket.used + res.idleTimer;
      if (!force && bucket.used !== 0 && now < idleAt) {
        next = min(next, idleAt);
        continue;
      }
      owner.have--;
    }
    bucket.entry = to;
    nhEntry(group, to).have++;
  }
  if (underweight(group) === group.count) {
    res.unbalancedSince = 0;
    timerDel(resTimer(res));
    return;
  }
  if (res.unbalancedSince === 0) res.unbalancedSince = max<u64>(now, 1);
  if (res.unbalancedTimer !== 0) next = min(next, res.unbalancedSince + res.unbalancedTimer);
  if (next !== u64.MAX_VALUE) timerAdd(resTimer(res), max(next, now + 1));
}

function upkeepHandler(arg: usize): void {
  upkeep(changetype<NhObject>(arg));
}
