/**
 * Connection tracking begins and ends with who asks for it: a ruleset that looks at connections, a nat chain, the host.
 * Linux: nf_conntrack_standalone.c, nf_conntrack_proto.c (nf_ct_netns_get), nf_nat_core.c (nf_nat_register_fn).
 *
 *   nfCtNetnsGet(net, family) ─► table, hooks of that family        nfNatNetGet ─► table, and the NAT hooks
 */
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import { kfree, kzalloc } from '../lib/kmalloc';
import { NfHookState } from '../dev/nf_hook';
import { opSet } from '../lib/ops';
import { PAGE_SIZE } from '../lib/page_alloc';
import { randomU32, randomU64 } from '../lib/random';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import {
  HOOK_FOR_FRAGMENTS,
  HOOK_FOR_TRANSLATED,
  HOOK_FOR_UNSETTLED,
  NetfilterHook,
  NFPROTO_BRIDGE,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  hookRegister,
  hookSlot,
  hookUnregister,
} from '../net/hooks';
import { Net, sysctl } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import {
  IP_CT_DIR_ORIGINAL,
  NF_CONN_BYTES,
  NF_NODE_TUPLE,
  NfConn,
  NfCtNet,
  NfCtStat,
  NfTuple,
  nfConntrackAssertLayout,
  nfCtNet,
  nfNodeConn,
  nfNodeDir,
} from './nf_conntrack';
import { nfConntrackBridgeConfirm, nfConntrackBridgeIn } from './nf_conntrack_bridge';
import { nfConntrackConfirm, nfConntrackIn } from './nf_conntrack_core';
import { NF_EXPECT_BUCKETS, nfCtExpectNetExit, nfExpectTimeout } from './nf_conntrack_expect';
import { nfCtHelperAssign } from './nf_conntrack_helper';
import { nfCtDestroy, nfCtIterateCleanup, nfCtTimer } from './nf_conntrack_table';
import { NfHash } from './nf_conntrack_tuple';
import { nfConntrackTouch } from './nf_conntrack_touch';
import { nfDefrag } from './nf_defrag';
import { nfForwardPath, nfForwardPathBegin, nfForwardPathLearn } from './nf_forward_path';
import { NfNatRange } from './nf_nat';
import { nfNatSetupInfo } from './nf_nat_core';
import { nfNatBysourceAgain } from './nf_nat_bysource';
import { nfNatFn } from './nf_nat_hooks';
import { nfNatAddrGone, nfNatMasquerade, nfNatNetdevEvent } from './nf_nat_masquerade';

// Linux: include/uapi/linux/netfilter_ipv4.h
const NF_IP_PRI_CONNTRACK_DEFRAG: i32 = -400;
const NF_IP_PRI_CONNTRACK: i32 = -200;
const NF_IP_PRI_NAT_DST: i32 = -100;
const NF_IP_PRI_NAT_SRC: i32 = 100;

/** Names of our hooks, apart from those that the host and nf_tables give. */
const HOOK_ID_DEFRAG: u32 = 0xc7000001;
const HOOK_ID_IN: u32 = 0xc7000002;
const HOOK_ID_CONFIRM: u32 = 0xc7000003;
const HOOK_ID_NAT: u32 = 0xc7000004;

/** Their ops, with the packets that they are for. */
const DEFRAG: u32 = <u32>Op.NF_DEFRAG | HOOK_FOR_FRAGMENTS;
const CONFIRM: u32 = <u32>Op.NF_CONNTRACK_CONFIRM | HOOK_FOR_UNSETTLED;
const NAT: u32 = <u32>Op.NF_NAT | HOOK_FOR_TRANSLATED;

/** Share of the arena that connections may fill when nf_conntrack_max is not set; their number at most and at least. */
const ARENA_SHARE: u32 = 3;
const MAX_DEFAULT: u32 = 262144;
const MIN_DEFAULT: u32 = 64;
const NAT_LISTS: u32 = 10;

/** At init and after every restore. */
export function nfConntrackOpsInit(): void {
  nfConntrackAssertLayout();
  opSet(Op.NF_CONNTRACK_IN, nfConntrackIn.index);
  opSet(Op.NF_CONNTRACK_CONFIRM, nfConntrackConfirm.index);
  opSet(Op.NF_CONNTRACK_BRIDGE_IN, nfConntrackBridgeIn.index);
  opSet(Op.NF_CONNTRACK_BRIDGE_CONFIRM, nfConntrackBridgeConfirm.index);
  opSet(Op.NF_DEFRAG, nfDefrag.index);
  opSet(Op.NF_NAT, nfNatFn.index);
  opSet(Op.NF_CONNTRACK_TOUCH, nfConntrackTouch.index);
  opSet(Op.NF_CONNTRACK_DESTROY, nfCtDestroy.index);
  opSet(Op.TIMER_NF_CONNTRACK, nfCtTimer.index);
  opSet(Op.TIMER_NF_EXPECT, nfExpectTimeout.index);
  opSet(Op.NETDEV_EVENT_NF_NAT, nfNatNetdevEvent.index);
  opSet(Op.ADDR_EVENT_NF_NAT, nfNatAddrGone.index);
  opSet(Op.NF_NAT_SETUP_INFO, setupInfo.index);
  opSet(Op.NF_NAT_MASQUERADE, masquerade.index);
  opSet(Op.NF_CT_HELPER_ASSIGN, helperAssign.index);
  opSet(Op.NF_FORWARD_PATH_BEGIN, nfForwardPathBegin.index);
  opSet(Op.NF_FORWARD_PATH, nfForwardPath.index);
  opSet(Op.NF_FORWARD_PATH_LEARN, nfForwardPathLearn.index);
  opSet(Op.NET_INIT_NF_CONNTRACK, netInit.index);
  opSet(Op.NET_EXIT_NF_CONNTRACK, netExit.index);
}

function setupInfo(ct: usize, range: usize, maniptype: u32): i32 {
  return nfNatSetupInfo(changetype<NfConn>(ct), changetype<NfNatRange>(range), maniptype);
}
function masquerade(skb: usize, state: usize, range: usize): i32 {
  return nfNatMasquerade(
    changetype<SkBuff>(skb),
    changetype<NfHookState>(state),
    changetype<NfNatRange>(range),
  );
}

function helperAssign(ct: usize, helper: u32): i32 {
  return nfCtHelperAssign(changetype<NfConn>(ct), helper) ? 1 : 0;
}

function set(net: Net, id: Sysctl, value: i32): void {
  store<i32>(net.sysctls + ((<usize>id) << 2), value);
}

/** Linux: Documentation/networking/nf_conntrack-sysctl.rst. */
function netInit(p: usize): i32 {
  const net = changetype<Net>(p);
  const share = (root().arenaPages * (PAGE_SIZE / NF_CONN_BYTES)) / ARENA_SHARE;
  const most = min(max(share, MIN_DEFAULT), MAX_DEFAULT);
  set(net, Sysctl.NF_CONNTRACK_MAX, most);
  set(net, Sysctl.NF_CONNTRACK_BUCKETS, 1 << (32 - clz(most - 1)));
  set(net, Sysctl.NF_CONNTRACK_CHECKSUM, 1);
  set(net, Sysctl.NF_CONNTRACK_EVENTS, 2);
  set(net, Sysctl.NF_CONNTRACK_EXPECT_MAX, 4096);
  set(net, Sysctl.NF_CONNTRACK_GENERIC_TIMEOUT, 600);
  set(net, Sysctl.NF_CONNTRACK_GRE_TIMEOUT, 30);
  set(net, Sysctl.NF_CONNTRACK_GRE_TIMEOUT_STREAM, 180);
  set(net, Sysctl.NF_CONNTRACK_ICMP_TIMEOUT, 30);
  set(net, Sysctl.NF_CONNTRACK_ICMPV6_TIMEOUT, 30);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_CLOSED, 10);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_COOKIE_WAIT, 3);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_COOKIE_ECHOED, 3);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_ESTABLISHED, 210);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_SHUTDOWN_SENT, 3);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_SHUTDOWN_RECD, 3);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_SHUTDOWN_ACK_SENT, 3);
  set(net, Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_HEARTBEAT_SENT, 30);
  set(net, Sysctl.NF_CONNTRACK_TCP_LOOSE, 1);
  set(net, Sysctl.NF_CONNTRACK_TCP_MAX_RETRANS, 3);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_SYN_SENT, 120);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_SYN_RECV, 60);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_ESTABLISHED, 432000);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_FIN_WAIT, 120);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_CLOSE_WAIT, 60);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_LAST_ACK, 30);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_TIME_WAIT, 120);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_CLOSE, 10);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_MAX_RETRANS, 300);
  set(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_UNACKNOWLEDGED, 300);
  set(net, Sysctl.NF_CONNTRACK_UDP_TIMEOUT, 30);
  set(net, Sysctl.NF_CONNTRACK_UDP_TIMEOUT_STREAM, 120);
  return 0;
}

/** Packets somewhere may still hold a connection: it lives on without its namespace until they end. */
function netExit(p: usize): i32 {
  const net = changetype<Net>(p);
  if (net.ct === 0) return 0;
  const ctnet = nfCtNet(net);
  ctnet.eventMask = 0;
  nfCtIterateCleanup(net, endAll.index, 0);
  nfCtExpectNetExit(ctnet);
  for (let i: u32 = 0; i < NAT_LISTS; i++) kfree(load<u32>(ctnet.natHooks + (i << 2)));
  freeNet(net);
  return 0;
}

function endAll(_p: usize, _arg: usize): i32 {
  return 1;
}

function freeNet(net: Net): void {
  const ctnet = nfCtNet(net);
  kfree(ctnet.buckets);
  kfree(ctnet.bysource);
  kfree(ctnet.natHooks);
  kfree(ctnet.expects);
  kfree(ctnet.stats);
  kfree(ctnet.eventRing);
  ctnet.bysource = 0;
  ctnet.eventRing = 0;
  ctnet.net = 0;
  if (ctnet.count === 0) kfree(net.ct);
  net.ct = 0;
}

/** The state of a namespace, made when it is first needed. False: no memory. */
export function nfCtNetEnsure(net: Net): bool {
  if (net.ct !== 0) return true;
  net.ct = kzalloc(offsetof<NfCtNet>());
  if (net.ct === 0) return false;
  const ctnet = nfCtNet(net);
  ctnet.net = changetype<usize>(net);
  const buckets = tableSize(net);
  ctnet.buckets = kzalloc(buckets << 2);
  ctnet.natHooks = kzalloc(NAT_LISTS << 2);
  ctnet.expects = kzalloc(NF_EXPECT_BUCKETS << 2);
  ctnet.stats = kzalloc(NfCtStat.MAX << 2);
  ctnet.mask = buckets - 1;
  ctnet.key0 = randomU32();
  ctnet.key1 = randomU32();
  ctnet.key2 = randomU32();
  ctnet.key3 = randomU32();
  ctnet.mul = randomU64() | 1;
  ctnet.nowNs = u64.MAX_VALUE;
  if (ctnet.buckets === 0 || ctnet.natHooks === 0 || ctnet.expects === 0 || ctnet.stats === 0) {
    freeNet(net);
    return false;
  }
  return true;
}

/** Buckets, a power of two. */
function tableSize(net: Net): u32 {
  const asked = <u32>max(sysctl(net, Sysctl.NF_CONNTRACK_BUCKETS), 16);
  return 1 << (32 - clz(min(asked, 1 << 22) - 1));
}

/** nf_conntrack_buckets was set: everything moves to a table of that size. 0 or -ENOMEM. */
export function nfCtResize(net: Net): i32 {
  if (net.ct === 0) return 0;
  const ctnet = nfCtNet(net);
  const size = tableSize(net);
  if (size - 1 === ctnet.mask) return 0;
  const fresh = kzalloc(size << 2);
  if (fresh === 0) return -Errno.ENOMEM;
  for (let i: u32 = 0; i <= ctnet.mask; i++) {
    let at = load<u32>(ctnet.buckets + (i << 2));
    while (at !== 0) {
      const next = load<u32>(at);
      const bucket = fresh + ((NfHash.of(ctnet, changetype<NfTuple>(at + NF_NODE_TUPLE)) & (size - 1)) << 2);
      store<u32>(at, load<u32>(bucket));
      store<u32>(bucket, at);
      at = next;
    }
  }
  kfree(ctnet.buckets);
  ctnet.buckets = fresh;
  const sources = ctnet.bysource !== 0 ? kzalloc(size << 2) : 0;
  const old = ctnet.bysource;
  ctnet.bysource = sources;
  ctnet.mask = size - 1;
  if (old !== 0) rebuildSources(ctnet);
  kfree(old);
  return 0;
}

function rebuildSources(ctnet: NfCtNet): void {
  for (let i: u32 = 0; i <= ctnet.mask; i++) {
    for (let at = load<u32>(ctnet.buckets + (i << 2)); at !== 0; at = load<u32>(at)) {
      if (nfNodeDir(at) === IP_CT_DIR_ORIGINAL) nfNatBysourceAgain(ctnet, nfNodeConn(at));
    }
  }
}

/** Puts a hook in its place, or (`on` false) takes it out, where it may be missing. 0 or -ENOMEM. */
function setHook(net: Net, family: u32, hook: NetfilterHook, priority: i32, op: u32, id: u32, on: bool): i32 {
  const slot = hookSlot(net, family, hook);
  if (!on) {
    if (hookUnregister(slot, id) === 0) net.hookCount--;
    return 0;
  }
  const err = hookRegister(slot, priority, op, 0, id);
  if (err === 0) net.hookCount++;
  return err;
}

/** All of them, on or off; -ENOMEM, the only error there is, when one is missing: then all have to go. */
function setTrackingHooks(net: Net, f: u32, on: bool): i32 {
  const last = i32.MAX_VALUE;
  const own = NF_IP_PRI_CONNTRACK;
  let err = setHook(net, f, NetfilterHook.PRE_ROUTING, own, Op.NF_CONNTRACK_IN, HOOK_ID_IN, on);
  err |= setHook(net, f, NetfilterHook.LOCAL_OUT, own, Op.NF_CONNTRACK_IN, HOOK_ID_IN, on);
  err |= setHook(net, f, NetfilterHook.LOCAL_IN, last, CONFIRM, HOOK_ID_CONFIRM, on);
  err |= setHook(net, f, NetfilterHook.POST_ROUTING, last, CONFIRM, HOOK_ID_CONFIRM, on);
  return err;
}

function setDefragHooks(net: Net, f: u32, on: bool): i32 {
  const first = NF_IP_PRI_CONNTRACK_DEFRAG;
  const err = setHook(net, f, NetfilterHook.PRE_ROUTING, first, DEFRAG, HOOK_ID_DEFRAG, on);
  return err | setHook(net, f, NetfilterHook.LOCAL_OUT, first, DEFRAG, HOOK_ID_DEFRAG, on);
}

/** One more wants packets of `family` in one piece. 0 or -ENOMEM. Linux: nf_defrag_ipv4_enable. */
export function nfDefragNetGet(net: Net, family: u32): i32 {
  if (!nfCtNetEnsure(net)) return -Errno.ENOMEM;
  const ctnet = nfCtNet(net);
  const users = family === NFPROTO_IPV4 ? ctnet.defragUsers4 : ctnet.defragUsers6;
  if (users === 0 && setDefragHooks(net, family, true) !== 0) {
    setDefragHooks(net, family, false);
    return -Errno.ENOMEM;
  }
  if (family === NFPROTO_IPV4) ctnet.defragUsers4++;
  else ctnet.defragUsers6++;
  return 0;
}

export function nfDefragNetPut(net: Net, family: u32): void {
  if (net.ct === 0) return;
  const ctnet = nfCtNet(net);
  const users = family === NFPROTO_IPV4 ? ctnet.defragUsers4 : ctnet.defragUsers6;
  if (users === 0) return;
  if (family === NFPROTO_IPV4) ctnet.defragUsers4--;
  else ctnet.defragUsers6--;
  if (users === 1) setDefragHooks(net, family, false);
}

function setNatHooks(net: Net, f: u32, on: bool): i32 {
  let err = setHook(net, f, NetfilterHook.PRE_ROUTING, NF_IP_PRI_NAT_DST, NAT, HOOK_ID_NAT, on);
  err |= setHook(net, f, NetfilterHook.LOCAL_OUT, NF_IP_PRI_NAT_DST, NAT, HOOK_ID_NAT, on);
  err |= setHook(net, f, NetfilterHook.LOCAL_IN, NF_IP_PRI_NAT_SRC, NAT, HOOK_ID_NAT, on);
  err |= setHook(net, f, NetfilterHook.POST_ROUTING, NF_IP_PRI_NAT_SRC, NAT, HOOK_ID_NAT, on);
  return err;
}

/** One more wants connections of `family` (NFPROTO_IPV4, NFPROTO_IPV6) tracked. 0 or -ENOMEM. */
export function nfCtNetnsGet(net: Net, family: u32): i32 {
  if (!nfCtNetEnsure(net)) return -Errno.ENOMEM;
  const ctnet = nfCtNet(net);
  const users = family === NFPROTO_IPV4 ? ctnet.users4 : ctnet.users6;
  if (users === 0) {
    const defrag = nfDefragNetGet(net, family);
    if (defrag !== 0) return defrag;
    const err = setTrackingHooks(net, family, true);
    if (err !== 0) {
      setTrackingHooks(net, family, false);
      nfDefragNetPut(net, family);
      return err;
    }
  }
  if (family === NFPROTO_IPV4) ctnet.users4++;
  else ctnet.users6++;
  return 0;
}

/** One less. What was tracked stays until its time ends, as in Linux. */
export function nfCtNetnsPut(net: Net, family: u32): void {
  if (net.ct === 0) return;
  const ctnet = nfCtNet(net);
  const users = family === NFPROTO_IPV4 ? ctnet.users4 : ctnet.users6;
  if (users === 0) return;
  if (family === NFPROTO_IPV4) ctnet.users4--;
  else ctnet.users6--;
  if (users !== 1) return;
  setTrackingHooks(net, family, false);
  nfDefragNetPut(net, family);
}

/**
 * One more nat chain of `family`: the NAT hooks stand. 0 or -ENOMEM. Connections are tracked for who translates
 * (nft_track): as in Linux, a chain alone that does not makes none.
 */
export function nfNatNetGet(net: Net, family: u32): i32 {
  if (!nfCtNetEnsure(net)) return -Errno.ENOMEM;
  const ctnet = nfCtNet(net);
  if (ctnet.bysource === 0) ctnet.bysource = kzalloc((ctnet.mask + 1) << 2);
  const users = family === NFPROTO_IPV4 ? ctnet.natUsers4 : ctnet.natUsers6;
  if (ctnet.bysource === 0 || (users === 0 && setNatHooks(net, family, true) !== 0)) {
    if (users === 0) setNatHooks(net, family, false);
    return -Errno.ENOMEM;
  }
  if (family === NFPROTO_IPV4) ctnet.natUsers4++;
  else ctnet.natUsers6++;
  return 0;
}

export function nfNatNetPut(net: Net, family: u32): void {
  if (net.ct === 0) return;
  const ctnet = nfCtNet(net);
  const users = family === NFPROTO_IPV4 ? ctnet.natUsers4 : ctnet.natUsers6;
  if (users === 0) return;
  if (family === NFPROTO_IPV4) ctnet.natUsers4--;
  else ctnet.natUsers6--;
  if (users === 1) setNatHooks(net, family, false);
}

/** Tracking and NAT in both families, or one, whether or not a chain asks for them. */
export function nfNatGetFamilies(net: Net, v4: bool, v6: bool): i32 {
  if (v4) {
    const err = trackAndTranslate(net, NFPROTO_IPV4);
    if (err !== 0) return err;
  }
  if (!v6) return 0;
  const err = trackAndTranslate(net, NFPROTO_IPV6);
  if (err !== 0 && v4) nfNatPutFamily(net, NFPROTO_IPV4);
  return err;
}

function trackAndTranslate(net: Net, family: u32): i32 {
  const err = nfCtNetnsGet(net, family);
  if (err !== 0) return err;
  const failed = nfNatNetGet(net, family);
  if (failed !== 0) nfCtNetnsPut(net, family);
  return failed;
}

/** Takes back what nfNatGetFamilies did for one family. */
export function nfNatPutFamily(net: Net, family: u32): void {
  nfNatNetPut(net, family);
  nfCtNetnsPut(net, family);
}

function setBridgeHooks(net: Net, on: bool): i32 {
  const f = NFPROTO_BRIDGE;
  const into = Op.NF_CONNTRACK_BRIDGE_IN;
  const out = Op.NF_CONNTRACK_BRIDGE_CONFIRM;
  const last = i32.MAX_VALUE;
  let err = setHook(net, f, NetfilterHook.PRE_ROUTING, NF_IP_PRI_CONNTRACK, into, HOOK_ID_IN, on);
  err |= setHook(net, f, NetfilterHook.LOCAL_IN, last, out, HOOK_ID_CONFIRM, on);
  err |= setHook(net, f, NetfilterHook.POST_ROUTING, last, out, HOOK_ID_CONFIRM, on);
  return err;
}

/** One more wants what bridges forward tracked, and both IP families with it. 0 or -ENOMEM. */
export function nfCtBridgeGet(net: Net): i32 {
  const err = nfCtGetFamilies(net, true, true);
  if (err !== 0) return err;
  const ctnet = nfCtNet(net);
  if (ctnet.bridgeUsers === 0 && setBridgeHooks(net, true) !== 0) {
    setBridgeHooks(net, false);
    nfCtNetnsPut(net, NFPROTO_IPV4);
    nfCtNetnsPut(net, NFPROTO_IPV6);
    return -Errno.ENOMEM;
  }
  ctnet.bridgeUsers++;
  return 0;
}

export function nfCtBridgePut(net: Net): void {
  if (net.ct === 0 || nfCtNet(net).bridgeUsers === 0) return;
  if (--nfCtNet(net).bridgeUsers === 0) setBridgeHooks(net, false);
  nfCtNetnsPut(net, NFPROTO_IPV4);
  nfCtNetnsPut(net, NFPROTO_IPV6);
}

/** Both families of an `inet` chain, or one. Linux: NFPROTO_INET. */
export function nfCtGetFamilies(net: Net, v4: bool, v6: bool): i32 {
  if (v4) {
    const err = nfCtNetnsGet(net, NFPROTO_IPV4);
    if (err !== 0) return err;
  }
  if (!v6) return 0;
  const err = nfCtNetnsGet(net, NFPROTO_IPV6);
  if (err !== 0 && v4) nfCtNetnsPut(net, NFPROTO_IPV4);
  return err;
}
