/** Multicast routing and membership. Linux: ipmr(4)'s socket options MRT_*, `ip mroute`, IP_ADD_MEMBERSHIP. */
import { Dump, McastRec, MfcRec, MrouteRec, MsgType, VifRec } from '../abi/request';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { ipMcDecGroup, ipMcIncGroup } from '../ipv4/igmp';
import { ipmrInit, ipmrMfcAdd, ipmrVifAdd, ipmrVifDel } from '../ipv4/ipmr';
import { ip6mrInit, ip6mrMfcAdd, ip6mrMifAdd, ip6mrMifDel } from '../ipv6/ip6mr';
import { ipv6DevMcDec, ipv6DevMcInc, ipv6ChkMcastAddr } from '../ipv6/mcast';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { MAXVIFS, MrTable, mfcDel, mfcDumpNext, mfcGroup, mfcOrigin, mfcTtl, mrVif } from '../route/mroute';

const NS_PER_MS: u64 = 1_000_000;

/** All records begin with net and family. */
export function requestMroute(type: u32, body: usize, len: u32): i32 {
  if (len < sizeOf(type)) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, 4);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  const four = family === AF_INET;
  switch (type) {
    case MsgType.MROUTE_INIT: {
      const on = load<u32>(body, MrouteRec.ON) !== 0;
      return four ? ipmrInit(net, on) : ip6mrInit(net, on);
    }
    case MsgType.VIF_NEW:
      return vifNew(net, four, body);
    case MsgType.VIF_DEL: {
      const vifi = load<u32>(body, VifRec.VIF);
      return four ? ipmrVifDel(net, vifi) : ip6mrMifDel(net, vifi);
    }
    case MsgType.VIF_DUMP:
      return vifDump(net, family, body, len);
    case MsgType.MFC_NEW:
    case MsgType.MFC_DEL:
      return mfc(type, net, four, body);
    case MsgType.MFC_DUMP:
      return mfcDump(net, family, body, len);
    case MsgType.MCAST_JOIN:
    case MsgType.MCAST_LEAVE:
      return member(type, net, four, body);
  }
  return -Errno.EOPNOTSUPP;
}

function sizeOf(type: u32): u32 {
  switch (type) {
    case MsgType.MROUTE_INIT:
      return MrouteRec.SIZE;
    case MsgType.VIF_NEW:
    case MsgType.VIF_DEL:
      return VifRec.SIZE;
    case MsgType.MFC_NEW:
    case MsgType.MFC_DEL:
      return MfcRec.SIZE;
    case MsgType.MCAST_JOIN:
    case MsgType.MCAST_LEAVE:
      return McastRec.SIZE;
  }
  return Dump.RECORDS;
}

function tableOf(net: Net, family: u32): MrTable | null {
  return changetype<MrTable | null>(family === AF_INET ? net.mrt4 : net.mrt6);
}

function vifNew(net: Net, four: bool, body: usize): i32 {
  const dev = devGetByIndex(net, load<i32>(body, VifRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  const vifi = load<u32>(body, VifRec.VIF);
  const threshold = load<u32>(body, VifRec.THRESHOLD);
  return four ? ipmrVifAdd(net, vifi, dev, threshold) : ip6mrMifAdd(net, vifi, dev, threshold);
}

/** CURSOR: [0] the next number. */
function vifDump(net: Net, family: u32, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / VifRec.SIZE;
  const table = tableOf(net, family);
  let n: u32 = 0;
  let at = load<u32>(body, Dump.CURSOR);
  for (; table !== null && n < room && at < table.maxvif; at++) {
    const v = mrVif(table, at);
    if (v.dev === 0) continue;
    const rec = body + Dump.RECORDS + n * VifRec.SIZE;
    memory.fill(rec, 0, VifRec.SIZE);
    store<u32>(rec, net.handle, VifRec.NET);
    store<u32>(rec, family, VifRec.FAMILY);
    store<u32>(rec, at, VifRec.VIF);
    store<i32>(rec, changetype<NetDevice>(v.dev).ifindex, VifRec.IFINDEX);
    store<u32>(rec, v.threshold, VifRec.THRESHOLD);
    store<u64>(rec, v.pktIn, VifRec.PKT_IN);
    store<u64>(rec, v.pktOut, VifRec.PKT_OUT);
    store<u64>(rec, v.bytesIn, VifRec.BYTES_IN);
    store<u64>(rec, v.bytesOut, VifRec.BYTES_OUT);
    n++;
  }
  store<u32>(body, at, Dump.CURSOR);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function mfc(type: u32, net: Net, four: bool, body: usize): i32 {
  const origin = body + MfcRec.ORIGIN;
  const group = body + MfcRec.GROUP;
  const parent = load<i32>(body, MfcRec.PARENT);
  const proxy = load<u32>(body, MfcRec.PROXY) !== 0;
  if (type === <u32>MsgType.MFC_NEW) {
    const ttls = body + MfcRec.TTLS;
    return four
      ? ipmrMfcAdd(net, origin, group, parent, ttls, proxy)
      : ip6mrMfcAdd(net, origin, group, parent, ttls, proxy);
  }
  const table = tableOf(net, four ? AF_INET : AF_INET6);
  return table === null ? -Errno.ENOENT : mfcDel(table, origin, group, proxy ? parent : -1);
}

/** CURSOR: [0..1] where in the table. */
function mfcDump(net: Net, family: u32, body: usize, len: u32): i32 {
  const room = (len - Dump.RECORDS) / MfcRec.SIZE;
  const table = tableOf(net, family);
  let n: u32 = 0;
  while (table !== null && n < room) {
    const c = mfcDumpNext(table, body + Dump.CURSOR);
    if (c === null) break;
    const rec = body + Dump.RECORDS + n * MfcRec.SIZE;
    memory.fill(rec, 0, MfcRec.SIZE);
    store<u32>(rec, net.handle, MfcRec.NET);
    store<u32>(rec, family, MfcRec.FAMILY);
    store<i32>(rec, c.parent, MfcRec.PARENT);
    memory.copy(rec + MfcRec.ORIGIN, mfcOrigin(c), 16);
    memory.copy(rec + MfcRec.GROUP, mfcGroup(c), 16);
    for (let i: u32 = 0; i < MAXVIFS; i++) store<u8>(rec + MfcRec.TTLS + i, mfcTtl(c, i));
    store<u64>(rec, c.pkt, MfcRec.PKT);
    store<u64>(rec, c.bytes, MfcRec.BYTES);
    store<u64>(rec, c.wrongIf, MfcRec.WRONG_IF);
    store<u64>(rec, (root().now - c.lastUse) / NS_PER_MS, MfcRec.LAST_USE_MS);
    n++;
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function member(type: u32, net: Net, four: bool, body: usize): i32 {
  const dev = devGetByIndex(net, load<i32>(body, McastRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  const group = body + McastRec.GROUP;
  const join = type === <u32>MsgType.MCAST_JOIN;
  if (four) {
    const group4 = bswap<u32>(load<u32>(group));
    return join ? ipMcIncGroup(dev, group4) : ipMcDecGroup(dev, group4);
  }
  if (load<u8>(group) !== 0xff) return -Errno.EINVAL;
  if (join) return ipv6DevMcInc(dev, group) ? 0 : -Errno.ENOBUFS;
  if (!ipv6ChkMcastAddr(dev, group)) return -Errno.EADDRNOTAVAIL;
  ipv6DevMcDec(dev, group);
  return 0;
}
