/**
 * The sites of bench/path/plan, made and removed. Names carry our pid, so that runs side by side do not meet; they
 * are removed at the end of the process however it ends, SIGKILL excepted.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { builtFile } from '../built.js';
import { BELOW_MACS, HOST_DEVICE, LAN, PREFIX, SINK, TX_QUEUE_LEN, WAN } from './plan.js';

/** LAN host, router, WAN host of Linux, of ours by TAP (whose router needs no namespace), of ours by packet ports. */
const SIDES = ['ll', 'lr', 'lw', 'ol', 'ow', 'pl', 'pr', 'pw'] as const;
type Names = [string, string, string, string, string, string, string, string];
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const TICKS_PER_SECOND = 100;

export interface Site {
  readonly name: string;
  readonly lan: string;
  readonly wan: string;
  /** The process that forwards; null: the kernel, wherever a frame comes in. */
  readonly routerPid: number | null;
  /** A process in the WAN host's namespace, whose /proc/PID/net is the host's. */
  readonly wanPid: number;
}

/** Removes at the end of the process, however it ends, unless `cancel` was called. */
export function atEnd(remove: () => void): { cancel: () => void } {
  const onSignal = (signal: NodeJS.Signals) => {
    cancel();
    remove();
    process.kill(process.pid, signal);
  };
  const cancel = () => {
    process.removeListener('exit', remove);
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
  process.once('exit', remove);
  for (const signal of SIGNALS) process.once(signal, onSignal);
  return { cancel };
}

export class Sites {
  readonly linux: Site;
  readonly ours: Site;
  readonly packet: Site;
  private readonly end: { cancel: () => void };

  private constructor(
    private readonly namespaces: readonly string[],
    private readonly children: ChildProcess[],
    [tapRouter, packetRouter]: readonly [number, number],
    [linuxWan, oursWan, packetWan]: readonly [number, number, number],
  ) {
    const [ll, , lw, ol, ow, pl, , pw] = namespaces as Names;
    this.linux = { name: 'Linux', lan: ll, wan: lw, routerPid: null, wanPid: linuxWan };
    this.ours = { name: 'ours', lan: ol, wan: ow, routerPid: tapRouter, wanPid: oursWan };
    this.packet = {
      name: 'ours by packet ports',
      lan: pl,
      wan: pw,
      routerPid: packetRouter,
      wanPid: packetWan,
    };
    this.end = atEnd(() => this.remove());
  }

  static async create(): Promise<Sites> {
    const namespaces = SIDES.map((side) => `ww-b-${process.pid}-${side}`);
    const children: ChildProcess[] = [];
    try {
      ip(namespaces.map((name) => `netns add ${name}`));
      const [, , lw, , ow, , pr, pw] = namespaces as Names;
      const router = await startRouter(children, `tap:${tapName('l')}`, `tap:${tapName('w')}`);
      linuxSite(namespaces);
      oursSite(namespaces);
      packetSite(namespaces);
      const packetRouter = await startRouter(children, `packet:lan0@${pr}`, `packet:wan0@${pr}`);
      const servers = [lw, ow, pw].map((name) => inNamespace(name, ['iperf3', '-s'], children).pid!);
      return new Sites(namespaces, children, [router, packetRouter], servers as [number, number, number]);
    } catch (error) {
      removeAll(namespaces, children);
      throw error;
    }
  }

  close(): void {
    this.end.cancel();
    this.remove();
  }

  private remove(): void {
    removeAll(this.namespaces, this.children);
  }
}

export function removeAll(namespaces: readonly string[], children: readonly ChildProcess[]): void {
  for (const child of children) child.kill('SIGKILL');
  const input = namespaces.map((name) => `netns delete ${name}\n`).join('');
  spawnSync('ip', ['-force', '-batch', '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] });
}

const tapName = (side: 'l' | 'w') => `wwb${process.pid.toString(36)}${side}`;

/** Our router, or bridge, with these ports; its pid. */
export async function startRouter(children: ChildProcess[], ...ports: string[]): Promise<number> {
  const child = spawn(process.execPath, [builtFile('bench_router.js'), ...ports], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  if ((await firstLine(child)) !== 'ready') throw new Error('our router did not start');
  return child.pid!;
}

function linuxSite([ll, lr, lw]: readonly string[]): void {
  const suffix = process.pid.toString(36);
  ip([
    `link add wwb${suffix}a netns ${ll} type veth peer name wwb${suffix}b netns ${lr}`,
    `link add wwb${suffix}c netns ${lw} type veth peer name wwb${suffix}d netns ${lr}`,
  ]);
  ip(hostCommands(`wwb${suffix}a`, LAN), ll);
  ip(hostCommands(`wwb${suffix}c`, WAN), lw);
  ip(
    [
      'link set lo up',
      ...routerLink(`wwb${suffix}b`, 'lan0', LAN),
      ...routerLink(`wwb${suffix}d`, 'wan0', WAN),
      `neigh add ${SINK.address} lladdr ${SINK.mac} dev wan0 nud permanent`,
    ],
    lr,
  );
  run('ip', ['netns', 'exec', lr!, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
}

/** Interfaces without addresses, and with MACs of their own. */
function packetSite(namespaces: readonly string[]): void {
  const [pl, pr, pw] = namespaces.slice(5) as [string, string, string];
  const suffix = process.pid.toString(36);
  const sides = [
    { host: pl, side: LAN, name: `wwb${suffix}e`, as: 'lan0', mac: BELOW_MACS[0] },
    { host: pw, side: WAN, name: `wwb${suffix}f`, as: 'wan0', mac: BELOW_MACS[1] },
  ];
  for (const { host, side, name, as, mac } of sides) {
    ip([`link add ${name} netns ${host} type veth peer name ${as} netns ${pr}`]);
    ip(hostCommands(name, side), host);
    ip([`link set ${as} address ${mac} txqueuelen ${TX_QUEUE_LEN} addrgenmode none up`], pr);
  }
}

function oursSite(namespaces: readonly string[]): void {
  const [ol, ow] = namespaces.slice(3) as [string, string];
  ip([`link set ${tapName('l')} netns ${ol}`, `link set ${tapName('w')} netns ${ow}`]);
  ip(hostCommands(tapName('l'), LAN), ol);
  ip(hostCommands(tapName('w'), WAN), ow);
}

type Side = typeof LAN;

function routerLink(name: string, as: string, side: Side): string[] {
  return [
    `link set ${name} name ${as}`,
    `link set ${as} address ${side.routerMac} txqueuelen ${TX_QUEUE_LEN} addrgenmode none up`,
    `addr add ${side.router}/${PREFIX} dev ${as}`,
  ];
}

export function hostCommands(name: string, side: Side): string[] {
  return [
    'link set lo up',
    `link set ${name} name ${HOST_DEVICE}`,
    `link set ${HOST_DEVICE} address ${side.hostMac} txqueuelen ${TX_QUEUE_LEN} addrgenmode none up`,
    `addr add ${side.host}/${PREFIX} dev ${HOST_DEVICE}`,
    `route add default via ${side.router} dev ${HOST_DEVICE}`,
  ];
}

export function ip(commands: readonly string[], namespace?: string): void {
  const options = namespace === undefined ? [] : ['-n', namespace];
  const { status, stderr } = spawnSync('ip', [...options, '-batch', '-'], {
    input: commands.map((command) => `${command}\n`).join(''),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`ip ${commands.join('; ')}: ${stderr}`);
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** Starts a command in a namespace; `children` are killed at the end. */
export function inNamespace(
  namespace: string,
  command: readonly string[],
  children: ChildProcess[] = [],
): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  children.push(child);
  return child;
}

/** Runs a command in a namespace to its end; its standard output. */
export async function outputOf(namespace: string, command: readonly string[]): Promise<string> {
  const child = inNamespace(namespace, command);
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  return output;
}

export async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  return '';
}

/** Frames that the WAN host's interface has received. */
export function received(site: Site): number {
  const line = new RegExp(`${HOST_DEVICE}:\\s*\\d+\\s+(\\d+)`).exec(
    readFileSync(`/proc/${site.wanPid}/net/dev`, 'latin1'),
  );
  return Number(line?.[1]);
}

/** Seconds of processor time: of the router's process, and of the whole machine. */
export interface CpuTime {
  readonly router: number;
  readonly machine: number;
}

export function cpuTime(site: Site): CpuTime {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'latin1')
    .split('\n')[0]!
    .split(/\s+/)
    .map(Number) as [number, number, number, number, number, number, number, number];
  const machine = (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
  if (site.routerPid === null) return { router: 0, machine };
  const stat = readFileSync(`/proc/${site.routerPid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { router: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, machine };
}
