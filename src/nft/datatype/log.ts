/** Words of the log statement by the numbers that Linux has for them. Linux: syslog(3), include/uapi/linux/netfilter/nf_log.h. */

/** By level, 0 to 8. */
export const LOG_LEVELS = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warn',
  'notice',
  'info',
  'debug',
  'audit',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const NF_LOG_TCPSEQ = 0x01;
export const NF_LOG_TCPOPT = 0x02;
export const NF_LOG_IPOPT = 0x04;
export const NF_LOG_UID = 0x08;
export const NF_LOG_MACDECODE = 0x20;
export const NF_LOG_MASK = 0x2f;

/** A bit each: its word in the language, and in what `--debug=netlink` prints. */
export const LOG_FLAGS = [
  { bit: NF_LOG_TCPSEQ, word: 'tcp sequence', debug: 'tcpseq' },
  { bit: NF_LOG_TCPOPT, word: 'tcp options', debug: 'tcpopt' },
  { bit: NF_LOG_IPOPT, word: 'ip options', debug: 'ipopt' },
  { bit: NF_LOG_UID, word: 'skuid', debug: 'uid' },
  { bit: NF_LOG_MACDECODE, word: 'ether', debug: 'macdecode' },
] as const;
export type LogFlag = (typeof LOG_FLAGS)[number]['word'] | 'all';

/** All of them are there, by the word for that or one by one. */
export const everyLogFlag = (flags: readonly LogFlag[]): boolean =>
  flags.includes('all') || LOG_FLAGS.every(({ word }) => flags.includes(word));
