/**
 * TFTP (RFC 1350): a request to port 69 is answered from a port of the server's choice. Linux: nf_conntrack_tftp.c,
 * nf_nat_tftp.c.
 */
import { NF_ACCEPT, NF_DROP } from '../net/hooks';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { IPS_NAT_MASK, NfConn, ctDir, nfTuple } from './nf_conntrack';
import { nfCtExpectRelated, nfExpectAlloc, nfExpectTuple } from './nf_conntrack_expect';

const UDP_HDR_LEN: u32 = 8;
const TFTP_OPCODE_READ: u32 = 1;
const TFTP_OPCODE_WRITE: u32 = 2;
const TIMEOUT_S: u32 = 300;

export function nfTftpHelp(ct: NfConn, skb: SkBuff, dataoff: u32, info: u32): i32 {
  if (!pskbMayPull(skb, dataoff + UDP_HDR_LEN + 2)) return NF_ACCEPT;
  const opcode = <u32>bswap<u16>(load<u16>(skb.data + dataoff + UDP_HDR_LEN));
  if (opcode !== TFTP_OPCODE_READ && opcode !== TFTP_OPCODE_WRITE) return NF_ACCEPT;
  const exp = nfExpectAlloc(ct);
  if (exp === null) return NF_DROP;
  const dir = ctDir(info);
  const reply = nfTuple(ct, 1);
  const tuple = nfExpectTuple(exp);
  tuple.src0 = reply.src0;
  tuple.src1 = reply.src1;
  tuple.dst0 = reply.dst0;
  tuple.dst1 = reply.dst1;
  tuple.dport = reply.dport;
  tuple.proto = reply.proto;
  tuple.l3num = reply.l3num;
  exp.maskSrc0 = u64.MAX_VALUE;
  exp.maskSrc1 = u64.MAX_VALUE;
  exp.max = 1;
  exp.dir = <u8>dir;
  if ((ct.status & IPS_NAT_MASK) !== 0) {
    // Linux: nf_nat_tftp: to the client's own port.
    exp.savedPort = nfTuple(ct, 0).sport;
    exp.dir = 1;
    exp.follow = 1;
  }
  return nfCtExpectRelated(exp, TIMEOUT_S) === 0 ? NF_ACCEPT : NF_DROP;
}
