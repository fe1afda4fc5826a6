/**
 * Statements of the syntax tree (ast.ts), named as in libnftables-json(5). Rates and quotas keep the unit they were
 * written in, since JSON and listings do; `bytesOf` in units.ts is what they come to.
 */
import type { Chain, Count, ObjectType, SynproxyFlag, TimeUnit } from './ast.js';
import type {
  CtExpr,
  ExthdrExpr,
  Expression,
  IpOptionExpr,
  MetaExpr,
  PayloadExpr,
  RawPayloadExpr,
  RawTcpOptionExpr,
  SetElement,
  SetExpr,
  SetReference,
  TcpOptionExpr,
} from './ast_expression.js';
import type { LogFlag, LogLevel } from './datatype/log.js';
import type { Loc } from './source.js';

/** `in`: no operator was written, so it depends on the right side what it means. `!`: none of the flags. */
export type MatchOperator = '==' | '!=' | '<' | '>' | '<=' | '>=' | 'in' | '!';

/** `tcp dport 22`. With `mask` it is `tcp flags syn / syn,ack`: left & mask op right; op is then `in`, `==` or `!=`. */
export interface MatchStatement {
  readonly kind: 'match';
  readonly op: MatchOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly mask?: Expression;
  readonly loc: Loc;
}

export interface Verdict {
  readonly verdict: 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto';
  /** The chain of jump and goto. */
  readonly target?: string;
  /** `jump { ... }`: a chain without a name, instead of a target. */
  readonly chain?: Chain;
}

export interface VerdictStatement extends Verdict {
  readonly kind: 'verdict';
  readonly loc: Loc;
}

export interface VmapStatement {
  readonly kind: 'vmap';
  readonly key: Expression;
  readonly data: SetExpr | SetReference;
  readonly loc: Loc;
}

/** `counter`, `counter packets 5 bytes 6`: both or neither. */
export interface CounterStatement {
  readonly kind: 'counter';
  readonly packets?: Count;
  readonly bytes?: Count;
  readonly loc: Loc;
}

export type ByteUnit = 'bytes' | 'kbytes' | 'mbytes';

export interface QuotaStatement {
  readonly kind: 'quota';
  readonly val: Count;
  readonly valUnit: ByteUnit;
  readonly used?: Count;
  readonly usedUnit?: ByteUnit;
  /** `over`. */
  readonly inv: boolean;
  readonly loc: Loc;
}

export interface LimitStatement {
  readonly kind: 'limit';
  readonly rate: Count;
  readonly rateUnit: 'packets' | ByteUnit;
  readonly per: TimeUnit;
  /** Left out: 5 packets, or 0 bytes. */
  readonly burst?: Count;
  readonly burstUnit?: 'packets' | ByteUnit;
  /** `over`. */
  readonly inv: boolean;
  readonly loc: Loc;
}

/** `counter name X`, `quota name X`, `limit name X`, `ct helper set X`, `synproxy name X`, `meta secmark set X`... */
export interface ObjrefStatement {
  readonly kind: 'objref';
  readonly type: ObjectType;
  /** A symbol, or a map. */
  readonly expr: Expression;
  readonly loc: Loc;
}

export interface LastStatement {
  readonly kind: 'last';
  /** Milliseconds ago; left out: never. */
  readonly usedMs?: Count;
  readonly loc: Loc;
}

export interface LogStatement {
  readonly kind: 'log';
  readonly prefix?: string;
  readonly group?: number;
  readonly snaplen?: number;
  readonly queueThreshold?: number;
  readonly level?: LogLevel;
  readonly flags?: readonly LogFlag[];
  readonly loc: Loc;
}

export interface RejectStatement {
  readonly kind: 'reject';
  /** Left out: evaluate chooses by family. */
  readonly type?: 'tcp reset' | 'icmp' | 'icmpv6' | 'icmpx';
  /** The code: a symbol or a number. */
  readonly expr?: Expression;
  readonly loc: Loc;
}

export type NatFlag = 'random' | 'fully-random' | 'persistent';
/** `snat ip prefix to`, `snat ip interval to`, `dnat ip addr . port to` (concat). */
export type NatTypeFlag = 'prefix' | 'interval' | 'concat';

export interface NatStatement {
  readonly kind: 'snat' | 'dnat';
  readonly family?: 'ip' | 'ip6';
  readonly addr?: Expression;
  readonly port?: Expression;
  readonly flags?: readonly NatFlag[];
  readonly typeFlags?: readonly NatTypeFlag[];
  readonly loc: Loc;
}

export interface MasqueradeStatement {
  readonly kind: 'masquerade' | 'redirect';
  readonly port?: Expression;
  readonly flags?: readonly NatFlag[];
  readonly loc: Loc;
}

export interface TproxyStatement {
  readonly kind: 'tproxy';
  readonly family?: 'ip' | 'ip6';
  readonly addr?: Expression;
  readonly port?: Expression;
  readonly loc: Loc;
}

/** `synproxy mss 1460 wscale 7 timestamp sack-perm`. */
export interface SynproxyStatement {
  readonly kind: 'synproxy';
  readonly mss?: number;
  readonly wscale?: number;
  readonly flags?: readonly SynproxyFlag[];
  readonly loc: Loc;
}

/** `dup to 10.0.0.1 device eth0`; in netdev `dup to eth0` has only `dev`: the parser gives `addr`, evaluate knows the family. */
export interface DupStatement {
  readonly kind: 'dup';
  readonly addr: Expression;
  readonly dev?: Expression;
  readonly loc: Loc;
}

/** `fwd to eth0`: dev; `fwd ip to 10.0.0.1 device eth0`: all three. */
export interface FwdStatement {
  readonly kind: 'fwd';
  readonly dev: Expression;
  readonly family?: 'ip' | 'ip6';
  readonly addr?: Expression;
  readonly loc: Loc;
}

export interface QueueStatement {
  readonly kind: 'queue';
  /** A number, a range, or an expression that gives one. */
  readonly num?: Expression;
  readonly flags?: readonly ('bypass' | 'fanout')[];
  readonly loc: Loc;
}

export interface NotrackStatement {
  readonly kind: 'notrack';
  readonly loc: Loc;
}

/** What a mangle statement can set. */
export type Mangled =
  | PayloadExpr
  | RawPayloadExpr
  | MetaExpr
  | CtExpr
  | ExthdrExpr
  | TcpOptionExpr
  | RawTcpOptionExpr
  | IpOptionExpr;

/** `meta mark set 1`, `ip dscp set cs1`, `tcp option maxseg size set rt mtu`, `ct mark set mark`. */
export interface MangleStatement {
  readonly kind: 'mangle';
  readonly key: Mangled;
  readonly value: Expression;
  readonly loc: Loc;
}

/** `reset tcp option sack-perm`. */
export interface ResetStatement {
  readonly kind: 'reset';
  readonly option: TcpOptionExpr | RawTcpOptionExpr;
  readonly loc: Loc;
}

/** `add @s { ip saddr timeout 5s limit rate 5/second }`; of a map the element has data. */
export interface SetStatement {
  readonly kind: 'set';
  readonly op: 'add' | 'update' | 'delete';
  /** Statements go with the element: `elem.stmts`. */
  readonly elem: SetElement;
  readonly set: string;
  readonly loc: Loc;
}

/** `meter m size 1024 { ip saddr limit rate 5/second }`, also `flow table m {...}`. */
export interface MeterStatement {
  readonly kind: 'meter';
  readonly name: string;
  readonly size?: Count;
  /** Its `stmts` has exactly one. */
  readonly elem: SetElement;
  readonly loc: Loc;
}

/** `flow add @ft`. */
export interface FlowStatement {
  readonly kind: 'flow';
  readonly op: 'add';
  readonly flowtable: string;
  readonly loc: Loc;
}

export interface CtCountStatement {
  readonly kind: 'ct count';
  readonly val: number;
  /** `over`. */
  readonly inv: boolean;
  readonly loc: Loc;
}

/** An extension of iptables-nft: can be listed, never loaded. */
export interface XtStatement {
  readonly kind: 'xt';
  readonly type: 'match' | 'target' | 'watcher';
  readonly name: string;
  readonly loc: Loc;
}

export type Statement =
  | MatchStatement
  | VerdictStatement
  | VmapStatement
  | CounterStatement
  | QuotaStatement
  | LimitStatement
  | ObjrefStatement
  | LastStatement
  | LogStatement
  | RejectStatement
  | NatStatement
  | MasqueradeStatement
  | TproxyStatement
  | SynproxyStatement
  | DupStatement
  | FwdStatement
  | QueueStatement
  | NotrackStatement
  | MangleStatement
  | ResetStatement
  | SetStatement
  | MeterStatement
  | FlowStatement
  | CtCountStatement
  | XtStatement;
