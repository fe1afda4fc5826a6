/** A filter expression as it is read: qualifiers resolved, names not yet looked up. */
export type Protocol =
  | 'default'
  | 'ether'
  | 'ip'
  | 'ip6'
  | 'arp'
  | 'rarp'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmp'
  | 'icmp6'
  | 'igmp'
  | 'igrp'
  | 'pim'
  | 'vrrp'
  | 'carp'
  | 'ah'
  | 'esp'
  | 'atalk'
  | 'aarp'
  | 'decnet'
  | 'lat'
  | 'sca'
  | 'moprc'
  | 'mopdl'
  | 'iso'
  | 'esis'
  | 'isis'
  | 'clnp'
  | 'stp'
  | 'ipx'
  | 'netbeui';
export type Direction = 'default' | 'src' | 'dst' | 'or' | 'and';
export type IdType = 'default' | 'host' | 'net' | 'port' | 'portrange' | 'proto' | 'protochain';

export interface Qualifiers {
  readonly protocol: Protocol;
  readonly direction: Direction;
  readonly type: IdType;
}

/** What stands behind qualifiers. */
export type Id =
  | { readonly kind: 'number'; readonly value: number; readonly text: string }
  | { readonly kind: 'ipv4'; readonly text: string; readonly maskText?: string; readonly prefix?: number }
  | { readonly kind: 'ipv6'; readonly text: string; readonly prefix?: number }
  | { readonly kind: 'mac'; readonly text: string }
  | { readonly kind: 'name'; readonly text: string };

export type Arithmetic =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'length' }
  | {
      readonly kind: 'bytes';
      readonly protocol: Protocol;
      readonly index: Arithmetic;
      readonly size: number;
      readonly at: number;
    }
  | { readonly kind: 'negate'; readonly of: Arithmetic }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    };

export type Expression =
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'id'; readonly qualifiers: Qualifiers; readonly id: Id; readonly at: number }
  | { readonly kind: 'protocol'; readonly protocol: Protocol; readonly at: number }
  | {
      readonly kind: 'relation';
      readonly operator: string;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    }
  | {
      readonly kind: 'cast';
      readonly protocol: 'default' | 'ether' | 'ip' | 'ip6';
      readonly group: 'broadcast' | 'multicast';
      readonly at: number;
    }
  | { readonly kind: 'length'; readonly than: 'less' | 'greater'; readonly bytes: number }
  | { readonly kind: 'direction'; readonly direction: 'rx' | 'tx' }
  | { readonly kind: 'llc' }
  | {
      readonly kind: 'tag';
      readonly tag: 'vlan' | 'mpls' | 'pppoed' | 'pppoes';
      readonly value: number | undefined;
      readonly at: number;
    };
