/**
 * Frames in tcpdump's words (tcpdump -n): Ethernet, VLAN, LLC with STP, ARP, IPv4, IPv6 and what is in them. A header of
 * which a part was not captured ends the line with "[|name]".
 */
import { formatIpv4, formatMac } from '../../config/ip_address.js';
import { Bytes, hex, hexDump, Truncated } from './bytes.js';
import { IpPrinter } from './ip.js';
import { TcpPrinter } from './tcp.js';

export interface PrintOptions {
  /** -e: the link-layer header. */
  readonly link?: boolean;
  /** -v, -vv */
  readonly verbose?: number;
  /** -x, -xx, -X, -XX: bytes below each line; with the link-layer header, with characters. */
  readonly hex?: { readonly link: boolean; readonly ascii: boolean };
  /** -t (1) nothing, -tt (2) seconds since 1970, -ttt (3) since the one before, -tttt (4) with the date. */
  readonly time?: 0 | 1 | 2 | 3 | 4;
  /** -S: sequence numbers as they are. */
  readonly absoluteSeq?: boolean;
  /** -#: numbers in front. */
  readonly number?: boolean;
}

export interface PrintedFrame {
  readonly data: Uint8Array;
  readonly originalLength: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly comments?: readonly string[];
  readonly number?: number;
}

const ETHER_NAMES: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  2054: 'ARP',
  32821: 'Reverse ARP',
  34525: 'IPv6',
  33024: '802.1Q',
  34984: '802.1Q-QinQ',
  37120: '802.1Q-9100',
  34887: 'MPLS unicast',
  34915: 'PPPoE D',
  34916: 'PPPoE S',
  35020: 'LLDP',
  36864: 'Loopback',
};
const ETHERTYPE_MIN = 1536;
const VLANS = new Set([0x8100, 0x88a8, 0x9100]);

export class FramePrinter {
  private readonly ip: IpPrinter;
  /** Bytes of the link-layer header of the frame that is printed. */
  private linkBytes = 0;
  private before: { seconds: number; nanoseconds: number } | undefined;

  constructor(private readonly options: PrintOptions = {}) {
    this.ip = new IpPrinter(new TcpPrinter(options.absoluteSeq ?? false), options.verbose ?? 0);
  }

  /** Lines of one frame, without the last line's end. */
  print(frame: PrintedFrame): string {
    const { options } = this;
    const number =
      options.number && frame.number !== undefined ? `${String(frame.number).padStart(5)}  ` : '';
    const bytes = new Bytes(frame.data, 0, frame.data.length);
    let text: string;
    try {
      text = this.ethernet(bytes, frame.originalLength);
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      text = '[|ether]';
    }
    const notes = frame.comments?.length ? `  # ${frame.comments.join('; ')}` : '';
    return number + this.time(frame) + text + notes + this.dump(frame.data);
  }

  private time(frame: PrintedFrame): string {
    const { seconds, nanoseconds } = frame;
    const fraction = String(Math.floor(nanoseconds / 1000)).padStart(6, '0');
    const { before } = this;
    this.before = { seconds, nanoseconds };
    switch (this.options.time ?? 0) {
      case 1:
        return '';
      case 2:
        return `${seconds}.${fraction} `;
      case 3: {
        const from = before ?? frame;
        const us =
          (seconds - from.seconds) * 1e6 +
          Math.floor(nanoseconds / 1000) -
          Math.floor(from.nanoseconds / 1000);
        const sign = us < 0 ? '-' : '';
        const whole = Math.floor(Math.abs(us) / 1e6);
        return `${sign === '' ? ' ' : sign}${clock(whole)}.${String(Math.abs(us) % 1e6).padStart(6, '0')} `;
      }
      default: {
        const date = new Date(seconds * 1000);
        const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
        const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction} `;
        return this.options.time === 4 ? day + time : time;
      }
    }
  }

  private ethernet(frame: Bytes, wire: number): string {
    const { link = false } = this.options;
    if (frame.length < 14) return '[|ether]';
    let type = frame.u16(12);
    let at = 14;
    this.linkBytes = 14;
    let text = link ? `${formatMac(frame.slice(6, 6))} > ${formatMac(frame.slice(0, 6))}, ` : '';
    if (type < ETHERTYPE_MIN) {
      if (link) text += `802.3, length ${type}: `;
      return text + this.llc(frame.from(at, type), type);
    }
    if (link) text += `${etherName(type)}, length ${wire}: `;
    while (VLANS.has(type)) {
      if (frame.length < at + 4) return `${text}[|vlan]`;
      const tci = frame.u16(at);
      type = frame.u16(at + 2);
      at += 4;
      this.linkBytes = at;
      const drop = tci & 0x1000 ? 'DEI, ' : '';
      if (link) {
        text += `vlan ${tci & 0xfff}, p ${tci >> 13}, ${drop}`;
        if (type < ETHERTYPE_MIN)
          return `${text}802.3, length ${type}: ${this.llc(frame.from(at, type), type)}`;
        text += `${etherName(type)}, `;
      } else if (type < ETHERTYPE_MIN) return text + this.llc(frame.from(at, type), type);
    }
    const body = frame.from(at);
    const wireBody = wire - at;
    switch (type) {
      case 0x0800:
        return text + this.guard('ip', () => this.ip.print4(body, link ? '' : 'IP '));
      case 0x86dd:
        return text + this.guard('ip6', () => this.ip.print6(body, link ? '' : 'IP6 '));
      case 0x0806:
      case 0x8035:
        return text + this.guard('arp', () => this.arp(body, wireBody, type, link));
      default:
        if (link) return `${text}${this.unknown(body)}`.trimEnd();
        return `${formatMac(frame.slice(6, 6))} > ${formatMac(frame.slice(0, 6))}, ${etherName(type)}, length ${wire}: ${this.unknown(body)}`.trimEnd();
    }
  }

  private guard(name: string, print: () => string): string {
    try {
      return print();
    } catch (error) {
      if (error instanceof Truncated) return `[|${name}]`;
      throw error;
    }
  }

  /** tcpdump shows the bytes of what it does not know. */
  private unknown(body: Bytes): string {
    if (this.options.hex !== undefined || body.length === 0) return '';
    return hexDump(body.slice(0, body.length), true).trimEnd();
  }

  private arp(arp: Bytes, length: number, type: number, link: boolean): string {
    const op = arp.u16(6);
    let text = link ? '' : type === 0x0806 ? 'ARP, ' : 'Reverse ARP, ';
    const [hard, proto] = [arp.u16(0), arp.u16(2)];
    if (hard !== 1 || proto !== 0x0800 || arp.u8(4) !== 6 || arp.u8(5) !== 4) {
      return `${text}Unknown Hardware (${hard}) (len ${arp.u8(4)}), Unknown Protocol (${hex(proto, 4)}) (len ${arp.u8(5)}), length ${length}`;
    }
    if ((this.options.verbose ?? 0) > 0) text += 'Ethernet (len 6), IPv4 (len 4), ';
    const [sha, tha] = [formatMac(arp.slice(8, 6)), arp.slice(18, 6)];
    const [sip, tip] = [formatIpv4(arp.slice(14, 4)), formatIpv4(arp.slice(24, 4))];
    switch (op) {
      case 1: {
        const known = tha.some((octet) => octet !== 0) ? ` (${formatMac(tha)})` : '';
        text += `Request who-has ${tip}${known} tell ${sip}`;
        break;
      }
      case 2:
        text += `Reply ${sip} is-at ${sha}`;
        break;
      case 3:
        text += `Reverse Request who-is ${formatMac(tha)} tell ${sha}`;
        break;
      case 4:
        text += `Reverse Reply ${formatMac(tha)} at ${tip}`;
        break;
      default:
        text += `Unknown (${op})`;
    }
    return `${text}, length ${length}`;
  }

  /** 802.2: STP by its words, others by their service access points. */
  private llc(llc: Bytes, length: number): string {
    return this.guard('llc', () => {
      const [dsap, ssap] = [llc.u8(0), llc.u8(1)];
      this.linkBytes += 3;
      if (dsap !== 0x42 || ssap !== 0x42) {
        return `LLC, dsap ${hex(dsap, 2)}, ssap ${hex(ssap, 2)}, ctrl ${hex(llc.u8(2), 2)}, length ${length}`;
      }
      const head = 'LLC, dsap STP (0x42) Individual, ssap STP (0x42) Command, ctrl 0x03: ';
      return (this.options.link ? head : '') + this.stp(llc.from(3), length - 3);
    });
  }

  private stp(stp: Bytes, length: number): string {
    const version = stp.u8(2);
    const name =
      ['802.1d', 'unknown version', '802.1w', '802.1s'][version] ??
      `Unknown STP protocol (${hex(version, 2)})`;
    const kind = stp.u8(3);
    if (kind === 0x80) return `STP ${name}, Topology Change, length ${length}`;
    const flags = stp.u8(4);
    const bits = [flags & 1 ? 'Topology change' : '', flags & 0x80 ? 'Topology change ACK' : ''];
    const bridgeAt = (at: number) =>
      `${stp.u16(at).toString(16).padStart(4, '0')}.${formatMac(stp.slice(at + 2, 6))}`;
    const config = kind === 0 ? 'Config' : kind === 2 ? 'Rapid STP' : `Unknown (${kind})`;
    const set = bits.filter((bit) => bit !== '').join(', ') || 'none';
    const text = `STP ${name}, ${config}, Flags [${set}], bridge-id ${bridgeAt(17)}.${stp.u16(25).toString(16)}, length ${length}`;
    if ((this.options.verbose ?? 0) === 0) return text;
    const time = (at: number) => `${(stp.u16(at) / 256).toFixed(2)}s`;
    const times = `message-age ${time(27)}, max-age ${time(29)}, hello-time ${time(31)}, forwarding-delay ${time(33)}`;
    return `${text}\n\t${times}\n\troot-id ${bridgeAt(5)}, root-pathcost ${stp.u32(13)}`;
  }

  private dump(data: Uint8Array): string {
    const { hex: want } = this.options;
    if (want === undefined) return '';
    return hexDump(want.link ? data : data.subarray(this.linkBytes), want.ascii);
  }
}

function etherName(type: number): string {
  return `ethertype ${ETHER_NAMES[type] ?? 'Unknown'} (${hex(type, 4)})`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function clock(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
