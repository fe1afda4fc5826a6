/**
 * The way that a user's packets take when a board is a port of the router, between two hosts of the kernel (root):
 *
 *   near                    our router                         board                 far
 *   192.0.2.2 ──── TAP ──── .1 lan0     board0 .1 ── line ──── port mode ── Ethernet ── 198.51.100.2
 *   2001:db8:1::2           ::1                ::1                                      2001:db8:2::2
 *
 * A virtual board's Ethernet is a TAP that far has; a real one's is the interface of this machine that the rig names.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPort } from '../../src/drivers/open.js';
import { PcapWriterPort } from '../../src/drivers/pcap_writer.js';
import { SerialDriver } from '../../src/drivers/serial/serial_driver.js';
import { NetError } from '../../src/net_error.js';
import type { Link } from '../../src/net/link.js';
import { createStack, type Stack } from '../../src/stack.js';
import type { RigBoard } from '../rig/rig_config.js';
import type { Place } from '../rig/suite.js';
import { type HostPlan, KernelHost, ownInterface } from './kernel_host.js';
import { reach } from './reach.js';
import { SerialLog } from './serial_log.js';

export const NEAR: HostPlan = {
  name: 'near',
  addresses: ['192.0.2.2', '2001:db8:1::2'],
  gateways: ['192.0.2.1', '2001:db8:1::1'],
};
export const FAR: HostPlan = {
  name: 'far',
  addresses: ['198.51.100.2', '2001:db8:2::2'],
  gateways: ['198.51.100.1', '2001:db8:2::1'],
};
export const FAMILIES = [
  [4, 0],
  [6, 1],
] as const;

const CONNECT_MS = 10_000;
const UP_MS = 5000;
const FORWARDING = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];

type Closable = { close(): void | Promise<void> };

export class BoardNetwork {
  private constructor(
    readonly near: KernelHost,
    readonly far: KernelHost,
    readonly stack: Stack,
    readonly driver: SerialDriver,
    readonly boardLink: Link,
    /** In the order in which they were opened. */
    private readonly opened: Closable[],
  ) {}

  static async open({ board, folder }: Place): Promise<BoardNetwork> {
    const opened: Closable[] = [];
    const keep = <T extends Closable>(what: T): T => {
      opened.push(what);
      return what;
    };
    try {
      const near = keep(new KernelHost(NEAR));
      const far = keep(new KernelHost(FAR));
      const tap = ownInterface('b');
      const line = keep(await reach(board.line, { kind: 'tap', ifName: tap }));
      const log = keep(new SerialLog(join(folder, 'serial.log')));
      const stack = keep(await createStack());
      const router = await stack.namespace('router');
      for (const name of FORWARDING) await router.setSysctl(name, 1);

      const lanTap = ownInterface('l');
      const lan = new PcapWriterPort(
        openPort(`tap:${lanTap}`, { offloads: false }),
        join(folder, 'lan0.pcapng'),
      );
      const lanLink = await stack.port(router, lan, { name: 'lan0' });
      near.adopt(lanTap);

      const driver = openPort(line.spec);
      if (!(driver instanceof SerialDriver)) throw new Error(`${line.spec} is no serial port`);
      log.follow(driver.link);
      const boardPort = new PcapWriterPort(driver, join(folder, 'board0.pcapng'));
      const boardLink = await stack.port(router, boardPort, { name: 'board0' });
      await addresses(lanLink, NEAR);
      await addresses(boardLink, FAR);
      await driver.link.connected(CONNECT_MS);
      far.adopt(ethernetOf(board) ?? tap, ethernetOf(board) !== undefined);
      await running(boardLink);
      opened.push({ close: () => log.counters(driver.link) });
      return new BoardNetwork(near, far, stack, driver, boardLink, opened);
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
  }

  close(): Promise<void> {
    return closeAll(this.opened);
  }
}

const ethernetOf = (board: RigBoard): string | undefined =>
  board.line.kind === 'real' ? board.ethernet : undefined;

async function addresses(link: Link, { gateways }: HostPlan): Promise<void> {
  await link.addAddress('fe80::1/64', { nodad: true });
  await link.addAddress(`${gateways[0]}/24`);
  await link.addAddress(`${gateways[1]}/64`, { nodad: true });
}

async function running(link: Link): Promise<void> {
  const end = performance.now() + UP_MS;
  while (!(await link.info()).carrier) {
    if (performance.now() > end) throw new NetError('ENETDOWN', "the board's Ethernet has no link");
    await sleep(20);
  }
}

/** The last one first; all of them, whatever one says. */
async function closeAll(opened: readonly Closable[]): Promise<void> {
  const failures: unknown[] = [];
  for (const what of [...opened].reverse()) {
    try {
      await what.close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
