/**
 * Headers behind the network header: TCP, UDP, UDP-Lite, DCCP, SCTP, AH, ESP, IPComp, ICMP, ICMPv6, IGMP; and `th`, the ports
 * that most of them begin with. RFC 9293, 768, 3828, 4340, 9260, 4302, 4303, 3173, 792, 4443, 3376.
 */
import {
  BITMASK,
  DCCP_PKTTYPE,
  ICMP_CODE,
  ICMP_TYPE,
  ICMPV6_CODE,
  ICMPV6_TYPE,
  IGMP_TYPE,
  INET_PROTO,
  INET_SERVICE,
  INTEGER,
  TCP_FLAG,
} from '../datatype/datatype.js';
import { field, type OpenProto } from './proto.js';

const ports = [field('sport', INET_SERVICE, 0), field('dport', INET_SERVICE, 16)];

/** ICMP's message types that some fields belong to. */
const ECHO_REPLY = 0;
const DEST_UNREACH = 3;
const REDIRECT = 5;
const ECHO_REQUEST = 8;
const ICMP6_PACKET_TOO_BIG = 2;
const ICMP6_PARAM_PROB = 4;
const ICMP6_ECHO_REQUEST = 128;
const ICMP6_ECHO_REPLY = 129;
const ICMP6_MLD_QUERY = 130;

export const TH: OpenProto = { name: 'th', base: 'th', fields: ports, next: [] };

export const TCP: OpenProto = {
  name: 'tcp',
  base: 'th',
  len: 160,
  checksum: 'checksum',
  fields: [
    ...ports,
    field('sequence', INTEGER, 32, 32),
    field('ackseq', INTEGER, 64, 32),
    field('doff', INTEGER, 96, 4),
    field('reserved', INTEGER, 100, 4),
    field('flags', TCP_FLAG, 104, 8),
    field('window', INTEGER, 112, 16),
    field('checksum', INTEGER, 128, 16),
    field('urgptr', INTEGER, 144, 16),
  ],
  next: [],
};

export const UDP: OpenProto = {
  name: 'udp',
  base: 'th',
  len: 64,
  checksum: 'checksum',
  fields: [...ports, field('length', INTEGER, 32, 16), field('checksum', INTEGER, 48, 16)],
  next: [],
};

export const UDPLITE: OpenProto = {
  name: 'udplite',
  base: 'th',
  fields: [...ports, field('csumcov', INTEGER, 32, 16), field('checksum', INTEGER, 48, 16)],
  next: [],
};

export const DCCP: OpenProto = {
  name: 'dccp',
  base: 'th',
  fields: [...ports, field('type', DCCP_PKTTYPE, 67, 4)],
  next: [],
};

export const SCTP: OpenProto = {
  name: 'sctp',
  base: 'th',
  checksum: 'checksum',
  fields: [...ports, field('vtag', INTEGER, 32, 32), field('checksum', INTEGER, 64, 32)],
  next: [],
};

export const AH: OpenProto = {
  name: 'ah',
  base: 'th',
  key: 'nexthdr',
  fields: [
    field('nexthdr', INET_PROTO, 0),
    field('hdrlength', INTEGER, 8, 8),
    field('reserved', INTEGER, 16, 16),
    field('spi', INTEGER, 32, 32),
    field('sequence', INTEGER, 64, 32),
  ],
  next: [],
};

export const ESP: OpenProto = {
  name: 'esp',
  base: 'th',
  fields: [field('spi', INTEGER, 0, 32), field('sequence', INTEGER, 32, 32)],
  next: [],
};

export const COMP: OpenProto = {
  name: 'comp',
  base: 'th',
  key: 'nexthdr',
  fields: [field('nexthdr', INET_PROTO, 0), field('flags', BITMASK, 8, 8), field('cpi', INTEGER, 16, 16)],
  next: [],
};

export const ICMP: OpenProto = {
  name: 'icmp',
  base: 'th',
  checksum: 'checksum',
  fields: [
    field('type', ICMP_TYPE, 0),
    field('code', ICMP_CODE, 8),
    field('checksum', INTEGER, 16, 16),
    field('id', INTEGER, 32, 16, [ECHO_REQUEST, ECHO_REPLY]),
    field('sequence', INTEGER, 48, 16, [ECHO_REQUEST, ECHO_REPLY]),
    field('gateway', INTEGER, 32, 32, [REDIRECT]),
    field('mtu', INTEGER, 48, 16, [DEST_UNREACH]),
  ],
  next: [],
};

export const ICMPV6: OpenProto = {
  name: 'icmpv6',
  base: 'th',
  checksum: 'checksum',
  fields: [
    field('type', ICMPV6_TYPE, 0),
    field('code', ICMPV6_CODE, 8),
    field('checksum', INTEGER, 16, 16),
    field('parameter-problem', INTEGER, 32, 32, [ICMP6_PARAM_PROB]),
    field('mtu', INTEGER, 32, 32, [ICMP6_PACKET_TOO_BIG]),
    field('id', INTEGER, 32, 16, [ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY]),
    field('sequence', INTEGER, 48, 16, [ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY]),
    field('max-delay', INTEGER, 32, 16, [ICMP6_MLD_QUERY]),
  ],
  next: [],
};

export const IGMP: OpenProto = {
  name: 'igmp',
  base: 'th',
  checksum: 'checksum',
  fields: [
    field('type', IGMP_TYPE, 0),
    field('checksum', INTEGER, 16, 16),
    field('mrt', INTEGER, 8, 8),
    field('group', INTEGER, 32, 32),
  ],
  next: [],
};
