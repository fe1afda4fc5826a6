/**
 * The core on a board, as calls over the line (firmware/link/README.md, "The core on a board"): memory that is looked at
 * and written to, and requests that are done exactly once.
 *
 * A call whose session ended meanwhile is said again in the next one. Looking and writing may happen twice; a request
 * has a number that the board keeps, so one that it had handled already is only answered. When the board has started
 * again meanwhile its core is gone, and that is the error.
 */
import { InitConfig, LAYOUT_VERSION } from '../../assembly/abi/layout.js';
import {
  LINK_PAYLOAD_MAX,
  LinkCall,
  LinkCoreRequest,
  LinkCoreRun,
  LinkCoreState,
  LinkMode,
  LinkOp,
  LinkResult,
} from '../../assembly/abi/link.js';
import { BoardLink } from '../drivers/serial/board_link.js';
import type { CallResult } from '../drivers/serial/link_calls.js';
import type { BoardInfo } from '../drivers/serial/link_messages.js';
import type { LinkEvents } from '../drivers/serial/link_session.js';
import type { SerialSpec } from '../drivers/serial/serial_spec.js';
import { NetError } from '../net_error.js';

const CONNECT_MS = 5000;
/** So long a call waits for a session that went. */
const RECONNECT_MS = 10_000;
const DATA_MAX = LINK_PAYLOAD_MAX - LinkCall.SIZE;
const PEEK_MAX = LINK_PAYLOAD_MAX - LinkResult.SIZE;
const POKE_MAX = DATA_MAX - 4;
const INLINE_MAX = DATA_MAX - LinkCoreRequest.SIZE;
const NOTHING = new Uint8Array(0);

export interface CoreState {
  readonly run: 'none' | 'running' | 'trapped';
  readonly layoutVersion: number;
  /** What a core can have on this board. */
  readonly memoryBytes: number;
  /** Address of the status block. */
  readonly status: number;
  readonly request: number;
  readonly trap: number;
  /** Beginning of the SHA-256 of what the core was made of. */
  readonly build: string;
  readonly tag: Buffer;
  /** The InitConfig of the core that is there. */
  readonly init: Buffer;
}

const RUNS: Record<number, CoreState['run']> = {
  [LinkCoreRun.NONE]: 'none',
  [LinkCoreRun.RUNNING]: 'running',
  [LinkCoreRun.TRAPPED]: 'trapped',
};

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * i);
  return bytes;
}

/** The session ended, and the call with it: not something that the board said. */
const linkLost = (error: unknown): boolean =>
  error instanceof NetError && (error.cause instanceof NetError || error.code === 'ENOTCONN');

export class BoardCore {
  private working: Promise<unknown> = Promise.resolve();
  private number = 0;

  private constructor(
    readonly link: BoardLink,
    readonly board: BoardInfo,
  ) {}

  /** Connects and puts the board into core mode, in which a core that runs there goes on. */
  static async connect(spec: SerialSpec, events: Partial<LinkEvents>): Promise<BoardCore> {
    const link = new BoardLink(spec, events);
    link.start();
    try {
      const board = await link.connected(CONNECT_MS);
      const core = new BoardCore(link, board);
      if (board.mode !== LinkMode.CORE) await core.call(LinkOp.MODE, words(LinkMode.CORE), 'core mode');
      const state = await core.state();
      if (state.layoutVersion !== LAYOUT_VERSION)
        throw new NetError(
          'EPROTONOSUPPORT',
          `the core in the image of ${board.name} has layout ${state.layoutVersion}, this host ${LAYOUT_VERSION}: its image has to be of this build`,
        );
      core.number = state.request;
      return core;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  async state(): Promise<CoreState> {
    const { data } = await this.call(LinkOp.CORE_STATE, NOTHING, 'state of the core');
    return {
      run: RUNS[data.readUInt32LE(LinkCoreState.RUN)] ?? 'none',
      layoutVersion: data.readUInt32LE(LinkCoreState.LAYOUT_VERSION),
      memoryBytes: data.readUInt32LE(LinkCoreState.MEMORY_BYTES),
      status: data.readUInt32LE(LinkCoreState.STATUS),
      request: data.readUInt32LE(LinkCoreState.REQUEST),
      trap: data.readUInt32LE(LinkCoreState.TRAP),
      build: data.toString('hex', LinkCoreState.BUILD, LinkCoreState.TAG),
      tag: data.subarray(LinkCoreState.TAG, LinkCoreState.INIT),
      init: data.subarray(LinkCoreState.INIT, LinkCoreState.INIT + InitConfig.SIZE),
    };
  }

  /** A new, empty core; one that was there is gone. */
  async init(config: Uint8Array): Promise<void> {
    await this.call(LinkOp.CORE_INIT, config, 'core of these sizes');
    this.number = 0;
  }

  /** Kept by the board as long as this core is there. */
  async setTag(tag: Uint8Array): Promise<void> {
    await this.call(LinkOp.CORE_TAG, tag, 'tag');
  }

  /** `port`: of the board, LINK_LINE_PORT and up, or LINK_PORT_NONE. */
  async bind(handle: number, port: number): Promise<void> {
    await this.call(LinkOp.CORE_PORT, words(handle, port), `port ${port} of the board`);
  }

  async freeze(still: boolean): Promise<void> {
    await this.call(LinkOp.CORE_FREEZE, words(still ? 1 : 0), 'freeze');
  }

  /** What was written into an initialised core's memory is a core's state: taken over as a snapshot is. */
  async attach(): Promise<void> {
    await this.call(LinkOp.CORE_ATTACH, NOTHING, 'attach');
  }

  async read(at: number, bytes: number): Promise<Buffer> {
    const all = Buffer.alloc(bytes);
    for (let done = 0; done < bytes; ) {
      const n = Math.min(PEEK_MAX, bytes - done);
      const { data } = await this.call(LinkOp.CORE_PEEK, words(at + done, n), 'memory of the core');
      all.set(data, done);
      done += n;
    }
    return all;
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; done += POKE_MAX) {
      const part = Buffer.concat([words(at + done), bytes.subarray(done, done + POKE_MAX)]);
      await this.call(LinkOp.CORE_POKE, part, 'memory of the core');
    }
  }

  writeWord(at: number, value: number): Promise<void> {
    return this.write(at, words(value));
  }

  /** Extents of memory that are state and not all zeros. */
  async used(): Promise<[at: number, bytes: number][]> {
    const extents: [number, number][] = [];
    for (let from = 0; ; ) {
      const { status, data } = await this.call(LinkOp.CORE_USED, words(from), 'used memory');
      if (status === 0) return extents;
      for (let i = 0; i < status; i++) extents.push([data.readUInt32LE(8 * i), data.readUInt32LE(8 * i + 4)]);
      const [at, bytes] = extents.at(-1)!;
      from = at + bytes;
    }
  }

  /**
   * Handles the messages at once; resolves with the request area as answered. They are done once or, when this rejects
   * with ETIMEDOUT, perhaps; one after the other.
   */
  request(area: number, messages: Uint8Array, what: string): Promise<Buffer> {
    const done = this.working.then(() => this.once(area, messages, what));
    this.working = done.catch(() => undefined);
    return done;
  }

  private async once(area: number, messages: Uint8Array, what: string): Promise<Buffer> {
    this.number = (this.number % 0xffffffff) + 1;
    let filled = messages.length;
    while (filled > 0 && messages[filled - 1] === 0) filled--;
    const inlined = Math.min(filled, INLINE_MAX);
    const head = words(this.number, messages.length, filled, 0);
    const first = Buffer.concat([head, messages.subarray(filled - inlined, filled)]);
    const poked = messages.subarray(0, filled - inlined);
    const result = await this.attempt(async (again) => {
      // It may have been done in a session that ended before the answer came.
      const handled = again && (await this.link.call(LinkOp.CORE_STATE, NOTHING, what)).data;
      if (handled && handled.readUInt32LE(LinkCoreState.REQUEST) === this.number)
        return await this.link.call(LinkOp.CORE_REQUEST, head, what);
      for (let at = 0; at < poked.length; at += POKE_MAX) {
        const part = Buffer.concat([words(area + at), poked.subarray(at, at + POKE_MAX)]);
        await this.link.call(LinkOp.CORE_POKE, part, what);
      }
      return await this.link.call(LinkOp.CORE_REQUEST, first, what);
    }, what);
    const answer = Buffer.alloc(messages.length);
    answer.set(result.data);
    const rest = result.status - result.data.length;
    if (rest > 0) answer.set(await this.read(area + result.data.length, rest), result.data.length);
    return answer;
  }

  /** A call that does no harm when it is done twice. */
  call(op: LinkOp, data: Uint8Array, what: string): Promise<CallResult> {
    return this.attempt(() => this.link.call(op, data, what), what);
  }

  private async attempt(call: (again: boolean) => Promise<CallResult>, what: string): Promise<CallResult> {
    const end = performance.now() + RECONNECT_MS;
    for (let again = false; ; again = true) {
      try {
        return await call(again);
      } catch (error) {
        if (!linkLost(error) || performance.now() >= end) throw error;
        const { bootId, name } = await this.link
          .connected(end - performance.now())
          .catch((cause: unknown) => {
            const code = cause instanceof NetError ? cause.code : 'EIO';
            throw new NetError(code, `${(error as Error).message}, and no session with it since`, { cause });
          });
        if (bootId !== this.board.bootId)
          throw new NetError('ECONNRESET', `${what}: the board ${name} started again, its core is gone`);
      }
    }
  }

  async close(): Promise<void> {
    await this.link.close();
  }
}
