/**
 * Code: the body of one generated function, as it is emitted. A method per instruction that the generator uses, named
 * as in the specification's text format; operands are encoded at once, so what has been said is what runs.
 * WebAssembly core specification, chapter 5.4 (binary format of instructions).
 *
 *   code.localGet(0); code.i32Const(9); code.op(Op.i32_eq); code.brIf(1);
 */

/** Value types (specification 5.3.1). */
export const I32 = 0x7f;
export const I64 = 0x7e;

/** Instructions without operands. */
export enum Op {
  end = 0x0b,
  return = 0x0f,
  drop = 0x1a,
  select = 0x1b,
  i32_eqz = 0x45,
  i32_eq = 0x46,
  i32_ne = 0x47,
  i32_lt_u = 0x49,
  i32_gt_u = 0x4b,
  i32_le_u = 0x4d,
  i32_ge_u = 0x4f,
  i64_eqz = 0x50,
  i64_eq = 0x51,
  i64_ne = 0x52,
  i64_lt_u = 0x54,
  i64_gt_u = 0x56,
  i64_le_u = 0x58,
  i64_ge_u = 0x5a,
  i32_add = 0x6a,
  i32_sub = 0x6b,
  i32_mul = 0x6c,
  i32_and = 0x71,
  i32_or = 0x72,
  i32_xor = 0x73,
  i32_shl = 0x74,
  i32_shr_u = 0x76,
  i32_rotl = 0x77,
  i64_ctz = 0x7a,
  i64_add = 0x7c,
  i64_sub = 0x7d,
  i64_mul = 0x7e,
  i64_and = 0x83,
  i64_or = 0x84,
  i64_xor = 0x85,
  i64_shl = 0x86,
  i64_shr_u = 0x88,
  i32_wrap_i64 = 0xa7,
  i64_extend_i32_u = 0xad,
}

/** Loads and stores: opcode, and the alignment that is promised (1: none is). */
export enum Mem {
  i32_load = 0x28,
  i64_load = 0x29,
  i32_load8_u = 0x2d,
  i32_load16_u = 0x2f,
  i64_load32_u = 0x35,
  i32_store = 0x36,
  i64_store = 0x37,
  i32_store8 = 0x3a,
}

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const CALL = 0x10;
const CALL_INDIRECT = 0x11;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const NO_RESULT = 0x40;

/** Bytes that grow: what both code and module are written into. */
export class Bytes {
  private buffer = new Uint8Array(256);
  length = 0;

  private room(n: number): void {
    if (this.length + n <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + n));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  u8(value: number): this {
    this.room(1);
    this.buffer[this.length++] = value;
    return this;
  }

  /** Unsigned LEB128 of a 32-bit number (specification 5.2.2). */
  u32(value: number): this {
    let rest = value >>> 0;
    this.room(5);
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
    return this;
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): this {
    let rest = value | 0;
    this.room(5);
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.buffer[this.length++] = low;
        return this;
      }
      this.buffer[this.length++] = low | 0x80;
    }
  }

  /** Signed LEB128 of a 64-bit number in two words. */
  s64(lo: number, hi: number): this {
    let rest = (BigInt(hi | 0) << 32n) | BigInt(lo >>> 0);
    this.room(10);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
        this.buffer[this.length++] = low;
        return this;
      }
      this.buffer[this.length++] = low | 0x80;
    }
  }

  bytes(from: Uint8Array): this {
    this.room(from.length);
    this.buffer.set(from, this.length);
    this.length += from.length;
    return this;
  }

  /** A name: its length, then UTF-8. */
  name(text: string): this {
    const encoded = new TextEncoder().encode(text);
    return this.u32(encoded.length).bytes(encoded);
  }

  /** What was written, without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

/** One function's instructions and locals. Parameters are the first locals. */
export class Code {
  readonly body = new Bytes();
  private readonly locals: number[] = [];

  constructor(private readonly params: number) {}

  /** A further local; its index. */
  local(type: number): number {
    this.locals.push(type);
    return this.params + this.locals.length - 1;
  }

  op(op: Op): this {
    this.body.u8(op);
    return this;
  }

  i32Const(value: number): this {
    this.body.u8(I32_CONST).s32(value);
    return this;
  }

  i64Const(lo: number, hi: number): this {
    this.body.u8(I64_CONST).s64(lo, hi);
    return this;
  }

  localGet(index: number): this {
    this.body.u8(LOCAL_GET).u32(index);
    return this;
  }

  localSet(index: number): this {
    this.body.u8(LOCAL_SET).u32(index);
    return this;
  }

  localTee(index: number): this {
    this.body.u8(LOCAL_TEE).u32(index);
    return this;
  }

  /** Address (and value, for a store) are on the stack. */
  mem(op: Mem, offset: number): this {
    this.body.u8(op).u8(0).u32(offset);
    return this;
  }

  block(): this {
    this.body.u8(BLOCK).u8(NO_RESULT);
    return this;
  }

  loop(): this {
    this.body.u8(LOOP).u8(NO_RESULT);
    return this;
  }

  /** Runs up to `else` or `end` when the stack's top is not zero. */
  if(): this {
    this.body.u8(IF).u8(NO_RESULT);
    return this;
  }

  else(): this {
    this.body.u8(ELSE);
    return this;
  }

  end(): this {
    return this.op(Op.end);
  }

  br(depth: number): this {
    this.body.u8(BR).u32(depth);
    return this;
  }

  brIf(depth: number): this {
    this.body.u8(BR_IF).u32(depth);
    return this;
  }

  brTable(depths: readonly number[], otherwise: number): this {
    this.body.u8(BR_TABLE).u32(depths.length);
    for (const depth of depths) this.body.u32(depth);
    this.body.u32(otherwise);
    return this;
  }

  /** The function whose table index is on the stack, behind its arguments. */
  callIndirect(type: number): this {
    this.body.u8(CALL_INDIRECT).u32(type).u8(0);
    return this;
  }

  call(func: number): this {
    this.body.u8(CALL).u32(func);
    return this;
  }

  /** As the code section has it: runs of locals, instructions, end (specification 5.5.13). */
  finish(into: Bytes): void {
    const head = new Bytes();
    const runs: { type: number; n: number }[] = [];
    for (const type of this.locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.n++;
      else runs.push({ type, n: 1 });
    }
    head.u32(runs.length);
    for (const run of runs) head.u32(run.n).u8(run.type);
    into
      .u32(head.length + this.body.length + 1)
      .bytes(head.view())
      .bytes(this.body.view())
      .u8(Op.end);
  }
}
