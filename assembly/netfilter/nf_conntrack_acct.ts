/**
 * What every packet of a connection does to it: its end moves on, its counters count. Linux: __nf_ct_refresh_acct,
 * nf_conntrack_acct.c, nf_conntrack_timestamp.c.
 *
 * The timer is not touched when a connection's end moves away: it fires at an earlier end, finds that it is too early
 * and waits for the rest (nf_conntrack_gc). Only an end that comes nearer moves it.
 */
import { root } from '../lib/root';
import { timerAdd } from '../lib/timer_wheel';
import { SkBuff } from '../skb/sk_buff';
import {
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  NF_CT_EXTRA_ACCT,
  NfConn,
  NfConnAcct,
  ctDir,
  nfConnCtNet,
  nfTimer,
  nfctTimeStamp,
} from './nf_conntrack';

const NS_PER_MS: u64 = 1_000_000;

/** The connection lives `ms` from now, unless its end is fixed; the packet is counted. */
export function nfCtRefreshAcct(ct: NfConn, info: u32, skb: SkBuff, ms: u32): void {
  if ((ct.status & IPS_FIXED_TIMEOUT) === 0) nfCtRefresh(ct, ms);
  if ((ct.extras & NF_CT_EXTRA_ACCT) !== 0) nfCtAcctUpdate(ct, ctDir(info), skb.len);
}

/** Linux: nf_ct_refresh. */
export function nfCtRefresh(ct: NfConn, ms: u32): void {
  if ((ct.status & IPS_CONFIRMED) === 0) {
    ct.timeout = ms;
    return;
  }
  const end = nfctTimeStamp(nfConnCtNet(ct)) + ms;
  const sooner = <i32>(end - ct.timeout) < 0;
  ct.timeout = end;
  if (!sooner) return;
  const expires = root().now + <u64>ms * NS_PER_MS;
  const timer = nfTimer(ct);
  if (timer.next !== 0 && timer.expires > expires) timerAdd(timer, expires);
}

export function nfCtAcctUpdate(ct: NfConn, dir: u32, len: u32): void {
  const acct = changetype<NfConnAcct>(ct.acct);
  if (dir === 0) {
    acct.packets0++;
    acct.bytes0 += len;
  } else {
    acct.packets1++;
    acct.bytes1 += len;
  }
}
