/**
 * Bytes that JavaScript allocates while something runs, those collected in the meantime included.
 *
 * V8's "used heap" follows the allocation pointers, so between two garbage collections its growth is exactly what was
 * allocated. The work is done in steps with a reading before and after each; what the readings themselves allocate is
 * known from steps without work. A step in which a collection ran shrinks the heap and would hide something: it is
 * done again.
 */
import { PerformanceObserver } from 'node:perf_hooks';

const REPEATS_MAX = 50;

export interface Allocated {
  readonly bytes: number;
  /** Steps that were done again because a collection ran in them. */
  readonly repeated: number;
}

/** Runs `step` `steps` times, warmed up by the caller. */
export async function allocatedBytes(steps: number, step: () => void): Promise<Allocated> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run node with --expose-gc');
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  try {
    collect();
    const own = Math.min(...Array.from({ length: 20 }, () => measure(() => {})));
    let bytes = 0;
    let repeated = 0;
    for (let done = 0; done < steps; ) {
      const grown = measure(step) - own;
      // Entries of the observer come by the event loop.
      const before = collections;
      await new Promise((next) => setImmediate(next));
      if (grown < 0 || collections !== before) {
        if (++repeated > REPEATS_MAX) throw new Error('garbage collections leave no step undisturbed');
        continue;
      }
      bytes += grown;
      done++;
    }
    return { bytes, repeated };
  } finally {
    observer.disconnect();
  }
}

function measure(step: () => void): number {
  const before = process.memoryUsage().heapUsed;
  step();
  return process.memoryUsage().heapUsed - before;
}
