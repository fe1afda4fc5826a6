/**
 * The syntax tree of a ruleset: the schema of libnftables-json(5) as types, and what the text has beyond it.
 *
 *   text ──grammar/──► Command[] ──evaluate/──► IR          JSON ──json/──► Command[] (the same)
 *   text ◄──print/──── RulesetObject[] ◄──delinearize/── IR      JSON ◄──json/── RulesetObject[]
 *
 * Three families of nodes, each a union by `kind`: objects and commands (here), statements (ast_statement.ts) and
 * expressions (ast_expression.ts). Names are those of the JSON schema, camelCase where it has dashes. Every
 * node has `loc`. Nodes are shared (the value of `$x` stands wherever it is used): nothing may change one.
 *
 * Resolved by the parser already: variables, includes, backslashes at a line's end, units of rates and times (bytes and ms are
 * what the field says), synonyms (`eq`, `and`, `lt`...), sets within sets. Not resolved: symbols, families left out
 * (the parser says `ip`, as nft does), implicit operators (`in`), dependencies, types.
 */
import type { Expression, SetElement } from './ast_expression.js';
import type { Statement } from './ast_statement.js';
import type { Loc } from './source.js';

export type * from './ast_expression.js';
export type * from './ast_statement.js';
export type { Loc } from './source.js';

export type Family = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

/** A count that may need 64 bits: a bigint only above Number.MAX_SAFE_INTEGER. */
export type Count = number | bigint;

// ---- objects ----------------------------------------------------------------------------------------------------

export type TableFlag = 'dormant' | 'owner' | 'persist';

export interface Table {
  readonly kind: 'table';
  readonly family: Family;
  readonly name: string;
  readonly handle?: Count;
  readonly flags?: readonly TableFlag[];
  readonly comment?: string;
  /** `table x { ... }`: what stands in the braces, in its order. Never there in a listing, which is flat as in JSON. */
  readonly block?: readonly RulesetObject[];
  readonly loc: Loc;
}

/** `filter - 10` is {name: 'filter', offset: -10}; `-150` is {offset: -150}. */
export interface Priority {
  readonly name?: string;
  readonly offset: number;
  readonly loc: Loc;
}

export type ChainPolicy = 'accept' | 'drop';

export interface Chain {
  readonly kind: 'chain';
  readonly family: Family;
  readonly table: string;
  /** Of `jump { ... }`, which has no name: ''. */
  readonly name: string;
  readonly handle?: Count;
  /** Base chains: type, hook and prio are there together. 'filter' | 'nat' | 'route', not checked. */
  readonly type?: string;
  /** Not checked: which hooks there are depends on the family. */
  readonly hook?: string;
  readonly prio?: Priority;
  readonly devices?: readonly string[];
  readonly policy?: ChainPolicy;
  /** `flags offload`. */
  readonly flags?: readonly 'offload'[];
  readonly comment?: string;
  /** `chain x { ... }`: its rules. Never there in a listing. */
  readonly rules?: readonly Rule[];
  /** Of the type, hook and priority line. */
  readonly hookLoc?: Loc;
  readonly loc: Loc;
}

export interface Rule {
  readonly kind: 'rule';
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Statement[];
  /** The rule's own handle in listings and `replace`; in `add` and `insert` that of the rule it goes beside. */
  readonly handle?: Count;
  /** `add rule ... index 3`, from 0. */
  readonly index?: Count;
  /** `position`: the old word for `handle` in add and insert. */
  readonly position?: Count;
  readonly comment?: string;
  readonly loc: Loc;
}

export type SetFlag = 'constant' | 'interval' | 'timeout' | 'dynamic';
export type SetPolicy = 'performance' | 'memory';

/** `type ipv4_addr . inet_service` or `typeof ip saddr . tcp dport`; an unknown name of a type is evaluate's to refuse. */
export type TypeSpec =
  | { readonly kind: 'type'; readonly names: readonly string[]; readonly loc: Loc }
  | { readonly kind: 'typeof'; readonly expr: Expression; readonly loc: Loc };

interface SetBase {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly handle?: Count;
  /** Missing only in what is refused (`set x { elements = ... }` without a type) and in `add set x` of one that exists. */
  readonly type?: TypeSpec;
  readonly policy?: SetPolicy;
  readonly flags?: readonly SetFlag[];
  readonly timeoutMs?: Count;
  readonly gcIntervalMs?: Count;
  readonly size?: Count;
  readonly autoMerge?: boolean;
  readonly comment?: string;
  /** `counter`, `quota 5 mbytes`, `limit rate ...` in the block: what every element gets. */
  readonly stmts?: readonly Statement[];
  readonly elem?: readonly SetElement[];
  /** The braces of `elements = { ... }`. */
  readonly elemLoc?: Loc;
  readonly loc: Loc;
}

export interface SetObject extends SetBase {
  readonly kind: 'set';
}

/** What a map gives: a type of data, `verdict`, or a kind of object. */
export type MapData =
  | TypeSpec
  | { readonly kind: 'verdict'; readonly loc: Loc }
  | { readonly kind: 'object'; readonly type: ObjectType; readonly loc: Loc };

export interface MapObject extends SetBase {
  readonly kind: 'map';
  readonly map?: MapData;
  /** `type ipv4_addr : interval ipv4_addr`: values may be ranges. */
  readonly mapInterval?: boolean;
}

/** `add element`, `create element`; and `delete`, `get`, `destroy` through ElementsCommand. */
export interface Element {
  readonly kind: 'element';
  readonly family: Family;
  readonly table: string;
  /** Of the set or map: only the ruleset says which. */
  readonly name: string;
  readonly elem: readonly SetElement[];
  readonly loc: Loc;
}

export interface Flowtable {
  readonly kind: 'flowtable';
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly handle?: Count;
  readonly hook?: string;
  readonly prio?: Priority;
  readonly devices?: readonly string[];
  readonly flags?: readonly 'offload'[];
  /** `counter` in the block. */
  readonly counter?: boolean;
  readonly loc: Loc;
}

interface StatefulBase {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly handle?: Count;
  readonly comment?: string;
  readonly loc: Loc;
}

export interface CounterObject extends StatefulBase {
  readonly kind: 'counter';
  readonly packets?: Count;
  readonly bytes?: Count;
}

export interface QuotaObject extends StatefulBase {
  readonly kind: 'quota';
  readonly bytes: Count;
  readonly used?: Count;
  /** `over`: matches once the quota is exceeded. */
  readonly inv: boolean;
}

export type TimeUnit = 'second' | 'minute' | 'hour' | 'day' | 'week';

export interface LimitObject extends StatefulBase {
  readonly kind: 'limit';
  readonly rate: Count;
  readonly per: TimeUnit;
  /** Packets, or bytes by `unit`; left out: nft's default (5 packets, 0 bytes). */
  readonly burst?: Count;
  readonly unit: 'packets' | 'bytes';
  /** `over`. */
  readonly inv: boolean;
}

export interface CtHelperObject extends StatefulBase {
  readonly kind: 'ct helper';
  /** `type "ftp"`. */
  readonly type: string;
  /** A symbol's name: 'tcp' or 'udp'. */
  readonly protocol: string;
  readonly l3proto?: Family;
}

export interface CtTimeoutObject extends StatefulBase {
  readonly kind: 'ct timeout';
  readonly protocol: string;
  readonly l3proto?: Family;
  /** Seconds by the state's name, in the order given. */
  readonly policy: readonly { readonly state: string; readonly value: number; readonly loc: Loc }[];
}

export interface CtExpectationObject extends StatefulBase {
  readonly kind: 'ct expectation';
  readonly protocol: string;
  readonly l3proto?: Family;
  readonly dport: number;
  readonly timeoutMs: number;
  readonly size: number;
}

export type SynproxyFlag = 'timestamp' | 'sack-perm';

export interface SynproxyObject extends StatefulBase {
  readonly kind: 'synproxy';
  readonly mss?: number;
  readonly wscale?: number;
  readonly flags: readonly SynproxyFlag[];
}

export interface SecmarkObject extends StatefulBase {
  readonly kind: 'secmark';
  readonly context: string;
}

export type StatefulObject =
  | CounterObject
  | QuotaObject
  | LimitObject
  | CtHelperObject
  | CtTimeoutObject
  | CtExpectationObject
  | SynproxyObject
  | SecmarkObject;

/** Kinds of object that a rule can refer to by name. */
export type ObjectType = StatefulObject['kind'];

export type RulesetObject =
  | Table
  | Chain
  | Rule
  | SetObject
  | MapObject
  | Element
  | Flowtable
  | StatefulObject;

// ---- commands ---------------------------------------------------------------------------------------------------

/** `table x { ... }` without a command is `add`, as everywhere in nft. */
export interface AddCommand {
  readonly kind: 'add' | 'create' | 'insert' | 'replace';
  /** insert and replace: a Rule. */
  readonly object: RulesetObject;
  /** JSON without a command, as a listing has it: a rule's handle is the one it had, no place beside which it goes. */
  readonly implied?: true;
  readonly loc: Loc;
}

/** What delete, list, reset, flush and rename name. `name` or `handle`; a plural has neither. */
export interface Target {
  readonly type: TargetType | TargetPlural;
  /** Left out in plurals without a family: all families. */
  readonly family?: Family;
  readonly table?: string;
  /** Of rules: the chain. */
  readonly chain?: string;
  readonly name?: string;
  readonly handle?: Count;
  /** `list hooks ... device eth0`. */
  readonly device?: string;
  readonly loc: Loc;
}

export type TargetType =
  | 'table'
  | 'chain'
  | 'rule'
  | 'set'
  | 'map'
  | 'meter'
  | 'flowtable'
  | 'ruleset'
  | ObjectType;

export type TargetPlural =
  | 'tables'
  | 'chains'
  | 'rules'
  | 'sets'
  | 'maps'
  | 'meters'
  | 'flowtables'
  | 'counters'
  | 'quotas'
  | 'limits'
  | 'ct helpers'
  | 'ct timeouts'
  | 'ct expectations'
  | 'synproxys'
  | 'secmarks'
  | 'hooks';

export interface TargetCommand {
  readonly kind: 'delete' | 'destroy' | 'list' | 'flush' | 'reset';
  readonly target: Target;
  /** `delete flowtable t f { devices = { eth0 } }`, `delete chain t c { ... }`: the devices to take away. */
  readonly object?: Flowtable | Chain;
  readonly loc: Loc;
}

/** `delete element`, `destroy element`, `get element`, `reset element`. */
export interface ElementsCommand {
  readonly kind: 'delete element' | 'destroy element' | 'get element' | 'reset element';
  readonly element: Element;
  readonly loc: Loc;
}

export interface RenameCommand {
  readonly kind: 'rename';
  /** A chain. */
  readonly target: Target;
  readonly newname: string;
  readonly loc: Loc;
}

export interface MonitorCommand {
  readonly kind: 'monitor';
  readonly event?: 'new' | 'destroy';
  readonly object?: 'tables' | 'chains' | 'sets' | 'rules' | 'elements' | 'ruleset' | 'trace';
  readonly format?: 'json' | 'xml';
  readonly loc: Loc;
}

/** `describe tcp dport`, `describe ipv4_addr`: a bare symbol may be the name of a type. */
export interface DescribeCommand {
  readonly kind: 'describe';
  readonly expr: Expression;
  readonly loc: Loc;
}

export type Command =
  | AddCommand
  | TargetCommand
  | ElementsCommand
  | RenameCommand
  | MonitorCommand
  | DescribeCommand;
