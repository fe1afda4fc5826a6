/** Middleware: says every frame that passes, one line each. */
import type { Direction } from './capture.js';
import type { Driver } from './driver.js';
import { frameText } from './frame_text.js';
import { Observer, wallClock } from './middleware.js';

export interface TracerOptions {
  /** Milliseconds since 1970. Default: the machine's clock. */
  clock?: () => number;
}

const GSO_TYPE = 1;
const GSO_SIZE = 4;

/** '12:00:00.123 rx tap:ww0 98 02:00:.. > 02:00:.. IPv4 10.0.0.1 > 10.0.0.2 ICMP 8/0' */
export class Tracer extends Observer {
  private readonly clock: () => number;

  constructor(
    inner: Driver,
    private readonly line: (text: string) => void,
    options: TracerOptions = {},
  ) {
    super(inner);
    this.clock = options.clock ?? wallClock;
  }

  protected override seen(direction: Direction, frame: Uint8Array, vnetHdr: Uint8Array): void {
    const time = new Date(this.clock()).toISOString().slice(11, 23);
    const gso = vnetHdr[GSO_TYPE] ? ` gso ${vnetHdr[GSO_SIZE]! | (vnetHdr[GSO_SIZE + 1]! << 8)}` : '';
    this.line(`${time} ${direction} ${this.name} ${frame.length}${gso} ${frameText(frame)}`);
  }
}
