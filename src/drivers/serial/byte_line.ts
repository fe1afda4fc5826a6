/** A line to a board: bytes both ways, whether a tty, a TCP connection or the socket of a QEMU of ours. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { NetError } from '../../net_error.js';
import type { SerialSpec } from './serial_spec.js';
import { VirtualBoard } from './virtual_board.js';

export interface ByteLine {
  readonly stream: Duplex;
  /** Bytes on their way to the board at most; undefined: as many as the board has room for. */
  readonly outstandingMax?: number;
  /** The QEMU behind it. */
  readonly board?: VirtualBoard;
  close(): Promise<void>;
}

const CONNECT_MS = 5000;
/** serialport 13 forgets a write that the kernel could not take at once when a read comes in between; so few it takes. */
const TTY_OUTSTANDING = 3072;

const TTY_RIGHT: Readonly<Record<string, string>> = {
  ENOENT: 'no such device: is the cable in? `ww board list` shows what is there',
  EACCES: 'no permission: be in the group of the device (dialout), or root',
  EBUSY: 'another program has it open',
};

/** The line, open. Rejects with a NetError that says what would be right. */
export function openByteLine(spec: SerialSpec): Promise<ByteLine> {
  switch (spec.kind) {
    case 'tty':
      return openTty(spec.path, spec.baud);
    case 'tcp':
      return openTcp(spec.host, spec.port);
    case 'qemu':
      return VirtualBoard.start({ board: spec.board, nets: spec.nets }).then((board) => ({
        stream: board.serial,
        board,
        close: () => board.close(),
      }));
  }
}

async function openTty(path: string, baudRate: number): Promise<ByteLine> {
  const { SerialPort } = await import('serialport');
  return new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate, autoOpen: false, endOnClose: true });
    port.open((error) => {
      if (error !== null && error !== undefined) {
        const code = /cannot lock|busy/i.test(error.message)
          ? 'EBUSY'
          : /permission/i.test(error.message)
            ? 'EACCES'
            : /no such file/i.test(error.message)
              ? 'ENOENT'
              : 'EIO';
        reject(new NetError(code, `${path}: ${TTY_RIGHT[code] ?? error.message}`, { cause: error }));
        return;
      }
      resolve({
        stream: port,
        outstandingMax: TTY_OUTSTANDING,
        close: () => new Promise((done) => (port.isOpen ? port.close(() => done()) : done())),
      });
    });
  });
}

function openTcp(host: string, port: number): Promise<ByteLine> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const failed = (error: NodeJS.ErrnoException): void => {
      socket.destroy();
      const code = error.code ?? 'EIO';
      reject(new NetError(code, `tcp://${host}:${port}: ${error.message}`, { cause: error }));
    };
    const late = setTimeout(
      () => failed(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      CONNECT_MS,
    );
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(late);
      socket.removeListener('error', failed);
      resolve({
        stream: socket,
        close: () =>
          new Promise((done) => {
            socket.once('close', () => done());
            socket.end(() => socket.destroy());
          }),
      });
    });
  });
}
