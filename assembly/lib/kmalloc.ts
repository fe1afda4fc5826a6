/**
 * kmalloc: objects of any size from the arena. Up to 2 KB from slabs, one 4 KB page per slab and size class
 * (Linux: mm/slub.c keeps the free list inside the page, too); larger ones are blocks of pages.
 * A slab whose last object is freed goes back to the page allocator at once, so that a namespace that ends
 * leaves nothing behind.
 */
import {
  PAGE_SHIFT,
  PAGE_SIZE,
  PageDesc,
  PageState,
  pageAddress,
  pageAlloc,
  pageDesc,
  pageFree,
  pageOf,
} from './page_alloc';
import { root } from './root';

/** Object sizes of the slab classes, all multiples of 16. */
const CLASSES: u32 = 11;
const CLASS_MAX: usize = 2048;
const SIZES = memory.data<u16>([16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048]);
/** Class of an object of up to 16 * i bytes. */
const CLASS_OF = memory.data<u8>([
  0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9,
  9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10,
  10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
  10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
  10, 10, 10, 10, 10,
]);
const NO_OBJECT: u16 = 0xffff;

/** Bytes of bookkeeping: a list head per class. */
export const KMALLOC_META_BYTES: usize = CLASSES * 4;

export function kmallocInit(meta: usize): void {
  root().slabPartial = meta;
}

/** `bytes` of memory, 16-byte aligned, not zeroed; 0 when the arena is full. */
export function kmalloc(bytes: usize): usize {
  if (bytes > CLASS_MAX) return pageAlloc(orderOf(bytes));
  const cls = <u32>load<u8>(CLASS_OF + ((bytes + 15) >> 4));
  const head = root().slabPartial + (cls << 2);
  let page = load<u32>(head);
  if (page === 0) {
    page = newSlab(cls);
    if (page === 0) return 0;
  }
  const desc = pageDesc(page - 1);
  const object = pageAddress(page - 1) + desc.freeHead;
  desc.freeHead = load<u16>(object);
  desc.inUse++;
  if (desc.freeHead === NO_OBJECT) unlink(head, desc);
  return object;
}

/** Bytes that kmalloc sets aside for an object of `bytes`. */
export function kmallocSize(bytes: usize): usize {
  if (bytes > CLASS_MAX) return PAGE_SIZE << orderOf(bytes);
  return load<u16>(SIZES + ((<u32>load<u8>(CLASS_OF + ((bytes + 15) >> 4))) << 1));
}

/** Order of the smallest block of pages that holds `bytes`, more than a page's half; no sum that could wrap. */
function orderOf(bytes: usize): u32 {
  const pages = ((bytes - 1) >> PAGE_SHIFT) + 1;
  return pages <= 1 ? 0 : 32 - clz<u32>(pages - 1);
}

/** kmalloc, zeroed. */
export function kzalloc(bytes: usize): usize {
  const ptr = kmalloc(bytes);
  if (ptr !== 0) memory.fill(ptr, 0, bytes);
  return ptr;
}

/** Gives back what kmalloc or kzalloc returned; 0 is allowed. */
export function kfree(ptr: usize): void {
  if (ptr === 0) return;
  const page = pageOf(ptr);
  const desc = pageDesc(page);
  if (desc.state === PageState.ALLOCATED) {
    pageFree(ptr);
    return;
  }
  assert(desc.state === PageState.SLAB, 'kfree: not an object');
  const head = root().slabPartial + ((<u32>desc.order) << 2);
  if (desc.freeHead === NO_OBJECT) link(head, desc, page);
  store<u16>(ptr, desc.freeHead);
  desc.freeHead = <u16>(ptr - pageAddress(page));
  desc.inUse--;
  if (desc.inUse === 0) {
    unlink(head, desc);
    desc.state = <u8>PageState.ALLOCATED;
    desc.order = 0;
    pageFree(pageAddress(page));
  }
}

/** Makes a slab of class `cls` with all objects free; returns its page number + 1, or 0. */
function newSlab(cls: u32): u32 {
  const address = pageAlloc(0);
  if (address === 0) return 0;
  const page = pageOf(address);
  const desc = pageDesc(page);
  const size = <u32>load<u16>(SIZES + (cls << 1));
  let offset: u32 = 0;
  while (offset + size + size <= PAGE_SIZE) {
    store<u16>(address + offset, <u16>(offset + size));
    offset += size;
  }
  store<u16>(address + offset, NO_OBJECT);
  desc.state = <u8>PageState.SLAB;
  desc.order = <u8>cls;
  desc.inUse = 0;
  desc.freeHead = 0;
  link(root().slabPartial + (cls << 2), desc, page);
  return page + 1;
}

function link(head: usize, desc: PageDesc, page: u32): void {
  desc.prev = 0;
  desc.next = load<u32>(head);
  if (desc.next !== 0) pageDesc(desc.next - 1).prev = page + 1;
  store<u32>(head, page + 1);
}

function unlink(head: usize, desc: PageDesc): void {
  if (desc.prev !== 0) pageDesc(desc.prev - 1).next = desc.next;
  else store<u32>(head, desc.next);
  if (desc.next !== 0) pageDesc(desc.next - 1).prev = desc.prev;
  desc.next = 0;
  desc.prev = 0;
}
