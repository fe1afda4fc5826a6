/**
 * From a rule's instructions to steps that code is generated for. Loads and masks become values that tests look at;
 * what the generator does not know is left to the interpreter, instruction by instruction (`eval`), with the registers
 * stored first that it may read. So every ruleset can be compiled, and what is compiled means the same.
 *
 *   PAYLOAD, META, BITWISE ─► Value          CMP, RANGE, FUSED_* ─► test          COUNTER ─► count
 *   IMMEDIATE of a verdict ─► verdict        all else ─► store, eval
 *
 * The core takes no rule that reads a register which the same rule has not written, so values end with their rule.
 */
import { NftCmpOp, NftMeta } from '../../../assembly/abi/nf_tables.js';
import {
  Nb,
  NbBitwise,
  NbCmp,
  NbFused,
  NbFusedN,
  NbImmediate,
  NbKey,
  NbPayload,
  NbRange,
  NftExprKind,
} from '../../../assembly/abi/nft_bytecode.js';
import type { BlobRule, Instruction } from './blob.js';
import { BASE_NETWORK, BASE_TRANSPORT, META_LEN, masked, type Value, unmasked } from './value.js';

export interface Test {
  readonly kind: 'test';
  readonly value: Value;
  readonly len: number;
  /** RANGE: `data` to `to`, or, inverted, outside. */
  readonly op: NftCmpOp | 'in' | 'out';
  readonly data: Uint8Array;
  readonly to?: Uint8Array;
}

export type Step =
  | Test
  /** The NbCounter record. */
  | { readonly kind: 'count'; readonly record: number }
  | { readonly kind: 'verdict'; readonly code: number; readonly chain: number }
  /** A value into its register (offset in the frame), for an `eval` behind it. */
  | { readonly kind: 'store'; readonly register: number; readonly value: Value }
  | { readonly kind: 'eval'; readonly at: number };

export interface Rule {
  readonly at: number;
  readonly steps: readonly Step[];
  /** Changes the packet, or what is known of it: nothing that was loaded before holds behind it. */
  readonly writes: boolean;
}

/** Kinds that change neither the packet nor what tests look at. */
const READS: ReadonlySet<NftExprKind> = new Set([
  NftExprKind.IMMEDIATE,
  NftExprKind.CMP,
  NftExprKind.RANGE,
  NftExprKind.BITWISE,
  NftExprKind.BYTEORDER,
  NftExprKind.PAYLOAD,
  NftExprKind.META,
  NftExprKind.LOOKUP,
  NftExprKind.COUNTER,
  NftExprKind.EXTHDR,
  NftExprKind.LIMIT,
  NftExprKind.QUOTA,
  NftExprKind.LAST,
  NftExprKind.FIB,
  NftExprKind.RT,
  NftExprKind.SOCKET,
  NftExprKind.NUMGEN,
  NftExprKind.HASH,
  NftExprKind.CT,
  NftExprKind.FUSED_PAYLOAD_CMP,
  NftExprKind.FUSED_PAYLOAD_MASK_CMP,
  NftExprKind.FUSED_L4PROTO_CMP,
  NftExprKind.FUSED_NFPROTO_CMP,
  NftExprKind.FUSED_IFNAME_CMP,
  NftExprKind.FUSED_PAYLOAD_CMPN,
  NftExprKind.FUSED_CT_STATE,
]);

/** Bytes of the registers that it fills: whole words. */
const words = ({ source }: Value) => (source.len + 3) & ~3;

/** Ordered comparisons of more than this are the interpreter's. */
const ORDERED_MAX = 8;

export function liftRule(view: DataView, rule: BlobRule): Rule {
  const lift = new Lift(view);
  for (const instruction of rule.instructions) lift.instruction(instruction);
  return { at: rule.at, steps: lift.steps, writes: rule.instructions.some(({ kind }) => !READS.has(kind)) };
}

class Lift {
  readonly steps: Step[] = [];
  /** By offset in the frame: what generated code knows to be there and has not stored. */
  private readonly registers = new Map<number, Value>();

  constructor(private readonly view: DataView) {}

  instruction(instruction: Instruction): void {
    if (!this.known(instruction)) this.eval(instruction);
  }

  /** True: it became steps or a value. */
  private known({ kind, aux, at }: Instruction): boolean {
    const { view } = this;
    switch (kind) {
      case NftExprKind.PAYLOAD:
        return this.load(
          view.getUint16(at + NbPayload.REG, true),
          aux,
          view.getUint16(at + NbPayload.OFFSET, true),
          view.getUint8(at + NbPayload.LEN),
        );
      case NftExprKind.META: {
        const len = META_LEN.get(aux);
        if (len === undefined) return false;
        this.set(view.getUint16(at + NbKey.REG, true), unmasked({ kind: 'meta', key: aux, len }));
        return true;
      }
      case NftExprKind.BITWISE:
        return aux === 0 && this.bitwise(at);
      case NftExprKind.CMP:
        return this.compare(
          view.getUint16(at + NbCmp.SREG, true),
          aux,
          this.bytes(at + NbCmp.DATA, view.getUint8(at + NbCmp.LEN)),
        );
      case NftExprKind.RANGE:
        return this.range(aux, at);
      case NftExprKind.COUNTER:
        this.steps.push({ kind: 'count', record: view.getUint32(at + Nb.REF, true) });
        return true;
      case NftExprKind.IMMEDIATE: {
        if (view.getUint16(at + NbImmediate.DREG, true) !== 0) return false;
        const code = view.getInt32(at + NbImmediate.DATA, true);
        this.steps.push({ kind: 'verdict', code, chain: view.getUint32(at + NbImmediate.DATA + 4, true) });
        return true;
      }
      case NftExprKind.FUSED_PAYLOAD_CMP:
      case NftExprKind.FUSED_PAYLOAD_MASK_CMP:
      case NftExprKind.FUSED_PAYLOAD_CMPN:
      case NftExprKind.FUSED_L4PROTO_CMP:
      case NftExprKind.FUSED_NFPROTO_CMP:
      case NftExprKind.FUSED_IFNAME_CMP:
        return this.fused(kind, aux, at);
      default:
        return false;
    }
  }

  /** Registers overlap: what the new value would cover in part is stored, and then the interpreter's. */
  private set(register: number, value: Value): void {
    const end = register + words(value);
    for (const [other, old] of this.registers) {
      const oldEnd = other + words(old);
      if (oldEnd <= register || other >= end || (other === register && oldEnd <= end)) continue;
      this.steps.push({ kind: 'store', register: other, value: old });
      this.registers.delete(other);
    }
    this.registers.set(register, value);
  }

  private bytes(at: number, len: number): Uint8Array {
    return Uint8Array.from({ length: len }, (_, i) => this.view.getUint8(at + i));
  }

  private load(register: number, base: number, offset: number, len: number): boolean {
    if ((base !== BASE_NETWORK && base !== BASE_TRANSPORT) || len === 0 || len > 16) return false;
    this.set(register, unmasked({ kind: 'payload', base, offset, len }));
    return true;
  }

  private bitwise(at: number): boolean {
    const { view } = this;
    const value = this.registers.get(view.getUint16(at + NbBitwise.SREG, true));
    const len = view.getUint8(at + NbBitwise.LEN);
    if (value === undefined || value.source.len !== len) return false;
    const to = masked(value, this.bytes(at + NbBitwise.MASK, len), this.bytes(at + NbBitwise.XOR, len));
    this.set(view.getUint16(at + NbBitwise.DREG, true), to);
    return true;
  }

  private compare(register: number, op: NftCmpOp, data: Uint8Array): boolean {
    const value = this.registers.get(register);
    if (value === undefined || value.source.len < data.length) return false;
    if (op > NftCmpOp.NEQ && data.length > ORDERED_MAX) return false;
    this.steps.push({ kind: 'test', value, len: data.length, op, data });
    return true;
  }

  private range(aux: number, at: number): boolean {
    const { view } = this;
    const value = this.registers.get(view.getUint16(at + NbRange.SREG, true));
    const len = view.getUint8(at + NbRange.LEN);
    if (value === undefined || len > ORDERED_MAX || value.source.len < len) return false;
    const data = this.bytes(at + NbRange.FROM, len);
    const to = this.bytes(at + NbRange.TO, len);
    this.steps.push({ kind: 'test', value, len, op: aux === 0 ? 'in' : 'out', data, to });
    return true;
  }

  /** Load and comparison in one; the register is written as well. */
  private fused(kind: NftExprKind, aux: number, at: number): boolean {
    const { view } = this;
    const register = view.getUint16(at + NbFused.DREG, true);
    const base = view.getUint8(at + NbFused.BASE);
    const offset = view.getUint32(at + NbFused.OFFSET, true);
    const len = view.getUint8(at + NbFused.LEN);
    const long = kind === NftExprKind.FUSED_PAYLOAD_CMPN || kind === NftExprKind.FUSED_IFNAME_CMP;
    const data = this.bytes(at + (long ? NbFusedN.VALUE : NbFused.VALUE), len);
    const op = aux === 0 ? NftCmpOp.EQ : NftCmpOp.NEQ;
    switch (kind) {
      case NftExprKind.FUSED_L4PROTO_CMP:
        this.set(register, unmasked({ kind: 'meta', key: NftMeta.L4PROTO, len: 1 }));
        break;
      case NftExprKind.FUSED_NFPROTO_CMP:
        this.set(register, unmasked({ kind: 'meta', key: NftMeta.NFPROTO, len: 1 }));
        break;
      case NftExprKind.FUSED_IFNAME_CMP: {
        const key = base === 0 ? NftMeta.IIFNAME : NftMeta.OIFNAME;
        this.set(register, unmasked({ kind: 'meta', key, len: 16 }));
        break;
      }
      default:
        if (!this.load(register, base, offset, len)) return false;
    }
    if (kind === NftExprKind.FUSED_PAYLOAD_MASK_CMP) {
      const value = this.registers.get(register)!;
      const mask = this.bytes(at + NbFused.MASK, len);
      this.set(register, masked(value, mask, this.bytes(at + NbFused.XOR, len)));
    }
    return this.compare(register, op, data);
  }

  /** The interpreter's: it finds the registers as it would have left them. */
  private eval(instruction: Instruction): void {
    for (const [register, value] of this.registers) this.steps.push({ kind: 'store', register, value });
    this.registers.clear();
    this.steps.push({ kind: 'eval', at: instruction.at });
  }
}
