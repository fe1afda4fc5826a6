/**
 * Connections counted: a list of tuples, each of which counts while its connection is there and not closed. Linux:
 * net/netfilter/nf_conncount.c. Differs: a connection counts once, however fast its packets follow each other (Linux
 * before 6.19 adds it again within one jiffy), and one look tells whether it is there.
 *
 *   NfConncount ─► HashTable ─► { node, tuple } ...
 *
 * Whoever adds looks at a few others, so that what ended goes faster than new ones come; all are looked at when the
 * count would decide, at most once in SWEEP_MS in lists that are long.
 */
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
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Net } from '../net/net';
import { NfConn, NfTuple, nfCtNet, nfNodeConn, nfTuple } from './nf_conntrack';
import { nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfCtFindHash } from './nf_conntrack_table';
import { TCP_CONNTRACK_CLOSE, TCP_CONNTRACK_TIME_WAIT } from './nf_conntrack_tcp_state';
import { IPPROTO_TCP, NfHash, nfTupleCopy } from './nf_conntrack_tuple';

@unmanaged
@final
class NfConncount {
  buckets: usize;
  mask: u32;
  count: u32;
  max: u32;
  /** Bucket where the looking at a few goes on, and when all were looked at last (ns / SWEEP_MS). */
  at: u32;
  swept: u32;
}
const ENTRY_TUPLE: usize = 8;
const ENTRY_BYTES: u32 = 48;
/** Tuples in one list; more connections than that are refused, as without memory. */
const COUNT_MAX: u32 = 262144;
const FEW_BUCKETS: u32 = 8;
const FEW: u32 = 64;
const SWEEP_NS: u64 = 4_000_000;

function tableOf(p: usize): HashTable {
  return changetype<HashTable>(p);
}

/** An empty list; 0: no memory. */
export function nfConncountAlloc(): usize {
  const p = kzalloc(offsetof<NfConncount>());
  if (p === 0) return 0;
  if (hashInit(tableOf(p), 1, COUNT_MAX)) return p;
  kfree(p);
  return 0;
}

export function nfConncountFree(p: usize): void {
  if (p === 0) return;
  const table = tableOf(p);
  for (let i: u32 = 0; i <= table.mask; i++) {
    let at = hashBucket(table, i);
    while (at !== 0) {
      const next = changetype<HashNode>(at).hnext;
      kfree(at);
      at = next;
    }
  }
  hashDestroy(table);
  kfree(p);
}

/** The connection of an entry is gone, or closed but for its TIME-WAIT. */
function over(net: Net, entry: usize): bool {
  const tuple = changetype<NfTuple>(entry + ENTRY_TUPLE);
  const node = nfCtFindHash(net, tuple, changetype<HashNode>(entry).hash);
  if (node === 0) return true;
  const ct: NfConn = nfNodeConn(node);
  if (nfTuple(ct, 0).proto !== <u8>IPPROTO_TCP) return false;
  const state = <u32>nfTcpOf(ct).state;
  return state === TCP_CONNTRACK_TIME_WAIT || state === TCP_CONNTRACK_CLOSE;
}

function sweepBucket(net: Net, table: HashTable, bucket: u32, but: usize): void {
  let at = hashBucket(table, bucket);
  while (at !== 0) {
    const next = changetype<HashNode>(at).hnext;
    if (at !== but && over(net, at)) {
      hashRemove(table, changetype<HashNode>(at));
      kfree(at);
    }
    at = next;
  }
}

/** Takes out what is over; the number that is left. */
export function nfConncountSweep(net: Net, p: usize, but: usize): u32 {
  const table = tableOf(p);
  if (net.ct !== 0) for (let i: u32 = 0; i <= table.mask; i++) sweepBucket(net, table, i, but);
  return table.count;
}

/** Adds the connection unless it is there. The number of connections when that is beyond `limit`; -1: no room. */
export function nfConncountAdd(net: Net, p: usize, tuple: NfTuple, limit: u32): i32 {
  const list = changetype<NfConncount>(p);
  const table = tableOf(p);
  const hash = NfHash.of(nfCtNet(net), tuple);
  let at = hashHead(table, hash);
  while (at !== 0) {
    if (changetype<HashNode>(at).hash === hash && NfHash.equal(at, tuple)) break;
    at = changetype<HashNode>(at).hnext;
  }
  if (at === 0) {
    for (let i: u32 = 0; i < FEW_BUCKETS && i <= table.mask; i++)
      sweepBucket(net, table, list.at++ & table.mask, 0);
    at = kmalloc(ENTRY_BYTES);
    if (at === 0) return -1;
    nfTupleCopy(changetype<NfTuple>(at + ENTRY_TUPLE), tuple);
    if (!hashInsert(table, changetype<HashNode>(at), hash)) {
      kfree(at);
      return -1;
    }
  }
  if (table.count <= limit) return table.count;
  const now = <u32>(root().now / SWEEP_NS);
  if (table.count > FEW && list.swept === now) return table.count;
  list.swept = now;
  return nfConncountSweep(net, p, at);
}
