/**
 * Tests of the core that run where the core runs, Node or a board, and come to the same bytes: a module of its own on
 * the core's memory, which speaks to the core by its ABI alone (board_test/core). It lies in the images of the boards.
 *
 *   BLOCK               a random router and its traffic, from a seed; a hash of all that came of it (oracle)
 *   VECTOR              what is known to be right, put in and compared (vectors)
 *   BENCH, FILL, STEP   what is counted in instructions (bench)
 */
import { BoardTestOp } from '../abi/board_test';
import { Msg } from '../abi/request';
import { benchBegin, benchCheck, benchFill, benchStep, requestArea } from './bench';
import { request } from './core';
import { lab } from './lab';
import { block } from './oracle';
import { vector } from './vectors';

const EINVAL: i32 = 22;

/** A message of the host, which does not know what the namespace is called. */
function hosts(bytes: u32): i32 {
  const l = lab();
  store<u32>(requestArea() + Msg.BODY, l.net);
  return <i32>request(<u32>l.now, <u32>(l.now >> 32), bytes);
}

export function run(op: u32, a: u32, b: u32, c: u32): i32 {
  switch (op) {
    case BoardTestOp.BLOCK:
      return block(a, b, c);
    case BoardTestOp.VECTOR:
      return vector(a);
    case BoardTestOp.BENCH:
      return benchBegin(a, b !== 0);
    case BoardTestOp.FILL:
      return <i32>benchFill();
    case BoardTestOp.STEP:
      benchStep();
      return 0;
    case BoardTestOp.CHECK:
      return <i32>benchCheck();
    case BoardTestOp.REQUEST:
      return hosts(a);
    case BoardTestOp.REQUEST_AREA:
      return <i32>requestArea();
    default:
      return -EINVAL;
  }
}
