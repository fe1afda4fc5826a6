/** Connection tracking between two networks of one process, without a ruleset. */
import { describe, expect, test } from 'vitest';
import { echo, echo6, ip4, ip6, pattern } from '../oracle/packet.js';
import { families, freeOf, icmps, listen, twoNetworks } from './lab.js';

type Side = (typeof families)[number];

function ping(side: Side, size = 32): Uint8Array {
  if (side.name === 'IPv4') return ip4({ src: side.a, dst: side.b, id: 0 }, echo(pattern(size)));
  return ip6({ src: side.a, dst: side.b }, echo6(pattern(size)));
}

describe.each(families)('$name connections', (side) => {
  test('are made by the first packet that passes, and go with their time', async () => {
    const { stack, a, r } = await twoNetworks();
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side));
    stack.run(100);
    const before = freeOf(stack);
    await r.conntrack.enable();
    got.length = 0;
    await a.send(side.family, ping(side));
    stack.run(100);
    expect(icmps(got)).toHaveLength(1);
    expect(await r.conntrack.stats()).toMatchObject({ count: 1, insert: 1 });
    expect(await r.getSysctl('net.netfilter.nf_conntrack_count')).toBe(1);
    stack.run(31_000);
    expect(await r.conntrack.stats()).toMatchObject({ count: 0 });
    expect(freeOf(stack).skbs).toBe(before.skbs);
    await stack.close();
  });
});
