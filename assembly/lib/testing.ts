/**
 * Sets the foundations up for unit tests of what stands on them: Root at ROOT_BASE, then ops, timer wheel, kmalloc
 * and the arena. Not part of the core; memory from `memoryBytes` on stays the test's.
 */
import { CORE_MAGIC, LAYOUT_VERSION, ROOT_BASE, ROOT_STATE_BYTES } from '../abi/layout';
import { KMALLOC_META_BYTES, kmallocInit } from './kmalloc';
import { opsInit } from './ops';
import { PAGE_SIZE, pageInit, pageMetaBytes } from './page_alloc';
import { randomSeed, randomU64 } from './random';
import { root, rootEnd, setRoot } from './root';
import { timerMetaBytes, timerWheelInit } from './timer_wheel';

/** May be called again, for a fresh state. */
export function testInit(memoryBytes: u32): void {
  setRoot(ROOT_BASE);
  memory.fill(ROOT_BASE, 0, ROOT_STATE_BYTES);
  opsInit();
  const r = root();
  r.magic = CORE_MAGIC;
  r.layoutVersion = LAYOUT_VERSION;
  randomSeed(1, 2);
  r.hashKey0 = randomU64();
  r.hashKey1 = randomU64();

  let meta = rootEnd();
  timerWheelInit(meta);
  meta = (meta + timerMetaBytes() + 15) & ~15;
  memory.fill(meta, 0, KMALLOC_META_BYTES);
  kmallocInit(meta);
  meta = (meta + KMALLOC_META_BYTES + 15) & ~15;
  const pages = (memoryBytes - meta) / PAGE_SIZE;
  memory.fill(meta, 0, pageMetaBytes(pages));
  const arena = (meta + pageMetaBytes(pages) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
  pageInit(arena, (memoryBytes - arena) / PAGE_SIZE, meta);
}

/** Free pages of the arena. */
export function testPagesFree(): u32 {
  return root().pagesFree;
}

/** Pages of the arena. */
export function testPages(): u32 {
  return root().arenaPages;
}

/** Sets the clock. */
export function testSetNow(nowLo: u32, nowHi: u32): void {
  root().now = ((<u64>nowHi) << 32) | <u64>nowLo;
}

/** Sets the keys of siphash. */
export function testSetHashKeys(key0: u64, key1: u64): void {
  root().hashKey0 = key0;
  root().hashKey1 = key1;
}
