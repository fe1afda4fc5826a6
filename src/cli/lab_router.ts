/**
 * What makes the lab's router a home router: its rules, code for them, a control socket, and an eye on what it drops. The
 * same with hosts of the kernel and with hosts in this process.
 */
import { TRACE_F_DROPS, TRACE_F_NFT } from '../../assembly/abi/trace.js';
import type { TraceRecord } from '../core/trace_ring.js';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { readCommands } from '../nft/nft.js';
import { type ExplainedDrop, explainDrop } from '../replay/explain_drop.js';
import { rulePlaces } from '../replay/rule_texts.js';
import { controlFolder } from '../services/control_protocol.js';
import { TraceFeed } from '../services/trace_feed.js';
import type { Stack } from '../stack.js';
import { LAB_RULES, writeLabRules } from './lab_rules.js';
import { namespaceRules } from './namespace_rules.js';
import { openControl } from './router_control.js';
import { startJit } from './router_jit.js';
import type { RouterPort } from './router_port.js';
import { loadCommands } from './router_rules.js';
import type { UpContext } from './up_context.js';

export interface HomeRouter {
  /** Where its rules can be read; null where there is no such place. */
  readonly rulesFile: string | null;
  /** Whether `ww nft` reaches it. */
  readonly controlled: boolean;
  /** The next packet dropped whose line is wanted; null: there was none until `signal`. */
  nextDrop(wanted: (packet: string) => boolean, signal: AbortSignal): Promise<ExplainedDrop | null>;
  close(): Promise<void>;
}

export async function openHomeRouter(
  stack: Stack,
  router: { namespace: Namespace; links: readonly Link[]; ports: readonly Pick<RouterPort, 'listener'>[] },
  { jit: mode, log }: Pick<UpContext, 'jit' | 'log'>,
): Promise<HomeRouter> {
  const { namespace } = router;
  const file = writeLabRules(controlFolder());
  const commands = readCommands({ name: file?.path ?? 'the rules', text: LAB_RULES });
  const ir = await loadCommands(namespace, commands);
  const rules = await namespaceRules(namespace, rulePlaces(ir));
  const jit = await startJit(stack, namespace, mode, log);
  const feed = new TraceFeed(stack.core);
  const control = await openControl(stack, router, { log, feed, jit });
  const names = new Map((await namespace.links()).map(({ handle, name }) => [handle, name]));
  const deviceName = (handle: number) => names.get(handle) ?? `device ${handle}`;
  return {
    rulesFile: file?.path ?? null,
    controlled: control !== null,
    nextDrop: (wanted, signal) =>
      new Promise((resolve) => {
        const seen: TraceRecord[] = [];
        const done = (drop: ExplainedDrop | null) => {
          stop();
          resolve(drop);
        };
        const stop = feed.records(TRACE_F_DROPS | TRACE_F_NFT, (records) => {
          seen.push(...records);
          const drop = explainDrop(seen, deviceName, rules, wanted);
          if (drop !== null) done(drop);
        });
        signal.addEventListener('abort', () => done(null), { once: true });
      }),
    async close() {
      file?.remove();
      await control?.close();
      jit?.close();
    },
  };
}
