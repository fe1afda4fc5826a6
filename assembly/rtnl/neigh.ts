/** NEIGH_*: neighbours. Linux: net/core/neighbour.c, `ip neighbour`. */
import { Dump, MsgType, NeighRec } from '../abi/request';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { root } from '../lib/root';
import { NEIGH_ADD_CREATE, NEIGH_ADD_REPLACE, neighAdd, neighDelete } from '../neigh/neigh_request';
import { neighDumpNext } from '../neigh/neigh_table';
import { pneighAdd, pneighDelete, pneighDumpNext } from '../neigh/pneigh';
import { NTF_PROXY, NTF_USE, NUD_PERMANENT, Neighbour, neighHa, neighKey } from '../neigh/neighbour';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';

const NS_PER_MS: u64 = 1_000_000;

export function requestNeigh(type: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.NEIGH_DUMP) return neighDump(body, len);
  if (len < <u32>NeighRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NeighRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, NeighRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  const family = load<u8>(body, NeighRec.FAMILY);
  const key = body + NeighRec.KEY;
  if ((<u32>load<u8>(body, NeighRec.FLAGS) & NTF_PROXY) !== 0) {
    if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
    if (type === <u32>MsgType.NEIGH_DEL) return pneighDelete(family, net, key, changetype<usize>(dev));
    return pneighAdd(family, net, key, dev, load<u8>(body, NeighRec.FLAGS));
  }
  if (type === <u32>MsgType.NEIGH_DEL) return neighDelete(net, family, key, dev);
  if (type !== <u32>MsgType.NEIGH_NEW) return -Errno.EOPNOTSUPP;
  const state = load<u8>(body, NeighRec.STATE);
  const known = (load<u64>(body, NeighRec.LLADDR) & 0xffffffffffff) !== 0;
  const flags = <u32>load<u8>(body, NeighRec.FLAGS) | NEIGH_ADD_CREATE | NEIGH_ADD_REPLACE;
  return neighAdd(
    net,
    family,
    key,
    dev,
    known ? body + NeighRec.LLADDR : 0,
    state === 0 && (flags & NTF_USE) === 0 ? NUD_PERMANENT : state,
    flags,
  );
}

/** NEIGH_PROXY_DUMP. CURSOR: [0..1] where in the table. */
export function neighProxyDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, Dump.FAMILY);
  const room = (len - Dump.RECORDS) / NeighRec.SIZE;
  let n: u32 = 0;
  while (n < room) {
    const e = pneighDumpNext(net, body + Dump.CURSOR);
    if (e === null) break;
    if (family !== 0 && <u32>e.family !== family) continue;
    const rec = body + Dump.RECORDS + n * NeighRec.SIZE;
    memory.fill(rec, 0, NeighRec.SIZE);
    store<u32>(rec, net.handle, NeighRec.NET);
    store<i32>(rec, changetype<NetDevice>(e.dev).ifindex, NeighRec.IFINDEX);
    store<u8>(rec, e.family, NeighRec.FAMILY);
    store<u8>(rec, e.flags, NeighRec.FLAGS);
    store<u64>(rec, e.key0, NeighRec.KEY);
    store<u64>(rec, e.key1, NeighRec.KEY + 8);
    n++;
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

/** CURSOR: [0] family, [1..2] where in the table. */
function neighDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, Dump.FAMILY);
  const cursor = body + Dump.CURSOR;
  const room = (len - Dump.RECORDS) / NeighRec.SIZE;
  if (load<u32>(cursor) === 0) store<u32>(cursor, family === AF_INET6 ? AF_INET6 : AF_INET);
  let n: u32 = 0;
  while (n < room) {
    const neigh = neighDumpNext(net, load<u32>(cursor), cursor + 4);
    if (neigh !== null) {
      fillNeigh(net, neigh, body + Dump.RECORDS + n * NeighRec.SIZE);
      n++;
      continue;
    }
    if (family !== 0 || load<u32>(cursor) === AF_INET6) break;
    store<u32>(cursor, AF_INET6);
    memory.fill(cursor + 4, 0, 20);
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function fillNeigh(net: Net, neigh: Neighbour, rec: usize): void {
  const now = root().now;
  memory.fill(rec, 0, NeighRec.SIZE);
  store<u32>(rec, net.handle, NeighRec.NET);
  store<i32>(rec, changetype<NetDevice>(neigh.dev).ifindex, NeighRec.IFINDEX);
  store<u8>(rec, neigh.family, NeighRec.FAMILY);
  store<u8>(rec, neigh.nudState, NeighRec.STATE);
  store<u8>(rec, neigh.flags, NeighRec.FLAGS);
  store<u32>(rec, neigh.refs, NeighRec.REFS);
  memory.copy(rec + NeighRec.KEY, neighKey(neigh), neigh.family === AF_INET ? 4 : 16);
  memory.copy(rec + NeighRec.LLADDR, neighHa(neigh), 6);
  store<u32>(rec, neigh.probes, NeighRec.PROBES);
  store<u32>(rec, <u32>((now - neigh.confirmed) / NS_PER_MS), NeighRec.CONFIRMED_MS);
  store<u32>(rec, <u32>((now - neigh.used) / NS_PER_MS), NeighRec.USED_MS);
  store<u32>(rec, <u32>((now - neigh.updated) / NS_PER_MS), NeighRec.UPDATED_MS);
}
