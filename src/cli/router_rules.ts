/**
 * The rules of `ww up router.yaml` (its key `nftables`): read and compiled before anything starts, tried in a core of
 * their own, then loaded as one transaction when the router's links are there and before its first frame.
 *
 *   nftables: ─► parse ─► compile ─► a core with links of the same names: does nf_tables take it?    checkRules
 *                  └────► compile, with the indexes of the real links ─► batch                       loadRules
 */
import { type Diagnostic, nearest } from '../config/diagnostic.js';
import type { LinkConfig, RulesetConfig } from '../config/router_config.js';
import type { Namespace } from '../net/namespace.js';
import { joinMessages } from '../netlink/nlmsg.js';
import type { Command } from '../nft/ast.js';
import { systemNames } from '../nft/datatype/names.js';
import { encodeBatch } from '../nft/encode/message.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import { readSource } from '../nft/grammar/include.js';
import type { IrCommand } from '../nft/ir.js';
import { compile, readCommands } from '../nft/nft.js';
import { lineText, position, type Source } from '../nft/source.js';
import { createStack } from '../stack.js';
import { throwRefused } from './nft_refused.js';

/** What asks is for `ww nft`; here it would say nothing to nobody. */
const ASKS = new Set<Command['kind']>([
  'list',
  'reset',
  'get element',
  'reset element',
  'monitor',
  'describe',
]);

function readRules({ file, text }: RulesetConfig): Command[] {
  const source: Source = text === undefined ? readSource(file) : { name: file, text };
  const commands = readCommands(source, { json: true });
  const asks = commands.filter(({ kind }) => ASKS.has(kind));
  if (asks.length > 0)
    throw new RulesetErrors(
      asks.map(({ kind, loc }) => new NftError(`${kind} asks; a router's rules can only set up`, loc)),
    );
  return commands;
}

/** One transaction: all of the rules, or none of them. Throws RulesetErrors; returns what was loaded. */
export async function loadCommands(
  namespace: Namespace,
  commands: readonly Command[],
): Promise<readonly IrCommand[]> {
  const links = new Map((await namespace.links()).map(({ name, ifindex }) => [name, ifindex]));
  const { ir } = compile(commands, { names: systemNames((name) => links.get(name)) });
  const messages = encodeBatch(ir);
  throwRefused(messages, await namespace.nfnl.batch(joinMessages(messages.map(({ bytes }) => bytes))));
  return ir;
}

export async function loadRules(namespace: Namespace, rules: RulesetConfig): Promise<void> {
  await loadCommands(namespace, readRules(rules));
}

/** What is wrong with them: nothing else has been started, and nothing is left. */
export async function checkRules(
  rules: RulesetConfig,
  links: readonly LinkConfig[],
): Promise<readonly Diagnostic[]> {
  try {
    const commands = readRules(rules);
    const stack = await createStack({ clock: 'virtual' });
    try {
      const namespace = await stack.namespace('check');
      for (const { name } of links) if (name !== 'lo') await namespace.addLink({ kind: 'dummy', name });
      await loadCommands(namespace, commands);
    } finally {
      await stack.close();
    }
    return [];
  } catch (error) {
    const names = links.map(({ name }) => name);
    if (error instanceof RulesetErrors) return error.errors.map((each) => diagnostic(each, rules, names));
    if (error instanceof NftError) return [diagnostic(error, rules, names)];
    throw error;
  }
}

/** A mistake in the rules as one in the configuration is told. */
function diagnostic(error: NftError, { place }: RulesetConfig, links: readonly string[]): Diagnostic {
  const { source, start, end } = error.loc;
  // Without a place of its own: the file is not there.
  if (source.text === '') return { ...place, message: error.message, hint: 'name a file of nft rules' };
  const { line, column } = position(source, start);
  const text = lineText(source, line);
  const width = Math.max(1, Math.min(end - start, text.length - column + 1));
  const { message } = error;
  return {
    file: source.name,
    line,
    column,
    message,
    hint: hintFor(error, place, links),
    source: text,
    width,
  };
}

function hintFor({ message, loc }: NftError, place: Diagnostic, links: readonly string[]): string {
  const word = loc.source.text.slice(loc.start, loc.end).replaceAll('"', '');
  if (/interface/i.test(message)) {
    const near = nearest(word, links);
    return near === null ? `the links here: ${links.join(', ')}` : `did you mean "${near}"?`;
  }
  if (loc.source.includedFrom !== undefined) {
    const { line } = position(loc.source.includedFrom.source, loc.source.includedFrom.start);
    return `included by ${loc.source.includedFrom.source.name}, line ${line}`;
  }
  if (loc.source.name === place.file) return 'rules are in the language of nft(8)';
  return `the rules that ${place.file}, line ${place.line}, names; their language is nft(8)`;
}
