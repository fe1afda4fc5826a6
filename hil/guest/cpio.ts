/**
 * An initial file system for the kernel, in the "newc" form of cpio (its Documentation/driver-api/early-userspace/
 * buffer-format.rst): a header of hexadecimal fields, the name, the contents, each filled up to four bytes.
 */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

export interface CpioEntry {
  /** Without a leading slash; folders come before what is in them. */
  readonly path: string;
  readonly mode: number;
  /** A folder has none. */
  readonly contents?: Uint8Array;
}

function padded(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc((bytes.length + 3) & ~3);
  out.set(bytes);
  return out;
}

function entry(path: string, mode: number, contents: Uint8Array, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, contents.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header), name])), padded(contents)];
}

export function cpio(entries: readonly CpioEntry[]): Buffer {
  const none = new Uint8Array(0);
  const parts = entries.flatMap(({ path, mode, contents }, i) =>
    entry(path, mode | (contents === undefined ? S_IFDIR : S_IFREG), contents ?? none, i + 1),
  );
  return Buffer.concat([...parts, ...entry('TRAILER!!!', 0, none, 0)]);
}
