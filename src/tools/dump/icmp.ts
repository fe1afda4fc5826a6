/** ICMP, ICMPv6 and IGMP as tcpdump prints them. */
import { formatIpv4, formatIpv6, formatMac } from '../../config/ip_address.js';
import { type Bytes, checksum, hex, hexDump, Truncated } from './bytes.js';

const ip4 = (bytes: Bytes, at: number) => formatIpv4(bytes.slice(at, 4));
const ip6 = (bytes: Bytes, at: number) => formatIpv6(bytes.slice(at, 16));

/** `length`: of the message, as the network header says. */
/** `inner` prints the packet that an error is about. */
export function printIcmp(
  icmp: Bytes,
  length: number,
  verbose: number,
  isFragment: boolean,
  inner: (packet: Bytes) => string,
): string {
  let text: string;
  try {
    text = icmpText(icmp);
  } catch (error) {
    if (!(error instanceof Truncated)) throw error;
    return 'ICMP [|icmp]';
  }
  let sum = '';
  if (verbose > 0 && !isFragment && icmp.length >= length && checksum(icmp, length) !== 0) {
    sum = ` (wrong icmp cksum ${icmp.u16(2).toString(16)} (->${icmpRight(icmp, length).toString(16)})!)`;
  }
  const about = verbose > 0 && ERRORS.has(icmp.u8(0)) && icmp.length > 8 ? `\n\t${inner(icmp.from(8))}` : '';
  return `ICMP ${text}, length ${length}${sum}${about}`;
}

/** Messages that quote the packet that they are about. */
const ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

function icmpRight(icmp: Bytes, length: number): number {
  let sum = ~checksum(icmp, length) & 0xffff;
  sum += ~icmp.u16(2) & 0xffff;
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function icmpText(icmp: Bytes): string {
  const [type, code] = [icmp.u8(0), icmp.u8(1)];
  switch (type) {
    case 0:
    case 8:
      return `echo ${type === 8 ? 'request' : 'reply'}, id ${icmp.u16(4)}, seq ${icmp.u16(6)}`;
    case 3:
      return unreachable(icmp, code);
    case 4:
      return 'source quench';
    case 5: {
      const to = ['net', 'host', 'tos-net', 'tos-host'][code];
      const what = to ?? `#${code}`;
      return `redirect ${ip4(icmp, 24)} to ${what.replace('tos-', '')} ${ip4(icmp, 4)}`;
    }
    case 9:
      return `router advertisement lifetime ${icmp.u16(6)} ${icmp.u8(4)}`;
    case 10:
      return 'router solicitation';
    case 11:
      if (code === 0) return 'time exceeded in-transit';
      return code === 1 ? 'ip reassembly time exceeded' : `time exceeded-#${code}`;
    case 12:
      return code === 0 ? `parameter problem - octet ${icmp.u8(4)}` : `parameter problem - code ${code}`;
    case 13:
      return `time stamp query id ${icmp.u16(4)} seq ${icmp.u16(6)}`;
    case 14:
      return `time stamp reply id ${icmp.u16(4)} seq ${icmp.u16(6)}: org ${stamp(icmp.u32(8))}, recv ${stamp(icmp.u32(12))}, xmit ${stamp(icmp.u32(16))}`;
    default:
      return `type-#${type}`;
  }
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

function unreachable(icmp: Bytes, code: number): string {
  const target = ip4(icmp, 24);
  switch (code) {
    case 0:
      return `net ${target} unreachable`;
    case 1:
      return `host ${target} unreachable`;
    case 2:
      return `${target} protocol ${icmp.u8(17)} unreachable`;
    case 3: {
      const port = icmp.u16(8 + (icmp.u8(8) & 15) * 4 + 2);
      const protocol = icmp.u8(17);
      if (protocol === 6) return `${target} tcp port ${port} unreachable`;
      return protocol === 17
        ? `${target} udp port ${port} unreachable`
        : `${target} protocol ${protocol} port ${port} unreachable`;
    }
    case 4: {
      const mtu = icmp.u16(6);
      return `${target} unreachable - need to frag${mtu > 0 ? ` (mtu ${mtu})` : ''}`;
    }
    case 5:
      return `${target} unreachable - source route failed`;
    case 9:
      return `net ${target} unreachable - admin prohibited`;
    case 10:
      return `host ${target} unreachable - admin prohibited`;
    case 13:
      return `host ${target} unreachable - admin prohibited filter`;
    default:
      return `${target} unreachable - #${code}`;
  }
}

const ICMP6_UNREACHABLE = [
  'unreachable route',
  'unreachable prohibited',
  'beyond scope',
  'unreachable address',
  'unreachable port',
];

export function printIcmp6(
  icmp: Bytes,
  length: number,
  verbose: number,
  pseudo: number,
  isFragment: boolean,
): string {
  let sum = '';
  if (verbose > 0 && !isFragment && icmp.length >= length) {
    sum =
      checksum(icmp, length, pseudo) === 0
        ? '[icmp6 sum ok] '
        : `[bad icmp6 cksum ${hex(icmp.u16(2), 4)} -> ${hex(right(icmp, length, pseudo), 4)}!] `;
  }
  try {
    if (verbose > 0) return `${sum}ICMP6, ${icmp6Verbose(icmp, length, verbose)}`;
    return `ICMP6, ${icmp6Text(icmp)}, length ${length}`;
  } catch (error) {
    if (error instanceof Truncated) return 'ICMP6 [|icmp6]';
    throw error;
  }
}

function right(icmp: Bytes, length: number, pseudo: number): number {
  let sum = ~checksum(icmp, length, pseudo) & 0xffff;
  sum += ~icmp.u16(2) & 0xffff;
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** With -v neighbour discovery has its length in front, and its options below. */
function icmp6Verbose(icmp: Bytes, length: number, verbose: number): string {
  switch (icmp.u8(0)) {
    case 133:
      return `router solicitation, length ${length}${ndOptions(icmp, 8, length, verbose)}`;
    case 135:
      return `neighbor solicitation, length ${length}, who has ${ip6(icmp, 8)}${ndOptions(icmp, 24, length, verbose)}`;
    case 136: {
      const bits = icmp.u8(4);
      const names = [
        bits & 0x80 ? 'router' : '',
        bits & 0x40 ? 'solicited' : '',
        bits & 0x20 ? 'override' : '',
      ];
      const flags = names.filter((name) => name !== '').join(', ') || 'none';
      return `neighbor advertisement, length ${length}, tgt is ${ip6(icmp, 8)}, Flags [${flags}]${ndOptions(icmp, 24, length, verbose)}`;
    }
    case 128:
    case 129:
      return icmp6Text(icmp);
    default:
      return `${icmp6Text(icmp)}, length ${length}`;
  }
}

const ND_OPTIONS: Readonly<Record<number, string>> = {
  1: 'source link-address option',
  2: 'destination link-address option',
  3: 'prefix info option',
  4: 'redirected header option',
  5: 'mtu option',
  24: 'route info option',
  25: 'rdnss option',
};

function ndOptions(icmp: Bytes, from: number, length: number, verbose: number): string {
  let text = '';
  for (let at = from; at + 8 <= Math.min(length, icmp.length); ) {
    const [kind, units] = [icmp.u8(at), icmp.u8(at + 1)];
    if (units === 0) break;
    text += `\n\t  ${ND_OPTIONS[kind] ?? 'unknown option'} (${kind}), length ${units * 8} (${units}): `;
    if (kind === 1 || kind === 2) text += formatMac(icmp.slice(at + 2, 6));
    else if (kind === 5) text += ` ${icmp.u32(at + 4)}`;
    if (verbose > 1) text += hexDump(icmp.slice(at + 2, units * 8 - 2), false, '\n\t    ');
    at += units * 8;
  }
  return text;
}

function icmp6Text(icmp: Bytes): string {
  const [type, code] = [icmp.u8(0), icmp.u8(1)];
  switch (type) {
    case 1: {
      const what = ICMP6_UNREACHABLE[code];
      if (code === 4) {
        const next = icmp.u8(14);
        const port = icmp.u16(50);
        const name = next === 6 ? 'tcp port' : next === 17 ? 'udp port' : `protocol ${next} port`;
        return `destination unreachable, unreachable port, ${ip6(icmp, 32)} ${name} ${port}`;
      }
      return `destination unreachable, ${what ?? `unknown unreach code (${code})`} ${ip6(icmp, 32)}`;
    }
    case 2:
      return `packet too big, mtu ${icmp.u32(4)}`;
    case 3:
      if (code === 0) return `time exceeded in-transit for ${ip6(icmp, 32)}`;
      return code === 1 ? 'ip6 reassembly time exceeded' : `time exceeded, unknown code (${code})`;
    case 4: {
      const where = icmp.u32(4);
      if (code === 0) return `parameter problem, erroneous - octet ${where}`;
      if (code === 1) return `parameter problem, next header - octet ${where}`;
      return code === 2 ? `parameter problem, option - octet ${where}` : `parameter problem, code-#${code}`;
    }
    case 128:
    case 129:
      return `echo ${type === 128 ? 'request' : 'reply'}, id ${icmp.u16(4)}, seq ${icmp.u16(6)}`;
    case 130:
      return `multicast listener query${icmp.length >= 28 ? ' v2' : ''}`;
    case 131:
      return 'multicast listener report';
    case 132:
      return 'multicast listener done';
    case 133:
      return 'router solicitation';
    case 134:
      return 'router advertisement';
    case 135:
      return `neighbor solicitation, who has ${ip6(icmp, 8)}`;
    case 136:
      return `neighbor advertisement, tgt is ${ip6(icmp, 8)}`;
    case 137:
      return `redirect, ${ip6(icmp, 24)} to ${ip6(icmp, 8)}`;
    case 143:
      return `multicast listener report v2, ${icmp.u16(6)} group record(s)`;
    default:
      return `type-#${type}`;
  }
}

export function printIgmp(igmp: Bytes, length: number, verbose: number): string {
  const text = igmpText(igmp, length);
  const wrong = verbose > 0 && igmp.length >= length && length >= 4 && checksum(igmp, length) !== 0;
  return wrong ? `${text} bad igmp cksum ${igmp.u16(2).toString(16)}!` : text;
}

function igmpText(igmp: Bytes, length: number): string {
  try {
    switch (igmp.u8(0)) {
      case 0x11:
        if (length >= 12) return `igmp query v3${group(igmp, 4)}`;
        return igmp.u8(1) === 0 ? 'igmp query v1' : `igmp query v2${group(igmp, 4)}`;
      case 0x12:
        return `igmp v1 report ${ip4(igmp, 4)}`;
      case 0x16:
        return `igmp v2 report ${ip4(igmp, 4)}`;
      case 0x17:
        return `igmp leave ${ip4(igmp, 4)}`;
      case 0x22:
        return `igmp v3 report, ${igmp.u16(6)} group record(s)`;
      default:
        return `igmp-${igmp.u8(0)}`;
    }
  } catch (error) {
    if (error instanceof Truncated) return 'igmp [|igmp]';
    throw error;
  }
}

function group(igmp: Bytes, at: number): string {
  const address = ip4(igmp, at);
  return address === '0.0.0.0' ? '' : ` [gaddr ${address}]`;
}
