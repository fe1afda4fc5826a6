/** Expressions as JSON: libnftables-json(5), the way nft 1.0.6 writes them. */
import type { Count, Expression, SetElement, Verdict } from '../ast.js';
import { type Datatype, REALM, TIME } from '../datatype/datatype.js';
import { timeOf } from '../grammar/number.js';
import { typeOf } from '../print/type_of.js';
import { isState } from '../print/state.js';
import { stateJson } from './state_out.js';
import { fields, type Json } from './text.js';

export function verdictJson({ verdict, target }: Verdict): Json {
  return { [verdict]: target === undefined ? null : { target } };
}

/** Milliseconds as whole seconds, as nft rounds them. */
export const seconds = (ms: number | bigint | undefined): Json | undefined =>
  ms === undefined ? undefined : BigInt(ms) / 1000n;

/** The key alone where the element has nothing else. */
export function elementKey(elem: SetElement, type: Datatype | undefined): Json {
  const val = expressionJson(elem.key, type);
  const more = fields({
    timeout: seconds(elem.timeoutMs),
    expires: seconds(elem.expiresMs),
    comment: elem.comment,
  });
  const stmts = Object.assign({}, ...(elem.stmts ?? []).filter(isState).map((stmt) => stateJson(stmt))) as {
    [key: string]: Json;
  };
  const all = { val, ...more, ...stmts };
  return Object.keys(all).length === 1 ? val : { elem: all };
}

export function elementJson(elem: SetElement, key?: Datatype, data?: Datatype): Json {
  const left = elementKey(elem, key);
  return elem.data ? [left, expressionJson(elem.data, data)] : left;
}

/** A word whose JSON is a number: a time. */
function symbolJson(name: string, type: Datatype | undefined): Json {
  if (type === TIME && /^\d/.test(name)) return BigInt(timeOf(name)) / 1000n;
  return name;
}

/** Bounds of a range have names in JSON, though text has them in numbers. */
function named(expr: Expression, type: Datatype | undefined): Json | undefined {
  if (expr.kind !== 'number' || !type?.symbols) return undefined;
  return Object.entries(type.symbols).find(([, value]) => value === Number(expr.value))?.[0];
}

/** nft's JSON has signed integers of 64 bits. */
const asJson = (value: Count): Json =>
  typeof value === 'bigint' && value < 1n << 64n ? BigInt.asIntN(64, value) : value;

export function expressionJson(expr: Expression, type?: Datatype): Json {
  const json = (part: Expression) => expressionJson(part, type);
  switch (expr.kind) {
    case 'symbol':
      return symbolJson(expr.name, type);
    case 'number':
      return type === REALM ? String(expr.value) : asJson(expr.value);
    case 'boolean':
      return expr.value;
    case 'wildcard':
      return '*';
    case 'set reference':
      return `@${expr.name}`;
    case 'list':
      return expr.items.map(json);
    case 'prefix':
      return { prefix: { addr: json(expr.addr), len: expr.len } };
    case 'range':
      return { range: [named(expr.from, type) ?? json(expr.from), named(expr.to, type) ?? json(expr.to)] };
    case 'set':
      return { set: expr.elem.map((elem) => elementJson(elem, type)) };
    case 'verdict':
      return verdictJson(expr);
    case 'concat':
      return { concat: expr.items.map((item, i) => expressionJson(item, type?.parts?.[i])) };
    case 'binary': {
      const own = typeOf(expr.left) ?? type;
      return { [expr.op]: [expressionJson(expr.left, own), expressionJson(expr.right, own)] };
    }
    case 'map': {
      const key = typeOf(expr.key);
      const data: Json =
        expr.data.kind === 'set'
          ? { set: expr.data.elem.map((elem) => elementJson(elem, key, type)) }
          : `@${expr.data.name}`;
      return { map: { key: json(expr.key), data } };
    }
    case 'payload':
      return { payload: { protocol: expr.protocol, field: expr.field } };
    case 'raw payload':
      return { payload: { base: expr.base, offset: expr.offset, len: expr.len } };
    case 'exthdr': {
      const field = expr.offset === undefined ? expr.field : `${expr.field}[${expr.offset}]`;
      return { exthdr: fields({ name: expr.name, field }) };
    }
    case 'tcp option':
      return { 'tcp option': fields({ name: expr.name, field: expr.field }) };
    case 'raw tcp option':
      return { 'tcp option': { base: expr.base, offset: expr.offset ?? 0, len: expr.len ?? 8 } };
    case 'ip option':
      return { 'ip option': fields({ name: expr.name, field: expr.field }) };
    case 'sctp chunk':
      return { 'sctp chunk': fields({ name: expr.name, field: expr.field }) };
    case 'meta':
      return { meta: { key: expr.key } };
    case 'ct':
      return { ct: fields({ key: expr.key, dir: expr.dir }) };
    case 'rt':
      return { rt: fields({ key: expr.key, family: expr.family }) };
    case 'socket':
      return { socket: fields({ key: expr.key, level: expr.level }) };
    case 'osf':
      return { osf: fields({ key: expr.key, ttl: expr.ttl }) };
    case 'fib':
      return { fib: { result: expr.result, flags: expr.flags } };
    case 'ipsec':
      return { ipsec: fields({ key: expr.key, family: expr.family, dir: expr.dir, spnum: expr.spnum ?? 0 }) };
    case 'numgen':
      return { numgen: { mode: expr.mode, mod: expr.mod, offset: expr.offset ?? 0 } };
    case 'jhash':
      return {
        jhash: fields({
          mod: expr.mod,
          seed: expr.seed,
          offset: expr.offset || undefined,
          expr: expressionJson(expr.expr),
        }),
      };
    case 'symhash':
      return { symhash: fields({ mod: expr.mod, offset: expr.offset || undefined }) };
  }
}
