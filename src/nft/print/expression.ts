/** Expressions as text, in the words of `nft list`. */
import type {
  CtExpr,
  Expression,
  FibExpr,
  IpsecExpr,
  MapExpr,
  MetaExpr,
  SetElement,
  SetExpr,
  Verdict,
} from '../ast.js';
import type { Datatype } from '../datatype/datatype.js';
import type { PrintOptions } from './options.js';
import { isState, stateText } from './state.js';
import { timeText } from './time.js';
import { isRaw, typeOf } from './type_of.js';
import { boundText, needsParentheses, numberText, symbolText, type ValueType } from './value.js';

/** Keys of meta that listings print without `meta`. */
const BARE = new Set(['iif', 'oif', 'iifname', 'oifname', 'iifgroup', 'oifgroup']);

const metaText = ({ key }: MetaExpr) => (BARE.has(key) ? key : `meta ${key}`);
function ctText({ key, dir }: CtExpr, { family }: PrintOptions): string {
  const address = (key === 'saddr' || key === 'daddr') && (family === 'ip' || family === 'ip6');
  return `ct ${dir ? `${dir} ` : ''}${address ? `${family} ` : ''}${key}`;
}

const fibText = ({ flags, result }: FibExpr) => `fib ${flags.join(' . ')} ${result}`;

function ipsecText({ dir, spnum, key, family }: IpsecExpr): string {
  const number = spnum ? ` spnum ${spnum}` : '';
  return `ipsec ${dir}${number} ${family ? `${family} ` : ''}${key}`;
}

const offsetText = (offset: number | undefined) => (offset ? ` offset ${offset}` : '');
const fieldText = (field: string | undefined) => (field === undefined ? '' : ` ${field}`);

export function verdictText({ verdict, target }: Verdict): string {
  return target === undefined ? verdict : `${verdict} ${target}`;
}

/** Values within a concatenation have the types of its parts. */
function partTypes(count: number, { type, raw }: ValueType): ValueType[] {
  const parts = type?.parts;
  return Array.from({ length: count }, (_, i) =>
    parts ? { type: parts[i] } : { type, ...(raw && { raw }) },
  );
}

/** The types of values by the expression they are compared with. */
export function valueTypeOf(expr: Expression): ValueType {
  return { type: typeOf(expr), raw: isRaw(expr) };
}

const rawParts = new WeakMap<Datatype, readonly boolean[]>();

/** As valueTypeOf, and which parts of a concatenation are raw. */
export function keyType(expr: Expression): ValueType {
  if (expr.kind !== 'concat') return valueTypeOf(expr);
  const type = typeOf(expr);
  if (type && expr.items.some(isRaw)) rawParts.set(type, expr.items.map(isRaw));
  return { type };
}

export function elementText(
  elem: SetElement,
  key: ValueType,
  data: ValueType,
  options: PrintOptions,
  dynamic = false,
): string {
  const stmts = (elem.stmts ?? [])
    .filter(isState)
    .map((stmt) => ` ${stateText(stmt, options, dynamic)}`)
    .join('');
  let text = expressionText(elem.key, options, key);
  if (!dynamic) text += stmts;
  if (elem.timeoutMs) text += ` timeout ${timeText(elem.timeoutMs)}`;
  if (elem.expiresMs && !options.stateless) text += ` expires ${timeText(elem.expiresMs)}`;
  if (elem.comment !== undefined) text += ` comment "${elem.comment}"`;
  if (dynamic) text += stmts;
  if (elem.data) text += ` : ${expressionText(elem.data, options, data)}`;
  return text;
}

function setText(set: SetExpr, key: ValueType, data: ValueType, options: PrintOptions): string {
  return `{ ${set.elem.map((elem) => elementText(elem, key, data, options)).join(', ')} }`;
}

/** `{ ... }` or `@name`, behind map and vmap. */
export function mapDataText(
  key: Expression,
  map: MapExpr['data'],
  data: ValueType,
  options: PrintOptions,
): string {
  return map.kind === 'set' ? setText(map, keyType(key), data, options) : `@${map.name}`;
}

export function expressionText(expr: Expression, options: PrintOptions, type: ValueType = {}): string {
  const text = (part: Expression, as: ValueType = type) => expressionText(part, options, as);
  switch (expr.kind) {
    case 'symbol':
      return symbolText(expr, type);
    case 'number':
      return numberText(expr, type);
    case 'boolean':
      return expr.value ? 'exists' : 'missing';
    case 'wildcard':
      return '*';
    case 'set reference':
      return `@${expr.name}`;
    case 'list':
      return expr.items.map((item) => text(item)).join(',');
    case 'prefix':
      return `${text(expr.addr)}/${expr.len}`;
    case 'range':
      return `${boundText(expr.from, type) ?? text(expr.from)}-${boundText(expr.to, type) ?? text(expr.to)}`;
    case 'set':
      return setText(expr, type, {}, options);
    case 'verdict':
      return verdictText(expr);
    case 'concat': {
      const types = partTypes(expr.items.length, type);
      const raw = type.type && rawParts.get(type.type);
      return expr.items.map((item, i) => text(item, raw?.[i] ? { raw: true } : types[i])).join(' . ');
    }
    case 'binary': {
      const own = valueTypeOf(expr.left);
      const as = own.type || own.raw ? own : type;
      const side = (part: Expression) =>
        needsParentheses(expr.op, part) ? `(${text(part, as)})` : text(part, as);
      return `${side(expr.left)} ${expr.op} ${side(expr.right)}`;
    }
    case 'map':
      return `${text(expr.key, {})} map ${mapDataText(expr.key, expr.data, type, options)}`;
    case 'payload':
      return `${expr.protocol} ${expr.field}`;
    case 'raw payload':
      return `@${expr.base},${expr.offset},${expr.len}`;
    case 'exthdr': {
      if (expr.field === undefined) return `exthdr ${expr.name}`;
      return `${expr.name} ${expr.field}${expr.offset === undefined ? '' : `[${expr.offset}]`}`;
    }
    case 'tcp option':
      return `tcp option ${expr.name}${fieldText(expr.field)}`;
    case 'raw tcp option':
      return expr.offset === undefined
        ? `tcp option ${expr.base}`
        : `tcp option @${expr.base},${expr.offset},${expr.len}`;
    case 'ip option':
      return `ip option ${expr.name}${fieldText(expr.field)}`;
    case 'sctp chunk':
      return `sctp chunk ${expr.name}${fieldText(expr.field)}`;
    case 'meta':
      return metaText(expr);
    case 'ct':
      return ctText(expr, options);
    case 'rt':
      return `rt ${expr.family ? `${expr.family} ` : ''}${expr.key}`;
    case 'socket':
      return expr.key === 'cgroupv2' ? `socket cgroupv2 level ${expr.level ?? 0}` : `socket ${expr.key}`;
    case 'osf':
      return `osf ${expr.ttl ? `ttl ${expr.ttl} ` : ''}${expr.key}`;
    case 'fib':
      return fibText(expr);
    case 'ipsec':
      return ipsecText(expr);
    case 'numgen':
      return `numgen ${expr.mode} mod ${expr.mod}${offsetText(expr.offset)}`;
    case 'jhash': {
      const seed = expr.seed === undefined ? '' : ` seed 0x${expr.seed.toString(16)}`;
      return `jhash ${text(expr.expr, {})} mod ${expr.mod}${seed}${offsetText(expr.offset)}`;
    }
    case 'symhash':
      return `symhash mod ${expr.mod}${offsetText(expr.offset)}`;
  }
}
