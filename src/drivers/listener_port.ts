/** Middleware: frames for whoever listens, both ways. While nobody does it costs one test a burst. */
import type { Direction } from './capture.js';
import { Observer } from './middleware.js';

/** `frame` is valid only during the call. */
export type FrameListener = (direction: Direction, frame: Uint8Array) => void;

export class ListenerPort extends Observer {
  private readonly listeners = new Set<FrameListener>();

  /** Returns how to stop. */
  listen(listener: FrameListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  override rxBurst(max: number): number {
    return this.listeners.size === 0 ? this.inner.rxBurst(max) : super.rxBurst(max);
  }

  override txBurst(): number {
    return this.listeners.size === 0 ? this.inner.txBurst() : super.txBurst();
  }

  protected override seen(direction: Direction, frame: Uint8Array): void {
    for (const listener of this.listeners) listener(direction, frame);
  }
}
