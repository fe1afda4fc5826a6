/**
 * A host of the kernel behind a TAP of a router in this process, in a network namespace without a name: it is gone with
 * the one process in it, which ends with the test.
 *
 *   stack.port(r, 'tap:X') ─► LinuxHost.start('X', lines) ─► run, node
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 20_000;

export class LinuxHost {
  private readonly servers: ChildProcess[] = [];

  private constructor(
    private readonly holder: ChildProcess,
    private readonly pid: string,
  ) {}

  /** Takes the TAP into the host as eth0, up, and does the `lines` of ip(8). */
  static async start(tap: string, lines: readonly string[]): Promise<LinuxHost> {
    const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const host = new LinuxHost(holder, String(holder.pid));
    try {
      await said(holder, 'ready');
      execFileSync('ip', ['link', 'set', tap, 'netns', host.pid, 'name', 'eth0']);
      for (const line of ['link set lo up', 'link set eth0 addrgenmode none up', ...lines])
        execFileSync('nsenter', ['-t', host.pid, '-n', 'ip', ...line.split(' ')]);
      return host;
    } catch (error) {
      host.close();
      throw error;
    }
  }

  /** Standard output of a command in the namespace, whatever its exit code. */
  async run(command: string, ...args: string[]): Promise<string> {
    const options = { timeout: TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } };
    return run('nsenter', ['-t', this.pid, '-n', command, ...args], options).then(
      ({ stdout }) => stdout,
      (error: { stdout?: string; code?: unknown }) => {
        if (typeof error.code !== 'number') throw error;
        return error.stdout ?? '';
      },
    );
  }

  /** What a script of Node prints. */
  node(script: string): Promise<string> {
    return this.run(process.execPath, '-e', script);
  }

  /** Starts a script that prints `ready` once it serves. */
  async serve(script: string): Promise<void> {
    const child = spawn('nsenter', ['-t', this.pid, '-n', process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.servers.push(child);
    await said(child, 'ready');
  }

  close(): void {
    for (const child of [...this.servers, this.holder]) child.kill('SIGKILL');
  }
}

function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it said ${word}`)));
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes(word)) resolve();
    });
  });
}
