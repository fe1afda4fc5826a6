/**
 * The spanning tree switched on and off, ports joining and leaving it, identifiers and costs. Linux: net/bridge/br_stp_if.c.
 */
import { BrAttr, BrState } from '../abi/bridge';
import { NetDevice, netifRunning } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { Op } from '../abi/ops';
import { Timer, timerSetup } from '../lib/timer_wheel';
import { fdbDeleteByPort, fdbSetHold } from './br_fdb';
import {
  BR_ADMIN_COST,
  BrPort,
  BrPortTimer,
  BrTimer,
  Bridge,
  brAttr,
  brAttrStore,
  brIsUp,
  brTimer,
  macNumber,
  portTimer,
} from './br_private';
import {
  brBecomeDesignatedPort,
  brBecomeRootBridge,
  brConfigBpduGeneration,
  brConfigurationUpdate,
  brIsDesignatedPort,
  brIsRootBridge,
  brPortStateSelection,
  brSetState,
  brStpForgetPort,
  brTopologyChangeDetection,
  brTransmitConfig,
  brTransmitTcn,
  setTopologyChange,
  startTimer,
  stopTimer,
} from './br_stp';

/** 16 bits of a port identifier: four of priority, then the number (802.1D-2004 9.2.7, as Linux does). */
const PORT_BITS: u32 = 10;

export function makePortId(priority: u32, no: u32): u16 {
  return <u16>(no | (priority << PORT_BITS));
}

/** A port as it is when it joins. Linux: br_init_port. */
export function brInitPort(p: BrPort): void {
  p.id = makePortId(p.priority, p.no);
  brBecomeDesignatedPort(p);
  brSetState(p, BrState.BLOCKING);
  p.topologyChangeAck = 0;
  p.configPending = 0;
}

export function brStpPortTimers(p: BrPort): void {
  timerSetup(
    changetype<Timer>(portTimer(p, BrPortTimer.MESSAGE_AGE)),
    Op.TIMER_BR_MESSAGE_AGE,
    changetype<usize>(p),
  );
  timerSetup(
    changetype<Timer>(portTimer(p, BrPortTimer.FORWARD_DELAY)),
    Op.TIMER_BR_FORWARD_DELAY,
    changetype<usize>(p),
  );
  timerSetup(changetype<Timer>(portTimer(p, BrPortTimer.HOLD)), Op.TIMER_BR_HOLD, changetype<usize>(p));
}

export function brStpTimers(br: Bridge): void {
  timerSetup(changetype<Timer>(brTimer(br, BrTimer.HELLO)), Op.TIMER_BR_HELLO, changetype<usize>(br));
  timerSetup(changetype<Timer>(brTimer(br, BrTimer.TCN)), Op.TIMER_BR_TCN, changetype<usize>(br));
  timerSetup(
    changetype<Timer>(brTimer(br, BrTimer.TOPOLOGY_CHANGE)),
    Op.TIMER_BR_TOPOLOGY_CHANGE,
    changetype<usize>(br),
  );
  timerSetup(changetype<Timer>(brTimer(br, BrTimer.GC)), Op.TIMER_BR_GC, changetype<usize>(br));
}

/** The bridge device goes up. */
export function brStpEnableBridge(br: Bridge): void {
  if (br.stp !== 0) startTimer(brTimer(br, BrTimer.HELLO), br.helloTime);
  brConfigBpduGeneration(br);
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    if (netifRunning(changetype<NetDevice>(p.dev))) brStpEnablePort(p);
  }
}

/** The bridge device goes down. */
export function brStpDisableBridge(br: Bridge): void {
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    if (p.state !== <u8>BrState.DISABLED) brStpDisablePort(p);
  }
  setTopologyChange(br, false);
  br.topologyChangeDetected = 0;
  stopTimer(brTimer(br, BrTimer.HELLO));
  stopTimer(brTimer(br, BrTimer.TOPOLOGY_CHANGE));
  stopTimer(brTimer(br, BrTimer.TCN));
}

/** The port's link came up. Linux: br_stp_enable_port. */
export function brStpEnablePort(p: BrPort): void {
  brInitPort(p);
  brPortStateSelection(changetype<Bridge>(p.br));
}

/** The port's link went; also what BPDU guard does. */
export function brStpDisablePort(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  const wasRoot = brIsRootBridge(br);
  brBecomeDesignatedPort(p);
  brSetState(p, BrState.DISABLED);
  p.topologyChangeAck = 0;
  p.configPending = 0;
  brStpForgetPort(p);
  fdbDeleteByPort(br, p, false);
  brConfigurationUpdate(br);
  brPortStateSelection(br);
  if (brIsRootBridge(br) && !wasRoot) brBecomeRootBridge(br);
}

/** stp_state. Linux: br_stp_start, br_stp_stop. */
export function brStpSet(br: Bridge, on: bool): void {
  if ((br.stp !== 0) === on) return;
  br.stp = <u8>on;
  brAttrStore(br, BrAttr.STP_STATE, <u32>on);
  if (on) {
    // Ports that forward already take part from here: those that must not are blocked by what is heard.
    if (brIsUp(br)) startTimer(brTimer(br, BrTimer.HELLO), br.helloTime);
    brPortStateSelection(br);
    brConfigBpduGeneration(br);
    return;
  }
  stopTimer(brTimer(br, BrTimer.HELLO));
  stopTimer(brTimer(br, BrTimer.TOPOLOGY_CHANGE));
  stopTimer(brTimer(br, BrTimer.TCN));
  setTopologyChange(br, false);
  br.topologyChangeDetected = 0;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    stopTimer(portTimer(p, BrPortTimer.FORWARD_DELAY));
    stopTimer(portTimer(p, BrPortTimer.MESSAGE_AGE));
    if (p.state === <u8>BrState.LISTENING || p.state === <u8>BrState.LEARNING)
      brSetState(p, BrState.BLOCKING);
  }
  brPortStateSelection(br);
}

/** The lower 48 bits of the bridge identifier are its MAC. */
export function brStpChangeBridgeId(br: Bridge, mac: u64): void {
  setBridgeId(br, (br.bridgeId & 0xffff_000000000000) | macNumber(mac));
}

/** 8.8.4: 0 to 65535, low is better. */
export function brStpSetBridgePriority(br: Bridge, priority: u32): void {
  brAttrStore(br, BrAttr.PRIORITY, priority);
  setBridgeId(br, (br.bridgeId & 0xffffffffffff) | ((<u64>priority) << 48));
}

function setBridgeId(br: Bridge, id: u64): void {
  const wasRoot = brIsRootBridge(br);
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    if (p.state !== <u8>BrState.DISABLED && brIsDesignatedPort(p)) p.designatedBridge = id;
    if (p.designatedRoot === br.bridgeId) p.designatedRoot = id;
  }
  const wasOwn = br.designatedRoot === br.bridgeId;
  br.bridgeId = id;
  if (wasOwn) br.designatedRoot = id;
  brConfigurationUpdate(br);
  brPortStateSelection(br);
  if (brIsRootBridge(br) && !wasRoot) brBecomeRootBridge(br);
}

/** 8.8.5 */
export function brStpSetPortPriority(p: BrPort, priority: u32): void {
  const br = changetype<Bridge>(p.br);
  const id = makePortId(priority, p.no);
  if (brIsDesignatedPort(p)) p.designatedPort = id;
  p.id = id;
  p.priority = <u8>priority;
  if (br.bridgeId === p.designatedBridge && p.id < p.designatedPort) {
    brBecomeDesignatedPort(p);
    brPortStateSelection(br);
  }
}

/** 8.8.6; 0: by the speed again. */
export function brStpSetPathCost(p: BrPort, cost: u32, bySpeed: u32): void {
  const br = changetype<Bridge>(p.br);
  p.flags = cost === 0 ? p.flags & ~BR_ADMIN_COST : p.flags | BR_ADMIN_COST;
  p.pathCost = cost === 0 ? bySpeed : cost;
  brConfigurationUpdate(br);
  brPortStateSelection(br);
}

/** 8.10.2: a new forward delay holds at once where this bridge is the root. */
export function brSetForwardDelay(br: Bridge): void {
  if (brIsRootBridge(br)) br.forwardDelay = brAttr(br, BrAttr.FORWARD_DELAY) * 10;
}

export function brSetHelloTime(br: Bridge): void {
  if (brIsRootBridge(br)) br.helloTime = brAttr(br, BrAttr.HELLO_TIME) * 10;
}

export function brSetMaxAge(br: Bridge): void {
  if (brIsRootBridge(br)) br.maxAge = brAttr(br, BrAttr.MAX_AGE) * 10;
}

export function brSetAgeingTime(br: Bridge): void {
  br.ageingTime = min(brAttr(br, BrAttr.AGEING_TIME), 0x7fffffff / 10) * 10;
  br.learns = <u8>(br.ageingTime !== 0);
  if (br.topologyChange === 0) fdbSetHold(br, br.ageingTime);
}

/** 8.7.3 */
function helloTimerExpired(arg: usize): void {
  const br = changetype<Bridge>(arg);
  if (!brIsUp(br)) return;
  brConfigBpduGeneration(br);
  if (br.stp !== 0) startTimer(brTimer(br, BrTimer.HELLO), br.helloTime);
}

/** 8.7.4: nothing was heard of the root this way for too long. */
function messageAgeTimerExpired(arg: usize): void {
  const p = changetype<BrPort>(arg);
  const br = changetype<Bridge>(p.br);
  if (p.state === <u8>BrState.DISABLED) return;
  const wasRoot = brIsRootBridge(br);
  brBecomeDesignatedPort(p);
  brConfigurationUpdate(br);
  brPortStateSelection(br);
  if (brIsRootBridge(br) && !wasRoot) brBecomeRootBridge(br);
}

/** 8.7.5 */
function forwardDelayTimerExpired(arg: usize): void {
  const p = changetype<BrPort>(arg);
  const br = changetype<Bridge>(p.br);
  if (p.state === <u8>BrState.LISTENING) {
    brSetState(p, BrState.LEARNING);
    startTimer(portTimer(p, BrPortTimer.FORWARD_DELAY), br.forwardDelay);
  } else if (p.state === <u8>BrState.LEARNING) {
    brSetState(p, BrState.FORWARDING);
    if (isDesignatedForSomePort(br)) brTopologyChangeDetection(br);
    brPortStateSelection(br);
  }
}

function isDesignatedForSomePort(br: Bridge): bool {
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const p = changetype<BrPort>(at);
    if (p.state !== <u8>BrState.DISABLED && p.designatedBridge === br.bridgeId) return true;
  }
  return false;
}

/** 8.7.6 */
function tcnTimerExpired(arg: usize): void {
  const br = changetype<Bridge>(arg);
  if (brIsRootBridge(br) || !brIsUp(br)) return;
  brTransmitTcn(br);
  startTimer(brTimer(br, BrTimer.TCN), brAttr(br, BrAttr.HELLO_TIME) * 10);
}

/** 8.7.7 */
function topologyChangeTimerExpired(arg: usize): void {
  const br = changetype<Bridge>(arg);
  br.topologyChangeDetected = 0;
  setTopologyChange(br, false);
}

/** 8.7.8 */
function holdTimerExpired(arg: usize): void {
  const p = changetype<BrPort>(arg);
  if (p.configPending !== 0) brTransmitConfig(p);
}

export function brStpOpsInit(): void {
  opSet(Op.TIMER_BR_HELLO, helloTimerExpired.index);
  opSet(Op.TIMER_BR_TCN, tcnTimerExpired.index);
  opSet(Op.TIMER_BR_TOPOLOGY_CHANGE, topologyChangeTimerExpired.index);
  opSet(Op.TIMER_BR_MESSAGE_AGE, messageAgeTimerExpired.index);
  opSet(Op.TIMER_BR_FORWARD_DELAY, forwardDelayTimerExpired.index);
  opSet(Op.TIMER_BR_HOLD, holdTimerExpired.index);
}
