/** A line for the log, or a packet for nfnetlink_log. Linux: net/netfilter/nft_log.c */
import { NftaLog } from '../../../assembly/abi/nf_tables.js';
import { LOG_FLAGS, type LogFlag, NF_LOG_MASK } from '../datatype/log.js';
import type { ExprOps } from './expr.js';

export function logFlagBits(flags: readonly LogFlag[]): number {
  if (flags.includes('all')) return NF_LOG_MASK;
  return LOG_FLAGS.reduce((bits, { bit, word }) => (flags.includes(word) ? bits | bit : bits), 0);
}

export interface LogIr {
  readonly kind: 'log';
  readonly prefix?: string;
  readonly group?: number;
  readonly snaplen?: number;
  readonly qthreshold?: number;
  /** 0 emerg to 7 debug, 8 audit. */
  readonly level?: number;
  readonly flags?: number;
}

export const log: ExprOps<LogIr> = {
  name: 'log',
  text({ prefix, group, snaplen, qthreshold, level, flags = 0 }) {
    const parts = ['log'];
    if (prefix !== undefined) parts.push('prefix', prefix);
    if (group !== undefined)
      parts.push(`group ${group} snaplen ${snaplen ?? 0} qthreshold ${qthreshold ?? 0}`);
    else if (level !== undefined) parts.push(`level ${level}`);
    for (const { bit, debug } of LOG_FLAGS) if ((flags & bit) !== 0) parts.push(debug);
    return parts.join(' ');
  },
  encode({ prefix, group, snaplen, qthreshold, level, flags }, attrs) {
    if (prefix !== undefined) attrs.text(NftaLog.PREFIX, prefix);
    if (group !== undefined) attrs.u16(NftaLog.GROUP, group);
    if (snaplen !== undefined) attrs.u32(NftaLog.SNAPLEN, snaplen);
    if (qthreshold !== undefined) attrs.u16(NftaLog.QTHRESHOLD, qthreshold);
    if (level !== undefined) attrs.u32(NftaLog.LEVEL, level);
    if (flags !== undefined) attrs.u32(NftaLog.FLAGS, flags);
  },
  decode(attrs) {
    const found = {
      prefix: attrs.text(NftaLog.PREFIX),
      group: attrs.u16(NftaLog.GROUP),
      snaplen: attrs.u32(NftaLog.SNAPLEN),
      qthreshold: attrs.u16(NftaLog.QTHRESHOLD),
      level: attrs.u32(NftaLog.LEVEL),
      flags: attrs.u32(NftaLog.FLAGS),
    };
    const present = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
    return { kind: 'log', ...present };
  },
};
