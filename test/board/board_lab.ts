/**
 * A router with a port on a board, and the neighbour at the board's Ethernet. No root: the Ethernet is UDP.
 *
 *   a: 192.0.2.1 ── serial ── board ── Ethernet (UDP) ── b: 192.0.2.2
 *      2001:db8::1                                          2001:db8::2
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { UdpWireDriver } from '../../src/drivers/udp_wire.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { openPort } from '../../src/drivers/open.js';
import { SerialDriver } from '../../src/drivers/serial/serial_driver.js';

/** A UDP port of this machine that was free a moment ago. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

export class BoardLab {
  private constructor(
    readonly stack: Stack,
    readonly a: Namespace,
    readonly b: Namespace,
    readonly driver: SerialDriver,
    /** Up and down of the board's port, as the router was told. */
    readonly states: string[],
  ) {}

  /** `line` gives the board's port by its Ethernet: 'serial:qemu:virt64@ETHERNET', or an open driver's spec. */
  static async start(line: (ethernet: string) => string | Promise<string>): Promise<BoardLab> {
    const board = await freeUdpPort();
    const peer = await freeUdpPort();
    const stack = await createStack();
    const a = await stack.namespace('a');
    const b = await stack.namespace('b');
    const states: string[] = [];
    const driver = openPort(await line(`udp:127.0.0.1:${board}-127.0.0.1:${peer}`));
    if (!(driver instanceof SerialDriver)) throw new Error(`${driver.name} is no serial port`);
    const left = await stack.port(a, driver, {
      name: 'board0',
      onState: ({ up, why }) => states.push(up ? 'up' : (why?.code ?? 'down')),
    });
    const wire = new UdpWireDriver(
      { address: '127.0.0.1', port: peer },
      { address: '127.0.0.1', port: board },
    );
    const right = await stack.port(b, wire, { name: 'wire0' });
    await left.addAddress('192.0.2.1/24');
    await left.addAddress('2001:db8::1/64');
    await right.addAddress('192.0.2.2/24');
    await right.addAddress('2001:db8::2/64');
    return new BoardLab(stack, a, b, driver, states);
  }

  close(): Promise<void> {
    return this.stack.close();
  }
}
