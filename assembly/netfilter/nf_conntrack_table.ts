/**
 * The table of connections of a namespace: both directions of each in one chained hash, bounded by nf_conntrack_max.
 * Linux: nf_conntrack_core.c.
 *
 *   alloc (one reference, the packet's) ─► confirm (+1, the table's; the timer runs) ─► kill (-1) ─► last put: freed
 *
 * When the table is full, what gives way is looked for in 8 buckets beside the new one's: connections that never had
 * an answer worth the name (not ASSURED); then, a piece of the table at a time, TCP that is closing. Otherwise the new
 * packet is dropped. So a flood of random tuples turns over what it made itself.
 */
import { IPCT_DESTROY } from '../abi/nf_conntrack';
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Net, sysctl } from '../net/net';
import { nfctPut } from '../skb/nfct';
import { SkBuff } from '../skb/sk_buff';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_OFFLOAD,
  IPS_TEMPLATE,
  IP_CT_DIR_ORIGINAL,
  IP_CT_DIR_REPLY,
  NF_CONN_ACCT_BYTES,
  NF_CONN_BYTES,
  NF_CT_DEFAULT_ZONE_DIR,
  NF_CT_EXTRA_ACCT,
  NfConn,
  NfConnAcct,
  NfCtNet,
  NfCtStat,
  NfTuple,
  NfTupleHash,
  ctDir,
  nfConnCtNet,
  nfCtExpired,
  nfCtNet,
  nfCtStatInc,
  nfNode,
  nfNodeConn,
  nfTimer,
  nfTuple,
  nfZoneId,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtAcctUpdate } from './nf_conntrack_acct';
import { nfCtEventReport } from './nf_conntrack_ecache';
import { nfCtRemoveExpectations } from './nf_conntrack_expect';
import { nfCtHelpFree } from './nf_conntrack_helper';
import { nfTcpCanEarlyDrop } from './nf_conntrack_proto_tcp';
import { nfCtTimeoutPut } from './nf_conntrack_timeout';
import { IPPROTO_TCP, NfHash, nfTupleCopy } from './nf_conntrack_tuple';
import { nfNatBysourceDel } from './nf_nat_bysource';

/** Linux: NF_CT_EVICTION_RANGE. */
const EVICTION_RANGE: u32 = 8;
/** Buckets that one packet which finds no place looks further for closing connections. */
const CLOSING_RANGE: u32 = 64;
/** Nodes in a chain; more is somebody's doing. */
const CHAIN_MAX: u32 = 64;
const NS_PER_MS: u64 = 1_000_000;
/** Linux: NF_CT_DAY. */
const OFFLOAD_MS: u32 = 86_400_000;

/**
 * The node with this tuple (zone included), 0 when there is none. What has expired on the way goes.
 * Linux: nf_conntrack_find.
 */
export function nfCtFind(net: Net, tuple: NfTuple): usize {
  const ctnet = nfCtNet(net);
  return nfCtFindHash(net, tuple, NfHash.of(ctnet, tuple));
}

export function nfCtFindHash(net: Net, tuple: NfTuple, hash: u32): usize {
  const ctnet = nfCtNet(net);
  let at = load<u32>(ctnet.buckets + ((hash & ctnet.mask) << 2));
  while (at !== 0) {
    if (NfHash.equal(at, tuple)) {
      const ct = nfNodeConn(at);
      if (!nfCtExpired(ct, nfctTimeStamp(ctnet))) return at;
      nfCtKill(ct);
      return 0;
    }
    at = load<u32>(at);
  }
  return 0;
}

/** A connection that expects packets of `orig` and answers of `reply`; null when there is no room. */
export function nfCtAlloc(
  net: Net,
  zone: u16,
  zoneDir: u8,
  orig: NfTuple,
  reply: NfTuple,
  hash: u32,
): NfConn | null {
  const ctnet = nfCtNet(net);
  if (<i32>ctnet.count >= sysctl(net, Sysctl.NF_CONNTRACK_MAX) && !makeRoom(net, ctnet, hash)) return null;
  let p = kmalloc(NF_CONN_BYTES);
  if (p === 0 && makeRoom(net, ctnet, hash)) p = kmalloc(NF_CONN_BYTES);
  if (p === 0) return null;
  memory.fill(p, 0, NF_CONN_BYTES);
  const ct = changetype<NfConn>(p);
  nfTupleCopy(nfTuple(ct, IP_CT_DIR_ORIGINAL), orig);
  nfTupleCopy(nfTuple(ct, IP_CT_DIR_REPLY), reply);
  ct.zone = zone;
  ct.zoneDir = zoneDir;
  nfTuple(ct, IP_CT_DIR_ORIGINAL).zone = nfZoneId(zone, zoneDir, IP_CT_DIR_ORIGINAL);
  nfTuple(ct, IP_CT_DIR_REPLY).zone = nfZoneId(zone, zoneDir, IP_CT_DIR_REPLY);
  ct.ctnet = changetype<usize>(ctnet);
  ct.use = 1;
  ct.serial = ++ctnet.serial;
  timerSetup(nfTimer(ct), Op.TIMER_NF_CONNTRACK, p);
  ctnet.count++;
  if (sysctl(net, Sysctl.NF_CONNTRACK_ACCT) !== 0 || sysctl(net, Sysctl.NF_CONNTRACK_TIMESTAMP) !== 0) {
    ct.acct = kzalloc(NF_CONN_ACCT_BYTES);
    if (ct.acct !== 0) ct.extras |= NF_CT_EXTRA_ACCT;
  }
  return ct;
}

/** What a ruleset puts on a packet before tracking, to say in which zone, by which helper, with which timeouts. */
export function nfCtTemplateAlloc(net: Net, zone: u16, zoneDir: u8): NfConn | null {
  const p = kzalloc(NF_CONN_BYTES);
  if (p === 0) return null;
  const ct = changetype<NfConn>(p);
  ct.status = IPS_TEMPLATE;
  ct.zone = zone;
  ct.zoneDir = zoneDir === 0 ? NF_CT_DEFAULT_ZONE_DIR : zoneDir;
  ct.ctnet = net.ct;
  ct.use = 1;
  return ct;
}

/** Op NF_CONNTRACK_DESTROY: the last reference went. Linux: nf_ct_destroy. */
export function nfCtDestroy(p: usize): void {
  const ct = changetype<NfConn>(p);
  if ((ct.status & IPS_TEMPLATE) === 0) {
    nfNatBysourceDel(ct);
    const ctnet = nfConnCtNet(ct);
    // What a connection that was never confirmed brought along.
    if (ctnet.net !== 0) nfCtRemoveExpectations(ct);
    ctnet.count--;
    if (ctnet.net === 0 && ctnet.count === 0) kfree(ct.ctnet);
  }
  nfCtHelpFree(ct);
  nfCtTimeoutPut(ct.timeoutPolicy);
  kfree(ct.seqadj);
  kfree(ct.acct);
  kfree(ct.paths);
  const master = ct.master;
  kfree(p);
  if (master !== 0) nfctPut(master);
}

/** Puts both nodes into the table; the caller knows that neither tuple is there. */
export function nfCtInsert(ctnet: NfCtNet, ct: NfConn, hash: u32, replyHash: u32): void {
  insertNode(ctnet, nfNode(ct, IP_CT_DIR_ORIGINAL), hash);
  insertNode(ctnet, nfNode(ct, IP_CT_DIR_REPLY), replyHash);
  ct.use++;
  timerAdd(nfTimer(ct), root().now + <u64>(ct.timeout - nfctTimeStamp(ctnet)) * NS_PER_MS);
}

function insertNode(ctnet: NfCtNet, node: NfTupleHash, hash: u32): void {
  const bucket = ctnet.buckets + ((hash & ctnet.mask) << 2);
  node.hnext = load<u32>(bucket);
  store<u32>(bucket, changetype<usize>(node));
}

function removeNode(ctnet: NfCtNet, ct: NfConn, dir: u32): void {
  const node = nfNode(ct, dir);
  let at = ctnet.buckets + ((NfHash.of(ctnet, nfTuple(ct, dir)) & ctnet.mask) << 2);
  while (load<u32>(at) !== changetype<usize>(node)) at = load<u32>(at);
  store<u32>(at, node.hnext);
}

/** The chain of `hash` holds more than is decent. */
export function nfCtChainTooLong(ctnet: NfCtNet, hash: u32): bool {
  let at = load<u32>(ctnet.buckets + ((hash & ctnet.mask) << 2));
  let n: u32 = 0;
  while (at !== 0) {
    if (++n > CHAIN_MAX) return true;
    at = load<u32>(at);
  }
  return false;
}

/** Ends a connection: nobody finds it any more. False when it is ended already. Linux: nf_ct_kill, nf_ct_delete. */
export function nfCtKill(ct: NfConn): bool {
  if ((ct.status & IPS_DYING) !== 0) return false;
  const confirmed = (ct.status & IPS_CONFIRMED) !== 0;
  if (confirmed) {
    if (ct.acct !== 0 && changetype<NfConnAcct>(ct.acct).start !== 0)
      changetype<NfConnAcct>(ct.acct).stop = root().now;
    nfCtEventReport(ct, IPCT_DESTROY);
  }
  ct.status |= IPS_DYING;
  if (!confirmed) return true;
  const ctnet = nfConnCtNet(ct);
  nfCtRemoveExpectations(ct);
  removeNode(ctnet, ct, IP_CT_DIR_ORIGINAL);
  removeNode(ctnet, ct, IP_CT_DIR_REPLY);
  timerDel(nfTimer(ct));
  nfctPut(changetype<usize>(ct));
  return true;
}

/** nfCtKill, the packet counted first. */
export function nfCtKillAcct(ct: NfConn, info: u32, skb: SkBuff): void {
  if (ct.acct !== 0) nfCtAcctUpdate(ct, ctDir(info), skb.len);
  nfCtKill(ct);
}

/** Op TIMER_NF_CONNTRACK: ended, or used in the meantime. */
export function nfCtTimer(p: usize): void {
  const ct = changetype<NfConn>(p);
  const now = nfctTimeStamp(nfConnCtNet(ct));
  // A flow table has it, and says when it is over.
  if ((ct.status & IPS_OFFLOAD) !== 0) ct.timeout = now + OFFLOAD_MS;
  if (nfCtExpired(ct, now)) {
    nfCtKill(ct);
    return;
  }
  timerAdd(nfTimer(ct), root().now + <u64>(ct.timeout - now) * NS_PER_MS);
}

/** Linux: early_drop, and what its gc worker does in a table that is full. */
function makeRoom(net: Net, ctnet: NfCtNet, hash: u32): bool {
  for (let i: u32 = 0; i < EVICTION_RANGE; i++) {
    const dropped = earlyDrop(ctnet, hash + i, false);
    if (dropped !== 0) {
      for (let n: u32 = 0; n < dropped; n++) nfCtStatInc(net, NfCtStat.EARLY_DROP);
      return true;
    }
  }
  for (let i: u32 = 0; i < CLOSING_RANGE; i++) {
    if (earlyDrop(ctnet, ctnet.gcAt++, true) !== 0) {
      nfCtStatInc(net, NfCtStat.EARLY_DROP);
      return true;
    }
  }
  return false;
}

function earlyDrop(ctnet: NfCtNet, bucket: u32, closing: bool): u32 {
  const now = nfctTimeStamp(ctnet);
  let dropped: u32 = 0;
  let at = load<u32>(ctnet.buckets + ((bucket & ctnet.mask) << 2));
  while (at !== 0) {
    const ct = nfNodeConn(at);
    at = load<u32>(at);
    // Its other node may be the next of this chain.
    while (at !== 0 && nfNodeConn(at) === ct) at = load<u32>(at);
    if ((ct.status & (IPS_DYING | IPS_OFFLOAD)) !== 0) continue;
    let may = (ct.status & IPS_ASSURED) === 0 || nfCtExpired(ct, now);
    if (!may && closing && nfTuple(ct, 0).proto === <u8>IPPROTO_TCP) may = nfTcpCanEarlyDrop(ct);
    if (may && nfCtKill(ct)) dropped++;
  }
  return dropped;
}

/** Whether an answer with this tuple would belong to another connection than `ignored`. Linux: nf_conntrack_tuple_taken. */
export function nfCtTupleTaken(net: Net, tuple: NfTuple, ignored: NfConn): bool {
  const at = nfCtFind(net, tuple);
  return at !== 0 && nfNodeConn(at) !== ignored;
}

/** Ends all connections of a namespace for which (ct, arg) => i32 is not 0; `fn` is a function-table index. */
export function nfCtIterateCleanup(net: Net, fn: u32, arg: usize): u32 {
  const ctnet = nfCtNet(net);
  let gone: u32 = 0;
  for (let i: u32 = 0; i <= ctnet.mask; i++) {
    let at = load<u32>(ctnet.buckets + (i << 2));
    while (at !== 0) {
      const ct = nfNodeConn(at);
      if (call_indirect<i32>(fn, changetype<usize>(ct), arg) !== 0 && nfCtKill(ct)) {
        gone++;
        at = load<u32>(ctnet.buckets + (i << 2));
      } else {
        at = load<u32>(at);
      }
    }
  }
  return gone;
}

/** Scratch place of the tuple of the packet at hand. */
export function nfCtScratchTuple(): NfTuple {
  return changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE));
}
