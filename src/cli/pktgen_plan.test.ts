import { describe, expect, it } from 'vitest';
import { parseAddressRange, parsePercent, parseRate, rateText } from './pktgen_options.js';
import { planStream, reversed, type StreamWords } from './pktgen_plan.js';
import { parseStreams } from './pktgen_yaml.js';

describe('the words of a stream', () => {
  it.each([
    ['1000', { kind: 'pps', value: 1000 }],
    ['1.5mpps', { kind: 'pps', value: 1_500_000 }],
    ['300Mbps', { kind: 'bps', value: 300_000_000 }],
    ['10gbpsl1', { kind: 'bpsl1', value: 10_000_000_000 }],
    ['max', { kind: 'max', value: 0 }],
  ])('rate %s', (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
    expect(parseRate(rateText(parseRate(text)))).toEqual(rate);
  });

  it('say nothing: 64 bytes of UDP between the networks of RFC 2544, a thousand a second', () => {
    expect(planStream({})).toMatchObject({
      proto: 'udp',
      src: '198.18.0.2',
      dst: '198.19.0.2',
      sizes: { kind: 'table', entries: [[60, 1]] },
      rate: { kind: 'pps', value: 1000 },
    });
  });

  it('have sizes with FCS, as long as headers and signature need in a mix', () => {
    const sizes = (words: StreamWords) => planStream(words).sizes;
    const mix = (...entries: [number, number][]) => ({ kind: 'table', entries });
    expect(sizes({ size: 'imix' })).toEqual(mix([60, 7], [590, 4], [1514, 1]));
    // Ethernet 14, IPv6 40, UDP 8, signature 18.
    expect(sizes({ size: 'imix', ipv6: true })).toEqual(mix([80, 7], [590, 4], [1514, 1]));
    expect(sizes({ size: '64-1518' })).toEqual({ kind: 'range', from: 60, to: 1514 });
    expect(sizes({ size: '100:2,200' })).toEqual(mix([96, 2], [196, 1]));
  });

  it('make flows of ports first, then of addresses, unless ranges say of what', () => {
    expect(planStream({ flows: '1000' })).toMatchObject({ sport: 1024, sportCount: 1000, srcCount: 1 });
    expect(planStream({ flows: '100000' })).toMatchObject({ sportCount: 64512, srcCount: 2 });
    expect(planStream({ flows: '5', src: '10.0.0.1-10.0.0.9' })).toMatchObject({
      flows: 5,
      srcCount: 9,
      sportCount: 1,
    });
    expect(parseAddressRange('2001:db8::fffe+3')).toEqual({ first: '2001:db8::fffe', count: 3 });
  });

  it('take tags, DSCP, patterns and protocols', () => {
    expect(
      planStream({ vlan: ['100', '20:5'], dscp: '46', pattern: '0xff', proto: 'tcp-syn', size: '128' }),
    ).toMatchObject({
      vlans: [
        { id: 100, priority: 0 },
        { id: 20, priority: 5 },
      ],
      tos: 184,
      pattern: 255,
      proto: 'tcp',
      tcpFlags: 2,
    });
  });

  it('turn round for the way back', () => {
    expect(
      reversed(planStream({ src: '10.0.0.1+5', dst: '10.1.0.1', sport: '7', dport: '9-10' })),
    ).toMatchObject({
      src: '10.1.0.1',
      dst: '10.0.0.1',
      srcCount: 1,
      dstCount: 5,
      sport: 9,
      sportCount: 2,
      dport: 7,
      dportCount: 1,
    });
  });

  it.each<[StreamWords, RegExp]>([
    [{ rate: '5q' }, /rate '5q': 'max', frames like/],
    [{ size: '50' }, /size '50'.*each from 64 to 9022/],
    [{ size: '64', ipv6: true }, /udp over IPv6 needs 84 bytes/],
    [{ size: '64', vlan: ['1'], proto: 'icmp', src: '10.0.0.1' }, /icmp over IPv4 with 1 tag needs 68 bytes/],
    [{ size: '200-100' }, /smaller one first/],
    [{ vlan: ['4095'] }, /vlan '4095'/],
    [{ vlan: ['1', '2', '3'] }, /two at most/],
    [{ src: '10.0.0.1', dst: 'fd00::1' }, /not of one family/],
    [{ src: '10.0.0.300' }, /address '10.0.0.300'/],
    [{ sport: '70000' }, /port '70000'/],
    [{ srcMac: '1:2' }, /MAC '1:2'/],
    [{ tos: '1', dscp: '1' }, /same byte/],
    [{ mode: 'warp' }, /start_xmit, queue_xmit/],
    [{ ttl: '0' }, /ttl '0': 1 to 255/],
  ])('are refused with what would be right: %o', (words, message) => {
    expect(() => planStream(words)).toThrow(message);
  });

  it('give percents', () => {
    expect(parsePercent('0.001%')).toBe(0.001);
    expect(() => parsePercent('101')).toThrow(/percent like/);
  });
});

describe('streams of a file', () => {
  it('are the same words', () => {
    const text =
      'streams:\n  - { rate: 10kpps, size: imix, vlan: [10, "20:3"], ethertype: 0x9000, proto: ether }\n  - { proto: icmp, df: true, src-mac: 02:00:00:00:00:01 }\n';
    const [one, two] = parseStreams('s.yaml', text);
    expect(one).toMatchObject({
      proto: 'ether',
      ethertype: 0x9000,
      vlans: [{ id: 10 }, { id: 20, priority: 3 }],
    });
    expect(two).toMatchObject({ proto: 'icmp', dontFragment: true, srcMac: '02:00:00:00:00:01' });
  });

  it.each([
    ['streams: []', /s\.yaml:1:10: no streams|s\.yaml:1:1: no streams/],
    ['streams:\n  - { rat: 1 }', /s\.yaml:2:7: 'rat' is no word of a stream/],
    ['streams:\n  - { rate: fast }', /s\.yaml:2:5: rate 'fast'/],
    ['streams:\n  - { df: 7 }', /s\.yaml:2:11: 'df' is true or false/],
    ['streams:\n  - [', /s\.yaml:2/],
    ['other: 1', /s\.yaml:1:1: no streams/],
  ])('are refused with their place: %s', (text, message) => {
    expect(() => parseStreams('s.yaml', text)).toThrow(message);
  });
});
