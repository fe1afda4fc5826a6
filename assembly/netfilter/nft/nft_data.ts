/**
 * Registers and values as messages have them: numbers of registers to offsets and back, NFTA_DATA_* to bytes or verdict
 * and back. Linux: nft_parse_register_load, nft_data_init, nft_data_dump in net/netfilter/nf_tables_api.c.
 *
 * A value of a record is 16 bytes; a verdict in it is { i32 code, u32 Chain } and holds its chain (Chain.use).
 */
import {
  NFT_BREAK,
  NFT_CHAIN_BINDING,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  NftaData,
  NftaVerdict,
} from '../../abi/nf_tables';
import { NFT_REG1, NFT_REGS_BYTES } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_VERDICT_MASK } from '../../net/hooks';
import {
  NlOut,
  nlaBe32,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaParseNested,
  nlaPut,
  nlaPutBe32,
  nlaPutString,
  tbGet,
} from '../nlattr';
import {
  Chain,
  INACTIVE_NEXT,
  Named,
  NftKind,
  Table,
  namedLookup,
  tableHead,
  textLen,
  textPtr,
  useInc,
} from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';

const DATA_POLICY = memory.data<u8>([0, 0, 7, 64, 6, 0]);
const VERDICT_POLICY = memory.data<u8>([0, 0, 3, 0, 5, 255, 3, 0]);

/** Offset of the register that the attribute numbers, or a negative errno. */
function parseRegister(nla: usize): i32 {
  const reg = nlaBe32(nla);
  if (reg <= 4) return (<i32>reg) << 4;
  if (reg >= 8 && reg <= 23) return <i32>((reg - 8) << 2) + <i32>NFT_REG1;
  return -Errno.ERANGE;
}

/** The number that a register is dumped as: the 128-bit name where it is one. */
function regNumber(offset: u32): u32 {
  return (offset & 15) === 0 ? offset >> 4 : (offset - NFT_REG1) / 4 + 8;
}

export function dumpRegister(out: NlOut, type: u32, offset: u32): void {
  nlaPutBe32(out, type, regNumber(offset));
}

/** Bits of the words that `len` bytes from `offset` take. */
function regMask(offset: u32, len: u32): u32 {
  const words = (len + 3) >> 2;
  return ((1 << words) - 1) << (offset >> 2);
}

/** The register that an expression reads `len` bytes from. */
export function regLoad(ctx: Ctx, nla: usize, len: u32): i32 {
  const offset = parseRegister(nla);
  if (offset < 0) return offset;
  if (<u32>offset < NFT_REG1 || len === 0) return -Errno.EINVAL;
  if (<u32>offset + len > NFT_REGS_BYTES) return -Errno.ERANGE;
  const mask = regMask(offset, len);
  return (ctx.regInited & mask) === mask ? offset : -Errno.ENODATA;
}

/** The register that an expression writes a value of `len` bytes to. */
export function regStore(ctx: Ctx, nla: usize, len: u32): i32 {
  const offset = parseRegister(nla);
  if (offset < 0) return offset;
  if (<u32>offset < NFT_REG1 || len === 0) return -Errno.EINVAL;
  if (<u32>offset + len > NFT_REGS_BYTES) return -Errno.ERANGE;
  ctx.regInited |= regMask(offset, len);
  return offset;
}

/** True when the attribute names the register of the verdict. */
export function regIsVerdict(nla: usize): bool {
  return nlaBe32(nla) === 0;
}

/** Copies the value into `to` (room for `most` bytes, zeroed first). Its length, or a negative errno. */
export function dataValue(ctx: Ctx, nla: usize, to: usize, most: u32): i32 {
  const tb = tbPush(ctx, NftaData.MAX);
  const err = nlaParseNested(tb, NftaData.MAX, nla, DATA_POLICY);
  const value = tbGet(tb, NftaData.VALUE);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  if (value === 0) return -Errno.EINVAL;
  const len = nlaLen(value);
  if (len === 0) return -Errno.EINVAL;
  if (len > most) return -Errno.EOVERFLOW;
  memory.fill(to, 0, most);
  memory.copy(to, nlaData(value), len);
  return <i32>len;
}

/** True when NFTA_DATA_* is a verdict. */
export function dataIsVerdict(ctx: Ctx, nla: usize): bool {
  const tb = tbPush(ctx, NftaData.MAX);
  const err = nlaParseNested(tb, NftaData.MAX, nla, DATA_POLICY);
  const found = tbGet(tb, NftaData.VERDICT);
  tbPop(ctx, tb);
  return err === 0 && found !== 0;
}

/** Reads a verdict into `to` (code, chain) and holds its chain. `elem`: of a set's element. */
export function dataVerdict(ctx: Ctx, nla: usize, to: usize, elem: bool): i32 {
  const tb = tbPush(ctx, NftaData.MAX);
  let err = nlaParseNested(tb, NftaData.MAX, nla, DATA_POLICY);
  const verdict = tbGet(tb, NftaData.VERDICT);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  if (verdict === 0) return -Errno.EINVAL;
  const vb = tbPush(ctx, NftaVerdict.MAX);
  err = nlaParseNested(vb, NftaVerdict.MAX, verdict, VERDICT_POLICY);
  if (err === 0) err = verdictInit(ctx, vb, to, elem);
  tbPop(ctx, vb);
  return err;
}

function verdictInit(ctx: Ctx, tb: usize, to: usize, elem: bool): i32 {
  if (tbGet(tb, NftaVerdict.CODE) === 0) return -Errno.EINVAL;
  const code = <i32>nlaBe32(tbGet(tb, NftaVerdict.CODE));
  store<i32>(to, code);
  store<u32>(to, 0, 4);
  if (code === NFT_CONTINUE || code === NFT_BREAK || code === NFT_RETURN) return 0;
  if (code !== NFT_JUMP && code !== NFT_GOTO) {
    return code === NF_ACCEPT || code === NF_DROP || (code & NF_VERDICT_MASK) === NF_QUEUE
      ? 0
      : -Errno.EINVAL;
  }
  let p: usize = 0;
  const name = tbGet(tb, NftaVerdict.CHAIN);
  const id = tbGet(tb, NftaVerdict.CHAIN_ID);
  if (name !== 0) p = namedLookup(ctx.table, NftKind.CHAIN, name, 0, false);
  else if (id !== 0) p = chainById(ctx.table, nlaBe32(id));
  else return -Errno.EINVAL;
  const which = name !== 0 ? name : id;
  if (p === 0) return badAttr(ctx, which, -Errno.ENOENT);
  const chain = changetype<Chain>(p);
  if (chain.base !== 0) return badAttr(ctx, which, -Errno.EOPNOTSUPP);
  if (chain.bound !== 0) return -Errno.EINVAL;
  if (elem && (chain.flags & NFT_CHAIN_BINDING) !== 0) return -Errno.EINVAL;
  if (!useInc(changetype<Named>(p))) return -Errno.EMFILE;
  store<u32>(to, p, 4);
  return 0;
}

/** The chain that this transaction made under `id`. */
export function chainById(table: Table, id: u32): usize {
  for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Named>(p).next) {
    const chain = changetype<Named>(p);
    if (id !== 0 && chain.id === id && (chain.state & INACTIVE_NEXT) === 0) return p;
  }
  return 0;
}

/** Lets go of the chain that a verdict holds. */
export function verdictPut(at: usize): void {
  const code = load<i32>(at);
  if ((code === NFT_JUMP || code === NFT_GOTO) && load<u32>(at, 4) !== 0)
    changetype<Named>(load<u32>(at, 4)).use--;
}

/** Holds it again. */
export function verdictGet(at: usize): void {
  const code = load<i32>(at);
  if ((code === NFT_JUMP || code === NFT_GOTO) && load<u32>(at, 4) !== 0)
    changetype<Named>(load<u32>(at, 4)).use++;
}

export function dumpValue(out: NlOut, type: u32, ptr: usize, len: u32): void {
  const nest = nlaNestStart(out, type);
  nlaPut(out, NftaData.VALUE, ptr, len);
  nlaNestEnd(out, nest);
}

export function dumpVerdict(out: NlOut, type: u32, at: usize): void {
  const nest = nlaNestStart(out, type);
  const inner = nlaNestStart(out, NftaData.VERDICT);
  const code = load<i32>(at);
  nlaPutBe32(out, NftaVerdict.CODE, <u32>code);
  if (code === NFT_JUMP || code === NFT_GOTO) {
    const name = changetype<Named>(load<u32>(at, 4)).name;
    nlaPutString(out, NftaVerdict.CHAIN, textPtr(name), textLen(name));
  }
  nlaNestEnd(out, inner);
  nlaNestEnd(out, nest);
}
