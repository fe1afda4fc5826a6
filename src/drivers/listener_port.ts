/**
 * Middleware: frames for whoever listens, both ways. While nobody does it costs one test a burst. Of a port whose
 * receive ring the core reads by itself only what is sent is seen here; the core tells the rest (services/trace_feed).
 */
import type { Direction } from './capture.js';
import type { PortNotify, PortRings } from './driver.js';
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

  get mapped(): boolean | undefined {
    return this.inner.mapped;
  }

  get queues(): number | undefined {
    return this.inner.queues;
  }

  override attach(rings: PortRings, notify: PortNotify): void {
    if (this.mapped !== true) {
      super.attach(rings, notify);
      return;
    }
    this.rings = rings;
    this.inner.attach(rings, notify);
  }

  override rxBurst(max: number, queue?: number): number {
    if (this.listeners.size === 0 || this.mapped === true) return this.inner.rxBurst(max, queue);
    return super.rxBurst(max);
  }

  override txBurst(): number {
    return this.listeners.size === 0 ? this.inner.txBurst() : super.txBurst();
  }

  protected override seen(direction: Direction, frame: Uint8Array): void {
    for (const listener of this.listeners) listener(direction, frame);
  }
}
