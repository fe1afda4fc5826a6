/** Links as they are read, with the places that later checks may have to point at. */
import type { BridgeDraft } from './bridges.js';
import type { VirtualDraft } from './netplan_virtual.js';
import type { AddressConfig, RouteConfig, RuleConfig } from './router_config.js';
import type { Range } from './yaml_reader.js';

export interface Placed<T> {
  readonly value: T;
  readonly at: Range;
}

export interface RouteDraft {
  readonly config: RouteConfig;
  readonly at: Range;
  readonly viaAt: Range;
  readonly tableAt?: Range;
  /** Several next hops in place of `via`. */
  readonly hops?: readonly HopDraft[];
}

/** One next hop of several; `link` where it is another than that of the route. */
export interface HopDraft {
  readonly via: Uint8Array;
  readonly viaAt: Range;
  readonly weight: number;
  readonly onLink: boolean;
  readonly link?: Placed<string>;
}

export interface RuleDraft {
  readonly config: RuleConfig;
  readonly at: Range;
  readonly tableAt: Range;
}

export interface LinkDraft {
  readonly name: string;
  readonly at: Range;
  mac?: Placed<Uint8Array>;
  mtu?: Placed<number>;
  /** Set for a link that is no ethernet. */
  virtual?: VirtualDraft;
  linkLocal: boolean;
  /** net.ipv6.conf.LINK.*, in effect before the link is up. */
  readonly conf6: (readonly [name: string, value: number])[];
  mtu6?: Placed<number>;
  readonly addresses: (AddressConfig & { readonly at: Range })[];
  /** One at least could not be read: what the link reaches is not known. */
  addressesWrong: boolean;
  readonly routes: RouteDraft[];
  readonly rules: RuleDraft[];
  /** Only of a bridge. */
  bridge?: BridgeDraft;
}
