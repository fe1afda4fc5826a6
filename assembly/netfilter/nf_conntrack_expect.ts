/**
 * Expectations: connections that a helper has read of and that are RELATED when they come. Each is for one destination
 * and port, from one address and any port, once. Linux: nf_conntrack_expect.c.
 *
 *   NfCtNet.expects ─► 64 buckets by destination ─► NfExpect ◄─ list of its master's NfConnHelp
 */
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { Net, sysctl } from '../net/net';
import {
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  NfConn,
  NfCtNet,
  NfCtStat,
  NfTuple,
  nfConnCtNet,
  nfConnNet,
  nfCtNet,
  nfCtStatInc,
} from './nf_conntrack';
import { NfConnHelp, nfCtHelp, nfCtHelpAdd } from './nf_conntrack_helper';
import { nfNatFollowMaster } from './nf_nat_helper';

const BUCKETS: u32 = 64;
export const NF_EXPECT_BUCKETS: u32 = BUCKETS;

export const NF_CT_EXPECT_PERMANENT: u32 = 1;
export const NF_CT_EXPECT_INACTIVE: u32 = 2;
export const NF_CT_EXPECT_USERSPACE: u32 = 4;

@unmanaged
@final
export class NfExpect {
  next: usize;
  masterNext: usize;
  tuple0: u64;
  tuple1: u64;
  tuple2: u64;
  tuple3: u64;
  tuple4: u64;
  /** Bits of the source address and port (network order) that count; all of the destination does. */
  maskSrc0: u64;
  maskSrc1: u64;
  maskSport: u16;
  dir: u8;
  /** 1: what comes is translated as its master is (nf_nat_follow_master). */
  follow: u8;
  flags: u32;
  master: usize;
  /** Helper of the expected connection; 0: none. */
  helper: u32;
  /** Where the destination was before NAT: port (network order), address. */
  savedPort: u16;
  pad: u16;
  max: u32;
  saved0: u64;
  saved1: u64;
  id: u32;
  bucket: u32;
  timerNext: usize;
  timerPrev: usize;
  timerExpires: u64;
  timerOp: u32;
  timerArg: usize;
}
const EXPECT_BYTES: u32 = 160;
const TUPLE_OFFSET: usize = 8;

export function nfExpectTuple(exp: NfExpect): NfTuple {
  return changetype<NfTuple>(changetype<usize>(exp) + TUPLE_OFFSET);
}

export function nfExpectTimer(exp: NfExpect): Timer {
  return changetype<Timer>(changetype<usize>(exp) + offsetof<NfExpect>('timerNext'));
}

/** An expectation of `master`, to be filled and given to nfCtExpectRelated, or freed by kfree. */
export function nfExpectAlloc(master: NfConn): NfExpect | null {
  assert(offsetof<NfExpect>() <= EXPECT_BYTES, 'NfExpect fits');
  const p = kzalloc(EXPECT_BYTES);
  if (p === 0) return null;
  const exp = changetype<NfExpect>(p);
  exp.master = changetype<usize>(master);
  timerSetup(nfExpectTimer(exp), Op.TIMER_NF_EXPECT, p);
  return exp;
}

function bucketOf(tuple: NfTuple): u32 {
  const mixed =
    (<u32>tuple.dst0 ^ <u32>(tuple.dst1 >> 32)) * 0x9e3779b1 + <u32>tuple.dport * 0x85ebca6b + tuple.proto;
  return (mixed >> 20) & (BUCKETS - 1);
}

function headOf(ctnet: NfCtNet, bucket: u32): usize {
  return ctnet.expects + (bucket << 2);
}

function matches(tuple: NfTuple, exp: NfExpect): bool {
  const want = nfExpectTuple(exp);
  if (tuple.dport !== want.dport || tuple.proto !== want.proto || tuple.l3num !== want.l3num) return false;
  if (tuple.dst0 !== want.dst0 || tuple.dst1 !== want.dst1) return false;
  if (((tuple.src0 ^ want.src0) & exp.maskSrc0) !== 0 || ((tuple.src1 ^ want.src1) & exp.maskSrc1) !== 0) {
    return false;
  }
  return ((tuple.sport ^ want.sport) & exp.maskSport) === 0;
}

/** Linux: nf_ct_find_expectation. */
function find(ctnet: NfCtNet, tuple: NfTuple, zone: u16): NfExpect | null {
  let at = load<u32>(headOf(ctnet, bucketOf(tuple)));
  while (at !== 0) {
    const exp = changetype<NfExpect>(at);
    at = exp.next;
    if ((exp.flags & NF_CT_EXPECT_INACTIVE) !== 0 || !matches(tuple, exp)) continue;
    const master = changetype<NfConn>(exp.master);
    if (master.zone !== zone) continue;
    // Not confirmed: nobody can have heard of what it expects.
    if ((master.status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return null;
    return exp;
  }
  return null;
}

/** A new connection that was expected: it has a master, the helper that was meant for it, its mark. */
export function nfCtExpectNew(net: Net, ct: NfConn, tuple: NfTuple): bool {
  const ctnet = nfCtNet(net);
  const exp = find(ctnet, tuple, ct.zone);
  if (exp === null) return false;
  const master = changetype<NfConn>(exp.master);
  ct.status |= IPS_EXPECTED;
  master.use++;
  ct.master = changetype<usize>(master);
  ct.mark = master.mark;
  if (exp.helper !== 0) nfCtHelpAdd(ct, exp.helper);
  nfCtStatInc(net, NfCtStat.EXPECT_NEW);
  if (exp.follow !== 0) nfNatFollowMaster(ct, exp);
  if ((exp.flags & NF_CT_EXPECT_PERMANENT) === 0) nfExpectUnlink(ctnet, exp);
  return true;
}

/** The expectation whose destination is that of `tuple`, or null. */
export function nfExpectFind(net: Net, tuple: NfTuple): NfExpect | null {
  const ctnet = nfCtNet(net);
  let at = load<u32>(headOf(ctnet, bucketOf(tuple)));
  while (at !== 0) {
    const exp = changetype<NfExpect>(at);
    if (matches(tuple, exp)) return exp;
    at = exp.next;
  }
  return null;
}

/** Two of which nobody could tell whose a packet is. Linux: expect_clash. */
function clashes(a: NfExpect, b: NfExpect): bool {
  const x = nfExpectTuple(a);
  const y = nfExpectTuple(b);
  if (x.dport !== y.dport || x.proto !== y.proto || x.l3num !== y.l3num) return false;
  if (x.dst0 !== y.dst0 || x.dst1 !== y.dst1) return false;
  if (((x.src0 ^ y.src0) & a.maskSrc0 & b.maskSrc0) !== 0) return false;
  if (((x.src1 ^ y.src1) & a.maskSrc1 & b.maskSrc1) !== 0) return false;
  return ((x.sport ^ y.sport) & a.maskSport & b.maskSport) === 0;
}

/**
 * From now on it is expected, for `seconds`. 0; -EBUSY: another master expects what could be the same; -EMFILE: there
 * are too many. `exp` is freed unless 0. Linux: nf_ct_expect_related_report.
 */
export function nfCtExpectRelated(exp: NfExpect, seconds: u32): i32 {
  const err = nfCtExpectInsert(exp, seconds);
  if (err !== 0) kfree(changetype<usize>(exp));
  return err;
}

/** The same, but the expectation stays the caller's unless 0. */
export function nfCtExpectInsert(exp: NfExpect, seconds: u32): i32 {
  const master = changetype<NfConn>(exp.master);
  if (master.help === 0 || (master.status & IPS_DYING) !== 0) return -Errno.ESHUTDOWN;
  const net = nfConnNet(master);
  const ctnet = nfCtNet(net);
  const bucket = bucketOf(nfExpectTuple(exp));
  let at = load<u32>(headOf(ctnet, bucket));
  while (at !== 0) {
    const other = changetype<NfExpect>(at);
    at = other.next;
    if (!clashes(exp, other)) continue;
    if (other.master !== exp.master) return -Errno.EBUSY;
    nfExpectUnlink(ctnet, other);
  }
  const help = nfCtHelp(master);
  if (exp.max !== 0 && help.expecting >= exp.max) evictOldest(ctnet, master);
  if (<i32>ctnet.expectCount >= sysctl(net, Sysctl.NF_CONNTRACK_EXPECT_MAX)) return -Errno.EMFILE;
  exp.bucket = bucket;
  exp.id = ++ctnet.serial;
  exp.next = load<u32>(headOf(ctnet, bucket));
  store<u32>(headOf(ctnet, bucket), changetype<usize>(exp));
  exp.masterNext = help.expects;
  help.expects = changetype<usize>(exp);
  help.expecting++;
  ctnet.expectCount++;
  timerAdd(nfExpectTimer(exp), root().now + <u64>seconds * 1_000_000_000);
  nfCtStatInc(net, NfCtStat.EXPECT_CREATE);
  return 0;
}

function evictOldest(ctnet: NfCtNet, master: NfConn): void {
  let at = nfCtHelp(master).expects;
  if (at === 0) return;
  while (changetype<NfExpect>(at).masterNext !== 0) at = changetype<NfExpect>(at).masterNext;
  nfExpectUnlink(ctnet, changetype<NfExpect>(at));
}

/** It is expected no longer; frees it. */
export function nfExpectUnlink(ctnet: NfCtNet, exp: NfExpect): void {
  const p = changetype<usize>(exp);
  let at = headOf(ctnet, exp.bucket);
  while (load<u32>(at) !== p) at = load<u32>(at) + offsetof<NfExpect>('next');
  store<u32>(at, exp.next);
  const master = changetype<NfConn>(exp.master);
  const help = nfCtHelp(master);
  at = master.help + offsetof<NfConnHelp>('expects');
  while (load<u32>(at) !== p) at = load<u32>(at) + offsetof<NfExpect>('masterNext');
  store<u32>(at, exp.masterNext);
  help.expecting--;
  ctnet.expectCount--;
  timerDel(nfExpectTimer(exp));
  nfCtStatInc(nfConnNet(master), NfCtStat.EXPECT_DELETE);
  kfree(p);
}

/** The connection ends: nothing is expected of it any more. */
export function nfCtRemoveExpectations(ct: NfConn): void {
  if (ct.help === 0) return;
  const ctnet = nfConnCtNet(ct);
  while (nfCtHelp(ct).expects !== 0) nfExpectUnlink(ctnet, changetype<NfExpect>(nfCtHelp(ct).expects));
}

/** The namespace ends: those of connections that packets still hold go, too. */
export function nfCtExpectNetExit(ctnet: NfCtNet): void {
  for (let i: u32 = 0; i < BUCKETS; i++) {
    while (load<u32>(headOf(ctnet, i)) !== 0)
      nfExpectUnlink(ctnet, changetype<NfExpect>(load<u32>(headOf(ctnet, i))));
  }
}

/** Op TIMER_NF_EXPECT. */
export function nfExpectTimeout(p: usize): void {
  const exp = changetype<NfExpect>(p);
  nfExpectUnlink(nfConnCtNet(changetype<NfConn>(exp.master)), exp);
}
