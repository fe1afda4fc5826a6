/**
 * The words of the language that are data and not syntax: fields of headers, keys of `meta` and `ct`, options; and the
 * patterns of its tokens. Spellings on the left, the name in the tree on the right.
 */
import type { CtKey, Expression, MetaKey } from '../ast.js';

export const OPERATOR = /(?:and|or|xor|lshift|rshift)(?![A-Za-z0-9/_.-])/y;
export const WORD = /[A-Za-z_.][A-Za-z0-9/_.-]*/y;
export const WILDCARD =
  /(?:[A-Za-z_.][A-Za-z0-9/_.-]*\*|(?:[A-Za-z_.][A-Za-z0-9/_.-]*)?\\\*[A-Za-z0-9/_.-]*)/y;
export const QUOTED = /"[^"]*"/y;
export const NUMBER = /(?:0x[0-9a-fA-F]+|\d+)(?![A-Za-z_0-9])(?!\.\d)/y;
/** `8021q`. */
export const DIGIT_WORD = /\d+[A-Za-z_][A-Za-z0-9_-]*/y;
export const TIME = /(?=\d+[dhms])(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?(?!\w)/y;

/** Braces and parentheses within each other; a bound of ours, far from what anybody writes. */
export const MAX_DEPTH = 64;

/** Words that are never a value: a statement or an option begins there. */
export const RESERVED: ReadonlySet<string> = new Set(
  `accept drop continue return jump goto queue counter log limit quota reject masquerade dup fwd notrack tproxy
  synproxy meter set map vmap to and or xor lshift rshift eq ne lt gt le ge comment`.split(/\s+/),
);

const same = <Name extends string>(words: string): Map<string, Name> =>
  new Map(words.split(/\s+/).map((word) => [word, word as Name]));

export const META: ReadonlyMap<string, MetaKey> = new Map([
  ...same<MetaKey>(`length protocol priority random mark iif iifname iiftype oif oifname oiftype skuid skgid nftrace
    rtclassid secmark ibrname obrname ibrpvid ibrvproto pkttype cpu iifgroup oifgroup cgroup nfproto l4proto ipsec
    iifkind oifkind time day hour sdif sdifname broute`),
  ['ibriport', 'ibrname'],
  ['obriport', 'obrname'],
  ['ibridgename', 'ibrname'],
  ['obridgename', 'obrname'],
  ['secpath', 'ipsec'],
]);

/** Those that need no `meta` before them. */
export const BARE_META: ReadonlySet<string> = new Set(
  `mark iif iifname iiftype oif oifname oiftype skuid skgid nftrace rtclassid ibriport obriport ibridgename obridgename
  ibrname obrname pkttype cpu iifgroup oifgroup cgroup`.split(/\s+/),
);

export const CT: ReadonlyMap<string, CtKey> = same<CtKey>(
  `state direction status mark expiration helper label event count id secmark l3proto protocol bytes packets avgpkt
  zone proto-src proto-dst saddr daddr`,
);

const fields = (table: Readonly<Record<string, string>>): ReadonlyMap<string, ReadonlyMap<string, string>> =>
  new Map(Object.entries(table).map(([name, words]) => [name, same(words)]));

export const PAYLOAD = fields({
  ether: 'saddr daddr type',
  vlan: 'id cfi dei pcp type',
  arp: 'htype ptype hlen plen operation',
  ip: 'version hdrlength dscp ecn length id frag-off ttl protocol checksum saddr daddr',
  icmp: 'type code checksum id sequence gateway mtu',
  igmp: 'type checksum mrt group',
  ip6: 'version dscp ecn flowlabel length nexthdr hoplimit saddr daddr',
  icmpv6: 'type code checksum parameter-problem mtu id sequence max-delay',
  ah: 'nexthdr hdrlength reserved spi sequence',
  esp: 'spi sequence',
  comp: 'nexthdr flags cpi',
  udp: 'sport dport length checksum',
  udplite: 'sport dport csumcov checksum',
  tcp: 'sport dport sequence ackseq doff reserved flags window checksum urgptr',
  dccp: 'sport dport type',
  sctp: 'sport dport vtag checksum',
  th: 'sport dport',
});
(PAYLOAD.get('icmpv6') as Map<string, string>)
  .set('param-problem', 'parameter-problem')
  .set('packet-too-big', 'mtu');

export const EXTHDR = fields({
  hbh: 'nexthdr hdrlength',
  rt: 'nexthdr hdrlength type seg-left',
  rt2: 'addr',
  srh: 'last-entry flags tag seg-left',
  frag: 'nexthdr reserved frag-off reserved2 more-fragments id',
  dst: 'nexthdr hdrlength',
  mh: 'nexthdr hdrlength type reserved checksum',
});

export const TCP_OPTION = fields({
  eol: 'kind',
  nop: 'kind',
  noop: 'kind',
  maxseg: 'kind length size',
  mss: 'kind length size',
  window: 'kind length count',
  'sack-perm': 'kind length',
  'sack-permitted': 'kind length',
  sack: 'kind length left right',
  sack0: 'kind length left right',
  sack1: 'kind length left right',
  sack2: 'kind length left right',
  sack3: 'kind length left right',
  timestamp: 'kind length tsval tsecr',
  fastopen: 'kind length',
  md5sig: 'kind length',
  mptcp: 'kind length subtype',
});

/** Old names of options. */
export const TCP_OPTION_NAME: ReadonlyMap<string, string> = new Map([
  ['noop', 'nop'],
  ['mss', 'maxseg'],
  ['sack-permitted', 'sack-perm'],
  ['sack0', 'sack'],
]);

export const IP_OPTION = fields({
  lsrr: 'type length ptr addr',
  rr: 'type length ptr addr',
  ssrr: 'type length ptr addr',
  ra: 'type length value',
});

const CHUNK = 'type flags length';
export const SCTP_CHUNK = fields({
  data: `${CHUNK} tsn stream ssn ppid`,
  init: `${CHUNK} init-tag a-rwnd num-outbound-streams num-inbound-streams initial-tsn`,
  'init-ack': `${CHUNK} init-tag a-rwnd num-outbound-streams num-inbound-streams initial-tsn`,
  sack: `${CHUNK} cum-tsn-ack a-rwnd num-gap-ack-blocks num-dup-tsns`,
  heartbeat: CHUNK,
  'heartbeat-ack': CHUNK,
  abort: CHUNK,
  shutdown: `${CHUNK} cum-tsn-ack`,
  'shutdown-ack': CHUNK,
  error: CHUNK,
  'cookie-echo': CHUNK,
  'cookie-ack': CHUNK,
  ecne: `${CHUNK} lowest-tsn`,
  cwr: `${CHUNK} lowest-tsn`,
  'shutdown-complete': CHUNK,
  'asconf-ack': `${CHUNK} seqno`,
  'forward-tsn': `${CHUNK} new-cum-tsn`,
  asconf: `${CHUNK} seqno`,
});

export const MANGLED: ReadonlySet<string> = new Set([
  'payload',
  'raw payload',
  'meta',
  'ct',
  'exthdr',
  'tcp option',
  'raw tcp option',
  'ip option',
]);

/** Words that begin an expression from the packet, besides headers and the keys that need no `meta`. */
const LEFT: ReadonlySet<string> = new Set(
  'meta ct rt socket osf fib ipsec numgen jhash symhash exthdr rt0'.split(' '),
);

/** Words that begin an expression and no other statement. */
export function isOnlyLeft(word: string): boolean {
  return PAYLOAD.has(word) || BARE_META.has(word);
}

export function isLeft(word: string): boolean {
  return PAYLOAD.has(word) || EXTHDR.has(word) || BARE_META.has(word) || LEFT.has(word);
}

/** Nothing in it comes from the packet, as far as its first part tells. */
export function isConstant(expr: Expression): boolean {
  switch (expr.kind) {
    case 'symbol':
    case 'number':
    case 'boolean':
      return true;
    case 'concat':
      return isConstant(expr.items[0]!);
    case 'binary':
      return isConstant(expr.left);
    case 'map':
      return isConstant(expr.key);
    default:
      return false;
  }
}
