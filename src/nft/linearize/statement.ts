/** Statements to instructions. Each begins with all registers free: nothing is kept in one from statement to statement. */
import {
  type ExthdrNode,
  type Node,
  type PayloadNode,
  prefixMask,
  type RangeNode,
  type ValueNode,
  valueBytes,
} from '../evaluate/node.js';
import type { MatchTyped, TypedStatement } from '../evaluate/typed_statement.js';
import type { CmpOp } from '../expr/cmp.js';
import type { IrExpr } from '../expr/registry.js';
import { IP, IP6 } from '../proto/network.js';
import { BASE_NUMBER, findField } from '../proto/proto.js';
import { Loader } from './load.js';
import { registerAt, Registers, VERDICT_REGISTER } from './registers.js';

export function linearize(stmts: readonly TypedStatement[]): IrExpr[] {
  const out: IrExpr[] = [];
  for (const stmt of stmts) new StatementLinearizer(out).statement(stmt);
  return out;
}

const bytesOf = (node: ValueNode): Uint8Array => valueBytes(node.value, node.bits, node.order);

class StatementLinearizer {
  private readonly registers = new Registers();
  private readonly loader: Loader;

  constructor(private readonly out: IrExpr[]) {
    this.loader = new Loader(out, this.registers);
  }

  /** Loads into a register of its own; its number. */
  private reg(node: Node): number {
    const piece = this.registers.alloc(node);
    this.loader.load(node, piece);
    return registerAt(piece);
  }

  statement(stmt: TypedStatement): void {
    switch (stmt.kind) {
      case 'match':
        this.match(stmt);
        return;
      case 'verdict':
        this.out.push({ kind: 'immediate', dreg: VERDICT_REGISTER, data: stmt.verdict });
        return;
      case 'vmap': {
        const sreg = this.reg(stmt.key);
        const { name, id } = stmt.set;
        this.out.push({ kind: 'lookup', sreg, set: name, setId: id, dreg: VERDICT_REGISTER, invert: false });
        return;
      }
      case 'instruction':
        this.out.push(stmt.expr);
        return;
      case 'objref':
        this.out.push({ kind: 'objref', sreg: this.reg(stmt.key), set: stmt.set.name, setId: stmt.set.id });
        return;
      case 'mangle':
        this.mangle(stmt.key, stmt.value);
        return;
      case 'dynset':
        this.dynset(stmt);
        return;
      case 'nat':
        this.nat(stmt);
        return;
      case 'dup': {
        const sregAddr = stmt.addr && this.reg(stmt.addr);
        const sregDev = stmt.dev && this.reg(stmt.dev);
        this.out.push({
          kind: 'dup',
          ...(sregAddr !== undefined && { sregAddr }),
          ...(sregDev !== undefined && { sregDev }),
        });
        return;
      }
      case 'fwd': {
        const sregDev = this.reg(stmt.dev);
        const sregAddr = stmt.addr && this.reg(stmt.addr);
        this.out.push({
          kind: 'fwd',
          sregDev,
          ...(sregAddr !== undefined && { sregAddr }),
          ...(stmt.family !== undefined && { nfproto: stmt.family }),
        });
        return;
      }
      case 'queue':
        this.queue(stmt);
    }
  }

  private match({ op, left, right }: MatchTyped): void {
    switch (right.kind) {
      case 'set reference': {
        const sreg = this.reg(left);
        const { name, id } = right.set;
        this.out.push({ kind: 'lookup', sreg, set: name, setId: id, invert: op === 'neq' });
        return;
      }
      case 'range':
        this.matchRange(op === 'neq' ? 'neq' : 'eq', left, right);
        return;
      case 'prefix':
        this.matchPrefix(op === 'neq' ? 'neq' : 'eq', left, right.base, right.len);
        return;
      case 'value':
        if (op === 'flags' || op === 'noflags') this.matchFlags(op, left, right);
        else this.out.push({ kind: 'cmp', sreg: this.reg(left), op, data: bytesOf(right) });
        return;
      default:
        throw new Error(`cannot compare with ${right.kind}`);
    }
  }

  private matchRange(op: 'eq' | 'neq', left: Node, right: RangeNode): void {
    const sreg = this.reg(left);
    const from = bytesOf(right.from);
    const to = bytesOf(right.to);
    if (op === 'neq') {
      this.out.push({ kind: 'range', sreg, op, from, to });
      return;
    }
    this.out.push({ kind: 'cmp', sreg, op: 'gte', data: from }, { kind: 'cmp', sreg, op: 'lte', data: to });
  }

  /** Whole bytes of a prefix are compared as such, of a header only they are loaded. */
  private matchPrefix(op: CmpOp, left: Node, base: ValueNode, len: number): void {
    const whole = len > 0 && len % 8 === 0 && left.order === 'big' && left.kind !== 'binop';
    if (whole) {
      const part = left.kind === 'payload' && len < left.bits ? { ...left, bits: len } : left;
      this.out.push({ kind: 'cmp', sreg: this.reg(part), op, data: bytesOf(base).subarray(0, len / 8) });
      return;
    }
    const sreg = this.reg(left);
    const mask = valueBytes(prefixMask(len, base.bits), base.bits, base.order);
    this.mask(sreg, mask);
    this.out.push({ kind: 'cmp', sreg, op, data: bytesOf(base) });
  }

  private mask(reg: number, mask: Uint8Array): void {
    const xor = new Uint8Array(mask.length);
    this.out.push({
      kind: 'bitwise',
      op: 'bool',
      implied: true,
      sreg: reg,
      dreg: reg,
      len: mask.length,
      mask,
      xor,
    });
  }

  private matchFlags(op: 'flags' | 'noflags', left: Node, right: ValueNode): void {
    const sreg = this.reg(left);
    const mask = bytesOf(right);
    this.mask(sreg, mask);
    this.out.push({
      kind: 'cmp',
      sreg,
      op: op === 'flags' ? 'neq' : 'eq',
      data: new Uint8Array(mask.length),
    });
  }

  private mangle(key: PayloadNode | ExthdrNode | Extract<Node, { kind: 'meta' | 'ct' }>, value: Node): void {
    switch (key.kind) {
      case 'meta':
        this.out.push({ kind: 'meta', key: key.key, sreg: this.reg(value) });
        return;
      case 'ct': {
        const sreg = this.reg(value);
        this.out.push({ kind: 'ct', key: key.key, ...(key.dir && { dir: key.dir }), sreg });
        return;
      }
      case 'exthdr': {
        const sreg = this.reg(value);
        const { op, type, offset, bits } = key;
        this.out.push({
          kind: 'exthdr',
          op,
          type,
          offset: Math.floor(offset / 8),
          len: Math.ceil(bits / 8),
          sreg,
        });
        return;
      }
      case 'payload':
        this.manglePayload(key, value);
    }
  }

  /** Part of a byte, or one byte of a checksum's word, is written with what is around it. */
  private manglePayload(key: PayloadNode & { mask?: bigint; shift?: bigint }, value: Node): void {
    const csum = checksumOf(key);
    const raw = key.base === 'ih';
    let offset = Math.floor(key.offset / 8);
    let bits = Math.ceil(key.bits / 8) * 8;
    let shift = key.shift ?? 0n;
    let partial = key.mask !== undefined;
    let mask = key.mask ?? (1n << BigInt(bits)) - 1n;
    if (csum.type !== 0 || raw) {
      // The checksum is over words of 16 bits: both bytes are needed.
      if (offset % 2 !== 0) {
        offset -= 1;
        bits += 8;
        partial = true;
      }
      if (bits % 16 !== 0) {
        bits += 8;
        mask <<= 8n;
        shift += 8n;
        partial = true;
      }
    }
    const common = { kind: 'payload' as const, base: BASE_NUMBER[key.base], offset, len: bits / 8 };
    const csumFlags = csum.pseudo || raw ? 1 : 0;
    const write = { ...common, csumType: csum.type, csumOffset: csum.offset, csumFlags };
    if (!partial) {
      this.out.push({ ...write, sreg: this.reg(value) });
      return;
    }
    if (value.kind !== 'value') throw new Error('Right hand side of binary operation (^) must be constant');
    const piece = this.registers.alloc();
    const reg = registerAt(piece);
    const all = (1n << BigInt(bits)) - 1n;
    this.out.push(
      { ...common, dreg: reg },
      {
        kind: 'bitwise',
        op: 'bool',
        sreg: reg,
        dreg: reg,
        len: bits / 8,
        mask: valueBytes(all ^ mask, bits, 'big'),
        xor: valueBytes(value.value << shift, bits, 'big'),
      },
      { ...write, sreg: reg },
    );
  }

  private dynset(stmt: Extract<TypedStatement, { kind: 'dynset' }>): void {
    const sregKey = this.reg(stmt.key);
    const sregData = stmt.data && this.reg(stmt.data);
    this.out.push({
      kind: 'dynset',
      op: stmt.op,
      sregKey,
      set: stmt.set.name,
      setId: stmt.set.id,
      ...(sregData !== undefined && { sregData }),
      timeoutMs: stmt.timeoutMs,
      exprs: linearize(stmt.stmts),
    });
  }

  /** A value or a range, in one register or two. */
  private minMax(node: Node): { min: number; max?: number } {
    if (node.kind === 'range') return { min: this.reg(node.from), max: this.reg(node.to) };
    if (node.kind === 'prefix') {
      const { base, len } = node;
      const last = { ...base, value: base.value | ((1n << BigInt(base.bits - len)) - 1n) };
      return { min: this.reg(base), max: this.reg(last) };
    }
    return { min: this.reg(node) };
  }

  private nat(stmt: Extract<TypedStatement, { kind: 'nat' }>): void {
    let addr = stmt.addr && this.minMax(stmt.addr);
    let proto = stmt.port && this.minMax(stmt.port);
    if (stmt.mapShape !== undefined && addr !== undefined)
      ({ addr, proto } = mapRegisters(stmt.mapShape, proto));
    const ports = {
      ...(proto && { protoMin: proto.min }),
      ...(proto?.max !== undefined && { protoMax: proto.max }),
    };
    const { type, family, flags } = stmt;
    if (type === 'masq' || type === 'redir') {
      this.out.push({ kind: type, ...ports, flags });
    } else if (type === 'tproxy') {
      this.out.push({
        kind: 'tproxy',
        family,
        ...(addr && { addr: addr.min }),
        ...(proto && { port: proto.min }),
      });
    } else {
      this.out.push({
        kind: 'nat',
        type,
        family,
        ...(addr && { addrMin: addr.min }),
        ...(addr?.max !== undefined && { addrMax: addr.max }),
        ...ports,
        flags,
      });
    }
  }

  private queue({ num, bypass, fanout }: Extract<TypedStatement, { kind: 'queue' }>): void {
    const common = { kind: 'queue' as const, bypass, fanout };
    if (num.kind === 'value') this.out.push({ ...common, num: Number(num.value), total: 1 });
    else if (num.kind === 'range')
      this.out.push({
        ...common,
        num: Number(num.from.value),
        total: Number(num.to.value - num.from.value) + 1,
      });
    else this.out.push({ ...common, num: 0, total: 0, sreg: this.reg(num) });
  }
}

/** Where in the value of a map the address and the port lie: behind one another, the ends of ranges behind both. */
function mapRegisters(
  { interval, concat, addrBits }: { interval: boolean; concat: boolean; addrBits: number },
  port: { min: number; max?: number } | undefined,
): { addr: { min: number; max?: number }; proto?: { min: number; max?: number } } {
  const addrPieces = addrBits / 32;
  // Ranges of IPv6 with ports take a whole register each.
  const all = addrPieces + (concat ? (addrPieces === 4 && interval ? 4 : 1) : 0);
  const addr = { min: registerAt(0), ...(interval && { max: registerAt(all) }) };
  if (!concat) return { addr, ...(port && { proto: port }) };
  return {
    addr,
    proto: { min: registerAt(addrPieces), ...(interval && { max: registerAt(all + addrPieces) }) },
  };
}

/** Which checksum a header has, where it lies, and whether the transport header's covers the field as well. */
function checksumOf({ proto, field }: PayloadNode): { type: number; offset: number; pseudo: boolean } {
  if (proto === undefined || field === undefined) return { type: 0, offset: 0, pseudo: false };
  const pseudo =
    (proto === IP && ['saddr', 'daddr', 'protocol', 'length'].includes(field.name)) ||
    (proto === IP6 && ['saddr', 'daddr', 'nexthdr', 'length'].includes(field.name));
  const at = proto.checksum === undefined ? undefined : findField(proto, proto.checksum);
  if (at === undefined) return { type: 0, offset: 0, pseudo };
  const type = proto.name === 'sctp' ? 2 : 1;
  return { type, offset: at.offset / 8, pseudo };
}
