/**
 * The policy table of RFC 6724 2.1: labels by prefix, the longest first. Linux: net/ipv6/addrlabel.c, `ip addrlabel`.
 *
 *   net.addrLabels ─► { count, AddrLabel x ADDR_LABELS_MAX }   sorted by prefix length, longest first
 */
import { NetDevice } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { ipv6AddrCopy, ipv6AddrPrefix, ipv6PrefixEqual } from '../wire/ipv6_addr';

@unmanaged
@final
export class AddrLabel {
  addr0: u64;
  addr1: u64;
  plen: u32;
  label: u32;
  /** 0: any device. */
  ifindex: i32;
  pad: u32;
}

/** Entries of one namespace; Linux has no bound. */
const ADDR_LABELS_MAX: u32 = 64;
const ENTRY_BYTES: u32 = offsetof<AddrLabel>();
/** Linux: IPV6_ADDR_LABEL_DEFAULT: no label, and no entry may bear it. */
const LABEL_NONE: u32 = 0xffffffff;

/**
 * What Linux starts with: plen, label, four 16-bit words of the prefix. ::/96 has four more words of zeros, ::1 and
 * ::ffff:0:0/96 are put right below.
 */
const DEFAULTS = memory.data<u16>([
  128, 0, 0, 0, 0, 0, 0, 0, 0, 1, 96, 4, 0, 0, 0, 0, 0, 0xffff, 0, 0, 96, 3, 0, 0, 0, 0, 0, 0, 0, 0, 32, 6,
  0x2001, 0, 0, 0, 0, 0, 0, 0, 28, 7, 0x2001, 0x10, 0, 0, 0, 0, 0, 0, 16, 2, 0x2002, 0, 0, 0, 0, 0, 0, 0, 7,
  5, 0xfc00, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const DEFAULT_COUNT: u32 = 8;
const DEFAULT_WORDS: u32 = 10;

function entry(net: Net, i: u32): AddrLabel {
  return changetype<AddrLabel>(net.addrLabels + 8 + i * ENTRY_BYTES);
}
function addrOf(e: AddrLabel): usize {
  return changetype<usize>(e);
}
export function addrLabelCount(net: Net): u32 {
  return load<u32>(net.addrLabels);
}
export function addrLabelAt(net: Net, i: u32): AddrLabel {
  return entry(net, i);
}

/** 0 or -ENOMEM. */
export function addrLabelNetInit(net: Net): i32 {
  net.addrLabels = kzalloc(8 + ADDR_LABELS_MAX * ENTRY_BYTES);
  if (net.addrLabels === 0) return -Errno.ENOMEM;
  for (let i: u32 = 0; i < DEFAULT_COUNT; i++) {
    const from = DEFAULTS + i * DEFAULT_WORDS * 2;
    const e = entry(net, i);
    e.plen = load<u16>(from);
    e.label = load<u16>(from, 2);
    for (let w: u32 = 0; w < 8; w++)
      store<u16>(addrOf(e) + (w << 1), bswap<u16>(load<u16>(from + 4 + (w << 1))));
  }
  store<u32>(net.addrLabels, DEFAULT_COUNT);
  return 0;
}

export function addrLabelNetExit(net: Net): void {
  kfree(net.addrLabels);
  net.addrLabels = 0;
}

/** The label of an address, seen from `dev` (0: none in particular). */
export function ipv6AddrLabel(net: Net, addr: usize, dev: usize): u32 {
  const n = addrLabelCount(net);
  const ifindex = dev === 0 ? 0 : changetype<NetDevice>(dev).ifindex;
  for (let i: u32 = 0; i < n; i++) {
    const e = entry(net, i);
    if (e.ifindex !== 0 && e.ifindex !== ifindex) continue;
    if (ipv6PrefixEqual(addrOf(e), addr, e.plen)) return e.label;
  }
  return LABEL_NONE;
}

function same(e: AddrLabel, prefix: usize, plen: u32, ifindex: i32): bool {
  return e.plen === plen && e.ifindex === ifindex && ipv6PrefixEqual(addrOf(e), prefix, plen);
}

/** 0, -EINVAL, -EEXIST, -ENOBUFS. With `replace` an entry of the same prefix and device gets the label. */
export function addrLabelAdd(
  net: Net,
  prefix: usize,
  plen: u32,
  ifindex: i32,
  label: u32,
  replace: bool,
): i32 {
  if (plen > 128 || label === LABEL_NONE) return -Errno.EINVAL;
  const n = addrLabelCount(net);
  let at: u32 = n;
  for (let i: u32 = 0; i < n; i++) {
    const e = entry(net, i);
    if (same(e, prefix, plen, ifindex)) {
      if (!replace) return -Errno.EEXIST;
      e.label = label;
      return 0;
    }
    if (e.plen < plen && at === n) at = i;
  }
  if (n === ADDR_LABELS_MAX) return -Errno.ENOBUFS;
  const place = changetype<usize>(entry(net, at));
  memory.copy(place + ENTRY_BYTES, place, (n - at) * ENTRY_BYTES);
  const made = entry(net, at);
  ipv6AddrCopy(addrOf(made), prefix);
  ipv6AddrPrefix(addrOf(made), prefix, plen);
  made.plen = plen;
  made.label = label;
  made.ifindex = ifindex;
  store<u32>(net.addrLabels, n + 1);
  return 0;
}

/** 0 or -ESRCH. */
export function addrLabelDel(net: Net, prefix: usize, plen: u32, ifindex: i32): i32 {
  if (plen > 128) return -Errno.EINVAL;
  const n = addrLabelCount(net);
  for (let i: u32 = 0; i < n; i++) {
    if (!same(entry(net, i), prefix, plen, ifindex)) continue;
    const place = changetype<usize>(entry(net, i));
    memory.copy(place, place + ENTRY_BYTES, (n - i - 1) * ENTRY_BYTES);
    store<u32>(net.addrLabels, n - 1);
    return 0;
  }
  return -Errno.ESRCH;
}
