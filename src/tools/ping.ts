/**
 * ping(8) from a namespace of the core, over its raw sockets:
 *
 *   const pinger = await Pinger.open(namespace);
 *   const result = await pinger.ping('192.0.2.1', { size: 1000, dontFragment: true });
 *   if (result.kind === 'reply') console.log(result.rttMs);
 *   await pinger.close();
 *
 * `ping(namespace, to)` is one of them alone. With a virtual clock, send first, run the stack, then await.
 */
import { randomInt } from 'node:crypto';
import { formatIp } from '../config/ip_address.js';
import type { CoreDelivery } from '../core/core.js';
import { NetError } from '../net_error.js';
import { AF_INET, AF_INET6, type AddressFamily, address } from '../net/ip.js';
import type { Namespace } from '../net/namespace.js';
import { emitEcho, errorText, readEchoAnswer } from './icmp_echo.js';

export interface PingOptions {
  /** Bytes behind the ICMP header. Default: 56. */
  size?: number;
  /** TTL or hop limit. Default: 64. */
  ttl?: number;
  /** IPv4: sets DF. IPv6 routers never fragment. Default: false. */
  dontFragment?: boolean;
  /** Default: 1000. */
  timeoutMs?: number;
  /** Only by this device (ifindex). */
  oif?: number;
}

export type PingResult =
  | { kind: 'reply'; from: string; type: number; code: number; ttl: number; bytes: number; rttMs: number }
  /** Somebody on the way says why not; `text` in words, `mtu` when the packet was too big for what follows. */
  | { kind: 'error'; from: string; type: number; code: number; text: string; mtu?: number; rttMs: number }
  /** It could not be sent: Linux's errno name. */
  | { kind: 'refused'; code: string; text: string }
  | { kind: 'timeout' };

interface Waiting {
  readonly sentMs: number;
  readonly end: (result: PingResult) => void;
}

const SIZE_MAX = 65535 - 28;
const PROTOCOL = { [AF_INET]: 1, [AF_INET6]: 58 } as const;

export class Pinger {
  private readonly waiting = new Map<number, Waiting>();
  private readonly id = randomInt(1, 0x10000);
  private readonly stops: (() => Promise<void>)[] = [];
  private seq = 0;

  private constructor(
    private readonly namespace: Namespace,
    private readonly nowMs: () => number,
  ) {}

  /** `nowMs`: what round trips are measured with. Default: the machine's clock. */
  static async open(namespace: Namespace, nowMs: () => number = () => performance.now()): Promise<Pinger> {
    const pinger = new Pinger(namespace, nowMs);
    for (const family of [AF_INET, AF_INET6] as const) {
      const receive = (packet: Uint8Array, { transport }: CoreDelivery) => {
        pinger.receive(family, packet, transport);
      };
      pinger.stops.push(await namespace.rawSocket(family, PROTOCOL[family], receive));
    }
    return pinger;
  }

  async ping(to: string, options: PingOptions = {}): Promise<PingResult> {
    const { family, bytes } = address(to);
    const { size = 56, ttl = 64, dontFragment = false, timeoutMs = 1000, oif = 0 } = options;
    if (!Number.isInteger(size) || size < 0 || size > SIZE_MAX) {
      throw new NetError('EMSGSIZE', `${size} bytes cannot be pinged; 0 to ${SIZE_MAX} can`);
    }
    this.seq = (this.seq + 1) & 0xffff;
    const { seq, id } = this;
    let end: (result: PingResult) => void = () => {};
    const answer = new Promise<PingResult>((resolve) => {
      end = resolve;
    });
    // Waits before it is sent: the answer of a local address may come within send().
    this.waiting.set(seq, { sentMs: this.nowMs(), end });
    const timer = setTimeout(() => end({ kind: 'timeout' }), timeoutMs);
    try {
      const source = await this.sourceFor(to, family, oif);
      const packet = emitEcho({ family, source, to: bytes, id, seq, size, ttl, dontFragment });
      await this.namespace.send(family, packet, oif);
      return await answer;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return { kind: 'refused', code: error.code, text: error.message };
    } finally {
      clearTimeout(timer);
      this.waiting.delete(seq);
    }
  }

  async close(): Promise<void> {
    for (const { end } of this.waiting.values()) end({ kind: 'timeout' });
    for (const stop of this.stops.splice(0)) await stop();
  }

  /** ICMPv6 sums over the source address; for IPv4 the core fills it in. */
  private async sourceFor(to: string, family: AddressFamily, oif: number): Promise<Uint8Array> {
    if (family === AF_INET) return new Uint8Array(4);
    const { src } = await this.namespace.routeGet(to, { oif });
    if (src === undefined) throw new NetError('EADDRNOTAVAIL', `no address of ours reaches ${to}`);
    return address(src).bytes;
  }

  private receive(family: AddressFamily, packet: Uint8Array, transport: number): void {
    const answer = readEchoAnswer(family, packet, transport);
    if (answer === null || answer.id !== this.id) return;
    const waiting = this.waiting.get(answer.seq);
    if (waiting === undefined) return;
    const { type, code, reply, mtu } = answer;
    const from = formatIp(answer.from);
    const rttMs = this.nowMs() - waiting.sentMs;
    if (reply !== undefined) waiting.end({ kind: 'reply', from, type, code, ...reply, rttMs });
    else {
      const text = errorText(family, type, code);
      waiting.end({ kind: 'error', from, type, code, text, rttMs, ...(mtu !== undefined && { mtu }) });
    }
  }
}

export async function ping(namespace: Namespace, to: string, options: PingOptions = {}): Promise<PingResult> {
  const pinger = await Pinger.open(namespace);
  try {
    return await pinger.ping(to, options);
  } finally {
    await pinger.close();
  }
}
