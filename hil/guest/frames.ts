/**
 * What goes over the serial port between host and guest, and over the pipe of a test worker: messages behind their length.
 *
 *   ┌────────────┬──────────┐        in a message of the control channel:   ┌──────┬──────────┬─────────┐
 *   │ length u32 │ message  │                                               │ type │ id u32   │ body    │
 *   └────────────┴──────────┘        little-endian                          └──────┴──────────┴─────────┘
 */
export enum FrameType {
  /** Host: run a program; the body is a `RunRequest`. */
  RUN = 1,
  /** Either way: the body is the number of a stream (u8) and bytes of it. */
  DATA,
  /** Either way: a stream has ended; the body is its number. */
  END,
  /** Host: the body is the name of a signal, sent to the program and all that it started. */
  KILL,
  /** Guest: the program has ended and its streams have; the body is an `Exit`. */
  EXIT,
  /** Guest, id 0: it can be used; the body is a `Ready`. */
  READY,
  /** Guest, id 0, every ALIVE_MS. */
  ALIVE,
  /** Host, id 0: power off. */
  OFF,
}

export const ALIVE_MS = 1000;

/** A program's streams: its standard three, and its file descriptor 3, a socket for both ways. */
export enum Stream {
  STDIN = 0,
  STDOUT = 1,
  STDERR = 2,
  CHANNEL = 3,
}

export interface RunRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Killed when it takes longer; 0: never. */
  readonly limitMs: number;
  /** With file descriptor 3. */
  readonly channel: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Why it was not even started. */
  readonly error?: string;
}

export interface Ready {
  readonly kernel: string;
  readonly node: string;
}

const HEADER_BYTES = 4;
const CONTROL_BYTES = 5;
/** Nobody sends more in one message; larger ones are a broken stream. */
const MESSAGE_BYTES_MAX = 256 << 20;

export function emitMessage(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  out.writeUInt32LE(message.length);
  out.set(message, HEADER_BYTES);
  return out;
}

export function emitFrame(type: FrameType, id: number, body: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + CONTROL_BYTES + body.length);
  out.writeUInt32LE(CONTROL_BYTES + body.length);
  out.writeUInt8(type, HEADER_BYTES);
  out.writeUInt32LE(id, HEADER_BYTES + 1);
  out.set(body, HEADER_BYTES + CONTROL_BYTES);
  return out;
}

export function emitJson(type: FrameType, id: number, body: unknown): Buffer {
  return emitFrame(type, id, Buffer.from(JSON.stringify(body)));
}

export function emitData(id: number, stream: Stream, bytes: Uint8Array): Buffer {
  const body = Buffer.allocUnsafe(1 + bytes.length);
  body.writeUInt8(stream);
  body.set(bytes, 1);
  return emitFrame(FrameType.DATA, id, body);
}

export function parseFrame(message: Buffer): { type: FrameType; id: number; body: Buffer } {
  if (message.length < CONTROL_BYTES) throw new Error(`a control message of ${message.length} bytes`);
  return {
    type: message.readUInt8(0),
    id: message.readUInt32LE(1),
    body: message.subarray(CONTROL_BYTES),
  };
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  private readonly parts: Buffer[] = [];
  private bytes = 0;
  private wanted = HEADER_BYTES;
  private inHeader = true;

  constructor(private readonly onMessage: (message: Buffer) => void) {}

  push(chunk: Buffer): void {
    this.parts.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes < this.wanted) return;
    let rest = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    while (rest.length >= this.wanted) {
      const piece = rest.subarray(0, this.wanted);
      rest = rest.subarray(this.wanted);
      if (this.inHeader) {
        this.wanted = piece.readUInt32LE();
        if (this.wanted > MESSAGE_BYTES_MAX) throw new Error(`a message of ${this.wanted} bytes`);
      } else {
        this.wanted = HEADER_BYTES;
        this.onMessage(piece);
      }
      this.inHeader = !this.inHeader;
    }
    this.parts.length = 0;
    this.bytes = rest.length;
    if (rest.length > 0) this.parts.push(rest);
  }
}
