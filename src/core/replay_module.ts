/** The replay module (assembly/replay) on the memory of a core: it calls the core's rx and poll without JavaScript. */
import { type CoreInstance, moduleOf } from './instance.js';

export interface ReplayExports {
  /** Works the batch of the ReplayCtx at `ctx`; STOP_*. */
  run(ctx: number): number;
  /** Receives a frame that no capture has by port number `port`, now. */
  inject(ctx: number, port: number, at: number, len: number): void;
}

export async function loadReplay(core: CoreInstance): Promise<ReplayExports> {
  const module = await moduleOf(core.scalar ? 'replay.scalar.wasm' : 'replay.wasm');
  const { rx, poll } = core.exports;
  const instance = await WebAssembly.instantiate(module, {
    env: { memory: core.memory },
    core: { rx, poll },
  });
  return instance.exports as unknown as ReplayExports;
}
