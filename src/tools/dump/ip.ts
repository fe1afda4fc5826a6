/** IPv4 and IPv6 headers as tcpdump prints them, and what is in them. */
import { formatIpv4, formatIpv6 } from '../../config/ip_address.js';
import { type Bytes, checksum, hex } from './bytes.js';
import { printIcmp, printIcmp6, printIgmp } from './icmp.js';
import { printUdp, type TcpPrinter } from './tcp.js';

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  0: 'Options',
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  43: 'Routing',
  44: 'Fragment',
  60: 'Options',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  89: 'OSPF',
  103: 'PIM',
  112: 'VRRP',
  132: 'SCTP',
};

export class IpPrinter {
  constructor(
    private readonly tcp: TcpPrinter,
    private readonly verbose: number,
  ) {}

  /** `prefix`: 'IP ' where the ethertype was not printed. */
  print4(ip: Bytes, prefix: string): string {
    const { verbose } = this;
    const version = ip.u8(0) >> 4;
    const header = (ip.u8(0) & 15) * 4;
    if (version !== 4) return `${prefix}IP${version}, wrong link-layer encapsulation, bad-hlen ${header}`;
    if (header < 20) return `${prefix}bad-hlen ${header}`;
    if (ip.length < 20) return `${prefix}[|ip]`;
    const total = ip.u16(2);
    const fragment = ip.u16(6);
    const offset = (fragment & 0x1fff) * 8;
    const protocol = ip.u8(9);
    const [source, destination] = [formatIpv4(ip.slice(12, 4)), formatIpv4(ip.slice(16, 4))];
    let text = prefix;
    if (verbose > 0) {
      const flags = [
        fragment & 0x8000 ? 'rsvd' : '',
        fragment & 0x4000 ? 'DF' : '',
        fragment & 0x2000 ? '+' : '',
      ].filter((f) => f !== '');
      text += `(tos ${hex(ip.u8(1))}`;
      const ecn = ['', ',ECT(1)', ',ECT(0)', ',CE'][ip.u8(1) & 3]!;
      text += ecn;
      if (ip.u8(8) >= 1) text += `, ttl ${ip.u8(8)}`;
      text += `, id ${ip.u16(4)}, offset ${offset}, flags [${flags.join(', ') || 'none'}], proto ${PROTOCOL_NAMES[protocol] ?? 'unknown'} (${protocol}), length ${total}`;
      if (header > 20) text += `, options (${ipOptions(ip, header)})`;
      if (ip.length >= header && checksum(ip, header) !== 0)
        text += `, bad cksum ${ip.u16(10).toString(16)} (->${rightHeaderSum(ip, header).toString(16)})!`;
      text += ')\n    ';
    }
    const length = total - header;
    const body = ip.from(header, length);
    if (offset !== 0) return `${text}${source} > ${destination}: ip-proto-${protocol}`;
    const pseudo = ip.u16(12) + ip.u16(14) + ip.u16(16) + ip.u16(18) + protocol + length;
    return (
      text +
      this.transport(
        body,
        protocol,
        { source, destination, length, pseudo, isFragment: (fragment & 0x2000) !== 0 },
        false,
      )
    );
  }

  print6(ip: Bytes, prefix: string): string {
    if (ip.length < 40) return `${prefix}[|ip6]`;
    const version = ip.u8(0) >> 4;
    if (version !== 6) return `${prefix}IP6, wrong link-layer encapsulation (invalid)`;
    const payload = ip.u16(4);
    let next = ip.u8(6);
    const [source, destination] = [formatIpv6(ip.slice(8, 16)), formatIpv6(ip.slice(24, 16))];
    let text = prefix;
    if (this.verbose > 0) {
      const traffic = (ip.u16(0) >> 4) & 0xff;
      const flow = ip.u32(0) & 0xfffff;
      text += '(';
      if (traffic !== 0) text += `class ${hex(traffic, 2)}, `;
      if (flow !== 0) text += `flowlabel ${hex(flow, 5)}, `;
      text += `hlim ${ip.u8(7)}, next-header ${PROTOCOL_NAMES[next] ?? 'unknown'} (${next}) payload length: ${payload}) `;
    }
    let at = 40;
    let headers = '';
    let isFragment = false;
    for (;;) {
      if (next === 0 || next === 60 || next === 43) {
        if (ip.length < at + 8)
          return `${text}${source} > ${destination}: ${headers}[|${next === 0 ? 'hbhopt' : next === 60 ? 'dstopt' : 'srcrt'}]`;
        headers +=
          next === 0
            ? 'HBH '
            : next === 60
              ? 'DSTOPT '
              : `srcrt (len=${ip.u8(at + 1)}, type=${ip.u8(at + 2)}, segleft=${ip.u8(at + 3)}) `;
        next = ip.u8(at);
        at += (ip.u8(at + 1) + 1) * 8;
        if (at > ip.length) return `${text}${source} > ${destination}: ${headers.trimEnd()}`;
        continue;
      }
      if (next !== 44) break;
      if (ip.length < at + 8) return `${text}${source} > ${destination}: ${headers}[|frag]`;
      const offset = ip.u16(at + 2);
      const size = payload - (at - 40) - 8;
      headers +=
        this.verbose > 0
          ? `frag (${hex(ip.u32(at + 4), 8)}:${offset & 0xfff8}|${size}) `
          : `frag (${offset & 0xfff8}|${size}) `;
      isFragment = true;
      next = ip.u8(at);
      at += 8;
      if ((offset & 0xfff8) !== 0) return `${text}${source} > ${destination}: ${headers.trimEnd()}`;
    }
    const length = payload - (at - 40);
    let pseudo = next + length;
    for (let i = 8; i < 40; i += 2) pseudo += ip.u16(i);
    const body = ip.from(at, length);
    const context = { source, destination, length, pseudo, isFragment };
    if (headers === '') return text + this.transport(body, next, context, true);
    // tcpdump names the ends once, before the headers.
    const ends = `${source} > ${destination}: `;
    const inner = this.transport(body, next, context, true);
    return (
      text +
      ends +
      headers +
      (inner.startsWith(ends)
        ? inner.slice(ends.length)
        : inner.replace(`${source}.`, '').replace(` > ${destination}.`, ' > '))
    );
  }

  private transport(
    body: Bytes,
    protocol: number,
    {
      source,
      destination,
      length,
      pseudo,
      isFragment,
    }: { source: string; destination: string; length: number; pseudo: number; isFragment: boolean },
    v6: boolean,
  ): string {
    const { verbose } = this;
    const ends = `${source} > ${destination}: `;
    const context = { source, destination, length, pseudo, verbose, isFragment, v4: !v6 };
    switch (protocol) {
      case 6:
        return body.length < 4 ? `${ends}[|tcp]` : this.tcp.print(body, context);
      case 17:
        return body.length < 4 ? `${ends}[|udp]` : printUdp(body, context);
      case 1:
        if (!v6)
          return ends + printIcmp(body, length, verbose, isFragment, (inner) => this.print4(inner, 'IP '));
        break;
      case 2:
        if (!v6) return ends + printIgmp(body, length, verbose);
        break;
      case 58:
        if (v6) return ends + printIcmp6(body, length, verbose, pseudo, isFragment);
        break;
      case 59:
        return `${ends}no next header`;
      default:
    }
    return `${ends}ip-proto-${protocol} ${length}`;
  }
}

function rightHeaderSum(ip: Bytes, header: number): number {
  let sum = ~checksum(ip, header) & 0xffff;
  sum += ~ip.u16(10) & 0xffff;
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const OPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'EOL',
  1: 'NOP',
  7: 'RR',
  68: 'timestamp',
  130: 'security',
  131: 'LSRR',
  136: 'SATID',
  137: 'SSRR',
  148: 'RA',
};

function ipOptions(ip: Bytes, header: number): string {
  const words: string[] = [];
  for (let at = 20; at < header; ) {
    const kind = ip.u8(at);
    words.push(OPTION_NAMES[kind] ?? `unknown ${kind}`);
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = at + 1 < header ? ip.u8(at + 1) : 0;
    if (size < 2 || size > header - at) {
      words.push('[bad length]');
      break;
    }
    at += size;
  }
  return words.join(',');
}
