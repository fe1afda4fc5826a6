/** Next-hop objects and groups of them. `ip nexthop`. */
import {
  NexthopBucketRec,
  NexthopBucketsRec,
  NexthopGroupRec,
  NexthopRec,
} from '../../assembly/abi/request.js';
import { NetError } from '../net_error.js';
import { AF_INET, AF_INET6, type AddressFamily, address, getAddressText, putAddress } from './ip.js';

const RTPROT_STATIC = 4;
const RTNH_F_ONLINK = 4;
const TYPE_RESILIENT = 1;
/** Linux: NH_RES_DEFAULT_IDLE_TIMER, in milliseconds. */
const DEFAULT_IDLE_MS = 120_000;

export interface NexthopMember {
  id: number;
  /** 1 to 256; 1 unless said. */
  weight?: number;
}

export interface NexthopSpec {
  /** Chosen when it is left out. */
  id?: number;
  via?: string;
  /** ifindex of the device. */
  oif?: number;
  /** Follows from `via`; IPv4 unless said. */
  family?: AddressFamily;
  onLink?: boolean;
  blackhole?: boolean;
  /** A group of others; nothing of the above then. */
  group?: readonly NexthopMember[];
  /** A resilient group: how many buckets; times in seconds. */
  resilient?: { buckets?: number; idleTimer?: number; unbalancedTimer?: number };
  protocol?: number;
}

export interface NexthopInfo {
  id: number;
  family?: AddressFamily | undefined;
  via?: string | undefined;
  oif: number;
  blackhole: boolean;
  group?: Required<NexthopMember>[] | undefined;
  resilient?:
    | { buckets: number; idleTimer: number; unbalancedTimer: number; unbalancedTime: number }
    | undefined;
  flags: number;
}

export interface NexthopBucket {
  index: number;
  /** Member that has it. */
  id: number;
  /** Seconds since a packet used it. */
  idleTime: number;
}

export function nexthopBytes(spec: NexthopSpec): number {
  return NexthopRec.SIZE + (spec.group?.length ?? 0) * NexthopGroupRec.SIZE;
}

export function nexthopRecordBytes(view: DataView, at: number): number {
  return NexthopRec.SIZE + view.getUint16(at + NexthopRec.GROUP_COUNT, true) * NexthopGroupRec.SIZE;
}

/** Writes a NexthopRec. */
export function putNexthop(view: DataView, at: number, net: number, spec: NexthopSpec): void {
  view.setUint32(at + NexthopRec.NET, net, true);
  view.setUint32(at + NexthopRec.ID, spec.id ?? 0, true);
  view.setUint8(at + NexthopRec.PROTOCOL, spec.protocol ?? RTPROT_STATIC);
  if (spec.group !== undefined) {
    putGroup(view, at, spec, spec.group);
    return;
  }
  const via = spec.via === undefined ? null : address(spec.via);
  view.setUint8(at + NexthopRec.FAMILY, spec.family ?? via?.family ?? AF_INET);
  view.setUint8(at + NexthopRec.FLAGS, spec.onLink === true ? RTNH_F_ONLINK : 0);
  view.setUint8(at + NexthopRec.BLACKHOLE, spec.blackhole === true ? 1 : 0);
  view.setInt32(at + NexthopRec.OIF, spec.oif ?? 0, true);
  if (via === null) return;
  view.setUint8(at + NexthopRec.GW_FAMILY, via.family);
  putAddress(view, at + NexthopRec.GW, via.bytes);
}

function putGroup(view: DataView, at: number, spec: NexthopSpec, group: readonly NexthopMember[]): void {
  if (group.length === 0) throw new NetError('EINVAL', 'a next-hop group has at least one member');
  view.setUint16(at + NexthopRec.GROUP_COUNT, group.length, true);
  for (const [i, member] of group.entries()) {
    const weight = member.weight ?? 1;
    if (!Number.isInteger(weight) || weight < 1 || weight > 256) {
      throw new NetError('EINVAL', `next hop ${member.id}: a weight of ${weight}; it is between 1 and 256`);
    }
    const record = at + NexthopRec.SIZE + i * NexthopGroupRec.SIZE;
    view.setUint32(record + NexthopGroupRec.ID, member.id, true);
    view.setUint32(record + NexthopGroupRec.WEIGHT, weight - 1, true);
  }
  const { resilient } = spec;
  if (resilient === undefined) return;
  view.setUint8(at + NexthopRec.GROUP_TYPE, TYPE_RESILIENT);
  view.setUint16(at + NexthopRec.BUCKETS, resilient.buckets ?? 0, true);
  const idle = resilient.idleTimer === undefined ? DEFAULT_IDLE_MS : resilient.idleTimer * 1000;
  view.setUint32(at + NexthopRec.IDLE_TIMER, Math.round(idle), true);
  view.setUint32(at + NexthopRec.UNBALANCED_TIMER, Math.round((resilient.unbalancedTimer ?? 0) * 1000), true);
}

/** Reads a NexthopRec. */
export function nexthopInfo(view: DataView, at: number): NexthopInfo {
  const family = view.getUint8(at + NexthopRec.FAMILY);
  const gwFamily = view.getUint8(at + NexthopRec.GW_FAMILY);
  const count = view.getUint16(at + NexthopRec.GROUP_COUNT, true);
  const resilient = view.getUint8(at + NexthopRec.GROUP_TYPE) === TYPE_RESILIENT;
  return {
    id: view.getUint32(at + NexthopRec.ID, true),
    family: family === AF_INET || family === AF_INET6 ? family : undefined,
    via: gwFamily === 0 ? undefined : getAddressText(view, at + NexthopRec.GW, gwFamily),
    oif: view.getInt32(at + NexthopRec.OIF, true),
    blackhole: view.getUint8(at + NexthopRec.BLACKHOLE) !== 0,
    group:
      count === 0
        ? undefined
        : Array.from({ length: count }, (_, i) => {
            const record = at + NexthopRec.SIZE + i * NexthopGroupRec.SIZE;
            return {
              id: view.getUint32(record + NexthopGroupRec.ID, true),
              weight: view.getUint32(record + NexthopGroupRec.WEIGHT, true) + 1,
            };
          }),
    resilient: resilient
      ? {
          buckets: view.getUint16(at + NexthopRec.BUCKETS, true),
          idleTimer: view.getUint32(at + NexthopRec.IDLE_TIMER, true) / 1000,
          unbalancedTimer: view.getUint32(at + NexthopRec.UNBALANCED_TIMER, true) / 1000,
          unbalancedTime: view.getUint32(at + NexthopRec.UNBALANCED_TIME, true) / 1000,
        }
      : undefined,
    flags: view.getUint8(at + NexthopRec.FLAGS),
  };
}

/** Reads the answer to NEXTHOP_BUCKETS. */
export function nexthopBuckets(view: DataView, first: number): NexthopBucket[] {
  const count = view.getUint32(NexthopBucketsRec.COUNT, true);
  return Array.from({ length: count }, (_, i) => {
    const record = NexthopBucketsRec.RECORDS + i * NexthopBucketRec.SIZE;
    return {
      index: first + i,
      id: view.getUint32(record + NexthopBucketRec.ID, true),
      idleTime: view.getUint32(record + NexthopBucketRec.IDLE_MS, true) / 1000,
    };
  });
}
