/**
 * What a field's header presupposes: before `tcp dport` the packet must be TCP, before `ip saddr` in a bridge IPv4. Where no
 * earlier match says so, one is put before the statement. And what a match tells about the headers that follow.
 *
 *   ip:     tcp dport ─► meta l4proto tcp           inet:  ip saddr ─► meta nfproto ipv4
 *   bridge: ip saddr  ─► ether type ip (meta protocol behind a vlan)      ip: ether saddr ─► meta iiftype ether
 */
import type { Loc } from '../ast.js';
import { type ByteOrder, type Datatype, IFACE_TYPE } from '../datatype/datatype.js';
import { META_KEYS } from '../proto/keys.js';
import { ETHER, INET, INET_SERVICE_PROTO, IP, IP6, NETDEV, VLAN } from '../proto/network.js';
import { type Field, findField, type HeaderBase, nextProto, numberOf, type Proto } from '../proto/proto.js';
import { ICMP, ICMPV6, TH } from '../proto/transport.js';
import { fail, type RuleContext } from './context.js';
import { type ElementNode, type MetaNode, type Node, type PayloadNode, valueNode } from './node.js';
import { anonymousSet } from './anonymous_set.js';

const ARPHRD_ETHER = 1n;
const LOWER: Readonly<Record<HeaderBase, HeaderBase>> = { ll: 'll', nh: 'll', th: 'nh', ih: 'th' };

export function metaNode(name: string, loc: Loc): MetaNode {
  const key = META_KEYS[name]!;
  return { kind: 'meta', name, key: key.number, dtype: key.type, bits: key.bits, order: key.byteorder, loc };
}

export function payloadNode(proto: Proto, field: Field, loc: Loc): PayloadNode {
  return {
    kind: 'payload',
    proto,
    field,
    base: proto.base,
    offset: field.offset,
    bits: field.len,
    dtype: field.type,
    order: 'big',
    loc,
  };
}

function same(dtype: Datatype, bits: number, order: ByteOrder, value: bigint, loc: Loc): Node {
  return valueNode(value, dtype, bits, order, loc);
}

/** Puts `left == value` before the statement that is being evaluated. */
function depend(
  ctx: RuleContext,
  left: MetaNode | PayloadNode,
  value: bigint,
  loc: Loc,
  first = false,
): void {
  const right = same(left.dtype, left.bits, left.order, value, loc);
  const stmt = { kind: 'match', op: 'eq', left, right, protocol: true, loc } as const;
  if (first) ctx.stmts.unshift(stmt);
  else ctx.stmts.push(stmt);
  learn(ctx, left, value);
}

/** The field or meta key by which `lower` names what follows, at its place in the packet. */
function keyOf(ctx: RuleContext, lower: Proto, loc: Loc): MetaNode | PayloadNode {
  if (lower.metaKey !== undefined) return metaNode(lower.metaKey, loc);
  const field = findField(lower, lower.key!)!;
  const node = payloadNode(lower, field, loc);
  if (lower.base === 'll') node.offset += stackedOffset(ctx, lower);
  return node;
}

/** Where a link header begins: behind those stacked before it. */
function stackedOffset(ctx: RuleContext, proto: Proto): number {
  const stack = ctx.proto.stackedLl;
  const at = stack.lastIndexOf(proto);
  return stack.slice(0, at < 0 ? stack.length : at).reduce((sum, each) => sum + (each.len ?? 0), 0);
}

/** Makes sure that the header of `node` is there. */
export function requireHeader(ctx: RuleContext, node: PayloadNode): void {
  const { proto, base } = node;
  if (proto === undefined || proto === TH) return;
  const layer = ctx.proto.get(base);
  if (layer === undefined || layer.proto.metaKey !== undefined) {
    makeDependency(ctx, proto, node.loc, true);
  } else if (layer.proto !== proto) {
    resolveConflict(ctx, layer.proto, proto, node.loc);
  }
  if (base === 'll') node.offset += stackedOffset(ctx, proto);
  if (proto === ICMP || proto === ICMPV6) requireIcmpType(ctx, node);
}

function conflict(loc: Loc, have: Proto, want: Proto): never {
  fail(loc, `conflicting protocols specified: ${have.name} vs. ${want.name}`);
}

/** Makes sure of a header that options or extension headers follow. */
export function requireProto(ctx: RuleContext, proto: Proto, loc: Loc): void {
  const layer = ctx.proto.get(proto.base);
  if (layer === undefined || layer.proto.metaKey !== undefined) makeDependency(ctx, proto, loc);
  else if (layer.proto !== proto) conflict(loc, layer.proto, proto);
}

/**
 * Nothing is known of that layer: the layer below must name the header. In a bridge a field of IP itself (`direct`) asks
 * `meta protocol`, which sees through VLAN tags; what lies behind IP asks `ether type`.
 */
function makeDependency(ctx: RuleContext, proto: Proto, loc: Loc, direct = false): void {
  const { base } = proto;
  if (base === 'll') {
    linkDependency(ctx, proto, loc);
    return;
  }
  const lowerBase = LOWER[base];
  const lower = ctx.proto.get(lowerBase)?.proto;
  if (base === 'th') {
    const network = ctx.proto.get('nh')?.proto;
    if (network !== undefined && numberOf(network, proto) < 0) conflict(loc, network, proto);
    // ICMP says which family it is of.
    if (network === undefined) {
      if (proto.name === 'icmp' || proto.name === 'igmp') makeDependency(ctx, IP, loc);
      else if (proto.name === 'icmpv6') makeDependency(ctx, IP6, loc);
    }
    depend(ctx, metaNode('l4proto', loc), BigInt(numberOf(INET_SERVICE_PROTO, proto)), loc);
    ctx.proto.update('th', proto);
    return;
  }
  const from = lower ?? INET;
  const number = numberOf(from, proto);
  if (number < 0) conflict(loc, from, proto);
  const viaMeta = direct && from === ETHER && ctx.family === 'bridge' && (proto === IP || proto === IP6);
  depend(ctx, viaMeta ? metaNode('protocol', loc) : keyOf(ctx, from, loc), BigInt(number), loc);
}

function linkDependency(ctx: RuleContext, proto: Proto, loc: Loc): void {
  const { family } = ctx;
  if (family === 'netdev' && proto === VLAN) {
    requireEther(ctx, loc);
    stackLink(ctx, ETHER, proto, loc);
    return;
  }
  requireEther(ctx, loc);
  if (proto !== ETHER) stackLink(ctx, ETHER, proto, loc);
}

/** The device is Ethernet's. */
function requireEther(ctx: RuleContext, loc: Loc): void {
  const type = metaNode('iiftype', loc);
  depend(ctx, { ...type, dtype: IFACE_TYPE }, ARPHRD_ETHER, loc);
}

function stackLink(ctx: RuleContext, lower: Proto, proto: Proto, loc: Loc): void {
  const number = numberOf(lower, proto);
  if (number < 0) conflict(loc, lower, proto);
  depend(ctx, keyOf(ctx, lower, loc), BigInt(number), loc);
}

/** Another header is known there: a link header may be stacked on it, anything else is a contradiction. */
function resolveConflict(ctx: RuleContext, have: Proto, want: Proto, loc: Loc): void {
  if (have.base === 'll') {
    if (ctx.proto.stackedLl.includes(want)) return;
    // What an IP packet came in is known only as a whole: no tag can be found in it.
    const { family } = ctx;
    if (have === ETHER && (family === 'ip' || family === 'ip6' || family === 'arp'))
      conflict(loc, have, want);
    if (have === NETDEV || have === INET) {
      linkDependency(ctx, want, loc);
      return;
    }
    if (numberOf(have, want) >= 0) {
      stackLink(ctx, have, want, loc);
      return;
    }
  }
  conflict(loc, have, want);
}

/** `icmp id` is of echo messages: unless the type is known, only those are let through. */
function requireIcmpType(ctx: RuleContext, node: PayloadNode): void {
  const types = node.field?.onlyTypes;
  if (types === undefined || node.proto === undefined) return;
  const known = ctx.proto.icmpType;
  if (known !== undefined) {
    if (!types.includes(known) && known !== -types[0]!) {
      fail(node.loc, `incompatible icmp match: rule has ${known}, need ${types[0]}`);
    }
    return;
  }
  const field = findField(node.proto, 'type')!;
  const left = payloadNode(node.proto, field, node.loc);
  const values = types.map((type) => valueNode(BigInt(type), left.dtype, left.bits, left.order, node.loc));
  ctx.proto.icmpType = types[0]!;
  if (values.length === 1) {
    ctx.stmts.push({ kind: 'match', op: 'eq', left, right: values[0]!, protocol: true, loc: node.loc });
    return;
  }
  const elements: ElementNode[] = values.map((key) => ({ key, stmts: [], loc: node.loc }));
  const set = anonymousSet(ctx, left, elements, undefined, node.loc);
  ctx.stmts.push({ kind: 'match', op: 'eq', left, right: set, protocol: true, loc: node.loc });
}

/** What `left == value` tells about the packet. */
export function learn(ctx: RuleContext, left: Node, value: bigint): void {
  if (left.kind === 'payload') {
    learnPayload(ctx, left, Number(value));
  } else if (left.kind === 'meta') {
    learnMeta(ctx, left.name, Number(value));
  } else if (left.kind === 'ct') {
    learnCt(ctx, left.name, Number(value));
  }
}

/** Of a set of ICMP types the last counts, as it does for nft. */
export function learnIcmpType(ctx: RuleContext, left: Node, value: bigint): void {
  if (left.kind !== 'payload' || left.field?.name !== 'type') return;
  if (left.proto === ICMP || left.proto === ICMPV6) ctx.proto.icmpType ??= Number(value);
}

function learnPayload(ctx: RuleContext, { proto, field }: PayloadNode, value: number): void {
  if (proto === undefined || field === undefined) return;
  if ((proto === ICMP || proto === ICMPV6) && field.name === 'type') {
    ctx.proto.icmpType ??= value;
    return;
  }
  if (proto.key !== field.name) return;
  const next = nextProto(proto, value);
  if (next !== undefined) ctx.proto.update(next.base, next);
}

function learnMeta(ctx: RuleContext, name: string, value: number): void {
  if (name === 'iiftype' || name === 'oiftype') {
    if (value === Number(ARPHRD_ETHER)) ctx.proto.update('ll', ETHER);
    return;
  }
  if (name === 'protocol' && ctx.family !== 'bridge' && ctx.family !== 'netdev') return;
  const lower =
    name === 'nfproto'
      ? INET
      : name === 'protocol'
        ? NETDEV
        : name === 'l4proto'
          ? INET_SERVICE_PROTO
          : undefined;
  if (lower === undefined) return;
  const next = nextProto(lower, value);
  if (next === undefined || (next.base === 'll' && name === 'protocol')) return;
  ctx.proto.update(next.base, next);
}

function learnCt(ctx: RuleContext, name: string, value: number): void {
  if (name === 'protocol') {
    const next = nextProto(INET_SERVICE_PROTO, value);
    if (next !== undefined) ctx.proto.update('th', next);
  } else if (name === 'l3proto') {
    const next = nextProto(INET, value);
    if (next !== undefined) ctx.proto.update('nh', next);
  }
}

/** Before `reject with tcp reset` and the like: that the packet is TCP, at the head of the rule. */
export function dependFirst(
  ctx: RuleContext,
  name: 'l4proto' | 'nfproto' | 'protocol',
  value: number,
  loc: Loc,
): void {
  depend(ctx, metaNode(name, loc), BigInt(value), loc, true);
}
