/**
 * GRO: frames of a flow that arrive together go up as one packet. Linux: net/core/gro.c, dev_gro_receive.
 *
 *   portPoll ─► groReceive, each frame ─► gro_tcp, gro_udp ─► held, merged, or at once to the list
 *            ─► groFlush at the end    ─► all that is held to the list
 *
 * The order within a flow stays as it was; GSO of the result gives the same frames again, byte for byte.
 */
import { NetifF } from '../abi/features';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { IPPROTO_TCP, IPPROTO_UDP, IPV4_HDR_LEN } from '../wire/ipv4';
import { IPV6_HDR_LEN, NEXTHDR_TCP, NEXTHDR_UDP } from '../wire/ipv6';
import { ipv6ExtHdr } from '../wire/ipv6_ext';
import { groCheckIpv4, groCheckIpv6 } from './gro_ip';
import { groEmpty, groReleaseAddrs, groReleaseAll, groTable, groTableFree } from './gro_table';
import { groTcp } from './gro_tcp';
import { groUdp } from './gro_udp';
import { NetDevice } from './net_device';

/**
 * Takes `skb` (data at its network header) and appends to `list` what goes up now; returns the new n of the list,
 * which has room for as many as were received since the last groFlush.
 */
export function groReceive(dev: NetDevice, skb: SkBuff, list: usize, n: u32): u32 {
  if (skbHeadlen(skb) >= IPV4_HDR_LEN) {
    const protocol: u32 = skb.protocol;
    if (protocol === ETH_P_IP) {
      const proto = <u32>load<u8>(skb.data, 9);
      if (proto === IPPROTO_TCP) return receive(dev, skb, proto, IPV4_HDR_LEN, list, n);
      if (proto === IPPROTO_UDP && (dev.features & NetifF.GRO_UDP_FWD) !== 0) {
        return receive(dev, skb, proto, IPV4_HDR_LEN, list, n);
      }
    } else if (protocol === ETH_P_IPV6) {
      const proto = <u32>load<u8>(skb.data, 6);
      if (proto === NEXTHDR_TCP) return receive(dev, skb, proto, IPV6_HDR_LEN, list, n);
      if (proto === NEXTHDR_UDP && (dev.features & NetifF.GRO_UDP_FWD) !== 0) {
        return receive(dev, skb, proto, IPV6_HDR_LEN, list, n);
      }
      if (dev.gro !== 0 && ipv6ExtHdr(proto) && !groEmpty(dev.gro))
        n = groReleaseAddrs(dev.gro, skb, list, n);
    }
  }
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

function receive(dev: NetDevice, skb: SkBuff, proto: u32, nhlen: u32, list: usize, n: u32): u32 {
  const table = groTable(dev);
  if (table !== 0) {
    if (nhlen === IPV4_HDR_LEN ? groCheckIpv4(skb) : groCheckIpv6(skb)) {
      return proto === IPPROTO_TCP ? groTcp(table, skb, nhlen, list, n) : groUdp(table, skb, nhlen, list, n);
    }
    // Options, a fragment, a damaged header: it must not overtake what is held between its addresses.
    if (!groEmpty(table)) n = groReleaseAddrs(table, skb, list, n);
  }
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

/** The end of a napi poll: appends all that `dev` holds; returns the new n. */
export function groFlush(dev: NetDevice, list: usize, n: u32): u32 {
  if (dev.gro === 0 || groEmpty(dev.gro)) return n;
  return groReleaseAll(dev.gro, list, n);
}

/** The device goes away: frees its table. Nothing is held outside a poll. */
export function groFree(dev: NetDevice): void {
  if (dev.gro === 0) return;
  assert(groEmpty(dev.gro), 'groFree: inside a poll');
  groTableFree(dev);
}
