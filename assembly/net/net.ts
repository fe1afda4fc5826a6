/**
 * struct net: a network namespace. Everything that one namespace must not see of another hangs here: devices,
 * sysctls, counters, routes, fragment queues, hooks. Linux: include/net/net_namespace.h.
 *
 * A namespace is made with its loopback device by dev/ and ended by netExit(), which calls each layer's exit
 * function (net/registry) in reverse order; each of them frees what it hung here.
 */
import { Mib } from '../abi/snmp';
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../abi/sysctl';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';

export const AF_INET: u32 = 2;
export const AF_INET6: u32 = 10;

@unmanaged
@final
export class Net {
  /** Unique while the core lives; never reused. */
  id: u32;
  /** Index in root().nets: what the host calls it. */
  handle: u32;
  dying: u32;
  /** Devices in the order of registration (NetDevice.nextDev), and the next ifindex. */
  devHead: usize;
  devTail: usize;
  devCount: u32;
  ifindexNext: i32;
  loopback: usize;
  /** i32 arrays: Sysctl, Ipv4Conf of `all` and `default`, Ipv6Conf likewise, NeighVar of `default`. */
  sysctls: usize;
  conf4All: usize;
  conf4Default: usize;
  conf6All: usize;
  conf6Default: usize;
  neigh4Default: usize;
  neigh6Default: usize;
  /** u64 array: Mib; behind it u16 x IDENT_COUNTERS, for identifications of IPv4 packets. */
  mib: usize;
  /** net/hooks: pointers to hook lists, per family and hook number. */
  hooks: usize;
  /** Total of hooks registered in this namespace: 0 lets the fast path skip every hook. */
  hookCount: u32;
  /** route/: the tables main of both families (local in the same trie, until there are rules). */
  fib4: usize;
  fib6: usize;
  /** FIB_SLOW_* (route/fib_table): 0 while one lookup in that trie answers. */
  fibSlow4: u32;
  fibSlow6: u32;
  /** NhObject by id (route/nexthop), and their number. */
  nexthops: usize;
  nexthopCount: u32;
  /** route/exception: PMTU and redirect exceptions. Counts are looked at before the table. */
  exceptions4: usize;
  exceptions6: usize;
  /** Fragment queues. */
  frags4: usize;
  frags6: usize;
  /** Token bucket of icmp errors: credit in messages and the time it was last filled (ns); per-peer buckets. */
  icmpGlobalStamp: u64;
  icmpGlobalCredit: u32;
  inetPeers4: usize;
  inetPeers6: usize;
  /** ipv4/devinet, ipv6/addrconf: hash tables of local addresses. */
  addrs4: usize;
  addrs6: usize;
  /** ipv6/addr_label: the policy table of source address selection. */
  addrLabels: usize;
  /** ipv4/ipmr, ipv6/ip6mr: multicast routing, 0 while off. */
  mrt4: usize;
  mrt6: usize;
  /** neigh/pneigh: addresses that are answered for (`ip neigh add proxy`). */
  proxyTable: usize;
  /** Sockets bound in this namespace (inet/). */
  sockets: usize;
  /** netfilter/nf_conntrack: NfCtNet while connections are tracked, or 0. */
  ct: usize;
  /** neigh/: neighbours that garbage collection may take, per family; bounded by gc_thresh3. */
  neigh4Entries: u32;
  neigh6Entries: u32;
  /** 1 once a VRF was made, and with it the rules that lead to its table (rtnl/link_vrf). */
  vrfRules: u32;
  /** netfilter/nft: tables of this namespace, 0: never had any. */
  nft: usize;
}

/** A power of 2. */
const IDENT_COUNTERS: u32 = 128;

/** Called with each new namespace before its first device exists; false when memory ran out. */
export function netSetup(net: Net): bool {
  net.sysctls = kzalloc(Sysctl.MAX << 2);
  net.conf4All = kzalloc(Ipv4Conf.MAX << 2);
  net.conf4Default = kzalloc(Ipv4Conf.MAX << 2);
  net.conf6All = kzalloc(Ipv6Conf.MAX << 2);
  net.conf6Default = kzalloc(Ipv6Conf.MAX << 2);
  net.neigh4Default = kzalloc(NeighVar.MAX << 2);
  net.neigh6Default = kzalloc(NeighVar.MAX << 2);
  net.mib = kzalloc((Mib.MAX << 3) + (IDENT_COUNTERS << 1));
  return (
    net.sysctls !== 0 &&
    net.conf4All !== 0 &&
    net.conf4Default !== 0 &&
    net.conf6All !== 0 &&
    net.conf6Default !== 0 &&
    net.neigh4Default !== 0 &&
    net.neigh6Default !== 0 &&
    net.mib !== 0
  );
}

export function netTeardown(net: Net): void {
  kfree(net.sysctls);
  kfree(net.conf4All);
  kfree(net.conf4Default);
  kfree(net.conf6All);
  kfree(net.conf6Default);
  kfree(net.neigh4Default);
  kfree(net.neigh6Default);
  kfree(net.mib);
}

/** The namespace that the host calls `handle`, or null. */
export function netByHandle(handle: u32): Net | null {
  if (handle >= root().netCount) return null;
  return changetype<Net | null>(load<u32>(root().nets + (handle << 2)));
}

export function sysctl(net: Net, id: Sysctl): i32 {
  return load<i32>(net.sysctls + ((<usize>id) << 2));
}

/** Address of the u16 that counts identifications of the flows with this hash. */
export function identCounter(net: Net, hash: u32): usize {
  return net.mib + (Mib.MAX << 3) + ((hash & (IDENT_COUNTERS - 1)) << 1);
}

/** A counter goes up by one (SNMP names: abi/snmp). */
export function mibInc(net: Net, id: Mib): void {
  const p = net.mib + ((<usize>id) << 3);
  store<u64>(p, load<u64>(p) + 1);
}

export function mibAdd(net: Net, id: Mib, n: u32): void {
  const p = net.mib + ((<usize>id) << 3);
  store<u64>(p, load<u64>(p) + n);
}
