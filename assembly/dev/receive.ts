/**
 * netif_receive_skb_list: from the device to the receivers of the packets' protocols (packet_type), the ingress hook
 * in between. Runs of packets with one ethertype go up as one list. Linux: net/core/dev.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { NetfilterHook } from '../net/hooks';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff, SkbWord } from '../skb/sk_buff';
import { NetDevice } from './net_device';
import { nfHookDevice } from './nf_hook';
import { SCRATCH_PROTO, scratchList } from './scratch';
import { skbTagged, skbVlanUntag, vlanDoReceive, vlanUnknown } from './vlan_core';

const ETH_P_IP: u32 = 0x0800;
const ETH_P_ARP: u32 = 0x0806;
const ETH_P_IPV6: u32 = 0x86dd;
const ETH_P_8021Q: u32 = 0x8100;
const ETH_P_8021AD: u32 = 0x88a8;

/** The op that receives packets of an ethertype, NONE when nobody does. */
function packetTypeOp(protocol: u32): u32 {
  if (protocol === ETH_P_IP) return Op.RCV_IPV4;
  if (protocol === ETH_P_IPV6) return Op.RCV_IPV6;
  if (protocol === ETH_P_ARP) return Op.RCV_ARP;
  return Op.NONE;
}

/**
 * Takes `n` skbs of `dev` at `list` (u32 pointers), all with `data` at the network header.
 *
 *   sink of pktgen ─► tag off ─► ingress hooks ─► VLAN devices ─► rx_handler (bridge, bond, macvlan) ─► packet_type
 */
export function netifReceiveSkbList(dev: NetDevice, list: usize, n: u32): void {
  if ((dev.ingressHooks | dev.rxHandler | dev.sink) !== 0) n = special(dev, list, n);
  let i: u32 = 0;
  while (i < n) {
    // The ethertype, and above it that of a VLAN tag: a tagged packet has no receiver.
    const protocols = SkbWord.protocols(changetype<SkBuff>(load<u32>(list + (i << 2))));
    let end = i + 1;
    while (end < n && SkbWord.protocols(changetype<SkBuff>(load<u32>(list + (end << 2)))) === protocols)
      end++;
    const fn = opIndex(packetTypeOp(protocols));
    if (fn !== 0) call_indirect<void>(fn, list + (i << 2), end - i);
    else otherRun(dev, list + (i << 2), end - i);
    i = end;
  }
}

/** A device that somebody looks into: the same, in the order in which Linux does it. Returns how many go on, in place. */
function special(dev: NetDevice, list: usize, n: u32): u32 {
  if (dev.sink !== 0) n = call_indirect<u32>(opIndex(Op.PKTGEN_RCV), list, n, changetype<usize>(dev));
  n = untag(list, n);
  if (dev.ingressHooks !== 0) n = ingress(dev, list, n);
  if (dev.vlans !== 0) n = takeVlans(dev, list, n);
  const fn = opIndex(dev.rxHandler);
  if (fn !== 0 && n !== 0) n = call_indirect<u32>(fn, list, n, changetype<usize>(dev));
  return n;
}

/** Takes the tags out of the frames that have one; returns how many packets are left. */
function untag(list: usize, n: u32): u32 {
  let kept: u32 = 0;
  // Nearly always none has one: nothing is written then.
  while (kept < n) {
    const protocols = SkbWord.protocols(changetype<SkBuff>(load<u32>(list + (kept << 2))));
    if ((<u32>(protocols === ETH_P_8021Q) | <u32>(protocols === ETH_P_8021AD)) !== 0) break;
    kept++;
  }
  for (let i = kept; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (skb.vlanProto === 0 && skbTagged(skb) && !skbVlanUntag(skb)) continue;
    store<u32>(list + (kept++ << 2), changetype<usize>(skb));
  }
  return kept;
}

/** Gives what is for VLAN devices to them. Returns how many are left, in place. */
function takeVlans(dev: NetDevice, list: usize, n: u32): u32 {
  let kept: u32 = 0;
  let i: u32 = 0;
  while (i < n) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    let end = i + 1;
    if (skb.vlanProto !== 0) {
      while (end < n && changetype<SkBuff>(load<u32>(list + (end << 2))).vlanProto !== 0) end++;
      const rest = vlanDoReceive(dev, list + (i << 2), end - i);
      for (let k: u32 = 0; k < rest; k++) store<u32>(list + (kept++ << 2), load<u32>(list + ((i + k) << 2)));
    } else {
      store<u32>(list + (kept++ << 2), changetype<usize>(skb));
    }
    i = end;
  }
  return kept;
}

/** Packets of no registered protocol: tagged ones, which get to a VLAN device or to nobody, or unknown ones. */
function otherRun(dev: NetDevice, list: usize, n: u32): void {
  const first = changetype<SkBuff>(load<u32>(list));
  if (first.vlanProto === 0 && !skbTagged(first)) {
    dropRun(list, 0, n);
    return;
  }
  n = untag(list, n);
  if (dev.vlans !== 0) n = takeVlans(dev, list, n);
  n = vlanUnknown(dev, list, n);
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

/** One packet, behind the ingress hooks: what a hook had queued there. */
export function netifReceiveSkb(skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  const list = scratchList(SCRATCH_PROTO);
  store<u32>(list, changetype<usize>(skb));
  let n: u32 = dev.vlans === 0 ? 1 : takeVlans(dev, list, 1);
  const handler = opIndex(dev.rxHandler);
  if (handler !== 0 && n !== 0) n = call_indirect<u32>(handler, list, n, changetype<usize>(dev));
  if (n === 0) return;
  const fn = opIndex(packetTypeOp(SkbWord.protocols(changetype<SkBuff>(load<u32>(list)))));
  if (fn !== 0) call_indirect<void>(fn, list, n);
  else otherRun(dev, list, n);
}
