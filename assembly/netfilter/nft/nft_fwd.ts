/**
 * `fwd` of netdev chains: the frame as it is out of another device, or the packet to a neighbour there. Linux:
 * nft_fwd_netdev.c.
 */
import { NFT_BREAK, NftaFwd } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { devGetByIndex } from '../../dev/net_device';
import { devQueueXmit } from '../../dev/xmit';
import { neighCreate, neighOutput } from '../../neigh/neighbour';
import { Errno } from '../../net/errno';
import { NF_DROP, NF_STOLEN } from '../../net/hooks';
import { AF_INET, AF_INET6 } from '../../net/net';
import { SkBuff } from '../../skb/sk_buff';
import { skbCowHead } from '../../skb/skbuff';
import { ETH_P_IP, ETH_P_IPV6 } from '../../wire/ethernet';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { Pkt } from './nft_pkt';

/** AUX: NFPROTO_* of the address; u16 registers: device at 4, address at 6, 0: none. */
export const FWD_SIZE: u32 = 8;
/** Before the network header: a link-layer header, with room to write it in one go. */
const HEADROOM: u32 = 32;
const IPV4_HDR_LEN: u32 = 20;
const IPV6_HDR_LEN: u32 = 40;

export function fwdInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const dev = tbGet(tb, NftaFwd.SREG_DEV);
  const addr = tbGet(tb, NftaFwd.SREG_ADDR);
  const proto = tbGet(tb, NftaFwd.NFPROTO);
  if (addr === 0 && dev === 0) return -Errno.EOPNOTSUPP;
  if (dev === 0 || (addr !== 0 && proto === 0)) return -Errno.EINVAL;
  const family = addr === 0 ? 0 : nlaBe32(proto);
  const six = family === <u32>NfProto.IPV6;
  if (addr !== 0 && !six && family !== <u32>NfProto.IPV4) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>family, 1);
  const reg = regLoad(ctx, dev, 4);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, 4);
  if (addr === 0) return 0;
  const at = regLoad(ctx, addr, six ? 16 : 4);
  if (at < 0) return at;
  store<u16>(rec, <u16>at, 6);
  return 0;
}

export function fwdDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaFwd.SREG_DEV, load<u16>(rec, 4));
  if (load<u16>(rec, 6) === 0) return;
  dumpRegister(out, NftaFwd.SREG_ADDR, load<u16>(rec, 6));
  nlaPutBe32(out, NftaFwd.NFPROTO, load<u8>(rec, 1));
}

/** Sends a frame that stands at its network header, or at its link-layer header, by the device; false: it cannot. */
export function sendBy(pkt: Pkt, ifindex: i32, skb: SkBuff): bool {
  const dev = devGetByIndex(pkt.net, ifindex);
  if (dev === null) return false;
  const mac = skb.macHeader;
  if (mac === 0 || mac < skb.head || mac > skb.data) return false;
  const front = skb.data - mac;
  if (!skbCowHead(skb, front)) return false;
  skb.data -= front;
  skb.len += front;
  skb.dev = changetype<usize>(dev);
  skb.dst = 0;
  devQueueXmit(skb);
  return true;
}

export function fwdEval(rec: usize, pkt: Pkt): i32 {
  const regs = changetype<usize>(pkt);
  const ifindex = load<i32>(regs + load<u16>(rec, 4));
  const addr = <u32>load<u16>(rec, 6);
  if (addr === 0) return sendBy(pkt, ifindex, pkt.skb) ? NF_STOLEN : NF_DROP;
  return toNeighbour(pkt, ifindex, regs + addr, load<u8>(rec, 1) === <u8>NfProto.IPV6);
}

function toNeighbour(pkt: Pkt, ifindex: i32, addr: usize, six: bool): i32 {
  const skb = pkt.skb;
  if (<u32>skb.protocol !== (six ? ETH_P_IPV6 : ETH_P_IP)) return NFT_BREAK;
  const behind = pkt.nh - skb.data;
  const need = six ? IPV6_HDR_LEN : IPV4_HDR_LEN;
  if (pkt.nhLen < need || !skbCowHead(skb, HEADROOM)) return NF_DROP;
  const iph = skb.data + behind;
  const at: usize = six ? 7 : 8;
  if (load<u8>(iph + at) <= 1) return NF_DROP;
  const dev = devGetByIndex(pkt.net, ifindex);
  if (dev === null) return NF_DROP;
  const neigh = neighCreate(six ? AF_INET6 : AF_INET, addr, dev);
  if (neigh === null) return NF_DROP;
  store<u8>(iph + at, load<u8>(iph + at) - 1);
  if (!six) {
    // RFC 1141: TTL one less, checksum one more.
    const sum = <u32>load<u16>(iph, 10) + 1;
    store<u16>(iph, <u16>(sum + <u32>(sum >= 0xffff)), 10);
  }
  skb.data = iph;
  skb.len -= behind;
  skb.networkHeader = iph;
  skb.dst = 0;
  neighOutput(neigh, skb);
  return NF_STOLEN;
}
