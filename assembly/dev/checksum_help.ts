/**
 * Checksums in software: what the device would have filled in at transmit, what it would have verified on receive.
 * Linux: skb_checksum_help (net/core/dev.c), __skb_checksum_validate (include/linux/skbuff.h).
 */
import { csumAdd, csumFold, csumIpv6Nofold, csumPartial, csumSub, csumTcpUdpNofold } from '../lib/checksum';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull, skbChecksum, skbCowHead } from '../skb/skbuff';

/** What is sent for a sum of 0: in UDP, 0 says that there is no checksum (RFC 768); to others both are zero. */
export const CSUM_MANGLED_0: u16 = 0xffff;

/**
 * Fills the sum of a CHECKSUM_PARTIAL packet in; the packet is CHECKSUM_NONE then. False, and the skb stays the
 * caller's, when its checksum field lies outside the packet, it is GSO, or memory ran out.
 */
export function skbChecksumHelp(skb: SkBuff): bool {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) {
    skb.ipSummed = CHECKSUM_NONE;
    return true;
  }
  if (skb.gsoSize !== 0) return false;
  const head = skb.data - skb.head;
  // A header may have been pulled, or the packet trimmed to its tot_len, since the field's bounds were checked.
  if (<u32>skb.csumStart < head) return false;
  const start = <u32>skb.csumStart - head;
  const field = start + skb.csumOffset;
  if (field + 2 > skb.len || !pskbMayPull(skb, field + 2) || !skbCowHead(skb, 0)) return false;
  const check = csumFold(skbChecksum(skb, start, skb.len - start, 0));
  store<u16>(skb.data + field, check === 0 ? CSUM_MANGLED_0 : check);
  skb.ipSummed = CHECKSUM_NONE;
  return true;
}

/**
 * True when the checksum of the `len` bytes at `offset` from data is right: summed with the pseudo header's sum
 * (not folded, see csumTcpUdpNofold) they give zero. Nothing is summed when somebody vouches for it; afterwards we do.
 */
export function skbCsumValid(skb: SkBuff, offset: u32, len: u32, pseudoSum: u32): bool {
  if (skb.ipSummed === CHECKSUM_UNNECESSARY || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  if (offset > skb.len || len > skb.len - offset) return false;
  if (skb.ipSummed === CHECKSUM_COMPLETE && len === skb.len - offset && offset <= skbHeadlen(skb)) {
    const before = csumPartial(skb.data, offset & ~1, 0);
    if ((offset & 1) === 0 && csumFold(csumAdd(csumSub(skb.csum, before), pseudoSum)) === 0) {
      skb.ipSummed = CHECKSUM_UNNECESSARY;
      return true;
    }
  }
  if (csumFold(skbChecksum(skb, offset, len, pseudoSum)) !== 0) return false;
  skb.ipSummed = CHECKSUM_UNNECESSARY;
  return true;
}

/** Sum of the pseudo header (not folded) of the packet with `network` header: `len` bytes of `proto` follow it. */
export function pseudoSum(network: usize, len: u32, proto: u32): u32 {
  if (load<u8>(network) >> 4 === 4)
    return csumTcpUdpNofold(load<u32>(network, 12), load<u32>(network, 16), len, proto, 0);
  return csumIpv6Nofold(network + 8, network + 24, len, proto, 0);
}

/** Makes the packet CHECKSUM_PARTIAL: pseudo header's sum in the field `csumOffset` behind the transport header. */
export function skbPartialCsumSet(skb: SkBuff, transport: usize, csumOffset: u32, sum: u32): void {
  store<u16>(transport + csumOffset, ~csumFold(sum));
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = <u16>(transport - skb.head);
  skb.csumOffset = <u16>csumOffset;
}
