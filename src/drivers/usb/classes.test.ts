import { afterEach, describe, expect, it, vi } from 'vitest';
import { crc32 } from './crc32.js';
import { NTB16, NTB32, NtbReader, NtbWriter } from './ntb.js';
import { rndisMessage, RndisMsg } from './rndis.js';
import {
  bringUp,
  closeRigs,
  eem,
  fakeFrame as frame,
  IN,
  ncm,
  ncmParameters,
  NOTE,
  OUT,
  rndis,
  said,
  settle,
} from './testing.js';
import { parseNtbParameters } from './cdc_ncm.js';
import { FrameList } from './usb_net_driver.js';

afterEach(closeRigs);

const CONNECTED = Uint8Array.of(0xa1, 0, 1, 0, 0, 0, 0, 0);
const framesOf = (bytes: Uint8Array, { count, offsets, lengths }: FrameList) =>
  Array.from({ length: count }, (_, i) => bytes.slice(offsets[i]!, offsets[i]! + lengths[i]!));

describe('CRC-32', () => {
  it('is that of Ethernet', () => {
    expect(crc32(new TextEncoder().encode('123456789'), 0, 9)).toBe(0xcbf43926);
  });
});

describe('CDC-NCM', () => {
  it('is settled before frames: format, CRC mode, then alternate 1; the link waits for a notification', async () => {
    const { device, rig } = await bringUp(ncm());
    expect(rig.states).toMatchObject([{ code: 'ENETDOWN' }]);
    expect(device.requests.map(({ setup }) => setup.request)).toEqual([6, 0x80, 0x84, 0x8a, 0x89, 0x43]);
    expect(device.handle!.alternates.get(1)).toBe(1);
    device.send(NOTE, CONNECTED);
    await settle();
    expect(rig.states.at(-1)).toBe(true);
    expect(rig.port.mac).toBe('02:50:b6:a1:c2:d3');
  });

  it('makes one block of a burst, byte for byte', async () => {
    const { device, rig } = await bringUp(ncm());
    for (const n of [60, 61]) rig.stand.tx(frame(n));
    expect(rig.port.txBurst()).toBe(2);
    await settle();
    const [block, ...more] = device.sent(OUT);
    expect(more).toEqual([]);
    // remainder 0 of 4 for the payload: frames begin at 2 of 4.
    expect([...block!.subarray(0, 14)]).toEqual([0x4e, 0x43, 0x4d, 0x48, 12, 0, 0, 0, 156, 0, 136, 0, 0, 0]);
    expect(block!.subarray(14, 74)).toEqual(frame(60));
    expect(block!.subarray(74, 135)).toEqual(frame(61));
    expect([...block!.subarray(136)]).toEqual([
      0x4e, 0x43, 0x4d, 0x30, 20, 0, 0, 0, 14, 0, 60, 0, 74, 0, 61, 0, 0, 0, 0, 0,
    ]);
  });

  it.each([NTB16, NTB32])(
    'reads what it writes, $bits bits, with and without CRC, within all limits',
    (format) => {
      for (const crc of [false, true]) {
        const rules = { bytes: 4096, divisor: 32, remainder: 6, tableAlignment: 8, datagrams: 5, crc };
        const writer = new NtbWriter(format, rules, 512);
        const reader = new NtbReader(format, 1522);
        const frames = new FrameList(300);
        for (const sizes of [[14], [60, 1514, 1514], [100, 101, 102, 103, 104, 105], [1514, 1514, 1514]]) {
          const bytes = new Uint8Array(rules.bytes);
          writer.begin(bytes);
          const placed = sizes.filter((n, i) => {
            const at = writer.place(n);
            if (at < 0) return false;
            expect((at + 14) % 32).toBe(6);
            bytes.set(frame(n, i), at);
            return true;
          });
          const length = writer.end();
          expect(length % 512 === 0 && length < 4096).toBe(false);
          frames.clear();
          reader.unpack(bytes, length, frames);
          expect([frames.errors, frames.fault]).toEqual([0, '']);
          expect(framesOf(bytes, frames)).toEqual(placed.map((n, i) => frame(n, i)));
          expect(placed.length).toBe(Math.min(sizes.length, sizes[0] === 1514 ? 2 : 5));
        }
        expect(reader.gaps).toBe(0);
      }
    },
  );

  it('delivers all frames of a block, over several bursts, and counts blocks that are missing', async () => {
    const { device, rig } = await bringUp(ncm());
    const writer = new NtbWriter(
      NTB16,
      { bytes: 16384, divisor: 4, remainder: 2, tableAlignment: 4, datagrams: 64, crc: false },
      512,
    );
    for (const seed of [0, 1]) {
      const bytes = new Uint8Array(16384);
      writer.begin(bytes);
      for (let i = 0; i < 50; i++) bytes.set(frame(60, seed + i), writer.place(60));
      device.send(IN, bytes.subarray(0, writer.end()));
    }
    await settle();
    expect(rig.received().length).toBe(64);
    expect(rig.received().map(([first]) => first)).toEqual(Array.from({ length: 36 }, (_, i) => 15 + i));
  });

  it.each([
    ['a short header', (b: Uint8Array) => b.subarray(0, 11), /11 bytes; its header has 12/],
    ['another signature', patch(0, 0x4f), /no NTH16/],
    ['another header length', patch(4, 16), /wHeaderLength is 16/],
    ['a block longer than the transfer', patch(9, 0x7f), /the transfer 156/],
    ['a table behind the block', patch(11, 0x7f), /a table at \d+ of a block/],
    ['a table without its signature', patch(136, 0), /no NDP16/],
    ['a table longer than the block', patch(141, 0x10), /the table at 136 has/],
    ['a table that comes round', patch(142, 136), /comes round again/],
    ['a datagram behind the block', patch(145, 0x10), /a datagram of 60 bytes at 4110/],
    ['a datagram over another', patch(148, 40), /over another one/],
    ['a datagram over its table', patch(148, 80), /over its table/],
    ['a datagram of 5 bytes', patch(150, 5), /a datagram of 5 bytes/],
  ])('names %s', (_name, spoil, fault) => {
    const bytes = new Uint8Array(4096);
    const writer = new NtbWriter(
      NTB16,
      { bytes: 4096, divisor: 4, remainder: 0, tableAlignment: 4, datagrams: 9, crc: false },
      512,
    );
    writer.begin(bytes);
    bytes.set(frame(60), writer.place(60));
    bytes.set(frame(61), writer.place(61));
    const block = spoil(bytes.slice(0, writer.end()));
    const frames = new FrameList(300);
    new NtbReader(NTB16, 1522).unpack(block, block.length, frames);
    expect(frames.errors).toBe(1);
    expect(frames.fault).toMatch(fault);
  });

  it('names parameters that no block could be made of', () => {
    expect(() => parseNtbParameters(ncmParameters().subarray(0, 27))).toThrow(/27 bytes; they have 28/);
    expect(() => parseNtbParameters(ncmParameters({ formats: 0 }))).toThrow(/no format/);
    expect(() => parseNtbParameters(ncmParameters({ outBytes: 100 }))).toThrow(
      /blocks of 16384 and 100 bytes/,
    );
    expect(parseNtbParameters(ncmParameters({ divisor: 0, alignment: 3 }))).toMatchObject({
      divisor: 1,
      alignment: 4,
    });
  });

  it('uses 32-bit blocks where there are no others, and CRCs where the device insists', async () => {
    const { device, rig } = await bringUp(ncm({ formats: 2, crc: true }));
    rig.stand.tx(frame(60));
    rig.port.txBurst();
    await settle();
    const [block] = device.sent(OUT);
    const frames = new FrameList(300);
    new NtbReader(NTB32, 1522).unpack(block!, block!.length, frames);
    expect([frames.fault, framesOf(block!, frames)]).toEqual(['', [frame(60)]]);
    expect(new TextDecoder().decode(block!.subarray(84, 88))).toBe('ncm1');
  });
});

function patch(at: number, value: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    bytes[at] = value;
    return bytes;
  };
}

describe('CDC-EEM', () => {
  const packet = (header: number, ...rest: readonly Uint8Array[]) =>
    Uint8Array.from([header & 0xff, header >> 8, ...rest.flatMap((one) => [...one])]);
  const SENTINEL = Uint8Array.of(0xde, 0xad, 0xbe, 0xef);
  const data = (f: Uint8Array) => packet(f.length + 4, f, SENTINEL);

  it('carries frames both ways, small ones together, never a whole number of packets', async () => {
    const { device, rig } = await bringUp(eem());
    expect(rig.states).toEqual([true]);
    for (const n of [60, 440, 1514]) rig.stand.tx(frame(n));
    expect(rig.port.txBurst()).toBe(3);
    await settle();
    const zero = Uint8Array.of(0, 0);
    expect(device.sent(OUT)).toEqual([
      Uint8Array.from([...data(frame(60)), ...data(frame(440)), ...zero]),
      data(frame(1514)),
    ]);
    device.send(IN, Uint8Array.from([...data(frame(60)), ...zero, ...data(frame(70))]));
    await settle();
    expect(rig.received()).toEqual([frame(60), frame(70)]);
  });

  it('checks CRCs where they are, and joins a packet that goes on in the next transfer', async () => {
    const { device, rig } = await bringUp(eem());
    const crc = crc32(frame(60), 0, 60);
    const fcs = Uint8Array.from([0, 8, 16, 24], (shift) => (crc >>> shift) & 0xff);
    device.send(IN, packet(0x4000 | 64, frame(60), fcs));
    device.send(IN, packet(0x4000 | 64, frame(60), SENTINEL));
    const many = Uint8Array.from(Array.from({ length: 12 }, (_, i) => [...data(frame(1500, i))]).flat());
    device.send(IN, many);
    await settle();
    expect(rig.received()).toEqual([frame(60), ...Array.from({ length: 12 }, (_, i) => frame(1500, i))]);
    expect(rig.stand.rings.rxErrors).toBe(1);
  });

  it('answers an echo', async () => {
    const { device, rig } = await bringUp(eem());
    device.send(IN, packet(0x8000 | 5, Uint8Array.of(1, 2, 3, 4, 5)));
    await settle();
    rig.received();
    await settle();
    expect(device.sent(OUT)).toEqual([packet(0x8800 | 5, Uint8Array.of(1, 2, 3, 4, 5))]);
  });

  it('names a packet that is not whole', async () => {
    const { device, rig } = await bringUp(eem());
    device.send(IN, data(frame(100)).subarray(0, 50));
    device.send(IN, data(frame(60)));
    await settle();
    expect(rig.received()).toEqual([frame(60)]);
    expect(rig.stand.rings.rxErrors).toBe(1);
  });
});

describe('RNDIS', () => {
  const data = (f: Uint8Array, pad = 0) =>
    rndisMessage(
      RndisMsg.PACKET,
      [36, f.length, 0, 0, 0, 0, 0, 0, 0],
      Uint8Array.from([...f, ...new Uint8Array(pad)]),
    );
  const longer = async () => {
    for (let i = 0; i < 12; i++) {
      await new Promise((resolve) => setTimeout(resolve, 12));
      await settle();
    }
  };

  it('comes up without a notification, packs as many packets as the device takes', async () => {
    const { device, rig } = await bringUp(rndis());
    await longer();
    expect(rig.states).toEqual([true]);
    expect(rig.port.mac).toBe('02:50:b6:a1:c2:d3');
    for (const n of [60, 61, 62, 63, 64]) rig.stand.tx(frame(n));
    expect(rig.port.txBurst()).toBe(5);
    await settle();
    const sent = device.sent(OUT);
    expect(sent[0]).toEqual(
      Uint8Array.from([...data(frame(60)), ...data(frame(61), 3), ...data(frame(62), 2), ...data(frame(63))]),
    );
    expect(sent[1]).toEqual(data(frame(64)));
    device.send(IN, Uint8Array.from([...data(frame(60)), ...data(frame(61), 3), 0]));
    await settle();
    expect(rig.received()).toEqual([frame(60), frame(61)]);
    expect(rig.stand.rings.rxErrors).toBe(0);
  });

  it('follows the cable and answers a keepalive of the device', async () => {
    const { device, rig } = await bringUp(rndis());
    await longer();
    said
      .get(device)!
      .push(rndisMessage(RndisMsg.INDICATE, [0x4001000c, 0, 0]), rndisMessage(RndisMsg.KEEPALIVE, [77]));
    device.send(NOTE, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    await longer();
    expect(rig.states.at(-1)).toMatchObject({ code: 'ENETDOWN' });
    const answers = device.requests.filter(({ setup }) => setup.request === 0).map(({ data: sent }) => sent);
    expect(answers.at(-1)).toEqual(rndisMessage((RndisMsg.KEEPALIVE | RndisMsg.COMPLETION) >>> 0, [77, 0]));
  });

  it('is told to halt when the port is closed', async () => {
    const { device, rig } = await bringUp(rndis());
    await longer();
    await rig.port.close();
    expect(device.requests.at(-1)?.data?.[0]).toBe(RndisMsg.HALT);
  });

  it.each([
    ['cut off', (a: Uint8Array) => a.subarray(0, 20), /says that it has 52 bytes, 20 came/],
    ['with another medium', patch(28, 9), /the medium is 9/],
    ['with an absurd alignment', patch(40, 9), /PacketAlignmentFactor is 9/],
    ['with transfers that hold nothing', patch(37, 0), /hold no frame/],
    ['refused', patch(12, 1), /INITIALIZE was refused/],
  ])('names an INITIALIZE_CMPLT that is %s', async (_name, spoil, message) => {
    const { device, rig } = await bringUp(rndis({ spoil }));
    await longer();
    expect(rig.states[0]).toMatchObject({ code: 'EPROTO', message: expect.stringMatching(message) });
    expect(device.closed).toBe(device.opened);
  });

  it('tells of a device that does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const { rig } = await bringUp(rndis({ silent: true }));
      for (let i = 0; i < 200 && rig.states.length === 0; i++) {
        vi.advanceTimersByTime(80);
        await settle();
      }
      expect(rig.states[0]).toMatchObject({
        code: 'ETIMEDOUT',
        message: expect.stringMatching(/does not answer INIT/),
      });
    } finally {
      vi.useRealTimers();
    }
  });
});
