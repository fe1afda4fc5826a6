import { afterEach, describe, expect, it } from 'vitest';
import { FakeUsbDevice, FakeUsbHost } from '../drivers/usb/fake_usb.js';
import { closeRigs, ecm, eem, IN, OUT, settle } from '../drivers/usb/testing.js';
import type { UsbHost } from '../drivers/usb/transport.js';
import { NetError } from '../net_error.js';
import { runUsb, type UsbOptions } from './usb_run.js';

afterEach(closeRigs);

async function run(
  host: UsbHost | NetError,
  name: 'list' | 'info' | 'test',
  options: UsbOptions = {},
  device = '',
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const output = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const open = () => (host instanceof NetError ? Promise.reject(host) : Promise.resolve(host));
  const code = await runUsb(name, options, device, output, open);
  return { code, out, err };
}

const owned = (inUse: boolean) => {
  const { options } = ecm();
  return new FakeUsbDevice({
    ...options,
    serial: 'S\u001b[1m',
    owners: [{ interface: 0, driver: 'cdc_ether', netdev: 'usb0', mac: '02:50:b6:a1:c2:d3', inUse }],
    problem: {
      what: '/dev/bus/usb/001/004 belongs to root:root, mode 664',
      remedy: ['sudo udevadm trigger'],
    },
  });
};

describe('ww usb', () => {
  it('is sensible where there is nothing', async () => {
    expect(await run(new FakeUsbHost(), 'list')).toEqual({
      code: 0,
      out: 'no USB device is plugged in\n',
      err: '',
    });
    expect(await run(new FakeUsbHost(), 'list', { json: true })).toMatchObject({ code: 0, out: '[]\n' });
    const none = new NetError('ENOSYS', 'USB cannot be used: libudev.so.1 is missing');
    expect(await run(none, 'list')).toMatchObject({
      code: 1,
      err: 'ww usb: USB cannot be used: libudev.so.1 is missing\n',
    });
    expect(await run(new FakeUsbHost(), 'info', {}, '0b95:1790')).toMatchObject({
      code: 1,
      err: 'ww usb: no such USB device is plugged in\n',
    });
    expect(await run(new FakeUsbHost(), 'info', {}, '0b95:')).toMatchObject({ code: 2 });
  });

  it('lists what there is, by which driver, who has it and what is missing', async () => {
    const { out } = await run(new FakeUsbHost(owned(true)), 'list');
    expect(out).toBe(`usb:0525:a4a2  at 1-1
  serial   usb:S·[1m
  name     enx0250b6a1c2d3
  driver   cdc_ether, configuration 1, interface 0
  free     no: the system works with it (cdc_ether, usb0 has addresses)
  access   no: /dev/bus/usb/001/004 belongs to root:root, mode 664; to change that:
    sudo udevadm trigger
`);
    const [line] = JSON.parse(
      (await run(new FakeUsbHost(owned(false)), 'list', { json: true })).out,
    ) as object[];
    expect(line).toMatchObject({
      id: '0525:a4a2',
      free: true,
      drivers: [{ name: 'cdc_ether', configuration: 1 }],
    });
  });

  it('tells all of a device, and takes none that the system works with', async () => {
    const device = ecm();
    const { code, out } = await run(new FakeUsbHost(device), 'info', { json: true }, 'auto');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      usb: '2.0',
      configurations: [
        {
          value: 1,
          interfaces: [{ number: 0, endpoints: [{ address: '0x83', type: 'interrupt' }] }, {}, {}],
        },
      ],
      live: { driver: 'cdc_ether', mac: '02:50:b6:a1:c2:d3', mtu: 1500, link: true },
    });
    expect([device.opened, device.closed]).toEqual([1, 1]);
    const used = owned(true);
    const text = (await run(new FakeUsbHost(used), 'info', {}, '0525:a4a2')).out;
    expect(text).toMatch(/why {2}not asked: cdc_ether of the system works with it as usb0/);
    expect(used.opened).toBe(0);
  });

  it('tests a device with a loopback plug, and says what got lost', async () => {
    for (const lossy of [false, true]) {
      const device = ecm();
      const done = run(new FakeUsbHost(device), 'test', { json: true, count: 2 }, 'auto');
      let running = true;
      void done.finally(() => {
        running = false;
      });
      while (running) {
        await settle(2);
        for (const frame of device.sent(OUT))
          if (frame.length > 0 && !(lossy && frame.length === 1025)) device.send(IN, frame);
      }
      const { code, out } = await done;
      expect(code).toBe(lossy ? 1 : 0);
      expect(JSON.parse(out)).toMatchObject({
        ok: !lossy,
        results: [{ sent: 38, received: lossy ? 36 : 38, damaged: 0, sizesLost: lossy ? [1025] : [] }],
      });
    }
  });

  it('lists other devices only when asked, broken ones always', async () => {
    const { options } = eem();
    const broken = new FakeUsbDevice({
      ...options,
      configurations: [Uint8Array.of(9, 2, 99, 0, 0, 0, 0, 0, 0)],
    });
    const { out } = await run(new FakeUsbHost(broken), 'list');
    expect(out).toMatch(/broken {3}broken USB descriptor: wTotalLength is 99, but the device sent 9 bytes/);
  });
});
