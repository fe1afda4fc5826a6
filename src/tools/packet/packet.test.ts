/** Packets in words: what is composed is what the words say, for us and for tcpdump's printer; and reads back the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FramePrinter } from '../dump/printer.js';
import { inetChecksum } from './bits.js';
import { compose, pseudoHeader } from './compose.js';
import { dissect, packetText } from './dissect.js';
import { mismatches } from './match.js';
import { replyWords } from './reply.js';
import { readPacketWords, WordsError } from './words.js';

const ENDS = { smac: '02:00:00:00:01:02', dmac: '02:00:00:00:01:01' };
const frameOf = (text: string): Uint8Array => compose(readPacketWords(text), ENDS);
const told = (text: string): string =>
  new FramePrinter({ time: 1, link: true, verbose: 1, absoluteSeq: true })
    .print({ data: frameOf(text), originalLength: frameOf(text).length, seconds: 0, nanoseconds: 0 })
    .replace(/\s+/g, ' ');
const differs = (text: string, wanted: string) =>
  mismatches(readPacketWords(wanted), dissect(frameOf(text))).map(({ was }) => was);

describe('a packet of words', () => {
  test.each([
    [
      'ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp sport 1234 tcp dport 22 tcp flags syn',
      /10\.0\.0\.2\.1234 > 1\.1\.1\.1\.22: Flags \[S\], cksum 0x[0-9a-f]+ \(correct\)/,
    ],
    [
      'ip6 saddr fd00::2 udp dport 53 payload "hello"',
      /fd00::2\.40000 > 2001:db8:2::2\.53: .*UDP|fd00::2\.40000 > 2001:db8:2::2\.53/,
    ],
    ['vlan id 7 ip ttl 3 icmp type echo-request icmp id 9', /vlan 7.*ttl 3.*ICMP echo request, id 9/],
    [
      'arp operation request arp saddr ip 10.0.0.2 arp daddr ip 10.0.0.1',
      /who-has 10\.0\.0\.1 tell 10\.0\.0\.2/,
    ],
    ['icmpv6 type nd-neighbor-solicit ip6 daddr fd00::1', /neighbor solicitation.*fd00::1/],
    ['tcp option maxseg size 1460 tcp option sack-perm exists tcp dport 80', /mss 1460,sackOK/],
    ['ip protocol gre payload 0x00000800', /GREv0|gre/i],
    ['sctp dport 80', /SCTP|sctp|ip-proto-132/],
    ['meta length 1500 udp dport 9', /length 1500/],
  ])('%s', (text, printed) => {
    expect(told(text)).toMatch(printed);
    expect(
      differs(text, text.replace(/ payload.*/, '').replace(/ip protocol gre/, 'ip protocol 47')),
    ).toEqual([]);
  });

  test('has the usual in what the words leave out, and the words in what they do not', () => {
    expect(packetText(dissect(frameOf('')))).toBe(
      'ip saddr 198.51.100.2 ip daddr 203.0.113.2 icmp type echo-request',
    );
    expect(packetText(dissect(frameOf('tcp dport 22 ip6 daddr fd00::1')))).toBe(
      'ip6 saddr 2001:db8:1::2 ip6 daddr fd00::1 tcp sport 40000 tcp dport 22 tcp flags syn',
    );
    expect(
      differs('udp dport 9 udp checksum 0x1234 ip length 99', 'udp checksum 0x1234 ip length 99'),
    ).toEqual([]);
  });

  test('has right checksums over any payload', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.boolean(),
        fc.constantFrom('tcp', 'udp', 'dccp'),
        (payload, six, l4) => {
          const hex = Buffer.from(payload).toString('hex');
          const frame = frameOf(
            `${l4} dport 5 ${six ? 'ip6 daddr fd00::1' : 'ip daddr 10.0.0.9'} payload 0x${hex}`,
          );
          const { layers } = dissect(frame);
          const last = layers.at(-1)!;
          const body = frame.subarray(last.at);
          const addresses = six ? frame.subarray(22, 54) : frame.subarray(26, 34);
          expect(last.proto.name).toBe(l4);
          expect(
            inetChecksum(pseudoHeader(addresses, body.length, { tcp: 6, udp: 17, dccp: 33 }[l4]!), body),
          ).toBe(0);
          if (!six) expect(inetChecksum(frame.subarray(14, 34))).toBe(0);
        },
      ),
    );
  });

  test('reads back whatever was written in a field', () => {
    const fields = [
      ['ip saddr', 32],
      ['ip dscp', 6],
      ['ip ttl', 8],
      ['ip id', 16],
      ['tcp sequence', 32],
      ['tcp window', 16],
      ['tcp sport', 16],
      ['ether saddr', 48],
      ['vlan id', 12],
      ['vlan pcp', 3],
    ] as const;
    const address = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
    const mac = (value: number) =>
      value
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?=.)/g, '$&:');
    const word = fc.constantFrom(...fields).chain(([name, bits]) =>
      fc.maxSafeNat().map((any) => {
        const value = any % 2 ** bits;
        return `${name} ${name === 'ip saddr' ? address(value) : name === 'ether saddr' ? mac(value) : value}`;
      }),
    );
    const words = fc.uniqueArray(word, {
      selector: (each) => each.split(' ').slice(0, 2).join(' '),
      maxLength: 6,
    });
    fc.assert(
      fc.property(words, (some) => {
        const text = [...some, 'tcp dport 1'].join(' ');
        expect(differs(text, text)).toEqual([]);
      }),
    );
  });
});

describe('words that a packet is held against', () => {
  const packet = 'ip saddr 10.0.0.2 tcp sport 1234 tcp dport 80 tcp flags syn,ack';
  test.each([
    'ip saddr 10.0.0.0/24',
    'tcp sport 1024-65535',
    'tcp dport { 22, 80 }',
    'tcp dport != 443',
    'tcp sport > 1000',
    'tcp flags syn',
    'tcp flags == syn|ack',
    'tcp flags & (syn|ack|rst) == syn|ack',
    'tcp flags ! rst',
  ])('hold: %s', (wanted) => {
    expect(differs(packet, wanted)).toEqual([]);
  });

  test.each([
    ['ip saddr 10.1.0.0/16', 'ip saddr 10.0.0.2'],
    ['tcp dport 22', 'tcp dport 80'],
    ['tcp flags == syn', 'tcp flags syn,ack'],
    ['udp dport 80', 'no udp dport'],
    ['vlan id 5', 'no vlan id'],
    ['tcp option maxseg size 1460', 'no tcp option maxseg size'],
  ])('do not: %s', (wanted, was) => {
    expect(differs(packet, wanted)).toEqual([was]);
  });
});

test('an answer goes the other way, with numbers that follow', () => {
  const words = (text: string, more = '') => {
    const answer = replyWords(dissect(frameOf(text)), readPacketWords(more))!;
    return packetText(dissect(compose(answer, ENDS)));
  };
  expect(words('ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp sport 5 tcp dport 80 tcp flags syn')).toBe(
    'ip saddr 1.1.1.1 ip daddr 10.0.0.2 tcp sport 80 tcp dport 5 tcp flags syn,ack',
  );
  expect(words('ip6 daddr fd00::1 icmpv6 type echo-request')).toMatch(/^ip6 saddr fd00::1 .*echo-reply$/);
  expect(words('udp dport 53', 'udp sport 54')).toContain('udp sport 54 udp dport 40000');
});

describe('words that say nothing of a packet', () => {
  test.each([
    ['ip sadr 10.0.0.2', /syntax error/, 0],
    ['ip saddr 10.0.0.300', /10\.0\.0\.300|resolve/, 0],
    ['tcp dport 22 accept', /verdict is a statement/, 13],
    ['ip saddr 10.0.0.0/8', /one value/, 0],
    ['ip saddr 10.0.0.2 ip6 saddr fd00::1', /not both/, 18],
    ['tcp dport 1 udp dport 2', /not both/, 12],
    ['tcp dport 99999', /Service|fit|range/i, 0],
    ['payload hello', /payload is/, 0],
    ['meta skuid 0', /told by its headers/, 0],
  ])('%s', (text, why, at) => {
    let error: unknown;
    try {
      frameOf(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(WordsError);
    expect((error as WordsError).message).toMatch(why);
    expect((error as WordsError).start).toBeGreaterThanOrEqual(at);
  });
});
