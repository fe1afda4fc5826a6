/** NET_NEW and NET_DEL: namespaces come and go. Linux: net/core/net_namespace.c. */
import { Op } from '../abi/ops';
import { MsgType, NetRec } from '../abi/request';
import { loopbackCreate } from '../dev/loopback';
import { NetDevice, freeNetdev, registerNetdev } from '../dev/net_device';
import { rawNetExit } from '../inet/raw';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { NET_HOOKS_BYTES } from '../net/hooks';
import { Net, netByHandle, netSetup, netTeardown } from '../net/net';
import { callNetOps } from '../net/registry';
import { destroyDevice } from './link';

export function requestNet(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>NetRec.SIZE) return -Errno.EINVAL;
  if (type === <u32>MsgType.NET_NEW) return netNew(body);
  if (type !== <u32>MsgType.NET_DEL) return -Errno.EOPNOTSUPP;
  const net = netByHandle(load<u32>(body, NetRec.NET));
  if (net === null) return -Errno.ENOENT;
  netExit(net);
  return 0;
}

function netNew(body: usize): i32 {
  const r = root();
  let handle: u32 = 0;
  while (handle < r.netCount && load<u32>(r.nets + (handle << 2)) !== 0) handle++;
  if (handle === r.netCount) return -Errno.ENFILE;
  const p = kzalloc(offsetof<Net>());
  if (p === 0) return -Errno.ENOMEM;
  const net = changetype<Net>(p);
  net.id = ++r.netIdNext;
  net.handle = handle;
  net.hooks = kzalloc(NET_HOOKS_BYTES);
  store<u32>(r.nets + (handle << 2), p);
  if (
    net.hooks === 0 ||
    !netSetup(net) ||
    callNetOps(Op.NET_INIT_NEIGH, Op.NET_INIT_NF_CONNTRACK, net) !== 0
  ) {
    netExit(net);
    return -Errno.ENOMEM;
  }
  const lo = loopbackCreate(net);
  if (lo === null || !registerNetdev(lo)) {
    if (lo !== null) freeNetdev(lo);
    netExit(net);
    return -Errno.ENOMEM;
  }
  net.loopback = changetype<usize>(lo);
  store<u32>(body, handle, NetRec.NET);
  return 0;
}

/** Ends a namespace, whatever of it exists: devices first (lo last), then what each layer hung there. */
export function netExit(net: Net): void {
  net.dying = 1;
  // Chains leave the hooks of devices before these go.
  callNetOps(Op.NET_EXIT_NFT, Op.NET_EXIT_NFT, net);
  while (net.devTail !== 0) destroyDevice(changetype<NetDevice>(net.devTail));
  rawNetExit(net);
  callNetOps(Op.NET_EXIT_IPV4, Op.NET_EXIT_NF_CONNTRACK, net);
  if (net.hooks !== 0) {
    for (let at: u32 = 0; at < NET_HOOKS_BYTES; at += 4) kfree(load<u32>(net.hooks + at));
  }
  kfree(net.hooks);
  netTeardown(net);
  store<u32>(root().nets + (net.handle << 2), 0);
  kfree(changetype<usize>(net));
}
