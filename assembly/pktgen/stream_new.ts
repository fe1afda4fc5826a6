/**
 * Makes streams of their configuration (abi/pktgen PktgenStream), and frees them: checks it, places the headers, lays the
 * sizes out and counts what varies; template.ts does the rest.
 */
import {
  PKTGEN_FRAME_MAX,
  PKTGEN_SIZES_MAX,
  PKTGEN_SIZE_BYTES,
  PKTGEN_WEIGHTS_MAX,
  PktgenMode,
  PktgenProto,
  PktgenRate,
  PktgenShort,
  PktgenSizes,
  PktgenStream,
} from '../abi/pktgen';
import { NetDevice } from '../dev/net_device';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6 } from '../net/net';
import { templateMake } from './template';
import { SIZE_ENTRY_BYTES, TxStream, longestFrame, sizeCount, sizeEntry } from './tx_stream';

const ETH_HLEN: u32 = 14;
const TAG_LEN: u32 = 4;
const IPV4_HLEN: u32 = 20;
const IPV6_HLEN: u32 = 40;
const UDP_HLEN: u32 = 8;
const TCP_HLEN: u32 = 20;
const ICMP_HLEN: u32 = 8;

/**
 * Makes the stream that the `len` bytes at `rec` describe, and puts its address into `out`. -EINVAL: what was said makes
 * no sense; -EMSGSIZE: a frame shorter than its headers and a signature (its least length is put into `out`), or too
 * long; -ENOMEM.
 */
export function streamNew(rec: usize, len: u32, dev: NetDevice, crcTables: usize, out: usize): i32 {
  if (len < <u32>PktgenStream.SIZES) return -Errno.EINVAL;
  const n = load<u32>(rec, PktgenStream.SIZE_COUNT);
  if (n === 0 || n > PKTGEN_SIZES_MAX || (len - PktgenStream.SIZES) / PKTGEN_SIZE_BYTES < n)
    return -Errno.EINVAL;
  const bytes = <u32>PktgenStream.SIZES + n * PKTGEN_SIZE_BYTES;
  const p = kzalloc(offsetof<TxStream>());
  const config = kmalloc(bytes);
  if (p === 0 || config === 0) {
    kfree(p);
    kfree(config);
    return -Errno.ENOMEM;
  }
  memory.copy(config, rec, bytes);
  const stream = changetype<TxStream>(p);
  stream.config = config;
  stream.dev = changetype<usize>(dev);
  const err = make(stream, crcTables);
  if (err !== 0) {
    store<u32>(out, stream.frameMin);
    streamFree(stream);
    return err;
  }
  store<u32>(out, p);
  return 0;
}

/** Frees what streamNew made; the stream is in no list any more. */
export function streamFree(stream: TxStream): void {
  kfree(stream.config);
  kfree(stream.template);
  kfree(stream.sizes);
  kfree(stream.schedule);
  kfree(changetype<usize>(stream));
}

function make(stream: TxStream, crcTables: usize): i32 {
  const c = stream.config;
  stream.id = load<u16>(c, PktgenStream.ID);
  stream.mode = load<u8>(c, PktgenStream.MODE);
  stream.proto = load<u8>(c, PktgenStream.PROTO);
  stream.family = load<u8>(c, PktgenStream.FAMILY);
  stream.rateKind = load<u8>(c, PktgenStream.RATE_KIND);
  stream.rate = load<u64>(c, PktgenStream.RATE);
  stream.count = load<u64>(c, PktgenStream.COUNT);
  stream.duration = load<u64>(c, PktgenStream.DURATION);
  stream.flowRandom = <u32>(load<u8>(c, PktgenStream.FLOW_RANDOM) !== 0);
  stream.sizeRandom = <u32>(load<u8>(c, PktgenStream.SIZE_RANDOM) !== 0);
  if (stream.id === 0 || stream.mode > <u32>PktgenMode.NETIF_RECEIVE) return -Errno.EINVAL;
  if (!checkRate(stream.rateKind, stream.rate)) return -Errno.EINVAL;
  if (!placeHeaders(stream)) return -Errno.EINVAL;
  stream.frameMin = stream.payload + PktgenShort.SIZE;
  const err = makeSizes(stream);
  if (err !== 0) return err;
  setCounts(stream);
  return templateMake(stream, longestFrame(stream), sizeCount(stream), crcTables) ? 0 : -Errno.ENOMEM;
}

/** A rate in bits up to 10 Tbit/s: what a day of it sums to still fits. */
export function checkRate(kind: u32, rate: u64): bool {
  if (kind === <u32>PktgenRate.MAX) return true;
  return kind <= <u32>PktgenRate.BPS_L1 && rate !== 0 && rate <= 10_000_000_000_000;
}

/** Offsets of the headers; false when there are no such frames. */
function placeHeaders(stream: TxStream): bool {
  const c = stream.config;
  let at = ETH_HLEN;
  if (load<u16>(c, PktgenStream.TPID0) !== 0) at += TAG_LEN;
  else if (load<u16>(c, PktgenStream.TPID1) !== 0) return false;
  if (load<u16>(c, PktgenStream.TPID1) !== 0) at += TAG_LEN;
  stream.l3 = at;
  const proto = stream.proto;
  if (proto === <u32>PktgenProto.ETHER) {
    stream.l4 = at;
    stream.payload = at;
    return stream.family === 0 && stream.mode !== <u32>PktgenMode.IP_OUTPUT;
  }
  if (stream.family !== AF_INET && stream.family !== AF_INET6) return false;
  stream.l4 = at + (stream.family === AF_INET ? IPV4_HLEN : IPV6_HLEN);
  if (proto === <u32>PktgenProto.UDP) stream.payload = stream.l4 + UDP_HLEN;
  else if (proto === <u32>PktgenProto.TCP) stream.payload = stream.l4 + TCP_HLEN;
  else stream.payload = stream.l4 + ICMP_HLEN;
  return proto === <u32>PktgenProto.UDP || proto === <u32>PktgenProto.TCP || proto === <u32>PktgenProto.ICMP;
}

/** The sizes and the order in which they come. */
function makeSizes(stream: TxStream): i32 {
  const c = stream.config;
  const table = c + PktgenStream.SIZES;
  const range = load<u8>(c, PktgenStream.SIZE_KIND) === <u8>PktgenSizes.RANGE;
  if (range) {
    if (load<u32>(c, PktgenStream.SIZE_COUNT) !== 2) return -Errno.EINVAL;
    if (load<u16>(table) > load<u16>(table, PKTGEN_SIZE_BYTES)) return -Errno.EINVAL;
  } else if (load<u8>(c, PktgenStream.SIZE_KIND) !== <u8>PktgenSizes.TABLE) return -Errno.EINVAL;
  const given = load<u32>(c, PktgenStream.SIZE_COUNT);
  let slots: u32 = 0;
  for (let i: u32 = 0; i < given; i++) {
    const bytes = <u32>load<u16>(table + i * PKTGEN_SIZE_BYTES);
    if (bytes < stream.frameMin || bytes > PKTGEN_FRAME_MAX) return -Errno.EMSGSIZE;
    slots += load<u16>(table + i * PKTGEN_SIZE_BYTES, 2);
  }
  const n = sizeCount(stream);
  if (range) slots = n;
  if (slots === 0 || (!range && slots > PKTGEN_WEIGHTS_MAX)) return -Errno.EINVAL;
  stream.slots = slots;
  stream.sizes = kzalloc(n * SIZE_ENTRY_BYTES);
  stream.schedule = kmalloc(slots << 1);
  if (stream.sizes === 0 || stream.schedule === 0) return -Errno.ENOMEM;
  for (let i: u32 = 0; i < n; i++) {
    const bytes = range ? <u32>load<u16>(table) + i : <u32>load<u16>(table + i * PKTGEN_SIZE_BYTES);
    sizeEntry(stream, i).len = bytes;
  }
  for (let slot: u32 = 0; slot < slots; slot++) {
    const which = range ? slot : furthestBehind(stream, table, given, slot);
    store<u16>(stream.schedule + (slot << 1), <u16>which);
  }
  return 0;
}

/**
 * Which size of a table comes in `slot`: the one that is furthest behind its share, so that each is spread evenly over
 * the turn. `ipSum` counts what each had so far; template.ts fills it in later.
 */
function furthestBehind(stream: TxStream, table: usize, n: u32, slot: u32): u32 {
  let best: u32 = 0;
  let most: i64 = i64.MIN_VALUE;
  for (let i: u32 = 0; i < n; i++) {
    const weight = <i64>load<u16>(table + i * PKTGEN_SIZE_BYTES, 2);
    const behind = <i64>(slot + 1) * weight - <i64>sizeEntry(stream, i).ipSum * <i64>stream.slots;
    if (weight !== 0 && behind > most) {
      most = behind;
      best = i;
    }
  }
  sizeEntry(stream, best).ipSum++;
  return best;
}

/** What varies, and how many flows there are. */
function setCounts(stream: TxStream): void {
  const c = stream.config;
  const ip = stream.family !== 0;
  const ports = stream.proto === PktgenProto.UDP || stream.proto === PktgenProto.TCP;
  stream.saddrs = ip ? orOne(load<u32>(c, PktgenStream.SADDRS)) : 1;
  stream.daddrs = ip ? orOne(load<u32>(c, PktgenStream.DADDRS)) : 1;
  stream.sports = ports ? min<u32>(orOne(load<u32>(c, PktgenStream.SPORTS)), 65536) : 1;
  stream.dports = ports ? min<u32>(orOne(load<u32>(c, PktgenStream.DPORTS)), 65536) : 1;
  stream.smacs = orOne(load<u32>(c, PktgenStream.SRC_MACS));
  stream.dmacs = orOne(load<u32>(c, PktgenStream.DST_MACS));
  let all = <u64>stream.sports * stream.saddrs;
  all = min(all, <u64>u32.MAX_VALUE) * stream.dports;
  all = min(all, <u64>u32.MAX_VALUE) * stream.daddrs;
  // Stations belong to flows: with more of them than flows, they are what is counted.
  all = max(all, <u64>max(stream.smacs, stream.dmacs));
  all = min(all, <u64>u32.MAX_VALUE);
  const flows = load<u32>(c, PktgenStream.FLOWS);
  stream.flows = flows === 0 ? <u32>all : flows;
}

function orOne(n: u32): u32 {
  return n === 0 ? 1 : n;
}
