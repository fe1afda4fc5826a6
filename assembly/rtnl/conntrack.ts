/** CT_*: connection tracking asked for by the host, and its figures (abi/nf_conntrack). */
import { CtEnableRec, CtEventsRec, CtStatsRec } from '../abi/nf_conntrack';
import { MsgType } from '../abi/request';
import { kfree } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../net/hooks';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { NfCtStat, nfCtNet } from '../netfilter/nf_conntrack';
import {
  nfCtGetFamilies,
  nfCtNetEnsure,
  nfCtNetnsPut,
  nfNatGetFamilies,
  nfNatPutFamily,
} from '../netfilter/nf_conntrack_init';
import { EVENT_MAX } from '../netfilter/nf_conntrack_netlink';
import { nfnlRingNew, nfnlRingRead, nfnlRingTakeLost } from '../netfilter/nfnl_ring';

export function requestConntrack(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>CtEnableRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, CtEnableRec.NET));
  if (net === null) return -Errno.ENOENT;
  if (type === <u32>MsgType.CT_ENABLE) return enable(net, body);
  if (type === <u32>MsgType.CT_STATS) return stats(net, body, len);
  if (type === <u32>MsgType.CT_EVENTS) return listen(net, body);
  if (type === <u32>MsgType.CT_EVENTS_READ) return eventsRead(net, body, len);
  return -Errno.EOPNOTSUPP;
}

function listen(net: Net, body: usize): i32 {
  const mask = load<u32>(body, CtEventsRec.MASK);
  const bytes = load<u32>(body, CtEventsRec.BYTES);
  if (!nfCtNetEnsure(net)) return -Errno.ENOMEM;
  const ctnet = nfCtNet(net);
  ctnet.eventMask = 0;
  kfree(ctnet.eventRing);
  ctnet.eventRing = 0;
  if (mask === 0) return 0;
  const ring = nfnlRingNew(bytes, EVENT_MAX);
  if (ring < 2) return ring === 0 ? -Errno.ENOMEM : -Errno.EINVAL;
  ctnet.eventRing = ring;
  ctnet.eventMask = mask;
  return 0;
}

function eventsRead(net: Net, body: usize, len: u32): i32 {
  if (len < <u32>CtEventsRec.DATA) return -Errno.EINVAL;
  if (net.ct === 0 || nfCtNet(net).eventRing === 0) return 0;
  const ring = nfCtNet(net).eventRing;
  const room = len - <u32>CtEventsRec.DATA;
  store<u32>(body, nfnlRingRead(ring, body + CtEventsRec.DATA, room), CtEventsRec.OUT_BYTES);
  store<u32>(body, nfnlRingTakeLost(ring), CtEventsRec.LOST);
  return 0;
}

function enable(net: Net, body: usize): i32 {
  const family = load<u32>(body, CtEnableRec.FAMILY);
  const v4 = family !== AF_INET6;
  const v6 = family !== AF_INET;
  const on = load<u32>(body, CtEnableRec.ON);
  if (on === 3) return nfNatGetFamilies(net, v4, v6);
  if (on === 1) return nfCtGetFamilies(net, v4, v6);
  if (v4) put(net, NFPROTO_IPV4, on);
  if (v6) put(net, NFPROTO_IPV6, on);
  return 0;
}

function put(net: Net, family: u32, on: u32): void {
  if (on === 2) nfNatPutFamily(net, family);
  else nfCtNetnsPut(net, family);
}

function stats(net: Net, body: usize, len: u32): i32 {
  if (len < <u32>CtStatsRec.SIZE) return -Errno.EINVAL;
  if (net.ct === 0) return 0;
  store<u32>(body, nfCtNet(net).count, CtStatsRec.COUNT);
  memory.copy(body + CtStatsRec.VALUES, nfCtNet(net).stats, NfCtStat.MAX << 2);
  return 0;
}
