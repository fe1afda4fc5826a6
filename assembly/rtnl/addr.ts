/** ADDR_*: addresses of devices. Linux: net/ipv4/devinet.c, net/ipv6/addrconf.c, `ip address`. */
import { ADDR_F_REPLACE, AddrRec, Dump, MsgType } from '../abi/request';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { Ifaddr, InDevice, inetAddrAdd, inetAddrDel } from '../ipv4/devinet';
import {
  addrconfAdd,
  addrconfDel,
  addrconfDumpNext,
  addrconfFillRec,
  addrconfModify,
} from '../ipv6/addrconf';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';

export function requestAddr(type: u32, msgFlags: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.ADDR_DUMP) return addrDump(body, len);
  if (len < <u32>AddrRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, AddrRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, AddrRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  const family = load<u8>(body, AddrRec.FAMILY);
  const plen = load<u8>(body, AddrRec.PLEN);
  const flags = load<u32>(body, AddrRec.FLAGS);
  const addr = body + AddrRec.ADDR;
  const add = type === <u32>MsgType.ADDR_NEW;
  if (!add && type !== <u32>MsgType.ADDR_DEL) return -Errno.EOPNOTSUPP;
  if (family === AF_INET) {
    if (dev.ipPtr === 0) return -Errno.ENOBUFS;
    const addr4 = bswap<u32>(load<u32>(addr));
    if (!add) return inetAddrDel(dev, addr4, plen);
    const broadcast = bswap<u32>(load<u32>(body, AddrRec.BROADCAST));
    return inetAddrAdd(dev, addr4, plen, broadcast, load<u8>(body, AddrRec.SCOPE), flags);
  }
  if (family === AF_INET6) {
    if (!add) return addrconfDel(dev, addr, plen);
    const valid = load<u32>(body, AddrRec.VALID);
    const preferred = load<u32>(body, AddrRec.PREFERRED);
    if ((msgFlags & ADDR_F_REPLACE) !== 0) {
      const changed = addrconfModify(dev, addr, flags, valid, preferred);
      if (changed !== -Errno.EADDRNOTAVAIL) return changed;
    }
    return addrconfAdd(dev, addr, plen, flags, valid, preferred);
  }
  return -Errno.EAFNOSUPPORT;
}

/** CURSOR: [0] family being told, [1] ifindex, [2] how many of its addresses are told. */
function addrDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const family = load<u32>(body, Dump.FAMILY);
  const cursor = body + Dump.CURSOR;
  const room = (len - Dump.RECORDS) / AddrRec.SIZE;
  let n: u32 = 0;
  if (load<u32>(cursor) === 0) {
    store<u32>(cursor, family === AF_INET6 ? AF_INET6 : AF_INET);
  }
  if (load<u32>(cursor) === AF_INET) {
    n = dump4(net, cursor, body, room);
    if (n < room && family === 0) {
      store<u32>(cursor, AF_INET6);
      memory.fill(cursor + 4, 0, 20);
    }
  }
  if (load<u32>(cursor) === AF_INET6) {
    while (n < room) {
      const ifa = addrconfDumpNext(net, cursor + 4);
      if (ifa === 0) break;
      const rec = body + Dump.RECORDS + n * AddrRec.SIZE;
      memory.fill(rec, 0, AddrRec.SIZE);
      addrconfFillRec(ifa, rec);
      n++;
    }
  }
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function dump4(net: Net, cursor: usize, body: usize, room: u32): u32 {
  const afterIndex = load<i32>(cursor, 4);
  const skip = load<u32>(cursor, 8);
  let n: u32 = 0;
  for (let at = net.devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    const dev = changetype<NetDevice>(at);
    if (dev.ifindex < afterIndex || dev.ipPtr === 0) continue;
    let i: u32 = 0;
    for (let p = changetype<InDevice>(dev.ipPtr).addrs; p !== 0; p = changetype<Ifaddr>(p).next) {
      if (dev.ifindex === afterIndex && i++ < skip) continue;
      if (n === room) return n;
      const ifa = changetype<Ifaddr>(p);
      fill4(net, dev, ifa, body + Dump.RECORDS + n * AddrRec.SIZE);
      const told = load<i32>(cursor, 4) === dev.ifindex ? load<u32>(cursor, 8) + 1 : 1;
      store<i32>(cursor, dev.ifindex, 4);
      store<u32>(cursor, told, 8);
      n++;
    }
  }
  return n;
}

function fill4(net: Net, dev: NetDevice, ifa: Ifaddr, rec: usize): void {
  memory.fill(rec, 0, AddrRec.SIZE);
  store<u32>(rec, net.handle, AddrRec.NET);
  store<i32>(rec, dev.ifindex, AddrRec.IFINDEX);
  store<u8>(rec, AF_INET, AddrRec.FAMILY);
  store<u8>(rec, ifa.plen, AddrRec.PLEN);
  store<u8>(rec, ifa.scope, AddrRec.SCOPE);
  store<u32>(rec, ifa.flags, AddrRec.FLAGS);
  store<u32>(rec, bswap<u32>(ifa.addr), AddrRec.ADDR);
  store<u32>(rec, bswap<u32>(ifa.broadcast), AddrRec.BROADCAST);
  store<u32>(rec, 0xffffffff, AddrRec.VALID);
  store<u32>(rec, 0xffffffff, AddrRec.PREFERRED);
}
