/**
 * netif_receive_skb_list: from the device to the receivers of the packets' protocols (packet_type), the ingress hook
 * in between. Runs of packets with one ethertype go up as one list. Linux: net/core/dev.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { NetfilterHook } from '../net/hooks';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { NetDevice } from './net_device';
import { nfHookDevice } from './nf_hook';
import { SCRATCH_PROTO, scratchList } from './scratch';

const ETH_P_IP: u16 = 0x0800;
const ETH_P_ARP: u16 = 0x0806;
const ETH_P_IPV6: u16 = 0x86dd;

/** The op that receives packets of an ethertype, NONE when nobody does. */
function packetTypeOp(protocol: u16): u32 {
  if (protocol === ETH_P_IP) return Op.RCV_IPV4;
  if (protocol === ETH_P_IPV6) return Op.RCV_IPV6;
  if (protocol === ETH_P_ARP) return Op.RCV_ARP;
  return Op.NONE;
}

/** Takes `n` skbs of `dev` at `list` (u32 pointers), all with `data` at the network header. */
export function netifReceiveSkbList(dev: NetDevice, list: usize, n: u32): void {
  if (dev.ingressHooks !== 0) n = ingress(dev, list, n);
  let i: u32 = 0;
  while (i < n) {
    const protocol = changetype<SkBuff>(load<u32>(list + (i << 2))).protocol;
    let end = i + 1;
    while (end < n && changetype<SkBuff>(load<u32>(list + (end << 2))).protocol === protocol) end++;
    const fn = opIndex(packetTypeOp(protocol));
    if (fn !== 0) call_indirect<void>(fn, list + (i << 2), end - i);
    else dropRun(list, i, end);
    i = end;
  }
}

function dropRun(list: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    changetype<NetDevice>(skb.dev).rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.UNHANDLED_PROTO);
  }
}

/** Runs the ingress hooks of the device; returns how many packets go on, in place. */
function ingress(dev: NetDevice, list: usize, n: u32): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (!nfHookDevice(dev.ingressHooks, NetfilterHook.NETDEV_INGRESS, skb, dev.net)) continue;
    store<u32>(list + (kept++ << 2), changetype<usize>(skb));
  }
  return kept;
}

/** One packet, behind the ingress hook: what a hook had queued there. */
export function netifReceiveSkb(skb: SkBuff): void {
  const fn = opIndex(packetTypeOp(skb.protocol));
  if (fn === 0) {
    changetype<NetDevice>(skb.dev).rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.UNHANDLED_PROTO);
    return;
  }
  const list = scratchList(SCRATCH_PROTO);
  store<u32>(list, changetype<usize>(skb));
  call_indirect<void>(fn, list, <u32>1);
}
