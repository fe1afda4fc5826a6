/**
 * Which next hop of a route with several takes a flow. Linux: fib_select_multipath and fib_rebalance,
 * nexthop_select_path, fib6_select_path; hash-threshold of RFC 2992.
 *
 *   hash (31 bits)   0 ├──── hop 0, weight 1 ────┼──────────── hop 1, weight 2 ────────────┤ 2^31 - 1
 *                                        upperBound of hop 0                       of hop 1
 */
import { Ipv4Conf, Ipv6Conf, Sysctl } from '../abi/sysctl';
import { NetDevice, conf4Or, conf6 } from '../dev/net_device';
import { root } from '../lib/root';
import { NUD_VALID, neighLookup } from '../neigh/neighbour';
import { AF_INET, Net, sysctl } from '../net/net';
import { FibInfo, FibNh, RTNH_F_DEAD, RTNH_F_LINKDOWN, fibNh, nhGwPtr } from './fib';
import { NH_BUCKET_BYTES, NH_GROUP_TYPE_RES, NhBucket, NhObject, NhRes } from './nh_object';

/** Whether routes by a device without carrier do not count: net.ipv[46].conf.DEV.ignore_routes_with_linkdown. */
export function fibIgnoreLinkdown(family: u32, dev: usize): bool {
  if (dev === 0) return false;
  const device = changetype<NetDevice>(dev);
  return family === AF_INET
    ? conf4Or(device, Ipv4Conf.IGNORE_ROUTES_WITH_LINKDOWN)
    : conf6(device, Ipv6Conf.IGNORE_ROUTES_WITH_LINKDOWN) !== 0;
}

/** True when the next hop may be used now: not dead, and with carrier where that is asked for. */
export function fibNhAlive(family: u32, nh: FibNh): bool {
  if (nh.flags === 0) return true;
  if ((nh.flags & RTNH_F_DEAD) !== 0) return false;
  return (nh.flags & RTNH_F_LINKDOWN) === 0 || !fibIgnoreLinkdown(family, nh.dev);
}

/** Shares the range of hashes out by weight among the next hops that are alive. */
export function fibRebalance(info: FibInfo): void {
  if (info.nhCount < 2) return;
  let total: u64 = 0;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (fibNhAlive(info.family, nh)) total += nh.weight;
  }
  let sum: u64 = 0;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (!fibNhAlive(info.family, nh)) {
      nh.upperBound = -1;
      continue;
    }
    sum += nh.weight;
    // Rounded to the closest, as Linux does.
    nh.upperBound = <i32>(((sum << 31) + (total >> 1)) / total - 1);
  }
}

/** Whether the gateway's neighbour may be used: one not known yet is given the benefit of the doubt. Linux: fib_good_nh. */
function goodNh(info: FibInfo, nh: FibNh): bool {
  if (nh.gwFamily === 0 || nh.dev === 0) return true;
  const neigh = neighLookup(nh.gwFamily, nhGwPtr(nh), changetype<NetDevice>(nh.dev));
  return neigh === null || (<u32>neigh.nudState & NUD_VALID) !== 0;
}

/** The next hop of `info` for a flow of this hash (route/flow_hash). */
export function fibSelectPath(net: Net, info: FibInfo, hash: u32): FibNh {
  if (info.nhCount < 2) return fibNh(info, 0);
  if (info.object !== 0) return selectOfGroup(info, hash);
  const useNeigh = info.family === AF_INET && sysctl(net, Sysctl.FIB_MULTIPATH_USE_NEIGH) !== 0;
  let first: FibNh | null = null;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (nh.upperBound === -1 || (useNeigh && !goodNh(info, nh))) continue;
    if (<i32>hash <= nh.upperBound) return nh;
    if (first === null) first = nh;
  }
  return first === null ? fibNh(info, 0) : first;
}

/** Linux: nexthop_select_path_hthr, nexthop_select_path_res. */
function selectOfGroup(info: FibInfo, hash: u32): FibNh {
  const group = changetype<NhObject>(info.object);
  if (group.groupType === NH_GROUP_TYPE_RES) {
    const res = changetype<NhRes>(group.res);
    const bucket = changetype<NhBucket>(res.table + (hash % res.buckets) * NH_BUCKET_BYTES);
    bucket.used = root().now;
    return fibNh(info, min(bucket.entry, info.nhCount - 1));
  }
  let first: FibNh | null = null;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (!goodNh(info, nh)) continue;
    if (first === null) first = nh;
    if (<i32>hash <= nh.upperBound) return nh;
  }
  return first === null ? fibNh(info, 0) : first;
}
