/**
 * A table like that of a router in the Internet's core: prefixes of the lengths that BGP has, at random places.
 * Shares of the lengths: the IPv4 table of 2024 (bgp.potaroo.net), rounded; what is left out is below 0.1 %.
 */
import type { RouteSpec } from '../../src/net/route.js';
import { internetAddress, ipv4Text, random32 } from './frames.js';

const LENGTH_SHARES: readonly (readonly [length: number, share: number])[] = [
  [24, 0.6],
  [23, 0.1],
  [22, 0.115],
  [21, 0.052],
  [20, 0.045],
  [19, 0.027],
  [18, 0.015],
  [17, 0.009],
  [16, 0.0145],
  [15, 0.0022],
  [14, 0.0013],
  [13, 0.0006],
  [12, 0.0003],
  [11, 0.0001],
];

/** `count` different prefixes, each by one of `gateways`; the first is the default route. */
export function* bgpRoutes(count: number, gateways: readonly string[], seed: number): Generator<RouteSpec> {
  const random = random32(seed);
  yield { to: 'default', via: gateways[0]! };
  const seen = new Set<number>();
  for (let n = 1; n < count; ) {
    const length = drawLength(random() / 2 ** 32);
    const network = (internetAddress(random) & (-1 << (32 - length))) >>> 0;
    const key = network * 64 + length;
    if (seen.has(key)) continue;
    seen.add(key);
    n++;
    yield { to: `${ipv4Text(network)}/${length}`, via: gateways[random() % gateways.length]! };
  }
}

function drawLength(at: number): number {
  let sum = 0;
  for (const [length, share] of LENGTH_SHARES) {
    sum += share;
    if (at < sum) return length;
  }
  return 24;
}
