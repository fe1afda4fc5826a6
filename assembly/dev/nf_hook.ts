/**
 * Runs the hooks of one point for one packet and carries out the verdict. Linux: net/netfilter/core.c, nf_hook_slow.
 *
 *   ACCEPT  the next hook; behind the last, the packet goes on
 *   DROP    freed as NETFILTER_DROP
 *   STOLEN  the hook keeps the skb (or freed it)
 *   QUEUE   handed to the host by a handle; reinjected behind the hook that queued it (skb/handles)
 *   REPEAT  the same hook again
 */
import { TraceKind } from '../abi/trace';
import { traceData } from '../skb/trace';
import { root } from '../lib/root';
import { DeliveryKind } from '../abi/event';
import { SkbDropReason } from '../abi/drop_reason';
import { opIndex } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import {
  HOOK_FOR_FRAGMENTS,
  HOOK_FOR_MASK,
  HOOK_FOR_UNSETTLED,
  HookEntry,
  NF_ACCEPT,
  NF_DROP,
  NF_QUEUE,
  NF_REPEAT,
  NF_STOLEN,
  NF_VERDICT_MASK,
  NFPROTO_IPV4,
  NetfilterHook,
  hookEntry,
  hookList,
  hookSlot,
} from '../net/hooks';
import { Net } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { handleGive } from '../skb/handles';
import { Nfct } from '../skb/nfct';
import { SkBuff } from '../skb/sk_buff';

/** MF and offset of an IPv4 header as they lie in memory. */
const IP_FRAGMENT_BITS_BE: u16 = 0xff3f;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

/** REPEATs that one hook may ask for with one packet; more is a loop of its own making. */
const REPEAT_MAX: u32 = 16;

/** What a hook is told besides the packet: third argument of its op. */
@unmanaged
@final
export class NfHookState {
  hook: u32;
  family: u32;
  net: usize;
  /** NetDevice, 0 where there is none. */
  in: usize;
  out: usize;
}

/**
 * Runs the hooks of an IP family. True: the packet goes on. False: it is dropped, stolen or queued.
 * `indev`/`outdev` are NetDevices or 0.
 */
export function nfHook(
  net: Net,
  family: u32,
  hook: NetfilterHook,
  skb: SkBuff,
  indev: usize,
  outdev: usize,
): bool {
  const list = hookList(net, family, hook);
  return list === 0 || nfHookSlow(list, 0, net, family, hook, skb, indev, outdev);
}

/** In line on the short ways. */
export class NfHook {
  /** nfHook of IPv4 in a namespace that has hooks, from number `from` of them on. */
  @inline
  static ipv4(net: Net, hook: NetfilterHook, skb: SkBuff, indev: usize, outdev: usize, from: u32 = 0): bool {
    const list = load<u32>(hookSlot(net, NFPROTO_IPV4, hook));
    if (list === 0) return true;
    return nfHookSlow(list, from, net, NFPROTO_IPV4, hook, skb, indev, outdev);
  }
}

/** The hooks of a device: ingress or egress. */
export function nfHookDevice(list: usize, hook: NetfilterHook, skb: SkBuff, net: Net): bool {
  const ingress = hook === NetfilterHook.NETDEV_INGRESS;
  return nfHookSlow(list, 0, net, NFPROTO_IPV4, hook, skb, ingress ? skb.dev : 0, ingress ? 0 : skb.dev);
}

/** In line: asked of every packet at every hook of tracking. */
class Idle {
  /** A hook for `which` packets (HOOK_FOR_*) would let this one pass unseen. While packets are traced, all are called. */
  @inline
  static here(which: u32, family: u32, hook: NetfilterHook, skb: SkBuff): bool {
    if (root().trace !== 0) return false;
    if (which === HOOK_FOR_FRAGMENTS) {
      if (family === NFPROTO_IPV4) return (load<u16>(skb.data, 6) & IP_FRAGMENT_BITS_BE) === 0;
      const nexthdr = load<u8>(skb.data, 6);
      if (nexthdr === IPPROTO_UDP) return true;
      return nexthdr === IPPROTO_TCP;
    }
    if (which === HOOK_FOR_UNSETTLED) return Nfct.settled(skb.nfct);
    if (hook === NetfilterHook.POST_ROUTING) return Nfct.untranslated(skb.nfct, true);
    return Nfct.untranslated(skb.nfct, hook === NetfilterHook.LOCAL_IN);
  }
}

/** From entry `from` on (a reinjected packet starts behind the hook that queued it). */
export function nfHookSlow(
  list: usize,
  from: u32,
  net: Net,
  family: u32,
  hook: NetfilterHook,
  skb: SkBuff,
  indev: usize,
  outdev: usize,
): bool {
  const state = changetype<NfHookState>(scratch(Scratch.NF_HOOK_STATE));
  let i = from;
  let repeats: u32 = 0;
  while (i < load<u32>(list)) {
    const entry: HookEntry = hookEntry(list, i);
    const which = entry.op & HOOK_FOR_MASK;
    if (which !== 0) {
      if (Idle.here(which, family, hook, skb)) {
        i++;
        continue;
      }
    }
    const fn = opIndex(entry.op & ~HOOK_FOR_MASK);
    // A generated function that is not there (after a restore, until it is rebuilt) lets the packet pass to the next.
    if (fn === 0) {
      i++;
      continue;
    }
    // Set anew for each: what a hook sends runs through here itself.
    state.hook = hook;
    state.family = family;
    state.net = changetype<usize>(net);
    state.in = indev;
    state.out = outdev;
    const verdict = call_indirect<i32>(fn, entry.priv, changetype<usize>(skb), changetype<usize>(state));
    if (root().trace !== 0) {
      const p = changetype<usize>(skb);
      traceData(TraceKind.HOOK, hook, p, indev, family, <u32>verdict, entry.id, <u32>entry.priority, 0, 0);
    }
    const kind = verdict & NF_VERDICT_MASK;
    if (kind === NF_ACCEPT) {
      i++;
      repeats = 0;
      continue;
    }
    if (kind === NF_STOLEN) return false;
    if (kind === NF_REPEAT && ++repeats <= REPEAT_MAX) continue;
    if (kind === NF_QUEUE) {
      const where = family | ((<u32>hook) << 4) | ((i + 1) << 8);
      if (!handleGive(skb, DeliveryKind.QUEUE, <u32>verdict >> 16, net, where, outdev)) {
        kfreeSkbReason(skb, SkbDropReason.HOST_HANDLES_FULL);
      }
      return false;
    }
    assert(kind === NF_DROP || kind === NF_REPEAT, 'a hook gave no verdict');
    kfreeSkbReason(skb, SkbDropReason.NETFILTER_DROP);
    return false;
  }
  return true;
}
