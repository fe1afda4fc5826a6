/**
 * An skb's reference to its connection (skb.nfct: NfConn with ctinfo in the low 3 bits). A copy of the skb holds the
 * connection once more, its end lets go; the last one tells netfilter, which knows what to free. Linux: nf_conntrack_get,
 * nf_conntrack_put, nf_reset_ct (include/linux/skbuff.h).
 */
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { SkBuff } from './sk_buff';

/** Linux: NFCT_INFOMASK, NFCT_PTRMASK. */
export const NFCT_INFOMASK: usize = 7;

/** Offset in NfConn of its reference count (netfilter/nf_conntrack asserts it). */
export const NFCT_USE_OFFSET: usize = 60;

/** One more holds the connection in `nfct`, which may be none (0, or untracked). */
export function nfctGet(nfct: usize): void {
  const ct = nfct & ~NFCT_INFOMASK;
  if (ct !== 0) store<u32>(ct, load<u32>(ct, NFCT_USE_OFFSET) + 1, NFCT_USE_OFFSET);
}

/** One less. */
export function nfctPut(nfct: usize): void {
  const ct = nfct & ~NFCT_INFOMASK;
  if (ct === 0) return;
  const use = load<u32>(ct, NFCT_USE_OFFSET) - 1;
  store<u32>(ct, use, NFCT_USE_OFFSET);
  if (use === 0) call_indirect<void>(opIndex(Op.NF_CONNTRACK_DESTROY), ct);
}

/** The packet forgets its connection: it goes to another namespace, or to the wire. */
export function nfResetCt(skb: SkBuff): void {
  const nfct = skb.nfct;
  if (nfct === 0) return;
  skb.nfct = 0;
  nfctPut(nfct);
}

/**
 * What is sent because of `skb` (an error, a reset) is of its connection, in the other direction, though that may not
 * be in the table yet: so NAT undoes in it what it did. Linux: nf_ct_attach.
 */
export function nfCtAttach(reply: SkBuff, skb: SkBuff): void {
  const ct = skb.nfct & ~NFCT_INFOMASK;
  if (ct === 0) return;
  nfctGet(ct);
  // IP_CT_RELATED_REPLY in answer to the original direction (below IP_CT_IS_REPLY), IP_CT_RELATED otherwise.
  reply.nfct = ct | ((skb.nfct & NFCT_INFOMASK) >= 3 ? 1 : 4);
}
