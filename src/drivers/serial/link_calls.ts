/**
 * Calls of the host to the board: one at a time, said again every 250 ms until its result comes. The board answers the
 * same ID again without doing it again, so a call that was answered was done exactly once; one whose session ended may
 * or may not have been done, and is refused with why the session ended.
 */
import { LinkCall, type LinkOp, LinkResult } from '../../../assembly/abi/link.js';
import { errnoName } from '../../sys/errno.js';
import { NetError } from '../../net_error.js';

const AGAIN_MS = 250;

export interface CallResult {
  /** 0 or more, what the op says. */
  readonly status: number;
  readonly data: Buffer;
}

interface Pending {
  readonly payload: Buffer;
  readonly what: string;
  resolve(result: CallResult): void;
  reject(error: Error): void;
}

export class LinkCalls {
  private readonly waiting: Pending[] = [];
  private id = 0;
  private saidAt = Number.NEGATIVE_INFINITY;
  private open = false;

  constructor(private readonly say: (payload: Buffer) => boolean) {}

  /** Rejects with the board's errno, or with why the session ended. `data` belongs to the call from now on. */
  call(op: LinkOp, data: Uint8Array, what: string, nowMs: number): Promise<CallResult> {
    if (!this.open)
      return Promise.reject(new NetError('ENOTCONN', `${what}: there is no session with the board`));
    this.id = (this.id % 0xffffffff) + 1;
    const payload = Buffer.alloc(LinkCall.SIZE + data.length);
    payload.writeUInt32LE(this.id, LinkCall.ID);
    payload.writeUInt16LE(op, LinkCall.OP);
    payload.set(data, LinkCall.SIZE);
    return new Promise((resolve, reject) => {
      this.waiting.push({ payload, what, resolve, reject });
      if (this.waiting.length === 1) this.next(nowMs);
    });
  }

  begin(nowMs: number): void {
    this.open = true;
    this.next(nowMs);
  }

  end(why: NetError): void {
    this.open = false;
    for (const { what, reject } of this.waiting.splice(0)) {
      reject(new NetError(why.code, `${what}: ${why.message}`, { cause: why }));
    }
  }

  /** Says the first one again when it is time, or for the first time when credit came. */
  tick(nowMs: number): void {
    const [first] = this.waiting;
    if (first === undefined || nowMs - this.saidAt < AGAIN_MS) return;
    if (this.say(first.payload)) this.saidAt = nowMs;
  }

  result(payload: Buffer, nowMs: number): void {
    const [first] = this.waiting;
    if (payload.length < LinkResult.SIZE || first === undefined) return;
    // One that was said again is answered again.
    if (payload.readUInt32LE(LinkResult.ID) !== first.payload.readUInt32LE(LinkCall.ID)) return;
    this.waiting.shift();
    const status = payload.readInt32LE(LinkResult.STATUS);
    if (status < 0)
      first.reject(new NetError(errnoName(-status), `${first.what}: the board says ${errnoName(-status)}`));
    else first.resolve({ status, data: Buffer.from(payload.subarray(LinkResult.SIZE)) });
    this.next(nowMs);
  }

  private next(nowMs: number): void {
    this.saidAt = Number.NEGATIVE_INFINITY;
    this.tick(nowMs);
  }
}
