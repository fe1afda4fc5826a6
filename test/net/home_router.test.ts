/** The lab's home router with hosts in this process: NAT, port forwards and the firewall, by each way of running rules. */
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { JIT_MODES } from '../../src/cli/jit_mode.js';
import { openLabInProcess } from '../../src/cli/lab_in_process.js';
import { proveFirewall } from '../../src/cli/lab_proof_firewall.js';
import type { Lab } from '../../src/cli/lab_setup.js';

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

test.each(JIT_MODES)('proves itself with --jit=%s', async (jit) => {
  lab = await openLabInProcess({ jit, log: pino({ level: 'silent' }) });
  const first = await lab.prove({});
  const { results, dropped } = await proveFirewall(lab.peers, lab.router, {});
  expect([...first, ...results].filter(({ ok }) => !ok)).toEqual([]);
  expect(first.length + results.length).toBe(10);
  expect(dropped).toMatchObject({
    packet: expect.stringContaining('> 192.168.77.2.22: Flags [S]') as string,
    device: 'wan0',
    hook: 'FORWARD',
    chain: 'inet home forward',
    rule: 'iifname "wan0" counter drop comment "nobody in the LAN asked for it"',
    reason: 'NETFILTER_DROP',
  });
  expect(dropped!.place).toMatch(/:\d+$/);
});

/** Both families: ip6Output once told POSTROUTING of no device, and `iifname` did not match there. */
test('what a hairpin does not masquerade would come from the host itself', async () => {
  lab = await openLabInProcess({ jit: 'off', log: pino({ level: 'silent' }) });
  const met = async (to: string) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 3000);
    try {
      return await lab!.peers.connect('lan', to, 8080, abort.signal);
    } finally {
      clearTimeout(timer);
    }
  };
  expect(await met('198.51.100.1')).toEqual({ by: 'lan', seen: '192.168.77.1' });
  expect(await met('2001:db8:77::1')).toEqual({ by: 'lan', seen: 'fd77:1::1' });
});
