/**
 * The spanning tree: which ports forward, so that no loop does. IEEE 802.1D-1998 8.6, whose procedures have their names
 * here; Linux: net/bridge/br_stp.c.
 *
 *   DISABLED ── enabled ──► BLOCKING ◄─── not root, not designated ───┐
 *                              └─ root or designated ─► LISTENING ─ forward delay ─► LEARNING ─ forward delay ─► FORWARDING
 *
 * Without it (stp 0) an enabled port goes to FORWARDING at once. Identifiers are numbers whose order is the standard's;
 * times are ms, those on the wire 1/256 s.
 */
import { BrAttr, BrState } from '../abi/bridge';
import { TraceKind } from '../abi/trace';
import { NetDevice, devSetCarrier, notifyLink } from '../dev/net_device';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerPending } from '../lib/timer_wheel';
import { traceEvent } from '../skb/trace';
import {
  BPDU_F_TOPOLOGY_CHANGE,
  BPDU_F_TOPOLOGY_CHANGE_ACK,
  bpduBridgeId,
  bpduFlags,
  bpduForwardDelay,
  bpduHelloTime,
  bpduMaxAge,
  bpduMessageAge,
  bpduPortId,
  bpduRootId,
  bpduRootPathCost,
} from '../wire/bpdu';
import { fdbSetHold } from './br_fdb';
import { multicastDisablePort, multicastEnablePort } from './br_multicast';
import {
  BR_ROOT_BLOCK,
  BrPort,
  BrPortTimer,
  BrTimer,
  Bridge,
  brAttr,
  brGetPort,
  brIsUp,
  brTimer,
  portTimer,
} from './br_private';
import { brSendConfigBpdu, brSendTcnBpdu } from './br_stp_bpdu';

const NS_PER_MS: u64 = 1_000_000;
/** 802.1D table 8-3: Hold Time. */
const BR_HOLD_TIME_MS: u32 = 1000;
/** 1/256 s: what a bridge adds to the age of what it passes on. */
const MESSAGE_AGE_INCR_MS: u32 = 4;

export function nowMs(): u64 {
  return root().now / NS_PER_MS;
}

export function startTimer(at: usize, ms: u32): void {
  timerAdd(changetype<Timer>(at), root().now + <u64>ms * NS_PER_MS);
}

export function stopTimer(at: usize): bool {
  return timerDel(changetype<Timer>(at));
}

/** Every change of a port's state goes through here. */
export function brSetState(p: BrPort, state: BrState): void {
  if (p.state === <u8>state) return;
  if (root().trace !== 0) traceEvent(TraceKind.BRIDGE_STATE, state, 0, p.dev, p.state, 0);
  p.state = <u8>state;
  notifyLink(changetype<NetDevice>(p.dev), false);
}

export function brIsRootBridge(br: Bridge): bool {
  return br.bridgeId === br.designatedRoot;
}

export function brIsDesignatedPort(p: BrPort): bool {
  const br = changetype<Bridge>(p.br);
  return p.designatedBridge === br.bridgeId && p.designatedPort === p.id;
}

/** 8.6.8.3.1: is `p` a better way to the root than the port `rootPort` (0: none yet)? */
function shouldBecomeRootPort(p: BrPort, rootPort: usize): bool {
  const br = changetype<Bridge>(p.br);
  if (p.state === <u8>BrState.DISABLED || brIsDesignatedPort(p)) return false;
  if (br.bridgeId <= p.designatedRoot) return false;
  if (rootPort === 0) return true;
  const rp = changetype<BrPort>(rootPort);
  if (p.designatedRoot !== rp.designatedRoot) return p.designatedRoot < rp.designatedRoot;
  const cost = p.designatedCost + p.pathCost;
  const other = rp.designatedCost + rp.pathCost;
  if (cost !== other) return cost < other;
  if (p.designatedBridge !== rp.designatedBridge) return p.designatedBridge < rp.designatedBridge;
  if (p.designatedPort !== rp.designatedPort) return p.designatedPort < rp.designatedPort;
  return p.id < rp.id;
}

/** 8.6.8: selects the root and the port that leads to it. */
function rootSelection(br: Bridge): void {
  let best: usize = 0;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    if (!shouldBecomeRootPort(p, best)) continue;
    if ((p.flags & BR_ROOT_BLOCK) !== 0) rootBlock(p);
    else best = at;
  }
  if (best === 0) {
    br.rootPort = 0;
    br.designatedRoot = br.bridgeId;
    br.rootPathCost = 0;
    return;
  }
  const p = changetype<BrPort>(best);
  br.rootPort = p.no;
  br.designatedRoot = p.designatedRoot;
  br.rootPathCost = p.designatedCost + p.pathCost;
}

/** Linux: br_root_port_block. */
function rootBlock(p: BrPort): void {
  brSetState(p, BrState.LISTENING);
  const br = changetype<Bridge>(p.br);
  if (br.forwardDelay > 0) startTimer(portTimer(p, BrPortTimer.FORWARD_DELAY), br.forwardDelay);
}

/** The bridge takes the times that it was given itself. Linux: br_become_root_bridge. */
export function brBecomeRootBridge(br: Bridge): void {
  br.maxAge = brAttr(br, BrAttr.MAX_AGE) * 10;
  br.helloTime = brAttr(br, BrAttr.HELLO_TIME) * 10;
  br.forwardDelay = brAttr(br, BrAttr.FORWARD_DELAY) * 10;
  brTopologyChangeDetection(br);
  stopTimer(brTimer(br, BrTimer.TCN));
  if (!brIsUp(br)) return;
  brConfigBpduGeneration(br);
  startTimer(brTimer(br, BrTimer.HELLO), br.helloTime);
}

/** 8.6.1: a configuration BPDU, now or when the hold timer has run out. */
export function brTransmitConfig(p: BrPort): void {
  const hold = portTimer(p, BrPortTimer.HOLD);
  if (timerPending(changetype<Timer>(hold))) {
    p.configPending = 1;
    return;
  }
  const br = changetype<Bridge>(p.br);
  let age: u32 = 0;
  if (!brIsRootBridge(br)) {
    const rp = brGetPort(br, br.rootPort);
    if (rp !== null) age = <u32>(nowMs() - rp.designatedAge) + MESSAGE_AGE_INCR_MS;
  }
  if (age >= br.maxAge) return;
  const flags =
    (br.topologyChange !== 0 ? BPDU_F_TOPOLOGY_CHANGE : 0) |
    (p.topologyChangeAck !== 0 ? BPDU_F_TOPOLOGY_CHANGE_ACK : 0);
  brSendConfigBpdu(br, p, flags, age);
  p.topologyChangeAck = 0;
  p.configPending = 0;
  if (br.stp !== 0) startTimer(hold, BR_HOLD_TIME_MS);
}

/** From 1/256 s, rounded up. */
function msOfTicks(ticks: u32): u32 {
  return (ticks * 1000 + 255) >> 8;
}

/** 8.6.2 */
function recordConfigInformation(p: BrPort, bpdu: usize): void {
  const age = msOfTicks(bpduMessageAge(bpdu));
  p.designatedRoot = bpduRootId(bpdu);
  p.designatedCost = bpduRootPathCost(bpdu);
  p.designatedBridge = bpduBridgeId(bpdu);
  p.designatedPort = <u16>bpduPortId(bpdu);
  p.designatedAge = nowMs() - age;
  const maxAge = msOfTicks(bpduMaxAge(bpdu));
  startTimer(portTimer(p, BrPortTimer.MESSAGE_AGE), maxAge > age ? maxAge - age : 0);
}

/** 8.6.3 */
function recordConfigTimeoutValues(br: Bridge, bpdu: usize): void {
  br.maxAge = msOfTicks(bpduMaxAge(bpdu));
  br.helloTime = msOfTicks(bpduHelloTime(bpdu));
  br.forwardDelay = msOfTicks(bpduForwardDelay(bpdu));
  setTopologyChange(br, (bpduFlags(bpdu) & BPDU_F_TOPOLOGY_CHANGE) !== 0);
}

/** 8.6.6: towards the root, every hello time until it is acknowledged. */
export function brTransmitTcn(br: Bridge): void {
  const p = brGetPort(br, br.rootPort);
  if (p !== null) brSendTcnBpdu(p);
}

/** 8.6.10.3.1: is this bridge nearer to the root than who is heard on the segment of `p`? */
function shouldBecomeDesignatedPort(p: BrPort): bool {
  const br = changetype<Bridge>(p.br);
  if (brIsDesignatedPort(p)) return true;
  if (p.designatedRoot !== br.designatedRoot) return true;
  if (br.rootPathCost !== p.designatedCost) return br.rootPathCost < p.designatedCost;
  if (br.bridgeId !== p.designatedBridge) return br.bridgeId < p.designatedBridge;
  return p.id < p.designatedPort;
}

/** 8.6.10 */
function designatedPortSelection(br: Bridge): void {
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    if (p.state !== <u8>BrState.DISABLED && shouldBecomeDesignatedPort(p)) brBecomeDesignatedPort(p);
  }
}

/** 8.6.2.2: does the message say better than what the port holds? */
function supersedesPortInfo(p: BrPort, bpdu: usize): bool {
  const rootId = bpduRootId(bpdu);
  if (rootId !== p.designatedRoot) return rootId < p.designatedRoot;
  const cost = bpduRootPathCost(bpdu);
  if (cost !== p.designatedCost) return cost < p.designatedCost;
  const bridge = bpduBridgeId(bpdu);
  if (bridge !== p.designatedBridge) return bridge < p.designatedBridge;
  if (bridge !== changetype<Bridge>(p.br).bridgeId) return true;
  return bpduPortId(bpdu) <= <u32>p.designatedPort;
}

/** 8.6.14 */
export function brTopologyChangeDetection(br: Bridge): void {
  if (br.stp === 0) return;
  if (brIsRootBridge(br)) {
    setTopologyChange(br, true);
    const ms = (brAttr(br, BrAttr.FORWARD_DELAY) + brAttr(br, BrAttr.MAX_AGE)) * 10;
    startTimer(brTimer(br, BrTimer.TOPOLOGY_CHANGE), ms);
  } else if (br.topologyChangeDetected === 0) {
    brTransmitTcn(br);
    startTimer(brTimer(br, BrTimer.TCN), brAttr(br, BrAttr.HELLO_TIME) * 10);
  }
  br.topologyChangeDetected = 1;
}

/** 7.9.2: while the topology changes, what was learned is forgotten after the forward delay. */
export function setTopologyChange(br: Bridge, on: bool): void {
  if ((br.topologyChange !== 0) === on) return;
  br.topologyChange = <u8>on;
  fdbSetHold(br, on && br.stp !== 0 ? br.forwardDelay : br.ageingTime);
}

/** 8.6.4 */
export function brConfigBpduGeneration(br: Bridge): void {
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    if (p.state !== <u8>BrState.DISABLED && brIsDesignatedPort(p)) brTransmitConfig(p);
  }
}

/** 8.6.7 */
export function brConfigurationUpdate(br: Bridge): void {
  rootSelection(br);
  designatedPortSelection(br);
}

/** 8.6.11 */
export function brBecomeDesignatedPort(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  p.designatedRoot = br.designatedRoot;
  p.designatedCost = br.rootPathCost;
  p.designatedBridge = br.bridgeId;
  p.designatedPort = p.id;
}

/** 8.6.13 */
function makeBlocking(p: BrPort): void {
  if (p.state === <u8>BrState.DISABLED || p.state === <u8>BrState.BLOCKING) return;
  if (p.state === <u8>BrState.FORWARDING || p.state === <u8>BrState.LEARNING)
    brTopologyChangeDetection(changetype<Bridge>(p.br));
  brSetState(p, BrState.BLOCKING);
  stopTimer(portTimer(p, BrPortTimer.FORWARD_DELAY));
}

/** 8.6.12 */
function makeForwarding(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  if (p.state !== <u8>BrState.BLOCKING) return;
  if (br.stp === 0 || br.forwardDelay === 0) {
    brSetState(p, BrState.FORWARDING);
    brTopologyChangeDetection(br);
    stopTimer(portTimer(p, BrPortTimer.FORWARD_DELAY));
  } else {
    brSetState(p, BrState.LISTENING);
  }
  multicastEnablePort(p);
  if (br.forwardDelay !== 0 && br.stp !== 0)
    startTimer(portTimer(p, BrPortTimer.FORWARD_DELAY), br.forwardDelay);
}

/** 8.6.11: every port's state follows from its role. The bridge has carrier while a port forwards. */
export function brPortStateSelection(br: Bridge): void {
  let live: u32 = 0;
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    if (p.state === <u8>BrState.DISABLED) continue;
    if (br.stp === 0) {
      p.configPending = 0;
      p.topologyChangeAck = 0;
      makeForwarding(p);
    } else if (p.no === br.rootPort) {
      p.configPending = 0;
      p.topologyChangeAck = 0;
      makeForwarding(p);
    } else if (brIsDesignatedPort(p)) {
      stopTimer(portTimer(p, BrPortTimer.MESSAGE_AGE));
      makeForwarding(p);
    } else {
      p.configPending = 0;
      p.topologyChangeAck = 0;
      makeBlocking(p);
    }
    if (p.state !== <u8>BrState.BLOCKING) multicastEnablePort(p);
    // Forwarding may have come about in makeForwarding.
    if (p.state === <u8>BrState.FORWARDING) live++;
  }
  devSetCarrier(changetype<NetDevice>(br.dev), live !== 0);
}

/** 8.7.1 */
export function brReceivedConfigBpdu(p: BrPort, bpdu: usize): void {
  const br = changetype<Bridge>(p.br);
  const wasRoot = brIsRootBridge(br);
  if (supersedesPortInfo(p, bpdu)) {
    recordConfigInformation(p, bpdu);
    brConfigurationUpdate(br);
    brPortStateSelection(br);
    if (!brIsRootBridge(br) && wasRoot) {
      stopTimer(brTimer(br, BrTimer.HELLO));
      if (br.topologyChangeDetected !== 0) {
        stopTimer(brTimer(br, BrTimer.TOPOLOGY_CHANGE));
        brTransmitTcn(br);
        startTimer(brTimer(br, BrTimer.TCN), brAttr(br, BrAttr.HELLO_TIME) * 10);
      }
    }
    if (p.no === br.rootPort) {
      recordConfigTimeoutValues(br, bpdu);
      brConfigBpduGeneration(br);
      if ((bpduFlags(bpdu) & BPDU_F_TOPOLOGY_CHANGE_ACK) !== 0) {
        // 8.6.15: the root's side has heard of the change.
        br.topologyChangeDetected = 0;
        stopTimer(brTimer(br, BrTimer.TCN));
      }
    }
  } else if (brIsDesignatedPort(p)) {
    // 8.6.5: somebody on the segment knows less.
    brTransmitConfig(p);
  }
}

/** 8.7.2 */
export function brReceivedTcnBpdu(p: BrPort): void {
  if (!brIsDesignatedPort(p)) return;
  brTopologyChangeDetection(changetype<Bridge>(p.br));
  // 8.6.16
  p.topologyChangeAck = 1;
  brTransmitConfig(p);
}

/** What is to go with a port that is disabled. */
export function brStpForgetPort(p: BrPort): void {
  stopTimer(portTimer(p, BrPortTimer.MESSAGE_AGE));
  stopTimer(portTimer(p, BrPortTimer.FORWARD_DELAY));
  stopTimer(portTimer(p, BrPortTimer.HOLD));
  multicastDisablePort(p);
}
