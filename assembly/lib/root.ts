/**
 * The root of the core's state, and the only mutable WASM global: the address of that root.
 *
 *   0         1024        ROOT_BASE  +4 KB      +4 KB     +16 KB                     foreign window
 *   ├─ unused ─┼─ constants ─┼─ Root ─┼─ op table ─┼─ scratch ─┼─ pools ─┼─ arena pages ─┼─ (mapped rings) ─┤
 *
 * Everything from Root up, except op table, scratch and the foreign window, is state: a snapshot copies it.
 * The address is passed, not fixed, so that workers with one shared memory can each have a core of their own.
 */
import { ROOT_OPS_BYTES, ROOT_SCRATCH_BYTES, ROOT_STATE_BYTES } from '../abi/layout';

@unmanaged
@final
export class Root {
  magic: u32;
  layoutVersion: u32;
  /** Nanoseconds, given with every poll: the core has no clock of its own. */
  now: u64;
  /** xorshift128+ state, seeded by init and refilled by the host (lib/random). */
  rng0: u64;
  rng1: u64;
  /** First byte of the arena's pages, their number, and their descriptors (lib/page_alloc). */
  arenaBase: usize;
  arenaPages: u32;
  pageDescs: usize;
  pagesFree: u32;
  /** Heads of the buddy's free lists by order and of kmalloc's partial slabs by class (lib/kmalloc). */
  buddyFree: usize;
  slabPartial: usize;
  /** Pool headers (lib/pool). */
  skbPool: usize;
  fragTablePool: usize;
  smallBase: usize;
  smallEnd: usize;
  smallPool: usize;
  smallRefs: usize;
  largeBase: usize;
  largeEnd: usize;
  largePool: usize;
  largeRefs: usize;
  /** lib/timer_wheel */
  timerWheel: usize;
  /** Tables of pointers indexed by the handles that the host uses (net, dev). */
  nets: usize;
  devs: usize;
  netCount: u32;
  devCount: u32;
  /** napi instances waiting to be polled, and devices whose qdisc waits to be run: list heads and tails. */
  napiHead: usize;
  napiTail: usize;
  txHead: usize;
  txTail: usize;
  /** Request, status, event and delivery areas shared with the host (abi/layout). */
  requestArea: usize;
  requestBytes: u32;
  statusBlock: usize;
  events: usize;
  deliveries: usize;
  /** Drops by reason since init: u64 per SKB_DROP_REASON. */
  dropCounts: usize;
  /** Per-stage scratch lists of skb pointers, BURST_MAX each. */
  scratch: usize;
  /** Tables shared by all namespaces: neighbours of both families (neigh/), host handles (skb/handles). */
  neighTable4: usize;
  neighTable6: usize;
  handles: usize;
  /** Keys of siphash, drawn from the seed at init: hash tables, flow hashes, IP identifiers. */
  hashKey0: u64;
  hashKey1: u64;
  /** Registered receivers by ethertype (dev/packet_type) and by IP protocol (net/protocol). */
  packetTypes: usize;
  inetProtos: usize;
  inet6Protos: usize;
  netIdNext: u32;
  /** Features and sizes that init was given (abi/layout InitConfig), kept for snapshots. */
  initConfig: usize;
  /** Socket lookup tables (inet/), nfnetlink and whatever later layers hang here. */
  sockets: usize;
  trace: usize;
  genId: u32;
  /** Number of the burst being handled, and one more than the highest device handle in use. */
  burst: u32;
  devHigh: u32;
  /** pktgen/: streams and sinks, or 0. */
  pktgen: usize;
  reserved1: usize;
  /** Places that nf_tables parses and runs with (netfilter/nft/nft_ctx). */
  nft: usize;
  /** Bytes that the fragment queues of all namespaces hold (ipv4/inet_fragment). */
  fragBytes: usize;
  /** Bitmap of the op ids that chains have for generated code (netfilter/nft/nft_jit), or 0. */
  nftJitSlots: usize;
  /** Device whose packets the burst is of (route/fast_hop), 0: none yet in this poll. */
  burstDev: usize;
  /** Changes with whatever a forwarded packet may be decided by, but for the packet (netfilter/nf_forward_path). */
  pathGen: u32;
  /** The same when the burst began whose packets look for their paths. */
  pathBegun: u32;
}

let base: usize = 0;

/** The state of this core. Only valid after `setRoot`. */
export function root(): Root {
  return changetype<Root>(base);
}

/** Makes the state at `address` (64-byte aligned) the one that all functions work on. */
export function setRoot(address: usize): void {
  base = address;
}

/** Address of the op table: u32 function-table index per op id. Not state: refilled after a restore. */
export function opTable(): usize {
  return base + ROOT_STATE_BYTES;
}

/** Address of the places of lib/scratch. */
export function scratchArea(): usize {
  return base + ROOT_STATE_BYTES + ROOT_OPS_BYTES;
}

/** First byte behind Root, op table and scratch places. */
export function rootEnd(): usize {
  return scratchArea() + ROOT_SCRATCH_BYTES;
}
