/**
 * The applications of a host, in its network namespace: TCP transfers that hash what they get, UDP datagrams with
 * sequence and checksum, connections that fail, ICMP errors as a socket sees them. All data comes from seeds.
 */
import { createHash } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { probeIcmpError } from './icmp_errors.js';
import { NativeSocket } from './native_socket.js';
import { serve } from './rpc.js';

/** Bytes of `seed`, never the same block twice: a 64 KB block, its first words counting. */
const BLOCK_BYTES = 65536;

function* blocks(seed: number, bytes: number): Generator<Uint8Array> {
  const block = new Uint32Array(BLOCK_BYTES / 4);
  let x = seed | 1;
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    for (let i = 0; i < block.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      block[i] = x;
    }
    yield new Uint8Array(block.buffer.slice(0, Math.min(left, BLOCK_BYTES)));
  }
}

export interface Flow {
  /** What this end sends. */
  seed: number;
  bytes: number;
}

export interface FlowResult {
  sent: string;
  received: string;
  receivedBytes: number;
}

/** Sends `flow`, ends its half, and hashes what comes until the other half ends. */
async function exchange(socket: Socket, { seed, bytes }: Flow): Promise<FlowResult> {
  const received = createHash('sha256');
  let receivedBytes = 0;
  socket.on('data', (data) => {
    received.update(data);
    receivedBytes += data.length;
  });
  const ended = once(socket, 'end');
  const sent = createHash('sha256');
  for (const block of blocks(seed, bytes)) {
    sent.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await ended;
  return { sent: sent.digest('hex'), received: received.digest('hex'), receivedBytes };
}

let server: Server | undefined;
let served: Promise<FlowResult> | undefined;
let receiver: UdpSocket | undefined;
let received: Received | undefined;

interface Received {
  /** Sequences in the order they came. */
  order: number[];
  /** Datagrams whose checksum was wrong. */
  broken: number;
  bytes: number;
}

const ACK_BYTES = 4;
const WINDOW = 16;
const PATIENCE_MS = 8000;

/** u32 sequence, u32 sum of the rest, then bytes of the sequence's own stream. */
function datagram(seq: number, bytes: number): Buffer {
  const payload = Buffer.alloc(bytes);
  let x = (seq + 1) * 2654435761;
  let sum = 0;
  for (let i = 8; i < bytes; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    payload[i] = x >>> 24;
    sum = (sum + payload[i]! * (i + 1)) >>> 0;
  }
  payload.writeUInt32BE(seq, 0);
  payload.writeUInt32BE(sum, 4);
  return payload;
}

function intact(payload: Buffer): boolean {
  let sum = 0;
  for (let i = 8; i < payload.length; i++) sum = (sum + payload[i]! * (i + 1)) >>> 0;
  return payload.readUInt32BE(4) === sum;
}

const udpType = (address: string) => (address.includes(':') ? 'udp6' : 'udp4');

const SOL_UDP = 17;
const UDP_SEGMENT = 103;

const methods = {
  /** Listens for one connection and exchanges on it; `served` has the result. Returns the port. */
  async listen(address: string, flow: Flow) {
    const listener = createServer({ allowHalfOpen: true });
    server = listener;
    served = once(listener, 'connection').then(([socket]) => exchange(socket as Socket, flow));
    served.catch(() => {});
    listener.listen(0, address);
    await once(listener, 'listening');
    return (listener.address() as { port: number }).port;
  },
  async served() {
    const result = await served!;
    server!.close();
    return result;
  },
  async exchange(address: string, port: number, flow: Flow) {
    const socket = connect({ host: address, port, allowHalfOpen: true });
    await once(socket, 'connect');
    return exchange(socket, flow);
  },

  /** The errno that connect(2) leaves, 'connected', or 'silence' after `patienceMs`. */
  async connectError(localAddress: string, address: string, port: number, patienceMs: number) {
    const socket = connect({ host: address, port, localAddress });
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('silence'), patienceMs).unref());
    const outcome = await Promise.race([
      once(socket, 'connect').then(
        () => 'connected',
        (error: NodeJS.ErrnoException) => error.code!,
      ),
      late,
    ]);
    socket.on('error', () => {});
    socket.destroy();
    return outcome;
  },

  icmpError: probeIcmpError,

  /** Answers each datagram with its sequence; stopReceiving() tells what came. Returns the port. */
  async receiveDatagrams(address: string) {
    const socket = createSocket(udpType(address));
    receiver = socket;
    const came: Received = { order: [], broken: 0, bytes: 0 };
    received = came;
    socket.on('message', (payload: Buffer, { address: from, port }: RemoteInfo) => {
      if (!intact(payload)) came.broken++;
      came.order.push(payload.readUInt32BE(0));
      came.bytes += payload.length;
      socket.send(payload.subarray(0, ACK_BYTES), port, from);
    });
    socket.bind(0, address);
    await once(socket, 'listening');
    return socket.address().port;
  },
  received: (): Received => received!,
  stopReceiving(): Received {
    receiver!.close();
    return received!;
  },

  /** Sends `sends` times `each` datagrams of `bytes` in one system call each, as one USO frame where a TAP takes it. */
  sendSegments(address: string, port: number, sends: number, each: number, bytes: number) {
    const socket = new NativeSocket(address.includes(':') ? 6 : 4);
    try {
      socket.connect(address, port);
      socket.set(SOL_UDP, UDP_SEGMENT, bytes);
      for (let seq = 0; seq < sends * each; seq += each) {
        socket.send(Buffer.concat(Array.from({ length: each }, (_, i) => datagram(seq + i, bytes))));
      }
    } finally {
      socket.close();
    }
  },

  /** Sends a datagram of each size, at most WINDOW of them unanswered; resolves when all are answered. */
  async sendDatagrams(address: string, port: number, sizes: readonly number[]) {
    const socket = createSocket(udpType(address));
    try {
      let answered = 0;
      let next = 0;
      await new Promise<void>((resolve, reject) => {
        let late: NodeJS.Timeout | undefined;
        const pump = () => {
          clearTimeout(late);
          if (answered === sizes.length) return resolve();
          late = setTimeout(
            () => reject(new Error(`${answered} of ${next} datagrams were answered`)),
            PATIENCE_MS,
          );
          while (next < sizes.length && next - answered < WINDOW) {
            socket.send(datagram(next, sizes[next]!), port, address);
            next++;
          }
        };
        socket.on('error', reject);
        socket.on('message', () => {
          answered++;
          pump();
        });
        pump();
      });
      return answered;
    } finally {
      socket.close();
    }
  },
};

export type HostMethods = typeof methods;

serve(methods);
