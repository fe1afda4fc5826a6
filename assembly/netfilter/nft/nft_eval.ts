/** Running the expressions that stand in blobs by reference, and those of elements and objects. */
import { NFT_BREAK, NFT_CONTINUE } from '../../abi/nf_tables';
import { Nb, NftExprKind } from '../../abi/nft_bytecode';
import { Counter } from './nft_counter';
import { ctSetEval, ctVerdict, notrackEval } from './nft_ct';
import { connlimitEval } from './nft_connlimit';
import { ctExpectEval } from './nft_ct_expect';
import { ctHelperEval } from './nft_ct_helper';
import { ctTimeoutEval } from './nft_ct_timeout';
import { dupEval } from './nft_dup';
import { dynsetEval } from './nft_dynset';
import { Elem, ElemMore } from './nft_elem';
import { exthdrEval, exthdrResetEval, exthdrSetEval } from './nft_exthdr';
import { fibEval } from './nft_fib';
import { flowEval } from './nft_flow_offload';
import { fwdEval } from './nft_fwd';
import { logEval } from './nft_log';
import { masqEval, natEval, redirEval } from './nft_nat';
import { hashExprEval, numgenEval } from './nft_numgen';
import { queueEval } from './nft_queue';
import { rejectEval } from './nft_reject';
import { rtEval } from './nft_rt';
import { lastEval } from './nft_last';
import { limitEval } from './nft_limit';
import { Obj } from './nf_tables';
import { objrefObj, objrefSet } from './nft_objref';
import { Pkt } from './nft_pkt';
import { quotaEval } from './nft_quota';
import { tproxyEval } from './nft_tproxy';
import { setLookup } from './nft_set_backend';

/** The verdict of an expression: NFT_CONTINUE, NFT_BREAK or NF_*. */
export function exprEval(kind: u32, rec: usize, pkt: Pkt): i32 {
  switch (kind) {
    case NftExprKind.COUNTER:
      Counter.eval(rec, pkt.skb.len);
      return NFT_CONTINUE;
    case NftExprKind.LIMIT:
      return limitEval(rec, pkt.skb.len) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.QUOTA:
      return quotaEval(rec, pkt.skb.len) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.LAST:
      lastEval(rec);
      return NFT_CONTINUE;
    case NftExprKind.OBJREF:
      return objEval(objrefObj(rec), pkt);
    case NftExprKind.OBJREF_MAP:
      return objMapEval(rec, pkt);
    case NftExprKind.EXTHDR:
      return exthdrEval(rec, pkt) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.EXTHDR_SET:
      return exthdrSetEval(rec, pkt) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.EXTHDR_RESET:
      return exthdrResetEval(rec, pkt);
    case NftExprKind.DYNSET:
      return dynsetEval(rec, pkt);
    case NftExprKind.LOG:
      logEval(rec, pkt);
      return NFT_CONTINUE;
    case NftExprKind.REJECT:
      return rejectEval(rec, pkt);
    case NftExprKind.FIB:
      return fibEval(rec, pkt) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.RT:
      return rtEval(rec, pkt) ? NFT_CONTINUE : NFT_BREAK;
    case NftExprKind.NUMGEN:
      numgenEval(rec, pkt);
      return NFT_CONTINUE;
    case NftExprKind.HASH:
      hashExprEval(rec, pkt);
      return NFT_CONTINUE;
    case NftExprKind.QUEUE:
      return queueEval(rec, pkt);
    case NftExprKind.DUP:
      return dupEval(rec, pkt);
    case NftExprKind.FWD:
      return fwdEval(rec, pkt);
    case NftExprKind.NOTRACK:
      return notrackEval(pkt);
    case NftExprKind.CT:
      return ctVerdict(rec, pkt);
    case NftExprKind.CT_SET:
      return ctSetEval(rec, pkt);
    case NftExprKind.NAT:
      return natEval(rec, pkt);
    case NftExprKind.MASQ:
      return masqEval(rec, pkt);
    case NftExprKind.REDIR:
      return redirEval(rec, pkt);
    case NftExprKind.CT_HELPER:
      ctHelperEval(rec, pkt);
      return NFT_CONTINUE;
    case NftExprKind.CT_TIMEOUT:
      ctTimeoutEval(rec, pkt);
      return NFT_CONTINUE;
    case NftExprKind.CT_EXPECT:
      return ctExpectEval(rec, pkt);
    case NftExprKind.CONNLIMIT:
      return connlimitEval(rec, pkt);
    case NftExprKind.TPROXY:
      return tproxyEval(rec, pkt);
    case NftExprKind.FLOW_OFFLOAD:
      return flowEval(rec, pkt);
  }
  return NFT_BREAK;
}

function objEval(obj: Obj, pkt: Pkt): i32 {
  return exprEval(load<u8>(obj.data), obj.data, pkt);
}

function objMapEval(rec: usize, pkt: Pkt): i32 {
  const elem = setLookup(objrefSet(rec), changetype<usize>(pkt) + load<u16>(rec, 8));
  if (elem === 0) return NFT_BREAK;
  const more = changetype<Elem>(elem).more;
  if (more === 0 || changetype<ElemMore>(more).obj === 0) return NFT_BREAK;
  return objEval(changetype<Obj>(changetype<ElemMore>(more).obj), pkt);
}

/** The expressions of an element, until one breaks. */
export function exprsRun(more: ElemMore, pkt: Pkt): i32 {
  const at = more.exprs;
  for (let o: u32 = 0; o < more.exprsLen; o += load<u16>(at + o, Nb.SIZE)) {
    const verdict = exprEval(load<u8>(at + o), at + o, pkt);
    if (verdict !== NFT_CONTINUE) return verdict;
  }
  return NFT_CONTINUE;
}
