/**
 * Raw sockets: packets of a protocol that an application wants to see whole, network header included. Each gets a
 * clone by the delivery ring. Linux: net/ipv4/raw.c, raw_local_deliver.
 *
 *   net.sockets ─► RawSocket ─► RawSocket ...      (the tables of TCP and UDP come beside it)
 */
import { DeliveryKind } from '../abi/event';
import { SkbDropReason } from '../abi/drop_reason';
import { Sysctl } from '../abi/sysctl';
import { l3mdevDif, l3mdevSdif } from '../dev/l3mdev';
import { kfree, kmalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { Net, sysctl } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { handleGive } from '../skb/handles';
import { SkBuff } from '../skb/sk_buff';
import { skbClone } from '../skb/skbuff';
import { inetBoundDevEq } from './lookup';

@unmanaged
@final
class RawSocket {
  next: usize;
  id: u32;
  family: u16;
  /** IPPROTO_*, 255: all. */
  protocol: u16;
  /** ifindex that it is bound to, 0: none. */
  bound: i32;
}

/** Raw sockets of one namespace at most. */
const RAW_SOCKETS_MAX: u32 = 64;

/** Lets socket `id`, bound to a device or VRF (0: to none), see packets of `protocol`. 0, -EADDRINUSE, -ENOBUFS, -ENOMEM. */
export function rawBind(net: Net, family: u32, protocol: u32, id: u32, bound: i32): i32 {
  let n: u32 = 0;
  for (let at = net.sockets; at !== 0; at = changetype<RawSocket>(at).next) {
    if (changetype<RawSocket>(at).id === id) return -Errno.EADDRINUSE;
    n++;
  }
  if (n >= RAW_SOCKETS_MAX) return -Errno.ENOBUFS;
  const p = kmalloc(offsetof<RawSocket>());
  if (p === 0) return -Errno.ENOMEM;
  const sk = changetype<RawSocket>(p);
  sk.id = id;
  sk.family = <u16>family;
  sk.protocol = <u16>protocol;
  sk.bound = bound;
  sk.next = net.sockets;
  net.sockets = p;
  return 0;
}

export function rawUnbind(net: Net, id: u32): i32 {
  let slot = changetype<usize>(net) + offsetof<Net>('sockets');
  while (load<u32>(slot) !== 0) {
    const p = load<u32>(slot);
    if (changetype<RawSocket>(p).id === id) {
      store<u32>(slot, changetype<RawSocket>(p).next);
      kfree(p);
      return 0;
    }
    slot = p + offsetof<RawSocket>('next');
  }
  return -Errno.ENOENT;
}

/** Ends all of the namespace's. */
export function rawNetExit(net: Net): void {
  while (net.sockets !== 0) rawUnbind(net, changetype<RawSocket>(net.sockets).id);
}

/**
 * Gives a clone of the packet (data at its network header) to every socket of the protocol; the skb stays the
 * caller's. True when there was one. A socket whose host does not keep up misses packets, counted in the ring.
 */
export function rawLocalDeliver(net: Net, family: u32, skb: SkBuff, protocol: u8): bool {
  let delivered = false;
  const accept = sysctl(net, Sysctl.RAW_L3MDEV_ACCEPT) !== 0;
  for (let at = net.sockets; at !== 0; at = changetype<RawSocket>(at).next) {
    const sk = changetype<RawSocket>(at);
    if (sk.family !== <u16>family || (sk.protocol !== <u16>protocol && sk.protocol !== 255)) continue;
    if (!inetBoundDevEq(accept, sk.bound, l3mdevDif(skb), l3mdevSdif(skb))) continue;
    delivered = true;
    const clone = skbClone(skb);
    if (clone === null) continue;
    if (!handleGive(clone, DeliveryKind.RAW, sk.id, net, 0, 0)) {
      kfreeSkbReason(clone, SkbDropReason.HOST_HANDLES_FULL);
    }
  }
  return delivered;
}
