/** Capture files on disk: opened by what they hold, not by their name. Reads and writes are synchronous, 64 KB or more each. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { NetError } from '../net_error.js';
import { type ByteSink, type ByteSource, type CaptureReader, CaptureWindow } from './capture.js';
import { PcapReader, pcapMagic } from './pcap.js';
import { PCAPNG_SHB, PcapngReader } from './pcapng.js';

/** The file, or standard input for '-'. */
export function fileSource(path: string): ByteSource {
  if (path === '-') return { name: 'standard input', read: readStdin, close() {} };
  const fd = open(path, 'r');
  let closed = false;
  return {
    name: path,
    read: (into) => attempt(path, 'read', () => readSync(fd, into)),
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}

/** Makes the file anew. */
export function fileSink(path: string): ByteSink {
  const fd = open(path, 'w');
  let closed = false;
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += attempt(path, 'write', () => writeSync(fd, bytes, at));
    },
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}

/** A reader for whichever format the first bytes say. */
export function openCapture(source: ByteSource | CaptureWindow): CaptureReader {
  const window = source instanceof CaptureWindow ? source : new CaptureWindow(source);
  if (window.atEnd()) throw window.error('it is empty, no capture');
  window.need(4, 'its first four bytes');
  const magic = window.view.getUint32(window.at, true);
  if (magic === PCAPNG_SHB) return new PcapngReader(window);
  if (pcapMagic(magic) !== undefined) return new PcapReader(window);
  throw window.error('neither pcap nor pcapng: the first four bytes are no magic number');
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not',
  ENOSPC: 'the disk is full',
};
const STDIN = 0;
const WAIT_MS = 5;

/** A pipe may be one that does not wait by itself. */
function readStdin(into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(STDIN, into);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN')
        throw new NetError(code ?? 'EIO', `standard input: cannot read: ${(cause as Error).message}`, {
          cause,
        });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
  }
}

function open(path: string, flags: 'r' | 'w'): number {
  return attempt(path, flags === 'r' ? 'open' : 'create', () => openSync(path, flags));
}

function attempt<T>(path: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    throw new NetError(code, `${path}: cannot ${what}: ${WHY[code] ?? (cause as Error).message}`, { cause });
  }
}
