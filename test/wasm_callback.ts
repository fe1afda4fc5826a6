/**
 * Puts a JavaScript function into a module's function table, so that a unit test can be the handler behind an op id.
 * V8 takes only exported WASM functions there, so the callback goes through a module of one import and one export.
 */

/** Returns the table index of `callback`, a function of `params` i32s that returns an i32 when `result` is set. */
export function addCallback(
  table: WebAssembly.Table,
  params: number,
  result: boolean,
  callback: (...args: number[]) => number | undefined,
): number {
  const I32 = 0x7f;
  const type = [0x60, params, ...Array<number>(params).fill(I32), ...(result ? [1, I32] : [0])];
  const name = [1, 0x66];
  const section = (id: number, body: number[]) => [id, body.length, ...body];
  const bytes = new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, ...type]),
    ...section(2, [1, ...name, ...name, 0, 0]),
    ...section(7, [1, ...name, 0, 0]),
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { f: { f: callback } });
  const index = table.grow(1);
  table.set(index, exports.f);
  return index;
}

/** A module of one function, (priv, skb, state) => priv: the verdict is what the hook was registered with. */
const PRIV_IS_VERDICT = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 8, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f],
  ...[3, 2, 1, 0],
  ...[7, 5, 1, 1, 0x66, 0, 0],
  ...[10, 6, 1, 4, 0, 0x20, 0, 0x0b],
);

/** Puts that function into a core's table, as a hook whose verdict is its priv; returns the table index. */
export function addPrivVerdict(table: WebAssembly.Table): number {
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(PRIV_IS_VERDICT)).exports;
  const index = table.grow(1);
  table.set(index, f);
  return index;
}
