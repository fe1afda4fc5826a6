/** The filter language without libpcap at hand; test/kernel/pcap_filter compares with it. */
import { describe, expect, test } from 'vitest';
import { CHOSEN } from '../../test/pcap_filter/expressions.js';
import { filterFrames } from '../../test/pcap_filter/frames.js';
import { namesIn, PcapFilter } from './pcap_filter.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const TCP = hex(`0200000000aa 001122334455 0800
  4500 0028 0001 4000 40 06 0000 01020304 05060708 03e8 0050 00000001 00000000 5002 2000 0000 0000`);

const chooses = (text: string, bytes = TCP, more: object = {}) =>
  new PcapFilter(text).matches({ bytes, at: 0, length: bytes.length, originalLength: bytes.length, ...more });

describe('an expression', () => {
  test.each([
    ['', true],
    ['tcp', true],
    ['udp', false],
    ['tcp port 80', true],
    ['src port 80', false],
    ['host 1.2.3.4 and not 9.9.9.9', true],
    ['net 5.6/16 or arp', true],
    ['tcp[tcpflags] & tcp-syn != 0', true],
    ['ip[8] = 64 and len = 54', true],
    ['udp or tcp and arp', false],
    ['tcp or udp and arp', false],
    ['not (udp or arp)', true],
    ['ether src 00:11:22:33:44:55', true],
    ['vlan and tcp', false],
  ])('%s: %s', (text, wanted) => {
    expect(chooses(text)).toBe(wanted);
  });

  test('asks for the direction where the capture tells it', () => {
    expect(chooses('inbound', TCP, { direction: 'rx' })).toBe(true);
    expect(chooses('inbound', TCP, { direction: 'tx' })).toBe(false);
    expect(chooses('outbound and tcp', TCP, { direction: 'tx' })).toBe(true);
  });

  test('names hosts that are to be looked up, and takes their addresses', () => {
    expect(namesIn('host alpha or src beta and port http')).toEqual(['alpha', 'beta']);
    const names = new Map([['alpha', ['9.9.9.9', '1.2.3.4', 'fe80::1']]]);
    const frame = { bytes: TCP, at: 0, length: TCP.length, originalLength: TCP.length };
    expect(new PcapFilter('host alpha', { names }).matches(frame)).toBe(true);
    expect(() => new PcapFilter('host beta', { names })).toThrow("nobody knows the host 'beta'");
  });

  test('shows the place of a mistake', () => {
    expect(() => new PcapFilter('tcp and gateway x')).toThrow(
      /'gateway' needs .*\n {2}tcp and gateway x\n {2} {8}\^/,
    );
    expect(() => new PcapFilter('port 80 and')).toThrow(/ends where something has to follow/);
  });

  test('behind extension headers and an authentication header finds the protocol', () => {
    const ah = hex(`0200000000aa 001122334455 0800 4500 0034 0001 4000 40 33 0000 01020304 05060708
      1104000000000001 00000002 001122334455667700112233 03e8 0050 0008 0000`);
    expect(chooses('ip protochain 17', ah)).toBe(true);
    expect(chooses('ip protochain 6', ah)).toBe(false);
    expect(chooses('udp', ah)).toBe(false);
  });
});

test('no program reads beyond the captured bytes: what lies there does not matter', () => {
  const frames = filterFrames({ count: 200 });
  for (const text of CHOSEN) {
    const filter = new PcapFilter(text);
    for (const frame of frames) {
      const room = new Uint8Array(frame.length + 512);
      const verdicts = [0, 0xff, 0x45].map((fill) => {
        room.fill(fill);
        room.set(frame, 256);
        return filter.matches({ bytes: room, at: 256, length: frame.length, originalLength: frame.length });
      });
      expect(new Set(verdicts).size, text).toBe(1);
    }
  }
});
