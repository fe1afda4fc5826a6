/**
 * A port: a device whose frames a driver of the host moves. The rings are laid out in abi/layout (Port, RxDesc,
 * TxDesc); the driver writes received frames straight into our slots and sends straight out of them.
 *
 *   rx(count) ─► portPoll: descriptor ─► skb ─► vnet header ─► eth_type_trans ─► GRO ─► netifReceiveSkbList
 *   devQueueXmit ─► portXmit: vnet header, descriptor ─► driver ─► portTxClean frees what was sent
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import {
  BURST_MAX,
  LARGE_SLOT_BYTES,
  Port,
  RX_DESC_CSUM_OK,
  RxDesc,
  SKB_HEADROOM,
  SLOT_BYTES,
  Status,
  TxDesc,
} from '../abi/layout';
import { Op } from '../abi/ops';
import { TpacketRing } from '../abi/packet';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { opIndex } from '../lib/ops';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import { countDrop, kfreeSkbReason } from '../skb/free';
import { traceDropFrame, traceEvent, traceReceived } from '../skb/trace';
import { TraceKind } from '../abi/trace';
import { Nfct } from '../skb/nfct';
import { SkbRecord, largeSlotAlloc, skbFreeSent, skbRecordAlloc, slotAlloc, slotPut } from '../skb/pool';
import { CHECKSUM_UNNECESSARY, PACKET_MULTICAST, SkBuff, skbCbClear, skbHeadlen } from '../skb/sk_buff';
import { skbAddFrag, skbCowHead } from '../skb/skbuff';
import { ethPktType, ethTypeTrans } from './eth';
import { groReceiveList } from './gro';
import { napiSchedule } from './napi';
import { NetDevice, devAddrPtr, netifRunning } from './net_device';
import { netifReceiveSkbList } from './receive';
import { Rss, rssHash, rssNew, rssQueue } from './rss';
import { SCRATCH_RECEIVE, scratchList } from './scratch';
import { virtioNetHdrFromSkb, virtioNetHdrToSkb } from './virtio_net';
import { netifWakeQueue } from './xmit';

export const NETDEV_TX_OK: i32 = 0;
export const NETDEV_TX_BUSY: i32 = 0x10;

/** Bytes of frame that fit the linear part of a receive slot. */
const RX_LINEAR: u32 = SLOT_BYTES - SKB_HEADROOM;
const ETH_HLEN: u32 = 14;
/** Frames of a list that nobody merges: their skbs and headers stay in the first-level cache from stage to stage. */
const RX_LIST: u32 = 64;
/** Linux: include/uapi/linux/bpf.h. */
const XDP_PASS: i32 = 2;
const MAC_MASK: u64 = 0xffffffffffff;

/**
 * Makes rings of so many entries (powers of two), a receive ring for each of `queues`; receive descriptors get their
 * slots, and large ones too when `large`. False when memory or slots ran out (nothing is kept then).
 */
export function portSetup(
  dev: NetDevice,
  rxEntries: u32,
  txEntries: u32,
  vnetHdrLen: u32,
  large: bool,
  queues: u32,
): bool {
  const port = kzalloc(Port.SIZE);
  const tx = kmalloc(txEntries * TxDesc.SIZE);
  if (port === 0 || tx === 0) {
    kfree(port);
    kfree(tx);
    return false;
  }
  store<u32>(port, tx, Port.TX_RING);
  store<u32>(port, txEntries - 1, Port.TX_MASK);
  store<u32>(port, devAddrPtr(dev), Port.MAC);
  store<u32>(port, changetype<usize>(dev) + offsetof<NetDevice>('promiscuity'), Port.PROMISCUITY);
  store<u32>(port, queues, Port.RX_QUEUES);
  dev.priv = port;
  dev.xmitOp = Op.XMIT_PORT;
  dev.pollOp = Op.POLL_PORT;
  if (!rxSetup(port, rxEntries, vnetHdrLen, large) || !moreQueues(port, rxEntries, vnetHdrLen, large)) {
    portTeardown(dev);
    return false;
  }
  return true;
}

/** Gives the Port record a full receive ring. */
function rxSetup(port: usize, entries: u32, vnetHdrLen: u32, large: bool): bool {
  const rx = kzalloc(entries * RxDesc.SIZE);
  if (rx === 0) return false;
  store<u32>(port, rx, Port.RX_RING);
  store<u32>(port, entries - 1, Port.RX_MASK);
  store<u32>(port, vnetHdrLen, Port.VNET_HDR_LEN);
  store<u32>(port, <u32>large, Port.RX_LARGE);
  for (let i: u32 = 0; i < entries; i++) {
    if (!refill(rx + i * RxDesc.SIZE, large)) return false;
  }
  return true;
}

/** The queues behind the first, and how packets are spread. */
function moreQueues(port: usize, entries: u32, vnetHdrLen: u32, large: bool): bool {
  const queues = load<u32>(port, Port.RX_QUEUES);
  if (queues === 1) return true;
  const rss = rssNew(queues);
  if (rss === null) return false;
  store<u32>(port, changetype<usize>(rss), Port.RSS);
  let last = port;
  for (let i: u32 = 1; i < queues; i++) {
    const next = kzalloc(Port.SIZE);
    if (next === 0) return false;
    store<u32>(last, next, Port.RX_NEXT);
    if (!rxSetup(next, entries, vnetHdrLen, large)) return false;
    last = next;
  }
  return true;
}

/** Frees rings, slots and what waits to be sent. The driver has let go of them. */
export function portTeardown(dev: NetDevice): void {
  const port = dev.priv;
  if (port === 0) return;
  portTxClean(dev, load<u32>(port, Port.TX_HEAD));
  kfree(load<u32>(port, Port.TX_RING));
  kfree(load<u32>(port, Port.RSS));
  let queue = port;
  while (queue !== 0) {
    const next = load<u32>(queue, Port.RX_NEXT);
    rxTeardown(queue);
    kfree(queue);
    queue = next;
  }
  dev.priv = 0;
}

function rxTeardown(port: usize): void {
  const rx = load<u32>(port, Port.RX_RING);
  if (rx === 0) return;
  for (let i: u32 = 0; i <= load<u32>(port, Port.RX_MASK); i++) {
    const desc = rx + i * RxDesc.SIZE;
    const buf = load<u32>(desc, RxDesc.BUF);
    if (buf !== 0) slotPut(buf - SKB_HEADROOM);
    slotPut(load<u32>(desc, RxDesc.LARGE));
  }
  kfree(rx);
}

/** The Port record of receive queue `queue`, or 0. */
function rxQueue(dev: NetDevice, queue: u32): usize {
  let port = dev.priv;
  for (let i: u32 = 0; i < queue && port !== 0; i++) port = load<u32>(port, Port.RX_NEXT);
  return port;
}

/** Puts fresh slots where they are missing. */
function refill(desc: usize, large: bool): bool {
  if (load<u32>(desc, RxDesc.BUF) === 0) {
    const slot = slotAlloc();
    if (slot === 0) return false;
    store<u32>(desc, slot + SKB_HEADROOM, RxDesc.BUF);
  }
  if (large && load<u32>(desc, RxDesc.LARGE) === 0) {
    const slot = largeSlotAlloc();
    if (slot === 0) return false;
    store<u32>(desc, slot, RxDesc.LARGE);
  }
  return true;
}

/**
 * The driver filled `count` more descriptors of the queue; or up to so many frames may be taken from the mapped ring.
 * False when there is no such queue.
 */
export function portRx(dev: NetDevice, queue: u32, count: u32): bool {
  const port = queue === 0 ? dev.priv : rxQueue(dev, queue);
  if (port === 0) return false;
  const map = load<u32>(port, Port.RX_MAP);
  if (map !== 0) {
    store<u32>(map, count, TpacketRing.CREDIT);
  } else {
    const room =
      load<u32>(port, Port.RX_MASK) + 1 - (load<u32>(port, Port.RX_HEAD) - load<u32>(port, Port.RX_TAIL));
    store<u32>(port, load<u32>(port, Port.RX_HEAD) + min(count, room), Port.RX_HEAD);
  }
  napiSchedule(dev);
  return true;
}

/** napi poll of a port: up to `budget` frames from each of its rings. */
export function portPoll(dev: NetDevice, budget: i32): i32 {
  const port = dev.priv;
  if (port === 0) return 0;
  let work = pollQueue(dev, port, 0, budget);
  if (load<u32>(port, Port.RX_NEXT) === 0) return work;
  let index: u32 = 1;
  for (let at = load<u32>(port, Port.RX_NEXT); at !== 0; at = load<u32>(at, Port.RX_NEXT)) {
    work += pollQueue(dev, at, index++, budget);
  }
  return work;
}

/** What waits in one receive ring, up the stack: as one list where it may be merged, else as short ones. */
function pollQueue(dev: NetDevice, port: usize, index: u32, budget: i32): i32 {
  const count = min(<u32>budget, load<u32>(port, Port.RX_HEAD) - load<u32>(port, Port.RX_TAIL));
  const most = (dev.features & NetifF.GRO) !== 0 ? BURST_MAX : RX_LIST;
  for (let left = min(count, BURST_MAX); left !== 0; ) {
    const n = min(left, most);
    receive(dev, port, index, n);
    left -= n;
  }
  return <i32>min(count, BURST_MAX);
}

/** The next `count` frames of a receive ring, as one list. */
function receive(dev: NetDevice, port: usize, index: u32, count: u32): void {
  const tail = load<u32>(port, Port.RX_TAIL);
  const list = scratchList(SCRATCH_RECEIVE);
  let n: u32 = 0;
  if (netifRunning(dev)) n = takeFrames(dev, port, tail, count, list);
  else for (let i: u32 = 0; i < count; i++) dropFrame(dev, descAt(port, tail + i), SkbDropReason.DEV_READY);
  store<u32>(port, tail + count, Port.RX_TAIL);
  const rss = load<u32>(dev.priv, Port.RSS);
  if (rss !== 0) recordQueue(changetype<Rss>(rss), index, list, n);
  // A sink counts frames as they came.
  if ((dev.features & NetifF.GRO) !== 0 && dev.sink === 0) n = groList(dev, list, n);
  if (n !== 0) netifReceiveSkbList(dev, list, n);
}

/** Linux: skb_set_hash, skb_record_rx_queue. */
function recordQueue(rss: Rss, queue: u32, list: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    skb.hash = rssHash(rss, skb.protocol, skb.data, skbHeadlen(skb));
    skb.queueMapping = <u16>(queue + 1);
  }
}

/** The queue that a frame of `bytes` at `frame` belongs to: for a driver that has to choose; 0 of a port with one. */
export function portRssQueue(dev: NetDevice, frame: usize, bytes: u32): u32 {
  const rss = dev.priv === 0 ? 0 : load<u32>(dev.priv, Port.RSS);
  if (rss === 0 || bytes < ETH_HLEN) return 0;
  const protocol = <u32>bswap<u16>(load<u16>(frame, 12));
  const hash = rssHash(changetype<Rss>(rss), protocol, frame + ETH_HLEN, bytes - ETH_HLEN);
  return rssQueue(changetype<Rss>(rss), hash);
}

/** Runs GRO over the list, in place. */
function groList(dev: NetDevice, list: usize, n: u32): u32 {
  const up = groReceiveList(dev, list, n);
  for (let i: u32 = 0; i < up; i++) skbCbClear(changetype<SkBuff>(load<u32>(list + (i << 2))));
  return up;
}

/**
 * Makes skbs of `count` filled descriptors from `tail` on, gives the descriptors fresh slots, and appends the skbs to
 * `list`; returns how many. The ordinary frame (short, no offload) is done in line, with the pools' stacks at hand;
 * anything else is takeFrame's.
 */
function takeFrames(dev: NetDevice, port: usize, tail: u32, count: u32, list: usize): u32 {
  const ring = load<u32>(port, Port.RX_RING);
  const mask = load<u32>(port, Port.RX_MASK);
  const vnet = load<u32>(port, Port.VNET_HDR_LEN);
  const r = root();
  const now = r.now;
  const own = dev.addr;
  const ifindex = dev.ifindex;
  const xdp = dev.xdp;
  const skbs = changetype<Pool>(r.skbPool);
  const slots = changetype<Pool>(r.smallPool);
  let skbTop = skbs.stack + (skbs.free << 2);
  let slotTop = slots.stack + (slots.free << 2);
  let n: u32 = 0;
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const desc = ring + ((tail + i) & mask) * RxDesc.SIZE;
    const len = load<u32>(desc, RxDesc.LEN);
    const buf = load<u32>(desc, RxDesc.BUF);
    // Flags and type of the vnet header are zero for an ordinary frame.
    let odd = load<u32>(desc, RxDesc.FLAGS) | <u32>(len - ETH_HLEN > RX_LINEAR - ETH_HLEN);
    if (vnet !== 0) odd |= load<u16>(buf - vnet);
    odd |= xdp | <u32>(skbTop === skbs.stack) | <u32>(slotTop === slots.stack);
    if (odd !== 0) {
      skbs.free = (skbTop - skbs.stack) >> 2;
      slots.free = (slotTop - slots.stack) >> 2;
      const taken = takeFrame(dev, desc, vnet);
      skbTop = skbs.stack + (skbs.free << 2);
      slotTop = slots.stack + (slots.free << 2);
      if (taken === null) continue;
      taken.tstamp = now;
      bytes += taken.len + ETH_HLEN;
      store<u32>(list + (n++ << 2), changetype<usize>(taken));
      continue;
    }
    skbTop -= 4;
    slotTop -= 4;
    const skb = changetype<SkBuff>(load<u32>(skbTop));
    store<u32>(desc, load<u32>(slotTop) + SKB_HEADROOM, RxDesc.BUF);
    const dest = load<u64>(buf) & MAC_MASK;
    SkbRecord.clear(skb);
    skb.dev = changetype<usize>(dev);
    skb.head = buf - SKB_HEADROOM;
    skb.end = buf + RX_LINEAR;
    skb.data = buf + ETH_HLEN;
    skb.len = len - ETH_HLEN;
    skb.macHeader = buf;
    skb.networkHeader = buf + ETH_HLEN;
    skb.protocol = bswap<u16>(load<u16>(buf, 12));
    skb.iif = ifindex;
    skb.tstamp = now;
    if (dest !== own) {
      skb.pktType = ethPktType(dest, own);
      if (skb.pktType === PACKET_MULTICAST) dev.multicast++;
    }
    bytes += len;
    store<u32>(list + (n++ << 2), changetype<usize>(skb));
  }
  skbs.free = (skbTop - skbs.stack) >> 2;
  slots.free = (slotTop - slots.stack) >> 2;
  dev.rxPackets += n;
  dev.rxBytes += bytes;
  if (r.trace !== 0) traceReceived(list, n);
  return n;
}

/** Makes an skb of a filled descriptor and gives the descriptor fresh slots; null when it was dropped (counted). */
function takeFrame(dev: NetDevice, desc: usize, vnet: u32): SkBuff | null {
  const len = load<u32>(desc, RxDesc.LEN);
  const buf = load<u32>(desc, RxDesc.BUF);
  if (len < ETH_HLEN) return dropFrame(dev, desc, SkbDropReason.DEV_HDR);
  if (dev.xdp !== 0 && !xdpPass(dev, buf, min(len, RX_LINEAR)))
    return dropFrame(dev, desc, SkbDropReason.XDP);
  // The frame leaves the ring only when a fresh slot takes its place, so that the ring is always full.
  const fresh = slotAlloc();
  if (fresh === 0) return dropFrame(dev, desc, SkbDropReason.NOMEM);
  const record = skbRecordAlloc();
  if (record === null) {
    slotPut(fresh);
    return dropFrame(dev, desc, SkbDropReason.NOMEM);
  }
  const skb = record;
  const slot = buf - SKB_HEADROOM;
  store<u32>(desc, fresh + SKB_HEADROOM, RxDesc.BUF);
  skb.dev = changetype<usize>(dev);
  skb.iif = dev.ifindex;
  skb.head = slot;
  skb.end = slot + SLOT_BYTES;
  skb.data = buf;
  skb.len = len;
  if (len > RX_LINEAR && !takeSpill(skb, desc, len)) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return null;
  }
  if ((load<u32>(desc, RxDesc.FLAGS) & RX_DESC_CSUM_OK) !== 0) skb.ipSummed = CHECKSUM_UNNECESSARY;
  ethTypeTrans(skb, dev);
  if (skb.pktType === PACKET_MULTICAST) dev.multicast++;
  if (vnet !== 0 && load<u16>(buf - vnet) !== 0 && !virtioNetHdrToSkb(skb, buf - vnet)) {
    dev.rxErrors++;
    kfreeSkbReason(skb, SkbDropReason.DEV_HDR);
    return null;
  }
  return skb;
}

/**
 * Asks the device's XDP program, op (dev, frame, bytes of its linear part) => verdict, before there is an skb. The
 * program may write to the frame. So far PASS lets it in and every other verdict drops it; TX and REDIRECT come with
 * bpf/. A program that is not there (after a restore) lets everything in.
 */
export function xdpPass(dev: NetDevice, frame: usize, bytes: u32): bool {
  const fn = opIndex(dev.xdp);
  return fn === 0 || call_indirect<i32>(fn, changetype<usize>(dev), frame, bytes) === XDP_PASS;
}

/** The part of a long frame that lies in the descriptor's large slot becomes a fragment; false when that cannot be. */
function takeSpill(skb: SkBuff, desc: usize, len: u32): bool {
  skb.len = RX_LINEAR;
  const spill = load<u32>(desc, RxDesc.LARGE);
  if (spill === 0 || len - RX_LINEAR > LARGE_SLOT_BYTES) return false;
  const next = largeSlotAlloc();
  if (next === 0) return false;
  if (!skbAddFrag(skb, spill, len - RX_LINEAR, spill)) {
    slotPut(next);
    return false;
  }
  store<u32>(desc, next, RxDesc.LARGE);
  return true;
}

function descAt(port: usize, at: u32): usize {
  return load<u32>(port, Port.RX_RING) + (at & load<u32>(port, Port.RX_MASK)) * RxDesc.SIZE;
}

/** The frame of a descriptor ends before there is an skb. */
function dropFrame(dev: NetDevice, desc: usize, reason: SkbDropReason): SkBuff | null {
  dev.rxDropped++;
  countDrop(changetype<usize>(dev), reason);
  if (root().trace !== 0) {
    const len = load<u32>(desc, RxDesc.LEN);
    traceDropFrame(changetype<usize>(dev), load<u32>(desc, RxDesc.BUF), min(len, RX_LINEAR), reason);
  }
  return null;
}

/** ndo_start_xmit of a port: BUSY, and the skb stays the caller's, when the ring is full. */
export function portXmit(skb: SkBuff, dev: NetDevice): i32 {
  const port = dev.priv;
  const head = load<u32>(port, Port.TX_HEAD);
  if (head - load<u32>(port, Port.TX_CLEAN) > load<u32>(port, Port.TX_MASK)) return NETDEV_TX_BUSY;
  const vnet = load<u32>(port, Port.VNET_HDR_LEN);
  let start = skb.data;
  if (vnet !== 0) {
    if (!skbCowHead(skb, vnet)) {
      dev.txDropped++;
      kfreeSkbReason(skb, SkbDropReason.NOMEM);
      return NETDEV_TX_OK;
    }
    start = skb.data - vnet;
    virtioNetHdrFromSkb(skb, start, vnet);
  }
  // skbFreeSent frees what was sent; its connection is not the wire's.
  Nfct.reset(skb);
  const desc = load<u32>(port, Port.TX_RING) + (head & load<u32>(port, Port.TX_MASK)) * TxDesc.SIZE;
  store<u32>(desc, start, TxDesc.BUF);
  store<u32>(desc, skbHeadlen(skb) + vnet, TxDesc.LEN);
  store<u32>(desc, skb.frags, TxDesc.FRAGS);
  store<u32>(desc, changetype<usize>(skb), TxDesc.SKB);
  store<u32>(port, head + 1, Port.TX_HEAD);
  dev.txPackets++;
  dev.txBytes += skb.len;
  if (root().trace !== 0) traceEvent(TraceKind.SENT, 0, changetype<usize>(skb), changetype<usize>(dev), 0, 0);
  return NETDEV_TX_OK;
}

/** Frees the skbs of all descriptors before `upTo`: they were sent. Wakes the queue when there is room again. */
export function portTxClean(dev: NetDevice, upTo: u32): void {
  const port = dev.priv;
  const clean = load<u32>(port, Port.TX_CLEAN);
  if (clean === upTo) return;
  const ring = load<u32>(port, Port.TX_RING);
  const mask = load<u32>(port, Port.TX_MASK);
  // The driver is trusted with its own ring, but not to pass the head.
  const count = min(upTo - clean, load<u32>(port, Port.TX_HEAD) - clean);
  skbFreeSent(
    ring,
    ring + (mask + 1) * TxDesc.SIZE,
    ring + (clean & mask) * TxDesc.SIZE,
    count,
    TxDesc.SKB,
    TxDesc.SIZE,
  );
  store<u32>(port, clean + count, Port.TX_CLEAN);
  netifWakeQueue(dev);
}

/** Tells the host which ports have frames to send (Status.TX_PENDING). */
export function portsTxPending(): void {
  const r = root();
  const words = r.statusBlock + Status.TX_PENDING;
  store<u64>(words, 0);
  store<u64>(words, 0, 8);
  for (let handle: u32 = 0; handle < r.devHigh; handle++) {
    const p = load<u32>(r.devs + (handle << 2));
    if (p === 0) continue;
    const port = changetype<NetDevice>(p).priv;
    if (changetype<NetDevice>(p).xmitOp !== Op.XMIT_PORT || port === 0) continue;
    if (load<u32>(port, Port.TX_HEAD) === load<u32>(port, Port.TX_TAIL)) continue;
    const word = words + ((handle >> 5) << 2);
    store<u32>(word, load<u32>(word) | (1 << (handle & 31)));
  }
}

/** Looks at every port for frames that its driver has sent since the last poll. */
export function portsTxClean(): void {
  const r = root();
  for (let handle: u32 = 0; handle < r.devHigh; handle++) {
    const p = load<u32>(r.devs + (handle << 2));
    if (p === 0) continue;
    const dev = changetype<NetDevice>(p);
    if (dev.xmitOp === Op.XMIT_PORT && dev.priv !== 0) portTxClean(dev, load<u32>(dev.priv, Port.TX_TAIL));
  }
}
