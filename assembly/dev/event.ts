/**
 * Tells the host what changed: one record of the event ring per link, address, route or neighbour (abi/event). The
 * host consumes behind; when it is too slow the record is lost, counted, and the host dumps anew.
 */
import { Event, EventType } from '../abi/event';
import { HostRing } from '../abi/layout';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Net } from '../net/net';

/** `addrPtr` points to 16 bytes (an IPv4 address in the first four), or is 0. */
export function eventEmit(
  type: EventType,
  family: u32,
  net: Net,
  ifindex: i32,
  b: u32,
  addrPtr: usize,
): void {
  const ring = root().events;
  if (ring === 0) return;
  const head = load<u32>(ring, HostRing.HEAD);
  const mask = load<u32>(ring, HostRing.MASK);
  if (head - load<u32>(ring, HostRing.TAIL) > mask) {
    store<u32>(ring, load<u32>(ring, HostRing.LOST) + 1, HostRing.LOST);
    return;
  }
  const record = ring + HostRing.ENTRIES + (head & mask) * Event.SIZE;
  store<u16>(record, <u16>type, Event.TYPE);
  store<u16>(record, <u16>family, Event.FAMILY);
  store<u32>(record, net.handle, Event.NET);
  store<i32>(record, ifindex, Event.IFINDEX);
  store<u32>(record, b, Event.B);
  store<u64>(record, addrPtr === 0 ? 0 : load<u64>(addrPtr), Event.ADDR);
  store<u64>(record, addrPtr === 0 ? 0 : load<u64>(addrPtr, 8), Event.ADDR + 8);
  store<u32>(ring, head + 1, HostRing.HEAD);
}

/**
 * An option of a router advertisement, `len` bytes (a multiple of 8) at `option`, from the router whose 16 bytes are at
 * `router`. All its records or none: half an option would be read as another.
 */
export function eventEmitOption(net: Net, ifindex: i32, router: usize, option: usize, len: u32): void {
  const ring = root().events;
  if (ring === 0) return;
  const head = load<u32>(ring, HostRing.HEAD);
  const mask = load<u32>(ring, HostRing.MASK);
  const records: u32 = 1 + ((len + 15) >> 4);
  if (mask + 1 - (head - load<u32>(ring, HostRing.TAIL)) < records) {
    store<u32>(ring, load<u32>(ring, HostRing.LOST) + 1, HostRing.LOST);
    return;
  }
  eventEmit(EventType.ND_USEROPT, len, net, ifindex, 0, router);
  for (let i: u32 = 1; i < records; i++) {
    const at = (i - 1) << 4;
    const piece = scratch(Scratch.EVENT_PIECE);
    memory.fill(piece, 0, 16);
    memory.copy(piece, option + at, min<u32>(16, len - at));
    eventEmit(EventType.ND_USEROPT, len, net, ifindex, i, piece);
  }
}
