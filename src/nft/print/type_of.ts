/**
 * The type of an expression as far as its spelling depends on it: whether a number is printed as `0x0000000f`, a name in quotes, how many
 * elements of a set go on a line. Whatever has no type of its own (a constant, a map by name) has none here.
 */
import type { Expression, TypeSpec } from '../ast.js';
import {
  BOOLEAN,
  concatType,
  type Datatype,
  FIB_ADDRTYPE,
  IFINDEX,
  IFNAME,
  INTEGER,
  STRING,
  typeByName,
} from '../datatype/datatype.js';
import { IP_OPTIONS, IPV6_HEADERS, type OptionDesc, SCTP_CHUNKS, TCP_OPTIONS } from '../proto/exthdr.js';
import { CT_KEYS, IPSEC_KEYS, META_KEYS, RT_KEYS, SOCKET_KEYS } from '../proto/keys.js';
import { protoByName } from '../proto/network.js';
import { findField } from '../proto/proto.js';

function optionField(
  table: ReadonlyMap<string, OptionDesc>,
  name: string,
  field: string | undefined,
): Datatype | undefined {
  if (field === undefined) return BOOLEAN;
  return table.get(name)?.fields.find((each) => each.name === field)?.type;
}

/** Raw payload: its values are printed in hexadecimal. */
export const isRaw = (expr: Expression): boolean =>
  expr.kind === 'raw payload' || (expr.kind === 'binary' && isRaw(expr.left));

export function typeOf(expr: Expression): Datatype | undefined {
  switch (expr.kind) {
    case 'payload': {
      const proto = protoByName(expr.protocol);
      return proto && findField(proto, expr.field)?.type;
    }
    case 'meta':
      return META_KEYS[expr.key]?.type;
    case 'ct':
      return CT_KEYS[expr.key]?.type;
    case 'rt':
      return RT_KEYS[expr.family ? `${expr.family} ${expr.key}` : expr.key]?.type;
    case 'socket':
      return SOCKET_KEYS[expr.key]?.type;
    case 'ipsec':
      return IPSEC_KEYS[expr.family ? `${expr.family} ${expr.key}` : expr.key]?.type;
    case 'exthdr':
      return optionField(IPV6_HEADERS, expr.name, expr.field);
    case 'tcp option':
      return optionField(TCP_OPTIONS, expr.name, expr.field);
    case 'raw tcp option':
      return expr.offset === undefined ? BOOLEAN : INTEGER;
    case 'ip option':
      return optionField(IP_OPTIONS, expr.name, expr.field);
    case 'sctp chunk':
      return optionField(SCTP_CHUNKS, expr.name, expr.field);
    case 'osf':
      return STRING;
    case 'fib':
      return expr.result === 'oif' ? IFINDEX : expr.result === 'oifname' ? IFNAME : FIB_ADDRTYPE;
    case 'raw payload':
    case 'numgen':
    case 'jhash':
    case 'symhash':
      return INTEGER;
    case 'binary':
      return typeOf(expr.left);
    case 'concat':
      return concatType(expr.items.map((item) => typeOf(item) ?? INTEGER));
    default:
      return undefined;
  }
}

export function typeOfSpec(spec: TypeSpec): Datatype | undefined {
  if (spec.kind === 'typeof') return typeOf(spec.expr);
  const types = spec.names.map((name) => typeByName(name) ?? INTEGER);
  return types.length === 1 ? types[0] : concatType(types);
}
