/**
 * RemoteCore: a core on a board at the far end of a line behind the same interface as one in this process. The board
 * forwards by itself; what is here configures it and hears what it tells.
 *
 *   request, batch, dump ─► request area of the board's core ─► answer             (BoardCore: each done once)
 *   CORE_NOTE ─► rings of events and deliveries are read and freed ─► listeners
 */
import { Delivery, Event } from '../../assembly/abi/event.js';
import { HostRing, InitConfig, Status } from '../../assembly/abi/layout.js';
import { LINK_PORT_NONE } from '../../assembly/abi/link.js';
import { Dump, HandleRec, Msg, MsgType } from '../../assembly/abi/request.js';
import type { BoardInfo, BoardPort, BoardTrap } from '../drivers/serial/link_messages.js';
import type { SerialSpec } from '../drivers/serial/serial_spec.js';
import { NetError } from '../net_error.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { BoardCore, type CoreState } from './board_core.js';
import type { Core, CoreDelivery, CoreEvent } from '../core/core.js';
import { errnoName } from '../core/errno_name.js';
import type { CoreSizes } from '../core/instance.js';
import type { Message } from '../core/requests.js';
import { RingMirror } from './ring_mirror.js';
import { encodeSnapshot } from '../core/snapshot.js';

/** Of a board, when nobody says: 3 MB. */
const BOARD_SIZES: Omit<CoreSizes, 'windowBytes'> = {
  memoryBytes: 4 << 20,
  skbs: 768,
  smallSlots: 1024,
  largeSlots: 0,
  devices: 32,
  nets: 8,
  requestBytes: 64 << 10,
  events: 256,
  deliveries: 64,
  handles: 64,
};
const SIZE_FIELDS: readonly (readonly [keyof CoreSizes, InitConfig])[] = [
  ['memoryBytes', InitConfig.MEMORY_BYTES],
  ['skbs', InitConfig.SKBS],
  ['smallSlots', InitConfig.SMALL_SLOTS],
  ['largeSlots', InitConfig.LARGE_SLOTS],
  ['devices', InitConfig.DEVICES],
  ['nets', InitConfig.NETS],
  ['requestBytes', InitConfig.REQUEST_BYTES],
  ['events', InitConfig.EVENTS],
  ['deliveries', InitConfig.DELIVERIES],
  ['handles', InitConfig.HANDLES],
];
/** A dump's answer is no longer than this: the board works on it meanwhile, and nothing else goes over the line. */
const DUMP_BYTES = 8192;
const RECORDS_AT_ONCE = 60;
const RING_BYTES = 1 << 15;
const TRACE_MS = 50;

export interface RemoteCoreOptions {
  sizes?: Partial<CoreSizes>;
  seed?: readonly [number, number];
  /** Of the session: gone and back again, and traps of the core or the board. */
  down?(why: NetError): void;
  up?(board: BoardInfo): void;
  trap?(trap: BoardTrap): void;
  port?(port: BoardPort): void;
  /** Frames of the core for a port of the line. */
  frame?(port: number, frame: Uint8Array, lost: number): void;
  writable?(): void;
}

export class RemoteCore implements Core {
  private readonly eventListeners = new Set<(event: CoreEvent) => void>();
  private readonly deliveryListeners = new Set<(delivery: CoreDelivery) => boolean>();
  private draining = false;
  private again = false;
  private closed = false;
  private status!: DataView;
  private epoch = 0;

  private constructor(
    readonly board: BoardCore,
    private state: CoreState,
  ) {}

  /**
   * Connects to the board. A core that runs there is kept when `keep` says so of its state, else there is a new one.
   */
  static async open(
    spec: SerialSpec,
    options: RemoteCoreOptions = {},
    keep: (state: CoreState) => boolean = () => false,
  ): Promise<{ core: RemoteCore; kept: boolean }> {
    let core: RemoteCore | undefined;
    const board = await BoardCore.connect(spec, {
      up: (board) => options.up?.(board),
      down: (why) => options.down?.(why),
      trap: (trap) => options.trap?.(trap),
      port: (port) => options.port?.(port),
      writable: () => options.writable?.(),
      frame: (port, frame, _ns, lost) => options.frame?.(port, frame, lost),
      coreNote: () => core?.drain(),
    });
    try {
      let state = await board.state();
      const kept = state.run === 'running' && keep(state);
      if (!kept) {
        await board.init(initConfig(options));
        state = await board.state();
      }
      core = new RemoteCore(board, state);
      core.status = view(await board.read(state.status, Status.SIZE));
      core.epoch = Date.now() - board.board.uptimeS * 1000;
      core.drain();
      return { core, kept };
    } catch (error) {
      await board.close();
      throw error;
    }
  }

  get sizes(): CoreSizes {
    const sizes = SIZE_FIELDS.map(([key, at]) => [key, this.state.init.readUInt32LE(at)] as const);
    return { ...(Object.fromEntries(sizes) as unknown as CoreSizes), windowBytes: 0 };
  }

  get requestBytes(): number {
    return this.status.getUint32(Status.REQUEST_BYTES, true);
  }

  /** Less than a host would have: it is the board's memory. */
  ringBytes(wanted: number): number {
    return Math.min(wanted, RING_BYTES);
  }

  epochMs(): number {
    return this.epoch;
  }

  followTrace(ring: number, each: (records: TraceRecord[], lost: number) => void): () => void {
    let stopped = false;
    const mirror = new RingMirror(this.board, ring);
    const look = async () => {
      const records = await mirror.take().catch(() => []); // the session went: they wait there
      if (!stopped && records.length > 0) each(records, mirror.lost);
      if (!stopped) timer = setTimeout(() => void look(), TRACE_MS);
    };
    let timer = setTimeout(() => void look(), 0);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }

  /** A field of the status block, as it is now. */
  async statusWord(field: Status): Promise<number> {
    return (await this.board.read(this.state.status + field, 4)).readUInt32LE(0);
  }

  private async submit(messages: Uint8Array, what: string): Promise<DataView> {
    if (this.closed) throw new NetError('ESHUTDOWN', `${what}: the core was closed`);
    return view(await this.board.request(this.status.getUint32(Status.REQUEST_AREA, true), messages, what));
  }

  async request(message: Message, what: string): Promise<DataView> {
    const bytes = new Uint8Array(lengthOf(message));
    if (bytes.length > this.requestBytes)
      throw new NetError(
        'EMSGSIZE',
        `${what}: a request of ${bytes.length} bytes; the board takes ${this.requestBytes}`,
      );
    put(view(bytes), 0, message);
    const answer = await this.submit(bytes, what);
    const status = answer.getInt32(Msg.STATUS, true);
    if (status !== 0) throw new NetError(errnoName(status), `${what}: ${errnoName(status)}`);
    // A buffer of its own, which readers may take whole, as a local core's.
    const body = answer.byteOffset + Msg.BODY;
    return new DataView(answer.buffer.slice(body, body + message.bytes));
  }

  async batch(messages: Iterable<Message>): Promise<number[]> {
    const results: number[] = [];
    const area = new Uint8Array(this.requestBytes);
    let at = 0;
    let begun: number[] = [];
    const flush = async () => {
      if (at === 0) return;
      const answer = await this.submit(area.subarray(0, at), 'batch');
      for (const offset of begun) results.push(answer.getInt32(offset + Msg.STATUS, true));
      area.fill(0, 0, at);
      at = 0;
      begun = [];
    };
    for (const message of messages) {
      const length = lengthOf(message);
      if (at + length > area.length) await flush();
      put(view(area), at, message);
      begun.push(at);
      at += length;
    }
    await flush();
    return results;
  }

  async dump(
    type: MsgType,
    net: number,
    family: number,
    recordBytes: number,
    read: (view: DataView, at: number) => void,
    what: string,
    ifindex = 0,
    size: (view: DataView, at: number) => number = () => recordBytes,
  ): Promise<void> {
    const most = Math.min(this.requestBytes, DUMP_BYTES) - Msg.BODY - Dump.RECORDS;
    const room = Math.max(1, Math.floor(most / recordBytes));
    let cursor: Uint8Array = new Uint8Array(24);
    for (;;) {
      const answer = await this.request(
        {
          type,
          bytes: Dump.RECORDS + room * recordBytes,
          fill: (v, at) => {
            v.setUint32(at + Dump.NET, net, true);
            v.setUint32(at + Dump.FAMILY, family, true);
            v.setInt32(at + Dump.IFINDEX, ifindex, true);
            new Uint8Array(v.buffer, v.byteOffset + at + Dump.CURSOR, 24).set(cursor);
          },
        },
        what,
      );
      const count = answer.getUint32(Dump.COUNT, true);
      if (count === 0) return;
      cursor = new Uint8Array(answer.buffer, answer.byteOffset + Dump.CURSOR, 24).slice();
      let at: number = Dump.RECORDS;
      for (let i = 0; i < count; i++) {
        read(answer, at);
        at += size(answer, at);
      }
    }
  }

  onEvent(listener: (event: CoreEvent) => void): () => void {
    this.eventListeners.add(listener);
    return () => this.eventListeners.delete(listener);
  }

  onDelivery(listener: (delivery: CoreDelivery) => boolean): () => void {
    this.deliveryListeners.add(listener);
    return () => this.deliveryListeners.delete(listener);
  }

  async removePort(handle: number): Promise<void> {
    await this.board.bind(handle, LINK_PORT_NONE);
  }

  /**
   * The state as it stands, for a core in this process of the same layout. The board does not forward while it is read:
   * some seconds over a slow line.
   */
  async snapshot(): Promise<Uint8Array> {
    await this.request({ type: MsgType.FOREIGN_ORPHAN, bytes: 8 }, 'snapshot');
    await this.board.freeze(true);
    try {
      const extents = await this.board.used();
      const parts: Uint8Array[] = [];
      for (const [at, bytes] of extents) parts.push(await this.board.read(at, bytes));
      return encodeSnapshot(this.sizes, extents, parts);
    } finally {
      await this.board.freeze(false);
    }
  }

  /** The connection ends; the board goes on. */
  async close(): Promise<void> {
    this.closed = true;
    this.eventListeners.clear();
    this.deliveryListeners.clear();
    await this.board.close();
  }

  private drain(): void {
    this.again = true;
    if (this.draining) return;
    this.draining = true;
    const work = async () => {
      while (this.again && !this.closed) {
        this.again = false;
        await this.drainEvents();
        await this.drainDeliveries();
      }
    };
    void work()
      .catch(() => undefined) // the session went: the board says again what waits
      .finally(() => {
        this.draining = false;
      });
  }

  /** Takes what waits in a ring, and frees it when all of it was told. */
  private async drainRing(
    ring: number,
    recordBytes: number,
    tell: (record: Buffer) => Promise<void> | void,
  ): Promise<void> {
    for (;;) {
      const head = await this.board.read(ring, HostRing.ENTRIES);
      const tail = head.readUInt32LE(HostRing.TAIL);
      const waiting = (head.readUInt32LE(HostRing.HEAD) - tail) >>> 0;
      if (waiting === 0) return;
      const mask = head.readUInt32LE(HostRing.MASK);
      const first = tail & mask;
      const n = Math.min(waiting, mask + 1 - first, RECORDS_AT_ONCE);
      const records = await this.board.read(ring + HostRing.ENTRIES + first * recordBytes, n * recordBytes);
      await this.board.writeWord(ring + HostRing.TAIL, tail + n);
      for (let i = 0; i < n; i++) await tell(records.subarray(i * recordBytes, (i + 1) * recordBytes));
    }
  }

  private drainEvents(): Promise<void> {
    return this.drainRing(this.status.getUint32(Status.EVENT_RING, true), Event.SIZE, (record) => {
      const event: CoreEvent = {
        type: record.readUInt16LE(Event.TYPE),
        family: record.readUInt16LE(Event.FAMILY),
        net: record.readUInt32LE(Event.NET),
        ifindex: record.readInt32LE(Event.IFINDEX),
        b: record.readUInt32LE(Event.B),
        address: Uint8Array.prototype.slice.call(record, Event.ADDR),
      };
      for (const listener of this.eventListeners) listener(event);
    });
  }

  private drainDeliveries(): Promise<void> {
    const ring = this.status.getUint32(Status.DELIVERY_RING, true);
    return this.drainRing(ring, Delivery.SIZE, async (record) => {
      const packet = await this.board.read(
        record.readUInt32LE(Delivery.PTR),
        record.readUInt32LE(Delivery.LEN),
      );
      const delivery: CoreDelivery = {
        handle: record.readUInt32LE(Delivery.HANDLE),
        kind: record.readUInt16LE(Delivery.KIND),
        socket: record.readUInt32LE(Delivery.SOCKET),
        net: record.readUInt32LE(Delivery.NET),
        ifindex: record.readInt32LE(Delivery.IFINDEX),
        protocol: record.readUInt16LE(Delivery.PROTOCOL),
        transport: record.readUInt32LE(Delivery.TRANSPORT),
        packet: new Uint8Array(packet),
      };
      let kept = false;
      for (const listener of this.deliveryListeners) kept = listener(delivery) || kept;
      if (!kept) await this.release(delivery.handle);
    });
  }

  private async release(handle: number): Promise<void> {
    const fill = (v: DataView, at: number) => v.setUint32(at + HandleRec.HANDLE, handle, true);
    await this.batch([{ type: MsgType.HANDLE_RELEASE, bytes: HandleRec.SIZE, fill }]);
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const lengthOf = ({ bytes }: Message): number => Msg.BODY + ((bytes + 7) & ~7);

function put(area: DataView, at: number, message: Message): void {
  area.setUint32(at + Msg.LEN, lengthOf(message), true);
  area.setUint32(at + Msg.TYPE, message.type, true);
  area.setUint32(at + Msg.FLAGS, message.flags ?? 0, true);
  message.fill?.(area, at + Msg.BODY);
}

function initConfig({ sizes, seed = [0x57_57, 1] }: RemoteCoreOptions): Buffer {
  const config = Buffer.alloc(InitConfig.SIZE);
  const all = { ...BOARD_SIZES, ...sizes };
  for (const [key, at] of SIZE_FIELDS) config.writeUInt32LE(all[key as keyof typeof BOARD_SIZES] >>> 0, at);
  config.writeUInt32LE(seed[0] >>> 0, InitConfig.SEED);
  config.writeUInt32LE(seed[1] >>> 0, InitConfig.SEED + 4);
  return config;
}
