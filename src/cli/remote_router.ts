/**
 * `ww up` with `core: serial:LINE`: the board is the router, this process its control plane.
 *
 *   connect ─► the core there was configured by this very file? ─ yes ─► taken over as it runs: nothing is set
 *                                                               └ no ──► a new core, the file, then the file's mark
 *
 * The board forwards on when this process ends, however it does. It ends itself, and says so, when the board has started
 * again or its core has trapped: the next `ww up` configures it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { boardPort } from '../config/core_line.js';
import { formatMac } from '../config/ip_address.js';
import type { LinkConfig, RouterConfig } from '../config/router_config.js';
import type { PortState } from '../core/core.js';
import { NetError } from '../net_error.js';
import { MsgType, TraceSetRec } from '../../assembly/abi/request.js';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { RemoteStack } from '../remote_stack.js';
import { TraceFeed } from '../services/trace_feed.js';
import { PortFigures } from './port_figures.js';
import { configureRouter, introduce, settings6, withDefaults } from './router.js';
import { openControl } from './router_control.js';
import { logRules } from './router_log.js';
import { logRouterOptions } from './router_options.js';
import { runUntilDone } from './run.js';
import type { UpContext } from './up_context.js';
import { versions } from './version.js';

/** Of the 32 bytes that a board keeps for its host: what was configured, then the namespace's handle. */
const MARK_BYTES = 28;

export async function runRemoteRouter(
  config: RouterConfig,
  line: string,
  context: UpContext,
): Promise<number> {
  const { log } = context;
  if (context.pcapDir !== undefined)
    throw new NetError(
      'EOPNOTSUPP',
      '--pcap needs the core in this process: a board keeps its frames to itself',
    );
  const beginMs = performance.now();
  let fail: (why: NetError) => void = () => {};
  const ended = new Promise<void>((_resolve, reject) => {
    fail = reject;
  });
  ended.catch(() => undefined);
  let bootId: number | undefined;
  const mark = markOf(config);
  const stack = await RemoteStack.open(line, {
    mark,
    up: (board) => {
      if (bootId !== undefined && bootId !== board.bootId)
        fail(new NetError('ECONNRESET', `the board ${board.name} started again, its core is gone`));
      else if (bootId !== undefined) log.info({ board: board.name }, 'board is back');
      bootId = board.bootId;
    },
    down: (why) => log.warn({ why: why.message }, 'board does not answer'),
    trap: (trap) => {
      log.error({ ...trap }, 'trap on the board');
      if (trap.kind === 'core') fail(new NetError('EFAULT', `the core on the board trapped: ${trap.what}`));
    },
  });
  try {
    const { board } = stack.core.board;
    log.info({ board: board.name, image: board.build, takenOver: stack.kept }, 'core on the board');
    const state = (link: string) => (port: PortState) => {
      if (port.up) log.info({ port: link }, 'port up');
      else log.warn({ port: link, why: port.why?.message }, 'port down');
    };
    const { namespace, links } = stack.kept
      ? await takeOver(stack, config, state)
      : await configure(stack, config, mark, state);
    introduce(config, context);
    logRouterOptions(namespace, links, log);
    const feed = new TraceFeed(stack.core);
    const rules = await logRules(feed, namespace, context);
    const router = { namespace, links, ports: [] };
    const control = await openControl(stack, router, { log, feed, loading: rules.loading, jit: null });
    const figures = new PortFigures(links);
    return await runUntilDone({
      ...context,
      source: figures,
      done: ended,
      summary: async () => ({
        seconds: Math.round(performance.now() - beginMs) / 1000,
        board: { name: board.name, image: board.build, takenOver: stack.kept },
        ...(await figures.totals()),
        versions: await versions(),
      }),
      close: async () => {
        await control?.close();
        rules.close();
        await stack.close();
      },
    });
  } finally {
    await stack.close();
  }
}

type Told = (link: string) => (state: PortState) => void;
interface Made {
  namespace: Namespace;
  links: Link[];
}

async function configure(stack: RemoteStack, config: RouterConfig, mark: Buffer, told: Told): Promise<Made> {
  const namespace = await stack.namespace('router');
  const makePort = (link: LinkConfig) =>
    withDefaults(namespace, settings6(link), () =>
      stack.port(namespace, boardPort(link.port!.spec)!, {
        name: link.name,
        ...(link.mac && { mac: formatMac(link.mac) }),
        ...(link.mtu !== undefined && { mtu: link.mtu }),
        onState: told(link.name),
      }),
    );
  const links = await configureRouter(namespace, config, makePort, () => false);
  await stack.configured(mark, namespace);
  return { namespace, links };
}

/** The state on the board is what the file said, and what was changed since by `ww nft` and the like. */
async function takeOver(stack: RemoteStack, config: RouterConfig, told: Told): Promise<Made> {
  const namespace = stack.adopted('router');
  // A host that was killed may have left its trace on.
  await stack.core.request({ type: MsgType.TRACE_SET, bytes: TraceSetRec.SIZE }, 'trace');
  const links: Link[] = [];
  for (const { name, port } of config.links)
    if (port !== null)
      links.push(await stack.adoptPort(namespace, boardPort(port.spec)!, { name, onState: told(name) }));
  for (const { name, virtual, bridge } of config.links)
    if (virtual !== undefined || bridge !== undefined) links.push(await namespace.link(name));
  return { namespace, links };
}

/** Of all that the file says, its rules' text with it; places in the file do not count. */
function markOf(config: RouterConfig): Buffer {
  const { nftables, core: _line, ...rest } = config;
  const hash = createHash('sha256').update(
    JSON.stringify(rest, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ),
  );
  if (nftables !== undefined) hash.update(nftables.text ?? readFileSync(nftables.file));
  return hash.digest().subarray(0, MARK_BYTES);
}
