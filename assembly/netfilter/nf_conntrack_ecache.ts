/**
 * Events of connections for who listens (`conntrack -E`): what happens to a connection while a packet passes is
 * collected, and told when it leaves the hooks. Nobody listening costs one load. Linux: nf_conntrack_ecache.c.
 *
 *   events of ct ─► one ctnetlink message ─► ring of the namespace { head, tail, mask, lost │ bytes } ─► CT_EVENTS_READ
 */
import { EventType } from '../abi/event';
import { IPCT_DESTROY } from '../abi/nf_conntrack';
import { eventEmit } from '../dev/event';
import { IPS_CONFIRMED, IPS_DYING, NfConn, nfConnCtNet, nfConnNet } from './nf_conntrack';
import { ctnetlinkEvent } from './nf_conntrack_netlink';
import { nfnlRingEmpty } from './nfnl_ring';

/** `event` (IPCT_*) happened; told at nfConntrackConfirm. */
export function nfCtEventCache(ct: NfConn, event: u32): void {
  if (nfConnCtNet(ct).eventMask === 0) return;
  ct.events |= <u16>event;
}

export function nfCtDeliverCached(ct: NfConn): void {
  const events = <u32>ct.events;
  ct.events = 0;
  if ((ct.status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return;
  nfCtEventReport(ct, events);
}

/** Told at once. */
export function nfCtEventReport(ct: NfConn, events: u32): void {
  const ctnet = nfConnCtNet(ct);
  const wanted = events & ctnet.eventMask;
  if (wanted === 0 || ctnet.eventRing === 0) return;
  const ring = ctnet.eventRing;
  const empty = nfnlRingEmpty(ring);
  ctnetlinkEvent(ring, ct, (events & IPCT_DESTROY) !== 0 ? IPCT_DESTROY : events);
  if (empty && !nfnlRingEmpty(ring)) eventEmit(EventType.CT_EVENTS, 0, nfConnNet(ct), 0, 0, 0);
}
