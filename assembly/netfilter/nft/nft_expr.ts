/**
 * Expressions by their kind: reading them from messages, dumping, holding and freeing. What each kind does is in the file
 * of its name; nft_core runs them. Linux: struct nft_expr_ops.
 */
import {
  NFT_SET_EXPR_MAX,
  NFTA_LIST_ELEM,
  NftaCt,
  NftaExpr,
  NftaMeta,
  NftaObjref,
  NftaPayload,
} from '../../abi/nf_tables';
import {
  Nb,
  NbBitwise,
  NbByteorder,
  NbCmp,
  NbCounter,
  NbImmediate,
  NbKey,
  NbLookup,
  NbPayload,
  NbRange,
  NftExprKind,
} from '../../abi/nft_bytecode';
import { NfProto } from '../../abi/nfnl';
import { kfree, kmalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import {
  NlOut,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaOk,
  nlaParse,
  nlaParseNested,
  nlaPutString,
  nlaStep,
  nlaType,
  tbGet,
} from '../nlattr';
import { Named } from './nf_tables';
import { Ctx, tbPop, tbPush } from './nft_ctx';
import { bitwiseDump, bitwiseInit } from './nft_bitwise';
import { byteorderDump, byteorderInit } from './nft_byteorder';
import { cmpDump, cmpInit } from './nft_cmp';
import {
  CONNLIMIT_SIZE,
  connlimitClone,
  connlimitDestroy,
  connlimitDump,
  connlimitInit,
} from './nft_connlimit';
import { CT_SIZE, ctDump, ctInit, ctSetDump, ctSetInit } from './nft_ct';
import { ctTimeoutDestroy } from './nft_ct_timeout';
import { counterClone, counterDump, counterInit } from './nft_counter';
import { DUP_SIZE, dupDump, dupInit } from './nft_dup';
import { DYNSET_SIZE, dynsetDestroy, dynsetDump, dynsetInit, dynsetSet } from './nft_dynset';
import { ElemMore } from './nft_elem';
import {
  NbExthdr,
  exthdrDump,
  exthdrInit,
  exthdrKind,
  exthdrResetDump,
  exthdrResetInit,
  exthdrSetDump,
  exthdrSetInit,
} from './nft_exthdr';
import { FIB_SIZE, fibDump, fibInit } from './nft_fib';
import { FLOW_SIZE, flowDump, flowInit, flowTable } from './nft_flow_offload';
import { FWD_SIZE, fwdDump, fwdInit } from './nft_fwd';
import { LOG_SIZE, logDestroy, logDump, logInit } from './nft_log';
import { NAT_SIZE, masqDump, masqInit, natDump, natInit, redirDump, redirInit } from './nft_nat';
import { SPREAD_SIZE, hashExprDump, hashExprInit, numgenDump, numgenInit } from './nft_numgen';
import { QUEUE_SIZE, queueDump, queueInit } from './nft_queue';
import { REJECT_SIZE, rejectDump, rejectInit } from './nft_reject';
import { osfDump, osfInit, rtDump, rtInit, socketDump, socketInit } from './nft_rt';
import { TPROXY_SIZE, tproxyDestroy, tproxyDump, tproxyInit } from './nft_tproxy';
import { trackGet, trackPut } from './nft_track';
import {
  immediateActivate,
  immediateDeactivate,
  immediateDestroy,
  immediateDump,
  immediateInit,
} from './nft_immediate';
import { LAST_SIZE, lastClone, lastDump, lastInit } from './nft_last';
import { LIMIT_SIZE, limitClone, limitDump, limitInit } from './nft_limit';
import {
  lookupDump,
  lookupInit,
  lookupSet,
  setRefActivate,
  setRefDeactivate,
  setRefDestroy,
} from './nft_lookup';
import { metaDump, metaInit, metaSetDump, metaSetInit } from './nft_meta';
import {
  OBJREF_MAP_SIZE,
  OBJREF_SIZE,
  objrefDump,
  objrefInit,
  objrefMapDump,
  objrefMapInit,
  objrefObj,
  objrefSet,
} from './nft_objref';
import { payloadDump, payloadInit, payloadSetDump, payloadSetInit } from './nft_payload';
import { QUOTA_SIZE, quotaClone, quotaDump, quotaInit } from './nft_quota';
import { rangeDump, rangeInit } from './nft_range';
import { NftSet } from './nft_set';
import { NftType, typeByName, typeMax, typeName, typeNameLen, typePolicy } from './nft_type';

const EXPR_POLICY = memory.data<u8>([0, 0, 5, 255, 6, 0]);

/** Bytes of a kind's record; 0: there is none such. */
export function kindSize(kind: u32): u32 {
  switch (kind) {
    case NftExprKind.IMMEDIATE:
      return NbImmediate.SIZE;
    case NftExprKind.CMP:
      return NbCmp.SIZE;
    case NftExprKind.RANGE:
      return NbRange.SIZE;
    case NftExprKind.BITWISE:
      return NbBitwise.SIZE;
    case NftExprKind.BYTEORDER:
      return NbByteorder.SIZE;
    case NftExprKind.PAYLOAD:
    case NftExprKind.PAYLOAD_SET:
      return NbPayload.SIZE;
    case NftExprKind.META:
    case NftExprKind.META_SET:
      return NbKey.SIZE;
    case NftExprKind.LOOKUP:
      return NbLookup.SIZE;
    case NftExprKind.COUNTER:
      return NbCounter.SIZE;
    case NftExprKind.LIMIT:
      return LIMIT_SIZE;
    case NftExprKind.QUOTA:
      return QUOTA_SIZE;
    case NftExprKind.LAST:
      return LAST_SIZE;
    case NftExprKind.OBJREF:
      return OBJREF_SIZE;
    case NftExprKind.OBJREF_MAP:
      return OBJREF_MAP_SIZE;
    case NftExprKind.EXTHDR:
      return NbExthdr.SIZE;
    case NftExprKind.EXTHDR_SET:
      return NbExthdr.SIZE;
    case NftExprKind.EXTHDR_RESET:
      return NbExthdr.SIZE;
    case NftExprKind.DYNSET:
      return DYNSET_SIZE;
    case NftExprKind.LOG:
      return LOG_SIZE;
    case NftExprKind.REJECT:
      return REJECT_SIZE;
    case NftExprKind.FIB:
      return FIB_SIZE;
    case NftExprKind.RT:
      return NbKey.SIZE;
    case NftExprKind.SOCKET:
      return NbKey.SIZE;
    case NftExprKind.NUMGEN:
      return SPREAD_SIZE;
    case NftExprKind.HASH:
      return SPREAD_SIZE;
    case NftExprKind.OSF:
      return NbKey.SIZE;
    case NftExprKind.QUEUE:
      return QUEUE_SIZE;
    case NftExprKind.DUP:
      return DUP_SIZE;
    case NftExprKind.FWD:
      return FWD_SIZE;
    case NftExprKind.NOTRACK:
      return Nb.REF;
    case NftExprKind.CT:
    case NftExprKind.CT_SET:
      return CT_SIZE;
    case NftExprKind.NAT:
      return NAT_SIZE;
    case NftExprKind.MASQ:
      return NAT_SIZE;
    case NftExprKind.REDIR:
      return NAT_SIZE;
    case NftExprKind.FLOW_OFFLOAD:
      return FLOW_SIZE;
    case NftExprKind.CONNLIMIT:
      return CONNLIMIT_SIZE;
    case NftExprKind.TPROXY:
      return TPROXY_SIZE;
  }
  return 0;
}

/** Kind by name and attributes; NONE: not to be had (-EOPNOTSUPP), or `-EINVAL` said by MAX. */
function kindOf(type: u32, tb: usize): NftExprKind {
  switch (type) {
    case NftType.IMMEDIATE:
      return NftExprKind.IMMEDIATE;
    case NftType.CMP:
      return NftExprKind.CMP;
    case NftType.RANGE:
      return NftExprKind.RANGE;
    case NftType.BITWISE:
      return NftExprKind.BITWISE;
    case NftType.BYTEORDER:
      return NftExprKind.BYTEORDER;
    case NftType.PAYLOAD:
      if (tbGet(tb, NftaPayload.SREG) !== 0)
        return tbGet(tb, NftaPayload.DREG) !== 0 ? NftExprKind.MAX : NftExprKind.PAYLOAD_SET;
      return tbGet(tb, NftaPayload.DREG) === 0 ? NftExprKind.MAX : NftExprKind.PAYLOAD;
    case NftType.META:
      if (tbGet(tb, NftaMeta.KEY) === 0) return NftExprKind.MAX;
      if (tbGet(tb, NftaMeta.SREG) !== 0)
        return tbGet(tb, NftaMeta.DREG) !== 0 ? NftExprKind.MAX : NftExprKind.META_SET;
      return tbGet(tb, NftaMeta.DREG) === 0 ? NftExprKind.MAX : NftExprKind.META;
    case NftType.LOOKUP:
      return NftExprKind.LOOKUP;
    case NftType.COUNTER:
      return NftExprKind.COUNTER;
    case NftType.LIMIT:
      return NftExprKind.LIMIT;
    case NftType.QUOTA:
      return NftExprKind.QUOTA;
    case NftType.LAST:
      return NftExprKind.LAST;
    case NftType.OBJREF:
      if (tbGet(tb, NftaObjref.SET_SREG) !== 0)
        return tbGet(tb, NftaObjref.SET_NAME) !== 0 || tbGet(tb, NftaObjref.SET_ID) !== 0
          ? NftExprKind.OBJREF_MAP
          : NftExprKind.MAX;
      return tbGet(tb, NftaObjref.IMM_NAME) !== 0 ? NftExprKind.OBJREF : NftExprKind.MAX;
    case NftType.EXTHDR:
      return exthdrKind(tb);
    case NftType.CT:
      if (tbGet(tb, NftaCt.KEY) === 0) return NftExprKind.MAX;
      if (tbGet(tb, NftaCt.SREG) !== 0)
        return tbGet(tb, NftaCt.DREG) !== 0 ? NftExprKind.MAX : NftExprKind.CT_SET;
      return tbGet(tb, NftaCt.DREG) === 0 ? NftExprKind.MAX : NftExprKind.CT;
    case NftType.DYNSET:
      return NftExprKind.DYNSET;
    case NftType.LOG:
      return NftExprKind.LOG;
    case NftType.REJECT:
      return NftExprKind.REJECT;
    case NftType.FIB:
      return NftExprKind.FIB;
    case NftType.RT:
      return NftExprKind.RT;
    case NftType.SOCKET:
      return NftExprKind.SOCKET;
    case NftType.NUMGEN:
      return NftExprKind.NUMGEN;
    case NftType.HASH:
      return NftExprKind.HASH;
    case NftType.OSF:
      return NftExprKind.OSF;
    case NftType.QUEUE:
      return NftExprKind.QUEUE;
    case NftType.DUP:
      return NftExprKind.DUP;
    case NftType.FWD:
      return NftExprKind.FWD;
    case NftType.NOTRACK:
      return NftExprKind.NOTRACK;
    case NftType.NAT:
      return NftExprKind.NAT;
    case NftType.MASQ:
      return NftExprKind.MASQ;
    case NftType.REDIR:
      return NftExprKind.REDIR;
    case NftType.FLOW_OFFLOAD:
      return NftExprKind.FLOW_OFFLOAD;
    case NftType.CONNLIMIT:
      return NftExprKind.CONNLIMIT;
    case NftType.TPROXY:
      return NftExprKind.TPROXY;
  }
  return NftExprKind.NONE;
}

/** The type whose name a kind is dumped under. */
function typeOfKind(kind: u32): NftType {
  switch (kind) {
    case NftExprKind.IMMEDIATE:
      return NftType.IMMEDIATE;
    case NftExprKind.CMP:
      return NftType.CMP;
    case NftExprKind.RANGE:
      return NftType.RANGE;
    case NftExprKind.BITWISE:
      return NftType.BITWISE;
    case NftExprKind.BYTEORDER:
      return NftType.BYTEORDER;
    case NftExprKind.PAYLOAD:
    case NftExprKind.PAYLOAD_SET:
      return NftType.PAYLOAD;
    case NftExprKind.META:
    case NftExprKind.META_SET:
      return NftType.META;
    case NftExprKind.LOOKUP:
      return NftType.LOOKUP;
    case NftExprKind.COUNTER:
      return NftType.COUNTER;
    case NftExprKind.LIMIT:
      return NftType.LIMIT;
    case NftExprKind.QUOTA:
      return NftType.QUOTA;
    case NftExprKind.LAST:
      return NftType.LAST;
    case NftExprKind.OBJREF:
    case NftExprKind.OBJREF_MAP:
      return NftType.OBJREF;
    case NftExprKind.EXTHDR:
      return NftType.EXTHDR;
    case NftExprKind.EXTHDR_SET:
      return NftType.EXTHDR;
    case NftExprKind.EXTHDR_RESET:
      return NftType.EXTHDR;
    case NftExprKind.DYNSET:
      return NftType.DYNSET;
    case NftExprKind.LOG:
      return NftType.LOG;
    case NftExprKind.REJECT:
      return NftType.REJECT;
    case NftExprKind.FIB:
      return NftType.FIB;
    case NftExprKind.RT:
      return NftType.RT;
    case NftExprKind.SOCKET:
      return NftType.SOCKET;
    case NftExprKind.NUMGEN:
      return NftType.NUMGEN;
    case NftExprKind.HASH:
      return NftType.HASH;
    case NftExprKind.OSF:
      return NftType.OSF;
    case NftExprKind.QUEUE:
      return NftType.QUEUE;
    case NftExprKind.DUP:
      return NftType.DUP;
    case NftExprKind.FWD:
      return NftType.FWD;
    case NftExprKind.NOTRACK:
      return NftType.NOTRACK;
    case NftExprKind.CT:
      return NftType.CT;
    case NftExprKind.CT_SET:
      return NftType.CT;
    case NftExprKind.NAT:
      return NftType.NAT;
    case NftExprKind.MASQ:
      return NftType.MASQ;
    case NftExprKind.REDIR:
      return NftType.REDIR;
    case NftExprKind.FLOW_OFFLOAD:
      return NftType.FLOW_OFFLOAD;
    case NftExprKind.CONNLIMIT:
      return NftType.CONNLIMIT;
    case NftExprKind.TPROXY:
      return NftType.TPROXY;
  }
  return NftType.COUNT;
}

/** May stand in an element or an object: it keeps something. Linux: NFT_EXPR_STATEFUL. */
function kindStateful(kind: u32): bool {
  switch (kind) {
    case NftExprKind.COUNTER:
    case NftExprKind.LIMIT:
    case NftExprKind.QUOTA:
    case NftExprKind.LAST:
    case NftExprKind.CONNLIMIT:
      return true;
  }
  return false;
}

function kindInit(ctx: Ctx, kind: u32, rec: usize, tb: usize): i32 {
  switch (kind) {
    case NftExprKind.IMMEDIATE:
      return immediateInit(ctx, rec, tb);
    case NftExprKind.CMP:
      return cmpInit(ctx, rec, tb);
    case NftExprKind.RANGE:
      return rangeInit(ctx, rec, tb);
    case NftExprKind.BITWISE:
      return bitwiseInit(ctx, rec, tb);
    case NftExprKind.BYTEORDER:
      return byteorderInit(ctx, rec, tb);
    case NftExprKind.PAYLOAD:
      return payloadInit(ctx, rec, tb);
    case NftExprKind.PAYLOAD_SET:
      return payloadSetInit(ctx, rec, tb);
    case NftExprKind.META:
      return metaInit(ctx, rec, tb);
    case NftExprKind.META_SET:
      return metaSetInit(ctx, rec, tb);
    case NftExprKind.LOOKUP:
      return lookupInit(ctx, rec, tb);
    case NftExprKind.COUNTER:
      return counterInit(ctx, rec, tb);
    case NftExprKind.LIMIT:
      return limitInit(ctx, rec, tb);
    case NftExprKind.QUOTA:
      return quotaInit(ctx, rec, tb);
    case NftExprKind.LAST:
      return lastInit(ctx, rec, tb);
    case NftExprKind.OBJREF:
      return objrefInit(ctx, rec, tb);
    case NftExprKind.OBJREF_MAP:
      return objrefMapInit(ctx, rec, tb);
    case NftExprKind.EXTHDR:
      return exthdrInit(ctx, rec, tb);
    case NftExprKind.EXTHDR_SET:
      return exthdrSetInit(ctx, rec, tb);
    case NftExprKind.EXTHDR_RESET:
      return exthdrResetInit(ctx, rec, tb);
    case NftExprKind.DYNSET:
      return dynsetInit(ctx, rec, tb);
    case NftExprKind.LOG:
      return logInit(ctx, rec, tb);
    case NftExprKind.REJECT:
      return rejectInit(ctx, rec, tb);
    case NftExprKind.FIB:
      return fibInit(ctx, rec, tb);
    case NftExprKind.RT:
      return rtInit(ctx, rec, tb);
    case NftExprKind.SOCKET:
      return socketInit(ctx, rec, tb);
    case NftExprKind.NUMGEN:
      return numgenInit(ctx, rec, tb);
    case NftExprKind.HASH:
      return hashExprInit(ctx, rec, tb);
    case NftExprKind.OSF:
      return osfInit(ctx, rec, tb);
    case NftExprKind.QUEUE:
      return queueInit(ctx, rec, tb);
    case NftExprKind.DUP:
      return dupInit(ctx, rec, tb);
    case NftExprKind.FWD:
      return fwdInit(ctx, rec, tb);
    case NftExprKind.NOTRACK:
      return 0;
    case NftExprKind.CT:
      return ctInit(ctx, rec, tb);
    case NftExprKind.CT_SET:
      return ctSetInit(ctx, rec, tb);
    case NftExprKind.NAT:
      return natInit(ctx, rec, tb);
    case NftExprKind.MASQ:
      return masqInit(ctx, rec, tb);
    case NftExprKind.REDIR:
      return redirInit(ctx, rec, tb);
    case NftExprKind.FLOW_OFFLOAD:
      return flowInit(ctx, rec, tb);
    case NftExprKind.CONNLIMIT:
      return connlimitInit(ctx, rec, tb);
    case NftExprKind.TPROXY:
      return tproxyInit(ctx, rec, tb);
  }
  return -Errno.EOPNOTSUPP;
}

function kindDump(kind: u32, rec: usize, out: NlOut, reset: bool): void {
  switch (kind) {
    case NftExprKind.IMMEDIATE:
      immediateDump(rec, out);
      return;
    case NftExprKind.CMP:
      cmpDump(rec, out);
      return;
    case NftExprKind.RANGE:
      rangeDump(rec, out);
      return;
    case NftExprKind.BITWISE:
      bitwiseDump(rec, out);
      return;
    case NftExprKind.BYTEORDER:
      byteorderDump(rec, out);
      return;
    case NftExprKind.PAYLOAD:
      payloadDump(rec, out);
      return;
    case NftExprKind.PAYLOAD_SET:
      payloadSetDump(rec, out);
      return;
    case NftExprKind.META:
      metaDump(rec, out);
      return;
    case NftExprKind.META_SET:
      metaSetDump(rec, out);
      return;
    case NftExprKind.LOOKUP:
      lookupDump(rec, out);
      return;
    case NftExprKind.COUNTER:
      counterDump(rec, out, reset);
      return;
    case NftExprKind.LIMIT:
      limitDump(rec, out);
      return;
    case NftExprKind.QUOTA:
      quotaDump(rec, out, reset);
      return;
    case NftExprKind.LAST:
      lastDump(rec, out);
      return;
    case NftExprKind.OBJREF:
      objrefDump(rec, out);
      return;
    case NftExprKind.OBJREF_MAP:
      objrefMapDump(rec, out);
      return;
    case NftExprKind.EXTHDR:
      exthdrDump(rec, out);
      return;
    case NftExprKind.EXTHDR_SET:
      exthdrSetDump(rec, out);
      return;
    case NftExprKind.EXTHDR_RESET:
      exthdrResetDump(rec, out);
      return;
    case NftExprKind.DYNSET:
      dynsetDump(rec, out);
      return;
    case NftExprKind.LOG:
      logDump(rec, out);
      return;
    case NftExprKind.REJECT:
      rejectDump(rec, out);
      return;
    case NftExprKind.FIB:
      fibDump(rec, out);
      return;
    case NftExprKind.RT:
      rtDump(rec, out);
      return;
    case NftExprKind.SOCKET:
      socketDump(rec, out);
      return;
    case NftExprKind.NUMGEN:
      numgenDump(rec, out);
      return;
    case NftExprKind.HASH:
      hashExprDump(rec, out);
      return;
    case NftExprKind.OSF:
      osfDump(rec, out);
      return;
    case NftExprKind.QUEUE:
      queueDump(rec, out);
      return;
    case NftExprKind.DUP:
      dupDump(rec, out);
      return;
    case NftExprKind.FWD:
      fwdDump(rec, out);
      return;
    case NftExprKind.CT:
      ctDump(rec, out);
      return;
    case NftExprKind.CT_SET:
      ctSetDump(rec, out);
      return;
    case NftExprKind.NAT:
      natDump(rec, out);
      return;
    case NftExprKind.MASQ:
      masqDump(rec, out);
      return;
    case NftExprKind.REDIR:
      redirDump(rec, out);
      return;
    case NftExprKind.FLOW_OFFLOAD:
      flowDump(rec, out);
      return;
    case NftExprKind.CONNLIMIT:
      connlimitDump(rec, out);
      return;
    case NftExprKind.TPROXY:
      tproxyDump(rec, out);
      return;
  }
}

/** Reads the expression of `type` with its attributes at `data` (0: none) into `rec`. Its size, or a negative errno. */
export function exprInitType(ctx: Ctx, type: u32, data: usize, rec: usize, room: u32): i32 {
  const highest = typeMax(type);
  const tb = tbPush(ctx, highest);
  let err =
    data === 0
      ? nlaParse(tb, highest, 0, 0, typePolicy(type))
      : nlaParseNested(tb, highest, data, typePolicy(type));
  let size: u32 = 0;
  if (err === 0) {
    const kind = <u32>kindOf(type, tb);
    size = kindSize(kind);
    if (kind === <u32>NftExprKind.MAX) err = -Errno.EINVAL;
    else if (kind === <u32>NftExprKind.NONE || size === 0) err = -Errno.EOPNOTSUPP;
    else if (size > room) err = -Errno.EINVAL;
    else {
      memory.fill(rec, 0, size);
      store<u8>(rec, <u8>kind);
      store<u16>(rec, <u16>size, Nb.SIZE);
      err = kindInit(ctx, kind, rec, tb);
      if (err === 0) err = trackGet(ctx, kind, rec);
    }
  }
  tbPop(ctx, tb);
  return err === 0 ? <i32>size : err;
}

/** Is there an expression of that name in the tables of this family. */
function typeInFamily(type: u32, family: u32): bool {
  const netdev = family === <u32>NfProto.NETDEV;
  if (type === <u32>NftType.FWD) return netdev;
  if (type !== <u32>NftType.DUP) return true;
  return netdev || family === <u32>NfProto.IPV4 || family === <u32>NfProto.IPV6;
}

/** Reads an expression (NFTA_EXPR_*) into `rec`, where `room` bytes are. Its size, or a negative errno. */
export function exprParse(ctx: Ctx, nla: usize, rec: usize, room: u32): i32 {
  const tb = tbPush(ctx, NftaExpr.MAX);
  const err = nlaParseNested(tb, NftaExpr.MAX, nla, EXPR_POLICY);
  const name = tbGet(tb, NftaExpr.NAME);
  const data = tbGet(tb, NftaExpr.DATA);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  if (name === 0) return -Errno.EINVAL;
  const type = typeByName(name);
  if (type === <u32>NftType.COUNT || !typeInFamily(type, ctx.family)) return -Errno.ENOENT;
  return exprInitType(ctx, type, data, rec, room);
}

/** One expression as attribute `attr`: name, and data when it has any. */
export function exprDump(rec: usize, out: NlOut, attr: u32, reset: bool): void {
  const kind = <u32>load<u8>(rec);
  const nest = nlaNestStart(out, attr);
  const type = <u32>typeOfKind(kind);
  nlaPutString(out, NftaExpr.NAME, typeName(type), typeNameLen(type));
  if (kind !== <u32>NftExprKind.NOTRACK) {
    const data = nlaNestStart(out, NftaExpr.DATA);
    kindDump(kind, rec, out, reset);
    nlaNestEnd(out, data);
  }
  nlaNestEnd(out, nest);
}

/** What an expression holds is let go of: its rule goes from the transaction's sight. */
export function exprDeactivate(rec: usize): void {
  switch (<u32>load<u8>(rec)) {
    case NftExprKind.IMMEDIATE:
      immediateDeactivate(rec);
      return;
    case NftExprKind.LOOKUP:
      setRefDeactivate(lookupSet(rec));
      return;
    case NftExprKind.OBJREF:
      changetype<Named>(changetype<usize>(objrefObj(rec))).use--;
      return;
    case NftExprKind.OBJREF_MAP:
      setRefDeactivate(objrefSet(rec));
      return;
    case NftExprKind.DYNSET:
      setRefDeactivate(dynsetSet(rec));
      return;
    case NftExprKind.FLOW_OFFLOAD:
      changetype<Named>(flowTable(rec)).use--;
      return;
  }
}

export function exprActivate(rec: usize): void {
  switch (<u32>load<u8>(rec)) {
    case NftExprKind.IMMEDIATE:
      immediateActivate(rec);
      return;
    case NftExprKind.LOOKUP:
      setRefActivate(lookupSet(rec));
      return;
    case NftExprKind.OBJREF:
      changetype<Named>(changetype<usize>(objrefObj(rec))).use++;
      return;
    case NftExprKind.OBJREF_MAP:
      setRefActivate(objrefSet(rec));
      return;
    case NftExprKind.DYNSET:
      setRefActivate(dynsetSet(rec));
      return;
    case NftExprKind.FLOW_OFFLOAD:
      changetype<Named>(flowTable(rec)).use++;
      return;
  }
}

/** Frees what the records of `len` bytes own; `commit`: with what lives only through them. */
export function exprsDestroy(at: usize, len: u32, commit: bool): void {
  if (at === 0) return;
  for (let o: u32 = 0; o < len; o += load<u16>(at + o, Nb.SIZE)) {
    const rec = at + o;
    switch (<u32>load<u8>(rec)) {
      case NftExprKind.IMMEDIATE:
        immediateDestroy(rec, commit);
        break;
      case NftExprKind.LOOKUP:
        setRefDestroy(lookupSet(rec), commit);
        break;
      case NftExprKind.OBJREF_MAP:
        setRefDestroy(objrefSet(rec), commit);
        break;
      case NftExprKind.DYNSET:
        dynsetDestroy(rec, commit);
        setRefDestroy(dynsetSet(rec), commit);
        break;
      case NftExprKind.LOG:
        logDestroy(rec);
        break;
      case NftExprKind.CT:
      case NftExprKind.CT_SET:
      case NftExprKind.NAT:
      case NftExprKind.MASQ:
      case NftExprKind.REDIR:
      case NftExprKind.CT_HELPER:
      case NftExprKind.CT_EXPECT:
      case NftExprKind.FLOW_OFFLOAD:
        trackPut(rec);
        break;
      case NftExprKind.CT_TIMEOUT:
        ctTimeoutDestroy(rec);
        trackPut(rec);
        break;
      case NftExprKind.CONNLIMIT:
        connlimitDestroy(rec);
        break;
      case NftExprKind.TPROXY:
        tproxyDestroy(rec);
        break;
    }
  }
}

/** Copies of expressions in a new element begin anew. False: no memory; the copies may be destroyed. */
export function exprsClone(at: usize, len: u32): bool {
  let made = true;
  for (let o: u32 = 0; o < len; o += load<u16>(at + o, Nb.SIZE)) {
    const rec = at + o;
    switch (<u32>load<u8>(rec)) {
      case NftExprKind.COUNTER:
        counterClone(rec);
        break;
      case NftExprKind.LIMIT:
        limitClone(rec);
        break;
      case NftExprKind.QUOTA:
        quotaClone(rec);
        break;
      case NftExprKind.LAST:
        lastClone(rec);
        break;
      case NftExprKind.CONNLIMIT:
        if (!connlimitClone(rec)) made = false;
        break;
    }
  }
  return made;
}

const ELEM_EXPRS_BYTES: u32 = 128;

/** Reads one expression, or a list, that must keep something, into new memory: address and bytes to `to`; how many. */
function parseStateful(ctx: Ctx, one: usize, list: usize, to: usize): i32 {
  const buf = kmalloc(ELEM_EXPRS_BYTES);
  if (buf === 0) return -Errno.ENOMEM;
  let used: u32 = 0;
  let n: i32 = 0;
  let err: i32 = 0;
  if (one !== 0) {
    const size = exprParse(ctx, one, buf, ELEM_EXPRS_BYTES);
    if (size < 0) err = size;
    else {
      used = <u32>size;
      n = 1;
    }
  } else {
    let at = nlaData(list);
    let left = nlaLen(list);
    while (err === 0 && nlaOk(at, left)) {
      if (<u32>n === NFT_SET_EXPR_MAX) err = -Errno.E2BIG;
      else if (nlaType(at) !== NFTA_LIST_ELEM) err = -Errno.EINVAL;
      else {
        const size = exprParse(ctx, at, buf + used, ELEM_EXPRS_BYTES - used);
        if (size < 0) err = size;
        else {
          used += <u32>size;
          n++;
        }
      }
      const step = nlaStep(at, left);
      at += step;
      left -= step;
    }
  }
  for (let o: u32 = 0; o < used; o += load<u16>(buf + o, Nb.SIZE)) {
    if (!kindStateful(load<u8>(buf + o))) err = err === 0 ? -Errno.EOPNOTSUPP : err;
  }
  const made = err === 0 && used !== 0 ? kmalloc(used) : 0;
  if (err === 0 && used !== 0 && made === 0) err = -Errno.ENOMEM;
  if (err === 0 && used !== 0) memory.copy(made, buf, used);
  else {
    for (let o: u32 = 0; o < used; o += load<u16>(buf + o, Nb.SIZE)) exprDeactivate(buf + o);
    exprsDestroy(buf, used, false);
  }
  kfree(buf);
  store<u32>(to, made);
  store<u32>(to, used, 4);
  return err === 0 ? n : err;
}

/** What every new element of the set gets. */
export function exprsParse(ctx: Ctx, one: usize, list: usize, set: NftSet): i32 {
  const n = parseStateful(ctx, one, list, changetype<usize>(set) + offsetof<NftSet>('exprs'));
  if (n < 0) {
    set.exprs = 0;
    set.exprsLen = 0;
    return n;
  }
  set.nexprs = <u8>n;
  return 0;
}

/** Expressions of one element: of the kinds that the set says, if it says any. */
export function exprsParseElem(ctx: Ctx, one: usize, list: usize, set: NftSet, more: ElemMore): i32 {
  const n = parseStateful(ctx, one, list, changetype<usize>(more) + offsetof<ElemMore>('exprs'));
  if (n < 0) {
    more.exprs = 0;
    more.exprsLen = 0;
    return n;
  }
  more.nexprs = <u32>n;
  if (set.nexprs === 0) return 0;
  if (<u32>set.nexprs !== <u32>n) return -Errno.EOPNOTSUPP;
  for (let a: u32 = 0, b: u32 = 0; a < set.exprsLen; a += load<u16>(set.exprs + a, Nb.SIZE)) {
    if (load<u8>(set.exprs + a) !== load<u8>(more.exprs + b)) return -Errno.EOPNOTSUPP;
    b += load<u16>(more.exprs + b, Nb.SIZE);
  }
  return 0;
}

/** One expression as `single`, several as a list. */
export function exprsDump(
  at: usize,
  len: u32,
  n: u32,
  out: NlOut,
  single: u32,
  list: u32,
  reset: bool,
): void {
  if (at === 0 || len === 0) return;
  if (n === 1) {
    exprDump(at, out, single, reset);
    return;
  }
  const nest = nlaNestStart(out, list);
  for (let o: u32 = 0; o < len; o += load<u16>(at + o, Nb.SIZE)) exprDump(at + o, out, NFTA_LIST_ELEM, reset);
  nlaNestEnd(out, nest);
}
