import { describe, expect, it } from 'vitest';
import { ScriptDriver } from '../../test/script_driver.js';
import { MemorySink, memorySource } from './capture_memory.js';
import { frameText } from './frame_text.js';
import { PcapWriterPort } from './pcap_writer.js';
import { PcapngReader } from './pcapng.js';
import { StandInPort } from './stand_in_port.js';
import { Tracer } from './tracer.js';

const ETHERNET = '020000000001020000000002';
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const PING = bytes(`${ETHERNET} 0800 4500001c000000004001 0000 0a000001 0a000002 0800 0000 0000 0000`);
const quiet = { readable() {}, writable() {}, state() {} };
const HALF_PAST = Date.UTC(2026, 0, 1, 12, 30, 0, 250);

describe('a tracer', () => {
  it('says every frame of both directions once, and changes nothing', () => {
    const inner = new ScriptDriver();
    const lines: string[] = [];
    const tracer = new Tracer(inner, (line) => lines.push(line), { clock: () => HALF_PAST });
    const port = new StandInPort({ entries: 4 });
    tracer.attach(port.rings, quiet);
    expect(tracer).toMatchObject({
      kind: 'script',
      name: 'script:0',
      mac: inner.mac,
      mtu: 1500,
      vnetHdrLen: 0,
    });
    inner.input.push(PING, PING);
    const got: Uint8Array[] = [];
    port.rx(tracer.rxBurst(64), (f) => got.push(f));
    expect(got).toEqual([PING, PING]);
    inner.room = 2;
    for (let i = 0; i < 3; i++) port.tx(PING);
    expect(tracer.txBurst()).toBe(2);
    const text = 'script:0 42 02:00:00:00:00:02 > 02:00:00:00:00:01 IPv4 10.0.0.1 > 10.0.0.2 ICMP 8/0';
    const way = (direction: string): string => `12:30:00.250 ${direction} ${text}`;
    expect(lines).toEqual([way('rx'), way('rx'), way('tx'), way('tx')]);
    inner.room = 1;
    expect(tracer.txBurst()).toBe(1);
    expect(lines.length).toBe(5);
    expect(inner.sent.length).toBe(3);
  });

  it('names the segment size of a GSO frame', () => {
    const inner = new ScriptDriver(10);
    const lines: string[] = [];
    const tracer = new Tracer(inner, (line) => lines.push(line));
    const port = new StandInPort({ vnetHdrLen: 10 });
    tracer.attach(port.rings, quiet);
    inner.input.push(Uint8Array.from([0, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0, ...PING]));
    tracer.rxBurst(64);
    expect(lines[0]).toContain(' rx script:0 42 gso 1448 02:00');
  });
});

describe('a frame in words', () => {
  const v6 = '20010db8000000000000000000000001 ff0200000000000000000000000000fb';
  it.each([
    [
      `${ETHERNET} 0806 0001080006040001 020000000002 0a000001 000000000000 0a000002`,
      'ARP who-has 10.0.0.2 tell 10.0.0.1',
    ],
    [
      `${ETHERNET} 0806 0001080006040002 020000000002 0a000001 020000000001 0a000002`,
      'ARP 10.0.0.1 is-at 02:00:00:00:00:02',
    ],
    [
      `${ETHERNET} 8100 0005 86dd 60000000 0008 11 40 ${v6} 14e9 0035 0008 0000`,
      'vlan 5 IPv6 [2001:db8::1]:5353 > [ff02::fb]:53 UDP',
    ],
    [`${ETHERNET} 86dd 60000000 0004 3a ff ${v6} 8700 0000`, 'IPv6 2001:db8::1 > ff02::fb ICMPv6 135/0'],
    [
      `${ETHERNET} 0800 45000028000000004006 0000 0a000001 0a000002 0050 0fa0 00000000 00000000 5012 0000 0000 0000`,
      'IPv4 10.0.0.1:80 > 10.0.0.2:4000 TCP [S.]',
    ],
    [
      `${ETHERNET} 0800 45000014000000b94011 0000 0a000001 0a000002`,
      'IPv4 10.0.0.1 > 10.0.0.2 UDP fragment at 1480',
    ],
    [`${ETHERNET} 0026 424203`, '802.3 length 38'],
    [`${ETHERNET} 88cc 00`, 'LLDP'],
    [`${ETHERNET} 9999`, '0x9999'],
    [`${ETHERNET} 0800 45`, 'IPv4 (cut)'],
    ['0200', '2 bytes, too short for Ethernet'],
  ])('%s', (hex, text) => {
    expect(frameText(bytes(hex)).endsWith(text)).toBe(true);
    for (let cut = 0; cut < bytes(hex).length; cut++) frameText(bytes(hex).subarray(0, cut));
  });
});

describe('a pcap writer', () => {
  it('writes both directions with their times, and is complete when the port rests', async () => {
    const inner = new ScriptDriver(10);
    const sink = new MemorySink();
    let now = HALF_PAST;
    const writer = new PcapWriterPort(inner, sink, { clock: () => (now += 0.5) });
    const port = new StandInPort({ vnetHdrLen: 10 });
    writer.attach(port.rings, quiet);
    inner.input.push(Uint8Array.from([...new Uint8Array(10), ...PING]));
    port.rx(writer.rxBurst(64));
    port.tx(Uint8Array.from([...new Uint8Array(10), ...PING, 7]), 20, 20);
    writer.txBurst();
    expect(sink.bytes().length).toBe(0);
    writer.arm();
    expect(inner.armed).toBe(true);
    const reader = new PcapngReader(memorySource(sink.bytes()));
    const seconds = Math.floor(HALF_PAST / 1000);
    expect(reader.next()).toMatchObject({ data: PING, direction: 'rx', seconds, nanoseconds: 250_500_000 });
    expect(reader.next()).toMatchObject({
      data: Uint8Array.from([...PING, 7]),
      direction: 'tx',
      seconds,
      nanoseconds: 251_000_000,
    });
    expect(reader.next()).toBeUndefined();
    expect(reader.interfaces[0]!.name).toBe('script:0');
    await writer.close();
    await writer.close();
    expect(inner.closed).toBe(2);
  });
});
