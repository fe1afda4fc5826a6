/**
 * Bringing a core up: init() lays the memory out by the sizes that the host chose, attach() takes over memory that
 * a snapshot filled. Both fill the op table, which is not state.
 *
 *   Root, ops │ InitConfig, status, device and net tables, rings, request area │ pools │ arena
 */
import { SkbDropReason } from './abi/drop_reason';
import { Delivery, Event } from './abi/event';
import {
  CORE_MAGIC,
  HostRing,
  InitConfig,
  LARGE_SLOT_BYTES,
  LAYOUT_VERSION,
  ROOT_BASE,
  ROOT_STATE_BYTES,
  SLOT_STRIDE,
  Status,
} from './abi/layout';
import { Op } from './abi/ops';
import { SCRATCH_BYTES } from './dev/scratch';
import { backlogPoll } from './dev/backlog';
import { bondOpsInit } from './dev/bond';
import { dummyOpsInit } from './dev/dummy';
import { loopbackXmit } from './dev/loopback';
import { macvlanOpsInit } from './dev/macvlan';
import { NetDevice, devByHandle, devIsPort } from './dev/net_device';
import { portPoll, portXmit, portsTxPending } from './dev/port';
import { netifReceiveSkb } from './dev/receive';
import { upperOpsInit } from './dev/upper';
import { vrfOpsInit } from './dev/vrf';
import { tpacketForget, tpacketOpsInit } from './dev/tpacket';
import { vethXmit } from './dev/veth';
import { vlanOpsInit } from './dev/vlan';
import { devQueueXmitResume } from './dev/xmit';
import { bridgeOpsInit } from './bridge/br_device';
import { ipOpsInit } from './ipv4/ip_init';
import { ip6OpsInit } from './ipv6/ip6_init';
import { KMALLOC_META_BYTES, kmallocInit } from './lib/kmalloc';
import { opSet, opsInit } from './lib/ops';
import { PAGE_SIZE, pageInit, pageMetaBytes } from './lib/page_alloc';
import { Pool, poolInit, poolMetaBytes } from './lib/pool';
import { randomSeed, randomU64 } from './lib/random';
import { root, rootEnd, setRoot } from './lib/root';
import { timerMetaBytes, timerNext, timerWheelInit } from './lib/timer_wheel';
import { arpOpsInit } from './neigh/arp';
import { nftOpsInit, nftRunBytes, nftRunInit } from './netfilter/nft/nft_init';
import { neighNetInit, neighOpsInit } from './neigh/neigh_init';
import { neighTablesBytes, neighTablesInit } from './neigh/neigh_table';
import { Errno } from './net/errno';
import { Net } from './net/net';
import { nfConntrackOpsInit } from './netfilter/nf_conntrack_init';
import { pktgenMore, pktgenTimer } from './pktgen/generator';
import { sinkRcv } from './pktgen/sink';
import { pfifoFastInit } from './sched/sch_pfifo_fast';
import { handlesBytes, handlesInit } from './skb/handles';
import { FRAG_TABLE_BYTES, slotRefsInit } from './skb/pool';
import { SKB_BYTES, SkBuff } from './skb/sk_buff';

/** The least arena that a core with two ports and a few routes runs in. */
const ARENA_MIN: u32 = 64 * 1024;

/** Takes `bytes` (zeroed) from the front of what is left, 64-byte aligned. */
function carve(at: usize, bytes: usize): usize {
  memory.fill(at, 0, bytes);
  return (at + bytes + 63) & ~63;
}

/**
 * Makes an empty core in memory from ROOT_BASE on, by the InitConfig at `config` (any address outside of what it
 * takes). 0, -EINVAL when a size makes no sense, -ENOMEM when memoryBytes is too small; then nothing may be called.
 */
export function coreInit(config: usize): i32 {
  const memoryBytes = load<u32>(config, InitConfig.MEMORY_BYTES);
  const skbs = load<u32>(config, InitConfig.SKBS);
  const small = load<u32>(config, InitConfig.SMALL_SLOTS);
  const large = load<u32>(config, InitConfig.LARGE_SLOTS);
  const devices = load<u32>(config, InitConfig.DEVICES);
  const nets = load<u32>(config, InitConfig.NETS);
  const requestBytes = load<u32>(config, InitConfig.REQUEST_BYTES);
  const events = load<u32>(config, InitConfig.EVENTS);
  const deliveries = load<u32>(config, InitConfig.DELIVERIES);
  const handles = load<u32>(config, InitConfig.HANDLES);
  const seed = load<u64>(config, InitConfig.SEED);
  const now = load<u64>(config, InitConfig.NOW);
  if (skbs === 0 || skbs > 1 << 20 || small < skbs >> 2 || small > 1 << 20 || large > 1 << 14)
    return -Errno.EINVAL;
  if (devices === 0 || devices > 128 || nets === 0 || nets > 1024 || handles > 0xffff) return -Errno.EINVAL;
  if (requestBytes < 4096 || requestBytes > 1 << 24 || (requestBytes & 7) !== 0) return -Errno.EINVAL;
  if (events === 0 || (events & (events - 1)) !== 0 || events > 1 << 20) return -Errno.EINVAL;
  if (deliveries === 0 || (deliveries & (deliveries - 1)) !== 0 || deliveries > 1 << 20) return -Errno.EINVAL;

  // Fragment tables serve merged and GSO-sized packets: one for eight skbs is plenty.
  const fragTables = (skbs >> 3) + 1;
  const fixed =
    <u64>(ROOT_BASE + 64 * 1024) +
    <u64>requestBytes +
    <u64>events * Event.SIZE +
    <u64>deliveries * Delivery.SIZE +
    <u64>handlesBytes(handles) +
    <u64>skbs * (SKB_BYTES + 4) +
    <u64>small * (SLOT_STRIDE + 6) +
    <u64>large * (LARGE_SLOT_BYTES + 6) +
    <u64>fragTables * (FRAG_TABLE_BYTES + 4) +
    SCRATCH_BYTES;
  if (fixed + ARENA_MIN > <u64>memoryBytes) return -Errno.ENOMEM;

  const copy = memory.data(InitConfig.SIZE, 8);
  memory.copy(copy, config, InitConfig.SIZE);
  setRoot(ROOT_BASE);
  memory.fill(ROOT_BASE, 0, ROOT_STATE_BYTES);
  const r = root();
  r.magic = CORE_MAGIC;
  r.layoutVersion = LAYOUT_VERSION;
  r.now = now;
  randomSeed(<u32>seed, <u32>(seed >> 32));
  r.hashKey0 = randomU64();
  r.hashKey1 = randomU64();

  let at = rootEnd();
  r.initConfig = at;
  at = carve(at, InitConfig.SIZE);
  memory.copy(r.initConfig, copy, InitConfig.SIZE);
  r.statusBlock = at;
  at = carve(at, Status.SIZE);
  r.nets = at;
  r.netCount = nets;
  at = carve(at, nets << 2);
  r.devs = at;
  r.devCount = devices;
  at = carve(at, devices << 2);
  const portTable = at;
  at = carve(at, devices << 2);
  r.dropCounts = at;
  at = carve(at, SkbDropReason.MAX << 3);
  r.scratch = at;
  at = carve(at, SCRATCH_BYTES);
  r.timerWheel = at;
  at = carve(at, timerMetaBytes());
  timerWheelInit(r.timerWheel);
  const neigh = at;
  at = carve(at, neighTablesBytes());
  nftRunInit(at);
  at = carve(at, nftRunBytes());
  r.requestArea = at;
  r.requestBytes = requestBytes;
  at = carve(at, requestBytes);
  r.events = at;
  at = carve(at, HostRing.ENTRIES + events * Event.SIZE);
  store<u32>(r.events, events - 1, HostRing.MASK);
  r.deliveries = at;
  at = carve(at, HostRing.ENTRIES + deliveries * Delivery.SIZE);
  store<u32>(r.deliveries, deliveries - 1, HostRing.MASK);
  const handleTable = at;
  at = carve(at, handlesBytes(handles));
  handlesInit(handleTable, handles);

  r.skbPool = at;
  at = carvePool(at, skbs, SKB_BYTES);
  r.fragTablePool = at;
  at = carvePool(at, fragTables, FRAG_TABLE_BYTES);
  r.smallRefs = at;
  at = carve(at, small << 1);
  slotRefsInit(r.smallRefs, small);
  r.smallPool = at;
  at = carvePool(at, small, SLOT_STRIDE);
  r.smallBase = changetype<Pool>(r.smallPool).base;
  r.smallEnd = at;
  r.largeBase = at;
  if (large !== 0) {
    r.largeRefs = at;
    at = carve(at, large << 1);
    slotRefsInit(r.largeRefs, large);
    r.largePool = at;
    at = carvePool(at, large, LARGE_SLOT_BYTES);
    r.largeBase = changetype<Pool>(r.largePool).base;
  }
  r.largeEnd = at;

  const kmallocMeta = at;
  at = carve(at, KMALLOC_META_BYTES);
  kmallocInit(kmallocMeta);
  const pages = (memoryBytes - at) / PAGE_SIZE;
  const meta = at;
  at = (carve(at, pageMetaBytes(pages)) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
  pageInit(at, (memoryBytes - at) / PAGE_SIZE, meta);
  neighTablesInit(neigh);
  store<u32>(r.statusBlock, portTable, Status.PORT_TABLE);
  fillOps();
  fillStatus();
  return 0;
}

/** Header and stack of a pool zeroed, its records behind it; untouched records cost no memory of the machine. */
function carvePool(at: usize, count: u32, size: u32): usize {
  const records = (at + poolMetaBytes(count) + 63) & ~63;
  poolInit(at, records, count, size);
  return (records + count * size + 63) & ~63;
}

/**
 * Takes over the core that a snapshot put at ROOT_BASE. 0, or -EINVAL when what lies there is none, or is of
 * another layout.
 */
export function coreAttach(): i32 {
  setRoot(ROOT_BASE);
  const r = root();
  if (r.magic !== CORE_MAGIC || r.layoutVersion !== LAYOUT_VERSION) return -Errno.EINVAL;
  fillOps();
  forgetForeign();
  fillStatus();
  return 0;
}

/** The foreign window is empty after a restore: ports with a ring in it come up afresh. */
function forgetForeign(): void {
  const r = root();
  for (let handle: u32 = 0; handle < r.devHigh; handle++) {
    const dev = devByHandle(handle);
    if (dev !== null && devIsPort(dev) && dev.priv !== 0) tpacketForget(dev);
  }
}

/** Everything that is called through the table. */
function fillOps(): void {
  opsInit();
  opSet(Op.XMIT_LOOPBACK, xmitLoopback.index);
  opSet(Op.XMIT_VETH, xmitVeth.index);
  opSet(Op.XMIT_PORT, xmitPort.index);
  opSet(Op.POLL_PORT, pollPort.index);
  opSet(Op.POLL_BACKLOG, pollBacklog.index);
  opSet(Op.OKFN_INGRESS, resumeIngress.index);
  opSet(Op.OKFN_EGRESS, resumeEgress.index);
  opSet(Op.NET_INIT_NEIGH, initNeigh.index);
  upperOpsInit();
  dummyOpsInit();
  vlanOpsInit();
  macvlanOpsInit();
  vrfOpsInit();
  opSet(Op.TIMER_PKTGEN, timerPktgen.index);
  opSet(Op.PKTGEN_RCV, rcvPktgen.index);
  bondOpsInit();
  pfifoFastInit();
  tpacketOpsInit();
  neighOpsInit();
  arpOpsInit();
  ipOpsInit();
  ip6OpsInit();
  bridgeOpsInit();
  nfConntrackOpsInit();
  nftOpsInit();
}

function xmitLoopback(skb: usize, dev: usize): i32 {
  return loopbackXmit(changetype<SkBuff>(skb), changetype<NetDevice>(dev));
}
function xmitVeth(skb: usize, dev: usize): i32 {
  return vethXmit(changetype<SkBuff>(skb), changetype<NetDevice>(dev));
}
function xmitPort(skb: usize, dev: usize): i32 {
  return portXmit(changetype<SkBuff>(skb), changetype<NetDevice>(dev));
}
function pollPort(dev: usize, budget: i32): i32 {
  return portPoll(changetype<NetDevice>(dev), budget);
}
function pollBacklog(dev: usize, budget: i32): i32 {
  return backlogPoll(changetype<NetDevice>(dev), budget);
}
function timerPktgen(stream: usize): void {
  pktgenTimer(stream);
}
function rcvPktgen(list: usize, n: u32, dev: usize): u32 {
  return sinkRcv(list, n, changetype<NetDevice>(dev));
}
function initNeigh(net: usize): i32 {
  return neighNetInit(changetype<Net>(net));
}
function resumeIngress(skb: usize): void {
  netifReceiveSkb(changetype<SkBuff>(skb));
}
/** Behind the egress hook nothing but the queue is left; the hook does not run twice for a packet marked so. */
function resumeEgress(skb: usize): void {
  devQueueXmitResume(changetype<SkBuff>(skb));
}

/** Writes what changes into the status block: after every poll, request batch and transmission. */
export function fillStatus(): void {
  const r = root();
  const status = r.statusBlock;
  portsTxPending();
  store<u64>(status, timerNext(), Status.NEXT_DEADLINE);
  store<u64>(status, r.now, Status.NOW);
  store<u32>(status, r.napiHead !== 0 || r.txHead !== 0 || pktgenMore() ? 1 : 0, Status.MORE);
  store<u32>(status, r.requestArea, Status.REQUEST_AREA);
  store<u32>(status, r.requestBytes, Status.REQUEST_BYTES);
  store<u32>(status, r.events, Status.EVENT_RING);
  store<u32>(status, r.deliveries, Status.DELIVERY_RING);
  store<u32>(status, r.dropCounts, Status.DROP_COUNTS);
  store<u32>(status, r.arenaBase + r.arenaPages * PAGE_SIZE, Status.MEMORY_END);
  store<u32>(status, r.pagesFree, Status.PAGES_FREE);
  store<u32>(status, r.arenaPages, Status.PAGES);
  fillPool(status + Status.SKBS_FREE, r.skbPool);
  fillPool(status + Status.SMALL_FREE, r.smallPool);
  fillPool(status + Status.LARGE_FREE, r.largePool);
}

function fillPool(at: usize, pool: usize): void {
  store<u32>(at, pool === 0 ? 0 : changetype<Pool>(pool).free);
  store<u32>(at, pool === 0 ? 0 : changetype<Pool>(pool).count, 4);
}
