/**
 * A snapshot of a replay: the core's, and in front of it where in the captures it stands.
 *
 *   "WWRP" │ u32 bytes of the head │ head: JSON │ the core's snapshot (core/snapshot.ts)
 */
import { NetError } from '../net_error.js';

const MAGIC = 0x50525757;
const VERSION = 1;

export interface ReplayPosition {
  readonly seed: number;
  /** Handle of the router's namespace in the core. */
  readonly net: number;
  readonly baseSeconds: number;
  readonly firstNs: number;
  readonly lastNs: number;
  /** Frames handed to the core. */
  readonly frame: number;
  readonly answers: number;
  /** Buffers in use when nothing was under way. */
  readonly restingSkbs: number;
  /** Frames of each input that are done with, by port. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Frames that were written, by port. */
  readonly written: Readonly<Record<string, number>>;
}

export function joinSnapshot(position: ReplayPosition, core: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify({ version: VERSION, ...position }));
  const bytes = new Uint8Array(8 + head.length + core.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, head.length, true);
  bytes.set(head, 8);
  bytes.set(core, 8 + head.length);
  return bytes;
}

export function splitSnapshot(
  bytes: Uint8Array,
  file: string,
): { position: ReplayPosition; core: Uint8Array } {
  const refuse = (why: string): never => {
    throw new NetError('EINVAL', `${file}: the snapshot is refused: ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) refuse('no `ww replay --snapshot` wrote it');
  const length = view.getUint32(4, true);
  if (length > bytes.length - 8) refuse('it is cut off');
  let position: ReplayPosition & { version?: unknown };
  try {
    position = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as ReplayPosition;
  } catch {
    return refuse('it is damaged');
  }
  if (position.version !== VERSION) refuse(`it has version ${String(position.version)}, this is ${VERSION}`);
  return { position, core: bytes.subarray(8 + length) };
}
