/** A device for unit tests of dev/, and the loops that measure GRO and GSO in memory. Not part of the core. */
import { SkbDropReason } from '../abi/drop_reason';
import { SKB_HEADROOM, SLOT_BYTES } from '../abi/layout';
import { kzalloc } from '../lib/kmalloc';
import { consumeSkb } from '../skb/free';
import { skbRecordAlloc, slotAlloc, slotGet, slotPut } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbClone } from '../skb/skbuff';
import { ethTypeTrans } from './eth';
import { groReceiveList } from './gro';
import { gsoSegment } from './gso';
import { NetDevice } from './net_device';

/** A device with `features` (NetifF) and nothing else. */
export function testDev(features: u32): usize {
  const p = kzalloc(offsetof<NetDevice>());
  const dev = changetype<NetDevice>(p);
  dev.drops = kzalloc(SkbDropReason.MAX << 3);
  dev.features = features;
  dev.mtu = 1500;
  return p;
}

/** eth_type_trans of an skb whose data is at the Ethernet header. */
export function testEthTypeTrans(skb: usize, dev: usize): void {
  changetype<SkBuff>(skb).dev = dev;
  ethTypeTrans(changetype<SkBuff>(skb), changetype<NetDevice>(dev));
}

/** Cuts clones of the GSO packet `p` `times` times; returns the number of segments made. */
export function testGsoLoop(p: usize, features: u32, times: u32): u32 {
  let made: u32 = 0;
  for (let i: u32 = 0; i < times; i++) {
    const clone = skbClone(changetype<SkBuff>(p));
    if (clone === null) return made;
    let at = changetype<usize>(gsoSegment(clone, features));
    while (at !== 0) {
      const segment = changetype<SkBuff>(at);
      at = segment.next;
      made++;
      consumeSkb(segment);
    }
  }
  return made;
}

/**
 * Receives the same `count` frames (u32 address and length each at `frames`) `times` times through GRO and frees
 * what comes up; their bytes are put into slots once. `summed` is their CHECKSUM_*. Returns how many packets came up.
 */
export function testGroLoop(
  devPtr: usize,
  frames: usize,
  count: u32,
  times: u32,
  list: usize,
  summed: u32,
): u32 {
  const dev = changetype<NetDevice>(devPtr);
  const slots = kzalloc(count << 2);
  for (let k: u32 = 0; k < count; k++) {
    const slot = slotAlloc();
    store<u32>(slots + (k << 2), slot);
    memory.copy(slot + SKB_HEADROOM, load<u32>(frames + (k << 3)), load<u32>(frames + (k << 3), 4));
  }
  let up: u32 = 0;
  for (let i: u32 = 0; i < times; i++) {
    for (let k: u32 = 0; k < count; k++) {
      const record = skbRecordAlloc();
      if (record === null) return up;
      const skb = record;
      const slot = load<u32>(slots + (k << 2));
      slotGet(slot);
      skb.head = slot;
      skb.end = slot + SLOT_BYTES;
      skb.data = slot + SKB_HEADROOM;
      skb.len = load<u32>(frames + (k << 3), 4);
      skb.ipSummed = <u8>summed;
      ethTypeTrans(skb, dev);
      store<u32>(list + (k << 2), changetype<usize>(skb));
    }
    const n = groReceiveList(dev, list, count);
    up += n;
    for (let k: u32 = 0; k < n; k++) consumeSkb(changetype<SkBuff>(load<u32>(list + (k << 2))));
    // The headers of the first frame were made those of the whole.
    memory.copy(load<u32>(slots) + SKB_HEADROOM, load<u32>(frames), 128);
  }
  for (let k: u32 = 0; k < count; k++) slotPut(load<u32>(slots + (k << 2)));
  return up;
}
