/**
 * What every layer does with an skb: move its start and end, make headers linear, share, copy, sum.
 * Linux: net/core/skbuff.c. All lengths are checked here, so that a caller that sees `true` may load.
 */
import { TraceKind } from '../abi/trace';
import { traceEvent } from './trace';
import { root } from '../lib/root';
import { LARGE_SLOT_BYTES, MAX_SKB_FRAGS, SKB_HEADROOM } from '../abi/layout';
import { csumBlockAdd, csumPartial } from '../lib/checksum';
import {
  Frag,
  FragTable,
  fragAt,
  fragTableAlloc,
  fragTableFree,
  largeSlotAlloc,
  skbRecordAlloc,
  skbRecordFree,
  slotAlloc,
  slotBytes,
  slotGet,
  slotPut,
  slotShared,
} from './pool';
import { nfctGet } from './nfct';
import { SKB_F_CLONED, SkBuff, skbHeadlen } from './sk_buff';

/** Takes `n` bytes off the front; the caller knows that the linear part has them. */
export function skbPull(skb: SkBuff, n: u32): void {
  assert(n <= skbHeadlen(skb), 'skbPull: beyond the linear part');
  skb.data += n;
  skb.len -= n;
}

/** Puts `n` bytes before the front; the caller knows that the headroom has them (skbCowHead). */
export function skbPush(skb: SkBuff, n: u32): usize {
  assert(skb.data - skb.head >= n, 'skbPush: no headroom');
  skb.data -= n;
  skb.len += n;
  return skb.data;
}

/** Appends `n` bytes to the linear part and returns where; only while there are no fragments. */
export function skbPut(skb: SkBuff, n: u32): usize {
  assert(skb.dataLen === 0 && skb.end - (skb.data + skb.len) >= n, 'skbPut: no tailroom');
  const at = skb.data + skb.len;
  skb.len += n;
  return at;
}

/** Cuts the packet to `len` bytes from `data` (Linux: pskb_trim). No-op when it is shorter already. */
export function skbTrim(skb: SkBuff, len: u32): void {
  if (len >= skb.len) return;
  const linear = skbHeadlen(skb);
  if (skb.frags === 0) {
    skb.len = len;
    return;
  }
  let keep = len > linear ? len - linear : 0;
  const table = changetype<FragTable>(skb.frags);
  let i: u32 = 0;
  while (i < table.n && keep > 0) {
    const frag = fragAt(skb.frags, i);
    if (frag.len > keep) frag.len = keep;
    keep -= frag.len;
    i++;
  }
  for (let j = i; j < table.n; j++) slotPut(fragAt(skb.frags, j).owner);
  table.n = i;
  skb.dataLen = len > linear ? len - linear : 0;
  skb.len = len;
  if (i === 0) {
    fragTableFree(skb.frags);
    skb.frags = 0;
  }
}

/**
 * Makes the first `n` bytes linear, so that they may be loaded at `data`. False when the packet is shorter, or the
 * bytes do not fit. Linux: pskb_may_pull.
 */
export function pskbMayPull(skb: SkBuff, n: u32): bool {
  const linear = skbHeadlen(skb);
  if (n <= linear) return true;
  if (n > skb.len) return false;
  return pullTail(skb, n - linear);
}

/** Moves `n` bytes from the front of the fragments to the end of the linear part. */
function pullTail(skb: SkBuff, n: u32): bool {
  if (!skbUnshare(skb, n)) return false;
  let at = skb.data + skbHeadlen(skb);
  let left = n;
  const table = changetype<FragTable>(skb.frags);
  let used: u32 = 0;
  while (left > 0) {
    const frag = fragAt(skb.frags, used);
    const take = min(left, frag.len);
    memory.copy(at, frag.ptr, take);
    at += take;
    left -= take;
    frag.ptr += take;
    frag.len -= take;
    if (frag.len > 0) break;
    slotPut(frag.owner);
    used++;
  }
  skb.dataLen -= n;
  table.n -= used;
  if (used > 0)
    memory.copy(
      changetype<usize>(fragAt(skb.frags, 0)),
      changetype<usize>(fragAt(skb.frags, used)),
      table.n * 12,
    );
  if (table.n === 0) {
    fragTableFree(skb.frags);
    skb.frags = 0;
  }
  return true;
}

/** All bytes in one piece; false when they do not fit a slot. */
export function skbLinearize(skb: SkBuff): bool {
  return skb.dataLen === 0 || pullTail(skb, skb.dataLen);
}

/**
 * Makes the linear part ours alone, with at least `headroom` bytes before `data`, so that headers may be written.
 * Moves it to a new slot when it is shared or too tight; header addresses move along. False when memory ran out.
 * Linux: skb_cow_head.
 */
export function skbCowHead(skb: SkBuff, headroom: u32): bool {
  if (skb.data - skb.head >= headroom && ((skb.flags & SKB_F_CLONED) === 0 || !slotShared(skb.head)))
    return true;
  return moveLinear(skb, max(headroom, SKB_HEADROOM), 0);
}

/** The linear part ours alone and `tailroom` bytes free behind it. Linux: pskb_expand_head. */
export function skbUnshare(skb: SkBuff, tailroom: u32): bool {
  const shared = (skb.flags & SKB_F_CLONED) !== 0 && slotShared(skb.head);
  if (!shared && skb.end - (skb.data + skbHeadlen(skb)) >= tailroom) return true;
  return moveLinear(skb, SKB_HEADROOM, tailroom);
}

function moveLinear(skb: SkBuff, headroom: u32, tailroom: u32): bool {
  const linear = skbHeadlen(skb);
  // Headers before `data` (MAC, network) move along when they fit.
  let before = skb.data - skb.head;
  if (skb.macHeader !== 0 && skb.data - skb.macHeader > headroom) headroom = skb.data - skb.macHeader;
  if (before > headroom) before = headroom;
  const need = headroom + linear + tailroom;
  if (need > LARGE_SLOT_BYTES) return false;
  const slot = need <= 2048 ? slotAlloc() : largeSlotAlloc();
  if (slot === 0) return false;
  const data = slot + headroom;
  memory.copy(data - before, skb.data - before, before + linear);
  const delta = data - skb.data;
  if (skb.macHeader !== 0) skb.macHeader += delta;
  if (skb.networkHeader !== 0) skb.networkHeader += delta;
  if (skb.transportHeader !== 0) skb.transportHeader += delta;
  skb.csumStart = <u16>(<u32>skb.csumStart + (data - slot) - (skb.data - skb.head));
  slotPut(skb.head);
  skb.head = slot;
  skb.end = slot + slotBytes(slot);
  skb.data = data;
  skb.flags &= ~SKB_F_CLONED;
  return true;
}

/** A second skb for the same bytes, or null. Neither may write to them without skbCowHead. */
export function skbClone(skb: SkBuff): SkBuff | null {
  const clone = skbRecordAlloc();
  if (clone === null) return null;
  memory.copy(changetype<usize>(clone), changetype<usize>(skb), offsetof<SkBuff>());
  clone.next = 0;
  if (skb.frags !== 0) {
    const table = fragTableAlloc();
    if (table === 0) {
      clone.frags = 0;
      clone.nfct = 0;
      slotGet(skb.head);
      skbRecordFree(clone);
      return null;
    }
    const n = changetype<FragTable>(skb.frags).n;
    memory.copy(table, skb.frags, 8 + n * 12);
    for (let i: u32 = 0; i < n; i++) slotGet(fragAt(table, i).owner);
    clone.frags = table;
  }
  slotGet(skb.head);
  nfctGet(skb.nfct);
  skb.flags |= SKB_F_CLONED;
  clone.flags |= SKB_F_CLONED;
  if (root().trace !== 0)
    traceEvent(TraceKind.CLONE, 0, changetype<usize>(skb), skb.dev, changetype<usize>(clone), 0);
  return clone;
}

/** Adds `len` bytes at `ptr` as a fragment; takes over the caller's reference to `owner`. */
export function skbAddFrag(skb: SkBuff, ptr: usize, len: u32, owner: usize): bool {
  if (skb.frags === 0) {
    skb.frags = fragTableAlloc();
    if (skb.frags === 0) return false;
  }
  const table = changetype<FragTable>(skb.frags);
  if (table.n === MAX_SKB_FRAGS) return false;
  const frag: Frag = fragAt(skb.frags, table.n);
  frag.ptr = ptr;
  frag.len = len;
  frag.owner = owner;
  table.n++;
  skb.dataLen += len;
  skb.len += len;
  return true;
}

/** Copies `len` bytes from `offset` of the packet to `to`; false (nothing copied) when it is shorter. */
export function skbCopyBits(skb: SkBuff, offset: u32, to: usize, len: u32): bool {
  if (offset > skb.len || len > skb.len - offset) return false;
  const linear = skbHeadlen(skb);
  if (offset < linear) {
    const take = min(linear - offset, len);
    memory.copy(to, skb.data + offset, take);
    to += take;
    len -= take;
    offset += take;
  }
  let at = linear;
  for (let i: u32 = 0; len > 0; i++) {
    const frag = fragAt(skb.frags, i);
    if (offset < at + frag.len) {
      const skip = offset - at;
      const take = min(frag.len - skip, len);
      memory.copy(to, frag.ptr + skip, take);
      to += take;
      len -= take;
      offset += take;
    }
    at += frag.len;
  }
  return true;
}

/** One's complement sum of `len` bytes from `offset` (they must exist), added to `sum`. Linux: skb_checksum. */
export function skbChecksum(skb: SkBuff, offset: u32, len: u32, sum: u32): u32 {
  assert(offset <= skb.len && len <= skb.len - offset, 'skbChecksum: beyond the packet');
  const linear = skbHeadlen(skb);
  let done: u32 = 0;
  if (offset < linear) {
    done = min(linear - offset, len);
    sum = csumPartial(skb.data + offset, done, sum);
    offset += done;
    len -= done;
  }
  let at = linear;
  for (let i: u32 = 0; len > 0; i++) {
    const frag = fragAt(skb.frags, i);
    if (offset < at + frag.len) {
      const skip = offset - at;
      const take = min(frag.len - skip, len);
      sum = csumBlockAdd(sum, csumPartial(frag.ptr + skip, take, 0), done);
      done += take;
      offset += take;
      len -= take;
    }
    at += frag.len;
  }
  return sum;
}
