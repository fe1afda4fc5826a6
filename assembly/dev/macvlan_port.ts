/**
 * What macvlan keeps: of a lower device the hash of its macvlans that are up, of each macvlan its mode and, in source
 * mode, the MACs whose frames it gets. Linux: struct macvlan_port, macvlan_dev (drivers/net/macvlan.c).
 *
 *   lower.rxHandlerData ─► MacvlanPort { buckets } ─► NetDevice ─(MacvlanDev.hashNext)─► NetDevice
 */
import { MACVLAN_MODE_SOURCE } from '../abi/link_data';
import { Op } from '../abi/ops';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { NetDevice } from './net_device';
import { netdevRxHandlerRegister, netdevRxHandlerUnregister } from './upper';

const BUCKETS: u32 = 64;

@unmanaged
@final
export class MacvlanPort {
  /** macvlans of this lower device, and those in source mode. */
  count: u32;
  sources: u32;
  /** Its only macvlan, which takes everything; 0 in the other modes. */
  passthru: usize;
  // u32 buckets[BUCKETS]
}
const BUCKETS_OFFSET: usize = 12;

@unmanaged
@final
export class MacvlanDev {
  /** MACVLAN_MODE_*, MACVLAN_FLAG_* */
  mode: u32;
  flags: u32;
  hashNext: usize;
  /** Source mode: u64 per MAC. */
  macs: usize;
  macCount: u32;
}

/** MACs of one source macvlan at most. */
const SOURCE_MACS_MAX: u32 = 256;

export function macvlanDev(dev: NetDevice): MacvlanDev {
  return changetype<MacvlanDev>(dev.priv);
}

/** The port record of a lower device that has macvlans. */
export function macvlanPort(lower: NetDevice): MacvlanPort {
  return changetype<MacvlanPort>(lower.rxHandlerData);
}

/** One more macvlan on `lower`: the first makes the record. */
export function macvlanPortGet(lower: NetDevice): i32 {
  if (lower.rxHandler === Op.RX_HANDLER_MACVLAN) {
    macvlanPort(lower).count++;
    return 0;
  }
  if (lower.rxHandler !== 0) return -Errno.EBUSY;
  const port = kzalloc(BUCKETS_OFFSET + (BUCKETS << 2));
  if (port === 0) return -Errno.ENOMEM;
  changetype<MacvlanPort>(port).count = 1;
  return netdevRxHandlerRegister(lower, Op.RX_HANDLER_MACVLAN, port);
}

export function macvlanPortPut(lower: NetDevice): void {
  const port = macvlanPort(lower);
  if (--port.count !== 0) return;
  netdevRxHandlerUnregister(lower);
  kfree(changetype<usize>(port));
}

function bucket(port: MacvlanPort, mac: u64): usize {
  const h = (<u32>mac ^ <u32>(mac >> 16) ^ <u32>(mac >> 32)) * 0x9e3779b1;
  return changetype<usize>(port) + BUCKETS_OFFSET + ((h >>> 26) << 2);
}

/** The macvlan that is up and has this address, or null. */
export function macvlanHashLookup(port: MacvlanPort, mac: u64): NetDevice | null {
  let at = load<u32>(bucket(port, mac));
  while (at !== 0 && changetype<NetDevice>(at).addr !== mac)
    at = macvlanDev(changetype<NetDevice>(at)).hashNext;
  return changetype<NetDevice | null>(at);
}

export function macvlanHashAdd(port: MacvlanPort, dev: NetDevice): void {
  const slot = bucket(port, dev.addr);
  macvlanDev(dev).hashNext = load<u32>(slot);
  store<u32>(slot, changetype<usize>(dev));
}

/** Takes the macvlan out, if it is in. */
export function macvlanHashDel(port: MacvlanPort, dev: NetDevice): void {
  const p = changetype<usize>(dev);
  let link = bucket(port, dev.addr);
  while (load<u32>(link) !== 0 && <usize>load<u32>(link) !== p)
    link =
      changetype<usize>(macvlanDev(changetype<NetDevice>(load<u32>(link)))) +
      offsetof<MacvlanDev>('hashNext');
  if (load<u32>(link) === 0) return;
  store<u32>(link, macvlanDev(dev).hashNext);
  macvlanDev(dev).hashNext = 0;
}

/** Another mode; `port.sources` is kept right. */
export function macvlanSetMode(dev: NetDevice, mode: u32): void {
  const vlan = macvlanDev(dev);
  const port = macvlanPort(changetype<NetDevice>(dev.lower));
  if (vlan.mode === MACVLAN_MODE_SOURCE) port.sources--;
  if (mode === MACVLAN_MODE_SOURCE) port.sources++;
  vlan.mode = mode;
}

export function macvlanHasSource(vlan: MacvlanDev, mac: u64): bool {
  for (let i: u32 = 0; i < vlan.macCount; i++) {
    if (load<u64>(vlan.macs + (i << 3)) === mac) return true;
  }
  return false;
}

/** Adds a MAC to the sources; one that is there already is no error (Linux: macvlan_hash_add_source). */
export function macvlanAddSource(vlan: MacvlanDev, mac: u64): i32 {
  if (macvlanHasSource(vlan, mac)) return 0;
  if (vlan.macCount === SOURCE_MACS_MAX) return -Errno.ENOBUFS;
  const macs = kmalloc((vlan.macCount + 1) << 3);
  if (macs === 0) return -Errno.ENOMEM;
  memory.copy(macs, vlan.macs, vlan.macCount << 3);
  store<u64>(macs + (vlan.macCount << 3), mac);
  kfree(vlan.macs);
  vlan.macs = macs;
  vlan.macCount++;
  return 0;
}

export function macvlanDelSource(vlan: MacvlanDev, mac: u64): void {
  for (let i: u32 = 0; i < vlan.macCount; i++) {
    if (load<u64>(vlan.macs + (i << 3)) !== mac) continue;
    store<u64>(vlan.macs + (i << 3), load<u64>(vlan.macs + (--vlan.macCount << 3)));
    return;
  }
}

export function macvlanFlushSources(vlan: MacvlanDev): void {
  kfree(vlan.macs);
  vlan.macs = 0;
  vlan.macCount = 0;
}
