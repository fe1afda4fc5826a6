/**
 * What the composition root calls: ops at init and after a restore, defaults of a namespace, and devices that go.
 * Defaults are Linux's (net/ipv4/arp.c, net/ipv6/ndisc.c).
 */
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../abi/sysctl';
import { Op } from '../abi/ops';
import { NetDevice, conf4And, conf6, netifRunning } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { neighGcOpsInit } from './neigh_gc';
import { neighTimerOpsInit } from './neigh_timer';
import { pneighIfdown, pneighOpsInit } from './pneigh';
import { neighChangeAddr, neighFlushFamily, neighIfdown } from './neighbour';

/** Linux: SK_WMEM_MAX, about a hundred full-sized packets. */
const UNRES_QLEN_BYTES: i32 = 212_992;

export function neighOpsInit(): void {
  neighTimerOpsInit();
  neighGcOpsInit();
  pneighOpsInit();
  opSet(Op.NETDEV_EVENT_NEIGH, neighNetdevEvent.index);
}

/** Sets the defaults of a new namespace; before its first device. */
export function neighNetInit(net: Net): i32 {
  setDefaults(net.neigh4Default);
  setDefaults(net.neigh6Default);
  store<i32>(net.neigh4Default + (NeighVar.LOCKTIME_MS << 2), 1000);
  for (let family: i32 = 0; family < 2; family++) {
    const first = net.sysctls + ((family === 0 ? Sysctl.NEIGH4_GC_THRESH1 : Sysctl.NEIGH6_GC_THRESH1) << 2);
    store<i32>(first, 128);
    store<i32>(first, 512, 4);
    store<i32>(first, 1024, 8);
  }
  return 0;
}

function setDefaults(p: usize): void {
  store<i32>(p + (NeighVar.MCAST_SOLICIT << 2), 3);
  store<i32>(p + (NeighVar.UCAST_SOLICIT << 2), 3);
  store<i32>(p + (NeighVar.APP_SOLICIT << 2), 0);
  store<i32>(p + (NeighVar.MCAST_RESOLICIT << 2), 0);
  store<i32>(p + (NeighVar.BASE_REACHABLE_TIME_MS << 2), 30_000);
  store<i32>(p + (NeighVar.RETRANS_TIME_MS << 2), 1000);
  store<i32>(p + (NeighVar.DELAY_FIRST_PROBE_TIME_MS << 2), 5000);
  store<i32>(p + (NeighVar.GC_STALETIME_MS << 2), 60_000);
  store<i32>(p + (NeighVar.UNRES_QLEN_BYTES << 2), UNRES_QLEN_BYTES);
  store<i32>(p + (NeighVar.LOCKTIME_MS << 2), 0);
  store<i32>(p + (NeighVar.ANYCAST_DELAY_MS << 2), 1000);
  store<i32>(p + (NeighVar.PROXY_DELAY_MS << 2), 800);
  store<i32>(p + (NeighVar.PROXY_QLEN << 2), 64);
}

/** arp_evict_nocarrier and ndisc_evict_nocarrier, of `all` and the device: who was there may be elsewhere by now. */
function evictNocarrier(dev: NetDevice): void {
  const six = Ipv6Conf.NDISC_EVICT_NOCARRIER;
  if (conf4And(dev, Ipv4Conf.ARP_EVICT_NOCARRIER)) neighFlushFamily(AF_INET, dev);
  if (conf6(dev, six) !== 0 && load<i32>(dev.net.conf6All + (six << 2)) !== 0)
    neighFlushFamily(AF_INET6, dev);
}

/** NETDEV_EVENT_NEIGH, behind IPv4 and IPv6: by now their routes have let go of their neighbours. */
export function neighNetdevEvent(event: u32, devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  switch (event) {
    case NetdevEvent.DOWN:
    case NetdevEvent.UNREGISTER:
      neighIfdown(dev);
      pneighIfdown(dev);
      break;
    case NetdevEvent.CHANGEADDR:
      neighChangeAddr(dev);
      break;
    case NetdevEvent.CHANGE:
      if (!netifRunning(dev)) evictNocarrier(dev);
      break;
  }
}
