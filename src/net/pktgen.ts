/**
 * The typed client of the core's generator and sink (assembly/pktgen): streams on links, sinks on links, their figures.
 * As with the rest of src/net, nothing is kept here. Sizes are those of frames without FCS; times are nanoseconds.
 */
import {
  PKTGEN_BUCKETS,
  PKTGEN_ETHERTYPE,
  PKTGEN_SIZES_MAX,
  PKTGEN_SIZE_BYTES,
  PKTGEN_SUB_BITS,
  PktgenHistogram,
  PktgenMode,
  PktgenPattern,
  PktgenProto,
  PktgenRate,
  PktgenRateRec,
  PktgenRx,
  PktgenSink,
  PktgenSizes,
  PktgenStream,
  PktgenTx,
} from '../../assembly/abi/pktgen.js';
import { MsgType } from '../../assembly/abi/request.js';
import type { Core } from '../core/core.js';
import { NetError } from '../net_error.js';
import { address, putAddress } from './ip.js';
import { type Link, u64 } from './link.js';
import { putMac } from './link_name.js';

const MODES = {
  start_xmit: PktgenMode.START_XMIT,
  queue_xmit: PktgenMode.QUEUE_XMIT,
  ip_output: PktgenMode.IP_OUTPUT,
  netif_receive: PktgenMode.NETIF_RECEIVE,
} as const;
export type StreamMode = keyof typeof MODES;

const PROTOS = {
  udp: PktgenProto.UDP,
  tcp: PktgenProto.TCP,
  icmp: PktgenProto.ICMP,
  ether: PktgenProto.ETHER,
} as const;
export type StreamProto = keyof typeof PROTOS;

const RATES = {
  max: PktgenRate.MAX,
  pps: PktgenRate.PPS,
  bps: PktgenRate.BPS_L2,
  bpsl1: PktgenRate.BPS_L1,
} as const;
/** Frames a second; bits a second of frames with FCS (layer 2), or with preamble and gap, too (layer 1). */
export interface StreamRate {
  readonly kind: keyof typeof RATES;
  readonly value: number;
}

export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
const TCP_PSH_ACK = 0x18;

export interface StreamVlan {
  readonly id: number;
  readonly priority?: number;
  readonly tpid?: number;
}

/** Sizes in turn with their weights, or every size of a range. */
export type StreamSizes =
  | { readonly kind: 'table'; readonly entries: readonly (readonly [bytes: number, weight: number])[] }
  | { readonly kind: 'range'; readonly from: number; readonly to: number };

export interface StreamSpec {
  /** 1 to 65535, unique in the core: by it the sink knows whose a frame is. */
  readonly id: number;
  /** Default: start_xmit. */
  readonly mode?: StreamMode;
  readonly proto: StreamProto;
  /** Of one family; not for `ether`. How many addresses from there on: default 1. */
  readonly src?: string;
  readonly dst?: string;
  readonly srcCount?: number;
  readonly dstCount?: number;
  /** Default: 9, discard. */
  readonly sport?: number;
  readonly dport?: number;
  readonly sportCount?: number;
  readonly dportCount?: number;
  /** Default: every combination of the above. */
  readonly flows?: number;
  readonly flowsAtRandom?: boolean;
  readonly srcMac: string;
  readonly dstMac: string;
  readonly srcMacCount?: number;
  readonly dstMacCount?: number;
  /** The outer tag first; two at most. */
  readonly vlans?: readonly StreamVlan[];
  readonly ethertype?: number;
  readonly tcpFlags?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly dontFragment?: boolean;
  readonly sizes: StreamSizes;
  readonly sizesAtRandom?: boolean;
  /** What follows the signature: counting bytes (default), random ones, or one byte again and again. */
  readonly pattern?: 'counting' | 'random' | number;
  readonly rate: StreamRate;
  readonly count?: number;
  readonly durationNs?: number;
  readonly delayNs?: number;
  /** Frames that may be caught up with at once. */
  readonly burst?: number;
  readonly seed?: number;
}

export interface TxFigures {
  readonly running: boolean;
  readonly run: number;
  readonly frameMin: number;
  readonly packets: number;
  readonly bytes: number;
  readonly nomem: number;
  readonly missed: number;
  readonly startedNs: number;
  readonly lastNs: number;
  readonly busy: number;
  readonly errors: number;
}

export interface SinkFigures {
  readonly packets: number;
  readonly bytes: number;
  readonly corrupted: number;
  readonly others: number;
  readonly unknown: number;
  readonly seen: number;
}

export interface RxFigures {
  readonly id: number;
  readonly run: number;
  readonly runs: number;
  readonly packets: number;
  readonly bytes: number;
  readonly unique: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly late: number;
  readonly corrupted: number;
  readonly reorderExtent: number;
  readonly latency: LatencyFigures;
  readonly firstNs: number;
  readonly lastNs: number;
}

export interface LatencyFigures {
  readonly count: number;
  /** Frames whose sender's clock cannot be compared with ours. */
  readonly invalid: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly jitter: number;
}

/** [least value of the bucket in ns, how many], those with any. */
export type Histogram = readonly (readonly [ns: number, count: number])[];

export class Pktgen {
  constructor(private readonly core: Core) {}

  /** A stream on a link; it does not run yet. EMSGSIZE: its frames are shorter than headers and signature need. */
  async addStream(link: Link, spec: StreamSpec): Promise<void> {
    const what = `stream ${spec.id} on ${link.name}`;
    const n = spec.sizes.kind === 'range' ? 2 : spec.sizes.entries.length;
    if (n === 0 || n > PKTGEN_SIZES_MAX)
      throw new NetError('EINVAL', `${what}: ${n} sizes; 1 to ${PKTGEN_SIZES_MAX} would be right`);
    await this.core.request(
      {
        type: MsgType.PKTGEN_STREAM_NEW,
        bytes: PktgenStream.SIZES + n * PKTGEN_SIZE_BYTES,
        fill: (v, at) => putStream(v, at, link, spec),
      },
      what,
    );
  }

  /** Starts a stream, or all of them, from frame 0 of a new run. */
  async start(id = 0): Promise<void> {
    await this.act(MsgType.PKTGEN_START, id, 'start');
  }

  async stop(id = 0): Promise<void> {
    await this.act(MsgType.PKTGEN_STOP, id, 'stop');
  }

  async deleteStream(id = 0): Promise<void> {
    await this.act(MsgType.PKTGEN_STREAM_DEL, id, 'delete');
  }

  /** The rate and the bounds of the next start. */
  async setRate(
    id: number,
    rate: StreamRate,
    bounds: { count?: number; durationNs?: number } = {},
  ): Promise<void> {
    await this.core.request(
      {
        type: MsgType.PKTGEN_RATE,
        bytes: PktgenRateRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + PktgenRateRec.ID, id, true);
          v.setUint32(at + PktgenRateRec.KIND, RATES[rate.kind], true);
          put64(v, at + PktgenRateRec.RATE, rate.value);
          putBound(v, at + PktgenRateRec.COUNT, bounds.count);
          putBound(v, at + PktgenRateRec.DURATION, bounds.durationNs);
        },
      },
      `stream ${id}: rate`,
    );
  }

  async figures(id: number): Promise<TxFigures> {
    const v = await this.core.request(
      {
        type: MsgType.PKTGEN_STREAM_GET,
        bytes: PktgenTx.SIZE,
        fill: (view, at) => view.setUint32(at + PktgenTx.ID, id, true),
      },
      `stream ${id}`,
    );
    return {
      running: v.getUint32(PktgenTx.RUNNING, true) !== 0,
      run: v.getUint32(PktgenTx.RUN, true),
      frameMin: v.getUint32(PktgenTx.FRAME_MIN, true),
      packets: u64(v, PktgenTx.PACKETS),
      bytes: u64(v, PktgenTx.BYTES),
      nomem: u64(v, PktgenTx.NOMEM),
      missed: u64(v, PktgenTx.MISSED),
      startedNs: u64(v, PktgenTx.STARTED),
      lastNs: u64(v, PktgenTx.LAST),
      busy: u64(v, PktgenTx.BUSY),
      errors: u64(v, PktgenTx.ERRORS),
    };
  }

  /** Counts the frames of `streams` streams that arrive at the link; `pass`: the stack sees them, too. */
  async addSink(link: Link, options: { streams?: number; pass?: boolean } = {}): Promise<void> {
    await this.sinkRequest(MsgType.PKTGEN_SINK_NEW, link, PktgenSink.SIZE, (v, at) => {
      v.setUint32(at + PktgenSink.STREAMS, options.streams ?? 16, true);
      v.setUint32(at + PktgenSink.PASS, options.pass === true ? 1 : 0, true);
    });
  }

  async deleteSink(link: Link): Promise<void> {
    await this.sinkRequest(MsgType.PKTGEN_SINK_DEL, link, PktgenSink.SIZE);
  }

  /** Forgets all that the sink has seen. */
  async resetSink(link: Link): Promise<void> {
    await this.sinkRequest(MsgType.PKTGEN_SINK_RESET, link, PktgenSink.SIZE);
  }

  async sink(link: Link): Promise<SinkFigures> {
    const v = await this.sinkRequest(MsgType.PKTGEN_SINK_GET, link, PktgenSink.SIZE);
    return {
      packets: u64(v, PktgenSink.PACKETS),
      bytes: u64(v, PktgenSink.BYTES),
      corrupted: u64(v, PktgenSink.CORRUPTED),
      others: u64(v, PktgenSink.OTHERS),
      unknown: u64(v, PktgenSink.UNKNOWN),
      seen: v.getUint32(PktgenSink.SEEN, true),
    };
  }

  /** The streams that the sink has seen, in the order of their first frames. */
  async sinkStreams(link: Link): Promise<RxFigures[]> {
    const { seen } = await this.sink(link);
    const found: RxFigures[] = [];
    for (let i = 0; i < seen; i++) {
      const v = await this.sinkRequest(MsgType.PKTGEN_SINK_STREAM, link, PktgenRx.SIZE, (view, at) =>
        view.setUint32(at + PktgenRx.INDEX, i, true),
      );
      found.push(rxFigures(v));
    }
    return found;
  }

  /** The latencies of the stream that the sink saw as number `index`. */
  async histogram(link: Link, index: number): Promise<Histogram> {
    const bytes = PktgenHistogram.BUCKETS + PKTGEN_BUCKETS * 8;
    const v = await this.sinkRequest(MsgType.PKTGEN_HISTOGRAM, link, bytes, (view, at) =>
      view.setUint32(at + PktgenHistogram.INDEX, index, true),
    );
    const found: [number, number][] = [];
    const n = v.getUint32(PktgenHistogram.COUNT, true);
    for (let bucket = 0; bucket < n; bucket++) {
      const count = u64(v, PktgenHistogram.BUCKETS + bucket * 8);
      if (count > 0) found.push([bucketLow(bucket), count]);
    }
    return found;
  }

  private async act(type: MsgType, id: number, what: string): Promise<void> {
    await this.core.request(
      { type, bytes: 8, fill: (v, at) => v.setUint32(at, id, true) },
      `stream ${id === 0 ? '(all)' : id}: ${what}`,
    );
  }

  private sinkRequest(
    type: MsgType,
    link: Link,
    bytes: number,
    more?: (view: DataView, at: number) => void,
  ): Promise<DataView> {
    return this.core.request(
      {
        type,
        bytes,
        fill: (v, at) => {
          v.setUint32(at + PktgenSink.NET, link.net, true);
          v.setInt32(at + PktgenSink.IFINDEX, link.ifindex, true);
          more?.(v, at);
        },
      },
      `sink of ${link.name}`,
    );
  }
}

/** Least value of a bucket of the histogram (abi/pktgen PktgenHistogram). */
function bucketLow(bucket: number): number {
  const sub = 1 << PKTGEN_SUB_BITS;
  if (bucket < sub) return bucket;
  return (sub + (bucket % sub)) * 2 ** (Math.floor(bucket / sub) - 1);
}

function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function putBound(view: DataView, at: number, value: number | undefined): void {
  if (value !== undefined) {
    put64(view, at, value);
    return;
  }
  view.setUint32(at, 0xffffffff, true);
  view.setUint32(at + 4, 0xffffffff, true);
}

function putStream(v: DataView, at: number, link: Link, spec: StreamSpec): void {
  const u8 = (offset: PktgenStream, value: number) => v.setUint8(at + offset, value);
  const u16 = (offset: PktgenStream, value: number) => v.setUint16(at + offset, value, true);
  const u32 = (offset: PktgenStream, value: number) => v.setUint32(at + offset, value, true);
  u32(PktgenStream.NET, link.net);
  v.setInt32(at + PktgenStream.IFINDEX, link.ifindex, true);
  u16(PktgenStream.ID, spec.id);
  u8(PktgenStream.MODE, MODES[spec.mode ?? 'start_xmit']);
  u8(PktgenStream.PROTO, PROTOS[spec.proto]);
  if (spec.proto !== 'ether') putAddresses(v, at, spec);
  u8(PktgenStream.FLOW_RANDOM, spec.flowsAtRandom === true ? 1 : 0);
  u8(PktgenStream.TOS, spec.tos ?? 0);
  u8(PktgenStream.TTL, spec.ttl ?? 64);
  for (const [i, vlan] of (spec.vlans ?? []).entries()) {
    const outer = (spec.vlans ?? []).length === 2 && i === 0;
    v.setUint16(at + PktgenStream.TPID0 + 4 * i, vlan.tpid ?? (outer ? ETH_P_8021AD : ETH_P_8021Q), true);
    v.setUint16(at + PktgenStream.TCI0 + 4 * i, ((vlan.priority ?? 0) << 13) | vlan.id, true);
  }
  putMac(v, at + PktgenStream.DST_MAC, spec.dstMac);
  putMac(v, at + PktgenStream.SRC_MAC, spec.srcMac);
  u32(PktgenStream.DST_MACS, spec.dstMacCount ?? 1);
  u32(PktgenStream.SRC_MACS, spec.srcMacCount ?? 1);
  u16(PktgenStream.ETHERTYPE, spec.ethertype ?? PKTGEN_ETHERTYPE);
  u8(PktgenStream.TCP_FLAGS, spec.tcpFlags ?? TCP_PSH_ACK);
  const pattern = spec.pattern ?? 'counting';
  if (typeof pattern === 'number') {
    u8(PktgenStream.PATTERN, PktgenPattern.BYTE);
    u8(PktgenStream.PATTERN_BYTE, pattern);
  } else u8(PktgenStream.PATTERN, pattern === 'random' ? PktgenPattern.RANDOM : PktgenPattern.COUNTING);
  u16(PktgenStream.SPORT, spec.sport ?? 9);
  u16(PktgenStream.DPORT, spec.dport ?? 9);
  u32(PktgenStream.SPORTS, spec.sportCount ?? 1);
  u32(PktgenStream.DPORTS, spec.dportCount ?? 1);
  u32(PktgenStream.FLOWS, spec.flows ?? 0);
  u8(PktgenStream.SIZE_RANDOM, spec.sizesAtRandom === true ? 1 : 0);
  u8(PktgenStream.RATE_KIND, RATES[spec.rate.kind]);
  u32(PktgenStream.BURST, spec.burst ?? 0);
  put64(v, at + PktgenStream.RATE, spec.rate.value);
  put64(v, at + PktgenStream.COUNT, spec.count ?? 0);
  put64(v, at + PktgenStream.DURATION, spec.durationNs ?? 0);
  put64(v, at + PktgenStream.DELAY, spec.delayNs ?? 0);
  u32(PktgenStream.SEED, spec.seed ?? 1);
  u8(PktgenStream.DF, spec.dontFragment === true ? 1 : 0);
  putSizes(v, at, spec.sizes);
}

function putAddresses(v: DataView, at: number, spec: StreamSpec): void {
  const src = address(spec.src ?? '');
  const dst = address(spec.dst ?? '');
  if (src.family !== dst.family)
    throw new NetError('EINVAL', `stream ${spec.id}: ${spec.src} and ${spec.dst} are not of one family`);
  v.setUint8(at + PktgenStream.FAMILY, src.family);
  putAddress(v, at + PktgenStream.SADDR, src.bytes);
  putAddress(v, at + PktgenStream.DADDR, dst.bytes);
  v.setUint32(at + PktgenStream.SADDRS, spec.srcCount ?? 1, true);
  v.setUint32(at + PktgenStream.DADDRS, spec.dstCount ?? 1, true);
}

function putSizes(v: DataView, at: number, sizes: StreamSizes): void {
  const range = sizes.kind === 'range';
  const entries: StreamTable = range
    ? [
        [sizes.from, 1],
        [sizes.to, 1],
      ]
    : sizes.entries;
  v.setUint8(at + PktgenStream.SIZE_KIND, range ? PktgenSizes.RANGE : PktgenSizes.TABLE);
  v.setUint32(at + PktgenStream.SIZE_COUNT, entries.length, true);
  for (const [i, [bytes, weight]] of entries.entries()) {
    v.setUint16(at + PktgenStream.SIZES + i * PKTGEN_SIZE_BYTES, bytes, true);
    v.setUint16(at + PktgenStream.SIZES + i * PKTGEN_SIZE_BYTES + 2, weight, true);
  }
}
type StreamTable = readonly (readonly [bytes: number, weight: number])[];

function rxFigures(v: DataView): RxFigures {
  const count = u64(v, PktgenRx.LAT_COUNT);
  return {
    id: v.getUint32(PktgenRx.ID, true),
    run: v.getUint32(PktgenRx.RUN, true),
    runs: v.getUint32(PktgenRx.RUNS, true),
    packets: u64(v, PktgenRx.PACKETS),
    bytes: u64(v, PktgenRx.BYTES),
    unique: u64(v, PktgenRx.UNIQUE),
    lost: u64(v, PktgenRx.LOST),
    reordered: u64(v, PktgenRx.REORDERED),
    duplicated: u64(v, PktgenRx.DUPLICATED),
    late: u64(v, PktgenRx.LATE),
    corrupted: u64(v, PktgenRx.CORRUPTED),
    reorderExtent: u64(v, PktgenRx.REORDER_EXTENT),
    latency: {
      count,
      invalid: u64(v, PktgenRx.LAT_INVALID),
      min: u64(v, PktgenRx.LAT_MIN),
      mean: count === 0 ? 0 : Math.round(u64(v, PktgenRx.LAT_SUM) / count),
      p50: u64(v, PktgenRx.P50),
      p90: u64(v, PktgenRx.P90),
      p99: u64(v, PktgenRx.P99),
      p999: u64(v, PktgenRx.P999),
      max: u64(v, PktgenRx.LAT_MAX),
      jitter: u64(v, PktgenRx.JITTER),
    },
    firstNs: u64(v, PktgenRx.FIRST),
    lastNs: u64(v, PktgenRx.LAST),
  };
}
