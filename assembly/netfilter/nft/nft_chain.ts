/**
 * Chains: NFT_MSG_NEWCHAIN, DELCHAIN, dumps, and base chains at their hooks. Linux: nf_tables_newchain, nf_tables_addchain
 * in net/netfilter/nf_tables_api.c; net/netfilter/nft_chain_*.c say which hooks a type of chain has.
 */
import {
  NFTA_DEVICE_NAME,
  NFT_CHAIN_BASE,
  NFT_CHAIN_BINDING,
  NFT_CHAIN_HW_OFFLOAD,
  NFT_TABLE_F_DORMANT,
  NftMsg,
  NftaChain,
  NftaCounter,
  NftaHook,
} from '../../abi/nf_tables';
import { NLM_F_EXCL, NLM_F_NONREC, NLM_F_REPLACE, NfProto } from '../../abi/nfnl';
import { Op } from '../../abi/ops';
import { NetDevice, devGetByName } from '../../dev/net_device';
import { kfree, kmalloc, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import {
  NFPROTO_ARP,
  NFPROTO_BRIDGE,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NF_ACCEPT,
  NF_DROP,
  NetfilterHook,
  hookRegister,
  hookSlot,
  hookUnregister,
} from '../../net/hooks';
import { Net } from '../../net/net';
import { chainJitFree } from './nft_jit';
import { nfNatNetGet, nfNatNetPut } from '../nf_conntrack_init';
import { nfNatRegister, nfNatUnregister } from '../nf_nat_hooks';
import {
  NlOut,
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaOk,
  nlaParseNested,
  nlaPut,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  nlaStep,
  nlaStrlen,
  nlaType,
  tbGet,
} from '../nlattr';
import {
  BaseChain,
  Chain,
  ChainType,
  HookDev,
  INACTIVE_NEXT,
  Named,
  NftKind,
  NftNet,
  Rule,
  Table,
  activeNext,
  activeNow,
  chainBase,
  namedAdd,
  namedByHandle,
  namedLookup,
  namedRemove,
  renamed,
  tableDumped,
  tableHead,
  tableLookup,
  tableOf,
  textLen,
  textNew,
  textOf,
  textPtr,
} from './nf_tables';
import { Ctx, badAttr, nftCtx, tbPop, tbPush } from './nft_ctx';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { ruleDelOne } from './nft_rule';
import { Trans, TransKind, transAdd } from './nft_trans';

const POLICY = memory.data<u8>([
  0, 0, 5, 255, 4, 0, 5, 255, 6, 0, 3, 0, 3, 0, 5, 255, 6, 0, 0, 0, 3, 0, 3, 0, 7, 255,
]);
const HOOK_POLICY = memory.data<u8>([0, 0, 3, 0, 3, 0, 5, 15, 6, 0]);
const COUNTER_POLICY = memory.data<u8>([0, 0, 4, 0, 4, 0]);

const INET_INGRESS: u32 = 5;
const NETDEV_INGRESS: u32 = 0;
/** What NAT comes behind. Linux: NF_IP_PRI_CONNTRACK. */
const PRI_CONNTRACK: i32 = -200;
const DEVICES_MAX: u32 = 256;

/** Bit per hook that a chain of that type may be at, in that family; 0: no such type. */
function hookMask(family: u32, type: u32): u32 {
  const ip = family === <u32>NfProto.IPV4 || family === <u32>NfProto.IPV6 || family === <u32>NfProto.INET;
  if (type === <u32>ChainType.FILTER) {
    if (family === <u32>NfProto.INET) return 0x3f;
    if (ip || family === <u32>NfProto.BRIDGE) return 0x1f;
    return family === <u32>NfProto.ARP || family === <u32>NfProto.NETDEV ? 3 : 0;
  }
  if (!ip) return 0;
  return type === <u32>ChainType.ROUTE ? 1 << NetfilterHook.LOCAL_OUT : 0x1b;
}

/** `filter`, `route`, `nat`; MAX (3): another. */
function typeOf(nla: usize): u32 {
  const len = nlaStrlen(nla);
  const p = nlaData(nla);
  if (len === 6 && load<u32>(p) === 0x746c6966 && load<u16>(p, 4) === 0x7265) return ChainType.FILTER;
  if (len === 5 && load<u32>(p) === 0x74756f72 && load<u8>(p, 4) === 0x65) return ChainType.ROUTE;
  if (len === 3 && load<u16>(p) === 0x616e && load<u8>(p, 2) === 0x74) return ChainType.NAT;
  return 3;
}
const TYPE_NAMES = memory.data<u8>([
  102, 105, 108, 116, 101, 114, 0, 0, 114, 111, 117, 116, 101, 0, 0, 0, 110, 97, 116, 0, 0, 0, 0, 0,
]);
const TYPE_LENS = memory.data<u8>([6, 5, 3]);

/** NFT_MSG_NEWCHAIN */
export function chainNew(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaChain.MAX);
  let err = ctx.parse(tb, NftaChain.MAX, POLICY);
  if (err === 0) err = newTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

function newTb(ctx: Ctx, tb: usize): i32 {
  const tableName = tbGet(tb, NftaChain.TABLE);
  if (tableName === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  ctx.table = table;
  const name = tbGet(tb, NftaChain.NAME);
  const handle = tbGet(tb, NftaChain.HANDLE);
  const hook = tbGet(tb, NftaChain.HOOK);
  let there: usize = 0;
  if (name === 0) {
    if (tbGet(tb, NftaChain.FLAGS) === 0 && handle === 0) return -Errno.EINVAL;
  }
  if (handle !== 0) {
    there = namedByHandle(table, NftKind.CHAIN, nlaBe64(handle), 0, false);
    if (there === 0) return badAttr(ctx, handle, -Errno.ENOENT);
  } else if (name !== 0) there = namedLookup(table, NftKind.CHAIN, name, 0, false);
  let policy: i32 = NF_ACCEPT;
  const policyAttr = tbGet(tb, NftaChain.POLICY);
  if (policyAttr !== 0) {
    const based = there !== 0 ? changetype<Chain>(there).base !== 0 : hook !== 0;
    if (!based) return badAttr(ctx, policyAttr, -Errno.EOPNOTSUPP);
    policy = <i32>nlaBe32(policyAttr);
    if (policy !== NF_DROP && policy !== NF_ACCEPT) return -Errno.EINVAL;
  }
  const flagsAttr = tbGet(tb, NftaChain.FLAGS);
  let flags: u32 = flagsAttr === 0 ? 0 : nlaBe32(flagsAttr);
  if ((flags & ~(NFT_CHAIN_BASE | NFT_CHAIN_HW_OFFLOAD | NFT_CHAIN_BINDING)) !== 0) return -Errno.EOPNOTSUPP;
  if (there !== 0) {
    if ((ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, name !== 0 ? name : handle, -Errno.EEXIST);
    if ((ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EOPNOTSUPP;
    return update(ctx, tb, changetype<Chain>(there), policyAttr === 0 ? -1 : policy);
  }
  if (table.use === u32.MAX_VALUE) return -Errno.EOVERFLOW;
  if ((flags & NFT_CHAIN_HW_OFFLOAD) !== 0) return -Errno.EOPNOTSUPP;
  const p = kzalloc(offsetof<Chain>());
  if (p === 0) return -Errno.ENOMEM;
  const chain = changetype<Chain>(p);
  let err: i32 = 0;
  if (hook !== 0) {
    if ((flags & NFT_CHAIN_BINDING) !== 0) err = -Errno.EOPNOTSUPP;
    else err = baseMake(ctx, tb, chain, policy);
    flags |= NFT_CHAIN_BASE;
  } else if ((flags & NFT_CHAIN_BASE) !== 0) err = -Errno.EINVAL;
  else if (name === 0 && (flags & NFT_CHAIN_BINDING) === 0) err = -Errno.EINVAL;
  chain.flags = flags;
  if (err === 0) err = placeNew(ctx, tb, chain, name);
  if (err !== 0) {
    baseFree(chain);
    kfree(chain.udata);
    kfree(p);
  }
  return err;
}

function placeNew(ctx: Ctx, tb: usize, chain: Chain, name: usize): i32 {
  const p = changetype<usize>(chain);
  const table = ctx.table;
  const udata = tbGet(tb, NftaChain.USERDATA);
  if (udata !== 0) {
    chain.udata = textNew(nlaData(udata), nlaLen(udata));
    if (chain.udata === 0) return -Errno.ENOMEM;
  }
  const id = tbGet(tb, NftaChain.ID);
  chain.id = id === 0 ? 0 : nlaBe32(id);
  const text = name !== 0 ? textOf(name) : boundName(ctx.nn);
  if (text === 0) return -Errno.ENOMEM;
  if (!namedAdd(table, changetype<Named>(p), NftKind.CHAIN, text)) {
    kfree(text);
    return -Errno.ENOMEM;
  }
  if (transAdd(ctx.nn, TransKind.CHAIN_NEW, p, ctx.seq) === null) {
    namedRemove(changetype<Named>(p));
    kfree(text);
    return -Errno.ENOMEM;
  }
  table.use++;
  return 0;
}

/** `__chain%d` of chains that belong to a rule. */
function boundName(nn: NftNet): usize {
  const buf = kmalloc(32);
  if (buf === 0) return 0;
  store<u64>(buf, 0x6e696168635f5f); // "__chain"
  let n = ++nn.boundChains;
  let digits: u32 = 1;
  for (let v = n; v > 9; v /= 10) digits++;
  for (let i = digits; i > 0; i--) {
    store<u8>(buf + 7 + i - 1, <u8>(48 + (n % 10)));
    n /= 10;
  }
  const text = textNew(buf, 7 + digits);
  kfree(buf);
  return text;
}

/** Reads hook, priority, type and devices into a new BaseChain. */
function baseMake(ctx: Ctx, tb: usize, chain: Chain, policy: i32): i32 {
  const p = kzalloc(offsetof<BaseChain>());
  if (p === 0) return -Errno.ENOMEM;
  const base = changetype<BaseChain>(p);
  chain.base = p;
  base.chain = changetype<usize>(chain);
  base.policy = <u8>policy;
  base.policyNow = <u8>policy;
  base.hookId = HOOK_ID_BASE + ++ctx.nn.hookIdNext;
  const hb = tbPush(ctx, NftaHook.MAX);
  let err = nlaParseNested(hb, NftaHook.MAX, tbGet(tb, NftaChain.HOOK), HOOK_POLICY);
  if (err === 0) err = hookParse(ctx, tb, hb, base);
  tbPop(ctx, hb);
  if (err === 0 && tbGet(tb, NftaChain.COUNTERS) !== 0)
    err = countersParse(ctx, tbGet(tb, NftaChain.COUNTERS), p + offsetof<BaseChain>('packets'));
  if (err === 0 && tbGet(tb, NftaChain.COUNTERS) !== 0) base.counting = 1;
  return err;
}
const HOOK_ID_BASE: u32 = 0x4e000000;

function hookParse(ctx: Ctx, tb: usize, hb: usize, base: BaseChain): i32 {
  if (tbGet(hb, NftaHook.HOOKNUM) === 0 || tbGet(hb, NftaHook.PRIORITY) === 0)
    return badAttr(ctx, tbGet(tb, NftaChain.NAME), -Errno.ENOENT);
  base.hooknum = nlaBe32(tbGet(hb, NftaHook.HOOKNUM));
  base.priority = <i32>nlaBe32(tbGet(hb, NftaHook.PRIORITY));
  const typeAttr = tbGet(tb, NftaChain.TYPE);
  const type = typeAttr === 0 ? <u32>ChainType.FILTER : typeOf(typeAttr);
  if (type > <u32>ChainType.NAT || hookMask(ctx.family, type) === 0)
    return badAttr(ctx, typeAttr, -Errno.ENOENT);
  if (base.hooknum > 7 || (hookMask(ctx.family, type) & (1 << base.hooknum)) === 0) return -Errno.EOPNOTSUPP;
  if (type === <u32>ChainType.NAT && base.priority <= PRI_CONNTRACK) return -Errno.EOPNOTSUPP;
  base.type = <u8>type;
  const dev = tbGet(hb, NftaHook.DEV);
  const devs = tbGet(hb, NftaHook.DEVS);
  const wants =
    ctx.family === <u32>NfProto.NETDEV || (ctx.family === <u32>NfProto.INET && base.hooknum === INET_INGRESS);
  if (!wants) return dev !== 0 || devs !== 0 ? -Errno.EOPNOTSUPP : 0;
  const at = changetype<usize>(base) + offsetof<BaseChain>('devs');
  const err = devsParse(ctx, dev, devs, at);
  if (err !== 0) return err;
  return base.devs === 0 ? -Errno.EINVAL : 0;
}

/** Reads NFTA_HOOK_DEV and NFTA_HOOK_DEVS into a list; also of flowtables. */
export function devsParse(ctx: Ctx, dev: usize, devs: usize, list: usize): i32 {
  if (dev !== 0) return devAdd(ctx, dev, list, 0);
  if (devs === 0) return 0;
  let at = nlaData(devs);
  let left = nlaLen(devs);
  let n: u32 = 0;
  while (nlaOk(at, left)) {
    if (nlaType(at) !== NFTA_DEVICE_NAME) return -Errno.EINVAL;
    if (n++ === DEVICES_MAX) return -Errno.EFBIG;
    const err = devAdd(ctx, at, list, n);
    if (err !== 0) return err;
    const step = nlaStep(at, left);
    at += step;
    left -= step;
  }
  return 0;
}

function devAdd(ctx: Ctx, nla: usize, list: usize, _n: u32): i32 {
  const len = nlaStrlen(nla);
  if (len === 0 || len > 15) return -Errno.EINVAL;
  const p = kzalloc(offsetof<HookDev>());
  if (p === 0) return -Errno.ENOMEM;
  const hd = changetype<HookDev>(p);
  memory.copy(p + offsetof<HookDev>('name0'), nlaData(nla), len);
  if (devGetByName(ctx.net, p + offsetof<HookDev>('name0')) === null) {
    kfree(p);
    return badAttr(ctx, nla, -Errno.ENOENT);
  }
  let link = list;
  while (load<u32>(link) !== 0) {
    const other = changetype<HookDev>(load<u32>(link));
    if (other.name0 === hd.name0 && other.name1 === hd.name1) {
      kfree(p);
      return badAttr(ctx, nla, -Errno.EEXIST);
    }
    link = load<u32>(link);
  }
  store<u32>(link, p);
  return 0;
}

function countersParse(ctx: Ctx, nla: usize, to: usize): i32 {
  const tb = tbPush(ctx, NftaCounter.MAX);
  const err = nlaParseNested(tb, NftaCounter.MAX, nla, COUNTER_POLICY);
  const bytes = tbGet(tb, NftaCounter.BYTES);
  const packets = tbGet(tb, NftaCounter.PACKETS);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  if (bytes === 0 || packets === 0) return -Errno.EINVAL;
  store<u64>(to, nlaBe64(packets));
  store<u64>(to, nlaBe64(bytes), 8);
  return 0;
}

/** What an update changes. */
@unmanaged
@final
class ChainUpdate {
  packets: u64;
  bytes: u64;
  counting: u32;
  /** New name, or 0; the old one while the transaction is open. */
  name: usize;
}

/** The chain is there: policy, counters and name may change. `policy` -1: not said. */
function update(ctx: Ctx, tb: usize, chain: Chain, policy: i32): i32 {
  const hook = tbGet(tb, NftaChain.HOOK);
  const name = tbGet(tb, NftaChain.NAME);
  if (hook !== 0) {
    if (chain.base === 0) return badAttr(ctx, name, -Errno.EEXIST);
    const probe = kzalloc(offsetof<Chain>());
    if (probe === 0) return -Errno.ENOMEM;
    const other = changetype<Chain>(probe);
    const err = baseMake(ctx, tb, other, 0);
    const a = chainBase(chain);
    const b = other.base === 0 ? a : chainBase(other);
    const same = a.type === b.type && a.hooknum === b.hooknum && a.priority === b.priority;
    baseFree(other);
    kfree(probe);
    if (err !== 0) return err;
    if (!same) return badAttr(ctx, name, -Errno.EEXIST);
  }
  const up = kzalloc(offsetof<ChainUpdate>());
  if (up === 0) return -Errno.ENOMEM;
  const u = changetype<ChainUpdate>(up);
  let err: i32 = 0;
  if (tbGet(tb, NftaChain.COUNTERS) !== 0) {
    if (chain.base === 0) err = -Errno.EOPNOTSUPP;
    else err = countersParse(ctx, tbGet(tb, NftaChain.COUNTERS), up);
    u.counting = 1;
  }
  if (err === 0 && tbGet(tb, NftaChain.HANDLE) !== 0 && name !== 0) {
    if (namedLookup(ctx.table, NftKind.CHAIN, name, 0, false) !== 0) err = -Errno.EEXIST;
    else {
      u.name = textOf(name);
      if (u.name === 0) err = -Errno.ENOMEM;
    }
  }
  const t = err === 0 ? transAdd(ctx.nn, TransKind.CHAIN_UPD, changetype<usize>(chain), ctx.seq) : null;
  if (t === null) {
    kfree(u.name);
    kfree(up);
    return err === 0 ? -Errno.ENOMEM : err;
  }
  t.b = up;
  t.a = 0;
  if (policy >= 0) {
    t.a = 1 | ((<u32>chainBase(chain).policy) << 8);
    chainBase(chain).policy = <u8>policy;
  }
  return 0;
}

export function chainUpdateCommit(chain: Chain, t: Trans): void {
  const u = changetype<ChainUpdate>(t.b);
  if (chain.base !== 0) {
    const base = chainBase(chain);
    base.policyNow = base.policy;
    if (u.counting !== 0) {
      base.counting = 1;
      base.packets = u.packets;
      base.bytes = u.bytes;
    }
  }
  if (u.name !== 0) chainRename(chain, u.name);
  kfree(t.b);
}

/** Under another name in the table's hash, in its place in the list. */
function chainRename(chain: Chain, text: usize): void {
  kfree(chain.name);
  chain.name = text;
  renamed(changetype<Named>(changetype<usize>(chain)));
}

export function chainUpdateAbort(chain: Chain, t: Trans): void {
  if (t.a !== 0 && chain.base !== 0) chainBase(chain).policy = <u8>(t.a >> 8);
  kfree(changetype<ChainUpdate>(t.b).name);
  kfree(t.b);
}

/** A new chain becomes one. */
export function chainCommitUpdate(chain: Chain): void {
  chain.dirty = 0;
}

function baseFree(chain: Chain): void {
  if (chain.base === 0) return;
  hookDevsFree(chainBase(chain).devs);
  kfree(chain.base);
  chain.base = 0;
}

export function hookDevsFree(list: usize): void {
  let p = list;
  while (p !== 0) {
    const next = changetype<HookDev>(p).next;
    kfree(p);
    p = next;
  }
}

/** Frees a chain without rules. */
export function chainDestroy(chain: Chain): void {
  chainJitFree(chain);
  baseFree(chain);
  kfree(chain.blob);
  kfree(chain.blobNext);
  kfree(chain.name);
  kfree(chain.udata);
  kfree(changetype<usize>(chain));
}

/** New base chains go to their hooks. 0 or -ENOMEM; the abort takes back those that went. */
export function chainsHook(nn: NftNet): i32 {
  for (let p = nn.transHead; p !== 0; p = changetype<Trans>(p).next) {
    const t = changetype<Trans>(p);
    if (t.kind !== TransKind.CHAIN_NEW) continue;
    const chain = changetype<Chain>(t.ptr);
    if (chain.base === 0 || !activeNext(chain.state)) continue;
    if ((tableOf(changetype<Named>(t.ptr)).flags & NFT_TABLE_F_DORMANT) !== 0) continue;
    const err = chainHook(chain);
    if (err !== 0) return err;
  }
  return 0;
}

function slotOf(net: Net, family: u32, hook: u32): usize {
  return hookSlot(net, family, <NetfilterHook>hook);
}

function slotOfDev(dev: NetDevice, ingress: bool): usize {
  return (
    changetype<usize>(dev) +
    (ingress ? offsetof<NetDevice>('ingressHooks') : offsetof<NetDevice>('egressHooks'))
  );
}

/** At which families' hooks a chain of this family stands: a bit each of NFPROTO_*; 0: at devices. */
function families(family: u32, base: BaseChain): u32 {
  if (family === <u32>NfProto.IPV4) return 1 << NFPROTO_IPV4;
  if (family === <u32>NfProto.IPV6) return 1 << NFPROTO_IPV6;
  if (family === <u32>NfProto.BRIDGE) return 1 << NFPROTO_BRIDGE;
  if (family === <u32>NfProto.ARP) return 1 << NFPROTO_ARP;
  if (family === <u32>NfProto.INET && base.hooknum !== INET_INGRESS)
    return (1 << NFPROTO_IPV4) | (1 << NFPROTO_IPV6);
  return 0;
}

function ingressOf(family: u32, base: BaseChain): bool {
  return family === <u32>NfProto.INET || base.hooknum === NETDEV_INGRESS;
}

export function chainHook(chain: Chain): i32 {
  const base = chainBase(chain);
  if (base.registered !== 0) return 0;
  base.registered = 1;
  const family = tableOf(changetype<Named>(changetype<usize>(chain))).family;
  const net = nftCtx().net;
  const mask = families(family, base);
  for (let f: u32 = 0; f <= NFPROTO_ARP; f++) {
    if ((mask & (1 << f)) === 0) continue;
    const err = familyHook(net, f, chain);
    if (err !== 0) return err;
  }
  for (let p = base.devs; p !== 0; p = changetype<HookDev>(p).next) {
    const err = devHook(net, chain, changetype<HookDev>(p));
    if (err !== 0) return err;
  }
  return 0;
}

/** At a hook of a family; a chain of type nat is asked by NAT itself, about new connections. */
function familyHook(net: Net, family: u32, chain: Chain): i32 {
  const base = chainBase(chain);
  const hook = base.hooknum;
  if (base.type === <u8>ChainType.NAT) {
    const err = nfNatNetGet(net, family);
    if (err !== 0) return err;
    const failed = nfNatRegister(net, family, hook, base.priority, Op.NFT_DO_CHAIN, chain.base, base.hookId);
    if (failed !== 0) nfNatNetPut(net, family);
    return failed;
  }
  const slot = slotOf(net, family, hook);
  const err = hookRegister(slot, base.priority, Op.NFT_DO_CHAIN, chain.base, base.hookId, true);
  if (err === 0) net.hookCount++;
  return err;
}

function devHook(net: Net, chain: Chain, hd: HookDev): i32 {
  const base = chainBase(chain);
  const family = tableOf(changetype<Named>(changetype<usize>(chain))).family;
  const dev = devGetByName(net, changetype<usize>(hd) + offsetof<HookDev>('name0'));
  if (dev === null) return 0;
  const slot = slotOfDev(dev, ingressOf(family, base));
  const err = hookRegister(slot, base.priority, Op.NFT_DO_CHAIN, chain.base, base.hookId, true);
  if (err === 0) hd.ifindex = dev.ifindex;
  return err;
}

export function chainUnhook(chain: Chain): void {
  if (chain.base === 0 || chainBase(chain).registered === 0) return;
  const base = chainBase(chain);
  base.registered = 0;
  const family = tableOf(changetype<Named>(changetype<usize>(chain))).family;
  const net = netOf(chain);
  const mask = families(family, base);
  for (let f: u32 = 0; f <= NFPROTO_ARP; f++) {
    if ((mask & (1 << f)) === 0) continue;
    if (base.type === <u8>ChainType.NAT) {
      if (net.ct !== 0 && nfNatUnregister(net, f, base.hooknum, base.hookId) === 0) nfNatNetPut(net, f);
    } else if (hookUnregister(slotOf(net, f, base.hooknum), base.hookId) === 0) net.hookCount--;
  }
  for (let p = base.devs; p !== 0; p = changetype<HookDev>(p).next) {
    const hd = changetype<HookDev>(p);
    if (hd.ifindex === 0) continue;
    hd.ifindex = 0;
    const dev = devGetByName(net, p + offsetof<HookDev>('name0'));
    if (dev !== null) hookUnregister(slotOfDev(dev, ingressOf(family, base)), base.hookId);
  }
}

function netOf(_chain: Chain): Net {
  return nftCtx().net;
}

/** A device is going: chains leave it. Linux: nf_tables_netdev_event. */
export function chainsDevGone(net: Net, nn: NftNet, dev: NetDevice): void {
  nftCtx().net = net;
  for (let t = nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
      const chain = changetype<Chain>(p);
      if (chain.base === 0) continue;
      const base = chainBase(chain);
      let link = changetype<usize>(base) + offsetof<BaseChain>('devs');
      while (load<u32>(link) !== 0) {
        const hd = changetype<HookDev>(load<u32>(link));
        if (hd.ifindex !== dev.ifindex) {
          link = load<u32>(link);
          continue;
        }
        hookUnregister(slotOfDev(dev, ingressOf(table.family, base)), base.hookId);
        store<u32>(link, hd.next);
        kfree(changetype<usize>(hd));
      }
    }
  }
}

/** NFT_MSG_DELCHAIN, DESTROYCHAIN */
export function chainDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaChain.MAX);
  let err = ctx.parse(tb, NftaChain.MAX, POLICY);
  if (err === 0) err = delTb(ctx, tb, destroy);
  tbPop(ctx, tb);
  return err;
}

function delTb(ctx: Ctx, tb: usize, destroy: bool): i32 {
  const tableName = tbGet(tb, NftaChain.TABLE);
  const name = tbGet(tb, NftaChain.NAME);
  const handle = tbGet(tb, NftaChain.HANDLE);
  if (tableName === 0 || (name === 0 && handle === 0)) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return destroy ? 0 : badAttr(ctx, tableName, -Errno.ENOENT);
  ctx.table = table;
  const p =
    handle !== 0
      ? namedByHandle(table, NftKind.CHAIN, nlaBe64(handle), 0, false)
      : namedLookup(table, NftKind.CHAIN, name, 0, false);
  const which = handle !== 0 ? handle : name;
  if (p === 0) return destroy ? 0 : badAttr(ctx, which, -Errno.ENOENT);
  const chain = changetype<Chain>(p);
  if (chain.bound !== 0) return -Errno.EOPNOTSUPP;
  if (tbGet(tb, NftaChain.HOOK) !== 0) return -Errno.EOPNOTSUPP;
  if ((ctx.flags & NLM_F_NONREC) !== 0 && chain.use > 0) return -Errno.EBUSY;
  for (let r = chain.ruleHead; r !== 0; r = changetype<Rule>(r).next) {
    if (!activeNext(changetype<Rule>(r).state)) continue;
    const err = ruleDelOne(ctx, changetype<Rule>(r));
    if (err !== 0) return err;
  }
  if (chain.use > 0) return badAttr(ctx, which, -Errno.EBUSY);
  return chainDelOne(ctx, chain);
}

/** From the transaction's sight. */
export function chainDelOne(ctx: Ctx, chain: Chain): i32 {
  if (transAdd(ctx.nn, TransKind.CHAIN_DEL, changetype<usize>(chain), ctx.seq) === null) return -Errno.ENOMEM;
  chain.state |= INACTIVE_NEXT;
  tableOf(changetype<Named>(changetype<usize>(chain))).use--;
  return 0;
}

export function devsDump(out: NlOut, list: usize, type: u32, single: u32): void {
  const nest = nlaNestStart(out, type);
  let n: u32 = 0;
  for (let p = list; p !== 0; p = changetype<HookDev>(p).next) {
    n++;
    putDev(out, NFTA_DEVICE_NAME, p);
  }
  nlaNestEnd(out, nest);
  if (single !== 0 && n === 1) putDev(out, single, list);
}

function putDev(out: NlOut, type: u32, hd: usize): void {
  const name = hd + offsetof<HookDev>('name0');
  let len: u32 = 0;
  while (len < 15 && load<u8>(name + len) !== 0) len++;
  nlaPutString(out, type, name, len);
}

export function chainFill(ctx: Ctx, table: Table, chain: Chain): bool {
  const out = ctx.out;
  const msg = nftMsgBegin(ctx, NftMsg.NEWCHAIN, table.family);
  nlaPutString(out, NftaChain.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(out, NftaChain.NAME, textPtr(chain.name), textLen(chain.name));
  nlaPutBe64(out, NftaChain.HANDLE, chain.handle);
  if (chain.base !== 0) {
    const base = chainBase(chain);
    const hook = nlaNestStart(out, NftaChain.HOOK);
    nlaPutBe32(out, NftaHook.HOOKNUM, base.hooknum);
    nlaPutBe32(out, NftaHook.PRIORITY, <u32>base.priority);
    if (families(table.family, base) === 0) devsDump(out, base.devs, NftaHook.DEVS, NftaHook.DEV);
    nlaNestEnd(out, hook);
    nlaPutBe32(out, NftaChain.POLICY, base.policyNow);
    nlaPutString(out, NftaChain.TYPE, TYPE_NAMES + ((<u32>base.type) << 3), load<u8>(TYPE_LENS + base.type));
    if (base.counting !== 0) {
      const counters = nlaNestStart(out, NftaChain.COUNTERS);
      nlaPutBe64(out, NftaCounter.PACKETS, base.packets);
      nlaPutBe64(out, NftaCounter.BYTES, base.bytes);
      nlaNestEnd(out, counters);
    }
  }
  if (chain.flags !== 0) nlaPutBe32(out, NftaChain.FLAGS, chain.flags);
  nlaPutBe32(out, NftaChain.USE, chain.use);
  if (chain.udata !== 0) nlaPut(out, NftaChain.USERDATA, textPtr(chain.udata), textLen(chain.udata));
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETCHAIN with NLM_F_DUMP: CURSOR: [1] how many were told. */
export function chainDump(ctx: Ctx, cursor: usize): i32 {
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let t = ctx.nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!tableDumped(ctx.nn, table, ctx.family, 0)) continue;
    for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
      const chain = changetype<Chain>(p);
      if (!activeNow(chain.state)) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (!nftMsgFits(ctx) || !chainFill(ctx, table, chain)) return 0;
      store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
    }
  }
  return 0;
}

/** NFT_MSG_GETCHAIN */
export function chainGet(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaChain.MAX);
  let err = ctx.parse(tb, NftaChain.MAX, POLICY);
  const tableName = tbGet(tb, NftaChain.TABLE);
  const name = tbGet(tb, NftaChain.NAME);
  tbPop(ctx, tb);
  if (err === 0 && (tableName === 0 || name === 0)) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const table = tableLookup(ctx.nn, tableName, ctx.family, true);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  const p = namedLookup(table, NftKind.CHAIN, name, 0, true);
  if (p === 0) return badAttr(ctx, name, -Errno.ENOENT);
  chainFill(ctx, table, changetype<Chain>(p));
  return 0;
}
