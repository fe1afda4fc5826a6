/**
 * Our router between two hosts of the guest's kernel, with a USB adapter as its WAN port:
 *
 *     LAN host ── TAP ── router ── libusb ═══ gadget, or QEMU's usb-net ── WAN host
 *
 * The adapter is plugged in before the router starts, and Linux's own driver has it by then, as on a user's machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Gadget, type EthernetClass } from '../../hil/usb/gadget.js';
import { type Peer, Qmp, UsbNet } from '../../hil/usb/qmp.js';
import { netInterfacesOf, until } from '../../hil/usb/sysfs.js';
import { Lab, WAN } from '../kernel/kernel_lab.js';

const LOOK_MS = 20;
const PATIENCE_MS = 30_000;

export interface Adapter {
  readonly name: string;
  /** As in router.yaml. */
  readonly spec: string;
  /** Resolves when the bus has it. */
  plug(): Promise<string>;
  /** At once. */
  plugNow(): void | Promise<void>;
  unplug(): void | Promise<void>;
  readonly device: string | undefined;
  moveTo(netns: string, name: string): void | Promise<void>;
  close(): Promise<void>;
}

export function gadgetAdapter(kind: EthernetClass): Adapter {
  const gadget = new Gadget({ kind, deviceMac: WAN.hostMac, hostMac: WAN.routerMac });
  return {
    name: kind,
    spec: `usb:${gadget.id}`,
    plug: () => gadget.plug(),
    plugNow: () => gadget.plugNow(),
    unplug: () => gadget.unplug(),
    get device() {
      return gadget.device;
    },
    moveTo: (netns, name) => gadget.moveTo(netns, name),
    async close() {
      gadget.remove();
      await gone(this);
    },
  };
}

/** QEMU's adapter in its configuration 1 (ECM) or 2 (RNDIS). */
export async function usbNetAdapter(configuration: 1 | 2): Promise<Adapter> {
  const qmp = await Qmp.open();
  const adapter = new UsbNet(qmp, WAN.routerMac);
  let peer: Peer | undefined;
  const made: Adapter = {
    name: `usb-net, configuration ${configuration}`,
    spec: `usb:${adapter.id}@${configuration}`,
    plug: () => adapter.plug(),
    plugNow: () => adapter.plugNow(),
    unplug: () => adapter.unplug(),
    get device() {
      return adapter.device;
    },
    moveTo(netns, name) {
      peer = UsbNet.movePeer(netns, name);
    },
    async close() {
      if (adapter.device !== undefined) await adapter.unplug();
      await gone(made);
      peer?.comeBack();
      qmp.close();
    },
  };
  return made;
}

async function gone(adapter: Adapter): Promise<void> {
  await until(`${adapter.name} gone`, () => (adapter.device === undefined ? true : undefined));
}

export class UsbLab {
  private current: Adapter | undefined;

  private constructor(readonly lab: Lab) {}

  static async start(): Promise<UsbLab> {
    return new UsbLab(await Lab.start({ wanPorts: true }));
  }

  get adapter(): Adapter {
    return this.current!;
  }

  /** Makes the adapter the router's WAN port. */
  async use(adapter: Adapter): Promise<void> {
    this.current = adapter;
    const device = await adapter.plug();
    await until("Linux's driver", () => netInterfacesOf(device)[0]);
    await this.lab.addWanPort(adapter);
    // Emulated, a burst of fragments takes longer than fq_codel lets packets wait: it would drop them.
    const { wan } = this.lab;
    await wan.run('tc', 'qdisc', 'replace', 'dev', wan.device, 'root', 'pfifo', 'limit', '1000');
    await this.up();
  }

  /** Waits for the link of the port. */
  async up(wanted = true, ms = PATIENCE_MS): Promise<void> {
    const end = performance.now() + ms;
    for (;;) {
      const { carrier } = await this.lab.router.call('link', 'wan0');
      if (carrier === wanted) return;
      if (performance.now() > end) throw new Error(`wan0 is not ${wanted ? 'up' : 'down'} after ${ms} ms`);
      await delay(LOOK_MS);
    }
  }

  /** The port ends; Linux's driver has the adapter again. */
  async leave(): Promise<void> {
    await this.lab.removeWanPort();
    const { device } = this.adapter;
    if (device !== undefined) await until("Linux's driver again", () => netInterfacesOf(device)[0]);
  }

  /** Whatever state it is in. */
  async drop(): Promise<void> {
    await this.lab.removeWanPort().catch(() => {}); // it may never have come to be
    await this.current?.close();
    this.current = undefined;
  }

  async close(): Promise<void> {
    await this.drop();
    await this.lab.close();
  }
}
