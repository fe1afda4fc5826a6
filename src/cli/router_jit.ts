/**
 * Generated code for the router's rules, from the start on and after every change of them; what could not be made is told
 * in the log, and interpreted.
 */
import type { Logger } from 'pino';
import { NftJit } from '../core/jit/nft_jit.js';
import type { Namespace } from '../net/namespace.js';
import type { Stack } from '../stack.js';
import type { BuiltCode } from '../services/control_protocol.js';
import type { JitMode } from './jit_mode.js';

/** null: --jit=off. Close it before the stack. */
export async function startJit(
  stack: Stack,
  namespace: Namespace,
  mode: JitMode,
  log: Pick<Logger, 'warn'>,
): Promise<NftJit | null> {
  if (mode === 'off') return null;
  const tell = (err: unknown) => log.warn({ err }, 'no code for the rules; they are interpreted');
  const jit = new NftJit(stack.core, mode, tell);
  await jit.sync(namespace.handle).catch(tell);
  return jit;
}

/** What was made of the namespace's rules. */
export function builtCode(jit: NftJit | null, namespace: Namespace): BuiltCode {
  return jit === null
    ? { mode: 'off', chains: [] }
    : { mode: jit.mode, chains: jit.describe(namespace.handle) };
}
