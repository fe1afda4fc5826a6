/** The driver of a port whose rings the replay module works: it only says that the link is there. */
import type { Driver, PortNotify, PortRings } from '../drivers/driver.js';

export class SilentPort implements Driver {
  readonly kind = 'replay';
  readonly features = 0;
  readonly vnetHdrLen = 0;

  constructor(readonly name: string) {}

  attach(_rings: PortRings, notify: PortNotify): void {
    notify.state(true);
  }

  rxBurst(): number {
    return 0;
  }

  txBurst(): number {
    return 0;
  }

  arm(): void {}
  disarm(): void {}
  async close(): Promise<void> {}
}
