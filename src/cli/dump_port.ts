/** `ww dump PORT`: finds the running router that has the port and reads its frames off the control socket. */
import { connect, type Socket } from 'node:net';
import { CaptureRecord } from '../drivers/capture.js';
import { NetError } from '../net_error.js';
import {
  type ControlAnswer,
  controlFolder,
  controlPath,
  controlPids,
  type ControlRequest,
  DIRECTION_DROPPED,
  DIRECTION_IN,
  type DumpShow,
  FRAME_HEAD_BYTES,
} from '../services/control_protocol.js';

export interface LiveFrames {
  /** Each frame; `lost` is how many were missed before it. Resolves when the router ends or stop() is called. */
  run(each: (record: CaptureRecord, lost: number) => void): Promise<void>;
  stop(): void;
}

/** Opens the port of whichever router runs, or of the one with this pid. */
export async function openLivePort(
  port: string,
  filter: string,
  { pid, show }: { pid?: number | undefined; show: DumpShow },
): Promise<LiveFrames> {
  const folder = controlFolder();
  const found: number[] = [];
  const others: string[] = [];
  for (const one of folder === null ? [] : pid === undefined ? controlPids(folder) : [pid]) {
    const answer = await ask(controlPath(folder!, one), { ask: 'ports' }).catch(() => null);
    if (answer === null) continue;
    answer.socket.destroy();
    const ports = answer.answer.ok ? (answer.answer.ports ?? []) : [];
    if (ports.includes(port)) found.push(one);
    else others.push(`${one} has ${ports.join(', ')}`);
  }
  if (found.length === 0) {
    const running = others.length === 0 ? 'no router of yours runs' : others.join('; ');
    throw new NetError('ENOENT', `${port} is neither a file nor a port of a running router; ${running}`);
  }
  if (found.length > 1)
    throw new NetError(
      'EINVAL',
      `several routers have a port ${port}; choose one by --pid: ${found.join(', ')}`,
    );
  const { socket, answer, rest } = await ask(controlPath(folder!, found[0]!), {
    ask: 'dump',
    port,
    filter,
    show,
  });
  if (!answer.ok) {
    socket.destroy();
    throw new NetError('EINVAL', answer.error);
  }
  return new SocketFrames(socket, port, rest);
}

interface Answered {
  readonly socket: Socket;
  readonly answer: ControlAnswer;
  /** What came behind the answer's line. */
  readonly rest: Buffer;
}

/** One question to a router's control socket, and the line that answers it. */
export function ask(path: string, request: ControlRequest): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = Buffer.alloc(0);
    const onData = (piece: Buffer) => {
      text = Buffer.concat([text, piece]);
      const end = text.indexOf(10);
      if (end < 0) return;
      socket.pause();
      socket.removeListener('data', onData);
      const answer = JSON.parse(text.subarray(0, end).toString()) as ControlAnswer;
      resolve({ socket, answer, rest: text.subarray(end + 1) });
    };
    socket.on('error', reject);
    socket.on('close', () => reject(new NetError('ECONNRESET', 'the router said nothing')));
    socket.on('data', onData);
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

class SocketFrames implements LiveFrames {
  private readonly record = new CaptureRecord();

  constructor(
    private readonly socket: Socket,
    port: string,
    private rest: Buffer,
  ) {
    this.record.interfaceName = port;
  }

  run(each: (record: CaptureRecord, lost: number) => void): Promise<void> {
    return new Promise((resolve) => {
      const take = (piece: Buffer) => {
        this.rest = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
        this.parse(each);
      };
      this.parse(each);
      this.socket.on('data', take);
      this.socket.on('close', () => resolve());
      this.socket.resume();
    });
  }

  stop(): void {
    this.socket.destroy();
  }

  private parse(each: (record: CaptureRecord, lost: number) => void): void {
    const { record, rest } = this;
    let at = 0;
    while (rest.length - at >= FRAME_HEAD_BYTES && !this.socket.destroyed) {
      const captured = rest.readUInt32LE(at);
      const commentBytes = rest.readUInt32LE(at + 24);
      const bytes = FRAME_HEAD_BYTES + captured + commentBytes;
      if (rest.length - at < bytes) break;
      record.bytes = rest;
      record.at = at + FRAME_HEAD_BYTES;
      record.length = captured;
      record.originalLength = rest.readUInt32LE(at + 4);
      record.seconds = rest.readUInt32LE(at + 8);
      record.nanoseconds = rest.readUInt32LE(at + 12);
      const direction = rest.readUInt32LE(at + 16);
      record.direction =
        direction === DIRECTION_DROPPED ? undefined : direction === DIRECTION_IN ? 'rx' : 'tx';
      record.comments.length = 0;
      if (commentBytes > 0)
        record.comments.push(rest.toString('utf8', at + bytes - commentBytes, at + bytes));
      each(record, rest.readUInt32LE(at + 20));
      at += bytes;
    }
    this.rest = rest.subarray(at);
  }
}
