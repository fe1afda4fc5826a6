/** A link (net_device) of a namespace: state, addresses, figures. `ip link`, `ip address`. */
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import {
  ADDR_F_REPLACE,
  AddrRec,
  Ip6LinkRec,
  LINK_SET_DATA,
  LINK_SET_MASTER,
  LinkRec,
  LinkStatsRec,
  MsgType,
  StableSecretRec,
} from '../../assembly/abi/request.js';
import type { Core } from '../core/core.js';
import { NetError } from '../net_error.js';
import { AF_INET6, address, getAddressText, prefix, putAddress } from './ip.js';
import { type LinkData, type LinkKind, bondSlave, linkData, linkKind } from './link_kind.js';
import { type BondOptions, type BondSlaveInfo, putBond } from './link_bond.js';
import { type MacvlanOptions, putMacvlan } from './link_macvlan.js';
import { getMac, putMac, putName } from './link_name.js';
import { type RssChange, type RssInfo, requestRss } from './rss.js';
import { radvMessage, type RouterAdvertiseSpec } from './router_advertise.js';
import { putVlanOptions, type VlanOptions } from './link_vlan.js';

export const IFF_UP = 0x1;
const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;
const CARRIER_KEEP = 255;
const FOREVER = 0xffffffff;
export const IFA_F_TEMPORARY = 0x01;
export const IFA_F_NODAD = 0x02;
export const IFA_F_DEPRECATED = 0x20;
const IFA_F_MANAGETEMPADDR = 0x100;
const IFA_F_NOPREFIXROUTE = 0x200;

export interface LinkInfo {
  name: string;
  ifindex: number;
  handle: number;
  kind: LinkKind;
  /** IFF_* as `ip link` shows them. */
  flags: number;
  up: boolean;
  carrier: boolean;
  mtu: number;
  mac: string;
  features: number;
  /** Address of a port's rings in the core, 0 for other kinds. */
  port: number;
  /** ifindex of the device that it is stacked on, and of its master; 0: none. */
  link: number;
  master: number;
  /** How many want every frame of it. */
  promiscuity: number;
  /** What this kind has of its own. */
  data: LinkData;
}

export interface LinkStats {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
  multicast: number;
  qdiscLen: number;
  qdiscDrops: number;
  qdiscRequeues: number;
  /** By reason, those that happened only. */
  drops: Record<string, number>;
}

export interface AddressInfo {
  address: string;
  prefix: number;
  ifindex: number;
  flags: number;
  scope: number;
  /** Seconds that are left; null: for ever. */
  validLft: number | null;
  preferredLft: number | null;
  /** IFAPROT_*: 1 loopback, 2 from a router advertisement, 3 link-local, made by the core; 0 given. */
  protocol: number;
}

export interface Ip6LinkInfo {
  /** A router solicitation was sent; an advertisement came. */
  solicited: boolean;
  advertised: boolean;
  /** M and O flag of the last advertisement: addresses, other settings by DHCPv6. */
  managed: boolean;
  other: boolean;
  raMtu: number;
  addresses: number;
}

export interface AddressOptions {
  /** IPv6: no duplicate address detection. */
  nodad?: boolean;
  /** IPv6: no route to the prefix. */
  noPrefixRoute?: boolean;
  /** IPv6: temporary addresses are made beside it (`mngtmpaddr`). */
  mngtmpaddr?: boolean;
  /** Seconds; default: for ever. */
  validLft?: number;
  preferredLft?: number;
  /** IPv4: RT_SCOPE_*; default: of the address. */
  scope?: number;
  /** An IPv6 address that is there gets the lifetimes and flags (`ip address replace`). */
  replace?: boolean;
}

/** Reads a LinkRec. */
export function linkInfo(view: DataView, at: number): LinkInfo {
  const name = new Uint8Array(view.buffer, view.byteOffset + at + LinkRec.NAME, 16).slice();
  const kind = linkKind(view.getUint8(at + LinkRec.KIND));
  const flags = view.getUint32(at + LinkRec.FLAGS, true);
  const end = name.indexOf(0);
  return {
    name: new TextDecoder().decode(name.subarray(0, end < 0 ? 16 : end)),
    ifindex: view.getInt32(at + LinkRec.IFINDEX, true),
    handle: view.getUint32(at + LinkRec.HANDLE, true),
    kind,
    flags,
    up: (flags & IFF_UP) !== 0,
    carrier: view.getUint8(at + LinkRec.CARRIER) !== 0,
    mtu: view.getUint32(at + LinkRec.MTU, true),
    mac: getMac(view, at + LinkRec.MAC),
    features: view.getUint32(at + LinkRec.FEATURES, true),
    port: view.getUint32(at + LinkRec.PORT, true),
    link: view.getInt32(at + LinkRec.LINK, true),
    master: view.getInt32(at + LinkRec.MASTER, true),
    promiscuity: view.getUint32(at + LinkRec.PROMISCUITY, true),
    data: linkData(kind, view, at),
  };
}

/** Seconds, or null for the core's for ever. */
function lifetime(seconds: number): number | null {
  return seconds === FOREVER ? null : seconds;
}

export interface LinkChange {
  up?: boolean;
  carrier?: boolean;
  mtu?: number;
  mac?: string;
  name?: string;
  promisc?: boolean;
  allmulticast?: boolean;
  /** The master that it is to be a port of; null: none. */
  master?: { ifindex: number } | null;
  /** What a link of this kind has of its own. */
  vlan?: VlanOptions;
  macvlan?: MacvlanOptions;
  bond?: BondOptions;
}

export class Link {
  constructor(
    protected readonly core: Core,
    readonly net: number,
    readonly ifindex: number,
    /** Name when it was made or found; `info()` has the present one. */
    readonly name: string,
  ) {}

  async set(change: LinkChange): Promise<LinkInfo> {
    return linkInfo(await this.change(change), 0);
  }

  private change(change: LinkChange): Promise<DataView> {
    return this.core.request(
      {
        type: MsgType.LINK_SET,
        bytes: LinkRec.SIZE,
        fill: (v, at) => {
          this.key(v, at);
          v.setUint8(
            at + LinkRec.CARRIER,
            change.carrier === undefined ? CARRIER_KEEP : Number(change.carrier),
          );
          v.setUint32(at + LinkRec.MTU, change.mtu ?? 0, true);
          if (change.mac !== undefined) putMac(v, at + LinkRec.MAC, change.mac);
          if (change.name !== undefined) putName(v, at + LinkRec.NAME, change.name);
          let set = 0;
          if (change.master !== undefined) {
            set |= LINK_SET_MASTER;
            v.setInt32(at + LinkRec.MASTER, change.master?.ifindex ?? 0, true);
          }
          if (change.vlan !== undefined) {
            set |= LINK_SET_DATA;
            putVlanOptions(v, at + LinkRec.DATA, change.vlan);
          }
          if (change.bond !== undefined) {
            set |= LINK_SET_DATA;
            putBond(v, at + LinkRec.DATA, change.bond);
          }
          if (change.macvlan !== undefined) {
            set |= LINK_SET_DATA;
            putMacvlan(v, at + LinkRec.DATA, change.macvlan);
          }
          v.setUint32(at + LinkRec.SET, set, true);
          putFlags(v, at, change);
        },
      },
      `${this.name}: ${Object.keys(change).join(', ')}`,
    );
  }

  /** What the link is as a port of a bond, if it is one. `/proc/net/bonding/*`, `ip -d link`. */
  async bondSlave(): Promise<BondSlaveInfo> {
    return bondSlave(await this.change({}), 0);
  }

  async up(): Promise<this> {
    await this.set({ up: true });
    return this;
  }

  async down(): Promise<this> {
    await this.set({ up: false });
    return this;
  }

  info(): Promise<LinkInfo> {
    return this.set({});
  }

  /** Adds an address like "192.0.2.1/24". IPv6 ones are tentative until DAD found no other, unless `nodad`. */
  async addAddress(cidr: string, options: AddressOptions = {}): Promise<this> {
    await this.addr(MsgType.ADDR_NEW, cidr, options);
    return this;
  }

  async deleteAddress(cidr: string): Promise<this> {
    await this.addr(MsgType.ADDR_DEL, cidr, {});
    return this;
  }

  private async addr(type: MsgType, cidr: string, options: AddressOptions): Promise<void> {
    const { family, bytes, plen } = prefix(cidr);
    const flags =
      (options.nodad === true ? IFA_F_NODAD : 0) |
      (options.noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0) |
      (options.mngtmpaddr === true ? IFA_F_MANAGETEMPADDR : 0);
    await this.core.request(
      {
        type,
        flags: options.replace === true ? ADDR_F_REPLACE : 0,
        bytes: AddrRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + AddrRec.NET, this.net, true);
          v.setInt32(at + AddrRec.IFINDEX, this.ifindex, true);
          v.setUint8(at + AddrRec.FAMILY, family);
          v.setUint8(at + AddrRec.PLEN, plen);
          v.setUint8(at + AddrRec.SCOPE, options.scope ?? 0);
          v.setUint32(at + AddrRec.FLAGS, flags, true);
          v.setUint32(at + AddrRec.VALID, options.validLft ?? FOREVER, true);
          v.setUint32(at + AddrRec.PREFERRED, options.preferredLft ?? options.validLft ?? FOREVER, true);
          putAddress(v, at + AddrRec.ADDR, bytes);
        },
      },
      `${this.name}: address ${cidr}`,
    );
  }

  async addresses(): Promise<AddressInfo[]> {
    const found: AddressInfo[] = [];
    const read = (v: DataView, at: number) => {
      const ifindex = v.getInt32(at + AddrRec.IFINDEX, true);
      if (ifindex !== this.ifindex) return;
      found.push({
        address: getAddressText(v, at + AddrRec.ADDR, v.getUint8(at + AddrRec.FAMILY)) ?? '::',
        prefix: v.getUint8(at + AddrRec.PLEN),
        ifindex,
        flags: v.getUint32(at + AddrRec.FLAGS, true),
        scope: v.getUint8(at + AddrRec.SCOPE),
        validLft: lifetime(v.getUint32(at + AddrRec.VALID, true)),
        preferredLft: lifetime(v.getUint32(at + AddrRec.PREFERRED, true)),
        protocol: v.getUint8(at + AddrRec.PROTO),
      });
    };
    await this.core.dump(MsgType.ADDR_DUMP, this.net, 0, AddrRec.SIZE, read, `addresses of ${this.name}`);
    return found;
  }

  /** net.ipv6.conf.DEV.stable_secret: addresses by RFC 7217 from now on. `secret`: an IPv6 address, as Linux writes it. */
  async setStableSecret(secret: string): Promise<void> {
    const { family, bytes } = address(secret);
    if (family !== AF_INET6) throw new NetError('EINVAL', `a stable secret has the form of an IPv6 address`);
    await this.core.request(
      {
        type: MsgType.STABLE_SECRET,
        bytes: StableSecretRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + StableSecretRec.NET, this.net, true);
          v.setInt32(at + StableSecretRec.IFINDEX, this.ifindex, true);
          putAddress(v, at + StableSecretRec.SECRET, bytes);
        },
      },
      `${this.name}: stable_secret`,
    );
  }

  /** Advertises this router on the link while it forwards; null ends it, with a last advertisement of lifetime 0. */
  async advertise(spec: RouterAdvertiseSpec | null): Promise<void> {
    await this.core.request(radvMessage(this.net, this.ifindex, spec), `${this.name}: router advertisements`);
  }

  /** What routers said of the link last. */
  async ip6Info(): Promise<Ip6LinkInfo> {
    const view = await this.core.request(
      {
        type: MsgType.IP6_LINK_GET,
        bytes: Ip6LinkRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + Ip6LinkRec.NET, this.net, true);
          v.setInt32(at + Ip6LinkRec.IFINDEX, this.ifindex, true);
        },
      },
      `${this.name}: IPv6`,
    );
    const flags = view.getUint32(Ip6LinkRec.FLAGS, true);
    return {
      solicited: (flags & 0x10) !== 0,
      advertised: (flags & 0x20) !== 0,
      managed: (flags & 0x40) !== 0,
      other: (flags & 0x80) !== 0,
      raMtu: view.getUint32(Ip6LinkRec.RA_MTU, true),
      addresses: view.getUint32(Ip6LinkRec.ADDRESSES, true),
    };
  }

  /** How a port's packets are spread over its receive queues; `set` changes it. EOPNOTSUPP where there is one queue. */
  rss(set?: RssChange): Promise<RssInfo> {
    return requestRss(this.core, this.net, this.ifindex, `${this.name}: receive queues`, set);
  }

  async stats(): Promise<LinkStats> {
    const bytes = LinkStatsRec.DROPS + SkbDropReason.MAX * 8;
    const view = await this.core.request(
      {
        type: MsgType.LINK_STATS,
        bytes,
        fill: (v, at) => {
          v.setUint32(at + LinkStatsRec.NET, this.net, true);
          v.setInt32(at + LinkStatsRec.IFINDEX, this.ifindex, true);
        },
      },
      `${this.name}: figures`,
    );
    return linkStats(view);
  }

  /** Deletes the link; a veth's other end goes with it, a port's driver is closed first. */
  async delete(): Promise<void> {
    const { kind, handle } = await this.info();
    if (kind === 'port') await this.core.removePort(handle);
    await this.core.request(
      { type: MsgType.LINK_DEL, bytes: LinkRec.SIZE, fill: (v, at) => this.key(v, at) },
      `${this.name}: delete`,
    );
  }

  private key(view: DataView, at: number): void {
    view.setUint32(at + LinkRec.NET, this.net, true);
    view.setInt32(at + LinkRec.IFINDEX, this.ifindex, true);
  }
}

/** The flags that `change` names, and which. */
function putFlags(view: DataView, at: number, change: LinkChange): void {
  let mask = 0;
  let flags = 0;
  for (const [wanted, bit] of [
    [change.up, IFF_UP],
    [change.promisc, IFF_PROMISC],
    [change.allmulticast, IFF_ALLMULTI],
  ] as const) {
    if (wanted === undefined) continue;
    mask |= bit;
    if (wanted) flags |= bit;
  }
  view.setUint32(at + LinkRec.CHANGE, mask, true);
  view.setUint32(at + LinkRec.FLAGS, flags, true);
}

/** A u64 as a number: exact to 2^53. */
export function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4294967296 + view.getUint32(at, true);
}

function linkStats(view: DataView): LinkStats {
  const drops: Record<string, number> = {};
  for (let reason = 1; reason < SkbDropReason.MAX; reason++) {
    const n = u64(view, LinkStatsRec.DROPS + reason * 8);
    if (n > 0) drops[SkbDropReason[reason] ?? String(reason)] = n;
  }
  return {
    rxPackets: u64(view, LinkStatsRec.RX_PACKETS),
    txPackets: u64(view, LinkStatsRec.TX_PACKETS),
    rxBytes: u64(view, LinkStatsRec.RX_BYTES),
    txBytes: u64(view, LinkStatsRec.TX_BYTES),
    rxErrors: u64(view, LinkStatsRec.RX_ERRORS),
    txErrors: u64(view, LinkStatsRec.TX_ERRORS),
    rxDropped: u64(view, LinkStatsRec.RX_DROPPED),
    txDropped: u64(view, LinkStatsRec.TX_DROPPED),
    multicast: u64(view, LinkStatsRec.MULTICAST),
    qdiscLen: u64(view, LinkStatsRec.QDISC_QLEN),
    qdiscDrops: u64(view, LinkStatsRec.QDISC_DROPS),
    qdiscRequeues: u64(view, LinkStatsRec.QDISC_REQUEUES),
    drops,
  };
}
