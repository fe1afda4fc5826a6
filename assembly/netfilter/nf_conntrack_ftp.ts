/**
 * FTP (RFC 959, RFC 2428): the control connection names the data connection. Commands are looked for at the begin of
 * lines only; where a line begins is known by the sequence numbers behind the last two line ends of each side.
 * Linux: nf_conntrack_ftp.c, nf_nat_ftp.c.
 */
import { Scratch, scratch } from '../lib/scratch';
import { seqBefore } from '../lib/seq';
import { NF_ACCEPT, NF_DROP } from '../net/hooks';
import { AF_INET } from '../net/net';
import { Errno } from '../net/errno';
import { kfree } from '../lib/kmalloc';
import { SkBuff } from '../skb/sk_buff';
import { skbLinearize } from '../skb/skbuff';
import {
  IPS_NAT_MASK,
  IP_CT_ESTABLISHED,
  IP_CT_ESTABLISHED_REPLY,
  NF_TUPLE_DST,
  NfConn,
  ctDir,
  nfTuple,
} from './nf_conntrack';
import { NfExpect, nfCtExpectInsert, nfExpectAlloc, nfExpectTuple } from './nf_conntrack_expect';
import { nfCtHelpData } from './nf_conntrack_helper';
import { IPPROTO_TCP } from './nf_conntrack_tuple';
import {
  FtpCmd,
  ftpPutEprt,
  ftpPutEpsv,
  ftpPutPort,
  ftpReadEprt,
  ftpReadEpsv,
  ftpReadPasv,
  ftpReadPort,
} from './nf_ftp_text';
import { nfNatMangleTcp } from './nf_nat_helper';

const TIMEOUT_S: u32 = 300;
const TCP_HDR_LEN: u32 = 20;
const LINE_FEED: u8 = 10;
const CARRIAGE_RETURN: u32 = 13;
const SPACE: u32 = 32;
const PAREN_OPEN: u32 = 40;
/** Tries to find a port for the data connection that nobody expects yet. */
const PORT_TRIES: u32 = 128;

enum Kind {
  NONE = 0,
  PORT,
  PASV,
  EPRT,
  EPSV,
  /** A command that begins here and is not whole. */
  PARTIAL,
}

/** Per direction: sequence numbers behind a line end, two at most; u32 a, b, count. */
const NL_BYTES: usize = 12;

function lineBegins(data: usize, dir: u32, seq: u32): bool {
  const p = data + dir * NL_BYTES;
  const n = load<u32>(p, 8);
  if (n > 0 && load<u32>(p) === seq) return true;
  return n > 1 && load<u32>(p, 4) === seq;
}

function noteLineEnd(data: usize, dir: u32, seq: u32): void {
  if (lineBegins(data, dir, seq)) return;
  const p = data + dir * NL_BYTES;
  const n = load<u32>(p, 8);
  if (n < 2) {
    store<u32>(p + (n << 2), seq);
    store<u32>(p, n + 1, 8);
  } else if (seqBefore(load<u32>(p), load<u32>(p, 4))) {
    store<u32>(p, seq);
  } else {
    store<u32>(p, seq, 4);
  }
}

/** The four letters at `p`, upper case, as one number. */
function word(p: usize): u32 {
  return load<u32>(p) & 0xdfdfdfdf;
}
const PORT_WORD: u32 = 0x54524f50;
const EPRT_WORD: u32 = 0x54525045;
const PASV_CODE: u32 = 0x20373232;
const EPSV_CODE: u32 = 0x20393232;

/** Behind `skip`, from byte 4 on; 0: not there. */
function behind(p: usize, len: u32, skip: u32): u32 {
  for (let i: u32 = 4; i + 1 < len; i++) if (<u32>load<u8>(p + i) === skip) return i + 1;
  return 0;
}

/** What the line at `p` says; the place of its numbers in cmd.at and cmd.len. Linux: find_pattern. */
function parse(p: usize, len: u32, dir: u32, cmd: FtpCmd, work: usize): Kind {
  if (len <= 4) return prefixOf(p, len, dir) ? Kind.PARTIAL : Kind.NONE;
  if (dir === 0) {
    const command = word(p);
    if (command !== PORT_WORD && command !== EPRT_WORD) return Kind.NONE;
    const at = behind(p, len, SPACE);
    if (at === 0) return Kind.PARTIAL;
    cmd.at = at;
    cmd.len =
      command === PORT_WORD
        ? ftpReadPort(p + at, len - at, cmd, CARRIAGE_RETURN, work)
        : ftpReadEprt(p + at, len - at, cmd, work);
    if (cmd.len === 0) return Kind.PARTIAL;
    return command === PORT_WORD ? Kind.PORT : Kind.EPRT;
  }
  const code = load<u32>(p);
  if (code === PASV_CODE) {
    cmd.at = 4;
    cmd.len = ftpReadPasv(p + 4, len - 4, cmd, work);
    return cmd.len === 0 ? Kind.PARTIAL : Kind.PASV;
  }
  if (code !== EPSV_CODE) return Kind.NONE;
  const at = behind(p, len, PAREN_OPEN);
  if (at === 0) return Kind.PARTIAL;
  cmd.at = at;
  cmd.len = ftpReadEpsv(p + at, len - at, cmd);
  return cmd.len === 0 ? Kind.PARTIAL : Kind.EPSV;
}

/** Fewer bytes than a command has, and they could become one. */
function prefixOf(p: usize, len: u32, dir: u32): bool {
  const mask: u32 = len === 4 ? u32.MAX_VALUE : ((<u32>1) << (len << 3)) - 1;
  let got: u32 = 0;
  for (let i: u32 = 0; i < len; i++) got |= (<u32>load<u8>(p + i)) << (i << 3);
  if (dir === 0) {
    got &= 0xdfdfdfdf;
    return got === (PORT_WORD & mask) || got === (EPRT_WORD & mask);
  }
  return got === (PASV_CODE & mask) || got === (EPSV_CODE & mask);
}

export function nfFtpHelp(ct: NfConn, skb: SkBuff, dataoff: u32, info: u32): i32 {
  if (info !== IP_CT_ESTABLISHED && info !== IP_CT_ESTABLISHED_REPLY) return NF_ACCEPT;
  if (skb.len - dataoff < TCP_HDR_LEN || !skbLinearize(skb)) return NF_ACCEPT;
  const th = skb.data + dataoff;
  const doff = (<u32>load<u8>(th, 12) >> 4) << 2;
  if (doff < TCP_HDR_LEN || skb.len - dataoff <= doff) return NF_ACCEPT;
  const from = dataoff + doff;
  const len = skb.len - from;
  const p = skb.data + from;
  const dir = ctDir(info);
  const data = nfCtHelpData(ct);
  const seq = bswap<u32>(load<u32>(th, 4));
  const endsLine = load<u8>(p + len - 1) === LINE_FEED;
  let verdict = NF_ACCEPT;
  if (lineBegins(data, dir, seq)) {
    const cmd = changetype<FtpCmd>(scratch(Scratch.NF_EXPECT_TUPLE));
    const here = nfTuple(ct, dir);
    cmd.addr0 = here.src0;
    cmd.addr1 = here.src1;
    cmd.l3num = here.l3num;
    const kind = parse(p, len, dir, cmd, scratch(Scratch.NF_EXPECT_MASK));
    // Half a command would be let through unread: sent again, it comes whole.
    if (kind === Kind.PARTIAL) return NF_DROP;
    if (kind !== Kind.NONE) verdict = expect(ct, skb, dataoff, info, kind, cmd);
  }
  if (endsLine) noteLineEnd(data, dir, seq + len);
  return verdict;
}

function expect(ct: NfConn, skb: SkBuff, dataoff: u32, info: u32, kind: Kind, cmd: FtpCmd): i32 {
  const dir = ctDir(info);
  const here = nfTuple(ct, dir);
  const back = nfTuple(ct, dir ^ 1);
  // Who names another host than itself (RFC 2577 §3: the bounce attack) gets nothing opened.
  if (cmd.addr0 !== here.src0 || cmd.addr1 !== here.src1) return NF_ACCEPT;
  const exp = nfExpectAlloc(ct);
  if (exp === null) return NF_DROP;
  const tuple = nfExpectTuple(exp);
  tuple.src0 = back.src0;
  tuple.src1 = back.src1;
  tuple.dst0 = back.dst0;
  tuple.dst1 = back.dst1;
  tuple.dport = bswap<u16>(<u16>cmd.port);
  tuple.proto = <u8>IPPROTO_TCP;
  tuple.l3num = here.l3num;
  exp.maskSrc0 = u64.MAX_VALUE;
  exp.maskSrc1 = u64.MAX_VALUE;
  exp.max = 1;
  if ((ct.status & IPS_NAT_MASK) !== 0) return expectNat(ct, skb, dataoff, info, kind, cmd, exp);
  if (nfCtExpectInsert(exp, TIMEOUT_S) === 0) return NF_ACCEPT;
  kfree(changetype<usize>(exp));
  return NF_DROP;
}

/** The peer hears of the address that it sees, and of a port that is free there. Linux: nf_nat_ftp. */
function expectNat(
  ct: NfConn,
  skb: SkBuff,
  dataoff: u32,
  info: u32,
  kind: Kind,
  cmd: FtpCmd,
  exp: NfExpect,
): i32 {
  const dir = ctDir(info);
  exp.savedPort = bswap<u16>(<u16>cmd.port);
  exp.dir = <u8>(dir ^ 1);
  exp.follow = 1;
  let port = cmd.port;
  let err: i32 = -Errno.EBUSY;
  for (let i: u32 = 0; i < PORT_TRIES && port !== 0; i++) {
    nfExpectTuple(exp).dport = bswap<u16>(<u16>port);
    err = nfCtExpectInsert(exp, TIMEOUT_S);
    if (err !== -Errno.EBUSY) break;
    port = (port + 1) & 0xffff;
  }
  if (err !== 0) {
    kfree(changetype<usize>(exp));
    return NF_DROP;
  }
  const back = nfTuple(ct, dir ^ 1);
  const addr = changetype<usize>(back) + NF_TUPLE_DST;
  const text = scratch(Scratch.NF_EXPECT_MASK);
  let len: u32 = 0;
  if (kind === Kind.EPSV) len = ftpPutEpsv(text, port);
  else if (kind === Kind.EPRT) len = ftpPutEprt(text, addr, <u32>back.l3num === AF_INET, port);
  else len = ftpPutPort(text, addr, port);
  return nfNatMangleTcp(skb, ct, info, dataoff, cmd.at, cmd.len, text, len) ? NF_ACCEPT : NF_DROP;
}
