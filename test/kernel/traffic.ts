/**
 * What tests send through a router between two hosts: pings, transfers whose hashes are compared, iperf3; and whether the
 * router has all its buffers back afterwards.
 */
import { expect } from 'vitest';
import { FAMILIES, type Family, type Host, type Lab, WAN } from './kernel_lab.js';
import type { RouterMethods } from './router_process.js';

const PINGS = 3;
const IPERF_SECONDS = '2';
const PORTS = 2;

/** Percentage of pings without a reply. */
export async function loss(host: Host, to: string, bytes: number, ...options: string[]): Promise<number> {
  const common = ['-n', '-c', `${PINGS}`, '-i', '0.02', '-W', '2', '-s', `${bytes}`];
  const { stdout, stderr } = await host.run('ping', ...common, ...options, to);
  const found = /([\d.]+)% packet loss/.exec(stdout);
  if (found === null) throw new Error(`ping ${to}: ${stdout}${stderr}`);
  return Number(found[1]);
}

/** Moves `bytes` each way at once over one connection from `client` to `server`, and compares the hashes. */
export async function transfer(client: Host, server: Host, family: Family, bytes: number): Promise<void> {
  const to = server.plan.host[family];
  const port = await server.app.call('listen', to, { seed: 0x5eed1, bytes });
  const [one, two] = await Promise.all([
    client.app.call('exchange', to, port, { seed: 0x5eed2, bytes }),
    server.app.call('served'),
  ]);
  expect([one.receivedBytes, two.receivedBytes]).toEqual([bytes, bytes]);
  expect(one.sent).not.toBe(two.sent);
  expect(one.received).toBe(two.sent);
  expect(two.received).toBe(one.sent);
}

export type Pools = Awaited<ReturnType<RouterMethods['pools']>>;

/** What is free when the hosts have found each other and nothing is under way. */
export async function settledPools(lab: Lab): Promise<Pools> {
  for (const family of FAMILIES) {
    const { code } = await lab.lan.run('ping', '-n', '-c', '3', '-i', '0.2', '-w', '8', WAN.host[family]);
    if (code !== 0) throw new Error(`the hosts do not find each other by IPv${family}`);
  }
  return lab.router.call('pools');
}

/**
 * The buffers are back. Each port may still hold the frame that it sent last, until the core is polled again: a ping
 * makes that a small one, of which there may be one a port.
 */
export async function expectPoolsBack(lab: Lab, free: Pools): Promise<void> {
  const missing = async () => {
    const { skbs, small, large } = await settledPools(lab);
    return Math.max(free.skbs - skbs, free.small - small, free.large - large + PORTS);
  };
  await expect.poll(missing, { timeout: 10_000 }).toBeLessThanOrEqual(PORTS);
}

interface IperfEnd {
  end: {
    sum_sent: { bytes: number };
    sum_received: { bytes: number };
    sum?: { lost_packets: number; packets: number };
  };
  error?: string;
}

export async function iperf(from: Host, to: string, ...options: string[]): Promise<IperfEnd['end']> {
  const { stdout, stderr } = await from.run('iperf3', '-J', '-c', to, '-t', IPERF_SECONDS, ...options);
  if (stdout === '') throw new Error(`iperf3: ${stderr}`);
  const { end, error } = JSON.parse(stdout) as IperfEnd;
  if (error !== undefined) throw new Error(`iperf3: ${error}`);
  return end;
}
