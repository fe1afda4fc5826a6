/**
 * The path of a connection: how its packets of one direction were forwarded last, as long as nothing but the packet can
 * have them fare otherwise. Such packets are tracked, translated and sent, and no rule, route or neighbour is looked up
 * again.
 *
 *   a packet tracked, established and ordinary ─┬─ its path holds ─► translate, TTL, MAC, ring
 *                                               └─ SKB_F_PATH ─► hooks ─► FORWARD ─► POSTROUTING ─► nfPathLearn
 *
 * A path is learned of a packet that went the whole way (ipForwardHooked) and kept SKB_F_PATH. It loses the flag where
 * something is done to it, or asked of it, that another packet of the connection need not share: generated code clears
 * it (src/core/jit/emit_hook), and so does every rule that is interpreted. A path holds until root().pathGen moves: any
 * request of the host, any change of routes, any neighbour that ends. What it does not cover is looked at in each packet:
 * length, TTL, flags of TCP, the neighbour's state, the room in the ring.
 *
 * Packets of a connection keep their order: who cannot take the path closes it, and the next learns it anew.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Port } from '../abi/layout';
import { Op } from '../abi/ops';
import { FastXmit, fastXmitAllowed } from '../dev/fast_xmit';
import { NetDevice } from '../dev/net_device';
import { kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { NUD_CONNECTED, Neighbour } from '../neigh/neighbour';
import {
  HOOK_FOR_MASK,
  HookEntry,
  NF_ACCEPT,
  NFPROTO_IPV4,
  NetfilterHook,
  PATH_GONE,
  PATH_NONE,
  PATH_STOP,
  PATH_TRACKED,
  hookEntry,
  hookSlot,
} from '../net/hooks';
import { Net } from '../net/net';
import { FastHop } from '../route/fast_hop';
import { kfreeSkbReason } from '../skb/free';
import { Nfct } from '../skb/nfct';
import { SKB_F_PATH, SkBuff } from '../skb/sk_buff';
import { ETH_HLEN } from '../wire/ethernet';
import { IP_CT_ESTABLISHED, IP_CT_ESTABLISHED_REPLY, NfConn } from './nf_conntrack';
import { nfConntrackRefused } from './nf_conntrack_core';
import { NF_CT_LONG_WAY, nfConntrackFast4 } from './nf_conntrack_fast';
import { IPPROTO_TCP } from './nf_conntrack_tuple';
import { NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from './nf_nat';
import { nfNatManipPkt, nfNatStatusBit } from './nf_nat_proto';

/** One direction of a connection. */
@unmanaged
@final
class NfPath {
  /** root().pathGen when it was learned; another one: it does not hold. */
  gen: u32;
  neigh: usize;
  /** NetDevice that its packets come in by. */
  in: usize;
  pad: u32;
}
const PATH_BYTES: u32 = 16;

const IPV4_HDR_LEN: u32 = 20;
const FIRST_BYTE_PLAIN: u8 = 0x45;
/** MF and offset as they lie in memory. */
const FRAGMENT_BITS_BE: u16 = 0xff3f;
/** Flags of TCP that say nothing of the connection's state: PSH and ACK. */
const TCP_PLAIN: u8 = 0x18;
const NFCT_INFO: usize = 7;

/**
 * Op NF_FORWARD_PATH_BEGIN: the place behind tracking among the hooks of PREROUTING, for nfForwardPath; 0: there are
 * no paths here. Only hooks that a settled connection's packets meet may stand beside the chains of rules, and none may
 * see them before they are tracked.
 */
export function nfForwardPathBegin(p: usize): u32 {
  const net = changetype<Net>(p);
  root().pathBegun = root().pathGen;
  const list = load<u32>(hookSlot(net, NFPROTO_IPV4, NetfilterHook.PRE_ROUTING));
  const n: u32 = list === 0 ? 0 : load<u32>(list);
  let from: u32 = 0;
  while (from < n && (hookEntry(list, from).op & HOOK_FOR_MASK) !== 0) from++;
  if (from === n || hookEntry(list, from).op !== <u32>Op.NF_CONNTRACK_IN) return 0;
  from++;
  if (!onlyChains(list, from)) return 0;
  if (!onlyChains(load<u32>(hookSlot(net, NFPROTO_IPV4, NetfilterHook.FORWARD)), 0)) return 0;
  if (!onlyChains(load<u32>(hookSlot(net, NFPROTO_IPV4, NetfilterHook.POST_ROUTING)), 0)) return 0;
  return from;
}

function onlyChains(list: usize, from: u32): bool {
  const n: u32 = list === 0 ? 0 : load<u32>(list);
  for (let i = from; i < n; i++) {
    const entry: HookEntry = hookEntry(list, i);
    if ((entry.op & HOOK_FOR_MASK) === 0 && entry.op !== <u32>Op.NFT_DO_CHAIN) return false;
  }
  return true;
}

/** In line. */
class Path {
  @inline
  static of(ct: NfConn, info: u32): NfPath {
    return changetype<NfPath>(ct.paths + (info === IP_CT_ESTABLISHED ? 0 : PATH_BYTES));
  }

  /** A packet of which its connection's others, of this direction, differ in nothing that rules ask. */
  @inline
  static ordinary(skb: SkBuff): bool {
    if (!FastHop.plain(skb)) return false;
    if (skb.vlanProto !== 0) return false;
    const iph = skb.data;
    if (load<u8>(iph, 8) <= 1) return false;
    if (load<u8>(iph, 9) !== <u8>IPPROTO_TCP) return true;
    if (skb.len < IPV4_HDR_LEN + 20) return false;
    return (load<u8>(iph, IPV4_HDR_LEN + 13) & ~TCP_PLAIN) === 0;
  }
}

/**
 * Op NF_FORWARD_PATH: a packet that came in by `dev`, its IPv4 header checked, where nfForwardPathBegin found paths.
 * Its bytes when it was sent, or PATH_*.
 */
export function nfForwardPath(netp: usize, p: usize, dev: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const net = changetype<Net>(netp);
  const iph = skb.data;
  if (load<u8>(iph) !== FIRST_BYTE_PLAIN || (load<u16>(iph, 6) & FRAGMENT_BITS_BE) !== 0) return PATH_STOP;
  if (skb.nfct !== 0) return PATH_NONE;
  const verdict = nfConntrackFast4(net, skb, NetfilterHook.PRE_ROUTING);
  if (verdict === NF_CT_LONG_WAY) return PATH_NONE;
  if (verdict <= 0 && nfConntrackRefused(net, verdict) !== NF_ACCEPT) return gone(skb);
  if (skb.nfct === 0) return PATH_TRACKED;
  const info = <u32>(skb.nfct & NFCT_INFO);
  if (info !== IP_CT_ESTABLISHED && info !== IP_CT_ESTABLISHED_REPLY) return PATH_TRACKED;
  const ct = changetype<NfConn>(skb.nfct & ~NFCT_INFO);
  if (Path.ordinary(skb) && Nfct.settled(skb.nfct)) {
    if (ct.paths !== 0) {
      const path = Path.of(ct, info);
      if (path.gen === root().pathGen && path.in === dev) {
        const sent = send(skb, ct, path, info);
        if (sent !== PATH_NONE) return sent;
      }
    }
    skb.flags |= SKB_F_PATH;
  }
  if (ct.paths !== 0) Path.of(ct, info).gen = 0;
  return PATH_TRACKED;
}

/** Its bytes, PATH_GONE, or PATH_NONE: nothing was done to it. */
function send(skb: SkBuff, ct: NfConn, path: NfPath, info: u32): i32 {
  const neigh = changetype<Neighbour>(path.neigh);
  if (neigh.dead !== 0 || (<u32>neigh.nudState & NUD_CONNECTED) === 0) return PATH_NONE;
  const out = changetype<NetDevice>(neigh.dev);
  const len = skb.len;
  if (len > out.mtu || !fastXmitAllowed(out)) return PATH_NONE;
  const head = load<u32>(out.priv, Port.TX_HEAD);
  if (FastXmit.full(out.priv, head)) return PATH_NONE;
  const dir = <u32>(info !== IP_CT_ESTABLISHED);
  const status = ct.status;
  if ((status & nfNatStatusBit(NetfilterHook.PRE_ROUTING, dir)) !== 0) {
    if (!nfNatManipPkt(skb, ct, NF_NAT_MANIP_DST, dir)) return gone(skb);
  }
  const iph = skb.data;
  const word = load<u32>(iph, 8);
  // RFC 1141: TTL one less, checksum one more.
  const sum = (word >> 16) + 1;
  store<u32>(iph, ((sum + <u32>(sum >= 0xffff)) << 16) | ((word & 0xffff) - 1), 8);
  if ((status & nfNatStatusBit(NetfilterHook.POST_ROUTING, dir)) !== 0) {
    if (!nfNatManipPkt(skb, ct, NF_NAT_MANIP_SRC, dir)) return gone(skb);
  }
  const eth = iph - ETH_HLEN;
  FastHop.header(neigh, eth);
  Nfct.reset(skb);
  FastXmit.xmit(skb, out, eth, head);
  return <i32>len;
}

function gone(skb: SkBuff): i32 {
  kfreeSkbReason(skb, SkbDropReason.NETFILTER_DROP);
  return PATH_GONE;
}

/** Op NF_FORWARD_PATH_LEARN: the packet, which came in by `dev` and has SKB_F_PATH still, is about to go to `neigh`. */
export function nfForwardPathLearn(p: usize, dev: usize, neigh: usize): void {
  const skb = changetype<SkBuff>(p);
  const ct = changetype<NfConn>(skb.nfct & ~NFCT_INFO);
  if (changetype<usize>(ct) === 0 || root().pathBegun !== root().pathGen) return;
  if (ct.paths === 0) {
    ct.paths = kzalloc(2 * PATH_BYTES);
    if (ct.paths === 0) return;
  }
  const path = Path.of(ct, <u32>(skb.nfct & NFCT_INFO));
  path.gen = root().pathGen;
  path.neigh = neigh;
  path.in = dev;
}
