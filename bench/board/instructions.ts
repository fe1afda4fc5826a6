/**
 * Instructions on a virtual board whose clock counts them (QEMU's -icount shift=0), interrupts off: by minstret around
 * each step of assembly/board_test. The same image comes to the same number every time, on any machine.
 */
import { BOARD_TEST_DATA, BoardTestBench, BoardTestOp } from '../../assembly/abi/board_test.js';
import { Msg } from '../../assembly/abi/request.js';
import type { Core } from '../../src/core/core.js';
import type { Message } from '../../src/core/requests.js';
import { Nfnl } from '../../src/net/nfnl.js';
import { NetError } from '../../src/net_error.js';
import { BoardRunner } from '../../test/board/board_runner.js';
import { homeRouter } from '../nft/home_rules.js';
import { batchOf } from '../nft/our_rules.js';

export const BOARD_BENCHES = {
  icount_checksum_1500: BoardTestBench.CHECKSUM_1500,
  icount_parse: BoardTestBench.PARSE,
  icount_fib_10k: BoardTestBench.FIB_10K,
  icount_forward: BoardTestBench.FORWARD,
  icount_home_router: BoardTestBench.HOME_ROUTER,
} as const;
export type BoardBenchName = keyof typeof BOARD_BENCHES;

/** Before a figure is taken caches of routes and connections are what they stay. */
const WARM_STEPS = 16;
const STEPS = 4;
const REQUEST_BYTES = 48 << 10;
/** A machine with more to do than it can: the line is taken for dead, and all begins anew. */
const TRIES = 4;

/** The request area of the core under test, for clients of the control plane. */
class TestCore {
  constructor(
    private readonly board: BoardRunner,
    private readonly area: number,
  ) {}

  async request(message: Message, what: string): Promise<DataView> {
    const bytes = Buffer.alloc(Msg.BODY + ((message.bytes + 7) & ~7));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    view.setUint32(Msg.LEN, bytes.length, true);
    view.setUint32(Msg.TYPE, message.type, true);
    view.setUint32(Msg.FLAGS, message.flags ?? 0, true);
    message.fill?.(view, Msg.BODY);
    await this.board.poke(this.area, bytes);
    await this.board.run(BoardTestOp.REQUEST, bytes.length);
    const answer = await this.board.peek(this.area, bytes.length);
    const status = answer.readInt32LE(Msg.STATUS);
    if (status !== 0) throw new Error(`${what}: ${status}`);
    return new DataView(answer.buffer.slice(answer.byteOffset + Msg.BODY, answer.byteOffset + answer.length));
  }
}

async function loadHomeRules(board: BoardRunner): Promise<void> {
  const { status: area } = await board.run(BoardTestOp.REQUEST_AREA);
  if (area >= BOARD_TEST_DATA) throw new Error(`no request area: ${area}`);
  const nfnl = new Nfnl(new TestCore(board, area) as unknown as Core, 0, REQUEST_BYTES);
  const failed = (await nfnl.batch(batchOf(homeRouter('eth0', 'eth1')))).filter(({ error }) => error !== 0);
  if (failed.length > 0) throw new Error(`the core refuses ${failed.length} messages of the ruleset`);
}

/** Instructions of one operation (a checksum, a lookup, a packet), fractions of the loop around it included. */
async function measure(board: BoardRunner, name: BoardBenchName, small: boolean): Promise<number> {
  const which = BOARD_BENCHES[name];
  await board.run(BoardTestOp.BENCH, which, small ? 1 : 0);
  if (which === BoardTestBench.HOME_ROUTER) await loadHomeRules(board);
  let instructions = 0;
  let operations = 0;
  for (let step = 0; step < WARM_STEPS + STEPS; step++) {
    const { status: n } = await board.run(BoardTestOp.FILL);
    const counted = await board.run(BoardTestOp.STEP);
    const { status: right } = await board.run(BoardTestOp.CHECK);
    if (step < WARM_STEPS) continue;
    if (right !== n) throw new Error(`${name}: ${right} of ${n} came out right`);
    instructions += counted.instructions;
    operations += n;
  }
  return instructions / operations;
}

/** Each of `names` on a board that is started for it. `small`: the core has half a megabyte. */
export async function countInstructions(
  board: string,
  names: readonly BoardBenchName[],
  small = false,
): Promise<Map<BoardBenchName, number>> {
  const found = new Map<BoardBenchName, number>();
  for (let tried = 1; found.size < names.length; tried++) {
    const runner = await BoardRunner.start(board, { counted: true });
    try {
      for (const name of names) if (!found.has(name)) found.set(name, await measure(runner, name, small));
    } catch (error) {
      const silent = error instanceof NetError && ['ETIMEDOUT', 'ECONNRESET'].includes(error.code);
      if (!silent || tried === TRIES) throw error;
    } finally {
      await runner.close();
    }
  }
  return found;
}
