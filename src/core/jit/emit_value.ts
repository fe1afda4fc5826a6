/**
 * Code for values and tests. A field is loaded once into a local and stays there while it holds; `enter` and `leave`
 * bracket code that not every packet runs, so that a local filled in there is not taken for filled behind it.
 *
 *   frame.nh, th ─► fields (locals, in the packet's byte order) ─► & mask ─► compare with what the rule has
 */
import { NftCmpOp, NftCt, NftMeta } from '../../../assembly/abi/nf_tables.js';
import { NftFrame, NftFrameConn, NftFrameDev, NftFrameSkb } from '../../../assembly/abi/nft_frame.js';
import { NbCounter } from '../../../assembly/abi/nft_bytecode.js';
import { type Code, I32, I64, Mem, Op } from './code.js';
import type { Store, Test } from './lift.js';
import { BASE_NETWORK, type Field, fieldsOf, type Value } from './value.js';

/** The frame of the packet is the functions' only parameter. */
export const FRAME = 0;
/** Of SkBuff.nfct: IP_CT_*, which is this when the packet is not to be tracked, and from IS_REPLY on of replies. */
const NFCT_INFO = 7;
const IP_CT_UNTRACKED = 7;
const IP_CT_IS_REPLY = 3;
/** By IP_CT_*, four bits each: established 2, related 4, new 8, and the first two of replies. */
const CT_STATES = 0x42842;
const CT_INVALID = 1;
const CT_UNTRACKED = 64;
/** Never written, so a name of no device is read there (assembly/README.md, Memory). */
const ZEROS = 0;

/** Reads as the packet has it: the first byte is the lowest. */
function little(bytes: Uint8Array, from: number, len: number): [lo: number, hi: number] {
  let lo = 0;
  let hi = 0;
  for (let i = 0; i < len; i++) {
    if (i < 4) lo |= bytes[from + i]! << (8 * i);
    else hi |= bytes[from + i]! << (8 * (i - 4));
  }
  return [lo >>> 0, hi >>> 0];
}

/** As a number of `len` bytes, the first byte the highest. */
function big(bytes: Uint8Array, len: number): [lo: number, hi: number] {
  return little(Uint8Array.from(bytes.subarray(0, len)).reverse(), 0, len);
}

/** Where generated code finds what a frame tells of the packet: pushes a word. */
export type FieldCode = (field: NftFrame) => Code;

export class ValueEmitter {
  private loaded = new Map<string, number>();
  private readonly spare: { i32: number[]; i64: number[] } = { i32: [], i64: [] };

  constructor(
    private readonly code: Code,
    private readonly nh: number,
    private readonly th: number,
    private readonly packet: FieldCode,
  ) {}

  /** What is loaded from here on is forgotten by leave(). */
  enter(): Map<string, number> {
    const before = this.loaded;
    this.loaded = new Map(before);
    return before;
  }

  leave(before: Map<string, number>): void {
    this.loaded = before;
  }

  /** Loads `len` bytes of a value, where every packet comes by. */
  load({ source }: Value, len: number): void {
    for (const field of fieldsOf(source, len)) this.field(field);
  }

  /** The local that holds the field. */
  private field(field: Field): number {
    const known = this.loaded.get(field.key);
    if (known !== undefined) return known;
    const local = this.code.local(field.len > 4 ? I64 : I32);
    if (field.source.kind === 'payload') this.payload(field);
    else if (field.source.kind === 'meta') this.meta(field.source.key, field);
    else this.connection(field.source.key);
    this.narrow(field);
    this.code.localSet(local);
    this.loaded.set(field.key, local);
    return local;
  }

  private payload({ source, from, len }: Field): void {
    if (source.kind !== 'payload') return;
    this.loadBytes(source.base === BASE_NETWORK ? this.nh : this.th, source.offset + from, len);
  }

  /** No byte beyond `len` is read: behind them may be the end of memory. */
  private loadBytes(base: number, offset: number, len: number): void {
    const { code } = this;
    const part = (at: number, bytes: number) => {
      const op = bytes === 4 ? Mem.i32_load : bytes === 2 ? Mem.i32_load16_u : Mem.i32_load8_u;
      code.localGet(base).mem(op, offset + at);
    };
    if (len === 8) {
      code.localGet(base).mem(Mem.i64_load, offset);
      return;
    }
    if (len > 4) {
      code.localGet(base).mem(Mem.i64_load32_u, offset);
      this.loadBytes(base, offset + 4, len - 4);
      code.op(Op.i64_extend_i32_u).i64Const(32, 0).op(Op.i64_shl).op(Op.i64_or);
      return;
    }
    if (len !== 3) {
      part(0, len);
      return;
    }
    part(0, 2);
    part(2, 1);
    code.i32Const(16).op(Op.i32_shl).op(Op.i32_or);
  }

  private meta(key: NftMeta, field: Field): void {
    const { code } = this;
    const ofSkb = (offset: number) => this.packet(NftFrame.SKB).mem(Mem.i32_load, offset);
    switch (key) {
      case NftMeta.NFPROTO:
        this.packet(NftFrame.FAMILY);
        return;
      case NftMeta.L4PROTO:
        this.packet(NftFrame.TPROT);
        return;
      case NftMeta.LEN:
        ofSkb(NftFrameSkb.LEN);
        return;
      case NftMeta.MARK:
        ofSkb(NftFrameSkb.MARK);
        return;
      case NftMeta.PRIORITY:
        ofSkb(NftFrameSkb.PRIORITY);
        return;
      case NftMeta.PROTOCOL:
        // Kept in host order, and a register has it as the frame does.
        this.packet(NftFrame.SKB).mem(Mem.i32_load8_u, NftFrameSkb.PROTOCOL);
        code.i32Const(8).op(Op.i32_shl);
        this.packet(NftFrame.SKB).mem(Mem.i32_load8_u, NftFrameSkb.PROTOCOL + 1);
        code.op(Op.i32_or);
        return;
      case NftMeta.IIF:
        this.device(NftFrame.IN, NftFrameDev.IFINDEX).mem(Mem.i32_load, 0);
        return;
      case NftMeta.OIF:
        this.device(NftFrame.OUT, NftFrameDev.IFINDEX).mem(Mem.i32_load, 0);
        return;
      case NftMeta.IIFNAME:
        this.device(NftFrame.IN, NftFrameDev.NAME);
        this.name(field);
        return;
      case NftMeta.OIFNAME:
        this.device(NftFrame.OUT, NftFrameDev.NAME);
        this.name(field);
        return;
      default:
        throw new Error(`meta ${key} is no value of generated code`);
    }
  }

  /** Of a name, whose address is on the stack: all 16 bytes of it are there. */
  private name({ from, len }: Field): void {
    this.code.mem(len > 4 ? Mem.i64_load : Mem.i32_load, from);
  }

  /** The stack's top is of more bytes than the field is. */
  private narrow({ source, len }: Field): void {
    const { code } = this;
    if (source.kind === 'payload' || len === source.len || len === 8 || len === 4) return;
    const [lo, hi] = little(new Uint8Array(len).fill(0xff), 0, len);
    if (len > 4) code.i64Const(lo, hi).op(Op.i64_and);
    else code.i32Const(lo).op(Op.i32_and);
  }

  /** The packet's connection, 0: none. */
  conn(): void {
    const { code } = this;
    this.packet(NftFrame.SKB).mem(Mem.i32_load, NftFrameSkb.NFCT);
    code.i32Const(~NFCT_INFO).op(Op.i32_and);
  }

  /** Of no connection, what is read is of no use, and nobody looks at it (`tracked`). */
  private connection(key: NftCt): void {
    const { code } = this;
    const info = () => {
      this.packet(NftFrame.SKB).mem(Mem.i32_load, NftFrameSkb.NFCT);
      return code.i32Const(NFCT_INFO).op(Op.i32_and);
    };
    switch (key) {
      case NftCt.STATUS:
        this.conn();
        code.mem(Mem.i32_load, NftFrameConn.STATUS);
        return;
      case NftCt.MARK:
        this.conn();
        code.mem(Mem.i32_load, NftFrameConn.MARK);
        return;
      case NftCt.DIRECTION:
        info().i32Const(IP_CT_IS_REPLY).op(Op.i32_ge_u);
        return;
      default:
        code.i32Const(CT_STATES);
        info().i32Const(2).op(Op.i32_shl).op(Op.i32_shr_u).i32Const(15).op(Op.i32_and);
        code.i32Const(CT_UNTRACKED).i32Const(CT_INVALID);
        info().i32Const(IP_CT_UNTRACKED).op(Op.i32_eq).op(Op.select);
        this.conn();
        code.op(Op.select);
    }
  }

  /** Address of a field of a device, of zeros when there is none. */
  private device(which: NftFrame, offset: NftFrameDev): Code {
    this.packet(which).i32Const(offset).op(Op.i32_add).i32Const(ZEROS);
    return this.packet(which).op(Op.select);
  }

  /** The field as the value has it, on the stack. */
  private chunk(value: Value, field: Field): void {
    const { code } = this;
    code.localGet(this.field(field));
    const wide = field.len > 4;
    const [maskLo, maskHi] = little(value.mask, field.from, field.len);
    const full = little(new Uint8Array(field.len).fill(0xff), 0, field.len);
    if (maskLo !== full[0] || maskHi !== full[1]) {
      if (wide) code.i64Const(maskLo, maskHi).op(Op.i64_and);
      else code.i32Const(maskLo).op(Op.i32_and);
    }
    const [xorLo, xorHi] = little(value.xor, field.from, field.len);
    if (xorLo !== 0 || xorHi !== 0) {
      if (wide) code.i64Const(xorLo, xorHi).op(Op.i64_xor);
      else code.i32Const(xorLo).op(Op.i32_xor);
    }
  }

  /** Branches to `depth` when the packet does not pass. */
  test(test: Test, depth: number): void {
    switch (test.op) {
      case NftCmpOp.EQ:
        for (const field of fieldsOf(test.value.source, test.len)) {
          this.equal(test, field, false);
          this.code.brIf(depth);
        }
        return;
      case NftCmpOp.NEQ:
        fieldsOf(test.value.source, test.len).forEach((field, i) => {
          this.equal(test, field, true);
          if (i > 0) this.code.op(Op.i32_and);
        });
        this.code.brIf(depth);
        return;
      default:
        this.ordered(test);
        this.code.brIf(depth);
    }
  }

  /** Is the field what the test has, or (`same` false) is it not. */
  private equal({ value, data }: Test, field: Field, same: boolean): void {
    const { code } = this;
    this.chunk(value, field);
    const [lo, hi] = little(data, field.from, field.len);
    if (field.len > 4) code.i64Const(lo, hi).op(same ? Op.i64_eq : Op.i64_ne);
    else code.i32Const(lo).op(same ? Op.i32_eq : Op.i32_ne);
  }

  /** The value of a test of at most eight bytes on the stack; true: as i64. */
  single(test: Test): boolean {
    const field = fieldsOf(test.value.source, test.len)[0]!;
    this.chunk(test.value, field);
    return field.len > 4;
  }

  /** A value of up to four bytes as a number of 32 bits, the first byte the highest, on the stack. */
  number(value: Value): void {
    this.chunk(value, fieldsOf(value.source, value.source.len)[0]!);
    this.swap32(4);
  }

  /** True on the stack when the comparison by order fails. Registers compare as memory does: the first byte decides first. */
  private ordered({ value, op, len, data, to }: Test): void {
    const { code } = this;
    const wide = len > 4;
    const number = () => {
      this.chunk(value, fieldsOf(value.source, len)[0]!);
      if (wide) this.swap64(len);
      else this.swap32(len);
    };
    const constant = (bytes: Uint8Array) => {
      const [lo, hi] = big(bytes, len);
      if (wide) code.i64Const(lo, hi);
      else code.i32Const(lo);
    };
    number();
    constant(data);
    switch (op) {
      case NftCmpOp.LT:
        code.op(wide ? Op.i64_ge_u : Op.i32_ge_u);
        return;
      case NftCmpOp.LTE:
        code.op(wide ? Op.i64_gt_u : Op.i32_gt_u);
        return;
      case NftCmpOp.GT:
        code.op(wide ? Op.i64_le_u : Op.i32_le_u);
        return;
      case NftCmpOp.GTE:
        code.op(wide ? Op.i64_lt_u : Op.i32_lt_u);
        return;
      default:
        code.op(wide ? Op.i64_lt_u : Op.i32_lt_u);
        number();
        constant(to!);
        code.op(wide ? Op.i64_gt_u : Op.i32_gt_u).op(Op.i32_or);
        if (op === 'out') code.op(Op.i32_eqz);
    }
  }

  /** The stack's top turned to the order of numbers; `len` bytes. */
  private swap32(len: number): void {
    if (len === 1) return;
    const { code } = this;
    const local = this.temporary(I32);
    code.localSet(local);
    code.localGet(local).i32Const(8).op(Op.i32_rotl).i32Const(0x00ff00ff).op(Op.i32_and);
    code.localGet(local).i32Const(24).op(Op.i32_rotl).i32Const(0xff00ff00).op(Op.i32_and);
    code.op(Op.i32_or);
    if (len < 4) code.i32Const(8 * (4 - len)).op(Op.i32_shr_u);
    this.spare.i32.push(local);
  }

  private swap64(len: number): void {
    const { code } = this;
    const local = this.temporary(I64);
    code.localSet(local);
    code.localGet(local).op(Op.i32_wrap_i64);
    this.swap32(4);
    code.op(Op.i64_extend_i32_u).i64Const(32, 0).op(Op.i64_shl);
    code.localGet(local).i64Const(32, 0).op(Op.i64_shr_u).op(Op.i32_wrap_i64);
    this.swap32(4);
    code.op(Op.i64_extend_i32_u).op(Op.i64_or);
    if (len < 8) code.i64Const(8 * (8 - len), 0).op(Op.i64_shr_u);
    this.spare.i64.push(local);
  }

  /** A local that nobody needs any more; given back to `spare`. */
  temporary(type: number): number {
    return (type === I64 ? this.spare.i64 : this.spare.i32).pop() ?? this.code.local(type);
  }

  /** The pieces of a key, a local of one or two words each, masked. */
  pieces(key: readonly Store[]): { wide: boolean; push: () => void; at: number }[] {
    const pieces: { wide: boolean; push: () => void; at: number }[] = [];
    let base = 0;
    for (const { value } of key) {
      for (const field of fieldsOf(value.source, value.source.len))
        pieces.push({ wide: field.len > 4, push: () => this.chunk(value, field), at: base + field.from });
      base += (value.source.len + 3) & ~3;
    }
    return pieces;
  }

  /** Temporaries that are needed no more. */
  free(type: number, ...locals: number[]): void {
    (type === I64 ? this.spare.i64 : this.spare.i32).push(...locals);
  }

  /** A counter's packets and bytes, 64 bits each. */
  count(record: number): void {
    const { code } = this;
    code.i32Const(record).i32Const(record).mem(Mem.i64_load, NbCounter.PACKETS);
    code.i64Const(1, 0).op(Op.i64_add).mem(Mem.i64_store, NbCounter.PACKETS);
    code.i32Const(record).i32Const(record).mem(Mem.i64_load, NbCounter.BYTES);
    this.packet(NftFrame.SKB).mem(Mem.i64_load32_u, NftFrameSkb.LEN);
    code.op(Op.i64_add).mem(Mem.i64_store, NbCounter.BYTES);
  }

  /** Into the register, whole words, zeros behind the value. */
  store(register: number, value: Value): void {
    const { source } = value;
    for (const field of fieldsOf(source, source.len)) {
      this.code.localGet(FRAME);
      this.chunk(value, field);
      this.code.mem(field.len > 4 ? Mem.i64_store : Mem.i32_store, register + field.from);
    }
  }
}
