/** What connection tracking knew of a packet, of its records (abi/trace CT). */
import { TRACE_CT_CONFIRMED, TRACE_CT_INVALID, TraceKind, TraceTuple } from '../../../assembly/abi/trace.js';
import { formatIpv4, formatIpv6 } from '../../config/ip_address.js';
import type { TraceRecord } from '../../core/trace_ring.js';
import { IPS_ASSURED, IPS_SEEN_REPLY, SCTP_STATES, TCP_STATES } from '../../netlink/ctnetlink.js';

export interface TupleText {
  readonly src: string;
  readonly dst: string;
  readonly proto: string;
  readonly sport?: number;
  readonly dport?: number;
}

export interface ConnectionText {
  /** As `ct state` has it. */
  readonly state: 'new' | 'established' | 'related' | 'invalid' | 'untracked';
  readonly direction?: 'original' | 'reply';
  /** Of the protocol: SYN_SENT, ESTABLISHED... */
  readonly protoState?: string;
  readonly status?: readonly string[];
  readonly mark?: number;
  readonly zone?: number;
  readonly original?: TupleText;
  readonly reply?: TupleText;
}

const STATES = [
  'established',
  'related',
  'new',
  'established',
  'related',
  'new',
  'new',
  'untracked',
] as const;
const IP_CT_IS_REPLY = 3;
const IP_CT_UNTRACKED = 7;
const IPS_EXPECTED = 1;
const IPS_SRC_NAT = 16;
const IPS_DST_NAT = 32;
const STATUS: readonly (readonly [bit: number, word: string])[] = [
  [IPS_EXPECTED, 'expected'],
  [IPS_SEEN_REPLY, 'seen-reply'],
  [IPS_ASSURED, 'assured'],
  [IPS_SRC_NAT, 'snat'],
  [IPS_DST_NAT, 'dnat'],
];
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const WITH_PORTS = new Set([6, 17, 33, 132, 136]);
const AF_INET = 2;
const PROTO_TCP = 6;
const PROTO_SCTP = 132;

function tuple(data: Uint8Array, at: number): TupleText {
  const proto = data[at + TraceTuple.PROTO]!;
  const four = data[at + TraceTuple.L3NUM] === AF_INET;
  const address = (offset: number) =>
    four
      ? formatIpv4(data.subarray(at + offset, at + offset + 4))
      : formatIpv6(data.subarray(at + offset, at + offset + 16));
  const port = (offset: number) => (data[at + offset]! << 8) | data[at + offset + 1]!;
  return {
    src: address(TraceTuple.SRC),
    dst: address(TraceTuple.DST),
    proto: PROTOCOLS[proto] ?? String(proto),
    ...(WITH_PORTS.has(proto) && { sport: port(TraceTuple.SPORT), dport: port(TraceTuple.DPORT) }),
  };
}

/** Of a record of kind CT. */
export function readConnection({ detail, a, b, c, d, data }: TraceRecord): ConnectionText {
  if ((detail & TRACE_CT_INVALID) !== 0) return { state: 'invalid' };
  const info = detail & 7;
  if (info === IP_CT_UNTRACKED) return { state: 'untracked' };
  const proto = data[TraceTuple.PROTO];
  const protoState = proto === PROTO_TCP ? TCP_STATES[d] : proto === PROTO_SCTP ? SCTP_STATES[d] : undefined;
  return {
    state: STATES[info]!,
    direction: info >= IP_CT_IS_REPLY && info < IP_CT_UNTRACKED ? 'reply' : 'original',
    ...(protoState !== undefined && { protoState }),
    status: STATUS.filter(([bit]) => (a & bit) !== 0).map(([, word]) => word),
    ...(b !== 0 && { mark: b }),
    ...(c !== 0 && { zone: c }),
    original: tuple(data, 0),
    reply: tuple(data, TraceTuple.SIZE),
  };
}

/** What is known last: NAT has chosen by then. */
export function connectionOf(records: readonly TraceRecord[]): ConnectionText | undefined {
  const id = records.find(({ kind }) => kind === TraceKind.RECEIVED)?.id;
  const own = records.filter(
    ({ kind, id: each }) => kind === TraceKind.CT && (id === undefined || each === id),
  );
  const last = own.at(-1);
  return last && readConnection(last);
}

/** In short. */
export function connectionText({ state, direction, protoState, status = [] }: ConnectionText): string {
  const words = [
    state,
    ...(direction === 'reply' ? ['reply'] : []),
    ...(protoState === undefined ? [] : [protoState]),
  ];
  return [...words, ...status.filter((word) => word === 'snat' || word === 'dnat')].join(' ');
}

const tupleText = ({ src, dst, proto, sport, dport }: TupleText): string =>
  sport === undefined ? `${proto} ${src} > ${dst}` : `${proto} ${src} ${sport} > ${dst} ${dport}`;

/** As a step of a packet's way. */
export function connectionStep(record: TraceRecord): string {
  const connection = readConnection(record);
  const { original, reply } = connection;
  if (original === undefined || reply === undefined) return `connection tracking: ${connection.state}`;
  if ((record.detail & TRACE_CT_CONFIRMED) !== 0)
    return `the connection is in the table: ${tupleText(original)}, answers ${tupleText(reply)}`;
  return `connection tracking: ${connectionText(connection)}, ${tupleText(original)}`;
}
