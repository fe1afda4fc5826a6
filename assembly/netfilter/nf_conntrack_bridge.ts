/**
 * Tracking what a bridge forwards. Linux: net/bridge/netfilter/nf_conntrack_bridge.c. Differs: fragments are not put
 * together here; the first of a packet is tracked by what is in it, the others are invalid.
 *
 *   bridge PRE_ROUTING -200: which connection            POST_ROUTING, LOCAL_IN INT_MAX: a new one enters the table
 */
import { NfHookState } from '../dev/nf_hook';
import { Scratch, scratch } from '../lib/scratch';
import { NF_ACCEPT, NFPROTO_IPV4, NFPROTO_IPV6 } from '../net/hooks';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbTrim } from '../skb/skbuff';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { IPS_TEMPLATE, IP_CT_UNTRACKED, ctInfo, nfCtGet } from './nf_conntrack';
import { nfConntrackConfirm, nfConntrackIn } from './nf_conntrack_core';

/** The same hook as one of an IP family. */
function stateAs(s: usize, family: u32): usize {
  const at = scratch(Scratch.NF_CT_BRIDGE_STATE);
  memory.copy(at, s, offsetof<NfHookState>());
  changetype<NfHookState>(at).family = family;
  return at;
}

/** Op NF_CONNTRACK_BRIDGE_IN. Linux: nf_ct_bridge_pre. */
export function nfConntrackBridgeIn(priv: usize, p: usize, s: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const ct = nfCtGet(skb);
  if ((ct !== null && (ct.status & IPS_TEMPLATE) === 0) || ctInfo(skb) === IP_CT_UNTRACKED) return NF_ACCEPT;
  const protocol = <u32>skb.protocol;
  if (protocol === ETH_P_IP) {
    if (!pskbMayPull(skb, 20)) return NF_ACCEPT;
    const iph = skb.data;
    const hlen = (<u32>load<u8>(iph) & 15) << 2;
    const len = <u32>bswap<u16>(load<u16>(iph, 2));
    if (load<u8>(iph) >> 4 !== 4 || hlen < 20 || skb.len < len || len < hlen) return NF_ACCEPT;
    if (len < skb.len) skbTrim(skb, len);
    return nfConntrackIn(priv, p, stateAs(s, NFPROTO_IPV4));
  }
  if (protocol === ETH_P_IPV6) {
    if (!pskbMayPull(skb, 40)) return NF_ACCEPT;
    const len = <u32>bswap<u16>(load<u16>(skb.data, 4)) + 40;
    if (load<u8>(skb.data) >> 4 !== 6 || skb.len < len) return NF_ACCEPT;
    if (len < skb.len) skbTrim(skb, len);
    return nfConntrackIn(priv, p, stateAs(s, NFPROTO_IPV6));
  }
  if (ct === null) skb.nfct = IP_CT_UNTRACKED;
  return NF_ACCEPT;
}

/** Op NF_CONNTRACK_BRIDGE_CONFIRM. Linux: nf_ct_bridge_post. */
export function nfConntrackBridgeConfirm(priv: usize, p: usize, s: usize): i32 {
  const protocol = <u32>changetype<SkBuff>(p).protocol;
  if (protocol === ETH_P_IP) return nfConntrackConfirm(priv, p, stateAs(s, NFPROTO_IPV4));
  if (protocol === ETH_P_IPV6) return nfConntrackConfirm(priv, p, stateAs(s, NFPROTO_IPV6));
  return NF_ACCEPT;
}
