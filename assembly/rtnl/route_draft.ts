/**
 * A route as a request says it: the RouteRec checked as Linux's fib_create_info and ip6_route_info_create check it,
 * and made a draft for the FIB.
 */
import { RouteNhRec, RouteRec } from '../abi/request';
import { IFF_UP, NetDevice, devGetByIndex } from '../dev/net_device';
import { ipv6ChkAddr } from '../ipv6/addr_hash';
import { inetAddrType } from '../ipv4/route';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net } from '../net/net';
import {
  FIB_NH_MAX,
  FibInfo,
  FibNh,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RtType,
  fibDraft,
  fibDraftFree,
  fibNh,
  fibLookup4,
  infoPrefSrcPtr,
  nhGwPtr,
} from '../route/fib';
import { fibGcStart } from '../route/fib_gc';
import {
  FLOW_F_IFACE,
  FLOW_F_IGNORE_LINKSTATE,
  fibFlowInit,
  fibTableLookup,
  flowDaddrPtr,
} from '../route/fib_lookup';
import { l3mdevMasterIfindex } from '../dev/l3mdev';
import { fibFlowLookup } from '../route/fib_rules';
import { fibRebalance } from '../route/fib_select';
import { fibGetTable, fibNet } from '../route/fib_table';
import { root } from '../lib/root';
import { NhObject } from '../route/nh_object';
import { nhDraft, nhFind } from '../route/nexthop';

/** Linux: IP6_RT_PRIO_USER, the metric of an IPv6 route that names none. */
const IP6_RT_PRIO_USER: u32 = 1024;
const NS_PER_SEC: u64 = 1_000_000_000;
const RTAX_COUNT: u32 = 14;

/** Table of the record: what it names, or main, or local for what is ours. */
export function recTable(body: usize): u32 {
  const table = load<u32>(body, RouteRec.TABLE);
  if (table !== 0) return table;
  const type = load<u8>(body, RouteRec.TYPE);
  const local = type === <u8>RtType.LOCAL || type === <u8>RtType.BROADCAST || type === <u8>RtType.ANYCAST;
  return local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
}

/** The draft at `*out` (u32), the caller's to give to the FIB or to free; 0 or a negative errno. */
export function routeDraft(net: Net, family: u32, body: usize, len: u32, out: usize): i32 {
  const several = <u32>load<u16>(body, RouteRec.NH_COUNT);
  const id = load<u32>(body, RouteRec.NH_ID);
  if (several > FIB_NH_MAX) return -Errno.EINVAL;
  if (several !== 0 && len - <u32>RouteRec.SIZE < several * <u32>RouteNhRec.SIZE) return -Errno.EINVAL;
  let type = load<u8>(body, RouteRec.TYPE);
  if (type === 0) type = <u8>RtType.UNICAST;
  if (type > <u8>RtType.THROW || type === <u8>RtType.MULTICAST) return -Errno.EINVAL;
  const nowhere = type >= <u8>RtType.BLACKHOLE;
  const oif = load<i32>(body, RouteRec.OIF);
  const gwFamily = load<u8>(body, RouteRec.GW_FAMILY);
  // fib_props: these have no next hop.
  if (nowhere && (gwFamily !== 0 || several !== 0 || id !== 0 || (family === AF_INET && oif !== 0)))
    return -Errno.EINVAL;
  if (id !== 0 && (several !== 0 || gwFamily !== 0 || oif !== 0)) return -Errno.EINVAL;
  let object: NhObject | null = null;
  if (id !== 0) object = nhFind(net, id);
  if (id !== 0 && object === null) return -Errno.EINVAL;
  const draft = object !== null ? nhDraft(object) : fibDraft(nowhere ? 0 : several !== 0 ? several : 1);
  if (draft === null) return -Errno.ENOMEM;
  draft.family = family;
  draft.type = object !== null && object.blackhole !== 0 ? <u8>RtType.BLACKHOLE : type;
  draft.nhId = id;
  let err = common(net, family, body, draft);
  if (err === 0 && !nowhere && object === null) {
    if (several === 0) {
      err = hop(
        net,
        draft,
        fibNh(draft, 0),
        oif,
        gwFamily,
        load<u8>(body, RouteRec.NH_FLAGS),
        body + RouteRec.GW,
      );
    }
    for (let i: u32 = 0; i < several && err === 0; i++) {
      const rec = body + RouteRec.SIZE + i * <u32>RouteNhRec.SIZE;
      const nh = fibNh(draft, i);
      err = hop(
        net,
        draft,
        nh,
        load<i32>(rec, RouteNhRec.OIF),
        load<u8>(rec, RouteNhRec.GW_FAMILY),
        load<u8>(rec, RouteNhRec.FLAGS),
        rec + RouteNhRec.GW,
      );
      nh.weight = <u32>load<u16>(rec, RouteNhRec.WEIGHT) + 1;
    }
  }
  if (err !== 0) {
    fibDraftFree(draft);
    return err;
  }
  fibRebalance(draft);
  store<u32>(out, changetype<usize>(draft));
  return 0;
}

/** What is not next hops. */
function common(net: Net, family: u32, body: usize, info: FibInfo): i32 {
  info.protocol = load<u8>(body, RouteRec.PROTOCOL);
  info.scope = load<u8>(body, RouteRec.SCOPE);
  info.tos = load<u8>(body, RouteRec.TOS);
  // "Invalid dsfield (tos): ECN bits must be 0"; the upper three bits of DSCP are not looked at.
  if (family === AF_INET && (info.tos & ~0x1c) !== 0) return -Errno.EINVAL;
  if (family === AF_INET6 && info.tos !== 0) return -Errno.EINVAL;
  info.metric = load<u32>(body, RouteRec.METRIC);
  if (family === AF_INET6 && info.metric === 0) info.metric = IP6_RT_PRIO_USER;
  info.mtu = load<u32>(body, RouteRec.MTU);
  info.hopLimit = load<u32>(body, RouteRec.HOPLIMIT);
  if (info.hopLimit > 255) info.hopLimit = 255;
  info.table = recTable(body);
  info.pref = load<u8>(body, RouteRec.PREF);
  memory.copy(changetype<usize>(info) + offsetof<FibInfo>('lock'), body + RouteRec.METRICS, RTAX_COUNT << 2);
  // Linux: ip_metrics_convert: no segment is larger than what fits a packet.
  if (info.advmss > 65535 - 40) info.advmss = 65535 - 40;
  const seconds = load<u32>(body, RouteRec.EXPIRES);
  if (seconds !== 0) {
    if (family !== AF_INET6) return -Errno.EINVAL;
    info.expires = root().now + <u64>seconds * NS_PER_SEC;
    fibGcStart(net);
  }
  const prefer = infoPrefSrcPtr(info);
  memory.copy(prefer, body + RouteRec.PREFSRC, 16);
  if (family === AF_INET) {
    const addr = bswap<u32>(load<u32>(prefer));
    return addr === 0 || validPrefSrc(net, info.table, addr) ? 0 : -Errno.EINVAL;
  }
  const any = (info.prefSrc0 | info.prefSrc1) === 0;
  return any || ipv6ChkAddr(net, prefer, 0) ? 0 : -Errno.EINVAL;
}

/** Linux: fib_valid_prefsrc: an address of ours, perhaps of the VRF whose table this is. */
function validPrefSrc(net: Net, table: u32, addr: u32): bool {
  if (inetAddrType(net, addr) === RtType.LOCAL) return true;
  const fib = fibGetTable(fibNet(net, AF_INET), table);
  if (fib === null) return false;
  const info = fibLookup4(fib, addr);
  return info !== null && info.type === <u8>RtType.LOCAL;
}

function hop(net: Net, info: FibInfo, nh: FibNh, oif: i32, gwFamily: u8, flags: u8, gw: usize): i32 {
  nh.gwFamily = gwFamily;
  nh.flags = flags & RTNH_F_ONLINK;
  if (gwFamily !== 0) memory.copy(nhGwPtr(nh), gw, gwFamily === <u8>AF_INET ? 4 : 16);
  return gwFamily === 0 ? connected(net, info, nh, oif) : nhViaGateway(net, info, nh, oif, info.family);
}

function connected(net: Net, info: FibInfo, nh: FibNh, oif: i32): i32 {
  const dev = devGetByIndex(net, oif);
  if (dev === null) return -Errno.ENODEV;
  if ((dev.flags & IFF_UP) === 0) return -Errno.ENETDOWN;
  nh.dev = changetype<usize>(dev);
  nh.scope = info.type === <u8>RtType.LOCAL ? RT_SCOPE_NOWHERE : RT_SCOPE_HOST;
  // iproute2 sends scope link for a route without gateway; a record that leaves it open gets the same.
  if (info.family === AF_INET && info.scope === RT_SCOPE_UNIVERSE && info.nhCount === 1) {
    info.scope = info.type === <u8>RtType.LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
  }
  if (dev.carrier === 0) nh.flags |= RTNH_F_LINKDOWN;
  return 0;
}

/**
 * Linux: fib_check_nh: the gateway must be a neighbour, reached by a route of a narrower scope. Sets nh.dev; `family` is
 * the route's, which the gateway's may differ from (RFC 5549: IPv4 by an IPv6 router).
 */
export function nhViaGateway(net: Net, info: FibInfo, nh: FibNh, oif: i32, family: u32): i32 {
  const gwFamily = <u32>nh.gwFamily;
  if (gwFamily !== family && !(family === AF_INET && gwFamily === AF_INET6)) return -Errno.EINVAL;
  if (family === AF_INET && info.scope >= RT_SCOPE_LINK) return -Errno.EINVAL;
  const gw = nhGwPtr(nh);
  let dev: NetDevice | null = null;
  if (oif !== 0) dev = devGetByIndex(net, oif);
  if (oif !== 0 && dev === null) return -Errno.ENODEV;
  if (gwFamily === AF_INET6 && ipv6ChkAddr(net, gw, 0)) return -Errno.EINVAL;
  if ((nh.flags & RTNH_F_ONLINK) !== 0) {
    if (dev === null) return -Errno.EINVAL;
    if (gwFamily === AF_INET && inetAddrType(net, bswap<u32>(load<u32>(gw))) !== RtType.UNICAST)
      return -Errno.EINVAL;
  } else if (gwFamily === AF_INET6 && load<u8>(gw) === 0xfe && (load<u8>(gw, 1) & 0xc0) === 0x80) {
    // A link-local gateway says nothing without its link.
    if (dev === null) return -Errno.EINVAL;
  } else {
    const found = linkOf(net, info.table, gwFamily, gw, dev);
    if (found < 0) return found;
    dev = changetype<NetDevice>(found);
  }
  const out = changetype<NetDevice>(changetype<usize>(dev));
  if ((out.flags & IFF_UP) === 0) return -Errno.ENETDOWN;
  nh.dev = changetype<usize>(out);
  nh.scope = RT_SCOPE_LINK;
  if (out.carrier === 0) nh.flags |= RTNH_F_LINKDOWN;
  return 0;
}

/** The device (a positive address) of the link that the gateway is on, or a negative errno. */
function linkOf(net: Net, table: u32, family: u32, gw: usize, dev: NetDevice | null): i32 {
  const fl = fibFlowInit(scratch(Scratch.RTNL_ROUTE_FLOW), family);
  memory.copy(flowDaddrPtr(fl), gw, family === AF_INET ? 4 : 16);
  fl.flags = FLOW_F_IGNORE_LINKSTATE | FLOW_F_IFACE;
  fl.iif = net.loopback === 0 ? 0 : changetype<NetDevice>(net.loopback).ifindex;
  if (family === AF_INET) fl.scope = RT_SCOPE_LINK;
  if (dev !== null) {
    fl.oif = dev.ifindex;
    fl.l3mdev = l3mdevMasterIfindex(dev);
  }
  const fib = fibGetTable(fibNet(net, family), table);
  let err = fib === null ? -Errno.ENETUNREACH : fibTableLookup(fib, fl);
  if (err !== 0) err = fibFlowLookup(net, fl);
  if (err !== 0 || fl.nh === 0) return err === -Errno.EINVAL ? err : unreachable(family, err);
  const via = changetype<FibInfo>(fl.info);
  const hop = changetype<FibNh>(fl.nh);
  if (via.type === <u8>RtType.LOCAL) return -Errno.EINVAL;
  // RFC 1122: a gateway behind another gateway is none.
  if (via.type !== <u8>RtType.UNICAST || hop.gwFamily !== 0) return unreachable(family, -Errno.ENETUNREACH);
  return <i32>hop.dev;
}

function unreachable(family: u32, err: i32): i32 {
  return family === AF_INET || err !== -Errno.ENETUNREACH ? -Errno.ENETUNREACH : -Errno.EHOSTUNREACH;
}
