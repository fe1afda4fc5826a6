/** Rules as messages and back. */
import { NftaRule } from '../../../assembly/abi/nf_tables.js';
import type { NlAttrs, NlAttrWriter } from '../../netlink/nlattr.js';
import type { Family } from '../ast.js';
import { readExprs, writeExprs } from '../expr/registry.js';
import type { IrRule } from '../ir.js';

export function writeRule(rule: IrRule, attrs: NlAttrWriter): void {
  attrs.text(NftaRule.TABLE, rule.table);
  if (rule.chainId !== undefined) attrs.u32(NftaRule.CHAIN_ID, rule.chainId);
  else if (rule.chain !== '') attrs.text(NftaRule.CHAIN, rule.chain);
  if (rule.handle !== undefined) attrs.u64(NftaRule.HANDLE, rule.handle);
  if (rule.position !== undefined) attrs.u64(NftaRule.POSITION, rule.position);
  if (rule.exprs.length > 0) writeExprs(attrs, NftaRule.EXPRESSIONS, rule.exprs);
  if (rule.userdata !== undefined) attrs.put(NftaRule.USERDATA, rule.userdata);
  if (rule.id !== undefined) attrs.u32(NftaRule.ID, rule.id);
  if (rule.positionId !== undefined) attrs.u32(NftaRule.POSITION_ID, rule.positionId);
}

export function readRule(family: Family, attrs: NlAttrs): IrRule {
  const handle = attrs.u64(NftaRule.HANDLE);
  const position = attrs.u64(NftaRule.POSITION);
  const userdata = attrs.bytes(NftaRule.USERDATA);
  const id = attrs.u32(NftaRule.ID);
  const positionId = attrs.u32(NftaRule.POSITION_ID);
  const chainId = attrs.u32(NftaRule.CHAIN_ID);
  const list = attrs.nested(NftaRule.EXPRESSIONS);
  return {
    kind: 'rule',
    family,
    table: attrs.text(NftaRule.TABLE) ?? '',
    chain: attrs.text(NftaRule.CHAIN) ?? '',
    exprs: list === undefined ? [] : readExprs(list),
    ...(handle !== undefined && { handle }),
    ...(position !== undefined && { position }),
    ...(userdata !== undefined && { userdata }),
    ...(id !== undefined && { id }),
    ...(positionId !== undefined && { positionId }),
    ...(chainId !== undefined && { chainId }),
  };
}
