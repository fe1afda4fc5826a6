/** A rule's instructions, one after the other, as statements. What is not a statement goes into a register and is used later. */
import type { Chain, Rule, Statement } from '../ast.js';
import type { CmpExpr } from '../expr/cmp.js';
import type { IrExpr } from '../expr/registry.js';
import type { LookupIr } from '../expr/lookup.js';
import type { IrRule } from '../ir.js';
import { commentOf } from '../linearize/userdata.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';
import { DelinearizeContext } from './context.js';
import { isAnonymous, type SetIndex } from './index_sets.js';
import { loaded, partsOf, resolve } from './load.js';
import { mangleCt, mangleHeader, mangleMeta, mangleOption, resetOption } from './mangle.js';
import { compare, compareRange } from './match.js';
import { masqStatement, natStatement, tproxyStatement } from './nat.js';
import type { Operand } from './operand.js';
import { RegisterFile } from './registers.js';
import { anonymousMap } from './set_expression.js';
import { stateStatement } from './state.js';
import * as statements from './statement.js';
import type { ListNames } from './value.js';

/** Chains without a name, by the name the kernel gave them: a verdict has their rules within. */
export type BoundChains = (name: string) => Chain | undefined;

class RuleReader {
  private readonly registers = new RegisterFile();

  constructor(
    private readonly ctx: DelinearizeContext,
    private readonly bound: BoundChains,
  ) {}

  read(exprs: readonly IrExpr[]): void {
    for (let at = 0; at < exprs.length; at++) {
      const expr = exprs[at]!;
      const next = exprs[at + 1];
      if (expr.kind === 'cmp') {
        if (this.comparison(expr, next)) at++;
        continue;
      }
      if (this.load(expr)) continue;
      const stmt = this.statement(expr);
      if (stmt !== undefined) this.ctx.stmts.push(stmt);
    }
  }

  /** True: `next` belongs to it, the other end of a range. */
  private comparison({ sreg, op, data }: CmpExpr, next: IrExpr | undefined): boolean {
    const operand = this.registers.key(sreg, data.length);
    if (operand === undefined) return false;
    if (op === 'gte' && next?.kind === 'cmp' && next.op === 'lte' && next.sreg === sreg) {
      compareRange(this.ctx, 'eq', operand, data, next.data);
      return true;
    }
    compare(this.ctx, op, operand, data);
    return false;
  }

  private load(expr: IrExpr): boolean {
    const operand = this.operandOf(expr);
    if (operand === undefined || !('dreg' in expr) || expr.dreg === undefined) return false;
    this.registers.set(expr.dreg, operand);
    return true;
  }

  private operandOf(expr: IrExpr): Operand | undefined {
    switch (expr.kind) {
      case 'bitwise': {
        const left = this.registers.get(expr.sreg);
        if (left === undefined) return undefined;
        if (expr.op === 'bool') return { kind: 'mask', left, mask: expr.mask, xor: expr.xor };
        const by = new DataView(expr.data.buffer, expr.data.byteOffset).getUint32(0, true);
        return { kind: 'shift', op: expr.op === 'lshift' ? '<<' : '>>', left, by };
      }
      case 'byteorder': {
        const left = this.registers.get(expr.sreg);
        return left && { kind: 'swap', left };
      }
      case 'lookup': {
        if (expr.dreg === undefined || expr.dreg === 0) return undefined;
        const key = this.keyOf(expr.sreg, expr.set);
        const bytes = this.ctx.sets.find(this.ctx.family, this.ctx.table, expr.set)?.set.dataLen ?? 0;
        return key && { kind: 'map', key, set: expr.set, bytes };
      }
      case 'hash': {
        if (expr.type !== 'jhash') return loaded(this.ctx, expr);
        const arg = this.registers.key(expr.sreg, expr.len);
        const { modulus: mod, seed, offset } = expr;
        const rest = { mod, ...(seed !== undefined && { seed }), ...(offset !== 0 && { offset }) };
        return arg && { kind: 'jhash', arg, make: (of) => ({ kind: 'jhash', expr: of, ...rest, loc }) };
      }
      default:
        return loaded(this.ctx, expr);
    }
  }

  private keyOf(sreg: number, set: string): Operand | undefined {
    const known = this.ctx.sets.find(this.ctx.family, this.ctx.table, set);
    return this.registers.key(sreg, known?.set.keyLen ?? 0);
  }

  private lookup({ sreg, set, dreg, invert }: LookupIr): Statement | undefined {
    const { ctx } = this;
    const known = ctx.sets.find(ctx.family, ctx.table, set);
    const key = this.keyOf(sreg, set);
    if (key === undefined) return undefined;
    const left = resolve(ctx, key).expr;
    const data =
      known === undefined || !isAnonymous(known.set)
        ? ({ kind: 'set reference', name: set, loc } as const)
        : anonymousMap(ctx, known, partsOf(ctx, key));
    if (dreg === 0) return { kind: 'vmap', key: left, data, loc };
    // Behind `x & y` the operator is written out.
    const op = left.kind === 'binary' && data.kind === 'set' ? '==' : 'in';
    return { kind: 'match', op: invert ? '!=' : op, left, right: data, loc };
  }

  private statement(expr: IrExpr): Statement | undefined {
    const { ctx, registers } = this;
    switch (expr.kind) {
      case 'immediate': {
        if (expr.data instanceof Uint8Array) return undefined;
        const verdict = statements.verdictOf(expr.data);
        const chain = verdict.target === undefined ? undefined : this.bound(verdict.target);
        if (chain === undefined) return { kind: 'verdict', ...verdict, loc };
        return { kind: 'verdict', verdict: verdict.verdict, chain, loc };
      }
      case 'range': {
        const operand = registers.key(expr.sreg, expr.from.length);
        if (operand !== undefined) compareRange(ctx, expr.op, operand, expr.from, expr.to);
        return undefined;
      }
      case 'lookup':
        return this.lookup(expr);
      case 'counter':
      case 'limit':
      case 'quota':
      case 'connlimit':
      case 'last':
        return stateStatement(expr);
      case 'log':
        return statements.logStatement(expr);
      case 'reject':
        return statements.rejectStatement(ctx, expr);
      case 'nat':
        return natStatement(ctx, registers, expr);
      case 'masq':
      case 'redir':
        return masqStatement(ctx, registers, expr);
      case 'tproxy':
        return tproxyStatement(ctx, registers, expr);
      case 'synproxy':
        return statements.synproxyStatement(expr);
      case 'dup':
        return statements.dupStatement(ctx, registers, expr);
      case 'fwd':
        return statements.fwdStatement(ctx, registers, expr);
      case 'queue':
        return statements.queueStatement(ctx, registers, expr);
      case 'notrack':
        return { kind: 'notrack', loc };
      case 'flow_offload':
        return { kind: 'flow', op: 'add', flowtable: expr.flowtable, loc };
      case 'objref':
        return statements.objrefStatement(ctx, registers, expr);
      case 'dynset':
        return statements.setStatement(ctx, registers, expr);
      case 'payload':
      case 'meta':
      case 'ct':
      case 'exthdr':
        return this.write(expr);
      default:
        return undefined;
    }
  }

  private write(
    expr: Extract<IrExpr, { kind: 'payload' | 'meta' | 'ct' | 'exthdr' }>,
  ): Statement | undefined {
    const { ctx } = this;
    if ('reset' in expr) return resetOption(expr);
    if (!('sreg' in expr)) return undefined;
    const value = this.registers.get(expr.sreg);
    if (value === undefined) return undefined;
    switch (expr.kind) {
      case 'payload':
        return mangleHeader(ctx, expr, value);
      case 'meta':
        return mangleMeta(ctx, expr, value);
      case 'ct':
        return mangleCt(ctx, expr, value);
      case 'exthdr':
        return mangleOption(ctx, expr, value);
    }
  }
}

export function ruleObject(rule: IrRule, sets: SetIndex, names: ListNames, bound: BoundChains): Rule {
  const { family, table, chain, exprs, handle, userdata } = rule;
  const ctx = new DelinearizeContext(family, table, sets, names);
  new RuleReader(ctx, bound).read(exprs);
  const comment = commentOf(userdata);
  return {
    kind: 'rule',
    family,
    table,
    chain,
    expr: ctx.stmts.filter((stmt) => stmt !== undefined),
    ...(handle !== undefined && { handle: toCount(handle) }),
    ...(comment !== undefined && { comment }),
    loc,
  };
}
