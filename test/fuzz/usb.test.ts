/**
 * Fuzzes what USB devices send: descriptors, blocks of NCM, packets of EEM and RNDIS, answers and notifications; good ones
 * spoiled, and noise. A parser says what is wrong by a NetError or in its FrameList; it never reads behind the transfer
 * (each input is parsed twice, with different bytes behind it: what is found has to be the same) and frames lie in the transfer.
 * Then whole devices that lie and fail at random under a port: it goes up or says why, and always closes with nothing in flight.
 *
 * FUZZ_COUNT: inputs each (default 3,000; 100,000 with LONG=true). FUZZ_SEED=n FUZZ_COUNT=1 runs one alone.
 */
import { describe, expect, test } from 'vitest';
import { parseNtbParameters } from '../../src/drivers/usb/cdc_ncm.js';
import { CdcEem } from '../../src/drivers/usb/cdc_eem.js';
import { cdcFunctions, CdcNotifications } from '../../src/drivers/usb/cdc.js';
import { parseConfiguration, parseDevice, parseString } from '../../src/drivers/usb/descriptors.js';
import { FakeUsbDevice, FakeUsbHost, stringDescriptor } from '../../src/drivers/usb/fake_usb.js';
import { probe } from '../../src/drivers/usb/families.js';
import { NTB16, NTB32, NtbReader, NtbWriter } from '../../src/drivers/usb/ntb.js';
import {
  rndisAnswer,
  rndisControl,
  rndisInit,
  RndisPacker,
  rndisUnpack,
} from '../../src/drivers/usb/rndis.js';
import { ecm, eem, IN, ncm, ncmParameters, NOTE, Rig, rndis, settle } from '../../src/drivers/usb/testing.js';
import { UsbStatus } from '../../src/drivers/usb/transport.js';
import { FrameList } from '../../src/drivers/usb/usb_net_driver.js';
import { NetError } from '../../src/net_error.js';
import { Random } from '../random.js';

const LONG = process.env.LONG === 'true';
const COUNT = Number(process.env.FUZZ_COUNT ?? (LONG ? 100_000 : 3_000));
const SEED = Number(process.env.FUZZ_SEED ?? (LONG ? Date.now() % 2 ** 30 : 1));
/** Whole devices take a thousand turns of the event loop each. */
const DEVICES = Math.max(1, Math.ceil(COUNT / 50));
const FRAME_BYTES = 1522;

function spoil(random: Random, good: Uint8Array): Uint8Array {
  if (random.once(5)) return random.fill(new Uint8Array(random.below(good.length + 16)));
  const bytes = new Uint8Array(random.once(2) ? good.length : random.below(good.length + 12));
  bytes.set(good.subarray(0, bytes.length));
  // Small numbers and borders do more than noise.
  if (bytes.length > 0)
    for (let n = random.below(6); n > 0; n--)
      bytes[place(random, bytes.length)] = random.pick([0, 1, 2, 4, 8, 12, 0x7f, 0x80, 0xff, random.u32()]);
  return bytes;
}

/** Headers are at the beginning, tables at the end. */
function place(random: Random, length: number): number {
  const near = Math.min(length, 40);
  if (random.once(3)) return random.below(length);
  return random.once(2) ? random.below(near) : length - 1 - random.below(near);
}

async function each(
  name: string,
  count: number,
  run: (random: Random) => void | Promise<void>,
): Promise<void> {
  for (let seed = SEED; seed < SEED + count; seed++) {
    try {
      await run(new Random(seed));
    } catch (cause) {
      throw new Error(`${name}: FUZZ_SEED=${seed} FUZZ_COUNT=1`, { cause });
    }
  }
}

/** Runs it; an operational error is an answer. */
function answer<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    expect(error.message).not.toBe('');
    return error.message;
  }
}

const found = ({ count, offsets, lengths, errors, fault, joined }: FrameList) => ({
  frames: Array.from({ length: count }, (_, i) => [offsets[i], lengths[i]]),
  errors,
  fault,
  joined: joined !== undefined,
});

type Unpack = (bytes: Uint8Array, length: number, frames: FrameList) => void;

/** Twice, with other bytes behind the transfer. */
function unpackTwice(input: Uint8Array, make: () => Unpack): void {
  const results = [0x00, 0xff].map((behind) => {
    const bytes = new Uint8Array(input.length + 64).fill(behind);
    bytes.set(input);
    const frames = new FrameList(Math.floor(input.length / 14) + 1);
    make()(bytes, input.length, frames);
    return found(frames);
  });
  expect(results[0]).toEqual(results[1]);
  let before = -1;
  for (const [offset, length] of results[0]!.frames) {
    expect(offset! + length! <= input.length && length! >= 14 && length! <= FRAME_BYTES).toBe(true);
    before = offset!;
  }
  const sorted = results[0]!.frames.toSorted((a, b) => a[0]! - b[0]!);
  for (const [i, [offset]] of sorted.entries())
    if (i > 0) expect(offset).toBeGreaterThanOrEqual(sorted[i - 1]![0]! + sorted[i - 1]![1]!);
  expect(before).toBeLessThan(input.length + 1);
}

function ntb(random: Random, format: typeof NTB16): Uint8Array {
  const rules = {
    bytes: 4096,
    divisor: random.pick([1, 4, 32]),
    remainder: 0,
    tableAlignment: random.pick([4, 16]),
    datagrams: 8,
    crc: random.once(3),
  };
  const bytes = new Uint8Array(rules.bytes);
  const writer = new NtbWriter(format, rules, 512);
  writer.begin(bytes);
  for (let n = random.below(6); n >= 0; n--) writer.place(14 + random.below(40));
  return bytes.slice(0, writer.end());
}

/** With the table in front of the datagrams, as devices may send it and ours does not. */
function tableFirst(random: Random, format: typeof NTB16): Uint8Array {
  const count = 1 + random.below(4);
  const step = format.entry / 2;
  const table = format.ndp + (count + 1) * format.entry;
  let end = format.nth + table;
  const entries = Array.from({ length: count }, () => {
    const length = 14 + random.below(40);
    end += length;
    return [end - length, length] as const;
  });
  const bytes = new Uint8Array(end);
  const put = (at: number, value: number, size: number) => {
    for (let i = 0; i < size; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
  };
  put(0, format.nthSignature, 4);
  put(4, format.nth, 2);
  put(8, end, step);
  put(8 + step, format.nth, step);
  put(format.nth, format.ndpSignature, 4);
  put(format.nth + 4, table, 2);
  for (const [i, [offset, length]] of entries.entries()) {
    put(format.nth + format.ndp + i * format.entry, offset, step);
    put(format.nth + format.ndp + i * format.entry + step, length, step);
  }
  return bytes;
}

describe(`what USB devices send, ${COUNT} inputs each from FUZZ_SEED=${SEED}`, () => {
  test('descriptors', async () => {
    const good = [ecm(), ncm(), eem(), rndis()];
    await each('descriptors', COUNT, (random) => {
      const device = random.pick(good);
      const bytes = spoil(random, random.pick(device.configurations));
      // The length that is told first stops most of it, unless it is right.
      if (bytes.length > 3 && random.once(2)) bytes.set([bytes.length & 0xff, bytes.length >> 8], 2);
      const told = answer(() => parseConfiguration(bytes));
      if (typeof told !== 'string') {
        for (const one of told.interfaces) {
          for (const record of one.extra) expect(record.length).toBe(record[0]);
          answer(() => cdcFunctions(one));
        }
      }
      answer(() => parseDevice(spoil(random, device.descriptor)));
      answer(() => parseString(spoil(random, stringDescriptor('0250B6A1C2D3'))));
      answer(() => parseNtbParameters(spoil(random, ncmParameters())));
      const { options } = device;
      const { faults } = probe(new FakeUsbDevice({ ...options, configurations: [bytes] }));
      expect(faults.length === 0).toBe(typeof told !== 'string');
    });
  });

  test('notifications in any pieces', async () => {
    const good = Uint8Array.of(0xa1, 0x2a, 0, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    await each('notifications', COUNT, (random) => {
      const notifications = new CdcNotifications((_code, _value, data) =>
        expect(data.length).toBeLessThanOrEqual(56),
      );
      for (let n = 0; n < 8; n++) notifications.push(spoil(random, good));
    });
  });

  test.each([NTB16, NTB32])('blocks of NCM, $bits bits', async (format) => {
    await each('ntb', COUNT, (random) => {
      const input = spoil(random, random.once(2) ? ntb(random, format) : tableFirst(random, format));
      unpackTwice(input, () => {
        const reader = new NtbReader(format, FRAME_BYTES);
        return (bytes, length, frames) => reader.unpack(bytes, length, frames);
      });
    });
  });

  test('packets of RNDIS', async () => {
    await each('rndis', COUNT, (random) => {
      const bytes = new Uint8Array(2048);
      const packer = new RndisPacker({ packets: 5, transferBytes: 2048, alignment: random.pick([1, 4, 8]) });
      packer.begin(bytes);
      for (let n = random.below(5); n >= 0; n--) packer.place(14 + random.below(40));
      unpackTwice(spoil(random, bytes.slice(0, packer.end())), () => (input, length, frames) => {
        rndisUnpack(input, length, FRAME_BYTES, frames);
      });
      const control = spoil(random, bytes.slice(0, 52));
      answer(() => {
        const message = rndisControl(control);
        if (message === null) return;
        answer(() => rndisInit(message.words));
        const data = answer(() => rndisAnswer(message.words, message.bytes, 'x'));
        if (typeof data !== 'string')
          expect(data.byteOffset + data.length).toBeLessThanOrEqual(control.length);
      });
    });
  });

  test('packets of EEM, over transfers', async () => {
    const endpoint = { address: 2, maxPacketSize: 512 };
    const handle = { transfer: () => ({ pending: false, submit: () => true, cancel() {} }) };
    await each('eem', COUNT, (random) => {
      const packed = new Uint8Array(1536);
      const packer = new CdcEem(handle, endpoint, endpoint);
      packer.begin(packed);
      for (let n = random.below(5); n >= 0; n--) packer.place(14 + random.below(40));
      unpackTwice(spoil(random, packed.slice(0, packer.end())), () => {
        const driver = new CdcEem(handle, endpoint, endpoint);
        return (bytes, length, frames) => driver.unpack(bytes, length, frames);
      });
      // Full transfers of noise: what is carried over never grows, and never leaves its frame.
      const driver = new CdcEem(handle, endpoint, endpoint);
      const full = random.fill(new Uint8Array(driver.rx.bytes));
      const frames = new FrameList(2000);
      for (let n = 0; n < 3; n++) {
        frames.clear();
        driver.unpack(full, full.length, frames);
        for (let i = 0; i < frames.count; i++)
          expect(frames.offsets[i]! + frames.lengths[i]!).toBeLessThanOrEqual(16386);
      }
    });
  });

  test(`${DEVICES} devices that lie and fail`, async () => {
    await each('devices', DEVICES, async (random) => {
      const model = random.pick([ecm, ncm, eem, rndis])();
      const { options } = model;
      const [rare, often] = [random.pick([2, 5, 50]), random.pick([3, 20])];
      const device = new FakeUsbDevice({
        ...options,
        configurations: options.configurations.map((bytes) =>
          random.once(4) ? spoil(random, bytes) : bytes,
        ),
        control: (setup, data) => {
          const right = options.control?.(setup, data) ?? new Uint8Array(0);
          if (random.once(rare * 4)) return null;
          return random.once(rare) ? spoil(random, right) : right;
        },
      });
      const host = new FakeUsbHost(device);
      const rig = new Rig(host, '1-1');
      rig.attach();
      for (let n = 0; n < 40; n++) {
        await settle(3);
        const status = random.once(often)
          ? random.pick([UsbStatus.STALL, UsbStatus.ERROR, UsbStatus.OVERFLOW])
          : UsbStatus.COMPLETED;
        device.send(random.pick([IN, IN, NOTE]), random.fill(new Uint8Array(random.below(700))), status);
        if (random.once(2)) rig.stand.tx(random.fill(new Uint8Array(14 + random.below(1600))));
        rig.port.txBurst();
        rig.received();
        rig.port.arm();
        if (random.once(60)) host.unplug(device);
      }
      await rig.port.close();
      expect(device.opened).toBe(device.closed);
      expect(host.watchers).toBe(0);
    });
  });
});
