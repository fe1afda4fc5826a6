/** What `ww nft explain` tells: the chains of a ruleset with their hooks, and beside each what was made of it. */
import { pino } from 'pino';
import { readMessages } from '../netlink/nlmsg.js';
import type { Chain } from '../nft/ast.js';
import { systemNames } from '../nft/datatype/names.js';
import { delinearize, type ListNames } from '../nft/delinearize/ruleset.js';
import { readDump } from '../nft/encode/dump.js';
import { FAMILY_NUMBER } from '../nft/encode/message.js';
import { readSource } from '../nft/grammar/include.js';
import type { IrThing } from '../nft/ir.js';
import { compile, readCommands } from '../nft/nft.js';
import { priorityText } from '../nft/print/priority.js';
import type { BuiltCode } from '../services/control_protocol.js';
import { dumpRuleset } from '../services/ruleset_dump.js';
import { createStack } from '../stack.js';
import type { JitMode } from './jit_mode.js';
import { RunningRouter } from './nft_router.js';
import { builtCode, startJit } from './router_jit.js';
import { loadCommands } from './router_rules.js';

export interface ExplainedChain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `filter hook forward priority filter`; a chain without is jumped to. */
  readonly hook?: string;
  readonly policy?: string;
  /** What packets run: `interpreter`, or the kind of the generated code. */
  readonly mode: string;
  /** Why it is interpreted. */
  readonly reason?: string;
  readonly rules: number;
  readonly functions: number;
  /** Of WebAssembly. */
  readonly bytes: number;
  /** Branches by table, and the rules behind them. */
  readonly tables: number;
  readonly tableRules: number;
  /** Instructions that the interpreter does inside the generated code. */
  readonly interpreted: number;
}

export interface Explained {
  readonly jit: JitMode;
  readonly bytes: number;
  readonly chains: readonly ExplainedChain[];
}

const OFF = '--jit=off';
const UNKNOWN = 'the router tells nothing of it';

function hookText({ type, hook, prio, devices, family }: Chain): string | undefined {
  if (hook === undefined || prio === undefined) return undefined;
  const where = devices?.length ? ` devices ${devices.join(', ')}` : '';
  return `${type} hook ${hook}${where} priority ${priorityText(prio, family, hook, false)}`;
}

function explain(things: readonly IrThing[], names: ListNames, { mode, chains }: BuiltCode): Explained {
  const rules = (chain: Chain) =>
    things.filter(
      (thing) =>
        thing.kind === 'rule' &&
        thing.family === chain.family &&
        thing.table === chain.table &&
        thing.chain === chain.name,
    ).length;
  const told = delinearize(things, names).flatMap((object): ExplainedChain[] => {
    if (object.kind !== 'chain') return [];
    const { family, table, name, policy } = object;
    const made = chains.find(
      (each) => each.family === FAMILY_NUMBER[family] && each.table === table && each.name === name,
    );
    const hook = hookText(object);
    const reason = made === undefined ? (mode === 'off' ? OFF : UNKNOWN) : made.reason;
    return [
      {
        family,
        table,
        chain: name,
        ...(hook !== undefined && { hook, policy: policy ?? 'accept' }),
        mode: made?.mode ?? 'interpreter',
        ...(reason !== undefined && { reason }),
        rules: rules(object),
        functions: made?.functions ?? 0,
        bytes: made?.bytes ?? 0,
        tables: made?.dispatches ?? 0,
        tableRules: made?.dispatched ?? 0,
        interpreted: made?.evaluated ?? 0,
      },
    ];
  });
  return { jit: mode, bytes: told.reduce((sum, { bytes }) => sum + bytes, 0), chains: told };
}

export async function explainRouter(pid: string | undefined): Promise<Explained> {
  const router = await RunningRouter.open(pid === undefined ? undefined : Number(pid));
  return explain(await router.ruleset(false), router.names, await router.built());
}

/** In a core of its own, with a link for every interface that the rules name by its index or at a hook. */
export async function explainFile(file: string, mode: JitMode): Promise<Explained> {
  const commands = readCommands(readSource(file), { json: true });
  const asked = new Set<string>();
  const { ir } = compile(commands, {
    names: systemNames((name) => {
      asked.add(name);
      return name === 'lo' ? 1 : 1 + asked.size;
    }),
  });
  for (const { thing } of ir)
    if (thing.kind === 'chain' || thing.kind === 'flowtable')
      for (const name of thing.hook?.devices ?? []) asked.add(name);
  asked.delete('lo');
  const stack = await createStack({ clock: 'virtual' });
  try {
    const namespace = await stack.namespace('explain');
    for (const name of asked) await namespace.addLink({ kind: 'dummy', name });
    await loadCommands(namespace, commands);
    const jit = await startJit(stack, namespace, mode, pino({ level: 'silent' }));
    const links = new Map((await namespace.links()).map(({ name, ifindex }) => [ifindex, name]));
    const names = { ...systemNames(), ifname: (index: number) => links.get(index) };
    const things = readDump(readMessages(await dumpRuleset(namespace.nfnl)));
    const built = builtCode(jit, namespace);
    jit?.close();
    return explain(things, names, built);
  } finally {
    await stack.close();
  }
}

const count = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

export function explainText({ jit, bytes, chains }: Explained): string {
  const compiled = chains.filter(({ mode }) => mode !== 'interpreter').length;
  const head =
    jit === 'off'
      ? `--jit=off: ${count(chains.length, 'chain')}, interpreted`
      : `--jit=${jit}: ${compiled} of ${count(chains.length, 'chain')} compiled, ${count(bytes, 'byte')} of WebAssembly`;
  const lines = chains.map((chain) => {
    const { family, table, chain: name, hook, policy, mode, reason, rules, functions } = chain;
    const title = `${family} ${table} ${name}`;
    const where = hook === undefined ? 'jumped to' : `${hook}, policy ${policy}`;
    const made =
      mode === 'interpreter'
        ? `interpreted: ${reason}`
        : [
            `${mode} code, ${count(chain.bytes, 'byte')}${functions > 1 ? ` in ${functions} functions` : ''}`,
            ...(chain.tables > 0
              ? [`${count(chain.tables, 'table')} for ${count(chain.tableRules, 'rule')}`]
              : []),
            ...(chain.interpreted > 0 ? [`${count(chain.interpreted, 'instruction')} by interpreter`] : []),
          ].join(', ');
    return `${title}  (${where})\n    ${count(rules, 'rule')}: ${made}\n`;
  });
  return `${head}\n${lines.join('')}`;
}
