/** Reads what tests ask of a WebAssembly binary: imports, globals, memory, and which kinds of instruction are in it. */

const SECTION_IMPORT = 2;
const SECTION_MEMORY = 5;
const SECTION_GLOBAL = 6;
const SECTION_CODE = 10;

export interface WasmGlobal {
  mutable: boolean;
}
export interface WasmImport {
  module: string;
  name: string;
  kind: number;
  /** Of an imported memory. */
  shared?: boolean;
}

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  byte(): number {
    if (this.at >= this.end) throw new Error(`the module ends at ${this.at}`);
    return this.bytes[this.at++]!;
  }

  /** LEB128 of up to 64 bits; only small values are looked at. */
  leb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  text(): string {
    const n = this.leb();
    this.at += n;
    return new TextDecoder().decode(this.bytes.subarray(this.at - n, this.at));
  }

  /** Limits of a memory or table; true when it is shared. */
  limits(): boolean {
    const flags = this.byte();
    this.leb();
    if (flags & 1) this.leb();
    return (flags & 2) !== 0;
  }
}

function section(bytes: Uint8Array, id: number): Reader | undefined {
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const kind = reader.byte();
    const length = reader.leb();
    if (kind === id) return new Reader(bytes, reader.at, reader.at + length);
    reader.at += length;
  }
  return undefined;
}

export function importsOf(bytes: Uint8Array): WasmImport[] {
  const reader = section(bytes, SECTION_IMPORT);
  if (reader === undefined) return [];
  return Array.from({ length: reader.leb() }, () => {
    const found: WasmImport = { module: reader.text(), name: reader.text(), kind: reader.byte() };
    if (found.kind === 0) reader.leb();
    else if (found.kind === 3) reader.at += 2;
    else {
      if (found.kind === 1) reader.byte();
      found.shared = reader.limits();
    }
    return found;
  });
}

/** The memory, imported or its own. */
export function memoryOf(bytes: Uint8Array): { shared: boolean } | undefined {
  const imported = importsOf(bytes).find(({ kind }) => kind === 2);
  if (imported !== undefined) return { shared: imported.shared === true };
  const reader = section(bytes, SECTION_MEMORY);
  return reader === undefined || reader.leb() === 0 ? undefined : { shared: reader.limits() };
}

export function globalsOf(bytes: Uint8Array): WasmGlobal[] {
  const reader = section(bytes, SECTION_GLOBAL);
  if (reader === undefined) return [];
  return Array.from({ length: reader.leb() }, () => {
    reader.byte();
    const mutable = reader.byte() === 1;
    while (reader.at < reader.end) if (instruction(reader) === 0x0b) break;
    return { mutable };
  });
}

/** How many instructions of each prefixed kind there are. */
export function opcodePrefixes(bytes: Uint8Array): { simd: number; atomics: number } {
  const found = { simd: 0, atomics: 0 };
  const reader = section(bytes, SECTION_CODE);
  if (reader === undefined) return found;
  for (let functions = reader.leb(); functions > 0; functions--) {
    const length = reader.leb();
    const body = new Reader(bytes, reader.at, reader.at + length);
    reader.at = body.end;
    for (let locals = body.leb(); locals > 0; locals--) {
      body.leb();
      body.byte();
    }
    while (body.at < body.end) {
      const opcode = instruction(body);
      if (opcode === 0xfd) found.simd++;
      else if (opcode === 0xfe) found.atomics++;
    }
  }
  return found;
}

/** Steps over one instruction; returns its opcode or its prefix. */
function instruction(reader: Reader): number {
  const opcode = reader.byte();
  const lebs = (n: number) => {
    for (let i = 0; i < n; i++) reader.leb();
  };
  if (opcode >= 0x28 && opcode <= 0x3e) lebs(2);
  else if (opcode >= 0x20 && opcode <= 0x26) lebs(1);
  else if (opcode === 0x0e) lebs(reader.leb() + 1);
  else if (opcode === 0x1c) reader.at += reader.leb();
  else if (opcode === 0x11) lebs(2);
  else if (opcode === 0x43) reader.at += 4;
  else if (opcode === 0x44) reader.at += 8;
  else if (ONE_LEB.has(opcode)) lebs(1);
  else if (opcode === 0xfc) lebs(BULK_LEBS[reader.leb()] ?? 0);
  else if (opcode === 0xfd) simd(reader, reader.leb());
  else if (opcode === 0xfe) lebs(reader.leb() === 3 ? 1 : 2);
  return opcode;
}

/** Blocks, branches, calls, memory.size and grow, i32 and i64 constants, references. */
const ONE_LEB = new Set([0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, 0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2]);
const BULK_LEBS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

function simd(reader: Reader, sub: number): void {
  const memarg = () => {
    reader.leb();
    reader.leb();
  };
  if (sub <= 11 || sub === 92 || sub === 93) memarg();
  else if (sub === 12 || sub === 13) reader.at += 16;
  else if (sub >= 21 && sub <= 34) reader.at += 1;
  else if (sub >= 84 && sub <= 91) {
    memarg();
    reader.at += 1;
  }
}
