import { describe, expect, it } from 'vitest';
import { parseIp } from '../config/ip_address.js';
import { AF_INET, AF_INET6 } from '../net/ip.js';
import { type Echo, emitEcho, errorText, readEchoAnswer } from './icmp_echo.js';

const ip = (text: string) => parseIp(text)!.bytes;
const ECHO: Echo = {
  family: AF_INET,
  source: ip('10.0.0.1'),
  to: ip('10.0.0.2'),
  id: 0x1234,
  seq: 9,
  size: 4,
  ttl: 64,
  dontFragment: true,
};
const ECHO6: Echo = { ...ECHO, family: AF_INET6, source: ip('fd00::1'), to: ip('fd00::2') };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** An ICMP error of `type` and `code` about `echo`, whole packet. */
function errorAbout(echo: Echo, type: number, code: number, info = '00000000'): Uint8Array {
  const about = hex(emitEcho(echo));
  if (echo.family === AF_INET)
    return bytes(`45000000 00000000 40010000 0a0000fe 0a000001 ${h8(type)}${h8(code)}0000 ${info} ${about}`);
  const from = 'fd0000000000000000000000000000fe';
  return bytes(`60000000 00003a40 ${from} ${hex(echo.source)} ${h8(type)}${h8(code)}0000 ${info} ${about}`);
}
const h8 = (value: number) => value.toString(16).padStart(2, '0');

describe('an echo request', () => {
  it('of IPv4 is a packet with DF, TTL and the ICMP checksum', () => {
    // 0800 + 1234 + 0009 + 0001 + 0203 = 1c41, and its complement.
    expect(hex(emitEcho(ECHO))).toBe(
      '45000020' + '00004000' + '40010000' + '0a000001' + '0a000002' + '0800e3be' + '12340009' + '00010203',
    );
  });

  it('of IPv6 sums over the pseudo-header, too', () => {
    // 2 x fd00 + 1 + 2 + length 000c + 003a, then 8000 + 1234 + 0009 + 0001 + 0203.
    const icmp = hex(emitEcho(ECHO6)).slice(80);
    expect(icmp).toBe('8000' + '7173' + '12340009' + '00010203');
  });

  it('of an odd size is summed as if a zero followed', () => {
    expect(hex(emitEcho({ ...ECHO, size: 1 })).slice(40, 48)).toBe('0800e5c2');
  });
});

describe('an answer', () => {
  it('is a reply with its TTL and bytes', () => {
    const reply = emitEcho({ ...ECHO, ttl: 61 });
    reply[20] = 0;
    const answer = readEchoAnswer(AF_INET, reply, 20);
    expect(answer).toMatchObject({ id: 0x1234, seq: 9, type: 0, code: 0, reply: { ttl: 61, bytes: 4 } });
    expect(hex(answer!.from)).toBe('0a000001');
  });

  it('is an error that quotes our request, in both families', () => {
    expect(readEchoAnswer(AF_INET, errorAbout(ECHO, 11, 0), 20)).toMatchObject({
      id: 0x1234,
      seq: 9,
      type: 11,
      code: 0,
    });
    expect(readEchoAnswer(AF_INET6, errorAbout(ECHO6, 3, 0), 40)).toMatchObject({
      id: 0x1234,
      seq: 9,
      type: 3,
    });
  });

  it('tells the MTU only when something was too big', () => {
    expect(readEchoAnswer(AF_INET, errorAbout(ECHO, 3, 4, '00000578'), 20)?.mtu).toBe(1400);
    expect(readEchoAnswer(AF_INET6, errorAbout(ECHO6, 2, 0, '00000500'), 40)?.mtu).toBe(1280);
    expect(readEchoAnswer(AF_INET, errorAbout(ECHO, 3, 1, '00000578'), 20)).not.toHaveProperty('mtu');
  });

  it('is found behind the header of the first fragment, and in no other', () => {
    const whole = hex(errorAbout(ECHO6, 2, 0, '00000578'));
    const fragment = (offset: string) => {
      const about = 2 * (40 + 8);
      const quoted = `${whole.slice(about, about + 12)}2c40${whole.slice(about + 16, about + 80)}`;
      return bytes(`${whole.slice(0, about)}${quoted}3a00${offset}00000007${whole.slice(about + 80)}`);
    };
    expect(readEchoAnswer(AF_INET6, fragment('0001'), 40)).toMatchObject({ id: 0x1234, seq: 9, mtu: 1400 });
    expect(readEchoAnswer(AF_INET6, fragment('0588'), 40)).toBeNull();
  });

  it('is none when it is a request, another protocol, or cut off anywhere', () => {
    expect(readEchoAnswer(AF_INET, emitEcho(ECHO), 20)).toBeNull();
    const error = errorAbout(ECHO, 11, 0);
    const aboutUdp = error.slice();
    aboutUdp[28 + 9] = 17;
    expect(readEchoAnswer(AF_INET, aboutUdp, 20)).toBeNull();
    const needed = 20 + 8 + 20 + 8;
    for (let length = 0; length < needed; length++) {
      expect(readEchoAnswer(AF_INET, error.slice(0, length), 20)).toBeNull();
    }
    expect(readEchoAnswer(AF_INET, error.slice(0, needed), 20)).not.toBeNull();
  });
});

it('says errors in words', () => {
  expect(errorText(AF_INET, 3, 1)).toBe('host unreachable');
  expect(errorText(AF_INET, 11, 1)).toBe('time exceeded');
  expect(errorText(AF_INET6, 1, 3)).toBe('address unreachable');
  expect(errorText(AF_INET6, 2, 0)).toBe('too big');
  expect(errorText(AF_INET, 42, 7)).toBe('ICMP 42/7');
});
