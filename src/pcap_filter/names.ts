/** Names that stand for numbers in filter expressions: constants of pcap-filter(7), protocols, services. */
import { readFileSync } from 'node:fs';

export const CONSTANTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    icmptype: 0,
    icmpcode: 1,
    'icmp-echoreply': 0,
    'icmp-unreach': 3,
    'icmp-sourcequench': 4,
    'icmp-redirect': 5,
    'icmp-echo': 8,
    'icmp-routeradvert': 9,
    'icmp-routersolicit': 10,
    'icmp-timxceed': 11,
    'icmp-paramprob': 12,
    'icmp-tstamp': 13,
    'icmp-tstampreply': 14,
    'icmp-ireq': 15,
    'icmp-ireqreply': 16,
    'icmp-maskreq': 17,
    'icmp-maskreply': 18,
    icmp6type: 0,
    icmp6code: 1,
    'icmp6-destinationrunreach': 1,
    'icmp6-packettoobig': 2,
    'icmp6-timeexceeded': 3,
    'icmp6-parameterproblem': 4,
    'icmp6-echo': 128,
    'icmp6-echoreply': 129,
    'icmp6-multicastlistenerquery': 130,
    'icmp6-multicastlistenerreportv1': 131,
    'icmp6-multicastlistenerdone': 132,
    'icmp6-routersolicit': 133,
    'icmp6-routeradvert': 134,
    'icmp6-neighborsolicit': 135,
    'icmp6-neighboradvert': 136,
    'icmp6-redirect': 137,
    'icmp6-routerrenum': 138,
    'icmp6-nodeinformationquery': 139,
    'icmp6-nodeinformationresponse': 140,
    'icmp6-ineighbordiscoverysolicit': 141,
    'icmp6-ineighbordiscoveryadvert': 142,
    'icmp6-multicastlistenerreportv2': 143,
    'icmp6-homeagentdiscoveryrequest': 144,
    'icmp6-homeagentdiscoveryreply': 145,
    'icmp6-mobileprefixsolicit': 146,
    'icmp6-mobileprefixadvert': 147,
    'icmp6-certpathsolicit': 148,
    'icmp6-certpathadvert': 149,
    'icmp6-multicastrouteradvert': 151,
    'icmp6-multicastroutersolicit': 152,
    'icmp6-multicastrouterterm': 153,
    tcpflags: 13,
    'tcp-fin': 0x01,
    'tcp-syn': 0x02,
    'tcp-rst': 0x04,
    'tcp-push': 0x08,
    'tcp-ack': 0x10,
    'tcp-urg': 0x20,
    'tcp-ece': 0x40,
    'tcp-cwr': 0x80,
  }),
);

/** IP protocols by the names of /etc/protocols. */
export const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ip: 0,
    hopopt: 0,
    icmp: 1,
    igmp: 2,
    ggp: 3,
    ipencap: 4,
    st: 5,
    tcp: 6,
    egp: 8,
    igp: 9,
    pup: 12,
    udp: 17,
    dccp: 33,
    ipv6: 41,
    'ipv6-route': 43,
    'ipv6-frag': 44,
    rsvp: 46,
    gre: 47,
    esp: 50,
    ah: 51,
    'ipv6-icmp': 58,
    icmp6: 58,
    'ipv6-nonxt': 59,
    'ipv6-opts': 60,
    eigrp: 88,
    ospf: 89,
    ipip: 94,
    pim: 103,
    vrrp: 112,
    l2tp: 115,
    sctp: 132,
    udplite: 136,
  }),
);

/** Ethernet types by the names that pcap knows. */
export const ETHER_PROTOCOLS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    aarp: 0x80f3,
    arp: 0x0806,
    atalk: 0x809b,
    decnet: 0x6003,
    ip: 0x0800,
    ip6: 0x86dd,
    lat: 0x6004,
    loopback: 0x9000,
    mopdl: 0x6001,
    moprc: 0x6002,
    rarp: 0x8035,
    sca: 0x6007,
    iso: 0xfe,
    stp: 0x42,
    ipx: 0xe0,
    netbeui: 0xf0,
  }),
);

/** When the system has no /etc/services. */
const SERVICES =
  'ftp 21 ssh 22 telnet 23 smtp 25 domain 53 bootps 67 bootpc 68 tftp 69 http 80 ntp 123 snmp 161 bgp 179 https 443 syslog 514';

export type Transport = 'tcp' | 'udp' | 'sctp';
let services: Map<string, number> | undefined;

export interface ServicePort {
  readonly port: number;
  /** undefined: of any. */
  readonly transport: Transport | undefined;
}

/** Port of a service; undefined when nobody knows it. One that tcp and udp have alike is of any transport. */
export function servicePort(name: string, transport?: Transport): ServicePort | undefined {
  services ??= readServices();
  const of = (one: Transport) => services!.get(`${name}/${one}`);
  if (transport !== undefined) {
    const port = of(transport);
    return port === undefined ? undefined : { port, transport };
  }
  const [tcp, udp] = [of('tcp'), of('udp')];
  if (tcp !== undefined) return { port: tcp, transport: tcp === udp ? undefined : 'tcp' };
  if (udp !== undefined) return { port: udp, transport: 'udp' };
  const sctp = of('sctp');
  return sctp === undefined ? undefined : { port: sctp, transport: 'sctp' };
}

function readServices(): Map<string, number> {
  const found = new Map<string, number>();
  let text = '';
  try {
    text = readFileSync('/etc/services', 'utf8');
  } catch {
    const words = SERVICES.split(' ');
    for (let i = 0; i < words.length; i += 2) {
      for (const transport of ['tcp', 'udp']) found.set(`${words[i]!}/${transport}`, Number(words[i + 1]));
    }
  }
  for (const line of text.split('\n')) {
    const [name, port, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const match = /^(\d+)\/(\w+)$/.exec(port ?? '');
    if (!match || name === undefined) continue;
    for (const one of [name, ...aliases]) {
      const key = `${one}/${match[2]!}`;
      if (!found.has(key)) found.set(key, Number(match[1]));
    }
  }
  return found;
}
