/**
 * The short way of an ordinary forwarded packet in a namespace with hooks: what ipRouteInput, ipForward, ipOutput, the
 * neighbour and devQueueXmit would do to it, in one go, with the hooks of FORWARD and POSTROUTING where they stand.
 *
 *   PREROUTING ─ lookup burst ─► ordinary? ─► TTL ─► FORWARD ─► POSTROUTING ─┬─ still ordinary ─► MAC, descriptor
 *                                    └─ rcvFinish, the whole way             └─ ipFinishOutput
 *
 * Ordinary is as in ip_forward_fast, and a destination on the link may be, too. All of that is looked at before the
 * first byte is written; what a hook may have changed is looked at again behind it.
 */
import { Port } from '../abi/layout';
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import { FastXmit, fastXmitAllowed } from '../dev/fast_xmit';
import { NetDevice } from '../dev/net_device';
import { NfHook } from '../dev/nf_hook';
import { opIndex } from '../lib/ops';
import { root } from '../lib/root';
import { NUD_CONNECTED, Neighbour, neighLookup } from '../neigh/neighbour';
import { NetfilterHook } from '../net/hooks';
import { AF_INET, Net, sysctl } from '../net/net';
import { FAST_HEADROOM, FastHop } from '../route/fast_hop';
import { ALIAS_TAG, FibInfo, FibNh, fibNh, nhInfo } from '../route/fib';
import { fibSelectPath } from '../route/fib_select';
import { flowHashSkb } from '../route/flow_hash';
import { Nfct } from '../skb/nfct';
import { CHECKSUM_PARTIAL, SKB_F_CLONED, SKB_F_FORWARDED, SKB_F_PATH, SkBuff } from '../skb/sk_buff';
import { ETH_HLEN } from '../wire/ethernet';
import { ifaddrBucket } from './devinet';
import { ipTos2prio } from './ip_forward';
import { isOddAddress } from './ip_forward_fast';
import { ipFragMaxSize } from './ip_options';
import { ipFinishOutput } from './ip_output';

/** The packet takes the whole way; nothing was done to it. */
const NOT_ORDINARY: i32 = -1;

/** As in ip_forward_fast; holds for the burst. */
function qualify(info: FibInfo, dev: usize): bool {
  if (!FastHop.ordinary(info)) return false;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (nh.flags !== 0 || nh.dev === dev || nh.dev === 0) return false;
    if (nh.gwFamily !== 0 && (nh.gwFamily !== <u8>AF_INET || nh.neigh === 0)) return false;
    if (!fastXmitAllowed(changetype<NetDevice>(nh.dev))) return false;
  }
  info.burst = root().burst;
  return true;
}

/**
 * Forwards the packet, whose hooks of PREROUTING let it pass. NOT_ORDINARY, or the packet is gone, and its length when
 * it came by POSTROUTING (IpForwDatagrams, IpOutTransmits and IpExtOutOctets are the caller's), else 0.
 */
export function ipForwardHooked(net: Net, dev: usize, skb: SkBuff, daddr: u32, value: u32): i32 {
  if (value === 0) return NOT_ORDINARY;
  if ((value & ALIAS_TAG) !== 0) return NOT_ORDINARY;
  const info = changetype<FibInfo>(value);
  if (info.burst !== root().burst) {
    if (!qualify(info, dev)) return NOT_ORDINARY;
  }
  if (!FastHop.plain(skb)) return NOT_ORDINARY;
  const iph = skb.data;
  const saddr = bswap<u32>(load<u32>(iph, 12));
  const word = load<u32>(iph, 8);
  if (load<u8>(iph) !== 0x45) return NOT_ORDINARY;
  if ((word & 0xff) <= 1) return NOT_ORDINARY;
  if ((<u32>isOddAddress(saddr) | <u32>isOddAddress(daddr)) !== 0) return NOT_ORDINARY;
  if (load<u32>(ifaddrBucket(net, saddr)) !== 0) return NOT_ORDINARY;
  let nh: FibNh = fibNh(info, 0);
  if (info.nhCount !== 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET, skb));
  const outdev = nh.dev;
  const out = changetype<NetDevice>(outdev);
  if (skb.len > out.mtu) return NOT_ORDINARY;

  // RFC 1141: TTL one less, checksum one more.
  const sum = (word >> 16) + 1;
  store<u32>(iph, ((sum + <u32>(sum >= 0xffff)) << 16) | ((word & 0xffff) - 1), 8);
  skb.dst = changetype<usize>(nh);
  if (sysctl(net, Sysctl.IP_FORWARD_UPDATE_PRIORITY) !== 0) skb.priority = ipTos2prio(load<u8>(iph, 1));
  skb.flags |= SKB_F_FORWARDED;
  if (!NfHook.ipv4(net, NetfilterHook.FORWARD, skb, dev, outdev)) return 0;
  const len = skb.len;
  skb.dev = outdev;
  if (!NfHook.ipv4(net, NetfilterHook.POST_ROUTING, skb, dev, outdev)) return len;

  if (!finish(net, dev, skb, nh, out)) ipFinishOutput(net, skb, changetype<FibNh>(skb.dst));
  return len;
}

/** Out, if what the hooks made of it is still ordinary. */
function finish(net: Net, dev: usize, skb: SkBuff, nh: FibNh, out: NetDevice): bool {
  if (skb.dst !== changetype<usize>(nh)) return false;
  if (((skb.flags & SKB_F_CLONED) | skb.frags | <u32>skb.gsoSize | <u32>skb.vlanProto) !== 0) return false;
  if (skb.ipSummed === CHECKSUM_PARTIAL) return false;
  if (skb.len > out.mtu) return false;
  if (ipFragMaxSize(skb) !== 0) return false;
  const iph = skb.data;
  if (iph - skb.head < FAST_HEADROOM) return false;
  let at = nh.neigh;
  if (nh.gwFamily === 0) at = changetype<usize>(neighLookup(AF_INET, iph + 16, out));
  if (at === 0) return false;
  const neigh = changetype<Neighbour>(at);
  if (neigh.dead !== 0) return false;
  if ((<u32>neigh.nudState & NUD_CONNECTED) === 0) return false;
  // A hook may have sent something, and the port's queue filled by it.
  if (!fastXmitAllowed(out)) return false;
  const head = load<u32>(out.priv, Port.TX_HEAD);
  if (FastXmit.full(out.priv, head)) return false;
  // Of several next hops another packet's may be another.
  if ((skb.flags & SKB_F_PATH) !== 0 && nhInfo(nh).nhCount === 1) {
    call_indirect<void>(opIndex(Op.NF_FORWARD_PATH_LEARN), changetype<usize>(skb), dev, at);
  }
  const eth = iph - ETH_HLEN;
  FastHop.header(neigh, eth);
  Nfct.reset(skb);
  FastXmit.xmit(skb, out, eth, head);
  return true;
}
