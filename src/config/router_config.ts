/** What `ww up router.yaml` is to build: the configuration after every check, in bytes and numbers. */
import type { Diagnostic } from './diagnostic.js';
import type { Cidr, Family } from './ip_address.js';

export interface RouterConfig {
  readonly links: readonly LinkConfig[];
  /** Linux's names, in the order of the file. */
  readonly sysctls: readonly (readonly [name: string, value: number])[];
  /** Static neighbours. */
  readonly neighbours: readonly NeighbourConfig[];
  /** Links that advertise this router. */
  readonly advertisers: readonly AdvertiseConfig[];
  /** The line to the board that runs the core, as behind `serial:`; the core of this process when it is not there. */
  readonly core?: string;
  /** Rules in the language of nft; not yet read by anybody who knows that. */
  readonly nftables?: RulesetConfig;
}

export interface RulesetConfig {
  /** Path of the file; of the configuration itself when `text` is there. */
  readonly file: string;
  /** Every character stands at the line and column that it has in the configuration. */
  readonly text?: string;
  /** The key's value, to be said what is wrong with. */
  readonly place: Diagnostic;
}

export interface AdvertiseConfig {
  readonly link: string;
  readonly spec: {
    readonly maxInterval?: number;
    readonly minInterval?: number;
    readonly lifetime?: number;
    readonly managed?: boolean;
    readonly other?: boolean;
    readonly hopLimit?: number;
    readonly preference?: 'low' | 'medium' | 'high';
    readonly mtu?: number;
    readonly prefixes?: readonly {
      readonly prefix: string;
      readonly valid?: number;
      readonly preferred?: number;
      readonly onLink?: boolean;
      readonly autonomous?: boolean;
    }[];
    readonly routes?: readonly {
      readonly prefix: string;
      readonly lifetime?: number;
      readonly preference?: 'low' | 'medium' | 'high';
    }[];
    readonly dns?: {
      readonly servers?: readonly string[];
      readonly search?: readonly string[];
      readonly lifetime?: number;
    };
  };
}

export interface LinkConfig {
  readonly name: string;
  /** null: the loopback `lo`, which the namespace has already, a bridge, or a virtual link. */
  readonly port: PortConfig | null;
  /** A link of the router alone, without a port. */
  readonly virtual?: VirtualConfig;
  /** 6 bytes; the port's own when it is not given. */
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Whether the link makes itself an fe80:: address. */
  readonly linkLocal: boolean;
  /** net.ipv6.conf.LINK.*, in effect before the link is up; its MTU for IPv6. */
  readonly conf6: readonly (readonly [name: string, value: number])[];
  readonly mtu6?: number;
  readonly addresses: readonly AddressConfig[];
  readonly routes: readonly RouteConfig[];
  readonly rules: readonly RuleConfig[];
  readonly bridge?: BridgeConfig;
}

/** Times are in seconds. */
export interface BridgeConfig {
  readonly interfaces: readonly string[];
  readonly options: {
    ageingTime?: number;
    forwardDelay?: number;
    helloTime?: number;
    maxAge?: number;
    priority?: number;
    stp?: boolean;
    vlanFiltering?: boolean;
    vlanDefaultPvid?: number;
    mcastSnooping?: boolean;
    mcastQuerier?: boolean;
  };
  /** By port. */
  readonly costs: [port: string, cost: number][];
  readonly priorities: [port: string, priority: number][];
  readonly vlans: BridgeVlansConfig[];
  readonly isolated: string[];
}

/** All VLANs of a port, or of the bridge itself under its own name; the default one counts no more. */
export interface BridgeVlansConfig {
  readonly port: string;
  readonly pvid?: number;
  readonly tagged: [first: number, last: number][];
  readonly untagged: [first: number, last: number][];
}

export type VirtualConfig =
  | { readonly kind: 'dummy' }
  | {
      readonly kind: 'vlan';
      readonly link: string;
      readonly id: number;
      readonly protocol?: '802.1Q' | '802.1ad';
    }
  | {
      readonly kind: 'macvlan';
      readonly link: string;
      readonly mode?: 'private' | 'vepa' | 'bridge' | 'passthru' | 'source';
    }
  | { readonly kind: 'vrf'; readonly table: number; readonly interfaces: readonly string[] }
  | BondConfig;

/** Names and units as in src/net/link_bond.ts; links by name. */
export interface BondConfig {
  readonly kind: 'bond';
  readonly interfaces: readonly string[];
  readonly mode?: 'balance-rr' | 'active-backup' | 'balance-xor' | 'broadcast' | '802.3ad' | 'balance-tlb';
  readonly xmitHashPolicy?: 'layer2' | 'layer3+4' | 'layer2+3' | 'encap2+3' | 'encap3+4';
  readonly lacpRate?: 'slow' | 'fast';
  readonly adSelect?: 'stable' | 'bandwidth' | 'count';
  readonly primaryReselect?: 'always' | 'better' | 'failure';
  readonly failOverMac?: 'none' | 'active' | 'follow';
  readonly numPeerNotif?: number;
  readonly allSlavesActive?: boolean;
  readonly miimon?: number;
  readonly updelay?: number;
  readonly downdelay?: number;
  readonly minLinks?: number;
  readonly packetsPerSlave?: number;
  readonly arpInterval?: number;
  readonly arpIpTargets?: readonly string[];
  readonly arpValidate?: 'none' | 'active' | 'backup' | 'all';
  readonly arpAllTargets?: 'any' | 'all';
  readonly resendIgmp?: number;
  readonly primary?: string;
}

export interface NeighbourConfig {
  readonly link: string;
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
}

export interface AddressConfig {
  readonly family: Family;
  readonly address: Uint8Array;
  readonly prefix: number;
}

/** A rule of `routing-policy`; without a table it leads to main. */
export interface RuleConfig {
  readonly family: Family;
  readonly from?: Cidr;
  readonly to?: Cidr;
  readonly table?: number;
  readonly priority?: number;
  readonly mark?: number;
  readonly tos?: number;
}

export const ROUTE_TYPES = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
export type RouteType = (typeof ROUTE_TYPES)[number];
export const ROUTE_SCOPES = ['global', 'link', 'host'] as const;
export type RouteScope = (typeof ROUTE_SCOPES)[number];

export interface RouteConfig {
  readonly family: Family;
  /** The network, its host bits zero; the default route is 0.0.0.0/0 or ::/0. */
  readonly to: Uint8Array;
  readonly prefix: number;
  readonly type: RouteType;
  /** Absent on a route without a gateway (scope link, or a type that has none) and with several next hops. */
  readonly via?: Uint8Array;
  /** The gateway is taken to be on the link although no address of it says so. */
  readonly onLink: boolean;
  readonly metric?: number;
  readonly mtu?: number;
  readonly scope?: RouteScope;
  /** main when it is left out. */
  readonly table?: number;
  /** The source of the router's own packets. */
  readonly from?: Uint8Array;
  /** RTAX_*, by Linux's names. */
  readonly metrics?: { readonly initcwnd?: number; readonly initrwnd?: number; readonly advmss?: number };
  /** The link that it leaves by where it is another than the one that it stands under. */
  readonly link?: string;
  readonly nextHops?: readonly NextHopConfig[];
}

export interface NextHopConfig {
  readonly via: Uint8Array;
  readonly link: string;
  readonly weight: number;
  readonly onLink: boolean;
}

export interface PortConfig {
  /** As parsePort of src/drivers/open.ts takes it: `tap:ww-lan`, `udp:LOCAL-REMOTE`, `pcap:FILE`. */
  readonly spec: string;
  /** Log every frame. */
  readonly trace: boolean;
  /** A pcapng file to write every frame to. */
  readonly capture?: string;
  readonly faults?: FaultConfig;
}

/** Chances are from 0 to 1. */
export interface FaultConfig {
  readonly loss?: number;
  readonly corrupt?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly delayMs?: number;
  readonly rateBps?: number;
  readonly seed?: number;
}
