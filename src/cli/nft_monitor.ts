/**
 * `nft monitor` and `--echo`: what is made known of the ruleset, a line each, in the words of the command that would do
 * it. Rules are read with the sets that they name, so these are kept, from a dump on.
 */
import type { NlMsg } from '../netlink/nlmsg.js';
import type { MonitorCommand } from '../nft/ast.js';
import type { ListNames } from '../nft/delinearize/ruleset.js';
import type { IrThing } from '../nft/ir.js';
import type { ListOptions } from '../nft/list.js';
import { EventReader } from '../nft/event.js';
import type { NftOutput } from './nft_run.js';
import type { RunningRouter } from './nft_router.js';

export function echo(
  messages: readonly NlMsg[],
  things: readonly IrThing[],
  names: ListNames,
  options: ListOptions,
  output: NftOutput,
): void {
  const reader = new EventReader(things, names, options);
  const events = reader.read(messages).filter(({ made }) => made);
  if (options.json) output.out(reader.echoJson(events));
  else for (const event of events) output.out(`${event.text}\n`);
}

export async function monitor(
  router: RunningRouter,
  { event: which, object, format }: MonitorCommand,
  options: ListOptions,
  output: NftOutput,
): Promise<void> {
  const shown: ListOptions = { ...options, ...(format === 'json' && { json: true }) };
  let waiting: NlMsg[] | undefined = [];
  let reader: EventReader | undefined;
  const tell = (messages: readonly NlMsg[]) => {
    for (const event of reader!.read(messages)) {
      if (which !== undefined && event.made !== (which === 'new') && event.kind !== 'generation') continue;
      if (!isWanted(event.kind, object)) continue;
      output.out(`${event.text}\n`);
    }
  };
  // Events that come while the ruleset is dumped are told behind it.
  const followed = await router.follow('nftables', (messages) => {
    if (waiting === undefined) tell(messages);
    else waiting.push(...messages);
  });
  reader = new EventReader(await router.ruleset(), router.names, shown);
  const before = waiting;
  waiting = undefined;
  tell(before);
  const stop = () => followed.stop();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  await followed.ended;
  process.removeListener('SIGINT', stop);
  process.removeListener('SIGTERM', stop);
}

const OBJECTS: Readonly<Record<string, string>> = {
  tables: 'table',
  chains: 'chain',
  sets: 'set',
  rules: 'rule',
  elements: 'element',
};

/** Generations are told with everything, and with the ruleset. */
function isWanted(kind: string, object: MonitorCommand['object']): boolean {
  if (object === undefined || object === 'ruleset') return true;
  return OBJECTS[object] === kind;
}
