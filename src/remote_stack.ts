/**
 * RemoteStack: the namespaces, links and ports of a core on a board, as Stack is of one in this process.
 *
 *   RemoteStack ─► RemoteCore ─► serial line ─► the board's core
 *     ├─► Namespace, Link (src/net): the same code as for a local core
 *     ├─► ports: `board:0`, the Ethernet of the board; the board moves their frames
 *     └─► ports of the line: a driver of this machine, whose frames go over the line (remote/line_port)
 */
import { LINK_LINE_PORT, LINK_LINE_PORTS } from '../assembly/abi/link.js';
import { MsgType, NetRec } from '../assembly/abi/request.js';
import type { PortState } from './core/core.js';
import type { Driver } from './drivers/driver.js';
import { randomMac } from './drivers/mac.js';
import { LinePort } from './remote/line_port.js';
import { RemoteCore, type RemoteCoreOptions } from './remote/remote_core.js';
import type { BoardPort } from './drivers/serial/link_messages.js';
import { parseSerial } from './drivers/serial/serial_spec.js';
import { Link } from './net/link.js';
import { Namespace } from './net/namespace.js';
import { NetError } from './net_error.js';

const RING_ENTRIES_MAX = 64;
const MTU = 1500;
const PORTS_MS = 3000;

export interface RemoteStackOptions extends Omit<RemoteCoreOptions, 'port' | 'frame' | 'writable'> {
  /** Of what is to be configured, 28 bytes: a board whose core was configured under this mark is taken over. */
  mark?: Uint8Array;
}

export interface RemotePortOptions {
  name: string;
  /** Default: the board's. */
  mac?: string;
  mtu?: number;
  onState?: (state: PortState) => void;
}

interface Bound {
  readonly link: Link;
  readonly handle: number;
  readonly onState: RemotePortOptions['onState'];
  up: boolean | undefined;
}

/** The board keeps 32 bytes: the mark, then the handle of the namespace that was configured. */
const MARK_BYTES = 28;
const TAG_BYTES = 32;

export class RemoteStack {
  private readonly namespaces = new Map<string, Namespace>();
  private readonly boardPorts = new Map<number, BoardPort>();
  private readonly bound = new Map<number, Bound>();
  private core_!: RemoteCore;
  private readonly lines = new Map<number, LinePort>();
  private keptNet: number | undefined;

  private constructor() {}

  /** `line`: what stands behind `serial:`. */
  static async open(line: string, options: RemoteStackOptions = {}): Promise<RemoteStack> {
    const stack = new RemoteStack();
    const { core, kept } = await RemoteCore.open(
      parseSerial(line),
      {
        ...options,
        port: (port) => stack.portState(port),
        frame: (port, frame) => stack.lines.get(port)?.receive(frame),
        writable: () => stack.pump(),
        up: (board) => {
          options.up?.(board);
          stack.pump();
        },
      },
      ({ tag }) => options.mark !== undefined && tag.subarray(0, MARK_BYTES).equals(options.mark),
    );
    stack.core_ = core;
    if (kept) stack.keptNet = (await core.board.state()).tag.readUInt32LE(MARK_BYTES);
    return stack;
  }

  get core(): RemoteCore {
    return this.core_;
  }

  /** The board's core was there already, configured under our mark, and goes on. */
  get kept(): boolean {
    return this.keptNet !== undefined;
  }

  /** All is configured: who comes with this mark takes it over. */
  async configured(mark: Uint8Array, namespace: Namespace): Promise<void> {
    const tag = Buffer.alloc(TAG_BYTES);
    tag.set(mark.subarray(0, MARK_BYTES));
    tag.writeUInt32LE(namespace.handle, MARK_BYTES);
    await this.core.board.setTag(tag);
  }

  /** The namespace that was configured, of a core that was taken over; names are the host's. */
  adopted(name: string): Namespace {
    return this.named(name, this.keptNet!);
  }

  /** The namespace of that name; made, with lo up, when there is none. */
  async namespace(name: string): Promise<Namespace> {
    const known = this.namespaces.get(name);
    if (known !== undefined) return known;
    const view = await this.core.request({ type: MsgType.NET_NEW, bytes: NetRec.SIZE }, `namespace ${name}`);
    const namespace = this.named(name, view.getUint32(NetRec.NET, true));
    await (await namespace.link('lo')).up();
    return namespace;
  }

  private named(name: string, handle: number): Namespace {
    const namespace = new Namespace(this.core, handle, name);
    this.namespaces.set(name, namespace);
    return namespace;
  }

  /** The link of `namespace` that has port `number` of the board. It is up. */
  async port(namespace: Namespace, number: number, options: RemotePortOptions): Promise<Link> {
    const { mac, mtu } = await this.boardPort(number);
    const info = await namespace.addPortLink({
      name: options.name,
      mac: options.mac ?? mac,
      mtu: options.mtu ?? mtu,
      features: 0,
      vnetHdrLen: 0,
      large: false,
      ringEntries: this.ringEntries(),
    });
    const link = new Link(this.core, namespace.handle, info.ifindex, options.name);
    await link.up();
    await this.core.board.bind(info.handle, number);
    this.bind(number, link, info.handle, options.onState);
    return link;
  }

  /** After the board was taken over: the link `name`, which has port `number` already. */
  async adoptPort(namespace: Namespace, number: number, { name, onState }: RemotePortOptions): Promise<Link> {
    const info = (await namespace.links()).find((link) => link.name === name && link.kind === 'port');
    if (info === undefined) throw new NetError('ENODEV', `the core on the board has no port ${name}`);
    const link = new Link(this.core, namespace.handle, info.ifindex, name);
    await this.core.board.bind(info.handle, number);
    this.bind(number, link, info.handle, onState);
    return link;
  }

  /** The link of `namespace` behind which a driver of this machine stands, over the line. It is up. */
  async linePort(namespace: Namespace, driver: Driver, options: RemotePortOptions): Promise<Link> {
    const number = LINK_LINE_PORT + this.lines.size;
    if (this.lines.size === LINK_LINE_PORTS)
      throw new NetError('EMFILE', `${driver.name}: a line bears ${LINK_LINE_PORTS} ports, and has them`);
    const info = await namespace.addPortLink({
      name: options.name,
      mac: options.mac ?? driver.mac ?? randomMac(),
      mtu: options.mtu ?? MTU,
      features: 0,
      vnetHdrLen: 0,
      large: false,
      ringEntries: this.ringEntries(),
    });
    const link = new Link(this.core, namespace.handle, info.ifindex, options.name);
    await link.up();
    await this.core.board.bind(info.handle, number);
    const { session } = this.core.board.link;
    const line = new LinePort(
      driver,
      (frame) => session.sendFrame(number, frame),
      (state) => {
        void link.set({ carrier: state.up }).catch(() => {});
        options.onState?.(state);
      },
    );
    this.lines.set(number, line);
    return link;
  }

  private pump(): void {
    for (const line of this.lines.values()) line.pump();
  }

  /** A receive ring keeps a slot for each entry: all rings together leave room for what is under way. */
  private ringEntries(): number {
    const most = Math.min(RING_ENTRIES_MAX, this.core.sizes.smallSlots >> 2);
    return 1 << (31 - Math.clz32(Math.max(most, 2)));
  }

  private bind(number: number, link: Link, handle: number, onState: RemotePortOptions['onState']): void {
    this.bound.set(number, { link, handle, onState, up: undefined });
    const port = this.boardPorts.get(number);
    if (port !== undefined) this.portState(port);
  }

  /** The board says of each port once a second. */
  private async boardPort(number: number): Promise<BoardPort> {
    const { board, link } = this.core.board;
    if (number >= board.ports)
      throw new NetError(
        'ENODEV',
        `board:${number}: ${board.name} has ${board.ports} port(s), from board:0 on`,
      );
    for (const end = performance.now() + PORTS_MS; ; ) {
      const port = this.boardPorts.get(number);
      if (port !== undefined) return port;
      if (performance.now() > end || link.session === undefined)
        throw new NetError('ETIMEDOUT', `the board says nothing of its port ${number}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private portState(port: BoardPort): void {
    this.boardPorts.set(port.port, port);
    const bound = this.bound.get(port.port);
    if (bound === undefined || bound.up === port.up) return;
    bound.up = port.up;
    void bound.link.set({ carrier: port.up }).catch(() => {});
    bound.onState?.(
      port.up
        ? { up: true }
        : { up: false, why: new NetError('ENETDOWN', `port ${port.port} of the board has no link`) },
    );
  }

  /** The connection ends; the board goes on. */
  async close(): Promise<void> {
    await Promise.all([...this.lines.values()].map((line) => line.close()));
    this.lines.clear();
    await this.core.close();
    this.namespaces.clear();
    this.bound.clear();
  }
}
