/**
 * The hook of a flow table: a packet of a flow that is in it leaves by its neighbour at once, translated as its
 * connection is; any other, and what may change the flow, goes on. Linux: net/netfilter/nf_flow_table_ip.c.
 */
import { NetDevice } from '../dev/net_device';
import { skbGsoValidateNetworkLen } from '../dev/gso_len';
import { NfHookState } from '../dev/nf_hook';
import { Scratch, scratch } from '../lib/scratch';
import { neighCreate, neighOutput } from '../neigh/neighbour';
import { NF_ACCEPT, NF_DROP, NF_STOLEN } from '../net/hooks';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { FibNh, nhGwPtr } from '../route/fib';
import { fibNet } from '../route/fib_table';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbCowHead } from '../skb/skbuff';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { IPS_DST_NAT, IPS_SRC_NAT, NF_CT_EXTRA_ACCT, NfConn, NfTuple, nfDstPtr } from './nf_conntrack';
import { nfCtAcctUpdate } from './nf_conntrack_acct';
import { IPPROTO_GRE, IPPROTO_TCP, IPPROTO_UDP, nfInvertTuple } from './nf_conntrack_tuple';
import {
  NfFlow,
  NfFlowNode,
  NfFlowTable,
  nfFlowConn,
  nfFlowLookup,
  nfFlowNode,
  nfFlowRefresh,
  nfFlowTeardown,
  nfFlowTuple,
} from './nf_flow_table';
import { NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from './nf_nat';
import { nfNatManipPkt } from './nf_nat_proto';

const IPV4_HDR_LEN: u32 = 20;
const IPV6_HDR_LEN: u32 = 40;
const TCPHDR_FIN_RST: u32 = 5;
const LL_HEADROOM: u32 = 32;

/** Bytes of a header that has to be there; 0: such packets have no flows. */
function l4HdrLen(proto: u32): u32 {
  if (proto === IPPROTO_TCP) return 20;
  if (proto === IPPROTO_UDP) return 8;
  return proto === IPPROTO_GRE ? 4 : 0;
}

/** Op NF_FLOW_OFFLOAD: `priv` is an NfFlowTable. */
export function nfFlowOffloadHook(priv: usize, p: usize, s: usize): i32 {
  const table = changetype<NfFlowTable>(priv);
  const skb = changetype<SkBuff>(p);
  if (table.count === 0) return NF_ACCEPT;
  const protocol = <u32>skb.protocol;
  if (protocol !== ETH_P_IP && protocol !== ETH_P_IPV6) return NF_ACCEPT;
  const six = protocol === ETH_P_IPV6;
  const hlen = six ? IPV6_HDR_LEN : IPV4_HDR_LEN;
  const tuple = changetype<NfTuple>(scratch(Scratch.NF_FLOW_TUPLE));
  if (!tupleOf(skb, six, hlen, tuple)) return NF_ACCEPT;
  const node = nfFlowLookup(table, tuple, changetype<NetDevice>(changetype<NfHookState>(s).in).ifindex);
  if (node === null) return NF_ACCEPT;
  const flow = changetype<NfFlow>(node.flow);
  if (skb.len > node.mtu && (skb.gsoSize === 0 || !skbGsoValidateNetworkLen(skb, node.mtu))) return NF_ACCEPT;
  if (tuple.proto === <u8>IPPROTO_TCP && (load<u8>(skb.data + hlen, 13) & TCPHDR_FIN_RST) !== 0) {
    nfFlowTeardown(flow);
    return NF_ACCEPT;
  }
  const net = changetype<Net>(table.net);
  if (fibNet(net, six ? AF_INET6 : AF_INET).genId !== node.gen) {
    nfFlowTeardown(flow);
    return NF_ACCEPT;
  }
  return forward(net, table, flow, node, skb, six);
}

/** What the packet looks like; false for what never is of a flow: fragments, options, a TTL that ends here. */
function tupleOf(skb: SkBuff, six: bool, hlen: u32, tuple: NfTuple): bool {
  if (!pskbMayPull(skb, hlen)) return false;
  let iph = skb.data;
  if (six) {
    if (load<u8>(iph, 7) <= 1) return false;
  } else {
    if ((load<u8>(iph) & 15) !== 5 || load<u8>(iph, 8) <= 1) return false;
    if ((bswap<u16>(load<u16>(iph, 6)) & 0x3fff) !== 0) return false;
  }
  const proto = <u32>load<u8>(iph + (six ? 6 : 9));
  const need = l4HdrLen(proto);
  if (need === 0 || !pskbMayPull(skb, hlen + need)) return false;
  iph = skb.data;
  store<u64>(changetype<usize>(tuple), 0);
  // GRE: its key is not looked at, as its connection is tracked without.
  if (proto !== IPPROTO_GRE) {
    tuple.sport = load<u16>(iph + hlen);
    tuple.dport = load<u16>(iph + hlen, 2);
  }
  tuple.proto = <u8>proto;
  tuple.l3num = <u8>(six ? AF_INET6 : AF_INET);
  if (six) {
    tuple.src0 = load<u64>(iph, 8);
    tuple.src1 = load<u64>(iph, 16);
    tuple.dst0 = load<u64>(iph, 24);
    tuple.dst1 = load<u64>(iph, 32);
    return true;
  }
  tuple.src0 = load<u32>(iph, 12);
  tuple.src1 = 0;
  tuple.dst0 = load<u32>(iph, 16);
  tuple.dst1 = 0;
  return true;
}

/** Translates, takes one from the TTL, and gives the packet to the neighbour. */
function forward(net: Net, table: NfFlowTable, flow: NfFlow, node: NfFlowNode, skb: SkBuff, six: bool): i32 {
  if (!skbCowHead(skb, LL_HEADROOM)) return NF_DROP;
  nfFlowRefresh(net, flow);
  const ct: NfConn = nfFlowConn(flow);
  const dir = node.dir;
  // Which end each direction changes: the original one's source is the answers' destination.
  const first = dir === 0 ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;
  const second = dir === 0 ? NF_NAT_MANIP_DST : NF_NAT_MANIP_SRC;
  if ((ct.status & IPS_SRC_NAT) !== 0 && !nfNatManipPkt(skb, ct, first, dir)) return NF_DROP;
  if ((ct.status & IPS_DST_NAT) !== 0 && !nfNatManipPkt(skb, ct, second, dir)) return NF_DROP;
  const iph = skb.data;
  const at: usize = six ? 7 : 8;
  if (!six) {
    // RFC 1141: TTL one less, checksum one more.
    const sum = <u32>load<u16>(iph, 10) + 1;
    store<u16>(iph, <u16>(sum + <u32>(sum >= 0xffff)), 10);
  }
  store<u8>(iph + at, load<u8>(iph + at) - 1);
  if (table.counter !== 0 && (ct.extras & NF_CT_EXTRA_ACCT) !== 0) nfCtAcctUpdate(ct, dir, skb.len);
  const nh = changetype<FibNh>(node.nh);
  const dev = changetype<NetDevice>(nh.dev);
  const family: u32 = nh.gwFamily !== 0 ? nh.gwFamily : six ? AF_INET6 : AF_INET;
  // On the link: where the answers come from.
  const tuple = changetype<NfTuple>(scratch(Scratch.NF_FLOW_TUPLE));
  nfInvertTuple(tuple, nfFlowTuple(nfFlowNode(flow, dir ^ 1)), 0);
  const neigh = neighCreate(family, nh.gwFamily !== 0 ? nhGwPtr(nh) : nfDstPtr(tuple), dev);
  if (neigh === null) return NF_DROP;
  skb.networkHeader = iph;
  skb.dst = 0;
  neighOutput(neigh, skb);
  return NF_STOLEN;
}
