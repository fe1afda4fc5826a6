/** A Linux host behind a TAP configures itself from our advertisements: address, default route, MTU, more routes. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createStack } from '../../src/stack.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/router_advertisement skipped: ${missing}`);

const PATIENCE_MS = 20_000;

test.skipIf(missing !== undefined)(
  'a Linux host takes address, routes and MTU of what we advertise, and drops the router that takes its leave',
  async () => {
    const tap = `wwra${process.pid % 1_000_000}`;
    const netns = enterOwnNetns();
    try {
      const stack = await createStack();
      try {
        const router = await stack.namespace('router');
        await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
        const lan = await stack.port(router, `tap:${tap}`, { name: 'lan0' });
        await lan.addAddress('2001:db8:1::1/64', { nodad: true });
        for (const [name, value] of Object.entries({
          accept_ra: 1,
          accept_ra_rt_info_max_plen: 64,
          autoconf: 1,
        }))
          writeFileSync(`/proc/sys/net/ipv6/conf/${tap}/${name}`, String(value));
        const ip = (...args: string[]) => execFileSync('ip', ['-6', ...args], { encoding: 'utf8' });
        const until = async (show: () => string, wanted: RegExp, is = true): Promise<string> => {
          const begin = performance.now();
          for (;;) {
            const text = show();
            if (wanted.test(text) === is) return text;
            if (performance.now() - begin > PATIENCE_MS) throw new Error(`${wanted} (${is}) of:\n${text}`);
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        };
        await lan.advertise({
          maxInterval: 4,
          minInterval: 3,
          preference: 'high',
          mtu: 1400,
          hopLimit: 33,
          prefixes: [{ prefix: '2001:db8:1::/64', valid: 7200, preferred: 1800 }],
          routes: [{ prefix: '2001:db8:9::/48', lifetime: 600, preference: 'low' }],
        });
        execFileSync('ip', ['link', 'set', tap, 'up']);
        const address = await until(
          () => ip('addr', 'show', 'dev', tap),
          /inet6 2001:db8:1:\S+\/64 scope global(?!.*tentative)/,
        );
        expect(address).toMatch(/valid_lft (7200|7[01]\d\d)sec preferred_lft 1[78]\d\dsec/);
        const routes = ip('route', 'show', 'dev', tap);
        expect(routes).toMatch(/default via fe80::\S+ proto ra .*hoplimit 33 pref high/);
        expect(routes).toMatch(/2001:db8:9::\/48 via fe80::\S+ proto ra .*pref low/);
        expect(routes).toMatch(/2001:db8:1::\/64 proto kernel/);
        expect(execFileSync('cat', [`/proc/sys/net/ipv6/conf/${tap}/mtu`], { encoding: 'utf8' }).trim()).toBe(
          '1400',
        );
        await lan.advertise(null);
        await until(() => ip('route', 'show', 'dev', tap), /default/, false);
      } finally {
        await stack.close();
      }
    } finally {
      netns.leave();
    }
  },
  60_000,
);
