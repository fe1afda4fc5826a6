/** ROUTE_*: the FIB. Linux: net/ipv4/fib_frontend.c, fib_semantics.c, net/ipv6/route.c, `ip route`. */
import { EventType } from '../abi/event';
import { Dump, MsgType, ROUTE_F_APPEND, ROUTE_F_REPLACE, RouteNhRec, RouteRec } from '../abi/request';
import { eventEmit } from '../dev/event';
import { NetDevice } from '../dev/net_device';
import { poptrieNext } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { exceptionFlush } from '../route/exception';
import {
  FIB_INFO_BYTES,
  FIB_NH_BYTES,
  Fib,
  FibInfo,
  FibNh,
  RtType,
  fibAdd,
  fibDraft,
  fibDraftFree,
  fibFirst,
  fibInfoIntern,
  fibInfoPut,
  fibInsert,
  fibNextAlias,
  fibNh,
  fibRemove,
  nhGwPtr,
} from '../route/fib';
import { fibGetTable, fibNet, fibNewTable } from '../route/fib_table';
import { fibRebalance } from '../route/fib_select';
import { nhAttach } from '../route/nexthop';
import { recTable, routeDraft } from './route_draft';
import { fillRoute, routeGet } from './route_get';

export function requestRoute(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.ROUTE_DUMP) return routeDump(body, len);
  if (len < <u32>RouteRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, RouteRec.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u8>(body, RouteRec.FAMILY);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  if (type === <u32>MsgType.ROUTE_GET) return routeGet(net, family, body);
  const err = checkPrefix(family, body);
  if (err !== 0) return err;
  if (type === <u32>MsgType.ROUTE_NEW) return routeNew(net, family, flags, body, len);
  if (type === <u32>MsgType.ROUTE_DEL) return routeDel(net, family, body);
  return -Errno.EOPNOTSUPP;
}

/** "Invalid prefix for given prefix length": bits behind it must be zero. */
function checkPrefix(family: u32, body: usize): i32 {
  const bits: u32 = family === AF_INET ? 32 : 128;
  const plen = <u32>load<u8>(body, RouteRec.PLEN);
  if (plen > bits) return -Errno.EINVAL;
  for (let i = plen >> 3; i < bits >> 3; i++) {
    let byte = <u32>load<u8>(body + RouteRec.DST + i);
    if (i === plen >> 3) byte &= 0xff >> (plen & 7);
    if (byte !== 0) return -Errno.EINVAL;
  }
  return 0;
}

function routeNew(net: Net, family: u32, flags: u32, body: usize, len: u32): i32 {
  const out = scratch(Scratch.RTNL_ROUTE_DRAFT_PTR);
  let err = routeDraft(net, family, body, len, out);
  if (err !== 0) return err;
  let draft = changetype<FibInfo>(load<u32>(out));
  const fib = fibNewTable(fibNet(net, family), draft.table);
  if (fib === null) {
    fibDraftFree(draft);
    return -Errno.ENOBUFS;
  }
  const key = body + RouteRec.DST;
  const plen = <u32>load<u8>(body, RouteRec.PLEN);
  let old: FibInfo | null = null;
  if ((flags & ROUTE_F_REPLACE) !== 0) {
    old = sameKey(fib, key, plen, draft);
  } else if ((flags & ROUTE_F_APPEND) !== 0 && family === AF_INET6) {
    // Linux: rt6_qualify_for_ecmp: routes by gateways that differ in nothing else are one route.
    old = sibling(fib, key, plen, draft);
    if (old !== null) {
      const joined = join(old, draft);
      fibDraftFree(draft);
      if (joined === null) return -Errno.EEXIST;
      draft = joined;
    }
  }
  const info = fibInfoIntern(fib, draft);
  fibDraftFree(draft);
  if (info === null) return -Errno.ENOMEM;
  if (changetype<usize>(old) === changetype<usize>(info)) {
    fibInfoPut(fib, info);
    return 0;
  }
  // The new one stands before the old one goes: no packet finds the prefix missing.
  err = fibInsert(fib, key, plen, info, old !== null || (flags & ROUTE_F_APPEND) !== 0);
  if (err !== 0) {
    fibInfoPut(fib, info);
    return err;
  }
  if (info.nhId !== 0) nhAttach(net, info);
  if (old !== null) fibRemove(fib, key, plen, old);
  exceptionFlush(net, family);
  emitRoute(net, family, body, info, false);
  return 0;
}

/** The route of the prefix that the draft would replace: of its table, tos and metric. */
function sameKey(fib: Fib, key: usize, plen: u32, draft: FibInfo): FibInfo | null {
  let old = fibFirst(fib, key, plen);
  while (
    old !== null &&
    (old.table !== draft.table || old.tos !== draft.tos || old.metric !== draft.metric)
  ) {
    old = fibNextAlias(fib, key, plen, old);
  }
  return old;
}

function sibling(fib: Fib, key: usize, plen: u32, draft: FibInfo): FibInfo | null {
  if (!byGateways(draft)) return null;
  let old = fibFirst(fib, key, plen);
  while (old !== null) {
    if (
      old.table === draft.table &&
      old.metric === draft.metric &&
      old.type === draft.type &&
      byGateways(old)
    )
      return old;
    old = fibNextAlias(fib, key, plen, old);
  }
  return null;
}

function byGateways(info: FibInfo): bool {
  if (info.type !== <u8>RtType.UNICAST || info.nhCount === 0 || info.nhId !== 0) return false;
  for (let i: u32 = 0; i < info.nhCount; i++) if (fibNh(info, i).gwFamily === 0) return false;
  return true;
}

/** The draft `more` with the next hops of `info` in front, null when one of its own is there already. */
function join(info: FibInfo, more: FibInfo): FibInfo | null {
  for (let i: u32 = 0; i < info.nhCount; i++) {
    for (let j: u32 = 0; j < more.nhCount; j++) if (sameHop(fibNh(info, i), fibNh(more, j))) return null;
  }
  const draft = fibDraft(info.nhCount + more.nhCount);
  if (draft === null) return null;
  copyButHops(draft, info, info.nhCount + more.nhCount);
  memory.copy(draft.nhs, info.nhs, info.nhCount * FIB_NH_BYTES);
  memory.copy(draft.nhs + info.nhCount * FIB_NH_BYTES, more.nhs, more.nhCount * FIB_NH_BYTES);
  fibRebalance(draft);
  return draft;
}

function copyButHops(draft: FibInfo, from: FibInfo, nhCount: u32): void {
  const nhs = draft.nhs;
  memory.copy(changetype<usize>(draft), changetype<usize>(from), FIB_INFO_BYTES);
  draft.nhs = nhs;
  draft.nhCount = nhCount;
  draft.object = 0;
}

function sameHop(a: FibNh, b: FibNh): bool {
  return a.dev === b.dev && a.gwFamily === b.gwFamily && a.gw0 === b.gw0 && a.gw1 === b.gw1;
}

function emitRoute(net: Net, family: u32, body: usize, info: FibInfo, removed: bool): void {
  const dev: usize = info.nhCount > 0 ? fibNh(info, 0).dev : 0;
  const oif = dev === 0 ? 0 : changetype<NetDevice>(dev).ifindex;
  const b = ((<u32>load<u8>(body, RouteRec.PLEN)) << 8) | <u32>removed;
  eventEmit(EventType.ROUTE, family, net, oif, b, body + RouteRec.DST);
}

/** The first route of the prefix that agrees with all that the record names. Linux: fib_table_delete. */
function routeDel(net: Net, family: u32, body: usize): i32 {
  const fib = fibGetTable(fibNet(net, family), recTable(body));
  if (fib === null) return -Errno.ESRCH;
  const key = body + RouteRec.DST;
  const plen = <u32>load<u8>(body, RouteRec.PLEN);
  let info = fibFirst(fib, key, plen);
  while (info !== null) {
    if (matches(info, family, body)) {
      // Tell first: removing may free it.
      emitRoute(net, family, body, info, true);
      const rest = family === AF_INET6 ? withoutHop(info, body) : null;
      if (rest !== null) {
        const err = fibAdd(fib, key, plen, rest, true);
        if (err !== 0) return err;
      }
      fibRemove(fib, key, plen, info);
      exceptionFlush(net, family);
      return 0;
    }
    info = fibNextAlias(fib, key, plen, info);
  }
  return -Errno.ESRCH;
}

/** IPv6: a draft of the route without the one next hop of several that the record names, or null. */
function withoutHop(info: FibInfo, body: usize): FibInfo | null {
  const named = load<u8>(body, RouteRec.GW_FAMILY) !== 0;
  if (info.nhCount < 2 || info.nhId !== 0 || !named || load<u16>(body, RouteRec.NH_COUNT) !== 0) return null;
  const draft = fibDraft(info.nhCount - 1);
  if (draft === null) return null;
  copyButHops(draft, info, info.nhCount - 1);
  let kept: u32 = 0;
  let gone = false;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    if (!gone && hopMatches(fibNh(info, i), body)) {
      gone = true;
      continue;
    }
    memory.copy(draft.nhs + kept++ * FIB_NH_BYTES, info.nhs + i * FIB_NH_BYTES, FIB_NH_BYTES);
  }
  fibRebalance(draft);
  return draft;
}

function matches(info: FibInfo, family: u32, body: usize): bool {
  const type = load<u8>(body, RouteRec.TYPE);
  const protocol = load<u8>(body, RouteRec.PROTOCOL);
  const metric = load<u32>(body, RouteRec.METRIC);
  if (info.table !== recTable(body)) return false;
  if ((type !== 0 && info.type !== type) || (protocol !== 0 && info.protocol !== protocol)) return false;
  if ((metric !== 0 && info.metric !== metric) || info.tos !== load<u8>(body, RouteRec.TOS)) return false;
  const id = load<u32>(body, RouteRec.NH_ID);
  if (id !== 0) return info.nhId === id;
  const several = <u32>load<u16>(body, RouteRec.NH_COUNT);
  if (several !== 0) return sameHops(info, body, several);
  if (load<i32>(body, RouteRec.OIF) === 0 && load<u8>(body, RouteRec.GW_FAMILY) === 0) return true;
  if (info.nhCount === 0) return false;
  if (family === AF_INET) return hopMatches(fibNh(info, 0), body);
  for (let i: u32 = 0; i < info.nhCount; i++) if (hopMatches(fibNh(info, i), body)) return true;
  return false;
}

function hopMatches(nh: FibNh, body: usize): bool {
  const oif = load<i32>(body, RouteRec.OIF);
  const gwFamily = load<u8>(body, RouteRec.GW_FAMILY);
  if (oif !== 0 && (nh.dev === 0 || changetype<NetDevice>(nh.dev).ifindex !== oif)) return false;
  if (gwFamily === 0) return true;
  const bytes: usize = gwFamily === <u8>AF_INET ? 4 : 16;
  return nh.gwFamily === gwFamily && memory.compare(nhGwPtr(nh), body + RouteRec.GW, bytes) === 0;
}

function sameHops(info: FibInfo, body: usize, several: u32): bool {
  if (info.nhCount !== several) return false;
  for (let i: u32 = 0; i < several; i++) {
    const rec = body + RouteRec.SIZE + i * <u32>RouteNhRec.SIZE;
    const nh = fibNh(info, i);
    const oif = load<i32>(rec, RouteNhRec.OIF);
    if (oif !== 0 && (nh.dev === 0 || changetype<NetDevice>(nh.dev).ifindex !== oif)) return false;
    const gwFamily = load<u8>(rec, RouteNhRec.GW_FAMILY);
    if (gwFamily !== nh.gwFamily) return false;
    const bytes: usize = gwFamily === <u8>AF_INET ? 4 : 16;
    if (gwFamily !== 0 && memory.compare(nhGwPtr(nh), rec + RouteNhRec.GW, bytes) !== 0) return false;
  }
  return true;
}

/**
 * CURSOR: [0] family | place of the table in the list << 8, [1] prefix length | 0x100 when begun, [2..5] prefix; the
 * routes of a prefix are told together.
 */
function routeDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, Dump.FAMILY);
  const cursor = body + Dump.CURSOR;
  if (load<u32>(cursor) === 0) store<u32>(cursor, family === AF_INET6 ? AF_INET6 : AF_INET);
  let n: u32 = 0;
  for (;;) {
    const now = load<u32>(cursor) & 0xff;
    n = dumpTables(net, now, cursor, body, len - <u32>Dump.RECORDS);
    if (n !== 0 || family !== 0 || now === AF_INET6) break;
    store<u32>(cursor, AF_INET6);
    memory.fill(cursor + 4, 0, 20);
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

/** Table after table in the order of the list. */
function dumpTables(net: Net, family: u32, cursor: usize, body: usize, room: u32): u32 {
  let place = load<u32>(cursor) >> 8;
  let fib = changetype<Fib | null>(fibNet(net, family).tables);
  for (let i: u32 = 0; i < place && fib !== null; i++) fib = changetype<Fib | null>(fib.next);
  while (fib !== null) {
    const n = dumpTable(net, fib, family, cursor, body, room);
    if (n !== 0) return n;
    place++;
    store<u32>(cursor, family | (place << 8));
    memory.fill(cursor + 4, 0, 20);
    fib = changetype<Fib | null>(fib.next);
  }
  return 0;
}

function recBytes(info: FibInfo): u32 {
  return RouteRec.SIZE + (info.nhCount > 1 ? info.nhCount * <u32>RouteNhRec.SIZE : 0);
}

function dumpTable(net: Net, fib: Fib, family: u32, cursor: usize, body: usize, room: u32): u32 {
  const key = scratch(Scratch.RTNL_ROUTE_KEY2);
  const plenPtr = scratch(Scratch.RTNL_ROUTE_PLEN_PTR);
  memory.copy(key, cursor + 8, 16);
  store<u32>(plenPtr, load<u32>(cursor, 4) === 0 ? 0xff : load<u32>(cursor, 4) & 0xff);
  let n: u32 = 0;
  let used: u32 = 0;
  while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let at = fibFirst(fib, key, plen);
    let bytes: u32 = 0;
    while (at !== null) {
      bytes += recBytes(at);
      at = fibNextAlias(fib, key, plen, at);
    }
    // The routes of a prefix are told together, or the cursor could not say where to go on.
    if (bytes > room - used && n > 0) break;
    at = fibFirst(fib, key, plen);
    while (at !== null && recBytes(at) <= room - used) {
      fillRoute(net, family, at, key, plen, body + Dump.RECORDS + used);
      used += recBytes(at);
      n++;
      at = fibNextAlias(fib, key, plen, at);
    }
    memory.copy(cursor + 8, key, 16);
    store<u32>(cursor, plen | 0x100, 4);
  }
  return n;
}
