/**
 * A wire made of UDP: one datagram a frame, without any header of ours. Needs no privileges, so two routers on one or
 * two machines can be joined by anybody. The socket is connected: the kernel drops what others than the peer send.
 *
 *   socket 'message' ─copy─► queue (a ring of equal places) ─copy─► receive descriptors       rxBurst()
 *   transmit descriptors ─copy─► a free place ─► socket.send()                                txBurst()
 *
 * A socket that cannot be had (no such address yet, no route, port taken) is tried again, the link down meanwhile.
 * Both sides are bounded: a datagram that finds the queue full is counted in RX_ERRORS, a frame that finds every place
 * in flight stays in the transmit ring until writable().
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { NetifF } from '../../assembly/abi/features.js';
import { NetError } from '../net_error.js';
import type { Driver, PortNotify, PortRings } from './driver.js';
import { FrameQueue } from './frame_queue.js';
import { randomMac } from './mac.js';

export interface UdpEndpoint {
  address: string;
  port: number;
}

export interface UdpWireOptions {
  mac?: string | undefined;
  /** Default: 1500. Frames of up to mtu + 22 bytes (Ethernet header, two tags) pass. */
  mtu?: number | undefined;
  /** Frames that wait for rxBurst() at most; a power of two. Default: 1024. */
  queueFrames?: number | undefined;
}

const ETH_HEADER_MAX = 22;
const TX_IN_FLIGHT = 256;
const SOCKET_BUFFER_BYTES = 4 << 20;
const RETRY_MS = 250;

export class UdpWireDriver implements Driver {
  readonly kind = 'udp';
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** A wire without offloads: segments are joined on the way in, as Linux does for a card. */
  readonly features = NetifF.GRO;
  readonly vnetHdrLen = 0;

  private readonly frameBytes: number;
  private readonly queue: FrameQueue;
  private readonly places: Buffer[] = [];
  private socket: Socket | undefined;
  private rings: PortRings | undefined;
  private notify!: PortNotify;
  private connected = false;
  private blocked = false;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;
  /** The code told last, so that a retry that fails alike is not told again. */
  private failure = '';

  constructor(
    private readonly local: UdpEndpoint,
    private readonly remote: UdpEndpoint,
    options: UdpWireOptions = {},
  ) {
    this.name = `udp:${endpointText(local)}-${endpointText(remote)}`;
    this.mac = options.mac ?? randomMac();
    this.mtu = options.mtu ?? 1500;
    this.frameBytes = this.mtu + ETH_HEADER_MAX;
    this.queue = new FrameQueue(options.queueFrames ?? 1024, this.frameBytes, () => this.notify.readable());
  }

  /** The local port in use once the link is up: of interest when 0 was asked for. */
  get boundPort(): number | undefined {
    return this.connected ? this.socket?.address().port : undefined;
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.queue.rings = rings;
    this.notify = notify;
    for (let i = 0; i < TX_IN_FLIGHT; i++) this.places.push(Buffer.allocUnsafeSlow(this.frameBytes));
    this.start();
  }

  rxBurst(max: number): number {
    return this.queue.rxBurst(max);
  }

  txBurst(): number {
    const rings = this.rings!;
    const socket = this.socket;
    const waiting = rings.txReady();
    if (waiting === 0) return 0;
    if (!this.connected || socket === undefined) {
      this.blocked = true;
      return 0;
    }
    let done = 0;
    let sent = 0;
    for (; done < waiting; done++) {
      const place = this.places.pop();
      if (place === undefined) {
        this.blocked = true;
        break;
      }
      const length = rings.peekTx(rings.txDesc(done), place);
      if (length < 0) {
        rings.addTxErrors(1);
        this.places.push(place);
        continue;
      }
      socket.send(place, 0, length, (error) => this.done(place, error));
      sent++;
    }
    rings.txAdvance(done);
    return sent;
  }

  arm(): void {
    this.queue.arm();
  }

  disarm(): void {
    this.queue.disarm();
  }

  close(): Promise<void> {
    this.closed = true;
    this.connected = false;
    this.queue.close();
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = undefined;
    if (socket === undefined) return Promise.resolve();
    return new Promise((resolve) => closeSocket(socket, resolve));
  }

  private start(): void {
    const socket = createSocket({
      type: isIP(this.local.address) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: SOCKET_BUFFER_BYTES,
      sendBufferSize: SOCKET_BUFFER_BYTES,
      lookup: (address, _options, done) => done(null, address, isIP(address)),
    });
    this.socket = socket;
    socket.on('message', (datagram) => this.queue.push(datagram));
    socket.on('error', (error) => {
      if (this.socket === socket) this.failed(error);
    });
    socket.on('connect', () => this.connect());
    socket.bind(this.local.port, this.local.address, () => {
      if (this.closed) return;
      socket.connect(this.remote.port, this.remote.address, (error?: Error) => {
        if (error && this.socket === socket) this.failed(error);
      });
    });
  }

  private connect(): void {
    if (this.closed) return;
    this.connected = true;
    this.failure = '';
    this.notify.state(true);
    if (this.blocked) this.unblock();
  }

  private done(place: Buffer, error: Error | null): void {
    this.places.push(place);
    // ECONNREFUSED: the peer is not there yet. A wire does not know; it loses the frame.
    if (error) this.rings?.addTxErrors(1);
    if (this.blocked && this.places.length > TX_IN_FLIGHT / 2) this.unblock();
  }

  private unblock(): void {
    if (this.closed) return;
    this.blocked = false;
    this.notify.writable();
  }

  private failed(error: NodeJS.ErrnoException): void {
    if (this.closed) return;
    if (this.connected) {
      this.rings?.addRxErrors(1);
      return;
    }
    // The address may come, or the port become free: again with a new socket.
    const socket = this.socket;
    this.socket = undefined;
    if (socket !== undefined) closeSocket(socket);
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.start();
    }, RETRY_MS);
    this.retry.unref();
    const code = error.code ?? 'EIO';
    if (this.failure === code) return;
    this.failure = code;
    const advice = code === 'EADDRINUSE' ? '; another program has this port, port 0 takes a free one' : '';
    const why = `${this.name}: the socket cannot be had: ${error.message}${advice}`;
    this.notify.state(false, new NetError(code, why, { cause: error }));
  }
}

/** Also a socket that failed to bind, and is closed already. */
function closeSocket(socket: Socket, done: () => void = () => {}): void {
  try {
    socket.close(done);
  } catch {
    done();
  }
}

export function endpointText({ address, port }: UdpEndpoint): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
