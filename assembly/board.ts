/**
 * The core as a board has it: the composition root beside index.ts. wasm2c makes C of it (firmware/core), so it has no
 * SIMD, no threads and no atomics, and nothing that only a host has a use for: no rings of the kernel in foreign memory,
 * no functions of generated modules (a board interprets its chains), no queues of a NIC that hashes.
 *
 *   init, request, rx, poll, status   as in index.ts
 *   attach                            takes over what a snapshot put there
 */
export { attach, init, poll, request, rx, status } from './index';
