/** A frame in a few words, as tcpdump would say it: addresses, kind, ports. Never reads behind the frame's end. */

const ETHERTYPES: Readonly<Record<number, string>> = {
  34525: 'IPv6',
  2048: 'IPv4',
  2054: 'ARP',
  33024: '802.1Q',
  34984: '802.1ad',
  34916: 'PPPoE',
  35020: 'LLDP',
};
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'hop-by-hop',
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  43: 'routing',
  44: 'fragment',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  89: 'OSPF',
  112: 'VRRP',
};
const TCP_FLAGS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'];

/** '02:.. > ff:.. vlan 5 IPv4 10.0.0.1:80 > 10.0.0.2:4000 TCP [S.]' */
export function frameText(frame: Uint8Array): string {
  if (frame.length < 14) return `${frame.length} bytes, too short for Ethernet`;
  const words = [`${macText(frame, 6)} > ${macText(frame, 0)}`];
  let at = 12;
  let type = u16(frame, at);
  while ((type === 0x8100 || type === 0x88a8) && frame.length >= at + 6) {
    words.push(`vlan ${u16(frame, at + 2) & 0xfff}`);
    at += 4;
    type = u16(frame, at);
  }
  const body = frame.subarray(at + 2);
  if (type < 1536) words.push(`802.3 length ${type}`);
  else if (type === 0x0800) words.push(ipv4Text(body));
  else if (type === 0x86dd) words.push(ipv6Text(body));
  else if (type === 0x0806) words.push(arpText(body));
  else words.push(ETHERTYPES[type] ?? `0x${type.toString(16).padStart(4, '0')}`);
  return words.join(' ');
}

function ipv4Text(b: Uint8Array): string {
  const headerBytes = ((b[0] ?? 0) & 15) * 4;
  if (b.length < 20 || headerBytes < 20 || b.length < headerBytes) return 'IPv4 (cut)';
  const fragment = (u16(b, 6) & 0x1fff) * 8;
  const tail = fragment !== 0 ? ` fragment at ${fragment}` : '';
  const payload = fragment === 0 ? b.subarray(headerBytes) : b.subarray(b.length);
  return `IPv4 ${transport(b[9]!, payload, v4(b, 12), v4(b, 16))}${tail}`;
}

function ipv6Text(b: Uint8Array): string {
  if (b.length < 40) return 'IPv6 (cut)';
  return `IPv6 ${transport(b[6]!, b.subarray(40), v6(b, 8), v6(b, 24))}`;
}

function arpText(b: Uint8Array): string {
  if (b.length < 28 || u16(b, 2) !== 0x0800 || b[4] !== 6 || b[5] !== 4) return 'ARP (cut)';
  const operation = u16(b, 6);
  if (operation === 1) return `ARP who-has ${v4(b, 24)} tell ${v4(b, 14)}`;
  if (operation === 2) return `ARP ${v4(b, 14)} is-at ${macText(b, 8)}`;
  return `ARP operation ${operation}`;
}

function transport(protocol: number, b: Uint8Array, from: string, to: string): string {
  const name = PROTOCOLS[protocol] ?? `protocol ${protocol}`;
  if ((protocol === 6 || protocol === 17) && b.length >= 4) {
    const flags = protocol === 6 && b.length >= 14 ? ` [${tcpFlags(b[13]!)}]` : '';
    const port = (address: string, p: number): string =>
      address.includes(':') ? `[${address}]:${p}` : `${address}:${p}`;
    return `${port(from, u16(b, 0))} > ${port(to, u16(b, 2))} ${name}${flags}`;
  }
  const kind = (protocol === 1 || protocol === 58) && b.length >= 2 ? ` ${b[0]}/${b[1]}` : '';
  return `${from} > ${to} ${name}${kind}`;
}

function tcpFlags(flags: number): string {
  return TCP_FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0).join('');
}

function u16(b: Uint8Array, at: number): number {
  return ((b[at] ?? 0) << 8) | (b[at + 1] ?? 0);
}

function macText(b: Uint8Array, at: number): string {
  return [...b.subarray(at, at + 6)].map((x) => x.toString(16).padStart(2, '0')).join(':');
}

function v4(b: Uint8Array, at: number): string {
  return b.subarray(at, at + 4).join('.');
}

/** RFC 5952: the longest run of two or more zero words becomes '::'. */
function v6(b: Uint8Array, at: number): string {
  const words = Array.from({ length: 8 }, (_, i) => u16(b, at + 2 * i).toString(16));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (words[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length < 2) return words.join(':');
  return `${words.slice(0, best.start).join(':')}::${words.slice(best.start + best.length).join(':')}`;
}
