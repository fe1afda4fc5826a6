/**
 * The short way of ordinary forwarded packets: what ipRouteInput, ipForward, ipOutput, the neighbour and devQueueXmit
 * would do to each, in one loop. Linux has the same idea in its flowtable (net/netfilter/nf_flow_table_ip.c).
 *
 *   rcvRun ─ lookup burst ─► ipForwardRun ─┬─ ordinary ──► MAC, TTL, transmit descriptor ─► the next
 *                                         └─ otherwise ─► rcvFinish, the whole way
 *
 * Ordinary is: no hook in the namespace (ip_forward_hooked is for those that have), no options, a unicast source and destination, no reverse path filter, one
 * unicast route by gateways whose neighbours are reachable (of several the flow's hash chooses), another device out than
 * in, small enough, an idle port. All of that is looked at before the first byte is written, so that a packet may still take the whole way.
 * What stays the same from packet to packet (where the ring of the device is, what is to be counted) is in locals.
 */
import { Port, TxDesc } from '../abi/layout';
import { Mib } from '../abi/snmp';
import { Ipv4Conf } from '../abi/sysctl';
import { FastXmit } from '../dev/fast_xmit';
import { NetDevice, conf4Max, conf4Or } from '../dev/net_device';
import { root } from '../lib/root';
import { AF_INET, Net, mibAdd } from '../net/net';
import { Neighbour } from '../neigh/neighbour';
import { FastHop } from '../route/fast_hop';
import { FibInfo, FibNh, fibNh } from '../route/fib';
import { fibSelectPath } from '../route/fib_select';
import { flowHashSkb } from '../route/flow_hash';
import { SkBuff } from '../skb/sk_buff';
import { traceEvents } from '../skb/trace';
import { ETH_HLEN } from '../wire/ethernet';
import { ifaddrBucket } from './devinet';

/** True when packets that came in by `dev` may go the short way at all; asked once per burst. */
export function ipForwardFastAllowed(net: Net, dev: NetDevice): bool {
  return (
    !traceEvents() &&
    net.exceptions4 === 0 &&
    net.fibSlow4 === 0 &&
    dev.l3mdev === 0 &&
    load<i32>(dev.conf4 + ((<usize>Ipv4Conf.FORWARDING) << 2)) !== 0 &&
    conf4Max(dev, Ipv4Conf.RP_FILTER) === 0 &&
    !conf4Or(dev, Ipv4Conf.ROUTE_LOCALNET)
  );
}

/** True for an address that no packet between two hosts has: in 0/8, 127/8, or from 224/4 on. */
export function isOddAddress(addr: u32): bool {
  const first = addr >>> 24;
  return (<u32>(first - 1 >= 223) | <u32>(first === 127)) !== 0;
}

/**
 * Forwards packets of the burst `root().burst`, which came in by `dev`, from number `i` of the list on; returns the
 * number of the first that has to go the whole way, which is as it was. `keys` are their destinations in host order,
 * `routes` what the FIB holds for them.
 */
export function ipForwardRun(
  net: Net,
  dev: usize,
  list: usize,
  keys: usize,
  routes: usize,
  i: u32,
  n: u32,
): u32 {
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
    const iph = skb.data;
    const saddr = bswap<u32>(load<u32>(iph, 12));
    // TTL in the lowest byte, protocol, checksum in the upper half.
    const word = load<u32>(iph, 8);
    if (load<u8>(iph) !== 0x45) break;
    if ((word & 0xff) <= 1) break;
    if ((<u32>isOddAddress(saddr) | <u32>isOddAddress(load<u32>(keys + (i << 2)))) !== 0) break;
    if (load<u32>(ifaddrBucket(net, saddr)) !== 0) break;

    const info = changetype<FibInfo>(value);
    let nh: FibNh = fibNh(info, 0);
    if (info.nhCount !== 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET, skb));
    if (nh.dev !== out) {
      FastXmit.end(out, head, frames, octets + frames * ETH_HLEN);
      allFrames += frames;
      allOctets += octets;
      frames = 0;
      octets = 0;
      out = nh.dev;
      mtu = changetype<NetDevice>(out).mtu;
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

    // RFC 1141: TTL one less, checksum one more.
    const sum = (word >> 16) + 1;
    store<u32>(iph, ((sum + <u32>(sum >= 0xffff)) << 16) | ((word & 0xffff) - 1), 8);
    const eth = iph - ETH_HLEN;
    FastHop.header(changetype<Neighbour>(nh.neigh), eth);
    FastXmit.put(skb, out, eth, len + ETH_HLEN, vnet, ring + (head & mask) * TxDesc.SIZE);
    head++;
    frames++;
    octets += len;
  }
  FastXmit.end(out, head, frames, octets + frames * ETH_HLEN);
  allFrames += frames;
  if (allFrames !== 0) {
    mibAdd(net, Mib.IpForwDatagrams, allFrames);
    mibAdd(net, Mib.IpOutTransmits, allFrames);
    mibAdd(net, Mib.IpExtOutOctets, allOctets + octets);
  }
  return i;
}
