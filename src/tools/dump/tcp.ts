/** TCP and UDP as tcpdump prints them; sequence numbers count from the first of their connection on, but for -S. */
import { type Bytes, checksum, hex, Truncated } from './bytes.js';

export interface TransportContext {
  readonly source: string;
  readonly destination: string;
  /** Bytes of the transport header and all behind it, as the network header says. */
  readonly length: number;
  /** Sum of the pseudo-header. */
  readonly pseudo: number;
  readonly verbose: number;
  /** Of IPv4: its checksum may be left out, and is told with -vv only. */
  readonly v4: boolean;
  /** Not the whole datagram: nothing can be said of its checksum. */
  readonly isFragment: boolean;
}

const FLAGS: readonly (readonly [number, string])[] = [
  [0x01, 'F'],
  [0x02, 'S'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, '.'],
  [0x20, 'U'],
  [0x40, 'E'],
  [0x80, 'W'],
];
const FIN_SYN_RST = 0x07;
const SYN = 0x02;
const ACK = 0x10;
const URG = 0x20;
const CONNECTIONS_MAX = 65536;

export class TcpPrinter {
  private readonly connections = new Map<string, { seq: number; ack: number }>();

  constructor(private readonly absolute: boolean) {}

  print(tcp: Bytes, context: TransportContext): string {
    const { source, destination, length, verbose } = context;
    const [sport, dport] = [tcp.u16(0), tcp.u16(2)];
    const head = `${source}.${sport} > ${destination}.${dport}: `;
    try {
      return head + this.body(tcp, context, `${source}.${sport}`, `${destination}.${dport}`, length, verbose);
    } catch (error) {
      if (error instanceof Truncated) return `${head}[|tcp]`;
      throw error;
    }
  }

  private body(
    tcp: Bytes,
    context: TransportContext,
    from: string,
    to: string,
    length: number,
    verbose: number,
  ): string {
    const flags = tcp.u8(13);
    const header = (tcp.u8(12) >> 4) * 4;
    if (header < 20) return `tcp ${length - header} [bad hdr length ${header} - too short, < 20]`;
    if (header > length) return `tcp ${length - header} [bad hdr length ${header} - too long, > ${length}]`;
    const names = FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);
    const data = length - header;
    const { seq, ack } = this.relative(tcp.u32(4), tcp.u32(8), flags, from, to);
    let text = `Flags [${names.join('') || 'none'}]`;
    if (verbose > 0 && !context.isFragment && tcp.length >= length) {
      const sum = checksum(tcp, length, context.pseudo);
      const given = tcp.u16(16);
      text += `, cksum ${hex(given, 4)} (${sum === 0 ? 'correct' : `incorrect -> ${hex(rightSum(tcp, length, context.pseudo, 16), 4)}`})`;
    }
    if (verbose > 1 || data > 0 || flags & FIN_SYN_RST)
      text += `, seq ${seq}${data > 0 ? `:${(seq + data) >>> 0}` : ''}`;
    if (flags & ACK) text += `, ack ${ack}`;
    text += `, win ${tcp.u16(14)}`;
    if (flags & URG) text += `, urg ${tcp.u16(18)}`;
    if (header > 20) text += `, options [${tcpOptions(tcp.from(20, header - 20), header - 20)}]`;
    return `${text}, length ${data}`;
  }

  private relative(
    seq: number,
    ack: number,
    flags: number,
    from: string,
    to: string,
  ): { seq: number; ack: number } {
    if (this.absolute) return { seq, ack };
    const forward = from < to;
    const key = forward ? `${from} ${to}` : `${to} ${from}`;
    const known = this.connections.get(key);
    if (known === undefined || flags & SYN) {
      if (this.connections.size >= CONNECTIONS_MAX) this.connections.clear();
      const first = { seq, ack: (ack - 1) >>> 0 };
      // The answer to a SYN says both ends: what the other side sends counts from its own.
      this.connections.set(key, forward ? first : { seq: first.ack, ack: first.seq });
      return { seq, ack };
    }
    if (forward) return { seq: (seq - known.seq) >>> 0, ack: (ack - known.ack) >>> 0 };
    return { seq: (seq - known.ack) >>> 0, ack: (ack - known.seq) >>> 0 };
  }
}

/** The checksum at `at` that would be right. */
function rightSum(bytes: Bytes, length: number, pseudo: number, at: number): number {
  const given = bytes.u16(at);
  let sum = ~checksum(bytes, length, pseudo) & 0xffff;
  sum = (sum + (~given & 0xffff)) & 0x1ffff;
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function tcpOptions(options: Bytes, length: number): string {
  const words: string[] = [];
  for (let at = 0; at < length; ) {
    const kind = options.u8(at);
    if (kind === 0) {
      words.push('eol');
      break;
    }
    if (kind === 1) {
      words.push('nop');
      at++;
      continue;
    }
    const size = options.u8(at + 1);
    if (size < 2 || size > length - at) return `${words.join(',')}${words.length > 0 ? ',' : ''}[bad opt]`;
    words.push(tcpOption(options, at, kind, size));
    at += size;
  }
  return words.join(',');
}

function tcpOption(options: Bytes, at: number, kind: number, size: number): string {
  if (kind === 2 && size === 4) return `mss ${options.u16(at + 2)}`;
  if (kind === 3 && size === 3) return `wscale ${options.u8(at + 2)}`;
  if (kind === 4) return 'sackOK';
  if (kind === 5) {
    const blocks: string[] = [];
    for (let i = at + 2; i + 8 <= at + size; i += 8) blocks.push(`{${options.u32(i)}:${options.u32(i + 4)}}`);
    return `sack ${blocks.length} ${blocks.join('')}`;
  }
  if (kind === 8 && size === 10) return `TS val ${options.u32(at + 2)} ecr ${options.u32(at + 6)}`;
  const bytes = Buffer.from(options.slice(at + 2, size - 2)).toString('hex');
  return `unknown-${kind}${bytes === '' ? '' : ` 0x${bytes}`}`;
}

export function printUdp(udp: Bytes, context: TransportContext): string {
  const head = `${context.source}.${udp.u16(0)} > ${context.destination}.${udp.u16(2)}: `;
  if (udp.length < 6) return `${head}[|udp]`;
  const length = udp.u16(4);
  if (length < 8) return `${head}truncated-udplength ${length}`;
  let sum = '';
  if (context.verbose > (context.v4 ? 1 : 0) && !context.isFragment && udp.length >= 8) {
    const given = udp.u16(6);
    if (given === 0 && context.v4) sum = '[no cksum] ';
    else if (udp.length >= length && length <= context.length)
      sum =
        checksum(udp, length, context.pseudo) === 0
          ? '[udp sum ok] '
          : `[bad udp cksum ${hex(given, 4)} -> ${hex(rightSum(udp, length, context.pseudo, 6), 4)}!] `;
  }
  return `${head}${sum}UDP, length ${length - 8}`;
}
