/**
 * The short way of ordinary forwarded IPv6 packets, as ipv4/ip_forward_fast is that of IPv4: what the route lookup's
 * end, ip6Forward, ip6Output, the neighbour and devQueueXmit would do to each, in one loop.
 *
 *   ip6ListRcv ─ lookups ─► ip6ForwardRun ─┬─ ordinary ──► hop limit, MAC, transmit descriptor ─► the next
 *                                         └─ otherwise ─► ip6RcvFinish, the whole way
 *
 * Ordinary is: no hook in the namespace, no rule, redirect or proxy, no Hop-by-Hop header, addresses of 2000::/3 or
 * fc00::/7 and the like, one unicast route by gateways whose neighbours are reachable (of several the flow's hash
 * chooses), another device out than in, small enough, an idle port. All of that is looked at before the first byte is
 * written.
 */
import { Port, TxDesc } from '../abi/layout';
import { Mib } from '../abi/snmp';
import { Ipv6Conf } from '../abi/sysctl';
import { FastXmit } from '../dev/fast_xmit';
import { NetDevice, conf6 } from '../dev/net_device';
import { root } from '../lib/root';
import { AF_INET6, Net, mibAdd } from '../net/net';
import { Neighbour } from '../neigh/neighbour';
import { FastHop } from '../route/fast_hop';
import { FibInfo, FibNh, fibNh } from '../route/fib';
import { fibSelectPath } from '../route/fib_select';
import { flowHashSkb } from '../route/flow_hash';
import { SkBuff } from '../skb/sk_buff';
import { traceEvents } from '../skb/trace';
import { ETH_HLEN } from '../wire/ethernet';

/** Bytes 4 to 7 of the header as one little-endian word: payload length, next header, hop limit. */
const HOP_LIMIT_SHIFT: u32 = 24;
const HOP_LIMIT_ONE: u32 = 1 << HOP_LIMIT_SHIFT;

/** True when packets that came in by `dev` may go the short way at all; asked once per burst. */
export function ip6ForwardFastAllowed(net: Net, dev: NetDevice): bool {
  if (net.hookCount !== 0 || net.fibSlow6 !== 0 || net.exceptions6 !== 0) return false;
  if (dev.l3mdev !== 0 || traceEvents()) return false;
  if (load<i32>(net.conf6All + (Ipv6Conf.PROXY_NDP << 2)) !== 0) return false;
  return load<i32>(net.conf6All + (Ipv6Conf.FORWARDING << 2)) !== 0;
}

/**
 * Forwards packets of the burst `root().burst`, which ip6RcvCore has checked and which came in by `dev`, from number `i`
 * of the list on; returns the number of the first that has to go the whole way, which is as it was. `routes` is what the
 * FIB holds for their destinations.
 */
export function ip6ForwardRun(net: Net, dev: usize, list: usize, routes: usize, i: u32, n: u32): u32 {
  const burst = root().burst;
  let out: usize = 0;
  let mtu: u32 = 0;
  let ring: usize = 0;
  let mask: u32 = 0;
  let vnet: u32 = 0;
  let head: u32 = 0;
  let end: u32 = 0;
  let frames: u32 = 0;
  let octets: u32 = 0;
  let allFrames: u32 = 0;
  let allOctets: u32 = 0;
  for (; i < n; i++) {
    // One test a line: asc makes a jump of each, and a chain of selects of what is joined by ||.
    const value = load<u32>(routes + (i << 2));
    if (!FastHop.fit(value, dev, burst)) break;
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (!FastHop.plain(skb)) break;
    const hdr = skb.data;
    const word = load<u32>(hdr, 4);
    if (word >>> HOP_LIMIT_SHIFT <= 1) break;
    // Next header 0: Hop-by-Hop options.
    if ((word & 0xff0000) === 0) break;
    // First bytes 01 to fd: neither ::, ::1 and v4-mapped ones, nor link-local, nor a group.
    if (<u32>load<u8>(hdr, 8) - 1 >= 0xfd) break;
    if (<u32>load<u8>(hdr, 24) - 1 >= 0xfd) break;

    const info = changetype<FibInfo>(value);
    let nh: FibNh = fibNh(info, 0);
    if (info.nhCount !== 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET6, skb));
    if (nh.dev !== out) {
      FastXmit.end(out, head, frames, octets + frames * ETH_HLEN);
      allFrames += frames;
      allOctets += octets;
      frames = 0;
      octets = 0;
      out = nh.dev;
      mtu = <u32>conf6(changetype<NetDevice>(out), Ipv6Conf.MTU);
      const port = changetype<NetDevice>(out).priv;
      ring = load<u32>(port, Port.TX_RING);
      mask = load<u32>(port, Port.TX_MASK);
      vnet = load<u32>(port, Port.VNET_HDR_LEN);
      head = load<u32>(port, Port.TX_HEAD);
      end = load<u32>(port, Port.TX_CLEAN) + mask + 1;
    }
    const len = skb.len;
    if (len > mtu) break;
    if (head === end) break;

    store<u32>(hdr, word - HOP_LIMIT_ONE, 4);
    const eth = hdr - ETH_HLEN;
    FastHop.header(changetype<Neighbour>(nh.neigh), eth);
    FastXmit.put(skb, out, eth, len + ETH_HLEN, vnet, ring + (head & mask) * TxDesc.SIZE);
    head++;
    frames++;
    octets += len;
  }
  FastXmit.end(out, head, frames, octets + frames * ETH_HLEN);
  allFrames += frames;
  if (allFrames !== 0) {
    mibAdd(net, Mib.Ip6OutForwDatagrams, allFrames);
    mibAdd(net, Mib.Ip6OutTransmits, allFrames);
    mibAdd(net, Mib.Ip6OutOctets, allOctets + octets);
  }
  return i;
}
