/**
 * Where things are: the tree this belongs to, and the cache with Debian's kernel, which all trees of a user share. What
 * `npm run setup` made is complete when `ready.json` is there, written last; its folder is named after the recipe, so a
 * tree with another list of modules has another one.
 *
 *   ~/.cache/wirewright/guest-<recipe>/   vmlinux  busybox  udev/{udevadm,rules.d/}  modules/<release>/  ready.json
 *
 * WW_GUEST_CACHE names another folder.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { MODULES, PACKAGES, UDEV_RULES } from './recipe.js';

export type Accel = 'kvm' | 'tcg';

/** What is in the cache. */
export interface Prepared {
  readonly folder: string;
  /** As `uname -r` says. */
  readonly release: string;
  /** Name and version of each package. */
  readonly packages: Readonly<Record<string, string>>;
  /** What QEMU can use on this machine. */
  readonly accel: Accel;
}

/** The nearest folder above this module with a package.json: it runs as source, and bundled in build/. */
export function treeRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = above;
  }
  return folder;
}

export function cacheFolder(): string {
  if (process.env.WW_GUEST_CACHE !== undefined) return process.env.WW_GUEST_CACHE;
  const recipe = JSON.stringify([PACKAGES, MODULES.map(String), UDEV_RULES]);
  const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wirewright', `guest-${hash}`);
}

export const READY = 'ready.json';

/** Undefined when `npm run setup` has not been here, or for an older recipe. */
export function findPrepared(): Prepared | undefined {
  const folder = cacheFolder();
  const path = join(folder, READY);
  if (!existsSync(path)) return undefined;
  return { folder, ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<Prepared, 'folder'>) };
}
