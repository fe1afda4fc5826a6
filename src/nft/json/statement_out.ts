/** Statements as JSON: libnftables-json(5), the way nft 1.0.6 writes them. */
import type { LogStatement, MatchStatement, NatStatement, Statement } from '../ast.js';
import { everyLogFlag } from '../datatype/log.js';
import { BITMASK, isBitmask } from '../datatype/datatype.js';
import { typeOf } from '../print/type_of.js';
import { elementJson, elementKey, expressionJson, verdictJson } from './expression_out.js';
import { stateJson } from './state_out.js';
import { fields, flagsOf, type Json } from './text.js';

function matchJson({ op, left, right, mask }: MatchStatement): Json {
  const type = typeOf(left);
  const value: Json = expressionJson(right, type);
  if (mask) {
    const masked = { '&': [expressionJson(left), expressionJson(mask, type)] };
    return { match: { op: op === 'in' ? '==' : op, left: masked, right: value } };
  }
  // Flags that were written without an operator are looked for; anything else is compared.
  const flags =
    type !== undefined &&
    type !== BITMASK &&
    isBitmask(type) &&
    (right.kind === 'symbol' || right.kind === 'list' || right.kind === 'number');
  return { match: { op: op === 'in' && !flags ? '==' : op, left: expressionJson(left), right: value } };
}

const objectOrNull = (object: { readonly [key: string]: Json }): Json =>
  Object.keys(object).length === 0 ? null : object;

function logJson(log: LogStatement): Json {
  return {
    log: objectOrNull(
      fields({
        prefix: log.prefix,
        group: log.group,
        snaplen: log.snaplen || undefined,
        'queue-threshold': log.queueThreshold || undefined,
        level: log.level === 'warn' ? undefined : log.level,
        flags: everyLogFlag(log.flags ?? []) ? 'all' : flagsOf(log.flags),
      }),
    ),
  };
}

function natJson({ kind, family, addr, port, flags, typeFlags }: NatStatement): Json {
  const netmap = typeFlags?.includes('prefix') ? ['netmap'] : [];
  return {
    [kind]: objectOrNull(
      fields({
        family,
        addr: addr && expressionJson(addr),
        port: port && expressionJson(port),
        flags: flagsOf([...(flags ?? []), ...netmap]),
        type_flags: netmap.length > 0 ? 'prefix' : undefined,
      }),
    ),
  };
}

/** `dynamic`: of elements added by packets, whose counts are not told. */
export function statementJson(stmt: Statement, dynamic = false): Json {
  switch (stmt.kind) {
    case 'match':
      return matchJson(stmt);
    case 'verdict':
      return verdictJson(stmt);
    case 'vmap': {
      const key = typeOf(stmt.key);
      const data: Json =
        stmt.data.kind === 'set'
          ? { set: stmt.data.elem.map((e) => elementJson(e, key)) }
          : `@${stmt.data.name}`;
      return { vmap: { key: expressionJson(stmt.key), data } };
    }
    case 'counter':
    case 'quota':
    case 'limit':
    case 'last':
    case 'ct count':
      return stateJson(stmt, dynamic);
    case 'objref':
      return { [stmt.type]: expressionJson(stmt.expr) };
    case 'log':
      return logJson(stmt);
    case 'reject':
      return {
        reject: objectOrNull(fields({ type: stmt.type, expr: stmt.expr && expressionJson(stmt.expr) })),
      };
    case 'snat':
    case 'dnat':
      return natJson(stmt);
    case 'masquerade':
    case 'redirect':
      return {
        [stmt.kind]: objectOrNull(
          fields({ port: stmt.port && expressionJson(stmt.port), flags: flagsOf(stmt.flags) }),
        ),
      };
    case 'tproxy':
      return {
        tproxy: fields({
          family: stmt.family,
          addr: stmt.addr && expressionJson(stmt.addr),
          port: stmt.port && expressionJson(stmt.port),
        }),
      };
    case 'synproxy': {
      const flags = (['timestamp', 'sack-perm'] as const).filter((flag) => stmt.flags?.includes(flag));
      return {
        synproxy: objectOrNull(
          fields({
            mss: stmt.mss || undefined,
            wscale: stmt.wscale || undefined,
            flags: flags.length > 0 ? flags : undefined,
          }),
        ),
      };
    }
    case 'dup':
      return { dup: fields({ addr: expressionJson(stmt.addr), dev: stmt.dev && expressionJson(stmt.dev) }) };
    case 'fwd':
      return {
        fwd: fields({
          dev: expressionJson(stmt.dev),
          family: stmt.family,
          addr: stmt.addr && expressionJson(stmt.addr),
        }),
      };
    case 'queue':
      return {
        queue: objectOrNull(
          fields({ num: stmt.num && expressionJson(stmt.num), flags: flagsOf(stmt.flags) }),
        ),
      };
    case 'notrack':
      return { notrack: null };
    case 'mangle':
      return {
        mangle: { key: expressionJson(stmt.key), value: expressionJson(stmt.value, typeOf(stmt.key)) },
      };
    case 'reset':
      if (stmt.option.kind === 'tcp option') return { reset: expressionJson(stmt.option) };
      return { reset: { 'tcp option': { base: stmt.option.base, offset: 0, len: 0 } } };
    case 'set': {
      const { stmts, data, ...elem } = stmt.elem;
      return {
        set: fields({
          op: stmt.op,
          elem: elementKey(elem, undefined),
          data: data && expressionJson(data),
          set: `@${stmt.set}`,
          stmt: stmts && stmts.length > 0 ? stmts.map((each) => statementJson(each, true)) : undefined,
        }),
      };
    }
    case 'meter': {
      const { stmts, ...elem } = stmt.elem;
      return {
        meter: fields({
          key: elementKey(elem, undefined),
          stmt: stmts?.[0] && statementJson(stmts[0], true),
          size: stmt.size,
          name: stmt.name,
        }),
      };
    }
    case 'flow':
      return { flow: { op: stmt.op, flowtable: `@${stmt.flowtable}` } };
    case 'xt':
      return { xt: { type: stmt.type, name: stmt.name } };
  }
}
