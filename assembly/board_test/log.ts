/**
 * The log of a block: every record goes into the hash, and those bytes that lie in the window asked for are kept. A
 * block is the same however often it runs, so that a log of any length is read through one window.
 */
import { BOARD_TEST_LOG, BOARD_TEST_LOG_BYTES, BOARD_TEST_STATE } from '../abi/board_test';
import { lab } from './lab';

const HEAD: usize = <usize>BOARD_TEST_STATE + 0x3000;
const PAD: usize = HEAD + 32;

export function logRecord(kind: u32, a: u32, b: u32, at: usize, len: u32): void {
  store<u32>(HEAD, kind);
  store<u32>(HEAD, a, 4);
  store<u32>(HEAD, b, 8);
  store<u32>(HEAD, len, 12);
  put(HEAD, 16);
  const whole = len & ~3;
  put(at, whole);
  if (whole === len) return;
  store<u32>(PAD, 0);
  memory.copy(PAD, at + whole, len - whole);
  put(PAD, 4);
}

/** `len` is a multiple of 4. */
function put(at: usize, len: u32): void {
  const l = lab();
  let hash = l.hash;
  for (let i: u32 = 0; i < len; i += 4)
    hash = rotl<u64>(hash ^ <u64>load<u32>(at + i), 29) * 0x9e3779b97f4a7c15;
  l.hash = hash;
  const begin = max(l.logBytes, l.from);
  const end = min(l.logBytes + len, l.from + BOARD_TEST_LOG_BYTES);
  if (begin < end) memory.copy(BOARD_TEST_LOG + (begin - l.from), at + (begin - l.logBytes), end - begin);
  l.logBytes += len;
}
