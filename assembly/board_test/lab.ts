/** The state of a block: at a fixed place, for it begins anew with every block. */
import { BOARD_TEST_STATE } from '../abi/board_test';

export const PORTS_MAX: u32 = 4;
export const FLOWS: u32 = 24;

@unmanaged
@final
export class Lab {
  rng: u64;
  /** Nanoseconds that the core is told. */
  now: u64;
  hash: u64;
  logBytes: u32;
  /** First byte of the log that goes to the window. */
  from: u32;
  framesIn: u32;
  framesOut: u32;
  deliveries: u32;
  refused: u32;
  lost: u32;
  net: u32;
  ports: u32;
  trace: usize;
  requestArea: usize;
  requestBytes: u32;
  /** Bytes of the frame being made. */
  len: u32;
  /** 1: a core with half a megabyte. */
  small: u32;
  /** Where an nlmsg writes. */
  nl: usize;
  ipId: u32;
}

@unmanaged
@final
export class TestPort {
  handle: u32;
  ifindex: i32;
  rings: usize;
  vnetHdrLen: u32;
  large: u32;
  mtu: u32;
  /** In a bridge or without addresses. */
  plain: u32;
  pending: u32;
}

@unmanaged
@final
export class Flow {
  /** 4 or 6 */
  version: u32;
  proto: u32;
  /** Ports that the two ends are behind. */
  near: u32;
  far: u32;
  sport: u32;
  dport: u32;
  /** Per direction: next sequence number. */
  seq0: u32;
  seq1: u32;
  step: u32;
  pad: u32;
  /** 16 bytes each at 40 and 56. */
  srcLo: u64;
  srcHi: u64;
  dstLo: u64;
  dstHi: u64;
}
const FLOW_BYTES: usize = 128;
const PORT_BYTES: usize = 64;
const LAB_BYTES: usize = 256;

export function lab(): Lab {
  return changetype<Lab>(<usize>BOARD_TEST_STATE);
}
export function portAt(i: u32): TestPort {
  return changetype<TestPort>(<usize>BOARD_TEST_STATE + LAB_BYTES + i * PORT_BYTES);
}
export function flowAt(i: u32): Flow {
  return changetype<Flow>(<usize>BOARD_TEST_STATE + LAB_BYTES + PORTS_MAX * PORT_BYTES + i * FLOW_BYTES);
}
export function flowSrc(f: Flow): usize {
  return changetype<usize>(f) + offsetof<Flow>('srcLo');
}
export function flowDst(f: Flow): usize {
  return changetype<usize>(f) + offsetof<Flow>('dstLo');
}

/** Zeroes all of it. */
export function labClear(): void {
  memory.fill(BOARD_TEST_STATE, 0, LAB_BYTES + PORTS_MAX * PORT_BYTES + FLOWS * FLOW_BYTES);
}

/** xorshift64* (Vigna): its own stream, for the core's is the core's. */
export function rnd(): u32 {
  const l = lab();
  let x = l.rng;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  l.rng = x;
  return <u32>((x * 0x2545f4914f6cdd1d) >> 32);
}
/** 0 to n - 1. */
export function below(n: u32): u32 {
  return <u32>((<u64>rnd() * <u64>n) >> 32);
}
/** True once in n times. */
export function once(n: u32): bool {
  return below(n) === 0;
}
