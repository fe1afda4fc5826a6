/**
 * Two passes over a burst: what its packets will need of the table is loaded for all of them at once, so that the loads
 * overlap, and each finds it near when its turn comes. Nothing is decided here; packets that are not plain IPv4 with
 * ports are left to themselves.
 *
 *   pass 1   hash of each ─► load its bucket     pass 2   load the first node     pass 3   the second if it is not the
 *                                                                                      first, and its connection
 */
import { AF_INET, Net } from '../net/net';
import { SCRATCH_KEYS, SCRATCH_ROUTES, scratchList } from '../dev/scratch';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { nfCtNet } from './nf_conntrack';
import { IPPROTO_TCP, IPPROTO_UDP, NfHash } from './nf_conntrack_tuple';

/** A table of fewer buckets lies in the cache anyway. */
const WORTH_COUNT: u32 = 4096;
const FIRST_BYTE_PLAIN: u8 = 0x45;
const FRAGMENT_BITS_BE: u16 = 0xff3f;
const HEADERS: u32 = 24;

/** Op NF_CONNTRACK_TOUCH: `n` packets at `list`, data at their IPv4 headers, which nobody has looked at yet. */
export function nfConntrackTouch(netPtr: usize, list: usize, n: u32): void {
  const ctnet = nfCtNet(changetype<Net>(netPtr));
  if (ctnet.count < WORTH_COUNT) return;
  const nodes = scratchList(SCRATCH_ROUTES);
  const ports = scratchList(SCRATCH_KEYS);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (skbHeadlen(skb) < HEADERS) continue;
    const iph = skb.data;
    if (load<u8>(iph) !== FIRST_BYTE_PLAIN) continue;
    if ((load<u16>(iph, 6) & FRAGMENT_BITS_BE) !== 0) continue;
    const proto = <u32>load<u8>(iph, 9);
    if (proto !== IPPROTO_UDP) {
      if (proto !== IPPROTO_TCP) continue;
    }
    const pair = load<u32>(iph, 20);
    const word = <u64>pair | ((<u64>proto | ((<u64>AF_INET) << 8)) << 32);
    const hash = NfHash.ipv4(ctnet, word, load<u32>(iph, 12), load<u32>(iph, 16));
    const at = kept << 2;
    store<u32>(ports + at, pair);
    store<u32>(nodes + at, load<u32>(ctnet.buckets + ((hash & ctnet.mask) << 2)));
    kept++;
  }
  let seen: u32 = 0;
  for (let i: u32 = 0; i < kept; i++) {
    const node = load<u32>(nodes + (i << 2));
    if (node === 0) continue;
    // Of two in one bucket the other is wanted as often; without a branch, so that the loads go on.
    const next = load<u32>(node);
    store<u32>(
      nodes + (i << 2),
      load<u32>(node, 8) === load<u32>(ports + (i << 2)) || next === 0 ? node : next,
    );
  }
  for (let i: u32 = 0; i < kept; i++) {
    const node = load<u32>(nodes + (i << 2));
    if (node === 0) continue;
    // Its own line, the connection's first, and of TCP the windows.
    const ct = node & ~255;
    seen += load<u32>(node) + load<u32>(ct, 48);
    if (load<u8>(node, 12) === <u8>IPPROTO_TCP) seen += load<u32>(ct, 128);
  }
  // Loads whose result nobody needs would not be made.
  store<u32>(nodes, seen);
}
