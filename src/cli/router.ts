/**
 * `ww up router.yaml`: one namespace with the links, addresses, routes and sysctls of the file.
 *
 *   sysctls of all and default ─► links and ports ─► rules ─► sysctls of links ─► addresses ─► routes, neighbours ─► frames
 *
 * It forwards both families unless the file says otherwise. A port that cannot be had at the start ends all of it; one
 * that goes later takes its link down and comes back by itself. When every port is a capture file the run ends with the
 * last frame.
 */
import { Status } from '../../assembly/abi/layout.js';
import { formatCidr, formatIp, formatMac } from '../config/ip_address.js';
import type { BridgeConfig, LinkConfig, RouterConfig } from '../config/router_config.js';
import type { PortState } from '../core/core.js';
import type { Bridge, BridgePort } from '../net/bridge.js';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import type { NetError } from '../net_error.js';
import { openControl } from './router_control.js';
import { logRules } from './router_log.js';
import { startJit } from './router_jit.js';
import { logRouterOptions } from './router_options.js';
import { loadRules } from './router_rules.js';
import { TraceFeed } from '../services/trace_feed.js';
import { createStack, type Stack } from '../stack.js';
import { makeVirtual } from './virtual_link.js';
import { PortFigures } from './port_figures.js';
import { isFilePort, openRouterPort, type RouterPort, routerPortOptions } from './router_port.js';
import { routeSpec, ruleSpec } from './route_spec.js';
import { runUntilDone } from './run.js';
import type { UpContext } from './up_context.js';
import { VERSION, versions } from './version.js';

/** A router forwards; a file that wants a host says so. */
const FORWARDING = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'] as const;
const OF_A_LINK = /^net\.ipv[46]\.(?:conf|neigh)\.(?!(?:all|default)\.)/;
const ADDR_GEN_MODE_NONE = 1;
/** The socket of a wire that cannot be had now will not be had by waiting: somebody has to change something. */
const NOT_BY_WAITING = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'EPERM']);
const DRAINED_CHECK_MS = 20;

export async function runRouter(config: RouterConfig, context: UpContext): Promise<number> {
  if (config.core !== undefined) {
    const { runRemoteRouter } = await import('./remote_router.js');
    return await runRemoteRouter(config, config.core, context);
  }
  const beginMs = performance.now();
  const stack = await createStack();
  try {
    const router = await buildRouter(stack, config, context);
    introduce(config, context);
    logRouterOptions(router.namespace, router.links, context.log);
    const jit = await startJit(stack, router.namespace, context.jit, context.log);
    const feed = new TraceFeed(stack.core);
    const rules = await logRules(feed, router.namespace, context);
    for (const { driver } of router.ports) driver.release();
    const { loading } = rules;
    const control = await openControl(stack, router, { log: context.log, feed, loading, jit });
    const faults = new Map(
      router.ports.flatMap(({ faults: counted }, i) =>
        counted === undefined ? [] : [[router.links[i]!.name, counted] as const],
      ),
    );
    const figures = new PortFigures(router.links, faults);
    return await runUntilDone({
      ...context,
      source: figures,
      ...(router.ports.length > 0 &&
        router.ports.every(({ isFile }) => isFile) && { done: drained(stack, router) }),
      summary: async () => ({
        seconds: Math.round(performance.now() - beginMs) / 1000,
        ...(await figures.totals()),
        rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
        versions: await versions(),
      }),
      close: async () => {
        await control?.close();
        jit?.close();
        rules.close();
        await stack.close();
      },
    });
  } finally {
    // A second time when it ended in order; a first one, ports and all, when it could not be built.
    await stack.close();
  }
}

/** What building a router needs of what `ww up` has. */
export type BuildContext = Pick<UpContext, 'log' | 'pcapDir' | 'openPort'>;

export interface Router {
  readonly namespace: Namespace;
  /** Those with a port, `ports` in the same order, then the virtual ones. */
  readonly links: readonly Link[];
  readonly ports: readonly RouterPort[];
  /** Packet buffers in use when nothing is under way. */
  readonly restingSkbs: number;
}

export async function buildRouter(
  stack: Stack,
  config: RouterConfig,
  context: BuildContext,
): Promise<Router> {
  const namespace = await stack.namespace('router');
  const ports: RouterPort[] = [];
  const links = await configureRouter(
    namespace,
    config,
    async (link) => {
      const { made, port } = await makeLink(stack, namespace, link, context);
      ports.push(port);
      return made;
    },
    (link) => context.openPort !== undefined || isFilePort(link.port!.spec),
  );
  return { namespace, links, ports, restingSkbs: skbsInUse(stack) };
}

/** Everything of the file but its ports, which `makePort` makes. Resolves with the links, those with a port first. */
export async function configureRouter(
  namespace: Namespace,
  config: RouterConfig,
  makePort: (link: LinkConfig) => Promise<Link>,
  /** Nobody answers duplicate address detection behind it. */
  isAlone: (link: LinkConfig) => boolean = (link) => isFilePort(link.port!.spec),
): Promise<Link[]> {
  const given = new Set(config.sysctls.map(([name]) => name));
  for (const name of FORWARDING) if (!given.has(name)) await namespace.setSysctl(name, 1);
  for (const [name, value] of config.sysctls)
    if (!OF_A_LINK.test(name)) await namespace.setSysctl(name, value);
  const links = new Map<LinkConfig, Link>();
  for (const link of config.links) {
    // Those below stand before those above.
    if (link.bridge !== undefined) {
      links.set(link, await makeBridge(namespace, link, link.bridge));
      continue;
    }
    if (link.virtual !== undefined) {
      const below = (name: string) => [...links].find(([{ name: made }]) => made === name)![1];
      links.set(link, await makeVirtual(namespace, link, link.virtual, below));
      continue;
    }
    if (link.port === null) {
      links.set(link, await namespace.link(link.name));
      continue;
    }
    links.set(link, await makePort(link));
  }
  if (config.nftables !== undefined) await loadRules(namespace, config.nftables);
  for (const [name, value] of config.sysctls)
    if (OF_A_LINK.test(name)) await namespace.setSysctl(name, value);
  for (const { name, mtu6 } of links.keys())
    if (mtu6 !== undefined) await namespace.setSysctl(`net.ipv6.conf.${name}.mtu`, mtu6);
  for (const [link, made] of links) {
    const nodad = link.port !== null && isAlone(link);
    for (const { address, prefix } of link.addresses)
      await made.addAddress(formatCidr(address, prefix), { nodad });
  }
  const linkOf = (name: string) => [...links].find(([one]) => one.name === name)![1];
  for (const [link, made] of links) {
    for (const route of link.routes)
      await namespace.addRoute(
        routeSpec(route, (name) => (name === undefined ? made : linkOf(name)).ifindex),
      );
    for (const rule of link.rules) await namespace.addRule(ruleSpec(rule));
  }
  for (const { link, address, mac } of config.neighbours) {
    const made = [...links].find(([{ name }]) => name === link)![1];
    await namespace.addNeighbour(made, { address: formatIp(address), mac: formatMac(mac) });
  }
  for (const { link, spec } of config.advertisers) {
    const made = [...links].find(([{ name }]) => name === link)![1];
    await made.advertise(spec);
  }
  const withPorts = [...links].filter(([{ port }]) => port !== null).map(([, made]) => made);
  const virtual = [...links].filter(([one]) => one.virtual ?? one.bridge).map(([, made]) => made);
  return [...withPorts, ...virtual];
}

/** The bridge and its ports, whose links are there already. */
async function makeBridge(namespace: Namespace, link: LinkConfig, bridge: BridgeConfig): Promise<Link> {
  const { name, mac, mtu, linkLocal } = link;
  const settings: [string, number][] = linkLocal ? [] : [['addr_gen_mode', ADDR_GEN_MODE_NONE]];
  const made = await withDefaults(namespace, settings, () =>
    namespace.addBridge({
      name,
      ...(mac && { mac: formatMac(mac) }),
      ...(mtu !== undefined && { mtu }),
      ...bridge.options,
    }),
  );
  const sides = new Map<string, Bridge | BridgePort>([[name, made]]);
  for (const port of bridge.interfaces) {
    const cost = bridge.costs.find(([of]) => of === port)?.[1];
    const priority = bridge.priorities.find(([of]) => of === port)?.[1];
    const side = await made.addPort(await namespace.link(port), {
      isolated: bridge.isolated.includes(port),
      ...(cost !== undefined && { cost }),
      ...(priority !== undefined && { priority }),
    });
    sides.set(port, side);
  }
  for (const { port, pvid, tagged, untagged } of bridge.vlans) {
    const side = sides.get(port)!;
    for (const { first, last } of await side.vlans()) await side.deleteVlan(first, last);
    for (const [first, last] of tagged) await side.addVlan({ first, last });
    for (const [first, last] of untagged) await side.addVlan({ first, last, untagged: true });
    if (pvid !== undefined) await side.addVlan({ first: pvid, pvid: true, untagged: true });
  }
  await made.link.up();
  return made.link;
}

async function makeLink(
  stack: Stack,
  namespace: Namespace,
  link: LinkConfig,
  { log, pcapDir, openPort }: BuildContext,
): Promise<{ made: Link; port: RouterPort }> {
  const { name, mac } = link;
  const spec = link.port!.spec;
  const trace = (line: string) => log.info({ port: name }, line);
  const port = openPort?.(link) ?? (await openRouterPort(routerPortOptions(link, pcapDir, trace)));
  const nobody = openPort !== undefined || isFilePort(spec);
  let tellFirst: (state: PortState) => void = () => {};
  const first = new Promise<PortState>((resolve) => {
    tellFirst = resolve;
  });
  await port.driver.prepare();
  const mtu = link.mtu ?? port.driver.mtu;
  const settings = settings6(link);
  if (nobody) settings.push(['accept_dad', 0]);
  const made = await withDefaults(namespace, settings, () =>
    stack.port(namespace, port.driver, {
      name,
      ...(mac && { mac: formatMac(mac) }),
      ...(mtu !== undefined && { mtu }),
      ...(openPort && { large: true }),
      onState: (state) => {
        tellFirst(state);
        if (state.up) log.info({ port: name }, 'port up');
        else log.warn({ port: name, why: state.why?.message }, 'port down');
      },
    }),
  );
  if (port.driver.kind === 'udp') throwIfHopeless(await first);
  return { made, port };
}

/** net.ipv6.conf of a link before it is there. */
export function settings6({ conf6, linkLocal }: LinkConfig): (readonly [string, number])[] {
  return linkLocal ? [...conf6] : [...conf6, ['addr_gen_mode', ADDR_GEN_MODE_NONE]];
}

function throwIfHopeless({ up, why }: PortState): void {
  if (!up && why && NOT_BY_WAITING.has(why.code)) throw why satisfies NetError;
}

/** A new link takes conf.default with it, and begins with its link-local address: too early to set conf.LINK. */
export async function withDefaults<T>(
  namespace: Namespace,
  settings: readonly (readonly [name: string, value: number])[],
  make: () => Promise<T>,
): Promise<T> {
  const before: [string, number][] = [];
  for (const [name, value] of settings) {
    const path = `net.ipv6.conf.default.${name}`;
    before.push([path, await namespace.getSysctl(path)]);
    await namespace.setSysctl(path, value);
  }
  const made = await make();
  for (const [path, value] of before) await namespace.setSysctl(path, value);
  return made;
}

export function skbsInUse({ core }: Stack): number {
  // What was sent is freed by the poll after it.
  core.poll();
  return core.instance.status(Status.SKBS) - core.instance.status(Status.SKBS_FREE);
}

/** Resolves when every file was played to its end and nothing waits: no neighbour, no fragment, no delayed frame. */
function drained(stack: Stack, { ports, restingSkbs }: Router): Promise<void> {
  return new Promise((resolve) => {
    let quiet = 0;
    const timer = setInterval(() => {
      const still = ports.every((port) => port.drained()) && skbsInUse(stack) <= restingSkbs;
      quiet = still ? quiet + 1 : 0;
      if (quiet < 2) return;
      clearInterval(timer);
      resolve();
    }, DRAINED_CHECK_MS);
    timer.unref();
  });
}

export function introduce({ links }: RouterConfig, { screen, log }: UpContext): void {
  const lines = links.map(({ name, port, addresses, routes }) => ({
    link: name,
    port: port?.spec,
    addresses: addresses.map(({ address, prefix }) => formatCidr(address, prefix)),
    routes: routes.length,
  }));
  if (screen === null) {
    for (const line of lines) log.info(line, 'link');
    log.info({ version: VERSION }, 'router started');
    return;
  }
  const text = lines.map(
    ({ link, port, addresses }) => `  ${link.padEnd(8)} ${port ?? ''}  ${addresses.join(' ')}\n`,
  );
  screen.print(`Wirewright ${VERSION}\n${text.join('')}\n`);
}
