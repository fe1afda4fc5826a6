/**
 * How lower layers call upwards without importing: receivers by ethertype, protocols by number, notifier chains and
 * per-namespace setup, each an op id (abi/ops) that the composition root fills in at init and after a restore.
 * The lists are constant per build, so they are not state.
 */
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { Net } from './net';

/** What happened to a device (Linux: include/linux/netdevice.h, NETDEV_*). */
export enum NetdevEvent {
  UP = 1,
  DOWN = 2,
  /** Carrier appeared or went. */
  CHANGE = 4,
  REGISTER = 5,
  UNREGISTER = 6,
  CHANGEMTU = 7,
  CHANGEADDR = 8,
  GOING_DOWN = 9,
  /** A failover: the network is to hear of the device's addresses again. */
  NOTIFY_PEERS = 19,
  /** A failover: switches are to hear of the groups that are listened to. */
  RESEND_IGMP = 20,
  /** The device became, or ceased to be, a port of a master. */
  CHANGEUPPER = 21,
}

const NETDEV_CHAIN_FIRST: u32 = Op.NETDEV_EVENT_IPV4;
const NETDEV_CHAIN_LAST: u32 = Op.NETDEV_EVENT_UPPER;

/** Tells every layer above, in the order of the ids. */
export function callNetdevNotifiers(event: NetdevEvent, dev: usize): void {
  for (let op = NETDEV_CHAIN_FIRST; op <= NETDEV_CHAIN_LAST; op++) {
    const fn = opIndex(op);
    if (fn !== 0) call_indirect<void>(fn, <u32>event, dev);
  }
  const nat = opIndex(Op.NETDEV_EVENT_NF_NAT);
  if (nat !== 0) call_indirect<void>(nat, <u32>event, dev);
  const nft = opIndex(Op.NETDEV_EVENT_NFT);
  if (nft !== 0) call_indirect<void>(nft, <u32>event, dev);
}

/** An address (network order) of `family` was taken off `dev`: masqueraded connections end. Linux: the inetaddr chain. */
export function callAddrGone(dev: usize, family: u32, addr: usize): void {
  const fn = opIndex(Op.ADDR_EVENT_NF_NAT);
  if (fn !== 0) call_indirect<void>(fn, dev, family, addr);
}

/** Calls ops `first`..`last` (each (net) => i32, 0 or a negative errno); stops at the first error. */
export function callNetOps(first: u32, last: u32, net: Net): i32 {
  for (let op = first; op <= last; op++) {
    const fn = opIndex(op);
    if (fn === 0) continue;
    const err = call_indirect<i32>(fn, changetype<usize>(net));
    if (err !== 0) return err;
  }
  return 0;
}
