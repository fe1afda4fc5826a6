/** A board in core mode between two neighbours in a core of this process (test/board/core.test.ts has the picture). No root. */
import type { BoardTrap } from '../../src/drivers/serial/link_messages.js';
import { UdpWireDriver } from '../../src/drivers/udp_wire.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { RemoteStack, type RemoteStackOptions } from '../../src/remote_stack.js';
import { createStack, type Stack } from '../../src/stack.js';
import { freeUdpPort } from './board_lab.js';

const wire = (near: number, far: number): UdpWireDriver =>
  new UdpWireDriver({ address: '127.0.0.1', port: near }, { address: '127.0.0.1', port: far });

export class CoreLab {
  private constructor(
    readonly local: Stack,
    readonly stack: RemoteStack,
    readonly router: Namespace,
    readonly eth0: Link,
    readonly eth1: Link,
    readonly a: Namespace,
    readonly b: Namespace,
    readonly traps: BoardTrap[],
  ) {}

  /** `board`: 'serial:qemu:virt64'; it gets its Ethernets here. With one, b is at a port of this machine, over the line. */
  static async start(board: string, ports: 1 | 2, options: RemoteStackOptions = {}): Promise<CoreLab> {
    const wires = await Promise.all(
      Array.from({ length: ports }, async () => [await freeUdpPort(), await freeUdpPort()] as const),
    );
    const nets = wires.map(([near, far]) => `udp:127.0.0.1:${near}-127.0.0.1:${far}`).join('+');
    const line = [await freeUdpPort(), await freeUdpPort()] as const;
    const traps: BoardTrap[] = [];
    const stack = await RemoteStack.open(`${board.replace('serial:', '')}@${nets}`, {
      trap: (trap) => traps.push(trap),
      ...options,
    });
    const router = await stack.namespace('router');
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
    const eth0 = await stack.port(router, 0, { name: 'eth0' });
    const eth1 =
      ports === 2
        ? await stack.port(router, 1, { name: 'eth1' })
        : await stack.linePort(router, wire(line[0], line[1]), { name: 'eth1' });
    await eth0.addAddress('192.0.2.1/24');
    await eth0.addAddress('2001:db8:1::1/64');
    await eth1.addAddress('198.51.100.1/24');
    await eth1.addAddress('2001:db8:2::1/64');
    const local = await createStack();
    const neighbour = async (name: string, n: number, mine: string[], gateways: string[]) => {
      const namespace = await local.namespace(name);
      const [near, far] = wires[n] ?? line;
      const link = await local.port(namespace, wire(far, near), { name: 'wire' });
      for (const address of mine) await link.addAddress(address);
      for (const via of gateways)
        await namespace.addRoute({ to: via.includes(':') ? '::/0' : '0.0.0.0/0', via });
      return namespace;
    };
    const a = await neighbour('a', 0, ['192.0.2.2/24', '2001:db8:1::2/64'], ['192.0.2.1', '2001:db8:1::1']);
    const b = await neighbour(
      'b',
      1,
      ['198.51.100.2/24', '2001:db8:2::2/64'],
      ['198.51.100.1', '2001:db8:2::1'],
    );
    return new CoreLab(local, stack, router, eth0, eth1, a, b, traps);
  }

  async close(): Promise<void> {
    await this.stack.close();
    await this.local.close();
  }
}
