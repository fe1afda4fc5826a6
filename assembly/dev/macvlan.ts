/**
 * macvlan: devices with MACs of their own on one lower device. Linux: drivers/net/macvlan.c.
 *
 *   lower ─► rx_handler ─┬─ unicast to a macvlan's MAC ─► that one's stack
 *                        ├─ group ─► a clone to each that may see it, and the lower's own stack
 *                        └─ else: the lower's own stack
 *
 * Who hears whom: private: nobody of the others. vepa: the others, when the switch sends it back. bridge: the others,
 * at once. passthru: the only one, with the lower's MAC. source: frames of the MACs that it names.
 *
 * Differs: there is no list of joined groups per device, a macvlan that is up gets all groups' frames.
 */
import {
  MACVLAN_FLAG_NODST,
  MACVLAN_FLAG_NOPROMISC,
  MACVLAN_MODE_BRIDGE,
  MACVLAN_MODE_PASSTHRU,
  MACVLAN_MODE_PRIVATE,
  MACVLAN_MODE_SOURCE,
  MACVLAN_MODE_VEPA,
} from '../abi/link_data';
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfResetCt } from '../skb/nfct';
import {
  PACKET_HOST,
  PACKET_LOOPBACK,
  SKB_F_CLONED,
  SKB_F_LOCAL,
  SKB_F_PKT_TYPE,
  SkBuff,
} from '../skb/sk_buff';
import { skbClone } from '../skb/skbuff';
import { ETH_HLEN, isMulticastEtherAddr } from '../wire/ethernet';
import { VLAN_HLEN } from '../wire/vlan';
import { netifRx } from './backlog';
import {
  macvlanDev,
  MacvlanDev,
  macvlanFlushSources,
  macvlanHashAdd,
  macvlanHashDel,
  macvlanHashLookup,
  macvlanHasSource,
  MacvlanPort,
  macvlanPort,
  macvlanPortPut,
  macvlanSetMode,
} from './macvlan_port';
import {
  DevKind,
  IFF_UP,
  Ndo,
  NetDevice,
  allocNetdev,
  devNdo,
  devSetAddr,
  devSetCarrier,
  devSetMtu,
} from './net_device';
import { NETDEV_TX_OK } from './port';
import { netifReceiveSkbList } from './receive';
import { devSetPromiscuity, netdevLowerDevUnlink } from './upper';
import { devQueueXmit } from './xmit';

const MAC_MASK: u64 = 0xffffffffffff;
const MACVLAN_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.RXCSUM | NetifF.LLTX;
const OUTSIDE_MODES: u32 =
  MACVLAN_MODE_PRIVATE | MACVLAN_MODE_VEPA | MACVLAN_MODE_PASSTHRU | MACVLAN_MODE_BRIDGE;

/** A macvlan, not yet registered nor stacked; null when memory ran out. */
export function macvlanCreate(net: Net, lower: NetDevice): NetDevice | null {
  const dev = allocNetdev(net, DevKind.MACVLAN);
  if (dev === null) return null;
  dev.ndo = Op.NDO_MACVLAN;
  dev.xmitOp = Op.XMIT_MACVLAN;
  dev.pollOp = Op.POLL_BACKLOG;
  dev.features = MACVLAN_FEATURES;
  dev.mtu = lower.mtu;
  dev.carrier = lower.carrier;
  dev.priv = kzalloc(offsetof<MacvlanDev>());
  return dev;
}

/** The rx_handler of a lower device. Linux: macvlan_handle_frame. */
function macvlanHandleFrames(list: usize, n: u32, lowerPtr: usize): u32 {
  const port = macvlanPort(changetype<NetDevice>(lowerPtr));
  let kept: u32 = 0;
  let i: u32 = 0;
  while (i < n) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    const to = unicastTo(port, skb, lowerPtr);
    if (to === lowerPtr) {
      store<u32>(list + (kept++ << 2), changetype<usize>(skb));
      i++;
    } else if (to === 0) {
      i++;
    } else {
      // What follows to the same macvlan goes with it.
      const dest = load<u64>(skb.macHeader) & MAC_MASK;
      let end = i + 1;
      if (port.sources === 0) {
        while (
          end < n &&
          (load<u64>(changetype<SkBuff>(load<u32>(list + (end << 2))).macHeader) & MAC_MASK) === dest
        )
          end++;
      }
      deliver(changetype<NetDevice>(to), list + (i << 2), end - i);
      i = end;
    }
  }
  return kept;
}

/** Where a frame goes: a macvlan, the lower device itself, or 0 when it has come to its end already. */
function unicastTo(port: MacvlanPort, skb: SkBuff, lowerPtr: usize): usize {
  if (skb.pktType === PACKET_LOOPBACK) return lowerPtr;
  const lower = changetype<NetDevice>(lowerPtr);
  const source = load<u64>(skb.macHeader, 6) & MAC_MASK;
  if (port.sources !== 0 && forwardSource(lower, skb, source)) {
    consumeSkb(skb);
    return 0;
  }
  if (isMulticastEtherAddr(skb.macHeader)) {
    const src = macvlanHashLookup(port, source);
    if (src !== null && (macvlanDev(src).mode & (MACVLAN_MODE_VEPA | MACVLAN_MODE_BRIDGE)) === 0) {
      // A private one's own frame that came back is for nobody else.
      toBacklog(skb, src);
      return 0;
    }
    if (src === null) broadcast(lower, skb, 0, OUTSIDE_MODES);
    else if (macvlanDev(src).mode === MACVLAN_MODE_VEPA)
      broadcast(lower, skb, changetype<usize>(src), MACVLAN_MODE_VEPA | MACVLAN_MODE_BRIDGE);
    // The others in bridge mode saw it on its way out.
    else broadcast(lower, skb, changetype<usize>(src), MACVLAN_MODE_VEPA);
    return lowerPtr;
  }
  const dest = load<u64>(skb.macHeader) & MAC_MASK;
  const found = port.passthru !== 0 ? port.passthru : changetype<usize>(macvlanHashLookup(port, dest));
  if (found === 0 || macvlanDev(changetype<NetDevice>(found)).mode === MACVLAN_MODE_SOURCE) return lowerPtr;
  return found;
}

/** Frames with the same destination go up the stack of `dev`. */
function deliver(dev: NetDevice, list: usize, n: u32): void {
  const up = (dev.flags & IFF_UP) !== 0;
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (!up) {
      kfreeSkbReason(skb, SkbDropReason.DEV_READY);
      continue;
    }
    skb.dev = changetype<usize>(dev);
    skb.iif = dev.ifindex;
    skb.pktType = PACKET_HOST;
    bytes += skb.len + ETH_HLEN;
  }
  if (!up) return;
  dev.rxPackets += n;
  dev.rxBytes += bytes;
  netifReceiveSkbList(dev, list, n);
}

/** Gives the frame (data behind its Ethernet header) to the backlog of `dev`, which sees it as from a wire. */
function toBacklog(skb: SkBuff, dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) {
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return;
  }
  skb.len += skb.data - skb.macHeader;
  skb.data = skb.macHeader;
  if (isMulticastEtherAddr(skb.data)) dev.multicast++;
  netifRx(skb, dev);
}

/** A clone for each macvlan in source mode that names `source`. True: nobody else gets the frame. */
function forwardSource(lower: NetDevice, skb: SkBuff, source: u64): bool {
  let consume = false;
  for (let at = lower.stackedHead; at !== 0; at = changetype<NetDevice>(at).stackedNext) {
    const dev = changetype<NetDevice>(at);
    if (dev.kind !== DevKind.MACVLAN || macvlanDev(dev).mode !== MACVLAN_MODE_SOURCE) continue;
    if (!macvlanHasSource(macvlanDev(dev), source)) continue;
    if ((macvlanDev(dev).flags & MACVLAN_FLAG_NODST) !== 0) consume = true;
    if ((dev.flags & IFF_UP) === 0) continue;
    const clone = skbClone(skb);
    if (clone === null) {
      dev.rxDropped++;
      continue;
    }
    // What was for the lower device is for this one, too.
    if ((load<u64>(skb.macHeader) & MAC_MASK) === dev.addr) clone.pktType = PACKET_HOST;
    clone.flags |= SKB_F_PKT_TYPE;
    clone.len += clone.data - clone.macHeader;
    clone.data = clone.macHeader;
    netifRx(clone, dev);
  }
  return consume;
}

/** A clone of the group's frame to each macvlan of `modes` that is up, but not to `except`. */
function broadcast(lower: NetDevice, skb: SkBuff, except: usize, modes: u32): void {
  for (let at = lower.stackedHead; at !== 0; at = changetype<NetDevice>(at).stackedNext) {
    const dev = changetype<NetDevice>(at);
    if (dev.kind !== DevKind.MACVLAN || at === except || (macvlanDev(dev).mode & modes) === 0) continue;
    if ((dev.flags & IFF_UP) === 0) continue;
    const clone = skbClone(skb);
    if (clone === null) dev.rxDropped++;
    else toBacklog(clone, dev);
  }
}

/** ndo_start_xmit. */
function macvlanXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const lower = changetype<NetDevice>(dev.lower);
  dev.txPackets++;
  dev.txBytes += skb.len;
  if (macvlanDev(dev).mode === MACVLAN_MODE_BRIDGE) {
    skb.macHeader = skb.data;
    if (isMulticastEtherAddr(skb.data)) {
      skb.flags |= SKB_F_LOCAL;
      broadcast(lower, skb, devPtr, MACVLAN_MODE_BRIDGE);
    } else {
      const dest = macvlanHashLookup(macvlanPort(lower), load<u64>(skb.data) & MAC_MASK);
      if (dest !== null && macvlanDev(dest).mode === MACVLAN_MODE_BRIDGE) {
        forward(skb, dest);
        return NETDEV_TX_OK;
      }
    }
  }
  if ((lower.flags & IFF_UP) === 0) {
    dev.txPackets--;
    dev.txBytes -= skb.len;
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return NETDEV_TX_OK;
  }
  skb.dev = dev.lower;
  devQueueXmit(skb);
  return NETDEV_TX_OK;
}

/** From one macvlan to another. Linux: dev_forward_skb; what the sender's stack left in the skb is scrubbed. */
function forward(skb: SkBuff, to: NetDevice): void {
  if (skb.gsoSize === 0 && skb.len > to.mtu + ETH_HLEN + VLAN_HLEN) {
    to.rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
    return;
  }
  skb.dst = 0;
  nfResetCt(skb);
  skb.flags = (skb.flags & SKB_F_CLONED) | SKB_F_LOCAL;
  netifRx(skb, to);
}

/** `mac` is the lower's or a macvlan's that is up. Linux: macvlan_addr_busy. */
function addrBusy(dev: NetDevice, mac: u64): bool {
  const lower = changetype<NetDevice>(dev.lower);
  return mac === lower.addr || macvlanHashLookup(macvlanPort(lower), mac) !== null;
}

function macvlanOpen(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const vlan: MacvlanDev = macvlanDev(dev);
  const lower = changetype<NetDevice>(dev.lower);
  if (vlan.mode === MACVLAN_MODE_PASSTHRU) {
    if ((vlan.flags & MACVLAN_FLAG_NOPROMISC) === 0) devSetPromiscuity(lower, 1);
  } else if (addrBusy(dev, dev.addr)) {
    return -Errno.EADDRINUSE;
  }
  macvlanHashAdd(macvlanPort(lower), dev);
  devSetCarrier(dev, lower.carrier !== 0);
  return 0;
}

function macvlanStop(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const vlan: MacvlanDev = macvlanDev(dev);
  const lower = changetype<NetDevice>(dev.lower);
  if (vlan.mode === MACVLAN_MODE_PASSTHRU && (vlan.flags & MACVLAN_FLAG_NOPROMISC) === 0)
    devSetPromiscuity(lower, -1);
  macvlanHashDel(macvlanPort(lower), dev);
  return 0;
}

/** Linux: macvlan_device_event, for one macvlan of `lower`. */
function macvlanEvent(devPtr: usize, event: usize, lowerPtr: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const lower = changetype<NetDevice>(lowerPtr);
  switch (<u32>event) {
    case NetdevEvent.UP:
    case NetdevEvent.DOWN:
    case NetdevEvent.CHANGE:
      devSetCarrier(dev, lower.carrier !== 0);
      break;
    case NetdevEvent.CHANGEMTU:
      if (dev.mtu > lower.mtu) devSetMtu(dev, lower.mtu);
      break;
    case NetdevEvent.CHANGEADDR:
      if (macvlanDev(dev).mode === MACVLAN_MODE_PASSTHRU && dev.addr !== lower.addr) moveTo(dev, lower.addr);
      break;
  }
  return 0;
}

/** Linux: macvlan_sync_address. */
function moveTo(dev: NetDevice, mac: u64): void {
  const port = macvlanPort(changetype<NetDevice>(dev.lower));
  const up = (dev.flags & IFF_UP) !== 0;
  if (up) macvlanHashDel(port, dev);
  devSetAddr(dev, mac);
  if (up) macvlanHashAdd(port, dev);
}

/** Linux: macvlan_change_mtu. */
function macvlanChangeMtu(devPtr: usize, mtu: usize, _b: usize): i32 {
  return mtu > changetype<NetDevice>(changetype<NetDevice>(devPtr).lower).mtu ? -Errno.EINVAL : 0;
}

/** Linux: macvlan_set_mac_address. In passthru mode it is the lower's that changes. */
function macvlanSetMac(devPtr: usize, macPtr: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const mac = load<u64>(macPtr) & MAC_MASK;
  if (mac === dev.addr) return 0;
  if (macvlanDev(dev).mode === MACVLAN_MODE_PASSTHRU) {
    const lower = changetype<NetDevice>(dev.lower);
    const err = devNdo(lower, Ndo.SET_MAC, macPtr, 0);
    if (err === 0) devSetAddr(lower, mac);
    return err;
  }
  if (addrBusy(dev, mac)) return -Errno.EADDRINUSE;
  moveTo(dev, mac);
  return 0;
}

function macvlanUninit(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  if (dev.lower !== 0) {
    const lower = changetype<NetDevice>(dev.lower);
    const port = macvlanPort(lower);
    macvlanSetMode(dev, 0);
    if (port.passthru === devPtr) port.passthru = 0;
    netdevLowerDevUnlink(dev);
    macvlanPortPut(lower);
  }
  if (dev.priv !== 0) macvlanFlushSources(macvlanDev(dev));
  kfree(dev.priv);
  dev.priv = 0;
  return 0;
}

export function macvlanOpsInit(): void {
  opSet(Op.RX_HANDLER_MACVLAN, macvlanHandleFrames.index);
  opSet(Op.XMIT_MACVLAN, macvlanXmit.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.OPEN, macvlanOpen.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.STOP, macvlanStop.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.EVENT, macvlanEvent.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.CHANGE_MTU, macvlanChangeMtu.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.SET_MAC, macvlanSetMac.index);
  opSet(Op.NDO_MACVLAN + <u32>Ndo.UNINIT, macvlanUninit.index);
}
