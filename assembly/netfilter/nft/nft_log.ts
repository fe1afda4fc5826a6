/**
 * `log`: a record for the host, in the trace ring while TRACE_F_LOG is on (abi/trace NFLOG): prefix, level or group, and
 * the packet. Linux: net/netfilter/nft_log.c.
 */
import { NftaLog } from '../../abi/nf_tables';
import { kfree } from '../../lib/kmalloc';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { NetDevice } from '../../dev/net_device';
import { traceLog } from '../../skb/trace';
import { NlOut, nlaBe16, nlaBe32, nlaPutBe16, nlaPutBe32, nlaPutString, nlaStrlen, tbGet } from '../nlattr';
import { textLen, textOf, textPtr } from './nf_tables';
import { Ctx } from './nft_ctx';
import { Pkt } from './nft_pkt';

/** AUX: 1 nflog (group), 0 log (level). */
@unmanaged
@final
class Log {
  head: u32;
  /** Text, or 0. */
  prefix: usize;
  /** Level or group, and what of the packet: bytes (0: all), flags. */
  level: u32;
  snaplen: u32;
  qthreshold: u32;
  flags: u32;
}
export const LOG_SIZE: u32 = 24;
const LEVEL_WARNING: u32 = 4;
const LEVEL_AUDIT: u32 = 8;
const FLAGS_ALL: u32 = 0x3f;

export function logInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const log = changetype<Log>(rec);
  const group = tbGet(tb, NftaLog.GROUP);
  const level = tbGet(tb, NftaLog.LEVEL);
  if (group !== 0 && level !== 0) return -Errno.EINVAL;
  if (group !== 0) {
    store<u8>(rec, 1, 1);
    log.level = nlaBe16(group);
    if (tbGet(tb, NftaLog.FLAGS) !== 0) return -Errno.EINVAL;
    const snaplen = tbGet(tb, NftaLog.SNAPLEN);
    const threshold = tbGet(tb, NftaLog.QTHRESHOLD);
    log.snaplen = snaplen === 0 ? 0 : nlaBe32(snaplen);
    log.qthreshold = threshold === 0 ? 0 : nlaBe16(threshold);
  } else {
    log.level = level === 0 ? LEVEL_WARNING : nlaBe32(level);
    if (log.level > LEVEL_AUDIT) return -Errno.EINVAL;
    const flags = tbGet(tb, NftaLog.FLAGS);
    if (flags !== 0) {
      log.flags = nlaBe32(flags);
      if ((log.flags & ~FLAGS_ALL) !== 0) return -Errno.EINVAL;
    }
  }
  const prefix = tbGet(tb, NftaLog.PREFIX);
  if (prefix !== 0 && nlaStrlen(prefix) !== 0) {
    log.prefix = textOf(prefix);
    if (log.prefix === 0) return -Errno.ENOMEM;
  }
  return 0;
}

export function logDestroy(rec: usize): void {
  kfree(changetype<Log>(rec).prefix);
}

export function logDump(rec: usize, out: NlOut): void {
  const log = changetype<Log>(rec);
  if (log.prefix !== 0) nlaPutString(out, NftaLog.PREFIX, textPtr(log.prefix), textLen(log.prefix));
  if (load<u8>(rec, 1) === 0) {
    nlaPutBe32(out, NftaLog.LEVEL, log.level);
    if (log.flags !== 0) nlaPutBe32(out, NftaLog.FLAGS, log.flags);
    return;
  }
  nlaPutBe16(out, NftaLog.GROUP, log.level);
  if (log.snaplen !== 0) nlaPutBe32(out, NftaLog.SNAPLEN, log.snaplen);
  if (log.qthreshold !== 0) nlaPutBe16(out, NftaLog.QTHRESHOLD, log.qthreshold);
}

export function logEval(rec: usize, pkt: Pkt): void {
  if (root().trace === 0) return;
  const log = changetype<Log>(rec);
  const prefix = log.prefix;
  traceLog(
    load<u8>(rec, 1),
    pkt.skb,
    pkt.in !== 0 ? pkt.in : pkt.out,
    log.level,
    log.flags,
    pkt.hook | (pkt.family << 8),
    pkt.out === 0 ? 0xffffffff : changetype<NetDevice>(pkt.out).handle,
    prefix === 0 ? 0 : textPtr(prefix),
    prefix === 0 ? 0 : textLen(prefix),
    log.snaplen,
    pkt.nh,
  );
}
