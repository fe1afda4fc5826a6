import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCidr,
  formatIp,
  formatIpv4,
  formatIpv6,
  formatMac,
  inPrefix,
  networkOf,
  parseCidr,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
  whyNotAddress,
  whyNotCidr,
} from './ip_address.js';

describe('IPv4', () => {
  it('round-trips every address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        expect(parseIpv4(formatIpv4(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['', 'it is empty'],
    ['1.2.3', 'an IPv4 address has 4 numbers, this has 3'],
    ['1.2.3.4.5', 'an IPv4 address has 4 numbers, this has 5'],
    ['1.2.3.256', '256 is more than 255'],
    ['1.2.3.04', '"04" has a leading zero'],
    ['1.2..4', 'a number is missing'],
    ['1.2.x.4', '"x" is not a number'],
    ['0x7f.0.0.1', '"0x7f" is not a number'],
    ['1.2.3.4 ', 'it contains a space'],
    ['router', 'it is neither IPv4 nor IPv6'],
    ['2130706433', '2130706433 is more than 255'],
  ])('refuses %j: %s', (text, why) => {
    expect(parseIp(text)).toBeNull();
    expect(whyNotAddress(text)).toBe(why);
  });
});

describe('IPv6', () => {
  it('round-trips every address', () => {
    const octet = fc.oneof(fc.constant(0), fc.nat(255));
    fc.assert(
      fc.property(fc.array(octet, { minLength: 16, maxLength: 16 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(parseIpv6(formatIpv6(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:1:0:0:0:0:0', '0:0:1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('writes %s as %s (RFC 5952)', (text, canonical) => {
    expect(formatIp(parseIp(text)!.bytes)).toBe(canonical);
  });

  it.each([
    [':', 'an IPv6 address without "::" has 8 groups, this has 0'],
    [':::', '"::" may stand only once'],
    ['1::2::3', '"::" may stand only once'],
    ['1:2:3', 'an IPv6 address without "::" has 8 groups, this has 3'],
    ['1:2:3:4:5:6:7:8:9', 'it has too many groups, or a ":" too many'],
    ['1:2:3:4::5:6:7:8', 'it has too many groups, or a ":" too many'],
    ['::12345', '"12345" is not a group of up to 4 hexadecimal digits'],
    ['::g', '"g" is not a group of up to 4 hexadecimal digits'],
    ['fe80::1%eth0', 'a zone (%) is not part of an address here'],
    ['[::1]', 'brackets are for URLs only'],
    ['::1.2.3', 'an IPv4 address has 4 numbers, this has 3'],
    ['::1.2.3.4:5', 'it has too many groups, or a ":" too many'],
    ['1:2:3:4:5:6:7:8:', 'it has too many groups, or a ":" too many'],
  ])('refuses %j: %s', (text, why) => {
    expect(parseIp(text)).toBeNull();
    expect(whyNotAddress(text)).toBe(why);
  });
});

describe('CIDR', () => {
  it('keeps the host bits of the address', () => {
    const cidr = parseCidr('192.168.1.77/20')!;
    expect(cidr).toEqual({ family: 4, address: Uint8Array.of(192, 168, 1, 77), prefix: 20 });
    expect(formatCidr(networkOf(cidr.address, 20), 20)).toBe('192.168.0.0/20');
  });

  it.each([
    ['192.168.1.1', 'the prefix length is missing'],
    ['192.168.1.1/', 'the prefix length "" is not a number from 0 to 32'],
    ['192.168.1.1/33', 'an IPv4 prefix length is at most 32'],
    ['192.168.1.1/255.255.255.0', 'the prefix length "255.255.255.0" is not a number from 0 to 32'],
    ['192.168.1.300/24', '300 is more than 255'],
    ['fd00::1/129', 'an IPv6 prefix length is at most 128'],
    ['fd00::1/064', 'the prefix length "064" is not a number from 0 to 128'],
  ])('refuses %j: %s', (text, why) => {
    expect(parseCidr(text)).toBeNull();
    expect(whyNotCidr(text)).toBe(why);
  });

  it.each([
    ['10.1.2.3', '10.0.0.0', 8, true],
    ['11.1.2.3', '10.0.0.0', 8, false],
    ['1.2.3.4', '0.0.0.0', 0, true],
    ['10.0.0.129', '10.0.0.128', 25, true],
    ['10.0.0.127', '10.0.0.128', 25, false],
    ['fd00:1::5', 'fd00:1::', 64, true],
    ['fd00:2::5', 'fd00:1::', 64, false],
    ['10.0.0.1', '::', 0, false],
  ])('%s lies in %s/%i: %s', (address, network, prefix, inside) => {
    expect(inPrefix(parseIp(address)!.bytes, parseIp(network)!.bytes, prefix)).toBe(inside);
  });
});

describe('MAC', () => {
  it.each(['52:54:00:12:34:56', '52-54-00-12-34-56'])('reads %s', (text) => {
    expect(formatMac(parseMac(text)!)).toBe('52:54:00:12:34:56');
  });

  it.each([
    '',
    '52:54:00:12:34',
    '52:54:00:12:34:56:78',
    '52:54:00:12:34:5g',
    '52-54:00:12:34:56',
    '525400123456',
  ])('refuses %j', (text) => {
    expect(parseMac(text)).toBeNull();
  });
});
