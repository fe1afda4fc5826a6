/** The dispatcher of requests: a batch in, the answers in place. abi/request has the messages. */
import { Msg, MsgType } from '../abi/request';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { nftJitDump } from '../netfilter/nft/nft_jit';
import { requestNftEvents } from '../netfilter/nft/nft_notify';
import { nfqueueRequest } from '../netfilter/nfnetlink_queue';
import { nfnetlinkRequest } from '../netfilter/nfnetlink';
import { requestAddr } from './addr';
import { requestBridge } from './bridge';
import { requestConntrack } from './conntrack';
import { requestHook, requestHandle } from './hook';
import { requestLink } from './link';
import { requestIp6 } from './ip6';
import { requestNeigh } from './neigh';
import { requestNet } from './netns';
import { requestNexthop } from './nexthop';
import { requestPacket } from './packet';
import { requestPktgen } from './pktgen';
import { requestRaw, requestXmit } from './raw';
import { requestRoute } from './route';
import { requestRule } from './rule';
import { requestTrace } from './trace';
import { requestRss } from './rss';
import { requestMemory, requestMib, requestSeed, requestSysctl } from './sysctl';

/**
 * Handles the messages in the first `bytes` of the request area. Returns how many were handled; a message whose
 * length does not fit ends the batch.
 */
export function handleRequests(bytes: u32): u32 {
  const area = root().requestArea;
  const end = min(bytes, root().requestBytes);
  let at: u32 = 0;
  let n: u32 = 0;
  while (end - at >= <u32>Msg.BODY) {
    const msg = area + at;
    const len = load<u32>(msg, Msg.LEN);
    if (len < <u32>Msg.BODY || len > end - at || (len & 7) !== 0) break;
    const type = load<u32>(msg, Msg.TYPE);
    const flags = load<u32>(msg, Msg.FLAGS);
    const status = handle(type, flags, msg + Msg.BODY, len - Msg.BODY);
    store<i32>(msg, status, Msg.STATUS);
    // What is refused changes nothing.
    if (status >= 0) root().pathGen++;
    at += len;
    n++;
  }
  return n;
}

/** `body` has `len` bytes; each handler checks that its record fits. */
function handle(type: u32, flags: u32, body: usize, len: u32): i32 {
  if (type <= <u32>MsgType.NET_DEL) return requestNet(type, body, len);
  if (type <= <u32>MsgType.LINK_STATS) return requestLink(type, body, len);
  if (type <= <u32>MsgType.ADDR_DUMP) return requestAddr(type, flags, body, len);
  if (type <= <u32>MsgType.ROUTE_GET) return requestRoute(type, flags, body, len);
  if (type <= <u32>MsgType.NEIGH_DUMP) return requestNeigh(type, body, len);
  if (type <= <u32>MsgType.SYSCTL_GET) return requestSysctl(type, body, len);
  if (type === <u32>MsgType.MIB_GET) return requestMib(body, len);
  if (type === <u32>MsgType.HOOK_NEW || type === <u32>MsgType.HOOK_DEL) return requestHook(type, body, len);
  if (type === <u32>MsgType.RAW_BIND || type === <u32>MsgType.RAW_UNBIND) return requestRaw(type, body, len);
  if (type === <u32>MsgType.HANDLE_RELEASE || type === <u32>MsgType.HANDLE_VERDICT)
    return requestHandle(type, body, len);
  if (type === <u32>MsgType.XMIT) return requestXmit(body, len);
  if (type === <u32>MsgType.SEED) return requestSeed(body, len);
  if (type === <u32>MsgType.MEMORY_STATS) return requestMemory(body, len);
  if (type >= <u32>MsgType.BRIDGE_SET && type <= <u32>MsgType.BRIDGE_VLAN_STATS)
    return requestBridge(type, flags, body, len);
  if (type >= <u32>MsgType.PACKET_RING_NEW && type <= <u32>MsgType.FOREIGN_ORPHAN)
    return requestPacket(type, body, len);
  if (type === <u32>MsgType.RSS_GET || type === <u32>MsgType.RSS_SET) return requestRss(type, body, len);
  if (type >= <u32>MsgType.ADDRLABEL_NEW && type <= <u32>MsgType.IP6_LAST)
    return requestIp6(type, flags, body, len);
  if (type === <u32>MsgType.TRACE_SET) return requestTrace(body, len);
  if (type >= <u32>MsgType.PKTGEN_STREAM_NEW && type <= <u32>MsgType.PKTGEN_HISTOGRAM)
    return requestPktgen(type, body, len);
  if (type >= <u32>MsgType.RULE_NEW && type <= <u32>MsgType.RULE_DUMP)
    return requestRule(type, flags, body, len);
  if (type >= <u32>MsgType.NEXTHOP_NEW && type <= <u32>MsgType.NEXTHOP_BUCKETS)
    return requestNexthop(type, flags, body, len);
  if (type === <u32>MsgType.NFNL_MSG) return nfnetlinkRequest(body, len);
  if (type === <u32>MsgType.NFT_JIT_DUMP) return nftJitDump(body, len);
  if (type === <u32>MsgType.NFT_EVENTS || type === <u32>MsgType.NFT_EVENTS_READ)
    return requestNftEvents(type, body, len);
  if (type === <u32>MsgType.NFQUEUE_BIND) return nfqueueRequest(body, len);
  if (type >= <u32>MsgType.CT_ENABLE && type <= <u32>MsgType.CT_STATS)
    return requestConntrack(type, body, len);
  return -Errno.EOPNOTSUPP;
}
