/**
 * Sequence numbers where NAT changed the length of a payload (an address written as text): what came before and what
 * came after the place where it changed are moved by different amounts. Linux: nf_conntrack_seqadj.c.
 *
 *   NfCtSeqadj per direction │ correctionPos: first sequence number (as sent) behind the change │ before │ after │
 */
import { IPCT_SEQADJ } from '../abi/nf_conntrack';
import { csumAdd, csumFold, csumSub } from '../lib/checksum';
import { kzalloc } from '../lib/kmalloc';
import { seqAfter, seqBefore } from '../lib/seq';
import { CHECKSUM_PARTIAL, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbCowHead } from '../skb/skbuff';
import { IPS_SEQ_ADJUST, NF_CT_EXTRA_SEQADJ, NfConn, ctDir } from './nf_conntrack';
import { nfCtEventCache } from './nf_conntrack_ecache';

@unmanaged
@final
export class NfCtSeqadj {
  correctionPos: u32;
  offsetBefore: i32;
  offsetAfter: i32;
}
const SEQADJ_BYTES: u32 = 12;
const TCP_HDR_LEN: u32 = 20;
const TCPOPT_SACK: u32 = 5;

export function nfCtSeqadj(ct: NfConn, dir: u32): NfCtSeqadj {
  return changetype<NfCtSeqadj>(ct.seqadj + dir * SEQADJ_BYTES);
}

/** Room for what may have to be adjusted; false: no memory. */
export function nfCtSeqadjExtAdd(ct: NfConn): bool {
  if (ct.seqadj === 0) ct.seqadj = kzalloc(2 * SEQADJ_BYTES);
  if (ct.seqadj === 0) return false;
  ct.extras |= NF_CT_EXTRA_SEQADJ;
  return true;
}

/** What direction `dir` is moved by at `seq`. Linux: nf_ct_seq_offset. */
export function nfCtSeqOffset(ct: NfConn, dir: u32, seq: u32): u32 {
  if (ct.seqadj === 0) return 0;
  const way = nfCtSeqadj(ct, dir);
  return <u32>(seqAfter(seq, way.correctionPos) ? way.offsetAfter : way.offsetBefore);
}

/** The payload of the segment at `seq` (host order, as it came) grew by `grown`. Linux: nf_ct_seqadj_set. */
export function nfCtSeqadjSet(ct: NfConn, info: u32, seq: u32, grown: i32): void {
  if (grown === 0 || ct.seqadj === 0) return;
  ct.status |= IPS_SEQ_ADJUST;
  const way = nfCtSeqadj(ct, ctDir(info));
  if (way.offsetBefore === way.offsetAfter || seqBefore(way.correctionPos, seq)) {
    way.correctionPos = seq;
    way.offsetBefore = way.offsetAfter;
    way.offsetAfter += grown;
  }
  nfCtEventCache(ct, IPCT_SEQADJ);
}

function replace4(skb: SkBuff, th: usize, at: usize, value: u32): void {
  const old = load<u32>(at);
  store<u32>(at, value);
  // With CHECKSUM_PARTIAL the field holds the pseudo header's sum alone.
  if (skb.ipSummed === CHECKSUM_PARTIAL) return;
  const sum = csumAdd(csumSub(<u32>(load<u16>(th, 16) ^ 0xffff), old), value);
  store<u16>(th, csumFold(sum), 16);
}

/** Moves the numbers of a segment. False: it cannot be written to. Linux: nf_ct_seq_adjust. */
export function nfCtSeqAdjust(skb: SkBuff, ct: NfConn, info: u32, dataoff: u32): bool {
  if (ct.seqadj === 0) return true;
  if (!pskbMayPull(skb, dataoff + TCP_HDR_LEN)) return false;
  const doff = (<u32>load<u8>(skb.data + dataoff, 12) >> 4) << 2;
  if (doff < TCP_HDR_LEN || !pskbMayPull(skb, dataoff + doff) || !skbCowHead(skb, 0)) return false;
  const th = skb.data + dataoff;
  const dir = ctDir(info);
  const own = nfCtSeqadj(ct, dir);
  const seq = bswap<u32>(load<u32>(th, 4));
  const move = seqAfter(seq, own.correctionPos) ? own.offsetAfter : own.offsetBefore;
  replace4(skb, th, th + 4, bswap<u32>(seq + <u32>move));
  if ((load<u8>(th, 13) & 16) === 0) return true;
  const other = nfCtSeqadj(ct, dir ^ 1);
  const ack = bswap<u32>(load<u32>(th, 8));
  const back = <u32>ackOffset(other, ack);
  replace4(skb, th, th + 8, bswap<u32>(ack - back));
  sackAdjust(skb, th, doff, other);
  return true;
}

function ackOffset(other: NfCtSeqadj, ack: u32): i32 {
  return seqAfter(ack - <u32>other.offsetBefore, other.correctionPos)
    ? other.offsetAfter
    : other.offsetBefore;
}

function sackAdjust(skb: SkBuff, th: usize, doff: u32, other: NfCtSeqadj): void {
  let at: u32 = TCP_HDR_LEN;
  while (at < doff) {
    const kind = <u32>load<u8>(th + at);
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    if (doff - at < 2) return;
    const size = <u32>load<u8>(th + at, 1);
    if (size < 2 || size > doff - at) return;
    if (kind === TCPOPT_SACK && size >= 10 && ((size - 2) & 7) === 0) {
      // A field at an odd offset counts turned in the checksum: blocks are summed as they lie.
      for (let block: u32 = 2; block < size; block += 4) replaceEdge(skb, th, th + at + block, other);
    }
    at += size;
  }
}

function replaceEdge(skb: SkBuff, th: usize, at: usize, other: NfCtSeqadj): void {
  const edge = bswap<u32>(load<u32>(at));
  const value = bswap<u32>(edge - <u32>ackOffset(other, edge));
  const old = load<u32>(at);
  store<u32>(at, value);
  if (skb.ipSummed === CHECKSUM_PARTIAL) return;
  const odd = ((at - th) & 1) !== 0;
  const from = odd ? rotr<u32>(old, 8) : old;
  const to = odd ? rotr<u32>(value, 8) : value;
  store<u16>(th, csumFold(csumAdd(csumSub(<u32>(load<u16>(th, 16) ^ 0xffff), from), to)), 16);
}
