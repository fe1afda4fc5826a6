/** Instructions that bring an expression into a register. */
import { type BinopNode, type Node, ones, type SimpleNode, valueBytes } from '../evaluate/node.js';
import type { IrExpr } from '../expr/registry.js';
import { BASE_NUMBER } from '../proto/proto.js';
import { registerAt, pieces, type Registers } from './registers.js';

export class Loader {
  constructor(
    readonly out: IrExpr[],
    readonly registers: Registers,
  ) {}

  /** Into the register at `piece`. */
  load(node: Node, piece: number): void {
    const dreg = registerAt(piece);
    switch (node.kind) {
      case 'payload':
        this.out.push({
          kind: 'payload',
          base: BASE_NUMBER[node.base],
          offset: Math.floor(node.offset / 8),
          len: Math.ceil(node.bits / 8),
          dreg,
        });
        return;
      case 'exthdr':
        this.out.push({
          kind: 'exthdr',
          op: node.op,
          type: node.type,
          offset: Math.floor(node.offset / 8),
          len: Math.ceil(node.bits / 8),
          dreg,
          present: node.present,
        });
        return;
      case 'meta':
        this.out.push({ kind: 'meta', key: node.key, dreg });
        return;
      case 'ct':
        this.out.push({ kind: 'ct', key: node.key, ...(node.dir && { dir: node.dir }), dreg });
        return;
      case 'rt':
      case 'socket':
      case 'xfrm':
      case 'osf':
      case 'fib':
      case 'numgen':
      case 'symhash':
      case 'jhash':
        this.simple(node, dreg, piece);
        return;
      case 'binop':
        this.binop(node, piece);
        return;
      case 'unary':
        this.load(node.arg, piece);
        this.out.push({
          kind: 'byteorder',
          sreg: dreg,
          dreg,
          op: node.op,
          len: Math.ceil(node.bits / 8),
          size: node.bits % 64 === 0 ? 8 : node.bits % 32 === 0 ? 4 : 2,
        });
        return;
      case 'concat': {
        let at = piece;
        for (const item of node.items) {
          this.load(item, at);
          at += pieces(item.bits);
        }
        return;
      }
      case 'map':
        this.map(node, piece);
        return;
      case 'value':
        this.out.push({ kind: 'immediate', dreg, data: valueBytes(node.value, node.bits, node.order) });
        return;
      case 'prefix':
        this.load(node.base, piece);
        return;
      default:
        throw new Error(`${node.kind} cannot be loaded`);
    }
  }

  private map(node: Extract<Node, { kind: 'map' }>, piece: number): void {
    this.load(node.key, piece);
    this.out.push({
      kind: 'lookup',
      sreg: registerAt(piece),
      set: node.set.name,
      setId: node.set.id,
      dreg: registerAt(piece),
      invert: false,
    });
  }

  private simple(node: SimpleNode, dreg: number, piece: number): void {
    const key = node.key ?? 0;
    const modulus = node.modulus ?? 0;
    const offset = node.offset ?? 0;
    switch (node.kind) {
      case 'rt':
        this.out.push({ kind: 'rt', key, dreg });
        return;
      case 'socket':
        this.out.push({ kind: 'socket', key, dreg, ...(node.level !== undefined && { level: node.level }) });
        return;
      case 'xfrm':
        this.out.push({ kind: 'xfrm', key, dir: node.dir ?? 'in', spnum: node.spnum ?? 0, dreg });
        return;
      case 'osf':
        this.out.push({ kind: 'osf', ttl: node.ttl ?? 0, version: node.version ?? false, dreg });
        return;
      case 'fib':
        this.out.push({
          kind: 'fib',
          flags: node.fibFlags ?? [],
          present: node.present ?? false,
          result: node.fibResult ?? 'oif',
          dreg,
        });
        return;
      case 'numgen':
        this.out.push({ kind: 'numgen', mode: node.mode ?? 'inc', modulus, offset, dreg });
        return;
      case 'symhash':
        this.out.push({ kind: 'hash', type: 'symhash', modulus, offset, dreg });
        return;
      case 'jhash': {
        const arg = node.arg!;
        const sregAt = Math.max(this.registers.alloc(arg), piece);
        this.load(arg, sregAt);
        this.out.push({
          kind: 'hash',
          type: 'jhash',
          sreg: registerAt(sregAt),
          len: Math.ceil(arg.bits / 8),
          modulus,
          ...(node.seed !== undefined && { seed: node.seed }),
          offset,
          dreg,
        });
      }
    }
  }

  /** A chain of and, or, xor is one instruction: (x & mask) ^ xor. Shifts are one each. */
  private binop(node: BinopNode, piece: number): void {
    const reg = registerAt(piece);
    if (node.op === '<<' || node.op === '>>') {
      this.load(node.left, piece);
      this.out.push({
        kind: 'bitwise',
        op: node.op === '<<' ? 'lshift' : 'rshift',
        sreg: reg,
        dreg: reg,
        len: Math.ceil(bitsOf(node.left) / 8),
        data: valueBytes(node.right.value, 32, 'host'),
      });
      return;
    }
    const chain: BinopNode[] = [];
    let base: Node = node;
    while (base.kind === 'binop' && base.op !== '<<' && base.op !== '>>') {
      chain.unshift(base);
      base = base.left;
    }
    this.load(base, piece);
    const bits = Math.ceil(bitsOf(base) / 8) * 8;
    let mask = ones(bits);
    let xor = 0n;
    for (const { op, right } of chain) {
      if (op === '&') {
        mask &= right.value;
        xor &= right.value;
      } else if (op === '|') {
        mask &= ones(bits) ^ right.value;
        xor |= right.value;
      } else {
        xor ^= right.value;
      }
    }
    const order = base.order === 'big' ? 'big' : 'host';
    this.out.push({
      kind: 'bitwise',
      op: 'bool',
      sreg: reg,
      dreg: reg,
      len: bits / 8,
      mask: valueBytes(mask, bits, order),
      xor: valueBytes(xor, bits, order),
    });
  }
}

function bitsOf(node: Node): number {
  return node.kind === 'binop' ? bitsOf(node.left) : node.bits;
}
