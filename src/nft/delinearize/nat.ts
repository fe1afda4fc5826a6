/** Translation and redirection: registers back to addresses and ports, ranges, and maps that give several of them. */
import type { Expression, NatFlag, NatTypeFlag, Statement } from '../ast.js';
import { INET_SERVICE, IP6ADDR, IPADDR } from '../datatype/datatype.js';
import type { MasqIr, RedirIr } from '../expr/masq.js';
import { NAT_F_NETMAP, type NatIr } from '../expr/nat.js';
import type { TproxyIr } from '../expr/tproxy.js';
import { NO_LOC as loc } from '../source.js';
import type { DelinearizeContext } from './context.js';
import { resolveAs } from './load.js';
import type { Resolved } from './operand.js';
import { numberOfBytes } from './value.js';
import type { RegisterFile } from './registers.js';

const FLAGS: readonly (readonly [number, NatFlag])[] = [
  [0x4, 'random'],
  [0x10, 'fully-random'],
  [0x8, 'persistent'],
];
const PORT = { type: INET_SERVICE, order: 'big' } as const;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;

const natFlags = (bits: number): NatFlag[] =>
  FLAGS.flatMap(([bit, name]) => ((bits & bit) === 0 ? [] : [name]));

/** A range of addresses that is all of a prefix. */
function prefixOf(from: Uint8Array, to: Uint8Array): number | undefined {
  const first = numberOfBytes(from, 'big');
  const size = numberOfBytes(to, 'big') - first + 1n;
  if (size <= 0n || (size & (size - 1n)) !== 0n || first % size !== 0n) return undefined;
  return from.length * 8 - (size.toString(2).length - 1);
}

/** One value or a range of them, of what was loaded. */
function between(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  as: Pick<Resolved, 'type' | 'order'>,
  min: number | undefined,
  max: number | undefined,
): Expression | undefined {
  const first = min === undefined ? undefined : registers.get(min);
  if (first === undefined) return undefined;
  const from = resolveAs(ctx, first, as);
  const last = max === undefined || max === min ? undefined : registers.get(max);
  if (last === undefined || first.kind === 'map') return from;
  const to = resolveAs(ctx, last, as);
  if (JSON.stringify(from) === JSON.stringify(to)) return from;
  const len = first.kind === 'value' && last.kind === 'value' ? prefixOf(first.data, last.data) : undefined;
  if (as.type !== INET_SERVICE && len !== undefined) return { kind: 'prefix', addr: from, len, loc };
  return { kind: 'range', from, to, loc };
}

const addressType = (family: number) =>
  ({ type: family === NFPROTO_IPV6 ? IP6ADDR : IPADDR, order: 'big' }) as const;

function familyOf(ctx: DelinearizeContext, family: number): 'ip' | 'ip6' | undefined {
  if (ctx.family !== 'inet' || (family !== NFPROTO_IPV4 && family !== NFPROTO_IPV6)) return undefined;
  return family === NFPROTO_IPV6 ? 'ip6' : 'ip';
}

export function natStatement(ctx: DelinearizeContext, registers: RegisterFile, nat: NatIr): Statement {
  const { type, addrMin, addrMax, protoMin, protoMax } = nat;
  const mapped = addrMin !== undefined && registers.get(addrMin)?.kind === 'map';
  const addr = between(ctx, registers, addressType(nat.family), addrMin, addrMax);
  const own = addrMin === undefined ? undefined : familyOf(ctx, nat.family);
  ctx.dependencies.clear();
  const port = between(ctx, registers, PORT, protoMin, protoMax);
  const flags = natFlags(nat.flags);
  const typeFlags: NatTypeFlag[] = [];
  if ((nat.flags & NAT_F_NETMAP) !== 0) typeFlags.push('prefix');
  else if (mapped && addrMax !== undefined && addrMax !== addrMin) typeFlags.push('interval');
  if (mapped && protoMin !== undefined && port === undefined) typeFlags.push('concat');
  const family =
    own ?? (mapped && typeFlags.length > 0 ? (nat.family === NFPROTO_IPV6 ? 'ip6' : 'ip') : undefined);
  return {
    kind: type,
    ...(family && { family }),
    ...(addr && { addr }),
    ...(port && { port }),
    ...(flags.length > 0 && { flags }),
    ...(typeFlags.length > 0 && { typeFlags }),
    loc,
  };
}

export function masqStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  { kind, protoMin, protoMax, flags: bits }: MasqIr | RedirIr,
): Statement {
  // What a port is looked up by does not take matches before it away.
  ctx.dependencies.clear();
  const port = between(ctx, registers, PORT, protoMin, protoMax);
  const flags = natFlags(bits);
  return {
    kind: kind === 'masq' ? 'masquerade' : 'redirect',
    ...(port && { port }),
    ...(flags.length > 0 && { flags }),
    loc,
  };
}

export function tproxyStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  { family, addr: addrReg, port: portReg }: TproxyIr,
): Statement {
  const addr = between(ctx, registers, addressType(family), addrReg, undefined);
  const port = between(ctx, registers, PORT, portReg, undefined);
  const own = familyOf(ctx, family);
  return { kind: 'tproxy', ...(own && { family: own }), ...(addr && { addr }), ...(port && { port }), loc };
}
