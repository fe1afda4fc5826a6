/**
 * Chains as generated code (src/core/jit): which chains have some, what of the machine such code calls, and when it is
 * forgotten. The code of a chain is a function (frame) => code behind an op id of its own; it gives a verdict, or
 * NFT_CONTINUE or NFT_RETURN at the chain's end. A base chain has a second one, which needs no frame. It is a cache: without it, as after a restore, the machine interprets.
 *
 *   nftDoChainOp ─► code of the hook: (priv, skb, state) => verdict, or NFT_UNDECIDED
 *   nftDoChain ─► nftRun ─┬─ op registered ─► generated code ─► nftEvaluate (one instruction), nftRun (a jump)
 *                         └─ otherwise ─────► interpret  ◄───── packets without the headers that it looks at
 */
import { NfProto } from '../../abi/nfnl';
import { NftJitRec } from '../../abi/nft_jit';
import { Op } from '../../abi/ops';
import { Dump } from '../../abi/request';
import { opIndex, opSet } from '../../lib/ops';
import { kzalloc } from '../../lib/kmalloc';
import { root } from '../../lib/root';
import { Errno } from '../../net/errno';
import { netByHandle } from '../../net/net';
import { BaseChain, INACTIVE_NOW, Chain, ChainType, NftKind, NftNet, Table, tableHead } from './nf_tables';

const SLOTS: u32 = <u32>Op.MAX - <u32>Op.NFT_JIT_BASE;

/** The chain's rules are others now: what was made of the old ones is no more. */
export function chainJitStale(chain: Chain, version: u32): void {
  chain.version = version;
  if (chain.jitOp !== 0) opSet(chain.jitOp, 0);
  const hookOp = hookOpOf(chain);
  if (hookOp !== 0) opSet(hookOp, 0);
}

function hookOpOf(chain: Chain): u32 {
  return chain.base === 0 ? 0 : changetype<BaseChain>(chain.base).hookOp;
}

/** The chain goes: its ids are free again. */
export function chainJitFree(chain: Chain): void {
  opFree(chain.jitOp);
  chain.jitOp = 0;
  opFree(hookOpOf(chain));
  if (chain.base !== 0) changetype<BaseChain>(chain.base).hookOp = 0;
}

function opFree(op: u32): void {
  if (op === 0) return;
  opSet(op, 0);
  const slot = op - <u32>Op.NFT_JIT_BASE;
  const at = root().nftJitSlots + (slot >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) & ~(1 << (slot & 7))));
}

/** A free id; 0: there is none, or no memory. */
function opAlloc(): u32 {
  if (root().nftJitSlots === 0) root().nftJitSlots = kzalloc(SLOTS / 8);
  const slots = root().nftJitSlots;
  if (slots === 0) return 0;
  for (let i: u32 = 0; i < SLOTS / 8; i++) {
    const used = <u32>load<u8>(slots + i);
    if (used === 0xff) continue;
    const bit = ctz(~used);
    store<u8>(slots + i, <u8>(used | (1 << bit)));
    return <u32>Op.NFT_JIT_BASE + (i << 3) + bit;
  }
  return 0;
}

/** NFT_JIT_DUMP: fills as many records as there is room for. */
export function nftJitDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const skip = load<u32>(body, Dump.CURSOR);
  const room = (len - <u32>Dump.RECORDS) / <u32>NftJitRec.SIZE;
  let seen: u32 = 0;
  let count: u32 = 0;
  if (net.nft !== 0) {
    for (let t = changetype<NftNet>(net.nft).tableHead; t !== 0; t = changetype<Table>(t).next) {
      const table = changetype<Table>(t);
      if ((table.state & INACTIVE_NOW) !== 0) continue;
      for (let c = tableHead(table, NftKind.CHAIN); c !== 0; c = changetype<Chain>(c).next) {
        const chain = changetype<Chain>(c);
        if ((chain.state & INACTIVE_NOW) !== 0 || chain.blob === 0) continue;
        if (seen++ < skip) continue;
        if (count === room) break;
        fill(table, chain, body + Dump.RECORDS + count * <u32>NftJitRec.SIZE);
        count++;
      }
    }
  }
  store<u32>(body, skip + count, Dump.CURSOR);
  store<u32>(body, count, Dump.COUNT);
  return 0;
}

/** An id for the code that is asked first, at hooks where most packets are of IPv4; 0: the chain has none. */
function hookOpFor(table: Table, chain: Chain): u32 {
  if (chain.base === 0) return 0;
  const base = changetype<BaseChain>(chain.base);
  if (base.type !== <u8>ChainType.FILTER) return 0;
  if (table.family !== <u32>NfProto.IPV4 && table.family !== <u32>NfProto.INET) return 0;
  if (base.hookOp === 0) base.hookOp = opAlloc();
  return base.hookOp;
}

function fill(table: Table, chain: Chain, rec: usize): void {
  if (chain.jitOp === 0) chain.jitOp = opAlloc();
  const op = chain.jitOp;
  store<u32>(rec, op, NftJitRec.OP);
  store<u32>(rec, changetype<usize>(chain), NftJitRec.CHAIN);
  store<u32>(rec, chain.blob, NftJitRec.BLOB);
  store<u32>(rec, chain.version, NftJitRec.VERSION);
  store<u32>(rec, <u32>(opIndex(op) !== 0), NftJitRec.COMPILED);
  store<u32>(rec, table.name, NftJitRec.TABLE_NAME);
  store<u32>(rec, chain.name, NftJitRec.NAME);
  store<u32>(rec, table.family, NftJitRec.FAMILY);
  store<u32>(rec, hookOpFor(table, chain), NftJitRec.HOOK_OP);
}
