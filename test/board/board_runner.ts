/** assembly/board_test on a virtual board: the calls of test/board/board_test.ts, over the line. */
import {
  BOARD_TEST_LOG,
  BOARD_TEST_LOG_BYTES,
  BOARD_TEST_RESULT,
  BoardTestOp,
  BoardTestResult,
} from '../../assembly/abi/board_test.js';
import { LINK_PAYLOAD_MAX, LinkCall, LinkOp, LinkResult, LinkTestResult } from '../../assembly/abi/link.js';
import { BoardLink } from '../../src/drivers/serial/board_link.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { type Block, readBlock } from './board_test.js';

const CONNECT_MS = 30_000;
const PIECE = LINK_PAYLOAD_MAX - Math.max(LinkCall.SIZE, LinkResult.SIZE) - 8;
const TWO_32 = 2 ** 32;

export interface Counted {
  readonly status: number;
  readonly instructions: number;
  readonly timeNs: number;
}

const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * i);
  return bytes;
};

export class BoardRunner {
  private constructor(readonly link: BoardLink) {}

  static async start(board: string, options: { counted?: boolean } = {}): Promise<BoardRunner> {
    const nets = [{ kind: 'user' as const }];
    const link = new BoardLink({ kind: 'qemu', board, nets }, {}, async () => {
      const started = await VirtualBoard.start({ board, nets, ...options });
      return { stream: started.serial, board: started, close: () => started.close() };
    });
    link.start();
    try {
      await link.connected(CONNECT_MS);
    } catch (error) {
      await link.close();
      throw error;
    }
    return new BoardRunner(link);
  }

  async run(op: BoardTestOp, a = 0, b = 0, c = 0): Promise<Counted> {
    const what = `${BoardTestOp[op]} ${a}`;
    const { status, data } = await this.link.call(LinkOp.TEST_RUN, words(op, a, b, c), what);
    const u64 = (at: LinkTestResult): number => data.readUInt32LE(at + 4) * TWO_32 + data.readUInt32LE(at);
    return { status, instructions: u64(LinkTestResult.INSTRUCTIONS), timeNs: u64(LinkTestResult.TIME) };
  }

  async peek(at: number, bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let done = 0; done < bytes; done += PIECE) {
      const n = Math.min(PIECE, bytes - done);
      parts.push((await this.link.call(LinkOp.CORE_PEEK, words(at + done, n), 'peek')).data);
    }
    return Buffer.concat(parts);
  }

  async poke(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; done += PIECE) {
      const piece = bytes.subarray(done, done + PIECE);
      await this.link.call(LinkOp.CORE_POKE, Buffer.concat([words(at + done), piece]), 'poke');
    }
  }

  async block(seed: number, from = 0): Promise<Block> {
    await this.run(BoardTestOp.BLOCK, seed, 0, from);
    return readBlock(await this.peek(BOARD_TEST_RESULT, BoardTestResult.SIZE));
  }

  /** The whole log of a block. */
  async log(seed: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let from = 0; ; from += BOARD_TEST_LOG_BYTES) {
      const { logBytes } = await this.block(seed, from);
      if (from >= logBytes) return Buffer.concat(parts);
      parts.push(await this.peek(BOARD_TEST_LOG, Math.min(BOARD_TEST_LOG_BYTES, logBytes - from)));
    }
  }

  close(): Promise<void> {
    return this.link.close();
  }
}
