/**
 * A board that is a QEMU of ours. Its serial line and its control channel (QMP) are socket pairs that the child
 * inherits, so there is no name for them anywhere; setpriv makes the kernel end it when this process dies, however.
 * QEMU's SiFive UART throws bytes away that a socket does not take at once, and a socket pair takes few single bytes:
 * that board's line is a TCP connection.
 *
 *   virtual board ── serial (fd 3) ── the link          Ethernet ── TAP, UDP or QEMU's own network
 *                 ── QMP (fd 4) ── reset, stop, cont
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NetError } from '../../net_error.js';
import type { BoardNet } from './serial_spec.js';

const SERIAL_FD = 3;
const QMP_FD = 4;
const END_MS = 3000;
const COMPLAINT_BYTES = 2000;

/** Commands, and the event by which QEMU says that it was done. */
const EVENTS = { system_reset: 'RESET', stop: 'STOP', cont: 'RESUME' } as const;

interface Machine {
  readonly args: readonly string[];
  /** The arguments of network `n`, its backend being named `net${n}`. */
  nic(n: number): readonly string[];
  /** Networks at most. */
  readonly nics: number;
  /** The line is a TCP connection instead of a socket pair. */
  readonly tcp?: boolean;
}

const macOf = (n: number): string => `52:54:00:57:57:0${n}`;

const virt = (cpu: string): Machine => ({
  args: ['-M', 'virt', '-cpu', cpu, '-smp', '1', '-m', '32M'],
  nic: (n) => ['-device', `virtio-net-device,netdev=net${n},mac=${macOf(n)}`],
  nics: 2,
});

const MACHINES: Readonly<Record<string, { command: string; machine: Machine }>> = {
  virt64: { command: 'qemu-system-riscv64', machine: virt('rv64') },
  virt32: { command: 'qemu-system-riscv32', machine: virt('rv32') },
  sifive_u: {
    command: 'qemu-system-riscv64',
    machine: {
      args: ['-M', 'sifive_u', '-smp', '2', '-m', '128M'],
      nic: (n) => ['-net', `nic,netdev=net${n},model=cadence_gem,macaddr=${macOf(n)}`],
      nics: 1,
      tcp: true,
    },
  },
};

/** Where `npm run firmware` put the image: beside the bundle, or in build/ when run from source. */
function imageOf(board: string): string {
  const places = [
    `./firmware/${board}.elf`,
    `../firmware/${board}.elf`,
    `../../../build/firmware/${board}.elf`,
  ];
  for (const place of places) {
    const path = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new NetError('ENOENT', `the firmware of ${board} is not built: run npm run firmware`);
}

function netdev(net: BoardNet, n: number): string {
  switch (net.kind) {
    case 'user':
      return `user,id=net${n}`;
    case 'tap':
      return `tap,id=net${n},ifname=${net.ifName},script=no,downscript=no`;
    case 'udp': {
      const end = (side: string, text: string): string => {
        const [host, port] = text.split(':');
        return `${side}.type=inet,${side}.host=${host},${side}.port=${port}`;
      };
      return `dgram,id=net${n},${end('local', net.local)},${end('remote', net.remote)}`;
    }
  }
}

export interface VirtualBoardOptions {
  readonly board: string;
  readonly nets: readonly BoardNet[];
  /** virtio: the version 1 interface instead of the legacy one. */
  readonly modern?: boolean;
  /** Its clock counts instructions, one a nanosecond: what it does takes the same number of them every time. */
  readonly counted?: boolean;
}

/** The command that runs it; `tcpPort` is where its serial line connects to, if that is TCP. */
function virtualBoardCommand(
  { board, nets, modern = false, counted = false }: VirtualBoardOptions,
  tcpPort?: number,
): string[] {
  const { command, machine } = MACHINES[board]!;
  if (nets.length > machine.nics) {
    throw new NetError(
      'EINVAL',
      `${board} has no more than ${machine.nics} Ethernet port(s), not ${nets.length}`,
    );
  }
  const line = tcpPort === undefined ? `fd=${SERIAL_FD}` : `host=127.0.0.1,port=${tcpPort},nodelay=on`;
  return [
    command,
    ...machine.args,
    ...['-bios', 'none', '-kernel', imageOf(board)],
    ...['-display', 'none', '-nodefaults', '-no-user-config'],
    ...['-chardev', `socket,id=serial,${line}`, '-serial', 'chardev:serial'],
    ...['-chardev', `socket,id=control,fd=${QMP_FD}`, '-mon', 'chardev=control,mode=control'],
    ...(counted ? ['-icount', 'shift=0'] : []),
    ...(modern ? ['-global', 'virtio-mmio.force-legacy=false'] : []),
    ...nets.flatMap((net, n) => ['-netdev', netdev(net, n), ...machine.nic(n)]),
  ];
}

export class VirtualBoard {
  /** The serial line. */
  serial: Duplex;
  /** How it ended, for an error message. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private readonly qmp: Duplex;
  private complaint = '';
  private negotiated = false;
  private readonly awaited: { event: string; resolve(): void }[] = [];

  /** Starts it. Rejects with a NetError when there is no image for it, or QEMU does not come up. */
  static async start(options: VirtualBoardOptions): Promise<VirtualBoard> {
    if (MACHINES[options.board]?.machine.tcp !== true) return new VirtualBoard(virtualBoardCommand(options));
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket]>;
    let board: VirtualBoard;
    try {
      board = new VirtualBoard(virtualBoardCommand(options, (server.address() as AddressInfo).port));
    } catch (error) {
      server.close();
      throw error;
    }
    const how = await Promise.race([connected, board.exited]);
    server.close();
    if (typeof how === 'string') throw new NetError('EIO', `the virtual board ended: ${how}`);
    board.serial = how[0];
    return board;
  }

  private constructor([command, ...args]: readonly string[]) {
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command!, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(-COMPLAINT_BYTES);
    });
    this.serial = this.child.stdio[SERIAL_FD] as Duplex;
    this.qmp = this.child.stdio[QMP_FD] as Duplex;
    this.qmp.on('error', () => {}); // it has gone, which `exited` says
    createInterface({ input: this.qmp }).on('line', (line) => this.told(line));
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('close', (code, signal) => {
        const missing = code === 127 ? ' (apt-get install qemu-system-misc, or npm run setup)' : '';
        resolve(`${this.complaint.trim() || signal || `exit code ${code}`}${missing}`);
      });
    });
  }

  /** QEMU's `system_reset`, `stop`, `cont`. Resolves when it has happened; also when QEMU ends before. */
  control(command: keyof typeof EVENTS): Promise<void> {
    if (!this.negotiated) this.qmp.write('{"execute":"qmp_capabilities"}\n');
    this.negotiated = true;
    const done = new Promise<void>((resolve) => this.awaited.push({ event: EVENTS[command], resolve }));
    this.qmp.write(`{"execute":"${command}"}\n`);
    return Promise.race([done, this.exited.then(() => {})]);
  }

  private told(line: string): void {
    const event = /"event": *"([A-Z_]+)"/.exec(line)?.[1];
    const at = this.awaited.findIndex((one) => one.event === event);
    if (at >= 0) this.awaited.splice(at, 1)[0]!.resolve();
  }

  /** At once, as when somebody pulls the plug. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), END_MS);
    await this.exited;
    clearTimeout(late);
    this.serial.destroy();
    this.qmp.destroy();
  }
}
