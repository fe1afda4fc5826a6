/**
 * A port's receive ring that the kernel fills and the core reads: TPACKET_V2 of a packet socket, mapped into the
 * foreign window. Linux: packet(7), Documentation/networking/packet_mmap.rst.
 *
 *   kernel  fills a slot, STATUS = USER ─► rx ─► tpacketPoll: headers copied, payload a fragment ─► the way of a packet
 *                                                                                                        │
 *   kernel  may fill it again ◄─ STATUS = KERNEL ◄─ at once when all was copied, else with the last skbFree ◄┘
 *
 * What lies in a slot is not trusted: a field is read once, and bytes that are looked at lie in our memory by then.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { BURST_MAX, Port, SKB_HEADROOM, SLOT_BYTES } from '../abi/layout';
import { Op } from '../abi/ops';
import {
  TP_STATUS_CSUM_VALID,
  TP_STATUS_CSUMNOTREADY,
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  Tpacket2Hdr,
  TpacketRing,
} from '../abi/packet';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { foreignOrphanAll } from '../skb/foreign';
import { countDrop, kfreeSkbReason } from '../skb/free';
import { FOREIGN_SLOT_BYTES, ForeignSlot, skbRecordAlloc, slotAlloc, slotPut } from '../skb/pool';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_MULTICAST,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  SkBuff,
  skbCbClear,
} from '../skb/sk_buff';
import { skbAddFrag } from '../skb/skbuff';
import { traceDropFrame, traceReceived } from '../skb/trace';
import { ETH_P_8021Q, ETH_P_IP } from '../wire/ethernet';
import { TCP_CHECK_OFFSET } from '../wire/tcp';
import { UDP_CHECK_OFFSET } from '../wire/udp';
import { ethTypeTrans } from './eth';
import { groReceiveList } from './gro';
import { gsoTransportOffset } from './gso_headers';
import { NetDevice, netifRunning } from './net_device';
import { xdpPass } from './port';
import { netifReceiveSkbList } from './receive';
import { SCRATCH_RECEIVE, scratchList } from './scratch';
import { virtioNetHdrToSkb } from './virtio_net';
import { VLAN_DEPTH_BAD, vlanDepth } from './vlan_depth';

const RX_LINEAR: u32 = SLOT_BYTES - SKB_HEADROOM;
const ETH_HLEN: u32 = 14;
/** Of a frame that does not fit our slot so much is copied, so that no header has to be fetched. */
const RX_HEADERS: u32 = 256;
/**
 * A burst ends behind so many bytes that lie in the ring: it would fill up while they are sent, and what is sent next
 * shall still lie in the cache.
 */
const FOREIGN_BYTES: u32 = 256 << 10;
const RING_MAX: u32 = 1 << 16;

/** Begins with the fields of abi/packet TpacketRing. */
@unmanaged
@final
class Ring {
  slot: usize;
  credit: u32;
  bad: u32;
  held: u32;
  /** Of the slot read next: its number, its place in its block, and where that block begins. */
  index: u32;
  frame: u32;
  block: usize;
  base: usize;
  end: usize;
  perBlock: u32;
  blockBytes: u32;
  frameBytes: u32;
  vnet: u32;
  /** ForeignSlot per slot. */
  slots: usize;
  count: u32;
  pad: u32;
}

/** The status is what orders the other fields: it is read before them, and written after them. */
class StatusWord {
  @inline
  static read(slot: usize): u32 {
    if (ASC_FEATURE_THREADS) return atomic.load<u32>(slot, Tpacket2Hdr.STATUS);
    else return load<u32>(slot, Tpacket2Hdr.STATUS);
  }

  @inline
  static release(slot: usize): void {
    if (ASC_FEATURE_THREADS) atomic.store<u32>(slot, TP_STATUS_KERNEL, Tpacket2Hdr.STATUS);
    else store<u32>(slot, TP_STATUS_KERNEL, Tpacket2Hdr.STATUS);
  }
}

/**
 * From now on the port's frames come from the ring of `blocks` blocks at `base`. 0, -EINVAL when the sizes make no
 * sense or the ring does not lie above the core's own memory, -EBUSY when there is one already, -ENOMEM.
 */
export function tpacketAttach(
  dev: NetDevice,
  base: usize,
  blocks: u32,
  blockBytes: u32,
  frameBytes: u32,
  vnet: u32,
): i32 {
  const port = dev.priv;
  if (load<u32>(port, Port.RX_MAP) !== 0) return -Errno.EBUSY;
  if (vnet !== load<u32>(port, Port.VNET_HDR_LEN) || (base & 15) !== 0) return -Errno.EINVAL;
  if (frameBytes < 128 || (frameBytes & 15) !== 0 || blockBytes < frameBytes || (blockBytes & 4095) !== 0)
    return -Errno.EINVAL;
  const perBlock = blockBytes / frameBytes;
  const bytes = <u64>blocks * blockBytes;
  const memoryBytes = (<u64>memory.size()) << 16;
  if (blocks === 0 || <u64>blocks * perBlock > RING_MAX) return -Errno.EINVAL;
  if (<u64>base < windowStart() || bytes > memoryBytes || <u64>base > memoryBytes - bytes)
    return -Errno.EINVAL;
  const count = blocks * perBlock;
  const p = kzalloc(offsetof<Ring>());
  const slots = kmalloc(count * FOREIGN_SLOT_BYTES);
  if (p === 0 || slots === 0) {
    kfree(p);
    kfree(slots);
    return -Errno.ENOMEM;
  }
  for (let i: u32 = 0; i < count; i++) {
    const own = changetype<ForeignSlot>(slots + i * FOREIGN_SLOT_BYTES);
    own.refs = 1;
    own.taken = 0;
    own.op = Op.FOREIGN_TPACKET;
    own.arg = base + (i / perBlock) * blockBytes + (i % perBlock) * frameBytes;
    own.ring = p;
  }
  const ring = changetype<Ring>(p);
  ring.slot = base;
  ring.block = base;
  ring.base = base;
  ring.end = base + <usize>bytes;
  ring.perBlock = perBlock;
  ring.blockBytes = blockBytes;
  ring.frameBytes = frameBytes;
  ring.vnet = vnet;
  ring.slots = slots;
  ring.count = count;
  store<u32>(port, p, Port.RX_MAP);
  dev.pollOp = Op.POLL_TPACKET;
  return 0;
}

/** First byte that is none of the core's own (init's MEMORY_BYTES). */
function windowStart(): u64 {
  return <u64>load<u32>(root().initConfig);
}

/** The ring is about to be unmapped: what packets still have in it is made ours. Frames come by descriptors again. */
export function tpacketDetach(dev: NetDevice): void {
  const port = dev.priv;
  const p = load<u32>(port, Port.RX_MAP);
  if (p === 0) return;
  const ring = changetype<Ring>(p);
  foreignOrphanAll(ring.slots, ring.count * FOREIGN_SLOT_BYTES);
  forget(dev, ring);
}

/** After a restore: the ring is not there any more, and nothing of it is in the snapshot (FOREIGN_ORPHAN). */
export function tpacketForget(dev: NetDevice): void {
  const p = load<u32>(dev.priv, Port.RX_MAP);
  if (p !== 0) forget(dev, changetype<Ring>(p));
}

function forget(dev: NetDevice, ring: Ring): void {
  kfree(ring.slots);
  kfree(changetype<usize>(ring));
  store<u32>(dev.priv, 0, Port.RX_MAP);
  dev.pollOp = Op.POLL_PORT;
}

/** The last fragment in the slot is gone. */
export function foreignPutTpacket(p: usize): void {
  const own = changetype<ForeignSlot>(p);
  own.taken = 0;
  changetype<Ring>(own.ring).held = 0;
  StatusWord.release(own.arg);
}

/** napi poll: up to `budget` frames, and no more than rx() gave credit for. */
export function tpacketPoll(dev: NetDevice, budget: i32): i32 {
  const p: usize = dev.priv === 0 ? 0 : load<u32>(dev.priv, Port.RX_MAP);
  if (p === 0) return 0;
  const ring = changetype<Ring>(p);
  const most = min(min(<u32>budget, BURST_MAX), ring.credit);
  const list = scratchList(SCRATCH_RECEIVE);
  const running = netifRunning(dev);
  const now = root().now;
  let taken: u32 = 0;
  let n: u32 = 0;
  let foreign: u32 = 0;
  while (taken < most && foreign < FOREIGN_BYTES) {
    const slot = ring.slot;
    const status = StatusWord.read(slot);
    if ((status & TP_STATUS_USER) === 0) break;
    const own = changetype<ForeignSlot>(ring.slots + ring.index * FOREIGN_SLOT_BYTES);
    if (own.taken !== 0) {
      // The ring went round while a packet still lies in this slot.
      ring.held = 1;
      break;
    }
    next(ring);
    taken++;
    if (!running) {
      dropSlot(dev, slot, SkbDropReason.DEV_READY);
      continue;
    }
    const skb = take(dev, ring, own, slot, status);
    if (skb === null) continue;
    foreign += skb.dataLen;
    skb.tstamp = now;
    dev.rxPackets++;
    dev.rxBytes += skb.len + ETH_HLEN;
    store<u32>(list + (n++ << 2), changetype<usize>(skb));
  }
  ring.credit = taken < most ? 0 : ring.credit - taken;
  if (n !== 0 && root().trace !== 0) traceReceived(list, n);
  // A sink counts frames as they came.
  if (n !== 0 && (dev.features & NetifF.GRO) !== 0 && dev.sink === 0) {
    n = groReceiveList(dev, list, n);
    for (let i: u32 = 0; i < n; i++) skbCbClear(changetype<SkBuff>(load<u32>(list + (i << 2))));
  }
  if (n !== 0) netifReceiveSkbList(dev, list, n);
  return <i32>taken;
}

function next(ring: Ring): void {
  ring.index++;
  ring.frame++;
  ring.slot += ring.frameBytes;
  if (ring.frame !== ring.perBlock) return;
  ring.frame = 0;
  ring.block += ring.blockBytes;
  if (ring.block === ring.end) {
    ring.block = ring.base;
    ring.index = 0;
  }
  ring.slot = ring.block;
}

/** Makes an skb of a filled slot; null when it was dropped (counted). The slot goes back unless the skb holds it. */
function take(dev: NetDevice, ring: Ring, own: ForeignSlot, slot: usize, status: u32): SkBuff | null {
  const len = load<u32>(slot, Tpacket2Hdr.LEN);
  const bytes = load<u32>(slot, Tpacket2Hdr.SNAPLEN);
  const mac = <u32>load<u16>(slot, Tpacket2Hdr.MAC);
  const vnet = ring.vnet;
  // Cut off, or a descriptor that makes no sense.
  if (bytes !== len || bytes < ETH_HLEN || mac < <u32>Tpacket2Hdr.SIZE + vnet) return bad(dev, ring, slot);
  if (mac > ring.frameBytes || bytes > ring.frameBytes - mac) return bad(dev, ring, slot);
  const head = slotAlloc();
  let record: SkBuff | null = null;
  if (head !== 0) record = skbRecordAlloc();
  if (record === null) {
    if (head !== 0) slotPut(head);
    if (root().trace !== 0) traceDropFrame(changetype<usize>(dev), slot + mac, bytes, SkbDropReason.NOMEM);
    return dropSlot(dev, slot, SkbDropReason.NOMEM);
  }
  const skb = record;
  const buf = head + SKB_HEADROOM;
  const linear = bytes <= RX_LINEAR ? bytes : RX_HEADERS;
  memory.copy(buf - vnet, slot + mac - vnet, linear + vnet);
  skb.dev = changetype<usize>(dev);
  skb.iif = dev.ifindex;
  skb.head = head;
  skb.end = head + SLOT_BYTES;
  skb.data = buf;
  skb.len = linear;
  if ((status & TP_STATUS_VLAN_VALID) !== 0) {
    // The tag is out of the frame already, as skb_vlan_untag leaves it.
    const tag = load<u32>(slot, Tpacket2Hdr.VLAN_TCI);
    skb.vlanTci = <u16>tag;
    skb.vlanProto = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? <u16>(tag >> 16) : <u16>ETH_P_8021Q;
  }
  if (linear !== bytes) {
    own.taken = 1;
    if (!skbAddFrag(skb, slot + mac + linear, bytes - linear, changetype<usize>(own))) {
      own.taken = 0;
      StatusWord.release(slot);
      dev.rxDropped++;
      kfreeSkbReason(skb, SkbDropReason.NOMEM);
      return null;
    }
  } else {
    StatusWord.release(slot);
  }
  if (dev.xdp !== 0 && !xdpPass(dev, buf, linear)) {
    dev.rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.XDP);
    return null;
  }
  ethTypeTrans(skb, dev);
  if (skb.pktType === PACKET_MULTICAST) dev.multicast++;
  if (vnet !== 0 && load<u16>(buf - vnet) !== 0) {
    if (!virtioNetHdrToSkb(skb, buf - vnet)) {
      ring.bad++;
      dev.rxErrors++;
      kfreeSkbReason(skb, SkbDropReason.DEV_HDR);
      return null;
    }
  } else if ((status & TP_STATUS_CSUM_VALID) !== 0) {
    skb.ipSummed = CHECKSUM_UNNECESSARY;
  } else if ((status & TP_STATUS_CSUMNOTREADY) !== 0) {
    notReady(skb);
  }
  return skb;
}

/** Without a vnet header nothing says where the missing checksum goes; the packet does, if it is TCP or UDP. */
function notReady(skb: SkBuff): void {
  let check: u32 = TCP_CHECK_OFFSET;
  const network = vlanDepth(skb, 0);
  if (network === VLAN_DEPTH_BAD) return;
  const ipv4 = load<u16>(skb.data + network - 2) === bswap<u16>(<u16>ETH_P_IP);
  let at = gsoTransportOffset(skb, network, ipv4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6);
  if (at === 0) {
    check = UDP_CHECK_OFFSET;
    at = gsoTransportOffset(skb, network, SKB_GSO_UDP_L4);
  }
  if (at === 0) return;
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = <u16>(skb.data + at - skb.head);
  skb.csumOffset = <u16>check;
  skb.transportHeader = skb.data + at;
}

function bad(dev: NetDevice, ring: Ring, slot: usize): SkBuff | null {
  ring.bad++;
  dev.rxErrors++;
  StatusWord.release(slot);
  countDrop(changetype<usize>(dev), SkbDropReason.DEV_HDR);
  return null;
}

function dropSlot(dev: NetDevice, slot: usize, reason: SkbDropReason): SkBuff | null {
  StatusWord.release(slot);
  dev.rxDropped++;
  countDrop(changetype<usize>(dev), reason);
  return null;
}

function pollTpacket(dev: usize, budget: i32): i32 {
  return tpacketPoll(changetype<NetDevice>(dev), budget);
}

/** Fills the ops: at init and after a restore. */
export function tpacketOpsInit(): void {
  opSet(Op.POLL_TPACKET, pollTpacket.index);
  opSet(Op.FOREIGN_TPACKET, foreignPutTpacket.index);
  assert(offsetof<Ring>('held') === <usize>TpacketRing.HELD, 'abi TpacketRing');
}
