/**
 * RNDIS, as Microsoft's systems and many telephones speak it ([MS-RNDIS], rndis.ts).
 *
 *   claim ─► INITIALIZE ─► permanent address ─► packet filter ─► packets             KEEPALIVE every 5 s of silence
 *
 * A command goes out by SEND_ENCAPSULATED_COMMAND; its answer is fetched by GET_ENCAPSULATED_RESPONSE when a notification
 * says that there is one, and a little later anyway: some devices (QEMU's behind xhci) never say so.
 * Linux: drivers/net/usb/rndis_host.c
 */
import { NetError } from '../../net_error.js';
import { macText } from '../mac.js';
import {
  type BulkPair,
  claimCdc,
  classRequest,
  dataInterface,
  bulkPair,
  ETH_HLEN,
  interfacesOf,
  interruptIn,
  VLAN_TAGS,
} from './cdc.js';
import type { InterfaceInfo } from './descriptors.js';
import {
  RNDIS_FILTER_ALL_MULTICAST,
  RNDIS_FILTER_BROADCAST,
  RNDIS_FILTER_DIRECTED,
  RNDIS_FILTER_PROMISCUOUS,
  RNDIS_PACKET_BYTES,
  RNDIS_STATUS_MEDIA_CONNECT,
  RNDIS_STATUS_MEDIA_DISCONNECT,
  RNDIS_STATUS_SUCCESS,
  rndisAnswer,
  rndisControl,
  type RndisInit,
  rndisInit,
  rndisMessage,
  RndisMsg,
  RndisOid,
  RndisPacker,
  rndisRequest,
  rndisUnpack,
} from './rndis.js';
import type { UsbHandle } from './transport.js';
import type {
  FrameList,
  UsbNetDriver,
  UsbNetEndpoint,
  UsbNetEvents,
  UsbNetFamily,
  UsbNetFilter,
} from './usb_net_driver.js';

const SEND_ENCAPSULATED_COMMAND = 0x00;
const GET_ENCAPSULATED_RESPONSE = 0x01;
/** A control answer is not longer (MS-RNDIS 2.2.2: 0x400). */
const RESPONSE_BYTES = 1025;
const TRANSFER_BYTES = 16384;
const MTU = 1500;
const RX_TRANSFERS = 8;
const TX_TRANSFERS = 8;
const POLL_MS = 10;
const POLL_MAX_MS = 80;
const COMMAND_MS = 5000;
const KEEPALIVE_MS = 5000;
const KEEPALIVES_MISSED = 3;
const MEDIA_DISCONNECTED = 1;

/** Class, subclass, protocol: CDC ACM with Microsoft's protocol; wireless; miscellaneous, as telephones have it. */
const KINDS = [
  [2, 2, 0xff],
  [0xe0, 1, 3],
  [0xef, 4, 1],
] as const;

export const rndisHost: UsbNetFamily = {
  name: 'rndis_host',
  rank: 10,
  match(_device, configuration) {
    return interfacesOf(configuration, ...KINDS)
      .filter((control) => bulkPair(configuration, dataInterface(control)) !== null)
      .map(({ number }) => ({ family: rndisHost, configuration, interface: number }));
  },
  async open(handle, { configuration, interface: number }, events) {
    const { control, data } = await claimCdc(handle, configuration, number);
    if (data.alternate.alternate !== 0)
      await handle.selectAlternate(data.alternate.number, data.alternate.alternate);
    const commands = new RndisCommands(handle, number, events);
    try {
      // Version 1.0, and the longest transfer that we read.
      const init = rndisInit((await commands.call(RndisMsg.INIT, [1, 0, TRANSFER_BYTES])).words);
      if (init.transferBytes < RNDIS_PACKET_BYTES + ETH_HLEN + MTU)
        throw new NetError('EPROTO', `RNDIS: transfers of ${init.transferBytes} bytes hold no frame`);
      const address = await commands.query(RndisOid.PERMANENT_ADDRESS_802_3, 'the permanent address');
      if (address.length < 6 || (address[0]! & 1) !== 0)
        throw new NetError(
          'EPROTO',
          `RNDIS: the permanent address has ${address.length} bytes, or is no station's`,
        );
      const mtu = await commands.number(RndisOid.GEN_MAXIMUM_FRAME_SIZE).catch(() => MTU);
      const media = await commands.number(RndisOid.GEN_MEDIA_CONNECT_STATUS).catch(() => 0);
      const speed = await commands.number(RndisOid.GEN_LINK_SPEED).catch(() => 0);
      events.speed(speed * 100, speed * 100);
      await commands.filter(false);
      const carrier = commands.media ?? media !== MEDIA_DISCONNECTED;
      return new RndisHost(commands, control, data, init, macText(address.subarray(0, 6)), mtu, carrier);
    } catch (error) {
      commands.stop();
      throw error;
    }
  },
};

interface Answer {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly type: number;
  readonly id: number;
  resolve(answer: Answer): void;
  reject(error: NetError): void;
}

/** One command at a time, its answer, and what the device says by itself. */
class RndisCommands {
  private id = 0;
  private waiting: Waiting | undefined;
  private before: Promise<unknown> = Promise.resolve();
  private fetching: Promise<void> | undefined;
  private stopped = false;
  private keepalive: ReturnType<typeof setTimeout> | undefined;
  private missed = 0;
  /** The cable as the device told it by itself. */
  media: boolean | undefined;

  constructor(
    private readonly handle: UsbHandle,
    private readonly control: number,
    private readonly events: UsbNetEvents,
  ) {}

  async call(type: RndisMsg, words: readonly number[]): Promise<Answer> {
    return await this.inTurn(type, (id) => rndisMessage(type, [id, ...words]));
  }

  async query(oid: RndisOid, what: string): Promise<Uint8Array> {
    const { words, bytes } = await this.inTurn(RndisMsg.QUERY, (id) => rndisRequest(RndisMsg.QUERY, id, oid));
    return rndisAnswer(words, bytes, what);
  }

  async number(oid: RndisOid): Promise<number> {
    const bytes = await this.query(oid, `object 0x${oid.toString(16)}`);
    if (bytes.length < 4)
      throw new NetError('EPROTO', `RNDIS: object 0x${oid.toString(16)} has ${bytes.length} bytes`);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  async filter(everything: boolean): Promise<void> {
    const value = new Uint8Array(4);
    value[0] =
      RNDIS_FILTER_DIRECTED |
      RNDIS_FILTER_BROADCAST |
      RNDIS_FILTER_ALL_MULTICAST |
      (everything ? RNDIS_FILTER_PROMISCUOUS : 0);
    const oid = RndisOid.GEN_CURRENT_PACKET_FILTER;
    const { words } = await this.inTurn(RndisMsg.SET, (id) => rndisRequest(RndisMsg.SET, id, oid, value));
    if (words.length < 4 || words[3] !== RNDIS_STATUS_SUCCESS)
      throw new NetError(
        'EPROTO',
        `RNDIS: the packet filter was refused: status 0x${(words[3] ?? 0).toString(16)}`,
      );
  }

  /** A device that says nothing for a while is asked whether it is there; what does not answer is brought up again. */
  start(): void {
    this.keepalive = setTimeout(() => {
      this.call(RndisMsg.KEEPALIVE, []).then(
        () => {
          this.missed = 0;
        },
        (error: unknown) => {
          if (!this.stopped && ++this.missed === KEEPALIVES_MISSED) this.events.failed(error as NetError);
        },
      );
      if (!this.stopped) this.start();
    }, KEEPALIVE_MS);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.keepalive);
    this.waiting?.reject(new NetError('ECANCELED', 'RNDIS: given up'));
    this.waiting = undefined;
  }

  async halt(): Promise<void> {
    this.stop();
    // No answer comes to it. A device that is gone does not hear it.
    await this.send(rndisMessage(RndisMsg.HALT, [0])).catch(() => {});
  }

  /** Takes all answers that there are. */
  fetch(): Promise<void> {
    this.fetching ??= this.drain().finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async send(message: Uint8Array): Promise<void> {
    await this.handle.controlOut(classRequest(SEND_ENCAPSULATED_COMMAND, 0, this.control), message);
  }

  private inTurn(type: RndisMsg, make: (id: number) => Uint8Array): Promise<Answer> {
    const run = () => this.perform(type, make);
    const done = this.before.then(run, run);
    this.before = done.catch(() => {});
    return done;
  }

  private async perform(type: RndisMsg, make: (id: number) => Uint8Array): Promise<Answer> {
    const id = ++this.id;
    if (this.stopped) throw new NetError('ECANCELED', 'RNDIS: given up');
    const answer = new Promise<Answer>((resolve, reject) => {
      this.waiting = { type: (type | RndisMsg.COMPLETION) >>> 0, id, resolve, reject };
    });
    answer.catch(() => {});
    try {
      await this.send(make(id));
      await this.poll(answer, RndisMsg[type]);
      return await answer;
    } finally {
      if (this.waiting?.id === id) this.waiting = undefined;
    }
  }

  private async poll(answer: Promise<Answer>, what: string): Promise<void> {
    const waiting = this.waiting;
    const end = performance.now() + COMMAND_MS;
    for (let pause = POLL_MS; ; pause = Math.min(2 * pause, POLL_MAX_MS)) {
      await this.fetch();
      if (this.waiting !== waiting || waiting === undefined) return;
      if (performance.now() > end)
        throw new NetError('ETIMEDOUT', `RNDIS: the device does not answer ${what}`);
      await Promise.race([answer.catch(() => {}), new Promise((resolve) => setTimeout(resolve, pause))]);
    }
  }

  private async drain(): Promise<void> {
    // An endless row of answers is not believed.
    for (let n = 0; n < 32 && !this.stopped; n++) {
      let bytes: Uint8Array;
      try {
        bytes = await this.handle.controlIn(
          classRequest(GET_ENCAPSULATED_RESPONSE, 0, this.control),
          RESPONSE_BYTES,
        );
      } catch (error) {
        // Nothing to fetch: some stall then.
        if (error instanceof NetError && error.code === 'EPIPE') return;
        throw error;
      }
      const message = rndisControl(bytes);
      if (message === null) return;
      await this.heard(message.type, message.words, message.bytes);
    }
  }

  private async heard(type: number, words: Uint32Array, bytes: Uint8Array): Promise<void> {
    const { waiting } = this;
    if (waiting !== undefined && type === waiting.type && words[2] === waiting.id) {
      this.waiting = undefined;
      waiting.resolve({ words, bytes });
    } else if (type === RndisMsg.KEEPALIVE) {
      const answer = (RndisMsg.KEEPALIVE | RndisMsg.COMPLETION) >>> 0;
      await this.send(rndisMessage(answer, [words[2] ?? 0, RNDIS_STATUS_SUCCESS]));
    } else if (type === RndisMsg.INDICATE) {
      const up = words[2] === RNDIS_STATUS_MEDIA_CONNECT;
      if (!up && words[2] !== RNDIS_STATUS_MEDIA_DISCONNECT) return;
      this.media = up;
      this.events.link(up);
    }
  }
}

class RndisHost implements UsbNetDriver {
  readonly name = 'rndis_host';
  readonly mtu: number;
  readonly rx;
  readonly tx;
  readonly interrupt: UsbNetEndpoint | undefined;
  private readonly frameBytes: number;
  private readonly packer: RndisPacker;

  constructor(
    private readonly commands: RndisCommands,
    control: InterfaceInfo,
    data: BulkPair,
    init: RndisInit,
    readonly mac: string,
    mtu: number,
    readonly carrier: boolean,
  ) {
    this.mtu = Math.min(Math.max(mtu, MTU), TRANSFER_BYTES - RNDIS_PACKET_BYTES - ETH_HLEN - VLAN_TAGS);
    this.frameBytes = this.mtu + ETH_HLEN + VLAN_TAGS;
    this.rx = { ...data.in, bytes: TRANSFER_BYTES, transfers: RX_TRANSFERS };
    this.tx = { ...data.out, bytes: Math.min(init.transferBytes, TRANSFER_BYTES), transfers: TX_TRANSFERS };
    this.interrupt = interruptIn(control);
    this.packer = new RndisPacker(init);
  }

  unpack(bytes: Uint8Array, length: number, frames: FrameList): void {
    rndisUnpack(bytes, length, this.frameBytes, frames);
  }

  begin(bytes: Uint8Array): void {
    this.packer.begin(bytes);
  }

  place(length: number): number {
    return this.packer.place(length);
  }

  end(): number {
    return this.packer.end();
  }

  /** RESPONSE_AVAILABLE, in RNDIS' own form or in that of CDC; what it says exactly does not matter. */
  notification(bytes: Uint8Array): void {
    if (bytes.length > 0) void this.commands.fetch().catch(() => {});
  }

  async setFilter({ promiscuous, mac }: UsbNetFilter): Promise<void> {
    await this.commands.filter(promiscuous || (mac !== undefined && mac !== this.mac));
  }

  async statistics(): Promise<Record<string, number>> {
    const counters: Record<string, number> = {};
    for (const [name, oid] of [
      ['xmit_ok', RndisOid.GEN_XMIT_OK],
      ['rcv_ok', RndisOid.GEN_RCV_OK],
      ['xmit_error', RndisOid.GEN_XMIT_ERROR],
      ['rcv_error', RndisOid.GEN_RCV_ERROR],
      ['rcv_no_buffer', RndisOid.GEN_RCV_NO_BUFFER],
    ] as const) {
      const value = await this.commands.number(oid).catch(() => null);
      if (value !== null) counters[name] = value;
    }
    return counters;
  }

  start(): void {
    this.commands.start();
  }

  async stop(): Promise<void> {
    await this.commands.halt();
  }
}
