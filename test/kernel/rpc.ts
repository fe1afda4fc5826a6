/**
 * Calls to a child process over Node's IPC channel, which survives `ip netns exec`. The child serves a table of
 * functions and ends when the channel closes, so a test that dies takes its children along.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

type Method = (...args: never[]) => unknown;
export type Methods = Record<string, Method>;

interface Call {
  id: number;
  method: string;
  args: unknown[];
}

interface Answer {
  id: number;
  value?: unknown;
  error?: { message: string; code?: string | undefined };
}

/** In the child. */
export function serve(methods: Methods): void {
  const send = (answer: Answer) => process.send?.(answer);
  process.on('message', ({ id, method, args }: Call) => {
    void (async () => {
      try {
        send({ id, value: await methods[method]!(...(args as never[])) });
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        send({ id, error: { message, code } });
      }
    })();
  });
  process.on('disconnect', () => process.exit(0));
  send({ id: 0 });
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** In the parent: a child that serves `M`. */
export class RpcChild<M extends Methods> {
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private readonly gone: Promise<void>;

  private constructor(
    readonly child: ChildProcess,
    private readonly name: string,
  ) {
    this.gone = once(child, 'exit').then(([code, signal]) => {
      const error = new Error(`${this.name} ended: ${signal ?? code}`);
      for (const { reject } of this.pending.values()) reject(error);
      this.pending.clear();
    });
    child.on('message', ({ id, value, error }: Answer) => {
      const call = this.pending.get(id);
      this.pending.delete(id);
      if (error === undefined) call?.resolve(value);
      else call?.reject(Object.assign(new Error(error.message), { code: error.code }));
    });
  }

  /** Starts `file` (a bundled module) within the network namespace `netns`. */
  static async start<M extends Methods>(netns: string, file: string, name: string): Promise<RpcChild<M>> {
    const child = spawn('ip', ['netns', 'exec', netns, process.execPath, '--enable-source-maps', file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    const rpc = new RpcChild<M>(child, name);
    await new Promise((resolve, reject) => rpc.pending.set(0, { resolve, reject }));
    return rpc;
  }

  call<K extends keyof M & string>(method: K, ...args: Parameters<M[K]>): Promise<Awaited<ReturnType<M[K]>>> {
    if (!this.child.connected) return Promise.reject(new Error(`${this.name} has ended`));
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.child.send({ id, method, args });
    });
  }

  async close(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    else this.child.kill('SIGKILL');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await this.gone;
    clearTimeout(late);
  }
}
