import { afterEach, describe, expect, it } from 'vitest';
import { Port } from '../../../assembly/abi/layout.js';
import { FakeUsbDevice, FakeUsbHost } from './fake_usb.js';
import { bringUp, bringUp as up, closeRigs, ecm, fakeFrame as frame, Rig, settle } from './testing.js';
import { UsbStatus } from './transport.js';
import { parseUsb } from './usb_spec.js';

const IN = 0x81;
const OUT = 0x02;
const NOTE = 0x83;
/** Of the link's address, in front of the stand-in's port. */
const MAC_AT = 32;

afterEach(closeRigs);

describe('CDC-ECM', () => {
  it('brings the device up in the order that works, with its own address', async () => {
    const { device, rig } = await up();
    expect(rig.states).toEqual([true]);
    expect(rig.port.mac).toBe('02:50:b6:a1:c2:d3');
    expect(rig.port.mtu).toBe(1500);
    expect([...device.handle!.claimed]).toEqual([0, 1]);
    expect(device.handle!.alternates.get(1)).toBe(1);
    const filter = device.requests.find(({ setup }) => setup.request === 0x43);
    expect(filter?.setup).toMatchObject({
      requestType: 'class',
      recipient: 'interface',
      value: 0x0e,
      index: 0,
    });
  });

  it('carries frames both ways, an empty packet behind a whole number of packets', async () => {
    const { device, rig } = await up();
    for (const n of [60, 512, 1514]) rig.stand.tx(frame(n), Math.min(n, 40), 700);
    expect(rig.port.txBurst()).toBe(3);
    await settle();
    expect(device.sent(OUT)).toEqual([frame(60), frame(512), new Uint8Array(0), frame(1514)]);
    rig.port.arm();
    for (const n of [60, 1514]) device.send(IN, frame(n, 1));
    await settle();
    expect(rig.readables).toBe(1);
    expect(rig.received()).toEqual([frame(60, 1), frame(1514, 1)]);
    expect([rig.stand.rings.rxErrors, rig.stand.rings.txErrors]).toEqual([0, 0]);
  });

  it('counts frames that are too short or too long, and goes on', async () => {
    const { device, rig } = await up();
    device.send(IN, frame(13));
    device.send(IN, frame(1530));
    device.send(IN, new Uint8Array(0));
    device.send(IN, frame(60));
    await settle();
    expect(rig.received()).toEqual([frame(60)]);
    expect(rig.stand.rings.rxErrors).toBe(2);
    expect(rig.port.counters.rxFaults).toBe(2);
  });

  it('follows the cable by notifications, also in pieces of 8 bytes', async () => {
    const { device, rig } = await up();
    device.send(NOTE, Uint8Array.of(0xa1, 0, 0, 0, 0, 0, 0, 0));
    await settle();
    expect(rig.states.at(-1)).toMatchObject({ code: 'ENETDOWN' });
    device.send(NOTE, Uint8Array.of(0xa1, 0x2a, 0, 0, 0, 0, 8, 0, 0x80, 0x96, 0x98, 0, 0, 0xe1, 0xf5, 5));
    device.send(NOTE, Uint8Array.of(0xa1, 0, 1, 0, 0, 0, 0, 0));
    await settle();
    expect(rig.states.at(-1)).toBe(true);
    expect(rig.port.info).toMatchObject({ rxBps: 10_000_000, txBps: 100_000_000 });
  });

  it('lets frames wait while the device takes none, and says writable', async () => {
    const { device, rig } = await up();
    device.hold(true);
    for (let i = 0; i < 40; i++) rig.stand.tx(frame(60, i));
    expect(rig.port.txBurst()).toBe(32);
    expect(rig.stand.rings.txReady()).toBe(8);
    expect(rig.writables).toBe(0);
    device.hold(false);
    await settle();
    expect(rig.writables).toBe(1);
    expect(rig.port.txBurst()).toBe(8);
    await settle();
    expect(device.sent(OUT).map(([first]) => first)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it('clears a halt after everything on the endpoint has ended, and receives again', async () => {
    const { device, rig } = await up();
    device.send(IN, new Uint8Array(0), UsbStatus.STALL);
    await settle();
    expect(device.handle!.cleared).toEqual([IN]);
    device.send(IN, frame(60));
    await settle();
    expect(rig.received()).toEqual([frame(60)]);
    expect(rig.port.counters.stalls).toBe(1);
    expect(device.handle!.inFlight).toBe(33);
  });

  it('wants everything when the link has another address than the device', async () => {
    const { device, rig } = await up();
    const { rings } = rig.stand;
    rings.u8.set([2, 0, 0, 0, 0, 9], MAC_AT);
    rings.u32[(rings.port + Port.MAC) >>> 2] = MAC_AT;
    rig.port.arm();
    await settle();
    rings.u8.set([2, 0x50, 0xb6, 0xa1, 0xc2, 0xd3], MAC_AT);
    rig.port.arm();
    await settle();
    const filters = device.requests.filter(({ setup }) => setup.request === 0x43);
    expect(filters.map(({ setup }) => setup.value)).toEqual([0x0e, 0x0f, 0x0e]);
  });
});

describe('a USB port', () => {
  it('goes down at once when it is unplugged, leaks nothing, and comes back at another socket', async () => {
    const { host, device, rig } = await up();
    rig.stand.tx(frame(60));
    rig.port.txBurst();
    host.unplug(device);
    expect(rig.states.at(-1)).toMatchObject({ code: 'ENODEV' });
    await settle();
    expect([device.opened, device.closed]).toEqual([1, 1]);
    rig.stand.tx(frame(60));
    expect(rig.port.txBurst()).toBe(0);
    expect(rig.stand.rings.txReady()).toBe(0);
    const again = ecm('0250B6A1C2D3', '2-4');
    host.plug(again);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await settle();
    expect(rig.states.at(-1)).toBe(true);
    expect(rig.port.info?.path).toBe('2-4');
    again.send(IN, frame(60));
    await settle();
    expect(rig.received()).toEqual([frame(60)]);
    await rig.port.close();
    expect([again.opened, again.closed, host.watchers]).toEqual([1, 1, 0]);
  });

  it('tells the address of another device, and not that of the same', async () => {
    const { host, device, rig } = await bringUp();
    for (const [i, next] of [ecm(), ecm('0250B6000001', '1-2')].entries()) {
      host.unplug(i === 0 ? device : (host.devices()[0] as FakeUsbDevice));
      await settle();
      host.plug(next);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await settle();
    }
    expect(rig.states.at(-1)).toBe(true);
    // The first is that of the link, made before anybody knew the device.
    expect(rig.addresses).toEqual(['02:50:b6:a1:c2:d3', '02:50:b6:00:00:01']);
  });

  it('says why there is nothing, once', async () => {
    const host = new FakeUsbHost();
    const rig = new Rig(host, '0b95:1790');
    rig.attach();
    await settle();
    expect(rig.states).toHaveLength(1);
    expect(rig.states[0]).toMatchObject({
      code: 'ENODEV',
      message: 'usb:0b95:1790: no such USB device is plugged in',
    });
  });

  it('refuses a device whose address is none, and tells so', async () => {
    const { rig, device } = await up(ecm('0250B6A1C2'));
    expect(rig.states).toHaveLength(1);
    expect(rig.states[0]).toMatchObject({
      code: 'EPROTO',
      message: expect.stringMatching(/'0250B6A1C2'; twelve hexadecimal digits/),
    });
    expect(device.opened).toBe(device.closed);
  });

  it.each(['0525:a4a2', 'S1', '1-1', 'enx0250b6a1c2d3', 'auto', 'auto@1', 'S1@cdc_ether'])(
    'is found as usb:%s',
    async (spec) => {
      const { rig } = await up(ecm(), spec);
      expect(rig.states).toEqual([true]);
    },
  );

  it('takes no adapter by itself that somebody works with', async () => {
    const { options } = ecm();
    const device = new FakeUsbDevice({
      ...options,
      owners: [{ interface: 0, driver: 'cdc_ether', netdev: 'usb0', inUse: true }],
    });
    const { rig } = await up(device);
    expect(rig.states[0]).toMatchObject({
      code: 'EBUSY',
      message: expect.stringMatching(/name the one to take/),
    });
    const named = await up(device, '0525:a4a2');
    expect(named.rig.states).toEqual([true]);
  });
});

describe('the words for a USB device', () => {
  it.each([
    ['', /no device is named/],
    ['0b95', undefined],
    ['0b95:17', /not VENDOR:PRODUCT/],
    ['0b95:1790@', /neither a configuration nor a driver/],
    ['a b', /has a space/],
  ])('usb:%s', (text, message) => {
    if (message === undefined) expect(parseUsb(text)).toEqual({ choice: { kind: 'word', word: text } });
    else expect(() => parseUsb(text)).toThrow(message);
  });
});

describe('receiving straight into descriptors', () => {
  it('keeps the order when transfers in between bring nothing, round and round', async () => {
    const { device, rig } = await bringUp();
    const got: number[] = [];
    const expected: number[] = [];
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 7; i++) {
        const n = round * 7 + i;
        if (n % 3 === 1) device.send(IN, frame(5));
        if (n % 5 === 2) device.send(IN, new Uint8Array(0));
        if (n % 11 === 4) device.send(IN, new Uint8Array(0), UsbStatus.ERROR);
        const one = frame(60 + (n % 900), n);
        one[0] = n & 0xff;
        expected.push(n & 0xff, one.length);
        device.send(IN, one);
      }
      await settle(round % 4);
      for (const one of rig.received()) got.push(one[0]!, one.length);
    }
    await settle();
    for (const one of rig.received()) got.push(one[0]!, one.length);
    expect(got).toEqual(expected);
    const buffers = Array.from({ length: 64 }, (_, i) => rig.stand.rings.rxBuf(rig.stand.rings.rxDesc(i)));
    expect(new Set(buffers).size).toBe(64);
    expect(device.handle!.inFlight).toBe(33);
  });
});
