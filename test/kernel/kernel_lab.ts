/**
 * Two hosts of the kernel with a router between them, ours or Linux's own:
 *
 *      LAN host                 router                WAN host
 *    192.0.2.2 ──TAP── .1 lan0        wan0 .1 ──TAP── 198.51.100.2
 *    2001:db8:1::2     ::1                 ::1        2001:db8:2::2
 *
 *      with `ports: 'packet'` each TAP is a veth pair, whose end in the router's namespace is a packet port
 *      with `wanPorts` wan0 is a port of any kind that comes later (addWanPort), and goes
 *      with `middleMtu` two routers of one core: lan0 near mid0 ─── mid1 far wan0 (203.0.113.1, .2)
 *
 * Each host and the router live in a network namespace named after this process and the lab's number, so nothing meets
 * what another run made. close() removes all, and the next run does when this one was killed.
 */
import { execFile, execFileSync, spawn, type ChildProcess, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { listNamespaces, startTimeOf } from '../../src/cli/lab_kernel.js';
import type { Faults } from '../../src/drivers/fault_lane.js';
import type { HostMethods } from './host_process.js';
import type { RouterMethods } from './router_process.js';
import { RpcChild } from './rpc.js';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD = join(HERE, '../../build');
const OWNER = `${process.pid}-${startTimeOf('self') ?? 0}`;
const NAMESPACE = /^wwk-(\d+)-(\d+)-/;
const BUNDLES = /^kernel-(\d+)-(\d+)$/;
const TX_QUEUE_LEN = 2000;

export const FAMILIES = [4, 6] as const;
export type Family = (typeof FAMILIES)[number];

export interface SidePlan {
  readonly link: 'lan0' | 'wan0';
  readonly hostMac: string;
  readonly routerMac: string;
  readonly host: Readonly<Record<Family, string>>;
  readonly router: Readonly<Record<Family, string>>;
  readonly network: Readonly<Record<Family, string>>;
}

export const LAN: SidePlan = {
  link: 'lan0',
  hostMac: '02:00:00:00:01:02',
  routerMac: '02:00:00:00:01:01',
  host: { 4: '192.0.2.2', 6: '2001:db8:1::2' },
  router: { 4: '192.0.2.1', 6: '2001:db8:1::1' },
  network: { 4: '192.0.2.0/24', 6: '2001:db8:1::/64' },
};

export const WAN: SidePlan = {
  link: 'wan0',
  hostMac: '02:00:00:00:02:02',
  routerMac: '02:00:00:00:02:01',
  host: { 4: '198.51.100.2', 6: '2001:db8:2::2' },
  router: { 4: '198.51.100.1', 6: '2001:db8:2::1' },
  network: { 4: '198.51.100.0/24', 6: '2001:db8:2::/64' },
};

/** Between the two routers. */
export const MIDDLE = {
  near: { 4: '203.0.113.1', 6: '2001:db8:3::1' },
  far: { 4: '203.0.113.2', 6: '2001:db8:3::2' },
} as const;

/** Destinations that a router refuses, each its own way. `noRoute` is what no route covers. */
export const REFUSED = {
  unreachable: { 4: '198.18.1.0/24', 6: '2001:db8:f1::/48' },
  prohibit: { 4: '198.18.2.0/24', 6: '2001:db8:f2::/48' },
  blackhole: { 4: '198.18.3.0/24', 6: '2001:db8:f3::/48' },
} as const;
export const REFUSED_HOST = {
  unreachable: { 4: '198.18.1.9', 6: '2001:db8:f1::9' },
  prohibit: { 4: '198.18.2.9', 6: '2001:db8:f2::9' },
  blackhole: { 4: '198.18.3.9', 6: '2001:db8:f3::9' },
  noRoute: { 4: '198.18.4.9', 6: '2001:db8:f4::9' },
} as const;

const ROUTER_SYSCTL: Readonly<Record<string, number>> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
};

/** A port of our router in place of the WAN's TAP: an adapter, whose other end is an interface that is there. */
export interface WanPort {
  /** As in router.yaml: 'usb:1d6b:0104'. */
  readonly spec: string;
  /** Gives the other end's interface to a namespace, with this name. */
  moveTo(netns: string, device: string): void | Promise<void>;
}

export interface LabOptions {
  router?: 'ours' | 'linux';
  /** What our router's ports are. Default: tap. */
  ports?: 'tap' | 'packet';
  /** There is no wan0 until addWanPort(). The router is in this process's namespace: libusb hears of devices only there. */
  wanPorts?: boolean;
  /** The scalar build of the core, as on boards. */
  scalar?: boolean;
  /** Whether the TAPs take and give checksums and segments undone; of both, or of either. Default: true. */
  offloads?: boolean | Readonly<Record<SidePlan['link'], boolean>>;
  /** Of both ports, each way. */
  faults?: Faults;
  /** Two routers with a link of this MTU between them. */
  middleMtu?: number;
}

interface Ran {
  stdout: string;
  stderr: string;
  code: number;
}

/** A host: its namespace, its commands, its applications (host_process.ts). */
export class Host {
  readonly device = 'eth0';
  private readonly children: ChildProcess[] = [];
  private lastAddress = 9;
  app!: RpcChild<HostMethods>;

  constructor(
    readonly netns: string,
    readonly plan: SidePlan,
    readonly peer: SidePlan,
  ) {}

  /** Runs a command in the namespace; its exit code is part of what it tells. */
  async run(command: string, ...args: string[]): Promise<Ran> {
    const options = { timeout: 18_000, maxBuffer: 16 << 20, env: { ...process.env, LC_ALL: 'C' } };
    try {
      const { stdout, stderr } = await run('ip', ['netns', 'exec', this.netns, command, ...args], options);
      return { stdout, stderr, code: 0 };
    } catch (error) {
      const { stdout, stderr, code } = error as { stdout?: string; stderr?: string; code?: number | string };
      if (typeof code !== 'number') throw error;
      return { stdout: stdout ?? '', stderr: stderr ?? '', code };
    }
  }

  ip(...args: string[]): string {
    return execFileSync('ip', ['-n', this.netns, ...args], { encoding: 'utf8' });
  }

  json<T>(...args: string[]): T {
    return JSON.parse(this.ip('-j', ...args) || '[]') as T;
  }

  /** Starts a server; resolves when it has written `ready`. It ends with the lab. */
  async start(ready: string, command: string, ...args: string[]): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', this.netns, command, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    await new Promise<void>((resolve, reject) => {
      let text = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${text}`)));
      child.stdout!.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (text.includes(ready)) resolve();
      });
    });
  }

  /** Addresses and routes; also after the interface was down, which takes most of them away. */
  configure(): void {
    const { plan, device } = this;
    const lines = [
      'link set lo up',
      `link set ${device} addrgenmode none`,
      `link set ${device} txqueuelen ${TX_QUEUE_LEN} up`,
      `addr replace fe80::2/64 dev ${device} nodad`,
      `addr replace ${plan.host[4]}/24 dev ${device}`,
      `addr replace ${plan.host[6]}/64 dev ${device} nodad`,
      `route replace default via ${plan.router[4]} dev ${device}`,
      `-6 route replace default via ${plan.router[6]} dev ${device}`,
    ];
    for (const line of lines) this.ip(...line.split(' '));
  }

  /** One more address: to the router a stranger, of whose errors it has not told anybody yet. */
  newAddress(family: Family): string {
    const last = ++this.lastAddress;
    const { plan, device } = this;
    const address =
      family === 4 ? plan.host[4].replace(/2$/, `${last}`) : plan.host[6].replace(/2$/, last.toString(16));
    this.ip(
      'addr',
      'add',
      `${address}/${family === 4 ? 24 : 64}`,
      'dev',
      device,
      ...(family === 4 ? [] : ['nodad']),
    );
    return address;
  }

  async startApp(): Promise<void> {
    this.app = await RpcChild.start<HostMethods>(this.netns, bundled('host_process'), `host ${this.netns}`);
  }

  /** Ends what start() began. */
  stop(): void {
    for (const child of this.children.splice(0)) {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
    }
  }

  async close(): Promise<void> {
    this.stop();
    await this.app?.close();
  }
}

export class Lab {
  private ours: RpcChild<RouterMethods> | undefined;

  private constructor(
    readonly lan: Host,
    readonly wan: Host,
    private readonly routerNetns: string,
  ) {}

  /** Not when the router is Linux's. */
  get router(): RpcChild<RouterMethods> {
    return this.ours!;
  }

  static async start(options: LabOptions = {}): Promise<Lab> {
    cleanUp();
    open++;
    const id = `wwk-${OWNER}-${++labs}`;
    const names = { lan: `${id}-lan`, wan: `${id}-wan`, router: `${id}-router` };
    const lan = new Host(names.lan, LAN, WAN);
    const wan = new Host(names.wan, WAN, LAN);
    const lab = new Lab(lan, wan, names.router);
    try {
      for (const name of [names.lan, names.wan]) ip('netns', 'add', name);
      if (options.wanPorts !== true) ip('netns', 'add', names.router);
      else ip('netns', 'attach', names.router, `${process.pid}`);
      if (options.router === 'linux') linuxRouter(names.router, [lan, wan]);
      else lab.ours = await ourRouter(names.router, [lan, wan], options);
      for (const host of options.wanPorts === true ? [lan] : [lan, wan]) host.configure();
      await Promise.all([lan.startApp(), wan.startApp()]);
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** The WAN port of a lab with `wanPorts`. Its interface has to be there; its link may come up later. */
  async addWanPort(port: WanPort): Promise<void> {
    const { wan } = this;
    await this.router.call('port', {
      kind: 'spec',
      spec: port.spec,
      namespace: 'router',
      name: WAN.link,
      mac: WAN.routerMac,
      addresses: routerAddresses(WAN),
    });
    await port.moveTo(wan.netns, wan.device);
    wan.configure();
  }

  async removeWanPort(): Promise<void> {
    await this.router.call('removePort', WAN.link);
  }

  /** Makes the host's TAP anew after it was deleted, where our router sees it. */
  remakeTap({ plan }: Host): void {
    ip('-n', this.routerNetns, 'tuntap', 'add', plan.link, 'mode', 'tap', 'vnet_hdr');
    ip('-n', this.routerNetns, 'link', 'set', plan.link, 'up');
  }

  /** Hands a TAP that the router has to the host. */
  moveTap(host: Host): void {
    moveTap(this.routerNetns, host);
  }

  /** Makes the veth pair of a packet port anew after it was deleted. */
  remakeVeth(host: Host): void {
    addPacketPort(this.routerNetns, host);
  }

  /** `ip` in the router's namespace. */
  routerIp(...args: string[]): string {
    return execFileSync('ip', ['-n', this.routerNetns, ...args], { encoding: 'utf8' });
  }

  async close(): Promise<void> {
    await Promise.all([this.lan.close(), this.wan.close(), this.ours?.close()]);
    removeNamespaces([this.lan.netns, this.wan.netns, this.routerNetns]);
    if (--open === 0) removeBundles(OWNER);
  }
}

let labs = 0;
let open = 0;
const bundles = new Map<string, string>();

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function bundled(name: string): string {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const outfile = join(BUILD, `kernel-${OWNER}`, `${name}.mjs`);
  buildSync({
    entryPoints: [join(HERE, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    sourcemap: 'inline',
  });
  bundles.set(name, outfile);
  return outfile;
}

function removeNamespaces(names: readonly string[]): void {
  for (const name of names) {
    spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
  }
}

function moveTap(from: string, { netns, plan, device }: Host): void {
  ip('-n', from, 'link', 'set', plan.link, 'address', plan.hostMac, 'netns', netns, 'name', device);
}

function removeBundles(owner: string): void {
  rmSync(join(BUILD, `kernel-${owner}`), { recursive: true, force: true });
  if (owner === OWNER) bundles.clear();
}

const ownerGone = (match: RegExpExecArray | null): match is RegExpExecArray =>
  match !== null && startTimeOf(Number(match[1])) !== match[2];

/** What a killed run left. */
function cleanUp(): void {
  removeNamespaces(listNamespaces().filter((name) => ownerGone(NAMESPACE.exec(name))));
  for (const name of readdirSync(BUILD)) {
    const match = BUNDLES.exec(name);
    if (ownerGone(match)) removeBundles(`${match[1]}-${match[2]}`);
  }
}

function addVeth(netns: string, { netns: host, plan, device }: Host): void {
  ip(
    ...['link', 'add', plan.link, 'netns', netns, 'address', plan.routerMac, 'type', 'veth'],
    ...['peer', 'name', device, 'address', plan.hostMac, 'netns', host],
  );
}

function linuxRouter(netns: string, hosts: readonly Host[]): void {
  const lines = ['link set lo up'];
  for (const host of hosts) {
    const { plan } = host;
    addVeth(netns, host);
    lines.push(
      `link set ${plan.link} addrgenmode none`,
      `link set ${plan.link} up`,
      `addr add fe80::1/64 dev ${plan.link} nodad`,
      `addr add ${plan.router[4]}/24 dev ${plan.link}`,
      `addr add ${plan.router[6]}/64 dev ${plan.link} nodad`,
    );
  }
  for (const [type, prefixes] of Object.entries(REFUSED)) {
    lines.push(`route add ${type} ${prefixes[4]}`, `-6 route add ${type} ${prefixes[6]}`);
  }
  for (const line of lines) ip('-n', netns, ...line.split(' '));
  const sysctls = Object.entries(ROUTER_SYSCTL).map(([name, value]) => `${name}=${value}`);
  ip('netns', 'exec', netns, 'sysctl', '-q', '-w', ...sysctls);
}

const routerAddresses = ({ router }: SidePlan) => ['fe80::1/64', `${router[4]}/24`, `${router[6]}/64`];

function addPacketPort(netns: string, host: Host): void {
  addVeth(netns, host);
  ip('-n', netns, 'link', 'set', host.plan.link, 'up');
}

async function ourRouter(
  netns: string,
  hosts: readonly Host[],
  { ports = 'tap', wanPorts = false, offloads = true, faults, middleMtu, scalar = false }: LabOptions,
): Promise<RpcChild<RouterMethods>> {
  const router = await RpcChild.start<RouterMethods>(netns, bundled('router_process'), 'the router');
  try {
    await router.call('start', 7, scalar);
    const names = middleMtu === undefined ? ['router', 'router'] : ['near', 'far'];
    for (const name of new Set(names)) {
      await router.call('namespace', name, ROUTER_SYSCTL);
    }
    // The kernel's own stack sees what packet ports see: it shall have nothing to say.
    if (ports === 'packet') {
      ip('netns', 'exec', netns, 'sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    }
    for (const [i, host] of hosts.entries()) {
      const { plan } = host;
      if (plan === WAN && wanPorts) continue;
      if (ports === 'packet') addPacketPort(netns, host);
      await router.call('port', {
        kind: ports,
        namespace: names[i]!,
        name: plan.link,
        mac: plan.routerMac,
        offloads: typeof offloads === 'boolean' ? offloads : offloads[plan.link],
        addresses: routerAddresses(plan),
        ...(faults === undefined ? {} : { faults: { seed: 11 + i, rx: faults, tx: faults } }),
      });
      if (ports === 'tap') moveTap(netns, host);
    }
    if (middleMtu === undefined) {
      for (const [type, prefixes] of Object.entries(REFUSED)) {
        for (const family of FAMILIES) {
          await router.call('route', 'router', { to: prefixes[family], type: type as keyof typeof REFUSED });
        }
      }
    } else {
      await joinRouters(router, middleMtu);
    }
    return router;
  } catch (error) {
    await router.close();
    throw error;
  }
}

async function joinRouters(router: RpcChild<RouterMethods>, mtu: number): Promise<void> {
  const { near, far } = MIDDLE;
  await router.call('veth', {
    a: { namespace: 'near', name: 'mid0', addresses: ['fe80::1/64', `${near[4]}/30`, `${near[6]}/64`] },
    b: { namespace: 'far', name: 'mid1', addresses: ['fe80::2/64', `${far[4]}/30`, `${far[6]}/64`] },
    mtu,
  });
  for (const family of FAMILIES) {
    await router.call('route', 'near', { to: WAN.network[family], via: far[family] });
    await router.call('route', 'far', { to: LAN.network[family], via: near[family] });
  }
}
