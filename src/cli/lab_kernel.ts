/**
 * The kernel's side of the built-in lab: two network namespaces with one TAP each, their hosts the LAN and the WAN.
 *
 *   cleanupStale()            what a killed run left
 *   names = labNames()
 *   ... the router opens names.lan.tap and names.wan.tap ...
 *   lab = await createLabNamespaces(names)
 *   ...
 *   removeLab(lab)            also by itself when the process exits, whatever the reason but SIGKILL
 *
 * Names carry pid and start time of their owner: runs side by side never touch each other's, and what belongs to
 * nobody alive is known. A TAP needs no cleaning: it goes with the descriptor that opened it, or with its namespace.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { NetError } from '../net_error.js';
import { LAB_LAN, LAB_WAN, type LabLinkPlan } from './lab_plan.js';

export interface LabSide {
  readonly namespace: string;
  /** As the router opens it; in the namespace it is called LAB_DEVICE. */
  readonly tap: string;
}

export interface LabNames {
  readonly lan: LabSide;
  readonly wan: LabSide;
}

export interface KernelLab {
  readonly names: LabNames;
  /** Takes the handlers back that remove the lab when the process ends. */
  readonly unwatch: () => void;
}

/** The host's interface inside of its namespace. */
export const LAB_DEVICE = 'eth0';
const TX_QUEUE_LEN = 2000;
const NAMESPACE = /^ww-(?:lan|wan)-(\d+)-(\d+)$/;
const END_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ticks since boot, field 22 of /proc/PID/stat; null when there is no such process, or it is dead and not yet waited for. */
export function startTimeOf(pid: number | 'self'): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2, the name, may hold spaces and brackets; field 3 follows its last bracket.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? null : (fields[18] ?? null);
  } catch {
    return null;
  }
}

export function labNames(pid: number = process.pid): LabNames {
  const owner = `${pid}-${startTimeOf(pid) ?? 0}`;
  const suffix = pid.toString(36);
  return {
    lan: { namespace: `ww-lan-${owner}`, tap: `ww-l-${suffix}` },
    wan: { namespace: `ww-wan-${owner}`, tap: `ww-w-${suffix}` },
  };
}

/** Makes both namespaces and moves the TAPs, which exist already, into them. On failure nothing is left. */
export async function createLabNamespaces(names: LabNames): Promise<KernelLab> {
  const lab = { names, unwatch: removeAtExit(names) };
  const sides = [
    [names.lan, LAB_LAN],
    [names.wan, LAB_WAN],
  ] as const;
  try {
    await ipBatch(
      [],
      sides.flatMap(([{ namespace, tap }]) => [
        `netns add ${namespace}`,
        `link set ${tap} netns ${namespace}`,
      ]),
    );
    await Promise.all(
      sides.map(([{ namespace, tap }, plan]) => ipBatch(['-n', namespace], hostCommands(tap, plan))),
    );
    return lab;
  } catch (error) {
    removeLab(lab);
    throw error;
  }
}

/** Duplicate address detection would hold back every IPv6 address for a second: none is wanted where all is planned. */
function hostCommands(tap: string, own: LabLinkPlan): string[] {
  const linkLocal = `fe80::${own.host6.slice(own.host6.lastIndexOf(':') + 1)}`;
  return [
    'link set lo up',
    `link set ${tap} name ${LAB_DEVICE}`,
    `link set ${LAB_DEVICE} mtu ${own.mtu} txqueuelen ${TX_QUEUE_LEN} addrgenmode none`,
    `link set ${LAB_DEVICE} up`,
    `addr add ${linkLocal}/64 dev ${LAB_DEVICE} nodad`,
    `addr add ${own.host4}/${own.prefix4} dev ${LAB_DEVICE}`,
    `addr add ${own.host6}/${own.prefix6} dev ${LAB_DEVICE} nodad`,
    `route add default via ${own.router4} dev ${LAB_DEVICE}`,
    `route add ::/0 via ${own.router6} dev ${LAB_DEVICE}`,
  ];
}

/** Synchronous, for exit handlers; removes what is there of the two and complains of nothing. */
export function removeLab({ names, unwatch }: KernelLab): void {
  unwatch();
  removeNamespacesOf(names);
}

function removeNamespacesOf({ lan, wan }: LabNames): void {
  deleteNamespaces(listNamespaces().filter((name) => name === lan.namespace || name === wan.namespace));
}

/** Removes the namespaces of labs whose process is no more; returns their names. */
export function cleanupStale(): string[] {
  const stale = listNamespaces().filter((name) => {
    const match = NAMESPACE.exec(name);
    return match !== null && startTimeOf(Number(match[1])) !== match[2];
  });
  deleteNamespaces(stale);
  return stale;
}

export function listNamespaces(): string[] {
  const { stdout, error } = spawnSync('ip', ['-j', 'netns', 'list'], { encoding: 'utf8' });
  if (error) throw ipFailed(error);
  if (stdout.trim() === '') return [];
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}

function deleteNamespaces(namespaces: readonly string[]): void {
  if (namespaces.length === 0) return;
  // -force goes on after one that another run has removed in the meantime.
  const input = namespaces.map((name) => `netns delete ${name}\n`).join('');
  spawnSync('ip', ['-force', '-batch', '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] });
}

function ipBatch(options: readonly string[], commands: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', [...options, '-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.once('error', (error) => reject(ipFailed(error)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(batchFailed(complaint, commands));
    });
    // EPIPE: ip has ended already, and its exit code says why.
    child.stdin.on('error', () => {});
    child.stdin.end(commands.map((command) => `${command}\n`).join(''));
  });
}

function ipFailed(cause: Error): NetError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
  if (code !== 'ENOENT') return new NetError(code, `cannot run ip: ${cause.message}`, { cause });
  return new NetError(code, 'the command ip is not there; install it: apt-get install iproute2', { cause });
}

/** iproute2 ends its complaint with "Command failed -:LINE". */
function batchFailed(complaint: string, commands: readonly string[]): NetError {
  const line = /Command failed -:(\d+)/.exec(complaint)?.[1];
  const command = line === undefined ? '' : ` (ip ${commands[Number(line) - 1]})`;
  const reason = complaint.replace(/^Command failed.*$/m, '').trim();
  const denied = /not permitted|permission denied/i.test(reason);
  const hint = denied ? '; the lab with kernel hosts needs root' : '';
  return new NetError(denied ? 'EPERM' : 'EIO', `the lab cannot be set up: ${reason}${command}${hint}`);
}

/** 'exit' comes after process.exit(), an uncaught error and the plain end, but not when a signal ends the process. */
function removeAtExit(names: LabNames): () => void {
  const onExit = () => removeNamespacesOf(names);
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever else listens ends the process in its own order, and 'exit' follows.
    if (process.listenerCount(signal) > 1) return;
    unwatch();
    removeNamespacesOf(names);
    process.kill(process.pid, signal);
  };
  const unwatch = () => {
    process.removeListener('exit', onExit);
    for (const signal of END_SIGNALS) process.removeListener(signal, onSignal);
  };
  process.once('exit', onExit);
  for (const signal of END_SIGNALS) process.on(signal, onSignal);
  return unwatch;
}
