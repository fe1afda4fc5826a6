/**
 * RemoteStack: the namespaces, links and ports of a core on a board, as Stack is of one in this process.
 *
 *   RemoteStack ─► RemoteCore ─► serial line ─► the board's core
 *     ├─► Namespace, Link (src/net): the same code as for a local core
 *     └─► ports: `board:0`, the Ethernet of the board; the board moves their frames
 */
import { MsgType, NetRec } from '../assembly/abi/request.js';
import type { PortState } from './core/core.js';
import { RemoteCore, type RemoteCoreOptions } from './remote/remote_core.js';
import type { BoardPort } from './drivers/serial/link_messages.js';
import { parseSerial } from './drivers/serial/serial_spec.js';
import { Link } from './net/link.js';
import { Namespace } from './net/namespace.js';
import { NetError } from './net_error.js';

const RING_ENTRIES = 64;
const PORTS_MS = 3000;

export interface RemoteStackOptions extends Omit<RemoteCoreOptions, 'port' | 'frame'> {
  /** Name of what is configured, at most 32 bytes: a board whose core was configured under it is taken over. */
  tag?: Uint8Array;
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

const TAG_BYTES = 32;

export class RemoteStack {
  private readonly namespaces = new Map<string, Namespace>();
  private readonly boardPorts = new Map<number, BoardPort>();
  private readonly bound = new Map<number, Bound>();
  private core_!: RemoteCore;
  private kept_ = false;

  private constructor() {}

  /** `line`: what stands behind `serial:`. */
  static async open(line: string, options: RemoteStackOptions = {}): Promise<RemoteStack> {
    const stack = new RemoteStack();
    const tag = Buffer.alloc(TAG_BYTES);
    tag.set((options.tag ?? new Uint8Array(0)).subarray(0, TAG_BYTES));
    const { core, kept } = await RemoteCore.open(
      parseSerial(line),
      { ...options, port: (port) => stack.portState(port) },
      (state) => options.tag !== undefined && state.tag.equals(tag),
    );
    stack.core_ = core;
    stack.kept_ = kept;
    return stack;
  }

  get core(): RemoteCore {
    return this.core_;
  }

  /** The board's core was there already, configured under our tag, and goes on. */
  get kept(): boolean {
    return this.kept_;
  }

  /** All is configured: who comes with this tag takes it over. */
  async configured(tag: Uint8Array): Promise<void> {
    const padded = new Uint8Array(TAG_BYTES);
    padded.set(tag.subarray(0, TAG_BYTES));
    await this.core.board.setTag(padded);
  }

  /** The namespace of that name; made, with lo up, when there is none. */
  async namespace(name: string): Promise<Namespace> {
    const known = this.namespaces.get(name);
    if (known !== undefined) return known;
    const view = await this.core.request({ type: MsgType.NET_NEW, bytes: NetRec.SIZE }, `namespace ${name}`);
    const namespace = this.adopt(name, view.getUint32(NetRec.NET, true));
    await (await namespace.link('lo')).up();
    return namespace;
  }

  /** The namespace that the core calls `handle`; names are the host's. */
  adopt(name: string, handle: number): Namespace {
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
      ringEntries: RING_ENTRIES,
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
    await this.core.close();
    this.namespaces.clear();
    this.bound.clear();
  }
}
