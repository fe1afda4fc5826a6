/**
 * `ct`: what connection tracking knows of a packet's connection, setting some of it, and `notrack`. Linux:
 * net/netfilter/nft_ct.c.
 *
 * `ct zone set` puts a template on a packet that is not tracked yet, and tracking goes by it. `ct secmark` is refused.
 */
import { NFT_BREAK, NFT_CONTINUE, NftCt, NftaCt } from '../../abi/nf_tables';
import { IPCT_LABEL, IPCT_MARK } from '../../abi/nf_conntrack';
import { NbKey } from '../../abi/nft_bytecode';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { NF_DROP } from '../../net/hooks';
import { AF_INET } from '../../net/net';
import {
  IPS_TEMPLATE,
  IP_CT_NEW,
  IP_CT_UNTRACKED,
  NF_CT_DEFAULT_ZONE_DIR,
  NfConn,
  NfConnAcct,
  ctDir,
  ctInfo,
  nfCtExpires,
  nfCtGet,
  nfCtSet,
  nfDstPtr,
  nfSrcPtr,
  nfTuple,
  nfZoneId,
} from '../nf_conntrack';
import { nfCtEventCache } from '../nf_conntrack_ecache';
import { nfCtHelp, nfCtHelperName } from '../nf_conntrack_helper';
import { nfCtTemplateAlloc } from '../nf_conntrack_table';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutU8, nlaU8, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad, regStore } from './nft_data';
import { Pkt } from './nft_pkt';

/** As NbKey, and the family of the table (nft_track). */
export const CT_SIZE: u32 = 12;
const NO_DIR: u32 = 255;
const STATE_INVALID: u32 = 1;
const STATE_UNTRACKED: u32 = 64;

/** Bytes of a key's value; 0: no such key, and what is wrong with the direction in `needs`. */
function keyLen(key: u32, family: u32): u32 {
  switch (key) {
    case NftCt.DIRECTION:
    case NftCt.L3PROTOCOL:
    case NftCt.PROTOCOL:
      return 1;
    case NftCt.PROTO_SRC:
    case NftCt.PROTO_DST:
    case NftCt.ZONE:
      return 2;
    case NftCt.STATE:
    case NftCt.STATUS:
    case NftCt.MARK:
    case NftCt.EXPIRATION:
    case NftCt.SRC_IP:
    case NftCt.DST_IP:
    case NftCt.ID:
      return 4;
    case NftCt.SRC:
    case NftCt.DST:
      return family === <u32>NfProto.IPV4 ? 4 : 16;
    case NftCt.PKTS:
    case NftCt.BYTES:
    case NftCt.AVGPKT:
      return 8;
    case NftCt.HELPER:
    case NftCt.LABELS:
    case NftCt.SRC_IP6:
    case NftCt.DST_IP6:
      return 16;
  }
  return 0;
}

/** Keys that are of one direction, and must say which. */
function needsDir(key: u32): bool {
  switch (key) {
    case NftCt.SRC:
    case NftCt.DST:
    case NftCt.PROTO_SRC:
    case NftCt.PROTO_DST:
    case NftCt.SRC_IP:
    case NftCt.DST_IP:
    case NftCt.SRC_IP6:
    case NftCt.DST_IP6:
      return true;
  }
  return false;
}

/** Keys that may be of one direction. */
function mayHaveDir(key: u32): bool {
  return (
    needsDir(key) || key === NftCt.PKTS || key === NftCt.BYTES || key === NftCt.AVGPKT || key === NftCt.ZONE
  );
}

export function ctInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const key = nlaBe32(tbGet(tb, NftaCt.KEY));
  const len = keyLen(key, ctx.family);
  // Which family's address it would be.
  const address = key === <u32>NftCt.SRC || key === <u32>NftCt.DST;
  if (address && ctx.family === <u32>NfProto.BRIDGE) return -Errno.EAFNOSUPPORT;
  if (len === 0) return -Errno.EOPNOTSUPP;
  const dirAttr = tbGet(tb, NftaCt.DIRECTION);
  let dir: u32 = NO_DIR;
  if (dirAttr !== 0) {
    if (!mayHaveDir(key)) return -Errno.EINVAL;
    dir = nlaU8(dirAttr);
    if (dir > 1) return -Errno.EINVAL;
  } else if (needsDir(key)) return -Errno.EINVAL;
  const reg = regStore(ctx, tbGet(tb, NftaCt.DREG), len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>key, 1);
  store<u16>(rec, <u16>reg, NbKey.REG);
  store<u8>(rec, <u8>len, NbKey.LEN);
  store<u8>(rec, <u8>dir, NbKey.DIR);
  return 0;
}

export function ctSetInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const key = nlaBe32(tbGet(tb, NftaCt.KEY));
  let len: u32 = 0;
  switch (key) {
    case NftCt.MARK:
    case NftCt.EVENTMASK:
      len = 4;
      break;
    case NftCt.LABELS:
      len = 16;
      break;
    case NftCt.ZONE:
      len = 2;
      break;
    default:
      return -Errno.EOPNOTSUPP;
  }
  const dirAttr = tbGet(tb, NftaCt.DIRECTION);
  if (dirAttr !== 0 && (key !== NftCt.ZONE || nlaU8(dirAttr) > 1)) return -Errno.EINVAL;
  const reg = regLoad(ctx, tbGet(tb, NftaCt.SREG), len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>key, 1);
  store<u16>(rec, <u16>reg, NbKey.REG);
  store<u8>(rec, <u8>len, NbKey.LEN);
  store<u8>(rec, <u8>(dirAttr === 0 ? NO_DIR : nlaU8(dirAttr)), NbKey.DIR);
  return 0;
}

export function ctDump(rec: usize, out: NlOut): void {
  const key = <u32>load<u8>(rec, 1);
  const dir = <u32>load<u8>(rec, NbKey.DIR);
  dumpRegister(out, NftaCt.DREG, load<u16>(rec, NbKey.REG));
  nlaPutBe32(out, NftaCt.KEY, key);
  if (dir !== NO_DIR) nlaPutU8(out, NftaCt.DIRECTION, dir);
}

export function ctSetDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaCt.SREG, load<u16>(rec, NbKey.REG));
  nlaPutBe32(out, NftaCt.KEY, load<u8>(rec, 1));
  const dir = <u32>load<u8>(rec, NbKey.DIR);
  if (dir !== NO_DIR) nlaPutU8(out, NftaCt.DIRECTION, dir);
}

/** The bit of `ct state`. */
function stateOf(pkt: Pkt): u32 {
  const skb = pkt.skb;
  if (nfCtGet(skb) !== null) return 1 << ((ctInfo(skb) % 3) + 1);
  return ctInfo(skb) === IP_CT_UNTRACKED ? STATE_UNTRACKED : STATE_INVALID;
}

/** The key's value into its register. False: NFT_BREAK. */
export function ctEval(rec: usize, pkt: Pkt): bool {
  const key = <u32>load<u8>(rec, 1);
  const dst = changetype<usize>(pkt) + load<u16>(rec, NbKey.REG);
  if (key === NftCt.STATE) {
    store<u32>(dst, stateOf(pkt));
    return true;
  }
  const ct = nfCtGet(pkt.skb);
  if (ct === null) return false;
  const dir = <u32>load<u8>(rec, NbKey.DIR);
  switch (key) {
    case NftCt.DIRECTION:
      store<u32>(dst, ctDir(ctInfo(pkt.skb)));
      return true;
    case NftCt.STATUS:
      store<u32>(dst, ct.status);
      return true;
    case NftCt.MARK:
      store<u32>(dst, ct.mark);
      return true;
    case NftCt.EXPIRATION:
      store<u32>(dst, nfCtExpires(ct));
      return true;
    case NftCt.HELPER:
      return helperName(ct, dst);
    case NftCt.LABELS:
      store<u64>(dst, ct.labels0);
      store<u64>(dst, ct.labels1, 8);
      return true;
    case NftCt.PKTS:
    case NftCt.BYTES:
    case NftCt.AVGPKT:
      store<u64>(dst, counted(ct, key, dir));
      return true;
    case NftCt.L3PROTOCOL:
      store<u32>(dst, nfTuple(ct, 0).l3num);
      return true;
    case NftCt.PROTOCOL:
      store<u32>(dst, nfTuple(ct, 0).proto);
      return true;
    case NftCt.ZONE:
      store<u32>(dst, dir < 2 ? nfZoneId(ct.zone, ct.zoneDir, dir) : ct.zone);
      return true;
    case NftCt.ID:
      store<u32>(dst, ct.serial);
      return true;
  }
  return tupleEval(key, ct, dir, <u32>load<u8>(rec, NbKey.LEN), dst);
}

function tupleEval(key: u32, ct: NfConn, dir: u32, len: u32, dst: usize): bool {
  const tuple = nfTuple(ct, dir);
  const four = <u32>tuple.l3num === AF_INET;
  switch (key) {
    case NftCt.PROTO_SRC:
      store<u32>(dst, tuple.sport);
      return true;
    case NftCt.PROTO_DST:
      store<u32>(dst, tuple.dport);
      return true;
    case NftCt.SRC:
      memory.fill(dst, 0, len);
      memory.copy(dst, nfSrcPtr(tuple), four ? 4 : len);
      return true;
    case NftCt.DST:
      memory.fill(dst, 0, len);
      memory.copy(dst, nfDstPtr(tuple), four ? 4 : len);
      return true;
    case NftCt.SRC_IP:
    case NftCt.DST_IP:
      if (!four) return false;
      memory.copy(dst, key === NftCt.SRC_IP ? nfSrcPtr(tuple) : nfDstPtr(tuple), 4);
      return true;
    case NftCt.SRC_IP6:
    case NftCt.DST_IP6:
      if (four) return false;
      memory.copy(dst, key === NftCt.SRC_IP6 ? nfSrcPtr(tuple) : nfDstPtr(tuple), 16);
      return true;
  }
  return false;
}

/** Packets, bytes or bytes a packet, of a direction or of both. */
function counted(ct: NfConn, key: u32, dir: u32): u64 {
  if (ct.acct === 0) return 0;
  const acct = changetype<NfConnAcct>(ct.acct);
  let packets: u64 = 0;
  let bytes: u64 = 0;
  if (dir !== 1) {
    packets += acct.packets0;
    bytes += acct.bytes0;
  }
  if (dir !== 0) {
    packets += acct.packets1;
    bytes += acct.bytes1;
  }
  if (key === NftCt.PKTS) return packets;
  if (key === NftCt.BYTES) return bytes;
  return packets === 0 ? 0 : bytes / packets;
}

/** The helper that a connection is related by: it is its master's. */
function helperName(ct: NfConn, dst: usize): bool {
  if (ct.master === 0) return false;
  const master = changetype<NfConn>(ct.master);
  if (master.help === 0 || nfCtHelp(master).helper === 0) return false;
  memory.fill(dst, 0, 16);
  nfCtHelperName(nfCtHelp(master).helper, dst);
  return true;
}

export function ctSetEval(rec: usize, pkt: Pkt): i32 {
  const src = changetype<usize>(pkt) + load<u16>(rec, NbKey.REG);
  const key = <u32>load<u8>(rec, 1);
  if (key === NftCt.ZONE) return zoneSet(pkt, load<u16>(src), load<u8>(rec, NbKey.DIR));
  const ct = nfCtGet(pkt.skb);
  if (ct === null || (ct.status & IPS_TEMPLATE) !== 0) return NFT_CONTINUE;
  switch (key) {
    case NftCt.MARK:
      if (ct.mark !== load<u32>(src)) {
        ct.mark = load<u32>(src);
        nfCtEventCache(ct, IPCT_MARK);
      }
      break;
    case NftCt.LABELS:
      // Set, and none is taken away (nf_connlabels_replace with the labels as their own mask).
      if ((~ct.labels0 & load<u64>(src)) !== 0 || (~ct.labels1 & load<u64>(src, 8)) !== 0) {
        ct.labels0 |= load<u64>(src);
        ct.labels1 |= load<u64>(src, 8);
        nfCtEventCache(ct, IPCT_LABEL);
      }
      break;
  }
  return NFT_CONTINUE;
}

/** The packet's connection will be of that zone, in that direction or (NO_DIR) both. The first zone of a packet counts. */
function zoneSet(pkt: Pkt, zone: u16, dir: u32): i32 {
  if (nfCtGet(pkt.skb) !== null) return NFT_CONTINUE;
  const one: u32 = 1 << dir;
  const tmpl = nfCtTemplateAlloc(pkt.net, zone, dir === NO_DIR ? NF_CT_DEFAULT_ZONE_DIR : <u8>one);
  if (tmpl === null) return NF_DROP;
  nfCtSet(pkt.skb, tmpl, IP_CT_NEW);
  return NFT_CONTINUE;
}

/** The packet is not tracked; one that is already stays so. */
export function notrackEval(pkt: Pkt): i32 {
  if (pkt.skb.nfct === 0) pkt.skb.nfct = IP_CT_UNTRACKED;
  return NFT_CONTINUE;
}

export function ctVerdict(rec: usize, pkt: Pkt): i32 {
  return ctEval(rec, pkt) ? NFT_CONTINUE : NFT_BREAK;
}
