/**
 * What is found by searching: IPv6 extension headers, options of IPv4 and TCP, chunks of SCTP. Each has a number by which it is
 * searched and fields counted from its beginning; offsets and sizes in bits. RFC 8200, 8754 (SRH), 6275 (MH), 791, 9293, 9260.
 */
import { INET_PROTO, INTEGER, IP6ADDR, MH_TYPE } from '../datatype/datatype.js';
import { field, type Field } from './proto.js';

/** NFTA_EXTHDR_OP. */
export type ExthdrOp = 'ipv6' | 'tcpopt' | 'ipv4' | 'sctp';

export interface OptionDesc {
  readonly name: string;
  /** Header number, option kind, chunk type. */
  readonly type: number;
  readonly fields: readonly Field[];
}

const opt = (name: string, type: number, ...fields: Field[]): OptionDesc => ({ name, type, fields });
const int = (name: string, offset: number, len: number): Field => field(name, INTEGER, offset, len);
const nexthdr = field('nexthdr', INET_PROTO, 0, 8);
const hdrlength = int('hdrlength', 8, 8);

const table = (rows: readonly OptionDesc[]): ReadonlyMap<string, OptionDesc> =>
  new Map(rows.map((row) => [row.name, row]));

export const IPV6_HEADERS = table([
  opt('hbh', 0, nexthdr, hdrlength),
  opt('rt', 43, nexthdr, hdrlength, int('type', 16, 8), int('seg-left', 24, 8)),
  opt('rt0', 43, int('reserved', 32, 32), field('addr', IP6ADDR, 64)),
  opt('rt2', 43, int('reserved', 32, 32), field('addr', IP6ADDR, 64)),
  opt(
    'srh',
    43,
    int('last-entry', 32, 8),
    int('flags', 40, 8),
    int('tag', 48, 16),
    field('sid', IP6ADDR, 64),
  ),
  opt(
    'frag',
    44,
    nexthdr,
    int('reserved', 8, 8),
    int('frag-off', 16, 13),
    int('reserved2', 29, 2),
    int('more-fragments', 31, 1),
    int('id', 32, 32),
  ),
  opt('dst', 60, nexthdr, hdrlength),
  opt(
    'mh',
    135,
    nexthdr,
    hdrlength,
    field('type', MH_TYPE, 16),
    int('reserved', 24, 8),
    int('checksum', 32, 16),
  ),
]);

const kind = int('kind', 0, 8);
const length = int('length', 8, 8);
const sack = (name: string, block: number): OptionDesc =>
  opt(name, 5, kind, length, int('left', 16 + 64 * block, 32), int('right', 48 + 64 * block, 32));

export const TCP_OPTIONS = table([
  opt('eol', 0, kind),
  opt('nop', 1, kind),
  opt('maxseg', 2, kind, length, int('size', 16, 16)),
  opt('window', 3, kind, length, int('count', 16, 8)),
  opt('sack-perm', 4, kind, length),
  sack('sack', 0),
  sack('sack0', 0),
  sack('sack1', 1),
  sack('sack2', 2),
  sack('sack3', 3),
  opt('echo', 8, kind, length),
  opt('timestamp', 8, kind, length, int('tsval', 16, 32), int('tsecr', 48, 32)),
  opt('md5sig', 19, kind, length),
  opt('mptcp', 30, kind, length, int('subtype', 16, 4)),
  opt('fastopen', 34, kind, length),
]);

const ptr = int('ptr', 16, 8);
const type = int('type', 0, 8);

export const IP_OPTIONS = table([
  opt('rr', 7, type, length, ptr, int('addr', 24, 32)),
  opt('lsrr', 131, type, length, ptr, int('addr', 24, 32)),
  opt('ssrr', 137, type, length, ptr, int('addr', 24, 32)),
  opt('ra', 148, type, length, int('value', 16, 16)),
]);

const chunk = (name: string, number: number, ...fields: Field[]): OptionDesc =>
  opt(name, number, type, int('flags', 8, 8), int('length', 16, 16), ...fields);
const init = [
  int('init-tag', 32, 32),
  int('a-rwnd', 64, 32),
  int('num-outbound-streams', 96, 16),
  int('num-inbound-streams', 112, 16),
  int('initial-tsn', 128, 32),
];
const cumTsnAck = int('cum-tsn-ack', 32, 32);
const lowestTsn = int('lowest-tsn', 32, 32);
const seqno = int('seqno', 32, 32);

export const SCTP_CHUNKS = table([
  chunk('data', 0, int('tsn', 32, 32), int('stream', 64, 16), int('ssn', 80, 16), int('ppid', 96, 32)),
  chunk('init', 1, ...init),
  chunk('init-ack', 2, ...init),
  chunk(
    'sack',
    3,
    cumTsnAck,
    int('a-rwnd', 64, 32),
    int('num-gap-ack-blocks', 96, 16),
    int('num-dup-tsns', 112, 16),
  ),
  chunk('heartbeat', 4),
  chunk('heartbeat-ack', 5),
  chunk('abort', 6),
  chunk('shutdown', 7, cumTsnAck),
  chunk('shutdown-ack', 8),
  chunk('error', 9),
  chunk('cookie-echo', 10),
  chunk('cookie-ack', 11),
  chunk('ecne', 12, lowestTsn),
  chunk('cwr', 13, lowestTsn),
  chunk('shutdown-complete', 14),
  chunk('asconf-ack', 128, seqno),
  chunk('forward-tsn', 192, int('new-cum-tsn', 32, 32)),
  chunk('asconf', 193, seqno),
]);
