/**
 * Plays captures into the ports of a core with a virtual clock:
 *
 *   inputs ─ merged by time ─► batch of ReplayFrame ─► replay module ─┬► outputs, drops
 *                                                                    └► questions (ARP, ND) ─► answers
 *
 * The clock counts from midnight (UT) before the first frame, so that what tells the time of day tells that of the
 * capture. A frame earlier than the one before it is played at the time of that one.
 */
import { Status } from '../../assembly/abi/layout.js';
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import {
  REPLAY_SOLICITS_MAX,
  ReplayCtx,
  ReplayFrame,
  ReplayPort,
  STOP_DONE,
  STOP_SOLICIT,
} from '../../assembly/abi/replay.js';
import type { CoreInstance } from '../core/instance.js';
import type { ReplayExports } from '../core/replay_module.js';
import { earliest, type ReplayInput } from './input.js';
import type { ReplayOutput } from './output.js';
import type { MemoryWindow } from './window.js';

const BATCH = 4096;
const WORDS = ReplayFrame.SIZE >> 2;
const DAY_S = 86_400;
const TWO_32 = 2 ** 32;
const DEVICES_MAX = 128;
const ANSWER_BYTES = 128;

export interface PlayerPort {
  readonly name: string;
  readonly handle: number;
  /** Address of its rings. */
  readonly rings: number;
  readonly output: ReplayOutput;
}

/** Answers an ARP request or a neighbour solicitation that left by a port; undefined: nobody does. */
export type Answer = (port: number, frame: Uint8Array) => Uint8Array | undefined;

export interface PlayerOptions {
  readonly ports: readonly PlayerPort[];
  readonly inputs: readonly ReplayInput[];
  readonly drops: ReplayOutput;
  /** Interface in the file of drops, by device handle. */
  readonly dropInterfaces: ReadonlyMap<number, number>;
  readonly answer?: Answer;
  /** Address of the trace ring. */
  readonly trace: number;
  /** Seconds since 1970 at which the clock stands at zero. */
  readonly baseSeconds: number;
}

/** Up to where to play: a time of the core's clock (ns), a number of frames; all frames when both are left out. */
export interface Until {
  readonly ns?: number;
  readonly frame?: number;
}

export class Player {
  /** Number of the last frame handed to the core, in the order of time over all inputs. */
  frame = 0;
  answers = 0;
  private readonly ctx: number;
  private readonly batch: number;
  private readonly answerAt: number;
  private waiting = 0;
  /** Clock of the last frame, ns. */
  lastNs = 0;

  constructor(
    private readonly core: CoreInstance,
    private readonly module: ReplayExports,
    window: MemoryWindow,
    private readonly options: PlayerOptions,
  ) {
    const { view } = core;
    const { ports, drops, dropInterfaces, trace, baseSeconds } = options;
    this.ctx = window.take(ReplayCtx.SIZE);
    this.batch = window.take(BATCH * ReplayFrame.SIZE);
    this.answerAt = window.take(ANSWER_BYTES);
    const put = (field: number, value: number) => view.setUint32(this.ctx + field, value, true);
    put(ReplayCtx.STATUS, core.exports.status());
    put(ReplayCtx.BATCH, this.batch);
    put(ReplayCtx.TRACE, trace);
    put(ReplayCtx.ASK, options.answer === undefined ? 0 : 1);
    put(ReplayCtx.SOLICIT_LIST, window.take(REPLAY_SOLICITS_MAX * 12));
    view.setBigUint64(this.ctx + ReplayCtx.BASE, BigInt(baseSeconds) * 1_000_000_000n, true);
    const portsAt = window.take(ports.length * ReplayPort.SIZE);
    put(ReplayCtx.PORTS, portsAt);
    put(ReplayCtx.PORT_COUNT, ports.length);
    for (const [i, { handle, rings, output }] of ports.entries()) {
      const at = portsAt + i * ReplayPort.SIZE;
      view.setUint32(at + ReplayPort.HANDLE, handle, true);
      view.setUint32(at + ReplayPort.RINGS, rings, true);
      view.setUint32(at + ReplayPort.OUT, output.address, true);
    }
    put(ReplayCtx.DROPS, drops.address);
    const interfaces = window.take(DEVICES_MAX * 4);
    for (const [handle, id] of dropInterfaces) view.setUint32(interfaces + handle * 4, id, true);
    put(ReplayCtx.DROP_INTERFACES, interfaces);
    put(ReplayCtx.REASONS, this.placeReasons(window));
  }

  private placeReasons(window: MemoryWindow): number {
    const { view } = this.core;
    const table = window.take(SkbDropReason.MAX * 8);
    const text = new TextEncoder();
    for (let reason = 0; reason < SkbDropReason.MAX; reason++) {
      const words = text.encode(`dropped: ${SkbDropReason[reason] ?? reason}`);
      view.setUint32(table + reason * 8, window.place(words), true);
      view.setUint32(table + reason * 8 + 4, words.length, true);
    }
    return table;
  }

  /** The core's clock, ns. */
  get now(): number {
    const at = this.core.exports.status() + Status.NOW;
    return this.core.view.getUint32(at + 4, true) * TWO_32 + this.core.view.getUint32(at, true);
  }

  /** When the next timer is due, ns; Infinity when none is. */
  get deadline(): number {
    const at = this.core.exports.status() + Status.NEXT_DEADLINE;
    const high = this.core.view.getUint32(at + 4, true);
    return high === 0xffffffff ? Infinity : high * TWO_32 + this.core.view.getUint32(at, true);
  }

  /** ns of the core's clock for a time since 1970. */
  clockOf(seconds: number, nanoseconds: number): number {
    return (seconds - this.options.baseSeconds) * 1e9 + nanoseconds;
  }

  /** Plays up to `until`, `most` frames at a time. True when it is to be called again. */
  play(until: Until, most: number): boolean {
    const { inputs } = this.options;
    const lastFrame = until.frame ?? Infinity;
    const lastNs = until.ns ?? Infinity;
    const u32 = this.core.u32;
    for (let played = 0; this.frame < lastFrame; played++) {
      if (played === most) {
        this.work();
        return true;
      }
      const input = inputs.length === 1 ? inputs[0]! : earliest(inputs);
      const record = input?.record;
      if (input === undefined || record === undefined) break;
      const ns = Math.max(this.clockOf(record.seconds, record.nanoseconds), this.lastNs);
      if (ns > lastNs) break;
      this.lastNs = ns;
      this.frame = this.numberOf(input);
      const high = Math.floor(ns / TWO_32);
      const at = (this.batch >>> 2) + this.waiting * WORDS;
      u32[at] = ns - high * TWO_32;
      u32[at + 1] = high;
      u32[at + 2] = record.bytes.byteOffset + record.at;
      u32[at + 3] = record.length;
      u32[at + 4] = input.port;
      u32[at + 5] = this.frame;
      this.waiting++;
      // Moving on may overwrite the bytes of what waits: then the input has it played first.
      input.advance();
      if (this.waiting === BATCH) this.work();
    }
    this.work();
    if (until.ns !== undefined) this.runTimers(until.ns);
    return false;
  }

  /** With one input its own number, as Wireshark shows it; with several the place in the order of time. */
  private numberOf(input: ReplayInput): number {
    if (this.options.inputs.length === 1) return input.frames;
    return this.frame + 1;
  }

  /** Plays what waits in the batch. */
  work(): void {
    this.run(this.waiting, 0);
    this.waiting = 0;
  }

  /** Lets timers up to `ns` run. */
  runTimers(ns: number): void {
    this.run(0, ns);
  }

  private run(count: number, limitNs: number): void {
    const { view } = this.core;
    const { ctx } = this;
    const high = Math.floor(limitNs / TWO_32);
    view.setUint32(ctx + ReplayCtx.COUNT, count, true);
    view.setUint32(ctx + ReplayCtx.NEXT, 0, true);
    view.setUint32(ctx + ReplayCtx.LIMIT, limitNs - high * TWO_32, true);
    view.setUint32(ctx + ReplayCtx.LIMIT + 4, high, true);
    for (;;) {
      const stop = this.module.run(ctx);
      if (stop === STOP_DONE) return;
      if (stop === STOP_SOLICIT) this.answerAll();
      else this.flush();
    }
  }

  private answerAll(): void {
    const { view, u8 } = this.core;
    const { ctx } = this;
    const count = view.getUint32(ctx + ReplayCtx.SOLICITS, true);
    const list = view.getUint32(ctx + ReplayCtx.SOLICIT_LIST, true);
    view.setUint32(ctx + ReplayCtx.SOLICITS, 0, true);
    const answers: [number, Uint8Array][] = [];
    for (let i = 0; i < count; i++) {
      const port = view.getUint32(list + i * 12, true);
      const at = view.getUint32(list + i * 12 + 4, true);
      const answer = this.options.answer?.(
        port,
        u8.subarray(at, at + view.getUint32(list + i * 12 + 8, true)),
      );
      if (answer !== undefined) answers.push([port, answer]);
    }
    for (const [port, answer] of answers) {
      u8.set(answer, this.answerAt);
      this.module.inject(ctx, port, this.answerAt, answer.length);
      this.answers++;
    }
  }

  /** From now on the host reads the trace ring. */
  keepTrace(): void {
    this.core.view.setUint32(this.ctx + ReplayCtx.KEEP_TRACE, 1, true);
  }

  flush(): void {
    for (const { output } of this.options.ports) output.flush();
    this.options.drops.flush();
  }
}

/** Midnight (UT) before a time since 1970. */
export function midnight(seconds: number): number {
  return Math.floor(seconds / DAY_S) * DAY_S;
}
