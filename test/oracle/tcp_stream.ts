/**
 * Segments of TCP connections between two hosts, as they come and as they should not: a seeded conversation whose
 * ends now and then lie, repeat themselves, answer out of their windows or reset.
 */
import type { Random } from '../random.js';
import {
  ACK,
  FIN,
  ip4,
  ip6,
  LAN_HOST,
  LAN_HOST6,
  pattern,
  PSH,
  RST,
  SYN,
  tcp,
  u8,
  WAN_HOST,
  WAN_HOST6,
} from './packet.js';
import { lan, type Step, wan } from './router.js';

interface End {
  next: number;
  /** Highest of the other's numbers that it has seen. */
  acked: number;
  window: number;
}

export interface TcpStreamOptions {
  family: 4 | 6;
  sport: number;
  dport: number;
  /** One segment in so many is not what a host would send. */
  mischief: number;
}

const WSCALE = u8(3, 3, 7, 1);
const SACK_PERM = u8(4, 2, 1, 1);

/** An odd distance from where a number should be. */
function off(random: Random): number {
  return random.pick([1, -1, 100, -100, 65_000, -65_000, 70_000, -70_000, 1_000_000, -1_000_000, 0x7fffffff]);
}

export class TcpStream {
  private readonly ends: [End, End];
  private readonly log: string[] = [];
  private step = 0;

  constructor(
    private readonly random: Random,
    private readonly options: TcpStreamOptions,
  ) {
    const end = (): End => ({ next: random.u32(), acked: 0, window: random.pick([1, 1000, 29200, 65535]) });
    this.ends = [end(), end()];
  }

  /** What happened so far, a line a segment. */
  get story(): string {
    return this.log.join('\n');
  }

  private segment(
    side: 0 | 1,
    flags: number,
    length: number,
    more: { seq?: number; ack?: number; window?: number } = {},
  ): Step {
    const self = this.ends[side];
    const { family, sport, dport } = this.options;
    const seq = (more.seq ?? self.next) >>> 0;
    const ack = (more.ack ?? ((flags & ACK) !== 0 ? self.acked : 0)) >>> 0;
    const window = more.window ?? self.window;
    const options =
      (flags & SYN) === 0 ? u8() : this.random.pick([u8(), WSCALE, SACK_PERM, u8(...WSCALE, ...SACK_PERM)]);
    const ports = side === 0 ? { sport, dport } : { sport: dport, dport: sport };
    const part = tcp({ ...ports, seq, ack, flags, window, options }, pattern(length));
    const [a, b] = family === 4 ? [LAN_HOST, WAN_HOST] : [LAN_HOST6, WAN_HOST6];
    const ends = side === 0 ? { src: a, dst: b } : { src: b, dst: a };
    const packet = family === 4 ? ip4({ id: ++this.step, ...ends }, part) : ip6(ends, part);
    this.log.push(
      `${side === 0 ? '>' : '<'} ${sport} flags ${flags} seq ${seq} ack ${ack} win ${window} len ${length}`,
    );
    return side === 0 ? lan(packet) : wan(packet);
  }

  private advance(side: 0 | 1, n: number): void {
    this.ends[side].next = (this.ends[side].next + n) >>> 0;
  }

  /** The next segment. */
  next(): Step {
    const { random } = this;
    if (random.once(this.options.mischief)) return this.mischief();
    const side = random.below(2) as 0 | 1;
    const other = (1 - side) as 0 | 1;
    const self = this.ends[side];
    const peer = this.ends[other];
    const begun = this.log.length;
    if (begun === 0) {
      const step = this.segment(0, SYN, 0);
      this.advance(0, 1);
      return step;
    }
    if (begun === 1) {
      this.ends[1].acked = this.ends[0].next;
      const step = this.segment(1, SYN | ACK, 0);
      this.advance(1, 1);
      return step;
    }
    self.acked = random.once(4) ? self.acked : peer.next;
    if (random.once(12)) {
      const step = this.segment(side, FIN | ACK, 0);
      this.advance(side, 1);
      return step;
    }
    if (random.once(25)) return this.segment(side, RST | (random.once(2) ? ACK : 0), 0);
    if (random.once(20)) return this.segment(0, SYN, 0, { seq: random.u32() });
    const length = random.pick([0, 0, 1, 100, 1400]);
    if (random.once(6)) return this.segment(side, ACK, length, { seq: self.next - length });
    const step = this.segment(side, length === 0 ? ACK : ACK | PSH, length);
    this.advance(side, length);
    return step;
  }

  private mischief(): Step {
    const { random } = this;
    const side = random.below(2) as 0 | 1;
    const self = this.ends[side];
    const flags = random.pick([
      0,
      FIN,
      SYN,
      RST,
      ACK,
      SYN | ACK,
      FIN | ACK,
      RST | ACK,
      SYN | FIN,
      SYN | RST,
      ACK | 32,
      SYN | 32,
      63,
      PSH,
      32,
    ]);
    return this.segment(side, flags, random.pick([0, 0, 10, 1000]), {
      seq: random.once(2) ? self.next : self.next + off(random),
      ack: random.once(2) ? self.acked : random.once(3) ? random.u32() : self.acked + off(random),
      window: random.pick([0, 1, self.window, 65535]),
    });
  }
}
