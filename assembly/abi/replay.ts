/**
 * What the host and the replay module (assembly/replay) say to each other: records in the window of linear memory
 * above the core's own. Offsets in bytes, little-endian.
 *
 *   ReplayCtx ─► batch: ReplayFrame x n        frames to receive, in order of time
 *            └─► ports: ReplayPort x n ─► ReplayOut ─► bytes of a pcapng file
 */
export enum ReplayCtx {
  /** u32: address of the core's status block. */
  STATUS = 0,
  PORTS = 4,
  PORT_COUNT = 8,
  BATCH = 12,
  COUNT = 16,
  /** u32: the next frame of the batch. */
  NEXT = 20,
  /** u64 ns: the time since 1970 at which the core's clock stood at zero. */
  BASE = 24,
  /** u32: TraceRing that holds the drops, or 0. */
  TRACE = 32,
  /** u32: ReplayOut for dropped frames, and u32 per device handle: their interface in that file. */
  DROPS = 36,
  DROP_INTERFACES = 40,
  /** u32: per drop reason { u32 address, u32 bytes } of its words. */
  REASONS = 44,
  /** u32: 1 when requests for neighbours are to be told (STOP_SOLICIT). */
  ASK = 48,
  /** u32: how many were seen, and their places: { u32 port, u32 at, u32 bytes } x REPLAY_SOLICITS_MAX. */
  SOLICITS = 52,
  SOLICIT_LIST = 56,
  /** u32: frames that no receive slot could take. */
  TOO_LONG = 60,
  /** u64 ns: behind the last frame of the batch, timers run until then. */
  LIMIT = 64,
  /** u32: 1 leaves the trace ring to the host (explain). */
  KEEP_TRACE = 72,
  SIZE = 80,
}
export const REPLAY_SOLICITS_MAX: u32 = 64;

/** Why run() came back. */
export const STOP_DONE: u32 = 0;
/** A ReplayOut is full: write it and go on. */
export const STOP_FLUSH: u32 = 1;
/** The router asks for neighbours. */
export const STOP_SOLICIT: u32 = 2;

export enum ReplayPort {
  HANDLE = 0,
  /** u32: address of its rings (abi/layout Port). */
  RINGS = 4,
  /** u32: ReplayOut, or 0: what is sent is only counted. */
  OUT = 8,
  /** u32: interface in that file. */
  INTERFACE = 12,
  SIZE = 16,
}

export enum ReplayOut {
  BUFFER = 0,
  BYTES = 4,
  USED = 8,
  /** u32: frames written since the beginning. */
  FRAMES = 12,
  SIZE = 16,
}

export enum ReplayFrame {
  /** u64 ns of the core's clock. */
  TIME = 0,
  AT = 8,
  LEN = 12,
  /** u32: index of the ReplayPort. */
  PORT = 16,
  /** u32: its number, from 1 on. */
  NUMBER = 20,
  SIZE = 24,
}
