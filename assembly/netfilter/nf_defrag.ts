/**
 * Defragmentation before tracking: conntrack and NAT need the ports, which only the first fragment has. The packet goes
 * on whole, and is cut again where it leaves. Linux: nf_defrag_ipv4.c, nf_defrag_ipv6_hooks.c, nf_conntrack_reasm.c.
 */
import { NfHookState } from '../dev/nf_hook';
import { ipDefrag } from '../ipv4/ip_fragment';
import { nfCtFrag6Gather } from '../ipv6/reassembly';
import { NF_ACCEPT, NF_DROP, NF_STOLEN, NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { Net } from '../net/net';
import { skbRecordAlloc, skbRecordForget, skbRecordMove } from '../skb/pool';
import { PACKET_HOST, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { IPV6_HDR_LEN, NEXTHDR_FRAGMENT } from '../wire/ipv6';
import { ipv6ExtHdr, ipv6FindExthdr } from '../wire/ipv6_ext';
import { TCP_HDR_LEN } from '../wire/tcp';
import { IPS_TEMPLATE, IP_CT_UNTRACKED, ctInfo, nfCtGet } from './nf_conntrack';
import { nfCtTmplZone } from './nf_conntrack_core';
import { IPPROTO_TCP } from './nf_conntrack_tuple';

/** Users of the fragment queues: fragments of different zones and hooks do not mix. Linux: enum ip_defrag_users. */
const DEFRAG_CONNTRACK_IN: u32 = 2;
const DEFRAG_CONNTRACK_OUT: u32 = 0x10002;
const IP_FRAGMENT_BITS: u16 = 0x3fff;

/** Op NF_DEFRAG. */
export function nfDefrag(_priv: usize, p: usize, s: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const state = changetype<NfHookState>(s);
  const v4 = state.family === NFPROTO_IPV4;
  if (v4) {
    if ((bswap<u16>(load<u16>(skb.data, 6)) & IP_FRAGMENT_BITS) === 0) return NF_ACCEPT;
  } else if (!ipv6ExtHdr(load<u8>(skb.data, 6)) || !hasFragment(skb)) {
    return NF_ACCEPT;
  }
  let tmpl: usize = 0;
  if (skb.nfct !== 0) {
    if (ctInfo(skb) === IP_CT_UNTRACKED) return NF_ACCEPT;
    const ct = nfCtGet(skb)!;
    if ((ct.status & IPS_TEMPLATE) === 0) return NF_ACCEPT;
    tmpl = changetype<usize>(ct);
  }
  const out = state.hook === <u32>NetfilterHook.LOCAL_OUT;
  const user = (out ? DEFRAG_CONNTRACK_OUT : DEFRAG_CONNTRACK_IN) + nfCtTmplZone(tmpl, 0);
  return gather(changetype<Net>(state.net), skb, v4, user, out);
}

function hasFragment(skb: SkBuff): bool {
  return ipv6FindExthdr(skb.data + 40, skbHeadlen(skb) - 40, load<u8>(skb.data, 6), NEXTHDR_FRAGMENT) >= 0;
}

/**
 * The hook's caller goes on with the record that it has: the fragment moves to another one, and the whole packet, if
 * this was its last piece, moves into the caller's.
 */
function gather(net: Net, skb: SkBuff, v4: bool, user: u32, out: bool): i32 {
  const piece = skbRecordAlloc();
  if (piece === null) return NF_DROP;
  memory.copy(changetype<usize>(piece), changetype<usize>(skb), offsetof<SkBuff>());
  const whole = v4 ? ipDefrag(net, piece, user) : nfCtFrag6Gather(net, piece, user);
  if (whole === null) {
    skbRecordForget(skb);
    return NF_STOLEN;
  }
  skbRecordMove(skb, whole);
  if (!out) earlyDemux(skb, v4);
  return NF_ACCEPT;
}

/**
 * Linux looks for a socket of every TCP segment that comes to it, and so has its header in one piece (tcp_v4_early_demux):
 * a packet whose first fragment held less is cut anew where it leaves.
 */
function earlyDemux(skb: SkBuff, v4: bool): void {
  if (skb.pktType !== PACKET_HOST) return;
  const iph = skb.data;
  const proto = v4 ? load<u8>(iph, 9) : load<u8>(iph, 6);
  if (<u32>proto !== IPPROTO_TCP) return;
  const ihl: u32 = v4 ? (<u32>load<u8>(iph) & 15) << 2 : IPV6_HDR_LEN;
  if (!pskbMayPull(skb, ihl + TCP_HDR_LEN)) return;
  skb.networkHeader = skb.data;
  skb.transportHeader = skb.data + ihl;
}
