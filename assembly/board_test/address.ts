/**
 * The test's addresses. Port i is 02:00:00:00:i:01, its hosts end in 02 to 09; behind gateway g of port i lie prefixes.
 *
 *   port i: 10.i.0.1/24, 2001:db8:i::1/64     host h: 10.i.0.h, 2001:db8:i::h     beyond: 10.(64 + i * 16 + g).x.y
 */
import { below, lab, once, rnd } from './lab';

export const HOSTS: u32 = 10;
/** Prefixes beyond a port. */
export const BEYOND: u32 = 4;

/** Ethernet address of host `h` of port `i` (1: the port itself). */
export function mac(at: usize, i: u32, h: u32): void {
  store<u32>(at, 0x00000002);
  store<u8>(at, <u8>i, 4);
  store<u8>(at, <u8>h, 5);
}

function ip4(at: usize, a: u32, b: u32, c: u32, d: u32): void {
  store<u32>(at, a | (b << 8) | (c << 16) | (d << 24));
}
function ip6(at: usize, net: u32, host: u32): void {
  store<u32>(at, 0xb80d0120);
  store<u32>(at, bswap<u16>(<u16>net), 4);
  store<u32>(at, 0, 8);
  store<u32>(at, bswap<u32>(host), 12);
}

/** Host `h` of port `i`. */
export function onLink(at: usize, version: u32, i: u32, h: u32): void {
  if (version === 4) ip4(at, 10, i, 0, h);
  else ip6(at, i, h);
}
/** A host in prefix `g` beyond port `i`; /24 or /64. */
export function beyond(at: usize, version: u32, i: u32, g: u32, h: u32): void {
  if (version === 4) ip4(at, 10, 64 + i * 16 + g, 0, h);
  else ip6(at, 0x100 + i * 16 + g, h);
}

/** Where a packet may go, or pretend to come from. */
export function anyAddress(at: usize, version: u32): void {
  const i = below(lab().ports);
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      onLink(at, version, i, 2 + below(HOSTS));
      return;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
      beyond(at, version, i, below(BEYOND), 1 + below(5));
      return;
    case 9:
    case 10:
      onLink(at, version, i, 1);
      return;
    default:
      oddAddress(at, version, i);
      return;
  }
}

/** Broadcasts, groups, loopback, nowhere, and anywhere. */
function oddAddress(at: usize, version: u32, i: u32): void {
  const what = below(8);
  if (version === 4) {
    if (what === 0) store<u32>(at, 0xffffffff);
    else if (what === 1) ip4(at, 10, i, 0, 255);
    else if (what === 2) ip4(at, 224, 0, 0, 1 + below(20));
    else if (what === 3) ip4(at, 127, 0, 0, 1);
    else if (what === 4) store<u32>(at, 0);
    else if (what === 5) ip4(at, 239, 1, 1, below(4));
    else ip4(at, 1 + below(254), below(256), below(256), below(256));
    return;
  }
  ip6(at, i, 0);
  if (what === 0) group6(at, 0x02ff, 1 + below(2));
  else if (what === 1) group6(at, 0x05ff, below(8));
  else if (what === 2) group6(at, 0, 1);
  else if (what === 3) group6(at, 0, 0);
  else if (what === 4) linkLocal(at, below(HOSTS));
  else if (what === 5) {
    store<u32>(at, rnd(), 4);
    store<u32>(at, rnd(), 12);
  } else if (what === 6) {
    store<u32>(at, 0x0000c0fe);
    if (once(2)) store<u32>(at, rnd(), 8);
  }
}
function group6(at: usize, first: u32, last: u32): void {
  memory.fill(at, 0, 16);
  store<u32>(at, first);
  store<u8>(at, <u8>last, 15);
}
export function linkLocal(at: usize, h: u32): void {
  memory.fill(at, 0, 16);
  store<u16>(at, 0x80fe);
  store<u8>(at, <u8>h, 15);
}
