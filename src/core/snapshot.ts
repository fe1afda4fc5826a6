/**
 * Snapshots: the used extents of a core's memory, with layout version and sizes in front. It is restored by any build
 * of the same layout with the same sizes (SIMD or scalar), and refused otherwise.
 *
 *   "WWSN" │ u32 version │ u32 sizes x 10 │ u32 n │ n x {u32 at, u32 bytes} │ the extents │ u32 CRC-32 of all before
 *
 * Op table and scratch are left out, they belong to the build. A page of zeros is not stored: memory begins as zeros.
 */
import { crc32 } from 'node:zlib';
import {
  LAYOUT_VERSION,
  ROOT_BASE,
  ROOT_OPS_BYTES,
  ROOT_SCRATCH_BYTES,
  ROOT_STATE_BYTES,
  Status,
} from '../../assembly/abi/layout.js';
import { NetError } from '../net_error.js';
import { errnoName } from './errno_name.js';
import { CoreInstance, type CoreSizes, type InstanceOptions } from './instance.js';

const MAGIC = 0x4e535757;
const PAGE = 4096;
const HEADER_WORDS = 2;
const SIZE_KEYS: readonly (keyof CoreSizes)[] = [
  'memoryBytes',
  'skbs',
  'smallSlots',
  'largeSlots',
  'devices',
  'nets',
  'requestBytes',
  'events',
  'deliveries',
  'handles',
];

/** Pages of memory that are not all zero, joined to extents. */
function usedExtents(core: CoreInstance): [number, number][] {
  const end = core.status(Status.MEMORY_END);
  const ops = ROOT_BASE + ROOT_STATE_BYTES;
  const words = new Float64Array(core.memory.buffer, 0, end >>> 3);
  const bits = new BigUint64Array(core.memory.buffer, 0, end >>> 3);
  const extents: [number, number][] = [];
  for (let at = ROOT_BASE; at < end; at += PAGE) {
    if (at >= ops && at < ops + ROOT_OPS_BYTES + ROOT_SCRATCH_BYTES) continue;
    if (isZero(words, bits, at >>> 3)) continue;
    const last = extents.at(-1);
    if (last !== undefined && last[0] + last[1] === at) last[1] += PAGE;
    else extents.push([at, PAGE]);
  }
  return extents;
}

/** As doubles first, which is quick; -0 equals 0, so what looks like zeros is looked at as bits, too. */
function isZero(words: Float64Array, bits: BigUint64Array, at: number): boolean {
  for (let i = at; i < at + PAGE / 8; i++) if (words[i] !== 0) return false;
  for (let i = at; i < at + PAGE / 8; i++) if (bits[i] !== 0n) return false;
  return true;
}

export function takeSnapshot(core: CoreInstance): Uint8Array {
  const extents = usedExtents(core);
  return encodeSnapshot(
    core.sizes,
    extents,
    extents.map(([at, len]) => core.u8.subarray(at, at + len)),
  );
}

/** The snapshot of a core of `sizes` whose memory has `parts` at `extents`. */
export function encodeSnapshot(
  sizes: CoreSizes,
  extents: readonly (readonly [at: number, bytes: number])[],
  parts: readonly Uint8Array[],
): Uint8Array {
  const headWords = HEADER_WORDS + SIZE_KEYS.length + 1 + extents.length * 2;
  const bytes = extents.reduce((sum, [, len]) => sum + len, headWords * 4);
  const snapshot = new Uint8Array(bytes + 4);
  const view = new DataView(snapshot.buffer);
  let word = 0;
  const put = (value: number) => view.setUint32(4 * word++, value >>> 0, true);
  put(MAGIC);
  put(LAYOUT_VERSION);
  for (const key of SIZE_KEYS) put(sizes[key]);
  put(extents.length);
  for (const [at, len] of extents) {
    put(at);
    put(len);
  }
  let to = headWords * 4;
  for (const part of parts) {
    snapshot.set(part, to);
    to += part.length;
  }
  view.setUint32(bytes, crc32(snapshot.subarray(0, bytes)), true);
  return snapshot;
}

/** A new instance in the snapshot's state. EINVAL when it is none, is damaged, or of another layout. */
export async function restoreSnapshot(snapshot: Uint8Array, options: InstanceOptions): Promise<CoreInstance> {
  const refuse = (why: string): never => {
    throw new NetError('EINVAL', `the snapshot is refused: ${why}`);
  };
  const view = new DataView(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const fixed = (HEADER_WORDS + SIZE_KEYS.length + 1) * 4;
  const end = snapshot.length - 4;
  if (end < fixed || view.getUint32(0, true) !== MAGIC) refuse('it does not begin as one');
  const version = view.getUint32(4, true);
  if (version !== LAYOUT_VERSION) refuse(`it has layout ${version}, this core has ${LAYOUT_VERSION}`);
  if (view.getUint32(end, true) !== crc32(snapshot.subarray(0, end))) refuse('it is damaged or cut off');
  const sizes: Partial<CoreSizes> = {};
  for (const [i, key] of SIZE_KEYS.entries()) sizes[key] = view.getUint32((HEADER_WORDS + i) * 4, true);
  const given = options.sizes ?? {};
  for (const key of SIZE_KEYS) {
    const wanted = given[key];
    if (wanted !== undefined && wanted !== sizes[key]) {
      refuse(`it was taken with ${key} ${sizes[key]}, not ${wanted}`);
    }
  }
  const count = view.getUint32(fixed - 4, true);
  if (count > (end - fixed) / 8) refuse('it is cut off');
  // The window is no part of the state: it may be of another size.
  if (given.windowBytes !== undefined) sizes.windowBytes = given.windowBytes;
  const core = await CoreInstance.create({ ...options, sizes }, true);
  let from = fixed + count * 8;
  for (let i = 0; i < count; i++) {
    const at = view.getUint32(fixed + i * 8, true);
    const len = view.getUint32(fixed + i * 8 + 4, true);
    if (len > end - from) refuse('it is cut off');
    if (at < ROOT_BASE || at > core.u8.length || len > core.u8.length - at)
      refuse('an extent lies outside of memory');
    core.u8.set(snapshot.subarray(from, from + len), at);
    from += len;
  }
  const err = core.exports.attach();
  if (err !== 0) refuse(errnoName(err));
  return core;
}
