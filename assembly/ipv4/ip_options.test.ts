import { beforeEach, describe, expect, it } from 'vitest';
import { Lab, counting, icmp, ip, packet, sum16, tcp } from '../../test/ipv4_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';
import { Ipv4Conf } from '../abi/sysctl.js';

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create();
});

const addr = (text: string) => text.split('.').map(Number);
const forward = (options: number[], f = {}) =>
  lab.rcv(packet({ proto: 17, dst: '10.0.2.2', options, payload: counting(20), ...f }));
const ping = (options: number[]) =>
  lab.rcv(packet({ proto: 1, options, payload: icmp(8, 0, 1, counting(8)) }));
/** Options of the header of what was sent. */
const optionsOf = (bytes: Buffer) => [...bytes.subarray(20, (bytes[0]! & 15) * 4)];
const NONE = [0, 0, 0, 0];

describe('forwarding', () => {
  it('records the address by which the packet leaves', () => {
    const [out] = forward([7, 11, 4, ...NONE, ...NONE, 0]);
    expect(optionsOf(out!.bytes)).toEqual([7, 11, 8, ...addr('10.0.2.1'), ...NONE, 0]);
    expect(sum16(out!.bytes.subarray(0, 32))).toBe(0xffff);
    expect(lab.end()).toBe(0);
  });

  it('leaves a full record route as it is, and clears what stands behind END', () => {
    expect(optionsOf(forward([7, 7, 8, 1, 2, 3, 4, 0])[0]!.bytes)).toEqual([7, 7, 8, 1, 2, 3, 4, 0]);
    expect(optionsOf(forward([1, 0, 9, 9])[0]!.bytes)).toEqual([1, 0, 0, 0]);
    expect(lab.end()).toBe(0);
  });

  it('stamps the time, the address and the time, or counts the overflow', () => {
    expect(optionsOf(forward([68, 8, 5, 0, ...NONE])[0]!.bytes)).toEqual([68, 8, 9, 0, 0, 1, 0x86, 0xa0]);
    // As in Linux the address is the one that the packet was received for: of the way back.
    expect(optionsOf(forward([68, 12, 5, 1, ...NONE, ...NONE])[0]!.bytes)).toEqual([
      68,
      12,
      13,
      1,
      ...addr('10.0.1.1'),
      0,
      1,
      0x86,
      0xa0,
    ]);
    expect(optionsOf(forward([68, 8, 9, 0x20, 1, 2, 3, 4])[0]!.bytes)).toEqual([68, 8, 9, 0x30, 1, 2, 3, 4]);
    expect(lab.end()).toBe(0);
  });
});

describe('a wrong option', () => {
  it.each([
    [[7, 0, 4, 0], 20],
    [[7, 50, 4, 0], 20],
    [[1, 1, 1, 7], 23],
    [[7, 2, 0, 0], 21],
    [[7, 7, 3, 0, 0, 0, 0, 0], 22],
    [[7, 7, 5, 0, 0, 0, 0, 0], 22],
    [[131, 3, 3, 0], 22],
    [[131, 3, 4, 137, 3, 4, 0, 0], 23],
    [[68, 4, 4, 0], 22],
    [[68, 4, 5, 0xf0], 23],
    [[148, 3, 0, 0], 21],
  ])('%j is told to the sender with its place and dropped', (options, pointer) => {
    const cause = packet({ proto: 17, dst: '10.0.2.2', options, payload: counting(20) });
    const [error] = lab.rcv(cause);
    expect(error!.bytes.subarray(20, 22).toString('hex')).toBe('0c00');
    expect(error!.bytes.readUInt32BE(24)).toBe(pointer * 0x1000000);
    expect(error!.bytes.subarray(28).equals(cause)).toBe(true);
    expect(error!.bytes[0]).toBe(0x45);
    expect(lab.drops(SkbDropReason.IP_OPTIONS)).toBe(1);
    expect(lab.mib(Mib.IpInHdrErrors)).toBe(1);
    expect(lab.end()).toBe(0);
  });

  it('leaves what stands before it done: a route record goes back with the error', () => {
    const [error] = lab.rcv(
      packet({ proto: 17, dst: '10.0.2.2', options: [7, 3, 4, 7, 3, 4, 0, 0], payload: counting(20) }),
    );
    expect(optionsOf(error!.bytes)).toEqual([7, 3, 4, 0]);
    expect(error!.bytes.subarray(24, 26).toString('hex')).toBe('0c00');
    expect(error!.bytes.readUInt32BE(28)).toBe(23 * 0x1000000);
  });
});

describe('source routes', () => {
  const lsrr = [131, 7, 4, ...addr('10.0.2.2'), 0];

  it('are refused by default', () => {
    expect(lab.rcv(packet({ proto: 17, options: lsrr, payload: counting(20) }))).toEqual([]);
    expect(lab.drops(SkbDropReason.IP_OPTIONS)).toBe(1);
  });

  it('lead to the next address, ours by the way out in its place, when they are allowed', () => {
    lab.conf(Ipv4Conf.ACCEPT_SOURCE_ROUTE, 1, 1);
    const [out] = lab.rcv(packet({ proto: 17, options: lsrr, payload: counting(20) }));
    expect(out!.bytes.readUInt32BE(16)).toBe(ip('10.0.2.2'));
    expect(optionsOf(out!.bytes)).toEqual([131, 7, 8, ...addr('10.0.2.1'), 0]);
    expect(sum16(out!.bytes.subarray(0, 28))).toBe(0xffff);
    expect(lab.end()).toBe(0);
  });

  it('that are strict and lead through someone not named are an error at the destination', () => {
    lab.conf(Ipv4Conf.ACCEPT_SOURCE_ROUTE, 1, 1);
    const [error] = forward([137, 7, 4, ...addr('10.0.2.9'), 0]);
    expect(error!.bytes.subarray(20, 22).toString('hex')).toBe('0c00');
    expect(error!.bytes[24]).toBe(16);
  });

  it('are turned round in the answer', () => {
    lab.conf(Ipv4Conf.ACCEPT_SOURCE_ROUTE, 1, 1);
    const [answer] = ping([131, 11, 12, ...addr('10.0.1.7'), ...addr('10.0.1.8'), 0]);
    expect(answer!.bytes.readUInt32BE(16)).toBe(ip('10.0.1.8'));
    expect(optionsOf(answer!.bytes)).toEqual([131, 11, 4, ...addr('10.0.1.7'), ...addr('10.0.1.2'), 0]);
    expect(sum16(answer!.bytes.subarray(0, 32))).toBe(0xffff);
    expect(lab.end()).toBe(0);
  });
});

describe('answers', () => {
  it('carry the record route on, with our address on receipt and on sending', () => {
    const [answer] = ping([7, 11, 4, ...NONE, ...NONE, 0]);
    expect(optionsOf(answer!.bytes)).toEqual([7, 11, 12, ...addr('10.0.1.1'), ...addr('10.0.1.1'), 0]);
    expect(answer!.bytes.subarray(32).equals(icmp(0, 0, 1, counting(8)))).toBe(true);
    expect(lab.end()).toBe(0);
  });

  it('carry the timestamp on', () => {
    const [answer] = ping([68, 12, 5, 0, ...NONE, ...NONE]);
    expect(optionsOf(answer!.bytes)).toEqual([68, 12, 13, 0, 0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
  });

  it('are resets, too', () => {
    const segment = tcp('10.0.1.2', '10.0.1.1', 1, 0, 2);
    const [reset] = lab.rcv(packet({ proto: 6, options: [7, 7, 4, ...NONE, 0], payload: segment }));
    expect(optionsOf(reset!.bytes)).toEqual([7, 7, 8, ...addr('10.0.1.1'), 0]);
    expect(reset!.bytes[41]).toBe(0x14);
    expect(lab.end()).toBe(0);
  });
});
