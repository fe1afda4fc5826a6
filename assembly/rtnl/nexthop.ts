/** NEXTHOP_*: next-hop objects. Linux: net/ipv4/nexthop.c, rtm_new_nexthop; `ip nexthop`. */
import {
  Dump,
  MsgType,
  NEXTHOP_GROUP_MAX,
  NexthopBucketRec,
  NexthopBucketsRec,
  NexthopGroupRec,
  NexthopRec,
  ROUTE_F_REPLACE,
} from '../abi/request';
import { IFF_UP, NetDevice, devGetByIndex } from '../dev/net_device';
import { kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { FibInfo, FibNh, RTNH_F_ONLINK, RT_TABLE_MAIN, fibDraft, fibDraftFree, fibNh } from '../route/fib';
import {
  NH_BUCKETS_MAX,
  nhEntry,
  nhFind,
  nhFreeId,
  nhFreeParts,
  nhInstall,
  nhRemove,
  nhResCreate,
} from '../route/nexthop';
import {
  NH_BUCKET_BYTES,
  NH_ENTRY_BYTES,
  NH_GROUP_TYPE_MPATH,
  NH_GROUP_TYPE_RES,
  NhBucket,
  NhObject,
  NhRes,
} from '../route/nh_object';
import { nhViaGateway } from './route_draft';

const NS_PER_MS: u64 = 1_000_000;

export function requestNexthop(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.NEXTHOP_DUMP) return nexthopDump(body, len);
  if (type === <u32>MsgType.NEXTHOP_BUCKETS) return nexthopBuckets(body, len);
  if (len < <u32>NexthopRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NexthopRec.NET));
  if (net === null) return -Errno.ENOENT;
  const id = load<u32>(body, NexthopRec.ID);
  if (type === <u32>MsgType.NEXTHOP_NEW) return nexthopNew(net, flags, body, len);
  const object = nhFind(net, id);
  if (object === null) return -Errno.ENOENT;
  nhRemove(net, object);
  return 0;
}

function nexthopNew(net: Net, flags: u32, body: usize, len: u32): i32 {
  const draft = changetype<NhObject>(scratch(Scratch.RTNL_NEXTHOP));
  memory.fill(changetype<usize>(draft), 0, offsetof<NhObject>());
  const id = load<u32>(body, NexthopRec.ID);
  draft.id = id === 0 ? nhFreeId(net) : id;
  draft.protocol = load<u8>(body, NexthopRec.PROTOCOL);
  const members = <u32>load<u16>(body, NexthopRec.GROUP_COUNT);
  let err = members !== 0 ? readGroup(net, draft, body, len, members) : readSingle(net, draft, body);
  // What is replaced need not be there: `ip nexthop replace` makes it.
  if (err === 0) err = nhInstall(net, draft, (flags & ROUTE_F_REPLACE) !== 0, true);
  if (err !== 0) {
    nhFreeParts(draft);
    return err;
  }
  store<u32>(body, draft.id, NexthopRec.ID);
  return 0;
}

function readSingle(net: Net, draft: NhObject, body: usize): i32 {
  draft.family = load<u8>(body, NexthopRec.FAMILY);
  if (draft.family !== <u8>AF_INET && draft.family !== <u8>AF_INET6) return -Errno.EINVAL;
  draft.blackhole = load<u8>(body, NexthopRec.BLACKHOLE);
  draft.gwFamily = load<u8>(body, NexthopRec.GW_FAMILY);
  const oif = load<i32>(body, NexthopRec.OIF);
  if (draft.blackhole !== 0) return draft.gwFamily !== 0 || oif !== 0 ? -Errno.EINVAL : 0;
  if (oif === 0) return -Errno.EINVAL;
  const dev = devGetByIndex(net, oif);
  if (dev === null) return -Errno.EINVAL;
  if ((dev.flags & IFF_UP) === 0) return -Errno.ENETDOWN;
  draft.dev = changetype<usize>(dev);
  draft.nhFlags = load<u8>(body, NexthopRec.FLAGS) & RTNH_F_ONLINK;
  if (draft.gwFamily === 0) return 0;
  draft.gw0 =
    draft.gwFamily === AF_INET ? <u64>load<u32>(body, NexthopRec.GW) : load<u64>(body, NexthopRec.GW);
  draft.gw1 = draft.gwFamily === AF_INET ? 0 : load<u64>(body + NexthopRec.GW, 8);
  return checkGateway(net, draft, oif);
}

/** As if it were a route's. */
function checkGateway(net: Net, draft: NhObject, oif: i32): i32 {
  const route: FibInfo | null = fibDraft(1);
  if (route === null) return -Errno.ENOMEM;
  route.table = RT_TABLE_MAIN;
  const nh: FibNh = fibNh(route, 0);
  nh.gwFamily = <u8>draft.gwFamily;
  nh.flags = draft.nhFlags;
  nh.gw0 = draft.gw0;
  nh.gw1 = draft.gw1;
  const err = nhViaGateway(net, route, nh, oif, draft.family);
  fibDraftFree(route);
  return err;
}

/** Linux: nh_check_attr_group: members that are there, are no groups themselves, and are named once. */
function readGroup(net: Net, draft: NhObject, body: usize, len: u32, members: u32): i32 {
  if (members > NEXTHOP_GROUP_MAX) return -Errno.EINVAL;
  if (len - <u32>NexthopRec.SIZE < members * <u32>NexthopGroupRec.SIZE) return -Errno.EINVAL;
  draft.groupType = load<u8>(body, NexthopRec.GROUP_TYPE);
  if (draft.groupType !== NH_GROUP_TYPE_MPATH && draft.groupType !== NH_GROUP_TYPE_RES) return -Errno.EINVAL;
  draft.entries = kzalloc(members * NH_ENTRY_BYTES);
  if (draft.entries === 0) return -Errno.ENOMEM;
  for (let i: u32 = 0; i < members; i++) {
    const rec = body + NexthopRec.SIZE + i * <u32>NexthopGroupRec.SIZE;
    const object = nhFind(net, load<u32>(rec, NexthopGroupRec.ID));
    if (object === null || object.count !== 0) return -Errno.EINVAL;
    if (object.blackhole !== 0 && members > 1) return -Errno.EINVAL;
    for (let j: u32 = 0; j < i; j++) {
      if (nhEntry(draft, j).object === changetype<usize>(object)) return -Errno.EINVAL;
    }
    const weight = load<u32>(rec, NexthopGroupRec.WEIGHT) + 1;
    if (weight === 0 || weight > 65536) return -Errno.EINVAL;
    const entry = nhEntry(draft, i);
    entry.object = changetype<usize>(object);
    entry.weight = weight;
  }
  draft.count = members;
  if (draft.groupType === NH_GROUP_TYPE_MPATH) return 0;
  const buckets = <u32>load<u16>(body, NexthopRec.BUCKETS);
  if (buckets > NH_BUCKETS_MAX) return -Errno.EINVAL;
  // "at least one bucket for each next hop", but for a group that is replaced and keeps what it has
  if (buckets === 0 && nhFind(net, draft.id) === null) return -Errno.EINVAL;
  if (buckets !== 0 && buckets < members) return -Errno.EINVAL;
  const idle = <u64>load<u32>(body, NexthopRec.IDLE_TIMER) * NS_PER_MS;
  const unbalanced = <u64>load<u32>(body, NexthopRec.UNBALANCED_TIMER) * NS_PER_MS;
  draft.res = nhResCreate(buckets, idle, unbalanced);
  return draft.res === 0 ? -Errno.ENOMEM : 0;
}

/** CURSOR: [0] 1 when begun, [1] id of the last one told. */
function nexthopDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const cursor = body + Dump.CURSOR;
  const room = len - <u32>Dump.RECORDS;
  let used: u32 = 0;
  let n: u32 = 0;
  for (let at = net.nexthops; at !== 0; at = changetype<NhObject>(at).next) {
    const object = changetype<NhObject>(at);
    if (object.id <= load<u32>(cursor, 4)) continue;
    const bytes: u32 = NexthopRec.SIZE + object.count * <u32>NexthopGroupRec.SIZE;
    if (bytes > room - used) break;
    fill(net, object, body + Dump.RECORDS + used);
    used += bytes;
    n++;
    store<u32>(cursor, 1);
    store<u32>(cursor, object.id, 4);
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function fill(net: Net, object: NhObject, rec: usize): void {
  memory.fill(rec, 0, NexthopRec.SIZE);
  store<u32>(rec, net.handle, NexthopRec.NET);
  store<u32>(rec, object.id, NexthopRec.ID);
  store<u8>(rec, object.family, NexthopRec.FAMILY);
  store<u8>(rec, object.protocol, NexthopRec.PROTOCOL);
  store<u8>(rec, object.nhFlags, NexthopRec.FLAGS);
  store<u8>(rec, object.blackhole, NexthopRec.BLACKHOLE);
  store<i32>(rec, object.dev === 0 ? 0 : changetype<NetDevice>(object.dev).ifindex, NexthopRec.OIF);
  store<u8>(rec, <u8>object.gwFamily, NexthopRec.GW_FAMILY);
  store<u8>(rec, <u8>object.groupType, NexthopRec.GROUP_TYPE);
  store<u16>(rec, <u16>object.count, NexthopRec.GROUP_COUNT);
  store<u64>(rec, object.gw0, NexthopRec.GW);
  store<u64>(rec + NexthopRec.GW, object.gw1, 8);
  if (object.res !== 0) {
    const res = changetype<NhRes>(object.res);
    store<u16>(rec, <u16>res.buckets, NexthopRec.BUCKETS);
    store<u32>(rec, <u32>(res.idleTimer / NS_PER_MS), NexthopRec.IDLE_TIMER);
    store<u32>(rec, <u32>(res.unbalancedTimer / NS_PER_MS), NexthopRec.UNBALANCED_TIMER);
    const since = res.unbalancedSince;
    const time = since === 0 ? 0 : <u32>((root().now - min(since, root().now)) / NS_PER_MS);
    store<u32>(rec, time, NexthopRec.UNBALANCED_TIME);
  }
  for (let i: u32 = 0; i < object.count; i++) {
    const entry = nhEntry(object, i);
    const at = rec + NexthopRec.SIZE + i * <u32>NexthopGroupRec.SIZE;
    store<u32>(at, changetype<NhObject>(entry.object).id, NexthopGroupRec.ID);
    store<u32>(at, entry.weight - 1, NexthopGroupRec.WEIGHT);
  }
}

function nexthopBuckets(body: usize, len: u32): i32 {
  if (len < <u32>NexthopBucketsRec.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NexthopBucketsRec.NET));
  if (net === null) return -Errno.ENOENT;
  const group = nhFind(net, load<u32>(body, NexthopBucketsRec.ID));
  if (group === null) return -Errno.ENOENT;
  if (group.res === 0) return -Errno.EINVAL;
  const res = changetype<NhRes>(group.res);
  const first = load<u32>(body, NexthopBucketsRec.FIRST);
  const room = (len - <u32>NexthopBucketsRec.RECORDS) / <u32>NexthopBucketRec.SIZE;
  let n: u32 = 0;
  while (n < room && first < res.buckets && n < res.buckets - first) {
    const bucket = changetype<NhBucket>(res.table + (first + n) * NH_BUCKET_BYTES);
    const at = body + NexthopBucketsRec.RECORDS + n * <u32>NexthopBucketRec.SIZE;
    const member = min(bucket.entry, group.count - 1);
    store<u32>(at, changetype<NhObject>(nhEntry(group, member).object).id, NexthopBucketRec.ID);
    store<u32>(at, <u32>((root().now - min(bucket.used, root().now)) / NS_PER_MS), NexthopBucketRec.IDLE_MS);
    n++;
  }
  store<u32>(body, n, NexthopBucketsRec.COUNT);
  return 0;
}
