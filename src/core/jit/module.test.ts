import { expect, test } from 'vitest';
import { I32, I64, Mem, Op } from './code.js';
import { ModuleBuilder } from './module.js';

type Func = (...args: number[]) => number;

async function instantiate(
  builder: ModuleBuilder,
  core: Record<string, WebAssembly.ImportValue> = {},
): Promise<{ memory: WebAssembly.Memory; f: Record<string, Func> }> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const table = new WebAssembly.Table({ initial: 0, element: 'anyfunc' });
  const { instance } = await WebAssembly.instantiate(builder.finish(), { core: { memory, table, ...core } });
  return { memory, f: instance.exports as Record<string, Func> };
}
const newModule = () => new ModuleBuilder({ pages: 1, shared: false });

test('constants of every length come back as they were', async () => {
  const values = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8193, 0x7fffffff, -0x80000000];
  const builder = newModule();
  for (const value of values) builder.func([], [I32]).code.i32Const(value);
  const { f } = await instantiate(builder);
  expect(values.map((_, i) => f[i]!())).toEqual(values);
});

test('64-bit constants come back as they were', async () => {
  const values: [number, number][] = [
    [0, 0],
    [0xffffffff, 0xffffffff],
    [0x89abcdef, 0x01234567],
    [0, 0x80000000],
    [0xffffffff, 0x7fffffff],
  ];
  const builder = newModule();
  for (const [lo, hi] of values) builder.func([], [I64]).code.i64Const(lo, hi);
  const { f } = await instantiate(builder);
  const seen = values.map((_, i) => BigInt.asUintN(64, f[i]!() as unknown as bigint));
  expect(seen).toEqual(values.map(([lo, hi]) => (BigInt(hi) << 32n) | BigInt(lo)));
});

test('loads what is in memory, branches, and calls a function of the core', async () => {
  const builder = newModule();
  const double = builder.import('double', [I32], [I32]);
  const { code } = builder.func([I32], [I32]);
  const local = code.local(I32);
  code.block();
  code.localGet(0).mem(Mem.i32_load16_u, 4).localTee(local).i32Const(0x1234).op(Op.i32_ne).brIf(0);
  code.localGet(local).call(double).op(Op.return);
  code.end().i32Const(-1);
  const { memory, f } = await instantiate(builder, { double: (x: number) => 2 * x });
  expect(f[0]!(16)).toBe(-1);
  new DataView(memory.buffer).setUint16(20, 0x1234, true);
  expect(f[0]!(16)).toBe(0x2468);
});

test('a branch table takes the listed depth, and the last one otherwise', async () => {
  const builder = newModule();
  const { code } = builder.func([I32], [I32]);
  code.block().block().block().localGet(0).brTable([0, 1], 2);
  code.end().i32Const(10).op(Op.return);
  code.end().i32Const(11).op(Op.return);
  code.end().i32Const(12);
  const { f } = await instantiate(builder);
  expect([0, 1, 2, -1].map((x) => f[0]!(x))).toEqual([10, 11, 12, 12]);
});

test('ten thousand functions make one valid module', async () => {
  const builder = newModule();
  for (let i = 0; i < 10_000; i++) {
    const { code } = builder.func([I32], [I32]);
    code.local(I32);
    code.local(I32);
    code.local(I64);
    code.localGet(0).i32Const(i).op(Op.i32_add);
  }
  const { f } = await instantiate(builder);
  expect(f[9_999]!(1)).toBe(10_000);
});
