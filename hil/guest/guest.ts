/**
 * A running guest, as seen from the host.
 *
 *   const guest = await Guest.boot();
 *   const { stdout, code } = await guest.run(['ip', '-j', 'link']);
 *   await guest.close();
 *
 * Everything that is waiting for a guest that panics, hangs or ends is rejected with a GuestError that has the last lines
 * of the guest's console.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { bundle } from './bundle.js';
import {
  ALIVE_MS,
  emitData,
  emitFrame,
  emitJson,
  type Exit,
  FrameType,
  MessageReader,
  parseFrame,
  type Ready,
  type RunRequest,
  Stream,
} from './frames.js';
import { initialFileSystem } from './initrd.js';
import { type Accel, findPrepared, treeRoot } from './places.js';
import { Qemu, qemuCommand } from './qemu.js';
import { usbDevices } from './usb_devices.js';

const MEMORY_MB = 2048;
const CPUS = 2;
const BOOT_LIMIT_MS = 80_000;
/** A guest that has not even said that it is alive. */
const SILENCE_MS = 60 * ALIVE_MS;
const RUN_LIMIT_MS = 60_000;
const NOTHING = new Uint8Array(0);

export interface GuestOptions {
  readonly accel?: Accel;
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** With udev, gadgets, QEMU's USB controller and its monitor (usb_devices.ts). */
  readonly usb?: boolean;
  /** More of QEMU's arguments. */
  readonly devices?: readonly string[];
  /** Also gets what comes over the console. */
  readonly onConsole?: (text: string) => void;
  readonly bootLimitMs?: number;
  readonly silenceMs?: number;
  /** In place of QEMU, for the rig's own tests. */
  readonly command?: readonly string[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Killed when it takes longer; 0: never. Default: a minute. */
  readonly limitMs?: number;
  /** Gives the program a socket as file descriptor 3. */
  readonly channel?: boolean;
}

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** The guest itself failed: the rig or its kernel, not a program in it. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
}

/** A program in the guest. */
export interface Program {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Bytes to and from its file descriptor 3. */
  readonly channel: { write(bytes: Uint8Array): void; onData(take: (bytes: Buffer) => void): void };
  readonly exited: Promise<Exit>;
  kill(signal?: NodeJS.Signals): void;
}

interface Running {
  readonly streams: Partial<Record<Stream, PassThrough>>;
  onChannel: (bytes: Buffer) => void;
  readonly resolve: (exit: Exit) => void;
  readonly reject: (error: Error) => void;
}

export class Guest {
  readonly bootMs: number;
  private readonly running = new Map<number, Running>();
  private lastId = 0;
  private closing = false;

  private constructor(
    private readonly qemu: Qemu,
    private readonly link: Link,
    readonly kernel: string,
    /** Settles when the guest can be used no more: with an error, unless it was closed. */
    readonly gone: Promise<GuestError | undefined>,
    begin: number,
  ) {
    this.bootMs = performance.now() - begin;
    link.onFrame = (type, id, body) => this.handle(type, id, body);
    void gone.then((error) => {
      const reason = error ?? new GuestError('the guest was closed');
      for (const [id, { streams, reject }] of this.running) {
        this.running.delete(id);
        for (const stream of Object.values(streams)) stream.end();
        reject(reason);
      }
    });
  }

  static async boot(options: GuestOptions = {}): Promise<Guest> {
    const begin = performance.now();
    const folder = mkdtempSync(join(tmpdir(), 'ww-guest-'));
    try {
      const qemu = new Qemu(options.command ?? (await command(folder, options)), options.onConsole);
      const link = new Link(qemu, options.silenceMs ?? SILENCE_MS);
      const ready = await link.ready(options.bootLimitMs ?? BOOT_LIMIT_MS);
      return new Guest(qemu, link, ready.kernel, link.gone, begin);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The last lines of the console. */
  get console(): string {
    return this.qemu.console.toString();
  }

  start(argv: readonly string[], options: RunOptions = {}): Program {
    const id = ++this.lastId;
    const { link } = this;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const request: RunRequest = {
      argv,
      cwd: options.cwd ?? process.cwd(),
      env: options.env ?? {},
      limitMs: options.limitMs ?? RUN_LIMIT_MS,
      channel: options.channel ?? false,
    };
    const exited = new Promise<Exit>((resolve, reject) => {
      const streams = { [Stream.STDOUT]: stdout, [Stream.STDERR]: stderr };
      this.running.set(id, { streams, onChannel: () => {}, resolve, reject });
    });
    exited.catch(() => {}); // who waits for it is told
    link.send(emitJson(FrameType.RUN, id, request));
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => link.send(emitData(id, Stream.STDIN, chunk), done),
      final: (done) => link.send(emitFrame(FrameType.END, id, Uint8Array.of(Stream.STDIN)), done),
    });
    return {
      stdin,
      stdout,
      stderr,
      exited,
      channel: {
        write: (bytes) => link.send(emitData(id, Stream.CHANNEL, bytes)),
        onData: (take) => {
          const program = this.running.get(id);
          if (program !== undefined) program.onChannel = take;
        },
      },
      kill: (signal = 'SIGTERM') => link.send(emitFrame(FrameType.KILL, id, Buffer.from(signal))),
    };
  }

  /** Runs a program to its end; its exit code is part of what it tells. Throws when it could not, or took too long. */
  async run(argv: readonly string[], options: RunOptions & { readonly stdin?: string } = {}): Promise<Ran> {
    const program = this.start(argv, options);
    program.stdin.end(options.stdin ?? '');
    const [stdout, stderr, exit] = await Promise.all([
      text(program.stdout),
      text(program.stderr),
      program.exited,
    ]);
    const said = `${stdout}${stderr}`.trim().slice(-2000);
    const title = argv.join(' ');
    if (exit.error !== undefined) throw new Error(`${title}: ${exit.error}`);
    if (exit.timedOut)
      throw new Error(`${title}: took more than ${options.limitMs ?? RUN_LIMIT_MS} ms\n${said}`);
    if (exit.code === null) throw new Error(`${title}: ended by ${exit.signal}\n${said}`);
    return { stdout, stderr, code: exit.code };
  }

  /** Powers off; what still runs in the guest ends. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    await this.link.close();
  }

  private handle(type: FrameType, id: number, body: Buffer): void {
    const program = this.running.get(id);
    if (program === undefined) return;
    if (type === FrameType.DATA) {
      const stream = body.readUInt8() as Stream;
      if (stream === Stream.CHANNEL) program.onChannel(body.subarray(1));
      else program.streams[stream]?.write(body.subarray(1));
    } else if (type === FrameType.EXIT) {
      this.running.delete(id);
      for (const stream of Object.values(program.streams)) stream.end();
      program.resolve(JSON.parse(body.toString()) as Exit);
    }
  }
}

/** The control channel, and the watch over the guest's life. */
class Link {
  onFrame: (type: FrameType, id: number, body: Buffer) => void = () => {};
  readonly gone: Promise<GuestError | undefined>;
  private settle!: (error: GuestError | undefined) => void;
  private onReady: (ready: Ready) => void = () => {};
  private watch: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly qemu: Qemu,
    private readonly silenceMs: number,
  ) {
    this.gone = new Promise((resolve) => {
      this.settle = resolve;
    });
    const reader = new MessageReader((message) => this.take(message));
    qemu.control.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        void this.fail(`the guest sends nonsense: ${(error as Error).message}`);
      }
    });
    void qemu.exited.then((how) => {
      clearTimeout(this.watch);
      this.settle(this.closed ? undefined : this.error(`the guest has ended (QEMU: ${how})`));
    });
  }

  send(frame: Buffer, done?: (error?: Error | null) => void): void {
    this.qemu.control.write(frame, done);
  }

  /** Resolves when the agent has said that it is there. */
  async ready(limitMs: number): Promise<Ready> {
    this.watch = setTimeout(() => void this.fail(`the guest was not up after ${limitMs} ms`), limitMs);
    const ready = new Promise<Ready>((resolve) => {
      this.onReady = resolve;
    });
    const first = await Promise.race([ready, this.gone]);
    if (first === undefined || first instanceof GuestError) throw first ?? this.error('the guest was closed');
    this.alive();
    return first;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.watch);
    this.send(emitFrame(FrameType.OFF, 0, NOTHING));
    await this.qemu.end(true);
  }

  private take(message: Buffer): void {
    const { type, id, body } = parseFrame(message);
    if (type === FrameType.READY) this.onReady(JSON.parse(body.toString()) as Ready);
    else {
      this.alive();
      this.onFrame(type, id, body);
    }
  }

  private alive(): void {
    if (this.closed) return;
    if (this.watch === undefined) return;
    clearTimeout(this.watch);
    this.watch = setTimeout(
      () => void this.fail(`the guest has said nothing for ${this.silenceMs} ms: it hangs`),
      this.silenceMs,
    );
  }

  private async fail(why: string): Promise<void> {
    this.settle(this.error(why));
    await this.qemu.end(false);
  }

  private error(why: string): GuestError {
    const tail = this.qemu.console.toString();
    return new GuestError(`${why}\n── its console ──\n${tail === '' ? '(nothing)' : tail}`);
  }
}

async function command(folder: string, options: GuestOptions): Promise<string[]> {
  const prepared = findPrepared();
  if (prepared === undefined) throw new GuestError('the guest is not prepared: npm run setup');
  await bundle();
  const initrd = join(folder, 'initrd');
  writeFileSync(initrd, initialFileSystem(prepared, treeRoot(), options.usb));
  return qemuCommand({
    accel: options.accel ?? prepared.accel,
    kernel: join(prepared.folder, 'vmlinux'),
    initrd,
    memoryMb: options.memoryMb ?? MEMORY_MB,
    cpus: options.cpus ?? CPUS,
    devices: [...(options.usb === true ? usbDevices(folder) : []), ...(options.devices ?? [])],
  });
}
