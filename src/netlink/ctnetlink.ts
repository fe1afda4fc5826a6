/**
 * Connections and expectations from ctnetlink messages, and as text in the words of conntrack(8).
 *
 *   tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=10.0.2.2 sport=40000 dport=22 src=... [ASSURED] mark=0 use=1
 */
import {
  CTA_COUNTERS_BYTES,
  CTA_COUNTERS_PACKETS,
  CTA_HELP_NAME,
  CTA_PROTOINFO_SCTP,
  CTA_PROTOINFO_TCP,
  CtMsg,
  Cta,
  CtaExpect,
  CtaIp,
  CtaProto,
  CtaProtoinfoSctp,
  CtaProtoinfoTcp,
  CtaTuple,
} from '../../assembly/abi/nf_conntrack_netlink.js';
import { formatIp } from '../config/ip_address.js';
import type { NlAttrs, NlAttrWriter } from './nlattr.js';
import { type NlMsg, readNfMsg } from './nlmsg.js';

export const AF_INET = 2;

/** IPS_*: bits of the status. Linux: include/uapi/linux/netfilter/nf_conntrack_common.h. */
export const IPS_SEEN_REPLY = 2;
export const IPS_ASSURED = 4;
export const IPS_OFFLOAD = 1 << 14;

const IPPROTO_ICMP = 1;
const IPPROTO_GRE = 47;
const IPPROTO_ICMPV6 = 58;
const PROTOCOLS: Record<number, string> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const WITH_PORTS = new Set([6, 17, 132, 136]);
/** By the state's number. */
export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
];
export const SCTP_STATES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
];

export interface ConntrackTuple {
  src: string;
  dst: string;
  proto: number;
  sport?: number;
  dport?: number;
  icmp?: { id: number; type: number; code: number };
  /** Zone of this direction alone. */
  zone?: number;
}

export interface ConntrackCounters {
  packets: bigint;
  bytes: bigint;
}

export interface ConntrackEntry {
  family: number;
  orig: ConntrackTuple;
  reply: ConntrackTuple;
  status: number;
  /** Seconds. */
  timeout?: number;
  mark: number;
  zone?: number;
  id?: number;
  use?: number;
  /** Of TCP or SCTP, by name. */
  state?: string;
  helper?: string;
  labels?: string;
  origCounters?: ConntrackCounters;
  replyCounters?: ConntrackCounters;
  master?: ConntrackTuple;
}

function tuple(attrs: NlAttrs, family: number): ConntrackTuple {
  const ip = attrs.nested(CtaTuple.IP)!;
  const l4 = attrs.nested(CtaTuple.PROTO)!;
  const v4 = family === AF_INET;
  const proto = l4.u8(CtaProto.NUM)!;
  const found: ConntrackTuple = {
    src: formatIp(ip.bytes(v4 ? CtaIp.V4_SRC : CtaIp.V6_SRC)!),
    dst: formatIp(ip.bytes(v4 ? CtaIp.V4_DST : CtaIp.V6_DST)!),
    proto,
  };
  const sport = l4.u16(CtaProto.SRC_PORT);
  const dport = l4.u16(CtaProto.DST_PORT);
  if (sport !== undefined) found.sport = sport;
  if (dport !== undefined) found.dport = dport;
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) {
    const first = proto === IPPROTO_ICMP ? CtaProto.ICMP_ID : CtaProto.ICMPV6_ID;
    found.icmp = { id: l4.u16(first)!, type: l4.u8(first + 1)!, code: l4.u8(first + 2)! };
  }
  const zone = attrs.u16(CtaTuple.ZONE);
  if (zone !== undefined) found.zone = zone;
  return found;
}

function counters(attrs: NlAttrs | undefined): ConntrackCounters | undefined {
  if (attrs === undefined) return undefined;
  return { packets: attrs.u64(CTA_COUNTERS_PACKETS)!, bytes: attrs.u64(CTA_COUNTERS_BYTES)! };
}

function stateOf(info: NlAttrs | undefined): string | undefined {
  const tcp = info?.nested(CTA_PROTOINFO_TCP)?.u8(CtaProtoinfoTcp.STATE);
  if (tcp !== undefined) return TCP_STATES[tcp];
  const sctp = info?.nested(CTA_PROTOINFO_SCTP)?.u8(CtaProtoinfoSctp.STATE);
  return sctp === undefined ? undefined : SCTP_STATES[sctp];
}

/** A message of IPCTNL_MSG_CT_NEW or _DELETE. */
export function readConntrack(msg: NlMsg): ConntrackEntry {
  const { family, attrs } = readNfMsg(msg);
  const labels = attrs.bytes(Cta.LABELS);
  const master = attrs.nested(Cta.TUPLE_MASTER);
  const entry: ConntrackEntry = {
    family,
    orig: tuple(attrs.nested(Cta.TUPLE_ORIG)!, family),
    reply: tuple(attrs.nested(Cta.TUPLE_REPLY)!, family),
    status: attrs.u32(Cta.STATUS) ?? 0,
    mark: attrs.u32(Cta.MARK) ?? 0,
  };
  const more = {
    timeout: attrs.u32(Cta.TIMEOUT),
    zone: attrs.u16(Cta.ZONE),
    id: attrs.u32(Cta.ID),
    use: attrs.u32(Cta.USE),
    state: stateOf(attrs.nested(Cta.PROTOINFO)),
    helper: attrs.nested(Cta.HELP)?.text(CTA_HELP_NAME),
    labels: labels === undefined ? undefined : Buffer.from(labels).toString('hex'),
    origCounters: counters(attrs.nested(Cta.COUNTERS_ORIG)),
    replyCounters: counters(attrs.nested(Cta.COUNTERS_REPLY)),
    master: master === undefined ? undefined : tuple(master, family),
  };
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined) Object.assign(entry, { [name]: value });
  }
  return entry;
}

function tupleText(of: ConntrackTuple, zone: string): string {
  const ends = `src=${of.src} dst=${of.dst} `;
  const where = of.zone === undefined ? '' : `zone-${zone}=${of.zone} `;
  if (of.icmp !== undefined)
    return `${ends}type=${of.icmp.type} code=${of.icmp.code} id=${of.icmp.id} ${where}`;
  if (WITH_PORTS.has(of.proto)) return `${ends}sport=${of.sport} dport=${of.dport} ${where}`;
  if (of.proto === IPPROTO_GRE) return `${ends}srckey=0x0 dstkey=0x0 ${where}`;
  return ends + where;
}

function counterText(of: ConntrackCounters | undefined): string {
  return of === undefined ? '' : `packets=${of.packets} bytes=${of.bytes} `;
}

export interface ConntrackTextOptions {
  /** With the layer-3 protocol in front, as `-o extended` has it. */
  extended?: boolean;
  /** As /proc/net/nf_conntrack: extended, and the zone that is the default, too. */
  proc?: boolean;
}

/** One line, as `conntrack -L` prints it. */
export function conntrackText(entry: ConntrackEntry, options: ConntrackTextOptions = {}): string {
  const { proto } = entry.orig;
  const l3 = entry.family === AF_INET ? 'ipv4' : 'ipv6';
  const extended = options.extended === true || options.proc === true;
  const zone = entry.zone ?? (options.proc === true ? 0 : undefined);
  const parts = [
    extended ? `${l3.padEnd(8)} ${entry.family} ` : '',
    `${(PROTOCOLS[proto] ?? 'unknown').padEnd(8)} ${proto} `,
    entry.timeout === undefined || (entry.status & IPS_OFFLOAD) !== 0 ? '' : `${entry.timeout} `,
    entry.state === undefined ? '' : `${entry.state} `,
    tupleText(entry.orig, 'orig'),
    counterText(entry.origCounters),
    (entry.status & IPS_SEEN_REPLY) === 0 ? '[UNREPLIED] ' : '',
    tupleText(entry.reply, 'reply'),
    counterText(entry.replyCounters),
    (entry.status & IPS_OFFLOAD) !== 0 ? '[OFFLOAD] ' : '',
    (entry.status & IPS_ASSURED) !== 0 && (entry.status & IPS_OFFLOAD) === 0 ? '[ASSURED] ' : '',
    // Events leave out a mark that is none, and how many use it.
    entry.mark === 0 && entry.use === undefined ? '' : `mark=${entry.mark} `,
    zone === undefined ? '' : `zone=${zone} `,
    entry.helper === undefined || options.proc === true ? '' : `helper=${entry.helper} `,
    entry.use === undefined ? '' : `use=${entry.use}`,
  ];
  return parts.join('').trimEnd();
}

/** Puts a tuple attribute, to name a connection by. */
export function putTuple(
  attrs: NlAttrWriter,
  type: number,
  of: ConntrackTuple,
  addresses: Uint8Array[],
): void {
  const v4 = addresses[0]!.length === 4;
  attrs.nest(type, (inner) => {
    inner.nest(CtaTuple.IP, (ip) => {
      ip.put(v4 ? CtaIp.V4_SRC : CtaIp.V6_SRC, addresses[0]!);
      ip.put(v4 ? CtaIp.V4_DST : CtaIp.V6_DST, addresses[1]!);
    });
    inner.nest(CtaTuple.PROTO, (l4) => {
      l4.u8(CtaProto.NUM, of.proto);
      if (WITH_PORTS.has(of.proto)) {
        l4.u16(CtaProto.SRC_PORT, of.sport ?? 0);
        l4.u16(CtaProto.DST_PORT, of.dport ?? 0);
      }
      if (of.icmp !== undefined) {
        const first = of.proto === IPPROTO_ICMP ? CtaProto.ICMP_ID : CtaProto.ICMPV6_ID;
        l4.u16(first, of.icmp.id);
        l4.u8(first + 1, of.icmp.type);
        l4.u8(first + 2, of.icmp.code);
      }
    });
  });
}

export type ConntrackEventKind = 'NEW' | 'UPDATE' | 'DESTROY';
const NLM_F_CREATE = 0x400;

export interface ConntrackEvent {
  kind: ConntrackEventKind;
  entry: ConntrackEntry;
}

/** What a message of the event ring tells. */
export function readConntrackEvent(msg: NlMsg): ConntrackEvent {
  const { message } = readNfMsg(msg);
  const kind = message === CtMsg.DELETE ? 'DESTROY' : (msg.flags & NLM_F_CREATE) !== 0 ? 'NEW' : 'UPDATE';
  return { kind, entry: readConntrack(msg) };
}

export interface ConntrackExpectation {
  family: number;
  tuple: ConntrackTuple;
  mask: ConntrackTuple;
  master: ConntrackTuple;
  timeout: number;
  flags: number;
  class: number;
  zone?: number;
  helper?: string;
}

export function readExpectation(msg: NlMsg): ConntrackExpectation {
  const { family, attrs } = readNfMsg(msg);
  const helper = attrs.text(CtaExpect.HELP_NAME);
  const zone = attrs.u16(CtaExpect.ZONE);
  return {
    family,
    tuple: tuple(attrs.nested(CtaExpect.TUPLE)!, family),
    mask: tuple(attrs.nested(CtaExpect.MASK)!, family),
    master: tuple(attrs.nested(CtaExpect.MASTER)!, family),
    timeout: attrs.u32(CtaExpect.TIMEOUT)!,
    flags: attrs.u32(CtaExpect.FLAGS) ?? 0,
    class: attrs.u32(CtaExpect.CLASS) ?? 0,
    ...(zone !== undefined && { zone }),
    ...(helper === undefined ? {} : { helper }),
  };
}

/** NF_CT_EXPECT_*: what conntrack-tools say of an expectation. */
const EXPECT_FLAGS: readonly (readonly [number, string])[] = [
  [1, 'PERMANENT'],
  [2, 'INACTIVE'],
  [4, 'USERSPACE'],
];

/** One line, as `conntrack -L expect` prints it. */
export function expectationText(of: ConntrackExpectation): string {
  const ports = ({ sport, dport }: ConntrackTuple): string => `sport=${sport ?? 0} dport=${dport ?? 0} `;
  const flags = EXPECT_FLAGS.filter(([bit]) => (of.flags & bit) !== 0).map(([, name]) => name);
  return [
    `${of.timeout} proto=${of.tuple.proto} `,
    `src=${of.tuple.src} dst=${of.tuple.dst} ${ports(of.tuple)}`,
    `mask-src=${of.mask.src} mask-dst=${of.mask.dst} ${ports(of.mask)}`,
    `master-src=${of.master.src} master-dst=${of.master.dst} ${ports(of.master)}`,
    of.zone === undefined ? '' : `zone=${of.zone} `,
    flags.length === 0 ? '' : `${flags.join(',')} `,
    `class=${of.class} `,
    of.helper === undefined ? '' : `helper=${of.helper}`,
  ]
    .join('')
    .trimEnd();
}

/** The number of a state of TCP by its name; -1: there is none of that name. */
export const tcpStateNumber = (name: string): number => TCP_STATES.indexOf(name);

const STATUS_NAMES: readonly (readonly [number, string])[] = [
  [1, 'EXPECTED'],
  [2, 'SEEN_REPLY'],
  [4, 'ASSURED'],
  [8, 'CONFIRMED'],
  [16, 'SRC_NAT'],
  [32, 'DST_NAT'],
  [64, 'SEQ_ADJUST'],
  [128, 'SRC_NAT_DONE'],
  [256, 'DST_NAT_DONE'],
  [512, 'DYING'],
  [1 << 10, 'FIXED_TIMEOUT'],
  [1 << 13, 'HELPER'],
  [1 << 14, 'OFFLOAD'],
];

const tupleJson = ({ src, dst, sport, dport, icmp, zone }: ConntrackTuple): object => ({
  src,
  dst,
  ...(sport !== undefined && { sport, dport }),
  ...icmp,
  ...(zone !== undefined && { zone }),
});

const countersJson = (of: ConntrackCounters | undefined): object | undefined =>
  of && { packets: Number(of.packets), bytes: Number(of.bytes) };

/** For programs: the same words as in the text, bits by their names. */
export function conntrackJson(entry: ConntrackEntry): object {
  const { orig, reply, status, origCounters, replyCounters, master, family } = entry;
  return {
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    protocol: PROTOCOLS[orig.proto] ?? orig.proto,
    ...(entry.timeout !== undefined && { timeout: entry.timeout }),
    ...(entry.state !== undefined && { state: entry.state }),
    orig: { ...tupleJson(orig), ...(origCounters && { counters: countersJson(origCounters) }) },
    reply: { ...tupleJson(reply), ...(replyCounters && { counters: countersJson(replyCounters) }) },
    status: STATUS_NAMES.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name),
    mark: entry.mark,
    ...(entry.zone !== undefined && { zone: entry.zone }),
    ...(entry.helper !== undefined && { helper: entry.helper }),
    ...(entry.labels !== undefined && { labels: entry.labels }),
    ...(master && { master: tupleJson(master) }),
    ...(entry.use !== undefined && { use: entry.use }),
    ...(entry.id !== undefined && { id: entry.id }),
  };
}
