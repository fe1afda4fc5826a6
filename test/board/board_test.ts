/** assembly/board_test in Node, on a core of either build: what a board does, here. */
import {
  BOARD_TEST_END,
  BOARD_TEST_LOG,
  BOARD_TEST_LOG_BYTES,
  BOARD_TEST_NAME_MAX,
  BOARD_TEST_RESULT,
  BoardTestKind,
  BoardTestLog,
  BoardTestOp,
  BoardTestResult,
} from '../../assembly/abi/board_test.js';
import { moduleOf } from '../../src/core/instance.js';

const PAGE_BYTES = 65536;

export interface Block {
  readonly hash: string;
  readonly logBytes: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly drops: number;
  readonly lost: number;
  readonly forwarded: number;
  readonly connections: number;
  readonly deliveries: number;
  readonly refused: number;
}

/** The result record, wherever it came from. */
export function readBlock(bytes: Uint8Array): Block {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: BoardTestResult): number => view.getUint32(at, true);
  return {
    hash: view.getBigUint64(BoardTestResult.HASH, true).toString(16).padStart(16, '0'),
    logBytes: u32(BoardTestResult.LOG_BYTES),
    framesIn: u32(BoardTestResult.FRAMES_IN),
    framesOut: u32(BoardTestResult.FRAMES_OUT),
    drops: u32(BoardTestResult.DROPS),
    lost: u32(BoardTestResult.LOST),
    forwarded: u32(BoardTestResult.FORWARDED),
    connections: u32(BoardTestResult.CONNECTIONS),
    deliveries: u32(BoardTestResult.DELIVERIES),
    refused: u32(BoardTestResult.REFUSED),
  };
}

interface BoardTestExports {
  run(op: BoardTestOp, a: number, b: number, c: number): number;
}

export class BoardTest {
  private constructor(
    private readonly exports: BoardTestExports,
    readonly u8: Uint8Array,
  ) {}

  static async create(scalar: boolean): Promise<BoardTest> {
    const suffix = scalar ? '.scalar.wasm' : '.wasm';
    const pages = BOARD_TEST_END / PAGE_BYTES;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: !scalar });
    const abort = (_message: number, _file: number, line: number, column: number): never => {
      throw new Error(`aborted at ${line}:${column}`);
    };
    const core = await WebAssembly.instantiate(await moduleOf(`core${suffix}`), { env: { memory, abort } });
    const test = await WebAssembly.instantiate(await moduleOf(`board_test${suffix}`), {
      env: { memory, abort },
      core: core.exports,
    });
    return new BoardTest(test.exports as unknown as BoardTestExports, new Uint8Array(memory.buffer));
  }

  run(op: BoardTestOp, a = 0, b = 0, c = 0): number {
    return this.exports.run(op, a, b, c);
  }

  /** Name and outcome of a vector; undefined behind the last. */
  vector(n: number): { name: string; passed: boolean } | undefined {
    const status = this.run(BoardTestOp.VECTOR, n);
    if (status < 0) return undefined;
    const name = Buffer.from(this.u8.slice(BOARD_TEST_RESULT, BOARD_TEST_RESULT + BOARD_TEST_NAME_MAX));
    return { name: name.subarray(0, name.indexOf(0)).toString(), passed: status === 1 };
  }

  block(seed: number, from = 0): Block {
    const err = this.run(BoardTestOp.BLOCK, seed, 0, from);
    if (err !== 0) throw new Error(`block ${seed}: ${err}`);
    return readBlock(this.u8.slice(BOARD_TEST_RESULT, BOARD_TEST_RESULT + BoardTestResult.SIZE));
  }

  /** The whole log of a block. */
  log(seed: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let from = 0; ; from += BOARD_TEST_LOG_BYTES) {
      const { logBytes } = this.block(seed, from);
      if (from >= logBytes) return Buffer.concat(parts);
      const n = Math.min(BOARD_TEST_LOG_BYTES, logBytes - from);
      parts.push(this.u8.slice(BOARD_TEST_LOG, BOARD_TEST_LOG + n));
    }
  }
}

export interface LogRecord {
  readonly kind: BoardTestKind;
  readonly a: number;
  readonly b: number;
  readonly data: Buffer;
}

export function* readLog(log: Uint8Array): Generator<LogRecord> {
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  for (let at = 0; at + BoardTestLog.SIZE <= log.length; ) {
    const len = view.getUint32(at + BoardTestLog.LEN, true);
    const begin = at + BoardTestLog.SIZE;
    yield {
      kind: view.getUint32(at, true),
      a: view.getUint32(at + BoardTestLog.A, true),
      b: view.getInt32(at + BoardTestLog.B, true),
      data: Buffer.from(log.subarray(begin, begin + len)),
    };
    at = begin + ((len + 3) & ~3);
  }
}

/** Where two logs part, with the frame that came before it, for somebody who has to understand it. */
export function firstDifference(one: Uint8Array, other: Uint8Array): string {
  const text = ({ kind, a, b, data }: LogRecord): string =>
    `${BoardTestKind[kind] ?? kind} ${a} ${b} ${data.toString('hex')}`;
  const others = readLog(other);
  let input = 'the configuration';
  let n = 0;
  for (const record of readLog(one)) {
    const against = others.next();
    const [here, there] = [text(record), against.done === true ? 'nothing' : text(against.value)];
    if (here !== there) return `record ${n}, behind ${input}:\n  ${here}\n  ${there}`;
    if (record.kind === BoardTestKind.IN) input = here;
    n++;
  }
  const rest = others.next();
  return rest.done === true ? 'none' : `record ${n}, behind ${input}:\n  nothing\n  ${text(rest.value)}`;
}
