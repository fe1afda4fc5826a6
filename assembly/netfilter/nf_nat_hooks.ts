/**
 * The NAT hook of each point: a new connection goes through the nat chains of that point, once; every packet is
 * translated as was decided then. Linux: nf_nat_core.c (nf_nat_inet_fn), nf_nat_proto.c, nf_nat_redirect.c.
 *
 *   PRE_ROUTING -100, LOCAL_OUT -100: destination        POST_ROUTING 100, LOCAL_IN 100: source
 */
import { NetDevice } from '../dev/net_device';
import { NfHookState } from '../dev/nf_hook';
import { opIndex } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import {
  HookEntry,
  NF_ACCEPT,
  NF_DROP,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NetfilterHook,
  hookEntry,
  hookRegister,
  hookUnregister,
} from '../net/hooks';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import {
  IPS_NAT_MASK,
  IPS_TEMPLATE,
  IP_CT_DIR_ORIGINAL,
  NF_CT_EXTRA_MASQ,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  NfConn,
  ctDir,
  nfCtNet,
  nfTuple,
} from './nf_conntrack';
import { inVrfPostrouting } from './nf_conntrack_core';
import { nfCtKillAcct } from './nf_conntrack_table';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, nfL4proto } from './nf_conntrack_tuple';
import { nfHookToManip } from './nf_nat';
import { nfNatAllocNullBinding, nfNatInitialized } from './nf_nat_core';
import { nfNatIcmpReplyTranslation, nfNatManipPkt, nfNatStatusBit } from './nf_nat_proto';
import { ipRouteMeHarder } from './nf_route';

const HOOKS: u32 = 5;

function slotOf(net: Net, family: u32, hook: u32): usize {
  return nfCtNet(net).natHooks + ((family * HOOKS + hook) << 2);
}

/**
 * A nat chain: op `op` (priv, skb, state) => verdict is asked about each new connection, until one has called
 * nfNatSetupInfo. `family`: NFPROTO_IPV4 or NFPROTO_IPV6. The caller holds NAT (nfNatNetGet). `id` names it for
 * nfNatUnregister. 0 or -ENOMEM.
 */
export function nfNatRegister(
  net: Net,
  family: u32,
  hook: u32,
  priority: i32,
  op: u32,
  priv: usize,
  id: u32,
): i32 {
  return hookRegister(slotOf(net, family, hook), priority, op, priv, id);
}

/** -ENOENT when there is none of that id. */
export function nfNatUnregister(net: Net, family: u32, hook: u32, id: u32): i32 {
  return hookUnregister(slotOf(net, family, hook), id);
}

/** Op NF_NAT. */
export function nfNatFn(_priv: usize, p: usize, s: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const nfct = skb.nfct;
  const ct = changetype<NfConn>(nfct & ~7);
  const state = changetype<NfHookState>(s);
  if (changetype<usize>(ct) === 0 || inVrfPostrouting(state)) return NF_ACCEPT;
  const hook = state.hook;
  const info = <u32>nfct & 7;
  const net = changetype<Net>(state.net);
  const family = state.family;
  const out = state.out;
  // Nothing to be decided and nothing to be changed: most packets of most connections.
  if (info !== IP_CT_NEW && info !== IP_CT_RELATED && info !== IP_CT_RELATED_REPLY) {
    if ((ct.extras & NF_CT_EXTRA_MASQ) !== 0 && oifChanged(ct, info, hook, out)) {
      nfCtKillAcct(ct, info, skb);
      return NF_DROP;
    }
    if ((ct.status & IPS_NAT_MASK) === 0) return NF_ACCEPT;
    return translate(net, skb, ct, info, hook, family);
  }
  if ((ct.status & IPS_TEMPLATE) !== 0) return NF_ACCEPT;
  if (info !== IP_CT_NEW) {
    const where = scratch(Scratch.NF_CT_L4);
    const hdrlen = nfL4proto(skb, 0, family === NFPROTO_IPV4 ? AF_INET : AF_INET6, where);
    const proto = load<u32>(where);
    if (hdrlen > 0 && proto === (family === NFPROTO_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
      if (!nfNatIcmpReplyTranslation(skb, ct, info, hook, hdrlen)) return NF_DROP;
      return wayOf(net, skb, ct, ctDir(info), hook, family);
    }
  }
  if (!nfNatInitialized(ct, nfHookToManip(hook))) {
    const verdict = decide(net, skb, ct, s, hook, family);
    if (verdict !== NF_ACCEPT) return verdict;
  } else if (oifChanged(ct, info, hook, out)) {
    nfCtKillAcct(ct, info, skb);
    return NF_DROP;
  }
  return translate(net, skb, ct, info, hook, family);
}

/** The chains of this point are asked; who decides nothing leaves the end as it is. */
function decide(net: Net, skb: SkBuff, ct: NfConn, s: usize, hook: u32, family: u32): i32 {
  const list = load<u32>(slotOf(net, family, hook));
  const n: u32 = list === 0 ? 0 : load<u32>(list);
  const state = changetype<NfHookState>(s);
  const indev = state.in;
  const out = state.out;
  for (let i: u32 = 0; i < n; i++) {
    const entry: HookEntry = hookEntry(list, i);
    const fn = opIndex(entry.op);
    if (fn === 0) continue;
    state.hook = hook;
    state.family = family;
    state.net = changetype<usize>(net);
    state.in = indev;
    state.out = out;
    const verdict = call_indirect<i32>(fn, entry.priv, changetype<usize>(skb), s);
    if (verdict !== NF_ACCEPT) return verdict;
    if (nfNatInitialized(ct, nfHookToManip(hook))) return NF_ACCEPT;
  }
  return nfNatAllocNullBinding(ct, hook);
}

/** Linux: nf_nat_packet, and what the hook functions do behind it. */
function translate(net: Net, skb: SkBuff, ct: NfConn, info: u32, hook: u32, family: u32): i32 {
  const dir = ctDir(info);
  if ((ct.status & nfNatStatusBit(hook, dir)) === 0) return NF_ACCEPT;
  if (!nfNatManipPkt(skb, ct, nfHookToManip(hook), dir)) return NF_DROP;
  return wayOf(net, skb, ct, dir, hook, family);
}

/** What is ours and goes elsewhere now finds its way anew, ICMP errors about a connection as well. */
function wayOf(net: Net, skb: SkBuff, ct: NfConn, dir: u32, hook: u32, family: u32): i32 {
  if (hook !== <u32>NetfilterHook.LOCAL_OUT) return NF_ACCEPT;
  const here = nfTuple(ct, dir);
  const back = nfTuple(ct, dir ^ 1);
  if (here.dst0 === back.src0 && here.dst1 === back.src1) return NF_ACCEPT;
  return ipRouteMeHarder(net, skb, family) ? NF_ACCEPT : NF_DROP;
}

/** A masqueraded connection leaves by another device than that whose address it has. Linux: nf_nat_oif_changed. */
function oifChanged(ct: NfConn, info: u32, hook: u32, out: usize): bool {
  if ((ct.extras & NF_CT_EXTRA_MASQ) === 0 || out === 0 || hook !== <u32>NetfilterHook.POST_ROUTING)
    return false;
  if (ctDir(info) !== IP_CT_DIR_ORIGINAL) return false;
  return changetype<NetDevice>(out).ifindex !== ct.masqIndex;
}

/** Both IP families. */
export function nfNatFamilies(family: u32): bool {
  return family === NFPROTO_IPV4 || family === NFPROTO_IPV6;
}
