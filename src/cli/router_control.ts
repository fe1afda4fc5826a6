/** The control socket of a router: for `ww dump PORT`, `ww nft` and `ww conntrack`. A router runs without, too. */
import type { Logger } from 'pino';
import type { NftJit } from '../core/jit/nft_jit.js';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { controlFolder } from '../services/control_protocol.js';
import { ControlServer, type DumpPort } from '../services/control_server.js';
import { NetfilterControl } from '../services/netfilter_control.js';
import { TraceFeed } from '../services/trace_feed.js';
import type { Core } from '../core/core.js';
import { builtCode } from './router_jit.js';
import type { RouterPort } from './router_port.js';

export interface Controlled {
  readonly namespace: Namespace;
  /** Those with a port first, `ports` in the same order. */
  readonly links: readonly Link[];
  readonly ports: readonly Pick<RouterPort, 'listener'>[];
}

export interface ControlContext {
  readonly log: Pick<Logger, 'warn'>;
  /** One a core: there is one trace ring. */
  readonly feed?: TraceFeed;
  /** Told of each transaction of rules that a client sends. */
  readonly loading?: (batch: Uint8Array) => void;
  /** Its code for rules; null: it has none. */
  readonly jit?: NftJit | null;
}

/** null: there is no place for a socket, or none could be made. */
export async function openControl(
  stack: { readonly core: Core },
  { namespace, links, ports }: Controlled,
  { log, feed, loading, jit }: ControlContext,
): Promise<ControlServer | null> {
  const folder = controlFolder();
  if (folder === null) return null;
  try {
    const dumps = new Map<string, DumpPort>();
    for (const [i, { listener }] of ports.entries()) {
      const link = links[i]!;
      if (listener !== undefined) dumps.set(link.name, { listener, handle: (await link.info()).handle });
    }
    const rules = new NetfilterControl(stack.core, namespace, loading);
    const trace = feed ?? new TraceFeed(stack.core);
    return await ControlServer.open(folder, dumps, trace, rules, () => builtCode(jit ?? null, namespace));
  } catch (error) {
    log.warn({ why: (error as Error).message }, 'no control socket');
    return null;
  }
}
