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
const SIZES = memory.data<u16>([16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048]);
const NO_OBJECT: u16 = 0xffff;

/** Bytes of bookkeeping: a list head per class. */
export const KMALLOC_META_BYTES: usize = CLASSES * 4;

export function kmallocInit(meta: usize): void {
  root().slabPartial = meta;
}

/** `bytes` of memory, 16-byte aligned, not zeroed; 0 when the arena is full. */
export function kmalloc(bytes: usize): usize {
  if (bytes > 2048) {
    // Without the sum that wraps for sizes near 2^32.
    const pages = ((bytes - 1) >> PAGE_SHIFT) + 1;
    return pageAlloc(pages <= 1 ? 0 : 32 - clz(pages - 1));
  }
  let cls: u32 = 0;
  while (<u32>load<u16>(SIZES + (cls << 1)) < bytes) cls++;
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
