/** What the tests of USB drivers share: fake devices of each class, and a port over one of them with a stand-in for the core. */
import type { NetError } from '../../net_error.js';
import { StandInPort } from '../stand_in_port.js';
import {
  configurationDescriptor,
  deviceDescriptor,
  FakeUsbDevice,
  FakeUsbHost,
  stringDescriptor,
} from './fake_usb.js';
import { rndisMessage, RndisMsg, RndisOid } from './rndis.js';
import type { UsbSetup } from './transport.js';
import { UsbPort } from './usb_port.js';
import { parseUsb } from './usb_spec.js';

export const IN = 0x81;
export const OUT = 0x02;
export const NOTE = 0x83;
const MAC_TEXT = '0250B6A1C2D3';

export function ecm(macText = '0250B6A1C2D3', path = '1-1'): FakeUsbDevice {
  const functional = [
    [0, 0x10, 1],
    [6, 0, 1],
    [15, 4, 0, 0, 0, 0, 0xea, 5, 0, 0, 0],
  ];
  const endpoints = [
    [IN, 2, 512],
    [OUT, 2, 512],
  ] as const;
  return new FakeUsbDevice({
    path,
    serial: 'S1',
    descriptor: deviceDescriptor(0x0525, 0xa4a2),
    configurations: [
      configurationDescriptor(1, [
        { number: 0, kind: [2, 6, 0], functional, endpoints: [[NOTE, 3, 8]] },
        { number: 1, kind: [10, 0, 0] },
        { number: 1, alternate: 1, kind: [10, 0, 0], endpoints },
      ]),
    ],
    control: ({ request, value }) =>
      request === 6 && value === 0x304 ? stringDescriptor(macText) : new Uint8Array(0),
  });
}

export interface NcmFake {
  formats?: number;
  inBytes?: number;
  outBytes?: number;
  divisor?: number;
  remainder?: number;
  alignment?: number;
  datagrams?: number;
  /** In CRC mode whatever it is told. */
  crc?: boolean;
  capabilities?: number;
}

export function ncmParameters(fake: NcmFake = {}): Uint8Array {
  const {
    formats = 3,
    inBytes = 16384,
    outBytes = 16384,
    divisor = 4,
    remainder = 0,
    alignment = 4,
    datagrams = 0,
  } = fake;
  const view = new DataView(new ArrayBuffer(28));
  view.setUint16(0, 28, true);
  view.setUint16(2, formats, true);
  view.setUint32(4, inBytes, true);
  view.setUint16(8, 4, true);
  view.setUint16(12, 4, true);
  view.setUint32(16, outBytes, true);
  view.setUint16(20, divisor, true);
  view.setUint16(22, remainder, true);
  view.setUint16(24, alignment, true);
  view.setUint16(26, datagrams, true);
  return new Uint8Array(view.buffer);
}

export function ncm(fake: NcmFake = {}): FakeUsbDevice {
  const functional = [
    [0, 0x10, 1],
    [6, 0, 1],
    [15, 4, 0, 0, 0, 0, 0xea, 5, 0, 0, 0],
    [26, 0, 1, fake.capabilities ?? 0x11],
  ];
  const endpoints = [
    [IN, 2, 512],
    [OUT, 2, 512],
  ] as const;
  return new FakeUsbDevice({
    descriptor: deviceDescriptor(0x0525, 0xa4a1),
    configurations: [
      configurationDescriptor(1, [
        { number: 0, kind: [2, 13, 0], functional, endpoints: [[NOTE, 3, 16]] },
        { number: 1, kind: [10, 0, 1] },
        { number: 1, alternate: 1, kind: [10, 0, 1], endpoints },
      ]),
    ],
    control: ({ request }) => {
      if (request === 6) return stringDescriptor(MAC_TEXT);
      if (request === 0x80) return ncmParameters(fake);
      if (request === 0x89) return Uint8Array.of(fake.crc === true ? 1 : 0, 0);
      return new Uint8Array(0);
    },
  });
}

export function eem(): FakeUsbDevice {
  const endpoints = [
    [IN, 2, 512],
    [OUT, 2, 512],
  ] as const;
  return new FakeUsbDevice({
    descriptor: deviceDescriptor(0x0525, 0xa4a3),
    configurations: [configurationDescriptor(1, [{ number: 0, kind: [2, 12, 7], endpoints }])],
  });
}

export interface RndisFake {
  packets?: number;
  transferBytes?: number;
  alignment?: number;
  /** Changes an answer before it goes out. */
  spoil?: (answer: Uint8Array) => Uint8Array;
  silent?: boolean;
}

export function rndis(fake: RndisFake = {}): FakeUsbDevice {
  const { packets = 4, transferBytes = 4096, alignment = 2, spoil = (a: Uint8Array) => a } = fake;
  const answers: Uint8Array[] = [];
  const word = (b: Uint8Array, at: number) => new DataView(b.buffer, b.byteOffset).getUint32(at, true);
  const completion = (type: RndisMsg) => (type | RndisMsg.COMPLETION) >>> 0;
  const take = (message: Uint8Array) => {
    const [type, id] = [word(message, 0), word(message, 8)];
    if (type === RndisMsg.INIT)
      answers.push(
        rndisMessage(completion(type), [id, 0, 1, 0, 1, 0, packets, transferBytes, alignment, 0, 0]),
      );
    else if (type === RndisMsg.QUERY && word(message, 12) === RndisOid.PERMANENT_ADDRESS_802_3)
      answers.push(
        rndisMessage(completion(type), [id, 0, 6, 16], Uint8Array.of(2, 0x50, 0xb6, 0xa1, 0xc2, 0xd3)),
      );
    else if (type === RndisMsg.QUERY) answers.push(rndisMessage(completion(type), [id, 0xc00000bb, 0, 0]));
    else if (type === RndisMsg.SET || type === RndisMsg.KEEPALIVE)
      answers.push(rndisMessage(completion(type), [id, 0]));
  };
  const device = new FakeUsbDevice({
    descriptor: deviceDescriptor(0x0525, 0xa4a2),
    configurations: [
      configurationDescriptor(1, [
        { number: 0, kind: [2, 2, 0xff], functional: [[6, 0, 1]], endpoints: [[NOTE, 3, 8]] },
        {
          number: 1,
          kind: [10, 0, 0],
          endpoints: [
            [IN, 2, 64],
            [OUT, 2, 64],
          ],
        },
      ]),
    ],
    control: ({ request }: UsbSetup, data) => {
      if (request === 0 && data !== undefined && fake.silent !== true) take(data);
      if (request !== 1) return new Uint8Array(0);
      const answer = answers.shift();
      return answer === undefined ? Uint8Array.of(0) : spoil(answer);
    },
  });
  said.set(device, answers);
  return device;
}

/** What an RNDIS device is going to say by itself. */
export const said = new WeakMap<FakeUsbDevice, Uint8Array[]>();

const turn = () => new Promise((resolve) => setImmediate(resolve));
export const settle = async (turns = 30) => {
  for (let i = 0; i < turns; i++) await turn();
};
export const fakeFrame = (n: number, seed = 0) =>
  Uint8Array.from({ length: n }, (_, i) => (i * 7 + seed) & 0xff);
const open: UsbPort[] = [];
export async function closeRigs(): Promise<void> {
  for (const each of open.splice(0)) await each.close();
}

export class Rig {
  readonly port: UsbPort;
  readonly stand = new StandInPort({ entries: 64 });
  readonly states: (true | NetError)[] = [];
  readonly addresses: string[] = [];
  readables = 0;
  writables = 0;

  constructor(host: FakeUsbHost, spec = 'auto', options: { mac?: string } = {}) {
    this.port = new UsbPort(`usb:${spec}`, parseUsb(spec), { ...options, host: () => Promise.resolve(host) });
    open.push(this.port);
  }

  attach(): void {
    this.port.attach(this.stand.rings, {
      readable: () => void this.readables++,
      writable: () => void this.writables++,
      state: (up, why) => void this.states.push(up || why!),
      address: (mac) => void this.addresses.push(mac),
    });
  }

  received(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.stand.rx(this.port.rxBurst(64), (each) => frames.push(each));
    return frames;
  }
}

export async function bringUp(
  device = ecm(),
  spec = 'auto',
  options: { mac?: string } = {},
): Promise<{ host: FakeUsbHost; device: FakeUsbDevice; rig: Rig }> {
  const host = new FakeUsbHost(device);
  const rig = new Rig(host, spec, options);
  rig.attach();
  await settle();
  return { host, device, rig };
}
