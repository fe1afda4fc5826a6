/**
 * A namespace of the core: the typed client of its configuration. It keeps no copy of what the core knows: every
 * question is asked, every list is a dump. Linux: ip-netns(8), and what `ip -n NAME ...` does.
 */
import { PortData } from '../../assembly/abi/link_data.js';
import { DeliveryKind } from '../../assembly/abi/event.js';
import { Mib } from '../../assembly/abi/snmp.js';
import {
  AddrLabelRec,
  HandleRec,
  HookRec,
  LinkRec,
  McastRec,
  MibRec,
  MsgType,
  NeighRec,
  NetRec,
  NexthopBucketRec,
  NexthopBucketsRec,
  NexthopRec,
  ROUTE_F_APPEND,
  NfqueueRec,
  ROUTE_F_REPLACE,
  RawRec,
  RouteRec,
  RuleRec,
  SysctlRec,
  XmitRec,
} from '../../assembly/abi/request.js';
import type { Core, CoreDelivery } from '../core/core.js';
import type { Message } from '../core/requests.js';
import { NetError } from '../net_error.js';
import { type AddressLabel, addressLabel, putAddressLabel } from './addrlabel.js';
import { Bridge, type BridgeOptions } from './bridge.js';
import { Conntrack } from './conntrack.js';
import { type AddressFamily, address, putAddress } from './ip.js';
import { Link, linkInfo, type LinkInfo, u64 } from './link.js';
import { type LinkCommon, type LinkSpec, putLinkSpec } from './link_kind.js';
import { putMac, putName } from './link_name.js';
import { MulticastRouting } from './mroute.js';
import { Nfnl } from './nfnl.js';
import { neighbourInfo, type NeighbourInfo, type NeighbourSpec, putNeighbour } from './neighbour.js';
import {
  type NexthopBucket,
  nexthopBuckets,
  nexthopBytes,
  nexthopInfo,
  type NexthopInfo,
  nexthopRecordBytes,
  type NexthopSpec,
  putNexthop,
} from './nexthop.js';
import {
  putRoute,
  putRouteQuery,
  routeBytes,
  routeInfo,
  type RouteInfo,
  type RouteQuery,
  routeRecordBytes,
  type RouteSpec,
} from './route.js';
import { putRule, ruleInfo, type RuleInfo, type RuleSpec } from './rule.js';
import { type RouterOptionEvent, RouterOptionReader } from './router_option.js';
import { sysctlPlace } from './sysctl.js';

/** What becomes of a packet that a rule queued. */
const NF_DROP = 0;
const NF_ACCEPT = 1;

const KIND_VETH = 2;
const KIND_PORT = 3;

/** Buckets asked for in one request. */
const BUCKETS_AT_ONCE = 256;

export interface PortLinkSpec {
  name: string;
  mac: string;
  mtu?: number;
  /** NetifF bits of the driver. */
  features?: number;
  vnetHdrLen?: 0 | 10 | 12;
  /** Descriptors each way, a power of two. */
  ringEntries?: number;
  /** Receive descriptors, when they are to be fewer. */
  rxEntries?: number;
  /** Large slots for frames beyond 1,920 bytes. */
  large?: boolean;
  /** Receive queues. Default: one. */
  queues?: number;
  txQueueLen?: number;
}

export interface VethSpec {
  name: string;
  mac: string;
  peer: { namespace: Namespace; name: string; mac: string };
  mtu?: number;
}

export interface HookSpec {
  /** 0: IPv4, 1: IPv6, 2: bridge */
  family: 0 | 1 | 2;
  /** abi NetfilterHook: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting, 5 ingress, 6 egress. */
  hook: number;
  priority: number;
  /** Op id (512 or above) whose function was set with setOp. */
  op: number;
  id: number;
  priv?: number;
  /** Of the device, for ingress and egress. */
  ifindex?: number;
}

export class Namespace {
  private closed = false;
  private readonly disposers = new Set<() => void>();

  constructor(
    readonly core: Core,
    /** What the core calls it. */
    readonly handle: number,
    readonly name: string,
  ) {}

  /** Netfilter's netlink: nf_tables, conntrack. */
  get conntrack(): Conntrack {
    return new Conntrack(this.core, this.handle);
  }

  get nfnl(): Nfnl {
    return new Nfnl(this.core, this.handle);
  }

  /** Sets a sysctl by Linux's name. ENOENT when there is none of that name, ENODEV when there is no such device. */
  async setSysctl(name: string, value: number): Promise<void> {
    await this.sysctlMessage(MsgType.SYSCTL_SET, name, value);
  }

  async getSysctl(name: string): Promise<number> {
    const place = sysctlPlace(name);
    const view = await this.sysctlMessage(MsgType.SYSCTL_GET, name, 0);
    return view.getInt32(SysctlRec.VALUE, true) / (place?.scale ?? 1);
  }

  private async sysctlMessage(type: MsgType, name: string, value: number): Promise<DataView> {
    const place = sysctlPlace(name);
    if (place === null) throw new NetError('ENOENT', `there is no sysctl ${name}`);
    const ifindex = await this.sysctlDevice(place.device);
    return this.core.request(
      {
        type,
        bytes: SysctlRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + SysctlRec.NET, this.handle, true);
          v.setUint32(at + SysctlRec.GROUP, place.group, true);
          v.setInt32(at + SysctlRec.IFINDEX, ifindex, true);
          v.setUint32(at + SysctlRec.ID, place.id, true);
          v.setInt32(at + SysctlRec.VALUE, Math.round(value * place.scale), true);
        },
      },
      `sysctl ${name}`,
    );
  }

  private async sysctlDevice(device: string | undefined): Promise<number> {
    if (device === undefined || device === 'default') return 0;
    if (device === 'all') return -1;
    return (await this.link(device)).ifindex;
  }

  /** A device whose frames a driver moves; LocalCore.addPort puts the driver behind it. */
  async addPortLink(spec: PortLinkSpec): Promise<LinkInfo> {
    const view = await this.core.request(
      {
        type: MsgType.LINK_NEW,
        bytes: LinkRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + LinkRec.NET, this.handle, true);
          v.setUint8(at + LinkRec.KIND, KIND_PORT);
          v.setUint32(at + LinkRec.MTU, spec.mtu ?? 0, true);
          v.setUint32(at + LinkRec.FEATURES, spec.features ?? 0, true);
          v.setUint32(at + LinkRec.TXQLEN, spec.txQueueLen ?? 0, true);
          v.setUint32(at + LinkRec.RING_ENTRIES, spec.ringEntries ?? 256, true);
          v.setUint32(at + LinkRec.RX_ENTRIES, spec.rxEntries ?? 0, true);
          v.setUint32(at + LinkRec.VNET_HDR_LEN, spec.vnetHdrLen ?? 0, true);
          v.setUint32(at + LinkRec.LARGE, spec.large === true ? 1 : 0, true);
          v.setUint32(at + LinkRec.DATA + PortData.QUEUES, spec.queues ?? 1, true);
          putMac(v, at + LinkRec.MAC, spec.mac);
          putName(v, at + LinkRec.NAME, spec.name);
        },
      },
      `link ${spec.name}`,
    );
    return linkInfo(view, 0);
  }

  /** Two devices back to back, the other in `peer.namespace`. */
  async addVeth(spec: VethSpec): Promise<{ link: Link; peer: Link }> {
    const view = await this.core.request(
      {
        type: MsgType.LINK_NEW,
        bytes: LinkRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + LinkRec.NET, this.handle, true);
          v.setUint8(at + LinkRec.KIND, KIND_VETH);
          v.setUint32(at + LinkRec.MTU, spec.mtu ?? 0, true);
          v.setUint32(at + LinkRec.PEER_NET, spec.peer.namespace.handle, true);
          putMac(v, at + LinkRec.MAC, spec.mac);
          putName(v, at + LinkRec.NAME, spec.name);
          putMac(v, at + LinkRec.PEER_MAC, spec.peer.mac);
          putName(v, at + LinkRec.PEER_NAME, spec.peer.name);
        },
      },
      `veth ${spec.name}`,
    );
    const peerIndex = view.getInt32(LinkRec.PEER_IFINDEX, true);
    return {
      link: new Link(this.core, this.handle, linkInfo(view, 0).ifindex, spec.name),
      peer: new Link(this.core, spec.peer.namespace.handle, peerIndex, spec.peer.name),
    };
  }

  /** A link of the core alone: dummy, VLAN and the like. `ip link add`; it is down. */
  async addLink(spec: LinkSpec): Promise<Link> {
    const view = await this.core.request(
      {
        type: MsgType.LINK_NEW,
        bytes: LinkRec.SIZE,
        fill: (v, at) => putLinkSpec(v, at, this.handle, spec),
      },
      `${spec.kind} ${spec.name}`,
    );
    return new Link(this.core, this.handle, linkInfo(view, 0).ifindex, spec.name);
  }

  /** `ip link add NAME type bridge ...`; it is down. */
  async addBridge(spec: LinkCommon & BridgeOptions): Promise<Bridge> {
    const { name, mac, mtu, txQueueLen, master, ...options } = spec;
    const common = { name, mac, mtu, txQueueLen, master };
    const given = Object.fromEntries(Object.entries(common).filter(([, value]) => value !== undefined));
    const link = await this.addLink({ ...(given as unknown as LinkCommon), kind: 'bridge' });
    const bridge = new Bridge(this.core, link);
    try {
      await bridge.set(options);
    } catch (error) {
      await link.delete();
      throw error;
    }
    return bridge;
  }

  /** The bridge called `name`; ENODEV when there is none. */
  async bridge(name: string): Promise<Bridge> {
    return new Bridge(this.core, await this.link(name));
  }

  async links(): Promise<LinkInfo[]> {
    const found: LinkInfo[] = [];
    const read = (v: DataView, at: number) => found.push(linkInfo(v, at));
    await this.core.dump(MsgType.LINK_DUMP, this.handle, 0, LinkRec.SIZE, read, 'links');
    return found;
  }

  /** The link called `name`, or ENODEV. */
  async link(name: string): Promise<Link> {
    const info = (await this.links()).find((link) => link.name === name);
    if (info === undefined) throw new NetError('ENODEV', `there is no link ${name} in ${this.name}`);
    return new Link(this.core, this.handle, info.ifindex, name);
  }

  /** A link that is known to be there. */
  linkAt(name: string, ifindex: number): Link {
    return new Link(this.core, this.handle, ifindex, name);
  }

  async addRoute(spec: RouteSpec, how: 'add' | 'replace' | 'append' = 'add'): Promise<void> {
    await this.core.request(this.routeMessage(MsgType.ROUTE_NEW, spec, how), `route ${spec.to}`);
  }

  /** Adds many routes in few crossings; the status of each (0 or a negative errno), in order. */
  addRoutes(specs: Iterable<RouteSpec>): Promise<number[]> {
    const route = this.routeMessage.bind(this);
    function* messages(): Generator<Message> {
      for (const spec of specs) yield route(MsgType.ROUTE_NEW, spec, 'add');
    }
    return this.core.batch(messages());
  }

  async deleteRoute(spec: RouteSpec): Promise<void> {
    await this.core.request(this.routeMessage(MsgType.ROUTE_DEL, spec, 'add'), `route ${spec.to}`);
  }

  private routeMessage(type: MsgType, spec: RouteSpec, how: 'add' | 'replace' | 'append'): Message {
    const flags = { add: 0, replace: ROUTE_F_REPLACE, append: ROUTE_F_APPEND }[how];
    return { type, flags, bytes: routeBytes(spec), fill: (v, at) => putRoute(v, at, this.handle, spec) };
  }

  async routes(family: AddressFamily | 0 = 0): Promise<RouteInfo[]> {
    const found: RouteInfo[] = [];
    const read = (v: DataView, at: number) => found.push(routeInfo(v, at));
    const { core, handle } = this;
    await core.dump(MsgType.ROUTE_DUMP, handle, family, RouteRec.SIZE, read, 'routes', 0, routeRecordBytes);
    return found;
  }

  /** Which way a packet to `to` would go, and with which source. `ip route get`. */
  async routeGet(to: string, query: RouteQuery = {}): Promise<RouteInfo> {
    const view = await this.core.request(
      {
        type: MsgType.ROUTE_GET,
        bytes: RouteRec.SIZE,
        fill: (v, at) => putRouteQuery(v, at, this.handle, to, query),
      },
      `route to ${to}`,
    );
    return routeInfo(view, 0);
  }

  /** Adds a policy rule and answers its priority. */
  async addRule(spec: RuleSpec): Promise<number> {
    const view = await this.core.request(this.ruleMessage(MsgType.RULE_NEW, spec), 'rule');
    return view.getUint32(RuleRec.PRIORITY, true);
  }

  /** Deletes the first rule that agrees with all that is said. */
  async deleteRule(spec: RuleSpec): Promise<void> {
    await this.core.request(this.ruleMessage(MsgType.RULE_DEL, spec), 'rule');
  }

  private ruleMessage(type: MsgType, spec: RuleSpec): Message {
    const remove = type === MsgType.RULE_DEL;
    return { type, bytes: RuleRec.SIZE, fill: (v, at) => putRule(v, at, this.handle, spec, remove) };
  }

  /** The rules in the order in which they are asked. */
  async rules(family: AddressFamily | 0 = 0): Promise<RuleInfo[]> {
    const found: RuleInfo[] = [];
    const read = (v: DataView, at: number) => found.push(ruleInfo(v, at));
    await this.core.dump(MsgType.RULE_DUMP, this.handle, family, RuleRec.SIZE, read, 'rules');
    return found;
  }

  /** Adds a next-hop object or group, or has the one of its id become it; answers the id. */
  async addNexthop(spec: NexthopSpec, how: 'add' | 'replace' = 'add'): Promise<number> {
    const view = await this.core.request(
      {
        type: MsgType.NEXTHOP_NEW,
        flags: how === 'replace' ? ROUTE_F_REPLACE : 0,
        bytes: nexthopBytes(spec),
        fill: (v, at) => putNexthop(v, at, this.handle, spec),
      },
      `next hop ${spec.id ?? ''}`.trimEnd(),
    );
    return view.getUint32(NexthopRec.ID, true);
  }

  /** Deletes a next-hop object, and with it the routes that name it. */
  async deleteNexthop(id: number): Promise<void> {
    await this.core.request(
      {
        type: MsgType.NEXTHOP_DEL,
        bytes: NexthopRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + NexthopRec.NET, this.handle, true);
          v.setUint32(at + NexthopRec.ID, id, true);
        },
      },
      `next hop ${id}`,
    );
  }

  async nexthops(): Promise<NexthopInfo[]> {
    const found: NexthopInfo[] = [];
    const read = (v: DataView, at: number) => found.push(nexthopInfo(v, at));
    const { core, handle } = this;
    const type = MsgType.NEXTHOP_DUMP;
    await core.dump(type, handle, 0, NexthopRec.SIZE, read, 'next hops', 0, nexthopRecordBytes);
    return found;
  }

  /** Who has the buckets of a resilient group. `ip nexthop bucket`. */
  async nexthopBuckets(id: number): Promise<NexthopBucket[]> {
    const found: NexthopBucket[] = [];
    for (;;) {
      const first = found.length;
      const view = await this.core.request(
        {
          type: MsgType.NEXTHOP_BUCKETS,
          bytes: NexthopBucketsRec.RECORDS + BUCKETS_AT_ONCE * NexthopBucketRec.SIZE,
          fill: (v, at) => {
            v.setUint32(at + NexthopBucketsRec.NET, this.handle, true);
            v.setUint32(at + NexthopBucketsRec.ID, id, true);
            v.setUint32(at + NexthopBucketsRec.FIRST, first, true);
          },
        },
        `buckets of next hop ${id}`,
      );
      const more = nexthopBuckets(view, first);
      if (more.length === 0) return found;
      found.push(...more);
    }
  }

  async addNeighbour(link: { ifindex: number }, spec: NeighbourSpec): Promise<void> {
    await this.core.request(
      {
        type: MsgType.NEIGH_NEW,
        bytes: NeighRec.SIZE,
        fill: (v, at) => putNeighbour(v, at, this.handle, link.ifindex, spec),
      },
      `neighbour ${spec.address}`,
    );
  }

  async deleteNeighbour(
    link: { ifindex: number },
    address: string,
    options: { proxy?: boolean } = {},
  ): Promise<void> {
    await this.core.request(
      {
        type: MsgType.NEIGH_DEL,
        bytes: NeighRec.SIZE,
        fill: (v, at) => putNeighbour(v, at, this.handle, link.ifindex, { address, ...options }),
      },
      `neighbour ${address}`,
    );
  }

  async neighbours(family: AddressFamily | 0 = 0): Promise<NeighbourInfo[]> {
    const found: NeighbourInfo[] = [];
    const read = (v: DataView, at: number) => found.push(neighbourInfo(v, at));
    await this.core.dump(MsgType.NEIGH_DUMP, this.handle, family, NeighRec.SIZE, read, 'neighbours');
    return found;
  }

  /** Addresses that are answered for although others have them. `ip neigh show proxy`. */
  async proxies(family: AddressFamily | 0 = 0): Promise<NeighbourInfo[]> {
    const found: NeighbourInfo[] = [];
    const read = (v: DataView, at: number) => found.push(neighbourInfo(v, at));
    await this.core.dump(MsgType.NEIGH_PROXY_DUMP, this.handle, family, NeighRec.SIZE, read, 'proxies');
    return found;
  }

  /** Multicast routing of a family; see MulticastRouting.enable. */
  multicastRouting(family: AddressFamily): MulticastRouting {
    return new MulticastRouting(this.core, this.handle, family);
  }

  /** A link hears a group from now on, and tells routers by IGMP or MLD. Returns how to leave it. */
  async joinGroup(link: { ifindex: number }, group: string): Promise<() => Promise<void>> {
    const { family, bytes } = address(group);
    const message = (type: MsgType): Message => ({
      type,
      bytes: McastRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + McastRec.NET, this.handle, true);
        v.setUint32(at + McastRec.FAMILY, family, true);
        v.setInt32(at + McastRec.IFINDEX, link.ifindex, true);
        putAddress(v, at + McastRec.GROUP, bytes);
      },
    });
    await this.core.request(message(MsgType.MCAST_JOIN), `group ${group}`);
    return async () => {
      await this.core.request(message(MsgType.MCAST_LEAVE), `group ${group}`);
    };
  }

  /** The policy table of source address selection, in the order it is looked at. `ip addrlabel list`. */
  async addressLabels(): Promise<AddressLabel[]> {
    const found: AddressLabel[] = [];
    const read = (v: DataView, at: number) => found.push(addressLabel(v, at));
    await this.core.dump(MsgType.ADDRLABEL_DUMP, this.handle, 0, AddrLabelRec.SIZE, read, 'address labels');
    return found;
  }

  async addAddressLabel(
    entry: { prefix: string; label: number; ifindex?: number },
    how: 'add' | 'replace' = 'add',
  ): Promise<void> {
    await this.core.request(
      {
        type: MsgType.ADDRLABEL_NEW,
        flags: how === 'replace' ? 1 : 0,
        bytes: AddrLabelRec.SIZE,
        fill: (v, at) => putAddressLabel(v, at, this.handle, entry),
      },
      `address label of ${entry.prefix}`,
    );
  }

  async deleteAddressLabel(entry: { prefix: string; ifindex?: number }): Promise<void> {
    await this.core.request(
      {
        type: MsgType.ADDRLABEL_DEL,
        bytes: AddrLabelRec.SIZE,
        fill: (v, at) => putAddressLabel(v, at, this.handle, entry),
      },
      `address label of ${entry.prefix}`,
    );
  }

  /** Hears what routers advertise for hosts: name servers, search lists. Returns how to stop. */
  onRouterOption(listener: (event: RouterOptionEvent) => void): () => void {
    const reader = new RouterOptionReader();
    const stop = this.core.onEvent((event) => {
      if (event.net !== this.handle) return;
      const option = reader.push(event);
      if (option !== null) listener(option);
    });
    this.disposers.add(stop);
    return () => {
      stop();
      this.disposers.delete(stop);
    };
  }

  /** The SNMP counters under Linux's names (IpInReceives, Icmp6OutMsgs, ...). */
  async snmp(): Promise<Record<string, number>> {
    const view = await this.core.request(
      {
        type: MsgType.MIB_GET,
        bytes: MibRec.VALUES + Mib.MAX * 8,
        fill: (v, at) => v.setUint32(at + MibRec.NET, this.handle, true),
      },
      'counters',
    );
    const counters: Record<string, number> = {};
    for (let id = 0; id < Mib.MAX; id++) counters[Mib[id]!] = u64(view, MibRec.VALUES + id * 8);
    return counters;
  }

  async addHook(spec: HookSpec): Promise<void> {
    await this.core.request(this.hookMessage(MsgType.HOOK_NEW, spec), `hook ${spec.id}`);
  }

  async deleteHook(spec: HookSpec): Promise<void> {
    await this.core.request(this.hookMessage(MsgType.HOOK_DEL, spec), `hook ${spec.id}`);
  }

  private hookMessage(type: MsgType, spec: HookSpec): Message {
    return {
      type,
      bytes: HookRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + HookRec.NET, this.handle, true);
        v.setUint32(at + HookRec.FAMILY, spec.family, true);
        v.setUint32(at + HookRec.HOOK, spec.hook, true);
        v.setInt32(at + HookRec.IFINDEX, spec.ifindex ?? 0, true);
        v.setInt32(at + HookRec.PRIORITY, spec.priority, true);
        v.setUint32(at + HookRec.OP, spec.op, true);
        v.setUint32(at + HookRec.PRIV, spec.priv ?? 0, true);
        v.setUint32(at + HookRec.ID, spec.id, true);
      },
    };
  }

  /**
   * Sees every delivered packet of an IP protocol, network header first. Bound to a device or a VRF (SO_BINDTODEVICE) only
   * what comes by that. Returns how to stop.
   */
  async rawSocket(
    family: AddressFamily,
    protocol: number,
    receive: (packet: Uint8Array, delivery: CoreDelivery) => void,
    bound?: { ifindex: number },
  ): Promise<() => Promise<void>> {
    const socket = nextSocketId();
    const message = (type: MsgType): Message => ({
      type,
      bytes: RawRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + RawRec.NET, this.handle, true);
        v.setUint32(at + RawRec.FAMILY, family, true);
        v.setUint32(at + RawRec.PROTOCOL, protocol, true);
        v.setUint32(at + RawRec.SOCKET, socket, true);
        v.setInt32(at + RawRec.IFINDEX, bound?.ifindex ?? 0, true);
      },
    });
    await this.core.request(message(MsgType.RAW_BIND), 'raw socket');
    const stop = this.core.onDelivery((delivery) => {
      if (delivery.socket === socket) receive(delivery.packet, delivery);
      return false;
    });
    this.disposers.add(stop);
    return async () => {
      stop();
      this.disposers.delete(stop);
      if (!this.closed) await this.core.request(message(MsgType.RAW_UNBIND), 'raw socket');
    };
  }

  /**
   * Takes what rules of the namespace queue to `num`; `judge` answers for each packet, network header first, sooner or later.
   * A packet without an answer holds one of the core's handles. Returns how to stop; EBUSY when somebody has the queue.
   */
  async nfqueue(
    num: number,
    judge: (packet: Uint8Array, verdict: (accept: boolean) => Promise<void>) => void,
  ): Promise<() => Promise<void>> {
    const message = (on: boolean): Message => ({
      type: MsgType.NFQUEUE_BIND,
      bytes: NfqueueRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + NfqueueRec.NET, this.handle, true);
        v.setUint32(at + NfqueueRec.NUM, num, true);
        v.setUint32(at + NfqueueRec.ON, on ? 1 : 0, true);
      },
    });
    await this.core.request(message(true), `queue ${num}`);
    const stop = this.core.onDelivery(({ kind, net, socket, handle, packet }) => {
      if (kind !== DeliveryKind.QUEUE || net !== this.handle || socket !== num) return false;
      judge(packet, (accept) => this.queueVerdict(handle, accept ? NF_ACCEPT : NF_DROP));
      return true;
    });
    this.disposers.add(stop);
    return async () => {
      stop();
      this.disposers.delete(stop);
      if (!this.closed) await this.core.request(message(false), `queue ${num}`);
    };
  }

  private async queueVerdict(handle: number, verdict: number): Promise<void> {
    await this.core.request(
      {
        type: MsgType.HANDLE_VERDICT,
        bytes: HandleRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + HandleRec.HANDLE, handle, true);
          v.setInt32(at + HandleRec.VERDICT, verdict, true);
        },
      },
      'verdict',
    );
  }

  /** Sends an IP packet, header included (IP_HDRINCL). ENETUNREACH and the like when it cannot go. */
  async send(family: AddressFamily, packet: Uint8Array, oif = 0): Promise<void> {
    await this.core.request(
      {
        type: MsgType.XMIT,
        bytes: XmitRec.PACKET + packet.length,
        fill: (v, at) => {
          v.setUint32(at + XmitRec.NET, this.handle, true);
          v.setUint32(at + XmitRec.FAMILY, family, true);
          v.setInt32(at + XmitRec.OIF, oif, true);
          v.setUint32(at + XmitRec.BYTES, packet.length, true);
          new Uint8Array(v.buffer, v.byteOffset + at + XmitRec.PACKET, packet.length).set(packet);
        },
      },
      'send',
    );
  }

  /** Ends the namespace with all that is in it. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.disposers) stop();
    await this.core.request(
      {
        type: MsgType.NET_DEL,
        bytes: NetRec.SIZE,
        fill: (v, at) => v.setUint32(at + NetRec.NET, this.handle, true),
      },
      `namespace ${this.name}`,
    );
  }
}

let lastSocketId = 0;
/** Ids are the host's: unique in this process. */
function nextSocketId(): number {
  lastSocketId = (lastSocketId + 1) >>> 0;
  return lastSocketId;
}
