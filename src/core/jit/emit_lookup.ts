/**
 * Code for lookups. The few elements of a constant set are compared one by one. A table of tags (lib/tag_table) is asked
 * in line: what is not there costs a hash and one load, what is there and plain its element; short intervals are
 * searched in line. What is left (chains,
 * elements with times, counters or objects, the element of `*`) is the interpreter's.
 *
 *   hash ─► tags of the bucket ─ none like ours ─► not there
 *                │ one is
 *                └─► its element: key equal, live, plain ─► found        otherwise ─► nftEvaluate
 */
import { NFT_CONTINUE, NFT_SET_ELEM_INTERVAL_END, NftCmpOp } from '../../../assembly/abi/nf_tables.js';
import { NftElemRec, NftIntervals, NftSetRec, SetBackend } from '../../../assembly/abi/nft_set.js';
import { TagTableRec } from '../../../assembly/abi/tag_table.js';
import { type Code, I32, I64, Mem, Op } from './code.js';
import { FRAME, type ValueEmitter } from './emit_value.js';
import type { Lookup, Test } from './lift.js';
import type { Element } from './set.js';

/** What a lookup needs of the rule that it stands in. */
export interface RuleCode {
  /** A verdict known now; the rule's end is `depth` out. False: the code behind it is reached. */
  verdict(code: number, chain: number, depth: number): void;
  /** The verdict at `dataAt` of the element in the local; the rule's end is `depth` out. As verdict(). */
  found(elem: number, dataAt: number, depth: number): void;
  /** What is not so easily said is found out; the rule's end is `depth` out. */
  evaluate(lookup: Lookup, depth: number): void;
}

const ALL = 0xffffffff;
const LOW = 0x01010101;
const HIGH = 0x80808080;
/** The byte of the chain is none of a node. */
const HIGH_NODES = 0x00808080;

export class LookupEmitter {
  constructor(
    private readonly code: Code,
    private readonly values: ValueEmitter,
    private readonly view: DataView,
    private readonly rule: RuleCode,
  ) {}

  /** Inside the block of the rule: falls through when the rule goes on. */
  emit(lookup: Lookup): void {
    if (lookup.set.elements === undefined) this.table(lookup);
    else if (lookup.inverted) this.among(lookup, lookup.set.elements, () => this.code.br(1));
    else this.constant(lookup, lookup.set.elements);
  }

  private constant(lookup: Lookup, elements: readonly Element[]): void {
    const { code, view, rule } = this;
    code.block();
    this.among(lookup, elements, ({ data }) => {
      if (lookup.set.map === 'verdict') {
        const verdict = view.getInt32(data, true);
        if (verdict !== NFT_CONTINUE) {
          rule.verdict(verdict, view.getUint32(data + 4, true), 2);
          return;
        }
      } else if (lookup.register !== 0) {
        for (let at = 0; at < lookup.set.dlen; at += 4)
          code
            .localGet(FRAME)
            .i32Const(view.getInt32(data + at, true))
            .mem(Mem.i32_store, lookup.register + at);
      }
      code.br(1);
    });
    code.br(1).end();
  }

  /** `found` for the element whose key it is, one block further in. */
  private among(lookup: Lookup, elements: readonly Element[], found: (element: Element) => void): void {
    const { code, values } = this;
    for (const { value } of lookup.key) values.load(value, value.source.len);
    for (const element of elements) {
      code.block();
      for (const test of tests(lookup, element)) values.test(test, 0);
      found(element);
      code.end();
    }
  }

  /**
   *   block found │ block slow │ block missing │ find; plain? data; br found │ end │ `*`? rule ends, or br found │ end │ evaluate │ end
   */
  private table(lookup: Lookup): void {
    const { code, values, rule } = this;
    const { key, set, inverted } = lookup;
    for (const { value } of key) values.load(value, value.source.len);
    const elem = values.temporary(I32);
    code.block().block().block();
    if (set.backend === SetBackend.HASH) this.probe(lookup, elem);
    else this.search(lookup, elem);
    code.localGet(elem).mem(Mem.i32_load8_u, NftElemRec.STATE);
    code.localGet(elem).mem(Mem.i32_load, NftElemRec.MORE).op(Op.i32_or).brIf(1);
    this.hit(lookup, elem);
    code.end();
    code.i32Const(set.at).mem(Mem.i32_load, NftSetRec.CATCHALL).brIf(0);
    code.br(inverted ? 1 : 2).end();
    rule.evaluate(lookup, 1);
    code.end();
    values.free(I32, elem);
  }

  /** The element of a table of tags: br 0 when there is none, br 1 when that is not so easily said. */
  private probe(lookup: Lookup, elem: number): void {
    const { code, values } = this;
    const { table } = lookup.set;
    const bucket = values.temporary(I32);
    const hits = values.temporary(I64);
    const tags = values.temporary(I64);
    this.hash(lookup);
    code.localTee(elem);
    code.i32Const(table).mem(Mem.i32_load, TagTableRec.MASK).op(Op.i32_and);
    code.i32Const(3).op(Op.i32_shl).localTee(bucket);
    code.i32Const(table).mem(Mem.i32_load, TagTableRec.TAGS).op(Op.i32_add);
    code.mem(Mem.i64_load, 0).localTee(tags);
    code.localGet(elem).i32Const(25).op(Op.i32_shr_u).i32Const(0x80).op(Op.i32_or).op(Op.i64_extend_i32_u);
    code.i64Const(LOW, LOW).op(Op.i64_mul).op(Op.i64_xor).localTee(hits);
    // Bytes that are 0 (Mycroft); those above one may be said to be, too: the element decides.
    code.i64Const(LOW, LOW).op(Op.i64_sub);
    code.localGet(hits).i64Const(ALL, ALL).op(Op.i64_xor).op(Op.i64_and).i64Const(HIGH, HIGH).op(Op.i64_and);
    code.localTee(hits).localGet(tags).i64Const(56, 0).op(Op.i64_shr_u).op(Op.i64_or).op(Op.i64_eqz).brIf(0);
    code.localGet(hits).i64Const(ALL, HIGH_NODES).op(Op.i64_and).localTee(hits).op(Op.i64_eqz).brIf(1);
    code.i32Const(table).mem(Mem.i32_load, TagTableRec.SLOTS);
    code.localGet(bucket).i32Const(2).op(Op.i32_shl).op(Op.i32_add);
    // The number of the bit is 8 i + 7: 4 i bytes.
    code.localGet(hits).op(Op.i64_ctz).op(Op.i32_wrap_i64).i32Const(1).op(Op.i32_shr_u);
    code.i32Const(0x1c).op(Op.i32_and).op(Op.i32_add).mem(Mem.i32_load, 0).localSet(elem);
    for (const { wide, push, at } of values.pieces(lookup.key)) {
      push();
      code.localGet(elem).mem(wide ? Mem.i64_load : Mem.i32_load, NftElemRec.KEY + at);
      code.op(wide ? Op.i64_ne : Op.i32_ne).brIf(1);
    }
    values.free(I32, bucket);
    values.free(I64, hits, tags);
  }

  /**
   * The element of the interval that holds the key, or br 0. Halving without branches: of n keys from `at` on, of which the
   * first is not larger, the upper half is looked at when its first is not larger either.
   */
  private search({ key, set }: Lookup, elem: number): void {
    const { code, values } = this;
    const wanted = values.temporary(I32);
    const look = values.temporary(I32);
    const at = values.temporary(I32);
    const n = values.temporary(I32);
    const half = values.temporary(I32);
    values.number(key[0]!.value);
    code.localSet(wanted);
    code.i32Const(set.at).mem(Mem.i32_load, NftSetRec.LOOK).localTee(look).op(Op.i32_eqz).brIf(0);
    code.localGet(look).mem(Mem.i32_load, NftIntervals.COUNT).localTee(n).op(Op.i32_eqz).brIf(0);
    code.localGet(look).localTee(at).mem(Mem.i32_load, NftIntervals.KEYS);
    code.localGet(wanted).op(Op.i32_gt_u).brIf(0);
    code.block().loop();
    code.localGet(n).i32Const(2).op(Op.i32_lt_u).brIf(1);
    code.localGet(n).i32Const(1).op(Op.i32_shr_u).localSet(half);
    code.localGet(n).localGet(half).op(Op.i32_sub).localSet(n);
    code.localGet(at).localGet(half).i32Const(2).op(Op.i32_shl).op(Op.i32_add).localTee(half);
    code.localGet(at);
    code.localGet(half).mem(Mem.i32_load, NftIntervals.KEYS).localGet(wanted).op(Op.i32_le_u);
    code.op(Op.select).localSet(at).br(0);
    code.end().end();
    // Behind room for all keys.
    code.localGet(look).mem(Mem.i32_load, NftIntervals.ROOM).i32Const(2).op(Op.i32_shl);
    code.localGet(at).op(Op.i32_add).mem(Mem.i32_load, NftIntervals.KEYS).localTee(elem);
    code.mem(Mem.i32_load8_u, NftElemRec.FLAGS).i32Const(NFT_SET_ELEM_INTERVAL_END).op(Op.i32_and).brIf(0);
    values.free(I32, wanted, look, at, n, half);
  }

  /** Three blocks inside the rule: found is 2 out. */
  private hit({ inverted, set, register }: Lookup, elem: number): void {
    const { code, rule } = this;
    if (inverted) {
      code.br(3);
      return;
    }
    if (set.map === 'verdict') rule.found(elem, set.dataAt, 3);
    else if (register !== 0) {
      for (let at = 0; at < set.dlen; at += 4)
        code
          .localGet(FRAME)
          .localGet(elem)
          .mem(Mem.i32_load, set.dataAt + at)
          .mem(Mem.i32_store, register + at);
    }
    code.br(2);
  }

  /** As lib/tag_table tagHash, on the stack. */
  private hash({ set, key }: Lookup): void {
    const { code, values } = this;
    const words: (() => void)[] = [];
    for (const { wide, push } of values.pieces(key)) {
      if (!wide) {
        words.push(() => {
          push();
          code.op(Op.i64_extend_i32_u);
        });
        continue;
      }
      words.push(
        () => {
          push();
          code.i64Const(ALL, 0).op(Op.i64_and);
        },
        () => {
          push();
          code.i64Const(32, 0).op(Op.i64_shr_u);
        },
      );
    }
    const factor = (i: number) => code.i32Const(set.table).mem(Mem.i64_load, TagTableRec.FACTORS + 8 + 8 * i);
    code.i32Const(set.table).mem(Mem.i64_load, TagTableRec.FACTORS);
    for (let i = 0; i < words.length; i += 2) {
      words[i]!();
      factor(i);
      if (i + 1 < words.length) {
        code.op(Op.i64_add);
        words[i + 1]!();
        factor(i + 1);
        code.op(Op.i64_add);
      }
      code.op(Op.i64_mul).op(Op.i64_add);
    }
    code.i64Const(32, 0).op(Op.i64_shr_u).op(Op.i32_wrap_i64);
  }
}

/** What the key must be to be the element's: a test for each of its registers. */
function tests({ key, set }: Lookup, { from, to }: Element): Test[] {
  let at = 0;
  return key.map(({ value }) => {
    const len = Math.min(value.source.len, set.klen - at);
    const data = from.slice(at, at + len);
    const last = to.slice(at, at + len);
    at += (value.source.len + 3) & ~3;
    const same = data.every((x, i) => x === last[i]);
    if (same) return { kind: 'test', value, len, op: NftCmpOp.EQ, data };
    return { kind: 'test', value, len, op: 'in', data, to: last };
  });
}
