/** `queue`: to the host. Linux: net/netfilter/nft_queue.c. */
import { NftaQueue } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { NF_ACCEPT, NF_DROP, NF_QUEUE } from '../../net/hooks';
import { nfqueueBound } from '../nfnetlink_queue';
import { NlOut, nlaBe16, nlaPutBe16, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { hashExprPacket } from './nft_numgen';
import { Pkt } from './nft_pkt';

@unmanaged
@final
class Queue {
  head: u32;
  num: u16;
  total: u16;
  flags: u16;
  /** 0: `num` is meant. */
  sreg: u16;
}
export const QUEUE_SIZE: u32 = 12;
const FLAG_BYPASS: u32 = 1;
const FLAGS_ALL: u32 = 3;

export function queueInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const q = changetype<Queue>(rec);
  const sreg = tbGet(tb, NftaQueue.SREG_QNUM);
  const num = tbGet(tb, NftaQueue.NUM);
  if (sreg !== 0) {
    const reg = regLoad(ctx, sreg, 2);
    if (reg < 0) return reg;
    q.sreg = <u16>reg;
  } else {
    if (num === 0) return -Errno.EINVAL;
    q.num = <u16>nlaBe16(num);
    const total = tbGet(tb, NftaQueue.TOTAL);
    q.total = total === 0 ? 1 : <u16>nlaBe16(total);
    if (q.total === 0 || <u32>q.num + q.total - 1 > 0xffff) return -Errno.EINVAL;
  }
  const flags = tbGet(tb, NftaQueue.FLAGS);
  if (flags !== 0) {
    q.flags = <u16>nlaBe16(flags);
    if ((<u32>q.flags & ~FLAGS_ALL) !== 0) return -Errno.EINVAL;
  }
  return 0;
}

export function queueDump(rec: usize, out: NlOut): void {
  const q = changetype<Queue>(rec);
  if (q.sreg !== 0) dumpRegister(out, NftaQueue.SREG_QNUM, q.sreg);
  else {
    nlaPutBe16(out, NftaQueue.NUM, q.num);
    nlaPutBe16(out, NftaQueue.TOTAL, q.total);
  }
  nlaPutBe16(out, NftaQueue.FLAGS, q.flags);
}

export function queueEval(rec: usize, pkt: Pkt): i32 {
  const q = changetype<Queue>(rec);
  let num = <u32>q.num;
  if (q.sreg !== 0) num = load<u16>(changetype<usize>(pkt) + q.sreg);
  else if (q.total > 1) num += hashExprPacket(pkt) % q.total;
  // Linux: nf_queue without a listener: -ESRCH, and then what the rule says.
  if (!nfqueueBound(pkt.net, num)) return (<u32>q.flags & FLAG_BYPASS) !== 0 ? NF_ACCEPT : NF_DROP;
  return NF_QUEUE | ((<i32>num) << 16);
}
