/**
 * The state of reading one rule: which headers its matches have named, and which of those matches are there only because a later
 * field presupposes them. nft writes `tcp dport 22` as two matches; the first is taken away again once the second is read.
 *
 *   meta l4proto tcp ── remembered at th ──►  @th,16,16 22  ── is tcp dport, forgets the first ──►  tcp dport 22
 */
import type { Family, Statement } from '../ast.js';
import {
  ETH_P_8021Q,
  ETHER,
  FAMILY_PROTO,
  INET,
  INET_SERVICE_PROTO,
  IP,
  IP6,
  NETDEV,
  VLAN,
} from '../proto/network.js';
import { type HeaderBase, nextProto, type Proto } from '../proto/proto.js';
import type { SetIndex } from './index_sets.js';
import type { ListNames } from './value.js';

export const BASES: readonly HeaderBase[] = ['ll', 'nh', 'th', 'ih'];

/** A match that named the header of a base. */
export interface Dependency {
  /** Its place among the statements. */
  readonly at: number;
  /** `nfproto`, `protocol`, `l4proto`, `iiftype`; undefined: a field of a header. */
  readonly meta?: string;
  /** The header whose field it is. */
  readonly proto?: Proto;
  readonly value: number;
}

export class DelinearizeContext {
  /** undefined: taken away. */
  readonly stmts: (Statement | undefined)[] = [];
  readonly protos = new Map<HeaderBase, Proto>();
  readonly dependencies = new Map<HeaderBase, Dependency>();
  /** Link headers one behind the other. */
  readonly stackedLl: Proto[] = [];
  /** The type of message that was matched, and where. */
  icmpType: number | undefined;
  icmpDependency: number | undefined;

  constructor(
    readonly family: Family,
    readonly table: string,
    readonly sets: SetIndex,
    readonly names: ListNames,
  ) {
    const proto = FAMILY_PROTO[family];
    this.protos.set(proto.base, proto);
    if (proto === ETHER) this.stackedLl.push(ETHER);
  }

  /** Where the last link header begins, in bits. */
  stackedOffset(): number {
    return this.stackedLl.slice(0, -1).reduce((sum, proto) => sum + (proto.len ?? 0), 0);
  }

  /** `value` in the key of `proto` was matched: what follows is known. */
  learn(proto: Proto | undefined, meta: string | undefined, value: number): HeaderBase | undefined {
    if (meta === 'iiftype') {
      if (value !== 1) return undefined;
      this.protos.set('ll', ETHER);
      if (this.stackedLl.length === 0) this.stackedLl.push(ETHER);
      return 'll';
    }
    const from =
      meta === 'l4proto'
        ? INET_SERVICE_PROTO
        : meta === 'nfproto'
          ? INET
          : meta === 'protocol'
            ? NETDEV
            : proto;
    const next = from && nextProto(from, value);
    if (next === undefined) return undefined;
    this.protos.set(next.base, next);
    if (next.base === 'll') this.stackedLl.push(next);
    return next.base;
  }

  remember(base: HeaderBase, dependency: Dependency): void {
    this.dependencies.set(base, dependency);
  }

  /** Takes the match away that named the header of `base`. */
  release(base: HeaderBase): void {
    const found = this.dependencies.get(base);
    if (found === undefined) return;
    this.stmts[found.at] = undefined;
    this.dependencies.delete(base);
  }

  /** A field of `proto` is used: it says by itself what the match before said. */
  usesHeader(proto: Proto, field?: string): void {
    const dependency = this.dependencies.get(proto.base);
    if (dependency !== undefined && this.mayRelease(proto, dependency, field)) this.release(proto.base);
  }

  /** Where packets of any family come by, what a match says may be more than what the field presupposes. */
  private mayRelease(proto: Proto, { proto: named, value }: Dependency, field: string | undefined): boolean {
    const any = this.family === 'inet' || this.family === 'bridge' || this.family === 'netdev';
    if (!any) return true;
    // `vlan id` presupposes one 802.1Q tag, the first; `vlan type` leaves `ether type 8021q` before it.
    if (proto === VLAN) return field !== 'type' && named !== VLAN && value === ETH_P_8021Q;
    // `ip protocol tcp` says that it is IPv4 as well.
    return proto.base !== 'th' || (named !== IP && named !== IP6);
  }
}
