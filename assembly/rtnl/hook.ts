/**
 * HOOK_* and HANDLE_*: functions at the hook points, and what the host says of packets that a hook queued.
 * Linux: net/netfilter/core.c, nf_queue.c (nf_reinject).
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { HandleRec, HookRec, MsgType } from '../abi/request';
import { DevKind, NetDevice, devGetByIndex } from '../dev/net_device';
import { nfHookSlow } from '../dev/nf_hook';
import { opIndex } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import {
  NF_ACCEPT,
  NF_DROP,
  NF_REPEAT,
  NFPROTO_ARP,
  NFPROTO_BRIDGE,
  NFPROTO_IPV6,
  NetfilterHook,
  hookList,
  hookRegister,
  hookSlot,
  hookUnregister,
} from '../net/hooks';
import { Net, netByHandle } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { handleTake } from '../skb/handles';
import { SkBuff } from '../skb/sk_buff';

export function requestHook(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>HookRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, HookRec.NET));
  if (net === null) return -Errno.ENOENT;
  const hook = load<u32>(body, HookRec.HOOK);
  const family = load<u32>(body, HookRec.FAMILY);
  const id = load<u32>(body, HookRec.ID);
  const device = hook >= <u32>NetfilterHook.NETDEV_INGRESS;
  let slot: usize = 0;
  if (device) {
    if (hook > <u32>NetfilterHook.NETDEV_XDP) return -Errno.EINVAL;
    const dev = devGetByIndex(net, load<i32>(body, HookRec.IFINDEX));
    if (dev === null) return -Errno.ENODEV;
    if (hook === NetfilterHook.NETDEV_XDP) return setXdp(dev, type, load<u32>(body, HookRec.OP));
    const ingress = hook === NetfilterHook.NETDEV_INGRESS;
    slot =
      changetype<usize>(dev) +
      (ingress ? offsetof<NetDevice>('ingressHooks') : offsetof<NetDevice>('egressHooks'));
  } else {
    if (family > NFPROTO_BRIDGE) return -Errno.EAFNOSUPPORT;
    slot = hookSlot(net, family, <NetfilterHook>hook);
  }
  if (type === <u32>MsgType.HOOK_DEL) {
    const gone = hookUnregister(slot, id);
    if (gone === 0 && !device) net.hookCount--;
    return gone;
  }
  const op = load<u32>(body, HookRec.OP);
  if (op < <u32>Op.HOOK_BASE || op >= <u32>Op.NFT_JIT_BASE) return -Errno.EINVAL;
  const err = hookRegister(slot, load<i32>(body, HookRec.PRIORITY), op, load<u32>(body, HookRec.PRIV), id);
  if (err === 0 && !device) net.hookCount++;
  return err;
}

/** A device has one XDP program: -EBUSY when there is one already, -ENOENT when there is none to take off. */
function setXdp(dev: NetDevice, type: u32, op: u32): i32 {
  if (type === <u32>MsgType.HOOK_DEL) {
    if (dev.xdp === 0) return -Errno.ENOENT;
    dev.xdp = 0;
    return 0;
  }
  if (dev.kind !== DevKind.PORT) return -Errno.EOPNOTSUPP;
  if (op < <u32>Op.HOOK_BASE || op >= <u32>Op.NFT_JIT_BASE) return -Errno.EINVAL;
  if (dev.xdp !== 0) return -Errno.EBUSY;
  dev.xdp = op;
  return 0;
}

export function requestHandle(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>HandleRec.SIZE) return -Errno.EINVAL;
  const whereOut = scratch(Scratch.RTNL_HOOK_WHERE_OUT);
  const skb = handleTake(load<u32>(body, HandleRec.HANDLE), whereOut);
  if (skb === null) return -Errno.ENOENT;
  if (type === <u32>MsgType.HANDLE_RELEASE) {
    consumeSkb(skb);
    return 0;
  }
  reinject(skb, load<i32>(body, HandleRec.VERDICT), load<u32>(whereOut), load<u32>(whereOut, 4));
  return 0;
}

/** ACCEPT: on behind the hook that queued it; REPEAT: from that hook; anything else drops. */
function reinject(skb: SkBuff, verdict: i32, where: u32, out: usize): void {
  if (skb.dev === 0 || where === 0 || (verdict !== NF_ACCEPT && verdict !== NF_REPEAT)) {
    kfreeSkbReason(skb, verdict === NF_DROP ? SkbDropReason.NETFILTER_DROP : SkbDropReason.NOT_SPECIFIED);
    return;
  }
  const family = where & 15;
  // ARP has no way back to where it was.
  if (family === NFPROTO_ARP) {
    kfreeSkbReason(skb, SkbDropReason.NOT_SPECIFIED);
    return;
  }
  const hook = (where >> 4) & 15;
  const next = where >> 8;
  const dev = changetype<NetDevice>(skb.dev);
  const net: Net = dev.net;
  let list: usize = 0;
  let okfn: u32 = 0;
  if (hook === NetfilterHook.NETDEV_INGRESS) {
    list = dev.ingressHooks;
    okfn = Op.OKFN_INGRESS;
  } else if (hook === NetfilterHook.NETDEV_EGRESS) {
    list = dev.egressHooks;
    okfn = Op.OKFN_EGRESS;
  } else {
    list = hookList(net, family, <NetfilterHook>hook);
    okfn = <u32>Op.OKFN_IPV4 + hook;
    if (family === NFPROTO_IPV6) okfn = <u32>Op.OKFN_IPV6 + hook;
    if (family === NFPROTO_BRIDGE) okfn = <u32>Op.OKFN_BRIDGE + hook;
  }
  const from = verdict === NF_REPEAT ? next - 1 : next;
  const inDev = hook <= <u32>NetfilterHook.FORWARD || hook === NetfilterHook.NETDEV_INGRESS ? skb.dev : 0;
  if (list !== 0 && !nfHookSlow(list, from, net, family, <NetfilterHook>hook, skb, inDev, out)) return;
  const fn = opIndex(okfn);
  if (fn === 0) kfreeSkbReason(skb, SkbDropReason.NOT_SPECIFIED);
  else call_indirect<void>(fn, changetype<usize>(skb));
}
