/**
 * Waits in Node's event loop until a descriptor is readable or writable (koffi.node.poll, a uv_poll_t). One event per
 * want(): after it the watch rests until wanted again.
 *
 * Starting and stopping costs two system calls, so a rest is lazy: the poll goes on, and is stopped only when an event
 * comes that nobody wants. A loop that wants again after every burst never stops it.
 */
import type { node } from 'koffi';

export type FdEvents = 'readable' | 'writable' | 'error';

type PollHandle = node.PollHandle;
/** koffi's declaration lacks the status: 0, or a negative errno after which the poll is stopped. */
type PollCallback = (status: number, events: node.PollEvents) => void;

export class FdWatch {
  /** Kept: koffi's finalizer closes a handle that nobody holds, silently. */
  private handle: PollHandle | undefined;
  private wantRead = false;
  private wantWrite = false;
  /** What the running poll asks for. */
  private polling: '' | 'r' | 'w' | 'rw' = '';

  constructor(
    private readonly koffi: typeof import('koffi'),
    private readonly fd: number,
    private readonly onEvent: (event: FdEvents) => void,
  ) {}

  /** One 'readable' (or 'writable') from now on; both may be wanted at once. */
  want(readable: boolean, writable: boolean): void {
    this.wantRead ||= readable;
    this.wantWrite ||= writable;
    const both = this.wantWrite ? (this.wantRead ? 'rw' : 'w') : 'r';
    if (this.polling === 'rw' || this.polling === both) return;
    this.start(both);
  }

  /** No 'readable' any more. */
  unwantRead(): void {
    this.wantRead = false;
  }

  /** No event comes after this; the descriptor is still open. */
  close(): void {
    this.wantRead = false;
    this.wantWrite = false;
    this.polling = '';
    this.handle?.close();
    this.handle = undefined;
  }

  private start(events: 'r' | 'w' | 'rw'): void {
    this.polling = events;
    const options = { readable: events !== 'w', writable: events !== 'r' };
    const callback: PollCallback = (status, seen) => this.seen(status, seen);
    const declared = callback as unknown as (events: node.PollEvents) => void;
    if (this.handle === undefined) this.handle = this.koffi.node.poll(this.fd, options, declared);
    else this.handle.start(options, declared);
  }

  private seen(status: number, events: node.PollEvents): void {
    if (status < 0) {
      this.polling = '';
      this.wantRead = false;
      this.wantWrite = false;
      this.onEvent('error');
      return;
    }
    const read = events.readable && this.wantRead;
    const write = events.writable && this.wantWrite;
    if (read) this.wantRead = false;
    if (write) this.wantWrite = false;
    if (write) this.onEvent('writable');
    if (read) this.onEvent('readable');
    if (!read && !write) this.rest();
  }

  /** An event that nobody wants: poll for what is wanted, or not at all. */
  private rest(): void {
    this.handle?.stop();
    this.polling = '';
    if (this.wantRead || this.wantWrite) this.want(false, false);
  }
}
