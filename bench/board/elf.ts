/** What an image takes of a board, by the sections of its ELF file. */
const E_SHOFF = { 32: 32, 64: 40 } as const;
const E_SHENTSIZE = { 32: 46, 64: 58 } as const;
const SHT_NOBITS = 8;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;

export interface ImageSizes {
  /** Code, constants and initial values. */
  readonly flashBytes: number;
  /** Everything that is written: data, cleared memory, stacks, the core's memory. */
  readonly ramBytes: number;
}

export function imageSizes(elf: Buffer): ImageSizes {
  const bits = elf[4] === 1 ? 32 : 64;
  const word = (at: number): number => (bits === 32 ? elf.readUInt32LE(at) : Number(elf.readBigUInt64LE(at)));
  const table = word(E_SHOFF[bits]);
  const entry = elf.readUInt16LE(E_SHENTSIZE[bits]);
  const count = elf.readUInt16LE(E_SHENTSIZE[bits] + 2);
  let flashBytes = 0;
  let ramBytes = 0;
  for (let i = 0; i < count; i++) {
    const at = table + i * entry;
    const type = elf.readUInt32LE(at + 4);
    const flags = word(at + 8);
    const size = word(at + (bits === 32 ? 20 : 32));
    if ((flags & SHF_ALLOC) === 0) continue;
    if (type !== SHT_NOBITS) flashBytes += size;
    if ((flags & SHF_WRITE) !== 0) ramBytes += size;
  }
  return { flashBytes, ramBytes };
}
