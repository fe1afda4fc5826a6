/**
 * ModuleBuilder: a WebAssembly module from generated functions. It imports what the core has (its memory, its table, functions of
 * it) under the module name `core`, and exports the generated functions by number, so that the
 * host can put them into the core's table. WebAssembly core specification, chapter 5.5 (modules).
 *
 *   types ─ imports: memory, functions ─ functions ─ exports "0", "1", … ─ code
 */
import { Bytes, Code } from './code.js';

const MAGIC = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
const FUNC_TYPE = 0x60;
const FUNCREF = 0x70;

enum Section {
  TYPE = 1,
  IMPORT = 2,
  FUNCTION = 3,
  EXPORT = 7,
  CODE = 10,
}

enum Kind {
  FUNC = 0,
  TABLE = 1,
  MEMORY = 2,
}

export interface ModuleMemory {
  /** Pages of 64 KB; the core's memory has as many initially as at most. */
  pages: number;
  shared: boolean;
}

export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly typeBytes = new Bytes();
  private readonly imported: { name: string; type: number }[] = [];
  private readonly functions: { type: number; code: Code }[] = [];

  constructor(private readonly memory: ModuleMemory) {}

  /** Index of a function type; equal ones have one index. */
  type(params: readonly number[], results: readonly number[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    this.typeBytes.u8(FUNC_TYPE).u32(params.length).bytes(Uint8Array.from(params));
    this.typeBytes.u32(results.length).bytes(Uint8Array.from(results));
    return this.types.push(key) - 1;
  }

  /** A function of the core, called by this index. All imports come before the first function. */
  import(name: string, params: readonly number[], results: readonly number[]): number {
    if (this.functions.length > 0) throw new Error(`import of ${name} behind a function`);
    return this.imported.push({ name, type: this.type(params, results) }) - 1;
  }

  /** A new function: its index in the module, its number among the exports, and its code to be filled. */
  func(params: readonly number[], results: readonly number[]): { index: number; name: string; code: Code } {
    const code = new Code(params.length);
    const number = this.functions.push({ type: this.type(params, results), code }) - 1;
    return { index: this.imported.length + number, name: `${number}`, code };
  }

  /** For reset(): the functions so far. */
  mark(): number {
    return this.functions.length;
  }

  /** Forgets the functions since. */
  reset(mark: number): void {
    this.functions.length = mark;
  }

  /** Bytes of the functions since `mark`, about. */
  bytesSince(mark: number): number {
    return this.functions.slice(mark).reduce((sum, { code }) => sum + code.body.length, 0);
  }

  /** The module's bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    out.bytes(MAGIC);
    section(out, Section.TYPE, (to) => to.u32(this.types.length).bytes(this.typeBytes.view()));
    section(out, Section.IMPORT, (to) => this.imports(to));
    section(out, Section.FUNCTION, (to) => {
      to.u32(this.functions.length);
      for (const { type } of this.functions) to.u32(type);
    });
    section(out, Section.EXPORT, (to) => {
      to.u32(this.functions.length);
      for (let i = 0; i < this.functions.length; i++) {
        to.name(`${i}`)
          .u8(Kind.FUNC)
          .u32(this.imported.length + i);
      }
    });
    section(out, Section.CODE, (to) => {
      to.u32(this.functions.length);
      for (const { code } of this.functions) code.finish(to);
    });
    return Uint8Array.from(out.view());
  }

  private imports(to: Bytes): void {
    to.u32(this.imported.length + 2);
    to.name('core').name('table').u8(Kind.TABLE).u8(FUNCREF).u8(0).u32(0);
    const { pages, shared } = this.memory;
    to.name('core').name('memory').u8(Kind.MEMORY);
    // Limits with a maximum: flag 1, and 3 when shared (threads proposal).
    to.u8(shared ? 3 : 1)
      .u32(pages)
      .u32(pages);
    for (const { name, type } of this.imported) to.name('core').name(name).u8(Kind.FUNC).u32(type);
  }
}

function section(out: Bytes, id: Section, fill: (to: Bytes) => void): void {
  const body = new Bytes();
  fill(body);
  out.u8(id).u32(body.length).bytes(body.view());
}
