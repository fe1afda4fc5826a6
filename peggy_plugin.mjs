/**
 * Grammars as modules, for esbuild and vitest: importing `x.peggy` gives the parser that peggy makes of x.peggy and the other
 * .peggy files of its folder, together (those by name, x first). Nothing generated is kept.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { transformSync } from 'esbuild';
import peggy from 'peggy';

/** Rules that included text begins with. */
const START_RULES = ['File', 'IncludedTable', 'IncludedChain', 'IncludedSet'];

function grammarFiles(entry) {
  const others = readdirSync(dirname(entry))
    .filter((name) => name.endsWith('.peggy') && name !== basename(entry))
    .sort();
  return [entry, ...others.map((name) => join(dirname(entry), name))];
}

function compile(entry) {
  const input = grammarFiles(entry).map((path) => ({ source: path, text: readFileSync(path, 'utf8') }));
  try {
    const code = peggy.generate(input, { output: 'source', format: 'es', allowedStartRules: START_RULES });
    // A third of the size, and of the time to load it.
    return transformSync(code, { minify: true, legalComments: 'none' }).code;
  } catch (error) {
    throw typeof error.format === 'function' ? new Error(error.format(input)) : error;
  }
}

export const peggyForEsbuild = {
  name: 'peggy',
  setup(api) {
    api.onLoad({ filter: /\.peggy$/ }, ({ path }) => ({
      contents: compile(path),
      loader: 'js',
      watchFiles: grammarFiles(path),
    }));
  },
};

export const peggyForVitest = {
  name: 'peggy',
  enforce: 'pre',
  load(id) {
    return id.endsWith('.peggy') ? { code: compile(id), map: null } : undefined;
  },
};
