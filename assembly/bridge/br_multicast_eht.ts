/**
 * Explicit host tracking: on a port with fast leave, which host behind it wants which source, so that a source (or the
 * port) goes as soon as the last of them leaves it. RFC 3376 appendix A.2. Linux: net/bridge/br_multicast_eht.c.
 *
 *   PortGroup ─hosts─► EhtHost (address, INCLUDE or EXCLUDE) ─entries─► EhtEntry (source, until)
 *
 * A host that excludes has an entry of source 0 besides those that it excludes. Entries that are over are taken out when
 * somebody looks; nothing happens by their ending alone.
 */
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { MCAST_EXCLUDE, MCAST_INCLUDE, PortGroup } from './br_mdb';
import { GroupSource, SOURCE_SEND, groupSourceDelete, groupSourceFind } from './br_mdb_source';
import { BR_MULTICAST_FAST_LEAVE, BrPort } from './br_private';

@unmanaged
@final
class EhtHost {
  next: usize;
  entries: usize;
  addr0: u64;
  addr1: u64;
  filterMode: u32;
  count: u32;
}

@unmanaged
@final
class EhtEntry {
  next: usize;
  pad: u32;
  src0: u64;
  src1: u64;
  until: u64;
}
/** Hosts of a membership, and sources of a host. Linux: 512 a port; PG_SRC_ENT_LIMIT. */
const HOSTS_MAX: u32 = 512;
const ENTRIES_MAX: u32 = 32;

/** The port wants it: fast leave is on. */
export function ehtIsOn(pg: PortGroup): bool {
  return (changetype<BrPort>(pg.port).flags & BR_MULTICAST_FAST_LEAVE) !== 0;
}

/** Linux: br_multicast_eht_should_del_pg. */
export function ehtNobodyLeft(pg: PortGroup): bool {
  if (!ehtIsOn(pg)) return false;
  sweep(pg);
  return pg.hosts === 0;
}

/** The membership goes. */
export function ehtForget(pg: PortGroup): void {
  while (pg.hosts !== 0) hostDelete(pg, changetype<EhtHost>(pg.hosts));
}

function sweep(pg: PortGroup): void {
  const now = root().now;
  for (let at = pg.hosts; at !== 0; ) {
    const host = changetype<EhtHost>(at);
    at = host.next;
    for (let one = host.entries; one !== 0; ) {
      const entry = changetype<EhtEntry>(one);
      one = entry.next;
      if (entry.until <= now) entryDelete(host, entry);
    }
    if (host.entries === 0) hostDelete(pg, host);
  }
}

function hostFind(pg: PortGroup, addr0: u64, addr1: u64): EhtHost | null {
  for (let at = pg.hosts; at !== 0; at = changetype<EhtHost>(at).next) {
    const host = changetype<EhtHost>(at);
    if (host.addr0 === addr0 && host.addr1 === addr1) return host;
  }
  return null;
}

function hostDelete(pg: PortGroup, host: EhtHost): void {
  while (host.entries !== 0) entryDelete(host, changetype<EhtEntry>(host.entries));
  let link = changetype<usize>(pg) + offsetof<PortGroup>('hosts');
  while (load<u32>(link) !== changetype<usize>(host)) link = load<u32>(link);
  store<u32>(link, host.next);
  pg.hostCount--;
  kfree(changetype<usize>(host));
}

function entryFind(host: EhtHost, src0: u64, src1: u64): EhtEntry | null {
  for (let at = host.entries; at !== 0; at = changetype<EhtEntry>(at).next) {
    const entry = changetype<EhtEntry>(at);
    if (entry.src0 === src0 && entry.src1 === src1) return entry;
  }
  return null;
}

function entryDelete(host: EhtHost, entry: EhtEntry): void {
  let link = changetype<usize>(host) + offsetof<EhtHost>('entries');
  while (load<u32>(link) !== changetype<usize>(entry)) link = load<u32>(link);
  store<u32>(link, entry.next);
  if ((entry.src0 | entry.src1) !== 0) host.count--;
  kfree(changetype<usize>(entry));
}

/** Host and entry, made or prolonged. */
function note(pg: PortGroup, addr0: u64, addr1: u64, mode: u32, src0: u64, src1: u64, until: u64): void {
  let host = hostFind(pg, addr0, addr1);
  if (host === null) {
    if (<u32>pg.hostCount >= HOSTS_MAX) return;
    const at = kzalloc(offsetof<EhtHost>());
    if (at === 0) return;
    host = changetype<EhtHost>(at);
    host.addr0 = addr0;
    host.addr1 = addr1;
    host.filterMode = mode;
    host.next = pg.hosts;
    pg.hosts = at;
    pg.hostCount++;
  }
  let entry = entryFind(host, src0, src1);
  if (entry === null) {
    const any = (src0 | src1) === 0;
    const at = !any && host.count >= ENTRIES_MAX ? 0 : kzalloc(offsetof<EhtEntry>());
    if (at === 0) return;
    entry = changetype<EhtEntry>(at);
    entry.src0 = src0;
    entry.src1 = src1;
    entry.next = host.entries;
    host.entries = at;
    if (!any) host.count++;
  }
  entry.until = until;
}

/** Some host has an entry of the source. */
function isNoted(pg: PortGroup, src0: u64, src1: u64): bool {
  for (let at = pg.hosts; at !== 0; at = changetype<EhtHost>(at).next)
    if (entryFind(changetype<EhtHost>(at), src0, src1) !== null) return true;
  return false;
}

/** The host's entry goes; true when it was the last one of that source. */
function unnote(pg: PortGroup, host: EhtHost, src0: u64, src1: u64): bool {
  const entry = entryFind(host, src0, src1);
  if (entry === null) return false;
  entryDelete(host, entry);
  return !isNoted(pg, src0, src1);
}

function src0Of(at: usize, size: u32): u64 {
  return size === 4 ? <u64>load<u32>(at) : load<u64>(at);
}

function src1Of(at: usize, size: u32): u64 {
  return size === 4 ? 0 : load<u64>(at, 8);
}

/** The host's mode; one that is not known includes nothing. */
function modeOf(host: EhtHost | null): u32 {
  return host === null ? MCAST_INCLUDE : host.filterMode;
}

/** ALLOW: of a host that excludes, no longer this. */
export function ehtAllow(
  pg: PortGroup,
  addr0: u64,
  addr1: u64,
  srcs: usize,
  n: u32,
  size: u32,
  until: u64,
): void {
  sweep(pg);
  const host = hostFind(pg, addr0, addr1);
  const excludes = host !== null && host.filterMode === MCAST_EXCLUDE;
  for (let i: u32 = 0; i < n; i++) {
    const at = srcs + i * size;
    if (excludes && host !== null) unnote(pg, host, src0Of(at, size), src1Of(at, size));
    else note(pg, addr0, addr1, MCAST_INCLUDE, src0Of(at, size), src1Of(at, size), until);
  }
  sweep(pg);
}

/** BLOCK: of a host that includes, the last one of a source takes it away. True: some source went. */
export function ehtBlock(
  pg: PortGroup,
  addr0: u64,
  addr1: u64,
  srcs: usize,
  n: u32,
  size: u32,
  until: u64,
): bool {
  sweep(pg);
  const host = hostFind(pg, addr0, addr1);
  const excludes = modeOf(host) === MCAST_EXCLUDE;
  let changed = false;
  for (let i: u32 = 0; i < n; i++) {
    const src0 = src0Of(srcs + i * size, size);
    const src1 = src1Of(srcs + i * size, size);
    if (excludes) {
      note(pg, addr0, addr1, MCAST_EXCLUDE, src0, src1, until);
      continue;
    }
    if (host === null || !unnote(pg, host, src0, src1)) continue;
    const src = groupSourceFind(pg, src0, src1);
    if (src === 0) continue;
    groupSourceDelete(src, true);
    changed = true;
  }
  sweep(pg);
  return changed;
}

/**
 * IS_IN, TO_IN, IS_EX, TO_EX: the host's sources in `mode`; with `toReport` they are all that it has. Sources that no
 * host has then are taken away. True: some went.
 */
export function ehtMode(
  pg: PortGroup,
  addr0: u64,
  addr1: u64,
  srcs: usize,
  n: u32,
  size: u32,
  mode: u32,
  toReport: bool,
  until: u64,
  lmqt: u64,
): bool {
  sweep(pg);
  const host = hostFind(pg, addr0, addr1);
  const flush = toReport || modeOf(host) !== mode;
  if (flush && host !== null) hostDelete(pg, host);
  if (mode === MCAST_EXCLUDE) note(pg, addr0, addr1, mode, 0, 0, until);
  for (let i: u32 = 0; i < n; i++) {
    const at = srcs + i * size;
    note(pg, addr0, addr1, mode, src0Of(at, size), src1Of(at, size), until);
  }
  if (!flush) return false;
  let changed = false;
  for (let one = pg.sources; one !== 0; ) {
    const src = changetype<GroupSource>(one);
    const at = one;
    one = src.next;
    if (!isNoted(pg, src.addr0, src.addr1)) {
      groupSourceDelete(at, true);
      changed = true;
      continue;
    }
    // Hosts that fell silent must not outlive the source that is being asked for.
    if ((src.flags & SOURCE_SEND) !== 0 && mode === MCAST_INCLUDE && toReport)
      shorten(pg, src.addr0, src.addr1, lmqt);
  }
  return changed;
}

function shorten(pg: PortGroup, src0: u64, src1: u64, until: u64): void {
  for (let at = pg.hosts; at !== 0; at = changetype<EhtHost>(at).next) {
    const entry = entryFind(changetype<EhtHost>(at), src0, src1);
    if (entry !== null && entry.until > until) entry.until = until;
  }
}
