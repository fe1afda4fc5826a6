/**
 * From a rule's instructions to steps that code is generated for. Loads and masks become values that tests look at;
 * what the generator does not know is left to the interpreter, instruction by instruction (`eval`), with the registers
 * stored first that it may read. So every ruleset can be compiled, and what is compiled means the same.
 *
 *   PAYLOAD, META, BITWISE ─► Value          CMP, RANGE, FUSED_* ─► test          COUNTER ─► count
 *   IMMEDIATE of a verdict ─► verdict        LOOKUP ─► lookup       CT ─► tracked, Value
 *   all else ─► store, eval
 *
 * The core takes no rule that reads a register which the same rule has not written, so values end with their rule.
 */
import { NftCmpOp, NftCt, NftMeta } from '../../../assembly/abi/nf_tables.js';
import {
  Nb,
  NbBitwise,
  NbCmp,
  NbFused,
  NbFusedN,
  NbImmediate,
  NbKey,
  NbLookup,
  NbPayload,
  NbRange,
  NftExprKind,
} from '../../../assembly/abi/nft_bytecode.js';
import type { BlobRule, Instruction } from './blob.js';
import { SetBackend } from '../../../assembly/abi/nft_set.js';
import { readSet, type SetInfo } from './set.js';
import { BASE_NETWORK, BASE_TRANSPORT, CT_LEN, META_LEN, masked, type Value, unmasked } from './value.js';

export interface Test {
  readonly kind: 'test';
  readonly value: Value;
  readonly len: number;
  /** RANGE: `data` to `to`, or, inverted, outside. */
  readonly op: NftCmpOp | 'in' | 'out';
  readonly data: Uint8Array;
  readonly to?: Uint8Array;
}

/** A register's value, for who reads the register: offset in the frame. */
export interface Store {
  readonly kind: 'store';
  readonly register: number;
  readonly value: Value;
}

export interface Lookup {
  readonly kind: 'lookup';
  /** The instruction, for what the interpreter has to do after all. */
  readonly at: number;
  readonly set: SetInfo;
  /** The registers that make up the key, in order. */
  readonly key: readonly Store[];
  readonly inverted: boolean;
  /** Where a map's data goes (offset in the frame); 0: it is a verdict, or nothing is asked for. */
  readonly register: number;
}

export type Step =
  | Test
  | Store
  | Lookup
  /** There must be a connection. */
  | { readonly kind: 'tracked' }
  /** The NbCounter record. */
  | { readonly kind: 'count'; readonly record: number }
  | { readonly kind: 'verdict'; readonly code: number; readonly chain: number }
  | { readonly kind: 'eval'; readonly at: number };

export interface Rule {
  readonly at: number;
  readonly steps: readonly Step[];
  /** Changes the packet, or what is known of it: nothing that was loaded before holds behind it. */
  readonly writes: boolean;
}

export function valuesOf(step: Step): Value[] {
  if (step.kind === 'test' || step.kind === 'store') return [step.value];
  return step.kind === 'lookup' ? step.key.map(({ value }) => value) : [];
}

/** The values that a rule looks at before it does anything. */
export function leading(steps: readonly Step[]): { value: Value; len: number }[] {
  const values: { value: Value; len: number }[] = [];
  for (const step of steps) {
    if (step.kind === 'test') values.push(step);
    else if (step.kind === 'lookup')
      values.push(...valuesOf(step).map((value) => ({ value, len: value.source.len })));
    else if (step.kind !== 'tracked') break;
  }
  return values;
}

/** Bytes of the network and transport headers that these steps look at; `protocol`: the transport header is asked for. */
export function headersOf(steps: readonly Step[]): { network: number; transport: number; protocol: boolean } {
  let network = 0;
  let transport = 0;
  let protocol = false;
  for (const { source } of steps.flatMap(valuesOf)) {
    if (source.kind === 'meta') protocol ||= source.key === NftMeta.L4PROTO;
    if (source.kind !== 'payload') continue;
    const end = source.offset + source.len;
    if (source.base === BASE_NETWORK) network = Math.max(network, end);
    else {
      protocol = true;
      transport = Math.max(transport, end);
    }
  }
  return { network, transport, protocol };
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
/** Bytes of the keys that the core keeps as numbers, for generated code to search. */
const SEARCHED = 4;

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
      case NftExprKind.LOOKUP:
        return this.lookup(aux, at);
      case NftExprKind.CT:
        return this.connection(aux, view.getUint32(at + Nb.REF, true));
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

  private set(register: number, value: Value): void {
    this.cover(register, register + words(value));
    this.registers.set(register, value);
  }

  /** Registers overlap: what is covered in part is stored, and then the interpreter's. */
  private cover(register: number, end: number): void {
    for (const [other, old] of this.registers) {
      const oldEnd = other + words(old);
      if (oldEnd <= register || other >= end) continue;
      if (other < register || oldEnd > end) this.steps.push({ kind: 'store', register: other, value: old });
      this.registers.delete(other);
    }
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

  private lookup(aux: number, at: number): boolean {
    const { view } = this;
    const set = readSet(view, view.getUint32(at + NbLookup.SET, true));
    const key = this.key(view.getUint16(at + NbLookup.SREG, true), set.klen);
    if (key === undefined || set.map === 'object') return false;
    // Long intervals and concatenated ranges are the interpreter's.
    const inLine = set.elements === undefined ? set.klen === SEARCHED : set.klen <= ORDERED_MAX;
    const ordered = set.backend === SetBackend.RBTREE && inLine && key.length === 1;
    if (set.backend !== SetBackend.HASH && !ordered) return false;
    const register = (aux & 2) === 0 ? 0 : view.getUint16(at + NbLookup.DREG, true);
    // Of what the data covers in part the rest stays as it was.
    if (register !== 0) this.cover(register, register + ((set.dlen + 3) & ~3));
    this.steps.push({ kind: 'lookup', at, set, key, inverted: (aux & 1) !== 0, register });
    return true;
  }

  /** What is known to fill `len` bytes of registers from `sreg` on. */
  private key(sreg: number, len: number): Store[] | undefined {
    const key: Store[] = [];
    for (let at = 0; at < len; ) {
      const register = sreg + at;
      const value = this.registers.get(register);
      if (value === undefined) return undefined;
      key.push({ kind: 'store', register, value });
      at += words(value);
      if (at >= len && at - words(value) + value.source.len !== len && at !== len) return undefined;
    }
    return key;
  }

  private connection(key: NftCt, record: number): boolean {
    const len = CT_LEN.get(key);
    if (len === undefined) return false;
    // Without a connection there is a state all the same.
    if (key !== NftCt.STATE) this.steps.push({ kind: 'tracked' });
    this.set(this.view.getUint16(record + NbKey.REG, true), unmasked({ kind: 'ct', key, len }));
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
