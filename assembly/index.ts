/**
 * The core's exports: its ABI's table of contents (design: "The boundary"). Three kinds of event go in (frames,
 * requests, time), each handled to completion; frames, deliveries and notifications come out in rings.
 *
 *   init, attach      lay memory out, or take over what a snapshot put there
 *   request           a batch of configuration messages and questions (abi/request)
 *   rx                a driver filled receive descriptors
 *   rssQueue          which queue a frame belongs to
 *   poll              time: timers, napi, qdiscs
 *   setOp             a function of a generated module for an op id (hooks)
 *   forget            frees what a closed driver had not sent
 */
import { Op } from './abi/ops';
import { Status } from './abi/layout';
import { devByHandle, devIsPort } from './dev/net_device';
import { portRssQueue, portRx, portTxClean, portsTxClean } from './dev/port';
import { netRxAction } from './dev/napi';
import { netTxAction } from './dev/xmit';
import { coreAttach, coreInit, fillStatus } from './init';
import { opSet } from './lib/ops';
import { root } from './lib/root';
import { timersRun } from './lib/timer_wheel';
import { Errno } from './net/errno';
import { pktgenRun } from './pktgen/generator';
import { handleRequests } from './rtnl/request';
import { Port } from './abi/layout';

/** Lays an empty core out by the InitConfig at `config`. 0, -EINVAL or -ENOMEM. */
export function init(config: usize): i32 {
  return coreInit(config);
}

/** Takes over restored memory. 0, or -EINVAL when it is not a core of this layout. */
export function attach(): i32 {
  return coreAttach();
}

/** Address of the status block (abi/layout Status). */
export function status(): usize {
  return root().statusBlock;
}

/** Handles the messages in the first `bytes` of the request area at time now; returns how many. */
export function request(nowLo: u32, nowHi: u32, bytes: u32): u32 {
  setNow(nowLo, nowHi);
  const n = handleRequests(bytes);
  netTxAction();
  fillStatus();
  return n;
}

/** `count` more receive descriptors of the port's queue are filled. 0, or -ENODEV. */
export function rx(handle: u32, queue: u32, count: u32): i32 {
  const dev = devByHandle(handle);
  if (dev === null || !devIsPort(dev) || !portRx(dev, queue, count)) return -Errno.ENODEV;
  return 0;
}

/** The receive queue that the frame of `bytes` at `frame` belongs to (dev/rss), or -ENODEV. */
export function rssQueue(handle: u32, frame: usize, bytes: u32): i32 {
  const dev = devByHandle(handle);
  if (dev === null || !devIsPort(dev)) return -Errno.ENODEV;
  return <i32>portRssQueue(dev, frame, bytes);
}

/** Runs timers, napi (at most `budget` packets), streams of pktgen and qdiscs at time now; returns the packets handled. */
export function poll(nowLo: u32, nowHi: u32, budget: u32): u32 {
  setNow(nowLo, nowHi);
  portsTxClean();
  timersRun(root().now);
  root().burstDev = 0;
  let work = <u32>netRxAction(<i32>budget);
  if (root().pktgen !== 0) work += pktgenRun();
  netTxAction();
  store<u32>(root().statusBlock, work, Status.WORK);
  fillStatus();
  return work;
}

/** Frees all that a port's ring holds unsent: its driver is gone. */
export function forget(handle: u32): void {
  const dev = devByHandle(handle);
  if (dev === null || !devIsPort(dev) || dev.priv === 0) return;
  const head = load<u32>(dev.priv, Port.TX_HEAD);
  store<u32>(dev.priv, head, Port.TX_TAIL);
  portTxClean(dev, head);
}

/** Puts function-table index `fn` behind op `id` (HOOK_BASE or above); not part of a snapshot. 0 or -EINVAL. */
export function setOp(id: u32, fn: u32): i32 {
  if (id < <u32>Op.HOOK_BASE || id >= <u32>Op.MAX) return -Errno.EINVAL;
  opSet(id, fn);
  return 0;
}

/** Called by generated code of nf_tables' chains (netfilter/nft/nft_jit). */
export { nftEvaluate, nftInterpret, nftRun } from './netfilter/nft/nft_core';
export { nftTransport } from './netfilter/nft/nft_pkt';

/** The clock never goes back: a timer set later would otherwise come too early. */
function setNow(lo: u32, hi: u32): void {
  const now = ((<u64>hi) << 32) | <u64>lo;
  if (now > root().now) root().now = now;
}
