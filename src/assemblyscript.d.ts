/** The names of AssemblyScript's number types, so that the import-free files of assembly/abi type-check here too. */
declare global {
  type i8 = number;
  type u8 = number;
  type i16 = number;
  type u16 = number;
  type i32 = number;
  type u32 = number;
  type usize = number;
}

export {};
