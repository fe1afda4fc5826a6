/**
 * Flow tables: connections that a rule gave the short way, from the ingress of one device to the neighbour behind
 * another, past routing and every other hook. Linux: net/netfilter/nf_flow_table_core.c.
 *
 *   NfFlowTable ─► HashTable ─► node of a direction ─┐
 *                          └──► node of the other ───┴─► NfFlow ─► the connection, held and IPS_OFFLOAD
 *
 * A flow ends when no packet came for 30 s, its connection dies, a FIN or RST passes or a route changed: the connection
 * is then tracked again, which has to find its window anew. What is over is freed by the table's timer, once a second.
 */
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import {
  HashNode,
  HashTable,
  hashBucket,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { AF_INET6, Net } from '../net/net';
import { FibNh } from '../route/fib';
import { fibNet } from '../route/fib_table';
import { nfctGet, nfctPut } from '../skb/nfct';
import {
  IPS_DYING,
  IPS_OFFLOAD,
  IPS_SEEN_REPLY,
  NfConn,
  NfTuple,
  nfConnAlive,
  nfConnNet,
  nfCtExpires,
  nfCtNet,
  nfCtTimeoutSysctl,
  nfTuple,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtRefresh } from './nf_conntrack_acct';
import { nfCtTcpTimeout, nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfTcpEnd } from './nf_conntrack_tcp_window';
import { IPPROTO_TCP, IPPROTO_UDP, NfHash, nfTupleCopy } from './nf_conntrack_tuple';

/** Of one direction: what its packets look like, where they come in, where they go. */
@unmanaged
@final
export class NfFlowNode {
  hnext: usize;
  hash: u32;
  tuple0: u64;
  tuple1: u64;
  tuple2: u64;
  tuple3: u64;
  tuple4: u64;
  /** ifindex */
  iif: i32;
  /** FibNh of the way out, good while the FIB's genId is `gen`; bytes that it takes. */
  nh: usize;
  gen: u32;
  mtu: u32;
  flow: usize;
  dir: u32;
}
const NODE_TUPLE: usize = 8;
const NODE_BYTES: u32 = 72;

@unmanaged
@final
export class NfFlow {
  ct: usize;
  /** nfctTimeStamp when it ends. */
  timeout: u32;
  /** 1: over, and no packet finds it. */
  teardown: u32;
}
const FLOW_NODES: usize = 16;
const FLOW_BYTES: u32 = 16 + 2 * NODE_BYTES;

@unmanaged
@final
export class NfFlowTable {
  buckets: usize;
  mask: u32;
  count: u32;
  max: u32;
  net: usize;
  /** 1: packets are counted on their connections (NF_FLOWTABLE_COUNTER). */
  counter: u32;
  timerNext: usize;
  timerPrev: usize;
  timerExpires: u64;
  timerOp: u32;
  timerArg: usize;
}

/** Nodes of one table; a flow beyond that goes the long way. */
const NODES_MAX: u32 = 1 << 20;
const GC_NS: u64 = 1_000_000_000;
const FLOW_TIMEOUT_MS: u32 = 30_000;
const DAY_MS: u32 = 86_400_000;
const REFRESH_MS: u32 = 1000;

/** 0: no memory. */
export function nfFlowTableAlloc(net: Net, counter: bool): usize {
  const p = kzalloc(offsetof<NfFlowTable>());
  if (p === 0) return 0;
  const table = changetype<NfFlowTable>(p);
  if (!hashInit(changetype<HashTable>(p), 3, NODES_MAX)) {
    kfree(p);
    return 0;
  }
  table.net = changetype<usize>(net);
  table.counter = counter ? 1 : 0;
  timerSetup(timerOf(table), Op.TIMER_NF_FLOW, p);
  return p;
}

function timerOf(table: NfFlowTable): Timer {
  return changetype<Timer>(changetype<usize>(table) + offsetof<NfFlowTable>('timerNext'));
}

export function nfFlowTableFree(p: usize): void {
  if (p === 0) return;
  const table = changetype<NfFlowTable>(p);
  gc(table, true);
  timerDel(timerOf(table));
  hashDestroy(changetype<HashTable>(p));
  kfree(p);
}

export function nfFlowNode(flow: NfFlow, dir: u32): NfFlowNode {
  return changetype<NfFlowNode>(changetype<usize>(flow) + FLOW_NODES + dir * NODE_BYTES);
}

export function nfFlowConn(flow: NfFlow): NfConn {
  return changetype<NfConn>(flow.ct);
}

/** A flow of the connection, not in the table yet: nodes have their tuples. Null: no memory. */
export function nfFlowAlloc(ct: NfConn): NfFlow | null {
  const p = kzalloc(FLOW_BYTES);
  if (p === 0) return null;
  const flow = changetype<NfFlow>(p);
  flow.ct = changetype<usize>(ct);
  nfctGet(flow.ct);
  for (let dir: u32 = 0; dir < 2; dir++) {
    const node = nfFlowNode(flow, dir);
    nfTupleCopy(nfFlowTuple(node), nfTuple(ct, dir));
    // The zone says nothing of what a packet looks like.
    nfFlowTuple(node).zone = 0;
    node.flow = p;
    node.dir = dir;
  }
  return flow;
}

export function nfFlowTuple(node: NfFlowNode): NfTuple {
  return changetype<NfTuple>(changetype<usize>(node) + NODE_TUPLE);
}

export function nfFlowFree(flow: NfFlow): void {
  nfctPut(flow.ct);
  kfree(changetype<usize>(flow));
}

/** The way out of a direction, as it is now. */
export function nfFlowRoute(net: Net, node: NfFlowNode, nh: FibNh, mtu: u32): void {
  node.nh = changetype<usize>(nh);
  node.gen = fibNet(net, nfFlowTuple(node).l3num).genId;
  node.mtu = mtu;
}

/** Packets find it from now on. False: the table is full. Linux: flow_offload_add. */
export function nfFlowAdd(table: NfFlowTable, flow: NfFlow): bool {
  const net = changetype<Net>(table.net);
  const hashes = changetype<HashTable>(changetype<usize>(table));
  for (let dir: u32 = 0; dir < 2; dir++) {
    const node = nfFlowNode(flow, dir);
    const hash = NfHash.of(nfCtNet(net), nfFlowTuple(node));
    if (hashInsert(hashes, changetype<HashNode>(changetype<usize>(node)), hash)) continue;
    if (dir === 1) hashRemove(hashes, changetype<HashNode>(changetype<usize>(nfFlowNode(flow, 0))));
    return false;
  }
  flow.timeout = nfctTimeStamp(nfCtNet(net)) + FLOW_TIMEOUT_MS;
  const ct = nfFlowConn(flow);
  if (nfCtExpires(ct) < DAY_MS / 2) nfCtRefresh(ct, DAY_MS);
  if (!timerPending(timerOf(table))) timerAdd(timerOf(table), root().now + GC_NS);
  return true;
}

/** The node of a packet that came in by `iif`, or null. */
export function nfFlowLookup(table: NfFlowTable, tuple: NfTuple, iif: i32): NfFlowNode | null {
  const hash = NfHash.of(nfCtNet(changetype<Net>(table.net)), tuple);
  let at = hashHead(changetype<HashTable>(changetype<usize>(table)), hash);
  while (at !== 0) {
    const node = changetype<NfFlowNode>(at);
    if (node.hash === hash && NfHash.equal(at, tuple) && node.iif === iif) {
      const flow = changetype<NfFlow>(node.flow);
      if (flow.teardown !== 0 || (nfFlowConn(flow).status & IPS_DYING) !== 0) return null;
      return node;
    }
    at = node.hnext;
  }
  return null;
}

/** Linux: flow_offload_refresh. */
export function nfFlowRefresh(net: Net, flow: NfFlow): void {
  const timeout = nfctTimeStamp(nfCtNet(net)) + FLOW_TIMEOUT_MS;
  if (timeout - flow.timeout > REFRESH_MS) flow.timeout = timeout;
}

/** The connection is tracked again; it is not held longer than it would live so. Linux: flow_offload_teardown. */
export function nfFlowTeardown(flow: NfFlow): void {
  if (flow.teardown !== 0) return;
  flow.teardown = 1;
  const ct = nfFlowConn(flow);
  ct.status &= ~IPS_OFFLOAD;
  if (!nfConnAlive(ct) || (ct.status & IPS_DYING) !== 0) return;
  const net = nfConnNet(ct);
  const proto = <u32>nfTuple(ct, 0).proto;
  let timeout: u32 = 0;
  if (proto === IPPROTO_TCP) {
    const tcp = nfTcpOf(ct);
    nfTcpEnd(tcp, 0).maxwin = 0;
    nfTcpEnd(tcp, 1).maxwin = 0;
    timeout = nfCtTcpTimeout(net, tcp.state);
  } else if (proto === IPPROTO_UDP) {
    const replied = (ct.status & IPS_SEEN_REPLY) !== 0;
    const id = replied ? Sysctl.NF_CONNTRACK_UDP_TIMEOUT_STREAM : Sysctl.NF_CONNTRACK_UDP_TIMEOUT;
    timeout = nfCtTimeoutSysctl(net, id);
  } else return;
  timeout = timeout > FLOW_TIMEOUT_MS ? timeout - FLOW_TIMEOUT_MS : 0;
  if (nfCtExpires(ct) > timeout) nfCtRefresh(ct, timeout);
}

/** Op TIMER_NF_FLOW. Linux: nf_flow_offload_work_gc. */
export function nfFlowGc(p: usize): void {
  const table = changetype<NfFlowTable>(p);
  gc(table, false);
  if (table.count !== 0) timerAdd(timerOf(table), root().now + GC_NS);
}

function gc(table: NfFlowTable, all: bool): void {
  const net = changetype<Net>(table.net);
  const now = net.ct === 0 ? 0 : nfctTimeStamp(nfCtNet(net));
  const hashes = changetype<HashTable>(changetype<usize>(table));
  for (let i: u32 = 0; i <= hashes.mask; i++) {
    let at = hashBucket(hashes, i);
    while (at !== 0) {
      const node = changetype<NfFlowNode>(at);
      const flow = changetype<NfFlow>(node.flow);
      const ct = nfFlowConn(flow);
      if (all || <i32>(flow.timeout - now) <= 0 || (ct.status & IPS_DYING) !== 0) nfFlowTeardown(flow);
      else if (nfCtExpires(ct) < DAY_MS / 2) nfCtRefresh(ct, DAY_MS);
      if (flow.teardown === 0) {
        at = node.hnext;
        continue;
      }
      for (let dir: u32 = 0; dir < 2; dir++)
        hashRemove(hashes, changetype<HashNode>(changetype<usize>(nfFlowNode(flow, dir))));
      nfFlowFree(flow);
      // Both nodes may have been of this chain.
      at = hashBucket(hashes, i);
    }
  }
}

/** The family of a node's packets is IPv6. */
export function nfFlowSix(node: NfFlowNode): bool {
  return <u32>nfFlowTuple(node).l3num === AF_INET6;
}
