/** A packet's way through a router between two hosts, both families: forwarded, refused, resolved, cut and joined. */
import { describe, expect, test } from 'vitest';
import { be32, echo, echo6, ip4, ip6, pattern, raw, udp } from '../oracle/packet.js';
import { AF_INET } from '../../src/net/ip.js';
import { families, freeOf, icmps, listen, twoNetworks } from './lab.js';

type Side = (typeof families)[number];

function ping(
  side: Side,
  to: string,
  size = 32,
  options: { ttl?: number; df?: boolean; seq?: number } = {},
): Uint8Array {
  const { ttl = 64, seq = 1 } = options;
  if (side.family === AF_INET) {
    return ip4({ src: side.a, dst: to, ttl, id: 0, df: options.df ?? false }, echo(pattern(size), { seq }));
  }
  return ip6({ src: side.a, dst: to, hops: ttl }, echo6(pattern(size), { seq }));
}

const v4 = (side: Side) => side.family === AF_INET;
const reply = (side: Side) => (v4(side) ? 0 : 129);
const unreachable = (side: Side) => (v4(side) ? 3 : 1);

describe.each(families)('$name', (side) => {
  test('forwards an echo and its reply, a hop less each way', async () => {
    const { stack, a, r } = await twoNetworks();
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side, side.b));
    stack.run(100);
    const [answer] = icmps(got);
    expect(icmps(got)).toHaveLength(1);
    expect(answer!.type).toBe(reply(side));
    expect(answer!.message.subarray(8)).toEqual(pattern(32));
    expect(answer!.packet[v4(side) ? 8 : 7]).toBe(63);
    const snmp = await r.snmp();
    expect(snmp[v4(side) ? 'IpForwDatagrams' : 'Ip6OutForwDatagrams']).toBe(2);
    await stack.close();
  });

  test('does not forward when forwarding is off', async () => {
    const { stack, a, r } = await twoNetworks();
    await r.setSysctl('net.ipv4.ip_forward', 0);
    await r.setSysctl('net.ipv6.conf.all.forwarding', 0);
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side, side.b));
    stack.run(100);
    expect(icmps(got)).toEqual([]);
    await stack.close();
  });

  test('answers a packet whose hops are used up as time exceeded, quoting it', async () => {
    const { stack, a } = await twoNetworks();
    const got = await listen(a, side.family);
    const sent = ping(side, side.b, 32, { ttl: 1 });
    await a.send(side.family, sent);
    stack.run(100);
    const [error] = icmps(got);
    expect(error).toMatchObject({ type: v4(side) ? 11 : 3, code: 0 });
    expect(error!.message.subarray(8).subarray(v4(side) ? 12 : 8, 20)).toEqual(
      sent.subarray(v4(side) ? 12 : 8, 20),
    );
    await stack.close();
  });

  test('answers a packet larger than the next link with its MTU', async () => {
    const { stack, a, r } = await twoNetworks({ mtu: 1280 });
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side, side.b, 1400, { df: true }));
    stack.run(100);
    const [error] = icmps(got);
    expect(error).toMatchObject({ type: v4(side) ? 3 : 2, code: v4(side) ? 4 : 0 });
    expect(error!.message.subarray(4, 8)).toEqual(be32(1280));
    const snmp = await r.snmp();
    expect(snmp[v4(side) ? 'IpFragFails' : 'Ip6InTooBigErrors']).toBe(1);
    await stack.close();
  });

  test('tells of a neighbour that does not answer after three seconds, and frees the packet', async () => {
    const { stack, a } = await twoNetworks();
    const got = await listen(a, side.family);
    const before = freeOf(stack);
    await a.send(side.family, ping(side, side.nobody));
    stack.run(2500);
    expect(icmps(got)).toEqual([]);
    stack.run(1000);
    expect(icmps(got)).toMatchObject([{ type: unreachable(side), code: v4(side) ? 1 : 3 }]);
    expect(freeOf(stack).skbs).toBe(before.skbs);
    expect(freeOf(stack).small).toBe(before.small);
    await stack.close();
  });

  test('tells that there is no route', async () => {
    const { stack, a } = await twoNetworks();
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side, side.far));
    stack.run(100);
    expect(icmps(got)).toMatchObject([{ type: unreachable(side), code: 0 }]);
    await stack.close();
  });

  test('tells that nothing listens at a port', async () => {
    const { stack, a } = await twoNetworks();
    const got = await listen(a, side.family);
    const part = udp({ dport: 9 }, pattern(20));
    await a.send(
      side.family,
      v4(side) ? ip4({ src: side.a, dst: side.b, id: 0 }, part) : ip6({ src: side.a, dst: side.b }, part),
    );
    stack.run(100);
    expect(icmps(got)).toMatchObject([{ type: unreachable(side), code: v4(side) ? 3 : 4 }]);
    await stack.close();
  });

  test.each([2000, 9000, 60000])(
    'carries an echo of %i bytes in fragments over both hops and joins it',
    async (size) => {
      const { stack, a, b } = await twoNetworks({ mtu: 1280 });
      const got = await listen(a, side.family);
      const heard = await listen(b, side.family);
      await a.send(side.family, ping(side, side.b, size));
      stack.run(1000);
      const sizeHeard = icmps(heard).map(({ message }) => message.length);
      const snmp = await b.snmp();
      if (!v4(side)) {
        // IPv6 routers do not cut: the source is told first, and cuts the second to the path.
        await a.send(side.family, ping(side, side.b, size, { seq: 2 }));
        stack.run(1000);
      } else {
        expect(sizeHeard).toEqual([size + 8]);
        expect(snmp.IpReasmOKs).toBe(1);
      }
      const echoes = icmps(got).filter(({ type }) => type === reply(side));
      expect(echoes).toHaveLength(1);
      expect(echoes[0]!.message.subarray(8)).toEqual(pattern(size));
      stack.run(120_000);
      await stack.close();
    },
  );

  test('gives up a datagram of which a fragment is missing, and frees its pieces', async () => {
    const { stack, a, b } = await twoNetworks();
    const before = freeOf(stack);
    const first = v4(side)
      ? ip4({ src: side.a, dst: side.b, id: 7, mf: true }, raw(17, pattern(800)))
      : ip6(
          { src: side.a, dst: side.b },
          { protocol: 44, build: (_p, next) => Uint8Array.of(next, 0, 0, 1, 0, 0, 0, 9) },
          raw(17, pattern(800)),
        );
    const got = await listen(a, side.family);
    await a.send(side.family, first);
    stack.run(100);
    expect(freeOf(stack).skbs).toBe(before.skbs - 1);
    stack.run(90_000);
    expect(freeOf(stack)).toMatchObject({ skbs: before.skbs, small: before.small });
    expect(icmps(got)).toMatchObject([{ type: v4(side) ? 11 : 3, code: 1 }]);
    expect((await b.snmp())[v4(side) ? 'IpReasmFails' : 'Ip6ReasmFails']).toBe(1);
    await stack.close();
  });
});
