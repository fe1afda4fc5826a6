/**
 * VLAN trunks with Linux's 8021q on the other end of the TAP, offloads and all: what the oracle's cases compare frame by
 * frame, here as a conversation.
 *
 *      LAN host (Linux)                      our router                     WAN host (Linux)
 *   eth0 ── eth0.5      10.0.5.2 ═══ TAP ═══ lan0 ── lan0.5       10.0.5.1      192.0.2.0/24
 *        └─ eth0.100.7  10.0.7.2                  └─ lan0.100.7   10.0.7.1
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab, WAN } from '../kernel/kernel_lab.js';

const TRUNK = [
  ['5', '10.0.5', '2001:db8:5'],
  ['100.7', '10.0.7', '2001:db8:7'],
] as const;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start();
  for (const [vlan, net4, net6] of TRUNK) {
    const [outer, inner] = vlan.split('.');
    for (const line of vlanLines('eth0', outer!, inner)) lab.lan.ip(...line.split(' '));
    for (const line of vlanLines('lan0', outer!, inner)) await lab.router.call('ip', 'router', line);
    const ours = `lan0.${vlan}`;
    const theirs = `eth0.${vlan}`;
    await lab.router.call('ip', 'router', `addr add ${net4}.1/24 dev ${ours}`);
    await lab.router.call('ip', 'router', `addr add ${net6}::1/64 dev ${ours} nodad`);
    lab.lan.ip('addr', 'add', `${net4}.2/24`, 'dev', theirs);
    lab.lan.ip('addr', 'add', `${net6}::2/64`, 'dev', theirs, 'nodad');
  }
});

afterAll(() => lab?.close());

/** A VLAN, or one within a service VLAN. */
function vlanLines(port: string, outer: string, inner: string | undefined): string[] {
  const protocol = inner === undefined ? '' : 'protocol 802.1ad ';
  const lines = [`link add link ${port} name ${port}.${outer} type vlan ${protocol}id ${outer}`];
  lines.push(`link set ${port}.${outer} up`);
  if (inner === undefined) return lines;
  const name = `${port}.${outer}.${inner}`;
  return [
    ...lines,
    `link add link ${port}.${outer} name ${name} type vlan id ${inner}`,
    `link set ${name} up`,
  ];
}

async function ping(...args: string[]): Promise<void> {
  const { stdout, code } = await lab.lan.run('ping', '-n', '-c', '3', '-i', '0.2', '-w', '15', ...args);
  expect(code, stdout).toBe(0);
}

it.each(TRUNK)(
  'answers Linux in VLAN %s, packets as large as the link takes too',
  async (_vlan, net4, net6) => {
    await ping(`${net4}.1`);
    await ping('-M', 'do', '-s', '1472', `${net4}.1`);
    await ping(`${net6}::1`);
    await ping('-M', 'do', '-s', '1452', `${net6}::1`);
  },
);

it.each(TRUNK)('routes from VLAN %s to the WAN and back', async (_vlan, net4, net6) => {
  await ping('-I', `${net4}.2`, WAN.host[4]);
  await ping('-I', `${net6}::2`, WAN.host[6]);
});

it.each(TRUNK)('carries a connection of TCP from VLAN %s to WAN, whole and undropped', async (vlan, net4) => {
  lab.lan.ip('route', 'replace', `${WAN.host[4]}/32`, 'via', `${net4}.1`, 'dev', `eth0.${vlan}`);
  const before = await lab.router.call('stats', 'lan0');
  const bytes = 1_000_000;
  const port = await lab.wan.app.call('listen', WAN.host[4], { seed: 1, bytes });
  const [one, two] = await Promise.all([
    lab.lan.app.call('exchange', WAN.host[4], port, { seed: 2, bytes }),
    lab.wan.app.call('served'),
  ]);
  expect([one.receivedBytes, two.receivedBytes]).toEqual([bytes, bytes]);
  expect([one.received, two.received]).toEqual([two.sent, one.sent]);
  const after = await lab.router.call('stats', 'lan0');
  expect(after.rxErrors - before.rxErrors).toBe(0);
  // Linux leaves the segmenting of a frame with one tag to the TAP, and does it itself behind two.
  const frame = (after.rxBytes - before.rxBytes) / (after.rxPackets - before.rxPackets);
  if (vlan === '5') expect(frame).toBeGreaterThan(1518);
});

it('says nothing in a VLAN that it has no link for', async () => {
  for (const line of vlanLines('eth0', '9', undefined)) lab.lan.ip(...line.split(' '));
  lab.lan.ip('addr', 'add', '10.0.9.2/24', 'dev', 'eth0.9');
  const { code, stdout } = await lab.lan.run('ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', '10.0.9.1');
  expect(code, stdout).toBe(1);
});
