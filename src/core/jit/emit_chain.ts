/**
 * A chain as functions of WebAssembly, (frame) -> code: a verdict, or NFT_CONTINUE at the chain's end. Linear: rule
 * after rule, each field loaded once. Tree: rules that test the same field in a row become one test, or one branch by
 * table, and the same again with what is left of them; only the order of rules that cannot both match changes.
 *
 *   function of a segment ─ headers there? ─ no ─► the interpreter, from this segment on
 *     │ rule: test … ─ fails ─► next rule
 *     │       count, eval, verdict ─► return
 *     └ end, or a rule that wrote to the packet ─► function of the next segment: loads anew
 */
import {
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  NftCmpOp,
} from '../../../assembly/abi/nf_tables.js';
import { NfProto } from '../../../assembly/abi/nfnl.js';
import { NFT_L4_UNKNOWN, NFT_L4_VALID, NftFrame } from '../../../assembly/abi/nft_frame.js';
import type { BlobRule } from './blob.js';
import { type Code, I32, I64, Mem, Op } from './code.js';
import { foldKey, planDispatch } from './dispatch.js';
import { emitHook, HOOK_PARAMS } from './emit_hook.js';
import { LookupEmitter } from './emit_lookup.js';
import { FRAME, ValueEmitter } from './emit_value.js';
import { headersOf, leading, liftRule, type Lookup, type Rule, type Step, type Test } from './lift.js';
import type { ModuleBuilder } from './module.js';
import { fieldsOf, valueKey } from './value.js';

/**
 * Rules of one function: V8's optimising compiler gives up on much longer ones (measured: slower from about 500 on). One
 * branch by table goes over more, so that packets meet as few functions as may be.
 */
const SEGMENT_RULES: Readonly<Record<JitMode, number>> = { linear: 400, tree: 2000 };
/** Of a header without options. */
const IPV4_BYTES = 20;
/** Rules that a branch by table is worth. */
const DISPATCH_MIN = 4;

export type JitMode = 'linear' | 'tree';

/** Functions of the core that generated code calls. */
export interface CoreImports {
  /** Type of a chain's function. */
  readonly chainType: number;
  /** Address of the index in the table of a chain's code; undefined: it never has any. */
  codeOf(chain: number): number | undefined;
  /** (frame, address of a RULE): the interpreter from there to the chain's end; a code. */
  readonly interpret: number;
  /** (frame, address of an instruction): the interpreter does this one; a code, NFT_CONTINUE when it goes on. */
  readonly evaluate: number;
  /** (frame, chain): runs another chain; a code. */
  readonly run: number;
  /** (frame): looks for the transport header. */
  readonly transport: number;
}

/** What was built, for people. */
export interface ChainShape {
  rules: number;
  functions: number;
  /** Of its code. */
  bytes: number;
  /** Rules behind a branch by table, and such branches. */
  dispatched: number;
  dispatches: number;
  /** Instructions left to the interpreter. */
  evaluated: number;
}

/** Rest of a rule: its steps from `next` on. */
interface Pending {
  readonly rule: Rule;
  readonly next: number;
}

const test = ({ rule, next }: Pending): Test | undefined => {
  const step = rule.steps[next];
  return step?.kind === 'test' ? step : undefined;
};
const isEqual = (t: Test | undefined): t is Test => t?.op === NftCmpOp.EQ && t.len <= 8;
const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((x, i) => x === b[i]);

/** Emits the chain whose rules are these; the numbers of its first function in the module, and of that of its hook. */
export function emitChain(
  view: DataView,
  blob: { rules: readonly BlobRule[]; end: number },
  builder: ModuleBuilder,
  imports: CoreImports,
  mode: JitMode,
  hooked: boolean,
): { name: string; hook?: string; shape: ChainShape } {
  const rules = blob.rules.map((rule) => liftRule(view, rule));
  const segments = split(rules, SEGMENT_RULES[mode]);
  const shape: ChainShape = {
    rules: rules.length,
    functions: 0,
    bytes: 0,
    dispatched: 0,
    dispatches: 0,
    evaluated: 0,
  };
  const mark = builder.mark();
  const functions = segments.map(() => builder.func([I32], [I32]));
  segments.forEach((segment, i) => {
    shape.functions++;
    new SegmentEmitter(functions[i]!.code, segment, view, imports, mode, shape).emit(functions[i + 1]?.index);
  });
  const hook = hooked ? builder.func(HOOK_PARAMS, [I32]) : undefined;
  if (hook !== undefined) emitHook(view, rules, hook.code);
  shape.bytes = builder.bytesSince(mark);
  return { name: functions[0]!.name, ...(hook === undefined ? {} : { hook: hook.name }), shape };
}

/** Behind a rule that writes, and where a function would be too long. An empty chain is one segment. */
function split(rules: readonly Rule[], most: number): Rule[][] {
  const segments: Rule[][] = [[]];
  for (const rule of rules) {
    const segment = segments.at(-1)!;
    segment.push(rule);
    if (rule.writes || segment.length === most) segments.push([]);
  }
  if (segments.length > 1 && segments.at(-1)!.length === 0) segments.pop();
  return segments;
}

class SegmentEmitter {
  private readonly nh: number;
  private readonly th: number;
  private readonly result: number;
  private readonly values: ValueEmitter;
  private readonly lookups: LookupEmitter;

  constructor(
    private readonly code: Code,
    private readonly rules: readonly Rule[],
    view: DataView,
    private readonly imports: CoreImports,
    private readonly mode: JitMode,
    private readonly shape: ChainShape,
  ) {
    this.nh = code.local(I32);
    this.th = code.local(I32);
    this.result = code.local(I32);
    this.values = new ValueEmitter(code, this.nh, this.th, (field) =>
      code.localGet(FRAME).mem(Mem.i32_load, field),
    );
    this.lookups = new LookupEmitter(code, this.values, view, {
      verdict: (verdict, chain, depth) => this.verdict(verdict, chain, depth),
      found: (elem, dataAt, depth) => this.found(elem, dataAt, depth),
      evaluate: (lookup, depth) => this.evaluateLookup(lookup, depth),
    });
  }

  emit(next: number | undefined): void {
    if (this.rules.length > 0) this.prologue();
    this.list(this.rules.map((rule) => ({ rule, next: 0 })));
    if (next === undefined) this.code.i32Const(NFT_CONTINUE);
    else this.code.localGet(FRAME).call(next);
  }

  /** Packets without the headers that these rules look at are the interpreter's: it knows what each rule makes of them. */
  private prologue(): void {
    const { code } = this;
    const { network, transport, protocol } = headersOf(this.rules.flatMap(({ steps }) => steps));
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.NH).localSet(this.nh);
    if (network > 0) {
      code.localGet(FRAME).mem(Mem.i32_load, NftFrame.NH_LEN).i32Const(network).op(Op.i32_lt_u);
      this.interpretIf();
    }
    if (!protocol) return;
    this.transport();
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.L4).i32Const(NFT_L4_VALID).op(Op.i32_ne);
    this.interpretIf();
    if (transport === 0) return;
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.FRAGOFF);
    this.interpretIf();
    code
      .localGet(FRAME)
      .mem(Mem.i32_load, NftFrame.THOFF)
      .localTee(this.th)
      .i32Const(transport)
      .op(Op.i32_add);
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.NH_LEN).op(Op.i32_gt_u);
    this.interpretIf();
    code.localGet(this.th).localGet(this.nh).op(Op.i32_add).localSet(this.th);
  }

  /** Looks for the transport header when nobody has; of IPv4 by itself, as nft_pkt does. */
  private transport(): void {
    const { code, nh } = this;
    const store = (field: NftFrame, value: () => void) => {
      code.localGet(FRAME);
      value();
      code.mem(Mem.i32_store, field);
    };
    const byte = (at: number) => code.localGet(nh).mem(Mem.i32_load8_u, at);
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.L4).i32Const(NFT_L4_UNKNOWN).op(Op.i32_eq).if();
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.FAMILY).i32Const(NfProto.IPV4).op(Op.i32_eq);
    code.localGet(FRAME).mem(Mem.i32_load, NftFrame.NH_LEN).i32Const(IPV4_BYTES).op(Op.i32_ge_u);
    code.op(Op.i32_and).if();
    store(NftFrame.TPROT, () => byte(9));
    store(NftFrame.THOFF, () => byte(0).i32Const(15).op(Op.i32_and).i32Const(2).op(Op.i32_shl));
    store(NftFrame.FRAGOFF, () => {
      byte(6).i32Const(0x1f).op(Op.i32_and).i32Const(8).op(Op.i32_shl);
      byte(7).op(Op.i32_or);
    });
    store(NftFrame.L4, () => code.i32Const(NFT_L4_VALID));
    code.else().localGet(FRAME).call(this.imports.transport).op(Op.drop).end().end();
  }

  private interpretIf(): void {
    const { code } = this;
    code.if().localGet(FRAME).i32Const(this.rules[0]!.at).call(this.imports.interpret).op(Op.return).end();
  }

  /** Rules one after the other: falls out at the end when none decided. */
  private list(rules: readonly Pending[]): void {
    for (let i = 0; i < rules.length; ) {
      const run = this.mode === 'tree' ? sameField(rules, i) : 1;
      if (run > 1) this.run(rules.slice(i, i + run));
      else this.rule(rules[i]!);
      i += run;
    }
  }

  private rule({ rule, next }: Pending): void {
    const steps = rule.steps.slice(next);
    for (const { value, len } of leading(steps)) this.values.load(value, len);
    // What is loaded behind a step that may end the rule is not loaded for the next.
    const before = this.values.enter();
    this.code.block();
    for (const step of steps) if (!this.step(step)) break;
    this.code.end();
    this.values.leave(before);
  }

  /** One step inside the block of its rule. False: nothing behind it is reached. */
  private step(step: Step): boolean {
    const { code } = this;
    switch (step.kind) {
      case 'test':
        this.values.test(step, 0);
        return true;
      case 'count':
        this.values.count(step.record);
        return true;
      case 'store':
        this.values.store(step.register, step.value);
        return true;
      case 'tracked':
        this.values.conn();
        code.op(Op.i32_eqz).brIf(0);
        return true;
      case 'lookup':
        this.lookups.emit(step);
        return true;
      case 'verdict':
        this.verdict(step.code, step.chain, 0);
        return false;
      case 'eval':
        this.shape.evaluated++;
        this.evaluate(step.at, 0);
        return true;
    }
  }

  /** The rule's end is `depth` out. */
  private verdict(verdict: number, chain: number, depth: number): void {
    const { code } = this;
    if (verdict === NFT_CONTINUE || verdict === NFT_BREAK) code.br(depth);
    else if (verdict === NFT_JUMP) {
      this.runChain(chain);
      this.jumped(depth);
    } else if (verdict === NFT_GOTO) {
      this.runChain(chain);
      code.op(Op.return);
    } else code.i32Const(verdict).op(Op.return);
  }

  /** The verdict of a map's element. */
  private found(elem: number, dataAt: number, depth: number): void {
    const { code, result } = this;
    code
      .localGet(FRAME)
      .localGet(elem)
      .mem(Mem.i32_load, dataAt + 4)
      .mem(Mem.i32_store, NftFrame.CHAIN);
    code.localGet(elem).mem(Mem.i32_load, dataAt).localTee(result);
    code.i32Const(NFT_CONTINUE).op(Op.i32_ne).if();
    this.decided(depth);
    code.end();
  }

  private evaluateLookup(lookup: Lookup, depth: number): void {
    for (const { register, value } of lookup.key) this.values.store(register, value);
    this.evaluate(lookup.at, depth);
  }

  /** The interpreter does one instruction. */
  private evaluate(at: number, depth: number): void {
    const { code, imports } = this;
    code.localGet(FRAME).i32Const(at).call(imports.evaluate).localTee(this.result);
    code.i32Const(NFT_CONTINUE).op(Op.i32_ne).if();
    this.decided(depth);
    code.end();
  }

  /** Another chain, its code on the stack: by its function, when it has one. */
  private runChain(chain: number): void {
    const { code, imports, result } = this;
    const at = imports.codeOf(chain);
    if (at === undefined) {
      code.localGet(FRAME).i32Const(chain).call(imports.run);
      return;
    }
    code.i32Const(at).mem(Mem.i32_load, 0).localTee(result).if();
    code.localGet(FRAME).localGet(result).callIndirect(imports.chainType).localSet(result);
    code.else().localGet(FRAME).i32Const(chain).call(imports.run).localSet(result);
    code.end().localGet(result);
  }

  /** Back from a jump, its code on the stack: a verdict ends here too, all else is the next rule, `depth` out. */
  private jumped(depth: number): void {
    const { code } = this;
    code.localTee(this.result).i32Const(NFT_CONTINUE).op(Op.i32_eq).brIf(depth);
    code.localGet(this.result).i32Const(NFT_RETURN).op(Op.i32_eq).brIf(depth);
    code.localGet(this.result).op(Op.return);
  }

  /** Inside `if` inside the rule, whose end is `depth` further out, with a code that is not NFT_CONTINUE in `result`. */
  private decided(depth: number): void {
    const { code, imports } = this;
    code
      .localGet(this.result)
      .i32Const(NFT_BREAK)
      .op(Op.i32_eq)
      .brIf(depth + 1);
    const chain = () =>
      code.localGet(FRAME).localGet(FRAME).mem(Mem.i32_load, NftFrame.CHAIN).call(imports.run);
    code.localGet(this.result).i32Const(NFT_JUMP).op(Op.i32_eq).if();
    chain();
    this.jumped(depth + 2);
    code.end();
    code.localGet(this.result).i32Const(NFT_GOTO).op(Op.i32_eq).if();
    chain().op(Op.return).end();
    code.localGet(this.result).op(Op.return);
  }

  /** Rules that all begin with a test of one field for equality. */
  private run(rules: readonly Pending[]): void {
    const { code, values } = this;
    const first = test(rules[0]!)!;
    values.load(first.value, first.len);
    const before = values.enter();
    if (rules.every((rule) => sameBytes(test(rule)!.data, first.data))) {
      code.block();
      values.test(first, 0);
      this.list(rules.map(behind));
      code.end();
    } else this.dispatch(rules);
    values.leave(before);
  }

  /**
   *   block end │ block n-1 │ … │ block 0 │ hash; br_table │ end 0: key? its rules; br end │ end 1: … │ end
   */
  private dispatch(rules: readonly Pending[]): void {
    const { code, values, shape } = this;
    const byKey = groups(rules);
    const plan = planDispatch(byKey.map(({ key }) => key));
    const used = plan.slots.filter((slot) => slot.length > 0);
    shape.dispatches++;
    shape.dispatched += rules.length;
    for (let i = 0; i <= used.length; i++) code.block();
    const wide = values.single(test(rules[0]!)!);
    if (wide) {
      const local = values.temporary(I64);
      code.localTee(local).op(Op.i32_wrap_i64).localGet(local).i64Const(32, 0).op(Op.i64_shr_u);
      code.op(Op.i32_wrap_i64).op(Op.i32_xor);
    }
    code
      .i32Const(plan.multiplier)
      .op(Op.i32_mul)
      .i32Const(32 - plan.bits)
      .op(Op.i32_shr_u);
    let filled = 0;
    code.brTable(
      plan.slots.map((slot) => (slot.length > 0 ? filled++ : used.length)),
      used.length,
    );
    used.forEach((slot, i) => {
      code.end();
      for (const index of slot) {
        const before = values.enter();
        code.block();
        values.test(test(byKey[index]!.rules[0]!)!, 0);
        this.list(byKey[index]!.rules.map(behind));
        // Equal to this key is different from all others.
        code.br(used.length - i);
        code.end();
        values.leave(before);
      }
      code.br(used.length - 1 - i);
    });
    code.end();
  }
}

const behind = ({ rule, next }: Pending): Pending => ({ rule, next: next + 1 });

/** How many rules from `from` on begin with a test of the same value for equality: as many as are worth a run, or 1. */
function sameField(rules: readonly Pending[], from: number): number {
  const first = test(rules[from]!);
  if (!isEqual(first)) return 1;
  const key = valueKey(first.value, first.len);
  let n = 1;
  let same = true;
  for (; from + n < rules.length; n++) {
    const other = test(rules[from + n]!);
    if (!isEqual(other) || valueKey(other.value, other.len) !== key) break;
    same &&= sameBytes(other.data, first.data);
  }
  if (n >= DISPATCH_MIN || (same && n > 1)) return n;
  return 1;
}

/** The rules by what they compare with, in their order. */
function groups(rules: readonly Pending[]): { key: number; rules: Pending[] }[] {
  const byData = new Map<string, { key: number; rules: Pending[] }>();
  for (const rule of rules) {
    const { data, value, len } = test(rule)!;
    const name = data.join();
    let group = byData.get(name);
    if (group === undefined) {
      const word = (from: number) =>
        (data[from] ?? 0) |
        ((data[from + 1] ?? 0) << 8) |
        ((data[from + 2] ?? 0) << 16) |
        ((data[from + 3] ?? 0) << 24);
      group = { key: foldKey(word(0), fieldsOf(value.source, len)[0]!.len > 4 ? word(4) : 0), rules: [] };
      byData.set(name, group);
    }
    group.rules.push(rule);
  }
  return [...byData.values()];
}
