/**
 * Core: what the control plane sees of a data plane, in this process or on a board at the far end of a line: promises
 * over request messages, and what it tells by itself. LocalCore is the one in this process, with its ports.
 */
import { Delivery, Event } from '../../assembly/abi/event.js';
import { Status } from '../../assembly/abi/layout.js';
import { PacketRingRec } from '../../assembly/abi/packet.js';
import { HandleRec, MsgType } from '../../assembly/abi/request.js';
import { type Driver, type Foreign, PortRings } from '../drivers/driver.js';
import type { NetError } from '../net_error.js';
import { type Clock, VirtualClock } from './clock.js';
import { HostRingReader } from './host_ring.js';
import { CoreInstance, type InstanceOptions } from './instance.js';
import { Loop } from './loop.js';
import { type Message, Requests } from './requests.js';
import { restoreSnapshot, takeSnapshot } from './snapshot.js';
import { lostRecords, takeRecords, type TraceRecord } from './trace_ring.js';
import { ForeignWindow } from './window.js';

/** Something happened in the core (abi/event Event), as the record lies in memory. */
export interface CoreEvent {
  type: number;
  family: number;
  net: number;
  ifindex: number;
  b: number;
  address: Uint8Array;
}

/** A packet for an application of the host (abi/event Delivery), from its network header on. */
export interface CoreDelivery {
  handle: number;
  kind: number;
  socket: number;
  net: number;
  ifindex: number;
  protocol: number;
  transport: number;
  packet: Uint8Array;
}

export interface PortState {
  up: boolean;
  why?: NetError | undefined;
}

export interface Core {
  /** Longest request that it takes, messages with their heads. */
  readonly requestBytes: number;
  /** Bytes that a ring of notifications or of trace records should have in it, when a host would like `wanted`. */
  ringBytes(wanted: number): number;
  /** Handles one message; resolves with a view of its answered record. Rejects with a NetError. */
  request(message: Message, what: string): Promise<DataView>;
  /** Handles many; resolves with the status of each. */
  batch(messages: Iterable<Message>): Promise<number[]>;
  dump(
    type: MsgType,
    net: number,
    family: number,
    recordBytes: number,
    read: (view: DataView, at: number) => void,
    what: string,
    /** Only of this device, where the dump can tell. */
    ifindex?: number,
    /** Bytes of a record, when they are not all as long. */
    size?: (view: DataView, at: number) => number,
  ): Promise<void>;
  /** Closes the driver behind a port, if there is one: its rings are about to go. */
  removePort(handle: number): Promise<void>;
  onEvent(listener: (event: CoreEvent) => void): () => void;
  /** Packets for `socket` (RAW_BIND) or, with kind QUEUE, for a queue; the packet is a copy and already released. */
  onDelivery(listener: (delivery: CoreDelivery) => boolean): () => void;
  /**
   * The records of the trace ring at `ring` (TRACE_SET) as they come, and how many found it full so far, until the
   * returned function is called. Of the lost ones only those from now on count.
   */
  followTrace(ring: number, each: (records: TraceRecord[], lost: number) => void): () => void;
  /** The core's time in ms since 1970, of 0 ns of its clock. */
  epochMs(): number;
  close(): Promise<void>;
}

const TWO_32 = 4294967296;

export interface LocalCoreOptions extends InstanceOptions {
  clock: Clock;
}

export class LocalCore implements Core {
  readonly loop: Loop;
  private readonly requests: Requests;
  private readonly events: HostRingReader;
  private readonly deliveries: HostRingReader;
  private readonly eventListeners = new Set<(event: CoreEvent) => void>();
  /** Taken from the rings, not yet told. */
  private readonly heard: CoreEvent[] = [];
  private readonly delivered: CoreDelivery[] = [];
  private telling = false;
  private readonly pollListeners = new Set<() => void>();
  private readonly deliveryListeners = new Set<(delivery: CoreDelivery) => boolean>();
  private readonly drivers = new Map<number, Driver>();
  private readonly window: ForeignWindow;

  private constructor(
    readonly instance: CoreInstance,
    readonly clock: Clock,
  ) {
    this.requests = new Requests(instance, () => clock.now());
    this.events = new HostRingReader(instance, instance.status(Status.EVENT_RING), Event.SIZE);
    this.deliveries = new HostRingReader(instance, instance.status(Status.DELIVERY_RING), Delivery.SIZE);
    this.loop = new Loop(instance, clock, () => this.drain());
    this.window = new ForeignWindow(instance.sizes.memoryBytes, instance.memory.buffer.byteLength);
  }

  static async create(options: LocalCoreOptions): Promise<LocalCore> {
    const now = options.clock.now();
    const instance = await CoreInstance.create({ ...options, nowLo: now, nowHi: Math.floor(now / TWO_32) });
    return new LocalCore(instance, options.clock);
  }

  /** A core that goes on where the snapshot was taken; refused (EINVAL) when layout or sizes differ. */
  static async restore(snapshot: Uint8Array, options: LocalCoreOptions): Promise<LocalCore> {
    const instance = await restoreSnapshot(snapshot, options);
    const { view } = instance;
    const now = instance.exports.status() + Status.NOW;
    options.clock.set(view.getUint32(now + 4, true) * TWO_32 + view.getUint32(now, true));
    return new LocalCore(instance, options.clock);
  }

  get requestBytes(): number {
    return this.instance.status(Status.REQUEST_BYTES);
  }

  ringBytes(wanted: number): number {
    return wanted;
  }

  epochMs(): number {
    return Date.now() - this.clock.now() / 1e6;
  }

  followTrace(ring: number, each: (records: TraceRecord[], lost: number) => void): () => void {
    const before = lostRecords(this.instance, ring);
    return this.onPolled(() => {
      const records = takeRecords(this.instance, ring);
      if (records.length > 0) each(records, lostRecords(this.instance, ring) - before);
    });
  }

  /** The state as it stands: everything but ports' drivers, their mapped rings and functions of generated modules. */
  snapshot(): Uint8Array {
    this.requests.callStatus({ type: MsgType.FOREIGN_ORPHAN, bytes: 8 });
    return takeSnapshot(this.instance);
  }

  async request(message: Message, what: string): Promise<DataView> {
    const at = this.requests.call(message, what);
    const answer = this.instance.u8.slice(at, at + message.bytes);
    this.after();
    return new DataView(answer.buffer);
  }

  async batch(messages: Iterable<Message>): Promise<number[]> {
    const results = this.requests.batch(messages);
    this.after();
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
    size?: (view: DataView, at: number) => number,
  ): Promise<void> {
    this.requests.dump(type, net, family, recordBytes, read, what, ifindex, size);
  }

  /** A dump that is done when this returns: for who reads what its addresses say before any other request may free it. */
  dumpNow(
    type: MsgType,
    net: number,
    recordBytes: number,
    read: (view: DataView, at: number) => void,
    what: string,
  ): void {
    this.requests.dump(type, net, 0, recordBytes, read, what);
  }

  onEvent(listener: (event: CoreEvent) => void): () => void {
    this.eventListeners.add(listener);
    return () => this.eventListeners.delete(listener);
  }

  /** After each poll: for who reads rings of the core that are not always there. Returns how to stop. */
  onPolled(listener: () => void): () => void {
    this.pollListeners.add(listener);
    return () => this.pollListeners.delete(listener);
  }

  onDelivery(listener: (delivery: CoreDelivery) => boolean): () => void {
    this.deliveryListeners.add(listener);
    return () => this.deliveryListeners.delete(listener);
  }

  /** The rings of the port device `handle`; `port` is LinkRec.PORT. */
  private rings(handle: number, port: number): PortRings {
    return new PortRings(this.instance.memory, port, this.foreign(handle));
  }

  private foreign(handle: number): Foreign {
    const { requests, window } = this;
    return {
      alloc: (bytes, what) => window.alloc(bytes, what),
      free: (at) => window.free(at),
      mapRing: (ring, what) => {
        const fill = (view: DataView, at: number) => {
          view.setUint32(at + PacketRingRec.HANDLE, handle, true);
          view.setUint32(at + PacketRingRec.BASE, ring.at, true);
          view.setUint32(at + PacketRingRec.BLOCKS, ring.blocks, true);
          view.setUint32(at + PacketRingRec.BLOCK_BYTES, ring.blockBytes, true);
          view.setUint32(at + PacketRingRec.FRAME_BYTES, ring.frameBytes, true);
          view.setUint32(at + PacketRingRec.VNET_HDR_LEN, ring.vnetHdrLen, true);
        };
        const answer = requests.call(
          { type: MsgType.PACKET_RING_NEW, bytes: PacketRingRec.SIZE, fill },
          what,
        );
        return this.instance.view.getUint32(answer + PacketRingRec.RING, true);
      },
      unmapRing: () => {
        const fill = (view: DataView, at: number) => view.setUint32(at + PacketRingRec.HANDLE, handle, true);
        requests.callStatus({ type: MsgType.PACKET_RING_DEL, bytes: PacketRingRec.SIZE, fill });
      },
    };
  }

  /** Puts `driver` behind the port. `state` hears of its link; the loop works it until removePort. */
  addPort(
    handle: number,
    port: number,
    driver: Driver,
    state: (state: PortState) => void,
    address?: (mac: string) => void,
  ): void {
    this.drivers.set(handle, driver);
    driver.attach(this.rings(handle, port), {
      readable: () => this.loop.wake(),
      writable: () => this.loop.wake(),
      state: (up, why) => state({ up, why }),
      ...(address && { address }),
    });
    this.loop.add({ driver, handle });
  }

  /** Takes the driver off and closes it; what it had not sent is freed. */
  async removePort(handle: number): Promise<void> {
    const driver = this.drivers.get(handle);
    if (driver === undefined) return;
    this.drivers.delete(handle);
    this.loop.remove(handle);
    await driver.close();
    this.instance.exports.forget(handle);
  }

  /** Handles what is due now: for a virtual clock, whose loop does not run by itself. */
  poll(): number {
    const now = this.clock.now();
    let total = 0;
    do {
      total += this.instance.exports.poll(now >>> 0, Math.floor(now / TWO_32), 1024);
      this.drain();
    } while (this.instance.status(Status.MORE) !== 0);
    return total;
  }

  /**
   * Virtual clock: runs until `ns`, stopping at every timer on the way, then stands there. Ports are worked at each
   * stop, so that a deterministic driver is, too.
   */
  runUntil(ns: number): void {
    if (!(this.clock instanceof VirtualClock)) throw new Error('runUntil needs a virtual clock');
    this.settle();
    for (;;) {
      const due = this.loop.deadline();
      if (due > ns) break;
      this.clock.set(Math.max(due, this.clock.now()));
      this.poll();
      this.settle();
    }
    this.clock.set(ns);
    this.poll();
    this.settle();
  }

  /** Works until no port and no queue has anything left at this moment. */
  private settle(): void {
    while (this.loop.turn() || this.instance.status(Status.MORE) !== 0);
  }

  async close(): Promise<void> {
    this.loop.close();
    await Promise.all([...this.drivers.keys()].map((handle) => this.removePort(handle)));
    this.eventListeners.clear();
    this.pollListeners.clear();
    this.deliveryListeners.clear();
  }

  /** A request may have made packets (an ARP, a reply): they leave with the loop's next turn. */
  private after(): void {
    this.drain();
    this.loop.kick();
  }

  /** After every poll: nearly always nothing waits, and then nothing may be allocated. */
  private drain(): void {
    if (!this.events.empty) this.drainEvents();
    if (!this.deliveries.empty) this.drainDeliveries();
    if (this.pollListeners.size !== 0) for (const listener of this.pollListeners) listener();
  }

  private drainEvents(): void {
    this.events.drain((view, at) => {
      if (this.eventListeners.size === 0) return;
      this.heard.push({
        type: view.getUint16(at + Event.TYPE, true),
        family: view.getUint16(at + Event.FAMILY, true),
        net: view.getUint32(at + Event.NET, true),
        ifindex: view.getInt32(at + Event.IFINDEX, true),
        b: view.getUint32(at + Event.B, true),
        address: this.instance.u8.slice(at + Event.ADDR, at + Event.SIZE),
      });
    });
    this.tell();
  }

  private drainDeliveries(): void {
    this.deliveries.drain((view, at) => {
      const ptr = view.getUint32(at + Delivery.PTR, true);
      const len = view.getUint32(at + Delivery.LEN, true);
      this.delivered.push({
        handle: view.getUint32(at + Delivery.HANDLE, true),
        kind: view.getUint16(at + Delivery.KIND, true),
        socket: view.getUint32(at + Delivery.SOCKET, true),
        net: view.getUint32(at + Delivery.NET, true),
        ifindex: view.getInt32(at + Delivery.IFINDEX, true),
        protocol: view.getUint16(at + Delivery.PROTOCOL, true),
        transport: view.getUint32(at + Delivery.TRANSPORT, true),
        packet: this.instance.u8.slice(ptr, ptr + len),
      });
    });
    this.tell();
  }

  /**
   * A listener may ask the core something, which makes and drains more: that waits here until its turn, so that each
   * listener hears everything once and in order.
   */
  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    try {
      for (;;) {
        const event = this.heard.shift();
        if (event !== undefined) {
          for (const listener of this.eventListeners) listener(event);
          continue;
        }
        const delivery = this.delivered.shift();
        if (delivery === undefined) return;
        let kept = false;
        for (const listener of this.deliveryListeners) kept = listener(delivery) || kept;
        if (!kept) this.release(delivery.handle);
      }
    } finally {
      this.telling = false;
    }
  }

  /** Gives a held packet back. */
  release(handle: number): void {
    this.requests.callStatus({
      type: MsgType.HANDLE_RELEASE,
      bytes: HandleRec.SIZE,
      fill: (view, at) => view.setUint32(at + HandleRec.HANDLE, handle, true),
    });
  }

  /** What becomes of a packet that a hook queued: NF_ACCEPT (1), NF_DROP (0), NF_REPEAT (4). */
  verdict(handle: number, verdict: number): void {
    this.requests.callStatus({
      type: MsgType.HANDLE_VERDICT,
      bytes: HandleRec.SIZE,
      fill: (view, at) => {
        view.setUint32(at + HandleRec.HANDLE, handle, true);
        view.setInt32(at + HandleRec.VERDICT, verdict, true);
      },
    });
    this.after();
  }
}
