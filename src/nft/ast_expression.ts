/**
 * Expressions of the syntax tree (ast.ts): constants, as yet without a type, and what is read from a packet.
 * Names as in libnftables-json(5): `payload`, `meta`, `ct`, `exthdr`, `tcp option`, `fib` and so on.
 */
import type { Count, Family } from './ast.js';
import type { Statement, Verdict } from './ast_statement.js';
import type { Loc } from './source.js';

// ---- constants --------------------------------------------------------------------------------------------------

/**
 * A word, an address or a quoted string, whose meaning depends on the type it is compared with: `established`, `ssh`, `eth*`,
 * `10.0.0.1`, `fe80::1` (without brackets), `00:11:22:33:44:55`, `"2019-06-06 17:00"`. The backslash of `eth\*` is kept.
 */
export interface SymbolExpr {
  readonly kind: 'symbol';
  readonly name: string;
  /** It stood in quotes; for a listing: it goes into quotes. */
  readonly quoted?: boolean;
  readonly loc: Loc;
}

/** `22`, `0x16`, `026`. A bigint above Number.MAX_SAFE_INTEGER. */
export interface NumberExpr {
  readonly kind: 'number';
  readonly value: Count;
  /** How it is spelt in text where that is not plain decimal: `0x0000000f`, `1h30m`. JSON always has the number. */
  readonly text?: string;
  readonly loc: Loc;
}

/** `exists` and `missing`. */
export interface BooleanExpr {
  readonly kind: 'boolean';
  readonly value: boolean;
  readonly loc: Loc;
}

/** `*` as the key of an element: matches what no other element does. */
export interface WildcardExpr {
  readonly kind: 'wildcard';
  readonly loc: Loc;
}

/** `@name`. */
export interface SetReference {
  readonly kind: 'set reference';
  readonly name: string;
  readonly loc: Loc;
}

/** `new,established`: flags together. */
export interface ListExpr {
  readonly kind: 'list';
  readonly items: readonly Expression[];
  readonly loc: Loc;
}

/** `10.0.0.0/8`. */
export interface PrefixExpr {
  readonly kind: 'prefix';
  readonly addr: Expression;
  readonly len: number;
  readonly loc: Loc;
}

/** `1-1023`. */
export interface RangeExpr {
  readonly kind: 'range';
  readonly from: Expression;
  readonly to: Expression;
  readonly loc: Loc;
}

/** One element of a set or map. */
export interface SetElement {
  readonly kind: 'elem';
  /** Constant in a set; of a set statement, any expression. */
  readonly key: Expression;
  /** Behind the colon: a constant, a verdict, or the name of an object (a symbol). */
  readonly data?: Expression;
  readonly timeoutMs?: Count;
  readonly expiresMs?: Count;
  readonly comment?: string;
  /** `10.0.0.1 counter packets 3 bytes 192`: its own state. */
  readonly stmts?: readonly Statement[];
  readonly loc: Loc;
}

/** `{ ... }`, of a set or of a map; sets within it are spread out already. */
export interface SetExpr {
  readonly kind: 'set';
  readonly elem: readonly SetElement[];
  readonly loc: Loc;
}

/** As the data of a verdict map. */
export interface VerdictExpr extends Verdict {
  readonly kind: 'verdict';
  readonly loc: Loc;
}

// ---- composed ---------------------------------------------------------------------------------------------------

/** `ip saddr . tcp dport`. */
export interface ConcatExpr {
  readonly kind: 'concat';
  readonly items: readonly Expression[];
  readonly loc: Loc;
}

export type BinaryOperator = '&' | '|' | '^' | '<<' | '>>';

export interface BinaryExpr {
  readonly kind: 'binary';
  readonly op: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly loc: Loc;
}

/** `tcp dport map { 80 : 1, 443 : 2 }`, `ip saddr map @m`. */
export interface MapExpr {
  readonly kind: 'map';
  readonly key: Expression;
  readonly data: SetExpr | SetReference;
  readonly loc: Loc;
}

// ---- from the packet --------------------------------------------------------------------------------------------

/** `tcp dport`, `ether saddr`, `arp saddr ip` (field 'saddr ip'), `th dport` (protocol 'th'). Fields as nft spells them. */
export interface PayloadExpr {
  readonly kind: 'payload';
  readonly protocol: string;
  readonly field: string;
  readonly loc: Loc;
}

/** `@nh,96,32`: offset and length in bits. */
export interface RawPayloadExpr {
  readonly kind: 'raw payload';
  readonly base: 'll' | 'nh' | 'th' | 'ih';
  readonly offset: number;
  readonly len: number;
  readonly loc: Loc;
}

/** `frag id`, `exthdr frag` (without a field: is it there). `rt0 addr[1]`, `srh sid[0]`: the index in `offset`. */
export interface ExthdrExpr {
  readonly kind: 'exthdr';
  readonly name: string;
  readonly field?: string;
  readonly offset?: number;
  readonly loc: Loc;
}

/** `tcp option maxseg size`; without a field: is it there. */
export interface TcpOptionExpr {
  readonly kind: 'tcp option';
  /** 'eol', 'nop', 'maxseg', 'window', 'sack-perm', 'sack', 'sack0'-'sack3', 'timestamp', 'fastopen', 'md5sig', 'mptcp'. */
  readonly name: string;
  readonly field?: string;
  readonly loc: Loc;
}

/** `tcp option 253 exists`; `tcp option @255,8,16`: any option by its number, offset and length in bits. */
export interface RawTcpOptionExpr {
  readonly kind: 'raw tcp option';
  readonly base: number;
  /** Both or neither. */
  readonly offset?: number;
  readonly len?: number;
  readonly loc: Loc;
}

/** `ip option ra value`; without a field: is it there. */
export interface IpOptionExpr {
  readonly kind: 'ip option';
  readonly name: string;
  readonly field?: string;
  readonly loc: Loc;
}

/** `sctp chunk data tsn`; without a field: is it there. */
export interface SctpChunkExpr {
  readonly kind: 'sctp chunk';
  readonly name: string;
  readonly field?: string;
  readonly loc: Loc;
}

export type MetaKey =
  | 'length'
  | 'protocol'
  | 'priority'
  | 'random'
  | 'mark'
  | 'iif'
  | 'iifname'
  | 'iiftype'
  | 'oif'
  | 'oifname'
  | 'oiftype'
  | 'skuid'
  | 'skgid'
  | 'nftrace'
  | 'rtclassid'
  | 'secmark'
  | 'ibrname'
  | 'obrname'
  | 'ibrpvid'
  | 'ibrvproto'
  | 'pkttype'
  | 'cpu'
  | 'iifgroup'
  | 'oifgroup'
  | 'cgroup'
  | 'nfproto'
  | 'l4proto'
  | 'ipsec'
  | 'iifkind'
  | 'oifkind'
  | 'time'
  | 'day'
  | 'hour'
  | 'sdif'
  | 'sdifname'
  | 'broute';

/** `meta mark` and `mark` alike; ibriport, obriport and secpath are spelt ibrname, obrname, ipsec. */
export interface MetaExpr {
  readonly kind: 'meta';
  readonly key: MetaKey;
  readonly loc: Loc;
}

export type CtKey =
  | 'state'
  | 'direction'
  | 'status'
  | 'mark'
  | 'expiration'
  | 'helper'
  | 'label'
  | 'event'
  | 'count'
  | 'id'
  | 'secmark'
  | 'l3proto'
  | 'protocol'
  | 'bytes'
  | 'packets'
  | 'avgpkt'
  | 'zone'
  | 'proto-src'
  | 'proto-dst'
  | 'saddr'
  | 'daddr'
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr';

export interface CtExpr {
  readonly kind: 'ct';
  readonly key: CtKey;
  readonly dir?: 'original' | 'reply';
  readonly loc: Loc;
}

/** `rt nexthop`, `rt ip6 nexthop`. */
export interface RtExpr {
  readonly kind: 'rt';
  readonly key: 'classid' | 'nexthop' | 'mtu' | 'ipsec';
  readonly family?: 'ip' | 'ip6';
  readonly loc: Loc;
}

export interface SocketExpr {
  readonly kind: 'socket';
  readonly key: 'transparent' | 'mark' | 'wildcard' | 'cgroupv2';
  /** Of cgroupv2. */
  readonly level?: number;
  readonly loc: Loc;
}

export interface OsfExpr {
  readonly kind: 'osf';
  readonly key: 'name' | 'version';
  readonly ttl?: 'loose' | 'skip';
  readonly loc: Loc;
}

export type FibFlag = 'saddr' | 'daddr' | 'mark' | 'iif' | 'oif';

/** `fib saddr . iif oif`. */
export interface FibExpr {
  readonly kind: 'fib';
  readonly flags: readonly FibFlag[];
  readonly result: 'oif' | 'oifname' | 'type';
  readonly loc: Loc;
}

export interface IpsecExpr {
  readonly kind: 'ipsec';
  readonly dir: 'in' | 'out';
  readonly spnum?: number;
  readonly key: 'reqid' | 'spi' | 'saddr' | 'daddr';
  /** Of saddr and daddr. */
  readonly family?: Extract<Family, 'ip' | 'ip6'>;
  readonly loc: Loc;
}

export interface NumgenExpr {
  readonly kind: 'numgen';
  readonly mode: 'inc' | 'random';
  readonly mod: number;
  readonly offset?: number;
  readonly loc: Loc;
}

export interface JhashExpr {
  readonly kind: 'jhash';
  readonly expr: Expression;
  readonly mod: number;
  readonly seed?: number;
  readonly offset?: number;
  readonly loc: Loc;
}

export interface SymhashExpr {
  readonly kind: 'symhash';
  readonly mod: number;
  readonly offset?: number;
  readonly loc: Loc;
}

export type Expression =
  | SymbolExpr
  | NumberExpr
  | BooleanExpr
  | WildcardExpr
  | SetReference
  | ListExpr
  | PrefixExpr
  | RangeExpr
  | SetExpr
  | VerdictExpr
  | ConcatExpr
  | BinaryExpr
  | MapExpr
  | PayloadExpr
  | RawPayloadExpr
  | ExthdrExpr
  | TcpOptionExpr
  | RawTcpOptionExpr
  | IpOptionExpr
  | SctpChunkExpr
  | MetaExpr
  | CtExpr
  | RtExpr
  | SocketExpr
  | OsfExpr
  | FibExpr
  | IpsecExpr
  | NumgenExpr
  | JhashExpr
  | SymhashExpr;
