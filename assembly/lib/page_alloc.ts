/**
 * The page allocator of the arena: a buddy system over 4 KB pages, as Linux: mm/page_alloc.c.
 *
 * Each page has a 16-byte descriptor beside the arena; a free block of order k is 2^k pages, aligned to its size,
 * linked through its first page's descriptor. All of it is plain state in linear memory, so that a snapshot can
 * list which pages are used. Control-plane objects live here; packets have pools of their own.
 */
import { root } from './root';

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: u32 = 4096;
export const MAX_ORDER: u32 = 16;

/** What a page descriptor says about its page. */
export enum PageState {
  /** In the middle of a block. */
  TAIL = 0,
  FREE = 1,
  /** First page of an allocated block of `order`. */
  ALLOCATED = 2,
  /** A slab of kmalloc's class `order`. */
  SLAB = 3,
}

@unmanaged
@final
export class PageDesc {
  state: u8;
  /** Buddy order of the block, or the slab's class. */
  order: u8;
  /** Slab: objects in use, and offset of the first free one in the page (0xffff: none). */
  inUse: u16;
  freeHead: u16;
  pad: u16;
  /** Page numbers + 1 of the neighbours in the list this page is in; 0 ends it. */
  next: u32;
  prev: u32;
}

const DESC_BYTES: u32 = 16;

export function pageDesc(page: u32): PageDesc {
  return changetype<PageDesc>(root().pageDescs + page * DESC_BYTES);
}

export function pageAddress(page: u32): usize {
  return root().arenaBase + (page << PAGE_SHIFT);
}

/** Page number of an address inside the arena. */
export function pageOf(ptr: usize): u32 {
  return (ptr - root().arenaBase) >> PAGE_SHIFT;
}

/** Bytes of bookkeeping that `pages` pages need. */
export function pageMetaBytes(pages: u32): usize {
  return pages * DESC_BYTES + (MAX_ORDER + 1) * 4;
}

/** Hands `pages` pages at `arena` (4 KB aligned) to the allocator; `meta` has pageMetaBytes(pages) zeroed bytes. */
export function pageInit(arena: usize, pages: u32, meta: usize): void {
  const r = root();
  r.arenaBase = arena;
  r.arenaPages = pages;
  r.pageDescs = meta;
  r.buddyFree = meta + pages * DESC_BYTES;
  r.pagesFree = pages;
  let page: u32 = 0;
  while (page < pages) {
    let order = page === 0 ? MAX_ORDER : min(ctz(page), MAX_ORDER);
    while (page + (1 << order) > pages) order--;
    pushFree(page, order);
    page += 1 << order;
  }
}

/** A block of 2^order pages, not zeroed; 0 when the arena has none. */
export function pageAlloc(order: u32): usize {
  let k = order;
  while (k <= MAX_ORDER && load<u32>(root().buddyFree + (k << 2)) === 0) k++;
  if (k > MAX_ORDER) return 0;
  const page = load<u32>(root().buddyFree + (k << 2)) - 1;
  unlinkFree(page, k);
  while (k > order) {
    k--;
    pushFree(page + (1 << k), k);
  }
  const desc = pageDesc(page);
  desc.state = <u8>PageState.ALLOCATED;
  desc.order = <u8>order;
  root().pagesFree -= 1 << order;
  return pageAddress(page);
}

/** Gives a block of pageAlloc back and joins it with its free buddies. */
export function pageFree(ptr: usize): void {
  const r = root();
  let page = pageOf(ptr);
  let order = <u32>pageDesc(page).order;
  assert(pageDesc(page).state === PageState.ALLOCATED, 'pageFree: not an allocated block');
  r.pagesFree += 1 << order;
  pageDesc(page).state = <u8>PageState.TAIL;
  while (order < MAX_ORDER) {
    const buddy = page ^ (1 << order);
    if (buddy + (1 << order) > r.arenaPages) break;
    const desc = pageDesc(buddy);
    if (desc.state !== PageState.FREE || desc.order !== <u8>order) break;
    unlinkFree(buddy, order);
    desc.state = <u8>PageState.TAIL;
    page = min(page, buddy);
    order++;
  }
  pushFree(page, order);
}

function pushFree(page: u32, order: u32): void {
  const head = root().buddyFree + (order << 2);
  const desc = pageDesc(page);
  desc.state = <u8>PageState.FREE;
  desc.order = <u8>order;
  desc.prev = 0;
  desc.next = load<u32>(head);
  if (desc.next !== 0) pageDesc(desc.next - 1).prev = page + 1;
  store<u32>(head, page + 1);
}

function unlinkFree(page: u32, order: u32): void {
  const desc = pageDesc(page);
  if (desc.prev !== 0) pageDesc(desc.prev - 1).next = desc.next;
  else store<u32>(root().buddyFree + (order << 2), desc.next);
  if (desc.next !== 0) pageDesc(desc.next - 1).prev = desc.prev;
}
