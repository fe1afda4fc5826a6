/** `flow add`: the packet's connection goes the short way from now on (nf_flow_table). Linux: nft_flow_offload.c. */
import { NFT_BREAK, NFT_CONTINUE, NftaFlow } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { NetDevice } from '../../dev/net_device';
import { FlowI4, ipDstMtu, ipRouteOutput } from '../../ipv4/route';
import { flowI6Init, ip6DstMtu, ip6RouteOutput } from '../../ipv6/route';
import { Scratch, scratch } from '../../lib/scratch';
import { Errno } from '../../net/errno';
import { NetfilterHook } from '../../net/hooks';
import { AF_INET } from '../../net/net';
import { FibNh, RtType, nhInfo } from '../../route/fib';
import {
  IPS_CONFIRMED,
  IPS_NAT_MASK,
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
  NF_CT_EXTRA_HELP,
  NfConn,
  ctDir,
  ctInfo,
  nfCtGet,
  nfSrcPtr,
  nfTuple,
} from '../nf_conntrack';
import { nfCtTcpEstablished, nfTcpOf } from '../nf_conntrack_proto_tcp';
import { IP_CT_TCP_FLAG_BE_LIBERAL, nfTcpEnd } from '../nf_conntrack_tcp_window';
import { IPPROTO_GRE, IPPROTO_TCP, IPPROTO_UDP } from '../nf_conntrack_tuple';
import {
  NfFlow,
  NfFlowTable,
  nfFlowAdd,
  nfFlowAlloc,
  nfFlowFree,
  nfFlowNode,
  nfFlowRoute,
} from '../nf_flow_table';
import { NlOut, nlaPutString, tbGet } from '../nlattr';
import { Flowtable, Named, NftKind, chainBase, namedLookup, textLen, textPtr, useInc } from './nf_tables';
import { Ctx, ctxChain } from './nft_ctx';
import { JUMP_STACK_AT, Pkt, pktAt, pktL4 } from './nft_pkt';

/** u32 Flowtable at 4, family of the table at 8 (nft_track). */
export const FLOW_SIZE: u32 = 12;
const TCPHDR_FIN_RST: u32 = 5;

export function flowInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const name = tbGet(tb, NftaFlow.TABLE_NAME);
  if (name === 0) return -Errno.EINVAL;
  const p = namedLookup(ctx.table, NftKind.FLOWTABLE, name, 0, false);
  if (p === 0) return -Errno.ENOENT;
  if (!useInc(changetype<Named>(p))) return -Errno.EMFILE;
  store<u32>(rec, p, 4);
  return 0;
}

export function flowTable(rec: usize): usize {
  return load<u32>(rec, 4);
}

/** Where connections pass through. */
export function flowValidate(ctx: Ctx): i32 {
  const ip =
    ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6 || ctx.family === <u32>NfProto.INET;
  return ip && chainBase(ctxChain(ctx)).hooknum === <u32>NetfilterHook.FORWARD ? 0 : -Errno.EOPNOTSUPP;
}

export function flowDump(rec: usize, out: NlOut): void {
  const name = changetype<Named>(flowTable(rec)).name;
  nlaPutString(out, NftaFlow.TABLE_NAME, textPtr(name), textLen(name));
}

export function flowEval(rec: usize, pkt: Pkt): i32 {
  const ct = nfCtGet(pkt.skb);
  if (ct === null || !mayOffload(pkt, ct)) return NFT_BREAK;
  const flow = nfFlowAlloc(ct);
  if (flow === null) return NFT_BREAK;
  const table = changetype<NfFlowTable>(changetype<Flowtable>(flowTable(rec)).flows);
  if (!route(pkt, flow, ct) || !nfFlowAdd(table, flow)) {
    nfFlowFree(flow);
    return NFT_BREAK;
  }
  ct.status |= IPS_OFFLOAD;
  if (<u32>nfTuple(ct, 0).proto === IPPROTO_TCP) {
    // Its window is not seen any more.
    nfTcpEnd(nfTcpOf(ct), 0).flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
    nfTcpEnd(nfTcpOf(ct), 1).flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
  }
  return NFT_CONTINUE;
}

/** A connection that may be left alone: established, and nothing in it to be read or rewritten but its headers. */
function mayOffload(pkt: Pkt, ct: NfConn): bool {
  if ((ct.status & (IPS_OFFLOAD | IPS_SEQ_ADJUST | IPS_CONFIRMED)) !== IPS_CONFIRMED) return false;
  if ((ct.extras & NF_CT_EXTRA_HELP) !== 0 || !pktL4(pkt)) return false;
  if (pkt.family === <u32>NfProto.IPV4 && load<u8>(pkt.nh) !== 0x45) return false;
  const proto = <u32>nfTuple(ct, 0).proto;
  if (proto === IPPROTO_UDP) return true;
  if (proto === IPPROTO_GRE) return (ct.status & IPS_NAT_MASK) === 0;
  if (proto !== IPPROTO_TCP || !nfCtTcpEstablished(ct)) return false;
  const flags = pktAt(pkt, pkt.thoff + 13, 1, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
  return flags !== 0 && (load<u8>(flags) & TCPHDR_FIN_RST) === 0;
}

/** Both ways: this packet's, and that back to where it came from. False: there is none. */
function route(pkt: Pkt, flow: NfFlow, ct: NfConn): bool {
  const skb = pkt.skb;
  if (skb.dst === 0 || pkt.in === 0) return false;
  const dir = ctDir(ctInfo(skb));
  const there = changetype<FibNh>(skb.dst);
  const iif = changetype<NetDevice>(pkt.in).ifindex;
  const net = pkt.net;
  const from = nfSrcPtr(nfTuple(ct, dir));
  // Where the packets of this direction go in the end: what the answers are from.
  const to = nfSrcPtr(nfTuple(ct, dir ^ 1));
  const node = nfFlowNode(flow, dir);
  const other = nfFlowNode(flow, dir ^ 1);
  let back: usize = 0;
  const at = scratch(Scratch.NFT_FLOW_FL);
  if (<u32>nfTuple(ct, 0).l3num === AF_INET) {
    memory.fill(at, 0, offsetof<FlowI4>());
    const fl = changetype<FlowI4>(at);
    fl.daddr = bswap<u32>(load<u32>(from));
    fl.oif = iif;
    fl.tos = load<u8>(pkt.nh, 1);
    fl.mark = skb.mark;
    if (ipRouteOutput(net, fl) !== 0) return false;
    back = fl.nh;
    nfFlowRoute(net, node, there, ipDstMtu(net, there, bswap<u32>(load<u32>(to)), true));
    nfFlowRoute(net, other, changetype<FibNh>(back), ipDstMtu(net, changetype<FibNh>(back), fl.daddr, true));
  } else {
    const fl = flowI6Init(at, from, 0, iif, 0);
    fl.mark = skb.mark;
    if (ip6RouteOutput(net, fl) !== 0) return false;
    back = fl.nh;
    nfFlowRoute(net, node, there, ip6DstMtu(net, there, to, true));
    nfFlowRoute(net, other, changetype<FibNh>(back), ip6DstMtu(net, changetype<FibNh>(back), from, true));
  }
  if (nhInfo(changetype<FibNh>(back)).type !== RtType.UNICAST) return false;
  if (nhInfo(there).type !== RtType.UNICAST) return false;
  // Packets of a direction come in where those of the other go out.
  node.iif = changetype<NetDevice>(changetype<FibNh>(back).dev).ifindex;
  other.iif = changetype<NetDevice>(there.dev).ifindex;
  return true;
}
