/** Link and network headers, and what leads to them. IEEE 802.3 and 802.1Q, RFC 826, 791, 8200. */
import type { Family } from '../ast.js';
import {
  ARPOP,
  DSCP,
  ECN,
  ETHERADDR,
  ETHERTYPE,
  INET_PROTO,
  INTEGER,
  IP6ADDR,
  IPADDR,
} from '../datatype/datatype.js';
import { field, type OpenProto, type Proto } from './proto.js';
import { AH, COMP, DCCP, ESP, ICMP, ICMPV6, IGMP, SCTP, TCP, TH, UDP, UDPLITE } from './transport.js';

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
const ETH_P_8021AD = 0x88a8;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;

export const ARP: OpenProto = {
  name: 'arp',
  base: 'nh',
  len: 224,
  fields: [
    field('htype', INTEGER, 0, 16),
    field('ptype', ETHERTYPE, 16),
    field('hlen', INTEGER, 32, 8),
    field('plen', INTEGER, 40, 8),
    field('operation', ARPOP, 48),
    field('saddr ether', ETHERADDR, 64),
    field('saddr ip', IPADDR, 112),
    field('daddr ether', ETHERADDR, 144),
    field('daddr ip', IPADDR, 192),
  ],
  next: [],
};

export const IP: OpenProto = {
  name: 'ip',
  base: 'nh',
  key: 'protocol',
  len: 160,
  checksum: 'checksum',
  fields: [
    field('version', INTEGER, 0, 4),
    field('hdrlength', INTEGER, 4, 4),
    field('dscp', DSCP, 8),
    field('ecn', ECN, 14),
    field('length', INTEGER, 16, 16),
    field('id', INTEGER, 32, 16),
    field('frag-off', INTEGER, 48, 16),
    field('ttl', INTEGER, 64, 8),
    field('protocol', INET_PROTO, 72),
    field('checksum', INTEGER, 80, 16),
    field('saddr', IPADDR, 96),
    field('daddr', IPADDR, 128),
  ],
  next: [],
};

export const IP6: OpenProto = {
  name: 'ip6',
  base: 'nh',
  key: 'nexthdr',
  len: 320,
  fields: [
    field('version', INTEGER, 0, 4),
    field('dscp', DSCP, 4),
    field('ecn', ECN, 10),
    field('flowlabel', INTEGER, 12, 20),
    field('length', INTEGER, 32, 16),
    field('nexthdr', INET_PROTO, 48),
    field('hoplimit', INTEGER, 56, 8),
    field('saddr', IP6ADDR, 64),
    field('daddr', IP6ADDR, 192),
  ],
  next: [],
};

export const ETHER: OpenProto = {
  name: 'ether',
  base: 'll',
  key: 'type',
  len: 112,
  fields: [field('daddr', ETHERADDR, 0), field('saddr', ETHERADDR, 48), field('type', ETHERTYPE, 96)],
  next: [],
};

export const VLAN: OpenProto = {
  name: 'vlan',
  base: 'll',
  key: 'type',
  len: 32,
  fields: [
    field('pcp', INTEGER, 0, 3),
    field('dei', INTEGER, 3, 1),
    field('cfi', INTEGER, 3, 1),
    field('id', INTEGER, 4, 12),
    field('type', ETHERTYPE, 16),
  ],
  next: [],
};

/** What a packet of `inet` is, before anything was matched. */
export const INET: Proto = {
  name: 'inet',
  base: 'll',
  metaKey: 'nfproto',
  fields: [],
  next: [
    [NFPROTO_IPV4, IP],
    [NFPROTO_IPV6, IP6],
  ],
};

const upper: OpenProto['next'] = [
  [6, TCP],
  [17, UDP],
  [136, UDPLITE],
  [33, DCCP],
  [132, SCTP],
  [50, ESP],
  [51, AH],
  [108, COMP],
  [1, ICMP],
  [2, IGMP],
  [58, ICMPV6],
];
IP.next = upper;
IP6.next = upper;
AH.next = upper;
COMP.next = upper;

/** Where `meta l4proto` leads. */
export const INET_SERVICE_PROTO: Proto = {
  name: 'inet-service',
  base: 'nh',
  metaKey: 'l4proto',
  fields: [],
  next: upper,
};

ETHER.next = [
  [ETH_P_IP, IP],
  [ETH_P_ARP, ARP],
  [ETH_P_IPV6, IP6],
  [ETH_P_8021Q, VLAN],
  [ETH_P_8021AD, VLAN],
];
VLAN.next = ETHER.next;

/** What a packet of `netdev` is. */
export const NETDEV: Proto = {
  name: 'netdev',
  base: 'll',
  metaKey: 'protocol',
  fields: [],
  next: ETHER.next,
};

/** By the names that rules use. */
const PROTOS: readonly Proto[] = [
  ETHER,
  VLAN,
  ARP,
  IP,
  IP6,
  ICMP,
  ICMPV6,
  IGMP,
  TCP,
  UDP,
  UDPLITE,
  DCCP,
  SCTP,
  AH,
  ESP,
  COMP,
  TH,
];
const byName = new Map(PROTOS.map((proto) => [proto.name, proto]));

export function protoByName(name: string): Proto | undefined {
  return byName.get(name);
}

/** The base that a family's packets begin with, and what is known to be there. */
export const FAMILY_PROTO: Readonly<Record<Family, Proto>> = {
  ip: IP,
  ip6: IP6,
  inet: INET,
  arp: ARP,
  bridge: ETHER,
  netdev: NETDEV,
};
