/**
 * The end of the short ways (ipv4/ip_forward_fast, bridge/br_input): an ordinary skb straight into the transmit ring of
 * an idle port, with the counters that devQueueXmit, the qdisc and portXmit would have moved.
 */
import { Port, TxDesc } from '../abi/layout';
import { Op } from '../abi/ops';
import { SkBuff } from '../skb/sk_buff';
import { ETH_HLEN } from '../wire/ethernet';
import { NetDevice, netifRunning } from './net_device';
import { Qdisc, qdiscEmpty } from './qdisc';

/** True for a port whose queue is empty and into which nobody looks: nothing stands before its ring. */
export function fastXmitAllowed(out: NetDevice): bool {
  if (out.xmitOp !== Op.XMIT_PORT || out.egressHooks !== 0 || !netifRunning(out)) return false;
  return out.qdisc !== 0 && qdiscEmpty(changetype<Qdisc>(out.qdisc));
}

/** A class, because only a method may be marked for inlining. */
export class FastXmit {
  /** No descriptor is free in the ring of `port`, whose TX_HEAD is `head`. */
  @inline
  static full(port: usize, head: u32): bool {
    return head - load<u32>(port, Port.TX_CLEAN) > load<u32>(port, Port.TX_MASK);
  }

  /** The end of a run: frames were put into the ring of `out`, up to `head`. */
  @inline
  static end(out: usize, head: u32, frames: u32, bytes: u64): void {
    if (frames !== 0) {
      store<u32>(changetype<NetDevice>(out).priv, head, Port.TX_HEAD);
      FastXmit.count(changetype<NetDevice>(out), frames, bytes);
    }
  }

  /** Sends a linear skb with `data` at the network header and its Ethernet header, complete, at `eth`; there is room. */
  @inline
  static xmit(skb: SkBuff, out: NetDevice, eth: usize, head: u32): void {
    const port = out.priv;
    const len = skb.len + ETH_HLEN;
    const vnet = load<u32>(port, Port.VNET_HDR_LEN);
    const desc = load<u32>(port, Port.TX_RING) + (head & load<u32>(port, Port.TX_MASK)) * TxDesc.SIZE;
    FastXmit.put(skb, changetype<usize>(out), eth, len, vnet, desc);
    store<u32>(port, head + 1, Port.TX_HEAD);
    FastXmit.count(out, 1, len);
  }

  /** What was sent, where devQueueXmit and portXmit would have counted it. */
  @inline
  static count(out: NetDevice, frames: u32, bytes: u64): void {
    out.txPackets += frames;
    out.txBytes += bytes;
    const q = changetype<Qdisc>(out.qdisc);
    q.packets += frames;
    q.bytes += bytes;
  }

  /** The skb, now `len` bytes from `eth`, into the descriptor, behind an empty vnet header where the port has one. */
  @inline
  static put(skb: SkBuff, out: usize, eth: usize, len: u32, vnet: u32, desc: usize): void {
    skb.data = eth;
    skb.len = len;
    skb.dev = out;
    const start = eth - vnet;
    if (vnet !== 0) {
      // A header of zeros: nothing is left for the device to do.
      store<u64>(start, 0);
      store<u16>(start, 0, 8);
      if (vnet > 10) store<u16>(start, 0, 10);
    }
    store<u32>(desc, start, TxDesc.BUF);
    store<u32>(desc, len + vnet, TxDesc.LEN);
    store<u32>(desc, 0, TxDesc.FRAGS);
    store<u32>(desc, changetype<usize>(skb), TxDesc.SKB);
  }
}
