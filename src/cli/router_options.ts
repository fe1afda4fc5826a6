/**
 * What routers on a link advertise for the host (name servers, search list, NAT64 prefix, captive portal) as lines of the
 * log: this router has no resolver to give them to; who runs it does. Only what is new is told, and not more often than
 * every ten seconds of each router, so that nobody on the link can fill the log.
 */
import type { Logger } from 'pino';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';

const EVERY_MS = 10_000;
const KNOWN_MAX = 64;

export function logRouterOptions(
  namespace: Pick<Namespace, 'onRouterOption'>,
  links: readonly Pick<Link, 'ifindex' | 'name'>[],
  log: Pick<Logger, 'info'>,
  nowMs: () => number = () => performance.now(),
): () => void {
  const told = new Map<string, { text: string; atMs: number }>();
  return namespace.onRouterOption(({ ifindex, router, option }) => {
    const link = links.find((one) => one.ifindex === ifindex);
    if (link === undefined) return;
    const key = `${ifindex} ${router} ${option.kind}`;
    const text = JSON.stringify(option);
    const before = told.get(key);
    if (before?.text === text || (before !== undefined && nowMs() - before.atMs < EVERY_MS)) return;
    if (before === undefined && told.size === KNOWN_MAX) return;
    told.set(key, { text, atMs: nowMs() });
    const { kind, ...what } = option;
    log.info({ link: link.name, router, ...what }, `advertised: ${kind}`);
  });
}
