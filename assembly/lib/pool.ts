/**
 * A pool of equal records: a stack of free addresses, taken and given back in a few instructions, the last freed
 * first because it is still in the cache. The count is fixed by init; an empty pool answers 0.
 *
 *   Pool { free, count, size, base }  stack: u32 address[count]
 */

@unmanaged
@final
export class Pool {
  /** Records free now; the top of the stack is stack[free - 1]. */
  free: u32;
  count: u32;
  size: u32;
  base: usize;
  stack: usize;
  pad0: u32;
  pad1: u32;
  pad2: u32;
}

/** Bytes that the header and the stack of `count` records take. */
export function poolMetaBytes(count: u32): usize {
  return (offsetof<Pool>() + (count << 2) + 63) & ~63;
}

/** Makes a pool at `meta` over `count` records of `size` bytes at `records`. */
export function poolInit(meta: usize, records: usize, count: u32, size: u32): void {
  const pool = changetype<Pool>(meta);
  pool.free = count;
  pool.count = count;
  pool.size = size;
  pool.base = records;
  pool.stack = meta + offsetof<Pool>();
  for (let i: u32 = 0; i < count; i++) store<u32>(pool.stack + (i << 2), records + (count - 1 - i) * size);
}

/** A record, its bytes as they were left; 0 when all are taken. */
export function poolAlloc(pool: Pool): usize {
  const free = pool.free;
  if (free === 0) return 0;
  pool.free = free - 1;
  return load<u32>(pool.stack + ((free - 1) << 2));
}

export function poolFree(pool: Pool, record: usize): void {
  const free = pool.free;
  assert(free < pool.count, 'poolFree: freed twice');
  store<u32>(pool.stack + (free << 2), record);
  pool.free = free + 1;
}
