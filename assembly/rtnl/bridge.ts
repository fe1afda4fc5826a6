/** BRIDGE_*, FDB_*, MDB_*: `bridge link`, `bridge fdb`, `bridge vlan`, `bridge mdb`. Linux: net/bridge/br_netlink.c. */
import {
  BR_VLAN_PVID,
  BR_VLAN_UNTAGGED,
  BrAttr,
  BrGetRec,
  BrPortAttr,
  BrSetRec,
  BrVlanRec,
  BrVlanStatsRec,
  FDB_F_APPEND,
  FDB_F_REPLACE,
  FdbRec,
  MDB_KIND_GROUP,
  MDB_KIND_SOURCE,
  MDB_PERMANENT,
  MDB_USER,
  MdbRec,
} from '../abi/bridge';
import { Dump, MsgType } from '../abi/request';
import {
  FDB_DYNAMIC_LEARNED,
  FDB_EXT_LEARN,
  FDB_STICKY,
  FdbEntry,
  fdbAddEntry,
  fdbAgeCs,
  fdbDelEntry,
  fdbFlush,
  fdbIfindex,
  fdbKey,
  fdbState,
} from '../bridge/br_fdb';
import { brOf, brPortOf } from '../bridge/br_if';
import { GroupSource, groupSourceTimer, groupSourceUser, starHandleMode } from '../bridge/br_mdb_source';
import {
  MCAST_EXCLUDE,
  MCAST_INCLUDE,
  MdbEntry,
  PortGroup,
  hostTimer,
  mdbAt,
  mdbGet,
  mdbHostJoin,
  mdbHostLeave,
  mdbIsStarG,
  mdbLookupSource,
  mdbPortGet,
  mdbPortGroup,
  mdbPortLeave,
  mdbTellsSources,
  portGroupTimer,
  timerLeftCs,
} from '../bridge/br_mdb';
import { brGet, brPortGet, brPortSet, brSet } from '../bridge/br_options';
import { BrPort, Bridge, GROUP_BIT, MAC_MASK } from '../bridge/br_private';
import { brVlanAdd, brVlanDelete, brVlanSetState, vlanMember, vlanUntagged } from '../bridge/br_vlan';
import { VlanGroup, vlanState, vlanStatsEntry } from '../bridge/br_vlan_entry';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { root } from '../lib/root';
import { TIMER_NEVER, timerAdd } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, netByHandle } from '../net/net';
import { VLAN_N_VID } from '../wire/vlan';

const NS_PER_CS: u64 = 10_000_000;
/** Linux: include/uapi/linux/neighbour.h. */
const NTF_EXT_LEARNED: u32 = 0x10;
const NTF_STICKY: u32 = 0x40;

/** Net and ifindex stand at the same place in every record but a dump's. */
export function requestBridge(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (len < <u32>BrSetRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, BrSetRec.NET));
  if (net === null) return -Errno.ENOENT;
  const vlans = type === MsgType.BRIDGE_VLAN_DUMP || type === MsgType.BRIDGE_VLAN_STATS;
  const isDump = vlans || type === MsgType.FDB_DUMP || type === MsgType.MDB_DUMP;
  if (isDump && len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const ifindex = isDump ? load<i32>(body, Dump.IFINDEX) : load<i32>(body, BrSetRec.IFINDEX);
  const found = devGetByIndex(net, ifindex);
  if (found === null) return -Errno.ENODEV;
  const p = brPortOf(found);
  const br = p !== null ? changetype<Bridge>(p.br) : brOf(found);
  // Linux: "Specified device is not a bridge", "... is not a bridge port".
  if (br === null) return -Errno.EINVAL;
  switch (type) {
    case MsgType.BRIDGE_SET:
      return p !== null
        ? -Errno.EINVAL
        : brSet(br, load<u32>(body, BrSetRec.ATTR), load<u32>(body, BrSetRec.VALUE));
    case MsgType.BRIDGE_PORT_SET:
      if (p === null) return -Errno.EINVAL;
      return brPortSet(p, load<u32>(body, BrSetRec.ATTR), load<u32>(body, BrSetRec.VALUE));
    case MsgType.BRIDGE_GET:
    case MsgType.BRIDGE_PORT_GET:
      return get(type, br, p, body, len);
    case MsgType.FDB_NEW:
    case MsgType.FDB_DEL:
    case MsgType.FDB_FLUSH:
      return len < <u32>FdbRec.SIZE ? -Errno.EINVAL : fdbRequest(type, flags, br, p, body);
    case MsgType.FDB_DUMP:
      return fdbDump(br, p, body, len);
    case MsgType.BRIDGE_VLAN_NEW:
    case MsgType.BRIDGE_VLAN_DEL:
    case MsgType.BRIDGE_VLAN_SET:
      return vlanRequest(type, br, p, body);
    case MsgType.BRIDGE_VLAN_DUMP:
      return vlanDump(br, p, body, len);
    case MsgType.BRIDGE_VLAN_STATS:
      return vlanStats(br, p, body, len);
    case MsgType.MDB_NEW:
    case MsgType.MDB_DEL:
      return len < <u32>MdbRec.SIZE ? -Errno.EINVAL : mdbRequest(type, br, p, body);
    default:
      return mdbDump(br, p, body, len);
  }
}

function ifindexOf(br: Bridge, p: BrPort | null): i32 {
  return changetype<NetDevice>(p === null ? br.dev : p.dev).ifindex;
}

function get(type: u32, br: Bridge, p: BrPort | null, body: usize, len: u32): i32 {
  if (len < <u32>BrGetRec.SIZE) return -Errno.EINVAL;
  const ofPort = type === <u32>MsgType.BRIDGE_PORT_GET;
  if (ofPort !== (p !== null)) return -Errno.EINVAL;
  const count = ofPort ? <u32>BrPortAttr.MAX : <u32>BrAttr.MAX;
  store<i32>(body, ifindexOf(br, null), BrGetRec.MASTER);
  store<u32>(body, count, BrGetRec.COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const value = p !== null ? brPortGet(p, i) : brGet(br, i);
    store<u32>(body + BrGetRec.VALUES + (i << 2), value);
  }
  return 0;
}

function fdbRequest(type: u32, how: u32, br: Bridge, p: BrPort | null, body: usize): i32 {
  const vid: u32 = load<u16>(body, FdbRec.VID);
  const state: u32 = load<u16>(body, FdbRec.STATE);
  if (vid >= VLAN_N_VID - 1) return -Errno.EINVAL;
  if (type === <u32>MsgType.FDB_FLUSH) {
    fdbFlush(br, p, vid, state);
    return 0;
  }
  const mac = load<u64>(body, FdbRec.MAC) & MAC_MASK;
  if (mac === 0 || (mac & GROUP_BIT) !== 0) return -Errno.EINVAL;
  const group = p === null ? br.vlans : p.vlans;
  if (vid !== 0 && !vlanMember(group, vid)) return -Errno.EINVAL;
  const ntf: u32 = load<u8>(body, FdbRec.FLAGS);
  const flags =
    ((ntf & NTF_STICKY) !== 0 ? FDB_STICKY : 0) | ((ntf & NTF_EXT_LEARNED) !== 0 ? FDB_EXT_LEARN : 0);
  const replace = (how & (FDB_F_REPLACE | FDB_F_APPEND)) !== 0;
  if (vid !== 0) return fdbOne(type, br, p, fdbKey(mac, vid), state, flags, replace);
  // Without a VLAN: the entry of no VLAN, and with filtering that of every VLAN of the port (Linux: br_fdb_add).
  let err = fdbOne(type, br, p, fdbKey(mac, 0), state, flags, replace);
  if (br.vlanFiltering === 0 || (err !== 0 && type === <u32>MsgType.FDB_NEW)) return err;
  for (let v: u32 = 1; v < VLAN_N_VID - 1; v++) {
    if (!vlanMember(group, v)) continue;
    const one = fdbOne(type, br, p, fdbKey(mac, v), state, flags, replace);
    if (type === <u32>MsgType.FDB_NEW) {
      if (one !== 0) return one;
    } else if (one === 0) {
      err = 0;
    }
  }
  return err;
}

function fdbOne(
  type: u32,
  br: Bridge,
  p: BrPort | null,
  key: u64,
  state: u32,
  flags: u32,
  replace: bool,
): i32 {
  if (type === <u32>MsgType.FDB_DEL) return fdbDelEntry(br, p, key);
  return fdbAddEntry(br, p, key, state, flags, replace);
}

/** CURSOR: [0] bucket, [1] how many of it were told. A table that grows in between is told from where it stands. */
function fdbDump(br: Bridge, p: BrPort | null, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / FdbRec.SIZE;
  let bucket = load<u32>(body, Dump.CURSOR);
  let skip = load<u32>(body, Dump.CURSOR + 4);
  let n: u32 = 0;
  while (bucket <= br.fdbMask && n < room) {
    let at = load<u32>(br.fdbBuckets + (bucket << 2));
    let seen: u32 = 0;
    while (at !== 0 && n < room) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      if (seen++ < skip) continue;
      skip++;
      if (p !== null && e.dst !== changetype<usize>(p)) continue;
      fillFdb(br, e, body + Dump.RECORDS + n * FdbRec.SIZE);
      n++;
    }
    if (at !== 0) break;
    if (n === room && skip < seen) break;
    bucket++;
    skip = 0;
  }
  store<u32>(body, bucket, Dump.CURSOR);
  store<u32>(body, skip, Dump.CURSOR + 4);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function fillFdb(br: Bridge, e: FdbEntry, rec: usize): void {
  const dev = changetype<NetDevice>(br.dev);
  store<u32>(rec, dev.net.handle, FdbRec.NET);
  store<i32>(rec, fdbIfindex(br, e), FdbRec.IFINDEX);
  store<i32>(rec, dev.ifindex, FdbRec.MASTER);
  store<u16>(rec, <u16>fdbState(br, e), FdbRec.STATE);
  const sticky = (e.flags & FDB_STICKY) !== 0 ? NTF_STICKY : 0;
  const ext = (e.flags & FDB_EXT_LEARN) !== 0 ? NTF_EXT_LEARNED : 0;
  store<u8>(rec, <u8>(sticky | ext), FdbRec.FLAGS);
  store<u8>(rec, <u8>((e.flags & FDB_DYNAMIC_LEARNED) !== 0), FdbRec.LEARNED);
  store<u64>(rec, e.key, FdbRec.MAC);
  store<u32>(rec, fdbAgeCs(e.used), FdbRec.USED);
  store<u32>(rec, fdbAgeCs(e.updated), FdbRec.UPDATED);
}

/** VID to VID_END; 0 in VID_END: only that one. */
function vlanRequest(type: u32, br: Bridge, p: BrPort | null, body: usize): i32 {
  const first: u32 = load<u16>(body, BrVlanRec.VID);
  const end: u32 = load<u16>(body, BrVlanRec.VID_END);
  const last = end === 0 ? first : end;
  const flags: u32 = load<u16>(body, BrVlanRec.FLAGS);
  if (first === 0 || last >= VLAN_N_VID - 1 || last < first) return -Errno.EINVAL;
  if ((flags & ~(BR_VLAN_PVID | BR_VLAN_UNTAGGED)) !== 0) return -Errno.EINVAL;
  // One port has one PVID.
  if (last !== first && (flags & BR_VLAN_PVID) !== 0) return -Errno.EINVAL;
  let err: i32 = 0;
  for (let vid = first; vid <= last; vid++) {
    let one: i32 = 0;
    if (type === <u32>MsgType.BRIDGE_VLAN_NEW) one = brVlanAdd(br, p, vid, flags);
    else if (type === <u32>MsgType.BRIDGE_VLAN_DEL) one = brVlanDelete(br, p, vid);
    else one = brVlanSetState(br, p, vid, load<u16>(body, BrVlanRec.STATE));
    if (one !== 0) err = one;
  }
  return err;
}

/** Of one device; CURSOR[0] is the last VLAN told. Neighbouring VLANs with the same flags are one record. */
function vlanDump(br: Bridge, p: BrPort | null, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / BrVlanRec.SIZE;
  const group = p === null ? br.vlans : p.vlans;
  let vid = load<u32>(body, Dump.CURSOR) + 1;
  let n: u32 = 0;
  while (vid < VLAN_N_VID - 1 && n < room) {
    if (!vlanMember(group, vid)) {
      vid++;
      continue;
    }
    const flags = vlanFlags(group, vid);
    let end = vid;
    while (end + 1 < VLAN_N_VID - 1 && vlanMember(group, end + 1) && vlanFlags(group, end + 1) === flags) {
      if (vlanState(group, end + 1) !== vlanState(group, vid)) break;
      end++;
    }
    const rec = body + Dump.RECORDS + n * BrVlanRec.SIZE;
    store<u32>(rec, changetype<NetDevice>(br.dev).net.handle, BrVlanRec.NET);
    store<i32>(rec, ifindexOf(br, p), BrVlanRec.IFINDEX);
    store<u16>(rec, <u16>vid, BrVlanRec.VID);
    store<u16>(rec, <u16>end, BrVlanRec.VID_END);
    store<u16>(rec, <u16>flags, BrVlanRec.FLAGS);
    store<u16>(rec, <u16>vlanState(group, vid), BrVlanRec.STATE);
    n++;
    vid = end + 1;
  }
  store<u32>(body, vid - 1, Dump.CURSOR);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

/** As vlanDump, a record a VLAN. */
function vlanStats(br: Bridge, p: BrPort | null, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / BrVlanStatsRec.SIZE;
  const group = p === null ? br.vlans : p.vlans;
  const perPort = brGet(br, BrAttr.VLAN_STATS_PER_PORT);
  let vid = load<u32>(body, Dump.CURSOR) + 1;
  let n: u32 = 0;
  for (; vid < VLAN_N_VID - 1 && n < room; vid++) {
    if (!vlanMember(group, vid)) continue;
    const rec = body + Dump.RECORDS + n++ * BrVlanStatsRec.SIZE;
    const entry = vlanStatsEntry(br, group, vid, perPort);
    memory.fill(rec, 0, BrVlanStatsRec.SIZE);
    store<u16>(rec, <u16>vid, BrVlanStatsRec.VID);
    store<u16>(rec, <u16>vlanFlags(group, vid), BrVlanStatsRec.FLAGS);
    if (entry !== 0) memory.copy(rec + BrVlanStatsRec.RX_BYTES, entry, 32);
  }
  store<u32>(body, vid - 1, Dump.CURSOR);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function vlanFlags(group: usize, vid: u32): u32 {
  const pvid: u32 = changetype<VlanGroup>(group).pvid;
  return (vlanUntagged(group, vid) ? BR_VLAN_UNTAGGED : 0) | (pvid === vid ? BR_VLAN_PVID : 0);
}

/** A static entry, or one as if the port had just reported (MDB_PERMANENT or not). Linux: br_mdb_add. */
function mdbRequest(type: u32, br: Bridge, p: BrPort | null, body: usize): i32 {
  const family: u32 = load<u8>(body, MdbRec.FAMILY);
  const vid: u32 = load<u16>(body, MdbRec.VID);
  const flags: u32 = load<u8>(body, MdbRec.FLAGS);
  const addr0 =
    family === AF_INET6
      ? load<u64>(body, MdbRec.ADDR)
      : family === AF_INET
        ? <u64>load<u32>(body, MdbRec.ADDR)
        : load<u64>(body, MdbRec.ADDR) & MAC_MASK;
  const addr1 = family === AF_INET6 ? load<u64>(body, MdbRec.ADDR + 8) : 0;
  const src0 = family === AF_INET ? <u64>load<u32>(body, MdbRec.SRC) : load<u64>(body, MdbRec.SRC);
  const src1 = family === AF_INET6 ? load<u64>(body, MdbRec.SRC + 8) : 0;
  const ofSource = (src0 | src1) !== 0;
  if (!isGroup(family, addr0) || vid >= VLAN_N_VID - 1) return -Errno.EINVAL;
  // The bridge itself listens to all sources or to none; a MAC has no sources.
  if (ofSource && (p === null || family === 0)) return -Errno.EINVAL;
  if (family === 0 && (flags & MDB_PERMANENT) === 0 && type === <u32>MsgType.MDB_NEW) return -Errno.EINVAL;
  if (type === <u32>MsgType.MDB_DEL) {
    const entry = mdbLookupSource(br, family, vid, addr0, addr1, src0, src1);
    if (entry === 0) return -Errno.ENOENT;
    if (p === null) {
      if (changetype<MdbEntry>(entry).hostJoined === 0) return -Errno.ENOENT;
      mdbHostLeave(entry);
      return 0;
    }
    const pg = mdbPortGroup(entry, p);
    if (pg === 0) return -Errno.ENOENT;
    mdbPortLeave(pg);
    return 0;
  }
  if (br.snooping === 0) return -Errno.EINVAL;
  const known = mdbLookupSource(br, family, vid, addr0, addr1, src0, src1);
  if (
    known !== 0 &&
    (p === null ? changetype<MdbEntry>(known).hostJoined !== 0 : mdbPortGroup(known, p) !== 0)
  )
    return -Errno.EEXIST;
  const entry = mdbGet(br, family, vid, addr0, addr1, src0, src1);
  if (entry === 0) return -Errno.ENOSPC;
  const until = root().now + <u64>brGet(br, BrAttr.MCAST_MEMBERSHIP_INTERVAL) * NS_PER_CS;
  if (p === null) {
    mdbHostJoin(entry, (flags & MDB_PERMANENT) !== 0 ? TIMER_NEVER : until);
    return 0;
  }
  const pg = mdbPortGet(
    entry,
    p,
    (flags & MDB_PERMANENT) | MDB_USER,
    0,
    ofSource ? MCAST_INCLUDE : MCAST_EXCLUDE,
  );
  if (pg === 0) return -Errno.ENOMEM;
  if ((flags & MDB_PERMANENT) === 0) timerAdd(portGroupTimer(pg), until);
  if (!mdbTellsSources(br, family)) return 0;
  if (ofSource) groupSourceUser(br, changetype<PortGroup>(pg));
  else starHandleMode(changetype<PortGroup>(pg), MCAST_EXCLUDE);
  return 0;
}

/** A group that may have an entry: not those that are always flooded (224.0.0.0/24, ff02::1). */
function isGroup(family: u32, addr0: u64): bool {
  if (family === AF_INET) return (addr0 & 0xf0) === 0xe0 && (addr0 & 0x00ffffff) !== 0xe0;
  if (family === AF_INET6) return (addr0 & 0xff) === 0xff;
  return family === 0 && (addr0 & GROUP_BIT) !== 0;
}

/**
 * CURSOR: [0] entry, [1] member of it, 0 the bridge itself. Only of a port when one is named. The sources of a membership
 * stand behind it.
 */
function mdbDump(br: Bridge, p: BrPort | null, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / MdbRec.SIZE;
  let index = load<u32>(body, Dump.CURSOR);
  let member = load<u32>(body, Dump.CURSOR + 4);
  let n: u32 = 0;
  while (n < room) {
    const at = mdbAt(br, index);
    if (at === 0) break;
    const e = changetype<MdbEntry>(at);
    if (member === 0) {
      if (e.hostJoined !== 0 && p === null && mdbIsStarG(e))
        fillMdb(br, e, 0, body + Dump.RECORDS + n++ * MdbRec.SIZE);
      member = 1;
      continue;
    }
    let pg = e.ports;
    for (let i: u32 = 1; pg !== 0 && i < member; i++) pg = changetype<PortGroup>(pg).next;
    if (pg === 0) {
      index++;
      member = 0;
      continue;
    }
    if (p === null || changetype<PortGroup>(pg).port === changetype<usize>(p)) {
      if (n !== 0 && n + <u32>changetype<PortGroup>(pg).sourceCount >= room) break;
      fillMdb(br, e, pg, body + Dump.RECORDS + n++ * MdbRec.SIZE);
      for (
        let src = changetype<PortGroup>(pg).sources;
        src !== 0 && n < room;
        src = changetype<GroupSource>(src).next
      )
        fillSource(changetype<GroupSource>(src), body + Dump.RECORDS + n++ * MdbRec.SIZE);
    }
    member++;
  }
  store<u32>(body, index, Dump.CURSOR);
  store<u32>(body, member, Dump.CURSOR + 4);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function fillMdb(br: Bridge, e: MdbEntry, pg: usize, rec: usize): void {
  const dev = changetype<NetDevice>(br.dev);
  const port = changetype<BrPort | null>(pg === 0 ? 0 : changetype<PortGroup>(pg).port);
  store<u32>(rec, dev.net.handle, MdbRec.NET);
  store<i32>(rec, ifindexOf(br, port), MdbRec.IFINDEX);
  store<i32>(rec, dev.ifindex, MdbRec.MASTER);
  store<u16>(rec, e.vid, MdbRec.VID);
  store<u8>(rec, e.family, MdbRec.FAMILY);
  store<u8>(rec, pg === 0 ? 0 : <u8>changetype<PortGroup>(pg).flags, MdbRec.FLAGS);
  store<u64>(rec, e.addr0, MdbRec.ADDR);
  store<u64>(rec, e.addr1, MdbRec.ADDR + 8);
  const at = changetype<usize>(e);
  store<u32>(rec, timerLeftCs(pg === 0 ? hostTimer(at) : portGroupTimer(pg)), MdbRec.TIMER);
  store<u8>(rec, pg === 0 ? 0 : changetype<PortGroup>(pg).filterMode, MdbRec.FILTER_MODE);
  store<u8>(rec, <u8>MDB_KIND_GROUP, MdbRec.KIND);
  store<u64>(rec, e.src0, MdbRec.SRC);
  store<u64>(rec, e.src1, MdbRec.SRC + 8);
}

function fillSource(src: GroupSource, rec: usize): void {
  memory.fill(rec, 0, MdbRec.SIZE);
  store<u8>(rec, changetype<MdbEntry>(changetype<PortGroup>(src.pg).entry).family, MdbRec.FAMILY);
  store<u8>(rec, <u8>MDB_KIND_SOURCE, MdbRec.KIND);
  store<u32>(rec, timerLeftCs(groupSourceTimer(changetype<usize>(src))), MdbRec.TIMER);
  store<u64>(rec, src.addr0, MdbRec.SRC);
  store<u64>(rec, src.addr1, MdbRec.SRC + 8);
}
