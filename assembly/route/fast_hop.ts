/**
 * What the short ways of both families share (ipv4/ip_forward_fast, ipv6/ip6_forward_fast): which routes and which skbs
 * are ordinary.
 */
import { fastXmitAllowed } from '../dev/fast_xmit';
import { NetDevice } from '../dev/net_device';
import { root } from '../lib/root';
import { NUD_CONNECTED, Neighbour } from '../neigh/neighbour';
import { CHECKSUM_PARTIAL, SKB_F_CLONED, SkBuff, SkbWord } from '../skb/sk_buff';
import { ALIAS_TAG, FibInfo, FibNh, RtType, fibNh } from './fib';

/** Headroom that the MAC header and the widest vnet header take. */
export const FAST_HEADROOM: u32 = 32;

/**
 * Whether a route is fit for packets from `dev`: unicast, each of its next hops a gateway of its family that is reachable
 * now, out of another device, which is an idle port. Holds for the burst, and is remembered in the route until its end.
 */
function qualify(info: FibInfo, dev: usize): bool {
  if (!FastHop.ordinary(info)) return false;
  for (let i: u32 = 0; i < info.nhCount; i++) if (!fitHop(fibNh(info, i), info.family, dev)) return false;
  info.burst = root().burst;
  return true;
}

function fitHop(nh: FibNh, family: u32, dev: usize): bool {
  if (nh.flags !== 0) return false;
  if (nh.gwFamily !== <u8>family || nh.neigh === 0 || nh.dev === dev) return false;
  const neigh = changetype<Neighbour>(nh.neigh);
  if (neigh.dead !== 0 || (<u32>neigh.nudState & NUD_CONNECTED) === 0) return false;
  return fastXmitAllowed(changetype<NetDevice>(nh.dev));
}

/** What of this poll comes in by `dev` is one burst: routes found fit stay so in it. */
export function fastBurst(dev: usize): void {
  const r = root();
  if (r.burstDev === dev) return;
  r.burstDev = dev;
  r.burst++;
}

/** A class, because only a method may be marked for inlining. */
export class FastHop {
  /** Whether what the FIB holds for a destination is one route, fit for packets from `dev` in this burst. */
  @inline
  static fit(value: u32, dev: usize, burst: u32): bool {
    if (value === 0) return false;
    if ((value & ALIAS_TAG) !== 0) return false;
    if (changetype<FibInfo>(value).burst === burst) return true;
    return qualify(changetype<FibInfo>(value), dev);
  }

  /** Unicast, and nothing of its own to be heeded. */
  static ordinary(info: FibInfo): bool {
    if (info.type !== <u8>RtType.UNICAST || info.nhCount === 0) return false;
    return info.mtu === 0 && info.tos === 0 && info.expires === 0;
  }

  /** Whether a packet is for this host, linear, nobody else's, one frame, with its checksum made. */
  @inline
  static plain(skb: SkBuff): bool {
    // PACKET_HOST is 0, and CHECKSUM_PARTIAL the greatest of its kind.
    const types = SkbWord.types(skb);
    if ((types & 0xff) !== 0) return false;
    if (types >= (<u32>CHECKSUM_PARTIAL) << 8) return false;
    if (((skb.flags & SKB_F_CLONED) | skb.frags | <u32>skb.gsoSize) !== 0) return false;
    return skb.data - skb.head >= FAST_HEADROOM;
  }

  /** The neighbour's Ethernet header at `eth`, and nothing before it: that is another line of the cache. */
  @inline
  static header(neigh: Neighbour, eth: usize): void {
    store<u64>(eth, neigh.hh0);
    store<u64>(eth, neigh.hh1, 6);
  }
}
