/**
 * The guest's only service: runs programs for the host, by frames over a virtio serial port (frames.ts). It ends, and the
 * guest with it, when the host has gone: then the port reads as ended.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createReadStream, createWriteStream, openSync, readdirSync, readFileSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
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

const PORT_NAME = 'ww.control';

function findPort(): string {
  for (const name of readdirSync('/sys/class/virtio-ports')) {
    if (readFileSync(`/sys/class/virtio-ports/${name}/name`, 'utf8').trim() === PORT_NAME) {
      return `/dev/${name}`;
    }
  }
  throw new Error(`no serial port ${PORT_NAME}`);
}

const port = openSync(findPort(), 'r+');
const output = createWriteStream('', { fd: port });
const nothing = new Uint8Array(0);
const programs = new Map<number, ChildProcess>();

function powerOff(): never {
  spawnSync('busybox', ['poweroff', '-f']);
  process.exit(1);
}

/** The program and what it started: each program leads a process group. */
function killAll(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

function forward(id: number, stream: Stream, from: Readable): void {
  from.on('data', (bytes: Buffer) => {
    if (output.write(emitData(id, stream, bytes))) return;
    from.pause();
    output.once('drain', () => from.resume());
  });
}

function run(id: number, { argv, cwd, env, limitMs, channel }: RunRequest): void {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(channel ? (['pipe'] as const) : [])],
  });
  programs.set(id, child);
  let timedOut = false;
  let error: string | undefined;
  const limit =
    limitMs === 0
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          killAll(child, 'SIGKILL');
        }, limitMs);
  forward(id, Stream.STDOUT, child.stdout!);
  forward(id, Stream.STDERR, child.stderr!);
  child.stdin!.on('error', () => {}); // it does not read any more
  if (channel) {
    const duplex = child.stdio[Stream.CHANNEL] as Duplex;
    forward(id, Stream.CHANNEL, duplex);
    duplex.on('error', () => {});
  }
  child.once('error', ({ message }) => {
    error = message;
  });
  child.once('close', (code, signal) => {
    clearTimeout(limit);
    programs.delete(id);
    const exit: Exit = { code, signal, timedOut, ...(error === undefined ? {} : { error }) };
    output.write(emitJson(FrameType.EXIT, id, exit));
  });
}

function handle(message: Buffer): void {
  const { type, id, body } = parseFrame(message);
  const child = programs.get(id);
  switch (type) {
    case FrameType.RUN:
      run(id, JSON.parse(body.toString()) as RunRequest);
      break;
    case FrameType.DATA:
      (child?.stdio[body.readUInt8()] as Writable | undefined)?.write(body.subarray(1));
      break;
    case FrameType.END:
      (child?.stdio[body.readUInt8()] as Writable | undefined)?.end();
      break;
    case FrameType.KILL:
      if (child !== undefined) killAll(child, body.toString() as NodeJS.Signals);
      break;
    case FrameType.OFF:
      powerOff();
      break;
    default:
      console.log(`guest: a message of type ${type}`);
  }
}

const reader = new MessageReader(handle);
createReadStream('', { fd: port, autoClose: false })
  .on('data', (chunk) => reader.push(chunk as Buffer))
  .on('end', powerOff)
  .on('error', powerOff);
output.on('error', powerOff);
const ready: Ready = { kernel: readFileSync('/proc/version', 'utf8').trim(), node: process.version };
output.write(emitJson(FrameType.READY, 0, ready));
setInterval(() => output.write(emitFrame(FrameType.ALIVE, 0, nothing)), ALIVE_MS);
