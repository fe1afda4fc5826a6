/**
 * The short way of a bridge: a run of ordinary frames between stations that are both known, each straight into the
 * transmit ring of its port. What the whole way (br_input, br_forward) would do with such frames is done here in one
 * loop; the first frame that needs anything else ends the run.
 *
 * What stays the same from frame to frame (where the other port's ring is, how much of it is free, what is to be
 * counted) is in locals; the ring's head and the counters are written when the port changes, and at the end.
 */
import { BrState } from '../abi/bridge';
import { Port, TxDesc } from '../abi/layout';
import { FastXmit, fastXmitAllowed } from '../dev/fast_xmit';
import { IFF_PROMISC, NetDevice } from '../dev/net_device';
import { root } from '../lib/root';
import { CHECKSUM_PARTIAL, SKB_F_CLONED, SkBuff } from '../skb/sk_buff';
import { traceEvents } from '../skb/trace';
import { ETH_HLEN } from '../wire/ethernet';
import { FDB_LOCAL, FDB_TICK_SHIFT, Fdb, FdbEntry } from './br_fdb';
import { BR_ISOLATED, BR_LEARNING, BR_PORT_LOCKED, BrPort, Bridge, GROUP_BIT, MAC_MASK } from './br_private';

/** Headroom that the widest vnet header takes. */
const HEADROOM: u32 = 16;

/** Nothing but the addresses decides about frames from `p`. */
function fastAllowed(br: Bridge, p: BrPort, dev: NetDevice): bool {
  if (p.state !== <u8>BrState.FORWARDING || br.vlanFiltering !== 0 || br.learns === 0) return false;
  if (br.arpProxy !== 0) return false;
  if ((p.flags & (BR_LEARNING | BR_PORT_LOCKED)) !== BR_LEARNING) return false;
  if (root().trace !== 0 && traceEvents()) return false;
  return dev.net.hookCount === 0 && (changetype<NetDevice>(br.dev).flags & IFF_PROMISC) === 0;
}

/** Whether frames from `p` may go straight to the ring of `to`; remembered until the run's number changes. */
function qualify(p: BrPort, to: BrPort, run: u32): bool {
  if (to.state !== <u8>BrState.FORWARDING || (p.flags & to.flags & BR_ISOLATED) !== 0) return false;
  if (!fastXmitAllowed(changetype<NetDevice>(to.dev))) return false;
  to.burst = run;
  return true;
}

/** Sends frames of `p` from number `i` of the list on; returns the number of the first that has to go the whole way. */
export function brForwardRun(br: Bridge, p: BrPort, dev: NetDevice, list: usize, i: u32, n: u32): u32 {
  if (i === n || !fastAllowed(br, p, dev)) return i;
  const r = root();
  const tick = <u32>(r.now >> FDB_TICK_SHIFT);
  const run = ++r.burst;
  const buckets = br.fdbBuckets;
  const shift = br.fdbShift;
  const factor = br.fdbFactor;
  const from = changetype<usize>(p);
  // The port that the last frame went to: its ring from `head` to `end`, and what was put there since.
  let to: usize = 0;
  let out: usize = 0;
  let ring: usize = 0;
  let mask: u32 = 0;
  let vnet: u32 = 0;
  let mtu: u32 = 0;
  let head: u32 = 0;
  let end: u32 = 0;
  let frames: u32 = 0;
  let bytes: u64 = 0;
  for (; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    const eth = skb.macHeader;
    const dest = load<u64>(eth) & MAC_MASK;
    if ((dest & GROUP_BIT) !== 0) break;
    const heard = Fdb.find(buckets, shift, factor, load<u64>(eth, 4) >> 16);
    if (heard === 0) break;
    if (changetype<FdbEntry>(heard).dst !== from) break;
    const at = Fdb.find(buckets, shift, factor, dest);
    if (at === 0) break;
    const entry = changetype<FdbEntry>(at);
    if (((entry.flags | changetype<FdbEntry>(heard).flags) & FDB_LOCAL) !== 0) break;
    if (entry.dst !== to) {
      if (entry.dst === from) break;
      if (changetype<BrPort>(entry.dst).burst !== run) {
        if (!qualify(p, changetype<BrPort>(entry.dst), run)) break;
      }
      FastXmit.end(out, head, frames, bytes);
      frames = 0;
      bytes = 0;
      to = entry.dst;
      out = changetype<BrPort>(to).dev;
      mtu = changetype<NetDevice>(out).mtu;
      const port = changetype<NetDevice>(out).priv;
      ring = load<u32>(port, Port.TX_RING);
      mask = load<u32>(port, Port.TX_MASK);
      vnet = load<u32>(port, Port.VNET_HDR_LEN);
      head = load<u32>(port, Port.TX_HEAD);
      end = load<u32>(port, Port.TX_CLEAN) + mask + 1;
    }
    if (((skb.flags & SKB_F_CLONED) | skb.frags | <u32>skb.gsoSize | <u32>skb.vlanProto) !== 0) break;
    if (skb.ipSummed === CHECKSUM_PARTIAL) break;
    if (skb.len > mtu) break;
    if (head === end) break;
    if (eth - skb.head < HEADROOM) break;

    if (changetype<FdbEntry>(heard).updated !== tick) changetype<FdbEntry>(heard).updated = tick;
    if (entry.used !== tick) entry.used = tick;
    const len = skb.len + ETH_HLEN;
    FastXmit.put(skb, out, eth, len, vnet, ring + (head & mask) * TxDesc.SIZE);
    head++;
    frames++;
    bytes += len;
  }
  FastXmit.end(out, head, frames, bytes);
  return i;
}
