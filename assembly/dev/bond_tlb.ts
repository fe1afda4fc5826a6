/**
 * balance-tlb: what is sent is spread over the ports by what each has to carry; what comes in comes by the active port,
 * the one that has the bond's address. Linux: drivers/net/bonding/bond_alb.c, bonding.rst.
 *
 *   packet ─► xmit_hash_policy, 8 bits ─► TlbEntry: a port, since the flow's first packet the least loaded one
 *
 * Every ten seconds all flows are assigned anew, by what they carried in these. Groups, broadcasts and what is not IP go
 * by the active port. A frame by another port has that port's address as its source, or switches would learn the
 * bond's there; each port says every second which address it has, by a loopback frame to itself (ETH_P_LOOPBACK).
 *
 * Differs: all ports count as equally fast; tlb_dynamic_lb is always on; no learning packets for VLANs on the bond.
 */
import { BOND_LINK_UP } from '../abi/link_data';
import { kzalloc } from '../lib/kmalloc';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { bondXmitHash } from './bond_hash';
import { Bond, BondSlave, bondOf, bondSlave, firstSlave, nextSlave, slaveDev } from './bond_slave';
import { IFF_UP, NetDevice, devSetAddr } from './net_device';
import { devQueueXmit } from './xmit';

@unmanaged
@final
class TlbEntry {
  /** BondSlave, or 0. */
  slave: usize;
  txBytes: u32;
  /** Bytes per second that the flow had before. */
  history: u32;
}
const ENTRIES: u32 = 256;
const TABLE_BYTES: usize = <usize>ENTRIES * offsetof<TlbEntry>();
/** Ticks of 100 ms: learning packets (lp_interval), and how often flows are assigned anew, in seconds too. */
const LEARN_TICKS: u32 = 10;
const REBALANCE_S: u32 = 10;
const REBALANCE_TICKS: u32 = REBALANCE_S * 10;
const ETH_P_LOOPBACK: u16 = 0x9000;
const LEARN_LEN: u32 = 60;

function entryAt(bond: Bond, i: u32): TlbEntry {
  return changetype<TlbEntry>(bond.tlbTable + <usize>i * offsetof<TlbEntry>());
}

/** The table is there; false without memory. */
export function bondTlbReady(bond: Bond): bool {
  if (bond.tlbTable === 0) bond.tlbTable = kzalloc(TABLE_BYTES);
  return bond.tlbTable !== 0;
}

/** The port for a packet, or 0; what is not of a flow goes by the active one. Linux: bond_xmit_tlb_slave_get. */
export function bondTlbSlave(dev: NetDevice, skb: SkBuff): usize {
  const bond = bondOf(dev);
  const ip = <u32>skb.protocol === ETH_P_IP || <u32>skb.protocol === ETH_P_IPV6;
  if (!ip || bond.tlbTable === 0 || (load<u8>(skb.data) & 1) !== 0) return active(bond, skb);
  const entry = entryAt(bond, bondXmitHash(skb, bond.xmitPolicy) & (ENTRIES - 1));
  if (entry.slave === 0) {
    entry.slave = leastLoaded(dev);
    if (entry.slave === 0) return active(bond, skb);
    changetype<BondSlave>(entry.slave).tlbLoad += entry.history;
  }
  entry.txBytes += skb.len;
  return entry.slave;
}

function active(bond: Bond, skb: SkBuff): usize {
  bond.tlbUnbalanced += skb.len;
  return bond.active === 0 ? 0 : changetype<usize>(bondSlave(changetype<NetDevice>(bond.active)));
}

/** Can send. */
function isUsable(slave: BondSlave): bool {
  return slave.link === <u8>BOND_LINK_UP && (slaveDev(slave).flags & IFF_UP) !== 0;
}

function leastLoaded(dev: NetDevice): usize {
  let best: usize = 0;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (!isUsable(slave)) continue;
    if (best === 0 || slave.tlbLoad < changetype<BondSlave>(best).tlbLoad) best = at;
  }
  return best;
}

/** The source of a frame that leaves by another port than the active one is that port's. Linux: bond_do_alb_xmit. */
export function bondTlbSource(dev: NetDevice, slave: BondSlave, skb: SkBuff): void {
  if (slave.dev === bondOf(dev).active) return;
  const addr = slaveDev(slave).addr;
  store<u32>(skb.data, <u32>addr, 6);
  store<u16>(skb.data, <u16>(addr >> 32), 10);
}

/** No flow is the port's any more. `keep`: what they carried counts when they are assigned again. Linux: tlb_clear_slave. */
export function bondTlbClear(bond: Bond, slave: BondSlave, keep: bool): void {
  slave.tlbLoad = 0;
  if (bond.tlbTable === 0) return;
  for (let i: u32 = 0; i < ENTRIES; i++) {
    const entry = entryAt(bond, i);
    if (entry.slave !== changetype<usize>(slave)) continue;
    if (keep) {
      entry.history = 1 + entry.txBytes / REBALANCE_S;
      entry.txBytes = 0;
    }
    entry.slave = 0;
  }
}

/** Flows are assigned anew with the next tick: a port came. */
export function bondTlbRebalance(bond: Bond): void {
  bond.tlbTicks = REBALANCE_TICKS;
}

/** Every 100 ms. Linux: bond_alb_monitor. */
export function bondTlbTick(dev: NetDevice): void {
  const bond = bondOf(dev);
  if (dev.portHead === 0) {
    bond.tlbTicks = 0;
    bond.tlbLearnTicks = 0;
    return;
  }
  bond.tlbTicks++;
  if (++bond.tlbLearnTicks >= LEARN_TICKS) {
    bond.tlbLearnTicks = 0;
    for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at)))
      learn(changetype<BondSlave>(at));
  }
  if (bond.tlbTicks < REBALANCE_TICKS) return;
  bond.tlbTicks = 0;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    bondTlbClear(bond, slave, true);
    if (slave.dev !== bond.active) continue;
    slave.tlbLoad = <u32>(bond.tlbUnbalanced / REBALANCE_S);
    bond.tlbUnbalanced = 0;
  }
}

/** Tells switches where the port's address is. Linux: alb_send_lp_vid. */
function learn(slave: BondSlave): void {
  if (!isUsable(slave)) return;
  const skb = allocSkb(LEARN_LEN);
  if (skb === null) return;
  const addr = slaveDev(slave).addr;
  const eth = skbPut(skb, LEARN_LEN);
  memory.fill(eth, 0, LEARN_LEN);
  store<u64>(eth, addr);
  store<u32>(eth, <u32>addr, 6);
  store<u16>(eth, <u16>(addr >> 32), 10);
  store<u16>(eth, bswap<u16>(ETH_P_LOOPBACK), 12);
  skb.protocol = ETH_P_LOOPBACK;
  skb.macHeader = eth;
  skb.networkHeader = eth + ETH_HLEN;
  skb.dev = slave.dev;
  devQueueXmit(skb);
}

/** `port` (0: none) becomes the active one: it and the one that has the bond's address swap theirs. Linux: bond_alb_handle_active_change. */
export function bondTlbActive(dev: NetDevice, port: usize, old: usize): void {
  const bond = bondOf(dev);
  if (port === 0) return;
  const swap = old !== 0 ? old : owner(dev);
  if (swap !== 0) bondTlbClear(bond, bondSlave(changetype<NetDevice>(swap)), true);
  bondTlbClear(bond, bondSlave(changetype<NetDevice>(port)), true);
  const taker = changetype<NetDevice>(port);
  const own = taker.addr;
  if (swap !== 0 && swap !== port) {
    devSetAddr(taker, changetype<NetDevice>(swap).addr);
    devSetAddr(changetype<NetDevice>(swap), own);
    learn(bondSlave(changetype<NetDevice>(swap)));
  } else if (own !== dev.addr) {
    devSetAddr(taker, dev.addr);
  }
  learn(bondSlave(taker));
}

/** The port that has the bond's address, or 0. */
function owner(dev: NetDevice): usize {
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at)))
    if (slaveDev(changetype<BondSlave>(at)).addr === dev.addr) return changetype<BondSlave>(at).dev;
  return 0;
}
