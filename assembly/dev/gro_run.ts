/**
 * The ordinary case of GRO in one loop: of a burst, the segments that continue the packet which the frame before them
 * was merged into. All of them look alike, so that what the next one must look like is known word by word:
 *
 *   IPv4  │ 45 tos len id │ frag ttl proto (check) saddr │ daddr │   id one more each, or the same
 *   TCP   │ ports │ seq │ ack │ offset flags window │ (check) urg │   seq one payload more each, no CWR, FIN, PSH
 *
 * The checksums are verified. What looks different in any way, if only because it is the last of its packet, is left
 * to groReceive: this file decides nothing that gro_ip and gro_tcp would not decide so.
 */
import { MAX_SKB_FRAGS } from '../abi/layout';
import { csumFold, csumFrom64, csumPartial } from '../lib/checksum';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import { FragTable, fragAt } from '../skb/pool';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SkBuff, SkbWord } from '../skb/sk_buff';
import { ETH_P_IP } from '../wire/ethernet';
import { IPPROTO_TCP, IPV4_HDR_LEN } from '../wire/ipv4';
import { TCP_HDR_LEN, TCPHDR_CWR, TCPHDR_FIN, TCPHDR_PSH } from '../wire/tcp';
import { GRO_FIXED_ID, GRO_MAX_LEN, GRO_VERIFIED, groCb, groRecent } from './gro_table';

const HEADERS: u32 = IPV4_HDR_LEN + TCP_HDR_LEN;
/** As little-endian loads of 64 bits at 0, 8 and 28 of the two headers show them: version, TOS and fragment field; */
const VERSION_TOS_FRAG: u64 = 0xffff_0000_0000_ffff;
/** all but the checksum; */
const NOT_CHECK: u64 = 0xffff_ffff_0000_ffff;
/** flags that only the first or the last segment may have. */
const EDGE_FLAGS: u64 = (<u64>(TCPHDR_CWR | TCPHDR_FIN | TCPHDR_PSH)) << 40;

/**
 * Merges as many of the `n` skbs at `list`, from the first on, as continue the packet that was merged into last;
 * returns how many.
 */
export function groRun(gro: usize, list: usize, n: u32): u32 {
  const link = groRecent(gro);
  if (link === 0) return 0;
  const p = changetype<SkBuff>(load<u32>(link));
  const cb = groCb(p);
  const a = p.data;
  // Without it, nothing was merged yet.
  if ((cb.flags & GRO_VERIFIED) === 0 || p.protocol !== ETH_P_IP || load<u8>(a, 9) !== IPPROTO_TCP) return 0;
  const hlen = cb.hlen;
  const mss = cb.mss;
  const len = hlen + mss;
  const l4len = len - IPV4_HDR_LEN;
  const macA = p.macHeader;
  const mac = load<u64>(macA);
  const mac2 = load<u64>(macA, 6);
  const vlan = <u32>p.vlanTci;
  const protocols = SkbWord.protocols(p);
  const lenBe = <u64>bswap<u16>(<u16>len);
  const start = (load<u64>(a) & VERSION_TOS_FRAG) | (lenBe << 16);
  const ttlSource = load<u64>(a, 8) & NOT_CHECK;
  const destPorts = load<u64>(a, 16);
  const ackWindow = load<u64>(a, 28) & ~EDGE_FLAGS;
  const urgent = <u32>load<u16>(a, 38);
  const addresses = <u64>load<u32>(a, 12) + <u64>load<u32>(a, 16);
  const pseudo = csumFrom64(addresses + ((<u64>l4len + <u64>IPPROTO_TCP) << 8));
  const idStep: u32 = (cb.flags & GRO_FIXED_ID) !== 0 ? 0 : 1;
  let id = <u32>bswap<u16>(load<u16>(a, 4)) + idStep * cb.count;
  let seq = cb.seq;

  const pool = changetype<Pool>(root().skbPool);
  const free = pool.stack + (pool.free << 2);
  const frags = changetype<FragTable>(p.frags);
  const pieces = frags.n;
  const room = min(MAX_SKB_FRAGS - pieces, (GRO_MAX_LEN - p.len) / mss);
  const most = min(n, room);
  let i: u32 = 0;
  for (; i < most; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (((skb.len ^ len) | skb.frags) !== 0) break;
    const b = skb.data;
    const macB = skb.macHeader;
    const summed = skb.ipSummed;
    const other = SkbWord.protocols(skb) ^ protocols;
    const odd = other | skb.gsoSize | (<u32>skb.vlanTci ^ vlan) | <u32>(summed === CHECKSUM_PARTIAL);
    const w0 = load<u64>(b);
    const w1 = load<u64>(b, 8);
    const w2 = load<u64>(b, 16);
    const last = load<u32>(b, 36);
    let diff = (load<u64>(macB) ^ mac) | (load<u64>(macB, 6) ^ mac2);
    diff |= w0 ^ (start | ((<u64>bswap<u16>(<u16>id)) << 32));
    diff |= (w1 & NOT_CHECK) ^ ttlSource;
    diff |= w2 ^ destPorts;
    diff |= load<u64>(b, 28) ^ ackWindow;
    diff |= <u64>((bswap<u32>(load<u32>(b, 24)) ^ seq) | ((last >> 16) ^ urgent) | odd);
    const ipSum = (w0 & 0xffffffff) + (w0 >> 32) + (w1 & 0xffffffff) + (w1 >> 32) + (w2 & 0xffffffff);
    diff |= <u64>csumFold(csumFrom64(ipSum));
    // Right as well, but not what would be written instead: see groCheckIpv4, groTcpHolds.
    diff |= <u64>(((w1 >> 16) & 0xffff) === 0xffff) | <u64>((last & 0xffff) === 0xffff);
    for (let at: u32 = HEADERS; at < hlen; at += 4) diff |= <u64>(load<u32>(a + at) ^ load<u32>(b + at));
    if (diff !== 0) break;
    if (summed !== CHECKSUM_UNNECESSARY) {
      if (csumFold(csumPartial(b + IPV4_HDR_LEN, l4len, pseudo)) !== 0) break;
    }
    const frag = fragAt(p.frags, pieces + i);
    frag.ptr = b + hlen;
    frag.len = mss;
    frag.owner = skb.head;
    store<u32>(free + (i << 2), changetype<usize>(skb));
    id += idStep;
    seq += mss;
  }
  pool.free += i;
  frags.n = pieces + i;
  p.len += i * mss;
  p.dataLen += i * mss;
  cb.count += i;
  cb.seq = seq;
  return i;
}
