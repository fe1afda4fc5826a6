/** The small requests of IPv6: the policy table (`ip addrlabel`), the secret of stable addresses, link information. */
import { AddrLabelRec, Dump, Ip6LinkRec, MsgType, RadvRec, StableSecretRec } from '../abi/request';
import { devGetByIndex } from '../dev/net_device';
import { inet6Dev } from '../ipv6/addr_hash';
import { addrLabelAdd, addrLabelAt, addrLabelCount, addrLabelDel } from '../ipv6/addr_label';
import { radvSet } from '../ipv6/radv';
import { ipv6SetStableSecret } from '../ipv6/stable_privacy';
import { Errno } from '../net/errno';
import { netByHandle } from '../net/net';
import { requestMroute } from './mroute';
import { neighProxyDump } from './neigh';

export function requestIp6(type: u32, flags: u32, body: usize, len: u32): i32 {
  switch (type) {
    case MsgType.ADDRLABEL_NEW:
    case MsgType.ADDRLABEL_DEL:
      return addrLabel(type, flags, body, len);
    case MsgType.ADDRLABEL_DUMP:
      return addrLabelDump(body, len);
    case MsgType.STABLE_SECRET:
      return stableSecret(body, len);
    case MsgType.IP6_LINK_GET:
      return linkGet(body, len);
    case MsgType.RADV_SET:
      return radv(body, len);
    case MsgType.NEIGH_PROXY_DUMP:
      return neighProxyDump(body, len);
  }
  return requestMroute(type, body, len);
}

function addrLabel(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (len < <u32>AddrLabelRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, AddrLabelRec.NET));
  if (net === null) return -Errno.ENOENT;
  const ifindex = load<i32>(body, AddrLabelRec.IFINDEX);
  if (ifindex !== 0 && devGetByIndex(net, ifindex) === null) return -Errno.EINVAL;
  const prefix = body + AddrLabelRec.PREFIX;
  const plen = load<u32>(body, AddrLabelRec.PLEN);
  if (type === <u32>MsgType.ADDRLABEL_DEL) return addrLabelDel(net, prefix, plen, ifindex);
  return addrLabelAdd(net, prefix, plen, ifindex, load<u32>(body, AddrLabelRec.LABEL), flags !== 0);
}

/** CURSOR: [0] how many are told. */
function addrLabelDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const room = (len - Dump.RECORDS) / AddrLabelRec.SIZE;
  let at = load<u32>(body, Dump.CURSOR);
  let n: u32 = 0;
  for (; n < room && at < addrLabelCount(net); n++, at++) {
    const entry = addrLabelAt(net, at);
    const rec = body + Dump.RECORDS + n * AddrLabelRec.SIZE;
    memory.fill(rec, 0, AddrLabelRec.SIZE);
    store<u32>(rec, net.handle, AddrLabelRec.NET);
    store<i32>(rec, entry.ifindex, AddrLabelRec.IFINDEX);
    store<u32>(rec, entry.plen, AddrLabelRec.PLEN);
    store<u32>(rec, entry.label, AddrLabelRec.LABEL);
    memory.copy(rec + AddrLabelRec.PREFIX, changetype<usize>(entry), 16);
  }
  store<u32>(body, at, Dump.CURSOR);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function stableSecret(body: usize, len: u32): i32 {
  if (len < <u32>StableSecretRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, StableSecretRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, StableSecretRec.IFINDEX));
  if (dev === null || dev.ip6Ptr === 0) return -Errno.ENODEV;
  ipv6SetStableSecret(dev, body + StableSecretRec.SECRET);
  return 0;
}

function radv(body: usize, len: u32): i32 {
  if (len < <u32>RadvRec.OPTIONS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, RadvRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, RadvRec.IFINDEX));
  return dev === null ? -Errno.ENODEV : radvSet(dev, body, len);
}

function linkGet(body: usize, len: u32): i32 {
  if (len < <u32>Ip6LinkRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Ip6LinkRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, Ip6LinkRec.IFINDEX));
  if (dev === null || dev.ip6Ptr === 0) return -Errno.ENODEV;
  store<u32>(body, inet6Dev(dev).ifFlags, Ip6LinkRec.FLAGS);
  store<u32>(body, inet6Dev(dev).raMtu, Ip6LinkRec.RA_MTU);
  store<u32>(body, inet6Dev(dev).addrCount, Ip6LinkRec.ADDRESSES);
  return 0;
}
