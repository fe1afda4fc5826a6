/**
 * Memory of the kernel or of a peer at a fixed place of linear memory: mmap(2) with MAP_FIXED. Giving it back puts
 * anonymous memory there, so that no address of linear memory is ever without any.
 */
import type { Sys } from './sys.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;

/** `base` is the address of linear memory, `at` a multiple of the page in it. 0, or the errno. */
export function mapForeign(sys: Sys, base: number, at: number, bytes: number, fd: number): number {
  return sys.mmapFixed(base + at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd);
}

export function unmapForeign(sys: Sys, base: number, at: number, bytes: number): number {
  const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
  return sys.mmapFixed(base + at, bytes, PROT_READ | PROT_WRITE, flags, -1);
}
