/** The initial file system of one boot: busybox, the first modules, boot.sh, and the settings that both scripts read. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { type CpioEntry, cpio } from './cpio.js';
import { dependencies } from './modules.js';
import type { Prepared } from './places.js';
import { BOOT_MODULES } from './recipe.js';

/** For a shell, whatever the path is called. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

export function initialFileSystem({ folder, release }: Prepared, tree: string, usb = false): Buffer {
  const modules = join(folder, 'modules', release);
  const paths = dependencies(readFileSync(join(modules, 'modules.dep'), 'utf8'), BOOT_MODULES);
  const settings = {
    TREE: tree,
    CACHE: folder,
    RELEASE: release,
    NODE: process.execPath,
    HOME_DIR: homedir(),
    USB: usb ? 'yes' : '',
    BOOT_MODULES: paths.map((path) => basename(path, '.ko')).join(' '),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quoted(value)}\n`);
  const folders = ['bin', 'proc', 'modules', 'dev'];
  const entries: CpioEntry[] = [
    ...folders.map((path) => ({ path, mode: 0o755 })),
    { path: 'bin/busybox', mode: 0o755, contents: readFileSync(join(folder, 'busybox')) },
    { path: 'init', mode: 0o755, contents: readFileSync(join(tree, 'hil/guest/boot.sh')) },
    { path: 'settings', mode: 0o644, contents: Buffer.from(lines.join('')) },
    ...paths.map((path) => ({
      path: `modules/${basename(path)}`,
      mode: 0o644,
      contents: readFileSync(join(modules, path)),
    })),
  ];
  return cpio(entries);
}
