/**
 * `meta`: what is known of a packet besides its bytes, and setting some of it. Linux: net/netfilter/nft_meta.c.
 *
 * Differs: there are no users, groups and control groups behind packets (NFT_BREAK, as for a packet without socket);
 * meta time, day and hour are of the core's clock, in UTC; cpu is 0. secmark is refused: there is no SELinux.
 */
import { NfProto } from '../../abi/nfnl';
import { NftMeta, NftaMeta } from '../../abi/nf_tables';
import { NbKey } from '../../abi/nft_bytecode';
import { DevKind, NetDevice, devNamePtr } from '../../dev/net_device';
import { randomU32 } from '../../lib/random';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { NetfilterHook } from '../../net/hooks';
import {
  PACKET_BROADCAST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  SKB_F_NFTRACE,
} from '../../skb/sk_buff';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx, ctxChain } from './nft_ctx';
import { BaseChain } from './nf_tables';
import { dumpRegister, regLoad, regStore } from './nft_data';
import { Pkt, pktAt, pktIpVersion, pktL4 } from './nft_pkt';

const NS_PER_SEC: u64 = 1_000_000_000;
const SEC_PER_DAY: u64 = 86400;
const IFNAMSIZ: u32 = 16;

/** Bytes of a key's value; 0: no such key. */
function keyLen(key: u32): u32 {
  switch (key) {
    case NftMeta.PROTOCOL:
    case NftMeta.IFTYPE:
    case NftMeta.OIFTYPE:
    case NftMeta.BRI_IIFPVID:
    case NftMeta.BRI_IIFVPROTO:
      return 2;
    case NftMeta.NFPROTO:
    case NftMeta.L4PROTO:
    case NftMeta.PKTTYPE:
    case NftMeta.SECPATH:
    case NftMeta.TIME_DAY:
      return 1;
    case NftMeta.LEN:
    case NftMeta.PRIORITY:
    case NftMeta.MARK:
    case NftMeta.IIF:
    case NftMeta.OIF:
    case NftMeta.SKUID:
    case NftMeta.SKGID:
    case NftMeta.RTCLASSID:
    case NftMeta.CPU:
    case NftMeta.IIFGROUP:
    case NftMeta.OIFGROUP:
    case NftMeta.CGROUP:
    case NftMeta.PRANDOM:
    case NftMeta.TIME_HOUR:
    case NftMeta.SDIF:
      return 4;
    case NftMeta.TIME_NS:
      return 8;
    case NftMeta.IIFNAME:
    case NftMeta.OIFNAME:
    case NftMeta.IIFKIND:
    case NftMeta.OIFKIND:
    case NftMeta.BRI_IIFNAME:
    case NftMeta.BRI_OIFNAME:
    case NftMeta.SDIFNAME:
      return IFNAMSIZ;
  }
  return 0;
}

export function metaInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const key = nlaBe32(tbGet(tb, NftaMeta.KEY));
  const len = keyLen(key);
  if (len === 0) return -Errno.EOPNOTSUPP;
  const bridge =
    key === NftMeta.BRI_IIFNAME ||
    key === NftMeta.BRI_OIFNAME ||
    key === NftMeta.BRI_IIFPVID ||
    key === NftMeta.BRI_IIFVPROTO;
  if (bridge && ctx.family !== <u32>NfProto.BRIDGE) return -Errno.EOPNOTSUPP;
  const reg = regStore(ctx, tbGet(tb, NftaMeta.DREG), len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>key, 1);
  store<u16>(rec, <u16>reg, NbKey.REG);
  store<u8>(rec, <u8>len, NbKey.LEN);
  return 0;
}

export function metaSetInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const key = nlaBe32(tbGet(tb, NftaMeta.KEY));
  let len: u32 = 0;
  switch (key) {
    case NftMeta.MARK:
    case NftMeta.PRIORITY:
      len = 4;
      break;
    case NftMeta.NFTRACE:
    case NftMeta.PKTTYPE:
      len = 1;
      break;
    default:
      return -Errno.EOPNOTSUPP;
  }
  const reg = regLoad(ctx, tbGet(tb, NftaMeta.SREG), len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>key, 1);
  store<u16>(rec, <u16>reg, NbKey.REG);
  store<u8>(rec, <u8>len, NbKey.LEN);
  return 0;
}

/** pkttype is set where it still decides something. */
export function metaSetValidate(ctx: Ctx, rec: usize): i32 {
  if (<u32>load<u8>(rec, 1) !== NftMeta.PKTTYPE) return 0;
  const base = changetype<BaseChain>(ctxChain(ctx).base);
  const netdev = ctx.family === <u32>NfProto.NETDEV;
  const hook: u32 = netdev ? 0 : <u32>NetfilterHook.PRE_ROUTING;
  return base.hooknum === hook ? 0 : -Errno.EOPNOTSUPP;
}

export function metaDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaMeta.KEY, load<u8>(rec, 1));
  dumpRegister(out, NftaMeta.DREG, load<u16>(rec, NbKey.REG));
}

export function metaSetDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaMeta.KEY, load<u8>(rec, 1));
  dumpRegister(out, NftaMeta.SREG, load<u16>(rec, NbKey.REG));
}

function putName(dst: usize, dev: usize): void {
  if (dev === 0) {
    store<u64>(dst, 0);
    store<u64>(dst, 0, 8);
    return;
  }
  const name = devNamePtr(changetype<NetDevice>(dev));
  store<u64>(dst, load<u64>(name));
  store<u64>(dst, load<u64>(name, 8), 8);
}

/** Name of the kind as IFLA_INFO_KIND has it; false: the device has none. */
function putKind(dst: usize, dev: usize): bool {
  if (dev === 0) return false;
  store<u64>(dst, 0, 8);
  switch (<u32>changetype<NetDevice>(dev).kind) {
    case DevKind.VETH:
      store<u64>(dst, 0x68746576);
      return true;
    case DevKind.DUMMY:
      store<u64>(dst, 0x796d6d7564);
      return true;
    case DevKind.VLAN:
      store<u64>(dst, 0x6e616c76);
      return true;
    case DevKind.MACVLAN:
      store<u64>(dst, 0x6e616c7663616d);
      return true;
    case DevKind.BOND:
      store<u64>(dst, 0x646e6f62);
      return true;
    case DevKind.BRIDGE:
      store<u64>(dst, 0x656764697262);
      return true;
    case DevKind.VRF:
      store<u64>(dst, 0x667276);
      return true;
  }
  return false;
}

/** The key's value into `dst`, its last word filled. False: NFT_BREAK. */
export function metaGet(pkt: Pkt, key: u32, dst: usize): bool {
  const skb = pkt.skb;
  switch (key) {
    case NftMeta.LEN:
      store<u32>(dst, skb.len);
      return true;
    case NftMeta.PROTOCOL:
      store<u32>(dst, bswap<u16>(skb.protocol));
      return true;
    case NftMeta.NFPROTO:
      store<u32>(dst, pkt.family);
      return true;
    case NftMeta.L4PROTO:
      if (!pktL4(pkt)) return false;
      store<u32>(dst, pkt.tprot);
      return true;
    case NftMeta.PRIORITY:
      store<u32>(dst, skb.priority);
      return true;
    case NftMeta.MARK:
      store<u32>(dst, skb.mark);
      return true;
    case NftMeta.IIF:
      store<u32>(dst, pkt.in === 0 ? 0 : changetype<NetDevice>(pkt.in).ifindex);
      return true;
    case NftMeta.OIF:
      store<u32>(dst, pkt.out === 0 ? 0 : changetype<NetDevice>(pkt.out).ifindex);
      return true;
    case NftMeta.IIFNAME:
      putName(dst, pkt.in);
      return true;
    case NftMeta.OIFNAME:
      putName(dst, pkt.out);
      return true;
    case NftMeta.IFTYPE: {
      // Where packets leave a device Linux tells of that one.
      const dev = pkt.in === 0 && pkt.hook === <u32>NetfilterHook.NETDEV_EGRESS ? pkt.out : pkt.in;
      if (dev === 0) return false;
      store<u32>(dst, changetype<NetDevice>(dev).type);
      return true;
    }
    case NftMeta.OIFTYPE:
      if (pkt.out === 0) return false;
      store<u32>(dst, changetype<NetDevice>(pkt.out).type);
      return true;
    case NftMeta.IIFGROUP:
      if (pkt.in === 0) return false;
      store<u32>(dst, changetype<NetDevice>(pkt.in).group);
      return true;
    case NftMeta.OIFGROUP:
      if (pkt.out === 0) return false;
      store<u32>(dst, changetype<NetDevice>(pkt.out).group);
      return true;
    case NftMeta.IIFKIND:
      return putKind(dst, pkt.in);
    case NftMeta.OIFKIND:
      return putKind(dst, pkt.out);
    case NftMeta.BRI_IIFNAME:
      return putMaster(dst, pkt.in);
    case NftMeta.BRI_OIFNAME:
      return putMaster(dst, pkt.out);
    case NftMeta.PKTTYPE:
      store<u32>(dst, pktType(pkt));
      return true;
    case NftMeta.RTCLASSID:
      // No route here has a realm.
      if (skb.dst === 0) return false;
      store<u32>(dst, 0);
      return true;
    case NftMeta.CPU:
    case NftMeta.SECPATH:
    case NftMeta.SDIF:
      store<u32>(dst, 0);
      return true;
    case NftMeta.SDIFNAME:
      putName(dst, 0);
      return true;
    case NftMeta.PRANDOM:
      store<u32>(dst, randomU32());
      return true;
    case NftMeta.TIME_NS:
      store<u64>(dst, root().now);
      return true;
    case NftMeta.TIME_DAY:
      // The first day of all was a Thursday.
      store<u32>(dst, <u32>((root().now / NS_PER_SEC / SEC_PER_DAY + 4) % 7));
      return true;
    case NftMeta.TIME_HOUR:
      store<u32>(dst, <u32>((root().now / NS_PER_SEC) % SEC_PER_DAY));
      return true;
  }
  return false;
}

function putMaster(dst: usize, dev: usize): bool {
  if (dev === 0 || changetype<NetDevice>(dev).upper === 0) return false;
  putName(dst, changetype<NetDevice>(dev).upper);
  return true;
}

/** A packet that loops back is told by its address: multicast, or broadcast. */
function pktType(pkt: Pkt): u32 {
  const type = <u32>pkt.skb.pktType;
  if (type !== <u32>PACKET_LOOPBACK) return type;
  if (pktIpVersion(pkt) === 6) return PACKET_MULTICAST;
  const p = pktAt(pkt, 16, 4, changetype<usize>(pkt) + 152);
  if (p === 0) return type;
  return load<u8>(p) >> 4 === 14 ? <u32>PACKET_MULTICAST : <u32>PACKET_BROADCAST;
}

export function metaSetEval(rec: usize, pkt: Pkt): void {
  const src = changetype<usize>(pkt) + load<u16>(rec, NbKey.REG);
  const skb = pkt.skb;
  switch (<u32>load<u8>(rec, 1)) {
    case NftMeta.MARK:
      skb.mark = load<u32>(src);
      break;
    case NftMeta.PRIORITY:
      skb.priority = load<u32>(src);
      break;
    case NftMeta.PKTTYPE: {
      const type = load<u8>(src);
      if (type <= PACKET_OTHERHOST && skb.pktType <= PACKET_OTHERHOST) skb.pktType = type;
      break;
    }
    case NftMeta.NFTRACE:
      if (load<u8>(src) !== 0) skb.flags |= SKB_F_NFTRACE;
      else skb.flags &= ~SKB_F_NFTRACE;
      break;
  }
}
