/**
 * Our router's WAN side configures itself from radvd(8) on a Linux router, over a TAP:
 *
 *     our router ── wan0 ──TAP── radvd, 2001:db8:ff::1 on lo
 *
 * Addresses, default route and its preference, more specific routes, parameters of the link, name servers and search
 * list; a prefix that is withdrawn, a router that takes its leave, and one that is simply gone.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AF_INET6 } from '../../src/net/ip.js';
import { IFA_F_DEPRECATED, type Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { RouterOption } from '../../src/net/router_option.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ping } from '../../src/tools/ping.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/radvd skipped: ${missing}`);

const PATIENCE_MS = 20_000;
const TAP = `wwrd${process.pid % 1_000_000}`;
/** Behind the router: only who has a default route gets there. */
const FAR = '2001:db8:ff::1';
const PREFIX = '2001:db8:5::/64';

/** The interface section of radvd.conf; `more` goes in as it is. */
const conf = (more: readonly string[]) =>
  [`interface ${TAP} {`, 'AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;', ...more, '};'].join(
    '\n',
  );
const prefix = (valid: number, preferred: number) =>
  `prefix ${PREFIX} { AdvValidLifetime ${valid}; AdvPreferredLifetime ${preferred}; DeprecatePrefix on; };`;

let netns: OwnNetns;
let stack: Stack;
let router: Namespace;
let wan: Link;
let dir: string;
let radvd: ChildProcess | undefined;

beforeEach(async () => {
  if (missing !== undefined) return;
  dir = mkdtempSync(join(tmpdir(), `ww-radvd-${process.pid}-`));
  netns = enterOwnNetns();
  stack = await createStack();
  router = await stack.namespace('router');
  await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
  wan = await stack.port(router, `tap:${TAP}`, { name: 'wan0' });
  // A router believes advertisements only where it is told to: 2, as with Linux.
  await router.setSysctl('net.ipv6.conf.wan0.accept_ra', 2);
  await router.setSysctl('net.ipv6.conf.wan0.accept_ra_rt_info_max_plen', 64);
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  for (const line of [
    'link set lo up',
    `addr add ${FAR}/128 dev lo`,
    `link set ${TAP} addrgenmode none up`,
    `addr add fe80::1/64 dev ${TAP} nodad`,
    `-6 route add ${PREFIX} dev ${TAP}`,
  ])
    execFileSync('ip', line.split(' '));
});

afterEach(async () => {
  if (missing !== undefined) return;
  await end('SIGKILL');
  await stack.close();
  netns.leave();
  rmSync(dir, { recursive: true, force: true });
});

function configure(...more: readonly string[]): void {
  writeFileSync(join(dir, 'radvd.conf'), conf(more), { mode: 0o600 });
}

/** In the foreground, within this thread's namespace. */
function start(): void {
  const args = ['-n', '-m', 'stderr', '-C', join(dir, 'radvd.conf'), '-p', join(dir, 'pid')];
  radvd = spawn('radvd', args, { stdio: 'ignore' });
}

/** SIGTERM: it takes its leave, lifetime 0. SIGKILL: it is gone without a word. */
async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const child = radvd;
  radvd = undefined;
  if (child === undefined || child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const begin = performance.now();
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() - begin > PATIENCE_MS) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const global = async () => (await wan.addresses()).find(({ address }) => address.startsWith('2001:db8:5:'));
const learned = async (to: string) =>
  (await router.routes(AF_INET6)).find((route) => route.to === to && route.protocol === 9);

test.skipIf(missing !== undefined)(
  'takes address, routes, parameters and name servers of radvd, and reaches what is behind it',
  async () => {
    const heard: RouterOption[] = [];
    router.onRouterOption(({ option, router: from, ifindex }) => {
      expect([from, ifindex]).toEqual(['fe80::1', wan.ifindex]);
      heard.push(option);
    });
    configure(
      'AdvDefaultLifetime 600; AdvDefaultPreference high; AdvLinkMTU 1400; AdvCurHopLimit 33;',
      'AdvReachableTime 20000; AdvRetransTimer 500; AdvOtherConfigFlag on;',
      prefix(7200, 1800),
      'route 2001:db8:100::/40 { AdvRoutePreference low; AdvRouteLifetime 500; };',
      'RDNSS 2001:db8::53 2001:db8::5353 { AdvRDNSSLifetime 300; };',
      'DNSSL lab.example example.net { AdvDNSSLLifetime 300; };',
    );
    start();
    const address = await until('an address', global);
    expect(address).toMatchObject({ prefix: 64, protocol: 2 });
    expect([7200, 7199, 7198]).toContain(address.validLft);
    expect([1800, 1799, 1798]).toContain(address.preferredLft);

    const route = await until('a default route', () => learned('default'));
    expect(route).toMatchObject({ via: 'fe80::1', pref: 'high', metric: 1024 });
    expect(route.expires).toBeGreaterThan(590);
    const specific = await until('the route', () => learned('2001:db8:100::/40'));
    expect(specific).toMatchObject({ via: 'fe80::1', pref: 'low' });
    expect(specific.expires).toBeGreaterThan(490);

    const conf6 = (name: string) => router.getSysctl(`net.ipv6.conf.wan0.${name}`);
    expect([await conf6('mtu'), await conf6('hop_limit')]).toEqual([1400, 33]);
    expect(await router.getSysctl('net.ipv6.neigh.wan0.base_reachable_time_ms')).toBe(20_000);
    expect(await router.getSysctl('net.ipv6.neigh.wan0.retrans_time_ms')).toBe(500);
    expect(await wan.ip6Info()).toMatchObject({ managed: false, other: true, raMtu: 1400 });
    expect(heard.slice(0, 2)).toEqual([
      { kind: 'rdnss', lifetime: 300, servers: ['2001:db8::53', '2001:db8::5353'] },
      { kind: 'dnssl', lifetime: 300, domains: ['lab.example', 'example.net'] },
    ]);

    // Duplicate address detection has to be over for its answer to come back.
    await until('a reply', async () =>
      (await ping(router, FAR, { timeoutMs: 1000 })).kind === 'reply' ? true : undefined,
    );
    // Link MTU 1400: what is larger goes in fragments, there and back.
    expect((await ping(router, FAR, { size: 1500 })).kind).toBe('reply');
  },
);

test.skipIf(missing !== undefined)(
  'deprecates the address of a withdrawn prefix, and drops the router that takes its leave',
  async () => {
    configure('AdvDefaultLifetime 600;', prefix(7200, 1800));
    start();
    await until('an address', global);
    await until('a default route', () => learned('default'));
    await end('SIGTERM');
    await until('no default route', async () =>
      (await learned('default')) === undefined ? true : undefined,
    );
    // DeprecatePrefix: the last advertisement has its preferred lifetime 0; valid it is for two hours more (RFC 4862 5.5.3 e).
    const address = await until('a deprecated address', async () => {
      const one = await global();
      return one !== undefined && (one.flags & IFA_F_DEPRECATED) !== 0 ? one : undefined;
    });
    expect(address.preferredLft).toBe(0);
    expect(address.validLft).toBeGreaterThan(7100);
  },
);

test.skipIf(missing !== undefined)(
  'forgets a router that is gone without a word when the lifetimes are over, and learns it again',
  async () => {
    configure(
      'AdvDefaultLifetime 4;',
      prefix(7200, 1800),
      'route 2001:db8:100::/40 { AdvRouteLifetime 4; };',
    );
    start();
    await until('a default route', () => learned('default'));
    await until('the route', () => learned('2001:db8:100::/40'));
    await end('SIGKILL');
    await until('no routes', async () =>
      (await learned('default')) === undefined && (await learned('2001:db8:100::/40')) === undefined
        ? true
        : undefined,
    );
    // The prefix is on the link still, and so is the address.
    expect(await global()).toBeDefined();
    expect((await router.routes(AF_INET6)).some(({ to }) => to === PREFIX)).toBe(true);
    start();
    await until('a default route', () => learned('default'));
  },
);

test.skipIf(missing !== undefined)('follows a radvd that is given another configuration', async () => {
  configure('AdvDefaultLifetime 600; AdvDefaultPreference low;', prefix(7200, 1800));
  start();
  await until('a default route', () => learned('default'));
  configure('AdvDefaultLifetime 600; AdvDefaultPreference high; AdvLinkMTU 1300;', prefix(9000, 0));
  radvd!.kill('SIGHUP');
  await until('the new preference', async () =>
    (await learned('default'))?.pref === 'high' ? true : undefined,
  );
  expect(await router.getSysctl('net.ipv6.conf.wan0.mtu')).toBe(1300);
  const address = (await global())!;
  expect(address.flags & IFA_F_DEPRECATED).toBe(IFA_F_DEPRECATED);
  expect(address.validLft).toBeGreaterThan(8900);
});
