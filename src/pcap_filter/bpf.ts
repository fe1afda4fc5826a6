/**
 * Classic BPF: instructions and an interpreter over a captured frame. A load that does not lie within the captured bytes
 * ends the program with 0, and so does a division by zero, as in Linux. Jumps are not bound to 8 bits here.
 *
 * Linux: Documentation/networking/filter.rst; include/uapi/linux/bpf_common.h
 */
export interface BpfInstruction {
  code: number;
  /** Instructions to pass over when the comparison holds, and when it does not. */
  jt: number;
  jf: number;
  k: number;
}
export type BpfProgram = readonly BpfInstruction[];

// classes
export const BPF_LD = 0;
export const BPF_LDX = 1;
export const BPF_ST = 2;
export const BPF_STX = 3;
export const BPF_ALU = 4;
export const BPF_JMP = 5;
export const BPF_RET = 6;
export const BPF_MISC = 7;
// sizes
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
// modes
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_LEN = 0x80;
export const BPF_MSH = 0xa0;
// operations
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
// source of an operation's second value, and of what is returned
export const BPF_K = 0x00;
export const BPF_X = 0x08;
export const BPF_A = 0x10;
export const BPF_TAX = 0x00;

export const BPF_MEMWORDS = 16;
/** Absolute loads from here on are not of the frame (Linux: SKF_AD_OFF); only that of its direction is known. */
export const BPF_AD_PKTTYPE = 0xfffff000 + 4;
export const PACKET_OUTGOING = 4;

/** The frame that a program looks at. */
export interface BpfFrame {
  readonly bytes: Uint8Array;
  readonly at: number;
  /** `length` bytes at `at` were captured, of `originalLength` on the wire. */
  readonly length: number;
  readonly originalLength: number;
  readonly direction?: 'rx' | 'tx' | undefined;
}

/** Runs the program; what it returns, 0: not chosen. */
export function runBpf(program: BpfProgram, frame: BpfFrame): number {
  const { bytes, at, length } = frame;
  const memory = new Uint32Array(BPF_MEMWORDS);
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc]!;
    switch (code & 7) {
      case BPF_LD:
      case BPF_LDX: {
        let value: number;
        const mode = code & 0xe0;
        if (mode === BPF_IMM) value = k;
        else if (mode === BPF_MEM) value = memory[k]!;
        else if (mode === BPF_LEN) value = frame.originalLength;
        else if (mode === BPF_MSH) {
          if (k >= length) return 0;
          value = (bytes[at + k]! & 15) * 4;
        } else if (mode === BPF_ABS && k === BPF_AD_PKTTYPE) {
          value = frame.direction === 'tx' ? PACKET_OUTGOING : 0;
        } else {
          const offset = mode === BPF_IND ? k + x : k;
          const size = code & 0x18;
          const need = size === BPF_W ? 4 : size === BPF_H ? 2 : 1;
          if (offset > length - need) return 0;
          const p = at + offset;
          if (size === BPF_W)
            value = ((bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!) >>> 0;
          else if (size === BPF_H) value = (bytes[p]! << 8) | bytes[p + 1]!;
          else value = bytes[p]!;
        }
        if ((code & 7) === BPF_LD) a = value;
        else x = value;
        break;
      }
      case BPF_ST:
        memory[k] = a;
        break;
      case BPF_STX:
        memory[k] = x;
        break;
      case BPF_ALU: {
        const operand = (code & BPF_X) !== 0 ? x : k;
        const operation = code & 0xf0;
        if (operand === 0 && (operation === BPF_DIV || operation === BPF_MOD)) return 0;
        a = alu(operation, a, operand);
        break;
      }
      case BPF_JMP: {
        const operation = code & 0xf0;
        if (operation === BPF_JA) {
          pc += k;
          break;
        }
        pc += compare(operation, a, (code & BPF_X) !== 0 ? x : k) ? jt : jf;
        break;
      }
      case BPF_RET:
        return (code & 0x18) === BPF_A ? a : k;
      default:
        if ((code & 0xf8) === BPF_TAX) x = a;
        else a = x;
    }
  }
  return 0;
}

function alu(operation: number, a: number, b: number): number {
  switch (operation) {
    case BPF_ADD:
      return (a + b) >>> 0;
    case BPF_SUB:
      return (a - b) >>> 0;
    case BPF_MUL:
      return Math.imul(a, b) >>> 0;
    case BPF_DIV:
      return Math.floor(a / b);
    case BPF_MOD:
      return a % b;
    case BPF_OR:
      return (a | b) >>> 0;
    case BPF_AND:
      return (a & b) >>> 0;
    case BPF_XOR:
      return (a ^ b) >>> 0;
    case BPF_LSH:
      return b > 31 ? 0 : (a << b) >>> 0;
    case BPF_RSH:
      return b > 31 ? 0 : a >>> b;
    default:
      return -a >>> 0;
  }
}

function compare(operation: number, a: number, b: number): boolean {
  if (operation === BPF_JEQ) return a === b;
  if (operation === BPF_JGT) return a > b;
  if (operation === BPF_JGE) return a >= b;
  return (a & b) !== 0;
}
