/** Captures in memory: for tests, and for what goes elsewhere than to a file. */
import type { ByteSink, ByteSource } from './capture.js';

/** Hands out the bytes `step` at a time. */
export function memorySource(bytes: Uint8Array, name = 'memory', step = 65536): ByteSource {
  let at = 0;
  return {
    name,
    read(into) {
      const piece = bytes.subarray(at, at + Math.min(step, into.length));
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
    close() {},
  };
}

export class MemorySink implements ByteSink {
  private pieces: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.pieces.push(bytes.slice());
  }

  close(): void {}

  bytes(): Uint8Array {
    const all = new Uint8Array(this.pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}
