/** `ct count`: how many connections came this way and are still there. Linux: net/netfilter/nft_connlimit.c. */
import { NFT_BREAK, NFT_CONTINUE, NftaConnlimit } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { NF_DROP, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../net/hooks';
import { AF_INET, AF_INET6, Net } from '../../net/net';
import { skbHeadlen } from '../../skb/sk_buff';
import { nfConncountAdd, nfConncountAlloc, nfConncountFree, nfConncountSweep } from '../nf_conncount';
import { nfCtGet, nfTuple } from '../nf_conntrack';
import { nfCtGetFamilies, nfCtNetnsPut } from '../nf_conntrack_init';
import { nfCtScratchTuple } from '../nf_conntrack_table';
import { nfGetTuplepr } from '../nf_conntrack_tuple';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { Pkt } from './nft_pkt';

/** AUX: NFT_CONNLIMIT_F_INV. `net` and `family` hold tracking; a copy in an element holds none (0). */
@unmanaged
@final
class Connlimit {
  head: u32;
  limit: u32;
  list: usize;
  net: usize;
  family: u32;
}
export const CONNLIMIT_SIZE: u32 = 20;
const F_INV: u32 = 1;

export function connlimitInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const c = changetype<Connlimit>(rec);
  const count = tbGet(tb, NftaConnlimit.COUNT);
  const flags = tbGet(tb, NftaConnlimit.FLAGS);
  if (count === 0) return -Errno.EINVAL;
  c.limit = nlaBe32(count);
  const bits = flags === 0 ? 0 : nlaBe32(flags);
  if ((bits & ~F_INV) !== 0) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>bits, 1);
  const v4 = ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.INET;
  const v6 = ctx.family === <u32>NfProto.IPV6 || ctx.family === <u32>NfProto.INET;
  if (!v4 && !v6) return -Errno.EOPNOTSUPP;
  c.list = nfConncountAlloc();
  if (c.list === 0) return -Errno.ENOMEM;
  const err = nfCtGetFamilies(ctx.net, v4, v6);
  if (err !== 0) {
    nfConncountFree(c.list);
    return err;
  }
  c.net = changetype<usize>(ctx.net);
  c.family = ctx.family;
  return 0;
}

export function connlimitDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaConnlimit.COUNT, changetype<Connlimit>(rec).limit);
  if (load<u8>(rec, 1) !== 0) nlaPutBe32(out, NftaConnlimit.FLAGS, F_INV);
}

/** A copy counts for itself; false: no memory, and the copy has nothing. */
export function connlimitClone(rec: usize): bool {
  const c = changetype<Connlimit>(rec);
  c.family = 0;
  c.list = nfConncountAlloc();
  return c.list !== 0;
}

export function connlimitDestroy(rec: usize): void {
  const c = changetype<Connlimit>(rec);
  nfConncountFree(c.list);
  const net = changetype<Net>(c.net);
  if (c.family === <u32>NfProto.IPV4 || c.family === <u32>NfProto.INET) nfCtNetnsPut(net, NFPROTO_IPV4);
  if (c.family === <u32>NfProto.IPV6 || c.family === <u32>NfProto.INET) nfCtNetnsPut(net, NFPROTO_IPV6);
}

/** Nothing is counted any more: its element may go. */
export function connlimitGone(rec: usize): bool {
  const c = changetype<Connlimit>(rec);
  return nfConncountSweep(changetype<Net>(c.net), c.list, 0) === 0;
}

export function connlimitEval(rec: usize, pkt: Pkt): i32 {
  const c = changetype<Connlimit>(rec);
  if (pkt.net.ct === 0) return NFT_BREAK;
  const ct = nfCtGet(pkt.skb);
  let tuple = nfCtScratchTuple();
  if (ct !== null) tuple = nfTuple(ct, 0);
  else {
    const skb = pkt.skb;
    const nhoff = pkt.nh - skb.data;
    const l3num = pkt.family === <u32>NfProto.IPV4 ? AF_INET : AF_INET6;
    const known = nfGetTuplepr(skb, nhoff, l3num, 0, tuple);
    pkt.nh = skb.data + nhoff;
    pkt.nhLen = skbHeadlen(skb) - nhoff;
    if (!known) return NF_DROP;
  }
  const count = nfConncountAdd(pkt.net, c.list, tuple, c.limit);
  if (count < 0) return NF_DROP;
  const inverted = (<u32>load<u8>(rec, 1) & F_INV) !== 0;
  return <u32>count > c.limit === inverted ? NFT_CONTINUE : NFT_BREAK;
}
