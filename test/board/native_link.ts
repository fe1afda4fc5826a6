/**
 * The board's side of the link (firmware/link) compiled for this machine with the sanitizers, and worked step by step:
 * every command is answered with the bytes it put on the line and what it told the firmware.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const LINK = 'firmware/link';
const PROGRAM = 'build/test/link_native';
const COMMAND_BYTES = 16;
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export interface NativeEvent {
  readonly kind: string;
  readonly bytes: Buffer;
}

export interface NativeAnswer {
  readonly line: Buffer;
  readonly events: readonly NativeEvent[];
}

/** Compiles what has changed. */
function compile(): void {
  const sources = ['firmware/test/link_native.c', ...readdirSync(LINK).map((name) => join(LINK, name))];
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  if ((statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest) return;
  mkdirSync('build/test', { recursive: true });
  const temporary = `${PROGRAM}.${process.pid}`;
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', ...SANITIZERS, '-o', temporary];
  execFileSync('cc', [...flags, ...sources.filter((path) => path.endsWith('.c'))]);
  renameSync(temporary, PROGRAM);
}

export class NativeLink {
  private readonly child: ChildProcess;
  private input = Buffer.alloc(0);
  private complaint = '';
  private answered: ((answer: NativeAnswer) => void) | undefined;
  private failed: ((error: Error) => void) | undefined;

  constructor() {
    compile();
    this.child = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stderr!.on('data', (text) => {
      this.complaint += text;
    });
    this.child.stdout!.on('data', (bytes: Buffer) => this.answer(bytes));
    this.child.stdin!.on('error', () => {}); // it has ended, which `close` says
    this.child.once('close', (code) =>
      this.failed?.(new Error(`the board's side ended (${code}): ${this.complaint}`)),
    );
  }

  /** One command: 'R' bytes from the line, 'T' tick, 'F' a frame to send, 'B' start again, 'L' room, 'N' counters. */
  step(kind: string, nowMs: number, bytes: Uint8Array = Buffer.alloc(0)): Promise<NativeAnswer> {
    const head = Buffer.alloc(COMMAND_BYTES);
    head.writeUInt32LE(kind.charCodeAt(0), 0);
    head.writeUInt32LE(bytes.length, 4);
    head.writeBigUInt64LE(BigInt(nowMs) * 1_000_000n, 8);
    return new Promise((resolve, reject) => {
      this.answered = resolve;
      this.failed = reject;
      this.child.stdin!.write(Buffer.concat([head, bytes]));
    });
  }

  async close(): Promise<void> {
    this.failed = undefined;
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.stdin!.end();
    await ended;
  }

  private answer(bytes: Buffer): void {
    this.input = Buffer.concat([this.input, bytes]);
    if (this.input.length < 8) return;
    const line = this.input.readUInt32LE(0);
    const events = this.input.readUInt32LE(4);
    if (this.input.length < 8 + line + events) return;
    const answer = { line: this.input.subarray(8, 8 + line), events: [] as NativeEvent[] };
    for (let at = 8 + line; at < 8 + line + events; ) {
      const length = this.input.readUInt32LE(at + 4);
      const kind = String.fromCharCode(this.input.readUInt32LE(at));
      answer.events.push({ kind, bytes: this.input.subarray(at + 8, at + 8 + length) });
      at += 8 + length;
    }
    this.input = Buffer.alloc(0);
    this.answered?.(answer);
  }
}
