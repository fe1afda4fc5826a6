import { describe, expect, it } from 'vitest';
import { parseSerial } from './serial_spec.js';

describe('a line to a board', () => {
  it.each([
    ['/dev/ttyUSB0', { kind: 'tty', path: '/dev/ttyUSB0', baud: 115200 }],
    ['/dev/ttyACM1@921600', { kind: 'tty', path: '/dev/ttyACM1', baud: 921600 }],
    ['tcp://192.0.2.1:4001', { kind: 'tcp', host: '192.0.2.1', port: 4001 }],
    ['tcp://[2001:db8::1]:4001', { kind: 'tcp', host: '2001:db8::1', port: 4001 }],
    ['qemu:virt64', { kind: 'qemu', board: 'virt64', nets: [{ kind: 'user' }] }],
    [
      'qemu:virt32@tap:ww0+user',
      { kind: 'qemu', board: 'virt32', nets: [{ kind: 'tap', ifName: 'ww0' }, { kind: 'user' }] },
    ],
    [
      'qemu:sifive_u@udp:127.0.0.1:1-127.0.0.1:2',
      {
        kind: 'qemu',
        board: 'sifive_u',
        nets: [{ kind: 'udp', local: '127.0.0.1:1', remote: '127.0.0.1:2' }],
      },
    ],
  ])('%s', (text, spec) => {
    expect(parseSerial(text)).toEqual(spec);
  });

  it.each([
    ['ttyUSB0', 'neither a tty, tcp:// nor qemu:'],
    ['/dev/ttyUSB0@fast', "'fast' is no rate"],
    ['tcp://192.0.2.1', 'no HOST:PORT'],
    ['tcp://192.0.2.1:99999', 'no HOST:PORT'],
    ['qemu:vax', "no virtual board 'vax'; there are virt64, virt32, sifive_u"],
    ['qemu:virt64@tap:', 'is no network for a virtual board'],
    ['qemu:virt64@tap:a,script=/bin/sh', 'is no network for a virtual board'],
  ])('%s is refused with what would be right', (text, why) => {
    expect(() => parseSerial(text)).toThrow(why);
  });
});
