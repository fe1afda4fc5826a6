/**
 * Next-hop objects: `ip nexthop`. A route may name one by its id instead of carrying next hops of its own; what the
 * object becomes, all its routes become. Linux: net/ipv4/nexthop.c.
 *
 *   NhObject ─ routes ─► FibInfo ─ objectNext ─► FibInfo      each with copies of the next hops
 *            └ entries ─► NhEntry x n (a group)   └ res ─► buckets of a resilient group
 */
export const NH_GROUP_TYPE_MPATH: u32 = 0;
export const NH_GROUP_TYPE_RES: u32 = 1;

@unmanaged
@final
export class NhObject {
  /** FibInfo by objectNext; first, see route/fib. */
  routes: usize;
  /** Next object of the namespace, by id. */
  next: usize;
  net: usize;
  id: u32;
  /** NHA_BLACKHOLE; RTNH_F_* that it was made with; AF_* (AF_UNSPEC: a group); RTPROT_* */
  blackhole: u8;
  nhFlags: u8;
  family: u8;
  protocol: u8;
  /** Of one that is no group: NetDevice, family of the gateway (0: on the link), gateway. */
  dev: usize;
  gwFamily: u32;
  gw0: u64;
  gw1: u64;
  /** A group: NhEntry x count, 0 for a single one; NH_GROUP_TYPE_*. */
  entries: usize;
  count: u32;
  groupType: u32;
  /** NhRes, of a resilient group. */
  res: usize;
  /** Groups that have it: it must not become one. */
  groups: u32;
}

/** A member of a group. */
@unmanaged
@final
export class NhEntry {
  object: usize;
  weight: u32;
  /** Hash-threshold: as FibNh.upperBound. Resilient: buckets that it has, and should have. */
  upperBound: i32;
  have: u32;
  wants: u32;
}
export const NH_ENTRY_BYTES: u32 = offsetof<NhEntry>();

/** The buckets of a resilient group. Times in ns. */
@unmanaged
@final
export class NhRes {
  /** Timer */
  timer0: u64;
  timer1: u64;
  timer2: u64;
  idleTimer: u64;
  unbalancedTimer: u64;
  /** Since when some member has too few buckets; 0: balanced. */
  unbalancedSince: u64;
  /** NhBucket x buckets */
  table: usize;
  buckets: u32;
}

@unmanaged
@final
export class NhBucket {
  /** Index of the member. */
  entry: u32;
  pad: u32;
  /** ns when a packet last used it. */
  used: u64;
}
export const NH_BUCKET_BYTES: u32 = offsetof<NhBucket>();
