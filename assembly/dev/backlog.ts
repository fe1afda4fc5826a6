/**
 * The backlog: frames that arrive at a device from inside the core (veth's peer, loopback), waiting for napi.
 * Bounded by net.core.netdev_max_backlog, as Linux's per-CPU input queue is.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Sysctl } from '../abi/sysctl';
import { BURST_MAX } from '../abi/layout';
import { root } from '../lib/root';
import { sysctl } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { SKB_F_PKT_TYPE, SkBuff, skbCbClear } from '../skb/sk_buff';
import { ethTypeTrans } from './eth';
import { napiSchedule } from './napi';
import { NetDevice } from './net_device';
import { netifReceiveSkbList } from './receive';
import { SCRATCH_RECEIVE, scratchList } from './scratch';

const ETH_HLEN: u32 = 14;

/** Takes a frame (Ethernet header at data, all headers linear) for `dev`; true, or dropped and counted. */
export function netifRx(skb: SkBuff, dev: NetDevice): bool {
  if (dev.backlogLen >= <u32>sysctl(dev.net, Sysctl.NETDEV_MAX_BACKLOG)) {
    dev.rxDropped++;
    skb.dev = changetype<usize>(dev);
    kfreeSkbReason(skb, SkbDropReason.CPU_BACKLOG);
    return false;
  }
  skb.dev = changetype<usize>(dev);
  skb.iif = dev.ifindex;
  skb.next = 0;
  if (dev.backlogTail !== 0) changetype<SkBuff>(dev.backlogTail).next = changetype<usize>(skb);
  else dev.backlogHead = changetype<usize>(skb);
  dev.backlogTail = changetype<usize>(skb);
  dev.backlogLen++;
  napiSchedule(dev);
  return true;
}

/** napi poll of the backlog. */
export function backlogPoll(dev: NetDevice, budget: i32): i32 {
  const list = scratchList(SCRATCH_RECEIVE);
  const most = min(<u32>budget, BURST_MAX);
  const now = root().now;
  let n: u32 = 0;
  let taken: u32 = 0;
  while (taken < most && dev.backlogHead !== 0) {
    const skb = changetype<SkBuff>(dev.backlogHead);
    dev.backlogHead = skb.next;
    dev.backlogLen--;
    taken++;
    skb.next = 0;
    dev.rxPackets++;
    dev.rxBytes += skb.len;
    if (skb.len < ETH_HLEN) {
      kfreeSkbReason(skb, SkbDropReason.DEV_HDR);
      continue;
    }
    const pktType = skb.pktType;
    ethTypeTrans(skb, dev);
    if ((skb.flags & SKB_F_PKT_TYPE) !== 0) {
      skb.pktType = pktType;
      skb.flags &= ~SKB_F_PKT_TYPE;
    }
    skbCbClear(skb);
    skb.tstamp = now;
    store<u32>(list + (n++ << 2), changetype<usize>(skb));
  }
  if (dev.backlogHead === 0) dev.backlogTail = 0;
  netifReceiveSkbList(dev, list, n);
  return <i32>taken;
}

/** Drops what waits: the device goes away or down. */
export function backlogPurge(dev: NetDevice): void {
  while (dev.backlogHead !== 0) {
    const skb = changetype<SkBuff>(dev.backlogHead);
    dev.backlogHead = skb.next;
    kfreeSkbReason(skb, SkbDropReason.QUEUE_PURGE);
  }
  dev.backlogTail = 0;
  dev.backlogLen = 0;
}
