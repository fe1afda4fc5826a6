/**
 * What `ww nft` does: reads commands from a file, the command line or a terminal, checks and compiles all of them, and only
 * then does anything. `list ruleset` behind `-c -f FILE` lists what the file declares.
 */
import { createInterface } from 'node:readline';
import { NetError } from '../net_error.js';
import type { Command, Expression, Target } from '../nft/ast.js';
import { systemNames } from '../nft/datatype/names.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import { readSource } from '../nft/grammar/include.js';
import { knownRuleset } from '../nft/known.js';
import { listText, type ListOptions } from '../nft/list.js';
import { compile, defineVariables, readCommands } from '../nft/nft.js';
import { describeText } from '../nft/print/describe.js';
import { Declared } from '../nft/print/declared.js';
import { flatten } from '../nft/print/ruleset.js';
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
  readonly echo?: boolean;
  readonly optimize?: boolean;
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
    if (options.optimize)
      throw new NetError(
        'EOPNOTSUPP',
        '-o: rules are not merged; --jit=tree finds by itself what can be one lookup',
      );
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
    if (this.options.check) this.check(commands);
    else await this.apply(commands);
  }

  /** With nothing running: a file refers to what came before it on this command line. */
  private check(commands: readonly Command[]): void {
    const changes = commands.filter(isChange);
    const compiled = compile([...this.before, ...changes]);
    if (this.netlink && changes.length > 0) this.output.out(compiled.debug(this.told));
    this.told = compiled.ir.length;
    this.before.push(...changes);
    for (const command of changes) this.declared.apply(command);
    for (const command of commands) if (command.kind === 'list') this.listDeclared(command.target);
  }

  /** One transaction of all that changes something, behind it what asks, in its order. */
  private async apply(commands: readonly Command[]): Promise<void> {
    const router = await this.openRouter();
    const changes = commands.filter(isChange);
    if (changes.length > 0) await this.change(router, changes);
    const asks = commands.filter((command) => !isChange(command));
    if (asks.length === 0) return;
    const { getElements, listRouter, resetRouter } = await import('./nft_list.js');
    for (const command of asks) {
      switch (command.kind) {
        case 'list':
          this.output.out(await listRouter(router, command.target, this.listOptions));
          break;
        case 'reset':
          this.output.out(await resetRouter(router, command.target, this.listOptions));
          break;
        case 'get element':
        case 'reset element':
          this.output.out(await getElements(router, command, this.listOptions));
          break;
        case 'monitor': {
          const { monitor } = await import('./nft_monitor.js');
          await monitor(router, command, this.listOptions, this.output);
          break;
        }
        default:
          break;
      }
    }
  }

  private async change(router: RunningRouter, changes: readonly Command[]): Promise<void> {
    const elements = changes.some(needsElements);
    const things = changes[0]!.kind === 'flush' && isAll(changes[0]!) ? [] : await router.ruleset(elements);
    const known = knownRuleset(things, router.names, elements);
    const compiled = compile(changes, { names: router.names, known });
    if (this.netlink) this.output.out(compiled.debug());
    const echoed = await router.load(compiled.ir, this.options.echo);
    if (!this.options.echo) return;
    const { echo } = await import('./nft_monitor.js');
    echo(echoed, things, router.names, this.listOptions, this.output);
  }

  private async openRouter(): Promise<RunningRouter> {
    const { RunningRouter } = await import('./nft_router.js');
    this.router ??= await RunningRouter.open(
      this.options.pid === undefined ? undefined : Number(this.options.pid),
    );
    return this.router;
  }

  private get listOptions(): ListOptions {
    const { json, handle, stateless, terse, numericPriority, numeric } = this.options;
    return {
      ...(json && { json }),
      ...(handle && { handles: true }),
      ...(stateless && { stateless }),
      ...(terse && { terse }),
      ...((numericPriority || numeric) && { numericPriority: true }),
    };
  }

  private listDeclared(target: Target): void {
    const objects = flatten(this.declared.list(target.type === 'ruleset' ? target.family : undefined));
    this.output.out(listText(objects, target, this.listOptions));
  }
}

/** What is part of a transaction; anything else asks. */
function isChange({ kind }: Command): boolean {
  switch (kind) {
    case 'list':
    case 'reset':
    case 'get element':
    case 'reset element':
    case 'monitor':
    case 'describe':
      return false;
    default:
      return true;
  }
}

/** `flush ruleset` in front: of what there was nothing needs to be known. */
const isAll = (command: Command): boolean =>
  command.kind === 'flush' && command.target.type === 'ruleset' && command.target.family === undefined;

/** Elements are compared with those that are there: intervals may overlap, or merge. */
function needsElements(command: Command): boolean {
  switch (command.kind) {
    case 'delete element':
    case 'destroy element':
      return true;
    case 'add':
    case 'create': {
      const { object } = command;
      if (object.kind === 'element') return true;
      if (object.kind === 'set' || object.kind === 'map') return object.elem !== undefined;
      if (object.kind !== 'table') return false;
      return (object.block ?? []).some(
        (each) =>
          each.kind === 'element' ||
          ((each.kind === 'set' || each.kind === 'map') && each.elem !== undefined),
      );
    }
    default:
      return false;
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
