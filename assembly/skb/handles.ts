/**
 * Handles: skbs that the host holds, because a hook queued them, an application will read them, or a hook stole them.
 * Bounded by init; a handle is index | generation << 16, so that a stale one is refused instead of naming another
 * packet. Each gift is told to the host by a record in the delivery ring (abi/event Delivery).
 *
 *   header { free, count, pad, pad }  entry { skb, generation, where, out } x count
 */
import { Delivery, DeliveryKind } from '../abi/event';
import { HostRing } from '../abi/layout';
import { root } from '../lib/root';
import { Net } from '../net/net';
import { SkBuff } from './sk_buff';
import { skbLinearize } from './skbuff';

@unmanaged
@final
class Handle {
  /** The skb, or 0 and `where` is the index + 1 of the next free one. */
  skb: usize;
  generation: u32;
  where: u32;
  out: usize;
}

const HEADER_BYTES: usize = 16;
const HANDLE_BYTES: usize = 16;

export function handlesBytes(count: u32): usize {
  return HEADER_BYTES + count * HANDLE_BYTES;
}

export function handlesInit(meta: usize, count: u32): void {
  root().handles = meta;
  store<u32>(meta, count === 0 ? 0 : 1);
  store<u32>(meta, count, 4);
  for (let i: u32 = 0; i < count; i++) at(i).where = i + 1 < count ? i + 2 : 0;
}

function at(index: u32): Handle {
  return changetype<Handle>(root().handles + HEADER_BYTES + index * HANDLE_BYTES);
}

/**
 * Gives the skb to the host as `kind` for socket or queue `id`; `where` says how it goes on when it comes back, `out`
 * the device it was leaving by. False, and the skb stays the caller's, when no handle is free or the ring is full.
 */
export function handleGive(skb: SkBuff, kind: DeliveryKind, id: u32, net: Net, where: u32, out: usize): bool {
  const ring = root().deliveries;
  const head = load<u32>(ring, HostRing.HEAD);
  const first = load<u32>(root().handles);
  const full = head - load<u32>(ring, HostRing.TAIL) > load<u32>(ring, HostRing.MASK);
  if (first === 0 || full || !skbLinearize(skb)) {
    store<u32>(ring, load<u32>(ring, HostRing.LOST) + 1, HostRing.LOST);
    return false;
  }
  const handle = at(first - 1);
  store<u32>(root().handles, handle.where);
  handle.skb = changetype<usize>(skb);
  // A next hop lives no longer than the burst.
  skb.dst = 0;
  handle.where = where;
  handle.out = out;
  const record = ring + HostRing.ENTRIES + (head & load<u32>(ring, HostRing.MASK)) * Delivery.SIZE;
  store<u32>(record, (first - 1) | ((handle.generation & 0xffff) << 16), Delivery.HANDLE);
  store<u32>(record, id, Delivery.SOCKET);
  store<u32>(record, net.handle, Delivery.NET);
  store<i32>(record, skb.iif, Delivery.IFINDEX);
  store<u32>(record, skb.data, Delivery.PTR);
  store<u32>(record, skb.len, Delivery.LEN);
  store<u32>(record, skb.transportHeader === 0 ? 0 : skb.transportHeader - skb.data, Delivery.TRANSPORT);
  store<u16>(record, skb.protocol, Delivery.PROTOCOL);
  store<u16>(record, <u16>kind, Delivery.KIND);
  store<u32>(ring, head + 1, HostRing.HEAD);
  return true;
}

/**
 * A device goes: what the host holds of it is no longer on any. A packet queued by a hook on its way cannot go on then:
 * it is dropped when its verdict comes (Linux: nfqnl_dev_drop drops it at once; ours still has a delivery to answer).
 */
export function handlesForgetDev(dev: usize): void {
  const count = load<u32>(root().handles, 4);
  for (let i: u32 = 0; i < count; i++) {
    const handle = at(i);
    if (handle.skb === 0) continue;
    const skb = changetype<SkBuff>(handle.skb);
    if (skb.dev !== dev && handle.out !== dev) continue;
    skb.dev = 0;
    handle.out = 0;
  }
}

/** Takes the skb back from the host; null when the handle is stale. `whereOut` gets where and out (two u32). */
export function handleTake(id: u32, whereOut: usize): SkBuff | null {
  const index = id & 0xffff;
  if (index >= load<u32>(root().handles, 4)) return null;
  const handle = at(index);
  if (handle.skb === 0 || (handle.generation & 0xffff) !== id >> 16) return null;
  const skb = changetype<SkBuff>(handle.skb);
  store<u32>(whereOut, handle.where);
  store<u32>(whereOut, handle.out, 4);
  handle.skb = 0;
  handle.generation++;
  handle.where = load<u32>(root().handles);
  store<u32>(root().handles, index + 1);
  return skb;
}
