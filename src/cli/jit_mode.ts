/** --jit: whether chains of rules become generated WebAssembly, and of which kind (src/core/jit). */
export const JIT_MODES = ['off', 'linear', 'tree'] as const;
export type JitMode = (typeof JIT_MODES)[number];
export const JIT_DEFAULT: JitMode = 'tree';
