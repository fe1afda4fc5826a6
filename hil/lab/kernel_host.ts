/**
 * A host of the kernel: a network namespace with one Ethernet interface, and programs that run in there. Names carry pid
 * and start time of their owner; they go when the process ends, and those of a killed one when the next run begins.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { listNamespaces, startTimeOf } from '../../src/cli/lab_kernel.js';
import { NetError } from '../../src/net_error.js';

export interface HostPlan {
  readonly name: string;
  readonly addresses: readonly [ipv4: string, ipv6: string];
  /** The router's on the same link. */
  readonly gateways: readonly [ipv4: string, ipv6: string];
}

export interface Ran {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

const NAMESPACE = /^ww-hil-(\d+)-(\d+)-/;
const DEVICE = 'eth0';
const TX_QUEUE_LEN = 2000;
const open = new Set<KernelHost>();
let made = 0;
let watching = false;

/** Names that nobody else has: `ww-hil-PID-START-N`. */
export function ownName(): string {
  return `ww-hil-${process.pid}-${startTimeOf('self') ?? 0}-${++made}`;
}

/** At most 15 characters: an interface. */
export function ownInterface(letter: string): string {
  return `wwh${process.pid.toString(36)}${letter}${(++made).toString(36)}`;
}

function deleteNamespace(name: string): void {
  spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
}

function removeAll(): void {
  for (const host of open) host.remove();
}

/** What killed runs left. */
function removeStale(): void {
  for (const name of listNamespaces()) {
    const match = NAMESPACE.exec(name);
    if (match !== null && startTimeOf(Number(match[1])) !== match[2]) deleteNamespace(name);
  }
}

function ip(...args: string[]): void {
  try {
    execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    const text = String((cause as { stderr?: Buffer }).stderr ?? cause).trim();
    throw new NetError('EIO', `ip ${args.join(' ')}: ${text}`, { cause });
  }
}

export class KernelHost {
  readonly netns: string;
  private readonly children = new Set<ChildProcess>();
  /** The interface that was there before, by the name it had: it goes back at the end. */
  private borrowed: string | undefined;

  constructor(readonly plan: HostPlan) {
    if (!watching) {
      removeStale();
      process.once('exit', removeAll);
    }
    watching = true;
    this.netns = `${ownName()}-${plan.name}`;
    ip('netns', 'add', this.netns);
    open.add(this);
  }

  /** Takes an interface of ours, and makes it the host's. `borrow`: a real one, which is given back. */
  adopt(name: string, borrow = false): void {
    ip('link', 'set', name, 'netns', this.netns, 'name', DEVICE);
    if (borrow) this.borrowed = name;
    const { addresses, gateways } = this.plan;
    const lines = [
      'link set lo up',
      `link set ${DEVICE} addrgenmode none txqueuelen ${TX_QUEUE_LEN}`,
      `link set ${DEVICE} up`,
      `addr add fe80::2/64 dev ${DEVICE} nodad`,
      `addr add ${addresses[0]}/24 dev ${DEVICE}`,
      `addr add ${addresses[1]}/64 dev ${DEVICE} nodad`,
      `route add default via ${gateways[0]} dev ${DEVICE}`,
      `-6 route add default via ${gateways[1]} dev ${DEVICE}`,
    ];
    for (const line of lines) ip('-n', this.netns, ...line.split(' '));
  }

  /** Runs a program to its end; its exit code is part of what it tells. */
  run(limitMs: number, command: string, ...args: string[]): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = this.spawn(command, args);
      const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
      let stdout = '';
      let stderr = '';
      child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(late);
        resolve({ code: code ?? signal!, stdout, stderr });
      });
    });
  }

  /** Starts a program that goes on; resolves with the line that matches `ready`. It ends with the host. */
  start(
    ready: RegExp,
    command: string,
    ...args: string[]
  ): Promise<{ match: RegExpExecArray; child: ChildProcess }> {
    const child = this.spawn(command, args);
    return new Promise((resolve, reject) => {
      let text = '';
      child.once('error', reject);
      child.once('close', (code) => reject(new NetError('EIO', `${command} ended with ${code}: ${text}`)));
      const read = (more: string): void => {
        text += more;
        const match = ready.exec(text);
        if (match !== null) resolve({ match, child });
      };
      child.stdout!.setEncoding('utf8').on('data', read);
      child.stderr!.setEncoding('utf8').on('data', read);
    });
  }

  /** Ends the programs, and the namespace. */
  async close(): Promise<void> {
    const ended = [...this.children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.children) child.kill('SIGKILL');
    await Promise.all(ended);
    this.remove();
  }

  /** Synchronous, for exit handlers. */
  remove(): void {
    if (!open.delete(this)) return;
    for (const child of this.children) child.kill('SIGKILL');
    if (this.borrowed !== undefined) {
      spawnSync('ip', [
        '-n',
        this.netns,
        'link',
        'set',
        DEVICE,
        'netns',
        `${process.pid}`,
        'name',
        this.borrowed,
      ]);
    }
    deleteNamespace(this.netns);
  }

  private spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', 'ip', 'netns', 'exec', this.netns, command, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } },
    );
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    child.once('error', () => this.children.delete(child));
    return child;
  }
}
