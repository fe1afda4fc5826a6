import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  A1,
  A2,
  H1,
  H2,
  Lab,
  LL0,
  MAC0,
  MAC1,
  MACH2,
  SEC,
  counting,
  icmp6,
  icmpPacket,
  ip6,
  packet,
  transportSumOk,
  udp,
} from '../../test/ipv6_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Mib } from '../abi/snmp.js';
import { Ipv6Conf } from '../abi/sysctl.js';

describe('IPv6 forwarding', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(() => {
    expect(lab.end()).toEqual([0, 0]);
  });

  it('forwards a packet with its hop limit one less and the MACs of the next link', () => {
    const data = packet({ payload: udp(H1, H2, 1, 2, counting(20)), tclass: 0xb8, label: 0x12345 });
    const [out, ...more] = lab.rcv(data);
    expect(more).toEqual([]);
    const want = Buffer.from(data);
    want[7] = 63;
    expect(out!.frame.toString('hex')).toBe(`${MACH2}${MAC1}86dd${want.toString('hex')}`);
    expect(out!.ifindex).toBe(lab.ifindex(1));
    expect(lab.mib(Mib.Ip6OutForwDatagrams)).toBe(1);
    expect(MAC0).not.toBe(MAC1);
  });

  it('forwards packets whose bytes lie in fragments of memory, whole', () => {
    const data = packet({ payload: udp(H1, H2, 1, 2, counting(1200)) });
    const want = Buffer.from(data);
    want[7] = 63;
    for (const linear of [40, 50, 0]) {
      const [out] = lab.rcv(data, { frag: 300, linear });
      expect(out!.bytes.equals(want)).toBe(true);
    }
  });

  it('cuts the padding of the link and refuses a payload length beyond the packet', () => {
    const data = packet({ payload: counting(10) });
    expect(lab.rcv(Buffer.concat([data, Buffer.alloc(6)]))[0]!.length).toBe(50);
    expect(lab.rcv(packet({ payload: counting(10), plen: 11 }))).toEqual([]);
    expect(lab.mib(Mib.Ip6InTruncatedPkts)).toBe(1);
    expect(lab.drops(SkbDropReason.PKT_TOO_SMALL)).toBe(1);
  });

  it('drops packets that have no business here, each with its reason', () => {
    const cases: [Buffer, SkbDropReason][] = [
      [packet({}).subarray(0, 39), SkbDropReason.IP_INHDR],
      [Buffer.concat([Buffer.from([0x40]), packet({}).subarray(1)]), SkbDropReason.UNHANDLED_PROTO],
      [packet({ src: 'ff02::1' }), SkbDropReason.IP_INVALID_SOURCE],
      [packet({ src: '::1' }), SkbDropReason.LOOPBACK_SOURCE_OUTSIDE],
      [packet({ dst: '::1' }), SkbDropReason.LOOPBACK_SOURCE_OUTSIDE],
      [packet({ dst: 'ff00::1' }), SkbDropReason.IPV6_SCOPE],
      [packet({ dst: 'ff01::1' }), SkbDropReason.IPV6_SCOPE],
      [packet({ src: '::' }), SkbDropReason.IP_INVALID_SOURCE],
    ];
    for (const [data, reason] of cases) {
      const before = lab.drops(reason);
      expect(lab.rcv(data)).toEqual([]);
      expect(lab.drops(reason)).toBe(before + 1);
    }
    expect(lab.rcv(packet({}), { pktType: 3 })).toEqual([]);
    expect(lab.drops(SkbDropReason.OTHERHOST)).toBe(1);
  });

  it('tells the sender of a packet whose hop limit ends, quoting it, from the address of its link', () => {
    const data = packet({ hop: 1, payload: udp(H1, H2, 1, 2, counting(30)) });
    const [out] = lab.rcv(data);
    expect(
      out!.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 3, 0, 0, data) })),
    ).toBe(true);
    expect(lab.mib(Mib.Ip6InHdrErrors)).toBe(1);
    expect(lab.mib(Mib.Icmp6OutTimeExcds)).toBe(1);
  });

  it('tells the sender of a packet larger than the next link the MTU, with at most 1280 bytes', () => {
    lab.call('testMtu', lab.devs[1]!, 1400);
    const data = packet({ payload: udp(H1, H2, 1, 2, counting(1353)) });
    expect(lab.rcv(packet({ payload: counting(1360) }))[0]!.length).toBe(1400);
    const [out] = lab.rcv(data, { frag: 500 });
    expect(out!.length).toBe(1280);
    expect(
      out!.bytes.equals(
        packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 2, 0, 1400, data.subarray(0, 1232)) }),
      ),
    ).toBe(true);
    expect(lab.mib(Mib.Ip6InTooBigErrors)).toBe(1);
    expect(lab.drops(SkbDropReason.PKT_TOO_BIG)).toBe(1);
  });

  it('answers no route, prohibit and unreachable with their codes and is silent about a blackhole', () => {
    const ask = (dst: string) => lab.rcv(packet({ dst, payload: counting(8) }));
    const code = (out: ReturnType<typeof ask>) => [out[0]!.bytes[40], out[0]!.bytes[41]];
    expect(code(ask('2001:db8:9::9'))).toEqual([1, 0]);
    lab.route('2001:db8:a::', 48, undefined, undefined, 8);
    lab.route('2001:db8:b::', 48, undefined, undefined, 7);
    lab.route('2001:db8:c::', 48, undefined, undefined, 6);
    expect(code(ask('2001:db8:a::1'))).toEqual([1, 1]);
    expect(code(ask('2001:db8:b::1'))).toEqual([1, 0]);
    expect(ask('2001:db8:c::1')).toEqual([]);
    expect(lab.drops(SkbDropReason.IP_BLACKHOLE)).toBe(1);
    expect(lab.mib(Mib.Ip6InNoRoutes)).toBe(3);
  });

  it('does not carry a link-local source to another link and says so', () => {
    const data = packet({ src: 'fe80::99', payload: counting(8) });
    lab.neighbour(0, 'fe80::99', '525400000199');
    const [out] = lab.rcv(data);
    // Linux asks for the source by the destination's scope: the link-local address.
    expect(
      out!.bytes.equals(
        packet({ src: LL0, dst: 'fe80::99', next: 58, payload: icmp6(LL0, 'fe80::99', 1, 2, 0, data) }),
      ),
    ).toBe(true);
    expect(lab.drops(SkbDropReason.IPV6_SCOPE)).toBe(1);
  });

  it('forwards nothing while forwarding is off', () => {
    lab.conf(undefined, Ipv6Conf.FORWARDING, 0);
    expect(lab.rcv(packet({}))).toEqual([]);
    expect(lab.drops(SkbDropReason.FORWARDING_OFF)).toBe(1);
    expect(lab.mib(Mib.Ip6InAddrErrors)).toBe(1);
  });

  it('sends by a gateway and forgets its neighbour when that is gone', () => {
    lab.neighbour(1, 'fe80::77', '525400000777');
    lab.route('2001:db8:77::', 48, 'fe80::77', 1);
    for (let i = 0; i < 3; i++) {
      expect(
        lab
          .rcv(packet({ dst: '2001:db8:77::5' }))[0]!
          .frame.subarray(0, 6)
          .toString('hex'),
      ).toBe('525400000777');
    }
  });

  it('redirects a host that should have asked its neighbour, and forwards all the same', () => {
    const data = packet({ dst: '2001:db8:1::3', payload: counting(40) });
    lab.neighbour(0, '2001:db8:1::3', '525400000103');
    const out = lab.rcv(data);
    expect(out.length).toBe(2);
    const body = Buffer.concat([
      ip6('2001:db8:1::3'),
      ip6('2001:db8:1::3'),
      Buffer.from('0201525400000103', 'hex'),
      Buffer.from('040b000000000000', 'hex'),
      data,
    ]);
    expect(
      out[0]!.bytes.equals(
        packet({ src: LL0, dst: H1, next: 58, hop: 255, payload: icmp6(LL0, H1, 137, 0, 0, body) }),
      ),
    ).toBe(true);
    expect(out[1]!.bytes[7]).toBe(63);
    // Bounded per destination and source: after six in a row it forwards in silence.
    let redirects = 0;
    for (let i = 0; i < 20; i++) redirects += lab.rcv(data).length - 1;
    expect(redirects).toBeLessThan(6);
    lab.run(SEC * 10n);
  });

  it('resolves the neighbour of a destination and sends what waited', () => {
    const dst = '2001:db8:2::33';
    const [ns, ...none] = lab.rcv(packet({ dst, payload: counting(4) }));
    expect(none).toEqual([]);
    const group = 'ff02::1:ff00:33';
    const body = Buffer.concat([ip6(dst), Buffer.from(`0101${MAC1}`, 'hex')]);
    const ll = 'fe80::ff:fe00:2';
    expect(ns!.frame.toString('hex')).toBe(
      `3333ff000033${MAC1}86dd${packet({ src: ll, dst: group, next: 58, hop: 255, payload: icmp6(ll, group, 135, 0, 0, body) }).toString('hex')}`,
    );
    const na = Buffer.concat([ip6(dst), Buffer.from('0201525400000233', 'hex')]);
    const out = lab.rcv(icmpPacket(dst, ll, 136, 0, 0x60000000, na, 255), { dev: 1 });
    expect(out.length).toBe(1);
    expect(out[0]!.frame.subarray(0, 6).toString('hex')).toBe('525400000233');
    expect(out[0]!.bytes[7]).toBe(63);
    expect(lab.call('testNeighState', lab.devs[1]!, lab.addr(dst))).toBe(2);
  });

  it('reports an address that nobody answers for after three solicitations', () => {
    const data = packet({ dst: '2001:db8:2::44', payload: counting(4) });
    expect(lab.rcv(data).length).toBe(1);
    const out = lab.steps(4n);
    const types = out.map((s) => [s.ifindex, s.bytes[40]]);
    expect(types.filter(([, t]) => t === 135).length).toBe(2);
    const error = out.find((s) => s.bytes[6] === 58 && s.bytes[40] === 1)!;
    expect(error.bytes.subarray(88 - 40).length).toBeGreaterThan(0);
    const want = Buffer.from(data);
    want[7] = 63;
    expect(
      error.bytes.equals(packet({ src: A1, dst: H1, next: 58, payload: icmp6(A1, H1, 1, 3, 0, want) })),
    ).toBe(true);
    expect(transportSumOk(error.bytes)).toBe(true);
    expect(A2).not.toBe(A1);
  });
});
