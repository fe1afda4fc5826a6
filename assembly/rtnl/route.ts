/** ROUTE_*: the FIB. Linux: net/ipv4/fib_frontend.c, fib_semantics.c, net/ipv6/route.c, `ip route`. */
import { EventType } from '../abi/event';
import { Dump, MsgType, ROUTE_F_APPEND, ROUTE_F_REPLACE, RouteRec } from '../abi/request';
import { eventEmit } from '../dev/event';
import { IFF_UP, NetDevice, devGetByIndex } from '../dev/net_device';
import { inetAddrType, ipRouteOutput, FlowI4 } from '../ipv4/route';
import { ip6RouteGet } from '../ipv6/route';
import { raRouteLeft, raRoutePref } from '../ipv6/ra_routes';
import { poptrieNext } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import {
  FIB_INFO_BYTES,
  FIB_NH_BYTES,
  Fib,
  FibInfo,
  FibNh,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RTPROT_STATIC,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RtType,
  fibFirst,
  fibInfoIntern,
  fibInfoPut,
  fibInsert,
  fibLookup4,
  fibLookup6,
  fibLookupDev,
  fibNextAlias,
  fibNh,
  fibRemove,
  infoPrefSrcPtr,
  nhGwPtr,
  nhInfo,
} from '../route/fib';
import { exceptionFlush } from '../route/exception';
import { netFib } from '../route/fib_dev';

/** Linux: IP6_RT_PRIO_USER, the metric of an IPv6 route that names none. */
const IP6_RT_PRIO_USER: u32 = 1024;

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
  if (type === <u32>MsgType.ROUTE_NEW) return routeNew(net, family, flags, body);
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

function routeNew(net: Net, family: u32, flags: u32, body: usize): i32 {
  const fib = netFib(net, family);
  const draft = scratch(Scratch.RTNL_ROUTE_DRAFT);
  const err = makeDraft(net, family, body, draft);
  if (err !== 0) return err;
  const info = fibInfoIntern(fib, draft);
  if (info === null) return -Errno.ENOMEM;
  const key = body + RouteRec.DST;
  const plen = <u32>load<u8>(body, RouteRec.PLEN);
  let old: FibInfo | null = null;
  if ((flags & ROUTE_F_REPLACE) !== 0) {
    old = fibFirst(fib, key, plen);
    while (old !== null && (old.table !== info.table || old.tos !== info.tos || old.metric !== info.metric)) {
      old = fibNextAlias(fib, key, plen, old);
    }
    if (changetype<usize>(old) === changetype<usize>(info)) {
      fibInfoPut(fib, info);
      return 0;
    }
  }
  // The new one stands before the old one goes: no packet finds the prefix missing.
  const added = fibInsert(fib, key, plen, info, old !== null || (flags & ROUTE_F_APPEND) !== 0);
  if (added !== 0) {
    fibInfoPut(fib, info);
    return added;
  }
  if (old !== null) fibRemove(fib, key, plen, old);
  exceptionFlush(net, family);
  emitRoute(net, family, body, info, false);
  return 0;
}

function emitRoute(net: Net, family: u32, body: usize, info: FibInfo, removed: bool): void {
  const oif = info.nhCount > 0 ? changetype<NetDevice>(fibNh(info, 0).dev).ifindex : 0;
  const b = ((<u32>load<u8>(body, RouteRec.PLEN)) << 8) | <u32>removed;
  eventEmit(EventType.ROUTE, family, net, oif, b, body + RouteRec.DST);
}

/** Fills the FibInfo at `draft` from a RouteRec, as Linux's fib_create_info checks it. */
function makeDraft(net: Net, family: u32, body: usize, draft: usize): i32 {
  memory.fill(draft, 0, FIB_INFO_BYTES + FIB_NH_BYTES);
  const info = changetype<FibInfo>(draft);
  const type = load<u8>(body, RouteRec.TYPE);
  info.type = type === 0 ? <u8>RtType.UNICAST : type;
  if (info.type > <u8>RtType.THROW || info.type === <u8>RtType.MULTICAST) return -Errno.EINVAL;
  info.protocol = load<u8>(body, RouteRec.PROTOCOL);
  info.scope = load<u8>(body, RouteRec.SCOPE);
  info.tos = load<u8>(body, RouteRec.TOS);
  info.metric = load<u32>(body, RouteRec.METRIC);
  if (family === AF_INET6 && info.metric === 0) info.metric = IP6_RT_PRIO_USER;
  info.mtu = load<u32>(body, RouteRec.MTU);
  info.hopLimit = load<u32>(body, RouteRec.HOPLIMIT);
  const table = load<u32>(body, RouteRec.TABLE);
  const local = info.type === <u8>RtType.LOCAL || info.type === <u8>RtType.BROADCAST;
  info.table = table === 0 ? (local ? RT_TABLE_LOCAL : RT_TABLE_MAIN) : table;
  if (info.table !== RT_TABLE_MAIN && info.table !== RT_TABLE_LOCAL) return -Errno.EINVAL;
  memory.copy(infoPrefSrcPtr(info), body + RouteRec.PREFSRC, 16);
  const src4 = bswap<u32>(load<u32>(infoPrefSrcPtr(info)));
  if (family === AF_INET && src4 !== 0 && inetAddrType(net, src4) !== RtType.LOCAL) return -Errno.EINVAL;

  const oif = load<i32>(body, RouteRec.OIF);
  const gwFamily = load<u8>(body, RouteRec.GW_FAMILY);
  if (info.type >= <u8>RtType.BLACKHOLE) {
    // fib_props: these have no next hop.
    if (gwFamily !== 0 || (family === AF_INET && oif !== 0)) return -Errno.EINVAL;
    if (family === AF_INET) return 0;
    return 0;
  }
  info.nhCount = 1;
  const nh = fibNh(info, 0);
  nh.weight = 1;
  nh.gwFamily = gwFamily;
  nh.flags = load<u8>(body, RouteRec.NH_FLAGS) & RTNH_F_ONLINK;
  memory.copy(nhGwPtr(nh), body + RouteRec.GW, 16);
  return gwFamily === 0 ? connected(net, info, nh, oif, family) : viaGateway(net, info, nh, oif, family);
}

function connected(net: Net, info: FibInfo, nh: FibNh, oif: i32, family: u32): i32 {
  const dev = devGetByIndex(net, oif);
  if (dev === null) return -Errno.ENODEV;
  if ((dev.flags & IFF_UP) === 0) return -Errno.ENETDOWN;
  nh.dev = changetype<usize>(dev);
  nh.scope = info.type === <u8>RtType.LOCAL ? RT_SCOPE_NOWHERE : RT_SCOPE_HOST;
  // iproute2 sends scope link for a route without gateway; a record that leaves it open gets the same.
  if (family === AF_INET && info.scope === RT_SCOPE_UNIVERSE) {
    info.scope = info.type === <u8>RtType.LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
  }
  if (dev.carrier === 0) nh.flags |= RTNH_F_LINKDOWN;
  return 0;
}

/** Linux: fib_check_nh: the gateway must be a neighbour, reached by a route of a narrower scope. */
function viaGateway(net: Net, info: FibInfo, nh: FibNh, oif: i32, family: u32): i32 {
  if (nh.gwFamily !== <u8>family) return -Errno.EINVAL;
  if (family === AF_INET && info.scope >= RT_SCOPE_LINK) return -Errno.EINVAL;
  const gw = nhGwPtr(nh);
  let dev: NetDevice | null = null;
  if (oif !== 0) dev = devGetByIndex(net, oif);
  if (oif !== 0 && dev === null) return -Errno.ENODEV;
  if ((nh.flags & RTNH_F_ONLINK) !== 0) {
    if (dev === null) return -Errno.EINVAL;
  } else if (family === AF_INET6 && load<u8>(gw) === 0xfe && (load<u8>(gw, 1) & 0xc0) === 0x80) {
    // A link-local gateway says nothing without its link.
    if (dev === null) return -Errno.EINVAL;
  } else {
    const fib = netFib(net, family);
    let via: FibInfo | null;
    if (dev !== null) via = fibLookupDev(fib, gw, changetype<usize>(dev));
    else via = family === AF_INET ? fibLookup4(fib, bswap<u32>(load<u32>(gw))) : fibLookup6(fib, gw);
    if (via === null || via.nhCount === 0) return -Errno.ENETUNREACH;
    if (via.type === <u8>RtType.LOCAL) return -Errno.EINVAL;
    const hop = fibNh(via, 0);
    // RFC 1122: a gateway behind another gateway is none.
    if (via.type !== <u8>RtType.UNICAST || hop.gwFamily !== 0)
      return family === AF_INET ? -Errno.ENETUNREACH : -Errno.EHOSTUNREACH;
    dev = changetype<NetDevice>(hop.dev);
  }
  const out = changetype<NetDevice>(changetype<usize>(dev));
  if ((out.flags & IFF_UP) === 0) return -Errno.ENETDOWN;
  nh.dev = changetype<usize>(out);
  nh.scope = RT_SCOPE_LINK;
  if (out.carrier === 0) nh.flags |= RTNH_F_LINKDOWN;
  return 0;
}

/** The first route of the prefix that agrees with all that the record names. Linux: fib_table_delete. */
function routeDel(net: Net, family: u32, body: usize): i32 {
  const fib = netFib(net, family);
  const key = body + RouteRec.DST;
  const plen = <u32>load<u8>(body, RouteRec.PLEN);
  let info = fibFirst(fib, key, plen);
  while (info !== null) {
    if (matches(info, body)) {
      // Tell first: removing may free it.
      emitRoute(net, family, body, info, true);
      fibRemove(fib, key, plen, info);
      exceptionFlush(net, family);
      return 0;
    }
    info = fibNextAlias(fib, key, plen, info);
  }
  return -Errno.ESRCH;
}

function matches(info: FibInfo, body: usize): bool {
  const type = load<u8>(body, RouteRec.TYPE);
  const protocol = load<u8>(body, RouteRec.PROTOCOL);
  const metric = load<u32>(body, RouteRec.METRIC);
  const table = load<u32>(body, RouteRec.TABLE);
  const oif = load<i32>(body, RouteRec.OIF);
  const gwFamily = load<u8>(body, RouteRec.GW_FAMILY);
  if (
    info.table !==
    (table === 0
      ? type === <u8>RtType.LOCAL || type === <u8>RtType.BROADCAST
        ? RT_TABLE_LOCAL
        : RT_TABLE_MAIN
      : table)
  )
    return false;
  if ((type !== 0 && info.type !== type) || (protocol !== 0 && info.protocol !== protocol)) return false;
  if ((metric !== 0 && info.metric !== metric) || info.tos !== load<u8>(body, RouteRec.TOS)) return false;
  if (oif === 0 && gwFamily === 0) return true;
  if (info.nhCount === 0) return false;
  const nh = fibNh(info, 0);
  if (oif !== 0 && changetype<NetDevice>(nh.dev).ifindex !== oif) return false;
  return (
    gwFamily === 0 || (nh.gwFamily === gwFamily && memory.compare(nhGwPtr(nh), body + RouteRec.GW, 16) === 0)
  );
}

function fill(net: Net, family: u32, info: FibInfo, key: usize, plen: u32, rec: usize): void {
  memory.fill(rec, 0, RouteRec.SIZE);
  store<u32>(rec, net.handle, RouteRec.NET);
  store<u8>(rec, <u8>family, RouteRec.FAMILY);
  store<u8>(rec, <u8>plen, RouteRec.PLEN);
  store<u8>(rec, info.type, RouteRec.TYPE);
  store<u8>(rec, info.protocol, RouteRec.PROTOCOL);
  store<u8>(rec, info.scope, RouteRec.SCOPE);
  store<u8>(rec, info.tos, RouteRec.TOS);
  store<u32>(rec, info.table, RouteRec.TABLE);
  store<u32>(rec, info.metric, RouteRec.METRIC);
  store<u32>(rec, info.mtu, RouteRec.MTU);
  store<u32>(rec, info.hopLimit, RouteRec.HOPLIMIT);
  memory.copy(rec + RouteRec.DST, key, family === AF_INET ? 4 : 16);
  memory.copy(rec + RouteRec.PREFSRC, infoPrefSrcPtr(info), 16);
  if (info.nhCount === 0) return;
  const nh = fibNh(info, 0);
  store<u8>(rec, nh.flags, RouteRec.NH_FLAGS);
  store<u8>(rec, nh.gwFamily, RouteRec.GW_FAMILY);
  memory.copy(rec + RouteRec.GW, nhGwPtr(nh), 16);
  const dev = changetype<NetDevice>(nh.dev);
  store<i32>(rec, dev.ifindex, RouteRec.OIF);
  if (family === AF_INET || info.protocol === RTPROT_STATIC) return;
  store<u32>(rec, raRouteLeft(dev, info, key, plen), RouteRec.EXPIRES);
  store<i32>(rec, raRoutePref(info), RouteRec.PREF);
}

/** Where a packet to DST would go (OIF, PREFSRC narrow it): the record is filled with the route. `ip route get`. */
function routeGet(net: Net, family: u32, body: usize): i32 {
  const key = scratch(Scratch.RTNL_ROUTE_KEY);
  memory.copy(key, body + RouteRec.DST, 16);
  if (family === AF_INET6) {
    const nh6 = ip6RouteGet(net, key, load<i32>(body, RouteRec.OIF), body + RouteRec.PREFSRC);
    if (nh6 < 0) return nh6;
    const source = scratch(Scratch.RTNL_ROUTE_SOURCE);
    memory.copy(source, body + RouteRec.PREFSRC, 16);
    fill(net, family, nhInfo(changetype<FibNh>(nh6)), key, 128, body);
    memory.copy(body + RouteRec.PREFSRC, source, 16);
    return 0;
  }
  const fl = changetype<FlowI4>(scratch(Scratch.RTNL_ROUTE_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = bswap<u32>(load<u32>(key));
  fl.saddr = bswap<u32>(load<u32>(body, RouteRec.PREFSRC));
  fl.oif = load<i32>(body, RouteRec.OIF);
  const err = ipRouteOutput(net, fl);
  if (err !== 0) return err;
  fill(net, family, nhInfo(changetype<FibNh>(fl.nh)), key, 32, body);
  store<u32>(body, bswap<u32>(fl.saddr), RouteRec.PREFSRC);
  return 0;
}

/** CURSOR: [0] family, [1] prefix length | 0x100 when begun, [2..5] prefix; aliases of a prefix are told together. */
function routeDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, Dump.FAMILY);
  const cursor = body + Dump.CURSOR;
  const room = (len - Dump.RECORDS) / RouteRec.SIZE;
  if (load<u32>(cursor) === 0) store<u32>(cursor, family === AF_INET6 ? AF_INET6 : AF_INET);
  let n = dumpFamily(net, load<u32>(cursor), cursor, body, 0, room);
  if (n === 0 && family === 0 && load<u32>(cursor) === AF_INET) {
    store<u32>(cursor, AF_INET6);
    memory.fill(cursor + 4, 0, 20);
    n = dumpFamily(net, AF_INET6, cursor, body, 0, room);
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function dumpFamily(net: Net, family: u32, cursor: usize, body: usize, n: u32, room: u32): u32 {
  const fib: Fib = netFib(net, family);
  const key = scratch(Scratch.RTNL_ROUTE_KEY2);
  const plenPtr = scratch(Scratch.RTNL_ROUTE_PLEN_PTR);
  memory.copy(key, cursor + 8, 16);
  store<u32>(plenPtr, load<u32>(cursor, 4) === 0 ? 0xff : load<u32>(cursor, 4) & 0xff);
  while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let at = fibFirst(fib, key, plen);
    let count: u32 = 0;
    while (at !== null) {
      count++;
      at = fibNextAlias(fib, key, plen, at);
    }
    // The routes of a prefix are told together, or the cursor could not say where to go on.
    if (count > room - n && n > 0) break;
    at = fibFirst(fib, key, plen);
    while (at !== null && n < room) {
      fill(net, family, at, key, plen, body + Dump.RECORDS + n * RouteRec.SIZE);
      n++;
      at = fibNextAlias(fib, key, plen, at);
    }
    memory.copy(cursor + 8, key, 16);
    store<u32>(cursor, plen | 0x100, 4);
    if (n === room) break;
  }
  return n;
}
