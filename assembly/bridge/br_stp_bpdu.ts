/** BPDUs in and out of a port. Linux: net/bridge/br_stp_bpdu.c. */
import { BrState } from '../abi/bridge';
import { SkbDropReason } from '../abi/drop_reason';
import { nfHook } from '../dev/nf_hook';
import { NetDevice } from '../dev/net_device';
import { devQueueXmit } from '../dev/xmit';
import { NFPROTO_BRIDGE, NetfilterHook } from '../net/hooks';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbPut } from '../skb/skbuff';
import {
  BPDU_CONFIG_LEN,
  BPDU_TCN_LEN,
  BPDU_TYPE_TCN,
  LLC_HLEN,
  LLC_STP,
  bpduType,
  checkBpdu,
  emitBpduConfig,
  emitBpduTcn,
  emitBpduTimes,
  emitLlcStp,
} from '../wire/bpdu';
import { ETH_HLEN, ETH_P_802_2 } from '../wire/ethernet';
import { WIRE_OK } from '../wire/check';
import { BR_BPDU_GUARD, BrPort, Bridge, brIsUp } from './br_private';
import { brReceivedConfigBpdu, brReceivedTcnBpdu } from './br_stp';
import { brStpDisablePort } from './br_stp_if';

/** IEEE 802.1D table 7-9: the bridge group address. */
const BRIDGE_GROUP = memory.data<u8>([0x01, 0x80, 0xc2, 0x00, 0x00, 0x00]);
/** Linux: TC_PRIO_CONTROL. */
const TC_PRIO_CONTROL: u32 = 7;

/** To 1/256 s. */
function ticksOfMs(ms: u32): u32 {
  return (ms << 8) / 1000;
}

/** Room for a BPDU of `bytes` with its headers; the address of the BPDU is skb.data + 17. */
function bpduAlloc(p: BrPort, bytes: u32): SkBuff | null {
  const made = allocSkb(ETH_HLEN + LLC_HLEN + BPDU_CONFIG_LEN);
  if (made === null) return null;
  const skb = made;
  const dev = changetype<NetDevice>(p.dev);
  const eth = skbPut(skb, ETH_HLEN + LLC_HLEN + bytes);
  memory.copy(eth, BRIDGE_GROUP, 6);
  store<u32>(eth, <u32>dev.addr, 6);
  store<u16>(eth, <u16>(dev.addr >> 32), 10);
  store<u16>(eth, bswap<u16>(<u16>(LLC_HLEN + bytes)), 12);
  emitLlcStp(eth + ETH_HLEN);
  skb.dev = p.dev;
  skb.protocol = <u16>ETH_P_802_2;
  skb.priority = TC_PRIO_CONTROL;
  skb.macHeader = eth;
  skb.networkHeader = eth + ETH_HLEN;
  return skb;
}

function send(p: BrPort, skb: SkBuff): void {
  const net = changetype<NetDevice>(p.dev).net;
  if (net.hookCount !== 0) {
    skb.data += ETH_HLEN;
    skb.len -= ETH_HLEN;
    if (!nfHook(net, NFPROTO_BRIDGE, NetfilterHook.LOCAL_OUT, skb, 0, p.dev)) return;
    skb.data -= ETH_HLEN;
    skb.len += ETH_HLEN;
  }
  devQueueXmit(skb);
}

/** A configuration BPDU of what the bridge takes for true, `age` ms old. */
export function brSendConfigBpdu(br: Bridge, p: BrPort, flags: u32, age: u32): void {
  if (br.stp === 0) return;
  const made = bpduAlloc(p, BPDU_CONFIG_LEN);
  if (made === null) return;
  const at = made.data + ETH_HLEN + LLC_HLEN;
  emitBpduConfig(at, flags, br.designatedRoot, br.rootPathCost, br.bridgeId, p.id);
  emitBpduTimes(
    at,
    ticksOfMs(age),
    ticksOfMs(br.maxAge),
    ticksOfMs(br.helloTime),
    ticksOfMs(br.forwardDelay),
  );
  send(p, made);
}

export function brSendTcnBpdu(p: BrPort): void {
  if (changetype<Bridge>(p.br).stp === 0) return;
  const made = bpduAlloc(p, BPDU_TCN_LEN);
  if (made === null) return;
  emitBpduTcn(made.data + ETH_HLEN + LLC_HLEN);
  send(p, made);
}

/** A frame to the bridge group address; owns the skb (data behind the Ethernet header). Linux: br_stp_rcv. */
export function brStpRcv(br: Bridge, p: BrPort, skb: SkBuff): void {
  const eth = skb.macHeader;
  // Its length field says how much of the frame is BPDU; the rest is padding.
  const length: u32 = bswap<u16>(load<u16>(eth, 12));
  if (length > skb.len || length < LLC_HLEN || !pskbMayPull(skb, min(length, LLC_HLEN + BPDU_CONFIG_LEN))) {
    kfreeSkbReason(skb, SkbDropReason.HDR_TRUNC);
    return;
  }
  const llc: u32 = <u32>load<u16>(skb.data) | ((<u32>load<u8>(skb.data, 2)) << 16);
  const bpdu = skb.data + LLC_HLEN;
  if (llc !== LLC_STP || checkBpdu(bpdu, length - LLC_HLEN) !== WIRE_OK) {
    kfreeSkbReason(skb, SkbDropReason.INVALID_PROTO);
    return;
  }
  if (!brIsUp(br) || p.state === <u8>BrState.DISABLED) {
    kfreeSkbReason(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
    return;
  }
  if ((p.flags & BR_BPDU_GUARD) !== 0) {
    // Nobody should speak here: the port is off until it is enabled again.
    kfreeSkbReason(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
    brStpDisablePort(p);
    return;
  }
  if (bpduType(bpdu) === BPDU_TYPE_TCN) brReceivedTcnBpdu(p);
  else brReceivedConfigBpdu(p, bpdu);
  consumeSkb(skb);
}
