/**
 * The foreign window: the part of linear memory above the core's own, where rings of the kernel and regions of peers
 * are mapped. Here is only who has which part of it; mapping is the drivers'.
 *
 *   0                     memoryBytes                                        + windowBytes
 *   ├─ the core's memory ──┼─ ring ─┼─ free ─┼─ region ─┼─ free ──────────────┤
 */
import { NetError } from '../net_error.js';

/** No machine has larger pages where Node runs. */
const ALIGN = 65536;

interface Region {
  readonly at: number;
  readonly bytes: number;
}

export class ForeignWindow {
  private regions: Region[] = [];

  constructor(
    private readonly begin: number,
    private readonly end: number,
  ) {}

  /** The first free place of `bytes`; NetError ENOMEM, naming `what`, when there is none. */
  alloc(bytes: number, what: string): number {
    const need = Math.ceil(bytes / ALIGN) * ALIGN;
    let at = Math.ceil(this.begin / ALIGN) * ALIGN;
    let index = 0;
    for (const region of this.regions) {
      if (region.at - at >= need) break;
      at = region.at + region.bytes;
      index++;
    }
    if (this.end - at < need) {
      const mb = (n: number) => `${Math.ceil(n / 2 ** 20)} MB`;
      const size = mb(this.end - this.begin);
      const advice = 'fewer such ports, or createStack({ sizes: { windowBytes } })';
      throw new NetError('ENOMEM', `${what} of ${mb(need)} does not fit the window of ${size}; ${advice}`);
    }
    this.regions.splice(index, 0, { at, bytes: need });
    return at;
  }

  free(at: number): void {
    this.regions = this.regions.filter((region) => region.at !== at);
  }
}
