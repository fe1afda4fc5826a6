/**
 * What `log` writes, in the fields of the kernel's log (IN= OUT= MAC= SRC= DST= LEN= ... PROTO= SPT= DPT=), so that whatever reads
 * the lines of Linux reads these. Linux: net/netfilter/nf_log_syslog.c.
 */
import { TRACE_NO_DEVICE } from '../../../assembly/abi/trace.js';
import { formatIpv4, formatMac } from '../../config/ip_address.js';
import type { TraceRecord } from '../../core/trace_ring.js';
import {
  LOG_LEVELS,
  type LogLevel,
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
} from '../../nft/datatype/log.js';

export interface LoggedPacket {
  readonly prefix: string;
  /** Of `log level ...`; undefined: `log group N`. */
  readonly level?: LogLevel;
  readonly group?: number;
  readonly flags: number;
  /** Handles of devices. */
  readonly in?: number;
  readonly out?: number;
  /** NfProto of the hook. */
  readonly family: number;
  readonly mark: number;
  /** Bytes of the link-layer header at the beginning of `frame`. */
  readonly linkBytes: number;
  readonly frame: Uint8Array;
  /** Bytes that the packet had. */
  readonly length: number;
  readonly ns: number;
}

const OUTPUT_HOOKS = new Set([3, 4]);
const NFPROTO_NETDEV = 5;
const NETDEV_EGRESS = 1;

/** Of a record of kind NFLOG. */
export function readLog(record: TraceRecord): LoggedPacket {
  const { detail, a, b, c, d, data, device } = record;
  const end = data.indexOf(0);
  const hook = c & 0xff;
  const family = (c >> 8) & 0xff;
  const out = d === TRACE_NO_DEVICE ? undefined : d;
  const leaves = family === NFPROTO_NETDEV ? hook === NETDEV_EGRESS : OUTPUT_HOOKS.has(hook);
  const inside = device !== TRACE_NO_DEVICE && !(device === out && leaves);
  return {
    prefix: new TextDecoder().decode(data.subarray(0, end)),
    ...((detail & 1) === 1 ? { group: a } : { level: LOG_LEVELS[a] ?? 'warn' }),
    flags: b,
    ...(inside && { in: device }),
    ...(out !== undefined && { out }),
    family,
    mark: record.mark,
    linkBytes: detail >> 8,
    frame: data.subarray(end + 1),
    length: record.length,
    ns: record.ns,
  };
}

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    readonly flags: number,
  ) {}

  /** Are so many bytes there? */
  has(at: number, count: number): boolean {
    return at + count <= this.bytes.length;
  }

  u8(at: number): number {
    return this.bytes[at] ?? 0;
  }

  u16(at: number): number {
    return (this.u8(at) << 8) | this.u8(at + 1);
  }

  u32(at: number): number {
    return ((this.u16(at) << 16) | this.u16(at + 2)) >>> 0;
  }

  /** All groups, all digits. */
  ip6(at: number): string {
    return Array.from({ length: 8 }, (_, i) =>
      this.u16(at + i * 2)
        .toString(16)
        .padStart(4, '0'),
    ).join(':');
  }

  hex(from: number, to: number): string {
    return Buffer.from(this.bytes.subarray(from, to)).toString('hex').toUpperCase();
  }
}

const hex2 = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;
const NFPROTO_ARP = 3;

/** One line, without what syslog puts in front. */
export function logLine(log: LoggedPacket, deviceName: (handle: number) => string): string {
  const name = (handle: number | undefined) => (handle === undefined ? '' : deviceName(handle));
  let text = `${log.prefix}IN=${name(log.in)} OUT=${name(log.out)} `;
  const { linkBytes, frame, flags } = log;
  const type = linkBytes >= 14 ? (frame[linkBytes - 2]! << 8) | frame[linkBytes - 1]! : 0;
  if (log.in !== undefined) text += macText(frame, linkBytes, flags);
  const reader = new Reader(frame.subarray(linkBytes), flags);
  const version = reader.u8(0) >> 4;
  const arp = log.family === NFPROTO_ARP || type === 0x0806;
  if (arp) text += arpText(reader);
  else if (version === 4) text += ip4Text(reader, 0, true);
  else if (version === 6) text += ip6Text(reader, 0, true);
  else if (type !== 0) text += `MACPROTO=${type.toString(16).padStart(4, '0')} `;
  if (log.mark !== 0) text += `MARK=0x${log.mark.toString(16)} `;
  return text.trimEnd();
}

function macText(frame: Uint8Array, linkBytes: number, flags: number): string {
  if ((flags & NF_LOG_MACDECODE) !== 0 && linkBytes >= 14) {
    const type = Buffer.from(frame.subarray(12, 14)).toString('hex');
    return `MACSRC=${formatMac(frame.subarray(6, 12))} MACDST=${formatMac(frame.subarray(0, 6))} MACPROTO=${type} `;
  }
  const bytes = Array.from(frame.subarray(0, linkBytes), (byte) => byte.toString(16).padStart(2, '0'));
  return `MAC=${bytes.join(':')} `;
}

function arpText(r: Reader): string {
  if (!r.has(0, 8)) return 'TRUNCATED';
  const head = `ARP HTYPE=${r.u16(0)} PTYPE=0x${r.u16(2).toString(16).padStart(4, '0')} OPCODE=${r.u16(6)}`;
  if (r.u16(0) !== 1 || r.u8(4) !== 6 || r.u8(5) !== 4) return head;
  if (!r.has(8, 20)) return `${head} INCOMPLETE [${r.bytes.length - 8} bytes]`;
  const mac = (at: number) => formatMac(r.bytes.subarray(at, at + 6));
  const ip = (at: number) => formatIpv4(r.bytes.subarray(at, at + 4));
  return `${head} MACSRC=${mac(8)} IPSRC=${ip(14)} MACDST=${mac(18)} IPDST=${ip(24)}`;
}

/** `outer`: not the packet within an error. */
function ip4Text(r: Reader, at: number, outer: boolean): string {
  if (!r.has(at, 20)) return 'TRUNCATED';
  const head = (r.u8(at) & 15) * 4;
  const tos = r.u8(at + 1);
  const address = (from: number) => formatIpv4(r.bytes.subarray(from, from + 4));
  let text = `SRC=${address(at + 12)} DST=${address(at + 16)} LEN=${r.u16(at + 2)} TOS=${hex2(tos & 0x1e)} `;
  text += `PREC=${hex2(tos & 0xe0)} TTL=${r.u8(at + 8)} ID=${r.u16(at + 4)} `;
  const frag = r.u16(at + 6);
  if ((frag & 0x8000) !== 0) text += 'CE ';
  if ((frag & 0x4000) !== 0) text += 'DF ';
  if ((frag & 0x2000) !== 0) text += 'MF ';
  const offset = frag & 0x1fff;
  if (offset !== 0) text += `FRAG:${offset} `;
  if ((r.flags & NF_LOG_IPOPT) !== 0 && head > 20) text += `OPT (${r.hex(at + 20, at + head)}) `;
  const protocol = r.u8(at + 9);
  if (protocol === 1) return text + icmpText(r, at + head, offset !== 0, outer);
  return text + transportText(r, at + head, protocol, offset !== 0);
}

const EXTENSIONS = new Set([0, 43, 44, 60]);

function ip6Text(r: Reader, at: number, outer: boolean): string {
  if (!r.has(at, 40)) return 'TRUNCATED';
  const first = r.u32(at);
  let text = `SRC=${r.ip6(at + 8)} DST=${r.ip6(at + 24)} LEN=${r.u16(at + 4) + 40} `;
  text += `TC=${(first >>> 20) & 0xff} HOPLIMIT=${r.u8(at + 7)} FLOWLBL=${first & 0xfffff} `;
  let next = r.u8(at + 6);
  let p = at + 40;
  let fragment = false;
  while (EXTENSIONS.has(next) && r.has(p, 8)) {
    if (next === 44) {
      const word = r.u16(p + 2);
      fragment = (word & 0xfff8) !== 0;
      text += `FRAG:${word & 0xfff8} `;
      if ((word & 1) !== 0) text += 'INCOMPLETE ';
      text += `ID:${r
        .u32(p + 4)
        .toString(16)
        .padStart(8, '0')} `;
      next = r.u8(p);
      p += 8;
      if (fragment) break;
      continue;
    }
    const bytes = (r.u8(p + 1) + 1) * 8;
    if ((r.flags & NF_LOG_IPOPT) !== 0) text += 'OPT ( ) ';
    next = r.u8(p);
    p += bytes;
  }
  if (next === 58) return text + icmp6Text(r, p, fragment, outer);
  return text + transportText(r, p, next, fragment);
}

const FLAG_WORDS = ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'];

function transportText(r: Reader, at: number, protocol: number, fragment: boolean): string {
  const left = r.bytes.length - at;
  const incomplete = `INCOMPLETE [${Math.max(0, left)} bytes] `;
  switch (protocol) {
    case 6: {
      if (fragment) return 'PROTO=TCP ';
      if (!r.has(at, 20)) return `PROTO=TCP ${incomplete}`;
      let text = `PROTO=TCP SPT=${r.u16(at)} DPT=${r.u16(at + 2)} `;
      if ((r.flags & NF_LOG_TCPSEQ) !== 0) text += `SEQ=${r.u32(at + 4)} ACK=${r.u32(at + 8)} `;
      text += `WINDOW=${r.u16(at + 14)} RES=${hex2((r.u8(at + 12) & 15) << 2)} `;
      const flags = r.u8(at + 13);
      for (const [i, word] of FLAG_WORDS.entries()) if ((flags & (0x80 >> i)) !== 0) text += `${word} `;
      text += `URGP=${r.u16(at + 18)} `;
      const head = (r.u8(at + 12) >> 4) * 4;
      if ((r.flags & NF_LOG_TCPOPT) !== 0 && head > 20) text += `OPT (${r.hex(at + 20, at + head)}) `;
      return text;
    }
    case 17:
    case 136: {
      const word = protocol === 17 ? 'UDP' : 'UDPLITE';
      if (fragment) return `PROTO=${word} `;
      if (!r.has(at, 8)) return `PROTO=${word} ${incomplete}`;
      return `PROTO=${word} SPT=${r.u16(at)} DPT=${r.u16(at + 2)} LEN=${r.u16(at + 4)} `;
    }
    case 51:
      if (fragment) return 'PROTO=AH ';
      return r.has(at, 12) ? `PROTO=AH SPI=0x${r.u32(at + 4).toString(16)} ` : `PROTO=AH ${incomplete}`;
    case 50:
      if (fragment) return 'PROTO=ESP ';
      return r.has(at, 8) ? `PROTO=ESP SPI=0x${r.u32(at).toString(16)} ` : `PROTO=ESP ${incomplete}`;
    default:
      return `PROTO=${protocol} `;
  }
}

const ICMP_WITH_PACKET = new Set([3, 4, 11]);

function icmpText(r: Reader, at: number, fragment: boolean, outer: boolean): string {
  if (fragment) return 'PROTO=ICMP ';
  if (!r.has(at, 8)) return `PROTO=ICMP INCOMPLETE [${Math.max(0, r.bytes.length - at)} bytes] `;
  const type = r.u8(at);
  const code = r.u8(at + 1);
  let text = `PROTO=ICMP TYPE=${type} CODE=${code} `;
  if (type === 0 || type === 8) text += `ID=${r.u16(at + 4)} SEQ=${r.u16(at + 6)} `;
  if (type === 12) text += `PARAMETER=${r.u8(at + 4)} `;
  if (type === 5) text += `GATEWAY=${formatIpv4(r.bytes.subarray(at + 4, at + 8))} `;
  if (outer && (ICMP_WITH_PACKET.has(type) || type === 5) && r.has(at + 8, 20)) {
    text += `[${ip4Text(r, at + 8, false)}] `;
    if (type === 3 && code === 4) text += `MTU=${r.u16(at + 6)} `;
  }
  return text;
}

function icmp6Text(r: Reader, at: number, fragment: boolean, outer: boolean): string {
  if (fragment) return 'PROTO=ICMPv6 ';
  if (!r.has(at, 8)) return `PROTO=ICMPv6 INCOMPLETE [${Math.max(0, r.bytes.length - at)} bytes] `;
  const type = r.u8(at);
  let text = `PROTO=ICMPv6 TYPE=${type} CODE=${r.u8(at + 1)} `;
  if (type === 128 || type === 129) text += `ID=${r.u16(at + 4)} SEQ=${r.u16(at + 6)} `;
  if (type === 4)
    text += `POINTER=${r
      .u32(at + 4)
      .toString(16)
      .padStart(8, '0')} `;
  if (outer && type >= 1 && type <= 4 && r.has(at + 8, 40)) {
    text += `[${ip6Text(r, at + 8, false)}] `;
    if (type === 2) text += `MTU=${r.u32(at + 4)} `;
  }
  return text;
}
