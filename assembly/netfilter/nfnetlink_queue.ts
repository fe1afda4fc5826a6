/**
 * Which queues the host listens to. What a rule queues to one of them waits by a handle for the host's verdict (dev/nf_hook,
 * skb/handles); what it queues to another is dropped, or goes on (`bypass`). Linux: net/netfilter/nfnetlink_queue.c.
 */
import { NfqueueRec } from '../abi/request';
import { kzalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { NftNet, nftNetGet } from './nft/nf_tables';

const QUEUES: u32 = 65536;

/** NFQUEUE_BIND. */
export function nfqueueRequest(body: usize, len: u32): i32 {
  if (len < <u32>NfqueueRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NfqueueRec.NET));
  if (net === null) return -Errno.ENOENT;
  const num = load<u32>(body, NfqueueRec.NUM);
  if (num >= QUEUES) return -Errno.ERANGE;
  const nn = nftNetGet(net);
  if (nn === null) return -Errno.ENOMEM;
  if (nn.queues === 0) nn.queues = kzalloc(QUEUES >> 3);
  if (nn.queues === 0) return -Errno.ENOMEM;
  const at = nn.queues + (num >> 3);
  const bit: u32 = 1 << (num & 7);
  const bits = <u32>load<u8>(at);
  const on = load<u32>(body, NfqueueRec.ON) !== 0;
  if (on && (bits & bit) !== 0) return -Errno.EBUSY;
  store<u8>(at, <u8>(on ? bits | bit : bits & ~bit));
  return 0;
}

export function nfqueueBound(net: Net, num: u32): bool {
  const nn = changetype<NftNet>(net.nft);
  if (net.nft === 0 || nn.queues === 0) return false;
  return ((<u32>load<u8>(nn.queues + (num >> 3)) >> (num & 7)) & 1) !== 0;
}
