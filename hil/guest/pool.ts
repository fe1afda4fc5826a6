/**
 * Vitest's pool of one: the test files of a project run in the guest. Vitest itself, its reporters and the transforming of
 * sources stay on the host; a worker in the guest (worker.ts) asks for modules and tells results over the control channel.
 *
 *      vitest ── PoolWorker ── Guest ══ virtio serial ══ agent ── fd 3 ── worker ── test file
 *
 * The guest is booted with the first test file and closed with the last. The project needs `isolate: false` and
 * `fileParallelism: false`, which make one worker of it.
 */
import { EventEmitter } from 'node:events';
import { deserialize, serialize } from 'node:v8';
import type { PoolOptions, PoolRunnerInitializer, PoolWorker, WorkerRequest } from 'vitest/node';
import { WORKER } from './bundle.js';
import { emitMessage, MessageReader } from './frames.js';
import { Guest, type GuestOptions, type Program } from './guest.js';
import { treeRoot } from './places.js';

/** Of one test file: each test has vitest's own limit, but a worker that spins cannot see it. */
const FILE_LIMIT_MS = 600_000;

/**
 * V8's compiler and collector have no threads of their own there: a worker that had several cores crashed in code (SIGSEGV,
 * SIGILL) on emulated processors, seldom so without threads. The cause is not known.
 */
const V8_FLAGS = ['--single-threaded'];

class GuestPoolWorker implements PoolWorker {
  private readonly events = new EventEmitter();
  private readonly reader = new MessageReader((message) => this.take(deserialize(message)));
  private guest: Guest | undefined;
  private program: Program | undefined;
  private limit: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly options: PoolOptions,
    readonly name: string,
    private readonly guestOptions: GuestOptions,
  ) {}

  on(event: string, callback: (value: unknown) => void): void {
    this.events.on(event, callback);
  }

  off(event: string, callback: (value: unknown) => void): void {
    this.events.off(event, callback);
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  async start(): Promise<void> {
    const { outputStream, errorStream } = this.options.project.vitest.logger;
    const { project, execArgv, env } = this.options;
    const guest = await Guest.boot(this.guestOptions);
    this.guest = guest;
    outputStream.write(
      `guest: up in ${(guest.bootMs / 1000).toFixed(1)} s, ${guest.kernel.split(' (')[0]}\n`,
    );
    const flags = ['--enable-source-maps', ...V8_FLAGS, ...execArgv];
    const argv = [process.execPath, ...flags, `${treeRoot()}/${WORKER}`];
    this.program = guest.start(argv, {
      cwd: project.config.root,
      env: { ...defined(env), PATH: guestPath(env.PATH) },
      limitMs: 0,
      channel: true,
    });
    this.program.channel.onData((bytes) => this.reader.push(bytes));
    this.program.stdout.pipe(outputStream, { end: false });
    this.program.stderr.pipe(errorStream, { end: false });
    this.program.exited.then(
      ({ code, signal }) =>
        this.fail(new Error(`the worker in the guest ended with ${signal ?? code}\n${guest.console}`)),
      (error: Error) => this.fail(error),
    );
  }

  send(message: WorkerRequest): void {
    if (message.type === 'run') {
      clearTimeout(this.limit);
      this.limit = setTimeout(() => {
        this.fail(new Error(`a test file took more than ${FILE_LIMIT_MS} ms\n${this.guest?.console}`));
      }, FILE_LIMIT_MS);
    }
    this.program?.channel.write(emitMessage(serialize(message)));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.limit);
    await this.guest?.close();
  }

  private take(message: unknown): void {
    const { type } = message as { type?: unknown };
    if (type === 'testfileFinished') clearTimeout(this.limit);
    this.events.emit('message', message);
  }

  private fail(error: Error): void {
    if (!this.stopped) this.events.emit('error', error);
  }
}

function defined(env: Partial<NodeJS.ProcessEnv>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry) => entry[1] !== undefined)) as Record<
    string,
    string
  >;
}

/** Its own modprobe and poweroff come first. */
function guestPath(path: string | undefined): string {
  return ['/run/guest/bin', path ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');
}

/** Each name is a guest of its own. */
export function guestPool(name = 'guest', guestOptions: GuestOptions = {}): PoolRunnerInitializer {
  return { name, createPoolWorker: (options) => new GuestPoolWorker(options, name, guestOptions) };
}
