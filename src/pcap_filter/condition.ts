/**
 * Between expression and program: tests joined by and, or, not, in the order in which they are made. A test is a run of
 * instructions that ends with a comparison; emit() puts them in line and aims the jumps.
 */
import { BPF_K, BPF_RET, type BpfInstruction, type BpfProgram } from './bpf.js';

export type Condition =
  | {
      readonly kind: 'test';
      readonly before: readonly BpfInstruction[];
      readonly code: number;
      readonly k: number;
    }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition };

export function and(first: Condition, ...rest: readonly Condition[]): Condition {
  return rest.reduce((left, right) => ({ kind: 'and', left, right }), first);
}

export function or(first: Condition, ...rest: readonly Condition[]): Condition {
  return rest.reduce((left, right) => ({ kind: 'or', left, right }), first);
}

export function not(of: Condition): Condition {
  return { kind: 'not', of };
}

/** Where a jump goes: an instruction's number, once it is known. */
interface Label {
  at: number;
}

const ACCEPT = 262144;

export function emit(condition: Condition | null): BpfProgram {
  if (condition === null) return [ret(ACCEPT)];
  const program: BpfInstruction[] = [];
  const aims: { index: number; yes: Label; no: Label }[] = [];
  const put = (node: Condition, yes: Label, no: Label): void => {
    if (node.kind === 'not') {
      put(node.of, no, yes);
    } else if (node.kind === 'test') {
      program.push(...node.before, { code: node.code, jt: 0, jf: 0, k: node.k });
      aims.push({ index: program.length - 1, yes, no });
    } else {
      const middle: Label = { at: 0 };
      if (node.kind === 'and') put(node.left, middle, no);
      else put(node.left, yes, middle);
      middle.at = program.length;
      put(node.right, yes, no);
    }
  };
  const [yes, no]: [Label, Label] = [{ at: 0 }, { at: 0 }];
  put(condition, yes, no);
  yes.at = program.push(ret(ACCEPT)) - 1;
  no.at = program.push(ret(0)) - 1;
  for (const aim of aims) {
    const instruction = program[aim.index]!;
    instruction.jt = aim.yes.at - aim.index - 1;
    instruction.jf = aim.no.at - aim.index - 1;
  }
  return program;
}

function ret(k: number): BpfInstruction {
  return { code: BPF_RET | BPF_K, jt: 0, jf: 0, k };
}
