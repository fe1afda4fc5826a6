/** Statements and rules as text, in the words of `nft list`. */
import type {
  Expression,
  LogStatement,
  MatchStatement,
  MasqueradeStatement,
  NatStatement,
  QueueStatement,
  RejectStatement,
  Rule,
  Statement,
  SynproxyStatement,
  TproxyStatement,
} from '../ast.js';
import { everyLogFlag } from '../datatype/log.js';
import { BITMASK, IFNAME, isBitmask, STRING } from '../datatype/datatype.js';
import { elementText, expressionText, keyType, mapDataText, valueTypeOf, verdictText } from './expression.js';
import type { PrintOptions } from './options.js';
import { stateText } from './state.js';
import type { ValueType } from './value.js';

const NAME: ValueType = { type: STRING };
const DEVICE: ValueType = { type: IFNAME };

const isValue = (expr: Expression) =>
  expr.kind === 'symbol' || expr.kind === 'number' || expr.kind === 'list' || expr.kind === 'binary';

function matchText({ op, left, right, mask }: MatchStatement, options: PrintOptions): string {
  const type = keyType(left);
  const value = (expr: Expression) => expressionText(expr, options, type);
  const flags = type.type !== undefined && type.type !== BITMASK && isBitmask(type.type);
  const operator = op === 'in' || op === '==' ? '' : `${op} `;
  if (mask) return `${expressionText(left, options)} ${operator}${value(right)} / ${value(mask)}`;
  // `tcp flags & (syn | ack) == syn`: of several flags.
  if (left.kind === 'binary' && left.op === '&' && left.right.kind === 'list' && flags && op !== 'in') {
    return `${expressionText(left.left, options)} ${operator}${value(right)} / ${value(left.right)}`;
  }
  const equals = op === '==' && (left.kind === 'binary' || (flags && isValue(right)));
  return `${expressionText(left, options)} ${equals ? '== ' : operator}${value(right)}`;
}

function logText(log: LogStatement): string {
  let text = 'log';
  if (log.prefix !== undefined) text += ` prefix "${log.prefix}"`;
  if (log.group !== undefined) text += ` group ${log.group}`;
  if (log.snaplen) text += ` snaplen ${log.snaplen}`;
  if (log.queueThreshold) text += ` queue-threshold ${log.queueThreshold}`;
  if (log.level !== undefined && log.level !== 'warn') text += ` level ${log.level}`;
  const flags = new Set(log.flags);
  if (everyLogFlag(log.flags ?? [])) return `${text} flags all`;
  const tcp = ['sequence', 'options'].filter((flag) => flags.has(`tcp ${flag}` as 'tcp sequence'));
  if (tcp.length > 0) text += ` flags tcp ${tcp.join(',')}`;
  for (const flag of ['ip options', 'skuid', 'ether'] as const) if (flags.has(flag)) text += ` flags ${flag}`;
  return text;
}

function rejectText({ type, expr }: RejectStatement, options: PrintOptions): string {
  if (type === undefined) return 'reject';
  if (type === 'tcp reset') return 'reject with tcp reset';
  const usual = options.family === 'ip' ? 'icmp' : options.family === 'ip6' ? 'icmpv6' : 'icmpx';
  const port = expr === undefined || (expr.kind === 'symbol' && expr.name === 'port-unreachable');
  if (port && type === usual) return 'reject';
  if (expr === undefined) return `reject with ${type} port-unreachable`;
  return `reject with ${type} ${expressionText(expr, options)}`;
}

const isIp6 = (expr: Expression): boolean =>
  (expr.kind === 'symbol' && expr.name.includes(':')) || (expr.kind === 'range' && isIp6(expr.from));

/** An address before a port: IPv6 goes into brackets. */
function bracketed(addr: Expression, options: PrintOptions): string {
  if (!isIp6(addr)) return expressionText(addr, options);
  if (addr.kind !== 'range') return `[${expressionText(addr, options)}]`;
  return `[${expressionText(addr.from, options)}]-[${expressionText(addr.to, options)}]`;
}

const flagsText = (flags: readonly string[] | undefined) => (flags?.length ? ` ${flags.join(',')}` : '');

function natText(
  { kind, family, addr, port, flags, typeFlags }: NatStatement,
  options: PrintOptions,
): string {
  let text: string = kind;
  if (family) text += ` ${family}`;
  if (typeFlags?.includes('prefix')) text += ' prefix';
  text += ' to ';
  if (addr) text += port ? bracketed(addr, options) : expressionText(addr, options);
  if (port) text += `:${expressionText(port, options)}`;
  return text + flagsText(flags);
}

function masqueradeText({ kind, port, flags }: MasqueradeStatement, options: PrintOptions): string {
  return `${kind}${port ? ` to :${expressionText(port, options)}` : ''}${flagsText(flags)}`;
}

function tproxyText({ family, addr, port }: TproxyStatement, options: PrintOptions): string {
  const to = addr ? bracketed(addr, options) : '';
  return `tproxy${family ? ` ${family}` : ''} to ${to}${port ? `:${expressionText(port, options)}` : ''}`;
}

function synproxyText({ mss, wscale, flags }: SynproxyStatement): string {
  let text = 'synproxy';
  if (mss !== undefined) text += ` mss ${mss}`;
  if (wscale !== undefined) text += ` wscale ${wscale}`;
  for (const flag of ['timestamp', 'sack-perm'] as const) if (flags?.includes(flag)) text += ` ${flag}`;
  return text;
}

function queueText({ num, flags }: QueueStatement, options: PrintOptions): string {
  const to = num ? ` to ${expressionText(num, options)}` : '';
  return `queue${flags?.length ? ` flags ${flags.join(',')}` : ''}${to}`;
}

/** What a statement names an object by: words of its own, and whether it is set. */
const OBJREF = {
  counter: 'counter name',
  quota: 'quota name',
  limit: 'limit name',
  synproxy: 'synproxy name',
  secmark: 'meta secmark set',
  'ct helper': 'ct helper set',
  'ct timeout': 'ct timeout set',
  'ct expectation': 'ct expectation set',
} as const;

/** `dynamic`: of elements added by packets, whose counts are not printed. */
export function statementText(stmt: Statement, options: PrintOptions, dynamic = false): string {
  const text = (expr: Expression, type: ValueType = {}) => expressionText(expr, options, type);
  switch (stmt.kind) {
    case 'match':
      return matchText(stmt, options);
    case 'verdict': {
      if (!stmt.chain) return verdictText(stmt);
      return `${stmt.verdict} {\n${rulesText(stmt.chain.rules ?? [], options, '\t\t\t')}\t\t}`;
    }
    case 'vmap':
      return `${text(stmt.key)} vmap ${mapDataText(stmt.key, stmt.data, {}, options)}`;
    case 'counter':
    case 'quota':
    case 'limit':
    case 'last':
    case 'ct count':
      return stateText(stmt, options, dynamic);
    case 'objref':
      return `${OBJREF[stmt.type]} ${text(stmt.expr, NAME)}`;
    case 'log':
      return logText(stmt);
    case 'reject':
      return rejectText(stmt, options);
    case 'snat':
    case 'dnat':
      return natText(stmt, options);
    case 'masquerade':
    case 'redirect':
      return masqueradeText(stmt, options);
    case 'tproxy':
      return tproxyText(stmt, options);
    case 'synproxy':
      return synproxyText(stmt);
    case 'dup':
      return `dup to ${text(stmt.addr, options.family === 'netdev' ? DEVICE : {})}${stmt.dev ? ` device ${text(stmt.dev, DEVICE)}` : ''}`;
    case 'fwd': {
      if (!stmt.addr) return `fwd to ${text(stmt.dev, DEVICE)}`;
      return `fwd ${stmt.family ?? 'ip'} to ${text(stmt.addr)} device ${text(stmt.dev, DEVICE)}`;
    }
    case 'queue':
      return queueText(stmt, options);
    case 'notrack':
      return 'notrack';
    case 'mangle':
      return `${text(stmt.key)} set ${text(stmt.value, valueTypeOf(stmt.key))}`;
    case 'reset':
      return `reset ${text(stmt.option)}`;
    case 'set':
      return `${stmt.op} @${stmt.set} { ${elementText(stmt.elem, {}, {}, options, true)} }`;
    case 'meter': {
      const size = stmt.size === undefined ? '' : ` size ${stmt.size}`;
      return `meter ${stmt.name}${size} { ${elementText(stmt.elem, {}, {}, options, true)} }`;
    }
    case 'flow':
      return `flow add @${stmt.flowtable}`;
    case 'xt':
      return `xt ${stmt.type} "${stmt.name}"`;
  }
}

export const handleText = (handle: number | bigint | undefined, options: PrintOptions): string =>
  options.handles && handle !== undefined ? ` # handle ${handle}` : '';

export function ruleText(rule: Rule, options: PrintOptions): string {
  const words = rule.expr.map((stmt) => statementText(stmt, options));
  if (rule.comment !== undefined) words.push(`comment "${rule.comment}"`);
  return words.join(' ') + handleText(rule.handle, options);
}

export function rulesText(rules: readonly Rule[], options: PrintOptions, indent: string): string {
  return rules.map((rule) => `${indent}${ruleText(rule, options)}\n`).join('');
}
