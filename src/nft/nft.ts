/**
 * The rule language as a whole: a text (or its JSON) to commands, commands to the instructions of nf_tables, a ruleset to
 * text or JSON. Knows no router: a ruleset can be checked and compiled with nothing running.
 */
import type { Command, Expression } from './ast.js';
import { type SystemNames, systemNames } from './datatype/names.js';
import { NftError } from './error.js';
import { evaluateCommands } from './evaluate/command.js';
import type { KnownRuleset } from './evaluate/ruleset.js';
import { type ParseOptions, parse } from './grammar/parse.js';
import type { IrCommand } from './ir.js';
import { parseJsonRuleset } from './json/ruleset_in.js';
import { debugText } from './linearize/debug.js';
import type { Source } from './source.js';

export interface ReadOptions extends ParseOptions {
  /** -j: what begins with a brace is JSON; anything else is still text. */
  readonly json?: boolean;
}

/** Throws NftError. */
export function readCommands(source: Source, options: ReadOptions = {}): Command[] {
  if (options.json && /^\s*\{/.test(source.text)) return parseJsonRuleset(source).map(withoutHandle);
  return parse(source, options);
}

/** A rule of a listing goes behind the others. */
function withoutHandle(command: Command): Command {
  if (command.kind !== 'add' || !command.implied || command.object.kind !== 'rule') return command;
  const { handle: _had, ...object } = command.object;
  return { ...command, object };
}

/** Variables of `-D name=value`, spelt as behind `define`. */
export function defineVariables(definitions: readonly string[]): Map<string, Expression> {
  const variables = new Map<string, Expression>();
  for (const definition of definitions) {
    const source: Source = { name: '<define>', text: `redefine ${definition}\n` };
    if (!/^[A-Za-z_][\w.-]*\s*=/.test(definition)) {
      throw new NftError('name=value is expected', { source, start: 9, end: source.text.length - 1 });
    }
    parse(source, { variables });
  }
  return variables;
}

export interface Compiled {
  readonly ir: readonly IrCommand[];
  /** `--debug=netlink`, of the instructions from this one on. */
  debug(from?: number): string;
}

/** Throws RulesetErrors, which has an NftError for each command that is wrong. */
export function compile(
  commands: readonly Command[],
  options: { readonly names?: SystemNames; readonly known?: KnownRuleset } = {},
): Compiled {
  const ir = evaluateCommands(commands, { ...options, names: options.names ?? systemNames() });
  return { ir, debug: (from = 0) => debugText(ir.slice(from)) };
}
