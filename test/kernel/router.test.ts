/**
 * The router between two hosts of the kernel: what ping, traceroute and the hosts' own tables say of it. Errors are in
 * router_errors.test.ts, data in router_transfer.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, type Family, type Host, Lab, type LabOptions, LAN, MIDDLE, WAN } from './kernel_lab.js';
import { tapMissing } from './netns.js';
import { loss } from './traffic.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/router skipped: ${missing}`);

const SIZES = [0, 1, 56, 1472, 1473, 8000, 65_000];
/** Largest payload of an ICMPv4 echo: 65,535 less the headers. */
const LARGEST_V4 = 65_507;

async function lossBySize(host: Host, to: string, family: Family): Promise<Record<string, number>> {
  const sizes = family === 4 ? [...SIZES, LARGEST_V4] : SIZES;
  const result: Record<string, number> = {};
  for (const bytes of sizes) result[`${bytes} bytes`] = await loss(host, to, bytes);
  return result;
}

const noLoss = (family: Family): Record<string, number> =>
  Object.fromEntries((family === 4 ? [...SIZES, LARGEST_V4] : SIZES).map((bytes) => [`${bytes} bytes`, 0]));

/** Addresses of the hops, '*' for one that did not answer. */
async function hops(host: Host, to: string, ...options: string[]): Promise<string[]> {
  const { stdout } = await host.run('traceroute', '-n', '-q', '1', '-w', '3', '-m', '5', ...options, to);
  return stdout
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/)[1]!);
}

/** Asks until `done`; the polling interval is the only wait. */
const soon = <T>(ask: () => T | Promise<T>) => expect.poll(ask, { timeout: 10_000, interval: 50 });

interface KernelNeighbour {
  dst: string;
  lladdr?: string;
  state: string[];
}

function kernelNeighbour(host: Host, address: string): KernelNeighbour | undefined {
  return host.json<KernelNeighbour[]>('neigh', 'show', 'dev', host.device).find(({ dst }) => dst === address);
}

describe.skipIf(missing !== undefined)(
  'two hosts of the kernel with our router between them',
  { timeout: 20_000 },
  () => {
    describe.each<[string, LabOptions]>([
      ['with offloads', {}],
      ['without offloads', { offloads: false }],
      ['by packet ports', { ports: 'packet' }],
    ])('%s', (_, options) => {
      let lab: Lab;
      beforeAll(async () => {
        lab = await Lab.start(options);
      });
      afterAll(() => lab?.close());

      it.each(FAMILIES)('pings of every size come back from the far host by IPv%i', async (family) => {
        expect(await lossBySize(lab.lan, WAN.host[family], family)).toEqual(noLoss(family));
        expect(await lossBySize(lab.wan, LAN.host[family], family)).toEqual(noLoss(family));
      });

      it.each(FAMILIES)('the router itself answers pings of every size by IPv%i', async (family) => {
        expect(await lossBySize(lab.lan, LAN.router[family], family)).toEqual(noLoss(family));
        expect(await lossBySize(lab.lan, WAN.router[family], family)).toEqual(noLoss(family));
      });
    });

    describe('and all at its defaults', () => {
      let lab: Lab;
      beforeAll(async () => {
        lab = await Lab.start();
      });
      afterAll(() => lab?.close());

      const neighbour = async (address: string) =>
        (await lab.router.call('neighbours', 'router')).find((entry) => entry.address === address);

      it.each(FAMILIES)('a flood of 1,000 pings loses none by IPv%i', async (family) => {
        const { stdout } = await lab.lan.run('ping', '-n', '-q', '-f', '-c', '1000', WAN.host[family]);
        expect(stdout).toContain('1000 received, 0% packet loss');
      });

      it.each(FAMILIES)(
        'traceroute with UDP and with ICMP shows the router, then the host, by IPv%i',
        async (family) => {
          const way = [LAN.router[family], WAN.host[family]];
          expect(await hops(lab.lan, WAN.host[family])).toEqual(way);
          expect(await hops(lab.lan, WAN.host[family], '-I')).toEqual(way);
          expect(await hops(lab.wan, LAN.host[family])).toEqual([WAN.router[family], LAN.host[family]]);
        },
      );

      it.each(FAMILIES)('neighbours know each other after a ping by IPv%i', async (family) => {
        expect(await loss(lab.lan, WAN.host[family], 56)).toBe(0);
        for (const host of [lab.lan, lab.wan]) {
          const seen = kernelNeighbour(host, host.plan.router[family]);
          expect(seen).toMatchObject({ lladdr: host.plan.routerMac });
          const entry = await neighbour(host.plan.host[family]);
          expect(entry).toMatchObject({ mac: host.plan.hostMac });
          expect(['reachable', 'stale', 'delay', 'probe']).toContain(entry!.state);
        }
      });

      it.each(FAMILIES)('traffic recovers after the host changed its MAC by IPv%i', async (family) => {
        expect(await loss(lab.lan, WAN.host[family], 56)).toBe(0);
        const changed = `02:00:00:00:0${family}:99`;
        try {
          lab.wan.ip('link', 'set', lab.wan.device, 'address', changed);
          await soon(() => loss(lab.wan, LAN.host[family], 56)).toBe(0);
          expect(await neighbour(WAN.host[family])).toMatchObject({ mac: changed });
          expect(await loss(lab.lan, WAN.host[family], 56)).toBe(0);
        } finally {
          lab.wan.ip('link', 'set', lab.wan.device, 'address', WAN.hostMac);
          await soon(() => loss(lab.wan, LAN.host[family], 56)).toBe(0);
        }
      });

      it.each(FAMILIES)('an announcement moves the neighbour at once by IPv%i', async (family) => {
        const { wan } = lab;
        const announce = family === 4 ? 'net.ipv4.conf.eth0.arp_notify' : 'net.ipv6.conf.eth0.ndisc_notify';
        await wan.run('sysctl', '-q', '-w', `${announce}=1`);
        expect(await loss(lab.lan, WAN.host[family], 56)).toBe(0);
        // Linux: an entry that was updated within locktime (1 s) is not overridden by ARP.
        await soon(async () => (await neighbour(WAN.host[family]))!.updatedMs > 1100).toBe(true);
        try {
          wan.ip('link', 'set', wan.device, 'address', '02:00:00:00:02:77');
          await soon(async () => (await neighbour(WAN.host[family]))!.mac).toBe('02:00:00:00:02:77');
        } finally {
          wan.ip('link', 'set', wan.device, 'address', WAN.hostMac);
          await wan.run('sysctl', '-q', '-w', `${announce}=0`);
        }
        for (const each of FAMILIES) await soon(() => loss(lab.wan, LAN.host[each], 56)).toBe(0);
      });

      it('its link follows the interface down and up, and traffic goes on', async () => {
        const { wan, lan, router } = lab;
        wan.ip('link', 'set', wan.device, 'down');
        await soon(async () => (await router.call('link', 'wan0')).carrier).toBe(false);
        expect(await loss(lan, WAN.host[4], 56, '-c', '1', '-W', '0.3')).toBe(100);
        expect(await loss(lan, LAN.router[4], 56)).toBe(0);
        wan.configure();
        await soon(async () => (await router.call('link', 'wan0')).carrier).toBe(true);
        for (const family of FAMILIES) await soon(() => loss(lan, WAN.host[family], 56)).toBe(0);
      });

      it('its link goes with the TAP and comes back with it, and the other one works on', async () => {
        const { wan, lan, router } = lab;
        wan.ip('link', 'delete', wan.device);
        await soon(async () => (await router.call('link', 'wan0')).carrier).toBe(false);
        for (const family of FAMILIES) expect(await loss(lan, LAN.router[family], 56)).toBe(0);
        lab.remakeTap(wan);
        await soon(async () => (await router.call('link', 'wan0')).carrier).toBe(true);
        lab.moveTap(wan);
        wan.configure();
        await soon(async () => (await router.call('link', 'wan0')).carrier).toBe(true);
        for (const family of FAMILIES) await soon(() => loss(lan, WAN.host[family], 8000)).toBe(0);
      });

      it('record route names each address by which a packet left', async () => {
        const { stdout } = await lab.lan.run('ping', '-n', '-R', '-c', '1', '-W', '2', WAN.host[4]);
        const way = stdout
          .slice(stdout.indexOf('RR:') + 3)
          .split('\n\n')[0]!
          .trim()
          .split(/\s+/);
        expect(way).toEqual([
          ...[LAN.host[4], WAN.router[4], WAN.host[4]],
          ...[WAN.host[4], LAN.router[4], LAN.host[4]],
        ]);
      });

      it('it answers at its link-local address and to all nodes', async () => {
        const { lan } = lab;
        expect(await loss(lan, `fe80::1%${lan.device}`, 56)).toBe(0);
        expect(await loss(lan, `fe80::1%${lan.device}`, 8000)).toBe(0);
        const { stdout } = await lan.run('ping', '-n', '-c', '2', '-i', '0.1', '-L', `ff02::1%${lan.device}`);
        expect(stdout).toMatch(/bytes from fe80::1%eth0: icmp_seq=1 /);
        const routers = await lan.run('ping', '-n', '-c', '2', '-i', '0.1', '-L', `ff02::2%${lan.device}`);
        expect(routers.stdout).toMatch(/bytes from fe80::1%eth0: icmp_seq=1 /);
      });
    });

    describe('with a 1280-byte link between two of our routers', () => {
      let lab: Lab;
      beforeAll(async () => {
        lab = await Lab.start({ middleMtu: 1280 });
      });
      afterAll(() => lab?.close());

      const forget = (host: Host) => {
        host.ip('route', 'flush', 'cache');
        host.ip('-6', 'route', 'flush', 'cache');
      };
      const cachedMtu = (host: Host, to: string): number | undefined => {
        const [route] = host.json<{ metrics?: { mtu?: number }[] }[]>('-details', 'route', 'get', to);
        return route?.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu;
      };

      it.each(FAMILIES)('traceroute shows both routers by IPv%i', async (family) => {
        const way = [LAN.router[family], MIDDLE.far[family], WAN.host[family]];
        expect(await hops(lab.lan, WAN.host[family])).toEqual(way);
        expect(await hops(lab.lan, WAN.host[family], '-I')).toEqual(way);
      });

      it.each(FAMILIES)('a ping that must not be fragmented is told the MTU by IPv%i', async (family) => {
        for (const [host, peer] of [
          [lab.lan, WAN],
          [lab.wan, LAN],
        ] as const) {
          forget(host);
          const { stdout } = await host.run(
            'ping',
            '-n',
            '-M',
            'do',
            '-c',
            '1',
            '-W',
            '2',
            '-s',
            '1400',
            peer.host[family],
          );
          const router = host.plan.router[family];
          expect(stdout).toContain(
            family === 4
              ? `From ${router} icmp_seq=1 Frag needed and DF set (mtu = 1280)`
              : `From ${router} icmp_seq=1 Packet too big: mtu=1280`,
          );
          expect(cachedMtu(host, peer.host[family])).toBe(1280);
          expect(await loss(host, peer.host[family], family === 4 ? 1252 : 1232, '-M', 'do')).toBe(0);
        }
      });

      it.each(FAMILIES)(
        'a datagram that must not be fragmented fails with the MTU by IPv%i',
        async (family) => {
          const probe = { port: 9, bytes: 1400, dontFragment: true, patienceMs: 2000 };
          for (const [host, peer] of [
            [lab.lan, WAN],
            [lab.wan, LAN],
          ] as const) {
            expect(await host.app.call('icmpError', { to: peer.host[family], ...probe })).toEqual({
              errno: 'EMSGSIZE',
              type: family === 4 ? 3 : 2,
              code: family === 4 ? 4 : 0,
              info: 1280,
              from: host.plan.router[family],
            });
          }
        },
      );

      it.each(FAMILIES)('larger pings pass in fragments by IPv%i', async (family) => {
        forget(lab.lan);
        expect(
          await loss(lab.lan, WAN.host[family], 1400, '-M', 'dont', ...(family === 4 ? [] : ['-c', '4'])),
        ).toBe(
          family === 4 ? 0 : 25, // the first one tells the sender; IPv6 routers do not fragment
        );
        expect(await loss(lab.lan, WAN.host[family], 8000)).toBe(0);
      });

      it.each(FAMILIES)('TCP finds the path MTU both ways by IPv%i', async (family) => {
        const bytes = 2_000_000;
        for (const host of [lab.lan, lab.wan]) forget(host);
        const port = await lab.wan.app.call('listen', WAN.host[family], { seed: 3, bytes });
        const ours = await lab.lan.app.call('exchange', WAN.host[family], port, { seed: 5, bytes });
        const theirs = await lab.wan.app.call('served');
        expect(ours.received).toBe(theirs.sent);
        expect(theirs.received).toBe(ours.sent);
        expect(cachedMtu(lab.lan, WAN.host[family])).toBe(1280);
        expect(cachedMtu(lab.wan, LAN.host[family])).toBe(1280);
      });
    });
  },
);
