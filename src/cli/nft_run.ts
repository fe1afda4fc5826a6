/**
 * What `ww nft` does: reads commands from a file, the command line or a terminal, checks and compiles all of them, and only
 * then does anything. `list ruleset` behind `-c -f FILE` lists what the file declares.
 */
import { createInterface } from 'node:readline';
import { NetError } from '../net_error.js';
import type { Command, Expression, RulesetObject, Target } from '../nft/ast.js';
import { systemNames } from '../nft/datatype/names.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import { readSource } from '../nft/grammar/include.js';
import { printJson } from '../nft/json/ruleset_out.js';
import { compile, defineVariables, readCommands } from '../nft/nft.js';
import { describeText } from '../nft/print/describe.js';
import { Declared } from '../nft/print/declared.js';
import { printRuleset } from '../nft/print/ruleset.js';
import type { IrThing } from '../nft/ir.js';
import type { Source } from '../nft/source.js';
import type { RunningRouter } from './nft_router.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './command_line.js';

export interface NftOptions {
  readonly file?: string;
  readonly check?: boolean;
  readonly interactive?: boolean;
  readonly includepath?: readonly string[];
  readonly define?: readonly string[];
  readonly debug?: string;
  readonly pid?: string;
  readonly json?: boolean;
  readonly handle?: boolean;
  readonly stateless?: boolean;
  readonly terse?: boolean;
  readonly numericPriority?: boolean;
  readonly numeric?: boolean;
}

export interface NftOutput {
  out(text: string): void;
  err(text: string): void;
}

const PROCESS_OUTPUT: NftOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/** Levels of nft that say nothing here: there is no scanner, no libmnl and so on to speak of. */
const SILENT = new Set(['scanner', 'parser', 'eval', 'mnl', 'proto-ctx', 'segtree']);

class Session {
  private readonly before: Command[] = [];
  private readonly declared = new Declared();
  /** How much of the IR came from `before`. */
  private told = 0;
  private router: RunningRouter | undefined;
  private readonly variables: Map<string, Expression>;
  private readonly netlink: boolean;

  constructor(
    private readonly options: NftOptions,
    private readonly output: NftOutput,
  ) {
    const levels = options.debug?.split(',') ?? [];
    const unknown = levels.find((level) => level !== 'netlink' && level !== 'all' && !SILENT.has(level));
    if (unknown !== undefined) throw new NetError('EINVAL', `--debug: ${unknown} is none of netlink, all`);
    this.netlink = levels.includes('netlink') || levels.includes('all');
    this.variables = defineVariables(options.define ?? []);
  }

  async run(source: Source): Promise<void> {
    const { includepath, json } = this.options;
    const commands = readCommands(source, {
      variables: this.variables,
      ...(includepath?.length && { includePaths: includepath }),
      ...(json && { json }),
    });
    for (const command of commands) {
      if (command.kind === 'describe') this.output.out(describeText(command.expr, systemNames()));
    }
    if (commands.length > 0 && commands.every((command) => command.kind === 'describe')) return;
    const changes = commands.filter((command) => command.kind !== 'list');
    // Together with what came before: a rule refers to the sets of an earlier line.
    const router = this.options.check ? undefined : await this.openRouter();
    const compiled = compile([...this.before, ...changes], router && { names: router.names });
    if (this.netlink && changes.length > 0) this.output.out(compiled.debug(this.told));
    const fresh = compiled.ir.slice(this.told);
    this.told = compiled.ir.length;
    await router?.load(fresh);
    this.before.push(...changes);
    for (const command of changes) this.declared.apply(command);
    for (const command of commands)
      if (command.kind === 'list')
        this.list(command.target, router && (await this.listed(router, command.target)));
  }

  /** What the router has of it. */
  private async listed(router: RunningRouter, { family, table }: Target): Promise<RulesetObject[]> {
    const { delinearize } = await import('../nft/delinearize/ruleset.js');
    const of = (thing: IrThing) =>
      (family === undefined || thing.family === family) &&
      (table === undefined || (thing.kind === 'table' ? thing.name : thing.table) === table);
    return delinearize((await router.ruleset()).filter(of), router.names);
  }

  private async openRouter(): Promise<RunningRouter> {
    const { RunningRouter } = await import('./nft_router.js');
    this.router ??= await RunningRouter.open(
      this.options.pid === undefined ? undefined : Number(this.options.pid),
    );
    return this.router;
  }

  /** `objects`: of a running router; otherwise what was declared. */
  private list({ type, family, table }: Target, objects?: readonly RulesetObject[]): void {
    if (type !== 'ruleset' && type !== 'table')
      throw new NetError('ENOTSUP', `list ${type} is not there yet; list ruleset and list table are`);
    if (type === 'table' && objects === undefined)
      throw new NetError('ENOTSUP', 'list table needs a running router; list ruleset does not');
    if (type === 'table' && objects?.length === 0)
      throw new NetError('ENOENT', `there is no table ${family} ${table}`);
    const listed = objects ?? this.declared.list(family);
    const { json, handle, stateless, terse, numericPriority, numeric } = this.options;
    if (json) {
      this.output.out(`${printJson(listed)}\n`);
      return;
    }
    const text = printRuleset(listed, {
      ...(handle && { handles: true }),
      ...(stateless && { stateless }),
      ...(terse && { terse }),
      ...((numericPriority || numeric) && { numericPriority: true }),
    });
    this.output.out(text);
  }
}

/** An error of the language in its own form; anything else is the caller's. */
function explain(error: unknown, output: NftOutput): number {
  if (error instanceof RulesetErrors) {
    for (const each of error.errors) output.err(`${each.toString()}\n`);
    return EXIT_FAILED;
  }
  if (!(error instanceof NftError)) throw error;
  output.err(`${error.toString()}\n`);
  return EXIT_FAILED;
}

async function interact(session: Session, output: NftOutput): Promise<number> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'nft> ' });
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === 'quit') break;
    try {
      if (line.trim() !== '') await session.run({ name: '<stdin>', text: `${line}\n` });
    } catch (error) {
      if (error instanceof NetError) output.err(`ww: ${error.message}\n`);
      else explain(error, output);
    }
    lines.prompt();
  }
  lines.close();
  return EXIT_DONE;
}

export async function runNft(
  words: readonly string[],
  options: NftOptions,
  output: NftOutput = PROCESS_OUTPUT,
): Promise<number> {
  if (options.interactive && options.file !== undefined) {
    output.err('ww: -i and -f exclude each other\n');
    return EXIT_WRONG_USE;
  }
  try {
    const session = new Session(options, output);
    if (options.interactive) return await interact(session, output);
    if (options.file !== undefined) await session.run(readSource(options.file));
    if (words.length > 0) await session.run({ name: '<cmdline>', text: `${words.join(' ')}\n` });
    return EXIT_DONE;
  } catch (error) {
    return explain(error, output);
  }
}
