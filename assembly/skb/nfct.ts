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

/** In `nfct` without a connection: not to be tracked. Linux: IP_CT_UNTRACKED. */
export const NFCT_UNTRACKED: usize = 7;

/** Offset in NfConn of its reference count (netfilter/nf_conntrack asserts it). */
export const NFCT_USE_OFFSET: usize = 60;

/** And of its status and its events with its extras. */
export const NFCT_STATUS_OFFSET: usize = 48;
export const NFCT_EVENTS_OFFSET: usize = 56;

/** Of a status: confirmed, and no sequence numbers to adjust. IPS_CONFIRMED, IPS_SEQ_ADJUST, IPS_SRC_NAT, IPS_DST_NAT. */
const CONFIRMED: u32 = 1 << 3;
const SEQ_ADJUST: u32 = 1 << 6;
const SRC_NAT: u32 = 1 << 4;
const DST_NAT: u32 = 1 << 5;
/** All events, and of the extras a helper; an address of masquerading. */
const EVENTS_OR_HELP: u32 = 0x0001ffff;
const MASQ: u32 = 8 << 16;

/** What a packet's connection leaves to be done, in line: asked at every hook of tracking. */
export class Nfct {
  /** Nothing to confirm, to be told, to adjust, and no helper (nf_conntrack_core). */
  @inline
  static settled(nfct: usize): bool {
    const ct = nfct & ~NFCT_INFOMASK;
    if (ct === 0) return true;
    if ((load<u32>(ct, NFCT_STATUS_OFFSET) & (CONFIRMED | SEQ_ADJUST)) !== CONFIRMED) return false;
    return (load<u32>(ct, NFCT_EVENTS_OFFSET) & EVENTS_OR_HELP) === 0;
  }

  /** Decided, and at a point where `source` ends (else destinations) are changed nothing changes (nf_nat_hooks). */
  @inline
  static untranslated(nfct: usize, source: bool): bool {
    const ct = nfct & ~NFCT_INFOMASK;
    if (ct === 0) return true;
    const info = nfct & NFCT_INFOMASK;
    let bit = source ? SRC_NAT : DST_NAT;
    // ESTABLISHED, or that in the other direction.
    if (info !== 0) {
      if (info !== 3) return false;
      bit ^= SRC_NAT | DST_NAT;
    }
    if ((load<u32>(ct, NFCT_STATUS_OFFSET) & bit) !== 0) return false;
    // Where a masqueraded connection leaves, its device is looked at.
    if (!source) return true;
    if (info !== 0) return true;
    return (load<u32>(ct, NFCT_EVENTS_OFFSET) & MASQ) === 0;
  }

  /** nfResetCt. */
  @inline
  static reset(skb: SkBuff): void {
    const nfct = skb.nfct;
    if (nfct === 0) return;
    skb.nfct = 0;
    const ct = nfct & ~NFCT_INFOMASK;
    if (ct === 0) return;
    const use = load<u32>(ct, NFCT_USE_OFFSET) - 1;
    if (use === 0) {
      nfctPut(nfct);
      return;
    }
    store<u32>(ct, use, NFCT_USE_OFFSET);
  }
}

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

/** While a packet of our own passes hooks as its VRF's it has no connection yet. Linux: vrf_nf_set_untracked. */
export function nfctVrfBegin(skb: SkBuff): void {
  if (skb.nfct === 0) skb.nfct = NFCT_UNTRACKED;
}

/** From now on it passes them as its port's. Linux: vrf_nf_reset_ct. */
export function nfctVrfEnd(skb: SkBuff): void {
  if (skb.nfct === NFCT_UNTRACKED) skb.nfct = 0;
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
