/** Hosts of the kernel: a child process each (lab_host.ts), in the host's network namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { NetError } from '../net_error.js';
import { helloText, type LabHostAnswer, type LabHostRequest } from './lab_host.js';
import type { LabHostName, LabHosts, Met } from './lab_hosts.js';
import type { LabNames } from './lab_kernel.js';

const SHOWN = { lan: 'LAN', wan: 'WAN' } as const;
/** The page, with anything for an address. */
const HELLO = new RegExp(`^${helloText('(\\S+)', '(LAN|WAN)').trimEnd()}$`);

class HostProcess {
  private readonly child: ChildProcess;
  readonly ready: Promise<void>;
  private readonly asked = new Map<number, (text: string | null) => void>();
  private ids = 0;

  constructor(namespace: string, name: string) {
    const self = [process.execPath, process.argv[1]!];
    this.child = spawn('ip', ['netns', 'exec', namespace, ...self, 'lab-host', name], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let complaint = '';
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    // EPIPE: it has ended, and 'close' says so.
    this.child.stdin!.on('error', () => {});
    this.ready = new Promise((resolve, reject) => {
      const lines = createInterface({ input: this.child.stdout! });
      lines.once('line', () => {
        resolve();
        lines.on('line', (line) => {
          const { id, text } = JSON.parse(line) as LabHostAnswer;
          this.asked.get(id)?.(text);
        });
      });
      this.child.once('error', reject);
      this.child.once('close', () => {
        reject(new NetError('EIO', `the ${name} host ended: ${complaint.trim()}`));
        for (const end of this.asked.values()) end(null);
      });
    });
    // Told to whoever asks something of it.
    this.ready.catch(() => {});
  }

  async get(to: string, port: number, signal: AbortSignal): Promise<string | null> {
    if (signal.aborted) return null;
    const id = ++this.ids;
    const text = await new Promise<string | null>((resolve) => {
      this.asked.set(id, resolve);
      signal.addEventListener('abort', () => resolve(null), { once: true });
      this.child.stdin!.write(`${JSON.stringify({ id, to, port } satisfies LabHostRequest)}\n`);
    });
    this.asked.delete(id);
    return text;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined)
      return;
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}

export function startKernelHosts({ lan, wan }: LabNames): LabHosts {
  const hosts = {
    lan: new HostProcess(lan.namespace, SHOWN.lan),
    wan: new HostProcess(wan.namespace, SHOWN.wan),
  };
  return {
    async connect(from: LabHostName, to: string, port: number, signal: AbortSignal): Promise<Met | null> {
      await Promise.all([hosts.lan.ready, hosts.wan.ready]);
      const text = await hosts[from].get(to, port, signal);
      const hello = text === null ? null : HELLO.exec(text.trim());
      return hello === null ? null : { by: hello[2] === SHOWN.lan ? 'lan' : 'wan', seen: hello[1]! };
    },
    async close() {
      await Promise.all([hosts.lan.close(), hosts.wan.close()]);
    },
  };
}
