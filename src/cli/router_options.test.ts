import { expect, test } from 'vitest';
import type { RouterOption, RouterOptionEvent } from '../net/router_option.js';
import { logRouterOptions } from './router_options.js';

function rig() {
  let tell: (event: RouterOptionEvent) => void = () => {};
  const lines: unknown[][] = [];
  let now = 0;
  const namespace = {
    onRouterOption(listener: (event: RouterOptionEvent) => void) {
      tell = listener;
      return () => {};
    },
  };
  const log = { info: (...words: unknown[]) => lines.push(words) };
  logRouterOptions(namespace, [{ ifindex: 3, name: 'wan0' }], log as never, () => now);
  return {
    lines,
    at: (ms: number) => (now = ms),
    hear: (option: RouterOption, router = 'fe80::1', ifindex = 3) =>
      tell({ net: 1, ifindex, router, option }),
  };
}
const rdnss = (server: string): RouterOption => ({ kind: 'rdnss', lifetime: 600, servers: [server] });

test('tells what is new, once, and a change not before ten seconds', () => {
  const { lines, at, hear } = rig();
  for (let i = 0; i < 3; i++) hear(rdnss('2001:db8::53'));
  expect(lines).toEqual([
    [{ link: 'wan0', router: 'fe80::1', lifetime: 600, servers: ['2001:db8::53'] }, 'advertised: rdnss'],
  ]);
  at(5000);
  hear(rdnss('2001:db8::54'));
  expect(lines.length).toBe(1);
  at(10_000);
  hear(rdnss('2001:db8::54'));
  expect(lines.length).toBe(2);
});

test('tells of at most 64 routers, and of no link that is not the router’s', () => {
  const { lines, hear } = rig();
  hear(rdnss('::1'), 'fe80::1', 9);
  expect(lines).toEqual([]);
  for (let i = 0; i < 100; i++) hear(rdnss('::1'), `fe80::${i}`);
  expect(lines.length).toBe(64);
});
