/**
 * `ct expectation` objects: a connection that begins is to bring another one, from who answers to who opened it, at a
 * port. Linux: nft_ct_expect_obj_* in net/netfilter/nft_ct.c.
 */
import { NFT_BREAK, NFT_CONTINUE, NftaCtExpect } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { NF_DROP } from '../../net/hooks';
import { AF_INET, AF_INET6 } from '../../net/net';
import {
  IPS_CONFIRMED,
  IPS_TEMPLATE,
  NfConn,
  ctDir,
  ctInfo,
  nfCtGet,
  nfDstPtr,
  nfSrcPtr,
  nfTuple,
} from '../nf_conntrack';
import { nfCtExpectRelated, nfExpectAlloc, nfExpectTuple } from '../nf_conntrack_expect';
import { nfCtHelp, nfCtHelpAdd } from '../nf_conntrack_helper';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../nf_conntrack_tuple';
import {
  NlOut,
  nlaBe16,
  nlaData,
  nlaParseNested,
  nlaPut,
  nlaPutBe16,
  nlaPutU8,
  nlaU8,
  tbGet,
} from '../nlattr';
import { Ctx, tbPop, tbPush } from './nft_ctx';
import { Pkt } from './nft_pkt';

const POLICY = memory.data<u8>([0, 0, 2, 0, 1, 0, 2, 0, 3, 0, 1, 0]);
const IPPROTO_DCCP: u32 = 33;

/** `family` is that of the table; `timeout` in ms, as nft sends it. */
@unmanaged
@final
class CtExpect {
  head: u32;
  l3num: u16;
  proto: u8;
  size: u8;
  dport: u16;
  pad: u16;
  timeout: u32;
  family: u32;
}
export const CT_EXPECT_SIZE: u32 = 20;

/** Reads NFTA_CT_EXPECT_* into `rec`, whose head is written. 0 or a negative errno. */
export function ctExpectInit(ctx: Ctx, rec: usize, data: usize): i32 {
  const tb = tbPush(ctx, NftaCtExpect.MAX);
  let err = nlaParseNested(tb, NftaCtExpect.MAX, data, POLICY);
  if (err === 0) err = init(ctx, changetype<CtExpect>(rec), tb);
  tbPop(ctx, tb);
  return err;
}

function init(ctx: Ctx, e: CtExpect, tb: usize): i32 {
  const l3 = tbGet(tb, NftaCtExpect.L3PROTO);
  const l4 = tbGet(tb, NftaCtExpect.L4PROTO);
  const dport = tbGet(tb, NftaCtExpect.DPORT);
  const timeout = tbGet(tb, NftaCtExpect.TIMEOUT);
  const size = tbGet(tb, NftaCtExpect.SIZE);
  if (l4 === 0 || dport === 0 || timeout === 0 || size === 0) return -Errno.EINVAL;
  const l3num = l3 === 0 ? ctx.family : nlaBe16(l3);
  if (l3num !== <u32>NfProto.IPV4 && l3num !== <u32>NfProto.IPV6) return -Errno.EAFNOSUPPORT;
  if (l3num !== ctx.family && ctx.family !== <u32>NfProto.INET) return -Errno.EINVAL;
  const proto = nlaU8(l4);
  const ports = proto === IPPROTO_TCP || proto === IPPROTO_UDP || proto === IPPROTO_UDPLITE;
  if (!ports && proto !== IPPROTO_SCTP && proto !== IPPROTO_DCCP) return -Errno.EOPNOTSUPP;
  e.l3num = <u16>l3num;
  e.proto = <u8>proto;
  e.dport = <u16>nlaBe16(dport);
  e.timeout = load<u32>(nlaData(timeout));
  e.size = <u8>nlaU8(size);
  return 0;
}

export function ctExpectDump(rec: usize, out: NlOut): void {
  const e = changetype<CtExpect>(rec);
  nlaPutBe16(out, NftaCtExpect.L3PROTO, e.l3num);
  nlaPutU8(out, NftaCtExpect.L4PROTO, e.proto);
  nlaPutBe16(out, NftaCtExpect.DPORT, e.dport);
  nlaPut(out, NftaCtExpect.TIMEOUT, rec + offsetof<CtExpect>('timeout'), 4);
  nlaPutU8(out, NftaCtExpect.SIZE, e.size);
}

export function ctExpectEval(rec: usize, pkt: Pkt): i32 {
  const e = changetype<CtExpect>(rec);
  const ct = nfCtGet(pkt.skb);
  if (ct === null || (ct.status & (IPS_TEMPLATE | IPS_CONFIRMED)) !== 0) return NFT_BREAK;
  if (ct.help === 0 && !nfCtHelpAdd(ct, 0)) return NF_DROP;
  if (nfCtHelp(ct).expecting >= <u32>e.size) return NFT_BREAK;
  return expect(e, ct, ctDir(ctInfo(pkt.skb)) ^ 1) ? NFT_CONTINUE : NF_DROP;
}

/** From any port of the source of the tuple of direction `dir`. */
function expect(e: CtExpect, ct: NfConn, dir: u32): bool {
  const exp = nfExpectAlloc(ct);
  if (exp === null) return false;
  const six = e.l3num === <u16>NfProto.IPV6;
  const from = nfTuple(ct, dir);
  const tuple = nfExpectTuple(exp);
  tuple.l3num = <u8>(six ? AF_INET6 : AF_INET);
  tuple.proto = e.proto;
  tuple.dport = bswap<u16>(e.dport);
  memory.copy(nfSrcPtr(tuple), nfSrcPtr(from), 16);
  memory.copy(nfDstPtr(tuple), nfDstPtr(from), 16);
  exp.maskSrc0 = six ? u64.MAX_VALUE : <u64>u32.MAX_VALUE;
  exp.maskSrc1 = six ? u64.MAX_VALUE : 0;
  // Linux takes the milliseconds that it is given for seconds (priv->timeout * HZ).
  return nfCtExpectRelated(exp, e.timeout) === 0;
}
