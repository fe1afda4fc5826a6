/**
 * A burst of a stream: for each frame the template is copied into a slot and only what differs is written; checksums are
 * the prepared sums and the words that were written, nothing is read again.
 */
import {
  PKTGEN_MAGIC_LONG,
  PKTGEN_MAGIC_SHORT,
  PktgenLong,
  PktgenMode,
  PktgenProto,
  PktgenStream,
} from '../abi/pktgen';
import { Port } from '../abi/layout';
import { Op } from '../abi/ops';
import { ethTypeTrans } from '../dev/eth';
import { NetDevice, netifRunning } from '../dev/net_device';
import { NETDEV_TX_OK, portXmit } from '../dev/port';
import { netifReceiveSkbList } from '../dev/receive';
import { SCRATCH_RECEIVE, scratchList } from '../dev/scratch';
import { devQueueXmit } from '../dev/xmit';
import { ipRawXmit } from '../ipv4/raw';
import { ip6RawXmit } from '../ipv6/raw';
import { csumFold, csumFrom64 } from '../lib/checksum';
import { Crc32 } from '../lib/crc32';
import { opIndex } from '../lib/ops';
import { AF_INET } from '../net/net';
import { consumeSkb } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { writeLengths } from './template';
import { SizeEntry, TxStream, signatureBytes, sizeEntry } from './tx_stream';

const LAST32_OF_IPV6: usize = 12;

/** What became of one frame. */
enum Sent {
  YES = 0,
  BUSY = 1,
  FAILED = 2,
}

/** The words of 32 bits that `word` has, as a checksum adds them. */
class Words {
  @inline
  static of(word: u64): u64 {
    return (word & 0xffffffff) + (word >> 32);
  }
}

/** Length of the frame that comes next. */
export function nextSize(stream: TxStream): SizeEntry {
  return sizeEntry(stream, load<u16>(stream.schedule + (stream.slot << 1)));
}

/** Moves on to the size behind. */
function advanceSize(stream: TxStream): void {
  if (stream.sizeRandom !== 0) {
    stream.slot = below(stream, stream.slots);
    return;
  }
  const slot = stream.slot + 1;
  stream.slot = slot === stream.slots ? 0 : slot;
}

/** Uniform in 0..n-1, but for less than n / 2^32 of bias. */
export function below(stream: TxStream, n: u32): u32 {
  let x = stream.random;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  stream.random = x;
  return <u32>((<u64>x * <u64>n) >> 32);
}

/**
 * The next frame leaves, if the device takes it; true then. False, and `blocked` or `nomem` says why: it is made again
 * with the next try.
 */
export function streamSend(stream: TxStream, now: u64, crcTables: usize): bool {
  const dev = changetype<NetDevice>(stream.dev);
  if (!hasRoom(dev, stream.mode)) {
    stream.blocked = 1;
    stream.busy++;
    return false;
  }
  const entry = nextSize(stream);
  const skb = allocSkb(entry.len);
  if (skb === null) {
    stream.blocked = 1;
    stream.nomem++;
    return false;
  }
  skb.dev = stream.dev;
  skb.len = entry.len;
  writeFrame(stream, entry, skb.data, now, crcTables);
  const len = entry.len;
  const sent = give(stream, skb, dev);
  if (sent === Sent.BUSY) {
    stream.blocked = 1;
    stream.busy++;
    return false;
  }
  if (sent === Sent.FAILED) stream.errors++;
  stream.seq++;
  stream.bytes += len;
  stream.last = now;
  if (stream.slots > 1) advanceSize(stream);
  if (stream.flowRandom !== 0) {
    stream.flow = below(stream, stream.flows);
  } else if (stream.flows > 1) {
    const flow = stream.flow + 1;
    stream.flow = flow === stream.flows ? 0 : flow;
  }
  return true;
}

/** Looked at before a frame is made: a port's full ring is the usual end of a burst. */
function hasRoom(dev: NetDevice, mode: u32): bool {
  if (mode === PktgenMode.NETIF_RECEIVE) return true;
  if (!netifRunning(dev)) return false;
  if (dev.xmitOp !== Op.XMIT_PORT) return true;
  if (mode !== PktgenMode.START_XMIT) return true;
  const port = dev.priv;
  return (
    port !== 0 &&
    load<u32>(port, Port.TX_HEAD) - load<u32>(port, Port.TX_CLEAN) <= load<u32>(port, Port.TX_MASK)
  );
}

function give(stream: TxStream, skb: SkBuff, dev: NetDevice): Sent {
  const mode = stream.mode;
  if (mode === PktgenMode.START_XMIT) {
    if (dev.xmitOp === Op.XMIT_PORT) return portXmit(skb, dev) === NETDEV_TX_OK ? Sent.YES : giveUp(skb);
    const xmit = opIndex(dev.xmitOp);
    const result = call_indirect<i32>(xmit, changetype<usize>(skb), changetype<usize>(dev));
    return result === NETDEV_TX_OK ? Sent.YES : giveUp(skb);
  }
  if (mode === PktgenMode.QUEUE_XMIT) {
    devQueueXmit(skb);
    return Sent.YES;
  }
  if (mode === PktgenMode.NETIF_RECEIVE) {
    receive(skb, dev);
    return Sent.YES;
  }
  skb.data += stream.l3;
  skb.len -= stream.l3;
  const oif = dev.ifindex;
  const err = stream.family === AF_INET ? ipRawXmit(dev.net, skb, oif) : ip6RawXmit(dev.net, skb, oif);
  return err === 0 ? Sent.YES : Sent.FAILED;
}

function giveUp(skb: SkBuff): Sent {
  consumeSkb(skb);
  return Sent.BUSY;
}

/** As a driver of the device would bring it in. */
function receive(skb: SkBuff, dev: NetDevice): void {
  dev.rxPackets++;
  dev.rxBytes += skb.len;
  skb.iif = dev.ifindex;
  ethTypeTrans(skb, dev);
  const list = scratchList(SCRATCH_RECEIVE);
  store<u32>(list, changetype<usize>(skb));
  netifReceiveSkbList(dev, list, 1);
}

/** A word that a flow has for itself. */
class Flow {
  /** Number `k` from `base` on, in network order; returned as a checksum adds it. */
  @inline
  static word(frame: usize, at: usize, base: u32, k: u32): u32 {
    const be = bswap<u32>(base + k);
    store<u32>(frame + at, be);
    return be;
  }
}

function writeFrame(stream: TxStream, entry: SizeEntry, frame: usize, now: u64, crcTables: usize): void {
  const len = entry.len;
  const c = stream.config;
  let copied = false;
  if (ASC_FEATURE_SIMD) {
    if (len <= 64) {
      // Slots and templates have room behind a short frame.
      const from = stream.template;
      v128.store(frame, v128.load(from));
      v128.store(frame, v128.load(from, 16), 16);
      v128.store(frame, v128.load(from, 32), 32);
      v128.store(frame, v128.load(from, 48), 48);
      copied = true;
    }
  }
  if (!copied) memory.copy(frame, stream.template, len);
  const seq = stream.seq;
  const proto = stream.proto;
  const l4 = frame + stream.l4;
  let l4Sum: u64 = entry.l4Sum;

  let rest = stream.flow;
  if (stream.smacs > 1)
    Flow.word(frame, 8, bswap<u32>(load<u32>(c, PktgenStream.SRC_MAC + 2)), rest % stream.smacs);
  if (stream.dmacs > 1)
    Flow.word(frame, 2, bswap<u32>(load<u32>(c, PktgenStream.DST_MAC + 2)), rest % stream.dmacs);
  if (proto !== PktgenProto.ETHER) {
    if (stream.sports > 1) {
      const be = bswap<u16>(<u16>(<u32>load<u16>(c, PktgenStream.SPORT) + (rest % stream.sports)));
      rest /= stream.sports;
      store<u16>(l4, be);
      l4Sum += <u64>be;
    }
    const v4 = stream.family === AF_INET;
    const ip = frame + stream.l3;
    let addresses: u64 = 0;
    if (stream.saddrs > 1) {
      const from = v4 ? c : c + LAST32_OF_IPV6;
      const base = bswap<u32>(load<u32>(from, PktgenStream.SADDR));
      addresses = Flow.word(ip, v4 ? 12 : 8 + LAST32_OF_IPV6, base, rest % stream.saddrs);
      rest /= stream.saddrs;
    }
    if (stream.dports > 1) {
      const be = bswap<u16>(<u16>(<u32>load<u16>(c, PktgenStream.DPORT) + (rest % stream.dports)));
      rest /= stream.dports;
      store<u16>(l4, be, 2);
      l4Sum += <u64>be;
    }
    if (stream.daddrs > 1) {
      const from = v4 ? c : c + LAST32_OF_IPV6;
      const base = bswap<u32>(load<u32>(from, PktgenStream.DADDR));
      addresses += <u64>Flow.word(ip, v4 ? 16 : 24 + LAST32_OF_IPV6, base, rest % stream.daddrs);
    }
    if (stream.slots > 1) writeLengths(stream, frame, len);
    if (v4) {
      // An identifier, so that fragments of different frames are told apart (RFC 791 §3.2).
      const id = bswap<u16>(<u16>seq);
      store<u16>(ip, id, 4);
      store<u16>(ip, csumFold(csumFrom64(<u64>entry.ipSum + addresses + <u64>id)), 10);
      // ICMP has no pseudo header.
      if (proto !== PktgenProto.ICMP) l4Sum += addresses;
    } else l4Sum += addresses;
    if (proto === PktgenProto.TCP) {
      const number = bswap<u32>(<u32>seq);
      store<u32>(l4, number, 4);
      l4Sum += <u64>number;
    } else if (proto === PktgenProto.ICMP) {
      const number = bswap<u16>(<u16>seq);
      store<u16>(l4, number, 6);
      l4Sum += <u64>number;
    }
  }
  l4Sum += writeSignature(stream, entry, frame + stream.payload, now, crcTables);
  if (proto === PktgenProto.ETHER) return;
  const sum = csumFold(csumFrom64(l4Sum));
  // RFC 768: a sum of zero is sent as all ones, zero means that there is none.
  if (proto === PktgenProto.UDP) store<u16>(l4, sum === 0 ? 0xffff : sum, 6);
  else store<u16>(l4 + (proto === PktgenProto.TCP ? 16 : 2), sum);
}

/** Writes the signature that fits; returns the sum of its words. */
function writeSignature(stream: TxStream, entry: SizeEntry, at: usize, now: u64, crcTables: usize): u64 {
  const seq = stream.seq;
  const bytes = entry.len - stream.payload;
  const name = ((<u64>stream.id) << 16) | ((<u64>stream.run) << 32);
  let c = ~entry.crc;
  if (signatureBytes(bytes) === <u32>PktgenLong.SIZE) {
    const w0 = <u64>PKTGEN_MAGIC_LONG | name;
    c = Crc32.long(crcTables, c, w0);
    c = Crc32.long(crcTables, c, seq);
    c = Crc32.long(crcTables, c, now);
    c = ~Crc32.word(crcTables, c, bytes);
    store<u64>(at, w0);
    store<u64>(at, seq, PktgenLong.SEQ);
    store<u64>(at, now, PktgenLong.TX);
    store<u32>(at, bytes, PktgenLong.LEN);
    store<u32>(at, c, PktgenLong.CRC);
    return Words.of(w0) + Words.of(seq) + Words.of(now) + <u64>bytes + <u64>c;
  }
  const tx = <u32>now;
  const w0 = <u64>PKTGEN_MAGIC_SHORT | name | (seq << 48);
  const w1 = ((seq >> 16) & 0xffff) | ((<u64>tx) << 16);
  c = Crc32.long(crcTables, c, w0);
  c = Crc32.word(crcTables, c, <u32>w1);
  c = ~Crc32.half(crcTables, c, <u32>(w1 >> 32));
  const w2 = w1 | ((<u64>c) << 48);
  store<u64>(at, w0);
  store<u64>(at, w2, 8);
  store<u16>(at, <u16>(c >> 16), 16);
  return Words.of(w0) + Words.of(w2) + <u64>(c >> 16);
}
