/** Keys of meta, ct, rt, socket and ipsec: their numbers (linux/netfilter/nf_tables.h), types, sizes and byte order. */
import {
  BOOLEAN,
  type ByteOrder,
  CGROUPV2,
  CLASSID,
  CT_DIR,
  CT_EVENT,
  CT_LABEL,
  CT_STATE,
  CT_STATUS,
  type Datatype,
  DATE,
  DAY,
  DEVGROUP,
  ETHERTYPE,
  GID,
  HOUR,
  IFACE_TYPE,
  IFINDEX,
  IFNAME,
  INET_PROTO,
  INTEGER,
  IP6ADDR,
  IPADDR,
  MARK,
  NFPROTO,
  PKT_TYPE,
  REALM,
  STRING,
  TIME,
  UID,
} from '../datatype/datatype.js';

export interface Key {
  readonly number: number;
  /** As debug text names it. */
  readonly text: string;
  readonly type: Datatype;
  readonly bits: number;
  readonly byteorder: ByteOrder;
}

function key(number: number, text: string, type: Datatype, bits: number, byteorder: ByteOrder): Key {
  return { number, text, type, bits, byteorder };
}

export const META_KEYS: Readonly<Record<string, Key>> = {
  length: key(0, 'len', INTEGER, 32, 'host'),
  protocol: key(1, 'protocol', ETHERTYPE, 16, 'big'),
  priority: key(2, 'priority', CLASSID, 32, 'host'),
  mark: key(3, 'mark', MARK, 32, 'host'),
  iif: key(4, 'iif', IFINDEX, 32, 'host'),
  oif: key(5, 'oif', IFINDEX, 32, 'host'),
  iifname: key(6, 'iifname', IFNAME, 128, 'host'),
  oifname: key(7, 'oifname', IFNAME, 128, 'host'),
  iiftype: key(8, 'iiftype', IFACE_TYPE, 16, 'host'),
  oiftype: key(9, 'oiftype', IFACE_TYPE, 16, 'host'),
  skuid: key(10, 'skuid', UID, 32, 'host'),
  skgid: key(11, 'skgid', GID, 32, 'host'),
  nftrace: key(12, 'nftrace', INTEGER, 1, 'host'),
  rtclassid: key(13, 'rtclassid', REALM, 32, 'host'),
  secmark: key(14, 'secmark', INTEGER, 32, 'host'),
  nfproto: key(15, 'nfproto', NFPROTO, 8, 'host'),
  l4proto: key(16, 'l4proto', INET_PROTO, 8, 'host'),
  ibrname: key(17, 'bri_iifname', IFNAME, 128, 'host'),
  obrname: key(18, 'bri_oifname', IFNAME, 128, 'host'),
  pkttype: key(19, 'pkttype', PKT_TYPE, 8, 'host'),
  cpu: key(20, 'cpu', INTEGER, 32, 'host'),
  iifgroup: key(21, 'iifgroup', DEVGROUP, 32, 'host'),
  oifgroup: key(22, 'oifgroup', DEVGROUP, 32, 'host'),
  cgroup: key(23, 'cgroup', INTEGER, 32, 'host'),
  random: key(24, 'prandom', INTEGER, 32, 'big'),
  ipsec: key(25, 'secpath', BOOLEAN, 8, 'host'),
  iifkind: key(26, 'iifkind', IFNAME, 128, 'host'),
  oifkind: key(27, 'oifkind', IFNAME, 128, 'host'),
  ibrpvid: key(28, 'bri_iifpvid', INTEGER, 16, 'host'),
  ibrvproto: key(29, 'bri_iifvproto', ETHERTYPE, 16, 'big'),
  time: key(30, 'time', DATE, 64, 'host'),
  day: key(31, 'day', DAY, 8, 'host'),
  hour: key(32, 'hour', HOUR, 32, 'host'),
  sdif: key(33, 'sdif', IFINDEX, 32, 'host'),
  sdifname: key(34, 'sdifname', IFNAME, 128, 'host'),
  broute: key(35, 'broute', INTEGER, 8, 'host'),
};

export const CT_KEYS: Readonly<Record<string, Key>> = {
  state: key(0, 'state', CT_STATE, 32, 'host'),
  direction: key(1, 'direction', CT_DIR, 8, 'host'),
  status: key(2, 'status', CT_STATUS, 32, 'host'),
  mark: key(3, 'mark', MARK, 32, 'host'),
  secmark: key(4, 'secmark', INTEGER, 32, 'host'),
  expiration: key(5, 'expiration', TIME, 32, 'host'),
  helper: key(6, 'helper', STRING, 128, 'host'),
  l3proto: key(7, 'l3protocol', NFPROTO, 8, 'host'),
  saddr: key(8, 'src', IPADDR, 0, 'big'),
  daddr: key(9, 'dst', IPADDR, 0, 'big'),
  protocol: key(10, 'protocol', INET_PROTO, 8, 'big'),
  'proto-src': key(11, 'proto_src', INTEGER, 16, 'big'),
  'proto-dst': key(12, 'proto_dst', INTEGER, 16, 'big'),
  label: key(13, 'label', CT_LABEL, 128, 'host'),
  packets: key(14, 'packets', INTEGER, 64, 'host'),
  bytes: key(15, 'bytes', INTEGER, 64, 'host'),
  avgpkt: key(16, 'avgpkt', INTEGER, 64, 'host'),
  zone: key(17, 'zone', INTEGER, 16, 'host'),
  event: key(18, 'event', CT_EVENT, 32, 'host'),
  'ip saddr': key(19, 'src_ip', IPADDR, 32, 'big'),
  'ip daddr': key(20, 'dst_ip', IPADDR, 32, 'big'),
  'ip6 saddr': key(21, 'src_ip6', IP6ADDR, 128, 'big'),
  'ip6 daddr': key(22, 'dst_ip6', IP6ADDR, 128, 'big'),
  id: key(23, 'id', INTEGER, 32, 'big'),
};

export const RT_KEYS: Readonly<Record<string, Key>> = {
  classid: key(0, 'classid', REALM, 32, 'host'),
  'ip nexthop': key(1, 'nexthop4', IPADDR, 32, 'big'),
  'ip6 nexthop': key(2, 'nexthop6', IP6ADDR, 128, 'big'),
  mtu: key(3, 'tcpmss', INTEGER, 16, 'host'),
  ipsec: key(4, 'ipsec', BOOLEAN, 8, 'none'),
};

export const SOCKET_KEYS: Readonly<Record<string, Key>> = {
  transparent: key(0, 'transparent', INTEGER, 8, 'host'),
  mark: key(1, 'mark', MARK, 32, 'host'),
  wildcard: key(2, 'wildcard', INTEGER, 8, 'host'),
  cgroupv2: key(3, 'cgroupv2', CGROUPV2, 64, 'host'),
};

export const IPSEC_KEYS: Readonly<Record<string, Key>> = {
  'ip daddr': key(1, 'daddr4', IPADDR, 32, 'big'),
  'ip6 daddr': key(2, 'daddr6', IP6ADDR, 128, 'big'),
  'ip saddr': key(3, 'saddr4', IPADDR, 32, 'big'),
  'ip6 saddr': key(4, 'saddr6', IP6ADDR, 128, 'big'),
  reqid: key(5, 'reqid', INTEGER, 32, 'host'),
  spi: key(6, 'spi', INTEGER, 32, 'big'),
};
