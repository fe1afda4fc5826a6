/** All expressions of the IR, found by kind and by name on the wire. */
import { NFTA_LIST_ELEM, NftaExpr } from '../../../assembly/abi/nf_tables.js';
import { NetError } from '../../net_error.js';
import { NlAttrs, type NlAttrWriter } from '../../netlink/nlattr.js';
import { type BitwiseExpr, bitwise } from './bitwise.js';
import { type ByteorderExpr, byteorder } from './byteorder.js';
import { type CmpExpr, cmp } from './cmp.js';
import { type ConnlimitIr, connlimit } from './connlimit.js';
import { type CounterIr, counter } from './counter.js';
import { type CtIr, ct } from './ct.js';
import { type DupIr, dup, type FwdIr, fwd } from './dup.js';
import { type DynsetIr, dynsetOps } from './dynset.js';
import type { ExprOps } from './expr.js';
import { type ExthdrIr, exthdr } from './exthdr.js';
import { type FibIr, fib } from './fib.js';
import { type HashIr, hash } from './hash.js';
import { type ImmediateExpr, immediate } from './immediate.js';
import { type LastIr, last } from './last.js';
import { type LimitIr, limit } from './limit.js';
import { type LogIr, log } from './log.js';
import { type LookupIr, lookup } from './lookup.js';
import { type MasqIr, masq, type RedirIr, redir } from './masq.js';
import { type MetaIr, meta } from './meta.js';
import { type NatIr, nat } from './nat.js';
import { type FlowOffloadIr, flowOffload, type NotrackIr, notrack } from './notrack.js';
import { type NumgenIr, numgen } from './numgen.js';
import { type ObjrefIr, objref } from './objref.js';
import { type OsfIr, osf } from './osf.js';
import { type PayloadIr, payload } from './payload.js';
import { type QueueIr, queue } from './queue.js';
import { type QuotaIr, quota } from './quota.js';
import { type RangeExpr, range } from './range.js';
import { type RejectIr, reject } from './reject.js';
import { type RtIr, rt } from './rt.js';
import { type SocketIr, socket } from './socket.js';
import { type SynproxyIr, synproxy } from './synproxy.js';
import { type TproxyIr, tproxy } from './tproxy.js';
import { type XfrmIr, xfrm } from './xfrm.js';

export type IrExpr =
  | ImmediateExpr
  | CmpExpr
  | RangeExpr
  | BitwiseExpr
  | ByteorderExpr
  | PayloadIr
  | ExthdrIr
  | MetaIr
  | CtIr
  | RtIr
  | SocketIr
  | XfrmIr
  | NumgenIr
  | HashIr
  | FibIr
  | OsfIr
  | LookupIr
  | ObjrefIr
  | CounterIr
  | LimitIr
  | QuotaIr
  | ConnlimitIr
  | LastIr
  | LogIr
  | RejectIr
  | NatIr
  | MasqIr
  | RedirIr
  | TproxyIr
  | SynproxyIr
  | DupIr
  | FwdIr
  | QueueIr
  | NotrackIr
  | FlowOffloadIr
  | DynsetIr;

type Kind = IrExpr['kind'];
type OpsOf<K extends Kind> = ExprOps<Extract<IrExpr, { kind: K }>>;

const REGISTRY: { [K in Kind]: OpsOf<K> } = {
  immediate,
  cmp,
  range,
  bitwise,
  byteorder,
  payload,
  exthdr,
  meta,
  ct,
  rt,
  socket,
  xfrm,
  numgen,
  hash,
  fib,
  osf,
  lookup,
  objref,
  counter,
  limit,
  quota,
  connlimit,
  last,
  log,
  reject,
  nat,
  masq,
  redir,
  tproxy,
  synproxy,
  dup,
  fwd,
  queue,
  notrack,
  flow_offload: flowOffload,
  dynset: dynsetOps({ text: exprText, write: writeExpr, read: readExpr }),
};

function opsOf(kind: string): ExprOps<IrExpr> {
  const ops = (REGISTRY as unknown as Record<string, ExprOps<IrExpr> | undefined>)[kind];
  if (ops === undefined) throw new NetError('EOPNOTSUPP', `expression ${kind} is not known`);
  return ops;
}

export function exprText(expr: IrExpr): string {
  return opsOf(expr.kind).text(expr);
}

/** NFTA_EXPR_NAME and NFTA_EXPR_DATA. */
export function writeExpr(attrs: NlAttrWriter, expr: IrExpr): void {
  const ops = opsOf(expr.kind);
  attrs.text(NftaExpr.NAME, ops.name);
  // What has no attributes has no nest for them either.
  if (expr.kind !== 'notrack') attrs.nest(NftaExpr.DATA, (data) => ops.encode(expr, data));
}

export function readExpr(from: NlAttrs | Uint8Array): IrExpr {
  const attrs = from instanceof Uint8Array ? new NlAttrs(from) : from;
  return opsOf(attrs.text(NftaExpr.NAME) ?? '').decode(
    attrs.nested(NftaExpr.DATA) ?? new NlAttrs(new Uint8Array(0)),
  );
}

export function readExprs(list: NlAttrs): IrExpr[] {
  return list.all(NFTA_LIST_ELEM).map((each) => readExpr(each));
}

export function writeExprs(attrs: NlAttrWriter, type: number, exprs: readonly IrExpr[]): void {
  attrs.nest(type, (list) => {
    for (const expr of exprs) list.nest(NFTA_LIST_ELEM, (nest) => writeExpr(nest, expr));
  });
}
