/** PKTGEN_*: the requests of the generator and the sink (abi/pktgen). Linux: net/core/pktgen.c, by /proc there. */
import {
  PKTGEN_BUCKETS,
  PktgenHistogram,
  PktgenRateRec,
  PktgenRx,
  PktgenSink,
  PktgenStream,
  PktgenTx,
} from '../abi/pktgen';
import { MsgType } from '../abi/request';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { netByHandle } from '../net/net';
import {
  pktgenStart,
  pktgenStop,
  pktgenStream,
  pktgenStreamDel,
  pktgenStreamNew,
  pktgenStreams,
} from '../pktgen/generator';
import { rxStreamFill } from '../pktgen/rx_stream';
import { Sink, sinkDel, sinkNew, sinkReset, sinkStream } from '../pktgen/sink';
import { checkRate } from '../pktgen/stream_new';
import { TxStream } from '../pktgen/tx_stream';

export function requestPktgen(type: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.PKTGEN_STREAM_NEW) return streamNew(body, len);
  if (type <= <u32>MsgType.PKTGEN_RATE) return requestStream(type, body, len);
  if (len < <u32>PktgenSink.STREAMS + 8) return -Errno.EINVAL;
  const found = findDev(body);
  if (found === null) return -Errno.ENODEV;
  const dev = found;
  if (type === <u32>MsgType.PKTGEN_SINK_NEW) return sinkNew(dev, body);
  if (dev.sink === 0) return -Errno.ENOENT;
  const sink = changetype<Sink>(dev.sink);
  if (type === <u32>MsgType.PKTGEN_SINK_DEL) {
    sinkDel(dev);
    return 0;
  }
  if (type === <u32>MsgType.PKTGEN_SINK_RESET) {
    sinkReset(sink);
    return 0;
  }
  if (type === <u32>MsgType.PKTGEN_SINK_GET) return sinkGet(sink, body, len);
  if (type === <u32>MsgType.PKTGEN_SINK_STREAM) return sinkGetStream(sink, body, len);
  if (type === <u32>MsgType.PKTGEN_HISTOGRAM) return sinkHistogram(sink, body, len);
  return -Errno.EOPNOTSUPP;
}

/** NET and IFINDEX are the first two words of each record. */
function findDev(body: usize): NetDevice | null {
  const net = netByHandle(load<u32>(body));
  return net === null ? null : devGetByIndex(net, load<i32>(body, 4));
}

/** On -EMSGSIZE the record's SIZE_COUNT says how long a frame of it has to be at least. */
function streamNew(body: usize, len: u32): i32 {
  if (len < <u32>PktgenStream.SIZES) return -Errno.EINVAL;
  const dev = findDev(body);
  if (dev === null) return -Errno.ENODEV;
  const out = scratch(Scratch.PKTGEN_OUT);
  store<u32>(out, 0);
  const err = pktgenStreamNew(body, len, dev, out);
  if (err === -Errno.EMSGSIZE) store<u32>(body, load<u32>(out), PktgenStream.SIZE_COUNT);
  return err;
}

function requestStream(type: u32, body: usize, len: u32): i32 {
  if (len < 8) return -Errno.EINVAL;
  const id = load<u32>(body);
  if (id === 0)
    return type === <u32>MsgType.PKTGEN_STREAM_GET || type === <u32>MsgType.PKTGEN_RATE
      ? -Errno.EINVAL
      : all(type);
  const stream = pktgenStream(id);
  if (stream === null) return -Errno.ENOENT;
  if (type === <u32>MsgType.PKTGEN_STREAM_GET) return streamGet(stream, body, len);
  if (type === <u32>MsgType.PKTGEN_RATE) return setRate(stream, body, len);
  act(type, stream);
  return 0;
}

function all(type: u32): i32 {
  let at = pktgenStreams();
  while (at !== 0) {
    const stream = changetype<TxStream>(at);
    at = stream.next;
    act(type, stream);
  }
  return 0;
}

function act(type: u32, stream: TxStream): void {
  if (type === <u32>MsgType.PKTGEN_STREAM_DEL) pktgenStreamDel(stream);
  else if (type === <u32>MsgType.PKTGEN_START) pktgenStart(stream);
  else pktgenStop(stream);
}

function streamGet(stream: TxStream, body: usize, len: u32): i32 {
  if (len < <u32>PktgenTx.SIZE) return -Errno.EINVAL;
  store<u32>(body, stream.running, PktgenTx.RUNNING);
  store<u32>(body, stream.run, PktgenTx.RUN);
  store<u32>(body, stream.frameMin, PktgenTx.FRAME_MIN);
  store<u64>(body, stream.seq, PktgenTx.PACKETS);
  store<u64>(body, stream.bytes, PktgenTx.BYTES);
  store<u64>(body, stream.nomem, PktgenTx.NOMEM);
  store<u64>(body, stream.missed, PktgenTx.MISSED);
  store<u64>(body, stream.started, PktgenTx.STARTED);
  store<u64>(body, stream.last, PktgenTx.LAST);
  store<u64>(body, stream.busy, PktgenTx.BUSY);
  store<u64>(body, stream.errors, PktgenTx.ERRORS);
  return 0;
}

function setRate(stream: TxStream, body: usize, len: u32): i32 {
  if (len < <u32>PktgenRateRec.SIZE) return -Errno.EINVAL;
  const kind = load<u32>(body, PktgenRateRec.KIND);
  const rate = load<u64>(body, PktgenRateRec.RATE);
  if (!checkRate(kind, rate)) return -Errno.EINVAL;
  if (stream.running !== 0) return -Errno.EBUSY;
  stream.rateKind = kind;
  stream.rate = rate;
  const count = load<u64>(body, PktgenRateRec.COUNT);
  const duration = load<u64>(body, PktgenRateRec.DURATION);
  if (count !== u64.MAX_VALUE) stream.count = count;
  if (duration !== u64.MAX_VALUE) stream.duration = duration;
  return 0;
}

function sinkGet(sink: Sink, body: usize, len: u32): i32 {
  if (len < <u32>PktgenSink.SIZE) return -Errno.EINVAL;
  store<u32>(body, sink.streams, PktgenSink.STREAMS);
  store<u32>(body, sink.pass, PktgenSink.PASS);
  store<u64>(body, sink.packets, PktgenSink.PACKETS);
  store<u64>(body, sink.bytes, PktgenSink.BYTES);
  store<u64>(body, sink.corrupted, PktgenSink.CORRUPTED);
  store<u64>(body, sink.others, PktgenSink.OTHERS);
  store<u64>(body, sink.unknown, PktgenSink.UNKNOWN);
  store<u32>(body, sink.seen, PktgenSink.SEEN);
  return 0;
}

function sinkGetStream(sink: Sink, body: usize, len: u32): i32 {
  if (len < <u32>PktgenRx.SIZE) return -Errno.EINVAL;
  const index = load<u32>(body, PktgenRx.INDEX);
  if (index >= sink.seen) return -Errno.ENOENT;
  rxStreamFill(sinkStream(sink, index), body);
  return 0;
}

function sinkHistogram(sink: Sink, body: usize, len: u32): i32 {
  if (len < <u32>PktgenHistogram.BUCKETS) return -Errno.EINVAL;
  const index = load<u32>(body, PktgenHistogram.INDEX);
  const first = load<u32>(body, PktgenHistogram.FIRST);
  if (index >= sink.seen) return -Errno.ENOENT;
  if (first > PKTGEN_BUCKETS) return -Errno.EINVAL;
  const n = min((len - PktgenHistogram.BUCKETS) >> 3, PKTGEN_BUCKETS - first);
  memory.copy(body + PktgenHistogram.BUCKETS, sinkStream(sink, index).histogram + (first << 3), n << 3);
  store<u32>(body, n, PktgenHistogram.COUNT);
  return 0;
}
