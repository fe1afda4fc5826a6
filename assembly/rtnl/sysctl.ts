/** SYSCTL_*, MIB_GET, SEED, MEMORY_STATS: the small questions. Linux: net/ipv4/sysctl_net_ipv4.c, devinet.c. */
import { Status } from '../abi/layout';
import { MibRec, MsgType, SeedRec, SysctlGroup, SysctlRec } from '../abi/request';
import { Mib } from '../abi/snmp';
import { Ipv4Conf, Ipv6Conf, NeighVar, Sysctl } from '../abi/sysctl';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { vrfTablesShared } from '../dev/vrf';
import { fillStatus } from '../init';
import { addrconfSysctlSet } from '../ipv6/addrconf';
import { randomSeed } from '../lib/random';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { nfCtNet } from '../netfilter/nf_conntrack';
import { nfCtResize } from '../netfilter/nf_conntrack_init';

/** Highest value of each kind of setting that is a switch or a small choice is checked by the host, which has the names. */
export function requestSysctl(type: u32, body: usize, len: u32): i32 {
  if (type !== <u32>MsgType.SYSCTL_GET && type !== <u32>MsgType.SYSCTL_SET) return -Errno.EOPNOTSUPP;
  if (len < <u32>SysctlRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, SysctlRec.NET));
  if (net === null) return -Errno.ENOENT;
  const group = load<u32>(body, SysctlRec.GROUP);
  const ifindex = load<i32>(body, SysctlRec.IFINDEX);
  const id = load<u32>(body, SysctlRec.ID);
  if (id >= groupSize(group)) return -Errno.EINVAL;
  const array = arrayOf(net, group, ifindex);
  if (array === 0) return -Errno.ENODEV;
  if (type === <u32>MsgType.SYSCTL_GET) {
    if (group === SysctlGroup.NET && id === <u32>Sysctl.NF_CONNTRACK_COUNT) {
      store<i32>(body, net.ct === 0 ? 0 : nfCtNet(net).count, SysctlRec.VALUE);
      return 0;
    }
    store<i32>(body, load<i32>(array + (id << 2)), SysctlRec.VALUE);
    return 0;
  }
  const value = load<i32>(body, SysctlRec.VALUE);
  if (group === SysctlGroup.CONF6 && ifindex !== 0) {
    let dev: NetDevice | null = null;
    if (ifindex > 0) dev = devGetByIndex(net, ifindex);
    return addrconfSysctlSet(net, dev, <Ipv6Conf>id, value);
  }
  const strict = group === SysctlGroup.NET && id === <u32>Sysctl.VRF_STRICT_MODE && value !== 0;
  if (strict && vrfTablesShared(net)) return -Errno.EBUSY;
  if (group === SysctlGroup.NET && id === <u32>Sysctl.NF_CONNTRACK_COUNT) return -Errno.EACCES;
  store<i32>(array + (id << 2), value);
  if (group === SysctlGroup.NET && id === <u32>Sysctl.NF_CONNTRACK_BUCKETS) return nfCtResize(net);
  if (group === SysctlGroup.NET && id === <u32>Sysctl.IP_FORWARD) setForwarding4(net, value);
  if (group === SysctlGroup.CONF4 && id === <u32>Ipv4Conf.FORWARDING && ifindex < 0)
    setForwarding4(net, value);
  return 0;
}

function groupSize(group: u32): u32 {
  if (group === SysctlGroup.NET) return Sysctl.MAX;
  if (group === SysctlGroup.CONF4) return Ipv4Conf.MAX;
  if (group === SysctlGroup.CONF6) return Ipv6Conf.MAX;
  if (group === SysctlGroup.NEIGH4 || group === SysctlGroup.NEIGH6) return NeighVar.MAX;
  return 0;
}

/** ifindex 0: default, negative: all. */
function arrayOf(net: Net, group: u32, ifindex: i32): usize {
  if (group === SysctlGroup.NET) return net.sysctls;
  if (ifindex <= 0) {
    const all = ifindex < 0;
    if (group === SysctlGroup.CONF4) return all ? net.conf4All : net.conf4Default;
    if (group === SysctlGroup.CONF6) return all ? net.conf6All : net.conf6Default;
    return group === SysctlGroup.NEIGH4 ? net.neigh4Default : net.neigh6Default;
  }
  const dev = devGetByIndex(net, ifindex);
  if (dev === null) return 0;
  if (group === SysctlGroup.CONF4) return dev.conf4;
  if (group === SysctlGroup.CONF6) return dev.conf6;
  return group === SysctlGroup.NEIGH4 ? dev.neigh4 : dev.neigh6;
}

/** Linux: inet_forward_change: ip_forward and conf.all.forwarding are one, and reach `default` and every device. */
function setForwarding4(net: Net, on: i32): void {
  const at = (<usize>Ipv4Conf.FORWARDING) << 2;
  // RFC 1812 §5.2.7.2: a router does not follow redirects.
  store<i32>(net.conf4All + ((<usize>Ipv4Conf.ACCEPT_REDIRECTS) << 2), on === 0 ? 1 : 0);
  store<i32>(net.sysctls + ((<usize>Sysctl.IP_FORWARD) << 2), on);
  store<i32>(net.conf4All + at, on);
  store<i32>(net.conf4Default + at, on);
  for (let p = net.devHead; p !== 0; p = changetype<NetDevice>(p).nextDev) {
    store<i32>(changetype<NetDevice>(p).conf4 + at, on);
  }
}

export function requestMib(body: usize, len: u32): i32 {
  if (len < <u32>MibRec.VALUES + <u32>Mib.MAX * 8) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, MibRec.NET));
  if (net === null) return -Errno.ENOENT;
  memory.copy(body + MibRec.VALUES, net.mib, <u32>Mib.MAX * 8);
  return 0;
}

export function requestSeed(body: usize, len: u32): i32 {
  if (len < <u32>SeedRec.SIZE) return -Errno.EINVAL;
  randomSeed(load<u32>(body, SeedRec.LO), load<u32>(body, SeedRec.HI));
  return 0;
}

/** The status block has the figures; the request exists so that a remote core can be asked. */
export function requestMemory(body: usize, len: u32): i32 {
  const size = <u32>Status.SIZE - <u32>Status.MEMORY_END;
  if (len < size) return -Errno.EINVAL;
  fillStatus();
  memory.copy(body, root().statusBlock + Status.MEMORY_END, size);
  return 0;
}
