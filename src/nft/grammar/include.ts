/**
 * `include "FILE"`: which files it means, as nft finds them. An absolute path and one that begins with `./` or `../`
 * stand for themselves; any other is looked for in the directories of -I. With wildcards (`*`, `?`, `[...]`) it
 * is all that match, sorted, and none is no error; names beginning with a dot are left out.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type Loc, NO_LOC, type Source } from '../source.js';
import { NftError } from '../error.js';

export interface IncludeOptions {
  /** -I, in order. */
  readonly includePaths?: readonly string[];
  /** In place of the file system, in tests and where there is none. */
  readonly readFile?: (path: string) => string;
}

/** Where Debian's nft looks when no -I is given. */
const DEFAULT_INCLUDE_PATHS = ['/etc'];
/** A ruleset is text; whatever is larger was not meant. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

function readText(path: string, loc: Loc, options: IncludeOptions): string {
  try {
    if (options.readFile) return options.readFile(path);
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new NftError(`${path} is too large (${size} bytes)`, loc);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof NftError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'No such file or directory' : code === 'EISDIR' ? 'Is a directory' : code;
    throw new NftError(`Could not open file "${path}": ${why ?? String(cause)}`, loc, undefined, { cause });
  }
}

const exists = (path: string, options: IncludeOptions) => {
  if (!options.readFile) return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  try {
    options.readFile(path);
    return true;
  } catch {
    return false;
  }
};

function candidates(name: string, options: IncludeOptions): string[] {
  if (isAbsolute(name) || name.startsWith('./') || name.startsWith('../')) return [name];
  return (options.includePaths ?? DEFAULT_INCLUDE_PATHS).map((directory) => join(directory, name));
}

const CHARACTERS = { '*': '[^/]*', '?': '[^/]' };

/** One name of a path as a pattern; a leading dot is matched by a dot only. */
function wildcard(name: string): RegExp {
  const body = name.replace(/\[!?\]?[^\]]*\]|[*?]|[^*?[]+|\[/g, (piece) => {
    if (piece === '*' || piece === '?') return CHARACTERS[piece];
    if (piece.length > 2 && piece.startsWith('['))
      return piece.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  return new RegExp(`^${name.startsWith('.') ? '' : '(?!\\.)'}${body}$`);
}

/** The files that a path with wildcards names, sorted. */
function glob(pattern: string): string[] {
  let found = [isAbsolute(pattern) ? '/' : ''];
  for (const name of pattern.split('/').filter((part) => part !== '')) {
    if (!/[*?[]/.test(name)) {
      found = found.map((directory) => join(directory, name));
      continue;
    }
    const matches = wildcard(name);
    found = found.flatMap((directory) => {
      try {
        const names = readdirSync(directory === '' ? '.' : directory);
        return names.filter((entry) => matches.test(entry)).map((entry) => join(directory, entry));
      } catch {
        return [];
      }
    });
  }
  return found.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false).sort();
}

export function readIncluded(name: string, loc: Loc, options: IncludeOptions): Source[] {
  const read = (path: string): Source => ({
    name: path,
    text: readText(path, loc, options),
    includedFrom: loc,
  });
  const paths = candidates(name, options);
  if (!/[*?[]/.test(name)) {
    const path = paths.find((candidate) => exists(candidate, options)) ?? paths[0] ?? name;
    return [read(path)];
  }
  for (const pattern of paths) {
    const found = glob(pattern);
    if (found.length > 0) return found.map(read);
  }
  return [];
}

/** The text of a file that a user named, `-` for standard input. */
export function readSource(path: string, options: IncludeOptions = {}): Source {
  if (path === '-') return { name: '/dev/stdin', text: readText('/dev/stdin', NO_LOC, options) };
  return { name: path, text: readText(path, NO_LOC, options) };
}
